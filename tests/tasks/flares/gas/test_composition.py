"""A gas by its mole fractions: stoichiometry at every reference temperature, and compositions that cannot be."""

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from outcrop.core.errors import BadInput, DamagedFile, WrongUnit
from outcrop.tasks.flares.gas.composition import COMPONENTS, REFERENCES, gas_of, molar_density, read_gas, reference_of
from outcrop.tasks.flares.gas.presets import DEFAULT, PRESETS

METHANE = PRESETS["methane"]


@pytest.mark.parametrize(
    ("reference", "density", "lower", "co2", "ch4"),
    [
        (0.0, 44.615, 35.81, 1.9635, 0.7157),
        (15.0, 42.293, 33.94, 1.8613, 0.6785),
        (15.56, 42.211, None, 1.8577, 0.6772),
        (20.0, 41.571, 33.37, 1.8295, 0.6669),
    ],
)
def test_methane_has_its_known_densities_and_heating_values(reference, density, lower, co2, ch4) -> None:
    assert molar_density(reference) == pytest.approx(density, rel=2e-5)
    assert METHANE.density(reference) == pytest.approx(ch4, rel=1e-4)
    assert molar_density(reference) * METHANE.carbon * 44.0095e-3 == pytest.approx(co2, rel=1e-4)
    if lower:
        assert METHANE.lower_heating_value(reference) == pytest.approx(lower, rel=5e-4)


def test_methane_burns_to_2_743_kg_of_co2_per_kg_and_not_per_m3() -> None:
    assert 44.0095 / METHANE.molar_mass == pytest.approx(2.743, abs=1e-3)


def test_a_rich_gas_has_the_carbon_and_heat_of_its_parts() -> None:
    gas = read_gas("C1=70,C2=12,C3=9,C4=5,C5=2,N2=2")
    assert gas.carbon == pytest.approx(1.51)
    assert molar_density(20.0) * gas.carbon * 44.0095e-3 == pytest.approx(2.763, rel=1e-3)
    assert gas.lower_heating_value(20.0) == pytest.approx(46.4, rel=0.01)
    assert str(gas) == str(PRESETS["associated-rich"])


def test_lower_heating_is_about_nine_tenths_of_higher() -> None:
    for gas in (METHANE, PRESETS["associated"], PRESETS["associated-shale"]):
        assert 0.89 < gas.lower_heating_value(15.0) / gas.higher_heating_value(15.0) < 0.93


def test_every_preset_is_a_whole_gas_with_its_source() -> None:
    for name, gas in PRESETS.items():
        assert sum(gas.fractions.values()) == pytest.approx(1.0)
        assert name in gas.source and gas.basis == "preset"
        assert "analysis" in gas.source or name == "methane"
        assert 18 < gas.lower_heating_value(15.0) < 60
    assert read_gas(None).basis == "default"
    assert read_gas(None).fractions == PRESETS[DEFAULT].fractions
    assert read_gas("Associated-Rich") is PRESETS["associated-rich"]


@given(st.lists(st.floats(0.01, 1.0), min_size=2, max_size=6))
def test_fractions_and_per_cent_give_one_gas(weights) -> None:
    names = list(COMPONENTS)[: len(weights)]
    shares = np.array(weights) / sum(weights)
    a = gas_of(dict(zip(names, shares, strict=True)), "")
    b = gas_of(dict(zip(names, 100 * shares, strict=True)), "")
    assert a.molar_mass == pytest.approx(b.molar_mass)
    assert min(COMPONENTS[n].molar_mass for n in names) <= a.molar_mass <= max(COMPONENTS[n].molar_mass for n in names)


@given(st.floats(0, 3).filter(lambda s: abs(s - 1) > 0.0051))
def test_shares_that_sum_to_neither_1_nor_100_are_refused(total) -> None:
    with pytest.raises(BadInput, match="sum to"):
        gas_of({"C1": total * 0.8, "C2": total * 0.2}, "")


def test_a_sum_within_half_a_per_cent_is_shared_out() -> None:
    gas = gas_of({"C1": 0.897, "C2": 0.1}, "")
    assert sum(gas.fractions.values()) == pytest.approx(1.0)
    assert gas.share("C1") == pytest.approx(0.897 / 0.997)


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("C1=1.1,C2=-0.1", "0 or more"),
        ("C1=0.8,C2=0.1", "sum to 0.9"),
        ("C1=0.9,unobtainium=0.1", "none of"),
        ("C1=0.5,methane=0.5", "twice"),
        ("C1=0.5,C1=0.5", "twice"),
        ("C1=nan,C2=1", "0 or more"),
        ("C1=lots", "mole fraction"),
        ("C1=80%,N2=0.2", "sum to"),
        ("nothing known", "preset"),
        ("x" * 5000, "preset"),
        ("", "preset"),
    ],
)
def test_an_impossible_composition_is_refused_with_a_sentence(text, why) -> None:
    with pytest.raises(BadInput, match=why):
        read_gas(text)


@pytest.mark.parametrize(
    "text", ["C1=80%; N2=20%", "CH4=0.8, N2=0.2", "methane=0,8;nitrogen=0,2", "C1 = 80 N2 = 20", "n2=.2,c1=.8"]
)
def test_a_list_is_read_as_people_write_it(text) -> None:
    gas = read_gas(text)
    assert dict(gas.fractions) == pytest.approx({"C1": 0.8, "N2": 0.2})
    assert gas.basis == "analysis"


@pytest.mark.parametrize(
    "text",
    ["component,share\nmethane,0.8\nN2,0.2\n", "C1,N2\n80,20\n", "\ufeffC1;80,0\nN2;20,0\n", "C1\t0.8\nN2\t0.2\n"],
)
def test_an_analysis_is_read_from_a_file(tmp_path: Path, text) -> None:
    path = tmp_path / "gas.csv"
    path.write_text(text, encoding="utf-8")
    gas = read_gas(path)
    assert dict(gas.fractions) == pytest.approx({"C1": 0.8, "N2": 0.2})
    assert "gas.csv" in gas.source


def test_a_file_that_is_no_composition_is_refused_by_name(tmp_path: Path) -> None:
    path = tmp_path / "gas.csv"
    path.write_text("C1,0.5\nN2,0.2\n")
    with pytest.raises(BadInput, match=r"gas\.csv sum to 0\.7"):
        read_gas(path)
    path.write_bytes(b"\xff\xfe\x00")
    with pytest.raises(DamagedFile, match=r"gas\.csv"):
        read_gas(path)
    path.write_text("\n")
    with pytest.raises(DamagedFile, match="no composition"):
        read_gas(path)


def test_a_reference_temperature_is_one_of_four() -> None:
    assert [reference_of(t) for t in ("0", "15 °C", "60F", "60 F", 15.56, "20C")] == [
        0.0,
        15.0,
        15.56,
        15.56,
        15.56,
        20.0,
    ]
    assert set(REFERENCES.values()) == {0.0, 15.0, 15.56, 20.0}
    for wrong in ("25", "warm", "", "nan"):
        with pytest.raises(WrongUnit, match="reference temperature"):
            reference_of(wrong)
