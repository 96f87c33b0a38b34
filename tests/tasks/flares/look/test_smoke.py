"""Opacity is a lower bound against the sky around, in linear light; where it cannot be read the answer says why."""

from itertools import pairwise

import numpy as np
import pytest
from numpy.typing import NDArray

from outcrop.tasks.flares.look.smoke import opacity_draws, smoke_features

Picture = NDArray[np.float32]


def plume(
    sky: float | tuple[int, int, int], smoke: float | tuple[int, int, int], side: int = 200
) -> tuple[Picture, NDArray[np.bool_]]:
    """A round plume of one colour before a sky of one colour, 8-bit values."""
    y, x = np.mgrid[:side, :side]
    inside = (y - side / 2) ** 2 + (x - side / 2) ** 2 < (side / 5) ** 2
    colours = [np.broadcast_to(np.array(c, np.float32) / 255, 3)[:, None, None] for c in (sky, smoke)]
    return np.where(inside, colours[1], colours[0]).astype(np.float32), inside


def test_120_over_200_is_an_opacity_of_0_675() -> None:
    picture, inside = plume(200, 120)
    found = smoke_features(picture, inside)
    assert found.opacity == pytest.approx(0.675, abs=0.001)
    assert found.ringelmann == pytest.approx(5 * 0.675, abs=0.005)
    assert found.optical_depth == pytest.approx(-np.log(1 - 0.675), abs=0.005)
    assert found.reason == "" and found.colour == "grey" and not found.touches_edge


def test_a_black_plume_is_ringelmann_5() -> None:
    picture, inside = plume(210, 3)
    found = smoke_features(picture, inside)
    assert found.ringelmann == pytest.approx(5, abs=0.02)
    assert found.colour == "black"


@pytest.mark.parametrize("tau", [0.2, 0.5, 0.8])
def test_a_known_transmission_before_a_sky_with_a_gradient_is_found(tau: float) -> None:
    """The sky behind the plume is carried in from the ring as a plane."""
    _, inside = plume(0, 0)
    rows = np.linspace(0.25, 0.55, 200, dtype=np.float32)[:, None]
    cols = np.linspace(0.0, 0.10, 200, dtype=np.float32)[None]
    light = np.where(inside, tau, 1.0) * (rows + cols)
    bent = (1.055 * light ** (1 / 2.4) - 0.055).astype(np.float32)
    found = smoke_features(np.stack([bent] * 3), inside)
    assert found.opacity == pytest.approx(1 - tau, abs=0.01)


def test_light_that_the_plume_scatters_makes_the_number_smaller_never_larger() -> None:
    values = [smoke_features(*plume(200, smoke)).opacity for smoke in (40, 80, 120, 160)]
    assert all(a is not None and b is not None and a > b for a, b in pairwise(values))


def test_dark_ground_beside_the_plume_is_set_aside() -> None:
    picture, inside = plume(200, 120)
    picture[:, 150:] = 0.15
    assert smoke_features(picture, inside).opacity == pytest.approx(0.675, abs=0.02)


def test_a_flame_in_the_ring_is_set_aside_when_it_is_named() -> None:
    picture, inside = plume(200, 120)
    flame = np.zeros_like(inside)
    flame[100:160, 40:100] = True
    flame &= ~inside
    picture[:, flame] = 1.0
    found = smoke_features(picture, inside, others=flame)
    assert found.opacity == pytest.approx(0.675, abs=0.01)


@pytest.mark.parametrize(
    ("sky", "smoke", "reason"),
    [
        (170, 230, "brighter than the sky"),
        (30, 15, "the sky is dark"),
        (200, 199, "hardly differs"),
        ((220, 120, 60), (60, 30, 20), "glows red"),
        ((120, 140, 160), (190, 90, 30), "lit by the flame"),
    ],
)
def test_steam_night_faint_sunset_and_lit_plumes_are_not_assessable(
    sky: int | tuple[int, int, int], smoke: int | tuple[int, int, int], reason: str
) -> None:
    found = smoke_features(*plume(sky, smoke))
    assert found.opacity is None and found.ringelmann is None and found.densest is None
    assert found.reason.startswith("not assessable") and reason in found.reason
    assert opacity_draws(found, np.random.default_rng(0), 10) is None


def test_a_plume_that_fills_the_picture_has_no_sky() -> None:
    inside = np.ones((80, 80), bool)
    found = smoke_features(np.full((3, 80, 80), 0.4, np.float32), inside)
    assert found.opacity is None and "no sky" in found.reason and found.touches_edge


def test_a_rough_background_is_refused() -> None:
    picture, inside = plume(200, 60)
    rough = np.random.default_rng(3).uniform(0.2, 1.0, picture.shape[1:]).astype(np.float32)
    found = smoke_features(np.where(inside, picture, rough), inside)
    assert found.opacity is None and "uneven" in found.reason


def test_draws_are_wider_before_a_restless_sky() -> None:
    picture, inside = plume(200, 120)
    noise = np.random.default_rng(4).normal(0, 0.03, picture.shape[1:]).astype(np.float32)
    calm, restless = smoke_features(picture, inside), smoke_features(np.clip(picture + noise, 0, 1), inside)
    calm_draws, draws = (opacity_draws(f, np.random.default_rng(0), 2000) for f in (calm, restless))
    assert calm_draws is not None and draws is not None
    assert draws.std() > 5 * calm_draws.std()
    assert np.median(draws) == pytest.approx(0.675, abs=0.02)
