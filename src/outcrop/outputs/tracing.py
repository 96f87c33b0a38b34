"""Masks → what COCO keeps: rings along the pixels' edges, or run lengths where there are holes."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

Real = NDArray[np.float64]
Mask = NDArray[np.bool_]


def rings(inside: Mask) -> list[Real]:
    """Rings around the pixels of a mask, (m, 2) x and y of corners, exact; the pixel (0, 0) covers 0..1.

    Pixels that touch at a corner get rings of their own. Outer rings have a positive `ring_area`, holes a negative one.
    """
    wide = np.pad(inside, 1)
    me, above, left = wide[1:, 1:], wide[:-1, 1:], wide[1:, :-1]
    corner = wide[:-1, :-1]
    # Sides of pixels that leave each corner eastward, southward, westward, northward; the pixel lies to their right.
    leaving = np.stack([me & ~above, left & ~me, corner & ~left, above & ~corner])
    eastward = np.flatnonzero(leaving[0]).tolist()
    sides = bytearray(np.ascontiguousarray(leaving).tobytes())
    # A corner's place in the flat array, and what a step adds to it.
    cols, layer = leaving.shape[2], leaving[0].size
    steps = (1, cols, -1, -cols)
    found = []
    for start in eastward:
        if sides[start]:
            places = np.array(_walk(sides, start, steps, layer))
            found.append(np.stack([places % cols, places // cols], axis=1).astype(np.float64))
    return found


def _walk(sides: bytearray, start: int, steps: tuple[int, int, int, int], layer: int) -> list[int]:
    """Corners of one ring from an eastward side on; the sides used are struck off."""
    corners, place, direction, before = [], start, 0, -1
    while sides[direction * layer + place]:
        sides[direction * layer + place] = 0
        if direction != before:
            corners.append(place)
        before = direction
        place += steps[direction]
        for turn in ((direction + 1) % 4, direction, (direction + 3) % 4):
            if sides[turn * layer + place]:
                direction = turn
                break
    return corners


def ring_area(ring: Real) -> float:
    """Area of a ring, (m, 2) x and y; negative where it runs the other way round.

    >>> ring_area(np.array([[0, 0], [2, 0], [2, 3], [0, 3]], float))
    6.0
    """
    x, y = ring[:, 0], ring[:, 1]
    return float((x * np.roll(y, -1) - np.roll(x, -1) * y).sum() / 2)


def run_lengths(mask: Mask) -> dict[str, Any]:
    """COCO's run lengths of a whole picture's mask, (rows, cols): down the columns, the first run outside.

    >>> run_lengths(np.array([[False, True], [True, False]]))
    {'size': [2, 2], 'counts': [1, 2, 1]}
    """
    flat = mask.ravel(order="F")
    edges = np.flatnonzero(np.diff(flat, prepend=False)) if flat.size else np.zeros(0, np.int64)
    counts = np.diff(np.concatenate([[0], edges, [flat.size]]))
    return {"size": list(mask.shape), "counts": counts.tolist()}


def joined(parts: list[Real]) -> Real:
    """Several rings as one, bridged there and back between their nearest corners: one line holds one ring."""
    whole = parts[0]
    for part in parts[1:]:
        distance = ((whole[:, None] - part[None]) ** 2).sum(axis=2)
        here, there = np.unravel_index(int(distance.argmin()), distance.shape)
        turned = np.concatenate([part[there:], part[: there + 1]])
        whole = np.concatenate([whole[: here + 1], turned, whole[here:]])
    return whole
