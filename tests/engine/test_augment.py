"""Training chips show the picture, moved and toned, with its mask moved alike."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from outcrop.core.labelled import IGNORE, Labelled
from outcrop.models.recipe import Augmentation

torch = pytest.importorskip("torch", reason="needs torch: install the extra 'learn'")

from outcrop.engine.augment import STILL, batch

FLIP = replace(STILL, flip_lr=True)
WILD = Augmentation(
    flip_ud=True, turn=True, scale=0.3, shift=0.2, warp_probability=1.0, brightness=0.2, contrast=0.2, gamma=0.5, band_gain=0.2,
    noise=0.1, tone_probability=1.0, invert=0.5, stretch=0.2, dip=0.2,
)  # fmt: skip


def one(image: Any, mask: Any | None = None) -> Labelled:
    """A set of one picture, (bands, rows, cols)."""
    image = np.asarray(image, np.float32)
    mask = np.zeros(image.shape[1:], np.uint8) if mask is None else np.asarray(mask, np.uint8)
    return Labelled(
        ids=("a",), images=(image,), masks=(mask,), groups=("g",), strata=np.zeros(1, np.int64), context=np.array([[0.5, 1]], np.float32),
    )  # fmt: skip


def chips(
    labelled: Labelled, chip: int, how: Augmentation, seed: int = 0, classes: int = 1
) -> tuple[Any, Any, Any, Any]:
    """Image, target, weight and context of all pictures as arrays."""
    found = batch(labelled, np.arange(len(labelled)), classes, chip, how, np.random.default_rng(seed))
    image, target, weight, context = (t.numpy() for t in found)
    return image, target, weight, context


def noise(*shape: int, seed: int = 0) -> Any:
    return np.random.default_rng(seed).random(shape, np.float32)


@given(st.integers(1, 16), st.integers(1, 16))
def test_a_small_picture_is_centred_and_reflected_as_the_runtime_does(rows: int, cols: int) -> None:
    image = noise(2, rows, cols)
    seen, _, weight, _ = chips(one(image), 16, STILL)
    pads = [((16 - side) // 2, 16 - side - (16 - side) // 2) for side in (rows, cols)]
    assert np.allclose(seen[0], np.pad(image, [(0, 0), *pads], mode="symmetric"), atol=1e-5)
    assert np.array_equal(weight[0, 0], np.pad(np.ones((rows, cols)), pads))


@given(st.integers(16, 40), st.integers(16, 40), st.integers(0, 99))
def test_a_large_picture_is_cropped_on_whole_pixels(rows: int, cols: int, seed: int) -> None:
    places = np.arange(rows * cols).reshape(1, rows, cols) / 4096
    seen, _, weight, _ = chips(one(places), 16, STILL, seed)
    row, col = divmod(round(float(seen[0, 0, 0, 0]) * 4096), cols)
    assert np.allclose(seen[0, 0], places[0, row : row + 16, col : col + 16], atol=1e-4)
    assert weight.all()


def test_a_chip_can_be_shrunk_and_then_shows_the_same_part_of_the_picture() -> None:
    """Halving samples between pixels, so a picture of 2 x 2 blocks comes back as its blocks, and the edge where it was."""
    blocks = noise(1, 6, 6)
    image = blocks.repeat(2, 1).repeat(2, 2)
    labelled = one(image, image[0] > 0.5)
    rng = np.random.default_rng(0)
    seen, target, weight, _ = (t.numpy() for t in batch(labelled, np.arange(1), 1, 16, STILL, rng, side=8))
    assert seen.shape == (1, 1, 8, 8) and target.shape == weight.shape == (1, 1, 8, 8)
    assert np.allclose(seen[0, 0, 1:7, 1:7], blocks[0], atol=1e-5)
    assert np.array_equal(target[0, 0, 1:7, 1:7], blocks[0] > 0.5)
    assert np.array_equal(weight[0, 0], np.pad(np.ones((6, 6)), 1))


def test_sizes_in_one_batch_come_out_as_alone() -> None:
    both = [noise(1, 16, 16), noise(1, 9, 20, seed=1)]
    labelled = one(both[0]).plus(one(both[1])).plus(one(both[0]))
    seen = chips(labelled, 16, STILL)[0]
    rng = np.random.default_rng(0)
    alone = [batch(one(image), np.arange(1), 1, 16, STILL, rng)[0].numpy()[0] for image in (*both, both[0])]
    assert all(np.array_equal(a[:, :, :9], b[:, :, :9]) for a, b in zip(seen, alone, strict=True))


def test_crops_reach_every_corner_of_a_large_picture() -> None:
    places = one(np.arange(18 * 18).reshape(1, 18, 18) / 512)
    corners = {round(float(chips(places, 16, STILL, seed)[0][0, 0, 0, 0]) * 512) for seed in range(200)}
    assert corners == {18 * row + col for row in range(3) for col in range(3)}


@given(st.integers(0, 99))
def test_a_flip_mirrors_picture_and_mask_together_and_exactly(seed: int) -> None:
    image = noise(1, 16, 16)
    mask = image[0] > 0.5
    seen, target, _, _ = chips(one(image, mask), 16, FLIP, seed)
    assert any(np.allclose(seen[0], w, atol=1e-5) for w in (image, image[..., ::-1]))
    assert np.array_equal(target[0, 0], seen[0, 0] > 0.5)


def test_about_half_of_the_pictures_are_mirrored() -> None:
    image = noise(1, 16, 16)
    mirrored = [
        np.allclose(chips(one(image), 16, FLIP, seed)[0][0], image[..., ::-1], atol=1e-5) for seed in range(200)
    ]
    assert 70 < sum(mirrored) < 130


def test_turns_and_flips_reach_all_eight_positions() -> None:
    image = noise(1, 16, 16)
    how = replace(STILL, flip_lr=True, flip_ud=True, turn=True)
    eight = [np.rot90(side, turn, (1, 2)) for side in (image, image[..., ::-1]) for turn in range(4)]
    found = set()
    for seed in range(100):
        seen = chips(one(image), 16, how, seed)[0][0]
        found.add(next(i for i, wanted in enumerate(eight) if np.allclose(seen, wanted, atol=1e-5)))
    assert found == set(range(8))


@given(st.integers(0, 99))
def test_a_warped_mask_stays_on_its_warped_picture(seed: int) -> None:
    row, col = np.mgrid[:32, :32]
    disc = (row - 14) ** 2 + (col - 18) ** 2 < 81
    how = replace(WILD, tone_probability=0.0, invert=0.0)
    seen, target, _, _ = chips(one(disc[None], disc), 32, how, seed)
    assert (target[0, 0] == (seen[0, 0] > 0.5)).mean() > 0.97
    assert set(np.unique(target)) <= {0, 1}


@given(st.integers(0, 99))
def test_a_zoom_changes_areas_by_its_square(seed: int) -> None:
    row, col = np.mgrid[:64, :64]
    disc = (row - 31.5) ** 2 + (col - 31.5) ** 2 < 15**2
    how = replace(STILL, scale=0.3, warp_probability=1.0)
    ratio = chips(one(disc[None], disc), 64, how, seed)[1].sum() / disc.sum()
    assert 0.68**2 < ratio < 1.32**2


@given(st.integers(0, 99))
def test_a_stretch_widens_what_it_flattens_and_keeps_areas(seed: int) -> None:
    row, col = np.mgrid[:64, :64]
    disc = (row - 31.5) ** 2 + (col - 31.5) ** 2 < 15**2
    seen = chips(one(disc[None], disc), 64, replace(STILL, stretch=0.3, warp_probability=1.0), seed)[1][0, 0]
    assert seen.sum() == pytest.approx(disc.sum(), rel=0.03)
    rows, cols = seen.any(1).sum(), seen.any(0).sum()
    assert 30 / 1.32 - 1 <= min(rows, cols) <= max(rows, cols) <= 30 * 1.32 + 1
    assert rows * cols == pytest.approx(900, rel=0.1)


@given(st.integers(0, 99))
def test_a_dip_tilts_beds_and_leaves_uprights_upright(seed: int) -> None:
    how = replace(STILL, dip=0.2, warp_probability=1.0)
    bed, upright = np.zeros((2, 65, 65))
    bed[32], upright[:, 32] = 1, 1
    assert np.allclose(chips(one(upright[None]), 65, how, seed)[0][0, 0], upright, atol=1e-4)
    tilted = chips(one(bed[None]), 65, how, seed)[0][0, 0]
    places = (tilted * np.arange(65)[:, None]).sum(0) / tilted.sum(0)
    slopes = np.diff(places)[2:-2]
    assert np.allclose(slopes, slopes.mean(), atol=0.01) and abs(slopes.mean()) <= 0.2
    assert places[32] == pytest.approx(32, abs=0.01)


@given(st.integers(0, 99))
def test_pixels_beyond_the_picture_weigh_nothing(seed: int) -> None:
    """Zoomed out, no more pixels count than the shrunken picture has."""
    _, _, weight, _ = chips(one(noise(1, 32, 32)), 32, replace(STILL, scale=0.3, warp_probability=1.0, shift=0.2), seed)
    assert set(np.unique(weight)) <= {0, 1}
    assert 0.2 < weight.mean() <= 1


def test_every_class_has_its_own_plane_and_pixels_not_counted_weigh_nothing() -> None:
    mask = np.array([[0, 1, 2], [IGNORE, 2, 1], [0, 0, IGNORE]])
    _, target, weight, _ = chips(one(noise(1, 3, 3), mask), 3, STILL, classes=2)
    assert np.array_equal(target[0], np.stack([mask == 1, mask == 2]))
    assert np.array_equal(weight[0, 0], mask != IGNORE)


def test_pictures_of_several_sizes_share_a_batch() -> None:
    small, large = one(noise(1, 9, 5)), one(noise(1, 40, 33, seed=1))
    both = replace(small.plus(large), always=np.zeros(0, bool))
    image, target, weight, context = chips(both, 16, WILD)
    assert image.shape == (2, 1, 16, 16) and target.shape == (2, 1, 16, 16)
    assert weight.shape == (2, 1, 16, 16) and context.tolist() == [[0.5, 1], [0.5, 1]]


@given(st.integers(0, 99))
def test_wild_chips_are_finite_and_the_same_for_the_same_seed(blobs: Callable[..., Labelled], seed: int) -> None:
    first, second = (chips(blobs(3), 16, WILD, seed) for _ in range(2))
    assert all(np.array_equal(a, b) and np.isfinite(a).all() for a, b in zip(first, second, strict=True))


def test_a_change_of_polarity_is_about_the_mean_of_the_picture() -> None:
    image = noise(2, 16, 16)
    seen = chips(one(image), 16, replace(STILL, invert=1.0))[0][0]
    mean = image.mean((1, 2), keepdims=True)
    assert np.allclose(seen, 2 * mean - image, atol=1e-5)


TONE = replace(STILL, tone_probability=1.0)


@pytest.mark.parametrize(
    ("how", "low", "high"),
    [
        (replace(TONE, brightness=0.1), 0.4, 0.6),
        (replace(TONE, contrast=0.2), 0.4, 0.6),
        (replace(TONE, gamma=1.0), 0.5**2, 0.5**0.5),
        (replace(TONE, band_gain=0.2), 0.4, 0.6),
    ],
)
def test_a_tone_changes_grey_within_its_bounds_and_uses_them(how: Augmentation, low: float, high: float) -> None:
    """A picture of grey 0.5 everywhere."""
    grey = np.array([chips(one(np.full((1, 4, 4), 0.5)), 4, how, seed)[0].mean() for seed in range(200)])
    assert low - 1e-6 <= grey.min() and grey.max() <= high + 1e-6
    assert grey.max() - grey.min() > 0.8 * (high - low)


def test_band_gains_differ_between_bands_and_noise_between_pixels() -> None:
    grey = np.full((3, 16, 16), 0.5)
    gained = chips(one(grey), 16, replace(TONE, band_gain=0.2))[0][0]
    assert len({round(float(v), 5) for v in gained.mean((1, 2))}) == 3
    assert 0 < chips(one(grey), 16, replace(TONE, noise=0.1))[0][0].std() < 0.11


def test_without_a_tone_grey_stays() -> None:
    image = noise(1, 16, 16)
    how = replace(
        WILD, tone_probability=0.0, invert=0.0, warp_probability=0.0, flip_lr=False, flip_ud=False, turn=False
    )
    assert np.allclose(chips(one(image), 16, how)[0][0], image, atol=1e-5)
