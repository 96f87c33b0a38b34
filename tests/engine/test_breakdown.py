"""Where a score is won and lost: small counts by hand."""

import numpy as np
import pytest

from outcrop.engine.breakdown import KINDS, baselines, by_coverage, by_kind, by_neighbour, kinds, one_class
from outcrop.engine.metrics import Counts, count


def counts_of(*pictures: tuple[int, int, int]) -> Counts:
    """Counts of pictures of 100 pixels from (both, predicted, truth)."""
    both, predicted, truth = (np.array(part, np.int64)[:, None] for part in zip(*pictures, strict=True))
    agreed = 100 - (predicted + truth - 2 * both)[:, 0]
    return Counts(both=both, predicted=predicted, truth=truth, counted=np.full(len(both), 100), agreed=agreed)


SIX = counts_of((0, 0, 0), (81, 90, 91), (80, 90, 90), (50, 50, 100), (0, 0, 7), (0, 3, 0))
"""IoU 0.81, 0.80 and 0.50 in the middle."""
NAMES = [str(place) for place in range(6)]


def test_every_picture_gets_the_word_for_what_became_of_it() -> None:
    assert [KINDS[place] for place in kinds(SIX)[:, 0]] == list(
        KINDS[:1] + ("close", "rough", "wrong", "missed", "invented")
    )


def test_rows_hold_every_picture_once_and_share_out_all_that_is_lost() -> None:
    rng = np.random.default_rng(0)
    for rows in (
        by_kind(SIX, of=["salt"], metric="kaggle", groups=NAMES, rng=rng),
        by_coverage(SIX, of=["salt"], metric="kaggle", groups=NAMES, rng=rng),
        by_neighbour(SIX, np.arange(6) < 2, metric="kaggle", groups=NAMES, rng=rng),
    ):
        assert sum(row.pictures for row in rows) == 6
        assert sum(row.lost for row in rows) == pytest.approx(1)
        assert all((row.score is None) == (row.pictures == 0) for row in rows)


def test_the_loss_of_each_kind_is_as_by_hand() -> None:
    rows = by_kind(SIX, of=["salt"], metric="kaggle", groups=NAMES, rng=np.random.default_rng(0))
    # Scores 1, 0.7 (IoU 0.81), 0.6 (0.80, strictly), 0, 0, 0: 3.7 of 6 are lost.
    values = {row.label: (row.score.value if row.score else None, round(row.lost * 3.7, 6)) for row in rows}
    assert values == {
        "rightly empty": (1.0, 0.0),
        "close": (0.7, 0.3),
        "rough": (0.6, 0.4),
        "wrong": (0.0, 1.0),
        "missed": (0.0, 1.0),
        "invented": (0.0, 1.0),
    }


def test_a_perfect_model_loses_nothing() -> None:
    perfect = counts_of((5, 5, 5), (0, 0, 0))
    rows = by_kind(perfect, of=["salt"], metric="iou", groups=["a", "b"], rng=np.random.default_rng(0))
    assert {row.lost for row in rows} == {0.0}


def test_one_class_stands_against_everything_else() -> None:
    counts = count([np.array([[1, 2, 0, 2]], np.uint8)], [np.array([[1, 1, 0, 2]], np.uint8)], 2)
    single = one_class(counts, 1)
    assert (single.both.item(), single.predicted.item(), single.truth.item(), single.agreed.item()) == (1, 2, 1, 3)


def test_baselines_say_nothing_or_one_class_everywhere() -> None:
    found = baselines(counts_of((0, 0, 0), (0, 0, 100), (0, 0, 60)), ["salt"], "kaggle")
    assert found == pytest.approx({"nothing anywhere": 1 / 3, "salt everywhere": (0 + 1 + 0.2) / 3})
