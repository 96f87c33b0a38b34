"""Maps out: the values, the place and the provenance come back from a valid COG, and nothing is left of a failure."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from affine import Affine
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from outcrop.core.errors import MissingExtra, UsageError
from outcrop.core.grid import Axis, Grid
from outcrop.outputs import raster
from outcrop.outputs.picture import COLOURS
from outcrop.outputs.raster import levels, write_mask, write_probability

rasterio = pytest.importorskip("rasterio", reason="needs rasterio: install the extra 'geo'")
pytestmark = pytest.mark.filterwarnings("ignore:Dataset has no geotransform")

METRES = (Axis("easting", "m"), Axis("northing", "m"))
UTM = Grid(shape=(70, 90), transform=Affine(10, 0, 399960.25, 0, -10, 4000020.5), axes=METRES, crs="EPSG:32618")
MOLLWEIDE = rasterio.crs.CRS.from_string("+proj=moll +lon_0=11 +units=m").to_wkt(version="WKT2_2019")


def strips(values: Any, height: int = 16) -> Iterator[tuple[int, Any]]:
    """(bands, rows, cols) in strips of this height."""
    for row in range(0, values.shape[1], height):
        yield row, values[:, row : row + height]


def probabilities(grid: Grid, classes: int = 1, seed: int = 0) -> Any:
    values = np.random.default_rng(seed).random((classes, *grid.shape), np.float32)
    values[:, :5, :7] = np.nan
    return values


def back(path: Path) -> Any:
    """What any GDAL reader gets after scale and nodata, NaN where nothing was seen."""
    with rasterio.open(path) as file:
        stored = file.read(masked=True).astype(np.float64)
        scales = np.array(file.scales)[:, None, None]
        return (stored * scales).filled(np.nan)


def test_probabilities_come_back_to_half_a_level(tmp_path: Path) -> None:
    values = probabilities(UTM)
    path = write_probability(tmp_path / "a.probability.tif", UTM, strips(values), classes=["tailings"])
    assert path == tmp_path / "a.probability.tif"
    read = back(path)
    assert np.array_equal(np.isnan(read), np.isnan(values))
    assert np.nanmax(np.abs(read - values)) <= 0.5 / 254 + 1e-6


def test_a_mask_comes_back_exactly(tmp_path: Path) -> None:
    values = np.random.default_rng(0).choice(np.array([0, 1, 2, 255], np.uint8), (1, *UTM.shape))
    path = write_mask(tmp_path / "a.mask.tif", UTM, strips(values), classes=["pond", "beach"])
    with rasterio.open(path) as file:
        assert file.dtypes == ("uint8",) and file.nodata == 255
        assert np.array_equal(file.read(), values)


def test_a_mask_names_and_paints_its_classes(tmp_path: Path) -> None:
    path = write_mask(tmp_path / "m.tif", UTM, [(0, np.zeros(UTM.shape, np.uint8))], classes=["pond", "beach"])
    with rasterio.open(path) as file:
        assert file.colorinterp[0].name == "palette"
        assert [file.colormap(1)[k][:3] for k in (0, 1, 2)] == [(255, 255, 255), *COLOURS[:2]]
        assert file.tags(1) == {"CLASS_0": "background", "CLASS_1": "pond", "CLASS_2": "beach"}


def test_classes_name_the_bands_of_a_probability(tmp_path: Path) -> None:
    values = probabilities(UTM, 4)
    path = write_probability(tmp_path / "p.tif", UTM, strips(values), classes=["a", "b", "c", "d"])
    with rasterio.open(path) as file:
        assert file.descriptions == ("a", "b", "c", "d")
        assert "alpha" not in [colour.name for colour in file.colorinterp]
        assert file.scales == (1 / 254,) * 4 and file.nodatavals == (255,) * 4
    assert np.nanmax(np.abs(back(path) - values)) <= 0.5 / 254 + 1e-6


@pytest.mark.parametrize(
    ("transform", "crs"),
    [
        (Affine(10, 0, 399960.25, 0, -10, 4000020.5), "EPSG:32618"),
        (
            Affine(8.928162255785108e-05, 0, -56.58186769075667, 0, -8.928164246537909e-05, -16.28867697818094),
            "EPSG:4326",
        ),
        (Affine(17.320508075688775, 5, 100, 10, -8.660254037844387, 200), "EPSG:32723"),
        (Affine(17.320508075688775, 5, 100, 10, -8.660254037844387, 200), None),
        (Affine(30, 0, -2e6, 0, -30, 1e6), "EPSG:3413"),
        (Affine(500, 0, 1e5, 0, -500, 2e5), MOLLWEIDE),
        (Affine(12.5, 0, 0, 0, 4, 0), None),
        (Affine.identity(), None),
    ],
    ids=["utm", "degrees", "rotated", "rotated-nowhere", "polar", "wkt", "section", "picture"],
)
def test_the_place_comes_back_to_the_last_digit(tmp_path: Path, transform: Affine, crs: str | None) -> None:
    grid = Grid(shape=(20, 30), transform=transform, axes=METRES, crs=crs)
    for path in (
        write_probability(tmp_path / "p.tif", grid, strips(probabilities(grid)), classes=["a"]),
        write_mask(tmp_path / "m.tif", grid, [(0, np.ones((20, 30), np.uint8))], classes=["a"]),
    ):
        with rasterio.open(path) as file:
            assert file.shape == (20, 30) and file.transform == transform
            assert (file.crs is None) == (crs is None)
            if crs:
                assert file.crs == rasterio.crs.CRS.from_user_input(crs)


def test_provenance_is_kept_also_beyond_ascii(tmp_path: Path) -> None:
    tags = {"OUTCROP_VERSION": "0.2.0", "MODEL_SHA256": "ab" * 32, "SOURCE": "São João <&> 尾矿"}
    path = write_probability(tmp_path / "p.tif", UTM, strips(probabilities(UTM)), classes=["a"], tags=tags)
    with rasterio.open(path) as file:
        assert tags.items() <= file.tags().items()


@settings(max_examples=10)
@given(arrays(np.float32, (1, 6, 7), elements=st.floats(0, 1, width=32) | st.just(np.nan)), st.integers(1, 7))
def test_the_height_of_strips_does_not_matter(
    tmp_path_factory: pytest.TempPathFactory, values: Any, height: int
) -> None:
    grid = Grid(shape=(6, 7))
    path = tmp_path_factory.getbasetemp() / "p.tif"
    write_probability(path, grid, strips(values, height), classes=["a"])
    with rasterio.open(path) as file:
        assert np.array_equal(file.read(), levels(values))


@given(st.floats(0, 1, width=32))
def test_levels_keep_a_probability_to_half_a_step_and_never_say_no_data(value: float) -> None:
    level = int(levels(np.array([value], np.float32))[0])
    assert level <= 254 and abs(level / 254 - value) <= 0.5 / 254 + 1e-6


def test_levels_hold_what_lies_beyond_their_ends() -> None:
    values = np.array([-0.1, 1.2, np.inf, -np.inf, np.nan], np.float32)
    assert levels(values).tolist() == [0, 254, 254, 0, 255]


def test_the_strips_that_were_given_are_not_changed(tmp_path: Path) -> None:
    values = probabilities(UTM)
    before = values.copy()
    write_probability(tmp_path / "p.tif", UTM, [(0, values)], classes=["a"])
    assert np.array_equal(values, before, equal_nan=True)


def test_the_file_is_a_cloud_optimized_geotiff_with_overviews(tmp_path: Path) -> None:
    """Layout as GDAL's own check reads it: the ghost area says COG, directories stand before data, large to small."""
    grid = Grid(shape=(1100, 1300), transform=UTM.transform, axes=METRES, crs="EPSG:32618")
    values = np.zeros((1, *grid.shape), np.float32)
    values[:, 512:] = 0.75
    values[:, :, 1024:] = np.nan
    path = write_probability(tmp_path / "p.tif", grid, strips(values, 300), classes=["a"])
    assert b"LAYOUT=IFDS_BEFORE_DATA" in path.read_bytes()[:300]
    with rasterio.open(path) as file:
        assert file.tags(ns="IMAGE_STRUCTURE")["LAYOUT"] == "COG"
        assert file.block_shapes == [(512, 512)] and file.compression.name == "deflate"
        assert file.overviews(1) == [2, 4]
    with rasterio.open(path, OVERVIEW_LEVEL=0) as small:
        assert small.shape == (550, 650)
        stored = small.read(1)
    assert (stored[:256, :512] == 0).all() and (stored[257:, :512] == 190).all() and (stored[:, 512:] == 255).all()


def test_no_data_does_not_leak_into_the_overviews(tmp_path: Path) -> None:
    """A chess board of 1 and nothing: averages stay 1, and a mask's overviews hold only its own numbers."""
    grid = Grid(shape=(1024, 600))
    board = (np.indices(grid.shape).sum(axis=0) % 2).astype(bool)
    values = np.where(board, np.float32(1), np.float32(np.nan))[None]
    path = write_probability(tmp_path / "p.tif", grid, strips(values, 512), classes=["a"])
    with rasterio.open(path, OVERVIEW_LEVEL=0) as small:
        assert set(np.unique(small.read())) == {254}
    mask = np.where(board, 2, 255).astype(np.uint8)
    path = write_mask(tmp_path / "m.tif", grid, [(0, mask)], classes=["a", "b"])
    with rasterio.open(path, OVERVIEW_LEVEL=0) as small:
        assert set(np.unique(small.read())) <= {2, 255}


@pytest.mark.parametrize("shape", [(1, 1), (1, 600), (600, 1), (513, 511)])
def test_grids_of_any_shape_are_written(tmp_path: Path, shape: tuple[int, int]) -> None:
    grid = Grid(shape=shape, transform=UTM.transform, axes=METRES, crs="EPSG:32618")
    values = np.random.default_rng(0).random((1, *shape), np.float32)
    write_probability(tmp_path / "p.tif", grid, strips(values, 100), classes=["a"])
    assert np.nanmax(np.abs(back(tmp_path / "p.tif") - values)) <= 0.5 / 254 + 1e-6


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ([(0, np.zeros((1, 30, 90)))], "stop after 30 of 70 rows"),
        ([(16, np.zeros((1, 54, 90)))], "after 0 rows"),
        ([(0, np.zeros((1, 71, 90)))], "up to row 70 is wanted"),
        ([(0, np.zeros((2, 70, 90)))], r"\(1, rows, 90\)"),
        ([(0, np.zeros((1, 70, 80)))], r"\(1, rows, 90\)"),
        ([(0, np.zeros((1, 40, 90))), (30, np.zeros((1, 40, 90)))], "after 40 rows"),
        ([], "stop after 0 of 70 rows"),
    ],
)
def test_strips_that_do_not_fit_are_refused(tmp_path: Path, given: Any, said: str) -> None:
    with pytest.raises(UsageError, match=said):
        write_probability(tmp_path / "p.tif", UTM, given, classes=["a"])
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("value", [3, 254, 1.5, -1, np.nan])
def test_a_mask_of_other_numbers_is_refused(tmp_path: Path, value: float) -> None:
    values = np.full((1, *UTM.shape), value, np.uint8 if value in (3, 254) else np.float32)
    with pytest.raises(UsageError, match="beside 0 to 2 and 255"):
        write_mask(tmp_path / "m.tif", UTM, [(0, values)], classes=["a", "b"])


def test_an_unknown_projection_is_refused_before_anything_is_written(tmp_path: Path) -> None:
    grid = Grid(shape=(4, 4), crs="EPSG:999999")
    with pytest.raises(UsageError, match="'EPSG:999999' is not understood .*: give an EPSG code"):
        write_mask(tmp_path / "m.tif", grid, [(0, np.zeros((4, 4), np.uint8))], classes=["a"])
    assert list(tmp_path.iterdir()) == []


def test_a_failure_half_way_leaves_the_earlier_file(tmp_path: Path) -> None:
    path = write_mask(tmp_path / "m.tif", UTM, [(0, np.ones(UTM.shape, np.uint8))], classes=["a"])
    before = path.read_bytes()

    def broken() -> Iterator[tuple[int, Any]]:
        yield 0, np.zeros((1, 16, 90), np.uint8)
        raise RuntimeError("the model failed")

    with pytest.raises(RuntimeError, match="the model failed"):
        write_mask(path, UTM, broken(), classes=["a"])
    assert [p.name for p in tmp_path.iterdir()] == ["m.tif"] and path.read_bytes() == before


def test_a_full_disk_is_an_error_of_the_system_that_names_the_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import rasterio.shutil

    def full(*names: Any, **settings: Any) -> None:
        raise rasterio.errors.RasterioIOError("no space left")

    monkeypatch.setattr(rasterio.shutil, "copy", full)
    with pytest.raises(OSError, match=r"m\.tif could not be written \(no space left\): check the space"):
        write_mask(tmp_path / "m.tif", UTM, [(0, np.ones(UTM.shape, np.uint8))], classes=["a"])
    assert list(tmp_path.iterdir()) == []


def test_without_rasterio_the_extra_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def absent(name: str) -> Any:
        raise ImportError(name)

    monkeypatch.setattr(raster.importlib, "import_module", absent)
    with pytest.raises(MissingExtra, match=r"it writes m\.tif.*outcrop\[geo\]"):
        write_mask(tmp_path / "m.tif", UTM, [], classes=["a"])


def test_no_file_is_left_beside_the_result(tmp_path: Path) -> None:
    grid = Grid(shape=(600, 700))
    write_probability(tmp_path / "p.tif", grid, strips(probabilities(grid), 200), classes=["a"])
    assert [p.name for p in tmp_path.iterdir()] == ["p.tif"]
