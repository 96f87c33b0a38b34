"""Sharing: a link opens one result without a key, shows nothing else, and ends when it is revoked or the result goes."""

from collections.abc import Callable
from typing import Any

import pytest
from sqlalchemy import select

from outcrop.service.tables import shares


@pytest.fixture
def shared(make: Any, picture: Callable[..., bytes]) -> Any:
    """(service, headers of the owner's key, id of their result, what sharing it answered)."""
    service = make(workers=0)
    mine = {"authorization": f"Bearer {service.house.keys.add('Ana', 'analyst')}"}
    sent = {"file": ("core.png", picture(3))}
    id = service.client.post("/tasks/salt/predict", files=sent, headers=mine).json()["id"]
    answer = service.client.post(f"/results/{id}/share", headers=mine)
    assert answer.status_code == 201, answer.text
    return service, mine, id, answer.json()


def test_a_link_opens_the_result_and_its_files_without_a_key(shared: Any) -> None:
    service, mine, id, link = shared
    assert service.client.get(f"/results/{id}").status_code == 401
    mine_sees = service.client.get(f"/results/{id}", headers=mine).json()
    seen = service.client.get(link["href"])
    assert seen.status_code == 200 and seen.json()["record"] == mine_sees["record"]
    assert [f["name"] for f in seen.json()["files"]] == [f["name"] for f in mine_sees["files"]]
    for file in seen.json()["files"]:
        own = service.client.get(f"/results/{id}/{file['name']}", headers=mine)
        assert service.client.get(file["href"]).content == own.content
    report = service.client.get(link["report"])
    assert (
        report.headers["content-type"].startswith("text/html")
        and "sandbox" in report.headers["content-security-policy"]
    )
    part = service.client.get(f"{link['href']}/core.mask.png", headers={"range": "bytes=1-3"})
    assert part.status_code == 206 and part.content == b"PNG"


def test_a_link_reads_this_one_result_and_nothing_that_was_sent(shared: Any) -> None:
    service, _, id, link = shared
    assert "inputs" not in service.client.get(link["href"]).json()
    for way in (
        "inputs/core.png",
        "in/core.png",
        "../in/core.png",
        "%2e%2e/in/core.png",
        "corrections",
        "..%2f..%2f..%2fservice.sqlite",
    ):
        assert service.client.get(f"{link['href']}/{way}").status_code in (401, 404), way
    for verb, way in (("DELETE", ""), ("POST", "/measure"), ("POST", "/corrections"), ("DELETE", "/core.mask.png")):
        assert service.client.request(verb, link["href"] + way, json={}).status_code in (404, 405)
    key = {"authorization": f"Bearer {link['href'].rsplit('/', 1)[1]}"}
    assert service.client.get(f"/results/{id}", headers=key).status_code == 401
    assert service.client.get("/shared/guessed").status_code == 404


def test_only_who_may_see_and_change_a_result_can_share_it(shared: Any) -> None:
    service, _, id, link = shared
    for role, status in (("viewer", 403), ("analyst", 404), ("admin", 201)):
        other = {"authorization": f"Bearer {service.house.keys.add(role, role)}"}
        assert service.client.post(f"/results/{id}/share", headers=other).status_code == status
        if role != "admin":
            assert service.client.delete(f"/results/{id}/share", headers=other).status_code == status
    assert service.client.post(f"/results/{id}/share").status_code == 401
    assert service.client.get(link["href"]).status_code == 200


def test_a_link_ends_when_it_is_revoked_when_it_expires_and_when_the_result_goes(shared: Any) -> None:
    service, mine, id, link = shared
    again = service.client.post(f"/results/{id}/share", headers=mine).json()
    assert again["href"] != link["href"]
    assert service.client.delete(f"/results/{id}/share", headers=mine).status_code == 204
    for one in (link, again):
        assert service.client.get(one["href"]).status_code == service.client.get(one["report"]).status_code == 404
    link = service.client.post(f"/results/{id}/share", headers=mine).json()
    assert service.client.get(link["href"]).status_code == 200
    now = service.house.store.now()
    service.house.store.now = lambda: now + 8 * 86_400
    assert now < link["expires"] < now + 8 * 86_400
    assert service.client.get(link["href"]).status_code == 404
    service.house.store.now = lambda: now
    assert service.client.get(link["href"]).status_code == 200
    assert service.client.delete(f"/results/{id}", headers=mine).status_code == 204
    assert service.client.get(link["href"]).status_code == 404
    with service.house.engine.connect() as connection:
        assert connection.execute(select(shares)).all() == []


def test_the_database_does_not_hold_what_the_link_says(shared: Any) -> None:
    service, _, _, link = shared
    token = link["href"].rsplit("/", 1)[1]
    assert len(token) >= 43
    with service.house.engine.connect() as connection:
        (row,) = connection.execute(select(shares)).all()
    assert token not in str(row) and len(row.hash) == 64
