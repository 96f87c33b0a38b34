"""Polygons and points in: from any vector file that GDAL reads; polygons burnt onto a grid; needs the extra "geo"."""

import importlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from outcrop.core.errors import BadInput, DamagedFile, MissingExtra, NoGeometry, NothingToSee
from outcrop.core.grid import Grid

Ring = NDArray[np.float64]
"""(n, 2): x, y of a closed line's corners; the first is not repeated."""

KINDS = {3: "Polygon", 6: "MultiPolygon"}
"""Kinds of geometry that cover an area, by the number GEOS gives them."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Polygon:
    """One feature of a vector file.

    Attributes:
        properties: its attributes by column name.
        parts: each part's outer ring, followed by its holes.
    """

    properties: Mapping[str, Any]
    parts: tuple[tuple[Ring, ...], ...]

    @property
    def bounds(self) -> tuple[float, float, float, float]:
        """Least x, least y, largest x, largest y."""
        corners = np.concatenate([part[0] for part in self.parts])
        return (*map(float, corners.min(0)), *map(float, corners.max(0)))  # type: ignore[return-value]


def _library(name: str, need: str) -> Any:
    """A library of the extra "geo", imported now."""
    try:
        return importlib.import_module(name)
    except ImportError:
        raise MissingExtra(name.split(".")[0], "geo", need) from None


def read_polygons(path: Path, layer: str | None = None) -> tuple[str, list[Polygon]]:
    """The projection of a vector file's layer (EPSG code or WKT) and its polygons; features without a shape are left out.

    Raises:
        DamagedFile: the file is missing, or GDAL cannot read it.
        NoGeometry: it does not say its projection.
        NothingToSee: no polygons.
        BadInput: other shapes among them.
        MissingExtra: pyogrio or shapely is not installed.
    """
    pyogrio, shapely = _library("pyogrio", f"it reads {path.name}"), _library("shapely", f"it reads {path.name}")
    try:
        about, _, shapes, columns = pyogrio.raw.read(path, layer=layer, force_2d=True)
        shapes = shapely.from_wkb(shapes)
    except (pyogrio.errors.DataSourceError, pyogrio.errors.DataLayerError, shapely.errors.ShapelyError) as error:
        raise DamagedFile(f"{path} cannot be read as a vector file ({error}): copy or export it again") from None
    if not about["crs"]:
        raise NoGeometry(f"{path} does not say its map projection: export it with one")
    found = []
    for i, shape in enumerate(shapes):
        if shape is None or shape.is_empty:
            continue
        if shapely.get_type_id(shape) not in KINDS:
            raise BadInput(f"{path} holds a {shape.geom_type} in row {i + 1}: give polygons only")
        properties = {name: _plain(column[i]) for name, column in zip(about["fields"], columns, strict=True)}
        found.append(Polygon(properties=properties, parts=_parts(shapely, shape)))
    if not found:
        raise NothingToSee(f"{path} holds no polygon: give a layer of polygons")
    return str(about["crs"]), found


def _plain(value: Any) -> Any:
    """A cell without numpy around it."""
    return value.item() if isinstance(value, np.generic) else value


def _parts(shapely: Any, shape: Any) -> tuple[tuple[Ring, ...], ...]:
    """Rings of every part of a polygon."""
    return tuple(
        tuple(np.asarray(shapely.get_coordinates(ring))[:-1] for ring in (part.exterior, *part.interiors))
        for part in shapely.get_parts(shape)
    )


def burn(polygons: Sequence[Polygon], grid: Grid) -> NDArray[np.uint8]:
    """1 where a pixel's centre lies in a polygon, holes left out, (rows, cols); polygons are in the grid's projection."""
    features = _library("rasterio.features", "it draws polygons onto pixels")
    shapes = [
        {"type": "MultiPolygon", "coordinates": [[_closed(ring) for ring in part] for part in p.parts]}
        for p in polygons
    ]
    if not shapes:
        return np.zeros(grid.shape, np.uint8)
    burnt = features.rasterize(
        shapes, out_shape=grid.shape, transform=grid.transform, fill=0, default_value=1, dtype="uint8"
    )
    return np.asarray(burnt, np.uint8)


def _closed(ring: Ring) -> list[tuple[float, float]]:
    return [(float(x), float(y)) for x, y in (*ring, ring[0])]


@dataclass(frozen=True, slots=True, kw_only=True)
class PointLayer:
    """The first layer of a vector file, one point for every row.

    Attributes:
        crs: EPSG code or WKT, "" where the file does not say it.
        header: names of all columns.
        rows: of each row the cells of the wanted columns.
        points: (x, y) of every row, None where it has no geometry.
        outlines: rows have outlines, of which each point is one inside.
        layer, layers: its name, and how many layers with geometries the file has.
    """

    crs: str
    header: tuple[str, ...]
    rows: tuple[dict[str, Any], ...]
    points: tuple[tuple[float, float] | None, ...]
    outlines: bool
    layer: str
    layers: int


def read_points(path: Path, wanted: Callable[[str], bool] = lambda name: True) -> PointLayer:
    """Points of a vector file; other geometries stand for one point inside each.

    Args:
        wanted: column name → whether its cells are read; the others never enter the program.

    Raises:
        DamagedFile: GDAL cannot read the file.
        NoGeometry: it has no layer with geometries.
        MissingExtra: pyogrio or shapely is not installed.
    """
    pyogrio, shapely = _library("pyogrio", f"it reads {path.name}"), _library("shapely", f"it reads {path.name}")
    try:
        layers = [str(name) for name, kind in pyogrio.list_layers(path) if kind is not None]
        if not layers:
            raise NoGeometry(f"{path.name} has no layer with geometries: export it as CSV with lon and lat")
        header = tuple(str(name) for name in pyogrio.read_info(path, layer=layers[0])["fields"])
        about, _, stored, fields = pyogrio.raw.read(
            path, layer=layers[0], columns=[name for name in header if wanted(name)], force_2d=True
        )
    except pyogrio.errors.DataSourceError:
        raise DamagedFile(f"{path.name} is no readable vector file: export it again") from None
    shapes = shapely.from_wkb(stored)
    columns = [field.tolist() for field in fields]
    cells = zip(*columns, strict=True) if columns else [()] * len(shapes)
    names = [str(name) for name in about["fields"]]
    return PointLayer(
        crs=str(about["crs"] or ""),
        header=header,
        rows=tuple(dict(zip(names, row, strict=True)) for row in cells),
        points=tuple(_point(shapely.point_on_surface(shape)) for shape in shapes),
        outlines=any(shape is not None and shape.geom_type != "Point" for shape in shapes),
        layer=layers[0],
        layers=len(layers),
    )


def _point(shape: Any) -> tuple[float, float] | None:
    """x and y of a point geometry; None without one."""
    return None if shape is None or shape.is_empty else (float(shape.x), float(shape.y))
