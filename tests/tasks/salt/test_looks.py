"""The looks of a picture are those of the waves it was drawn with, and foreign ones are told in a sentence."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from outcrop.core.scene import Floats
from outcrop.tasks.salt.looks import ADVICE, differences, looks, ranges


def waves(length: float, side: int = 128, phase: float = 0.0) -> Floats:
    """Flat layers of this wavelength in pixels, with a gentle dip so that traces differ."""
    row, col = np.mgrid[:side, :side]
    return np.asarray(0.5 + 0.2 * np.sin(2 * np.pi * (row + 0.05 * col) / length + phase), np.float32)


@pytest.mark.parametrize("length", [4.0, 8.0, 16.0])
def test_the_wavelength_is_that_of_the_layers(length: float) -> None:
    assert looks(waves(length))["wavelength"] == pytest.approx(length, rel=0.05)


def test_white_noise_is_as_rough_as_can_be_in_both_directions() -> None:
    """Neighbours are independent: half the mean squared difference is the variance."""
    found = looks(np.random.default_rng(0).random((200, 200), np.float32))
    assert found["vertical roughness"] == pytest.approx(1, abs=0.05)
    assert found["lateral roughness"] == pytest.approx(1, abs=0.05)


def test_layers_are_smooth_sideways_and_rough_downwards() -> None:
    found = looks(waves(8))
    assert found["lateral roughness"] < 0.01
    assert found["vertical roughness"] == pytest.approx(1 - np.cos(2 * np.pi / 8), rel=0.05)


def test_the_spread_and_peak_of_a_sine_are_known() -> None:
    found = looks(waves(8))
    assert found["spread"] == pytest.approx(0.2 / np.sqrt(2), rel=0.02)
    assert found["peakedness"] == pytest.approx(np.sqrt(2), rel=0.02)
    assert found["asymmetry"] == pytest.approx(0, abs=0.02)


def test_asymmetry_changes_sign_with_polarity() -> None:
    spiky = np.random.default_rng(0).random((64, 64)).astype(np.float32) ** 4
    assert looks(spiky)["asymmetry"] == pytest.approx(-looks(1 - spiky)["asymmetry"], rel=1e-3)
    assert looks(spiky)["asymmetry"] > 0.5


def test_a_mute_is_the_share_that_does_not_change() -> None:
    picture = waves(7)
    picture[:64] = 0.5
    assert looks(picture)["muted"] == pytest.approx(63 / 127, abs=0.01)


def test_every_look_has_its_advice() -> None:
    assert looks(waves(8)).keys() == ADVICE.keys()


@pytest.mark.parametrize("shape", [(15, 100), (100, 15), (1, 1)])
def test_too_small_a_picture_has_no_looks(shape: tuple[int, int]) -> None:
    assert looks(np.random.default_rng(0).random(shape, np.float32)) == {}


def test_a_constant_picture_has_no_looks() -> None:
    assert looks(np.full((32, 32), 0.3, np.float32)) == {}


@pytest.mark.filterwarnings("error")
def test_a_picture_of_nothing_has_no_looks() -> None:
    """A dead line in the middle of a survey is not foreign."""
    assert looks(np.full((32, 32), np.nan, np.float32)) == {}


@given(st.integers(0, 100))
def test_dead_traces_do_not_spoil_the_looks(seed: int) -> None:
    picture = waves(8)
    picture[:, np.random.default_rng(seed).random(128) < 0.1] = np.nan
    assert all(np.isfinite(value) for value in looks(picture).values())


def test_gain_does_not_change_the_character() -> None:
    picture = np.random.default_rng(0).random((64, 64), np.float32)
    quiet, loud = looks(picture * 0.3 + 0.1), looks(picture)
    for name in ("wavelength", "vertical roughness", "lateral roughness", "peakedness", "asymmetry"):
        assert quiet[name] == pytest.approx(loud[name], rel=1e-3)


def test_ranges_hold_nearly_all_training_pictures() -> None:
    pictures = [waves(length, 32) for length in np.linspace(4, 12, 50)]
    found = ranges(pictures)
    assert found.keys() == ADVICE.keys()
    inside = [low <= looks(p)["wavelength"] <= high for p in pictures for low, high in [found["wavelength"]]]
    assert 0.9 < np.mean(inside) <= 1
    low, high = found["wavelength"]
    assert low == pytest.approx(4, rel=0.1) and high == pytest.approx(12, rel=0.15)


def test_pictures_too_small_for_looks_have_no_ranges() -> None:
    assert ranges([np.zeros((4, 4), np.float32)]) == {}
    assert ranges([]) == {}


def test_a_picture_like_the_training_ones_is_not_foreign() -> None:
    training = ranges([waves(8, phase=p) for p in range(5)], 0, 100)
    wide = {name: [low - 0.1, high + 0.1] for name, (low, high) in training.items()}
    assert differences(looks(waves(8, phase=0.5)), wide) == ()


def test_a_foreign_look_is_told_with_its_number_the_range_and_what_to_do() -> None:
    (sentence,) = differences({"wavelength": 30.0, "muted": 0.0}, {"wavelength": [4.0, 12.0], "muted": [0.0, 0.5]})
    assert sentence.startswith("foreign: dominant vertical wavelength is 30 px, in the training data 4 to 12: ")
    assert sentence.endswith("resample the section so that its wavelets look like the training ones")


def test_looks_that_the_card_does_not_know_are_left_out() -> None:
    assert differences({"wavelength": 30.0}, {}) == ()
