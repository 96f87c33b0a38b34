"""NumPy files become lines and volumes, and never run code."""

import io
import pickle
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from outcrop.core.errors import BadInput, DamagedFile, OutcropError, UnknownFormat
from outcrop.sources.array import ArrayOptions, open_array

SECTION = np.arange(5 * 4, dtype=np.float32).reshape(5, 4)
"""(samples, traces)."""

CUBE = np.arange(3 * 4 * 5, dtype=np.float32).reshape(3, 4, 5)
"""(inlines, crosslines, samples)."""


def saved(folder: Path, array: Any, name: str = "a.npy") -> Path:
    np.save(folder / name, array)
    return folder / name


def test_a_section_is_a_line_whose_samples_run_downwards(tmp_path: Path) -> None:
    line = open_array(saved(tmp_path, SECTION))
    assert line.is_line and line.shape == (1, 4, 5) and line.id == "a"
    section = next(line.sections("inline"))
    assert np.array_equal(section.read(section.grid.whole)[0], SECTION)


def test_a_cube_keeps_its_axes(tmp_path: Path) -> None:
    volume = open_array(saved(tmp_path, CUBE))
    assert volume.shape == (3, 4, 5) and not volume.is_line
    assert np.array_equal(volume.read("inline", 1, 3), CUBE[1:3])
    assert np.array_equal(volume.read("crossline", 2, 4), CUBE[:, 2:4].swapaxes(0, 1))
    assert volume.inlines.tolist() == [1, 2, 3] and volume.live.all()


@pytest.mark.parametrize("kind", ["f2", "<f4", ">f4", "f8", "i1", "u1", "<i2", ">i2", "i4", "i8"])
@pytest.mark.parametrize("order", ["C", "F"])
def test_any_real_number_comes_in_as_float32(tmp_path: Path, kind: str, order: Any) -> None:
    read = open_array(saved(tmp_path, CUBE.astype(kind, order=order))).read("inline", 0, 3)
    assert read.dtype == np.float32 and np.array_equal(read, CUBE)


@pytest.mark.filterwarnings("error")
def test_what_is_no_number_was_not_seen(tmp_path: Path) -> None:
    odd = CUBE.astype(np.float64)
    odd[0, 0, :4] = [np.nan, np.inf, -np.inf, 1e300]
    read = open_array(saved(tmp_path, odd)).read("inline", 0, 1)
    assert np.isnan(read[0, 0, :4]).all() and np.isfinite(read[0, 0, 4:]).all()


def test_an_array_has_no_units_of_its_own(tmp_path: Path) -> None:
    volume = open_array(saved(tmp_path, CUBE))
    assert (volume.vertical.unit, volume.sample_step, volume.spacing) == ("sample", 1.0, (None, None))
    assert "give --vertical and --sample-interval" in volume.notes[0]


@pytest.mark.parametrize(("vertical", "unit"), [("time", "ms"), ("depth", "m")])
def test_units_can_be_given(tmp_path: Path, vertical: Any, unit: str) -> None:
    options = ArrayOptions(vertical=vertical, sample_interval=4.0, spacing=(25.0, 12.5))
    volume = open_array(saved(tmp_path, CUBE), options)
    assert (volume.vertical.unit, volume.sample_step, volume.spacing) == (unit, 4.0, (25.0, 12.5))
    assert volume.notes == () and volume.cell_area() == 312.5


def test_a_direction_without_an_interval_counts_samples(tmp_path: Path) -> None:
    assert open_array(saved(tmp_path, CUBE), ArrayOptions(vertical="time")).vertical.unit == "sample"


def test_the_file_is_mapped_and_not_loaded(tmp_path: Path) -> None:
    """A cube larger than memory can be opened: 4 TB here, in a file with a hole."""
    path = tmp_path / "huge.npy"
    with path.open("wb") as file:
        np.lib.format.write_array_header_1_0(
            file, {"descr": "<f4", "fortran_order": False, "shape": (1_000_000, 10, 100_000)}
        )
        try:
            file.truncate(file.tell() + 4 * 10**12)
        except OSError:
            pytest.skip("this disk holds no files with holes of 4 TB")
    try:
        volume = open_array(path)
    except OutcropError as refusal:
        pytest.skip(f"this machine maps no file of 4 TB: {refusal}")
    assert volume.shape == (1_000_000, 10, 100_000)
    assert volume.read("inline", 999_999, 1_000_000).shape == (1, 10, 100_000)


@pytest.mark.parametrize("shape", [(), (7,), (2, 3, 4, 5), (0, 5), (3, 0, 5)])
def test_other_shapes_are_refused(tmp_path: Path, shape: tuple[int, ...]) -> None:
    with pytest.raises(BadInput, match=r"a\.npy has shape .*wanted \(samples, traces\) or"):
        open_array(saved(tmp_path, np.zeros(shape, np.float32)))


@pytest.mark.parametrize(
    "array", [np.zeros((3, 3), complex), np.array([["a"]]), np.ones((3, 3), bool), np.zeros((3, 3), "f4,i4")]
)
def test_what_holds_no_real_numbers_is_refused(tmp_path: Path, array: Any) -> None:
    with pytest.raises(UnknownFormat, match="does not hold one array of real numbers"):
        open_array(saved(tmp_path, array))


class Trap:
    """Writes a file when unpickled."""

    def __init__(self, target: Path) -> None:
        self.target = target

    def __reduce__(self) -> Any:
        return Path.write_text, (self.target, "sprung")


@pytest.mark.parametrize("raw", [False, True])
def test_a_pickle_is_refused_and_not_run(tmp_path: Path, raw: bool) -> None:
    trap = Trap(tmp_path / "sprung")
    path = tmp_path / "trap.npy"
    if raw:
        path.write_bytes(pickle.dumps(trap))
    else:
        np.save(path, np.array([[trap]], object), allow_pickle=True)
    with pytest.raises(UnknownFormat, match=r"trap\.npy .*save"):
        open_array(path)
    assert not trap.target.exists()


def test_an_archive_of_arrays_is_refused(tmp_path: Path) -> None:
    np.savez(tmp_path / "a.npz", SECTION)
    with pytest.raises(BadInput, match="a.npz"):
        open_array(tmp_path / "a.npz")


def test_a_file_cut_short_is_refused(tmp_path: Path) -> None:
    path = saved(tmp_path, CUBE)
    content = path.read_bytes()
    for length in (0, 3, 8, 20, 127, 130, len(content) - 1):
        path.write_bytes(content[:length])
        with pytest.raises((DamagedFile, UnknownFormat), match=r"^a\.npy .*numpy\.save"):
            open_array(path)


def content() -> bytes:
    held = io.BytesIO()
    np.save(held, CUBE)
    return held.getvalue()


@given(st.lists(st.tuples(st.integers(0, 140), st.integers(0, 255)), min_size=1, max_size=5))
def test_a_spoilt_file_is_read_or_refused_but_never_crashes(
    tmp_path_factory: pytest.TempPathFactory, changes: list[tuple[int, int]]
) -> None:
    spoilt = bytearray(content())
    for place, value in changes:
        spoilt[place] = value
    path = tmp_path_factory.getbasetemp() / "spoilt.npy"
    path.write_bytes(spoilt)
    try:
        volume = open_array(path)
    except OutcropError as refusal:
        assert "spoilt.npy" in str(refusal)
    else:
        assert volume.read("inline", 0, 1).shape == (1, *volume.shape[1:])


@pytest.mark.parametrize(
    "shape", ["(-3, 4, 5)", "(3, 4)", "(3, 4, 5, )", "3", "('a', 4)", "(3.0, 4)", "[3, 4, 5]", "(True, 4, 5)"]
)
def test_a_header_that_lies_is_read_or_refused(tmp_path: Path, shape: str) -> None:
    path = tmp_path / "lies.npy"
    text = f"{{'descr': '<f4', 'fortran_order': False, 'shape': {shape}, }}".ljust(117) + "\n"
    path.write_bytes(b"\x93NUMPY\x01\x00" + len(text).to_bytes(2, "little") + text.encode() + CUBE.tobytes())
    try:
        assert min(open_array(path).shape) >= 1
    except OutcropError as refusal:
        assert "lies.npy" in str(refusal)


def test_a_volume_of_arrays_is_a_value(tmp_path: Path) -> None:
    volume = open_array(saved(tmp_path, CUBE))
    assert replace(volume, id="b").id == "b" and volume.path == tmp_path / "a.npy"


def test_a_real_section_is_a_line(data: Path) -> None:
    path = next((data / "seismic" / "sections").glob("*.npy"))
    line = open_array(path)
    assert line.is_line and line.samples > 10
    section = next(line.sections("inline"))
    assert section.read(section.grid.whole).dtype == np.float32
