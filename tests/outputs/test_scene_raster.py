"""Scenes come back from their files within half a step, with grid, names, time, and NaN where nothing was seen."""

from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pytest
from affine import Affine

from outcrop.core.errors import UsageError
from outcrop.core.grid import Axis, Grid
from outcrop.core.scene import Scene

rasterio = pytest.importorskip("rasterio", reason="writes GeoTIFFs: install the extra 'geo'")

from outcrop.outputs.scene_raster import stored, write_scene


def scene(crs: str | None = "EPSG:32723", rows: int = 600) -> Scene:
    values = np.random.default_rng(0).uniform(0, 0.6, (2, rows, 30)).astype(np.float32)
    values[:, :, :3] = np.nan
    grid = Grid(shape=(rows, 30), transform=Affine(10.0, 0, 5e5, 0, -10.0, 7e6), axes=(Axis("easting", "m"), Axis("northing", "m")), crs=crs)  # fmt: skip
    moment = datetime(2021, 5, 4, 13, 12, 11, tzinfo=UTC)
    return Scene(id="a", grid=grid, bands=("B4", "B2"), read=lambda w: values[:, *w.slices], acquired=moment)


def test_a_scene_comes_back_from_its_file(tmp_path: Path) -> None:
    from outcrop.sources.geotiff import open_raster

    found = open_raster(write_scene(tmp_path / "a.tif", scene(), tags={"WHO": "a test"}))
    assert found.grid == scene().grid
    assert found.bands == ("B4", "B2")
    assert found.acquired == scene().acquired
    values = scene().read(scene().grid.whole)
    assert found.read(found.grid.whole) == pytest.approx(np.maximum(values, 1e-4), abs=5.1e-5, nan_ok=True)
    with rasterio.open(tmp_path / "a.tif") as file:
        assert file.nodata == 0
        assert file.tags()["WHO"] == "a test"


def test_dark_pixels_are_never_mistaken_for_missing_ones() -> None:
    assert stored(np.array([0.0, 1e-6, np.nan], np.float32)).tolist() == [1, 1, 0]


def test_an_unknown_projection_is_refused_and_leaves_no_file(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="is not understood"):
        write_scene(tmp_path / "a.tif", scene("EPSG:999999"))
    assert not list(tmp_path.iterdir())
