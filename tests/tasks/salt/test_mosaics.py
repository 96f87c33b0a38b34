"""Pictures cut side by side from one section find each other, and strangers stay apart."""

from pathlib import Path

import numpy as np
import pytest

from outcrop.core.scene import Floats
from outcrop.tasks.salt.data import grey
from outcrop.tasks.salt.mosaics import mosaics


def section(rows: int, cols: int, seed: int, along: float = 4) -> Floats:
    """Smooth layers that wander: every edge is its own."""
    from scipy.ndimage import gaussian_filter

    white = np.random.default_rng(seed).normal(size=(rows, cols))
    smooth = gaussian_filter(white, (2, along))
    return np.asarray(0.5 + 0.15 * smooth / smooth.std(), np.float32)


def tiles(image: Floats, side: int) -> list[Floats]:
    return [
        image[r : r + side, c : c + side]
        for r in range(0, image.shape[0], side)
        for c in range(0, image.shape[1], side)
    ]


def same(groups: np.ndarray) -> np.ndarray:
    """(n, n): True where two pictures are of one group."""
    return groups[:, None] == groups[None]


def test_the_tiles_of_two_sections_come_together_again() -> None:
    """Also out of order; strangers never join."""
    pictures = tiles(section(96, 128, 1), 32) + tiles(section(64, 96, 2), 32)
    origin = np.array([0] * 12 + [1] * 6)
    order = np.random.default_rng(3).permutation(18)
    found = mosaics([pictures[i] for i in order])
    assert np.array_equal(same(found), same(origin[order]))


def test_strangers_stay_alone() -> None:
    """With edges as rich in detail as real ones; short smooth edges can be alike by chance."""
    assert len(set(mosaics([section(96, 96, seed, along=2) for seed in range(20)]))) == 20


def test_pictures_stored_in_eight_bits_still_find_each_other() -> None:
    pictures = [np.asarray(np.rint(t * 255) / 255, np.float32) for t in tiles(section(64, 96, 1), 32)]
    assert len(set(mosaics(pictures))) == 1


def test_constant_pictures_match_nothing() -> None:
    grey_level = np.full((32, 32), 0.5, np.float32)
    assert len(set(mosaics([grey_level, grey_level.copy(), section(32, 32, 0), np.zeros((32, 32), np.float32)]))) == 4


def test_a_picture_of_another_size_stands_alone() -> None:
    pictures = tiles(section(32, 64, 1), 32)
    found = mosaics([*pictures, section(20, 20, 5), np.zeros((1, 1), np.float32)])
    assert found[0] == found[1] and len(set(found)) == 3


@pytest.mark.parametrize("count", [0, 1])
def test_too_few_pictures_to_compare_are_their_own_mosaics(count: int) -> None:
    assert mosaics([section(32, 32, 0)] * count).tolist() == list(range(count))


def test_the_challenge_holds_many_small_mosaics(data: Path) -> None:
    """Of 600 pictures some are neighbours, and no group swallows the rest."""
    paths = sorted((data / "tgs" / "train" / "images").glob("*.png"))[:600]
    sizes = np.bincount(mosaics([grey(path) for path in paths]))
    assert 1 < (sizes > 1).sum() < 200
    assert sizes.max() < 30
