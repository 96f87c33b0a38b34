"""The whole way, draw by draw: flame outline → heat → gas flow, and which assumption costs how much of the interval.

Recipe: the length seen, through the view angle, with the law's own error (log-normal, ``law_scatter``), into one of
two laws chosen by chance in each draw; heat over the heating value of the gas is the flow. Everything but the outline
is drawn once for a site and shared by its flames and frames, since an error of the law does not average out.
"""

from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import Any

import numpy as np
from numpy.typing import NDArray

from outcrop.core.errors import BadInput, NothingToSee
from outcrop.core.estimate import DRAWS, Assumption
from outcrop.tasks.flares.gas.assumptions import COMPOSITION_SCATTER, draws_of, known, with_given
from outcrop.tasks.flares.gas.composition import Gas
from outcrop.tasks.flares.gas.flow import FLOW_UNIT, flow_of_heat
from outcrop.tasks.flares.gas.heat import heat_api, heat_heskestad, length_of_area, true_length
from outcrop.tasks.flares.gas.jet import heat_in_wind

Reals = NDArray[np.float64]
Flame = tuple[Reals | float | None, Reals | float | None]
"""Length seen along the axis, m, and outlined area, m²; draws or one number each, None where unusable."""

UNITS = MappingProxyType(
    {"length": "m", "heat": "MW", "radiated": "MW", "flow": FLOW_UNIT, "lhv": "MJ/m³", "richness": "1"}
)
"""What ``flow_of_flame`` gives, by name, and its unit."""

LEAST_LENGTH = 1e-3
"""m; shorter draws are taken for this long, so that a flame of no size is a small one and no error."""


def shared_draws(
    assumptions: Mapping[str, Assumption], gas: Gas, rng: np.random.Generator, *, reference: float
) -> dict[str, Reals]:
    """What all flames of a site share, (DRAWS,) each.

    Keys: view_angle, law (0 API 521, 1 Heskestad), law_error (ln of length), wind, exit_velocity, tip_diameter,
    elongation, radiant_fraction, richness (heating value over that of the composition). Without a wind there is no key
    "wind" nor "exit_velocity", with one no "law".

    Raises:
        UsageError, BadInput: as ``with_given``; BadInput also for a gas that does not burn.
    """
    given = with_given(assumptions)
    base = gas.lower_heating_value(reference)
    if base <= 0:
        raise BadInput(f"the gas {gas} holds nothing that burns, so no flame is of it: give another composition")
    drawn = {name: draws_of(name, given, rng) for name in ("view_angle", "tip_diameter", "elongation")}
    drawn["tip_diameter"] = np.nan_to_num(drawn["tip_diameter"], nan=0.0)
    drawn["radiant_fraction"] = draws_of("radiant_fraction", given, rng)
    drawn["law_error"] = rng.standard_normal(DRAWS) * draws_of("law_scatter", given, rng)
    if known(given["wind"]):
        drawn |= {name: draws_of(name, given, rng) for name in ("wind", "exit_velocity")}
    else:
        drawn["law"] = (rng.random(DRAWS) < draws_of("heskestad_share", given, rng)).astype(float)
    if known(given["lhv"]):
        drawn["richness"] = draws_of("lhv", given, rng) / base
    else:
        scatter = draws_of("composition_scatter", given, rng)
        scatter = np.where(np.isfinite(scatter), scatter, COMPOSITION_SCATTER[gas.basis])
        drawn["richness"] = np.exp(rng.standard_normal(DRAWS) * scatter)
    return drawn


def flow_of_flame(
    length_m: Reals | float | None,
    area_m2: Reals | float | None,
    assumptions: Mapping[str, Assumption],
    gas: Gas,
    rng: np.random.Generator,
    *,
    reference: float,
    scale: Reals | float = 1.0,
    shared: Mapping[str, Reals] | None = None,
) -> dict[str, Reals]:
    """Heat release and gas flow of one flame.

    Args:
        length_m: (DRAWS,) or one number: length seen along the flame's axis, m. Where it is None or NaN the area is
            used, as that of an ellipse.
        area_m2: (DRAWS,) or one number: outlined area, m²; None where there is none.
        reference: °C, of the gas volume.
        scale: (DRAWS,) factors near 1: the error of metres per pixel where it is not in the length already.
        shared: what ``shared_draws`` gave for this site; drawn anew when None.

    Returns:
        (DRAWS,) each, units in ``UNITS``: length (along the flame, before the error of the law), heat, radiated, flow,
        lhv, richness.

    Raises:
        NothingToSee: neither length nor area.
        BadInput: a negative length or area, or an impossible assumption.
    """
    drawn = shared if shared is not None else shared_draws(assumptions, gas, rng, reference=reference)
    size = _projected(length_m, area_m2, drawn) * np.asarray(scale, float)
    return _evaluate(size * np.ones(DRAWS), drawn, gas, reference)


def flow_of_site(
    flames: Sequence[Flame],
    assumptions: Mapping[str, Assumption],
    gas: Gas,
    rng: np.random.Generator,
    *,
    reference: float,
    scale: Reals | float = 1.0,
    shared: Mapping[str, Reals] | None = None,
) -> dict[str, Reals]:
    """Heat and flow of several flames at once, keys heat, radiated, flow, lhv, richness: heats add up, lengths do not.

    All flames share one error of law, gas, view angle, wind and scale.

    Raises:
        NothingToSee: no flame; otherwise as ``flow_of_flame``.
    """
    if not flames:
        raise NothingToSee("the site shows no flame: an unlit stack vents its gas and is flagged, not counted as 0")
    drawn = shared if shared is not None else shared_draws(assumptions, gas, rng, reference=reference)
    parts = [
        flow_of_flame(length, area, assumptions, gas, rng, reference=reference, scale=scale, shared=drawn)
        for length, area in flames
    ]
    sums = {key: np.sum([part[key] for part in parts], axis=0) for key in ("heat", "radiated", "flow")}
    return {**sums, "lhv": parts[0]["lhv"], "richness": parts[0]["richness"]}


def _projected(length: Reals | float | None, area: Reals | float | None, drawn: Mapping[str, Reals]) -> Reals:
    """The length seen, m; from the area where there is none."""
    if length is None and area is None:
        raise NothingToSee(
            "the flame has neither length nor area in metres: give a scale, or stay with relative figures"
        )
    for name, value in (("length", length), ("area", area)):
        if value is not None and np.any(np.asarray(value, float) < 0):
            raise BadInput(
                f"a flame's {name} is below 0: check the scale, which must be a positive number of m per pixel"
            )
    if area is None:
        return np.asarray(length, float)
    of_area = length_of_area(area, drawn["elongation"])
    return of_area if length is None else np.where(np.isfinite(np.asarray(length, float)), length, of_area)


def _evaluate(projected: Reals, drawn: Mapping[str, Reals], gas: Gas, reference: float) -> dict[str, Reals]:
    length = np.maximum(true_length(projected, drawn["view_angle"]), LEAST_LENGTH)
    bent = length * np.exp(drawn["law_error"])
    if "wind" in drawn:
        heat = heat_in_wind(bent, drawn["wind"], drawn["exit_velocity"], gas)
    else:
        # In between 0 and 1, as the middle of a breakdown has it, the laws are blended in ln of heat.
        api, heskestad = heat_api(bent), heat_heskestad(bent, drawn["tip_diameter"])
        heat = api ** (1 - drawn["law"]) * heskestad ** drawn["law"]
    lhv = drawn["richness"] * gas.lower_heating_value(reference)
    return {
        "length": length,
        "heat": heat,
        "radiated": heat * drawn["radiant_fraction"],
        "flow": flow_of_heat(heat, lhv),
        "lhv": lhv,
        "richness": np.asarray(drawn["richness"] * np.ones(len(heat))),
    }


NAMES = MappingProxyType(
    {
        "outline": "length of the flame in the picture",
        "scale": "metres per pixel",
        "view_angle": "angle between flame and image plane",
        "law_error": "scatter of real flames about the law",
        "law": "which of the two laws",
        "tip_diameter": "diameter of the tip",
        "elongation": "length over width, where only the area is known",
        "wind": "wind speed",
        "exit_velocity": "exit velocity of the gas",
        "richness": "heating value of the gas",
    }
)
"""Inputs of the flow in words, by their key in a breakdown."""


def breakdown(
    length_m: Reals | float | None,
    area_m2: Reals | float | None,
    assumptions: Mapping[str, Assumption],
    gas: Gas,
    rng: np.random.Generator,
    *,
    reference: float,
    scale: Reals | float = 1.0,
) -> list[dict[str, Any]]:
    """Which input costs how much of the interval of the flow, the dearest first.

    Method: variance of ln flow when one input keeps its draws and every other stands at its median (the law half way
    between the two), over the variance when all are drawn: one at a time. Inputs that hardly act on one another, as
    here, add up to nearly 1; the rest, also below 0, is the last row, "together".

    Returns:
        dicts with "input" (a key of ``NAMES``, or "together"), "words", "share" (of the variance of ln flow) and
        "factor" (half-width of the 90 % interval of the flow as a factor, from this input alone).
    """
    drawn = shared_draws(assumptions, gas, rng, reference=reference)
    inputs = {key: value for key, value in drawn.items() if key != "radiant_fraction"}
    inputs["scale"] = np.asarray(scale, float) * np.ones(DRAWS)
    ones = np.ones(DRAWS)
    seen = {
        name: None if value is None else np.asarray(value, float) * ones
        for name, value in (("length", length_m), ("area", area_m2))
    }
    middle = {key: np.full(DRAWS, 0.5 if key == "law" and np.ptp(v) else np.median(v)) for key, v in inputs.items()}
    still = {name: None if v is None else np.full(DRAWS, _median(v)) for name, v in seen.items()}

    def ln_flow(values: Mapping[str, Reals], outline: Mapping[str, Reals | None]) -> Reals:
        size = _projected(outline["length"], outline["area"], values) * values["scale"]
        full = {**values, "radiant_fraction": ones}
        return np.log(_evaluate(size * ones, full, gas, reference)["flow"])

    total = float(np.var(ln_flow(inputs, seen)))
    alone = {key: ln_flow({**middle, key: value}, still) for key, value in inputs.items() if np.ptp(value) > 0}
    if any(value is not None and np.ptp(value) > 0 for value in seen.values()):
        alone["outline"] = ln_flow(middle, seen)
    rows = [
        {"input": key, "words": NAMES[key], "share": float(np.var(v)) / total if total else 0.0, "factor": _factor(v)}
        for key, v in alone.items()
        if np.var(v) > 1e-9 * total
    ]
    rows.sort(key=lambda row: -float(str(row["share"])))
    rest = 1 - sum(float(str(row["share"])) for row in rows) if total else 0.0
    rows.append({"input": "together", "words": "inputs acting on one another", "share": rest, "factor": 1.0})
    return rows


def _median(values: Reals) -> float:
    finite = values[np.isfinite(values)]
    return float(np.median(finite)) if len(finite) > len(values) / 2 else float("nan")


def _factor(ln_values: Reals) -> float:
    low, high = np.quantile(ln_values, [0.05, 0.95])
    return float(np.exp((high - low) / 2))
