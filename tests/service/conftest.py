"""What the tests of the service share: an application with the shipped models, others with tight limits, live servers, drawn files."""

import http.client
import io
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest

pytest.importorskip("fastapi", reason="needs the extra 'serve': pip install 'outcrop[serve]'")
pytest.importorskip("sqlalchemy", reason="needs the extra 'serve': pip install 'outcrop[serve]'")

from fastapi.testclient import TestClient
from PIL import Image

from outcrop.service.app import build
from outcrop.service.settings import Settings

HERE = "http://127.0.0.1"


def drawn_picture(seed: int = 0, side: int = 101) -> np.ndarray[Any, np.dtype[np.uint8]]:
    """A grey picture with layers and a bright lump, (side, side)."""
    rng = np.random.default_rng(seed)
    row, col = np.mgrid[:side, :side]
    layers = 110 + 40 * np.sin(row / 4 + 0.02 * col * rng.uniform(0, 2)) + rng.normal(0, 8, (side, side))
    lump = np.hypot(row - 0.6 * side, col - 0.5 * side) < 0.25 * side
    return np.clip(np.where(lump, 150 + rng.normal(0, 25, (side, side)), layers), 0, 255).astype(np.uint8)


def encoded(array: Any, kind: str = "PNG", **settings: Any) -> bytes:
    """An array or image as the bytes of a file."""
    image = array if isinstance(array, Image.Image) else Image.fromarray(array)
    store = io.BytesIO()
    image.save(store, format=kind, **settings)
    return store.getvalue()


@pytest.fixture(scope="session")
def picture() -> Callable[..., bytes]:
    """A drawn picture as PNG: (seed, side) → bytes."""
    return lambda seed=0, side=101: encoded(drawn_picture(seed, side))


@pytest.fixture(scope="session")
def encode() -> Callable[..., bytes]:
    """See ``encoded``."""
    return encoded


@pytest.fixture(scope="session")
def draw() -> Callable[..., Any]:
    """See ``drawn_picture``."""
    return drawn_picture


@dataclass(frozen=True, kw_only=True)
class Service:
    """A running application and its client."""

    client: TestClient
    house: Any
    folder: Path

    def predict(self, content: bytes, name: str = "a.png", room: str = "salt", **fields: Any) -> Any:
        """POST one file."""
        return self.client.post(f"/tasks/{room}/predict", files={"file": (name, content)}, data=fields)

    def ended(self, id: str, seconds: float = 60) -> Any:
        """The job when it has ended."""
        until = time.monotonic() + seconds
        while time.monotonic() < until:
            job = self.client.get(f"/jobs/{id}").json()
            if job["state"] in ("done", "failed", "cancelled"):
                return job
            time.sleep(0.1)
        raise AssertionError(f"the job {id} did not end within {seconds} s")

    def left(self) -> list[str]:
        """Half-written files and folders below the service's folder, once no job is in work any more."""
        until = time.monotonic() + 60
        while set(self.house.jobs.counts()) & {"queued", "running"} and self.house.workers and time.monotonic() < until:
            time.sleep(0.1)
        return [str(p) for p in self.folder.rglob("*") if p.name.endswith(".part") or ".part" in p.name]


def started(folder: Path, **settings: Any) -> Iterator[Service]:
    """An application with its own folder, until the test ends."""
    plain: dict[str, Any] = {"folder": folder, "rate": 0, "lease": 3.0, "wait": 60.0, "preload": False}
    application = build(Settings(**{**plain, **settings}))
    with TestClient(application, base_url=HERE, raise_server_exceptions=False) as client:
        yield Service(client=client, house=application.state.house, folder=folder)


@pytest.fixture(scope="session")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    """One service for all tests that change none of its limits."""
    yield from started(tmp_path_factory.mktemp("service"))


@pytest.fixture(scope="module")
def own(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    """A service for one file of tests that start and stop the application themselves."""
    yield from started(tmp_path_factory.mktemp("own"))


@pytest.fixture
def make(tmp_path: Path) -> Iterator[Callable[..., Service]]:
    """Starts services with limits of their own: (settings) → Service."""
    running: list[Iterator[Service]] = []

    def start(**settings: Any) -> Service:
        one = started(tmp_path / f"service-{len(running)}", **settings)
        running.append(one)
        return next(one)

    yield start
    for one in running:
        next(one, None)


@dataclass(frozen=True, kw_only=True)
class Live:
    """`outcrop serve` as a process of its own."""

    process: "subprocess.Popen[bytes]"
    port: int

    def ask(self, verb: str, path: str, body: bytes | None = None, **headers: str) -> tuple[int, bytes]:
        """(status, body) of one request."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=60)
        try:
            connection.request(verb, path, body, {name.replace("_", "-"): value for name, value in headers.items()})
            answer = connection.getresponse()
            return answer.status, answer.read()
        finally:
            connection.close()

    def send(self, path: str, content: bytes, name: str, **headers: str) -> tuple[int, Any]:
        """(status, JSON) of posting one file."""
        head = f'--cut\r\nContent-Disposition: form-data; name="file"; filename="{name}"\r\n\r\n'.encode()
        kind = {"content-type": "multipart/form-data; boundary=cut"}
        status, said = self.ask("POST", path, head + content + b"\r\n--cut--\r\n", **kind, **headers)
        return status, json.loads(said)

    def wait(self, seconds: float = 60) -> "Live":
        """Itself, once it is ready."""
        until = time.monotonic() + seconds
        while time.monotonic() < until:
            assert self.process.poll() is None, f"the server has ended with {self.process.returncode}"
            try:
                if self.ask("GET", "/readyz")[0] == 200:
                    return self
            except OSError:
                pass
            time.sleep(0.1)
        raise AssertionError(f"the server was not ready within {seconds} s")

    def stop(self) -> int:
        """End it as an operator does; its exit status."""
        self.process.send_signal(signal.SIGTERM)
        return self.process.wait(60)

    def kill(self) -> None:
        """End it and all that belongs to it with a signal that nobody sees coming."""
        try:
            os.killpg(self.process.pid, signal.SIGKILL)
        except ProcessLookupError:
            pass
        self.process.wait(10)


@pytest.fixture
def live() -> Iterator[Callable[..., Live]]:
    """Starts servers: (options of `outcrop serve`, command and further settings of Popen) → Live; none outlives the test."""
    pytest.importorskip("granian", reason="needs granian: pip install 'outcrop[serve]'")
    running: list[Live] = []

    def start(*options: str, command: tuple[str, ...] = (sys.executable, "-m", "outcrop"), **more: Any) -> Live:
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            port = free.getsockname()[1]
        line = [*command, "serve", "--port", str(port), *options]
        quiet = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL, "start_new_session": True}
        running.append(Live(process=subprocess.Popen(line, **{**quiet, **more}), port=port))
        return running[-1]

    yield start
    for one in running:
        one.kill()


def _postgres(name: str) -> str | None:
    """A program of PostgreSQL: on the path, or where Debian puts it."""
    places = sorted(Path("/usr/lib/postgresql").glob(f"*/bin/{name}"))
    return shutil.which(name) or (str(places[-1]) if places else None)


@pytest.fixture(scope="session")
def postgres() -> Iterator[str]:
    """URL of a PostgreSQL that runs for these tests; skipped where it is not installed."""
    pytest.importorskip("psycopg", reason="needs psycopg: pip install 'psycopg[binary]'")
    initdb, ctl = _postgres("initdb"), _postgres("pg_ctl")
    if not initdb or not ctl:
        pytest.skip("needs PostgreSQL: apt-get install postgresql")
    # PostgreSQL does not run as root, and pytest closes its own folders to all others.
    user = ["runuser", "-u", "postgres", "--"] if os.geteuid() == 0 else []
    with tempfile.TemporaryDirectory(prefix="outcrop-postgres-") as place:
        folder = Path(place)
        data, quiet = folder / "data", {"capture_output": True, "timeout": 120, "cwd": folder}
        options = f"-c listen_addresses='' -c unix_socket_directories={folder} -c fsync=off"
        begin = [initdb, "-D", data, "-A", "trust", "-U", "outcrop", "--no-sync"]
        try:
            if user:
                shutil.chown(folder, "postgres", "postgres")
            for command in (begin, [ctl, "-D", data, "-w", "-o", options, "-l", folder / "log", "start"]):
                subprocess.run([*user, *command], check=True, **quiet)
        except (subprocess.SubprocessError, OSError, LookupError) as error:
            pytest.skip(f"PostgreSQL does not start here: {error}")
        yield f"postgresql://outcrop@/postgres?host={folder}"
        subprocess.run([*user, ctl, "-D", data, "-m", "immediate", "stop"], check=False, **quiet)


@pytest.fixture(params=["sqlite", "postgresql"])
def database(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    """URL of an empty database, SQLite and PostgreSQL in turn."""
    if request.param == "sqlite":
        yield f"sqlite:///{tmp_path / 'jobs.sqlite'}"
        return
    url = request.getfixturevalue("postgres")
    import psycopg

    name = f"outcrop_{os.urandom(6).hex()}"
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute(f"CREATE DATABASE {name}")
        yield url.replace("/postgres?", f"/{name}?")
        connection.execute(f"DROP DATABASE {name} WITH (FORCE)")
