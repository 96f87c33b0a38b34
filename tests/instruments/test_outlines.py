"""Outlines traced strip by strip against polygons made pixel by pixel, and against the whole raster."""

import time
from collections.abc import Sequence

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import ndimage

from outcrop.core.errors import UsageError
from outcrop.instruments.area import outline_faces
from outcrop.instruments.outlines import Outline, Outliner, outlines

shapely = pytest.importorskip("shapely", reason="needs shapely to judge polygons: install the extra 'geo'")


def cut(
    mask: np.ndarray, probability: np.ndarray | None, heights: Sequence[int], min_pixels: int = 1, block: int = 1
) -> list[Outline]:
    """Outlines of a mask handed over in strips of these heights, again and again; by number."""
    outliner, start, number = Outliner(mask.shape[1], min_pixels=min_pixels, block=block), 0, 0
    found: list[Outline] = []
    while start < len(mask):
        stop = start + heights[number % len(heights)]
        # A block of one pixel makes a seam after every row, so a block as large as the strip is asked for.
        outliner._height = max(block // mask.shape[1], stop - start)
        found += outliner.add(mask[start:stop], None if probability is None else probability[start:stop])
        start, number = stop, number + 1
    return sorted([*found, *outliner.finish()], key=lambda outline: outline.number)


def shape(outline: Outline):
    return shapely.MultiPolygon([(exterior, list(holes)) for exterior, holes in outline.parts])


def facts(outline: Outline) -> tuple:
    """Everything about an outline, comparable exactly."""
    rings = tuple((e.tolist(), [hole.tolist() for hole in holes]) for e, holes in outline.parts)
    return rings, *(str(getattr(outline, name)) for name in Outline.__slots__ if name != "parts")


def pixelwise(mask: np.ndarray) -> list[tuple[int, int, np.ndarray]]:
    """(number, class, pixels) of every 8-connected component, by scipy on the whole mask."""
    found = []
    for value in set(np.unique(mask).tolist()) - {0, 255}:
        labels, count = ndimage.label(mask == value, np.ones((3, 3)))
        for one in range(1, count + 1):
            pixels = labels == one
            found.append((int(np.argmax(pixels)) + 1, value, pixels))
    return sorted(found, key=lambda entry: entry[0])


def noise(seed: int, rows: int = 24, cols: int = 17, share: float = 0.5) -> np.ndarray:
    """A mask of two classes, background and a few unseen pixels, in grains of varying size."""
    rng = np.random.default_rng(seed)
    field = ndimage.gaussian_filter(rng.normal(size=(rows, cols)), rng.uniform(0, 1.5))
    mask = (field > np.quantile(field, 1 - share)).astype(np.uint8)
    mask[(rng.random(mask.shape) < 0.2) & (mask == 1)] = 2
    mask[rng.random(mask.shape) < 0.03] = 255
    return mask


masks = st.tuples(st.integers(0, 10**6), st.integers(1, 30), st.integers(1, 20), st.floats(0.05, 0.95)).map(
    lambda t: noise(*t)
)
strips = st.lists(st.integers(1, 9), min_size=1, max_size=4)


def test_a_square_is_its_four_corners_from_the_upper_left_and_round_to_the_left():
    mask = np.zeros((6, 7), np.uint8)
    mask[2:4, 3:6] = 1
    [square] = outlines(mask, np.full(mask.shape, 0.75, np.float32))
    [(exterior, holes)] = square.parts
    assert exterior.tolist() == [[3, 2], [3, 4], [6, 4], [6, 2], [3, 2]]
    assert exterior.dtype == np.int32
    assert holes == ()
    assert shapely.LinearRing(exterior * [1, -1]).is_ccw  # with y up, as on a map
    assert (square.pixels, square.mean_probability, square.class_index) == (6, 0.75, 1)
    assert square.boundary_faces == (6, 4)
    assert (square.rows, square.bounds) == ((2, 3), (3, 2, 6, 4))
    assert square.number == 2 * 7 + 3 + 1
    assert (square.touches_edge, square.unseen_faces, square.observed_share) == (False, 0, 1.0)


def test_pixels_that_meet_in_a_corner_are_one_deposit_of_two_parts():
    [pair] = outlines(np.array([[0, 1], [1, 0]], np.uint8))
    assert [exterior.tolist()[0] for exterior, _ in pair.parts] == [[1, 0], [0, 1]]
    assert shape(pair).is_valid


def test_a_ring_that_closes_in_a_corner_has_a_hole_that_touches_its_exterior():
    ring = np.zeros((5, 5), np.uint8)
    ring[1:4, 1:4] = 1
    ring[2, 2] = ring[3, 3] = 0
    [found] = outlines(ring)
    [(_, holes)] = found.parts
    assert len(holes) == 1
    assert shape(found).is_valid
    assert not shapely.LinearRing(holes[0] * [1, -1]).is_ccw


def test_an_island_in_a_hole_is_a_deposit_of_its_own():
    mask = np.ones((7, 7), np.uint8)
    mask[1:6, 1:6] = 0
    mask[3, 3] = 1
    frame, island = outlines(mask)
    assert shape(frame).area == 24
    assert shape(island).area == 1
    assert frame.touches_edge and not island.touches_edge


def test_neighbouring_classes_are_separate_and_share_their_border():
    mask = np.zeros((4, 6), np.uint8)
    mask[1:3, 1:3], mask[1:3, 3:5] = 1, 2
    left, right = outlines(mask)
    assert (left.class_index, right.class_index) == (1, 2)
    assert shapely.coverage_is_valid([shape(left), shape(right)])
    assert left.boundary_faces == (4, 4)


def test_a_deposit_beside_what_was_not_seen_says_so_also_over_a_corner():
    mask = np.zeros((6, 6), np.uint8)
    mask[2:4, 2:4] = 1
    assert not outlines(mask)[0].touches_edge
    mask[2, 4] = 255
    [side] = outlines(mask)
    assert (side.touches_edge, side.unseen_faces, side.boundary_faces) == (True, 1, (4, 3))
    assert side.observed_share == pytest.approx(7 / 8)
    mask[2, 4], mask[4, 4] = 0, 255
    [corner] = outlines(mask)
    assert (corner.touches_edge, corner.unseen_faces, corner.observed_share) == (True, 0, 1.0)


def test_a_hole_of_cloud_lowers_the_observed_share():
    mask = np.zeros((7, 7), np.uint8)
    mask[1:6, 1:6] = 1
    mask[3, 3] = 255
    [found] = outlines(mask)
    assert found.touches_edge
    assert found.observed_share == pytest.approx(20 / 24)


def test_specks_are_dropped_by_the_size_of_the_whole_deposit():
    mask = np.zeros((9, 5), np.uint8)
    mask[:, 1] = 1  # nine pixels, cut into strips of three
    mask[4, 3] = 1
    [kept] = cut(mask, None, [3], min_pixels=9)
    assert kept.pixels == 9
    assert cut(mask, None, [3], min_pixels=10) == []


def test_a_deposit_is_handed_on_once_its_rows_are_past():
    outliner = Outliner(3, block=3)
    row = np.array([[0, 1, 0]], np.uint8)
    assert outliner.add(row) == []
    assert outliner.add(row) == []
    [first] = outliner.add(row * 0)
    assert first.rows == (0, 1)
    assert outliner.add(row) == []
    [last] = outliner.finish()
    assert last.rows == (3, 3)
    assert last.touches_edge


def test_a_raster_without_deposits_has_no_outlines():
    assert outlines(np.zeros((5, 4), np.uint8)) == []
    assert outlines(np.full((5, 4), 255, np.uint8)) == []
    assert Outliner(4).finish() == []
    [whole] = outlines(np.ones((5, 4), np.uint8))
    assert whole.observed_share == 0


def test_a_strip_of_another_width_or_type_is_refused():
    outliner = Outliner(4)
    with pytest.raises(UsageError, match=r"\(2, 5\)"):
        outliner.add(np.zeros((2, 5), np.uint8))
    with pytest.raises(UsageError, match="int64"):
        outliner.add(np.zeros((2, 4), np.int64))
    with pytest.raises(UsageError, match="cut both alike"):
        outliner.add(np.zeros((2, 4), np.uint8), np.zeros((1, 4), np.float32))
    with pytest.raises(UsageError, match="at least 1"):
        Outliner(0)


def test_an_array_may_be_used_again_for_the_next_strip():
    outliner, strip = Outliner(3), np.ones((1, 3), np.uint8)
    outliner.add(strip)
    strip[:] = 0
    outliner.add(strip)
    [found] = outliner.finish()
    assert found.pixels == 3


@given(masks, strips)
def test_any_strips_give_exactly_the_outlines_of_the_whole_raster(mask: np.ndarray, heights: list[int]):
    probability = np.random.default_rng(1).random(mask.shape, np.float32)
    whole = outlines(mask, probability)
    assert [facts(o) for o in cut(mask, probability, heights)] == [facts(o) for o in whole]


@pytest.mark.parametrize("seed", range(20))
def test_strips_of_any_height_equal_the_whole_on_twenty_random_masks(seed: int):
    mask = noise(seed, 60, 50, share=0.45 + 0.01 * seed)
    whole = [facts(outline) for outline in outlines(mask)]
    assert len(whole) > 3
    for heights in ([1], [2], [7, 1, 30], [60]):
        assert [facts(outline) for outline in cut(mask, None, heights)] == whole


@given(masks)
def test_outlines_are_valid_and_cover_exactly_the_pixels_of_each_component(mask: np.ndarray):
    probability = np.random.default_rng(2).random(mask.shape, np.float32)
    found, expected = outlines(mask, probability), pixelwise(mask)
    assert [(o.number, o.class_index) for o in found] == [(number, value) for number, value, _ in expected]
    seen = mask != 255
    for outline, (_, _, pixels) in zip(found, expected, strict=True):
        drawn = shape(outline)
        rows, cols = np.nonzero(pixels)
        assert drawn.is_valid, shapely.is_valid_reason(drawn)
        assert drawn.equals(shapely.union_all(shapely.box(cols, rows, cols + 1, rows + 1)))
        assert drawn.area == outline.pixels == len(rows)
        assert outline.mean_probability == pytest.approx(probability[pixels].mean(), rel=1e-5)
        assert outline.boundary_faces == outline_faces(pixels, seen)
        assert sum(outline.boundary_faces) + outline.unseen_faces == drawn.length
        around = ndimage.binary_dilation(np.pad(pixels, 1), np.ones((3, 3)))
        assert outline.touches_edge == bool((around & ~np.pad(seen, 1)).any())


@given(masks)
def test_rings_turn_at_every_corner_and_run_the_right_way(mask: np.ndarray):
    for outline in outlines(mask):
        for exterior, holes in outline.parts:
            for number, ring in enumerate((exterior, *holes)):
                steps = np.diff(ring, axis=0)
                assert ((steps == 0).sum(axis=1) == 1).all()
                assert ((steps[:, 0] == 0) != (np.roll(steps[:, 0], 1) == 0)).all()
                assert shapely.LinearRing(ring * [1, -1]).is_ccw == (number == 0)
                assert ring[0].tolist() == min(ring.tolist(), key=lambda p: (p[1], p[0]))


def test_time_grows_with_the_pixels_and_not_with_their_square():
    """A checkerboard is one deposit of as many parts as it has pixels: the worst there is."""
    board = (np.indices((300, 300)).sum(axis=0) % 2).astype(np.uint8)
    began = time.process_time()
    [found] = outlines(board)
    assert len(found.parts) == found.pixels == 45_000
    assert time.process_time() - began < 10


def test_what_is_kept_between_strips_does_not_grow_with_the_height():
    outliner = Outliner(400, block=400 * 16)
    rng = np.random.default_rng(0)
    kept = []
    for _ in range(30):
        blobs = ndimage.gaussian_filter(rng.normal(size=(32, 400)), 2) > 0.25
        outliner.add(blobs.astype(np.uint8))
        kept.append(len(outliner._corners))
    assert max(kept[20:]) < 2 * max(kept[:10])
