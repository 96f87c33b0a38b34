"""A recipe search tries settings, keeps what it tried, goes on where it was, and refuses what it cannot mean."""

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from outcrop import tasks
from outcrop.core.errors import DamagedFile, OutputExists, UsageError
from outcrop.core.labelled import Labelled
from outcrop.core.task import Task
from outcrop.models.recipe import Augmentation, Recipe

pytest.importorskip("torch", reason="needs torch: install the extra 'learn'")
optuna = pytest.importorskip("optuna", reason="needs optuna: install the extra 'cluster'")

from outcrop.engine.learn import train
from outcrop.engine.train import Trainer
from outcrop.engine.tune import LOSSES, SEARCHED, Best, tune

TINY = Recipe(
    name="tiny", network="plain-unet", pretrained="none", decoder=(8, 4), precision="float32", chip=32, batch=4, epochs=1,
    fold_count=3, augment=Augmentation(scale=0.1),
)  # fmt: skip


@pytest.fixture(scope="module")
def room(blobs: Callable[..., Labelled]) -> Task:
    """A room of twelve drawn pictures of 32 px and two recipes; a folder of another name holds other pictures."""
    labelled = {name: blobs(12, 32, seed) for seed, name in enumerate(("data", "other"))}
    return replace(
        tasks.load("salt"),
        examples=lambda folder, **how: labelled[folder.name],
        recipes={"tiny": TINY, "wide": replace(TINY, name="wide", decoder=(12, 6))},
    )


def search(room: Task, out: Path, trials: int = 3, **more: Any) -> Best:
    return tune(room, Path(more.pop("data", "data")), out, **{"trials": trials, "settings": {}, **more})


def tried(out: Path) -> list[dict[str, str]]:
    """Settings of every trial in the search's journal, read with Optuna alone."""
    storage = optuna.storages.JournalStorage(optuna.storages.journal.JournalFileBackend(str(out / "study.log")))
    return [t.user_attrs["settings"] for t in optuna.load_study(study_name="search", storage=storage).trials]


# Known truth ----------------------------------------------------------------------------------------------------------


def test_a_search_ends_with_its_best_trial_and_keeps_every_one(room: Task, tmp_path: Path) -> None:
    told: dict[int, float] = {}
    best = search(
        room, tmp_path / "out", settings={"batch": "6"}, report=lambda trial, iou, stopped: told.update({trial: iou})
    )
    assert sorted(told) == [0, 1, 2] and best.trials == 3
    assert best.valid_iou == max(told.values()) == told[best.trial]
    assert best.settings == {"batch": "6", **tried(tmp_path / "out")[best.trial]}
    for trial, iou in told.items():
        folder = tmp_path / "out" / f"trial-{trial}"
        assert (folder / "checkpoint.pt").exists()
        assert float((folder / "log.csv").read_text().splitlines()[-1].split(",")[5]) == pytest.approx(iou)
        recipe = Recipe.from_dict(json.loads((folder / "record.json").read_text())["recipe"])
        assert recipe == TINY.changed({"batch": "6", **tried(tmp_path / "out")[trial]})


def test_training_with_the_settings_found_gives_the_score_found(room: Task, tmp_path: Path) -> None:
    best = search(room, tmp_path / "search", fold=1, recipe="wide")
    run = train(room, Path("data"), tmp_path / "run", recipe="wide", folds=[1], settings=dict(best.settings), threads=1)
    assert float((run / "fold-1" / "log.csv").read_text().splitlines()[-1].split(",")[5]) == pytest.approx(
        best.valid_iou
    )
    assert json.loads((run / "record.json").read_text())["recipe"]["name"] == "wide"


def test_trials_differ_in_everything_that_is_searched_and_in_nothing_else(room: Task, tmp_path: Path) -> None:
    search(room, tmp_path)
    found = tried(tmp_path)
    assert all(settings.keys() == SEARCHED.keys() for settings in found)
    assert all(len({settings[name] for settings in found}) == 3 for name in SEARCHED if name != "phases")
    assert {json.loads(settings["phases"])[1][1] for settings in found} <= set(LOSSES)


# Going on -------------------------------------------------------------------------------------------------------------


def test_a_search_that_was_stopped_goes_on_as_if_it_had_not_been(room: Task, tmp_path: Path) -> None:
    whole = search(room, tmp_path / "whole")
    told: list[int] = []
    for trials in (1, 3):
        parts = search(room, tmp_path / "parts", trials, report=lambda trial, iou, stopped: told.append(trial))
    assert told == [0, 1, 2], "one before, two after"
    assert tried(tmp_path / "whole") == tried(tmp_path / "parts")
    assert whole == parts


def test_a_finished_search_tells_its_best_again_without_training(room: Task, tmp_path: Path) -> None:
    first, told = search(room, tmp_path, 2), []
    for trials in (1, 2):
        assert search(room, tmp_path, trials, report=lambda *trial: told.append(trial)) == first
    assert not told


def test_a_trial_that_breaks_off_does_not_count(room: Task, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    told: list[int] = []

    def stop(trainer: Trainer) -> tuple[float, float]:
        raise KeyboardInterrupt

    search(room, tmp_path, 1)
    with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt):
        patch.setattr(Trainer, "_validate", stop)
        search(room, tmp_path)
    assert search(room, tmp_path, report=lambda trial, iou, stopped: told.append(trial)).trials == 3
    assert told == [2, 3], "number 1 is the one that broke off"


def test_another_machine_takes_the_trials_that_are_left(room: Task, tmp_path: Path) -> None:
    here: list[int] = []
    there: list[int] = []

    def meanwhile(trial: int, iou: float, stopped: bool) -> None:
        here.append(trial)
        search(room, tmp_path, report=lambda trial, iou, stopped: there.append(trial))

    best = search(room, tmp_path, report=meanwhile)
    assert (here, there, best.trials) == ([0], [1, 2], 3)


def test_a_trial_worse_than_most_is_stopped_early(room: Task, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Every epoch of every trial is made worse than the one before."""
    ious = iter(np.linspace(0.9, 0.1, 50))
    monkeypatch.setattr(Trainer, "_learn", lambda trainer, epoch: (0.0, 0.0, 0.0))
    monkeypatch.setattr(Trainer, "_validate", lambda trainer: (0.0, float(next(ious))))
    told: list[bool] = []
    best = search(room, tmp_path, 7, settings={"epochs": "2"}, report=lambda trial, iou, stopped: told.append(stopped))
    assert told == [False] * 5 + [True] * 2, "the median of five is the least to judge by"
    assert (best.trial, best.trials) == (0, 7)


# Refusals -------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("more", "said"),
    [
        ({"settings": {"speed": "3"}}, "no setting 'speed' in a recipe: choose one of name, network"),
        ({"settings": {"augment.colour": "3"}}, "no setting 'colour'"),
        ({"settings": {"epochs": "many"}}, "epochs='many' is not of the kind of 1"),
        ({"settings": {"epochs": "0"}}, "0 epochs teach nothing"),
        ({"settings": {"learning_rate": "0.1"}}, "the search itself chooses learning_rate: leave that out of --set"),
        ({"recipe": "huge"}, "no recipe 'huge' in the room salt: choose one of tiny, wide"),
        ({"fold": 3}, "no picture lies in fold 3: choose 0 to 2"),
        ({"fold": -1}, "no picture lies in fold -1"),
        ({"trials": 0}, "0 trials find nothing"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_a_call_that_cannot_be_meant_is_refused_before_anything_is_written(
    room: Task, tmp_path: Path, more: dict[str, Any], said: str
) -> None:
    with pytest.raises(UsageError, match=said):
        search(room, tmp_path / "out", **more)
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(
    ("more", "said"),
    [
        ({"recipe": "wide"}, "other name, decoder: repeat"),
        ({"settings": {"seed": "1"}}, "other seed"),
        ({"fold": 1}, "other fold"),
        ({"data": "other"}, "other pictures"),
    ],
    ids=["recipe", "setting", "fold", "data"],
)
def test_another_search_does_not_mix_with_the_one_that_is_there(
    room: Task, tmp_path: Path, more: dict[str, Any], said: str
) -> None:
    search(room, tmp_path, 1)
    with pytest.raises(UsageError, match=said):
        search(room, tmp_path, **more)
    assert len(tried(tmp_path)) == 1


@pytest.mark.parametrize("text", ["a letter\n", "a letter\nand another\n", '{"op_code": 0}\n{}\n', "[]\n[]\n"])
def test_a_journal_that_is_none_is_named(room: Task, tmp_path: Path, text: str) -> None:
    (tmp_path / "study.log").write_text(text)
    with pytest.raises(DamagedFile, match=r"study\.log cannot be read as a search"):
        search(room, tmp_path)


def test_a_folder_of_other_files_is_left_alone(room: Task, tmp_path: Path) -> None:
    (tmp_path / "thesis.tex").touch()
    with pytest.raises(OutputExists, match="give another --out"):
        search(room, tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["thesis.tex"]


# The door -------------------------------------------------------------------------------------------------------------


def test_the_command_prints_settings_that_train_takes(
    blobs: Callable[..., Labelled], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    import shlex
    import sys

    from outcrop.cli import main

    drawn = blobs(6, 32)
    for id, image, mask in zip(drawn.ids, drawn.images, drawn.masks, strict=True):
        for kind, values in (("images", image[0]), ("masks", mask)):
            (tmp_path / "data" / kind).mkdir(parents=True, exist_ok=True)
            Image.fromarray(np.uint8(255 * np.clip(values, 0, 1))).save(tmp_path / "data" / kind / f"{id}.png")
    small = ("decoder=[8,4]", "chip=32", "batch=3", "epochs=1", "fold_count=2", "precision=float32")
    words = ["tune", "salt", tmp_path / "data", "--out", tmp_path / "out", "--recipe", "unet-bce", "--trials", "1"]
    monkeypatch.setattr(sys, "argv", ["outcrop", *map(str, words), *(w for s in small for w in ("--set", s))])
    with pytest.raises(SystemExit) as stop:
        main()
    said = capsys.readouterr()
    assert not stop.value.code, said.err
    first, second = said.out.splitlines()
    assert first.startswith("best of 1: trial 0, IoU 0.") and "trial 0  IoU 0." in said.err
    flags, pairs = shlex.split(second)[::2], shlex.split(second)[1::2]
    assert set(flags) == {"--set"}
    changed = tasks.load("salt").recipes["unet-bce"].changed(dict(pair.split("=", 1) for pair in pairs))
    record = json.loads((tmp_path / "out" / "trial-0" / "record.json").read_text())
    assert Recipe.from_dict(record["recipe"]) == changed
