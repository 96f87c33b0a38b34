"""Tables as CSV: picks, bodies, measurements.

UTF-8, lines end in a newline alone, a header row, an empty cell where a number is unknown. Text that a spreadsheet
would run as a formula gets a leading apostrophe; numbers never do.
"""

import csv
from collections.abc import Iterable, Mapping, Sequence
from contextlib import ExitStack
from math import isnan
from pathlib import Path
from types import TracebackType
from typing import Any, Self, TextIO

import numpy as np
from numpy.typing import NDArray

from outcrop.core.errors import UsageError
from outcrop.outputs import replacing

PICKS = ("inline", "crossline", "x", "y", "value", "unit", "p10", "p90")
BODIES = (
    "body",
    "volume_m3",
    "low",
    "high",
    "voxels",
    "crest",
    "crest_unit",
    "crest_inline",
    "crest_crossline",
    "crest_x",
    "crest_y",
    "base",
    "inline_first",
    "inline_last",
    "crossline_first",
    "crossline_last",
    "extent_across_inlines",
    "extent_across_crosslines",
    "extent_unit",
    "mean_probability",
    "touches_edge",
)
MEASUREMENTS = ("input", "name", "value", "unit", "low", "high", "method", "about")
FORMULA = ("=", "+", "-", "@", "\t", "\r")
"""First characters that make a spreadsheet read a text as a formula."""

Column = NDArray[Any] | Sequence[float] | float | None


def cell(value: Any) -> str:
    """One value as the text of its cell.

    >>> cell(-1.5), cell("=1+1"), cell(None), cell(True), cell(float("nan"))
    ('-1.5', "'=1+1", '', 'true', '')
    """
    if value is None:
        return ""
    if isinstance(value, bool | np.bool_):
        return "true" if value else "false"
    if isinstance(value, int | np.integer):
        return str(int(value))
    if isinstance(value, float | np.floating):
        return f"{float(value):.10g}" if np.isfinite(value) else ""
    text = str(value).replace("\0", "")
    return f"'{text}" if text.startswith(FORMULA) else text


def write_table(path: Path, columns: Sequence[str], rows: Iterable[Mapping[str, Any]]) -> Path:
    """One table; a row may leave columns out, but brings none that the header lacks.

    Raises:
        UsageError: a row holds a column that the header lacks.
    """
    with replacing(path) as temporary, temporary.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(columns)
        for row in rows:
            unknown = sorted(set(row) - set(columns))
            if unknown:
                raise UsageError(f"{path.name} has no column {unknown[0]!r}: its columns are {', '.join(columns)}")
            writer.writerow([cell(row.get(column)) for column in columns])
    return path


def write_bodies(path: Path, rows: Iterable[Mapping[str, Any]]) -> Path:
    """``<stem>.bodies.csv``: one row per body, columns ``BODIES``."""
    return write_table(path, BODIES, rows)


def write_measurements(path: Path, rows: Iterable[Mapping[str, Any]]) -> Path:
    """``measurements.csv``: one row per record of a run, columns ``MEASUREMENTS``.

    ``low`` and ``high`` are the ends of the central 90 % interval; ``about`` becomes "key=value; key=value".
    """
    return write_table(path, MEASUREMENTS, (dict(row) | {"about": _facts(row["about"])} for row in rows))


def _facts(about: Mapping[str, Any]) -> str:
    return "; ".join(f"{key}={_plain(value)}" for key, value in about.items())


def _plain(value: Any) -> str:
    """A fact without the guard of a whole cell, since it never begins one."""
    return value if isinstance(value, str) else cell(value)


class PickTable:
    """A table of picks that grows slab by slab: ``with PickTable(path) as table: table.append(...)``.

    The file appears under its name when the block ends without an error.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self.rows = 0
        self._open = ExitStack()
        self._file: TextIO | None = None

    def __enter__(self) -> Self:
        temporary = self._open.enter_context(replacing(self.path))
        self._file = self._open.enter_context(temporary.open("w", encoding="utf-8", newline=""))
        self._file.write(",".join(PICKS) + "\n")
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._file = None
        self._open.__exit__(kind, error, trace)

    def append(
        self,
        *,
        inline: Column,
        crossline: Column,
        x: Column,
        y: Column,
        value: Column,
        unit: str,
        p10: Column,
        p90: Column,
    ) -> None:
        """Add picks, (n,) each; x and y may be None. A pick without a value is left out.

        Args:
            value, p10, p90: vertical positions in ``unit``; written to a thousandth.

        Raises:
            UsageError: the table is not open.
        """
        if self._file is None:
            raise UsageError(f"{self.path.name} is not open: append inside its with block")
        seen = np.isfinite(np.asarray(value, float))
        labels = [np.asarray(column)[seen].tolist() for column in (inline, crossline)]
        places = [_thousandths(column, seen) for column in (x, y, value, p10, p90)]
        word = cell(unit)
        self._file.writelines(
            f"{i},{c},{px},{py},{v},{word},{low},{high}\n"
            for i, c, px, py, v, low, high in zip(*labels, *places, strict=True)
        )
        self.rows += int(seen.sum())


def _thousandths(column: Column, seen: NDArray[np.bool_]) -> list[str]:
    """Cells of one column with three decimals, empty where unknown."""
    if column is None:
        return [""] * int(seen.sum())
    numbers = np.broadcast_to(np.asarray(column, float), seen.shape)[seen]
    return ["" if isnan(number) else f"{number:.3f}" for number in numbers.tolist()]
