"""Closed surfaces against balls and boxes whose volume is known."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from outcrop.core.errors import NothingToSee
from outcrop.instruments.bodies import BodyFinder
from outcrop.instruments.mesh import Mesh, enclosed_volume, gather, is_watertight, place, strides, surface


def ball(radius: float, size: int, centre: tuple[float, float, float], ramp: float = 4.0) -> np.ndarray:
    """Probability as a straight ramp, some voxels wide, across the surface of a ball."""
    i, j, k = np.mgrid[:size, :size, :size]
    distance = np.sqrt((i - centre[0]) ** 2 + (j - centre[1]) ** 2 + (k - centre[2]) ** 2)
    return np.clip((radius - distance) / ramp + 0.5, 0, 1).astype(np.float32)


def mesh_of(probability: np.ndarray, body: int = 1, slab: int = 3, **how) -> Mesh:
    finder = BodyFinder(threshold=how.get("threshold", 0.5))
    for start in range(0, len(probability), slab):
        finder.add(probability[start : start + slab])
    bodies = finder.finish()
    box = bodies.table[body - 1]
    cells, stride = gather(bodies.walk(lambda a, b: probability[a:b]), body, box.start, box.stop, **how)
    return surface(cells, box.start, stride)


def test_the_surface_of_a_ball_encloses_the_ball():
    rng = np.random.default_rng(0)
    for _ in range(5):
        radius = rng.uniform(8, 13)
        mesh = mesh_of(ball(radius, 32, tuple(rng.uniform(15, 17, 3))))
        assert mesh.volume == pytest.approx(4 / 3 * np.pi * radius**3, rel=0.01)
        assert is_watertight(mesh.faces)


def test_a_hard_mask_of_a_ball_encloses_it_within_two_percent():
    mesh = mesh_of((ball(12, 32, (15.3, 16.1, 15.8)) >= 0.5).astype(np.float32))
    assert mesh.volume == pytest.approx(4 / 3 * np.pi * 12**3, rel=0.02)


def test_every_vertex_lies_on_the_ball():
    centre = (15.3, 16.1, 15.8)
    mesh = mesh_of(ball(11, 32, centre))
    assert np.abs(np.linalg.norm(mesh.vertices - centre, axis=1) - 11).max() < 0.1


def test_a_thinned_ball_keeps_its_volume_within_two_percent():
    probability = ball(25, 64, (31.7, 32.2, 31.9))
    mesh = mesh_of(probability, most=20_000)
    assert min(mesh.stride) > 1
    assert mesh.volume == pytest.approx(4 / 3 * np.pi * 25**3, rel=0.02)
    assert mesh.vertices.mean(axis=0) == pytest.approx((31.7, 32.2, 31.9), abs=0.3)
    assert is_watertight(mesh.faces)


def test_a_body_that_fills_the_survey_is_closed_by_a_cap():
    mesh = mesh_of(np.ones((5, 6, 7), np.float32))
    assert is_watertight(mesh.faces)
    assert mesh.volume == pytest.approx(5 * 6 * 7, rel=0.1)


def test_a_surface_holds_one_body_and_not_its_neighbour():
    probability = np.zeros((12, 12, 30), np.float32)
    probability[2:10, 2:10, 2:12] = 1
    probability[4:8, 4:8, 14:20] = 1
    second = mesh_of(probability, body=2)
    assert second.vertices[:, 2].min() == pytest.approx(13.5)
    assert second.volume == pytest.approx(4 * 4 * 6, rel=0.15)


def test_the_volume_of_a_cube_is_exact():
    corners = np.array([(x, y, z) for x in (0, 2) for y in (0, 3) for z in (0, 5)], float) + 1e6
    quads = [(0, 1, 3, 2), (4, 6, 7, 5), (0, 4, 5, 1), (2, 3, 7, 6), (0, 2, 6, 4), (1, 5, 7, 3)]
    faces = np.array([t for a, b, c, d in quads for t in ((a, b, c), (a, c, d))], np.int32)
    assert is_watertight(faces)
    assert enclosed_volume(corners, faces) == pytest.approx(30)
    assert not is_watertight(faces[:-1])
    flipped = faces.copy()
    flipped[0] = flipped[0, ::-1]
    assert not is_watertight(flipped)


def survey_grid(azimuth: float, lines: int = 32, traces: int = 32, spacing: tuple[float, float] = (25.0, 12.5)):
    i, j = np.mgrid[:lines, :traces]
    across, along = i * spacing[0], j * spacing[1]
    angle = np.deg2rad(azimuth)
    x = 605_000 + across * np.cos(angle) + along * np.sin(angle)
    y = 6_075_000 - across * np.sin(angle) + along * np.cos(angle)
    return x, y


@pytest.mark.parametrize("azimuth", [0.0, 37.0, 200.0])
@pytest.mark.parametrize("turn", [1, -1])
def test_a_mesh_in_the_world_encloses_cubic_metres_on_any_survey_grid(azimuth, turn):
    x, y = survey_grid(azimuth)
    mesh = mesh_of(ball(10, 32, (15.5, 16, 16)))
    placed = place(
        mesh,
        inlines=np.arange(1000, 1032),
        crosslines=np.arange(500, 564, 2),
        vertical=("depth", "m"),
        first_sample=800.0,
        sample_step=10.0,
        x=x[::turn],
        y=y[::turn],
    )
    assert placed.axes == (("x", "m"), ("y", "m"), ("depth", "m"))
    assert placed.volume == pytest.approx(4 / 3 * np.pi * 10**3 * 25 * 12.5 * 10, rel=0.01)
    assert placed.vertices[:, 2].min() == pytest.approx(800 + 60, abs=2)


def test_without_a_straight_grid_the_mesh_speaks_in_labels():
    mesh = mesh_of(ball(5, 16, (8, 8, 8)))
    labels = {"inlines": np.arange(100, 84, -1), "crosslines": np.arange(1, 33, 2)}
    axis = {"vertical": ("two-way time", "ms"), "first_sample": 0.0, "sample_step": 4.0}
    for x, y in ((None, None), (np.zeros((16, 16)), np.zeros((16, 16))), (np.full((16, 16), np.nan),) * 2):
        placed = place(mesh, **labels, **axis, x=x, y=y)
        assert [name for name, _ in placed.axes] == ["inline", "crossline", "two-way time"]
        assert placed.vertices[:, 0].mean() == pytest.approx(92, abs=0.1)
        assert placed.vertices[:, 1].mean() == pytest.approx(17, abs=0.1)
        assert placed.volume > 0


def test_a_body_thinner_than_a_cell_is_refused_in_words():
    thin = np.zeros((40, 40, 40), np.float32)
    thin[:, :, 20] = thin[0, :, :] = thin[:, 0, :] = 1
    with pytest.raises(NothingToSee, match="thinner"):
        mesh_of(thin, most=300)


def test_boxes_are_thinned_along_their_longest_side_first():
    assert strides((10, 10, 10)) == (1, 1, 1)
    assert strides((100, 10, 10), most=5000) == (2, 1, 1)


@settings(max_examples=100, deadline=None)
@given(
    st.integers(0, 2**32 - 1),
    st.tuples(*[st.integers(1, 7)] * 3),
    st.floats(0.1, 0.9),
    st.sampled_from([10**6, 60, 20]),
)
def test_every_surface_is_watertight_however_ragged_the_body(seed, shape, density, most):
    probability = np.round(np.random.default_rng(seed).random(shape), 1).astype(np.float32)
    probability[0, 0, 0] = 1
    try:
        mesh = mesh_of(probability, threshold=1 - density, most=most)
    except NothingToSee:
        return
    assert is_watertight(mesh.faces)
    assert mesh.volume > 0
