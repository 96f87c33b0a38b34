"""SEG-Y out: same geometry, same headers, same trace count; segyio reads the values back."""

import os
import struct
from pathlib import Path

import numpy as np
import pytest
import segyio

from outcrop.core.errors import NoGeometry, OutputExists, UsageError
from outcrop.outputs import seismic
from outcrop.outputs.seismic import write_like, write_segy
from outcrop.sources.segy import SegyOptions, open_segy

DATA = Path(os.environ.get("OUTCROP_DATA", Path(__file__).parents[2] / "../shared/data")) / "seismic/segy"
real = pytest.mark.skipif(not DATA.is_dir(), reason=f"no real SEG-Y files at {DATA} (set OUTCROP_DATA)")
BYTES = {1: 4, 3: 2, 5: 4, 6: 8, 8: 1}
NOTE = "Salt probability, 0 to 1, by a drawn test."


def draw(path, *, code=5, order=">", sorting="inline", skip=(), twice=(), offsets=(0,), blocks=0, tail=0, delay=0):
    """A SEG-Y file of 4 inlines by 3 crosslines of 6 zeros; each trace header is filled with its own pattern."""
    pairs = [(10 - 2 * i, 20 + j) for i in range(4) for j in range(3)]
    pairs = sorted(pairs, key=lambda pair: pair[1]) if sorting == "crossline" else pairs
    head = bytearray(400)
    words = {16: ("H", 2000), 20: ("H", 6), 24: ("h", code), 300: ("B", 2 if blocks or tail else 0), 306: ("i", blocks)}
    words[328] = ("i", tail)
    for at, (kind, value) in words.items():
        struct.pack_into(order + kind, head, at, value)
    lines = ["C 1 DRAWN FOR A TEST", "C 2 SECOND LINE", *(f"C{row:>2}" for row in range(3, 41))]
    out = "".join(line.ljust(80) for line in lines).encode("cp037") + bytes(head)
    for number, pair in enumerate([p for p in pairs if p not in skip] + list(twice)):
        for offset in offsets:
            front = bytearray((number + k) % 250 for k in range(240 * (1 + blocks)))
            front[28:30] = struct.pack(order + "h", 1)
            for at, value in {36: offset, 180: 600000 + 25 * pair[1], 184: 6000000 + 25 * pair[0]}.items():
                struct.pack_into(order + "i", front, at, value)
            struct.pack_into(order + "ii", front, 188, *pair)
            struct.pack_into(order + "h", front, 70, 1)
            struct.pack_into(order + "h", front, 88, 1)
            struct.pack_into(order + "h", front, 108, delay)
            struct.pack_into(order + "H", front, 116, 2000)
            struct.pack_into(order + "h", front, 214, 1)
            out += bytes(front) + b"\0" * (6 * BYTES[code])
    path.write_bytes(out + b"\x40" * (3200 * tail))
    return path


def some_values(volume, seed=0):
    return np.random.default_rng(seed).random(volume.shape).astype(np.float32)


def by(values, step=1):
    """Lines as a stream of blocks."""
    return ((first, values[first : first + step]) for first in range(0, len(values), step))


def parts(path, volume, code):
    """Text header, binary header and what lies before the traces; trace headers; samples as bytes; what lies behind."""
    raw = path.read_bytes()
    start, header, count = volume.layout["first_trace"], volume.layout["trace_header"], volume.layout["count"]
    stride = header + volume.samples * BYTES[code]
    traces = np.frombuffer(raw[start : start + count * stride], np.uint8).reshape(count, stride)
    return raw[:3200], raw[3200:start], traces[:, :header], traces[:, header:], raw[start + count * stride :]


# Known truth: the same file with other samples


@pytest.mark.parametrize(
    "form",
    [
        {},
        {"code": 1},
        {"code": 6},
        {"order": "<"},
        {"code": 1, "order": "<"},
        {"sorting": "crossline"},
        {"skip": [(8, 21), (4, 20)]},
        {"blocks": 2},
        {"tail": 2},
        {"delay": 100},
    ],
    ids=str,
)
def test_everything_but_the_samples_and_the_note_stays_byte_for_byte(tmp_path, form):
    volume = open_segy(draw(tmp_path / "in.sgy", **form))
    values = some_values(volume)
    write_like(volume, tmp_path / "out.sgy", by(values, 3), note=NOTE)
    code = form.get("code", 5)
    old, new = (parts(tmp_path / name, volume, code) for name in ("in.sgy", "out.sgy"))
    assert new[1] == old[1]
    assert np.array_equal(new[2], old[2])
    assert new[4] == old[4]
    again = open_segy(tmp_path / "out.sgy")
    assert again.shape == volume.shape
    assert (again.vertical, again.first_sample, again.spacing) == (volume.vertical, volume.first_sample, volume.spacing)
    assert np.array_equal(again.live, volume.live)
    found = again.read("inline", 0, 4)
    assert np.isnan(found[~volume.live]).all()
    assert np.abs(found - values)[volume.live].max() <= (2**-20 if code == 1 else 0)


def test_segyio_reads_the_values_back(tmp_path):
    volume = open_segy(draw(tmp_path / "in.sgy", sorting="crossline"))
    values = some_values(volume)
    write_like(volume, tmp_path / "out.sgy", by(values), note=NOTE)
    with segyio.open(str(tmp_path / "out.sgy")) as file:
        for position, label in enumerate(volume.inlines.tolist()):
            assert np.array_equal(file.iline[label], values[position])


@pytest.mark.parametrize(("code", "order"), [(3, ">"), (8, "<")])
def test_integer_samples_become_floats_and_the_header_says_so(tmp_path, code, order):
    volume = open_segy(draw(tmp_path / "in.sgy", code=code, order=order))
    values = some_values(volume)
    write_like(volume, tmp_path / "out.sgy", by(values, 4), note=NOTE)
    old, new = parts(tmp_path / "in.sgy", volume, code), parts(tmp_path / "out.sgy", volume, 5)
    changed = [at for at, (a, b) in enumerate(zip(old[1], new[1], strict=True)) if a != b]
    assert changed == [25 if order == ">" else 24]
    assert np.array_equal(new[2], old[2])
    assert f"not format {code}" in " ".join(new[0].decode("cp037").replace("C 3", "").replace("C 4", "").split())
    assert np.array_equal(open_segy(tmp_path / "out.sgy").read("inline", 0, 4), values)


def test_nan_is_written_as_zero(tmp_path):
    volume = open_segy(draw(tmp_path / "in.sgy"))
    values = some_values(volume)
    values[1, 2] = np.nan
    write_like(volume, tmp_path / "out.sgy", by(values), note=NOTE)
    assert (open_segy(tmp_path / "out.sgy").read("inline", 1, 2)[0, 2] == 0).all()


def test_traces_of_other_offsets_hold_zeros(tmp_path):
    volume = open_segy(draw(tmp_path / "in.sgy", offsets=(100, 200)), SegyOptions(offset=200))
    values = some_values(volume)
    write_like(volume, tmp_path / "out.sgy", by(values), note=NOTE)
    with pytest.raises(NoGeometry):
        open_segy(tmp_path / "out.sgy")
    assert np.array_equal(open_segy(tmp_path / "out.sgy", SegyOptions(offset=200)).read("inline", 0, 4), values)
    assert (open_segy(tmp_path / "out.sgy", SegyOptions(offset=100)).read("inline", 0, 4) == 0).all()


def test_a_trace_that_repeats_a_place_gets_the_samples_of_that_place(tmp_path, monkeypatch):
    monkeypatch.setattr("outcrop.sources.segy_places.MOST_REPEATED", 0.2)
    volume = open_segy(draw(tmp_path / "in.sgy", twice=[(8, 21)]))
    write_like(volume, tmp_path / "out.sgy", by(some_values(volume)), note=NOTE)
    samples = parts(tmp_path / "out.sgy", volume, 5)[3]
    assert np.array_equal(samples[12], samples[4])
    assert samples[4].any()


def test_what_the_user_said_about_the_axis_is_in_the_file_afterwards(tmp_path):
    volume = open_segy(draw(tmp_path / "in.sgy"), SegyOptions(vertical="depth"))
    write_like(volume, tmp_path / "out.sgy", by(some_values(volume)), note=NOTE)
    again = open_segy(tmp_path / "out.sgy")
    assert (again.vertical.name, again.sample_step) == ("depth", 2)


def test_small_blocks_give_the_same_file(tmp_path, monkeypatch):
    volume = open_segy(draw(tmp_path / "in.sgy", sorting="crossline", skip=[(8, 21)]))
    write_like(volume, tmp_path / "a.sgy", by(some_values(volume), 4), note=NOTE)
    monkeypatch.setattr(seismic, "BLOCK", 600)
    write_like(volume, tmp_path / "b.sgy", by(some_values(volume), 4), note=NOTE)
    assert (tmp_path / "a.sgy").read_bytes() == (tmp_path / "b.sgy").read_bytes()


def test_an_overlong_note_is_cut_and_the_axis_still_stated(tmp_path):
    volume = open_segy(draw(tmp_path / "in.sgy"), SegyOptions(vertical="depth"))
    write_like(volume, tmp_path / "out.sgy", by(some_values(volume)), note="word " * 2000)
    assert open_segy(tmp_path / "out.sgy").vertical.name == "depth"


# Refusals leave nothing behind


@pytest.mark.parametrize(
    ("lines", "words"),
    [
        (lambda v: by(v[:2]), "stop after 2 of the 4"),
        (lambda v: [(1, v[1:])], "from inline position 1"),
        (lambda v: [(0, v[:, :2])], "do not fit"),
        (lambda v: [(0, v[..., :5])], "do not fit"),
        (lambda v: [(0, v), (4, v)], "do not fit"),
        (lambda v: [], "stop after 0"),
    ],
)
def test_lines_that_do_not_fit_are_refused_and_no_file_is_left(tmp_path, lines, words):
    volume = open_segy(draw(tmp_path / "in.sgy"))
    for write in (write_like, write_segy):
        with pytest.raises(UsageError, match=words):
            write(volume, tmp_path / "out.sgy", lines(some_values(volume)), note=NOTE)
    assert [path.name for path in tmp_path.iterdir()] == ["in.sgy"]


def test_a_file_that_is_there_is_kept_unless_told_otherwise(tmp_path):
    volume = open_segy(draw(tmp_path / "in.sgy"))
    (tmp_path / "out.sgy").write_text("precious")
    with pytest.raises(OutputExists, match="out.sgy"):
        write_like(volume, tmp_path / "out.sgy", by(some_values(volume)), note=NOTE)
    assert (tmp_path / "out.sgy").read_text() == "precious"
    write_like(volume, tmp_path / "out.sgy", by(some_values(volume)), note=NOTE, overwrite=True)
    assert open_segy(tmp_path / "out.sgy").shape == (4, 3, 6)


def test_a_result_never_replaces_the_file_it_is_made_from(tmp_path):
    volume = open_segy(draw(tmp_path / "in.sgy"))
    with pytest.raises(UsageError, match="choose another name"):
        write_like(volume, tmp_path / "in.sgy", by(some_values(volume)), note=NOTE, overwrite=True)


# Real files

NAMES = (
    sorted(path.name for path in DATA.iterdir() if not any(w in path.name for w in ("shot", "-ps", "1xN", "Mx1")))
    if DATA.is_dir()
    else []
)


@real
@pytest.mark.parametrize("name", NAMES)
def test_a_real_file_is_given_back_with_its_headers_and_trace_count(tmp_path, name):
    volume = open_segy(DATA / name)
    values = volume.read("inline", 0, len(volume.inlines))
    write_like(volume, tmp_path / "out.sgy", by(values, 7), note=NOTE)
    old_code = volume.layout["format"]
    old, new = (DATA / name).read_bytes(), (tmp_path / "out.sgy").read_bytes()
    start, header = volume.layout["first_trace"], volume.layout["trace_header"]
    again = open_segy(tmp_path / "out.sgy")
    assert again.layout["count"] == volume.layout["count"]
    if old_code in (1, 5, 6):
        assert new[3200:] == old[3200:]  # the same samples in the same format: the very same bytes
    else:
        assert new[3200:3224] + new[3226:start] == old[3200:3224] + old[3226:start]
        strides = volume.layout["trace_bytes"], again.layout["trace_bytes"]
        for trace in range(volume.layout["count"]):
            places = [start + trace * stride for stride in strides]
            assert new[places[1] : places[1] + header] == old[places[0] : places[0] + header]
    assert np.array_equal(again.read("inline", 0, len(again.inlines)), values, equal_nan=True)
    assert (again.vertical, again.first_sample, again.sample_step, again.spacing) == (
        volume.vertical,
        volume.first_sample,
        volume.sample_step,
        volume.spacing,
    )
