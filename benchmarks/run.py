"""Wall time and peak memory of a command, measured from outside."""

import os
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass
from subprocess import DEVNULL, Popen


@dataclass(frozen=True, kw_only=True)
class Cost:
    """What one command took.

    Attributes:
        seconds: wall time, interpreter start included.
        megabytes: peak resident memory of the process (10^6 bytes).
        code: its exit code.
    """

    seconds: float
    megabytes: float
    code: int


def cost(command: Sequence[str], *, quiet: bool = True) -> Cost:
    """Run a command to its end."""
    began = time.monotonic()
    process = Popen(list(command), stdout=DEVNULL if quiet else None)
    _, status, usage = os.wait4(process.pid, 0)
    seconds = time.monotonic() - began
    # Linux counts kilobytes, macOS bytes.
    size = usage.ru_maxrss * (1 if sys.platform == "darwin" else 1024)
    return Cost(seconds=seconds, megabytes=size / 1e6, code=os.waitstatus_to_exitcode(status))


@dataclass(frozen=True, kw_only=True)
class Promise:
    """A job, its cost, and the most it may cost."""

    job: str
    cost: Cost
    seconds: float | None = None
    megabytes: float | None = None

    @property
    def kept(self) -> bool:
        """Whether the promise holds."""
        light = self.megabytes is None or self.cost.megabytes < self.megabytes
        fast = self.seconds is None or self.cost.seconds < self.seconds
        return self.cost.code == 0 and fast and light


def table(promises: Sequence[Promise]) -> str:
    """The promises as a Markdown table."""
    rows = ["| job | time | promised | peak memory | promised | kept |", "|---|---|---|---|---|---|"]
    for p in promises:
        most = f"< {p.megabytes:.0f} MB" if p.megabytes else "–"
        word = "yes" if p.kept else "**no**"
        rows.append(
            f"| {p.job} | {p.cost.seconds:.1f} s | {f'< {p.seconds:g} s' if p.seconds else '–'} | {p.cost.megabytes:.0f} MB | {most} | {word} |"
        )
    return "\n".join(rows)
