"""Films and tables: the lines of time are those of the log, a track is gone to, sites and months are those of the files."""

import csv
import io
import json
import re
from collections.abc import Callable
from typing import Any

import pytest


def rows(visit: Any, path: str) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(visit.bytes(path).decode())))


def test_every_track_of_a_film_has_its_spells_on_the_line_of_time(
    visit: Callable[..., Any], results: dict[str, str]
) -> None:
    one = visit()
    id = results["film"]
    one.go(f"results/{id}")
    one.page.wait_for_selector(".facts")
    seen: dict[str, set[float]] = {}
    for line in one.bytes(f"results/{id}/flare.film/frames.jsonl").decode().splitlines():
        told = json.loads(line)
        for detection in told.get("detections", ()):
            if detection["track"] is not None:
                name = {"smoke": "plume"}.get(detection["label"], detection["label"])
                seen.setdefault(f"{name} {detection['track']}", set()).add(told["seconds"])
    assert seen
    for name, seconds in seen.items():
        line = one.page.locator(
            ".line", has=one.page.get_by_role("button", name=re.compile(f"^{name}$", re.IGNORECASE))
        )
        spells = line.locator("rect:not(.whole)")
        first, last = spells.first, spells.last
        assert float(first.get_attribute("x")) == pytest.approx(min(seconds))
        end = float(last.get_attribute("x")) + float(last.get_attribute("width"))
        assert end == pytest.approx(max(seconds), abs=0.1)


def test_the_start_of_a_track_is_where_the_film_goes(visit: Callable[..., Any], results: dict[str, str]) -> None:
    one = visit()
    id = results["film"]
    one.go(f"results/{id}")
    one.page.wait_for_selector(".facts")
    one.until("document.querySelector('video').readyState >= 1")
    one.page.get_by_label("Time", exact=True).fill("5")
    one.until("Math.abs(document.querySelector('video').currentTime - 5) < 0.5")
    track = next(row for row in rows(one, f"results/{id}/flare.tracks.csv") if row["label"] == "flame")
    one.page.get_by_role("button", name=re.compile(rf"to the start of flame {track['track']}$")).click()
    one.until(f"Math.abs(document.querySelector('video').currentTime - {track['born']}) < 0.5")
    facts = one.page.locator(".facts").inner_text()
    assert f"{float(track['brightness_median']):.3g}" in facts


def test_the_sites_of_a_table_are_listed_and_their_months_drawn(
    visit: Callable[..., Any], results: dict[str, str]
) -> None:
    one = visit()
    id = results["table"]
    one.go(f"results/{id}")
    one.page.wait_for_selector(".months")
    stem = one.json(f"results/{id}")["record"]["inputs"][0]["stem"]
    sites = rows(one, f"results/{id}/{stem}.sites.csv")
    assert one.page.locator("svg.map circle").count() == len(sites) > 1
    months = rows(one, f"results/{id}/{stem}.months.csv")
    for site in sites:
        one.page.locator(".list").get_by_role("button", name=site["site"], exact=True).click()
        wanted = [month for month in months if month["site"] == site["site"]]
        assert one.page.locator(".months li .muted").all_inner_texts() == [month["month"] for month in wanted]
        shown = [float(text) for text in one.page.locator(".months .figure").all_inner_texts()]
        assert shown == pytest.approx([float(month["value"]) for month in wanted], rel=5e-3)


def test_a_section_is_read_with_the_arrow_keys(visit: Callable[..., Any], results: dict[str, str]) -> None:
    one = visit()
    one.go(f"results/{results['section']}")
    pane = one.page.locator(".scroller[role=application]")
    pane.focus()
    pane.press("ArrowRight")
    first = one.page.locator(".read").inner_text()
    pane.press("Shift+ArrowDown")
    pane.press("ArrowRight")
    second = one.page.locator(".read").inner_text()
    said = [dict(re.findall(r"\b(il|xl|z) (-?[\d,.]+)", text)) for text in (first, second)]
    assert said[0]["il"] == said[1]["il"]
    assert int(said[1]["xl"]) > int(said[0]["xl"])
    assert float(said[1]["z"].replace(",", "")) > float(said[0]["z"].replace(",", ""))
    assert one.page.locator('p.hidden[role="status"]').inner_text() == second, "a screen reader hears it"
