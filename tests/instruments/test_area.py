"""Areas and shares against shapes whose size is known on paper."""

import numpy as np
import pytest
from affine import Affine
from hypothesis import given
from hypothesis import strategies as st

from outcrop.core.errors import NothingToSee, WrongUnit
from outcrop.core.grid import Axis, Grid
from outcrop.core.task import ModelError
from outcrop.instruments.area import area, outline_faces, share, smooth_size

METRES = (Axis("easting", "m"), Axis("northing", "m"))


def disc(radius: float, centre: tuple[float, float], size: int = 64) -> np.ndarray:
    rows, cols = np.mgrid[:size, :size]
    return ((rows - centre[0]) ** 2 + (cols - centre[1]) ** 2 <= radius**2).astype(np.float32)


def ball(radius: float, size: int = 64) -> np.ndarray:
    i, j, k = np.mgrid[:size, :size, :size] - size / 2 + 0.3
    return i**2 + j**2 + k**2 <= radius**2


def metric(side: float = 10.0, size: int = 64) -> Grid:
    return Grid(shape=(size, size), transform=Affine.scale(side, -side), axes=METRES)


def test_the_interval_holds_the_true_area_of_discs_and_is_not_idle():
    rng = np.random.default_rng(0)
    held, widths = [], []
    for _ in range(200):
        radius = rng.uniform(5, 25)
        found = area(disc(radius, tuple(rng.uniform(28, 36, 2))), metric(), rng)
        low, high = found.interval(0.9)
        truth = np.pi * (radius * 10.0) ** 2
        held.append(low <= truth <= high)
        widths.append((high - low) / truth)
        assert found.value == pytest.approx(truth, rel=0.06)
    assert np.mean(held) >= 0.85
    assert np.median(widths) < 0.2


def test_a_wider_outline_gives_a_wider_interval():
    picture = disc(15, (32, 32))

    def width(outline: float) -> float:
        low, high = area(picture, metric(), np.random.default_rng(1), outline=outline).interval()
        return high - low

    assert width(2.0) == pytest.approx(4 * width(0.5), rel=1e-6)


def test_a_staircase_is_smoothed_to_the_true_circumference_and_surface():
    faces = outline_faces(disc(25, (32, 32)) > 0, np.ones((64, 64), bool))
    assert smooth_size(faces) == pytest.approx(2 * np.pi * 25, rel=0.03)
    solid = np.pad(ball(25), 1)
    sides = [int(np.abs(np.diff(solid.astype(int), axis=axis)).sum()) for axis in range(3)]
    assert smooth_size(sides) == pytest.approx(4 * np.pi * 25**2, rel=0.02)


def test_a_level_sheet_keeps_its_own_surface():
    assert smooth_size((0, 0, 500)) == pytest.approx(500)
    assert smooth_size((0, 0, 0)) == 0


def test_degrees_milliseconds_and_pixels_are_refused_with_a_way_out():
    picture, rng = disc(5, (32, 32)), np.random.default_rng(0)
    degrees = Grid(shape=(64, 64), axes=(Axis("longitude", "°"), Axis("latitude", "°")))
    with pytest.raises(WrongUnit, match="reproject"):
        area(picture, degrees, rng)
    with pytest.raises(WrongUnit, match="size of its pixels"):
        area(picture, Grid(shape=(64, 64)), rng)


def test_a_share_needs_no_scale_and_leaves_missing_pixels_out():
    picture = np.zeros((20, 20), np.float32)
    picture[:, :10] = 1
    assert share(picture, np.random.default_rng(0)).value == pytest.approx(50, abs=0.1)
    picture[:, 15:] = np.nan
    found = share(picture, np.random.default_rng(0))
    assert found.value == pytest.approx(100 * 10 / 15, abs=0.1)
    assert found.unit == "%"


def test_a_picture_full_of_salt_is_exactly_full():
    found = share(np.ones((9, 9), np.float32), np.random.default_rng(0))
    assert found.interval() == (100.0, 100.0)


def test_a_picture_without_pixels_is_refused():
    with pytest.raises(NothingToSee, match="no pixel"):
        share(np.full((4, 4), np.nan, np.float32), np.random.default_rng(0))


def test_the_frame_and_missing_pixels_are_no_outline():
    mask = np.ones((6, 8), bool)
    seen = np.ones((6, 8), bool)
    seen[:, 5:] = False
    assert outline_faces(mask & seen, seen) == (0, 0)


def test_a_model_that_measures_a_tenth_too_much_is_corrected():
    error = ModelError(bias=np.log(1.1), spread=0.05, examples=40, source="drawn")
    found = area(disc(20, (32, 32)), metric(), np.random.default_rng(0), error=error)
    assert found.value == pytest.approx(np.pi * 200.0**2 / 1.1, rel=0.01)


@given(st.floats(0, 360), st.floats(0.5, 50))
def test_a_turned_grid_gives_the_same_area(angle: float, side: float):
    turned = Grid(shape=(64, 64), transform=Affine.rotation(angle) @ Affine.scale(side), axes=METRES)
    picture = disc(10, (32, 32))
    straight = area(picture, metric(side), np.random.default_rng(0)).value
    assert area(picture, turned, np.random.default_rng(0)).value == pytest.approx(straight, rel=1e-9)
