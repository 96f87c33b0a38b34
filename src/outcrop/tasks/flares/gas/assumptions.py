"""Every number that the way from flame to gas takes from outside the picture: range, unit, source, physical limits.

A best value of NaN means that the number is not known and is derived: what stands in its place is said in its source.
"Second-hand" marks what was not read in the primary: fine for an estimate, to be checked before it is filed.
"""

from collections.abc import Mapping
from math import isfinite, nan
from types import MappingProxyType

import numpy as np
from numpy.typing import NDArray

from outcrop.core.errors import BadInput, UsageError
from outcrop.core.estimate import DRAWS, Assumption

Reals = NDArray[np.float64]

UNKNOWN = (nan, nan, nan)


def _a(values: tuple[float, float, float], unit: str, source: str) -> Assumption:
    low, best, high = values
    return Assumption(low=low, best=best, high=high, unit=unit, source=source)


ASSUMPTIONS: Mapping[str, Assumption] = MappingProxyType(
    {
        "lhv": _a(UNKNOWN, "MJ/m³", "derived: lower heating value of the composition at the reference temperature"),
        "composition_scatter": _a(
            UNKNOWN,
            "sd of ln",
            "derived: how far heating value and carbon of the gas flared may lie from the composition: 0.02 for an "
            "analysis, 0.10 for a preset that was chosen, 0.20 when nothing was said of the gas; judgements",
        ),
        "view_angle": _a(
            (0.0, 15.0, 45.0),
            "°",
            "between flame and image plane; judgement: photographed flames lean by 38° at the median, and the wind "
            "carries them towards the camera or away as often as across",
        ),
        "law_scatter": _a(
            (0.35, 0.35, 0.35),
            "sd of ln length",
            "judgement: lengths of tested flares miss API 521 by 50 to 100 % (EPA flare study; second-hand)",
        ),
        "heskestad_share": _a(
            (0.5, 0.5, 0.5), "1", "judgement: share of draws that follow Heskestad's law, the others follow API 521's"
        ),
        "wind": _a(
            UNKNOWN,
            "m/s",
            "not known: API 521 and Heskestad are used as they are; with a wind Chamberlain's law of 1987 replaces both",
        ),
        "exit_velocity": _a(
            (5.0, 30.0, 120.0), "m/s", "judgement, used only with a wind; open pipes run at 0.02 to 0.5 of sound"
        ),
        "tip_diameter": _a(UNKNOWN, "m", "not known: left out of Heskestad's law, where 1 m is worth 1 m of flame"),
        "elongation": _a(
            (1.3, 2.1, 5.9),
            "length/width",
            "outlines of 103 flames in 68 photos: 1.9, 2.9, 4.6 at 10, 50, 90 %; used only where no length is usable",
        ),
        "radiant_fraction": _a(
            (0.15, 0.2, 0.35), "1", "usual range of flares, more when they soot (Cook et al. 1990; second-hand)"
        ),
        "destruction_efficiency": _a(
            (0.90, 0.98, 0.995),
            "1",
            "98 % is the usual regulatory default; lit flares flown by Plant et al. 2022 had about 95 %, some far less "
            "(second-hand)",
        ),
        "combustion_efficiency": _a(
            UNKNOWN, "1", "derived: destruction_efficiency less 1.5 points, as between EPA's tiers of 2024"
        ),
        "unlit_share": _a(
            (0.0, 0.0, 0.0),
            "1",
            "the flame is seen burning; for a whole period give the share of flow that passed unlit: 0.03 to 0.05 of "
            "US flares were unlit (Plant et al. 2022; second-hand)",
        ),
        "n2o_factor": _a(
            (2e-5, 1e-4, 1.8e-4), "kg/MMBtu", "40 CFR 98.233(n), of the higher heating value; range is a judgement"
        ),
        "co_factor": _a((0.05, 0.133, 0.25), "kg/GJ", "AP-42 13.5: 0.31 lb/MMBtu (second-hand); range is a judgement"),
        "nox_factor": _a(
            (0.015, 0.029, 0.045), "kg/GJ", "AP-42 13.5: 0.068 lb/MMBtu (second-hand); range is a judgement"
        ),
        "soot_scatter": _a(
            (1.4, 1.4, 1.4), "sd of ln", "judgement: a factor of ten to either side in nine flares of ten"
        ),
    }
)
"""What the numbers rest on when nothing else is given, by the name that a user types."""

LIMITS: Mapping[str, tuple[float, float]] = MappingProxyType(
    {
        "lhv": (1.0, 150.0),
        "composition_scatter": (0.0, 1.0),
        "view_angle": (0.0, 80.0),
        "law_scatter": (0.0, 2.0),
        "heskestad_share": (0.0, 1.0),
        "wind": (0.0, 40.0),
        "exit_velocity": (0.1, 400.0),
        "tip_diameter": (0.0, 10.0),
        "elongation": (1.0, 20.0),
        "radiant_fraction": (0.01, 0.9),
        "destruction_efficiency": (0.0, 1.0),
        "combustion_efficiency": (0.0, 1.0),
        "unlit_share": (0.0, 1.0),
        "n2o_factor": (0.0, 0.1),
        "co_factor": (0.0, 10.0),
        "nox_factor": (0.0, 10.0),
        "soot_scatter": (0.0, 5.0),
    }
)
"""Physical limits of every assumption, in its unit."""

COMPOSITION_SCATTER = MappingProxyType({"analysis": 0.02, "preset": 0.10, "default": 0.20})
"""``composition_scatter`` by the basis of the gas."""

EFFICIENCY_GAP = 0.015
"""Destruction efficiency less combustion efficiency, as between EPA's tiers of 2024: 98/96.5, 95/93.5, 92/90.5 %."""

AMBIGUOUS = ("efficiency", "flare_efficiency", "fe")


def known(assumption: Assumption) -> bool:
    """Whether it holds a number, not the mark that it is derived."""
    return isfinite(assumption.best)


def replaced(given: Mapping[str, Assumption]) -> dict[str, Assumption]:
    """Those of this folder that a user replaced, out of all that a room goes by."""
    return {name: given[name] for name, usual in ASSUMPTIONS.items() if given[name] != usual}


def with_given(given: Mapping[str, Assumption]) -> dict[str, Assumption]:
    """All assumptions, those of a user in place of the defaults, checked against their physical limits.

    Raises:
        UsageError: "efficiency" without saying of what, or a name that is not known.
        BadInput: outside the limits, not in order, or more carbon burnt to CO2 than fuel destroyed.
    """
    for name in given:
        if name.lower() in AMBIGUOUS:
            raise UsageError(
                f"{name!r} may mean two things: give combustion_efficiency (share of carbon that becomes CO2) or "
                "destruction_efficiency (share of the fuel destroyed, which sets the methane slip)"
            )
        if name not in ASSUMPTIONS:
            raise UsageError(f"no assumption {name!r}: choose one of {', '.join(ASSUMPTIONS)}")
    merged = {**ASSUMPTIONS, **given}
    for name, assumption in merged.items():
        _check(name, assumption)
    burnt, destroyed = merged["combustion_efficiency"].best, merged["destruction_efficiency"].best
    if burnt > destroyed:
        raise BadInput(
            f"combustion_efficiency {burnt:g} exceeds destruction_efficiency {destroyed:g}, and no carbon becomes CO2 "
            "that was not destroyed: give both, the destruction efficiency as the larger"
        )
    return merged


def draws_of(name: str, assumptions: Mapping[str, Assumption], rng: np.random.Generator) -> Reals:
    """Draws of one assumption, (DRAWS,); NaN throughout where it is derived.

    Raises:
        BadInput: outside its limits or not in order.
    """
    assumption = assumptions.get(name, ASSUMPTIONS[name])
    _check(name, assumption)
    if not known(assumption):
        return np.full(DRAWS, nan)
    return assumption.draw(rng).draws


def _check(name: str, assumption: Assumption) -> None:
    if not known(assumption):
        return
    low, best, high = assumption.low, assumption.best, assumption.high
    least, most = LIMITS[name]
    if not least <= low <= best <= high <= most:
        hint = "; shares are written 0.98, not 98" if most == 1.0 and 1.0 < high <= 100 else ""
        raise BadInput(
            f"the assumption {name}={low:g}:{best:g}:{high:g} {assumption.unit} is not low ≤ best ≤ high within "
            f"{least:g} to {most:g}: give it anew{hint}"
        )
