"""The interface as its own description promises it: schemathesis asks everything, and nothing answers with a defect."""

import os
from typing import Any

import pytest

schemathesis = pytest.importorskip("schemathesis", reason="needs schemathesis: pip install schemathesis")

from hypothesis import HealthCheck, Phase, given, settings

EXAMPLES = int(os.environ.get("OUTCROP_EXAMPLES", "4"))
"""Requests for each route; hundreds in the long run."""


@pytest.fixture(scope="module")
def api(own: Any) -> Any:
    """The description that the service gives of itself; asking it starts and stops the application, so it is one of its own."""
    return schemathesis.openapi.from_asgi("/openapi.json", own.client.app, headers={"host": "127.0.0.1"})


def test_no_request_meets_a_defect(api: Any) -> None:
    asked = 0

    def check(case: Any) -> None:
        nonlocal asked
        asked += 1
        if case.path.endswith("/example"):
            case.path_parameters["room"] = "nowhere"  # an example of a room is drawn in test_predict
        answer = case.call(headers={"host": "127.0.0.1"})
        fine = answer.status_code < 500 or answer.status_code in (501, 503, 504, 507)
        assert fine, (case.method, case.path, answer.text)
        kind = answer.headers.get("content-type", [""])[0]
        assert answer.status_code < 400 or kind.startswith("application/problem+json"), (case.path, answer.text)

    quick = settings(
        max_examples=EXAMPLES,
        deadline=None,
        derandomize=True,
        phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
        database=None,
    )
    operations = [found.ok() for found in api.get_all_operations()]
    for operation in operations:
        if not operation.path.endswith("/events"):  # a stream; followed to its end in test_predict
            quick(given(case=operation.as_strategy())(check))()
    assert len(operations) > 20 and asked > 2 * len(operations)


def test_the_description_is_whole_and_fetches_nothing(service: Any) -> None:
    api = service.client.get("/openapi.json").json()
    assert {
        "/tasks/{room}/predict",
        "/tasks/{room}/measure",
        "/jobs/{id}/events",
        "/results/{id}/{name}",
        "/models",
    } <= set(api["paths"])
    for path, verbs in api["paths"].items():
        for verb, route in verbs.items():
            assert route.get("description"), f"{verb} {path} says nothing of itself"
    page = service.client.get("/docs").text
    assert "http" not in page and "/static/docs.js" in page
