"""ZGY, SGZ and VDS in: files written here by the formats' own libraries, then the real ones."""

import os
from pathlib import Path

import numpy as np
import pytest

from outcrop.core.errors import BadInput, DamagedFile, MissingExtra, NoGeometry, UnknownFormat, UsageError
from outcrop.sources import zgy
from outcrop.sources.segy import SegyOptions
from outcrop.sources.zgy import open_compressed

DATA = Path(os.environ.get("OUTCROP_DATA", Path(__file__).parents[2] / "../shared/data")) / "seismic/formats"
real = pytest.mark.skipif(not DATA.is_dir(), reason=f"no real ZGY, SGZ and VDS files at {DATA} (set OUTCROP_DATA)")
pytestmark = pytest.mark.filterwarnings("ignore::UserWarning")


def draw_zgy(
    path, values, *, unit="time", factor=0.001, step=4.0, start=100.0, metre=1.0, annotation=((10, 500), (2, 1))
):
    """A ZGY file of float samples on a rotated grid of 20 m by 30 m."""
    api = pytest.importorskip("openzgy.api", reason="pyzgy is not installed (extra formats)")
    i, j = values.shape[0] - 1, values.shape[1] - 1
    origin, along, across = np.array([5000.0, 9000.0]), np.array([12.0, 16.0]), np.array([24.0, -18.0])
    corners = [origin, origin + i * along, origin + j * across, origin + i * along + j * across]
    with api.ZgyWriter(
        str(path),
        size=values.shape,
        datatype=api.SampleDataType.float,
        datarange=(float(values.min()), float(values.max())),
        zunitdim=getattr(api.UnitDimension, unit),
        zunitname="ms",
        zunitfactor=factor,
        hunitdim=api.UnitDimension.length,
        hunitname="m",
        hunitfactor=metre,
        zstart=start,
        zinc=step,
        annotstart=annotation[0],
        annotinc=annotation[1],
        corners=[tuple(corner / metre) for corner in corners],
    ) as file:
        file.write((0, 0, 0), values)
        file.finalize()
    return path


@pytest.fixture
def values():
    return np.random.default_rng(0).normal(size=(70, 9, 21)).astype(np.float32)


def test_a_zgy_volume_has_the_labels_places_and_samples_drawn(tmp_path, values):
    volume = open_compressed(draw_zgy(tmp_path / "a.zgy", values))
    assert volume.shape == (70, 9, 21)
    assert volume.inlines[:3].tolist() == [10, 12, 14]
    assert volume.crosslines[:2].tolist() == [500, 501]
    assert (volume.vertical.unit, volume.first_sample, volume.sample_step) == ("ms", 100, 4)
    assert volume.spacing == pytest.approx((20, 30))
    assert (volume.x[1, 2], volume.y[1, 2]) == pytest.approx((5000 + 12 + 48, 9000 + 16 - 36))
    assert np.array_equal(volume.read("inline", 60, 70), values[60:])
    assert np.array_equal(volume.read("crossline", 2, 5), values[:, 2:5].swapaxes(0, 1))


def test_slabs_smaller_than_a_brick_give_the_same_volume(tmp_path, values, monkeypatch):
    monkeypatch.setattr(zgy, "SLAB_BYTES", 5 * 9 * 21 * 4)
    volume = open_compressed(draw_zgy(tmp_path / "a.zgy", values))
    assert np.array_equal(volume.read("inline", 3, 44), values[3:44])
    assert np.array_equal(volume.read("crossline", 0, 9), values.swapaxes(0, 1))


def test_depth_and_feet_in_a_zgy_become_metres(tmp_path, values):
    file = draw_zgy(tmp_path / "a.zgy", values, unit="length", factor=0.3048, step=50, start=1000, metre=0.3048)
    volume = open_compressed(file)
    assert (volume.vertical.name, volume.vertical.unit) == ("depth", "m")
    assert (volume.first_sample, volume.sample_step) == pytest.approx((304.8, 15.24))
    assert volume.spacing == pytest.approx((20, 30))


def test_seconds_in_a_zgy_become_milliseconds(tmp_path, values):
    volume = open_compressed(draw_zgy(tmp_path / "a.zgy", values, factor=1.0, step=0.002, start=0.5))
    assert (volume.vertical.unit, volume.first_sample, volume.sample_step) == ("ms", 500, pytest.approx(2))


def test_the_user_goes_before_a_zgy_that_does_not_know(tmp_path, values):
    file = draw_zgy(tmp_path / "a.zgy", values, unit="unknown", factor=1.0)
    assert any("time or depth" in note for note in open_compressed(file).notes)
    volume = open_compressed(file, SegyOptions(vertical="depth", spacing=(10, 12), crs="EPSG:23031"))
    assert (volume.vertical.unit, volume.sample_step) == ("m", 4)
    assert (volume.spacing, volume.crs) == ((10, 12), "EPSG:23031")


def test_an_unwritten_direction_or_position_is_refused(tmp_path, values):
    volume = open_compressed(draw_zgy(tmp_path / "a.zgy", values))
    with pytest.raises(UsageError):
        volume.read("inline", 60, 71)
    with pytest.raises(UsageError):
        volume.read("sample", 0, 1)


def draw_sgz(tmp_path, *, hole=False, line=False):
    """An SGZ file compressed from a SEG-Y file of 5 by 6 traces, or of one line."""
    segyio = pytest.importorskip("segyio")
    conversion = pytest.importorskip("seismic_zfp.conversion", reason="seismic-zfp is not installed (extra formats)")
    pairs = [(i, j) for i in range(5) for j in range(6) if not (hole and (i, j) == (2, 3))]
    spec = segyio.spec()
    spec.format, spec.tracecount, spec.samples = 5, len(pairs), np.arange(40) * 2.0
    values = np.cumsum(np.ones((5, 6, 40), np.float32), axis=2) + np.arange(6, dtype=np.float32)[:, None]
    with segyio.create(str(tmp_path / "a.sgy"), spec) as file:
        for n, (i, j) in enumerate(pairs):
            words = {71: -10, 181: 6000000 + 250 * j, 185: 60000000 + 125 * i}
            file.header[n] = words if line else {189: 100 + i, 193: 30 + 2 * j, **words}
            file.trace[n] = values[i, j]
        file.bin.update(hdt=2000)
    with conversion.SegyConverter(str(tmp_path / "a.sgy")) as converter:
        converter.run(str(tmp_path / "a.sgz"), bits_per_voxel=16)
    return tmp_path / "a.sgz", values


def test_an_sgz_volume_reads_as_the_segy_it_was_made_from(tmp_path):
    file, values = draw_sgz(tmp_path)
    volume = open_compressed(file)
    assert volume.inlines.tolist() == [100, 101, 102, 103, 104]
    assert volume.crosslines.tolist() == [30, 32, 34, 36, 38, 40]
    assert (volume.vertical.unit, volume.sample_step) == ("ms", 2)
    assert volume.spacing == pytest.approx((12.5, 25))
    assert np.abs(volume.read("inline", 0, 5) - values).max() < 0.01
    assert np.abs(volume.read("crossline", 1, 3) - values[:, 1:3].swapaxes(0, 1)).max() < 0.01


def test_a_hole_in_an_sgz_is_not_live(tmp_path):
    file, _ = draw_sgz(tmp_path, hole=True)
    volume = open_compressed(file)
    assert np.argwhere(~volume.live).tolist() == [[2, 3]]
    assert np.isnan(volume.read("crossline", 3, 4)[0, 2]).all()
    assert volume.spacing == pytest.approx((12.5, 25))


def test_a_line_in_an_sgz_is_refused(tmp_path):
    file, _ = draw_sgz(tmp_path, line=True)
    with pytest.raises(NoGeometry, match="2-D line"):
        open_compressed(file)


@pytest.mark.parametrize("suffix", ["zgy", "sgz"])
def test_a_broken_file_is_refused_with_a_sentence(tmp_path, suffix):
    pytest.importorskip({"zgy": "openzgy", "sgz": "seismic_zfp"}[suffix], reason="extra formats is not installed")
    file = tmp_path / f"broken.{suffix}"
    file.write_bytes(b"VBS\0 and then nothing of use" * 40)
    with pytest.raises(DamagedFile, match=rf"broken\.{suffix}"):
        open_compressed(file)


def test_other_suffixes_and_missing_files_are_refused(tmp_path):
    (tmp_path / "a.sgy").write_bytes(b"x")
    with pytest.raises(UnknownFormat, match=r"\.zgy, \.sgz, \.vds"):
        open_compressed(tmp_path / "a.sgy")
    with pytest.raises(BadInput, match="is not there"):
        open_compressed(tmp_path / "gone.zgy")


@pytest.mark.parametrize(("suffix", "package"), [("zgy", "pyzgy"), ("sgz", "seismic-zfp")])
def test_a_missing_library_names_the_extra(tmp_path, monkeypatch, suffix, package):
    def absent(name):
        raise ImportError(name)

    monkeypatch.setattr(zgy.importlib, "import_module", absent)
    (tmp_path / f"a.{suffix}").write_bytes(b"x")
    with pytest.raises(MissingExtra, match=rf"{package} is not installed.*outcrop\[formats\]"):
        open_compressed(tmp_path / f"a.{suffix}")


def test_a_vds_without_openvds_says_what_to_do(tmp_path, monkeypatch):
    def absent(name):
        raise ImportError(name)

    monkeypatch.setattr(zgy.importlib, "import_module", absent)
    (tmp_path / "a.vds").write_bytes(b"x")
    with pytest.raises(UnknownFormat, match=r"pip install openvds  or convert"):
        open_compressed(tmp_path / "a.vds")


@real
@pytest.mark.parametrize(
    ("name", "spacing", "tolerance"),
    [
        ("small-8bit.zgy", (25, 25), 0.02),
        ("small-32bit_rotated.zgy", (1, 1), 1e-5),
        ("small_8bit.sgz", (None, None), 1e-5),
    ],
)
def test_a_real_file_holds_physical_values(name, spacing, tolerance):
    pytest.importorskip("openzgy", reason="extra formats is not installed")
    volume = open_compressed(DATA / name)
    assert volume.shape == (5, 5, 50)
    assert volume.inlines.tolist() == [1, 2, 3, 4, 5]
    assert volume.crosslines.tolist() == [20, 21, 22, 23, 24]
    assert (volume.vertical.unit, volume.first_sample, volume.sample_step) == ("ms", 0, 4)
    assert volume.spacing == (pytest.approx(spacing) if spacing[0] else spacing)
    values = volume.read("inline", 0, 5)
    # the cube of the format's authors: inline + 0.2 at the top, 0.01 a crossline, 1e-5 a sample
    i, j, k = np.mgrid[0:5, 0:5, 0:50]
    assert np.abs(values - (1.2 + i + 0.01 * j + 1e-5 * k)).max() < tolerance
    assert np.array_equal(volume.read("crossline", 0, 5).swapaxes(0, 1), values)


@real
def test_a_real_vds_is_read_where_openvds_is_installed():
    pytest.importorskip("openvds", reason="openvds is not installed (its licence keeps it out of the extras)")
    volume = open_compressed(DATA / "small.vds")
    assert volume.shape == (5, 5, 50)
    assert (volume.vertical.unit, volume.sample_step) == ("ms", 4)
    i, j, k = np.mgrid[0:5, 0:5, 0:50]
    assert np.abs(volume.read("inline", 0, 5) - (1.2 + i + 0.01 * j + 1e-5 * k)).max() < 1e-4
    assert np.array_equal(volume.read("crossline", 1, 3), volume.read("inline", 0, 5)[:, 1:3].swapaxes(0, 1))
