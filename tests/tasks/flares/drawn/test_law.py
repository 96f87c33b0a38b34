"""The truth behind drawn flames follows the published laws and the published scatter."""

import numpy as np
import pytest

from outcrop.tasks.flares.drawn.law import FLOWS, GAS, MOLES, draw_burn, draw_factor, draw_heating_value, law_length


@pytest.mark.parametrize(("heat", "chart", "plume"), [(1, 2.43, 3.72), (10, 7.29, 9.36), (100, 21.9, 23.5), (1000, 65.8, 59.0)])  # fmt: skip
def test_lengths_of_both_laws_are_the_published_ones(heat: float, chart: float, plume: float) -> None:
    assert law_length(heat, "chart") == pytest.approx(chart, rel=0.005)
    assert law_length(heat, "plume") == pytest.approx(plume, rel=0.005)


def test_methane_has_its_heating_value() -> None:
    assert GAS["methane"][0] * MOLES / 1000 == pytest.approx(33.37, rel=0.001)


def test_gas_is_lean_associated_gas() -> None:
    values = [draw_heating_value(np.random.default_rng(seed)) for seed in range(300)]
    assert 33 < min(values) and max(values) < 55 and 38 < np.median(values) < 42


def test_heat_is_flow_times_heating_value() -> None:
    burned = draw_burn(np.random.default_rng(0), flow=86.4, heating_value=35.0, factor=1.0, law="chart")
    assert burned.heat == pytest.approx(35.0)
    assert burned.length == pytest.approx(law_length(35.0, "chart"))


def test_flows_are_even_in_their_logarithm() -> None:
    flows = [draw_burn(np.random.default_rng(seed)).flow for seed in range(400)]
    low, high = np.log(FLOWS)
    shares = np.histogram(np.log(flows), np.linspace(low, high, 5))[0] / 400
    assert np.all(abs(shares - 0.25) < 0.08)


def test_nine_of_ten_flames_lie_within_fifty_to_a_hundred_percent_of_the_law() -> None:
    factors = np.array([draw_factor(np.random.default_rng(seed)) for seed in range(3000)])
    within = [float(np.mean((factors < 1 + u) & (factors > 1 / (1 + u)))) for u in (0.5, 1.0)]
    assert within[0] < 0.9 < within[1]
    assert abs(np.median(np.log(factors))) < 0.03
