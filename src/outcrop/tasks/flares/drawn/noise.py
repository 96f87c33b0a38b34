"""Random fields that look like turbulence: sums of smooth noise from coarse to fine, which can also move in time.

Each octave holds two independent grids a and b; the field at a time is a cos(w t) + b sin(w t), which has the same
strength at any time, and finer octaves turn faster, as smaller eddies do.
"""

from collections.abc import Sequence

import numpy as np
from PIL import Image

from outcrop.core.scene import Floats


def enlarged(values: Floats, shape: tuple[int, int]) -> Floats:
    """A 2-D field resampled to another shape, smoothly."""
    image = Image.fromarray(np.asarray(values, np.float32))
    return np.asarray(image.resize((shape[1], shape[0]), Image.Resampling.BICUBIC), np.float32)


class Field:
    """A fractal field of mean 0 and standard deviation about 1 over a rectangle."""

    def __init__(
        self, rng: np.random.Generator, cells: tuple[float, float], *, octaves: int = 5, gain: float = 0.55
    ) -> None:
        """Draw the grids.

        Args:
            cells: cells of the coarsest octave down and across the rectangle.
            gain: strength of an octave over the one before.
        """
        self._grids: list[tuple[Floats, Floats, tuple[float, float], float]] = []
        self._gain = gain
        for octave in range(octaves):
            fine = (max(cells[0] * 2**octave, 0.2), max(cells[1] * 2**octave, 0.2))
            size = (int(np.ceil(fine[0])) + 4, int(np.ceil(fine[1])) + 4)
            pair = rng.standard_normal((2, *size), np.float32)
            self._grids.append((pair[0], pair[1], fine, gain**octave))

    def at(self, shape: tuple[int, int], *, time: float = 0.0, scroll: float = 0.0) -> Floats:
        """The field on (rows, cols).

        Args:
            time: turns the field; 1 is about the life of its largest eddy.
            scroll: shares of the height by which it has moved down the rows (any number; it wraps around).
        """
        out = np.zeros(shape, np.float32)
        power = 0.0
        for octave, (a, b, cells, strength) in enumerate(self._grids):
            if min(shape[0] / cells[0], shape[1] / cells[1]) < 1.2:
                break
            angle = time * 1.6**octave
            grid = np.cos(angle) * a + np.sin(angle) * b if time else a
            shift = scroll * cells[0]
            if scroll:
                grid = np.roll(grid, int(np.floor(shift)), axis=0)
            top = 1.0 - (shift - np.floor(shift))
            box = (1.0, top, 1.0 + cells[1], top + cells[0])
            image = Image.fromarray(np.ascontiguousarray(grid, np.float32))
            layer = image.resize((shape[1], shape[0]), Image.Resampling.BICUBIC, box=box)
            out += np.float32(strength) * np.asarray(layer, np.float32)
            power += 0.55 * strength**2
        return np.asarray(out / np.float32(max(power, 1e-9) ** 0.5), np.float32)


def fractal(
    rng: np.random.Generator,
    shape: tuple[int, int],
    cells: tuple[float, float],
    *,
    octaves: int = 5,
    gain: float = 0.55,
) -> Floats:
    """A field that stands still, (rows, cols)."""
    return Field(rng, cells, octaves=octaves, gain=gain).at(shape)


def smoothstep(low: float, high: float, values: Floats) -> Floats:
    """0 below ``low``, 1 above ``high``, smooth between."""
    t = np.clip((values - np.float32(low)) / np.float32(high - low), 0, 1)
    return np.asarray(t * t * (3 - 2 * t), np.float32)


def mixed(below: Floats, above: Sequence[float] | Floats, share: Floats) -> Floats:
    """``above`` laid over ``below``, (rows, cols, 3), where ``share``, (rows, cols), is 1."""
    weight = share[..., None]
    return np.asarray(below + weight * (np.asarray(above, np.float32) - below), np.float32)
