"""Forms, read within bounds: how many files and fields, how long each, and how much of them is held in memory."""

from collections.abc import Callable, Coroutine
from typing import Annotated, Any, Literal

from fastapi import Form, Request, Response
from fastapi.routing import APIRoute
from python_multipart.multipart import MultipartParser
from starlette.exceptions import HTTPException
from starlette.formparsers import MultiPartParser

from outcrop.service.asked import Asked, Finite, Word, Words
from outcrop.service.problems import Problem

HELD = 65_536
"""Bytes of each file that are held in memory; what is larger goes to the disk while it comes."""

HEADER = 65_536
"""Bytes of a file's header, which carries its name."""

MOST_FIELDS, LONGEST_FIELD = 300, 65_536
"""Fields of a form, and bytes of each."""


def bound() -> None:
    """Set what Starlette hands no way to: how much of a file is held, and how long its name may be."""
    MultiPartParser.spool_max_size = HELD
    usual = MultipartParser.__init__.__kwdefaults__
    if usual and "max_header_size" in usual:  # older versions have no such limit
        usual["max_header_size"] = HEADER


class FormRoute(APIRoute):
    """A route whose form is read within the bounds of its service, whatever the library's own are."""

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        """What answers a request."""
        usual = super().get_route_handler()

        async def answered(request: Request) -> Response:
            if self.body_field is not None:
                await _read(request, request.app.state.house.settings.max_files)
            return await usual(request)

        return answered


async def _read(request: Request, files: int) -> None:
    """Read the form; the request remembers it for whoever asks again.

    Raises:
        Problem: 400, no form; 413, more than the bounds allow; 408 and 413 of the gate.
        OSError, MemoryError: what takes uploads is full.
    """
    try:
        await request.form(max_files=files, max_fields=MOST_FIELDS, max_part_size=LONGEST_FIELD)
    except (Problem, OSError, MemoryError):
        raise
    except HTTPException as error:
        raise _told(str(error.detail), files) from None
    except Exception as error:  # noqa: BLE001  (a client that went away, and whatever an odd body makes of the parser)
        raise Problem(
            400, "bad-form", f"the form ends early or is none ({type(error).__name__}): send it again"
        ) from None


def _told(said: str, files: int) -> Problem:
    """What the parser of forms refused, in the service's words."""
    for beginning, sentence, limit in (
        ("Too many files", f"more than {files} files came, and no more are taken at once: send fewer", files),
        ("Too many fields", f"more than {MOST_FIELDS} options came: send fewer", MOST_FIELDS),
        (
            "Part exceeded",
            f"an option holds more than {LONGEST_FIELD} bytes: send files in the field file",
            LONGEST_FIELD,
        ),
        ("Field exceeded", f"an option holds more than {LONGEST_FIELD} bytes: send a multipart form", LONGEST_FIELD),
    ):
        if said.startswith(beginning):
            return Problem(413, "too-many-parts", sentence, limit=limit)
    return Problem(400, "bad-form", f"the form cannot be read ({said.rstrip('.')}): send it again")


def nothing() -> list[Any]:
    """An empty list. FastAPI asks for a factory's signature at every request, and ``list`` has one that must be parsed."""
    return []


Several = Annotated[Words, Form(default_factory=nothing)]


def form(
    model: Several, assume: Several, format: Several, setting: Several, byte: Several,
    threshold: Annotated[float | None, Form(gt=0, lt=1)] = None,
    flips: Annotated[Literal["none", "alternate", "all"], Form()] = "alternate",
    bands: Annotated[Word | None, Form()] = None, no_area: Annotated[bool, Form()] = False,
    vertical: Annotated[Literal["auto", "time", "depth"], Form()] = "auto",
    sample_interval: Annotated[Finite | None, Form(gt=0)] = None, spacing: Annotated[Word | None, Form()] = None,
    endian: Annotated[Literal["auto", "big", "little"], Form()] = "auto",
    offset: Annotated[Finite | None, Form()] = None, seed: Annotated[int, Form(ge=0, lt=2**63)] = 0,
) -> Asked:  # fmt: skip
    """The options of a form; see ``Asked``."""
    return Asked(
        model=model, assume=assume, threshold=threshold, flips=flips, format=format, setting=setting, bands=bands, no_area=no_area,
        vertical=vertical, sample_interval=sample_interval, spacing=spacing, byte=byte, endian=endian, offset=offset, seed=seed,
    )  # fmt: skip
