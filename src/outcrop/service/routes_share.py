"""Routes of sharing: a link that opens one result, for reading, to whoever holds it, until it is revoked or the result expires."""

import secrets
from hashlib import sha256
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Request, Response
from fastapi.responses import FileResponse, JSONResponse
from sqlalchemy import delete, insert, select

from outcrop.service.answers import files, inside, of_result, served
from outcrop.service.house import House, caller, house
from outcrop.service.intake import written
from outcrop.service.keys import Caller
from outcrop.service.problems import Problem
from outcrop.service.schemas import REFUSALS, Answer, Shared
from outcrop.service.store import unpacked
from outcrop.service.tables import results, shares

routes = APIRouter(tags=["sharing"], responses=REFUSALS)
Here = Annotated[House, Depends(house)]
Who = Annotated[Caller, Depends(caller)]
REPORT = "report.html"


@routes.post("/results/{id}/share", status_code=201)
def share_result(id: str, here: Here, who: Who) -> Shared:
    """Make a link to a result that works without a key: the record and what was found, not what was sent."""
    row = written(here, here.store.get(id, who))
    token = secrets.token_urlsafe(32)
    fact = {"hash": _hash(token), "result": id, "owner": who.owner, "created": here.store.now()}
    with here.engine.begin() as connection:
        connection.execute(insert(shares).values(fact))
    place = f"/shared/{token}"
    report = f"{place}/{REPORT}" if (here.store.out(id) / REPORT).is_file() else None
    return Shared(href=place, report=report, expires=row["expires"])


@routes.delete("/results/{id}/share", status_code=204)
def revoke_share(id: str, here: Here, who: Who) -> Response:
    """End every link to a result."""
    here.store.get(id, who)
    with here.engine.begin() as connection:
        connection.execute(delete(shares).where(shares.c.result == id))
    return Response(status_code=204)


@routes.get("/shared/{token}", response_model=Answer, response_model_exclude_unset=True)
def get_shared(token: str, here: Here) -> Response:
    """The record of a shared result, and its files."""
    row, place = _shared(here, token), f"/shared/{token}"
    listed = files(here.store.out(row["id"]), place)
    return JSONResponse({**of_result(here, row), "parent": None, "files": listed, "links": {"self": place}})


@routes.get("/shared/{token}/{name:path}", response_class=FileResponse)
def get_shared_file(request: Request, token: str, name: str, here: Here) -> Response:
    """One file of a shared result; a single byte range is honoured, ``?download`` saves it."""
    return served(request, inside(here.store.out(_shared(here, token)["id"]), name))


def _shared(here: House, token: str) -> dict[str, Any]:
    """The result that a link opens.

    Raises:
        Problem: 404, the link was revoked, has expired, or never was.
    """
    asked = select(results).join(shares, shares.c.result == results.c.id)
    asked = asked.where(shares.c.hash == _hash(token), results.c.expires > here.store.now())
    with here.engine.connect() as connection:
        row = connection.execute(asked).mappings().first()
    if row is None:
        raise Problem(
            404, "absent", "this link opens nothing: it was revoked or has expired, so ask who sent it for another"
        )
    return unpacked(row)


def _hash(token: str) -> str:
    # Links hold 256 random bits, as keys do: a plain hash is enough.
    return sha256(token.encode(errors="replace")).hexdigest()
