"""Judge a training run by its held-out predictions, or model files by data they never saw, and calibrate them."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from outcrop.core.errors import BadInput, UsageError
from outcrop.core.grid import Grid
from outcrop.core.labelled import Labelled, fingerprint
from outcrop.core.scene import Floats, scene_from_array
from outcrop.core.task import Task
from outcrop.engine.bands import asked
from outcrop.engine.bands import of_run as of_recipe
from outcrop.engine.decide import to_mask
from outcrop.engine.evaluate import Evaluation, evaluate, write_evaluation
from outcrop.engine.folds import assign, fold_files
from outcrop.engine.predict import ensemble_of, predict_small
from outcrop.models.runtime import load, read_card


def assess(
    task: Task, data: Path, out: Path, *, run: Path | None = None, models: Sequence[str | Path] = (), flips: bool = True,
    export: bool = False, overwrite: bool = False, metric: str | None = None, seed: int = 0,
) -> Evaluation:  # fmt: skip
    """Judge on a folder of labelled data and write metrics.json, plots and a page to ``out``.

    Args:
        run: training run, or one model file for each fold (see ``folds.fold_files``); each picture is judged by the
            fold that never saw it.
        models: model files, judged on everything in ``data``.
        flips: average with the mirror image.
        metric: headline metric; the room's own unless said.
        export: also write the run's folds as calibrated model files, see ``engine.ship``.

    Raises:
        UsageError: neither or both of run and models; a run without a finished fold; model files to export once more.
    """
    if (run is None) == (not models):
        raise UsageError("give either a training run (--run) or model files (--model) to judge")
    files = fold_files(run) if run is not None else {}
    if export and files:
        raise UsageError(f"{run} holds model files, and --export makes them of a training run: leave it out")
    seen_by = next(iter(files.values()), None) or (Path(models[0]) if models else None)
    told = asked(task, read_card(seen_by).bands if seen_by is not None else of_recipe(run) if run is not None else ())
    labelled = task.examples(data, **told)
    if files:
        probabilities, folds = of_files(files, labelled, flips=flips)
    elif run is not None:
        probabilities, folds = of_run(run, labelled, flips=flips)
    else:
        probabilities, folds = seen_by_files([Path(m) for m in models], labelled, flips=flips), None
    rng = np.random.default_rng(seed)
    beside = neighbours(labelled, folds)
    if folds is not None and len(set(folds[folds >= 0].tolist())) == 1:
        folds = _parts(labelled, folds, seed)
    found = evaluate(
        probabilities,
        labelled,
        folds,
        classes=task.classes,
        metric=metric or task.metric,
        areas=task.areas,
        rng=rng,
        neighbours=beside,
    )
    about = {"data": str(data.name), "judged": run.name if run else ", ".join(Path(m).name for m in models)}
    write_evaluation(found, labelled, probabilities, out, overwrite, title=f"{task.title}: evaluation", about=about)
    if export and run is not None:
        from outcrop.engine.ship import ship

        judged = np.flatnonzero(folds >= 0) if folds is not None else np.arange(len(labelled))
        seen = [to_mask(probabilities[i], found.tuned.decision) for i in judged]
        ship(task, run, labelled, found, out, seen, [labelled.masks[i] for i in judged])
    return found


def of_run(run: Path, labelled: Labelled, *, flips: bool) -> tuple[list[Floats], NDArray[np.int64]]:
    """Held-out probabilities of every picture, and its fold; pictures of unfinished folds get fold -1.

    Raises:
        UsageError: no finished fold, or one of other data.
    """
    from outcrop.engine.heldout import read_held_out

    logits, folds = read_held_out(run, "flip" if flips else "single")
    if not logits:
        raise UsageError(f"{run} has no finished fold: go on training it with --resume")
    if not set(logits) <= set(labelled.ids):
        raise BadInput(f"{run} was trained on other pictures than these: give the same data folder")
    blank = np.zeros((), np.float32)
    planes = len(next(iter(logits.values())))
    probabilities = [
        np.asarray(1 / (1 + np.exp(-logits[id])), np.float32)
        if id in logits
        else np.broadcast_to(blank, (planes, *mask.shape))
        for id, mask in zip(labelled.ids, labelled.masks, strict=True)
    ]
    return probabilities, np.array([folds.get(id, -1) for id in labelled.ids], np.int64)


def of_files(files: Mapping[int, Path], labelled: Labelled, *, flips: bool) -> tuple[list[Floats], NDArray[np.int64]]:
    """Probabilities of every picture from the model file of its fold, and its fold; -1 where that fold has no file.

    Raises:
        UsageError: a file whose card does not tell how its folds were drawn.
        BadInput: a file that was trained on other pictures, so that its fold says nothing about these.
    """
    known = fingerprint(labelled)
    folds = np.full(len(labelled), -1, np.int64)
    blank = np.zeros((), np.float32)
    probabilities: list[Floats] = [np.broadcast_to(blank, (1, *mask.shape)) for mask in labelled.masks]
    for fold, file in files.items():
        learnt = read_card(file).training
        recipe = learnt.get("recipe", {})
        if not {"folds", "fold_count", "seed"} <= set(recipe) or "labelled_sha256" not in learnt:
            raise UsageError(
                f"the card of {file.name} does not tell what it held out: judge it with --model on new data"
            )
        if learnt["labelled_sha256"] != known or learnt.get("fold") != fold:
            raise BadInput(f"{file.name} was trained on other pictures than these, or holds out another fold: judge it with "
                           "--model on data it never saw")  # fmt: skip
        index = np.flatnonzero(assign(labelled, recipe["folds"], recipe["fold_count"], recipe["seed"]) == fold)
        folds[index] = fold
        for i, seen in zip(index, seen_by_files([file], labelled.take(index), flips=flips), strict=True):
            probabilities[i] = seen
    return probabilities, folds


def neighbours(labelled: Labelled, folds: NDArray[np.int64] | None) -> NDArray[np.bool_] | None:
    """True for pictures whose group also lies in another fold, so that a training picture is next door."""
    if folds is None:
        return None
    seen: dict[str, set[int]] = {}
    for group, fold in zip(labelled.groups, folds.tolist(), strict=True):
        seen.setdefault(group, set()).add(fold)
    return np.array([len(seen[group]) > 1 for group in labelled.groups])


def _parts(labelled: Labelled, folds: NDArray[np.int64], seed: int) -> NDArray[np.int64]:
    """Five parts of the one held-out fold, so that tuning on some is judged on the others; -1 elsewhere."""
    index = np.flatnonzero(folds >= 0)
    parts = np.full(len(folds), -1, np.int64)
    parts[index] = assign(labelled.take(index), "grouped", 5, seed)
    return parts


def seen_by_files(paths: Sequence[Path], labelled: Labelled, *, flips: bool) -> list[Floats]:
    """Probabilities of pictures from model files together, (classes, rows, cols) each."""
    ensemble = replace(ensemble_of([load(path) for path in paths]), flips="all" if flips else "none")
    scenes = [
        scene_from_array(
            id, image, Grid(shape=(image.shape[1], image.shape[2])), ensemble.models[0].card.bands,
            {"depth": float(known[0])} if known[1] else {},
        )
        for id, image, known in zip(labelled.ids, labelled.images, labelled.context, strict=True)
    ]  # fmt: skip
    return [values for _, values in predict_small(scenes, ensemble)]
