"""Nightfire rows → flare sites with volumes of gas, month by month, and points for a map.

Detections that hang together within a radius are one site. Volumes are means over clear nights; a table that holds
detections only cannot tell dark nights from cloudy ones, and its volumes are upper bounds.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from outcrop.core.errors import NothingToSee
from outcrop.core.estimate import Assumption, Estimate
from outcrop.tasks.flares.space import nights as by_night
from outcrop.tasks.flares.space.clusters import cluster, earth_centred
from outcrop.tasks.flares.space.heat import (
    ASSUMPTIONS,
    EXPONENT,
    SITE_ERROR,
    SLOPE,
    Numbers,
    daily_volume,
    yearly_volume,
)
from outcrop.tasks.flares.space.nightfire import DARK, FLAME, Nightfire

RADIUS = 750.0
"""Steps between detections of one site, m: a VIIRS pixel of the M bands at nadir."""

UNIT = "thousand m³/day"
REFERENCE = "at 15 °C and 101.325 kPa (taken; the calibration does not state it)"


@dataclass(frozen=True, slots=True, kw_only=True)
class Month:
    """A site in one month; volumes are central 90 % intervals in thousand m³ a day.

    Attributes:
        month: e.g. "2020-01".
        lit, clear: nights with a flame whose heat is known, and clear nights (these and dark ones).
    """

    month: str
    lit: int
    clear: int
    value: float
    low: float
    high: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Site:
    """A place that burns gas.

    Attributes:
        id: number, from 1, in the order of the volumes.
        latitude, longitude: median of the detections, degrees.
        first, last: evenings of the first and the last detection.
        detections: flames seen, cloudy and unfitted ones too.
        lit, clear, cloudy: nights with a flame of known heat, clear nights, nights with clouds alone.
        share: lit / clear nights; NaN where dark nights are not known.
        temperature: median, K.
        width: largest distance of a detection from the middle, m.
        volume: mean flow, thousand m³ a day.
        upper_bound: True when dark clear nights are not known, so that the mean is over nights with a flame.
    """

    id: int
    latitude: float
    longitude: float
    first: str
    last: str
    detections: int
    lit: int
    clear: int
    cloudy: int
    share: float
    temperature: float
    width: float
    volume: Estimate
    upper_bound: bool
    months: tuple[Month, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Sites:
    """All sites of a table, and their sum.

    Attributes:
        total: sum over sites, thousand m³ a day; slope and exponent err alike at all of them.
    """

    sites: tuple[Site, ...]
    total: Estimate
    notes: tuple[str, ...] = ()
    radius: float = RADIUS
    dropped: Mapping[str, int] = field(default_factory=dict)

    def points(self) -> list[dict[str, Any]]:
        """GeoJSON features, one point a site, longitude before latitude."""
        return [_feature(site) for site in self.sites]


def measure_sites(
    rows: Nightfire,
    rng: np.random.Generator,
    *,
    radius: float = RADIUS,
    assumptions: Mapping[str, Assumption] = ASSUMPTIONS,
) -> Sites:
    """Sites and their volumes.

    Args:
        radius: longest step between detections of one site, m.
        assumptions: slope and exponent, see ``heat.ASSUMPTIONS``.

    Raises:
        NothingToSee: no flame of known heat on a clear night.
        UsageError: the radius is not positive.
    """
    site, notes = _assigned(rows, radius)
    slope, exponent = assumptions[SLOPE], assumptions[EXPONENT]
    night = by_night.nights_of(rows, site, exponent.low, exponent.best, exponent.high)
    if not night.lit.any():
        raise NothingToSee("no flame of known heat was seen on a clear night: give more rows, or a longer time")
    slopes, exponents = _draws(slope, rng), _draws(exponent, rng)
    starts = _runs(night.site)
    own = assumptions[SITE_ERROR]
    volumes = np.concatenate([flow for _, flow in _flows(night, starts, slopes, exponents, own, rng)])
    months = _months(night, slopes[: by_night.MONTH_DRAWS], exponents[: by_night.MONTH_DRAWS], own, rng)
    dark_known = bool((rows.kind == DARK).any())
    seen = _Looks.of(rows, site)
    found = [
        seen.site(int(number), night, Estimate(draws=volumes[i], unit=UNIT), tuple(months[int(number)]), dark_known)
        for i, number in enumerate(night.site[starts])
        if night.lit[starts[i] : starts[i + 1] if i + 1 < len(starts) else None].any()
    ]
    found.sort(key=lambda s: -s.volume.value)
    return Sites(
        sites=tuple(replace(s, id=i + 1) for i, s in enumerate(found)),
        # The calibration holds for totals: errors of sites must not raise their sum, though their mean is above 1.
        total=Estimate(draws=volumes.sum(axis=0) / np.exp(own.draw(rng).draws).mean(), unit=UNIT),
        notes=(*rows.notes, *notes, *_said(found, int(site.max()) + 1, radius, dark_known)),
        radius=radius,
        dropped=rows.dropped,
    )


def _own_errors(own: Assumption, shape: tuple[int, int], rng: np.random.Generator) -> Numbers:
    """Factors between the estimated and the true flow, one site's apart from another's."""
    same = own.low == own.high
    return np.full(shape, np.exp(own.best)) if same else np.exp(rng.triangular(own.low, own.best, own.high, shape))


def _draws(assumption: Assumption, rng: np.random.Generator) -> Numbers:
    return assumption.draw(rng).draws[: by_night.DRAWS]


def _runs(*keys: NDArray[Any]) -> NDArray[np.int64]:
    """Where runs of equal keys begin."""
    changed = np.logical_or.reduce([key[1:] != key[:-1] for key in keys])
    return np.flatnonzero(np.append(True, changed))


def _assigned(rows: Nightfire, radius: float) -> tuple[NDArray[np.int64], list[str]]:
    """Site of every row, -1 for none: flames make the sites, looks that saw nothing belong to the nearest in reach."""
    from scipy.spatial import cKDTree

    site = np.full(len(rows), -1, np.int64)
    flames = rows.kind != DARK
    site[flames] = cluster(rows.latitude[flames], rows.longitude[flames], radius)
    dark = np.flatnonzero(~flames)
    if not len(dark) or not flames.any():
        return site, []
    middles = _middles(rows, site)
    away, nearest = cKDTree(earth_centred(*middles)).query(earth_centred(rows.latitude[dark], rows.longitude[dark]))
    site[dark] = np.where(away <= radius, nearest, -1)
    far = int((away > radius).sum())
    said = f"{far} looks that saw nothing lie farther than {radius:g} m from every flame, and belong to no site"
    return site, [said] if far else []


def _middles(rows: Nightfire, site: NDArray[np.int64]) -> tuple[Numbers, Numbers]:
    """Latitude and longitude of the middle of each site's flames, longitudes across the date line too."""
    flames = site >= 0
    x, y = (np.bincount(site[flames], wave(np.radians(rows.longitude[flames]))) for wave in (np.cos, np.sin))
    latitude = np.bincount(site[flames], rows.latitude[flames]) / np.bincount(site[flames])
    return latitude, np.degrees(np.arctan2(y, x))


def _flows(
    night: by_night.Nights,
    starts: NDArray[np.int64],
    slope: Numbers,
    exponent: Numbers,
    own: Assumption,
    rng: np.random.Generator,
) -> Iterator[tuple[int, Numbers]]:
    """Draws of the mean flow of runs of nights, block by block, thousand m³ a day."""
    for first, mean in by_night.drawn_means(night, starts, exponent, rng):
        yield first, daily_volume(yearly_volume(mean, slope)) * _own_errors(own, mean.shape, rng)


def _months(
    night: by_night.Nights, slope: Numbers, exponent: Numbers, own: Assumption, rng: np.random.Generator
) -> dict[int, list[Month]]:
    """Months by number of the site."""
    month = night.night.astype("datetime64[M]")
    starts = _runs(night.site, month)
    lit, clear = np.add.reduceat(night.lit.astype(int), starts), np.diff(starts, append=len(month))
    found: dict[int, list[Month]] = {}
    for first, flow in _flows(night, starts, slope, exponent, own, rng):
        for i, (low, value, high) in enumerate(np.quantile(flow, [0.05, 0.5, 0.95], axis=1).T.tolist(), first):
            found.setdefault(int(night.site[starts[i]]), []).append(
                Month(
                    month=str(month[starts[i]]), lit=int(lit[i]), clear=int(clear[i]), value=value, low=low, high=high
                )
            )
    return found


@dataclass(frozen=True, slots=True, kw_only=True)
class _Looks:
    """Rows sorted by site, to describe one site after the other."""

    rows: Nightfire
    order: NDArray[np.int64]
    starts: NDArray[np.int64]
    evenings: NDArray[np.datetime64]

    @classmethod
    def of(cls, rows: Nightfire, site: NDArray[np.int64]) -> "_Looks":
        """Looks of every site."""
        order = np.argsort(site, kind="stable")
        starts = np.searchsorted(site[order], np.arange(int(site.max()) + 2))
        return cls(rows=rows, order=order, starts=starts, evenings=by_night.evening(rows.time, rows.longitude))

    def site(
        self, number: int, night: by_night.Nights, volume: Estimate, months: tuple[Month, ...], dark: bool
    ) -> Site:
        """What there is to say of one site."""
        rows, mine = self.rows, self.order[self.starts[number] : self.starts[number + 1]]
        flames = mine[rows.kind[mine] != DARK]
        latitude = float(np.median(rows.latitude[flames]))
        # Around the date line the median of longitudes must not fall on the other side of the globe.
        base = rows.longitude[flames[0]]
        longitude = float((base + np.median((rows.longitude[flames] - base + 180) % 360 - 180) + 180) % 360 - 180)
        middle = earth_centred(np.array([latitude]), np.array([longitude]))
        away = np.linalg.norm(earth_centred(rows.latitude[flames], rows.longitude[flames]) - middle, axis=1)
        clear_nights = int(np.searchsorted(night.site, number, "right") - np.searchsorted(night.site, number))
        lit = int(night.lit[np.searchsorted(night.site, number) :][:clear_nights].sum())
        cloudy = np.setdiff1d(self.evenings[mine[~rows.clear[mine]]], self.evenings[mine[rows.clear[mine]]])
        return Site(
            id=number + 1, latitude=latitude, longitude=longitude,
            first=str(self.evenings[flames].min()), last=str(self.evenings[flames].max()),
            detections=len(flames), lit=lit, clear=clear_nights, cloudy=len(cloudy),
            share=lit / clear_nights if dark else float("nan"),
            temperature=float(np.nanmedian(rows.temperature[flames])) if (rows.kind[flames] == FLAME).any() else float("nan"),
            width=float(away.max()), volume=volume, upper_bound=not dark, months=months,
        )  # fmt: skip


def _said(sites: Sequence[Site], groups: int, radius: float, dark_known: bool) -> list[str]:
    """What a reader of the volumes must know."""
    notes = [f"volumes are {REFERENCE}"]
    if not dark_known:
        notes.append(
            "the rows are detections only: dark nights cannot be told from cloudy ones, so each volume is the mean over "
            "nights with a flame, an upper bound of the mean over all nights"
        )
    if groups > len(sites):
        notes.append(f"{groups - len(sites)} places have no flame of known heat on a clear night, and no volume")
    wide = sum(site.width > 3 * radius for site in sites)
    if wide:
        notes.append(
            f"{wide} sites are wider than {3 * radius:g} m: neighbouring flares may hang together; try a smaller radius"
        )
    few = sum(site.lit < by_night.FEW for site in sites)
    if few:
        notes.append(
            f"{few} sites were seen alight on fewer than {by_night.FEW} clear nights: their volumes say little"
        )
    return notes


def _feature(site: Site) -> dict[str, Any]:
    low, high = site.volume.interval()
    about = {
        "site": site.id, "volume": site.volume.value, "volume_low": low, "volume_high": high, "unit": UNIT,
        "upper_bound": site.upper_bound, "first": site.first, "last": site.last, "detections": site.detections,
        "lit_nights": site.lit, "clear_nights": site.clear,
        "detection_share": None if site.share != site.share else site.share, "temperature_k": site.temperature,
    }  # fmt: skip
    place = {"type": "Point", "coordinates": [site.longitude, site.latitude]}
    return {"type": "Feature", "geometry": place, "properties": about}
