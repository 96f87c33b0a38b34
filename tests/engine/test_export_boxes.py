"""An exported detector says what the network said, and prediction reads it without torch."""

import os
from pathlib import Path

import numpy as np
import pytest

from outcrop.models.boxes import load_detector
from outcrop.models.card import Card

torch = pytest.importorskip("torch", reason="needs torch: install the extra 'learn'")
pytest.importorskip("onnx", reason="needs onnx: install the extra 'learn'")

from outcrop.engine.export import metadata
from outcrop.engine.export_boxes import export_boxes
from outcrop.engine.train_boxes import see
from outcrop.models.detector import Detector, build, decoded, places

DATA = Path(os.environ.get("OUTCROP_DATA", Path(__file__).parents[3] / "shared" / "data"))
WEIGHTS = DATA.parent / "weights" / "yolox_nano_coco.safetensors"
CARD = Card(name="boxes", task="flares", classes=("flame", "smoke"), bands=("red", "green", "blue"), chip=96)


@pytest.fixture(scope="module")
def net() -> Detector:
    """A detector with the published weights where they are at hand, whose new class layer sees something everywhere."""
    torch.manual_seed(0)
    return build(2, WEIGHTS if WEIGHTS.exists() else None, chance=0.4).eval()


@pytest.fixture(scope="module")
def exported(net: Detector, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return export_boxes(net, CARD, tmp_path_factory.mktemp("boxes") / "boxes.onnx")


@pytest.mark.parametrize("count", [1, 3])
def test_a_file_says_what_the_network_said(net: Detector, exported: Path, count: int) -> None:
    session = pytest.importorskip("onnxruntime").InferenceSession(exported)
    pictures = np.random.default_rng(0).random((count, 3, 96, 96), np.float32)
    with torch.no_grad():
        wanted = decoded(net(torch.from_numpy(pictures)), places(96, 96)).numpy()
    found = session.run(None, {session.get_inputs()[0].name: pictures})[0]
    assert found.shape == wanted.shape and np.abs(found - wanted).max() < 1e-3


def test_its_card_travels_with_it(exported: Path) -> None:
    card = metadata(exported)["outcrop"]
    assert isinstance(card, dict) and card["classes"] == ["flame", "smoke"] and card["head"] == "detect"


@pytest.mark.skipif(not WEIGHTS.exists(), reason="an untrained network scores all places alike: set OUTCROP_DATA")
def test_prediction_sees_the_same_boxes_as_training(net: Detector, exported: Path) -> None:
    pixels = np.random.default_rng(1).integers(0, 255, (70, 50, 3), np.uint8)
    detector = load_detector(exported, classes=("flame", "smoke"))
    picture = pixels.transpose(2, 0, 1).astype(np.float32) / 255
    for mirror in (False, True):
        there, here = detector.see(picture, threshold=0.01, mirror=mirror), see(net, pixels, 96, flip=mirror)
        assert len(here.scores) == len(there.scores) > 0
        assert np.abs(here.boxes - there.boxes).max() < 0.05 and np.abs(here.scores - there.scores).max() < 1e-3
