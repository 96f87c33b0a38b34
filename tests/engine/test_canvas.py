"""Overlapping chips become one map: seams are invisible, rows come in order, memory holds one chip's height."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from outcrop.core.grid import Grid
from outcrop.core.scene import Floats
from outcrop.engine.canvas import Canvas, ramp


def painted(truth: Floats, size: int, overlap: int, spoil: int = 0) -> tuple[Floats, list[int], int]:
    """A truth (classes, rows, cols) cut into chips and put back together.

    Args:
        spoil: rows and columns of garbage at every edge of a chip that lies inside the scene.

    Returns:
        the map, the first row of every strip, and the most rows that the canvas ever held.
    """
    grid = Grid(shape=(truth.shape[1], truth.shape[2]))
    canvas = Canvas(grid, len(truth), overlap)
    strips, held = [], 0
    for window in grid.windows(size, overlap):
        chip = truth[:, *window.slices].copy()
        inside = np.zeros((window.height, window.width), bool)
        inside[:spoil] |= window.row > 0
        inside[window.height - spoil :] |= window.row + window.height < grid.shape[0]
        inside[:, :spoil] |= window.col > 0
        inside[:, window.width - spoil :] |= window.col + window.width < grid.shape[1]
        chip[:, inside] = 1 - np.round(chip[:, inside])
        finished = canvas.add(window, chip)
        held = max(held, canvas.total.shape[1])
        if finished is not None:
            strips.append(finished)
    strips.append(canvas.finish())
    return np.concatenate([values for _, values in strips], axis=1), [row for row, _ in strips], held


def noise(*shape: int, seed: int = 0) -> Floats:
    return np.random.default_rng(seed).random(shape, np.float32)


sides = st.integers(1, 90)


@given(sides, sides, st.integers(8, 40).flatmap(lambda s: st.tuples(st.just(s), st.integers(2, s // 2))))
def test_what_a_chip_sees_wrongly_at_its_inner_edges_leaves_no_trace(
    rows: int, cols: int, how: tuple[int, int]
) -> None:
    """A quarter of the overlap weighs nothing at either side."""
    truth = noise(2, rows, cols)
    found, _, _ = painted(truth, *how, spoil=max(how[1] // 4, 1))
    assert found.shape == truth.shape
    assert np.abs(found - truth).max() < 1e-5


@given(sides, sides, st.integers(1, 40).flatmap(lambda s: st.tuples(st.just(s), st.integers(0, s - 1))))
def test_the_same_answer_from_every_chip_is_the_answer(rows: int, cols: int, how: tuple[int, int]) -> None:
    truth = noise(1, rows, cols)
    assert np.allclose(painted(truth, *how)[0], truth, atol=1e-6)


@given(st.integers(1, 200), st.integers(1, 30), st.integers(4, 20))
def test_the_canvas_never_holds_more_rows_than_a_chip(rows: int, cols: int, size: int) -> None:
    _, _, held = painted(noise(1, rows, cols), size, size // 2)
    assert held <= size


@given(st.integers(1, 200), st.integers(1, 30), st.integers(4, 20))
def test_strips_come_once_each_from_top_to_bottom(rows: int, cols: int, size: int) -> None:
    found, starts, _ = painted(noise(1, rows, cols), size, size // 2)
    assert starts == sorted(set(starts)) and starts[0] == 0
    assert found.shape == (1, rows, cols)


@given(st.integers(0, 99))
def test_a_pixel_that_was_not_seen_stays_alone_in_that(seed: int) -> None:
    truth = noise(2, 50, 40, seed=seed)
    missing = np.random.default_rng(seed).random((50, 40)) < 0.1
    truth[:, missing] = np.nan
    found = painted(truth, 16, 8)[0]
    assert np.array_equal(np.isnan(found), np.broadcast_to(missing, found.shape))
    assert np.allclose(found[:, ~missing], truth[:, ~missing], atol=1e-6)


@pytest.mark.parametrize("overlap", [0, 1, 8, 16, 31])
def test_a_ramp_is_whole_at_the_edge_of_the_scene(overlap: int) -> None:
    assert ramp(32, overlap, starts=True, ends=True).tolist() == [1] * 32


def test_a_ramp_is_quiet_at_the_edge_then_rises_in_a_line() -> None:
    weight = ramp(32, 8, starts=False, ends=True)
    assert weight[:2].max() <= 1e-6 and weight[6:].tolist() == [1] * 26
    assert np.allclose(np.diff(weight[2:6]), 0.25)
    assert np.array_equal(ramp(32, 8, starts=True, ends=False), weight[::-1])


@given(st.integers(4, 64), st.integers(0, 30))
def test_a_ramp_never_reaches_nothing(length: int, overlap: int) -> None:
    """A pixel that only quiet edges saw still gets a value."""
    weight = ramp(length, min(overlap, length - 1), starts=False, ends=False)
    assert (weight > 0).all() and (weight <= 1).all() and weight.dtype == np.float32
