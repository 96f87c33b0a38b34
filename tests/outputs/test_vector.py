"""Vector files, read back by other libraries and judged by their own rules."""

import json
import struct
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path

import numpy as np
import pytest

from outcrop.core.errors import BadInput, NoGeometry, UsageError
from outcrop.outputs.vector import BATCH, DEPOSITS, LAYER, WRITERS, Feature, write_deposits

pyogrio = pytest.importorskip("pyogrio", reason="needs pyogrio: install the extra 'geo'")
shapely = pytest.importorskip("shapely", reason="needs shapely: install the extra 'geo'")
parquet = pytest.importorskip("pyarrow.parquet", reason="needs pyarrow: install the extra 'geo'")

UTM = "EPSG:32723"
PROJJSON = {"type": "ProjectedCRS", "name": "WGS 84 / UTM zone 23S", "id": {"authority": "EPSG", "code": 32723}}
WHEN = datetime(2020, 1, 25, 13, 22, 41, tzinfo=UTC)
every_format = pytest.mark.parametrize("suffix", WRITERS)


def square(x: float, y: float, side: float) -> np.ndarray:
    return np.array([(x, y), (x, y - side), (x + side, y - side), (x + side, y), (x, y)], float)


def deposit(number: int = 1, x: float = 600_000, y: float = 7_900_000, **properties) -> Feature:
    """100 m by 100 m with a hole of 20 m by 20 m, and an island of 10 m beside it."""
    parts = ((square(x, y, 100), (square(x + 40, y - 40, 20)[::-1],)), (square(x + 200, y, 10), ()))
    usual = {
        "id": number, "class": "tailings", "area_ha": 0.97, "area_ha_low": 0.9, "area_ha_high": 1.05,
        "perimeter_m": 520.0, "mean_probability": 0.8, "touches_edge": True, "observed_share": 0.75,
        "scene": "S2A_20200125T132241", "acquired": WHEN, "model_sha256": "ab" * 32,
    }  # fmt: skip
    return Feature(parts=parts, properties=usual | properties)


def write(path: Path, features, crs: str | None = UTM, **how) -> Path:
    return write_deposits(path, features, crs, projjson=PROJJSON if crs else None, **how)


def read(path: Path) -> tuple[list[str], dict[str, list], np.ndarray]:
    """Columns, values by column, and geometries of a file, by a library that did not write it where there is one."""
    if path.suffix == ".parquet":
        table = parquet.read_table(path)
        values = table.to_pydict()
        wkb = values.pop("geometry")
    else:
        meta, _, wkb, fields = pyogrio.raw.read(path, layer=LAYER if path.suffix == ".gpkg" else None)
        values = dict(zip(meta["fields"], (list(field) for field in fields), strict=True))
    return list(values), values, shapely.from_wkb(np.array(list(wkb), object))


@every_format
def test_a_deposit_comes_back_with_its_shape_and_its_values(tmp_path: Path, suffix: str):
    path = write(tmp_path / f"deposits{suffix}", [deposit()])
    columns, values, [shape] = read(path)
    assert columns == list(DEPOSITS)
    assert shape.geom_type == "MultiPolygon" and shape.is_valid
    assert [len(piece.interiors) for piece in shape.geoms] == [1, 0]
    if suffix != ".geojson":
        assert shape.area == 100**2 - 20**2 + 10**2
        assert shape.bounds == (600_000, 7_899_900, 600_210, 7_900_000)
    for name in ("id", "class", "area_ha", "touches_edge", "observed_share", "scene", "model_sha256"):
        assert values[name][0] == deposit().properties[name]
    when = values["acquired"][0]
    assert (when if isinstance(when, datetime) else when.astype(datetime)).replace(tzinfo=UTC) == WHEN
    assert [file.name for file in tmp_path.iterdir()] == [path.name]


@every_format
def test_an_empty_layer_is_a_valid_file(tmp_path: Path, suffix: str):
    path = write(tmp_path / f"deposits{suffix}", [])
    if suffix == ".geojson":  # the format keeps columns with its features
        assert json.loads(path.read_text())["features"] == []
        return
    columns, _, shapes = read(path)
    assert columns == list(DEPOSITS)
    assert len(shapes) == 0


def types(path: Path) -> list[str]:
    if path.suffix == ".parquet":
        return [str(field.type) for field in parquet.read_schema(path)]
    info = pyogrio.read_info(path)
    return [*map(str, info["dtypes"]), info["geometry_type"], info["crs"]]


@pytest.mark.parametrize("suffix", [s for s in WRITERS if s != ".geojson"])
def test_types_do_not_depend_on_what_was_found(tmp_path: Path, suffix: str):
    """Neither does a value that is missing everywhere turn its column into text."""
    bare = Feature(parts=deposit().parts, properties={"id": 2})
    kinds = [types(write(tmp_path / f"{n}{suffix}", f)) for n, f in enumerate(([], [deposit()], [bare]))]
    assert kinds[0] == kinds[1] == kinds[2]


@every_format
def test_missing_values_come_back_as_missing(tmp_path: Path, suffix: str):
    bare = Feature(parts=deposit().parts, properties={"id": 2})
    _, values, _ = read(write(tmp_path / f"deposits{suffix}", [deposit(), bare]))
    assert list(values["id"]) == [1, 2] or sorted(values["id"]) == [1, 2]
    row = list(values["id"]).index(2)
    for name in ("scene", "class", "area_ha"):
        assert values[name][row] is None or np.isnan(values[name][row])
    if suffix == ".parquet":
        assert values["touches_edge"] == [True, None]
        assert values["acquired"][1] is None


@pytest.mark.parametrize("suffix", [".gpkg", ".parquet"])
def test_more_features_than_a_batch_arrive_in_order(tmp_path: Path, suffix: str):
    count = 2 * BATCH + 7

    def stream() -> Iterator[Feature]:
        ring = square(600_000, 7_900_000, 10)
        for number in range(count):
            yield Feature(parts=((ring, ()),), properties={"id": number})

    _, values, shapes = read(write(tmp_path / f"deposits{suffix}", stream()))
    assert list(values["id"]) == list(range(count))
    assert len(shapes) == count


def geojson(tmp_path: Path, features, crs: str = UTM) -> dict:
    return json.loads(write(tmp_path / "deposits.geojson", features, crs).read_text())


def test_geojson_is_longitude_and_latitude_by_the_right_hand_rule(tmp_path: Path):
    found = geojson(tmp_path, [deposit()])
    assert "crs" not in found
    [feature] = found["features"]
    for piece in feature["geometry"]["coordinates"]:
        for number, ring in enumerate(piece):
            assert shapely.LinearRing(ring).is_ccw == (number == 0)
            assert all(round(value, 7) == value for point in ring for value in point)
    [lon, lat] = feature["geometry"]["coordinates"][0][0][0]
    assert (lon, lat) == pytest.approx((-44.0499, -18.9901), abs=2e-3)
    assert feature["properties"]["acquired"] == "2020-01-25T13:22:41Z"
    assert feature["properties"]["touches_edge"] is True


@pytest.mark.parametrize(
    ("crs", "x", "y", "side"),
    [
        ("EPSG:32660", 833_500.0, 100_000.0, 1000.0),
        ("EPSG:4326", 179.995, 5.0, 0.01),
        ("EPSG:4326", -180.005, 5.0, 0.01),
    ],
)
def test_geojson_is_cut_at_the_antimeridian(tmp_path: Path, crs: str, x: float, y: float, side: float):
    [feature] = geojson(tmp_path, [Feature(parts=((square(x, y, side), ()),), properties={})], crs)["features"]
    pieces = feature["geometry"]["coordinates"]
    assert len(pieces) == 2
    for [ring] in pieces:
        lons = np.array(ring)[:, 0]
        assert np.ptp(lons) < 0.02 and (np.abs(lons) <= 180).all()
    shape = shapely.geometry.shape(feature["geometry"])
    assert shape.is_valid
    assert shape.area == pytest.approx(1e-4 if crs == "EPSG:4326" else 8.1e-5, rel=0.02)


def test_geojson_without_a_projection_is_refused_and_a_geopackage_is_not(tmp_path: Path):
    with pytest.raises(NoGeometry, match="no map projection"):
        write(tmp_path / "deposits.geojson", [deposit()], None)
    assert list(tmp_path.iterdir()) == []
    for suffix in (".gpkg", ".fgb", ".parquet"):
        _, _, [shape] = read(write(tmp_path / f"deposits{suffix}", [deposit()], None))
        assert shape.area == 9700


def test_geoparquet_says_what_it_holds_by_version_1_1(tmp_path: Path):
    path = write(tmp_path / "deposits.parquet", [deposit(), deposit(2, x=500_000)])
    about = json.loads(parquet.read_metadata(path).metadata[b"geo"])
    assert about["version"] == "1.1.0"
    assert about["primary_column"] == "geometry"
    column = about["columns"]["geometry"]
    assert column["encoding"] == "WKB"
    assert column["geometry_types"] == ["MultiPolygon"]
    assert column["crs"] == PROJJSON
    assert column["orientation"] == "counterclockwise"
    assert column["bbox"] == [500_000, 7_899_900, 600_210, 7_900_000]
    off_the_map = json.loads(parquet.read_metadata(write(path, [deposit()], None)).metadata[b"geo"])
    assert off_the_map["columns"]["geometry"]["crs"] is None
    empty = json.loads(parquet.read_metadata(write(path, [])).metadata[b"geo"])
    assert "bbox" not in empty["columns"]["geometry"]


def test_rings_are_turned_the_right_way_whatever_way_they_came(tmp_path: Path):
    """A raster with its first row in the south turns all of them round."""
    ((outer, (hole,)), _) = deposit().parts
    turned = Feature(parts=((outer[::-1], (hole[::-1],)),), properties={})
    for feature in (turned, Feature(parts=((outer, (hole,)),), properties={})):
        _, _, [shape] = read(write(tmp_path / "deposits.parquet", [feature]))
        assert shape.geoms[0].exterior.is_ccw
        assert not shape.geoms[0].interiors[0].is_ccw


def test_the_layer_is_called_deposits_and_knows_its_projection(tmp_path: Path):
    path = write(tmp_path / "deposits.gpkg", [deposit()])
    assert pyogrio.list_layers(path).tolist() == [["deposits", "MultiPolygon"]]
    assert pyogrio.read_info(path)["crs"] == UTM
    header = path.read_bytes()[:72]
    assert header[:15] == b"SQLite format 3"
    assert header[68:72] == b"GPKG"
    assert struct.unpack(">I", path.read_bytes()[60:64])[0] >= 10200  # the version of the format


def test_a_time_in_another_zone_is_written_as_utc(tmp_path: Path):
    there = WHEN.astimezone(timezone(timedelta(hours=-3)))
    for suffix in (".geojson", ".parquet"):
        _, values, _ = read(write(tmp_path / f"deposits{suffix}", [deposit(acquired=there)]))
        when = values["acquired"][0]
        assert (when if isinstance(when, datetime) else when.astype(datetime)).replace(tzinfo=UTC) == WHEN


def test_wrong_names_are_refused_and_leave_nothing_behind(tmp_path: Path):
    with pytest.raises(UsageError, match=r"\.gpkg, \.geojson, \.parquet, \.fgb"):
        write(tmp_path / "deposits.shp", [deposit()])
    with pytest.raises(UsageError, match="no column 'colour'"):
        write(tmp_path / "deposits.gpkg", [deposit(colour="red")])
    with pytest.raises(UsageError, match="projjson"):
        write_deposits(tmp_path / "deposits.parquet", [deposit()], UTM)
    with pytest.raises(BadInput, match="'nonsense' is no map projection"):
        write_deposits(tmp_path / "deposits.gpkg", [deposit()], "nonsense")
    assert list(tmp_path.iterdir()) == []


@every_format
def test_a_failure_half_way_keeps_the_file_from_before(tmp_path: Path, suffix: str):
    path = write(tmp_path / f"deposits{suffix}", [deposit()])
    before = path.read_bytes()

    def broken() -> Iterator[Feature]:
        for _ in range(BATCH + 1):
            yield deposit()
        raise RuntimeError("no more")

    with pytest.raises(RuntimeError):
        write(path, broken())
    assert path.read_bytes() == before
    assert list(tmp_path.iterdir()) == [path]


def test_own_columns_take_the_place_of_the_usual_ones(tmp_path: Path):
    feature = Feature(parts=deposit().parts, properties={"dam": "B1", "ratio": 1.07})
    columns, values, _ = read(write(tmp_path / "dams.gpkg", [feature], columns={"dam": str, "ratio": float}))
    assert columns == ["dam", "ratio"]
    assert values["ratio"] == [1.07]
