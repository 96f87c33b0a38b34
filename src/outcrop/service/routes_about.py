"""Routes about the service itself: models, health, metrics, and the pages that come with it."""

from pathlib import Path
from typing import Annotated

from fastapi import APIRouter, Depends, FastAPI, Query, Response
from fastapi.responses import FileResponse, JSONResponse
from sqlalchemy import text
from starlette.staticfiles import StaticFiles

from outcrop.service.house import House, house
from outcrop.service.schemas import REFUSALS, Health, Models

routes = APIRouter(tags=["about"], responses=REFUSALS)
Here = Annotated[House, Depends(house)]
HOME = Path(__file__).parent
BUILT = HOME / "web"
"""The built page; where it is missing, a plain one says how to build it."""


@routes.get("/models")
def list_models(here: Here, task: Annotated[str, Query(max_length=60)] = "") -> Models:
    """Every shipped model with its card: what it was trained on, how good it is, what it cannot do."""
    names = [task] if task else here.rooms
    return Models(models=[card for name in names for card in here.cards.get(here.room(name).name, [])])


@routes.get("/livez")
def is_alive() -> dict[str, str]:
    """The process answers; nothing more is said."""
    return {"status": "alive"}


@routes.get("/readyz", responses={503: {"model": Health, "description": "Not ready."}})
def is_ready(here: Here) -> Health:
    """Models loaded, database there, room on the disk."""
    checks = {"models": here.fault or "ok", "database": "ok", "disk": "ok"}
    try:
        with here.engine.connect() as connection:
            connection.execute(text("SELECT 1"))
    except Exception:  # noqa: BLE001  (any failure of the database means the same here)
        checks["database"] = "does not answer"
    if here.store.free() < here.settings.least_free:
        checks["disk"] = "nearly full"
    health = Health(ready=all(said == "ok" for said in checks.values()), checks=checks)
    return health if health.ready else JSONResponse(health.model_dump(), 503)  # type: ignore[return-value]


@routes.get("/metrics", response_class=Response)
def figures(here: Here) -> Response:
    """Figures for Prometheus."""
    media = "text/plain; version=0.0.4; charset=utf-8"
    return Response(here.metrics.page(here.jobs.counts(), here.store.free()), media_type=media)


@routes.get("/docs", include_in_schema=False)
def documentation() -> FileResponse:
    """The interface in words, made from ``/openapi.json`` by a script of our own."""
    return FileResponse(HOME / "static" / "docs.html")


def mount(app: FastAPI) -> None:
    """The pages, after every route: the built one at the root where it exists."""
    app.mount("/static", StaticFiles(directory=HOME / "static"), name="static")
    folder = BUILT if (BUILT / "index.html").is_file() else HOME / "static"
    app.mount("/", StaticFiles(directory=folder, html=True), name="page")
