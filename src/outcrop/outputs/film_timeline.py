"""A picture of a watch: when each thing was seen, not seen or not observed, and how its numbers went."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw

from outcrop.outputs import replacing
from outcrop.outputs.film import lettering
from outcrop.outputs.picture import COLOURS

Span = tuple[float, float, str]
"""Seconds from, seconds to, "seen", "not seen" or "not observed"."""

FINE = 2
"""Drawn this many times larger, then reduced, which makes edges smooth."""

INK, PALE, FAINT = (38, 44, 52), (118, 126, 136), (228, 231, 235)
DARK, HATCH = (206, 212, 220), (190, 197, 206)
ALERT = (200, 30, 30)
LEFT, RIGHT, TOP, ROW, GAP, CURVE, FOOT = 132, 28, 52, 22, 12, 92, 56
STEPS = (
    0.1,
    0.2,
    0.5,
    1,
    2,
    5,
    10,
    15,
    30,
    60,
    120,
    300,
    600,
    900,
    1800,
    3600,
    7200,
    10800,
    21600,
    43200,
    86400,
    172800,
    604800,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One thing through time.

    Attributes:
        name: e.g. "flame 1".
        spans: its spells.
        label: index of its class, for the colour.
    """

    name: str
    spans: Sequence[Span]
    label: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Curve:
    """One number through time.

    Attributes:
        name: with its unit, e.g. "area, px".
        seconds, values: (n,); NaN leaves a gap.
        label: index of its class, for the colour.
    """

    name: str
    seconds: NDArray[np.float64]
    values: NDArray[np.float64]
    label: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Timeline:
    """All that is drawn.

    Attributes:
        title: one line above.
        start, stop: seconds.
        alerts: (seconds, kind) of each.
    """

    title: str
    start: float
    stop: float
    rows: Sequence[Row] = ()
    curves: Sequence[Curve] = ()
    alerts: Sequence[tuple[float, str]] = field(default=())


def write_timeline(path: Path, timeline: Timeline, *, width: int = 1200) -> Path:
    """``<stem>.timeline.png``: bars of spells above, curves below, alerts as red marks, one axis of time."""
    height = TOP + len(timeline.rows) * (ROW + GAP) + len(timeline.curves) * (CURVE + GAP + 18) + FOOT
    image = Image.new("RGB", (width * FINE, height * FINE), (255, 255, 255))
    _Drawing(image, timeline, width, height).all()
    with replacing(path) as part:
        image.resize((width, height), Image.Resampling.LANCZOS).save(part, format="PNG", optimize=True)
    return path


def tick_name(seconds: float, step: float) -> str:
    """A moment on the axis, as precise as its neighbours need.

    >>> tick_name(90, 30), tick_name(7200, 3600), tick_name(0.5, 0.1), tick_name(90000, 21600)
    ('1:30', '2 h', '0.5 s', '1 d 1 h')
    """
    if step < 1:
        return f"{seconds:.1f} s"
    if step < 60:
        minutes, rest = divmod(round(seconds), 60)
        hours, minutes = divmod(minutes, 60)
        return f"{hours}:{minutes:02d}:{rest:02d}" if hours else f"{minutes}:{rest:02d}" if minutes else f"{rest} s"
    minutes = round(seconds / 60)
    days, hours, minutes = minutes // 1440, minutes // 60 % 24, minutes % 60
    parts = [f"{days} d" if days else "", f"{hours} h" if hours else "", f"{minutes} min" if minutes else ""]
    return " ".join(part for part in parts if part) or "0"


class _Drawing:
    """Draws in units of the reduced picture."""

    def __init__(self, image: Image.Image, timeline: Timeline, width: int, height: int) -> None:
        self._draw = ImageDraw.Draw(image)
        self._time, self._width, self._height = timeline, width, height
        self._length = max(timeline.stop - timeline.start, 1e-6)

    def all(self) -> None:
        """The whole picture, from top to bottom."""
        self._text(LEFT, 14, self._time.title, 17, INK)
        y = self._alerts_and_axis()
        for row in self._time.rows:
            self._bar(row, y)
            y += ROW + GAP
        for curve in self._time.curves:
            self._curve(curve, y + 18)
            y += CURVE + GAP + 18
        self._legend()

    def _x(self, seconds: float) -> float:
        share = (seconds - self._time.start) / self._length
        return LEFT + min(max(share, 0.0), 1.0) * (self._width - LEFT - RIGHT)

    def _line(self, points: Sequence[tuple[float, float]], colour: tuple[int, int, int], wide: float = 1.0) -> None:
        scaled = [(x * FINE, y * FINE) for x, y in points]
        self._draw.line(scaled, fill=colour, width=max(round(wide * FINE), 1), joint="curve")

    def _box(self, left: float, top: float, right: float, bottom: float, colour: tuple[int, int, int]) -> None:
        if right * FINE - left * FINE >= 0.5:
            wide = max(right, left + 1 / FINE)
            self._draw.rectangle((left * FINE, top * FINE, wide * FINE - 1, bottom * FINE - 1), fill=colour)

    def _text(self, x: float, y: float, text: str, size: int, colour: tuple[int, int, int], anchor: str = "la") -> None:
        shown, font = lettering(text, size * FINE)
        self._draw.text((x * FINE, y * FINE), shown, font=font, fill=colour, anchor=anchor)

    def _alerts_and_axis(self) -> float:
        """Grid lines, their names, the marks of alerts; where the first row begins."""
        bottom = self._height - FOOT
        step = next((s for s in STEPS if self._length / s <= 9), STEPS[-1])
        tick = np.ceil(self._time.start / step - 1e-9) * step
        while tick <= self._time.stop + 1e-9:
            x = self._x(float(tick))
            self._line([(x, TOP - 6), (x, bottom)], FAINT)
            self._text(x, bottom + 8, tick_name(float(tick), step), 12, PALE, "ma")
            tick += step
        for seconds, _ in self._time.alerts:
            x = self._x(seconds)
            self._line([(x, TOP - 6), (x, bottom)], ALERT)
            self._draw.polygon(
                [((x + dx) * FINE, (TOP - 6 + dy) * FINE) for dx, dy in ((-5, -8), (5, -8), (0, 0))], ALERT
            )
        return TOP

    def _bar(self, row: Row, y: float) -> None:
        colour = COLOURS[row.label % len(COLOURS)]
        self._text(LEFT - 12, y + ROW / 2, row.name, 13, INK, "rm")
        for start, stop, state in row.spans:
            left, right = self._x(start), self._x(stop)
            if state == "not observed":
                self._hatch(left, y, right, y + ROW)
            else:
                self._box(left, y, right, y + ROW, colour if state == "seen" else DARK)

    def _hatch(self, left: float, top: float, right: float, bottom: float) -> None:
        """Slanted lines on white: nobody looked."""
        self._box(left, top, right, bottom, (248, 249, 250))
        high = bottom - top
        for start in np.arange(np.floor((left - high) / 7) * 7, right, 7.0):
            low, up = max(left, float(start)), min(right, float(start) + high)
            if up > low:
                self._line([(low, bottom - (low - start)), (up, bottom - (up - start))], HATCH)

    def _curve(self, curve: Curve, y: float) -> None:
        colour = COLOURS[curve.label % len(COLOURS)]
        known = np.isfinite(curve.values)
        most = float(np.max(curve.values[known], initial=0.0))
        top = nice_top(most)
        self._line([(LEFT, y + CURVE), (self._width - RIGHT, y + CURVE)], DARK)
        self._text(LEFT, y - 17, curve.name, 12, INK)
        for value in (0.0, top / 2, top):
            at = y + CURVE * (1 - value / top)
            self._line([(LEFT - 4, at), (LEFT, at)], DARK)
            self._text(LEFT - 8, at, f"{value:g}", 11, PALE, "rm")
        self._trace(curve, known, y, top, colour)

    def _trace(
        self, curve: Curve, known: NDArray[np.bool_], y: float, top: float, colour: tuple[int, int, int]
    ) -> None:
        """For each column of pixels, the range as a pale bar and the median as a line, broken where nothing is known."""
        columns = np.array([self._x(s) for s in curve.seconds[known]])
        values = curve.values[known]
        pale = tuple(round(0.35 * c + 0.65 * 255) for c in colour)
        points: list[tuple[float, float]] = []
        before = None
        usual = float(np.median(np.diff(columns))) if len(columns) > 1 else 0.0
        for column in np.unique(np.floor(columns)):
            part = values[np.floor(columns) == column] if len(columns) < 4000 else _slice(columns, values, column)
            low, middle, high = (y + CURVE * (1 - float(v) / top) for v in (part.min(), np.median(part), part.max()))
            self._box(column, high - 0.5, column + 1, low + 0.5, (pale[0], pale[1], pale[2]))
            if before is not None and column - before > max(4 * usual, 4):
                self._finish(points, colour)
                points = []
            points.append((float(column) + 0.5, middle))
            before = column
        self._finish(points, colour)

    def _finish(self, points: Sequence[tuple[float, float]], colour: tuple[int, int, int]) -> None:
        if len(points) == 1:
            ((x, y),) = points
            self._box(x - 1, y - 1, x + 1, y + 1, colour)
        elif points:
            self._line(points, colour, 1.5)

    def _legend(self) -> None:
        """What the colours of the bars mean."""
        x, y = float(LEFT), self._height - 24.0
        self._hatch(x, y, x + 18, y + 12)
        self._text(x + 24, y + 6, "not observed", 12, PALE, "lm")
        self._box(x + 124, y, x + 142, y + 12, DARK)
        self._text(x + 148, y + 6, "not seen", 12, PALE, "lm")
        if self._time.alerts:
            self._draw.polygon(
                [((x + 232 + dx) * FINE, (y + 10 + dy) * FINE) for dx, dy in ((-5, -8), (5, -8), (0, 0))], ALERT
            )
            self._text(x + 244, y + 6, "alert", 12, PALE, "lm")


def _slice(columns: NDArray[np.float64], values: NDArray[np.float64], column: float) -> NDArray[np.float64]:
    """Values of one column of pixels, found by bisection, since times rise."""
    return values[np.searchsorted(columns, column) : np.searchsorted(columns, column + 1)]


def nice_top(most: float) -> float:
    """The next of 1, 2, 2.5, 4, 5, 10 times a power of ten at or above a value; 1 for nothing.

    >>> nice_top(0.0), nice_top(180.0), nice_top(4.1)
    (1.0, 200.0, 5.0)
    """
    if not most > 0:
        return 1.0
    power = 10.0 ** np.floor(np.log10(most))
    return float(next(power * s for s in (1, 2, 2.5, 4, 5, 10) if power * s >= most * (1 - 1e-12)))


def rows_of(tracks: Sequence[Mapping[str, object]], classes: Sequence[str]) -> list[Row]:
    """Rows from the tracks of a summary."""
    rows = []
    for track in tracks:
        label, spans = str(track["label"]), track["spells"]
        spells = [(float(a), float(b), str(c)) for a, b, c in spans] if isinstance(spans, list) else []
        index = classes.index(label) if label in classes else 0
        rows.append(Row(name=f"{label} {track['track']}", spans=spells, label=index))
    return rows
