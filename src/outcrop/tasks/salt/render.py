"""A made-up earth pictured slab by slab, with its truth: memory holds the result and a few lines, not the block.

The truth about the salt comes from its implicit function by quadrature in depth, never from the mask.
Arrays are (y, x, n): y runs across inlines, x along an inline.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from outcrop.core.scene import Floats
from outcrop.tasks.salt.earth.imaging import mean_echo, occupancy, spray
from outcrop.tasks.salt.earth.sediments import WATER_VELOCITY
from outcrop.tasks.salt.earth.sizing import salt_share
from outcrop.tasks.salt.plan import Columns, Plan, Setting, columns

SLAB_CELLS, SLAB_LINES = 2_000_000, 16
"""Cells of the depth grid that are worked on at once, but never fewer lines than this."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Earth:
    """A drawn block: what the survey saw and what is there.

    Attributes:
        setting: what was asked for.
        first_sample: vertical position of sample 0, ms or m.
        seismic: (inlines, crosslines, samples) float32, root mean square 1.
        mask: the same shape, uint8: 1 where salt fills at least half of a sample.
        top, base: (inlines, crosslines): first and last salt of each trace inside the window, ms or m; NaN without.
        volume: m³ of salt in the window: the cells of all traces, from half a sample above the first sample
            to half a sample below the last, inclusions left out.
        salt_velocity: m/s.
    """

    setting: Setting
    first_sample: float
    seismic: Floats
    mask: NDArray[np.uint8]
    top: Floats
    base: Floats
    volume: float
    salt_velocity: float


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class _Slab:
    """What one slab of lines gives.

    Attributes:
        deepest: depth (m) of the window's end under each trace.
        span: least and greatest depth (m) at which a trace meets salt.
        levels: the yardsticks of noise and of automatic gain.
    """

    seismic: Floats
    mask: NDArray[np.uint8]
    top: Floats
    base: Floats
    deepest: Floats
    span: tuple[float, float]
    levels: tuple[float, float]


def _white(plan: Plan, start: int, stop: int) -> Floats:
    """White noise of these lines, the same whichever slab asks for it, (lines, traces, sample)."""
    shape = (plan.setting.shape[1], max(plan.ticks, plan.setting.shape[2]))
    seeds = plan.seeds[start:stop]
    return np.stack([np.random.default_rng(seed).standard_normal(shape, dtype=np.float32) for seed in seeds])


def _pick(values: Floats, index: NDArray[np.int64]) -> Floats:
    """One value of each trace: (y, x, n) and positions (y, x) → (y, x)."""
    return np.asarray(np.take_along_axis(values, index[:, :, None], 2)[:, :, 0])


def _horizons(plan: Plan, rock: Columns) -> tuple[Floats, Floats, Floats]:
    """First and last salt of each trace, ms or m from the window's top, and the depth (m) of its end, each (y, x)."""
    setting = plan.setting
    window = np.float32(setting.step * setting.shape[2])
    if setting.domain == "time":
        edges, within = rock.time, np.float32(2000 * plan.cell / plan.salt_velocity)
        final = (edges < window).sum(axis=2) - 1
        start, end = _pick(edges, final), _pick(edges, np.minimum(final + 1, edges.shape[2] - 1))
        deepest = (final + np.clip((window - start) / np.maximum(end - start, 1e-6), 0, 1)) * plan.cell
    else:
        edges, within = np.broadcast_to(plan.edges, rock.time.shape), np.float32(plan.cell)
        deepest = np.full(rock.salt.shape[:2], window)
    salty = rock.inside & (edges < window)
    first, last = salty.argmax(axis=2), salty.shape[2] - 1 - salty[:, :, ::-1].argmax(axis=2)
    # Salt begins in the cell above its first edge and ends in the one below its last.
    above, below = (
        _pick(rock.salt, np.maximum(first - 1, 0)),
        _pick(rock.salt, np.minimum(last, rock.salt.shape[2] - 1)),
    )
    top = np.where(first > 0, _pick(edges, first) - within * above, 0)
    base = np.minimum(_pick(edges, last) + within * below, window)
    nowhere = ~salty.any(axis=2)
    top[nowhere], base[nowhere] = np.nan, np.nan
    return top, base, np.asarray(deepest, np.float32)


def _to_depth(seismic: Floats, places: Floats) -> Floats:
    """Seismic on the time axis → at fractional places of it, (y, x, sample)."""
    whole = np.clip(places.astype(np.int64), 0, seismic.shape[2] - 2)
    early = np.take_along_axis(seismic, whole, 2)
    late = np.take_along_axis(seismic, whole + 1, 2)
    return np.asarray(early + np.clip(places - whole, 0, 1) * (late - early), np.float32)


def _slab(plan: Plan, start: int, stop: int, levels: tuple[float, float] | None) -> _Slab:
    """Picture the lines from start to stop; neighbours within reach of the lateral blur are worked on too."""
    setting, look = plan.setting, plan.look
    in_time, half = setting.domain == "time", np.float32(0.5)
    low, high = max(start - look.reach, 0), min(stop + look.reach, setting.shape[0])
    y = np.arange(low, high, dtype=np.float32) * np.float32(setting.spacing[0])
    x = np.arange(setting.shape[1], dtype=np.float32) * np.float32(setting.spacing[1])
    rock = columns(plan, y, x)
    places = rock.time / np.float32(look.interval)
    whole = 2000 * plan.cell / plan.salt_velocity / look.interval
    salt = occupancy(rock.salt, rock.inside, places, whole, plan.ticks)
    echoes = spray(places[:, :, 1:-1] - half, rock.echo, plan.ticks)
    seabed = None if plan.sediments.seabed is None else plan.sediments.seabed.at(y, x)
    arrival = None if seabed is None else seabed * np.float32(2000 / WATER_VELOCITY / look.interval)
    noise_level, power = levels or (mean_echo(echoes), 0.0)
    white = _white(plan, low, high)
    seismic = look.convolve(look.spoil(echoes, salt, arrival, y, x, white[:, :, : plan.ticks], noise_level))
    if not in_time:
        # Two cells to a sample: its centre is the edge between them.
        seismic = _to_depth(seismic, places[:, :, 1::2] - half)
        salt = np.asarray((rock.salt[:, :, ::2] + rock.salt[:, :, 1::2]) / 2, np.float32)
        arrival = None if seabed is None else seabed / np.float32(setting.step)
    own = slice(start - low, stop - low)
    seismic = seismic[own]
    power = power or float(np.mean(seismic * seismic))
    hiss = white[own, :, : setting.shape[2]] * np.float32(look.raw * np.sqrt(power))
    if arrival is not None:
        hiss *= np.arange(setting.shape[2]) > arrival[own]
    top, base, deepest = (values[own] for values in _horizons(plan, rock))
    met = plan.edges[rock.inside.any(axis=(0, 1))]
    return _Slab(
        seismic=look.finish(seismic + hiss, y[own], x, power),
        mask=(salt[own] >= half).astype(np.uint8),
        top=top,
        base=base,
        deepest=deepest,
        span=(float(met[0]), float(met[-1])) if len(met) else (0.0, 0.0),
        levels=(noise_level, power),
    )


def _quadrature(plan: Plan, start: int, stop: int, part: _Slab) -> float:
    """m³ of salt under the cells of these lines, by 2 x 2 Gauss points a cell and thickness along the vertical.

    The points lie between the traces and the depths differ from the picture's: nothing is shared with the mask
    but the implicit function itself, and the box outside which there is no salt.
    """
    found = np.flatnonzero((~np.isnan(part.top)).any(axis=0))
    if plan.body is None or not len(found):
        return 0.0
    across, along = plan.setting.spacing
    first, last = max(int(found[0]) - 2, 0), min(int(found[-1]) + 3, plan.setting.shape[1])
    gauss = np.array([-0.5, 0.5]) / np.sqrt(3)
    y = ((np.arange(start, stop)[:, None] + gauss).ravel() * across).astype(np.float32)
    x = ((np.arange(first, last)[:, None] + gauss).ravel() * along).astype(np.float32)
    step, margin = np.float32(0.8 * plan.cell), 4 * plan.cell
    z = np.arange(max(part.span[0] - margin, 0), part.span[1] + margin, step, dtype=np.float32)
    ends = np.repeat(np.repeat(part.deepest[:, first:last], 2, axis=0), 2, axis=1)[:, :, None]
    inside = np.clip((ends - z[:-1]) / step, 0, 1)
    thickness = (salt_share(plan.body.distance(y, x, z)) * inside).sum(axis=2, dtype=np.float64)
    return float(thickness.sum()) * float(step) * across * along / 4


def _level(seismic: Floats, clip: float) -> None:
    """Clip at so many times the root mean square and bring that to 1, in place and line by line."""
    for limit in (clip, np.inf):
        spread = float(np.sqrt(np.mean([np.mean(line * line, dtype=np.float64) for line in seismic]))) or 1.0
        for line in seismic:
            np.clip(line / np.float32(spread), -limit, limit, out=line)


def render(plan: Plan) -> Earth:
    """Picture a plan and measure its truth."""
    setting = plan.setting
    lines, traces, _ = setting.shape
    step = max(SLAB_CELLS // (traces * len(plan.edges)), SLAB_LINES)
    seismic, mask = np.empty(setting.shape, np.float32), np.empty(setting.shape, np.uint8)
    top, base = np.empty((lines, traces), np.float32), np.empty((lines, traces), np.float32)
    volume, levels = 0.0, None
    for start in range(0, lines, step):
        stop = min(start + step, lines)
        part = _slab(plan, start, stop, levels)
        levels, own = part.levels, slice(start, stop)
        seismic[own], mask[own], top[own], base[own] = part.seismic, part.mask, part.top, part.base
        volume += _quadrature(plan, start, stop, part)
    _level(seismic, plan.look.clip)
    shift = plan.first_sample - setting.step / 2
    return Earth(
        setting=setting,
        first_sample=plan.first_sample,
        seismic=seismic,
        mask=mask,
        top=top + np.float32(shift),
        base=base + np.float32(shift),
        volume=volume,
        salt_velocity=plan.salt_velocity,
    )
