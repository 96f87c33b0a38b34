"""Who asks, from where, how often, and for what a second time. Numbers of threats are those of docs/service.md."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

Make = Callable[..., Any]
Refused = Callable[..., Any]


def test_pages_of_other_origins_may_not_act(service: Any, refused: Refused, picture: Any) -> None:
    """Threat 22."""
    for headers in ({"origin": "https://evil.example"}, {"origin": "null"}, {"sec-fetch-site": "cross-site"}):
        answer = service.client.post("/tasks/salt/predict", files={"file": ("a.png", picture())}, headers=headers)
        refused(answer, 403, "origin")
    refused(service.client.get("/tasks", headers={"host": "rebound.example"}), 400, "name")
    good = service.client.post(
        "/tasks/salt/predict", files={"file": ("a.png", picture())}, headers={"origin": "http://127.0.0.1"}
    )
    assert good.status_code == 200 and "access-control-allow-origin" not in good.headers
    asked = {"origin": "https://evil.example", "access-control-request-method": "POST"}
    assert "access-control-allow-origin" not in service.client.options("/tasks/salt/predict", headers=asked).headers
    assert "set-cookie" not in good.headers


def test_with_keys_everybody_needs_one_and_the_role_counts(make: Make, refused: Refused, picture: Any) -> None:
    """Threat 23."""
    service = make(rate=0)
    keys = service.house.keys
    viewer, analyst, other, admin = (keys.add(f"{role}", role) for role in ("viewer", "analyst", "analyst", "admin"))
    keys._any = (0.0, False)  # as after the ten seconds for which it is remembered

    def ask(method: str, path: str, key: str | None, **more: Any) -> Any:
        return service.client.request(method, path, headers={"Authorization": f"Bearer {key}"} if key else {}, **more)

    nobody = ask("GET", "/tasks", None)
    refused(nobody, 401, "key")
    assert nobody.headers["www-authenticate"].startswith("Bearer")
    refused(ask("GET", "/tasks", "outcrop_" + "x" * 43), 401, "not known")
    sent = {"files": {"file": ("a.png", picture())}}
    refused(ask("POST", "/tasks/salt/predict", viewer, **sent), 403, "analyst")
    done = ask("POST", "/tasks/salt/predict", analyst, **sent)
    assert done.status_code == 200
    id = done.json()["id"]
    assert ask("GET", f"/results/{id}", analyst).status_code == 200
    refused(ask("GET", f"/results/{id}", other), 404)
    refused(ask("DELETE", f"/results/{id}", other), 404)
    assert ask("GET", f"/results/{id}", admin).status_code == 200
    assert ask("GET", "/results", other).json()["total"] == 0
    refused(ask("GET", "/metrics", analyst), 403)
    for path in ("/livez", "/readyz", "/", "/docs"):
        assert ask("GET", path, None).status_code == 200
    assert keys.revoke(analyst[:14])
    keys._known.clear()
    refused(ask("GET", f"/results/{id}", analyst), 401)
    text = (service.folder / "service.sqlite").read_bytes() + (service.folder / "service.sqlite-wal").read_bytes()
    assert all(key.encode() not in text for key in (viewer, analyst, admin))


def test_the_service_is_not_opened_to_others_without_a_key(tmp_path: Path) -> None:
    """Threat 23."""
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


def test_whoever_asks_too_often_is_told_when_to_come_again(make: Make, refused: Refused) -> None:
    """Threat 24."""
    service = make(rate=0.1, burst=5)
    answers = [service.client.get("/livez") for _ in range(8)]
    late = [answer for answer in answers if answer.status_code == 429]
    assert 2 <= len(late) <= 3 and answers[0].headers["ratelimit-policy"]
    refused(late[0], 429)
    assert int(late[0].headers["retry-after"]) >= 1 and late[0].headers["ratelimit"]


def test_whoever_tries_keys_is_slowed_down_too(make: Make, refused: Refused) -> None:
    """Threat 24: refusals count, and by the address alone, whatever key was tried."""
    service = make(rate=0.1, burst=5)
    key = service.house.keys.add("me", "admin")
    service.house.keys._any = (0.0, False)
    answers = [service.client.get("/tasks", headers={"x-api-key": f"outcrop_{i:043d}"}) for i in range(8)]
    assert [answer.status_code for answer in answers[:5]] == [401] * 5
    refused(answers[-1], 429)
    assert service.client.get("/tasks", headers={"x-api-key": key}).status_code == 200


def test_a_client_behind_a_proxy_counts_as_itself_only_where_the_proxy_is_named(make: Make) -> None:
    """Threat 24: without a named proxy, nobody becomes another by a header."""
    service = make(rate=0.1, burst=3)
    codes = [service.client.get("/livez", headers={"x-forwarded-for": f"10.0.0.{i}"}).status_code for i in range(6)]
    assert codes[:3] == [200] * 3 and 429 in codes[3:]
    named = make(rate=0.1, burst=3, proxies=("testclient",))
    assert {named.client.get("/livez", headers={"x-forwarded-for": f"10.0.0.{i}"}).status_code for i in range(6)} == {
        200
    }


def test_a_full_queue_and_a_full_lane_say_when_to_come_again(
    make: Make, refused: Refused, picture: Any, line: bytes
) -> None:
    """Threat 25: nothing is accepted and then forgotten."""
    service = make(queue=2, workers=0)
    codes = [service.predict(line, "l.npy", seed=str(seed)).status_code for seed in range(3)]
    assert codes == [202, 202, 503]
    full = service.predict(line, "l.npy", seed="9")
    refused(full, 503, "2 jobs are waiting")
    assert int(full.headers["retry-after"]) >= 1
    for _ in range(service.house.settings.lane):
        service.house.lane._inside.acquire()
    busy = service.predict(picture(), "a.png")
    refused(busy, 503, "no more are taken")
    assert busy.headers["retry-after"] == "1"
    assert len(list((service.folder / "results").iterdir())) == 2


def test_a_repeated_request_is_the_same_job(make: Make, line: bytes) -> None:
    """Threat 31."""
    service = make(workers=0)

    def ask(key: str, seed: str) -> Any:
        sent = {"files": {"file": ("l.npy", line)}, "data": {"seed": seed}, "headers": {"Idempotency-Key": key}}
        return service.client.post("/tasks/salt/predict", **sent)

    first, again, other = ask("k1", "1"), ask("k1", "1"), ask("k2", "2")
    assert first.status_code == again.status_code == 202
    assert first.json()["id"] == again.json()["id"] != other.json()["id"]
    assert service.house.jobs.counts() == {"queued": 2} and len(list((service.folder / "results").iterdir())) == 2
    id = first.json()["id"]
    assert service.client.delete(f"/jobs/{id}").json()["state"] == "cancelled"
    assert not (service.folder / "results" / id).exists()


def test_a_repeated_request_gives_the_result_that_is_there(service: Any, line: bytes) -> None:
    """Threat 31: also after the job has ended."""
    sent = {"files": {"file": ("l.npy", line)}, "headers": {"Idempotency-Key": "once"}}
    first = service.client.post("/tasks/salt/predict", data={"wait": "60"}, **sent)
    again = service.client.post("/tasks/salt/predict", **sent)
    assert first.status_code == again.status_code == 200 and first.json()["id"] == again.json()["id"]


@pytest.mark.parametrize("key", ["x" * 65, "a b", "é"])
def test_a_name_of_a_request_that_is_none_is_refused(service: Any, refused: Refused, picture: Any, key: str) -> None:
    """Threat 31."""
    headers = {"Idempotency-Key": key.encode()}
    refused(service.client.post("/tasks/salt/predict", files={"file": ("a.png", picture())}, headers=headers), 422)


@pytest.mark.parametrize(("ranges", "status", "length"), [
    ("bytes=0-9", 206, 10), ("bytes=-5", 206, 5), ("bytes=99999999-", 416, None), ("bytes=0-1,3-4", 200, None), ("lines=0-1", 200, None),
    ("bytes=" + "0-0," * 50 + "1-1", 200, None), ("bytes=9-2", 400, None), ("bytes=abc", 400, None), ("bytes=" + "0-," * 100_000, 200, None),
], ids=range(9))  # fmt: skip
def test_one_range_is_honoured(service: Any, picture: Any, ranges: str, status: int, length: int | None) -> None:
    """Threat 30."""
    id = service.predict(picture(3), "a.png").json()["id"]
    answer = service.client.get(f"/results/{id}/a.overlay.png", headers={"range": ranges})
    assert answer.status_code == status or (status == 400 and answer.status_code in (200, 416))
    if length:
        assert len(answer.content) == length and answer.headers["content-range"]


def test_every_answer_carries_the_headers_that_keep_a_browser_in(service: Any, picture: Any) -> None:
    """Threat 21."""
    id = service.predict(picture(3), "a.png").json()["id"]
    pages = (
        "/",
        "/docs",
        "/tasks",
        "/nothing",
        f"/results/{id}/report.html",
        f"/results/{id}/a.mask.png",
        "/static/docs.js",
    )
    for path in pages:
        answer = service.client.get(path)
        assert "'none'" in answer.headers["content-security-policy"]
        assert answer.headers["x-content-type-options"] == "nosniff" and answer.headers["x-frame-options"] == "DENY"
        others = answer.text.replace("http://127.0.0.1:8000", "").replace("http://www.w3.org", "")
        assert "http://" not in others or path.startswith("/results")
