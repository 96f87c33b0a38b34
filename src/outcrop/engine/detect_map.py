"""Detections from a probability map alone: what no detector's box explains, as boxes with pixels of their own."""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from outcrop.core.errors import UsageError
from outcrop.core.grid import Window
from outcrop.core.scene import Detections, Floats, Outlined, ProbabilityMap

Whole = NDArray[np.int64]

EXPLAINED = 0.5
"""Share of a piece's pixels in boxes of its class from which on they explain it."""


def from_map(
    map: ProbabilityMap,
    thresholds: Sequence[float],
    min_area: int = 1,
    *,
    beside: Detections | None = None,
    worth: float = 1.0,
) -> Detections:
    """The connected pieces of a map as detections, best first.

    Args:
        thresholds: probability from which on a pixel counts, one for each class of the map.
        min_area: smallest piece, pixels; pixels that touch at a corner belong together.
        beside: detections whose boxes explain what lies in them: only the other pieces are given.
        worth: what the mean probability of a piece is multiplied by to become its score, in 0 to 1; below 1 where the
            map alone is less sure than the detector.

    Raises:
        UsageError: another number of thresholds than classes, or detections of other classes.
    """
    from scipy import ndimage

    if len(thresholds) != len(map.classes):
        raise UsageError(
            f"{len(thresholds)} thresholds came for the classes {', '.join(map.classes)}: give one for each"
        )
    if beside is not None and beside.classes != map.classes:
        raise UsageError(
            f"the boxes are of {', '.join(beside.classes)} and the map is of {', '.join(map.classes)}: give the same classes"
        )
    boxes, scores, labels, outlines = [], [], [], []
    for label, (plane, threshold) in enumerate(zip(np.nan_to_num(map.values()), thresholds, strict=True)):
        pieces, count = ndimage.label(plane >= max(threshold, 1e-6), np.ones((3, 3), int))
        sizes = np.bincount(pieces.ravel(), minlength=count + 1)
        explained = (
            np.zeros(count + 1) if beside is None else _in_boxes(pieces, count, beside.boxes[beside.labels == label])
        )
        for number, place in enumerate(ndimage.find_objects(pieces), start=1):
            if sizes[number] < min_area or explained[number] >= EXPLAINED * sizes[number]:
                continue
            inside = pieces[place] == number
            window = Window(row=place[0].start, col=place[1].start, height=inside.shape[0], width=inside.shape[1])
            boxes.append((window.col, window.row, window.col + window.width, window.row + window.height))
            scores.append(min(worth * float(plane[place][inside].mean()), 1.0))
            labels.append(label)
            outlines.append(Outlined(window=window, inside=inside))
    order = np.argsort(-np.array(scores), kind="stable")
    return Detections(
        scene=map.scene,
        classes=map.classes,
        boxes=np.array(boxes, np.float32).reshape(-1, 4)[order],
        scores=np.array(scores, np.float32)[order],
        labels=np.array(labels, np.int64)[order],
        outlines=tuple(outlines[place] for place in order),
        map=map,
    )


def _in_boxes(pieces: Whole, count: int, boxes: Floats) -> Whole:
    """(count + 1,) pixels of each piece that lie in a box."""
    covered = np.zeros(pieces.shape, bool)
    for left, top, right, bottom in boxes:
        covered[
            max(int(np.floor(top)), 0) : max(int(np.ceil(bottom)), 0),
            max(int(np.floor(left)), 0) : max(int(np.ceil(right)), 0),
        ] = True
    return np.bincount(pieces[covered], minlength=count + 1)


def joined(first: Detections, second: Detections) -> Detections:
    """Both lists as one, best first; outlines stay where both have them.

    Raises:
        UsageError: they are of different scenes or classes.
    """
    if first.classes != second.classes or first.scene.id != second.scene.id:
        raise UsageError(
            f"detections of {first.scene.id} ({', '.join(first.classes)}) and {second.scene.id} "
            f"({', '.join(second.classes)}) do not belong together: join those of one scene"
        )
    scores = np.concatenate([first.scores, second.scores])
    order = np.argsort(-scores, kind="stable")
    complete = len(first.outlines) == len(first.boxes) and len(second.outlines) == len(second.boxes)
    outlines = first.outlines + second.outlines if complete else ()
    return replace(
        first,
        boxes=np.concatenate([first.boxes, second.boxes])[order],
        scores=scores[order],
        labels=np.concatenate([first.labels, second.labels])[order],
        outlines=tuple(outlines[place] for place in order) if complete else (),
        map=first.map or second.map,
    )
