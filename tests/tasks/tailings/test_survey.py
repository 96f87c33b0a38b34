"""Deposits of a predicted scene: which there are, and how large on the ellipsoid."""

from collections.abc import Iterator

import numpy as np
import pytest
from affine import Affine
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from numpy.typing import NDArray

from outcrop.core.errors import NothingToSee
from outcrop.core.grid import Axis, Grid
from outcrop.core.scene import Floats, ProbabilityMap, scene_from_array
from outcrop.core.task import Calibration
from outcrop.tasks.tailings.survey import survey, without_specks

UTM = (Axis("easting", "m"), Axis("northing", "m"))


def utm(rows: int, cols: int) -> Grid:
    """Pixels of 10 m on the central meridian of zone 23 south, where 1 m on the map is 1.0004 m on the ground."""
    return Grid(shape=(rows, cols), transform=Affine(10, 0, 500_000, 0, -10, 7_800_000), axes=UTM, crs="EPSG:32723")


def seen(values: Floats, grid: Grid, height: int = 7) -> ProbabilityMap:
    """What a model saw, (rows, cols), handed out in strips."""
    scene = scene_from_array("s", values[None], grid, ("red",))

    def strips() -> Iterator[tuple[int, Floats]]:
        for first in range(0, len(values), height):
            yield first, values[None, first : first + height]

    return ProbabilityMap(scene=scene, classes=("tailings",), strips=strips)


def squares() -> Floats:
    """Two deposits of 30 x 20 and 4 x 4 pixels, and a speck of two."""
    values = np.full((60, 50), 0.1, np.float32)
    values[10:40, 5:25], values[50:54, 40:44], values[2, 2:4] = 0.9, 0.7, 0.95
    return values


def test_deposits_come_with_their_areas_on_the_ground_the_largest_first() -> None:
    found = survey(seen(squares(), utm(60, 50)), Calibration(min_area=3))
    assert [o.pixels for o in found.deposits] == [600, 16]
    assert found.area == pytest.approx(np.array([60_000, 1_600]) / 0.9996**2, rel=1e-5)
    assert found.perimeter == pytest.approx(np.array([1000, 160]) / 0.9996, rel=1e-4)
    assert found.specks == (1, 2) and found.seen == 3000
    assert found.deposits[0].mean_probability == pytest.approx(0.9, abs=1e-6)


def test_moving_the_outline_of_a_square_by_a_pixel_moves_its_area_by_its_sides() -> None:
    values = np.full((60, 60), 0.0, np.float32)
    values[20:40, 20:40] = 1.0
    found = survey(seen(values, utm(60, 60)), Calibration())
    assert found.reach[0] == pytest.approx(20 * 4 * 100 * 0.785, rel=0.08), "of the smooth outline behind the sides"


def test_without_a_projection_deposits_are_found_and_not_measured() -> None:
    found = survey(seen(squares(), Grid(shape=(60, 50))), Calibration())
    assert len(found.deposits) == 3 and np.isnan(found.area).all()


def test_a_scene_in_which_nothing_was_seen_is_refused() -> None:
    with pytest.raises(NothingToSee, match="no pixel that was seen"):
        survey(seen(np.full((9, 9), np.nan, np.float32), utm(9, 9)), Calibration())


def whole_without_specks(mask: NDArray[np.uint8], least: int) -> NDArray[np.uint8]:
    """The same, on the whole mask at once."""
    from scipy.ndimage import label

    names, count = label(mask == 1, np.ones((3, 3)))
    clean = mask.copy()
    for name in range(1, count + 1):
        if (names == name).sum() < least:
            clean[names == name] = 0
    return clean


@given(
    arrays(np.uint8, st.tuples(st.integers(1, 24), st.integers(1, 9)), elements=st.sampled_from([0, 0, 1, 1, 255])),
    st.integers(1, 12),
    st.integers(1, 9),
)
def test_specks_vanish_alike_however_the_scene_is_cut(mask: NDArray[np.uint8], least: int, height: int) -> None:
    strips = ((first, mask[first : first + height]) for first in range(0, len(mask), height))
    parts = list(without_specks(strips, len(mask), least))
    assert [first for first, _ in parts] == np.cumsum([0, *(len(part) for _, part in parts)])[:-1].tolist()
    assert np.array_equal(np.concatenate([part for _, part in parts]), whole_without_specks(mask, least))
