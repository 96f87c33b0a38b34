"""What ANM is handed: degrees as it writes them, simple polygons in SIRGAS2000, names that a Shapefile can hold."""

import csv
import re
import zipfile
from datetime import date
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from outcrop.core.errors import BadInput, UsageError
from outcrop.core.estimate import Estimate
from outcrop.outputs.vector_shapefile import write_shapefile
from outcrop.tasks.tailings.anm import FIELDS, VERTICES, anm_features, sexagesimal
from outcrop.tasks.tailings.deposit import Deposit


def ring(west: float, south: float, side: float) -> np.ndarray:
    return np.array(
        [[west, south], [west + side, south], [west + side, south + side], [west, south + side], [west, south]]
    )


def deposits() -> list[Deposit]:
    """One of two pieces, the first with a hole; one of unknown date whose ring is left open."""
    area = Estimate(draws=np.linspace(90_000, 110_000, 1001), unit="m²")
    pieces = ((ring(-44, -20, 0.01), (ring(-43.997, -19.997, 0.004),)), (ring(-43.98, -20, 0.01), ()))
    first = Deposit(id="Mina São João/1", parts=pieces, area=area, centroid=(-43.99, -19.995), date=date(2021, 7, 1))
    second = Deposit(
        id="2", parts=((ring(-60, 1, 0.01)[:-1], ()),), area=area, centroid=(-59.995, 1.005), touches_edge=True
    )
    return [first, second]


@pytest.fixture
def files(tmp_path: Path) -> list[Path]:
    pytest.importorskip("pyogrio")
    return anm_features(deposits(), tmp_path, "mg")


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (-13.003343611111111, "-13:00:12,037"),
        (2.17, "+02:10:12,000"),
        (-19.99999999, "-20:00:00,000"),
        (59.999999 / 3600, "+00:01:00,000"),
        (59.9996 / 3600, "+00:01:00,000"),
        (59.9994 / 3600, "+00:00:59,999"),
        (-0.00000001, "+00:00:00,000"),
        (-70.5, "-70:30:00,000"),
        (-179.75, "-179:45:00,000"),
    ],
)
def test_degrees_are_written_as_anm_wants_them(value, text) -> None:
    assert sexagesimal(value) == text


@given(st.floats(-180, 180))
def test_sixty_seconds_are_never_written_and_the_place_is_kept(value) -> None:
    text = sexagesimal(value)
    sign, whole, minutes, seconds = re.fullmatch(r"([+-])(\d{2,3}):([0-5]\d):([0-5]\d,\d{3})", text).groups()
    read = (int(whole) + int(minutes) / 60 + float(seconds.replace(",", ".")) / 3600) * (-1 if sign == "-" else 1)
    assert read == pytest.approx(value, abs=0.5001 / 3.6e6)


def test_the_shapefile_is_zipped_geodetic_simple_and_utf8(files, tmp_path) -> None:
    raw, shapely = pytest.importorskip("pyogrio.raw"), pytest.importorskip("shapely")
    with zipfile.ZipFile(files[0]) as archive:
        names = archive.namelist()
        assert sorted(names) == [f"mg_anm.{end}" for end in ("cpg", "dbf", "prj", "shp", "shx")]
        assert archive.read("mg_anm.cpg") == b"UTF-8"
        assert b"SIRGAS_2000" in archive.read("mg_anm.prj") and b"PROJCS" not in archive.read("mg_anm.prj")
        archive.extractall(tmp_path / "open")
    meta, _, shapes, columns = raw.read(tmp_path / "open" / "mg_anm.shp")
    assert meta["crs"] == "EPSG:4674" and meta["geometry_type"] == "Polygon" and meta["encoding"] == "UTF-8"
    assert tuple(meta["fields"]) == tuple(FIELDS) and all(len(name) <= 10 for name in FIELDS)
    shapes = shapely.from_wkb(shapes)
    assert [shape.geom_type for shape in shapes] == ["Polygon"] * 3
    assert shapely.area(shapes) == pytest.approx([1e-4 - 1.6e-5, 1e-4, 1e-4])
    rows = [dict(zip(FIELDS, row, strict=True)) for row in zip(*columns, strict=True)]
    assert [(r["id"], r["part"], r["edge"]) for r in rows] == [
        ("Mina São João/1", 1, 0),
        ("Mina São João/1", 2, 0),
        ("2", 1, 1),
    ]
    assert (rows[0]["latitude"], rows[0]["longitude"]) == ("-19:59:42,000", "-43:59:24,000")
    assert rows[0]["area_m2"] == pytest.approx(100_000) and rows[0]["area_low"] == pytest.approx(91_000)
    assert rows[0]["date"] == np.datetime64("2021-07-01") and np.isnat(rows[2]["date"])


def test_the_tables_have_semicolons_and_every_corner(files) -> None:
    tables = []
    for path in files[1:]:
        assert path.read_bytes().startswith(b"\xef\xbb\xbf")
        with path.open(encoding="utf-8-sig", newline="") as file:
            tables.append(list(csv.DictReader(file, delimiter=";")))
    features, corners = tables
    assert tuple(features[0]) == tuple(FIELDS) and tuple(corners[0]) == VERTICES
    assert features[0]["area_m2"] == "100000" and features[2]["date"] == ""
    assert [(c["ring"], c["vertex"]) for c in corners[:10]] == [(str(r), str(v)) for r in (0, 1) for v in range(1, 6)]
    assert len(corners) == 20 and corners[15]["latitude"] == corners[19]["latitude"] == "+01:00:00,000"
    assert corners[0]["longitude"] == "-44:00:00,000"


def test_nothing_to_hand_in_and_an_empty_outline_are_refused(tmp_path) -> None:
    with pytest.raises(BadInput, match="no deposit to hand in"):
        anm_features([], tmp_path)
    pytest.importorskip("pyogrio")
    flat = deposits()[1]
    line = Deposit(id="flat", parts=((np.zeros((4, 2)), ()),), area=flat.area, centroid=(0, 0))
    with pytest.raises(BadInput, match="deposit flat has an outline without area"):
        anm_features([line], tmp_path)
    assert not list(tmp_path.iterdir())


def test_a_shapefile_refuses_names_that_it_would_cut(tmp_path: Path) -> None:
    pytest.importorskip("pyogrio")
    with pytest.raises(UsageError, match="cuts the column 'declared_area'"):
        write_shapefile(tmp_path / "a.zip", "a", [], [], columns={"declared_area": float}, crs="EPSG:4674")
