"""Headers of a fresh SEG-Y file for a volume that was not read from one."""

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from outcrop.core.errors import UsageError
from outcrop.core.volume import Volume

LARGEST_WORD, LARGEST_SHORT = 2**31 - 1, 2**15 - 1
TIME_SCALARS = (1, -10, -100, -1000, -10000, 10, 100)
"""Tried in this order until the delay is a whole 16-bit number."""

COORDINATE_SCALARS = {-100: 100, -10: 10, 1: 1}
"""Coordinate scalar → whole units a metre; the finest that holds the largest coordinate is taken."""


def binary_header(volume: Volume, sample_format: int) -> bytes:
    """The 400 bytes: interval in µs, or mm of depth, samples, format, metres, revision.

    Raises:
        UsageError: the number of samples does not fit.
    """
    words = np.zeros(400, np.uint8)
    interval = volume.sample_step * 1000
    whole = abs(interval - round(interval)) < 1e-6 and 0 < round(interval) <= LARGEST_SHORT
    second = not whole or volume.samples > LARGEST_SHORT

    def put(byte: int, kind: str, value: float) -> None:
        field = np.array([value], ">" + kind).view(np.uint8)
        words[byte - 3201 : byte - 3201 + len(field)] = field

    if not 0 < volume.samples <= LARGEST_WORD or not 0 < interval < 1e9:
        raise UsageError(
            f"{volume.id} has {volume.samples} samples {volume.sample_step:g} {volume.vertical.unit} apart, "
            "which SEG-Y cannot hold: resample it first"
        )
    put(3213, "i2", 1)
    put(3217, "u2", min(max(round(interval), 1), LARGEST_SHORT))
    put(3221, "u2", min(volume.samples, LARGEST_SHORT))
    put(3225, "i2", sample_format)
    put(3229, "i2", 4)  # horizontally stacked
    put(3255, "i2", 1)  # metres
    if second:
        put(3269, "i4", volume.samples)
        put(3273, "f8", interval)
        put(3297, "i4", 0x01020304)  # tells the byte order
    put(3501, "u2", 0x0200 if second or sample_format == 6 else 0x0100)
    put(3503, "i2", 1)  # all traces have one length
    return words.tobytes()


def text_lines(volume: Volume, axis: str) -> list[str]:
    """What the text header says before the note."""
    inlines, crosslines, samples = volume.shape
    return [
        f"VOLUME: {volume.id}",
        f"INLINES: {volume.inlines[0]} TO {volume.inlines[-1]} ({inlines}), BYTES 189-192",
        f"CROSSLINES: {volume.crosslines[0]} TO {volume.crosslines[-1]} ({crosslines}), BYTES 193-196",
        f"COORDINATES: {_coordinate_words(volume)}",
        f"MAP PROJECTION: {volume.crs or 'NOT STATED'}",
        f"SAMPLES PER TRACE: {samples}",
        f"VERTICAL AXIS: {axis.upper()}",
    ]


def _coordinate_words(volume: Volume) -> str:
    if volume.x is not None:
        return "METRES, BYTES 181-188, SCALAR IN BYTES 71-72"
    return "LOCAL GRID IN METRES, NOT MAP POSITIONS, BYTES 181-188" if _has_grid(volume) else "NONE"


def _has_grid(volume: Volume) -> bool:
    """True when distances are known in every direction that has more than one line."""
    return all(n == 1 or d for n, d in zip(volume.shape, volume.spacing, strict=False))


def trace_headers(volume: Volume, cells: NDArray[np.int64]) -> Callable[[NDArray[np.int64]], NDArray[np.uint8]]:
    """Trace numbers (n,) → their headers (n, 240), where trace k stands at flat position ``cells[k]`` of the grid.

    Raises:
        UsageError: a line number, a coordinate or the delay does not fit its field.
    """
    for what, values in (("line number", volume.inlines), ("line number", volume.crosslines)):
        if np.abs(values).max() > LARGEST_WORD:
            raise UsageError(f"{volume.id} has a {what} beyond {LARGEST_WORD}, which SEG-Y cannot hold: renumber it")
    x, y, metre = _coordinates(volume)
    delay, scalar = _delay(volume)
    constant = {
        29: ("i2", 1),  # seismic data
        71: ("i2", metre),
        89: ("i2", 1),  # lengths
        109: ("i2", delay),
        115: ("u2", min(volume.samples, LARGEST_SHORT)),
        117: ("u2", min(max(round(volume.sample_step * 1000), 1), LARGEST_SHORT)),
        215: ("i2", scalar),
    }

    def headers(numbers: NDArray[np.int64]) -> NDArray[np.uint8]:
        rows = np.zeros((len(numbers), 240), np.uint8)
        row, column = np.divmod(cells[numbers], len(volume.crosslines))
        words = {
            1: numbers + 1,
            5: numbers + 1,
            9: volume.inlines[row],
            21: volume.crosslines[column],
            181: x[row, column],
            185: y[row, column],
            189: volume.inlines[row],
            193: volume.crosslines[column],
        }
        for byte, values in words.items():
            rows[:, byte - 1 : byte + 3] = np.ascontiguousarray(values).astype(">i4").view(np.uint8).reshape(-1, 4)
        for byte, (kind, value) in constant.items():
            rows[:, byte - 1 : byte + 1] = np.array([value], ">" + kind).view(np.uint8)
        return rows

    return headers


def _coordinates(volume: Volume) -> tuple[NDArray[np.int64], NDArray[np.int64], int]:
    """Coordinates on the grid in whole units and their scalar: the volume's own, a local grid's, or zeros."""
    shape = volume.live.shape
    x, y = np.zeros(shape), np.zeros(shape)
    if volume.x is not None and volume.y is not None:
        x, y = np.nan_to_num(volume.x), np.nan_to_num(volume.y)
    elif _has_grid(volume):
        x = np.broadcast_to(np.arange(shape[1]) * (volume.spacing[1] or 0.0), shape)
        y = np.broadcast_to(np.arange(shape[0])[:, None] * (volume.spacing[0] or 0.0), shape)
    largest = max(np.abs(x).max(), np.abs(y).max())
    for scalar, units in COORDINATE_SCALARS.items():
        if largest * units <= LARGEST_WORD:
            return np.rint(x * units).astype(np.int64), np.rint(y * units).astype(np.int64), scalar
    raise UsageError(f"{volume.id} has coordinates of {largest:g} m, which SEG-Y cannot hold: check its projection")


def _delay(volume: Volume) -> tuple[int, int]:
    """Bytes 109-110 and 215-216: the place of the first sample, and what divides (negative) or multiplies it."""
    for scalar in TIME_SCALARS:
        value = volume.first_sample * -scalar if scalar < 0 else volume.first_sample / scalar
        if abs(value - round(value)) < 1e-4 and abs(value) <= LARGEST_SHORT:
            return round(value), scalar
    raise UsageError(
        f"{volume.id} starts at {volume.first_sample:g} {volume.vertical.unit}, which SEG-Y cannot hold: "
        "start it at a multiple of 0.01"
    )
