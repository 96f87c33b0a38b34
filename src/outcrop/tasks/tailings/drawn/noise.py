"""Random functions of place that need no memory: numbers hashed from lattice knots, joined by splines.

Whatever window is asked for, the same place gives the same value, and a scene of any size costs nothing to hold.
Axes are y (down) and x (right), in metres from the upper left corner of the scene.
"""

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from outcrop.core.scene import Floats

Real = NDArray[np.floating[Any]]
Axis1 = Real
"""Places along one axis, m; 64 bits, so that far corners of large scenes stay sharp."""

Hashes = NDArray[np.uint64]

SPLINE_POWER = 151 / 315
"""Integral of the squared cubic B-spline: what smoothing does to the variance of white knots, per axis."""

_KNOT_SPREAD = 65536 / 3**0.5
"""Standard deviation of the sum of four uniform 16-bit numbers."""


def hashed(seed: int, i: NDArray[np.int64], j: NDArray[np.int64]) -> Hashes:
    """A scrambled 64-bit number for every pair of lattice indices (broadcast), by the finaliser of SplitMix64.

    Source: Steele, Lea, Flood 2014, "Fast splittable pseudorandom number generators".
    """
    mixed = i.astype(np.uint64) * np.uint64(0x9E3779B97F4A7C15) ^ j.astype(np.uint64) * np.uint64(0xC2B2AE3D27D4EB4F)
    mixed = mixed + np.array(seed, np.uint64)
    mixed = (mixed ^ (mixed >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    mixed = (mixed ^ (mixed >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return np.asarray(mixed ^ (mixed >> np.uint64(31)))


def uniform(values: Hashes, part: int = 0) -> Floats:
    """Numbers in [0, 1) from hashes; ``part`` 0, 1 or 2 picks independent bits."""
    return ((values >> np.uint64(part * 20)) & np.uint64(0xFFFFF)).astype(np.float32) / np.float32(2**20)


def _normal(values: Hashes) -> Floats:
    """Numbers of mean 0 and variance 1 from hashes, bell-shaped and within ±3.5."""
    total = np.ascontiguousarray(values)[..., None].view(np.uint16).sum(-1, dtype=np.float32)
    return np.asarray((total - np.float32(2 * 65535)) / np.float32(_KNOT_SPREAD), np.float32)


def _weights(places: Axis1, spacing: float) -> tuple[NDArray[np.int64], Floats]:
    """First of the four knots that reach each place, and their cubic B-spline weights, (4, places)."""
    along = places / spacing
    first = np.floor(along).astype(np.int64) - 1
    away = np.abs(along - first - np.arange(4)[:, None])
    inner = 2 / 3 - away**2 + away**3 / 2
    return first, np.where(away < 1, inner, np.clip(2 - away, 0, None) ** 3 / 6).astype(np.float32)


def smooth(seed: int, y: Axis1, x: Axis1, spacing: float) -> Floats:
    """A smooth random function on a grid, (len(y), len(x)), mean 0, variance 1, knots ``spacing`` metres apart.

    Sums of four along each axis, not matrix products: those differ in the last bits with the number of threads.
    """
    (row, row_weight), (col, col_weight) = _weights(y, spacing), _weights(x, spacing)
    top, left = int(row.min()), int(col.min())
    i, j = np.arange(top, int(row.max()) + 4), np.arange(left, int(col.max()) + 4)
    values = _normal(hashed(seed, i[:, None], j[None, :])) * np.float32(1 / SPLINE_POWER)
    lines = np.asarray(sum(values[row - top + k] * row_weight[k][:, None] for k in range(4)))
    return np.asarray(sum(lines[:, col - left + k] * col_weight[k] for k in range(4)))


def fractal(seed: int, y: Axis1, x: Axis1, spacings: Sequence[float], fall: float = 0.5) -> Floats:
    """Smooth functions of several scales added, each ``fall`` times as strong as the one before; variance 1."""
    gains = fall ** np.arange(len(spacings))
    gains /= np.sqrt((gains**2).sum())
    parts = (
        np.float32(g) * smooth(seed + 7919 * k, y, x, s) for k, (g, s) in enumerate(zip(gains, spacings, strict=True))
    )
    return np.asarray(sum(parts))


def grain(seed: int, y: Axis1, x: Axis1, size: float) -> Floats:
    """White noise in squares of ``size`` metres, (len(y), len(x)), mean 0, variance 1."""
    i, j = np.floor(y / size).astype(np.int64), np.floor(x / size).astype(np.int64)
    return _normal(hashed(seed, i[:, None], j[None, :]))


def loose(seed: int, v: Real, u: Real) -> Floats:
    """Smooth noise at any places (v, u), of one shape, in units of its lattice: values in -1 to 1."""
    i, j = np.floor(v), np.floor(u)
    a, b = v - i, u - j
    a, b = a * a * (3 - 2 * a), b * b * (3 - 2 * b)
    i, j = i.astype(np.int64), j.astype(np.int64)
    upper, lower = (uniform(hashed(seed, i + k, j)) * (1 - b) + uniform(hashed(seed, i + k, j + 1)) * b for k in (0, 1))
    return np.asarray(2 * (upper * (1 - a) + lower * a) - 1, np.float32)


def plots(seed: int, v: Real, u: Real) -> tuple[Hashes, Floats]:
    """Land parcels laid like bricks over places (v, u), in units of a parcel's side.

    Returns:
        The parcel's own random number, and the distance to its border in the same units.
    """
    row = np.floor(v).astype(np.int64)
    style = hashed(seed, row, np.zeros_like(row))
    wide = np.float32(0.6) + np.float32(1.2) * uniform(style)
    along = u / wide + 50 * uniform(style, 1)
    col = np.floor(along).astype(np.int64)
    across, inside = v - row, along - col
    border = np.minimum(np.minimum(across, 1 - across), np.minimum(inside, 1 - inside) * wide)
    return hashed(seed + 1, row, col), np.asarray(border, np.float32)


def ramp(values: Real, low: float, high: float) -> Floats:
    """0 below ``low``, 1 above ``high``, smooth between."""
    t = np.clip((values - np.float32(low)) / np.float32(high - low), 0, 1)
    return np.asarray(t * t * (3 - 2 * t), np.float32)


def mix(below: Real, above: Real, share: Real | float) -> Floats:
    """``share`` of the upper colour over the lower, (bands, rows, cols); colours may be (bands, 1, 1)."""
    return np.asarray(below + (above - below) * share, np.float32)
