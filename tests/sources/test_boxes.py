"""Labels are read as they were written: classes by name, shares of the right side, nothing guessed."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from outcrop.core.errors import BadInput, DamagedFile, UnknownFormat
from outcrop.sources.boxes import picture_size, read_coco, read_yolo, read_yolo_set
from outcrop.sources.class_names import read_names
from outcrop.sources.run_lengths import decoded, letters

CLASSES = ("flame", "smoke")


def write(path: Path, text: str) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")
    return path


# YOLO


def test_a_yolo_box_is_shares_of_width_and_height(tmp_path: Path) -> None:
    marked = read_yolo(write(tmp_path / "a.txt", "1 0.5 0.25 0.2 0.5\n"), shape=(100, 200), classes=CLASSES)
    assert marked is not None and marked.boxes.tolist() == [[80, 0, 120, 50]] and marked.labels.tolist() == [1]
    assert marked.outlines() == ()


def test_a_yolo_polygon_gives_its_pixels_and_the_box_around_it(tmp_path: Path) -> None:
    marked = read_yolo(
        write(tmp_path / "a.txt", "0 0.1 0.2 0.3 0.2 0.3 0.6 0.1 0.6"), shape=(100, 100), classes=CLASSES
    )
    assert marked is not None and marked.boxes[0] == pytest.approx([10, 20, 30, 60])
    (outlined,) = marked.outlines()
    assert outlined.inside.all() and outlined.window.slices == (slice(20, 60), slice(10, 30))


def test_no_file_means_nobody_looked_and_an_empty_one_that_nothing_is_there(tmp_path: Path) -> None:
    assert read_yolo(tmp_path / "none.txt", shape=(5, 5), classes=CLASSES) is None
    empty = read_yolo(write(tmp_path / "empty.txt", "\n"), shape=(5, 5), classes=CLASSES)
    assert empty is not None and empty.boxes.shape == (0, 4) and empty.outlines() == ()


@pytest.mark.parametrize(
    ("line", "says"),
    [
        ("2 0.5 0.5 0.1 0.1", "class 2"),
        ("-1 0.5 0.5 0.1 0.1", "class -1"),
        ("0 50 50 10 10", "not pixels"),
        ("0 0.5 0.5 0.1", "3 numbers"),
        ("0 0.5 0.5 0.1 0.1 0.9", "predictions"),
        ("flame 0.5 0.5 0.1 0.1", "wanted a class number"),
        ("0 nan 0.5 0.1 0.1", "outside 0 to 1"),
        ("0 0.5 0.5 0 0.1", "no area"),
        ("0 0.9 0.5 0.5 0.1", "reaches out"),
    ],
)
def test_lines_that_are_no_labels_are_named(line: str, says: str, tmp_path: Path) -> None:
    with pytest.raises(BadInput, match=says) as caught:
        read_yolo(write(tmp_path / "a.txt", f"0 0.5 0.5 0.1 0.1\n{line}\n"), shape=(100, 100), classes=CLASSES)
    assert "a.txt line 2" in str(caught.value)


def test_a_picture_s_size_is_that_which_is_shown(tmp_path: Path) -> None:
    image = Image.new("RGB", (30, 20))
    turned = image.getexif()
    turned[0x0112] = 6
    image.save(tmp_path / "a.jpg")
    image.save(tmp_path / "b.jpg", exif=turned)
    assert picture_size(tmp_path / "a.jpg") == (20, 30) and picture_size(tmp_path / "b.jpg") == (30, 20)
    with pytest.raises(UnknownFormat):
        picture_size(write(tmp_path / "c.jpg", "no picture"))


def test_a_folder_tells_pictures_without_labels_from_empty_ones(tmp_path: Path) -> None:
    for name in ("a", "b", "c"):
        Image.new("L", (10, 10)).save(tmp_path / f"{name}.png")
    write(tmp_path / "labels" / "a.txt", "0 0.5 0.5 0.2 0.2")
    write(tmp_path / "labels" / "b.txt", "")
    found, bare = read_yolo_set(tmp_path, tmp_path / "labels", CLASSES)
    assert [(one.name, len(one.boxes)) for one in found] == [("a.png", 1), ("b.png", 0)] and bare == ("c.png",)
    with pytest.raises(BadInput, match="no picture"):
        read_yolo_set(tmp_path / "labels", tmp_path / "labels", CLASSES)


def test_the_real_flares_read_with_as_many_polygons_as_boxes(data: Path) -> None:
    folder = data / "flares" / "flare"
    if not folder.is_dir():
        pytest.skip("needs the flare photos")
    boxes, bare = read_yolo_set(folder / "images", folder / "labels", CLASSES)
    drawn, _ = read_yolo_set(folder / "images", folder / "polygons", CLASSES)
    labels = np.concatenate([one.labels for one in boxes])
    assert len(boxes) == 68 and not bare and np.bincount(labels).tolist() == [103, 58]
    gap = [np.abs(a.boxes - b.boxes).max() for a, b in zip(boxes, drawn, strict=True) if len(a.boxes) == len(b.boxes)]
    assert len(gap) == 68 and np.median(gap) < 2  # pixels of 640


# COCO


def coco(**changes: Any) -> dict[str, Any]:
    """Two pictures, categories numbered against the order of the classes, a box, a polygon, and run lengths."""
    usual: dict[str, Any] = {
        "images": [
            {"id": 7, "file_name": "a.jpg", "width": 20, "height": 10},
            {"id": 9, "file_name": "b.jpg", "width": 4, "height": 3},
        ],
        "categories": [{"id": 0, "name": "all"}, {"id": 5, "name": "flame"}, {"id": 2, "name": "smoke"}],
        "annotations": [
            {"id": 1, "image_id": 7, "category_id": 5, "bbox": [2, 3, 6, 5], "iscrowd": 0, "segmentation": []},
            {
                "id": 2, "image_id": 7, "category_id": 2, "bbox": [10, 1, 4, 4], "iscrowd": 0,
                "segmentation": [[10, 1, 14, 1, 14, 5, 10, 5]],
            },
            {
                "id": 3, "image_id": 9, "category_id": 5, "bbox": [1, 0, 1, 3], "iscrowd": 0,
                "segmentation": {"size": [3, 4], "counts": [3, 3, 6]},
            },
            {"id": 4, "image_id": 9, "category_id": 5, "bbox": [0, 0, 4, 3], "iscrowd": 1, "segmentation": {}},
        ],
    }  # fmt: skip
    return usual | changes


def test_coco_categories_are_matched_by_name_and_not_by_number(tmp_path: Path) -> None:
    names, pictures = read_coco(write(tmp_path / "c.json", json.dumps(coco())), classes=CLASSES)
    assert names == CLASSES and [one.name for one in pictures] == ["a.jpg", "b.jpg"]
    assert pictures[0].labels.tolist() == [0, 1] and pictures[0].boxes.tolist() == [[2, 3, 8, 8], [10, 1, 14, 5]]
    assert pictures[0].shape == (10, 20) and pictures[0].polygons[0] == ()
    outlined = pictures[0].pixels(1)
    assert outlined is not None and outlined.inside.sum() == 16
    painted = pictures[1].pixels(0)
    assert painted is not None and painted.window.slices == (slice(0, 3), slice(1, 2))
    assert "1 regions" in pictures[1].notes[0]


def test_a_coco_file_in_other_words_is_read_through_a_dictionary(tmp_path: Path) -> None:
    path = write(
        tmp_path / "c.json", json.dumps(coco(categories=[{"id": 2, "name": "fire"}, {"id": 5, "name": "smoke"}]))
    )
    with pytest.raises(BadInput, match="'fire'"):
        read_coco(path, classes=CLASSES)
    _, pictures = read_coco(path, classes=CLASSES, place_of=lambda name, _: ("fire", "smoke").index(name))
    assert pictures[0].labels.tolist() == [1, 0]


def test_without_wanted_classes_the_file_s_own_are_given_by_id(tmp_path: Path) -> None:
    names, pictures = read_coco(write(tmp_path / "c.json", json.dumps(coco())))
    assert names == ("all", "smoke", "flame") and pictures[0].labels.tolist() == [2, 1]


@pytest.mark.parametrize(
    "changes",
    [
        {"annotations": [{"id": 1, "image_id": 1, "category_id": 5, "bbox": [0, 0, 1, 1]}]},
        {"annotations": [{"id": 1, "image_id": 7, "category_id": 1, "bbox": [0, 0, 1, 1]}]},
        {"annotations": [{"id": 1, "image_id": 7, "category_id": 5, "bbox": [0, 0, 0, 1]}]},
        {"annotations": [{"id": 1, "image_id": 7, "category_id": 5, "bbox": [0, 0, 90, 1]}]},
        {"annotations": [{"id": 1, "image_id": 7, "category_id": 5, "bbox": [0, 0, 9]}]},
        {"annotations": [{"id": 1, "image_id": 7, "category_id": 5, "bbox": [0, 0, 9, 9], "segmentation": [[1, 2, 3]]}]},
        {
            "annotations": [
                {"id": 1, "image_id": 7, "category_id": 5, "bbox": [0, 0, 9, 9], "segmentation": {"size": [10, 20], "counts": [5]}}
            ]
        },
        {"categories": [{"id": 1}]},
        {"images": 5},
    ],
)  # fmt: skip
def test_coco_files_that_contradict_themselves_are_refused(changes: dict[str, Any], tmp_path: Path) -> None:
    with pytest.raises((BadInput, DamagedFile), match="c.json"):
        read_coco(write(tmp_path / "c.json", json.dumps(coco(**changes))), classes=CLASSES)


@pytest.mark.parametrize("text", ["", "[]", '{"images": []}', "[" * 100_000])
def test_what_is_no_coco_file_is_refused(text: str, tmp_path: Path) -> None:
    with pytest.raises(DamagedFile):
        read_coco(write(tmp_path / "c.json", text))


def test_squeezed_run_lengths_are_those_of_coco_s_own_tool() -> None:
    tool = pytest.importorskip("pycocotools.mask", reason="needs pycocotools")
    rng = np.random.default_rng(0)
    for share in (0.0, 0.3, 0.9, 1.0):
        mask = np.kron(rng.random((9, 7)) < share, np.ones((11, 13))).astype(bool)
        packed = tool.encode(np.asfortranarray(mask.astype(np.uint8)))
        text = packed["counts"].decode()
        assert sum(letters(text)) == mask.size
        assert (decoded({"size": list(mask.shape), "counts": text}, mask.shape, "it") == mask).all()


# Names


@pytest.mark.parametrize(
    ("file", "text"),
    [
        ("classes.txt", "flame\nsmoke\n"),
        ("data.yaml", "train: x\nnames: [flame, 'smoke']\nnc: 2\n"),
        ("data.yaml", "names: ['flame', 'smoke']  # two\n"),
        ("data.yaml", "names: {0: 'flame', 1: smoke,}\n"),
        ("data.yaml", "names: {0: flame, 1: smoke}\n"),
        ("data.yaml", "names:\n  1: smoke\n  0: flame\nnc: 2\n"),
        ("data.yaml", 'path: .\nnames:\n- flame\n- "smoke"\n'),
        ("data.yml", "names:\n  # of the room\n  - flame\n  - smoke\ntrain: y\n"),
    ],
)
def test_names_are_read_from_the_usual_files(file: str, text: str, tmp_path: Path) -> None:
    assert read_names(write(tmp_path / file, text)) == CLASSES


@pytest.mark.parametrize(
    ("file", "text"),
    [
        ("classes.txt", ""),
        ("classes.txt", "flame\nflame\n"),
        ("data.yaml", "train: x\n"),
        ("data.yaml", "names:\n  0: flame\n  2: smoke\n"),
        ("data.yaml", "names: *anchor\n"),
        ("data.yaml", "names: [*anchor, smoke]\n"),
        ("data.yaml", "names: [flame, [smoke]]\n"),
        ("data.yaml", "names: {0: flame, smoke}\n"),
        ("data.yaml", "names:\n  0: flame\n  - smoke\n"),
        ("data.yaml", "names:\n  0: flame\n  0: smoke\n"),
        ("data.yaml", "names: !!python/object/apply:os.system ['ls']\n"),
        ("data.yaml", "names:\n  fire:\n    id: 0\n"),
    ],
)
def test_lists_that_are_not_understood_are_refused(file: str, text: str, tmp_path: Path) -> None:
    with pytest.raises(BadInput):
        read_names(write(tmp_path / file, text))


def test_a_list_that_is_not_there_is_refused(tmp_path: Path) -> None:
    with pytest.raises(BadInput, match="cannot be read"):
        read_names(tmp_path / "none.txt")
