"""How reflectance becomes network input, the same at training and at prediction."""

import numpy as np

from outcrop.core.scene import Floats

WHITE = 0.3
"""Reflectance that becomes 1: brighter than all but the palest tailings of a yearly median."""

CEILING = 1.5
"""Largest network input: reflectance 0.45 and above, clouds and glint, look alike."""


def to_input(reflectance: Floats) -> Floats:
    """Top-of-atmosphere reflectance → network input: divided by 0.3, cut to 0 .. 1.5; NaN stays NaN.

    Any shape; float32 comes back.

    >>> to_input(np.array([0.09, 0.3, 0.9, np.nan], np.float32)).tolist()
    [0.30000001192092896, 1.0, 1.5, nan]
    """
    return np.asarray(np.clip(reflectance / np.float32(WHITE), 0, CEILING), np.float32)


def to_reflectance(values: Floats) -> Floats:
    """Network input → reflectance; what was above 0.45 stays at 0.45."""
    return np.asarray(values * np.float32(WHITE), np.float32)
