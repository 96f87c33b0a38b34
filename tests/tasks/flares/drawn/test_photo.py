"""A drawn photo is what its truth says: masks, boxes, lengths, areas, opacity and flow belong together."""

import numpy as np
import pytest
from numpy.typing import NDArray

from outcrop.core.errors import UsageError
from outcrop.tasks.flares.drawn.camera import Camera, expose
from outcrop.tasks.flares.drawn.decoys import DECOYS
from outcrop.tasks.flares.drawn.photo import BURNING, draw_photo
from outcrop.tasks.flares.drawn.smoke import draw_plume, spread_plume
from outcrop.tasks.flares.drawn.thing import FLAME, SMOKE, DrawnPhoto
from outcrop.tasks.flares.look.flame import flame_features
from outcrop.tasks.flares.look.smoke import smoke_features

SMALL = (224, 256)


@pytest.fixture(scope="module")
def photos() -> list[DrawnPhoto]:
    """Thirty burning photos, ten of each kind."""
    return [draw_photo(np.random.default_rng([5, i]), shape=SMALL, kind=BURNING[i % 3]) for i in range(30)]


def linear(picture: NDArray[np.uint8]) -> NDArray[np.float64]:
    """Green and red light of a photo, good enough to tell bright from dark."""
    return np.asarray((picture[..., :2] / 255.0).mean(axis=2) ** 2.2)


def test_area_is_the_masks_area_at_the_photos_scale(photos: list[DrawnPhoto]) -> None:
    for photo in photos:
        for thing in photo.things:
            name = "flame_area" if thing.label == FLAME else "smoke_area"
            assert thing.truth[name] == pytest.approx(thing.outline.inside.sum() * photo.scale**2)


def test_boxes_are_tight_around_the_outlines(photos: list[DrawnPhoto]) -> None:
    for photo in photos:
        for thing, box in zip(photo.things, photo.boxes, strict=True):
            whole = np.zeros(SMALL, bool)
            whole[thing.outline.window.slices] = thing.outline.inside
            rows, cols = np.nonzero(whole)
            assert tuple(box) == (cols.min(), rows.min(), cols.max() + 1, rows.max() + 1)


def test_the_mask_holds_every_outline_and_flames_lie_on_top(photos: list[DrawnPhoto]) -> None:
    for photo in photos:
        flames = np.zeros(SMALL, bool)
        for thing in photo.things:
            window = photo.mask[thing.outline.window.slices]
            assert (window[thing.outline.inside] > 0).all()
            if thing.label == FLAME:
                flames[thing.outline.window.slices] |= thing.outline.inside
        assert np.array_equal(photo.mask == 1, flames)


def test_a_drawn_flames_length_is_the_truth_when_it_is_measured(photos: list[DrawnPhoto]) -> None:
    """Straight from end to end, turned back by the view angle: a few percent shorter than along the bend."""
    ratios, leans = [], []
    for photo in photos:
        for thing in photo.things:
            if thing.label == FLAME and thing.outline.inside.sum() > 300:
                seen = flame_features(photo.values, thing.outline.inside, window=thing.outline.window)
                turned = seen.length * photo.scale / np.cos(np.radians(thing.truth["view_angle"]))
                ratios.append(turned / thing.truth["flame_length"])
                leans.append(abs((seen.tilt - thing.truth["tilt"] + 90) % 180 - 90))
    assert len(ratios) > 15
    assert 0.93 < np.median(ratios) < 1.03
    assert min(ratios) > 0.78 and max(ratios) < 1.2
    assert np.median(leans) < 12


def test_sums_and_laws_hold_between_truths(photos: list[DrawnPhoto]) -> None:
    for photo in photos:
        flames = [t.truth for t in photo.things if t.label == FLAME]
        assert photo.truth["flared_gas"] == pytest.approx(sum(t["flared_gas"] for t in flames))
        for t in flames:
            assert t["heat_release"] == pytest.approx(t["flared_gas"] / 86.4 * t["heating_value"])
            assert t["flame_length"] > 0 and abs(t["view_angle"]) <= 30 and t["lift_off"] >= 0


def test_flames_are_brighter_and_smoke_is_darker_than_what_is_around(photos: list[DrawnPhoto]) -> None:
    brighter = [
        linear(p.picture)[p.mask == 1].mean() > linear(p.picture)[p.mask == 0].mean()
        for p in photos
        if (p.mask == 1).sum() > 100 and p.light != "day"
    ]
    assert np.mean(brighter) > 0.8


def test_measured_opacity_is_a_lower_bound_of_the_drawn_one(photos: list[DrawnPhoto]) -> None:
    found = []
    for photo in photos:
        for thing in photo.things:
            if thing.label == SMOKE and thing.outline.inside.sum() > 300:
                seen = smoke_features(
                    photo.values, thing.outline.inside, window=thing.outline.window, others=photo.mask == 1
                )
                if seen.opacity is not None and seen.error is not None:
                    found.append((seen.opacity - 2 * seen.error, thing.truth["opacity"]))
    assert len(found) >= 5
    assert np.mean([low <= true + 0.02 for low, true in found]) > 0.85


def test_transmission_of_a_black_plume_is_measured_exactly() -> None:
    """A plume that scatters nothing, through a camera without glare, noise or JPEG."""
    plume = draw_plume(np.random.default_rng(3), depth=1.5)
    tau, _ = spread_plume(plume, (300, 300), (260.0, 150.0), 0.0, 25.0)
    light = np.full((300, 300, 3), 0.4, np.float32) * tau[..., None]
    camera = Camera(glare=0.0, blur=0.0, noise=0.0, vignette=0.0, quality=0)
    picture = expose(np.random.default_rng(0), camera, light).transpose(2, 0, 1).astype(np.float32) / 255
    inside = tau < 0.85
    found = smoke_features(picture, inside)
    assert found.opacity == pytest.approx(1 - np.median(tau[inside]), abs=0.02)
    assert found.densest == pytest.approx(1 - np.quantile(tau[inside], 0.1), abs=0.02)


@pytest.mark.parametrize("kind", DECOYS)
def test_decoys_hold_nothing(kind: str) -> None:
    photo = draw_photo(np.random.default_rng(1), shape=SMALL, kind=kind)
    assert photo.kind == kind and photo.picture.shape == (*SMALL, 3) and photo.picture.std() > 0
    assert len(photo.boxes) == 0 and photo.boxes.shape == (0, 4) and not photo.mask.any() and photo.truth == {}


@pytest.mark.parametrize("light", ["day", "overcast", "dusk", "night"])
def test_the_light_that_was_asked_for_is_drawn(light: str) -> None:
    photo = draw_photo(np.random.default_rng(2), shape=SMALL, kind="smoky", light=light)
    assert photo.light == light
    # Smoke is labelled where an eye sees it: by day always, at night only in the flame's light.
    assert light == "night" or SMOKE in photo.labels


def test_the_same_seed_draws_the_same_photo_and_another_seed_another() -> None:
    first, second, third = (draw_photo(np.random.default_rng(seed), shape=SMALL) for seed in (9, 9, 10))
    assert np.array_equal(first.picture, second.picture) and first.truth == second.truth
    assert not np.array_equal(first.picture, third.picture)


def test_whole_flames_stay_inside_and_a_given_flow_is_kept(photos: list[DrawnPhoto]) -> None:
    assert np.mean([t.cut for p in photos for t in p.things if t.label == FLAME]) < 0.08
    photo = draw_photo(np.random.default_rng(4), shape=SMALL, kind="flame", flow=123.0)
    assert photo.truth["flared_gas"] == 123.0


def test_some_flames_are_cut_when_that_is_allowed() -> None:
    cut = [
        any(t.cut for t in draw_photo(np.random.default_rng([6, i]), shape=(96, 96), kind="flame", whole=False).things)
        for i in range(60)
    ]
    assert 2 <= sum(cut) <= 25


def test_every_photo_with_a_flame_shows_one(photos: list[DrawnPhoto]) -> None:
    assert all(FLAME in photo.labels for photo in photos)
    assert all(np.isfinite(photo.scale) and photo.scale > 0 for photo in photos)


@pytest.mark.parametrize("arguments", [{"kind": "volcano"}, {"light": "noon"}, {"shape": (8, 8)}])
def test_what_cannot_be_drawn_is_refused(arguments: dict[str, object]) -> None:
    with pytest.raises(UsageError):
        draw_photo(np.random.default_rng(0), **arguments)  # type: ignore[arg-type]
