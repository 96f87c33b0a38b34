"""Registers are read as they are written, and every row that is not used is named."""

import gzip
from dataclasses import replace
from datetime import date
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from outcrop.core.errors import BadInput, DamagedFile, NoGeometry, OutcropError, UsageError, WrongUnit
from outcrop.tasks.tailings.anm import sexagesimal
from outcrop.tasks.tailings.audit.cells import decimal_mark, degrees, number
from outcrop.tasks.tailings.audit.presets import PRESETS, Columns
from outcrop.tasks.tailings.audit.registry import LeftOut, counted, read_registry

SIGBM = '''ID Barragem,Nome da Barragem,Nome do Empreendedor,Latitude,Longitude,Situação Operacional,snapshot
1,Alta,FULANO DE TAL,"-20°03\'43.000""","-43°47\'49.000""",Ativa,2022-05-05
2,Baixa,FULANO DE TAL,"-20°03\'47.000""","-43°47\'41.000""",Inativa,2022-05-05
1,Alta,FULANO DE TAL,"-20°03\'43.000""","-43°47\'59.000""",Ativa,2023-06-01
3,Zero,FULANO DE TAL,"00°00\'00.000""","00°00\'00.000""",Ativa,2023-06-01
'''


def written(folder: Path, text: str, name: str = "register.csv", encoding: str = "utf-8") -> Path:
    path = folder / name
    path.write_bytes(text.encode(encoding))
    return path


def rows(*lines: str, header: str = "id,lon,lat,declared_area") -> str:
    return "\n".join([header, *lines, ""])


@pytest.mark.parametrize(
    ("cell", "value"),
    [
        ("-20.061944", -20.061944),
        ("-20,061944", -20.061944),
        ("-15°55'09.590\"", -15.919330556),
        ("15º 55′ 09,590″ S", -15.919330556),
        ("43:47:49,000 O", -43.796944444),
        ("-00°44'00.100\"", -0.733361111),
        ("20d30m0 S", -20.5),
        ("\u221220.5", -20.5),
        ("70 L", 70.0),
        (-20, -20.0),
        ("-20°61'00\"", None),
        ("-20.5 N", None),
        ("7.345.678,00", None),
        ("Sul do Equador", None),
        ("", None),
        (None, None),
        (float("nan"), None),
    ],
)
def test_an_angle_is_read_in_every_common_writing(cell, value) -> None:
    assert degrees(cell) == (None if value is None else pytest.approx(value, abs=1e-8))


def test_a_preset_reads_a_state_of_the_register_and_no_owner(tmp_path) -> None:
    found = read_registry(written(tmp_path, SIGBM), "sigbm", when=date(2021, 7, 1))
    assert found.state == date(2022, 5, 5)
    assert [(e.id, e.name, e.status, e.row) for e in found.entries] == [
        ("1", "Alta", "Ativa", 2),
        ("2", "Baixa", "Inativa", 3),
    ]
    assert (found.entries[0].lon, found.entries[0].lat) == pytest.approx((-43.796944, -20.061944), abs=1e-6)
    assert "FULANO" not in repr(found)
    assert any("2 states" in note and "2022-05-05" in note for note in found.notes)
    assert any("308 days" in note for note in found.notes)


def test_without_a_date_the_latest_state_is_read_and_moves_are_measured(tmp_path) -> None:
    found = read_registry(written(tmp_path, SIGBM), "sigbm")
    assert found.state == date(2023, 6, 1)
    assert [e.id for e in found.entries] == ["1"]
    assert found.entries[0].moved == pytest.approx(10 / 3600 * 104_600, rel=0.001)
    assert found.left_out == (LeftOut(row=5, id="3", reason="position at 0, 0"),)


def test_every_row_is_an_entry_or_left_out_with_its_reason(tmp_path) -> None:
    text = rows(
        "1,-43.8,-20.1,10",
        "2,0,0,10",
        "3,,,10",
        "4,-43.8,-120.1,10",
        "1,-43.9,-20.2,10",
        ",-43.9,-20.2,10",
        "7,-43.9,-20.2,10,what,else",
        "8,-43.9,-20.2,",
        "9,-43.7,-20.2,0.00",
        "10,-43.7,-20.2,large",
        "11,-43.7",
    )
    found = read_registry(written(tmp_path, text))
    assert [e.id for e in found.entries] == ["1", "8", "9", "10"]
    assert {r.row: r.reason for r in found.left_out} == {
        3: "position at 0, 0",
        4: "no position that can be read",
        5: "impossible position: -43.8, -120.1",
        6: "id given twice: row 2 has it already",
        7: "no id",
        8: "more cells than the 4 columns of the header",
        12: "no position that can be read",
    }
    assert {r.id: r.reason for r in found.without_area} == {
        "8": "an empty cell", "9": "zero", "10": "a cell that is no area: large",
    }  # fmt: skip
    assert [e.declared_area for e in found.entries] == [10.0, None, None, None]
    assert "2 × no position that can be read" in " ".join(found.notes)
    assert len(found.entries) + len(found.left_out) == 11


@pytest.mark.parametrize(
    ("cells", "expected"),
    [
        (('"35,272.00"', '"2,500"'), [35272.0, 2500.0]),
        (('"35.272,00"', "2.500"), [35272.0, 2500.0]),
        (("57.463.773", "188.680"), [57463773.0, 188680.0]),
        (("2.5", "0.125"), [2.5, 0.125]),
        (('"2,5"', '"0,125"'), [2.5, 0.125]),
        (("1200", "80"), [1200.0, 80.0]),
    ],
)
def test_the_column_shows_which_separator_is_the_decimal_one(tmp_path, cells, expected) -> None:
    text = rows(*(f"{i},-43.8,-20.1,{cell}" for i, cell in enumerate(cells)))
    assert [e.declared_area for e in read_registry(written(tmp_path, text)).entries] == expected


def test_decimal_commas_in_positions_are_read(tmp_path) -> None:
    text = rows("1;-43,796944;-20,061944;1,5", header="id;lon;lat;declared_area")
    entry = read_registry(written(tmp_path, text), Columns(area_unit="ha")).entries[0]
    assert (entry.lon, entry.lat, entry.declared_area) == (-43.796944, -20.061944, 15_000.0)


def test_an_area_that_can_be_read_in_two_ways_is_not_guessed(tmp_path) -> None:
    path = written(tmp_path, rows('1,-43.8,-20.1,"35,272"'))
    with pytest.raises(BadInput, match="two ways \\('35,272'\\).*say whether its decimal separator"):
        read_registry(path)
    assert read_registry(path, Columns(decimal=",")).entries[0].declared_area == 35.272
    assert read_registry(path, Columns(decimal=".")).entries[0].declared_area == 35272.0
    with pytest.raises(BadInput, match="mixes both decimal separators"):
        read_registry(written(tmp_path, rows('1,-43.8,-20.1,"35.272,00"', '2,-43.8,-20.1,"35,272.00"')))
    with pytest.raises(BadInput, match="'35.272,00'.*name the other separator"):
        read_registry(written(tmp_path, rows('1,-43.8,-20.1,"35.272,00"')), Columns(decimal="."))


def test_a_unit_slip_in_the_register_is_named(tmp_path) -> None:
    found = read_registry(written(tmp_path, rows("1,-43.8,-20.1,795000000", "2,-43.8,-20.1,25000", "3,-43.8,-20.1,30")))
    assert [e.doubtful for e in found.entries] == [True, False, True]
    assert any("doubtful: 1, 3" in note for note in found.notes)


def test_exchanged_longitude_and_latitude_are_refused_in_the_bulk_and_named_in_single_rows(tmp_path) -> None:
    right = [f"{i},-43.{i},-20.{i},1" for i in range(1, 9)]
    wrong = [f"{i},-20.{i},-43.{i},1" for i in range(1, 9)]
    brazil = replace(Columns(), extent=PRESETS["sigbm"].extent)
    with pytest.raises(
        NoGeometry, match=r"8 of 8 points.*8 would fit if longitude and latitude are exchanged: map lon"
    ):
        read_registry(written(tmp_path, rows(*wrong)), brazil)
    found = read_registry(written(tmp_path, rows(*right, "9,-20.5,-43.5,1", "10,43.5,20.5,1", "11,2,80,1")), brazil)
    assert [r.reason for r in found.left_out] == [
        "position outside the register's country: -20.5, -43.5, as if longitude and latitude are exchanged",
        "position outside the register's country: 43.5, 20.5, as if the minus signs are lost",
        "position outside the register's country: 2, 80",
    ]
    assert counted(found.left_out) == "3 × position outside the register's country"


def test_lost_signs_metres_and_impossible_latitudes_are_refused(tmp_path) -> None:
    brazil = replace(Columns(), extent=PRESETS["sigbm"].extent)
    with pytest.raises(NoGeometry, match="minus signs are lost"):
        read_registry(written(tmp_path, rows("1,43.8,20.1,1", "2,44.8,21.1,1")), brazil)
    with pytest.raises(NoGeometry, match="exchanged and the minus signs lost"):
        read_registry(written(tmp_path, rows("1,20.1,43.8,1", "2,21.1,44.8,1")), brazil)
    with pytest.raises(NoGeometry, match="612345, 7781234, which are metres"):
        read_registry(written(tmp_path, rows("1,612345,7781234,1")))
    with pytest.raises(NoGeometry, match="exchanged"):
        read_registry(written(tmp_path, rows("1,-20.1,-143.8,1", "2,-21.1,-144.8,1")))


@pytest.mark.parametrize(
    ("text", "kind", "words"),
    [
        ("id,x,y\n1,2,3\n", BadInput, "no column 'lon' or 'longitude'.* for lon, only id, x, y: map lon"),
        ("code,lon,lat\n1,2,3\n", BadInput, "no column 'id' for id"),
        ("id,lon,lat\n", BadInput, "holds 1 lines"),
        ("", BadInput, "holds 0 lines"),
        ("id,lon,lat\n1,0,0\n", BadInput, "no row with a usable position \\(1 × position at 0, 0\\)"),
        ("id,lon,lat\n1,-43,8,-20,1\n2,-43,9,-20,2\n", BadInput, "as decimal commas make .* ; as separator"),
        ("id,lon,lat,snapshot\n1,-43,-20,May 2022\n", BadInput, "no date such as 2022-05-05"),
    ],
)
def test_a_register_that_cannot_be_used_is_refused_in_one_sentence(tmp_path, text, kind, words) -> None:
    with pytest.raises(kind, match=words) as caught:
        read_registry(written(tmp_path, text))
    assert "\n" not in str(caught.value) and "register.csv" in str(caught.value)


def test_a_file_that_is_no_table_is_refused(tmp_path) -> None:
    with pytest.raises(UsageError, match="no register at"):
        read_registry(tmp_path / "nothing.csv")
    with pytest.raises(UsageError, match="no register preset 'anm': choose one of sigbm"):
        read_registry(written(tmp_path, SIGBM), "anm")
    with pytest.raises(WrongUnit, match="'acre': give m², ha or km²"):
        read_registry(written(tmp_path, SIGBM), Columns(area_unit="acre"))
    for text in ("id\0\0\0lon", '{"type": "FeatureCollection"}', "<html>503</html>"):
        with pytest.raises(BadInput, match="neither a CSV"):
            read_registry(written(tmp_path, text))
    cut = tmp_path / "cut.csv.gz"
    cut.write_bytes(gzip.compress(SIGBM.encode())[:-20])
    with pytest.raises(DamagedFile, match="damaged gzip"):
        read_registry(cut, "sigbm")
    for start in (b"PK\x03\x04 no book", b"SQLite format 3\0 no package"):
        (tmp_path / "broken").write_bytes(start)
        with pytest.raises(OutcropError, match="broken is no readable"):
            read_registry(tmp_path / "broken")


def test_a_named_column_must_be_there_but_alternatives_may_be_missing(tmp_path) -> None:
    path = written(tmp_path, "id,lon,lat\n1,-43,-20\n")
    assert read_registry(path).entries[0].declared_area is None
    with pytest.raises(BadInput, match="no column 'hectares' for declared_area"):
        read_registry(path, Columns(declared_area="hectares"))


def test_encodings_compression_and_spreadsheets_make_no_difference(tmp_path) -> None:
    text = rows("1,-43.8,-20.1,7,São João", header="id,lon,lat,área declarada,nome")
    columns = Columns(name="nome", declared_area="AREA_DECLARADA")
    expected = read_registry(written(tmp_path, text, "a.csv"), columns).entries
    assert expected[0].name == "São João" and expected[0].declared_area == 7
    other = written(tmp_path, text, "b.csv", "cp1252")
    assert read_registry(other, columns).entries == expected
    assert "Windows-1252" in read_registry(other, columns).notes[0]
    assert read_registry(written(tmp_path, text, "c.csv", "utf-16"), columns).entries == expected
    packed = tmp_path / "d.bin"
    packed.write_bytes(gzip.compress(text.encode("utf-8-sig")))
    assert read_registry(packed, columns).entries == expected
    openpyxl = pytest.importorskip("openpyxl")
    book = openpyxl.Workbook()
    for row in (("id", "lon", "lat", "área declarada", "nome"), (1, -43.8, -20.1, 7, "São João")):
        book.active.append(row)
    book.save(tmp_path / "e.xlsx")
    assert read_registry(tmp_path / "e.xlsx", columns).entries == expected


def package(path: Path, crs: str, shapes: list[str]) -> Path:
    shapely, raw = pytest.importorskip("shapely"), pytest.importorskip("pyogrio.raw")
    kind = shapely.from_wkt(shapes[0]).geom_type
    fields = [np.array([f"D{i}" for i in range(len(shapes))], object), np.array([35272.5] * len(shapes))]
    points = shapely.to_wkb(shapely.from_wkt(shapes))
    raw.write(str(path), points, fields, ["id", "declared_area"], driver="GPKG", geometry_type=kind, crs=crs)
    return path


def test_a_geopackage_gives_its_points(tmp_path) -> None:
    path = package(tmp_path / "dams.gpkg", "EPSG:4674", ["POINT (-43.8 -20.1)", "POINT EMPTY"])
    found = read_registry(path)
    assert [(e.id, e.lon, e.lat, e.declared_area) for e in found.entries] == [("D0", -43.8, -20.1, 35272.5)]
    assert found.left_out == (LeftOut(row=2, id="D1", reason="no position that can be read"),)


def test_a_geopackage_of_outlines_gives_a_point_inside_each(tmp_path) -> None:
    hook = "POLYGON ((-44 -20, -43 -20, -43 -19, -43.1 -19, -43.1 -19.9, -44 -19.9, -44 -20))"
    found = read_registry(package(tmp_path / "outlines.gpkg", "EPSG:4326", [hook]))
    assert -44 < found.entries[0].lon < -43 and -20 < found.entries[0].lat < -19
    assert any("one point inside" in note for note in found.notes)


def test_a_geopackage_in_metres_is_refused(tmp_path) -> None:
    with pytest.raises(NoGeometry, match="EPSG:31983, not in degrees: export it as EPSG:4326"):
        read_registry(package(tmp_path / "utm.gpkg", "EPSG:31983", ["POINT (612345 7781234)"]))


def test_the_chilean_register_is_read_with_its_own_words(tmp_path) -> None:
    header = "ID;NOMBRE EMPRESA O PRODUCTOR MINERO;NOMBRE INSTALACION;ESTADO_INSTALACION;UTM_ESTE;LATITUD;LONGITUD;Shape__Area"
    path = written(tmp_path, rows("12;Fulano;Tranque 5;ACTIVO;327000;-33,05;-70,85;91200,4", header=header))
    found = read_registry(path, "sernageomin")
    entry = found.entries[0]
    assert (entry.id, entry.name, entry.status) == ("12", "Tranque 5", "ACTIVO")
    assert (entry.lon, entry.lat, entry.declared_area) == (-70.85, -33.05, 91200.4)
    assert "Fulano" not in repr(found) and any("Web Mercator" in note for note in found.notes)


@given(st.floats(-179.99, 179.99))
def test_what_is_written_in_degrees_minutes_and_seconds_is_read_back(value) -> None:
    assert degrees(sexagesimal(value)) == pytest.approx(value, abs=0.5 / 3.6e6 + 1e-12)


@given(st.integers(0, 10**9), st.integers(0, 99), st.sampled_from([",", "."]))
def test_a_grouped_number_is_read_back_and_shows_its_separator(whole, cents, mark) -> None:
    text = f"{whole:,}.{cents:02d}".translate({44: 46, 46: 44} if mark == "," else {})
    assert decimal_mark(text) == mark
    assert number(text, mark) == pytest.approx(whole + cents / 100)


def test_the_brazilian_register_reads_as_counted(data) -> None:
    folder = data / "registry"
    found = read_registry(folder / "mg_reservoir_area_2023-10.csv", "mg-area")
    assert len(found.entries) == 345 and counted(found.without_area) == "2 × zero; 2 × an empty cell"
    areas = [e.declared_area for e in found.entries if e.declared_area]
    assert np.median(areas) / 1e4 == pytest.approx(2.5, abs=0.1) and max(areas) == 795_000_000
    assert sum(e.doubtful for e in found.entries) == 9
