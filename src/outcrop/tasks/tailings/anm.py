"""Deposits as Brazil's mining agency takes them (ANM Resolution 142/2023).

Geodetic coordinates in SIRGAS2000, written ±GG:MM:SS,SSS, simple geometries, one file for one kind of feature, zipped
Shapefile preferred. SIRGAS2000 and WGS84 differ by centimetres, far less than a Sentinel-2 pixel, so longitudes and
latitudes pass unchanged.
"""

import csv
from collections.abc import Iterable, Sequence
from datetime import date
from pathlib import Path
from typing import Any

import numpy as np

from outcrop.core.errors import BadInput
from outcrop.instruments.outline_relations import Part, Ring, turned
from outcrop.outputs import replacing
from outcrop.outputs.vector_shapefile import write_shapefile
from outcrop.tasks.tailings.deposit import Deposit

SIRGAS2000 = "EPSG:4674"


def sexagesimal(degrees: float) -> str:
    """±GG:MM:SS,SSS, rounded to a thousandth of a second without ever showing 60 seconds.

    >>> sexagesimal(-13.00334361), sexagesimal(2.1699999999), sexagesimal(-70.5)
    ('-13:00:12,037', '+02:10:12,000', '-70:30:00,000')
    """
    thousandths = round(abs(degrees) * 3_600_000)
    minutes, rest = divmod(thousandths, 60_000)
    sign = "-" if degrees < 0 and thousandths else "+"
    return f"{sign}{minutes // 60:02d}:{minutes % 60:02d}:{rest // 1000:02d},{rest % 1000:03d}"


FIELDS = {
    "id": str, "part": int, "area_m2": float, "area_low": float, "area_high": float, "date": date, "latitude": str,
    "longitude": str, "edge": int,
}  # fmt: skip
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
        MissingExtra: pyogrio is not installed.
    """
    pieces = [(deposit, number, part) for deposit in deposits for number, part in enumerate(deposit.parts, 1)]
    if not pieces:
        raise BadInput(
            "there is no deposit to hand in, where ANM's files need at least one: lower the threshold, or stop here"
        )
    records = [_record(deposit, number) for deposit, number, _ in pieces]
    outlines = [(_closed(exterior), tuple(_closed(hole) for hole in holes)) for _, _, (exterior, holes) in pieces]
    archive = write_shapefile(
        folder / f"{stem}.anm.zip", f"{stem}_anm", outlines, records, columns=FIELDS, crs=SIRGAS2000
    )
    table = _semicolons(
        folder / f"{stem}.anm.csv", tuple(FIELDS), ([_written(row[f]) for f in FIELDS] for row in records)
    )
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
