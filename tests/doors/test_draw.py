"""``outcrop draw``: the same seed, the same bytes; what is there stays there; what was drawn can be measured."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

Command = Callable[..., Any]

KINDS: dict[str, tuple[str, ...]] = {
    "segy": ("shape=10x9x32",),
    "npy": ("shape=8x9x32", "domain=depth"),
    "section": ("shape=48x40",),
    "pictures": ("count=2",),
    "sections": ("count=2", "shape=32x40"),
}


def settings(kind: str) -> list[str]:
    return [word for pair in (f"kind={kind}", *KINDS[kind]) for word in ("--set", pair)]


def content(folder: Path) -> dict[str, bytes]:
    return {str(p.relative_to(folder)): p.read_bytes() for p in sorted(folder.rglob("*")) if p.is_file()}


@pytest.mark.parametrize("kind", KINDS)
def test_the_same_seed_draws_the_same_bytes_and_another_seed_others(
    outcrop: Command, tmp_path: Path, kind: str
) -> None:
    for out, seed in (("once", 3), ("again", 3), ("other", 4)):
        done = outcrop("draw", "salt", "--out", tmp_path / out, "--seed", seed, *settings(kind))
        assert (done.code, done.err) == (0, "")
        assert sorted(done.out.split()) == sorted(str(p) for p in (tmp_path / out).rglob("*") if p.is_file())
    once, again, other = (content(tmp_path / out) for out in ("once", "again", "other"))
    assert once == again
    assert [k.replace("-3", "-4") for k in once] == list(other) and list(once.values()) != list(other.values())
    truth = json.loads(once["truth-3.json"])
    assert truth["synthetic"] is True and truth["seed"] == 3 and "salt share" in truth["truth"]


@pytest.mark.parametrize("kind", ["segy", "section", "pictures"])
def test_a_drawing_is_not_drawn_over_unless_that_is_asked_for(outcrop: Command, tmp_path: Path, kind: str) -> None:
    words = ("draw", "salt", "--out", tmp_path, "--seed", 3, *settings(kind))
    assert outcrop(*words).code == 0
    before = content(tmp_path)
    truth = tmp_path / "truth-3.json"
    truth.write_text("mine")
    done = outcrop(*words)
    assert done.code == 2 and "give another --out or --seed, or --overwrite" in done.err
    assert truth.read_text() == "mine"
    assert outcrop(*words, "--overwrite").code == 0
    assert content(tmp_path) == before


def test_a_seed_is_not_taken_for_the_beginning_of_another(outcrop: Command, tmp_path: Path) -> None:
    for seed in (12, 1):
        words = ("draw", "salt", "--out", tmp_path, "--seed", seed, *settings("section"))
        assert outcrop(*words).code == 0, seed


def test_other_files_in_the_folder_are_left_alone(outcrop: Command, tmp_path: Path) -> None:
    (tmp_path / "notes.txt").write_text("mine")
    assert outcrop("draw", "salt", "--out", tmp_path, *settings("section")).code == 0
    assert (tmp_path / "notes.txt").read_text() == "mine"


@pytest.mark.parametrize("words", [("--set", "salt=no"), ()], ids=["without", "with"])
def test_what_was_drawn_is_predicted_and_measured_in_one_go(
    outcrop: Command, copier: Path, tmp_path: Path, words: tuple[str, ...]
) -> None:
    outcrop("draw", "salt", "--out", tmp_path / "drawn", "--seed", 3, *settings("segy"), *words)
    truth = json.loads((tmp_path / "drawn" / "truth-3.json").read_text())["truth"]
    done = outcrop("predict", "salt", tmp_path / "drawn" / "drawn-3.sgy", "--out", tmp_path / "run", "-m", copier)
    assert done.code == 0, done.err
    mask = tmp_path / "drawn" / "drawn-3.truth-mask.sgy"
    record = outcrop("measure", "salt", mask, "--out", tmp_path / "measured", "--json").record
    found = {m["name"]: m for m in record["inputs"][0]["measurements"]}
    assert (truth["salt volume"] == 0) == bool(words)
    for name in ("salt volume", "salt share"):
        assert found[name]["low"] <= truth[name] <= found[name]["high"], name


def test_drawn_pictures_have_masks_of_their_names(outcrop: Command, tmp_path: Path) -> None:
    outcrop("draw", "salt", "--out", tmp_path, "--seed", 3, *settings("pictures"))
    truth = json.loads((tmp_path / "truth-3.json").read_text())["truth"]["salt share"]
    for name, share in truth.items():
        picture, mask = (np.asarray(Image.open(tmp_path / sub / f"{name}.png")) for sub in ("images", "masks"))
        assert picture.shape == mask.shape == (101, 101)
        assert 100 * (mask == 255).mean() == pytest.approx(share) and set(np.unique(mask)) <= {0, 255}


@pytest.mark.parametrize(
    ("words", "answer"),
    [
        (("--set", "colour=red"), "no setting 'colour' of drawn seismic: choose one of kind, shape"),
        (("--set", "kind"), "has no '='"),
        (("--set", "kind=poem"), "no kind 'poem'"),
        (("--set", "shape=9x9"), "is not 3 numbers"),
        (("--set", "shape=9x9x7"), "of at least 8"),
        (("--set", "shape=900000x900000x900000"), "draw a smaller one"),
        (("--set", "domain=space"), "domain=time or depth"),
        (("--set", "salt=some"), "salt=yes or no"),
        (("--set", "kind=pictures", "--set", "count=0"), "a whole number above 0"),
        (("--set", "kind=pictures", "--set", "count=-2"), "a whole number above 0"),
        (("--set", "seed=3"), "say it outside --set"),
        (("--set", "overwrite=yes"), "say it outside --set"),
        (("--seed", "-3"), "a seed of -3 is below 0"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, tuple) else "",
)
def test_a_setting_that_makes_no_sense_is_told(
    outcrop: Command, tmp_path: Path, words: tuple[str, ...], answer: str
) -> None:
    done = outcrop("draw", "salt", "--out", tmp_path / "drawn", *words)
    assert done.code == 2 and done.out == ""
    assert done.err.startswith("outcrop: ") and answer in done.err and done.err.count("\n") == 1
    assert not list(tmp_path.rglob("drawn-*"))


def test_a_file_cannot_be_the_folder_of_a_drawing(outcrop: Command, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("mine")
    done = outcrop("draw", "salt", "--out", tmp_path / "file")
    assert done.code == 2 and "give another --out" in done.err and (tmp_path / "file").read_text() == "mine"


def test_an_unknown_room_draws_nothing(outcrop: Command, tmp_path: Path) -> None:
    assert outcrop("draw", "pepper", "--out", tmp_path / "drawn").code == 2
