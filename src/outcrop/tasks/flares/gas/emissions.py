"""Gas burnt → what leaves the flare: CO2, unburnt methane, N2O, CO2e, soot, CO, NOx.

    CO2 = V ρ M(CO2) [x(CO2) + CE Z x(C)]            CE combustion efficiency, carbon that becomes CO2
    CH4 = V ρ M(CH4) x(CH4) [(1 - DRE) Z + U]        DRE destruction efficiency; U unlit share of the flow, Z = 1 - U

Two efficiencies, never one. A volume at one reference temperature and ρ at another is 7 % of error, so the reference is
an argument of everything. Heating value and carbon of a gas rise together, so ``richness``, the heating value of the gas
flared over that of its composition, scales both. Soot is an order of magnitude and nothing better.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

import numpy as np
from numpy.typing import NDArray

from outcrop.core.errors import UsageError
from outcrop.core.estimate import Assumption
from outcrop.tasks.flares.gas.assumptions import EFFICIENCY_GAP, draws_of, with_given
from outcrop.tasks.flares.gas.composition import COMPONENTS, Gas, molar_density
from outcrop.tasks.flares.gas.flow import change_reference

Reals = NDArray[np.float64]
Number = Reals | float

CO2_MOLAR_MASS = COMPONENTS["CO2"].molar_mass
CH4_MOLAR_MASS = 16.0425
MJ_PER_MMBTU = 1055.05585262

UNITS = MappingProxyType(
    {
        "co2": "t/day", "ch4": "t/day", "co2e": "t/day", "n2o": "kg/day", "black_carbon": "kg/day", "co": "kg/day",
        "nox": "kg/day",
    }
)  # fmt: skip
"""What ``emissions_of`` gives, by name, and its unit."""


@dataclass(frozen=True, slots=True, kw_only=True)
class WarmingPotential:
    """Mass of CO2 that warms as much as one of the gas.

    Attributes:
        name: assessment report of the IPCC, origin of the methane, horizon in years.
    """

    name: str
    ch4: float
    n2o: float


def _potentials() -> dict[str, WarmingPotential]:
    table = {
        "AR4-100": (25.0, 298.0),
        "AR4-20": (72.0, 289.0),
        "AR5-100": (28.0, 265.0),
        "AR5-20": (84.0, 264.0),
        "AR5-fossil-100": (30.0, 265.0),
        "AR5-fossil-20": (85.0, 264.0),
        "AR6-100": (29.8, 273.0),
        "AR6-20": (82.5, 273.0),
        "AR6-biogenic-100": (27.0, 273.0),
        "AR6-biogenic-20": (79.7, 273.0),
    }
    return {name: WarmingPotential(name=name, ch4=ch4, n2o=n2o) for name, (ch4, n2o) in table.items()}


WARMING: Mapping[str, WarmingPotential] = MappingProxyType(_potentials())
"""Sets of global warming potentials by report and horizon; AR6 without a further word is fossil methane."""

DEFAULT_WARMING = "AR6-100"


def warming(name: str) -> WarmingPotential:
    """A set of warming potentials by its name, case aside.

    Raises:
        UsageError: no such set.
    """
    found = next((w for key, w in WARMING.items() if key.lower() == name.strip().lower().replace(" ", "-")), None)
    if found is None:
        raise UsageError(f"no set of warming potentials {name!r}: choose one of {', '.join(WARMING)}")
    return found


def co2_mass(
    flow: Number,
    gas: Gas,
    *,
    reference: float,
    combustion_efficiency: Number,
    unlit_share: Number = 0.0,
    richness: Number = 1.0,
) -> Reals:
    """CO2, t per day for a flow in thousand m³ per day (kg for m³): burnt carbon and the CO2 that was in the gas."""
    burnt = gas.carbon * np.asarray(richness, float) * combustion_efficiency * (1 - np.asarray(unlit_share, float))
    moles = np.asarray(flow, float) * molar_density(reference)
    return np.asarray(moles * CO2_MOLAR_MASS * 1e-3 * (gas.share("CO2") + burnt))


def ch4_mass(
    flow: Number, gas: Gas, *, reference: float, destruction_efficiency: Number, unlit_share: Number = 0.0
) -> Reals:
    """CH4 that slips through, t per day for a flow in thousand m³ per day (kg for m³)."""
    unlit = np.asarray(unlit_share, float)
    slip = (1 - np.asarray(destruction_efficiency, float)) * (1 - unlit) + unlit
    per_volume = molar_density(reference) * CH4_MOLAR_MASS * 1e-3 * gas.share("C1")
    return np.asarray(np.asarray(flow, float) * per_volume * slip)


def co2e_mass(co2: Number, ch4: Number, n2o: Number, potentials: WarmingPotential) -> Reals:
    """Sum weighed by the warming potentials, all masses in one unit."""
    return np.asarray(co2, float) + np.asarray(ch4, float) * potentials.ch4 + np.asarray(n2o, float) * potentials.n2o


def n2o_mass(energy: Number, factor: Number) -> Reals:
    """N2O, kg, from energy by the higher heating value, GJ, and a factor, kg/MMBtu."""
    return np.asarray(np.asarray(energy, float) * 1e3 / MJ_PER_MMBTU * np.asarray(factor, float))


CHEN = ((38.6, 46.17, 49.63, 54.18, 77.4), (0.194, 0.575, 0.943, 1.504, 4.78))
"""Higher heating value, MJ/m³ at 60 °F, and soot, g/m³: the curve tabled with Chen et al. 2022; flat beyond its ends."""


def soot_mcewen(higher_heating_value: Number) -> Reals:
    """Soot, kg per thousand m³ (g/m³), by McEwen and Johnson 2012: 0.0578 HV - 2.09, 0 below 36.2 MJ/m³."""
    return np.maximum(0.0578 * np.asarray(higher_heating_value, float) - 2.09, 0.0)


def soot_chen(higher_heating_value: Number) -> Reals:
    """Soot, kg per thousand m³ (g/m³), by the curve of Chen et al. 2022."""
    return np.asarray(np.interp(np.asarray(higher_heating_value, float), *CHEN))


def efficiencies(assumptions: Mapping[str, Assumption], rng: np.random.Generator) -> tuple[Reals, Reals, Reals]:
    """Draws of combustion efficiency, destruction efficiency and unlit share; CE never exceeds DRE.

    A combustion efficiency that is not given follows the destruction efficiency at ``EFFICIENCY_GAP``.
    """
    destroyed = draws_of("destruction_efficiency", assumptions, rng)
    burnt = draws_of("combustion_efficiency", assumptions, rng)
    burnt = np.where(np.isfinite(burnt), burnt, np.maximum(destroyed - EFFICIENCY_GAP, 0.0))
    return np.minimum(burnt, destroyed), destroyed, draws_of("unlit_share", assumptions, rng)


def emissions_of(
    flow: Reals,
    gas: Gas,
    assumptions: Mapping[str, Assumption],
    rng: np.random.Generator,
    *,
    reference: float,
    gwp: str = DEFAULT_WARMING,
    richness: Number = 1.0,
) -> dict[str, Reals]:
    """Everything that leaves the flare per day, draw by draw; units in ``UNITS``.

    Args:
        flow: (DRAWS,) thousand m³/day at the reference temperature.
        assumptions: those given; the defaults stand in for the others.
        reference: °C.
        gwp: name of the set of warming potentials, a key of ``WARMING``.
        richness: (DRAWS,) heating value over that of the composition, as ``flow_of_flame`` gives it.

    Raises:
        UsageError, BadInput: as ``with_given`` and ``warming``.
    """
    potentials, given = warming(gwp), with_given(assumptions)
    burnt, destroyed, unlit = efficiencies(given, rng)
    co2 = co2_mass(flow, gas, reference=reference, combustion_efficiency=burnt, unlit_share=unlit, richness=richness)
    ch4 = ch4_mass(flow, gas, reference=reference, destruction_efficiency=destroyed, unlit_share=unlit)
    lit = np.asarray(flow, float) * (1 - unlit)
    energy = lit * gas.higher_heating_value(reference) * richness
    n2o = n2o_mass(energy, draws_of("n2o_factor", given, rng))
    at_60f = gas.higher_heating_value(15.56) * np.asarray(richness, float) * np.ones(len(lit))
    soot, line = soot_chen(at_60f), soot_mcewen(at_60f)
    # Where the line is at 0 it has left the gases it was fitted to, and no flame is known to make none.
    soot = np.where((rng.random(len(lit)) < 0.5) & (line > 0), line, soot)
    spread = np.exp(rng.standard_normal(len(lit)) * draws_of("soot_scatter", given, rng))
    return {
        "co2": co2,
        "ch4": ch4,
        "n2o": n2o,
        "co2e": co2e_mass(co2, ch4, n2o * 1e-3, potentials),
        "black_carbon": change_reference(lit, reference, 15.56) * soot * spread,
        "co": energy * draws_of("co_factor", given, rng),
        "nox": energy * draws_of("nox_factor", given, rng),
    }
