"""Files of one band each are sorted into scenes by their names, as a Sentinel-2 product or a folder holds them."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from affine import Affine

from outcrop.core.errors import BadInput, UsageError
from outcrop.sources.geotiff import RasterOptions
from outcrop.sources.open import Options, open_source, stack
from outcrop.sources.stack import open_stacked, stacked

NAME = "T23KNP_20210704T131251"


def touched(folder: Path, *names: str) -> list[Path]:
    """Empty files: names alone decide what belongs together."""
    found = [folder / name for name in names]
    for path in found:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()
    return found


def product(folder: Path, level: str = "L2A") -> Path:
    """The layout of a Sentinel-2 product."""
    granule = folder / f"S2A_MSI{level}_20210704T131251.SAFE" / "GRANULE" / "L2A_T23KNP" / "IMG_DATA"
    if level == "L1C":
        touched(granule, *(f"{NAME}_{band}.jp2" for band in ("B02", "B03", "B04", "B08", "B11", "B01", "TCI")))
    else:
        touched(granule / "R10m", *(f"{NAME}_{b}_10m.jp2" for b in ("AOT", "B02", "B03", "B04", "B08", "TCI", "WVP")))
        touched(granule / "R20m", *(f"{NAME}_{b}_20m.jp2" for b in ("B02", "B03", "B04", "B11", "B12", "SCL")))
        touched(granule / "R60m", *(f"{NAME}_{b}_60m.jp2" for b in ("B01", "B02", "B11")))
    return granule.parents[2]


def names(files: tuple[Path, ...]) -> list[str]:
    return [file.name.removeprefix(f"{NAME}_") for file in files]


@pytest.mark.parametrize(("level", "end"), [("L2A", "_10m.jp2"), ("L1C", ".jp2")])
def test_a_product_is_one_scene_of_its_bands_of_ten_metres(tmp_path: Path, level: str, end: str) -> None:
    (one,) = stacked([product(tmp_path, level)])
    assert one.name == NAME
    assert names(one.files) == [f"{band}{end}" for band in ("B02", "B03", "B04", "B08")]
    assert "B11" in one.left_out and "B02" not in one.left_out


def test_other_bands_of_a_product_are_taken_when_asked_for_each_at_its_finest(tmp_path: Path) -> None:
    (one,) = stacked([product(tmp_path)], ("B4", "B8", "B11", "b12"))
    assert sorted(names(one.files)) == ["B04_10m.jp2", "B08_10m.jp2", "B11_20m.jp2", "B12_20m.jp2"]


def test_a_folder_of_one_resolution_is_a_scene_too(tmp_path: Path) -> None:
    images = next(product(tmp_path).rglob("R10m"))
    (one,) = stacked([images])
    assert one.name == NAME and len(one.files) == 4


def test_a_folder_of_two_scenes_gives_two(tmp_path: Path) -> None:
    touched(tmp_path, *(f"{day}_B{n}.tif" for day in ("monday", "tuesday") for n in (2, 3, 4)), "notes.txt", "map.tif")
    found = stacked([tmp_path])
    assert [one.name for one in found] == ["monday", "tuesday"] and all(len(one.files) == 3 for one in found)


def test_files_that_are_all_band_belong_to_the_scene_of_their_folder(tmp_path: Path) -> None:
    for year in ("2020", "2021"):
        touched(tmp_path / year, "B02.tif", "B03.tif", "B04.tif")
    assert [one.name for one in stacked([tmp_path / "2020", tmp_path / "2021"])] == ["2020", "2021"]


def test_files_named_outright_are_all_taken(tmp_path: Path) -> None:
    images = next(product(tmp_path).rglob("IMG_DATA"))
    given = [images / "R10m" / f"{NAME}_B04_10m.jp2", images / "R20m" / f"{NAME}_B11_20m.jp2"]
    (one,) = stacked(given)
    assert one.files == tuple(given) and not one.left_out


def test_what_is_not_named_after_a_band_is_refused(tmp_path: Path) -> None:
    (path,) = touched(tmp_path, "scene.tif")
    with pytest.raises(UsageError, match=r"scene\.tif is not named after its band"):
        stacked([path])
    with pytest.raises(BadInput, match="holds no raster named after its band"):
        stacked([tmp_path])
    with pytest.raises(BadInput, match="there is no file or folder"):
        stacked([tmp_path / "nowhere"])


def drawn(path: Path, side: int, pixel: float, value: int) -> Path:
    """A raster of one value."""
    rasterio = pytest.importorskip("rasterio", reason="needs rasterio: install the extra 'geo'")
    profile: dict[str, Any] = {"driver": "GTiff", "count": 1, "dtype": "uint16", "crs": "EPSG:32723"}
    with rasterio.open(
        path, "w", height=side, width=side, transform=Affine(pixel, 0, 5e5, 0, -pixel, 7.8e6), **profile
    ) as file:
        file.write(np.full((1, side, side), value, np.uint16))
    return path


def test_a_stack_opens_as_one_scene_that_says_what_it_is_made_of(tmp_path: Path) -> None:
    for band, side, pixel, value in (
        ("B04", 8, 10.0, 4),
        ("B03", 8, 10.0, 3),
        ("B02", 8, 10.0, 2),
        ("B11", 4, 20.0, 11),
    ):
        drawn(tmp_path / f"{NAME}_{band}.tif", side, pixel, value)
    paths, options = stack([tmp_path], Options(raster=RasterOptions(bands=("B4", "B11"))))
    scene = open_source(paths[0], options)
    assert scene.id == NAME and scene.bands == ("B04", "B11") and len(paths) == 1
    assert options.files(paths[0]) == tuple(sorted(tmp_path.glob("*B*4.tif"))) + (tmp_path / f"{NAME}_B11.tif",)
    assert np.unique(scene.read(scene.grid.whole)[1]).tolist() == [11]
    (plain,) = stacked([tmp_path])
    notes = open_stacked(plain, RasterOptions()).notes
    assert any("one scene of 3 files" in note for note in notes)
    assert any("B11 lie beside them and were left out: name them with --bands" in note for note in notes)


def test_grids_that_do_not_fit_are_refused(tmp_path: Path) -> None:
    paths = [drawn(tmp_path / "a_B04.tif", 9, 10.0, 4), drawn(tmp_path / "a_B11.tif", 4, 20.0, 11)]
    first, options = stack(paths, Options())
    with pytest.raises(UsageError, match=r"a_B11\.tif has 4 x 4 pixels and a_B04\.tif 9 x 9, no whole multiple"):
        open_source(first[0], options)
