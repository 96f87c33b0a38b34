"""Probabilities of a large scene on disk."""

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from outcrop.core.grid import Grid
from outcrop.core.scene import Floats, ProbabilityMap, scene_from_array
from outcrop.engine.kept import keep, rounded


def striped(values: Floats, height: int, seen: list[int]) -> ProbabilityMap:
    """A map handed out in strips, which counts how often it was seen."""
    rows, cols = values.shape[1:]
    scene = scene_from_array("s", np.zeros((1, rows, cols), np.float32), Grid(shape=(rows, cols)), ("grey",))

    def strips() -> Iterator[tuple[int, Floats]]:
        seen.append(1)
        for first in range(0, rows, height):
            yield first, values[:, first : first + height]

    return ProbabilityMap(scene=scene, classes=("a", "b"), strips=strips)


@pytest.mark.parametrize("levels", [254, 255])
def test_a_kept_map_is_seen_once_and_read_as_often_as_needed(tmp_path: Path, levels: int) -> None:
    values = np.random.default_rng(0).random((2, 21, 13), np.float32)
    values[:, 3:5, 2:4] = np.nan
    values[0, 0, 0], values[0, 0, 1] = 1.0, 0.0
    seen: list[int] = []
    told: list[tuple[int, int]] = []
    kept = keep(striped(values, 8, seen), tmp_path / "a" / "map", lambda done, rows: told.append((done, rows)), levels)
    for _ in range(2):
        assert np.array_equal(kept.values(), rounded(values, levels), equal_nan=True)
    assert len(seen) == 1 and told == [(8, 21), (16, 21), (21, 21)]
    assert [first for first, _ in kept.strips()] == [0, 8, 16]


def test_an_abandoned_reader_does_no_harm_to_the_next(tmp_path: Path) -> None:
    values = np.random.default_rng(1).random((2, 9, 4), np.float32)
    kept = keep(striped(values, 2, []), tmp_path / "map")
    next(kept.strips())
    assert len(list(kept.strips())) == 5
