"""A run that is killed and started again leaves the same files, byte for byte; another run is not mixed into it."""

import json
import os
import re
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from outcrop.engine import volume
from outcrop.engine.journal import Journal

Command = Callable[..., Any]

DYING = """
import os, signal, sys
from outcrop.engine.volume import Pass
import outcrop.engine.volume

what, count = sys.argv.pop(1), int(sys.argv.pop(1))
outcrop.engine.volume.BLOCK_SAMPLES = 300

def until(real):
    def call(*words, **named):
        global count
        count -= 1
        if count < 0:
            os.kill(os.getpid(), signal.SIGKILL)
        return real(*words, **named)
    return call

if what == "rename":
    os.replace = until(os.replace)
else:
    Pass.write = until(Pass.write)
from outcrop.cli import main
sys.argv[0] = "outcrop"
main()
"""
"""A command that kills itself, as ``kill -9`` would, when it would do something for the n-th time."""


def killed(what: str, count: int, *words: object) -> None:
    environment = {**os.environ, "OUTCROP_THREADS": "1"}
    command = [sys.executable, "-c", DYING, what, str(count), *map(str, words)]
    done = subprocess.run(command, capture_output=True, timeout=120, check=False, env=environment)
    assert done.returncode == -signal.SIGKILL, done.stderr


def content(folder: Path) -> dict[str, bytes]:
    """Every file of a run, without the time at which it was made."""
    found = {str(p.relative_to(folder)): p.read_bytes() for p in sorted(folder.rglob("*")) if p.is_file()}
    record = json.loads(found["summary.json"])
    assert record.pop("created")
    found["summary.json"] = json.dumps(record).encode()
    found["report.html"] = re.sub(rb"\d{4}-\d\d-\d\d \d\d:\d\d UTC", b"", found["report.html"])
    return found


@pytest.fixture
def unclosed(monkeypatch: pytest.MonkeyPatch) -> Callable[[], None]:
    """Runs do not end: their journal stays, as after a kill at the very end. Call it to let them end again."""
    real = Journal.close
    monkeypatch.setattr(Journal, "close", lambda self: None)
    return lambda: monkeypatch.setattr(Journal, "close", real)


def test_a_batch_of_pictures_that_was_killed_goes_on_to_the_same_files(
    outcrop: Command, copier: Path, discs: Path, tmp_path: Path
) -> None:
    (discs / "picture-1b.png").write_text("a letter")
    words = ("predict", "salt", discs, "--format", "kaggle", "-m", copier, "--out")
    assert outcrop(*words, tmp_path / "whole").code == 4
    run = tmp_path / "killed"
    killed("rename", 3 * 3 + 1, *words, run)  # three files a picture: inside the fourth
    finished = [json.loads(line) for line in (run / ".outcrop" / "journal.jsonl").read_text().splitlines()[1:]]
    done = [file for entry in finished for file in entry["files"]]
    assert len(done) == 9 and not (run / "summary.json").exists()
    assert [p.name for p in run.iterdir() if p.name.endswith(".part")], "it was killed while writing"
    before = {name: (run / name).stat().st_mtime_ns for name in done}
    assert outcrop(*words, run, "--resume").code == 4
    assert content(run) == content(tmp_path / "whole")
    assert {name: (run / name).stat().st_mtime_ns for name in done} == before, "what was finished is left alone"


@pytest.mark.parametrize("lines", [3, 9])
def test_a_volume_that_was_killed_goes_on_to_the_same_files(
    outcrop: Command, model_file: Command, survey: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, lines: int
) -> None:
    """In the first pass (7 inlines) and in the second (9 crosslines)."""
    monkeypatch.setattr(volume, "BLOCK_SAMPLES", 300)
    model = model_file(tmp_path / "mean.onnx", "mean")
    words = ("predict", "salt", survey.path, "-m", model, "--out")
    assert outcrop(*words, tmp_path / "whole").code == 0
    run = tmp_path / "killed"
    killed("line", lines, *words, run)
    kept = run / ".outcrop" / "survey" / ("inline.bytes" if lines < 7 else "crossline.bytes")
    assert kept.exists()
    seen: list[int] = []
    real = volume.Pass.write
    monkeypatch.setattr(
        volume.Pass, "write", lambda self, start, values: (seen.append(start), real(self, start, values))
    )
    assert outcrop(*words, run, "--resume").code == 0
    assert 0 < len(seen) < 16, "lines that were seen are not seen again"
    assert content(run) == content(tmp_path / "whole")


def test_a_run_killed_after_its_last_input_still_knows_its_models(
    outcrop: Command, copier: Path, discs: Path, tmp_path: Path, unclosed: Callable[[], None]
) -> None:
    words = ("predict", "salt", discs, "-m", copier, "--out", tmp_path / "run")
    assert outcrop(*words).code == 0
    before = content(tmp_path / "run")
    unclosed()
    for name in ("summary.json", "report.html", "measurements.csv"):
        (tmp_path / "run" / name).unlink()
    assert outcrop(*words, "--resume").code == 0
    after = content(tmp_path / "run")
    assert json.loads(after["summary.json"])["models"][0]["file"] == "copier.onnx"
    assert after == {name: text for name, text in before.items() if not name.startswith(".outcrop")}


CHANGES: dict[str, tuple[object, ...]] = {
    "threshold": ("--threshold", 0.3),
    "seed": ("--seed", 4),
    "flips": ("--flips", "all"),
    "assume": ("--assume", "salt velocity=4000"),
    "options": ("--spacing", 25),
    "formats": ("--format", "kaggle"),
    "engine": ("--engine", "onnxruntime"),
}


@pytest.mark.parametrize("key", CHANGES)
def test_a_run_with_other_settings_is_not_gone_on_with(
    outcrop: Command, copier: Path, discs: Path, tmp_path: Path, unclosed: Callable[[], None], key: str
) -> None:
    words = ("predict", "salt", discs / "picture-0.png", "-m", copier, "--out", tmp_path / "run")
    outcrop(*words)
    done = outcrop(*words, "--resume", *CHANGES[key])
    assert done.code == 2 and f"begun with other settings ({key})" in done.err and "--overwrite" in done.err


def test_other_inputs_or_another_model_of_the_same_name_are_not_mixed_in(
    outcrop: Command, copier: Path, disc: Command, discs: Path, tmp_path: Path, unclosed: Callable[[], None]
) -> None:
    model = tmp_path / "model.onnx"
    model.write_bytes(copier.read_bytes())
    words = ("predict", "salt", "-m", model, "--out", tmp_path / "run")
    outcrop(*words, discs)
    assert outcrop(*words, discs, "--resume").code == 0
    fewer = outcrop(*words, discs / "picture-0.png", "--resume")
    assert fewer.code == 2 and "(inputs)" in fewer.err
    disc(discs / "picture-0.png", (90, 90))
    changed = outcrop(*words, discs, "--resume")
    assert changed.code == 2 and "(inputs)" in changed.err, "a picture has changed since"
    model.write_bytes(copier.read_bytes())
    os.utime(model, ns=(1, 1))
    assert "models" in outcrop(*words, discs, "--resume").err


def test_resuming_in_an_empty_or_new_folder_begins(outcrop: Command, copier: Path, discs: Path, tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    for out in (tmp_path / "empty", tmp_path / "new"):
        assert outcrop("predict", "salt", discs, "-m", copier, "--out", out, "--resume").code == 0
        assert (out / "summary.json").exists() and not (out / ".outcrop").exists()


def test_resuming_where_other_files_lie_is_refused(outcrop: Command, copier: Path, discs: Path, tmp_path: Path) -> None:
    (tmp_path / "run").mkdir()
    (tmp_path / "run" / "chapter.txt").write_text("mine")
    done = outcrop("predict", "salt", discs, "-m", copier, "--out", tmp_path / "run", "--resume")
    assert done.code == 2 and "holds other files" in done.err
    assert [p.name for p in (tmp_path / "run").iterdir()] == ["chapter.txt"]


def test_a_stopped_run_is_not_begun_anew_by_accident(
    outcrop: Command, copier: Path, discs: Path, tmp_path: Path, unclosed: Callable[[], None]
) -> None:
    words = ("predict", "salt", discs, "-m", copier, "--out", tmp_path / "run")
    outcrop(*words)
    done = outcrop(*words)
    assert done.code == 2 and "a run that was stopped: go on with --resume" in done.err


def test_stopping_by_hand_says_how_to_go_on(
    outcrop: Command, copier: Path, discs: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = Journal.add

    def stopped(self: Journal, entry: Any) -> None:
        real(self, entry)
        if len(self.done) == 3:
            raise KeyboardInterrupt

    words = ("predict", "salt", discs, "-m", copier, "--out", tmp_path / "run")
    monkeypatch.setattr(Journal, "add", stopped)
    done = outcrop(*words)
    assert done.code == 130 and "--resume" in done.err and "Traceback" not in done.err
    monkeypatch.setattr(Journal, "add", real)
    assert outcrop(*words, "--resume").code == 0
    assert len(list((tmp_path / "run").glob("*.mask.png"))) == 7
