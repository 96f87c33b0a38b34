"""The shipped models claim what they are for."""

from pathlib import Path

import numpy as np
import pytest

import outcrop
from outcrop import tasks
from outcrop.core.labelled import fingerprint
from outcrop.engine.ensembles import Ensembles, shipped
from outcrop.models.runtime import read_card
from outcrop.tasks.salt.data import examples
from outcrop.tasks.salt.draw import Setting, draw_volume

TASK = tasks.load("salt")
SETS = shipped(TASK)
FOLDS = Path(__file__).parents[3] / "benchmarks" / "folds" / "salt"


def test_pictures_and_sections_are_shipped_for_other_sizes() -> None:
    sides = {name: [read_card(path).sides for path in paths] for name, paths in SETS.items()}
    assert set(sides["pictures"]) == {(1, 168)}
    assert set(sides["sections"]) == {(169, 1_000_000)}


def test_a_volume_is_seen_by_the_sections_model_even_when_it_is_small() -> None:
    volume = draw_volume(np.random.default_rng(0), Setting(shape=(8, 8, 32))).source
    chosen = Ensembles(TASK, (), engine="onnxruntime", flips="alternate").fitting(volume)
    assert [model.path.name for model in chosen.models] == [path.name for path in SETS["sections"]]


@pytest.mark.parametrize("path", [p for paths in SETS.values() for p in paths], ids=lambda p: p.name)
def test_a_card_says_data_licence_limits_scores_and_looks(path) -> None:
    card = read_card(path)
    assert card.task == "salt" and card.classes == ("salt",) and card.precision == "int8"
    assert "TGS" in card.data and "redistribution" in card.licence and card.limits
    assert card.scores["metric"] in ("kaggle", "iou") and card.training["looks"]["wavelength"][0] > 1
    assert card.calibration.errors
    assert path.stat().st_size < 25e6


@pytest.mark.parametrize("path", SETS["pictures"], ids=lambda p: p.name)
def test_training_can_go_on_from_a_shipped_picture_model(path: Path, tmp_path: Path) -> None:
    """Put into the network of the recipe that its card names, the file says the same; else ``restart`` refuses it."""
    pytest.importorskip("torch", reason="needs torch: install the extra 'learn'")
    pytest.importorskip("onnx", reason="needs onnx: install the extra 'learn'")
    from outcrop.engine import augment
    from outcrop.engine.restart import restart
    from outcrop.models.network import build
    from outcrop.models.recipe import Recipe

    outcrop.draw("salt", tmp_path, seed=5, kind="pictures", count="16")
    drawn = examples(tmp_path)
    recipe = Recipe.from_dict(read_card(path).training["recipe"])
    image, *_ = augment.batch(drawn, np.arange(16), 1, recipe.chip, augment.STILL, np.random.default_rng(0))
    restart(build(recipe, 1, 1), path, list(image.numpy()))


def test_each_fold_has_a_model_that_says_what_it_held_out(data: Path) -> None:
    """Five files, three of them shipped, so that anyone with the pictures can judge the recipe out of fold."""
    known = fingerprint(examples(data / "tgs" / "train"))
    for fold in range(5):
        told = read_card(FOLDS / f"pictures-{fold}.onnx").training
        assert told["fold"] == fold and told["labelled_sha256"] == known
        assert (told["recipe"]["folds"], told["recipe"]["fold_count"], told["recipe"]["seed"]) == ("random", 5, 0)
    for path in SETS["pictures"]:
        assert (FOLDS / path.name).read_bytes() == path.read_bytes()
