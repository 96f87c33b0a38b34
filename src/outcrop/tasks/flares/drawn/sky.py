"""Skies in linear light: clear and cloudy days, overcast, dusk and night."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from outcrop.core.scene import Floats
from outcrop.tasks.flares.drawn.noise import enlarged, fractal, mixed, smoothstep

LIGHTS = ("day", "overcast", "dusk", "night")

CLEAR = (
    ((0.03, 0.13, 0.42), (0.28, 0.48, 0.78)),
    ((0.06, 0.20, 0.50), (0.45, 0.62, 0.82)),
    ((0.02, 0.10, 0.22), (0.12, 0.34, 0.48)),
    ((0.10, 0.14, 0.42), (0.33, 0.36, 0.66)),
    ((0.20, 0.34, 0.56), (0.60, 0.70, 0.80)),
    ((0.10, 0.18, 0.30), (0.35, 0.45, 0.55)),
    ((0.01, 0.06, 0.25), (0.10, 0.26, 0.55)),
)
"""Colours of clear skies: high up, and at the horizon."""

DUSK = (
    ((0.02, 0.05, 0.12), (0.90, 0.30, 0.06)),
    ((0.10, 0.05, 0.04), (0.70, 0.20, 0.06)),
    ((0.03, 0.07, 0.16), (0.55, 0.42, 0.30)),
    ((0.06, 0.10, 0.22), (0.80, 0.50, 0.28)),
    ((0.20, 0.08, 0.03), (0.95, 0.38, 0.05)),
    ((0.04, 0.04, 0.12), (0.50, 0.18, 0.22)),
)
"""Colours of skies at dusk and dawn: high up, and at the horizon."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Sky:
    """A sky.

    Attributes:
        light: one of LIGHTS.
        picture: (rows, cols, 3), linear light.
        ambient: what it lends to things in its light, (3,).
        sun: (row, col) of a sun in the picture; None where there is none.
    """

    light: str
    picture: Floats
    ambient: tuple[float, float, float]
    sun: tuple[float, float] | None = None


def draw_sky(
    rng: np.random.Generator, shape: tuple[int, int], light: str, horizon: float, *, sun: bool = False, clouds: str = ""
) -> Sky:
    """A sky over the whole picture.

    Args:
        horizon: row where sky and ground meet; below the picture's last row when the camera looks up.
        sun: draw a low sun, at dusk.
        clouds: "cumulus", "cirrus", "streaks", "none"; "" draws one.
    """
    makers = {"day": _day, "overcast": _overcast, "dusk": _dusk, "night": _night}
    return makers[light](rng, shape, horizon, sun, clouds)


def _gradient(shape: tuple[int, int], horizon: float, top: NDArray[Any], low: NDArray[Any], power: float) -> Floats:
    """From ``top`` at row 0 to ``low`` at the horizon."""
    rise = np.clip(np.arange(shape[0], dtype=np.float32) / max(horizon, 1.0), 0, 1)[:, None, None] ** np.float32(power)
    picture = top.astype(np.float32) * (1 - rise) + low.astype(np.float32) * rise
    return np.asarray(np.broadcast_to(picture, (*shape, 3)).copy(), np.float32)


def _half(shape: tuple[int, int]) -> tuple[int, int]:
    return max(shape[0] // 2, 8), max(shape[1] // 2, 8)


def _cumulus(rng: np.random.Generator, shape: tuple[int, int], horizon: float) -> tuple[Floats, Floats]:
    """Cover and brightness of heaped clouds, lower ones flatter and closer together."""
    rows, cols = _half(shape)
    step = max(rows // 40, 2)
    # A few rows more at the top, for the shade that they throw.
    small = (rows + step, cols)
    cells = float(rng.uniform(1.5, 4.0))
    depth = np.linspace(0, 1, small[0], dtype=np.float32)[:, None]
    far = smoothstep(0.3, 1.0, depth * shape[0] / max(horizon, 1.0))
    coarse = fractal(rng, small, (cells * 1.4, cells), octaves=7, gain=0.52)
    thin = fractal(rng, small, (cells * 5, cells * 1.5), octaves=6, gain=0.52)
    body = coarse * (1 - far) + thin * far
    cover = float(rng.uniform(-0.4, 1.3))
    soft = float(rng.uniform(0.25, 0.9))
    share = smoothstep(cover, cover + soft, body)
    # Light comes from above: thick parts hide the parts below them.
    shade = np.clip(body[step:] - body[:-step], -1, 1)
    body, share = body[step:], share[step:]
    return enlarged(share, shape), enlarged(0.82 + 0.30 * shade - 0.16 * np.clip(body - cover - soft, 0, 2), shape)


def _cirrus(rng: np.random.Generator, shape: tuple[int, int], horizon: float) -> tuple[Floats, Floats]:
    """Thin veils, drawn out by wind."""
    del horizon
    body = fractal(rng, _half(shape), (float(rng.uniform(3, 7)), float(rng.uniform(0.8, 2.0))), octaves=6, gain=0.6)
    share = enlarged(float(rng.uniform(0.3, 0.8)) * smoothstep(-0.6, 1.8, body), shape)
    return share, np.full(shape, 0.85, np.float32)


def _day(rng: np.random.Generator, shape: tuple[int, int], horizon: float, sun: bool, clouds: str) -> Sky:
    del sun
    top, low = (np.array(colour) for colour in CLEAR[int(rng.integers(len(CLEAR)))])
    jitter = np.exp(rng.normal(0, 0.12, 3))
    top, low = top * jitter, np.minimum(low * jitter, 0.85)
    picture = _gradient(shape, max(horizon, shape[0] * 0.8) * float(rng.uniform(0.9, 1.6)), top, low, 1.3)
    kind = clouds or str(rng.choice(["none", "cumulus", "cirrus", "both"], p=[0.3, 0.35, 0.2, 0.15]))
    white = np.array([0.78, 0.80, 0.84], np.float32) * np.float32(rng.uniform(0.75, 1.1))
    for name, maker in (("cirrus", _cirrus), ("cumulus", _cumulus)):
        if kind in (name, "both"):
            share, bright = maker(rng, shape, horizon)
            cloud = np.asarray(white * bright[..., None], np.float32)
            picture = mixed(picture, cloud, share * np.float32(rng.uniform(0.6, 1.0)))
    ambient = tuple(float(v) for v in (0.5 * (top + low) + 0.25))
    return Sky(light="day", picture=np.maximum(picture, 0.002), ambient=(ambient[0], ambient[1], ambient[2]))


def _overcast(rng: np.random.Generator, shape: tuple[int, int], horizon: float, sun: bool, clouds: str) -> Sky:
    del sun, clouds
    level = float(np.exp(rng.uniform(np.log(0.05), np.log(0.6))))
    tint = np.array([1.0, 1.0, 1.0]) * np.exp(rng.normal(0, 0.07, 3)) * np.array([0.97, 1.0, 1.04])
    picture = _gradient(shape, max(horizon, shape[0]), level * tint * rng.uniform(0.6, 1.0), level * tint * 1.25, 1.0)
    cells = float(rng.uniform(1.0, 3.5))
    body = fractal(rng, _half(shape), (cells * 2.2, cells), octaves=6, gain=0.5)
    strength = float(rng.uniform(0.03, 0.32))
    picture *= np.exp(strength * enlarged(body, shape))[..., None]
    a = level * tint
    return Sky(light="overcast", picture=np.clip(picture, 0.002, 0.95), ambient=(float(a[0]), float(a[1]), float(a[2])))


def _dusk(rng: np.random.Generator, shape: tuple[int, int], horizon: float, sun: bool, clouds: str) -> Sky:
    top, low = (np.array(colour) for colour in DUSK[int(rng.integers(len(DUSK)))])
    level = float(rng.uniform(0.4, 1.0))
    picture = _gradient(shape, min(horizon, shape[0] * 1.3), top * level, low * level, float(rng.uniform(1.2, 3.0)))
    where = None
    y, x = np.mgrid[: shape[0], : shape[1]].astype(np.float32)
    if sun:
        line = min(horizon, float(shape[0]))
        where = (line * float(rng.uniform(0.55, 1.0)), shape[1] * float(rng.uniform(0.1, 0.9)))
        away = np.hypot(y - where[0], x - where[1]) / max(shape)
        radius = float(rng.uniform(0.012, 0.05))
        glow = 0.9 * np.exp(-away / 0.05) + 0.35 * np.exp(-away / 0.22)
        picture += glow[..., None] * np.array([1.0, 0.42, 0.10], np.float32) * np.float32(level)
        disc = smoothstep(radius * 1.15, radius * 0.9, away)
        bright = float(rng.uniform(0.5, 1.3))
        picture = mixed(picture, (2.6 * bright, 1.7 * bright, 0.6 * bright), disc)
    if clouds != "none" and rng.random() < 0.75:
        cells = float(rng.uniform(0.8, 2.2))
        body = fractal(rng, _half(shape), (cells * float(rng.uniform(2, 6)), cells), octaves=6, gain=0.5)
        share = enlarged(smoothstep(0.1, 1.3, body), shape) * np.float32(rng.uniform(0.4, 0.9))
        # Low light colours the clouds' undersides near the horizon and leaves the high ones dark.
        lit = np.clip(y / max(min(horizon, shape[0]), 1), 0, 1)[..., None] ** 2
        colour = picture * (0.45 + 0.5 * lit) + lit * np.array([0.30, 0.09, 0.03], np.float32) * np.float32(level)
        picture = mixed(picture, colour, share)
    a = 0.06 * (top + low) * level
    return Sky(
        light="dusk", picture=np.clip(picture, 0.002, 4.0), ambient=(float(a[0]), float(a[1]), float(a[2])), sun=where
    )


def _night(rng: np.random.Generator, shape: tuple[int, int], horizon: float, sun: bool, clouds: str) -> Sky:
    del sun, clouds
    tint = np.array([[0.5, 0.7, 1.3], [1.4, 0.8, 0.4], [0.9, 0.9, 1.0]][int(rng.integers(3))])
    level = float(np.exp(rng.uniform(np.log(0.0012), np.log(0.02))))
    glow = np.array([1.3, 0.7, 0.3]) if rng.random() < 0.6 else tint
    picture = _gradient(shape, min(horizon, shape[0] * 1.2), level * tint, level * (tint + 2.5 * glow), 2.5)
    picture *= np.exp(0.3 * enlarged(fractal(rng, _half(shape), (3.0, 2.0)), shape))[..., None]
    if rng.random() < 0.4:
        count = int(rng.integers(30, 200))
        rows, cols = rng.integers(0, shape[0], count), rng.integers(0, shape[1], count)
        picture[rows, cols] += (rng.pareto(2.0, count) * 0.03).clip(0, 0.6)[:, None].astype(np.float32)
    return Sky(light="night", picture=np.maximum(picture, 0.0005), ambient=(level, level, level))
