"""Outlines and points on a small map, as paths that a page draws: no tiles, no network.

Degrees are laid on a plane with the cosine of the middle latitude, fine for the tens of kilometres of a scene.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import cos, floor, log10, radians

Shape = Sequence[Sequence[float]]

WIDTH, MARGIN = 900.0, 34.0
SMALLEST, TALLEST, WIDEST = 240.0, 900.0, 20.0
"""Least and greatest height of a map in units of the page, and the least extent shown, in thousandths of a degree."""

DOT = 4.0
"""Outlines smaller than this, in units of the page, are drawn as dots."""

KILOMETRES = 111.2
"""Kilometres in a degree of latitude, about."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Map:
    """What the page draws.

    Attributes:
        width, height: of the drawing.
        layers: (kind, path of its outlines, (x, y) of its points).
        x_ticks, y_ticks: (place, text).
        scale: (length in the drawing, text) of the bar.
    """

    width: float
    height: float
    layers: tuple[tuple[str, str, tuple[tuple[float, float], ...]], ...]
    x_ticks: tuple[tuple[float, str], ...]
    y_ticks: tuple[tuple[float, str], ...]
    scale: tuple[float, str]


def draw_map(shapes: Mapping[str, Sequence[Shape]]) -> Map | None:
    """Kind → shapes, each one point or an outline of (longitude, latitude); None where there is nothing to show."""
    places = [place for several in shapes.values() for shape in several for place in shape]
    if not places:
        return None
    lons, lats = [p[0] for p in places], [p[1] for p in places]
    west, east, south, north = min(lons), max(lons), min(lats), max(lats)
    shrink = max(cos(radians((south + north) / 2)), 0.05)
    least = WIDEST / 1000
    spare_x, spare_y = max(least / shrink - (east - west), 0) / 2, max(least - (north - south), 0) / 2
    west, east, south, north = west - spare_x, east + spare_x, south - spare_y, north + spare_y
    unit = min((WIDTH - 2 * MARGIN) / ((east - west) * shrink), (TALLEST - 2 * MARGIN) / (north - south))
    height = max((north - south) * unit + 2 * MARGIN, SMALLEST)
    left = (WIDTH - (east - west) * shrink * unit) / 2
    top = (height - (north - south) * unit) / 2

    def x(lon: float) -> float:
        return round(left + (lon - west) * shrink * unit, 1)

    def y(lat: float) -> float:
        return round(top + (north - lat) * unit, 1)

    layers = []
    for kind, several in shapes.items():
        drawn = [[(x(p[0]), y(p[1])) for p in shape] for shape in several]
        outlines = [shape for shape in drawn if _size(shape) >= DOT]
        path = "".join("M" + "L".join(f"{px} {py}" for px, py in shape) + "Z" for shape in outlines)
        points = {(shape[0][0], shape[0][1]) for shape in drawn if _size(shape) < DOT}
        layers.append((kind, path, tuple(sorted(points))))
    length = _round((east - west) * shrink * KILOMETRES / 4)
    return Map(
        width=WIDTH, height=round(height, 1), layers=tuple(layers),
        x_ticks=_apart([(x(v), _degrees(v, "E", "W")) for v in _ticks(west, east)], 90.0),
        y_ticks=_apart([(y(v), _degrees(v, "N", "S")) for v in _ticks(south, north)], 24.0),
        scale=(round(length / KILOMETRES * unit, 1), f"{length:g} km"),
    )  # fmt: skip


def _size(shape: Sequence[tuple[float, float]]) -> float:
    """The longer side of an outline's box, in units of the drawing."""
    xs, ys = [p[0] for p in shape], [p[1] for p in shape]
    return max(max(xs) - min(xs), max(ys) - min(ys))


def _round(value: float) -> float:
    """The largest of 1, 2, 5 times a power of ten that is not above the value."""
    power = 10 ** floor(log10(value))
    return float(max(factor * power for factor in (1, 2, 5) if factor * power <= value))


def _ticks(low: float, high: float) -> list[float]:
    """A few round numbers inside a range."""
    step = _round((high - low) / 2)
    first = floor(low / step) + 1
    return [round(step * i, 6) for i in range(first, floor(high / step) + 1)]


def _apart(ticks: list[tuple[float, str]], least: float) -> tuple[tuple[float, str], ...]:
    """Ticks without those whose text would lie over another's."""
    kept: list[tuple[float, str]] = []
    for place, text in ticks:
        if not kept or abs(place - kept[-1][0]) >= least:
            kept.append((place, text))
    return tuple(kept)


def _degrees(value: float, above: str, below: str) -> str:
    """Degrees with their direction."""
    return f"{abs(value):g}° {above if value >= 0 else below}"
