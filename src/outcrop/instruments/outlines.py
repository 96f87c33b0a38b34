"""Outlines of deposits, traced while strips of a mask pass by; memory does not grow with the height of the raster.

A deposit is one 8-connected component of one class. Each block of rows is labelled by itself; what crosses a seam is
joined through the pixels that meet there. Of an unfinished deposit only a few sums and the corners of its outline are
kept, in the corners' own places in the raster, so that a deposit cut by any number of seams has exactly the outline
that it has in the whole raster. A finished one is handed on at once.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from outcrop.core.errors import UsageError
from outcrop.core.scene import Floats
from outcrop.instruments.outline_block import (
    BETWEEN_COLS,
    BETWEEN_ROWS,
    PIXELS,
    PROBABILITY,
    PROBABILITY_STEP,
    UNSEEN_CORNER,
    UNSEEN_FACES,
    Vertices,
    label_pieces,
    sum_pieces,
    vertices,
)
from outcrop.instruments.outline_rings import UNSEEN, Corners, Ints, Part, is_class, rings

BLOCK = 1 << 20
"""Pixels that are handled at once: strips are gathered or cut to about this size."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Outline:
    """One deposit. Rows and columns count from 0 at the upper left of the raster.

    Attributes:
        number: 1 + row x width + col of its first pixel (the leftmost of the uppermost row): unique in the raster,
            known without the other deposits, and the same however the raster was cut.
        class_index: mask value of its class, 1 or more.
        parts: exterior and holes of each piece whose pixels join through sides, ordered by first pixel; pieces
            meet in single corners at most, so that together they are a valid multipolygon. Rings are (n, 2) int32
            pixel corners (col, row), closed, without collinear points. With x to the right and y up, as on
            a map, exteriors run counter-clockwise and holes clockwise.
        pixels: number of pixels.
        sum_probability: sum of the probabilities of its pixels, NaN when none were given.
        boundary_faces: (between rows, between cols) pixel sides towards seen pixels that are not of the deposit.
        unseen_faces: pixel sides towards pixels that were not seen or towards the frame of the raster.
        rows: first and last row.
        bounds: (left, top, right, bottom) in pixel corners.
        touches_edge: a pixel touches, by a side or a corner, the frame or a pixel that was not seen: the deposit may
            go on there, and its area is a lower bound.
    """

    number: int
    class_index: int
    parts: tuple[Part, ...]
    pixels: int
    sum_probability: float
    boundary_faces: tuple[int, int]
    unseen_faces: int
    rows: tuple[int, int]
    bounds: tuple[int, int, int, int]
    touches_edge: bool

    @property
    def mean_probability(self) -> float:
        """Mean over the pixels of the deposit, NaN when no probabilities were given."""
        return self.sum_probability / self.pixels

    @property
    def observed_share(self) -> float:
        """Share of the pixel sides of the outline, those of holes too, beyond which the sensor saw: 1 is all of them."""
        seen = sum(self.boundary_faces)
        return seen / (seen + self.unseen_faces)


class Outliner:
    """Traces deposits in strips that are given from top to bottom: ``add`` each of them, then ``finish``.

    Args:
        width: columns of the raster.
        min_pixels: smaller deposits are left out before they are traced.
        block: pixels handled at once; results do not depend on it, and lists come later when it is large.
    """

    def __init__(self, width: int, *, min_pixels: int = 1, block: int = BLOCK) -> None:
        if width < 1:
            raise UsageError(f"a raster of {width} columns has no outlines: give a width of at least 1")
        self.width, self.min_pixels = width, min_pixels
        self.rows = 0
        self._height = max(block // width, 1)
        self._waiting: list[tuple[NDArray[np.uint8], Floats | None]] = []
        self._last = np.full(width, UNSEEN, np.uint8)  # the row above the next block
        self._last_pieces = np.zeros(width, np.int32)  # its open pieces, from 1; 0 for none
        self._open = _Pieces(sums=np.zeros((0, 6)), classes=np.zeros(0, np.uint8), deposit=np.zeros(0, np.int64))
        self._corners = Corners.none()

    def add(self, mask: NDArray[np.uint8], probability: Floats | None = None) -> list[Outline]:
        """The next strip; gives the deposits that ended, by rising number.

        Args:
            mask: (rows, cols) 0 background, 1.. class, 255 not seen.
            probability: (rows, cols) of the class of each pixel, in [0, 1]; needed only inside deposits.

        Raises:
            UsageError: the strip is no uint8 array of the raster's width, or the probabilities have another shape.
        """
        if mask.ndim != 2 or mask.shape[1] != self.width or mask.dtype != np.uint8:
            raise UsageError(
                f"a strip of shape {mask.shape} and type {mask.dtype} came, not uint8 (rows, {self.width}): "
                "give strips of one mask"
            )
        if probability is not None and probability.shape != mask.shape:
            raise UsageError(
                f"probabilities of shape {probability.shape} came with a mask of {mask.shape}: cut both alike"
            )
        found: list[Outline] = []
        for start in range(0, len(mask), self._height):
            cut = slice(start, start + self._height)
            # What waits is copied: a caller may use the array again for the next strip.
            self._waiting.append((mask[cut].copy(), None if probability is None else probability[cut].copy()))
            if sum(len(m) for m, _ in self._waiting) >= self._height:
                found += self._flush()
        return sorted(found, key=lambda outline: outline.number)

    def finish(self) -> list[Outline]:
        """The deposits that are still open, once every strip was added; by rising number."""
        found = self._flush()
        found += self._block(np.full((1, self.width), UNSEEN, np.uint8), None)
        return sorted(found, key=lambda outline: outline.number)

    def _flush(self) -> list[Outline]:
        """Handle the rows that wait."""
        waiting, self._waiting = self._waiting, []
        if not waiting:
            return []
        mask = np.concatenate([m for m, _ in waiting])
        if all(p is None for _, p in waiting):
            return self._block(mask, None)
        return self._block(
            mask, np.concatenate([np.full(m.shape, np.nan, np.float32) if p is None else p for m, p in waiting])
        )

    def _block(self, strip: NDArray[np.uint8], probability: Floats | None) -> list[Outline]:
        """Label a block, join it to what is open, hand on what has ended."""
        mask = np.pad(strip, ((1, 0), (1, 1)), constant_values=UNSEEN)
        mask[0, 1:-1] = self._last
        pieces = np.zeros(mask.shape, np.int32)
        classes = np.concatenate([label_pieces(strip, pieces[1:, 1:-1]), self._open.classes])
        fresh = len(classes) - len(self._open)  # open pieces are numbered after those of the block
        pieces[0, 1:-1] = np.where(self._last_pieces > 0, self._last_pieces + fresh, 0)
        turning = vertices(mask, pieces)

        sums = sum_pieces(mask, pieces, probability, len(classes))
        sums[fresh:] += self._open.sums
        sums[turning.beside_unseen() - 1, UNSEEN_CORNER] = 1
        meets = is_class(mask[0]) & (mask[0] == mask[1])
        group, groups = _groups(pieces[0, meets] - 1, pieces[1, meets] - 1, len(classes))
        deposit = self._deposits(group, groups, fresh, turning)
        merged = _Pieces(
            sums=np.stack([np.bincount(group, column, groups) for column in sums.T], axis=1),
            classes=classes[np.unique(group, return_index=True)[1]],
            deposit=deposit,
        )
        new = turning.corners(self.rows)
        nodes = np.concatenate([self._corners.piece + fresh, new.piece - 1])
        corners = Corners.joined([self._corners, new]).renamed(group[nodes])
        self.rows += len(strip)
        self._last = strip[-1].copy()
        below = pieces[-1, 1:-1]
        return self._settle(merged, corners, np.append(group, -1)[below - 1])

    def _deposits(self, group: Ints, groups: int, fresh: int, turning: Vertices) -> Ints:
        """Deposit of each group of pieces: they meet in a corner now, or met before."""
        one, other = turning.diagonals()
        first = np.unique(self._open.deposit, return_index=True)[1]
        before = np.arange(len(self._open)) + fresh
        ones = np.concatenate([one - 1, before])
        others = np.concatenate([other - 1, first[self._open.deposit] + fresh])
        return _groups(group[ones], group[others], groups)[0]

    def _settle(self, pieces: "_Pieces", corners: Corners, last: Ints) -> list[Outline]:
        """Keep the deposits that reach the last row, trace the others that are large enough.

        Args:
            last: (cols,) piece of each pixel of the last row, -1 for none.
        """
        deposits = int(pieces.deposit.max(initial=-1)) + 1
        open_deposit = np.zeros(deposits, bool)
        open_deposit[pieces.deposit[last[last >= 0]]] = True
        large = np.bincount(pieces.deposit, pieces.sums[:, PIXELS], deposits) >= self.min_pixels
        ended, ended_corners, _ = pieces.split((~open_deposit & large)[pieces.deposit], corners)
        self._open, self._corners, number = pieces.split(open_deposit[pieces.deposit], corners)
        self._last_pieces = np.append(number + 1, 0)[last].astype(np.int32)
        return _traced(ended, ended_corners, self.width)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Pieces:
    """Pieces 0 .. n - 1: sums (n, 6), class (n,), and deposit (n,), numbered without gaps."""

    sums: NDArray[np.float64]
    classes: NDArray[np.uint8]
    deposit: Ints

    def __len__(self) -> int:
        return len(self.classes)

    def split(self, chosen: NDArray[np.bool_], corners: Corners) -> "tuple[_Pieces, Corners, Ints]":
        """Some of the pieces and their corners, numbered anew; also the new number of each old piece, -1 for none."""
        number = np.where(chosen, np.cumsum(chosen) - 1, -1)
        deposit = np.unique(self.deposit[chosen], return_inverse=True)[1]
        part = _Pieces(sums=self.sums[chosen], classes=self.classes[chosen], deposit=deposit)
        mine = np.flatnonzero(chosen[corners.piece])
        return part, corners.take(mine).renamed(number[corners.piece[mine]]), number


def _groups(one: NDArray[np.integer], other: NDArray[np.integer], count: int) -> tuple[Ints, int]:
    """Connected components of ``count`` nodes with these links: (component of each node, number of components)."""
    if not len(one):
        return np.arange(count), count
    from scipy.sparse import coo_matrix
    from scipy.sparse.csgraph import connected_components

    links = coo_matrix((np.ones(len(one), bool), (one, other)), shape=(count, count))
    found, group = connected_components(links, directed=False)
    return np.asarray(group, np.int64), int(found)


def _traced(pieces: _Pieces, corners: Corners, width: int) -> list[Outline]:
    """Outlines of finished pieces, by number of their deposit."""
    if not len(pieces):
        return []
    farthest = np.iinfo(np.int64).max
    first = np.full(len(pieces), farthest)
    np.minimum.at(first, corners.piece, corners.row.astype(np.int64) * width + corners.col)
    begins = np.full(len(pieces), farthest)
    np.minimum.at(begins, pieces.deposit, first)
    order = np.lexsort((first, begins[pieces.deposit]))
    rank = np.empty(len(order), np.int64)
    rank[order] = np.arange(len(order))
    parts = rings(corners.renamed(rank[corners.piece]))
    deposit = pieces.deposit[order]
    starts = np.flatnonzero(np.diff(deposit, prepend=-1))
    totals = np.add.reduceat(pieces.sums[order], starts, axis=0)
    ends = [*starts[1:].tolist(), len(order)]
    numbers, classes = begins[deposit[starts]] + 1, pieces.classes[order[starts]]
    return [
        _outline(tuple(parts[a:b]), number, class_index, total)
        for a, b, number, class_index, total in zip(
            starts.tolist(), ends, numbers.tolist(), classes.tolist(), totals.tolist(), strict=True
        )
    ]


def _outline(parts: tuple[Part, ...], number: int, class_index: int, total: list[float]) -> Outline:
    left, top = np.min([part[0].min(axis=0) for part in parts], axis=0).tolist()
    right, bottom = np.max([part[0].max(axis=0) for part in parts], axis=0).tolist()
    return Outline(
        number=number,
        class_index=class_index,
        parts=parts,
        pixels=int(total[PIXELS]),
        sum_probability=total[PROBABILITY] * PROBABILITY_STEP,
        boundary_faces=(int(total[BETWEEN_ROWS]), int(total[BETWEEN_COLS])),
        unseen_faces=int(total[UNSEEN_FACES]),
        rows=(top, bottom - 1),
        bounds=(left, top, right, bottom),
        touches_edge=bool(total[UNSEEN_FACES] or total[UNSEEN_CORNER]),
    )


def outlines(mask: NDArray[np.uint8], probability: Floats | None = None, *, min_pixels: int = 1) -> list[Outline]:
    """The deposits of a whole mask, by rising number; arguments as for ``Outliner``."""
    outliner = Outliner(mask.shape[1], min_pixels=min_pixels)
    return sorted([*outliner.add(mask, probability), *outliner.finish()], key=lambda outline: outline.number)
