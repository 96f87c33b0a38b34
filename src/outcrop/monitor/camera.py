"""What one camera is to be asked for: where to look in its picture, and how sure to be of each class."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from outcrop.core.errors import UsageError
from outcrop.core.scene import Detections, Floats

Polygon = Sequence[tuple[float, float]]
"""Corners (x, y), fractions of the picture's width and height, so that they outlast a change of resolution."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Camera:
    """Settings of one camera.

    Attributes:
        include: a detection counts when its middle lies in one of these; everywhere when there are none.
        exclude: it does not when its middle lies in one of these (a lamp, a road, a neighbour's flare).
        thresholds: least score by class.

    Raises:
        UsageError: a polygon with fewer than three corners or corners outside the picture, a threshold outside 0..1.
    """

    include: tuple[Polygon, ...] = ()
    exclude: tuple[Polygon, ...] = ()
    thresholds: Mapping[str, float] = field(default_factory=dict)

    def __post_init__(self) -> None:
        for polygon in (*self.include, *self.exclude):
            if len(polygon) < 3 or not all(0 <= x <= 1 and 0 <= y <= 1 for x, y in polygon):
                raise UsageError(
                    f"the region {list(polygon)} was given: give at least three corners x, y as fractions of the "
                    "picture's width and height, 0 to 1"
                )
        for label, least in self.thresholds.items():
            if not 0 <= least <= 1:
                raise UsageError(f"a threshold of {least} was given for {label}: give a score from 0 to 1")


def inside(polygon: Polygon, x: NDArray[np.float64], y: NDArray[np.float64]) -> NDArray[np.bool_]:
    """Which points lie in a polygon, by the even-odd rule."""
    found = np.zeros(np.shape(x), bool)
    for (ax, ay), (bx, by) in pairwise([*polygon, polygon[0]]):
        if ay == by:
            continue
        crosses = (ay > y) != (by > y)
        found ^= crosses & (x < (bx - ax) * (y - ay) / (by - ay) + ax)
    return found


def _middles(boxes: Floats, shape: tuple[int, int]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Middles of boxes as fractions of the picture."""
    at = np.asarray(boxes, float).reshape(-1, 4)
    return (at[:, 0] + at[:, 2]) / (2 * shape[1]), (at[:, 1] + at[:, 3]) / (2 * shape[0])


def wanted(seen: Detections, camera: Camera) -> Detections:
    """The detections that this camera's settings let through, in their order."""
    x, y = _middles(seen.boxes, seen.scene.grid.shape)
    least = np.array([camera.thresholds.get(name, 0.0) for name in seen.classes])
    keep = seen.scores >= least[seen.labels]
    if camera.include:
        keep &= np.any([inside(polygon, x, y) for polygon in camera.include], axis=0)
    for polygon in camera.exclude:
        keep &= ~inside(polygon, x, y)
    if keep.all():
        return seen
    outlines = tuple(o for o, kept in zip(seen.outlines, keep, strict=True) if kept) if seen.outlines else ()
    return replace(seen, boxes=seen.boxes[keep], scores=seen.scores[keep], labels=seen.labels[keep], outlines=outlines)
