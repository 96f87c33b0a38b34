"""Units of gas flow: known conversions, and volumes without a reference temperature."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from outcrop.core.errors import WrongUnit
from outcrop.tasks.flares.gas.flow import change_reference, convert, flow_of_heat, flow_unit, heat_of_flow
from outcrop.tasks.flares.gas.heat import heat_api


@pytest.mark.parametrize(("length", "flow"), [(10, 47.8), (20, 204), (40, 871)])
def test_a_flame_of_gas_at_35_mj_gives_the_known_flow(length, flow) -> None:
    assert flow_of_heat(heat_api(length), 35.0) == pytest.approx(flow, rel=0.005)


def test_one_megawatt_at_35_mj_is_2_469_thousand_m3_a_day() -> None:
    assert flow_of_heat(1.0, 35.0) == pytest.approx(2.469, rel=5e-4)
    assert heat_of_flow(2.469, 35.0) == pytest.approx(1.0, rel=5e-4)


def test_known_conversions() -> None:
    assert convert(1.0, "BCM/yr", "MMscfd", reference=15.56) == pytest.approx(96.75, rel=1e-4)
    assert convert(1.0, "Mcf/day", "m3/day", to=15.56) == pytest.approx(28.317, rel=1e-4)
    assert convert(1.0, "Nm3/h", "m3/h", to=20.0) == pytest.approx(1.0732, rel=1e-4)
    assert change_reference(1.0, 0.0, 20.0) == pytest.approx(1.073, rel=1e-3)
    assert change_reference(1.0, 15.56, 15.56, pressure=14.65 * 6894.757, wanted_pressure=14.73 * 6894.757) < 1


@pytest.mark.parametrize(
    ("name", "per_day"),
    [("Nm³/h", 24.0), ("thousand m3/day", 1000.0), ("m^3 per hour", 24.0), ("1000 m3/d", 1000.0), ("mmscfd", 28316.85),
     ("Mcf/d", 28.31685), ("million m3/year", 1e6 / 365), ("bcm/a", 1e9 / 365)],
)  # fmt: skip
def test_a_unit_is_known_by_its_usual_spellings(name, per_day) -> None:
    assert flow_unit(name).per_day == pytest.approx(per_day, rel=1e-6)


@pytest.mark.parametrize("name", ["m3", "barrels/day", "", "kg/h", "m3/fortnight", "mmscf"])
def test_what_is_no_gas_flow_is_refused(name) -> None:
    with pytest.raises(WrongUnit, match="no unit of gas flow"):
        flow_unit(name)


def test_a_volume_without_reference_temperature_is_refused_and_so_is_a_contradiction() -> None:
    with pytest.raises(WrongUnit, match="says nothing of its reference temperature"):
        convert(1.0, "m3/h", "thousand m3/day", to=20.0)
    with pytest.raises(WrongUnit, match="counted at 0 °C"):
        convert(1.0, "Nm3/h", "thousand m3/day", reference=20.0, to=20.0)


@given(st.floats(0.1, 1e4), st.sampled_from([0.0, 15.0, 15.56, 20.0]), st.sampled_from(["Mcf/day", "m3/h", "Nm3/day"]))
def test_there_and_back_is_the_same_flow(flow, reference, unit) -> None:
    implied = flow_unit(unit).reference
    at = reference if implied is None else implied
    there = convert(flow, "thousand m3/day", unit, reference=reference, to=at)
    assert convert(there, unit, "thousand m3/day", reference=at, to=reference) == pytest.approx(flow)
