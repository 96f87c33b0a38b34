"""Where made-up sites lie: deposits kept apart, pits beside them, look-alikes anywhere."""

from collections.abc import Mapping, Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from outcrop.core.errors import UsageError
from outcrop.tasks.tailings.drawn.sites import DEPOSITS, LOOK_ALIKES, Site, draw_site

PER_100_KM2 = 5.0
"""Deposits in a mining district when no number is asked for."""

APART = 60.0
"""Least gap (m) between the circles round two deposits: they never merge in a mask."""

SPREAD = 1.4
"""Standard deviation of the logarithm of a deposit's area."""

LARGEST_SHARE = 0.12
"""A deposit fills at most this share of the scene."""

LOOK_ALIKE_AREA = {"pit": 2.5e5, "lake": 1.2e5, "clearing": 5e4, "village": 9e4, "burnt": 1.5e5, "cloud": 1.2e5}
"""Median area, m²."""

TRIES = 60


def _one(rng: np.random.Generator, kinds: Mapping[str, tuple[str, float]], area: float, kind: str = "") -> Site:
    """A site of a kind drawn by its weight."""
    weights = np.array([weight for _, weight in kinds.values()])
    kind = kind or str(rng.choice(list(kinds), p=weights / weights.sum()))
    return draw_site(rng, kind, kinds[kind][0], area)


def _area(rng: np.random.Generator, bounds: tuple[float, float, float], extent: tuple[float, float]) -> float:
    """A log-normal area within its bounds, and within a share of the scene."""
    largest = max(min(bounds[2], LARGEST_SHARE * extent[0] * extent[1]), bounds[0])
    for _ in range(TRIES):
        area = float(bounds[1] * np.exp(SPREAD * rng.normal()))
        if bounds[0] <= area <= largest:
            return area
    return float(np.clip(bounds[1], bounds[0], largest))


def _clear(site: Site, taken: NDArray[np.float64]) -> bool:
    """Whether a site keeps its distance from all others, (n, 3): x, y, reach."""
    away = np.hypot(taken[:, 0] - site.x, taken[:, 1] - site.y)
    return bool((away > taken[:, 2] + site.reach + APART).all())


def _deposit(
    rng: np.random.Generator, taken: NDArray[np.float64], extent: tuple[float, float], area: tuple[float, float, float],
    cut: bool,
) -> Site | None:  # fmt: skip
    """A deposit with room of its own, one in three beside an earlier one; None when there is no room."""
    height, width = extent
    for _ in range(TRIES):
        site = _one(rng, DEPOSITS, _area(rng, area, extent))
        edge = 0.0 if cut else site.reach + 40
        if 2 * edge >= min(extent):
            continue
        x, y = rng.uniform(edge, width - edge), rng.uniform(edge, height - edge)
        if len(taken) and rng.random() < 1 / 3:
            near, turn = taken[rng.integers(len(taken))], rng.uniform(0, 2 * np.pi)
            away = near[2] + site.reach + APART + rng.exponential(150)
            x, y = near[0] + away * np.cos(turn), near[1] + away * np.sin(turn)
        site = replace(site, x=float(x), y=float(y))
        inside = edge <= x <= width - edge and edge <= y <= height - edge
        if inside and _clear(site, taken):
            return site
    return None


def circles(sites: Sequence[Site]) -> NDArray[np.float64]:
    """Circles round sites, (n, 3): x, y, reach (m)."""
    return np.array([(s.x, s.y, s.reach) for s in sites]).reshape(-1, 3)


def _deposits(
    rng: np.random.Generator,
    extent: tuple[float, float],
    wanted: int | None,
    area: tuple[float, float, float],
    cut: bool,
) -> list[Site]:
    """As many deposits as wanted, or as the area holds.

    Raises:
        UsageError: more are wanted than find room.
    """
    count = max(1, int(rng.poisson(PER_100_KM2 * extent[0] * extent[1] / 1e8))) if wanted is None else wanted
    found: list[Site] = []
    while len(found) < count:
        site = _deposit(rng, circles(found), extent, area, cut)
        if site is None:
            if wanted is None and found:
                break
            raise UsageError(
                f"{count} deposits find no room in this scene: ask for fewer, smaller ones or a larger scene"
            )
        found.append(site)
    return found


def lay_out(
    rng: np.random.Generator, extent: tuple[float, float], *, deposits: int | None, look_alikes: float,
    area: tuple[float, float, float], cut: bool,
) -> tuple[Site, ...]:  # fmt: skip
    """Sites of a scene of this extent (height, width in m), from below to above; see ``scene.Setting``.

    Raises:
        UsageError: more deposits are wanted than find room.
    """
    height, width = extent
    tailings = _deposits(rng, extent, deposits, area, cut)
    below: list[Site] = []
    clouds: list[Site] = []
    for _ in range(int(rng.poisson(look_alikes * height * width / 1e8))):
        site = _one(rng, LOOK_ALIKES, 1.0)
        scale = np.sqrt(LOOK_ALIKE_AREA[site.kind] * rng.lognormal(0, 0.9))
        site = _scaled(site, float(scale), float(rng.uniform(0, width)), float(rng.uniform(0, height)))
        if site.kind != "cloud":
            below.append(site)
        elif _clear(site, circles(tailings)):
            clouds.append(site)
    if look_alikes:
        below += [pit for deposit in tailings for pit in _pits(rng, deposit)]
    return (*below, *tailings, *clouds)


def _scaled(site: Site, scale: float, x: float, y: float) -> Site:
    """A site of unit area made larger and moved."""
    return replace(site, radii=site.radii * scale, dam=site.dam * scale, x=x, y=y)


def _pits(rng: np.random.Generator, deposit: Site) -> list[Site]:
    """Half of the deposits have the mine beside them, partly under them."""
    if rng.random() < 0.5:
        return []
    pit = _one(rng, LOOK_ALIKES, float(LOOK_ALIKE_AREA["pit"] * rng.lognormal(0.3, 0.8)), "pit")
    turn, away = rng.uniform(0, 2 * np.pi), 0.8 * float(np.median(deposit.radii)) + pit.reach
    return [replace(pit, x=deposit.x + away * float(np.cos(turn)), y=deposit.y + away * float(np.sin(turn)))]
