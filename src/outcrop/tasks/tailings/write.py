"""What a run leaves: for each scene a probability map, a mask and a picture; for the run a layer of deposits."""

from collections.abc import Iterator
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from outcrop.core.errors import BadInput
from outcrop.core.grid import Window
from outcrop.core.scene import Floats, ProbabilityMap, Scene
from outcrop.core.task import Seen
from outcrop.outputs.picture import write_mask, write_overlay, write_probability
from outcrop.tasks.tailings.kept import Record, keep_features
from outcrop.tasks.tailings.measure import HECTARE, interval
from outcrop.tasks.tailings.prepare import BANDS
from outcrop.tasks.tailings.survey import TailingsSurvey, masks, without_specks

SHOWN_SIDE = 1400
"""Longest side of the picture with outlines, pixels; larger scenes are thinned."""

STRIP = 512
"""Rows of a scene read at once for its picture."""


def write(seen: Seen, folder: Path, stem: str) -> list[Path]:
    """The files of one scene, as ``docs/tailings.md`` lists them."""
    prediction, found, scene = seen.prediction, seen.found, seen.source
    if (
        not isinstance(prediction, ProbabilityMap)
        or not isinstance(found, TailingsSurvey)
        or not isinstance(scene, Scene)
    ):
        raise BadInput(f"{stem}: tailings are written from a probability map: use a tailings model")
    files = (
        _rasters(seen, prediction, found, folder, stem)
        if _is_raster(scene)
        else _pictures(prediction, found, folder, stem)
    )
    picture, mask = _thinned(seen, prediction, found)
    files.append(write_overlay(folder, stem, picture, mask))
    keep_features(folder, stem, scene, features(seen, found), _total(seen))
    return files


def _is_raster(scene: Scene) -> bool:
    """Whether the scene came from a raster file, on the map or not; a plain picture gets pictures back."""
    return scene.grid.crs is not None or (
        scene.path is not None and scene.path.suffix.lower() in (".tif", ".tiff", ".jp2")
    )


def _rasters(seen: Seen, prediction: ProbabilityMap, found: TailingsSurvey, folder: Path, stem: str) -> list[Path]:
    from outcrop.outputs.raster import write_mask as write_mask_raster
    from outcrop.outputs.raster import write_probability as write_probability_raster

    grid, tags = found.grid, _tags(seen, found)
    probability, mask = folder / f"{stem}.probability.tif", folder / f"{stem}.mask.tif"
    write_probability_raster(probability, grid, prediction.strips(), classes=prediction.classes, tags=tags)
    write_mask_raster(mask, grid, _clean(prediction, found), classes=prediction.classes, tags=tags)
    return [probability, mask]


def _clean(prediction: ProbabilityMap, found: TailingsSurvey) -> Iterator[tuple[int, NDArray[np.uint8]]]:
    """Strips of the mask without specks: what the layer of deposits outlines, and nothing else."""
    strips = ((first, mask) for first, mask, _ in masks(prediction, found.threshold))
    return without_specks(strips, found.grid.shape[0], found.least)


def _pictures(prediction: ProbabilityMap, found: TailingsSurvey, folder: Path, stem: str) -> list[Path]:
    whole = np.concatenate([mask for _, mask in _clean(prediction, found)])
    return [*write_probability(folder, stem, prediction.classes, prediction.values()), write_mask(folder, stem, whole)]


def _tags(seen: Seen, found: TailingsSurvey) -> dict[str, str]:
    """Where a raster came from, for its metadata."""
    from outcrop import __version__

    acquired = seen.source.acquired if isinstance(seen.source, Scene) else None
    return {
        "OUTCROP_VERSION": __version__,
        "OUTCROP_TASK": "tailings",
        "OUTCROP_SCENE": seen.source.id,
        "OUTCROP_THRESHOLD": f"{found.threshold:.4f}",
        "OUTCROP_LEAST_PIXELS": str(found.least),
        "OUTCROP_MODELS": " ".join(seen.models.values()),
        **({"OUTCROP_ACQUIRED": acquired.isoformat()} if acquired else {}),
    }


def _thinned(
    seen: Seen, prediction: ProbabilityMap, found: TailingsSurvey
) -> tuple[NDArray[np.uint8], NDArray[np.uint8]]:
    """A true-colour picture of the scene, (rows, cols, 3), and its mask, every n-th row and column of large ones."""
    step = max(-(-max(found.grid.shape) // SHOWN_SIDE), 1)
    scene = seen.prepared.source
    if not isinstance(scene, Scene):
        raise BadInput(f"{seen.source.id} is no scene: give a satellite scene")
    rows, cols = found.grid.shape
    colours, index = [], []
    # A model of other bands may not see red, green and blue: then its first ones stand for them.
    shown = [scene.bands.index(band) for band in BANDS] if set(BANDS) <= set(scene.bands) else list(range(3))
    shown = shown[: len(scene.bands)]
    for first in range(0, rows, STRIP):
        values = scene.read(Window(row=first, col=0, height=min(STRIP, rows - first), width=cols))
        colours.append(values[shown, -first % step :: step, ::step].copy())  # a view would keep the whole strip
    for first, mask in _clean(prediction, found):
        index.append(mask[-first % step :: step, ::step].copy())
    return true_colour(np.concatenate(colours, axis=1)), np.concatenate(index)


def true_colour(values: Floats) -> NDArray[np.uint8]:
    """Network input, (3, rows, cols), red first, or one plane → a picture, (rows, cols, 3), stretched from the 1st to the 99th percentile."""
    values = np.repeat(values[:1], 3, axis=0) if len(values) < 3 else values
    observed = values[:, np.isfinite(values).all(axis=0)]
    low, high = np.percentile(observed, [1, 99], overwrite_input=True) if observed.size else (0.0, 1.0)
    del observed
    picture = np.empty((*values.shape[1:], 3), np.uint8)
    for band, plane in enumerate(values):  # one by one, in less memory
        picture[..., band] = np.clip((np.nan_to_num(plane, nan=low) - low) / max(high - low, 1e-6), 0, 1) * 255
    return picture


def _total(seen: Seen) -> tuple[float, float, float] | None:
    """Tailings area of the scene, ha, with the ends of its 90 % interval."""
    area = next((m.estimate for m in seen.measurements if m.name == "tailings area"), None)
    return None if area is None else (area.value, *area.interval())


def features(seen: Seen, found: TailingsSurvey) -> list[Record]:
    """One record per deposit, as ``kept.Record`` says."""
    low, high = interval(found, seen.calibration)
    scene = seen.source
    acquired = scene.acquired.isoformat() if isinstance(scene, Scene) and scene.acquired else None
    models = " ".join(seen.models.values()) or None
    records = []
    for i, outline in enumerate(found.deposits):
        parts = [[exterior.tolist(), *(hole.tolist() for hole in holes)] for exterior, holes in outline.parts]
        records.append(
            {
                "class": "tailings", "area_ha": found.area[i] / HECTARE, "area_ha_low": low[i] / HECTARE,
                "area_ha_high": high[i] / HECTARE, "perimeter_m": found.perimeter[i],
                "mean_probability": outline.mean_probability, "touches_edge": outline.touches_edge,
                "observed_share": outline.observed_share, "scene": scene.id, "acquired": acquired,
                "model_sha256": models, "pixels": outline.pixels, "parts": parts,
            }
        )  # fmt: skip
    return records
