"""The plan of a made-up earth: everything random about it as functions of place, and rock sampled from them.

Depth z (m) counts from the top of the window, half a sample above the first one. Arrays are (y, x, z).
"""

from dataclasses import dataclass, replace
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from outcrop.core.errors import UsageError
from outcrop.core.scene import Floats
from outcrop.tasks.salt.earth.bodies import Body
from outcrop.tasks.salt.earth.fields import Extent, Field, Surface, draw_field
from outcrop.tasks.salt.earth.imaging import Look, draw_look
from outcrop.tasks.salt.earth.sediments import Sediments
from outcrop.tasks.salt.earth.sizing import Sketch, draw_inclusions, grow, salt_share
from outcrop.tasks.salt.earth.strata import draw_seabed, draw_sediments
from outcrop.tasks.salt.earth.styles import STYLES, draw_body

Domain = Literal["time", "depth"]
SALT_VELOCITY = (4400.0, 4600.0)
"""Interval velocity of drawn salt, m/s."""
SALT_DENSITY = 2.17
"""g/cm³."""
TIME_INTERVAL = 4.0
"""ms between samples of the time axis on which a depth picture gets its wavelet."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Setting:
    """What to draw.

    Attributes:
        shape: (inlines, crosslines, samples).
        spacing: distance (m) between inlines and between crosslines.
        domain: vertical axis: two-way time or depth.
        sample_step: ms or m between samples; None: 4 ms or 10 m.
        salt_share: least and greatest share of the samples that are salt (aimed at on a coarse grid, met within
            a tenth or so).
        no_salt_probability: how often there is none at all.
        styles: structural styles to choose from.
    """

    shape: tuple[int, int, int] = (96, 96, 192)
    spacing: tuple[float, float] = (25.0, 25.0)
    domain: Domain = "time"
    sample_step: float | None = None
    salt_share: tuple[float, float] = (0.02, 0.25)
    no_salt_probability: float = 0.0
    styles: tuple[str, ...] = tuple(STYLES)

    @property
    def step(self) -> float:
        """Distance between samples, ms or m."""
        if self.sample_step is not None:
            return self.sample_step
        return 4.0 if self.domain == "time" else 10.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """Everything random about an earth, as functions of place.

    Attributes:
        dirt: a field and by how much (relative) it varies the density of salt.
        shadow: share of the reflections that is left below thick salt.
        ticks: samples of the time axis on which the wavelet works.
        cell, depth: step and end (m) of the depth grid.
        first_sample: vertical position of sample 0, ms or m.
        seeds: one for the white noise of each line.
    """

    setting: Setting
    sediments: Sediments
    body: Body | None
    salt_velocity: float
    dirt: tuple[Field, float]
    shadow: float
    look: Look
    ticks: int
    cell: float
    depth: float
    first_sample: float
    seeds: NDArray[np.int64]

    @property
    def edges(self) -> Floats:
        """Depths of the edges of the cells, m."""
        return np.arange(int(np.ceil(self.depth / self.cell)) + 1, dtype=np.float32) * np.float32(self.cell)


@dataclass(frozen=True, slots=True, kw_only=True)
class Columns:
    """Rock under some traces, (y, x, n).

    Attributes:
        salt: share of each cell.
        echo: reflection at the lower edge of each cell but the last.
        time: two-way time of all edges, ms.
        inside: whether an edge lies in salt.
    """

    salt: Floats
    echo: Floats
    time: Floats
    inside: NDArray[np.bool_]


def columns(plan: Plan, y: Floats, x: Floats) -> Columns:
    """The rock under the traces at these places."""
    edges = plan.edges
    centres: Floats = ((edges[1:] + edges[:-1]) / 2).astype(np.float32)
    distance = None if plan.body is None else plan.body.distance(y, x, edges)
    middle = None if distance is None else np.asarray((distance[:, :, 1:] + distance[:, :, :-1]) / 2, np.float32)
    velocity, density, factor = plan.sediments.rock(y, x, centres, middle)
    slowness = np.asarray(1 / velocity, np.float32)
    salt = np.zeros_like(slowness) if distance is None else salt_share(distance)
    if distance is not None:
        slowness += salt * (np.float32(1 / plan.salt_velocity) - slowness)
        density += salt * (np.float32(SALT_DENSITY) - density)
        if plan.dirt[1]:
            density += salt * plan.dirt[0].at(y, x, centres) * np.float32(SALT_DENSITY * plan.dirt[1])
        shade = np.clip(np.cumsum(salt, axis=2) * np.float32(plan.cell / 150), 0, 1)
        factor *= 1 - np.float32(1 - plan.shadow) * shade
    hard = density / slowness
    echo = np.diff(hard, axis=2) / (hard[:, :, 1:] + hard[:, :, :-1]) * factor[:, :, 1:]
    time = np.zeros((len(y), len(x), len(edges)), np.float32)
    np.cumsum(slowness * np.float32(2000 * plan.cell), axis=2, out=time[:, :, 1:])
    inside = np.zeros(time.shape, bool) if distance is None else distance < 0
    return Columns(salt=salt, echo=np.asarray(echo, np.float32), time=time, inside=inside)


def _check(setting: Setting) -> None:
    """Refuse settings that cannot be drawn."""
    low, high = setting.salt_share
    if setting.domain not in ("time", "depth"):
        raise UsageError(f"no vertical axis {setting.domain!r}: choose time or depth")
    if min(setting.shape) < 1 or setting.shape[2] < 16 or min(setting.spacing) <= 0 or setting.step <= 0:
        raise UsageError(
            f"cannot draw {setting.shape} traces and samples {setting.spacing} m and {setting.step} apart: "
            "give at least one line, one trace and 16 samples, and positive distances"
        )
    if not 0 < low <= high <= 0.9:
        raise UsageError(f"a salt share of {low} to {high} cannot be drawn: choose two fractions between 0 and 0.9")
    unknown = [style for style in setting.styles if style not in STYLES]
    if unknown or not setting.styles:
        raise UsageError(f"no salt style {', '.join(unknown) or 'given'}: choose among {', '.join(STYLES)}")


def _sketch(setting: Setting, sediments: Sediments, deepest: float) -> Sketch:
    """A block of at most 24 lines (128 traces in a single line) and 90 cells in depth."""
    lines, traces, samples = setting.shape
    y = (np.linspace(0, lines - 1, min(lines, 24)) * setting.spacing[0]).astype(np.float32)
    x = (np.linspace(0, traces - 1, min(traces, 24 if lines > 8 else 128)) * setting.spacing[1]).astype(np.float32)
    z = np.linspace(0, deepest, 91, dtype=np.float32)
    middle = ((z[1:] + z[:-1]) / 2).astype(np.float32)
    slowness = np.asarray(1 / sediments.rock(y, x, middle, None)[0], np.float32)
    in_time = setting.domain == "time"
    return Sketch(y=y, x=x, z=z, slowness=slowness, window=setting.step * samples, in_time=in_time)


def _body(
    rng: np.random.Generator, setting: Setting, sketch: Sketch, extent: Extent, seabed: Surface | None, velocity: float
) -> Body:
    """A body that fills a share of the window, under a veneer of sediment where there is a sea bed."""
    veneer: tuple[Surface, ...] = ()
    if seabed is not None:
        hilly = draw_field(rng, extent, extent[1] * rng.uniform(0.08, 0.3))
        relief = (*seabed.relief, (hilly, extent[2] * rng.uniform(0.0, 0.05)))
        thick = extent[2] * rng.uniform(0.015, 0.15)
        # However hilly, the veneer is never thinner than a hundredth of the window.
        veneer = (
            replace(seabed, level=seabed.level + thick, relief=relief),
            replace(seabed, level=seabed.level + extent[2] * 0.01),
        )
    # Teeth finer than the traces would be salt that no picture shows.
    finest = 2 * (max(setting.spacing) if setting.shape[0] > 1 else setting.spacing[1])
    body = draw_body(rng, extent, setting.styles, veneer, finest)
    low, high = setting.salt_share[0] * 1.1, max(setting.salt_share[1] * 0.95, setting.salt_share[0] * 1.1)
    # Half of the earths spread evenly over the shares, half over their logarithm.
    wanted = float(rng.choice([rng.uniform(low, high), np.exp(rng.uniform(np.log(low), np.log(high)))]))
    body = grow(sketch, body, wanted, velocity)
    return replace(body, inclusions=draw_inclusions(rng, sketch, body, extent))


def draw_plan(rng: np.random.Generator, setting: Setting) -> Plan:
    """A random earth and a random survey of it.

    Raises:
        UsageError: the setting cannot be drawn.
    """
    _check(setting)
    lines, traces, samples = setting.shape
    in_time, window = setting.domain == "time", setting.step * samples
    marine = rng.random() < 0.3
    trend = (rng.uniform(1600, 1900) if marine else rng.uniform(1750, 3000), rng.uniform(0.3, 0.8))
    # Depth that sediments without salt reach: dz = (v0 + k z) dt / 2; and one that nothing goes beyond.
    depth, deepest = window, window
    if in_time:
        depth = trend[0] / trend[1] * float(np.exp(trend[1] * window / 2000) - 1)
        deepest = max(window / 2000 * 1.15 * SALT_VELOCITY[1], depth)
    extent = (lines * setting.spacing[0], traces * setting.spacing[1], depth)
    velocity = rng.uniform(*SALT_VELOCITY)
    salt = rng.random() >= setting.no_salt_probability
    cell = float(1.25 * setting.step if in_time else setting.step / 2)
    seabed = draw_seabed(rng, extent) if marine else None
    sediments = draw_sediments(rng, extent, trend, seabed, salt, cell)
    sketch = _sketch(setting, sediments, deepest)
    body = _body(rng, setting, sketch, extent, seabed, velocity) if salt else None
    distance = None if body is None else body.distance(sketch.y, sketch.x, sketch.z)
    reach = sketch.share(distance, velocity)[1]
    interval, ticks = setting.step, samples
    if not in_time:
        # Salt is faster than what it replaces, so sediments alone need the longest axis.
        slowest = float(sketch.lasts(0.0, velocity).sum(axis=2).max())
        interval, ticks = TIME_INTERVAL, int(1.1 * slowest / TIME_INTERVAL) + 2
    grain = draw_field(rng, extent, extent[1] * rng.uniform(0.02, 0.08), extent[2] * rng.uniform(0.015, 0.05))
    return Plan(
        setting=setting,
        sediments=sediments,
        body=body,
        salt_velocity=velocity,
        dirt=(grain, float(rng.choice([0.0, rng.uniform(0.002, 0.03)]))),
        shadow=rng.uniform(0.15, 0.9),
        look=draw_look(rng, extent[:2], ticks, interval),
        ticks=ticks,
        cell=cell,
        depth=min(reach * 1.05 + 60, deepest) if in_time else window,
        first_sample=0.0 if marine else setting.step * int(rng.uniform(400, 2500) / setting.step),
        seeds=rng.integers(0, 2**62, lines),
    )
