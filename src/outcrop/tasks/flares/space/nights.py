"""Looks of one place → nights → mean heat of a site or a month, with the spread that few nights leave.

Heats of one overpass add up, overpasses of one night are averaged, nights count alike. A dark clear night is a zero.
What few nights leave open is drawn by the Bayesian bootstrap (Rubin 1981): each draw weighs the nights anew. With fewer
than ``FEW`` nights that is too narrow, and the spread between nights common to all sites is taken instead.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from outcrop.tasks.flares.space.heat import Numbers, modified_heat
from outcrop.tasks.flares.space.nightfire import DARK, FLAME, Nightfire

DRAWS, MONTH_DRAWS = 1000, 400
"""Draws of the mean of a site and of a month: enough for two digits of a 90 % interval."""

FEW = 6
"""Nights below which a bootstrap of a site's own nights says too little."""

USUAL_SPREAD = 0.8
"""Spread of heat between nights over its mean, where no site has enough nights to tell; a judgement."""

BLOCK = 4000
"""Nights weighed at a time; a run with more is weighed whole."""

NODES = 3
"""Exponents at which means are computed; between them their logarithms follow a parabola."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Nights:
    """Clear nights of all sites, (n,) each, sorted by site and night.

    Attributes:
        site: number of the site.
        night: local date of the evening.
        heat: (n, NODES) modified radiant heat at each exponent of ``exponents``, MW; 0 for dark nights.
        lit: whether a flame was seen.
    """

    site: NDArray[np.int64]
    night: NDArray[np.datetime64]
    heat: Numbers
    lit: NDArray[np.bool_]
    exponents: Numbers


def evening(time: NDArray[np.datetime64], longitude: Numbers) -> NDArray[np.datetime64]:
    """Local date of the evening in which a night began, by mean solar time: looks before and after midnight agree."""
    shift = np.round(longitude * 240).astype("timedelta64[s]")
    return np.asarray((time + shift - np.timedelta64(12, "h")).astype("datetime64[D]"))


def nights_of(rows: Nightfire, site: NDArray[np.int64], low: float, best: float, high: float) -> Nights:
    """Clear nights with flames whose heat is known, and dark ones.

    Args:
        site: (n,) number of each row's site, -1 for rows of no site.
        low, best, high: exponents of the modified heat.
    """
    exponents = np.array([low, best, high])
    use = (site >= 0) & rows.clear & ((rows.kind == FLAME) | (rows.kind == DARK))
    night = evening(rows.time, rows.longitude)[use]
    flame = rows.kind[use] == FLAME
    heat = np.zeros((int(use.sum()), NODES))
    for i, exponent in enumerate(exponents):
        heat[flame, i] = modified_heat(rows.temperature[use][flame], rows.area[use][flame], exponent)
    look = rows.time[use].astype("datetime64[m]").astype(np.int64) // 10  # an overpass lasts some minutes
    looks, sums = _summed(np.column_stack([site[use], night.astype(np.int64), look]), heat)
    each, totals = _summed(looks[:, :2], np.column_stack([sums, np.ones(len(looks))]))
    mean = totals[:, :NODES] / totals[:, NODES:]
    return Nights(
        site=each[:, 0], night=each[:, 1].astype("datetime64[D]"), heat=mean, lit=mean[:, 0] > 0, exponents=exponents
    )


def _summed(keys: NDArray[np.int64], values: Numbers) -> tuple[NDArray[np.int64], Numbers]:
    """Rows of equal keys added up, sorted by key."""
    if not len(keys):
        return keys, values
    order = np.lexsort(keys.T[::-1])
    keys = keys[order]
    starts = np.flatnonzero(np.append(True, (keys[1:] != keys[:-1]).any(axis=1)))
    return keys[starts], np.add.reduceat(values[order], starts, axis=0)


def drawn_means(
    nights: Nights, starts: NDArray[np.int64], exponent: Numbers, rng: np.random.Generator
) -> Iterator[tuple[int, Numbers]]:
    """Draws of the mean heat of runs of nights: (number of the first run, (runs, draws) in MW), block by block.

    Args:
        starts: where the runs begin.
        exponent: (draws,) of the modified heat.
    """
    ends = np.append(starts[1:], len(nights.site))
    usual = common_spread(nights, starts)
    first = 0
    while first < len(starts):
        last = max(first + 1, int(np.searchsorted(ends, starts[first] + BLOCK, side="right")))
        heat = nights.heat[starts[first] : ends[last - 1]]
        runs, counts = starts[first:last] - starts[first], (ends - starts)[first:last]
        mean = np.add.reduceat(heat, runs, axis=0) / counts[:, None]
        factor = _spread(heat[:, 1].astype(np.float32), runs, counts, usual, len(exponent), rng)
        yield first, at_exponents(mean, nights.exponents, exponent) * factor
        first = last


def at_exponents(mean: Numbers, exponents: Numbers, drawn: Numbers) -> Numbers:
    """Means at drawn exponents, (runs, draws), from those at the nodes; a mean of zero stays zero."""
    if exponents[0] == exponents[-1]:
        return np.repeat(mean[:, 1:2], len(drawn), axis=1)
    with np.errstate(divide="ignore"):
        logs = np.log(mean)
    weights = np.empty((NODES, len(drawn)))
    if len(set(exponents.tolist())) < NODES:  # the best value lies at an end: a straight line
        share = (drawn - exponents[0]) / (exponents[-1] - exponents[0])
        weights[0], weights[1], weights[2] = 1 - share, 0, share
    else:
        for i, node in enumerate(exponents):
            others = np.delete(exponents, i)
            weights[i] = np.prod([(drawn - o) / (node - o) for o in others], axis=0)
    return np.where(mean[:, :1] > 0, np.exp(np.nan_to_num(logs, neginf=0.0) @ weights), 0.0)


def _spread(
    heat: NDArray[np.float32],
    runs: NDArray[np.int64],
    counts: NDArray[np.int64],
    usual: float,
    draws: int,
    rng: np.random.Generator,
) -> NDArray[np.float32]:
    """Factors around the mean of each run of nights, (runs, draws)."""
    weights = rng.standard_exponential((len(heat), draws), np.float32)
    total = np.add.reduceat(weights, runs, axis=0)
    weights *= heat[:, None]
    drawn = np.add.reduceat(weights, runs, axis=0) / total
    mean = (np.add.reduceat(heat, runs) / counts)[:, None]
    factors = np.divide(drawn, mean, out=np.ones_like(drawn), where=mean > 0)
    few = counts < FEW
    if few.any():
        sigma = np.sqrt(np.log1p(usual**2 / counts[few]))[:, None]
        factors[few] = np.exp(sigma * rng.standard_normal((int(few.sum()), draws)) - sigma**2 / 2)
    return factors


def common_spread(nights: Nights, starts: NDArray[np.int64]) -> float:
    """Spread between nights over their mean, the median of the runs with enough nights."""
    heat, counts = nights.heat[:, 1], np.diff(starts, append=len(nights.site))
    mean = np.add.reduceat(heat, starts) / counts
    square = np.add.reduceat(heat**2, starts) / counts
    enough = (counts >= FEW) & (mean > 0)
    if not enough.any():
        return USUAL_SPREAD
    variance = np.maximum(square[enough] / mean[enough] ** 2 - 1, 0.0) * counts[enough] / (counts[enough] - 1)
    return float(np.median(np.sqrt(variance)))
