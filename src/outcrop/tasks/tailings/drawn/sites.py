"""Made-up sites on the land: tailings deposits with dam, beach and pond, and what is easily taken for them.

A site's outline is a closed line round its centre, given by a radius in every direction; where a dam stands,
it is cut off straight. Places are metres from the scene's upper left corner, x right and y down.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from outcrop.core.scene import Floats

DIRECTIONS = 240
"""Corners of an outline."""

_ANGLES = np.arange(DIRECTIONS) * (2 * np.pi / DIRECTIONS)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Site:
    """One thing with an outline.

    Attributes:
        kind: a key of ``surfaces.SURFACES``.
        x, y: centre, m.
        radii: (DIRECTIONS,) distance of the outline's corners from the centre, m, clockwise from +x.
        facing: direction (radians) towards the dam. dam: distance of the dam's outer toe from the centre along
            it (m); infinite without a dam. crest: width of the dam wall on the map (m).
        level: 0 to 1, how much of the inside is wet (deposits) or how deep it is (pits).
        tint: two free numbers in [0, 1] that the colours depend on.
        seed: of its own texture.
    """

    kind: str
    x: float
    y: float
    radii: NDArray[np.float64]
    facing: float
    dam: float
    crest: float
    level: float
    tint: tuple[float, float]
    seed: int

    @property
    def reach(self) -> float:
        """Distance of the farthest corner from the centre, m."""
        return float(self.radii.max())

    @property
    def corners(self) -> NDArray[np.float64]:
        """(DIRECTIONS, 2): x, y of the outline, m."""
        return np.column_stack([self.x + self.radii * np.cos(_ANGLES), self.y + self.radii * np.sin(_ANGLES)])

    def depth(self, y: NDArray[np.floating[Any]], x: NDArray[np.floating[Any]]) -> Floats:
        """Distance (m) from places to the outline's edge in their direction, above 0 inside, (len(y), len(x))."""
        dy, dx = y[:, None] - self.y, x[None, :] - self.x
        sector = np.floor(np.arctan2(dy, dx) / (2 * np.pi / DIRECTIONS)).astype(np.int64) % DIRECTIONS
        ax, ay = self.radii * np.cos(_ANGLES), self.radii * np.sin(_ANGLES)
        ex, ey = np.roll(ax, -1) - ax, np.roll(ay, -1) - ay
        length = np.hypot(ex, ey)
        across = ex[sector] * (dy - ay[sector]) - ey[sector] * (dx - ax[sector])
        return np.asarray(across / length[sector], np.float32)

    def along(self, y: NDArray[np.floating[Any]], x: NDArray[np.floating[Any]]) -> tuple[Floats, Floats]:
        """Places in the site's own frame (m): towards the dam, and across."""
        dy, dx = y[:, None] - self.y, x[None, :] - self.x
        ahead = dx * np.cos(self.facing) + dy * np.sin(self.facing)
        aside = dy * np.cos(self.facing) - dx * np.sin(self.facing)
        return np.asarray(ahead, np.float32), np.asarray(aside, np.float32)


def _waves(rng: np.random.Generator, strengths: NDArray[np.floating[Any]]) -> NDArray[np.float64]:
    """A periodic random function of direction: waves 1, 2, 3 ... of these strengths, (DIRECTIONS,)."""
    order = np.arange(1, len(strengths) + 1)[:, None]
    phase, size = rng.uniform(0, 2 * np.pi, (len(strengths), 1)), rng.normal(0, 1, (len(strengths), 1))
    return np.asarray((strengths[:, None] * size * np.cos(order * _ANGLES + phase)).sum(0))


def _valley(rng: np.random.Generator, facing: float) -> NDArray[np.float64]:
    """A flooded valley behind a dam: long away from the dam, with arms up the side valleys."""
    away = _ANGLES - facing - np.pi
    stretch = rng.uniform(1.3, 2.8)
    radii = 1 / np.hypot(np.cos(away) / stretch, np.sin(away))
    arms = np.zeros(DIRECTIONS)
    for _ in range(rng.integers(0, 5)):
        middle, width = rng.uniform(-2.2, 2.2), rng.uniform(0.08, 0.22)
        arms += rng.uniform(0.2, 0.9) * np.exp(-(((np.angle(np.exp(1j * (away - middle)))) / width) ** 2))
    return np.asarray(radii * (1 + arms) * np.exp(_waves(rng, 0.16 / np.arange(1, 9) ** 0.7)))


def _paddock(rng: np.random.Generator, facing: float) -> NDArray[np.float64]:
    """A basin with four straight sides, one of them across ``facing``."""
    sides = facing + np.arange(4) * np.pi / 2 + rng.normal(0, 0.12, 4)
    distance = np.array([1, (s := rng.uniform(0.5, 1.5)), 1, s]) * rng.uniform(0.85, 1.15, 4)
    turned = np.cos(_ANGLES[None] - sides[:, None])
    return np.asarray(np.where(turned > 0.05, distance[:, None] / np.maximum(turned, 0.05), np.inf).min(0))


def _heap(rng: np.random.Generator, facing: float) -> NDArray[np.float64]:
    """A lobed shape without a straight side."""
    stretch = rng.uniform(1.0, 2.0)
    oval = 1 / np.hypot(np.cos(_ANGLES - facing) / stretch, np.sin(_ANGLES - facing))
    return np.asarray(oval * np.exp(_waves(rng, 0.22 / np.arange(1, 8))))


FORMS = {"valley": _valley, "paddock": _paddock, "heap": _heap}
"""How the radii of an outline are drawn, before they are scaled."""

DEPOSITS = {
    "grey pond": ("valley", 0.26), "pale pond": ("valley", 0.12), "red mud": ("paddock", 0.12), "basin": ("paddock", 0.12),
    "tan pond": ("valley", 0.18), "grown over": ("valley", 0.10), "waste stack": ("heap", 0.12),
}  # fmt: skip
"""Kinds of tailings deposits: the form of the outline, and how often they come."""

LOOK_ALIKES = {
    "pit": ("heap", 0.26), "lake": ("valley", 0.20), "clearing": ("heap", 0.22), "village": ("heap", 0.20),
    "burnt": ("heap", 0.08), "cloud": ("heap", 0.04),
}  # fmt: skip
"""Kinds of sites that are no tailings: the same."""


def draw_site(rng: np.random.Generator, kind: str, form: str, area: float) -> Site:
    """A site of this area on the map (m²), centred on (0, 0)."""
    facing = float(rng.uniform(0, 2 * np.pi))
    radii, dam = FORMS[form](rng, facing), np.inf
    radii = np.clip(radii / np.median(radii), 0.3, 4.0)
    if form == "valley":
        dam = float(rng.uniform(0.35, 0.8))
        turned = np.cos(_ANGLES - facing)
        radii = np.minimum(radii, np.where(turned > 0.02, dam / np.maximum(turned, 0.02), np.inf))
    scale = float(np.sqrt(area / (0.5 * np.sin(2 * np.pi / DIRECTIONS) * (radii * np.roll(radii, -1)).sum())))
    return Site(
        kind=kind, x=0.0, y=0.0, radii=radii * scale, facing=facing, dam=dam * scale,
        crest=float(min(rng.uniform(30, 160), 0.45 * scale)), level=float(rng.random()),
        tint=(float(rng.random()), float(rng.random())), seed=int(rng.integers(2**62)),
    )  # fmt: skip
