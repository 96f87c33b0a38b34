"""Scenes as network input: which bands, which scale, and what is said about it."""

from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import numpy as np
import pytest
from affine import Affine

from outcrop.core.errors import BadInput, UsageError
from outcrop.core.grid import PIXELS, Grid
from outcrop.core.scene import Floats, Scene, scene_from_array
from outcrop.tasks.tailings.look import to_input
from outcrop.tasks.tailings.prepare import prepare, reflectance_looks

from .test_survey import utm

COLOURS = ("B2", "B3", "B4")


def reflectance(rows: int = 40, cols: int = 50) -> Floats:
    """Blue, green and red of a made-up country, each of its own level."""
    rng = np.random.default_rng(0)
    return np.asarray(rng.normal([[[0.10]], [[0.09]], [[0.08]]], 0.01, (3, rows, cols)), np.float32)


def scene(values: Floats, bands: tuple[str, ...] = COLOURS, **more: Any) -> Scene:
    """A scene on the map."""
    return replace(scene_from_array("s", values, utm(*values.shape[1:]), bands), **more)


def seen(source: Scene) -> Floats:
    """The whole scene as the network gets it."""
    prepared = prepare(source, {}).source
    assert isinstance(prepared, Scene)
    return prepared.read(prepared.grid.whole)


def test_red_comes_first_whatever_the_order_in_the_file() -> None:
    values = reflectance()
    wanted = to_input(values[::-1])
    assert np.allclose(seen(scene(values)), wanted)
    shuffled = np.concatenate([values[1:2], values[2:3], np.zeros_like(values[:1]), values[:1]])
    assert np.allclose(seen(scene(shuffled, ("green", "red", "B8", "blue"))), wanted)
    assert np.allclose(seen(scene(values, ("B02", "B03", "B04"))), wanted)


@pytest.mark.parametrize(
    ("factor", "shift", "acquired"),
    [
        (1.0, 0.0, None),
        (10_000.0, 0.0, None),
        (10_000.0, 0.0, datetime(2021, 6, 1, tzinfo=UTC)),
        (10_000.0, 1000.0, datetime(2023, 6, 1, tzinfo=UTC)),
    ],
)
def test_reflectance_and_numbers_of_either_age_give_the_same_input(
    factor: float, shift: float, acquired: datetime | None
) -> None:
    values = reflectance()
    stored = (values * np.float32(factor) + np.float32(shift)).astype(np.float32)
    assert np.allclose(seen(scene(stored, acquired=acquired)), seen(scene(values)), atol=1e-4)
    assert bool(prepare(scene(stored, acquired=acquired), {}).notes) == (factor != 1)


def test_missing_pixels_stay_missing() -> None:
    values = reflectance()
    values[0, 3, 4] = np.nan
    assert np.isnan(seen(scene(values))).sum() == 1


def test_bands_without_names_are_taken_in_order_and_a_note_says_so() -> None:
    prepared = prepare(scene(reflectance(), ("band 1", "band 2", "band 3")), {})
    assert any("were taken as red, green and blue" in note for note in prepared.notes)


@pytest.mark.parametrize(
    "bands", [("band 1",), ("B2", "B3"), ("B4", "B8", "B11"), ("band 1", "band 2", "band 3", "band 4")]
)
def test_bands_among_which_the_colours_cannot_be_told_are_refused(bands: tuple[str, ...]) -> None:
    values = np.repeat(reflectance()[:1], len(bands), axis=0)
    with pytest.raises(BadInput, match="red, green and blue"):
        prepare(scene(values, bands), {})


def test_a_picture_of_eight_bits_is_taken_for_stretched_colours_and_a_note_says_so() -> None:
    values = np.clip(reflectance() / 0.3, 0, 1)
    picture = replace(scene(values[::-1], ("red", "green", "blue")), grid=Grid(shape=values.shape[1:], axes=PIXELS))
    assert np.allclose(seen(picture), to_input(values[::-1] * 0.3), atol=1e-5)
    assert any("plain picture" in note for note in prepare(picture, {}).notes)
    eight = scene(np.rint(values * 255))
    assert np.allclose(seen(eight), seen(scene(reflectance())), atol=0.01)


def test_numbers_of_no_known_scale_are_refused() -> None:
    with pytest.raises(UsageError, match="neither reflectance"):
        prepare(scene(reflectance() * 1e6), {})


def test_a_scene_of_one_value_or_none_is_blank() -> None:
    assert prepare(scene(np.full((3, 9, 9), 0.2, np.float32)), {}).blank
    assert prepare(scene(np.full((3, 9, 9), np.nan, np.float32)), {}).blank


def test_a_scene_seen_in_one_corner_only_is_not_blank() -> None:
    values = np.full((3, 900, 900), np.nan, np.float32)
    values[:, 300:340, 300:340] = reflectance(40, 40)
    assert not prepare(scene(values), {}).blank


def test_a_scene_brighter_than_every_training_picture_is_flagged() -> None:
    looks = reflectance_looks([to_input(reflectance()[2])])
    assert not prepare(scene(reflectance()), {"red": [0.2, 0.4]}).notes
    notes = prepare(scene(reflectance() + np.float32(0.2)), looks).notes
    assert len(notes) == 1 and "brighter" in notes[0]


def test_pixels_of_another_size_than_the_models_learnt_at_are_flagged() -> None:
    source = scene(reflectance())
    coarse = replace(source, grid=replace(source.grid, transform=source.grid.transform @ Affine.scale(3)))
    assert not prepare(source, {}).notes
    assert any("30 x 30 m" in note for note in prepare(coarse, {}).notes)
