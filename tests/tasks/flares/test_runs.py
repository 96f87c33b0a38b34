"""The room from end to end, with the shipped models: photos, a film, a site with a meter, another's detector."""

import csv
import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import outcrop
from outcrop.core.errors import BadModel, UnknownModel, UsageError
from outcrop.core.task import Result
from outcrop.engine.spot import Spotter, Spotters
from outcrop.tasks import load, names

ROOM = load("flares")


@pytest.fixture(scope="module")
def drawn(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("drawn")
    outcrop.draw("flares", folder, seed=1, kind="smoky", light="day", shape="400x400")
    return folder


@pytest.fixture(scope="module")
def run(drawn: Path, tmp_path_factory: pytest.TempPathFactory) -> Result:
    scale = json.loads((drawn / "truth-1.json").read_text())["photos"]["drawn-1"]["scale"]
    return outcrop.predict(
        "flares", drawn / "drawn-1.png", tmp_path_factory.mktemp("run") / "out", assume={"scale": scale},
        formats=["epa-w", "ogmp2", "ru-371", "wb-gfmr"],
    )  # fmt: skip


@pytest.fixture(scope="module")
def eyes() -> Spotter:
    return Spotters(ROOM, (), engine="onnxruntime", flips="none").spotter()


def test_the_room_is_listed() -> None:
    assert "flares" in names()


def test_the_gas_of_a_drawn_photo_lies_in_its_interval(drawn: Path, run: Result) -> None:
    truth = json.loads((drawn / "truth-1.json").read_text())["truth"]["flared gas"]["drawn-1"]
    gas = next(m for m in run.measurements if m["name"] == "flared gas")
    assert gas["low"] <= truth <= gas["high"]


def test_a_photo_leaves_the_promised_files(run: Result) -> None:
    there = {path.name for path in run.out.iterdir()}
    assert {
        "summary.json", "measurements.csv", "report.html", "detections.json", "drawn-1.overlay.png", "drawn-1.mask.png",
        "drawn-1.flame.probability.png", "drawn-1.smoke.probability.png", "drawn-1.detections.json", "epa-w.csv", "ru-371.xlsx",
    } <= there  # fmt: skip
    with Image.open(run.out / "drawn-1.mask.png") as mask:
        assert mask.size == (400, 400)
        assert set(np.unique(np.asarray(mask))) <= {0, 1, 2}


def test_coco_s_own_tool_reads_the_detections(run: Result) -> None:
    tool = pytest.importorskip("pycocotools.coco", reason="pycocotools comes with the extra learn")
    coco = tool.COCO(str(run.out / "detections.json"))
    assert [c["name"] for c in coco.loadCats(coco.getCatIds())] == ["flame", "smoke"]
    assert coco.loadImgs(1)[0]["file_name"] == "drawn-1.png"
    flame = next(a for a in coco.loadAnns(coco.getAnnIds()) if a["category_id"] == 1)
    assert coco.annToMask(flame).sum() == pytest.approx(flame["area"], rel=0.05)


def test_the_record_says_every_assumption_and_null_for_what_is_not_known(run: Result) -> None:
    record = json.loads((run.out / "summary.json").read_text())
    assert record["assumptions"]["wind"]["best"] is None
    assert record["assumptions"]["scale"]["source"] == "given by the user"


def test_without_a_scale_the_report_says_no_gas(drawn: Path, tmp_path: Path) -> None:
    result = outcrop.predict("flares", drawn / "drawn-1.png", tmp_path / "out")
    assert "flared gas" not in {m["name"] for m in result.measurements}


@pytest.mark.parametrize(
    ("shape", "mode"), [((1, 1), "RGB"), ((40, 700), "L"), ((300, 200), "RGBA"), ((64, 64), "I;16")]
)
def test_odd_pictures_are_seen_or_refused_with_a_sentence(tmp_path: Path, shape: tuple[int, int], mode: str) -> None:
    rng = np.random.default_rng(0)
    full = 65535 if mode == "I;16" else 255
    bands = {"RGB": 3, "RGBA": 4}.get(mode)
    values = rng.integers(1, full, (*shape, bands) if bands else shape).astype(np.uint16 if full > 255 else np.uint8)
    Image.fromarray(values).save(tmp_path / "odd.png")
    result = outcrop.predict("flares", tmp_path / "odd.png", tmp_path / "out")
    assert len(result.record["inputs"]) == 1
    assert all(refusal["error"].endswith((".", "it", "again")) or ":" in refusal["error"] for refusal in result.refused)


def test_a_site_with_a_meter_gets_its_own_line_which_then_measures_without_a_scale(tmp_path: Path) -> None:
    outcrop.draw("flares", tmp_path / "site", seed=4, kind="site", count="6", shape="256x256", light="day")
    photos = tmp_path / "site" / "images"
    outcrop.predict("flares", photos, tmp_path / "first", settings={"meter": str(tmp_path / "site" / "readings-4.csv")})
    calibration = json.loads((tmp_path / "first" / "calibration.json").read_text())
    assert calibration["readings"] >= 3
    again = outcrop.predict(
        "flares", min(photos.iterdir()), tmp_path / "again", settings={"calibration": str(tmp_path / "first" / "calibration.json")}
    )  # fmt: skip
    gas = next(m for m in again.measurements if m["name"] == "flared gas")
    with (tmp_path / "site" / "readings-4.csv").open() as file:
        readings = {row["image"]: float(row["flow"]) for row in csv.DictReader(file)}
    assert gas["value"] == pytest.approx(next(iter(readings.values())), rel=0.6)


def test_frames_of_a_drawn_film_are_watched_and_the_log_goes_on(tmp_path: Path) -> None:
    outcrop.draw("flares", tmp_path / "film", seed=5, kind="film", count="5", rate="2", shape="160x240")
    first = outcrop.watch("flares", tmp_path / "film" / "frames", tmp_path / "out", rate=2.0, video=False)
    again = outcrop.watch("flares", tmp_path / "film" / "frames", tmp_path / "out", rate=2.0, video=False)
    assert first.facts["frames"] == 5 == again.facts["frames"]
    assert again.facts["sessions"] == 2


def test_boxes_of_one_photo_do_not_depend_on_its_size(drawn: Path, eyes: Spotter) -> None:
    with Image.open(drawn / "drawn-1.png") as image:
        image.convert("RGB").resize((1200, 1200), Image.Resampling.LANCZOS).save(drawn / "large.png")
    found = []
    for name in ("drawn-1.png", "large.png"):
        scene = outcrop.open_source(drawn / name)
        found.append(eyes.spot(ROOM.prepare(scene, {}).source))
    small, large = (f.boxes[f.labels == 0][0] for f in found)
    assert np.allclose(large / 3, small, atol=8)


def test_a_model_that_is_none_is_refused_before_anything_is_seen(drawn: Path, tmp_path: Path) -> None:
    (tmp_path / "none.onnx").write_bytes(b"nothing of the kind")
    with pytest.raises((BadModel, UnknownModel)):
        outcrop.predict("flares", drawn / "drawn-1.png", tmp_path / "out", models=[tmp_path / "none.onnx"])
    with pytest.raises(UnknownModel, match="shipped sets"):
        outcrop.predict("flares", drawn / "drawn-1.png", tmp_path / "out", models=["nobody"])


def test_hot_spots_of_a_satellite_scene_get_power_and_gas_where_the_sun_is_known(tmp_path: Path) -> None:
    rasterio = pytest.importorskip("rasterio", reason="rasters want the extra geo")
    values = np.full((3, 60, 60), 2000, np.uint16)
    values[:, 30:32, 30:32] = np.array([25000, 12000, 2500], np.uint16)[:, None, None]
    place = rasterio.transform.from_origin(600000, 3500000, 20, 20)
    with rasterio.open(
        tmp_path / "s2.tif", "w", driver="GTiff", height=60, width=60, count=3, dtype="uint16", crs="EPSG:32613", transform=place
    ) as file:  # fmt: skip
        file.write(values)
        file.descriptions, file.scales = ("B12", "B11", "B8A"), (1e-4,) * 3
    dark = outcrop.measure("flares", tmp_path / "s2.tif", tmp_path / "dark")
    assert not dark.measurements
    lit = outcrop.measure("flares", tmp_path / "s2.tif", tmp_path / "lit", settings={"sun_zenith": "35"})
    assert {"flared gas", "radiant heat"} <= {m["name"] for m in lit.measurements}
    with (tmp_path / "lit" / "s2.hotspots.csv").open() as file:
        spots = list(csv.DictReader(file))
    assert [int(spot["pixels"]) for spot in spots] == [4]


def test_a_foreign_detector_is_told_its_class_names(tmp_path: Path, drawn: Path) -> None:
    weights = next(path for path in sorted(ROOM.models.glob("boxes-*.onnx")))
    onnx = pytest.importorskip("onnx", reason="onnx comes with the extra learn")
    graph = onnx.load(str(weights))
    del graph.metadata_props[:]
    onnx.save(graph, str(tmp_path / "foreign.onnx"))
    with pytest.raises(UsageError, match="names"):
        outcrop.predict("flares", drawn / "drawn-1.png", tmp_path / "refused", models=[tmp_path / "foreign.onnx"])
    told = outcrop.predict(
        "flares", drawn / "drawn-1.png", tmp_path / "out", models=[tmp_path / "foreign.onnx"], settings={"class_names": "fire,smoke"}
    )  # fmt: skip
    assert "foreign.onnx" in {model["file"] for model in told.record["models"]}
