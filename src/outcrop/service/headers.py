"""Sizes that rasters claim, read from their headers byte by byte: no library sees a file before it is known to be small enough."""

import struct
from pathlib import Path
from typing import BinaryIO

WIDTH, HEIGHT = 256, 257
"""Tags of a TIFF directory."""

MOST_TAGS, MOST_PAGES = 4096, 64


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
