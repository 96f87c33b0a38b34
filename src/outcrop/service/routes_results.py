"""Routes of results: history, records, files with ranges, measuring again, deleting."""

import json
from hashlib import sha256
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Query, Request, Response
from fastapi.responses import FileResponse, JSONResponse
from starlette.concurrency import run_in_threadpool

from outcrop.service.answers import files, inside, of_result, served
from outcrop.service.asked import Asked, check
from outcrop.service.house import House, caller, house
from outcrop.service.intake import written
from outcrop.service.jobs import new_id
from outcrop.service.keys import Caller
from outcrop.service.problems import Problem
from outcrop.service.routes_tasks import answered
from outcrop.service.schemas import REFUSALS, Again, Answer, History, Line

routes = APIRouter(prefix="/results", tags=["results"], responses=REFUSALS)
Here = Annotated[House, Depends(house)]
Who = Annotated[Caller, Depends(caller)]
WAIT = 30.0
"""Seconds that measuring again may take before it is answered as a job."""


@routes.get("")
def list_results(
    here: Here, who: Who, search: Annotated[str, Query(max_length=200, description="Words of names and tasks.")] = "",
    task: Annotated[str, Query(max_length=60)] = "", limit: Annotated[int, Query(ge=1, le=200)] = 50,
    offset: Annotated[int, Query(ge=0, le=1_000_000)] = 0,
    children: Annotated[bool, Query(description="Also what was measured again.")] = False,
) -> History:  # fmt: skip
    """The history, newest first."""
    search, task = search.replace("\0", ""), task.replace("\0", "")
    rows, total = here.store.listed(who, search=search, task=task, limit=limit, offset=offset, children=children)
    lines = [
        Line(
            **{name: row[name] for name in Line.model_fields if name != "links"},
            links={"self": f"/results/{row['id']}"},
        )
        for row in rows
    ]
    return History(results=lines, total=total, limit=limit, offset=offset)


@routes.get("/{id}", response_model=Answer, response_model_exclude_unset=True)
def get_result(id: str, here: Here, who: Who) -> Response:
    """The record of a result, and its files; they are made now if nobody asked for them before."""
    row = here.store.get(id, who)
    try:
        row = written(here, row)
    except Problem as problem:
        if problem.kind != "gone":
            raise
    return JSONResponse(of_result(here, row, listed=True))


@routes.delete("/{id}", status_code=204)
def delete_result(id: str, here: Here, who: Who) -> Response:
    """Delete a result, what was sent for it, and what was measured again or corrected from it."""
    here.store.get(id, who)
    here.store.delete(id)
    return Response(status_code=204)


@routes.get("/{id}/inputs")
def list_inputs(id: str, here: Here, who: Who) -> list[dict[str, Any]]:
    """What was sent, if it is still kept."""
    here.store.get(id, who)
    return files(here.store.inputs(id), f"/results/{id}/inputs")


@routes.delete("/{id}/inputs", status_code=204)
def delete_inputs(id: str, here: Here, who: Who) -> Response:
    """Delete what was sent and keep what was found; its files are made before."""
    import shutil

    written(here, here.store.get(id, who))
    shutil.rmtree(here.store.inputs(id), ignore_errors=True)
    return Response(status_code=204)


@routes.get("/{id}/inputs/{name:path}", response_class=FileResponse)
def get_input(request: Request, id: str, name: str, here: Here, who: Who) -> Response:
    """One of the files that were sent, for saving only."""
    here.store.get(id, who)
    return served(request, inside(here.store.inputs(id), name), original=True)


@routes.patch("/{id}/measure", response_model=Answer, response_model_exclude_unset=True, deprecated=True)
@routes.post(
    "/{id}/measure", response_model=Answer, response_model_exclude_unset=True,
    responses={202: {"model": Answer, "description": "A job; follow its links."}},
)  # fmt: skip
async def measure_again(id: str, again: Again, here: Here, who: Who) -> Response:
    """The same result with other assumptions or another threshold; no model is run for what is kept on disk."""
    row = await run_in_threadpool(here.store.get, id, who)
    room = here.room(row["task"])
    before = Asked(**row["payload"]["work"]["asked"])
    kept = dict(text.split("=", 1) for text in before.assume) | {
        name: str(value) for name, value in again.assume.items()
    }
    changed = {
        "assume": [f"{name}={value}" for name, value in kept.items()], "seed": again.seed,
        "threshold": again.threshold if again.threshold is not None else before.threshold,
    }  # fmt: skip
    asked = before.model_copy(update=changed)
    check(asked, room)
    if row["payload"].get("at_once"):
        return JSONResponse(await run_in_threadpool(_quickly, here, who, row, asked, again.keep))
    job = await run_in_threadpool(_queue, here, who, row, asked, again.keep)
    return await answered(here, who, job, WAIT)


def _quickly(here: House, who: Caller, row: dict[str, Any], asked: Asked, keep: bool) -> dict[str, Any]:
    """A small picture, seen again from what was sent: that is faster than reading what was kept."""
    room, work = here.room(row["task"]), row["payload"]["work"]
    path = here.store.inputs(row["id"]) / work["inputs"][0]
    if not path.is_file():
        raise Problem(410, "gone", "what was sent has been deleted, so it cannot be measured again: send it once more")
    scene = here.decoder.decode(path, row["name"])
    record = here.lane.answer(room, scene, row["name"], row["record"]["inputs"][0]["sha256"], asked)
    payload = {**row["payload"], "work": {**work, "asked": asked.model_dump()}}
    id = new_id()
    new = here.store.row(
        id=id, owner=who.owner, task=row["task"], verb="measure", name=row["name"], key=_key(row, asked), payload=payload,
        record=record, written=False, size=path.stat().st_size, parent=row["id"], brief=not keep,
    )  # fmt: skip
    if keep:
        with path.open("rb") as file:
            here.store.save(id, path.name, file)
        here.store.add({**new, "parent": None})
    shown = {**new, "record": record, "payload": payload} if keep else {**new, "id": row["id"], "record": record}
    return of_result(here, shown)


def _queue(here: House, who: Caller, row: dict[str, Any], asked: Asked, keep: bool) -> str:
    """The files of a result, measured by a job; the same question has one answer."""
    key = _key(row, asked)
    if found := here.store.known(who.owner, key):
        return str(found["id"])
    work = {"folder": str(here.store.out(row["id"]).resolve()), "inputs": ["."], "asked": asked.model_dump()}
    payload = {"work": work, "names": row["payload"]["names"], "parent": None if keep else row["id"], "brief": not keep}
    id, _ = here.jobs.enqueue(
        id=new_id(), owner=who.owner, task=row["task"], verb="measure", name=row["name"], key=key, payload=payload
    )  # fmt: skip
    here.wake()
    return id


def _key(row: dict[str, Any], asked: Asked) -> str:
    """Fingerprint of a question about a result."""
    return sha256(json.dumps(["again", row["id"], row["key"], asked.model_dump()], sort_keys=True).encode()).hexdigest()


@routes.get("/{id}/{name:path}", response_class=FileResponse)
def get_file(request: Request, id: str, name: str, here: Here, who: Who) -> Response:
    """One file of a result; a single byte range is honoured, ``?download`` saves it."""
    row = written(here, here.store.get(id, who))
    return served(request, inside(here.store.out(row["id"]), name))
