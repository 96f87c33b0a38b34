"""Emissions exactly as a regulation writes them, with its own tabled densities: for forms, not for science.

40 CFR 98.233(n) (equations W-19, W-20, W-40), Russia's Order 371 of 27 May 2022, EU 2018/2066 (MRR). Taken from
second-hand copies and recomputed; read the text in force before filing. Every input is required: nothing is assumed.
"""

from collections.abc import Mapping
from types import MappingProxyType

import numpy as np
from numpy.typing import NDArray

from outcrop.core.errors import BadInput
from outcrop.tasks.flares.gas.composition import Gas
from outcrop.tasks.flares.gas.emissions import MJ_PER_MMBTU
from outcrop.tasks.flares.gas.flow import CUBIC_FOOT

Reals = NDArray[np.float64]
Number = Reals | float

EPA_DENSITY = MappingProxyType({"co2": 0.0526, "ch4": 0.0192})
"""kg per scf at 60 °F and 14.7 psia."""

EPA_N2O = 1e-4
"""kg per MMBtu of higher heating value."""

EPA_TIERS: Mapping[int, tuple[float, float]] = MappingProxyType({1: (0.98, 0.965), 2: (0.95, 0.935), 3: (0.92, 0.905)})
"""Tier → (destruction, combustion efficiency), since reporting year 2025."""

RUSSIAN_DENSITY = MappingProxyType({"co2": 1.8393, "ch4": 0.6682})
"""kg/m³ at 20 °C as Order 371 tables them; the ideal gas has 1.8295 and 0.6669."""

EU_DEFAULT = 0.00393
"""t CO2 per Nm³ (0 °C): pure ethane as stand-in, deliberately high."""


def subpart_w(
    volume_scf: Number,
    gas: Gas,
    *,
    destruction_efficiency: Number,
    combustion_efficiency: Number,
    unlit_share: Number = 0.0,
    hhv_mmbtu_scf: Number | None = None,
) -> dict[str, Reals]:
    """co2, ch4, n2o in kg by 40 CFR 98.233(n).

    Args:
        volume_scf: gas sent to the flare, scf at 60 °F.
        hhv_mmbtu_scf: higher heating value; None takes that of the composition.

    Raises:
        BadInput: an efficiency or share outside 0 .. 1, or CE above DRE.
    """
    volume, dre, ce, unlit = (
        np.asarray(value, float) for value in (volume_scf, destruction_efficiency, combustion_efficiency, unlit_share)
    )
    for name, value in (("destruction efficiency", dre), ("combustion efficiency", ce), ("unlit share", unlit)):
        if np.any(value < 0) or np.any(value > 1):
            raise BadInput(f"the {name} is {np.max(value):g}, where a share of 0 to 1 is wanted: write 0.98, not 98")
    if np.any(ce > dre):
        raise BadInput("the combustion efficiency exceeds the destruction efficiency: give CE below DRE")
    lit = 1 - unlit
    hhv = (
        gas.higher_heating_value(15.56) * CUBIC_FOOT / MJ_PER_MMBTU
        if hhv_mmbtu_scf is None
        else np.asarray(hhv_mmbtu_scf, float)
    )
    return {
        "co2": volume * (gas.share("CO2") + ce * gas.carbon * lit) * EPA_DENSITY["co2"],
        "ch4": volume * gas.share("C1") * ((1 - dre) * lit + unlit) * EPA_DENSITY["ch4"],
        "n2o": volume * hhv * EPA_N2O,
    }


def order_371(gas: Gas, underburning: float) -> dict[str, float]:
    """Emission factors co2 and ch4, t per thousand m³ at 20 °C, by Order 371.

    Args:
        underburning: CF, share of the gas that does not burn. Copies of the Order disagree on its value (0.02 for oil
            fields and 0.005 for plants, or 0.005 smokeless and 0.035 sooty), so there is no default.

    Raises:
        BadInput: CF outside 0 .. 1.
    """
    if not 0 <= underburning <= 1:
        raise BadInput(f"the underburning CF is {underburning:g}, where a share of 0 to 1 is wanted: such as 0.005")
    return {
        "co2": (gas.share("CO2") + gas.carbon * (1 - underburning)) * RUSSIAN_DENSITY["co2"],
        "ch4": gas.share("C1") * underburning * RUSSIAN_DENSITY["ch4"],
    }


def eu_mrr_co2(volume_nm3: Number) -> Reals:
    """CO2, t, by the default factor of EU 2018/2066 for flares; volume in m³ at 0 °C."""
    return np.asarray(volume_nm3, float) * EU_DEFAULT
