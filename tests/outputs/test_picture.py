"""Pictures that are written can be read by anybody, and show what was seen where it was seen."""

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from outcrop.outputs.picture import (
    COLOURS,
    NO_DATA,
    grey,
    overlay,
    write_mask,
    write_overlay,
    write_png,
    write_probability,
)


def read(path: Path) -> np.ndarray:
    with Image.open(path) as image:
        assert image.format == "PNG"
        return np.asarray(image)


def test_a_probability_fills_the_eight_bits() -> None:
    values = np.array([[0, 0.5, 1], [-0.1, 1.1, np.nan]], np.float32)
    assert grey(values).tolist() == [[0, 128, 255], [0, 255, 0]]


@given(st.floats(0, 1, width=32))
def test_a_probability_comes_back_within_half_a_step(value: float) -> None:
    assert abs(int(grey(np.array([[value]], np.float32))[0, 0]) / 255 - value) <= 0.5 / 255 + 1e-6


def test_one_class_is_written_without_its_name(tmp_path: Path) -> None:
    values = np.linspace(0, 1, 12, dtype=np.float32).reshape(1, 3, 4)
    assert [path.name for path in write_probability(tmp_path, "line", ("salt",), values)] == ["line.probability.png"]
    assert np.array_equal(read(tmp_path / "line.probability.png"), grey(values[0]))


def test_several_classes_are_written_each_by_its_name(tmp_path: Path) -> None:
    values = np.random.default_rng(0).random((2, 3, 4), np.float32)
    names = [path.name for path in write_probability(tmp_path, "photo", ("flame", "smoke"), values)]
    assert names == ["photo.flame.probability.png", "photo.smoke.probability.png"]
    assert np.array_equal(read(tmp_path / names[1]), grey(values[1]))


def test_a_mask_keeps_its_numbers(tmp_path: Path) -> None:
    mask = np.array([[0, 1, 2], [NO_DATA, 1, 0]], np.uint8)
    path = write_mask(tmp_path, "line", mask)
    assert path.name == "line.mask.png"
    back = read(path)
    assert back.dtype == np.uint8 and np.array_equal(back, mask)


def test_an_overlay_leaves_the_background_and_tints_and_outlines_the_class() -> None:
    picture = np.full((9, 9), 100, np.uint8)
    mask = np.zeros((9, 9), np.uint8)
    mask[2:7, 2:7] = 1
    mask[0] = NO_DATA
    shown = overlay(picture, mask)
    assert shown.shape == (9, 9, 3) and shown.dtype == np.uint8
    assert (shown[mask != 1] == 100).all()
    edge = np.zeros((9, 9), bool)
    edge[2:7, 2:7] = True
    edge[3:6, 3:6] = False
    assert (shown[edge] == COLOURS[0]).all()
    assert np.abs(shown[4, 4] - (0.65 * 100 + 0.35 * np.array(COLOURS[0]))).max() < 1


def test_a_body_that_leaves_the_picture_has_no_outline_there() -> None:
    shown = overlay(np.full((5, 5), 100, np.uint8), np.ones((5, 5), np.uint8))
    assert (shown == shown[0, 0]).all() and not (shown[0, 0] == COLOURS[0]).all()


def test_every_class_has_its_own_colour_and_colours_start_again_after_the_last() -> None:
    mask = np.repeat(np.arange(len(COLOURS) + 2, dtype=np.uint8), 3)[None]
    shown = overlay(np.zeros_like(mask), mask)
    edges = [tuple(shown[0, 3 * i + 3].tolist()) for i in range(len(COLOURS) + 1)]
    assert len(set(edges[:-1])) == len(COLOURS) and edges[-1] == edges[0]


def test_colour_pictures_keep_their_colours_and_are_not_changed() -> None:
    picture = np.random.default_rng(0).integers(0, 255, (6, 7, 3)).astype(np.uint8)
    before = picture.copy()
    mask = np.zeros((6, 7), np.uint8)
    mask[3:, 3:] = 1
    shown = overlay(picture, mask)
    assert np.array_equal(shown[mask == 0], picture[mask == 0])
    assert np.array_equal(picture, before)


def test_an_overlay_is_written_in_colour(tmp_path: Path) -> None:
    path = write_overlay(tmp_path, "line", np.zeros((3, 4), np.uint8), np.ones((3, 4), np.uint8))
    assert path.name == "line.overlay.png" and read(path).shape == (3, 4, 3)


@pytest.mark.parametrize("shape", [(1, 1), (1, 50), (50, 1)])
def test_the_narrowest_pictures_can_be_written(tmp_path: Path, shape: tuple[int, int]) -> None:
    write_overlay(tmp_path, "line", np.zeros(shape, np.uint8), np.ones(shape, np.uint8))
    assert read(write_mask(tmp_path, "line", np.ones(shape, np.uint8))).shape == shape


def test_a_file_appears_whole_or_not_at_all(tmp_path: Path) -> None:
    class Broken(Image.Image):
        """A picture whose writing fails half-way."""

        def save(self, fp: object, format: str | None = None, **settings: object) -> None:
            Path(str(fp)).write_bytes(b"half")
            raise OSError("the disk is full")

    write_mask(tmp_path, "line", np.zeros((2, 2), np.uint8))
    with pytest.raises(OSError, match="the disk is full"):
        write_png(tmp_path / "line.mask.png", Broken())
    assert [path.name for path in tmp_path.iterdir()] == ["line.mask.png"]
    assert read(tmp_path / "line.mask.png").shape == (2, 2)
