"""A scene is read window by window, and a map is a stream of rows that can be asked for again."""

from collections.abc import Iterator
from dataclasses import FrozenInstanceError

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from outcrop.core.grid import Grid, Window
from outcrop.core.scene import Floats, ProbabilityMap, Scene, map_from_array, scene_from_array

IMAGE = np.arange(2 * 5 * 7, dtype=np.float32).reshape(2, 5, 7)
SCENE = scene_from_array("drawn", IMAGE, Grid(shape=(5, 7)), ("red", "green"), {"depth": 506.0})


@given(st.integers(0, 4), st.integers(0, 6), st.integers(1, 5), st.integers(1, 7))
def test_a_window_reads_its_own_pixels(row: int, col: int, height: int, width: int) -> None:
    read = SCENE.read(Window(row=row, col=col, height=height, width=width))
    assert np.array_equal(read, IMAGE[:, row : row + height, col : col + width])


def test_a_scene_carries_its_bands_and_its_context() -> None:
    assert (SCENE.id, SCENE.bands, SCENE.context, SCENE.acquired) == ("drawn", ("red", "green"), {"depth": 506.0}, None)


def test_a_scene_without_context_has_its_own_empty_one() -> None:
    first, second = (scene_from_array("drawn", IMAGE, Grid(shape=(5, 7)), ("red", "green")) for _ in range(2))
    first.context["depth"] = 1.0
    assert second.context == {}


def test_a_scene_cannot_be_changed() -> None:
    with pytest.raises(FrozenInstanceError):
        SCENE.id = "other"  # type: ignore[misc]


def stripes(scene: Scene, values: Floats) -> ProbabilityMap:
    def strips() -> Iterator[tuple[int, Floats]]:
        yield 0, values[:, :2]
        yield 2, values[:, 2:]

    return ProbabilityMap(scene=scene, classes=("salt", "sand"), strips=strips)


def test_a_map_is_whole_again_when_its_strips_are_joined() -> None:
    seen = stripes(SCENE, IMAGE)
    assert np.array_equal(seen.values(), IMAGE)
    assert np.array_equal(seen.values(), IMAGE), "the second asking starts from the top"


def test_a_class_is_found_by_its_name() -> None:
    assert np.array_equal(stripes(SCENE, IMAGE).of("sand"), IMAGE[1])
    with pytest.raises(ValueError, match="not in tuple"):
        stripes(SCENE, IMAGE).of("oil")


def test_a_map_in_memory_can_be_read_twice() -> None:
    held = map_from_array(SCENE, ("salt", "sand"), IMAGE)
    assert [(row, values.shape) for row, values in held.strips()] == [(0, (2, 5, 7))]
    assert np.array_equal(held.values(), held.values())
