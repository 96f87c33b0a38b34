"""Names, words and addresses that would be something else. Numbers of threats are those of docs/service.md."""

import csv
import io
from collections.abc import Callable
from typing import Any

import pytest

Refused = Callable[..., Any]

NAUGHTY = (
    "../../../etc/passwd", "..\\..\\boot.ini", "/etc/shadow", "C:\\x.png", "a\0b.png", "\u202egnp.exe", "x" * 3000 + ".png", "aux.png", "CON",
    "<img src=x onerror=alert(1)>.png", "=cmd|' /C calc'!A0.png", "; rm -rf ~;.png", "файл.png", "ção 日本.png", ".hidden", "...", " ", "%2e%2e%2f.png",
    "a\r\nSet-Cookie: x=1.png", "'; DROP TABLE outcrop_results; --.png", "{{7*7}}.png", "a/./../b.png", "📄.png", "nul.tar.png",
    "x" * 5120 + ".png", "é" * 20_000 + ".png", "+1+1.png", "-2.png", "@SUM(1).png", "\ufeff.png", "a" * 59 + "...png", "\ud83d\udcc4.png",
)  # fmt: skip


@pytest.mark.parametrize("name", NAUGHTY, ids=range(len(NAUGHTY)))
def test_a_name_never_leads_anywhere(service: Any, picture: Any, name: str) -> None:
    """Threats 15, 21: names of 5 kB and of 40 kB are taken like any other; what is shown is clean, text, and no formula."""
    content = picture(NAUGHTY.index(name) + 100)
    body = b'--x\r\nContent-Disposition: form-data; name="file"; filename="%s"\r\n\r\n%s\r\n--x--\r\n'
    plain = name.replace("\r", "%0D").replace("\n", "%0A").encode("utf-8", "surrogatepass")
    headers = {"content-type": "multipart/form-data; boundary=x"}
    answer = service.client.post("/tasks/salt/predict", content=body % (plain, content), headers=headers)
    assert answer.status_code == 200, answer.text
    folder = service.folder / "results" / answer.json()["id"] / "in"
    (kept,) = folder.iterdir()
    assert kept.parent == folder and not kept.name.startswith(".") and len(kept.name) <= 70
    assert all(c.isascii() and (c.isalnum() or c in "-_.") for c in kept.name)
    shown = answer.json()["name"]
    assert len(shown) <= 120 and not any(c in shown for c in "/\\\0\r\n\u202e")
    result = service.client.get(f"/results/{answer.json()['id']}").json()
    report = next(f for f in result["files"] if f["name"] == "report.html")
    page = service.client.get(report["href"])
    assert "<img src=x" not in page.text and "sandbox" in page.headers["content-security-policy"]
    for file in result["files"]:
        assert "set-cookie" not in service.client.get(file["href"]).headers
        if file["name"].endswith(".csv"):
            table = service.client.get(file["href"]).text
            cells = [cell for row in csv.reader(io.StringIO(table)) for cell in row]
            assert not [
                cell
                for cell in cells
                if cell.startswith(("=", "+", "@", "\t")) or (cell[:1] == "-" and not number(cell))
            ]


def number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True


def test_a_header_without_end_is_refused(service: Any, refused: Refused) -> None:
    """Threat 15: names may be long, not endless."""
    body = (
        b'--x\r\nContent-Disposition: form-data; name="file"; filename="' + b"x" * 100_000 + b'"\r\n\r\n\r\n--x--\r\n'
    )
    headers = {"content-type": "multipart/form-data; boundary=x"}
    refused(service.client.post("/tasks/salt/predict", content=body, headers=headers), 400, "form")


def test_words_of_a_correction_stay_words(service: Any, picture: Any, encode: Any, draw: Any) -> None:
    """Threat 21: what somebody typed comes back as JSON and never as part of a page."""
    id = service.predict(picture(31), "mine.png").json()["id"]
    typed = {"author": "<script>alert(1)</script>", "note": "=HYPERLINK(1)</textarea><img src=x onerror=alert(1)>"}
    sent = {"mask": ("m.png", encode(draw(0, 101) * 0))}
    assert service.client.post(f"/results/{id}/corrections", files=sent, data=typed).status_code == 201
    listed = service.client.get(f"/results/{id}/corrections")
    assert (
        listed.headers["content-type"] == "application/json" and listed.headers["x-content-type-options"] == "nosniff"
    )
    assert {name: listed.json()["corrections"][0][name] for name in typed} == typed
    assert service.client.delete(f"/results/{id}").status_code == 204


def test_a_refusal_repeats_what_was_typed_as_data_only(service: Any, refused: Refused, picture: Any) -> None:
    """Threat 21."""
    word = "<script>alert(1)</script>"
    for answer in (
        service.client.get(f"/results/{word}"), service.client.get(f"/tasks/{word}"), service.predict(picture(1), "a.png", assume=f"{word}=1"),
        service.predict(picture(1), "a.png", **{word: "1"}), service.predict(b"x", f"{word}.png"),
    ):  # fmt: skip
        refused(answer, answer.status_code)
        assert answer.headers["x-content-type-options"] == "nosniff"


@pytest.mark.parametrize("path", [
    "..%2f..%2fservice.sqlite", "../../service.sqlite", "%2e%2e/in/a.png", ".outcrop/x", "in/a.png", "a%00.png", "/etc/passwd", "summary.json/../../in/x",
    "%2e%2e%5c%2e%2e%5cservice.sqlite", "..;/..;/service.sqlite", "%252e%252e/service.sqlite",
])  # fmt: skip
def test_no_address_leads_out_of_a_result(service: Any, picture: Any, path: str) -> None:
    """Threat 15."""
    id = service.predict(picture(3), "a.png").json()["id"]
    for place in (f"/results/{id}/{path}", f"/results/{id}/inputs/{path}", f"/static/{path}", f"/{path}"):
        answer = service.client.get(place)
        assert answer.status_code in (404, 405) and b"SQLite" not in answer.content, place


def test_a_link_planted_in_a_result_is_not_followed(service: Any, picture: Any) -> None:
    """Threat 15."""
    id = service.predict(picture(4), "a.png").json()["id"]
    files = {f["name"] for f in service.client.get(f"/results/{id}").json()["files"]}
    (service.folder / "results" / id / "out" / "secret.png").symlink_to("/etc/hostname")
    assert service.client.get(f"/results/{id}/secret.png").status_code == 404
    assert {f["name"] for f in service.client.get(f"/results/{id}").json()["files"]} == files
