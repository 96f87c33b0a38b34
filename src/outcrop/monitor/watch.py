"""The loop: frame → what is seen → tracks → log → alerts, for films and for cameras that never end."""

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from math import floor
from pathlib import Path
from threading import Event as Flag
from typing import Any

import numpy as np

from outcrop.core.errors import OutcropError, UsageError
from outcrop.core.film import Film, Frame
from outcrop.core.scene import Detections, Scene
from outcrop.monitor.alerts import Alarms, Alert, Rules, write_alert
from outcrop.monitor.camera import Camera, wanted
from outcrop.monitor.ledger import Ledger, Settings
from outcrop.monitor.log import Line, Log, health, read
from outcrop.monitor.tracks import Tracker
from outcrop.outputs.film import write_crop
from outcrop.sources.film import open_film, tally_of
from outcrop.sources.film_follow import Event, follow

LOG = "frames.jsonl"
BLIND = "blind"
"""Name under which ``measure`` gives the classes that a frame cannot show, e.g. ("smoke",) at night."""

See = Callable[[Scene], Detections]
Measure = Callable[[Detections], Mapping[str, Any]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Progress:
    """How far a watch is.

    Attributes:
        frames: analysed in this session.
        seconds: of the film or the camera.
        alerts: told in this session.
        about: what has just happened to the camera; empty after an ordinary frame.
    """

    frames: int
    seconds: float
    alerts: int
    about: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Analysed:
    """One frame with what was found in it, for whoever draws it.

    Attributes:
        links: (track id, index of the detection), born tracks alone.
        line: what was logged.
    """

    frame: Frame
    seen: Detections
    links: tuple[tuple[int, int], ...]
    line: Line


def watch(
    source: Film | str,
    see: See,
    measure: Measure,
    out: Path,
    *,
    settings: Settings | None = None,
    rules: Rules | None = None,
    camera: Camera | None = None,
    every: float | None = None,
    minutes: float | None = None,
    stop: Flag | None = None,
    timeout: float = 10.0,
    patience: float = 600.0,
    on_progress: Callable[[Progress], None] | None = None,
    on_frame: Callable[[Analysed], None] | None = None,
    about: Mapping[str, Any] | None = None,
) -> Line:
    """Watch a film to its end, or a camera until it is enough; the summary of the whole log.

    Leaves ``frames.jsonl`` (the log), ``alerts.jsonl`` and ``alerts/*.jpg`` in ``out``. Called again with the same
    folder, it goes on: a film after its last logged frame, a camera with the tracks it knew.

    Args:
        source: a film, or the address of a camera, which is then followed through cuts.
        see: what a model sees in a scene.
        measure: numbers by name: a sequence as long as the detections belongs to them one by one, anything else to
            the frame; ``"blind"`` names classes that this frame cannot show.
        every: least seconds between frames analysed.
        minutes: time of watching after which to stop: the film's own time, or the camera's.
        stop: set it from another thread to end after the frame in hand.
        patience: seconds without a frame after which a camera is given up.
        about: facts for the log (model, its fingerprint).

    Raises:
        UsageError: the folder holds the log of another film, or another watch is writing it.
        BadInput: the film or the log cannot be read or written.
    """
    film = open_film(source, timeout=timeout) if isinstance(source, str) else source
    step = max(every or 0.0, 1 / film.rate if film.rate else 0.0)
    settings = settings or Settings()
    settings = replace(settings, hold=max(settings.hold, 2.5 * step))
    ledger = _earlier(out / LOG, settings)
    now = datetime.now(UTC)
    facts = {"utc": _utc(now), "began": _utc(now if film.live else film.began), "live": film.live, **(about or {})}
    with Log(out / LOG, film=film.id, about=facts) as log:
        watcher = _Watcher(see, measure, out, ledger, log, rules or Rules(), camera or Camera(), on_progress, on_frame)
        ledger.take({"kind": "session", "film": film.id, **facts})
        watcher.shift = _since(ledger, now) if film.live else 0.0
        if film.live and isinstance(source, str):
            watcher.follow(source, every, minutes, stop or Flag(), timeout, patience)
        else:
            watcher.read(film, every, minutes, stop or Flag())
    return {
        **ledger.summary(),
        "log": health(out / LOG),
        "notes": list(dict.fromkeys((*film.notes, *tally_of(film).notes))),
    }


def _earlier(path: Path, settings: Settings) -> Ledger:
    """What earlier sessions have found."""
    ledger = Ledger(settings)
    if path.exists():
        for line in read(path):
            ledger.take(line)
    return ledger


def _since(ledger: Ledger, now: datetime) -> float:
    """Seconds between the beginning of a camera's log and now; never before its last frame."""
    told = (now - datetime.fromisoformat(ledger.began)).total_seconds() if ledger.began else 0.0
    return max(told, (ledger.last or 0.0) + 1e-3 if ledger.frames else 0.0)


def _utc(moment: datetime | None) -> str | None:
    return moment.astimezone(UTC).isoformat(timespec="milliseconds") if moment else None


def measured(found: Mapping[str, Any], count: int) -> tuple[list[Line], Line]:
    """Numbers by name → (those of each detection, those of the frame)."""
    each: list[Line] = [{} for _ in range(count)]
    whole: Line = {}
    for name, value in found.items():
        if name == BLIND:
            continue
        many = isinstance(value, Sequence | np.ndarray) and not isinstance(value, str)
        if many and len(value) != count:
            raise UsageError(f"{name} was measured {len(value)} times for {count} detections: give one for each")
        if many:
            for entry, one in zip(each, value, strict=True):
                entry[name] = one
        else:
            whole[name] = value
    return each, whole


class _Watcher:
    """The loop's own state."""

    def __init__(
        self, see: See, measure: Measure, out: Path, ledger: Ledger, log: Log, rules: Rules, camera: Camera,
        on_progress: Callable[[Progress], None] | None, on_frame: Callable[[Analysed], None] | None,
    ) -> None:  # fmt: skip
        self._see, self._measure, self._out, self._ledger, self._log = see, measure, out, ledger, log
        self._camera, self._on_progress, self._on_frame = camera, on_progress, on_frame
        self._tracker = Tracker(ledger.settings.linking, ledger.tracks())
        self._tracker.ids = max(ledger.courses, default=0)
        self._alarms = Alarms(rules, ledger)
        self._frames = self._alerts = 0
        self.shift = 0.0

    def read(self, film: Film, every: float | None, minutes: float | None, stop: Flag) -> None:
        """A film once through, from where the log ends."""
        last, due = self._ledger.last, -np.inf
        first: float | None = None
        with closing(_generator(film.frames())) as frames:
            for frame in frames:
                if stop.is_set() or (first is not None and minutes and frame.seconds - first >= 60 * minutes):
                    return
                if frame.seconds < due - 1e-6 or (last is not None and frame.seconds + self.shift <= last + 1e-6):
                    continue
                first = frame.seconds if first is None else first
                due = (floor(frame.seconds / every + 1e-6) + 1) * every if every else due
                self.frame(frame, 0)

    def follow(
        self, url: str, every: float | None, minutes: float | None, stop: Flag, timeout: float, patience: float
    ) -> None:
        """A camera, with what happens to it."""
        began, skipped = time.monotonic(), 0
        with follow(url, every=every, timeout=timeout, patience=patience, stop=stop) as following:
            for thing in following:
                if isinstance(thing, Event):
                    self.event(thing)
                else:
                    self.frame(thing, following.skipped - skipped)
                    skipped = following.skipped
                if minutes and time.monotonic() - began >= 60 * minutes:
                    return

    def event(self, event: Event) -> None:
        """Log what happened to the camera."""
        seconds = event.seconds + self.shift
        line = {"event": event.kind, "seconds": seconds, "about": event.about, "missed": event.missed}
        self._log.event({**line, "utc": _utc(datetime.now(UTC))})
        self._ledger.take({"kind": "event", **line})
        if event.kind == "resized":
            self._tracker = Tracker(self._ledger.settings.linking)
            self._tracker.ids = max(self._ledger.courses, default=0)
        if event.kind == "silent":
            for alert in self._alarms.silent(seconds, event.about):
                self._tell(alert, None, datetime.now(UTC))
        self._progress(seconds, event.about)

    def frame(self, frame: Frame, skipped: int) -> None:
        """Analyse one frame; what the model refuses is logged and passed over."""
        seconds = frame.seconds + self.shift
        try:
            seen = wanted(self._see(frame.scene), self._camera)
            found = self._measure(seen)
        except OutcropError as error:
            self._log.event({"event": "refused", "seconds": seconds, "index": frame.index, "about": str(error)})
            self._ledger.take({"kind": "event", "event": "refused", "seconds": seconds})
            return
        each, whole = measured(found, len(seen.boxes))
        links = tuple(self._tracker.step(seconds, seen))
        line: Line = {
            "index": frame.index, "seconds": seconds, "utc": _utc(frame.scene.acquired), "skipped": skipped,
            "blind": list(found.get(BLIND, ())), "detections": _entries(seen, each, {i: t for t, i in links}),
            "measured": whole,
        }  # fmt: skip
        if not self._log.frame(line):
            return
        self._ledger.take({"kind": "frame", **line})
        self._frames += 1
        for alert in self._alarms.check():
            self._tell(alert, frame.scene, frame.scene.acquired)
        if self._on_frame is not None:
            self._on_frame(Analysed(frame=frame, seen=seen, links=links, line=line))
        self._progress(seconds, "")

    def _tell(self, alert: Alert, scene: Scene | None, moment: datetime | None) -> None:
        """Write an alert, with a picture of the place where there is one."""
        number = len(self._ledger.alerts) + 1
        picture = f"alerts/{number:04d}-{alert.kind.replace(' ', '-')}.jpg" if scene else None
        if scene and picture:
            write_crop(self._out / picture, scene, alert.box)
        line = write_alert(self._out, alert, number, _utc(moment), picture)
        self._log.event({"event": "alert", **line})
        self._ledger.take({"kind": "event", "event": "alert", **line})
        self._alerts += 1

    def _progress(self, seconds: float, about: str) -> None:
        if self._on_progress is not None:
            self._on_progress(Progress(frames=self._frames, seconds=seconds, alerts=self._alerts, about=about))


def _entries(seen: Detections, each: Sequence[Line], tracks: Mapping[int, int]) -> list[Line]:
    """The detections of a frame for the log; ``area`` is the pixels of the outline, where there is one."""
    areas: list[int | None] = [int(o.inside.sum()) for o in seen.outlines] or [None] * len(seen.boxes)
    return [
        {
            "track": tracks.get(i), "label": seen.classes[int(seen.labels[i])], "score": round(float(seen.scores[i]), 4),
            "box": [round(float(x), 2) for x in seen.boxes[i]], "area": areas[i], **each[i],
        }
        for i in range(len(seen.boxes))
    ]  # fmt: skip


def _generator(frames: Iterator[Frame]) -> Any:
    """Frames that can be closed, also where they come from a list."""
    return frames if hasattr(frames, "close") else (frame for frame in frames)
