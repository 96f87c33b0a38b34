"""Short-wave infrared radiance: sensors, reflectance → radiance, hot-spot indices, and heat from a single band.

    L = ρ E cos θ / (π d²)                                  top-of-atmosphere reflectance → radiance
    NHI_SWIR = (L2.2 - L1.6) / (L2.2 + L1.6)                above 0 in hot pixels (Marchese et al. 2019, Remote Sens. 11:2876)
    NHI_SWNIR = (L1.6 - L0.86) / (L1.6 + L0.86)             above 0 where the source is very hot or large
    FRP = (σ / a) (L - L_background) A                      Fisher & Wooster 2018, Remote Sens. 10:305

Radiance is in W m⁻² sr⁻¹ µm⁻¹. Air in between is not corrected for: it makes the heat too small.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from types import MappingProxyType
from typing import Any

import numpy as np
from numpy.typing import NDArray

from outcrop.core.errors import BadInput, UsageError
from outcrop.core.estimate import Assumption
from outcrop.core.scene import Scene
from outcrop.tasks.flares.space.heat import ASSUMPTIONS as NIGHTFIRE
from outcrop.tasks.flares.space.heat import SIGMA, Numbers

WAVELENGTHS = (2.2, 1.6, 0.86)
"""µm, in the order in which bands are kept everywhere here."""

COEFFICIENT = {2.2: 5.679e-9, 1.6: 7.290e-9}
"""a of Fisher & Wooster in W m⁻² sr⁻¹ µm⁻¹ K⁻⁴, the middle of its range between 1600 and 2200 K."""

LARGEST_ERROR = {2.2: 0.063, 1.6: 0.136}
"""Error of the radiant power between 1600 and 2200 K at most, relative."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Sensor:
    """An imager with bands at 2.2, 1.6 and 0.86 µm.

    Attributes:
        bands: their names, in that order.
        irradiance: of the Sun at one astronomical unit, W m⁻² µm⁻¹.
        brightest: radiance up to which the bands are specified; above it a pixel may be saturated.
        source: of both.
    """

    name: str
    bands: tuple[str, str, str]
    irradiance: tuple[float, float, float]
    brightest: tuple[float, float, float]
    source: str


MSI_RANGE = "range: Sentinel-2 mission requirements, to be verified before use"
OLI_SCALING = (
    "irradiance: ratio of the radiance and reflectance scalings in the metadata of a Landsat 8 Collection 2 product; range: "
    "reflectance 1.2107, the largest its numbers hold"
)
SENSORS: Mapping[str, Sensor] = MappingProxyType(
    {
        "sentinel-2a": Sensor(
            name="sentinel-2a", bands=("B12", "B11", "B8A"), irradiance=(85.25, 245.59, 955.32),
            brightest=(24.5, 70.0, 308.0), source=f"irradiance: product metadata; {MSI_RANGE}",
        ),
        "sentinel-2b": Sensor(
            name="sentinel-2b", bands=("B12", "B11", "B8A"), irradiance=(87.75, 247.08, 953.93),
            brightest=(24.5, 70.0, 308.0), source=f"irradiance: product metadata; {MSI_RANGE}",
        ),
        "landsat-8": Sensor(
            name="landsat-8", bands=("B7", "B6", "B5"), irradiance=(80.5, 238.8, 960.3),
            brightest=(31.0, 92.0, 370.0), source=OLI_SCALING,
        ),
    }
)  # fmt: skip

TEMPERATURE = "flame temperature"
SINGLE_BAND = "single-band heat factor"
ASSUMPTIONS: Mapping[str, Assumption] = MappingProxyType(
    {
        **NIGHTFIRE,
        TEMPERATURE: Assumption(
            low=1600, best=1800, high=2200, unit="K",
            source="range of gas flares in Fisher & Wooster 2018, Remote Sens. 10:305; a single band does not tell it",
        ),
        SINGLE_BAND: Assumption(
            low=1 - LARGEST_ERROR[2.2], best=1.0, high=1 + LARGEST_ERROR[2.2], unit="1",
            source="largest error at 2.2 µm between 1600 and 2200 K, Fisher & Wooster 2018, Remote Sens. 10:305",
        ),
    }
)  # fmt: skip


def planck(wavelength: float, temperature: Any) -> Numbers:
    """Radiance of a black body, W m⁻² sr⁻¹ µm⁻¹; wavelength in µm, temperature in K.

    >>> round(float(planck(1.6, 1800) * 5 / 400), 1)
    967.3
    """
    metres, h, c, k = wavelength * 1e-6, 6.62607015e-34, 299_792_458.0, 1.380649e-23
    kelvin = np.asarray(temperature, float)
    return np.asarray(2 * h * c**2 / metres**5 / np.expm1(h * c / (metres * k * kelvin)) * 1e-6)


def radiant_power(radiance: Any, pixel: Any, wavelength: float) -> Numbers:
    """Fire radiative power in MW from a single band.

    Args:
        radiance: above the background, W m⁻² sr⁻¹ µm⁻¹.
        pixel: its area, m².
        wavelength: 2.2 or 1.6 µm.

    >>> round(float(radiant_power(967.3, 400, 1.6)), 2), round(float(radiant_power(784.2, 400, 2.2)), 2)
    (3.01, 3.13)
    """
    return np.asarray(SIGMA / COEFFICIENT[wavelength] * np.asarray(radiance, float) * pixel * 1e-6)


def index(longer: NDArray[Any], shorter: NDArray[Any]) -> Numbers:
    """(longer - shorter) / (longer + shorter) of two radiances; NaN where both are 0 or one is missing."""
    with np.errstate(all="ignore"):
        return np.asarray((longer - shorter) / (longer + shorter), float)


def earth_sun(when: datetime) -> float:
    """Distance of the Sun in astronomical units, to 0.1 %.

    >>> round(earth_sun(datetime(2024, 5, 2)), 3)
    1.008
    """
    return float(1 - 0.01673 * np.cos(np.radians(0.9856 * (when.timetuple().tm_yday - 4))))


def sensor_of(scene: Scene, name: str | None = None) -> Sensor:
    """The sensor of a scene, by name or by the names of its bands; Sentinel-2 satellites are told by the scene's id.

    Raises:
        UsageError: no sensor of this name.
        BadInput: the scene lacks the bands.
    """
    if name is not None and name not in SENSORS:
        raise UsageError(f"there is no sensor {name!r}: choose one of {', '.join(SENSORS)}")
    there = set(scene.bands)
    options = [SENSORS[name]] if name is not None else list(SENSORS.values())
    fitting = [sensor for sensor in options if set(sensor.bands) <= there]
    if not fitting:
        wanted = " or ".join(dict.fromkeys(" + ".join(sensor.bands) for sensor in options))
        raise BadInput(
            f"{scene.id} has the bands {', '.join(scene.bands)}, and hot spots want {wanted}: add or name them"
        )
    marks = {"S2A": "sentinel-2a", "S2B": "sentinel-2b"}
    told = next((known for mark, known in marks.items() if mark in scene.id.upper()), None)
    return next((sensor for sensor in fitting if sensor.name == told), fitting[0])
