"""Metres per pixel come from what is known, agree with each other, or are refused."""

from math import nan

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from outcrop.core.errors import UsageError
from outcrop.core.estimate import Assumption
from outcrop.tasks.flares.look.scale import ASSUMPTIONS, metres_per_pixel, relative_error, scale_draws

SHAPE = (480, 640)


def known(**values: float | tuple[float, float, float]) -> dict[str, Assumption]:
    """The room's assumptions with these replaced."""
    out = dict(ASSUMPTIONS)
    for name, value in values.items():
        low, best, high = value if isinstance(value, tuple) else (value, value, value)
        out[name] = Assumption(low=low, best=best, high=high, unit=ASSUMPTIONS[name].unit, source="test")
    return out


def drawn(**values: float | tuple[float, float, float]) -> np.ndarray:
    found = scale_draws(known(**values), SHAPE, np.random.default_rng(0))
    assert found is not None
    return found


def test_nothing_known_gives_no_scale() -> None:
    assert scale_draws(ASSUMPTIONS, SHAPE, np.random.default_rng(0)) is None
    assert scale_draws({}, SHAPE, np.random.default_rng(0)) is None


def test_a_given_scale_is_kept_with_its_typical_error() -> None:
    assert np.median(drawn(scale=0.1)) == pytest.approx(0.1, rel=0.005)
    assert relative_error(drawn(scale=0.1)) == pytest.approx(0.05, rel=0.05)


def test_a_range_replaces_the_typical_error() -> None:
    found = drawn(scale=(0.09, 0.10, 0.13))
    assert found.min() >= 0.09 and found.max() <= 0.13


def test_a_known_height_gives_the_scale_and_few_pixels_make_it_unsure() -> None:
    assert np.median(drawn(known_height=30.0, known_pixels=300.0)) == pytest.approx(0.1, rel=0.01)
    assert relative_error(drawn(known_height=30.0, known_pixels=10.0)) > 0.09


def test_distance_and_field_of_view_give_the_scale() -> None:
    exact = 2 * 500 * np.tan(np.radians(30)) / 640
    assert np.median(drawn(distance=500.0, field_of_view=60.0)) == pytest.approx(exact, rel=0.01)


def test_focal_length_and_pixel_pitch_give_the_scale() -> None:
    # 4 um seen through 50 mm from 1 km.
    assert np.median(drawn(distance=1000.0, focal_length=50.0, pixel_pitch=4.0)) == pytest.approx(0.08, rel=0.01)


@given(st.floats(5, 120), st.floats(10, 5000))
def test_a_lens_and_its_field_of_view_say_the_same(degrees: float, distance: float) -> None:
    width_mm = 2 * 50.0 * np.tan(np.radians(degrees) / 2)
    values = {
        "distance": distance,
        "field_of_view": degrees,
        "focal_length": 50.0,
        "pixel_pitch": width_mm * 1000 / 640,
    }
    lens, field = (metres_per_pixel(way, values, SHAPE) for way in ("lens", "field of view"))
    assert lens == pytest.approx(field)


def test_two_ways_that_agree_use_the_first() -> None:
    both = drawn(scale=(0.099, 0.1, 0.101), known_height=30.0, known_pixels=300.0)
    assert both.min() >= 0.099 and both.max() <= 0.101


@pytest.mark.parametrize(
    ("values", "words"),
    [
        ({"scale": 0.1, "known_height": 30.0, "known_pixels": 100.0}, "contradict"),
        ({"scale": -0.1}, "above zero"),
        ({"scale": 0.0}, "above zero"),
        ({"scale": float("inf")}, "above zero"),
        ({"scale": (nan, 0.1, 0.2)}, "above zero"),
        ({"scale": (0.2, 0.1, 0.3)}, "low:best:high"),
        ({"known_height": 30.0}, "known_pixels"),
        ({"distance": 300.0}, "field_of_view"),
        ({"field_of_view": 60.0}, "distance"),
        ({"distance": 300.0, "field_of_view": 180.0}, "below 180"),
    ],
)
def test_what_cannot_be_is_refused_with_a_sentence(
    values: dict[str, float | tuple[float, float, float]], words: str
) -> None:
    with pytest.raises(UsageError, match=words):
        scale_draws(known(**values), SHAPE, np.random.default_rng(0))
