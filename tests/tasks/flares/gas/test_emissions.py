"""What leaves a flare: golden masses, regulations to the letter, and efficiencies that mean one thing."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from outcrop.core.errors import BadInput, UsageError
from outcrop.core.estimate import DRAWS, Assumption
from outcrop.tasks.flares.gas.assumptions import ASSUMPTIONS, LIMITS, known, with_given
from outcrop.tasks.flares.gas.composition import read_gas
from outcrop.tasks.flares.gas.emissions import (
    UNITS,
    WARMING,
    ch4_mass,
    co2_mass,
    co2e_mass,
    emissions_of,
    n2o_mass,
    soot_chen,
    soot_mcewen,
    warming,
)
from outcrop.tasks.flares.gas.flow import flow_of_heat
from outcrop.tasks.flares.gas.heat import heat_api
from outcrop.tasks.flares.gas.presets import PRESETS
from outcrop.tasks.flares.gas.regulation import EPA_TIERS, eu_mrr_co2, order_371, subpart_w

METHANE = PRESETS["methane"]
OIL_FIELD = read_gas("CO2=1,C1=80,C2=10,C3=5,C4=3,C5=1")


def exact(value: float) -> Assumption:
    return Assumption(low=value, best=value, high=value, unit="1", source="test")


def test_the_chain_from_20_m_of_flame_to_co2e() -> None:
    flow = flow_of_heat(heat_api(20.0), 33.365)
    co2 = co2_mass(flow, METHANE, reference=20.0, combustion_efficiency=0.98)
    ch4 = ch4_mass(flow, METHANE, reference=20.0, destruction_efficiency=0.98)
    assert flow == pytest.approx(214.2, rel=0.005)
    assert co2 == pytest.approx(384.0, rel=0.005)
    assert ch4 == pytest.approx(2.856, rel=0.005)
    assert co2e_mass(co2, ch4, 0.0, warming("AR5-100")) == pytest.approx(464.0, rel=0.005)
    assert co2e_mass(co2, ch4, 0.0, warming("AR6-100")) == pytest.approx(469.1, rel=0.005)


@pytest.mark.parametrize(
    ("efficiency", "slip", "weighed", "co2"),
    [(0.98, 0.01334, 0.397, 1.793), (0.965, 0.02334, 0.696, 1.766), (0.952, 0.03201, 0.954, 1.742),
     (0.911, 0.05935, 1.769, 1.667)],
)  # fmt: skip
def test_at_a_poor_efficiency_the_slip_weighs_as_much_as_the_co2(efficiency, slip, weighed, co2) -> None:
    ch4 = ch4_mass(1.0, METHANE, reference=20.0, destruction_efficiency=efficiency)
    assert ch4 == pytest.approx(slip, rel=0.005)
    assert co2e_mass(0.0, ch4, 0.0, warming("AR6-100")) == pytest.approx(weighed, rel=0.005)
    assert co2_mass(1.0, METHANE, reference=20.0, combustion_efficiency=efficiency) == pytest.approx(co2, rel=0.005)


def test_a_flare_that_is_unlit_for_four_hundredths_of_its_flow() -> None:
    ch4 = ch4_mass(1000.0, METHANE, reference=20.0, destruction_efficiency=0.98, unlit_share=0.04)
    co2 = co2_mass(1000.0, METHANE, reference=20.0, combustion_efficiency=0.965, unlit_share=0.04)
    assert ch4 == pytest.approx(39.48, rel=0.005)
    assert co2 == pytest.approx(1694.9, rel=0.005)
    assert co2e_mass(co2, ch4, 0.0, warming("AR5-100")) == pytest.approx(2800, rel=0.005)
    assert co2e_mass(co2, ch4, 0.0, warming("AR6-100")) == pytest.approx(2871, rel=0.005)


def test_a_rich_gas_gives_more_co2_and_its_own_co2_passes_through() -> None:
    rich = PRESETS["associated-rich"]
    assert co2_mass(1.0, rich, reference=20.0, combustion_efficiency=1.0) == pytest.approx(2.763, rel=0.005)
    assert co2_mass(1.0, rich, reference=20.0, combustion_efficiency=0.98) == pytest.approx(2.707, rel=0.005)
    vent = co2_mass(1.0, PRESETS["landfill"], reference=20.0, combustion_efficiency=0.9, unlit_share=1.0)
    assert vent == pytest.approx(0.42 * 41.571 * 44.0095e-3, rel=1e-3)


def test_98_233_n_to_the_letter() -> None:
    lit = subpart_w(1e6, OIL_FIELD, destruction_efficiency=0.98, combustion_efficiency=0.965, hhv_mmbtu_scf=1.235e-3)
    assert lit["ch4"] == pytest.approx(307.2, rel=1e-4)
    assert lit["co2"] == pytest.approx(67_528, rel=1e-4)
    assert lit["n2o"] == pytest.approx(0.1235, rel=1e-4)
    assert co2e_mass(lit["co2"], lit["ch4"], lit["n2o"], warming("AR5-100")) == pytest.approx(76_162, rel=1e-4)
    partly = subpart_w(1e6, OIL_FIELD, destruction_efficiency=0.98, combustion_efficiency=0.965, unlit_share=0.04)
    assert partly["ch4"] == pytest.approx(909.3, rel=1e-4)
    assert partly["co2"] == pytest.approx(64_848, rel=1e-4)
    assert partly["n2o"] == pytest.approx(0.1235, rel=0.03)  # heating value from the composition


def test_epa_densities_are_those_of_the_ideal_gas_and_tiers_keep_their_gap() -> None:
    assert co2_mass(0.0283168, METHANE, reference=15.56, combustion_efficiency=1.0) == pytest.approx(0.0526, rel=1e-3)
    assert ch4_mass(0.0283168, METHANE, reference=15.56, destruction_efficiency=0.0) == pytest.approx(0.0192, rel=2e-3)
    assert all(dre - ce == pytest.approx(0.015) for dre, ce in EPA_TIERS.values())


@pytest.mark.parametrize(("cf", "co2", "ch4"), [(0.02, 2.3977, 0.01069), (0.005, 2.4341, 0.00267)])
def test_order_371_to_the_letter(cf, co2, ch4) -> None:
    factors = order_371(OIL_FIELD, cf)
    assert factors["co2"] == pytest.approx(co2, rel=1e-4)
    assert factors["ch4"] == pytest.approx(ch4, rel=2e-3)


def test_the_eu_default_is_pure_ethane() -> None:
    ethane = read_gas("C2=1")
    assert eu_mrr_co2(1.0) * 1e3 == pytest.approx(
        co2_mass(1.0, ethane, reference=0.0, combustion_efficiency=1.0), rel=0.005
    )
    assert eu_mrr_co2(273.15 / 293.15) * 1e3 == pytest.approx(3.66, rel=0.005)


def test_soot_follows_both_tabled_curves() -> None:
    assert soot_mcewen(np.array([30.0, 46.17, 54.18])) == pytest.approx([0.0, 0.579, 1.04], abs=0.005)
    assert soot_chen(np.array([30.0, 38.6, 46.17, 49.63, 54.18, 77.4])) == pytest.approx(
        [0.194, 0.194, 0.575, 0.943, 1.504, 4.78]
    )


def test_n2o_is_a_tenth_of_a_gram_per_mmbtu() -> None:
    assert n2o_mass(1.05505585262, 1e-4) == pytest.approx(1e-4)


def test_warming_sets_are_named_and_none_is_guessed() -> None:
    assert (warming("ar4-100").ch4, warming("AR5 100").ch4, warming("AR6-20").ch4) == (25.0, 28.0, 82.5)
    assert all(name == found.name and found.n2o > 250 for name, found in WARMING.items())
    with pytest.raises(UsageError, match="AR6-100"):
        warming("AR7")


@given(st.floats(0.5, 1.0), st.floats(0.0, 0.4), st.floats(0.0, 0.9))
def test_a_better_flare_gives_more_co2_and_less_ch4_and_carbon_is_never_made(low, more, unlit) -> None:
    high = min(low + more, 1.0)
    oil = PRESETS["associated"]
    co2 = [co2_mass(1.0, oil, reference=15.0, combustion_efficiency=e, unlit_share=unlit) for e in (low, high)]
    ch4 = [ch4_mass(1.0, oil, reference=15.0, destruction_efficiency=e, unlit_share=unlit) for e in (low, high)]
    assert co2[0] <= co2[1] and ch4[0] >= ch4[1]
    carbon = co2[1] / 44.0095 + ch4[1] / 16.0425
    assert carbon <= 42.293e-3 * (oil.carbon + oil.share("CO2")) * 1.0001


def test_everything_that_leaves_the_flare_comes_with_draws_and_units() -> None:
    flow = np.full(DRAWS, 100.0)
    found = emissions_of(flow, PRESETS["associated"], {}, np.random.default_rng(0), reference=15.0)
    assert set(found) == set(UNITS)
    assert all(values.shape == (DRAWS,) and np.all(values >= 0) for values in found.values())
    again = found["co2"] + 29.8 * found["ch4"] + 0.273 * found["n2o"]
    assert found["co2e"] == pytest.approx(again)
    low, high = np.quantile(found["black_carbon"], [0.05, 0.95])
    assert high / low > 50  # an order of magnitude to either side


def test_more_heat_in_the_gas_is_more_carbon_and_fixed_efficiencies_are_kept() -> None:
    given_ = {"destruction_efficiency": exact(0.98), "combustion_efficiency": exact(0.965)}
    flow = np.full(DRAWS, 1.0)
    plain, rich = (
        emissions_of(flow, METHANE, given_, np.random.default_rng(0), reference=20.0, richness=r) for r in (1.0, 1.2)
    )
    assert plain["co2"][0] == pytest.approx(1.766, rel=0.005)
    assert rich["co2"] == pytest.approx(1.2 * plain["co2"])
    assert rich["ch4"] == pytest.approx(plain["ch4"])


def test_combustion_efficiency_follows_destruction_when_it_is_not_given() -> None:
    found = emissions_of(
        np.ones(DRAWS), METHANE, {"destruction_efficiency": exact(0.98)}, np.random.default_rng(0), reference=20.0
    )
    assert found["co2"][0] == pytest.approx(1.8295 * 0.965, rel=1e-3)


def test_efficiency_alone_is_refused() -> None:
    with pytest.raises(UsageError, match="combustion_efficiency.*destruction_efficiency"):
        with_given({"efficiency": exact(0.98)})


@pytest.mark.parametrize(
    ("name", "value", "why"),
    [("destruction_efficiency", 98.0, "0.98, not 98"), ("unlit_share", -0.1, "within 0 to 1"), ("wind", -3.0, "within"),
     ("lhv", 0.0, "within"), ("view_angle", 90.0, "within"), ("combustion_efficiency", 0.99, "exceeds")],
)  # fmt: skip
def test_an_impossible_assumption_is_refused(name, value, why) -> None:
    with pytest.raises(BadInput, match=why):
        with_given({name: exact(value)})


def test_an_unknown_assumption_is_refused_by_name() -> None:
    with pytest.raises(UsageError, match="'LHV'"):
        with_given({"LHV": exact(35.0)})


def test_regulations_refuse_what_is_no_share() -> None:
    with pytest.raises(BadInput, match="98"):
        subpart_w(1.0, METHANE, destruction_efficiency=98.0, combustion_efficiency=0.9)
    with pytest.raises(BadInput, match="exceeds"):
        subpart_w(1.0, METHANE, destruction_efficiency=0.9, combustion_efficiency=0.95)
    with pytest.raises(BadInput, match="CF"):
        order_371(METHANE, 2.0)


def test_every_assumption_has_a_range_a_unit_a_source_and_limits() -> None:
    assert set(LIMITS) == set(ASSUMPTIONS)
    for name, assumption in ASSUMPTIONS.items():
        assert assumption.unit and len(assumption.source) > 20, name
        assert known(assumption) or assumption.source.startswith(("derived", "not known")), name
    with_given({})
