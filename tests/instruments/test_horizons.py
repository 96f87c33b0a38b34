"""Tops and bases against profiles worked out by hand, and against a plain walk along every trace."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from outcrop.instruments.horizons import REACH, Picks, picks


def trace(*values: float) -> np.ndarray:
    return np.array(values, np.float32)[None, None]


def test_a_pick_lies_where_the_probability_crosses_the_threshold():
    found = picks(trace(0, 0.25, 0.75, 1, 1, 0.8, 0.3, 0))
    assert found.top[0] == pytest.approx(1.5)
    assert found.base[0] == pytest.approx(5 + 0.3 / 0.5)


def test_a_hard_mask_is_as_thick_as_it_has_samples():
    found = picks(trace(0, 0, 1, 1, 1, 0, 0))
    assert found.base[0] - found.top[0] == pytest.approx(3)
    assert found.top_p90[0] - found.top_p10[0] == pytest.approx(0.8)


def test_an_overhang_gives_a_second_interval_below_the_first():
    found = picks(trace(0, 1, 1, 0, 0, 1, 1, 1, 0))
    assert found.interval.tolist() == [1, 2]
    assert found.top.tolist() == [0.5, 4.5]
    assert found.base.tolist() == [2.5, 7.5]


def test_p10_and_p90_lie_where_the_profile_reaches_a_tenth_and_nine_tenths():
    found = picks(trace(0, 0, 0.2, 0.4, 0.6, 0.8, 1, 1, 1, 0.5, 0, 0))
    assert found.top_p10[0] == pytest.approx(1.5)
    assert found.top[0] == pytest.approx(3.5)
    assert found.top_p90[0] == pytest.approx(5.5)
    assert found.base_p10[0] == pytest.approx(8.2)
    assert found.base[0] == pytest.approx(9)
    assert found.base_p90[0] == pytest.approx(9.8)


def test_a_wiggle_beyond_the_first_crossing_does_not_widen_the_pick():
    quiet = picks(trace(0, 0, 0, 0, 1, 1, 1, 0))
    wiggly = picks(trace(0, 0.4, 0.3, 0, 1, 1, 1, 0))
    assert wiggly.top_p10[0] == quiet.top_p10[0]


def test_salt_that_never_becomes_sure_leaves_the_pick_open_down_to_its_base():
    found = picks(trace(0, 0, 0.6, 0.7, 0.6, 0, 0))
    assert found.top_p90[0] == pytest.approx(found.base[0])
    assert found.base_p10[0] == pytest.approx(found.top[0])


def test_a_doubtful_gap_reaches_up_to_the_base_above():
    found = picks(trace(0, 1, 1, 0.4, 0.4, 1, 1, 0))
    assert found.top_p10[1] == pytest.approx(found.base[0])
    assert found.base_p90[0] == pytest.approx(found.top[1])


def test_the_models_own_error_is_added_in_quadrature():
    sharp = picks(trace(0, 0, 0, 1, 1, 1, 0, 0), pick_error=3.0)
    assert sharp.top_p10[0] == pytest.approx(2.5 - np.hypot(0.4, 3 * REACH))
    assert sharp.base_p90[0] == pytest.approx(5.5 + np.hypot(0.4, 3 * REACH))


def test_salt_that_goes_on_beyond_the_record_has_no_pick_there():
    found = picks(trace(1, 1, 0.9, 0, 0, 0.9, 1))
    assert np.isnan(found.top[0])
    assert np.isnan(found.base[1])
    assert np.isfinite([found.base[0], found.top[1]]).all()
    assert np.isnan([found.top_p10[0], found.top_p90[0], found.base_p10[1], found.base_p90[1]]).all()


def test_an_unseen_sample_is_no_edge_of_salt():
    found = picks(trace(0, 0, np.nan, 1, 1, 0))
    assert np.isnan(found.top[0])
    assert found.base[0] == pytest.approx(4.5)


def test_short_gaps_close_before_short_intervals_are_left_out():
    found = picks(trace(0, 1, 0, 1, 1, 0, 0, 0, 0, 1, 0, 0), min_samples=3)
    assert len(found) == 1
    assert (found.top[0], found.base[0]) == (0.5, 4.5)


def test_bodies_left_out_are_not_picked():
    probability = trace(0, 1, 0, 0, 1, 1, 0)
    kept = probability > 0
    kept[..., 1] = False
    found = picks(probability, inside=kept)
    assert found.top.tolist() == [3.5]
    assert found.interval.tolist() == [1]


def test_nothing_gives_no_picks():
    assert len(picks(np.zeros((3, 4, 5), np.float32))) == 0
    assert len(picks(np.full((3, 4, 5), np.nan, np.float32))) == 0


def test_the_median_stays_at_a_threshold_other_than_one_half():
    found = picks(np.linspace(0, 1, 101, dtype=np.float32)[None, None], 0.3)
    assert found.top[0] == pytest.approx(30, abs=1e-3)
    assert found.top_p10[0] == pytest.approx(6, abs=1e-3)
    assert found.top_p90[0] == pytest.approx(86, abs=1e-3)


def test_the_true_top_of_blurred_balls_lies_between_p10_and_p90_as_often_as_said():
    """Positions drawn from the very distribution that the profile states: 80 % lie between its p10 and p90."""
    rng = np.random.default_rng(0)
    depth = np.arange(60)
    sharpness = rng.uniform(0.5, 3.0, 2000)
    centre = rng.uniform(15, 25, 2000)
    profile = 1 / (1 + np.exp(-(depth - centre[:, None]) / sharpness[:, None]))
    truth = centre + sharpness * rng.logistic(size=2000)
    found = picks(profile[None].astype(np.float32))
    held = (found.top_p10 <= truth) & (truth <= found.top_p90)
    assert held.mean() == pytest.approx(0.8, abs=0.03)


def walk(profile: np.ndarray, threshold: float) -> list[tuple[float, ...]]:
    """Every pick of one trace, sample by sample: (top p10, top, top p90, base p10, base, base p90)."""
    low, high = 0.2 * threshold, 1 - 0.2 * (1 - threshold)
    intervals, start = [], None
    for k in range(len(profile) + 1):
        inside = k < len(profile) and profile[k] >= threshold
        if inside and start is None:
            start = k
        if not inside and start is not None:
            intervals.append((start, k - 1))
            start = None

    def between(a: int, b: int, level: float) -> float:
        return a + (b - a) * (level - profile[a]) / (profile[b] - profile[a])

    edges = []
    for first, last in intervals:
        top = between(first - 1, first, threshold) if first > 0 else np.nan
        base = between(last + 1, last, threshold) if last + 1 < len(profile) else np.nan
        edges.append((top, base))
    found = []
    for n, ((first, last), (top, base)) in enumerate(zip(intervals, edges, strict=True)):
        above = intervals[n - 1][1] if n else -1
        below = intervals[n + 1][0] if n + 1 < len(intervals) else len(profile)
        out = next((k for k in range(first - 1, above, -1) if profile[k] < low), None)
        t10 = between(out, out + 1, low) if out is not None else (edges[n - 1][1] if n else 0.0)
        core = next((k for k in range(first, last + 1) if profile[k] >= high), None)
        t90 = between(core - 1, core, high) if core else (last if np.isnan(base) else base)
        out = next((k for k in range(last + 1, below) if profile[k] < low), None)
        b90 = (
            between(out - 1, out, low)
            if out is not None
            else (edges[n + 1][0] if n + 1 < len(edges) else len(profile) - 1.0)
        )
        core = next((k for k in range(last, first - 1, -1) if profile[k] >= high), None)
        b10 = (
            between(core, core + 1, high)
            if core is not None and core + 1 < len(profile)
            else (first if np.isnan(top) else top)
        )
        row = [t10, top, t90, b10, base, b90]
        row[:3] = row[:3] if np.isfinite(top) else [np.nan] * 3
        row[3:] = row[3:] if np.isfinite(base) else [np.nan] * 3
        found.append(tuple(row))
    return found


def as_rows(found: Picks) -> np.ndarray:
    return np.stack([found.top_p10, found.top, found.top_p90, found.base_p10, found.base, found.base_p90], axis=1)


@settings(max_examples=150, deadline=None)
@given(st.integers(0, 2**32 - 1), st.sampled_from([0.3, 0.5, 0.7]), st.integers(1, 14))
def test_all_traces_at_once_equal_a_walk_along_each(seed, threshold, samples):
    rng = np.random.default_rng(seed)
    volume = (np.round(rng.random((2, 3, samples)), 2) + 0.003).astype(np.float32)  # never quite at a level
    found = picks(volume, threshold)
    expected = [
        (i, j, n, *row)
        for i in range(2)
        for j in range(3)
        for n, row in enumerate(walk(volume[i, j].astype(float), np.float32(threshold)), 1)
    ]
    table = np.column_stack([found.line, found.trace, found.interval, as_rows(found)])
    np.testing.assert_allclose(table, np.array(expected, float).reshape(-1, 9), atol=1e-4)


@settings(max_examples=60, deadline=None)
@given(st.integers(0, 2**32 - 1), st.floats(0, 2), st.integers(1, 3))
def test_p10_is_never_below_the_pick_nor_p90_above_it(seed, error, least):
    volume = np.random.default_rng(seed).random((3, 3, 20)).astype(np.float32)
    rows = as_rows(picks(volume, pick_error=error, min_samples=least))
    for p10, value, p90 in (rows[:, :3].T, rows[:, 3:].T):
        seen = np.isfinite(value)
        assert (p10[seen] <= value[seen]).all()
        assert (value[seen] <= p90[seen]).all()


def test_a_volume_turned_upside_down_swaps_tops_and_bases():
    volume = np.random.default_rng(3).random((2, 4, 30)).astype(np.float32)
    upright, turned = picks(volume), picks(volume[..., ::-1])
    for i in range(2):
        for j in range(4):
            here = (upright.line == i) & (upright.trace == j)
            there = (turned.line == i) & (turned.trace == j)
            np.testing.assert_allclose(upright.top[here], 29 - turned.base[there][::-1], atol=1e-5)
            np.testing.assert_allclose(upright.top_p10[here], 29 - turned.base_p90[there][::-1], atol=1e-5)
            np.testing.assert_allclose(upright.base_p10[here], 29 - turned.top_p90[there][::-1], atol=1e-5)
