"""Top and base of every interval along every trace, with the depths between which each pick lies.

Where the probability rises through the threshold downwards there is a top, where it falls through it a base; a
trace may have several of each (overhangs, feeders, stacked sheets). Both are interpolated between samples.

The spread of a pick comes from how sharply the probability turns. Read down the trace, the probability of being
inside is the probability that the top has been passed: the top lies above the depth at which it reaches 0.1 with a
chance of 10 %, and above the depth at which it reaches 0.9 with 90 %. Those are p10 and p90, the first crossing met
when walking away from the pick, so a wiggle further off does not count (the profile made monotone). When the
threshold is not 0.5, the two levels are stretched about it, so that it stays the median. A walk ends at the
neighbouring pick or at the end of the trace. The model's own error of picks is then added in quadrature.

p10 is always the shallower of the two.
"""

from dataclasses import dataclass
from statistics import NormalDist

import numpy as np
from numpy.typing import NDArray

from outcrop.core.scene import Floats

Ints = NDArray[np.int64]
Reals = NDArray[np.float64]
TAIL = 0.1
"""Chance that the true pick lies shallower than p10, and deeper than p90."""

REACH = NormalDist().inv_cdf(1 - TAIL)
"""Standard deviations from the mean of a normal distribution to its 90 % quantile, 1.2816."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Picks:
    """Tops and bases of n intervals, in order of trace, then depth; vertical positions in samples from 0.

    Attributes:
        line, trace: (n,) positions of the trace in the slab.
        interval: (n,) 1 for the shallowest interval of its trace.
        top, base: (n,) NaN where salt enters or leaves through the end of the trace or an unseen sample: the
            surface itself was not seen.
        top_p10, top_p90, base_p10, base_p90: (n,) between which the pick lies with a chance of 80 %.
    """

    line: Ints
    trace: Ints
    interval: Ints
    top: Reals
    top_p10: Reals
    top_p90: Reals
    base: Reals
    base_p10: Reals
    base_p90: Reals

    def __len__(self) -> int:
        return len(self.line)


def picks(
    probability: Floats,
    threshold: float = 0.5,
    *,
    inside: NDArray[np.bool_] | None = None,
    min_samples: int = 1,
    pick_error: float = 0.0,
) -> Picks:
    """Tops and bases in a slab.

    Args:
        probability: (lines, traces, samples), in [0, 1], NaN where nothing was seen.
        inside: same shape; where salt is, when that is less than everything at and above the threshold (bodies that
            are too small left out, say).
        min_samples: gaps shorter than this are closed first, then intervals shorter than this are left out.
        pick_error: standard deviation of the model's picks against the truth, in samples.
    """
    samples = probability.shape[2]
    chance = np.ascontiguousarray(probability).ravel()
    mask = probability >= threshold if inside is None else inside & np.isfinite(probability)
    start, end = runs(mask, min_samples)
    shallow = _edges(chance, start, end, samples, threshold)
    mirrored = _edges(chance[::-1], *_mirror(start, end, chance.size), samples, threshold)
    low, deep, high = (chance.size - 1 - side[::-1] for side in (mirrored[2], mirrored[1], mirrored[0]))
    origin = start // samples * samples
    top_p10, top, top_p90 = _widened(shallow[0] - origin, shallow[1] - origin, shallow[2] - origin, pick_error)
    base_p10, base, base_p90 = _widened(low - origin, deep - origin, high - origin, pick_error)
    line, trace = np.divmod(start // samples, probability.shape[1])
    return Picks(
        line=line,
        trace=trace,
        interval=_order_in_trace(start // samples),
        top=top,
        top_p10=top_p10,
        top_p90=top_p90,
        base=base,
        base_p10=base_p10,
        base_p90=base_p90,
    )


def runs(mask: NDArray[np.bool_], min_samples: int = 1) -> tuple[Ints, Ints]:
    """Flat indices of the first and the last sample of every run along the last axis.

    Gaps shorter than ``min_samples`` are closed, then runs shorter than that are left out.
    """
    begins, ends = mask.copy(), mask.copy()
    begins[..., 1:] &= ~mask[..., :-1]
    ends[..., :-1] &= ~mask[..., 1:]
    start, end = np.flatnonzero(begins), np.flatnonzero(ends)
    samples = mask.shape[-1]
    joined = (start[1:] - end[:-1] - 1 < min_samples) & (start[1:] // samples == end[:-1] // samples)
    start = start[np.concatenate([[True], ~joined])] if len(start) else start
    end = end[np.concatenate([~joined, [True]])] if len(end) else end
    long = end - start + 1 >= min_samples
    return start[long], end[long]


def _mirror(start: Ints, end: Ints, size: int) -> tuple[Ints, Ints]:
    """The same runs seen from below: bases become tops."""
    return size - 1 - end[::-1], size - 1 - start[::-1]


def _edges(chance: Floats, start: Ints, end: Ints, samples: int, threshold: float) -> tuple[Reals, Reals, Reals]:
    """(p10, crossing, p90) at the first side of every run, as flat positions; NaN where the crossing was not seen."""
    low, high = 2 * TAIL * threshold, 1 - 2 * TAIL * (1 - threshold)
    trace = start // samples
    inner = start % samples > 0
    crossing = np.where(inner, _crossing(chance, start, threshold), np.nan)
    exit_ = np.where((end + 1) % samples > 0, _crossing(chance[::-1], chance.size - 1 - end, threshold), np.nan)
    exit_ = np.where(np.isnan(exit_), end, chance.size - 1 - exit_)
    neighbour = np.concatenate([[False], trace[1:] == trace[:-1]])[: len(start)]
    before = np.concatenate([[0], end[:-1]])[: len(start)]
    limit = np.where(neighbour, np.concatenate([[0.0], exit_[:-1]])[: len(start)], trace * samples)

    below = np.flatnonzero(chance < low)
    outer = _pick(below, np.searchsorted(below, start) - 1)
    outer_seen = (outer >= trace * samples) & (~neighbour | (outer > before))
    p10 = np.where(outer_seen, _crossing(chance, np.where(outer_seen, outer + 1, start), low), limit)

    above = np.flatnonzero(chance >= high)
    core = _pick(above, np.searchsorted(above, start))
    core_seen = (core >= start) & (core <= end)
    p90 = np.where(core_seen, _crossing(chance, np.where(core_seen, core, start), high), exit_)
    unseen = np.isnan(crossing)
    p10 = np.fmin(np.where(unseen, np.nan, p10), crossing)
    p90 = np.fmax(np.where(unseen, np.nan, p90), crossing)
    return p10, crossing, p90


def _crossing(chance: Floats, at: Ints, level: float) -> Reals:
    """Position between sample ``at`` - 1 and ``at`` where the probability rises through the level; NaN beside NaN."""
    if not len(at):
        return np.zeros(0)
    after, before = chance[at].astype(float), chance[np.maximum(at - 1, 0)].astype(float)
    rise = after - before
    part = np.where(rise > 0, (level - before) / np.where(rise > 0, rise, 1.0), 0.5)
    return np.asarray(np.where(np.isnan(rise), np.nan, at - 1 + np.clip(part, 0.0, 1.0)))


def _pick(of: Ints, position: Ints) -> Ints:
    """``of[position]``, -1 beyond either end."""
    if not len(of):
        return np.full(len(position), -1)
    safe = np.clip(position, 0, len(of) - 1)
    return np.where(safe == position, of[safe], -1)


def _widened(p10: Reals, value: Reals, p90: Reals, pick_error: float) -> tuple[Reals, Reals, Reals]:
    """Both sides and the model's own error, in quadrature."""
    reach = REACH * pick_error
    return value - np.hypot(value - p10, reach), value, value + np.hypot(p90 - value, reach)


def _order_in_trace(trace: Ints) -> Ints:
    """1, 2, ... within equal neighbours."""
    if not len(trace):
        return trace
    fresh = np.concatenate([[True], trace[1:] != trace[:-1]])
    first = np.flatnonzero(fresh)
    return np.arange(len(trace)) - np.repeat(first, np.diff(np.append(first, len(trace)))) + 1
