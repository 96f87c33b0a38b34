"""A register's file as a header and rows: CSV (also gzipped), Excel, GeoPackage, told apart by content.

Only the columns asked for are kept, so that names of owners never enter the program.
"""

import csv
import gzip
import io
import unicodedata
import zipfile
import zlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from outcrop.core.errors import BadInput, DamagedFile, MissingExtra, NoGeometry, TooLarge, UsageError
from outcrop.sources.vector import read_points

LIMIT = 2**30
"""Largest register read, in bytes after unpacking."""
SEPARATORS = (",", ";", "\t", "|")
DEGREES = frozenset({"EPSG:4326", "OGC:CRS84", "EPSG:4674", "EPSG:4979", "EPSG:4170", "EPSG:4269", "EPSG:4258"})
"""Coordinate reference systems whose longitude and latitude agree with WGS84 to a metre or two."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Sheet:
    """What a register's file holds.

    Attributes:
        header: names of all columns, as written.
        rows: (number of the row as a spreadsheet shows it, cells of the wanted columns by normal name).
        points: (longitude, latitude) of every row where the file has geometries, None where a row has none.
        broken: (number of the row, why it could not be cut into cells).
        notes: how the file was read, one sentence each.
    """

    header: tuple[str, ...]
    rows: tuple[tuple[int, dict[str, Any]], ...]
    points: tuple[tuple[float, float] | None, ...] | None = None
    broken: tuple[tuple[int, str], ...] = ()
    notes: tuple[str, ...] = ()


def normal(name: str) -> str:
    """A column's name without case, accents and signs: "Shape__Area" and "shape area" are the same.

    >>> normal("Situação Operacional"), normal("Shape__Area")
    ('situacaooperacional', 'shapearea')
    """
    bare = unicodedata.normalize("NFKD", name)
    return "".join(letter for letter in bare.casefold() if letter.isalnum())


def read_sheet(path: Path, wanted: Iterable[str]) -> Sheet:
    """The wanted columns of a register.

    Args:
        wanted: column names; those that the file lacks are left to the caller.

    Raises:
        UsageError: there is no such file.
        DamagedFile, TooLarge, BadInput: the file cannot be read as a table.
    """
    if not path.is_file():
        raise UsageError(f"there is no register at {path}: name a CSV, Excel or GeoPackage file")
    names = {normal(name) for name in wanted}
    with path.open("rb") as file:
        start = file.read(16)
    if start.startswith(b"SQLite format 3\0"):
        return _layer(path, names)
    if start.startswith(b"PK\x03\x04"):
        return _workbook(path, names)
    return _csv(path, names, gzipped=start.startswith(b"\x1f\x8b"))


def _csv(path: Path, names: set[str], gzipped: bool) -> Sheet:
    """A CSV file whose separator is the one that cuts the header into most columns."""
    text, notes = _text(path, gzipped)
    first = text.split("\n", 1)[0]
    separator = max(SEPARATORS, key=first.count)
    try:
        lines = [
            (number, cells)
            for number, cells in enumerate(csv.reader(io.StringIO(text, newline=""), delimiter=separator), 1)
            if any(cell.strip() for cell in cells)
        ]
    except csv.Error as error:
        raise DamagedFile(
            f"{path.name} is no readable CSV table ({error}): export the register again as UTF-8 CSV"
        ) from None
    if len(lines) < 2:
        raise BadInput(f"{path.name} holds {len(lines)} lines, where a header and at least one row are needed")
    header, body = lines[0][1], lines[1:]
    long = [(number, len(cells)) for number, cells in body if len(cells) > len(header)]
    if 2 * len(long) > len(body):
        raise BadInput(
            f"{path.name} has {long[0][1]} cells in row {long[0][0]} under {len(header)} columns, as decimal commas make "
            f"in a table separated by {separator!r}: export it with ; as separator, or with quotes around such numbers"
        )
    why = f"more cells than the {len(header)} columns of the header"
    kept = [(number, cells) for number, cells in body if len(cells) <= len(header)]
    rows = _cut(kept, _wanted(header, names))
    broken = tuple((number, why) for number, _ in long)
    return Sheet(header=tuple(header), rows=rows, broken=broken, notes=tuple(notes))


def _text(path: Path, gzipped: bool) -> tuple[str, list[str]]:
    """The file as text, and what had to be assumed."""
    try:
        with gzip.open(path) if gzipped else path.open("rb") as file:
            data = file.read(LIMIT + 1)
    except (EOFError, gzip.BadGzipFile, zlib.error):
        raise DamagedFile(f"{path.name} is a damaged gzip file: fetch the register again") from None
    if len(data) > LIMIT:
        raise TooLarge(f"{path.name} holds more than {LIMIT >> 20} MB unpacked: cut the register to the region needed")
    if data.startswith((b"\xff\xfe", b"\xfe\xff")):
        return data.decode("utf-16", errors="replace"), []
    if b"\0" in data[:65536] or data.lstrip()[:1] in (b"{", b"[", b"<"):
        raise BadInput(
            f"{path.name} is neither a CSV, an Excel nor a GeoPackage file: export the register as one of them"
        )
    try:
        return data.decode("utf-8-sig"), []
    except UnicodeDecodeError:
        return data.decode("cp1252", errors="replace"), [f"{path.name} is not UTF-8 and was read as Windows-1252."]


def _wanted(header: Sequence[str], names: set[str]) -> dict[str, int]:
    """Normal name of each wanted column → its place; of columns with the same name the first."""
    places: dict[str, int] = {}
    for place, name in enumerate(map(normal, header)):
        if name in names:
            places.setdefault(name, place)
    return places


def _cut(
    lines: Iterable[tuple[int, Sequence[Any]]], places: Mapping[str, int]
) -> tuple[tuple[int, dict[str, Any]], ...]:
    """The wanted cells of every row; cells that a short row lacks are left out."""
    return tuple((number, {n: cells[p] for n, p in places.items() if p < len(cells)}) for number, cells in lines)


def _workbook(path: Path, names: set[str]) -> Sheet:
    """The first sheet of an Excel file; its first filled row is the header."""
    try:
        from openpyxl import load_workbook
        from openpyxl.utils.exceptions import InvalidFileException
    except ImportError:
        raise MissingExtra("openpyxl", "geo", "Excel registers; or save the sheet as CSV") from None
    try:
        with zipfile.ZipFile(path) as archive:
            unpacked = sum(member.file_size for member in archive.infolist())
        if unpacked > LIMIT:
            raise TooLarge(f"{path.name} holds {unpacked >> 20} MB unpacked: save the rows needed as CSV")
        book = load_workbook(path, read_only=True, data_only=True)
        lines = [
            (number, cells)
            for number, cells in enumerate(book.worksheets[0].iter_rows(values_only=True), 1)
            if any(cell is not None for cell in cells)
        ]
        book.close()
    except (
        InvalidFileException,
        zipfile.BadZipFile,
        KeyError,
        IndexError,
        ValueError,
        TypeError,
        SyntaxError,
    ) as error:
        raise DamagedFile(
            f"{path.name} is no readable Excel file ({type(error).__name__}): save the register as CSV"
        ) from None
    if len(lines) < 2:
        raise BadInput(f"{path.name} holds {len(lines)} rows in its first sheet, where a header and one row are needed")
    header = tuple("" if name is None else str(name) for name in lines[0][1])
    rows = _cut(lines[1:], _wanted(header, names))
    notes = (
        ()
        if len(book.worksheets) == 1
        else (f"{path.name}: only the first of {len(book.worksheets)} sheets was read.",)
    )
    return Sheet(header=header, rows=rows, notes=notes)


def _layer(path: Path, names: set[str]) -> Sheet:
    """The first layer of a GeoPackage, with one point for every row."""
    found = read_points(path, lambda name: normal(name) in names)
    if found.crs not in DEGREES:
        raise NoGeometry(f"{path.name} is in {found.crs or 'no named system'}, not in degrees: export it as EPSG:4326")
    notes = [f"{path.name}: only the first of its layers, {found.layer}, was read."] if found.layers > 1 else []
    if found.outlines:
        notes.append(f"{path.name} holds outlines: each stands for one point inside it.")
    rows = [(number, {normal(name): cell for name, cell in row.items()}) for number, row in enumerate(found.rows, 1)]
    return Sheet(header=found.header, rows=tuple(rows), points=found.points, notes=tuple(notes))
