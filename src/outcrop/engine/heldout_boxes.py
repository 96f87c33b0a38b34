"""Held-out detections of a training run on disk: ``fold-k/held-out-boxes.npz``."""

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np

from outcrop.models.suppression import Found


def write_held_out_boxes(
    path: Path, ids: Sequence[str], kinds: Sequence[str], views: Mapping[str, Sequence[Found]]
) -> None:
    """Keep what a detector says of pictures it never saw, in their own pixels, one list of detections per view.

    Args:
        views: "single", the pictures alone, and "flip", fused with their mirror images.
    """
    columns: dict[str, np.ndarray] = {"ids": np.array(ids), "kinds": np.array(kinds)}
    for view, found in views.items():
        columns[f"{view}_counts"] = np.array([len(f.scores) for f in found], np.int64)
        for name, parts in zip(Found._fields, zip(*found, strict=True), strict=True):
            columns[f"{view}_{name}"] = np.concatenate(parts)
    np.savez_compressed(path, **columns)  # type: ignore[arg-type]


def read_held_out_boxes(run: Path, key: str = "flip") -> tuple[dict[str, Found], dict[str, int]]:
    """Detections, down to a score of 0.01, and fold of every picture by its id, from every finished fold of a run."""
    found: dict[str, Found] = {}
    folds: dict[str, int] = {}
    for path in sorted(run.glob("fold-*/held-out-boxes.npz")):
        with np.load(path) as stored:
            ends = np.cumsum(stored[f"{key}_counts"])[:-1]
            parts = zip(*(np.split(stored[f"{key}_{name}"], ends) for name in Found._fields), strict=True)
            for id, (boxes, scores, labels) in zip(stored["ids"], parts, strict=True):
                found[str(id)] = Found(boxes, scores, labels)
                folds[str(id)] = int(path.parent.name.removeprefix("fold-"))
    return found, folds
