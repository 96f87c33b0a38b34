"""What the network is fed does not depend on the unit, the gain or the offset of what came in."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from outcrop.core.errors import BadInput
from outcrop.core.grid import Axis, Grid, Window
from outcrop.core.scene import Floats, Scene, scene_from_array
from outcrop.core.volume import Direction, Volume
from outcrop.tasks.salt.looks import ranges
from outcrop.tasks.salt.prepare import (
    DEPTH_MEAN,
    DEPTH_SPREAD,
    GREY_MEAN,
    GREY_SPREAD,
    amplitude_scale,
    prepare,
    to_grey,
)


def normal(*shape: int, seed: int = 0) -> Floats:
    return np.random.default_rng(seed).normal(size=shape).astype(np.float32)


def picture(image: Any, bands: tuple[str, ...] = ("grey",)) -> Scene:
    array = np.asarray(image, np.float32)
    return scene_from_array("picture", array, Grid(shape=(array.shape[1], array.shape[2])), bands)


def volume_of(cube: Floats, notes: tuple[str, ...] = ()) -> Volume:
    def read(direction: Direction, start: int, stop: int) -> Floats:
        return cube[start:stop] if direction == "inline" else cube[:, start:stop].swapaxes(0, 1)

    inlines, crosslines, samples = cube.shape
    return Volume(
        id="cube", inlines=np.arange(inlines), crosslines=np.arange(crosslines), vertical=Axis("two-way time", "ms"),
        first_sample=0.0, sample_step=4.0, samples=samples, live=~np.isnan(cube).all(2), read=read, notes=notes,
    )  # fmt: skip


def whole(source: Scene | Volume) -> Floats:
    if isinstance(source, Scene):
        return source.read(source.grid.whole)
    return source.read("inline", 0, source.shape[0])


def test_a_grey_picture_is_used_as_it_is() -> None:
    image = np.random.default_rng(0).random((1, 20, 30), np.float32)
    prepared = prepare(picture(image), {})
    assert np.array_equal(whole(prepared.source), image)
    assert (prepared.notes, prepared.blank, prepared.source.id) == ((), False, "picture")


def test_what_the_opener_noted_of_a_picture_is_kept() -> None:
    noted = replace(picture(5 * normal(1, 20, 30)), notes=("turned upright",))
    first, second = prepare(noted, {}).notes
    assert first == "turned upright" and "taken for amplitudes" in second


def test_the_depth_of_a_picture_is_standardised_and_other_numbers_are_not_fed() -> None:
    image = replace(picture(normal(1, 20, 30)), context={"latitude": 27.0, "depth": DEPTH_MEAN - 2 * DEPTH_SPREAD})
    assert prepare(image, {}).source.context == {"depth": pytest.approx(-2)}  # type: ignore[union-attr]
    assert image.context["latitude"] == 27.0, "the picture itself is left alone"


def test_a_colour_picture_becomes_its_luminance() -> None:
    image = np.random.default_rng(0).random((3, 20, 30), np.float32)
    prepared = prepare(picture(image, ("red", "green", "blue")), {})
    assert isinstance(prepared.source, Scene) and prepared.source.bands == ("grey",)
    wanted = 0.299 * image[0] + 0.587 * image[1] + 0.114 * image[2]
    assert np.allclose(whole(prepared.source)[0], wanted, atol=1e-6)


def test_a_grey_picture_stored_in_colour_is_that_grey_picture() -> None:
    image = np.random.default_rng(0).random((1, 20, 30), np.float32)
    prepared = prepare(picture(np.repeat(image, 3, 0), ("red", "green", "blue")), {})
    assert np.allclose(whole(prepared.source), image, atol=1e-6)


@pytest.mark.parametrize("bands", [2, 4, 7])
def test_other_band_counts_are_refused(bands: int) -> None:
    image = picture(normal(bands, 5, 5), tuple(map(str, range(bands))))
    with pytest.raises(BadInput, match=f"picture has {bands} bands: give a grey or an RGB picture"):
        prepare(image, {})


def test_amplitudes_in_a_picture_are_scaled_and_it_says_so() -> None:
    prepared = prepare(picture(1e4 * normal(1, 200, 200) + 500), {})
    seen = whole(prepared.source)
    assert seen.mean() == pytest.approx(GREY_MEAN, abs=0.01)
    assert seen.std() == pytest.approx(GREY_SPREAD, rel=0.05)
    assert "values beyond [0, 1] were taken for amplitudes" in prepared.notes[0]


def test_a_prepared_picture_is_still_read_window_by_window() -> None:
    source = prepare(picture(normal(1, 20, 30)), {}).source
    assert isinstance(source, Scene)
    window = Window(row=3, col=4, height=5, width=6)
    assert np.array_equal(source.read(window), whole(source)[:, 3:8, 4:10])


def test_what_was_not_seen_stays_unseen() -> None:
    image = np.random.default_rng(0).random((3, 20, 30), np.float32)
    image[1, :, 4] = np.nan
    seen = whole(prepare(picture(image, ("red", "green", "blue")), {}).source)
    assert np.isnan(seen[0, :, 4]).all() and np.isfinite(np.delete(seen, 4, axis=2)).all()


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize("value", [0.0, 0.3, 1.0, -5.0, 1e6, np.nan])
def test_a_picture_of_one_value_is_blank(value: float) -> None:
    assert prepare(picture(np.full((1, 20, 30), value)), {"wavelength": [1, 2]}).blank


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize("value", [0.0, 0.3, -5.0, 1e6, np.nan])
def test_a_volume_of_one_value_is_blank(value: float) -> None:
    assert prepare(volume_of(np.full((4, 5, 6), value, np.float32)), {"wavelength": [1, 2]}).blank


scales = st.tuples(st.sampled_from([1e-12, 1e-3, 1.0, 250.0, 1e9]), st.floats(-3, 3))


@given(scales)
def test_gain_and_offset_of_a_volume_change_nothing(scale: tuple[float, float]) -> None:
    gain, offset = scale
    cube = normal(6, 7, 50)
    plain = whole(prepare(volume_of(cube), {}).source)
    other = whole(prepare(volume_of(np.asarray(gain * (cube + np.float32(offset)), np.float32)), {}).source)
    assert np.abs(plain - other).max() < 1e-3


def test_a_volume_of_noise_gets_the_mean_and_spread_of_the_training_pictures() -> None:
    prepared = prepare(volume_of(3000 * normal(30, 30, 100)), {})
    seen = whole(prepared.source)
    assert seen.mean() == pytest.approx(GREY_MEAN, abs=0.01)
    assert seen.std() == pytest.approx(GREY_SPREAD, rel=0.05)
    assert seen.min() >= 0 and seen.max() <= 1 and seen.dtype == np.float32
    assert "amplitudes were centred on" in prepared.notes[-1]


def test_one_scale_holds_for_all_lines_and_both_directions() -> None:
    cube = normal(30, 20, 40)
    cube[10] *= 5
    source = prepare(volume_of(cube), {}).source
    assert isinstance(source, Volume)
    assert np.array_equal(source.read("inline", 3, 4)[0, 7], source.read("crossline", 7, 8)[0, 3])
    assert source.read("inline", 10, 11).std() > 2 * source.read("inline", 9, 10).std()


def test_spikes_do_not_darken_a_volume() -> None:
    cube = normal(10, 10, 100)
    spiky = cube.copy()
    spiky[3, 4, 50] = 1e7
    plain, other = (whole(prepare(volume_of(c), {}).source) for c in (cube, spiky))
    assert np.abs(np.delete(plain, 50, 2) - np.delete(other, 50, 2)).max() < 0.01


def test_a_mute_does_not_brighten_a_volume() -> None:
    cube = normal(10, 10, 100)
    muted = cube.copy()
    muted[:, :, :60] = 0
    plain, other = (whole(prepare(volume_of(c), {}).source)[:, :, 60:] for c in (cube, muted))
    assert np.abs(plain - other).max() < 0.05


def test_dead_traces_stay_dead_and_do_not_count() -> None:
    cube = normal(10, 10, 100)
    cube[2:5] = np.nan
    seen = whole(prepare(volume_of(cube), {}).source)
    assert np.array_equal(np.isnan(seen), np.isnan(cube))


def test_the_notes_of_the_reader_are_kept() -> None:
    assert (
        prepare(volume_of(normal(3, 4, 50), ("two traces share a place",)), {}).notes[0] == "two traces share a place"
    )


@pytest.mark.parametrize("shape", [(1, 200, 100), (200, 1, 100), (1, 1, 100), (3, 500, 60)])
def test_lines_and_narrow_volumes_are_scaled_like_any_other(shape: tuple[int, int, int]) -> None:
    seen = whole(prepare(volume_of(1000 * normal(*shape)), {}).source)
    assert seen.mean() == pytest.approx(GREY_MEAN, abs=0.06)
    assert seen.std() == pytest.approx(GREY_SPREAD, rel=0.25)


def test_a_large_volume_is_scaled_from_a_few_of_its_lines() -> None:
    asked: list[tuple[str, int, int]] = []
    cube = normal(200, 30, 20)
    volume = volume_of(cube)
    inner: Callable[..., Floats] = volume.read

    def counted(direction: Direction, start: int, stop: int) -> Floats:
        asked.append((direction, start, stop))
        return inner(direction, start, stop)

    from dataclasses import replace

    prepare(replace(volume, read=counted), {})
    assert len(asked) == 24 and asked[0] == ("inline", 0, 1) and asked[-1] == ("inline", 199, 200)


def test_a_foreign_section_is_flagged_and_a_native_one_is_not() -> None:
    row, col = np.mgrid[:64, :64]
    native = [
        0.5 + 0.2 * np.sin(2 * np.pi * (row + 0.1 * col + p) / 8) + 0.02 * normal(64, 64, seed=p) for p in range(12)
    ]
    training = ranges([np.asarray(n, np.float32) for n in native], 0, 100)
    wide = {name: [low - abs(low) * 0.1, high + abs(high) * 0.1] for name, (low, high) in training.items()}
    assert not [n for n in prepare(picture(native[3][None]), wide).notes if n.startswith("foreign:")]
    slow = 0.5 + 0.2 * np.sin(2 * np.pi * row / 40)
    assert any("dominant vertical wavelength" in note for note in prepare(picture(slow[None]), wide).notes)
    stretched = np.repeat(np.repeat(slow[None] - 0.5, 3, 0), 1, 1).transpose(0, 2, 1)
    assert any(
        note.startswith("foreign:") for note in prepare(volume_of(np.asarray(stretched, np.float32)), wide).notes
    )


@pytest.mark.filterwarnings("error")
def test_a_survey_whose_middle_line_is_dead_is_not_foreign_for_that() -> None:
    cube = normal(31, 31, 64)
    cube[15] = np.nan
    assert not [n for n in prepare(volume_of(cube), {"wavelength": [0.0, 1e9]}).notes if n.startswith("foreign:")]


def test_the_scale_of_normal_amplitudes_is_known() -> None:
    """Clipping a normal distribution at its 1st and 99th percentile leaves 0.982 of its spread."""
    centre, spread = amplitude_scale(100 + 5 * normal(400_000))
    assert centre == pytest.approx(100, abs=0.05)
    assert spread == pytest.approx(0.982 * 5, rel=0.005)


def test_a_very_large_sample_is_thinned_and_gives_the_same_scale() -> None:
    values = normal(3_000_000)
    assert amplitude_scale(values) == pytest.approx(amplitude_scale(values[:1_900_000]), abs=0.01)


@pytest.mark.parametrize("values", [np.zeros(10), np.full(10, np.nan), np.zeros(0)])
def test_nothing_has_no_scale(values: Any) -> None:
    assert amplitude_scale(np.asarray(values, np.float32)) == (0.0, 0.0)


def test_grey_is_linear_between_its_ends_and_clipped_beyond() -> None:
    values = np.array([-100, -1, 0, 1, 100, np.nan], np.float32)
    found = to_grey(values, 0.0, 1.0)
    assert found[:5] == pytest.approx([0, GREY_MEAN - GREY_SPREAD, GREY_MEAN, GREY_MEAN + GREY_SPREAD, 1])
    assert np.isnan(found[5]) and found.dtype == np.float32
