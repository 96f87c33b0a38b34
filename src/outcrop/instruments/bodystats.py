"""What is counted about bodies while slabs go by: sums, bounds, crest and deepest point.

Every figure is one that two halves of a body can join: a sum, a least, a greatest.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from outcrop.core.scene import Floats

Ints = NDArray[np.int64]
Reals = NDArray[np.float64]
FACES, DISPUTED, UNSEEN = 2, 5, 6
SUMS = 7
FAR = np.iinfo(np.int64).max


@dataclass(frozen=True, slots=True, kw_only=True)
class Counts:
    """Figures of n bodies.

    Attributes:
        sums: (n, 7) voxels, sum of probability, faces along the three axes, disputed voxels, faces towards unseen.
        lows: (n, 4) least inline, crossline, sample, and flat index.
        highs: (n, 3) greatest inline, crossline, sample, plus 1.
        crest, deepest: (n,) sample, interpolated.
        crest_at, deepest_at: (n,) flat trace index.
    """

    sums: Reals
    lows: Ints
    highs: Ints
    crest: Reals
    crest_at: Ints
    deepest: Reals
    deepest_at: Ints

    def take(self, rows: Ints) -> "Counts":
        """These bodies alone."""
        return Counts(**{name: getattr(self, name)[rows] for name in self.__slots__})


def empty_counts() -> Counts:
    """No body at all."""
    whole, real = np.zeros(0, np.int64), np.zeros(0)
    return Counts(
        sums=np.zeros((0, SUMS)),
        lows=np.zeros((0, 4), np.int64),
        highs=np.zeros((0, 3), np.int64),
        crest=real,
        crest_at=whole,
        deepest=real,
        deepest_at=whole,
    )


def stack(parts: Sequence[Counts]) -> Counts:
    """All bodies of all parts, in order."""
    return Counts(**{name: np.concatenate([getattr(part, name) for part in parts]) for name in Counts.__slots__})


def merge(counts: Counts, groups: Ints, count: int) -> Counts:
    """Bodies of one group made one, (count,) groups."""
    if count == len(groups):  # nothing met: every group is one body, though perhaps in another order
        back = np.empty(count, np.int64)
        back[groups] = np.arange(count)
        return counts.take(back)
    sums = np.zeros((count, SUMS))
    lows, highs = np.full((count, 4), FAR), np.full((count, 3), -1)
    np.add.at(sums, groups, counts.sums)
    np.minimum.at(lows, groups, counts.lows)
    np.maximum.at(highs, groups, counts.highs)
    top = _first(groups, counts.crest, counts.crest_at)
    bottom = _first(groups, -counts.deepest, counts.deepest_at)
    return Counts(
        sums=sums,
        lows=lows,
        highs=highs,
        crest=counts.crest[top],
        crest_at=counts.crest_at[top],
        deepest=counts.deepest[bottom],
        deepest_at=counts.deepest_at[bottom],
    )


def count_slab(
    probability: Floats,
    spread: Floats | None,
    inside: NDArray[np.bool_],
    labels: NDArray[np.int32],
    count: int,
    first_line: int,
    threshold: float,
) -> Counts:
    """Figures of the ``count`` components of one slab, without their faces."""
    from scipy import ndimage

    if not count:
        return empty_counts()
    _, crosslines, samples = probability.shape
    at = np.flatnonzero(inside)
    body, chance = labels.ravel()[at] - 1, probability.ravel()[at].astype(float)
    sums = np.zeros((count, SUMS))
    sums[:, 0] = np.bincount(body, minlength=count)
    sums[:, 1] = np.bincount(body, chance, minlength=count)
    if spread is not None:
        disputed = chance - np.nan_to_num(spread.ravel()[at]) < threshold
        sums[:, DISPUTED] = np.bincount(body, disputed, minlength=count)
    boxes = np.array([[(side.start, side.stop) for side in box] for box in ndimage.find_objects(labels)], np.int64)
    boxes[:, 0] += first_line
    offset = first_line * crosslines * samples
    first = np.empty(count, np.int64)
    first[body[::-1]] = at[::-1] + offset  # the last one written is the first in order
    crest, crest_at = _surface(probability, inside, labels, threshold, -1)
    deepest, deepest_at = _surface(probability, inside, labels, threshold, +1)
    return Counts(
        sums=sums,
        lows=np.column_stack([boxes[:, :, 0], first]),
        highs=boxes[:, :, 1],
        crest=crest,
        crest_at=crest_at + first_line * crosslines,
        deepest=deepest,
        deepest_at=deepest_at + first_line * crosslines,
    )


def _surface(
    probability: Floats, inside: NDArray[np.bool_], labels: NDArray[np.int32], threshold: float, step: int
) -> tuple[Reals, Ints]:
    """Shallowest (step -1) or deepest (step +1) crossing of every component: (sample, flat trace index)."""
    samples = inside.shape[2]
    rim = inside.copy()
    near, far = (slice(1, None), slice(None, -1)) if step < 0 else (slice(None, -1), slice(1, None))
    rim[..., near] &= ~inside[..., far]
    at = np.flatnonzero(rim)
    trace, sample = np.divmod(at, samples)
    chance = probability.ravel()
    here = chance[at].astype(float)
    beyond = chance[np.clip(at + step, 0, chance.size - 1)].astype(float)
    open_end = (sample == (0 if step < 0 else samples - 1)) | ~np.isfinite(beyond)
    part = np.where(open_end, 0.0, (here - threshold) / np.where(open_end, 1.0, here - beyond))
    best = _first(labels.ravel()[at].astype(np.int64), step * -(sample + step * part), trace)
    return (sample + step * part)[best], trace[best]


def _first(groups: Ints, key: Reals, then: Ints) -> Ints:
    """Row of each group with the least key, the least ``then`` among equals; groups in rising order."""
    order = np.lexsort((then, key, groups))
    ordered = groups[order]
    return order[np.concatenate([[True], ordered[1:] != ordered[:-1]])] if len(order) else order


def count_faces(counts: Counts, nodes: NDArray[np.int32], seen: NDArray[np.bool_], axis: int) -> None:
    """Add the faces along one axis to the bodies' sums, in place.

    Args:
        nodes: (lines, crosslines, samples) row in ``counts``, -1 outside.
        seen: same shape; a face towards an unseen voxel is counted apart.
    """
    front: list[slice] = [slice(None)] * nodes.ndim
    back = list(front)
    front[axis], back[axis] = slice(1, None), slice(None, -1)
    after, before = nodes[tuple(front)], nodes[tuple(back)]
    rim = (after >= 0) ^ (before >= 0)
    body = np.maximum(after[rim], before[rim])
    clear = seen[tuple(front)][rim] & seen[tuple(back)][rim]
    size = len(counts.sums)
    counts.sums[:, FACES + axis] += np.bincount(body[clear], minlength=size)
    counts.sums[:, UNSEEN] += np.bincount(body[~clear], minlength=size)
