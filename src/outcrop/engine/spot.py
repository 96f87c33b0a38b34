"""Seeing things one by one: a detector finds boxes in a photo, a segmenter their pixels, both become detections.

A room whose ``head`` is "detect" ships two kinds of model, told apart by the card: those that give boxes and those
that give a probability map. The whole photo is seen at the size the segmenter was trained on.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from PIL import Image

from outcrop.core.errors import BadModel, UnknownModel
from outcrop.core.scene import Detections, Floats, ProbabilityMap, Scene, map_from_array
from outcrop.core.task import Calibration, Source, Task
from outcrop.engine.ensembles import serving, shipped
from outcrop.engine.predict import Ensemble
from outcrop.models.card import Card
from outcrop.models.runtime import Model, load, read_card

if TYPE_CHECKING:
    from outcrop.models.boxes import Detector

PLAIN_SCORE = 0.25
"""Least score that counts where no card says one: the usual default of the YOLO family."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Spotter:
    """Models that find things together.

    Attributes:
        detectors: give boxes; their answers are fused.
        outlines: give the pixels; None where boxes are all that is wished.
    """

    task: Task
    detectors: "tuple[Detector, ...]"
    outlines: Ensemble | None

    @property
    def models(self) -> "tuple[Detector | Model, ...]":
        """All of them; the first one's card speaks for the run."""
        return (*self.detectors, *(self.outlines.models if self.outlines else ()))

    @property
    def card(self) -> Card:
        """What speaks for all: the first detector's card, or a plain one for an export from elsewhere, which has none;
        the models' own errors are those that either kind of card knows."""
        plain = Card(name="given", task=self.task.name, classes=self.task.classes, bands=self.task.bands, chip=0, head="detect",
                     calibration=Calibration(threshold=(PLAIN_SCORE,) * len(self.task.classes)))  # fmt: skip
        card = self.detectors[0].card or plain
        if self.outlines is None:
            return card
        errors = {**self.outlines.card.calibration.errors, **card.calibration.errors}
        return replace(card, calibration=replace(card.calibration, errors=errors))

    def spot(self, scene: Scene, threshold: float | None = None) -> Detections:
        """Everything seen in a photo, with its pixels; ``threshold`` is a least score in place of the card's."""
        from outcrop.engine.detect import detect, outline

        least = self.card.calibration.threshold if threshold is None else (threshold,) * len(self.task.classes)
        found = detect(scene, self.detectors, threshold=least)
        if self.outlines is None:
            return found
        seen = whole(scene, self.outlines)
        return outline(found, seen, self.outlines.models[0].card.calibration.threshold)


def whole(scene: Scene, ensemble: Ensemble) -> ProbabilityMap:
    """The probability map of a photo that is seen as one chip, whatever its size, (classes, rows, cols) of the photo."""
    picture = scene.read(scene.grid.whole)
    rows, cols = scene.grid.shape
    factor = ensemble.side / max(rows, cols)
    small = resized(picture, max(round(rows * factor), 1), max(round(cols * factor), 1))
    return map_from_array(scene, ensemble.classes, resized(ensemble.see(small[None])[0], rows, cols))


def resized(planes: Floats, rows: int, cols: int) -> Floats:
    """Planes (n, ...) at another size: means when they shrink, linear when they grow; missing pixels stay missing."""
    if planes.shape[1:] == (rows, cols):
        return planes
    shrinks = rows * cols < planes.shape[1] * planes.shape[2]
    way = Image.Resampling.BOX if shrinks else Image.Resampling.BILINEAR
    return np.stack([np.asarray(Image.fromarray(plane).resize((cols, rows), way), np.float32) for plane in planes])


def _gives_boxes(path: Path) -> bool:
    """Whether a model file is a detector: its card says so, or it has none, being an export from elsewhere."""
    try:
        return read_card(path).head == "detect"
    except BadModel:
        return True


class Spotters:
    """The spotter of a run, put together when it is first needed; stands where ``Ensembles`` stands for other rooms.

    Args:
        names: files, or names of shipped sets; what is not given, boxes or outlines, is taken from the shipped ones.
        said: class names of a detector whose file does not tell them, in the order of its numbers.

    Raises:
        UnknownModel: no such file, or nothing is shipped that gives boxes.
        UsageError, BadModel: a model does not fit the task.
    """

    def __init__(
        self,
        task: Task,
        names: Sequence[str],
        *,
        engine: str,
        flips: str,
        needed: bool = True,
        said: Sequence[str] = (),
    ) -> None:
        self.task, self.engine, self.flips, self.said = task, engine, flips, tuple(said)
        self.ready: Spotter | None = None
        kinds: dict[str, dict[str, tuple[Path, ...]]] = {"boxes": {}, "outlines": {}}
        for name, paths in shipped(task).items():
            kinds["boxes" if _gives_boxes(paths[0]) else "outlines"][name] = paths
        stock = {**kinds["boxes"], **kinds["outlines"]}
        given: dict[str, dict[str, tuple[Path, ...]]] = {"boxes": {}, "outlines": {}}
        for name in names:
            files = stock.get(name, (Path(name),))
            if not files[0].is_file():
                raise UnknownModel(
                    f"there is no model {name!r}: give a file, or one of the shipped sets {', '.join(stock) or '(none)'}"
                )
            given["boxes" if _gives_boxes(files[0]) else "outlines"][name] = files
        self.kinds = {kind: given[kind] or kinds[kind] for kind in kinds}
        self.sets = {**self.kinds["boxes"], **self.kinds["outlines"]}
        if needed and not self.kinds["boxes"]:
            raise UnknownModel(f"no detector of the task {task.name} is shipped here: give one with --model")
        if names:
            self.spotter()  # a model named by hand that does not serve is an error of the call, not of each input

    def spotter(self) -> Spotter:
        """All models, loaded."""
        from outcrop.models.boxes import load_detector

        if self.ready is None:
            boxes = [path for paths in self.kinds["boxes"].values() for path in paths]
            maps = [path for paths in self.kinds["outlines"].values() for path in paths]
            detectors = tuple(load_detector(path, classes=self.task.classes, names=self.said or None) for path in boxes)
            models = tuple(serving(load(path, engine=self.engine), self.task) for path in maps)
            outlines = Ensemble(models=models, flips=self.flips) if models else None  # type: ignore[arg-type]
            self.ready = Spotter(task=self.task, detectors=detectors, outlines=outlines)
        return self.ready

    def fitting(self, source: Source) -> Spotter:
        """The spotter, whatever the source."""
        return self.spotter()

    def calibration(self) -> Calibration:
        """What the first detector's card says."""
        return self.spotter().card.calibration if self.kinds["boxes"] else Calibration()

    def named(self, files: set[str]) -> "list[Detector | Model]":
        """The models of these file names."""
        return [model for model in self.spotter().models if model.path.name in files] if files else []
