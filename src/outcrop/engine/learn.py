"""A training run: folds in turn, each with its checkpoint and its held-out probabilities.

A run's folder holds ``record.json`` (settings, seed, versions, data fingerprint) and, for every fold,
``fold-k/checkpoint.pt``, ``fold-k/log.csv`` and ``fold-k/held-out.npz``.
"""

import json
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from outcrop.core.errors import OutputExists, UsageError
from outcrop.core.labelled import Labelled, fingerprint
from outcrop.core.scene import Floats
from outcrop.core.task import Task
from outcrop.engine import augment
from outcrop.engine.assess import seen_by_files
from outcrop.engine.bands import asked, standardised
from outcrop.engine.device import device_of
from outcrop.engine.folds import assign, fold_files
from outcrop.engine.heldout import write_held_out
from outcrop.engine.pseudo import label, read_pictures
from outcrop.engine.train import Epoch, Trainer, forward, record, write_record
from outcrop.models.network import Net, build
from outcrop.models.recipe import Recipe
from outcrop.models.runtime import read_card


def held_out(
    net: Net, recipe: Recipe, labelled: Labelled, index: NDArray[np.int64], classes: int, *, flip: bool
) -> list[Floats]:
    """Logits of pictures the network never saw, (classes, rows, cols) each; ``flip`` averages with the mirror image.

    Pictures larger than a chip are seen whole, so they should not be much larger.
    """
    found: list[Floats] = []
    rng = np.random.default_rng(0)
    longest = max((max(labelled.masks[i].shape) for i in index), default=0)
    side = recipe.chip if longest <= recipe.chip else -(-longest // net.size) * net.size
    for part in np.array_split(index, max(len(index) * side**2 // (50 * 128**2), 1)):
        image, _, _, context = augment.batch(labelled, part, classes, side, augment.STILL, rng)
        given = context if recipe.depth else None
        logits = forward(net, image, given, recipe.precision)
        if flip:
            mirror = image.flip(3).contiguous(memory_format=torch.channels_last)
            logits = (logits + forward(net, mirror, given, recipe.precision).flip(3)) / 2
        for i, seen in zip(part, logits.numpy(), strict=True):
            rows, cols = labelled.masks[i].shape
            top, left = (side - rows) // 2, (side - cols) // 2
            found.append(np.asarray(seen[:, top : top + rows, left : left + cols]))
    return found


def run_fold(
    recipe: Recipe, labelled: Labelled, folder: Path, fold: int, classes: int, *,
    start: Path | None = None, device: torch.device = augment.CPU, report: Callable[[Epoch], None] = lambda epoch: None,
) -> Path:  # fmt: skip
    """Train on every picture outside one fold (fold -1: on all), resuming if begun, and keep what it says of the fold.

    Returns:
        The fold's folder.

    Raises:
        UsageError: no picture lies in this fold, or the folder holds a run of another recipe or other pictures.
    """
    place = assign(labelled, recipe.folds, recipe.fold_count, recipe.seed, recipe.fold_parts)
    train, hold = np.flatnonzero(place != fold), np.flatnonzero(place == fold)
    if fold < 0:
        train, hold = np.arange(len(labelled)), np.zeros(0, np.int64)
    if fold >= 0 and not len(hold):
        raise UsageError(f"no picture lies in fold {fold}: choose 0 to {place.max()}, or -1 to train on everything")
    where = folder / (f"fold-{fold}" if fold >= 0 else "all")
    names = [labelled.ids[i] for i in hold]
    content = record(
        recipe, labelled, fold=fold, classes=classes, train=len(train), held_out=names, device=device.type,
        labelled_sha256=fingerprint(given_to_folds(labelled)),
    )  # fmt: skip
    check_same(where, content)
    trainer = Trainer(recipe, labelled, train, hold, classes, where, start, fold + 1, device)
    trainer.resume()
    write_record(where, content)
    net = trainer.run(report)
    if len(hold):
        single = held_out(net, recipe, labelled, hold, classes, flip=False)
        both = held_out(net, recipe, labelled, hold, classes, flip=True)
        write_held_out(where / "held-out.npz", [labelled.ids[i] for i in hold], single, both)
    return where


def check_same(where: Path, content: dict[str, Any]) -> None:
    """Refuse to go on with a run whose record tells of another recipe or other pictures."""
    if not (where / "checkpoint.pt").exists() or not (where / "record.json").exists():
        return
    before = json.loads((where / "record.json").read_text())
    # Settings that only one version of Outcrop knows cannot be compared.
    changed = [key for key, value in before["recipe"].items() if content["recipe"].get(key, value) != value]
    if changed:
        raise UsageError(
            f"{where} was trained by another recipe ({', '.join(changed)}): give another --out or the same settings"
        )
    if before["data_sha256"] != content["data_sha256"]:
        raise UsageError(f"{where} was trained on other pictures: give another --out or the same data")


Report = Callable[[int, Epoch, int], None]
"""(fold, epoch just finished, epochs in all)."""


def train(
    task: Task, data: Path, out: Path, *, recipe: str | None = None, folds: Sequence[int] | None = None,
    settings: dict[str, str] | None = None, pseudo: Path | None = None, teacher: Path | Sequence[Path] | None = None, start: Path | None = None,
    also: Sequence[Path] = (), threads: int = 0, device: str | None = None, resume: bool = False,
    report: Report = lambda fold, epoch, epochs: None,
) -> Path:  # fmt: skip
    """Train a recipe of a room on a folder of labelled data.

    Args:
        folds: which folds to hold out in turn; -1 trains on everything; None takes every fold.
        settings: changes to the recipe, as text.
        pseudo, teacher: unlabelled pictures and the run or model files (as for ``start``) that label them, each fold's
            by the model that never saw that fold; of several teachers the mean probability counts.
        start: run whose weights each fold starts from; or a model file, or one for each fold (see
            ``folds.fold_files``), of the recipe's network.
        also: further folders whose pictures train in every fold and are never held out.
        device: one of ``engine.device.DEVICES``; None is "auto".

    Raises:
        UsageError: no such recipe, setting or device, a teacher without pictures, a model file that learnt from what is
            held out or is of another network, or a folder that holds another run.
    """
    chosen = _recipe(task, recipe).changed(settings or {})
    teachers = (teacher,) if isinstance(teacher, Path) else tuple(teacher or ())
    if (pseudo is None) != (not teachers):
        raise UsageError(
            "--pseudo and --teacher go together: give the unlabelled pictures and the run that labels them"
        )
    if out.exists() and any(out.iterdir()) and not resume:
        raise OutputExists(f"{out} already holds files: go on with --resume, or give another --out")
    torch.set_num_threads(threads or torch.get_num_threads())
    place = device_of(device or "auto")
    told = asked(task, chosen.bands)
    labelled = task.examples(data, training=True, **told)
    chosen = standardised(chosen, labelled)
    for folder in also:
        labelled = labelled.plus(task.examples(folder, company=True, training=True, **told))
    write_record(out, record(chosen, labelled, task=task.name, classes=list(task.classes), settings=settings or {}))
    for fold in range(chosen.fold_count * chosen.fold_parts) if folds is None else folds:
        known = labelled
        if pseudo is not None:
            bands = labelled.images[0].shape[0]
            taught_by = [_start(one, fold, labelled, chosen) for one in teachers]
            known = labelled.plus(_pseudo_labels(chosen, pseudo, taught_by, len(task.classes), fold, bands, place))
        run_fold(
            chosen, known, out, fold, len(task.classes), start=_start(start, fold, labelled, chosen) if start else None, device=place,
            report=lambda epoch, fold=fold: _tell(out, fold, epoch, chosen.epochs, report),  # type: ignore[misc]
        )  # fmt: skip
    return out


def _recipe(task: Task, name: str | None) -> Recipe:
    """A room's recipe by name; the first one without a name."""
    wanted = name or next(iter(task.recipes))
    if wanted not in task.recipes:
        raise UsageError(f"no recipe {wanted!r} in the room {task.name}: choose one of {', '.join(task.recipes)}")
    found: Recipe = task.recipes[wanted]
    return found


def _tell(out: Path, fold: int, epoch: Epoch, epochs: int, report: Report) -> None:
    """Draw the curves anew and pass the epoch on."""
    from outcrop.outputs import curves

    where = out / (f"fold-{fold}" if fold >= 0 else "all")
    curves.draw(where / "log.csv", where / "curves.png", final=epoch.epoch + 1 == epochs)
    report(fold, epoch, epochs)


def _weights(run: Path, fold: int) -> Path:
    """The checkpoint of a fold of another run."""
    path = _checkpoint(run, fold)
    if not path.exists():
        raise UsageError(f"{run} has no checkpoint of fold {fold}: train that fold there first")
    return path


def _checkpoint(run: Path, fold: int) -> Path:
    """Where the checkpoint of a fold of a run lies."""
    return run / (f"fold-{fold}" if fold >= 0 else "all") / "checkpoint.pt"


def _fold_of(checkpoint: Path) -> int:
    """The fold whose checkpoint this is."""
    last = checkpoint.parent.name.rpartition("-")[2]
    return int(last) if last.isdigit() else -1


def _start(start: Path, fold: int, labelled: Labelled, recipe: Recipe) -> Path:
    """The weights that a fold starts from or is taught by: a checkpoint of a run, or a model file; of a fold's part those of the
    part, else of the whole fold.

    Raises:
        UsageError: there are none, or they learnt from the pictures that this fold holds out.
    """
    whole = fold % recipe.fold_count if fold >= 0 and recipe.fold_parts > 1 else fold
    files = {fold: start} if start.suffix == ".onnx" else fold_files(start)
    file = files.get(fold, files.get(whole))
    path = file or _weights(start, fold if _checkpoint(start, fold).exists() else whole)
    learnt = read_card(path).training if file else _record(path.parent, _fold_of(path))
    same = learnt.get("labelled_sha256") in (None, fingerprint(given_to_folds(labelled)))
    before, now = _scheme(learnt.get("recipe", {})), _scheme(recipe.as_dict())
    alike = (learnt.get("fold"), *before) in {(fold, *now), (whole, *_scheme({**recipe.as_dict(), "fold_parts": 1}))}
    if fold >= 0 and same and not alike:
        raise UsageError(
            f"{path.name if file else start} may have learnt from the pictures that fold {fold} holds out: give it the model "
            "of that fold of folds drawn alike, or train on everything with --fold -1"
        )
    return path


def _scheme(recipe: dict[str, Any]) -> tuple[Any, ...]:
    """The settings that say how pictures are shared out among folds; those that the data prescribe have none but the name."""
    folds = recipe.get("folds")
    drawn = (recipe.get("fold_count"), recipe.get("seed"), recipe.get("fold_parts", 1))
    return (folds,) if folds == "fixed" else (folds, *drawn)


def _record(where: Path, fold: int) -> dict[str, Any]:
    """What the record of a fold of a run tells; early versions did not write the fold into it.

    Raises:
        UsageError: there is none.
    """
    try:
        content: dict[str, Any] = json.loads((where / "record.json").read_text(encoding="utf-8"))
    except (OSError, ValueError):
        raise UsageError(f"{where} has no readable record.json beside its checkpoint: give the whole run") from None
    return {"fold": fold, **content}


def given_to_folds(labelled: Labelled) -> Labelled:
    """The pictures that folds hold out in turn, without those that always train."""
    return labelled.take(np.flatnonzero(~labelled.always)) if len(labelled.always) else labelled


def network_of(run: Path, fold: int, bands: int) -> tuple[Net, Recipe]:
    """The trained network of one fold of a run, and its recipe.

    Raises:
        UsageError: the run has no such fold.
    """
    path = _weights(run, fold)
    content = json.loads((path.parent / "record.json").read_text())
    recipe = Recipe.from_dict(content["recipe"])
    net = build(recipe, bands, content.get("classes", 1))
    net.load_state_dict(torch.load(path, map_location="cpu", weights_only=True)["kept"])
    return net.eval(), recipe


def _pseudo_labels(
    recipe: Recipe, pictures: Path, teachers: Sequence[Path], classes: int, fold: int, bands: int, device: torch.device
) -> Labelled:
    """Unlabelled pictures that the fold's own teachers, in the mean, are sure of."""
    ids, images = read_pictures(pictures)
    if bands != images[0].shape[0]:
        raise UsageError(
            f"--pseudo takes grey pictures, and the network sees {bands} bands: see scenes with `outcrop predict`, cut "
            "pictures from what it found with `outcrop samples`, and give them with --also"
        )
    blank = Labelled(
        ids=ids, images=images, masks=tuple(np.zeros(i.shape[1:], np.uint8) for i in images), groups=ids,
        strata=np.zeros(len(ids), np.int64), context=np.zeros((len(ids), 2), np.float32),
    )  # fmt: skip
    each = [_seen_by(teacher, blank, classes, device) for teacher in teachers]
    probabilities = [np.mean(seen, axis=0) for seen in zip(*each, strict=True)]
    rng = np.random.default_rng([recipe.seed, fold + 1])
    return label(ids, images, probabilities, lambda mask: round(10 * float((mask > 0).mean())), rng=rng)


def _seen_by(teacher: Path, pictures: Labelled, classes: int, device: torch.device) -> list[Floats]:
    """Probabilities, (classes, rows, cols) each, of a model file or a checkpoint, averaged with the mirrored picture's."""
    if teacher.suffix == ".onnx":
        return seen_by_files([teacher], pictures, flips=True)
    net, recipe = network_of(teacher.parent.parent, _fold_of(teacher), pictures.images[0].shape[0])
    logits = held_out(net.to(device), recipe, pictures, np.arange(len(pictures)), classes, flip=True)
    return [np.asarray(1 / (1 + np.exp(-seen)), np.float32) for seen in logits]
