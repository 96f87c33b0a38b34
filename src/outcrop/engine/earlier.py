"""Earlier results → predictions: probability maps, masks and volumes that are measured without a model."""

from dataclasses import replace
from pathlib import Path

import numpy as np

from outcrop.core.errors import BadInput
from outcrop.core.scene import Floats, Scene, map_from_array
from outcrop.core.task import Prediction, ProbabilityVolume
from outcrop.core.volume import Direction, Volume

KINDS = (".probability", ".mask")
"""What stands before the suffix in the files of an earlier run."""


def plain_stem(path: Path) -> str:
    """The stem of the input that an earlier run's file came from: "a.probability.png" → "a"."""
    stem = path.stem
    return next((stem.removesuffix(kind) for kind in KINDS if stem.endswith(kind)), stem)


def as_prediction(source: Scene | Volume, path: Path, classes: tuple[str, ...]) -> Prediction:
    """Values of a file taken as what a model saw.

    Probabilities lie in [0, 1]. In mask pictures 0 is background, k the k-th class, 255 no data; a picture
    with only two values, the higher of them full scale, is a mask of the first class.

    Raises:
        BadInput: values outside [0, 1].
    """
    if isinstance(source, Volume):
        return _volume(source, path, classes)
    values = source.read(source.grid.whole)[:1]
    if path.stem.endswith(".mask"):
        index = np.rint(values[0] * 255)
        planes = np.stack([(index == k + 1) for k in range(len(classes))]).astype(np.float32)
        planes[:, index == 255] = np.nan
        return map_from_array(source, classes, planes)
    _refuse_foreign(values, path)
    return map_from_array(source, classes, np.asarray(values, np.float32))


def _refuse_foreign(values: Floats, path: Path) -> None:
    """Only probabilities pass."""
    low, high = float(np.nanmin(values, initial=0)), float(np.nanmax(values, initial=0))
    if low < -1e-3 or high > 1 + 1e-3:
        raise BadInput(
            f"{path.name} holds values from {low:.4g} to {high:.4g}, which are no probabilities: "
            "give a probability or mask file, or run `outcrop predict` on it"
        )


def _volume(volume: Volume, path: Path, classes: tuple[str, ...]) -> ProbabilityVolume:
    middle = volume.shape[0] // 2
    _refuse_foreign(volume.read("inline", middle, middle + 1), path)

    def read(direction: Direction, start: int, stop: int) -> Floats:
        return np.asarray(volume.read(direction, start, stop)[None])

    return ProbabilityVolume(volume=replace(volume), classes=classes, read=read)
