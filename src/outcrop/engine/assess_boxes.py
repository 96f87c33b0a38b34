"""Judge a run of detectors by its held-out boxes: average precision, thresholds, false alarms, and what went wrong."""

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from outcrop.core.calibration import Calibration
from outcrop.core.errors import BadInput, OutputExists, UsageError
from outcrop.core.grid import Grid
from outcrop.core.labelled import Boxed
from outcrop.core.scene import Detections, scene_from_array
from outcrop.core.task import Task
from outcrop.engine.breakdown import Figure
from outcrop.engine.detection_matching import Matches, Truth, confusion, match
from outcrop.engine.detection_scores import AveragePrecision, Curve, average_precision, curves
from outcrop.engine.detection_thresholds import Nested, best_thresholds, nested
from outcrop.engine.heldout_boxes import read_held_out_boxes
from outcrop.models.card import Card
from outcrop.models.suppression import Found

MOST_ALARMS = 0.05
"""Share of pictures without any object that may hold a false box where thresholds are chosen."""

WORST = 24
"""Pictures in the gallery."""

FILES = ("metrics.json", "pictures.csv", "curves.csv", "evaluation.html")


@dataclass(frozen=True, slots=True, kw_only=True)
class BoxEvaluation:
    """What a run of detectors is worth on pictures that it never saw.

    Attributes:
        precision: average precision on the pictures that show something.
        by_fold: fold → mAP50 of its pictures.
        nested: thresholds chosen on the other folds, judged on this one; None for a single fold.
        thresholds: least score of each class, chosen on all.
        confusion: (classes + 1, classes + 1), rows what they are, columns what they were called, last is background.
        pictures, negatives: pictures judged with and without an object.
    """

    precision: AveragePrecision
    by_fold: dict[int, float]
    nested: Nested | None
    thresholds: tuple[float, ...]
    confusion: NDArray[np.int64]
    pictures: int
    negatives: int

    @property
    def metric(self) -> str:
        """Name of the headline."""
        return "mAP50"

    @property
    def score(self) -> Figure:
        """The headline."""
        return self.precision.map50

    @property
    def fold_mean(self) -> float:
        """Mean over folds."""
        return float(np.mean(list(self.by_fold.values())))

    @property
    def fold_spread(self) -> float:
        """Standard deviation over folds."""
        return float(np.std(list(self.by_fold.values())))

    def as_dict(self) -> dict[str, Any]:
        """Plain data for ``metrics.json``; NaN becomes null."""
        at = None if self.nested is None else asdict(self.nested.scores)
        found = {
            "metric": self.metric, "precision": asdict(self.precision), "folds": self.by_fold, "fold_mean": self.fold_mean,
            "fold_spread": self.fold_spread, "at_thresholds": at, "thresholds": self.thresholds,
            "confusion": self.confusion.tolist(), "pictures": self.pictures, "negatives": self.negatives,
        }  # fmt: skip
        plain: dict[str, Any] = json.loads(json.dumps(found), parse_constant=lambda name: None)
        return plain


def assess_boxes(
    task: Task, data: Path, out: Path, *, run: Path, flips: bool = True, export: bool = False, overwrite: bool = False, seed: int = 0
) -> BoxEvaluation:  # fmt: skip
    """Judge every finished fold on the pictures it held out; write metrics.json, tables and a page to ``out``.

    Args:
        flips: fuse with what is seen in the mirror image.
        export: also write each fold as a model file, ``<recipe>-<fold>.onnx``.

    Raises:
        UsageError: no finished fold.
        BadInput: a run of other pictures.
        OutputExists: results are there and ``overwrite`` is not set.
    """
    if taken := [name for name in FILES if (out / name).exists() and not overwrite]:
        raise OutputExists(f"{out} already holds {', '.join(taken)}: choose another folder, or allow overwriting")
    said, folds = read_held_out_boxes(run, "flip" if flips else "single")
    if not said:
        raise UsageError(f"{run} has no finished fold: go on training it with --resume")
    boxed: Boxed = task.examples(data, boxes=True)
    place = {id: position for position, id in enumerate(boxed.ids)}
    if not set(said) <= set(place):
        raise BadInput(f"{run} was trained on other pictures than these: give the same data folder")
    ids = sorted(said)
    truth = [Truth(boxes=boxed.boxes[place[id]], labels=boxed.labels[place[id]]) for id in ids]
    groups = [boxed.groups[place[id]] for id in ids]
    found = evaluate_boxes(
        [said[id] for id in ids],
        truth,
        np.array([folds[id] for id in ids]),
        groups,
        task.classes,
        np.random.default_rng(seed),
    )
    out.mkdir(parents=True, exist_ok=True)
    _write(task, found[0], found[1], ids, [said[id] for id in ids], truth, boxed, place, out)
    if export:
        export_run(task, run, found[0], out)
    return found[0]


def evaluate_boxes(
    said: Sequence[Found], truth: Sequence[Truth], folds: NDArray[np.int64], groups: Sequence[str], classes: Sequence[str], rng: np.random.Generator
) -> tuple[BoxEvaluation, Matches]:  # fmt: skip
    """Scores of held-out boxes; average precision counts the pictures that show something, false alarms the others."""
    full = np.array([len(one.labels) > 0 for one in truth])
    shown = np.flatnonzero(full).tolist()
    if not len(shown):
        raise BadInput("no held-out picture shows anything: average precision needs some that do")
    matches = match(said, truth, classes)
    on_shown = match([said[i] for i in shown], [truth[i] for i in shown], classes)
    precision = average_precision(on_shown, rng=rng, groups=[groups[i] for i in shown])
    by_fold = {}
    for fold in np.unique(folds[shown]):
        part = [i for i in shown if folds[i] == fold]
        one = match([said[i] for i in part], [truth[i] for i in part], classes)
        by_fold[int(fold)] = float(average_precision(one, rng=rng, draws=1).map50.value)
    several = len(np.unique(folds)) > 1
    judged = nested(matches, folds, rng=rng, groups=groups, most_alarms=MOST_ALARMS) if several else None
    thresholds = judged.thresholds if judged else best_thresholds(matches, most_alarms=MOST_ALARMS)
    found = BoxEvaluation(
        precision=precision, by_fold=by_fold, nested=judged, thresholds=thresholds, confusion=confusion(said, truth, classes, thresholds),
        pictures=int(full.sum()), negatives=int((~full).sum()),
    )  # fmt: skip
    return found, on_shown


def _write(
    task: Task, found: BoxEvaluation, matches: Matches, ids: Sequence[str], said: Sequence[Found], truth: Sequence[Truth], boxed: Boxed,
    place: dict[str, int], out: Path,
) -> None:  # fmt: skip
    """The files of an evaluation."""
    from outcrop.outputs.page import write_page
    from outcrop.outputs.table import write_table

    plain = found.as_dict()
    (out / "metrics.json").write_text(json.dumps(plain, indent=1, allow_nan=False) + "\n", encoding="utf-8")
    lines = curves(matches)
    rows = [
        {"class": c.name, "score": s, "precision": p, "recall": r}
        for c in lines
        for s, p, r in zip(c.scores, c.precision, c.recall, strict=True)
    ]
    write_table(out / "curves.csv", ("class", "score", "precision", "recall"), rows)
    cases = [_case(id, one, true, found.thresholds) for id, one, true in zip(ids, said, truth, strict=True)]
    write_table(out / "pictures.csv", ("id", "true", "said", "right", "wrong", "missed"), cases)
    order = sorted(range(len(ids)), key=lambda i: -(cases[i]["wrong"] + cases[i]["missed"]))[:WORST]
    gallery = [
        {"name": ids[i], **cases[i], "picture": _picture(task, boxed, place[ids[i]], said[i], truth[i], found.thresholds)}
        for i in order if cases[i]["wrong"] + cases[i]["missed"]
    ]  # fmt: skip
    write_page(
        out / "evaluation.html", "boxes.html.j2", title=f"{task.title}: evaluation of boxes", found=plain, classes=list(task.classes),
        curves=[_path(line) for line in lines], gallery=gallery,
    )  # fmt: skip


def _case(id: str, said: Found, truth: Truth, thresholds: Sequence[float]) -> dict[str, Any]:
    """What was right and wrong in one picture at the chosen thresholds; boxes that overlap by half are right."""
    table = confusion([said], [truth], tuple(map(str, range(len(thresholds)))), thresholds)
    right = int(np.trace(table[:-1, :-1]))
    kept = int(table[:, :-1].sum())
    return {
        "id": id,
        "true": len(truth.labels),
        "said": kept,
        "right": right,
        "wrong": kept - right,
        "missed": len(truth.labels) - right,
    }


def _picture(task: Task, boxed: Boxed, position: int, said: Found, truth: Truth, thresholds: Sequence[float]) -> bytes:
    """A picture with what was said over the thresholds, and the true boxes marked "true", as PNG."""
    import io

    from PIL import Image

    from outcrop.outputs.box_overlay import overlay

    pixels = boxed.read(position)
    kept = said.take(said.scores >= np.asarray(thresholds)[said.labels])
    boxes, labels = np.concatenate([kept.boxes, truth.boxes]), np.concatenate([kept.labels, truth.labels])
    words = [f"{task.classes[k]} {s:.2f}" for k, s in zip(kept.labels, kept.scores, strict=True)] + [
        f"true {task.classes[k]}" for k in truth.labels
    ]
    scene = scene_from_array(
        "", (pixels / 255).astype(np.float32), Grid(shape=(pixels.shape[1], pixels.shape[2])), task.bands
    )
    scores = np.concatenate([kept.scores, np.ones(len(truth.labels), np.float32)])
    marked = overlay(
        np.ascontiguousarray(pixels.transpose(1, 2, 0)),
        Detections(scene=scene, classes=task.classes, boxes=boxes.astype(np.float32), scores=scores, labels=labels), words,
    )  # fmt: skip
    image = Image.fromarray(marked)
    image.thumbnail((420, 420))
    store = io.BytesIO()
    image.save(store, format="PNG")
    return store.getvalue()


def _path(line: Curve) -> dict[str, Any]:
    """A precision-recall curve as an SVG path in a square of 100, at most 200 points."""
    step = max(len(line.recall) // 200, 1)
    points = " ".join(
        f"{100 * r:.2f},{100 - 100 * p:.2f}" for r, p in zip(line.recall[::step], line.precision[::step], strict=True)
    )
    return {"name": line.name, "points": points}


def export_run(task: Task, run: Path, found: BoxEvaluation, out: Path) -> list[Path]:
    """Every finished fold as ``<recipe>-<fold>.onnx`` with thresholds and scores in its card."""
    from outcrop.engine.export_boxes import export_boxes
    from outcrop.engine.learn_boxes import detector_of

    written = []
    for folder in sorted(run.glob("fold-*")):
        if not (folder / "held-out-boxes.npz").exists():
            continue
        fold = int(folder.name.removeprefix("fold-"))
        net, recipe = detector_of(run, fold, len(task.classes))
        record = json.loads((folder / "record.json").read_text(encoding="utf-8"))
        scores = {
            "metric": "mAP50", "value": round(found.score.value, 4), "90 % interval": [round(found.score.low, 4), round(found.score.high, 4)],
            "mAP50-95": round(found.precision.map50_95.value, 4), "pictures": found.pictures, "negatives": found.negatives,
            **{f"mAP50 {name}": round(pair[0].value, 4) for name, pair in found.precision.by_class.items()},
        }  # fmt: skip
        card = Card(
            name=recipe.name, task=task.name, classes=task.classes, bands=task.bands, chip=recipe.side, head="detect", multiple=0,
            calibration=Calibration(threshold=found.thresholds), scores=scores,
            training={key: record[key] for key in ("recipe", "data_sha256", "torch") if key in record},
            **dict[str, Any](task.cards.get(recipe.name, {})),
        )  # fmt: skip
        written.append(export_boxes(net, card, out / f"{recipe.name}-{fold}.onnx"))
    return written
