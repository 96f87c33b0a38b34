"""Chips put back together: overlapping probabilities are blended and finished rows handed on at once.

Memory holds one chip's height of rows, whatever the scene's height. A chip weighs nothing near its inner
edges, where the network saw too little around a pixel, and rises linearly from there, so that what a pixel
gets does not depend on where the windows fall.
"""

import numpy as np

from outcrop.core.grid import Grid, Window
from outcrop.core.scene import Floats

QUIET = 0.25
"""Share of the overlap, at a chip's inner edge, that weighs nothing."""


def ramp(length: int, overlap: int, *, starts: bool, ends: bool) -> Floats:
    """Weights along one side of a chip, (length,): 1 in the middle, falling to 0 at edges that lie inside the scene.

    Args:
        starts, ends: True where the chip's first or last pixel is the scene's own edge.
    """
    distance = np.arange(length, dtype=np.float32) + 0.5
    quiet = QUIET * overlap
    run = max(overlap - 2 * quiet, 1.0)
    rise = np.clip((distance - quiet) / run, 1e-6, 1)
    one = np.ones(length, np.float32)
    return np.asarray((one if starts else rise) * (one if ends else rise[::-1]), np.float32)


class Canvas:
    """One scene's map in the making.

    Args:
        classes: number of planes.
        overlap: pixels that neighbouring windows share.
    """

    def __init__(self, grid: Grid, classes: int, overlap: int) -> None:
        self.grid, self.overlap = grid, overlap
        self.done = 0
        self.total = np.zeros((classes, 0, grid.shape[1]), np.float32)
        self.weight = np.zeros((0, grid.shape[1]), np.float32)

    def add(self, window: Window, chip: Floats) -> tuple[int, Floats] | None:
        """Lay one chip, (classes, rows, cols), on the canvas; windows come row by row.

        Returns:
            (first row, values) of the rows that no later window touches, once there are any.
        """
        rows, cols = self.grid.shape
        finished = self._emit(window.row) if window.row > self.done else None
        self._grow(window.row + window.height - self.done)
        blend = np.outer(
            ramp(window.height, self.overlap, starts=window.row == 0, ends=window.row + window.height == rows),
            ramp(window.width, self.overlap, starts=window.col == 0, ends=window.col + window.width == cols),
        )
        top = window.row - self.done
        here = (slice(top, top + window.height), slice(window.col, window.col + window.width))
        # Missing pixels stay missing: a chip that saw nothing at a pixel gives NaN, in every chip alike.
        self.total[:, *here] += chip * blend
        self.weight[here] += blend
        return finished

    def finish(self) -> tuple[int, Floats]:
        """The rows still held, after the last chip."""
        return self._emit(self.grid.shape[0])

    def _grow(self, height: int) -> None:
        """Make room for rows down to ``height`` below the last finished one."""
        more = height - self.weight.shape[0]
        if more > 0:
            self.total = np.pad(self.total, ((0, 0), (0, more), (0, 0)))
            self.weight = np.pad(self.weight, ((0, more), (0, 0)))

    def _emit(self, end: int) -> tuple[int, Floats]:
        """Blend and let go of the rows above ``end``."""
        first, count = self.done, end - self.done
        values = self.total[:, :count] / self.weight[None, :count]
        self.total, self.weight, self.done = self.total[:, count:].copy(), self.weight[count:].copy(), end
        return first, values
