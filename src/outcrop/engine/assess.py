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
    task: Task, data: Path, out: Path, *, run: Path | Sequence[Path] = (), models: Sequence[str | Path] = (), flips: bool = True,
    export: bool = False, overwrite: bool = False, metric: str | None = None, seed: int = 0,
) -> Evaluation:  # fmt: skip
    """Judge on a folder of labelled data and write metrics.json, plots and a page to ``out``.

    Args:
        run: training run, or one model file for each fold (see ``folds.fold_files``); each picture is judged by the
            fold that never saw it. Of several, which may have drawn their folds otherwise, the mean probability counts,
            and scores are given by the folds of the first.
        models: model files, judged on everything in ``data``.
        flips: average with the mirror image.
        metric: headline metric; the room's own unless said.
        export: also write the run's folds as calibrated model files, or the model files with cards that tell what they
            are together, see ``engine.ship``.

    Raises:
        UsageError: neither or both of run and models; a run without a finished fold; several runs to export.
    """
    runs = (run,) if isinstance(run, Path) else tuple(run)
    if (not runs) == (not models):
        raise UsageError("give either a training run (--run) or model files (--model) to judge")
    files = [fold_files(one) for one in runs]
    if export and len(runs) > 1 and not all(files):
        raise UsageError("runs are exported one by one: do so, then judge their model files together")
    seen_by = next(iter(files[0].values()), None) if runs else Path(models[0])
    told = asked(task, read_card(seen_by).bands if seen_by is not None else of_recipe(runs[0]))
    labelled = task.examples(data, **told)
    if runs:
        each = [
            of_files(theirs, labelled, flips=flips) if theirs else of_run(one, labelled, flips=flips)
            for one, theirs in zip(runs, files, strict=True)
        ]
        probabilities, folds, beside = together(each, labelled)
    else:
        probabilities, folds, beside = seen_by_files([Path(m) for m in models], labelled, flips=flips), None, None
    rng = np.random.default_rng(seed)
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
    about = {"data": str(data.name), "judged": ", ".join(Path(one).name for one in runs or models)}
    write_evaluation(found, labelled, probabilities, out, overwrite, title=f"{task.title}: evaluation", about=about)
    if export and folds is not None:
        from outcrop.engine.ship import known_errors, ship, ship_again

        judged = np.flatnonzero(folds >= 0)
        seen = [to_mask(probabilities[i], found.tuned.decision) for i in judged]
        known = known_errors(task, found, seen, [labelled.masks[i] for i in judged])
        if all(files):
            ship_again([file for theirs in files for file in theirs.values()], found, known, out)
        else:
            ship(task, runs[0], labelled, found, known, out)
    return found


Judged = tuple[list[Floats], NDArray[np.int64]]
"""Probabilities of every picture, (classes, rows, cols) each, and its fold; -1 where nothing judges it."""


def together(each: Sequence[Judged], labelled: Labelled) -> tuple[list[Floats], NDArray[np.int64], NDArray[np.bool_]]:
    """The mean of what several runs say of pictures that none of them saw.

    Returns:
        Probabilities, the folds of the first run, -1 where one of the runs judges nothing, and True for pictures
        that lie next to one that any of the runs was trained on.

    Raises:
        UsageError: no picture is judged by all.
    """
    judged = np.all([folds >= 0 for _, folds in each], axis=0)
    if not judged.any():
        raise UsageError("no picture is held out by all of these runs: train the folds that are missing")
    probabilities = each[0][0]
    if len(each) > 1:
        blank = np.zeros((), np.float32)
        probabilities = [
            np.mean([said[i] for said, _ in each], axis=0) if judged[i] else np.broadcast_to(blank, each[0][0][i].shape)
            for i in range(len(labelled))
        ]
    beside = np.any([neighbours(labelled, folds) for _, folds in each], axis=0)
    return probabilities, np.where(judged, each[0][1], -1), beside


def of_run(run: Path, labelled: Labelled, *, flips: bool) -> Judged:
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


def of_files(files: Mapping[int, Path], labelled: Labelled, *, flips: bool) -> Judged:
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
        drawn = assign(labelled, recipe["folds"], recipe["fold_count"], recipe["seed"], recipe.get("fold_parts", 1))
        index = np.flatnonzero(drawn == fold)
        folds[index] = fold
        for i, seen in zip(index, seen_by_files([file], labelled.take(index), flips=flips), strict=True):
            probabilities[i] = seen
    return probabilities, folds


def neighbours(labelled: Labelled, folds: NDArray[np.int64]) -> NDArray[np.bool_]:
    """True for pictures whose group also lies in another fold, so that a training picture is next door."""
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
