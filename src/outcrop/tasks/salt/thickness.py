"""Samples → metres: along depth by the unit alone, along two-way time through the velocity of salt."""

from collections.abc import Mapping
from types import MappingProxyType

import numpy as np
from numpy.typing import NDArray

from outcrop.core.errors import WrongUnit
from outcrop.core.estimate import DRAWS, Assumption
from outcrop.core.grid import WAY_OUT, Axis

Reals = NDArray[np.float64]

ASSUMPTIONS: Mapping[str, Assumption] = MappingProxyType(
    {
        "salt velocity": Assumption(
            low=4400,
            best=4500,
            high=4600,
            unit="m/s",
            source="4.5 km/s as stated with the TGS Salt Identification Challenge; ± 100 m/s for impure salt, "
            "to be replaced by the velocity of a well or of the migration model",
        )
    }
)
"""What the numbers rest on when nothing else is given."""

LENGTHS = MappingProxyType({"m": 1.0, "km": 1000.0, "ft": 0.3048})
TIMES = MappingProxyType({"s": 1.0, "ms": 1e-3})
SPEEDS = MappingProxyType({"m/s": 1.0, "km/s": 1000.0, "ft/s": 0.3048})


def metres(axis: Axis, given: Mapping[str, Assumption], rng: np.random.Generator) -> Reals:
    """What one unit of an axis is worth in metres, (DRAWS,).

    Raises:
        WrongUnit: neither a length nor a time, or a velocity that is none.
    """
    if axis.unit in LENGTHS:
        return np.full(DRAWS, LENGTHS[axis.unit])
    if axis.unit not in TIMES:
        hint = WAY_OUT.get(axis.unit, "give it in metres or in milliseconds")
        raise WrongUnit(f"{axis.name} is in {axis.unit}, where a length or a time is needed: {hint}")
    velocity = given["salt velocity"]
    if velocity.unit not in SPEEDS or not 0 < velocity.low <= velocity.best <= velocity.high:
        raise WrongUnit(
            f"the salt velocity is {velocity.low}:{velocity.best}:{velocity.high} {velocity.unit}, where three rising "
            f"speeds above 0 in {', '.join(SPEEDS)} are needed: give it as low:best:high"
        )
    return _triangular(velocity, rng) * SPEEDS[velocity.unit] * TIMES[axis.unit] / 2


def _triangular(assumption: Assumption, rng: np.random.Generator) -> Reals:
    """Draws of an assumption, also one that its giver holds for exact."""
    if assumption.low == assumption.high:
        return np.full(DRAWS, assumption.best)
    return assumption.draw(rng).draws
