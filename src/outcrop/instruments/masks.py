"""Probabilities → masks: threshold, minimum area, and which class wins."""

from collections.abc import Sequence
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from outcrop.core.labelled import IGNORE
from outcrop.core.scene import Floats

AreaRule = Literal["component", "picture"]
"""What a minimum area speaks of: each connected component (pixels that share a side), or a class's whole area."""


def as_floats(planes: NDArray[Any]) -> Floats:
    """Probabilities as float32; uint8 255 means 1."""
    if planes.dtype == np.uint8:
        return np.asarray(planes, np.float32) / np.float32(255)
    return np.asarray(planes, np.float32)


def claims(planes: NDArray[Any]) -> Floats:
    """(classes, rows, cols) float32, 0 wherever another class is more probable or nothing was seen."""
    values = np.nan_to_num(as_floats(planes), nan=0.0)
    if len(values) == 1:
        return values
    return np.where(np.arange(len(values))[:, None, None] == values.argmax(axis=0), values, np.float32(0))


def to_mask(
    planes: NDArray[Any], threshold: Sequence[float], min_area: int = 0, rule: AreaRule = "component"
) -> NDArray[np.uint8]:
    """(rows, cols) from (classes, rows, cols): 0 background, 1.. class index, 255 where nothing was seen.

    A pixel is of its most probable class where that class reaches its threshold and its area reaches ``min_area``.
    """
    from scipy.ndimage import label

    mask = np.zeros(planes.shape[1:], np.uint8)
    for position, (values, least) in enumerate(zip(claims(planes), threshold, strict=True)):
        plane = (values >= np.float32(least)) & (values > 0)
        if min_area and rule == "picture":
            plane &= bool(plane.sum() >= min_area)
        elif min_area:
            names, _ = label(plane)
            large = np.bincount(names.ravel()) >= min_area
            large[0] = False
            plane = large[names]
        mask[plane] = position + 1
    if planes.dtype.kind == "f":
        mask[np.isnan(planes).all(axis=0)] = IGNORE
    return mask
