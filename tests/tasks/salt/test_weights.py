"""The shipped models claim what they are for."""

import numpy as np
import pytest

from outcrop import tasks
from outcrop.engine.ensembles import Ensembles, shipped
from outcrop.models.runtime import read_card
from outcrop.tasks.salt.draw import Setting, draw_volume

TASK = tasks.load("salt")
SETS = shipped(TASK)


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
