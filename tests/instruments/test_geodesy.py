"""Areas and lengths on the ellipsoid against geodesics laid in short steps, closed formulas, and real tiles."""

import csv
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from affine import Affine
from hypothesis import given
from hypothesis import strategies as st

from outcrop.core.errors import BadInput, WrongUnit
from outcrop.core.grid import Axis, Grid
from outcrop.instruments.geodesy import (
    areas_and_perimeters,
    perimeter,
    pixel_area_at,
    pixel_areas,
    pixel_size_m,
    polygon_area,
    projjson,
    to_lonlat,
    to_world,
)
from outcrop.instruments.outlines import outlines

pyproj = pytest.importorskip("pyproj", reason="needs pyproj: install the extra 'geo'")

WGS84 = pyproj.Geod(ellps="WGS84")
DEGREES = (Axis("longitude", "°"), Axis("latitude", "°"))
METRES = (Axis("easting", "m"), Axis("northing", "m"))


def degrees(west: float, north: float, size: float, shape: tuple[int, int] = (60, 80)) -> Grid:
    return Grid(shape=shape, transform=Affine(size, 0, west, 0, -size, north), axes=DEGREES, crs="EPSG:4326")


def metres(crs: str, left: float, top: float, size: float = 10, turn: float = 0, shape=(60, 80)) -> Grid:
    place = Affine.translation(left, top) @ Affine.rotation(turn) @ Affine.scale(size, -size)
    return Grid(shape=shape, transform=place, axes=METRES, crs=crs)


def rectangle(left: float, top: float, right: float, bottom: float) -> np.ndarray:
    return np.array([(left, top), (left, bottom), (right, bottom), (right, top), (left, top)])


def by_geodesics(parts, grid: Grid, pieces: int = 200) -> tuple[float, float]:
    """Area and perimeter by pyproj alone: every side is cut into many short geodesics."""
    forward = pyproj.Transformer.from_crs(grid.crs, "EPSG:4326", always_xy=True)
    area = length = 0.0
    for exterior, holes in parts:
        for number, ring in enumerate((exterior, *holes)):
            share = np.arange(pieces)[:, None] / pieces
            points = np.concatenate(
                [a + (b - a) * share for a, b in zip(ring[:-1].astype(float), ring[1:].astype(float), strict=True)]
            )
            t = grid.transform
            x, y = t.a * points[:, 0] + t.b * points[:, 1] + t.c, t.d * points[:, 0] + t.e * points[:, 1] + t.f
            one, around = WGS84.polygon_area_perimeter(*forward.transform(x, y))
            area += -abs(one) if number else abs(one)
            length += around
    return area, length


ragged = np.zeros((60, 80), np.uint8)
ragged[5:50, 10:70] = 1
ragged[20:30, 20:40] = 0
ragged[::7, 60:] = 0
RAGGED = outlines(ragged)[0].parts

GRIDS = {
    "Brazil, degrees": degrees(-44.1, -20.1, 1e-4),
    "high north, degrees": degrees(25.0, 71.0, 1e-4),
    "coarse degrees": degrees(-60.0, 10.0, 0.25),
    "UTM": metres("EPSG:32723", 600_000, 7_900_000),
    "UTM, far from its meridian, turned": metres("EPSG:32723", 120_000, 9_000_000, turn=33),
    "web Mercator": metres("EPSG:3857", -4_900_000, -2_300_000),
    "equal-area": metres("EPSG:6933", -4_200_000, -2_500_000),
    "antimeridian, UTM": metres("EPSG:32660", 833_600, 100_300),
    "antimeridian, degrees": degrees(179.997, 5.0, 1e-4),
    "antimeridian, degrees beyond 180": degrees(-180.002, 5.0, 1e-4),
    "polar stereographic, beside the pole": metres("EPSG:3413", 2_000, -3_000, 30),
    "polar stereographic, round the pole": metres("EPSG:3413", -1500, 1300, 100),
    "wide pixels in UTM": metres("EPSG:32723", 300_000, 8_000_000, 5_000),
}


@pytest.mark.parametrize("grid", GRIDS.values(), ids=GRIDS.keys())
def test_areas_and_perimeters_agree_with_short_geodesics(grid: Grid):
    area, length = by_geodesics(RAGGED, grid)
    assert polygon_area(RAGGED, grid) == pytest.approx(area, rel=2e-6)
    assert perimeter(RAGGED, grid) == pytest.approx(length, rel=2e-5)


def test_a_zone_of_the_earth_has_its_closed_area():
    """The whole ellipsoid by eighths: 510 065 621.7 km², as the handbooks have it."""
    grid = degrees(0.0, 90.0, 1.0, (90, 90))
    [area], _ = areas_and_perimeters([[(rectangle(0, 0, 90, 90), ())]], grid)
    assert 8 * area == pytest.approx(510_065_621.7e6, rel=1e-5)
    assert pixel_areas(grid).sum() * 360 * 2 == pytest.approx(510_065_621.7e6, rel=1e-5)


def test_a_ring_far_round_the_pole_holds_the_whole_cap():
    grid = metres("EPSG:3413", 0, 0, 1000)
    around = rectangle(-1500, -1500, 1500, 1500)
    area, length = by_geodesics([(around, ())], grid, 4000)
    assert polygon_area([(around, ())], grid) == pytest.approx(area, rel=1e-5)
    assert perimeter([(around, ())], grid) == pytest.approx(length, rel=1e-5)


def test_a_deposit_that_runs_along_a_parallel_keeps_to_it():
    """The geodesic between the ends of one degree at 60° leaves the parallel by 2 km."""
    grid = degrees(10.0, 60.0, 0.01, (200, 200))
    strip = [(rectangle(0, 0, 100, 1), ())]
    squares = pixel_area_at(grid, np.zeros(100), np.arange(100))
    assert polygon_area(strip, grid) == pytest.approx(squares.sum(), rel=1e-9)
    corners = to_world(strip, grid.transform)[0][0]
    across = abs(WGS84.polygon_area_perimeter(*corners.T)[0])
    assert polygon_area(strip, grid) == pytest.approx(across, rel=1e-3)


@pytest.mark.parametrize("name", ["UTM", "Brazil, degrees", "web Mercator"])
def test_a_deposit_has_the_area_of_its_pixels(name: str):
    grid = GRIDS[name]
    rows, cols = np.nonzero(ragged)
    assert polygon_area(RAGGED, grid) == pytest.approx(pixel_area_at(grid, rows, cols).sum(), rel=1e-6)


def test_a_single_small_pixel_is_measured_as_well_as_a_large_one():
    fine = metres("EPSG:32723", 600_000, 7_900_000, 1.0)
    coarse = metres("EPSG:32723", 600_000, 7_900_000, 100.0)
    assert polygon_area([(rectangle(3, 3, 4, 4), ())], fine) * 1e4 == pytest.approx(
        polygon_area([(rectangle(0, 0, 1, 1), ())], coarse), rel=1e-6
    )


def test_pixel_areas_of_a_grid_in_degrees_depend_on_the_row_alone():
    grid = degrees(-44.0, -20.0, 1e-3, (500, 300))
    areas = pixel_areas(grid)
    assert areas.shape == (500,)
    assert (np.diff(areas) < 0).all()  # away from the equator
    assert pixel_area_at(grid, np.arange(500), np.full(500, 3)) == pytest.approx(areas, rel=1e-9)


def test_a_web_map_overstates_what_the_ellipsoid_does_not():
    grid = metres("EPSG:3857", -4_900_000, -2_300_000)
    assert 100 / float(pixel_area_at(grid, 0, 0)) == pytest.approx(1.146, abs=0.01)


def test_the_size_of_a_pixel_is_measured_on_the_ground():
    across, down = pixel_size_m(GRIDS["Brazil, degrees"], 0, 0)
    assert across == pytest.approx(1e-4 * 111_320 * np.cos(np.radians(20.1)), rel=2e-3)
    assert down == pytest.approx(1e-4 * 110_700, rel=2e-3)
    assert pixel_size_m(GRIDS["UTM"], 5, 5) == pytest.approx((10, 10), rel=1e-3)
    assert pixel_size_m(GRIDS["web Mercator"], 5, 5) == pytest.approx((9.387, 9.332), abs=0.02)


def test_other_ellipsoids_units_and_prime_meridians_are_taken_as_they_are():
    side = rectangle(0, 0, 10, 10)
    feet = Grid(shape=(10, 10), transform=Affine(100, 0, 6e6, 0, -100, 2e6), crs="EPSG:2225")
    assert polygon_area([(side, ())], feet) == pytest.approx((1000 * 1200 / 3937) ** 2, rel=1e-3)
    paris = Grid(shape=(10, 10), transform=Affine(100, 0, 600_000, 0, -100, 2_200_000), crs="EPSG:27572")
    assert polygon_area([(side, ())], paris) == pytest.approx(1e6, rel=1e-3)
    grads = Grid(shape=(10, 10), transform=Affine(0.01, 0, 2.0, 0, -0.01, 52.0), crs="EPSG:4807")
    clarke = pyproj.CRS("EPSG:4807").get_geod()
    ends = clarke.polygon_area_perimeter([0, 0, 0.09, 0.09], [46.8, 46.71, 46.71, 46.8])[0]
    assert polygon_area([(side, ())], grads) == pytest.approx(abs(ends), rel=1e-4)


def test_points_come_to_wgs_84_and_corners_to_the_world():
    assert to_lonlat(np.array([(500_000, 0)]), "EPSG:32631") == pytest.approx(np.array([(3.0, 0.0)]), abs=1e-9)
    assert to_lonlat(np.array([(-44.0, -20.0)]), "EPSG:4326").tolist() == [[-44.0, -20.0]]
    [(ring, holes)] = to_world([(rectangle(0, 0, 2, 2), [rectangle(1, 1, 2, 2)])], Affine(10, 0, 100, 0, -10, 900))
    assert ring[:3].tolist() == [[100, 900], [100, 880], [120, 880]]
    assert holes[0][0].tolist() == [110, 890]
    assert projjson("EPSG:32723")["id"] == {"authority": "EPSG", "code": 32723}


def test_no_deposit_has_no_area():
    areas, lengths = areas_and_perimeters([], GRIDS["UTM"])
    assert areas.shape == lengths.shape == (0,)
    assert polygon_area([], GRIDS["UTM"]) == 0


def test_a_grid_without_projection_is_refused_with_a_way_out():
    for grid in (Grid(shape=(5, 5)), Grid(shape=(5, 5), crs="EPSG:4978")):
        with pytest.raises(WrongUnit, match="--no-area"):
            polygon_area(RAGGED, grid)
    with pytest.raises(BadInput, match="'nonsense' is no map projection"):
        pixel_areas(Grid(shape=(5, 5), crs="nonsense"))
    with pytest.raises(BadInput, match="outside the world"):
        polygon_area([(rectangle(0, 0, 1, 1) * 1e8, ())], GRIDS["UTM"])


@given(st.integers(0, 10**6), st.floats(-80, 80), st.floats(-180, 180))
def test_the_areas_of_neighbours_add_up(seed: int, north: float, west: float):
    mask = np.random.default_rng(seed).integers(1, 4, (12, 12)).astype(np.uint8)
    grid = degrees(west, north, 0.01, (12, 12))
    found, lengths = areas_and_perimeters([outline.parts for outline in outlines(mask)], grid)
    whole = polygon_area([(rectangle(0, 0, 12, 12), ())], grid)
    assert found.sum() == pytest.approx(whole, rel=1e-9)
    assert (found > 0).all() and (lengths > 0).all()


def test_real_deposits_have_the_geodesic_area_of_their_outlines(data: Path):
    """Drawn by hand, in degrees; the size of a pixel on the ground is in the folder's table."""
    rasterio = pytest.importorskip("rasterio", reason="needs rasterio: install the extra 'geo'")
    if not (data / "tailings" / "folds.csv").exists():
        pytest.skip("needs the tailings scenes in the folder of the real data")
    with (data / "tailings" / "folds.csv").open() as file:
        rows = [row for row in csv.DictReader(file)][::12]
    for row in rows:
        with rasterio.open(data / "tailings" / "train" / "masks_union" / f"{row['id']}.tif") as source:
            mask, transform, crs = source.read(1), source.transform, source.crs.to_string()
        grid = Grid(shape=mask.shape, transform=transform, axes=DEGREES, crs=crs)
        parts = [outline.parts for outline in outlines(mask)]
        found = areas_and_perimeters(parts, grid)[0]
        counted = float(mask.sum()) * float(row["px_m_x"]) * float(row["px_m_y"])
        assert found.sum() == pytest.approx(counted, rel=1e-4)
        largest = int(found.argmax())
        assert found[largest] == pytest.approx(by_geodesics(parts[largest], grid, 3)[0], rel=1e-6)


def test_importing_geodesy_imports_no_pyproj():
    code = "import sys, outcrop.instruments.geodesy, outcrop.instruments.outlines; print('pyproj' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=120)
    assert done.stdout.strip() == "False"
