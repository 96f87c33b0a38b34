"""One record per flare and period: the superset of what regulators ask, as plain values with units in the names."""

from collections.abc import Mapping
from datetime import date, datetime
from types import MappingProxyType
from typing import Any

import numpy as np
from numpy.typing import NDArray

from outcrop.core.errors import BadInput, UsageError
from outcrop.core.estimate import Assumption
from outcrop.tasks.flares.gas.assumptions import ASSUMPTIONS, EFFICIENCY_GAP, known, with_given
from outcrop.tasks.flares.gas.composition import Gas

Reals = NDArray[np.float64]

FIELDS: Mapping[str, str] = MappingProxyType(
    {
        "site_id": "name or number of the site",
        "stack_id": "name or number of the stack",
        "country": "country",
        "latitude": "degrees north, WGS84",
        "longitude": "degrees east, WGS84",
        "operator": "operator of the field",
        "field": "name of the field",
        "field_type": "oil, gas, LNG ...",
        "location": "onshore or offshore",
        "period_start": "first day, ISO 8601",
        "period_end": "last day, ISO 8601; both days belong to the period",
        "source": "photo, drone, CCTV or satellite",
        "sensor": "camera or instrument",
        "observed_at": "when it was seen, UTC",
        "observations": "pictures or nights behind the flow",
        "lit": "true or false as seen",
        "event_category": "routine, safety or non-routine",
        "event_cause": "cause of the flaring event",
        "flow_thousand_m3_day": "median gas flow while lit",
        "flow_p10_thousand_m3_day": "10 % quantile",
        "flow_p90_thousand_m3_day": "90 % quantile",
        "volume_thousand_m3": "median volume of the period, the flow taken for constant",
        "volume_p10_thousand_m3": "10 % quantile",
        "volume_p90_thousand_m3": "90 % quantile",
        "reference_temperature_c": "of every volume here",
        "reference_pressure_kpa": "of every volume here",
        "volume_method": "how the flow came about",
        "scale_source": "where metres per pixel come from",
        "tilt_deg": "of the flame from the vertical, in the picture",
        "view_angle_deg": "between flame and image plane",
        "lhv_mj_m3": "net heating value at the reference temperature",
        "hhv_mj_m3": "gross heating value at the reference temperature",
        "composition_mole_fractions": "component=share, ...",
        "composition_source": "analysis, preset or nothing",
        "destruction_efficiency": "DRE, share of the fuel destroyed while lit",
        "combustion_efficiency": "CE, share of the carbon that becomes CO2 while lit",
        "unlit_share": "share of the flow that passes unlit",
        "underburning_cf": "CF of Order 371, share of the gas that does not burn",
        "co2_t": "of the period",
        "ch4_t": "of the period",
        "n2o_t": "of the period",
        "co2e_t": "of the period, weighed by gwp",
        "gwp": "set of warming potentials, with horizon in years",
        "black_carbon_kg": "of the period, an order of magnitude",
        "opacity_percent": "of the smoke",
        "ringelmann": "0 to 5",
        "smoke_minutes_per_2h": "most minutes of visible smoke in any two hours",
        "detector_confidence": "score of the detector, 0 to 1",
        "data_quality": "level of OGMP 2.0, L1 to L5",
        "pilot_monitoring": "how it is known that the pilot is lit",
        "gas_used_percent": "share of associated gas put to use",
        "model_version": "version of the program and its models",
        "reviewer": "who looked at the result",
        "assumed": "fields above that rest on a default, not on the site",
    }
)
"""Field of a record → what it says."""

MASSES = MappingProxyType(
    {
        "co2_t": ("co2", 1.0),
        "ch4_t": ("ch4", 1.0),
        "n2o_t": ("n2o", 1e-3),
        "co2e_t": ("co2e", 1.0),
        "black_carbon_kg": ("black_carbon", 1.0),
    }
)
"""Field → (key of ``emissions_of``, factor from its unit per day)."""


def export_record(**facts: Any) -> dict[str, Any]:
    """A whole record: the facts given, None in every other field.

    Raises:
        UsageError: a field that no record has.
    """
    for name in facts:
        if name not in FIELDS:
            raise UsageError(f"an export record has no field {name!r}: choose one of {', '.join(FIELDS)}")
    return {name: facts.get(name) for name in FIELDS}


def record_of(
    flow: Reals,
    emissions: Mapping[str, Reals],
    gas: Gas,
    assumptions: Mapping[str, Assumption],
    *,
    reference: float,
    gwp: str,
    **facts: Any,
) -> dict[str, Any]:
    """A record from what was estimated; masses and volumes of a period only where the period is known.

    Args:
        flow: (DRAWS,) thousand m³/day at ``reference``, °C.
        emissions: as ``emissions_of`` gives them, per day.
        assumptions: those that the user gave; the efficiencies among the others are listed under "assumed".
        facts: fields of ``FIELDS`` known otherwise; they win over what is derived here.

    Raises:
        UsageError: a field that no record has.
        BadInput: a period that ends before it begins, or no dates.
    """
    given = with_given(assumptions)
    destroyed = given["destruction_efficiency"].best
    burnt = given["combustion_efficiency"]
    quantiles = np.quantile(flow, [0.1, 0.5, 0.9])
    names = ("p10_", "", "p90_")
    derived: dict[str, Any] = {
        f"flow_{name}thousand_m3_day": float(value) for name, value in zip(names, quantiles, strict=True)
    }
    if days := _days(facts.get("period_start"), facts.get("period_end")):
        derived |= {f"volume_{n}thousand_m3": float(v) * days for n, v in zip(names, quantiles, strict=True)}
        derived |= {
            field: float(np.median(emissions[key])) * factor * days
            for field, (key, factor) in MASSES.items()
            if key in emissions
        }
    lhv = given["lhv"]
    richness = lhv.best / gas.lower_heating_value(reference) if known(lhv) else 1.0
    derived |= {
        "reference_temperature_c": reference,
        "reference_pressure_kpa": 101.325,
        "lhv_mj_m3": gas.lower_heating_value(reference) * richness,
        "hhv_mj_m3": gas.higher_heating_value(reference) * richness,
        "composition_mole_fractions": str(gas),
        "composition_source": gas.source,
        "destruction_efficiency": destroyed,
        "combustion_efficiency": burnt.best if known(burnt) else max(destroyed - EFFICIENCY_GAP, 0.0),
        "unlit_share": given["unlit_share"].best,
        "gwp": gwp,
    }
    assumed = [
        name for name in ("destruction_efficiency", "combustion_efficiency", "unlit_share") if name in ASSUMPTIONS
    ]
    assumed = [name for name in assumed if name not in assumptions and name not in facts]
    if gas.basis != "analysis" and "composition_mole_fractions" not in facts:
        assumed += ["composition_mole_fractions", *(() if "lhv" in assumptions else ("lhv_mj_m3", "hhv_mj_m3"))]
    return export_record(**{**derived, "assumed": ", ".join(assumed) or "nothing", **facts})


def _days(start: Any, end: Any) -> int | None:
    """Days of a period, both ends counted; None where one of them is not known."""
    if start is None or end is None:
        return None
    first, last = _date(start), _date(end)
    if last < first:
        raise BadInput(f"the period ends on {last}, before it begins on {first}: swap the two dates")
    return (last - first).days + 1


def _date(value: Any) -> date:
    if isinstance(value, datetime):
        return value.date()
    if isinstance(value, date):
        return value
    try:
        return datetime.fromisoformat(str(value)).date()
    except ValueError:
        raise BadInput(f"{value!r} is no date: write it as 2024-05-31") from None
