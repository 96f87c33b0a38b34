"""Which models see what: shipped sets and files named by hand, loaded when first needed, held to their cards."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from outcrop.core.errors import BadModel, OutcropError, UnknownModel, UsageError
from outcrop.core.scene import Floats, Scene
from outcrop.core.task import Calibration, Source, Task
from outcrop.core.volume import Volume
from outcrop.engine.predict import Ensemble
from outcrop.models.runtime import Model, load, read_card


def shipped(task: Task) -> dict[str, tuple[Path, ...]]:
    """Shipped model files by set; ``pictures-0.onnx``, ``pictures-1.onnx`` make the set "pictures"."""
    sets: dict[str, list[Path]] = {}
    for path in sorted(task.models.glob("*.onnx")):
        sets.setdefault(path.stem.rsplit("-", 1)[0], []).append(path)
    return {name: tuple(paths) for name, paths in sets.items()}


class Ensembles:
    """The ensembles of a run, each loaded when first needed; those named by hand at once.

    Args:
        names: files, or names of shipped sets; empty takes every shipped set.
        needed: False where a run can do without any.

    Raises:
        UnknownModel: no such file and no such set, or nothing is shipped.
        UsageError: a model was made for another task.
        BadModel: a model file is damaged or does not fit the task.
    """

    def __init__(self, task: Task, names: Sequence[str], *, engine: str, flips: str, needed: bool = True) -> None:
        self.task, self.engine, self.flips = task, engine, flips
        self.loaded: dict[str, Ensemble] = {}
        self.asked: dict[str, tuple[int, int]] = {}
        sets = shipped(task)
        chosen = {name: sets[name] for name in names if name in sets}
        files = tuple(Path(name) for name in names if name not in sets)
        for path in files:
            if not path.is_file():
                raise UnknownModel(
                    f"there is no model {str(path)!r}: give a file, or one of the shipped sets {', '.join(sets) or '(none)'}"
                )
        if files:
            chosen["given"] = files
        self.sets = chosen or sets
        if not self.sets and needed:
            raise UnknownModel(f"no model of the task {task.name} is shipped here: give one with --model")
        for name in chosen:
            self.of(name)  # a model named by hand that does not serve is an error of the call, not of each input

    def of(self, name: str) -> Ensemble:
        """One set, loaded."""
        if name not in self.loaded:
            models = tuple(serving(load(path, engine=self.engine), self.task) for path in self.sets[name])
            self.loaded[name] = Ensemble(models=models, flips=self.flips)  # type: ignore[arg-type]
        return self.loaded[name]

    def fitting(self, source: Source) -> Ensemble:
        """The set made for sources of this size; the last one when none is."""
        if not isinstance(source, Scene | Volume):
            raise UsageError(
                f"{source.id} is neither a picture nor a volume: give the room {self.task.name} one of these"
            )
        sides = source.grid.shape if isinstance(source, Scene) else (source.samples, max(source.shape[:2]))
        for name in self.sets:
            low, high = self.sides(name)
            if isinstance(source, Scene) and low <= max(sides) <= high:
                return self.of(name)
        # Volumes are read along lines, so a set made for whole sections serves them, whatever their size.
        return self.of(max(self.sets, key=lambda name: self.sides(name)[1]))

    def sides(self, name: str) -> tuple[int, int]:
        """Shortest and longest side of the scenes that a set is for, as the card of its first model says."""
        if name not in self.asked:
            self.asked[name] = read_card(self.sets[name][0]).sides
        return self.asked[name]

    def calibration(self) -> Calibration:
        """Threshold and model error for values that were not seen now: those of the set for the longest sides, if any."""
        if not self.sets:
            return Calibration()
        return (
            self.of(max(self.sets, key=lambda name: self.of(name).models[0].card.sides[1])).models[0].card.calibration
        )

    def named(self, files: set[str]) -> list[Model]:
        """The models of these file names, loaded where a resumed run had no need of them any more."""
        wanted = [name for name, paths in self.sets.items() if files & {path.name for path in paths}]
        return [model for name in wanted for model in self.of(name).models]


def serving(model: Model, task: Task) -> Model:
    """The same model, held to its card: what its graph cannot do is a sentence and not a traceback.

    Raises:
        UsageError: it was made for another task.
        BadModel: its card does not fit the task; when it sees, its graph does not fit its card.
    """
    name, card = model.path.name, model.card
    if card.task != task.name:
        raise UsageError(f"{name} was made for the task {card.task}: give one for {task.name}")
    pairs: dict[str, tuple[Sequence[object], Sequence[object]]] = {
        "classes": (card.classes, task.classes),
        "bands": (card.bands, task.bands),
        "thresholds": (card.calibration.threshold, task.classes),
    }
    if len(task.bands) > 1:
        del pairs["bands"]  # such rooms find the bands that a card names, see their ``prepare``
    for what, (has, wanted) in pairs.items():
        if len(has) != len(wanted):
            raise BadModel(
                f"{name} has {len(has)} {what}, and {len(wanted)} are wanted for {task.name}: export it again"
            )

    def run(chips: Floats, context: Floats | None) -> Floats:
        try:
            seen = model.run(chips, context)
        except (OutcropError, MemoryError):
            raise
        except Exception as error:  # noqa: BLE001  (engines raise many kinds, none of them public)
            reason = " ".join(str(error).split())[:200]
            raise BadModel(f"{name} cannot see chips of shape {chips.shape} ({reason}): export it again") from None
        if seen.shape != (len(chips), len(card.classes), *chips.shape[2:]):
            raise BadModel(
                f"{name} answers chips of shape {chips.shape} with shape {seen.shape}, and one plane for each of "
                f"{len(card.classes)} classes is wanted: export it again"
            )
        return seen

    return replace(model, run=run)
