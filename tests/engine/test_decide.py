"""Cutting: masks by hand, a table that agrees with the masks, and a choice that is judged honestly."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from outcrop.core.errors import UsageError
from outcrop.engine.decide import RULES, Decision, tabulate, to_mask, tune
from outcrop.engine.metrics import METRICS, Mask, count, score

SPOTS = np.array([[[0.9, 0.9, 0.0, 0.6], [0.9, 0.0, 0.0, 0.0]]], np.float32)
"""One component of three pixels, one of one."""


# Known truth


@pytest.mark.parametrize(
    ("decision", "wanted"),
    [
        (Decision(threshold=(0.5,)), [[1, 1, 0, 1], [1, 0, 0, 0]]),
        (Decision(threshold=(0.7,)), [[1, 1, 0, 0], [1, 0, 0, 0]]),
        (Decision(threshold=(0.5,), min_area=2), [[1, 1, 0, 0], [1, 0, 0, 0]]),
        (Decision(threshold=(0.5,), min_area=3), [[1, 1, 0, 0], [1, 0, 0, 0]]),
        (Decision(threshold=(0.5,), min_area=4), [[0, 0, 0, 0], [0, 0, 0, 0]]),
        (Decision(threshold=(0.5,), min_area=4, area_rule="picture"), [[1, 1, 0, 1], [1, 0, 0, 0]]),
        (Decision(threshold=(0.5,), min_area=5, area_rule="picture"), [[0, 0, 0, 0], [0, 0, 0, 0]]),
    ],
)
def test_a_decision_cuts_as_it_says(decision: Decision, wanted: list[list[int]]) -> None:
    assert to_mask(SPOTS, decision).tolist() == wanted


def test_a_probability_at_the_threshold_belongs_to_the_class() -> None:
    assert to_mask(np.array([[[0.5, 0.4999]]], np.float32), Decision(threshold=(0.5,))).tolist() == [[1, 0]]


def test_pixels_that_touch_at_a_corner_are_two_components() -> None:
    planes = np.eye(2, dtype=np.float32)[None]
    assert not to_mask(planes, Decision(threshold=(0.5,), min_area=2)).any()


def test_what_was_not_seen_is_no_data() -> None:
    assert to_mask(np.array([[[np.nan, 0.9]]], np.float32), Decision(threshold=(0.5,))).tolist() == [[255, 1]]


def test_a_pixel_is_of_its_most_probable_class_or_of_none() -> None:
    planes = np.array([[[0.6, 0.4, 0.3]], [[0.55, 0.8, 0.45]]], np.float32)
    assert to_mask(planes, Decision(threshold=(0.5, 0.5))).tolist() == [[1, 2, 0]]
    assert to_mask(planes, Decision(threshold=(0.7, 0.5))).tolist() == [[0, 2, 0]]


def test_bytes_are_cut_like_floats() -> None:
    planes = np.array([[[127, 128, 0]]], np.uint8)
    assert to_mask(planes, Decision(threshold=(0.5,))).tolist() == [[0, 1, 0]]


# The table


@given(st.integers(0, 10_000), st.integers(1, 2))
def test_every_cell_of_the_table_counts_the_mask_of_its_decision(seed: int, classes: int) -> None:
    rng = np.random.default_rng(seed)
    planes = [rng.random((classes, *rng.integers(3, 9, 2))).astype(np.float32) for _ in range(3)]
    masks: list[Mask] = [rng.choice([0, 1, classes, 255], plane.shape[1:]).astype(np.uint8) for plane in planes]
    planes[0][:, 0, 0] = np.nan
    table = tabulate(planes, masks, thresholds=(0.3, 0.6), areas=(2, 5))
    assert (table.areas, table.thresholds) == ((0, 2, 5), (0.3, 0.5, 0.6))
    for rule, area, step in np.ndindex(2, 3, 3):
        decision = Decision(
            threshold=(table.thresholds[step],) * classes, min_area=table.areas[area], area_rule=RULES[rule]
        )
        wanted = count([to_mask(plane, decision) for plane in planes], masks, classes)
        found = table.counts(rule, area, step)
        for name in ("both", "predicted", "truth", "counted"):
            assert np.array_equal(getattr(found, name), getattr(wanted, name)), name


# The choice


def discs(number: int, crumb: int, cut: float, seed: int = 0) -> tuple[list[np.ndarray], list[Mask]]:
    """Half of the pictures hold a disc; the right cut is ``cut``, and every picture has a false crumb of given side."""
    rng = np.random.default_rng(seed)
    row, col = np.mgrid[:32, :32]
    planes, masks = [], []
    for place in range(number):
        distance = np.hypot(row - rng.uniform(14, 18), col - rng.uniform(14, 18)) - 8
        mask = (distance < 0) & (place % 2 == 0)
        values = np.clip(cut - distance / 20, 0, 1) if mask.any() else np.zeros((32, 32))
        values[:crumb, :crumb] = 1
        planes.append(values[None].astype(np.float32))
        masks.append(mask.astype(np.uint8))
    return planes, masks


def test_the_threshold_and_area_that_were_built_in_are_found() -> None:
    planes, masks = discs(40, crumb=5, cut=0.35)
    tuned = tune(tabulate(planes, masks), np.arange(40) % 4, "kaggle")
    assert tuned.kept
    assert tuned.decision.threshold == (0.35,)
    assert tuned.decision.min_area == 50
    assert tuned.decision.area_rule == "component"
    assert tuned.nested == tuned.fitted == 1
    assert tuned.plain < 0.5


def test_the_rule_of_whole_pictures_wins_where_crumbs_of_true_bodies_matter() -> None:
    # True bodies come in crumbs of four pixels, many to a picture; a false crumb comes alone.
    planes, masks = [], []
    for place in range(20):
        mask = np.zeros((30, 30), np.uint8)
        mask[::5, ::5] = mask[1::5, ::5] = mask[::5, 1::5] = mask[1::5, 1::5] = 1
        alone = np.zeros((30, 30), np.uint8)
        alone[3:5, 3:5] = 1
        true = mask if place % 2 else np.zeros_like(mask)
        masks.append(true)
        planes.append((mask if place % 2 else alone)[None].astype(np.float32))
    tuned = tune(tabulate(planes, masks), np.arange(20) % 5, "kaggle")
    assert (tuned.decision.area_rule, tuned.nested) == ("picture", 1.0)
    assert tune(tabulate(planes, masks, rules=("component",)), np.arange(20) % 5, "kaggle").nested < 1


@pytest.mark.parametrize("metric", ["kaggle", "iou", "dice"])
def test_the_nested_score_is_that_of_masks_cut_as_the_other_folds_say(metric: str) -> None:
    rng = np.random.default_rng(1)
    planes, masks = discs(30, crumb=3, cut=0.4)
    planes = [np.clip(plane + rng.normal(0, 0.2, plane.shape), 0, 1).astype(np.float32) for plane in planes]
    folds = rng.integers(0, 3, 30)
    tuned = tune(tabulate(planes, masks), folds, metric)
    for number in range(3):
        others = np.flatnonzero(folds != number)
        alone = tune(
            tabulate([planes[i] for i in others], [masks[i] for i in others]), np.arange(len(others)) % 2, metric
        )
        assert alone.kept and tuned.by_fold[number] == alone.decision
    cut = [to_mask(plane, tuned.by_fold[int(number)]) for plane, number in zip(planes, folds, strict=True)]
    assert tuned.nested == pytest.approx(score(metric, count(cut, masks, 1)))
    assert tuned.nested <= tuned.fitted + 1e-12


def test_tuning_on_noise_does_not_raise_the_honest_score() -> None:
    rng = np.random.default_rng(2)
    gains = []
    for _ in range(10):
        planes = [rng.random((1, 6, 6)).astype(np.float32) for _ in range(20)]
        masks = [(rng.random((6, 6)) < 0.5).astype(np.uint8) for _ in range(20)]
        tuned = tune(
            tabulate(planes, masks, areas=(0,), thresholds=(0.48, 0.49, 0.5, 0.51, 0.52)), np.arange(20) % 5, "iou"
        )
        gains.append((tuned.nested - tuned.plain, tuned.fitted - tuned.plain))
        assert tuned.nested >= tuned.plain
    honest, flattered = np.mean(gains, axis=0)
    assert honest < flattered


def test_where_tuning_does_not_win_the_plain_cut_stays() -> None:
    planes, masks = discs(12, crumb=0, cut=0.5)
    tuned = tune(tabulate(planes, masks), np.arange(12) % 3, "kaggle")
    assert not tuned.kept
    assert tuned.decision == Decision(threshold=(0.5,))
    assert set(tuned.by_fold.values()) == {tuned.decision}
    assert tuned.nested == tuned.plain == 1


def test_every_class_gets_its_own_threshold() -> None:
    (first, true), (second, other) = discs(20, crumb=0, cut=0.3), discs(20, crumb=0, cut=0.7, seed=1)
    planes = [np.concatenate([np.pad(a, ((0, 0), (0, 0), (0, 32))), np.pad(b, ((0, 0), (0, 0), (32, 0)))])
              for a, b in zip(first, second, strict=True)]  # fmt: skip
    masks = [np.concatenate([a, 2 * b], axis=1).astype(np.uint8) for a, b in zip(true, other, strict=True)]
    tuned = tune(tabulate(planes, masks), np.arange(20) % 4, "iou")
    assert tuned.decision.threshold == (0.3, 0.7)
    assert METRICS["iou"].pooled(count([to_mask(p, tuned.decision) for p in planes], masks, 2)).tolist() == [1, 1]


def test_one_fold_or_another_metric_is_refused() -> None:
    table = tabulate(*discs(4, crumb=0, cut=0.5))
    with pytest.raises(UsageError, match="at least two folds"):
        tune(table, np.zeros(4, np.int64), "kaggle")
    with pytest.raises(UsageError, match="choose one of kaggle, iou, dice"):
        tune(table, np.arange(4), "accuracy")
