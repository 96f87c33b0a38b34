"""A large scene's probabilities on disk: written once while it is seen, read as often as needed, strip by strip.

Eight bits a pixel and class, as the files of a run keep them, so that what is measured now is what can be measured
again from those files. Memory holds one strip.
"""

from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np

from outcrop.core.scene import Floats, ProbabilityMap


def rounded(values: Floats, levels: int = 255) -> Floats:
    """Probabilities as a file of 8 bits keeps them; NaN stays.

    Args:
        levels: the stored number that stands for 1: 255, or 254 where 255 means "not seen".
    """
    return np.asarray(np.rint(values * levels) / np.float32(levels), np.float32)


def keep(
    seen: ProbabilityMap, path: Path, progress: Callable[[int, int], None] = lambda done, rows: None, levels: int = 254
) -> ProbabilityMap:
    """The same map, seen once and kept at ``path``.

    Args:
        progress: called with (rows done, rows in all).
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    kind, unseen = (np.uint8, 255) if levels < 255 else (np.uint16, 256)
    places: list[tuple[int, tuple[int, ...], int]] = []
    with path.open("wb") as file:
        for first, values in seen.strips():
            stored = np.where(np.isnan(values), np.float32(unseen), np.rint(values * levels)).astype(kind)
            places.append((first, stored.shape, file.tell()))
            stored.tofile(file)
            progress(first + stored.shape[1], seen.scene.grid.shape[0])

    def strips() -> Iterator[tuple[int, Floats]]:
        # Read and not mapped: mapped pages would count as memory of this process.
        table = np.full(unseen + 1, np.nan, np.float32)
        table[: levels + 1] = np.arange(levels + 1, dtype=np.float32) / np.float32(levels)
        with path.open("rb") as file:
            for first, shape, offset in places:
                file.seek(offset)
                yield first, table[np.fromfile(file, kind, int(np.prod(shape))).reshape(shape)]

    return replace(seen, strips=strips)
