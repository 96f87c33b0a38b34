"""Where a score is won and lost: by coverage, by what went wrong, and picture by picture."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields, is_dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from outcrop.core.labelled import Labelled
from outcrop.engine.calibrate import Reliability
from outcrop.engine.decide import Decision
from outcrop.engine.metrics import (
    COVERAGE_CLASSES,
    DRAWS,
    Counts,
    Real,
    Whole,
    bootstrap,
    coverage_class,
    picture_scores,
    score,
)

ROW_DRAWS = 500
"""Bootstrap draws for a row of a table, where the ends of an interval are read to two digits."""

KINDS = ("rightly empty", "close", "rough", "wrong", "missed", "invented")
"""What became of a class in a picture: nothing there and nothing seen; IoU above 0.8; above 0.5; up to 0.5; there but
not seen at all; seen where nothing was."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Figure:
    """A score and its central 90 % bootstrap interval."""

    value: float
    low: float
    high: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """The score of some of the pictures.

    Attributes:
        of: the class that is scored; empty for all of them.
        label: which pictures.
        pictures: how many.
        score: their score; None without a picture.
        lost: their share of all that is missing from a full score, picture by picture.
    """

    of: str
    label: str
    pictures: int
    score: Figure | None
    lost: float


@dataclass(frozen=True, slots=True, kw_only=True)
class FoldScore:
    """One held-out fold: its score, and the decision that the other folds took for it."""

    fold: int
    pictures: int
    score: float
    decision: Decision


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """One picture.

    Attributes:
        id: its name.
        position: its place in the labelled set.
        fold: where it was held out.
        score: the metric of this picture alone.
        kind: one of `KINDS`; with several classes, that of the class that went worst.
        truth_share, predicted_share: share of the counted pixels that are of any class.
    """

    id: str
    position: int
    fold: int
    score: float
    kind: str
    truth_share: float
    predicted_share: float


def figure(metric: str, counts: Counts, groups: Sequence[str], rng: np.random.Generator, draws: int = DRAWS) -> Figure:
    """A score with its interval, drawn anew by group."""
    cloud = bootstrap(metric, counts, rng=rng, groups=groups, draws=draws).draws
    cloud = cloud[np.isfinite(cloud)]
    low, high = np.quantile(cloud, [0.05, 0.95]) if len(cloud) else (np.nan, np.nan)
    return Figure(value=score(metric, counts), low=float(low), high=float(high))


def one_class(counts: Counts, position: int) -> Counts:
    """The counts of one class against everything else."""
    both, predicted, truth = (part[:, [position]] for part in (counts.both, counts.predicted, counts.truth))
    agreed = counts.counted - (predicted + truth - 2 * both)[:, 0]
    return Counts(both=both, predicted=predicted, truth=truth, counted=counts.counted, agreed=agreed)


def kinds(counts: Counts) -> Whole:
    """(pictures, classes) index into `KINDS`, decided in whole numbers."""
    there, seen = counts.truth > 0, counts.predicted > 0
    close = np.where(5 * counts.both > 4 * counts.union, 1, np.where(2 * counts.both > counts.union, 2, 3))
    found = np.select([there & seen, there, seen], [close, 4, 5], default=0)
    return np.asarray(found, np.int64)


def rows(
    counts: Counts,
    places: Whole,
    labels: Sequence[str],
    *,
    of: Sequence[str],
    metric: str,
    groups: Sequence[str],
    rng: np.random.Generator,
) -> tuple[Row, ...]:
    """One row per class and label; ``places`` (pictures, classes) says which label a picture has."""
    found = []
    names = np.asarray(groups)
    for position, name in enumerate(of):
        single = one_class(counts, position)
        missing = np.nan_to_num(1 - picture_scores(metric, single))
        for place, label in enumerate(labels):
            here = places[:, position] == place
            found.append(
                Row(
                    of=name,
                    label=label,
                    pictures=int(here.sum()),
                    score=figure(metric, single.take(here), names[here].tolist(), rng, ROW_DRAWS)
                    if here.any()
                    else None,
                    lost=float(missing[here].sum() / missing.sum()) if missing.sum() > 0 else 0.0,
                )
            )
    return tuple(found)


def by_coverage(
    counts: Counts, *, of: Sequence[str], metric: str, groups: Sequence[str], rng: np.random.Generator
) -> tuple[Row, ...]:
    """Rows by how much of a picture a class truly covers."""
    places = coverage_class(counts.truth, np.broadcast_to(counts.counted[:, None], counts.truth.shape))
    return rows(counts, places, COVERAGE_CLASSES, of=of, metric=metric, groups=groups, rng=rng)


def by_kind(
    counts: Counts, *, of: Sequence[str], metric: str, groups: Sequence[str], rng: np.random.Generator
) -> tuple[Row, ...]:
    """Rows by what became of a class in a picture."""
    return rows(counts, kinds(counts), KINDS, of=of, metric=metric, groups=groups, rng=rng)


def by_fold(counts: Counts, folds: Whole, decisions: Mapping[int, Decision], metric: str) -> tuple[FoldScore, ...]:
    """The score of each fold under the decision that was taken for it."""
    found = []
    for number, decision in decisions.items():
        here = folds == number
        value = score(metric, counts.take(here))
        found.append(FoldScore(fold=number, pictures=int(here.sum()), score=value, decision=decision))
    return tuple(found)


def by_neighbour(
    counts: Counts,
    neighbours: NDArray[np.bool_],
    *,
    metric: str,
    groups: Sequence[str],
    rng: np.random.Generator,
) -> tuple[Row, ...]:
    """Two rows: pictures next to one that the model was trained on, and pictures that are not."""
    names = np.asarray(groups)
    missing = np.nan_to_num(1 - picture_scores(metric, counts))
    found = []
    for label, here in (("with a training neighbour", neighbours), ("without one", ~neighbours)):
        figures = figure(metric, counts.take(here), names[here].tolist(), rng) if here.any() else None
        lost = float(missing[here].sum() / missing.sum()) if missing.sum() > 0 else 0.0
        found.append(Row(of="", label=label, pictures=int(here.sum()), score=figures, lost=lost))
    return tuple(found)


def baselines(counts: Counts, classes: Sequence[str], metric: str) -> dict[str, float]:
    """The score of predicting nothing, and of predicting each class everywhere: what no model may fall below."""
    found = {}
    for position in range(-1, len(classes)):
        predicted = np.zeros_like(counts.truth)
        if position >= 0:
            predicted[:, position] = counts.counted
        both = np.minimum(predicted, counts.truth)
        label = "nothing anywhere" if position < 0 else f"{classes[position]} everywhere"
        blank = counts.counted - counts.truth.sum(axis=1)
        agreed = blank if position < 0 else counts.truth[:, position]
        found[label] = score(
            metric,
            Counts(both=both, predicted=predicted, truth=counts.truth, counted=counts.counted, agreed=agreed),
        )
    return found


def cases(labelled: Labelled, index: Whole, folds: Whole, counts: Counts, metric: str) -> tuple[Case, ...]:
    """Every picture by itself; ``index`` gives its place in the whole labelled set."""
    values: Real = picture_scores(metric, counts)
    # From the best to the worst outcome, so that the largest is the one that went worst.
    worst = kinds(counts).max(axis=1)
    share = np.maximum(counts.counted, 1)
    return tuple(
        Case(
            id=labelled.ids[place],
            position=int(index[place]),
            fold=int(folds[place]),
            score=float(values[place]),
            kind=KINDS[worst[place]],
            truth_share=float(counts.truth[place].sum() / share[place]),
            predicted_share=float(counts.predicted[place].sum() / share[place]),
        )
        for place in range(len(labelled))
    )


def plain(value: Any) -> Any:
    """Dataclasses, arrays and numpy numbers as what JSON knows; NaN as None, floats to 6 digits."""
    if is_dataclass(value) and not isinstance(value, type):
        named = {field.name: plain(getattr(value, field.name)) for field in fields(value)}
        return named | {"ece": plain(value.ece)} if isinstance(value, Reliability) else named
    if isinstance(value, Mapping):
        return {str(key): plain(item) for key, item in value.items()}
    if isinstance(value, np.ndarray):
        return plain(value.tolist())
    if isinstance(value, list | tuple):
        return [plain(item) for item in value]
    if isinstance(value, float):
        return round(value, 6) if np.isfinite(value) else None
    return value
