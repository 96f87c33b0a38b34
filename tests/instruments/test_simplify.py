"""Simplified outlines: few points, honest areas, shared borders, never a crossing."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import ndimage

from outcrop.core.errors import UsageError
from outcrop.instruments.outlines import Outline, outlines
from outcrop.instruments.simplify import Parts, simplify

shapely = pytest.importorskip("shapely", reason="needs shapely: install the extra 'geo'")


def shape(parts: Parts):
    return shapely.MultiPolygon([(exterior, list(holes)) for exterior, holes in parts])


def points(parts) -> int:
    return sum(len(ring) - 1 for exterior, holes in parts for ring in (exterior, *holes))


def blobs(seed: int, size: int, classes: int, grain: float) -> np.ndarray:
    """A mask of smooth patches of several classes that touch, with specks and gaps."""
    rng = np.random.default_rng(seed)
    fields = np.stack([ndimage.gaussian_filter(rng.normal(size=(size, size)), grain) for _ in range(classes + 1)])
    mask = fields.argmax(axis=0).astype(np.uint8)
    mask[rng.random(mask.shape) < 0.01] = 1
    return mask


def check(found: list[Outline], simple: list[Parts], most_change: float = 0.01) -> None:
    """Everything that is promised of any input."""
    shapes = [shape(parts) for parts in simple]
    assert len(shapes) == len(found)
    for outline, drawn in zip(found, shapes, strict=True):
        assert drawn.is_valid, shapely.is_valid_reason(drawn)
        assert abs(drawn.area - outline.pixels) <= most_change * outline.pixels + 1e-6
        assert len(drawn.geoms) == len(outline.parts)
    assert shapely.coverage_is_valid(shapes)
    for outline, parts in zip(found, simple, strict=True):
        for (exterior, holes), (_, old) in zip(parts, outline.parts, strict=True):
            assert len(holes) == len(old)
            assert shapely.LinearRing(exterior * [1, -1]).is_ccw
            assert not any(shapely.LinearRing(hole * [1, -1]).is_ccw for hole in holes)
            assert all((ring[0] == ring[-1]).all() for ring in (exterior, *holes))


def disc(radius: float, size: int = 100) -> np.ndarray:
    rows, cols = np.mgrid[:size, :size] + 0.5
    return ((rows - 50.3) ** 2 + (cols - 49.8) ** 2 <= radius**2).astype(np.uint8)


def test_a_disc_keeps_its_area_and_gets_its_circumference_back():
    found = outlines(disc(40))
    simple = simplify(found, 0.5)
    check(found, simple)
    assert points(simple[0]) < points(found[0].parts) / 3
    assert shape(simple[0]).length == pytest.approx(2 * np.pi * 40, rel=0.03)
    assert shape(found[0].parts).length > 1.25 * 2 * np.pi * 40


def test_an_oblique_edge_becomes_one_straight_line():
    [found] = outlines(np.tri(200, dtype=np.uint8)[:, :180])
    [simple] = simplify([found], 0.3)
    assert points(simple) <= 9
    assert shape(simple).area == pytest.approx(found.pixels, rel=1e-3)


def test_a_speck_stays_as_it_is_rather_than_lose_a_hundredth():
    mask = np.zeros((8, 8), np.uint8)
    mask[2, 2:4] = mask[3, 3] = 1
    [found] = outlines(mask)
    [simple] = simplify([found], 2.0)
    assert shape(simple).equals(shape(found.parts))
    assert shape(simplify([found], 2.0, most_change=0.5)[0]).area != 3


def test_a_long_border_between_two_classes_is_one_line():
    mask = np.ones((80, 60), np.uint8)
    wave = (30 + 8 * np.sin(np.arange(80) / 9)).astype(int)
    mask[np.arange(60)[None] > wave[:, None]] = 2
    found = outlines(mask)
    simple = simplify(found, 0.6)
    check(found, simple)
    left, right = (shape(parts) for parts in simple)
    assert left.area + right.area == pytest.approx(80 * 60, rel=0.01)
    assert 2 * left.intersection(right).length == pytest.approx(left.length + right.length - 280, rel=0.05)
    assert points(simple[0]) < points(found[0].parts) / 2


def test_an_island_fills_its_hole_before_and_after():
    mask = disc(40)
    mask[disc(25) > 0] = 2
    found = outlines(mask)
    simple = simplify(found, 0.7)
    check(found, simple)
    hole, island = simple[0][0][1][0], simple[1][0][0]
    assert {tuple(p) for p in hole.tolist()} == {tuple(p) for p in island.tolist()}


def test_a_small_neighbour_does_not_hold_back_a_large_one():
    mask = disc(40)
    mask[50, 89:92] = 2
    found = outlines(mask)
    simple = simplify(found, 0.5)
    check(found, simple)
    assert points(simple[0]) < points(found[0].parts) / 3


def test_a_tolerance_of_nothing_gives_the_staircase_back():
    found = outlines(disc(20))
    assert simplify(found, 0)[0][0][0].tolist() == found[0].parts[0][0].tolist()
    assert simplify([], 1.0) == []
    with pytest.raises(UsageError, match="0 or more"):
        simplify(found, -1)


@given(
    st.integers(0, 10**6), st.integers(3, 40), st.integers(1, 3), st.floats(0, 4), st.sampled_from([0.3, 0.7, 1, 2, 6])
)
def test_any_map_keeps_its_promises(seed: int, size: int, classes: int, grain: float, tolerance: float):
    found = outlines(blobs(seed, size, classes, grain))
    if found:
        check(found, simplify(found, tolerance))


def test_deposits_that_overlap_as_they_came_stay_as_they_came():
    twice = outlines(disc(20)) * 2
    assert [shape(parts).area for parts in simplify(twice)] == [twice[0].pixels] * 2


@pytest.mark.parametrize("tolerance", [0.75, 1.0, 3.0])
def test_a_crowded_map_stays_a_map_of_neighbours(tolerance: float):
    found = outlines(blobs(7, 150, 3, 3.0), min_pixels=1)
    simple = simplify(found, tolerance)
    check(found, simple)
    before, after = (sum(points(parts) for parts in s) for s in ([o.parts for o in found], simple))
    assert after < 0.7 * before
