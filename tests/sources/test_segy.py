"""SEG-Y in, as a whole: every sample format, size, segyio as judge, and the real files."""

import os
import time
import tracemalloc
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
import segyio
from hypothesis import given
from hypothesis import strategies as st

from outcrop.core.errors import NoGeometry
from outcrop.sources.segy import SegyOptions, open_segy
from outcrop.sources.segy_samples import ieee_from_ibm

DATA = Path(os.environ.get("OUTCROP_DATA", Path(__file__).parents[2] / "../shared/data")) / "seismic/segy"
real = pytest.mark.skipif(not DATA.is_dir(), reason=f"no real SEG-Y files at {DATA} (set OUTCROP_DATA)")

# Known truth


@pytest.mark.parametrize("order", [">", "<"])
@pytest.mark.parametrize("code", [1, 2, 3, 5, 6, 7, 8, 9, 10, 11, 12, 15, 16])
def test_every_sample_format_gives_the_numbers_drawn_in_both_byte_orders(tmp_path, code, order, draw, cube):
    values = [0, 1, 7, 100] if code in (10, 11, 12, 15, 16) else [-100, 0, 1, 7]
    file = draw(tmp_path / "f.sgy", [({189: 1, 193: n}, values) for n in (1, 2)], code=code, order=order)
    volume = open_segy(file)
    assert cube(volume)[0, 0].tolist() == values
    assert volume.layout["format"] == code
    assert volume.layout["endian"] == order


def test_a_three_byte_integer_keeps_its_sign(tmp_path, draw, cube):
    file = draw(tmp_path / "f.sgy", [({189: 1, 193: 1}, [-(2**23), -1, 2**23 - 1])], code=7)
    assert cube(open_segy(file))[0, 0].tolist() == [-(2**23), -1, 2**23 - 1]


def test_numbers_too_large_for_float32_and_infinities_read_as_nan(tmp_path, draw, cube):
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


# Size


def test_a_survey_of_512_by_512_traces_opens_in_seconds_and_reads_with_little_memory(tmp_path, draw, make):
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
def test_what_segyio_wrote_is_read_alike(tmp_path, code, sorting, cube):
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
def test_a_real_file_opens_as_what_it_is(name, cube):
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
def test_segyio_reads_the_same_samples(name, cube):
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
def test_one_offset_of_real_prestack_data_can_be_read(name, cube):
    with segyio.open(str(DATA / name), ignore_geometry=True) as file:
        chosen = [trace for trace, header in zip(file.trace.raw[:], file.header, strict=True) if header[37] == 2]
    volume = open_segy(DATA / name, SegyOptions(offset=2))
    assert np.array_equal(cube(volume).reshape(len(chosen), -1), np.array(chosen))


@real
def test_five_sample_formats_of_one_real_cube_agree(cube):
    cubes = [cube(open_segy(DATA / f"edge_Format{code}.sgy")) for code in ("1msb", "2msb", "3msb", "5lsb", "6msb")]
    assert all(np.array_equal(other, cubes[0]) for other in cubes[1:])


@real
def test_the_cube_with_extra_trace_headers_holds_the_samples_of_the_plain_one(cube):
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
