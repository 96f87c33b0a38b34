"""What a run leaves of a scene: rasters on its grid, a picture, and a layer of what the mask outlines."""

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from outcrop.core.grid import Grid
from outcrop.core.scene import scene_from_array
from outcrop.core.task import Calibration, Prepared, Seen
from outcrop.tasks.tailings.layers import read_layer, write_anm, write_layer
from outcrop.tasks.tailings.measure import measure
from outcrop.tasks.tailings.write import true_colour, write

from .test_survey import seen, squares, utm

rasterio = pytest.importorskip("rasterio", reason="needs rasterio: install the extra 'geo'")
pyogrio = pytest.importorskip("pyogrio", reason="needs pyogrio: install the extra 'geo'")

CALIBRATION = Calibration(min_area=3)


def left(folder: Path, grid: Grid, stem: str = "scene", **more: Any) -> list[Path]:
    """The files of a scene with two deposits and a speck, its first two rows not seen."""
    values = squares()
    values[:2] = np.nan
    colours = np.random.default_rng(0).random((3, 60, 50), np.float32)
    source = replace(scene_from_array(stem, colours, grid, ("red", "green", "blue")), path=Path("scene.tif"), **more)
    prediction = seen(values, grid)
    _, found = measure(prediction, {}, CALIBRATION, np.random.default_rng(0))
    told = Seen(
        source=source, prepared=Prepared(source=source), prediction=prediction, measurements=[], calibration=CALIBRATION,
        found=found, models={"a.onnx": "abc"},
    )  # fmt: skip
    return write(told, folder, stem)


def test_rasters_lie_on_the_grid_of_the_scene_and_hold_no_specks(tmp_path: Path) -> None:
    probability, mask, overlay = left(tmp_path, utm(60, 50))
    with rasterio.open(mask) as file:
        values = file.read(1)
        assert file.transform == utm(60, 50).transform and file.crs.to_epsg() == 32723
        assert file.tags()["OUTCROP_MODELS"] == "abc"
    assert (values == 1).sum() == 616 and (values[:2] == 255).all() and (values == 0).sum() == 60 * 50 - 616 - 100
    with rasterio.open(probability) as file:
        assert file.read(1, masked=True)[20, 10] * file.scales[0] == pytest.approx(0.9, abs=1 / 508)
    assert overlay.name == "scene.overlay.png"


@pytest.mark.parametrize("suffix", [".gpkg", ".geojson", ".parquet", ".fgb"])
def test_the_layer_outlines_what_the_mask_holds(tmp_path: Path, suffix: str) -> None:
    left(tmp_path, utm(60, 50))
    (path,) = write_layer(tmp_path, ["scene"], suffix)
    if suffix == ".parquet":
        from pyarrow.parquet import read_table

        table = read_table(path)
        columns = {name: np.array(table[name]) for name in ("id", "area_ha", "area_ha_low")}
    else:
        _, _, _, values = pyogrio.raw.read(path)
        columns = dict(zip(pyogrio.read_info(path)["fields"].tolist(), values, strict=True))
    assert sorted(columns["area_ha"]) == pytest.approx([0.16 / 0.9996**2, 6 / 0.9996**2], rel=1e-5)
    assert set(columns["id"].tolist()) == {1, 2} and (columns["area_ha_low"] < columns["area_ha"]).all()


def test_scenes_of_two_projections_share_a_layer_in_degrees(tmp_path: Path) -> None:
    left(tmp_path, utm(60, 50), "a")
    left(tmp_path, replace(utm(60, 50), crs="EPSG:32724"), "b")
    (path,) = write_layer(tmp_path, ["a", "b"], ".gpkg")
    information = pyogrio.read_info(path)
    assert information["crs"] == "EPSG:4326" and information["features"] == 4
    assert -46 < information["total_bounds"][0] < information["total_bounds"][2] < -38


def test_deposits_are_handed_to_the_audit_in_degrees_with_their_intervals(tmp_path: Path) -> None:
    left(tmp_path, utm(60, 50))
    (path,) = write_layer(tmp_path, ["scene"], ".gpkg")
    first = read_layer(path)[0]
    record = json.loads((tmp_path / ".outcrop" / "scene.deposits.json").read_text())["deposits"][0]
    assert first.area.value == pytest.approx(1e4 * record["area_ha"])
    ends = 1e4 * record["area_ha_low"], 1e4 * record["area_ha_high"]
    assert first.area.interval() == pytest.approx(ends, rel=1e-3)
    assert first.centroid == pytest.approx((-45, -19.89), abs=0.02)
    assert all(path.exists() for path in write_anm(tmp_path, ["scene"]))


def test_a_layer_without_deposits_is_read_as_none(tmp_path: Path) -> None:
    left(tmp_path, utm(60, 50))
    store = tmp_path / ".outcrop" / "scene.deposits.json"
    store.write_text(json.dumps({**json.loads(store.read_text()), "deposits": []}))
    (path,) = write_layer(tmp_path, ["scene"], ".gpkg")
    assert read_layer(path) == []


def test_a_scene_off_the_map_leaves_rasters_and_no_layer(tmp_path: Path) -> None:
    files = left(tmp_path, Grid(shape=(60, 50)))
    assert [f.name for f in files] == ["scene.probability.tif", "scene.mask.tif", "scene.overlay.png"]
    assert write_layer(tmp_path, ["scene"], ".gpkg") == []


def test_true_colours_are_stretched_and_missing_pixels_dark() -> None:
    values = np.linspace(0.1, 0.5, 3 * 20 * 20, dtype=np.float32).reshape(3, 20, 20)
    values[:, 0, 0] = np.nan
    shown = true_colour(values)
    assert shown.shape == (20, 20, 3) and shown.max() == 255 and shown[0, 0].tolist() == [0, 0, 0]
