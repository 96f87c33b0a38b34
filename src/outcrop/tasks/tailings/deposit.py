"""A tailings deposit as the audit and the comparison of dates know it: outlines on the ellipsoid, and an area.

Distances use a plane laid at the deposit: degrees become metres by the two radii of curvature of WGS84 at its
latitude (Snyder 1987, USGS Professional Paper 1395, equations 4-18 to 4-20). Within 20 km of the deposit the error is
below 0.4 % up to latitude 60°; further away the figure only says "far".
"""

import datetime
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from outcrop.core.estimate import Estimate

Ring = NDArray[np.float64]
"""(n, 2) longitude, latitude in degrees; open or closed."""

Part = tuple[Ring, tuple[Ring, ...]]
"""One polygon: its exterior and its holes."""

Place = tuple[float, float, float, float] | Part
"""What was observed, piece by piece: (west, south, east, north) in degrees, or an outline."""

SEMI_MAJOR = 6_378_137.0
"""Of WGS84, m."""
ECCENTRICITY_SQUARED = 6.69437999014e-3
"""Of WGS84."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Deposit:
    """One deposit seen at one date.

    Attributes:
        parts: its polygons, longitude and latitude in degrees (WGS84).
        area: measured on the ellipsoid, in m².
        centroid: (longitude, latitude) in degrees.
        date: when it was seen, None when unknown.
        touches_edge: it goes on outside what was observed, so its area is a lower bound.
        attributes: plain facts, e.g. {"clear_looks": 14, "product": "S2A_..."}.
    """

    id: str
    parts: tuple[Part, ...]
    area: Estimate
    centroid: tuple[float, float]
    date: datetime.date | None = None
    touches_edge: bool = False
    attributes: Mapping[str, Any] = field(default_factory=dict)


def metres_per_degree(latitude: float) -> tuple[float, float]:
    """Length of one degree of (longitude, latitude) in m on WGS84, at a latitude in degrees.

    >>> [round(v) for v in metres_per_degree(0.0)], [round(v) for v in metres_per_degree(-20.0)]
    ([111319, 110574], [104647, 110704])
    """
    sine, cosine = np.sin(np.radians(latitude)), np.cos(np.radians(latitude))
    bulge = 1.0 - ECCENTRICITY_SQUARED * sine**2
    across = SEMI_MAJOR / np.sqrt(bulge)
    along = SEMI_MAJOR * (1.0 - ECCENTRICITY_SQUARED) / bulge**1.5
    return float(np.radians(across * cosine)), float(np.radians(along))


def turned(longitude: NDArray[np.float64] | float, about: float) -> NDArray[np.float64]:
    """Longitudes within 180° of ``about``, so that nothing is torn apart at the date line."""
    return np.asarray(about + (np.asarray(longitude, float) - about + 180.0) % 360.0 - 180.0)


def outline(parts: Sequence[Part], about: tuple[float, float], scale: tuple[float, float] = (1.0, 1.0)) -> Any:
    """The parts as one valid shapely geometry.

    Args:
        about: (longitude, latitude) in degrees that becomes the origin; longitudes are turned to its side.
        scale: how long a degree of longitude and of latitude becomes.
    """
    import shapely

    def moved(ring: Ring) -> Ring:
        return np.column_stack([turned(ring[:, 0], about[0]) - about[0], ring[:, 1] - about[1]]) * scale

    shapes = [shapely.Polygon(moved(exterior), [moved(hole) for hole in holes]) for exterior, holes in parts]
    # Outlines of pixels that touch at a corner only cross themselves there.
    return shapely.union_all(shapely.make_valid(shapes))


def distances(deposit: Deposit, longitude: NDArray[np.float64], latitude: NDArray[np.float64]) -> NDArray[np.float64]:
    """Distance from each point to the deposit's outline in m, (n,); 0 inside it.

    Args:
        longitude, latitude: (n,) degrees.
    """
    import shapely

    x0, y0 = deposit.centroid
    across, along = metres_per_degree(y0)
    shape = outline(deposit.parts, (x0, y0), (across, along))
    points = shapely.points((turned(longitude, x0) - x0) * across, (np.asarray(latitude, float) - y0) * along)
    shapely.prepare(shape)
    return np.asarray(shapely.distance(shape, points), float)


def observed(
    places: Sequence[Place], longitude: NDArray[np.float64], latitude: NDArray[np.float64]
) -> NDArray[np.bool_]:
    """Which points, (n,) degrees each, lie in one of the places or on its border."""
    found = np.zeros(len(longitude), bool)
    for place in places:
        found |= _in_box(place, longitude, latitude) if len(place) == 4 else _in_part(place, longitude, latitude)
    return found


def _in_box(
    box: tuple[float, float, float, float], longitude: NDArray[np.float64], latitude: NDArray[np.float64]
) -> NDArray[np.bool_]:
    """A box may run over the date line, its west then lying above its east."""
    west, south, east, north = box
    half = (east - west if east >= west else east - west + 360.0) / 2.0
    return np.asarray(
        (abs(turned(longitude, west + half) - west - half) <= half) & (south <= latitude) & (latitude <= north)
    )


def _in_part(part: Part, longitude: NDArray[np.float64], latitude: NDArray[np.float64]) -> NDArray[np.bool_]:
    import shapely

    west, south = part[0][0, :2]
    shape = outline([part], (west, south))
    shapely.prepare(shape)
    return np.asarray(shapely.intersects_xy(shape, turned(longitude, west) - west, np.asarray(latitude, float) - south))


def as_part(place: Place) -> Part:
    """A place as an outline.

    >>> as_part((179.0, -1.0, -179.0, 1.0))[0][2].tolist()
    [181.0, 1.0]
    """
    if len(place) == 2:
        return place
    west, south, east, north = place
    right = east if east >= west else east + 360.0
    return np.array([[west, south], [right, south], [right, north], [west, north], [west, south]]), ()
