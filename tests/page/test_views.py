"""Every view, light and dark, wide and narrow: axe-core finds nothing, nothing leaves the origin, the policy is never broken."""

import json
from collections.abc import Callable
from typing import Any

import pytest
from tests.page.conftest import PAGE

AXE = PAGE / "node_modules" / "axe-core" / "axe.min.js"
SEEN = ["color-contrast", "target-size", "scrollable-region-focusable", "link-in-text-block"]
"""Rules that depend on the look or the width."""
RULES = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]
WIDE = "() => document.documentElement.scrollWidth - document.documentElement.clientWidth"
READY = '[data-ready="true"]'
VIEWS = {
    "start": ("", ".strata"),
    "history": ("history", ".history li"),
    "job": ("jobs/" + "a" * 32, "progress"),
    "refused": ("jobs/" + "b" * 32, "[role=alert]"),
    "picture": ("results/{picture}", READY),
    "correction": ("results/{picture}/correct", ".pane[role=application]"),
    "photo": ("results/{photo}", ".tag"),
    "boxes": ("results/{photo}/correct", ".layer .box"),
    "section": ("results/{section}", READY),
    "map": ("results/{map}", READY),
    "correction of a map": ("results/{map}/correct", ".pane[role=application]"),
    "film": ("results/{film}", ".facts"),
    "table": ("results/{table}", ".months"),
}


def serious(page: Any, rules: list[str] = RULES) -> list[str]:
    """What axe-core holds against the page as it stands."""
    found = page.evaluate("rules => axe.run(document, {runOnly: rules})", rules)
    return [
        f"{one['id']}: {node['target']} {node['failureSummary'][:300]}"
        for one in found["violations"]
        if one["impact"] in ("serious", "critical", "moderate")
        for node in one["nodes"]
    ]


def in_work(one: Any) -> None:
    """A job that is half done, and one that failed, in the service's own words."""
    problem = {"title": "Unprocessable", "status": 422, "detail": "PNG is damaged (data ends early)."}
    states = {"a": {"state": "running", "progress": 0.45, "problem": None}, "b": {"state": "failed", "progress": 0.2, "problem": problem}}  # fmt: skip

    def tell(route: Any) -> None:
        id = route.request.url.split("/jobs/")[1][:32]
        answer = {"id": id, "task": "salt", "verb": "predict", "name": "a survey.sgy", "stage": "inline 12", **states[id[0]]}  # fmt: skip
        if route.request.url.endswith("/events"):
            route.fulfill(body=f"data: {json.dumps(answer)}\n\n", content_type="text/event-stream")
        else:
            route.fulfill(json=answer)

    one.page.route("**/jobs/*", tell)
    one.page.route("**/jobs/*/events", tell)


@pytest.mark.parametrize("view", VIEWS)
def test_a_view_is_for_everybody_and_keeps_to_its_origin(
    view: str, visit: Callable[..., Any], results: dict[str, str]
) -> None:
    if not AXE.is_file():
        pytest.skip("needs axe-core: run `npm ci` in page/")
    one = visit()
    in_work(one)
    place, sign = VIEWS[view]
    one.go(place.format(**results))
    for look in ("light", "dark"):
        if look == "dark":  # opened anew: a page that is switched may be judged before all of it is restyled
            one.page.emulate_media(color_scheme="dark", reduced_motion="reduce")
            one.page.reload()
        one.page.wait_for_selector(sign)
        one.page.evaluate(AXE.read_text(encoding="utf-8"))
        for width in (1400, 360):
            one.page.set_viewport_size({"width": width, "height": 800})
            assert one.page.evaluate(WIDE) <= 0, f"{view} wants to be scrolled sideways at {width} px"
            first = (width, look) == (1400, "light")
            assert serious(one.page, RULES if first else SEEN) == [], (view, width, look)
    one.page.locator("header select").select_option("ru")  # the longest words
    one.until("document.documentElement.lang === 'ru'")
    assert one.page.evaluate(WIDE) <= 0, f"{view} wants to be scrolled sideways in Russian"


def test_the_policy_allows_no_inline_style_and_no_other_origin(visit: Callable[..., Any]) -> None:
    one = visit()
    policy = one.page.request.get(one.home).headers["content-security-policy"]
    assert "default-src 'self'" in policy
    assert "unsafe" not in policy and "data:" not in policy and "http" not in policy
