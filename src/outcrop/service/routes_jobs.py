"""Routes of jobs: how far, as one answer or as a stream of events; and cancel."""

import asyncio
import json
import time
from collections.abc import AsyncIterator
from typing import Annotated, Any

from fastapi import APIRouter, Depends
from fastapi.responses import StreamingResponse
from starlette.concurrency import run_in_threadpool

from outcrop.service.answers import of_job, of_result
from outcrop.service.house import House, caller, house
from outcrop.service.keys import Caller
from outcrop.service.problems import Problem
from outcrop.service.schemas import REFUSALS, Answer
from outcrop.service.store import absent

routes = APIRouter(prefix="/jobs", tags=["jobs"], responses=REFUSALS)
Here = Annotated[House, Depends(house)]
Who = Annotated[Caller, Depends(caller)]
ENDED = ("done", "failed", "cancelled")
LOOK, ALIVE, LONGEST = 0.3, 15.0, 3600.0
"""Seconds between two looks at a job, between two signs of life, and of one stream."""


def found(here: House, who: Caller, id: str) -> dict[str, Any]:
    """A job, or the result that needed none, as ``schemas.Answer``.

    Raises:
        Problem: 404.
    """
    job = here.jobs.get(id)
    if job is None:
        try:
            row = here.store.get(id, who)
        except Problem:
            raise absent("job", id) from None
        return {name: value for name, value in of_result(here, row).items() if name != "record"}
    if not who.sees(job["owner"]):
        raise absent("job", id)
    return of_job(job)


@routes.get("/{id}", response_model_exclude_unset=True)
def get_job(id: str, here: Here, who: Who) -> Answer:
    """How far a job is; of a failed one, why."""
    return Answer(**found(here, who, id))


@routes.delete("/{id}", response_model_exclude_unset=True)
def cancel_job(id: str, here: Here, who: Who) -> Answer:
    """Stop a job: at once while it waits, within seconds when it is in work. One that has ended stays as it is."""
    job = found(here, who, id)
    if job["state"] not in ENDED:
        here.jobs.cancel(id)
        if found(here, who, id)["state"] == "cancelled":
            here.store.drop(id)
    return Answer(**found(here, who, id))


@routes.get("/{id}/events", response_class=StreamingResponse)
async def follow_job(id: str, here: Here, who: Who) -> StreamingResponse:
    """Server-sent events: ``progress`` whenever it changes, then ``end``; both carry the job as JSON."""
    await run_in_threadpool(found, here, who, id)

    async def events() -> AsyncIterator[str]:
        before, began, spoke = "", time.monotonic(), time.monotonic()
        # Asking whether the client is still there breaks the stream under granian; a client that left ends it at the next write.
        while time.monotonic() - began < LONGEST:
            job = await run_in_threadpool(found, here, who, id)
            ended, text = job["state"] in ENDED, json.dumps(job)
            if ended:
                yield f"event: end\ndata: {text}\n\n"
                return
            if text != before:
                before, spoke = text, time.monotonic()
                yield f"event: progress\ndata: {text}\n\n"
            elif time.monotonic() - spoke > ALIVE:
                spoke = time.monotonic()
                yield ": still here\n\n"
            await asyncio.sleep(LOOK)

    headers = {"cache-control": "no-store", "x-accel-buffering": "no"}
    return StreamingResponse(events(), media_type="text/event-stream", headers=headers)
