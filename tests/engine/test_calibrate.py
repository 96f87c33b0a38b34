"""Calibration: drawn probabilities whose honesty is known beforehand."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.special import expit

from outcrop.engine.calibrate import (
    Pixels,
    Temperature,
    as_floats,
    fit_temperature,
    precision_recall,
    reliability,
    sample_pixels,
    tune_temperature,
)
from outcrop.engine.metrics import Real


def drawn(count: int, temperature: float = 1.0, bias: float = 0.0, seed: int = 0) -> Pixels:
    """Pixels whose honest logits were multiplied by a temperature, after a bias was taken away."""
    rng = np.random.default_rng(seed)
    honest = rng.normal(-0.5, 2.0, count)
    truth = rng.random(count) < expit(honest)
    return Pixels(probability=expit((honest - bias) * temperature), truth=truth, fold=rng.integers(0, 5, count))


# Known truth


def test_reliability_of_four_pixels_is_as_by_hand() -> None:
    found = reliability(np.array([0.1, 0.2, 0.8, 0.9]), np.array([False, True, True, True]), bins=2)
    assert found.counts.tolist() == [2, 2]
    assert found.said.tolist() == pytest.approx([0.15, 0.85])
    assert found.observed.tolist() == [0.5, 1.0]
    assert found.ece == pytest.approx((0.35 + 0.15) / 2)
    assert found.brier == pytest.approx((0.01 + 0.64 + 0.04 + 0.01) / 4)
    assert found.log_loss == pytest.approx(-np.log([0.9, 0.2, 0.8, 0.9]).mean())


def test_an_empty_bin_says_nothing_and_weighs_nothing() -> None:
    found = reliability(np.array([0.99, 0.98]), np.array([True, True]), bins=4)
    assert np.isnan(found.said[:3]).all() and np.isnan(found.observed[:3]).all()
    assert found.ece == pytest.approx(0.015)


def test_honest_probabilities_have_hardly_any_calibration_error() -> None:
    pixels = drawn(200_000)
    assert reliability(pixels.probability, pixels.truth).ece < 0.004


def test_overconfidence_shows_as_calibration_error() -> None:
    pixels = drawn(50_000, temperature=3)
    assert reliability(pixels.probability, pixels.truth).ece > 0.05


@pytest.mark.parametrize("temperature", [0.5, 1.0, 2.5, 6.0])
def test_a_known_temperature_is_found_again(temperature: float) -> None:
    assert fit_temperature(drawn(200_000, temperature)).scale == pytest.approx(temperature, rel=0.02)


def test_a_known_bias_is_found_again() -> None:
    found = fit_temperature(drawn(200_000, 2.0, bias=0.7), with_bias=True)
    assert found.scale == pytest.approx(2.0, rel=0.02)
    assert found.bias == pytest.approx(0.7, abs=0.03)


def test_the_temperature_mends_what_it_was_fitted_for() -> None:
    trust = tune_temperature([drawn(100_000, 3.0)])
    assert trust.kept
    assert trust.temperature.scale == pytest.approx(3.0, rel=0.03)
    assert trust.before[0].ece > 0.05
    assert trust.after[0].ece < 0.006


def test_a_temperature_that_does_not_help_is_left_out() -> None:
    # Each fold is wrong in its own way: what one teaches harms the other.
    sure, shy = drawn(20_000, 6.0), drawn(20_000, 0.2, seed=1)
    pixels = Pixels(
        probability=np.concatenate([sure.probability, shy.probability]),
        truth=np.concatenate([sure.truth, shy.truth]),
        fold=np.repeat([0, 1], 20_000),
    )
    trust = tune_temperature([pixels])
    assert not trust.kept
    assert trust.temperature == Temperature()
    assert trust.after == trust.before


def test_one_temperature_serves_all_classes() -> None:
    trust = tune_temperature([drawn(40_000, 2.0), drawn(40_000, 2.0, seed=1)])
    assert trust.temperature.scale == pytest.approx(2.0, rel=0.05)
    assert len(trust.before) == len(trust.after) == 2


@pytest.mark.parametrize("value", [True, False])
def test_truth_of_one_kind_teaches_nothing(value: bool) -> None:
    pixels = Pixels(probability=np.full(10, 0.3), truth=np.full(10, value), fold=np.zeros(10, np.int64))
    assert fit_temperature(pixels) == Temperature()


def test_precision_and_recall_of_five_pixels_are_as_by_hand() -> None:
    said, true = np.array([0.9, 0.8, 0.8, 0.3, 0.1]), np.array([True, True, False, True, False])
    found = precision_recall(Pixels(probability=said, truth=true, fold=np.zeros(5, np.int64)))
    points = dict(
        zip(found.threshold.tolist(), zip(found.precision.tolist(), found.recall.tolist(), strict=True), strict=True)
    )
    assert points[0.9] == pytest.approx((1, 1 / 3))
    assert points[0.8] == pytest.approx((2 / 3, 2 / 3))
    assert points[0.3] == pytest.approx((3 / 4, 1))
    assert found.average == pytest.approx((1 + 2 / 3 + 3 / 4) / 3)


def test_without_the_class_there_is_no_average_precision() -> None:
    pixels = Pixels(probability=np.array([0.2, 0.4]), truth=np.zeros(2, bool), fold=np.zeros(2, np.int64))
    assert np.isnan(precision_recall(pixels).average)


# Properties


@given(st.floats(0.05, 20), st.floats(-5, 5), st.lists(st.floats(0.001, 0.999), min_size=2, max_size=20, unique=True))
def test_a_temperature_keeps_the_order(scale: float, bias: float, values: list[float]) -> None:
    mended: Real = Temperature(scale=scale, bias=bias).apply(np.sort(values))
    assert (np.diff(mended) >= 0).all() and (mended >= 0).all() and (mended <= 1).all()


def test_no_temperature_changes_nothing() -> None:
    values = np.array([0.0, 0.2, 1.0])
    assert Temperature().apply(values).tolist() == pytest.approx(values.tolist())


# Pixels out of pictures


def test_bytes_are_read_as_parts_of_255() -> None:
    assert as_floats(np.array([0, 51, 255], np.uint8)).tolist() == pytest.approx([0, 0.2, 1])


def test_pixels_that_do_not_count_or_were_not_seen_are_not_drawn() -> None:
    planes = np.array([[[0.1, np.nan, 0.3, 1.0]]], np.float32)
    mask = np.array([[0, 1, 255, 1]], np.uint8)
    found = sample_pixels([planes], [mask], np.array([4]), position=0, rng=np.random.default_rng(0))
    assert found.probability.tolist() == pytest.approx([0.1, 1.0], abs=1e-6)
    assert found.truth.tolist() == [False, True]
    assert found.fold.tolist() == [4, 4]
    assert 0 < found.probability.max() < 1


@pytest.mark.parametrize("kind", [np.float16, np.float32, np.uint8])
def test_no_logit_of_a_drawn_pixel_is_infinite(kind: type) -> None:
    planes = np.array([[[0, 255 if kind is np.uint8 else 1]]], kind)
    found = sample_pixels(
        [planes], [np.zeros((1, 2), np.uint8)], np.array([0]), position=0, rng=np.random.default_rng(0)
    )
    assert (found.probability > 0).all() and (found.probability < 1).all()


def test_many_pixels_are_thinned_evenly_over_pictures() -> None:
    planes = [np.full((1, 40, 40), 0.2, np.float32), np.full((1, 80, 80), 0.7, np.float32)]
    masks = [np.zeros(plane.shape[1:], np.uint8) for plane in planes]
    found = sample_pixels(planes, masks, np.array([0, 1]), position=0, rng=np.random.default_rng(0), limit=1000)
    assert np.bincount(found.fold).tolist() == [200, 800]
