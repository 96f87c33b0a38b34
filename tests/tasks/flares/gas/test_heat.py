"""Flame length and heat: golden values of the laws, their inverses, and the jet in wind."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from outcrop.core.errors import BadInput
from outcrop.tasks.flares.gas.heat import (
    heat_api,
    heat_heskestad,
    heat_of_radiation,
    length_api,
    length_heskestad,
    length_of_area,
    radiant_fraction,
    range_notes,
    relative_heat,
    true_length,
)
from outcrop.tasks.flares.gas.jet import flame_in_wind, heat_in_wind, heat_of_jet, wind_factor
from outcrop.tasks.flares.gas.presets import PRESETS

METHANE = PRESETS["methane"]
heats = st.floats(0.3, 30_000)


@pytest.mark.parametrize(
    ("heat", "api", "heskestad"), [(1, 2.43, 3.72), (10, 7.29, 9.36), (100, 21.9, 23.5), (1000, 65.8, 59.0)]
)
def test_both_laws_give_their_known_lengths(heat, api, heskestad) -> None:
    assert length_api(heat) == pytest.approx(api, rel=0.005)
    assert length_heskestad(heat) == pytest.approx(heskestad, rel=0.005)


@pytest.mark.parametrize(("length", "heat"), [(10, 19.37), (20, 82.70), (40, 353.0)])
def test_api_turned_round_gives_the_known_heat(length, heat) -> None:
    assert heat_api(length) == pytest.approx(heat, rel=0.005)


def test_the_api_law_is_the_published_one_in_feet_and_btu() -> None:
    feet = 0.00604 * (10e6 / 0.29307107) ** 0.4776
    assert length_api(10.0) == pytest.approx(feet * 0.3048, rel=1e-4)


@given(heats, st.floats(0, 2))
def test_each_law_undoes_its_inverse(heat, diameter) -> None:
    assert heat_api(length_api(heat)) == pytest.approx(heat)
    if (length := length_heskestad(heat, diameter)) > 0:
        assert heat_heskestad(length, diameter) == pytest.approx(heat)


def test_ten_per_cent_of_length_is_a_fifth_of_the_heat_and_two_flames_are_not_one_long_one() -> None:
    assert heat_api(11.0) / heat_api(10.0) == pytest.approx(1.22, abs=0.005)
    assert heat_api(15.0) / heat_api(10.0) == pytest.approx(2.34, abs=0.01)
    assert 2 * heat_api(10.0) == pytest.approx(38.7, abs=0.1)


def test_an_area_of_50_m2_six_times_as_long_as_wide_is_78_8_mw() -> None:
    length = length_of_area(50.0, 6.0)
    assert length == pytest.approx(19.54, rel=0.001)
    assert heat_api(length) == pytest.approx(78.8, rel=0.005)


def test_thirty_degrees_out_of_the_picture_cost_a_third_of_the_heat() -> None:
    assert heat_api(true_length(10.0, 30.0)) / heat_api(10.0) == pytest.approx(1.35, abs=0.005)


def test_the_ratio_of_two_flames_needs_no_scale() -> None:
    assert relative_heat(200.0, 100.0, 0.0) == pytest.approx(heat_api(20.0) / heat_api(10.0))
    assert relative_heat(200.0, 100.0, 1.0) == pytest.approx(heat_heskestad(20.0) / heat_heskestad(10.0))


def test_a_light_gas_radiates_less_than_a_heavy_one_and_a_fast_jet_less_than_a_slow_one() -> None:
    assert radiant_fraction(0.0, 16.0) == pytest.approx(0.32)
    assert radiant_fraction(50.0, 44.0) > radiant_fraction(50.0, 16.0) > radiant_fraction(200.0, 16.0) > 0.11
    assert radiant_fraction(0.0, 80.0) == pytest.approx(0.21 * 1.69 + 0.11)
    assert heat_of_radiation(20.0, 0.2) == pytest.approx(100.0)


def test_a_heat_outside_the_chart_is_noted() -> None:
    assert range_notes(10.0) == [] == range_notes(10.0, 0.5)
    assert "API 521" in range_notes(0.1)[0]
    assert "Heskestad" in range_notes(1.0, 4.0)[0]


def jet(wind: float) -> dict[str, np.ndarray]:
    return flame_in_wind(0.5, 50.0, wind, METHANE.molar_mass)


def test_a_vertical_jet_of_methane_has_chamberlains_shape() -> None:
    calm, windy = jet(0.0), jet(5.0)
    assert calm["still length"] == pytest.approx(47.67, rel=0.001)
    assert calm["length"] == calm["still length"]
    assert calm["lift off"] == pytest.approx(0.2 * calm["length"])
    expected = {"length": 26.65, "tilt": 41.52, "lift off": 1.166, "frustum length": 25.77, "base width": 3.31}
    for key, value in (expected | {"tip width": 11.91}).items():
        assert windy[key] == pytest.approx(value, rel=0.002), key


def test_the_jet_releases_333_mw_between_the_two_laws_of_still_air() -> None:
    heat = heat_of_jet(0.5, 50.0, METHANE)
    assert heat == pytest.approx(333, rel=0.005)
    assert length_api(heat) == pytest.approx(38.9, rel=0.003)
    assert length_heskestad(heat) == pytest.approx(38.0, rel=0.003)


def test_wind_shortens_and_bends_a_flame() -> None:
    assert wind_factor(np.array([2.0, 5.0, 10.0])) == pytest.approx([0.72, 0.56, 0.50], abs=0.005)
    tilts = [jet(wind)["tilt"] for wind in (0.0, 1.0, 2.4999, 2.5001, 5.0, 15.0)]
    assert tilts == sorted(tilts)
    assert tilts[3] - tilts[2] < 0.2  # the two branches meet


@given(st.floats(0.05, 1.5), st.floats(3, 200), st.floats(0, 20))
def test_length_and_wind_give_back_the_heat_of_the_jet(diameter, velocity, wind) -> None:
    length = flame_in_wind(diameter, velocity, wind, METHANE.molar_mass)["length"]
    assert heat_in_wind(length, wind, velocity, METHANE) == pytest.approx(
        heat_of_jet(diameter, velocity, METHANE), rel=1e-6
    )


def test_the_exit_velocity_matters_little_and_the_wind_much() -> None:
    slow, fast = heat_in_wind(20.0, 3.0, np.array([5.0, 100.0]), METHANE)
    assert 1.3 < fast / slow < 2.2
    calm, windy = heat_in_wind(20.0, np.array([0.0, 5.0]), 30.0, METHANE)
    assert 3.5 < windy / calm < 4.5


@pytest.mark.parametrize("bad", [(0.0, 5.0, 30.0), (10.0, -1.0, 30.0), (10.0, 5.0, 0.0), (10.0, 5.0, 420.0)])
def test_a_jet_that_cannot_be_is_refused(bad) -> None:
    with pytest.raises(BadInput):
        heat_in_wind(*bad, METHANE)
