"""Made-up photos of flares whose flames, plumes and gas are known exactly.

The gas comes first: a flow, its heat, the length of the flame by a law with the scatter that comparisons found. The
flame is then drawn at a length in pixels, turned out of the picture plane by a known angle, and the metres per pixel
follow. Truth is read from how the picture was built and from its masks, never by the code that measures.
"""

from dataclasses import replace
from math import atan2, cos, radians

import numpy as np
from numpy.typing import NDArray

from outcrop.core.errors import UsageError
from outcrop.core.scene import Floats
from outcrop.tasks.flares.drawn.camera import Camera, draw_camera, expose
from outcrop.tasks.flares.drawn.flame import Frame, Placed, Shape, burn, chord, draw_shape, place, seen_length
from outcrop.tasks.flares.drawn.law import draw_burn
from outcrop.tasks.flares.drawn.smoke import Plume, draw_plume, spread_plume
from outcrop.tasks.flares.drawn.stage import Mast, Plan, Stage, draw_mast, draw_plan, lit_by, set_stage
from outcrop.tasks.flares.drawn.thing import FLAME, SEEN_SMOKE, SMOKE, DrawnPhoto, Fire, Thing, flame_thing, smoke_thing

BURNING = ("flame", "smoky", "several")
"""Kinds with a flame; decoys.DECOYS has those without."""
SEEN_CHANGE = 0.03
"""Change of a photo's values, 0..1, that an eye sees."""
LARGEST_ANGLE = 30.0
"""Largest angle between a flame's axis and the picture plane, degrees."""


def draw_photo(
    rng: np.random.Generator,
    *,
    shape: tuple[int, int] = (640, 640),
    kind: str | None = None,
    light: str | None = None,
    flow: float | None = None,
    whole: bool = True,
    share: float | None = None,
) -> DrawnPhoto:
    """A made-up photo.

    Args:
        shape: (rows, cols), at least 32 each.
        kind: one of BURNING or decoys.DECOYS; None draws one, a decoy in one of five.
        light: "day", "overcast", "dusk" or "night"; None draws one.
        flow: of the first flame, thousand m³/day at 20 °C; None draws one.
        whole: keep the flames inside the picture; False lets one of six be cut by its edge.
        share: length of the first flame, share of the picture's shorter side; None draws 0.05 to 0.6.

    Raises:
        UsageError: a kind, light or size that is not known.
    """
    from outcrop.tasks.flares.drawn.decoys import DECOYS, draw_decoy
    from outcrop.tasks.flares.drawn.sky import LIGHTS

    kind = kind or (str(rng.choice(DECOYS)) if rng.random() < 0.2 else str(rng.choice(BURNING, p=[0.45, 0.4, 0.15])))
    if kind not in (*BURNING, *DECOYS):
        raise UsageError(f"no kind {kind!r} of drawn photo: choose one of {', '.join((*BURNING, *DECOYS))}")
    if light is not None and light not in LIGHTS:
        raise UsageError(f"no light {light!r} of drawn photos: choose one of {', '.join(LIGHTS)}")
    if len(shape) != 2 or min(shape) < 32:
        raise UsageError(f"a photo of {shape} was asked for: give at least 32 rows and 32 columns")
    if kind in DECOYS:
        return draw_decoy(rng, shape, kind, light)
    plan = draw_plan(rng, shape, light)
    cut = not whole and rng.random() < 1 / 6
    plan, fires, scale = _arranged(rng, plan, kind, flow, share, cut)
    stage = set_stage(rng, plan)
    smoky = kind == "smoky" or (kind == "several" and rng.random() < 0.4)
    plumes = tuple(draw_plume(rng) if smoky and (i == 0 or rng.random() < 0.5) else None for i in range(len(fires)))
    camera = draw_camera(rng, plan.light)
    return shoot(rng, stage, fires, plumes, scale, camera, kind)


def _arranged(
    rng: np.random.Generator, plan: Plan, kind: str, flow: float | None, share: float | None, cut: bool
) -> tuple[Plan, tuple[Fire, ...], float]:
    """Flames and masts laid out in the picture, and its metres per pixel."""
    rows, cols = plan.shape
    side = min(rows, cols)
    count = int(rng.integers(2, 5)) if kind == "several" else 1
    wind = float(rng.uniform(0, 1))
    lean = float(rng.choice([-1, 1]) * radians(abs(rng.normal(0, 12)) + 55 * wind**1.5))
    share = share or float(np.exp(rng.uniform(np.log(0.05), np.log(0.6 if count == 1 else 0.3))))
    fires: list[Fire] = []
    masts: list[Mast] = []
    scale = 0.0
    for i in range(count):
        burned = (
            draw_burn(rng, flow=flow)
            if not i
            else draw_burn(rng, flow=fires[0].burn.flow * float(np.exp(rng.normal(-0.3, 0.6))))
        )
        shape = draw_shape(rng, plan.light, wind=wind)
        # The wind bends every flame the same way, further over as it rises.
        shape = replace(shape, bend=abs(shape.bend) * (1 if lean >= 0 else -1))
        view = float(rng.uniform(-LARGEST_ANGLE, LARGEST_ANGLE))
        angle = lean + float(rng.normal(0, 0.06))
        frame = burn(shape, 96)
        if not i:
            scale = burned.length * cos(radians(view)) / (share * side)
        seen = burned.length * cos(radians(view)) / scale
        mouth, seen = placed_mouth(rng, plan, shape, frame, angle, seen, cut)
        if not i:
            scale = burned.length * cos(radians(view)) / seen
        wide = max(seen / float(rng.uniform(12, 40)), 1.2 * side / 640)
        fires.append(Fire(burn=burned, shape=shape, mouth=mouth, angle=angle, view=view))
        masts.append(draw_mast(rng, plan, mouth, min(wide, side * 0.09)))
    return replace(plan, masts=tuple(masts)), tuple(fires), scale


def placed_mouth(
    rng: np.random.Generator, plan: Plan, shape: Shape, frame: Frame, angle: float, seen: float, cut: bool
) -> tuple[tuple[float, float], float]:
    """A place for the mouth so that the flame stays inside, made smaller where it must; (row, col) and px of length."""
    rows, cols = plan.shape
    while True:
        nominal = seen / seen_length(shape, frame)
        u, v = chord(shape, frame)
        right = nominal * ((u + shape.lift) * np.sin(angle) + v * np.cos(angle))
        up = nominal * ((u + shape.lift) * np.cos(angle) - v * np.sin(angle))
        room = nominal * (0.30 * shape.width + 0.16) + 3
        low = min(rows - 2.0, rows * 0.96 if plan.ground == "none" else plan.horizon + 0.1 * (rows - plan.horizon))
        top, bottom = max(up, 0.0) + room, min(low, rows + min(up, 0.0) - room)
        left, end = max(-right, 0.0) + room, cols - max(right, 0.0) - room
        if (top < bottom and left < end) or seen < 6:
            if cut:
                return _over_the_edge(rng, plan, right, up), seen
            row = float(rng.uniform(top, bottom)) if top < bottom else rows / 2
            col = float(rng.uniform(left, end)) if left < end else cols / 2
            return (row, col), seen
        seen *= 0.85


def _over_the_edge(rng: np.random.Generator, plan: Plan, right: float, up: float) -> tuple[float, float]:
    """A mouth, (row, col), whose flame leaves the picture part of the way along."""
    rows, cols = plan.shape
    share = float(rng.uniform(0.35, 0.85))
    row, col = rows * float(rng.uniform(0.3, 0.8)), cols * float(rng.uniform(0.2, 0.8))
    if up > abs(right):
        return min(up * share, rows * 0.95), col
    return row, (min(-right * share, cols - 2.0) if right < 0 else max(cols - right * share, 2.0))


def shoot(
    rng: np.random.Generator,
    stage: Stage,
    fires: tuple[Fire, ...],
    plumes: tuple[Plume | None, ...],
    scale: float,
    camera: Camera,
    kind: str,
    *,
    time: float = 0.0,
) -> DrawnPhoto:
    """Photograph flames and plumes on a stage.

    Args:
        plumes: one per flame, None where it does not smoke.
        time: of the flames' and plumes' turbulence.
    """
    shape = (stage.light.shape[0], stage.light.shape[1])
    seen: list[tuple[Fire, Frame, float, Placed]] = []
    taus: list[tuple[Fire, Plume, Floats, Floats]] = []
    for fire, plume in zip(fires, plumes, strict=True):
        span = fire.burn.length * cos(radians(fire.view)) / scale
        # The frame's length in nominal lengths does not depend on how finely it is computed.
        frame = burn(fire.shape, int(min(max(span, 40), 420)), time=time)
        nominal = span / seen_length(fire.shape, frame)
        placed = place(fire.shape, frame, shape, fire.mouth, fire.angle, nominal)
        if placed is not None:
            seen.append((fire, frame, nominal, placed))
        if plume is not None:
            taus.append((fire, plume, *_plume_of(fire, frame, plume, shape, nominal, time)))
    stage = lit_by(stage, [_lamp_of(*item) for item in seen])
    light = stage.light
    shown: list[tuple[Floats, NDArray[np.bool_]]] = []
    for _, plume, tau, shade in taus:
        clear = light
        light = _smoked(light, stage, plume, tau, shade, seen)
        shown.append((tau, _differs(clear, light)))
    total = np.prod([tau for _, _, tau, _ in taus], axis=0) if taus else None
    for _, _, _, placed in seen:
        cut = placed.window.slices
        # A part of the smoke rises on the near side of the flame.
        front = 1.0 if total is None else total[cut][..., None] ** 0.25
        light[cut] += placed.cover[..., None] * (placed.glow * front - light[cut])
    return _described(rng, light, stage, seen, shown, scale, camera, kind)


def _plume_of(
    fire: Fire, frame: Frame, plume: Plume, shape: tuple[int, int], nominal: float, time: float
) -> tuple[Floats, Floats]:
    """Transmission and shading of the plume that leaves a flame's upper part."""
    u, v = chord(fire.shape, frame)
    share = 0.72
    right = nominal * (u * share * np.sin(fire.angle) + v * share**2 * np.cos(fire.angle))
    up = nominal * (u * share * np.cos(fire.angle) - v * share**2 * np.sin(fire.angle))
    source = (fire.mouth[0] - up, fire.mouth[1] + right)
    angle = fire.angle * 0.75 + atan2(v, u) * 1.2
    return spread_plume(plume, shape, source, angle, max(plume.start * fire.shape.width * nominal, 2.0), time=time)


def _lamp_of(
    fire: Fire, frame: Frame, nominal: float, placed: Placed
) -> tuple[tuple[float, float], float, NDArray[np.float32]]:
    """A flame as a light: where it is, how far it reaches, and its colour."""
    del fire, frame
    rows, cols = np.nonzero(placed.inside)
    centre = (float(rows.mean()) + placed.window.row, float(cols.mean()) + placed.window.col)
    colour = placed.glow[placed.inside].mean(axis=0)
    return centre, 0.7 * nominal + 4, np.asarray(0.35 * colour * min(1.0, 6 / float(colour.max())), np.float32)


def _smoked(
    light: Floats, stage: Stage, plume: Plume, tau: Floats, shade: Floats,
    seen: list[tuple[Fire, Frame, float, Placed]],
) -> Floats:  # fmt: skip
    """Light behind a plume, dimmed, with what the plume scatters from the sky and from flames."""
    own = np.array(stage.ambient, np.float32) * np.array(plume.albedo, np.float32)
    scattered = own * np.exp(0.9 * shade)[..., None]
    strength = np.float32(0.05 if stage.kind == "night" else 0.10)
    rows, cols = light.shape[:2]
    y, x = np.ogrid[:rows, :cols]
    for item in seen:
        (row, col), reach, colour = _lamp_of(*item)
        fall = np.exp(-np.hypot(y - row, x - col) / (0.9 * reach)).astype(np.float32)
        scattered = scattered + strength * fall[..., None] * colour * np.array([1.0, 0.7, 0.5], np.float32)
    return np.asarray(light * tau[..., None] + scattered * (1 - tau)[..., None], np.float32)


def _differs(clear: Floats, smoked: Floats) -> NDArray[np.bool_]:
    """Pixels in which an eye sees the plume; (rows, cols)."""
    change = np.abs(np.sqrt(np.clip(smoked, 0, 1)) - np.sqrt(np.clip(clear, 0, 1)))
    return np.asarray(change.max(axis=2) > SEEN_CHANGE)


def _described(
    rng: np.random.Generator, light: Floats, stage: Stage, seen: list[tuple[Fire, Frame, float, Placed]],
    shown: list[tuple[Floats, NDArray[np.bool_]]], scale: float, camera: Camera, kind: str,
) -> DrawnPhoto:  # fmt: skip
    """The photo with its truth."""
    taken = np.zeros(light.shape[:2], bool)
    things: list[Thing] = []
    for fire, frame, nominal, placed in seen:
        thing = flame_thing(fire, frame, nominal, placed, scale, light.shape[:2])
        if thing is not None:
            things.append(thing)
            taken[placed.window.slices] |= placed.inside
    for tau, differs in shown:
        thing = smoke_thing(tau, differs, taken, scale, dark=stage.kind == "night")
        if thing is not None:
            things.append(thing)
            taken |= tau < 1 - SEEN_SMOKE
    flames = [thing for thing in things if thing.label == FLAME]
    truth: dict[str, float] = {}
    for group, area in ((flames, "flame_area"), ([t for t in things if t.label == SMOKE], "smoke_area")):
        if group:
            truth |= dict(max(group, key=lambda thing: thing.truth[area]).truth)
    if flames:
        truth |= {name: sum(t.truth[name] for t in flames) for name in ("flared_gas", "heat_release")}
    picture = expose(rng, camera, light)
    return DrawnPhoto(picture=picture, kind=kind, light=stage.kind, things=tuple(things), truth=truth, scale=scale)
