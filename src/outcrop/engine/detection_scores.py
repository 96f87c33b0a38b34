"""Scores of boxes: average precision, precision and recall at a threshold, false alarms; each with its interval.

Average precision is COCO's: the mean of the precision at 101 recalls, 0, 0.01 … 1, where the precision at a recall is
the best one reached there or beyond. mAP50 takes boxes that overlap by half as hits, mAP50-95 is the mean over ten
overlaps. The headline comes from pycocotools; intervals draw pictures again (whole groups where given) and count anew
from the same matches.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from outcrop.core.errors import UsageError
from outcrop.engine.breakdown import Figure
from outcrop.engine.detection_matching import IOUS, SIZES, Matched, Matches

Whole = NDArray[np.int64]
Real = NDArray[np.float64]

RECALLS = np.linspace(0, 1, 101)
DRAWS = 500


@dataclass(frozen=True, slots=True, kw_only=True)
class Curve:
    """Precision and recall of one class as its threshold falls, boxes that overlap by half being hits.

    Attributes:
        scores, precision, recall: (n,) each, best first.
    """

    name: str
    scores: Real
    precision: Real
    recall: Real


@dataclass(frozen=True, slots=True, kw_only=True)
class AveragePrecision:
    """What ranking boxes by score is worth.

    Attributes:
        map50, map50_95: mean over the classes that the truth holds.
        by_class: name → (mAP50, mAP50-95).
        by_size: name → size → mAP50-95; NaN where the truth holds none of that size.
        objects: name → true boxes.
    """

    map50: Figure
    map50_95: Figure
    by_class: dict[str, tuple[Figure, Figure]]
    by_size: dict[str, dict[str, float]]
    objects: dict[str, int]


@dataclass(frozen=True, slots=True, kw_only=True)
class Tally:
    """Hits, false boxes and misses at chosen thresholds, boxes that overlap by half being hits.

    Attributes:
        hits, false, missed: (pictures, classes).
        empty: (pictures,) True where the truth holds nothing.
    """

    hits: Whole
    false: Whole
    missed: Whole
    empty: NDArray[np.bool_]


@dataclass(frozen=True, slots=True, kw_only=True)
class AtThreshold:
    """What a detector is worth once a threshold cuts its boxes.

    Attributes:
        precision, recall, f1: name → figure; "all" pools the classes.
        false_alarms: share of pictures without any object in which a box was seen; None without such a picture.
        negatives: how many such pictures there are.
    """

    precision: dict[str, Figure]
    recall: dict[str, Figure]
    f1: dict[str, Figure]
    false_alarms: Figure | None
    negatives: int


def weighted_precision(matched: Matched, weights: Real) -> Real:
    """(ious,) average precision of one class with each picture counted ``weights`` (pictures,) times; NaN without truth."""
    positives = float(matched.objects @ weights)
    if positives <= 0:
        return np.full(len(IOUS), np.nan)
    hit = matched.truths >= 0
    weight = weights[matched.pictures]
    right = np.cumsum(hit * weight, axis=1)
    said = np.cumsum(weight)
    precision = right / np.maximum(said, np.finfo(float).tiny)
    best = np.maximum.accumulate(precision[:, ::-1], axis=1)[:, ::-1]
    values = np.zeros(len(IOUS))
    for row, (recall, envelope) in enumerate(zip(right / positives, best, strict=True)):
        # A hair below, because sums of weights and the recalls are both rounded.
        place = np.searchsorted(recall, RECALLS - 1e-12, side="left")
        values[row] = np.append(envelope, 0.0)[np.minimum(place, len(envelope))].mean()
    return values


def average_precision(
    matches: Matches, *, rng: np.random.Generator, groups: Sequence[str] | None = None, draws: int = DRAWS
) -> AveragePrecision:
    """mAP50 and mAP50-95 with 90 % intervals.

    Args:
        groups: (pictures,) pictures of one group are drawn together.

    Raises:
        UsageError: another number of groups than pictures.
    """
    weights = draw_weights(matches.pictures, groups, draws, rng)
    cloud = np.array(
        [[weighted_precision(one, row) for one in matches.by_class] for row in weights]
    )  # (draws, k, ious)
    value = np.where(matches.precision >= 0, matches.precision, np.nan)  # (ious, recalls, k, sizes)
    known = np.array([one.objects.sum() > 0 for one in matches.by_class])
    plain = value.mean(axis=1)  # (ious, k, sizes)

    def figure(classes: NDArray[np.bool_], ious: slice) -> Figure:
        if not classes.any():
            return Figure(value=np.nan, low=np.nan, high=np.nan)
        centre = float(plain[ious][:, classes, 0].mean())
        return _figure(centre, _mean(_mean(cloud[:, classes, ious])))

    only = np.eye(len(matches.classes), dtype=bool) & known
    return AveragePrecision(
        map50=figure(known, slice(0, 1)),
        map50_95=figure(known, slice(None)),
        by_class={
            name: (figure(row, slice(0, 1)), figure(row, slice(None)))
            for name, row in zip(matches.classes, only, strict=True)
        },
        by_size={
            name: {size: float(plain[:, k, s].mean()) for s, size in enumerate(SIZES)}
            for k, name in enumerate(matches.classes)
        },
        objects={name: int(one.objects.sum()) for name, one in zip(matches.classes, matches.by_class, strict=True)},
    )


def curves(matches: Matches) -> tuple[Curve, ...]:
    """Precision and recall of each class; recall is 0 throughout where the truth holds none."""
    found = []
    for name, one in zip(matches.classes, matches.by_class, strict=True):
        hits = np.cumsum(one.truths[0] >= 0)
        found.append(
            Curve(
                name=name,
                scores=one.scores,
                precision=hits / np.arange(1, len(hits) + 1),
                recall=hits / max(int(one.objects.sum()), 1),
            )
        )
    return tuple(found)


def tally(matches: Matches, thresholds: Sequence[float]) -> Tally:
    """Count at these thresholds, one for each class.

    Raises:
        UsageError: another number of thresholds than classes.
    """
    if len(thresholds) != len(matches.classes):
        raise UsageError(f"{len(thresholds)} thresholds came for {len(matches.classes)} classes: give one for each")
    shape = (matches.pictures, len(matches.classes))
    hits, false = np.zeros(shape, np.int64), np.zeros(shape, np.int64)
    for k, (one, threshold) in enumerate(zip(matches.by_class, thresholds, strict=True)):
        kept = one.scores >= threshold
        right = one.truths[0] >= 0
        hits[:, k] = np.bincount(one.pictures[kept & right], minlength=shape[0])
        false[:, k] = np.bincount(one.pictures[kept & ~right], minlength=shape[0])
    objects = np.stack([one.objects for one in matches.by_class], axis=1)
    return Tally(hits=hits, false=false, missed=objects - hits, empty=objects.sum(axis=1) == 0)


def at_threshold(
    counts: Tally,
    classes: Sequence[str],
    *,
    rng: np.random.Generator,
    groups: Sequence[str] | None = None,
    draws: int = DRAWS,
) -> AtThreshold:
    """Precision, recall, F1 and false alarms with 90 % intervals."""
    weights = draw_weights(len(counts.hits), groups, draws, rng)
    columns = [[k] for k in range(len(classes))] + [list(range(len(classes)))]

    def ratios(top: Callable[[Tally], Whole], bottom: Callable[[Tally], Whole]) -> dict[str, Figure]:
        figures = {}
        for name, chosen in zip([*classes, "all"], columns, strict=True):
            over, under = (part(counts)[:, chosen].sum(axis=1).astype(float) for part in (top, bottom))
            figures[name] = share(over, under, weights)
        return figures

    alarm = (counts.empty & (counts.false.sum(axis=1) > 0)).astype(float)
    return AtThreshold(
        precision=ratios(lambda t: t.hits, lambda t: t.hits + t.false),
        recall=ratios(lambda t: t.hits, lambda t: t.hits + t.missed),
        f1=ratios(lambda t: 2 * t.hits, lambda t: 2 * t.hits + t.false + t.missed),
        false_alarms=share(alarm, counts.empty.astype(float), weights) if counts.empty.any() else None,
        negatives=int(counts.empty.sum()),
    )


def draw_weights(pictures: int, groups: Sequence[str] | None, draws: int, rng: np.random.Generator) -> Real:
    """(draws, pictures) how often each picture comes when groups are drawn with replacement."""
    names = [str(position) for position in range(pictures)] if groups is None else list(groups)
    if len(names) != pictures:
        raise UsageError(f"{len(names)} groups came for {pictures} pictures: give one for each")
    unique, place = np.unique(np.asarray(names), return_inverse=True)
    counts = rng.multinomial(len(unique), np.full(len(unique), 1 / len(unique)), size=draws)
    return np.asarray(counts[:, place], np.float64)


def _mean(values: Real) -> Real:
    """Mean over the last axis past NaN; NaN where nothing is left."""
    known = np.isfinite(values)
    total = np.where(known, values, 0).sum(axis=-1)
    return np.where(known.any(axis=-1), total / np.maximum(known.sum(axis=-1), 1), np.nan)


def _figure(value: float, cloud: Real) -> Figure:
    known = cloud[np.isfinite(cloud)]
    low, high = np.quantile(known, [0.05, 0.95]) if len(known) else (np.nan, np.nan)
    return Figure(value=value, low=float(low), high=float(high))


def share(top: Real, bottom: Real, weights: Real) -> Figure:
    """Σ top / Σ bottom over pictures, (pictures,) each, with its interval from `draw_weights`; NaN where the bottom is 0."""
    under = weights @ bottom
    cloud = np.where(under > 0, weights @ top / np.where(under > 0, under, 1), np.nan)
    total = float(bottom.sum())
    return _figure(float(top.sum()) / total if total > 0 else np.nan, cloud)
