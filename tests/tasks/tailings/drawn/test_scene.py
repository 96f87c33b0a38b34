"""Made-up satellite scenes: their truth is exact, any window shows the same land, and a seed says everything."""

import csv
import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from affine import Affine
from hypothesis import given, settings
from hypothesis import strategies as st

from outcrop.core.errors import OutputExists, UsageError
from outcrop.core.grid import Grid, Window
from outcrop.core.scene import Scene
from outcrop.tasks.tailings.drawn.ellipsoid import area_below, clip, from_utm, outline_area
from outcrop.tasks.tailings.drawn.noise import fractal, grain, hashed, smooth
from outcrop.tasks.tailings.drawn.scene import Country, Setting, draw_chips, draw_country, draw_scene
from outcrop.tasks.tailings.drawn.sites import DEPOSITS, DIRECTIONS, FORMS, LOOK_ALIKES, draw_site
from outcrop.tasks.tailings.drawn.surfaces import SURFACES

SMALL = Setting(shape=(300, 340), deposits=3, area=(2e4, 1e5, 3e5))

both_grids = pytest.mark.parametrize("grid", ["utm", "degrees"])
UTM = Grid(shape=(1000, 1000), transform=Affine(10.0, 0, 300_000, 0, -10.0, 7_700_000), crs="EPSG:32723")
DEGREES = Grid(shape=(1000, 1000), transform=Affine(9e-5, 0, -45.0, 0, -9e-5, -20.0), crs="EPSG:4326")


def country(seed: int, setting: Setting = SMALL) -> Country:
    return draw_country(np.random.default_rng(seed), setting)


# Known truth


def test_the_whole_earth_has_its_known_area() -> None:
    assert 4 * np.pi * float(area_below(np.array(np.pi / 2))) == pytest.approx(510_065_621_724_088.0, rel=1e-12)


@pytest.mark.parametrize(("zone", "south"), [(21, True), (24, True), (33, False)])
def test_utm_comes_back_to_longitude_and_latitude_as_proj_says(zone: int, south: bool) -> None:
    pyproj = pytest.importorskip("pyproj")
    points = np.array([[300_000.0, 7_600_000], [700_000, 9_900_000], [500_000, 8_000_000], [166_021, 9_100_000]])
    there = pyproj.Transformer.from_crs(32600 + 100 * south + zone, 4326, always_xy=True).transform(*points.T)
    assert from_utm(points, zone, south) == pytest.approx(np.column_stack(there), abs=1e-10)


@pytest.mark.parametrize("grid", [UTM, DEGREES], ids=["utm", "degrees"])
def test_an_outline_has_the_area_that_geodesics_give(grid: Grid) -> None:
    pyproj = pytest.importorskip("pyproj")
    turn = np.linspace(0, 2 * np.pi, 100, endpoint=False)
    outline = np.column_stack([500 + 90 * np.cos(turn), 400 + 50 * np.sin(turn)])
    x, y = np.array([grid.transform @ tuple(corner) for corner in outline]).T
    lon, lat = pyproj.Transformer.from_crs(grid.crs, 4326, always_xy=True).transform(x, y)
    area, _ = pyproj.Geod(ellps="WGS84").polygon_area_perimeter(lon, lat)
    assert outline_area(outline, grid) == pytest.approx(abs(area), rel=1e-6)


def test_an_outline_is_clipped_at_an_edge() -> None:
    square = np.array([[0.0, 0], [4, 0], [4, 4], [0, 4]])
    halves = clip(square, np.array([[-1.0, 0, 1.0]]))
    assert sorted(map(tuple, halves)) == [(0, 0), (0, 4), (1, 0), (1, 4)]
    assert not len(clip(square, np.array([[1.0, 0, -9.0]])))
    assert outline_area(np.zeros((0, 2)), UTM) == 0


@both_grids
@pytest.mark.parametrize("seed", range(3))
def test_the_true_area_is_what_a_fine_count_of_the_outlines_gives(grid: str, seed: int) -> None:
    drawn = country(seed, replace(SMALL, grid=grid))  # type: ignore[arg-type]
    count = 0.0
    for site in drawn.sites:
        if site.kind in DEPOSITS:
            step = site.reach / 400
            places = np.arange(-site.reach, site.reach, step) + step / 2
            count += float((site.depth(site.y + places, site.x + places) > 0).sum()) * step**2
    # Metres of the drawing → metres of the ellipsoid: UTM's scale, or the fixed metres per degree.
    assert drawn.truth()["tailings area"] * 1e4 == pytest.approx(count, rel=0.01)
    assert drawn.truth()["deposits"] == 3


@both_grids
def test_counting_the_mask_comes_close_to_the_true_area_but_is_not_it(grid: str) -> None:
    drawn = country(5, replace(SMALL, grid=grid))  # type: ignore[arg-type]
    pixels = float((drawn.mask(drawn.grid.whole) == 1).sum()) * drawn.pixel[0] * drawn.pixel[1]
    assert pixels == pytest.approx(drawn.truth()["tailings area"] * 1e4, rel=0.02)
    assert pixels != drawn.truth()["tailings area"] * 1e4


def test_a_deposit_cut_by_the_edge_counts_as_far_as_it_was_seen() -> None:
    whole = country(1, replace(SMALL, deposits=1, area=(3e5, 3e5, 3e5), shape=(400, 400)))
    site = next(s for s in whole.sites if s.kind in DEPOSITS)
    edge = np.array([[1.0, 0.0, -site.x / whole.pixel[0]]])
    left = replace(whole, edges=np.concatenate([whole.edges, -edge]))
    right = replace(whole, edges=np.concatenate([whole.edges, edge]))
    parts = left.truth()["tailings area"] + right.truth()["tailings area"]
    assert parts == pytest.approx(whole.truth()["tailings area"], rel=1e-9)
    assert 0 < left.truth()["tailings area"] < whole.truth()["tailings area"]


@pytest.mark.parametrize("form", FORMS)
def test_a_site_has_the_area_asked_for(form: str) -> None:
    for seed in range(10):
        corners = draw_site(np.random.default_rng(seed), "pit", form, 4e5).corners
        after = np.roll(corners, -1, axis=0)
        area = 0.5 * abs((corners[:, 0] * after[:, 1] - corners[:, 1] * after[:, 0]).sum())
        assert area == pytest.approx(4e5, rel=1e-9)
        assert len(corners) == DIRECTIONS


def test_a_scene_without_deposits_has_none_anywhere() -> None:
    example = draw_scene(np.random.default_rng(2), Setting(shape=(128, 128), deposits=0))
    assert not example.mask.any()
    assert dict(example.truth) == {"tailings area": 0, "deposits": 0}


def test_deposits_are_brighter_and_redder_than_the_land() -> None:
    chips = draw_chips(np.random.default_rng(3), 12, size=192)
    land = np.concatenate([image[:, mask == 0][:, ::9] for image, mask in chips], axis=1)
    waste = np.concatenate([image[:, mask == 1][:, ::9] for image, mask in chips], axis=1)
    assert land.mean(axis=1) == pytest.approx([0.076, 0.084, 0.093], abs=0.02)
    assert (waste.mean(axis=1) > land.mean(axis=1)).all()
    assert waste[0].mean() / waste[2].mean() > land[0].mean() / land[2].mean()
    assert any(not mask.any() for _, mask in chips)


# Properties


@given(row=st.integers(0, 260), col=st.integers(0, 300), height=st.integers(1, 40), width=st.integers(1, 40))
@settings(max_examples=30, deadline=None)
def test_any_window_shows_the_same_land(row: int, col: int, height: int, width: int) -> None:
    window = Window(row=row, col=col, height=height, width=width)
    assert np.array_equal(READ(window), WHOLE[:, *window.slices])
    assert np.array_equal(DRAWN.mask(window), MASK[window.slices])


DRAWN = country(7)
READ = DRAWN.reader()
WHOLE, MASK = DRAWN.reader()(DRAWN.grid.whole), DRAWN.mask(DRAWN.grid.whole)


def test_squares_leave_no_seams() -> None:
    """The land does not know where the squares lie that it is painted in."""
    once = DRAWN.paint(DRAWN.grid.whole)
    assert np.abs(once - WHOLE).max() < 1e-4


def test_a_far_corner_of_a_large_scene_is_read_without_painting_the_rest() -> None:
    large = country(8, Setting(shape=(10_980, 10_980), deposits=2, look_alikes=1.0))
    corner = Window(row=10_900, col=10_900, height=80, width=80)
    seen = large.reader()(corner)
    assert seen.shape == (3, 80, 80)
    assert np.isfinite(seen).all()
    assert seen.std() > 0


@given(seed=st.integers(0, 2**62), start=st.integers(0, 10**5))
def test_noise_is_a_function_of_place(seed: int, start: int) -> None:
    places = start + np.arange(30) * 10.0
    every = fractal(seed, places, places, (300.0, 60.0))
    assert np.array_equal(fractal(seed, places[4:9], places[20:], (300.0, 60.0)), every[4:9, 20:])
    assert np.array_equal(grain(seed, places[4:9], places[20:], 12.0), grain(seed, places, places, 12.0)[4:9, 20:])


def test_noise_has_zero_mean_and_unit_variance() -> None:
    places = np.arange(0, 200_000, 490.0)
    for values in (smooth(3, places, places, 130.0), grain(4, places, places, 10.0)):
        assert abs(values.mean()) < 0.03
        assert values.std() == pytest.approx(1, abs=0.03)


def test_neighbouring_knots_have_unlike_numbers() -> None:
    i = np.arange(400)
    numbers = (hashed(1, i[:, None], i[None, :]) >> np.uint64(11)).astype(float)
    assert len(np.unique(numbers)) == numbers.size
    assert abs(np.corrcoef(numbers[:, :-1].ravel(), numbers[:, 1:].ravel())[0, 1]) < 0.01


@pytest.mark.parametrize("kind", SURFACES)
def test_every_kind_of_site_can_be_painted(kind: str) -> None:
    places = np.arange(-300, 300, 10.0)
    site = draw_site(np.random.default_rng(4), kind, {**DEPOSITS, **LOOK_ALIKES}[kind][0], 1e5)
    colours, share = SURFACES[kind](site, site.depth(places, places), places, places)
    assert np.isfinite(colours).all()
    assert share.shape == (60, 60)
    assert 0 <= share.min() <= share.max() <= 1
    assert share.max() > 0.3


@given(seed=st.integers(0, 2**32))
@settings(max_examples=15, deadline=None)
def test_deposits_never_touch(seed: int) -> None:
    sites = [site for site in country(seed, replace(SMALL, cut=True)).sites if site.kind in DEPOSITS]
    for i, one in enumerate(sites):
        for other in sites[i + 1 :]:
            assert np.hypot(one.x - other.x, one.y - other.y) > one.reach + other.reach + 20


def test_what_the_swath_leaves_out_is_unknown_and_does_not_count() -> None:
    setting = Setting(shape=(200, 200), deposits=2, area=(5e4, 1e5, 2e5), swath_edge=True)
    example = draw_scene(np.random.default_rng(5), setting)
    assert isinstance(example.source, Scene)
    seen = ~np.isnan(example.source.read(example.source.grid.whole)).any(axis=0)
    assert 0.5 < seen.mean() < 0.95
    assert np.array_equal(example.mask == 255, ~seen)
    assert example.truth["tailings area"] * 1e4 == pytest.approx(float((example.mask == 1).sum()) * 100, rel=0.05)


@pytest.mark.parametrize(
    ("setting", "words"),
    [
        (Setting(shape=(8, 100)), "32 to 10980"),
        (Setting(shape=(100, 20_000)), "32 to 10980"),
        (Setting(grid="photo"), "choose utm or degrees"),  # type: ignore[arg-type]
        (Setting(area=(3.0, 2.0, 1.0)), "least, median, largest"),
        (Setting(deposits=-1), "give 0 or more"),
        (Setting(shape=(64, 64), deposits=60), "no room"),
    ],
)
def test_a_setting_that_cannot_be_drawn_is_refused(setting: Setting, words: str) -> None:
    with pytest.raises(UsageError, match=words):
        draw_scene(np.random.default_rng(0), setting)


# Seeds


def test_a_seed_gives_the_same_scene_and_another_seed_another() -> None:
    again = country(7)
    assert np.array_equal(again.reader()(again.grid.whole), WHOLE)
    assert again.truth() == DRAWN.truth()
    assert not np.array_equal(country(9).mask(again.grid.whole), MASK)


# Files


@both_grids
def test_a_drawn_scene_comes_back_from_its_file(grid: str, tmp_path: Path) -> None:
    pytest.importorskip("rasterio", reason="writes GeoTIFFs: install the extra 'geo'")
    from outcrop.sources.geotiff import open_raster
    from outcrop.tasks.tailings.drawn.files import draw_files

    some = {"shape": "96x128", "grid": grid, "deposits": "1", "swath": "yes"}
    image, mask, truth = draw_files(tmp_path, np.random.default_rng(6), seed=6, **some)
    scene, true_mask = open_raster(image), open_raster(mask)
    assert scene.bands == ("B4", "B3", "B2")
    assert scene.grid == true_mask.grid
    assert scene.grid.crs == ("EPSG:4326" if grid == "degrees" else scene.grid.crs)
    assert scene.acquired is not None
    assert scene.acquired.year == 2021
    setting = Setting(shape=(96, 128), grid=grid, deposits=1, swath_edge=True)  # type: ignore[arg-type]
    drawn = country(6, setting)
    expected = drawn.reader()(drawn.grid.whole)
    assert scene.read(scene.grid.whole) == pytest.approx(expected, abs=5.1e-5, nan_ok=True)
    told = json.loads(truth.read_text())
    assert told["synthetic"] is True
    assert told["truth"] == drawn.truth()
    values = np.nan_to_num(true_mask.read(true_mask.grid.whole)[0], nan=255)
    assert np.array_equal(values, drawn.mask(drawn.grid.whole))
    with pytest.raises(OutputExists, match="already holds"):
        draw_files(tmp_path, np.random.default_rng(6), seed=6, **some)


def test_drawn_chips_are_a_folder_that_training_reads(tmp_path: Path) -> None:
    pytest.importorskip("rasterio", reason="writes GeoTIFFs: install the extra 'geo'")
    from outcrop.tasks.tailings.data import examples
    from outcrop.tasks.tailings.drawn.files import draw_files

    draw_files(tmp_path, np.random.default_rng(1), seed=1, kind="chips", shape="64x64", count="6")
    found = examples(tmp_path)
    chips = draw_chips(np.random.default_rng(1), 6, size=64)
    assert found.ids[0] == "drawn-1-0000"
    for (image, mask), read, labels in zip(chips, found.images, found.masks, strict=True):
        assert read == pytest.approx(np.clip(image / 0.3, 0, 1.5), abs=2e-4)
        assert np.array_equal(mask, labels)
    assert found.fixed_folds is not None
    assert found.fixed_folds.tolist() == [0, 1, 2, 3, 4, 0]
    with (tmp_path / "folds.csv").open() as file:
        assert len({row["cluster"] for row in csv.DictReader(file)}) == 6


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ({"kind": "film"}, "choose one of scene, chips"),
        ({"colour": "red"}, "no setting 'colour'"),
        ({"shape": "64"}, "rows x columns"),
        ({"shape": "axb"}, "rows x columns"),
        ({"shape": "9x9"}, "32 to 10980"),
        ({"kind": "chips", "shape": "64x96"}, "chips are square"),
        ({"grid": "mars"}, "grid=utm or degrees"),
        ({"count": "none"}, "count above 0"),
        ({"deposits": "-2"}, "whole numbers"),
    ],
)
def test_settings_that_make_no_sense_are_refused(given: dict[str, str], words: str, tmp_path: Path) -> None:
    from outcrop.tasks.tailings.drawn.files import draw_files

    with pytest.raises(UsageError, match=words):
        draw_files(tmp_path, np.random.default_rng(0), **given)
