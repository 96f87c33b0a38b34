"""The one corridor: scenes → windows → batches of chips → models → canvas → probability maps.

Chips of many small scenes share a batch; a large scene is read, seen and handed on strip by strip.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np

from outcrop.core.errors import BadModel, UsageError
from outcrop.core.grid import Window
from outcrop.core.scene import Floats, ProbabilityMap, Scene
from outcrop.engine.canvas import Canvas
from outcrop.models.card import Card
from outcrop.models.runtime import Model

BATCH_PIXELS = 8 * 128 * 128
"""Pixels fed at once: eight chips of 128 px, or one larger one. On CPUs more take more memory and no less time."""


CONTEXT_ABSENT = "these models take a number about the whole picture (its depth), and none is known"
"""Note on a scene seen by models that would have liked to know more."""

FLIPS = ("none", "all", "alternate")


@dataclass(frozen=True, slots=True, kw_only=True)
class Ensemble:
    """Models that see together; the mean of their probabilities counts.

    Attributes:
        flips: "none"; "all", every model also sees the mirror image; "alternate", every second model sees only
            the mirror image, which costs nothing.
        window: side of the windows at prediction, pixels; the card's own when None.
    """

    models: tuple[Model, ...]
    flips: Literal["none", "all", "alternate"] = "alternate"
    window: int | None = None

    def __post_init__(self) -> None:
        """Refuse models that do not belong together."""
        kinds = {(m.card.task, m.card.classes, m.card.bands, m.card.chip) for m in self.models}
        if self.flips not in FLIPS:
            raise UsageError(f"no mirror images {self.flips!r}: choose one of {', '.join(FLIPS)}")
        if len(kinds) != 1:
            names = ", ".join(m.path.name for m in self.models) or "none"
            raise BadModel(
                f"the models given ({names}) differ in task, classes, bands or chip: name models of one kind"
            )

    @property
    def card(self) -> Card:
        """The first model's card speaks for all."""
        return self.models[0].card

    @property
    def classes(self) -> tuple[str, ...]:
        """Names of the planes."""
        return self.models[0].card.classes

    @property
    def side(self) -> int:
        """Side of a window, pixels."""
        return self.window or self.models[0].card.window or self.models[0].card.chip

    @property
    def overlap(self) -> int:
        """Pixels that neighbouring windows share."""
        return min(self.models[0].card.overlap, self.side - 1)

    def see(self, chips: Floats, context: Floats | None = None) -> Floats:
        """Mean probability of the models, (n, classes, rows, cols)."""
        total = np.zeros((), np.float32)
        count = 0
        for position, model in enumerate(self.models):
            mirrored = {"none": (False,), "all": (False, True), "alternate": (position % 2 == 1,)}[self.flips]
            for mirror in mirrored:
                seen = model(chips[..., ::-1], context)[..., ::-1] if mirror else model(chips, context)
                total = total + seen
                count += 1
        return np.asarray(total / count, np.float32)


def _context(scene: Scene) -> tuple[float, float]:
    """A scene's standardised number and 1, or (0, 0) where it has none."""
    value = next(iter(scene.context.values()), None)
    return (0.0, 0.0) if value is None else (value, 1.0)


def context_notes(scene: Scene, ensemble: Ensemble) -> tuple[str, ...]:
    """A sentence where a scene knows a number that its models do not take, or lacks the one they do."""
    takes = any(model.card.context for model in ensemble.models)
    if takes and not scene.context:
        return (CONTEXT_ABSENT,)
    return () if takes else tuple(f"its {name} changed nothing: these models take none" for name in scene.context)


def _batches(scenes: Iterable[Scene], ensemble: Ensemble) -> Iterator[list[tuple[Scene, Window, bool, Floats]]]:
    """Chips of equal size in reading order, each with its scene, window, and True on a scene's last one."""
    held: list[tuple[Scene, Window, bool, Floats]] = []
    for scene in scenes:
        windows = scene.grid.windows(ensemble.side, ensemble.overlap)
        for window in windows:
            chip = scene.read(window)
            full = len(held) * chip.shape[1] * chip.shape[2] >= BATCH_PIXELS
            if held and (full or held[0][3].shape != chip.shape):
                yield held
                held = []
            held.append((scene, window, window is windows[-1], chip))
    if held:
        yield held


def stream(scenes: Iterable[Scene], ensemble: Ensemble) -> Iterator[tuple[Scene, int, Floats, bool]]:
    """Finished rows of each scene in turn: (scene, first row, values (classes, rows, cols), True on its last rows).

    Scenes must already hold network input (the task's ``prepare``).
    """
    canvas: Canvas | None = None
    for batch in _batches(scenes, ensemble):
        chips = np.stack([chip for *_, chip in batch])
        context = np.array([_context(scene) for scene, *_ in batch], np.float32)
        seen = ensemble.see(chips, context)
        for (scene, window, last, _), values in zip(batch, seen, strict=True):
            if canvas is None:
                canvas = Canvas(scene.grid, len(ensemble.classes), ensemble.overlap)
            finished = canvas.add(window, values)
            if finished is not None:
                yield scene, *finished, False
            if last:
                yield scene, *canvas.finish(), True
                canvas = None


def predict(scene: Scene, ensemble: Ensemble) -> ProbabilityMap:
    """One scene's probability map; nothing is read before its strips are asked for."""

    def strips() -> Iterator[tuple[int, Floats]]:
        for _, row, values, _ in stream([scene], ensemble):
            yield row, values

    return ProbabilityMap(scene=scene, classes=ensemble.classes, strips=strips)


def predict_small(scenes: Iterable[Scene], ensemble: Ensemble) -> Iterator[tuple[Scene, Floats]]:
    """Whole maps, (classes, rows, cols), of scenes that each fit in memory, in order."""
    parts: list[Floats] = []
    for scene, _, values, last in stream(scenes, ensemble):
        parts.append(values)
        if last:
            yield scene, np.concatenate(parts, axis=1) if len(parts) > 1 else parts[0]
            parts = []


def ensemble_of(models: Sequence[Model], flips: Literal["none", "all", "alternate"] = "alternate") -> Ensemble:
    """Models as one."""
    return Ensemble(models=tuple(models), flips=flips)
