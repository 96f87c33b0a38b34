"""Training pictures cut from scenes: every outline is in every mask, deposits lie off-centre, folds keep places together."""

import csv
import json
from pathlib import Path

import numpy as np
import pytest
from affine import Affine

from outcrop.core.errors import BadInput, NoGeometry, NothingToSee, OutputExists, UsageError
from outcrop.core.grid import Axis, Grid
from outcrop.core.scene import Floats, Scene, scene_from_array

for needed in ("rasterio", "pyogrio", "shapely", "pyproj"):
    pytest.importorskip(needed, reason="cuts georeferenced pictures: install the extra 'geo'")

from outcrop.sources.geotiff import open_raster
from outcrop.sources.vector import burn, read_polygons
from outcrop.tasks.tailings.data import examples
from outcrop.tasks.tailings.samples import make_samples, reproject

METRES = (Axis("easting", "m"), Axis("northing", "m"))
WEST, NORTH = 600_000.0, 7_800_000.0
DEPOSITS = {"first": (60, 60, 90, 90), "second": (96, 60, 120, 80), "far": (250, 300, 290, 320)}
"""Left, top, right, bottom in pixels of the scene."""


def scene(side: int = 400, crs: str | None = "EPSG:32723", digital: bool = False) -> Scene:
    grid = Grid(shape=(side, side), transform=Affine(10.0, 0, WEST, 0, -10.0, NORTH), axes=METRES, crs=crs)
    values: Floats = np.random.default_rng(0).uniform(0.05, 0.2, (3, side, side)).astype(np.float32)
    for left, top, right, bottom in DEPOSITS.values():
        values[:, top:bottom, left:right] = 0.3
    return scene_from_array("drawn", np.rint(values * 10_000) if digital else values, grid, ("B04", "B03", "B02"))


def outlines(path: Path, crs: str = "EPSG:32723") -> Path:
    """The deposits as GeoJSON; with a projection of their own."""
    features = []
    for name, (left, top, right, bottom) in DEPOSITS.items():
        corners = [(left, top), (right, top), (right, bottom), (left, bottom), (left, top)]
        ring = [[WEST + 10 * x, NORTH - 10 * y] for x, y in corners]
        features.append(
            {"type": "Feature", "properties": {"name": name}, "geometry": {"type": "Polygon", "coordinates": [ring]}}
        )
    code = crs.replace("EPSG:", "urn:ogc:def:crs:EPSG::")
    content = {"type": "FeatureCollection", "crs": {"type": "name", "properties": {"name": code}}, "features": features}
    path.write_text(json.dumps(content))
    return path


def truth() -> np.ndarray:  # type: ignore[type-arg]
    mask = np.zeros((400, 400), np.uint8)
    for left, top, right, bottom in DEPOSITS.values():
        mask[top:bottom, left:right] = 1
    return mask


# Known truth


def test_every_mask_holds_every_outline_that_reaches_into_its_picture(tmp_path: Path) -> None:
    paths = make_samples(
        [scene()], outlines(tmp_path / "o.json"), tmp_path / "out", rng=np.random.default_rng(1), size=64
    )
    masks = [path for path in paths if path.parent.name == "masks"]
    assert len(masks) == 3 * 2 + 2
    for path in masks:
        found = open_raster(path)
        left, top = ~scene().grid.transform @ (found.grid.transform.c, found.grid.transform.f)
        part = truth()[round(top) : round(top) + 64, round(left) : round(left) + 64]
        assert np.array_equal(found.read(found.grid.whole)[0], part)


def test_pictures_show_the_scene_in_reflectance_whatever_its_units(tmp_path: Path) -> None:
    for name, given in (("a", scene()), ("b", scene(digital=True))):
        make_samples([given], outlines(tmp_path / "o.json"), tmp_path / name, rng=np.random.default_rng(1), size=64)
    for path in sorted((tmp_path / "a" / "images").iterdir()):
        one, other = (open_raster(tmp_path / name / "images" / path.name) for name in ("a", "b"))
        assert one.grid == other.grid
        assert one.bands == ("B4", "B3", "B2")
        assert one.read(one.grid.whole) == pytest.approx(other.read(other.grid.whole), abs=1.1e-4)
        mask = open_raster(tmp_path / "a" / "masks" / path.name).read(one.grid.whole)[0]
        assert (one.read(one.grid.whole)[0][mask == 1] == pytest.approx(0.3, abs=1e-4)) if mask.any() else True


# Properties


def test_deposits_do_not_sit_in_the_middle(tmp_path: Path) -> None:
    make_samples(
        [scene()], outlines(tmp_path / "o.json"), tmp_path / "out", rng=np.random.default_rng(2), size=48,
        per_deposit=5, background=0,
    )  # fmt: skip
    found = examples(tmp_path / "out")
    middles = np.array([np.argwhere(mask == 1).mean(axis=0) for mask in found.masks])
    assert middles.std(axis=0).min() > 5


def test_pictures_without_deposits_come_as_asked(tmp_path: Path) -> None:
    rng = np.random.default_rng(3)
    make_samples([scene()], outlines(tmp_path / "o.json"), tmp_path / "out", rng=rng, size=48, background=0.5)
    empty = [not mask.any() for mask in examples(tmp_path / "out").masks]
    assert (sum(empty), len(empty)) == (3, 9)


def test_far_scenes_fall_into_other_folds_and_near_pictures_never_do(tmp_path: Path) -> None:
    near, far = scene(), scene()
    moved = Affine(10.0, 0, WEST, 0, -10.0, NORTH + 200_000)
    far = Scene(id="far", grid=Grid(shape=(400, 400), transform=moved, axes=METRES, crs="EPSG:32723"), bands=far.bands, read=far.read)  # fmt: skip
    path = outlines(tmp_path / "o.json")
    content = json.loads(path.read_text())
    more = json.loads(json.dumps(content["features"]))
    for feature in more:
        feature["geometry"]["coordinates"] = [[[x, y + 200_000] for x, y in feature["geometry"]["coordinates"][0]]]
    path.write_text(json.dumps({**content, "features": content["features"] + more}))
    make_samples([near, far], path, tmp_path / "out", rng=np.random.default_rng(4), size=64)
    with (tmp_path / "out" / "folds.csv").open() as file:
        rows = list(csv.DictReader(file))
    assert {(row["scene"], row["fold"]) for row in rows} in (
        {("drawn", "0"), ("far", "1")}, {("drawn", "1"), ("far", "0")},
    )  # fmt: skip
    found = examples(tmp_path / "out")
    assert len(set(found.groups)) == 2


def test_what_the_sensor_did_not_see_is_neither_background_nor_tailings(tmp_path: Path) -> None:
    whole = scene()
    values = whole.read(whole.grid.whole).copy()
    values[:, 62:66] = np.nan
    holed = scene_from_array("holed", values, whole.grid, whole.bands)
    make_samples([holed], outlines(tmp_path / "o.json"), tmp_path / "out", rng=np.random.default_rng(5), size=64)
    found = examples(tmp_path / "out")
    assert any((mask == 255).any() for mask in found.masks)
    assert all(set(np.unique(mask)) <= {0, 1, 255} for mask in found.masks)


# Outlines


def test_holes_and_parts_of_outlines_are_burnt_as_they_are(tmp_path: Path) -> None:
    outer, hole = (
        [[0, 0], [80, 0], [80, -80], [0, -80], [0, 0]],
        [[20, -20], [60, -20], [60, -60], [20, -60], [20, -20]],
    )
    other = [[100, 0], [120, 0], [120, -20], [100, -20], [100, 0]]
    shape = {"type": "MultiPolygon", "coordinates": [[outer, hole], [other]]}
    content = {
        "type": "FeatureCollection",
        "features": [{"type": "Feature", "properties": {"n": 3}, "geometry": shape}],
    }
    path = tmp_path / "o.json"
    path.write_text(json.dumps(content))
    crs, (polygon,) = read_polygons(path)
    assert crs == "EPSG:4326"
    assert polygon.properties == {"n": 3}
    assert polygon.bounds == (0, -80, 120, 0)
    mask = burn([polygon], Grid(shape=(10, 14), transform=Affine(10.0, 0, 0, 0, -10.0, 0), crs=crs))
    assert mask.sum() == 8 * 8 - 4 * 4 + 2 * 2
    assert not mask[2:6, 2:6].any()


def test_outlines_in_degrees_land_where_those_in_metres_do(tmp_path: Path) -> None:
    crs, polygons = read_polygons(outlines(tmp_path / "o.json"))
    back = reproject(reproject(polygons, crs, "EPSG:4326"), "EPSG:4326", crs)
    assert -46 < reproject(polygons, crs, "EPSG:4326")[0].bounds[0] < -43
    assert np.array_equal(burn(back, scene().grid), truth())
    assert not burn([], scene().grid).any()


# Bad data


def test_scenes_and_outlines_that_do_not_meet_are_refused(tmp_path: Path) -> None:
    path, rng = outlines(tmp_path / "o.json", "EPSG:32721"), np.random.default_rng(0)
    with pytest.raises(NothingToSee, match="in any of the scenes"):
        make_samples([scene()], path, tmp_path / "out", rng=rng, size=64)


def test_a_scene_without_place_or_too_small_is_refused(tmp_path: Path) -> None:
    path, rng = outlines(tmp_path / "o.json"), np.random.default_rng(0)
    with pytest.raises(NoGeometry, match="no map projection"):
        make_samples([scene(crs=None)], path, tmp_path / "out", rng=rng, size=64)
    with pytest.raises(BadInput, match="smaller ones"):
        make_samples([scene()], path, tmp_path / "out", rng=rng, size=448)
    with pytest.raises(UsageError, match="32 px and more"):
        make_samples([scene()], path, tmp_path / "out", rng=rng, size=8)


def test_a_folder_with_files_is_not_written_into(tmp_path: Path) -> None:
    with pytest.raises(OutputExists, match="give another --out"):
        make_samples([scene()], outlines(tmp_path / "o.json"), tmp_path, rng=np.random.default_rng(0), size=64)


def test_files_that_hold_no_polygons_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "o.json"
    point = {"type": "Feature", "properties": {}, "geometry": {"type": "Point", "coordinates": [1, 2]}}
    path.write_text(json.dumps({"type": "FeatureCollection", "features": [point]}))
    with pytest.raises(BadInput, match="holds a Point in row 1"):
        read_polygons(path)
    path.write_text("no vector file")
    with pytest.raises(BadInput, match="cannot be read as a vector file"):
        read_polygons(path)


def test_look_alikes_get_pictures_with_the_deposits_alone_in_their_masks(tmp_path: Path) -> None:
    ring = [[WEST + 10 * x, NORTH - 10 * y] for x, y in ((300, 40), (330, 40), (330, 70), (300, 70), (300, 40))]
    wrong = {"type": "Feature", "properties": {}, "geometry": {"type": "Polygon", "coordinates": [ring]}}
    code = {"type": "name", "properties": {"name": "urn:ogc:def:crs:EPSG::32723"}}
    other = tmp_path / "wrong.json"
    other.write_text(json.dumps({"type": "FeatureCollection", "crs": code, "features": [wrong]}))
    known, rng = outlines(tmp_path / "o.json"), np.random.default_rng(1)
    paths = make_samples(
        [scene()], known, tmp_path / "out", rng=rng, size=64, per_deposit=3, background=0.0, look_alikes=other
    )
    masks = [open_raster(path) for path in paths if path.parent.name == "masks"]
    assert len(masks) == 3 * 4
    empty = [mask for mask in masks if not mask.read(mask.grid.whole).any()]
    assert len(empty) == 3
    for mask in empty:
        left, top = ~scene().grid.transform @ (mask.grid.transform.c, mask.grid.transform.f)
        assert left < 330 and left + 64 > 300 and top < 70 and top + 64 > 40
