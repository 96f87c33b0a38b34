"""The way of a visitor, in three languages: upload, result, threshold, assumptions, correction, download, history, delete."""

import io
import json
import re
import shutil
import subprocess
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image
from tests.page.conftest import packed

WORDS = {
    lang: json.loads(
        (Path(__file__).parents[2] / "page" / "src" / "messages" / f"{lang}.json").read_text(encoding="utf-8")
    )
    for lang in ("en", "ru", "pt")
}


def painted(visit: Any) -> np.ndarray[Any, np.dtype[np.uint8]]:
    """Where the overlay of the shown picture is drawn, (rows, cols) of 0 and 1."""
    found = visit.page.evaluate(
        """() => { const c = document.querySelectorAll('.pane canvas')[1];
        const d = c.getContext('2d').getImageData(0, 0, c.width, c.height).data;
        return {w: c.width, h: c.height, on: Array.from({length: c.width * c.height}, (_, i) => d[4 * i + 3] > 0 ? 1 : 0)}; }"""
    )
    return np.array(found["on"], np.uint8).reshape(found["h"], found["w"])


def image(visit: Any, path: str) -> np.ndarray[Any, np.dtype[np.uint8]]:
    return np.asarray(Image.open(io.BytesIO(visit.bytes(path))))


def test_the_mask_that_the_browser_cuts_is_the_mask_that_the_service_cuts(
    visit: Callable[..., Any], picture: Callable[..., Path]
) -> None:
    one = visit()
    id = one.send(picture(seed=3))
    record = one.json(f"results/{id}")["record"]
    rule = next(m["calibration"] for m in record["models"] if "calibration" in m)
    assert np.array_equal(painted(one), (image(one, f"results/{id}/layers.mask.png") == 1).astype(np.uint8))
    probability = image(one, f"results/{id}/layers.probability.png")
    for threshold in (0.1, 0.3, 0.8):
        one.page.locator("input[type=range]").first.fill(str(threshold))
        one.page.wait_for_timeout(150)
        from outcrop.instruments.masks import to_mask

        wanted = to_mask(probability[None], (threshold,), rule["min_area"], rule["rule"])
        assert np.array_equal(painted(one), (wanted == 1).astype(np.uint8)), threshold


def test_numbers_follow_a_threshold_as_a_run_with_it_would_give_them(
    visit: Callable[..., Any], picture: Callable[..., Path]
) -> None:
    one = visit()
    path = picture(seed=4)
    id = one.send(path)
    one.page.locator("input[type=range]").first.fill("0.1")
    one.page.get_by_role("button", name="Measure at this threshold").click()
    one.page.wait_for_selector(".changed")
    shown = one.page.locator(".value strong").first.inner_text()
    answer = one.page.request.post(
        f"{one.home}tasks/salt/predict",
        multipart={
            "file": {"name": "layers.png", "mimeType": "image/png", "buffer": path.read_bytes()},
            "threshold": "0.1",
        },
    ).json()
    assert answer["id"] != id
    share = next(m["value"] for m in answer["record"]["inputs"][0]["measurements"] if m["name"] == "salt share")
    assert float(shown) == pytest.approx(share, rel=1e-3)


@pytest.mark.parametrize("language", ["en", "ru", "pt"])
def test_a_visitor_walks_from_upload_to_delete(
    language: str, visit: Callable[..., Any], picture: Callable[..., Path]
) -> None:
    said = WORDS[language]
    one = visit({"en": "en-GB", "ru": "ru-RU", "pt": "pt-BR"}[language])
    page = one.page
    id = one.send(picture(f"walk-{language}.png", seed=5))
    assert page.locator("html").get_attribute("lang") == {"en": "en", "ru": "ru", "pt": "pt-BR"}[language]
    assert page.get_by_role("heading", name=said["numbers"], exact=True).is_visible()
    # threshold
    page.get_by_label(said["threshold"], exact=True).fill("0.15")
    page.get_by_role("button", name=said["threshold.measure"]).click()
    page.wait_for_selector(".changed")
    # assumptions
    page.get_by_label(said["assume.best"], exact=True).first.fill("4550")
    page.get_by_role("button", name=said["assume.apply"]).click()
    page.locator(".changed", has_text="4550").wait_for()
    page.get_by_role("button", name=said["numbers.back"], exact=True).click()
    # correction
    page.get_by_role("link", name=said["correct"]).click()
    page.wait_for_selector(".pane[role=application]")
    box = page.locator(".pane").bounding_box()
    page.get_by_role("button", name=said["correct.unknown"], exact=True).click()  # what no model says
    page.mouse.move(box["x"] + 60, box["y"] + 60)
    page.mouse.down()
    page.mouse.move(box["x"] + 200, box["y"] + 60, steps=4)
    page.mouse.up()
    page.get_by_label(said["correct.author"]).fill("Ana")
    page.get_by_role("button", name=said["correct.save"]).click()
    page.wait_for_selector(".earlier li")
    kept = one.json(f"results/{id}/corrections")["corrections"]
    assert [entry["author"] for entry in kept] == ["Ana"]
    # download
    with page.expect_download() as saving:
        page.get_by_role("button", name=said["files.all"].split(",")[0]).click()
    with zipfile.ZipFile(saving.value.path()) as archive:
        assert archive.testzip() is None
        assert {"summary.json", "measurements.csv", "report.html"} <= set(archive.namelist())
        assert archive.read("summary.json") == one.bytes(f"results/{id}/summary.json")
    # history
    page.get_by_role("link", name=said["view.history"]).click()
    page.get_by_placeholder(said["search"]).fill(f"walk-{language}")
    page.locator('.history [role="status"]', has_text=re.compile(r"^1\b")).wait_for()
    # delete
    page.get_by_role("button", name=said["delete.of"].replace("{name}", f"walk-{language}.png")).click()
    page.get_by_role("button", name=said["delete.sure.of"].replace("{name}", f"walk-{language}.png")).click()
    page.wait_for_selector(".empty")
    assert page.request.get(f"{one.home}results/{id}").status == 404


def test_a_corrected_mask_arrives_pixel_for_pixel(visit: Callable[..., Any], picture: Callable[..., Path]) -> None:
    one = visit()
    id = one.send(picture("corrected.png", seed=6))
    before = image(one, f"results/{id}/corrected.mask.png")
    one.go(f"results/{id}/correct")
    pane = one.page.wait_for_selector(".pane[role=application]")
    pane.focus()
    for key in ("[", "[", "]", " ", "ArrowRight", "ArrowRight", "Shift+ArrowDown", " ", "0", "Shift+ArrowLeft", "2"):
        pane.press(key)
    one.page.get_by_role("button", name="Polygon").click()
    one.page.get_by_role("button", name="unknown", exact=True).click()  # what no model says
    pane.focus()
    for key in (*["Shift+ArrowUp"] * 3, " ", *["Shift+ArrowLeft"] * 2, " ", "Shift+ArrowDown", " ", "Enter"):
        pane.press(key)
    drawn = painted(one)
    one.page.get_by_role("button", name="Save correction").click()
    one.page.wait_for_selector(".earlier li")
    kept = one.json(f"results/{id}/corrections")["corrections"][0]
    after = image(one, kept["href"].lstrip("/"))
    assert after.shape == before.shape
    assert {0, 255} <= set(np.unique(after)) <= {0, 1, 255}
    assert np.array_equal((after > 0).astype(np.uint8), drawn)
    assert (after != before).sum() > 50, "pen and polygon painted by keys"


def test_undo_gives_back_the_mask_before(visit: Callable[..., Any], picture: Callable[..., Path]) -> None:
    one = visit()
    id = one.send(picture("undone.png", seed=7))
    one.go(f"results/{id}/correct")
    one.page.wait_for_selector(".pane[role=application]")
    before = painted(one)
    box = one.page.locator(".pane").bounding_box()
    place = int(40 / box["width"] * before.shape[1])
    one.page.get_by_role("button", name="background" if before[place, place] else "salt", exact=True).click()
    one.page.mouse.click(box["x"] + 40, box["y"] + 40)
    changed = painted(one)
    one.page.get_by_role("button", name="Undo").click()
    assert not np.array_equal(before, changed)
    assert np.array_equal(before, painted(one))
    assert one.page.get_by_role("button", name="Save correction").is_disabled()


def test_a_name_that_is_markup_is_shown_as_text(visit: Callable[..., Any], picture: Callable[..., Path]) -> None:
    one = visit()
    content = picture(seed=8).read_bytes()
    one.send({"name": "<img src=x onerror=alert(1)>.png", "mimeType": "image/png", "buffer": content})
    assert one.page.locator("h1 img").count() == 0
    assert "<img" in one.page.locator("h1").inner_text()


def test_a_refusal_is_told_in_the_words_of_the_service(visit: Callable[..., Any]) -> None:
    one = visit()
    one.start()
    one.page.set_input_files(
        "input[type=file]", {"name": "a.pdf", "mimeType": "application/pdf", "buffer": b"%PDF-1.7 nothing"}
    )
    told = one.page.get_by_role("alert")
    told.wait_for()
    assert "PDF" in told.inner_text()
    one.complaints.clear()  # the browser notes the 415 in its console


def test_a_picture_can_be_pasted(visit: Callable[..., Any], picture: Callable[..., Path]) -> None:
    one = visit()
    one.start()
    content = list(picture(seed=9).read_bytes())
    one.page.evaluate(
        """bytes => { const held = new DataTransfer();
        held.items.add(new File([new Uint8Array(bytes)], 'pasted.png', {type: 'image/png'}));
        window.dispatchEvent(new ClipboardEvent('paste', {clipboardData: held})); }""",
        content,
    )
    one.shown()
    assert one.page.locator("h1").inner_text() == "pasted.png"


def test_a_shared_link_opens_the_same_result_for_somebody_else(
    visit: Callable[..., Any], picture: Callable[..., Path]
) -> None:
    one = visit(permissions=["clipboard-read", "clipboard-write"])
    id = one.send(picture("shared.png", seed=21))
    one.page.get_by_role("button", name="Share link").click()
    one.page.get_by_text("Link copied").wait_for()
    link = one.page.evaluate("navigator.clipboard.readText()")
    other = visit("ru-RU")
    other.page.goto(link)
    other.shown()
    assert other.page.locator("h1").inner_text() == "shared.png"
    assert np.array_equal(painted(one), painted(other))
    assert other.page.url.endswith(id)


def test_a_link_for_reading_shows_the_result_and_offers_no_change(
    visit: Callable[..., Any], picture: Callable[..., Path]
) -> None:
    one = visit()
    id = one.send(picture("lent.png", seed=22))
    answer = one.page.request.post(f"{one.home}results/{id}/share")
    if answer.status == 404:
        pytest.skip("this service lends no links")
    token = answer.json()["href"].rsplit("/", 1)[1]
    other = visit()
    other.go(f"shared/{token}")
    other.page.wait_for_selector('[data-ready="true"]')
    assert (
        other.page.locator(".value strong").first.inner_text() == one.page.locator(".value strong").first.inner_text()
    )
    assert painted(other).any() == painted(one).any()
    for name in ("Delete", "Correct", "Share link", "Measure with these"):
        assert other.page.get_by_role("button", name=name).count() == 0
    with other.page.expect_download() as held:
        other.page.get_by_role("link", name="summary.json").click()
    assert json.loads(Path(held.value.path()).read_text())["task"] == "salt"


def test_the_command_beside_a_result_runs_as_it_is_copied(
    visit: Callable[..., Any], picture: Callable[..., Path]
) -> None:
    if shutil.which("curl") is None:
        pytest.skip("needs curl")
    one = visit(permissions=["clipboard-read", "clipboard-write"])
    path = picture("a; 'quoted' name, as found.png", seed=23)
    one.send(path)
    one.page.get_by_label("best", exact=True).first.fill("4550")
    one.page.get_by_role("button", name="Measure with these").click()
    one.page.locator(".changed", has_text="4550").wait_for()
    one.page.get_by_role("button", name="Copy", exact=True).click()
    one.page.get_by_text("Copied", exact=True).wait_for()
    command = one.page.evaluate("navigator.clipboard.readText()")
    done = subprocess.run(
        ["sh", "-c", command], cwd=path.parent, capture_output=True, text=True, check=True, timeout=60
    )
    answer = json.loads(done.stdout)
    assert answer["name"] == path.name
    assert answer["record"]["assumptions"]["salt velocity"]["best"] == 4550


def test_the_start_is_small(built: Path) -> None:
    assert packed(built) < 60_000


def test_only_permissive_licences_are_built_in(built: Path) -> None:
    text = (built / "third-party-licences.md").read_text(encoding="utf-8")
    said = re.findall(r"^## (\S+) - \S+ \((.+)\)$", text, re.MULTILINE)
    free = {"MIT", "Apache-2.0", "BSD-2-Clause", "BSD-3-Clause", "ISC", "0BSD", "CC0-1.0", "Zlib"}
    assert {"svelte", "ol", "geotiff"} <= {name for name, _ in said}
    for name, licence in said:
        assert set(re.split(r"\s+(?:AND|OR)\s+", licence.strip("()"))) <= free, (name, licence)
