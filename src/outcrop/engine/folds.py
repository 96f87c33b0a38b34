"""Folds: which pictures are held out together.

Neighbours in space look alike, so pictures of one place, mosaic or survey belong in one fold; random folds
leak and flatter. Both are offered, by name, so that both scores can be shown.
"""

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from outcrop.core.errors import UsageError
from outcrop.core.labelled import Labelled


def assign(labelled: Labelled, scheme: str, count: int, seed: int = 0, parts: int = 1) -> NDArray[np.int64]:
    """Fold of every picture, (n,), in 0..count * parts - 1; -1 for pictures that are never held out.

    "random" keeps the strata in equal shares; "grouped" keeps every group whole and the strata nearly so;
    "fixed" takes the folds that the data set prescribes. Fold k cut in parts is k, k + count, k + 2 count ..

    Raises:
        UsageError: no such scheme, no prescribed folds or ones to be cut, or fewer pictures or groups than folds.
    """
    if parts > 1:
        return _cut(labelled, assign(labelled, scheme, count, seed), scheme, count, seed, parts)
    rng = np.random.default_rng(seed)
    fold = np.full(len(labelled), -1, np.int64)
    free = np.flatnonzero(~labelled.always) if len(labelled.always) else np.arange(len(labelled))
    if scheme == "fixed":
        if labelled.fixed_folds is None:
            raise UsageError("this data set prescribes no folds: choose random or grouped")
        return labelled.fixed_folds
    units = {"random": [np.array([i]) for i in free], "grouped": _groups(labelled, free)}.get(scheme)
    if units is None:
        raise UsageError(f"no fold scheme {scheme!r}: choose random, grouped or fixed")
    if len(units) < count:
        raise UsageError(
            f"{len(units)} {'groups' if scheme == 'grouped' else 'pictures'} do not make {count} folds: ask for fewer"
        )
    levels = int(labelled.strata.max(initial=0)) + 1
    filled = np.zeros((count, levels))
    order = rng.permutation(len(units))
    for unit in sorted(order, key=lambda u: -len(units[u])):
        members = units[unit]
        content = np.bincount(labelled.strata[members], minlength=levels)
        # The fold that holds least of what this unit brings, then the emptiest one.
        load = filled @ content + 1e-6 * filled.sum(1)
        fold[members] = target = int(load.argmin())
        filled[target] += content
    return fold


def _cut(
    labelled: Labelled, whole: NDArray[np.int64], scheme: str, count: int, seed: int, parts: int
) -> NDArray[np.int64]:
    """Every fold in parts, by the scheme that made the folds."""
    if scheme == "fixed":
        raise UsageError("prescribed folds stay whole: leave out fold_parts, or choose random or grouped")
    fold = whole.copy()
    for k in range(count):
        index = np.flatnonzero(whole == k)
        fold[index] += count * assign(labelled.take(index), scheme, parts, seed)
    return fold


def _groups(labelled: Labelled, free: NDArray[np.int64]) -> list[NDArray[np.int64]]:
    """Positions of the pictures of each group."""
    if not len(free):
        return []
    names = np.array(labelled.groups)[free]
    _, inverse = np.unique(names, return_inverse=True)
    order = np.argsort(inverse, kind="stable")
    return [free[part] for part in np.split(order, np.flatnonzero(np.diff(inverse[order])) + 1)]


def fold_files(where: Path) -> dict[int, Path]:
    """Model files by the fold that their names end with; none where there is a training run.

    Args:
        where: a folder of `pictures-0.onnx` to `pictures-4.onnx`, or the beginning of their names, `folder/pictures`.

    Raises:
        UsageError: two files of one fold.
    """
    if where.is_dir():
        files = [] if any(where.glob("fold-*")) else sorted(where.glob("*.onnx"))
    else:
        files = sorted(where.parent.glob(f"{where.name}-*.onnx"))
    found: dict[int, Path] = {}
    for file in files:
        last = file.stem.rpartition("-")[2]
        if not last.isdigit():
            continue
        fold = int(last)
        if fold in found:
            raise UsageError(
                f"{found[fold].name} and {file.name} are both of fold {fold}: name the set, as in {where / 'pictures'}"
            )
        found[fold] = file
    return found
