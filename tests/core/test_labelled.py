"""Labelled pictures stay together with their answers when they are taken and joined."""

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest

from outcrop.core.labelled import Labelled

Blobs = Callable[..., Labelled]


@pytest.fixture
def five(blobs: Blobs) -> Labelled:
    drawn = blobs(5)
    return replace(drawn, strata=np.arange(5), fixed_folds=np.array([0, 1, 2, 0, 1]))


def test_taking_keeps_every_answer_with_its_picture(five: Labelled) -> None:
    part = five.take(np.array([3, 0]))
    assert len(part) == 2
    assert part.ids == (five.ids[3], five.ids[0])
    assert part.images[0] is five.images[3] and part.masks[1] is five.masks[0]
    assert part.groups == (five.groups[3], five.groups[0])
    assert part.strata.tolist() == [3, 0]
    assert np.array_equal(part.context, five.context[[3, 0]])
    assert part.fixed_folds is not None and part.fixed_folds.tolist() == [0, 0]


def test_taking_nothing_gives_an_empty_set(five: Labelled) -> None:
    assert len(five.take(np.zeros(0, np.int64))) == 0


def test_taking_keeps_the_mark_of_pictures_that_always_train(five: Labelled, blobs: Blobs) -> None:
    both = five.plus(blobs(2, seed=1))
    assert both.take(np.array([6, 1])).always.tolist() == [True, False]
    assert five.take(np.array([1])).always.tolist() == [], "no marks means that none always trains"


def test_joined_pictures_of_the_other_set_always_train(five: Labelled, blobs: Blobs) -> None:
    both = five.plus(blobs(2, seed=1))
    assert len(both) == 7
    assert both.always.tolist() == [False] * 5 + [True] * 2
    assert both.fixed_folds is not None and both.fixed_folds.tolist() == [0, 1, 2, 0, 1, -1, -1]
    assert both.strata.shape == (7,) and both.context.shape == (7, 2)
    assert both.masks[:5] == five.masks


def test_joining_twice_keeps_the_first_marks(five: Labelled, blobs: Blobs) -> None:
    thrice = five.plus(blobs(1, seed=1)).plus(blobs(1, seed=2))
    assert thrice.always.tolist() == [False] * 5 + [True] * 2


def test_without_prescribed_folds_there_are_none_after_joining(blobs: Blobs) -> None:
    assert blobs(2).plus(blobs(2, seed=1)).fixed_folds is None
