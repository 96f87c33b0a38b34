"""Flames and plumes of a drawn photo, their outlines and what is true of them."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from math import atan2, degrees

import numpy as np
from numpy.typing import NDArray

from outcrop.core.grid import Window
from outcrop.core.scene import Floats, Outlined
from outcrop.tasks.flares.drawn.flame import Frame, Placed, Shape, chord, without_shreds
from outcrop.tasks.flares.drawn.law import Burn

FLAME, SMOKE = 0, 1
"""Labels, indices into the room's classes."""
CLASSES = ("flame", "smoke")
SEEN_SMOKE = 0.15
"""Opacity from which a pixel belongs to a plume."""
LEAST_SEEN = 0.25
"""Share of a plume's pixels that must differ from what is behind them, or it is not labelled."""
SMALLEST = 12
"""Pixels below which a flame or plume is not labelled."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Thing:
    """A flame or a plume of a drawn photo.

    Attributes:
        label: index into CLASSES.
        outline: its pixels.
        truth: by measurement name. A flame: flared_gas (thousand m³/day at 20 °C), heat_release (MW), heating_value
            (MJ/m³ at 20 °C), flame_length (m, along its axis), flame_area (m², as seen), tilt (degrees from upright,
            positive to the right), lift_off (m), view_angle (degrees out of the picture plane), length_factor (length /
            law). A plume: opacity and densest (shares 0..1, median and upper tenth of its pixels), smoke_area (m²).
        cut: part of it lies outside the picture.
    """

    label: int
    outline: Outlined
    truth: Mapping[str, float]
    cut: bool

    @property
    def box(self) -> tuple[float, float, float, float]:
        """left, top, right, bottom, px."""
        w = self.outline.window
        return float(w.col), float(w.row), float(w.col + w.width), float(w.row + w.height)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class DrawnPhoto:
    """A made-up photo and what is true of it.

    Attributes:
        picture: (rows, cols, 3) uint8, sRGB.
        kind: what was drawn, one of BURNING or decoys.DECOYS.
        light: "day", "overcast", "dusk" or "night".
        things: flames first, then plumes; empty for decoys.
        truth: by measurement name, of the whole photo: sums of flared_gas and heat_release, and of the largest flame
            and plume all else; empty for decoys.
        scale: m/px at the flare; nan where nothing burns.
    """

    picture: NDArray[np.uint8]
    kind: str
    light: str
    things: tuple[Thing, ...] = ()
    truth: Mapping[str, float] = field(default_factory=dict)
    scale: float = float("nan")

    @property
    def boxes(self) -> Floats:
        """(n, 4): left, top, right, bottom, px."""
        return np.array([thing.box for thing in self.things], np.float32).reshape(-1, 4)

    @property
    def labels(self) -> NDArray[np.int64]:
        """(n,), index into CLASSES."""
        return np.array([thing.label for thing in self.things], np.int64)

    @property
    def mask(self) -> NDArray[np.uint8]:
        """(rows, cols): 0 background, 1 flame, 2 smoke."""
        mask = np.zeros(self.picture.shape[:2], np.uint8)
        for thing in reversed(self.things):
            mask[thing.outline.window.slices][thing.outline.inside] = thing.label + 1
        return mask

    @property
    def values(self) -> Floats:
        """(3, rows, cols) float32, 0..1, as a scene reads it."""
        return np.ascontiguousarray(self.picture.transpose(2, 0, 1), np.float32) / np.float32(255)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Fire:
    """One flame before it is photographed.

    Attributes:
        angle: radians from upright to the axis at the mouth.
        view: degrees between axis and picture plane.
    """

    burn: Burn
    shape: Shape
    mouth: tuple[float, float]
    angle: float
    view: float


def flame_thing(
    fire: Fire, frame: Frame, nominal: float, placed: Placed, scale: float, shape: tuple[int, ...]
) -> Thing | None:
    """A flame with its truth; None where too little of it falls inside the picture."""
    outlined = _outlined(placed.inside, placed.window)
    if outlined is None:
        return None
    u, v = chord(fire.shape, frame)
    start = fire.shape.lift + frame.ends[0]
    truth: dict[str, float] = {
        "flared_gas": fire.burn.flow,
        "heat_release": fire.burn.heat,
        "heating_value": fire.burn.heating_value,
        "flame_length": fire.burn.length,
        "flame_area": float(outlined.inside.sum()) * scale**2,
        "tilt": degrees(fire.angle + atan2(v, u)),
        "lift_off": max(start, 0.0) * nominal * scale,
        "view_angle": fire.view,
        "length_factor": fire.burn.factor,
    }
    return Thing(label=FLAME, outline=outlined, truth=truth, cut=_cut(outlined.window, shape))


def smoke_thing(
    tau: Floats, differs: NDArray[np.bool_], taken: NDArray[np.bool_], scale: float, *, dark: bool
) -> Thing | None:
    """The plume's pixels before which no flame stands; None where it can hardly be seen.

    Args:
        differs: pixels in which an eye sees the plume; in the dark it has no others.
    """
    inside = (tau < 1 - SEEN_SMOKE) & ~taken
    if int((inside & differs).sum()) < LEAST_SEEN * int(inside.sum()):
        return None
    if dark:
        inside &= differs
    outlined = _outlined(inside, Window(row=0, col=0, height=tau.shape[0], width=tau.shape[1]))
    if outlined is None:
        return None
    opacity = 1 - tau[outlined.window.slices][outlined.inside]
    truth = {
        "opacity": float(np.median(opacity)),
        "densest": float(np.quantile(opacity, 0.9)),
        "smoke_area": float(outlined.inside.sum()) * scale**2,
    }
    return Thing(label=SMOKE, outline=outlined, truth=truth, cut=_cut(outlined.window, tau.shape))


def _outlined(inside: NDArray[np.bool_], window: Window) -> Outlined | None:
    """The pixels in the smallest window around them, without shreds that nobody would outline."""
    if int(inside.sum()) < SMALLEST:
        return None
    inside = without_shreds(inside)
    if not inside.any():
        return None
    rows, cols = np.nonzero(inside.any(axis=1))[0], np.nonzero(inside.any(axis=0))[0]
    top, bottom, left, right = rows[0], rows[-1] + 1, cols[0], cols[-1] + 1
    tight = Window(
        row=window.row + int(top), col=window.col + int(left), height=int(bottom - top), width=int(right - left)
    )
    return Outlined(window=tight, inside=inside[top:bottom, left:right].copy())


def _cut(window: Window, shape: tuple[int, ...]) -> bool:
    return (
        window.row == 0
        or window.col == 0
        or window.row + window.height == shape[0]
        or window.col + window.width == shape[1]
    )
