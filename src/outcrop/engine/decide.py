"""Where to cut probabilities into masks: threshold, minimum area, and what the choice is honestly worth.

`tabulate` counts pixels once for a grid of decisions, `tune` picks the best of them. A choice is judged
*nested*: the other folds choose, this fold is scored. So the score of a tuned decision is never that of
the pictures it was tuned on. Where tuning does not win that way, the plain cut at 0.5 stays.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from outcrop.core.errors import UsageError
from outcrop.core.labelled import IGNORE
from outcrop.core.scene import Floats
from outcrop.engine.calibrate import Planes
from outcrop.engine.metrics import METRICS, Counts, Mask, Real, Whole
from outcrop.instruments import masks
from outcrop.instruments.masks import AreaRule, claims

RULES: tuple[AreaRule, ...] = ("component", "picture")

THRESHOLDS = tuple(round(0.2 + 0.05 * step, 2) for step in range(13))
AREAS = (0, 20, 50, 100, 200, 400)
TUNABLE = ("kaggle", "iou", "dice")

Choice = tuple[int, int, tuple[int, ...]]
"""Positions in a table: of the rule, the area, and each class's threshold."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Decision:
    """How probabilities become a mask.

    Attributes:
        threshold: probability at and above which a pixel belongs to a class, one per class.
        min_area: pixels.
        area_rule: "component" leaves out each connected component smaller than ``min_area`` (pixels that
            share a side are connected); "picture" leaves a class out of a picture where all of its pixels
            together are fewer.
    """

    threshold: tuple[float, ...]
    min_area: int = 0
    area_rule: AreaRule = "component"


def to_mask(planes: NDArray[Any], decision: Decision) -> Mask:
    """``instruments.masks.to_mask`` under a decision."""
    return masks.to_mask(planes, decision.threshold, decision.min_area, decision.area_rule)


@dataclass(frozen=True, slots=True, kw_only=True)
class Table:
    """Pixel counts of every picture under every decision of a grid.

    Attributes:
        rules, areas, thresholds: the grid; areas and thresholds ascend.
        both, predicted: (rules, areas, thresholds, pictures, classes).
        truth: (pictures, classes).
        counted: (pictures,).
    """

    rules: tuple[AreaRule, ...]
    areas: tuple[int, ...]
    thresholds: tuple[float, ...]
    both: Whole
    predicted: Whole
    truth: Whole
    counted: Whole

    def counts(self, rule: int, area: int, threshold: int) -> Counts:
        """Counts under one decision; ``agreed`` is left 0, for it needs all classes at once."""
        return Counts(
            both=self.both[rule, area, threshold],
            predicted=self.predicted[rule, area, threshold],
            truth=self.truth,
            counted=self.counted,
            agreed=np.zeros_like(self.counted),
        )


def tabulate(
    probabilities: Planes,
    masks: Sequence[Mask],
    *,
    thresholds: Sequence[float] = THRESHOLDS,
    areas: Sequence[int] = AREAS,
    rules: Sequence[AreaRule] = RULES,
) -> Table:
    """Count pixels for every rule, minimum area and threshold; components are found once per threshold.

    The plain decision, 0.5 and no minimum area, is always among them.
    """
    thresholds, areas = sorted({*thresholds, 0.5}), sorted({*areas, 0})
    classes = len(probabilities[0])
    shape = (len(rules), len(areas), len(thresholds), len(masks), classes)
    both, predicted = np.zeros(shape, np.int64), np.zeros(shape, np.int64)
    truth = np.zeros((len(masks), classes), np.int64)
    smallest = np.asarray(areas)[:, None]
    for picture, (planes, mask) in enumerate(zip(probabilities, masks, strict=True)):
        kept = mask != IGNORE
        for position, values in enumerate(claims(planes)):
            true = mask == position + 1
            truth[picture, position] = true.sum()
            for step, threshold in enumerate(thresholds):
                sizes, inside, hits = _components(values, threshold, kept, true)
                enough = {"component": sizes >= smallest, "picture": sizes.sum() >= smallest}
                for row, rule in enumerate(rules):
                    predicted[row, :, step, picture, position] = (enough[rule] * inside).sum(axis=1)
                    both[row, :, step, picture, position] = (enough[rule] * hits).sum(axis=1)
    return Table(
        rules=tuple(rules),
        areas=tuple(areas),
        thresholds=tuple(thresholds),
        both=both,
        predicted=predicted,
        truth=truth,
        counted=np.array([int((mask != IGNORE).sum()) for mask in masks], np.int64),
    )


def _components(
    values: Floats, threshold: float, kept: NDArray[np.bool_], true: NDArray[np.bool_]
) -> tuple[Whole, Whole, Whole]:
    """Pixels of each component at a threshold: all, counted, and of the class in the truth."""
    from scipy.ndimage import label

    plane = (values >= np.float32(threshold)) & (values > 0)
    names, number = label(plane)
    sizes = np.bincount(names.ravel(), minlength=number + 1)[1:]
    inside = sizes if kept.all() else np.bincount(names[kept], minlength=number + 1)[1:]
    return sizes, inside, np.bincount(names[true], minlength=number + 1)[1:]


@dataclass(frozen=True, slots=True, kw_only=True)
class Tuned:
    """A decision and what it is worth.

    Attributes:
        decision: for use from now on.
        by_fold: the decision that the other folds would have taken, by fold number.
        plain: score of the plain decision, 0.5 and no minimum area.
        nested: score when each fold is cut as the other folds would have it: the honest one.
        fitted: score of ``decision`` on the pictures it was chosen on: too good by construction.
        kept: whether tuning won; where it did not, every decision here is the plain one.
        curve: (thresholds, 2, classes) score by threshold: without a minimum area, and with the chosen one.
        area_curve: (rules, areas) score by minimum area at the best threshold.
    """

    decision: Decision
    by_fold: dict[int, Decision]
    plain: float
    nested: float
    fitted: float
    kept: bool
    curve: Real
    area_curve: Real


def tune(table: Table, folds: Whole, metric: str) -> Tuned:
    """Threshold of each class, minimum area and rule with the highest score; kept only if it wins nested.

    Raises:
        UsageError: a metric that cannot be tuned for, or fewer than two folds.
    """
    if metric not in TUNABLE:
        raise UsageError(f"cannot tune for {metric!r}: choose one of {', '.join(TUNABLE)}")
    numbers = np.unique(folds)
    if len(numbers) < 2:
        raise UsageError("all pictures are in one fold: give at least two folds, so that one can judge the other")
    ratio = METRICS[metric].ratio
    sums = _fold_sums(table, folds, metric)
    total = sums.sum(axis=1)
    everywhere = ratio(total[0], total[1])
    best = _best(everywhere, table)
    plain = (0, table.areas.index(0), (table.thresholds.index(0.5),) * table.truth.shape[1])
    chosen = [_best(ratio(*(total - sums[:, row])), table) for row in range(len(numbers))]
    held_out = np.sum([_at(sums[:, row], choice) for row, choice in enumerate(chosen)], axis=0)
    nested = float(ratio(held_out[0], held_out[1]).mean())
    base = float(ratio(*_at(total, plain)).mean())
    fitted = float(ratio(*_at(total, best)).mean())
    kept = nested > base + 1e-9
    if not kept:
        best, chosen, nested, fitted = plain, [plain] * len(numbers), base, base
    return Tuned(
        decision=_decision(best, table),
        by_fold={int(number): _decision(choice, table) for number, choice in zip(numbers, chosen, strict=True)},
        plain=base,
        nested=nested,
        fitted=fitted,
        kept=kept,
        curve=np.stack([everywhere[0, table.areas.index(0)], everywhere[best[0], best[1]]], axis=1),
        area_curve=everywhere.max(axis=2).mean(axis=-1),
    )


def _fold_sums(table: Table, folds: Whole, metric: str) -> Real:
    """Numerator and denominator of a metric, (2, folds, rules, areas, thresholds, classes)."""
    numbers = np.unique(folds)
    sums = np.zeros((2, len(numbers), *table.both.shape[:3], table.truth.shape[1]))
    for place in np.ndindex(*table.both.shape[:3]):
        top, bottom = METRICS[metric].parts(table.counts(*place))
        for row, number in enumerate(numbers):
            here = folds == number
            sums[(0, row, *place)], sums[(1, row, *place)] = top[here].sum(axis=0), bottom[here].sum(axis=0)
    return sums


def _best(scores: Real, table: Table) -> Choice:
    """The highest of (rules, areas, thresholds, classes); on a tie the smaller area, the threshold nearer to 0.5."""
    nearest = np.argsort(np.abs(np.asarray(table.thresholds) - 0.5), kind="stable")
    # Rounded, so that the order of a sum does not decide a tie.
    ranked = np.round(scores[:, :, nearest], 9)
    values = np.round(ranked.max(axis=2).mean(axis=-1), 9)
    area, rule = np.unravel_index(values.T.argmax(), values.T.shape)
    steps = nearest[ranked[rule, area].argmax(axis=0)]
    return int(rule), int(area), tuple(int(step) for step in steps)


def _at(sums: Real, choice: Choice) -> Real:
    """(2, classes): numerator and denominator under one choice, from (2, rules, areas, thresholds, classes)."""
    rule, area, steps = choice
    return np.stack([sums[:, rule, area, step, position] for position, step in enumerate(steps)], axis=-1)


def _decision(choice: Choice, table: Table) -> Decision:
    rule, area, steps = choice
    return Decision(
        threshold=tuple(table.thresholds[step] for step in steps),
        min_area=table.areas[area],
        area_rule=table.rules[rule],
    )
