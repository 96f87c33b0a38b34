"""Areas and lengths on the ellipsoid, whatever the projection: metres for grids in metres, feet or degrees.

Positions are brought to longitude and latitude on the ellipsoid of the grid's own datum. There the area inside a ring
is R² ∮ (sin β) dλ, with the authalic latitude β and the authalic radius R: the plane of λ and sin β is an
equal-area map (Snyder, Map Projections: A Working Manual, 1987, eq. 3-11 to 3-13 and 10-15), so that parallels and
meridians are exact, unlike the geodesics between their ends. Sides that are straight in the grid but long on the
ground are cut into pieces of ``STEP`` first. Rings near a pole are left to the geodesics of pyproj, piece by piece.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from outcrop.core.errors import BadInput, MissingExtra, WrongUnit
from outcrop.core.grid import Grid

if TYPE_CHECKING:
    from affine import Affine
    from pyproj import CRS, Geod, Transformer

Numbers = NDArray[np.float64]
Rings = Iterable[tuple[NDArray[Any], Sequence[NDArray[Any]]]]
"""The pieces of one deposit: (exterior, holes), closed rings of (col, row) pixel corners, (n, 2)."""

STEP = 500.0
"""Longest piece of a side, m."""

MOST_PIECES = 80_000
"""Pieces of one side at most: these go round the Earth."""

POLAR = 85.0
"""Latitude beyond which rings are measured by geodesics, in degrees."""

WAY_OUT = "write the file with one, or leave areas out with --no-area"


@dataclass(frozen=True, slots=True, kw_only=True)
class _Ellipsoid:
    """The ellipsoid under a projection, and the way to it."""

    to_geographic: "Transformer"
    geod: "Geod"
    authalic_radius: float
    eccentricity: float

    def place(self, points: Numbers) -> Numbers:
        """World (n, 2) → longitude and latitude in radians, (n, 2)."""
        lon, lat = self.to_geographic.transform(points[:, 0], points[:, 1], radians=False)
        return np.asarray(np.radians(np.stack([lon, lat], axis=1)))

    def sine(self, latitude: Numbers) -> Numbers:
        """Sine of the authalic latitude."""
        return np.asarray(_q(np.sin(latitude), self.eccentricity) / _q(np.ones(1), self.eccentricity)[0])

    def radii(self, latitude: Numbers) -> tuple[Numbers, Numbers]:
        """Radius of curvature along the meridian, and radius of the parallel, in m."""
        root = 1 - (self.eccentricity * np.sin(latitude)) ** 2
        return self.geod.a * (1 - self.eccentricity**2) / root**1.5, self.geod.a * np.cos(latitude) / np.sqrt(root)


def _q(sine: Numbers, e: float) -> Numbers:
    """Snyder's q, from the sine of the geodetic latitude."""
    if e == 0:
        return 2 * sine
    return np.asarray((1 - e**2) * (sine / (1 - (e * sine) ** 2) + np.arctanh(e * sine) / e))


@lru_cache(maxsize=32)
def _crs(crs: str) -> "CRS":
    try:
        from pyproj import CRS
        from pyproj.exceptions import CRSError
    except ImportError:
        raise MissingExtra("pyproj", "geo", "it knows map projections") from None
    try:
        return CRS.from_user_input(crs)
    except CRSError:
        raise BadInput(f"{crs[:80]!r} is no map projection: give an EPSG code such as EPSG:32723, or WKT") from None


@lru_cache(maxsize=32)
def _ellipsoid(crs: str | None) -> _Ellipsoid:
    if crs is None:
        raise WrongUnit(f"the grid has no map projection, which areas in m² need: {WAY_OUT}")
    from pyproj import CRS, Transformer

    projection = _crs(crs)
    geod = projection.get_geod()
    if geod is None or projection.is_geocentric or not (projection.is_geographic or projection.is_projected):
        raise WrongUnit(f"{projection.name} is no map projection on an ellipsoid, which areas in m² need: {WAY_OUT}")
    # The same ellipsoid without a datum: degrees from Greenwich, and never a shift between datums.
    bare = CRS.from_proj4(f"+proj=longlat +a={geod.a!r} +b={geod.b!r} +no_defs")
    to_geographic, e = Transformer.from_crs(projection.to_2d(), bare, always_xy=True), float(geod.es) ** 0.5
    radius = geod.a * float(np.sqrt(_q(np.ones(1), e)[0] / 2))
    return _Ellipsoid(to_geographic=to_geographic, geod=geod, authalic_radius=radius, eccentricity=e)


def to_lonlat(points: NDArray[Any], crs: str) -> Numbers:
    """World (n, 2) → longitude and latitude on WGS 84, in degrees, (n, 2); raises as ``moved``."""
    return moved(points, crs, "EPSG:4326")


def moved(points: NDArray[Any], crs: str, target: str) -> Numbers:
    """World (n, 2) of one projection in another, (n, 2), x before y.

    Raises:
        BadInput: a projection is unknown, or a point lies where one is not defined.
    """
    return _finite(np.stack(_change(crs, target).transform(*np.asarray(points, float).T), axis=1), crs)


@lru_cache(maxsize=32)
def _change(crs: str, target: str) -> "Transformer":
    """From one projection to another, kept: it is costly to make."""
    here, there = _crs(crs).to_2d(), _crs(target).to_2d()
    from pyproj import Transformer

    return Transformer.from_crs(here, there, always_xy=True)


def projjson(crs: str) -> dict[str, Any]:
    """A map projection as PROJJSON, which GeoParquet wants.

    Raises:
        BadInput: the projection is unknown.
    """
    return dict(_crs(crs).to_json_dict())


def to_world(parts: Rings, transform: "Affine") -> tuple[tuple[Numbers, tuple[Numbers, ...]], ...]:
    """Pixel corners → world coordinates, ring by ring."""
    return tuple((_world(e, transform), tuple(_world(hole, transform) for hole in holes)) for e, holes in parts)


def polygon_area(parts: Rings, grid: Grid) -> float:
    """Area of one deposit on the ellipsoid, holes subtracted, in m²; see ``areas_and_perimeters``."""
    return float(areas_and_perimeters([parts], grid)[0][0])


def perimeter(parts: Rings, grid: Grid) -> float:
    """Length of the outline of one deposit on the ellipsoid, holes included, in m; see ``areas_and_perimeters``."""
    return float(areas_and_perimeters([parts], grid)[1][0])


def areas_and_perimeters(deposits: Sequence[Rings], grid: Grid) -> tuple[Numbers, Numbers]:
    """Areas (m², holes subtracted) and outlines (m, holes included) on the ellipsoid of the grid's datum, (n,) each.

    Sides are straight in the grid. Rings may cross the antimeridian or hold a pole. A staircase of pixels is longer
    than the smooth line behind it: name the resolution with every perimeter.

    Args:
        deposits: for each one its pieces, in pixel corners (col, row) of the grid.

    Raises:
        WrongUnit: the grid has no map projection.
        BadInput: a corner lies where the projection is not defined.
    """
    ellipsoid, walk = _ellipsoid(grid.crs), _Walk.over(deposits, grid)
    if not len(walk.starts):
        return np.zeros(len(deposits)), np.zeros(len(deposits))
    step, latitude = walk.steps(), walk.points[:, 1]
    # Heights above the ring's own start: the small difference of large numbers would cost a 10-m pixel four digits.
    sine = ellipsoid.sine(latitude)
    sine -= np.repeat(sine[walk.starts], np.diff(walk.starts, append=len(sine)))
    size = np.abs(walk.totals((sine[1:] + sine[:-1]) / 2 * step[:, 0])) * ellipsoid.authalic_radius**2
    meridian, parallel = ellipsoid.radii((latitude[1:] + latitude[:-1]) / 2)
    length = walk.totals(np.hypot(meridian * step[:, 1], parallel * step[:, 0]))
    winds = np.abs(walk.totals(step[:, 0])) > np.pi  # round a pole
    polar = np.maximum.reduceat(np.abs(latitude), walk.starts) > np.radians(POLAR)
    for ring in np.flatnonzero(winds | polar).tolist():
        lon, lat = np.degrees(walk.ring(ring)).T
        size[ring], length[ring] = map(abs, ellipsoid.geod.polygon_area_perimeter(lon, lat))
    signed = np.where(walk.hole, -size, size)
    area, around = (np.bincount(walk.owner, values, len(deposits)).astype(float) for values in (signed, length))
    return area, around


def pixel_area_at(grid: Grid, row: NDArray[Any] | float, col: NDArray[Any] | float) -> Numbers:
    """Area of pixels on the ellipsoid in m²; rows and columns count from 0 and broadcast, the result has their shape.

    Raises:
        WrongUnit, BadInput: as for ``areas_and_perimeters``.
    """
    rows, cols = np.broadcast_arrays(np.asarray(row), np.asarray(col))
    left, top = cols.ravel(), rows.ravel()
    ring = np.array([(0, 0), (0, 1), (1, 1), (1, 0), (0, 0)])
    squares = np.stack([left, top], axis=1)[:, None] + ring
    return areas_and_perimeters([[(square, ())] for square in squares], grid)[0].reshape(rows.shape)


def pixel_areas(grid: Grid) -> Numbers:
    """Area of a pixel of each row on the ellipsoid, (rows,) in m².

    Exact for upright grids in degrees, whose pixels differ by row alone. For others it is that of the row's middle
    pixel: in a UTM tile pixels of a row differ by up to 0.2 %, so ask ``pixel_area_at`` for those far from it.

    Raises:
        WrongUnit, BadInput: as for ``areas_and_perimeters``.
    """
    rows = np.arange(grid.shape[0])
    return pixel_area_at(grid, rows, np.full(len(rows), grid.shape[1] // 2))


def pixel_size_m(grid: Grid, row: float, col: float) -> tuple[float, float]:
    """Length of a pixel on the ellipsoid, (along its row, along its column) in m, through its middle.

    Raises:
        WrongUnit, BadInput: as for ``areas_and_perimeters``.
    """
    ellipsoid = _ellipsoid(grid.crs)
    cross = np.array([(col, row + 0.5), (col + 1, row + 0.5), (col + 0.5, row), (col + 0.5, row + 1)])
    lon, lat = np.degrees(_finite(ellipsoid.place(_world(cross, grid.transform)), str(grid.crs))).T
    _, _, length = ellipsoid.geod.inv(lon[::2], lat[::2], lon[1::2], lat[1::2])
    return float(length[0]), float(length[1])


@dataclass(frozen=True, slots=True, kw_only=True)
class _Walk:
    """Every ring of many deposits, one after the other, on the ellipsoid.

    Attributes:
        points: (m, 2) longitude and latitude in radians.
        starts: (rings,) where each ring begins.
        owner, hole: (rings,) deposit of the ring, and whether it is a hole.
    """

    points: Numbers
    starts: NDArray[np.int64]
    owner: NDArray[np.int64]
    hole: NDArray[np.bool_]

    @classmethod
    def over(cls, deposits: Sequence[Rings], grid: Grid) -> "_Walk":
        """All rings, with long sides cut into pieces."""
        ellipsoid = _ellipsoid(grid.crs)
        found = [
            (number, position > 0, ring)
            for number, parts in enumerate(deposits)
            for exterior, holes in parts
            for position, ring in enumerate((exterior, *holes))
        ]
        if not found:
            empty = np.zeros(0, np.int64)
            return cls(points=np.zeros((0, 2)), starts=empty, owner=empty, hole=np.zeros(0, bool))
        corners = np.concatenate([ring for _, _, ring in found]).astype(float)
        starts = np.cumsum([0, *(len(ring) for _, _, ring in found)])[:-1]
        middle = pixel_size_m(grid, grid.shape[0] / 2, grid.shape[1] / 2)
        dense, starts = _densified(corners, starts, max(middle))
        return cls(
            points=_finite(ellipsoid.place(_world(dense, grid.transform)), str(grid.crs)),
            starts=starts,
            owner=np.array([number for number, _, _ in found]),
            hole=np.array([hole for _, hole, _ in found]),
        )

    def steps(self) -> Numbers:
        """(m - 1, 2) differences of longitude and latitude; the shorter way round the globe."""
        step = np.diff(self.points, axis=0)
        step[:, 0] -= 2 * np.pi * np.rint(step[:, 0] / (2 * np.pi))
        return step

    def totals(self, sides: Numbers) -> Numbers:
        """(m - 1,) values of the sides → their sum over each ring, without what joins two rings."""
        values = np.append(sides, 0.0)
        values[self.starts[1:] - 1] = 0.0
        return np.add.reduceat(values, self.starts)

    def ring(self, number: int) -> Numbers:
        """The points of one ring."""
        return np.split(self.points, [self.starts[number], *self.starts[number + 1 : number + 2]])[1]


def _densified(corners: Numbers, starts: NDArray[np.int64], pixel: float) -> tuple[Numbers, NDArray[np.int64]]:
    """Sides cut into equal pieces of at most ``STEP``; what joins two rings is left alone."""
    side = np.diff(corners, axis=0, append=corners[-1:])
    side[starts[1:] - 1] = 0
    pieces = np.clip(np.ceil(np.hypot(*side.T) * pixel / STEP), 1, MOST_PIECES).astype(np.int64)
    offsets = np.cumsum(pieces) - pieces
    position = np.arange(int(pieces.sum())) - np.repeat(offsets, pieces)
    share = position / np.repeat(pieces, pieces)
    return np.repeat(corners, pieces, axis=0) + share[:, None] * np.repeat(side, pieces, axis=0), offsets[starts]


def _world(points: NDArray[Any], transform: "Affine") -> Numbers:
    x, y = np.asarray(points, float).T
    t = transform
    return np.stack([t.a * x + t.b * y + t.c, t.d * x + t.e * y + t.f], axis=1)


def _finite(points: Numbers, crs: str) -> Numbers:
    if not np.isfinite(points).all():
        raise BadInput(
            f"a corner lies outside the world of {crs[:80]}: check the georeference of the file, or leave areas out "
            "with --no-area"
        )
    return points
