"""SEG-Y in: drawn files with known contents, then the real ones. segyio judges where it can read a file."""

import os
import struct
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
import segyio
from hypothesis import given
from hypothesis import strategies as st

from outcrop.core.errors import BadInput, DamagedFile, NoGeometry, UnknownFormat, UsageError
from outcrop.sources import segy_traces
from outcrop.sources.segy import SegyOptions, open_segy
from outcrop.sources.segy_samples import ieee_from_ibm

DATA = Path(os.environ.get("OUTCROP_DATA", Path(__file__).parents[2] / "../shared/data")) / "seismic/segy"
real = pytest.mark.skipif(not DATA.is_dir(), reason=f"no real SEG-Y files at {DATA} (set OUTCROP_DATA)")

SHORT = {29, 71, 89, 109, 115, 117, 215}
"""Trace header words of two bytes."""


def ibm_word(value: float) -> int:
    """An IBM float from its definition, digit by digit."""
    sign, size, exponent = (0x80 if value < 0 else 0), Fraction(abs(value)), 64
    if not size:
        return 0
    while size >= 1:
        size, exponent = size / 16, exponent + 1
    while size < Fraction(1, 16):
        size, exponent = size * 16, exponent - 1
    return (sign | exponent) << 24 | int(size * 2**24)


def encode(value: float, code: int, order: str) -> bytes:
    """One sample, one at a time."""
    if code == 1:
        return struct.pack(order + "I", ibm_word(value))
    if code in (7, 15):
        return int(value).to_bytes(3, "big" if order == ">" else "little", signed=code == 7)
    kind = {2: "i", 3: "h", 5: "f", 6: "d", 8: "b", 9: "q", 10: "I", 11: "H", 12: "Q", 16: "B"}[code]
    return struct.pack(order + kind, value if code in (5, 6) else int(value))


def draw(
    path: Path,
    traces,
    *,
    code=5,
    order=">",
    interval=4000,
    binary=None,
    text="C 1 DRAWN",
    encoding="cp037",
    texts=(),
    blocks=0,
    tail=b"",
) -> Path:
    """A SEG-Y file from (trace header words by byte, samples) pairs, byte by byte."""
    head = bytearray(400)
    words = {17: ("H", interval), 21: ("H", len(traces[0][1]) if traces else 10), 25: ("h", code), **(binary or {})}
    for byte, (kind, value) in words.items():
        struct.pack_into(order + kind, head, byte - 1, value)
    out = text.ljust(3200).encode(encoding) + bytes(head)
    for extra in texts:
        out += extra.ljust(3200).encode(encoding)
    for header, samples in traces:
        front = bytearray(240)
        for byte, value in header.items():
            struct.pack_into(order + ("h" if byte in SHORT else "i"), front, byte - 1, value)
        out += bytes(front) + b"\7" * (240 * blocks) + b"".join(encode(v, code, order) for v in samples)
    path.write_bytes(out + tail)
    return path


WORDS = {
    "kind": 29,
    "offset": 37,
    "scalar": 71,
    "sx": 73,
    "sy": 77,
    "units": 89,
    "delay": 109,
    "tscalar": 215,
    "x": 181,
    "y": 185,
}


def make(inlines=(1, 2, 3), crosslines=(20, 21, 22, 23), samples=5, **named):
    """Traces of a small cube in inline order; sample k of trace n holds 10 n + k; words are numbers or f(il, xl)."""
    traces = []
    for n, (i, j) in enumerate((i, j) for i in inlines for j in crosslines):
        header = {WORDS[name]: value(i, j) if callable(value) else value for name, value in named.items()}
        traces.append(({189: i, 193: j, **header}, [10.0 * n + k for k in range(samples)]))
    return traces


def cube(volume):
    return volume.read("inline", 0, len(volume.inlines))


# Known truth: samples


@pytest.mark.parametrize("order", [">", "<"])
@pytest.mark.parametrize("code", [1, 2, 3, 5, 6, 7, 8, 9, 10, 11, 12, 15, 16])
def test_every_sample_format_gives_the_numbers_drawn_in_both_byte_orders(tmp_path, code, order):
    values = [0, 1, 7, 100] if code in (10, 11, 12, 15, 16) else [-100, 0, 1, 7]
    file = draw(tmp_path / "f.sgy", [({189: 1, 193: n}, values) for n in (1, 2)], code=code, order=order)
    volume = open_segy(file)
    assert cube(volume)[0, 0].tolist() == values
    assert volume.layout["format"] == code
    assert volume.layout["endian"] == order


def test_a_three_byte_integer_keeps_its_sign(tmp_path):
    file = draw(tmp_path / "f.sgy", [({189: 1, 193: 1}, [-(2**23), -1, 2**23 - 1])], code=7)
    assert cube(open_segy(file))[0, 0].tolist() == [-(2**23), -1, 2**23 - 1]


def test_numbers_too_large_for_float32_and_infinities_read_as_nan(tmp_path):
    file = draw(tmp_path / "f.sgy", [({189: 1, 193: 1}, [1e300, float("inf"), 2.0])], code=6)
    assert np.isnan(cube(open_segy(file))[0, 0]).tolist() == [True, True, False]


@given(st.integers(0, 2**32 - 1))
def test_an_ibm_number_reads_as_its_definition_says(word):
    sign, exponent, mantissa = word >> 31, word >> 24 & 0x7F, word & 0xFFFFFF
    truth = Fraction(mantissa, 2**24) * Fraction(16) ** (exponent - 64) * (-1) ** sign
    value = float(ieee_from_ibm(np.array([word], np.uint32))[0])
    if abs(truth) >= 2**128:
        assert np.isinf(value)
    elif abs(truth) >= Fraction(2) ** -126:
        assert Fraction(value) == truth
    else:
        assert abs(Fraction(value) - truth) <= Fraction(2) ** -149


# Known truth: places


def test_a_volume_has_the_labels_and_the_samples_drawn(tmp_path):
    volume = open_segy(draw(tmp_path / "survey.sgy", make()))
    assert volume.id == "survey"
    assert volume.shape == (3, 4, 5)
    assert volume.inlines.tolist() == [1, 2, 3]
    assert volume.crosslines.tolist() == [20, 21, 22, 23]
    assert cube(volume)[1, 2].tolist() == [60, 61, 62, 63, 64]
    assert volume.read("crossline", 2, 3)[0, 1].tolist() == [60, 61, 62, 63, 64]


@pytest.mark.parametrize("sorting", ["crossline", "none"])
def test_sorting_does_not_change_what_is_read(tmp_path, sorting):
    traces = make()
    plain = open_segy(draw(tmp_path / "a.sgy", traces))
    if sorting == "crossline":
        traces.sort(key=lambda trace: (trace[0][193], trace[0][189]))
    else:
        np.random.default_rng(3).shuffle(traces)
    other = open_segy(draw(tmp_path / "b.sgy", traces))
    rows, columns = np.argsort(other.inlines), np.argsort(other.crosslines)
    assert np.array_equal(cube(other)[rows][:, columns], cube(plain))


def test_blocks_smaller_than_the_file_give_the_same_volume(tmp_path, monkeypatch):
    file = draw(tmp_path / "a.sgy", make())
    whole = cube(open_segy(file))
    monkeypatch.setattr(segy_traces, "BLOCK", 600)
    monkeypatch.setattr("outcrop.sources.segy_samples.BLOCK", 600)
    volume = open_segy(file)
    assert np.array_equal(cube(volume), whole)
    assert np.array_equal(volume.read("crossline", 1, 3), whole[:, 1:3].swapaxes(0, 1))


def test_long_traces_are_opened_header_by_header(tmp_path):
    volume = open_segy(draw(tmp_path / "a.sgy", make(samples=2100)))
    assert volume.shape == (3, 4, 2100)
    assert cube(volume)[2, 3, -1] == 10 * 11 + 2099


def test_a_reversed_inline_keeps_its_label(tmp_path):
    volume = open_segy(draw(tmp_path / "a.sgy", make(inlines=(9, 7, 5))))
    assert volume.inlines.tolist() == [9, 7, 5]
    assert cube(volume)[0, 0, 0] == 0


def test_a_missing_line_is_filled_with_dead_traces_so_that_lines_stay_evenly_spaced(tmp_path):
    volume = open_segy(draw(tmp_path / "a.sgy", make(inlines=(1, 2, 4))))
    assert volume.inlines.tolist() == [1, 2, 3, 4]
    assert volume.live.sum(axis=1).tolist() == [4, 4, 0, 4]
    assert np.isnan(cube(volume)[2]).all()


def test_a_few_lines_far_apart_stay_a_few_lines(tmp_path):
    volume = open_segy(draw(tmp_path / "a.sgy", make(inlines=(1, 2, 200))))
    assert volume.inlines.tolist() == [1, 2, 200]
    assert any("unevenly" in note for note in volume.notes)


def test_a_hole_reads_as_nan_and_is_not_live(tmp_path):
    traces = make()
    del traces[6]
    volume = open_segy(draw(tmp_path / "a.sgy", traces))
    assert np.argwhere(~volume.live).tolist() == [[1, 2]]
    assert volume.layout["traces"][1, 2] == -1
    assert volume.layout["count"] == 11
    assert np.isnan(volume.read("crossline", 2, 3)[0, 1]).all()
    assert np.isfinite(cube(volume)[volume.live]).all()


def test_a_trace_marked_dead_is_not_read_but_keeps_its_place_in_the_file(tmp_path):
    volume = open_segy(draw(tmp_path / "a.sgy", make(kind=lambda i, j: 2 if (i, j) == (2, 21) else 1)))
    assert np.argwhere(~volume.live).tolist() == [[1, 1]]
    assert volume.layout["traces"][1, 1] == 5
    assert np.isnan(cube(volume)[1, 1]).all()


def test_a_file_that_marks_every_trace_dead_is_not_believed(tmp_path):
    volume = open_segy(draw(tmp_path / "a.sgy", make(kind=2)))
    assert volume.live.all()
    assert any("not believed" in note for note in volume.notes)


def test_one_inline_and_one_crossline_are_volumes_too(tmp_path):
    assert open_segy(draw(tmp_path / "a.sgy", make(inlines=(5,)))).shape == (1, 4, 5)
    assert open_segy(draw(tmp_path / "b.sgy", make(crosslines=(5,)))).shape == (3, 1, 5)


def test_a_line_without_numbers_counts_its_traces_from_one(tmp_path):
    volume = open_segy(draw(tmp_path / "a.sgy", [({189: 0, 193: 0, 21: n + 40}, [n, n]) for n in range(6)]))
    assert volume.is_line
    assert volume.crosslines.tolist() == [1, 2, 3, 4, 5, 6]


def test_an_arbitrary_line_through_a_survey_is_read_as_a_line(tmp_path):
    volume = open_segy(draw(tmp_path / "a.sgy", [({189: 100 + n, 193: 300 + 2 * n}, [n, n]) for n in range(30)]))
    assert volume.shape == (1, 30, 2)
    assert any("2-D line" in note for note in volume.notes)


def test_line_numbers_in_the_places_of_older_programs_are_found(tmp_path):
    traces = [({9: header[189], 21: header[193]}, values) for header, values in make()]
    volume = open_segy(draw(tmp_path / "a.sgy", traces))
    assert volume.inlines.tolist() == [1, 2, 3]
    assert any("bytes 9 and 21" in note for note in volume.notes)


def test_named_bytes_go_before_the_standard_ones(tmp_path):
    traces = [(header | {17: header[193], 13: header[189] + 100}, values) for header, values in make()]
    volume = open_segy(draw(tmp_path / "a.sgy", traces), SegyOptions(inline_byte=13, crossline_byte=17))
    assert volume.inlines.tolist() == [101, 102, 103]


def test_prestack_data_is_refused_and_names_its_offsets(tmp_path):
    traces = [(header | {37: offset}, values) for header, values in make() for offset in (100, 300)]
    with pytest.raises(NoGeometry, match="pre-stack.*100, 300"):
        open_segy(draw(tmp_path / "a.sgy", traces))


def test_one_offset_of_prestack_data_is_taken_by_request(tmp_path):
    traces = [(header | {37: offset}, [offset] * 5) for header, _ in make() for offset in (100, 300)]
    file = draw(tmp_path / "a.sgy", traces)
    volume = open_segy(file, SegyOptions(offset=300))
    assert volume.shape == (3, 4, 5)
    assert (cube(volume) == 300).all()
    assert volume.layout["traces"][0].tolist() == [1, 3, 5, 7]
    with pytest.raises(NoGeometry, match="offset 200: choose one of 100, 300"):
        open_segy(file, SegyOptions(offset=200))


def test_shot_records_without_line_numbers_are_refused(tmp_path):
    traces = [({9: n // 5, 13: n % 5}, [n, n]) for n in range(20)]
    with pytest.raises(NoGeometry, match="pre-stack"):
        open_segy(draw(tmp_path / "a.sgy", traces))


def test_a_repeated_trace_at_a_seam_is_noted_and_the_first_one_read(tmp_path):
    traces = make(inlines=range(1, 11), crosslines=range(1, 21))
    volume = open_segy(draw(tmp_path / "a.sgy", [*traces, (traces[7][0], [-1.0] * 5)]))
    assert cube(volume)[0, 7, 0] == 70
    assert volume.layout["repeats"].tolist() == [[200, 7]]
    assert any("repeat a place" in note for note in volume.notes)


def test_many_traces_with_the_numbers_of_others_are_refused(tmp_path):
    with pytest.raises(NoGeometry, match="name the right bytes"):
        open_segy(draw(tmp_path / "a.sgy", make() + make()))


def test_scattered_numbers_are_hardly_line_numbers(tmp_path):
    rng = np.random.default_rng(0)
    traces = [({189: int(a), 193: int(b)}, [0, 1]) for a, b in rng.integers(0, 40000, (300, 2))]
    with pytest.raises(NoGeometry, match="hardly be line numbers"):
        open_segy(draw(tmp_path / "a.sgy", traces))


# Known truth: the vertical axis


@pytest.mark.parametrize(
    ("interval", "text", "axis", "step"),
    [
        (4000, "", "two-way time", 4),
        (500, "", "two-way time", 0.5),
        (20000, "", "depth", 20),
        (12500, "", "depth", 12.5),
        (5, "", "depth", 5),
        (4000, "C 1 DOMAIN: DEPTH", "depth", 4),
        (5000, "C 1 SAMPLE INTERVAL: 5 M", "depth", 5),
        (5000, "C 1 SAMPLE INTERVAL: 5 MS", "two-way time", 5),
        (10000, "C 1 THIS VOLUME IS IN TIME", "two-way time", 10),
        (4000, "C 1 PSDM STRETCHED, TRACE START TIME/DEPTH", "two-way time", 4),
        (4000, "C 1 Vertical axis: depth, step 4 m", "depth", 4),
        (4000, "C 1 IN DEPTH, CONVERTED FROM TWT", "two-way time", 4),
    ],
)
def test_time_and_depth_are_told_apart(tmp_path, interval, text, axis, step):
    volume = open_segy(draw(tmp_path / "a.sgy", make(), interval=interval, text=text))
    assert (volume.vertical.name, volume.sample_step) == (axis, step)
    assert volume.vertical.unit == {"two-way time": "ms", "depth": "m"}[axis]


def test_a_guess_about_depth_is_explained(tmp_path):
    volume = open_segy(draw(tmp_path / "a.sgy", make(), interval=20000))
    assert any("20 m of depth" in note and "--vertical" in note for note in volume.notes)


def test_the_user_decides_between_time_and_depth(tmp_path):
    file = draw(tmp_path / "a.sgy", make(), interval=20000)
    volume = open_segy(file, SegyOptions(vertical="time"))
    assert (volume.vertical.unit, volume.sample_step) == ("ms", 20)
    volume = open_segy(file, SegyOptions(vertical="depth", sample_interval=6.25))
    assert (volume.vertical.unit, volume.sample_step) == ("m", 6.25)


@pytest.mark.parametrize(("delay", "scalar", "first"), [(4, 0, 4), (10000, -10, 1000), (25, 10, 250), (-8, 1, -8)])
def test_the_delay_takes_its_scalar(tmp_path, delay, scalar, first):
    volume = open_segy(draw(tmp_path / "a.sgy", make(delay=delay, tscalar=scalar)))
    assert volume.first_sample == first


def test_traces_with_another_delay_are_counted_in_a_note(tmp_path):
    volume = open_segy(draw(tmp_path / "a.sgy", make(delay=lambda i, j: 100 if j == 20 and i < 3 else 40)))
    assert volume.first_sample == 40
    assert any(note.startswith("2 of 12 traces give another delay") for note in volume.notes)


def test_a_missing_interval_comes_from_the_traces_or_is_asked_for(tmp_path):
    traces = [(header | {117: 2000}, values) for header, values in make()]
    assert open_segy(draw(tmp_path / "a.sgy", traces, interval=0)).sample_step == 2
    silent = draw(tmp_path / "b.sgy", make(), interval=0)
    with pytest.raises(NoGeometry, match="--sample-interval"):
        open_segy(silent)
    assert open_segy(silent, SegyOptions(sample_interval=3)).sample_step == 3


# Known truth: the map


@pytest.mark.parametrize(("scalar", "factor"), [(-100, 0.01), (-10, 0.1), (0, 1), (1, 1), (21, 21)])
def test_the_coordinate_scalar_divides_or_multiplies(tmp_path, scalar, factor):
    traces = make(scalar=scalar, x=lambda i, j: 5000 + 2500 * j, y=lambda i, j: 7000 + 1250 * i)
    volume = open_segy(draw(tmp_path / "a.sgy", traces))
    assert volume.x[0, 0] == pytest.approx((5000 + 2500 * 20) * factor)
    assert volume.spacing == pytest.approx((1250 * factor, 2500 * factor))
    assert any("no power of ten" in note for note in volume.notes) == (scalar == 21)


def test_spacing_of_a_rotated_and_decimated_grid_is_that_between_the_lines_in_the_file(tmp_path):
    def east(i, j):
        return round(43000000 + 100 * (12.5 * i * 0.6 + 25 * j * 0.8))

    def north(i, j):
        return round(640000000 + 100 * (12.5 * i * 0.8 - 25 * j * 0.6))

    volume = open_segy(
        draw(tmp_path / "a.sgy", make(inlines=(4, 8, 12), crosslines=(2, 4, 6), scalar=-100, x=east, y=north))
    )
    assert volume.spacing == pytest.approx((50, 50), abs=0.01)


def test_line_numbers_in_the_coordinate_words_are_not_metres(tmp_path):
    volume = open_segy(draw(tmp_path / "a.sgy", make(x=lambda i, j: i, y=lambda i, j: j)))
    assert volume.x is None
    assert volume.spacing == (None, None)
    assert any("repeat the line numbers" in note for note in volume.notes)


def test_degrees_are_not_metres(tmp_path):
    volume = open_segy(draw(tmp_path / "a.sgy", make(units=3, x=lambda i, j: 500 + j, y=lambda i, j: 58 + i)))
    assert volume.x is None
    assert any("decimal degrees" in note for note in volume.notes)


def test_feet_become_metres(tmp_path):
    traces = make(x=lambda i, j: 1000 + 100 * j, y=lambda i, j: 50 * i, delay=30)
    volume = open_segy(draw(tmp_path / "a.sgy", traces, interval=10000, binary={55: ("h", 2)}))
    assert volume.spacing == pytest.approx((50 * 0.3048, 100 * 0.3048), abs=1e-6)
    assert (volume.first_sample, volume.sample_step) == pytest.approx((30 * 0.3048, 10 * 0.3048))
    assert sum("feet" in note for note in volume.notes) == 2


def test_uneven_coordinates_give_no_spacing_and_say_so(tmp_path):
    rng = np.random.default_rng(1)
    traces = make(x=lambda i, j: 25 * j + int(rng.integers(-20, 20)), y=lambda i, j: 25 * i)
    volume = open_segy(draw(tmp_path / "a.sgy", traces))
    assert volume.spacing == (None, None)
    assert any("even grid" in note for note in volume.notes)


def test_the_user_gives_the_spacing_and_the_projection(tmp_path):
    volume = open_segy(draw(tmp_path / "a.sgy", make()), SegyOptions(spacing=(12.5, 25), crs="EPSG:32631"))
    assert volume.spacing == (12.5, 25)
    assert volume.crs == "EPSG:32631"
    assert volume.cell_area() == 312.5


def test_traces_at_zero_amid_a_survey_have_no_place(tmp_path):
    def east(i, j):
        return 0 if (i, j) == (2, 21) else 600000 + 25 * j

    volume = open_segy(
        draw(tmp_path / "a.sgy", make(x=east, y=lambda i, j: 0 if (i, j) == (2, 21) else 6000000 + 25 * i))
    )
    assert np.argwhere(np.isnan(volume.x)).tolist() == [[1, 1]]
    assert volume.spacing == (25, 25)


def test_source_coordinates_stand_in_for_missing_ones(tmp_path):
    volume = open_segy(draw(tmp_path / "a.sgy", make(sx=lambda i, j: 25 * j, sy=lambda i, j: 50 * i)))
    assert volume.spacing == (50, 25)
    assert any("source" in note for note in volume.notes)


def test_the_step_of_a_bent_line_is_that_between_its_traces(tmp_path):
    traces = [({181: 600000 + min(n, 10) * 20, 185: 6000000 + max(n - 10, 0) * 20}, [0, 1]) for n in range(21)]
    assert open_segy(draw(tmp_path / "a.sgy", traces)).spacing == (None, 20)


# Known truth: what stands before the traces


def test_extra_trace_headers_of_revision_two_are_stepped_over(tmp_path):
    for kind in "ih":  # 4 bytes in revision 2.0, 2 bytes in 2.1
        file = draw(tmp_path / "a.sgy", make(), blocks=2, binary={301: ("B", 2), 307: (kind, 2)})
        volume = open_segy(file)
        assert volume.layout["trace_header"] == 720
        assert cube(volume)[1, 2, 3] == 63


def test_revision_two_gives_samples_and_interval_in_wider_words(tmp_path):
    binary = {301: ("B", 2), 21: ("H", 1), 69: ("i", 5), 73: ("d", 1234.5)}
    volume = open_segy(draw(tmp_path / "a.sgy", make(), binary=binary))
    assert (volume.samples, volume.sample_step) == (5, 1.2345)


def test_a_trailer_of_revision_two_is_no_trace(tmp_path):
    file = draw(tmp_path / "a.sgy", make(), binary={301: ("B", 2), 329: ("i", 1)}, tail=b"\x40" * 3200)
    assert open_segy(file).layout["count"] == 12


@pytest.mark.parametrize("announced", [2, -1])
def test_extended_text_headers_are_counted_or_searched_for_their_end(tmp_path, announced):
    texts = ("C 1 DOMAIN: DEPTH", "((SEG: EndText))")
    volume = open_segy(draw(tmp_path / "a.sgy", make(), texts=texts, binary={305: ("h", announced)}))
    assert volume.layout["first_trace"] == 3600 + 6400
    assert volume.vertical.name == "depth"


def test_text_headers_that_are_announced_but_missing_are_noted(tmp_path):
    volume = open_segy(draw(tmp_path / "a.sgy", make(), binary={305: ("h", 3)}))
    assert volume.shape == (3, 4, 5)
    assert any("not there" in note for note in volume.notes)


def test_ascii_and_nul_in_the_text_header_do_no_harm(tmp_path):
    for encoding in ("latin-1", "cp037"):
        file = draw(tmp_path / "a.sgy", make(), text="C 1 DOMAIN:\0DEPTH", encoding=encoding)
        volume = open_segy(file)
        assert volume.layout["encoding"] == encoding
        assert volume.vertical.name == "depth"


def test_a_wrong_number_of_samples_in_the_file_header_gives_way_to_the_traces(tmp_path):
    traces = [(header | {115: 5}, values) for header, values in make()]
    volume = open_segy(draw(tmp_path / "a.sgy", traces, binary={21: ("H", 77)}))
    assert volume.samples == 5
    assert any("77 samples" in note for note in volume.notes)


# Refusals


@pytest.mark.parametrize(
    ("change", "error", "words_"),
    [
        (lambda b: b[:2000], DamagedFile, "headers of a SEG-Y file alone take 3600"),
        (lambda b: b[:3600], DamagedFile, "not a single trace"),
        (lambda b: b[:-100], DamagedFile, "cut off"),
        (lambda b: b + b"12345", DamagedFile, "5 bytes more"),
        (lambda b: b[:3224] + b"\0\x63" + b[3226:], UnknownFormat, "format code 99"),
        (lambda b: b[:3224] + b"\0\4" + b[3226:], UnknownFormat, "fixed point with gain"),
        (lambda b: b[:3220] + b"\0\0" + b[3222:], DamagedFile, "0 samples a trace"),
        (lambda b: b"inline,crossline,x,y\n" * 300, UnknownFormat, "plain text"),
    ],
)
def test_a_broken_file_is_refused_with_a_sentence(tmp_path, change, error, words_):
    file = draw(tmp_path / "odd.sgy", make())
    file.write_bytes(change(file.read_bytes()))
    with pytest.raises(error, match=words_) as caught:
        open_segy(file)
    assert "odd.sgy" in str(caught.value)
    assert str(tmp_path) not in str(caught.value)


def test_a_missing_file_is_refused(tmp_path):
    with pytest.raises(BadInput, match=r"gone\.sgy is not there"):
        open_segy(tmp_path / "gone.sgy")


def test_the_wrong_byte_order_is_refused(tmp_path):
    with pytest.raises(UnknownFormat, match="byte order is little"):
        open_segy(draw(tmp_path / "a.sgy", make()), SegyOptions(endian="little"))


def test_a_file_that_shrinks_while_it_is_read_is_refused(tmp_path):
    file = draw(tmp_path / "a.sgy", make())
    volume = open_segy(file)
    file.write_bytes(file.read_bytes()[:4000])
    with pytest.raises(DamagedFile, match="another program"):
        cube(volume)


@pytest.mark.parametrize(
    "options",
    [
        SegyOptions(inline_byte=0),
        SegyOptions(crossline_byte=238),
        SegyOptions(sample_interval=-1),
        SegyOptions(spacing=(0, 1)),
        SegyOptions(vertical="sideways"),
        SegyOptions(endian="middle"),
    ],
)
def test_an_option_that_makes_no_sense_is_refused(tmp_path, options):
    with pytest.raises(UsageError):
        open_segy(draw(tmp_path / "a.sgy", make()), options)


def test_positions_outside_the_volume_are_refused(tmp_path):
    volume = open_segy(draw(tmp_path / "a.sgy", make()))
    for start, stop in ((0, 4), (-1, 2), (2, 1)):
        with pytest.raises(UsageError):
            volume.read("inline", start, stop)


# Size


def test_a_survey_of_512_by_512_traces_opens_in_seconds_and_reads_with_little_memory(tmp_path):
    import time
    import tracemalloc

    n = 512
    record = np.dtype(
        {
            "names": ["x", "y", "il", "xl", "v"],
            "formats": [">i4"] * 4 + [">f4"],
            "offsets": [180, 184, 188, 192, 240],
            "itemsize": 244,
        }
    )
    traces = np.zeros((n, n), record)
    traces["il"], traces["xl"] = np.mgrid[100 : 100 + n, 1000 : 1000 + n]
    traces["x"], traces["y"] = 600000 + 25 * traces["xl"], 6000000 + 25 * traces["il"]
    traces["v"] = np.arange(n * n).reshape(n, n)
    head = draw(tmp_path / "a.sgy", make(samples=1)).read_bytes()[:3600]
    (tmp_path / "big.sgy").write_bytes(head + traces.tobytes())
    del traces
    start = time.monotonic()
    volume = open_segy(tmp_path / "big.sgy")
    assert time.monotonic() - start < 5
    assert volume.spacing == (25, 25)
    tracemalloc.start()
    block = volume.read("crossline", 100, 116)
    assert tracemalloc.get_traced_memory()[1] < 30e6
    tracemalloc.stop()
    assert np.array_equal(block[..., 0], np.arange(n * n).reshape(n, n)[:, 100:116].T)


# segyio as judge


@pytest.mark.parametrize("code", [1, 3, 5])
@pytest.mark.parametrize("sorting", [1, 2])
def test_what_segyio_wrote_is_read_alike(tmp_path, code, sorting):
    spec = segyio.spec()
    spec.format, spec.sorting = code, sorting
    spec.ilines, spec.xlines, spec.samples = [3, 4, 5], [10, 12, 14, 16], np.arange(6) * 4.0
    values = np.random.default_rng(0).integers(-3000, 3000, (3, 4, 6)).astype(np.float32)
    with segyio.create(str(tmp_path / "a.sgy"), spec) as file:
        pairs = (
            [(i, j) for i in range(3) for j in range(4)]
            if sorting == 2
            else [(i, j) for j in range(4) for i in range(3)]
        )
        for n, (i, j) in enumerate(pairs):
            file.header[n] = {segyio.su.iline: spec.ilines[i], segyio.su.xline: spec.xlines[j]}
            file.trace[n] = values[i, j].astype(file.dtype)
        file.bin.update(hdt=4000)
    volume = open_segy(tmp_path / "a.sgy")
    assert np.array_equal(cube(volume), values)
    assert volume.crosslines.tolist() == spec.xlines


# Real files

F3 = ((23, 18, 75), "two-way time", 4, 4, (25, 25))
SMALL = ((5, 5, 50), "two-way time", 0, 4, (None, None))
TABLE = {
    "f3.sgy": F3,
    **{f"edge_Format{code}.sgy": F3 for code in ("1msb", "2msb", "3msb", "5lsb", "6msb", "8msb")},
    "penobscot_xl1155.sgy": ((601, 1, 1501), "two-way time", 0, 4, (12.5, None)),
    "volve10-migvel-depth-sub3d.sgy": ((18, 52, 226), "depth", 0, 20, (50, 50)),
    "volve10r12-full-twt-arb.sgy": ((1, 225, 850), "two-way time", 4, 4, (None, 13.36)),
    "viking_small.segy": ((1, 480, 600), "two-way time", 0, 4, (None, None)),
    "edge_zfp_small-2d.sgy": ((1, 25, 50), "two-way time", 0, 4, (None, 141.42)),
    "edge_delay-scalar.sgy": ((1, 1, 251), "two-way time", 1000, 4, (None, None)),
    "edge_left-small.sgy": ((5, 5, 50), "two-way time", 0, 4, (21, 21)),
    "edge_rotated-small-rev2.sgy": ((5, 5, 50), "two-way time", 0, 4, (1, 1)),
    "edge_multi-text.sgy": ((1, 1, 1), "two-way time", 0, 4, (None, None)),
    "edge_small.sgy": SMALL,
    "edge_small-lsb.sgy": SMALL,
    "edge_text-embed-null.sgy": SMALL,
    "edge_zfp_small-dec.sgy": ((3, 3, 50), "two-way time", 0, 4, (None, None)),
    "edge_zfp_small-duplicate-traceheaders.sgy": SMALL,
    "edge_zfp_small-irregular.sgy": SMALL,
    "edge_zfp_small_hole.sgy": SMALL,
    "edge_zfp_small_negative_il_xl.sgy": SMALL,
    "edge_zfp_small_reverse_il.sgy": SMALL,
}
PRESTACK = ("edge_shot-gather.sgy", "edge_small-ps.sgy", "edge_1xN.sgy", "edge_Mx1.sgy")


@real
@pytest.mark.parametrize("name", TABLE)
def test_a_real_file_opens_as_what_it_is(name):
    shape, axis, first, step, spacing = TABLE[name]
    volume = open_segy(DATA / name)
    assert volume.shape == shape
    assert (volume.vertical.name, volume.first_sample, volume.sample_step) == (axis, first, step)
    for found, wanted in zip(volume.spacing, spacing, strict=True):
        assert found == (None if wanted is None else pytest.approx(wanted, abs=0.01))
    values = cube(volume)
    assert np.isfinite(values[volume.live]).all()
    crossed = volume.read("crossline", 0, shape[1])
    assert np.array_equal(crossed.swapaxes(0, 1), values, equal_nan=True)


@real
@pytest.mark.parametrize("name", [name for name in TABLE if "rev2" not in name])
def test_segyio_reads_the_same_samples(name):
    order = "little" if "lsb" in name else "big"
    volume = open_segy(DATA / name)
    with segyio.open(str(DATA / name), ignore_geometry=True, endian=order) as file:
        traces = file.trace.raw[:].astype(np.float32).reshape(file.tracecount, -1)
    numbers = volume.layout["traces"]
    assert np.array_equal(cube(volume)[volume.live], traces[numbers[volume.live]])


@real
@pytest.mark.parametrize("name", PRESTACK)
def test_real_prestack_data_is_refused(name):
    with pytest.raises(NoGeometry, match="pre-stack"):
        open_segy(DATA / name)


@real
@pytest.mark.parametrize("name", PRESTACK[1:])
def test_one_offset_of_real_prestack_data_can_be_read(name):
    with segyio.open(str(DATA / name), ignore_geometry=True) as file:
        chosen = [trace for trace, header in zip(file.trace.raw[:], file.header, strict=True) if header[37] == 2]
    volume = open_segy(DATA / name, SegyOptions(offset=2))
    assert np.array_equal(cube(volume).reshape(len(chosen), -1), np.array(chosen))


@real
def test_five_sample_formats_of_one_real_cube_agree():
    cubes = [cube(open_segy(DATA / f"edge_Format{code}.sgy")) for code in ("1msb", "2msb", "3msb", "5lsb", "6msb")]
    assert all(np.array_equal(other, cubes[0]) for other in cubes[1:])


@real
def test_the_cube_with_extra_trace_headers_holds_the_samples_of_the_plain_one():
    assert np.array_equal(
        cube(open_segy(DATA / "edge_rotated-small-rev2.sgy")), cube(open_segy(DATA / "edge_small.sgy"))
    )


@real
def test_no_real_file_is_left_out():
    assert {path.name for path in DATA.iterdir()} == {*TABLE, *PRESTACK}


@real
def test_real_coordinates_lie_where_the_headers_say():
    f3 = open_segy(DATA / "f3.sgy")
    assert (f3.x[0, 0], f3.y[0, 0]) == pytest.approx((620197.2, 6074232.9), abs=1e-6)
    volve = open_segy(DATA / "volve10-migvel-depth-sub3d.sgy")
    assert (volve.x[0, 0], volve.y[0, 0]) == pytest.approx((436415.70, 6477404.61), abs=1e-6)
    assert np.diff(volve.inlines).tolist() == [4] * 17
