"""Smooth random functions of place, and surfaces made of them.

Arrays are (y, x, z): y runs across inlines, x along an inline, z is depth below the top of the window; all in metres.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from outcrop.core.scene import Floats

Extent = tuple[float, float, float]
"""Size of the drawn block along (y, x, z), m."""

SPLINE_POWER = 151 / 315
"""Integral of the squared cubic B-spline: what averaging does to the variance of white coefficients, per axis."""


def _weights(places: Floats, origin: float, spacing: float, count: int) -> tuple[NDArray[np.int64], Floats]:
    """First of the four knots that reach each place, and their cubic B-spline weights, (4, places)."""
    along = (places.astype(np.float64) - origin) / spacing
    first = np.clip(np.floor(along).astype(np.int64) - 1, 0, count - 4)
    away = np.abs(along - first - np.arange(4)[:, None])
    inner = 2 / 3 - away**2 + away**3 / 2
    return first, np.where(away < 1, inner, np.clip(2 - away, 0, None) ** 3 / 6).astype(np.float32)


@dataclass(frozen=True, slots=True, kw_only=True)
class Field:
    """A smooth random function of place, mean 0 and variance 1: cubic B-splines on a lattice of random numbers.

    Axis by axis each value is a sum of four, so a grid of any resolution is cheap, and the same to the last bit
    on any number of threads (matrix products are not).

    Attributes:
        coefficients: (knots along y, x, z); one knot along an axis on which the field does not depend.
        origin: place of the first knot, m.
        spacing: distance between knots, m.
    """

    coefficients: Floats
    origin: Extent
    spacing: Extent

    def at(self, y: Floats, x: Floats, z: Floats) -> Floats:
        """Values on the grid, (y, x, z); the last axis has length 1 if the field does not depend on depth."""
        values = self.coefficients
        # A few lines of many shrink the work when done first; otherwise whole sections are mixed last.
        order = (0, 2, 1) if len(y) < values.shape[0] else (2, 1, 0)
        for axis in order:
            if values.shape[axis] > 1 or axis != 2:
                values = self._spread(values, (y, x, z)[axis], axis)
        return values

    def _spread(self, values: Floats, places: Floats, axis: int) -> Floats:
        """Replace the knots of one axis by places."""
        first, weights = _weights(places, self.origin[axis], self.spacing[axis], values.shape[axis])
        if axis == 0:
            out = np.empty((len(places), *values.shape[1:]), np.float32)
            scratch = np.empty(values.shape[1:], np.float32)
            for line, knot, weight in zip(out, first, weights.T, strict=True):
                np.multiply(values[knot], weight[0], out=line)
                for step in (1, 2, 3):
                    line += np.multiply(values[knot + step], weight[step], out=scratch)
            return out
        if axis == 1:
            weights = weights[:, :, None]
        parts = (values.take(first + step, axis=axis) * weights[step] for step in range(4))
        return np.asarray(sum(parts))


def draw_field(rng: np.random.Generator, extent: Extent, lateral: float, vertical: float | None = None) -> Field:
    """A field with knots ``lateral`` (m) apart, and ``vertical`` (m) apart in depth; None: the same at every depth."""
    spacing = (lateral, lateral, vertical or 1.0)
    counts = [int(np.ceil(size / step)) + 8 for size, step in zip(extent, spacing, strict=True)]
    if vertical is None:
        counts[2] = 1
    scale = SPLINE_POWER ** (-1.5 if vertical else -1.0)
    origin = [-(3 + rng.random()) * step for step in spacing]
    values = rng.standard_normal(counts, dtype=np.float32) * np.float32(scale)
    return Field(coefficients=values, origin=(origin[0], origin[1], origin[2]), spacing=spacing)


@dataclass(frozen=True, slots=True, kw_only=True)
class Surface:
    """A depth (m) at every map place: level + slope + relief; ``cusp`` folds the relief into sharp crests."""

    level: float
    slope: tuple[float, float] = (0.0, 0.0)
    relief: tuple[tuple[Field, float], ...] = ()
    cusp: bool = False

    def at(self, y: Floats, x: Floats) -> Floats:
        """Depth in metres, (y, x, 1)."""
        depth = self.level + self.slope[0] * y[:, None, None] + self.slope[1] * x[None, :, None]
        for field, size in self.relief:
            waves = field.at(y, x, np.zeros(1, np.float32))
            depth = depth + size * (np.abs(waves) - 0.8 if self.cusp else waves)
        return np.asarray(depth, np.float32)
