"""What is written is what COCO's tool and YOLO's readers take, and comes back the same."""

import json
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from outcrop.core.errors import UsageError
from outcrop.core.grid import Grid, Window
from outcrop.core.scene import Detections, Outlined, scene_from_array
from outcrop.outputs.box_overlay import overlay, picture_of, write_box_overlay
from outcrop.outputs.boxes import coco, detections_part, write_coco, write_yolo, yolo_text
from outcrop.outputs.picture import COLOURS
from outcrop.outputs.tracing import joined, ring_area, rings, run_lengths

CLASSES = ("flame", "smoke")


def outlined(mask: np.ndarray, row: int = 0, col: int = 0) -> Outlined:
    return Outlined(window=Window(row=row, col=col, height=mask.shape[0], width=mask.shape[1]), inside=mask)


def detections(
    *rows: tuple[float, ...], outlines: tuple[Outlined, ...] = (), shape: tuple[int, int] = (60, 80)
) -> Detections:
    table = np.array(rows, np.float32).reshape(-1, 6)
    scene = scene_from_array("p", np.zeros((3, *shape), np.float32), Grid(shape=shape), ("red", "green", "blue"))
    return Detections(
        scene=scene, classes=CLASSES, boxes=table[:, :4], scores=table[:, 4], labels=table[:, 5].astype(np.int64),
        outlines=outlines,
    )  # fmt: skip


def a_ring() -> np.ndarray:
    mask = np.ones((12, 14), bool)
    mask[4:7, 5:9] = False
    return mask


# Masks → rings


@given(st.integers(0, 10_000), st.integers(1, 12), st.integers(1, 12), st.sampled_from([0.2, 0.5, 0.8, 1.0]))
def test_rings_enclose_every_pixel_and_nothing_else(seed: int, rows: int, cols: int, share: float) -> None:
    """Counted by the rings that run around each pixel's centre: outer ones one way, holes the other."""
    mask = np.random.default_rng(seed).random((rows, cols)) < share
    found = rings(mask)
    assert sum(ring_area(ring) for ring in found) == mask.sum()
    winding = np.zeros(mask.shape)
    for ring in found:
        for (x0, y0), (x1, y1) in zip(ring, np.roll(ring, -1, axis=0), strict=True):
            assert (x0 == x1) != (y0 == y1)
            if x0 == x1:  # a side to the right of a centre is crossed by the way east from it
                low, high = sorted((int(y0), int(y1)))
                winding[low:high, : int(x0)] += np.sign(y1 - y0)
    assert (winding == mask).all()


def test_a_hole_has_a_negative_area_and_corners_part_pixels() -> None:
    assert sorted(ring_area(ring) for ring in rings(a_ring())) == [-12, 168]
    assert len(rings(np.eye(3, dtype=bool))) == 3


def test_several_rings_become_one_of_the_same_area() -> None:
    mask = np.zeros((10, 20), bool)
    mask[1:4, 1:5] = mask[6:9, 12:18] = mask[2:8, 8:10] = True
    one = joined([ring for ring in rings(mask)])
    assert ring_area(one) == mask.sum()


@pytest.mark.parametrize("mask", [np.zeros((3, 4), bool), np.ones((3, 4), bool), a_ring(), np.eye(5, dtype=bool)])
def test_masks_come_back_from_coco_s_own_tool(mask: np.ndarray) -> None:
    tool = pytest.importorskip("pycocotools.mask", reason="needs pycocotools")
    packed = tool.frPyObjects(run_lengths(mask), *mask.shape)
    assert (tool.decode(packed).astype(bool) == mask).all()


# COCO


def test_coco_s_own_tool_loads_what_is_written_and_finds_the_same_pixels(tmp_path: Path) -> None:
    tool = pytest.importorskip("pycocotools.coco", reason="needs pycocotools")
    rng = np.random.default_rng(3)
    blob = np.kron(rng.random((6, 7)) < 0.6, np.ones((3, 3))).astype(bool)
    blob[0, 0] = True
    seen = detections(
        (10, 5, 24, 17, 0.9, 0), (40, 20, 61, 38, 0.75, 1), (0, 0, 5, 5, 0.5, 1),
        outlines=(outlined(a_ring(), 5, 10), outlined(blob, 20, 40), outlined(np.zeros((5, 5), bool))),
    )  # fmt: skip
    about = [{"length_px": 3.5}, {}, {}]
    parts = [detections_part(seen, "b.jpg", about), detections_part(detections(), "a.jpg")]
    path = write_coco(tmp_path / "detections.json", parts, CLASSES, {"description": "test"})
    loaded = tool.COCO(str(path))
    assert [one["file_name"] for one in loaded.loadImgs(loaded.getImgIds())] == ["a.jpg", "b.jpg"]
    assert {one["id"]: one["name"] for one in loaded.loadCats(loaded.getCatIds())} == {1: "flame", 2: "smoke"}
    entries = loaded.loadAnns(loaded.getAnnIds(imgIds=[2]))
    assert [one["bbox"] for one in entries] == [[10, 5, 14, 12], [40, 20, 21, 18], [0, 0, 5, 5]]
    assert [one["score"] for one in entries] == pytest.approx([0.9, 0.75, 0.5]) and entries[0]["length_px"] == 3.5
    for entry, part in zip(entries[:2], seen.outlines, strict=False):
        whole = np.zeros((60, 80), bool)
        whole[part.window.slices] = part.inside
        assert (loaded.annToMask(entry).astype(bool) == whole).all()
        assert entry["area"] == whole.sum() and entry["iscrowd"] == 0
    assert entries[2]["segmentation"] == [] and entries[2]["area"] == 25


def test_ids_do_not_depend_on_the_order_of_the_parts() -> None:
    parts = [detections_part(detections((1, 1, 5, 5, 0.9, k % 2)), f"{k}.jpg") for k in range(4)]
    assert coco(parts, CLASSES) == coco(parts[::-1], CLASSES)


def test_parts_that_do_not_belong_together_are_refused() -> None:
    part = detections_part(detections((1, 1, 5, 5, 0.9, 1)), "a.jpg")
    with pytest.raises(UsageError, match="twice"):
        coco([part, part], CLASSES)
    with pytest.raises(UsageError, match="none of steam"):
        coco([part], ("steam",))
    with pytest.raises(UsageError, match="descriptions"):
        detections_part(detections(), "a.jpg", [{}])


# YOLO


def marks(name: str = "a.jpg", **changes: Any) -> Any:
    usual: dict[str, Any] = {
        "name": name, "shape": (100, 200), "boxes": np.array([[80.0, 0, 120, 50]]), "labels": np.array([1]),
        "polygons": ((),), "masks": {},
    }  # fmt: skip
    return SimpleNamespace(**(usual | changes))


def test_a_yolo_line_holds_class_centre_and_sides_as_shares(tmp_path: Path) -> None:
    assert yolo_text(marks()) == "1 0.5 0.25 0.2 0.5\n"
    square = np.array([[80.0, 0], [120, 0], [120, 50], [80, 50]])
    assert yolo_text(marks(polygons=((square,),))) == "1 0.4 0 0.6 0 0.6 0.5 0.4 0.5\n"
    assert yolo_text(marks(polygons=((square,),)), outlines=False) == "1 0.5 0.25 0.2 0.5\n"
    written = write_yolo(tmp_path, [marks(), marks("b.png", boxes=np.zeros((0, 4)), labels=np.zeros(0, int))], CLASSES)
    assert [path.name for path in written] == ["a.txt", "b.txt", "classes.txt", "data.yaml"]
    assert (tmp_path / "labels" / "b.txt").read_text() == ""
    assert (tmp_path / "data.yaml").read_text() == 'names:\n  0: "flame"\n  1: "smoke"\n'


def test_two_pictures_of_one_stem_are_refused(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="two pictures"):
        write_yolo(tmp_path, [marks("a.jpg"), marks("a.png")], CLASSES)


# Overlays


@pytest.mark.parametrize("level", [0, 128, 255])
def test_contour_box_and_name_stand_out_by_day_and_by_night(level: int) -> None:
    mask = np.zeros((200, 200), bool)
    mask[40:160, 40:160] = True
    seen = detections((100, 100, 300, 300, 0.87, 0), outlines=(outlined(mask, 100, 100),), shape=(400, 400))
    picture = np.full((400, 400, 3), level, np.uint8)
    shown = overlay(picture, seen).astype(int)
    assert shown.shape == (400, 400, 3) and (picture == level).all()
    colour = np.array(COLOURS[0])
    assert (np.abs(shown[200, 136:145] - colour).sum(axis=1) < 60).any()  # the contour's left edge
    assert (np.abs(shown[100:110, 100] - colour).sum(axis=1) < 60).any()  # the box's corner
    assert (np.abs(shown[80:100, 100:160] - colour).sum(axis=2) < 30).sum() > 200  # the plate
    assert (shown[10:60, 10:60] == level).all()  # elsewhere nothing


def test_pictures_of_any_size_are_drawn_on_and_a_box_at_the_edge_keeps_its_name() -> None:
    for shape in ((1, 1), (8, 30), (900, 40), (300, 1200)):
        rows, cols = shape
        seen = detections((0, 0, cols, rows, 0.9, 0), (0, 0, cols, rows, 0.8, 1), outlines=(outlined(np.ones(shape, bool)),) * 2, shape=shape)  # fmt: skip
        assert overlay(np.zeros(shape, np.uint8), seen).shape == (*shape, 3)
    assert (overlay(np.zeros((300, 1200), np.uint8), seen, labels=("one", "two")) == COLOURS[0]).all(axis=2).sum() > 300


def test_nothing_seen_leaves_the_picture_as_it_was(tmp_path: Path) -> None:
    picture = np.random.default_rng(0).integers(0, 255, (60, 80, 3)).astype(np.uint8)
    assert (overlay(picture, detections()) == picture).all()
    assert write_box_overlay(tmp_path, "a", picture, detections()).name == "a.overlay.png"
    levels = picture_of(np.array([[[0.0, 1.0, np.nan]]], np.float32))
    assert levels[0, :, 0].tolist() == [0, 255, 0] and levels.shape == (1, 3, 3)


def test_the_json_is_plain(tmp_path: Path) -> None:
    path = write_coco(tmp_path / "d.json", [detections_part(detections((1.23456, 1, 5, 5, 0.9, 1)), "å.jpg")], CLASSES)
    data = json.loads(path.read_text(encoding="utf-8"))
    assert data["annotations"][0]["bbox"] == [1.235, 1, 3.765, 4] and data["images"][0]["file_name"] == "å.jpg"
