"""A seismic volume: traces on a grid of inlines and crosslines, read line by line.

The axes are always (inline, crossline, sample). A single 2-D line is a volume with one inline whose
crosslines are its traces. Labels (the numbers an interpreter types) and positions (0, 1, 2 ...) are
kept apart: arrays are indexed by position, files and tables speak in labels.
"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

import numpy as np
from affine import Affine
from numpy.typing import NDArray

from outcrop.core.errors import WrongUnit
from outcrop.core.grid import WAY_OUT, Axis, Grid
from outcrop.core.scene import Floats, Scene

Direction = Literal["inline", "crossline"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Volume:
    """Traces in their places.

    Attributes:
        id: stable name, the stem of the file.
        inlines: (n_inlines,) labels in file order.
        crosslines: (n_crosslines,) labels; trace numbers for a 2-D line.
        vertical: ``Axis("two-way time", "ms")`` or ``Axis("depth", "m")``.
        first_sample: vertical position of sample 0, in the unit of ``vertical``.
        sample_step: distance between samples, in the same unit.
        samples: number of samples in a trace.
        live: (n_inlines, n_crosslines), False where the survey has no trace.
        x, y: (n_inlines, n_crosslines) map positions in metres, NaN where unknown; None without any.
        spacing: distance (m) between inlines and between crosslines, None where unknown.
        read: (direction, start, stop) → (lines, other lines, samples) float32, NaN on dead traces;
            start and stop are positions along the direction.
        path: the file behind it, None for a volume drawn in memory.
        layout: what a writer needs to give back the same geometry (see ``sources.segy``); empty elsewhere.
        crs: map projection, when the user names it.
        notes: what the reader found odd and how it read it, one sentence each.
    """

    id: str
    inlines: NDArray[np.int64]
    crosslines: NDArray[np.int64]
    vertical: Axis
    first_sample: float
    sample_step: float
    samples: int
    live: NDArray[np.bool_]
    read: Callable[[Direction, int, int], Floats]
    x: NDArray[np.float64] | None = None
    y: NDArray[np.float64] | None = None
    spacing: tuple[float | None, float | None] = (None, None)
    path: Path | None = None
    layout: Mapping[str, Any] = field(default_factory=dict)
    crs: str | None = None
    notes: tuple[str, ...] = field(default=())

    @property
    def shape(self) -> tuple[int, int, int]:
        """(inlines, crosslines, samples)."""
        return len(self.inlines), len(self.crosslines), self.samples

    @property
    def is_line(self) -> bool:
        """True for a 2-D line: one inline, or one crossline."""
        return 1 in self.shape[:2]

    @property
    def along(self) -> Direction:
        """The direction whose sections hold more than one trace; of a whole volume, the inlines."""
        return "crossline" if len(self.crosslines) == 1 and len(self.inlines) > 1 else "inline"

    @property
    def trace_spacing(self) -> float | None:
        """Distance (m) between neighbouring traces of a section ``along``, None where unknown."""
        return self.spacing[1] if self.along == "inline" else self.spacing[0]

    def cell_area(self) -> float:
        """Map area that one trace stands for, in m².

        Raises:
            WrongUnit: the distance between lines is unknown, or the volume is a single line.
        """
        inline, crossline = self.spacing
        if not inline or not crossline:
            raise WrongUnit(f"{self.id} does not say how far its lines lie apart: {WAY_OUT['trace']}")
        return inline * crossline

    def section_grid(self, direction: Direction) -> Grid:
        """The grid of one section, (samples, traces): x in metres along the line when known, y the vertical axis."""
        across = self.spacing[1] if direction == "inline" else self.spacing[0]
        traces = self.shape[1] if direction == "inline" else self.shape[0]
        axis = Axis("along line", "m") if across else Axis("along line", "trace")
        place = Affine.translation(0, self.first_sample) @ Affine.scale(across or 1.0, self.sample_step)
        return Grid(shape=(self.samples, traces), transform=place, axes=(axis, self.vertical))

    def sections(self, direction: Direction = "inline") -> Iterator[Scene]:
        """One scene per line, (1, samples, traces), read only when asked."""
        grid = self.section_grid(direction)
        labels = self.inlines if direction == "inline" else self.crosslines
        for position, label in enumerate(labels):

            def read(window, position=position):  # type: ignore[no-untyped-def]
                line = self.read(direction, position, position + 1)[0].T
                return np.asarray(line[None, *window.slices])

            yield Scene(id=f"{self.id}/{direction}-{label}", grid=grid, bands=("amplitude",), read=read)
