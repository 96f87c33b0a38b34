"""Areas on the WGS 84 ellipsoid from closed formulas: the truth that measured areas are judged by.

The area between the equator and a latitude has a closed form; a closed line's area is that form integrated
along the line over longitude (Green's theorem; Snyder 1987, "Map Projections", eq. 3-12). UTM outlines come to
longitude and latitude by Krüger's series (Karney 2011, "Transverse Mercator with an accuracy of a few
nanometers", eqs. 7-14, 36). Nothing here is shared with the instruments that measure.
"""

import numpy as np
from affine import Affine
from numpy.typing import NDArray

from outcrop.core.grid import Grid

Points = NDArray[np.float64]
"""(n, 2): x and y."""

SEMI_MAJOR, FLATTENING = 6_378_137.0, 1 / 298.257223563
"""WGS 84: metres, and pure number."""

_E2 = FLATTENING * (2 - FLATTENING)
_N = FLATTENING / (2 - FLATTENING)

UTM_SCALE, FALSE_EASTING, FALSE_NORTHING = 0.9996, 500_000.0, 10_000_000.0
"""UTM's scale on the central meridian and its offsets (m); the northing's is for the southern hemisphere."""


def area_below(latitude: NDArray[np.float64]) -> NDArray[np.float64]:
    """Area (m²) between the equator and a latitude (radians), for one radian of longitude.

    >>> float((area_below(np.array(np.pi / 2)) * 4 * np.pi).round(-9))  # the whole earth
    510066000000000.0
    """
    e, sine = np.sqrt(_E2), np.sin(latitude)
    semi_minor = SEMI_MAJOR * (1 - FLATTENING)
    return np.asarray(semi_minor**2 / 2 * (sine / (1 - _E2 * sine**2) + np.arctanh(e * sine) / e))


def from_utm(points: Points, zone: int, south: bool) -> Points:
    """Longitude and latitude (degrees) of UTM eastings and northings (m), right to well below a millimetre."""
    n = _N
    rectifying = SEMI_MAJOR / (1 + n) * (1 + n**2 / 4 + n**4 / 64)
    beta = (
        n / 2 - 2 * n**2 / 3 + 37 * n**3 / 96 - n**4 / 360,
        n**2 / 48 + n**3 / 15 - 437 * n**4 / 1440,
        17 * n**3 / 480 - 37 * n**4 / 840,
        4397 * n**4 / 161280,
    )
    xi = (points[:, 1] - (FALSE_NORTHING if south else 0.0)) / (UTM_SCALE * rectifying)
    eta = (points[:, 0] - FALSE_EASTING) / (UTM_SCALE * rectifying)
    north, east = xi.copy(), eta.copy()
    for j, b in enumerate(beta, 1):
        north -= b * np.sin(2 * j * xi) * np.cosh(2 * j * eta)
        east -= b * np.cos(2 * j * xi) * np.sinh(2 * j * eta)
    longitude = np.degrees(np.arctan2(np.sinh(east), np.cos(north))) + 6 * zone - 183
    return np.column_stack([longitude, np.degrees(_latitude(np.sin(north) / np.hypot(np.sinh(east), np.cos(north))))])


def _latitude(conformal: NDArray[np.float64]) -> NDArray[np.float64]:
    """Latitude (radians) from the tangent of the conformal latitude, by Newton's method."""
    e, tangent = np.sqrt(_E2), conformal.copy()
    for _ in range(4):
        root = np.hypot(1, tangent)
        sigma = np.sinh(e * np.arctanh(e * tangent / root))
        guess = tangent * np.hypot(1, sigma) - sigma * root
        step = (conformal - guess) / np.hypot(1, guess) * (1 + (1 - _E2) * tangent**2) / ((1 - _E2) * root)
        tangent = tangent + step
    return np.asarray(np.arctan(tangent))


def outline_area(outline: Points, grid: Grid) -> float:
    """Area on the ellipsoid (m²) of a closed outline given in pixels (column, row) of a grid.

    Edges are straight on the grid; each is cut in eight before it is bent onto the ellipsoid. Grids are in
    EPSG:4326, or in WGS 84 UTM (EPSG:326zz, 327zz).
    """
    if len(outline) < 3:
        return 0.0
    after = np.roll(outline, -1, axis=0)
    steps = np.arange(8)[:, None, None] / 8
    dense = (outline * (1 - steps) + after * steps).swapaxes(0, 1).reshape(-1, 2)
    places = np.radians(_degrees(dense, grid.transform, grid.crs or ""))
    longitude, latitude = places[:, 0] - places[0, 0], places[:, 1]
    d_lon, d_lat = np.roll(longitude, -1) - longitude, np.roll(latitude, -1) - latitude
    # Simpson's rule on each short edge; the first latitude's area is taken off so that digits are not lost.
    base = area_below(latitude[:1])
    ends = area_below(latitude) + area_below(latitude + d_lat) - 2 * base
    middle = area_below(latitude + d_lat / 2) - base
    return float(abs(((ends + 4 * middle) / 6 * d_lon).sum()))


def _degrees(pixels: Points, transform: Affine, crs: str) -> Points:
    """Longitude and latitude (degrees) of pixel places."""
    world = np.column_stack(
        [
            transform.a * pixels[:, 0] + transform.b * pixels[:, 1] + transform.c,
            transform.d * pixels[:, 0] + transform.e * pixels[:, 1] + transform.f,
        ]
    )
    code = int(crs.removeprefix("EPSG:"))
    return world if code == 4326 else from_utm(world, code % 100, code // 100 == 327)


def clip(outline: Points, edges: NDArray[np.float64]) -> Points:
    """The part of an outline where a·x + b·y + c ≥ 0 for every row (a, b, c) of ``edges``.

    Sutherland and Hodgman 1974: parts left by a cut stay joined by lines of no width, which hold no area.
    """
    for a, b, c in edges:
        if not len(outline):
            break
        side = outline @ np.array([a, b]) + c
        after, side_after = np.roll(outline, -1, axis=0), np.roll(side, -1)
        crossed = (side >= 0) != (side_after >= 0)
        share = np.where(crossed, side / np.where(crossed, side - side_after, 1.0), 0.0)[:, None]
        # Every point may give itself (if inside) and the crossing that follows it.
        pairs = np.stack([outline, outline + share * (after - outline)], axis=1).reshape(-1, 2)
        outline = pairs[np.stack([side >= 0, crossed], axis=1).ravel()]
    return outline
