"""SWIR hot spots: golden powers, drawn flares on a cool ground, and scenes that are something else."""

from datetime import UTC, datetime

import numpy as np
import pytest
from affine import Affine

from outcrop.core.errors import BadInput, NoGeometry, NothingToSee, UsageError, WrongUnit
from outcrop.core.grid import Axis, Grid
from outcrop.core.scene import Scene, scene_from_array
from outcrop.tasks.flares.space import hotspots
from outcrop.tasks.flares.space.catalogue import is_catalogue, read_catalogue
from outcrop.tasks.flares.space.hotspots import find_hotspots
from outcrop.tasks.flares.space.places import flare_estimates, persistent_places
from outcrop.tasks.flares.space.swir import COEFFICIENT, SENSORS, planck, radiant_power, sensor_of

UTM = Grid(
    shape=(96, 130), transform=Affine(20, 0, 600_000, 0, -20, 3_400_000), axes=(Axis("easting", "m"), Axis("northing", "m")), crs="EPSG:32613",
)  # fmt: skip
GROUND = (5.0, 12.0, 60.0)
"""Radiance of bright ground at 2.2, 1.6 and 0.86 µm."""


def scene(flares=(), *, grid=UTM, bands=("B8A", "B11", "B12"), name="S2A_T13", seed=0, **context) -> Scene:
    """Ground in radiances with flares: (row, col, K, m²)."""
    rng = np.random.default_rng(seed)
    image = np.array(GROUND)[:, None, None] * rng.normal(1, 0.02, (3, *grid.shape))
    for row, col, kelvin, area in flares:
        for band, wavelength in enumerate((2.2, 1.6, 0.86)):
            image[band, row, col] += float(planck(wavelength, kelvin)) * area / 400
    made = scene_from_array(name, image[::-1].astype(np.float32), grid, bands, context)
    return Scene(
        id=name, grid=grid, bands=bands, read=made.read, context=context, acquired=datetime(2024, 5, 2, tzinfo=UTC)
    )


def test_radiance_and_power_are_the_golden_ones() -> None:
    assert planck(1.6, 1800) * 5 / 400 == pytest.approx(967.3, rel=1e-3)
    assert planck(2.2, 1800) * 5 / 400 == pytest.approx(784.2, rel=1e-3)
    assert radiant_power(967.3, 400, 1.6) == pytest.approx(3.01, abs=0.01)
    assert radiant_power(784.2, 400, 2.2) == pytest.approx(3.13, abs=0.01)


@pytest.mark.parametrize(("wavelength", "most"), [(1.6, 0.137), (2.2, 0.064)])
def test_the_coefficient_errs_no_more_than_published(wavelength, most) -> None:
    kelvin = np.linspace(1600, 2200, 61)
    error = 5.6704e-8 / COEFFICIENT[wavelength] * planck(wavelength, kelvin) / (5.6704e-8 * kelvin**4) - 1
    assert np.abs(error).max() < most


def test_a_drawn_flare_is_found_with_its_place_and_power() -> None:
    found = find_hotspots(scene([(40, 70, 1800, 5.0), (41, 71, 1800, 1.0), (80, 10, 1900, 0.3)]), kind="radiance")
    assert [(spot.pixels, round(spot.row), round(spot.col)) for spot in found.spots] == [(2, 40, 70), (1, 80, 10)]
    first = found.spots[0]
    assert first.power == pytest.approx(2.976 * 6 / 5, rel=0.065) and first.power_16 == pytest.approx(
        2.976 * 6 / 5, rel=0.14
    )
    assert first.area == pytest.approx(800, rel=0.002) and first.index == pytest.approx(-0.1, abs=0.1)
    assert (first.longitude, first.latitude) == pytest.approx((-103.945, 30.72), abs=0.02)
    assert first.saturated == 2 and any("lower bound" in note for note in found.notes)


def test_cool_ground_has_no_hot_spot() -> None:
    assert find_hotspots(scene(), kind="radiance").spots == ()


def test_windows_leave_no_trace(monkeypatch) -> None:
    flares = [(63, 63, 1800, 2.0), (64, 64, 1800, 2.0), (10, 100, 1800, 1.0)]
    whole = find_hotspots(scene(flares), kind="radiance")
    monkeypatch.setattr(hotspots, "SIDE", 64)
    cut = find_hotspots(scene(flares), kind="radiance")
    assert [s.pixels for s in cut.spots] == [s.pixels for s in whole.spots] == [2, 1]
    assert [s.power for s in cut.spots] == pytest.approx([s.power for s in whole.spots])


def test_reflectance_becomes_radiance_by_the_height_of_the_sun() -> None:
    radiance = scene([(40, 70, 1800, 0.5)])
    sensor, distance = SENSORS["sentinel-2a"], 1.00787
    factor = np.array(sensor.irradiance[::-1])[:, None, None] * np.cos(np.radians(60)) / np.pi / distance**2
    reflectance = scene_from_array("S2A", (radiance.read(UTM.whole) / factor).astype(np.float32), UTM, radiance.bands)
    reflectance = Scene(id="S2A", grid=UTM, bands=radiance.bands, read=reflectance.read, acquired=radiance.acquired)
    want = find_hotspots(radiance, kind="radiance").spots[0].power
    assert find_hotspots(reflectance, sun_zenith=60).spots[0].power == pytest.approx(want, rel=1e-3)
    unknown = find_hotspots(reflectance)
    assert np.isnan(unknown.spots[0].power) and any("zenith" in note for note in unknown.notes)
    with pytest.raises(NothingToSee, match="zenith"):
        flare_estimates(unknown.spots[0], np.random.default_rng(0))
    with pytest.raises(UsageError, match="no meaning"):
        find_hotspots(reflectance, sun_zenith=110)


def test_pixels_that_were_not_seen_are_no_hot_spots() -> None:
    made = scene([(40, 70, 1800, 5.0)])
    blind = np.full((3, *UTM.shape), np.nan, np.float32)
    assert find_hotspots(scene_from_array("S2A", blind, UTM, made.bands), kind="radiance").spots == ()


def test_bands_tell_the_sensor() -> None:
    assert sensor_of(scene(name="S2B_x")).name == "sentinel-2b"
    assert sensor_of(scene(bands=("B5", "B6", "B7"), name="LC08")).name == "landsat-8"
    with pytest.raises(BadInput, match="B12"):
        sensor_of(scene(bands=("red", "green", "blue")))
    with pytest.raises(UsageError, match="no sensor"):
        sensor_of(scene(), "modis")


def test_a_burning_scene_and_a_grid_without_metres_are_refused() -> None:
    swapped = scene()
    hot = scene_from_array("S2A", np.asarray(swapped.read(UTM.whole))[::-1].copy(), UTM, swapped.bands)
    with pytest.raises(BadInput, match="hot pixels"):
        find_hotspots(hot, kind="radiance")
    with pytest.raises(WrongUnit):
        find_hotspots(scene([(4, 5, 1800, 5.0)], grid=Grid(shape=(20, 20))), kind="radiance")


def test_a_flare_is_what_is_hot_again_and_again() -> None:
    dates = [find_hotspots(scene([(40, 70, 1800, 2.0)] + ([(80, 10, 1800, 1.0)] if i == 3 else []), seed=i), kind="radiance") for i in range(6)]  # fmt: skip
    places = persistent_places(dates)
    assert [(place.dates, place.persistent) for place in places] == [(6, True), (1, False)]
    assert places[0].share == 1 and places[0].power == pytest.approx(2.976 * 2 / 5, rel=0.07)
    with pytest.raises(UsageError, match="two dates"):
        persistent_places(dates[:1])
    metres = Grid(shape=UTM.shape, transform=UTM.transform, axes=UTM.axes)
    nowhere = find_hotspots(scene([(40, 70, 1800, 2.0)], grid=metres), kind="radiance")
    with pytest.raises(NoGeometry, match="position"):
        persistent_places([nowhere, nowhere])


def test_a_hot_spot_becomes_a_flow_with_a_wide_interval() -> None:
    spot = find_hotspots(scene([(40, 70, 1800, 5.0)]), kind="radiance").spots[0]
    found = flare_estimates(spot, np.random.default_rng(0))
    low, high = found["gas flow"].interval()
    assert low < 147.7 < high and high / low > 2
    assert found["flame area"].interval()[0] < 5 < found["flame area"].interval()[1]
    assert found["radiant heat"].unit == "MW"


def test_the_catalogues_of_sites_are_read_with_their_traps(data) -> None:
    from outcrop.sources.table import open_table

    folder = data / "flares" / "tables"
    if not folder.is_dir():
        pytest.skip(f"needs the flare tables at {folder}")
    eog = read_catalogue(open_table(folder / "EOG_2015_v0.2_flare_sites_bcm_temp.csv"))
    assert len(eog) == 8098 and eog.bcm.sum() == pytest.approx(160.9, abs=0.1)
    us = read_catalogue(open_table(folder / "eog2019_us_flares_bcm_temp_hhv_bc.csv"))
    assert us.bcm.sum() == pytest.approx(17.209, abs=0.01) and np.nanmean(us.temperature) == pytest.approx(1879, abs=5)
    nigeria = read_catalogue(open_table(folder / "worldbank_nigeria_flare_sites_2012_2024.csv"))
    assert nigeria.bcm[nigeria.year == 2012].sum() == pytest.approx(9.62, abs=0.01)
    assert any("99 rows say a volume of 0" in note for note in nigeria.notes)
    assert not is_catalogue(open_table(folder / "worldbank_top_countries_2016_2021.csv"))


def test_a_catalogue_with_a_slipped_point_says_so() -> None:
    from outcrop.core.table import Table

    columns = {"latitude": np.array([1.0, 2.0, 99.0]), "longitude": np.array([3.0, 4.0, 5.0]), "bcm": np.array([0.5, 2128.0, 1.0]), "mmscfd": np.array([0.5, 1.0, 1.0])}  # fmt: skip
    found = read_catalogue(Table(id="t", columns=columns))
    assert found.bcm.tolist() == [0.5] and len(found.notes) == 4
    assert found.volume[0] == pytest.approx(1369.86, rel=1e-4)
    with pytest.raises(BadInput, match="catalogue"):
        read_catalogue(Table(id="t", columns={"latitude": columns["latitude"]}))
