"""Boxes and outlines → YOLO label files and COCO json.

A picture's part of a COCO file is made alone (`detections_part`, `marks_part`) and may wait in a journal; `coco` puts
parts together with ids that depend on the pictures' names and not on the order in which they came.
"""

import json
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from outcrop.core.errors import UsageError
from outcrop.core.scene import Detections, Outlined
from outcrop.outputs import replacing
from outcrop.outputs.tracing import joined, ring_area, rings, run_lengths

Real = NDArray[np.float64]
Mask = NDArray[np.bool_]


class Marks(Protocol):
    """One picture with what is marked in it, in pixels."""

    @property
    def name(self) -> str:
        """File name of the picture."""

    @property
    def shape(self) -> tuple[int, int]:
        """(rows, cols)."""

    @property
    def boxes(self) -> Real:
        """(k, 4) left, top, right, bottom."""

    @property
    def labels(self) -> NDArray[np.int64]:
        """(k,) index into the class names."""

    @property
    def polygons(self) -> tuple[tuple[Real, ...], ...]:
        """Rings of each object, (m, 2) x and y; none where only a box was drawn."""

    @property
    def masks(self) -> Mapping[int, Mask]:
        """(rows, cols) of objects that were painted, by position."""


# COCO


def detections_part(
    detections: Detections, file_name: str, about: Sequence[Mapping[str, Any]] | None = None
) -> dict[str, Any]:
    """A picture's part of a COCO file: its size, and each detection with box, pixels and score.

    Args:
        file_name: of the picture, as the file shall say it.
        about: more about each detection (its measurements, say), in plain values; added to it.

    Raises:
        UsageError: another number of ``about`` than detections.
    """
    if about is not None and len(about) != len(detections.boxes):
        raise UsageError(f"{len(about)} descriptions came for {len(detections.boxes)} detections: give one for each")
    rows, cols = detections.scene.grid.shape
    entries = []
    for place, (box, score, label) in enumerate(
        zip(detections.boxes.astype(np.float64), detections.scores, detections.labels, strict=True)
    ):
        outlined = detections.outlines[place] if detections.outlines else None
        shape, area = _segmentation(outlined, (rows, cols))
        left, top, right, bottom = (round(float(edge), 3) for edge in box)
        width, height = round(right - left, 3), round(bottom - top, 3)
        entry = {
            "category": detections.classes[label],
            "bbox": [left, top, width, height],
            "area": area if shape else width * height,
            "iscrowd": 0,
            "segmentation": shape,
            "score": round(float(score), 5),
        }
        entries.append(entry | dict(about[place] if about is not None else {}))
    return {"file_name": file_name, "height": rows, "width": cols, "annotations": entries}


def _segmentation(outlined: Outlined | None, shape: tuple[int, int]) -> tuple[Any, float]:
    """COCO's words for some pixels, and how many they are: rings, or run lengths where there is a hole."""
    if outlined is None or not outlined.inside.any():
        return [], 0.0
    found = rings(outlined.inside)
    area = float(outlined.inside.sum())
    if any(ring_area(ring) < 0 for ring in found):
        whole = np.zeros(shape, bool)
        whole[outlined.window.slices] = outlined.inside
        return run_lengths(whole), area
    corner = (outlined.window.col, outlined.window.row)
    return [(ring + corner).ravel().tolist() for ring in found], area


def marks_part(marks: Marks, classes: Sequence[str]) -> dict[str, Any]:
    """A picture's part of a COCO file from labels: numbers as they were read."""
    entries = []
    for place, (box, label) in enumerate(zip(marks.boxes, marks.labels, strict=True)):
        left, top, right, bottom = (float(edge) for edge in box)
        shape: Any = [ring.ravel().tolist() for ring in marks.polygons[place]]
        area = sum(abs(ring_area(ring)) for ring in marks.polygons[place]) or (right - left) * (bottom - top)
        if place in marks.masks:
            shape, area = run_lengths(marks.masks[place]), float(marks.masks[place].sum())
        entries.append(
            {
                "category": classes[int(label)],
                "bbox": [left, top, right - left, bottom - top],
                "area": area,
                "iscrowd": 0,
                "segmentation": shape,
            }
        )
    return {"file_name": marks.name, "height": marks.shape[0], "width": marks.shape[1], "annotations": entries}


def coco(
    parts: Iterable[Mapping[str, Any]], classes: Sequence[str], about: Mapping[str, Any] | None = None
) -> dict[str, Any]:
    """Parts as one COCO file's content, pictures in the order of their names; ids count from 1.

    Args:
        parts: as `detections_part` and `marks_part` give them, in any order.
        classes: names of the categories; the id of a class is its position and 1.
        about: what "info" says.

    Raises:
        UsageError: two parts of one picture, or a category that is none of the classes.
    """
    ordered = sorted(parts, key=lambda part: str(part["file_name"]))
    names = [part["file_name"] for part in ordered]
    if len(set(names)) < len(names):
        twice = next(name for name in names if names.count(name) > 1)
        raise UsageError(f"{twice} comes twice: give each picture a name of its own, its folder included")
    ids = {name: number + 1 for number, name in enumerate(classes)}
    annotations: list[dict[str, Any]] = []
    for image, part in enumerate(ordered, start=1):
        for entry in part["annotations"]:
            plain = dict(entry)
            category = plain.pop("category")
            if category not in ids:
                raise UsageError(f"{part['file_name']} holds a {category!r}, which is none of {', '.join(classes)}")
            head = {"id": len(annotations) + 1, "image_id": image, "category_id": ids[category]}
            annotations.append(head | plain)
    images = [
        {"id": number, "file_name": part["file_name"], "width": part["width"], "height": part["height"]}
        for number, part in enumerate(ordered, start=1)
    ]
    categories = [{"id": number, "name": name, "supercategory": ""} for name, number in ids.items()]
    return {
        "info": dict(about or {}), "licenses": [], "images": images, "annotations": annotations, "categories": categories
    }  # fmt: skip


def write_coco(
    path: Path, parts: Iterable[Mapping[str, Any]], classes: Sequence[str], about: Mapping[str, Any] | None = None
) -> Path:
    """Write a COCO json, e.g. ``detections.json``; arguments and errors as for `coco`."""
    content = coco(parts, classes, about)
    with replacing(path) as part:
        part.write_text(json.dumps(content, ensure_ascii=False, allow_nan=False) + "\n", encoding="utf-8")
    return path


# YOLO


def yolo_text(marks: Marks, *, outlines: bool = True) -> str:
    """Labels of one picture as YOLO lines, shares of its sides; empty where it shows nothing.

    Args:
        outlines: True to write polygons where every object has one; a hole is lost, several rings become one. Else
            boxes, because readers do not take both in one file.
    """
    rows, cols = marks.shape
    shapes = [_one_ring(marks, place) for place in range(len(marks.boxes))]
    drawn = outlines and all(shape is not None for shape in shapes)
    lines = []
    for box, label, shape in zip(marks.boxes, marks.labels, shapes, strict=True):
        middle, sides = (box[:2] + box[2:]) / 2 / (cols, rows), (box[2:] - box[:2]) / (cols, rows)
        values = np.concatenate([middle, sides])
        if drawn and shape is not None:
            values = (shape / (cols, rows)).ravel()
        lines.append(" ".join([str(int(label)), *(f"{value:.12g}" for value in np.clip(values, 0, 1))]))
    return "".join(f"{line}\n" for line in lines)


def _one_ring(marks: Marks, place: int) -> Real | None:
    """The outer rings of an object as one; None where it has only a box."""
    if place in marks.masks:
        found = [ring for ring in rings(marks.masks[place]) if ring_area(ring) > 0]
        return joined(found) if found else None
    return joined(list(marks.polygons[place])) if marks.polygons[place] else None


def write_yolo(folder: Path, pictures: Iterable[Marks], classes: Sequence[str], *, outlines: bool = True) -> list[Path]:
    """Write ``labels/<picture>.txt`` for each picture, also where it shows nothing, and the names of the classes.

    ``classes.txt`` and ``data.yaml`` name the classes by number.

    Raises:
        UsageError: two pictures whose label files would have one name.
    """
    written: list[Path] = []
    for marks in pictures:
        path = folder / "labels" / f"{Path(marks.name).stem}.txt"
        if path in written:
            raise UsageError(f"two pictures would have the labels {path.name}: give each a name of its own")
        with replacing(path) as part:
            part.write_text(yolo_text(marks, outlines=outlines), encoding="utf-8")
        written.append(path)
    listed = "".join(f"  {number}: {json.dumps(name, ensure_ascii=False)}\n" for number, name in enumerate(classes))
    texts = {"classes.txt": "".join(f"{name}\n" for name in classes), "data.yaml": f"names:\n{listed}"}
    for name, text in texts.items():
        with replacing(folder / name) as part:
            part.write_text(text, encoding="utf-8")
        written.append(folder / name)
    return written
