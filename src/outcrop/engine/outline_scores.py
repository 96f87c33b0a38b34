"""Scores of outlines: how well the pixels of detections agree with those of the true objects."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from outcrop.core.errors import UsageError
from outcrop.core.scene import Floats, Outlined
from outcrop.engine.breakdown import Figure
from outcrop.engine.detection_matching import Truth
from outcrop.engine.detection_scores import DRAWS, draw_weights, share
from outcrop.models.suppression import overlap

Whole = NDArray[np.int64]
Real = NDArray[np.float64]


class SaidOutlines(Protocol):
    """What was said of one picture, pixels included; `Detections` is of this kind."""

    @property
    def boxes(self) -> Floats:
        """(n, 4)."""

    @property
    def scores(self) -> Floats:
        """(n,)."""

    @property
    def labels(self) -> Whole:
        """(n,)."""

    @property
    def outlines(self) -> tuple[Outlined, ...]:
        """One for each box."""


@dataclass(frozen=True, slots=True, kw_only=True)
class OutlineScores:
    """Intersection over union of pixels, by class.

    Attributes:
        pooled: all pixels said to be of the class against all that are, whatever box they belong to.
        matched: mean over the true objects whose box was found.
        objects: mean over all true objects, 0 for those that were missed.
        found: name → true objects whose box was found.
    """

    pooled: dict[str, Figure]
    matched: dict[str, Figure]
    objects: dict[str, Figure]
    found: dict[str, int]


def outline_overlap(first: Outlined, second: Outlined) -> tuple[int, int]:
    """Pixels in both, and pixels in either."""
    a, b = first.window, second.window
    top, left = max(a.row, b.row), max(a.col, b.col)
    bottom, right = min(a.row + a.height, b.row + b.height), min(a.col + a.width, b.col + b.width)
    both = 0
    if bottom > top and right > left:
        one = first.inside[top - a.row : bottom - a.row, left - a.col : right - a.col]
        other = second.inside[top - b.row : bottom - b.row, left - b.col : right - b.col]
        both = int((one & other).sum())
    return both, int(first.inside.sum()) + int(second.inside.sum()) - both


def score_outlines(
    said: Sequence[SaidOutlines],
    truth: Sequence[Truth],
    classes: Sequence[str],
    thresholds: Sequence[float],
    *,
    rng: np.random.Generator,
    groups: Sequence[str] | None = None,
    iou: float = 0.5,
    draws: int = DRAWS,
) -> OutlineScores:
    """Judge outlines; pictures whose truth has none are left aside.

    Args:
        thresholds: lowest score of the boxes that count, one for each class.
        iou: overlap of boxes from which on a true object counts as found; best scores choose first.

    Raises:
        UsageError: lists of different length, or detections without outlines.
    """
    if len(said) != len(truth) or len(thresholds) != len(classes):
        raise UsageError(
            f"{len(said)} pictures were seen and {len(truth)} have a truth, with {len(thresholds)} thresholds for "
            f"{len(classes)} classes: give one for each"
        )
    if any(len(one.outlines) != len(one.boxes) for one in said):
        raise UsageError("detections without outlines cannot be judged by their pixels: outline them first")
    shape = (len(truth), len(classes))
    both, either, sums, found, there = (np.zeros(shape) for _ in range(5))
    for number, (guess, answer) in enumerate(zip(said, truth, strict=True)):
        if len(answer.outlines) != len(answer.boxes):
            continue
        for k, threshold in enumerate(thresholds):
            mine = np.flatnonzero((guess.labels == k) & (guess.scores >= threshold))
            theirs = np.flatnonzero(answer.labels == k)
            both[number, k], either[number, k] = _union(
                [guess.outlines[place] for place in mine], [answer.outlines[place] for place in theirs]
            )
            pairs = _pairs(guess.boxes[mine], guess.scores[mine], answer.boxes[theirs], iou)
            for one, other in pairs:
                inner, outer = outline_overlap(guess.outlines[mine[one]], answer.outlines[theirs[other]])
                sums[number, k] += inner / max(outer, 1)
            found[number, k], there[number, k] = len(pairs), len(theirs)
    weights = draw_weights(len(truth), groups, draws, rng)

    def figures(top: Real, bottom: Real) -> dict[str, Figure]:
        return {name: share(top[:, k], bottom[:, k], weights) for k, name in enumerate(classes)}

    return OutlineScores(
        pooled=figures(both, either),
        matched=figures(sums, found),
        objects=figures(sums, there),
        found={name: int(found[:, k].sum()) for k, name in enumerate(classes)},
    )


def _union(said: Sequence[Outlined], true: Sequence[Outlined]) -> tuple[int, int]:
    """Pixels in both and in either of two sets of outlines, each pixel counted once."""
    windows = [part.window for part in (*said, *true)]
    if not windows:
        return 0, 0
    rows, cols = max(w.row + w.height for w in windows), max(w.col + w.width for w in windows)
    planes = np.zeros((2, rows, cols), bool)
    for plane, parts in zip(planes, (said, true), strict=True):
        for part in parts:
            plane[part.window.slices] |= part.inside
    return int((planes[0] & planes[1]).sum()), int((planes[0] | planes[1]).sum())


def _pairs(boxes: Floats, scores: Floats, true: Floats, iou: float) -> list[tuple[int, int]]:
    """(position said, position true) of boxes that mean the same; the best score takes the one it overlaps most."""
    close = overlap(boxes, true)
    pairs = []
    for place in np.argsort(-scores, kind="stable"):
        best = int(close[place].argmax()) if close.shape[1] else 0
        if close.shape[1] and close[place, best] >= iou:
            pairs.append((int(place), best))
            close[:, best] = -1
    return pairs
