"""Stacks, towers and booms that carry a flare, drawn at twice the picture's size and scaled down."""

from collections.abc import Callable
from math import atan2, cos, hypot, pi, sin

import numpy as np
from PIL import Image, ImageDraw

from outcrop.core.scene import Floats

Point = tuple[float, float]
"""(x, y) of the doubled drawing, px."""
Colour = tuple[int, int, int, int]

MASTS = ("pipe", "striped", "guyed", "tower", "cluster", "chimney", "boom", "pit")


class Yard:
    """A sheet of steel over the picture: colour and cover of every pixel."""

    def __init__(self, shape: tuple[int, int], rng: np.random.Generator, tone: tuple[float, float, float]) -> None:
        """``tone`` is the sRGB colour (0..1) of steel in this light."""
        self._shape, self.rng = shape, rng
        self._image = Image.new("RGBA", (shape[1] * 2, shape[0] * 2), (0, 0, 0, 0))
        self.pen = ImageDraw.Draw(self._image)
        self._tone = tone
        self.size = self._image.size

    def colour(self, bright: float = 1.0, tint: tuple[float, float, float] = (1, 1, 1)) -> Colour:
        """Steel ``bright`` times as bright, tinted."""
        r, g, b = (min(max(int(255 * t * bright * c), 0), 255) for t, c in zip(self._tone, tint, strict=True))
        return r, g, b, 255

    def layer(self) -> tuple[Floats, Floats]:
        """Colour (rows, cols, 3), linear, and cover (rows, cols) in 0..1."""
        small = np.asarray(self._image.resize((self._shape[1], self._shape[0]), Image.Resampling.BOX), np.float32) / 255
        return np.asarray(small[..., :3] ** 2.2, np.float32), np.asarray(small[..., 3], np.float32)

    def line(self, *points: Point, width: float = 2.0, bright: float = 1.0) -> None:
        """A bar."""
        self.pen.line([c for p in points for c in p], fill=self.colour(bright), width=max(round(width), 1))

    def tube(
        self, foot: Point, top: Point, wide: float, *, narrow: float | None = None,
        tint: tuple[float, float, float] = (1, 1, 1), gloss: float = 0.6,
    ) -> None:  # fmt: skip
        """A cylinder from foot to top, lit from one side."""
        narrow = wide if narrow is None else narrow
        strips = max(min(int(wide / 2), 24), 1)
        length = max(hypot(top[0] - foot[0], top[1] - foot[1]), 1.0)
        across = (-(top[1] - foot[1]) / length, (top[0] - foot[0]) / length)
        for i in range(strips):
            a, b = i / strips - 0.5, (i + 1) / strips - 0.5
            bright = 0.7 + gloss * cos(pi * ((a + b) / 2 - 0.18)) ** 3 if strips > 1 else 1.0
            corners = [(p[0] + across[0] * w * e, p[1] + across[1] * w * e)
                       for p, w, e in ((foot, wide, a), (foot, wide, b), (top, narrow, b), (top, narrow, a))]  # fmt: skip
            self.pen.polygon(corners, fill=self.colour(bright, tint))

    def lattice(self, foot: Point, top: Point, wide: float, narrow: float, bar: float) -> None:
        """A braced mast of two visible legs."""
        length = max(hypot(top[0] - foot[0], top[1] - foot[1]), 1.0)
        along = ((top[0] - foot[0]) / length, (top[1] - foot[1]) / length)
        across = (-along[1], along[0])

        def at(share: float, side: float) -> Point:
            half = (wide + (narrow - wide) * share) / 2 * side
            return (foot[0] + along[0] * length * share + across[0] * half,
                    foot[1] + along[1] * length * share + across[1] * half)  # fmt: skip

        for side in (-1.0, 1.0):
            self.line(at(0, side), at(1, side), width=bar)
        self.line(at(0, 0.35), at(1, 0.35), width=bar * 0.7, bright=0.8)
        share = 0.0
        while share < 1:
            step = max((wide + (narrow - wide) * share) / length * 1.1, 0.02)
            after = min(share + step, 1.0)
            self.line(at(share, -1), at(after, 1), width=bar * 0.6)
            self.line(at(share, 1), at(after, -1), width=bar * 0.6, bright=0.85)
            self.line(at(after, -1), at(after, 1), width=bar * 0.6)
            share = after

    def platform(self, centre: Point, wide: float) -> None:
        """A gallery with its railing."""
        x, y = centre
        rail = wide * 0.28
        self.line((x - wide / 2, y), (x + wide / 2, y), width=max(wide * 0.06, 2))
        self.line((x - wide / 2, y - rail), (x + wide / 2, y - rail), width=max(wide * 0.02, 1))
        for share in np.linspace(-0.5, 0.5, 7):
            self.line((x + wide * share, y), (x + wide * share, y - rail), width=max(wide * 0.02, 1))
        self.line((x - wide / 2, y), (x, y + wide * 0.4), (x + wide / 2, y), width=max(wide * 0.03, 1), bright=0.8)


def _pipe(yard: Yard, foot: Point, tip: Point, wide: float) -> None:
    yard.tube(foot, tip, wide * 1.15, narrow=wide)
    along = (foot[0] - tip[0]) * 0.12 + tip[0], (foot[1] - tip[1]) * 0.12 + tip[1]
    yard.tube(along, tip, wide * 1.5, narrow=wide * 1.35)
    if yard.rng.random() < 0.5:
        shift = wide * float(yard.rng.uniform(1.2, 2.5))
        yard.line((foot[0] + shift, foot[1]), (tip[0] + shift, tip[1] + wide * 3), width=wide * 0.35)


def _striped(yard: Yard, foot: Point, tip: Point, wide: float) -> None:
    bands = int(yard.rng.integers(5, 11))
    for i in range(bands):
        a, b = i / bands, (i + 1) / bands
        low = (foot[0] + (tip[0] - foot[0]) * a, foot[1] + (tip[1] - foot[1]) * a)
        high = (foot[0] + (tip[0] - foot[0]) * b, foot[1] + (tip[1] - foot[1]) * b)
        yard.tube(low, high, wide * 1.1, tint=(2.6, 0.5, 0.4) if i % 2 else (2.8, 2.8, 2.8))
    yard.tube((tip[0], tip[1] + wide * 2), tip, wide * 1.5)


def _guyed(yard: Yard, foot: Point, tip: Point, wide: float) -> None:
    _pipe(yard, foot, tip, wide)
    high = abs(foot[1] - tip[1])
    for side in (-1, 1):
        for share in (0.25, 0.6):
            hook = (tip[0] + (foot[0] - tip[0]) * share, tip[1] + (foot[1] - tip[1]) * share)
            yard.line(hook, (foot[0] + side * high * 0.55, foot[1]), width=1, bright=0.9)


def _tower(yard: Yard, foot: Point, tip: Point, wide: float) -> None:
    high = hypot(foot[0] - tip[0], foot[1] - tip[1])
    broad = max(high * float(yard.rng.uniform(0.12, 0.3)), wide * 2.5)
    neck = (tip[0], tip[1] + wide * float(yard.rng.uniform(1.5, 4)))
    yard.tube(foot, tip, wide * 0.8)
    yard.lattice(foot, neck, broad, wide * float(yard.rng.uniform(1.6, 2.6)), max(wide * 0.22, 1.5))
    yard.tube(neck, tip, wide * 1.2)
    for share in yard.rng.uniform(0.05, 0.8, int(yard.rng.integers(1, 4))):
        centre = (neck[0] + (foot[0] - neck[0]) * share, neck[1] + (foot[1] - neck[1]) * share)
        yard.platform(centre, wide * 2 + broad * share * 1.15)


def _cluster(yard: Yard, foot: Point, tip: Point, wide: float) -> None:
    count = int(yard.rng.integers(2, 5))
    for i in range(count):
        shift = (i - (count - 1) / 2) * wide * 1.5
        drop = 0.0 if i == count // 2 else float(yard.rng.uniform(0, 3)) * wide
        yard.tube((foot[0] + shift, foot[1]), (tip[0] + shift, tip[1] + drop), wide * float(yard.rng.uniform(0.7, 1.1)))
    for share in yard.rng.uniform(0.08, 0.7, int(yard.rng.integers(1, 4))):
        centre = (tip[0] + (foot[0] - tip[0]) * share, tip[1] + (foot[1] - tip[1]) * share)
        yard.platform(centre, wide * (count * 1.5 + 2))
    if yard.rng.random() < 0.6:
        yard.lattice(foot, (tip[0], tip[1] + wide * 5), wide * count * 2.2, wide * count * 1.6, max(wide * 0.2, 1.5))


def _chimney(yard: Yard, foot: Point, tip: Point, wide: float) -> None:
    wide *= float(yard.rng.uniform(1.5, 2.8))
    tint = [(1.5, 1.5, 1.5), (2.2, 1.5, 0.9), (1, 1, 1), (3, 3, 3)][int(yard.rng.integers(4))]
    yard.tube(foot, tip, wide * 1.3, narrow=wide, tint=tint, gloss=1.0)
    yard.tube((tip[0], tip[1] + wide * 0.5), tip, wide * 1.15, tint=tint)
    yard.platform((tip[0], tip[1] + wide * float(yard.rng.uniform(0.8, 2.0))), wide * 1.9)


def _boom(yard: Yard, foot: Point, tip: Point, wide: float) -> None:
    side = 1.0 if foot[0] >= tip[0] else -1.0
    angle = float(yard.rng.uniform(0.3, 1.15))
    # Its root lies on a deck outside the picture.
    reach = (tip[0] if side < 0 else yard.size[0] - tip[0]) / cos(angle) + wide * 8
    root = (tip[0] + side * reach * cos(angle), tip[1] + reach * sin(angle))
    yard.lattice(root, (tip[0] + side * wide, tip[1] + wide), wide * 5, wide * 2.2, max(wide * 0.35, 2))
    yard.line(root, tip, width=wide * 0.5)
    yard.tube((tip[0] + side * wide * 0.2, tip[1] + wide * 2.5), tip, wide)


def _pit(yard: Yard, foot: Point, tip: Point, wide: float) -> None:
    side = 1.0 if foot[0] >= tip[0] else -1.0
    yard.tube((tip[0] + side * wide * 14, tip[1] + wide * 2.4), tip, wide * 0.9)
    yard.line(
        (tip[0] + side * wide * 4, tip[1] + wide), (tip[0] + side * wide * 4, tip[1] + wide * 4), width=wide * 0.5
    )


BUILDERS: dict[str, Callable[[Yard, Point, Point, float], None]] = {
    "pipe": _pipe, "striped": _striped, "guyed": _guyed, "tower": _tower,
    "cluster": _cluster, "chimney": _chimney, "boom": _boom, "pit": _pit,
}  # fmt: skip


def raise_mast(yard: Yard, kind: str, foot: tuple[float, float], tip: tuple[float, float], wide: float) -> None:
    """A mast from ``foot`` to ``tip``, (row, col) of the picture; its mouth is ``wide`` px across."""
    BUILDERS[kind](yard, (2 * foot[1], 2 * foot[0]), (2 * tip[1], 2 * tip[0]), max(2 * wide, 2.0))


def raise_plant(yard: Yard, horizon: float, tall: float) -> None:
    """Near columns, tanks, pipe racks and a pump jack, dark before the sky; ``tall`` in px."""
    rng = yard.rng
    base, cols = 2 * horizon, yard.size[0]
    for _ in range(int(rng.integers(2, 9))):
        x, high = float(rng.uniform(-0.05, 1.0)) * cols, 2 * tall * float(np.exp(rng.normal(-0.8, 0.5)))
        kind = int(rng.integers(5))
        if kind == 0:
            yard.tube((x, base), (x, base - high), high * 0.14, gloss=0.8)
            for share in (0.35, 0.7, 0.95):
                yard.platform((x, base - high * share), high * 0.26)
        elif kind == 1:
            yard.tube((x, base), (x, base - high * 0.45), high * 0.8, tint=(2.2, 2.2, 2.2), gloss=0.7)
        elif kind == 2:
            yard.lattice((x, base), (x, base - high), high * 0.3, high * 0.1, max(high * 0.012, 1.5))
        elif kind == 3:
            for level in (0.15, 0.3):
                yard.line((x, base - high * level), (x + high * 2.2, base - high * level), width=high * 0.03)
            for i in range(8):
                yard.line((x + high * 0.3 * i, base), (x + high * 0.3 * i, base - high * 0.3), width=high * 0.02)
        else:
            _pump_jack(yard, (x, base), high * 0.5)


def _pump_jack(yard: Yard, foot: Point, high: float) -> None:
    x, y = foot
    tilt = float(yard.rng.uniform(-0.35, 0.35))
    beam = [(x + d * high * cos(tilt), y - high + d * high * sin(tilt)) for d in (-0.9, 1.0)]
    yard.line(beam[0], beam[1], width=high * 0.09)
    for leg in (-0.35, 0.35):
        yard.line((x, y - high), (x + leg * high, y), width=high * 0.05)
    angle = atan2(beam[1][1] - beam[0][1], beam[1][0] - beam[0][0])
    yard.line(beam[1], (beam[1][0] + high * 0.12 * cos(angle), beam[1][1] + high * 0.45), width=high * 0.12)
    yard.line((beam[1][0] + high * 0.1, beam[1][1] + high * 0.4), (beam[1][0] + high * 0.1, y), width=high * 0.02)
    yard.pen.rectangle((x - high * 1.1, y - high * 0.35, x - high * 0.7, y), fill=yard.colour(0.8))
