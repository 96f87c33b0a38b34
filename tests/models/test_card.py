"""A card comes back from its JSON as it was, and anything else is refused with a sentence."""

import json
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from outcrop.core.errors import BadModel
from outcrop.core.task import Calibration, ModelError
from outcrop.models.card import Card

FULL = Card(
    name="pictures-0", task="salt", classes=("salt", "anhydrite"), bands=("grey",), chip=112, multiple=32, window=128, overlap=48,
    normalisation="grey in [0, 1]", precision="int8", temperature=1.3, sides=(64, 256), context=True,
    calibration=Calibration(
        threshold=(0.45, 0.5), min_area=30, rule="component",
        errors={"salt area": ModelError(bias=-0.02, spread=0.2, examples=3000, source="out-of-fold pictures")},
    ),
    training={"recipe": {"epochs": 40}, "looks": {"wavelength": [4.0, 20.0]}}, scores={"iou": 0.8}, data="TGS", licence="Apache-2.0",
    limits="pictures of 101 px",
)  # fmt: skip


def test_a_card_comes_back_as_it_was() -> None:
    assert Card.from_json(FULL.to_json(), "a.onnx") == FULL


def test_a_short_card_gets_the_usual_settings() -> None:
    short = {
        "name": "a", "task": "salt", "classes": ["salt"], "bands": ["grey"], "chip": 64, "sides": [1, 10],
        "calibration": {"threshold": [0.5], "errors": {}},
    }  # fmt: skip
    card = Card.from_json(json.dumps(short), "a.onnx")
    assert (card.multiple, card.precision, card.calibration) == (32, "float32", Calibration())


def test_the_same_card_gives_the_same_text() -> None:
    assert Card.from_json(FULL.to_json(), "a.onnx").to_json() == FULL.to_json()


@pytest.mark.parametrize(
    "text", ["", "{", "null", "[]", "3", '"card"', "{}", '{"calibration": 3}', '{"calibration": {"errors": []}}']
)
def test_text_that_is_no_card_is_refused(text: str) -> None:
    with pytest.raises(BadModel, match="a.onnx: the card inside is not one of Outcrop's .*: export the model again"):
        Card.from_json(text, "a.onnx")


@pytest.mark.parametrize("key", ["name", "task", "classes", "bands", "chip", "sides", "calibration"])
def test_a_card_without_a_needed_entry_is_refused(key: str) -> None:
    data = json.loads(FULL.to_json())
    del data[key]
    with pytest.raises(BadModel, match=key):
        Card.from_json(json.dumps(data), "a.onnx")


def test_a_card_of_a_later_version_is_refused_by_name() -> None:
    data = {**json.loads(FULL.to_json()), "colour": "blue"}
    with pytest.raises(BadModel, match="colour"):
        Card.from_json(json.dumps(data), "a.onnx")


json_values = st.recursive(
    st.none() | st.booleans() | st.integers(-5, 5) | st.text(max_size=3),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner, max_size=3),
    max_leaves=6,
)


@given(st.sampled_from(sorted(json.loads(FULL.to_json()))), json_values)
def test_a_card_with_any_entry_spoilt_is_read_or_refused_but_never_crashes(key: str, value: Any) -> None:
    data = {**json.loads(FULL.to_json()), key: value}
    try:
        Card.from_json(json.dumps(data), "a.onnx")
    except BadModel as refusal:
        assert "a.onnx" in str(refusal)


def test_deepness_finds_its_keys(card: Callable[..., Card]) -> None:
    """The names that the QGIS plug-in looks up, each value a JSON text."""
    keys = {name: json.loads(text) for name, text in card(classes=("salt", "sand"), overlap=4).deepness().items()}
    assert keys["model_type"] == "Segmentor"
    assert keys["class_names"] == {"0": "background", "1": "salt", "2": "sand"}
    assert (keys["tile_size"], keys["tiles_overlap"], keys["seg_thresh"]) == (16, 25, 0.5)
    assert (keys["standardization_mean"], keys["standardization_std"]) == ([0.0], [1.0])
