"""Scenes with short-wave infrared bands → hot spots with their area and radiant power.

A scene is read window by window; only hot pixels are kept. A pixel is hot when one of its two indices is above 0. The
background is the median of the pixels around that are not hot.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from outcrop.core.errors import BadInput, UsageError
from outcrop.core.grid import Window
from outcrop.core.scene import Scene
from outcrop.instruments.geodesy import pixel_area_at, to_lonlat
from outcrop.tasks.flares.space.clusters import grouped
from outcrop.tasks.flares.space.heat import Numbers
from outcrop.tasks.flares.space.swir import Sensor, earth_sun, index, radiant_power, sensor_of

SIDE = 512
"""Side of a window, px."""

BLOCK = 64
"""Side of the squares whose cool pixels give the background, px; divides SIDE, so that windows leave no trace."""

LEAST = 1.0
"""Radiance at 2.2 µm below which indices are noise, W m⁻² sr⁻¹ µm⁻¹; a choice of this room."""

MOST_HOT = 0.02
"""Share of hot pixels above which bands must be in the wrong order, or the scene burns."""

MOST_PIXELS = 200_000
Kind = Literal["reflectance", "radiance"]


@dataclass(frozen=True, slots=True, kw_only=True)
class HotSpot:
    """Hot pixels that touch, sides or corners.

    Attributes:
        row, col: middle, pixels of the scene, weighted by radiance.
        longitude, latitude: degrees, NaN without a map projection.
        pixels, area: number of hot pixels and their area in m²: an upper bound of the flame's.
        power, power_16: fire radiative power from 2.2 and 1.6 µm, MW; NaN where the Sun's height is not known.
        saturated: pixels beyond the sensor's range; then the power is a lower bound.
        index: largest NHI_SWIR.
    """

    row: float
    col: float
    longitude: float
    latitude: float
    pixels: int
    area: float
    power: float
    power_16: float
    saturated: int
    index: float


@dataclass(frozen=True, slots=True, kw_only=True)
class HotScene:
    """Hot spots of one date, the strongest first."""

    scene: str
    acquired: datetime | None
    spots: tuple[HotSpot, ...]
    notes: tuple[str, ...] = ()


def find_hotspots(
    scene: Scene,
    *,
    sensor: str | None = None,
    kind: Kind = "reflectance",
    sun_zenith: float | None = None,
    least: float = LEAST,
) -> HotScene:
    """Hot spots of a scene at the top of the atmosphere.

    Args:
        sensor: see ``swir.SENSORS``; None judges by the bands.
        kind: whether the scene holds reflectance (0..1 and above) or radiance.
        sun_zenith: degrees; None takes the scene's context "sun_zenith". Without it powers of reflectances are NaN.
        least: radiance at 2.2 µm that a hot pixel has at least, W m⁻² sr⁻¹ µm⁻¹.

    Raises:
        BadInput: bands are missing, or so many pixels are hot that the bands cannot be what they are called.
        UsageError: the Sun is below the horizon, where reflectance has no meaning.
        WrongUnit: the grid has neither a map projection nor metres.
    """
    which = sensor_of(scene, sensor)
    zenith = scene.context.get("sun_zenith") if sun_zenith is None else sun_zenith
    scale, known = _scale(scene, which, kind, zenith)
    order = [scene.bands.index(band) for band in which.bands]
    parts = list(_hot_pixels(scene, order, scale, least))
    found = np.concatenate(parts) if parts else np.zeros((0, 6))
    spots = _spots(scene, found, which, known)
    notes = [f"radiances by {which.name} ({which.source})"]
    if not known:
        notes.append(
            "the height of the Sun is not known, so that reflectance gives no radiant power: give its zenith angle"
        )
    if any(spot.saturated for spot in spots):
        notes.append("some pixels are brighter than the sensor is made for: their radiant power is a lower bound")
    return HotScene(scene=scene.id, acquired=scene.acquired, spots=spots, notes=tuple(notes))


def _scale(scene: Scene, sensor: Sensor, kind: Kind, zenith: float | None) -> tuple[Numbers, bool]:
    """Factors that make radiance of the three bands, (3, 1, 1), and whether they are more than relative."""
    if kind == "radiance":
        return np.ones((3, 1, 1)), True
    if zenith is not None and not 0 <= zenith < 90:
        raise UsageError(
            f"{scene.id} was seen with the Sun at {zenith:g}° from the zenith, where reflectance has no meaning: give radiance"
        )
    height = 1.0 if zenith is None else float(np.cos(np.radians(zenith)))
    distance = 1.0 if scene.acquired is None else earth_sun(scene.acquired)
    return (np.array(sensor.irradiance) * height / (np.pi * distance**2))[:, None, None], zenith is not None


def _hot_pixels(scene: Scene, order: list[int], scale: Numbers, least: float) -> Iterator[Numbers]:
    """Hot pixels window by window: row, col, radiance at 2.2 and 1.6 µm, both above the background, as (n, 6)."""
    rows, cols = scene.grid.shape
    hot_count = seen_count = 0
    for row in range(0, rows, SIDE):
        for col in range(0, cols, SIDE):
            window = Window(row=row, col=col, height=min(SIDE, rows - row), width=min(SIDE, cols - col))
            radiance = np.asarray(scene.read(window)[order], np.float64) * scale
            long, short, near = radiance
            with np.errstate(invalid="ignore"):
                hot = (long >= least) & ((index(long, short) > 0) | (index(short, near) > 0))
            seen_count += int(np.isfinite(long).sum())
            hot_count += int(hot.sum())
            if hot_count > MOST_PIXELS:
                break
            if hot.any():
                where = np.argwhere(hot)
                above = radiance[:2, hot] - _background(radiance[:2], hot)[:, hot]
                yield np.column_stack([where + (row, col), radiance[:2, hot].T, np.maximum(above, 0).T])
    if hot_count > MOST_PIXELS or hot_count > max(MOST_HOT * seen_count, 64):
        raise BadInput(
            f"{scene.id} has {hot_count} hot pixels, more than one in {1 / MOST_HOT:.0f} of those seen: check that the "
            "bands are what they are called, and whether they hold reflectance or radiance"
        )


def _background(radiance: Numbers, hot: NDArray[np.bool_]) -> Numbers:
    """Median of the cool pixels of each block that has hot ones, two bands; of the window where a block has none."""
    from scipy.ndimage import binary_dilation

    cool = np.where(binary_dilation(hot, np.ones((3, 3), bool)), np.nan, radiance)
    ground = np.zeros_like(radiance)
    for row in range(0, hot.shape[0], BLOCK):
        for col in range(0, hot.shape[1], BLOCK):
            block = (slice(row, row + BLOCK), slice(col, col + BLOCK))
            if hot[block].any():
                near = cool[:, *block]
                sample = near if np.isfinite(near[0]).sum() >= BLOCK else cool
                values = [band[np.isfinite(band)] for band in sample]
                for band, value in enumerate(values):
                    ground[band, *block] = np.median(value) if len(value) else 0.0
    return ground


def _spots(scene: Scene, found: Numbers, sensor: Sensor, known: bool) -> tuple[HotSpot, ...]:
    """Hot pixels that touch, as hot spots."""
    if not len(found):
        return ()
    pixel = _pixel_areas(scene, found[:, 0], found[:, 1])
    power, power_16 = radiant_power(found[:, 4], pixel, 2.2), radiant_power(found[:, 5], pixel, 1.6)
    saturated = (found[:, 2] >= sensor.brightest[0]) | (found[:, 3] >= sensor.brightest[1])
    group = grouped(found[:, :2], 1.5)
    count = np.bincount(group)
    weight = np.maximum(found[:, 2], 1e-9)
    row, col = (np.bincount(group, found[:, i] * weight) / np.bincount(group, weight) for i in (0, 1))
    lon, lat = _lonlat(scene, row, col)
    largest = np.full(len(count), -1.0)
    np.maximum.at(largest, group, index(found[:, 2], found[:, 3]))
    sums = {
        name: np.bincount(group, values)
        for name, values in (("area", pixel), ("power", power), ("power_16", power_16), ("saturated", saturated))
    }
    spots = [
        HotSpot(
            row=float(row[i]), col=float(col[i]), longitude=float(lon[i]), latitude=float(lat[i]), pixels=int(count[i]),
            area=float(sums["area"][i]), power=float(sums["power"][i]) if known else float("nan"),
            power_16=float(sums["power_16"][i]) if known else float("nan"), saturated=int(sums["saturated"][i]) if known else 0,
            index=float(largest[i]),
        )
        for i in range(len(count))
    ]  # fmt: skip
    return tuple(sorted(spots, key=lambda s: (-np.nan_to_num(s.power), -s.pixels)))


def _pixel_areas(scene: Scene, row: Numbers, col: Numbers) -> Numbers:
    if scene.grid.crs is not None:
        return pixel_area_at(scene.grid, row, col)
    width, height = scene.grid.pixel_size("m")
    return np.full(len(row), width * height)


def _lonlat(scene: Scene, row: Numbers, col: Numbers) -> tuple[Numbers, Numbers]:
    if scene.grid.crs is None:
        return np.full(len(row), np.nan), np.full(len(row), np.nan)
    t = scene.grid.transform
    x, y = col + 0.5, row + 0.5
    world = np.stack([t.a * x + t.b * y + t.c, t.d * x + t.e * y + t.f], axis=1)
    lon, lat = to_lonlat(world, scene.grid.crs).T
    return lon, lat
