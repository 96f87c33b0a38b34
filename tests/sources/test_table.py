"""Tables are read whatever their separator and decimals, and broken ones are refused by line and by name."""

import gzip
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from outcrop.core.errors import BadInput, DamagedFile, NothingToSee, OutcropError, UnknownFormat
from outcrop.sources import table as module
from outcrop.sources.table import open_table


def written(folder: Path, text: str | bytes, name: str = "t.csv") -> Path:
    path = folder / name
    path.write_bytes(text.encode() if isinstance(text, str) else text)
    return path


def test_numbers_become_float64_and_words_stay(tmp_path) -> None:
    found = open_table(written(tmp_path, 'id,heat,place\n1,2.5,north\n2,,\n3,1e-3,"a, b"\n'))
    assert len(found) == 3 and found.id == "t.csv" and list(found.columns) == ["id", "heat", "place"]
    np.testing.assert_array_equal(found.columns["heat"], [2.5, np.nan, 1e-3])
    assert found.columns["place"].tolist() == ["north", "", "a, b"]
    assert found.columns["heat"].dtype == np.float64 and found.columns["place"].dtype == object


@pytest.mark.parametrize("mark", [",", ";", "\t", "|"])
def test_the_separator_is_the_one_that_cuts_the_header(tmp_path, mark) -> None:
    found = open_table(written(tmp_path, f"a{mark}b{mark}c\n1{mark}2{mark}3\n"))
    assert [found.columns[n][0] for n in "abc"] == [1, 2, 3]


def test_decimal_commas_are_read_and_said(tmp_path) -> None:
    found = open_table(written(tmp_path, "lat;heat;n\n-3,25;1,5e2;7\n4,5;12;8\n"))
    np.testing.assert_array_equal(found.columns["lat"], [-3.25, 4.5])
    np.testing.assert_array_equal(found.columns["heat"], [150, 12])
    assert found.notes == ("the comma is the decimal separator of lat, heat",)


def test_commas_that_may_be_thousands_are_not_guessed(tmp_path) -> None:
    found = open_table(written(tmp_path, "a;b\n1,234;1\n5,678;2\n"))
    assert found.columns["a"].tolist() == ["1,234", "5,678"] and "thousands" in found.notes[0]


def test_points_and_commas_in_one_column_stay_text(tmp_path, monkeypatch) -> None:
    monkeypatch.setattr(module, "BLOCK", 2)
    found = open_table(written(tmp_path, "a;b\n1.50;1\n2.5;2\n3,5;3\n"))
    assert found.columns["a"].tolist() == ["1.50", "2.5", "3,5"] and "left as text" in found.notes[0]


def test_a_word_far_below_keeps_the_whole_column_as_written(tmp_path, monkeypatch) -> None:
    monkeypatch.setattr(module, "BLOCK", 2)
    found = open_table(written(tmp_path, "id,x\n007,1\n008,2\nA9,3\n"))
    assert found.columns["id"].tolist() == ["007", "008", "A9"]
    np.testing.assert_array_equal(found.columns["x"], [1, 2, 3])


def test_names_with_underscores_are_no_numbers(tmp_path) -> None:
    assert open_table(written(tmp_path, "id,x\n1_000,1\n2_000,2\n")).columns["id"].tolist() == ["1_000", "2_000"]


def test_bom_gzip_utf16_and_windows_text_are_read(tmp_path) -> None:
    text = "pays,x\nCôte,1\n"
    plain = open_table(written(tmp_path, b"\xef\xbb\xbf" + text.encode()))
    packed = open_table(written(tmp_path, gzip.compress(text.encode()), "t.csv.gz"))
    wide = open_table(written(tmp_path, text.encode("utf-16"), "w.csv"))
    old = open_table(written(tmp_path, text.encode("cp1252"), "o.csv"))
    assert {str(t.columns["pays"][0]) for t in (plain, packed, wide, old)} == {"Côte"}
    assert old.notes == ("the text is not utf-8-sig and was read as cp1252",) and next(iter(plain.columns)) == "pays"


def test_blank_lines_and_an_unnamed_empty_column_are_passed_over(tmp_path) -> None:
    found = open_table(written(tmp_path, "\na,b,\n\n1,2,\n\n3,4,\n\n"))
    assert list(found.columns) == ["a", "b"] and len(found) == 2


def test_words_for_nothing_are_empty_and_fill_values_are_left(tmp_path) -> None:
    found = open_table(written(tmp_path, "a\nNA\n-999\n999999\nnull\n"))
    np.testing.assert_array_equal(found.columns["a"], [np.nan, -999, 999999, np.nan])


@pytest.mark.parametrize(
    ("text", "error", "says"),
    [
        (b"", NothingToSee, "empty"),
        (b"\n\n ,\n", NothingToSee, "empty"),
        (b"a,b\n", NothingToSee, "no row"),
        (b"1,2\n3,4\n", BadInput, "no header"),
        (b"a,b,a\n1,2,3\n", BadInput, "'a' 2 times"),
        (b"a,b\n1,2\n3\n", DamagedFile, "1 cells in line 3"),
        (b"a,b\n1,2,3\n", DamagedFile, "3 cells in line 2"),
        (b'a,b\n1,"2\n', DamagedFile, "rules of a CSV"),
        (b"PK\x03\x04rest", UnknownFormat, "save it as CSV"),
        (b"a,b\n\x00\x01", UnknownFormat, "not text"),
        (gzip.compress(b"a,b\n1,2\n" * 99)[:30], DamagedFile, "gzip"),
        (b"a,b\n1,2\n", BadInput, "no column month"),
    ],
)
def test_what_is_no_table_is_refused_in_a_sentence(tmp_path, text, error, says) -> None:
    with pytest.raises(error, match=says):
        open_table(written(tmp_path, text), needs=("month",) if says == "no column month" else ())


def test_a_missing_file_is_refused(tmp_path) -> None:
    with pytest.raises(BadInput, match="no table at"):
        open_table(tmp_path / "none.csv")


def test_needed_columns_are_found_whatever_their_case(tmp_path) -> None:
    assert len(open_table(written(tmp_path, "Temp_BB\n1800\n"), needs=("TEMP_bb",))) == 1


@given(
    st.lists(st.tuples(st.floats(allow_nan=False, allow_infinity=False), st.integers(-9, 9)), min_size=1, max_size=30)
)
def test_numbers_come_back_as_they_were(tmp_path_factory, rows) -> None:
    path = tmp_path_factory.mktemp("t") / "t.csv"
    path.write_text("x,n\n" + "".join(f"{x!r},{n}\n" for x, n in rows), encoding="utf-8")
    found = open_table(path)
    assert found.columns["x"].tolist() == [x for x, _ in rows] and found.columns["n"].tolist() == [n for _, n in rows]


@given(st.binary(max_size=200))
def test_any_bytes_give_a_table_or_a_sentence(tmp_path_factory, content) -> None:
    path = tmp_path_factory.mktemp("t") / "t.csv"
    path.write_bytes(content)
    try:
        assert len(open_table(path)) > 0
    except OutcropError as refused:
        assert str(path) in str(refused)


def test_the_public_tables_are_read(data) -> None:
    folder = data / "flares" / "tables"
    if not folder.is_dir():
        pytest.skip(f"needs the flare tables at {folder}")
    rows = {path.name: len(open_table(path)) for path in folder.glob("*.csv")}
    assert rows["flaringmonitor_operator_month_sat_vs_reported.csv"] == 1983
    assert rows["EOG_2015_v0.2_flare_sites_bcm_temp.csv"] == 8098
    assert open_table(folder / "worldbank_top_countries_2016_2021.csv").columns["country"][0] == "Russia"
