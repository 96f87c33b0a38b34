"""Flicker, and middles with honest intervals."""

import numpy as np
import pytest

from outcrop.monitor.series import flicker, memory, steady


def wave(frequency, *, rate=25.0, length=20.0, amplitude=0.3, noise=0.1, lost=0.0, seed=0):
    """Times and areas of a flame that puffs."""
    rng = np.random.default_rng(seed)
    times = np.arange(0, length, 1 / rate)
    times = times[rng.random(len(times)) >= lost]
    return times, 500 * (1 + amplitude * np.sin(2 * np.pi * frequency * times + 1) + rng.normal(0, noise, len(times)))


def walk(rng, count, tau):
    """A row whose neighbours are alike: autocorrelation exp(-k / tau), standard deviation 1, mean 10."""
    keep = np.exp(-1 / tau)
    row = np.empty(count)
    row[0] = rng.normal()
    for k, push in enumerate(rng.normal(0, np.sqrt(1 - keep**2), count - 1)):
        row[k + 1] = keep * row[k] + push
    return 10 + row


@pytest.mark.parametrize("frequency", [0.8, 1.5, 5.0])
@pytest.mark.parametrize("lost", [0.0, 0.3])
def test_the_rhythm_of_a_puffing_flame_is_found_also_with_lost_frames(frequency, lost):
    found = flicker(*wave(frequency, lost=lost))
    assert found.frequency == pytest.approx(frequency, abs=0.03)
    assert found.amplitude == pytest.approx(0.3, abs=0.04)
    assert found.unrest == pytest.approx(np.hypot(0.3 / np.sqrt(2), 0.1), rel=0.1)


def test_noise_has_no_rhythm():
    claims = [flicker(*wave(1.0, amplitude=0.0, noise=0.3, seed=seed)).frequency for seed in range(12)]
    assert sum(claim is not None for claim in claims) <= 1


def test_a_long_record_is_judged_in_pieces_soon_enough():
    found = flicker(*wave(2.0, length=900.0, amplitude=0.15, noise=0.4))
    assert found.frequency == pytest.approx(2, abs=0.03) and found.amplitude == pytest.approx(0.15, abs=0.03)


def test_slow_short_and_empty_records_are_not_judged():
    assert flicker(*wave(1.0, rate=2.0)) is None
    assert flicker(*wave(1.0, length=0.5)) is None
    assert flicker([], []) is None
    times, area = wave(1.0)
    assert flicker(times, np.full_like(area, np.nan)) is None


def test_a_steady_flame_has_no_unrest():
    found = flicker(np.arange(200) / 25, np.full(200, 7.0))
    assert found.frequency is None and found.unrest == pytest.approx(0) and found.highest == pytest.approx(12.5)


def test_memory_is_that_of_the_process():
    rng = np.random.default_rng(1)
    assert memory(rng.normal(size=5000)) == pytest.approx(1, abs=0.2)
    expected = (1 + np.exp(-1 / 20)) / (1 - np.exp(-1 / 20))
    assert memory(walk(rng, 40_000, 20)) == pytest.approx(expected, rel=0.25)


def test_the_interval_holds_the_truth_as_often_as_it_says():
    """With neighbours alike; taking frames for independent readings would hold it in about a third of the cases."""
    rng = np.random.default_rng(2)
    held = naive = 0
    for _ in range(80):
        row = walk(rng, 600, 8)
        low, high = steady(row, "m", rng=rng, draws=200).mean.interval()
        held += low <= 10 <= high
        naive += abs(row.mean() - 10) <= 1.645 * row.std() / np.sqrt(len(row))
    assert held >= 62 and naive <= 50


def test_more_frames_of_the_same_flame_do_not_narrow_the_interval():
    rng = np.random.default_rng(3)
    row = walk(rng, 500, 6)
    width = [np.ptp(steady(np.repeat(row, times), "m", rng=rng, draws=300).mean.interval()) for times in (1, 6)]
    assert width[1] > 0.8 * width[0]


def test_the_median_shrugs_off_a_flash():
    row = np.r_[np.full(95, 4.0), np.full(5, 4000.0)] + np.random.default_rng(0).normal(0, 0.1, 100)
    found = steady(row, "m", rng=np.random.default_rng(0))
    assert found.median.value == pytest.approx(4, abs=0.1) and found.spread < 0.3 and found.median.unit == "m"
    assert steady([np.nan], "m", rng=np.random.default_rng(0)) is None
    assert steady([2.0], "m", rng=np.random.default_rng(0)).median.value == 2
