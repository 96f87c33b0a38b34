"""The application: ``create()`` for servers, ``build(settings)`` for tests and for embedding."""

import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from fastapi import FastAPI

from outcrop import __version__
from outcrop.service import (
    problems,
    routes_about,
    routes_corrections,
    routes_jobs,
    routes_results,
    routes_share,
    routes_tasks,
)
from outcrop.service.forms import bound
from outcrop.service.gate import Gate
from outcrop.service.house import House
from outcrop.service.logs import install as install_logs
from outcrop.service.settings import Settings, harden

LOG = logging.getLogger("outcrop.service")

WORDS = (
    "See what extraction leaves in the earth, on it and above it, and measure it, with error bars. "
    "The same verbs and words as the command line. Errors are RFC 9457 problem documents."
)


def build(settings: Settings) -> FastAPI:
    """An application with its own tables, folders, models and workers.

    Raises:
        OutcropError: a model is damaged, or the database cannot be used.
    """
    harden()
    bound()
    house = House(settings)
    house.check_models()

    @asynccontextmanager
    async def life(app: FastAPI) -> AsyncIterator[None]:
        house.open()
        yield
        house.close()

    app = FastAPI(
        title="Outcrop", version=__version__, description=WORDS, docs_url=None, redoc_url=None, lifespan=life,
        separate_input_output_schemas=False,
    )  # fmt: skip
    app.state.house = house
    problems.install(app)
    # Corrections come before results, whose last route takes any name of a file.
    for part in (routes_tasks, routes_jobs, routes_corrections, routes_share, routes_results, routes_about):
        app.include_router(part.routes)
    routes_about.mount(app)
    app.add_middleware(Gate, settings=settings, keys=house.keys, metrics=house.metrics)
    return app


def create() -> FastAPI:
    """What a server starts: settings from the environment."""
    settings = Settings.from_environment()
    install_logs()
    LOG.info("pictures up to %.0f MP, requests up to %.0f MB", settings.max_pixels / 1e6, settings.max_body / 1e6)
    return build(settings)
