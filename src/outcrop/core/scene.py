"""A scene comes in; a probability map or detections come out."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from outcrop.core.grid import Grid, Window

Floats = NDArray[np.float32]
"""float32 array; images are (bands, rows, cols), NaN where the sensor saw nothing."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Scene:
    """One image, read window by window.

    Attributes:
        id: stable name, e.g. "F3/inline-120", "S2A_20200125T132241", "clip.mp4#frame-31".
        bands: names in the sensor's own words, e.g. ("B02", "B03") or ("amplitude",).
        read: window → (bands, rows, cols), float32, NaN where the sensor saw nothing.
        acquired: when the sensor looked, UTC.
        context: numbers that belong to the whole scene and that a network may take beside the
            pixels, by name, e.g. {"depth": 506.0} (the depth of a TGS picture).
        notes: what a reader of the results must know about how it was opened, one sentence each.
        path: the file it came from; None when it was made in memory.
    """

    id: str
    grid: Grid
    bands: tuple[str, ...]
    read: Callable[[Window], Floats]
    acquired: datetime | None = None
    context: dict[str, float] = field(default_factory=dict)
    notes: tuple[str, ...] = ()
    path: Path | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ProbabilityMap:
    """What a segmenter saw in one scene, as a stream of finished rows from top to bottom.

    Attributes:
        classes: names of the planes.
        strips: call it to get (first row, values) pairs; values are (classes, rows, cols), float32
            in [0, 1] or NaN where the scene saw nothing. Each call starts again from the top.
    """

    scene: Scene
    classes: tuple[str, ...]
    strips: Callable[[], Iterator[tuple[int, Floats]]]

    def values(self) -> Floats:
        """The whole map, (classes, rows, cols): only for scenes that fit in memory."""
        return np.concatenate([values for _, values in self.strips()], axis=1)

    def of(self, name: str) -> Floats:
        """The whole map of one class, (rows, cols)."""
        return np.asarray(self.values()[self.classes.index(name)])


@dataclass(frozen=True, slots=True, kw_only=True)
class Outlined:
    """The pixels of one detection.

    Attributes:
        window: where they lie in the scene.
        inside: (rows, cols) of the window, True on pixels of the thing seen.
    """

    window: Window
    inside: NDArray[np.bool_]


@dataclass(frozen=True, slots=True, kw_only=True)
class Detections:
    """What a detector saw in one scene.

    Attributes:
        boxes: (n, 4), left, top, right, bottom, pixels of the scene.
        scores: (n,), in [0, 1].
        labels: (n,), index into classes.
        outlines: the pixels of each detection; empty where none were looked for.
        map: the probability map the outlines were taken from, if any.
    """

    scene: Scene
    classes: tuple[str, ...]
    boxes: Floats
    scores: Floats
    labels: NDArray[np.int64]
    outlines: tuple[Outlined, ...] = ()
    map: ProbabilityMap | None = None


def scene_from_array(
    id: str, array: Floats, grid: Grid, bands: tuple[str, ...], context: dict[str, float] | None = None
) -> Scene:
    """A scene held in memory, (bands, rows, cols): photos, frames, sections and drawn examples."""
    return Scene(id=id, grid=grid, bands=bands, read=lambda w: np.asarray(array[:, *w.slices]), context=context or {})


def map_from_array(scene: Scene, classes: tuple[str, ...], values: Floats) -> ProbabilityMap:
    """A probability map held in memory, (classes, rows, cols)."""
    return ProbabilityMap(scene=scene, classes=classes, strips=lambda: iter([(0, values)]))
