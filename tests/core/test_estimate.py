"""An estimate knows its value and its interval, and formulas carry both on."""

from math import sqrt

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from outcrop.core.estimate import DRAWS, Assumption, Estimate, combine


def assumed(low: float, best: float, high: float) -> Assumption:
    return Assumption(low=low, best=best, high=high, unit="m/s", source="drawn")


def test_an_assumption_has_the_mean_and_spread_of_a_triangle() -> None:
    """Mean (a + b + c) / 3 and variance (a² + b² + c² - ab - ac - bc) / 18."""
    low, best, high = 4400.0, 4500.0, 4900.0
    draws = assumed(low, best, high).draw(np.random.default_rng(0)).draws
    variance = (low**2 + best**2 + high**2 - low * best - low * high - best * high) / 18
    assert len(draws) == DRAWS
    assert draws.mean() == pytest.approx((low + best + high) / 3, abs=4 * sqrt(variance / DRAWS))
    assert draws.std() == pytest.approx(sqrt(variance), rel=0.03)
    assert low <= draws.min() and draws.max() <= high


def test_an_exact_assumption_is_that_number() -> None:
    """``--assume velocity=4500`` means 4500 and nothing around it."""
    exact = assumed(4500, 4500, 4500).draw(np.random.default_rng(0))
    assert exact.value == 4500
    assert exact.interval() == (4500, 4500)


def test_an_assumption_carries_its_unit() -> None:
    assert assumed(1, 2, 3).draw(np.random.default_rng(0)).unit == "m/s"


def test_the_interval_of_a_normal_cloud_is_the_textbook_one() -> None:
    cloud = Estimate(draws=np.random.default_rng(0).normal(10, 2, 200_000), unit="m")
    assert cloud.value == pytest.approx(10, abs=0.03)
    assert cloud.interval(0.9) == pytest.approx((10 - 1.645 * 2, 10 + 1.645 * 2), abs=0.05)
    assert cloud.interval(0.6827) == pytest.approx((8, 12), abs=0.05)


@given(st.lists(st.floats(-1e6, 1e6), min_size=2, max_size=50), st.floats(0.01, 0.99))
def test_an_interval_holds_the_value(values: list[float], level: float) -> None:
    estimate = Estimate(draws=np.array(values), unit="m")
    low, high = estimate.interval(level)
    assert low - 1e-9 <= estimate.value <= high + 1e-9


def test_a_product_of_independent_clouds_is_as_unsure_as_theory_says() -> None:
    """Relative variances add, for small ones."""
    rng = np.random.default_rng(1)
    width = Estimate(draws=rng.normal(100, 3, 100_000), unit="m")
    height = Estimate(draws=rng.normal(50, 2, 100_000), unit="m")
    area = combine(lambda a, b: a * b, width, height, unit="m²")
    assert area.unit == "m²"
    assert area.draws.std() / area.draws.mean() == pytest.approx(sqrt(0.03**2 + 0.04**2), rel=0.02)


def test_what_two_parts_share_cancels() -> None:
    cloud = Estimate(draws=np.random.default_rng(0).normal(10, 2, 1000), unit="m")
    assert combine(lambda a, b: a - b, cloud, cloud, unit="m").interval() == (0.0, 0.0)


def test_an_estimate_reads_as_a_sentence() -> None:
    assert str(Estimate(draws=np.linspace(11, 13, 101), unit="ha")) == "12 ha (90 %: 11.1 – 12.9)"


def test_the_same_seed_gives_the_same_draws() -> None:
    first, second = (assumed(1, 2, 4).draw(np.random.default_rng(7)).draws for _ in range(2))
    assert np.array_equal(first, second)
