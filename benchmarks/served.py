"""The service as a process of its own, and what asks it: pictures, forms, clients, and what its processes hold and use."""

import http.client
import io
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import numpy as np
from PIL import Image

from benchmarks.cell import Cell

OUTCROP = [sys.executable, "-m", "outcrop"]
PORT = 18_123


def drawn(count: int, side: int = 101) -> list[bytes]:
    """Different grey pictures as PNG."""
    rng = np.random.default_rng(0)
    row, col = np.mgrid[:side, :side]
    found = []
    for _ in range(count):
        layers = 110 + 40 * np.sin(row / rng.uniform(3, 6) + 0.02 * col) + rng.normal(0, 8, (side, side))
        lump = np.hypot(row - rng.uniform(0, side), col - rng.uniform(0, side)) < rng.uniform(0, 0.4) * side
        store = io.BytesIO()
        Image.fromarray(np.clip(np.where(lump, 150, layers), 0, 255).astype(np.uint8)).save(store, "PNG")
        found.append(store.getvalue())
    return found


def form(content: bytes, name: str) -> tuple[bytes, dict[str, str]]:
    """A multipart body with one file."""
    head = f'--cut\r\nContent-Disposition: form-data; name="file"; filename="{name}"\r\nContent-Type: image/png\r\n\r\n'
    return head.encode() + content + b"\r\n--cut--\r\n", {"content-type": "multipart/form-data; boundary=cut"}


def ask(
    connection: http.client.HTTPConnection, body: bytes, headers: dict[str, str], room: str = "salt"
) -> tuple[int, bytes]:
    """One prediction over a connection that stays open."""
    with suppress(BrokenPipeError):  # refused before all of it was sent: the answer says why
        connection.request("POST", f"/tasks/{room}/predict", body, headers)
    answer = connection.getresponse()
    return answer.status, answer.read()


def fetch(path: str) -> bytes:
    """What an address gives."""
    connection = http.client.HTTPConnection("127.0.0.1", PORT, timeout=120)
    connection.request("GET", path)
    return connection.getresponse().read()


def family(pid: int) -> list[int]:
    """A process and all below it that are alive, by /proc."""
    found = [pid]
    for stat in Path("/proc").glob("[0-9]*/stat"):
        try:
            state, parent, *_ = stat.read_text().rsplit(")", 1)[1].split()
        except OSError:
            continue
        if int(parent) == pid and state != "Z":
            found += family(int(stat.parent.name))
    return found


def memory(pid: int) -> tuple[float, float, float]:
    """(resident MB of the largest process, proportional MB of all, peak resident MB of the largest)."""
    largest = peak = shared = 0.0
    for one in family(pid):
        try:
            status = dict(line.split(":", 1) for line in Path(f"/proc/{one}/status").read_text().splitlines())
            pages = Path(f"/proc/{one}/smaps_rollup").read_text()
        except OSError:
            continue
        largest = max(largest, int(status["VmRSS"].split()[0]) / 1024)
        peak = max(peak, int(status["VmHWM"].split()[0]) / 1024)
        shared += next(int(line.split()[1]) for line in pages.splitlines() if line.startswith("Pss:")) / 1024
    return largest, shared, peak


def processor(pid: int) -> float:
    """Seconds of processor time that a process and all below it have used."""
    ticks = 0
    for one in family(pid):
        try:
            parts = Path(f"/proc/{one}/stat").read_text().rsplit(")", 1)[1].split()
        except OSError:
            continue
        ticks += int(parts[11]) + int(parts[12])
    return ticks / os.sysconf("SC_CLK_TCK")


def load(
    pictures: list[bytes], clients: int, seconds: float, room: str = "salt"
) -> tuple[list[float], dict[int, int], float]:
    """(seconds of every answer 200, answers by status, wall seconds)."""
    times: list[float] = []
    codes: dict[int, int] = {}
    turn, position = threading.Lock(), [0]
    end = time.perf_counter() + seconds

    def client() -> None:
        connection = http.client.HTTPConnection("127.0.0.1", PORT, timeout=60)
        while time.perf_counter() < end:
            with turn:
                position[0] += 1
                number = position[0]
            body, headers = form(pictures[number % len(pictures)], f"p{number}.png")
            began = time.perf_counter()
            try:
                code, _ = ask(connection, body, headers, room)
            except (OSError, http.client.HTTPException):
                connection.close()
                code = 0
            with turn:
                codes[code] = codes.get(code, 0) + 1
                if code == 200:
                    times.append(time.perf_counter() - began)

    began = time.perf_counter()
    threads = [threading.Thread(target=client) for _ in range(clients)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return times, codes, time.perf_counter() - began


def ready() -> None:
    """Wait until the models are loaded."""
    for _ in range(600):
        try:
            connection = http.client.HTTPConnection("127.0.0.1", PORT, timeout=5)
            connection.request("GET", "/readyz")
            if connection.getresponse().status == 200:
                return
        except OSError:
            pass
        time.sleep(0.2)
    raise SystemExit("the service did not become ready")


@contextmanager
def served(folder: str, cell: Cell | None = None) -> Iterator[int]:
    """`outcrop serve` with a folder of its own, ready; its process."""
    command = [*OUTCROP, "serve", "--port", str(PORT), "--folder", folder, "--rate", "0", "--queue", "1000"]
    surroundings = {**os.environ, "MALLOC_ARENA_MAX": "2", "OMP_NUM_THREADS": "1"}
    command = cell.command(command) if cell else command
    server = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, env=surroundings)
    try:
        ready()
        yield server.pid
    finally:
        server.send_signal(signal.SIGTERM)
        server.wait(60)
