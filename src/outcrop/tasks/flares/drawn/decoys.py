"""Photos without flame or smoke that look as if: sunsets, lamps, steam, clouds, red things, autumn trees, unlit stacks."""

from collections.abc import Callable
from dataclasses import replace

import numpy as np
from PIL import Image, ImageDraw

from outcrop.core.scene import Floats
from outcrop.tasks.flares.drawn.camera import draw_camera, expose
from outcrop.tasks.flares.drawn.noise import fractal, mixed
from outcrop.tasks.flares.drawn.smoke import draw_plume, spread_plume
from outcrop.tasks.flares.drawn.stage import Plan, Stage, draw_mast, draw_plan, set_stage
from outcrop.tasks.flares.drawn.thing import DrawnPhoto


def draw_decoy(rng: np.random.Generator, shape: tuple[int, int], kind: str, light: str | None) -> DrawnPhoto:
    """A photo in which nothing burns; ``light`` is followed where the kind leaves a choice."""
    return MAKERS[kind](rng, shape, light)


def _photo(rng: np.random.Generator, stage: Stage, light: Floats, kind: str) -> DrawnPhoto:
    return DrawnPhoto(picture=expose(rng, draw_camera(rng, stage.kind), light), kind=kind, light=stage.kind)


def _with_masts(rng: np.random.Generator, plan: Plan, count: int) -> Plan:
    """Unlit masts."""
    rows, cols = plan.shape
    masts = []
    for _ in range(count):
        low = min(plan.horizon, rows * 0.98)
        tip = (low * float(rng.uniform(0.15, 0.85)), cols * float(rng.uniform(0.08, 0.92)))
        masts.append(
            draw_mast(rng, plan, tip, float(np.exp(rng.uniform(np.log(1.5), np.log(30)))) * min(rows, cols) / 640)
        )
    return replace(plan, masts=tuple(masts))


def _sunset(rng: np.random.Generator, shape: tuple[int, int], light: str | None) -> DrawnPhoto:
    plan = replace(draw_plan(rng, shape, "dusk"), sun=bool(rng.random() < 0.8), clouds="streaks")
    stage = set_stage(rng, _with_masts(rng, plan, int(rng.integers(0, 4))))
    return _photo(rng, stage, stage.light, "sunset")


def _lamps(rng: np.random.Generator, shape: tuple[int, int], light: str | None) -> DrawnPhoto:
    plan = draw_plan(
        rng, shape, light if light in ("dusk", "night") else str(rng.choice(["dusk", "night"], p=[0.2, 0.8]))
    )
    plan = replace(plan, lamps=(int(rng.integers(3, 60)), ""), near=plan.ground not in ("none", "sea"))
    stage = set_stage(rng, _with_masts(rng, plan, int(rng.integers(0, 4))))
    return _photo(rng, stage, stage.light, "lamps")


def _sodium(rng: np.random.Generator, shape: tuple[int, int], light: str | None) -> DrawnPhoto:
    plan = replace(draw_plan(rng, shape, "night"), lamps=(int(rng.integers(4, 14)), "sodium"))
    stage = set_stage(rng, _with_masts(rng, plan, int(rng.integers(0, 3))))
    return _photo(rng, stage, stage.light * np.array([1.2, 0.9, 0.6], np.float32), "sodium")


def _red_lamps(rng: np.random.Generator, shape: tuple[int, int], light: str | None) -> DrawnPhoto:
    plan = replace(
        draw_plan(rng, shape, str(rng.choice(["dusk", "night", "overcast"]))), lamps=(int(rng.integers(1, 7)), "red")
    )
    stage = set_stage(rng, _with_masts(rng, plan, int(rng.integers(1, 4))))
    return _photo(rng, stage, stage.light, "red lamps")


def _steam(rng: np.random.Generator, shape: tuple[int, int], light: str | None) -> DrawnPhoto:
    plan = draw_plan(rng, shape, light or str(rng.choice(["day", "overcast", "dusk"], p=[0.6, 0.3, 0.1])))
    plan = _with_masts(rng, plan, int(rng.integers(1, 4)))
    stage = set_stage(rng, plan)
    picture = stage.light
    white = np.maximum(np.array(stage.ambient, np.float32), 0.9 * picture[: max(shape[0] // 2, 1)].mean(axis=(0, 1)))
    lean = float(rng.normal(0, 0.8))
    for mast in plan.masts:
        plume = draw_plume(rng, steam=True, depth=float(np.exp(rng.uniform(np.log(0.6), np.log(6)))))
        wide = max(mast.wide * float(rng.uniform(0.8, 3.5)), 3.0)
        tau, shade = spread_plume(plume, shape, mast.tip, lean + float(rng.normal(0, 0.1)), wide)
        own = white * np.array(plume.albedo, np.float32) * np.exp(0.35 * shade)[..., None]
        picture = np.asarray(picture * tau[..., None] + own * (1 - tau)[..., None], np.float32)
    return _photo(rng, stage, np.minimum(picture, 1.2) if stage.kind != "dusk" else picture, "steam")


def _clouds(rng: np.random.Generator, shape: tuple[int, int], light: str | None) -> DrawnPhoto:
    light = light or str(rng.choice(["day", "overcast"], p=[0.7, 0.3]))
    plan = replace(draw_plan(rng, shape, light), clouds="cumulus")
    stage = set_stage(rng, _with_masts(rng, plan, int(rng.integers(0, 2))))
    return _photo(rng, stage, stage.light, "clouds")


def _red(rng: np.random.Generator, shape: tuple[int, int], light: str | None) -> DrawnPhoto:
    """Tarpaulins, flags, containers, vests and cones."""
    light = light or str(rng.choice(["day", "overcast"]))
    plan = draw_plan(rng, shape, light)
    ground = str(rng.choice(["sand", "grass", "dark", "snow"]))
    plan = replace(plan, ground=ground, horizon=shape[0] * float(rng.uniform(0.3, 0.8)))
    stage = set_stage(rng, _with_masts(rng, plan, int(rng.integers(0, 3))))
    picture = stage.light
    for _ in range(int(rng.integers(1, 6))):
        cover = _red_shape(rng, shape, plan.horizon)
        folds = fractal(rng, shape, (float(rng.uniform(3, 12)), float(rng.uniform(3, 12))), octaves=3, gain=0.5)
        colours = ((0.75, 0.05, 0.03), (0.85, 0.20, 0.02), (0.90, 0.45, 0.03), (0.45, 0.02, 0.02), (0.9, 0.6, 0.05))
        colour = np.array(colours[int(rng.integers(len(colours)))], np.float32)
        lit = colour * np.float32(np.mean(stage.ambient) * float(rng.uniform(1.0, 2.0)))
        picture = mixed(picture, lit * np.exp(float(rng.uniform(0.1, 0.45)) * folds)[..., None], cover)
    return _photo(rng, stage, picture, "red")


def _red_shape(rng: np.random.Generator, shape: tuple[int, int], horizon: float) -> Floats:
    """Cover of one thing, (rows, cols)."""
    rows, cols = shape
    image = Image.new("L", (cols * 2, rows * 2))
    pen = ImageDraw.Draw(image)
    size = 2 * min(shape) * float(np.exp(rng.uniform(np.log(0.04), np.log(0.5))))
    x, y = 2 * cols * float(rng.uniform(0.05, 0.95)), 2 * float(rng.uniform(horizon * 0.85, rows))
    kind = int(rng.integers(5))
    if kind == 0:
        pen.rectangle((x, y - size * 0.5, x + size * float(rng.uniform(0.6, 1.6)), y), fill=255)
    elif kind == 1:
        points = [(x + size * float(np.cos(a)) * float(rng.uniform(0.4, 1)), y + 0.6 * size * float(np.sin(a)) * float(rng.uniform(0.4, 1)))
                  for a in np.linspace(0, 2 * np.pi, 9)[:-1]]  # fmt: skip
        pen.polygon(points, fill=255)
    elif kind == 2:
        wave = [(x + size * s, y - size + 0.08 * size * float(np.sin(9 * s + x))) for s in np.linspace(0, 1, 12)]
        pen.polygon([*wave, *[(a, b + size * 0.55) for a, b in reversed(wave)]], fill=255)
    elif kind == 3:
        pen.polygon(
            [(x, y), (x + size * 0.25, y - size * 0.7), (x + size * 0.32, y - size * 0.7), (x + size * 0.57, y)],
            fill=255,
        )
    else:
        pen.rounded_rectangle((x, y - size * 0.5, x + size * 0.35, y), radius=size * 0.08, fill=255)
        pen.rounded_rectangle(
            (x - size * 0.1, y - size * 0.45, x + size * 0.45, y - size * 0.1), radius=size * 0.05, fill=255
        )
    return np.asarray(image.resize((cols, rows), Image.Resampling.BOX), np.float32) / np.float32(255)


def _autumn(rng: np.random.Generator, shape: tuple[int, int], light: str | None) -> DrawnPhoto:
    plan = draw_plan(rng, shape, light or str(rng.choice(["day", "overcast"])))
    plan = replace(plan, ground="grass", horizon=shape[0] * float(rng.uniform(0.7, 0.95)), autumn=True, plant=False)
    stage = set_stage(rng, _with_masts(rng, plan, int(rng.integers(0, 2))))
    return _photo(rng, stage, stage.light, "autumn")


def _unlit(rng: np.random.Generator, shape: tuple[int, int], light: str | None) -> DrawnPhoto:
    stage = set_stage(rng, _with_masts(rng, draw_plan(rng, shape, light), int(rng.integers(1, 4))))
    return _photo(rng, stage, stage.light, "unlit")


MAKERS: dict[str, Callable[[np.random.Generator, tuple[int, int], str | None], DrawnPhoto]] = {
    "sunset": _sunset, "lamps": _lamps, "sodium": _sodium, "red lamps": _red_lamps, "steam": _steam,
    "clouds": _clouds, "red": _red, "autumn": _autumn, "unlit": _unlit,
}  # fmt: skip
DECOYS = tuple(MAKERS)
"""Kinds of photos without flame and smoke."""
