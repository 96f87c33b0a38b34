"""Addresses of cameras and films on a network: which are allowed, and how they are named without their secrets."""

import re
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import unquote, urlsplit, urlunsplit

from outcrop.core.errors import UsageError

SCHEMES = ("http", "https", "rtsp", "rtsps")
"""Ways to a camera; every other protocol that a decoder knows (file, concat, data, ...) is refused."""

SCHEME = re.compile(r"([A-Za-z][A-Za-z0-9+.-]+):")
"""Two letters at least, so that the drive of a Windows path is none."""

SECRET = re.compile(r"(?i)((?:user(?:name)?|usr|login|pass(?:word|wd)?|pwd|token|key|auth)[=:_])[^&/;,@]*")
"""Names that cameras put before a secret in the path itself, e.g. ``/user=admin&password=1234``."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Address:
    """The address of a camera.

    Attributes:
        id: host, port and path without name, password, query and fragment: what may be shown.
        bare: the address without name and password; its query may hold secrets.
        whole: the address as given.
        user, password: decoded; empty where none were given.
    """

    id: str
    bare: str = field(repr=False)
    whole: str = field(repr=False)
    user: str = field(default="", repr=False)
    password: str = field(default="", repr=False)

    @property
    def scheme(self) -> str:
        """One of ``SCHEMES``."""
        return urlsplit(self.bare).scheme


def is_address(source: str | Path) -> bool:
    """Whether a text names a protocol rather than a file."""
    found = SCHEME.match(str(source)) if isinstance(source, str) else None
    return found is not None and ("://" in str(source) or not Path(source).exists())


def address_of(url: str) -> Address:
    """An address taken apart and checked.

    Raises:
        UsageError: another protocol, no host, or a port that is no number.

    >>> address_of("rtsp://admin:secret@10.0.0.7:554/live?token=abc").id
    '10.0.0.7:554/live'
    """
    try:
        parts = urlsplit(url)
        host, port = parts.hostname, parts.port
    except ValueError:
        raise UsageError("the address of the camera cannot be read: give http://host:port/path or rtsp://...") from None
    if parts.scheme not in SCHEMES:
        raise UsageError(
            f"an address that begins with {parts.scheme}: is not followed: give one of {', '.join(SCHEMES)}, "
            "or the path of a file"
        )
    if not host or re.search(r"[\s\x00-\x1f]", url):
        raise UsageError(f"the {parts.scheme} address names no host: give {parts.scheme}://host:port/path")
    place = f"[{host}]" if ":" in host else host
    place += f":{port}" if port else ""
    return Address(
        id=SECRET.sub(r"\1...", f"{place}{parts.path}").rstrip("/"),
        bare=urlunsplit((parts.scheme, place, parts.path, parts.query, "")),
        whole=url,
        user=unquote(parts.username or ""),
        password=unquote(parts.password or ""),
    )
