"""The report of a run: every number, every refusal and every assumption, on one page that stands alone."""

import base64
import io
import json
import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from outcrop.core.errors import BadInput
from outcrop.outputs.report import MOST_CARDS, friendly, number, read_record, read_truths, truths_of, write_report

THIN = "\u202f"


def measured(name: str = "salt share", value: float = 12.5, **more: Any) -> dict[str, Any]:
    usual = {"unit": "%", "low": 0.8 * value, "high": 1.2 * value, "method": "pixels / pixels seen", "about": {}}
    return {"name": name, "value": value, **usual, **more}


def entry(stem: str, *measurements: dict[str, Any], **more: Any) -> dict[str, Any]:
    usual = {"sha256": "0" * 64, "models": ["m.onnx"], "notes": [], "files": [f"{stem}.mask.png"]}
    return {"input": f"in/{stem}.png", "stem": stem, "measurements": list(measurements), **usual, **more}


def record(*inputs: dict[str, Any], **more: Any) -> dict[str, Any]:
    refused = [{"input": e["input"], "error": e["error"]} for e in inputs if "error" in e]
    velocity = {"low": 4400, "best": 4500, "high": 4600, "unit": "m/s", "source": "a textbook"}
    usual = {
        "task": "salt", "outcrop": "9.9", "created": "2024-05-06T07:08:09+00:00", "seed": 3, "flips": "none", "threshold": None,
        "models": [{"file": "m.onnx", "sha256": "ab" * 32, "precision": "int8"}], "assumptions": {"salt velocity": velocity},
        "warnings": [],
    }  # fmt: skip
    return {**usual, "inputs": list(inputs), "refused": refused, **more}


def page(folder: Path, told: dict[str, Any], truths: Any = None) -> str:
    path = write_report(folder / "report.html", "Salt bodies", told, folder, truths)
    assert path == folder / "report.html"
    return path.read_text(encoding="utf-8")


def words(text: str) -> str:
    """The page as it is read: no tags, single blanks."""
    return " ".join(re.sub(r"<(style).*?</\1>|<[^>]+>", " ", text, flags=re.DOTALL).split())


# Known truth ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (0, "0"),
        (12.345678, "12.35"),
        (0.01234, "0.01234"),
        (0.00012345, "1.234e-04"),
        (9999.4, "9999"),
        (9999.9, f"10{THIN}000"),
        (12345, f"12{THIN}340"),
        (1234567, f"1{THIN}235{THIN}000"),
        (1.5e9, "1.500e+09"),
        (-2500.4, "-2500"),
        (float("nan"), "–"),
    ],
)
def test_a_number_has_four_digits_and_groups_of_three(value: float, text: str) -> None:
    assert number(value) == text


@pytest.mark.parametrize(
    ("value", "unit", "size", "said"),
    [
        (7.2e8, "m³", 1e9, "km³"),
        (9.9e7, "m³", 1e6, "million m³"),
        (9e4, "m³", 1, "m³"),
        (2.5e5, "m²", 1e6, "km²"),
        (5e3, "m²", 1e4, "ha"),
        (50, "m²", 1, "m²"),
        (-7.2e8, "m³", 1e9, "km³"),
        (1e12, "%", 1, "%"),
    ],
)
def test_a_quantity_is_said_in_the_unit_that_people_use(value: float, unit: str, size: float, said: str) -> None:
    assert friendly(value, unit) == (size, said)


def test_a_measurement_stands_with_value_interval_and_unit(tmp_path: Path) -> None:
    volume = measured("salt volume", 7.2e8, unit="m³", about={"note": "It reaches the edge."})
    text = words(
        page(tmp_path, record(entry("a", volume, measured("salt body volume", 1e6, about={"body": 3}, unit="m³"))))
    )
    assert "salt volume 0.72 0.576 – 0.864 km³" in text
    assert "salt body volume 3 1 0.8 – 1.2 million m³" in text
    assert "It reaches the edge." in text and "1 of 1 input measured" in text


def test_what_the_numbers_rest_on_is_told(tmp_path: Path) -> None:
    text = words(page(tmp_path, record(entry("a", measured(), notes=["foreign: it looks odd"]))))
    assert "salt velocity 4400 4500 4600 m/s a textbook" in text
    assert "m.onnx (int8, sha256 abababababab…)" in text and "Outcrop 9.9, seed 3" in text
    assert "foreign: it looks odd" in text


def test_earlier_predictions_have_no_model(tmp_path: Path) -> None:
    told = record(entry("a", measured(), models=[]), models=[])
    assert "none, earlier predictions were measured" in words(page(tmp_path, told))


def test_a_refused_input_is_told_with_its_sentence_and_has_no_card(tmp_path: Path) -> None:
    bad = {
        "input": "in/b.png",
        "error": "b.png is empty: export it again",
        "kind": "DamagedFile",
        "files": [],
        "measurements": [],
    }
    text = words(page(tmp_path, record(entry("a", measured()), bad)))
    assert "Not measured b.png is empty: export it again" in text and "1 of 2 inputs measured" in text
    everything = words(page(tmp_path, record(bad)))
    assert "0 of 1 input measured" in everything and "Not measured" in everything


def test_the_truth_of_a_drawn_scene_stands_beside_what_was_measured_in_the_same_unit(tmp_path: Path) -> None:
    told = record(entry("a", measured("salt volume", 7.2e8, unit="m³"), measured()), entry("b", measured()))
    text = words(page(tmp_path, told, {"a": {"salt volume": 6.5e8}}))
    assert "drawn truth" in text and "0.72 0.576 – 0.864 0.65 km³" in text
    assert "drawn truth" not in words(page(tmp_path, told))


def test_an_overlay_is_inside_the_page_and_small_ones_are_enlarged_without_smoothing(tmp_path: Path) -> None:
    small = np.zeros((50, 80, 3), np.uint8)
    small[:, 40:] = 255
    Image.fromarray(small).save(tmp_path / "a.overlay.png")
    Image.fromarray(np.zeros((30, 2000), np.uint8)).save(tmp_path / "b.overlay.png")
    files = [entry(stem, measured(), files=[f"{stem}.overlay.png", f"{stem}.mask.png"]) for stem in ("a", "b")]
    text = page(tmp_path, record(*files))
    shown = [
        Image.open(io.BytesIO(base64.b64decode(m))) for m in re.findall(r'src="data:image/png;base64,([^"]+)"', text)
    ]
    assert [image.size for image in shown] == [(320, 200), (900, 14)]
    assert set(np.unique(np.asarray(shown[0]))) == {0, 255}


@pytest.mark.parametrize("content", [None, b"", b"a letter"])
def test_an_overlay_that_cannot_be_shown_costs_the_picture_and_not_the_page(
    tmp_path: Path, content: bytes | None
) -> None:
    if content is not None:
        (tmp_path / "a.overlay.png").write_bytes(content)
    text = page(tmp_path, record(entry("a", measured(), files=["a.overlay.png"])))
    assert "<img" not in text and "salt share" in text


# Properties -----------------------------------------------------------------------------------------------------------


def test_names_from_outside_are_escaped_and_links_lead_to_them(tmp_path: Path) -> None:
    stem = '50% <script>alert("#1")</script>?'
    note = "<img src=x onerror=alert(1)>"
    name = f"{stem.replace('/', '_')}.mask.png"
    text = page(tmp_path, record(entry(stem, measured("<b>share</b>"), files=[name], notes=[note])))
    assert "<script" not in text and "<b>share" not in text and "<img" not in text
    assert re.search(r'href="50%25%20%3Cscript%3E[^"#?]*%231[^"#?]*%3F\.mask\.png"', text)


def test_the_page_fetches_nothing_and_runs_nothing(tmp_path: Path) -> None:
    text = page(tmp_path, record(entry("a", measured())))
    assert "default-src 'none'" in text and "<script" not in text
    assert not re.findall(r'(?:src|href)="(?:https?:)?//', text)


def test_a_run_of_many_inputs_shows_those_with_the_most_and_says_so(tmp_path: Path) -> None:
    entries = [entry(f"p{i:03}", measured(value=float(i))) for i in range(MOST_CARDS + 12)]
    text = page(tmp_path, record(*entries))
    shown = re.findall(r"<h2>(p\d+)\.png</h2>", text)
    assert shown == [f"p{i:03}" for i in range(MOST_CARDS + 11, 11, -1)]
    assert "12 more inputs are in" in words(text)
    few = page(tmp_path, record(*entries[:5]))
    assert re.findall(r"<h2>(p\d+)\.png</h2>", few) == [f"p{i:03}" for i in range(5)], "as given"


def test_of_many_measurements_twelve_are_shown_and_the_rest_counted(tmp_path: Path) -> None:
    text = words(page(tmp_path, record(entry("a", *(measured(f"body {i}") for i in range(20))))))
    assert "body 11" in text and "body 12" not in text and "8 more in measurements.csv" in text


@given(st.floats(0, 1e12), st.floats(0, 1), st.floats(0, 1))
def test_bars_stay_inside_their_place(value: float, below: float, above: float) -> None:
    from outcrop.outputs.report import _rows

    (row,) = _rows([measured(value=value, low=value * (1 - below), high=value * (1 + above))])
    left, width, end = row["bar"]
    assert 0 <= left <= 100 and 0 <= width <= 100.001 and left + width <= 100.001 and 0 <= end <= 100.001


def test_a_position_has_no_bar(tmp_path: Path) -> None:
    text = page(tmp_path, record(entry("a", measured("salt crest", 1200.0, unit="ms"))))
    assert 'class="bar"' not in text and "1200" in text


# Reading --------------------------------------------------------------------------------------------------------------


def test_a_record_is_read_back_as_it_was_written(tmp_path: Path) -> None:
    told = record(entry("a", measured()))
    (tmp_path / "summary.json").write_text(json.dumps(told))
    assert read_record(tmp_path / "summary.json") == told


@pytest.mark.parametrize("content", [None, "", "{", "[]", "3", "{}", '{"task": "salt", "inputs": []}'])
def test_what_is_no_record_is_refused(tmp_path: Path, content: str | None) -> None:
    if content is not None:
        (tmp_path / "summary.json").write_text(content)
    with pytest.raises(BadInput, match=r"summary\.json"):
        read_record(tmp_path / "summary.json")


def test_truths_are_told_by_input_and_quantity(tmp_path: Path) -> None:
    one = {"seed": 7, "truth": {"salt volume": 5.0, "salt share": 2.0}}
    assert truths_of(one) == {"drawn-7": {"salt volume": 5.0, "salt share": 2.0}}
    many = {"seed": 7, "truth": {"salt share": {"drawn-7-0": 1.0, "drawn-7-1": 2.0}}}
    (tmp_path / "truth-7.json").write_text(json.dumps(many))
    assert read_truths(tmp_path / "truth-7.json") == {
        "drawn-7-0": {"salt share": 1.0},
        "drawn-7-1": {"salt share": 2.0},
    }


@pytest.mark.parametrize("content", [None, "", "[]", "{}", '{"seed": 3}', '{"truth": {}}', '{"seed": 3, "truth": [1]}'])
def test_what_is_no_truth_is_refused(tmp_path: Path, content: str | None) -> None:
    if content is not None:
        (tmp_path / "truth.json").write_text(content)
    with pytest.raises(BadInput, match=r"truth\.json"):
        read_truths(tmp_path / "truth.json")
