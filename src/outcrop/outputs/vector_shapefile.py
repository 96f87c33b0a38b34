"""Simple polygons as a zipped Shapefile, for offices that want one; needs pyogrio, the extra "geo"."""

import importlib
import zipfile
from collections.abc import Mapping, Sequence
from datetime import date
from pathlib import Path
from tempfile import TemporaryDirectory
from types import MappingProxyType
from typing import Any

import numpy as np
from numpy.typing import NDArray

from outcrop.core.errors import BadInput, MissingExtra, UsageError
from outcrop.outputs import replacing
from outcrop.outputs.vector import polygon_wkb

Polygon = tuple[NDArray[Any], Sequence[NDArray[Any]]]
"""Exterior and holes, closed rings (n, 2) of world (x, y)."""

ARRAYS: Mapping[type, str] = MappingProxyType({int: "int32", float: "float64", str: "object", date: "datetime64[D]"})

LONGEST_NAME = 10
"""Letters of a field's name: more are cut off by the format."""


def write_shapefile(
    path: Path,
    layer: str,
    polygons: Sequence[Polygon],
    records: Sequence[Mapping[str, Any]],
    *,
    columns: Mapping[str, type],
    crs: str,
) -> Path:
    """``path`` (.zip) with one layer of polygons in UTF-8, its encoding said in a .cpg file.

    Args:
        polygons, records: outline and values of each feature; a record has every column, and an "id" that names it.
        columns: name → int, float, str or date.
        crs: of the coordinates, an EPSG code or WKT.

    Raises:
        BadInput: an outline without area.
        UsageError: a column's name is too long for the format.
        MissingExtra: pyogrio is not installed.
    """
    try:
        raw = importlib.import_module("pyogrio.raw")
    except ImportError:
        raise MissingExtra("pyogrio", "geo", f"it writes {path.name}") from None
    long = next((name for name in columns if len(name) > LONGEST_NAME), None)
    if long is not None:
        raise UsageError(f"a Shapefile cuts the column {long!r} at {LONGEST_NAME} letters: give it a shorter name")
    empty = next(
        (r["id"] for r, (exterior, _) in zip(records, polygons, strict=True) if not _twice_area(exterior)), None
    )
    if empty is not None:
        raise BadInput(f"deposit {empty} has an outline without area: measure it again before handing it in")
    shapes = np.empty(len(polygons), object)
    shapes[:] = [polygon_wkb(exterior, holes) for exterior, holes in polygons]
    values = [np.array([record[name] for record in records], ARRAYS[kind]) for name, kind in columns.items()]
    with TemporaryDirectory() as folder:
        raw.write(
            str(Path(folder) / f"{layer}.shp"), shapes, values, list(columns), driver="ESRI Shapefile",
            geometry_type="Polygon", crs=crs, encoding="UTF-8",
        )  # fmt: skip
        with replacing(path) as temporary, zipfile.ZipFile(temporary, "w", zipfile.ZIP_DEFLATED) as archive:
            for file in sorted(Path(folder).iterdir()):
                archive.write(file, file.name)
    return path


def _twice_area(ring: NDArray[Any]) -> float:
    x, y = (np.asarray(ring, float) - ring[0]).T
    return float(abs(np.dot(x[:-1], y[1:]) - np.dot(x[1:], y[:-1])))
