"""Flame length → heat release: two published laws of still air, their inverses, and what bends the length before them.

* API 521's chart as a power law, L [ft] = 0.00604 Q [Btu/h]^0.4776: large open pipe flares, 0.3 MW to 30 GW.
* Heskestad (1983): L [m] = 0.235 Q [kW]^0.4 - 1.02 D [m]: buoyant turbulent flames of low momentum,
  7 < Q^0.4 / D < 700 kW^0.4/m.

At 1 MW the two differ by half in length, at 100 MW by 7 %; tests of real flares miss either by 50 to 100 % in length.
Length enters by its power 2.1 to 2.5, so 10 % in length is 22 % in heat. Heats of several flames add up, lengths do not.
"""

import numpy as np
from numpy.typing import NDArray

Reals = NDArray[np.float64]

API_FACTOR = 0.0033085
"""m per W^0.4776: 0.00604 ft per (Btu/h)^0.4776, converted."""

API_POWER = 0.4776
API_RANGE = (0.3, 30_000.0)
"""MW, of the chart behind the law."""

HESKESTAD_FACTOR = 0.235
"""m per kW^0.4."""

HESKESTAD_DIAMETER = 1.02
HESKESTAD_RANGE = (7.0, 700.0)
"""kW^0.4/m."""


def length_api(heat: Reals | float) -> Reals:
    """Flame length, m, by the fit of API 521's chart; heat in MW.

    >>> length_api(10.0).round(2)
    np.float64(7.29)
    """
    return np.asarray(API_FACTOR * (np.asarray(heat, float) * 1e6) ** API_POWER)


def heat_api(length: Reals | float) -> Reals:
    """Heat release, MW, by the fit of API 521's chart; flame length in m along its axis."""
    return np.asarray((np.asarray(length, float) / API_FACTOR) ** (1 / API_POWER) * 1e-6)


def length_heskestad(heat: Reals | float, diameter: Reals | float = 0.0) -> Reals:
    """Flame length, m, by Heskestad; heat in MW, diameter of the tip in m. Not below 0."""
    still = HESKESTAD_FACTOR * (np.asarray(heat, float) * 1e3) ** 0.4
    return np.asarray(np.maximum(still - HESKESTAD_DIAMETER * np.asarray(diameter, float), 0.0))


def heat_heskestad(length: Reals | float, diameter: Reals | float = 0.0) -> Reals:
    """Heat release, MW, by Heskestad; flame length and diameter of the tip in m."""
    whole = np.asarray(length, float) + HESKESTAD_DIAMETER * np.asarray(diameter, float)
    return np.asarray((whole / HESKESTAD_FACTOR) ** 2.5 * 1e-3)


def relative_heat(length: Reals | float, other: Reals | float, heskestad: Reals | float = 0.5) -> Reals:
    """Heat of a flame over that of another in the same picture or at the same place: no scale is needed.

    Args:
        length, other: of the two flames, in one unit, pixels too.
        heskestad: 0 goes by API 521 (power 2.09), 1 by Heskestad (2.5), between them half and half.
    """
    power = (1 - np.asarray(heskestad, float)) / API_POWER + 2.5 * np.asarray(heskestad, float)
    return np.asarray((np.asarray(length, float) / np.asarray(other, float)) ** power)


def length_of_area(area: Reals | float, elongation: Reals | float) -> Reals:
    """Flame length, m, of an outline taken for an ellipse: area in m², elongation = length / width.

    The way out where the length itself cannot be used: the elongation of flames in photos lies between 1.9 and 4.6.
    """
    return np.asarray(np.sqrt(4 * np.asarray(elongation, float) * np.asarray(area, float) / np.pi))


def true_length(projected: Reals | float, view_angle: Reals | float) -> Reals:
    """Length along the flame, m, from the length seen; view angle between flame and image plane, degrees."""
    return np.asarray(np.asarray(projected, float) / np.cos(np.radians(np.asarray(view_angle, float))))


def radiant_fraction(exit_velocity: Reals | float, molar_mass: float) -> Reals:
    """Share of the heat that a lit jet radiates, by exit velocity, m/s, and molar mass, g/mol.

    F = 0.21 C exp(-0.00323 u) + 0.11 with C = 1 below 21 g/mol, √(M/21) up to 60, 1.69 above (Cook, Bahrami and
    Whitehouse 1990; second-hand). Between 0.15 and 0.30 in general, more where the flame soots.
    """
    heavy = 1.0 if molar_mass < 21 else 1.69 if molar_mass > 60 else float(np.sqrt(molar_mass / 21))
    return np.asarray(0.21 * heavy * np.exp(-0.00323 * np.asarray(exit_velocity, float)) + 0.11)


def heat_of_radiation(radiated: Reals | float, fraction: Reals | float) -> Reals:
    """Heat release, MW, of a flame that radiates so many MW; fraction as ``radiant_fraction``.

    A satellite's radiant heat is no such number: its fit sees 3 to 8 % of the heat.
    """
    return np.asarray(np.asarray(radiated, float) / np.asarray(fraction, float))


def range_notes(heat: Reals | float, diameter: Reals | float = 0.0) -> list[str]:
    """Sentences on where a heat release, MW, lies outside what the two laws were made for; medians are judged."""
    middle, tip = float(np.median(np.asarray(heat, float))), float(np.median(np.asarray(diameter, float)))
    notes = []
    if not API_RANGE[0] <= middle <= API_RANGE[1]:
        notes.append(f"{middle:.3g} MW lies outside the {API_RANGE[0]:g} to {API_RANGE[1]:g} MW of the API 521 chart.")
    if tip > 0 and not HESKESTAD_RANGE[0] < (ratio := (middle * 1e3) ** 0.4 / tip) < HESKESTAD_RANGE[1]:
        notes.append(f"Q^0.4 / D = {ratio:.3g} kW^0.4/m lies outside Heskestad's 7 to 700.")
    return notes
