"""The log of a watch: JSON lines that are only ever added to, one for each frame analysed and each thing that happened.

A line is handed to the system in one piece before the next frame is looked at, so a killed process loses nothing that
was logged; once a second the system is told to bring it to the disk, so a power cut loses a second. A line cut short by
such an end is taken away when the log is opened again.
"""

import json
import os
import time
from collections.abc import Iterator, Mapping
from contextlib import suppress
from math import isfinite
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from outcrop.core.errors import BadInput, UsageError

Line = dict[str, Any]

VERSION = 1
BEGINNING = b'{"kind":"session"'
NEEDED = {"session": ("version", "session", "film"), "frame": ("session", "index", "seconds"), "event": ("seconds",)}
"""Kinds of lines and what each must hold."""


class Log:
    """A log open for adding; use it in a with block.

    Attributes:
        session: number of this opening, from 1.
        repaired: bytes of a cut line that were taken away.
    """

    def __init__(self, path: Path, *, film: str, about: Mapping[str, Any] | None = None, sync: float = 1.0) -> None:
        """Open or begin a log, and write down that a session begins.

        Args:
            film: name of the film or camera; a log belongs to one.
            about: further facts of the session (models, settings).
            sync: seconds between two orders to bring lines to the disk; 0 for every line.

        Raises:
            UsageError: the log belongs to another film, or somebody else is writing it.
            BadInput: it cannot be written, or is no log.
        """
        self.path, self._sync, self._synced = path, sync, 0.0
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            self._file = os.open(path, os.O_RDWR | os.O_CREAT | getattr(os, "O_BINARY", 0), 0o644)
        except OSError as error:
            raise BadInput(f"the log {path} cannot be written ({error.strerror}): give another folder") from None
        try:
            self._claim()
            self.session = self._check(film) + 1
            self.repaired = repair(self._file)
            os.lseek(self._file, 0, os.SEEK_END)
            self._last: tuple[int, float] | None = None
            self.add({"kind": "session", "version": VERSION, "session": self.session, "film": film, **(about or {})})
        except BaseException:
            os.close(self._file)
            raise

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _claim(self) -> None:
        """One writer at a time; the system lets go of the claim when a process dies."""
        try:
            import fcntl
        except ImportError:  # Windows has no such lock; two writers are told apart there by their sessions
            return
        try:
            fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            raise UsageError(
                f"{self.path} is being written by another watch: stop that one or give another --out"
            ) from None

    def _check(self, film: str) -> int:
        """The last session of this film; 0 for a new log."""
        last = 0
        for line in read(self.path):
            if line["kind"] == "session":
                if line["film"] != film:
                    raise UsageError(f"{self.path} belongs to {line['film']}, not to {film}: give another --out")
                last = max(last, int(line["session"]))
        with self.path.open("rb") as file:
            begun = file.read(len(BEGINNING))
        if not last and not BEGINNING.startswith(begun):  # one whose very first line was cut may begin again
            raise BadInput(f"{self.path} is no log of a watch: give another --out")
        return last

    def frame(self, line: Mapping[str, Any]) -> bool:
        """Add one analysed frame; False, and nothing added, when it does not come after the frame before."""
        place = (int(line["index"]), float(line["seconds"]))
        if self._last is not None and (place[0] <= self._last[0] or place[1] < self._last[1]):
            return False
        self._last = place
        self.add({"kind": "frame", "session": self.session, **line})
        return True

    def event(self, line: Mapping[str, Any]) -> None:
        """Add something that happened: a cut, an alert."""
        self.add({"kind": "event", "session": self.session, **line})

    def add(self, line: Mapping[str, Any]) -> None:
        """Add one line.

        Raises:
            BadInput: the disk is full or gone.
        """
        data = (json.dumps(plain(line), ensure_ascii=False, separators=(",", ":"), allow_nan=False) + "\n").encode()
        begun = os.lseek(self._file, 0, os.SEEK_END)
        try:
            while data:
                data = data[os.write(self._file, data) :]
            if time.monotonic() - self._synced >= self._sync:
                os.fsync(self._file)
                self._synced = time.monotonic()
        except OSError as error:
            with suppress(OSError):
                os.ftruncate(self._file, begun)  # half a line would spoil the next one
            raise BadInput(f"the log {self.path} cannot be written ({error.strerror}): free some space") from None

    def close(self) -> None:
        """Bring everything to the disk and let go."""
        with suppress(OSError):
            os.fsync(self._file)
            os.close(self._file)


def plain(value: Any) -> Any:
    """Numbers of numpy as plain ones, what is not finite as None, paths and times as text."""
    if isinstance(value, Mapping):
        return {str(key): plain(one) for key, one in value.items()}
    if isinstance(value, list | tuple):
        return [plain(one) for one in value]
    if hasattr(value, "tolist"):
        return plain(value.tolist())
    if isinstance(value, float):
        return value if isfinite(value) else None
    return value if value is None or isinstance(value, bool | int | str) else str(value)


def repair(file: int) -> int:
    """Take away the cut line at the end of an open log; bytes taken away.

    A whole line that only lacks its end gets it.
    """
    size = os.fstat(file).st_size
    at, tail = size, b""
    while at > 0 and b"\n" not in tail:
        step = min(at, 1 << 16)
        at -= step
        os.lseek(file, at, os.SEEK_SET)
        tail = os.read(file, step) + tail
    cut = tail[tail.rfind(b"\n") + 1 :]
    if not cut:
        return 0
    if parsed(cut) is not None:
        os.lseek(file, 0, os.SEEK_END)
        os.write(file, b"\n")
        return 0
    os.ftruncate(file, size - len(cut))
    return len(cut)


def parsed(text: bytes) -> Line | None:
    """One line; None when it is not whole, or not a line of a log."""
    try:
        line = json.loads(text)
    except ValueError:
        return None
    kind = line.get("kind") if isinstance(line, dict) else None
    return line if kind in NEEDED and all(key in line for key in NEEDED[kind]) else None


def read(path: Path) -> Iterator[Line]:
    """The whole lines of a log, in their order; frames that a session logged twice come once.

    Raises:
        BadInput: it cannot be read.
    """
    last: tuple[int, int] | None = None
    try:
        with path.open("rb") as file:
            for text in file:
                line = parsed(text)
                if line is None:
                    continue
                if line["kind"] == "frame":
                    place = (int(line["session"]), int(line["index"]))
                    if last is not None and place[0] == last[0] and place[1] <= last[1]:
                        continue
                    last = place
                yield line
    except OSError as error:
        raise BadInput(f"the log {path} cannot be read ({error.strerror}): check its folder") from None


def health(path: Path) -> dict[str, int]:
    """Lines of a log that ``read`` gives, and those it leaves out: {"lines", "broken", "duplicates"}."""
    whole = broken = 0
    try:
        with path.open("rb") as file:
            for text in file:
                good = parsed(text) is not None
                whole, broken = whole + good, broken + (not good)
    except OSError as error:
        raise BadInput(f"the log {path} cannot be read ({error.strerror}): check its folder") from None
    kept = sum(1 for _ in read(path))
    return {"lines": kept, "broken": broken, "duplicates": whole - kept}
