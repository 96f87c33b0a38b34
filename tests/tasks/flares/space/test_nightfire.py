"""Nightfire rows: golden heats and volumes, fill values, units, duplicates, and tables that are no Nightfire."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from outcrop.core.errors import BadInput, NothingToSee
from outcrop.core.table import Table
from outcrop.tasks.flares.space.drawn import draw_nightfire
from outcrop.tasks.flares.space.heat import (
    ASSUMPTIONS,
    SITE_ERROR,
    SLOPE,
    daily_volume,
    modified_heat,
    radiant_heat,
    yearly_volume,
)
from outcrop.tasks.flares.space.nightfire import DARK, FLAME, UNFITTED, is_nightfire, read_nightfire


def rows(**columns) -> Table:
    usual = {
        "Lat_GMTCO": [31.0, 31.1], "Lon_GMTCO": [-103.0, -103.1], "Date_Mscan": ["2020/01/02 08:30:00", "2020/01/03 08:30:00"],
        "Temp_BB": [1800.0, 1750.0], "Area_BB": [5.0, 20.0], "RH": [2.976, 10.636], "Cloud_Mask": [0.0, 0.0],
        "QF_Detect": [79.0, 79.0], "QF_Fit": [3.0, 3.0],
    }  # fmt: skip
    every = {name: cells for name, cells in {**usual, **columns}.items() if cells is not None}
    return Table(id="rows.csv", columns={n: np.array(c, object if isinstance(c[0], str) else float) for n, c in every.items()})  # fmt: skip


@pytest.mark.parametrize(
    ("kelvin", "area", "heat", "modified", "bcm", "daily"),
    [
        (1700, 1, 0.4736, 0.4736, 0.01390, 38.1),
        (1800, 5, 2.976, 1.8365, 0.05391, 147.7),
        (1750, 20, 10.636, 4.3300, 0.12710, 348.2),
    ],
)
def test_heat_and_volume_are_those_of_the_published_method(kelvin, area, heat, modified, bcm, daily) -> None:
    assert radiant_heat(kelvin, area) == pytest.approx(heat, rel=1e-3)
    assert modified_heat(kelvin, area) == pytest.approx(modified, rel=1e-3)
    assert yearly_volume(modified_heat(kelvin, area)) == pytest.approx(bcm, rel=1e-3)
    assert daily_volume(yearly_volume(modified_heat(kelvin, area))) == pytest.approx(daily, rel=1e-3)


def test_every_number_from_outside_has_a_range_and_a_source() -> None:
    assert all(a.low < a.best < a.high and a.source for a in ASSUMPTIONS.values())
    assert ASSUMPTIONS[SLOPE].high / ASSUMPTIONS[SLOPE].low > 1.5


def test_the_error_of_a_site_is_as_large_as_counties_show() -> None:
    draws = np.exp(ASSUMPTIONS[SITE_ERROR].draw(np.random.default_rng(0)).draws)
    assert np.median(draws) == pytest.approx(1, abs=0.02) and np.median(np.abs(1 / draws - 1)) == pytest.approx(
        0.3, abs=0.04
    )


def test_rows_are_read_by_their_names_in_any_case() -> None:
    table = rows()
    small = Table(id="s", columns={name.lower(): column for name, column in table.columns.items()})
    for found in (read_nightfire(table), read_nightfire(small)):
        assert found.temperature.tolist() == [1800, 1750] and found.kind.tolist() == [FLAME, FLAME]
        assert str(found.time[0]) == "2020-01-02T08:30:00" and not found.dropped


def test_fill_values_are_missing_and_counted() -> None:
    found = read_nightfire(
        rows(Temp_BB=[999999.0, -999.0], Area_BB=[999999.0, 5.0], RH=[999999.0, 999999.0], QF_Detect=[0.0, 1.0])
    )
    assert found.kind.tolist() == [DARK, UNFITTED] and np.isnan(found.temperature).all() and np.isnan(found.area).all()
    assert any(note.startswith("5 cells") for note in found.notes)


def test_a_cloudy_look_is_not_clear_and_a_table_without_clouds_says_so() -> None:
    assert read_nightfire(rows(Cloud_Mask=[0.0, 3.0])).clear.tolist() == [True, False]
    found = read_nightfire(rows(Cloud_Mask=None))
    assert found.clear.all() and not found.clouds_known and any("how clear" in note for note in found.notes)


def test_a_temperature_at_the_limit_of_the_fit_gives_no_heat() -> None:
    assert read_nightfire(rows(QF_Fit=[8.0, 3.0])).kind.tolist() == [UNFITTED, FLAME]


def test_cooler_sources_are_no_flames() -> None:
    found = read_nightfire(rows(Temp_BB=[900.0, 1750.0]))
    assert len(found) == 1 and found.dropped == {"cooler than 1400 K": 1}


@pytest.mark.parametrize(
    ("changed", "says"),
    [
        ({"RH": [2.976e6, 10.636e6]}, "2 rows with RH in W"),
        ({"RH": [2.976e6, 10.636]}, "1 rows with RH in W"),
        ({"RH": [2976.0, 10636.0]}, "2 rows with RH in kW"),
        ({"Area_BB": [5e-6, 20e-6]}, "2 rows with areas in km²"),
        ({"Temp_BB": [1526.85, 1476.85]}, "°C"),
        ({"Temp_BB": [1526.85, 1476.85], "RH": None, "Temp_Bkg": [12.0, 11.0]}, "°C"),
        ({"RH": [5.0, 10.636]}, "1 rows whose RH differs"),
    ],
)
def test_other_units_are_converted_and_said(changed, says) -> None:
    found = read_nightfire(rows(**changed))
    np.testing.assert_allclose(found.temperature, [1800, 1750], rtol=1e-9)
    np.testing.assert_allclose(found.area, [5, 20], rtol=1e-9)
    assert any(says in note for note in found.notes)


def test_an_area_is_made_from_the_scaling_factor_or_from_the_heat() -> None:
    scaled = read_nightfire(rows(Area_BB=None, ESF_BB=[5 / 0.75e6, 20 / 0.75e6], Area_Pixel=[0.75, 0.75]))
    np.testing.assert_allclose(scaled.area, [5, 20])
    np.testing.assert_allclose(read_nightfire(rows(Area_BB=None)).area, [5, 20], rtol=1e-3)


@pytest.mark.parametrize(
    ("changed", "reason"),
    [
        ({"Lat_GMTCO": [999999.0, 31.1]}, "no position"),
        ({"Lat_GMTCO": [-103.0, 31.1]}, "a position off the globe"),
        ({"Lat_GMTCO": [0.0, 31.1], "Lon_GMTCO": [0.0, 1.0]}, "position at 0, 0"),
        ({"Date_Mscan": ["soon", "2020/01/03 08:30:00"]}, "no time"),
    ],
)
def test_rows_without_place_or_time_are_dropped_by_reason(changed, reason) -> None:
    found = read_nightfire(rows(**changed))
    assert len(found) == 1 and found.dropped == {reason: 1} and any(reason in note for note in found.notes)


@pytest.mark.parametrize(
    ("changed", "error", "says"),
    [
        ({"Temp_BB": None}, BadInput, "no Nightfire columns"),
        ({"Temp_BB": ["hot", "1800"]}, BadInput, "word 'hot'"),
        ({"Date_Mscan": [737000.0, 737001.0]}, BadInput, "bare numbers"),
        ({"Temp_BB": [500.0, 600.0]}, NothingToSee, "cooler"),
    ],
)
def test_what_is_no_nightfire_is_refused_in_a_sentence(changed, error, says) -> None:
    with pytest.raises(error, match=says):
        read_nightfire(rows(**changed))


def test_what_was_drawn_is_told_apart() -> None:
    drawn = draw_nightfire(np.random.default_rng(3), sites=3, nights=60)
    assert is_nightfire(drawn.table)
    found = read_nightfire(drawn.table)
    assert found.dropped == {"duplicated row": drawn.duplicates, "cooler than 1400 K": drawn.fires}
    assert (found.kind == UNFITTED).sum() == drawn.unfitted and (found.kind == DARK).any()


@settings(max_examples=10)
@given(st.integers(1, 40), st.integers(0, 1000))
def test_repeating_and_shuffling_rows_changes_nothing(count, seed) -> None:
    table = draw_nightfire(np.random.default_rng(1), sites=1, nights=12).table
    rng = np.random.default_rng(seed)
    order = rng.permutation([*range(len(table)), *rng.integers(len(table), size=count)])
    again = read_nightfire(replace(table, columns={n: c[order] for n, c in table.columns.items()}))
    once = read_nightfire(table)
    assert len(again) == len(once)
    np.testing.assert_array_equal(np.sort(again.area), np.sort(once.area))
