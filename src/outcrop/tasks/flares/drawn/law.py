"""The truth behind a drawn flame: gas, its heat, and the length of the flame that this heat makes.

This is written on its own, apart from the formulas that measure flares, so that drawn pictures test them.

Heat is flow times lower heating value; length follows one of two published laws of flame length, times a factor that
belongs to the flare. Comparisons with measured flares put the laws off by 50 to 100 % (EPA/EER flare efficiency study):
a share u is drawn evenly from that range and taken as the half width of 90 % of flares, so ln(factor) ~ N(0, ln(1 + u) /
1.645). The laws: L[ft] = 0.00604 Q[Btu/h]^0.4776 (fit of API 521's chart, as published flare-sizing notes give it), and
L = 0.235 Q[kW]^0.4 with D = 0 (Heskestad, Fire Safety Journal 5 (1983) 103-108).
"""

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

import numpy as np

LAWS = ("chart", "plume")

GAS: Mapping[str, tuple[float, int, float]] = MappingProxyType(
    {
        "methane": (802.6, 1, 0.80),
        "ethane": (1428.6, 2, 0.09),
        "propane": (2043.1, 3, 0.05),
        "butane": (2657.0, 4, 0.02),
        "pentane": (3244.9, 5, 0.01),
        "carbon dioxide": (0.0, 1, 0.02),
        "nitrogen": (0.0, 0, 0.01),
    }
)
"""Gas → heat of combustion, water as vapour (kJ/mol, standard enthalpies of formation), atoms of carbon, mean share."""

MOLES = 101_325 / (8.314462618 * 293.15)
"""mol/m³ of an ideal gas at 20 °C and 101.325 kPa."""
SECONDS = 86_400.0
FLOWS = (4.0, 1500.0)
"""Range of drawn flows, thousand m³/day at 20 °C: from a small oil site's flare to a plant's."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Burn:
    """One flare's gas and flame.

    Attributes:
        flow: thousand m³/day at 20 °C and 101.325 kPa.
        heating_value: lower, MJ/m³ at 20 °C.
        heat: MW.
        length: of the flame, m, along its axis.
        factor: length / length by the law.
        law: one of LAWS.
    """

    flow: float
    heating_value: float
    heat: float
    length: float
    factor: float
    law: str


def draw_heating_value(rng: np.random.Generator) -> float:
    """Lower heating value of an associated gas drawn around a lean mean, MJ/m³ at 20 °C."""
    shares = rng.dirichlet(np.array([share for _, _, share in GAS.values()]) * 120)
    return float(shares @ np.array([heat for heat, _, _ in GAS.values()]) * MOLES / 1000)


def draw_factor(rng: np.random.Generator) -> float:
    """How far a flare's flame is from the law."""
    return float(np.exp(rng.normal(0.0, np.log1p(rng.uniform(0.5, 1.0)) / 1.645)))


def law_length(heat: float, law: str) -> float:
    """Length in m of a flame of ``heat`` MW."""
    if law == "chart":
        return float(0.3048 * 0.00604 * (heat * 1e6 * 3600 / 1055.05585262) ** 0.4776)
    return float(0.235 * (heat * 1000) ** 0.4)


def draw_burn(
    rng: np.random.Generator,
    *,
    flow: float | None = None,
    heating_value: float | None = None,
    factor: float | None = None,
    law: str | None = None,
) -> Burn:
    """A flare: what is not given is drawn, the flow evenly in its logarithm."""
    flow = float(np.exp(rng.uniform(*np.log(FLOWS)))) if flow is None else flow
    value = draw_heating_value(rng) if heating_value is None else heating_value
    factor = draw_factor(rng) if factor is None else factor
    law = str(rng.choice(LAWS)) if law is None else law
    heat = flow * 1000 / SECONDS * value
    return Burn(
        flow=flow, heating_value=value, heat=heat, length=law_length(heat, law) * factor, factor=factor, law=law
    )
