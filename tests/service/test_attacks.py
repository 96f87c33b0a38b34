"""What hostile or odd requests get: each line of the threat table in docs/service.md has its answer here."""

import io
import pickle
import struct
import zipfile
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

Make = Callable[..., Any]


def png_claiming(cols: int, rows: int) -> bytes:
    """A PNG whose header claims a size and whose pixels are missing."""

    def chunk(kind: bytes, body: bytes) -> bytes:
        return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))

    head = struct.pack(">IIBBBBB", cols, rows, 8, 0, 0, 0, 0)
    return (
        b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + chunk(b"IDAT", zlib.compress(b"\0" * 1000)) + chunk(b"IEND", b"")
    )


def tiff_claiming(cols: int, rows: int) -> bytes:
    """A sparse little TIFF that claims a size; one strip of no bytes."""
    tags = [(256, 4, 1, cols), (257, 4, 1, rows), (258, 3, 1, 8), (259, 3, 1, 1), (262, 3, 1, 1), (273, 4, 1, 0), (277, 3, 1, 1),
            (278, 4, 1, rows), (279, 4, 1, 0), (33550, 12, 3, 200)]  # fmt: skip
    body = struct.pack("<H", len(tags)) + b"".join(struct.pack("<HHII", *tag) for tag in tags) + struct.pack("<I", 0)
    return (b"II*\0" + struct.pack("<I", 8) + body).ljust(200, b"\0") + struct.pack("<ddd", 10, 10, 0)


def problem(answer: Any, status: int, *words: str) -> Any:
    assert answer.status_code == status, answer.text
    assert answer.headers["content-type"] == "application/problem+json"
    found = answer.json()
    assert {"type", "title", "status", "detail", "instance"} <= set(found) and found["status"] == status
    for word in words:
        assert word in answer.text, (word, answer.text)
    return found


# 1, 26: bodies ------------------------------------------------------------------------------------------------


def test_a_body_over_the_limit_is_refused_before_it_is_read(make: Make) -> None:
    service = make(max_body=100_000)
    said = problem(service.predict(b"\0" * 200_000), 413, "outcrop predict")
    assert said["limit"] == 100_000 and said["got"] > 200_000
    chunks = (b"x" * 10_000 for _ in range(40))  # no Content-Length
    headers = {"content-type": "multipart/form-data; boundary=b"}
    problem(service.client.post("/tasks/salt/predict", content=chunks, headers=headers), 413)
    assert service.left() == []


def test_an_upload_that_drips_is_cut_off() -> None:
    import asyncio

    from outcrop.service.gate import Gate
    from outcrop.service.keys import Keys
    from outcrop.service.metrics import Metrics
    from outcrop.service.settings import Settings
    from outcrop.service.tables import connect

    async def app(scope: Any, receive: Any, send: Any) -> None:
        while (await receive()).get("more_body"):
            pass

    async def drip() -> Any:
        await asyncio.sleep(0.4)
        return {"type": "http.request", "body": b"x", "more_body": True}

    sent: list[Any] = []

    async def send(message: Any) -> None:
        sent.append(message)

    gate = Gate(app, settings=Settings(body_seconds=1.0, rate=0), keys=Keys(connect("sqlite://")), metrics=Metrics())
    scope = {
        "type": "http",
        "method": "POST",
        "path": "/tasks/salt/predict",
        "headers": [(b"host", b"localhost")],
        "client": ("127.0.0.1", 1),
    }
    asyncio.run(asyncio.wait_for(gate(scope, drip, send), 10))
    assert sent[0]["status"] == 408 and b"bytes have come" in sent[1]["body"]


# 2, 3: claimed sizes ------------------------------------------------------------------------------------------


@pytest.mark.parametrize("content", [
    png_claiming(30_000, 30_000), b"BM" + bytes(12) + struct.pack("<Iii", 40, 60_000, 60_000) + bytes(40),
    b"\xff\xd8\xff\xc0" + struct.pack(">HBHH", 17, 8, 65_000, 65_000) + bytes(60),
    b"RIFF\x20\0\0\0WEBPVP8X\x0a\0\0\0\0\0\0\0" + (16382).to_bytes(3, "little") * 2 + bytes(30),
], ids=["png", "bmp", "jpeg", "webp"])  # fmt: skip
def test_a_pixel_bomb_is_refused_by_its_header(service: Any, content: bytes) -> None:
    said = problem(service.predict(content, "bomb"), 413, "MP", "limit")
    assert said["got"] > said["limit"]


def test_a_sparse_raster_that_claims_a_continent_is_refused_by_its_header(service: Any) -> None:
    said = problem(service.predict(tiff_claiming(700_000, 700_000), "s.tif", room="tailings"), 413, "490000 MP")
    assert said["got"] == 700_000**2


# 4, 5, 6, 14, 17, 18: what is not taken -----------------------------------------------------------------------


def archive() -> bytes:
    store = io.BytesIO()
    with zipfile.ZipFile(store, "w", zipfile.ZIP_DEFLATED) as file:
        file.writestr("../../etc/x", b"\0" * 1_000_000)
    return store.getvalue()


@pytest.mark.parametrize(("name", "content", "word"), [
    ("a.zip", archive(), "archive"), ("a.png", archive(), "archive"), ("a.png", b"<svg xmlns='http://www.w3.org/2000/svg'/>", "SVG"),
    ("a.png", b"<!doctype html><script>", "web page"), ("a.png", b"%PDF-1.7", "PDF"), ("a.tif", b"<VRTDataset rasterXSize='1'>", "points"),
    ("a.tif", b'{"type": "FeatureCollection"}', "points"), ("a.tif", b"<GDAL_WMS>", "points"), ("a.npy", pickle.dumps({"a": 1}), "pickle"),
    ("a.png", b"\x1f\x8b\x08rest", "gzip"), ("a.png", b"\x00\x00\x00\x20ftypisom", "does not take"), ("a.png", b"MZ\x90\0", "no kind of file"),
    ("a.sgy", b"<html>" + bytes(4000), "web page"), ("model.onnx", b"\x08\x07\x12\x07pytorch", "ONNX"), ("a.csv", b"a,b\n1,2\n", "CSV"),
    ("a.png", b"\0" * 5000, "no kind of file"),
], ids=lambda v: v[:12] if isinstance(v, str) else None)  # fmt: skip
def test_what_is_no_picture_is_refused_by_its_content(service: Any, name: str, content: bytes, word: str) -> None:
    said = problem(service.predict(content, name), 415, word)
    assert "PNG" in said["accepted"]


def test_an_array_that_holds_a_pickle_is_never_unpickled(service: Any, tmp_path: Path) -> None:
    class Bomb:
        def __reduce__(self) -> Any:
            return (Path(tmp_path / "pwned").touch, ())

    store = io.BytesIO()
    np.save(store, np.array([Bomb()], dtype=object), allow_pickle=True)
    answer = service.predict(store.getvalue(), "a.npy", wait="60")
    assert answer.status_code in (415, 422), answer.text
    assert not (tmp_path / "pwned").exists()


def test_an_empty_file_and_no_file_are_told(service: Any) -> None:
    problem(service.predict(b"", "a.png"), 422, "empty")
    problem(service.client.post("/tasks/salt/predict", data={"seed": "1"}), 422, "file")


# 7 to 12: odd pictures ----------------------------------------------------------------------------------------


def test_a_polyglot_is_only_ever_pixels(service: Any, picture: Any) -> None:
    content = picture(3) + b"<script>alert(1)</script>PK\x03\x04"
    answer = service.predict(content, "poly.png")
    assert answer.status_code == 200
    original = service.client.get(f"/results/{answer.json()['id']}/inputs/poly.png")
    assert original.headers["content-disposition"].startswith("attachment")
    assert original.headers["content-type"] == "application/octet-stream"
    assert original.headers["x-content-type-options"] == "nosniff"


@pytest.mark.parametrize("cut", [0.3, 0.6, 0.95])
@pytest.mark.parametrize("kind", ["PNG", "JPEG", "WEBP", "BMP"])
def test_a_truncated_picture_is_damaged_and_leaves_nothing(
    service: Any, draw: Any, encode: Any, kind: str, cut: float
) -> None:
    content = encode(draw(1, 64), kind)
    before = len(list((service.folder / "results").iterdir()))
    problem(service.predict(content[: int(cut * len(content))], "cut.png"), 422)
    assert len(list((service.folder / "results").iterdir())) == before


def test_orientation_is_applied_and_told(service: Any, draw: Any, encode: Any) -> None:
    image = Image.fromarray(draw(5, 101)[:60])
    exif = Image.Exif()
    exif[0x0112] = 6
    turned = encode(image.transpose(Image.Transpose.ROTATE_90), "JPEG", exif=exif, quality=97)
    answer = service.predict(turned, "phone.jpg").json()
    assert "orientation_applied: 6" in answer["record"]["inputs"][0]["notes"]
    mask = service.client.get(f"/results/{answer['id']}/phone.mask.png").content
    assert Image.open(io.BytesIO(mask)).size == (101, 60)


@pytest.mark.parametrize("mode", ["L", "RGB", "P", "CMYK", "1", "RGBA", "LA", "I;16"])
def test_pictures_of_every_depth_are_taken(service: Any, draw: Any, encode: Any, mode: str) -> None:
    grey = draw(6, 64)
    if mode == "I;16":
        content = encode(Image.fromarray(grey.astype(np.uint16) * 257), "PNG")
    else:
        image = Image.fromarray(grey).convert("RGB").convert(mode)
        content = encode(image, "JPEG" if mode == "CMYK" else "PNG")
    answer = service.predict(content, "odd.png")
    assert answer.status_code == 200, answer.text


def test_of_an_animation_the_first_frame_is_seen_or_none(service: Any, draw: Any, encode: Any) -> None:
    frames = [Image.fromarray(draw(seed, 64)) for seed in range(3)]
    content = encode(frames[0], "WEBP", save_all=True, append_images=frames[1:], lossless=True)
    answer = service.predict(content, "moving.webp").json()
    assert any("first of 3 frames" in note for note in answer["record"]["inputs"][0]["notes"])
    problem(service.predict(content, "moving.webp", strict="true", seed="1"), 422, "3 frames")


def test_a_picture_with_nothing_in_it_is_told(service: Any, encode: Any) -> None:
    problem(service.predict(encode(np.full((50, 50), 9, np.uint8)), "flat.png"), 422, "one value")
    clear = np.zeros((50, 50, 4), np.uint8)
    clear[:2, :10] = 200, 100, 50, 255
    problem(service.predict(encode(clear), "clear.png"), 422, "5 %")


def test_a_picture_of_land_without_a_projection_is_refused_unless_areas_are_not_wanted(
    service: Any, draw: Any, encode: Any
) -> None:
    photo = encode(np.dstack([draw(s, 64) for s in range(3)]))
    problem(service.predict(photo, "land.png", room="tailings"), 422, "no_area")


# 15, 21: names ------------------------------------------------------------------------------------------------

NAUGHTY = (
    "../../../etc/passwd", "..\\..\\boot.ini", "/etc/shadow", "C:\\x.png", "a\0b.png", "\u202egnp.exe", "x" * 3000 + ".png", "aux.png", "CON",
    "<img src=x onerror=alert(1)>.png", "=cmd|' /C calc'!A0.png", "; rm -rf ~;.png", "файл.png", "ção 日本.png", ".hidden", "...", " ", "%2e%2e%2f.png",
    "a\r\nSet-Cookie: x=1.png", "'; DROP TABLE outcrop_results; --.png", "{{7*7}}.png", "a/./../b.png", "📄.png", "nul.tar.png",
)  # fmt: skip


@pytest.mark.parametrize("name", NAUGHTY, ids=range(len(NAUGHTY)))
def test_a_name_never_leads_anywhere(service: Any, picture: Any, name: str) -> None:
    answer = service.client.post("/tasks/salt/predict", files={"file": (name, picture(NAUGHTY.index(name) + 100))})
    assert answer.status_code == 200, answer.text
    folder = service.folder / "results" / answer.json()["id"] / "in"
    (kept,) = folder.iterdir()
    assert (
        kept.parent == folder
        and all(c.isascii() and (c.isalnum() or c in "-_.") for c in kept.name)
        and not kept.name.startswith(".")
    )
    shown = answer.json()["name"]
    assert len(shown) <= 120 and not any(c in shown for c in "/\\\0\r\n\u202e")
    result = service.client.get(f"/results/{answer.json()['id']}").json()
    report = next(f for f in result["files"] if f["name"] == "report.html")
    page = service.client.get(report["href"])
    assert "<img src=x" not in page.text and "sandbox" in page.headers["content-security-policy"]
    table = service.client.get(f"/results/{answer.json()['id']}/measurements.csv").text
    assert all(not line.startswith(("=", "+", "-", "@")) for line in table.splitlines())


@pytest.mark.parametrize("path", [
    "..%2f..%2fservice.sqlite", "../../service.sqlite", "%2e%2e/in/a.png", ".outcrop/x", "in/a.png", "a%00.png", "/etc/passwd", "summary.json/../../in/x",
])  # fmt: skip
def test_no_address_leads_out_of_a_result(service: Any, picture: Any, path: str) -> None:
    id = service.predict(picture(3), "a.png").json()["id"]
    answer = service.client.get(f"/results/{id}/{path}")
    assert answer.status_code in (404, 405) and b"SQLite" not in answer.content


def test_a_link_planted_in_a_result_is_not_followed(service: Any, picture: Any) -> None:
    id = service.predict(picture(4), "a.png").json()["id"]
    files = {f["name"] for f in service.client.get(f"/results/{id}").json()["files"]}
    (service.folder / "results" / id / "out" / "secret.png").symlink_to("/etc/hostname")
    assert service.client.get(f"/results/{id}/secret.png").status_code == 404
    assert {f["name"] for f in service.client.get(f"/results/{id}").json()["files"]} == files


# 19, 20, 29: broken data and JSON -----------------------------------------------------------------------------


@pytest.mark.parametrize(("content", "word"), [
    (b"C 1".ljust(3200) + bytes(400), "format code 0"), (b"C 1".ljust(3200) + bytes(100), ""),
    (b"C 1".ljust(3200) + struct.pack(">16xH2xHxxH", 1000, 99, 17) + bytes(400 - 26) + bytes(4000), "format code"),
], ids=["zeros", "short", "format 17"])  # fmt: skip
def test_a_broken_segy_is_a_refusal_and_no_crash(service: Any, content: bytes, word: str) -> None:
    answer = service.predict(content, "a.sgy", wait="60")
    problem(answer, answer.status_code, word)
    assert answer.status_code in (415, 422)


@pytest.mark.parametrize("body", [
    b"[" * 100_000, b'{"a":' * 50_000, b'{"threshold": NaN}', b'{"threshold": 1e999}', b'{"threshold": "x"}', b"\xff\xfe", b"{", b"null",
    b'{"assume": {"salt velocity": NaN}}', b'{"seed": -1}', b'{"unknown": 1}', b'{"assume": ' + b"[1,2]" + b"}",
], ids=range(12))  # fmt: skip
def test_a_json_bomb_is_a_refusal(service: Any, picture: Any, body: bytes) -> None:
    id = service.predict(picture(3), "a.png").json()["id"]
    answer = service.client.post(f"/results/{id}/measure", content=body, headers={"content-type": "application/json"})
    assert answer.status_code in (400, 422), answer.text
    assert answer.headers["content-type"] == "application/problem+json"


# 22, 23, 24, 25: who, how often, how many ---------------------------------------------------------------------


def test_pages_of_other_origins_may_not_act(service: Any, picture: Any) -> None:
    for headers in ({"origin": "https://evil.example"}, {"origin": "null"}, {"sec-fetch-site": "cross-site"}):
        answer = service.client.post("/tasks/salt/predict", files={"file": ("a.png", picture())}, headers=headers)
        problem(answer, 403, "origin")
    problem(service.client.get("/tasks", headers={"host": "rebound.example"}), 400, "name")
    good = service.client.post(
        "/tasks/salt/predict", files={"file": ("a.png", picture())}, headers={"origin": "http://127.0.0.1"}
    )
    assert good.status_code == 200 and "access-control-allow-origin" not in good.headers


def test_with_keys_everybody_needs_one_and_the_role_counts(make: Make, picture: Any) -> None:
    service = make(rate=0)
    keys = service.house.keys
    viewer, analyst, other, admin = (keys.add(f"{role}", role) for role in ("viewer", "analyst", "analyst", "admin"))
    keys._any = (0.0, False)  # as after the ten seconds for which it is remembered

    def ask(method: str, path: str, key: str | None, **more: Any) -> Any:
        return service.client.request(method, path, headers={"Authorization": f"Bearer {key}"} if key else {}, **more)

    refused = ask("GET", "/tasks", None)
    problem(refused, 401, "key")
    assert refused.headers["www-authenticate"].startswith("Bearer")
    problem(ask("GET", "/tasks", "outcrop_" + "x" * 43), 401, "not known")
    sent = {"files": {"file": ("a.png", picture())}}
    problem(ask("POST", "/tasks/salt/predict", viewer, **sent), 403, "analyst")
    done = ask("POST", "/tasks/salt/predict", analyst, **sent)
    assert done.status_code == 200
    id = done.json()["id"]
    assert ask("GET", f"/results/{id}", analyst).status_code == 200
    problem(ask("GET", f"/results/{id}", other), 404)
    problem(ask("DELETE", f"/results/{id}", other), 404)
    assert ask("GET", f"/results/{id}", admin).status_code == 200
    assert ask("GET", "/results", other).json()["total"] == 0
    problem(ask("GET", "/metrics", analyst), 403)
    for path in ("/livez", "/readyz", "/", "/docs"):
        assert ask("GET", path, None).status_code == 200
    assert keys.revoke(analyst[:14])
    keys._known.clear()
    problem(ask("GET", f"/results/{id}", analyst), 401)
    text = (service.folder / "service.sqlite").read_bytes() + (service.folder / "service.sqlite-wal").read_bytes()
    assert all(key.encode() not in text for key in (viewer, analyst, admin))


def test_the_service_is_not_opened_to_others_without_a_key(tmp_path: Path) -> None:
    from outcrop.core.errors import UsageError
    from outcrop.service.keys import Keys
    from outcrop.service.serve import refuse_open_doors
    from outcrop.service.settings import Settings
    from outcrop.service.tables import connect

    for host in ("0.0.0.0", "192.168.1.5", "::"):
        with pytest.raises(UsageError, match="outcrop keys add"):
            refuse_open_doors(Settings(folder=tmp_path, host=host))
    refuse_open_doors(Settings(folder=tmp_path))
    settings = Settings(folder=tmp_path, host="0.0.0.0")
    Keys(connect(settings.url)).add("me", "admin")
    refuse_open_doors(settings)


def test_whoever_asks_too_often_is_told_when_to_come_again(make: Make) -> None:
    service = make(rate=0.1, burst=5)
    answers = [service.client.get("/livez") for _ in range(8)]
    refused = [answer for answer in answers if answer.status_code == 429]
    assert 2 <= len(refused) <= 3 and answers[0].headers["ratelimit-policy"]
    problem(refused[0], 429)
    assert int(refused[0].headers["retry-after"]) >= 1


def test_a_full_queue_and_a_full_lane_say_when_to_come_again(make: Make, picture: Any) -> None:
    service = make(queue=2, workers=0)
    line = io.BytesIO()
    np.save(line, np.random.default_rng(0).normal(size=(200, 40)).astype(np.float32))
    codes = [service.predict(line.getvalue(), "l.npy", seed=str(seed)).status_code for seed in range(3)]
    assert codes == [202, 202, 503]
    refused = service.predict(line.getvalue(), "l.npy", seed="9")
    problem(refused, 503, "2 jobs are waiting")
    assert int(refused.headers["retry-after"]) >= 1
    for _ in range(service.house.settings.lane):
        service.house.lane._inside.acquire()
    busy = service.predict(picture(), "a.png")
    problem(busy, 503, "no more are taken")
    assert busy.headers["retry-after"] == "1"
    assert len(list((service.folder / "results").iterdir())) == 2


# 27, 28: limits of processes and disks ------------------------------------------------------------------------


def test_a_job_over_its_memory_or_its_time_is_told_so(make: Make) -> None:
    line = io.BytesIO()
    np.save(line, np.random.default_rng(0).normal(size=(300, 400)).astype(np.float32))
    small = make(job_memory=20 << 20)
    said = problem(small.predict(line.getvalue(), "l.npy", wait="60"), 422)
    assert "memory" in said["detail"]
    slow = make(job_seconds=0.2)
    problem(slow.predict(line.getvalue(), "l.npy", wait="60"), 504, "0.2 s")
    assert small.left() == slow.left() == []


def test_a_decoder_that_dies_or_hangs_costs_one_request(
    make: Make, picture: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    service = make(workers=0)
    assert service.predict(picture(1), "a.png").status_code == 200
    import os
    import signal

    os.kill(service.house.decoder._child.pid, signal.SIGKILL)
    answers = [service.predict(picture(seed), "a.png").status_code for seed in (2, 3)]
    assert answers[-1] == 200 and answers[0] in (200, 422)
    os.kill(service.house.decoder._child.pid, signal.SIGSTOP)
    object.__setattr__(service.house.settings, "decode_seconds", 0.3)
    problem(service.predict(picture(4), "a.png"), 504, "decoded")
    object.__setattr__(service.house.settings, "decode_seconds", 20.0)
    assert service.predict(picture(5), "a.png").status_code == 200


def test_a_full_disk_is_told_and_leaves_nothing(make: Make, picture: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    import errno
    import shutil

    service = make(workers=0)

    def full(*args: Any) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(shutil, "copyfileobj", full)
        problem(service.predict(picture(1), "a.png"), 507, "full")
    assert list((service.folder / "results").iterdir()) == []
    object.__setattr__(service.house.settings, "least_free", 1 << 60)
    problem(service.predict(picture(1), "a.png"), 507, "free")
    ready = service.client.get("/readyz")
    assert ready.status_code == 503 and ready.json()["checks"]["disk"] == "nearly full"


# 30, 31, 32, 33, 34 -------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("ranges", "status", "length"), [
    ("bytes=0-9", 206, 10), ("bytes=-5", 206, 5), ("bytes=99999999-", 416, None), ("bytes=0-1,3-4", 200, None), ("lines=0-1", 200, None),
    ("bytes=" + "0-0," * 50 + "1-1", 200, None), ("bytes=9-2", 400, None), ("bytes=abc", 400, None),
], ids=range(8))  # fmt: skip
def test_one_range_is_honoured(service: Any, picture: Any, ranges: str, status: int, length: int | None) -> None:
    id = service.predict(picture(3), "a.png").json()["id"]
    answer = service.client.get(f"/results/{id}/a.overlay.png", headers={"range": ranges})
    assert answer.status_code == status or (status == 400 and answer.status_code in (200, 416))
    if length:
        assert len(answer.content) == length and answer.headers["content-range"]


def test_a_repeated_request_is_the_same_job(make: Make) -> None:
    service = make(workers=0)
    line = io.BytesIO()
    np.save(line, np.random.default_rng(0).normal(size=(200, 40)).astype(np.float32))
    sent = {"files": {"file": ("l.npy", line.getvalue())}}
    first, again = (
        service.client.post("/tasks/salt/predict", headers={"Idempotency-Key": "k1"}, **sent) for _ in range(2)
    )
    assert first.json()["id"] == again.json()["id"] and service.house.jobs.counts() == {"queued": 1}
    id = first.json()["id"]
    assert service.client.delete(f"/jobs/{id}").json()["state"] == "cancelled"
    assert not (service.folder / "results" / id).exists()


def test_a_damaged_model_stops_the_start_and_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from dataclasses import replace

    from outcrop import tasks
    from outcrop.core.errors import BadModel
    from outcrop.service.app import build
    from outcrop.service.settings import Settings

    (tmp_path / "pictures-0.onnx").write_bytes(b"\x08\x07rubbish")
    room = replace(tasks.load("salt"), models=tmp_path)
    monkeypatch.setattr(tasks, "load", lambda name: room)
    with pytest.raises(BadModel, match="pictures-0.onnx"):
        build(Settings(folder=tmp_path / "s", rooms=("salt",)))


def test_what_a_client_typed_is_one_line_of_the_log() -> None:
    import json
    import logging

    from outcrop.service.logs import Lines

    record = logging.LogRecord(
        "outcrop.service", logging.INFO, "", 0, "name %s", ("a\n2026 ERROR forged\x1b[31m",), None
    )
    line = Lines().format(record)
    assert "\n" not in line and "\x1b" not in line and json.loads(line)["what"].endswith("forged\x1b[31m")


def test_every_answer_carries_the_headers_that_keep_a_browser_in(service: Any, picture: Any) -> None:
    id = service.predict(picture(3), "a.png").json()["id"]
    for path in (
        "/",
        "/docs",
        "/tasks",
        "/nothing",
        f"/results/{id}/report.html",
        f"/results/{id}/a.mask.png",
        "/static/docs.js",
    ):
        answer = service.client.get(path)
        assert "'none'" in answer.headers["content-security-policy"]
        assert answer.headers["x-content-type-options"] == "nosniff" and answer.headers["x-frame-options"] == "DENY"
        assert "http://" not in answer.text.replace("http://127.0.0.1:8000", "").replace(
            "http://www.w3.org", ""
        ) or path.startswith("/results")


def test_a_mixture_of_hostile_uploads_leaves_the_service_up(service: Any, picture: Any, draw: Any, encode: Any) -> None:
    rng = np.random.default_rng(0)
    good = [picture(1), encode(draw(2, 64), "JPEG"), encode(draw(3, 64), "WEBP"), encode(draw(4, 64), "BMP")]
    tiff = encode(draw(5, 64), "TIFF")
    for i in range(62):
        content = bytearray(good[i % len(good)] if i < 60 else tiff)
        for _ in range(int(rng.integers(1, 20))):
            content[int(rng.integers(8, len(content)))] = int(rng.integers(256))
        answer = service.predict(bytes(content[: int(rng.integers(20, len(content) + 1))]), f"x{i}", wait="60")
        assert answer.status_code < 500, (i, answer.text)
    assert service.client.get("/readyz").status_code == 200 and service.left() == []
