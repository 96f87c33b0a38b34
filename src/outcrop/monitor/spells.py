"""How long something was seen, was not seen, or was not looked at.

A frame stands for the time from its own moment to the next frame's, but never longer than ``hold`` seconds: a camera
that was cut off saw nothing, and its silence is told apart from a flame that was out. One missed detection is no dark
flare: it counts as out only after ``patience`` seconds of looking without seeing it, and then from the moment it was
last seen.
"""

from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from outcrop.core.errors import UsageError

State = Literal["seen", "not seen", "not observed"]

SMOKE_WINDOW = 7200.0
"""Seconds: visible emissions are counted in any 2 hours (40 CFR 60.18(c)(1))."""

SMOKE_LIMIT = 300.0
"""Seconds: 5 minutes of visible emissions in those 2 hours (40 CFR 60.18(c)(1))."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Spell:
    """A stretch of time in one state, seconds from ``start`` to ``stop``."""

    start: float
    stop: float
    state: State

    @property
    def length(self) -> float:
        """Seconds."""
        return self.stop - self.start


class SpellKeeper:
    """Makes spells while frames come; ``spells`` may be asked for at any time.

    Args:
        hold: seconds that one frame stands for at most.
        patience: seconds of looking without seeing after which it counts as not seen.
    """

    def __init__(self, *, hold: float, patience: float) -> None:
        if not (hold > 0 and patience >= 0):
            raise UsageError(f"a frame was to stand for {hold} s and patience to be {patience} s: give more than 0")
        self._hold, self._patience = hold, patience
        self._done: list[Spell] = []
        self._at: float | None = None
        self._seen = self._looking = False
        self.seen_last: float | None = None
        self.blind = 0.0  # seconds of looking without seeing, in a row

    def step(self, seconds: float, seen: bool, observed: bool = True) -> None:
        """Take one frame, later than the one before; ``observed`` False where nobody could have seen it."""
        if self._at is not None:
            self._pass(self._at, seconds)
        self._at, self._looking, self._seen = seconds, observed, seen and observed
        if self._seen:
            self.seen_last, self.blind = seconds, 0.0
            self._forgive()

    def _pass(self, start: float, stop: float) -> None:
        """The time from the frame before to this one."""
        end = min(stop, start + self._hold) if self._looking else start
        if end > start:
            self.blind += 0.0 if self._seen else end - start
            append(self._done, Spell(start=start, stop=end, state="seen" if self._seen else "not seen"))
        if stop > end:
            append(self._done, Spell(start=end, stop=stop, state="not observed"))

    def _forgive(self) -> None:
        """Seen again: what was missed for no longer than patience was a miss of the detector."""
        at = self._last_seen()
        tail = self._done[at + 1 :]
        if at < 0 or not tail or total(tail, "not seen") > self._patience:
            return
        del self._done[at + 1 :]
        for spell in tail:
            append(self._done, replace(spell, state="seen") if spell.state == "not seen" else spell)

    def _last_seen(self) -> int:
        """Index of the last spell in which it was seen; -1 where there is none."""
        at = len(self._done) - 1
        while at >= 0 and self._done[at].state != "seen":
            at -= 1
        return at

    @property
    def out(self) -> bool:
        """It has been looked for without success for longer than patience."""
        return self.blind > self._patience

    def spells(self) -> list[Spell]:
        """The spells so far; at the end, a miss not yet longer than patience still counts as seen."""
        at = len(self._done) if self.out else self._last_seen()
        if at < 0:
            return list(self._done)
        shown = self._done[: at + 1]
        for spell in self._done[at + 1 :]:
            append(shown, replace(spell, state="seen") if spell.state == "not seen" else spell)
        return shown


def append(spells: list[Spell], spell: Spell) -> None:
    """Add a spell, or lengthen the last one where it goes on in the same state."""
    last = spells[-1] if spells else None
    if last and last.state == spell.state and abs(last.stop - spell.start) < 1e-9:
        spells[-1] = replace(last, stop=spell.stop)
    else:
        spells.append(spell)


def spells_of(
    seconds: Sequence[float],
    seen: Sequence[bool],
    *,
    hold: float,
    patience: float,
    observed: Sequence[bool] | None = None,
) -> list[Spell]:
    """Spells of a whole record; arguments as in ``SpellKeeper``.

    >>> [(s.start, s.stop, s.state) for s in spells_of([0, 1, 2, 3, 9, 10], [1, 0, 1, 1, 1, 1], hold=2, patience=3)]
    [(0, 5, 'seen'), (5, 9, 'not observed'), (9, 10, 'seen')]
    """
    keeper = SpellKeeper(hold=hold, patience=patience)
    looked = [True] * len(seconds) if observed is None else observed
    for moment, sight, look in zip(seconds, seen, looked, strict=True):
        keeper.step(moment, bool(sight), bool(look))
    return keeper.spells()


def total(spells: Sequence[Spell], state: State) -> float:
    """Seconds in one state."""
    return float(sum(spell.length for spell in spells if spell.state == state))


class TrailingSeconds:
    """Seconds of something in the window that ends now; takes stretches in the order of time."""

    def __init__(self, window: float) -> None:
        self._window = window
        self._parts: deque[tuple[float, float]] = deque()
        self._sum = 0.0

    def add(self, start: float, stop: float) -> None:
        """Something went on from ``start`` to ``stop``."""
        self._parts.append((start, stop))
        self._sum += stop - start

    def total(self, now: float) -> float:
        """Seconds of it between ``now - window`` and ``now``; ``now`` may not fall."""
        begin = now - self._window
        while self._parts and self._parts[0][0] < begin:
            start, stop = self._parts.popleft()
            self._sum -= stop - start
            if stop > begin:
                self._parts.appendleft((begin, stop))
                self._sum += stop - begin
        return max(self._sum, 0.0)


@dataclass(frozen=True, slots=True, kw_only=True)
class SmokeWindow:
    """The worst window of a record.

    Attributes:
        start, stop: seconds; ``stop`` may lie after the end of the record.
        smoke: seconds of visible smoke in it.
        observed: seconds of it that were looked at.
        verdict: "above" the limit; "within" it, even if all that was not observed had smoked, in every window;
            "not shown" otherwise.
    """

    start: float
    stop: float
    smoke: float
    observed: float
    verdict: Literal["above", "within", "not shown"]


def worst_smoke(spells: Sequence[Spell], *, window: float = SMOKE_WINDOW, limit: float = SMOKE_LIMIT) -> SmokeWindow:
    """The window with most visible smoke, exactly, whatever the frames' times.

    Args:
        spells: "seen" means visible smoke; in the order of time.
        window, limit: seconds; the defaults are those of 40 CFR 60.18(c)(1), counted as Method 22 counts.
    """
    if not spells:
        return SmokeWindow(start=0.0, stop=window, smoke=0.0, observed=0.0, verdict="not shown")
    begin, end = spells[0].start, spells[-1].stop
    last = max(end - window, begin)
    edges = np.array([edge for s in spells for edge in (s.start, s.stop)])
    starts = np.unique(np.clip(np.concatenate([edges, edges - window]), begin, last))
    smoke = _within(spells, "seen", starts, window)
    clear = _within(spells, "not seen", starts, window)
    at = int(np.argmax(smoke))
    if smoke[at] > limit:
        verdict: Literal["above", "within", "not shown"] = "above"
    else:
        # What was not seen to be clear may have smoked; starts at every edge hold the extremes of both sums.
        verdict = "within" if float(np.max(window - clear)) <= limit else "not shown"
    start = float(starts[at])
    return SmokeWindow(
        start=start, stop=start + window, smoke=float(smoke[at]), observed=float(smoke[at] + clear[at]), verdict=verdict
    )


def _within(spells: Sequence[Spell], state: State, starts: NDArray[np.float64], window: float) -> NDArray[np.float64]:
    """Seconds in one state in each window, (n,)."""
    edges = [spells[0].start, *(spell.stop for spell in spells)]
    sums = np.concatenate([[0.0], np.cumsum([spell.length * (spell.state == state) for spell in spells])])
    return np.asarray(np.interp(starts + window, edges, sums) - np.interp(starts, edges, sums))
