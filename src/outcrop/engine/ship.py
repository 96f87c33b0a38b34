"""A judged training run → model files to use: each fold exported, calibrated, in float32 and int8.

Model files that were judged again, perhaps beside others, get cards that tell of it.
"""

import json
import shutil
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from outcrop.core.errors import UsageError
from outcrop.core.labelled import Labelled
from outcrop.core.scene import Floats
from outcrop.core.task import ErrorTable, ModelError, Task
from outcrop.engine import augment
from outcrop.engine.calibrate import share_table
from outcrop.engine.evaluate import Evaluation
from outcrop.engine.export import export, quantise, recard
from outcrop.engine.learn import network_of
from outcrop.engine.metrics import Mask
from outcrop.models.card import Card
from outcrop.models.recipe import Recipe
from outcrop.models.runtime import read_card

RANGES_FROM = 96
"""Chips that int8 ranges are learnt from."""


Known = Mapping[str, ModelError | ErrorTable]
"""A model's own errors by name."""


def known_errors(task: Task, found: Evaluation, seen: Sequence[Mask], truth: Sequence[Mask]) -> Known:
    """What a room learns about its model's own errors.

    Args:
        seen, truth: masks that the decision makes of the held-out predictions, and the true ones.
    """
    return task.errors(seen, truth, f"{found.pictures} held-out pictures") if task.errors else errors(found)


def ship(
    task: Task, run: Path, labelled: Labelled, found: Evaluation, known: Known, out: Path, *, name: str | None = None
) -> list[Path]:
    """Write ``<name>-<fold>.onnx`` (float32) and ``int8/<name>-<fold>.onnx`` for every finished fold.

    Args:
        found: the evaluation of held-out predictions; its temperature goes into the graph, its threshold and
            minimum area into the card.
    """
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


def ship_again(files: Sequence[Path], found: Evaluation, known: Known, out: Path) -> list[Path]:
    """Copy model files to ``out`` with the decision and scores of this evaluation in their cards; graphs stay as they are.

    Raises:
        UsageError: two files of one name.
    """
    names = [file.name for file in files]
    if len(set(names)) < len(names):
        raise UsageError(f"files of one name would overwrite each other ({', '.join(names)}): rename some")
    calibration = replace(found.calibration(known), threshold=found.tuned.decision.threshold)
    written = []
    for file in files:
        path, card = Path(shutil.copyfile(file, out / file.name)), read_card(file)
        scores = scores_of(found, card.training["recipe"]["folds"])
        written.append(recard(path, replace(card, calibration=calibration, scores=scores)))
    return written


def scores_of(found: Evaluation, folds: str) -> dict[str, Any]:
    """What a card says about how good its model is, and on what."""
    return {
        "metric": found.metric, "mean over folds": round(found.fold_mean, 4), "spread": round(found.fold_spread, 4),
        "90 % interval": [round(found.score.low, 4), round(found.score.high, 4)], "folds": folds,
        "pictures": found.pictures, **{key: round(value.value, 4) for key, value in found.figures.items()},
    }  # fmt: skip


def card_of(
    task: Task, recipe: Recipe, where: Path, labelled: Labelled, found: Evaluation, known: Known, name: str | None
) -> Card:
    """The card of the model of one fold, whose folder is ``where``."""
    record = json.loads((where / "record.json").read_text())
    exact = recipe.chip % 32 != 0
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
        scores=scores_of(found, recipe.folds), **dict[str, Any](task.cards.get(recipe.name, {})),
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
