"""Thresholds of a detector: chosen on some pictures, judged on others."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from outcrop.core.errors import UsageError
from outcrop.engine.detection_matching import Matches
from outcrop.engine.detection_scores import DRAWS, AtThreshold, Tally, at_threshold, tally

Whole = NDArray[np.int64]

CANDIDATES = tuple(round(0.02 * step, 2) for step in range(1, 50))
"""Thresholds that are tried."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Nested:
    """Thresholds chosen on some pictures and judged on others.

    Attributes:
        thresholds: one for each class, chosen on all pictures: those to ship.
        by_fold: fold → thresholds chosen on the other folds.
        scores: each fold at the thresholds of the others.
        tally: the counts behind them.
    """

    thresholds: tuple[float, ...]
    by_fold: dict[int, tuple[float, ...]]
    scores: AtThreshold
    tally: Tally


def best_thresholds(
    matches: Matches, pictures: NDArray[np.bool_] | None = None, *, most_alarms: float | None = None
) -> tuple[float, ...]:
    """The threshold of each class at which its F1 is highest; the middle one where several are.

    Args:
        pictures: (pictures,) those to choose on; all where None.
        most_alarms: share of pictures without any object that may hold a false box, all classes together; each class
            gets an equal part. Where no threshold is that quiet, the quietest is taken.
    """
    used = np.ones(matches.pictures, bool) if pictures is None else pictures
    tallies = [tally(matches, [step] * len(matches.classes)) for step in CANDIDATES]
    chosen = []
    for k in range(len(matches.classes)):
        f1, alarms = [], []
        for counts in tallies:
            hits, false, missed = (part[used, k].sum() for part in (counts.hits, counts.false, counts.missed))
            f1.append(2 * hits / max(2 * hits + false + missed, 1))
            empty = counts.empty & used
            alarms.append((counts.false[empty, k] > 0).sum() / max(empty.sum(), 1))
        worth, noise = np.array(f1), np.array(alarms)
        if most_alarms is not None:
            bound = max(most_alarms / len(matches.classes), float(noise.min()))
            worth = np.where(noise <= bound + 1e-12, worth, -1.0)
        ties = np.flatnonzero(worth >= worth.max() - 1e-12)
        chosen.append(CANDIDATES[int(ties[len(ties) // 2])])
    return tuple(chosen)


def nested(
    matches: Matches,
    folds: Whole,
    *,
    rng: np.random.Generator,
    groups: Sequence[str] | None = None,
    most_alarms: float | None = None,
    draws: int = DRAWS,
) -> Nested:
    """Choose thresholds on the other folds, judge each fold with them.

    Args:
        folds: (pictures,) the fold in which each was held out.

    Raises:
        UsageError: another number of folds than pictures, or a single fold.
    """
    if len(folds) != matches.pictures or len(set(folds.tolist())) < 2:
        raise UsageError(
            f"{len(folds)} folds came for {matches.pictures} pictures: give one for each, two folds at least"
        )
    by_fold = {int(fold): best_thresholds(matches, folds != fold, most_alarms=most_alarms) for fold in np.unique(folds)}
    parts = {fold: tally(matches, thresholds) for fold, thresholds in by_fold.items()}
    hits, false, missed = (
        np.stack([getattr(parts[int(fold)], name)[place] for place, fold in enumerate(folds)])
        for name in ("hits", "false", "missed")
    )
    counts = Tally(hits=hits, false=false, missed=missed, empty=next(iter(parts.values())).empty)
    return Nested(
        thresholds=best_thresholds(matches, most_alarms=most_alarms),
        by_fold=by_fold,
        scores=at_threshold(counts, matches.classes, rng=rng, groups=groups, draws=draws),
        tally=counts,
    )
