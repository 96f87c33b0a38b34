"""Starting the service: what was said on the command line, the refusal to be reached by all without a key, granian."""

import contextlib
import dataclasses
import json
import os
import socket
from collections.abc import Mapping
from typing import Any

from outcrop.core.errors import MissingExtra, UsageError
from outcrop.service.settings import VARIABLE, Settings, harden

TARGET = "outcrop.service.app:create"
BACKLOG = CONNECTIONS = 1024
"""Connections that wait to be accepted, and that are open at a time: so many silent clients keep nobody else out."""

HEADERS = 65_536
"""Bytes of a request's head, and of a connection's buffer."""

FILES = 16_384
"""Files that the service may have open: connections, uploads, tables."""

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
    from outcrop.service.keys import Keys
    from outcrop.service.tables import connect

    engine = connect(settings.url)
    try:
        if not Keys(engine).wanted():
            raise UsageError(
                f"anybody who reaches {settings.host} could use the service: make a key with  outcrop keys add NAME --role admin  "
                "or listen at 127.0.0.1"
            )
    finally:
        engine.dispose()


def refuse_taken_port(host: str, port: int) -> None:
    """One service to a port: granian would share it with another without a word, and requests would go to either.

    Raises:
        UsageError: somebody listens there, or nobody may.
    """
    try:
        family, kind, protocol, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
        with socket.socket(family, kind, protocol) as trial:
            if os.name == "posix":  # elsewhere this option would let two listen at once
                trial.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            trial.bind(address)
            trial.listen(1)
    except OSError as error:
        said = error.strerror or str(error)
        raise UsageError(
            f"cannot listen at {host}, port {port} ({said}): stop what listens there, or give another --port"
        ) from None


def allow_files() -> None:
    """Let this process open as many files as its connections may need, where the system grants it."""
    with contextlib.suppress(ImportError, OSError, ValueError):
        import resource

        soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
        most = FILES if hard == resource.RLIM_INFINITY else min(FILES, hard)
        if soft != resource.RLIM_INFINITY and soft < most:
            resource.setrlimit(resource.RLIMIT_NOFILE, (most, hard))


def serve(settings: Settings) -> None:
    """Serve until stopped.

    Raises:
        UsageError: see ``refuse_open_doors`` and ``refuse_taken_port``.
        BadModel: a shipped model is damaged.
        MissingExtra: granian is not installed.
    """
    try:
        from granian import Granian
        from granian.constants import HTTPModes, Interfaces
        from granian.http import HTTP1Settings
    except ImportError:
        raise MissingExtra("granian", "serve") from None
    from outcrop.service.logs import install

    harden()
    install()
    refuse_open_doors(settings)
    refuse_taken_port(settings.host, settings.port)
    allow_files()
    # HTTP/1 alone: a connection that might still become HTTP/2 has no time limit, so silence would hold it for ever.
    head = HTTP1Settings(header_read_timeout=int(1000 * settings.header_seconds), max_buffer_size=HEADERS)
    os.environ[VARIABLE] = settings.to_json()
    server = Granian(
        TARGET, address=settings.host, port=settings.port, interface=Interfaces.ASGI, http=HTTPModes.http1, workers=1, factory=True,
        websockets=False, http1_settings=head, backlog=BACKLOG, backpressure=CONNECTIONS,
        respawn_failed_workers=True, workers_kill_timeout=STOP, log_access=False,
    )  # fmt: skip
    server.serve()
