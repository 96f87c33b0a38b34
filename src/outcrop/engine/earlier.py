"""Earlier results → predictions: probability maps, masks and volumes that are measured without a model."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from outcrop.core.errors import BadInput
from outcrop.core.labelled import IGNORE
from outcrop.core.scene import Floats, Scene, map_from_array
from outcrop.core.task import Calibration, ErrorTable, ModelError, Prediction, ProbabilityVolume, Source, Task
from outcrop.core.volume import Direction, Volume
from outcrop.sources.open import open_source

KINDS = PROBABILITY, MASK = (".probability", ".mask")
"""What stands before the suffix in the files of an earlier run."""


def plain_stem(path: Path) -> str:
    """The stem of the input that an earlier run's file came from: "a.probability.png" → "a"."""
    stem = path.stem
    return next((stem.removesuffix(kind) for kind in KINDS if stem.endswith(kind)), stem)


def earlier_files(found: Sequence[Path], named: Sequence[Path]) -> list[Path]:
    """What is to be measured among the files found, in their order.

    Every file named outright, and of each folder all files; but where a run left its results, its probabilities and
    the masks that have none beside them, and no overlay.
    """
    there, outright = set(found), set(named)
    of_a_run = {path.parent for path in found if path not in outright and path.stem.endswith(KINDS)}

    def wanted(path: Path) -> bool:
        if path in outright or path.parent not in of_a_run or path.stem.endswith(PROBABILITY):
            return True
        return path.stem.endswith(MASK) and beside(path, PROBABILITY) not in there

    return [path for path in found if wanted(path)]


def beside(path: Path, kind: str) -> Path:
    """The file of another kind that the same run left for the same input: "a.mask.png" → "a.probability.png"."""
    return path.with_name(f"{plain_stem(path)}{kind}{path.suffix}")


def earlier_calibration(path: Path, task: Task) -> tuple[Calibration, tuple[str, ...]] | None:
    """Threshold and model error that the run trusted which left this file, and a note; None where none is known."""
    try:
        record = json.loads((path.parent / "summary.json").read_text(encoding="utf-8"))
        entry = next(e for e in record["inputs"] if path.name in e["files"])
        model = next(m for m in record["models"] if m["file"] == entry["models"][0])
        found = _calibration(model["calibration"])
        if record["threshold"] is not None:
            found = replace(found, threshold=(float(record["threshold"]),) * len(task.classes))
    except (OSError, ValueError, KeyError, IndexError, TypeError, AttributeError, StopIteration):
        return None  # no record, or one of another kind: nothing is known of the run
    if record.get("task") != task.name or len(found.threshold) != len(task.classes):
        return None
    return found, (f"threshold and model error are those of the earlier run, which saw with {model['file']}",)


def _calibration(data: Mapping[str, Any]) -> Calibration:
    """What ``dataclasses.asdict`` made of a calibration, as itself again."""
    errors: dict[str, ModelError | ErrorTable] = {}
    for name, error in data["errors"].items():
        if "measured" in error:
            rows = tuple(tuple(row) for row in error["truth"])
            errors[name] = ErrorTable(**{**error, "measured": tuple(error["measured"]), "truth": rows})
        else:
            errors[name] = ModelError(**error)
    return Calibration(**{**data, "threshold": tuple(data["threshold"]), "errors": errors})


def as_prediction(source: Source, path: Path, classes: tuple[str, ...]) -> Prediction:
    """Values of a file taken as what a model saw.

    Probabilities lie in [0, 1]. In mask pictures 0 is background, k the k-th class, 255 no data; a picture
    with only two values, the higher of them full scale, is a mask of the first class. A probability picture
    cannot say where nothing was seen: the mask of the same run, where it lies beside it, does.

    Raises:
        BadInput: values outside [0, 1], or colours.
    """
    if isinstance(source, Volume):
        return _volume(source, path, classes)
    values = _grey(source, path)
    if not isinstance(source, Scene):
        raise BadInput(f"{path.name} is no picture: give a mask or a probability map")
    if path.stem.endswith(MASK):
        # A raster holds the class itself, a picture the class as a part of full scale; a raster is known by its path.
        index = values[0] if source.path else np.rint(values[0] * IGNORE)
        return map_from_array(source, classes, _planes(index, classes))
    _refuse_foreign(values, path)
    mask = beside(path, MASK)
    if path.stem.endswith(PROBABILITY) and mask.is_file():
        index = _grey(open_source(mask), mask)
        if index.shape == values.shape:
            values = np.where(np.rint(index * IGNORE) == IGNORE, np.float32("nan"), values)
    return map_from_array(source, classes, np.asarray(values, np.float32))


def _grey(source: Source, path: Path) -> Floats:
    """A picture's values, (1, rows, cols).

    Raises:
        BadInput: its bands differ.
    """
    if not isinstance(source, Scene):
        raise BadInput(f"{path.name} is no picture, and a mask picture is wanted: move it away or name it otherwise")
    values = source.read(source.grid.whole)
    if not all(np.array_equal(band, values[0], equal_nan=True) for band in values[1:]):
        raise BadInput(
            f"{path.name} is a colour picture, and a grey probability map or mask is wanted: "
            "give one of those, or run `outcrop predict` on it"
        )
    return values[:1]


def _planes(index: Floats, classes: tuple[str, ...]) -> Floats:
    """Class index, 255 where nothing was seen → a plane of 0, 1 and NaN for each class."""
    planes = np.stack([index == k + 1 for k in range(len(classes))]).astype(np.float32)
    planes[:, (index == IGNORE) | np.isnan(index)] = np.nan
    return planes


def _refuse_foreign(values: Floats, path: Path) -> None:
    """Only probabilities pass."""
    low, high = float(np.nanmin(values, initial=0)), float(np.nanmax(values, initial=0))
    if low < -1e-3 or high > 1 + 1e-3:
        raise BadInput(
            f"{path.name} holds values from {low:.4g} to {high:.4g}, which are no probabilities: "
            "give a probability or mask file, or run `outcrop predict` on it"
        )


def _volume(volume: Volume, path: Path, classes: tuple[str, ...]) -> ProbabilityVolume:
    """A volume of probabilities, or of 0, 1 and (in arrays, which know no dead traces) 255 where nothing was seen."""
    masked = path.stem.endswith(MASK)

    def read(direction: Direction, start: int, stop: int) -> Floats:
        values = volume.read(direction, start, stop)
        if masked:
            values = np.where(values == IGNORE, np.float32("nan"), values)
        _refuse_foreign(values, path)
        return np.asarray(values[None])

    return ProbabilityVolume(volume=replace(volume), classes=classes, read=read)
