"""A made-up film of one flare: it flickers, its flow drifts, it goes out and is lit again, it smokes for known minutes."""

from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from math import cos, radians

import numpy as np
from numpy.typing import NDArray

from outcrop.core.errors import UsageError
from outcrop.core.film import Film, Frame
from outcrop.core.grid import Grid
from outcrop.core.scene import scene_from_array
from outcrop.tasks.flares.drawn.camera import Camera, draw_camera
from outcrop.tasks.flares.drawn.flame import burn, draw_shape
from outcrop.tasks.flares.drawn.law import draw_burn, law_length
from outcrop.tasks.flares.drawn.photo import LARGEST_ANGLE, placed_mouth, shoot
from outcrop.tasks.flares.drawn.smoke import Plume, draw_plume
from outcrop.tasks.flares.drawn.stage import Stage, draw_mast, draw_plan, set_stage
from outcrop.tasks.flares.drawn.thing import DrawnPhoto, Fire

FLICKER = 1.3
"""Lives of the largest eddies a second."""
BANDS = ("red", "green", "blue")


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class DrawnFilm:
    """A made-up film; frames are drawn when they are asked for, and each is the same every time.

    Attributes:
        rate: frames a second.
        seconds: (n,) time of each frame.
        flow: (n,) thousand m³/day at 20 °C, 0 where it is out.
        lit: (n,) whether the flame burns.
        smoking: (n,) whether it smokes.
        scale: m/px at the flare.
        smoke_minutes, lit_minutes: of the whole film.
    """

    rate: float
    seconds: NDArray[np.float64]
    flow: NDArray[np.float64]
    lit: NDArray[np.bool_]
    smoking: NDArray[np.bool_]
    scale: float
    _stage: Stage
    _fire: Fire
    _plume: Plume
    _camera: Camera
    _seed: int
    _pace: float
    _kind: str = field(default="film")

    def __len__(self) -> int:
        return len(self.seconds)

    @property
    def smoke_minutes(self) -> float:
        """Minutes of smoke that could be seen."""
        return float(self.smoking.sum()) / self.rate / 60

    @property
    def lit_minutes(self) -> float:
        """Minutes with a flame."""
        return float(self.lit.sum()) / self.rate / 60

    def photo(self, index: int) -> DrawnPhoto:
        """One frame with its truth."""
        rng = np.random.default_rng([self._seed, index])
        if not self.lit[index]:
            return shoot(rng, self._stage, (), (), self.scale, self._camera, self._kind)
        burned = self._fire.burn
        heat = burned.heat * float(self.flow[index]) / burned.flow
        now = replace(
            burned, flow=float(self.flow[index]), heat=heat, length=law_length(heat, burned.law) * burned.factor
        )
        plume = self._plume if self.smoking[index] else None
        # What is slow in the world is slow in the film: turbulence runs on the clock, not on the frames.
        time = float(self.seconds[index]) * self._pace
        fires, plumes = (replace(self._fire, burn=now),), (plume,)
        return shoot(rng, self._stage, fires, plumes, self.scale, self._camera, self._kind, time=time)

    def photos(self) -> Iterator[DrawnPhoto]:
        """All frames in order."""
        return (self.photo(index) for index in range(len(self)))

    def film(self, id: str = "drawn") -> Film:
        """The film as a source would open it."""
        shape = (self._stage.light.shape[0], self._stage.light.shape[1])

        def frames() -> Iterator[Frame]:
            for index, photo in enumerate(self.photos()):
                scene = scene_from_array(f"{id}#frame-{index}", photo.values, Grid(shape=shape), BANDS)
                yield Frame(index=index, seconds=float(self.seconds[index]), scene=scene)

        return Film(id=id, shape=shape, rate=self.rate, frames=frames, notes=("this film is drawn, not filmed",))


def draw_sequence(
    rng: np.random.Generator,
    frames: int,
    rate: float,
    *,
    shape: tuple[int, int] = (360, 640),
    light: str | None = None,
    unlit: float = 0.15,
    smoky: float = 0.3,
    flow: float | None = None,
) -> DrawnFilm:
    """A made-up film.

    Args:
        frames: how many, at least 1.
        rate: frames a second; below 1 for a picture every few seconds.
        unlit, smoky: shares of the time that it is out, and that it smokes while lit, 0..1; 0 and 1 are kept exactly,
            others on average. The first frame burns, unless unlit is 1.
        flow: median, thousand m³/day at 20 °C.

    Raises:
        UsageError: a number out of its range.
    """
    if frames < 1 or not rate > 0 or not 0 <= unlit <= 1 or not 0 <= smoky <= 1:
        raise UsageError(
            f"a film of {frames} frames at {rate} a second, {unlit} unlit and {smoky} smoky was asked for: give at least "
            "1 frame, a rate above 0, and shares from 0 to 1"
        )
    plan = draw_plan(rng, shape, light or str(rng.choice(["day", "overcast", "dusk"], p=[0.6, 0.3, 0.1])))
    wind = float(rng.uniform(0, 0.8))
    body = draw_shape(rng, plan.light, wind=wind)
    lean = float(rng.normal(0, 0.3)) + 0.7 * wind * float(np.sign(body.bend))
    burned = draw_burn(rng, flow=flow)
    view = float(rng.uniform(-LARGEST_ANGLE, LARGEST_ANGLE))
    frame = burn(body, 96)
    seen = min(shape) * float(rng.uniform(0.2, 0.4))
    # Room for flames half as long again as the median.
    mouth, seen = placed_mouth(rng, plan, body, frame, lean, seen * 1.5, False)
    seen /= 1.5
    scale = burned.length * cos(radians(view)) / seen
    plan = replace(plan, masts=(draw_mast(rng, plan, mouth, max(seen / float(rng.uniform(12, 40)), 1.2)),))
    lit = _spells(rng, frames, rate, 1 - unlit, first=True)
    levels = burned.flow * np.exp(_drift(rng, frames, rate))
    return DrawnFilm(
        rate=rate, seconds=np.arange(frames) / rate, flow=np.where(lit, levels, 0.0), lit=lit,
        smoking=lit & _spells(rng, frames, rate, smoky, first=False), scale=scale,
        _stage=set_stage(rng, plan), _fire=Fire(burn=burned, shape=body, mouth=mouth, angle=lean, view=view),
        _plume=draw_plume(rng, depth=float(rng.uniform(1.2, 5.0))), _camera=draw_camera(rng, plan.light),
        _seed=int(rng.integers(2**31)), _pace=FLICKER,
    )  # fmt: skip


def _spells(rng: np.random.Generator, frames: int, rate: float, share: float, *, first: bool) -> NDArray[np.bool_]:
    """True for ``share`` of the time on average, in spells of at least three seconds and three frames."""
    if share in (0.0, 1.0):
        return np.full(frames, share == 1.0)
    out = np.zeros(frames, bool)
    least = max(3, int(np.ceil(3 * rate)))
    mean = max(least * 2.0, frames / 6)
    at, state = 0, first or bool(rng.random() < share)
    while at < frames:
        length = least + int(rng.exponential(mean * 2 * (share if state else 1 - share)))
        out[at : at + length] = state
        at, state = at + length, not state
    return out


def _drift(rng: np.random.Generator, frames: int, rate: float) -> NDArray[np.float64]:
    """ln(flow / median): wanders by 25 % within minutes (a first-order Markov chain), never beyond 45 % of length."""
    keep = float(np.exp(-1 / (rate * 60)))
    out = np.empty(frames)
    out[0] = rng.normal(0, 0.25)
    steps = rng.normal(0, 0.25 * np.sqrt(1 - keep**2), frames)
    for i in range(1, frames):
        out[i] = keep * out[i - 1] + steps[i]
    return np.clip(out, -0.75, 0.75)
