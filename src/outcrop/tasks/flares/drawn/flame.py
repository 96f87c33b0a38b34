"""A turbulent flame with known edges: computed in its own frame, then bent, turned and scaled into a picture.

The flame's frame has u along its axis (0 at its start, about 1 at its end, in units of its nominal length) and v across.
Its half width follows a power profile; a swaying and a fractal displacement, stronger further up, wrinkle it, and noise
along the flow tears its upper part. Burning soot shines in one ratio of red, green and blue; what looks red, orange,
yellow or white in a photo is the same light, fainter or stronger, where red, then green, then blue fill up.
"""

from dataclasses import dataclass
from math import asinh, cos, sin, sqrt

import numpy as np
from numpy.typing import NDArray

from outcrop.core.grid import Window
from outcrop.core.scene import Floats
from outcrop.tasks.flares.drawn.noise import Field, smoothstep

U_RANGE = (-0.06, 1.34)
"""Part of the axis that is computed."""
SHRED = 0.015
"""Share of a thing's pixels below which a loose piece is left out of its outline."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Shape:
    """How a flame is built.

    Attributes:
        width: largest width / nominal length, before wrinkling.
        swell, close: powers of the profile at the start and at the end.
        bend: curvature of its axis: v = bend u².
        sway: sideways sway of its upper end.
        wrinkle, tear: strength of displacement and of tearing.
        contrast: of light inside, e-folds.
        light: mean light inside, 1 just fills a picture's red.
        thick: opacity of its body.
        green, blue: share of green and blue in its light.
        lift: gap between the mouth and the flame, in nominal lengths.
        fields: sway, displacement (two), tearing, filaments.
    """

    width: float
    swell: float
    close: float
    bend: float
    sway: float
    wrinkle: float
    tear: float
    contrast: float
    light: float
    thick: float
    green: float
    blue: float
    lift: float
    fields: tuple[Field, ...]


def draw_shape(rng: np.random.Generator, light: str, *, wind: float | None = None) -> Shape:
    """A flame; ``light`` is that of the sky, ``wind`` 0..1 bends and broadens it."""
    wind = float(rng.uniform(0, 1)) if wind is None else wind
    width = float(np.exp(rng.normal(np.log(0.43 + 0.10 * wind), 0.35)))
    dark = light in ("night", "dusk")
    exposure = rng.normal(1.7, 0.7) if dark else rng.normal(0.55, 0.55)
    if rng.random() < 0.08:
        exposure += 1.6
    width = min(max(width, 0.15), 0.85)
    return Shape(
        width=width,
        swell=float(rng.uniform(0.5, 1.05)),
        close=float(rng.uniform(0.22, 0.7)),
        bend=float(rng.choice([-1, 1]) * rng.uniform(0.02, 0.1 + 0.35 * wind)),
        sway=float(rng.uniform(0.02, 0.10)),
        wrinkle=float(rng.uniform(0.06, 0.13)),
        tear=float(rng.uniform(0.25, 0.85)),
        contrast=float(rng.uniform(0.35, 0.8)) * (0.75 if dark else 1.0),
        light=float(np.exp(exposure)),
        thick=float(rng.uniform(0.8, 1.0)) if rng.random() < 0.85 else float(rng.uniform(0.55, 0.8)),
        green=float(rng.uniform(0.17, 0.34)),
        blue=float(np.exp(rng.uniform(np.log(0.006), np.log(0.06)))),
        lift=0.0 if rng.random() < 0.5 else float(rng.uniform(0.01, 0.07)),
        fields=(
            Field(rng, (1.6, 0.4), octaves=2),
            Field(rng, (4.0, 3.0), octaves=6, gain=0.62),
            Field(rng, (4.0, 3.0), octaves=6, gain=0.62),
            Field(rng, (5.0, 5.0), octaves=6, gain=0.62),
            Field(rng, (7.0, 8.0), octaves=5, gain=0.62),
        ),
    )


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Frame:
    """A flame in its own frame.

    Attributes:
        cover: (n, m), opacity 0..1 along u and across v.
        heat: (n, m), ln of light.
        step: nominal lengths per cell.
        across: v of the middle column is 0; v of column 0.
        ends: u of the first and last row where the flame's body is seen.
    """

    cover: Floats
    heat: Floats
    step: float
    across: float
    ends: tuple[float, float]


def burn(shape: Shape, cells: int, *, time: float = 0.0) -> Frame:
    """The flame at a time, ``cells`` to the nominal length."""
    half = 0.5 * shape.width * 1.7 + 0.14
    n, m = int((U_RANGE[1] - U_RANGE[0]) * cells), int(2 * half * cells) | 1
    step = 1.0 / cells
    u = np.linspace(U_RANGE[0], U_RANGE[1], n, dtype=np.float32)[:, None]
    v = (np.arange(m, dtype=np.float32) - m // 2)[None] * np.float32(step)
    sway, du, dv, tear, threads = (
        field.at((n, m), time=time * rate, scroll=time * 0.9)
        for field, rate in zip(shape.fields, (0.5, 1.0, 1.0, 1.2, 1.6), strict=True)
    )
    up = np.clip(u, 0, 1)
    threads = _carried(threads, du, dv, cells * 0.075)
    # Eddies grow with the flame: small near the mouth, large near the end.
    strength = shape.wrinkle * (0.12 + 1.1 * up)
    uu = u + strength * du
    vv = v + 0.6 * strength * dv + shape.sway * up**1.5 * sway[:, m // 2][:, None]
    peak = (shape.swell / (shape.swell + shape.close)) ** shape.swell * (
        shape.close / (shape.swell + shape.close)
    ) ** shape.close
    inside = np.clip(uu, 0.0, 1.0)
    profile = (inside + 0.015) ** shape.swell * (1 - inside) ** shape.close / peak
    depth = (0.5 * shape.width * profile - np.abs(vv)) / (0.5 * shape.width)
    depth = np.where((uu < 0) | (uu > 1), np.minimum(depth, -0.6), depth)
    billow = 0.55 - np.abs(tear)
    body = depth + shape.tear * (0.10 + 0.75 * up**1.3) * billow - 0.10 * shape.tear * up
    edge = 0.05 + 0.07 * up
    cover = smoothstep(-0.02, 1.0, np.asarray(body / edge, np.float32)) * np.float32(shape.thick)
    # The first part of a fast jet is pale: unmixed gas is not yet soot.
    cover = cover * (0.55 + 0.45 * smoothstep(0.0, 0.10, u))
    ridges = 1.0 - 1.6 * np.abs(threads) - 0.35 * np.abs(tear)
    heat = np.log(shape.light) + shape.contrast * (ridges + 0.5 * du) + 0.9 * np.clip(body, 0, 0.8) - 0.8 * up**1.6
    rows = np.nonzero(without_shreds(cover > 0.5 * shape.thick).any(axis=1))[0]
    ends = (float(u[rows[0], 0]), float(u[rows[-1], 0]) + step) if len(rows) else (0.0, 1.0)
    return Frame(
        cover=np.asarray(cover, np.float32), heat=np.asarray(heat, np.float32), step=step,
        across=-(m // 2) * step, ends=ends,
    )  # fmt: skip


def without_shreds(inside: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Pixels without loose pieces that nobody would outline."""
    from scipy.ndimage import label

    parts, count = label(inside)
    if count < 2:
        return inside
    sizes = np.bincount(parts.ravel())
    sizes[0] = 0
    return np.asarray((sizes >= SHRED * sizes.sum())[parts])


def _carried(field: Floats, down: Floats, across: Floats, far: float) -> Floats:
    """A field carried along by displacements of ``far`` cells: it swirls."""
    from scipy.ndimage import map_coordinates

    rows, cols = np.mgrid[: field.shape[0], : field.shape[1]].astype(np.float32)
    at = np.stack([rows + far * 1.4 * down, cols + far * across])
    return np.asarray(map_coordinates(field, at, order=1, mode="nearest", output=np.float32))


def along(bend: float, u: float) -> float:
    """Way along the axis v = bend u² from 0 to u."""
    if abs(bend) < 1e-6:
        return u
    k = 2 * bend
    return 0.5 * (u * sqrt(1 + (k * u) ** 2) + asinh(k * u) / k)


def seen_length(shape: Shape, frame: Frame) -> float:
    """Way along the bent axis from the flame's start to its end, nominal lengths."""
    return along(shape.bend, frame.ends[1]) - along(shape.bend, frame.ends[0])


def chord(shape: Shape, frame: Frame) -> tuple[float, float]:
    """(u, v) of the straight way from the flame's start to its end."""
    first, last = frame.ends
    return last - first, shape.bend * (last**2 - first**2)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Placed:
    """A flame in a picture.

    Attributes:
        window: where it lies.
        cover: (rows, cols) of the window, opacity.
        glow: (rows, cols, 3) of the window, light it sends out where it covers, linear.
        inside: True where it is seen as flame.
    """

    window: Window
    cover: Floats
    glow: Floats
    inside: NDArray[np.bool_]


def place(
    shape: Shape, frame: Frame, picture: tuple[int, int], mouth: tuple[float, float], angle: float, nominal: float
) -> Placed | None:
    """Lay the flame into a picture; None where none of it falls inside.

    Args:
        mouth: (row, col) of the stack's mouth.
        angle: radians from upright to the axis at the mouth, positive to the right.
        nominal: px of the nominal length.
    """
    from scipy.ndimage import map_coordinates

    rows, cols = np.nonzero(frame.cover[::4, ::4] > 0.02)
    if not len(rows):
        return None
    u = U_RANGE[0] + rows * 4 * frame.step + shape.lift
    v = frame.across + cols * 4 * frame.step + shape.bend * np.maximum(u, 0) ** 2
    x = mouth[1] + nominal * (u * sin(angle) + v * cos(angle))
    y = mouth[0] - nominal * (u * cos(angle) - v * sin(angle))
    pad = 4 * frame.step * nominal + 2
    top, bottom = max(int(y.min() - pad), 0), min(int(y.max() + pad) + 1, picture[0])
    left, right = max(int(x.min() - pad), 0), min(int(x.max() + pad) + 1, picture[1])
    if bottom - top < 2 or right - left < 2:
        return None
    r, c = np.mgrid[top:bottom, left:right].astype(np.float32)
    dx, dy = (c + 0.5 - mouth[1]) / nominal, (mouth[0] - r - 0.5) / nominal
    along_axis = dx * sin(angle) + dy * cos(angle)
    off_axis = dx * cos(angle) - dy * sin(angle) - shape.bend * np.maximum(along_axis, 0) ** 2
    at = np.stack([(along_axis - shape.lift - U_RANGE[0]) / frame.step, (off_axis - frame.across) / frame.step])
    cover = map_coordinates(frame.cover, at, order=1, output=np.float32)
    heat = np.minimum(map_coordinates(frame.heat, at, order=1, output=np.float32, mode="nearest"), 5.0)
    strength = np.exp(heat)
    # Cooler soot is redder.
    green = shape.green * np.clip(0.80 + 0.16 * heat, 0.45, 1.25)
    glow = np.stack([strength, strength * green, strength * shape.blue * np.clip(0.8 + 0.3 * heat, 0.3, 2.0)], axis=-1)
    inside = cover > 0.5 * shape.thick
    if not inside.any():
        return None
    window = Window(row=top, col=left, height=bottom - top, width=right - left)
    return Placed(window=window, cover=cover, glow=np.asarray(glow, np.float32), inside=inside)
