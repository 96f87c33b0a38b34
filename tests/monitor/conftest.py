"""What the tests of watching share: the camera, and a detector that sees bright pixels."""

import importlib.util
from pathlib import Path

import numpy as np
import pytest

from outcrop.core.grid import Window
from outcrop.core.scene import Detections, Outlined


@pytest.fixture(scope="session")
def stage():
    """The module ``camera`` beside this file."""
    spec = importlib.util.spec_from_file_location("camera_stage", Path(__file__).with_name("camera.py"))
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture(autouse=True)
def direct(monkeypatch):
    """No proxy between the tests and their own machine."""
    monkeypatch.setenv("no_proxy", "*")


def bright(scene):
    """Orange pixels are one flame, grey ones in the upper part one plume of smoke."""
    red, _, blue = scene.read(scene.grid.whole)
    rows = np.arange(red.shape[0])[:, None]
    masks = (red > 0.7) & (blue < 0.5), (abs(red - 0.43) < 0.08) & (abs(blue - 0.43) < 0.08) & (rows < 12)
    boxes, labels, outlines = [], [], []
    for label, mask in enumerate(masks):
        if mask.sum() < 20:
            continue
        y, x = np.nonzero(mask)
        top, left, bottom, right = y.min(), x.min(), y.max() + 1, x.max() + 1
        boxes.append((left, top, right, bottom))
        labels.append(label)
        window = Window(row=int(top), col=int(left), height=int(bottom - top), width=int(right - left))
        outlines.append(Outlined(window=window, inside=mask[window.slices]))
    return Detections(
        scene=scene, classes=("flame", "smoke"), boxes=np.array(boxes, np.float32).reshape(-1, 4),
        scores=np.full(len(boxes), 0.9, np.float32), labels=np.array(labels, np.int64), outlines=tuple(outlines),
    )  # fmt: skip


@pytest.fixture(scope="session")
def see():
    """A detector of known behaviour."""
    return bright
