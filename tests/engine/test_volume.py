"""A volume is seen along both directions, kept on disk, and gone on with after a stop."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from outcrop.core.grid import Axis
from outcrop.core.scene import Floats
from outcrop.core.volume import Direction, Volume
from outcrop.engine import volume as engine
from outcrop.engine.predict import Ensemble, ensemble_of
from outcrop.engine.volume import decode, encode, predict_volume
from outcrop.models.runtime import Model

Numpy = Callable[..., Model]
Call = tuple[Direction, int, int]
STEP = 0.5 / 250
"""Largest error of a probability kept in one byte."""


def volume_of(cube: Floats, log: list[Call] | None = None) -> Volume:
    """A volume in memory, (inlines, crosslines, samples), that remembers what was read."""

    def read(direction: Direction, start: int, stop: int) -> Floats:
        if log is not None:
            log.append((direction, start, stop))
        return cube[start:stop] if direction == "inline" else cube[:, start:stop].swapaxes(0, 1)

    inlines, crosslines, samples = cube.shape
    return Volume(
        id="cube", inlines=np.arange(inlines), crosslines=np.arange(crosslines), vertical=Axis("two-way time", "ms"),
        first_sample=0.0, sample_step=4.0, samples=samples, live=~np.isnan(cube).all(2), read=read,
    )  # fmt: skip


def noise(*shape: int) -> Floats:
    return np.random.default_rng(0).random(shape, np.float32)


@pytest.fixture
def same(numpy_model: Numpy) -> Ensemble:
    """Sees what is there."""
    return ensemble_of([numpy_model(lambda chips: chips)])


def along(chips: Floats) -> Floats:
    """Mean along each row of a chip: another answer for inlines than for crosslines."""
    return np.broadcast_to(chips.mean(3, keepdims=True), chips.shape)


def test_a_volume_comes_back_in_place_from_both_directions(same: Ensemble, tmp_path: Path) -> None:
    cube = noise(7, 20, 33)
    seen = predict_volume(volume_of(cube), same, tmp_path)
    assert seen.classes == ("salt",)
    assert np.abs(seen.read("inline", 2, 5)[0] - cube[2:5]).max() <= STEP + 1e-6
    assert np.abs(seen.read("crossline", 3, 20)[0] - cube[:, 3:].swapaxes(0, 1)).max() <= STEP + 1e-6


def test_directions_that_agree_have_no_spread(same: Ensemble, tmp_path: Path) -> None:
    seen = predict_volume(volume_of(noise(5, 6, 7)), same, tmp_path)
    assert seen.spread is not None
    assert seen.spread("inline", 0, 5).shape == (5, 6, 7)
    assert not seen.spread("crossline", 0, 6).any()


def test_directions_that_disagree_give_their_mean_and_half_their_difference(numpy_model: Numpy, tmp_path: Path) -> None:
    cube = noise(8, 8, 8)
    seen = predict_volume(volume_of(cube), ensemble_of([numpy_model(along)]), tmp_path)
    across, down = (np.broadcast_to(cube.mean(axis, keepdims=True), cube.shape) for axis in (1, 0))
    assert seen.spread is not None
    assert np.abs(seen.read("inline", 0, 8)[0] - (across + down) / 2).max() <= STEP + 1e-6
    assert np.abs(seen.spread("inline", 0, 8) - np.abs(across - down) / 2).max() <= STEP + 1e-6
    assert np.abs(seen.spread("crossline", 0, 8).swapaxes(0, 1) - np.abs(across - down) / 2).max() <= STEP + 1e-6


def test_every_class_keeps_its_plane(numpy_model: Numpy, tmp_path: Path) -> None:
    model = numpy_model(lambda c: np.concatenate([c, 1 - c], axis=1), classes=("salt", "other"))
    cube = noise(4, 5, 6)
    seen = predict_volume(volume_of(cube), ensemble_of([model]), tmp_path)
    assert seen.read("inline", 1, 3).shape == (2, 2, 5, 6)
    assert np.abs(seen.read("crossline", 0, 5)[1] - (1 - cube).swapaxes(0, 1)).max() <= STEP + 1e-6


def test_dead_traces_stay_dead(same: Ensemble, tmp_path: Path) -> None:
    cube = noise(6, 7, 9)
    cube[2, 3] = cube[5] = np.nan
    seen = predict_volume(volume_of(cube), same, tmp_path)
    for values in (seen.read("inline", 0, 6)[0], seen.read("crossline", 0, 7)[0].swapaxes(0, 1)):
        assert np.array_equal(np.isnan(values), np.isnan(cube))
    assert seen.spread is not None and np.array_equal(np.isnan(seen.spread("inline", 0, 6)), np.isnan(cube))


@pytest.mark.parametrize(
    ("shape", "directions"),
    [
        ((1, 9, 8), {"inline"}),
        ((9, 1, 8), {"crossline"}),
        ((1, 1, 8), {"inline"}),
        ((2, 2, 1), {"inline", "crossline"}),
    ],
)
def test_only_directions_with_something_to_see_are_seen(
    same: Ensemble, tmp_path: Path, shape: tuple[int, int, int], directions: set[str]
) -> None:
    log: list[Call] = []
    cube = noise(*shape)
    seen = predict_volume(volume_of(cube, log), same, tmp_path)
    assert {direction for direction, *_ in log} == directions
    assert (seen.spread is None) == (len(directions) == 1)
    assert np.abs(seen.read("inline", 0, shape[0])[0] - cube).max() <= STEP + 1e-6
    assert np.abs(seen.read("crossline", 0, shape[1])[0].swapaxes(0, 1) - cube).max() <= STEP + 1e-6


def test_lines_are_read_in_blocks_and_progress_counts_them(
    same: Ensemble, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(engine, "BLOCK_SAMPLES", 3 * 5 * 8)
    log: list[Call] = []
    told: list[tuple[int, int]] = []
    predict_volume(volume_of(noise(7, 5, 8), log), same, tmp_path, lambda done, total: told.append((done, total)))
    assert log[:3] == [("inline", 0, 3), ("inline", 3, 6), ("inline", 6, 7)]
    assert all(stop - start <= 3 for _, start, stop in log)
    assert told[-1] == (12, 12) and [done for done, _ in told] == sorted(done for done, _ in told)


class Stopped(Exception):
    """The user pulled the plug."""


@pytest.mark.parametrize("blocks", [1, 2, 3, 4, 5])
def test_a_stopped_volume_goes_on_where_it_was(
    same: Ensemble, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, blocks: int
) -> None:
    monkeypatch.setattr(engine, "BLOCK_SAMPLES", 2 * 5 * 8)
    cube = noise(6, 5, 8)
    first: list[Call] = []
    second: list[Call] = []

    def stop(done: int, total: int) -> None:
        if len(first) == blocks:
            raise Stopped

    with pytest.raises(Stopped):
        predict_volume(volume_of(cube, first), same, tmp_path, stop)
    told: list[int] = []
    seen = predict_volume(volume_of(cube, second), same, tmp_path, lambda done, total: told.append(done))
    assert not set(first) & set(second), "no line is seen twice"
    assert told[-1] == 11
    assert np.abs(seen.read("inline", 0, 6)[0] - cube).max() <= STEP + 1e-6
    assert seen.spread is not None and not seen.spread("inline", 0, 6).any()


def test_a_block_that_was_being_written_is_seen_again(same: Ensemble, tmp_path: Path) -> None:
    """Bytes without their mark do not count."""
    cube = noise(4, 5, 8)
    (tmp_path / "inline.bytes").write_bytes(b"\x07" * 50)
    seen = predict_volume(volume_of(cube), same, tmp_path)
    assert np.abs(seen.read("inline", 0, 4)[0] - cube).max() <= STEP + 1e-6


def test_a_mark_without_its_bytes_does_not_count(same: Ensemble, tmp_path: Path) -> None:
    cube = noise(4, 5, 8)
    predict_volume(volume_of(cube), same, tmp_path)
    (tmp_path / "crossline.bytes").unlink()
    seen = predict_volume(volume_of(cube), same, tmp_path)
    assert np.abs(seen.read("inline", 0, 4)[0] - cube).max() <= STEP + 1e-6


@given(st.lists(st.floats(0, 1, width=32), min_size=1, max_size=50))
def test_a_probability_survives_its_byte(values: list[float]) -> None:
    array = np.array([*values, np.nan], np.float32)
    back = decode(encode(array))
    assert np.abs(back[:-1] - array[:-1]).max() <= STEP + 1e-6
    assert np.isnan(back[-1]) and back.dtype == np.float32


def test_bytes_keep_zero_one_and_nothing_apart() -> None:
    assert encode(np.array([0, 1, 1.0000001, np.nan], np.float32)).tolist() == [0, 250, 250, 255]
    assert np.array_equal(decode(np.arange(256, dtype=np.uint8))[[0, 250]], [0, 1])
    assert np.isfinite(decode(np.arange(255, dtype=np.uint8))).all()


def test_the_source_of_what_was_seen_is_kept(same: Ensemble, tmp_path: Path) -> None:
    volume = replace(volume_of(noise(2, 3, 4)), notes=("one odd thing",))
    assert predict_volume(volume, same, tmp_path).volume is volume
