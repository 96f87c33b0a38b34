"""A memory control group of its own for a command, as containers have it; Linux, versions 1 and 2, root or a delegated folder."""

import os
import threading
import time
from collections.abc import Sequence
from pathlib import Path
from types import TracebackType
from typing import Self

FIRST, SECOND = Path("/sys/fs/cgroup/memory"), Path("/sys/fs/cgroup")
LOOK = 0.02
"""Seconds between two looks at what the group holds."""


class Cell:
    """What runs in it may hold ``limit`` bytes in all, page cache included; what goes over is killed by the kernel.

    Attributes:
        anonymous: most bytes that its processes held together, page cache not counted; looked at 50 times a second.
    """

    def __init__(self, limit: int) -> None:
        self.limit, self.anonymous = limit, 0
        self.old = (FIRST / "memory.limit_in_bytes").is_file()
        self.folder = (FIRST if self.old else SECOND) / f"outcrop-{os.getpid()}"
        self._ended = threading.Event()
        self._watcher = threading.Thread(target=self._watch, daemon=True)

    def __enter__(self) -> Self:
        """Make it.

        Raises:
            OSError: the system has no such groups, or this user may make none.
        """
        if not self.old:
            (SECOND / "cgroup.subtree_control").write_text("+memory")
        self.folder.mkdir()
        (self.folder / ("memory.limit_in_bytes" if self.old else "memory.max")).write_text(str(self.limit))
        self._watcher.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        """Remove it, once everything in it has ended."""
        self._ended.set()
        self._watcher.join()
        for _ in range(100):
            if not (self.folder / "cgroup.procs").read_text().strip():
                break
            time.sleep(0.1)
        self.folder.rmdir()

    def command(self, line: Sequence[str]) -> list[str]:
        """A command that puts itself into the group before it begins."""
        return ["sh", "-c", 'echo $$ > "$0" && exec "$@"', str(self.folder / "cgroup.procs"), *line]

    def peak(self) -> int:
        """Most bytes that the group held, page cache included: it grows up to the limit where files are read."""
        name = "memory.max_usage_in_bytes" if self.old else "memory.peak"
        return int((self.folder / name).read_text())

    def killed(self) -> int:
        """Processes that the kernel has killed for want of memory."""
        return self._numbers("memory.oom_control" if self.old else "memory.events")["oom_kill"]

    def _numbers(self, name: str) -> dict[str, int]:
        lines = (line.split() for line in (self.folder / name).read_text().splitlines())
        return {key: int(value) for key, value in lines}

    def _watch(self) -> None:
        while not self._ended.wait(LOOK):
            self.anonymous = max(self.anonymous, self._numbers("memory.stat")["rss" if self.old else "anon"])
