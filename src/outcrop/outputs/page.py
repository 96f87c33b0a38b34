"""Results as one web page: a single HTML file that needs nothing else, light or dark, on screen or on paper.

`base.html.j2` is the house style, `parts.html.j2` its charts and tables. Pages carry no script and fetch
nothing; every name that came with the data is escaped.
"""

from base64 import b64encode
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cache
from itertools import groupby
from math import isfinite, nan
from pathlib import Path
from typing import TYPE_CHECKING, Any

from outcrop.outputs import replacing

if TYPE_CHECKING:
    from jinja2 import Environment

TEMPLATES = Path(__file__).parent / "templates"
WIDTH, HEIGHT = 520, 360
LEFT, RIGHT, TOP, BOTTOM = 52, 14, 12, 46
DASH = "–"

Points = Sequence[tuple[float, float]]


# Any page -----------------------------------------------------------------------------------------------------


def three(value: float | None) -> str:
    """Three decimals, and a dash for nothing: 0.8423 → 0.842."""
    return DASH if value is None or not isfinite(value) else f"{value:.3f}"


def percent(value: float | None) -> str:
    """A share as a percentage with three digits: 0.1234 → 12.3 %."""
    if value is None or not isfinite(value):
        return DASH
    share = 100 * value
    digits = 0 if share in (0, 100) else 1 if abs(share) >= 1 else 2
    return f"{share:.{digits}f}\u202f%"


def thousands(value: float) -> str:
    """A whole number in groups of three, held together by narrow spaces."""
    return f"{value:,.0f}".replace(",", "\u202f")


def data_uri(png: bytes) -> str:
    """A PNG as an address that carries the picture itself."""
    return "data:image/png;base64," + b64encode(png).decode("ascii")


@cache
def environment() -> "Environment":
    """Jinja with the house templates, strict about names and escaping everything."""
    from jinja2 import Environment, FileSystemLoader, StrictUndefined

    found = Environment(
        loader=FileSystemLoader(TEMPLATES),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    found.filters |= {"three": three, "percent": percent, "thousands": thousands, "data_uri": data_uri}
    return found


def write_page(path: Path, template: str, **context: Any) -> Path:
    """Fill a template and write it; ``made`` (UTC, to the minute) is there for every page."""
    made = datetime.now(UTC).strftime("%Y-%m-%d %H:%M UTC")
    text = environment().get_template(template).render(made=made, **context)
    with replacing(path) as part:
        part.write_text(text, encoding="utf-8")
    return path


# Charts -------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """One line of a chart, in the chart's own units.

    Attributes:
        name: for the legend.
        points: (x, y) in order; a NaN breaks the line.
        tone: "rust", "teal", "ochre" or "faint".
        dashed, dots: how it is drawn.
    """

    name: str
    points: Points
    tone: str = "teal"
    dashed: bool = False
    dots: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Chart:
    """A chart ready to draw, all places in pixels of its box.

    Attributes:
        label: what it shows, for readers who do not see it.
        lines: (line, SVG path, dots as (x, y, text)).
        marks: (x, text): vertical lines.
        bars: (x, y, width, height): a faint histogram along the foot.
    """

    label: str
    x_title: str
    y_title: str
    x_ticks: tuple[tuple[float, str], ...]
    y_ticks: tuple[tuple[float, str], ...]
    lines: tuple[tuple[Line, str, tuple[tuple[float, float, str], ...]], ...]
    marks: tuple[tuple[float, str], ...] = ()
    bars: tuple[tuple[float, float, float, float], ...] = ()
    box: tuple[int, int, int, int, int, int] = (WIDTH, HEIGHT, LEFT, RIGHT, TOP, BOTTOM)


def chart(
    lines: Sequence[Line],
    *,
    label: str,
    x_title: str,
    y_title: str,
    x: tuple[float, float] = (0.0, 1.0),
    y: tuple[float, float] = (0.0, 1.0),
    marks: Sequence[tuple[float, str]] = (),
    histogram: Sequence[float] = (),
) -> Chart:
    """Lay out a chart over the ranges ``x`` and ``y``; ``histogram`` are counts in equal bins over ``x``."""

    def across(value: float) -> float:
        return round(LEFT + (value - x[0]) / (x[1] - x[0]) * (WIDTH - LEFT - RIGHT), 1)

    def down(value: float) -> float:
        return round(HEIGHT - BOTTOM - (value - y[0]) / (y[1] - y[0]) * (HEIGHT - TOP - BOTTOM), 1)

    def drawn(line: Line) -> tuple[Line, str, tuple[tuple[float, float, str], ...]]:
        runs = [list(run) for known, run in groupby(line.points, lambda p: isfinite(sum(p))) if known]
        path = " ".join("M" + " L".join(f"{across(a)} {down(b)}" for a, b in run) for run in runs)
        dots = [(across(a), down(b), f"{line.name}: {three(b)} at {a:.2f}") for run in runs for a, b in run]
        return line, path, tuple(dots) if line.dots else ()

    peak = max(histogram, default=0)
    step = (x[1] - x[0]) / max(len(histogram), 1)
    bars = []
    for place, share in enumerate(histogram):
        left, right = across(x[0] + place * step), across(x[0] + (place + 1) * step)
        height = 0.22 * (HEIGHT - TOP - BOTTOM) * share / peak if peak else 0.0
        bars.append((left + 1, HEIGHT - BOTTOM - height, right - left - 2, height))
    return Chart(
        label=label,
        x_title=x_title,
        y_title=y_title,
        x_ticks=tuple((across(value), text) for value, text in _ticks(*x)),
        y_ticks=tuple((down(value), text) for value, text in _ticks(*y)),
        lines=tuple(drawn(line) for line in lines),
        marks=tuple((across(value), text) for value, text in marks),
        bars=tuple(bars),
    )


def _ticks(low: float, high: float) -> list[tuple[float, str]]:
    """Four to eight round values between two ends."""
    span = high - low
    step = next(s for s in (0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1.0) if span / s <= 7 or s == 1.0)
    digits = 3 if step < 0.01 else 2 if step < 0.1 else 1
    first, last = round(low / step + 0.499), round(high / step - 0.499)
    return [(place * step, f"{place * step:.{digits}f}") for place in range(first, last + 1)]


# The page of an evaluation -------------------------------------------------------------------------------------


def write_evaluation(
    path: Path,
    found: Mapping[str, Any],
    gallery: Sequence[Mapping[str, Any]],
    *,
    title: str,
    about: Mapping[str, str],
) -> Path:
    """The page of an evaluation.

    Args:
        found: ``Evaluation.as_dict()``.
        gallery: its worst cases, each with PNG bytes as ``picture`` and ``probability``.
        title: heading.
        about: facts for the record, by name.
    """
    return write_page(
        path,
        "evaluation.html.j2",
        title=title,
        found=found,
        gallery=gallery,
        about=about,
        reliability=[_reliability(found, place) for place in range(len(found["classes"]))],
        threshold=_threshold(found),
        tradeoff=_tradeoff(found),
    )


TONES = ("teal", "rust", "ochre", "faint")


def _reliability(found: Mapping[str, Any], place: int) -> Chart:
    before, after = (found["trust"][key][place] for key in ("before", "after"))
    lines = [
        Line(name="perfect", points=[(0, 0), (1, 1)], tone="faint", dashed=True),
        Line(name="as the model said", points=_pairs(before, "said", "observed"), tone="rust", dots=True),
    ]
    if found["trust"]["kept"]:
        lines.append(Line(name="after the temperature", points=_pairs(after, "said", "observed"), dots=True))
    return chart(
        lines,
        label=f"Reliability of {found['classes'][place]}: share that was so against probability said",
        x_title="probability said",
        y_title="share that was so",
        # Square roots, or the crowd near 0 hides all other bins.
        histogram=[number**0.5 for number in after["counts"]],
    )


def _threshold(found: Mapping[str, Any]) -> Chart:
    tuned, thresholds = found["tuned"], found["searched"]["thresholds"]
    area = tuned["decision"]["min_area"]
    lines = []
    for place, name in enumerate(found["classes"]):
        tone = TONES[place % 4]
        plain, chosen = ([row[which][place] for row in tuned["curve"]] for which in (0, 1))
        prefix = f"{name}, " if len(found["classes"]) > 1 else ""
        none = Line(
            name=f"{prefix}no minimum area", points=list(zip(thresholds, plain, strict=True)), tone=tone, dots=True
        )
        lines.append(none)
        if area:
            points = list(zip(thresholds, chosen, strict=True))
            tone = tone if prefix else "rust"
            lines.append(Line(name=f"{prefix}at least {area} px", points=points, tone=tone, dashed=True, dots=True))
    values = [value for line in lines for _, value in line.points if isfinite(value)]
    pad = max(0.05 * (max(values) - min(values)), 0.005)
    return chart(
        lines,
        label="Score by threshold",
        x_title="threshold",
        y_title="score",
        x=(thresholds[0] - 0.02, thresholds[-1] + 0.02),
        y=(min(values) - pad, max(values) + pad),
        marks=[(value, f"{value:.2f}") for value in sorted(set(tuned["decision"]["threshold"]))],
    )


def _tradeoff(found: Mapping[str, Any]) -> Chart:
    lines = []
    for place, (name, curve) in enumerate(zip(found["classes"], found["curves"], strict=True)):
        label = f"{name} (average precision {three(curve['average'])})"
        lines.append(Line(name=label, points=_pairs(curve, "recall", "precision"), tone=TONES[place % 4]))
    return chart(lines, label="Precision against recall", x_title="recall", y_title="precision")


def _pairs(part: Mapping[str, Any], x: str, y: str) -> list[tuple[float, float]]:
    return [(nan if a is None else a, nan if b is None else b) for a, b in zip(part[x], part[y], strict=True)]
