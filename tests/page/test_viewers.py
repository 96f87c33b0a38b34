"""What the viewers show is what lies in the files: sections against the survey, the map against its layer, flares against COCO."""

import io
import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image


@pytest.fixture(scope="module")
def survey(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A drawn SEG-Y survey."""
    import outcrop

    folder = tmp_path_factory.mktemp("survey")
    outcrop.draw("salt", folder, seed=7, kind="segy", shape="24x32x96")
    return next(path for path in folder.glob("*.sgy") if "truth" not in path.name)


def test_the_cursor_reads_what_the_survey_holds(visit: Callable[..., Any], survey: Path, tmp_path: Path) -> None:
    segyio = pytest.importorskip("segyio")
    one = visit()
    id = one.send(survey, 180)
    (tmp_path / "p.sgy").write_bytes(one.bytes(f"results/{id}/{survey.stem}.probability.sgy"))
    with segyio.open(tmp_path / "p.sgy", iline=189, xline=193) as file:
        cube, inlines, crosslines, times = (
            segyio.tools.cube(file),
            list(file.ilines),
            list(file.xlines),
            list(file.samples),
        )
    pane = one.page.locator(".pane")
    for name, lines, axis in (("Inline", inlines, 0), ("Crossline", crosslines, 1), ("Slice", times, 2)):
        one.page.get_by_role("button", name=name, exact=True).click()
        place = len(lines) // 3
        one.page.get_by_label("Position").fill(str(place))
        section = np.take(cube, place, axis=axis)
        section = section if axis == 2 else section.T
        row, column = section.shape[0] // 2, section.shape[1] // 4
        one.page.wait_for_timeout(150)
        box = pane.bounding_box()
        one.page.mouse.move(
            box["x"] + (column + 0.5) / section.shape[1] * box["width"],
            box["y"] + (row + 0.5) / section.shape[0] * box["height"],
        )
        one.page.wait_for_timeout(150)
        read = one.page.locator(".read").inner_text()
        found = {key: float(value.replace(",", "")) for key, value in re.findall(r"\b(il|xl|z|p) (-?[\d,.]+)", read)}
        at = {"Inline": (place, column, row), "Crossline": (column, place, row), "Slice": (row, column, place)}[name]
        assert (found["il"], found["xl"]) == (inlines[at[0]], crosslines[at[1]])
        assert found["z"] == pytest.approx(times[at[2]])
        assert found["p"] == pytest.approx(float(cube[at]), abs=0.006), read


def mapped(visit: Callable[..., Any], folder: Path, **settings: Any) -> tuple[Any, Path]:
    """(a page that shows a drawn satellite scene with its deposits, the scene)."""
    pytest.importorskip("rasterio", reason="needs the extra 'geo'")
    import outcrop

    outcrop.draw("tailings", folder, **settings)
    scene = next(path for path in folder.glob("*.tif") if "truth" not in path.name)
    one = visit()
    one.start()
    one.page.locator(".stratum.tailings").click()
    one.page.set_input_files("input[type=file]", scene)
    one.shown(180)
    return one, scene


def test_deposits_are_listed_and_zoomed_to(visit: Callable[..., Any], tmp_path: Path) -> None:
    one, _ = mapped(visit, tmp_path, seed=5, shape="400x400")
    id = one.page.url.rsplit("/", 1)[1]
    entry = one.json(f"results/{id}")["record"]["inputs"][0]
    areas = [m for m in entry["measurements"] if m["name"] == "deposit area"]
    layer = json.loads(one.bytes(f"results/{id}/deposits.geojson"))
    assert len(layer["features"]) == len(areas) > 0
    before = one.page.locator(".ol-scale-line-inner").inner_text()
    least = min(areas[:12], key=lambda area: float(area["value"]))
    one.page.get_by_role("button", name=f"deposit {least['about']['deposit']}", exact=True).click()
    told = one.page.locator(".facts")
    told.wait_for()
    assert f"{least['value']:.4g}"[:4] in told.inner_text()
    one.page.wait_for_timeout(800)
    assert one.page.locator(".ol-scale-line-inner").inner_text() != before, "the map went nearer"
    corners = one.page.evaluate(
        """() => { const c = document.querySelector('.scene canvas'), x = c.getContext('2d');
        return [[0.5, 0.5], [0.35, 0.35], [0.65, 0.65]].map(([u, v]) => x.getImageData(u * c.width, v * c.height, 1, 1).data[3]); }"""
    )
    assert corners == [255, 255, 255], "the scene lies under its outlines"


def test_a_raster_is_cut_in_the_browser_where_the_service_cuts_it(visit: Callable[..., Any], tmp_path: Path) -> None:
    rasterio = pytest.importorskip("rasterio", reason="needs the extra 'geo'")
    one, scene = mapped(visit, tmp_path, seed=6, shape="300x300")
    one.page.wait_for_timeout(1500)
    id = one.page.url.rsplit("/", 1)[1]
    with (
        rasterio.MemoryFile(one.bytes(f"results/{id}/{scene.stem}.mask.tif")) as memory,
        memory.open(driver="GTiff") as file,
    ):
        mask = file.read(1)
    share = float((mask == 1).sum() / (mask != 255).sum())
    shown = float(one.page.locator(".key b").inner_text().rstrip("%")) / 100
    assert shown == pytest.approx(share, abs=0.004)


def test_a_flare_shows_its_box_its_outline_and_its_features(visit: Callable[..., Any]) -> None:
    """The room of flares may hold no models here, so the service's answers are made up, in its own words."""
    one = visit()
    made_up(one)
    one.go("results/" + "f" * 32)
    one.page.wait_for_selector('[data-ready="true"]')
    flame = one.page.get_by_role("button", name=re.compile("^flame 1, score 0.91"))
    assert flame.locator("rect").get_attribute("width") == "40"
    assert (flame.locator("path").get_attribute("d") or "").startswith("M30 20L")
    flame.focus()
    one.page.keyboard.press("Enter")
    facts = one.page.locator(".facts").inner_text()
    assert "38.5" in facts and "yellow" in facts
    assert one.page.get_by_role("button", name=re.compile("^plume 1")).get_attribute("class") != ""
    assert one.page.get_by_role("button", name="flame 1", exact=True).get_attribute("aria-pressed") == "true"


def test_a_scale_turns_pixels_of_a_flame_into_metres(visit: Callable[..., Any], tmp_path: Path) -> None:
    import outcrop

    one = visit()
    if "flares" not in [task["name"] for task in one.json("tasks")["tasks"]]:
        pytest.skip("the room of flares holds no models here")
    outcrop.draw("flares", tmp_path, seed=0)
    photo = next(path for path in sorted(tmp_path.rglob("*.png")) if "mask" not in str(path.relative_to(tmp_path)))
    one.start()
    one.page.locator(".stratum.flares").click()
    one.page.set_input_files("input[type=file]", photo)
    one.shown(120)
    panel = one.page.locator("section", has=one.page.locator("#assumptions"))
    panel.locator(".wanted").get_by_label("best", exact=True).fill("0.1")
    panel.get_by_role("button", name="Measure with these").click()
    one.page.wait_for_selector(".changed", timeout=60_000)
    assert "flared gas" in one.page.locator("dl.whole").inner_text().lower()


def made_up(one: Any) -> None:
    """Answers for one photo with a flame and its smoke."""
    id = "f" * 32

    def png(array: Any) -> bytes:
        store = io.BytesIO()
        Image.fromarray(np.asarray(array, np.uint8)).save(store, format="PNG")
        return store.getvalue()

    photo = np.full((80, 120, 3), (120, 150, 190), np.uint8)
    photo[20:60, 30:70] = (255, 190, 60)
    flame = np.zeros((80, 120))
    flame[20:60, 30:70] = 230
    smoke = np.zeros((80, 120))
    smoke[5:20, 60:110] = 180
    mask = (flame > 0) + 2 * (smoke > 0)
    measured = {
        "name": "flame length",
        "value": 38.5,
        "low": 35.0,
        "high": 42.0,
        "unit": "px",
        "method": "extent",
        "about": {"flame": 1},
    }
    files = {
        "photo.flame.probability.png": png(flame), "photo.smoke.probability.png": png(smoke), "photo.mask.png": png(mask), "photo.overlay.png": png(photo),
        "detections.json": json.dumps(
            {
                "images": [{"id": 1, "file_name": "photo.png", "width": 120, "height": 80}],
                "categories": [{"id": 1, "name": "flame"}, {"id": 2, "name": "smoke"}],
                "annotations": [
                    {"id": 1, "image_id": 1, "category_id": 1, "bbox": [30, 20, 40, 40], "segmentation": [[30, 20, 70, 20, 70, 60, 30, 60]], "score": 0.91, "flame": 1, "length_px": 38.5, "colour": "yellow"},
                    {"id": 2, "image_id": 1, "category_id": 2, "bbox": [60, 5, 50, 15], "segmentation": [], "score": 0.42, "plume": 1},
                ],
            }
        ).encode(),
    }  # fmt: skip
    entries = [
        {"name": name, "bytes": len(data), "media": "image/png", "href": f"/results/{id}/{name}"}
        for name, data in files.items()
    ]
    record = {
        "task": "flares", "outcrop": "0", "created": "2026-01-01T00:00:00+00:00", "assumptions": {}, "threshold": None, "warnings": [],
        "models": [{"file": "m.onnx", "sha256": "0" * 64, "calibration": {"threshold": [0.5, 0.5], "min_area": 0, "rule": "component"}}],
        "inputs": [{"input": "photo.png", "stem": "photo", "notes": [], "files": list(files), "measurements": [measured]}],
    }  # fmt: skip
    answer = {
        "id": id, "task": "flares", "verb": "predict", "state": "done", "name": "photo.png", "created": 1.7e9, "expires": 1.8e9, "progress": 1,
        "stage": "", "problem": None, "parent": None, "record": record, "files": entries, "links": {},
        "inputs": [{"name": "photo.png", "bytes": 9, "media": "image/png", "href": f"/results/{id}/inputs/photo.png"}],
    }  # fmt: skip
    room = {
        "name": "flares", "title": "Flares", "classes": ["flame", "smoke"], "colours": ["#e69f00", "#56b4e9"], "bands": ["red", "green", "blue"],
        "head": "detect", "accepts": ["PNG"], "on_map": False, "assumptions": [], "formats": [], "settings": {}, "levels": 255, "models": [], "thresholds": [0.5, 0.5], "links": {},
    }  # fmt: skip
    rooms = one.json("tasks")
    rooms["tasks"] = [*(task for task in rooms["tasks"] if task["name"] != "flares"), room]

    def tell(route: Any) -> None:
        path = route.request.url.removeprefix(one.home)
        if path == "tasks":
            route.fulfill(json=rooms)
        elif path == f"results/{id}":
            route.fulfill(json=answer)
        else:
            name = path.rsplit("/", 1)[1]
            route.fulfill(body=files.get(name, png(photo)), content_type="image/png")

    one.page.route(re.compile(rf"/tasks$|/results/{id}"), tell)
