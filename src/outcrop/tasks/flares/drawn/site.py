"""A made-up site: photos of one flare on many days, with the readings of its gas meter.

The site keeps its camera, its stack, its gas and its departure from the law of flame length; flow, wind, light and
turbulence change from day to day. The common departure does not average out, and meter readings can remove it.
"""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta

import numpy as np
from numpy.typing import NDArray

from outcrop.core.errors import UsageError
from outcrop.tasks.flares.drawn.camera import draw_camera
from outcrop.tasks.flares.drawn.flame import draw_shape
from outcrop.tasks.flares.drawn.law import LAWS, Burn, draw_burn, draw_factor, draw_heating_value
from outcrop.tasks.flares.drawn.photo import shoot
from outcrop.tasks.flares.drawn.smoke import draw_plume
from outcrop.tasks.flares.drawn.stage import Mast, Plan, draw_mast, draw_plan, set_stage
from outcrop.tasks.flares.drawn.thing import DrawnPhoto, Fire

METER_ERROR = 0.02
"""Relative standard error of a meter's reading."""
DAY_ERROR = 0.08
"""Scatter of ln(length) from day to day at one flow."""
FLOW_SPREAD = 0.6
"""Scatter of ln(flow) over the days."""
VIEW = 20.0
"""Largest angle between flame and picture plane, degrees: the wind turns the flame, the camera stays."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class DrawnSite:
    """A made-up site; photos are drawn when they are asked for, and each is the same every time.

    Attributes:
        times: of the photos, UTC.
        flow: (n,) true flow, thousand m³/day at 20 °C and 101.325 kPa.
        metered: (n,) the meter's readings of it, same unit.
        scale: m/px at the flare, the same in all photos.
        length_factor: length of the site's flames / length by the law, common to all photos.
        heating_value: lower, MJ/m³ at 20 °C, common to all photos.
    """

    times: tuple[datetime, ...]
    flow: NDArray[np.float64]
    metered: NDArray[np.float64]
    scale: float
    length_factor: float
    heating_value: float
    _burns: tuple[Burn, ...]
    _plans: tuple[Plan, ...]
    _mast: Mast
    _seeds: NDArray[np.int64]

    def __len__(self) -> int:
        return len(self.times)

    def photo(self, index: int) -> DrawnPhoto:
        """One day's photo with its truth."""
        rng = np.random.default_rng(int(self._seeds[index]))
        plan, burned = self._plans[index], self._burns[index]
        view = float(rng.uniform(-VIEW, VIEW))
        body = draw_shape(rng, plan.light, wind=float(rng.uniform(0, 0.7)))
        lean = float(np.clip(rng.normal(0, 0.35), -0.9, 0.9))
        body = replace(body, bend=abs(body.bend) * (1 if lean >= 0 else -1))
        stage = set_stage(rng, plan)
        fire = Fire(burn=burned, shape=body, mouth=self._mast.tip, angle=lean, view=view)
        plume = draw_plume(rng) if rng.random() < 0.3 else None
        return shoot(rng, stage, (fire,), (plume,), self.scale, draw_camera(rng, plan.light), "site")

    def photos(self) -> Iterator[DrawnPhoto]:
        """All photos in order."""
        return (self.photo(index) for index in range(len(self)))


def draw_site(
    rng: np.random.Generator,
    readings: int = 20,
    *,
    shape: tuple[int, int] = (640, 640),
    night: bool = False,
    length_factor: float | None = None,
) -> DrawnSite:
    """A made-up site with ``readings`` photos.

    Args:
        night: some photos are taken at dusk and at night.
        length_factor: length of the site's flames / length by the law; None draws it from the published scatter.

    Raises:
        UsageError: fewer than one reading, or a size below 64 pixels.
    """
    if readings < 1 or min(shape) < 64:
        raise UsageError(
            f"a site of {readings} readings with photos of {shape} was asked for: give at least 1 and 64 px"
        )
    value, factor, law = draw_heating_value(rng), draw_factor(rng), str(rng.choice(LAWS))
    factor = factor if length_factor is None else length_factor
    middle = float(np.exp(rng.uniform(np.log(20), np.log(400))))
    flow = middle * np.exp(np.clip(rng.normal(0, FLOW_SPREAD, readings), -1.4, 1.4))
    days = np.exp(rng.normal(0, DAY_ERROR, readings))
    burns = tuple(
        draw_burn(rng, flow=float(f), heating_value=value, factor=factor * float(d), law=law)
        for f, d in zip(flow, days, strict=True)
    )
    side = min(shape)
    # The longest flame of the site stays well inside the picture, whichever way it leans.
    scale = max(burned.length for burned in burns) / (0.42 * side)
    first = draw_plan(rng, shape, "day")
    tip = (shape[0] * float(rng.uniform(0.58, 0.66)), shape[1] * float(rng.uniform(0.47, 0.53)))
    first = replace(first, horizon=max(first.horizon, shape[0] * 0.75))
    median = float(np.median([burned.length for burned in burns])) / scale
    mast = draw_mast(rng, first, tip, max(median / float(rng.uniform(10, 25)), 1.5))
    lights = ["day", "overcast", "dusk", "night"] if night else ["day", "overcast"]
    odds = [0.5, 0.25, 0.15, 0.1] if night else [0.65, 0.35]
    plans = tuple(
        replace(first, light=str(light), masts=(mast,)) for light in rng.choice(lights, size=readings, p=odds)
    )
    start = datetime(2024, 3, 1, 9, tzinfo=UTC)
    return DrawnSite(
        times=tuple(start + timedelta(days=i, minutes=int(rng.integers(0, 420))) for i in range(readings)),
        flow=flow, metered=flow * np.exp(rng.normal(0, METER_ERROR, readings)), scale=scale, length_factor=factor,
        heating_value=value, _burns=burns, _plans=plans, _mast=mast,
        _seeds=rng.integers(2**31, size=readings),
    )  # fmt: skip
