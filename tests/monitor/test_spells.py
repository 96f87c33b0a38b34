"""Spells, and the worst two hours of smoke."""

from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from outcrop.core.errors import UsageError
from outcrop.monitor.spells import Spell, SpellKeeper, TrailingSeconds, spells_of, total, worst_smoke


def told(spells):
    return [(s.start, s.stop, s.state) for s in spells]


def test_a_missed_frame_is_no_dark_flare_and_a_dark_flare_is_one_from_its_last_sight_on():
    seen = [1, 1, 0, 0, 1, 1, 0, 0, 0, 0, 0, 0, 1, 1]
    assert told(spells_of(range(14), seen, hold=2, patience=3)) == [
        (0, 6, "seen"),
        (6, 12, "not seen"),
        (12, 13, "seen"),
    ]


def test_a_gap_in_looking_is_neither_seen_nor_not_seen():
    spells = spells_of([0, 1, 2, 100, 101], [1, 1, 1, 1, 1], hold=5, patience=10)
    assert told(spells) == [(0, 7, "seen"), (7, 100, "not observed"), (100, 101, "seen")]


def test_a_camera_that_was_cut_off_makes_no_flare_dark():
    keeper = SpellKeeper(hold=2, patience=5)
    for seconds, seen in [(0, True), (1, False), (500, False), (501, False)]:
        keeper.step(seconds, seen)
    assert not keeper.out and keeper.blind == 3
    for seconds in range(502, 506):
        keeper.step(seconds, False)
    assert keeper.out and total(keeper.spells(), "not observed") == 497


def test_frames_that_cannot_show_it_are_not_observed():
    spells = spells_of(range(6), [1, 1, 0, 0, 1, 1], hold=2, patience=0, observed=[1, 1, 0, 0, 1, 1])
    assert told(spells) == [(0, 2, "seen"), (2, 4, "not observed"), (4, 5, "seen")]


def test_what_was_never_seen_stays_not_seen():
    assert told(spells_of(range(4), [0, 0, 1, 1], hold=2, patience=9)) == [(0, 2, "not seen"), (2, 3, "seen")]


@given(st.lists(st.tuples(st.floats(0.1, 9), st.booleans(), st.booleans()), min_size=2, max_size=40), st.floats(0, 8))
def test_spells_fill_the_time_without_gap_or_overlap(steps, patience):
    seconds = np.cumsum([step for step, _, _ in steps])
    spells = spells_of(seconds, [s for _, s, _ in steps], hold=3, patience=patience, observed=[o for _, _, o in steps])
    assert spells[0].start == seconds[0] and spells[-1].stop == pytest.approx(seconds[-1])
    assert all(a.stop == b.start and a.state != b.state and b.length > 0 for a, b in pairwise(spells))


def smoke(*parts):
    """Spells from (length, state) pairs."""
    edges = np.concatenate([[0.0], np.cumsum([length for length, _ in parts])])
    return [Spell(start=a, stop=b, state=s) for a, b, (_, s) in zip(edges, edges[1:], parts, strict=False)]


def test_the_worst_two_hours_are_found_between_the_hours():
    """Two bursts of 4 min, 100 min apart, at 1:00 and 2:44: no clock-hour window holds both, one of 2 h does."""
    record = smoke((3600, "not seen"), (240, "seen"), (6000, "not seen"), (240, "seen"), (9000, "not seen"))
    worst = worst_smoke(record)
    assert worst.smoke == 480 and worst.verdict == "above" and worst.observed == 7200
    apart = smoke((3600, "not seen"), (240, "seen"), (7000, "not seen"), (240, "seen"), (9000, "not seen"))
    assert worst_smoke(apart).smoke == pytest.approx(240) and worst_smoke(apart).verdict == "within"


def test_five_minutes_are_allowed_and_a_second_more_is_not():
    assert worst_smoke(smoke((300, "seen"), (9000, "not seen"))).verdict == "within"
    assert worst_smoke(smoke((301, "seen"), (9000, "not seen"))).verdict == "above"


def test_what_was_not_looked_at_cannot_show_that_the_limit_was_kept():
    dark = smoke((4000, "not seen"), (400, "not observed"), (9000, "not seen"))
    assert worst_smoke(dark).verdict == "not shown" and worst_smoke(dark).smoke == 0
    short = smoke((600, "not seen"))
    assert worst_smoke(short).verdict == "not shown" and worst_smoke([]).verdict == "not shown"
    assert worst_smoke(smoke((400, "seen"))).verdict == "above", "a short film may still show too much"


@given(
    st.lists(
        st.tuples(st.integers(1, 60), st.sampled_from(["seen", "not seen", "not observed"])), min_size=1, max_size=30
    )
)
def test_the_worst_window_agrees_with_a_count_by_the_second(parts):
    record, window = smoke(*parts), 100
    seconds = np.concatenate([np.full(length, state == "seen") for length, state in parts]).astype(int)
    padded = np.concatenate([seconds, np.zeros(window, int)])
    starts = range(max(len(seconds) - window, 0) + 1)
    assert worst_smoke(record, window=window, limit=30).smoke == max(padded[s : s + window].sum() for s in starts)


@given(st.lists(st.tuples(st.integers(1, 30), st.booleans()), min_size=1, max_size=30))
def test_the_running_sum_agrees_with_the_whole_one(parts):
    trail, now, stretches = TrailingSeconds(50), 0, []
    for length, smoking in parts:
        if smoking:
            trail.add(now, now + length)
            stretches.append((now, now + length))
        now += length
        expected = sum(max(min(b, now) - max(a, now - 50), 0) for a, b in stretches)
        assert trail.total(now) == pytest.approx(expected)


def test_senseless_settings_are_refused():
    with pytest.raises(UsageError, match="give more than 0"):
        SpellKeeper(hold=0, patience=1)
