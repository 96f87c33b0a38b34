"""What one block of rows says of the outlines in it: its pieces, their sums, and the vertices where they turn.

A block comes with the last row of the block before it on top and one column of frame on either side, so that every
pixel has its neighbours. A piece is a connected component of one class whose pixels join through sides.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from outcrop.core.scene import Floats
from outcrop.instruments.outline_rings import (
    NORTH_EAST,
    NORTH_WEST,
    REFLEX,
    SOUTH_EAST,
    SOUTH_WEST,
    UNSEEN,
    Corners,
    Ints,
    is_class,
)

PIXELS, PROBABILITY, BETWEEN_ROWS, BETWEEN_COLS, UNSEEN_FACES, UNSEEN_CORNER = range(6)
"""Columns of the sums of a piece."""

PROBABILITY_STEP = 2.0**-24
"""Probabilities are summed in whole steps, so that the sum is exact and no seam can change it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Vertices:
    """The vertices of a block at which an outline may turn, and the four pixels round each of them.

    Attributes:
        row, col: (n,) position of the vertex, row 0 is the upper side of the block's second row.
        values: (4, n) mask values by quadrant.
        pieces: (4, n) piece of each pixel, 0 where it is of no class.
    """

    row: Ints
    col: Ints
    values: NDArray[np.uint8]
    pieces: Ints

    def corners(self, first_row: int) -> Corners:
        """Every corner; two pixels that meet in the vertex alone have a convex one each.

        Args:
            first_row: line of the raster on which row 0 lies.
        """
        found = []
        for quadrant in range(4):
            here, beside, under = (self.values[quadrant ^ turn] for turn in (0, 1, 2))
            opposite = self.values[quadrant ^ 3]
            convex = is_class(here) & (here != beside) & (here != under)
            reflex = is_class(beside) & (beside == under) & (beside == opposite) & (here != beside)
            for which, kind, owner in ((convex, quadrant, quadrant), (reflex, quadrant + REFLEX, quadrant ^ 1)):
                at = np.flatnonzero(which)
                found.append(
                    Corners(
                        row=(self.row[at] + first_row).astype(np.int32),
                        col=self.col[at].astype(np.int32),
                        kind=np.full(len(at), kind, np.uint8),
                        piece=self.pieces[owner, at],
                    )
                )
        return Corners.joined(found)

    def diagonals(self) -> tuple[Ints, Ints]:
        """Pieces of one class that meet in a vertex alone, in pairs."""
        pairs = []
        for one, other in ((NORTH_WEST, SOUTH_EAST), (NORTH_EAST, SOUTH_WEST)):
            here = self.values[one]
            meets = is_class(here) & (here == self.values[other])
            meets &= (here != self.values[one ^ 1]) & (here != self.values[one ^ 2])
            pairs.append(self.pieces[[one, other]][:, meets])
        first, second = np.concatenate(pairs, axis=1)
        return first, second

    def beside_unseen(self) -> Ints:
        """Pieces with a pixel that meets an unseen one in a vertex alone (sides are counted elsewhere)."""
        found = [
            self.pieces[q, is_class(self.values[q]) & (self.values[q ^ 3] == UNSEEN)] for q in range(4)
        ]  # fmt: skip
        return np.unique(np.concatenate(found))


def vertices(mask: NDArray[np.uint8], pieces: NDArray[np.int32]) -> Vertices:
    """The vertices of a block where something turns.

    Args:
        mask: (rows, cols) with one row above and one column on either side that belong to the neighbours.
        pieces: piece of every pixel, same shape.
    """
    sideways = mask[:, 1:] != mask[:, :-1]
    downwards = mask[1:] != mask[:-1]
    turns = sideways[1:] | sideways[:-1]
    turns &= downwards[:, 1:] | downwards[:, :-1]
    row, col = np.divmod(np.flatnonzero(turns), turns.shape[1])
    width = mask.shape[1]
    at = (row * width + col) + np.array([0, 1, width, width + 1])[:, None]
    return Vertices(row=row, col=col, values=mask.ravel()[at], pieces=pieces.ravel()[at].astype(np.int64))


def label_pieces(mask: NDArray[np.uint8], pieces: NDArray[np.int32]) -> NDArray[np.uint8]:
    """Write the piece of every pixel, 1 .. n, into ``pieces``; give the class of each piece, (n,).

    Args:
        mask, pieces: (rows, cols); ``pieces`` holds zeros.
    """
    from scipy import ndimage

    values = np.flatnonzero(np.bincount(mask.ravel(), minlength=256)).astype(np.uint8)
    classes = np.zeros(0, np.uint8)
    for value in values[is_class(values)]:
        inside = mask == value
        labels, found = ndimage.label(inside)
        np.copyto(pieces, labels + np.int32(len(classes)) if len(classes) else labels, where=inside)
        classes = np.concatenate([classes, np.full(found, value, np.uint8)])
    return classes


def sum_pieces(
    mask: NDArray[np.uint8], pieces: NDArray[np.int32], probability: Floats | None, count: int
) -> NDArray[np.float64]:
    """What a block adds to each piece 1 .. count, (count, 6).

    Args:
        mask, pieces: (1 + rows, 1 + cols + 1), row 0 and the outer columns belong to the neighbours.
        probability: (rows, cols).
    """
    sums = np.zeros((6, count + 1))
    inside = np.flatnonzero(pieces[1:, 1:-1])
    owner = pieces[1:, 1:-1].ravel()[inside]
    sums[PIXELS] = np.bincount(owner, minlength=count + 1)
    if probability is None:
        sums[PROBABILITY] = np.where(sums[PIXELS] > 0, np.nan, 0)
    else:
        steps = np.rint(probability.ravel()[inside].astype(np.float64) / PROBABILITY_STEP)
        sums[PROBABILITY] = np.bincount(owner, steps, count + 1)
    values, owners, width = mask.ravel(), pieces.ravel(), mask.shape[1]
    sides = (
        (BETWEEN_ROWS, width, np.flatnonzero(values[width:] != values[:-width])),
        # The end of a row and the start of the next are frame both, so no side is seen between them.
        (BETWEEN_COLS, 1, np.flatnonzero(values[width + 1 :] != values[width:-1]) + width),
    )
    for column, step, at in sides:
        for here, there in ((at, at + step), (at + step, at)):
            mine = is_class(values[here])
            unseen = values[there[mine]] == UNSEEN
            owner = owners[here[mine]]
            sums[column] += np.bincount(owner[~unseen], minlength=count + 1)
            sums[UNSEEN_FACES] += np.bincount(owner[unseen], minlength=count + 1)
    return sums.T[1:]
