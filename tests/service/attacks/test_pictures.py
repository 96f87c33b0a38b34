"""Odd pictures and rasters: what they claim, how they are stored, what they lack. Numbers of threats are those of docs/service.md."""

import io
import struct
import zlib
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from PIL import Image

Make = Callable[..., Any]
Refused = Callable[..., Any]
Claiming = dict[str, Callable[..., bytes]]


@pytest.mark.parametrize("kind", ["png", "bmp", "jpeg", "webp"])
def test_a_pixel_bomb_is_refused_by_its_header(service: Any, refused: Refused, claiming: Claiming, kind: str) -> None:
    """Threat 2."""
    said = refused(service.predict(claiming[kind](16_000, 15_000), "bomb"), 422, "16000 x 15000 = 240 MP", "limit is")
    assert said["got"] == 240_000_000 > said["limit"]


@pytest.mark.parametrize("kind", ["tiff", "jp2"])
def test_a_sparse_raster_that_claims_a_continent_is_refused_by_its_header(
    service: Any, refused: Refused, claiming: Claiming, kind: str
) -> None:
    """Threat 2: nothing is decoded, and nothing is kept."""
    before = len(list((service.folder / "results").iterdir()))
    said = refused(
        service.predict(claiming[kind](700_000, 700_000), "s.tif", room="tailings"), 422, "490000 MP", "1000 MP"
    )
    assert said["got"] == 700_000**2 and len(list((service.folder / "results").iterdir())) == before


def test_an_array_that_claims_a_continent_is_refused_by_its_header(service: Any, refused: Refused) -> None:
    """Threat 2: NumPy arrays are judged in their job, which has a limit of its own on memory."""
    head = b"{'descr': '<f4', 'fortran_order': False, 'shape': (900000, 900000), }".ljust(117) + b"\n"
    content = b"\x93NUMPY\x01\0" + struct.pack("<H", len(head)) + head + bytes(100)
    refused(service.predict(content, "a.npy", wait="60"), 422, "a.npy")


def test_all_frames_of_an_animation_count(service: Any, refused: Refused, draw: Any, encode: Any) -> None:
    """Threats 2, 11: the sum of the frames is what is compared, though only the first is decoded."""
    frames = [Image.fromarray(draw(seed, 64)) for seed in range(3)]
    content = bytearray(encode(frames[0], "PNG", save_all=True, append_images=frames[1:]))
    at = content.index(b"acTL")
    content[at + 4 : at + 8] = struct.pack(">I", 1_000_000)
    content[at + 12 : at + 16] = struct.pack(">I", zlib.crc32(content[at : at + 12]))
    refused(service.predict(bytes(content), "long.png"), 422, "1000000 frames of 64 x 64 = 4096 MP", "limit is")


def test_a_picture_over_what_is_answered_at_once_becomes_a_job(make: Make, picture: Any) -> None:
    """Threat 3."""
    service = make(small=5_000)
    queued = service.predict(picture(1), "large.png")
    assert queued.status_code == 202 and queued.headers["location"] == f"/jobs/{queued.json()['id']}"
    assert service.ended(queued.json()["id"])["state"] == "done"


def test_a_job_of_many_pixels_holds_no_more_than_its_limit(make: Make, refused: Refused, encode: Any) -> None:
    """Threat 3: a TIFF without a projection is a picture, decoded whole, so its own limit counts."""
    service = make(max_pixels=4000)
    tiff = encode(np.tile(np.arange(100, dtype=np.uint8), (100, 1)), "TIFF")
    refused(service.predict(tiff, "a.tif", wait="60"), 422, "100 x 100 pixels", "limit of 4000")


def test_a_polyglot_is_only_ever_pixels(service: Any, picture: Any) -> None:
    """Threat 7."""
    content = picture(3) + b"<script>alert(1)</script>PK\x03\x04"
    answer = service.predict(content, "poly.png")
    assert answer.status_code == 200
    original = service.client.get(f"/results/{answer.json()['id']}/inputs/poly.png")
    assert original.headers["content-disposition"].startswith("attachment")
    assert original.headers["content-type"] == "application/octet-stream"
    assert original.headers["x-content-type-options"] == "nosniff"
    for file in service.client.get(f"/results/{answer.json()['id']}").json()["files"]:
        assert b"alert(1)" not in service.client.get(file["href"]).content


@pytest.mark.parametrize("cut", [0.3, 0.6, 0.95])
@pytest.mark.parametrize("kind", ["PNG", "JPEG", "WEBP", "BMP"])
def test_a_truncated_picture_is_damaged_and_leaves_nothing(
    service: Any, refused: Refused, draw: Any, encode: Any, kind: str, cut: float
) -> None:
    """Threat 8."""
    content = encode(draw(1, 64), kind)
    before = len(list((service.folder / "results").iterdir()))
    refused(service.predict(content[: int(cut * len(content))], "cut.png"), 422, "damaged")
    assert len(list((service.folder / "results").iterdir())) == before


def test_an_empty_file_and_no_file_are_told(service: Any, refused: Refused) -> None:
    """Threat 8."""
    refused(service.predict(b"", "a.png"), 422, "empty")
    refused(service.client.post("/tasks/salt/predict", data={"seed": "1"}), 422, "file")


def test_orientation_is_applied_and_told(service: Any, draw: Any, encode: Any) -> None:
    """Threat 9."""
    image = Image.fromarray(draw(5, 101)[:60])
    exif = Image.Exif()
    exif[0x0112] = 6
    turned = encode(image.transpose(Image.Transpose.ROTATE_90), "JPEG", exif=exif, quality=97)
    sent = service.predict(turned, "phone.jpg")
    assert sent.status_code == 200, sent.text
    answer = sent.json()
    assert "orientation_applied: 6" in answer["record"]["inputs"][0]["notes"]
    mask = service.client.get(f"/results/{answer['id']}/phone.mask.png").content
    assert Image.open(io.BytesIO(mask)).size == (101, 60)


@pytest.mark.parametrize(("mode", "note"), [
    ("L", ""), ("RGB", ""), ("P", "converted from P"), ("CMYK", "converted from CMYK"), ("1", "converted from 1"),
    ("RGBA", "transparent"), ("LA", "transparent"), ("I;16", "full scale is 65535"),
])  # fmt: skip
def test_pictures_of_every_depth_are_taken_and_what_was_done_is_told(
    service: Any, draw: Any, encode: Any, mode: str, note: str
) -> None:
    """Threat 10: sixteen bits are scaled, not cut off at 255, so they give the numbers of eight."""
    grey = draw(6, 64)
    if mode == "I;16":
        content = encode(Image.fromarray(grey.astype(np.uint16) * 257), "PNG")
    else:
        image = Image.fromarray(grey).convert("RGB").convert(mode)
        content = encode(image, "JPEG" if mode == "CMYK" else "PNG")
    answer = service.predict(content, "odd.png")
    assert answer.status_code == 200, answer.text
    entry = answer.json()["record"]["inputs"][0]
    assert any(note in said for said in entry["notes"]) or not note
    if mode in ("I;16", "RGB"):
        plain = service.predict(encode(grey), "plain.png").json()["record"]["inputs"][0]
        assert [m["value"] for m in entry["measurements"]] == pytest.approx(
            [m["value"] for m in plain["measurements"]], abs=0.1
        )


def test_of_an_animation_the_first_frame_is_seen_or_none(
    service: Any, refused: Refused, draw: Any, encode: Any
) -> None:
    """Threat 11."""
    frames = [Image.fromarray(draw(seed, 64)) for seed in range(3)]
    content = encode(frames[0], "WEBP", save_all=True, append_images=frames[1:], lossless=True)
    answer = service.predict(content, "moving.webp")
    assert answer.status_code == 200, answer.text
    assert any("first of 3 frames" in note for note in answer.json()["record"]["inputs"][0]["notes"])
    refused(service.predict(content, "moving.webp", strict="true", seed="1"), 422, "3 frames")


def test_a_picture_with_nothing_in_it_is_told(service: Any, refused: Refused, encode: Any) -> None:
    """Threat 12: the share that was observed stands in the sentence."""
    for value in (0, 9):
        refused(service.predict(encode(np.full((50, 50), value, np.uint8)), "flat.png"), 422, "one value")
    clear = np.zeros((50, 50, 4), np.uint8)
    clear[:2, :10] = 200, 100, 50, 255
    refused(service.predict(encode(clear), "clear.png"), 422, "0.8 %", "5 %")
    for value in (np.nan, np.inf):
        store = io.BytesIO()
        np.save(store, np.full((60, 40), value, np.float32))
        refused(service.predict(store.getvalue(), "nothing.npy", wait="60"), 422, "none at all")


def test_a_picture_of_land_without_a_projection_is_refused_unless_areas_are_not_wanted(
    service: Any, refused: Refused, draw: Any, encode: Any
) -> None:
    """Threat 13."""
    photo = encode(np.dstack([draw(s, 64) for s in range(3)]))
    refused(service.predict(photo, "land.png", room="tailings"), 422, "no_area")


def test_a_raster_with_other_bands_is_told_which_are_wanted(service: Any, refused: Refused, tmp_path: Any) -> None:
    """Threat 13."""
    rasterio = pytest.importorskip("rasterio", reason="needs the extra 'geo': pip install 'outcrop[geo]'")
    path = tmp_path / "one.tif"
    about = {"driver": "GTiff", "height": 64, "width": 64, "count": 1, "dtype": "uint8", "crs": "EPSG:32723"}
    with rasterio.open(path, "w", **about, transform=rasterio.Affine(10, 0, 5e5, 0, -10, 8e6)) as file:
        file.write(np.random.default_rng(0).integers(0, 255, (1, 64, 64)).astype(np.uint8))
    refused(service.predict(path.read_bytes(), "one.tif", room="tailings", wait="60"), 422, "band", "red")
