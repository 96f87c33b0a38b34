"""Scores of boxes agree with COCO's tool and with a count by hand, and their intervals are those of the pictures."""

from typing import NamedTuple

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

pytest.importorskip("pycocotools", reason="needs pycocotools: pip install 'outcrop[learn]'")

from outcrop.core.errors import BadInput, UsageError
from outcrop.core.grid import Window
from outcrop.core.scene import Floats, Outlined
from outcrop.engine.detection_matching import IOUS, Matches, Truth, confusion, match
from outcrop.engine.detection_scores import at_threshold, average_precision, curves, tally, weighted_precision
from outcrop.engine.detection_thresholds import best_thresholds, nested
from outcrop.engine.outline_scores import outline_overlap, score_outlines
from outcrop.models.suppression import Found

CLASSES = ("flame", "smoke")


class Outline(NamedTuple):
    """Boxes with outlines, as a detector would say them."""

    boxes: Floats
    scores: Floats
    labels: np.ndarray
    outlines: tuple[Outlined, ...]


def said(*rows: tuple[float, ...]) -> Found:
    table = np.array(rows, np.float32).reshape(-1, 6)
    return Found(table[:, :4], table[:, 4], table[:, 5].astype(np.int64))


def true(*rows: tuple[float, ...]) -> Truth:
    table = np.array(rows, np.float32).reshape(-1, 5)
    return Truth(boxes=table[:, :4], labels=table[:, 4].astype(np.int64))


def rng() -> np.random.Generator:
    return np.random.default_rng(1)


def some(seed: int, pictures: int = 6) -> tuple[list[Found], list[Truth]]:
    """Random truths, and boxes near them, far from them and doubled; every third picture is empty."""
    random = np.random.default_rng(seed)
    guesses, answers = [], []
    for number in range(pictures):
        count = 0 if number % 3 == 2 else int(random.integers(1, 4))
        low = random.uniform(0, 60, (count, 2))
        boxes = np.concatenate([low, low + random.uniform(5, 40, (count, 2))], axis=1)
        labels = random.integers(0, 2, count)
        near = np.repeat(boxes, 2, axis=0) + random.normal(0, 3, (2 * count, 4))
        wild = random.uniform(0, 50, (2, 2))
        every = np.concatenate([near, np.concatenate([wild, wild + random.uniform(5, 40, (2, 2))], axis=1)])
        every[:, 2:] = np.maximum(every[:, 2:], every[:, :2] + 1)
        called = np.concatenate([np.repeat(labels, 2), random.integers(0, 2, 2)])
        scores = random.permutation(len(every)) / 100 + random.random() / 1000 + 0.3
        guesses.append(Found(every.astype(np.float32), scores.astype(np.float32), called))
        answers.append(Truth(boxes=boxes.astype(np.float32), labels=labels))
    return guesses, answers


def judged(guesses: list[Found], answers: list[Truth], label: int, iou: float) -> float:
    """Average precision by another road: lists, loops and the definition."""

    def overlap(a: Floats, b: Floats) -> float:
        wide, high = min(a[2], b[2]) - max(a[0], b[0]), min(a[3], b[3]) - max(a[1], b[1])
        both = max(wide, 0.0) * max(high, 0.0)
        return both / ((a[2] - a[0]) * (a[3] - a[1]) + (b[2] - b[0]) * (b[3] - b[1]) - both)

    total, ranked = 0, []
    for guess, answer in zip(guesses, answers, strict=True):
        free = [box.astype(float) for box, kind in zip(answer.boxes, answer.labels, strict=True) if kind == label]
        total += len(free)
        mine = [
            (s, b.astype(float)) for b, s, k in zip(guess.boxes, guess.scores, guess.labels, strict=True) if k == label
        ]
        for score, box in sorted(mine, key=lambda one: -one[0]):
            best = max(range(len(free)), key=lambda k: overlap(box, free[k]), default=None)
            hit = best is not None and overlap(box, free[best]) >= iou
            if hit:
                free.pop(best)
            ranked.append((score, hit))
    if not total:
        return float("nan")
    ranked.sort(key=lambda one: -one[0])
    points, hits = [], 0
    for count, (_, hit) in enumerate(ranked, start=1):
        hits += hit
        points.append((hits / total, hits / count))
    steps = [max((p for r, p in points if r >= step / 100 - 1e-12), default=0.0) for step in range(101)]
    return sum(steps) / 101


def test_a_perfect_detector_scores_one_and_a_silent_one_nothing() -> None:
    answers = [true((0, 0, 10, 10, 0), (20, 20, 60, 70, 1)), true((5, 5, 50, 50, 0))]
    perfect = [Found(one.boxes, np.ones(len(one.boxes), np.float32), one.labels) for one in answers]
    best = average_precision(match(perfect, answers, CLASSES), rng=rng())
    assert best.map50.value == best.map50_95.value == pytest.approx(1) and best.map50.low == pytest.approx(1)
    assert best.objects == {"flame": 2, "smoke": 1}
    none = average_precision(match([said(), said()], answers, CLASSES), rng=rng())
    assert none.map50.value == none.map50.high == 0


def test_three_boxes_counted_by_hand() -> None:
    """Hit, false, hit of two objects: precision 1 up to recall 0.5, then 2/3."""
    answers = [true((0, 0, 10, 10, 0)), true((0, 0, 10, 10, 0))]
    guesses = [said((0, 0, 10, 10, 0.9, 0), (50, 50, 60, 60, 0.8, 0)), said((0, 0, 10, 10, 0.7, 0))]
    matches = match(guesses, answers, CLASSES)
    assert average_precision(matches, rng=rng()).by_class["flame"][0].value == pytest.approx((51 + 50 * 2 / 3) / 101)
    curve = curves(matches)[0]
    assert curve.precision == pytest.approx([1, 0.5, 2 / 3]) and curve.recall == pytest.approx([0.5, 0.5, 1])


@given(st.integers(0, 10_000))
@settings(max_examples=12)
def test_average_precision_is_what_a_count_by_hand_gives(seed: int) -> None:
    guesses, answers = some(seed)
    matches = match(guesses, answers, CLASSES)
    scored = average_precision(matches, rng=rng(), draws=2)
    for label, name in enumerate(CLASSES):
        by_hand = [judged(guesses, answers, label, iou) for iou in IOUS]
        assert scored.by_class[name][0].value == pytest.approx(by_hand[0], abs=1e-6, nan_ok=True)
        assert scored.by_class[name][1].value == pytest.approx(np.mean(by_hand), abs=1e-6, nan_ok=True)
        again = weighted_precision(matches.by_class[label], np.ones(len(answers)))
        assert again == pytest.approx(by_hand, abs=1e-6, nan_ok=True)


def test_a_picture_weighted_twice_counts_like_two_pictures() -> None:
    guesses, answers = some(3)
    twice = match([*guesses, guesses[0]], [*answers, answers[0]], CLASSES)
    once = match(guesses, answers, CLASSES)
    weights = np.array([2.0, 1, 1, 1, 1, 1])
    for one, other in zip(once.by_class, twice.by_class, strict=True):
        assert weighted_precision(one, weights) == pytest.approx(weighted_precision(other, np.ones(7)), abs=1e-9)


def test_the_interval_holds_the_score_and_groups_widen_it() -> None:
    guesses, answers = some(5, pictures=24)
    pairs = [k // 2 for k in range(24)]
    doubled = match([guesses[k] for k in pairs], [answers[k] for k in pairs], CLASSES)
    alone = average_precision(doubled, rng=rng()).map50
    grouped = average_precision(doubled, rng=rng(), groups=[str(k) for k in pairs]).map50
    assert alone.low < alone.value < alone.high
    assert grouped.high - grouped.low > 1.15 * (alone.high - alone.low)
    with pytest.raises(UsageError, match="groups"):
        average_precision(doubled, rng=rng(), groups=["a"])


def test_small_and_large_boxes_are_told_apart() -> None:
    answers = [true((0, 0, 20, 20, 0), (100, 100, 300, 300, 0))]
    sizes = average_precision(match([said((100, 100, 300, 300, 0.9, 0))], answers, CLASSES), rng=rng()).by_size["flame"]
    assert sizes["small"] == 0 and sizes["large"] == pytest.approx(1) and np.isnan(sizes["medium"])


def alarms() -> tuple[list[Found], list[Truth]]:
    """Two objects found at 0.9 and 0.5, and two empty pictures, one with a false flame of 0.6."""
    answers = [true((0, 0, 10, 10, 0)), true((0, 0, 10, 10, 0)), true(), true()]
    guesses = [said((0, 0, 10, 10, 0.9, 0)), said((0, 0, 10, 10, 0.5, 0)), said((9, 9, 30, 30, 0.6, 0)), said()]
    return guesses, answers


def test_figures_at_a_threshold_are_counted() -> None:
    matches = match(*alarms(), CLASSES)
    low = at_threshold(tally(matches, (0.4, 0.4)), CLASSES, rng=rng())
    assert low.precision["flame"].value == pytest.approx(2 / 3) and low.recall["all"].value == 1
    assert low.f1["flame"].value == pytest.approx(0.8)
    assert low.false_alarms is not None and low.false_alarms.value == 0.5 and low.negatives == 2
    high = at_threshold(tally(matches, (0.7, 0.7)), CLASSES, rng=rng())
    assert high.recall["flame"].value == 0.5 and high.false_alarms is not None and high.false_alarms.value == 0
    assert np.isnan(high.precision["smoke"].value)


def test_without_empty_pictures_no_share_of_false_alarms_is_said() -> None:
    guesses, answers = alarms()
    assert (
        at_threshold(tally(match(guesses[:2], answers[:2], CLASSES), (0.4, 0.4)), CLASSES, rng=rng()).false_alarms
        is None
    )


def test_a_limit_on_false_alarms_raises_the_threshold() -> None:
    matches = match(*alarms(), CLASSES)
    assert best_thresholds(matches)[0] <= 0.5
    assert best_thresholds(matches, most_alarms=0.0)[0] > 0.6


def test_thresholds_are_judged_on_pictures_they_were_not_chosen_on() -> None:
    guesses, answers = alarms()
    folds = np.array([0, 1, 0, 1])
    result = nested(match(guesses, answers, CLASSES), folds, rng=rng())
    # Fold 0's threshold comes from fold 1, where 0.5 was right; it lets the false flame of fold 0 through.
    assert result.by_fold[0][0] <= 0.5 and result.scores.false_alarms is not None
    assert result.tally.false[2, 0] == 1
    with pytest.raises(UsageError, match="two folds"):
        nested(match(guesses, answers, CLASSES), np.zeros(4, np.int64), rng=rng())


def test_confusion_says_what_was_called_what() -> None:
    answers = [true((0, 0, 10, 10, 0), (20, 20, 40, 40, 1), (60, 60, 70, 70, 0))]
    guesses = [said((0, 0, 10, 10, 0.9, 0), (20, 20, 40, 40, 0.8, 0), (80, 0, 90, 10, 0.7, 1), (0, 0, 10, 10, 0.1, 1))]
    table = confusion(guesses, answers, CLASSES, (0.5, 0.5))
    assert table.tolist() == [[1, 0, 1], [1, 0, 0], [0, 1, 0]]


def test_what_cannot_be_compared_is_refused() -> None:
    with pytest.raises(UsageError, match="1 pictures were seen and 0"):
        match([said()], [], CLASSES)
    with pytest.raises(BadInput, match="label 2"):
        match([said((0, 0, 1, 1, 0.5, 2))], [true()], CLASSES)
    with pytest.raises(BadInput, match="without area"):
        match([said()], [true((3, 3, 3, 9, 0))], CLASSES)
    with pytest.raises(UsageError, match="thresholds"):
        tally(match([said()], [true()], CLASSES), (0.5,))


def test_the_tool_s_own_words_are_not_printed(capsys: pytest.CaptureFixture[str]) -> None:
    matches: Matches = match([said()], [true((0, 0, 5, 5, 0))], CLASSES)
    assert matches.pictures == 1 and capsys.readouterr().out == ""


# Outlines


def square(row: int, col: int, side: int) -> Outlined:
    return Outlined(window=Window(row=row, col=col, height=side, width=side), inside=np.ones((side, side), bool))


def test_outlines_overlap_wherever_their_windows_lie() -> None:
    assert outline_overlap(square(0, 0, 10), square(5, 5, 10)) == (25, 175)
    assert outline_overlap(square(0, 0, 4), square(20, 0, 4)) == (0, 32)


def test_missed_objects_count_as_nothing_and_others_by_their_pixels() -> None:
    answer = Truth(
        boxes=np.array([[0, 0, 10, 10], [30, 30, 40, 40]], np.float32),
        labels=np.zeros(2, np.int64),
        outlines=(square(0, 0, 10), square(30, 30, 10)),
    )
    half = Outlined(window=Window(row=0, col=0, height=10, width=5), inside=np.ones((10, 5), bool))
    guess = Outline(np.array([[0, 0, 10, 10]], np.float32), np.array([0.9], np.float32), np.zeros(1, np.int64), (half,))
    scores = score_outlines([guess], [answer], CLASSES, (0.5, 0.5), rng=rng())
    assert scores.matched["flame"].value == 0.5 and scores.objects["flame"].value == 0.25
    assert scores.pooled["flame"].value == 50 / 200 and scores.found == {"flame": 1, "smoke": 0}
    assert np.isnan(scores.pooled["smoke"].value)
    with pytest.raises(UsageError, match="without outlines"):
        score_outlines([guess._replace(outlines=())], [answer], CLASSES, (0.5, 0.5), rng=rng())
