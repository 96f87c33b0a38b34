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

from outcrop.engine.assess import assess, of_files, of_run
from outcrop.engine.export import export, recard
from outcrop.engine.learn import network_of, run_fold
from outcrop.models.runtime import read_card

Blobs = Callable[..., Labelled]


def files_of(recipe: Recipe, labelled: Labelled, run: Path, out: Path) -> dict[int, Path]:
    """A run of three folds, each exported with the card of its fold."""
    out.mkdir()
    for fold in range(recipe.fold_count):
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


def test_a_folder_of_files_is_judged_like_a_run(tiny_recipe: Recipe, blobs: Blobs, room: Task, tmp_path: Path) -> None:
    recipe = replace(tiny_recipe, epochs=8, ema=0.9)
    files_of(recipe, blobs(30), tmp_path / "run", tmp_path / "files")
    one = assess(room, tmp_path, tmp_path / "a", run=tmp_path / "run")
    two = assess(room, tmp_path, tmp_path / "b", run=tmp_path / "files")
    assert two.pictures == 30 and two.folds_given
    assert two.score.value == pytest.approx(one.score.value, abs=0.03)
    assert (tmp_path / "b" / "evaluation.html").exists()


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
    with pytest.raises(UsageError, match="makes them of a training run"):
        assess(room, tmp_path, tmp_path / "c", run=tmp_path / "files", export=True)
    for name in ("other-0.onnx", "no-number.onnx"):
        (tmp_path / "files" / name).write_bytes(files[0].read_bytes())
    assert fold_files(tmp_path / "files" / "tiny") == files
    with pytest.raises(UsageError, match="both of fold 0"):
        fold_files(tmp_path / "files")
