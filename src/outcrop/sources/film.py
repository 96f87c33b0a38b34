"""Films: video files, folders of numbered pictures, cameras and videos on a network → frames.

``open_film`` reads a film once through; ``film_follow.follow`` stays with a camera through cuts and silences.
"""

from collections.abc import Iterator
from contextlib import suppress
from dataclasses import replace
from datetime import datetime, timedelta
from math import floor
from pathlib import Path

from outcrop.core.errors import BadInput, DamagedFile, UsageError
from outcrop.core.film import Film, Frame
from outcrop.sources.film_address import Address, address_of, is_address
from outcrop.sources.film_folder import open_folder
from outcrop.sources.film_mjpeg import ask, open_mjpeg
from outcrop.sources.film_stream import Stream, Taken, Tally, scene_of
from outcrop.sources.film_video import open_video

SUFFIXES = tuple(
    f".{word}"
    for word in ["mp4", "m4v", "mkv", "avi", "mov", "webm", "gif", "ts", "mpg", "mpeg", "3gp", "wmv", "flv", "mjpeg"]
)
"""Suffixes that a folder is searched for; a file named outright is judged by its content."""


def open_stream(
    source: Path | Address, *, rate: float | None = None, timeout: float = 10.0, start: float = 0.0, pause: float = 1.0
) -> Stream:
    """One reading of a source, for those who need to know how it goes; ``open_film`` is made of it.

    Raises:
        BadInput: no film, or one that asks for a password.
        ConnectionError: an address that does not answer now.
    """
    if isinstance(source, Path):
        return open_folder(source, rate=rate) if source.is_dir() else open_video(source, start=start)
    if source.scheme in ("rtsp", "rtsps"):
        return open_video(source, timeout=timeout)
    answer = ask(source, timeout)
    kind = answer.headers.get_content_type()
    if kind.startswith("multipart/") or kind == "image/jpeg":
        return open_mjpeg(source, answer, timeout=timeout, pause=pause)
    answer.close()
    words = kind.startswith("text/") and not source.id.endswith(".m3u8")
    if words or kind in ("application/json", "application/xml"):
        raise BadInput(f"{source.id} gives {kind}, no film: give the address of the camera's own stream")
    return open_video(source, timeout=timeout, start=start)


class Reading:
    """Calls give the frames of a film from the first on; ``tally`` tells how the latest call went."""

    def __init__(
        self, source: Path | Address, id: str, first: Stream, *, every: float | None, step: int, start: float,
        stop: float | None, rate: float | None, timeout: float,
    ) -> None:  # fmt: skip
        self._source, self._id, self._began = source, id, first.began
        self._every, self._step, self._start, self._stop = every, step, start, stop
        self._rate, self._timeout = rate, timeout
        self._notes = first.notes
        self.tally = Tally()

    def __call__(self) -> Iterator[Frame]:
        self.tally = Tally()
        with suppress(ConnectionError):  # a camera that falls silent has ended; follow() is there to wait for it
            stream = open_stream(self._source, rate=self._rate, timeout=self._timeout, start=self._start)
            try:
                yield from self._frames(stream)
            finally:
                stream.close()
                self.tally.damaged += stream.tally.damaged
                for sentence in (*self._notes, *stream.tally.notes):
                    self.tally.note(sentence)

    def _frames(self, stream: Stream) -> Iterator[Frame]:
        """The frames asked for; one that turns out damaged gives its turn to the next."""
        due, shape = self._start, stream.shape
        next_index = 0
        for taken in stream.taken:
            if self._stop is not None and taken.seconds >= self._stop - 1e-9:
                return
            if taken.seconds < due - 1e-6 or taken.index < next_index:
                continue
            try:
                pixels = taken.pixels()
            except DamagedFile:
                self.tally.damaged += 1
                continue
            if pixels.shape[:2] != shape:
                self.tally.damaged += 1
                self.tally.note(f"{self._id} changes its size on the way: frames of another size are left out")
                continue
            if self._every:
                due = self._start + (floor((taken.seconds - self._start) / self._every + 1e-6) + 1) * self._every
            next_index = taken.index - taken.index % self._step + self._step
            self.tally.read += 1
            scene = scene_of(f"{self._id}#frame-{taken.index}", pixels, self._acquired(taken), taken.notes)
            path = self._source if isinstance(self._source, Path) and self._source.is_file() else None
            yield Frame(index=taken.index, seconds=taken.seconds, scene=replace(scene, path=path))

    def _acquired(self, taken: Taken) -> datetime | None:
        if taken.acquired or not self._began:
            return taken.acquired
        return self._began + timedelta(seconds=taken.seconds)


def open_film(
    source: str | Path,
    *,
    every: float | None = None,
    step: int = 1,
    start: float | None = None,
    stop: float | None = None,
    rate: float | None = None,
    timeout: float = 10.0,
) -> Film:
    """Open a video file, a folder of numbered pictures, or an address (http, https, rtsp, rtsps).

    Args:
        every: seconds between frames; None for all of them.
        step: give frame 0, step, 2 step, ...; not together with ``every``.
        start, stop: seconds of the film to begin at and to end before.
        rate: pictures a second of a folder whose pictures do not tell their times.
        timeout: seconds to wait for a network.

    Raises:
        UsageError: options that contradict each other, or an address of another protocol.
        UnknownFormat, DamagedFile, TooLarge, BadInput: no film, a broken one, or one that nobody may see.
        MissingExtra: PyAV is not installed; folders and cameras with JPEG pictures do without.
    """
    _check(every, step, start, stop, rate)
    address = address_of(str(source)) if is_address(source) else None
    place: Path | Address = address or Path(source)
    if isinstance(place, Path):
        _check_path(place)
    try:
        first = open_stream(place, rate=rate, timeout=timeout)
    except ConnectionError as error:
        raise BadInput(f"{error}: check the address and that the camera is switched on") from None
    first.close()
    id = address.id if address else place.name if isinstance(place, Path) else ""
    reading = Reading(
        place, id, first, every=every, step=step, start=start or 0.0, stop=stop, rate=rate, timeout=timeout
    )
    return Film(
        id=id,
        shape=first.shape,
        rate=first.rate,
        frames=reading,
        began=first.began,
        live=first.live,
        notes=first.notes,
        path=place if isinstance(place, Path) else None,
    )


def tally_of(film: Film) -> Tally:
    """How the latest reading of a film went: frames given, frames damaged, and notes (cut off, interlaced, ...)."""
    return film.frames.tally if isinstance(film.frames, Reading) else Tally()


def _check(every: float | None, step: int, start: float | None, stop: float | None, rate: float | None) -> None:
    if every is not None and not every > 0:
        raise UsageError(f"{every} s between frames was asked for: give a number above 0")
    if rate is not None and not rate > 0:
        raise UsageError(f"a rate of {rate} pictures a second was given: give a number above 0")
    if step < 1 or (step > 1 and every is not None):
        raise UsageError("frames are chosen either by seconds or by a step of at least 1: give one of them")
    if (start or 0.0) < 0 or (stop is not None and stop <= (start or 0.0)):
        raise UsageError(f"the film was to be read from {start or 0:g} s to {stop} s: give a stop after the start")


def _check_path(path: Path) -> None:
    """Refuse what is not there or holds nothing, before any decoder sees it."""
    try:
        if path.is_dir():
            return
        if not path.exists():
            raise BadInput(f"there is no film {path}: check the path")
        with path.open("rb") as file:
            if not file.read(1):
                raise DamagedFile(f"{path.name} is empty: copy or record it again")
    except OSError as error:
        raise BadInput(f"{path.name} cannot be read ({error.strerror}): check the file and its permissions") from None
