"""Damaged, hostile and foreign rasters: one sentence that names the file, nothing else read, nothing guessed."""

import io
import struct
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from affine import Affine
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from outcrop.core.errors import BadInput, DamagedFile, MissingExtra, NoGeometry, OutcropError, TooLarge, UnknownFormat
from outcrop.core.grid import Window
from outcrop.sources import geotiff_describe, geotiff_read
from outcrop.sources.geotiff import open_raster
from outcrop.sources.geotiff_tags import tiff_kind

rasterio = pytest.importorskip("rasterio", reason="needs rasterio: install the extra 'geo'")

pytestmark = pytest.mark.filterwarnings("ignore:Dataset has no geotransform")

UTM: dict[str, Any] = {"crs": "EPSG:32618", "transform": Affine(10, 0, 399960, 0, -10, 4000020)}
SIDE = 64


def drawn(path: Path, values: Any | None = None, **profile: Any) -> Path:
    """A file with these values, (bands, rows, cols), noise in tiles of 16 px unless said otherwise."""
    if values is None:
        values = np.random.default_rng(0).integers(1, 60000, (1, SIDE, SIDE)).astype(np.uint16)
        profile = {"tiled": True, "blockxsize": 16, "blockysize": 16, "compress": "deflate", **profile}
    count, height, width = values.shape
    settings = {"driver": "GTiff", "count": count, "height": height, "width": width, "dtype": values.dtype, **UTM}
    with rasterio.open(path, "w", **{**settings, **profile}) as file:
        file.write(values)
    return path


def tile_places(content: bytes) -> tuple[Any, ...]:
    """Where the tiles of a little-endian classic TIFF begin."""
    (start,) = struct.unpack_from("<I", content, 4)
    (entries,) = struct.unpack_from("<H", content, start)
    for i in range(entries):
        tag, _, count, place = struct.unpack_from("<HHII", content, start + 2 + 12 * i)
        if tag == 324:
            return struct.unpack_from(f"<{count}I", content, place)
    raise ValueError("no tiles")


def test_a_corrupt_tile_is_named_by_its_window_and_the_others_are_read(tmp_path: Path) -> None:
    path = drawn(tmp_path / "a.tif")
    content = bytearray(path.read_bytes())
    spoilt = tile_places(bytes(content))[5]  # second row of tiles, second column
    content[spoilt : spoilt + 40] = b"\xff" * 40
    path.write_bytes(content)
    scene = open_raster(path)
    with pytest.raises(DamagedFile, match=r"a\.tif cannot be read in rows 20 to 29, columns 10 to 24 as TIFF .*: copy"):
        scene.read(Window(row=20, col=10, height=10, width=15))
    assert np.isfinite(scene.read(Window(row=32, col=0, height=32, width=64))).all()


def test_a_truncated_file_reads_up_to_where_it_was_cut(tmp_path: Path) -> None:
    path = drawn(tmp_path / "a.tif")
    path.write_bytes(path.read_bytes()[: tile_places(path.read_bytes())[-1] + 20])
    scene = open_raster(path)
    assert np.isfinite(scene.read(Window(row=0, col=0, height=16, width=16))).all()
    with pytest.raises(DamagedFile, match="rows 48 to 63, columns 48 to 63"):
        scene.read(Window(row=48, col=48, height=16, width=16))


def test_an_empty_file_is_refused(tmp_path: Path) -> None:
    (tmp_path / "a.tif").touch()
    with pytest.raises(DamagedFile, match=r"a\.tif is empty: copy or export it again"):
        open_raster(tmp_path / "a.tif")


@pytest.mark.parametrize("kept", [4, 8, 20, 100])
def test_a_file_cut_in_its_headers_is_refused_without_its_folder(tmp_path: Path, kept: int) -> None:
    path = drawn(tmp_path / "a.tif")
    path.write_bytes(path.read_bytes()[:kept])
    with pytest.raises(DamagedFile, match=r"a\.tif cannot be opened as TIFF .*: copy or download it again") as refusal:
        open_raster(path)
    assert str(tmp_path) not in str(refusal.value) and "\n" not in str(refusal.value)


def test_a_cut_jpeg_2000_is_refused(tmp_path: Path) -> None:
    noise = np.random.default_rng(0).integers(0, 60000, (1, SIDE, SIDE)).astype(np.uint16)
    path = drawn(tmp_path / "a.jp2", noise, driver="JP2OpenJPEG")
    content = path.read_bytes()
    path.write_bytes(content[: len(content) // 2])
    with pytest.raises(DamagedFile, match=r"a\.jp2 cannot be (opened|read in rows 0 to 63).* as JPEG 2000"):
        open_raster(path).read(Window(row=0, col=0, height=SIDE, width=SIDE))
    path.write_bytes(content[:40])
    with pytest.raises(DamagedFile, match=r"a\.jp2 cannot be opened as JPEG 2000"):
        open_raster(path)


def test_a_virtual_raster_under_the_name_of_a_tiff_reads_no_other_file(tmp_path: Path) -> None:
    secret = drawn(tmp_path / "secret.tif")
    text = (
        f'<VRTDataset rasterXSize="{SIDE}" rasterYSize="{SIDE}"><VRTRasterBand dataType="UInt16" band="1"><SimpleSource>'
        f"<SourceFilename>{secret}</SourceFilename><SourceBand>1</SourceBand></SimpleSource></VRTRasterBand></VRTDataset>"
    )
    (tmp_path / "a.tif").write_text(text)
    with rasterio.open(tmp_path / "a.tif") as file:
        assert file.driver == "VRT", "the test must hold a VRT that GDAL would follow"
    with pytest.raises(UnknownFormat, match=r"a\.tif is neither TIFF nor JPEG 2000 inside"):
        open_raster(tmp_path / "a.tif")
    with pytest.raises(DamagedFile), geotiff_read.settings(tmp_path):
        geotiff_read.opened(tmp_path / "a.tif", "GTiff")


def test_what_lies_beside_a_file_is_not_followed(tmp_path: Path) -> None:
    values = np.full((1, SIDE, SIDE), 9, np.uint16)
    path = drawn(tmp_path / "a.tif", values)
    Path(f"{path}.aux.xml").write_text(
        '<PAMDataset><PAMRasterBand band="1"><Scale>2</Scale><NoDataValue>9</NoDataValue></PAMRasterBand></PAMDataset>'
    )
    drawn(tmp_path / "a.tif.msk", np.zeros((1, SIDE, SIDE), np.uint8))
    with rasterio.open(path) as file:
        assert file.scales == (2,), "the test must hold a file that GDAL would follow"
    scene = open_raster(path)
    assert (scene.read(scene.grid.whole) == 9).all()


def test_pixels_that_are_claimed_but_not_there_cost_nothing_until_they_are_read(tmp_path: Path) -> None:
    """A million by a million pixels in a file of a few hundred bytes."""
    path = tmp_path / "a.tif"
    entries = [(256, 4, 10**6), (257, 4, 10**6), (258, 3, 8), (259, 3, 1), (262, 3, 1), (277, 3, 1),
               (322, 3, 512), (323, 3, 512), (324, 4, 8), (325, 4, 8)]  # fmt: skip
    body = struct.pack("<H", len(entries))
    for tag, kind, value in entries:
        body += struct.pack("<HHII", tag, kind, 1, value)
    path.write_bytes(b"II*\0" + struct.pack("<I", 8) + body + bytes(4))
    try:
        scene = open_raster(path)
        assert scene.grid.shape == (10**6, 10**6)
        scene.read(Window(row=999_000, col=999_000, height=10, width=10))
    except DamagedFile as refusal:
        assert "a.tif cannot be" in str(refusal)
    else:
        pytest.fail("pixels that are not there were read")


def test_blocks_that_are_too_large_to_decode_are_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(geotiff_describe, "MOST_BLOCK", 16 * 16 * 2 - 1)
    with pytest.raises(TooLarge, match=r"a\.tif is stored in blocks of 16 x 16 pixels.*TILED=YES"):
        open_raster(drawn(tmp_path / "a.tif"))


def test_complex_numbers_are_refused(tmp_path: Path) -> None:
    with pytest.raises(UnknownFormat, match=r"a\.tif holds complex numbers: save their magnitude"):
        open_raster(drawn(tmp_path / "a.tif", np.ones((1, 4, 5), np.complex64)))


def test_a_transform_onto_a_line_is_refused(tmp_path: Path) -> None:
    with pytest.raises(NoGeometry, match=r"a\.tif lays all its pixels on one line or point"):
        open_raster(drawn(tmp_path / "a.tif", transform=Affine(10, 20, 0, 20, 40, 0)))


def test_a_scale_of_zero_is_refused(tmp_path: Path) -> None:
    path = drawn(tmp_path / "a.tif")
    with rasterio.open(path, "r+") as file:
        file.scales = (0.0,)
    with pytest.raises(DamagedFile, match=r"a\.tif gives band 1 a scale of 0 "):
        open_raster(path)


def test_a_file_that_goes_away_is_named(tmp_path: Path) -> None:
    path = drawn(tmp_path / "a.tif")
    scene = open_raster(path)
    path.unlink()
    with pytest.raises(BadInput, match=r"a\.tif cannot be read any more"):
        scene.read(scene.grid.whole)
    with pytest.raises(BadInput, match=r"a\.tif cannot be read .*check the file"):
        open_raster(path)


def test_names_that_gdal_would_take_for_something_else_are_plain_files(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    content = drawn(tmp_path / "a.tif").read_bytes()
    for name in ("GTIFF_DIR:2:a.tif", "zip+file:x!a.tif", "a?b=c.tif"):
        Path(name).write_bytes(content)
        scene = open_raster(Path(name))
        assert np.isfinite(scene.read(scene.grid.whole)).all()


def test_without_rasterio_the_extra_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = drawn(tmp_path / "a.tif")

    def absent(name: str) -> Any:
        raise ImportError(name)

    monkeypatch.setattr(geotiff_read.importlib, "import_module", absent)
    with pytest.raises(MissingExtra, match=r"it reads a\.tif.*outcrop\[geo\]"):
        open_raster(path)


def test_several_pictures_in_one_file_are_noted(tmp_path: Path) -> None:
    pages = [Image.fromarray(np.full((4, 5), k, np.uint8)) for k in (10, 20)]
    pages[0].save(tmp_path / "a.tif", save_all=True, append_images=pages[1:])
    scene = open_raster(tmp_path / "a.tif")
    assert scene.notes[0] == "a.tif holds 2 pictures, of which the first was read"
    assert (scene.read(scene.grid.whole) == 10).all()


@settings(max_examples=60)
@given(st.data())
def test_a_spoilt_file_is_read_or_refused_by_name(
    tmp_path_factory: pytest.TempPathFactory, data: st.DataObject
) -> None:
    folder = tmp_path_factory.getbasetemp()
    whole = folder / "good.tif"
    content = bytearray((whole if whole.exists() else drawn(whole)).read_bytes())
    for _ in range(data.draw(st.integers(1, 8))):
        content[data.draw(st.integers(4, 900))] = data.draw(st.integers(0, 255))
    path = folder / "spoilt.tif"
    path.write_bytes(content)
    try:
        tiff_kind(path)
        scene = open_raster(path)
        scene.read(Window(row=0, col=0, height=20, width=20))
    except OutcropError as refusal:
        assert "spoilt.tif" in str(refusal)


@pytest.mark.parametrize("magic", [b"II*\0", b"MM\0*", b"II+\0\x08\0\0\0", b"MM\0+\0\x08\0\0"])
@pytest.mark.parametrize("rest", [b"", b"\0" * 4, b"\xff" * 60, b"\x10\0\0\0" + b"\xff" * 60])
def test_a_tiff_without_a_directory_is_refused(tmp_path: Path, magic: bytes, rest: bytes) -> None:
    (tmp_path / "a.tif").write_bytes(magic + rest)
    with pytest.raises(DamagedFile, match=r"a\.tif is a TIFF whose directory cannot be read"):
        tiff_kind(tmp_path / "a.tif")


@pytest.mark.parametrize(
    "layout", [{}, {"BIGTIFF": "YES"}, {"ENDIANNESS": "BIG"}, {"BIGTIFF": "YES", "ENDIANNESS": "BIG"}]
)
def test_tags_are_read_in_both_byte_orders_and_sizes(tmp_path: Path, layout: dict[str, str]) -> None:
    bare: dict[str, Any] = {"crs": None, "transform": None, **layout}
    cases: dict[str, tuple[Any, dict[str, Any], bool]] = {
        "grey": (np.ones((1, 4, 5), np.uint8), {}, True),
        "rgb": (np.ones((3, 4, 5), np.uint16), {"photometric": "RGB"}, True),
        "five": (np.ones((5, 4, 5), np.uint8), {}, False),
        "signed": (np.ones((1, 4, 5), np.int16), {}, False),
        "float": (np.ones((2, 4, 5), np.float32), {}, False),
        "long": (np.ones((1, 4, 5), np.uint32), {}, False),
        "nodata": (np.ones((1, 4, 5), np.uint8), {"nodata": 0}, False),
    }
    for name, (values, more, plain) in cases.items():
        kind = tiff_kind(drawn(tmp_path / f"{name}.tif", values, **{**bare, **more}))
        assert (kind.georeferenced, kind.plain) == (False, plain), name
    kind = tiff_kind(drawn(tmp_path / "map.tif", np.ones((1, 4, 5), np.uint8), **layout))
    assert kind.georeferenced and not kind.plain


def test_a_scale_or_a_band_name_makes_no_plain_picture_and_other_metadata_do(tmp_path: Path) -> None:
    for word, plain in (("scales", False), ("descriptions", False), ("tags", True)):
        path = drawn(tmp_path / f"{word}.tif", np.ones((1, 4, 5), np.uint8), crs=None, transform=None)
        with rasterio.open(path, "r+") as file:
            if word == "tags":
                file.update_tags(AUTHOR="nobody")
            else:
                setattr(file, word, {"scales": (0.5,), "descriptions": ("B4",)}[word])
        assert tiff_kind(path).plain == plain, word


@pytest.mark.parametrize("mode", ["L", "RGB", "RGBA", "I;16", "1", "P", "CMYK"])
def test_pictures_written_by_pillow_are_plain(tmp_path: Path, mode: str) -> None:
    store = io.BytesIO()
    Image.new(mode, (5, 4)).save(store, "TIFF")
    (tmp_path / "a.tif").write_bytes(store.getvalue())
    assert tiff_kind(tmp_path / "a.tif").plain
