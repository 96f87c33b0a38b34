"""Starting the service: what was said on the command line, the refusal to be reached by all without a key, granian."""

import dataclasses
import json
import os
from collections.abc import Mapping
from typing import Any

from outcrop.core.errors import MissingExtra, UsageError
from outcrop.service.keys import Keys
from outcrop.service.safety import harden
from outcrop.service.settings import VARIABLE, Settings
from outcrop.service.tables import connect

TARGET = "outcrop.service.app:create"
BACKLOG = 1024
HEADER_MS = 15_000
"""Milliseconds that a client may take for its headers."""

STOP = 30
"""Seconds that requests in work get when the service is stopped."""


def said(given: Mapping[str, Any], further: Mapping[str, str]) -> Settings:
    """Settings from options and NAME=VALUE texts.

    Raises:
        UsageError: a name that is not known, or a value that is no number.
    """
    usual = {one.name: getattr(Settings(), one.name) for one in dataclasses.fields(Settings)}
    told = dict(given)
    for name, text in further.items():
        if name not in usual or isinstance(usual[name], tuple):
            plain = ", ".join(one for one, value in usual.items() if not isinstance(value, tuple))
            raise UsageError(f"no setting {name!r} of the service: choose one of {plain}")
        try:
            told[name] = _like(usual[name], text)
        except ValueError:
            raise UsageError(f"the setting {name} is {text!r}, and a number is wanted") from None
    return Settings.from_json(json.dumps(told))


def _like(usual: Any, text: str) -> Any:
    """The text as a value of the same kind."""
    if isinstance(usual, bool):
        return text.lower() in ("1", "true", "yes")
    return type(usual)(text) if isinstance(usual, int | float) else text


def refuse_open_doors(settings: Settings) -> None:
    """Only this machine reaches a service without keys.

    Raises:
        UsageError: another address was asked for, and there is no key.
    """
    if settings.open:
        return
    engine = connect(settings.url)
    try:
        if not Keys(engine).wanted():
            raise UsageError(
                f"anybody who reaches {settings.host} could use the service: make a key with  outcrop keys add NAME --role admin  "
                "or listen at 127.0.0.1"
            )
    finally:
        engine.dispose()


def serve(settings: Settings) -> None:
    """Serve until stopped.

    Raises:
        UsageError: see ``refuse_open_doors``.
        BadModel: a shipped model is damaged.
        MissingExtra: granian is not installed.
    """
    try:
        from granian import Granian
        from granian.constants import Interfaces
        from granian.http import HTTP1Settings
    except ImportError:
        raise MissingExtra("granian", "serve") from None
    from outcrop.service.logs import install

    harden()
    install()
    refuse_open_doors(settings)
    os.environ[VARIABLE] = settings.to_json()
    server = Granian(
        TARGET, address=settings.host, port=settings.port, interface=Interfaces.ASGI, workers=1, factory=True, websockets=False,
        http1_settings=HTTP1Settings(header_read_timeout=HEADER_MS), backlog=BACKLOG, backpressure=4 * settings.lane,
        respawn_failed_workers=True, workers_kill_timeout=STOP, log_access=False,
    )  # fmt: skip
    server.serve()
