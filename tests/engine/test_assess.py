"""Model files of folds are judged by what each held out, and by nothing else."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from tests.conftest import tiny_card

from outcrop.core.errors import BadInput, UsageError
from outcrop.core.labelled import Labelled, fingerprint
from outcrop.core.task import Task
from outcrop.engine.folds import assign, fold_files
from outcrop.models.recipe import Recipe
from outcrop.tasks import load as load_task

pytest.importorskip("torch", reason="needs torch: install the extra 'learn'")
pytest.importorskip("onnx", reason="needs onnx: install the extra 'learn'")

from outcrop.engine.assess import assess, of_files, of_run, together
from outcrop.engine.export import export, recard
from outcrop.engine.learn import network_of, run_fold
from outcrop.models.runtime import read_card

Blobs = Callable[..., Labelled]


def files_of(recipe: Recipe, labelled: Labelled, run: Path, out: Path) -> dict[int, Path]:
    """A run of every fold, each exported with the card of its fold."""
    out.mkdir()
    for fold in range(recipe.fold_count * recipe.fold_parts):
        run_fold(recipe, labelled, run, fold, 1)
        told = {"recipe": recipe.as_dict(), "fold": fold, "labelled_sha256": fingerprint(labelled)}
        export(network_of(run, fold, 1)[0], tiny_card(training=told), out / f"tiny-{fold}.onnx")
    return fold_files(out)


@pytest.fixture
def room(blobs: Blobs) -> Task:
    """The salt room over discs on noise."""
    return replace(load_task("salt"), examples=lambda folder, **how: blobs(30))


def test_files_say_of_each_fold_what_the_run_said(tiny_recipe: Recipe, blobs: Blobs, tmp_path: Path) -> None:
    labelled = blobs(30)
    files = files_of(tiny_recipe, labelled, tmp_path / "run", tmp_path / "files")
    assert sorted(files) == [0, 1, 2]
    for flips in (False, True):
        theirs, place = of_files(files, labelled, flips=flips)
        ours, folds = of_run(tmp_path / "run", labelled, flips=flips)
        assert np.array_equal(place, folds)
        assert np.array_equal(place, assign(labelled, "random", 3, tiny_recipe.seed))
        # The run averages logits with the mirror image, files average probabilities.
        assert all(np.allclose(a, b, atol=0.02) for a, b in zip(theirs, ours, strict=True))


def test_halves_of_folds_are_judged_by_what_held_out_each(tiny_recipe: Recipe, blobs: Blobs, tmp_path: Path) -> None:
    labelled, recipe = blobs(30), replace(tiny_recipe, epochs=1, fold_parts=2)
    files = files_of(recipe, labelled, tmp_path / "run", tmp_path / "files")
    (theirs, place), (ours, folds) = (
        of_files(files, labelled, flips=False),
        of_run(tmp_path / "run", labelled, flips=False),
    )
    assert np.array_equal(place, folds) and sorted(set(place.tolist())) == list(range(6))
    assert np.array_equal(place % 3, assign(labelled, "random", 3, recipe.seed))
    assert all(np.allclose(a, b, atol=1e-4) for a, b in zip(theirs, ours, strict=True))


def test_a_folder_of_files_is_judged_like_a_run(tiny_recipe: Recipe, blobs: Blobs, room: Task, tmp_path: Path) -> None:
    recipe = replace(tiny_recipe, epochs=8, ema=0.9)
    files_of(recipe, blobs(30), tmp_path / "run", tmp_path / "files")
    one = assess(room, tmp_path, tmp_path / "a", run=tmp_path / "run")
    two = assess(room, tmp_path, tmp_path / "b", run=tmp_path / "files")
    assert two.pictures == 30 and two.folds_given
    assert two.score.value == pytest.approx(one.score.value, abs=0.03)
    assert (tmp_path / "b" / "evaluation.html").exists()


def test_of_two_runs_the_mean_counts_of_what_never_saw_a_picture(
    tiny_recipe: Recipe, blobs: Blobs, tmp_path: Path
) -> None:
    labelled, halves = blobs(30), replace(tiny_recipe, fold_count=2)
    for fold in range(3):
        run_fold(tiny_recipe, labelled, tmp_path / "thirds", fold, 1)
    run_fold(halves, labelled, tmp_path / "halves", 1, 1)
    first, second = (of_run(tmp_path / name, labelled, flips=True) for name in ("thirds", "halves"))
    said, folds, beside = together([first, second], labelled)
    held = assign(labelled, "random", 2, tiny_recipe.seed) == 1
    assert np.array_equal(folds, np.where(held, assign(labelled, "random", 3, tiny_recipe.seed), -1))
    for i in np.flatnonzero(held):
        assert np.allclose(said[i], (first[0][i] + second[0][i]) / 2)
    # Three pictures make a group, so that most have one of their group among what trained.
    assert beside.dtype == bool and beside[held].mean() > 0.5
    alone, place, _ = together([first], labelled)
    assert alone is first[0] and np.array_equal(place, first[1])
    with pytest.raises(UsageError, match="held out by all"):
        together([second, (second[0], np.where(second[1] < 0, 0, -1))], labelled)


def test_files_judged_together_get_cards_that_say_so(
    tiny_recipe: Recipe, blobs: Blobs, room: Task, tmp_path: Path
) -> None:
    recipe = replace(tiny_recipe, epochs=8, ema=0.9)
    files = files_of(recipe, blobs(30), tmp_path / "run", tmp_path / "files")
    again = files_of(replace(recipe, fold_count=2), blobs(30), tmp_path / "other", tmp_path / "halves")
    for fold, file in again.items():
        file.rename(file.with_name(f"other-{fold}.onnx"))
    both = [tmp_path / "files", tmp_path / "halves"]
    found = assess(room, tmp_path, tmp_path / "both", run=both, export=True)
    assert found.pictures == 30 and len(found.folds) == 3
    names = sorted(path.name for path in (tmp_path / "both").glob("*.onnx"))
    assert names == ["other-0.onnx", "other-1.onnx", "tiny-0.onnx", "tiny-1.onnx", "tiny-2.onnx"]
    for name in names:
        card = read_card(tmp_path / "both" / name)
        assert card.calibration.threshold == found.tuned.decision.threshold and card.calibration.errors
        assert card.scores["mean over folds"] == round(found.fold_mean, 4)
    before = read_card(files[0])
    assert replace(card, calibration=before.calibration, scores={}, training={}) == replace(
        before, scores={}, training={}
    )
    with pytest.raises(UsageError, match="overwrite each other"):
        assess(room, tmp_path, tmp_path / "same", run=[both[0], both[0]], export=True)
    with pytest.raises(UsageError, match="one by one"):
        assess(room, tmp_path, tmp_path / "twice", run=[tmp_path / "run", tmp_path / "other"], export=True)


def test_a_missing_fold_is_not_judged(tiny_recipe: Recipe, blobs: Blobs, tmp_path: Path) -> None:
    labelled = blobs(30)
    files = files_of(tiny_recipe, labelled, tmp_path / "run", tmp_path / "files")
    del files[1]
    _, place = of_files(files, labelled, flips=False)
    assert set(place.tolist()) == {0, 2, -1}
    assert np.array_equal(place == -1, assign(labelled, "random", 3, tiny_recipe.seed) == 1)


def test_files_of_other_pictures_or_of_a_wrong_name_are_refused(
    tiny_recipe: Recipe, blobs: Blobs, tmp_path: Path
) -> None:
    labelled = blobs(30)
    files = files_of(tiny_recipe, labelled, tmp_path / "run", tmp_path / "files")
    with pytest.raises(BadInput, match="trained on other pictures"):
        of_files(files, blobs(30, seed=8), flips=False)
    with pytest.raises(BadInput, match="another fold"):
        of_files({1: files[0]}, labelled, flips=False)
    card = read_card(files[0])
    silent: dict[str, Any] = {key: value for key, value in card.training.items() if key != "labelled_sha256"}
    recard(files[0], replace(card, training=silent))
    with pytest.raises(UsageError, match="does not tell what it held out"):
        of_files(files, labelled, flips=False)


def test_a_set_of_files_is_named_by_its_folder_or_by_how_the_names_begin(
    tiny_recipe: Recipe, blobs: Blobs, room: Task, tmp_path: Path
) -> None:
    files = files_of(tiny_recipe, blobs(30), tmp_path / "run", tmp_path / "files")
    assert fold_files(tmp_path / "files" / "tiny") == files
    assert fold_files(tmp_path / "run") == fold_files(tmp_path / "nowhere") == {}
    for name in ("other-0.onnx", "no-number.onnx"):
        (tmp_path / "files" / name).write_bytes(files[0].read_bytes())
    assert fold_files(tmp_path / "files" / "tiny") == files
    with pytest.raises(UsageError, match="both of fold 0"):
        fold_files(tmp_path / "files")
