"""What somebody should be told at once: a flame that is out, too much smoke, a flame where none was, no picture."""

import json
import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from outcrop.core.errors import BadInput
from outcrop.monitor.ledger import Ledger
from outcrop.monitor.log import plain


@dataclass(frozen=True, slots=True, kw_only=True)
class Rules:
    """When to tell; None switches a rule off.

    Attributes:
        out_after: seconds of looking at a place that was lit without seeing a flame.
        smoke_limit: seconds of visible smoke in the window of the settings.
        new_flame: whether a flame where none was is told; not during the first ``settle`` seconds of a log.
        silent: whether a camera that gives no picture is told.
        cooldown: seconds before the same thing is told of the same track again.
    """

    out_after: float | None = 60.0
    smoke_limit: float | None = 300.0
    new_flame: bool = True
    silent: bool = True
    settle: float = 60.0
    cooldown: float = 600.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Alert:
    """One thing to tell.

    Attributes:
        kind: "flame out", "smoke", "new flame" or "no picture".
        seconds: when, on the clock of the log.
        about: the reason, one sentence.
        track: id of the track; None where it is about the whole picture.
        box: where to look, left, top, right, bottom in pixels.
    """

    kind: str
    seconds: float
    about: str
    track: int | None = None
    box: tuple[float, ...] | None = None


class Alarms:
    """Asks the rules after each frame; what was told of a lasting state is not told again until it has passed."""

    def __init__(self, rules: Rules, ledger: Ledger) -> None:
        self._rules, self._ledger = rules, ledger
        self._known = set(ledger.courses)
        self._told: dict[tuple[str, int | None], float] = {}
        self._lasting: set[tuple[str, int | None]] = set()
        for line in ledger.alerts:  # an earlier session's alerts keep their cooldown
            key = (str(line.get("alert")), line.get("track"))
            self._told[key] = float(line["seconds"])
            self._lasting.add(key)

    def check(self) -> list[Alert]:
        """What the frame that the ledger took last gives reason to tell."""
        return [*self._out(), *self._new(), *self._smoke()]

    def silent(self, seconds: float, about: str) -> list[Alert]:
        """What a camera's silence gives reason to tell."""
        if not (self._rules.silent and self._rested(("no picture", None), seconds)):
            return []
        return [Alert(kind="no picture", seconds=seconds, about=about)]

    def _rested(self, key: tuple[str, int | None], seconds: float) -> bool:
        """The same was not told lately; from now on it was."""
        before = self._told.get(key)
        if before is not None and seconds - before < self._rules.cooldown:
            return False
        self._told[key] = seconds
        return True

    def _starts(self, key: tuple[str, int | None], holds: bool, seconds: float) -> bool:
        """A state holds that was not told of since it began; one that began too soon is told after the cooldown."""
        if not holds:
            self._lasting.discard(key)
            return False
        if key in self._lasting or not self._rested(key, seconds):
            return False
        self._lasting.add(key)
        return True

    def _flames(self) -> Iterator[Any]:
        flame = self._ledger.settings.flame
        return (course for course in list(self._ledger.courses.values()) if course.label == flame)

    def _out(self) -> Iterator[Alert]:
        limit = self._rules.out_after
        if limit is None or self._ledger.last is None:
            return
        for course in self._flames():
            if self._starts(("flame out", course.id), course.keeper.blind > limit, self._ledger.last):
                blind = f"{course.keeper.blind:.0f} s of looking"
                about = f"flame {course.id} has not been seen for {blind}: the flare is out or hidden"
                yield Alert(kind="flame out", seconds=self._ledger.last, about=about, track=course.id, box=course.box)

    def _new(self) -> Iterator[Alert]:
        start = self._ledger.first or 0.0
        for course in self._flames():
            if course.id not in self._known:
                self._known.add(course.id)
                if self._rules.new_flame and course.born - start > self._rules.settle:
                    about = f"flame {course.id} burns where none did before"
                    yield Alert(kind="new flame", seconds=course.born, about=about, track=course.id, box=course.box)

    def _smoke(self) -> Iterator[Alert]:
        limit = self._rules.smoke_limit
        if limit is None or self._ledger.last is None:
            return
        smoke = self._ledger.smoke_now()
        if self._starts(("smoke", None), smoke > limit, self._ledger.last):
            window = self._ledger.settings.smoke_window / 60
            about = f"visible smoke for {smoke / 60:.1f} min within {window:.0f} min, more than {limit / 60:.1f} min"
            yield Alert(kind="smoke", seconds=self._ledger.last, about=about)


def write_alert(folder: Path, alert: Alert, number: int, utc: str | None, picture: str | None) -> dict[str, Any]:
    """Add an alert to ``alerts.jsonl``, on the disk before this returns; the line written.

    Raises:
        BadInput: it cannot be written.
    """
    line = plain(
        {"number": number, "alert": alert.kind, "seconds": alert.seconds, "utc": utc, "about": alert.about,
         "track": alert.track, "box": alert.box, "picture": picture}
    )  # fmt: skip
    path = folder / "alerts.jsonl"
    try:
        with path.open("a", encoding="utf-8") as file:
            file.write(json.dumps(line, ensure_ascii=False) + "\n")
            file.flush()
            os.fsync(file.fileno())
    except OSError as error:
        raise BadInput(f"{path} cannot be written ({error.strerror}): free some space") from None
    return dict(line)
