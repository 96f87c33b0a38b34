"""Labels go from one format to the other and come back the same."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from outcrop.core.errors import BadInput, OutputExists, UsageError
from outcrop.engine.convert import convert
from outcrop.sources.boxes import read_coco, read_yolo_set

CLASSES = ("flame", "smoke")
LINES = {
    "a": "0 0.512345678901 0.25 0.2 0.456789\n1 0.1 0.1 0.05 0.07\n",
    "b": "1 0.1 0.2 0.3 0.25 0.35 0.654321 0.123456789 0.6\n0 0.5 0.5 0.9 0.5 0.7 0.9\n",
    "c": "",
}


@pytest.fixture
def yolo(tmp_path: Path) -> Path:
    """A YOLO folder: boxes, polygons, nothing, and a picture without labels."""
    folder = tmp_path / "set"
    for part in ("images", "labels"):
        (folder / part).mkdir(parents=True)
    for number, name in enumerate("abcd"):
        Image.new("RGB", (333 + number, 250)).save(folder / "images" / f"{name}.jpg")
    for name, text in LINES.items():
        (folder / "labels" / f"{name}.txt").write_text(text)
    (folder / "data.yaml").write_text("names: [flame, smoke]\n")
    return folder


def test_yolo_to_coco_and_back_is_exact_to_a_millionth(yolo: Path, tmp_path: Path) -> None:
    there = convert(yolo, tmp_path / "coco", "coco")
    assert there.pictures == 3 and there.objects == {"flame": 2, "smoke": 2}
    assert there.notes == ("1 pictures have no label file and were left out, d.jpg first",)
    back = convert(there.written[0], tmp_path / "back", "yolo")
    assert back.classes == CLASSES and not back.notes
    before, _ = read_yolo_set(yolo / "images", yolo / "labels", CLASSES)
    after, _ = read_yolo_set(yolo / "images", tmp_path / "back" / "labels", CLASSES)
    for one, other in zip(before, after, strict=True):
        assert one.labels.tolist() == other.labels.tolist()
        assert np.abs(one.boxes - other.boxes).max(initial=0) < 1e-6
        for rings, others in zip(one.polygons, other.polygons, strict=True):
            assert len(rings) == len(others) and all(
                np.abs(a - b).max() < 1e-6 for a, b in zip(rings, others, strict=True)
            )


def test_coco_s_own_tool_loads_the_result(yolo: Path, tmp_path: Path) -> None:
    tool = pytest.importorskip("pycocotools.coco", reason="needs pycocotools")
    loaded = tool.COCO(str(convert(yolo, tmp_path / "labels.json", "coco").written[0]))
    assert len(loaded.getImgIds()) == 3 and len(loaded.getAnnIds()) == 4
    (entry,) = loaded.loadAnns(loaded.getAnnIds(imgIds=[2], catIds=[1]))
    assert loaded.annToMask(entry).sum() == pytest.approx(entry["area"], rel=0.02)


def test_classes_may_be_numbered_anew_and_keep_their_things(yolo: Path, tmp_path: Path) -> None:
    there = convert(yolo, tmp_path / "labels.json", "coco")
    turned = convert(there.written[0], tmp_path / "turned", "yolo", classes=("smoke", "flame"))
    assert turned.objects == there.objects
    lines = (tmp_path / "turned" / "labels" / "a.txt").read_text().splitlines()
    assert [line[0] for line in lines] == ["1", "0"]
    assert (tmp_path / "turned" / "classes.txt").read_text() == "smoke\nflame\n"
    names, pictures = read_coco(there.written[0])
    assert names == CLASSES and pictures[0].labels.tolist() == [0, 1]


def test_what_cannot_be_converted_is_refused(yolo: Path, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="voc"):
        convert(yolo, tmp_path / "x", "voc")
    with pytest.raises(BadInput, match="no folder"):
        convert(tmp_path / "none", tmp_path / "x", "coco")
    convert(yolo, tmp_path / "x", "coco")
    with pytest.raises(OutputExists):
        convert(yolo, tmp_path / "x", "coco")
    assert convert(yolo, tmp_path / "x", "coco", overwrite=True).pictures == 3
    (yolo / "data.yaml").unlink()
    with pytest.raises(BadInput, match="names no classes"):
        convert(yolo, tmp_path / "y", "coco")
    assert convert(yolo, tmp_path / "y", "coco", classes=CLASSES).pictures == 3
    for path in (yolo / "labels").glob("*.txt"):
        path.unlink()
    with pytest.raises(BadInput, match="none of the 4 pictures"):
        convert(yolo, tmp_path / "z", "coco", classes=CLASSES)
