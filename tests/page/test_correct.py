"""Corrections: boxes moved, pulled, added, deleted, given another class; kept, gone on from, and exported as training data."""

import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from tests.page.test_walk import image


def opened(visit: Callable[..., Any], id: str, fresh: bool = True) -> Any:
    one = visit()
    one.go(f"results/{id}/correct")
    one.page.wait_for_selector(".layer .box")
    anew = one.page.get_by_role("button", name="Start from the model again")
    if fresh and anew.count():  # equal photos give one result, and with it earlier corrections
        anew.click()
    return one


def drag(page: Any, start: tuple[float, float], end: tuple[float, float]) -> None:
    page.mouse.move(*start)
    page.mouse.down()
    page.mouse.move(*end, steps=4)
    page.mouse.up()


def sent(one: Any, id: str) -> dict[str, Any]:
    """The correction that the page's button keeps."""
    before = one.page.locator(".earlier li").count()
    one.page.get_by_role("button", name="Save correction").click()
    one.until(f"document.querySelectorAll('.earlier li').length > {before}")
    return dict(one.json(f"results/{id}/corrections")["corrections"][0])


@pytest.fixture
def photo(visit: Callable[..., Any], drawn: Callable[..., Path]) -> str:
    """A result of its own, with three flames."""
    one = visit()
    one.start()
    one.page.locator(".stratum.flares").click()
    one.page.set_input_files("input[type=file]", drawn("flares", "*.png", seed=3, kind="several"))
    one.shown(120)
    return str(one.page.url.rsplit("/", 1)[1])


def test_boxes_are_corrected_with_a_pointer_and_become_training_data(
    visit: Callable[..., Any], photo: str, folder: Path, tmp_path: Path
) -> None:
    one = opened(visit, photo)
    coco = one.json(f"results/{photo}/detections.json")
    size = coco["images"][0]["width"]
    found = [mark["bbox"] for mark in coco["annotations"]]
    boxes, pane = one.page.locator(".layer .box"), one.page.locator(".pane").bounding_box()
    assert boxes.count() == len(found) == 3
    unit = pane["width"] / size
    at = lambda x, y: (pane["x"] + x * unit, pane["y"] + y * unit)
    left, top, wide, high = found[0]
    drag(one.page, at(left + wide / 2, top + high / 2), at(left + wide / 2 + 40, top + high / 2 - 20))
    drag(one.page, at(left + 40 + wide, top - 20 + high), at(left + 40 + wide + 30, top - 20 + high + 30))
    boxes.nth(1).click()
    one.page.get_by_role("button", name="smoke", exact=True).click()
    boxes.nth(2).click()
    one.page.get_by_role("button", name="Delete the box").click()
    one.page.get_by_role("button", name="flame", exact=True).click()
    drag(one.page, at(20, 30), at(70, 110))
    kept = sent(one, photo)
    assert [mark["label"] for mark in kept["boxes"]] == [1, 2, 1]
    wanted = [[left + 40, top - 20, wide + 30, high + 30], found[1], [20, 30, 50, 80]]
    np.testing.assert_allclose([mark["box"] for mark in kept["boxes"]], wanted, atol=2.5)
    # The pixels of the flame that became smoke did so too; those of the deleted one are background.
    before = image(one, f"results/{photo}/{kept['stem']}.mask.png")
    after = image(one, kept["href"].lstrip("/"))
    inside = lambda mask, box: mask[round(box[1]) : round(box[1] + box[3]), round(box[0]) : round(box[0] + box[2])]
    assert (inside(before, found[1]) == 1).any() and (inside(after, found[1])[inside(before, found[1]) == 1] == 2).all()
    assert (inside(before, found[2]) == 1).any() and not inside(after, found[2]).any()
    # Opened again, it goes on from there.
    again = opened(visit, photo, fresh=False)
    assert again.page.locator(".layer .box").count() == 3
    assert "smoke 2" in again.page.locator(".layer .box").nth(1).inner_text()
    again.page.get_by_role("button", name="Start from the model again").click()
    assert "flame 2" in again.page.locator(".layer .box").nth(1).inner_text()

    out = tmp_path / "corrected"
    command = [sys.executable, "-m", "outcrop", "corrections", "export", "flares", "--folder", str(folder / "kept"), "--out", str(out)]  # fmt: skip
    subprocess.run(command, check=True, capture_output=True, timeout=60)
    from outcrop import tasks

    learnt = tasks.load("flares").examples(out, boxes=True)
    mine = next(n for n, id in enumerate(learnt.ids) if photo[:8] in id)
    assert learnt.labels[mine].tolist() == [0, 1, 0]
    corners = [[x, y, x + w, y + h] for x, y, w, h in (mark["box"] for mark in kept["boxes"])]
    np.testing.assert_allclose(learnt.boxes[mine], corners, atol=0.01)


def test_boxes_are_corrected_with_keys_alone(visit: Callable[..., Any], photo: str) -> None:
    one = opened(visit, photo)
    boxes = one.page.locator(".layer .box")

    def read(index: int) -> list[float]:
        said = boxes.nth(index).get_attribute("aria-label")
        return [float(text.replace(",", "")) for text in re.findall(r"[\d,.]*\d", said)]

    _, wide, high, left, top = read(0)
    boxes.nth(0).focus()
    for key in ("ArrowRight", "Shift+ArrowDown", "Alt+ArrowRight", "Alt+Shift+ArrowDown", "2"):
        one.page.keyboard.press(key)
    assert read(0)[1:] == pytest.approx([wide + 1, high + 10, left + 1, top + 10], abs=1)
    assert "smoke" in boxes.nth(0).inner_text()
    one.page.keyboard.press("Tab")
    one.page.keyboard.press("Delete")
    assert boxes.count() == 2
    one.page.keyboard.press("Control+z")
    assert boxes.count() == 3
    one.page.get_by_role("button", name="Add a box").press("Enter")
    assert boxes.count() == 4
    assert one.page.evaluate("document.activeElement.className").startswith("box")
    kept = sent(one, photo)
    assert [mark["label"] for mark in kept["boxes"]] == [2, 1, 1, kept["boxes"][3]["label"]]


def test_what_was_saved_is_saved_and_what_was_not_is_not(visit: Callable[..., Any], results: dict[str, str]) -> None:
    one = visit()
    one.go(f"results/{results['picture']}/correct")
    one.page.wait_for_selector(".pane[role=application]")
    save = one.page.get_by_role("button", name="Save correction")
    box = one.page.locator(".pane").bounding_box()
    one.page.get_by_role("button", name="unknown", exact=True).click()  # what no model says
    one.page.mouse.click(box["x"] + 50, box["y"] + 50)
    save.click()
    one.page.wait_for_selector(".earlier li")
    assert save.is_disabled()
    one.page.get_by_role("button", name="Undo").click()
    one.page.mouse.click(box["x"] + 150, box["y"] + 150)
    assert save.is_enabled(), "as many strokes as were saved, but other ones"


def test_boxes_that_do_not_fit_are_refused(visit: Callable[..., Any], results: dict[str, str]) -> None:
    one = visit()
    id = results["photo"]
    stem = one.json(f"results/{id}")["record"]["inputs"][0]["stem"]
    mask = one.bytes(f"results/{id}/{stem}.mask.png")
    for boxes in ('[{"label": 3, "box": [0, 0, 5, 5]}]', '[{"label": 1, "box": [0, 0, 5, 99999]}]', '[{"label": 1, "box": [NaN, 0, 5, 5]}]', "no"):  # fmt: skip
        answer = one.page.request.post(
            f"{one.home}results/{id}/corrections",
            multipart={"mask": {"name": "m.png", "mimeType": "image/png", "buffer": mask}, "boxes": boxes},
        )
        assert answer.status == 422, boxes
        assert "box" in answer.json()["detail"]
