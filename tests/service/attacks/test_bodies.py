"""Bodies: too long, too slow, too many parts, and JSON that is a trap. Numbers of threats are those of docs/service.md."""

import asyncio
from collections.abc import Callable
from typing import Any

import pytest

Make = Callable[..., Any]
Refused = Callable[..., Any]


def test_a_body_over_the_limit_is_refused_before_it_is_read(make: Make, refused: Refused) -> None:
    """Threat 1."""
    service = make(max_body=100_000)
    said = refused(service.predict(b"\0" * 200_000), 413, "outcrop predict")
    assert said["limit"] == 100_000 and said["got"] > 200_000
    read = []

    def chunks() -> Any:  # no Content-Length
        for _ in range(400):
            read.append(1)
            yield b"x" * 10_000

    headers = {"content-type": "multipart/form-data; boundary=b"}
    refused(service.client.post("/tasks/salt/predict", content=chunks(), headers=headers), 413, "100000 bytes")
    assert service.left() == []


def test_a_form_has_bounds_of_its_own(make: Make, refused: Refused) -> None:
    """Threat 1: files, fields and the length of a field are counted while they come."""
    service = make(max_files=3, workers=0)
    many = [("file", (f"{i}.png", b"x")) for i in range(4)]
    refused(service.client.post("/tasks/salt/predict", files=many), 413, "more than 3 files")
    sent = {"file": ("a.png", b"x")}
    refused(service.client.post("/tasks/salt/predict", files=sent, data={"assume": ["a=1"] * 400}), 413, "300 options")
    refused(service.client.post("/tasks/salt/predict", files=sent, data={"assume": "a" * 100_000}), 413, "65536 bytes")
    assert list((service.folder / "results").iterdir()) == []


def test_what_is_larger_than_a_piece_goes_to_the_disk_while_it_comes() -> None:
    """Threat 1: a hundred files of a megabyte are not held in memory."""
    from starlette.formparsers import MultiPartParser

    from outcrop.service.forms import HELD, bound

    bound()
    assert MultiPartParser.spool_max_size == HELD <= 1 << 16


@pytest.mark.parametrize("body", [
    b"--b\r\n", b"--b\r\nContent-Disposition: form-data\r\n\r\nx\r\n--b--", b"", b"\0" * 1000, b"--b\r\nX: " + b"y" * 100_000,
    b"--b\r\nContent-Disposition: form-data; name=\"file\"; filename=\"a.png\"\r\n\r\nhalf",
], ids=range(6))  # fmt: skip
def test_a_form_that_is_none_is_a_refusal(service: Any, refused: Refused, body: bytes) -> None:
    """Threat 1."""
    headers = {"content-type": "multipart/form-data; boundary=b"}
    answer = service.client.post("/tasks/salt/predict", content=body, headers=headers)
    assert answer.status_code in (400, 422)
    refused(answer, answer.status_code)


def test_an_upload_that_drips_is_cut_off() -> None:
    """Threat 26: so is one by a served service, in test_clients."""
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
        "type": "http", "method": "POST", "path": "/tasks/salt/predict", "headers": [(b"host", b"localhost")], "client": ("127.0.0.1", 1),
    }  # fmt: skip
    asyncio.run(asyncio.wait_for(gate(scope, drip, send), 10))
    assert sent[0]["status"] == 408 and b"bytes have come" in sent[1]["body"]


@pytest.mark.parametrize("body", [
    b"[" * 100_000, b'{"a":' * 50_000, b'{"threshold": NaN}', b'{"threshold": 1e999}', b'{"threshold": "x"}', b"\xff\xfe", b"{", b"null",
    b'{"assume": {"salt velocity": NaN}}', b'{"seed": -1}', b'{"unknown": 1}', b'{"assume": ' + b"[1,2]" + b"}",
    b'{"seed": ' + b"9" * 5000 + b"}", b'{"assume": {' + b",".join(b'"%d": 1' % i for i in range(1000)) + b"}}",
], ids=range(14))  # fmt: skip
def test_a_json_bomb_is_a_refusal(service: Any, refused: Refused, picture: Any, body: bytes) -> None:
    """Threat 29."""
    id = service.predict(picture(3), "a.png").json()["id"]
    answer = service.client.post(f"/results/{id}/measure", content=body, headers={"content-type": "application/json"})
    assert answer.status_code in (400, 422), answer.text
    refused(answer, answer.status_code)


def test_json_is_held_whole_so_it_may_not_be_long(service: Any, refused: Refused, picture: Any) -> None:
    """Threat 29: whatever the request calls its content, and whether it tells its length or not."""
    id = service.predict(picture(3), "a.png").json()["id"]
    for kind in ("application/json", "multipart/form-data; boundary=b", "text/plain"):
        for body in (b"[" + b"0," * 600_000 + b"0]", (b"0," * 10_000 for _ in range(200))):
            answer = service.client.post(f"/results/{id}/measure", content=body, headers={"content-type": kind})
            refused(answer, 413, "1 MB")


@pytest.mark.parametrize("fields", [
    {"note": "x" * 3000}, {"author": "x" * 200}, {"stem": "../../etc/passwd"}, {"stem": "x" * 300}, {"stem": "a\0"},
], ids=range(5))  # fmt: skip
def test_words_of_a_correction_have_their_limits(
    service: Any, refused: Refused, picture: Any, encode: Any, draw: Any, fields: dict[str, str]
) -> None:
    """Threat 29: outlines do not come as JSON here, but as masks of the input's own size."""
    id = service.predict(picture(3), "a.png").json()["id"]
    mask = encode(draw(0, 101) * 0)
    answer = service.client.post(f"/results/{id}/corrections", files={"mask": ("m.png", mask)}, data=fields)
    assert answer.status_code in (404, 422), answer.text
    refused(answer, answer.status_code)
