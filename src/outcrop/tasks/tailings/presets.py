"""Regulators' presets: how registers name their columns, and how ANM wants outlines handed in.

Columns of SIGBM: the table that ANM's dam register exports. Columns of SERNAGEOMIN: the register of October 2025
(spreadsheet and feature layer). The export follows ANM Resolution 142/2023: geodetic coordinates in SIRGAS2000,
written ±GG:MM:SS,SSS, simple geometries, one file for one kind of feature, zipped Shapefile preferred. SIRGAS2000 and
WGS84 differ by centimetres, far less than a Sentinel-2 pixel, so longitudes and latitudes pass unchanged.
"""

import csv
import zipfile
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, fields
from pathlib import Path
from tempfile import TemporaryDirectory
from types import MappingProxyType
from typing import Any, Literal

import numpy as np

from outcrop.core.errors import BadInput, MissingExtra
from outcrop.outputs import replacing
from outcrop.tasks.tailings.deposit import Deposit, Part, Ring, turned

Names = str | tuple[str, ...] | None
"""One column that must be there, or several names of which the first one found is read."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Columns:
    """Which column of a register says what; case, accents and signs in names do not matter.

    Attributes:
        declared_area: area as its owner declared it; ``area_unit`` is one of "m²", "ha", "km²".
        decimal: decimal separator of the declared area, "." or ","; None reads it off the column.
        snapshot: date of the state (YYYY-MM-DD), in files that hold several states of the register.
        extent: (west, south, east, north) in degrees, where all entries must lie; None when unknown.
        note: what a reader of the results must know about this register.
    """

    id: Names = ("id",)
    lon: Names = ("lon", "longitude", "long", "lng")
    lat: Names = ("lat", "latitude")
    name: Names = ("name",)
    declared_area: Names = ("declared_area", "declared_area_m2", "area_m2", "area")
    area_unit: str = "m²"
    status: Names = ("status",)
    snapshot: Names = ("snapshot",)
    decimal: Literal[".", ","] | None = None
    extent: tuple[float, float, float, float] | None = None
    note: str = ""


BRAZIL = (-74.1, -33.9, -28.8, 5.4)
CHILE = (-76.0, -56.5, -66.0, -17.0)

PRESETS = MappingProxyType(
    {
        "sigbm": Columns(
            id=("ID Barragem", "ID da Barragem"),
            lon=("lon", "Longitude"),
            lat=("lat", "Latitude"),
            name=("Nome da Barragem", "NomeBarragem"),
            declared_area=None,
            status=("Situação Operacional",),
            extent=BRAZIL,
            note="ANM's SIGBM lists tailings dams; waste-rock dumps need no entry, and some entries hold water or sediment.",
        ),
        "mg-area": Columns(
            id=("ID Barragem",),
            lon=("Longitude", "lon"),
            lat=("Latitude", "lat"),
            name=("NomeBarragem", "Nome da Barragem"),
            declared_area=("AreaReservatorio_m2",),
            decimal=".",
            extent=BRAZIL,
            note="The declared area is the reservoir's, which need not be the whole deposit.",
        ),
        "sernageomin": Columns(
            id=("ID", "ID_DEPOSITO", "CODIGO"),
            lon=("LONGITUD", "LONGITUDE"),
            lat=("LATITUD", "LATITUDE"),
            name=("NOMBRE_INSTALACION", "NOMBRE_DEPOSITO"),
            declared_area=("Shape_Area", "SHAPE_Area"),
            status=("ESTADO_INSTALACION",),
            extent=CHILE,
            note="SERNAGEOMIN's Shape_Area is the area of an outline drawn by the register in the projection of its layer, "
            "not a declaration; in Web Mercator it is too large by 1 / cos² of the latitude.",
        ),
    }
)
"""Registers by name."""

SETTINGS = {
    "registry": "register of deposits or dams to compare with: CSV, Excel or GeoPackage",
    "preset": f"which register it is: {', '.join(PRESETS)}",
    **{
        f.name: "column of the register, or how it is written"
        for f in fields(Columns)
        if f.name not in ("extent", "note")
    },
}
"""What a run can be asked for."""


def sexagesimal(degrees: float) -> str:
    """±GG:MM:SS,SSS, rounded to a thousandth of a second without ever showing 60 seconds.

    >>> sexagesimal(-13.00334361), sexagesimal(2.1699999999), sexagesimal(-70.5)
    ('-13:00:12,037', '+02:10:12,000', '-70:30:00,000')
    """
    thousandths = round(abs(degrees) * 3_600_000)
    minutes, rest = divmod(thousandths, 60_000)
    sign = "-" if degrees < 0 and thousandths else "+"
    return f"{sign}{minutes // 60:02d}:{minutes % 60:02d}:{rest // 1000:02d},{rest % 1000:03d}"


FIELDS = ("id", "part", "area_m2", "area_low", "area_high", "date", "latitude", "longitude", "edge")
"""Fields of the Shapefile; a name there has at most ten letters. Area and its interval are the whole deposit's."""

VERTICES = ("id", "part", "ring", "vertex", "latitude", "longitude")
"""Columns of the list of corners: ring 0 is the exterior, the others are holes; a ring ends where it began."""


def anm_features(deposits: Sequence[Deposit], folder: Path, stem: str = "deposits") -> list[Path]:
    """``<stem>.anm.zip`` (Shapefile in EPSG:4674, UTF-8), ``<stem>.anm.csv`` (deposits) and ``<stem>.anm.vertices.csv``.

    A deposit of several pieces becomes several simple polygons with the same id. The CSV files are separated by
    semicolons, since ANM's seconds have a decimal comma; they begin with a byte order mark, so that spreadsheets read
    them as UTF-8.

    Raises:
        BadInput: there is nothing to hand in, or an outline has no area.
        MissingExtra: pyogrio or shapely is not installed.
    """
    pieces = [(deposit, number, part) for deposit in deposits for number, part in enumerate(deposit.parts, 1)]
    if not pieces:
        raise BadInput(
            "there is no deposit to hand in, where ANM's files need at least one: lower the threshold, or stop here"
        )
    records = [_record(deposit, number) for deposit, number, _ in pieces]
    archive = _shapefile(folder / f"{stem}.anm.zip", f"{stem}_anm", records, [part for _, _, part in pieces])
    table = _semicolons(folder / f"{stem}.anm.csv", FIELDS, ([_written(row[f]) for f in FIELDS] for row in records))
    return [archive, table, _semicolons(folder / f"{stem}.anm.vertices.csv", VERTICES, _corners(pieces))]


def _record(deposit: Deposit, part: int) -> dict[str, Any]:
    """The fields of one polygon."""
    low, high = deposit.area.interval()
    longitude, latitude = deposit.centroid
    values = (deposit.id, part, deposit.area.value, low, high, deposit.date)
    return dict(
        zip(FIELDS, (*values, sexagesimal(latitude), sexagesimal(longitude), int(deposit.touches_edge)), strict=True)
    )


def _written(value: Any) -> str:
    """A field in the CSV: areas to a square metre, an unknown date empty."""
    return f"{value:.0f}" if isinstance(value, float) else "" if value is None else str(value)


def _corners(pieces: Iterable[tuple[Deposit, int, Part]]) -> Iterable[list[str]]:
    for deposit, number, (exterior, holes) in pieces:
        for ring, points in enumerate((exterior, *holes)):
            for vertex, (longitude, latitude) in enumerate(_closed(points), 1):
                yield [deposit.id, str(number), str(ring), str(vertex), sexagesimal(latitude), sexagesimal(longitude)]


def _closed(ring: Ring) -> Ring:
    """A ring whose first point stands again at its end, longitudes within ±180°."""
    points = np.column_stack([turned(ring[:, 0], 0.0), ring[:, 1]])
    return points if np.array_equal(points[0], points[-1]) else np.vstack([points, points[:1]])


def _semicolons(path: Path, columns: Sequence[str], rows: Iterable[Sequence[str]]) -> Path:
    with replacing(path) as temporary, temporary.open("w", encoding="utf-8-sig", newline="") as file:
        writer = csv.writer(file, delimiter=";", lineterminator="\r\n")
        writer.writerow(columns)
        writer.writerows(rows)
    return path


def _shapefile(path: Path, layer: str, records: Sequence[dict[str, Any]], parts: Sequence[Part]) -> Path:
    """A zipped Shapefile of simple polygons, with its encoding said in a .cpg file."""
    try:
        import shapely
        from pyogrio.raw import write
    except ImportError:
        raise MissingExtra("pyogrio", "geo", "the Shapefile that ANM prefers") from None
    shapes = [shapely.Polygon(_closed(exterior), [_closed(hole) for hole in holes]) for exterior, holes in parts]
    empty = next((record["id"] for record, shape in zip(records, shapes, strict=True) if not shape.area), None)
    if empty is not None:
        raise BadInput(f"deposit {empty} has an outline without area: measure it again before handing it in")
    kinds: dict[str, Any] = {"part": np.int32, "edge": np.int32, "date": "datetime64[D]"}
    kinds |= dict.fromkeys(("area_m2", "area_low", "area_high"), np.float64)
    columns = [np.array([r[f] for r in records], kinds.get(f, object)) for f in FIELDS]
    with TemporaryDirectory() as folder:
        write(
            str(Path(folder) / f"{layer}.shp"), shapely.to_wkb(shapes), columns, list(FIELDS), driver="ESRI Shapefile",
            geometry_type="Polygon", crs="EPSG:4674", encoding="UTF-8",
        )  # fmt: skip
        with replacing(path) as temporary, zipfile.ZipFile(temporary, "w", zipfile.ZIP_DEFLATED) as archive:
            for file in sorted(Path(folder).iterdir()):
                archive.write(file, file.name)
    return path
