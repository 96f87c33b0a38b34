"""What lies under the sky: sand, grass, sea, snow, dunes, trees, far plants and lamps, in linear light."""

from dataclasses import dataclass

import numpy as np
from PIL import Image, ImageDraw

from outcrop.core.scene import Floats
from outcrop.tasks.flares.drawn.noise import enlarged, fractal, mixed, smoothstep
from outcrop.tasks.flares.drawn.sky import Sky

GROUNDS = ("none", "sand", "grass", "sea", "snow", "dune", "dark")

COLOURS = {
    "sand": (0.42, 0.30, 0.19),
    "grass": (0.12, 0.17, 0.05),
    "sea": (0.05, 0.12, 0.19),
    "snow": (0.75, 0.78, 0.85),
    "dune": (0.55, 0.36, 0.26),
    "dark": (0.04, 0.04, 0.035),
}
"""Share of light that the ground gives back."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Lamp:
    """A lamp: (row, col), linear colour (3,), and radius of its bulb, px."""

    place: tuple[float, float]
    colour: tuple[float, float, float]
    radius: float


def lay_ground(rng: np.random.Generator, sky: Sky, kind: str, horizon: float) -> Floats:
    """The sky's picture with ground below the horizon, (rows, cols, 3)."""
    picture = sky.picture.copy()
    rows, cols = picture.shape[:2]
    if kind == "none" or horizon >= rows:
        return picture
    line = horizon + _skyline(rng, cols, rows, kind)
    y = np.arange(rows, dtype=np.float32)[:, None]
    share = smoothstep(-0.7, 0.7, y - line[None])
    near = np.clip((y - horizon) / max(rows - horizon, 1.0), 0, 1)
    colour = np.array(COLOURS[kind]) * np.exp(rng.normal(0, 0.18, 3))
    light = np.array(sky.ambient) * 0.8
    if sky.light == "day":
        light = 0.3 * light + float(rng.uniform(0.45, 0.85)) * np.array([1.0, 0.95, 0.86])
    if kind == "sea":
        # Water mirrors the sky above the horizon, more of it far out.
        base = (
            0.55
            * picture[max(int(horizon) - 8, 0) : max(int(horizon), 1)].mean(axis=(0, 1))
            * (1 - 0.7 * near[..., None])
        )
        waves = _ground_noise(rng, (rows, cols), horizon, 5.0, 40.0)
        ground = (base + colour * light * near[..., None]) * np.exp(0.22 * waves)[..., None]
    else:
        waves = _ground_noise(rng, (rows, cols), horizon, 5.0, 30.0 if kind != "dune" else 10.0)
        rough = {"grass": 0.28, "snow": 0.05, "dune": 0.08}.get(kind, 0.14)
        ground = colour * light * (0.75 + 0.35 * near[..., None]) * np.exp(rough * waves)[..., None]
    haze = picture[max(int(horizon) - 4, 0) : max(int(horizon), 1)].mean(axis=(0, 1))
    ground = mixed(np.asarray(ground, np.float32), haze, 0.35 * (1 - near) ** 6 * np.ones((1, cols), np.float32))
    return mixed(picture, ground, share)


def _skyline(rng: np.random.Generator, cols: int, rows: int, kind: str) -> Floats:
    """Departure of the ground's edge from the horizon, px, (cols,)."""
    if kind == "sea":
        return np.zeros(cols, np.float32)
    height = {"dune": 0.035, "dark": 0.012, "grass": 0.012}.get(kind, 0.006) * rows
    octaves = 2 if kind == "dune" else 4
    return np.asarray(height * fractal(rng, (8, cols), (0.3, float(rng.uniform(0.6, 2.5))), octaves=octaves)[0])


def _ground_noise(
    rng: np.random.Generator, shape: tuple[int, int], horizon: float, across: float, squeeze: float
) -> Floats:
    """Noise that is finer and flatter towards the horizon."""
    height = max(int(shape[0] - horizon), 4)
    low = height / shape[1]
    near = fractal(rng, (height, shape[1]), (across * squeeze * low / 6, across), octaves=7, gain=0.9)
    far = fractal(rng, (height, shape[1]), (across * squeeze * low, across * 3), octaves=5, gain=0.9)
    depth = np.linspace(0, 1, height, dtype=np.float32)[:, None]
    out = np.zeros(shape, np.float32)
    out[shape[0] - height :] = far * (1 - depth) + near * depth
    return out


def plant_trees(rng: np.random.Generator, picture: Floats, sky: Sky, horizon: float, *, autumn: bool = False) -> Floats:
    """A line of trees along the horizon; ``autumn`` makes them tall, yellow, orange and red."""
    rows, cols = picture.shape[:2]
    height = rows * float(rng.uniform(0.2, 0.5) if autumn else rng.uniform(0.015, 0.06))
    bumps = fractal(rng, (8, cols), (0.3, float(rng.uniform(3, 9))), octaves=6, gain=0.4 if autumn else 0.62)[0]
    top = horizon - height * (0.7 + (0.16 if autumn else 0.3) * bumps)
    y = np.arange(rows, dtype=np.float32)[:, None]
    share = smoothstep(0, 1.6, y - top[None]) * smoothstep(horizon + 3, horizon, y)
    leaves = fractal(rng, (rows, cols), (22.0, 22.0), octaves=4, gain=0.8)
    if autumn:
        hue = enlarged(
            smoothstep(-1, 1, fractal(rng, (max(rows // 2, 8), max(cols // 2, 8)), (4.0, 5.0))), (rows, cols)
        )
        colour = mixed(
            np.broadcast_to(np.array([0.55, 0.25, 0.03], np.float32), (rows, cols, 3)), [0.42, 0.06, 0.02], hue
        )
    else:
        colour = np.broadcast_to(np.array([0.035, 0.055, 0.02], np.float32), (rows, cols, 3))
    light = np.array(sky.ambient, np.float32)
    return mixed(picture, colour * light * np.exp((0.5 if autumn else 0.25) * leaves)[..., None], share)


def draw_lamps(
    rng: np.random.Generator, shape: tuple[int, int], horizon: float, count: int, *, kind: str = ""
) -> list[Lamp]:
    """Lamps of a plant at night, scattered low above the horizon; kind "sodium" puts them in rows, "red" high up."""
    palette = {
        "sodium": (1.0, 0.42, 0.05),
        "white": (1.0, 0.9, 0.7),
        "blue": (0.7, 0.85, 1.0),
        "red": (1.0, 0.04, 0.02),
    }
    lamps = []
    base = min(horizon, shape[0] * 0.95)
    slope, start, step = rng.uniform(-0.15, 0.15), rng.uniform(0, 0.2), rng.uniform(0.05, 0.12)
    for i in range(count):
        name = kind or str(rng.choice(["sodium", "white", "blue", "red"], p=[0.5, 0.3, 0.1, 0.1]))
        col = shape[1] * float(rng.uniform(0.02, 0.98))
        row = base - shape[0] * float(min(rng.exponential(0.08), 0.6))
        if kind == "sodium":
            col = shape[1] * float((start + i * step) % 1.0)
            row = base - shape[0] * float(0.12 + slope * (col / shape[1] - 0.5) + rng.normal(0, 0.004))
        if kind == "red":
            row = shape[0] * float(rng.uniform(0.1, 0.7))
        power = float(np.exp(rng.normal(1.3, 0.8)))
        r, g, b = palette[name]
        radius = float(np.exp(rng.normal(0.2, 0.5))) * shape[0] / 640
        lamps.append(Lamp(place=(row, col), colour=(r * power, g * power, b * power), radius=radius))
    return lamps


def light_lamps(picture: Floats, lamps: list[Lamp]) -> Floats:
    """Light of the lamps' bulbs alone, (rows, cols, 3), to be added to the picture (glare comes with the camera)."""
    rows, cols = picture.shape[:2]
    out = np.zeros_like(picture)
    for lamp in lamps:
        reach = int(4 * lamp.radius) + 2
        row, col = int(lamp.place[0]), int(lamp.place[1])
        top, left = max(row - reach, 0), max(col - reach, 0)
        y, x = np.ogrid[top : min(row + reach, rows), left : min(col + reach, cols)]
        if y.size and x.size:
            away = (y - lamp.place[0]) ** 2 + (x - lamp.place[1]) ** 2
            spot = np.exp(-away / (2 * lamp.radius**2)).astype(np.float32)
            out[top : top + y.size, left : left + x.size] += spot[..., None] * np.array(lamp.colour, np.float32)
    return out


def far_plant(rng: np.random.Generator, picture: Floats, sky: Sky, horizon: float) -> Floats:
    """Columns, tanks, halls and pylons small at the horizon, in haze."""
    rows, cols = picture.shape[:2]
    image = Image.new("L", (cols * 2, rows * 2))
    pen = ImageDraw.Draw(image)
    base, unit = 2 * horizon + 4, 2 * rows * float(rng.uniform(0.03, 0.10))
    left, right = sorted(rng.uniform(-0.1, 1.1, 2) * cols * 2)
    for _ in range(int(rng.integers(8, 40))):
        x, high = float(rng.uniform(left, right)), unit * float(np.exp(rng.normal(-0.4, 0.5)))
        kind = int(rng.integers(5))
        if kind == 0:
            pen.rectangle((x, base - high, x + high * 0.12 + 1, base), fill=255)
        elif kind == 1:
            pen.rounded_rectangle((x, base - high * 0.4, x + high * 0.7, base), radius=high * 0.08, fill=255)
        elif kind == 2:
            pen.rectangle((x, base - high * 0.35, x + high * 1.2, base), fill=255)
        elif kind == 3:
            pen.line((x, base, x + high * 0.12, base - high * 1.6, x + high * 0.24, base), fill=255, width=2)
        else:
            pen.rounded_rectangle((x, base - high, x + high * 0.25, base), radius=high * 0.1, fill=255)
    share = np.asarray(image.resize((cols, rows), Image.Resampling.BOX), np.float32) / 255
    haze = picture[max(int(horizon) - 6, 0) : max(int(horizon), 1)].mean(axis=(0, 1))
    colour = haze * float(rng.uniform(0.25, 0.7)) + 0.05 * np.array(sky.ambient, np.float32)
    above = smoothstep(horizon + 3, horizon, np.arange(rows, dtype=np.float32))[:, None]
    return mixed(picture, colour, np.asarray(share * above, np.float32))
