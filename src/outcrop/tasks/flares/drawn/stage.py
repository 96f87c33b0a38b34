"""The place of a drawn photo before anything burns: sky, ground, plants and masts, and who lights them."""

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from outcrop.core.scene import Floats
from outcrop.tasks.flares.drawn.land import Lamp, draw_lamps, far_plant, lay_ground, light_lamps, plant_trees
from outcrop.tasks.flares.drawn.noise import fractal, mixed
from outcrop.tasks.flares.drawn.sky import draw_sky
from outcrop.tasks.flares.drawn.steel import MASTS, Yard, raise_mast, raise_plant


@dataclass(frozen=True, slots=True, kw_only=True)
class Mast:
    """What carries a flame.

    Attributes:
        kind: one of steel.MASTS.
        tip: (row, col) of its mouth; foot: of its lower end.
        wide: px across the mouth.
        seed: of its details, so that it looks the same in every picture of a site.
    """

    kind: str
    tip: tuple[float, float]
    foot: tuple[float, float]
    wide: float
    seed: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """What a place is made of.

    Attributes:
        shape: (rows, cols).
        light: one of sky.LIGHTS.
        horizon: row; beyond the last row the camera looks up.
        ground: one of land.GROUNDS.
        masts: in the picture.
        sun, clouds: see sky.draw_sky.
        trees, plant, near: trees, a far plant and near equipment are drawn.
        autumn: the trees are tall and red.
        lamps: number of lamps, and their kind ("" mixes).
    """

    shape: tuple[int, int]
    light: str
    horizon: float
    ground: str
    masts: tuple[Mast, ...] = ()
    sun: bool = False
    clouds: str = ""
    trees: bool = False
    plant: bool = False
    near: bool = False
    autumn: bool = False
    lamps: tuple[int, str] = (0, "")


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Stage:
    """A place, ready for a flame.

    Attributes:
        light: (rows, cols, 3), linear.
        lit: (rows, cols, 3), what surfaces give back of light that falls on them; 0 for the sky.
        ambient: light of the sky, (3,).
        kind: one of sky.LIGHTS.
    """

    light: Floats
    lit: Floats
    ambient: tuple[float, float, float]
    kind: str


def draw_plan(rng: np.random.Generator, shape: tuple[int, int], light: str | None = None) -> Plan:
    """A place without masts."""
    light = light or str(rng.choice(["day", "overcast", "dusk", "night"], p=[0.5, 0.23, 0.15, 0.12]))
    grounds = ("none", "sand", "grass", "sea", "snow", "dune", "dark")
    ground = str(rng.choice(grounds, p=[0.42, 0.13, 0.12, 0.12, 0.03, 0.04, 0.14]))
    horizon = shape[0] * (float(rng.uniform(1.05, 2.2)) if ground == "none" else float(rng.uniform(0.6, 0.96)))
    lamps = int(rng.integers(0, 18)) if light in ("night", "dusk") and rng.random() < 0.6 else 0
    below = ground != "none"
    return Plan(
        shape=shape, light=light, horizon=horizon, ground=ground, lamps=(lamps, ""),
        trees=below and ground in ("grass", "dark", "sand") and bool(rng.random() < 0.35),
        plant=below and bool(rng.random() < 0.45), near=below and ground != "sea" and bool(rng.random() < 0.25),
    )  # fmt: skip


def draw_mast(rng: np.random.Generator, plan: Plan, tip: tuple[float, float], wide: float) -> Mast:
    """A mast whose mouth is at ``tip``, down to the ground or out of the picture."""
    rows, cols = plan.shape
    kinds = [kind for kind in MASTS if kind != "pit"]
    kind = "boom" if plan.ground == "sea" and rng.random() < 0.6 else str(rng.choice(kinds))
    low = plan.horizon + (rows - min(plan.horizon, rows)) * float(rng.uniform(0.0, 0.4))
    if plan.ground != "none" and low - tip[0] < 4 * wide:
        kind = "pit"
    lean = float(rng.normal(0, 0.02)) if rng.random() < 0.8 else float(rng.normal(0, 0.25))
    foot = (low, tip[1] + lean * (low - tip[0]))
    if plan.ground == "none":
        foot = (rows * 1.1, tip[1] + lean * (rows - tip[0]))
    del cols
    return Mast(kind=kind, tip=tip, foot=foot, wide=wide, seed=int(rng.integers(2**31)))


def set_stage(rng: np.random.Generator, plan: Plan) -> Stage:
    """Draw a place."""
    rows, cols = plan.shape
    sky = draw_sky(rng, plan.shape, plan.light, plan.horizon, sun=plan.sun, clouds=plan.clouds)
    picture = lay_ground(rng, sky, plan.ground, plan.horizon)
    if plan.plant:
        picture = far_plant(rng, picture, sky, plan.horizon)
    if plan.trees or plan.autumn:
        picture = plant_trees(rng, picture, sky, plan.horizon, autumn=plan.autumn)
    dark = plan.light in ("night", "dusk")
    level = float(rng.uniform(0.01, 0.06) if dark else rng.uniform(0.07, 0.24))
    if plan.light == "overcast":
        level *= min(1.0, 1.6 * sky.ambient[1] ** 0.5)
    warm = float(rng.normal(0, 0.06))
    yard = Yard(plan.shape, rng, (level * (1 + warm), level, level * (1 - warm)))
    if plan.near:
        raise_plant(yard, plan.horizon + 2, rows * float(rng.uniform(0.08, 0.3)))
    for mast in plan.masts:
        yard.rng = np.random.default_rng(mast.seed)
        raise_mast(yard, mast.kind, mast.foot, mast.tip, mast.wide)
    steel, cover = yard.layer()
    grain = np.exp(0.12 * fractal(rng, (max(rows // 2, 8), cols // 2 + 1), (30.0, 30.0), octaves=3))[..., None]
    ground = np.zeros((rows, cols), np.float32)
    ground[min(int(plan.horizon) + 3, rows) :] = 1
    lit = mixed(ground[..., None] * np.array([0.10, 0.08, 0.05], np.float32), [0.20, 0.18, 0.16], cover)
    light = mixed(picture, np.maximum(steel, 0.0015), cover)
    if plan.ground != "none":
        below = slice(min(int(plan.horizon) + 2, rows), rows)
        half = np.repeat(np.repeat(grain, 2, axis=0), 2, axis=1)[:rows, :cols]
        if half.shape[0] == rows and half.shape[1] == cols:
            light[below] *= half[below]
    if plan.lamps[0]:
        lamps: list[Lamp] = draw_lamps(rng, plan.shape, plan.horizon, plan.lamps[0], kind=plan.lamps[1])
        light = light + light_lamps(light, lamps)
    return Stage(light=light, lit=np.asarray(lit, np.float32), ambient=sky.ambient, kind=plan.light)


def lit_by(stage: Stage, places: list[tuple[tuple[float, float], float, NDArray[np.float32]]]) -> Stage:
    """The stage in the light of flames: ((row, col), px of reach, light (3,)) each."""
    rows, cols = stage.light.shape[:2]
    light = stage.light.copy()
    y, x = np.ogrid[:rows, :cols]
    # By day the shutter is open for a much shorter time than at night.
    strength = np.float32(1.0 if stage.kind in ("night", "dusk") else 0.25)
    for (row, col), reach, colour in places:
        away = ((y - row) ** 2 + (x - col) ** 2) / reach**2
        fall = (1 / (1 + away)).astype(np.float32)
        light += stage.lit * (strength * fall[..., None]) * colour
        if stage.kind == "night":
            # Air and haze around a flame at night glow too.
            light += 0.012 * (fall**1.5)[..., None] * colour
    return replace(stage, light=light)
