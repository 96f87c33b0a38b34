"""What the tests of hostile and odd requests share: how a refusal looks, files that claim what they do not hold, a served service."""

import contextlib
import io
import os
import socket
import struct
import zlib
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from benchmarks.served import family


def problem(answer: Any, status: int, *words: str) -> Any:
    """The problem document of an answer, which must have this status and say these words."""
    assert answer.status_code == status, answer.text
    assert answer.headers["content-type"] == "application/problem+json"
    found = answer.json()
    assert {"type", "title", "status", "detail", "instance"} <= set(found) and found["status"] == status
    for word in words:
        assert word in answer.text, (word, answer.text)
    return found


@pytest.fixture(scope="session")
def refused() -> Callable[..., Any]:
    """See ``problem``: (answer, status, words) → document."""
    return problem


@pytest.fixture(scope="session")
def line() -> bytes:
    """A seismic line of noise as NumPy file: what always becomes a job."""
    store = io.BytesIO()
    np.save(store, np.random.default_rng(0).normal(size=(200, 40)).astype(np.float32))
    return store.getvalue()


def png_claiming(cols: int, rows: int, frames: int = 0) -> bytes:
    """A PNG whose header claims a size, and perhaps frames, and whose pixels are missing."""

    def chunk(kind: bytes, body: bytes) -> bytes:
        return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))

    head = chunk(b"IHDR", struct.pack(">IIBBBBB", cols, rows, 8, 0, 0, 0, 0))
    moving = chunk(b"acTL", struct.pack(">II", frames, 0)) if frames else b""
    return b"\x89PNG\r\n\x1a\n" + head + moving + chunk(b"IDAT", zlib.compress(b"\0" * 1000)) + chunk(b"IEND", b"")


def tiff_claiming(cols: int, rows: int) -> bytes:
    """A sparse little TIFF that claims a size; one strip of no bytes."""
    tags = [(256, 4, 1, cols), (257, 4, 1, rows), (258, 3, 1, 8), (259, 3, 1, 1), (262, 3, 1, 1), (273, 4, 1, 0), (277, 3, 1, 1),
            (278, 4, 1, rows), (279, 4, 1, 0), (33550, 12, 3, 200)]  # fmt: skip
    body = struct.pack("<H", len(tags)) + b"".join(struct.pack("<HHII", *tag) for tag in tags) + struct.pack("<I", 0)
    return (b"II*\0" + struct.pack("<I", 8) + body).ljust(200, b"\0") + struct.pack("<ddd", 10, 10, 0)


def jp2_claiming(cols: int, rows: int) -> bytes:
    """The beginning of a JPEG 2000 codestream that claims a size."""
    size = struct.pack(">HHIIIIIIIIH", 41, 0, cols, rows, 0, 0, 1024, 1024, 0, 0, 1) + b"\x07\x01\x01"
    return b"\xff\x4f\xff\x51" + size + bytes(200)


@pytest.fixture(scope="session")
def claiming() -> dict[str, Callable[..., bytes]]:
    """Kind → maker of a small file that claims to be large: (cols, rows) → bytes."""
    return {
        "png": png_claiming, "tiff": tiff_claiming, "jp2": jp2_claiming,
        "bmp": lambda cols, rows: b"BM" + bytes(12) + struct.pack("<Iii", 40, cols, rows) + bytes(40),
        "jpeg": lambda cols, rows: b"\xff\xd8\xff\xc0" + struct.pack(">HBHH", 17, 8, rows, cols) + bytes(60),
        "webp": lambda cols, rows: b"RIFF\x20\0\0\0WEBPVP8X\x0a\0\0\0\0\0\0\0" + (cols - 1).to_bytes(3, "little")
        + (rows - 1).to_bytes(3, "little") + bytes(30),
    }  # fmt: skip


# A service that is served -------------------------------------------------------------------------------------


@dataclass(frozen=True, kw_only=True)
class Watched:
    """``outcrop serve`` in processes of its own, seen from outside."""

    live: Any
    folder: Path
    log: Path

    def connect(self, first: bytes = b"") -> socket.socket:
        """A connection on which something was said."""
        one = socket.create_connection(("127.0.0.1", self.live.port), timeout=30)
        one.sendall(first)
        return one

    def post(self, content: bytes, **fields: str) -> bytes:
        """The bytes of a request that sends one file to the room salt."""
        part = b'--x\r\nContent-Disposition: form-data; name="%s"\r\n\r\n%s\r\n'
        parts = [part % (name.encode(), value.encode()) for name, value in fields.items()]
        parts.append(
            b'--x\r\nContent-Disposition: form-data; name="file"; filename="a.npy"\r\n\r\n' + content + b"\r\n--x--\r\n"
        )
        body = b"".join(parts)
        head = (
            "POST /tasks/salt/predict HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: multipart/form-data; boundary=x\r\n"
        )
        return f"{head}Content-Length: {len(body)}\r\n\r\n".encode() + body

    def temporary(self) -> list[str]:
        """Files that its processes hold open and that have no name any more, as uploads have while they come."""
        found = []
        for pid in family(self.live.process.pid):
            for handle in Path(f"/proc/{pid}/fd").glob("*"):
                with contextlib.suppress(OSError):
                    found.append(os.readlink(handle))
        return [target for target in found if target.endswith("(deleted)") and "memfd" not in target]

    def resident(self) -> int:
        """Bytes of memory of its largest process."""
        pages = [int(Path(f"/proc/{pid}/statm").read_text().split()[1]) for pid in family(self.live.process.pid)]
        return max(pages) * os.sysconf("SC_PAGE_SIZE")


@pytest.fixture
def watch(live: Callable[..., Any], tmp_path: Path) -> Callable[..., Watched]:
    """Starts ``outcrop serve`` with settings, and waits until it is ready: (settings) → Watched."""
    if not Path("/proc/self/fd").exists():
        pytest.skip("needs /proc")

    def start(**settings: Any) -> Watched:
        plain = {"preload": "false", "least_free": "0", **settings}
        options = [word for name, value in plain.items() for word in ("--set", f"{name}={value}")]
        with (tmp_path / "log").open("wb") as log:
            server = live("--folder", str(tmp_path / "served"), *options, stdout=log, stderr=log)
        return Watched(live=server.wait(), folder=tmp_path / "served", log=tmp_path / "log")

    return start
