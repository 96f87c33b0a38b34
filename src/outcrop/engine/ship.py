"""A judged training run → model files to use: each fold exported, calibrated, in float32 and int8."""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from outcrop.core.labelled import Labelled
from outcrop.core.scene import Floats
from outcrop.core.task import ErrorTable, ModelError, Task
from outcrop.engine import augment
from outcrop.engine.calibrate import share_table
from outcrop.engine.evaluate import Evaluation
from outcrop.engine.export import export, quantise
from outcrop.engine.learn import network_of
from outcrop.engine.metrics import Mask
from outcrop.models.card import Card
from outcrop.models.recipe import Recipe

RANGES_FROM = 96
"""Chips that int8 ranges are learnt from."""


def ship(
    task: Task, run: Path, labelled: Labelled, found: Evaluation, out: Path, seen: Sequence[Mask] = (), truth: Sequence[Mask] = (),
    *, name: str | None = None,
) -> list[Path]:  # fmt: skip
    """Write ``<name>-<fold>.onnx`` (float32) and ``int8/<name>-<fold>.onnx`` for every finished fold.

    Args:
        found: the evaluation of this run's held-out predictions; its temperature goes into the graph, its
            threshold and minimum area into the card.
        seen, truth: masks that these decisions make of the held-out predictions, and the true ones: what the room learns
            the model's own errors from.
    """
    known = task.errors(seen, truth, f"{found.pictures} held-out pictures") if task.errors else errors(found)
    written: list[Path] = []
    (out / "int8").mkdir(parents=True, exist_ok=True)
    folds = sorted(int(p.parent.name.removeprefix("fold-")) for p in run.glob("fold-*/held-out.npz"))
    for fold in folds:
        net, recipe = network_of(run, fold, labelled.images[0].shape[0])
        card = card_of(task, recipe, run / f"fold-{fold}", labelled, found, known, name)
        path = export(net, card, out / f"{card.name}-{fold}.onnx")
        chips = _chips(labelled, recipe, len(task.classes))
        written += [path, quantise(path, out / "int8" / path.name, chips)]
    return written


def card_of(
    task: Task,
    recipe: Recipe,
    where: Path,
    labelled: Labelled,
    found: Evaluation,
    known: Mapping[str, ModelError | ErrorTable],
    name: str | None,
) -> Card:
    """The card of the model of one fold, whose folder is ``where``."""
    record = json.loads((where / "record.json").read_text())
    exact = recipe.chip % 32 != 0
    scores = {
        "metric": found.metric, "mean over folds": round(found.fold_mean, 4), "spread": round(found.fold_spread, 4),
        "90 % interval": [round(found.score.low, 4), round(found.score.high, 4)], "folds": recipe.folds,
        "pictures": found.pictures, **{key: round(value.value, 4) for key, value in found.figures.items()},
    }  # fmt: skip
    looks = task.looks([image[0] for image in labelled.images[:: max(len(labelled) // 1500, 1)]])
    learnt = {
        key: record[key] for key in ("recipe", "data_sha256", "labelled_sha256", "fold", "torch") if key in record
    }
    return Card(
        name=name or recipe.name, task=task.name, classes=task.classes, bands=recipe.bands or task.bands, chip=recipe.chip,
        multiple=0 if exact else 32, overlap=(recipe.window or recipe.chip) // 4, window=recipe.window, sides=recipe.sides,
        calibration=found.calibration(known),
        temperature=float(found.trust.temperature.scale), context=recipe.depth,
        training={**learnt, "looks": looks},
        scores=scores, **dict[str, Any](task.cards.get(recipe.name, {})),
    )  # fmt: skip


def _chips(labelled: Labelled, recipe: Recipe, classes: int) -> Sequence[Floats]:
    """Training pictures as the network gets them, for int8 ranges."""
    rng = np.random.default_rng(0)
    index: NDArray[np.int64] = rng.permutation(len(labelled))[:RANGES_FROM]
    image, *_ = augment.batch(labelled, index, classes, recipe.chip, augment.STILL, rng)
    return list(image.numpy())


def errors(found: Evaluation) -> dict[str, ModelError | ErrorTable]:
    """The model's own error in a class's share of a picture, from the held-out pictures at their nested decisions."""
    counts = found.counts
    counted = np.maximum(counts.counted, 1)
    measured, truth = counts.predicted[:, 0] / counted, counts.truth[:, 0] / counted
    return {"share table": share_table(measured, truth, f"{found.pictures} held-out pictures")}
