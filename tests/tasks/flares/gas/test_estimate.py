"""The whole chain draw by draw: the golden band, sites of several flames, and what the interval is made of."""

import numpy as np
import pytest

from outcrop.core.errors import BadInput, NothingToSee
from outcrop.core.estimate import DRAWS, Assumption
from outcrop.tasks.flares.gas.composition import read_gas
from outcrop.tasks.flares.gas.estimate import UNITS, breakdown, flow_of_flame, flow_of_site, shared_draws
from outcrop.tasks.flares.gas.heat import heat_api, heat_heskestad
from outcrop.tasks.flares.gas.jet import heat_in_wind
from outcrop.tasks.flares.gas.presets import PRESETS

METHANE, OIL = PRESETS["methane"], PRESETS["associated"]


def fixed(**values: float) -> dict[str, Assumption]:
    return {name: Assumption(low=v, best=v, high=v, unit="", source="test") for name, v in values.items()}


EXACT = fixed(view_angle=0, law_scatter=0, heskestad_share=0, composition_scatter=0)
API_ONLY = fixed(view_angle=0, law_scatter=0.35, heskestad_share=0)


@pytest.fixture
def rng() -> np.random.Generator:
    return np.random.default_rng(1)


def test_the_golden_band(rng) -> None:
    """Length 10 m, sd of ln scale 0.05, of ln length by the law 0.35, heating value 38 MJ/m³ with sd of ln 0.10."""
    given = API_ONLY | fixed(composition_scatter=0.10)
    flows = []
    for _ in range(20):  # 10 000 draws know these quantiles to 1.3 %
        drawn = shared_draws(given, METHANE, rng, reference=20.0)
        drawn["richness"] *= 38 / METHANE.lower_heating_value(20.0)
        scale = np.exp(0.05 * rng.standard_normal(DRAWS))
        flows.append(flow_of_flame(10.0, None, {}, METHANE, rng, reference=20.0, scale=scale, shared=drawn)["flow"])
    assert np.quantile(np.concatenate(flows), [0.1, 0.5, 0.9]) == pytest.approx([16.9, 44.05, 114.7], rel=0.02)


def test_without_any_doubt_the_chain_is_the_law(rng) -> None:
    found = flow_of_flame(20.0, None, EXACT | fixed(lhv=35.0), OIL, rng, reference=15.0)
    assert set(found) == set(UNITS)
    assert np.ptp(found["flow"]) < 1e-9
    assert found["heat"][0] == pytest.approx(82.70, rel=0.005)
    assert found["flow"][0] == pytest.approx(204, rel=0.005)
    assert found["richness"][0] == pytest.approx(35.0 / OIL.lower_heating_value(15.0))


def test_each_draw_follows_one_of_the_two_laws(rng) -> None:
    heat = flow_of_flame(20.0, None, EXACT | fixed(heskestad_share=0.5), OIL, rng, reference=15.0)["heat"]
    assert set(np.round(heat, 6)) == {round(float(heat_api(20.0)), 6), round(float(heat_heskestad(20.0)), 6)}
    assert np.mean(heat > 75) == pytest.approx(0.5, abs=0.02)


def test_a_single_photo_is_good_to_a_factor_of_two_to_three(rng) -> None:
    flow = flow_of_flame(20.0, None, {}, OIL, rng, reference=15.0)["flow"]
    low, middle, high = np.quantile(flow, [0.1, 0.5, 0.9])
    assert 2.0 < middle / low < 3.5 and 2.0 < high / middle < 3.5


def test_a_known_wind_asks_chamberlain(rng) -> None:
    found = flow_of_flame(20.0, None, EXACT | fixed(wind=5, exit_velocity=50), METHANE, rng, reference=15.0)
    assert found["heat"] == pytest.approx(float(heat_in_wind(20.0, 5.0, 50.0, METHANE)))


def test_the_area_stands_in_where_there_is_no_length(rng) -> None:
    by_area = flow_of_flame(None, 50.0, EXACT | fixed(elongation=6), METHANE, rng, reference=20.0)
    assert by_area["heat"][0] == pytest.approx(78.8, rel=0.005)
    mixed = np.full(DRAWS, 10.0)
    mixed[::2] = np.nan
    heat = flow_of_flame(mixed, 50.0, EXACT | fixed(elongation=6), METHANE, rng, reference=20.0)["heat"]
    assert heat[:2] == pytest.approx([78.8, 19.37], rel=0.005)


def test_a_volume_grows_with_its_reference_temperature(rng) -> None:
    flows = [flow_of_flame(10.0, None, EXACT, METHANE, rng, reference=r)["flow"][0] for r in (0.0, 15.0, 20.0)]
    assert flows[2] / flows[0] == pytest.approx(1.0732, rel=1e-3)
    assert flows == sorted(flows)


def test_two_flames_add_their_heats_and_share_the_error_of_the_law(rng) -> None:
    two = flow_of_site([(10.0, None), (10.0, None)], EXACT, METHANE, rng, reference=20.0)
    assert two["heat"][0] == pytest.approx(38.7, rel=0.005)
    assert two["heat"][0] < 0.5 * heat_api(20.0)
    one = flow_of_site([(10.0, None)], {}, METHANE, np.random.default_rng(3), reference=20.0)
    ten = flow_of_site([(10.0, None)] * 10, {}, METHANE, np.random.default_rng(3), reference=20.0)
    assert ten["flow"] == pytest.approx(10 * one["flow"])


def test_what_cannot_be_a_flame_is_refused(rng) -> None:
    with pytest.raises(NothingToSee, match="neither length nor area"):
        flow_of_flame(None, None, {}, METHANE, rng, reference=20.0)
    with pytest.raises(NothingToSee, match="unlit"):
        flow_of_site([], {}, METHANE, rng, reference=20.0)
    with pytest.raises(BadInput, match="length is below 0"):
        flow_of_flame(-1.0, None, {}, METHANE, rng, reference=20.0)
    with pytest.raises(BadInput, match="nothing that burns"):
        flow_of_flame(1.0, None, {}, read_gas("N2=1"), rng, reference=20.0)


def test_the_breakdown_finds_the_known_shares(rng) -> None:
    scale = np.exp(0.05 * rng.standard_normal(DRAWS))
    rows = breakdown(10.0, None, API_ONLY | fixed(composition_scatter=0.10), METHANE, rng, reference=20.0, scale=scale)
    shares = {row["input"]: row["share"] for row in rows}
    parts = {"law_error": (2.0938 * 0.35) ** 2, "scale": (2.0938 * 0.05) ** 2, "richness": 0.10**2}
    for key, variance in parts.items():
        assert shares[key] == pytest.approx(variance / sum(parts.values()), rel=0.08), key
    assert set(shares) == {*parts, "together"}
    assert sum(shares.values()) == pytest.approx(1.0)
    assert abs(shares["together"]) < 0.05
    assert rows[0]["input"] == "law_error" and rows[0]["factor"] == pytest.approx(np.exp(1.645 * 0.733), rel=0.05)


def test_the_breakdown_names_all_that_varies_and_nothing_else(rng) -> None:
    length = 20 * np.exp(0.1 * rng.standard_normal(DRAWS))
    rows = breakdown(length, None, fixed(wind=3), OIL, rng, reference=15.0)
    assert {row["input"] for row in rows} == {
        "law_error", "outline", "view_angle", "exit_velocity", "richness", "together",
    }  # fmt: skip
    of_area = breakdown(None, 30.0, {}, OIL, rng, reference=15.0)
    assert "elongation" in {row["input"] for row in of_area}
    nothing = breakdown(20.0, None, EXACT, OIL, rng, reference=15.0)
    assert [row["input"] for row in nothing] == ["together"]
