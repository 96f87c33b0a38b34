"""COCO's run lengths → masks: plain lists of numbers, or the same squeezed into letters."""

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from outcrop.core.errors import DamagedFile


def decoded(segmentation: Mapping[str, Any], shape: tuple[int, int], where: str) -> NDArray[np.bool_]:
    """(rows, cols) mask of {"size": [rows, cols], "counts": …}; runs go down the columns and begin outside.

    Raises:
        DamagedFile: counts of another length than the picture, or of another size.

    >>> decoded({"size": [2, 2], "counts": [1, 2, 1]}, (2, 2), "it").astype(int).tolist()
    [[0, 1], [1, 0]]
    """
    counts = segmentation.get("counts")
    runs = letters(counts) if isinstance(counts, str) else counts
    if tuple(segmentation.get("size", ())) != shape or not isinstance(runs, list) or min(runs, default=-1) < 0:
        raise DamagedFile(f"{where}: run lengths for {segmentation.get('size')}; wanted {list(shape)} (rows, cols)")
    if sum(runs) != shape[0] * shape[1]:
        raise DamagedFile(
            f"{where}: run lengths of {sum(runs)} pixels for a picture of {shape[0] * shape[1]}: export again"
        )
    inside = np.repeat(np.arange(len(runs)) % 2 == 1, runs)
    return np.asarray(inside.reshape(shape, order="F"))


def letters(text: str) -> list[int]:
    """Counts behind COCO's letters: five bits each, low ones first; from the third on, differences to two counts before."""
    counts: list[int] = []
    value = shift = 0
    for letter in text:
        bits = ord(letter) - 48
        value |= (bits & 0x1F) << shift
        shift += 5
        if bits & 0x20:
            continue
        if bits & 0x10:
            value -= 1 << shift
        counts.append(value + counts[-2] if len(counts) > 2 else value)
        value = shift = 0
    return counts
