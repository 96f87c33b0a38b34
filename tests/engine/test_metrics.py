"""Scores: hand-computed truths, laws that hold for any counts, and the anchors of the real masks."""

import csv
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from outcrop.core.errors import BadInput, UsageError
from outcrop.engine.metrics import (
    COVERAGE_CLASSES,
    METRICS,
    Counts,
    Mask,
    bootstrap,
    count,
    coverage_class,
    kaggle_scores,
    metric_named,
    paired_bootstrap,
    picture_scores,
    score,
)
from outcrop.outputs.rle import rle_decode, rle_encode


def mask(*rows: str) -> Mask:
    """A mask from digits; "x" is not counted."""
    return np.array([[255 if value == "x" else int(value) for value in row] for row in rows], np.uint8)


EMPTY, FULL = mask("00", "00"), mask("11", "11")


# Known truth


@pytest.mark.parametrize(
    ("both", "union", "wanted"),
    [
        (0, 0, 1.0),  # both empty
        (0, 7, 0.0),  # exactly one empty, or no overlap
        (1, 1, 1.0),  # one pixel, found
        (1, 2, 0.0),  # exactly 0.5 clears nothing
        (11, 20, 0.1),  # exactly 0.55 clears 0.5 only
        (19, 20, 0.9),  # exactly 0.95
        (96, 100, 1.0),
        (51, 100, 0.1),
        (10_201, 10_201, 1.0),
    ],
)
def test_the_kaggle_score_is_strict_and_exact(both: int, union: int, wanted: float) -> None:
    assert kaggle_scores(np.array(both), np.array(union)) == wanted


def test_every_score_of_two_small_pictures_is_as_by_hand() -> None:
    truth = [mask("1100", "1100"), mask("0000", "0001")]
    predicted = [mask("0110", "0110"), mask("0000", "0001")]
    # First picture: 2 shared of 6; second: 1 of 1. Background agrees on 2 and 7 pixels.
    counts = count(predicted, truth, 1)
    wanted = {
        "kaggle": 0.5, "iou": 3 / 7, "dice": 6 / 10, "precision": 3 / 5, "recall": 3 / 5, "accuracy": 12 / 16,
        "picture_iou": (1 / 3 + 1) / 2, "picture_dice": (1 / 2 + 1) / 2, "picture_precision": 0.75, "picture_recall": 0.75,
        "picture_accuracy": 0.75,
    }  # fmt: skip
    assert set(wanted) == set(METRICS)
    assert {name: score(name, counts) for name in METRICS} == pytest.approx(wanted)


def test_nothing_there_and_nothing_predicted_is_a_full_overlap_but_no_precision() -> None:
    counts = count([EMPTY], [EMPTY], 1)
    assert [score(name, counts) for name in ("kaggle", "iou", "dice", "accuracy")] == [1, 1, 1, 1]
    assert np.isnan(score("precision", counts)) and np.isnan(score("recall", counts))


@pytest.mark.parametrize(("predicted", "truth"), [(EMPTY, FULL), (FULL, EMPTY)])
def test_one_empty_mask_scores_nothing(predicted: Mask, truth: Mask) -> None:
    counts = count([predicted], [truth], 1)
    assert [score(name, counts) for name in ("kaggle", "iou", "dice", "accuracy")] == [0, 0, 0, 0]


def test_pixels_marked_255_count_nowhere() -> None:
    counts = count([mask("1110")], [mask("1x0x")], 1)
    assert (counts.both.item(), counts.predicted.item(), counts.truth.item(), counts.counted.item()) == (1, 2, 1, 2)


def test_a_picture_without_counted_pixels_has_no_say() -> None:
    counts = count([FULL, EMPTY], [mask("xx", "xx"), FULL], 1)
    assert score("kaggle", counts) == 0
    assert np.isnan(picture_scores("iou", counts)).tolist() == [True, False]


def test_no_data_in_a_prediction_reads_as_background() -> None:
    assert count([mask("xx1")], [mask("111")], 1).both.item() == 1


def test_pictures_of_different_size_are_counted_together() -> None:
    counts = count([FULL, mask("1")], [FULL, mask("0")], 1)
    assert score("iou", counts) == pytest.approx(4 / 5)


def test_several_classes_are_scored_one_by_one_and_averaged() -> None:
    counts = count([mask("1122", "0022")], [mask("1112", "0022")], 2)
    assert metric_named("iou").pooled(counts).tolist() == pytest.approx([2 / 3, 3 / 4])
    assert score("iou", counts) == pytest.approx((2 / 3 + 3 / 4) / 2)
    assert score("accuracy", counts) == pytest.approx(7 / 8)


def test_a_coverage_bound_belongs_to_the_class_below() -> None:
    covered = np.array([0, 1, 100, 101, 500, 2500, 2501, 9900, 9901, 10_000])
    found = coverage_class(covered, np.full(len(covered), 10_000))
    assert [COVERAGE_CLASSES[place] for place in found] == [
        "0 %", "0–1 %", "0–1 %", "1–5 %", "1–5 %", "10–25 %", "25–50 %", "90–99 %", "> 99 %", "> 99 %",
    ]  # fmt: skip


# Properties


@given(st.integers(0, 10_201), st.integers(0, 10_201))
def test_the_kaggle_score_equals_its_definition_in_fractions(both: int, rest: int) -> None:
    union = both + rest
    thresholds = [Fraction(50 + 5 * step, 100) for step in range(10)]
    wanted = sum(Fraction(both, union) > t for t in thresholds) / 10 if union else 1.0
    assert kaggle_scores(np.array(both), np.array(union)) == wanted


def random_counts(pictures: int, seed: int = 0) -> Counts:
    """Counts of random masks, some of them empty."""
    rng = np.random.default_rng(seed)
    truth = [(rng.random((8, 8)) < rng.choice([0, 0.4])).astype(np.uint8) for _ in range(pictures)]
    predicted = [np.where(rng.random((8, 8)) < 0.2, 1 - m, m).astype(np.uint8) for m in truth]
    return count(predicted, truth, 1)


@pytest.mark.parametrize("name", list(METRICS))
def test_the_same_seed_gives_the_same_interval_around_the_score(name: str) -> None:
    counts = random_counts(60)
    first, second = (bootstrap(name, counts, rng=np.random.default_rng(3), draws=300) for _ in range(2))
    assert np.array_equal(first.draws, second.draws)
    low, high = first.interval(0.9)
    assert low <= score(name, counts) <= high


def test_a_bootstrap_interval_holds_the_truth_about_as_often_as_it_says() -> None:
    rng = np.random.default_rng(0)
    held = 0
    for _ in range(150):
        whole = (rng.random(80) < 0.7).astype(np.int64)[:, None]
        counts = Counts(
            both=whole, predicted=whole, truth=whole * 0 + 1, counted=whole[:, 0] * 0 + 1, agreed=whole[:, 0]
        )
        low, high = bootstrap("kaggle", counts, rng=rng, draws=400).interval(0.9)
        held += low <= 0.7 <= high
    assert 0.82 <= held / 150 <= 0.97


def test_pictures_that_repeat_each_other_are_worth_one_picture() -> None:
    once = random_counts(40)
    thrice = once.take(np.repeat(np.arange(40), 3))
    groups = [str(place // 3) for place in range(120)]
    widths = [
        np.ptp(bootstrap("kaggle", counts, rng=np.random.default_rng(1), groups=g).interval())
        for counts, g in ((once, None), (thrice, groups), (thrice, None))
    ]
    assert widths[1] == pytest.approx(widths[0], rel=0.1)
    assert widths[2] < 0.7 * widths[0]


def test_two_equal_models_do_not_differ_and_a_better_one_does() -> None:
    counts = random_counts(50)
    perfect = Counts(
        both=counts.truth, predicted=counts.truth, truth=counts.truth, counted=counts.counted, agreed=counts.counted
    )
    same = paired_bootstrap("kaggle", counts, counts, rng=np.random.default_rng(0), draws=100)
    better = paired_bootstrap("kaggle", counts, perfect, rng=np.random.default_rng(0), draws=100)
    assert same.interval() == (0, 0)
    assert better.interval()[0] > 0
    assert better.value == pytest.approx(1 - score("kaggle", counts), abs=0.05)


def test_a_paired_difference_is_surer_than_two_intervals_apart() -> None:
    first = random_counts(80)
    second = Counts(
        both=np.maximum(first.both - 1, 0), predicted=first.predicted, truth=first.truth, counted=first.counted,
        agreed=first.agreed,
    )  # fmt: skip
    paired = np.ptp(paired_bootstrap("iou", first, second, rng=np.random.default_rng(0)).interval())
    alone = np.ptp(bootstrap("iou", first, rng=np.random.default_rng(0)).interval())
    assert paired < 0.5 * alone


# Refusals


def test_masks_of_another_shape_number_or_class_are_refused() -> None:
    with pytest.raises(BadInput, match="predict at the size of the truth"):
        count([mask("00")], [mask("000")], 1)
    with pytest.raises(UsageError, match="one for each"):
        count([EMPTY], [EMPTY, EMPTY], 1)
    with pytest.raises(BadInput, match="value 2 but there are 1 classes"):
        count([EMPTY], [mask("02", "00")], 1)


def test_what_cannot_be_compared_is_refused() -> None:
    counts, rng = random_counts(4), np.random.default_rng(0)
    with pytest.raises(UsageError, match="choose one of kaggle"):
        score("f1", counts)
    with pytest.raises(UsageError, match="different pictures"):
        paired_bootstrap("iou", counts, random_counts(4, seed=5), rng=rng)
    with pytest.raises(UsageError, match="one for each"):
        bootstrap("iou", counts, rng=rng, groups=["a"])
    with pytest.raises(UsageError, match="no picture"):
        bootstrap("iou", counts.take(np.array([], np.int64)), rng=rng)


# The real masks


@pytest.fixture(scope="module")
def real(data: Path) -> list[tuple[str, Mask]]:
    """(run lengths, mask) of the 3000 labelled pictures."""
    folder = data / "tgs"
    if not (folder / "train.csv").is_file():
        pytest.skip("needs the TGS pictures: tgs/train.csv and tgs/train/masks in the data folder")
    with (folder / "train.csv").open(newline="") as file:
        rows = [(row["id"], row["rle_mask"]) for row in csv.DictReader(file)]
    # 65535 or 0 in 16 bits, 0 in 8 bits: salt is whatever is above 0.
    return [
        (text, (np.asarray(Image.open(folder / "train/masks" / f"{id}.png")) > 0).astype(np.uint8)) for id, text in rows
    ]


def test_run_lengths_and_pictures_of_the_real_masks_agree(real: list[tuple[str, Mask]]) -> None:
    assert len(real) == 3000
    assert all(rle_encode(answer) == text for text, answer in real)
    assert all(np.array_equal(rle_decode(text, (101, 101)), answer) for text, answer in real)


def test_the_anchors_of_the_real_masks_stand(real: list[tuple[str, Mask]]) -> None:
    truth = [answer for _, answer in real]
    nothing, everything = ([np.full((101, 101), value, np.uint8)] * len(truth) for value in (0, 1))
    assert round(score("kaggle", count(nothing, truth, 1)), 3) == 0.383
    assert round(score("kaggle", count(everything, truth, 1)), 3) == 0.134
    assert score("kaggle", count(truth, truth, 1)) == 1


def test_the_real_masks_fall_into_the_known_coverage_classes(real: list[tuple[str, Mask]]) -> None:
    covered = np.array([int(answer.sum()) for _, answer in real])
    found = np.bincount(coverage_class(covered, np.full(len(covered), 101 * 101)))
    assert found.tolist() == [1148, 132, 189, 117, 299, 408, 348, 171, 142, 46]
