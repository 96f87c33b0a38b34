"""What a TIFF says of itself, read from its first directory without any library: is it a map or a plain picture?

TIFF 6.0, BigTIFF, and the private tags of GeoTIFF 1.1 (OGC 19-008) and GDAL.
"""

import struct
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from outcrop.core.errors import DamagedFile

BITS, SAMPLES, SAMPLE_FORMAT, GDAL_METADATA, GDAL_NODATA = 258, 277, 339, 42112, 42113
PLACED = (33550, 33922, 34264, 34735)
"""Pixel scale, tie points, transformation, projection."""

WANTED = (BITS, SAMPLES, SAMPLE_FORMAT, GDAL_METADATA)
SIZES = {1: 1, 2: 1, 3: 2, 4: 4, 16: 8}
"""Bytes of the field types wanted: byte, text, short, long, long8."""

UNSIGNED = 1
MOST_BYTES = 1 << 20
"""Longer values are not read."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TiffKind:
    """What kind of TIFF this is.

    Attributes:
        georeferenced: it says where its pixels lie.
        plain: an ordinary picture: not georeferenced, one to four bands of unsigned numbers of 16 bits at most,
            no scale, offset, band name or nodata value of GDAL's.
    """

    georeferenced: bool
    plain: bool


def tiff_kind(path: Path) -> TiffKind:
    """Judge a TIFF by its tags.

    Raises:
        DamagedFile: its directory cannot be read.
    """
    try:
        with path.open("rb") as file:
            tags = _first_directory(file)
    except (OSError, struct.error, ValueError, OverflowError):
        raise DamagedFile(
            f"{path.name} is a TIFF whose directory cannot be read, so it was cut or damaged: copy or export it again"
        ) from None
    placed = any(tag in tags for tag in PLACED)
    bits, formats = set(_numbers(tags, BITS)), set(_numbers(tags, SAMPLE_FORMAT))
    described = any(
        word in tags.get(GDAL_METADATA, ("", b""))[1] for word in (b'"scale"', b'"offset"', b'"description"')
    )
    numbers = max(_numbers(tags, SAMPLES), default=1) <= 4 and max(bits, default=1) <= 16 and formats <= {UNSIGNED}
    return TiffKind(georeferenced=placed, plain=numbers and not placed and not described and GDAL_NODATA not in tags)


def _numbers(tags: dict[int, tuple[str, bytes]], tag: int) -> tuple[int, ...]:
    """A field of whole numbers; empty where it is absent."""
    letters, content = tags.get(tag, ("", b""))
    return struct.unpack(letters, content) if letters else ()


def _first_directory(file: BinaryIO) -> dict[int, tuple[str, bytes]]:
    """Tag → (struct format, bytes) of the first directory; fields that nobody asks for are empty."""
    start = file.read(16)
    order = {b"II": "<", b"MM": ">"}[start[:2]] if start[:2] in (b"II", b"MM") else ""
    if not order:
        raise ValueError("no byte order")
    big = struct.unpack_from(order + "H", start, 2)[0] == 43
    place, count, entry = ("Q", "Q", "HHQ8s") if big else ("I", "H", "HHI4s")
    file.seek(struct.unpack_from(order + place, start, 8 if big else 4)[0])
    (entries,) = struct.unpack(order + count, file.read(struct.calcsize(order + count)))
    size = struct.calcsize(order + entry)
    table = file.read(min(size * entries, MOST_BYTES))
    if len(table) < size * entries:
        raise ValueError("the directory reaches beyond the file")
    tags: dict[int, tuple[str, bytes]] = {}
    for tag, kind, number, value in struct.iter_unpack(order + entry, table):
        tags[tag] = ("", b"")
        length = SIZES.get(kind, 0) * number
        if tag not in WANTED or not 0 < length <= MOST_BYTES:
            continue
        if length > len(value):
            file.seek(struct.unpack(order + place, value)[0])
            value = file.read(length)
        letter = {1: "B", 2: "s", 3: "H", 4: "I", 16: "Q"}[kind]
        content = value[:length]
        if len(content) < length:
            raise ValueError("a field reaches beyond the file")
        tags[tag] = (f"{order}{number}{letter}", content)
    return tags
