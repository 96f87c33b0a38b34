"""Pictures from a camera over HTTP: JPEG after JPEG in one answer (multipart/x-mixed-replace), or one for each question.

The pictures are found by their own markers (ITU-T T.81, annex B), not by the boundary or the length that the camera
announces, since many cameras announce them wrongly or not at all.
"""

import re
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from http.client import HTTPException
from io import BytesIO
from typing import Any
from urllib.error import HTTPError, URLError
from urllib.parse import urlsplit
from urllib.request import (
    HTTPBasicAuthHandler,
    HTTPDigestAuthHandler,
    HTTPPasswordMgrWithDefaultRealm,
    HTTPRedirectHandler,
    OpenerDirector,
    Request,
    build_opener,
)

import numpy as np
from PIL import Image

from outcrop.core.errors import BadInput, DamagedFile, TooLarge
from outcrop.sources.film_address import Address
from outcrop.sources.film_stream import MOST_PIXELS, Pixels, Stream, Taken, Tally

BEGIN, END = b"\xff\xd8\xff", 0xD9
MARKER = re.compile(rb"\xff[^\x00\xd0-\xd7\xff]")
"""A marker inside coded data: neither a stuffed byte, nor a restart, nor padding."""

MOST_BYTES = 32_000_000
"""One picture may not be longer; a stream without an end would fill the memory."""

PERMANENT = {
    401: "wants a name and a password: give them as http://name:password@host/...",
    403: "refuses this name and password: ask its owner",
    404: "does not exist on its host: check the path of the address",
}
"""Answers after which asking again does not help, and may lock the account."""


class JpegSplitter:
    """Whole JPEG pictures out of a stream of bytes with anything between them.

    >>> splitter = JpegSplitter()
    >>> splitter.feed(b"--frame\\r\\n\\r\\n" + b"\\xff\\xd8\\xff\\xda\\x00\\x02ab"), len(splitter.feed(b"cd\\xff\\xd9--")[0])
    ([], 12)
    """

    def __init__(self) -> None:
        self.damaged = 0
        self._bytes = bytearray()
        self._at = 0  # how far the picture at the front has been walked
        self._coded = False  # inside its coded data

    @property
    def begun(self) -> bool:
        """A picture has begun and not ended."""
        return self._at > 0

    def feed(self, part: bytes) -> list[bytes]:
        """Add bytes; the pictures that they complete."""
        self._bytes += part
        whole = []
        while (picture := self._next()) is not None:
            whole.append(picture)
        return whole

    def _next(self) -> bytes | None:
        while True:
            if not self._at and not self._found():
                return None
            end = self._walk()
            if end is None:
                if len(self._bytes) > MOST_BYTES:
                    self._drop(2)
                return None
            if end:
                picture = bytes(self._bytes[:end])
                del self._bytes[:end]
                self._at, self._coded = 0, False
                return picture

    def _found(self) -> bool:
        """Bring the next beginning to the front."""
        begin = self._bytes.find(BEGIN)
        del self._bytes[: begin if begin >= 0 else max(len(self._bytes) - 2, 0)]
        self._at = 2 if begin >= 0 else 0
        return begin >= 0

    def _walk(self) -> int | None:
        """Where the picture at the front ends; None where more bytes are needed, 0 where it was broken."""
        data = self._bytes
        while self._at + 4 <= len(data):
            if self._coded:
                found = MARKER.search(data, self._at)
                if found is None:
                    self._at = len(data) - 1
                    return None
                self._at, self._coded = found.start(), False
                continue
            kind = data[self._at + 1]
            if data[self._at] != 0xFF or kind == 0x00:
                return self._drop(2)
            if kind == 0xD8:
                return self._drop(self._at)  # a picture without an end, and here the next one begins
            if kind == END:
                return self._at + 2
            if kind == 0xFF:  # padding before a marker
                self._at += 1
                continue
            self._at += 2 + int.from_bytes(data[self._at + 2 : self._at + 4], "big")
            self._coded = kind == 0xDA
        if not self._coded and data[self._at : self._at + 2] == b"\xff\xd9":
            return self._at + 2
        return None

    def _drop(self, length: int) -> int:
        """Leave a broken picture."""
        self.damaged += 1
        del self._bytes[: max(length, 2)]
        self._at, self._coded = 0, False
        return 0


class _SameHost(HTTPRedirectHandler):
    """Redirections, on which a password never follows to another host."""

    def redirect_request(self, req: Request, fp: Any, code: int, msg: str, headers: Any, newurl: str) -> Request | None:
        request = super().redirect_request(req, fp, code, msg, headers, newurl)
        if request is not None and urlsplit(newurl).netloc != urlsplit(req.full_url).netloc:
            request.remove_header("Authorization")
        if urlsplit(newurl).scheme not in ("http", "https"):
            raise HTTPError(req.full_url, code, "redirected to another protocol", headers, fp)
        return request


def _opener(address: Address) -> OpenerDirector:
    """A client for one camera: basic and digest passwords, redirections within HTTP."""
    handlers: list[Any] = [_SameHost()]
    if address.user:
        passwords = HTTPPasswordMgrWithDefaultRealm()
        passwords.add_password(None, address.bare, address.user, address.password)
        handlers += [HTTPBasicAuthHandler(passwords), HTTPDigestAuthHandler(passwords)]
    return build_opener(*handlers)


def ask(address: Address, timeout: float) -> Any:
    """The answer of a camera, open: ``.headers``, ``.read1()``, ``.close()``.

    Raises:
        BadInput: it wants a password, or knows no such path.
        ConnectionError: it does not answer.
    """
    request = Request(address.bare, headers={"User-Agent": "outcrop", "Accept": "*/*"})
    try:
        return _opener(address).open(request, timeout=timeout)
    except HTTPError as error:
        error.close()
        if error.code in PERMANENT:
            raise BadInput(f"{address.id} {PERMANENT[error.code]}") from None
        raise ConnectionError(f"{address.id} answers with the error {error.code}") from None
    except URLError as error:
        why = getattr(error.reason, "strerror", None) or "no answer"
        raise ConnectionError(f"{address.id} cannot be reached ({why})") from None
    except TimeoutError:
        raise ConnectionError(f"{address.id} did not answer within {timeout:g} s") from None
    except (OSError, HTTPException, ValueError):
        raise ConnectionError(f"{address.id} does not answer as a camera does") from None


def decode_jpeg(data: bytes, name: str) -> Pixels:
    """One picture, (rows, cols, 3).

    Raises:
        DamagedFile: it is cut off or broken.
    """
    try:
        with Image.open(BytesIO(data), formats=("JPEG",)) as image:
            if image.width * image.height > MOST_PIXELS:
                raise TooLarge(
                    f"{name} has pictures of more than {MOST_PIXELS} pixels: set the camera to a smaller size"
                )
            return np.asarray(image.convert("RGB"))
    except (OSError, ValueError, SyntaxError, Image.DecompressionBombError):
        raise DamagedFile(f"{name} sent a damaged picture") from None


def _parts(address: Address, answer: Any, timeout: float, tally: Tally) -> Iterator[bytes]:
    """The bytes of each picture, until the camera falls silent; broken ones go to the tally."""
    splitter = JpegSplitter()
    heard = time.monotonic()
    try:
        while part := answer.read1(1 << 16):
            for picture in splitter.feed(part):
                heard = time.monotonic()
                tally.damaged = splitter.damaged
                yield picture
            if time.monotonic() - heard > timeout:
                raise ConnectionError(f"{address.id} sent no whole picture for {timeout:g} s")
    except TimeoutError:
        raise ConnectionError(f"{address.id} was silent for {timeout:g} s") from None
    except (OSError, HTTPException, ValueError, AttributeError) as error:  # the last two: closed while it was read
        ours = isinstance(error, ConnectionError) and error.errno is None
        raise ConnectionError(str(error) if ours else f"{address.id} broke off") from None
    finally:
        tally.damaged = splitter.damaged + splitter.begun
    raise ConnectionError(f"{address.id} closed the connection")


def _asked(address: Address, answer: Any, timeout: float, pause: float) -> Iterator[bytes]:
    """As ``_parts``, for a camera that gives one picture for each question; the same bytes twice are one picture."""
    last, heard, due = b"", time.monotonic(), time.monotonic()
    while True:
        try:
            data = answer.read(MOST_BYTES)
        except (OSError, HTTPException, ValueError, AttributeError):
            raise ConnectionError(f"{address.id} broke off") from None
        finally:
            answer.close()
        if data != last:
            last, heard = data, time.monotonic()
            yield data
        elif time.monotonic() - heard > max(timeout, 3 * pause):
            raise ConnectionError(f"{address.id} gives the same picture again and again")
        due = max(due + pause, time.monotonic())
        time.sleep(max(due - time.monotonic(), 0.0))
        answer = ask(address, timeout)


def open_mjpeg(address: Address, answer: Any, *, timeout: float, pause: float = 1.0) -> Stream:
    """A camera whose answer has begun.

    Args:
        pause: seconds between questions to a camera that gives one picture each.

    Raises:
        ConnectionError: no whole picture came.
    """
    single = answer.headers.get_content_type() == "image/jpeg"
    tally = Tally()
    parts = _asked(address, answer, timeout, pause) if single else _parts(address, answer, timeout, tally)

    def taken() -> Iterator[Taken]:
        began = time.monotonic()
        for number, data in enumerate(parts):
            yield Taken(
                index=number + tally.damaged,
                seconds=time.monotonic() - began,
                pixels=lambda data=data: decode_jpeg(data, address.id),  # type: ignore[misc]
                acquired=datetime.now(UTC),
            )

    pictures = taken()
    first, shape = _first_whole(pictures, tally, address)
    return Stream(
        shape=shape,
        rate=1 / pause if single else None,
        live=True,
        taken=_with_first(first, pictures),
        close=answer.close,
        tally=tally,
        began=first.acquired,
    )


def _with_first(first: Taken, rest: Iterator[Taken]) -> Iterator[Taken]:
    yield first
    yield from rest


def _first_whole(pictures: Iterator[Taken], tally: Tally, address: Address) -> tuple[Taken, tuple[int, int]]:
    """The first picture that decodes, and its shape; ten broken ones are no camera."""
    for taken, _ in zip(pictures, range(10), strict=False):
        try:
            rows, cols, _ = taken.pixels().shape
        except DamagedFile:
            continue
        return taken, (rows, cols)
    raise ConnectionError(f"{address.id} sent damaged pictures only")
