"""Outlines of deposits as GeoPackage, GeoJSON, GeoParquet or FlatGeobuf: one layer, ``deposits``, of multipolygons.

Every file has the same columns with the same types, also when no deposit was found. GeoPackage and GeoParquet are
written batch by batch. GeoJSON follows RFC 7946: longitude and latitude on WGS 84 with seven decimals, exteriors
counter-clockwise, cut at the antimeridian, no ``crs`` member. GeoParquet is version 1.1.
"""

import json
import os
import warnings
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import chain, islice
from pathlib import Path
from struct import pack
from types import MappingProxyType
from typing import Any

import numpy as np
from numpy.typing import NDArray

from outcrop.core.errors import BadInput, MissingExtra, NoGeometry, UsageError
from outcrop.outputs import replacing

LAYER = "deposits"
BATCH = 5000
"""Features that are held and written at once."""

Parts = Sequence[tuple[NDArray[Any], Sequence[NDArray[Any]]]]
"""Pieces of a deposit: exterior and holes, closed rings (n, 2) of world (x, y)."""

Columns = Mapping[str, type]
"""Name → int, float, bool, str or datetime (UTC); any of them may be missing in a feature."""

DEPOSITS: Columns = MappingProxyType(
    {
        "id": int,
        "class": str,
        "area_ha": float,
        "area_ha_low": float,
        "area_ha_high": float,
        "perimeter_m": float,
        "mean_probability": float,
        "touches_edge": bool,
        "observed_share": float,
        "scene": str,
        "acquired": datetime,
        "model_sha256": str,
        "duplicate_of": int,
    }
)
"""Columns of a layer of deposits."""

ARRAYS: Mapping[type, str] = MappingProxyType(
    {int: "int64", float: "float64", bool: "bool", str: "object", datetime: "datetime64[ms]"}
)
EMPTY: Mapping[type, Any] = MappingProxyType(
    {int: 0, float: np.nan, bool: False, str: None, datetime: np.datetime64("NaT")}
)
"""What stands in the array where a value is missing."""

UTC_FLAG = 100
"""How GDAL marks a time as UTC."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Feature:
    """One deposit: its pieces in world coordinates, and its values by column."""

    parts: Parts
    properties: Mapping[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class _Batch:
    """Some features as arrays: WKB (n,), values and where they are missing, by column."""

    geometry: NDArray[np.object_]
    values: Mapping[str, NDArray[Any]]
    missing: Mapping[str, NDArray[np.bool_]]
    bounds: tuple[float, float, float, float] | None


@dataclass(frozen=True, slots=True, kw_only=True)
class _Layer:
    """What a writer needs to know beside the features."""

    columns: Columns
    crs: str | None
    projjson: Mapping[str, Any] | None


def write_deposits(
    path: Path,
    features: Iterable[Feature],
    crs: str | None,
    *,
    columns: Columns = DEPOSITS,
    projjson: Mapping[str, Any] | None = None,
) -> Path:
    """One layer of deposits; the suffix of the path chooses the format, one of ``WRITERS``.

    Args:
        features: in any number, also none; rings may run either way.
        crs: of the coordinates, an EPSG code or WKT; x goes before y whatever the code says. None off the map.
        columns: in this order; a feature may leave some out, but brings none that is not here.
        projjson: the same projection as PROJJSON, which GeoParquet wants (``instruments.geodesy.projjson``).

    Raises:
        UsageError: the suffix is unknown, a feature has a column that is not in ``columns``, or GeoParquet comes
            without ``projjson``.
        NoGeometry: GeoJSON, which is longitude and latitude, without a projection.
        BadInput: the projection is unknown.
        MissingExtra: pyogrio or pyarrow is not installed.
    """
    if path.suffix not in WRITERS:
        raise UsageError(f"{path.name} has no known vector format: end the name in {', '.join(WRITERS)}")
    layer = _Layer(columns=columns, crs=crs, projjson=projjson)
    with replacing(path) as temporary:
        # GDAL looks at the suffix, so the draft keeps it.
        draft = temporary.with_suffix(path.suffix)
        try:
            WRITERS[path.suffix](draft, _batches(features, path, columns), layer, path)
            os.replace(draft, temporary)
        finally:
            for leftover in (draft, Path(f"{draft}-journal")):
                leftover.unlink(missing_ok=True)
    return path


def _batches(features: Iterable[Feature], path: Path, columns: Columns) -> Iterator[_Batch]:
    """At least one batch, so that an empty layer has its columns too."""
    stream = iter(features)
    batch = list(islice(stream, BATCH))
    while True:
        yield _batch(batch, path, columns)
        batch = list(islice(stream, BATCH))
        if not batch:
            return


def _batch(features: list[Feature], path: Path, columns: Columns) -> _Batch:
    for feature in features:
        unknown = sorted(set(feature.properties) - set(columns))
        if unknown:
            raise UsageError(f"{path.name} has no column {unknown[0]!r}: its columns are {', '.join(columns)}")
    geometry = np.empty(len(features), object)
    geometry[:] = [_wkb(feature.parts) for feature in features]
    values, missing = {}, {}
    for name, kind in columns.items():
        raw = [feature.properties.get(name) for feature in features]
        missing[name] = np.array([value is None for value in raw], bool)
        plain = [EMPTY[kind] if value is None else _plain(value) for value in raw]
        values[name] = np.array(plain, ARRAYS[kind])
    rings = [exterior for feature in features for exterior, _ in feature.parts]
    bounds = None
    if rings:
        points = np.concatenate(rings)
        bounds = (*points.min(axis=0).tolist(), *points.max(axis=0).tolist())
    return _Batch(geometry=geometry, values=values, missing=missing, bounds=bounds)


def _plain(value: Any) -> Any:
    """Times in UTC without a zone; a time without zone is taken for UTC."""
    if isinstance(value, datetime) and value.tzinfo is not None:
        return value.astimezone(UTC).replace(tzinfo=None)
    return value


def polygon_wkb(exterior: NDArray[Any], holes: Sequence[NDArray[Any]]) -> bytes:
    """A polygon in well-known binary, little-endian; exterior counter-clockwise, holes clockwise, whatever they were."""
    found = [pack("<BII", 1, 3, 1 + len(holes))]
    for ring, left in chain([(exterior, True)], ((hole, False) for hole in holes)):
        points = np.ascontiguousarray(ring, "<f8")
        # Seen from the ring's own start, so that large coordinates cost no digits.
        x, y = (points - points[0]).T
        turned = (float(np.dot(x[:-1], y[1:]) - np.dot(x[1:], y[:-1])) > 0) != left
        found += [pack("<I", len(points)), (points[::-1] if turned else points).tobytes()]
    return b"".join(found)


def _wkb(parts: Parts) -> bytes:
    """A multipolygon in well-known binary."""
    return pack("<BII", 1, 6, len(parts)) + b"".join(polygon_wkb(exterior, holes) for exterior, holes in parts)


def _pyogrio() -> Any:
    try:
        import pyogrio
    except ImportError:
        raise MissingExtra("pyogrio", "geo", "it writes vector files") from None
    return pyogrio


def _ogr(draft: Path, batch: _Batch, layer: _Layer, driver: str, **options: Any) -> None:
    """Write a batch with GDAL."""
    pyogrio = _pyogrio()
    times = [name for name, kind in layer.columns.items() if kind is datetime]
    zones = {name: np.full(len(batch.geometry), UTC_FLAG, np.int8) for name in times}
    with warnings.catch_warnings():
        # A raster off the map has no projection, and its reader was told so.
        warnings.filterwarnings("ignore", message="'crs' was not provided")
        try:
            pyogrio.raw.write(
                draft,
                batch.geometry,
                list(batch.values.values()),
                list(batch.values),
                field_mask=list(batch.missing.values()),
                layer=LAYER,
                driver=driver,
                geometry_type="MultiPolygon",
                crs=layer.crs,
                gdal_tz_offsets=zones,
                **options,
            )
        except pyogrio.errors.CRSError:
            raise BadInput(
                f"{str(layer.crs)[:80]!r} is no map projection: give an EPSG code such as EPSG:32723, or WKT"
            ) from None


def _whole(batches: Iterable[_Batch]) -> _Batch:
    """All batches as one, for formats that cannot grow."""
    every = list(batches)
    return _Batch(
        geometry=np.concatenate([b.geometry for b in every]),
        values={name: np.concatenate([b.values[name] for b in every]) for name in every[0].values},
        missing={name: np.concatenate([b.missing[name] for b in every]) for name in every[0].missing},
        bounds=None,
    )


def _geopackage(draft: Path, batches: Iterable[_Batch], layer: _Layer, path: Path) -> None:
    for number, batch in enumerate(batches):
        # Version 1.2, which the GDAL of older systems reads without a warning.
        _ogr(draft, batch, layer, "GPKG", append=number > 0, dataset_options={"VERSION": "1.2"})


def _geojson(draft: Path, batches: Iterable[_Batch], layer: _Layer, path: Path) -> None:
    if layer.crs is None:
        raise NoGeometry(
            f"{path.name} holds longitudes and latitudes, but the scene has no map projection: "
            "write it with one, or ask for a GeoPackage"
        )
    _ogr(draft, _whole(batches), layer, "GeoJSON", layer_options={"RFC7946": "YES", "COORDINATE_PRECISION": "7"})


def _flatgeobuf(draft: Path, batches: Iterable[_Batch], layer: _Layer, path: Path) -> None:
    _ogr(draft, _whole(batches), layer, "FlatGeobuf")


def _geoparquet(draft: Path, batches: Iterable[_Batch], layer: _Layer, path: Path) -> None:
    try:
        import pyarrow as pa
        from pyarrow import parquet
    except ImportError:
        raise MissingExtra("pyarrow", "geo", "it writes GeoParquet") from None
    if layer.crs is not None and layer.projjson is None:
        raise UsageError(f"{path.name} names its projection as PROJJSON: give projjson beside the crs")
    kinds = {
        int: pa.int64(),
        float: pa.float64(),
        bool: pa.bool_(),
        str: pa.string(),
        datetime: pa.timestamp("ms", "UTC"),
    }
    schema = pa.schema([*((name, kinds[kind]) for name, kind in layer.columns.items()), ("geometry", pa.binary())])
    bounds = []
    with parquet.ParquetWriter(draft, schema, compression="zstd") as writer:
        for batch in batches:
            arrays = [
                pa.array(values, kinds[layer.columns[name]], mask=batch.missing[name], from_pandas=True)
                for name, values in batch.values.items()
            ]
            writer.write_table(pa.table([*arrays, pa.array(batch.geometry, pa.binary())], schema=schema))
            bounds += [batch.bounds] if batch.bounds else []
        geometry: dict[str, Any] = {
            "encoding": "WKB",
            "geometry_types": ["MultiPolygon"],
            "crs": layer.projjson,
            "orientation": "counterclockwise",
            "edges": "planar",
        }
        if bounds:
            corners = np.array(bounds)
            geometry["bbox"] = [*corners[:, :2].min(axis=0).tolist(), *corners[:, 2:].max(axis=0).tolist()]
        about = {"version": "1.1.0", "primary_column": "geometry", "columns": {"geometry": geometry}}
        writer.add_key_value_metadata({"geo": json.dumps(about)})


WRITERS: Mapping[str, Callable[[Path, Iterable[_Batch], _Layer, Path], None]] = MappingProxyType(
    {".gpkg": _geopackage, ".geojson": _geojson, ".parquet": _geoparquet, ".fgb": _flatgeobuf}
)
"""Suffix → writer."""
