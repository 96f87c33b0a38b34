"""How far a model's probabilities may be trusted, and how to mend them.

`reliability` compares what was said with what came true on held-out pictures; `fit_temperature` mends it
by one factor on the logits (Guo et al. 2017, "On Calibration of Modern Neural Networks"; with a bias it is
the scaling of Platt 1999). Mending is judged *nested*: what is fitted on the other folds is measured on
this one, so that no figure comes from pixels that it was fitted to.

Probabilities are (classes, rows, cols) per picture: floats in [0, 1] or uint8, 255 meaning 1. NaN (not
seen) is never a class, and takes no part in calibration.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from outcrop.core.labelled import IGNORE
from outcrop.core.task import ErrorTable
from outcrop.engine.metrics import Mask, Real, Whole
from outcrop.instruments.masks import as_floats

Planes = Sequence[NDArray[Any]]
BINS = 15
PIXELS = 1_000_000

STEP = {np.dtype(np.uint8): 1 / 1020, np.dtype(np.float16): 2**-13}
"""Quarter of the widest gap between neighbouring values: how near to 0 and 1 a stored probability can be known."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Pixels:
    """Pixels drawn from held-out pictures, for one class.

    Attributes:
        probability: (n,) what the model said, strictly between 0 and 1.
        truth: (n,) whether it was so.
        fold: (n,) the fold of the picture that the pixel came from.
    """

    probability: Real
    truth: NDArray[np.bool_]
    fold: Whole

    def take(self, index: NDArray[np.bool_]) -> "Pixels":
        """These pixels."""
        return Pixels(probability=self.probability[index], truth=self.truth[index], fold=self.fold[index])


def sample_pixels(
    probabilities: Planes,
    masks: Sequence[Mask],
    folds: Whole,
    *,
    position: int,
    rng: np.random.Generator,
    limit: int = PIXELS,
) -> Pixels:
    """About ``limit`` counted pixels of the class at ``position``, each equally likely; all of them where they are fewer."""
    total = sum(mask.size for mask in masks)
    said, true, fold = [], [], []
    for planes, mask, number in zip(probabilities, masks, folds, strict=True):
        # With replacement: a repeated pixel does no harm, and no list of all positions is needed.
        share = round(mask.size * limit / total)
        chosen = slice(None) if total <= limit else rng.integers(0, mask.size, share)
        values = as_floats(planes[position].ravel()[chosen]).astype(np.float64)
        answers = mask.ravel()[chosen]
        kept = (answers != IGNORE) & np.isfinite(values)
        step = STEP.get(planes.dtype, 1e-7)
        said.append(np.clip(values[kept], step, 1 - step))
        true.append(answers[kept] == position + 1)
        fold.append(np.full(int(kept.sum()), number, np.int64))
    return Pixels(probability=np.concatenate(said), truth=np.concatenate(true), fold=np.concatenate(fold))


@dataclass(frozen=True, slots=True, kw_only=True)
class Reliability:
    """What was said beside what came true, in equal bins of probability.

    Attributes:
        edges: (bins + 1,) from 0 to 1.
        counts: (bins,) pixels.
        said: (bins,) mean probability; NaN in an empty bin.
        observed: (bins,) share of pixels that were of the class; NaN in an empty bin.
        brier: mean of (p - y)², 0 at best (Brier 1950).
        log_loss: mean of -ln p(truth), in nats.
    """

    edges: Real
    counts: Whole
    said: Real
    observed: Real
    brier: float
    log_loss: float

    @property
    def ece(self) -> float:
        """Expected calibration error: mean distance of said and observed over pixels (Naeini et al. 2015)."""
        total = self.counts.sum()
        gaps = np.nan_to_num(np.abs(self.said - self.observed))
        return float((self.counts * gaps).sum() / total) if total else float("nan")


def reliability(probability: Real, truth: NDArray[np.bool_], bins: int = BINS) -> Reliability:
    """Reliability of probabilities (n,) in [0, 1] against yes-or-no truth (n,)."""
    place = np.minimum((probability * bins).astype(np.int64), bins - 1)
    given = _inside(np.where(truth, probability, 1 - probability))
    counts = np.bincount(place, minlength=bins)
    filled = np.where(counts > 0, counts, np.nan)
    return Reliability(
        edges=np.linspace(0, 1, bins + 1),
        counts=counts,
        said=np.bincount(place, weights=probability, minlength=bins) / filled,
        observed=np.bincount(place, weights=truth, minlength=bins) / filled,
        brier=float(np.mean((probability - truth) ** 2)) if len(truth) else float("nan"),
        log_loss=float(-np.mean(np.log(given))) if len(truth) else float("nan"),
    )


def _inside(probability: Real) -> Real:
    """Away from 0 and 1, so that one certain error costs much and not everything."""
    return np.clip(probability, 1e-12, 1 - 1e-12)


@dataclass(frozen=True, slots=True, kw_only=True)
class Temperature:
    """A change of logits that keeps their order: logit / scale + bias."""

    scale: float = 1.0
    bias: float = 0.0

    def apply(self, probability: NDArray[Any]) -> Real:
        """Calibrated probabilities, same shape; those of exactly 0 and 1 stay where they are."""
        from scipy.special import expit, logit

        return np.asarray(expit(logit(np.asarray(probability, np.float64)) / self.scale + self.bias), np.float64)


def fit_temperature(pixels: Pixels, *, with_bias: bool = False) -> Temperature:
    """The temperature of least log loss; unchanged probabilities where the truth is all yes or all no."""
    from scipy.optimize import minimize
    from scipy.special import expit, logit

    if not 0 < pixels.truth.sum() < len(pixels.truth):
        return Temperature()
    logits = logit(_inside(pixels.probability))

    def loss(values: Real) -> tuple[float, Real]:
        factor, bias = values[0], values[1] if with_bias else 0.0
        z = factor * logits + bias
        residual = expit(z) - pixels.truth
        slope = [np.mean(residual * logits), np.mean(residual)][: len(values)]
        return float(np.mean(np.logaddexp(0, z) - z * pixels.truth)), np.array(slope)

    # Convex in (1 / scale, bias); the bounds only stop a useless model from running to infinity.
    start, bounds = ([1.0, 0.0], [(0.02, 50), (-20, 20)]) if with_bias else ([1.0], [(0.02, 50)])
    best = minimize(loss, start, jac=True, method="L-BFGS-B", bounds=bounds).x
    return Temperature(scale=float(1 / best[0]), bias=float(best[1]) if with_bias else 0.0)


@dataclass(frozen=True, slots=True, kw_only=True)
class Trust:
    """How far probabilities may be trusted, before and after one temperature for all classes.

    Attributes:
        temperature: for use from now on, fitted on all folds; unchanged where mending did not help.
        before: reliability of each class as the model gave it.
        after: reliability of each class with, in each fold, the temperature that the other folds gave.
        kept: whether mending lowered the nested log loss.
    """

    temperature: Temperature
    before: tuple[Reliability, ...]
    after: tuple[Reliability, ...]
    kept: bool


def tune_temperature(classes: Sequence[Pixels], *, with_bias: bool = False) -> Trust:
    """One temperature for the pixels of all classes, judged fold by fold, kept only if it helps."""
    every = Pixels(
        probability=np.concatenate([pixels.probability for pixels in classes]),
        truth=np.concatenate([pixels.truth for pixels in classes]),
        fold=np.concatenate([pixels.fold for pixels in classes]),
    )
    mended = [pixels.probability.copy() for pixels in classes]
    for number in np.unique(every.fold):
        # With a single fold nothing is left to fit to: the probabilities stay as they are.
        temperature = fit_temperature(every.take(every.fold != number), with_bias=with_bias)
        for pixels, values in zip(classes, mended, strict=True):
            here = pixels.fold == number
            values[here] = np.clip(temperature.apply(values[here]), 1e-7, 1 - 1e-7)
    before = tuple(reliability(pixels.probability, pixels.truth) for pixels in classes)
    after = tuple(reliability(values, pixels.truth) for pixels, values in zip(classes, mended, strict=True))
    kept = sum(r.log_loss for r in after) < sum(r.log_loss for r in before)
    temperature = fit_temperature(every, with_bias=with_bias) if kept else Temperature()
    return Trust(temperature=temperature, before=before, after=after if kept else before, kept=kept)


@dataclass(frozen=True, slots=True, kw_only=True)
class PrecisionRecall:
    """What each threshold gives up for what it gains.

    Attributes:
        threshold: (n,) descending.
        precision: (n,) share of the predicted pixels that are of the class.
        recall: (n,) share of the class's pixels that are predicted; NaN without any.
        average: mean precision over recall, 1 at best.
    """

    threshold: Real
    precision: Real
    recall: Real
    average: float


def precision_recall(pixels: Pixels, points: int = 200) -> PrecisionRecall:
    """Precision and recall at about ``points`` thresholds, even in recall; the average is over all of them."""
    order = np.argsort(-pixels.probability, kind="stable")
    said = pixels.probability[order]
    # Pixels of one probability come in together: a threshold cannot tell them apart.
    ends = np.flatnonzero(np.append(said[1:] != said[:-1], len(said) > 0))
    hits = np.cumsum(pixels.truth[order])[ends]
    precision = hits / (ends + 1)
    total = float(hits[-1]) if len(hits) else 0.0
    recall = hits / total if total else np.full(len(hits), np.nan)
    average = float(np.sum(np.diff(recall, prepend=0.0) * precision)) if total else float("nan")
    even = np.searchsorted(recall, np.linspace(0, 1, points)) if total else np.linspace(0, len(ends) - 1, points)
    chosen = np.unique(np.clip(np.append(even, len(ends) - 1), 0, len(ends) - 1).astype(np.int64))
    return PrecisionRecall(
        threshold=said[ends][chosen], precision=precision[chosen], recall=recall[chosen], average=average
    )


def share_table(measured: Real, truth: Real, source: str, *, rows: int = 14, levels: int = 41) -> ErrorTable:
    """What the true share of a class was, given the share that a model measured on pictures it never saw.

    Args:
        measured, truth: (pictures,) shares in [0, 1].

    Returns:
        A table whose first row speaks of pictures measured as empty, the others of equally many pictures each.
    """
    empty = measured == 0
    order = np.argsort(measured, kind="stable")
    parts = [order[: int(empty.sum())], *np.array_split(order[int(empty.sum()) :], rows - 1)]
    parts = [part for part in parts if len(part)]
    steps = np.linspace(0, 1, levels)
    return ErrorTable(
        measured=tuple(round(float(measured[part].mean()), 6) for part in parts),
        truth=tuple(tuple(round(float(q), 6) for q in np.quantile(truth[part], steps)) for part in parts),
        examples=len(measured),
        source=source,
    )
