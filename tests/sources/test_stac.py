"""Looks from a STAC catalogue on disk become one cloud-free median in reflectance, each offset taken off once."""

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from affine import Affine

from outcrop.core.errors import BadInput, DamagedFile, NothingToSee, UsageError
from outcrop.core.grid import Window

pystac = pytest.importorskip("pystac", reason="reads STAC catalogues: install the extra 'stac'")
rasterio = pytest.importorskip("rasterio", reason="reads bands: install the extra 'geo'")

from outcrop.sources.stac import find_looks, median_composite

SIDE = 40
BBOX = (-43.6, -20.1, -43.5, -20.0)
YEAR = (datetime(2021, 1, 1), datetime(2022, 12, 31))
EVERYWHERE = Window(row=0, col=0, height=SIDE, width=SIDE)


def save(path: Path, values: Any, step: float = 10.0, scale: float | None = None) -> str:
    path.parent.mkdir(parents=True, exist_ok=True)
    place = Affine(step, 0, 600_000, 0, -step, 7_780_000)
    with rasterio.open(
        path, "w", driver="GTiff", dtype="uint16", count=1, height=values.shape[0], width=values.shape[1],
        crs="EPSG:32723", transform=place,
    ) as file:  # fmt: skip
        file.write(values.astype(np.uint16), 1)
        if scale:
            file.scales = (scale,)
    return str(path)


def look(folder: Path, id: str, day: str, red: Any, *, scl: Any = None, scale: float | None = None, **said: Any) -> Any:
    """A product with a red band of these digital numbers, and green and blue 100 and 200 below."""
    box = [-43.7, -20.2, -43.4, -19.9]
    ring = [[box[i], box[j]] for i, j in ((0, 1), (2, 1), (2, 3), (0, 3), (0, 1))]
    properties = {"eo:cloud_cover": 10.0, "processing:level": "L2", **said}
    item = pystac.Item(id, {"type": "Polygon", "coordinates": [ring]}, box, datetime.fromisoformat(day), properties)
    for k, key in enumerate(("B04", "B03", "B02")):
        below = 0 if scale else 100 * k
        item.add_asset(
            key, pystac.Asset(save(folder / id / f"{id}_{key}.tif", np.full((SIDE, SIDE), red) - below, scale=scale))
        )
    if scl is not None:
        item.add_asset("SCL", pystac.Asset(save(folder / id / f"{id}_SCL.tif", np.asarray(scl), 20.0)))
    return item


def catalogue(folder: Path, *items: Any) -> Path:
    found = pystac.Catalog("small", "a small catalogue")
    found.add_items(items)
    found.normalize_and_save(str(folder / "stac"), pystac.CatalogType.SELF_CONTAINED)
    return folder / "stac" / "catalog.json"


def reds(path: Path, **more: Any) -> Any:
    return median_composite(find_looks(path, BBOX, YEAR), **more).read(EVERYWHERE)[0]


# Known truth


def test_the_offset_of_later_baselines_is_taken_off_once(tmp_path: Path) -> None:
    path = catalogue(
        tmp_path,
        look(tmp_path, "old", "2021-06-01", 1500, **{"s2:processing_baseline": "03.01"}),
        look(tmp_path, "new", "2022-06-01", 2500, **{"s2:processing_baseline": "04.00"}),
        look(tmp_path, "again", "2021-07-01", 2500, **{"s2:processing_baseline": "05.00"}),
        look(
            tmp_path,
            "done",
            "2022-07-01",
            1500,
            **{"s2:processing_baseline": "05.09", "earthsearch:boa_offset_applied": True},
        ),
    )
    looks = find_looks(path, BBOX, YEAR)
    assert [(one.id, one.offset) for one in looks] == [("old", 0), ("again", 1000), ("new", 1000), ("done", 0)]
    for one in looks:
        assert median_composite([one]).read(EVERYWHERE)[:, 0, 0] == pytest.approx([0.15, 0.14, 0.13])


def test_without_a_baseline_the_day_decides(tmp_path: Path) -> None:
    path = catalogue(tmp_path, look(tmp_path, "a", "2022-01-24", 1500), look(tmp_path, "b", "2022-01-25", 1500))
    assert [one.offset for one in find_looks(path, BBOX, YEAR)] == [0, 1000]


def test_a_scale_in_the_files_is_applied_and_nothing_more(tmp_path: Path) -> None:
    path = catalogue(tmp_path, look(tmp_path, "a", "2022-06-01", 3000, scale=5e-5))
    assert reds(path) == pytest.approx(np.full((SIDE, SIDE), 0.15))


def test_the_median_leaves_clouds_and_missing_data_out(tmp_path: Path) -> None:
    half = np.full((SIDE // 2, SIDE // 2), 4)
    half[: SIDE // 4] = 9
    clear = np.full((SIDE // 2, SIDE // 2), 4)
    holed = np.full((SIDE, SIDE), 1300)
    holed[:, :10] = 200
    path = catalogue(
        tmp_path,
        look(tmp_path, "a", "2021-06-01", 1100, scl=clear),
        look(tmp_path, "b", "2021-06-06", 8000, scl=half),
        look(tmp_path, "c", "2021-06-11", holed, scl=clear),
    )
    seen = reds(path)
    assert seen[: SIDE // 2, 10:] == pytest.approx(np.full((SIDE // 2, 30), 0.12))
    assert seen[SIDE // 2 :, 10:] == pytest.approx(np.full((SIDE // 2, 30), 0.13))
    # The blue band is 0, no data, in the columns where the red one is 200.
    assert seen[: SIDE // 2, :10] == pytest.approx(np.full((SIDE // 2, 10), 0.11))
    assert np.isnan(reds(path, least=3)[: SIDE // 2]).all()


def test_qa60_tells_clouds_where_no_scene_classification_is(tmp_path: Path) -> None:
    item = look(tmp_path, "a", "2021-06-01", 1500)
    bits = np.zeros((SIDE, SIDE))
    bits[:5], bits[5:10], bits[10:15] = 1 << 10, 1 << 11, 1 << 5
    item.add_asset("QA60", pystac.Asset(save(tmp_path / "a" / "a_QA60.tif", bits)))
    seen = reds(catalogue(tmp_path, item))
    assert np.isnan(seen[:10]).all()
    assert np.isfinite(seen[10:]).all()


# Properties


def test_a_window_is_a_part_of_the_whole(tmp_path: Path) -> None:
    ramp = np.arange(SIDE * SIDE).reshape(SIDE, SIDE) + 1000
    path = catalogue(tmp_path, look(tmp_path, "a", "2021-06-01", ramp), look(tmp_path, "b", "2021-07-01", ramp + 50))
    scene = median_composite(find_looks(path, BBOX, YEAR), ("B02", "red"))
    window = Window(row=7, col=11, height=9, width=13)
    assert np.array_equal(scene.read(window), scene.read(EVERYWHERE)[:, *window.slices])
    assert scene.bands == ("B02", "red")
    assert scene.read(EVERYWHERE)[1] == pytest.approx((ramp + 25) / 10_000, abs=1e-6)
    assert scene.acquired == datetime(2021, 7, 1, tzinfo=UTC)
    assert "median of 2 looks" in scene.notes[0]
    assert "without SCL or QA60" in scene.notes[-1]


def test_looks_are_chosen_by_place_time_and_clouds(tmp_path: Path) -> None:
    path = catalogue(
        tmp_path,
        look(tmp_path, "a", "2021-06-01", 1500),
        look(tmp_path, "cloudy", "2021-06-06", 1500, **{"eo:cloud_cover": 80.0}),
        look(tmp_path, "late", "2024-06-06", 1500),
    )
    assert [one.id for one in find_looks(path, BBOX, YEAR, cloud=20)] == ["a"]
    with pytest.raises(NothingToSee, match="none of the 3 products"):
        find_looks(path, (10, 10, 11, 11), YEAR)


# Bad data


def test_what_does_not_mix_is_refused(tmp_path: Path) -> None:
    surface = look(tmp_path, "s2_l2a_x", "2021-06-01", 1500)
    top = look(tmp_path, "t", "2021-06-02", 1500, **{"processing:level": "L1C"})
    looks = find_looks(catalogue(tmp_path, surface, top), BBOX, YEAR)
    assert [one.level for one in looks] == ["L2A", "L1C"]
    with pytest.raises(UsageError, match="do not mix"):
        median_composite(looks)
    with pytest.raises(UsageError, match="has no band nir"):
        median_composite(looks[:1], ("nir",))
    with pytest.raises(UsageError, match="no looks"):
        median_composite([])


def test_a_catalogue_that_is_none_is_refused(tmp_path: Path) -> None:
    (tmp_path / "catalog.json").write_text('{"type": "nothing"}')
    for path in (tmp_path / "catalog.json", tmp_path / "missing.json"):
        with pytest.raises(DamagedFile, match="STAC catalogue"):
            find_looks(path, BBOX, YEAR)


def test_a_baseline_that_is_no_number_is_refused(tmp_path: Path) -> None:
    path = catalogue(tmp_path, look(tmp_path, "a", "2021-06-01", 1500, **{"s2:processing_baseline": "new"}))
    with pytest.raises(BadInput, match="processing baseline as 'new'"):
        find_looks(path, BBOX, YEAR)
