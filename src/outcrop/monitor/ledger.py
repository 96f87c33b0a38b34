"""What a watch has found so far, made from the lines of its log alone.

The loop that watches and the summary that is made years later read the same lines by the same rules, so a watch that
was stopped goes on where its log ends.
"""

from array import array
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from outcrop.monitor.log import Line, health, read
from outcrop.monitor.series import flicker, steady
from outcrop.monitor.spells import SMOKE_LIMIT, SMOKE_WINDOW, SpellKeeper, TrailingSeconds, total, worst_smoke
from outcrop.monitor.tracks import Linking, Track

OWN = ("track", "label", "score", "box")
"""What a detection's entry always holds; its further numbers were measured."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """How time is counted.

    Attributes:
        flame, smoke: classes whose presence counts: lit or not lit, visible emissions.
        hold: seconds that one frame stands for at most; what is longer was not observed.
        patience: seconds of looking without seeing a flame after which it was not lit.
        smoke_window, smoke_limit: seconds.
        linking: birth and death of tracks.
    """

    flame: str = "flame"
    smoke: str = "smoke"
    hold: float = 10.0
    patience: float = 10.0
    smoke_window: float = SMOKE_WINDOW
    smoke_limit: float = SMOKE_LIMIT
    linking: Linking = field(default_factory=lambda: Linking(gaps={"smoke": 60.0}))


class Course:
    """One track through the log."""

    def __init__(self, id: int, entry: Line, seconds: float, settings: Settings) -> None:
        self.id, self.label = id, str(entry["label"])
        self.box: tuple[float, ...] = tuple(entry["box"])
        self.born = self.seen = seconds
        self.hits = 0
        self.keeper = SpellKeeper(hold=settings.hold, patience=settings.patience)
        self.seconds = array("d")
        self.measured: dict[str, array[float]] = {}

    def hit(self, entry: Line, seconds: float) -> None:
        """It was detected."""
        self.box, self.seen, self.hits = tuple(entry["box"]), seconds, self.hits + 1
        for name, value in entry.items():
            if name not in OWN and isinstance(value, int | float) and not isinstance(value, bool):
                missed = len(self.seconds) - len(self.measured.setdefault(name, array("d")))
                self.measured[name].extend([np.nan] * missed + [float(value)])
        self.seconds.append(seconds)

    def values(self, name: str) -> np.ndarray[Any, np.dtype[np.float64]]:
        """A measured number in every frame that saw the track, NaN where it was not measured."""
        known = np.frombuffer(self.measured[name], float) if name in self.measured else np.empty(0)
        return np.concatenate([known, np.full(len(self.seconds) - len(known), np.nan)])


class Ledger:
    """Takes lines of a log in their order.

    Attributes:
        frames: frames analysed.
        last: seconds of the latest frame; None before the first.
        courses: tracks by id.
        events: how often each thing happened.
    """

    def __init__(self, settings: Settings = Settings()) -> None:
        self.settings = settings
        self.film, self.began = "", ""
        self.sessions = self.frames = self.missed = self.skipped = 0
        self.first: float | None = None
        self.last: float | None = None
        self.courses: dict[int, Course] = {}
        self.events: Counter[str] = Counter()
        self.alerts: list[Line] = []
        self._open: set[int] = set()
        self._smoke = SpellKeeper(hold=settings.hold, patience=0.0)
        self._trail = TrailingSeconds(settings.smoke_window)
        self._before: tuple[float, bool] | None = None

    def take(self, line: Line) -> None:
        """Take one line of any kind."""
        {"session": self._session, "frame": self._frame, "event": self._event}[line["kind"]](line)

    def _session(self, line: Line) -> None:
        self.sessions += 1
        self.film, self.began = self.film or str(line["film"]), self.began or str(line.get("began") or "")

    def _event(self, line: Line) -> None:
        self.events[str(line.get("event"))] += 1
        self.missed += int(line.get("missed") or 0)
        if line.get("event") == "alert":
            self.alerts.append(line)

    def _frame(self, line: Line) -> None:
        seconds = float(line["seconds"])
        self.first = seconds if self.first is None else self.first
        self.last, self.frames = seconds, self.frames + 1
        self.skipped += int(line.get("skipped") or 0)
        blind = line.get("blind") or ()
        entries = line.get("detections") or ()
        hit = set()
        for entry in entries:
            id = entry.get("track")
            if id is not None:
                if id not in self.courses:
                    self.courses[id] = Course(id, entry, seconds, self.settings)
                self._open.add(id)
                self.courses[id].hit(entry, seconds)
                hit.add(id)
        for id in list(self._open):
            course = self.courses[id]
            if seconds - course.seen > self.settings.linking.gap_of(course.label):
                self._open.discard(id)
            else:
                course.keeper.step(seconds, id in hit, course.label not in blind)
        self._smoking(
            seconds, any(e["label"] == self.settings.smoke for e in entries), self.settings.smoke not in blind
        )

    def _smoking(self, seconds: float, smoking: bool, observed: bool) -> None:
        self._smoke.step(seconds, smoking, observed)
        if self._before is not None and self._before[1]:
            self._trail.add(self._before[0], min(seconds, self._before[0] + self.settings.hold))
        self._before = (seconds, smoking and observed)

    def smoke_now(self) -> float:
        """Seconds of visible smoke in the window that ends with the latest frame."""
        return self._trail.total(self.last) if self.last is not None else 0.0

    def tracks(self) -> list[Track]:
        """The tracks that still live, for a tracker that goes on."""
        found = []
        for id in sorted(self._open):
            course = self.courses[id]
            left, top, right, bottom = course.box
            found.append(
                Track(id=id, label=course.label, box=(left, top, right, bottom), born=course.born, seen=course.seen,
                      hits=course.hits)
            )  # fmt: skip
        return found

    def summary(self, rng: np.random.Generator | None = None) -> Line:
        """All of it as plain data; seconds everywhere, intervals are central 90 %."""
        rng = rng or np.random.default_rng(0)
        smoke = self._smoke.spells()
        worst = worst_smoke(smoke, window=self.settings.smoke_window, limit=self.settings.smoke_limit)
        return {
            "film": self.film,
            "began": self.began or None,
            "sessions": self.sessions,
            "frames": self.frames,
            "frames_skipped": self.skipped,
            "frames_missed": self.missed,
            "seconds": (self.last or 0.0) - (self.first or 0.0),
            "seconds_not_observed": total(smoke, "not observed"),
            "tracks": [self._track(course, rng) for course in self.courses.values()],
            "smoke": {
                "seconds": total(smoke, "seen"),
                "seconds_not_observed": total(smoke, "not observed"),
                "worst_window": {
                    name: getattr(worst, name) for name in ("start", "stop", "smoke", "observed", "verdict")
                },
                "limit": self.settings.smoke_limit,
                "spells": [[s.start, s.stop, s.state] for s in smoke],
            },
            "alerts": len(self.alerts),
            "events": dict(self.events),
        }

    def _track(self, course: Course, rng: np.random.Generator) -> Line:
        spells = course.keeper.spells()
        values: Line = {}
        found: Line = {
            "track": course.id,
            "label": course.label,
            "born": course.born,
            "last": course.seen,
            "hits": course.hits,
            "seconds_seen": total(spells, "seen"),
            "seconds_not_seen": total(spells, "not seen"),
            "seconds_not_observed": total(spells, "not observed"),
            "spells": [[s.start, s.stop, s.state] for s in spells],
            "measured": values,
        }
        for name in course.measured:
            middle = steady(course.values(name), "", rng=rng)
            if middle is not None:
                low, high = middle.median.interval()
                least, most = middle.mean.interval()
                values[name] = {
                    "median": float(np.nanmedian(course.values(name))), "low": low, "high": high,
                    "mean": float(np.nanmean(course.values(name))), "mean_low": least, "mean_high": most,
                    "spread": middle.spread, "readings": middle.readings,
                }  # fmt: skip
        rhythm = flicker(np.frombuffer(course.seconds, float), course.values("area")) if course.hits else None
        names = ("frequency", "amplitude", "unrest", "highest")
        found["flicker"] = {name: getattr(rhythm, name) for name in names} if rhythm else None
        return found


def summarise(path: Path, settings: Settings = Settings(), rng: np.random.Generator | None = None) -> Line:
    """The summary of a watch from its log alone.

    Raises:
        BadInput: the log cannot be read.
    """
    ledger = Ledger(settings)
    for line in read(path):
        ledger.take(line)
    return {**ledger.summary(rng), "log": health(path)}
