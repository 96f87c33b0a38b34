"""A camera followed through cuts and silences, always at its newest frame.

A thread of its own reads the camera and keeps only the newest frame. Analysis that is slower than the camera skips
frames instead of falling behind; each skipped, damaged or missed frame has its number, so that numbers tell what is
not there.
"""

import threading
import time
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from math import floor
from typing import Literal, Self

import numpy as np

from outcrop.core.errors import DamagedFile, OutcropError
from outcrop.core.film import Frame
from outcrop.sources.film import open_stream
from outcrop.sources.film_address import address_of
from outcrop.sources.film_stream import Stream, Taken, scene_of

PAUSES = (1.0, 2.0, 4.0, 8.0, 16.0, 30.0)
"""Seconds to wait before the camera is asked again; the last one is repeated."""

SILENCE = 60.0
"""Seconds without a frame after which silence is told of, once."""

TICK = 0.2
"""Seconds between looks at whether somebody wants to stop."""


Kind = Literal["connected", "lost", "silent", "resized", "ended"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Event:
    """Something that happened to the camera, not in the picture.

    Attributes:
        kind: connected; lost (the connection is gone); silent (no picture for long); resized (frames have another shape now); ended.
        seconds: when, on the clock of the frames.
        about: one sentence.
        missed: for connected, about how many frames the cut has cost, from its length and the rate before it.
    """

    kind: Kind
    seconds: float
    about: str
    missed: int = 0


class Following:
    """An iterator of frames and events, in the order of time; close it, or use it in a with block.

    Attributes:
        given: frames handed out.
        skipped: frames that came while the one before was still being analysed.
        rested: frames that came sooner than ``every`` asked for.
        missed: frames that cuts have cost, estimated from their length and the rate before them.
        cuts: how often the picture was lost.
    """

    def __init__(
        self, connect: Callable[[], Stream], name: str, *, every: float | None = None, patience: float = 600.0,
        on_event: Callable[[Event], None] | None = None, stop: threading.Event | None = None,
        pauses: Sequence[float] = PAUSES, silence: float = SILENCE,
    ) -> None:  # fmt: skip
        self.given = self.skipped = self.rested = self.missed = self.cuts = 0
        self._connect, self._name, self._pauses = connect, name, pauses
        self._every, self._patience, self._silence, self._on_event = every or 0.0, patience, silence, on_event
        self._stop, self._closed = stop or threading.Event(), threading.Event()
        self._ready = threading.Condition()
        self._events: deque[Event] = deque()
        self._newest: _Arrived | None = None
        self._pending: Frame | None = None
        self._failure: OutcropError | None = None
        self._stream: Stream | None = None
        self._damaged, self._index = 0, 0  # of the connections before this one; number of the next picture
        self._halves = 0  # pictures that the last cut broke, already numbered
        self._began = time.monotonic()
        self._due = self._seen = 0.0
        self._arrived: float | None = None
        self._lost = self._ever = self._steps_broken = self._hushed = False
        self._steps: deque[float] = deque(maxlen=50)
        self._shape: tuple[int, ...] | None = None
        threading.Thread(target=self._read, name=f"camera {name}", daemon=True).start()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def __iter__(self) -> Iterator[Frame | Event]:
        return self

    @property
    def damaged(self) -> int:
        """Pictures that could not be decoded."""
        stream = self._stream
        return self._damaged + (stream.tally.damaged if stream else 0)

    def close(self) -> None:
        """Let go of the camera; the reading thread ends with the next bytes or their timeout."""
        self._closed.set()

    def __next__(self) -> Frame | Event:
        while not self._closed.is_set():
            if self._pending is not None:
                frame, self._pending = self._pending, None
                return frame
            with self._ready:
                self._ready.wait_for(lambda: self._events or self._newest or self._failure, TICK)
                if self._events and not (self._newest and self._newest.seconds <= self._events[0].seconds):
                    return self._events.popleft()
                arrived, self._newest = self._newest, None
            if self._stop.is_set():
                return self._end(f"{self._name} was left, as was asked")
            if arrived is not None:
                found = self._frame(arrived)
                if found is not None:
                    return found
            elif self._failure is not None:
                self.close()
                raise self._failure
            elif (silent := self._now() - self._seen) > self._patience:
                return self._end(f"{self._name} gave no frame for {self._patience:g} s")
            elif silent > self._silence and not self._hushed:
                self._hushed = True
                return self._say("silent", self._now(), f"{self._name} has given no frame for {silent:.0f} s")
        raise StopIteration

    def _now(self) -> float:
        return time.monotonic() - self._began

    def _end(self, about: str) -> Event:
        self.close()
        return self._say("ended", self._now(), about)

    def _frame(self, arrived: "_Arrived") -> Frame | Event | None:
        """What came, decoded; None when it is damaged, an event first when it has another shape."""
        try:
            pixels = arrived.taken.pixels()
        except DamagedFile:
            self._damaged += 1
            return None
        self._seen, self._hushed = self._now(), False
        if self._every:
            self._due = (floor(arrived.seconds / self._every + 1e-6) + 1) * self._every
        self.given += 1
        scene = scene_of(f"{self._name}#frame-{arrived.index}", pixels, arrived.acquired, arrived.taken.notes)
        frame = Frame(index=arrived.index, seconds=arrived.seconds, scene=scene)
        before, self._shape = self._shape, pixels.shape
        if before in (None, pixels.shape):
            return frame
        self._pending = frame
        rows, cols = pixels.shape[:2]
        return self._say("resized", arrived.seconds, f"{self._name} gives {cols} x {rows} pixels now")

    def _say(self, kind: Kind, seconds: float, about: str, missed: int = 0) -> Event:
        event = Event(kind=kind, seconds=seconds, about=about, missed=missed)
        if self._on_event is not None:
            self._on_event(event)
        return event

    # What follows runs in the thread that reads the camera.

    def _read(self) -> None:
        attempt = 0
        while not self._closed.is_set():
            try:
                self._stream = self._connect()
                attempt = 0
                self._drain(self._stream)
            except (ConnectionError, OutcropError) as error:
                # Once it has worked, a camera that starts anew may answer anything for a while.
                if isinstance(error, OutcropError) and not self._ever:
                    with self._ready:
                        self._failure = error
                        self._ready.notify()
                    return
                self._lose(str(error))
            self._closed.wait(self._pauses[min(attempt, len(self._pauses) - 1)])
            attempt += 1

    def _drain(self, stream: Stream) -> None:
        """Everything that one connection gives."""
        self._ever, self._lost = True, False
        missed = self._missed(stream.rate)
        base, count = self._index + missed, 0
        self.missed += missed
        self._queue("connected", f"{self._name} gives pictures", missed)
        try:
            for taken in stream.taken:
                if self._closed.is_set():
                    return
                self._index, count = base + taken.index + 1, count + 1
                self._offer(base + taken.index, taken)
        finally:
            stream.close()
            whole = self._index
            self._index = max(whole, base + count + stream.tally.damaged)
            self._halves = self._index - whole
            self._damaged, self._stream = self._damaged + stream.tally.damaged, None

    def _missed(self, rate: float | None) -> int:
        """About how many pictures the time since the last one has cost."""
        if self._arrived is None:
            return 0
        step = float(np.median(self._steps)) if len(self._steps) >= 5 else 1 / rate if rate else None
        return max(round((self._now() - self._arrived) / step) - 1 - self._halves, 0) if step else 0

    def _offer(self, index: int, taken: Taken) -> None:
        """Lay a picture ready in place of the one before it."""
        now = self._now()
        if self._arrived is not None and not self._steps_broken:
            self._steps.append(max(now - self._arrived, 1e-3))
        self._arrived, self._steps_broken = now, False
        with self._ready:
            if now < self._due:
                self.rested += 1
                return
            self.skipped += self._newest is not None
            self._newest = _Arrived(index, now, taken, taken.acquired or datetime.now(UTC))
            self._ready.notify()

    def _lose(self, about: str) -> None:
        """Tell of a cut, once."""
        if not self._lost and not self._closed.is_set():
            self._lost, self._steps_broken = True, True
            self.cuts += self._ever
            self._queue("lost", about)

    def _queue(self, kind: Kind, about: str, missed: int = 0) -> None:
        event = self._say(kind, self._now(), about, missed)
        with self._ready:
            self._events.append(event)
            self._ready.notify()


@dataclass(frozen=True, slots=True)
class _Arrived:
    """A picture that waits for its analysis."""

    index: int
    seconds: float
    taken: Taken
    acquired: datetime


def follow(
    url: str,
    *,
    every: float | None = None,
    timeout: float = 10.0,
    patience: float = 600.0,
    on_event: Callable[[Event], None] | None = None,
    stop: threading.Event | None = None,
    pauses: Sequence[float] = PAUSES,
    silence: float = SILENCE,
) -> Following:
    """Stay with a camera: its newest frame again and again, through cuts, until patience ends or ``stop`` is set.

    Seconds run on the clock of this machine from the call on, also while there is no picture. A number that is left
    out was skipped, rested, damaged or missed; the counts of the iterator say how many of each.

    Args:
        every: least seconds between frames; for a camera that gives one picture for each question, its pause too.
        timeout: seconds of silence after which the camera is asked anew.
        patience: seconds without a frame after which to give up.
        on_event: told of each event at once, from the reading thread.
        pauses: seconds before each new attempt; the last one is repeated.
        silence: seconds without a frame after which an event tells of it.

    Raises:
        UsageError: an address of another protocol.
        BadInput: (from the iterator) an address that wants a password, or gives no film, at the first attempt.
    """
    address = address_of(url)

    def connect() -> Stream:
        return open_stream(address, timeout=timeout, pause=every or 1.0)

    return Following(
        connect,
        address.id,
        every=every,
        patience=patience,
        on_event=on_event,
        stop=stop,
        pauses=pauses,
        silence=silence,
    )
