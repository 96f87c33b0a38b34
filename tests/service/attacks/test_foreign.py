"""What is not taken: archives, code, models, and whatever points elsewhere. Numbers of threats are those of docs/service.md."""

import bz2
import gzip
import io
import json
import lzma
import pickle
import socket
import struct
import tarfile
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

Refused = Callable[..., Any]


def zipped(*members: tuple[str, bytes], packed: int = zipfile.ZIP_DEFLATED) -> bytes:
    store = io.BytesIO()
    with zipfile.ZipFile(store, "w", packed) as file:
        for name, content in members:
            file.writestr(name, content)
    return store.getvalue()


def tarred(place: Path) -> bytes:
    """A tar archive of everything that leads out: a link, a file through the link, an absolute path, a device."""
    store = io.BytesIO()
    with tarfile.open(fileobj=store, mode="w") as file:
        for name, kind, link in (
            ("out", tarfile.SYMTYPE, str(place)), ("hard", tarfile.LNKTYPE, "/etc/passwd"), ("device", tarfile.CHRTYPE, ""),
            ("pipe", tarfile.FIFOTYPE, ""),
        ):  # fmt: skip
            entry = tarfile.TarInfo(name)
            entry.type, entry.linkname = kind, link
            file.addfile(entry)
        for name in ("out/planted.png", str(place / "planted.png"), "../../planted.png"):
            entry = tarfile.TarInfo(name)
            entry.size = 5
            file.addfile(entry, io.BytesIO(b"12345"))
    return store.getvalue()


BOMB = zipped(("a.png", b"\0" * 5_000_000))
SLIP = zipped(("../../../planted.png", b"x"), ("/planted.png", b"x"), ("a/../../planted.png", b"x"))
ARCHIVES: dict[str, Callable[[Path], bytes]] = {
    "zip bomb": lambda place: BOMB, "nested zip": lambda place: zipped(("b.zip", BOMB), ("c.zip", zipped(("d.zip", BOMB)))),
    "zip of many": lambda place: zipped(*((str(i), b"") for i in range(2000))), "zip-slip": lambda place: SLIP,
    "stored zip": lambda place: zipped(("a.png", b"x"), packed=zipfile.ZIP_STORED), "empty zip": lambda place: zipped(),
    "tar": tarred, "tar.gz": lambda place: gzip.compress(tarred(place)), "tar.xz": lambda place: lzma.compress(tarred(place)),
    "tar.bz2": lambda place: bz2.compress(tarred(place)), "7z": lambda place: b"7z\xbc\xaf\x27\x1c" + bytes(100),
    "rar": lambda place: b"Rar!\x1a\x07\x01\0" + bytes(100), "zstd": lambda place: b"\x28\xb5\x2f\xfd" + bytes(100),
}  # fmt: skip


@pytest.mark.parametrize("name", ["a.zip", "a.png", "a.sgy", "a.csv", "a.tar"])
@pytest.mark.parametrize("kind", ARCHIVES)
def test_no_archive_is_taken_and_nothing_of_one_is_written(
    service: Any, refused: Refused, tmp_path: Path, kind: str, name: str
) -> None:
    """Threats 4, 5: bombs, nested archives, names that lead out, links, devices; whatever the file is called."""
    before = {str(path) for path in service.folder.rglob("*")}
    refused(service.predict(ARCHIVES[kind](tmp_path), name), 415, "archive")
    assert {str(path) for path in service.folder.rglob("*")} == before
    assert not list(tmp_path.rglob("planted*")) and not Path("/planted.png").exists()


def test_a_table_that_is_an_archive_is_counted_before_it_is_unpacked(service: Any, refused: Refused) -> None:
    """Threat 4: Excel files are zip archives, so their directory is read first."""
    scene = service.client.get("/tasks/tailings/example").content

    def send(content: bytes) -> Any:
        files = [("file", ("s.tif", scene)), ("companion", ("dams.xlsx", content))]
        return service.client.post("/tasks/tailings/predict", files=files)

    bomb = bytearray(zipped(*((f"xl/{i}.xml", b"\0" * 300_000) for i in range(5))))
    said = refused(send(zipped(*((f"xl/{i}.xml", b"") for i in range(1200)))), 413, "files", "1000")
    assert said["got"] > said["limit"] == 1000
    refused(send(zipped(("xl/a.xml", b"\0" * 280_000_000))), 413, "280000000 bytes unpacked")
    refused(send(zipped(("xl/a.xml", b"\0" * 120_000_000))), 413, "114 times its size")
    refused(send(bytes(bomb[:-30])), 422, "damaged archive")
    refused(send(b"junk" + bytes(bomb)), 415, "no table")
    refused(send(b"PK\x03\x04" + bytes(30) + bytes(bomb)), 422, "damaged archive")


PICKLED = pickle.dumps({"a": 1})
SAFE = json.dumps({"w": {"dtype": "F32", "shape": [9, 9], "data_offsets": [0, 4]}}).encode()
OTHERS: tuple[tuple[str, bytes, str], ...] = (
    ("a.png", b"<svg xmlns='http://www.w3.org/2000/svg'/>", "SVG"), ("a.png", b"<!doctype html><script>", "web page"),
    ("a.png", b"%PDF-1.7", "PDF"), ("a.png", b"\x00\x00\x00\x20ftypisom", "MP4 or MOV, which this room does not take"),
    ("a.png", b"MZ\x90\0", "no kind of file"), ("a.png", b"\x7fELF" + bytes(60), "program"),
    ("a.sgy", b"<html>" + bytes(4000), "web page"), ("a.csv", b"a,b\n1,2\n", "CSV"), ("a.png", b"\0" * 5000, "no kind of file"),
    ("a.png", b"GIF89a" + bytes(50), "GIF"), ("a.png", b"#!/bin/sh\nrm -rf /\n", "no kind of file"),
)  # fmt: skip


@pytest.mark.parametrize(("name", "content", "word"), OTHERS, ids=range(len(OTHERS)))
def test_what_is_no_picture_is_refused_by_its_content(
    service: Any, refused: Refused, name: str, content: bytes, word: str
) -> None:
    """Threat 6: by its first bytes, whatever the name and the content type say."""
    answer = service.client.post("/tasks/salt/predict", files={"file": (name, content, "image/png")})
    said = refused(answer, 415, word)
    assert {"PNG", "JPEG", "SEG-Y"} <= set(said["accepted"])


POINTERS: tuple[bytes, ...] = (
    b"<VRTDataset rasterXSize='1'><VRTRasterBand><SimpleSource><SourceFilename>/etc/passwd</SourceFilename>", b"<GDAL_WMS><Service/>",
    b"<WCS_GDAL><ServiceURL>", b"<GDALTileIndexDataset>", b'<?xml version="1.0"?><!DOCTYPE a [<!ENTITY b SYSTEM "file:///etc/passwd">]>',
    b'{"type": "FeatureCollection", "stac_version": "1.0.0"}', b'{"zarr_format": 2}', b"\xef\xbb\xbf  <VRTDataset>", b"#EXTM3U\n#EXTINF:1\nfile:///etc/passwd",
    b"ffconcat version 1.0\nfile /etc/passwd", b"/vsicurl/http://127.0.0.1/a.tif", b"vrt:///etc/passwd",
)  # fmt: skip


@pytest.mark.parametrize("room", ["tailings", "flares", "salt"])
@pytest.mark.parametrize("content", POINTERS, ids=range(len(POINTERS)))
@pytest.mark.parametrize("name", ["a.tif", "a.mp4"])
def test_what_points_elsewhere_is_refused(service: Any, refused: Refused, room: str, content: bytes, name: str) -> None:
    """Threat 14."""
    refused(service.predict(content, name, room=room), 415)


def test_drivers_that_fetch_are_not_even_known_to_the_process() -> None:
    """Threat 14: asked in a process of its own, since the environment counts when GDAL is loaded."""
    pytest.importorskip("rasterio", reason="needs the extra 'geo': pip install 'outcrop[geo]'")
    import subprocess
    import sys

    code = """
from outcrop.service.settings import harden
harden()
import rasterio
from rasterio.drivers import raster_driver_extensions
with rasterio.Env() as env:
    print(*env.drivers())
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=120, check=True)
    assert "GTiff" in done.stdout.split()
    assert not {"VRT", "GTI", "WMS", "WCS", "WMTS", "HTTP", "STACIT", "STACTA", "PLMOSAIC", "Zarr"} & set(
        done.stdout.split()
    )


def test_no_request_makes_the_service_call_anybody(service: Any, refused: Refused, picture: Any) -> None:
    """Threat 16: no field takes an address, and a listener beside the service hears nothing."""
    with socket.socket() as ear:
        ear.bind(("127.0.0.1", 0))
        ear.listen(5)
        ear.settimeout(0.5)
        address = f"http://127.0.0.1:{ear.getsockname()[1]}/a.tif"
        for fields, status in (
            ({"setting": f"registry={address}"}, 400), ({"model": address}, 404), ({"assume": f"salt velocity={address}"}, 400),
            ({"format": address}, 400), ({"bands": address}, 200), ({"companion": address}, 422), ({"webhook": address}, 422), ({"url": address}, 422),
        ):  # fmt: skip
            answer = service.predict(picture(1), "a.png", **fields)
            assert answer.status_code == status, (fields, answer.text)
        for room in ("salt", "tailings", "flares"):
            refused(service.client.post(f"/tasks/{room}/predict", data={"file": address}), 422, "file")
            refused(service.predict(address.encode(), "a.tif", room=room), 415)
        named = service.client.post("/tasks/salt/predict", files={"file": (address, picture(2))})
        assert named.status_code == 200 and named.json()["name"] == "a.tif"
        with pytest.raises(TimeoutError):
            ear.accept()


CODE: dict[str, bytes] = {
    "pickle": PICKLED, "torch, old": b"\x80\x02\x8a\nl\xfc\x9cF\xf9 j\xa8P\x19.", "torch": zipped(("archive/data.pkl", PICKLED), packed=zipfile.ZIP_STORED),
    "torchserve": zipped(("MAR-INF/MANIFEST.json", b"{}"), ("model.pt", PICKLED)), "npz": zipped(("a.npy", b"\x93NUMPY"), packed=zipfile.ZIP_STORED),
    "pickle of protocol 0": pickle.dumps({"a": 1}, protocol=0), "joblib": b"\x80\x04\x95" + bytes(100), "keras": b"\x89HDF\r\n\x1a\n" + bytes(100),
}  # fmt: skip


@pytest.mark.parametrize("kind", CODE)
@pytest.mark.parametrize("name", ["model.pt", "a.npy", "a.png"])
def test_what_could_run_code_is_refused(service: Any, refused: Refused, kind: str, name: str) -> None:
    """Threat 17."""
    refused(service.predict(CODE[kind], name), 415)


def test_a_pickle_is_told_why(service: Any, refused: Refused) -> None:
    """Threat 17."""
    for kind in ("pickle", "torch, old", "torch"):
        refused(service.predict(CODE[kind], "model.pt"), 415, "pickle, which can run code")


def test_an_array_that_holds_a_pickle_is_never_unpickled(service: Any, refused: Refused, tmp_path: Path) -> None:
    """Threat 17."""

    class Bomb:
        def __reduce__(self) -> Any:
            return (Path(tmp_path / "pwned").touch, ())

    store = io.BytesIO()
    np.save(store, np.array([Bomb()], dtype=object), allow_pickle=True)
    refused(service.predict(store.getvalue(), "a.npy", wait="60"), 415, "holds Python objects")
    assert not (tmp_path / "pwned").exists()


def test_models_are_not_taken_from_clients(service: Any, refused: Refused, local_model: Path, picture: Any) -> None:
    """Threats 18, 19: neither as input nor as companion, nor by a path of the machine."""
    weights = {
        "model.onnx": local_model.read_bytes(), "w.safetensors": struct.pack("<Q", len(SAFE)) + SAFE + bytes(4),
        "long.safetensors": struct.pack("<Q", 200_000_000) + SAFE,
    }  # fmt: skip
    for name, content in weights.items():
        refused(service.predict(content, name), 415, "operator")
        files = [("file", ("a.png", picture(1))), ("companion", (name, content))]
        refused(service.client.post("/tasks/salt/predict", files=files), 415, "no table")
    for name in (str(local_model), "../weights/pictures-0.onnx", "file:///etc/passwd"):
        refused(service.predict(picture(1), "a.png", model=name), 404, "no set of models")
