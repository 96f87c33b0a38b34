"""The command line itself: help, what it imports, what it prints where."""

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

Command = Callable[..., Any]
VERBS = (
    "audit", "change", "composite", "convert", "draw", "evaluate", "measure", "models", "predict", "report", "samples", "serve", "tasks",
    "train", "tune", "watch", "worker",
)  # fmt: skip


def fresh(*words: object, code: str = "") -> subprocess.CompletedProcess[str]:
    """A command in a fresh interpreter, ``python -m outcrop`` unless code is given."""
    start = ["-c", code] if code else ["-m", "outcrop"]
    return subprocess.run(
        [sys.executable, *start, *map(str, words)], capture_output=True, text=True, timeout=120, check=False
    )


def test_help_names_every_verb_and_imports_nothing_heavy() -> None:
    code = """
import atexit, sys
atexit.register(lambda: print("MODULES", *sorted(m.split(".")[0] for m in sys.modules)))
from outcrop.cli import main
sys.argv = ["outcrop", "--help"]
main()
"""
    done = fresh(code=code)
    said, _, modules = done.stdout.partition("MODULES")
    assert done.returncode == 0, done.stderr
    assert not [verb for verb in VERBS if f" {verb} " not in said]
    heavy = {"torch", "numpy", "onnxruntime", "scipy", "skimage", "PIL", "matplotlib", "jinja2", "openvino", "onnx"}
    assert "typer" in modules.split() and not heavy & set(modules.split())


@pytest.mark.parametrize("verb", VERBS)
def test_every_verb_explains_itself(outcrop: Command, verb: str) -> None:
    done = outcrop(verb, "--help")
    assert done.code == 0 and done.err == ""
    assert f"outcrop {verb}" in done.out and len(done.out.splitlines()) > 8


def test_the_verbs_are_these(outcrop: Command) -> None:
    from outcrop.cli import app

    assert {command.name or command.callback.__name__ for command in app.registered_commands} == set(VERBS)  # type: ignore[union-attr]


def test_the_version_is_that_of_the_package(outcrop: Command) -> None:
    import outcrop as package

    assert outcrop("--version").out == f"outcrop {package.__version__}\n"


@pytest.mark.parametrize(
    "words",
    [("dig",), ("predict",), ("predict", "salt"), ("predict", "salt", "a.png"), ("draw", "salt", "--seed", "x")],
)
def test_a_call_that_is_not_understood_exits_2_and_shows_no_traceback(outcrop: Command, words: tuple[str, ...]) -> None:
    done = outcrop(*words)
    assert done.code == 2 and done.out == ""
    assert "--help" in done.err and "Traceback" not in done.err


def test_a_run_in_a_fresh_process_names_bad_files_exits_4_and_imports_no_torch(
    copier: Path, discs: Path, tmp_path: Path
) -> None:
    (discs / "bad.png").write_text("a letter")
    code = """
import atexit, os, sys
atexit.register(lambda: print(*sorted({m.split(".")[0] for m in sys.modules}), file=open(os.environ["MODULES"], "w")))
from outcrop.cli import main
sys.argv[0] = "outcrop"
main()
"""
    words = ("predict", "salt", discs, "--out", tmp_path / "run", "-m", copier, "--json")
    environment = {"MODULES": str(tmp_path / "modules.txt"), "PATH": "", "OUTCROP_THREADS": "1"}
    done = subprocess.run(
        [sys.executable, "-c", code, *map(str, words)],
        capture_output=True, text=True, timeout=120, check=False, env=environment,
    )  # fmt: skip
    assert done.returncode == 4, done.stderr
    assert done.stderr.splitlines() == [
        "outcrop: bad.png is no picture that Outcrop reads: give PNG, JPEG, TIFF, WEBP, BMP, .npy or SEG-Y",
        "outcrop: 1 of 8 inputs were refused",
    ]
    assert len(json.loads(done.stdout)["inputs"]) == 8
    modules = set((tmp_path / "modules.txt").read_text().split())
    assert "onnxruntime" in modules
    assert not modules & {"torch", "torchvision", "timm", "onnx", "matplotlib", "segmentation_models_pytorch"}


def test_json_is_all_that_is_printed_and_is_the_summary(
    outcrop: Command, copier: Path, discs: Path, survey: Any, tmp_path: Path
) -> None:
    done = outcrop("predict", "salt", discs, survey.path, "--out", tmp_path / "run", "-m", copier, "--json")
    assert (done.code, done.err) == (0, "")
    assert done.record == json.loads((tmp_path / "run" / "summary.json").read_text())


def test_without_json_the_numbers_are_shown_and_where_the_rest_is(
    outcrop: Command, copier: Path, discs: Path, tmp_path: Path
) -> None:
    done = outcrop("predict", "salt", discs, "--out", tmp_path / "run", "-m", copier)
    assert (done.code, done.err) == (0, "")
    assert "picture-0.png" in done.out and "salt share" in done.out and "%" in done.out
    assert f"report: {tmp_path / 'run' / 'report.html'}" in done.out.replace("\n", " ").replace("report:  ", "report: ")


def test_the_rooms_are_listed_with_what_they_assume(outcrop: Command) -> None:
    assert "salt velocity = 4500 m/s" in outcrop("tasks").out
    (_, room, _) = outcrop("tasks", "--json").record
    assert room["name"] == "salt" and room["classes"] == ["salt"] and "pictures" in room["recipes"]


def test_models_are_listed_as_json_too(outcrop: Command) -> None:
    from outcrop.face import load_task

    shipped = sorted(path.name for path in load_task("salt").models.glob("*.onnx"))
    done = outcrop("models", "salt", "--json")
    assert done.code == 0
    assert sorted(Path(card["file"]).name for card in done.record) == shipped
    assert all(card["task"] == "salt" and card["data"] and card["limits"] for card in done.record)


def test_models_of_an_unknown_room_are_refused(outcrop: Command) -> None:
    assert outcrop("models", "pepper").code == 2


# outcrop report ---------------------------------------------------------------------------------------------------


def test_a_report_is_written_again_with_the_truth_beside_it(
    outcrop: Command, copier: Path, discs: Path, tmp_path: Path
) -> None:
    outcrop("predict", "salt", discs, "--out", tmp_path / "run", "-m", copier)
    page = tmp_path / "run" / "report.html"
    page.unlink()
    truth = tmp_path / "truth-3.json"
    truth.write_text(json.dumps({"seed": 3, "truth": {"salt share": {"picture-2": 77.777}}}))
    done = outcrop("report", tmp_path / "run", "--truth", truth)
    assert done.code == 0 and "77.78" in page.read_text(encoding="utf-8")
    assert outcrop("report", tmp_path / "run").code == 0
    assert "77.78" not in page.read_text(encoding="utf-8")


@pytest.mark.parametrize("content", [None, "", "[]", "{}", '{"task": "salt"}', "3"])
def test_a_folder_without_a_record_is_no_run(outcrop: Command, tmp_path: Path, content: str | None) -> None:
    if content is not None:
        (tmp_path / "summary.json").write_text(content)
    done = outcrop("report", tmp_path)
    assert done.code == 3 and done.err.startswith("outcrop: ") and "summary.json" in done.err
    assert not (tmp_path / "report.html").exists()


@pytest.mark.parametrize("content", [None, "[]", "{}", '{"truth": 3, "seed": 1}'])
def test_a_truth_of_another_kind_is_refused(
    outcrop: Command, copier: Path, discs: Path, tmp_path: Path, content: str | None
) -> None:
    outcrop("predict", "salt", discs / "picture-0.png", "--out", tmp_path / "run", "-m", copier)
    if content is not None:
        (tmp_path / "truth.json").write_text(content)
    done = outcrop("report", tmp_path / "run", "--truth", tmp_path / "truth.json")
    assert done.code == 3 and done.err.startswith("outcrop: ") and "truth.json" in done.err
