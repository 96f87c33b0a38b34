"""From a hot source's temperature and area to radiant heat, and from there to a volume of gas a year.

    RH  = σ T⁴ S                     radiant heat
    RH' = σ T⁴ S^exponent            modified radiant heat: large flames hide part of themselves
    BCM / year = slope × mean RH'    over all clear nights, dark ones counted as zero

Exponent and slope are those of the Earth Observation Group (Elvidge et al. 2016, Energies 9:14; Zhizhin et al. 2021,
Remote Sens. 13:3078). They were fitted to volumes that countries reported, not to meters. The volume's reference
temperature is not stated by them; 15 °C and 101.325 kPa is taken.
"""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

import numpy as np
from numpy.typing import NDArray

from outcrop.core.estimate import Assumption

Numbers = NDArray[np.float64]

SIGMA = 5.6704e-8
"""Stefan-Boltzmann constant as Nightfire takes it, W m⁻² K⁻⁴."""

DAYS = 365.0
"""Days of a year."""

SLOPE = "nightfire slope"
EXPONENT = "nightfire exponent"
SITE_ERROR = "nightfire site error"
ASSUMPTIONS: Mapping[str, Assumption] = MappingProxyType(
    {
        SLOPE: Assumption(
            low=0.0205,
            best=0.029353,
            high=0.0382,
            unit="BCM/year per MW",
            source="Earth Observation Group, 0.029353 (2017 catalogue), fitted to national reports, with wide error bars "
            "(Energies 2025, 18:4765); the range of ± 30 % is a judgement",
        ),
        EXPONENT: Assumption(
            low=0.6,
            best=0.7,
            high=0.8,
            unit="1",
            source="Earth Observation Group, 0.7 (Zhizhin et al. 2021, Remote Sens. 13:3078); the range is a judgement",
        ),
        SITE_ERROR: Assumption(
            low=-1.0,
            best=0.0,
            high=1.0,
            unit="ln",
            source="ln of true over estimated flow of one site, another one at each: totals of twelve counties in 2019 differ "
            "from their reports by 32 % in the median, which this range gives",
        ),
    }
)


def radiant_heat(temperature: Any, area: Any) -> Numbers:
    """σ T⁴ S in MW.

    Args:
        temperature: of the source, K.
        area: of the source, m².

    >>> round(float(radiant_heat(1800, 5)), 3)
    2.976
    """
    return np.asarray(SIGMA * np.asarray(temperature, float) ** 4 * area * 1e-6)


def modified_heat(temperature: Any, area: Any, exponent: Any = 0.7) -> Numbers:
    """σ T⁴ S^exponent in MW; arguments as ``radiant_heat``.

    >>> round(float(modified_heat(1800, 5)), 4)
    1.8365
    """
    return np.asarray(SIGMA * np.asarray(temperature, float) ** 4 * np.asarray(area, float) ** exponent * 1e-6)


def yearly_volume(modified: Any, slope: Any = 0.029353) -> Numbers:
    """Mean modified radiant heat over clear nights in MW → billion m³ a year.

    >>> round(float(yearly_volume(1.8365)), 5)
    0.05391
    """
    return np.asarray(slope * np.asarray(modified, float))


def daily_volume(bcm: Any) -> Numbers:
    """Billion m³ a year → thousand m³ a day.

    >>> round(float(daily_volume(0.05391)), 1)
    147.7
    """
    return np.asarray(np.asarray(bcm, float) * 1e6 / DAYS)
