"""Held-out logits of a training run on disk: ``fold-k/held-out.npz``."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from outcrop.core.scene import Floats


def write_held_out(path: Path, ids: Sequence[str], single: Sequence[Floats], flip: Sequence[Floats]) -> None:
    """Keep logits, (classes, rows, cols) per picture, float16: of the picture alone, and averaged with its mirror image."""
    np.savez_compressed(
        path, ids=np.array(ids), sizes=np.array([s.shape for s in single]), single=_flat(single), flip=_flat(flip)
    )


def _flat(maps: Sequence[Floats]) -> NDArray[np.float16]:
    """Logits of several pictures end to end."""
    return np.concatenate([m.ravel() for m in maps]).astype(np.float16)


def read_held_out(run: Path, key: str = "flip") -> tuple[dict[str, Floats], dict[str, int]]:
    """Logits and fold of every picture by its id, from every finished fold of a run."""
    found: dict[str, Floats] = {}
    folds: dict[str, int] = {}
    for path in sorted(run.glob("fold-*/held-out.npz")):
        fold = int(path.parent.name.removeprefix("fold-"))
        with np.load(path) as stored:
            ends = np.cumsum([int(np.prod(s)) for s in stored["sizes"]])
            parts = np.split(stored[key].astype(np.float32), ends[:-1])
            for id, shape, part in zip(stored["ids"], stored["sizes"], parts, strict=True):
                found[str(id)] = part.reshape(shape)
                folds[str(id)] = fold
    return found, folds
