"""Many boxes around one thing → one box: overlap, non-maximum suppression, and fusion of several views.

Boxes are (n, 4): left, top, right, bottom. Suppression keeps the best box and drops what covers the same thing;
fusion (Solovyev, Wang and Gabruseva 2021, "Weighted boxes fusion", Image and Vision Computing 107:104117) averages
the boxes of several models or mirror images, each weighted by its score.
"""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from outcrop.core.scene import Floats

Whole = NDArray[np.int64]
Real = NDArray[np.float64]

MOST = 3_000
"""Boxes that suppression looks at, best first."""


class Found(NamedTuple):
    """Boxes of one picture, best first.

    Attributes:
        boxes: (n, 4) float32, left, top, right, bottom, pixels of the picture.
        scores: (n,) float32 in [0, 1].
        labels: (n,) int64, index into the classes of the room.
    """

    boxes: Floats
    scores: Floats
    labels: Whole

    def take(self, index: Whole | NDArray[np.bool_]) -> "Found":
        """The boxes at these positions."""
        return Found(self.boxes[index], self.scores[index], self.labels[index])


def nothing() -> Found:
    """No box at all."""
    return Found(np.zeros((0, 4), np.float32), np.zeros(0, np.float32), np.zeros(0, np.int64))


def together(parts: Sequence[Found]) -> Found:
    """All boxes of the parts, best first; those of equal score keep their order."""
    if not parts:
        return nothing()
    boxes, scores, labels = (np.concatenate(columns) for columns in zip(*parts, strict=True))
    return Found(boxes, scores, labels).take(np.argsort(-scores, kind="stable"))


def areas(boxes: Floats | Real) -> Real:
    """(n,) areas of boxes; 0 where a side is negative."""
    sides = np.clip(boxes[:, 2:].astype(np.float64) - boxes[:, :2], 0, None)
    return np.asarray(sides[:, 0] * sides[:, 1])


def shared(first: Floats | Real, second: Floats | Real) -> Real:
    """(n, m) areas that the boxes (n, 4) share with the boxes (m, 4)."""
    low = np.maximum(first[:, None, :2], second[None, :, :2]).astype(np.float64)
    high = np.minimum(first[:, None, 2:], second[None, :, 2:])
    sides = np.clip(high - low, 0, None)
    return np.asarray(sides[..., 0] * sides[..., 1])


def overlap(first: Floats | Real, second: Floats | Real) -> Real:
    """(n, m) intersection over union of the boxes (n, 4) with the boxes (m, 4); 0 where both are empty.

    >>> overlap(np.array([[0, 0, 2, 2]], np.float32), np.array([[1, 0, 3, 2]], np.float32)).round(3).tolist()
    [[0.333]]
    """
    both = shared(first, second)
    union = areas(first)[:, None] + areas(second)[None] - both
    return np.asarray(both / np.where(union > 0, union, 1))


def suppress(found: Found, *, limit: float = 0.5, agnostic: bool = False, most: int = 300) -> Found:
    """Drop every box that overlaps a better one of its class, best first.

    Args:
        limit: intersection over union above which two boxes show the same thing.
        agnostic: True where boxes of different classes shall drop each other too.
        most: boxes kept at most.
    """
    ranked = found.take(np.argsort(-found.scores, kind="stable")[:MOST])
    alive = np.arange(len(ranked.scores))
    kept: list[int] = []
    while len(alive) and len(kept) < most:
        best, alive = alive[0], alive[1:]
        kept.append(int(best))
        drop = overlap(ranked.boxes[best : best + 1], ranked.boxes[alive])[0] > limit
        if not agnostic:
            drop &= ranked.labels[alive] == ranked.labels[best]
        alive = alive[~drop]
    return ranked.take(np.array(kept, np.int64))


def fuse(views: Sequence[Found], *, limit: float = 0.55) -> Found:
    """Boxes of several views of one picture (models, mirror images) as one list, best first.

    Boxes of one class that overlap by more than ``limit`` become their mean, weighted by score. The score is the mean
    of the members' scores, less where fewer members than views agree: a box that one view of two saw is worth half.
    """
    if len(views) == 1:
        return views[0].take(np.argsort(-views[0].scores, kind="stable"))
    ranked = together(views)
    size = len(ranked.scores)
    sums, weight, members = np.zeros((size, 4)), np.zeros(size), np.zeros(size, np.int64)
    means, labels = np.zeros((size, 4)), np.zeros(size, np.int64)
    clusters = 0
    for box, score, label in zip(
        ranked.boxes.astype(np.float64), ranked.scores.astype(float), ranked.labels, strict=True
    ):
        close = np.where(labels[:clusters] == label, overlap(box[None], means[:clusters])[0], 0.0)
        place = int(close.argmax()) if clusters and close.max() > limit else clusters
        clusters = max(clusters, place + 1)
        labels[place] = label
        sums[place] += score * box
        weight[place] += score
        members[place] += 1
        means[place] = sums[place] / weight[place] if weight[place] > 0 else box
    members, weight = members[:clusters], weight[:clusters]
    scores = weight / np.maximum(members, 1) * np.minimum(members, len(views)) / len(views)
    fused = Found(means[:clusters].astype(np.float32), scores.astype(np.float32), labels[:clusters])
    return fused.take(np.argsort(-scores, kind="stable"))


def whole_before_parts(whole: Found, parts: Found, *, inside: float = 0.7) -> Found:
    """The boxes of the whole picture, and those of its parts that are no piece of one of them.

    A box of a part is a piece where ``inside`` of it lies in a box of its class whose score is at least half its own.
    """
    share = shared(parts.boxes, whole.boxes) / np.maximum(areas(parts.boxes), 1e-9)[:, None]
    rival = (parts.labels[:, None] == whole.labels[None]) & (2 * whole.scores[None] >= parts.scores[:, None])
    # A box of nearly the same size is left to the suppression, which keeps the better of the two.
    same = overlap(parts.boxes, whole.boxes) > 0.5
    return together([whole, parts.take(~((share > inside) & rival & ~same).any(axis=1))])
