"""SEG-Y files for volumes that have none, and the IBM numbers that may stand in them."""

import tracemalloc
from dataclasses import replace

import numpy as np
import pytest
import segyio
from hypothesis import given
from hypothesis import strategies as st

from outcrop.core.errors import UsageError
from outcrop.core.grid import Axis
from outcrop.core.volume import Volume
from outcrop.outputs.seismic import ibm_from_ieee, write_like, write_segy
from outcrop.sources.segy import open_segy
from outcrop.sources.segy_samples import ieee_from_ibm

NOTE = "Salt probability, 0 to 1, by a drawn test."


def some_values(volume, seed=0):
    return np.random.default_rng(seed).random(volume.shape).astype(np.float32)


def by(values, step=1):
    """Lines as a stream of blocks."""
    return ((first, values[first : first + step]) for first in range(0, len(values), step))


# Known truth


def drawn_volume(**changes):
    """A volume in memory on a rotated grid, with a hole."""
    i, j = np.mgrid[0:4, 0:5]
    live = np.ones((4, 5), bool)
    live[2, 3] = False
    plain = Volume(
        id="drawn",
        inlines=np.array([40, 38, 36, 34]),
        crosslines=np.arange(100, 105),
        vertical=Axis("two-way time", "ms"),
        first_sample=0.0,
        sample_step=4.0,
        samples=7,
        live=live,
        read=lambda direction, start, stop: np.zeros((0, 0, 0), np.float32),
        x=500000.25 + 12 * i + 16 * j,
        y=6000000.5 + 9 * i - 12 * j,
    )
    return replace(plain, **changes)


@pytest.mark.parametrize(
    "changes",
    [
        {},
        {"vertical": Axis("depth", "m"), "sample_step": 20.0},
        {"vertical": Axis("depth", "m"), "sample_step": 5.0, "first_sample": -12.5},
        {"sample_step": 4.1667, "first_sample": 33000.0},
        {"sample_step": 70.0},
        {"samples": 40000},
        {"vertical": Axis("sample", "sample"), "sample_step": 1.0},
        {"x": None, "y": None, "spacing": (12.5, 25.0)},
        {"x": None, "y": None},
        {"x": np.add.outer(np.arange(4.0), np.arange(5.0)) * 5e6, "y": np.ones((4, 5)) * 1e6},
        {"inlines": np.array([7]), "live": np.ones((1, 5), bool), "x": None, "y": None, "spacing": (None, 12.5)},
        {"inlines": np.array([-4, -3, -2, -1]), "crosslines": np.array([5, 4, 3, 2, 1])},
    ],
    ids=lambda changes: ",".join(changes) or "plain",
)
@pytest.mark.parametrize("code", [1, 5, 6])
def test_a_fresh_file_opens_to_the_same_geometry(tmp_path, changes, code):
    volume = drawn_volume(**changes)
    values = some_values(volume)
    write_segy(volume, tmp_path / "a.sgy", by(values, 3), note=NOTE, sample_format=code)
    again = open_segy(tmp_path / "a.sgy")
    assert again.shape == volume.shape
    assert again.inlines.tolist() == volume.inlines.tolist()
    assert again.crosslines.tolist() == volume.crosslines.tolist()
    assert again.vertical == volume.vertical
    assert (again.first_sample, again.sample_step) == pytest.approx((volume.first_sample, volume.sample_step))
    assert np.array_equal(again.live, volume.live)
    assert again.layout["count"] == volume.live.sum()
    found = again.read("inline", 0, len(again.inlines))
    assert np.abs(found - values)[volume.live].max() <= (2**-20 if code == 1 else 0)
    if volume.x is not None:
        rounding = 0.051 if "x" in changes else 0.0051  # far from the origin a decimetre must do
        assert np.abs(again.x - volume.x)[volume.live].max() <= rounding
        assert np.isnan(again.x[~volume.live]).all()
    elif volume.spacing != (None, None):
        assert again.spacing == volume.spacing


def test_segyio_opens_a_fresh_file_strictly(tmp_path):
    volume = drawn_volume(live=np.ones((4, 5), bool), first_sample=100.0)
    values = some_values(volume)
    write_like(volume, tmp_path / "a.sgy", by(values), note=NOTE)
    with segyio.open(str(tmp_path / "a.sgy"), strict=True) as file:
        assert file.ilines.tolist() == [40, 38, 36, 34]
        assert file.samples.tolist() == [100 + 4 * k for k in range(7)]
        assert np.array_equal(file.iline[36], values[2])
        assert file.header[0][segyio.su.scalco] == -100
        assert file.header[0][segyio.su.cdpx] == 50000025
        assert "TWO-WAY TIME" in file.text[0].decode("ascii")
        assert NOTE in file.text[0].decode("ascii")


def test_a_local_grid_is_called_one(tmp_path):
    write_segy(
        drawn_volume(x=None, y=None, spacing=(12.5, 25.0)),
        tmp_path / "a.sgy",
        [(0, np.ones((4, 5, 7), np.float32))],
        note=NOTE,
    )
    text = (tmp_path / "a.sgy").read_bytes()[:3200].decode("cp037")
    assert "LOCAL GRID IN METRES, NOT MAP POSITIONS" in text


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"inlines": np.array([1, 2, 3, 2**31])}, "line number"),
        ({"x": np.full((4, 5), 3e9)}, "coordinates"),
        ({"first_sample": 1 / 3}, "starts at"),
        ({"sample_step": 0.0}, "resample"),
    ],
)
def test_numbers_that_segy_cannot_hold_are_refused(tmp_path, changes, words):
    volume = drawn_volume(**changes)
    with pytest.raises(UsageError, match=words):
        write_segy(volume, tmp_path / "a.sgy", by(some_values(volume)), note=NOTE)
    assert not list(tmp_path.iterdir())


def test_only_three_sample_formats_are_written(tmp_path):
    with pytest.raises(UsageError, match="choose 1, 5 or 6"):
        write_segy(drawn_volume(), tmp_path / "a.sgy", [], note=NOTE, sample_format=3)


def test_a_file_is_written_in_a_few_megabytes(tmp_path):
    volume = drawn_volume(
        inlines=np.arange(100), crosslines=np.arange(200), samples=500, live=np.ones((100, 200), bool), x=None, y=None
    )
    line = np.ones((1, 200, 500), np.float32)
    write_segy(volume, tmp_path / "in.sgy", ((i, line) for i in range(100)), note=NOTE)
    source = open_segy(tmp_path / "in.sgy")
    tracemalloc.start()
    write_like(source, tmp_path / "out.sgy", ((i, line * i) for i in range(100)), note=NOTE)
    assert tracemalloc.get_traced_memory()[1] < 20e6  # of a file of 45e6
    tracemalloc.stop()
    assert open_segy(tmp_path / "out.sgy").read("inline", 98, 99).max() == 98


# Properties


@given(st.floats(width=32, allow_nan=False, allow_infinity=False))
def test_ieee_to_ibm_and_back_keeps_22_bits(value):
    word = ibm_from_ieee(np.array([value], np.float32))
    back = float(ieee_from_ibm(word)[0])
    if abs(value) < 2.0**-126:
        assert back == 0
    elif abs(value) < 2.0**127.99:
        assert abs(back - value) <= 2.0**-22 * abs(value)


@given(st.integers(34, 95), st.integers(2**20, 2**24 - 1), st.booleans())
def test_an_ibm_number_within_reach_of_float32_comes_back_as_the_same_word(exponent, mantissa, negative):
    word = np.array([negative << 31 | exponent << 24 | mantissa], np.uint32)
    assert ibm_from_ieee(ieee_from_ibm(word)) == word


def test_nan_and_infinity_have_a_place_in_ibm():
    largest = float(np.finfo(np.float32).max)
    words = ibm_from_ieee(np.array([np.nan, np.inf, -np.inf], np.float32))
    assert ieee_from_ibm(words).tolist() == [0, largest, -largest]
