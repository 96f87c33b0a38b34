"""The samples of a SEG-Y file: from bytes to float32, line by line, in either direction.

segyio, the standard Python library for SEG-Y, does not open revision 2 files with extra trace headers,
surveys with holes or lines without numbers by geometry, and reads other layouts one trace at a time.
So samples are read here: the wanted traces are sorted by their place in the file, neighbours are read
in one go, and each block of at most 4 MiB is converted as a whole. segyio stays the judge in the tests.
"""

from collections.abc import Callable
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from outcrop.core.errors import UsageError
from outcrop.core.scene import Floats
from outcrop.core.volume import Direction
from outcrop.sources.segy_headers import SAMPLE_BYTES, FileHeader
from outcrop.sources.segy_traces import BLOCK, read_rows

FLOATING = {1: "u4", 5: "f4", 6: "f8"}
WHOLE = {2: "i4", 3: "i2", 8: "i1", 9: "i8", 10: "u4", 11: "u2", 12: "u8", 16: "u1"}
"""Sample format codes by numpy type (1 is IBM floating point); 7 and 15 are integers of 3 bytes."""

SCALES = np.ldexp(np.where(np.arange(256) < 128, 1.0, -1.0), 4 * (np.arange(256) % 128 - 64) - 24)
"""What one unit of an IBM mantissa is worth, by the number's first byte: ±16^(exponent - 64) / 2^24."""


def ieee_from_ibm(words: NDArray[np.uint32]) -> Floats:
    """IBM System/360 floats, as native 32-bit words, → float32 of the same shape.

    A number is (-1)^s · 0.m · 16^(e - 64) with 1 bit s, 7 bits e, 24 bits m (IBM 1964, A22-6821). Every one within
    float32's normal range comes out exactly; larger ones become infinite, smaller ones round to the nearest.

    >>> ieee_from_ibm(np.array([0xC276A000, 0x41100000, 0], np.uint32)).tolist()
    [-118.625, 1.0, 0.0]
    """
    with np.errstate(over="ignore", under="ignore"):
        values: Floats = ((words & 0xFFFFFF) * SCALES[words >> 24]).astype(np.float32)
    return values


def decode(raw: NDArray[np.uint8], code: int, endian: str) -> Floats:
    """Sample bytes (traces, bytes) → (traces, samples) float32; what is infinite, or too large for float32, becomes NaN.

    Args:
        code: sample format code of the binary header, one of ``SAMPLE_BYTES``.
        endian: ">" or "<".
    """
    if code in FLOATING:
        with np.errstate(over="ignore", under="ignore", invalid="ignore"):
            words = raw.view(endian + FLOATING[code])
            values = ieee_from_ibm(words.astype(np.uint32)) if code == 1 else words.astype(np.float32)
        values[~np.isfinite(values)] = np.nan
        return values
    if code in WHOLE:
        return raw.view(endian + WHOLE[code]).astype(np.float32)
    parts = raw.reshape(len(raw), -1, SAMPLE_BYTES[code])[..., :: 1 if endian == ">" else -1].astype(np.int32)
    whole = (parts[..., 0] << 16) | (parts[..., 1] << 8) | parts[..., 2]
    if code == 7:
        whole -= (whole & 0x800000) << 1
    return whole.astype(np.float32)


def line_reader(path: Path, header: FileHeader, traces: NDArray[np.int64]) -> Callable[[Direction, int, int], Floats]:
    """The ``read`` of a volume whose trace (i, j) is number ``traces[i, j]`` of the file, or -1 where none is to be read.

    Memory: the lines asked for, and some 20 MB. The file is opened anew by each call, so threads do not meet.
    """
    rows_at_once = max(BLOCK // header.trace_bytes, 1)

    def read(direction: Direction, start: int, stop: int) -> Floats:
        if direction not in ("inline", "crossline"):
            raise UsageError(f"direction {direction!r} is unknown: choose inline or crossline")
        along = traces if direction == "inline" else traces.T
        if not 0 <= start <= stop <= len(along):
            raise UsageError(f"{direction} positions {start} to {stop} do not lie in 0 to {len(along)}")
        numbers = along[start:stop].ravel()
        values = np.full((len(numbers), header.samples), np.nan, np.float32)
        targets = np.flatnonzero(numbers >= 0)
        targets = targets[np.argsort(numbers[targets], kind="stable")]
        with path.open("rb", buffering=0) as file:
            for first in range(0, len(targets), rows_at_once):
                some = targets[first : first + rows_at_once]
                rows = read_rows(file, header, numbers[some], header.trace_bytes)
                values[some] = decode(rows[:, header.trace_header :], header.format, header.endian)
        return values.reshape(stop - start, along.shape[1], header.samples)

    return read
