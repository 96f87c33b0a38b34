"""Sizes that rasters and archives claim, read from their headers byte by byte: no library sees a file before it is known to be small enough."""

import os
import struct
from pathlib import Path
from typing import BinaryIO

from outcrop.service.problems import Problem

WIDTH, HEIGHT = 256, 257
"""Tags of a TIFF directory."""

MOST_TAGS, MOST_PAGES = 4096, 64

MOST_MEMBERS, MOST_UNPACKED, MOST_RATIO = 1000, 256 << 20, 100
"""Files in an archive, bytes of them unpacked, and how many times more than packed that may be."""


def raster_size(path: Path) -> tuple[int, int] | None:
    """(rows, cols) that a TIFF's largest page or a JPEG 2000 file claims; None where the header does not say it."""
    try:
        with path.open("rb") as file:
            start = file.read(16)
            return _tiff(file, start) if start[:2] in (b"II", b"MM") else _jpeg_2000(file)
    except (struct.error, OverflowError, OSError, ValueError):
        return None


def _tiff(file: BinaryIO, start: bytes) -> tuple[int, int] | None:
    order = "<" if start[:2] == b"II" else ">"
    big = struct.unpack(f"{order}H", start[2:4])[0] == 43
    place = struct.unpack(f"{order}Q", start[8:16])[0] if big else struct.unpack(f"{order}I", start[4:8])[0]
    found: tuple[int, int] | None = None
    seen: set[int] = set()
    while place and place not in seen and len(seen) < MOST_PAGES:
        seen.add(place)
        file.seek(place)
        count = struct.unpack(f"{order}{'Q' if big else 'H'}", file.read(8 if big else 2))[0]
        if count > MOST_TAGS:
            break
        tags = file.read(count * (20 if big else 12))
        rows, cols = (_tag(tags, order, big, number) for number in (HEIGHT, WIDTH))
        if rows and cols and (found is None or rows * cols > found[0] * found[1]):
            found = rows, cols
        place = struct.unpack(f"{order}{'Q' if big else 'I'}", file.read(8 if big else 4))[0]
    return found


def _tag(tags: bytes, order: str, big: bool, wanted: int) -> int:
    """Value of a short, long or long8 tag that stands in the directory itself; 0 where it does not."""
    step = 20 if big else 12
    for at in range(0, len(tags) - step + 1, step):
        number, kind = struct.unpack(f"{order}HH", tags[at : at + 4])
        if number == wanted:
            value = tags[at + (12 if big else 8) :]
            letter = {3: "H", 4: "I", 16: "Q"}.get(kind)
            if letter is None:
                return 0
            return int(struct.unpack(f"{order}{letter}", value[: struct.calcsize(letter)])[0])
    return 0


def _jpeg_2000(file: BinaryIO) -> tuple[int, int] | None:
    """From the SIZ marker of the codestream, which comes first in it."""
    file.seek(0)
    start = file.read(65_536)
    at = start.find(b"\xff\x4f\xff\x51")
    if at < 0:
        return None
    right, bottom, left, top = struct.unpack(">IIII", start[at + 8 : at + 24])
    return max(bottom - top, 0), max(right - left, 0)


def refuse_archive(file: BinaryIO, shown: str) -> None:
    """Refuse an Excel file, which is a zip archive, whose directory claims what no table holds; nothing is unpacked.

    Raises:
        Problem: 413, with counts; 422, no directory is found.
    """
    try:
        members, packed, unpacked = _directory(file)
    except (struct.error, ValueError):
        raise Problem(422, "damaged-file", f"{shown} is a damaged archive: save the table as CSV") from None
    finally:
        file.seek(0)
    for what, got, limit in (
        ("files", members, MOST_MEMBERS),
        ("bytes unpacked", unpacked, MOST_UNPACKED),
        ("times its size unpacked", unpacked // max(packed, 1 << 20), MOST_RATIO),
    ):
        if got > limit:
            said = f"{shown} holds {got} {what}, and {limit} are taken at most: save the table as CSV"
            raise Problem(413, "too-large-unpacked", said, limit=limit, got=got)


def _directory(file: BinaryIO) -> tuple[int, int, int]:
    """(files, bytes packed, bytes unpacked) by the directory at the end of a zip archive, at most ``MOST_MEMBERS`` + 1 of them."""
    whole = file.seek(0, os.SEEK_END)
    file.seek(max(0, whole - 65_557))
    end = file.read()
    at = end.rindex(b"PK\x05\x06")
    members, length, start = struct.unpack("<HII", end[at + 10 : at + 20])
    if members == 0xFFFF or 0xFFFFFFFF in (length, start):
        return MOST_MEMBERS + 1, whole, 0  # only archives of 65 535 files or 4 GB need larger numbers
    file.seek(start)
    found, packed, unpacked = 0, 0, 0
    while found <= MOST_MEMBERS and (head := file.read(46)).startswith(b"PK\x01\x02"):
        small, large, name, extra, note = struct.unpack("<IIHHH", head[20:34])
        found, packed, unpacked = found + 1, packed + small, unpacked + large
        file.seek(name + extra + note, os.SEEK_CUR)
    if found <= MOST_MEMBERS and found != members:
        raise ValueError("the directory is not where its end says")
    return max(found, members), packed, unpacked
