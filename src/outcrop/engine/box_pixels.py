"""Which pixel belongs to which box: boxes of one class claim the pixels of a probability map."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from outcrop.core.grid import Window
from outcrop.core.scene import Floats, Outlined

Mask = NDArray[np.bool_]

FLOOR = 0.05
"""Probability below which a box's own peak says nothing."""

NEIGHBOURS = np.ones((3, 3), int)
"""Pixels that touch at a corner belong together."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Claim:
    """A box's enlarged window, and how badly each of its pixels fits the box: 0 at the centre; ``core`` is the box."""

    window: Window
    cost: Floats
    core: Mask


def _grown(box: Floats, shape: tuple[int, int], grown: float) -> Window:
    """The pixels of an enlarged box that lie in the picture."""
    left, top, right, bottom = (float(edge) for edge in box)
    across, down = max(grown * (right - left), 2), max(grown * (bottom - top), 2)
    rows, cols = shape
    first_row, last_row = max(int(np.floor(top - down)), 0), min(int(np.ceil(bottom + down)), rows)
    first_col, last_col = max(int(np.floor(left - across)), 0), min(int(np.ceil(right + across)), cols)
    height, width = max(last_row - first_row, 0), max(last_col - first_col, 0)
    return Window(row=min(first_row, rows), col=min(first_col, cols), height=height, width=width)


def _around(windows: Sequence[Window]) -> Window:
    """The smallest window that holds all of them."""
    row, col = min(window.row for window in windows), min(window.col for window in windows)
    bottom = max(window.row + window.height for window in windows)
    right = max(window.col + window.width for window in windows)
    return Window(row=row, col=col, height=bottom - row, width=right - col)


def _claim(box: Floats, score: float, window: Window, area: Window) -> _Claim:
    """A box's claim to the pixels of its window, whose place is counted from the corner of the area."""
    left, top, right, bottom = (float(edge) for edge in box)
    y = np.arange(window.row, window.row + window.height, dtype=np.float32) + np.float32(0.5)
    x = np.arange(window.col, window.col + window.width, dtype=np.float32) + np.float32(0.5)
    far_y = np.abs(y - np.float32((top + bottom) / 2)) / np.float32(max((bottom - top) / 2, 0.5))
    far_x = np.abs(x - np.float32((left + right) / 2)) / np.float32(max((right - left) / 2, 0.5))
    cost = np.sqrt((far_y**2)[:, None] + (far_x**2)[None]) / np.float32(max(score, 1e-3))
    inside = (far_y <= 1)[:, None] & (far_x <= 1)[None]
    place = replace(window, row=window.row - area.row, col=window.col - area.col)
    return _Claim(window=place, cost=cost, core=inside)


def pixels_of_boxes(boxes: Floats, scores: Floats, whole: Floats, threshold: float, grown: float) -> list[Outlined]:
    """Pixels of the boxes of one class; the rules are those of `engine.detect.outline`.

    Args:
        boxes: (n, 4), n at least 1; scores: (n,).
        whole: (rows, cols) probability of the class, NaN where nothing was seen.
        threshold: probability from which on a pixel counts.
        grown: share of its sides by which a box is enlarged on each side.
    """
    from scipy import ndimage

    rows, cols = whole.shape
    windows = [_grown(box, (rows, cols), grown) for box in boxes]
    area = _around(windows)
    plane = whole[area.slices]
    claims = [
        _claim(box, float(score), window, area) for box, score, window in zip(boxes, scores, windows, strict=True)
    ]
    owner = _owners(claims, (area.height, area.width))
    pieces, count = ndimage.label(plane >= max(threshold, 1e-6), NEIGHBOURS)
    held = np.zeros((len(boxes), count + 1), np.int64)
    core = np.zeros_like(held)
    for number, claim in enumerate(claims):
        part, mine = pieces[claim.window.slices], owner[claim.window.slices] == number
        held[number] = np.bincount(part[mine], minlength=count + 1)
        core[number] = np.bincount(part[mine & claim.core], minlength=count + 1)
    held[:, 0] = 0
    # A sliver that reaches into the margin is a neighbour's.
    held[2 * core < held] = 0
    most = held.max(axis=0, initial=0)
    taken = np.zeros(plane.shape, bool)
    kept: list[Outlined] = []
    for number, claim in enumerate(claims):
        own = (held[number] > 0) & (held[number] == most)
        if held[number].any():
            own[int(held[number].argmax())] = True
        inside = own[pieces[claim.window.slices]] & (owner[claim.window.slices] == number)
        taken[claim.window.slices] |= inside
        kept.append(_tight(claim.window, inside))
    for number, claim in enumerate(claims):
        if not kept[number].inside.any():
            free = (owner[claim.window.slices] == number) & ~taken[claim.window.slices] & claim.core
            kept[number] = _tight(claim.window, _around_peak(plane[claim.window.slices], free))
    return [
        replace(part, window=replace(part.window, row=part.window.row + area.row, col=part.window.col + area.col))
        for part in kept
    ]


def _owners(claims: Sequence[_Claim], shape: tuple[int, int]) -> NDArray[np.int32]:
    """(rows, cols): which box each pixel fits best; -1 where there is none."""
    owner = np.full(shape, -1, np.int32)
    best = np.full(shape, np.inf, np.float32)
    for number, claim in enumerate(claims):
        # Inside a box beats the margin of another.
        cost = np.where(claim.core, claim.cost, claim.cost + np.float32(1e6))
        window = claim.window.slices
        better = cost < best[window]
        best[window] = np.where(better, cost, best[window])
        owner[window] = np.where(better, number, owner[window])
    return owner


def _around_peak(values: Floats, free: Mask) -> Mask:
    """The piece of free pixels around the highest value, down to half of it; nothing where the highest says nothing."""
    from scipy import ndimage

    seen = np.where(free, np.nan_to_num(values), 0)
    peak = float(seen.max(initial=0))
    if peak < FLOOR:
        return np.zeros(values.shape, bool)
    pieces, _ = ndimage.label(seen >= peak / 2, NEIGHBOURS)
    return np.asarray(pieces == pieces.flat[int(seen.argmax())])


def _tight(window: Window, inside: Mask) -> Outlined:
    """The pixels in the smallest window that holds them; the window as it is where there are none."""
    if not inside.any():
        return Outlined(window=window, inside=inside)
    rows, cols = np.flatnonzero(inside.any(axis=1)), np.flatnonzero(inside.any(axis=0))
    cut = inside[rows[0] : rows[-1] + 1, cols[0] : cols[-1] + 1]
    place = Window(
        row=window.row + int(rows[0]), col=window.col + int(cols[0]), height=cut.shape[0], width=cut.shape[1]
    )
    return Outlined(window=place, inside=np.ascontiguousarray(cut))
