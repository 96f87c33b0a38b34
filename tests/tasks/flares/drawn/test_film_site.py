"""Drawn films and sites keep what does not change, and know what does."""

import numpy as np
import pytest

from outcrop.core.errors import UsageError
from outcrop.core.grid import Window
from outcrop.tasks.flares.drawn.film import draw_sequence
from outcrop.tasks.flares.drawn.site import draw_site
from outcrop.tasks.flares.look.flame import flame_features

SMALL = (120, 160)


def test_frames_show_a_flame_when_it_burns_and_smoke_when_it_smokes() -> None:
    film = draw_sequence(np.random.default_rng(1), 60, 2.0, shape=SMALL, light="day", unlit=0.3, smoky=0.5)
    assert len(film) == 60 and film.lit[0] and 0 < film.lit.sum() < 60
    assert not (film.smoking & ~film.lit).any()
    for index in range(0, 60, 4):
        photo = film.photo(index)
        assert (0 in photo.labels) == film.lit[index]
        assert (1 in photo.labels) == film.smoking[index]
        assert photo.truth.get("flared_gas", 0.0) == pytest.approx(film.flow[index])


def test_minutes_are_counted_on_the_clock() -> None:
    film = draw_sequence(np.random.default_rng(2), 240, 0.5, shape=SMALL, unlit=0.0, smoky=1.0)
    assert film.lit_minutes == film.smoke_minutes == pytest.approx(8.0)
    assert film.seconds[-1] == 239 * 2
    out = draw_sequence(np.random.default_rng(2), 10, 0.5, shape=SMALL, unlit=1.0)
    assert out.lit_minutes == 0 and not len(out.photo(3).boxes)


def test_the_flame_flickers_while_the_place_stands_still() -> None:
    film = draw_sequence(np.random.default_rng(3), 4, 5.0, shape=SMALL, light="day", unlit=0.0, smoky=0.0)
    first, second = film.photo(0), film.photo(1)
    flames = (first.mask == 1, second.mask == 1)
    shared = (flames[0] & flames[1]).sum() / (flames[0] | flames[1]).sum()
    assert 0.3 < shared < 0.99
    still = (first.mask == 0) & (second.mask == 0)
    change = np.abs(first.picture.astype(int) - second.picture.astype(int)).max(axis=2)
    assert np.median(change[still]) <= 6
    assert np.array_equal(film.photo(1).picture, second.picture)


def test_flow_drifts_slowly_and_not_far() -> None:
    film = draw_sequence(np.random.default_rng(4), 600, 1.0, shape=SMALL, unlit=0.0, flow=100.0)
    steps = np.abs(np.diff(np.log(film.flow)))
    assert steps.max() < 0.3 and 40 < film.flow.min() and film.flow.max() < 250
    assert film.flow.std() > 5


def test_a_film_opens_as_sources_do() -> None:
    film = draw_sequence(np.random.default_rng(5), 3, 5.0, shape=SMALL)
    opened = film.film()
    frames = list(opened.frames())
    assert opened.rate == 5.0 and opened.shape == SMALL and [f.index for f in frames] == [0, 1, 2]
    values = frames[1].scene.read(Window(row=0, col=0, height=SMALL[0], width=SMALL[1]))
    assert values.shape == (3, *SMALL) and np.array_equal(values, film.photo(1).values)


@pytest.mark.parametrize(("frames", "rate", "unlit"), [(0, 5.0, 0.1), (5, 0.0, 0.1), (5, 5.0, 1.5)])
def test_films_that_cannot_be_are_refused(frames: int, rate: float, unlit: float) -> None:
    with pytest.raises(UsageError, match="frame"):
        draw_sequence(np.random.default_rng(0), frames, rate, unlit=unlit)


def test_a_site_keeps_its_scale_and_its_gas_and_the_meter_reads_true() -> None:
    site = draw_site(np.random.default_rng(1), 12, shape=SMALL)
    assert len(site) == 12 and len(set(site.times)) == 12
    for index, photo in enumerate(site.photos()):
        assert photo.scale == site.scale
        assert photo.truth["flared_gas"] == pytest.approx(site.flow[index])
        assert photo.truth["heating_value"] == pytest.approx(site.heating_value)
        assert photo.truth["length_factor"] / site.length_factor == pytest.approx(1.0, abs=0.3)
    assert np.abs(site.metered / site.flow - 1).max() < 0.1


def test_meter_readings_can_remove_the_sites_common_error() -> None:
    """Flow from length by a law alone is off by what the site's flames depart from it; a common factor takes that away."""
    site = draw_site(np.random.default_rng(2), 16, shape=(200, 200), length_factor=1.5)
    guesses = []
    for photo in site.photos():
        flame = photo.things[0].outline
        length = flame_features(photo.values, flame.inside, window=flame.window).length * site.scale
        heat = ((length / 0.0033085) ** 2.0938 + (length / 0.235) ** 2.5 * 1000) / 2e6
        guesses.append(heat * 86.4 / 40)
    logs = np.log(guesses) - np.log(site.metered)
    others = (logs.sum() - logs) / (len(logs) - 1)
    raw = np.abs(np.array(guesses) - site.flow).mean()
    calibrated = np.abs(np.array(guesses) / np.exp(others) - site.flow).mean()
    assert calibrated < raw / 2


def test_a_site_without_readings_is_refused() -> None:
    with pytest.raises(UsageError, match="readings"):
        draw_site(np.random.default_rng(0), 0)
