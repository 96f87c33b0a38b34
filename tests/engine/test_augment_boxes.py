"""Boxes stay on what they show, whatever is done to the picture."""

from dataclasses import replace

import numpy as np
import pytest

from outcrop.core.labelled import Boxed
from outcrop.engine.augment_boxes import GREY, Shown, batch, clipped, mirrored, mosaic, shrunk, single, toned
from outcrop.models.box_recipe import BoxAugmentation

PLAIN = BoxAugmentation(
    mosaic=0, flip=0, scale=(1, 1), shift=0, stretch=0, hue=0, saturation=0, value=0, blur=0, noise=0, grey=0, blocks=0
)


def picture(rows: int, cols: int, *boxes: tuple[int, int, int, int]) -> Shown:
    """Black, with white rectangles."""
    pixels = np.zeros((rows, cols, 3), np.uint8)
    for left, top, right, bottom in boxes:
        pixels[top:bottom, left:right] = 255
    count = len(boxes)
    return Shown(
        pixels, np.array(boxes, np.float32).reshape(-1, 4), np.arange(count, dtype=np.int64), np.ones(count, np.float32)
    )


def white(shown: Shown) -> np.ndarray:
    """Edges of what is white, (4,)."""
    seen = shown.pixels.min(2) > 127
    rows, cols = np.flatnonzero(seen.any(1)), np.flatnonzero(seen.any(0))
    return np.array([cols[0], rows[0], cols[-1] + 1, rows[-1] + 1])


def test_a_picture_keeps_its_place_when_nothing_is_varied() -> None:
    rng = np.random.default_rng(0)
    shown = picture(64, 64, (10, 20, 30, 50))
    made = toned(mirrored(single(shown, 64, PLAIN, rng), 0, rng), PLAIN, rng)
    assert (made.pixels == shown.pixels).all() and (made.boxes == shown.boxes).all()


@pytest.mark.parametrize("seed", range(8))
def test_the_box_follows_the_picture(seed: int) -> None:
    rng = np.random.default_rng(seed)
    how = replace(PLAIN, scale=(0.4, 1.6), shift=0.3, stretch=0.4, flip=0.5, visible=0.0, smallest=1)
    made = mirrored(single(picture(90, 120, (40, 30, 80, 60)), 128, how, rng), how.flip, rng)
    assert made.pixels.shape == (128, 128, 3)
    if len(made.boxes):
        assert np.abs(made.boxes[0] - white(made)).max() < 2.5


@pytest.mark.parametrize("seed", range(8))
def test_a_mosaic_keeps_every_box_on_its_thing(seed: int) -> None:
    rng = np.random.default_rng(seed)
    how = replace(PLAIN, mosaic_scale=(0.5, 1.0), smallest=1, visible=0.0)
    made = mosaic([picture(60, 80, (20, 20, 60, 40))] * 4, 128, how, rng)
    covered = np.zeros((128, 128), bool)
    for left, top, right, bottom in made.boxes.round().astype(int):
        covered[max(top - 2, 0) : bottom + 2, max(left - 2, 0) : right + 2] = True
        inner = made.pixels[top + 2 : bottom - 2, left + 2 : right - 2]
        assert not inner.size or inner.mean() > 200
    assert not ((made.pixels.min(2) > 127) & ~covered).any()
    assert (made.pixels == GREY).all(2).any() or made.boxes.size


def test_a_box_of_which_too_little_is_left_goes() -> None:
    how = replace(PLAIN, visible=0.4, smallest=3)
    shown = picture(64, 64, (0, 0, 20, 20), (14, 0, 34, 20), (20, 0, 22, 30))
    kept = clipped(shown, (20, 0, 64, 64), how)
    assert kept.labels.tolist() == [1] and kept.boxes.tolist() == [[20, 0, 34, 20]]


def test_a_mirrored_box_lies_on_the_mirror_image() -> None:
    made = mirrored(picture(40, 60, (5, 10, 25, 20)), 1.0, np.random.default_rng(0))
    assert white(made).tolist() == made.boxes[0].tolist() == [35, 10, 55, 20]


def test_tones_leave_boxes_alone_and_change_pixels() -> None:
    rng = np.random.default_rng(0)
    how = replace(PLAIN, hue=0.1, saturation=0.5, value=0.5, blur=1, noise=1, grey=1, blocks=1)
    shown = picture(40, 60, (5, 10, 25, 20))
    made = toned(shown, how, rng)
    assert made.boxes is shown.boxes and made.pixels.shape == shown.pixels.shape and made.pixels.dtype == np.uint8
    assert (made.pixels != shown.pixels).any()


def test_large_pictures_are_shrunk_once_and_small_ones_are_left() -> None:
    large = np.zeros((3, 200, 400), np.uint8)
    boxed = Boxed(
        ids=("a", "b"), read=lambda i: large if i == 0 else large[:, :50, :60],
        boxes=(np.array([[40, 20, 80, 60]], np.float32), np.zeros((0, 4), np.float32)),
        labels=(np.array([1]), np.zeros(0, np.int64)), groups=("a", "b"), kinds=("x", "x"), always=np.zeros(2, bool),
    )  # fmt: skip
    first, second = shrunk(boxed, 0, 100, 0.5), shrunk(boxed, 1, 100)
    assert first.pixels.shape == (50, 100, 3) and first.boxes.tolist() == [[10, 5, 20, 15]]
    assert first.firmness.tolist() == [0.5] and second.pixels.shape == (50, 60, 3) and not len(second.boxes)


def test_the_same_seed_gives_the_same_batch_and_pictures_without_boxes_are_welcome() -> None:
    shown = [picture(40, 60, (5, 10, 25, 20)), picture(50, 50)]
    how = BoxAugmentation(mosaic=0.5)
    one, two = (batch(shown, np.array([0, 1, 1, 0]), 64, how, 0.5, np.random.default_rng(3)) for _ in range(2))
    assert one[0].shape == (4, 3, 64, 64) and one[0].dtype == np.float32 and one[0].max() <= 1
    assert (one[0] == two[0]).all() and all((a.boxes == b.boxes).all() for a, b in zip(one[1], two[1], strict=True))
