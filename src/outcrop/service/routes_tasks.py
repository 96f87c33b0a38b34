"""Routes that begin something: the rooms, their examples, predict and measure."""

import asyncio
import json
import threading
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Any

import numpy as np
from fastapi import APIRouter, Depends, File, Form, Header, Query, Request, Response, UploadFile
from fastapi.responses import FileResponse, JSONResponse
from starlette.concurrency import run_in_threadpool

from outcrop import __version__
from outcrop.core.errors import UsageError
from outcrop.core.task import Task
from outcrop.outputs.picture import COLOURS
from outcrop.service.answers import of_job, of_result, served
from outcrop.service.asked import FIELDS, Asked
from outcrop.service.forms import FormRoute, form, nothing
from outcrop.service.house import House, caller, house
from outcrop.service.intake import Wish, submit
from outcrop.service.keys import Caller
from outcrop.service.problems import Problem
from outcrop.service.safety import accepted
from outcrop.service.schemas import REFUSALS, Answer, Room, Rooms

routes = APIRouter(tags=["tasks"], responses=REFUSALS, route_class=FormRoute)
Here = Annotated[House, Depends(house)]
Who = Annotated[Caller, Depends(caller)]
Files = Annotated[list[UploadFile], File(description="What is to be seen or measured; several make one run.")]
Companions = Annotated[list[UploadFile], File(default_factory=nothing, description="Tables that settings name.")]
Wait = Annotated[float, Form(ge=0, le=600, description="Seconds to wait for a job's result before 202 is answered.")]
Key = Annotated[str | None, Header(alias="Idempotency-Key", max_length=64, pattern=r"^[\x21-\x7e]+$")]
AGAIN = threading.Lock()
POLL = 0.1
"""Seconds between two looks at a job that somebody waits for."""


def told(room: Task, here: House) -> dict[str, Any]:
    """A room as ``schemas.Room``."""
    cards = here.cards.get(room.name, [])
    numbers = [
        {"name": name, "unit": a.unit, "source": a.source, **{k: _finite(getattr(a, k)) for k in ("low", "best", "high")}}
        for name, a in room.assumptions.items()
    ]  # fmt: skip
    links = {verb: f"/tasks/{room.name}/{verb}" for verb in ("predict", "measure", "example")}
    return {
        "name": room.name, "title": room.title, "classes": room.classes, "bands": room.bands, "head": room.head,
        "colours": ["#{:02x}{:02x}{:02x}".format(*COLOURS[i % len(COLOURS)]) for i in range(len(room.classes))],
        "accepts": accepted(room.takes), "on_map": room.on_map, "assumptions": numbers, "formats": list(room.formats),
        "settings": room.settings, "levels": room.levels, "models": list(dict.fromkeys(card["set"] for card in cards)),
        "thresholds": list(cards[0]["calibration"]["threshold"]) if cards else [], "links": {"self": f"/tasks/{room.name}", **links},
    }  # fmt: skip


def _finite(value: float) -> float | None:
    return float(value) if np.isfinite(value) else None


@routes.get("/tasks")
def list_tasks(here: Here) -> Rooms:
    """Every task: what it looks for, what it takes, what its numbers rest on; and the limits in force."""
    s = here.settings
    limits = {
        "bytes": s.max_body, "files": s.max_files, "pixels": s.max_pixels, "raster_pixels": s.max_raster, "pixels_at_once": s.small,
        "jobs_waiting": s.queue, "job_seconds": s.job_seconds, "keep_days": s.keep_days, "requests_per_second": s.rate,
    }  # fmt: skip
    return Rooms(tasks=[Room(**told(here.room(name), here)) for name in here.rooms], limits=limits, version=__version__)


@routes.get("/tasks/{room}")
def get_task(room: str, here: Here) -> Room:
    """One task."""
    return Room(**told(here.room(room), here))


@routes.get("/tasks/{room}/example", response_class=FileResponse)
def get_example(
    request: Request, room: str, here: Here,
    seed: Annotated[int, Query(ge=0, le=20, description="The same seed draws the same example.")] = 0,
    kind: Annotated[str | None, Query(max_length=20, pattern="^[a-z]+$", description="As `outcrop draw --set kind=`.")] = None,
) -> Response:  # fmt: skip
    """A made-up file with known truth, to try the service with; send it to predict as it is.

    What a photographer would know of it, such as the scale, comes in the header `Outcrop-Assume`, as the option `assume` wants it.
    """
    task = here.room(room)
    file = _drawn(here, task, seed, kind)
    answer = served(request, file)
    if known := _known(file):
        answer.headers["Outcrop-Assume"] = known
    return answer


def _known(file: Path) -> str:
    """What somebody who took a drawn file himself would know, by the truth beside it: the first such, as ``name=value``."""
    for beside in file.parent.glob("truth-*.json"):
        facts = json.loads(beside.read_text(encoding="utf-8")).get("known", {}).get(file.stem, {})
        for name, value in facts.items():
            return f"{name}={value:.4g}"
    return ""


def _drawn(here: House, task: Task, seed: int, kind: str | None) -> Path:
    """The example, drawn once; one at a time is drawn."""
    folder = here.store.examples / task.name / f"{kind or 'usual'}-{seed}"
    with AGAIN:
        if not (folder / "done").is_file():
            here.store.refuse_when_full()
            settings = (
                {} if kind is None else {"kind": kind, **({"count": "1"} if kind in ("pictures", "chips") else {})}
            )
            try:
                files = task.draw_files(folder, np.random.default_rng(seed), seed=seed, overwrite=True, **settings)
            except TypeError:
                raise UsageError(f"the room {task.name} draws no kind {kind!r}: leave kind out") from None
            plain = [path for path in files if "mask" not in str(path.relative_to(folder)) and path.suffix != ".json"]
            (folder / "done").write_text(str(plain[0].relative_to(folder)), encoding="utf-8")
    return folder / (folder / "done").read_text(encoding="utf-8")


@routes.post(
    "/tasks/{room}/predict", response_model=Answer, response_model_exclude_unset=True,
    responses={202: {"model": Answer, "description": "A job; follow its links."}},
)  # fmt: skip
async def predict(
    request: Request, room: str, here: Here, who: Who, asked: Annotated[Asked, Depends(form)], file: Files,
    companion: Companions, wait: Wait = 0.0,
    strict: Annotated[bool, Form(description="Refuse pictures with several frames instead of seeing the first.")] = False,
    key: Key = None,
) -> Response:  # fmt: skip
    """See files with the room's models and measure what was seen.

    A small picture is answered at once, 200; anything else becomes a job, 202. The same files with the same options give
    the same result.
    """
    wish = Wish(room=here.room(room), verb="predict", asked=asked, idempotency=key, strict=strict)
    return await _begun(request, here, who, wish, file, companion, wait)


@routes.post(
    "/tasks/{room}/measure", response_model=Answer, response_model_exclude_unset=True,
    responses={202: {"model": Answer, "description": "A job; follow its links."}},
)  # fmt: skip
async def measure(
    request: Request, room: str, here: Here, who: Who, asked: Annotated[Asked, Depends(form)], file: Files,
    companion: Companions, wait: Wait = 0.0, key: Key = None,
) -> Response:  # fmt: skip
    """Measure probabilities, masks or tables of an earlier run, without a model."""
    wish = Wish(room=here.room(room), verb="measure", asked=asked, idempotency=key)
    return await _begun(request, here, who, wish, file, companion, wait)


async def _begun(
    request: Request, here: House, who: Caller, wish: Wish, files: Sequence[UploadFile], companions: Sequence[UploadFile], wait: float
) -> Response:  # fmt: skip
    sent = await request.form()
    if strange := [name for name in sent if name not in FIELDS]:
        raise Problem(422, "unknown-field", f"there is no option {strange[0][:60]!r}: see /docs")
    if here.taking >= here.settings.lane:
        raise here.lane.full()
    here.taking += 1  # all of this runs in one thread, so no lock is needed
    try:
        id, row = await run_in_threadpool(submit, here, who, wish, files, companions)
    finally:
        here.taking -= 1
    if row is None:
        return await answered(here, who, id, wait)
    return JSONResponse(of_result(here, row))


async def answered(here: House, who: Caller, id: str, wait: float) -> Response:
    """A job's result, if it is there within ``wait`` seconds, else 202 and where to ask."""
    until = time.monotonic() + min(wait, here.settings.wait)
    while True:
        job = await run_in_threadpool(here.jobs.get, id)
        if job is not None and job["state"] == "done":
            row = await run_in_threadpool(here.store.get, id, who)
            return JSONResponse(of_result(here, row))
        if job is None or job["state"] != "queued" and job["state"] != "running" or time.monotonic() >= until:
            break
        await asyncio.sleep(POLL)
    if job is None:
        raise Problem(404, "absent", "the job is gone: send the file again")
    if job["problem"] and wait:
        told = {**job["problem"], "instance": f"/jobs/{id}", "job": id}
        return JSONResponse(told, told["status"], media_type="application/problem+json")
    headers = {"location": f"/jobs/{id}", "retry-after": "1"}
    return JSONResponse(of_job(job), 202, headers=headers)
