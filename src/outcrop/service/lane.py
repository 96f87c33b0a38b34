"""The fast lane: small pictures are answered at once by models that stay loaded, several pictures in one batch.

A picture waits a few milliseconds for others of the same room, then one thread lets the models see them together. Who
asked measures its own map. Files are made when somebody asks for them.
"""

import threading
import time
from collections.abc import Sequence
from concurrent.futures import Future
from dataclasses import dataclass, replace
from pathlib import Path
from queue import Empty, Full, Queue
from typing import Any, cast

import numpy as np

from outcrop import face, tasks
from outcrop.core.errors import NothingToSee, WrongUnit
from outcrop.core.scene import Floats, Scene, map_from_array
from outcrop.core.task import Prediction, Task
from outcrop.engine.bands import looks_of
from outcrop.engine.ensembles import Ensembles
from outcrop.engine.journal import as_record
from outcrop.engine.kept import rounded
from outcrop.engine.predict import Ensemble, context_notes, predict_small
from outcrop.engine.request import Request
from outcrop.engine.run import Run
from outcrop.engine.spot import Spotter, Spotters
from outcrop.service.asked import Asked, opening, pairs
from outcrop.service.metrics import Metrics
from outcrop.service.problems import Problem
from outcrop.service.settings import Settings

BATCH, BATCH_PIXELS = 16, 1_000_000
"""Pictures, and pixels of them, that share a batch at most."""

PATIENCE = 60.0
"""Seconds that a picture waits for the models at most."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Waiting:
    """A picture that wants to be seen."""

    scene: Scene
    ensemble: Ensemble
    seen: "Future[Floats]"

    @property
    def pixels(self) -> int:
        """How large it is."""
        return int(np.prod(self.scene.grid.shape))


class Lane:
    """Loaded models and the thread that lets them see."""

    def __init__(self, settings: Settings, metrics: Metrics) -> None:
        self.settings, self.metrics = settings, metrics
        self._eyes: dict[str, Any] = {}
        self._named: dict[int, list[dict[str, Any]]] = {}
        self._loading = threading.Lock()
        self._working = threading.Lock()
        self._queue: Queue[Waiting | None] = Queue(maxsize=settings.lane)
        self._thread: threading.Thread | None = None
        self._inside = threading.Semaphore(settings.lane)

    # Models ---------------------------------------------------------------------------------------------------

    def eyes(self, room: Task) -> Any:
        """The room's models, each set loaded when it is first needed."""
        with self._loading:
            if room.name not in self._eyes:
                kind = {"segment": Ensembles, "detect": Spotters}[room.head]
                self._eyes[room.name] = kind(room, (), engine="onnxruntime", flips="alternate")
            return self._eyes[room.name]

    def load(self, names: Sequence[str]) -> None:
        """Load every model of these rooms.

        Raises:
            BadModel: a file is damaged or was made for another task.
        """
        for name in names:
            eyes = self.eyes(tasks.load(name))
            with self._loading:
                for one in eyes.sets if isinstance(eyes, Ensembles) else [""]:
                    _ = eyes.of(one) if isinstance(eyes, Ensembles) else eyes.spotter()

    def fitting(self, room: Task, scene: Scene) -> Ensemble | Spotter:
        """The models made for pictures of this size."""
        eyes = self.eyes(room)
        with self._loading:
            found: Ensemble | Spotter = eyes.fitting(scene)
        return found

    # Seeing ---------------------------------------------------------------------------------------------------

    def see(self, scene: Scene, ensemble: Ensemble) -> Floats:
        """A small picture's map, (classes, rows, cols), seen together with others that wait.

        Raises:
            Problem: 503 with Retry-After, too many wait.
        """
        one = Waiting(scene=scene, ensemble=ensemble, seen=Future())
        self._start()
        try:
            self._queue.put_nowait(one)
        except Full:
            raise self.full() from None
        try:
            return one.seen.result(PATIENCE)
        except TimeoutError:
            one.seen.cancel()
            raise self.full() from None

    def full(self) -> Problem:
        """What a client is told when no more pictures are taken."""
        limit = self.settings.lane
        detail = f"{limit} pictures are waiting, and no more are taken: try again in 1 s"
        return Problem(503, "busy", detail, headers={"Retry-After": "1"}, limit=limit)

    def _start(self) -> None:
        if self._thread is None or not self._thread.is_alive():
            with self._loading:
                if self._thread is None or not self._thread.is_alive():
                    self._thread = threading.Thread(target=self._work, name="outcrop-lane", daemon=True)
                    self._thread.start()

    def _work(self) -> None:
        """Batch after batch, until the service stops."""
        held: Waiting | None = None
        while True:
            first = held or self._queue.get()
            if first is None:
                return
            batch, held = self._gathered(first)
            batch = [one for one in batch if not one.seen.cancelled()]
            self.metrics.batch.observe(len(batch))
            self.metrics.lane.set(self._queue.qsize())
            try:
                with self._working:
                    maps = [values for _, values in predict_small([one.scene for one in batch], first.ensemble)]
            except BaseException as error:  # noqa: BLE001  (the thread must live, and each asker hear of it)
                for one in batch:
                    if not one.seen.done():
                        one.seen.set_exception(error)
                continue
            for one, values in zip(batch, maps, strict=True):
                if not one.seen.done():
                    one.seen.set_result(values)

    def _gathered(self, first: Waiting) -> tuple[list[Waiting], Waiting | None]:
        """(pictures for the same models that came within the window, the first one that does not belong to them)."""
        batch, pixels, until = [first], first.pixels, time.monotonic() + self.settings.lane_window
        while len(batch) < BATCH and pixels < BATCH_PIXELS:
            try:
                another = self._queue.get(timeout=max(until - time.monotonic(), 0))
            except Empty:
                break
            if another is None:
                self._queue.put(None)
                break
            if another.ensemble is not first.ensemble or pixels + another.pixels > BATCH_PIXELS:
                return batch, another
            batch.append(another)
            pixels += another.pixels
        return batch, None

    def close(self) -> None:
        """Let the thread end."""
        if self._thread is not None and self._thread.is_alive():
            self._queue.put(None)
            self._thread.join(5)

    # Answers --------------------------------------------------------------------------------------------------

    def answer(self, room: Task, scene: Scene, shown: str, sha256: str, asked: Asked) -> dict[str, Any]:
        """A picture's record: what ``predict`` says of it, without files.

        Raises:
            OutcropError: it cannot be seen or measured.
            Problem: 503, too many wait.
        """
        if not self._inside.acquire(blocking=False):
            raise self.full()
        try:
            return self._answer(room, scene, shown, sha256, asked)
        finally:
            self._inside.release()

    def _answer(self, room: Task, scene: Scene, shown: str, sha256: str, asked: Asked) -> dict[str, Any]:
        if room.on_map and not asked.no_area:
            raise WrongUnit(
                f"{shown} has no map projection, so areas cannot be measured: send a GeoTIFF, or ask for masks with no_area"
            )
        ensemble = self.fitting(room, scene)
        prepared = room.prepare(scene, looks_of(room, ensemble.card))
        if prepared.blank:
            raise NothingToSee(f"{shown} holds one value everywhere or none at all: send one with something in it")
        source, notes, calibration = cast(Scene, prepared.source), prepared.notes, ensemble.card.calibration
        prediction: Prediction
        if isinstance(ensemble, Spotter):
            with self._working:
                prediction = ensemble.spot(source, asked.threshold)
        else:
            notes = (*notes, *context_notes(source, ensemble))
            values = rounded(self.see(source, ensemble), room.levels)
            prediction = map_from_array(source, room.classes, values)
        if asked.threshold is not None:
            calibration = replace(calibration, threshold=(asked.threshold,) * len(room.classes))
        given = {**room.assumptions, **face.assumptions(room, pairs(asked.assume, "assume"))}
        measurements, _ = room.measure(prediction, given, calibration, np.random.default_rng(asked.seed))
        entry = {
            "input": shown, "stem": scene.id, "sha256": sha256, "models": [m.path.name for m in ensemble.models],
            "notes": list(notes), "files": [], "measurements": [as_record(m) for m in measurements],
        }  # fmt: skip
        request = self._request(room, Path(shown), Path(), asked)
        record = face.summary(cast(Run, _Told(request=request, ensembles=_Nobody(), given=given)), {shown: entry})
        record["models"] = self._names(ensemble)
        return record

    def _names(self, ensemble: Ensemble | Spotter) -> list[dict[str, Any]]:
        """Models as an answer names them; what else their cards say is told once, at ``/models``."""
        key = id(ensemble)
        if key not in self._named:
            self._named[key] = [
                {"file": m.path.name, "sha256": m.sha256, "precision": m.card.precision if m.card else "as given"}
                for m in ensemble.models
            ]
        return self._named[key]

    def _request(self, room: Task, path: Path, out: Path, asked: Asked) -> Request:
        return Request(
            task=room, inputs=(path,), out=out, assume=face.assumptions(room, pairs(asked.assume, "assume")),
            threshold=asked.threshold, flips="alternate", engine="onnxruntime", seed=asked.seed, no_area=asked.no_area,
            options=opening(asked, max_pixels=self.settings.small),
        )  # fmt: skip

    def write(self, room: Task, path: Path, shown: str, out: Path, asked: Asked) -> None:
        """Make the files of an answer: the same run as on the command line, by the models that are loaded.

        Raises:
            OutcropError: it cannot be seen, measured or written.
        """
        with self._working:
            run = Run(self._request(room, path, out, asked))
            run.ensembles = self.eyes(room)
            record = face.summary(run, run.execute())
        if record["refused"]:
            raise NothingToSee(str(record["refused"][0]["error"]))
        for entry in record["inputs"]:
            entry["input"] = shown  # where it lies here is nobody's business
        record["warnings"] = sorted({f"{shown}: {note}" for entry in record["inputs"] for note in entry["notes"]})
        face.write(room, run, record)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Told:
    """What a record is made of, where no run was needed."""

    request: Request
    ensembles: "_Nobody"
    given: Any


class _Nobody:
    """Models that a record shall not describe at length: that takes longer than seeing."""

    def named(self, files: set[str]) -> list[Any]:
        """None of them."""
        return []
