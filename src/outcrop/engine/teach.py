"""Training and judging by what a model gives: pixels (``learn``, ``assess``) or boxes (``learn_boxes``, ``assess_boxes``)."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from outcrop.core.errors import UsageError
from outcrop.core.task import Task
from outcrop.models.box_recipe import BoxRecipe

PIXELS_ONLY = ("pseudo", "teacher", "also", "device")


def teach(task: Task, data: Path, out: Path, *, recipe: str | None = None, **settings: Any) -> Path:
    """Train a recipe of a room, by its kind; the arguments are those of ``learn.train`` and ``learn_boxes.train_boxes``.

    Raises:
        UsageError: an argument that recipes of this kind do not take.
    """
    if not isinstance(task.recipes.get(recipe or next(iter(task.recipes))), BoxRecipe):
        from outcrop.engine.learn import train

        return train(task, data, out, recipe=recipe, **settings)
    from outcrop.engine.learn_boxes import train_boxes

    if foreign := [name for name in PIXELS_ONLY if settings.pop(name, None)]:
        raise UsageError(f"a detector takes no --{foreign[0]}: leave it out")
    return train_boxes(task, data, out, recipe=recipe, **settings)


def judge(task: Task, data: Path, out: Path, *, run: Path | Sequence[Path] = (), **settings: Any) -> Any:
    """Judge a run by its kind, several together, or model files that give pixels.

    Raises:
        UsageError: an argument that runs of this kind do not take, or several runs of detectors.
    """
    runs = (run,) if isinstance(run, Path) else tuple(run)
    if not any(map(gives_boxes, runs)):
        from outcrop.engine.assess import assess

        return assess(task, data, out, run=runs, **settings)
    from outcrop.engine.assess_boxes import assess_boxes

    if len(runs) > 1:
        raise UsageError("runs of detectors are judged one by one: give a single --run")

    for name in ("models", "metric"):
        if settings.pop(name, None):
            raise UsageError(f"a run of detectors is judged by average precision, and takes no {name}: leave it out")
    return assess_boxes(task, data, out, run=runs[0], **settings)


def gives_boxes(run: Path) -> bool:
    """Whether a run trained detectors."""
    try:
        recipe = json.loads((run / "record.json").read_text(encoding="utf-8"))["recipe"]
    except (OSError, ValueError, KeyError):
        return False
    return "side" in recipe
