"""Files are found by their suffix and opened by their first bytes."""

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from affine import Affine
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from outcrop.core.errors import BadInput, DamagedFile, MissingExtra, OutcropError, TooLarge, UnknownFormat
from outcrop.core.grid import Window
from outcrop.core.scene import Scene
from outcrop.core.table import Table
from outcrop.core.volume import Volume
from outcrop.sources import geotiff_read
from outcrop.sources.array import ArrayOptions
from outcrop.sources.geotiff import RasterOptions
from outcrop.sources.image import PictureOptions
from outcrop.sources.open import RASTERS, SUFFIXES, Options, find, open_scenes, open_source

GREY = np.arange(54, dtype=np.uint8).reshape(6, 9)


@pytest.fixture
def picture(tmp_path: Path) -> Path:
    Image.fromarray(GREY).save(tmp_path / "picture.png")
    return tmp_path / "picture.png"


@pytest.fixture
def cube(tmp_path: Path) -> Path:
    np.save(tmp_path / "cube.npy", np.arange(60, dtype=np.float32).reshape(3, 4, 5))
    return tmp_path / "cube.npy"


def test_a_picture_is_a_scene_and_an_array_a_volume(picture: Path, cube: Path) -> None:
    assert isinstance(open_source(picture), Scene)
    assert isinstance(open_source(cube), Volume)


@pytest.mark.parametrize("name", ["picture.sgx", "picture", "picture.PNG", "picture.jpg", "picture.dat"])
def test_a_picture_is_known_by_its_content_whatever_its_name(picture: Path, name: str) -> None:
    scene = open_source(picture.rename(picture.with_name(name)))
    assert isinstance(scene, Scene) and scene.grid.shape == (6, 9)


def test_an_array_is_known_by_its_content_whatever_its_name(cube: Path) -> None:
    assert isinstance(open_source(cube.rename(cube.with_name("cube.png"))), Volume)


def test_a_picture_gives_itself_and_a_volume_its_inlines(picture: Path, cube: Path) -> None:
    assert [scene.id for scene in open_scenes(picture)] == ["picture"]
    assert [scene.id for scene in open_scenes(cube)] == ["cube/inline-1", "cube/inline-2", "cube/inline-3"]


def test_options_reach_the_source_they_are_for(picture: Path, cube: Path) -> None:
    options = Options(picture=PictureOptions(max_pixels=10), array=ArrayOptions(spacing=(25.0, 12.5)))
    with pytest.raises(TooLarge):
        open_source(picture, options)
    volume = open_source(cube, options)
    assert isinstance(volume, Volume) and volume.spacing == (25.0, 12.5)


@pytest.mark.parametrize("suffix", [*SUFFIXES, ".txt", ""])
def test_an_empty_file_is_refused_whatever_its_name(tmp_path: Path, suffix: str) -> None:
    path = tmp_path / f"empty{suffix}"
    path.touch()
    with pytest.raises(DamagedFile, match=f"empty{suffix} is empty: copy or export it again"):
        open_source(path)


@pytest.mark.parametrize("suffix", SUFFIXES)
@pytest.mark.parametrize(
    "text",
    ["hello\n", "Copyright of this text: nobody\n" * 200, "C 1 not a header\n", "<html>" * 900, "\x00" * 5000],
    ids=range(5),
)
def test_text_under_any_name_is_refused_by_name(tmp_path: Path, suffix: str, text: str) -> None:
    path = tmp_path / f"text{suffix}"
    path.write_text(text)
    with pytest.raises(BadInput, match=f"text{suffix}"):
        open_source(path)


@pytest.mark.parametrize("name", ["notes.txt", "page.html", "paper.pdf", "all.zip", "data.json"])
def test_other_files_are_refused_with_what_is_wanted(tmp_path: Path, name: str) -> None:
    (tmp_path / name).write_text("something else")
    with pytest.raises(UnknownFormat, match=r"is no picture and no seismic file: give one of \.png"):
        open_source(tmp_path / name)


def test_a_csv_file_opens_as_a_table_by_its_columns(tmp_path: Path) -> None:
    (tmp_path / "sites.csv").write_text("latitude,bcm\n31.5,0.2\n32.5,\n")
    table = open_source(tmp_path / "sites.csv")
    assert isinstance(table, Table)
    assert list(table.columns) == ["latitude", "bcm"] and len(table) == 2
    assert np.isnan(table.columns["bcm"][1])


@given(st.sampled_from(SUFFIXES), st.binary(min_size=1, max_size=4000))
def test_noise_under_any_name_is_refused(tmp_path_factory: pytest.TempPathFactory, suffix: str, noise: bytes) -> None:
    path = tmp_path_factory.getbasetemp() / f"noise{suffix}"
    path.write_bytes(noise)
    with pytest.raises(OutcropError, match=f"noise{suffix}"):
        open_source(path)


def test_a_folder_is_no_file(tmp_path: Path) -> None:
    with pytest.raises(BadInput, match="cannot be read"):
        open_source(tmp_path)


def test_a_file_that_is_gone_is_refused(tmp_path: Path) -> None:
    with pytest.raises(BadInput, match=r"gone\.png cannot be read"):
        open_source(tmp_path / "gone.png")


def test_a_folder_gives_the_files_it_knows_in_order(tmp_path: Path) -> None:
    for name in ("b.png", "a.PNG", "c.Sgy", "notes.txt", "d.npy", ".hidden", "e.png.part"):
        (tmp_path / name).touch()
    (tmp_path / "deeper").mkdir()
    (tmp_path / "deeper" / "f.png").touch()
    (tmp_path / "folder.png").mkdir()
    assert [path.name for path in find([tmp_path])] == ["a.PNG", "b.png", "c.Sgy", "d.npy"]


def test_files_named_outright_are_taken_in_the_order_given(tmp_path: Path) -> None:
    for name in ("b.txt", "a.png"):
        (tmp_path / name).touch()
    assert find([tmp_path / "b.txt", tmp_path / "a.png"]) == [tmp_path / "b.txt", tmp_path / "a.png"]


def test_a_path_that_is_not_there_is_refused(tmp_path: Path) -> None:
    with pytest.raises(BadInput, match=r"there is no file or folder .*nowhere: check the path"):
        find([tmp_path / "nowhere"])


def test_a_folder_that_cannot_be_read_is_refused(tmp_path: Path) -> None:
    if os.geteuid() == 0:
        pytest.skip("needs a user who is not root: root may read everything")
    tmp_path.chmod(0o000)
    try:
        with pytest.raises(BadInput, match="cannot be read"):
            find([tmp_path])
    finally:
        tmp_path.chmod(0o700)


def test_a_file_that_cannot_be_read_is_refused(picture: Path) -> None:
    if os.geteuid() == 0:
        pytest.skip("needs a user who is not root: root may read everything")
    picture.chmod(0o000)
    with pytest.raises(BadInput, match=r"picture\.png cannot be read .*check the file and its permissions"):
        open_source(picture)


def test_what_is_named_twice_is_found_once(picture: Path) -> None:
    """A folder and a file in it: one result, not two that overwrite each other."""
    assert find([picture.parent, picture]) == [picture]


@pytest.fixture
def tiff(tmp_path: Path) -> Callable[..., Path]:
    """Writes a TIFF by GDAL: (values (bands, rows, cols), profile, georeferenced unless said otherwise) → path."""
    rasterio = pytest.importorskip("rasterio", reason="needs rasterio: install the extra 'geo'")
    place = {"crs": "EPSG:32618", "transform": Affine(10, 0, 399960, 0, -10, 4000020)}

    def write(values: Any, name: str = "a.tif", placed: bool = True, **profile: Any) -> Path:
        count, height, width = values.shape
        settings = {"driver": "GTiff", "count": count, "height": height, "width": width, "dtype": values.dtype}
        with rasterio.open(tmp_path / name, "w", **settings, **(place if placed else {}), **profile) as file:
            file.write(values)
        return tmp_path / name

    return write


MAP = np.arange(54, dtype=np.uint8).reshape(1, 6, 9)


@pytest.mark.parametrize("name", ["a.tif", "a.jp2", "a.dat", "a.png"])
def test_a_georeferenced_tiff_is_a_raster_whatever_its_name(tiff: Callable[..., Path], name: str) -> None:
    scene = open_source(tiff(MAP, name))
    assert isinstance(scene, Scene) and scene.grid.crs == "EPSG:32618"
    assert np.array_equal(scene.read(scene.grid.whole), MAP)


@pytest.mark.filterwarnings("ignore:Dataset has no geotransform")
@pytest.mark.parametrize(
    ("values", "profile"),
    [
        (np.repeat(MAP, 5, 0), {}), (MAP.astype(np.float32) - 20, {}), (MAP.astype(np.int16), {}), (MAP, {"nodata": 3}),
    ],
    ids=["five bands", "float", "signed", "nodata"],
)  # fmt: skip
def test_a_tiff_that_is_no_plain_picture_is_a_raster(tiff: Callable[..., Path], values: Any, profile: Any) -> None:
    scene = open_source(tiff(values, placed=False, **profile))
    assert isinstance(scene, Scene) and scene.bands[0] == "band 1" and scene.grid.crs is None
    assert np.nanmax(np.abs(scene.read(scene.grid.whole) - values)) == 0


@pytest.mark.filterwarnings("ignore:Dataset has no geotransform")
def test_a_plain_tiff_is_a_picture_whoever_wrote_it(tiff: Callable[..., Path], tmp_path: Path) -> None:
    Image.fromarray(MAP[0]).save(tmp_path / "b.tif")
    for path in (tiff(MAP, placed=False), tmp_path / "b.tif"):
        scene = open_source(path)
        assert isinstance(scene, Scene) and scene.bands == ("grey",)
        assert np.allclose(scene.read(scene.grid.whole), MAP / 255)


def test_bands_of_a_raster_can_be_chosen(tiff: Callable[..., Path]) -> None:
    values = np.concatenate([MAP, MAP + 1, MAP + 2])
    scene = open_source(tiff(values), Options(raster=RasterOptions(bands=("3", "1"))))
    assert isinstance(scene, Scene) and np.array_equal(scene.read(scene.grid.whole), values[[2, 0]])


@pytest.mark.filterwarnings("ignore:Dataset has no geotransform")
def test_without_rasterio_plain_tiffs_are_read_and_maps_name_the_extra(
    tiff: Callable[..., Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    plain, float32 = tiff(MAP, "plain.tif", placed=False), tiff(MAP.astype(np.float32), "float.tif", placed=False)
    placed = tiff(MAP, "map.tif")
    code_stream = plain.with_name("a.jp2")
    code_stream.write_bytes(b"\0\0\0\x0cjP  \r\n\x87\n" + bytes(100))

    def absent(path: Path) -> Any:
        raise MissingExtra("rasterio", "geo", f"it reads {path.name}")

    monkeypatch.setattr(geotiff_read, "rasterio_for", absent)
    for path in (plain, float32):
        scene = open_source(path)
        assert isinstance(scene, Scene) and scene.bands == ("grey",)
    for path in (placed, code_stream):
        with pytest.raises(MissingExtra, match=rf"it reads {path.name}"):
            open_source(path)


def test_a_tiff_cut_before_its_directory_is_damaged(tmp_path: Path) -> None:
    (tmp_path / "a.tif").write_bytes(b"II*\0\xff\xff\0\0" + bytes(100))
    with pytest.raises(DamagedFile, match=r"a\.tif is a TIFF whose directory cannot be read"):
        open_source(tmp_path / "a.tif")


def test_folders_are_searched_for_rasters(tmp_path: Path) -> None:
    for name in ("a.tif", "b.JP2", "c.j2k", "d.tiff"):
        (tmp_path / name).touch()
    assert [path.name for path in find([tmp_path])] == ["a.tif", "b.JP2", "c.j2k", "d.tiff"]
    assert set(RASTERS) <= set(SUFFIXES) and len(set(SUFFIXES)) == len(SUFFIXES)


def test_every_real_raster_opens_as_one(data: Path) -> None:
    pytest.importorskip("rasterio", reason="needs rasterio: install the extra 'geo'")
    files = find([data / "geotiff"])
    assert len(files) >= 14
    for path in files:
        scene = open_source(path)
        assert isinstance(scene, Scene) and scene.path == path
        middle = Window(row=scene.grid.shape[0] // 2, col=scene.grid.shape[1] // 2, height=5, width=5)
        assert scene.read(middle).shape == (len(scene.bands), 5, 5)
