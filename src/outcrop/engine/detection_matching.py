"""Boxes said against boxes true: which of them mean the same thing, as COCO's own tool matches them.

Matching happens once; every score, curve and interval is then counted from `Matches`.
"""

import contextlib
import io
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from outcrop.core.errors import BadInput, MissingExtra, UsageError
from outcrop.core.scene import Floats, Outlined
from outcrop.models.suppression import overlap

Whole = NDArray[np.int64]
Real = NDArray[np.float64]

IOUS = tuple(round(0.5 + 0.05 * step, 2) for step in range(10))
"""Intersection over union from which on two boxes match: 0.50, 0.55 … 0.95."""

SIZES = ("all", "small", "medium", "large")
"""COCO's classes of box area: below 32² pixels of the picture, below 96², above."""

MOST = 100
"""Boxes of a class in one picture that count, best first, as COCO has it."""


class Said(Protocol):
    """What a detector said of one picture; `Detections` and `Found` are of this kind."""

    @property
    def boxes(self) -> Floats:
        """(n, 4) left, top, right, bottom."""

    @property
    def scores(self) -> Floats:
        """(n,) in [0, 1]."""

    @property
    def labels(self) -> Whole:
        """(n,) index into the classes."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Truth:
    """What one picture shows.

    Attributes:
        boxes: (k, 4) left, top, right, bottom; k may be 0.
        labels: (k,) index into the classes.
        outlines: the pixels of each; empty where nobody drew them.
    """

    boxes: Floats
    labels: Whole
    outlines: tuple[Outlined, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Matched:
    """Boxes of one class over all pictures, best first.

    Attributes:
        scores: (n,).
        pictures: (n,) which picture each lies in.
        positions: (n,) which of that picture's boxes it is.
        truths: (ious, n) which of its picture's true boxes each one hits; -1 for none.
        objects: (pictures,) true boxes of the class.
    """

    scores: Real
    pictures: Whole
    positions: Whole
    truths: Whole
    objects: Whole


@dataclass(frozen=True, slots=True, kw_only=True)
class Matches:
    """All classes matched.

    Attributes:
        classes: names.
        by_class: one entry for each.
        precision: (ious, 101 recalls, classes, sizes) as COCO's tool accumulates it; -1 where there is no truth.
    """

    classes: tuple[str, ...]
    by_class: tuple[Matched, ...]
    precision: Real

    @property
    def pictures(self) -> int:
        """How many pictures were compared."""
        return len(self.by_class[0].objects)


def match(said: Sequence[Said], truth: Sequence[Truth], classes: Sequence[str]) -> Matches:
    """Match what was said of each picture with the truth, through pycocotools.

    Raises:
        UsageError: lists of different length, or no picture or class.
        BadInput: a label that is no class, a score that is no number, or a box without area or with an edge that is no number among the true ones.
        MissingExtra: pycocotools is not installed.
    """
    if len(said) != len(truth) or not len(truth) or not len(classes):
        raise UsageError(
            f"{len(said)} pictures were seen and {len(truth)} have a truth: give one for each, and a class"
        )
    _check(said, truth, len(classes))
    evaluator = _evaluated(said, truth, classes)
    pictures, sizes = len(truth), len(SIZES)
    found = [
        _matched(evaluator.evalImgs[k * sizes * pictures : (k * sizes + 1) * pictures], said, truth, k)
        for k in range(len(classes))
    ]
    precision = np.asarray(evaluator.eval["precision"])[..., -1]
    return Matches(classes=tuple(classes), by_class=tuple(found), precision=precision)


def _check(said: Sequence[Said], truth: Sequence[Truth], classes: int) -> None:
    for position, (guess, answer) in enumerate(zip(said, truth, strict=True)):
        for labels in (guess.labels, answer.labels):
            if len(labels) and not 0 <= labels.min() <= labels.max() < classes:
                raise BadInput(
                    f"picture {position} holds the label {int(labels.max())} but there are {classes} classes: "
                    f"use 0 to {classes - 1}"
                )
        sides = answer.boxes[:, 2:] - answer.boxes[:, :2]
        if not (np.isfinite(guess.boxes).all() and np.isfinite(guess.scores).all() and (sides > 0).all()):
            raise BadInput(f"picture {position} holds a box or score that is no number, or a true box without area")


def _evaluated(said: Sequence[Said], truth: Sequence[Truth], classes: Sequence[str]) -> Any:
    """COCO's evaluator after its work; what it prints is swallowed."""
    try:
        from pycocotools.coco import COCO
        from pycocotools.cocoeval import COCOeval
    except ImportError:
        raise MissingExtra("pycocotools", "learn", "scores of boxes") from None

    images = [{"id": number + 1} for number in range(len(truth))]
    categories = [{"id": k + 1, "name": name} for k, name in enumerate(classes)]

    def filled(entries: list[dict[str, Any]]) -> Any:
        data = COCO()
        data.dataset = {"info": {}, "images": images, "categories": categories, "annotations": entries}
        data.createIndex()
        return data

    with contextlib.redirect_stdout(io.StringIO()):
        right, guessed = filled(_entries(truth)), filled(_entries(said))
        evaluator = COCOeval(right, guessed, "bbox")
        evaluator.params.maxDets = [1, 10, MOST]
        evaluator.evaluate()
        evaluator.accumulate()
    return evaluator


def _entries(pictures: Sequence[Said | Truth]) -> list[dict[str, Any]]:
    """Annotations as COCO's tool wants them; ids count from 1, because 0 means unmatched to it."""
    entries: list[dict[str, Any]] = []
    for number, picture in enumerate(pictures):
        scores = getattr(picture, "scores", np.ones(len(picture.boxes)))
        for place, (box, label, score) in enumerate(
            zip(picture.boxes.astype(float), picture.labels, scores, strict=True)
        ):
            width, height = float(box[2] - box[0]), float(box[3] - box[1])
            entries.append(
                {
                    "id": len(entries) + 1,
                    "image_id": number + 1,
                    "category_id": int(label) + 1,
                    "bbox": [float(box[0]), float(box[1]), width, height],
                    "area": width * height,
                    "iscrowd": 0,
                    "ignore": 0,
                    "score": float(score),
                    "place": place,
                }
            )
    return entries


def _matched(images: Sequence[Any], said: Sequence[Said], truth: Sequence[Truth], label: int) -> Matched:
    """One class from the evaluator's records of its pictures, whatever the size of the boxes."""
    first_said = np.concatenate([[0], np.cumsum([len(one.boxes) for one in said])])
    first_true = np.concatenate([[0], np.cumsum([len(one.boxes) for one in truth])])
    scores, pictures, positions = [np.zeros(0)], [np.zeros(0, np.int64)], [np.zeros(0, np.int64)]
    truths = [np.zeros((len(IOUS), 0), np.int64)]
    for record in images:
        if record is None:
            continue
        number = int(record["image_id"]) - 1
        count = len(record["dtScores"])
        scores.append(np.asarray(record["dtScores"], np.float64).reshape(count))
        pictures.append(np.full(count, number))
        positions.append(np.asarray(record["dtIds"], np.int64).reshape(count) - 1 - first_said[number])
        hits = np.asarray(record["dtMatches"], np.int64).reshape(len(IOUS), count)
        truths.append(np.where(hits > 0, hits - 1 - first_true[number], -1))
    joined = np.concatenate(scores)
    order = np.argsort(-joined, kind="stable")
    return Matched(
        scores=joined[order],
        pictures=np.concatenate(pictures)[order],
        positions=np.concatenate(positions)[order],
        truths=np.concatenate(truths, axis=1)[:, order],
        objects=np.array([int((one.labels == label).sum()) for one in truth]),
    )


def confusion(
    said: Sequence[Said],
    truth: Sequence[Truth],
    classes: Sequence[str],
    thresholds: Sequence[float],
    *,
    iou: float = 0.5,
) -> Whole:
    """(classes + 1, classes + 1) boxes: rows what they are, columns what they were called; the last is background.

    Boxes over their class's threshold take, best first, the free true box of any class that they overlap most.
    """
    table = np.zeros((len(classes) + 1,) * 2, np.int64)
    for guess, answer in zip(said, truth, strict=True):
        kept = np.flatnonzero(guess.scores >= np.asarray(thresholds)[guess.labels])
        free = np.ones(len(answer.boxes), bool)
        close = overlap(guess.boxes[kept], answer.boxes)
        for place in np.argsort(-guess.scores[kept], kind="stable"):
            label = int(guess.labels[kept[place]])
            values = np.where(free, close[place], -1.0)
            best = int(values.argmax()) if len(values) else -1
            if best >= 0 and values[best] >= iou:
                free[best] = False
                table[answer.labels[best], label] += 1
            else:
                table[-1, label] += 1
        table[:-1, -1] += np.bincount(answer.labels[free], minlength=len(classes))
    return table
