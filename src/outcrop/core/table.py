"""Rows of numbers and words: detections of a satellite, readings of a meter."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from numpy.typing import NDArray


@dataclass(frozen=True, slots=True, kw_only=True)
class Table:
    """A table held in memory.

    Attributes:
        id: stable name, the file's.
        columns: (n,) each, by their names in the file: float64 where every filled cell is a number (NaN where empty),
            else text (object array of str, "" where empty).
        notes: what a reader of the results must know about how it was read, one sentence each.
        path: the file it came from; None when it was made in memory.
    """

    id: str
    columns: Mapping[str, NDArray[Any]]
    notes: tuple[str, ...] = ()
    path: Path | None = None

    def __len__(self) -> int:
        return len(next(iter(self.columns.values()), ()))
