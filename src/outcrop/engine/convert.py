"""YOLO labels ↔ COCO json, classes by name."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from outcrop.core.errors import BadInput, OutputExists, UsageError
from outcrop.outputs.boxes import marks_part, write_coco, write_yolo
from outcrop.sources.boxes import Marked, read_coco, read_yolo_set
from outcrop.sources.class_names import read_names

LISTS = ("data.yaml", "data.yml", "classes.txt", "obj.names", "_darknet.labels")
"""Where YOLO folders keep their class names, first found first."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Converted:
    """What a conversion did.

    Attributes:
        written: files.
        classes: names, by number.
        pictures: pictures written, with those that show nothing.
        objects: name → how many.
        notes: what was left aside or could not be kept, one sentence each.
    """

    written: tuple[Path, ...]
    classes: tuple[str, ...]
    pictures: int
    objects: dict[str, int]
    notes: tuple[str, ...]


def convert(
    source: Path,
    out: Path,
    to: str,
    *,
    classes: Sequence[str] | None = None,
    images: Path | None = None,
    overwrite: bool = False,
) -> Converted:
    """Turn labels of pictures from one format into the other.

    Args:
        source: a COCO json, or a YOLO folder with ``labels/`` (or the label files themselves) and a list of names.
        out: the json to write, or the folder for ``labels/``, ``classes.txt`` and ``data.yaml``.
        to: "coco" or "yolo".
        classes: names of the classes in the order wanted, where YOLO labels come without a list or a COCO file's
            categories shall be numbered otherwise.
        images: folder of the pictures of YOLO labels, whose sizes are needed; ``images/`` beside the labels where None.

    Raises:
        UsageError: no such format.
        OutputExists: a file of the result is there and ``overwrite`` is False.
        BadInput: as for `read_coco`, `read_yolo` and `read_names`.
    """
    if to not in ("coco", "yolo"):
        raise UsageError(f"no label format {to!r}: choose coco or yolo")
    target = out / "annotations.json" if to == "coco" and out.suffix.lower() != ".json" else out
    taken = target if to == "coco" else out / "labels"
    if taken.exists() and not overwrite:
        raise OutputExists(f"{taken} is there already: choose another place, or allow overwriting")
    names, pictures, notes = _read(source, classes, images)
    if to == "coco":
        written = [write_coco(target, (marks_part(marked, names) for marked in pictures), names)]
    else:
        written = write_yolo(out, pictures, names)
        notes += _lost(pictures)
    counts = dict.fromkeys(names, 0)
    for marked in pictures:
        for label in marked.labels:
            counts[names[label]] += 1
    return Converted(written=tuple(written), classes=names, pictures=len(pictures), objects=counts, notes=notes)


def _read(
    source: Path, classes: Sequence[str] | None, images: Path | None
) -> tuple[tuple[str, ...], tuple[Marked, ...], tuple[str, ...]]:
    """Class names, pictures, and what must be said about them."""
    if source.is_file() and source.suffix.lower() == ".json":
        names, pictures = read_coco(source, classes=classes)
        return names, pictures, tuple(f"{one.name}: {note}" for one in pictures for note in one.notes)
    if not source.is_dir():
        raise BadInput(f"{source} is no folder of YOLO labels and no COCO json: give one of them")
    labels = source / "labels" if (source / "labels").is_dir() else source
    found = [folder / name for folder in (source, labels) for name in LISTS if (folder / name).is_file()]
    if classes is None and not found:
        raise BadInput(f"{source} names no classes: put a classes.txt there, or give the names")
    names = tuple(classes) if classes is not None else read_names(found[0])
    beside = labels.parent / "images"
    folder = images or (beside if beside.is_dir() else labels)
    pictures, bare = read_yolo_set(folder, labels, names)
    if not pictures:
        raise BadInput(f"none of the {len(bare)} pictures in {folder} has a label file in {labels}: check the names")
    notes = (f"{len(bare)} pictures have no label file and were left out, {bare[0]} first",) if bare else ()
    return names, pictures, notes


def _lost(pictures: Sequence[Marked]) -> tuple[str, ...]:
    """What YOLO labels cannot hold."""
    holes = sum(len(marked.masks) for marked in pictures)
    mixed = sum(
        0 < sum(bool(rings) or place in marked.masks for place, rings in enumerate(marked.polygons)) < len(marked.boxes)
        for marked in pictures
    )
    notes = []
    if holes:
        notes.append(f"{holes} painted objects became outlines without their holes")
    if mixed:
        notes.append(f"{mixed} pictures with boxes and outlines keep their boxes only: one YOLO file holds one kind")
    return tuple(notes)
