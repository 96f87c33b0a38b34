"""What the service may use and for how long it keeps things, as one value that travels to every process."""

import contextlib
import json
import os
from dataclasses import asdict, dataclass, field, fields
from pathlib import Path
from typing import Any

from outcrop.core.errors import UsageError

VARIABLE = "OUTCROP_SERVICE"
"""Environment variable that carries the settings as JSON."""

MIB = 1 << 20
LOOPBACK = ("127.0.0.1", "::1", "localhost")
"""Addresses that only this machine reaches."""

BASE, PER_PIXEL = 340 * MIB, 12
"""Bytes that the processes need before anything is decoded, and bytes for each pixel of a picture that is decoded whole."""

TIGHT = 1024 * MIB
"""Bytes of memory below which small pictures are smaller and jobs return memory at once, which takes them longer."""

GROUPS = Path("/sys/fs/cgroup")

HARDENED = {
    # A VRT, which may name any file of the machine, is not even known; neither is anything that fetches.
    "GDAL_SKIP": "VRT GTI WMS WCS WMTS HTTP STACIT STACTA PLMOSAIC DERIVED Zarr EEDA EEDAI NGW OGCAPI DAAS",
    "GDAL_DISABLE_READDIR_ON_OPEN": "EMPTY_DIR",
    "CPL_VSIL_CURL_ALLOWED_EXTENSIONS": ".nothing-is-fetched",
    "GDAL_PAM_ENABLED": "NO",
    "GDAL_HTTP_TIMEOUT": "1",
    "GDAL_CACHEMAX": "64",
    "PROJ_NETWORK": "OFF",
    "OMP_NUM_THREADS": "1",
    "OPENBLAS_NUM_THREADS": "1",
    "MALLOC_ARENA_MAX": "2",
    "OUTCROP_ARENA": "0",
}
"""Environment of every process of the service; what the operator has set stays."""


def harden() -> None:
    """Put ``HARDENED`` into the environment, before libraries read it."""
    for name, value in HARDENED.items():
        os.environ.setdefault(name, value)


def memory(process: Path = Path("/proc/self"), groups: Path = GROUPS) -> int:
    """Bytes that this process may use: the least limit of its control groups where there is one, else the machine's memory."""
    whole = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") if hasattr(os, "sysconf") else 2 * TIGHT
    try:
        lines = [line.split(":", 2) for line in (process / "cgroup").read_text(encoding="utf-8").splitlines()]
    except OSError:
        return whole
    found = [whole]
    for _, controllers, place in lines:
        if "memory" in controllers.split(","):
            top, name = groups / "memory", "memory.limit_in_bytes"
        elif not controllers:
            top, name = groups, "memory.max"
        else:
            continue
        inner = top / place.strip("/")
        # Inside a container the group's own place is not there: what is mounted is the group itself.
        for folder in (inner, *inner.parents):
            with contextlib.suppress(OSError, ValueError):  # none, or "max"
                found.append(int((folder / name).read_text(encoding="ascii")))
            if folder == top:
                break
    return min(found)


def pixel_limit(available: int) -> int:
    """Most pixels of a picture that is decoded whole: 14 million in 512 MiB, never more than 100 million."""
    return int(min(max((available - BASE) // PER_PIXEL, 4_000_000), 100_000_000))


def small_limit(available: int) -> int:
    """Most pixels of a picture that is answered at once, by the process that serves."""
    return 4_000_000 if available >= TIGHT else 1_000_000


def job_limit(available: int) -> int:
    """Bytes of address space that a job may add, libraries and mapped files included: twice the memory, 4 GiB at most."""
    return min(2 * available, 4096 * MIB)


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """Limits and places of one service.

    Attributes:
        folder: results, uploads and, unless ``database`` says otherwise, the job table.
        database: SQLAlchemy URL; empty takes SQLite in the folder.
        host, port: where to listen.
        hosts: names under which the service is reached; requests for other hosts are refused. Loopback is always known.
        proxies: addresses whose X-Forwarded-For is believed.
        max_body: bytes of one request.
        max_files: files of one request.
        max_pixels: pixels of a picture that is decoded whole.
        max_raster: pixels of a raster that is read window by window.
        small: pixels up to which a picture is answered at once.
        lazy: pixels up to which the files of such an answer are made only when somebody asks for them.
        lane: pictures that may wait to be answered at once.
        lane_window: seconds that the first picture waits for others to share its batch.
        queue: jobs that may wait.
        workers: jobs that are done at a time by this process; 0 where other processes work.
        rate, burst: requests a second and at once, for each client; rate 0 is unlimited.
        header_seconds: most seconds until the head of a request has come; a connection that says nothing for as long is closed.
        body_rate, body_seconds: least bytes a second, and most seconds, of an upload.
        decode_seconds, job_seconds: most seconds of decoding a small picture, and of a job.
        job_memory: bytes of address space that a job may add to what its process starts with.
        lease, tries: seconds after which a silent worker's job is given to another, and how often.
        keep_days, keep_bytes: how long results are kept, and how many bytes of them, the oldest going first.
        least_free: bytes free on the disk below which nothing is taken in.
        preload: load every model at the start; False loads each when it is first needed.
        wait: most seconds that a request may wait for its job.
        rooms: tasks offered; empty takes all.
    """

    folder: Path = Path("outcrop-service")
    database: str = ""
    host: str = "127.0.0.1"
    port: int = 8000
    hosts: tuple[str, ...] = ()
    proxies: tuple[str, ...] = ()
    max_body: int = 200 * MIB
    max_files: int = 100
    max_pixels: int = field(default_factory=lambda: pixel_limit(memory()))
    max_raster: int = 1_000_000_000
    small: int = field(default_factory=lambda: small_limit(memory()))
    lazy: int = 262_144
    lane: int = 32
    lane_window: float = 0.004
    queue: int = 100
    workers: int = 1
    rate: float = 200.0
    burst: int = 400
    header_seconds: float = 15.0
    body_rate: int = 2048
    body_seconds: float = 900.0
    decode_seconds: float = 20.0
    job_seconds: float = 3600.0
    job_memory: int = field(default_factory=lambda: job_limit(memory()))
    lease: float = 30.0
    tries: int = 3
    keep_days: float = 7.0
    keep_bytes: int = 10_000 * MIB
    least_free: int = 100 * MIB
    preload: bool = True
    wait: float = 60.0
    rooms: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        """Refuse what could not work."""
        positive = (
            "max_body",
            "max_files",
            "max_pixels",
            "lane",
            "queue",
            "lease",
            "tries",
            "keep_days",
            "job_seconds",
            "header_seconds",
        )
        if wrong := [name for name in positive if getattr(self, name) <= 0]:
            raise UsageError(f"the setting {wrong[0]} is {getattr(self, wrong[0])}, and more than 0 is wanted")
        if not 0 <= self.port < 65536:
            raise UsageError(f"the port {self.port} does not exist: give one from 1 to 65535")

    @property
    def url(self) -> str:
        """Where the tables are."""
        return self.database or f"sqlite:///{(self.folder / 'service.sqlite').resolve()}"

    @property
    def open(self) -> bool:
        """True where only this machine can reach the service."""
        return self.host in LOOPBACK

    def to_json(self) -> str:
        """As text, for the environment of other processes."""
        return json.dumps(asdict(self), default=str)

    @classmethod
    def from_json(cls, text: str) -> "Settings":
        """What ``to_json`` wrote, or any part of it.

        Raises:
            UsageError: no JSON object, or a setting that is not known.
        """
        try:
            given: dict[str, Any] = json.loads(text)
            known = {one.name: one for one in fields(cls)}
            if strange := [name for name in given if name not in known]:
                raise UsageError(f"{VARIABLE} holds the setting {strange[0]!r}: choose one of {', '.join(known)}")
            lists = {name: tuple(value) for name, value in given.items() if isinstance(value, list)}
            place = {"folder": Path(given["folder"])} if "folder" in given else {}
            return cls(**{**given, **lists, **place})
        except (ValueError, TypeError, AttributeError) as error:
            raise UsageError(
                f'{VARIABLE} is no JSON object of settings ({error}): give e.g. {{"port": 8000}}'
            ) from None

    @classmethod
    def from_environment(cls) -> "Settings":
        """The settings that the environment carries; the usual ones where it carries none."""
        return cls.from_json(os.environ.get(VARIABLE, "{}"))
