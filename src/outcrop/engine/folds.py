"""Folds: which pictures are held out together.

Neighbours in space look alike, so pictures of one place, mosaic or survey belong in one fold; random folds
leak and flatter. Both are offered, by name, so that both scores can be shown.
"""

import numpy as np
from numpy.typing import NDArray

from outcrop.core.errors import UsageError
from outcrop.core.labelled import Labelled


def assign(labelled: Labelled, scheme: str, count: int, seed: int = 0) -> NDArray[np.int64]:
    """Fold of every picture, (n,), in 0..count-1; -1 for pictures that are never held out.

    "random" keeps the strata in equal shares; "grouped" keeps every group whole and the strata nearly so;
    "fixed" takes the folds that the data set prescribes.

    Raises:
        UsageError: no such scheme, no prescribed folds, or fewer pictures or groups than folds.
    """
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


def _groups(labelled: Labelled, free: NDArray[np.int64]) -> list[NDArray[np.int64]]:
    """Positions of the pictures of each group."""
    if not len(free):
        return []
    names = np.array(labelled.groups)[free]
    _, inverse = np.unique(names, return_inverse=True)
    order = np.argsort(inverse, kind="stable")
    return [free[part] for part in np.split(order, np.flatnonzero(np.diff(inverse[order])) + 1)]
