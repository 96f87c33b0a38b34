"""Amplitudes or grey values → network input, one scale for a whole picture or volume.

Network input is grey in [0, 1] with the mean and spread of the training pictures, 0.473 and 0.160.
Pictures are used as they are; amplitudes are centred on their median and divided by their spread
between the 1st and the 99th percentile, muted (exactly zero) samples left out.
"""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import numpy as np

from outcrop.core.errors import BadInput
from outcrop.core.grid import Window
from outcrop.core.scene import Floats, Scene
from outcrop.core.task import Prepared
from outcrop.core.volume import Direction, Volume
from outcrop.tasks.salt.looks import differences, looks

GREY_MEAN, GREY_SPREAD = 0.473, 0.160
"""Mean and spread of the labelled TGS pictures, full scale 1."""

DEPTH_MEAN, DEPTH_SPREAD = 506.0, 209.0
"""Mean and spread of the TGS depths, whose unit the challenge does not state."""

LUMINANCE = np.array([0.299, 0.587, 0.114], np.float32)
"""Weights of red, green and blue in grey (ITU-R BT.601)."""

SAMPLE_LINES = 24
"""Lines of a volume that the scale is learnt from, spread evenly."""


def amplitude_scale(values: Floats) -> tuple[float, float]:
    """Centre and spread of amplitudes: median, and standard deviation between the 1st and 99th percentile.

    Returns (0, 0) when every observed sample is the same.
    """
    seen = values[np.isfinite(values) & (values != 0)]
    if not seen.size:
        return 0.0, 0.0
    if seen.size > 2_000_000:
        seen = seen[:: seen.size // 1_000_000]
    low, middle, high = np.percentile(seen, [1, 50, 99])
    return float(middle), float(np.clip(seen, low, high).std())


def to_grey(values: Floats, centre: float, spread: float) -> Floats:
    """Amplitudes → grey in [0, 1]; NaN stays."""
    scaled = GREY_MEAN + GREY_SPREAD * (values - np.float32(centre)) / np.float32(spread)
    return np.asarray(np.clip(scaled, 0, 1), np.float32)


def standard_depth(depth: float) -> float:
    """A depth on the scale that networks are fed: 0 is the mean of the TGS depths, 1 their spread above it."""
    return (depth - DEPTH_MEAN) / DEPTH_SPREAD


def prepare(source: Scene | Volume, training_looks: Mapping[str, Any]) -> Prepared:
    """A picture, section or volume as network input.

    Args:
        training_looks: range of each look in the training data, from the model's card; empty checks nothing.

    Raises:
        BadInput: a picture with two, or more than four, bands.
    """
    prepared = _volume(source) if isinstance(source, Volume) else _picture(source)
    if prepared.blank or not training_looks:
        return prepared
    foreign = differences(looks(_sample(prepared.source)), training_looks)
    return replace(prepared, notes=(*prepared.notes, *foreign))


def _sample(source: Any) -> Floats:
    """One section or picture to look at, (rows, cols): the middle line of a volume's longer direction."""
    if isinstance(source, Scene):
        rows, cols = source.grid.shape
        return np.asarray(source.read(source.grid.whole if rows * cols < 4_000_000 else _middle(rows, cols))[0])
    direction: Direction = "inline" if source.shape[1] >= source.shape[0] else "crossline"
    middle = source.shape[0 if direction == "inline" else 1] // 2
    return np.asarray(source.read(direction, middle, middle + 1)[0].T)


def _middle(rows: int, cols: int) -> Window:
    """A window of at most 2000 px a side in the middle."""
    height, width = min(rows, 2000), min(cols, 2000)
    return Window(row=(rows - height) // 2, col=(cols - width) // 2, height=height, width=width)


def _picture(scene: Scene) -> Prepared:
    """Grey values of a picture; a floating-point one beyond [0, 1] is scaled as amplitudes."""
    bands = len(scene.bands)
    if bands not in (1, 3):
        raise BadInput(f"{scene.id} has {bands} bands: give a grey or an RGB picture of a seismic section")
    whole = scene.read(scene.grid.whole)
    grey = whole[0] if bands == 1 else np.tensordot(LUMINANCE, whole, axes=1)
    observed = grey[np.isfinite(grey)]
    blank = not observed.size or float(observed.min()) == float(observed.max())
    notes = scene.notes
    if observed.size and (observed.min() < -0.01 or observed.max() > 1.01):
        centre, spread = amplitude_scale(grey)
        note = f"values beyond [0, 1] were taken for amplitudes: median {centre:.4g}, spread {spread:.4g}"
        notes = (*notes, note)
        grey = to_grey(grey, centre, spread or 1.0)

    def read(window: Window) -> Floats:
        return np.asarray(grey[None, *window.slices], np.float32)

    context = {"depth": standard_depth(scene.context["depth"])} if "depth" in scene.context else {}
    return Prepared(source=replace(scene, bands=("grey",), read=read, context=context), notes=notes, blank=blank)


def _volume(volume: Volume) -> Prepared:
    """Grey values of a volume, with one scale for all its lines."""
    direction: Direction = "inline" if volume.shape[0] >= SAMPLE_LINES or volume.shape[1] == 1 else "crossline"
    count = volume.shape[0 if direction == "inline" else 1]
    lines = np.unique(np.linspace(0, count - 1, min(SAMPLE_LINES, count)).round().astype(int))
    seen = np.concatenate(
        [volume.read(direction, int(i), int(i) + 1).ravel()[:: 1 + volume.samples // 4000] for i in lines]
    )
    centre, spread = amplitude_scale(seen)
    if spread <= 1e-6 * max(abs(centre), 1e-30):
        return Prepared(source=volume, blank=True)

    def read(along: Direction, start: int, stop: int) -> Floats:
        return to_grey(volume.read(along, start, stop), centre, spread)

    note = f"amplitudes were centred on {centre:.4g} and scaled by their spread {spread:.4g} (1st to 99th percentile, zeros left out)"
    return Prepared(source=replace(volume, read=read), notes=(*volume.notes, note))
