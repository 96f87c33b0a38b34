"""From deposits to areas with intervals: each deposit, and all of them together.

The model's own error was learnt on deposits it never saw: what a measured area stood for, by its size. A deposit by
itself draws from those that were real, and says how often one of its size was none; the total draws from all. The
draws of two deposits are correlated, since one scene has one light and one model. Where no table is known the outline alone makes the interval, within one pixel to either side.
Deposits that the model missed altogether are in no figure.
"""

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from outcrop.core.errors import UsageError
from outcrop.core.estimate import DRAWS, Assumption, Estimate
from outcrop.core.scene import Detections, ProbabilityMap
from outcrop.core.task import Calibration, ErrorTable, Measurement, ProbabilityVolume
from outcrop.instruments.area import share_of
from outcrop.tasks.tailings.survey import TailingsSurvey, survey

Reals = NDArray[np.float64]

HECTARE = 1e4
"""m²."""

SIZE_TABLE = "part by size"
"""Key of the table of true / measured area by ln(measured area / ha), learnt on held-out deposits; 0 for false ones."""

REAL_TABLE = "part by size where real"
"""Key of the same table without the false ones."""

CORRELATION = 0.3
"""Of the errors of two deposits in one scene (of their normal scores): a judgement, between none and one error for all."""

OUTLINE = 1.0
"""How far an outline may lie from where it was drawn, in pixels, where the model's error is not known."""

MOST_DEPOSITS = 200
"""Deposits that get a measurement of their own; the others are in the table of deposits."""

LUMPED = 2000
"""Deposits that draw factors of their own in the total; smaller ones share one, which widens the interval a little."""

UNMEASURED = "The model's own error was never measured and is not in the interval."
NO_AREA = "No area: the scene has no map projection."
METHOD = "pixels at and above the threshold, geodesic area of their outline"


def measure(
    prediction: Any, given: Mapping[str, Assumption], calibration: Calibration, rng: np.random.Generator
) -> tuple[list[Measurement], TailingsSurvey]:
    """Everything that can be said about the deposits of one scene, and the survey of them.

    Raises:
        NothingToSee: every pixel is missing.
        UsageError: boxes or a volume came, where a probability map is wanted.
    """
    if isinstance(prediction, Detections | ProbabilityVolume) or not isinstance(prediction, ProbabilityMap):
        raise UsageError("tailings are measured from a probability map, and something else came: use a tailings model")
    found = survey(prediction, calibration)
    table, real = _tables(calibration)
    notes = [] if table else [UNMEASURED]
    if found.specks[0]:
        notes.append(f"{found.specks[0]} patches of fewer than {found.least} pixels were left out.")
    if cut := sum(o.touches_edge for o in found.deposits):
        notes.append(f"{cut} of {len(found.deposits)} deposits reach the edge of what was seen: lower bounds.")
    if found.grid.crs is None:
        notes.append(NO_AREA)
    pixels = np.array([o.pixels for o in found.deposits], float)
    about: dict[str, Any] = {"deposits": len(found.deposits), "pixels": int(pixels.sum())}
    if notes:
        about["note"] = " ".join(notes)
    known = found.grid.crs is not None
    size = found.area if known else pixels
    reach = found.reach if known else np.sqrt(12.5 * pixels)  # px; the outline of a disc of this size, 2 √(π n)
    common = rng.standard_normal(DRAWS)
    total = np.zeros(DRAWS)
    for i in range(min(len(size), LUMPED)):
        total += _draws(size[i], reach[i], known, table, common, rng)
    if len(size) > LUMPED:
        rest = slice(LUMPED, None)
        total = total + _draws(size[rest].sum(), reach[rest].sum(), known, table, common, rng, each=size[rest].mean())
    share = share_of(total * (pixels.sum() / max(size.sum(), 1e-30)), found.seen)
    result = [
        Measurement(name="tailings share", estimate=share, method="pixels of tailings / pixels seen", about=about)
    ]
    if known:
        whole = Estimate(draws=total / HECTARE, unit="ha")
        result.insert(0, Measurement(name="tailings area", estimate=whole, method=METHOD, about=about))
        for i, outline in enumerate(found.deposits[:MOST_DEPOSITS]):
            facts = {
                "deposit": i + 1, "pixels": outline.pixels, "mean_probability": outline.mean_probability,
                "perimeter_m": found.perimeter[i], "touches_edge": outline.touches_edge,
                "observed_share": outline.observed_share, "false_share": false_share(table, size[i]),
            }  # fmt: skip
            estimate = Estimate(draws=_draws(size[i], reach[i], known, real, common, rng) / HECTARE, unit="ha")
            result.append(Measurement(name="deposit area", estimate=estimate, method=METHOD, about=facts))
    return result, found


def _tables(calibration: Calibration) -> tuple[ErrorTable | None, ErrorTable | None]:
    """The tables of all deposits, and of the real ones."""
    found = [calibration.errors.get(key) for key in (SIZE_TABLE, REAL_TABLE)]
    everything, real = (table if isinstance(table, ErrorTable) else None for table in found)
    return everything, real or everything


def false_share(table: ErrorTable | None, area: float) -> float | None:
    """How many of the measured deposits of this size, m², were none in the held-out pictures, 0..1; None where unknown."""
    if table is None:
        return None
    return float((factors(table, area, np.linspace(0, 1, 201)) <= 0).mean())


def _draws(
    size: float, reach: float, metric: bool, table: ErrorTable | None, common: Reals, rng: np.random.Generator, *,
    each: float | None = None,
) -> Reals:  # fmt: skip
    """Draws of the true size of something measured, (DRAWS,): m² on a map, else pixels.

    Args:
        common: normal scores that all deposits of the scene share.
        each: size of one deposit, where the whole stands for many.
    """
    own = rng.standard_normal(DRAWS)
    luck = ranks(np.sqrt(CORRELATION) * common + np.sqrt(1 - CORRELATION) * own)
    if table is None or not metric:
        return np.maximum(size + (2 * luck - 1) * OUTLINE * reach, 0.0)
    return size * factors(table, size if each is None else each, luck)


def ranks(scores: Reals) -> Reals:
    """Normal scores → their levels between 0 and 1."""
    from scipy.special import ndtr

    return np.asarray(ndtr(scores))


def factors(table: ErrorTable, area: float, level: Reals) -> Reals:
    """True / measured area of a deposit of this size, m², at these levels between 0 and 1."""
    where = np.log(max(area, 1.0) / HECTARE)
    rows = np.asarray(table.truth)
    row = np.array([np.interp(where, table.measured, column) for column in rows.T])
    return np.asarray(np.interp(level, np.linspace(0, 1, rows.shape[1]), row))


def interval(found: TailingsSurvey, calibration: Calibration) -> tuple[Reals, Reals]:
    """Ends of the 90 % interval of every deposit's area, m², (n,) each; those of ``measure`` but for the draws."""
    table = _tables(calibration)[1]
    if table is None:
        return np.maximum(found.area - 0.9 * OUTLINE * found.reach, 0.0), found.area + 0.9 * OUTLINE * found.reach
    ends = np.array([factors(table, a, np.array([0.05, 0.95])) for a in found.area]).reshape(-1, 2)
    return found.area * ends[:, 0], found.area * ends[:, 1]
