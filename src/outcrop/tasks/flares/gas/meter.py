"""Readings of a gas meter from a CSV file, and which picture each belongs to.

One row per reading: the picture's name or the time, the flow, and its unit (a column, or one for the file):

    image,flow,unit
    north_0412,212.5,thousand m3/day
"""

import csv
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from math import isfinite
from pathlib import Path, PurePath
from types import MappingProxyType

from outcrop.core.errors import BadInput, DamagedFile, WrongUnit
from outcrop.tasks.flares.gas.composition import reference_of
from outcrop.tasks.flares.gas.flow import convert, flow_unit

COLUMNS: Mapping[str, tuple[str, ...]] = MappingProxyType(
    {
        "image": ("image", "stem", "picture", "photo", "file", "filename", "name", "frame"),
        "time": ("time", "timestamp", "datetime", "date_time", "observed_at", "date"),
        "flow": ("flow", "volume", "flow_rate", "reading", "meter", "value"),
        "unit": ("unit", "units"),
        "reference": ("reference", "reference_c", "reference_temperature_c", "reference_temperature"),
    }
)
"""What a column says → names it may have, the first one found is read; case and blanks do not matter."""

WITHIN = timedelta(minutes=30)
"""How far apart a picture and a reading may lie when they are matched by time."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Reading:
    """One reading.

    Attributes:
        line: in the file, 1 is the header.
        flow: thousand m³/day at the reference temperature that was asked for.
        image: name of the picture without its ending; None where rows have times.
        time: UTC; None where rows have pictures.
    """

    line: int
    flow: float
    image: str | None = None
    time: datetime | None = None


def read_meter(
    path: Path, *, reference: float, unit: str | None = None, counted_at: float | None = None
) -> tuple[Reading, ...]:
    """All readings of a file, in thousand m³/day at one reference temperature.

    Args:
        reference: °C, wanted.
        unit: of all rows, where the file has no column for it.
        counted_at: reference temperature of the meter, °C, where neither unit nor a column says it.

    Raises:
        DamagedFile: no CSV in UTF-8, or no row.
        BadInput: no column of flow, of picture or time; a cell that is no number, below 0, or no time; a reading twice.
        WrongUnit: no unit, an amount without a time (m³ for m³/h), or no reference temperature.
    """
    header, rows, decimal = _rows(path)
    column = {what: next((header.index(n) for n in names if n in header), None) for what, names in COLUMNS.items()}
    if column["flow"] is None:
        raise BadInput(f"{path.name} has no column of flow, only {', '.join(header)}: name one of them 'flow'")
    if column["image"] is None and column["time"] is None:
        raise BadInput(f"{path.name} tells neither picture nor time of a reading: add a column 'image' or 'time'")
    if column["unit"] is None and unit is None:
        raise WrongUnit(f"{path.name} has no column 'unit' and none was given: add it, such as thousand m3/day or m3/h")
    readings = [_reading(path, line, row, column, decimal, reference, unit, counted_at) for line, row in rows]
    seen: dict[tuple[str | None, datetime | None], int] = {}
    for found in readings:
        key = (found.image, found.time)
        if key in seen:
            raise BadInput(
                f"{path.name}, lines {seen[key]} and {found.line} are both of {found.image or found.time}: keep one"
            )
        seen[key] = found.line
    return tuple(readings)


def _rows(path: Path) -> tuple[list[str], list[tuple[int, list[str]]], str]:
    """Header, (line, cells) of the rows, and the decimal separator: a comma only where it does not part the cells."""
    try:
        text = path.read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        raise DamagedFile(f"{path.name} is no text in UTF-8 ({type(error).__name__}): save it as CSV") from None
    first = text.partition("\n")[0]
    delimiter = max(",;\t", key=first.count)
    lines = [
        (n, [c.strip() for c in row]) for n, row in enumerate(csv.reader(text.splitlines(), delimiter=delimiter), 1)
    ]
    lines = [(n, row) for n, row in lines if any(row)]
    if len(lines) < 2:
        raise DamagedFile(f"{path.name} holds no reading: give a header and a row per reading")
    return ["_".join(name.lower().split()) for name in lines[0][1]], lines[1:], "." if delimiter == "," else ","


def _reading(
    path: Path,
    line: int,
    row: Sequence[str],
    column: Mapping[str, int | None],
    decimal: str,
    reference: float,
    unit: str | None,
    counted_at: float | None,
) -> Reading:
    def cell(what: str) -> str:
        place = column[what]
        return row[place] if place is not None and place < len(row) else ""

    where = f"{path.name}, line {line}"
    try:
        value = float(cell("flow").replace(" ", "").replace(decimal, "."))
    except ValueError:
        value = float("nan")
    if not isfinite(value) or value < 0:
        raise BadInput(f"{where}: the flow is {cell('flow')!r}, where a number of 0 or more is wanted: mend or drop it")
    name = cell("unit") or unit or ""
    if not name:
        raise WrongUnit(f"{where} has no unit: write it, such as thousand m3/day")
    try:
        said = reference_of(cell("reference")) if cell("reference") else counted_at
        implied = flow_unit(name).reference
        if said is None and implied is None:
            raise WrongUnit(f"{name} says nothing of its reference temperature: give 0, 15, 15.56 or 20 °C")
        from_reference = None if implied is not None and not cell("reference") else said
        flow = float(convert(value, name, "thousand m3/day", reference=from_reference, to=reference))
    except WrongUnit as error:
        raise WrongUnit(f"{where}: {error}") from None
    if image := cell("image"):
        return Reading(line=line, flow=flow, image=PurePath(image.replace("\\", "/")).stem)
    return Reading(line=line, flow=flow, time=_time(cell("time"), where))


def _time(text: str, where: str) -> datetime:
    """A time in ISO 8601; without a zone it is UTC."""
    try:
        found = datetime.fromisoformat(text)
    except ValueError:
        raise BadInput(f"{where}: {text!r} is no time: write it as 2024-05-31T14:30:00Z, in UTC") from None
    return found.replace(tzinfo=UTC) if found.tzinfo is None else found.astimezone(UTC)


def matched(
    readings: Sequence[Reading],
    images: Sequence[str],
    times: Mapping[str, datetime] | None = None,
    *,
    within: timedelta = WITHIN,
) -> tuple[dict[str, Reading], list[str]]:
    """Picture → its reading, and a sentence on what stayed alone.

    Args:
        images: names of pictures, endings aside.
        times: when each was taken; a picture without time matches by name only. Naive times are UTC.

    Returns:
        the pairs, by the names in ``images``; readings of 0 are left out, since a line in logarithms cannot hold them.
    """
    usable = [reading for reading in readings if reading.flow > 0]
    by_name = {reading.image: reading for reading in usable if reading.image}
    timed = [reading for reading in usable if reading.time]
    pairs: dict[str, Reading] = {}
    for image in images:
        taken = (times or {}).get(image)
        if found := by_name.get(PurePath(image).stem) or by_name.get(image):
            pairs[image] = found
        elif taken is not None and timed:
            moment = taken.replace(tzinfo=UTC) if taken.tzinfo is None else taken
            gap, best = min(((abs(r.time - moment), r) for r in timed if r.time), key=lambda pair: pair[0])
            if gap <= within:
                pairs[image] = best
    notes = []
    if zeros := len(readings) - len(usable):
        notes.append(f"{zeros} readings of 0 are left out of the calibration.")
    if alone := [image for image in images if image not in pairs]:
        notes.append(f"{len(alone)} pictures have no meter reading, the first is {alone[0]}.")
    if spare := len(usable) - len({reading.line for reading in pairs.values()}):
        notes.append(f"{spare} meter readings have no picture.")
    return pairs, notes
