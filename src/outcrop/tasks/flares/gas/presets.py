"""Typical gases by name, for when no analysis is at hand: assumptions, none of them from one analysis."""

from collections.abc import Mapping
from types import MappingProxyType

from outcrop.tasks.flares.gas.composition import Gas, gas_of

TYPICAL = "typical composition, a judgement; replace it by an analysis of the gas flared"

_SHARES: Mapping[str, tuple[dict[str, float], str]] = {
    "methane": ({"C1": 1.0}, "pure methane, exact"),
    "natural-gas": (
        {"C1": 0.94, "C2": 0.035, "C3": 0.007, "C4": 0.002, "C5": 0.001, "CO2": 0.007, "N2": 0.008},
        f"pipeline gas: {TYPICAL}",
    ),
    "associated-lean": (
        {"C1": 0.90, "C2": 0.05, "C3": 0.02, "C4": 0.008, "C5": 0.002, "CO2": 0.01, "N2": 0.01},
        f"lean gas of an oil field: {TYPICAL}",
    ),
    "associated": (
        {"C1": 0.80, "C2": 0.09, "C3": 0.05, "C4": 0.025, "C5": 0.01, "CO2": 0.015, "N2": 0.01},
        f"gas of an oil field: {TYPICAL}",
    ),
    "associated-rich": (
        {"C1": 0.70, "C2": 0.12, "C3": 0.09, "C4": 0.05, "C5": 0.02, "N2": 0.02},
        f"rich gas of an oil field: {TYPICAL}",
    ),
    "associated-shale": (
        {"C1": 0.55, "C2": 0.20, "C3": 0.13, "C4": 0.055, "C5": 0.02, "CO2": 0.01, "N2": 0.035},
        f"very rich gas of a shale oil field, near the 54 MJ/m³ (gross) of Bakken flares in 2019: {TYPICAL}",
    ),
    "sour": (
        {"C1": 0.72, "C2": 0.08, "C3": 0.04, "C4": 0.02, "C5": 0.01, "CO2": 0.06, "H2S": 0.06, "N2": 0.01},
        f"gas with hydrogen sulphide, before sweetening: {TYPICAL}",
    ),
    "refinery": (
        {"H2": 0.35, "C1": 0.33, "C2": 0.12, "C2H4": 0.05, "C3": 0.05, "C3H6": 0.04, "C4": 0.02, "N2": 0.04},
        f"refinery fuel gas; it changes from hour to hour: {TYPICAL}",
    ),
    "landfill": ({"C1": 0.55, "CO2": 0.42, "N2": 0.03}, f"landfill gas or biogas: {TYPICAL}"),
}

PRESETS: Mapping[str, Gas] = MappingProxyType(
    {
        name: gas_of(shares, f"preset {name}: {source}", basis="preset", name=name)
        for name, (shares, source) in _SHARES.items()
    }
)
"""Gases by the name that a user gives."""

DEFAULT = "associated"
"""What is taken when nothing is known of the gas: the middle of the gases of oil fields."""
