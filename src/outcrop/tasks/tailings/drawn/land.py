"""Made-up land as Sentinel-2 sees it from above the atmosphere: hills, woods, farms, rivers, roads.

Colours are top-of-atmosphere reflectances of red, green and blue (B4, B3, B2), (3, rows, cols). Their levels follow
what yearly medians over Brazil's mining districts look like in the mean; no pixel is taken from any picture.
"""

from dataclasses import dataclass

import numpy as np

from outcrop.core.scene import Floats
from outcrop.tasks.tailings.drawn.noise import Axis1, Real, fractal, grain, mix, plots, ramp, smooth, uniform


def colour(red: float, green: float, blue: float) -> Floats:
    """Reflectances of B4, B3, B2 as a (3, 1, 1) array."""
    return np.array([red, green, blue], np.float32).reshape(3, 1, 1)


FOREST, SCRUB, GRASS = colour(0.036, 0.066, 0.079), colour(0.068, 0.078, 0.087), colour(0.102, 0.098, 0.098)
DRY, RED_SOIL, PALE_SOIL = colour(0.128, 0.106, 0.100), colour(0.205, 0.135, 0.112), colour(0.235, 0.190, 0.152)
CROP, PLANTATION = colour(0.055, 0.082, 0.086), colour(0.045, 0.066, 0.080)
ROAD, ROCK = colour(0.205, 0.160, 0.133), colour(0.105, 0.105, 0.112)
CLEAR_WATER, BROWN_WATER = colour(0.032, 0.056, 0.078), colour(0.115, 0.105, 0.098)


@dataclass(frozen=True, slots=True, kw_only=True)
class Land:
    """The character of a piece of country; ``paint`` makes it visible.

    Attributes:
        seed: of every function of place.
        wooded, farmed: levels, about -1.5 to 1.5, that the share of woods and of farms follows.
        relief: standard deviation of the slope that large hills have; small ones follow.
        red: 0 pale soils, 1 red ones. dry: 0 green grass, 1 brown.
        turn: direction of parcels and roads (radians). parcel: side of a field (m).
        sun: direction to the sun on the map (x, y down) and its height's tangent.
        haze: reflectance added by air, mostly in blue. river: half width (m).
        silt: 0 clear rivers, 1 brown ones.
    """

    seed: int
    wooded: float
    farmed: float
    relief: float
    red: float
    dry: float
    turn: float
    parcel: float
    sun: tuple[float, float, float]
    haze: float
    river: float
    silt: float


def draw_land(rng: np.random.Generator) -> Land:
    """The character of some land."""
    azimuth = np.radians(rng.uniform(35, 65))
    return Land(
        seed=int(rng.integers(2**62)),
        wooded=float(rng.normal(0.35, 0.9)),
        farmed=float(rng.normal(-0.7, 0.8)),
        relief=float(rng.lognormal(np.log(0.5), 0.6)),
        red=float(rng.random()),
        dry=float(rng.random()),
        turn=float(rng.uniform(0, np.pi)),
        parcel=float(rng.lognormal(np.log(420), 0.45)),
        sun=(float(np.sin(azimuth)), float(-np.cos(azimuth)), float(np.tan(np.radians(rng.uniform(45, 58))))),
        haze=float(rng.normal(0.004, 0.004)),
        river=float(rng.lognormal(np.log(20), 0.6)),
        silt=float(rng.random()),
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Ground:
    """The shape of the ground on a grid, (rows, cols) each.

    Attributes:
        light: brightness factor of hillsides, 1 on the flat. hollow: above 0 in valleys, below on crests.
    """

    light: Floats
    hollow: Floats


def ground(land: Land, y: Axis1, x: Axis1) -> Ground:
    """Hills and valleys, and how the sun falls on them.

    The slope is the height's central difference over two steps of the axes, so that it depends on the place alone.
    """
    step_y, step_x = float(y[1] - y[0]), float(x[1] - x[0])
    wide_y = np.concatenate([[y[0] - step_y], y, [y[-1] + step_y]])
    wide_x = np.concatenate([[x[0] - step_x], x, [x[-1] + step_x]])
    large = 620 * fractal(land.seed + 11, wide_y, wide_x, (3600.0, 1500.0), 0.45)
    # Sharp valleys between round hills: the folded half of a wave.
    fold = np.abs(fractal(land.seed + 12, wide_y, wide_x, (1100.0, 480.0, 220.0, 110.0), 0.45))
    height = land.relief * (large + 420 * fold)
    slope_y = (height[2:, 1:-1] - height[:-2, 1:-1]) / (2 * step_y)
    slope_x = (height[1:-1, 2:] - height[1:-1, :-2]) / (2 * step_x)
    east, south, tangent = land.sun
    # Lambert's law over the flat; the air lights shaded slopes, so that the dark side is never black.
    light = (tangent - slope_x * east - slope_y * south) / (tangent * np.sqrt(1 + slope_x**2 + slope_y**2))
    return Ground(
        light=np.asarray(np.clip(0.2 + 0.8 * light, 0.35, 1.5), np.float32),
        hollow=np.asarray(0.8 - 2 * fold[1:-1, 1:-1], np.float32),
    )


def paint(land: Land, y: Axis1, x: Axis1) -> Floats:
    """Reflectances, (3, len(y), len(x)), of the land without sites; no blur and no sensor noise."""
    shape = ground(land, y, x)
    canvas = _soil_and_grass(land, y, x)
    # Everything sharp and man-made follows lines that the land bends a little.
    bend_y, bend_x = (150 * smooth(land.seed + s, y, x, 900.0) for s in (21, 22))
    v = (y[:, None] + bend_y) * np.cos(land.turn) - (x[None, :] + bend_x) * np.sin(land.turn)
    u = (y[:, None] + bend_y) * np.sin(land.turn) + (x[None, :] + bend_x) * np.cos(land.turn)
    farmed = fractal(land.seed + 31, y, x, (2600.0, 900.0), 0.5) + land.farmed - 0.5 * shape.hollow
    canvas = _farms(land, canvas, ramp(farmed, 0.25, 0.35), v, u)
    canvas = _woods(land, canvas, y, x, shape, ramp(farmed, 0.1, 0.5))
    canvas = _roads(land, canvas, y, x, v, u)
    canvas = _rivers(land, canvas, y, x)
    texture = 1 + 0.08 * fractal(land.seed + 41, y, x, (60.0, 30.0), 0.8) + 0.13 * grain(land.seed + 43, y, x, 14.0)
    # Air scatters most in blue: that part of the signal is neither shaded nor textured.
    air = colour(0.018, 0.032, 0.058)
    return np.asarray(air + (canvas - air) * shape.light * texture + land.haze * colour(0.2, 0.6, 1.0), np.float32)


def soil(land: Land) -> Floats:
    """The colour of bare earth here, (3, 1, 1)."""
    return mix(PALE_SOIL, RED_SOIL, land.red)


def _soil_and_grass(land: Land, y: Axis1, x: Axis1) -> Floats:
    """Open country: grass, drier on some slopes, thin where the soil or rock comes through."""
    open_land = mix(mix(GRASS, DRY, land.dry), SCRUB, ramp(fractal(land.seed + 1, y, x, (1300.0, 400.0)), -0.8, 1.2))  # fmt: skip
    bare = ramp(fractal(land.seed + 3, y, x, (800.0, 260.0, 90.0), 0.7), 1.3, 2.6)
    stones = ramp(fractal(land.seed + 5, y, x, (2200.0, 300.0, 70.0), 0.6), 1.4, 2.0)
    return mix(mix(open_land, soil(land), 0.7 * bare), ROCK, 0.6 * stones)


def _farms(land: Land, canvas: Floats, share: Floats, v: Real, u: Real) -> Floats:
    """Parcels of one use each, with hedges or tracks between them."""
    own, border = plots(land.seed + 51, v / land.parcel, u / land.parcel)
    use, tint = uniform(own), uniform(own, 1)
    field = np.where(use < 0.3, CROP, np.where(use < 0.5, PLANTATION, np.where(use < 0.86, mix(GRASS, DRY, tint), 0)))
    field = np.where(use >= 0.86, mix(DRY, soil(land), 0.5 * tint), field) * (0.88 + 0.24 * uniform(own, 2))
    return mix(canvas, mix(mix(SCRUB, field, 0.5), field, ramp(border * land.parcel, 4, 14)), share)  # fmt: skip


def _woods(land: Land, canvas: Floats, y: Axis1, x: Axis1, shape: Ground, farmed: Floats) -> Floats:
    """Forest, thickest in hollows and away from farms."""
    level = fractal(land.seed + 61, y, x, (2000.0, 700.0, 200.0, 70.0), 0.6)
    wooded = ramp(level + 0.9 * land.wooded + 0.8 * shape.hollow - 1.3 * farmed, -0.15, 0.25)
    canopy = FOREST * (1 + 0.06 * fractal(land.seed + 65, y, x, (150.0, 40.0), 0.8))
    return mix(canvas, canopy, wooded)


def _roads(land: Land, canvas: Floats, y: Axis1, x: Axis1, v: Real, u: Real) -> Floats:
    """A few earth roads along large parcels, and winding tracks."""
    own, border = plots(land.seed + 71, v / 2300, u / 2300)
    straight = (1 - ramp(border * 2300, 5, 12)) * (uniform(own) < 0.5)
    winding = fractal(land.seed + 73, y, x, (1500.0, 500.0), 0.45)
    track = (1 - ramp(_distance(winding, y, x), 2, 8)) * ramp(smooth(land.seed + 77, y, x, 2500.0), 0.2, 0.4)
    return mix(canvas, 0.6 * ROAD + 0.4 * soil(land), np.maximum(0.75 * straight, 0.65 * track))


def _rivers(land: Land, canvas: Floats, y: Axis1, x: Axis1) -> Floats:
    """Rivers along the level line of a slow function, with woods on the banks; only in some parts."""
    course = fractal(land.seed + 81, y, x, (4500.0, 1200.0, 350.0), 0.35)
    away = _distance(course, y, x)
    there = ramp(smooth(land.seed + 85, y, x, 6000.0), -0.1, 0.1)
    water = mix(CLEAR_WATER, BROWN_WATER, land.silt)
    banks = (1 - ramp(away, 3 * land.river, 5 * land.river + 20)) * there
    river = (1 - ramp(away, land.river - 5, land.river + 5)) * there
    return mix(mix(canvas, FOREST, 0.8 * banks), water, river)


def _distance(values: Floats, y: Axis1, x: Axis1) -> Floats:
    """Distance (m) to the level line 0 of a smooth function, to first order."""
    slope = np.hypot(*np.gradient(values, float(y[1] - y[0]), float(x[1] - x[0])))
    return np.asarray(np.abs(values) / (slope + np.float32(1e-5)), np.float32)
