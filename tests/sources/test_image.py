"""Pictures of every kind come in as float32 of full scale 1, or are refused with a sentence."""

import io
import struct
import time
import zlib
from collections.abc import Callable
from datetime import datetime
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from outcrop.core.errors import BadInput, DamagedFile, OutcropError, TooLarge, UnknownFormat
from outcrop.core.scene import Floats, Scene
from outcrop.sources.image import PictureOptions, open_picture, read_depths

GREY = np.arange(6 * 9, dtype=np.uint8).reshape(6, 9) * 4
COLOUR = np.stack([GREY, 255 - GREY, GREY // 2], axis=2)


def whole(scene: Scene) -> Floats:
    return scene.read(scene.grid.whole)


def saved(folder: Path, image: Any, name: str = "a.png", **settings: Any) -> Path:
    """A picture on disk, from an array or a Pillow image."""
    made = image if isinstance(image, Image.Image) else Image.fromarray(image)
    made.save(folder / name, **settings)
    return folder / name


@pytest.mark.parametrize("name", ["a.png", "a.bmp", "a.tif", "a.tiff", "a.webp"])
def test_eight_bit_grey_is_divided_by_255(tmp_path: Path, name: str) -> None:
    settings = {"lossless": True} if name.endswith("webp") else {}
    scene = open_picture(saved(tmp_path, GREY, name, **settings))
    assert scene.grid.shape == (6, 9) and scene.id == "a"
    seen = whole(scene)
    assert seen.dtype == np.float32
    assert np.allclose(seen, GREY / 255, atol=1e-7)


@pytest.mark.parametrize("name", ["a.png", "a.tif"])
def test_sixteen_bit_grey_is_divided_by_65535(tmp_path: Path, name: str) -> None:
    values = (np.arange(54).reshape(6, 9) * 1200).astype(np.uint16)
    scene = open_picture(saved(tmp_path, values, name))
    assert scene.bands == ("grey",)
    assert np.allclose(whole(scene)[0], values / 65535, atol=1e-7)


@pytest.mark.parametrize("order", ["<u2", ">u2"])
def test_sixteen_bit_tiffs_of_both_byte_orders_are_the_same(tmp_path: Path, order: str) -> None:
    values = (np.arange(54).reshape(6, 9) * 1200).astype(order)
    mode = {"<u2": "I;16", ">u2": "I;16B"}[order]
    path = saved(tmp_path, Image.frombytes(mode, (9, 6), values.tobytes()), "a.tif")
    assert np.allclose(whole(open_picture(path))[0], values / 65535, atol=1e-7)


def test_floating_point_values_are_kept(tmp_path: Path) -> None:
    values = np.linspace(-3, 5, 54, dtype=np.float32).reshape(6, 9)
    assert np.array_equal(whole(open_picture(saved(tmp_path, values, "a.tif")))[0], values)


def test_colours_come_in_their_order(tmp_path: Path) -> None:
    scene = open_picture(saved(tmp_path, COLOUR))
    assert scene.bands == ("red", "green", "blue")
    assert np.allclose(whole(scene), COLOUR.transpose(2, 0, 1) / 255, atol=1e-7)


def test_a_jpeg_is_read_as_it_looks(tmp_path: Path) -> None:
    smooth = np.linspace(0, 255, 64 * 64).reshape(64, 64).astype(np.uint8)
    assert np.abs(whole(open_picture(saved(tmp_path, smooth, "a.jpg", quality=95)))[0] - smooth / 255).max() < 0.05


@pytest.mark.parametrize("mode", ["CMYK", "YCbCr", "LAB"])
def test_other_colour_spaces_become_red_green_and_blue(tmp_path: Path, mode: str) -> None:
    name = "a.jpg" if mode == "CMYK" else "a.tif"
    try:
        path = saved(tmp_path, Image.new("RGB", (8, 8), (200, 100, 50)).convert(mode), name)
    except (ValueError, OSError):
        pytest.skip(f"Pillow here does not write {mode}")
    try:
        seen = whole(open_picture(path))
    except OutcropError as refusal:
        assert path.name in str(refusal)
        return
    assert seen.shape == (3, 8, 8)
    assert np.abs(seen[:, 0, 0] * 255 - [200, 100, 50]).max() < 12


def test_a_palette_becomes_its_colours(tmp_path: Path) -> None:
    palette = Image.fromarray(np.array([[0, 1], [2, 1]], np.uint8), "P")
    palette.putpalette([255, 0, 0, 0, 255, 0, 0, 0, 255] + [0] * 759)
    seen = whole(open_picture(saved(tmp_path, palette)))
    assert np.array_equal(seen.transpose(1, 2, 0), [[[1, 0, 0], [0, 1, 0]], [[0, 0, 1], [0, 1, 0]]])


def test_a_transparent_palette_entry_was_not_seen(tmp_path: Path) -> None:
    palette = Image.fromarray(np.array([[0, 1], [2, 1]], np.uint8), "P")
    palette.putpalette([255, 0, 0, 0, 255, 0, 0, 0, 255] + [0] * 759)
    seen = whole(open_picture(saved(tmp_path, palette, transparency=1)))
    assert np.array_equal(np.isnan(seen[0]), [[False, True], [False, True]])
    assert seen[:, 0, 0].tolist() == [1, 0, 0]


def test_a_bilevel_picture_is_black_and_white(tmp_path: Path) -> None:
    seen = whole(open_picture(saved(tmp_path, GREY > 100)))
    assert seen.shape == (1, 6, 9)
    assert np.array_equal(seen[0], GREY > 100)


@pytest.mark.parametrize("bands", [1, 3])
def test_fully_transparent_pixels_were_not_seen(tmp_path: Path, bands: int) -> None:
    """Half-transparent ones were."""
    alpha = np.full((6, 9), 255, np.uint8)
    alpha[0] = 0
    alpha[1] = 1
    colour = COLOUR if bands == 3 else GREY[..., None]
    seen = whole(open_picture(saved(tmp_path, np.concatenate([colour, alpha[..., None]], axis=2))))
    assert seen.shape == (bands, 6, 9)
    assert np.isnan(seen[:, 0]).all() and np.isfinite(seen[:, 1:]).all()
    assert np.allclose(seen[:, 1:], colour.transpose(2, 0, 1)[:, 1:] / 255, atol=1e-7)


@pytest.mark.parametrize("mode", ["L", "RGB", "1"])
def test_a_colour_marked_as_transparent_was_not_seen(tmp_path: Path, mode: str) -> None:
    image = Image.fromarray(np.array([[0, 255], [255, 0]], np.uint8)).convert(mode)
    clear: Any = (0, 0, 0) if mode == "RGB" else 0
    seen = whole(open_picture(saved(tmp_path, image, transparency=clear)))
    assert np.array_equal(np.isnan(seen[0]), [[True, False], [False, True]])


ORIENTED: dict[int, Callable[[Floats], Floats]] = {
    1: lambda a: a,
    2: lambda a: a[:, ::-1],
    3: lambda a: a[::-1, ::-1],
    4: lambda a: a[::-1],
    5: lambda a: a.T,
    6: lambda a: np.rot90(a, -1),
    7: lambda a: a[::-1, ::-1].T,
    8: lambda a: np.rot90(a),
}
"""What a viewer shows of stored rows, by the orientation tag of EXIF 2.32."""


@pytest.mark.parametrize("tag", ORIENTED)
@pytest.mark.parametrize(("name", "settings"), [("a.png", {}), ("a.tif", {}), ("a.tif", {"compression": "tiff_lzw"})])
def test_a_turned_camera_gives_an_upright_picture(
    tmp_path: Path, tag: int, name: str, settings: dict[str, str]
) -> None:
    exif = Image.Exif()
    exif[274] = tag
    scene = open_picture(saved(tmp_path, GREY, name, exif=exif, **settings))
    upright = ORIENTED[tag](GREY)
    assert scene.grid.shape == upright.shape
    assert np.allclose(whole(scene)[0], upright / 255, atol=1e-7)


def test_the_time_of_the_camera_is_kept(tmp_path: Path) -> None:
    exif = Image.Exif()
    exif[306] = "2021:07:03 12:30:00"
    assert open_picture(saved(tmp_path, GREY, exif=exif)).acquired == datetime(2021, 7, 3, 12, 30)
    exif[306] = "yesterday"
    assert open_picture(saved(tmp_path, GREY, exif=exif)).acquired is None


@pytest.mark.parametrize("shape", [(1, 1), (1, 300), (300, 1)])
def test_the_narrowest_pictures_can_be_read(tmp_path: Path, shape: tuple[int, int]) -> None:
    assert open_picture(saved(tmp_path, np.full(shape, 7, np.uint8))).grid.shape == shape


def test_text_that_calls_itself_a_picture_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "notes.png"
    path.write_text("these are no pixels\n" * 50)
    with pytest.raises(UnknownFormat, match=r"notes\.png is no picture that Outcrop reads: give PNG"):
        open_picture(path)


def test_other_formats_of_pillow_are_not_tried(tmp_path: Path) -> None:
    with pytest.raises(UnknownFormat):
        open_picture(saved(tmp_path, GREY, "a.gif"))
    (tmp_path / "a.eps").write_bytes(b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 10 10\nshowpage\n")
    with pytest.raises(UnknownFormat):
        open_picture(tmp_path / "a.eps")


def chunk(kind: bytes, content: bytes) -> bytes:
    return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(kind + content))


def bomb(path: Path, side: int) -> Path:
    """A PNG of a few hundred bytes whose header claims ``side`` x ``side`` pixels."""
    header = chunk(b"IHDR", struct.pack(">IIBBBBB", side, side, 8, 0, 0, 0, 0))
    body = chunk(b"IDAT", zlib.compress(bytes(1000)))
    path.write_bytes(b"\x89PNG\r\n\x1a\n" + header + body + chunk(b"IEND", b""))
    return path


@pytest.mark.parametrize(
    ("side", "sentence"),
    [(13000, "13000 x 13000 pixels, more than the limit"), (60000, "claims more than .* cut it into parts")],
)
def test_a_bomb_is_refused_from_its_header(
    tmp_path: Path, side: int, sentence: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def never(*args: Any, **settings: Any) -> None:
        raise AssertionError("the picture was decoded")

    monkeypatch.setattr("PIL.ImageFile.ImageFile.load", never)
    began = time.process_time()
    with pytest.raises(TooLarge, match=sentence):
        open_picture(bomb(tmp_path / "bomb.png", side))
    assert time.process_time() - began < 1


def test_the_limit_is_the_users(tmp_path: Path) -> None:
    path = saved(tmp_path, GREY)
    assert open_picture(path, PictureOptions(max_pixels=54)).grid.shape == (6, 9)
    with pytest.raises(
        TooLarge, match="9 x 6 pixels, more than the limit of 53: cut it into parts or raise --max-pixels"
    ):
        open_picture(path, PictureOptions(max_pixels=53))


@pytest.mark.parametrize(
    ("name", "image"), [("a.png", COLOUR), ("a.jpg", COLOUR), ("a.tif", GREY), ("a.webp", COLOUR), ("a.bmp", GREY)]
)
def test_a_picture_cut_short_is_refused_by_name(tmp_path: Path, name: str, image: Any) -> None:
    big = np.kron(image, np.ones((20, 20, 1) if image.ndim == 3 else (20, 20), np.uint8))
    path = saved(tmp_path, big, name)
    content = path.read_bytes()
    for share in (0.3, 0.6, 0.9):
        path.write_bytes(content[: int(len(content) * share)])
        with pytest.raises((DamagedFile, UnknownFormat), match=name):
            open_picture(path)


def test_an_empty_file_is_refused(tmp_path: Path) -> None:
    (tmp_path / "empty.png").write_bytes(b"")
    with pytest.raises(OutcropError, match=r"empty\.png"):
        open_picture(tmp_path / "empty.png")


def kinds() -> list[bytes]:
    """One small picture of every format and mode, as bytes."""
    made = []
    exif = Image.Exif()
    exif[274], exif[306] = 6, "2021:07:03 12:30:00"
    for mode in ("L", "RGB", "RGBA", "P", "1", "I;16"):
        image = Image.fromarray(GREY.astype(np.uint16)) if mode == "I;16" else Image.fromarray(COLOUR).convert(mode)
        for kind in ("PNG", "TIFF", "JPEG", "WEBP", "BMP"):
            content = io.BytesIO()
            try:
                image.save(content, kind, exif=exif)
            except (OSError, ValueError, TypeError):
                continue
            made.append(content.getvalue())
    return made


KINDS = kinds()


@given(
    st.sampled_from(KINDS),
    st.lists(st.tuples(st.integers(0, 400), st.integers(0, 255)), max_size=6),
    st.integers(0, 5000),
)
@pytest.mark.filterwarnings("ignore")
def test_a_spoilt_picture_is_read_or_refused_but_never_crashes(
    tmp_path_factory: pytest.TempPathFactory, content: bytes, changes: list[tuple[int, int]], length: int
) -> None:
    spoilt = bytearray(content)
    for place, value in changes:
        spoilt[place % len(spoilt)] = value
    path = tmp_path_factory.getbasetemp() / "spoilt.png"
    path.write_bytes(spoilt[: max(length, 1)])
    try:
        scene = open_picture(path, PictureOptions(max_pixels=1_000_000))
    except OutcropError as refusal:
        assert "spoilt.png" in str(refusal)
    else:
        assert whole(scene).shape == (len(scene.bands), *scene.grid.shape)


def test_a_seismic_picture_of_the_challenge_is_grey(data: Path) -> None:
    path = next((data / "tgs" / "train" / "images").glob("*.png"))
    scene = open_picture(path)
    assert scene.grid.shape == (101, 101)
    assert 0 <= whole(scene).min() <= whole(scene).max() <= 1


# Depths ---------------------------------------------------------------------------------------------------------------


def table(folder: Path, text: str | bytes) -> Path:
    path = folder / "depths.csv"
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return path


@pytest.mark.parametrize(
    "text",
    ["id,z\na,506\nb,7.5\n", "z,id\n506,a\n7.5,b\n", "id,z\r\na,506\r\nb,7.5\r\n", "id,more,z\na,x,506\nb,y,7.5",
     "\ufeffid,z\na,506\n\nb,7.5\n", 'id,z\n"a","506"\na,506\nb,7.5\n'],
    ids=["plain", "turned", "Windows", "more columns", "byte order mark and empty line", "quoted, and said twice"],
)  # fmt: skip
def test_a_table_of_depths_is_read_by_its_column_names(tmp_path: Path, text: str) -> None:
    assert read_depths(table(tmp_path, text)) == {"a": 506.0, "b": 7.5}


def test_a_picture_knows_the_depth_that_stands_beside_its_stem(tmp_path: Path) -> None:
    options = PictureOptions(depths={"a": 506.0, "c.png": 1.0})
    found = {name: open_picture(saved(tmp_path, GREY, f"{name}.png"), options).context for name in "abc"}
    assert found == {"a": {"depth": 506.0}, "b": {}, "c": {}}
    assert open_picture(tmp_path / "a.png").context == {}


def test_depth_zero_is_a_depth(tmp_path: Path) -> None:
    assert open_picture(saved(tmp_path, GREY), PictureOptions(depths={"a": 0.0})).context == {"depth": 0.0}


@pytest.mark.parametrize(
    ("text", "line"),
    [("", 1), ("name,depth\na,1\n", 1), ("id\na\n", 1), ("id,z\na,1\nb,deep\n", 3), ("id,z\na\n", 2), ("id,z\na,nan\n", 2),
     ("id,z\na,1\na,2\n", 3), ("id,z\na,inf\n", 2), (b"\x89PNG\r\n\xff\xfe", 1), ("id;z\na;1\n", 1)],
)  # fmt: skip
def test_a_table_that_is_none_is_refused_with_its_line(tmp_path: Path, text: str | bytes, line: int) -> None:
    with pytest.raises(
        BadInput, match=rf"depths\.csv is no table of depths \(line {line}\): give the columns id and z"
    ):
        read_depths(table(tmp_path, text))


def test_a_table_that_is_not_there_is_refused(tmp_path: Path) -> None:
    for path in (tmp_path, tmp_path / "none.csv"):
        with pytest.raises(BadInput, match="cannot be read .*: check the path"):
            read_depths(path)
