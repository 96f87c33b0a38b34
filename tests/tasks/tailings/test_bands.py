"""Networks of other bands than red, green and blue: cut, trained, exported and used, from one drawn scene to another."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from affine import Affine
from typer.testing import CliRunner

import outcrop
from outcrop.core.errors import BadInput, UsageError
from outcrop.core.grid import Axis, Grid
from outcrop.core.scene import scene_from_array
from outcrop.outputs.scene_raster import write_scene
from outcrop.outputs.vector import Feature, write_deposits
from outcrop.sources.geotiff import open_raster
from outcrop.tasks.tailings.data import examples
from outcrop.tasks.tailings.prepare import called, prepare
from outcrop.tasks.tailings.samples import make_samples

pytest.importorskip("rasterio", reason="needs rasterio: install the extra 'geo'")
pytest.importorskip("pyogrio", reason="needs pyogrio: install the extra 'geo'")

SIX = ("B4", "B3", "B2", "B8", "B11", "B12")
SIDE, PIXEL, LEFT, TOP = 160, 10.0, 5e5, 7.8e6


def drawn(seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Reflectance of six bands, (6, rows, cols), and deposits, (rows, cols), which only the last two bands tell apart."""
    rng = np.random.default_rng(seed)
    values = rng.normal(0.12, 0.01, (6, SIDE, SIDE)).astype(np.float32)
    mask = np.zeros((SIDE, SIDE), np.uint8)
    for row, col in rng.integers(8, SIDE - 32, (8, 2)):
        mask[row : row + 20, col : col + 20] = 1
    values[4:, mask == 1] += 0.15
    return values, mask


def grid(side: int = SIDE, pixel: float = PIXEL) -> Grid:
    axes = (Axis("easting", "m"), Axis("northing", "m"))
    return Grid(shape=(side, side), transform=Affine(pixel, 0, LEFT, 0, -pixel, TOP), axes=axes, crs="EPSG:32723")


def scene_file(path: Path, values: np.ndarray, bands: tuple[str, ...] = SIX) -> Path:
    return write_scene(path, scene_from_array(path.stem, values, grid(values.shape[1]), bands))


def outlines(path: Path, mask: np.ndarray) -> Path:
    """The deposits as polygons."""
    from outcrop.instruments.geodesy import to_world
    from outcrop.instruments.outlines import Outliner

    tracer = Outliner(SIDE)
    found = [*tracer.add(mask), *tracer.finish()]
    features = [Feature(parts=to_world(one.parts, grid().transform), properties={}) for one in found]
    return write_deposits(path, iter(features), "EPSG:32723", columns={"id": int})


def as_stack(folder: Path, name: str, values: np.ndarray) -> Path:
    """One file a band; those of 20 m hold every second pixel."""
    folder.mkdir()
    for band, plane in zip(SIX, values, strict=True):
        step = 1 if band in ("B2", "B3", "B4", "B8") else 2
        plane = plane[None, ::step, ::step]
        scene = scene_from_array(band, plane, grid(plane.shape[1], PIXEL * step), (band,))
        write_scene(folder / f"{name}_{'B' + band[1:].zfill(2)}.tif", scene)
    return folder


def test_bands_are_found_by_the_names_of_the_card(tmp_path: Path) -> None:
    values, _ = drawn(0)
    scene = open_raster(scene_file(tmp_path / "a.tif", values, ("B02", "nir", "B04", "B03", "swir22", "B11")))
    seen = prepare(scene, {"bands": SIX}).source
    assert seen.bands == SIX
    assert np.allclose(seen.read(seen.grid.whole)[[0, 3, 4]], values[[2, 1, 5]] / 0.3, atol=1e-3)
    with pytest.raises(BadInput, match="and the model's B4, B3, B2, B8, B11, B12 are wanted"):
        prepare(open_raster(scene_file(tmp_path / "b.tif", values[:3], SIX[:3])), {"bands": SIX})
    assert [called(name) for name in ("B02", "NIR", "swir16", "B8A", "B5")] == ["B2", "B8", "B11", "B8A", "B5"]


def test_rooms_of_one_band_offer_no_choice(tmp_path: Path) -> None:
    pytest.importorskip("torch", reason="needs torch: install the extra 'learn'")
    with pytest.raises(UsageError, match="the room salt sees one band"):
        outcrop.train("salt", tmp_path, tmp_path / "run", settings={"bands": '["a", "b"]'})


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A tiny network of six bands: trained on pictures cut from a drawn scene, judged, exported."""
    pytest.importorskip("torch", reason="needs torch: install the extra 'learn'")
    pytest.importorskip("onnx", reason="needs onnx: install the extra 'learn'")
    folder = tmp_path_factory.mktemp("bands")
    values, mask = drawn(1)
    rng = np.random.default_rng(0)
    scene = open_raster(scene_file(folder / "scene.tif", values))
    make_samples(
        [scene], outlines(folder / "known.gpkg", mask), folder / "data", rng=rng, size=48, per_deposit=3, background=0.0,
        bands=SIX, folds=1,
    )  # fmt: skip
    settings = {
        "bands": json.dumps(SIX), "decoder": "[16,8]", "chip": "32", "epochs": "9", "batch": "4", "folds": "random",
        "fold_count": "2", "learning_rate": "0.02", "precision": "float32",
    }  # fmt: skip
    run = outcrop.train("tailings", folder / "data", folder / "run", recipe="seed-unet", settings=settings)
    outcrop.evaluate("tailings", folder / "data", folder / "judged", run=run, export=True)
    return folder / "judged" / "seed-unet-0.onnx"


def test_the_pictures_hold_all_bands_of_the_card(model: Path) -> None:
    found = examples(model.parents[1] / "data", bands=SIX)
    assert {image.shape[0] for image in found.images} == {6} and {
        i.shape[0] for i in examples(model.parents[1] / "data").images
    } == {3}
    from outcrop.models.runtime import read_card

    card = read_card(model)
    assert card.bands == SIX and len(card.training["recipe"]["mean"]) == 6
    assert json.loads((model.parents[1] / "run" / "record.json").read_text())["recipe"]["bands"] == list(SIX)


def iou(path: Path, mask: np.ndarray) -> float:
    rasterio: Any = pytest.importorskip("rasterio")
    with rasterio.open(path) as file:
        seen = file.read(1) == 1
    return float((seen & (mask == 1)).sum() / (seen | (mask == 1)).sum())


def test_a_scene_is_seen_in_the_bands_of_the_card_whatever_its_files(model: Path, tmp_path: Path) -> None:
    from outcrop.cli import app

    values, mask = drawn(2)
    mask[::2], values[:, ::2] = mask[1::2], values[:, 1::2]  # so that pixels of 20 m lose little
    mask[:, ::2], values[:, :, ::2] = mask[:, 1::2], values[:, :, 1::2]
    whole = scene_file(tmp_path / "whole.tif", values[[3, 5, 0, 1, 2, 4]], tuple(SIX[k] for k in (3, 5, 0, 1, 2, 4)))
    outcrop.predict("tailings", whole, tmp_path / "one", models=[model])
    assert iou(tmp_path / "one" / "whole.mask.tif", mask) > 0.7
    folder = as_stack(tmp_path / "files", "T23KNP_20210704T131251", values)
    words = [
        "predict",
        "tailings",
        str(folder),
        "--stack",
        "--bands",
        ",".join(SIX),
        "-m",
        str(model),
        "-o",
        str(tmp_path / "two"),
    ]
    result = CliRunner().invoke(app, words)
    assert result.exit_code == 0, result.output
    assert iou(tmp_path / "two" / "T23KNP_20210704T131251.mask.tif", mask) > 0.7
    record = json.loads((tmp_path / "two" / "summary.json").read_text())
    assert len(record["inputs"]) == 1 and any("one scene of 6 files" in note for note in record["warnings"])
    plain = scene_file(tmp_path / "plain.tif", values[:3], SIX[:3])
    refused = outcrop.predict("tailings", plain, tmp_path / "three", models=[model]).refused
    assert len(refused) == 1 and "the model's B4, B3, B2, B8, B11, B12 are wanted" in refused[0]["error"]


def test_grey_pseudo_labels_are_refused_with_the_way_that_works(model: Path, tmp_path: Path) -> None:
    from PIL import Image

    Image.fromarray(np.zeros((48, 48), np.uint8)).save(tmp_path / "a.png")
    data, run = model.parents[1] / "data", model.parents[1] / "run"
    with pytest.raises(UsageError, match="--pseudo takes grey pictures, and the network sees 3 bands"):
        outcrop.train("tailings", data, tmp_path / "more", pseudo=tmp_path, teacher=run, folds=[0])
