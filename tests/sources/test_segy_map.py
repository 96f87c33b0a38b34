"""Map positions and the distances between lines."""

import numpy as np
import pytest

from outcrop.sources.segy import SegyOptions, open_segy


@pytest.mark.parametrize(("scalar", "factor"), [(-100, 0.01), (-10, 0.1), (0, 1), (1, 1), (21, 21)])
def test_the_coordinate_scalar_divides_or_multiplies(tmp_path, scalar, factor, draw, make):
    traces = make(scalar=scalar, x=lambda i, j: 5000 + 2500 * j, y=lambda i, j: 7000 + 1250 * i)
    volume = open_segy(draw(tmp_path / "a.sgy", traces))
    assert volume.x[0, 0] == pytest.approx((5000 + 2500 * 20) * factor)
    assert volume.spacing == pytest.approx((1250 * factor, 2500 * factor))
    assert any("no power of ten" in note for note in volume.notes) == (scalar == 21)


def test_spacing_of_a_rotated_and_decimated_grid_is_that_between_the_lines_in_the_file(tmp_path, draw, make):
    def east(i, j):
        return round(43000000 + 100 * (12.5 * i * 0.6 + 25 * j * 0.8))

    def north(i, j):
        return round(640000000 + 100 * (12.5 * i * 0.8 - 25 * j * 0.6))

    volume = open_segy(
        draw(tmp_path / "a.sgy", make(inlines=(4, 8, 12), crosslines=(2, 4, 6), scalar=-100, x=east, y=north))
    )
    assert volume.spacing == pytest.approx((50, 50), abs=0.01)


def test_line_numbers_in_the_coordinate_words_are_not_metres(tmp_path, draw, make):
    volume = open_segy(draw(tmp_path / "a.sgy", make(x=lambda i, j: i, y=lambda i, j: j)))
    assert volume.x is None
    assert volume.spacing == (None, None)
    assert any("repeat the line numbers" in note for note in volume.notes)


def test_degrees_are_not_metres(tmp_path, draw, make):
    volume = open_segy(draw(tmp_path / "a.sgy", make(units=3, x=lambda i, j: 500 + j, y=lambda i, j: 58 + i)))
    assert volume.x is None
    assert any("decimal degrees" in note for note in volume.notes)


def test_feet_become_metres(tmp_path, draw, make):
    traces = make(x=lambda i, j: 1000 + 100 * j, y=lambda i, j: 50 * i, delay=30)
    volume = open_segy(draw(tmp_path / "a.sgy", traces, interval=10000, binary={55: ("h", 2)}))
    assert volume.spacing == pytest.approx((50 * 0.3048, 100 * 0.3048), abs=1e-6)
    assert (volume.first_sample, volume.sample_step) == pytest.approx((30 * 0.3048, 10 * 0.3048))
    assert sum("feet" in note for note in volume.notes) == 2


def test_uneven_coordinates_give_no_spacing_and_say_so(tmp_path, draw, make):
    rng = np.random.default_rng(1)
    traces = make(x=lambda i, j: 25 * j + int(rng.integers(-20, 20)), y=lambda i, j: 25 * i)
    volume = open_segy(draw(tmp_path / "a.sgy", traces))
    assert volume.spacing == (None, None)
    assert any("even grid" in note for note in volume.notes)


def test_the_user_gives_the_spacing_and_the_projection(tmp_path, draw, make):
    volume = open_segy(draw(tmp_path / "a.sgy", make()), SegyOptions(spacing=(12.5, 25), crs="EPSG:32631"))
    assert volume.spacing == (12.5, 25)
    assert volume.crs == "EPSG:32631"
    assert volume.cell_area() == 312.5


def test_traces_at_zero_amid_a_survey_have_no_place(tmp_path, draw, make):
    def east(i, j):
        return 0 if (i, j) == (2, 21) else 600000 + 25 * j

    volume = open_segy(
        draw(tmp_path / "a.sgy", make(x=east, y=lambda i, j: 0 if (i, j) == (2, 21) else 6000000 + 25 * i))
    )
    assert np.argwhere(np.isnan(volume.x)).tolist() == [[1, 1]]
    assert volume.spacing == (25, 25)


def test_source_coordinates_stand_in_for_missing_ones(tmp_path, draw, make):
    volume = open_segy(draw(tmp_path / "a.sgy", make(sx=lambda i, j: 25 * j, sy=lambda i, j: 50 * i)))
    assert volume.spacing == (50, 25)
    assert any("source" in note for note in volume.notes)


def test_the_step_of_a_bent_line_is_that_between_its_traces(tmp_path, draw):
    traces = [({181: 600000 + min(n, 10) * 20, 185: 6000000 + max(n - 10, 0) * 20}, [0, 1]) for n in range(21)]
    assert open_segy(draw(tmp_path / "a.sgy", traces)).spacing == (None, 20)
