"""CSV and TSV files → tables: any separator, decimal commas, quoted text, gzip.

Read in blocks, so that a large file costs little more memory than its numbers. Words for "nothing here" become empty;
numbers that stand for nothing (-999, 999999) are left to whoever knows the columns.
"""

import csv
import gzip
import re
import zlib
from collections.abc import Sequence
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any, TextIO

import numpy as np
from numpy.typing import NDArray

from outcrop.core.errors import BadInput, DamagedFile, NothingToSee, TooLarge, UnknownFormat
from outcrop.core.table import Table

SEPARATORS = (",", ";", "\t", "|")
EMPTY = frozenset({"", "na", "n/a", "nan", "null", "none", "-", "--"})
"""What tables write where they know nothing."""

BLOCK = 10_000
"""Rows converted at a time."""

MOST_CELLS = 300_000_000
MOST_COLUMNS = 10_000
DECIMAL_COMMA = re.compile(r"[+-]?\d+(,\d+)?([eE][+-]?\d+)?")
GROUPED = re.compile(r"[+-]?\d{1,3}(,\d{3})+")
FOREIGN = {
    b"PK\x03\x04": "an Excel or zip file",
    b"\xd0\xcf\x11\xe0": "an old Excel file",
    b"SQLite format": "a database",
    b"PAR1": "a Parquet file",
}

if TYPE_CHECKING:
    from _csv import Reader as _Reader

Column = NDArray[Any]
Cells = Sequence[str]


def open_table(path: Path, *, needs: Sequence[str] = ()) -> Table:
    """A table from a text file of separated values, with a header.

    The separator is the one that cuts the header into most cells. A column is float64 where every filled cell is a
    number, with a point or, throughout the column, a comma before its decimals; else text.

    Args:
        needs: columns that must be there, whatever their case; others are kept too.

    Raises:
        BadInput: there is no such file, no header, a column name comes twice, or a needed column is missing.
        UnknownFormat: it is not text.
        DamagedFile: a row has more or fewer cells than the header, or the file ends too soon.
        NothingToSee: it is empty, or has no row below its header.
        TooLarge: more than 300 million cells or 10 000 columns.
    """
    encodings = _encodings(path)
    try:
        try:
            columns, notes = _columns(path, encodings[0])
        except UnicodeDecodeError:
            columns, notes = _columns(path, encodings[-1])
            notes.insert(0, f"the text is not {encodings[0]} and was read as {encodings[-1]}")
    except (csv.Error, UnicodeError) as error:
        raise DamagedFile(f"{path} breaks the rules of a CSV file ({error}): export it again") from None
    except (EOFError, zlib.error, gzip.BadGzipFile) as error:
        raise DamagedFile(f"{path} is no whole gzip file ({error}): copy it again") from None
    there = {name.casefold() for name in columns}
    missing = [name for name in needs if name.casefold() not in there]
    if missing:
        raise BadInput(
            f"{path} has no column {', '.join(missing)}, only {_listed(list(columns))}: rename its columns, or give "
            "another table"
        )
    return Table(id=path.name, columns=columns, notes=tuple(notes), path=path)


def _encodings(path: Path) -> tuple[str, ...]:
    """The encodings to try, in this order; refuses what is no text."""
    if not path.is_file():
        raise BadInput(f"there is no table at {path}: check the path")
    with path.open("rb") as file:
        start = file.read(16)
        file.seek(0)
        try:
            head = gzip.GzipFile(fileobj=file).read(4096) if start.startswith(b"\x1f\x8b") else file.read(4096)
        except (OSError, EOFError, zlib.error) as error:
            raise DamagedFile(f"{path} is no whole gzip file ({error}): copy it again") from None
    kind = next((what for mark, what in FOREIGN.items() if head.startswith(mark)), None)
    if kind is not None:
        raise UnknownFormat(f"{path} is {kind}, where text was wanted: save it as CSV")
    if head.startswith((b"\xff\xfe", b"\xfe\xff")):
        return ("utf-16",)
    if b"\0" in head:
        raise UnknownFormat(f"{path} is not text: give a CSV or TSV file")
    return ("utf-8-sig", "cp1252")


def _open(path: Path, encoding: str) -> TextIO:
    with path.open("rb") as file:
        packed = file.read(2) == b"\x1f\x8b"
    # A gzip stream opened as text is one in all but its declared type.
    return gzip.open(path, "rt", encoding=encoding, newline="") if packed else path.open(encoding=encoding, newline="")


def _columns(path: Path, encoding: str) -> tuple[dict[str, Column], list[str]]:
    """Columns by name, and what must be said of them."""
    with _open(path, encoding) as stream:
        reader, header = _start(path, stream)
        parts = [_Parts() for _ in header]
        count = 0
        while block := list(islice(reader, BLOCK)):
            rows = [row for row in block if any(row)]
            if any(len(row) != len(header) for row in rows):
                _ragged(path, encoding, len(header))
            count += len(rows)
            if count * len(header) > MOST_CELLS:
                raise TooLarge(f"{path} has more than {MOST_CELLS:,} cells: cut it into files by month or by region")
            for part, cells in zip(parts, zip(*rows, strict=True), strict=False):
                part.add(cells)
    if not count:
        raise NothingToSee(f"{path} has a header and no row below it: give a table with rows")
    named = {name: part for name, part in zip(header, parts, strict=True) if name or not part.empty}
    mixed = [i for i, name in enumerate(header) if name in named and named[name].mixed]
    words = _texts(path, encoding, mixed) if mixed else {}
    columns = {
        name: np.array(words[i], dtype=object) if i in words else part.column()
        for i, (name, part) in enumerate(zip(header, parts, strict=True))
        if name in named
    }
    return columns, _notes(named, [header[i] for i in mixed])


def _notes(parts: dict[str, "_Parts"], mixed: list[str]) -> list[str]:
    """What a reader must know of how the cells were read."""
    commas = [name for name, part in parts.items() if part.commas and name not in mixed]
    unsure = [name for name, part in parts.items() if part.unsure]
    notes = []
    if commas:
        notes.append(f"the comma is the decimal separator of {_listed(commas)}")
    if unsure:
        notes.append(
            f"{_listed(unsure)} can be read with decimals or with thousands behind the comma, and is left as text"
        )
    if mixed:
        notes.append(f"{_listed(mixed)} holds numbers and words, or points and commas, and is left as text")
    return notes


class _Parts:
    """One column as it grows, block by block: numbers where a block allows it, else its text."""

    def __init__(self) -> None:
        self.blocks: list[Column] = []
        self.commas = self.unsure = self.points = False
        self.empty = True

    def add(self, cells: Cells) -> None:
        """Take the cells of the next block."""
        numbers = _numbers(cells)
        if numbers is None and any("," in cell for cell in cells):
            numbers = self._with_commas(cells)
        elif numbers is not None:
            self.points = self.points or any("." in cell for cell in cells[:100])
        self.empty &= numbers is not None and bool(np.isnan(numbers).all())
        self.blocks.append(np.array([c.strip() for c in cells], dtype=object) if numbers is None else numbers)

    def _with_commas(self, cells: Cells) -> Column | None:
        filled = [text for cell in cells if (text := cell.strip()).casefold() not in EMPTY]
        if not filled or not all(map(DECIMAL_COMMA.fullmatch, filled)):
            return None
        if not self.commas and all(GROUPED.fullmatch(text) for text in filled if "," in text):
            self.unsure = True
            return None
        self.commas = True
        return _numbers([cell.replace(",", ".") for cell in cells])

    @property
    def mixed(self) -> bool:
        """Whether blocks differ in kind, so that its numbers must be read again as text."""
        kinds = {block.dtype.kind for block in self.blocks}
        return len(kinds) > 1 or (kinds == {"f"} and self.commas and self.points)

    def column(self) -> Column:
        """All blocks as one."""
        return np.concatenate(self.blocks)


def _numbers(cells: Cells) -> Column | None:
    """Cells as float64, NaN where empty; None when a filled cell is no number."""
    try:
        values = np.fromiter(map(float, cells), np.float64, len(cells))
    except ValueError:
        if next((True for c in cells if c and c.strip().casefold() not in EMPTY and not _is_number(c)), False):
            return None
        values = np.fromiter(
            (np.nan if c.strip().casefold() in EMPTY else float(c) for c in cells), np.float64, len(cells)
        )
    # Python reads 1_000 as a number; a table's 12_3 is a name.
    return None if "_" in "".join(cells) else values


def _is_number(cell: str) -> bool:
    try:
        float(cell)
    except ValueError:
        return False
    return True


def _start(path: Path, stream: TextIO) -> tuple["_Reader", list[str]]:
    """A reader that stands below the header, and the header's names."""
    line = ""
    while not line.strip(" \t\r\n,;|"):
        line = stream.readline(1 << 20)
        if not line:
            raise NothingToSee(f"{path} is empty: give a table with a header and rows")
    while line.count('"') % 2 and (more := stream.readline(1 << 20)):
        line += more
    separator = max(SEPARATORS, key=lambda mark: len(next(csv.reader([line], delimiter=mark))))
    names = [name.strip() for name in next(csv.reader([line], delimiter=separator, strict=True))]
    if len(names) > MOST_COLUMNS:
        raise TooLarge(f"{path} has {len(names)} columns, at most {MOST_COLUMNS} are read: give a table of rows")
    filled = [name for name in names if name]
    if not [n for n in filled if not _is_number(n.replace(",", "."))]:
        raise BadInput(
            f"{path} has no header: its first row holds numbers only; write the names of the columns above it"
        )
    twice = sorted({name for name in filled if filled.count(name) > 1})
    if twice:
        raise BadInput(f"{path} has the column {twice[0]!r} {filled.count(twice[0])} times: rename all but one")
    if names.count("") > 1:
        names = [name or f"unnamed {i + 1}" for i, name in enumerate(names)]
    return csv.reader(stream, delimiter=separator, strict=True), names


def _ragged(path: Path, encoding: str, wanted: int) -> None:
    """Name the first row that does not fit the header.

    Raises:
        DamagedFile: always.
    """
    with _open(path, encoding) as stream:
        # The header is taken for one line; blank lines above it and breaks inside it move the count.
        for row in (reader := _start(path, stream)[0]):
            if any(row) and len(row) != wanted:
                raise DamagedFile(
                    f"{path} has {len(row)} cells in line {reader.line_num + 1}, its header has {wanted}: mend that "
                    "line, or export the table again"
                )


def _texts(path: Path, encoding: str, wanted: list[int]) -> dict[int, list[str]]:
    """The cells of some columns as they are written, by position."""
    with _open(path, encoding) as stream:
        reader, _ = _start(path, stream)
        cells: dict[int, list[str]] = {i: [] for i in wanted}
        for row in reader:
            if any(row):
                for i in wanted:
                    cells[i].append(row[i].strip())
    return cells


def _listed(names: Sequence[str], most: int = 8) -> str:
    """Names for a sentence, the rest counted."""
    more = f" and {len(names) - most} more" if len(names) > most else ""
    return ", ".join(names[:most]) + more
