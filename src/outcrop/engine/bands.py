"""Which bands a run sees: the room's own, or those that its recipe or its models' cards name."""

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from outcrop.core.errors import UsageError
from outcrop.core.labelled import Labelled
from outcrop.core.task import Task
from outcrop.models.card import Card
from outcrop.models.recipe import Recipe


def asked(task: Task, bands: tuple[str, ...]) -> dict[str, Any]:
    """What ``Task.examples`` and ``Task.prepare`` are told: nothing where the room's own bands are wanted.

    Raises:
        UsageError: the room has one band only, so there is nothing to choose.
    """
    if not bands or bands == task.bands:
        return {}
    if len(task.bands) == 1:
        raise UsageError(f"the room {task.name} sees one band, {task.bands[0]}: leave the setting bands out")
    return {"bands": bands}


def of_run(run: Path) -> tuple[str, ...]:
    """Bands that a training run's recipe names; empty for the room's own, or where no record tells."""
    try:
        record = json.loads((run / "record.json").read_text(encoding="utf-8"))
        return tuple(record["recipe"].get("bands", ()))
    except (OSError, ValueError, KeyError, AttributeError):
        return ()


def looks_of(task: Task, card: Card) -> dict[str, Any]:
    """What ``Task.prepare`` is told of a model: what its training pictures looked like, and bands other than the room's."""
    return {**card.training.get("looks", {}), **({"bands": card.bands} if card.bands != task.bands else {})}


def standardised(recipe: Recipe, labelled: Labelled) -> Recipe:
    """The recipe with mean and spread of the pictures themselves where its own are of another number of bands."""
    count = labelled.images[0].shape[0]
    if len(recipe.mean) in (1, count) and len(recipe.std) in (1, count):
        return recipe
    pixels = np.concatenate([image.reshape(count, -1)[:, ::7] for image in labelled.images], axis=1).astype(np.float64)
    mean, spread = pixels.mean(axis=1), np.maximum(pixels.std(axis=1), 1e-3)
    return replace(recipe, mean=tuple(mean.round(4).tolist()), std=tuple(spread.round(4).tolist()))
