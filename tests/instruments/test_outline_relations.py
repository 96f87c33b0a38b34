"""Distances and overlaps of outlines in degrees: known squares, the date line, and pyproj as the judge."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from outcrop.instruments.outline_relations import (
    Part,
    common_areas,
    distances,
    holds,
    inside,
    jaccard,
    metres_per_degree,
    overlapping,
    shapes,
    shared_places,
    turned,
)

pytest.importorskip("shapely", reason="needs shapely: install the extra 'geo'")


def square(west: float, south: float, side: float = 1.0, hole: float = 0.0) -> Part:
    def ring(x: float, y: float, size: float) -> np.ndarray:
        return np.array([[x, y], [x + size, y], [x + size, y + size], [x, y + size], [x, y]])

    middle = (side - hole) / 2
    return ring(west, south, side), (ring(west + middle, south + middle, hole),) if hole else ()


def test_distances_agree_with_geodesics() -> None:
    geod = pytest.importorskip("pyproj").Geod(ellps="WGS84")
    for latitude in (-50.0, -20.0, 0.0, 45.0):
        part = square(-44.0, latitude, 0.01)
        lon, lat = np.array([-44.05, -43.99, -43.9]), np.array([latitude + 0.005, latitude + 0.06, latitude - 0.03])
        near = np.array([(-44.0, latitude + 0.005), (-43.99, latitude + 0.01), (-43.99, latitude)])
        truth = geod.inv(lon, lat, near[:, 0], near[:, 1])[2]
        assert distances([part], (-43.995, latitude), lon, lat) == pytest.approx(truth, rel=4e-3)


def test_a_point_in_a_hole_lies_outside() -> None:
    part = square(0.0, 0.0, 1.0, hole=0.5)
    lon, lat = np.array([0.1, 0.5, 2.0]), np.array([0.1, 0.5, 0.5])
    assert holds(part, lon, lat).tolist() == [True, False, False]
    assert distances([part], (0.5, 0.5), lon, lat)[:2].tolist() == [0.0, pytest.approx(0.25 * 110_574, rel=0.01)]


def test_the_date_line_tears_nothing_apart() -> None:
    part = square(179.5, 0.0)
    assert holds(part, np.array([179.9, -179.9, 179.0]), np.full(3, 0.5)).tolist() == [True, True, False]
    some = shapes([[part], [square(-180.0, 0.0, 0.5)]], (179.5, 0.0))
    assert overlapping(some[:1], some[1:], 0.9) == [(0, 0)]
    assert turned(-179.0, 179.0) == 181.0
    far = shapes([[square(0.0, 0.0)]], (-179.5, 0.0))  # half a turn away lies inside of it
    assert jaccard(far, far) == 1.0 and far[0].area == pytest.approx(1.0)


def test_overlaps_are_shares_of_the_smaller_one() -> None:
    some = shapes([[square(0, 0, 2)], [square(1, 1, 2)], [square(5, 5)]], (0, 0))
    assert overlapping(some[:1], some[1:], 0.25) == [(0, 0)] and overlapping(some[:1], some[1:], 0.26) == []
    assert overlapping(some[:0], some, 0.1) == []
    assert jaccard(some[:1], some[1:2]) == pytest.approx(1 / 7) and jaccard(some[:0], some[:0]) == 0
    assert common_areas(some, [0, 1, 2]) == [(0, 1, (0.25, 0.25))] and common_areas(some, [0, 0, 1]) == []


def test_what_touches_the_border_is_not_inside() -> None:
    some = shapes([[square(0.1, 0.1, 0.5)], [square(0.0, 0.1, 0.5)], [square(2, 2)]], (0, 0))
    assert inside(some, [square(0, 0)], (0, 0)).tolist() == [True, False, False]
    assert inside(some, [], (0, 0)).tolist() == [False] * 3


def test_what_two_sets_share_lies_where_it_lies() -> None:
    (part,) = shared_places([square(-44, -20, 2)], [square(-43, -19, 2), square(10, 10)])
    assert part[0].min(axis=0).tolist() == [-43, -19] and part[0].max(axis=0).tolist() == [-42, -18]
    assert shared_places([square(0, 0)], []) == [] == shared_places([square(0, 0)], [square(3, 3)])


@given(st.floats(-60, 60), st.floats(-180, 180), st.floats(0.1, 3), st.floats(-170, 170))
def test_overlap_does_not_depend_on_where_the_outlines_lie(lat: float, lon: float, shift: float, away: float) -> None:
    some = shapes([[square(lon, lat)], [square(lon + shift / 4, lat)]], (lon + away, lat))
    found = common_areas(some, [0, 1])
    share = max(1 - shift / 4, 0)
    assert (found[0][2][0] if found else 0.0) == pytest.approx(share, abs=1e-6)


def test_a_degree_has_its_length() -> None:
    geod = pytest.importorskip("pyproj").Geod(ellps="WGS84")
    for latitude in (0.0, -23.0, 60.0):
        _, _, (across, along) = geod.inv([0, 0], [latitude, latitude - 5e-3], [0.01, 0], [latitude, latitude + 5e-3])
        assert metres_per_degree(latitude) == pytest.approx((100 * across, 100 * along), rel=1e-6)
