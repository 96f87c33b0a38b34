"""Folds keep places whole or shares equal, and hold nothing out that must always train."""

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from outcrop.core.errors import UsageError
from outcrop.core.labelled import Labelled
from outcrop.engine.folds import assign

PIXEL = (np.zeros((1, 1, 1), np.float32), np.zeros((1, 1), np.uint8))


def pictures(strata: list[int], groups: list[int] | None = None, always: list[bool] | None = None) -> Labelled:
    """Pictures of one pixel with these strata and groups."""
    count = len(strata)
    return Labelled(
        ids=tuple(map(str, range(count))), images=(PIXEL[0],) * count, masks=(PIXEL[1],) * count,
        groups=tuple(f"place-{g}" for g in groups or range(count)), strata=np.array(strata, np.int64),
        context=np.zeros((count, 2), np.float32), always=np.array(always or [], bool),
    )  # fmt: skip


many_strata = st.lists(st.integers(0, 4), min_size=5, max_size=80)


@given(many_strata, st.integers(2, 5), st.integers(0, 9))
def test_random_folds_share_every_stratum_equally(strata: list[int], count: int, seed: int) -> None:
    fold = assign(pictures(strata), "random", count, seed)
    for level in set(strata):
        shares = np.bincount(fold[np.array(strata) == level], minlength=count)
        assert shares.max() - shares.min() <= 1


@given(many_strata, st.integers(2, 5), st.integers(0, 9))
def test_random_folds_are_about_equal_in_size(strata: list[int], count: int, seed: int) -> None:
    sizes = np.bincount(assign(pictures(strata), "random", count, seed), minlength=count)
    assert sizes.sum() == len(strata) and sizes.min() >= 1
    assert sizes.max() - sizes.min() <= len(set(strata))


@given(st.lists(st.tuples(st.integers(0, 12), st.integers(0, 3)), min_size=20, max_size=80), st.integers(0, 9))
def test_a_group_is_never_split(members: list[tuple[int, int]], seed: int) -> None:
    groups, strata = (list(part) for part in zip(*members, strict=True))
    count = min(3, len(set(groups)))
    fold = assign(pictures(strata, groups), "grouped", count, seed)
    for group in set(groups):
        assert len(set(fold[np.array(groups) == group])) == 1
    assert set(fold) == set(range(count)), "every fold holds something"


def test_groups_of_equal_size_keep_the_strata_nearly_equal() -> None:
    rng = np.random.default_rng(0)
    groups = np.repeat(np.arange(60), 5).tolist()
    strata = rng.integers(0, 3, 300).tolist()
    fold = assign(pictures(strata, groups), "grouped", 5)
    assert np.bincount(fold).tolist() == [60] * 5
    for level in range(3):
        shares = np.bincount(fold[np.array(strata) == level], minlength=5)
        assert shares.max() - shares.min() <= 0.15 * shares.mean() + 2


@given(st.lists(st.booleans(), min_size=12, max_size=40), st.sampled_from(["random", "grouped"]))
def test_pictures_that_always_train_are_never_held_out(always: list[bool], scheme: str) -> None:
    always = [False] * 6 + always
    fold = assign(pictures([0] * len(always), None, always), scheme, 3)
    assert np.array_equal(fold == -1, always)


def test_the_same_seed_gives_the_same_folds_and_another_seed_others() -> None:
    drawn = pictures(np.random.default_rng(0).integers(0, 3, 60).tolist())
    assert np.array_equal(assign(drawn, "random", 5, 1), assign(drawn, "random", 5, 1))
    assert not np.array_equal(assign(drawn, "random", 5, 1), assign(drawn, "random", 5, 2))


@given(many_strata, st.integers(2, 3), st.integers(0, 9))
def test_the_parts_of_a_fold_are_that_fold_and_share_its_strata(strata: list[int], count: int, seed: int) -> None:
    some = pictures(strata * 4)
    whole, cut = assign(some, "random", count, seed), assign(some, "random", count, seed, parts=2)
    assert np.array_equal(cut % count, whole) and set(cut.tolist()) == set(range(2 * count))
    for k in range(count):
        for level in set(strata):
            halves = [int(((cut == part) & (some.strata == level)).sum()) for part in (k, k + count)]
            assert abs(halves[0] - halves[1]) <= 1


def test_groups_stay_whole_in_the_parts_of_folds() -> None:
    members = [g for g in range(24) for _ in range(3)]
    cut = assign(pictures([0] * 72, groups=members), "grouped", 3, parts=2)
    assert sorted(set(cut.tolist())) == list(range(6))
    assert all(len({int(f) for f, g in zip(cut, members, strict=True) if g == one}) == 1 for one in set(members))


def test_prescribed_folds_are_not_cut() -> None:
    some = replace(pictures([0] * 6), fixed_folds=np.arange(6) % 2)
    with pytest.raises(UsageError, match="stay whole"):
        assign(some, "fixed", 2, parts=2)


def test_fixed_folds_are_those_of_the_data_set() -> None:
    prescribed = replace(pictures([0, 0, 1]), fixed_folds=np.array([2, 0, -1]))
    assert assign(prescribed, "fixed", 3).tolist() == [2, 0, -1]


@pytest.mark.parametrize(
    ("scheme", "count", "sentence"),
    [
        ("fixed", 3, "prescribes no folds: choose random or grouped"),
        ("spatial", 3, "no fold scheme 'spatial': choose random, grouped or fixed"),
        ("random", 7, "6 pictures do not make 7 folds: ask for fewer"),
        ("grouped", 3, "2 groups do not make 3 folds: ask for fewer"),
    ],
)
def test_folds_that_cannot_be_made_are_refused(scheme: str, count: int, sentence: str) -> None:
    with pytest.raises(UsageError, match=sentence):
        assign(pictures([0] * 6, [1, 1, 1, 2, 2, 2]), scheme, count)


def test_nothing_to_hold_out_is_refused(blobs: Callable[..., Labelled]) -> None:
    with pytest.raises(UsageError, match="0 groups do not make 2 folds"):
        assign(replace(blobs(3), always=np.ones(3, bool)), "grouped", 2)
