"""Everybody can use it: keys reach everything, phones need no sideways scrolling, the look and the language are kept."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest


@pytest.mark.parametrize("language", ["en-GB", "ru-RU", "pt-BR"])
@pytest.mark.parametrize("width", [320, 390])
def test_a_phone_needs_no_sideways_scrolling(
    language: str, width: int, visit: Callable[..., Any], picture: Callable[..., Path]
) -> None:
    one = visit(language, width=width, height=844)
    wide = "() => document.documentElement.scrollWidth - document.documentElement.clientWidth"
    one.start()
    assert one.page.evaluate(wide) <= 0, "start"
    id = one.send(picture("a-rather-long-name-of-a-picture-as-surveys-have-them-2026-11-20.png", seed=12))
    assert one.page.evaluate(wide) <= 0, "result"
    one.go(f"results/{id}/correct")
    one.page.wait_for_selector(".pane[role=application]")
    assert one.page.evaluate(wide) <= 0, "correction"
    one.go("history")
    one.page.wait_for_selector(".history li")
    assert one.page.evaluate(wide) <= 0, "history"


def test_keys_alone_choose_a_room_and_compare_before_with_after(
    visit: Callable[..., Any], picture: Callable[..., Path]
) -> None:
    one = visit()
    page = one.page
    one.start()
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.className").startswith("skip")
    page.get_by_role("radio", name="Salt").focus()
    page.keyboard.press("ArrowUp")
    assert page.get_by_role("radio", name="Tailings").is_checked()
    page.keyboard.press("ArrowDown")
    one.send(picture(seed=13))
    divider = page.get_by_role("slider", name="Divider between the image and what was found")
    divider.focus()
    for key in ("PageUp", "PageUp", "ArrowRight"):
        page.keyboard.press(key)
    assert divider.get_attribute("aria-valuenow") == "22"
    page.keyboard.press("End")
    assert divider.get_attribute("aria-valuenow") == "100"


def test_the_view_that_opens_takes_the_focus(visit: Callable[..., Any], picture: Callable[..., Path]) -> None:
    one = visit()
    one.send(picture(seed=14))
    assert one.page.evaluate("document.activeElement.id") == "main"


def test_a_chosen_look_outlives_a_visit_to_another_page(visit: Callable[..., Any]) -> None:
    one = visit()
    one.start()
    one.page.get_by_role("button", name="Appearance").click()
    one.page.reload()
    one.page.wait_for_selector(".strata")
    assert one.page.locator("html").get_attribute("data-theme") == "dark"


def test_a_chosen_language_outlives_a_visit(visit: Callable[..., Any]) -> None:
    one = visit()
    one.start()
    one.page.get_by_label("Language").select_option("ru")
    one.page.get_by_role("link", name="История").wait_for()
    one.page.reload()
    one.page.get_by_role("link", name="История").wait_for()
