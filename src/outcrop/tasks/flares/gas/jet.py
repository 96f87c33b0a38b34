"""A lit gas jet in wind: Chamberlain's frustum (1987, after Kalghatgi 1983; the form of TNO's Yellow Book).

    still air   0.024 (g Ds/u²)^⅓ Y^(5/3) + 0.2 Y^(2/3) = (2.85/W)^(2/3),   L0 = Y Ds,   Ds = d √(ρ jet / ρ air)
    wind V      L = L0 (0.51 exp(-0.4 V) + 0.49) (1 - 0.00607 (θ - 90°))
    tilt        by R = V/u and Richardson's number ξ = L0 (g / (Ds² u²))^⅓

Made for jets below the speed of sound, at the pressure of the air. The formulas were taken from open implementations
that disagree in places; tilt is continuous at R = 0.05 and the lift-off in still air is a fifth of the length only in
the form written here. Open point: the exponent of the frustum's base width below R = 0.1.
"""

import numpy as np
from numpy.typing import NDArray

from outcrop.core.errors import BadInput
from outcrop.tasks.flares.gas.composition import GAS_CONSTANT, PRESSURE, Gas

Reals = NDArray[np.float64]
Number = Reals | float

GRAVITY = 9.80665
AIR_MOLAR_MASS = 28.96
AIR_TEMPERATURE = 288.15
"""K, of gas and air where none is given."""

SOUND = 0.9
"""Largest exit velocity as a part of the speed of sound in the gas."""


def flame_in_wind(
    diameter: Number,
    velocity: Number,
    wind: Number,
    molar_mass: float,
    *,
    temperature: float = AIR_TEMPERATURE,
    jet_angle: float = 90.0,
) -> dict[str, Reals]:
    """The visible flame of a jet.

    Args:
        diameter: of the tip, m.
        velocity: at the tip, m/s.
        wind: at the height of the flame, m/s.
        molar_mass: of the gas, g/mol.
        temperature: of gas and air, K.
        jet_angle: of the jet, degrees from the downwind horizontal; vertical is 90.

    Returns:
        still length (m), length (m, tip of the burner to the flame's end), tilt (degrees from the jet's axis), lift off
        (m), frustum length (m), base width and tip width (m).

    Raises:
        BadInput: a diameter or velocity of 0 or below, a negative wind, or a jet near or above the speed of sound.
    """
    d, u, v = (np.asarray(value, float) for value in (diameter, velocity, wind))
    _refuse(d, u, v, molar_mass, temperature)
    source = d * np.sqrt(molar_mass / AIR_MOLAR_MASS)
    still = _multiples(source, u, molar_mass) * source
    length = still * wind_factor(v, jet_angle)
    ratio = v / u
    richardson = (GRAVITY / (source * u) ** 2) ** (1 / 3)
    tilt = _tilt(ratio, still * richardson, jet_angle)
    lift = _lift_off(ratio, tilt, length)
    angle = np.radians(tilt)
    frustum = np.sqrt(length**2 - (lift * np.sin(angle)) ** 2) - lift * np.cos(angle)
    bend = 1000 * np.exp(-100 * ratio) + 0.8
    thin = (1 - np.sqrt(AIR_MOLAR_MASS / molar_mass) / 15) * np.exp(-70 * (source * richardson) ** (bend * ratio))
    base = source * (13.5 * np.exp(-6 * ratio) + 1.5) * (1 - thin)
    tip = length * (0.18 * np.exp(-1.5 * ratio) + 0.31) * (1 - 0.47 * np.exp(-25 * ratio))
    return {
        "still length": still, "length": length, "tilt": tilt, "lift off": lift, "frustum length": frustum,
        "base width": base, "tip width": tip,
    }  # fmt: skip


def wind_factor(wind: Number, jet_angle: float = 90.0) -> Reals:
    """Flame length in wind, m/s, over its length in still air: 0.72 at 2 m/s, 0.56 at 5, 0.50 at 10 for a vertical jet."""
    return np.asarray((0.51 * np.exp(-0.4 * np.asarray(wind, float)) + 0.49) * (1 - 0.00607 * (jet_angle - 90)))


def heat_of_jet(diameter: Number, velocity: Number, gas: Gas, *, temperature: float = AIR_TEMPERATURE) -> Reals:
    """Heat release, MW, of all that leaves a tip of a diameter, m, at a velocity, m/s."""
    moles = np.pi / 4 * np.asarray(diameter, float) ** 2 * np.asarray(velocity, float) * _moles(temperature)
    return np.asarray(moles * gas.per_mole("lower") * 1e-3)


def heat_in_wind(
    length: Number,
    wind: Number,
    velocity: Number,
    gas: Gas,
    *,
    temperature: float = AIR_TEMPERATURE,
    jet_angle: float = 90.0,
) -> Reals:
    """Heat release, MW, of a flame whose length, m, and wind, m/s, are known: Chamberlain's length, inverted.

    The tip's diameter follows from the length, in closed form: the still-air law is a quadratic in Ds^(-2/3). The exit
    velocity, m/s, matters little: from 5 to 100 m/s the heat changes by a factor of two.

    Raises:
        BadInput: as ``flame_in_wind``.
    """
    long, u, v = (np.asarray(value, float) for value in (length, velocity, wind))
    mass = gas.molar_mass
    _refuse(long, u, v, mass, temperature)
    still = long / wind_factor(v, jet_angle)
    buoyant, jet, rich = _terms(u, mass)
    a, b = buoyant * still ** (5 / 3), jet * still ** (2 / 3)
    root = (np.sqrt(b**2 + 4 * a * rich) - b) / (2 * a)
    diameter = root**-1.5 / np.sqrt(mass / AIR_MOLAR_MASS)
    return heat_of_jet(diameter, u, gas, temperature=temperature)


def _terms(velocity: Reals, molar_mass: float) -> tuple[Reals, float, float]:
    """Factors of Ds^⅓ Y^(5/3) and Y^(2/3), and the right side of the still-air law."""
    fuel = molar_mass / (15.816 * molar_mass + 39.5)
    return 0.024 * (GRAVITY / velocity**2) ** (1 / 3), 0.2, (2.85 / fuel) ** (2 / 3)


def _multiples(source: Reals, velocity: Reals, molar_mass: float) -> Reals:
    """Y, the still-air length in source diameters; Newton's method from above on a rising convex function of Y^⅓."""
    buoyant, jet, rich = _terms(velocity, molar_mass)
    a = buoyant * np.cbrt(source)
    root = np.sqrt(rich / jet) * np.ones(np.broadcast(source, velocity).shape)
    for _ in range(40):
        root = root - (a * root**5 + jet * root**2 - rich) / (5 * a * root**4 + 2 * jet * root)
    return np.asarray(root**3)


def _tilt(ratio: Reals, richardson: Reals, jet_angle: float) -> Reals:
    """Degrees from the jet's axis; ``richardson`` is ξ of the still-air length."""
    slow = 8000 * ratio
    fast = 134 + 1726 * np.sqrt(np.maximum(ratio - 0.026, 0.0))
    bend = np.where(ratio <= 0.05, slow, fast) / richardson
    return np.asarray(bend + (jet_angle - 90) * (1 - np.exp(-25.6 * ratio)))


def _lift_off(ratio: Reals, tilt: Reals, length: Reals) -> Reals:
    """Distance from the tip to the visible flame, m; in still air the limit of sin(K a) / sin a is K."""
    share = 0.185 * np.exp(-20 * ratio) + 0.015
    angle = np.radians(tilt)
    straight = np.abs(np.sin(angle)) < 1e-9
    return length * np.where(straight, share, np.sin(share * angle) / np.where(straight, 1.0, np.sin(angle)))


def _moles(temperature: float) -> float:
    return PRESSURE / (GAS_CONSTANT * temperature)


def _refuse(size: Reals, velocity: Reals, wind: Reals, molar_mass: float, temperature: float) -> None:
    if np.any(size <= 0) or np.any(velocity <= 0) or np.any(wind < 0):
        raise BadInput(
            "a jet flame needs a size and an exit velocity above 0 and a wind of 0 or more, and found less: "
            "check the scale, exit_velocity and wind"
        )
    sound = float(np.sqrt(1.3 * GAS_CONSTANT * temperature / (molar_mass * 1e-3)))
    if np.any(velocity > SOUND * sound):
        raise BadInput(
            f"an exit velocity of {np.max(velocity):.0f} m/s is near or above the speed of sound in this gas "
            f"({sound:.0f} m/s), where the law does not hold: give exit_velocity below {SOUND * sound:.0f}"
        )
