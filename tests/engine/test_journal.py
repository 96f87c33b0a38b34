"""A stopped run goes on from its journal; a folder with other things in it is left alone."""

import json
import os
from pathlib import Path
from typing import Any

import pytest

from outcrop.core.errors import BadInput, OutcropError, OutputExists, UsageError
from outcrop.engine.journal import Journal

IDENTITY = {"task": "salt", "models": ["a.onnx"], "threshold": None, "flips": ("all",)}


def begun(out: Path, *names: str, **settings: Any) -> Journal:
    """A journal in which these inputs are finished."""
    journal = Journal(out, IDENTITY, **{"overwrite": False, "resume": False, **settings})
    for name in names:
        journal.add({"input": name, "files": [f"{name}.mask.png"]})
    return journal


def test_what_was_finished_is_known_after_a_stop(tmp_path: Path) -> None:
    begun(tmp_path, "a.png", "b.png")
    again = begun(tmp_path, resume=True)
    assert list(again.done) == ["a.png", "b.png"]
    assert again.done["b.png"]["files"] == ["b.png.mask.png"]


def test_a_journal_is_on_disk_before_add_returns(tmp_path: Path) -> None:
    journal = begun(tmp_path, "a.png")
    assert json.loads(journal.path.read_text().splitlines()[-1])["input"] == "a.png"


def test_a_run_can_be_stopped_and_resumed_many_times(tmp_path: Path) -> None:
    begun(tmp_path, "a.png")
    begun(tmp_path, "b.png", resume=True)
    assert list(begun(tmp_path, "c.png", resume=True).done) == ["a.png", "b.png", "c.png"]


def test_a_line_cut_by_the_stop_is_left_out_and_the_next_one_is_whole(tmp_path: Path) -> None:
    journal = begun(tmp_path, "a.png", "b.png")
    text = journal.path.read_text()
    journal.path.write_text(text[:-10])
    assert list(begun(tmp_path, "c.png", resume=True).done) == ["a.png", "c.png"]
    assert list(begun(tmp_path, resume=True).done) == ["a.png", "c.png"], "what was added after the cut is still there"


@pytest.mark.parametrize("length", [0, 1, 20])
def test_a_journal_cut_in_its_first_line_is_refused_with_a_sentence(tmp_path: Path, length: int) -> None:
    journal = begun(tmp_path)
    journal.path.write_text(journal.path.read_text()[:length])
    with pytest.raises(OutcropError, match="--overwrite"):
        begun(tmp_path, resume=True)


@pytest.mark.parametrize("line", ["3", "null", "[]", "{}", '"a.png"', "\x00\x00"])
def test_a_line_that_is_no_entry_is_left_out(tmp_path: Path, line: str) -> None:
    journal = begun(tmp_path, "a.png")
    with journal.path.open("a") as file:
        file.write(line + "\n")
    assert list(begun(tmp_path, resume=True).done) == ["a.png"]


def test_a_run_with_other_settings_is_not_resumed(tmp_path: Path) -> None:
    begun(tmp_path, "a.png")
    with pytest.raises(UsageError, match=r"begun with other settings \(threshold\)"):
        Journal(tmp_path, {**IDENTITY, "threshold": 0.4}, overwrite=False, resume=True)


def test_tuples_and_lists_are_the_same_setting(tmp_path: Path) -> None:
    begun(tmp_path, "a.png")
    assert Journal(tmp_path, {**IDENTITY, "flips": ["all"]}, overwrite=False, resume=True).done


def test_a_finished_run_leaves_no_journal(tmp_path: Path) -> None:
    begun(tmp_path / "out", "a.png").close()
    assert list((tmp_path / "out").iterdir()) == []


def test_a_folder_is_made_with_its_parents(tmp_path: Path) -> None:
    assert begun(tmp_path / "a" / "b" / "c").path.exists()


def test_a_folder_with_other_files_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "thesis.pdf").write_text("mine")
    for resume in (False, True):
        with pytest.raises(OutputExists, match="holds other files; give another --out, or --overwrite"):
            begun(tmp_path, resume=resume)
    assert [p.name for p in tmp_path.iterdir()] == ["thesis.pdf"]


def test_overwriting_keeps_other_files_and_forgets_the_earlier_run(tmp_path: Path) -> None:
    (tmp_path / "thesis.pdf").write_text("mine")
    begun(tmp_path, "a.png", overwrite=True)
    assert begun(tmp_path, overwrite=True).done == {}
    assert (tmp_path / "thesis.pdf").read_text() == "mine"


def test_a_stopped_run_is_not_begun_anew_by_accident(tmp_path: Path) -> None:
    begun(tmp_path, "a.png")
    with pytest.raises(OutputExists, match="a run that was stopped: go on with --resume"):
        begun(tmp_path)


def test_resuming_where_nothing_was_begun_begins(tmp_path: Path) -> None:
    assert begun(tmp_path / "new", resume=True).done == {}


def test_a_file_in_the_place_of_the_folder_is_refused(tmp_path: Path) -> None:
    (tmp_path / "out").write_text("a file")
    with pytest.raises(OutputExists, match="is a file, not a folder"):
        begun(tmp_path / "out")
    with pytest.raises(OutcropError, match="out"):
        begun(tmp_path / "out" / "deeper")


def test_a_folder_that_may_not_be_written_is_refused(tmp_path: Path) -> None:
    if os.geteuid() == 0:
        pytest.skip("needs a user who is not root: root may write anywhere")
    tmp_path.chmod(0o500)
    with pytest.raises(BadInput, match="cannot be written"):
        begun(tmp_path / "out")
