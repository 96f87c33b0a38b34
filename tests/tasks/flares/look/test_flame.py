"""A flame's size, tilt, colour and brightness are what was painted; its draws move with its outline."""

import os
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from PIL import Image, ImageDraw

from outcrop.core.errors import NothingToSee, UsageError
from outcrop.core.grid import Window
from outcrop.tasks.flares.look.flame import flame_features, length_draws, outline_draws

DATA = Path(os.environ.get("OUTCROP_DATA") or Path(__file__).parents[5] / "shared" / "data") / "flares"


def painted(kind: str, length: float, width: float, tilt: float) -> NDArray[np.bool_]:
    """An ellipse, cone (tip below) or bar whose axis leans ``tilt`` degrees to the right of upright."""
    side = int(1.2 * length + width) + 8
    y, x = np.mgrid[:side, :side] + 0.5
    angle = np.radians(tilt)
    right, up = x - side / 2 - 0.21, side / 2 - 0.13 - y
    along = right * np.sin(angle) + up * np.cos(angle)
    across = right * np.cos(angle) - up * np.sin(angle)
    inside = {
        "ellipse": (2 * along / length) ** 2 + (2 * across / width) ** 2 < 1,
        "cone": (abs(along) < length / 2) & (abs(across) < width / 2 * (along / length + 0.5)),
        "bar": (abs(along) < length / 2) & (abs(across) < width / 2),
    }
    return np.asarray(inside[kind])


def black(inside: NDArray[np.bool_]) -> NDArray[np.float32]:
    return np.zeros((3, *inside.shape), np.float32)


@pytest.mark.parametrize("kind", ["ellipse", "cone", "bar"])
@pytest.mark.parametrize("tilt", [-83.0, -45.0, -20.0, 0.0, 7.5, 33.0, 60.0, 90.0])
def test_length_and_tilt_of_painted_shapes_are_found_at_any_angle(kind: str, tilt: float) -> None:
    inside = painted(kind, 180, 60, tilt)
    found = flame_features(black(inside), inside)
    assert found.length == pytest.approx(180, rel=0.03)
    assert abs((found.tilt - tilt + 90) % 180 - 90) < 1.0
    assert found.area == inside.sum()


@settings(max_examples=25, deadline=None)
@given(st.floats(80, 220), st.floats(0.25, 0.8), st.floats(-89, 89))
def test_an_ellipse_of_any_size_keeps_length_and_width(length: float, share: float, tilt: float) -> None:
    inside = painted("ellipse", length, share * length, tilt)
    found = flame_features(black(inside), inside)
    assert found.length == pytest.approx(length, rel=0.03)
    assert found.width == pytest.approx(share * length, rel=0.04)
    assert found.aspect == pytest.approx(found.length / found.width)


def test_a_thin_streak_at_the_end_is_not_counted() -> None:
    inside = painted("ellipse", 150, 60, 0)
    middle = inside.shape[1] // 2
    top = int(np.nonzero(inside.any(axis=1))[0][0])
    inside[max(top - 30, 0) : top + 1, middle] = True
    assert flame_features(black(inside), inside).length == pytest.approx(150, rel=0.04)


def test_a_window_gives_the_same_as_the_whole_picture() -> None:
    inside = painted("cone", 90, 40, 20)
    picture = np.random.default_rng(0).random((3, *inside.shape)).astype(np.float32)
    window = Window(row=5, col=7, height=inside.shape[0] - 9, width=inside.shape[1] - 12)
    whole, part = flame_features(picture, inside), flame_features(picture, inside[window.slices], window=window)
    assert (part.area, part.length, part.tilt) == pytest.approx((whole.area, whole.length, whole.tilt))
    assert (part.brightness, *part.centre) == pytest.approx((whole.brightness, *whole.centre))
    assert part.colour == whole.colour


@pytest.mark.parametrize(
    ("rgb", "colour"),
    [
        ((220, 50, 20), "red"),
        ((255, 140, 30), "orange"),
        ((255, 220, 60), "yellow"),
        ((255, 250, 225), "white"),
        ((40, 90, 230), "blue"),
        ((130, 130, 130), "unknown"),
    ],
)
def test_colour_is_a_class_in_linear_light(rgb: tuple[int, int, int], colour: str) -> None:
    inside = painted("ellipse", 60, 30, 0)
    picture = black(inside) + (np.array(rgb, np.float32) / 255)[:, None, None] * inside
    assert flame_features(picture, inside).colour == colour


def test_brightness_is_linear_and_saturation_is_a_share() -> None:
    inside = np.zeros((40, 40), bool)
    inside[10:30, 10:30] = True
    picture = black(inside)
    picture[:, 10:20, 10:30] = 1.0
    picture[:, 20:30, 10:30] = 0.5
    found = flame_features(picture, inside)
    assert found.brightness == pytest.approx((1 + 0.2140) / 2, abs=1e-3)
    assert found.brightest == pytest.approx(1.0)
    assert found.saturated == 0.5


def test_lift_off_is_the_gap_above_the_tip_and_unknown_without_one() -> None:
    inside = np.zeros((60, 40), bool)
    inside[10:31, 15:25] = True
    assert flame_features(black(inside), inside, tip=(42.0, 20.0)).lift_off == pytest.approx(12.0)
    assert flame_features(black(inside), inside).lift_off is None


def test_a_flame_at_the_edge_is_a_lower_bound() -> None:
    inside = np.zeros((60, 40), bool)
    inside[0:31, 15:25] = True
    assert flame_features(black(inside), inside).touches_edge
    assert not flame_features(np.zeros((3, 62, 42), np.float32), inside, window=Window(row=1, col=1, height=60, width=40)).touches_edge  # fmt: skip


def test_a_burnt_out_flame_in_the_dark_blooms_and_is_never_seen_too_small() -> None:
    inside = painted("ellipse", 120, 50, 0)
    dark = black(inside) + np.where(inside, 1.0, 0.05).astype(np.float32)
    day = black(inside) + np.where(inside, 1.0, 0.7).astype(np.float32)
    night, noon = flame_features(dark, inside), flame_features(day, inside)
    assert night.bloomed and not noon.bloomed
    assert night.boundary > 2 * noon.boundary
    lengths, areas = outline_draws(night, np.random.default_rng(1), 2000)
    assert lengths.max() <= night.length and areas.max() <= night.area


def test_draws_of_length_surround_it_and_grow_with_the_boundary() -> None:
    inside = painted("ellipse", 100, 40, 30)
    found = flame_features(black(inside), inside)
    lengths, areas = outline_draws(found, np.random.default_rng(2), 4000)
    assert np.median(lengths) == pytest.approx(found.length, rel=0.01)
    # The outline's standard error moves both ends, and moving inwards eats sharp ends faster.
    assert 1.5 * found.boundary < lengths.std() < 3.5 * found.boundary
    assert np.corrcoef(lengths, areas)[0, 1] > 0.95
    assert np.array_equal(length_draws(found, np.random.default_rng(2), 4000), lengths)


def test_a_few_pixels_still_have_a_size() -> None:
    inside = np.zeros((20, 20), bool)
    inside[8:12, 9] = True
    found = flame_features(black(inside), inside)
    assert 3 <= found.length <= 5 and found.area == 4
    assert np.isfinite(length_draws(found, np.random.default_rng(0), 100)).all()


def test_what_does_not_fit_is_refused() -> None:
    inside = np.zeros((20, 20), bool)
    with pytest.raises(NothingToSee, match="without a single pixel"):
        flame_features(black(inside), inside)
    with pytest.raises(UsageError, match="rows, cols"):
        flame_features(np.zeros((20, 20), np.float32), inside)
    with pytest.raises(UsageError, match="leaves the picture"):
        flame_features(black(inside), inside, window=Window(row=5, col=0, height=20, width=20))


def test_outlined_flames_of_real_photos_are_stout_and_lean() -> None:
    """On 103 outlined flames, 10, 50 and 90 %: length / width 1.9, 2.8, 4.5; tilt from upright 7, 38, 80 degrees."""
    folder = DATA / "flare"
    files = sorted((folder / "polygons").glob("*.txt"))
    if not files:
        pytest.skip(f"needs the flare photos in {DATA}: set OUTCROP_DATA")
    aspects, tilts = [], []
    for file in files:
        for line in file.read_text().splitlines():
            kind, *numbers = line.split()
            if kind != "0":
                continue
            image = Image.new("1", (320, 320))
            points = [(320 * float(a), 320 * float(b)) for a, b in zip(numbers[::2], numbers[1::2], strict=True)]
            ImageDraw.Draw(image).polygon(points, fill=1)
            inside = np.asarray(image)
            if inside.any():
                found = flame_features(black(inside), inside)
                aspects.append(found.aspect)
                tilts.append(abs(found.tilt))
    assert np.quantile(aspects, [0.1, 0.5, 0.9]) == pytest.approx([1.9, 2.85, 4.5], rel=0.08)
    assert np.quantile(tilts, [0.1, 0.5, 0.9]) == pytest.approx([7, 38, 80], abs=3)
