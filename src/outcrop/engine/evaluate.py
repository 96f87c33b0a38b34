"""Judge a model on pictures it never saw, and say it in figures, charts and a page.

`evaluate` takes held-out probabilities and the truth; `write_evaluation` leaves a folder to look at. The
headline score is nested: each fold is cut into masks as the other folds would have it.
"""

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from outcrop.core.errors import BadInput, OutputExists, UsageError
from outcrop.core.labelled import Labelled
from outcrop.core.scene import Floats
from outcrop.core.task import Calibration, ErrorTable, ModelError
from outcrop.engine.breakdown import (
    Case,
    Figure,
    FoldScore,
    Row,
    baselines,
    by_coverage,
    by_fold,
    by_kind,
    by_neighbour,
    cases,
    figure,
    one_class,
    plain,
)
from outcrop.engine.calibrate import (
    Planes,
    PrecisionRecall,
    Trust,
    precision_recall,
    sample_pixels,
    tune_temperature,
)
from outcrop.engine.decide import AREAS, RULES, TUNABLE, Tuned, tabulate, to_mask, tune
from outcrop.engine.metrics import METRICS, Counts, Whole, count, score
from outcrop.instruments.masks import AreaRule, as_floats
from outcrop.outputs import replacing

WORST = 24
"""Pictures in the list of the worst."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Searched:
    """The decisions that were tried: every combination of these."""

    rules: tuple[AreaRule, ...]
    areas: tuple[int, ...]
    thresholds: tuple[float, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Evaluation:
    """What a model is worth on pictures it never saw.

    Attributes:
        metric: name of the headline metric.
        score: nested score over all pictures, interval by bootstrap over groups (over pictures where there is one group).
        baselines: the score of saying nothing, and of saying each class everywhere.
        folds: each fold by itself; ``folds_given`` is False where they were drawn here and mean nothing to the model.
        fold_mean, fold_spread: mean and standard deviation of the folds' scores.
        figures: every metric at the nested decisions.
        by_class: the pooled metrics of each class.
        coverage, kinds, neighbours: the score of parts of the pictures.
        tuned: threshold, minimum area and what tuning is worth; thresholds refer to uncalibrated probabilities.
        searched: the decisions that tuning chose from.
        calibrated_threshold: the same thresholds for probabilities after the temperature.
        trust: reliability before and after the temperature.
        curves: precision and recall, one per class.
        worst: the pictures that lost most, worst first.
        cases: every picture, in order.
        counts: the pixel counts behind it all, for a paired comparison with another model.
    """

    classes: tuple[str, ...]
    metric: str
    pictures: int
    groups: int
    score: Figure
    baselines: dict[str, float]
    folds: tuple[FoldScore, ...]
    folds_given: bool
    fold_mean: float
    fold_spread: float
    figures: dict[str, Figure]
    by_class: dict[str, dict[str, float]]
    coverage: tuple[Row, ...]
    kinds: tuple[Row, ...]
    neighbours: tuple[Row, ...]
    tuned: Tuned
    calibrated_threshold: tuple[float, ...]
    searched: Searched
    trust: Trust
    curves: tuple[PrecisionRecall, ...]
    worst: tuple[Case, ...]
    cases: tuple[Case, ...]
    counts: Counts

    def as_dict(self) -> dict[str, Any]:
        """Plain values for JSON, NaN as None; without the counts and the list of all pictures."""
        shown = [field.name for field in fields(self) if field.name not in ("cases", "counts")]
        return {name: plain(getattr(self, name)) for name in shown}

    def calibration(self, errors: Mapping[str, ModelError | ErrorTable] | None = None) -> Calibration:
        """What a model's card carries, for a model whose temperature is already inside it."""
        return Calibration(
            threshold=self.calibrated_threshold,
            min_area=self.tuned.decision.min_area,
            rule=self.tuned.decision.area_rule,
            errors=errors or {},
        )


def evaluate(
    probabilities: Planes,
    labelled: Labelled,
    folds: NDArray[np.int64] | None,
    *,
    classes: Sequence[str],
    metric: str = "kaggle",
    rng: np.random.Generator,
    neighbours: NDArray[np.bool_] | None = None,
    rules: Sequence[AreaRule] = RULES,
    areas: Sequence[int] = AREAS,
    with_bias: bool = False,
) -> Evaluation:
    """Judge held-out probabilities.

    Args:
        probabilities: (classes, rows, cols) per picture, each from a model that never saw the picture; floats in
            [0, 1] or uint8, 255 meaning 1.
        labelled: the truth. Pictures that are never held out (``always``, or fold -1) are left aside.
        folds: (pictures,) the fold in which each picture was held out; None draws five by group, which then
            only keep threshold and temperature honest.
        classes: names, mask value 1 first.
        metric: "kaggle", "iou" or "dice": the headline, and what the threshold is tuned for.
        neighbours: True for pictures that lie next to one that the model was trained on.
        rules: the ways of a minimum area to choose from.
        with_bias: let the temperature shift the logits too, for models that say too much or too little throughout.

    Raises:
        UsageError: lists of different length, an unknown metric, or nothing held out.
        BadInput: a probability outside [0, 1], or of another size than its mask.
    """
    _check(probabilities, labelled, folds, classes, metric, neighbours)
    index = _held_out(labelled, folds)
    truth = labelled.take(index)
    said = [probabilities[place] for place in index]
    # A single place cannot be drawn again or split, its pictures can.
    groups = truth.groups if len(set(truth.groups)) > 1 else truth.ids
    fold = _drawn_folds(groups, rng) if folds is None else folds[index]

    table = tabulate(said, truth.masks, rules=rules, areas=areas)
    tuned = tune(table, fold, metric)
    masks = [to_mask(planes, tuned.by_fold[int(number)]) for planes, number in zip(said, fold, strict=True)]
    counts = count(masks, truth.masks, len(classes))
    pixels = [sample_pixels(said, truth.masks, fold, position=k, rng=rng) for k in range(len(classes))]
    trust = tune_temperature(pixels, with_bias=with_bias)

    figures = {name: figure(name, counts, groups, rng) for name in METRICS}
    parts = by_fold(counts, fold, tuned.by_fold, metric)
    values = [part.score for part in parts]
    every = cases(truth, index, fold, counts, metric)
    wrong = counts.counted - counts.agreed
    order = sorted(np.flatnonzero(counts.counted), key=lambda place: (every[place].score, -wrong[place]))
    beside = None if neighbours is None else neighbours[index]
    return Evaluation(
        classes=tuple(classes),
        metric=metric,
        pictures=len(index),
        groups=len(set(truth.groups)),
        score=figures[metric],
        baselines=baselines(counts, classes, metric),
        folds=parts,
        folds_given=folds is not None,
        fold_mean=float(np.mean(values)),
        fold_spread=float(np.std(values, ddof=1)),
        figures=figures,
        by_class={name: _class_figures(one_class(counts, k)) for k, name in enumerate(classes)},
        coverage=by_coverage(counts, of=classes, metric=metric, groups=groups, rng=rng),
        kinds=by_kind(counts, of=classes, metric=metric, groups=groups, rng=rng),
        neighbours=() if beside is None else by_neighbour(counts, beside, metric=metric, groups=groups, rng=rng),
        tuned=tuned,
        calibrated_threshold=tuple(float(trust.temperature.apply(np.array(t))) for t in tuned.decision.threshold),
        searched=Searched(rules=table.rules, areas=table.areas, thresholds=table.thresholds),
        trust=trust,
        curves=tuple(precision_recall(part) for part in pixels),
        worst=tuple(every[place] for place in order[:WORST] if every[place].score < 1),
        cases=every,
        counts=counts,
    )


def write_evaluation(
    evaluation: Evaluation,
    labelled: Labelled,
    probabilities: Planes,
    folder: Path,
    overwrite: bool = False,
    *,
    title: str = "Evaluation",
    about: Mapping[str, str] | None = None,
    picture: Callable[[Floats], Floats] | None = None,
) -> list[Path]:
    """Write ``metrics.json``, ``pictures.csv``, ``evaluation.html`` and, with matplotlib, the charts as PNG.

    Args:
        labelled, probabilities: as given to `evaluate`, for the gallery.
        title: heading of the page.
        about: facts for the page's record by name, e.g. {"model": "salt-small.onnx"}.
        picture: (bands, rows, cols) of a labelled picture → (rows, cols) to show in grey, or (3, rows, cols) red, green
            and blue; the first band where None.

    Raises:
        OutputExists: the folder holds a file of one of these names and ``overwrite`` is False.
    """
    from outcrop.outputs import page, plots, table

    charts = plots.CHARTS if plots.available() else {}
    names = ("metrics.json", "pictures.csv", "evaluation.html", *charts)
    taken = [name for name in names if (folder / name).exists()]
    if taken and not overwrite:
        raise OutputExists(f"{folder} already holds {', '.join(taken)}: choose another folder, or allow overwriting")
    found = evaluation.as_dict()
    decisions = {part.fold: part.decision for part in evaluation.folds}
    gallery = []
    for case, entry in zip(evaluation.worst, found["worst"], strict=True):
        planes, image = probabilities[case.position], labelled.images[case.position]
        mask = to_mask(planes, decisions[case.fold])
        shown = image[0] if picture is None else picture(image)
        outlined = plots.outlined(shown, labelled.masks[case.position], mask)
        gallery.append(entry | {"picture": outlined, "probability": plots.heat(as_floats(planes).max(axis=0), mask)})
    written = [
        table.write_table(folder / "pictures.csv", tuple(plain(evaluation.cases[0])), map(plain, evaluation.cases))
    ]
    written += [draw(found, folder / name) for name, draw in charts.items()]
    written.append(page.write_evaluation(folder / "evaluation.html", found, gallery, title=title, about=about or {}))
    with replacing(folder / "metrics.json") as part:
        part.write_text(json.dumps(found, indent=1, allow_nan=False) + "\n", encoding="utf-8")
    return [folder / "metrics.json", *written]


def _check(
    probabilities: Planes,
    labelled: Labelled,
    folds: Whole | None,
    classes: Sequence[str],
    metric: str,
    neighbours: NDArray[np.bool_] | None,
) -> None:
    """Refuse what cannot be judged, before any work is done."""
    if metric not in TUNABLE:
        raise UsageError(f"cannot judge by {metric!r}: choose one of {', '.join(TUNABLE)}")
    lists = {"probabilities": probabilities, "folds": folds, "neighbours": neighbours}
    for name, values in lists.items():
        if values is not None and len(values) != len(labelled):
            raise UsageError(f"{len(values)} {name} came for {len(labelled)} pictures: give one for each")
    for name, planes, mask in zip(labelled.ids, probabilities, labelled.masks, strict=True):
        if planes.shape != (len(classes), *mask.shape):
            raise BadInput(
                f"{name}: the probability is {planes.shape}, wanted {(len(classes), *mask.shape)} (classes, rows, cols): "
                "predict every class at the size of the mask"
            )
        known = planes[np.isfinite(planes)] if planes.dtype.kind == "f" else planes[:0]
        if known.size and not 0 <= known.min() <= known.max() <= 1:
            raise BadInput(
                f"{name}: a probability lies outside 0 to 1; if these are logits, put them through a sigmoid"
            )


def _held_out(labelled: Labelled, folds: Whole | None) -> Whole:
    """Positions of the pictures that were held out."""
    held = ~labelled.always if len(labelled.always) else np.ones(len(labelled), bool)
    index = np.flatnonzero(held if folds is None else held & (folds >= 0))
    if len(index) < 2:
        raise UsageError(f"{len(index)} pictures were held out: hold out at least two")
    return index


def _drawn_folds(groups: Sequence[str], rng: np.random.Generator, number: int = 5) -> Whole:
    """Folds of whole groups in random order, (pictures,)."""
    names, place = np.unique(np.asarray(groups), return_inverse=True)
    return np.asarray(rng.permutation(np.arange(len(names)) % number)[place], np.int64)


def _class_figures(counts: Counts) -> dict[str, float]:
    return {name: score(name, counts) for name in METRICS}
