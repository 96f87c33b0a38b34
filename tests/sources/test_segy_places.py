"""Which trace stands where: sortings, labels, holes, lines, pre-stack data."""

import numpy as np
import pytest

from outcrop.core.errors import NoGeometry
from outcrop.sources import segy_traces
from outcrop.sources.segy import SegyOptions, open_segy


def test_a_volume_has_the_labels_and_the_samples_drawn(tmp_path, draw, make, cube):
    volume = open_segy(draw(tmp_path / "survey.sgy", make()))
    assert volume.id == "survey"
    assert volume.shape == (3, 4, 5)
    assert volume.inlines.tolist() == [1, 2, 3]
    assert volume.crosslines.tolist() == [20, 21, 22, 23]
    assert cube(volume)[1, 2].tolist() == [60, 61, 62, 63, 64]
    assert volume.read("crossline", 2, 3)[0, 1].tolist() == [60, 61, 62, 63, 64]


@pytest.mark.parametrize("sorting", ["crossline", "none"])
def test_sorting_does_not_change_what_is_read(tmp_path, sorting, draw, make, cube):
    traces = make()
    plain = open_segy(draw(tmp_path / "a.sgy", traces))
    if sorting == "crossline":
        traces.sort(key=lambda trace: (trace[0][193], trace[0][189]))
    else:
        np.random.default_rng(3).shuffle(traces)
    other = open_segy(draw(tmp_path / "b.sgy", traces))
    rows, columns = np.argsort(other.inlines), np.argsort(other.crosslines)
    assert np.array_equal(cube(other)[rows][:, columns], cube(plain))


def test_blocks_smaller_than_the_file_give_the_same_volume(tmp_path, monkeypatch, draw, make, cube):
    file = draw(tmp_path / "a.sgy", make())
    whole = cube(open_segy(file))
    monkeypatch.setattr(segy_traces, "BLOCK", 600)
    monkeypatch.setattr("outcrop.sources.segy_samples.BLOCK", 600)
    volume = open_segy(file)
    assert np.array_equal(cube(volume), whole)
    assert np.array_equal(volume.read("crossline", 1, 3), whole[:, 1:3].swapaxes(0, 1))


def test_long_traces_are_opened_header_by_header(tmp_path, draw, make, cube):
    volume = open_segy(draw(tmp_path / "a.sgy", make(samples=2100)))
    assert volume.shape == (3, 4, 2100)
    assert cube(volume)[2, 3, -1] == 10 * 11 + 2099


def test_a_reversed_inline_keeps_its_label(tmp_path, draw, make, cube):
    volume = open_segy(draw(tmp_path / "a.sgy", make(inlines=(9, 7, 5))))
    assert volume.inlines.tolist() == [9, 7, 5]
    assert cube(volume)[0, 0, 0] == 0


def test_a_missing_line_is_filled_with_dead_traces_so_that_lines_stay_evenly_spaced(tmp_path, draw, make, cube):
    volume = open_segy(draw(tmp_path / "a.sgy", make(inlines=(1, 2, 4))))
    assert volume.inlines.tolist() == [1, 2, 3, 4]
    assert volume.live.sum(axis=1).tolist() == [4, 4, 0, 4]
    assert np.isnan(cube(volume)[2]).all()


def test_a_few_lines_far_apart_stay_a_few_lines(tmp_path, draw, make):
    volume = open_segy(draw(tmp_path / "a.sgy", make(inlines=(1, 2, 200))))
    assert volume.inlines.tolist() == [1, 2, 200]
    assert any("unevenly" in note for note in volume.notes)


def test_a_hole_reads_as_nan_and_is_not_live(tmp_path, draw, make, cube):
    traces = make()
    del traces[6]
    volume = open_segy(draw(tmp_path / "a.sgy", traces))
    assert np.argwhere(~volume.live).tolist() == [[1, 2]]
    assert volume.layout["traces"][1, 2] == -1
    assert volume.layout["count"] == 11
    assert np.isnan(volume.read("crossline", 2, 3)[0, 1]).all()
    assert np.isfinite(cube(volume)[volume.live]).all()


def test_a_trace_marked_dead_is_not_read_but_keeps_its_place_in_the_file(tmp_path, draw, make, cube):
    volume = open_segy(draw(tmp_path / "a.sgy", make(kind=lambda i, j: 2 if (i, j) == (2, 21) else 1)))
    assert np.argwhere(~volume.live).tolist() == [[1, 1]]
    assert volume.layout["traces"][1, 1] == 5
    assert np.isnan(cube(volume)[1, 1]).all()


def test_a_file_that_marks_every_trace_dead_is_not_believed(tmp_path, draw, make):
    volume = open_segy(draw(tmp_path / "a.sgy", make(kind=2)))
    assert volume.live.all()
    assert any("not believed" in note for note in volume.notes)


def test_one_inline_and_one_crossline_are_volumes_too(tmp_path, draw, make):
    assert open_segy(draw(tmp_path / "a.sgy", make(inlines=(5,)))).shape == (1, 4, 5)
    assert open_segy(draw(tmp_path / "b.sgy", make(crosslines=(5,)))).shape == (3, 1, 5)


def test_a_line_without_numbers_counts_its_traces_from_one(tmp_path, draw):
    volume = open_segy(draw(tmp_path / "a.sgy", [({189: 0, 193: 0, 21: n + 40}, [n, n]) for n in range(6)]))
    assert volume.is_line
    assert volume.crosslines.tolist() == [1, 2, 3, 4, 5, 6]


def test_an_arbitrary_line_through_a_survey_is_read_as_a_line(tmp_path, draw):
    volume = open_segy(draw(tmp_path / "a.sgy", [({189: 100 + n, 193: 300 + 2 * n}, [n, n]) for n in range(30)]))
    assert volume.shape == (1, 30, 2)
    assert any("2-D line" in note for note in volume.notes)


def test_line_numbers_in_the_places_of_older_programs_are_found(tmp_path, draw, make):
    traces = [({9: header[189], 21: header[193]}, values) for header, values in make()]
    volume = open_segy(draw(tmp_path / "a.sgy", traces))
    assert volume.inlines.tolist() == [1, 2, 3]
    assert any("bytes 9 and 21" in note for note in volume.notes)


def test_named_bytes_go_before_the_standard_ones(tmp_path, draw, make):
    traces = [(header | {17: header[193], 13: header[189] + 100}, values) for header, values in make()]
    volume = open_segy(draw(tmp_path / "a.sgy", traces), SegyOptions(inline_byte=13, crossline_byte=17))
    assert volume.inlines.tolist() == [101, 102, 103]


def test_prestack_data_is_refused_and_names_its_offsets(tmp_path, draw, make):
    traces = [(header | {37: offset}, values) for header, values in make() for offset in (100, 300)]
    with pytest.raises(NoGeometry, match="pre-stack.*100, 300"):
        open_segy(draw(tmp_path / "a.sgy", traces))


def test_one_offset_of_prestack_data_is_taken_by_request(tmp_path, draw, make, cube):
    traces = [(header | {37: offset}, [offset] * 5) for header, _ in make() for offset in (100, 300)]
    file = draw(tmp_path / "a.sgy", traces)
    volume = open_segy(file, SegyOptions(offset=300))
    assert volume.shape == (3, 4, 5)
    assert (cube(volume) == 300).all()
    assert volume.layout["traces"][0].tolist() == [1, 3, 5, 7]
    with pytest.raises(NoGeometry, match="offset 200: choose one of 100, 300"):
        open_segy(file, SegyOptions(offset=200))


def test_shot_records_without_line_numbers_are_refused(tmp_path, draw):
    traces = [({9: n // 5, 13: n % 5}, [n, n]) for n in range(20)]
    with pytest.raises(NoGeometry, match="pre-stack"):
        open_segy(draw(tmp_path / "a.sgy", traces))


def test_a_repeated_trace_at_a_seam_is_noted_and_the_first_one_read(tmp_path, draw, make, cube):
    traces = make(inlines=range(1, 11), crosslines=range(1, 21))
    volume = open_segy(draw(tmp_path / "a.sgy", [*traces, (traces[7][0], [-1.0] * 5)]))
    assert cube(volume)[0, 7, 0] == 70
    assert volume.layout["repeats"].tolist() == [[200, 7]]
    assert any("repeat a place" in note for note in volume.notes)


def test_many_traces_with_the_numbers_of_others_are_refused(tmp_path, draw, make):
    with pytest.raises(NoGeometry, match="name the right bytes"):
        open_segy(draw(tmp_path / "a.sgy", make() + make()))


def test_scattered_numbers_are_hardly_line_numbers(tmp_path, draw):
    rng = np.random.default_rng(0)
    traces = [({189: int(a), 193: int(b)}, [0, 1]) for a, b in rng.integers(0, 40000, (300, 2))]
    with pytest.raises(NoGeometry, match="hardly be line numbers"):
        open_segy(draw(tmp_path / "a.sgy", traces))
