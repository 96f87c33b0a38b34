"""Regulators' forms as CSV or XLSX, from export records; what is not known is marked, never empty and never guessed."""

from collections.abc import Sequence
from datetime import date
from math import isnan
from pathlib import Path
from typing import Any

from outcrop.core.errors import MissingExtra, UsageError
from outcrop.outputs import replacing
from outcrop.outputs.table import cell, write_table
from outcrop.tasks.flares.gas.regimes import PRESETS, Record

FILL_IN = "FILL IN"
"""Stands in every cell that is the user's to fill."""


def form_columns(preset: str) -> tuple[str, ...]:
    """Columns of a regime in order.

    Raises:
        UsageError: no such regime.
    """
    if preset not in PRESETS:
        raise UsageError(f"no preset {preset!r}: choose one of {', '.join(PRESETS)}")
    return tuple(PRESETS[preset])


def form_row(record: Record, preset: str) -> dict[str, Any]:
    """One record in the columns of a regime; ``FILL_IN`` where the record does not say.

    Raises:
        UsageError: no such regime.
    """
    form_columns(preset)
    cells = {name: fill(record) for name, fill in PRESETS[preset].items()}
    return {name: FILL_IN if _missing(value) else value for name, value in cells.items()}


def write_form(records: Sequence[Record], preset: str, path: Path) -> Path:
    """A form as CSV or XLSX, by the ending of ``path``; an XLSX has a second sheet that explains itself.

    Raises:
        UsageError: no such regime, or another ending.
        MissingExtra: openpyxl is not installed.
    """
    columns, rows = form_columns(preset), [form_row(record, preset) for record in records]
    if path.suffix.lower() == ".csv":
        return write_table(path, columns, rows)
    if path.suffix.lower() != ".xlsx":
        raise UsageError(f"{path.name} is neither .csv nor .xlsx: give one of the two endings")
    try:
        from openpyxl import Workbook
    except ImportError:
        raise MissingExtra("openpyxl", "geo", "forms as XLSX; CSV needs nothing") from None
    book = Workbook()
    sheet = book.active
    sheet.title = preset
    sheet.append(list(columns))
    for row in rows:
        sheet.append([_excel(row[column]) for column in columns])
    notes = book.create_sheet("notes")
    for line in (
        f"Form {preset}, written by Outcrop.",
        f"Cells that say {FILL_IN!r} are yours to fill: Outcrop cannot know them.",
        "Volumes and masses from pictures are estimates: a single photo is good to a factor of 2 to 3.",
        "Fields named under 'values that rest on defaults' are not of this site: replace them before filing.",
        "Columns come from second-hand copies of the rules: compare them with the form in force.",
    ):
        notes.append([line])
    with replacing(path) as temporary, temporary.open("wb") as file:
        book.save(file)
    return path


def _missing(value: Any) -> bool:
    return value is None or value == "" or (isinstance(value, float) and isnan(value))


def _excel(value: Any) -> Any:
    """Numbers stay numbers; text that would run as a formula is quoted as in CSV."""
    if isinstance(value, bool | int | float):
        return value
    return value.isoformat() if isinstance(value, date) else cell(value)
