"""Which pictures were cut side by side from one section, found from their pixels alone.

Facing edges of neighbours continue each other. Each edge is extrapolated half a pixel outwards
(1.5 * edge - 0.5 * next) and correlated with every facing edge; a pair is joined when each is the
other's best match, the correlation exceeds 0.85 and leads the runner-up by 0.05.
"""

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from outcrop.core.scene import Floats

LEAST_CORRELATION, LEAST_LEAD = 0.85, 0.05


def _standard(edges: NDArray[np.floating[Any]]) -> Floats:
    """Rows with zero mean and unit length; constant rows become 0 and match nothing."""
    edges = edges - edges.mean(1, keepdims=True)
    length = np.linalg.norm(edges, axis=1, keepdims=True)
    return np.where(length > 1e-3, edges / np.maximum(length, 1e-3), 0).astype(np.float32)


def _partners(first: Floats, second: Floats) -> list[tuple[int, int]]:
    """Pairs (i, j) where first[i] and second[j] are each other's clear best match."""
    correlation = first @ second.T
    np.fill_diagonal(correlation, -1)
    best, back = correlation.argmax(1), correlation.argmax(0)
    top2 = -np.partition(-correlation, 1, axis=1)[:, :2]
    clear = (top2[:, 0] > LEAST_CORRELATION) & (top2[:, 0] - top2[:, 1] > LEAST_LEAD)
    mutual = back[best] == np.arange(len(first))
    return [(int(i), int(best[i])) for i in np.flatnonzero(clear & mutual)]


def mosaics(images: Sequence[Floats]) -> NDArray[np.int64]:
    """Mosaic number of each picture, (n,); pictures (rows, cols) of one size are compared, others stand alone."""
    group = np.arange(len(images))
    if not len(images):
        return group
    shapes = [i.shape for i in images]
    common = max(set(shapes), key=shapes.count)
    index = np.array([i for i, s in enumerate(shapes) if s == common])
    if len(index) < 2 or min(common) < 2:
        return group
    stack = np.stack([images[i] for i in index])
    right = _standard(1.5 * stack[:, :, -1] - 0.5 * stack[:, :, -2])
    left = _standard(1.5 * stack[:, :, 0] - 0.5 * stack[:, :, 1])
    bottom = _standard(1.5 * stack[:, -1] - 0.5 * stack[:, -2])
    top = _standard(1.5 * stack[:, 0] - 0.5 * stack[:, 1])

    def root(i: int) -> int:
        while group[i] != i:
            group[i] = group[group[i]]
            i = int(group[i])
        return i

    for a, b in _partners(right, left) + _partners(bottom, top):
        group[root(int(index[a]))] = root(int(index[b]))
    return np.array([root(i) for i in range(len(images))])
