"""Bodies found slab by slab against bodies found in the whole."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import ndimage

from outcrop.core.errors import UsageError
from outcrop.instruments.bodies import Bodies, BodyFinder

STEPS = {6: 1, 18: 2, 26: 3}


def find(probability: np.ndarray, sizes: list[int] | None = None, spread: np.ndarray | None = None, **how) -> Bodies:
    """Bodies of a whole array, handed over in slabs of these sizes, again and again."""
    finder, start = BodyFinder(**how), 0
    sizes = sizes or [len(probability)]
    while start < len(probability):
        stop = start + sizes[len(finder._starts) % len(sizes)]
        finder.add(probability[start:stop], None if spread is None else spread[start:stop])
        start = stop
    return finder.finish()


def all_labels(bodies: Bodies, probability: np.ndarray) -> np.ndarray:
    return np.concatenate([labels for _, _, labels in bodies.walk(lambda a, b: probability[a:b])])


def whole(mask: np.ndarray, connectivity: int = 6, min_voxels: int = 1) -> np.ndarray:
    """Labels of scipy on the whole array, renumbered by size, then by the first voxel."""
    labels, count = ndimage.label(mask, ndimage.generate_binary_structure(3, STEPS[connectivity]))
    flat = labels.ravel()
    sizes = np.bincount(flat, minlength=count + 1)
    order = sorted(range(1, count + 1), key=lambda body: (-sizes[body], int(np.argmax(flat == body))))
    final = np.zeros(count + 1, int)
    for number, body in enumerate(order, 1):
        final[body] = number if sizes[body] >= min_voxels else 0
    return final[labels]


def two_legs() -> np.ndarray:
    """An arch: two legs that grow apart for many slabs and meet in the last one, and a loose grain."""
    arch = np.zeros((12, 9, 5), np.float32)
    arch[:, 1:3, 2] = 0.9
    arch[:, 6:8, 2] = 0.8
    arch[11, 1:8, 2] = 0.7
    arch[3, 4, 0] = 1.0
    return arch


def test_two_legs_that_meet_in_the_last_slab_are_one_body():
    bodies = find(two_legs(), [1])
    assert [body.voxels for body in bodies.table] == [12 * 4 + 3, 1]
    labels = all_labels(bodies, two_legs())
    assert labels[0, 1, 2] == labels[0, 7, 2] == 1
    assert labels[3, 4, 0] == 2


def test_a_box_is_described_by_its_sides_its_mean_and_its_faces():
    volume = np.zeros((8, 9, 10), np.float32)
    volume[2:5, 3:7, 4:9] = 0.75
    [body] = find(volume, [2]).table
    assert body.start == (2, 3, 4)
    assert body.stop == (5, 7, 9)
    assert body.voxels == 3 * 4 * 5
    assert body.faces == (2 * 4 * 5, 2 * 3 * 5, 2 * 3 * 4)
    assert body.mean_probability == pytest.approx(0.75)
    assert not body.touches_edge


def test_the_crest_is_the_shallowest_point_between_samples():
    volume = np.zeros((4, 4, 8), np.float32)
    volume[1:3, 1:3, 3:6] = 1.0
    volume[2, 1, 2] = 0.25  # at a threshold of 0.5 the crossing lies a third below this sample
    [body] = find(volume, [1]).table
    assert body.crest == (2, 1, pytest.approx(2 + 1 / 3))
    assert body.deepest == (1, 1, pytest.approx(5.5))


def test_a_body_at_the_edge_of_the_survey_or_beside_a_dead_trace_says_so():
    volume = np.zeros((5, 5, 5), np.float32)
    volume[2, 2, 2] = 1
    assert not find(volume, [2]).table[0].touches_edge
    beside = volume.copy()
    beside[3, 2, :] = np.nan
    assert find(beside, [2]).table[0].touches_edge
    assert find(beside, [3]).table[0].touches_edge
    edge = np.zeros((5, 5, 5), np.float32)
    edge[4, 2, 2] = 1
    assert find(edge, [2]).table[0].touches_edge


def test_the_cut_at_the_edge_of_the_survey_is_no_outline():
    volume = np.zeros((4, 4, 4), np.float32)
    volume[:2] = 1
    [body] = find(volume, [1]).table
    assert body.faces == (16, 0, 0)


def test_a_picture_is_a_volume_with_one_sample_and_its_missing_dimension_is_no_edge():
    picture = np.zeros((7, 7), np.float32)
    picture[2:4, 2:5] = 1
    [body] = find(picture[:, :, None], [3]).table
    assert body.voxels == 6
    assert body.faces == (6, 4, 0)
    assert not body.touches_edge


def test_voxels_that_meet_in_a_corner_are_one_body_only_when_asked():
    volume = np.zeros((2, 2, 2), np.float32)
    volume[0, 0, 0] = volume[1, 1, 1] = 1
    assert len(find(volume, [1]).table) == 2
    assert len(find(volume, [1], connectivity=18).table) == 2
    assert len(find(volume, [1], connectivity=26).table) == 1


def test_small_bodies_are_left_out_of_labels_and_totals():
    bodies = find(two_legs(), [5], min_voxels=2)
    assert [body.id for body in bodies.table] == [1]
    assert bodies.voxels == 51
    assert bodies.above == 52
    assert all_labels(bodies, two_legs())[3, 4, 0] == 0


def test_nothing_at_all_gives_no_body():
    bodies = find(np.zeros((5, 4, 3), np.float32), [2])
    assert bodies.table == ()
    assert bodies.observed == 60
    assert not all_labels(bodies, np.zeros((5, 4, 3), np.float32)).any()


def test_voxels_that_one_direction_alone_saw_are_disputed():
    volume = np.zeros((3, 3, 6), np.float32)
    volume[1, 1, 1:4] = (0.6, 0.9, 0.45)
    spread = np.full_like(volume, 0.2)
    bodies = find(volume, [2], spread)
    assert bodies.table[0].disputed == 1
    assert bodies.disputed_outside == 1
    assert bodies.doubtful == 1


def test_slabs_of_another_volume_are_refused():
    finder = BodyFinder()
    finder.add(np.zeros((2, 3, 4), np.float32))
    with pytest.raises(UsageError, match="one volume"):
        finder.add(np.zeros((2, 3, 5), np.float32))
    with pytest.raises(UsageError, match="choose 6, 18 or 26"):
        BodyFinder(connectivity=8)


@settings(max_examples=150, deadline=None)
@given(
    st.integers(0, 2**32 - 1),
    st.tuples(st.integers(1, 9), st.integers(1, 7), st.integers(1, 7)),
    st.floats(0.05, 0.95),
    st.lists(st.integers(1, 4), min_size=1, max_size=4),
    st.sampled_from([6, 18, 26]),
    st.integers(1, 4),
)
def test_labels_equal_those_of_the_whole_array_whatever_the_slabs(seed, shape, density, sizes, connectivity, least):
    probability = np.random.default_rng(seed).random(shape).astype(np.float32)
    bodies = find(probability, sizes, threshold=1 - density, connectivity=connectivity, min_voxels=least)
    expected = whole(probability >= 1 - density, connectivity, least)
    np.testing.assert_array_equal(all_labels(bodies, probability), expected)
    assert [body.voxels for body in bodies.table] == list(np.bincount(expected.ravel())[1:])


@settings(max_examples=60, deadline=None)
@given(st.integers(0, 2**32 - 1), st.lists(st.integers(1, 3), min_size=1, max_size=3))
def test_faces_boxes_crests_and_edges_equal_those_counted_in_the_whole(seed, sizes):
    rng = np.random.default_rng(seed)
    probability = ndimage.gaussian_filter(rng.random((7, 6, 8)), 0.7).astype(np.float32)
    probability[rng.random((7, 6)) < 0.1] = np.nan
    bodies = find(probability, sizes, threshold=0.52)
    labels = whole(probability >= 0.52)
    padded, blind = np.pad(labels, 1), np.pad(~np.isfinite(probability), 1, constant_values=True)
    for body in bodies.table:
        own = padded == body.id
        for axis in range(3):
            moved = [(np.roll(own, step, axis) & ~own, blind) for step in (1, -1)]
            assert body.faces[axis] == sum(int((rim & ~hidden).sum()) for rim, hidden in moved)
        assert body.touches_edge == bool((ndimage.binary_dilation(own) & blind).any())
        box = ndimage.find_objects((labels == body.id).astype(int))[0]
        assert body.start == tuple(side.start for side in box)
        assert body.stop == tuple(side.stop for side in box)
        assert 0 <= np.argwhere(labels == body.id)[:, 2].min() - body.crest[2] < 1
        assert 0 <= body.deepest[2] - np.argwhere(labels == body.id)[:, 2].max() < 1
        assert labels[body.crest[0], body.crest[1], int(np.ceil(body.crest[2]))] == body.id


def test_the_first_pass_holds_a_few_slabs_and_not_the_volume():
    import tracemalloc

    slab = np.zeros((4, 64, 64), np.float32)
    slab[:, 20:40, 20:40] = 1
    tracemalloc.start()
    finder = BodyFinder()
    for _ in range(100):
        finder.add(slab)
    bodies = finder.finish()
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert bodies.table[0].voxels == 400 * 400
    assert peak < 12 * slab.nbytes
