"""Labels of pictures: YOLO text files, COCO json, lists of class names → boxes and polygons in pixels.

Classes are matched by name: a COCO category's id says nothing about its place among the classes.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from types import MappingProxyType
from typing import Any

import numpy as np
from numpy.typing import NDArray

from outcrop.core.errors import BadInput, DamagedFile, UnknownFormat
from outcrop.core.grid import Window
from outcrop.core.scene import Outlined
from outcrop.sources.run_lengths import decoded

Real = NDArray[np.float64]
Whole = NDArray[np.int64]
Mask = NDArray[np.bool_]

ROUNDING = 1e-6
"""How far a written share may lie outside 0 to 1, from rounding."""

LOOSE = 0.01
"""Share of a picture's side by which a box may reach out of it."""

PICTURES = (".jpg", ".jpeg", ".png", ".bmp", ".tif", ".tiff", ".webp")


@dataclass(frozen=True, slots=True, kw_only=True)
class Marked:
    """What somebody marked in one picture, in pixels, edges as written.

    Attributes:
        name: file name of the picture.
        shape: (rows, cols) of the picture.
        boxes: (k, 4) float64: left, top, right, bottom; k may be 0.
        labels: (k,) index into the class names.
        polygons: for each object its rings, (m, 2) float64 x and y; an empty tuple where only a box was drawn.
        masks: pixels, (rows, cols), of objects that were painted and not drawn, by position.
        notes: what was left aside, one sentence each.
    """

    name: str
    shape: tuple[int, int]
    boxes: Real
    labels: Whole
    polygons: tuple[tuple[Real, ...], ...]
    masks: Mapping[int, Mask] = field(default_factory=lambda: MappingProxyType({}))
    notes: tuple[str, ...] = ()

    def pixels(self, position: int) -> Outlined | None:
        """Pixels of one object: those whose centre lies inside; None where only a box was drawn."""
        mask = self.masks.get(position)
        if mask is None:
            rings = self.polygons[position]
            if not rings:
                return None
            mask = np.logical_or.reduce([_filled(ring, self.shape) for ring in rings])
        return _cut(mask, self.boxes[position])

    def outlines(self) -> tuple[Outlined, ...]:
        """Pixels of every object; empty where one of them has only a box."""
        found = [self.pixels(position) for position in range(len(self.boxes))]
        return tuple(part for part in found if part is not None) if None not in found else ()


def _filled(ring: Real, shape: tuple[int, int]) -> Mask:
    """(rows, cols) True where a pixel's centre lies in the ring."""
    from skimage import draw

    mask = np.zeros(shape, bool)
    mask[draw.polygon(ring[:, 1] - 0.5, ring[:, 0] - 0.5, shape)] = True  # type: ignore[no-untyped-call]
    return mask


def _cut(mask: Mask, box: Real) -> Outlined:
    """The mask in the smallest window that holds it; the pixel at the middle of the box where it holds none."""
    rows, cols = np.flatnonzero(mask.any(axis=1)), np.flatnonzero(mask.any(axis=0))
    if not len(rows):
        row, col = (int(np.clip((box[k] + box[k + 2]) // 2, 0, mask.shape[1 - k] - 1)) for k in (1, 0))
        return Outlined(window=Window(row=row, col=col, height=1, width=1), inside=np.zeros((1, 1), bool))
    window = Window(
        row=int(rows[0]), col=int(cols[0]), height=int(rows[-1] - rows[0]) + 1, width=int(cols[-1] - cols[0]) + 1
    )
    return Outlined(window=window, inside=np.ascontiguousarray(mask[window.slices]))


def _arrays(boxes: Sequence[Real], labels: Sequence[int]) -> tuple[Real, Whole]:
    return np.array(boxes, np.float64).reshape(-1, 4), np.array(labels, np.int64)


def _checked(box: Real, shape: tuple[int, int], where: str) -> Real:
    """A box with area that lies in its picture, but for rounding and loose drawing."""
    rows, cols = shape
    sides = np.array([cols, rows, cols, rows])
    if not np.isfinite(box).all() or box[2] <= box[0] or box[3] <= box[1]:
        raise BadInput(f"{where}: the box {box.round(3).tolist()} has no area: take it out or draw it again")
    if (box < -LOOSE * sides - 1).any() or (box > (1 + LOOSE) * sides + 1).any():
        raise BadInput(
            f"{where}: the box {box.round(1).tolist()} reaches out of a picture of {cols} x {rows} px: check that the labels "
            "belong to this picture"
        )
    return box


# YOLO


def read_yolo(path: Path, *, shape: tuple[int, int], classes: Sequence[str], name: str | None = None) -> Marked | None:
    """Labels of one picture: lines `class cx cy width height` or `class x1 y1 x2 y2 x3 y3 …`, shares of the sides.

    Args:
        shape: (rows, cols) of the picture.
        classes: names; the first word of a line is a position among them.
        name: file name of the picture; that of the label file where None.

    Returns:
        None where there is no such file: nobody looked. A file without a line says that nothing is there.

    Raises:
        BadInput: a line of another kind, a class that does not exist, or a number outside 0 to 1.
    """
    if not path.is_file():
        return None
    try:
        lines = path.read_text(encoding="utf-8-sig").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise DamagedFile(f"{path.name} cannot be read as text ({error}): export the labels again") from None
    boxes, labels, polygons = [], [], []
    for number, line in enumerate(lines, start=1):
        if not line.strip():
            continue
        label, box, ring = _yolo_line(line, shape, len(classes), f"{path.name} line {number}")
        boxes.append(box)
        labels.append(label)
        polygons.append(() if ring is None else (ring,))
    edges, index = _arrays(boxes, labels)
    return Marked(name=name or path.name, shape=shape, boxes=edges, labels=index, polygons=tuple(polygons))


def _yolo_line(line: str, shape: tuple[int, int], classes: int, where: str) -> tuple[int, Real, Real | None]:
    """Class, box and ring (None for a plain box) of a line."""
    words = line.split()
    try:
        label, values = int(words[0]), np.array([float(word) for word in words[1:]])
    except ValueError:
        raise BadInput(f"{where} reads {line.strip()[:60]!r}; wanted a class number and shares of the sides") from None
    if len(values) != 4 and (len(values) < 6 or len(values) % 2):
        raise BadInput(
            f"{where} has {len(values)} numbers after the class; wanted 4 for a box, or pairs for a polygon of three "
            "points or more (files with a score in the last column are predictions, not labels)"
        )
    if not 0 <= label < classes:
        raise BadInput(f"{where} has the class {label}, and the names given count 0 to {classes - 1}: check the names")
    if not ((values >= -ROUNDING) & (values <= 1 + ROUNDING)).all():
        raise BadInput(
            f"{where} has a number outside 0 to 1: YOLO labels are shares of the picture's sides, not pixels"
        )
    rows, cols = shape
    if len(values) == 4:
        middle, half = values[:2], values[2:] / 2
        box = np.concatenate([middle - half, middle + half]) * (cols, rows, cols, rows)
        return label, _checked(box, shape, where), None
    ring = values.reshape(-1, 2) * (cols, rows)
    return label, _checked(np.concatenate([ring.min(axis=0), ring.max(axis=0)]), shape, where), ring


def picture_size(path: Path) -> tuple[int, int]:
    """(rows, cols) of a picture as it is shown, orientation tag applied, from its header.

    Raises:
        UnknownFormat: not a picture.
    """
    from PIL import Image

    try:
        with Image.open(path) as image:
            cols, rows = image.size
            turned = image.getexif().get(0x0112, 1) in (5, 6, 7, 8)
    except (OSError, ValueError, SyntaxError, Image.DecompressionBombError) as error:
        raise UnknownFormat(f"{path.name} is no picture whose size can be read ({error}): give PNG or JPEG") from None
    return (cols, rows) if turned else (rows, cols)


def read_yolo_set(images: Path, labels: Path, classes: Sequence[str]) -> tuple[tuple[Marked, ...], tuple[str, ...]]:
    """Every picture of a folder with its labels, and the names of the pictures without a label file.

    Raises:
        BadInput: no picture, or a label file as for `read_yolo`.
    """
    found, bare = [], []
    pictures = sorted(path for path in images.glob("*") if path.suffix.lower() in PICTURES) if images.is_dir() else []
    if not pictures:
        raise BadInput(f"{images} holds no picture: give the folder of the pictures that the labels belong to")
    for path in pictures:
        marked = read_yolo(labels / f"{path.stem}.txt", shape=picture_size(path), classes=classes, name=path.name)
        if marked is None:
            bare.append(path.name)
        else:
            found.append(marked)
    return tuple(found), tuple(bare)


# COCO


def read_coco(
    path: Path, *, classes: Sequence[str] | None = None, place_of: Callable[[str, Sequence[str]], int] | None = None
) -> tuple[tuple[str, ...], tuple[Marked, ...]]:
    """Class names and every picture of a COCO json, with boxes, polygons and run lengths.

    Args:
        classes: names wanted; the file's own, by id, where None. Categories that nothing is marked with may have
            any name (exports often hold one that stands for all).
        place_of: (category's name, classes) → position or -1, for files in other words; the same name where None.

    Raises:
        DamagedFile: no json, or not COCO's.
        BadInput: a category that is not wanted, an annotation without picture or category, or a box outside its picture.
    """
    data = _coco_json(path)
    try:
        categories = {entry["id"]: str(entry["name"]) for entry in data["categories"]}
        used = {entry["category_id"] for entry in data["annotations"]}
        pictures = {entry["id"]: entry for entry in data["images"]}
        entries: dict[Any, list[Any]] = {key: [] for key in pictures}
        for entry in data["annotations"]:
            if entry["image_id"] not in entries or entry["category_id"] not in categories:
                raise BadInput(
                    f"{path.name}: annotation {entry.get('id')} names a picture or category that the file lacks: export again"
                )
            entries[entry["image_id"]].append(entry)
        names = tuple(classes) if classes is not None else tuple(name for _, name in sorted(categories.items()))
        if len(set(names)) != len(names):
            raise BadInput(f"{path.name}: two categories carry one name ({', '.join(names)}): give each its own")
        places = {key: _place(categories[key], names, place_of, path.name) for key in used}
        marked = [_coco_picture(pictures[key], entries[key], places, path.name) for key in pictures]
    except (KeyError, TypeError, AttributeError, ValueError) as error:
        raise DamagedFile(f"{path.name} is no COCO file ({type(error).__name__}: {error}): export it again") from None
    return names, tuple(marked)


def _coco_json(path: Path) -> dict[str, Any]:
    import json

    try:
        data = json.loads(path.read_text(encoding="utf-8-sig"))
    except (OSError, ValueError, RecursionError) as error:
        raise DamagedFile(f"{path.name} cannot be read as json ({error}): export it again") from None
    if not isinstance(data, dict) or not {"images", "annotations", "categories"} <= data.keys():
        raise DamagedFile(f"{path.name} is no COCO file: it wants the keys images, annotations and categories")
    return data


def _place(name: str, names: tuple[str, ...], place_of: Callable[[str, Sequence[str]], int] | None, file: str) -> int:
    place = (names.index(name) if name in names else -1) if place_of is None else place_of(name, names)
    if place < 0:
        raise BadInput(
            f"{file} marks things as {name!r}, and {', '.join(names)} is wanted: rename or remove that category"
        )
    return place


def _coco_picture(
    picture: Mapping[str, Any], entries: Sequence[Mapping[str, Any]], places: Mapping[Any, int], file: str
) -> Marked:
    """One picture with what is marked in it; regions marked as crowds are left aside."""
    shape = (int(picture["height"]), int(picture["width"]))
    boxes: list[Real] = []
    labels, polygons, crowds = [], [], 0
    masks: dict[int, Mask] = {}
    for entry in entries:
        if entry.get("iscrowd"):
            crowds += 1
            continue
        where = f"{file}, annotation {entry.get('id')}"
        left, top, width, height = (float(value) for value in entry["bbox"])
        drawn = entry.get("segmentation") or []
        if isinstance(drawn, dict):
            masks[len(boxes)] = decoded(drawn, shape, where)
            drawn = []
        polygons.append(tuple(_ring(ring, where) for ring in drawn))
        boxes.append(_checked(np.array([left, top, left + width, top + height]), shape, where))
        labels.append(places[entry["category_id"]])
    edges, index = _arrays(boxes, labels)
    notes = (f"{crowds} regions marked as crowds were left aside",) if crowds else ()
    marked = Marked(name=str(picture["file_name"]), shape=shape, boxes=edges, labels=index, polygons=tuple(polygons))
    return replace(marked, masks=MappingProxyType(masks), notes=notes)


def _ring(values: Sequence[float], where: str) -> Real:
    ring = np.array(values, np.float64)
    if ring.ndim != 1 or len(ring) < 6 or len(ring) % 2 or not np.isfinite(ring).all():
        raise BadInput(f"{where}: a polygon of {ring.size} numbers; wanted pairs x, y of three points or more")
    return np.asarray(ring.reshape(-1, 2))
