"""Scenes → network input: top-of-atmosphere reflectance of red, green and blue, or of the bands that a model names.

The models learnt from Sentinel-2 L1C medians of 2021 in reflectance. Digital numbers are divided by 10000, with the
offset of later products taken off; what is assumed is said in a note.
"""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import UTC
from typing import Any

import numpy as np

from outcrop.core.errors import BadInput, UsageError
from outcrop.core.grid import Window
from outcrop.core.scene import Floats, Scene
from outcrop.core.task import Prepared
from outcrop.core.volume import Volume
from outcrop.sources.geotiff_describe import band_key
from outcrop.sources.stac import DIGITAL, OFFSET, OFFSET_SINCE
from outcrop.tasks.tailings.look import to_input

BANDS = ("B4", "B3", "B2")
"""What models see unless their cards say otherwise."""

NAMES = {
    "b4": ("b4", "red"),
    "b3": ("b3", "green"),
    "b2": ("b2", "blue"),
    "b8": ("b8", "nir"),
    "b8a": ("b8a", "nir08"),
    "b11": ("b11", "swir16"),
    "b12": ("b12", "swir22"),
}
"""What catalogues call Sentinel-2's bands, as ``band_key`` writes them; other bands go by their own name."""

BRIGHTEST = 1.5
"""Reflectance above which values are digital numbers: snow and glint stay below."""

PICTURE_WHITE = 0.3
"""Reflectance that white is taken for in an 8-bit picture: the usual stretch of true-colour pictures."""

PIXELS = 6.0, 16.0
"""Sides of pixels, m, that are near enough to the 10 m of the training pictures."""

SAMPLES_ACROSS, SAMPLE_SIDE = 3, 256
"""Windows along a side that the scale of a scene is judged by, and their side in pixels."""


def prepare(source: Scene | Volume, training_looks: Mapping[str, Any]) -> Prepared:
    """A scene as network input, bands red, green, blue unless the model's card names others.

    Args:
        training_looks: from the model's card, "red": the lowest and highest mean that the first band had in a training
            picture; and "bands", where they are not the room's own. Empty checks nothing.

    Raises:
        BadInput: a seismic volume, or bands among which those wanted cannot be told.
    """
    if isinstance(source, Volume):
        raise BadInput(f"{source.id} is a seismic volume: give a satellite scene, or use the room salt")
    wanted = tuple(training_looks.get("bands", BANDS))
    order, notes = _positions(source, wanted)
    observed = _sample(source)[order]
    if not observed.size or (observed == observed[:, :1]).all():
        return Prepared(source=replace(source, bands=wanted), notes=notes, blank=True)
    factor, shift, said = _scale(source, observed)

    def read(window: Window) -> Floats:
        values = source.read(window)[order]
        return to_input((values - np.float32(shift)) * np.float32(factor))

    reflectance = (observed - shift) * factor
    notes = (*source.notes, *notes, *said, *_foreign(reflectance, training_looks), *_size(source))
    return Prepared(source=replace(source, bands=wanted, read=read), notes=notes)


def _size(scene: Scene) -> tuple[str, ...]:
    """What must be said when the pixels are much larger or smaller than those that the models learnt at."""
    if scene.grid.crs is None:
        return ()
    from outcrop.instruments.geodesy import pixel_size_m

    rows, cols = scene.grid.shape
    across, down = pixel_size_m(scene.grid, rows / 2, cols / 2)
    if PIXELS[0] <= min(across, down) and max(across, down) <= PIXELS[1]:
        return ()
    return (f"its pixels measure {across:.3g} x {down:.3g} m, and the models learnt at 10 m: doubt it, or resample it",)


def called(name: str) -> str:
    """Sentinel-2's name of a band, by any of its names.

    >>> called("red"), called("b08"), called("thermal")
    ('B4', 'B8', 'thermal')
    """
    key = next((key for key, words in NAMES.items() if band_key(name) in words), None)
    return key.upper() if key else name


def _positions(scene: Scene, wanted: Sequence[str]) -> tuple[list[int], tuple[str, ...]]:
    """Positions of the bands wanted, and what had to be assumed."""
    names = [band_key(name) for name in scene.bands]
    known = [NAMES.get(band_key(band), (band_key(band),)) for band in wanted]
    found = [next((i for i, name in enumerate(names) if name in words), None) for words in known]
    if None not in found:
        return [place for place in found if place is not None], ()
    if len(names) == len(wanted) and not any(place is not None for place in found):
        what = "red, green and blue" if tuple(wanted) == BANDS else ", ".join(wanted)
        said = f"the bands {', '.join(scene.bands)} were taken as {what}, in this order: say --bands if not"
        return list(range(len(names))), (said,)
    what = "red, green and blue (B4, B3, B2)" if tuple(wanted) == BANDS else f"the model's {', '.join(wanted)}"
    raise BadInput(
        f"{scene.id} has the bands {', '.join(scene.bands)}, and {what} are wanted: "
        f"name or number them with --bands, e.g. --bands {'3,2,1' if tuple(wanted) == BANDS else ','.join(wanted)}"
    )


def _sample(scene: Scene) -> Floats:
    """Pixels of some windows spread over the scene, (bands, pixels); of more and more windows until something was seen."""
    rows, cols = scene.grid.shape
    height, width = min(rows, SAMPLE_SIDE), min(cols, SAMPLE_SIDE)
    pixels = np.zeros((len(scene.bands), 0), np.float32)
    for across in (SAMPLES_ACROSS, max(-(-rows // height), -(-cols // width))):
        for row in np.unique(np.linspace(0, rows - height, across).round().astype(int)):
            for col in np.unique(np.linspace(0, cols - width, across).round().astype(int)):
                window = Window(row=int(row), col=int(col), height=height, width=width)
                values = scene.read(window).reshape(len(scene.bands), -1)
                pixels = np.concatenate([pixels, values[:, np.isfinite(values).all(axis=0)]], axis=1)
                if pixels.shape[1] >= SAMPLES_ACROSS**2 * height * width:
                    return pixels
        if pixels.shape[1]:
            return pixels
    return pixels


def _scale(scene: Scene, observed: Floats) -> tuple[float, float, tuple[str, ...]]:
    """(factor, shift) so that (value - shift) × factor is reflectance, and what was assumed."""
    low, high = (float(q) for q in np.percentile(observed, [1, 99]))
    if scene.grid.crs is None and scene.bands == ("red", "green", "blue") and high <= 1.0:
        note = f"a plain picture holds no reflectance: white was taken for {PICTURE_WHITE}, so areas of doubt are wide"
        return PICTURE_WHITE, 0.0, (note,)
    if high <= BRIGHTEST:
        return 1.0, 0.0, ()
    if high <= 255 and low >= 0:
        note = f"values up to {high:.0f} look like an 8-bit picture: 255 was taken for reflectance {PICTURE_WHITE}"
        return PICTURE_WHITE / 255, 0.0, (note,)
    if high > 2 * DIGITAL:
        raise UsageError(
            f"{scene.id} holds values up to {high:.4g}, which are neither reflectance (0 to 1.5) nor Sentinel-2 "
            "numbers (0 to 10000): write the file with its GDAL scale, or give --scale"
        )
    if scene.acquired is not None and scene.acquired.replace(tzinfo=UTC) >= OFFSET_SINCE and low >= 0.9 * OFFSET:
        note = "values were taken for Sentinel-2 numbers with offset: (value - 1000) / 10000 is reflectance"
        return 1 / DIGITAL, OFFSET, (note,)
    return 1 / DIGITAL, 0.0, ("values were taken for Sentinel-2 numbers: value / 10000 is reflectance",)


def reflectance_looks(pictures: Sequence[Floats]) -> dict[str, Any]:
    """Range of the mean of the first band over training pictures (rows, cols) of network input, for the card."""
    means = [float(np.nanmean(picture)) for picture in pictures]
    return {"red": [round(min(means), 4), round(max(means), 4)]}


def _foreign(reflectance: Floats, training_looks: Mapping[str, Any]) -> tuple[str, ...]:
    """What is foreign about a scene, beside the training pictures."""
    known = training_looks.get("red")
    if not known:
        return ()
    mean = float(to_input(reflectance[:1]).mean())
    low, high = (float(value) for value in known)
    if low <= mean <= high:
        return ()
    word = "darker" if mean < low else "brighter"
    return (
        f"the scene is {word} than every training picture (red {mean:.2f}, known {low:.2f} to {high:.2f}): doubt it",
    )
