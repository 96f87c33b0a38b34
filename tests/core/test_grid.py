"""Pixels lie where the grid says, and windows cover all of them."""

from math import cos, pi, sin

import numpy as np
import pytest
from affine import Affine
from hypothesis import given
from hypothesis import strategies as st

from outcrop.core.errors import UsageError, WrongUnit
from outcrop.core.grid import PIXELS, WAY_OUT, Axis, Grid, Window

METRES = (Axis("easting", "m"), Axis("northing", "m"))


def test_a_pixel_keeps_its_size_on_a_rotated_grid() -> None:
    turned = Affine(4 * cos(0.3), 3 * -sin(0.3), 500_000, 4 * sin(0.3), 3 * cos(0.3), 7_000_000)
    assert Grid(shape=(9, 9), transform=turned, axes=METRES).pixel_size() == pytest.approx((4, 3))


def test_a_pixel_has_a_size_where_north_is_up() -> None:
    grid = Grid(shape=(9, 9), transform=Affine(10, 0, 0, 0, -20, 0), axes=METRES)
    assert grid.pixel_size("m") == (10.0, 20.0)


@pytest.mark.parametrize("unit", sorted(WAY_OUT))
def test_a_foreign_unit_is_refused_with_a_way_out(unit: str) -> None:
    grid = Grid(shape=(9, 9), axes=(Axis("along", unit), Axis("down", "m")))
    with pytest.raises(WrongUnit) as refusal:
        grid.pixel_size("m")
    assert f"along is in {unit}, not m" in str(refusal.value)
    assert WAY_OUT[unit] in str(refusal.value)


def test_the_second_axis_is_checked_too() -> None:
    grid = Grid(shape=(9, 9), axes=(Axis("along line", "m"), Axis("two-way time", "ms")))
    with pytest.raises(WrongUnit, match="two-way time is in ms"):
        grid.pixel_size("m")


def test_a_photo_has_pixels_of_one_pixel() -> None:
    assert Grid(shape=(9, 9)).axes == PIXELS
    assert Grid(shape=(9, 9)).pixel_size("px") == (1.0, 1.0)


@given(st.integers(0, 50), st.integers(0, 50), st.floats(0, 2 * pi), st.floats(0.1, 100))
def test_a_crop_leaves_every_pixel_in_its_place(row: int, col: int, angle: float, size: float) -> None:
    grid = Grid(
        shape=(100, 100), transform=Affine.translation(5, -3) @ Affine.rotation(angle * 180 / pi) @ Affine.scale(size, -size)
    )  # fmt: skip
    part = grid.crop(Window(row=row, col=col, height=20, width=30))
    assert part.shape == (20, 30)
    assert part.transform @ (7, 4) == pytest.approx(grid.transform @ (col + 7, row + 4), abs=1e-6)


def test_a_crop_keeps_axes_and_projection() -> None:
    part = Grid(shape=(9, 9), axes=METRES, crs="EPSG:32723").crop(Window(row=1, col=2, height=3, width=4))
    assert (part.axes, part.crs) == (METRES, "EPSG:32723")


def test_slices_cut_rows_then_columns() -> None:
    array = np.arange(60).reshape(2, 5, 6)
    cut = array[:, *Window(row=1, col=2, height=3, width=4).slices]
    assert cut.shape == (2, 3, 4)
    assert cut[0, 0, 0] == array[0, 1, 2]


def test_the_whole_is_one_window() -> None:
    assert Grid(shape=(5, 6)).whole == Window(row=0, col=0, height=5, width=6)


sizes = st.integers(2, 70).flatmap(lambda size: st.tuples(st.just(size), st.integers(0, size - 1)))


@given(st.integers(1, 200), st.integers(1, 200), sizes)
def test_windows_cover_every_pixel_and_stay_inside(rows: int, cols: int, how: tuple[int, int]) -> None:
    seen = np.zeros((rows, cols), np.int64)
    for window in Grid(shape=(rows, cols)).windows(*how):
        assert (window.height, window.width) == (min(how[0], rows), min(how[0], cols))
        assert window.row >= 0 and window.col >= 0
        assert window.row + window.height <= rows and window.col + window.width <= cols
        seen[window.slices] += 1
    assert seen.all()


@given(st.integers(1, 400), sizes)
def test_neighbours_share_at_least_the_overlap_and_no_window_comes_twice(cols: int, how: tuple[int, int]) -> None:
    size, overlap = how
    starts = [w.col for w in Grid(shape=(1, cols)).windows(size, overlap)]
    steps = np.diff(starts)
    assert all(1 <= step <= size - overlap for step in steps)
    assert len(steps) == 0 or max(steps) - min(steps) <= 1


@given(st.integers(1, 150), st.integers(1, 150), sizes)
def test_windows_come_row_by_row(rows: int, cols: int, how: tuple[int, int]) -> None:
    places = [(w.row, w.col) for w in Grid(shape=(rows, cols)).windows(*how)]
    assert places == sorted(set(places))


def test_a_small_grid_is_one_window_of_its_own_shape() -> None:
    assert Grid(shape=(3, 7)).windows(64, 16) == [Window(row=0, col=0, height=3, width=7)]


@pytest.mark.parametrize("overlap", [-1, 64, 100])
def test_an_overlap_without_a_step_is_refused(overlap: int) -> None:
    with pytest.raises(UsageError, match="choose 0 to 63"):
        Grid(shape=(100, 100)).windows(64, overlap)
