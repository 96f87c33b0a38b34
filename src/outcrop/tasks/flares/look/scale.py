"""Metres per pixel, at the distance of the flare: given, or from a known height, or from distance and lens.

A picture without a scale gives only relative figures. Heat goes as flame length to the power 2.09 (API 521's chart,
inverted), so an error of the scale weighs double: d ln V = 2.09 d ln(scale); 10 % in the scale are 22 % in the volume.

Four ways, the first that is given is used, and any further one must agree with it:

1. ``scale``                                                     m/px
2. ``known_height`` / ``known_pixels``                           m of a thing at the flare, and its height in the picture
3. ``distance`` x ``pixel_pitch`` / ``focal_length``             m, um of the sensor per picture pixel, mm
4. 2 x ``distance`` x tan(``field_of_view`` / 2) / picture width m, degrees from the left to the right edge

All hold for things at the centre of an undistorted picture, in a plane across the line of sight.
"""

from collections.abc import Mapping
from math import isnan, nan
from types import MappingProxyType

import numpy as np
from numpy.typing import NDArray

from outcrop.core.errors import UsageError
from outcrop.core.estimate import DRAWS, Assumption

_UNKNOWN = "not known: give it with --assume"


def _unknown(unit: str) -> Assumption:
    return Assumption(low=nan, best=nan, high=nan, unit=unit, source=_UNKNOWN)


ASSUMPTIONS: Mapping[str, Assumption] = MappingProxyType(
    {
        "scale": _unknown("m/px"),
        "known_height": _unknown("m"),
        "known_pixels": _unknown("px"),
        "distance": _unknown("m"),
        "field_of_view": _unknown("°"),
        "focal_length": _unknown("mm"),
        "pixel_pitch": _unknown("um"),
    }
)
"""What a user can tell about the size of a pixel; nan is unknown."""

TYPICAL: Mapping[str, float] = MappingProxyType(
    {
        "scale": 0.05, "known_height": 0.02, "known_pixels": 0.02, "distance": 0.05, "field_of_view": 0.03,
        "focal_length": 0.02, "pixel_pitch": 0.005,
    }
)  # fmt: skip
"""Relative standard error of a number that came without a range; design choice, replaced by any range low:best:high."""

PIXEL_ERROR = 1.0
"""Standard error of a height read in a picture, px, at least: two edges, each read to about 0.7 px."""

WAYS: Mapping[str, tuple[str, ...]] = MappingProxyType(
    {
        "scale": ("scale",),
        "known height": ("known_height", "known_pixels"),
        "lens": ("distance", "pixel_pitch", "focal_length"),
        "field of view": ("distance", "field_of_view"),
    }
)
"""Way to the scale → the assumptions it needs, in the order in which they are used."""

APART = 4.0
"""Standard errors of ln(scale) between two ways from which they contradict each other."""


def metres_per_pixel(
    way: str, values: Mapping[str, NDArray[np.float64]], picture_shape: tuple[int, int]
) -> NDArray[np.float64]:
    """One way's scale, m/px, draw by draw; ``values`` by the names in ASSUMPTIONS, in their units.

    >>> round(float(metres_per_pixel("field of view", {"distance": 500.0, "field_of_view": 60.0}, (480, 640))), 3)
    0.902
    """
    if way == "scale":
        return np.asarray(values["scale"], float)
    if way == "known height":
        return np.asarray(values["known_height"] / values["known_pixels"])
    if way == "lens":
        return np.asarray(values["distance"] * values["pixel_pitch"] * 1e-6 / (values["focal_length"] * 1e-3))
    half = np.tan(np.radians(values["field_of_view"]) / 2)
    return np.asarray(2 * values["distance"] * half / picture_shape[1])


def scale_draws(
    assumptions: Mapping[str, Assumption], picture_shape: tuple[int, int], rng: np.random.Generator
) -> NDArray[np.float64] | None:
    """Likely scales, (10 000,), m/px; None where nothing about it is known.

    Args:
        assumptions: by name, at least those of ASSUMPTIONS that are known; others are ignored.
        picture_shape: (rows, cols) of the picture as it is measured.

    Raises:
        UsageError: a value that is not above zero, a pair with one part missing, or two ways that contradict each other.
    """
    given = {name: assumptions[name] for name in ASSUMPTIONS if name in assumptions and _known(name, assumptions[name])}
    if not given:
        return None
    ways = [way for way, needs in WAYS.items() if all(name in given for name in needs)]
    used = {name for way in ways for name in WAYS[way]}
    lonely = next((name for name in given if name not in used), None)
    if lonely:
        wants = " or ".join(
            " and ".join(n for n in needs if n not in given) for needs in WAYS.values() if lonely in needs
        )
        raise UsageError(f"{lonely} = {given[lonely].best:g} alone gives no scale: give {wants} too")
    values = {name: _draws(name, assumption, rng) for name, assumption in given.items()}
    scales = {way: metres_per_pixel(way, values, picture_shape) for way in ways}
    first = ways[0]
    for other in ways[1:]:
        _agree(first, scales[first], other, scales[other])
    return scales[first]


def relative_error(draws: NDArray[np.float64]) -> float:
    """Standard deviation of ln(scale)."""
    return float(np.std(np.log(draws)))


def _known(name: str, assumption: Assumption) -> bool:
    """Whether a value was given; a value that cannot be is refused."""
    parts = (assumption.low, assumption.best, assumption.high)
    if all(isnan(part) for part in parts):
        return False
    unit = assumption.unit
    if any(not (0 < part < float("inf")) for part in parts):
        raise UsageError(f"{name} = {assumption.best:g} {unit} came with the range {parts[0]:g} to {parts[2]:g}: "
                         "give numbers above zero, or leave it out")  # fmt: skip
    if not assumption.low <= assumption.best <= assumption.high:
        raise UsageError(
            f"{name} came as {parts[0]:g}:{parts[1]:g}:{parts[2]:g} {unit}: give low:best:high in this order"
        )
    if name == "field_of_view" and assumption.high >= 180:
        raise UsageError(f"a field of view of {assumption.high:g}° came: give degrees from left to right, below 180")
    return True


def _draws(name: str, assumption: Assumption, rng: np.random.Generator) -> NDArray[np.float64]:
    """Values within the user's range, or about the user's number with its typical error."""
    if assumption.low < assumption.high:
        return assumption.draw(rng).draws
    error = TYPICAL[name]
    if name == "known_pixels":
        error = max(error, PIXEL_ERROR / assumption.best)
    draws = assumption.best * np.exp(rng.normal(0.0, error, DRAWS))
    return np.minimum(draws, 179.0) if name == "field_of_view" else np.asarray(draws)


def _agree(first: str, mine: NDArray[np.float64], other: str, theirs: NDArray[np.float64]) -> None:
    """Refuse two ways that cannot both be true."""
    gap = abs(float(np.log(np.median(mine) / np.median(theirs))))
    error = float(np.hypot(relative_error(mine), relative_error(theirs)))
    if gap > max(APART * error, 0.01):
        raise UsageError(
            f"two scales contradict each other: {np.median(mine):.3g} m/px from {first} and "
            f"{np.median(theirs):.3g} m/px from {other}; leave out the one that is wrong"
        )
