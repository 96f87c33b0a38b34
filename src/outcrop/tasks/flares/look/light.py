"""Linear light: what a pixel received, from the number that the file keeps.

A photo keeps light bent by the sRGB curve (IEC 61966-2-1). Shares of light (opacity, brightness) are wrong by a factor
of up to two when they are taken from the bent numbers. A camera's own contrast curve is not known and not undone.
"""

from typing import Any

import numpy as np
from numpy.typing import NDArray

WEIGHTS = np.array([0.2126, 0.7152, 0.0722], np.float32)
"""Share of red, green and blue in luminance (ITU-R BT.709)."""

FULL = 0.98
"""Value (0..1, as the file keeps it) from which a channel counts as saturated: 250 of 255."""


def linear(values: NDArray[Any]) -> NDArray[np.float32]:
    """sRGB values 0..1 → linear light 0..1, any shape; NaN stays.

    >>> [round(float(v), 4) for v in linear(np.array([0.0, 0.5, 1.0]))]
    [0.0, 0.214, 1.0]
    """
    values = np.asarray(values, np.float32)
    low = values <= 0.04045
    return np.asarray(np.where(low, values / 12.92, ((np.maximum(values, 0) + 0.055) / 1.055) ** 2.4), np.float32)


def encoded(values: NDArray[Any]) -> NDArray[np.float32]:
    """Linear light 0..1 → sRGB values 0..1.

    >>> round(float(encoded(np.array(0.214))), 2)
    0.5
    """
    values = np.asarray(values, np.float32)
    bent = 1.055 * np.maximum(values, 0) ** (1 / 2.4) - 0.055
    return np.asarray(np.where(values <= 0.0031308, values * 12.92, bent), np.float32)


def luminance(light: NDArray[Any]) -> NDArray[np.float32]:
    """Linear light, (3, ...) → luminance, (...)."""
    return np.asarray(np.tensordot(WEIGHTS, light, axes=1), np.float32)
