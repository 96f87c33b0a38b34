"""Routes of corrections: a mask that somebody has put right, kept with who, when and which models had drawn it."""

from typing import Annotated, Any

import numpy as np
from fastapi import APIRouter, Depends, File, Form, Request, Response, UploadFile
from fastapi.responses import FileResponse
from PIL import Image
from pydantic import TypeAdapter, ValidationError
from starlette.concurrency import run_in_threadpool

from outcrop.core.labelled import IGNORE
from outcrop.core.task import Task
from outcrop.outputs.picture import write_png
from outcrop.service import corrections as kept
from outcrop.service.answers import served
from outcrop.service.forms import FormRoute
from outcrop.service.house import House, caller, house
from outcrop.service.intake import written
from outcrop.service.jobs import new_id
from outcrop.service.keys import Caller
from outcrop.service.problems import Problem
from outcrop.service.safety import PNG, START, kind_of, picture_size, refuse_pixels, shown_name
from outcrop.service.schemas import REFUSALS, Correction, Corrections, Mark
from outcrop.service.store import absent

routes = APIRouter(prefix="/results/{id}/corrections", tags=["corrections"], responses=REFUSALS, route_class=FormRoute)
Here = Annotated[House, Depends(house)]
Who = Annotated[Caller, Depends(caller)]


def shown(here: House, row: dict[str, Any]) -> Correction:
    """A row as ``schemas.Correction``."""
    facts = {name: row[name] for name in Correction.model_fields if name not in ("href", "boxes")}
    marks = kept.marks_of(here.store, row["result"], row["id"])
    return Correction(**facts, href=f"/results/{row['result']}/corrections/{row['id']}", boxes=marks)


@routes.get("")
def list_corrections(id: str, here: Here, who: Who) -> Corrections:
    """Corrections of a result, newest first."""
    here.store.get(id, who)
    return Corrections(corrections=[shown(here, row) for row in kept.of_result(here.engine, id)])


@routes.post("", status_code=201)
async def correct(
    id: str, here: Here, who: Who,
    mask: Annotated[UploadFile, File(description="8-bit PNG of the input's size: 0 background, 1.. class index, 255 not known.")],
    stem: Annotated[str, Form(max_length=200, description="Stem of the input, as in the record; the first one unless said.")] = "",
    author: Annotated[str, Form(max_length=100)] = "", note: Annotated[str, Form(max_length=2000)] = "",
    boxes: Annotated[str, Form(max_length=100_000, description='Corrected boxes as JSON, in rooms that find them: [{"label": 1, "box": [left, top, width, height]}].')] = "",
) -> Correction:  # fmt: skip
    """Keep a corrected mask; `outcrop corrections export` makes training data of them."""
    facts = {"stem": stem, "author": author.replace("\0", ""), "note": note.replace("\0", "")}
    return await run_in_threadpool(_keep, here, who, id, mask, facts | {"boxes": boxes})


def _keep(here: House, who: Caller, id: str, mask: UploadFile, facts: dict[str, str]) -> Correction:
    """Judge the mask against the result, write it anew, and note who made it of what.

    Raises:
        Problem: 404, no such result or input; 413, 415, 422, no mask of this result.
    """
    here.store.refuse_when_full()
    row = written(here, here.store.get(id, who))
    entries = {e["stem"]: e for e in row["record"]["inputs"] if "error" not in e}
    stem = facts["stem"] or next(iter(entries), "")
    if stem not in entries:
        raise absent("input", stem)
    room, wanted = here.room(row["task"]), kept.mask_shape(here.store.out(id), stem)
    if wanted is None:
        raise Problem(
            422,
            "no-mask",
            "this result is no picture, so a picture cannot correct it: correct single pictures and sections",
        )
    marks = _marks(facts["boxes"], room, wanted)
    values = _values(here, id, mask, wanted)
    strange = sorted(set(np.unique(values).tolist()) - {*range(len(room.classes) + 1), IGNORE})
    if strange:
        raise Problem(
            422,
            "bad-mask",
            f"the mask holds {strange[0]}: 0 is background, 1 to {len(room.classes)} are classes, 255 unknown",
        )
    models = {m["file"]: m["sha256"] for m in row["record"]["models"]}
    fact = {
        "id": new_id(), "result": id, "task": row["task"], "owner": who.owner, "stem": stem, "author": facts["author"] or who.owner,
        "note": facts["note"], "created": here.store.now(), "models": [models.get(name, name) for name in entries[stem]["models"]],
    }  # fmt: skip
    path = kept.path_of(here.store, id, str(fact["id"]))
    path.parent.mkdir(exist_ok=True)
    write_png(path, Image.fromarray(values))
    if marks is not None:
        kept.write_marks(here.store, id, str(fact["id"]), marks)
    kept.add(here.engine, fact)
    return shown(here, fact)


def _marks(text: str, room: Task, shape: tuple[int, int]) -> list[Mark] | None:
    """Boxes that were sent, judged against the picture; None where none were.

    Raises:
        Problem: 422, not JSON of boxes, or a box outside the picture or of no class.
    """
    if not text:
        return None
    try:
        marks = TypeAdapter(list[Mark]).validate_json(text)
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(map(str, first["loc"])) or "the text"
        raise Problem(422, "bad-boxes", f"boxes: {where}: {first['msg']}; a list of label and box is wanted") from None
    rows, cols = shape
    for number, mark in enumerate(marks, 1):
        left, top, width, height = mark.box
        # Half a pixel of slack: boxes as detectors give them are rounded at the edges.
        inside = 0 <= left < left + width <= cols + 0.5 and 0 <= top < top + height <= rows + 0.5
        if not inside or mark.label > len(room.classes):
            raise Problem(
                422,
                "bad-boxes",
                f"box {number} is {list(mark.box)} of class {mark.label}: boxes lie inside the {cols} x {rows} px of the "
                f"picture, classes go from 1 to {len(room.classes)}",
            )
    return marks


def _values(here: House, id: str, mask: UploadFile, wanted: tuple[int, int]) -> np.ndarray[Any, np.dtype[np.uint8]]:
    """The mask's class indices, decoded in the limited process; what was sent is not kept."""
    name = shown_name(mask.filename)
    start = mask.file.read(START)
    if kind_of(start, name) is not PNG:
        raise Problem(
            415, "unknown-format", f"{name} is no PNG: masks are 8-bit PNG files of class indices", accepted=["PNG"]
        )
    size = picture_size(mask.file, PNG)
    if size != wanted:
        found = f"{size[1]} x {size[0]}" if size else "unknown"
        raise Problem(
            422,
            "other-size",
            f"the mask is {found} px and the input {wanted[1]} x {wanted[0]}: send one of the input's size",
        )
    refuse_pixels(*wanted, here.settings.small, name)
    folder = here.store.folder(id)
    path = folder / f".{new_id()}.part"
    try:
        with path.open("xb") as file:
            mask.file.seek(0)
            file.write(mask.file.read())
        scene = here.decoder.decode(path, name)
    finally:
        path.unlink(missing_ok=True)
    planes = scene.read(scene.grid.whole)
    if not np.isfinite(planes).all() or not all(np.array_equal(plane, planes[0]) for plane in planes):
        raise Problem(
            422, "bad-mask", f"{name} is a colour picture or transparent: masks are grey, one number for each class"
        )
    return np.asarray(np.rint(planes[0] * 255), np.uint8)


@routes.get("/{correction}", response_class=FileResponse)
def get_correction(request: Request, id: str, correction: str, here: Here, who: Who) -> Response:
    """One corrected mask."""
    here.store.get(id, who)
    if not any(row["id"] == correction for row in kept.of_result(here.engine, id)):
        raise absent("correction", correction)
    return served(request, kept.path_of(here.store, id, correction))
