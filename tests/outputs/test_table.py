"""Tables of picks, bodies and measurements: exact columns, safe cells, whole files."""

import csv
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from outcrop.core.errors import UsageError
from outcrop.outputs.table import BODIES, PickTable, cell, write_bodies, write_measurements, write_table


def read(path: Path) -> list[dict[str, str]]:
    with path.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def some_picks(count: int = 2) -> dict:
    return {
        "inline": np.arange(100, 100 + count),
        "crossline": np.full(count, 7),
        "x": np.linspace(605_000, 605_025, count),
        "y": np.full(count, 6_075_000.123456),
        "value": np.linspace(812.5, 816.25, count),
        "unit": "ms",
        "p10": np.full(count, 808.0),
        "p90": np.full(count, 820.0),
    }


def test_picks_have_exactly_the_agreed_columns(tmp_path):
    with PickTable(tmp_path / "cube.top.csv") as table:
        table.append(**some_picks())
    assert (tmp_path / "cube.top.csv").read_bytes() == (
        b"inline,crossline,x,y,value,unit,p10,p90\n"
        b"100,7,605000.000,6075000.123,812.500,ms,808.000,820.000\n"
        b"101,7,605025.000,6075000.123,816.250,ms,808.000,820.000\n"
    )


def test_picks_grow_slab_by_slab_and_count_their_rows(tmp_path):
    with PickTable(tmp_path / "cube.base.csv") as table:
        for _ in range(3):
            table.append(**some_picks(4))
    assert table.rows == 12
    assert len(read(tmp_path / "cube.base.csv")) == 12


def test_a_pick_that_was_not_seen_is_left_out_and_unknown_positions_stay_empty(tmp_path):
    columns = some_picks(3)
    columns["value"][1] = np.nan
    columns["x"], columns["y"] = None, np.array([1.0, 2.0, np.nan])
    with PickTable(tmp_path / "a.csv") as table:
        table.append(**columns)
    rows = read(tmp_path / "a.csv")
    assert [row["inline"] for row in rows] == ["100", "102"]
    assert [row["x"] for row in rows] == ["", ""]
    assert [row["y"] for row in rows] == ["1.000", ""]


def test_a_table_that_fails_half_way_leaves_the_old_one_untouched(tmp_path):
    path = tmp_path / "a.csv"
    path.write_text("old")
    with pytest.raises(RuntimeError), PickTable(path) as table:
        table.append(**some_picks())
        raise RuntimeError("disk on fire")
    assert path.read_text() == "old"
    assert list(tmp_path.iterdir()) == [path]


def test_a_table_appears_only_when_it_is_whole(tmp_path):
    path = tmp_path / "a.csv"
    with PickTable(path) as table:
        table.append(**some_picks())
        assert not path.exists()
    assert path.exists()


def test_picks_outside_the_with_block_are_refused(tmp_path):
    with pytest.raises(UsageError, match="with block"):
        PickTable(tmp_path / "a.csv").append(**some_picks())


@pytest.mark.parametrize("text", ["=1+1", "+49 30", "-cmd", "@SUM(A1)", "\t=1", "\r=1"])
def test_text_that_a_spreadsheet_would_run_gets_an_apostrophe(text):
    assert cell(text) == f"'{text}"


def test_negative_numbers_stay_numbers():
    assert cell(-12.5) == "-12.5"
    assert cell(np.int64(-3)) == "-3"
    assert cell(np.float32(-0.5)) == "-0.5"


def test_unknown_numbers_are_empty_and_truths_are_words():
    assert [cell(value) for value in (None, np.nan, np.inf, True, np.bool_(False))] == ["", "", "", "true", "false"]


def test_bodies_have_one_column_each_and_missing_facts_stay_empty(tmp_path):
    path = write_bodies(tmp_path / "cube.bodies.csv", [{"body": 1, "voxels": 30, "touches_edge": True}])
    assert path.read_text().splitlines()[0] == ",".join(BODIES)
    [row] = read(path)
    assert (row["body"], row["voxels"], row["touches_edge"], row["volume_m3"]) == ("1", "30", "true", "")


def test_a_column_that_the_header_lacks_is_refused(tmp_path):
    with pytest.raises(UsageError, match="'colour'"):
        write_table(tmp_path / "a.csv", ("body",), [{"colour": "red"}])
    assert not list(tmp_path.iterdir())


def test_measurements_say_what_they_belong_to(tmp_path):
    record = {
        "input": "=evil.sgy",
        "name": "salt volume",
        "value": 1.234e9,
        "unit": "m³",
        "low": 1.1e9,
        "high": 1.4e9,
        "method": "voxels, counted",
        "about": {"bodies": 2, "crest_x": None, "note": "cut; twice"},
    }
    path = write_measurements(tmp_path / "measurements.csv", [record])
    assert path.read_text(encoding="utf-8").splitlines()[0] == "input,name,value,unit,low,high,method,about"
    [row] = read(path)
    assert row["input"] == "'=evil.sgy"
    assert [float(row[key]) for key in ("value", "low", "high")] == [1.234e9, 1.1e9, 1.4e9]
    assert (row["unit"], row["method"]) == ("m³", "voxels, counted")
    assert row["about"] == "bodies=2; crest_x=; note=cut; twice"


def test_lines_end_in_a_newline_alone(tmp_path):
    path = write_bodies(tmp_path / "a.csv", [{"body": 1}])
    assert b"\r" not in path.read_bytes()
    assert path.read_bytes().endswith(b"\n")


@given(st.text(max_size=20))
def test_no_text_cell_begins_like_a_formula(text):
    assert not cell(text).startswith(("=", "+", "-", "@", "\t", "\r"))


@given(st.floats(-1e300, 1e300))
def test_numbers_survive_to_ten_digits(number):
    assert float(cell(number)) == pytest.approx(number, rel=1e-9)
