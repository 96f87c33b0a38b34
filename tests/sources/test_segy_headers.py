"""What stands before the traces, and files that are refused for it."""

import pytest

from outcrop.core.errors import BadInput, DamagedFile, UnknownFormat, UsageError
from outcrop.sources.segy import SegyOptions, open_segy


def test_extra_trace_headers_of_revision_two_are_stepped_over(tmp_path, draw, make, cube):
    for kind in "ih":  # 4 bytes in revision 2.0, 2 bytes in 2.1
        file = draw(tmp_path / "a.sgy", make(), blocks=2, binary={301: ("B", 2), 307: (kind, 2)})
        volume = open_segy(file)
        assert volume.layout["trace_header"] == 720
        assert cube(volume)[1, 2, 3] == 63


def test_revision_two_gives_samples_and_interval_in_wider_words(tmp_path, draw, make):
    binary = {301: ("B", 2), 21: ("H", 1), 69: ("i", 5), 73: ("d", 1234.5)}
    volume = open_segy(draw(tmp_path / "a.sgy", make(), binary=binary))
    assert (volume.samples, volume.sample_step) == (5, 1.2345)


def test_a_trailer_of_revision_two_is_no_trace(tmp_path, draw, make):
    file = draw(tmp_path / "a.sgy", make(), binary={301: ("B", 2), 329: ("i", 1)}, tail=b"\x40" * 3200)
    assert open_segy(file).layout["count"] == 12


@pytest.mark.parametrize("announced", [2, -1])
def test_extended_text_headers_are_counted_or_searched_for_their_end(tmp_path, announced, draw, make):
    texts = ("C 1 DOMAIN: DEPTH", "((SEG: EndText))")
    volume = open_segy(draw(tmp_path / "a.sgy", make(), texts=texts, binary={305: ("h", announced)}))
    assert volume.layout["first_trace"] == 3600 + 6400
    assert volume.vertical.name == "depth"


def test_text_headers_that_are_announced_but_missing_are_noted(tmp_path, draw, make):
    volume = open_segy(draw(tmp_path / "a.sgy", make(), binary={305: ("h", 3)}))
    assert volume.shape == (3, 4, 5)
    assert any("not there" in note for note in volume.notes)


def test_ascii_and_nul_in_the_text_header_do_no_harm(tmp_path, draw, make):
    for encoding in ("latin-1", "cp037"):
        file = draw(tmp_path / "a.sgy", make(), text="C 1 DOMAIN:\0DEPTH", encoding=encoding)
        volume = open_segy(file)
        assert volume.layout["encoding"] == encoding
        assert volume.vertical.name == "depth"


def test_a_wrong_number_of_samples_in_the_file_header_gives_way_to_the_traces(tmp_path, draw, make):
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
        (lambda b: b[:3224] + b"\0\x63" + b[3226:], DamagedFile, r"format code 99 .*3225-3226"),
        (lambda b: b[:3224] + b"\0\4" + b[3226:], UnknownFormat, "fixed point with gain"),
        (lambda b: b[:3220] + b"\0\0" + b[3222:], DamagedFile, "0 samples a trace"),
        (lambda b: b"inline,crossline,x,y\n" * 300, UnknownFormat, "plain text"),
    ],
)
def test_a_broken_file_is_refused_with_a_sentence(tmp_path, change, error, words_, draw, make):
    file = draw(tmp_path / "odd.sgy", make())
    file.write_bytes(change(file.read_bytes()))
    with pytest.raises(error, match=words_) as caught:
        open_segy(file)
    assert "odd.sgy" in str(caught.value)
    assert str(tmp_path) not in str(caught.value)


def test_a_missing_file_is_refused(tmp_path):
    with pytest.raises(BadInput, match=r"gone\.sgy is not there"):
        open_segy(tmp_path / "gone.sgy")


def test_the_wrong_byte_order_is_refused(tmp_path, draw, make):
    with pytest.raises(UnknownFormat, match="byte order is little"):
        open_segy(draw(tmp_path / "a.sgy", make()), SegyOptions(endian="little"))


def test_a_file_that_shrinks_while_it_is_read_is_refused(tmp_path, draw, make, cube):
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
def test_an_option_that_makes_no_sense_is_refused(tmp_path, options, draw, make):
    with pytest.raises(UsageError):
        open_segy(draw(tmp_path / "a.sgy", make()), options)


def test_positions_outside_the_volume_are_refused(tmp_path, draw, make):
    volume = open_segy(draw(tmp_path / "a.sgy", make()))
    for start, stop in ((0, 4), (-1, 2), (2, 1)):
        with pytest.raises(UsageError):
            volume.read("inline", start, stop)
