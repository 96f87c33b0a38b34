"""Scores of masks: how much of the truth a model found, and how sure that figure is.

Every score starts from whole-number pixel counts per picture (`Counts`) and is a ratio of two sums
over pictures (`Metric`). So one bootstrap serves all of them: draw the pictures again, or whole
groups of pictures where neighbours were cut from one place, and form the ratio anew.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType

import numpy as np
from numpy.typing import NDArray

from outcrop.core.errors import BadInput, UsageError
from outcrop.core.estimate import Estimate
from outcrop.core.labelled import IGNORE

Whole = NDArray[np.int64]
Real = NDArray[np.float64]
Mask = NDArray[np.uint8]

DRAWS = 2_000
"""Bootstrap draws: the ends of a 90 % interval then move by less than a tenth of its width."""

COVERAGE_BOUNDS = (1, 5, 10, 25, 50, 75, 90, 99)
COVERAGE_CLASSES = ("0 %", "0–1 %", "1–5 %", "5–10 %", "10–25 %", "25–50 %", "50–75 %", "75–90 %", "90–99 %", "> 99 %")
"""Share of a picture that a class covers; a bound belongs to the class below it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Counts:
    """Pixels of each picture, by class; pixels marked 255 in the truth are in none of them.

    Attributes:
        both: (pictures, classes) pixels of the class in the truth and in the prediction.
        predicted: (pictures, classes) pixels predicted as the class.
        truth: (pictures, classes) pixels of the class in the truth.
        counted: (pictures,) pixels that count.
        agreed: (pictures,) pixels where truth and prediction agree, background included.
    """

    both: Whole
    predicted: Whole
    truth: Whole
    counted: Whole
    agreed: Whole

    @property
    def union(self) -> Whole:
        """(pictures, classes) pixels of the class in the truth, in the prediction, or in both."""
        return self.predicted + self.truth - self.both

    def take(self, index: NDArray[np.bool_] | Whole) -> "Counts":
        """The counts of these pictures."""
        return Counts(
            both=self.both[index],
            predicted=self.predicted[index],
            truth=self.truth[index],
            counted=self.counted[index],
            agreed=self.agreed[index],
        )


def count(predicted: Sequence[Mask], truth: Sequence[Mask], classes: int) -> Counts:
    """Compare predicted masks with the truth, picture by picture; pictures may differ in size.

    Args:
        predicted: (rows, cols) each, 0 background, 1.. class index; 255 (no data) reads as background.
        truth: (rows, cols) each, 0 background, 1.. class index, 255 not counted.
        classes: how many classes there are, background not among them.

    Raises:
        UsageError: the two lists differ in length.
        BadInput: two masks differ in shape, or hold a value that is no class.
    """
    if len(predicted) != len(truth):
        raise UsageError(f"{len(predicted)} predicted masks came for {len(truth)} true ones: give one for each")
    side = classes + 1
    table = np.zeros((len(truth), side, side), np.int64)
    for position, (guess, answer) in enumerate(zip(predicted, truth, strict=True)):
        if guess.shape != answer.shape:
            raise BadInput(
                f"mask {position} is {guess.shape} predicted and {answer.shape} true: predict at the size of the truth"
            )
        kept = answer != IGNORE
        true = answer[kept].astype(np.intp)
        seen = guess[kept].astype(np.intp)
        seen[seen == IGNORE] = 0
        highest = max(int(true.max(initial=0)), int(seen.max(initial=0)))
        if highest > classes:
            raise BadInput(
                f"mask {position} holds the value {highest} but there are {classes} classes: use 0 to {classes}"
            )
        table[position] = np.bincount(true * side + seen, minlength=side * side).reshape(side, side)
    return Counts(
        both=np.stack([table[:, k, k] for k in range(1, side)], axis=1),
        predicted=table.sum(axis=1)[:, 1:],
        truth=table.sum(axis=2)[:, 1:],
        counted=table.sum(axis=(1, 2)),
        agreed=np.trace(table, axis1=1, axis2=2),
    )


def kaggle_scores(both: Whole, union: Whole) -> Real:
    """Score of each picture in the TGS Salt Identification Challenge (Kaggle 2018), any shape → same shape.

    The share of the thresholds 0.50, 0.55 … 0.95 that IoU exceeds, strictly; decided in whole numbers,
    so an IoU of exactly 0.5 scores 0. Both masks empty score 1, exactly one empty scores 0.

    >>> kaggle_scores(np.array([0, 1, 2, 3]), np.array([0, 2, 3, 3])).tolist()
    [1.0, 0.0, 0.4, 1.0]
    """
    steps = np.arange(10, 20)
    passed = (20 * both[..., None] > steps * union[..., None]).sum(axis=-1)
    return np.where(union == 0, 10, passed) / 10.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Metric:
    """A score that is Σ numerator / Σ denominator over pictures.

    Attributes:
        title: what people call it.
        parts: counts → (numerator, denominator), (pictures, classes) each.
        empty: the value where the denominator is 0; NaN where no value would be fair.
    """

    title: str
    parts: Callable[[Counts], tuple[Real, Real]]
    empty: float

    def pooled(self, counts: Counts) -> Real:
        """(classes,): the score over all pictures together."""
        top, bottom = self.parts(counts)
        return self.ratio(top.sum(axis=0), bottom.sum(axis=0))

    def ratio(self, top: Real, bottom: Real) -> Real:
        """top / bottom, ``empty`` where bottom is 0."""
        return np.where(bottom > 0, top / np.where(bottom > 0, bottom, 1), self.empty)


def _by_picture(metric: Metric) -> Metric:
    """The mean of a metric over pictures, instead of the metric of all pixels together."""

    def parts(counts: Counts) -> tuple[Real, Real]:
        values = metric.ratio(*metric.parts(counts))
        values = np.where(counts.counted[:, None] > 0, values, np.nan)
        return np.nan_to_num(values), np.isfinite(values).astype(np.float64)

    return Metric(title=f"{metric.title}, mean of pictures", parts=parts, empty=np.nan)


def _reals(top: Whole, bottom: Whole) -> tuple[Real, Real]:
    return top.astype(np.float64), bottom.astype(np.float64)


_KAGGLE = Metric(
    title="Kaggle TGS score",
    parts=lambda c: (kaggle_scores(c.both, c.union), np.ones(c.both.shape)),
    empty=1.0,
)
_POOLED = {
    "iou": Metric(title="IoU", parts=lambda c: _reals(c.both, c.union), empty=1.0),
    "dice": Metric(title="Dice", parts=lambda c: _reals(2 * c.both, c.predicted + c.truth), empty=1.0),
    "precision": Metric(title="Precision", parts=lambda c: _reals(c.both, c.predicted), empty=np.nan),
    "recall": Metric(title="Recall", parts=lambda c: _reals(c.both, c.truth), empty=np.nan),
    "accuracy": Metric(
        title="Pixel accuracy", parts=lambda c: _reals(c.agreed[:, None], c.counted[:, None]), empty=np.nan
    ),
}
METRICS: Mapping[str, Metric] = MappingProxyType(
    {"kaggle": _by_picture(_KAGGLE)} | _POOLED | {f"picture_{name}": _by_picture(m) for name, m in _POOLED.items()}
)
"""Metrics by name. Plain names pool the pixels of all pictures, ``picture_…`` average over pictures, as ``kaggle`` does."""


def metric_named(name: str) -> Metric:
    """The metric of this name.

    Raises:
        UsageError: there is none.
    """
    if name not in METRICS:
        raise UsageError(f"no metric {name!r}: choose one of {', '.join(METRICS)}")
    return METRICS[name]


def score(name: str, counts: Counts) -> float:
    """One figure for all pictures: the mean over classes; NaN where the metric says nothing."""
    return float(_mean_of_classes(metric_named(name).pooled(counts)))


def picture_scores(name: str, counts: Counts) -> Real:
    """(pictures,): the metric of each picture by itself, mean over classes; NaN where no pixel counts."""
    metric = metric_named(name)
    values = metric.ratio(*metric.parts(counts))
    return _mean_of_classes(np.where(counts.counted[:, None] > 0, values, np.nan))


def coverage_class(covered: Whole, counted: Whole) -> Whole:
    """Index into `COVERAGE_CLASSES` from pixels covered and pixels counted, any shape; exact in whole numbers."""
    above = (100 * covered[..., None] > np.asarray(COVERAGE_BOUNDS) * counted[..., None]).sum(axis=-1)
    return np.asarray((covered > 0).astype(np.int64) + above, np.int64)


def bootstrap(
    name: str,
    counts: Counts,
    *,
    rng: np.random.Generator,
    groups: Sequence[str] | None = None,
    draws: int = DRAWS,
) -> Estimate:
    """How a score would move with other pictures of the same kind (Efron 1979).

    Pictures are drawn again with replacement; with ``groups``, whole groups are (the cluster bootstrap),
    which widens the interval where neighbours resemble each other. What training anew would change is
    not in it.
    """
    metric = metric_named(name)
    sums = _by_group(metric, counts, groups)
    values = [_mean_of_classes(_drawn(metric, sums, weights)) for weights in _weights(len(sums[0]), draws, rng)]
    return Estimate(draws=np.concatenate(values), unit="")


def paired_bootstrap(
    name: str,
    first: Counts,
    second: Counts,
    *,
    rng: np.random.Generator,
    groups: Sequence[str] | None = None,
    draws: int = DRAWS,
) -> Estimate:
    """Score of the second model minus the first one's on the same pictures, drawn anew together.

    The share of draws above 0 says how sure it is that the second model is better.

    Raises:
        UsageError: the two models were counted on different pictures.
    """
    if not np.array_equal(first.truth, second.truth) or not np.array_equal(first.counted, second.counted):
        raise UsageError("the two models were counted on different pictures: compare them on the same ones, in order")
    metric = metric_named(name)
    sums, others = _by_group(metric, first, groups), _by_group(metric, second, groups)
    values = [
        _mean_of_classes(_drawn(metric, others, weights)) - _mean_of_classes(_drawn(metric, sums, weights))
        for weights in _weights(len(sums[0]), draws, rng)
    ]
    return Estimate(draws=np.concatenate(values), unit="")


def _by_group(metric: Metric, counts: Counts, groups: Sequence[str] | None) -> tuple[Real, Real]:
    """Numerators and denominators summed within each group, (groups, classes)."""
    top, bottom = metric.parts(counts)
    if len(top) == 0:
        raise UsageError("there is no picture to draw from: give at least one")
    if groups is None:
        return top, bottom
    if len(groups) != len(top):
        raise UsageError(f"{len(groups)} groups came for {len(top)} pictures: give one for each")
    names, place = np.unique(np.asarray(groups), return_inverse=True)
    sums = np.zeros((2, len(names), top.shape[1]))
    np.add.at(sums[0], place, top)
    np.add.at(sums[1], place, bottom)
    return sums[0], sums[1]


def _weights(units: int, draws: int, rng: np.random.Generator) -> Iterator[Real]:
    """How often each unit comes in each draw, (draws, units), in pieces of at most 8 MB."""
    piece = max(1_000_000 // units, 1)
    for start in range(0, draws, piece):
        rows = min(piece, draws - start)
        yield rng.multinomial(units, np.full(units, 1 / units), size=rows).astype(np.float64)


def _drawn(metric: Metric, sums: tuple[Real, Real], weights: Real) -> Real:
    return metric.ratio(weights @ sums[0], weights @ sums[1])


def _mean_of_classes(values: Real) -> Real:
    """Mean over the last axis, past NaN; NaN where nothing is left. A single figure comes back as a 0-d array."""
    known = np.isfinite(values)
    shares = known.sum(axis=-1)
    return np.where(shares > 0, np.where(known, values, 0).sum(axis=-1) / np.maximum(shares, 1), np.nan)
