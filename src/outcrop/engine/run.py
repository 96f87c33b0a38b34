"""A run: inputs → predictions → measurements → files, for any room.

A bad input is named and passed over; the others are done. What is finished is in the journal at once.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from hashlib import sha256
from pathlib import Path
from typing import Any

import numpy as np

from outcrop.core.errors import BadInput, NothingToSee, OutcropError, UnknownModel, UsageError
from outcrop.core.estimate import Assumption
from outcrop.core.scene import Floats, Scene, map_from_array
from outcrop.core.task import Calibration, Measurement, Prediction, Prepared, Seen, Task
from outcrop.core.volume import Volume
from outcrop.engine.earlier import as_prediction, plain_stem
from outcrop.engine.journal import Journal
from outcrop.engine.predict import Ensemble, predict_small
from outcrop.engine.volume import predict_volume
from outcrop.models.runtime import Model, load
from outcrop.sources.open import Options, find, open_source

Progress = Callable[[str, float], None]
"""(name of the input, share of it done); share 1 means finished."""

SMALL = 4_000_000
"""Pixels up to which a picture's whole map is held in memory."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """What the user asked for.

    Attributes:
        models: files, or names of shipped sets; empty takes the shipped set that fits each input.
        assume: assumptions replaced, by name.
        threshold: probability that makes a pixel count, in place of the card's.
        formats: extra files for the whole run, e.g. ("kaggle",).
        seed: of the Monte Carlo draws.
        from_predictions: the inputs are probabilities or masks themselves.
    """

    task: Task
    inputs: tuple[Path, ...]
    out: Path
    models: tuple[str, ...] = ()
    assume: Mapping[str, Assumption] = field(default_factory=dict)
    threshold: float | None = None
    flips: str = "alternate"
    engine: str = "auto"
    formats: tuple[str, ...] = ()
    options: Options = field(default_factory=Options)
    overwrite: bool = False
    resume: bool = False
    seed: int = 0
    from_predictions: bool = False


def shipped(task: Task) -> dict[str, tuple[Path, ...]]:
    """Shipped model files by set; ``pictures-0.onnx``, ``pictures-1.onnx`` make the set "pictures"."""
    sets: dict[str, list[Path]] = {}
    for path in sorted(task.models.glob("*.onnx")):
        sets.setdefault(path.stem.rsplit("-", 1)[0], []).append(path)
    return {name: tuple(paths) for name, paths in sets.items()}


class Ensembles:
    """The ensembles of a run, each loaded when first needed."""

    def __init__(self, request: Request) -> None:
        self.request, self.loaded = request, dict[str, Ensemble]()
        sets = shipped(request.task)
        chosen = {name: sets[name] for name in request.models if name in sets}
        files = tuple(Path(name) for name in request.models if name not in sets)
        for path in files:
            if not path.is_file():
                raise UnknownModel(
                    f"there is no model {str(path)!r}: give a file, or one of the shipped sets {', '.join(sets) or '(none)'}"
                )
        if files:
            chosen["given"] = files
        self.sets = chosen or sets
        if not self.sets and not request.from_predictions:
            raise UnknownModel(f"no model of the task {request.task.name} is shipped here: give one with --model")

    def of(self, name: str) -> Ensemble:
        """One set, loaded."""
        if name not in self.loaded:
            models = tuple(load(path, engine=self.request.engine) for path in self.sets[name])
            for model in models:
                if model.card.task != self.request.task.name:
                    raise UsageError(
                        f"{model.path.name} was made for the task {model.card.task}: give one for {self.request.task.name}"
                    )
            self.loaded[name] = Ensemble(models=models, flips=self.request.flips)  # type: ignore[arg-type]
        return self.loaded[name]

    def fitting(self, source: Scene | Volume) -> Ensemble:
        """The set made for sources of this size; the last one when none is."""
        sides = source.grid.shape if isinstance(source, Scene) else (source.samples, max(source.shape[:2]))
        for name in self.sets:
            low, high = self.of(name).models[0].card.sides
            if isinstance(source, Scene) and low <= max(sides) <= high:
                return self.of(name)
        # Volumes are read along lines, so a set made for whole sections serves them, whatever their size.
        return max((self.of(name) for name in self.sets), key=lambda e: e.models[0].card.sides[1])

    def calibration(self) -> Calibration:
        """Threshold and model error for earlier predictions: those of the set for whole sections, if any is shipped."""
        if not self.sets:
            return Calibration()
        return (
            self.of(max(self.sets, key=lambda name: self.of(name).models[0].card.sides[1])).models[0].card.calibration
        )

    def used(self) -> list[Model]:
        """Every model loaded so far."""
        return [model for ensemble in self.loaded.values() for model in ensemble.models]


@dataclass(frozen=True, slots=True, kw_only=True)
class _Opened:
    """An input ready to be seen."""

    path: Path
    stem: str
    source: Scene | Volume
    prepared: Prepared
    ensemble: Ensemble | None


class Run:
    """One run, from inputs to records; ``execute`` does it."""

    def __init__(self, request: Request, progress: Progress = lambda name, share: None) -> None:
        self.request, self.progress = request, progress
        self.ensembles = Ensembles(request)
        self.paths = find(request.inputs)
        unknown = [name for name in request.formats if name not in request.task.formats]
        if unknown:
            raise UsageError(f"no format {unknown[0]!r}: choose one of {', '.join(request.task.formats) or '(none)'}")
        self.given = {**request.task.assumptions, **request.assume}
        strange = [name for name in request.assume if name not in request.task.assumptions]
        if strange:
            raise UsageError(f"no assumption {strange[0]!r}: choose one of {', '.join(request.task.assumptions)}")
        self.journal = Journal(request.out, self._identity(), overwrite=request.overwrite, resume=request.resume)
        self.stems = _stems(self.paths)

    def _identity(self) -> dict[str, Any]:
        """What a resumed run must share with the one it goes on from."""
        r = self.request
        return {
            "task": r.task.name, "models": list(r.models), "threshold": r.threshold, "flips": r.flips, "seed": r.seed,
            "assume": {name: [a.low, a.best, a.high] for name, a in r.assume.items()}, "options": repr(r.options),
        }  # fmt: skip

    def execute(self) -> dict[str, dict[str, Any]]:
        """Do every input that is not done yet; returns the journal's entries by input path, in input order."""
        waiting: list[_Opened] = []
        for path in self.paths:
            if str(path) in self.journal.done:
                self.progress(path.name, 1.0)
                continue
            opened = self._open(path)
            if opened is None:
                continue
            small = (
                opened.ensemble is not None
                and isinstance(opened.source, Scene)
                and np.prod(opened.source.grid.shape) <= SMALL
            )
            if not small or (waiting and waiting[0].ensemble is not opened.ensemble) or len(waiting) >= 64:
                self._pictures(waiting)
                waiting = []
            if small:
                waiting.append(opened)
            else:
                self._guarded(opened, lambda o=opened: self._finish(o, self._large(o)))  # type: ignore[misc]
        self._pictures(waiting)
        return {str(path): self.journal.done[str(path)] for path in self.paths}

    def _open(self, path: Path) -> _Opened | None:
        """Open and prepare one input; a refused one is journalled and gives None."""
        try:
            source = open_source(path, self.request.options)
            if self.request.from_predictions:
                return _Opened(
                    path=path, stem=self.stems[path], source=source, prepared=Prepared(source=source), ensemble=None
                )
            ensemble = self.ensembles.fitting(source)
            prepared = self.request.task.prepare(source, ensemble.models[0].card.training.get("looks", {}))
            if prepared.blank and not self.request.formats:
                raise NothingToSee(
                    f"{path.name} holds one value everywhere or none at all: give a picture with something in it"
                )
        except (OutcropError, MemoryError) as error:
            self._refuse(path, error)
            return None
        stem = self.stems[path]
        return _Opened(path=path, stem=stem, source=source, prepared=prepared, ensemble=ensemble)

    def _refuse(self, path: Path, error: BaseException) -> None:
        """Remember a refused input; the run goes on."""
        text = str(error) or "the file needs more memory than there is: cut it into parts"
        self.journal.add(
            {"input": str(path), "error": text, "kind": type(error).__name__, "files": [], "measurements": []}
        )
        self.progress(path.name, 1.0)

    def _guarded(self, opened: _Opened, work: Callable[[], None]) -> None:
        """Run the work of one input; a refusal half-way is journalled like one at the start."""
        try:
            work()
        except (OutcropError, MemoryError) as error:
            self._refuse(opened.path, error)

    def _pictures(self, waiting: list[_Opened]) -> None:
        """See a group of small pictures together, then measure and write each."""
        if not waiting or waiting[0].ensemble is None:
            return
        scenes = [o.prepared.source for o in waiting]
        seen: Iterator[tuple[Scene, Floats]] = predict_small(scenes, waiting[0].ensemble)  # type: ignore[arg-type]
        for opened, (scene, values) in zip(waiting, seen, strict=True):
            if opened.prepared.blank:
                values = np.zeros_like(values)
            prediction = map_from_array(scene, self.request.task.classes, values)
            self._guarded(opened, lambda o=opened, p=prediction: self._finish(o, p))  # type: ignore[misc]

    def _large(self, opened: _Opened) -> Prediction:
        """See one volume, one picture too large to share a batch, or take an earlier prediction."""
        source = opened.prepared.source
        if opened.ensemble is None:
            return as_prediction(source, opened.path, self.request.task.classes)
        if isinstance(source, Volume):
            return predict_volume(
                source, opened.ensemble, self.journal.folder / opened.stem,
                lambda done, total: self.progress(opened.path.name, 0.9 * done / total),
            )  # fmt: skip
        _, values = next(predict_small([source], opened.ensemble))
        return map_from_array(source, opened.ensemble.classes, values)

    def _finish(self, opened: _Opened, prediction: Prediction) -> None:
        """Measure, write, journal."""
        task = self.request.task
        calibration = opened.ensemble.models[0].card.calibration if opened.ensemble else self.ensembles.calibration()
        if self.request.threshold is not None:
            calibration = replace(calibration, threshold=(self.request.threshold,) * len(task.classes))
        rng = np.random.default_rng(self.request.seed)
        measurements, found = task.measure(prediction, self.given, calibration, rng)
        seen = Seen(
            source=opened.source, prepared=opened.prepared, prediction=prediction, measurements=measurements,
            calibration=calibration, found=found,
        )  # fmt: skip
        files = task.write(seen, self.request.out, opened.stem)
        notes = list(opened.prepared.notes)
        if opened.prepared.blank:
            notes.append("every pixel is the same: taken as empty")
        self.journal.add(
            {
                "input": str(opened.path),
                "stem": opened.stem,
                "sha256": file_sha256(opened.path),
                "models": [m.path.name for m in opened.ensemble.models] if opened.ensemble else [],
                "notes": notes,
                "files": [str(f.relative_to(self.request.out)) for f in files],
                "measurements": [as_record(m) for m in measurements],
            }
        )
        self.progress(opened.path.name, 1.0)


def _stems(paths: Sequence[Path]) -> dict[Path, str]:
    """Output stem of every input; inputs of one name get a number behind it, so that none overwrites another."""
    stems: dict[Path, str] = {}
    taken: dict[str, int] = {}
    for path in paths:
        stem = plain_stem(path)
        count = taken[stem] = taken.get(stem, 0) + 1
        stems[path] = stem if count == 1 else f"{stem}-{count}"
    return stems


def file_sha256(path: Path) -> str:
    """Fingerprint of a file, read in parts."""
    digest = sha256()
    try:
        with path.open("rb") as file:
            while part := file.read(1 << 22):
                digest.update(part)
    except OSError as error:
        raise BadInput(f"{path.name} cannot be read ({error.strerror}): check the file") from None
    return digest.hexdigest()


def as_record(measurement: Measurement) -> dict[str, Any]:
    """A measurement as plain JSON data, with its central 90 % interval."""
    low, high = measurement.estimate.interval()
    return {
        "name": measurement.name,
        "value": measurement.estimate.value,
        "unit": measurement.estimate.unit,
        "low": low,
        "high": high,
        "method": measurement.method,
        "about": dict(measurement.about),
    }


def summary(run: Run, entries: Mapping[str, Mapping[str, Any]]) -> dict[str, Any]:
    """The record of a whole run, as ``summary.json`` holds it."""
    from outcrop import __version__

    request = run.request
    return {
        "task": request.task.name,
        "outcrop": __version__,
        "created": datetime.now(UTC).isoformat(timespec="seconds"),
        "models": [
            {"file": m.path.name, "sha256": m.sha256, "precision": m.card.precision} for m in run.ensembles.used()
        ],
        "assumptions": {
            name: {"low": a.low, "best": a.best, "high": a.high, "unit": a.unit, "source": a.source}
            for name, a in run.given.items()
        },
        "seed": request.seed,
        "flips": request.flips,
        "threshold": request.threshold,
        "inputs": list(entries.values()),
        "refused": [{"input": e["input"], "error": e["error"]} for e in entries.values() if "error" in e],
        "warnings": sorted({f"{Path(e['input']).name}: {n}" for e in entries.values() for n in e.get("notes", [])}),
    }
