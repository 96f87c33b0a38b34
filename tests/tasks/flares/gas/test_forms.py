"""Regulators' forms: golden rows, marks for what is not known, and files that spreadsheets can open."""

import csv
from pathlib import Path

import numpy as np
import pytest

from outcrop.core.errors import BadInput, MissingExtra, UsageError
from outcrop.core.estimate import DRAWS, Assumption
from outcrop.tasks.flares.gas.composition import read_gas
from outcrop.tasks.flares.gas.emissions import emissions_of
from outcrop.tasks.flares.gas.flow import CUBIC_FOOT
from outcrop.tasks.flares.gas.forms import FILL_IN, form_columns, form_row, write_form
from outcrop.tasks.flares.gas.presets import PRESETS as GASES
from outcrop.tasks.flares.gas.record import FIELDS, export_record, record_of
from outcrop.tasks.flares.gas.regimes import PRESETS

OIL_FIELD = "CO2=0.01,C1=0.80,C2=0.10,C3=0.05,C4=0.03,C5=0.01"


def whole(**facts):
    """One million scf at 60 °F in a day of the oil field's gas."""
    known = {
        "stack_id": "F-1", "composition_mole_fractions": OIL_FIELD, "composition_source": "analysis",
        "volume_thousand_m3": 1e3 * CUBIC_FOOT, "flow_thousand_m3_day": 1e3 * CUBIC_FOOT,
        "reference_temperature_c": 15.56, "hhv_mj_m3": 1.235e-3 * 1055.05585262 / CUBIC_FOOT,
        "destruction_efficiency": 0.98, "combustion_efficiency": 0.965, "unlit_share": 0.0,
        "period_start": "2024-05-31", "period_end": "2024-05-31", "assumed": "nothing",
    }  # fmt: skip
    return export_record(**{**known, **facts})


def test_the_epa_form_is_the_worked_example() -> None:
    row = form_row(whole(), "epa-w")
    assert row["volume_to_flare_scf_60F"] == pytest.approx(1e6)
    assert row["higher_heating_value_MMBtu_per_scf_60F"] == pytest.approx(1.235e-3)
    assert row["CH4_t"] == pytest.approx(0.3072, rel=1e-4)
    assert row["CO2_t"] == pytest.approx(67.528, rel=1e-4)
    assert row["N2O_t"] == pytest.approx(1.235e-4, rel=1e-4)
    assert row["CO2e_t_AR5_GWP100"] == pytest.approx(76.162, rel=1e-4)
    assert row["mole_fraction_C5_plus"] == pytest.approx(0.01)
    assert row["reporting_year"] == 2024
    assert row["pilot_monitoring_method"] == FILL_IN
    partly = form_row(whole(unlit_share=0.04), "epa-w")
    assert (partly["CH4_t"], partly["CO2_t"]) == pytest.approx((0.9093, 64.848), rel=1e-4)


def test_the_russian_form_counts_at_20_degrees_and_wants_cf() -> None:
    row = form_row(whole(underburning_cf=0.02), "ru-371")
    volume = 28.3168 * 293.15 / 288.71
    assert row["volume_thousand_m3_20C"] == pytest.approx(volume, rel=1e-5)
    assert row["EF_CO2_t_per_thousand_m3_20C"] == pytest.approx(2.3977, rel=1e-4)
    assert row["EF_CH4_t_per_thousand_m3_20C"] == pytest.approx(0.01069, rel=1e-3)
    assert row["CO2_t"] == pytest.approx(2.3977 * volume, rel=1e-4)
    assert row["CH4_volume_percent"] == pytest.approx(80.0)
    without = form_row(whole(), "ru-371")
    assert {without[key] for key in ("CF_underburning_fraction", "CO2_t", "CH4_t", "CO2e_t")} == {FILL_IN}


def test_the_world_banks_form_has_its_columns_and_units() -> None:
    assert form_columns("wb-gfmr")[:9] == (
        "Country", "Year", "Latitude (deg)", "Longitude (deg)", "Field Name", "Field Type", "Field Operator", "Location",
        "Flare Level",
    )  # fmt: skip
    row = form_row(whole(latitude=4.3, country="Nigeria"), "wb-gfmr")
    assert row["MMscfd at 60 F (mean flow)"] == pytest.approx(1.0)
    assert row["bcm per year at 15 C (mean flow)"] == pytest.approx(365 * 28316.85e-9 * 288.15 / 288.71, rel=1e-5)
    assert row["Flare Level"] == "Small"
    assert form_row(whole(flow_thousand_m3_day=2e3), "wb-gfmr")["Flare Level"] == "Large"
    assert row["Field Name"] == FILL_IN


def test_an_empty_record_is_all_the_users_to_fill() -> None:
    for preset in PRESETS:
        row = form_row(export_record(), preset)
        assert tuple(row) == form_columns(preset)
        assert set(row.values()) <= {FILL_IN, "flaring"}


def test_zero_and_false_are_known() -> None:
    row = form_row(export_record(unlit_share=0.0, lit=False, latitude=0.0), "all")
    assert (row["unlit_share"], row["lit"], row["latitude"]) == (0.0, False, 0.0)
    assert row["operator"] == FILL_IN


def test_volumes_and_masses_say_their_unit_in_every_form() -> None:
    for preset in PRESETS:
        for name in form_columns(preset):
            if "volume" in name.lower() and "percent" not in name and name != "volume_method":
                assert any(unit in name for unit in ("scf", "m3")), name
                assert preset == "all" or any(t in name for t in ("60F", "15C", "20C", "15 C")), name


def estimated(**facts):
    rng = np.random.default_rng(0)
    gas, given = GASES["associated"], facts.pop("given", {})
    flow = np.full(DRAWS, 10.0) * np.exp(0.5 * rng.standard_normal(DRAWS))
    masses = emissions_of(flow, gas, given, rng, reference=20.0)
    return record_of(flow, masses, gas, given, reference=20.0, gwp="AR6-100", **facts), masses


def test_a_record_of_a_period_holds_its_volume_and_masses() -> None:
    record, masses = estimated(period_start="2024-05-01", period_end="2024-05-31", source="CCTV")
    assert tuple(record) == tuple(FIELDS)
    assert record["volume_thousand_m3"] == pytest.approx(31 * record["flow_thousand_m3_day"])
    assert record["flow_p10_thousand_m3_day"] < record["flow_thousand_m3_day"] < record["flow_p90_thousand_m3_day"]
    assert record["co2_t"] == pytest.approx(31 * np.median(masses["co2"]))
    assert record["n2o_t"] == pytest.approx(31e-3 * np.median(masses["n2o"]))
    assert record["combustion_efficiency"] == pytest.approx(0.965)
    assert read_gas(record["composition_mole_fractions"]).carbon == pytest.approx(1.28, rel=1e-3)


def test_a_single_look_has_a_flow_and_no_volume() -> None:
    record, _ = estimated()
    assert record["volume_thousand_m3"] is None and record["co2_t"] is None
    assert form_row(record, "epa-w")["CO2_t"] == FILL_IN


def test_what_rests_on_defaults_is_named() -> None:
    record, _ = estimated()
    assert record["assumed"].startswith("destruction_efficiency, combustion_efficiency, unlit_share, composition")
    exact = Assumption(low=0.97, best=0.97, high=0.97, unit="1", source="given by the user")
    given_, _ = estimated(given={"destruction_efficiency": exact}, unlit_share=0.04)
    assert given_["destruction_efficiency"] == 0.97 and given_["unlit_share"] == 0.04
    assert not given_["assumed"].startswith("destruction") and "unlit" not in given_["assumed"]


def test_a_wrong_field_period_preset_or_ending_is_refused(tmp_path) -> None:
    with pytest.raises(UsageError, match="'operater'"):
        export_record(operater="x")
    with pytest.raises(BadInput, match="before it begins"):
        estimated(period_start="2024-06-01", period_end="2024-05-01")
    with pytest.raises(BadInput, match="'May'"):
        estimated(period_start="May", period_end="2024-05-01")
    with pytest.raises(UsageError, match="epa-w"):
        form_columns("epa")
    with pytest.raises(UsageError, match=r"form\.pdf"):
        write_form([whole()], "epa-w", tmp_path / "form.pdf")


def test_a_csv_form_reads_back(tmp_path: Path) -> None:
    path = write_form([whole(stack_id="=cmd()"), whole()], "epa-w", tmp_path / "form.csv")
    with path.open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    assert tuple(rows[0]) == form_columns("epa-w")
    assert rows[0]["flare_stack_id"] == "'=cmd()"
    assert float(rows[1]["CO2_t"]) == pytest.approx(67.528, rel=1e-4)
    assert rows[1]["pilot_monitoring_method"] == FILL_IN


def test_an_excel_form_reads_back_with_numbers_as_numbers(tmp_path: Path) -> None:
    openpyxl = pytest.importorskip("openpyxl")
    path = write_form([whole(stack_id="=1+1")], "wb-gfmr", tmp_path / "form.xlsx")
    again = write_form([whole(stack_id="=1+1", lit=True)], "all", tmp_path / "all.xlsx")
    sheet = openpyxl.load_workbook(path)["wb-gfmr"]
    header, row = ([cell.value for cell in cells] for cells in sheet.iter_rows())
    assert tuple(header) == form_columns("wb-gfmr")
    assert isinstance(row[header.index("MMscfd at 60 F (mean flow)")], int | float)
    assert row[0] == FILL_IN
    book = openpyxl.load_workbook(again)
    cells = {head.value: cell for head, cell in zip(*book["all"].iter_rows(), strict=True)}
    assert cells["stack_id"].value == "'=1+1" and cells["stack_id"].data_type == "s"
    assert cells["lit"].value is True
    assert FILL_IN in book["notes"]["A2"].value


def test_excel_without_its_library_says_what_to_install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(__import__("sys").modules, "openpyxl", None)
    with pytest.raises(MissingExtra, match=r"outcrop\[geo\]"):
        write_form([whole()], "epa-w", tmp_path / "form.xlsx")
