"""How outlines in degrees lie to points and to each other: distances, what is inside, what overlaps what.

Distances use a plane laid at the outline: degrees become metres by the two radii of curvature of WGS84 at its
latitude (Snyder 1987, USGS Professional Paper 1395, equations 4-18 to 4-20). Within 20 km of it the error is below
0.4 % up to latitude 60°; further away the figure only says "far". Shares of overlap need no metres: both outlines lie
at the same latitude.
"""

import importlib
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from outcrop.core.errors import MissingExtra

Reals = NDArray[np.float64]

Ring = Reals
"""(n, 2) longitude, latitude in degrees; open or closed."""

Part = tuple[Ring, tuple[Ring, ...]]
"""One polygon: its exterior and its holes."""

Shapes = NDArray[Any]
"""(n,) outlines as ``shapes`` makes them, for the other functions here."""

SEMI_MAJOR = 6_378_137.0
"""Of WGS84, m."""
ECCENTRICITY_SQUARED = 6.69437999014e-3
"""Of WGS84."""


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


def turned(longitude: Reals | float, about: float) -> Reals:
    """Longitudes within 180° of ``about``, so that nothing is torn apart at the date line."""
    return np.asarray(about + (np.asarray(longitude, float) - about + 180.0) % 360.0 - 180.0)


def distances(parts: Sequence[Part], about: tuple[float, float], longitude: Reals, latitude: Reals) -> Reals:
    """Distance from each point to an outline in m, (n,); 0 inside it.

    Args:
        about: (longitude, latitude) where the plane touches: near the outline.
        longitude, latitude: (n,) degrees.
    """
    shapely = _shapely()
    across, along = metres_per_degree(about[1])
    shape = _shape(parts, about, (across, along))
    points = shapely.points((turned(longitude, about[0]) - about[0]) * across, (latitude - about[1]) * along)
    shapely.prepare(shape)
    return np.asarray(shapely.distance(shape, points), float)


def holds(part: Part, longitude: Reals, latitude: Reals) -> NDArray[np.bool_]:
    """Which points, (n,) degrees each, lie in a polygon or on its border."""
    shapely = _shapely()
    west, south = part[0][0, :2]
    shape = _shape([part], (west, south))
    shapely.prepare(shape)
    return np.asarray(shapely.intersects_xy(shape, turned(longitude, west) - west, np.asarray(latitude, float) - south))


def shapes(outlines: Sequence[Sequence[Part]], about: tuple[float, float]) -> Shapes:
    """Outlines made ready to be compared, (n,); all that are compared want the same ``about``.

    Args:
        about: (longitude, latitude) in degrees that becomes the origin, less than half a turn from all outlines.
    """
    found = np.empty(len(outlines), object)
    found[:] = [_shape(parts, about) for parts in outlines]
    return found


def inside(some: Shapes, places: Sequence[Part], about: tuple[float, float]) -> NDArray[np.bool_]:
    """Which outlines lie wholly within the places, (n,), without touching their border."""
    shapely = _shapely()
    seen = shapely.union_all(shapes([[place] for place in places], about))
    shapely.prepare(seen)
    return np.asarray(shapely.contains_properly(seen, some), bool)


def overlapping(first: Shapes, second: Shapes, least: float) -> list[tuple[int, int]]:
    """Pairs (position in first, position in second) that share at least this part of the smaller one's area."""
    if not len(first) or not len(second):
        return []
    shapely = _shapely()
    here, there = shapely.STRtree(second).query(first, predicate="intersects")
    common = shapely.area(shapely.intersection(first[here], second[there]))
    smaller = np.minimum(shapely.area(first[here]), shapely.area(second[there]))
    kept = (common > 0) & (common >= least * smaller)
    return sorted(zip(here[kept].tolist(), there[kept].tolist(), strict=True))


def common_areas(some: Shapes, owner: Sequence[int]) -> list[tuple[int, int, tuple[float, float]]]:
    """Pairs of outlines of different owners that overlap: two positions, and the part of each that both cover."""
    shapely = _shapely()
    first, second = shapely.STRtree(some).query(some, predicate="intersects")
    belongs = np.asarray(owner)
    kept = (first < second) & (belongs[first] != belongs[second])
    first, second = first[kept], second[kept]
    common = shapely.area(shapely.intersection(some[first], some[second]))
    shares = (
        common / np.maximum(shapely.area(some[first]), 1e-30),
        common / np.maximum(shapely.area(some[second]), 1e-30),
    )
    found = zip(first.tolist(), second.tolist(), zip(*(s.tolist() for s in shares), strict=True), strict=True)
    return [pair for pair in found if pair[2] > (0.0, 0.0)]


def jaccard(first: Shapes, second: Shapes) -> float:
    """Common area of two sets of outlines over the area of either, 0..1; 0 for nothing."""
    shapely = _shapely()
    one, other = shapely.union_all(first), shapely.union_all(second)
    either = shapely.area(shapely.union(one, other))
    return float(shapely.area(shapely.intersection(one, other)) / either) if either else 0.0


def shared_places(first: Sequence[Part], second: Sequence[Part]) -> list[Part]:
    """What two sets of polygons both cover, piece by piece."""
    if not first or not second:
        return []
    shapely = _shapely()
    west, south = float(first[0][0][0, 0]), float(first[0][0][0, 1])
    union = [shapely.union_all(shapes([[part] for part in some], (west, south))) for some in (first, second)]
    common = shapely.get_parts(shapely.intersection(*union))
    back = np.array([west, south])
    return [
        (np.asarray(p.exterior.coords) + back, tuple(np.asarray(hole.coords) + back for hole in p.interiors))
        for p in common
        if p.geom_type == "Polygon" and not p.is_empty
    ]


def _shape(parts: Sequence[Part], about: tuple[float, float], scale: tuple[float, float] = (1.0, 1.0)) -> Any:
    """The parts as one valid geometry of shapely, moved to the origin and stretched by ``scale``."""
    shapely = _shapely()
    # All corners go to the side of the first one, so that nothing is torn half a turn away from ``about`` either.
    first = float(turned(parts[0][0][0, 0], about[0]))

    def placed(ring: Ring) -> Ring:
        return np.column_stack([turned(ring[:, 0], first) - about[0], ring[:, 1] - about[1]]) * scale

    found = [shapely.Polygon(placed(exterior), [placed(hole) for hole in holes]) for exterior, holes in parts]
    # Outlines of pixels that touch at a corner only cross themselves there.
    return shapely.union_all(shapely.make_valid(found))


def _shapely() -> Any:
    try:
        return importlib.import_module("shapely")
    except ImportError:
        raise MissingExtra("shapely", "geo", "it compares outlines") from None
