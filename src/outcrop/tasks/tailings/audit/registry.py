"""A register of tailings dams as clean entries, with every row that was left out and why.

What registers get wrong, and what happens to it: exchanged longitude and latitude or lost minus signs in the bulk of
the rows are refused; single rows like that, positions at 0, 0 and impossible angles are left out and counted; a
declared area that cannot be read, or is zero, leaves the entry without one. Owners' names are never read.
"""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime
from pathlib import Path
from types import MappingProxyType
from typing import Any

import numpy as np
from numpy.typing import NDArray

from outcrop.core.errors import BadInput, UsageError, WrongUnit
from outcrop.instruments.outline_relations import metres_per_degree, turned
from outcrop.tasks.tailings.audit.cells import degrees, text_of
from outcrop.tasks.tailings.audit.checks import declared_areas, fault, refuse_slips
from outcrop.tasks.tailings.audit.presets import PRESETS, Columns, Names
from outcrop.tasks.tailings.audit.sheet import Sheet, normal, read_sheet

SQUARE_METRES = MappingProxyType({"m²": 1.0, "m2": 1.0, "ha": 1e4, "hectare": 1e4, "km²": 1e6, "km2": 1e6})
"""Unit of a declared area → m²."""

Kept = tuple[int, str, float, float, Mapping[str, Any]]
"""Row, id, longitude, latitude, cells."""

DOUBTFUL = (500.0, 1e8)
"""Declared areas (m²) outside this are smaller than a few pixels or larger than any tailings deposit: never averaged."""

FAR_STATE = 183
"""Days between the state of the register and the image from which a note says so."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """One registered dam or deposit.

    Attributes:
        lon, lat: degrees.
        declared_area: m², None when the register gives none that can be used.
        row: row of the file, 1 being the header of a table.
        moved: how far, in m, the farthest position in the file's other states of the register lies from this one.
    """

    id: str
    lon: float
    lat: float
    row: int
    name: str = ""
    declared_area: float | None = None
    status: str = ""
    moved: float = 0.0

    @property
    def doubtful(self) -> bool:
        """The declared area is likely in another unit than the register says."""
        return self.declared_area is not None and not DOUBTFUL[0] <= self.declared_area <= DOUBTFUL[1]


@dataclass(frozen=True, slots=True, kw_only=True)
class LeftOut:
    """A row, or the declared area of a row, that was not used."""

    row: int
    id: str
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Registry:
    """A register at one date.

    Attributes:
        entries: rows with a usable position, one for every id.
        left_out: rows without; entries and left_out together are all rows of this state.
        without_area: entries that stayed, but whose declared area could not be used.
        state: date of the state that was read, None when the file holds only one without date.
        notes: how the file was read, one sentence each.
    """

    name: str
    entries: tuple[Entry, ...]
    left_out: tuple[LeftOut, ...] = ()
    without_area: tuple[LeftOut, ...] = ()
    state: date | None = None
    notes: tuple[str, ...] = ()


def read_registry(path: Path | str, columns: Columns | str = Columns(), *, when: date | None = None) -> Registry:  # noqa: B008  (frozen)
    """A register from CSV (also gzipped), Excel or GeoPackage.

    Args:
        columns: which column says what, or the name of a preset: "sigbm", "mg-area", "sernageomin".
        when: date of the image; of a file with several states of the register the nearest is read, else the latest.

    Raises:
        UsageError: no such file or preset.
        BadInput: a needed column is missing, no row is usable, or numbers can be read in two ways.
        NoGeometry: most positions are exchanged, without their signs, in metres, or no angles.
        WrongUnit: the unit of the declared area is unknown.
    """
    path = Path(path)
    said = _preset(columns) if isinstance(columns, str) else columns
    if said.area_unit not in SQUARE_METRES:
        raise WrongUnit(f"declared areas of {path.name} cannot be in {said.area_unit!r}: give m², ha or km²")
    fields = ("id", "lon", "lat", "name", "declared_area", "status", "snapshot")
    sheet = read_sheet(path, [name for field in fields for name in _names(getattr(said, field))])
    found = {field: _column(path, sheet, field, getattr(said, field)) for field in fields}
    sheet, state, moved, notes = _state(path, sheet, found, when)
    places = _places(sheet, found)
    refuse_slips(path.name, places, said.extent)
    kept, left_out = _positions(sheet, found, places, said)
    entries, without = _entries(path.name, kept, found, moved, said)
    left_out = (*(LeftOut(row=row, id="", reason=why) for row, why in sheet.broken), *left_out)
    if not entries:
        raise BadInput(
            f"{path.name} has no row with a usable position ({counted(left_out)}): check its columns, or correct it"
        )
    notes += [f"{path.name}: {counted(left_out)}; {len(entries)} rows are left."] if left_out else []
    notes += _doubts(path.name, entries)
    notes += [f"{path.name}: no declared area for {counted(without)}."] if without else []
    notes += [said.note] if said.note else []
    return Registry(
        name=path.name,
        entries=entries,
        left_out=left_out,
        without_area=without,
        state=state,
        notes=(*sheet.notes, *notes),
    )


def counted(left_out: tuple[LeftOut, ...]) -> str:
    """How many rows for which reason: "11 × position at 0, 0; 2 × no position"."""
    reasons = Counter(row.reason.split(":")[0] for row in left_out)
    return "; ".join(f"{count} × {reason}" for reason, count in reasons.most_common()) or "none"


def _doubts(name: str, entries: tuple[Entry, ...]) -> list[str]:
    """What to say about declared areas that are likely in another unit."""
    ids = [entry.id for entry in entries if entry.doubtful]
    low, high = DOUBTFUL[0], DOUBTFUL[1] / 1e6
    return (
        [f"{name}: declared areas below {low:g} m² or above {high:g} km² are doubtful: {', '.join(ids)}."]
        if ids
        else []
    )


def _preset(name: str) -> Columns:
    if name not in PRESETS:
        raise UsageError(
            f"there is no register preset {name!r}: choose one of {', '.join(PRESETS)}, or map the columns"
        )
    return PRESETS[name]


def _names(names: Names) -> tuple[str, ...]:
    return () if names is None else (names,) if isinstance(names, str) else names


def _column(path: Path, sheet: Sheet, field: str, names: Names) -> str | None:
    """Normal name of the column of a field; None when the file may lack it and does."""
    there = {normal(name) for name in sheet.header}
    found = next((normal(name) for name in _names(names) if normal(name) in there), None)
    needed = field == "id" or (field in ("lon", "lat") and sheet.points is None) or isinstance(names, str)
    if found is None and needed:
        raise BadInput(
            f"{path.name} has no column {' or '.join(map(repr, _names(names))) or 'for ' + field} for {field}, "
            f"only {', '.join(name for name in sheet.header if name)}: map {field} to one of them, or name a preset"
        )
    return found


def _state(
    path: Path, sheet: Sheet, found: Mapping[str, str | None], when: date | None
) -> tuple[Sheet, date | None, dict[str, float], list[str]]:
    """The rows of one state of the register, its date, and how far each id moves between states."""
    column = found["snapshot"]
    if column is None:
        return sheet, None, {}, []
    dates = [_date(cells.get(column)) for _, cells in sheet.rows]
    known = sorted({d for d in dates if d is not None})
    if not known or None in dates:
        row = sheet.rows[dates.index(None)][0] if sheet.rows else 1
        raise BadInput(
            f"{path.name} has no date such as 2022-05-05 in column {column!r} of row {row}: correct the file"
        )
    state = min(known, key=lambda d: abs((d - when).days)) if when else known[-1]
    chosen = [index for index, d in enumerate(dates) if d == state]
    moved = _moved(sheet, found, chosen) if len(known) > 1 else {}
    points = None if sheet.points is None else tuple(sheet.points[i] for i in chosen)
    one = Sheet(
        header=sheet.header,
        rows=tuple(sheet.rows[i] for i in chosen),
        points=points,
        broken=sheet.broken,
        notes=sheet.notes,
    )
    notes = [f"{path.name} holds {len(known)} states from {known[0]} to {known[-1]}: that of {state} was read."]
    if when and abs((state - when).days) > FAR_STATE:
        notes.append(f"The register's state of {state} lies {abs((state - when).days)} days from the image of {when}.")
    return one, state, moved, notes


def _date(cell: Any) -> date | None:
    if isinstance(cell, datetime):
        return cell.date()
    try:
        return cell if isinstance(cell, date) else date.fromisoformat(text_of(cell)[:10])
    except ValueError:
        return None


def _places(sheet: Sheet, found: Mapping[str, str | None]) -> NDArray[np.float64]:
    """Longitude and latitude of every row, (n, 2); NaN where the cells hold no angle."""
    if sheet.points is not None:
        pairs: list[Any] = [point or (np.nan, np.nan) for point in sheet.points]
    else:
        pairs = [tuple(degrees(cells.get(found[field] or "")) for field in ("lon", "lat")) for _, cells in sheet.rows]
    return np.array(pairs, float).reshape(-1, 2)  # None becomes NaN


def _moved(sheet: Sheet, found: Mapping[str, str | None], chosen: list[int]) -> dict[str, float]:
    """Id → largest distance (m) between its position in the chosen state and in the others."""
    places = _places(sheet, found)
    places[~places.any(axis=1)] = np.nan
    ids = [text_of(cells.get(found["id"] or "")) for _, cells in sheet.rows]
    home = {ids[i]: i for i in chosen}
    there = np.array([i for i, id in enumerate(ids) if id in home])
    here = places[[home[ids[i]] for i in there]]
    gap = np.column_stack([turned(places[there, 0] - here[:, 0], 0.0), places[there, 1] - here[:, 1]])
    scale = np.array([metres_per_degree(latitude) for latitude in here[:, 1]]).reshape(-1, 2)
    far: dict[str, float] = {}
    for i, metres in zip(there, np.nan_to_num(np.hypot(*(gap * scale).T)).tolist(), strict=True):
        far[ids[i]] = max(far.get(ids[i], 0.0), metres)
    return far


def _positions(
    sheet: Sheet, found: Mapping[str, str | None], places: NDArray[np.float64], said: Columns
) -> tuple[list[Kept], tuple[LeftOut, ...]]:
    """Rows with a usable position, and the others with their reasons."""
    kept: list[Kept] = []
    left: list[LeftOut] = []
    first: dict[str, int] = {}
    for (row, cells), (lon, lat) in zip(sheet.rows, places.tolist(), strict=True):
        id = text_of(cells.get(found["id"] or ""))
        why = "no id" if not id else fault(lon, lat, said.extent)
        if not why and id in first:
            why = f"id given twice: row {first[id]} has it already"
        if why:
            left.append(LeftOut(row=row, id=id, reason=why))
        else:
            first[id] = row
            kept.append((row, id, lon if abs(lon) <= 180 else float(turned(lon, 0.0)), lat, cells))
    return kept, tuple(left)


def _entries(
    name: str, kept: list[Kept], found: Mapping[str, str | None], moved: Mapping[str, float], said: Columns
) -> tuple[tuple[Entry, ...], tuple[LeftOut, ...]]:
    """The entries, and those of them whose declared area cannot be used."""
    column = found["declared_area"]
    areas: dict[int, float] = {}
    reasons: dict[int, str] = {}
    if column is not None:
        texts = {row: cells.get(column) for row, _, _, _, cells in kept}
        areas, reasons = declared_areas(name, column, texts, said.decimal, SQUARE_METRES[said.area_unit])
    entries = tuple(
        Entry(
            id=id,
            lon=lon,
            lat=lat,
            row=row,
            name=text_of(cells.get(found["name"] or "")),
            declared_area=areas.get(row),
            status=text_of(cells.get(found["status"] or "")),
            moved=moved.get(id, 0.0),
        )
        for row, id, lon, lat, cells in kept
    )
    without = tuple(LeftOut(row=e.row, id=e.id, reason=reasons[e.row]) for e in entries if e.row in reasons)
    return entries, without
