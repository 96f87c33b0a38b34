"""A training run of detectors: folds in turn, each with its checkpoint and its held-out detections."""

from collections.abc import Callable, Sequence
from hashlib import sha256
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray

from outcrop.core.errors import OutputExists, UsageError
from outcrop.core.labelled import Boxed, Labelled
from outcrop.core.task import Task
from outcrop.engine import folds as folding
from outcrop.engine.augment_boxes import Shown
from outcrop.engine.heldout_boxes import write_held_out_boxes
from outcrop.engine.learn import check_same
from outcrop.engine.train import write_record
from outcrop.engine.train_boxes import BoxEpoch, BoxTrainer, see, settings_of, shown_of
from outcrop.models.box_recipe import BoxRecipe
from outcrop.models.detector import Detector, build
from outcrop.models.suppression import Found, fuse, suppress

Report = Callable[[int, BoxEpoch, int], None]
"""(fold, epoch just finished, epochs in all)."""


def assign(boxed: Boxed, recipe: BoxRecipe) -> NDArray[np.int64]:
    """Fold of every picture, (n,); -1 for those that are never held out.

    "grouped" keeps groups whole and shares out pictures of no box, of each class and of several; "transfer" holds
    out at once whatever is not marked ``always``.
    """
    if recipe.folds == "transfer":
        return np.where(boxed.always, -1, 0).astype(np.int64)
    kinds = sorted(set(boxed.kinds))
    # Each kind, and within it each set of classes, is a stratum of its own.
    contents = [(kinds.index(kind), tuple(sorted(set(labels.tolist())))) for kind, labels in zip(boxed.kinds, boxed.labels, strict=True)]  # fmt: skip
    order = sorted(set(contents))
    blank = np.zeros((len(boxed), 2), np.float32)
    about = Labelled(
        ids=boxed.ids, images=(), masks=(), groups=boxed.groups, context=blank, always=boxed.always,
        strata=np.array([order.index(content) for content in contents], np.int64),
    )  # fmt: skip
    return folding.assign(about, "grouped", recipe.fold_count, recipe.seed)


def fingerprint(boxed: Boxed, shown: Sequence[Shown]) -> str:
    """sha256 over ids, pictures as they are learnt from, boxes and labels: the same data give the same word."""
    digest = sha256()
    for id, boxes, labels, picture in zip(boxed.ids, boxed.boxes, boxed.labels, shown, strict=True):
        for part in (id.encode(), picture.pixels.tobytes(), boxes.tobytes(), labels.tobytes()):
            digest.update(part)
    return digest.hexdigest()


def held_out(net: Detector, recipe: BoxRecipe, boxed: Boxed, index: NDArray[np.int64]) -> dict[str, list[Found]]:
    """Detections of pictures: by themselves ("single"), and fused with those of their mirror images ("flip")."""
    views: dict[str, list[Found]] = {"single": [], "flip": []}
    for position in index:
        pixels = np.ascontiguousarray(boxed.read(int(position)).transpose(1, 2, 0))
        plain, mirror = (see(net, pixels, recipe.side, flip=flip) for flip in (False, True))
        views["single"].append(plain)
        views["flip"].append(suppress(fuse([plain, mirror], limit=0.5), limit=0.5))
    return views


def run_fold(
    recipe: BoxRecipe, boxed: Boxed, folder: Path, fold: int, classes: int, *, shown: Sequence[Shown] = (),
    start: Path | None = None, report: Callable[[BoxEpoch], None] = lambda epoch: None,
) -> Path:  # fmt: skip
    """Train on every picture outside one fold (fold -1: on all), resuming if begun, and keep what it says of the fold.

    Args:
        shown: the pictures of ``boxed`` by ``shown_of``, where they are at hand.
        start: weights: a checkpoint, or the published ones as safetensors.

    Raises:
        UsageError: no picture lies in this fold, or the folder holds a run of another recipe or other pictures.
    """
    place = assign(boxed, recipe)
    train, hold = np.flatnonzero(place != fold), np.flatnonzero(place == fold)
    if fold < 0:
        train, hold = np.arange(len(boxed)), np.zeros(0, np.int64)
    if fold >= 0 and not len(hold):
        raise UsageError(f"no picture lies in fold {fold}: choose 0 to {place.max()}, or -1 to train on everything")
    where = folder / (f"fold-{fold}" if fold >= 0 else "all")
    names = [boxed.ids[i] for i in hold]
    shown = shown or shown_of(boxed, recipe)
    content = settings_of(
        recipe, pictures=len(boxed), data_sha256=fingerprint(boxed, shown), fold=fold, classes=classes, train=len(train),
        held_out=names, start=None if start is None else {"name": start.name, "sha256": sha256(start.read_bytes()).hexdigest()},
    )  # fmt: skip
    check_same(where, content)
    trainer = BoxTrainer(recipe, shown, boxed.kinds, train, hold, classes, where, start, fold + 1)
    trainer.resume()
    write_record(where, content)
    net = trainer.run(report)
    if len(hold):
        views = held_out(net, recipe, boxed, hold)
        write_held_out_boxes(where / "held-out-boxes.npz", names, [boxed.kinds[i] for i in hold], views)
    return where


def train_boxes(
    task: Task, data: Path, out: Path, *, recipe: str | None = None, folds: Sequence[int] | None = None,
    settings: dict[str, str] | None = None, start: Path | None = None, threads: int = 0, resume: bool = False,
    report: Report = lambda fold, epoch, epochs: None,
) -> Path:  # fmt: skip
    """Train a detector recipe of a room on a folder of labelled data.

    Args:
        recipe: a name among the room's recipes; the first detector's unless said.
        folds: which folds to hold out in turn; -1 trains on everything; None takes every fold.
        settings: changes to the recipe, as text.
        start: what each fold starts from: a run of detectors, or the published weights (safetensors).

    Raises:
        UsageError: no such recipe or setting, no such start, or a folder that holds another run.
        OutputExists: ``out`` holds files and ``resume`` is not set.
    """
    chosen = recipe_of(task, recipe).changed(settings or {})
    if out.exists() and any(out.iterdir()) and not resume:
        raise OutputExists(f"{out} already holds files: go on with --resume, or give another --out")
    torch.set_num_threads(threads or torch.get_num_threads())
    boxed: Boxed = task.examples(data, boxes=True)
    write_record(
        out,
        settings_of(chosen, task=task.name, classes=list(task.classes), pictures=len(boxed), settings=settings or {}),
    )
    shown = shown_of(boxed, chosen)
    every = range(1 if chosen.folds == "transfer" else chosen.fold_count)
    for fold in every if folds is None else folds:
        run_fold(
            chosen, boxed, out, fold, len(task.classes), shown=shown,
            start=None if start is None else weights(start, fold),
            report=lambda epoch, fold=fold: report(fold, epoch, chosen.epochs),  # type: ignore[misc]
        )  # fmt: skip
    return out


def recipe_of(task: Task, name: str | None) -> BoxRecipe:
    """A room's recipe for detectors by name; the first one without a name.

    Raises:
        UsageError: no such recipe.
    """
    known = {key: value for key, value in task.recipes.items() if isinstance(value, BoxRecipe)}
    if not known or (name is not None and name not in known):
        raise UsageError(
            f"no detector recipe {name!r} in the room {task.name}: choose one of {', '.join(known) or 'none'}"
        )
    return known[name or next(iter(known))]


def weights(start: Path, fold: int) -> Path:
    """What a fold starts from: published weights, the same fold of another run, or the one fold of a transfer run.

    A model that learnt from pictures of this fold must not start it, so other folds are never taken.

    Raises:
        UsageError: neither a safetensors file nor a run with this fold.
    """
    if start.suffix == ".safetensors" and start.is_file():
        return start
    name = f"fold-{fold}" if fold >= 0 else "all"
    transfer = start / "fold-0"
    if (transfer / "record.json").exists() and stored_recipe(transfer).folds == "transfer":
        name = "fold-0"
    path = start / name / "checkpoint.pt"
    if not path.exists():
        raise UsageError(f"{start} has no checkpoint of fold {fold}: give a run that trained it, or published weights")
    return path


def stored_recipe(where: Path) -> BoxRecipe:
    """The recipe in a fold's record."""
    import json

    return BoxRecipe.from_dict(json.loads((where / "record.json").read_text())["recipe"])


def detector_of(run: Path, fold: int, classes: int) -> tuple[Detector, BoxRecipe]:
    """The trained detector of one fold of a run (-1: the one trained on everything), and its recipe.

    Raises:
        UsageError: the run has no such fold.
    """
    where = run / (f"fold-{fold}" if fold >= 0 else "all")
    if not (where / "checkpoint.pt").exists():
        raise UsageError(f"{run} has no checkpoint of fold {fold}: train that fold there first")
    net = build(classes)
    net.load_state_dict(torch.load(where / "checkpoint.pt", weights_only=True)["kept"])
    return net.eval(), stored_recipe(where)
