"""A folder of numbered pictures as a film: natural order, times from a rate, the names, EXIF or the files' dates."""

import re
from collections.abc import Sequence
from contextlib import suppress
from datetime import UTC, datetime
from functools import partial
from itertools import pairwise
from math import gcd
from pathlib import Path

import numpy as np
from PIL import Image, ImageOps

from outcrop.core.errors import BadInput, DamagedFile
from outcrop.sources.film_stream import MOST_PIXELS, Pixels, Stream, Taken, Tally

PICTURES = (".jpg", ".jpeg", ".png", ".webp", ".bmp", ".tif", ".tiff")
FORMATS = ("JPEG", "PNG", "WEBP", "BMP", "TIFF")

NUMBER = re.compile(r"(\d+)")
CLOCK_NAME = re.compile(r"((?:19|20)\d\d)\D?(\d\d)\D?(\d\d)\D?(\d\d)\D?(\d\d)\D?(\d\d)(?:[.,_-]?(\d{3}))?(?!\d)")
UNIX_NAME = re.compile(r"(?<!\d)(1\d{9})(\d{3})?(?!\d)")
SLOWEST_COPY = 0.5
"""Seconds between the dates of files below which they tell when the files were copied, not when they were taken."""


def natural(path: Path) -> list[tuple[int, int, str]]:
    """Sorting key that counts: frame-9 comes before frame-10."""
    parts = NUMBER.split(path.name)
    return [(1, int(part), "") if i % 2 else (0, 0, part.lower()) for i, part in enumerate(parts)]


def open_folder(folder: Path, *, rate: float | None = None) -> Stream:
    """Open the pictures of one folder, not deeper.

    Args:
        rate: pictures a second; without it their own times are used.

    Raises:
        BadInput: no pictures, or pictures whose times nothing tells.
        DamagedFile: none of them can be decoded.
    """
    try:
        paths = sorted((p for p in folder.iterdir() if p.suffix.lower() in PICTURES and p.is_file()), key=natural)
    except OSError as error:
        raise BadInput(f"the folder {folder} cannot be read ({error.strerror}): check its permissions") from None
    if not paths:
        raise BadInput(f"the folder {folder.name} holds no pictures: give one of {', '.join(PICTURES)}")
    tally = Tally()
    numbers = _numbers(paths)
    seconds, began = _times(folder, paths, numbers, rate, tally)
    taken = (
        Taken(index=n, seconds=s, pixels=partial(read_picture, p))
        for n, s, p in zip(numbers, seconds, paths, strict=True)
    )
    return Stream(
        shape=_shape(folder, paths),
        rate=rate or _rate(seconds),
        live=False,
        taken=taken,
        close=lambda: None,
        tally=tally,
        began=began,
        notes=tuple(tally.notes),
    )


def read_picture(path: Path) -> Pixels:
    """One picture, upright, (rows, cols, 3).

    Raises:
        DamagedFile: it cannot be decoded.
    """
    try:
        with Image.open(path, formats=FORMATS) as image:
            if image.width * image.height > MOST_PIXELS:
                raise DamagedFile(f"{path.name} has more than {MOST_PIXELS} pixels: scale it down")
            return np.asarray(ImageOps.exif_transpose(image).convert("RGB"))
    except (OSError, ValueError, SyntaxError, EOFError, Image.DecompressionBombError):
        raise DamagedFile(f"{path.name} cannot be opened as a picture: copy or export it again") from None


def _shape(folder: Path, paths: Sequence[Path]) -> tuple[int, int]:
    """Shape of the first picture that can be decoded."""
    for path in paths:
        with suppress(DamagedFile):
            rows, cols, _ = read_picture(path).shape
            return rows, cols
    raise DamagedFile(f"none of the {len(paths)} pictures in {folder.name} can be opened: copy or export them again")


def _numbers(paths: Sequence[Path]) -> list[int]:
    """Numbers of the pictures from 0. Where the names count, missing ones leave a gap; else simply 0, 1, 2."""
    plain = list(range(len(paths)))
    ends = [NUMBER.findall(path.stem) for path in paths]
    if not all(ends) or any(CLOCK_NAME.search(p.stem) or UNIX_NAME.search(p.stem) for p in paths):
        return plain
    values = [int(end[-1]) for end in ends]
    heads = {NUMBER.split(path.stem)[:-2][0] if len(NUMBER.split(path.stem)) > 2 else "" for path in paths}
    steps = [after - before for before, after in pairwise(values)]
    if len(heads) > 1 or any(step <= 0 for step in steps):
        return plain
    unit = gcd(*steps) if steps else 1
    found = [(value - values[0]) // unit for value in values]
    return found if found[-1] < 2 * len(found) else plain  # fewer than half of them there: these are no frames


def _times(
    folder: Path, paths: Sequence[Path], numbers: Sequence[int], rate: float | None, tally: Tally
) -> tuple[list[float], datetime | None]:
    """(seconds since the first picture, when that was taken, where a clock with a known zone tells it)."""
    if rate is not None:
        return [number / rate for number in numbers], None
    if len(paths) == 1:
        return [0.0], None
    clocks = {"their names": _named, "the camera's clock (EXIF)": _stamped, "the dates of the files": _dated}
    for word, clock in clocks.items():
        found = clock(paths)
        if found is not None:
            tally.note(f"the times of {folder.name} are told by {word}")
            told, began = found
            return [second - told[0] for second in told], began
    raise BadInput(f"nothing tells when the pictures in {folder.name} were taken: give their rate, pictures a second")


Times = tuple[list[float], datetime | None]


def _rising(seconds: list[float]) -> bool:
    return all(after > before for before, after in pairwise(seconds))


def _named(paths: Sequence[Path]) -> Times | None:
    """Times in the names: seconds since 1970, or year to second in a zone that nobody tells."""
    unix = [UNIX_NAME.search(path.stem) for path in paths]
    if all(unix):
        told = [int(m[1]) + int(m[2] or 0) / 1000 for m in unix if m]
        return (told, datetime.fromtimestamp(told[0], UTC)) if _rising(told) else None
    named = [CLOCK_NAME.search(path.stem) for path in paths]
    try:
        told = [_moment(match).timestamp() for match in named if match]
    except ValueError:
        return None
    return (told, None) if len(told) == len(paths) and _rising(told) else None


def _moment(match: re.Match[str]) -> datetime:
    """Year, month, day, hour, minute, second and thousandths of a name."""
    year, month, day, hour, minute, second, part = (int(text or 0) for text in match.groups())
    return datetime(year, month, day, hour, minute, second, part * 1000, UTC)


def _stamped(paths: Sequence[Path]) -> Times | None:
    """Times that the camera wrote, with their fractions of a second."""
    told = []
    for path in paths:
        try:
            with Image.open(path, formats=FORMATS) as image:
                tags = image.getexif()
                inner = tags.get_ifd(0x8769)
                text = str(inner.get(0x9003) or tags.get(306) or "")
                part = str(inner.get(0x9291) or 0).strip() or "0"
                told.append(
                    datetime.strptime(text, "%Y:%m:%d %H:%M:%S").replace(tzinfo=UTC).timestamp() + float(f"0.{part}")
                )
        except (OSError, ValueError, SyntaxError):
            return None
    return (told, None) if _rising(told) else None


def _dated(paths: Sequence[Path]) -> Times | None:
    """Dates of the files, unless they lie so close that they tell of copying."""
    told = [path.stat().st_mtime for path in paths]
    if not _rising(told) or float(np.median(np.diff(told))) < SLOWEST_COPY:
        return None
    return told, datetime.fromtimestamp(told[0], UTC)


def _rate(seconds: Sequence[float]) -> float | None:
    """Pictures a second, from the median step."""
    return 1 / float(np.median(np.diff(seconds))) if len(seconds) > 1 else None
