"""Time or depth, first sample and step."""

import pytest

from outcrop.core.errors import NoGeometry
from outcrop.sources.segy import SegyOptions, open_segy


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
def test_time_and_depth_are_told_apart(tmp_path, interval, text, axis, step, draw, make):
    volume = open_segy(draw(tmp_path / "a.sgy", make(), interval=interval, text=text))
    assert (volume.vertical.name, volume.sample_step) == (axis, step)
    assert volume.vertical.unit == {"two-way time": "ms", "depth": "m"}[axis]


def test_a_guess_about_depth_is_explained(tmp_path, draw, make):
    volume = open_segy(draw(tmp_path / "a.sgy", make(), interval=20000))
    assert any("20 m of depth" in note and "--vertical" in note for note in volume.notes)


def test_the_user_decides_between_time_and_depth(tmp_path, draw, make):
    file = draw(tmp_path / "a.sgy", make(), interval=20000)
    volume = open_segy(file, SegyOptions(vertical="time"))
    assert (volume.vertical.unit, volume.sample_step) == ("ms", 20)
    volume = open_segy(file, SegyOptions(vertical="depth", sample_interval=6.25))
    assert (volume.vertical.unit, volume.sample_step) == ("m", 6.25)


@pytest.mark.parametrize(("delay", "scalar", "first"), [(4, 0, 4), (10000, -10, 1000), (25, 10, 250), (-8, 1, -8)])
def test_the_delay_takes_its_scalar(tmp_path, delay, scalar, first, draw, make):
    volume = open_segy(draw(tmp_path / "a.sgy", make(delay=delay, tscalar=scalar)))
    assert volume.first_sample == first


def test_traces_with_another_delay_are_counted_in_a_note(tmp_path, draw, make):
    volume = open_segy(draw(tmp_path / "a.sgy", make(delay=lambda i, j: 100 if j == 20 and i < 3 else 40)))
    assert volume.first_sample == 40
    assert any(note.startswith("2 of 12 traces give another delay") for note in volume.notes)


def test_a_missing_interval_comes_from_the_traces_or_is_asked_for(tmp_path, draw, make):
    traces = [(header | {117: 2000}, values) for header, values in make()]
    assert open_segy(draw(tmp_path / "a.sgy", traces, interval=0)).sample_step == 2
    silent = draw(tmp_path / "b.sgy", make(), interval=0)
    with pytest.raises(NoGeometry, match="--sample-interval"):
        open_segy(silent)
    assert open_segy(silent, SegyOptions(sample_interval=3)).sample_step == 3


def test_a_negative_interval_is_named_and_asked_for(tmp_path, draw, make):
    file = draw(tmp_path / "a.sgy", make(), interval=2**16 - 4000)
    with pytest.raises(NoGeometry, match=r"a\.sgy gives -4000 as sample interval \(bytes 3217-3218\)"):
        open_segy(file)
    assert open_segy(file, SegyOptions(sample_interval=4)).sample_step == 4
