"""Hot spots → what they would be as flares, and places that are hot on date after date.

Hot roofs, mirrors and fires pass on a single date, so a flare is what is hot on at least a tenth of the dates (Faruolo et al.
2022, Remote Sens. 14:6319).
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from outcrop.core.errors import NoGeometry, NothingToSee, UsageError
from outcrop.core.estimate import Assumption, Estimate
from outcrop.tasks.flares.space.clusters import cluster
from outcrop.tasks.flares.space.heat import (
    EXPONENT,
    SITE_ERROR,
    SLOPE,
    daily_volume,
    modified_heat,
    radiant_heat,
    yearly_volume,
)
from outcrop.tasks.flares.space.hotspots import HotScene, HotSpot
from outcrop.tasks.flares.space.swir import ASSUMPTIONS, SINGLE_BAND, TEMPERATURE

PLACE = 100.0
"""Steps between hot spots of one place on different dates, m; a choice of this room."""

LEAST_SHARE = 0.1
"""Share of the dates on which a flare is hot at least."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """A place that was hot on some dates.

    Attributes:
        dates: scenes in which it was hot.
        share: of all scenes given.
        persistent: whether the share is large enough for a flare.
        power: median of the dates' radiant powers, MW.
    """

    longitude: float
    latitude: float
    dates: int
    share: float
    persistent: bool
    power: float


def flare_estimates(
    spot: HotSpot, rng: np.random.Generator, assumptions: Mapping[str, Assumption] = ASSUMPTIONS
) -> dict[str, Estimate]:
    """What a hot spot would be as a flare: radiant heat (MW), flame area (m²), gas flow (thousand m³/day) at that moment.

    The flow rests on Nightfire's calibration, which is one of nightly means: for one moment it is a rough guide.

    Raises:
        NothingToSee: the radiant power is not known.
    """
    if not np.isfinite(spot.power):
        raise NothingToSee("the radiant power of the hot spot is not known: give the Sun's zenith angle, or radiance")
    drawn = {name: assumption.draw(rng).draws for name, assumption in assumptions.items()}
    heat = spot.power * drawn[SINGLE_BAND]
    area = heat / radiant_heat(drawn[TEMPERATURE], 1.0)
    modified = modified_heat(drawn[TEMPERATURE], area, drawn[EXPONENT])
    flow = daily_volume(yearly_volume(modified, drawn[SLOPE])) * np.exp(drawn[SITE_ERROR])
    return {
        "radiant heat": Estimate(draws=heat, unit="MW"),
        "flame area": Estimate(draws=area, unit="m²"),
        "gas flow": Estimate(draws=flow, unit="thousand m³/day"),
    }


def persistent_places(scenes: Sequence[HotScene], *, radius: float = PLACE, least: float = LEAST_SHARE) -> list[Place]:
    """Places that were hot, by how often; scenes are different dates over the same ground.

    Raises:
        UsageError: fewer than two scenes.
        NoGeometry: a hot spot has no position on the globe.
    """
    if len(scenes) < 2:
        raise UsageError(
            f"persistence wants two dates at least, and {len(scenes)} came: give more scenes of the same ground"
        )
    spots = [(number, spot) for number, scene in enumerate(scenes) for spot in scene.spots]
    lon, lat = (np.array([getattr(spot, name) for _, spot in spots]) for name in ("longitude", "latitude"))
    if not (np.isfinite(lon) & np.isfinite(lat)).all():
        raise NoGeometry("a hot spot has no position: give scenes with a map projection, so that dates can be compared")
    group = cluster(lat, lon, radius)
    found = []
    for number in range(int(group.max()) + 1 if len(group) else 0):
        mine = np.flatnonzero(group == number)
        dates = {spots[i][0] for i in mine}
        powers = [sum(spots[i][1].power for i in mine if spots[i][0] == date) for date in dates]
        share = len(dates) / len(scenes)
        found.append(
            Place(
                longitude=float(np.median(lon[mine])), latitude=float(np.median(lat[mine])), dates=len(dates),
                share=share, persistent=share >= least and len(dates) > 1, power=float(np.median(powers)),
            )
        )  # fmt: skip
    return sorted(found, key=lambda place: (-place.share, -np.nan_to_num(place.power)))
