"""Training pictures come in with their masks, folds and clusters, doubtful pixels set aside, or are refused."""

import os
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from affine import Affine
from numpy.typing import NDArray

from outcrop.core.errors import BadInput, UsageError
from outcrop.core.grid import Axis, Grid
from outcrop.core.labelled import IGNORE
from outcrop.tasks.tailings.corrections import (
    Correction,
    cover,
    read_corrections,
    registry_corrections,
    write_corrections,
)
from outcrop.tasks.tailings.data import coverage_class, examples, read_folds, read_mask
from outcrop.tasks.tailings.look import to_input, to_reflectance
from outcrop.tasks.tailings.places import balanced_folds, clusters, distance

rasterio = pytest.importorskip("rasterio", reason="reads GeoTIFFs: install the extra 'geo'")

DATA = Path(os.environ.get("OUTCROP_DATA", Path(__file__).parents[4] / "shared" / "data"))
SIDE = 24
STEP = 9e-5
DEGREES = (Axis("longitude", "°"), Axis("latitude", "°"))


def save(path: Path, values: NDArray[Any], west: float = -45.0, scale: float | None = None, names: tuple[str, ...] = ()) -> Path:  # fmt: skip
    """A GeoTIFF, (bands, rows, cols)."""
    path.parent.mkdir(parents=True, exist_ok=True)
    count, rows, cols = values.shape
    with rasterio.open(
        path, "w", driver="GTiff", dtype=values.dtype, count=count, height=rows, width=cols, crs="EPSG:4326",
        transform=Affine(STEP, 0, west, 0, -STEP, -20.0),
    ) as file:  # fmt: skip
        file.write(values)
        if scale:
            file.scales = (scale,) * count
        for number, name in enumerate(names, 1):
            file.set_band_description(number, name)
    return path


def square(first: int, last: int) -> NDArray[np.uint8]:
    mask = np.zeros((SIDE, SIDE), np.uint8)
    mask[first:last, first:last] = 1
    return mask


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Three pictures, blue first, the second scaled otherwise; the last far from the others."""
    blue, green, red = (np.full((SIDE, SIDE), level, np.uint16) for level in (960, 890, 860))
    for name, west, factor in (("a", -45.0, 1), ("b", -45.1, 2), ("c", -50.0, 1)):
        stack = np.stack([blue, green, red]) * np.uint16(factor)
        save(tmp_path / "train" / "images" / f"{name}.tif", stack, west, 1e-4 / factor, ("B2", "B3", "B4"))
        save(tmp_path / "train" / "masks_union" / f"{name}.tif", square(6, 16)[None], west)
        save(tmp_path / "train" / "masks_seed" / f"{name}.tif", square(6, 10)[None], west)
    (tmp_path / "folds.csv").write_text("id,fold,lon,lat\na,0,-45,-20\nb,0,-45.1,-20\nc,1,-50,-20\n")
    return tmp_path / "train"


# Known truth


def test_reflectance_comes_as_red_green_blue_whatever_scale_the_file_has(folder: Path) -> None:
    found = examples(folder)
    for image in found.images:
        assert image.dtype == np.float32
        assert to_reflectance(image)[:, 0, 0] == pytest.approx([0.086, 0.089, 0.096], abs=1e-6)


def test_network_input_is_reflectance_over_its_white_and_keeps_what_was_not_seen() -> None:
    seen = to_input(np.array([-0.01, 0.15, 0.3, 0.6, np.nan], np.float32))
    assert seen == pytest.approx([0, 0.5, 1, 1.5, np.nan], nan_ok=True)


def test_the_folds_are_those_of_the_table_and_near_pictures_share_a_cluster(folder: Path) -> None:
    found = examples(folder)
    assert found.fixed_folds is not None
    assert found.fixed_folds.tolist() == [0, 0, 1]
    assert found.groups == ("cluster-0", "cluster-0", "cluster-1")


def test_clusters_named_in_the_table_are_believed(folder: Path) -> None:
    (folder.parent / "folds.csv").write_text("id,fold,cluster\na,0,x\nb,1,y\nc,2,y\n")
    assert examples(folder).groups == ("cluster-x", "cluster-y", "cluster-y")


def test_for_evaluation_the_masks_are_as_drawn(folder: Path) -> None:
    assert all(np.array_equal(mask, square(6, 16)) for mask in examples(folder).masks)
    assert all(np.array_equal(mask, square(6, 10)) for mask in examples(folder, labels="seed").masks)


def test_for_training_one_pixel_on_either_side_of_an_outline_is_set_aside(folder: Path) -> None:
    expected = np.zeros((SIDE, SIDE), np.uint8)
    expected[5:17, 5:17] = IGNORE
    expected[7:15, 7:15] = 1
    assert np.array_equal(examples(folder, training=True).masks[0], expected)
    assert np.array_equal(examples(folder, training=True, edge=0).masks[0], square(6, 16))


def test_a_deposit_cut_by_the_border_is_not_learnt_from_there(folder: Path) -> None:
    save(folder / "masks_union" / "a.tif", square(0, 8)[None])
    mask = examples(folder, training=True).masks[0]
    assert (mask[0, :9] == IGNORE).all()
    assert (mask[:9, 0] == IGNORE).all()
    assert (mask[1:7, 1:7] == 1).all()
    assert (mask[0, 10:] == 0).all()


def test_what_the_sensor_did_not_see_is_not_learnt_from(folder: Path) -> None:
    values = np.full((3, SIDE, SIDE), 0.1, np.float32)
    values[:, :2] = np.nan
    save(folder / "images" / "a.tif", values, names=("B4", "B3", "B2"))
    found = examples(folder)
    assert np.isfinite(found.images[0]).all()
    assert (found.masks[0][:2] == IGNORE).all()
    assert (found.masks[0][2:] != IGNORE).all()


def test_company_needs_no_folds(folder: Path) -> None:
    (folder.parent / "folds.csv").unlink()
    assert examples(folder, company=True).fixed_folds is None


def test_classes_of_coverage_follow_the_share_of_tailings() -> None:
    assert [coverage_class(square(0, n)) for n in (0, 2, 4, 6, 9, 20)] == [0, 1, 2, 3, 4, 5]


def test_distances_are_those_of_the_globe() -> None:
    assert distance(0, 0, np.array([90.0]), np.array([0.0]))[0] == pytest.approx(6_371_009 * np.pi / 2)


def test_one_region_is_held_out_at_a_time_where_the_table_names_regions(folder: Path) -> None:
    from outcrop.engine.folds import assign

    table = "id,fold,cluster,region\na,0,x,south\nb,1,y,north\nc,2,z,south\n"
    (folder.parent / "folds.csv").write_text(table)
    found = examples(folder)
    assert found.groups == ("region-south", "region-north", "region-south")
    place = assign(found, "grouped", 2)
    assert place[0] == place[2] != place[1]


def test_chains_of_neighbours_are_one_cluster() -> None:
    assert clusters([0, 0.2, 0.4, 3], [0, 0, 0, 0]).tolist() == [0, 0, 0, 1]


def test_folds_keep_clusters_whole_and_weigh_about_the_same() -> None:
    rng = np.random.default_rng(0)
    cluster = rng.integers(0, 30, 200)
    cluster[:30] = np.arange(30)
    weight = rng.random(200)
    fold = balanced_folds(cluster, weight, 5)
    assert all(len(set(fold[cluster == k])) == 1 for k in range(30))
    assert np.ptp(np.bincount(fold, weights=weight)) < weight.sum() / 20


# Corrections


def test_a_disc_and_a_polygon_are_covered_but_never_a_label() -> None:
    grid = Grid(shape=(SIDE, SIDE), transform=Affine(STEP, 0, -45.0, 0, -STEP, -20.0), axes=DEGREES, crs="EPSG:4326")
    middle = -45.0 + 12 * STEP, -20.0 - 12 * STEP
    disc = Correction(id="a", shape="disc", places=(*middle, 60.0), rule="looked at")
    covered = cover(square(6, 12), grid, [disc])
    assert (covered[6:12, 6:12] == 1).all()
    assert (covered == IGNORE).sum() == pytest.approx(np.pi * 60**2 / (9.4 * 10) * 0.75, rel=0.15)
    corners = (-45.0, -20.0, -45.0 + 5 * STEP, -20.0, -45.0 + 5 * STEP, -20.0 - 3 * STEP, -45.0, -20.0 - 3 * STEP)
    covered = cover(square(0, 0), grid, [Correction(id="a", shape="polygon", places=corners, rule="")])
    assert np.array_equal(covered == IGNORE, np.pad(np.ones((3, 5), bool), ((0, SIDE - 3), (0, SIDE - 5))))


def test_corrections_come_back_from_their_table_and_change_training_only(folder: Path) -> None:
    disc = Correction(id="a", shape="disc", places=(-45.0, -20.0, 40.0), rule="a dam, without a label")
    path = write_corrections(folder / "corrections.csv", [disc])
    assert read_corrections(path) == {"a": (disc,)}
    assert examples(folder, training=True).masks[0][0, 0] == IGNORE
    assert examples(folder, training=True).masks[1][0, 0] == 0
    assert examples(folder).masks[0][0, 0] == 0


@pytest.mark.parametrize(
    "row", ["a,disc,1 2,r", "a,star,1 2 3,r", "a,polygon,1 2 3 4 5 6 7,r", "a,disc,x y z,r", "a,disc"]
)
def test_a_correction_that_names_no_area_is_refused(row: str, tmp_path: Path) -> None:
    path = tmp_path / "corrections.csv"
    path.write_text(f"id,shape,places,rule\n{row}\n")
    with pytest.raises(BadInput, match="no table of corrections"):
        read_corrections(path)


def test_the_register_gives_a_disc_for_a_dam_far_from_labels_and_none_for_one_near(tmp_path: Path) -> None:
    rows, cols = 300, 300
    grid = Grid(shape=(rows, cols), transform=Affine(STEP, 0, -45.0, 0, -STEP, -20.0), axes=DEGREES, crs="EPSG:4326")
    mask = np.zeros((rows, cols), np.uint8)
    mask[:20, :20] = 1
    # One dam beside the label, one 2 km away, one outside the picture.
    dams = {
        "1": (-45.0 + 25 * STEP, -20.0 - 10 * STEP),
        "2": (-45.0 + 230 * STEP, -20.0 - 30 * STEP),
        "3": (-50.0, -20.0),
    }
    path = tmp_path / "sigbm.csv"
    lines = [f"{id},D,{lat},{lon},2022-05-05,{lat},{lon}" for id, (lon, lat) in dams.items()]
    path.write_text("ID Barragem,Nome da Barragem,Latitude,Longitude,snapshot,lat,lon\n" + "\n".join(lines) + "\n")
    (found,) = registry_corrections({"a": (mask, grid)}, path)
    assert found.id == "a"
    assert found.places == pytest.approx((*dams["2"], 300.0))


# Bad data


def test_a_folder_without_pictures_is_refused(tmp_path: Path) -> None:
    with pytest.raises(BadInput, match="no images"):
        examples(tmp_path)


def test_missing_masks_and_folds_are_named(folder: Path) -> None:
    (folder / "masks_union" / "b.tif").unlink()
    with pytest.raises(BadInput, match=r"lacks 1 masks, first b\.tif"):
        examples(folder)
    (folder.parent / "folds.csv").unlink()
    with pytest.raises(BadInput, match=r"no folds\.csv"):
        examples(folder, labels="seed")


def test_a_folder_with_neither_kind_of_masks_is_refused(tmp_path: Path) -> None:
    save(tmp_path / "images" / "a.tif", np.ones((3, SIDE, SIDE), np.uint16), names=("B2", "B3", "B4"))
    with pytest.raises(BadInput, match="no masks_union and no masks"):
        examples(tmp_path)


def test_unknown_labels_are_refused(folder: Path) -> None:
    with pytest.raises(UsageError, match="choose one of union, seed"):
        examples(folder, labels="best")


def test_a_mask_of_another_size_or_with_other_values_is_refused(folder: Path) -> None:
    grid = Grid(shape=(SIDE, SIDE))
    with pytest.raises(BadInput, match="a mask of its size"):
        read_mask(save(folder / "m.tif", np.zeros((1, SIDE, SIDE + 1), np.uint8)), grid)
    with pytest.raises(BadInput, match="beside 0, 1 and 255"):
        read_mask(save(folder / "m.tif", np.full((1, SIDE, SIDE), 7, np.uint8)), grid)


def test_digital_numbers_without_a_scale_are_refused(folder: Path) -> None:
    save(folder / "images" / "a.tif", np.full((3, SIDE, SIDE), 960, np.uint16), names=("B2", "B3", "B4"))
    with pytest.raises(BadInput, match="no reflectances"):
        examples(folder, training=True)


@pytest.mark.parametrize("text", ["id,fold\na,first\n", "name,place\na,1\n", "id,fold\na\n"])
def test_a_table_that_holds_no_folds_is_refused(text: str, tmp_path: Path) -> None:
    (tmp_path / "folds.csv").write_text(text)
    with pytest.raises(BadInput, match="no table of folds"):
        read_folds(tmp_path, ["a"])


def test_a_picture_without_a_fold_is_named(folder: Path) -> None:
    (folder.parent / "folds.csv").write_text("id,fold\na,0\n")
    with pytest.raises(BadInput, match="no row for 2 pictures, first b"):
        examples(folder, training=True)


# Real data


def test_the_real_pictures_lie_in_21_clusters_that_no_fold_splits() -> None:
    path = DATA / "tailings" / "train"
    if not path.is_dir():
        pytest.skip(f"needs the tailings pictures in {DATA}: set OUTCROP_DATA")
    ids = sorted(p.stem for p in (path / "images").glob("*.tif"))
    table = read_folds(path, ids)
    cluster = clusters([table[id].lon for id in ids], [table[id].lat for id in ids])
    assert cluster.max() + 1 == 21
    assert all(len({table[id].fold for id, k in zip(ids, cluster, strict=True) if k == c}) == 1 for c in range(21))
