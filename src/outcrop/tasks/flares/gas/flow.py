"""Heat release → gas flow, and flows from one unit and reference temperature to another.

A flow of one thousand m³/day at 35 MJ/m³ releases 0.405 MW. A volume says nothing without the temperature it is
counted at: between 0 and 20 °C lie 7.3 %.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

import numpy as np
from numpy.typing import NDArray

from outcrop.core.errors import WrongUnit
from outcrop.tasks.flares.gas.composition import PRESSURE

Reals = NDArray[np.float64]

CUBIC_FOOT = 0.028316846592
"""m³, exact."""

SECONDS_PER_DAY = 86_400.0
DAYS_PER_YEAR = 365.0

FLOW_UNIT = "thousand m³/day"


@dataclass(frozen=True, slots=True, kw_only=True)
class FlowUnit:
    """A unit of gas flow.

    Attributes:
        per_day: m³/day in one unit.
        reference: reference temperature that its name implies, °C; None where it must be said.
    """

    per_day: float
    reference: float | None = None


VOLUMES: Mapping[str, tuple[float, float | None]] = MappingProxyType(
    {
        "m3": (1.0, None),
        "thousand m3": (1e3, None),
        "1000 m3": (1e3, None),
        "million m3": (1e6, None),
        "bcm": (1e9, None),
        "nm3": (1.0, 0.0),
        "sm3": (1.0, 15.0),
        "scf": (CUBIC_FOOT, 15.56),
        "mcf": (1e3 * CUBIC_FOOT, 15.56),
        "mscf": (1e3 * CUBIC_FOOT, 15.56),
        "mmcf": (1e6 * CUBIC_FOOT, 15.56),
        "mmscf": (1e6 * CUBIC_FOOT, 15.56),
    }
)
"""Volume → m³, and the reference temperature its name implies: an "N" 0 °C, an "S" 15 °C, cubic feet 60 °F."""

TIMES: Mapping[str, float] = MappingProxyType(
    {
        **dict.fromkeys(("s", "second"), SECONDS_PER_DAY),
        **dict.fromkeys(("h", "hr", "hour"), 24.0),
        **dict.fromkeys(("d", "day"), 1.0),
        **dict.fromkeys(("yr", "year", "a"), 1 / DAYS_PER_YEAR),
    }
)
"""Time → how many of it make a day; a year has 365."""


def flow_unit(name: str) -> FlowUnit:
    """A unit by any usual spelling.

    >>> flow_unit("MMscfd").reference, flow_unit("Nm³/h").per_day
    (15.56, 24.0)

    Raises:
        WrongUnit: not a volume per time.
    """
    text = " ".join(name.lower().replace("³", "3").replace("^3", "3").replace(" per ", "/").split())
    volume, _, time = (part.strip() for part in text.partition("/"))
    if not time and volume.endswith("cfd"):
        volume, time = volume[:-1], "d"
    if volume not in VOLUMES or time not in TIMES:
        raise WrongUnit(
            f"{name!r} is no unit of gas flow: give one of {', '.join(VOLUMES)} per s, h, day or yr, such as m3/h"
        )
    size, reference = VOLUMES[volume]
    return FlowUnit(per_day=size * TIMES[time], reference=reference)


def change_reference(
    volume: Reals | float,
    given: float,
    wanted: float,
    *,
    pressure: float = PRESSURE,
    wanted_pressure: float = PRESSURE,
) -> Reals:
    """The same gas counted at another reference temperature, °C, and pressure, Pa (ideal gas).

    >>> float(change_reference(1000.0, 0.0, 20.0).round(1))
    1073.2
    """
    ratio = (wanted + 273.15) / (given + 273.15) * pressure / wanted_pressure
    return np.asarray(volume, float) * ratio


def convert(
    flow: Reals | float, unit: str, wanted: str, *, reference: float | None = None, to: float | None = None
) -> Reals:
    """A flow in another unit and at another reference temperature.

    Args:
        reference: °C, of ``flow``; only for units whose name implies none.
        to: °C, of the result; None keeps the reference of ``flow``.

    >>> convert(1.0, "bcm/yr", "mmscf/day", reference=15.56).round(2)
    np.float64(96.75)

    Raises:
        WrongUnit: not a flow, no reference temperature, or one that contradicts the unit's own.
    """
    source, target = flow_unit(unit), flow_unit(wanted)
    given = _agreed(unit, source, reference)
    result = _agreed(wanted, target, to if to is not None or target.reference is not None else given)
    return change_reference(np.asarray(flow, float) * (source.per_day / target.per_day), given, result)


def _agreed(name: str, unit: FlowUnit, said: float | None) -> float:
    if said is None and unit.reference is None:
        raise WrongUnit(f"{name} says nothing of its reference temperature: give 0, 15, 15.56 or 20 °C")
    if said is not None and unit.reference is not None and said != unit.reference:
        raise WrongUnit(f"{name} is counted at {unit.reference:g} °C, and {said:g} °C was said: change one of the two")
    return float(said if said is not None else unit.reference or 0.0)


def flow_of_heat(heat: Reals | float, heating_value: Reals | float) -> Reals:
    """Gas flow, thousand m³/day, from heat release, MW, and lower heating value, MJ/m³.

    The volume is counted at the reference temperature of the heating value.
    """
    return np.asarray(np.asarray(heat, float) * (SECONDS_PER_DAY / 1e3) / np.asarray(heating_value, float))


def heat_of_flow(flow: Reals | float, heating_value: Reals | float) -> Reals:
    """Heat release, MW, of a gas flow, thousand m³/day: the inverse of ``flow_of_heat``."""
    return np.asarray(np.asarray(flow, float) * np.asarray(heating_value, float) / (SECONDS_PER_DAY / 1e3))
