"""Corrected masks and boxes: kept beside the result they correct, and exported as a folder that ``outcrop train`` takes."""

import csv
import json
import shutil
from collections.abc import Mapping, Sequence
from io import StringIO
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image
from sqlalchemy import Engine, insert, select

from outcrop import tasks
from outcrop.core.errors import BadInput, OutputExists
from outcrop.core.labelled import IGNORE
from outcrop.core.scene import Scene
from outcrop.core.task import Task
from outcrop.instruments.outlines import outlines
from outcrop.outputs import replacing
from outcrop.outputs.picture import write_png
from outcrop.service.schemas import Mark
from outcrop.service.store import Store
from outcrop.service.tables import corrections, results

Mask = NDArray[np.uint8]
FOLDS = 5
OWN = {"flares": "flare"}
"""Room → folder in which it looks for its own pictures, where that is not the folder of the data itself."""


def add(engine: Engine, row: Mapping[str, Any]) -> None:
    """Keep a correction's row."""
    with engine.begin() as connection:
        connection.execute(insert(corrections).values({**row, "models": json.dumps(row["models"])}))


def of_result(engine: Engine, result: str) -> list[dict[str, Any]]:
    """Corrections of one result, newest first."""
    asked = select(corrections).where(corrections.c.result == result).order_by(corrections.c.created.desc())
    with engine.connect() as connection:
        return [{**row, "models": json.loads(row["models"])} for row in connection.execute(asked).mappings()]


def path_of(store: Store, result: str, id: str) -> Path:
    """Where a corrected mask lies."""
    return store.folder(result) / "corrections" / f"{id}.png"


def write_marks(store: Store, result: str, id: str, marks: Sequence[Mark]) -> None:
    """Keep the boxes of a correction beside its mask."""
    path = path_of(store, result, id).with_suffix(".json")
    path.write_text(json.dumps([mark.model_dump() for mark in marks]), encoding="ascii")


def marks_of(store: Store, result: str, id: str) -> list[Mark] | None:
    """Boxes of a correction; None where its mask alone was sent."""
    path = path_of(store, result, id).with_suffix(".json")
    return [Mark(**one) for one in json.loads(path.read_text("ascii"))] if path.is_file() else None


def mask_shape(out: Path, stem: str) -> tuple[int, int] | None:
    """(rows, cols) of the mask that a run left for an input; None where it left none that a picture can replace."""
    png, tif, npy = (out / f"{stem}.mask{suffix}" for suffix in (".png", ".tif", ".npy"))
    if png.is_file():
        with Image.open(png, formats=("PNG",)) as image:
            return image.height, image.width
    if tif.is_file():
        from outcrop.sources.geotiff import open_raster

        return open_raster(tif).grid.shape
    if npy.is_file():
        shape = np.load(npy, mmap_mode="r", allow_pickle=False).shape
        return (shape[0], shape[1]) if len(shape) == 2 else None
    overlay = out / f"{stem}.overlay.png"
    if not (overlay.is_file() and (out / f"{stem}.detections.json").is_file()):
        return None
    with Image.open(overlay, formats=("PNG",)) as image:  # detections: the overlay has the photo's own size
        return image.height, image.width


def export(store: Store, engine: Engine, task: str, out: Path, *, overwrite: bool = False) -> int:
    """Write the latest correction of every input as training data of a room; how many there are.

    ``images/`` and ``masks/`` of the same names (``labels/`` and ``polygons/`` for rooms that find boxes), ``folds.csv``
    with equal pictures in one fold, and ``corrections.json`` with author, time, note and models of each.

    Raises:
        OutputExists: the folder holds files and ``overwrite`` is not set.
        BadInput: there is nothing to export.
    """
    room = tasks.load(task)
    if out.exists() and (not out.is_dir() or any(out.iterdir())) and not overwrite:
        raise OutputExists(f"{out} holds other files; give another --out, or --overwrite to write into it")
    latest = (
        select(corrections, results.c.record, results.c.payload)
        .join(results, results.c.id == corrections.c.result)
        .where(corrections.c.task == task)
        .order_by(corrections.c.created)
    )
    with engine.connect() as connection:
        rows = {(row["result"], row["stem"]): dict(row) for row in connection.execute(latest).mappings()}
    if not rows:
        raise BadInput(f"no mask of the task {task} has been corrected yet: correct one in the page, or post it")
    folder = out / OWN.get(task, ".")
    folder.mkdir(parents=True, exist_ok=True)
    told = [one for row in rows.values() if (one := _written(store, room, folder, row))]
    _fold_table(folder, told)
    (out / "corrections.json").write_text(json.dumps(told, indent=1), encoding="utf-8")
    return len(told)


def _written(store: Store, room: Task, folder: Path, row: Mapping[str, Any]) -> dict[str, Any] | None:
    """One picture with its mask; None where what was sent has been deleted."""
    entries = [e for e in json.loads(row["record"])["inputs"] if e.get("stem") == row["stem"]]
    inputs = json.loads(row["payload"])["work"]["inputs"]
    source = next((store.inputs(row["result"]) / name for name in inputs if Path(name).stem == row["stem"]), None)
    path = path_of(store, row["result"], row["id"])
    if source is None or not entries or not source.is_file() or not path.is_file():
        return None
    with Image.open(path, formats=("PNG",)) as image:
        mask = np.asarray(image, np.uint8)
    name = f"{row['stem']}-{row['result'][:8]}"
    if room.head == "detect":
        _boxes(folder, name, source, mask, marks_of(store, row["result"], row["id"]))
    else:
        _pair(room, folder, name, source, mask)
    return {
        "id": name, "sha256": entries[0]["sha256"], "author": row["author"], "note": row["note"], "created": row["created"],
        "models": json.loads(row["models"]),
    }  # fmt: skip


def _pair(room: Task, folder: Path, name: str, source: Path, mask: Mask) -> None:
    """A picture and its mask, in the format of the picture."""
    images, masks = folder / "images", folder / "masks"
    images.mkdir(exist_ok=True)
    masks.mkdir(exist_ok=True)
    if source.suffix in (".tif", ".jp2"):
        from outcrop.outputs.raster import write_mask
        from outcrop.sources.geotiff import open_raster

        shutil.copyfile(source, images / f"{name}.tif")
        write_mask(masks / f"{name}.tif", open_raster(source).grid, [(0, mask[None])], classes=room.classes)
        return
    if source.suffix == ".npy":
        shutil.copyfile(source, images / f"{name}.npy")
        with replacing(masks / f"{name}.npy") as part, part.open("wb") as file:
            np.save(file, np.where(mask == IGNORE, 0, mask))
        return
    _picture(source, images / f"{name}.png")
    # Readers of pictures take anything above 0 for the class, so what was not seen counts as background there.
    write_png(masks / f"{name}.png", Image.fromarray(np.where(mask == IGNORE, 0, mask).astype(np.uint8)))


def _picture(source: Path, path: Path) -> None:
    """A picture as PNG, upright, 8 bits."""
    from outcrop.outputs.picture import grey
    from outcrop.sources.image import open_picture

    scene: Scene = open_picture(source)
    planes = grey(scene.read(scene.grid.whole))
    write_png(
        path, Image.fromarray(planes[0] if len(planes) == 1 else np.ascontiguousarray(np.moveaxis(planes[:3], 0, 2)))
    )


def _boxes(folder: Path, name: str, source: Path, mask: Mask, marks: Sequence[Mark] | None) -> None:
    """A photo with YOLO boxes and outlines, one line an object; boxes are those of what was painted where none were sent."""
    for part in ("images", "labels", "polygons"):
        (folder / part).mkdir(exist_ok=True)
    _picture(source, folder / "images" / f"{name}.png")
    rows, cols = mask.shape
    drawn = outlines(np.where(mask == IGNORE, 0, mask).astype(np.uint8))
    if marks is None:
        marks = [
            Mark(label=one.class_index, box=(left, top, right - left, bottom - top))
            for one in drawn
            for left, top, right, bottom in (one.bounds,)
        ]
    boxes, rings = [], []
    for mark in marks:
        left, top, width, height = mark.box
        width, height = min(width, cols - left), min(height, rows - top)
        middle = ((left + width / 2) / cols, (top + height / 2) / rows, width / cols, height / rows)
        boxes.append(f"{mark.label - 1} " + " ".join(f"{value:.6f}" for value in middle))
    for one in drawn:
        for exterior_ring, _ in one.parts:
            exterior = np.asarray(exterior_ring)[:-1] / (cols, rows)
            rings.append(f"{one.class_index - 1} " + " ".join(f"{value:.6f}" for value in exterior.ravel()))
    (folder / "labels" / f"{name}.txt").write_text("\n".join([*boxes, ""]), encoding="ascii")
    (folder / "polygons" / f"{name}.txt").write_text("\n".join([*rings, ""]), encoding="ascii")


def _fold_table(folder: Path, told: Sequence[Mapping[str, Any]]) -> None:
    """``folds.csv``: equal pictures share a cluster and a fold."""
    clusters = {sha256: n for n, sha256 in enumerate(dict.fromkeys(one["sha256"] for one in told))}
    text = StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(("id", "fold", "cluster"))
    for one in told:
        number = clusters[one["sha256"]]
        writer.writerow((one["id"], number % FOLDS, f"correction-{number}"))
    (folder / "folds.csv").write_text(text.getvalue(), encoding="utf-8")
