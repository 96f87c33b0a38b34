"""What the YOLO family's exports put out, and what each of them means.

Every layout says how its numbers become boxes and how its input wants to be fed. For an input of H x W pixels the
network looks at cells of 8, 16 and 32 (at times 64) pixels a side; the number of rows tells most layouts apart:

    yolox           (cells, 5 + classes)       offsets in cells and logarithms of sides; BGR 0..255, grey below and right
    yolox-decoded   (cells, 5 + classes)       centre, sides in pixels; fed like yolox
    outcrop         (cells, 5 + classes)       centre, sides in pixels; RGB 0..1, grey below and right
    yolov5          (3 x cells, 5 + classes)   centre, sides in pixels; RGB 0..1, grey on all sides
    yolov8          (4 + classes, cells)       the same without objectness (also YOLO11); RGB 0..1, grey on all sides
    end-to-end      (k, 6)                     left, top, right, bottom, score, class; RGB 0..1, grey on all sides
"""

from collections.abc import Callable
from dataclasses import dataclass
from types import MappingProxyType

import numpy as np

from outcrop.core.errors import BadModel
from outcrop.core.scene import Floats

STRIDES = (8, 16, 32)
Decode = Callable[[Floats, tuple[int, int], int], tuple[Floats, Floats]]
"""(rows, columns) of one picture, size of the input, classes → boxes (n, 4) in input pixels, scores (n, classes)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Layout:
    """One kind of export.

    Attributes:
        decode: numbers → boxes and scores.
        extra: columns beside the classes.
        reverse: True where blue comes first.
        full: value of full brightness.
        centred: True where the grey lies on all sides.
    """

    decode: Decode
    extra: int
    reverse: bool = False
    full: float = 1.0
    centred: bool = True


def cells(size: tuple[int, int], strides: tuple[int, ...] = STRIDES) -> int:
    """How many places a network looks at.

    >>> cells((416, 416)), cells((640, 640))
    (3549, 8400)
    """
    return sum((size[0] // s) * (size[1] // s) for s in strides)


def anchor_grid(size: tuple[int, int], strides: tuple[int, ...] = STRIDES) -> tuple[Floats, Floats]:
    """Column and row of each cell, (cells, 2), and its side in pixels, (cells, 1), in the order of YOLOX."""
    places, sides = [], []
    for stride in strides:
        row, col = np.mgrid[: size[0] // stride, : size[1] // stride]
        places.append(np.stack([col.ravel(), row.ravel()], axis=1))
        sides.append(np.full((row.size, 1), stride))
    return np.concatenate(places).astype(np.float32), np.concatenate(sides).astype(np.float32)


def _strides(rows: int, size: tuple[int, int]) -> tuple[int, ...]:
    return STRIDES if rows == cells(size) else (*STRIDES, 64)


def corners(centred: Floats) -> Floats:
    """(n, 4) centre x, centre y, width, height → left, top, right, bottom."""
    middle, half = centred[:, :2], centred[:, 2:4] / 2
    return np.concatenate([middle - half, middle + half], axis=1)


def _raw(values: Floats, size: tuple[int, int], classes: int) -> tuple[Floats, Floats]:
    place, side = anchor_grid(size, _strides(len(values), size))
    # Sides far beyond the picture are cut before the power overflows.
    sides = np.exp(np.minimum(values[:, 2:4], 20)) * side
    centred = np.concatenate([(values[:, :2] + place) * side, sides], axis=1)
    return corners(centred), values[:, 4:5] * values[:, 5 : 5 + classes]


def _with_objectness(values: Floats, size: tuple[int, int], classes: int) -> tuple[Floats, Floats]:
    return corners(values), values[:, 4:5] * values[:, 5 : 5 + classes]


def _without_objectness(values: Floats, size: tuple[int, int], classes: int) -> tuple[Floats, Floats]:
    upright = values.T
    return corners(upright), upright[:, 4 : 4 + classes]


def _end_to_end(values: Floats, size: tuple[int, int], classes: int) -> tuple[Floats, Floats]:
    # Rows that the export filled up have score 0 or a class that does not exist.
    known = values[(values[:, 5] >= 0) & (values[:, 5] < classes)]
    scores = np.zeros((len(known), classes), np.float32)
    scores[np.arange(len(known)), np.rint(known[:, 5]).astype(np.int64).clip(0, classes - 1)] = known[:, 4]
    return known[:, :4], scores


LAYOUTS = MappingProxyType(
    {
        "yolox": Layout(decode=_raw, extra=5, reverse=True, full=255.0, centred=False),
        "yolox-decoded": Layout(decode=_with_objectness, extra=5, reverse=True, full=255.0, centred=False),
        "outcrop": Layout(decode=_with_objectness, extra=5, centred=False),
        "yolov5": Layout(decode=_with_objectness, extra=5),
        "yolov8": Layout(decode=_without_objectness, extra=4),
        "end-to-end": Layout(decode=_end_to_end, extra=6),
    }
)
"""Name → what it means."""


def recognise(values: Floats, size: tuple[int, int], name: str) -> str:
    """The layout of one picture's output, (rows, columns), as far as its shape and numbers tell.

    Args:
        values: what the network answers to a grey picture.
        name: file, for messages.

    Raises:
        BadModel: no layout has this shape.
    """
    rows, cols = values.shape
    single = {cells(size), cells(size, (*STRIDES, 64))}
    if rows in single and cols > 5:
        return "yolox-decoded" if _decoded(values, size) else "yolox"
    if rows in {3 * count for count in single} and cols > 5:
        return "yolov5"
    if cols in single and rows > 4:
        return "yolov8"
    if cols == 6:
        return "end-to-end"
    raise BadModel(
        f"{name} answers with {rows} x {cols} numbers for a picture of {size[1]} x {size[0]} px, which is no layout that "
        f"Outcrop knows ({', '.join(LAYOUTS)}): export it again as one of them, or name the input size it was made for"
    )


def _decoded(values: Floats, size: tuple[int, int]) -> bool:
    """True where the first two columns are pixels: then they lie near the cells' own centres."""
    place, side = anchor_grid(size, _strides(len(values), size))
    centre = (place + 0.5) * side
    as_pixels = np.abs(values[:, :2] - centre) / side
    as_offsets = np.abs(values[:, :2] - 0.5)
    return bool(np.median(as_pixels) < np.median(as_offsets))
