"""A run: inputs → predictions → measurements → files, for any room.

A bad input is named and passed over; the others are done. What is finished is in the journal at once.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, TypeVar

import numpy as np

from outcrop.core.errors import BadModel, NothingToSee, OutcropError, UnknownFormat, UsageError, WrongUnit
from outcrop.core.film import Film
from outcrop.core.scene import Floats, Scene, map_from_array
from outcrop.core.table import Table
from outcrop.core.task import Calibration, Prediction, Prepared, Seen, Source
from outcrop.core.volume import Volume
from outcrop.engine.bands import looks_of
from outcrop.engine.earlier import as_prediction, earlier_calibration, earlier_files, plain_stem
from outcrop.engine.ensembles import Ensembles, shipped
from outcrop.engine.journal import Journal, as_record, file_sha256, stamps
from outcrop.engine.kept import keep, rounded
from outcrop.engine.predict import Ensemble, context_notes, predict, predict_small
from outcrop.engine.request import KINDS, Request
from outcrop.engine.spot import Spotter, Spotters
from outcrop.engine.volume import predict_volume
from outcrop.sources.open import find, open_source

__all__ = ["Progress", "Request", "Run", "shipped", "stems_of"]

Progress = Callable[[str, float], None]
"""(name of the input, share of it done); share 1 means finished."""

SMALL = 1_000_000
"""Pixels up to which a picture may share a batch with others, and that wait together for one."""

MOST_WAITING = 64
"""Pictures that wait together for a batch."""

ONE_VIEW = "measured from earlier values: what inlines and crosslines disagree about is unknown and not in the interval"
"""Note on volumes that were not seen along both directions now."""

UNKNOWN = "no record of an earlier run lies beside the file: threshold 0.5 and no model error unless given"
"""Note on values that came from nobody knows where."""

Answer = TypeVar("Answer")


@dataclass(frozen=True, slots=True, kw_only=True)
class _Opened:
    """An input ready to be seen."""

    path: Path
    stem: str
    source: Source
    prepared: Prepared
    ensemble: Ensemble | Spotter | None


def _eyes(request: Request) -> Ensembles | Spotters:
    """What sees for a room: maps of pixels, or things one by one."""
    needed = not request.from_predictions
    if request.task.head == "segment":
        return Ensembles(request.task, request.models, engine=request.engine, flips=request.flips, needed=needed)
    said = tuple(name.strip() for name in request.settings.get("class_names", "").split(",") if name.strip())
    return Spotters(request.task, request.models, engine=request.engine, flips=request.flips, needed=needed, said=said)


class Run:
    """One run, from inputs to records; ``execute`` does it."""

    def __init__(self, request: Request, progress: Progress = lambda name, share: None) -> None:
        self.request, self.progress = request, progress
        self.ensembles = _eyes(request)
        self.paths = find(request.inputs, request.task.takes)
        if request.from_predictions:
            self.paths = earlier_files(self.paths, request.inputs)
        unknown = [name for name in request.formats if name not in request.task.formats]
        if unknown:
            raise UsageError(f"no format {unknown[0]!r}: choose one of {', '.join(request.task.formats) or '(none)'}")
        if foreign := [name for name in request.settings if name not in request.task.settings]:
            known = ", ".join(request.task.settings) or "none"
            raise UsageError(f"the room {request.task.name} takes no setting {foreign[0]!r}: it knows {known}")
        request.task.check(request.settings)
        self.given = {**request.task.assumptions, **request.assume}
        strange = [name for name in request.assume if name not in request.task.assumptions]
        if strange:
            raise UsageError(f"no assumption {strange[0]!r}: choose one of {', '.join(request.task.assumptions)}")
        mine = [path for path in self.paths if path.resolve().parent == request.out.resolve()]
        if mine and request.overwrite:
            raise UsageError(
                f"{mine[0]} lies in the folder for the results, which could replace it: give another --out"
            )
        self.stems = stems_of(self.paths, {path: one.name for path, one in request.options.stacks.items()})
        self.journal = Journal(request.out, self._identity(), overwrite=request.overwrite, resume=request.resume)

    def _identity(self) -> dict[str, Any]:
        """What a resumed run must share with the one it goes on from."""
        from outcrop import __version__

        r = self.request
        return {
            "outcrop": __version__, "task": r.task.name, "inputs": stamps([f for path in self.paths for f in r.options.files(path)]),
            "models": {name: stamps(paths) for name, paths in self.ensembles.sets.items()},
            "threshold": r.threshold, "flips": r.flips, "engine": r.engine, "formats": r.formats, "seed": r.seed,
            "assume": {name: [a.low, a.best, a.high] for name, a in r.assume.items()}, "options": repr(r.options),
            "from_predictions": r.from_predictions, "no_area": r.no_area, "settings": dict(r.settings),
        }  # fmt: skip

    def execute(self) -> dict[str, dict[str, Any]]:
        """Do every input that is not done yet; returns the journal's entries by input path, in input order."""
        waiting: list[_Opened] = []
        pixels = 0
        for path in self.paths:
            if str(path) in self.journal.done:
                self.progress(path.name, 1.0)
                continue
            opened = self._open(path)
            if opened is None:
                continue
            picture = isinstance(opened.ensemble, Ensemble) and isinstance(opened.source, Scene)
            size = int(np.prod(opened.source.grid.shape)) if isinstance(opened.source, Scene) else 0
            small = picture and size <= SMALL
            another = bool(waiting) and waiting[0].ensemble is not opened.ensemble
            if not small or another or len(waiting) >= MOST_WAITING or pixels + size > SMALL:
                self._pictures(waiting)
                waiting, pixels = [], 0
            if small:
                waiting, pixels = [*waiting, opened], pixels + size
            else:
                self._tried(path, lambda o=opened: self._finish(o, self._large(o)))  # type: ignore[misc]
        self._pictures(waiting)
        return {str(path): self.journal.done[str(path)] for path in self.paths}

    def _open(self, path: Path) -> _Opened | None:
        """Open and prepare one input; a refused one is journalled and gives None."""
        source = self._tried(path, lambda: self._placed(path, open_source(path, self.request.options)))
        if source is None:
            return None
        ensemble = None
        prepared: Prepared | None
        if self.request.task.plain(source):
            prepared = Prepared(source=source, notes=source.notes)
        elif self.request.from_predictions:
            notes = (*source.notes, *(() if source.is_line else (ONE_VIEW,))) if isinstance(source, Volume) else ()
            prepared = Prepared(source=source, notes=notes)
        else:
            ensemble = self.ensembles.fitting(source)
            prepared = self._tried(path, lambda: self._prepared(path, source, ensemble))
        if prepared is None:
            return None
        return _Opened(path=path, stem=self.stems[path], source=source, prepared=prepared, ensemble=ensemble)

    def _placed(self, path: Path, source: Source) -> Source:
        """The source, unless the room does not take its kind, or measures on the map and does not find it there."""
        takes = self.request.task.takes
        if not isinstance(source, takes):
            kind, wanted = KINDS[type(source)], ", ".join(KINDS[one] for one in takes)
            raise UnknownFormat(f"{path.name}: the room {self.request.task.name} takes no {kind}; give it {wanted}")
        lost = isinstance(source, Scene) and source.grid.crs is None
        if lost and self.request.task.on_map and not self.request.no_area:
            raise WrongUnit(
                f"{path.name} has no map projection, so areas cannot be measured: write it with one, "
                "or ask for masks alone with --no-area"
            )
        return source

    def _prepared(self, path: Path, source: Source, ensemble: Ensemble | Spotter) -> Prepared:
        """A source as the network wants it; one with nothing in it is refused, but for a picture of a whole format."""
        prepared = self.request.task.prepare(source, looks_of(self.request.task, ensemble.card))
        if prepared.blank and not (self.request.formats and isinstance(source, Scene)):
            raise NothingToSee(f"{path.name} holds one value everywhere or none at all: give one with something in it")
        if isinstance(prepared.source, Scene) and isinstance(ensemble, Ensemble):
            return replace(prepared, notes=(*prepared.notes, *context_notes(prepared.source, ensemble)))
        return prepared

    def _tried(self, path: Path, work: Callable[[], Answer]) -> Answer | None:
        """Do the work of one input; when it is refused, remember that and go on. A bad model stops the run."""
        try:
            return work()
        except BadModel:
            raise
        except OutcropError as error:
            refusal, kind = str(error), type(error).__name__
        except MemoryError as error:
            refusal, kind = f"{path.name} needs more memory than there is: cut it into parts", type(error).__name__
        self.journal.add({"input": str(path), "error": refusal, "kind": kind, "files": [], "measurements": []})
        self.progress(path.name, 1.0)
        return None

    def _pictures(self, waiting: list[_Opened]) -> None:
        """See a group of small pictures together, then measure and write each."""
        if not waiting:
            return
        scenes = [o.prepared.source for o in waiting]
        seen: Iterator[tuple[Scene, Floats]] = predict_small(scenes, waiting[0].ensemble)  # type: ignore[arg-type]
        for opened, (scene, values) in zip(waiting, seen, strict=True):
            if opened.prepared.blank:
                values = np.zeros_like(values)
            kept = rounded(values, self.request.task.levels)
            prediction = map_from_array(scene, self.request.task.classes, kept)
            self._tried(opened.path, lambda o=opened, p=prediction: self._finish(o, p))  # type: ignore[misc]

    def _large(self, opened: _Opened) -> Prediction:
        """See one volume, one picture too large to share a batch, or take an earlier prediction."""
        source, ensemble = opened.prepared.source, opened.ensemble
        if isinstance(source, Table) or (isinstance(source, Scene) and self.request.task.plain(source)):
            return source
        if isinstance(source, Film):
            if not isinstance(ensemble, Spotter):
                raise UnknownFormat(f"{opened.path.name} is a film, and measuring it needs the models: predict it")
            from outcrop.engine.filmed import watched

            return watched(
                source, ensemble, self.request.task, self.request.out / f"{opened.stem}.film", threshold=self.request.threshold,
                on_progress=lambda step: self.progress(opened.path.name, 0.0),
            )  # fmt: skip
        if ensemble is None:
            return as_prediction(source, opened.path, self.request.task.classes)
        if isinstance(ensemble, Spotter) and isinstance(source, Scene):
            return ensemble.spot(source, self.request.threshold)
        if isinstance(ensemble, Spotter):
            raise UnknownFormat(f"{opened.path.name}: things are looked for in pictures and films: give one of these")
        if isinstance(source, Volume):
            return predict_volume(
                source, ensemble, self.journal.folder / opened.stem,
                lambda done, total: self.progress(opened.path.name, 0.9 * done / total),
            )  # fmt: skip
        return keep(
            predict(source, ensemble), self.journal.folder / f"{opened.stem}.map",
            lambda done, rows: self.progress(opened.path.name, 0.9 * done / rows), self.request.task.levels,
        )  # fmt: skip

    def _trusted(self) -> tuple[Calibration, tuple[str, ...]]:
        """Threshold and model error for values of unknown origin: of the models given, else nothing is assumed of them."""
        if self.request.models:
            return self.ensembles.calibration(), ()
        return Calibration(), (UNKNOWN,)

    def _finish(self, opened: _Opened, prediction: Prediction) -> None:
        """Measure, write, journal."""
        task = self.request.task
        notes = list(opened.prepared.notes)
        if opened.ensemble:
            calibration = opened.ensemble.card.calibration
        elif task.plain(opened.source):
            calibration = Calibration()
        else:
            calibration, more = earlier_calibration(opened.path, task) or self._trusted()
            notes += more
        if self.request.threshold is not None:
            calibration = replace(calibration, threshold=(self.request.threshold,) * len(task.classes))
        rng = np.random.default_rng(self.request.seed)
        measurements, found = task.measure(prediction, self.given, calibration, rng)
        seen = Seen(
            source=opened.source, prepared=opened.prepared, prediction=prediction, measurements=measurements,
            calibration=calibration, found=found, path=opened.path,
            models={m.path.name: m.sha256 for m in opened.ensemble.models} if opened.ensemble else {},
        )  # fmt: skip
        files = task.write(seen, self.request.out, opened.stem)
        if opened.prepared.blank:
            notes.append("every pixel is the same: taken as empty")
        self.journal.add(
            {
                "input": str(opened.path),
                "stem": opened.stem,
                "sha256": file_sha256(*self.request.options.files(opened.path)),
                "models": [m.path.name for m in opened.ensemble.models] if opened.ensemble else [],
                "notes": notes,
                "files": [str(f.relative_to(self.request.out)) for f in files],
                "measurements": [as_record(m) for m in measurements],
            }
        )
        self.progress(opened.path.name, 1.0)


def stems_of(paths: Sequence[Path], names: Mapping[Path, str] | None = None) -> dict[Path, str]:
    """Output stem of every input; inputs of one name get a number behind it, so that none overwrites another.

    Args:
        names: of inputs that are not called after their file.
    """
    stems: dict[Path, str] = {}
    taken: set[str] = set()
    counts: dict[str, int] = {}
    for path in paths:
        plain = stem = (names or {}).get(path) or plain_stem(path)
        while stem.casefold() in taken:  # not every file system tells A from a
            counts[plain] = counts.get(plain, 1) + 1
            stem = f"{plain}-{counts[plain]}"
        taken.add(stem.casefold())
        stems[path] = stem
    return stems
