"""A catalogue on disk becomes one cloud-free GeoTIFF of a box, in whatever pieces it is read."""

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from affine import Affine
from typer.testing import CliRunner

from outcrop.core.errors import NothingToSee, OutputExists, UsageError
from outcrop.engine import composite as module
from outcrop.engine.composite import bbox_of, composite, dates_of
from outcrop.instruments.geodesy import to_lonlat
from outcrop.sources.geotiff import open_raster

pystac = pytest.importorskip("pystac", reason="reads STAC catalogues: install the extra 'stac'")
rasterio = pytest.importorskip("rasterio", reason="reads bands: install the extra 'geo'")

SIDE, LEFT, TOP = 60, 600_000, 7_780_000
SPAN = dates_of("2021-01-01/2021-12-31")


def degrees(col: float, row: float) -> tuple[float, float]:
    ((lon, lat),) = to_lonlat(np.array([[LEFT + 10 * col, TOP - 10 * row]]), "EPSG:32723")
    return float(lon), float(lat)


def box(left: float, top: float, right: float, bottom: float) -> tuple[float, float, float, float]:
    """A box of degrees well inside these pixels."""
    (west, south), (east, north) = degrees(left + 0.5, bottom - 0.5), degrees(right - 0.5, top + 0.5)
    return west, south, east, north


def product(folder: Path, id: str, day: str, values: Any, left: int = LEFT, **said: Any) -> Any:
    """A look whose red band holds these digital numbers, green and blue 100 and 200 less."""
    ring = [degrees(*corner) for corner in ((-99, 99), (200, 99), (200, -99), (-99, -99), (-99, 99))]
    bounds = [*np.min(ring, axis=0).tolist(), *np.max(ring, axis=0).tolist()]
    item = pystac.Item(
        id, {"type": "Polygon", "coordinates": [ring]}, bounds, datetime.fromisoformat(day),
        {"eo:cloud_cover": 5.0, "processing:level": "L2", **said},
    )  # fmt: skip
    for k, key in enumerate(("B04", "B03", "B02")):
        path = folder / id / f"{id}_{key}.tif"
        path.parent.mkdir(parents=True, exist_ok=True)
        with rasterio.open(
            path, "w", driver="GTiff", dtype="uint16", count=1, height=SIDE, width=SIDE, crs="EPSG:32723",
            transform=Affine(10, 0, left, 0, -10, TOP),
        ) as file:  # fmt: skip
            file.write((values - 100 * k).astype(np.uint16), 1)
        item.add_asset(key, pystac.Asset(str(path)))
    return item


def catalogue(folder: Path, *items: Any) -> Path:
    found = pystac.Catalog("small", "a small catalogue")
    found.add_items(items)
    found.normalize_and_save(str(folder / "stac"), pystac.CatalogType.SELF_CONTAINED)
    return folder / "stac" / "catalog.json"


@pytest.fixture
def three(tmp_path: Path) -> tuple[Path, np.ndarray]:
    """Three looks and their median."""
    values = np.random.default_rng(0).integers(800, 3000, (3, SIDE, SIDE))
    items = [product(tmp_path, f"look-{k}", f"2021-0{k + 3}-01", v) for k, v in enumerate(values)]
    return catalogue(tmp_path, *items), np.median(values, axis=0) / 1e4


def test_the_median_of_a_box_lies_where_it_was_on_the_ground(three: tuple[Path, np.ndarray], tmp_path: Path) -> None:
    path, middle = three
    (made,) = composite(path, tmp_path / "out", bbox=box(10, 20, 40, 45), dates=SPAN)
    assert made.name == "median-20210301-20210501.tif"
    scene = open_raster(made)
    assert scene.bands == ("B4", "B3", "B2") and scene.acquired == datetime(2021, 4, 1, tzinfo=UTC)
    col, row = (round(v) for v in ~Affine(10, 0, LEFT, 0, -10, TOP) @ (scene.grid.transform.c, scene.grid.transform.f))
    rows, cols = scene.grid.shape
    assert (row, col) == (20, 10) and 25 <= rows <= 26 and 30 <= cols <= 31
    seen = scene.read(scene.grid.whole)
    assert seen[0] == pytest.approx(middle[row : row + rows, col : col + cols], abs=6e-5)
    assert seen[2] == pytest.approx(seen[0] - 0.02, abs=1.1e-4)


def test_the_size_of_the_pieces_read_changes_nothing(
    three: tuple[Path, np.ndarray], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    read = [open_raster(p).read for p in composite(three[0], tmp_path / "one", bbox=box(0, 0, 60, 60), dates=SPAN)]
    monkeypatch.setattr(module, "AT_ONCE", 20_000)
    again = [open_raster(p) for p in composite(three[0], tmp_path / "two", bbox=box(0, 0, 60, 60), dates=SPAN)]
    assert again[0].grid.shape == (SIDE, SIDE)
    assert np.array_equal(read[0](again[0].grid.whole), again[0].read(again[0].grid.whole))


def test_a_box_over_two_tiles_gives_a_file_for_each(tmp_path: Path) -> None:
    flat = np.full((SIDE, SIDE), 2000)
    path = catalogue(
        tmp_path, product(tmp_path, "a", "2021-05-01", flat), product(tmp_path, "b", "2021-05-02", flat, LEFT + 500)
    )
    made = composite(path, tmp_path / "out", bbox=box(20, 20, 90, 40), dates=SPAN)
    assert [p.name for p in made] == ["median-20210501-20210501.tif", "median-20210502-20210502-2.tif"]


def test_of_two_levels_one_is_chosen(tmp_path: Path) -> None:
    flat = np.full((SIDE, SIDE), 2000)
    items = [product(tmp_path, level, "2021-05-01", flat, **{"processing:level": level}) for level in ("L1C", "L2A")]
    path = catalogue(tmp_path, *items)
    with pytest.raises(UsageError, match="L1C and L2A do not mix"):
        composite(path, tmp_path / "out", bbox=box(0, 0, 60, 60), dates=SPAN)
    assert composite(path, tmp_path / "out", bbox=box(0, 0, 60, 60), dates=SPAN, level="L1C")
    with pytest.raises(OutputExists):
        composite(path, tmp_path / "out", bbox=box(0, 0, 60, 60), dates=SPAN, level="L1C")


def test_impossible_boxes_and_dates_are_refused(three: tuple[Path, np.ndarray], tmp_path: Path) -> None:
    for text in ("1,2,3", "a,b,c,d"):
        with pytest.raises(UsageError, match="is no box"):
            bbox_of(text)
    with pytest.raises(UsageError, match="no span of time"):
        dates_of("2021")
    assert dates_of("2021-05-01")[1].isoformat() == "2021-05-01T23:59:59.999999+00:00"
    with pytest.raises(UsageError, match="is not west,south,east,north"):
        composite(three[0], tmp_path / "out", bbox=(-43.0, -20.0, -44.0, -19.0), dates=SPAN)
    with pytest.raises(UsageError, match="give the earlier one first"):
        composite(three[0], tmp_path / "out", bbox=box(0, 0, 9, 9), dates=SPAN[::-1])
    with pytest.raises(NothingToSee, match="none has a pixel in it"):
        composite(three[0], tmp_path / "out", bbox=box(150, 10, 190, 20), dates=SPAN)


def test_products_that_are_not_on_the_disk_are_refused(tmp_path: Path) -> None:
    item = product(tmp_path, "far", "2021-05-01", np.full((SIDE, SIDE), 2000))
    item.assets["B04"].href = "https://example.org/far_B04.tif"
    with pytest.raises(UsageError, match="fetch the products to the disk first"):
        composite(catalogue(tmp_path, item), tmp_path / "out", bbox=box(0, 0, 60, 60), dates=SPAN)


def test_the_command_line_makes_a_scene(three: tuple[Path, np.ndarray], tmp_path: Path) -> None:
    from outcrop.cli import app

    text = ",".join(f"{v:.6f}" for v in box(10, 20, 40, 45))
    words = [
        "composite",
        str(three[0]),
        "--bbox",
        text,
        "--dates",
        "2021-01-01/2021-12-31",
        "-o",
        str(tmp_path / "out"),
    ]
    result = CliRunner().invoke(app, words)
    assert result.exit_code == 0, result.output
    assert open_raster(Path(result.stdout.strip())).grid.shape[0] in (25, 26)
