"""Pages: one file that fetches nothing, escapes everything, and stays well-formed."""

import re
from html.parser import HTMLParser
from pathlib import Path

import numpy as np
import pytest

from outcrop.outputs.page import Line, chart, data_uri, environment, percent, thousands, three, write_page

VOID = {"meta", "link", "img", "br", "hr", "input"}


class Balance(HTMLParser):
    """Follows open elements; ``stack`` is empty and ``faults`` too when all were closed in order."""

    def __init__(self) -> None:
        super().__init__()
        self.stack: list[str] = []
        self.faults: list[str] = []
        self.tags: set[str] = set()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.add(tag)
        if tag not in VOID:
            self.stack.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.add(tag)

    def handle_endtag(self, tag: str) -> None:
        if not self.stack or self.stack.pop() != tag:
            self.faults.append(tag)


def evaluation(several: bool = False, kept: bool = True, name: str = "salt") -> dict[str, object]:
    """Figures of an evaluation as they come from JSON, with gaps where a figure may be missing."""
    classes = [name, "dam"] if several else [name]
    score = {"value": 0.8, "low": 0.75, "high": 0.85}
    nothing = {"value": None, "low": None, "high": None}
    row = {"of": name, "label": "0 %", "pictures": 5, "score": score, "lost": 0.25}
    empty = {"of": name, "label": "0–1 %", "pictures": 0, "score": None, "lost": 0.0}
    bins = {"counts": [9, 0, 3], "said": [0.1, None, 0.9], "observed": [0.2, None, 0.8]}
    reliability = bins | {"ece": 0.1, "brier": 0.05, "log_loss": 0.2}
    decision = {"threshold": [0.45] * len(classes), "min_area": 50 if kept else 0, "area_rule": "component"}
    keys = ("kaggle", "iou", "dice", "precision", "recall", "accuracy")
    figures = {key: score for key in (*keys, *(f"picture_{key}" for key in keys))} | {"precision": nothing}
    return {
        "classes": classes, "metric": "kaggle", "pictures": 12345, "groups": 678, "score": score,
        "baselines": {"nothing anywhere": 0.383}, "folds": [{"fold": 0, "pictures": 5, "score": 0.8, "decision": decision}],
        "folds_given": True, "fold_mean": 0.8, "fold_spread": 0.01, "figures": figures,
        "by_class": {label: dict.fromkeys(keys, 0.8) for label in classes},
        "coverage": [row, empty], "kinds": [row | {"label": "close"}], "neighbours": [],
        "tuned": {"decision": decision, "plain": 0.79, "nested": 0.8, "fitted": 0.81, "kept": kept,
                  "curve": [[[0.7] * len(classes), [0.72] * len(classes)], [[0.75] * len(classes), [0.8] * len(classes)]]},
        "calibrated_threshold": [0.48] * len(classes),
        "searched": {"rules": ["component"], "areas": [0, 50], "thresholds": [0.4, 0.5]},
        "trust": {"kept": kept, "temperature": {"scale": 1.7, "bias": 0.0}, "before": [reliability] * len(classes),
                  "after": [reliability] * len(classes)},
        "curves": [{"precision": [1.0, 0.5], "recall": [0.5, 1.0], "average": 0.75}] * len(classes),
    }  # fmt: skip


CASE = {"id": "p1", "score": 0.0, "kind": "missed", "truth_share": 0.4, "predicted_share": 0.0,
        "picture": b"png", "probability": b"png"}  # fmt: skip


def page(tmp_path: Path, found: dict[str, object], title: str = "T", **case: object) -> str:
    from outcrop.outputs.page import write_evaluation

    write_evaluation(tmp_path / "page.html", found, [CASE | case], title=title, about={"model": "m.onnx"})
    return (tmp_path / "page.html").read_text(encoding="utf-8")


@pytest.mark.parametrize("several", [False, True])
@pytest.mark.parametrize("kept", [False, True])
def test_the_page_is_well_formed_and_whole(tmp_path: Path, several: bool, kept: bool) -> None:
    text = page(tmp_path, evaluation(several, kept))
    balance = Balance()
    balance.feed(text)
    assert balance.stack == [] and balance.faults == []
    assert {"h1", "svg", "table", "figure", "details"} <= balance.tags
    assert "12\u202f345" in text and "0.800" in text and "0.383" in text


def test_the_page_fetches_nothing_and_runs_nothing(tmp_path: Path) -> None:
    text = page(tmp_path, evaluation())
    assert "<script" not in text and "http:" not in text and "https:" not in text and "url(" not in text
    assert all(source.startswith("data:image/png;base64,") for source in re.findall(r'src="([^"]*)', text))
    assert "default-src 'none'" in text


def test_every_name_that_came_with_the_data_is_escaped(tmp_path: Path) -> None:
    bad = '"><img src=x onerror=alert(1)>'
    text = page(tmp_path, evaluation(several=True, name=bad), title=bad, id=bad, kind=bad)
    assert "<img src=x" not in text
    assert text.count("&lt;img src=x") >= 5


def test_a_figure_that_is_missing_is_a_dash_and_an_empty_row_is_left_out(tmp_path: Path) -> None:
    text = page(tmp_path, evaluation())
    assert re.search(r"Precision</dt><dd>–<small>", text)
    assert "0–1 %" not in text
    assert ">None<" not in text and ">nan<" not in text


def test_both_looks_and_paper_are_provided_for(tmp_path: Path) -> None:
    text = page(tmp_path, evaluation())
    assert "prefers-color-scheme: dark" in text and "@media print" in text and 'name="viewport"' in text


def test_any_page_can_take_on_the_house_style(tmp_path: Path) -> None:
    template = environment().from_string(
        '{% extends "base.html.j2" %}{% block content %}<p>{{ words }}</p>{% endblock %}'
    )
    text = template.render(title="A & B", made="today", words="<b>")
    assert "<p>&lt;b&gt;</p>" in text and "<h1>A &amp; B</h1>" in text


def test_a_forgotten_value_is_an_error_and_leaves_no_file(tmp_path: Path) -> None:
    with pytest.raises(Exception, match="undefined"):
        write_page(tmp_path / "page.html", "evaluation.html.j2", title="T")
    assert list(tmp_path.iterdir()) == []


def test_numbers_are_written_for_people() -> None:
    assert [three(value) for value in (0.84234, None, float("nan"))] == ["0.842", "–", "–"]
    assert [percent(value) for value in (0.1234, 0.001, 0, 1, None)] == [
        "12.3\u202f%", "0.10\u202f%", "0\u202f%", "100\u202f%", "–",
    ]  # fmt: skip
    assert thousands(1234567) == "1\u202f234\u202f567"
    assert data_uri(b"abc") == "data:image/png;base64,YWJj"


def test_a_chart_puts_points_where_its_ticks_say() -> None:
    line = Line(name="a", points=[(0, 0), (0.5, 1), (1, 0.5)], dots=True)
    found = chart([line], label="l", x_title="x", y_title="y")
    _, path, dots = found.lines[0]
    x, y = ({text: place for place, text in ticks} for ticks in (found.x_ticks, found.y_ticks))
    assert dots[0][:2] == (x["0.0"], y["0.0"])
    assert dots[2][0] == x["1.0"] and dots[1][1] == y["1.0"]
    assert dots[2][1] == pytest.approx((y["0.4"] + y["0.6"]) / 2, abs=0.1)
    assert path.startswith("M") and path.count("L") == 2


def test_a_gap_in_a_line_stays_a_gap() -> None:
    line = Line(name="a", points=[(0, 0), (0.2, np.nan), (0.4, 0.4), (0.6, 0.6)])
    assert chart([line], label="l", x_title="x", y_title="y").lines[0][1].count("M") == 2


@pytest.mark.parametrize("span", [(0.0, 1.0), (0.18, 0.82), (0.62, 0.65), (0.8412, 0.8431), (0.0, 0.3)])
def test_ticks_are_few_and_inside(span: tuple[float, float]) -> None:
    ticks = chart([], label="l", x_title="x", y_title="y", x=span).x_ticks
    assert len(ticks) <= 8
    assert all(span[0] - 1e-9 <= float(text) <= span[1] + 1e-9 for _, text in ticks)
