"""What a run has finished so far, kept beside its results so that a stopped run can go on.

``<out>/.outcrop/journal.jsonl``: the first line says what the run is, each further line is one finished input
with its files and numbers. A finished run has no journal any more, only ``summary.json``.
"""

import json
import re
import shutil
from collections.abc import Mapping, Sequence
from hashlib import sha256
from pathlib import Path
from typing import Any

from outcrop.core.errors import BadInput, OutputExists, UsageError
from outcrop.core.task import Measurement

UNFINISHED = re.compile(r"\..+\.[0-9a-f]{8}\.part|.+\.(png|json)\.part")
"""Names of files that a killed run was writing; see ``outputs.replacing`` and its like."""


class Journal:
    """The journal of one output folder.

    Args:
        identity: what must be the same for a run to be resumed (task, models, options, inputs).
    """

    def __init__(self, out: Path, identity: Mapping[str, Any], *, overwrite: bool, resume: bool) -> None:
        self.folder = out / ".outcrop"
        self.path = self.folder / "journal.jsonl"
        self.identity = json.loads(json.dumps(identity))
        self.done: dict[str, dict[str, Any]] = {}
        if resume and self.path.exists():
            self._read()
            _sweep(out)
            return
        _claim(out, overwrite=overwrite)
        shutil.rmtree(self.folder, ignore_errors=True)
        try:
            self.folder.mkdir()
            self.path.write_text(json.dumps(self.identity) + "\n")
        except OSError as error:
            raise _unwritable(out, error) from None

    def _read(self) -> None:
        """Take over what an earlier run of the same identity finished."""
        text = self.path.read_text()
        if not text.endswith("\n"):
            self.path.write_text(text + "\n")  # end the line that was being written when the run was stopped
        first, *entries = [_read_line(line) for line in text.splitlines()] or [{}]
        changed = [key for key in self.identity if first.get(key) != self.identity[key]]
        if changed:
            raise UsageError(
                f"{self.folder.parent} was begun with other settings ({', '.join(changed)}): "
                "repeat the first command, or start anew with --overwrite"
            )
        self.done = {entry["input"]: entry for entry in entries if "input" in entry}

    def add(self, entry: Mapping[str, Any]) -> None:
        """One more input is finished; handed to the system before this returns, so that a killed run keeps it."""
        with self.path.open("a") as file:
            file.write(json.dumps(entry) + "\n")
        self.done[entry["input"]] = dict(entry)

    def close(self) -> None:
        """The run is complete."""
        shutil.rmtree(self.folder, ignore_errors=True)


def _read_line(line: str) -> dict[str, Any]:
    """One line of a journal; empty when it is not whole."""
    try:
        entry = json.loads(line)
    except ValueError:
        return {}
    return entry if isinstance(entry, dict) else {}


def _claim(out: Path, *, overwrite: bool) -> None:
    """Make the output folder, or refuse one that holds other files."""
    try:
        out.mkdir(parents=True, exist_ok=True)
        holds = any(out.iterdir())
    except FileExistsError:
        raise OutputExists(f"{out} is a file, not a folder: give another --out") from None
    except OSError as error:
        raise _unwritable(out, error) from None
    if holds and not overwrite:
        finished = "a finished run" if (out / "summary.json").exists() else "other files"
        what = "a run that was stopped: go on with --resume" if (out / ".outcrop").exists() else finished
        raise OutputExists(f"{out} holds {what}; give another --out, or --overwrite to write into it")


def _unwritable(out: Path, error: OSError) -> BadInput:
    return BadInput(f"the folder {out} cannot be written ({error.strerror}): give another --out")


def _sweep(out: Path) -> None:
    """Remove the half-written files of a run that was killed."""
    for path in out.iterdir():
        if UNFINISHED.fullmatch(path.name):
            path.unlink(missing_ok=True)


def stamps(paths: Sequence[Path]) -> str:
    """Fingerprint of names, sizes and times of files: another one means that a stopped run's work may not fit them."""
    told = [(str(path), path.stat().st_size, path.stat().st_mtime_ns) for path in paths]
    return sha256(json.dumps(told).encode()).hexdigest()


def file_sha256(*paths: Path) -> str:
    """Fingerprint of a file, or of several one after the other, read in parts."""
    digest = sha256()
    for path in paths:
        try:
            with path.open("rb") as file:
                while part := file.read(1 << 22):
                    digest.update(part)
        except OSError as error:
            raise BadInput(f"{path.name} cannot be read ({error.strerror}): check the file") from None
    return digest.hexdigest()


def as_record(measurement: Measurement) -> dict[str, Any]:
    """A measurement as plain JSON data, with its central 90 % interval."""
    low, high = measurement.estimate.interval()
    return {
        "name": measurement.name,
        "value": measurement.estimate.value,
        "unit": measurement.estimate.unit,
        "low": low,
        "high": high,
        "method": measurement.method,
        "about": dict(measurement.about),
    }
