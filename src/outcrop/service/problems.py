"""Errors as RFC 9457 problem documents: one table of statuses (``core.errors``), one shape for every refusal."""

import errno
import logging
import re
import sys
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse

from outcrop.core import errors
from outcrop.core.errors import OutcropError, http_status

if TYPE_CHECKING:  # processes that decode and do jobs are 20 MB smaller without
    from fastapi import FastAPI

LOG = logging.getLogger("outcrop.service")
MEDIA = "application/problem+json"

TITLES = {
    400: "The request cannot be understood", 401: "A key is wanted", 403: "Not allowed", 404: "Not found",
    405: "Not possible here", 408: "The upload is too slow", 409: "In conflict with what is there", 410: "Gone", 413: "Too large",
    415: "Not a kind of file that is taken", 416: "No such range", 422: "Cannot be used", 429: "Too many requests",
    500: "A defect of the service", 501: "Not installed here", 503: "Not now", 504: "Took too long", 507: "The disk is full",
}  # fmt: skip


def kebab(name: str) -> str:
    """ "DamagedFile" → "damaged-file"."""
    return re.sub(r"(?<=[a-z])(?=[A-Z])", "-", name).lower()


class Problem(HTTPException):
    """A refusal: status, kind (the last part of its type), one sentence, and facts such as ``limit`` and ``got``."""

    def __init__(
        self, status: int, kind: str, detail: str, *, headers: Mapping[str, str] | None = None, **facts: Any
    ) -> None:
        super().__init__(status_code=status, detail=detail, headers=headers)
        self.kind, self.facts = kind, facts

    def document(self, instance: str = "") -> dict[str, Any]:
        """The problem as JSON data."""
        plain = {
            "type": f"urn:outcrop:problem:{self.kind}", "title": TITLES.get(self.status_code, "Refused"),
            "status": self.status_code, "detail": self.detail, "instance": instance,
        }  # fmt: skip
        hint = self.detail.rsplit(": ", 1)[1] if ": " in self.detail else None
        return {**plain, **({"hint": hint} if hint else {}), **self.facts}


def problem_of(error: BaseException) -> Problem:
    """Any error as a problem; what is not meant for the user becomes a plain 500 and is logged."""
    if isinstance(error, Problem):
        return error
    if isinstance(error, OutcropError):
        return Problem(http_status(error), kebab(type(error).__name__), str(error))
    if isinstance(error, MemoryError) or out_of_memory(error):
        return Problem(422, "resource-limit", "this needs more memory than the service allows: cut the file into parts")
    if isinstance(error, OSError) and error.errno in (errno.ENOSPC, errno.EDQUOT):
        return Problem(507, "disk-full", "the disk of the service is full: delete results or ask the operator")
    if isinstance(error, OSError) and error.errno in (errno.EMFILE, errno.ENFILE):
        return Problem(503, "busy", "too many files are open: try again in a moment", headers={"Retry-After": "2"})
    database = sys.modules.get("sqlalchemy.exc")
    if database is not None and isinstance(error, database.OperationalError):
        if "full" in str(error.orig):
            return Problem(507, "disk-full", "the disk of the service is full: delete results or ask the operator")
        LOG.error("the database does not answer", exc_info=error)
        busy = {"Retry-After": "2"}
        return Problem(503, "database", "the database does not answer now: try again in a moment", headers=busy)
    LOG.error("a defect of the service", exc_info=error)
    return Problem(500, "defect", "the service has failed at this: tell its operator the time of this request")


def out_of_memory(error: BaseException) -> bool:
    """The faces that too little memory has beside its own."""
    said = str(error).lower()
    words = (
        "failed to map segment",
        "cannot allocate",
        "bad_alloc",
        "bad allocation",
    )
    return (isinstance(error, OSError) and error.errno == errno.ENOMEM) or any(word in said for word in words)


def of_record(name: str, sentence: str) -> dict[str, Any]:
    """A refusal that a run wrote down, by the name of its error class."""
    kind = getattr(errors, name, None)
    if isinstance(kind, type) and issubclass(kind, OutcropError):
        status = next(errors.CODES[one][1] for one in kind.__mro__ if one in errors.CODES)
        return Problem(status, kebab(name), sentence).document()
    return Problem(422, "resource-limit", sentence).document()


def answer(problem: Problem, instance: str) -> JSONResponse:
    """The problem as a response."""
    return JSONResponse(problem.document(instance), problem.status_code, problem.headers, MEDIA)


def install(app: "FastAPI") -> None:
    """Let every error of the application be answered by a problem document."""
    from fastapi.exceptions import RequestValidationError
    from sqlalchemy.exc import OperationalError

    def any_error(request: Request, error: Exception) -> JSONResponse:
        return answer(problem_of(error), request.url.path)

    def http(request: Request, error: Exception) -> JSONResponse:
        if isinstance(error, Problem):
            return answer(error, request.url.path)
        status = error.status_code if isinstance(error, HTTPException) else 500
        said = str(error.detail) if isinstance(error, HTTPException) else ""
        detail = {
            404: "there is nothing at this address: see /docs",
            405: "this address takes other methods: see /docs",
        }
        headers = error.headers if isinstance(error, HTTPException) else None
        return answer(
            Problem(
                status,
                kebab(TITLES.get(status, "refused").replace(" ", "-")),
                detail.get(status, said),
                headers=headers,
            ),
            request.url.path,
        )

    def invalid(request: Request, error: Exception) -> JSONResponse:
        found = error.errors() if isinstance(error, RequestValidationError) else []
        said = [{"where": ".".join(map(str, one["loc"])), "what": str(one["msg"])[:200]} for one in found[:20]]
        first = f"{said[0]['where']}: {said[0]['what']}" if said else "the request is not as /docs describes it"
        return answer(Problem(422, "invalid-request", first, errors=said), request.url.path)

    app.add_exception_handler(HTTPException, http)
    app.add_exception_handler(RequestValidationError, invalid)
    for kind in (OutcropError, MemoryError, OSError, OperationalError, RecursionError, Exception):
        app.add_exception_handler(kind, any_error)
