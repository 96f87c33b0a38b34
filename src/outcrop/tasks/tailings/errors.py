"""The model's own error, deposit by deposit: which part of a measured area was tailings, by its size.

What a deposit stands for is told by overlap: every true deposit is shared out among the measured ones that touch it, in
proportion to what they have in common with it. A measured deposit that touches none stands for nothing.
"""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from outcrop.core.labelled import IGNORE
from outcrop.core.task import ErrorTable
from outcrop.tasks.tailings.measure import HECTARE, REAL_TABLE, SIZE_TABLE

Mask = NDArray[np.uint8]

PIXEL = 95.0
"""m² of a pixel of the training pictures (91 to 98)."""

PER_ROW = 30
"""Deposits behind each row of the table."""


def deposit_ratios(seen: Mask, truth: Mask) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Pixels of every measured deposit, and what it stands for over what was measured; (n,) each.

    Args:
        seen, truth: (rows, cols), 1 where tailings are, 255 where it does not count.
    """
    from scipy.ndimage import label

    eight = np.ones((3, 3))
    counts = truth != IGNORE
    mine, many = label((seen == 1) & counts, eight)
    true, _ = label(truth == 1, eight)
    size = np.bincount(mine.ravel(), minlength=many + 1)[1:].astype(float)
    both = (mine > 0) & (true > 0)
    pairs, common = np.unique(np.stack([mine[both], true[both]]), axis=1, return_counts=True)
    whole = np.bincount(true.ravel()).astype(float)
    touched = np.bincount(pairs[1], weights=common, minlength=len(whole))
    stands_for = np.bincount(pairs[0], weights=whole[pairs[1]] * common / touched[pairs[1]], minlength=many + 1)[1:]
    return size, stands_for / size


def size_table(seen: Sequence[Mask], truth: Sequence[Mask], source: str) -> dict[str, ErrorTable]:
    """Quantiles of true / measured area by ln(measured area / ha), from pictures that the model never saw.

    One table of all measured deposits, for totals, and one of those that stand for something, for each by itself.
    """
    found = [deposit_ratios(s, t) for s, t in zip(seen, truth, strict=True)]
    size = np.log(np.concatenate([f[0] for f in found]) * PIXEL / HECTARE)
    ratio = np.concatenate([f[1] for f in found])
    kinds = {SIZE_TABLE: np.ones(len(ratio), bool), REAL_TABLE: ratio > 0}
    return {
        key: ErrorTable.learnt(size[kept], ratio[kept], source, per_row=PER_ROW)
        for key, kept in kinds.items()
        if kept.any()
    }
