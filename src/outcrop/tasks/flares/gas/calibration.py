"""A site's own regression: gas flow from flame size, learnt from a meter, ln V = a + b ln S.

Bayesian linear regression with a conjugate prior (normal, inverse gamma). The slope starts at what the length law says,
2.094 for a length and half of that for an area, with the weight of about ten readings whose sizes spread by half; so a
few readings fix the level of the site and many also its slope. The scatter starts at 0.3 in ln V, worth three readings.
Everything constant at a site (scale, law, gas, view) goes into a; sizes may be in pixels. It is judged by leaving one
day out at a time, since readings of one day share weather and gas.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from math import isfinite
from pathlib import Path
from types import MappingProxyType
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from outcrop.core.errors import BadInput, DamagedFile, WrongUnit
from outcrop.core.estimate import DRAWS

Reals = NDArray[np.float64]
Kind = Literal["area", "length"]

SLOPE: Mapping[str, float] = MappingProxyType({"area": 2.094 / 2, "length": 2.094})
"""ln of flow per ln of size, by API 521's law; an area goes as the square of a length."""

SLOPE_WEIGHT: Mapping[str, float] = MappingProxyType({"area": 10 * 0.5**2, "length": 10 * 0.25**2})
"""What the prior slope is worth: ten readings whose ln size spreads by 0.5 (area) or 0.25 (length)."""

LEVEL_WEIGHT = 1e-6
"""What the prior level is worth, in readings: nothing."""

SCATTER = 0.3
"""sd of ln flow about the line, before any reading."""

SCATTER_WEIGHT = 3.0
"""What ``SCATTER`` is worth, in readings."""

FEWEST = 3
"""Readings without which no calibration is made."""

FAR = 2.0
"""Factor beyond the sizes of the readings from where on the line is extrapolated."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Score:
    """Errors of predictions of readings that were left out.

    Attributes:
        mae, rmse: thousand m³/day, of the median prediction.
        mean_mae, mean_rmse: of the mean of the other readings, the predictor to beat.
        covered: share of readings within their 90 % interval.
        readings, groups: how many; one group, such as a day, was left out at a time.
        before_mae, before_rmse: of the estimates without calibration; None where there were none.
    """

    mae: float
    rmse: float
    mean_mae: float
    mean_rmse: float
    covered: float
    readings: int
    groups: int
    before_mae: float | None = None
    before_rmse: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class SiteCalibration:
    """The line of a site with what is still unknown of it.

    Attributes:
        kind: what the size is.
        unit: of the size, such as "m²", "m", "px²" or "px".
        reference: °C, of the flows.
        centre: mean of ln size.
        level, slope: posterior means; ln flow = level + slope (ln size - centre), flow in thousand m³/day.
        covariance: ((2,), (2,)) of level and slope, in units of the scatter's variance.
        shape, rate: of the inverse gamma distribution of the scatter's variance.
        sizes: least and largest size read.
        readings: how many.
        score: by leaving out; None where all readings are of one group.
    """

    kind: Kind
    unit: str
    reference: float
    centre: float
    level: float
    slope: float
    covariance: tuple[tuple[float, float], tuple[float, float]]
    shape: float
    rate: float
    sizes: tuple[float, float]
    readings: int
    score: Score | None = None

    @property
    def a(self) -> float:
        """The constant of ln V = a + b ln S."""
        return self.level - self.slope * self.centre

    @property
    def b(self) -> float:
        """The slope of ln V = a + b ln S."""
        return self.slope

    def predict(self, size: Reals | float, unit: str, rng: np.random.Generator) -> Reals:
        """Draws of the flow, thousand m³/day at ``reference``, (DRAWS,): line, its doubt and the site's scatter.

        Args:
            size: one number or (DRAWS,), above 0, in the unit of the calibration.

        Raises:
            WrongUnit: the size is in another unit than the readings' flames were.
            BadInput: a size of 0 or below.
        """
        if unit != self.unit:
            raise WrongUnit(
                f"the site was calibrated with {self.kind} in {self.unit}, and the flame came in {unit}: give the same "
                "scale as for the calibration, or calibrate again"
            )
        values = np.asarray(size, float) * np.ones(DRAWS)
        if not np.all(values > 0):
            raise BadInput(f"a flame of {self.kind} 0 or below has no flow by calibration: leave the picture out")
        variance = self.rate / rng.gamma(self.shape, 1.0, DRAWS)
        noise = rng.standard_normal((DRAWS, 2)) @ np.linalg.cholesky(np.asarray(self.covariance)).T
        line = np.array([self.level, self.slope]) + np.sqrt(variance)[:, None] * noise
        ln_flow = line[:, 0] + line[:, 1] * (np.log(values) - self.centre)
        return np.asarray(np.exp(ln_flow + np.sqrt(variance) * rng.standard_normal(DRAWS)))

    def notes(self, size: float) -> list[str]:
        """Sentences on a flame far outside those that the meter saw."""
        low, high = self.sizes
        if low / FAR <= size <= high * FAR:
            return []
        seen = f"{low:.3g} to {high:.3g} {self.unit} of the readings"
        return [f"A flame of {size:.3g} {self.unit} lies outside the {seen}: the site's line is extrapolated."]

    def to_json(self) -> str:
        """Everything as JSON, for a file beside the site's pictures."""
        return json.dumps({"site calibration": 1, **asdict(self)}, indent=1)


def fit(
    sizes: Sequence[float] | Reals,
    flows: Sequence[float] | Reals,
    *,
    kind: Kind,
    unit: str,
    reference: float,
    groups: Sequence[str] | None = None,
    before: Sequence[float] | Reals | None = None,
) -> SiteCalibration:
    """The line of a site from pairs of flame size and meter reading.

    Args:
        sizes: (n,) area or length; of several flames at once, the total area.
        flows: (n,) thousand m³/day at ``reference``, °C.
        groups: (n,) what is left out together, such as the day; None leaves out one reading at a time.
        before: (n,) estimates without calibration, thousand m³/day, to be scored beside.

    Raises:
        BadInput: fewer than ``FEWEST`` pairs, columns of unequal length, or a size or flow that is no number above 0.
    """
    size, flow = np.asarray(sizes, float), np.asarray(flows, float)
    if len(size) != len(flow) or (groups is not None and len(groups) != len(flow)):
        raise BadInput(f"{len(size)} sizes came with {len(flow)} readings, where pairs are wanted: match them first")
    if len(size) < FEWEST:
        raise BadInput(
            f"a site calibration needs at least {FEWEST} pictures with a meter reading, and {len(size)} came: add more"
        )
    for name, values in (("flame size", size), ("meter reading", flow)):
        if not np.all(np.isfinite(values) & (values > 0)):
            bad = values[~(np.isfinite(values) & (values > 0))][0]
            raise BadInput(f"a {name} of {bad:g} has no logarithm: leave that pair out of the calibration")
    line = _posterior(np.log(size), np.log(flow), kind)
    labels = [str(i) for i in range(len(flow))] if groups is None else [str(group) for group in groups]
    score = _leave_out(size, flow, kind, labels, None if before is None else np.asarray(before, float))
    return SiteCalibration(
        **line,
        kind=kind,
        unit=unit,
        reference=reference,
        sizes=(float(size.min()), float(size.max())),
        readings=len(size),
        score=score,
    )


def _posterior(x: Reals, y: Reals, kind: Kind) -> dict[str, Any]:
    """Conjugate update; the prior of the slope is centred on the length law, that of the level says nothing."""
    centre = float(x.mean())
    design = np.column_stack([np.ones(len(x)), x - centre])
    prior = np.diag([LEVEL_WEIGHT, SLOPE_WEIGHT[kind]])
    mean = np.array([float(y.mean()), SLOPE[kind]])
    precision = prior + design.T @ design
    covariance = np.linalg.inv(precision)
    line = covariance @ (prior @ mean + design.T @ y)
    shape, rate = SCATTER_WEIGHT / 2, SCATTER_WEIGHT / 2 * SCATTER**2
    # The level is taken from the readings themselves, which costs one of them.
    shape += (len(x) - 1) / 2
    rate += float(y @ y + mean @ prior @ mean - line @ precision @ line) / 2
    rows = tuple((float(a), float(b)) for a, b in covariance)
    return {
        "centre": centre, "level": float(line[0]), "slope": float(line[1]), "covariance": rows,
        "shape": float(shape), "rate": max(float(rate), 1e-9),
    }  # fmt: skip


def _leave_out(size: Reals, flow: Reals, kind: Kind, groups: Sequence[str], before: Reals | None) -> Score | None:
    labels = np.asarray(groups)
    names = sorted(set(groups))
    if len(names) < 2:
        return None
    from scipy.special import stdtrit

    guess, mean, inside = np.zeros(len(flow)), np.zeros(len(flow)), np.zeros(len(flow), bool)
    for name in names:
        out = labels == name
        line = _posterior(np.log(size[~out]), np.log(flow[~out]), kind)
        design = np.column_stack([np.ones(out.sum()), np.log(size[out]) - line["centre"]])
        middle = design @ np.array([line["level"], line["slope"]])
        width = np.sqrt(line["rate"] / line["shape"] * (1 + np.sum(design @ line["covariance"] * design, axis=1)))
        reach = width * float(stdtrit(2 * line["shape"], 0.95))
        guess[out], mean[out] = np.exp(middle), flow[~out].mean()
        inside[out] = np.abs(np.log(flow[out]) - middle) <= reach
    return Score(
        **_errors(guess, flow, ""),
        **_errors(mean, flow, "mean_"),
        **({} if before is None else _errors(before, flow, "before_")),
        covered=float(inside.mean()),
        readings=len(flow),
        groups=len(names),
    )


def _errors(guess: Reals, flow: Reals, prefix: str) -> dict[str, Any]:
    wrong = guess - flow
    return {f"{prefix}mae": float(np.abs(wrong).mean()), f"{prefix}rmse": float(np.sqrt((wrong**2).mean()))}


def from_json(text: str, name: str = "the calibration") -> SiteCalibration:
    """A calibration as ``to_json`` wrote it.

    Raises:
        DamagedFile: not JSON, or not all of a calibration.
    """
    try:
        found = json.loads(text)
        if found.pop("site calibration") != 1:
            raise DamagedFile(f"{name} is of a later version of Outcrop: calibrate again from the readings")
        score = found.pop("score")
        rows = tuple(tuple(float(v) for v in row) for row in found.pop("covariance"))
        result = SiteCalibration(
            **{**found, "covariance": rows, "sizes": tuple(found["sizes"])}, score=score and Score(**score)
        )
        np.linalg.cholesky(np.asarray(result.covariance).reshape(2, 2))
    except (ValueError, KeyError, TypeError, AttributeError, np.linalg.LinAlgError) as error:
        raise DamagedFile(
            f"{name} is no site calibration ({type(error).__name__}): give the JSON file of one, or the readings"
        ) from None
    if not all(isfinite(v) for v in (result.a, result.b, result.shape, result.rate)) or result.kind not in SLOPE:
        raise DamagedFile(f"{name} holds numbers that are no site calibration: calibrate again from the readings")
    return result


def read_calibration(path: Path) -> SiteCalibration:
    """A calibration from its file; raises DamagedFile."""
    try:
        return from_json(path.read_text(encoding="utf-8"), path.name)
    except (OSError, UnicodeDecodeError) as error:
        raise DamagedFile(f"{path.name} cannot be read ({type(error).__name__}): give a JSON file") from None
