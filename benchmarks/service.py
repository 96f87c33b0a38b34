"""The service's promises: small pictures a second at 16 clients, the slowest twentieth of the answers, memory, overload, a queue.

``python -m benchmarks.service [--seconds 20] [--clients 16] [--jobs 0] [--uploads 0]`` starts `outcrop serve` on the
loopback with a folder of its own, asks, and prints a table. Pictures differ, so that no answer comes from the store.
"""

import argparse
import http.client
import io
import json
import os
import signal
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path

import numpy as np
from PIL import Image

PORT = 18_123
PROMISED, SLOWEST, MEMORY = 60.0, 0.25, 512
"""Pictures a second, seconds, MB."""


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


def ask(connection: http.client.HTTPConnection, body: bytes, headers: dict[str, str]) -> tuple[int, bytes]:
    """One prediction over a connection that stays open."""
    connection.request("POST", "/tasks/salt/predict", body, headers)
    answer = connection.getresponse()
    return answer.status, answer.read()


def family(pid: int) -> list[int]:
    """A process and all below it."""
    found = [pid]
    for stat in Path("/proc").glob("[0-9]*/stat"):
        try:
            parent = int(stat.read_text().rsplit(")", 1)[1].split()[1])
        except OSError:
            continue
        if parent == pid:
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


def load(pictures: list[bytes], clients: int, seconds: float) -> tuple[list[float], dict[int, int], float]:
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
                code, _ = ask(connection, body, headers)
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


def uploads(count: int, pictures: list[bytes]) -> dict[int, int]:
    """Good, odd and damaged uploads mixed; answers by status."""
    rng = np.random.default_rng(1)
    connection = http.client.HTTPConnection("127.0.0.1", PORT, timeout=60)
    codes: dict[int, int] = {}
    for i in range(count):
        content = bytearray(pictures[i % len(pictures)])
        if i % 3:
            for _ in range(int(rng.integers(1, 30))):
                content[int(rng.integers(len(content)))] = int(rng.integers(256))
        if i % 7 == 0:
            content = content[: int(rng.integers(1, len(content)))]
        try:
            code, _ = ask(connection, *form(bytes(content), f"u{i}.png"))
        except (OSError, http.client.HTTPException):
            connection.close()
            code = 0
        codes[code] = codes.get(code, 0) + 1
    return codes


def queue(count: int) -> tuple[float, int]:
    """(seconds, jobs done) of many small sections."""
    connection = http.client.HTTPConnection("127.0.0.1", PORT, timeout=60)
    ids = []
    for i in range(count):
        store = io.BytesIO()
        np.save(store, np.random.default_rng(i).normal(size=(200, 60)).astype(np.float32))
        _, answer = ask(connection, *form(store.getvalue(), f"line-{i}.npy"))
        ids.append(json.loads(answer)["id"])
    began, done = time.perf_counter(), 0
    while done < count and time.perf_counter() - began < 30 * count:
        connection.request("GET", "/results?limit=200")
        lines = json.loads(connection.getresponse().read())["results"]
        done = len({line["id"] for line in lines} & set(ids))
        time.sleep(0.5)
    return time.perf_counter() - began, done


def strike(pid: int, after: float, told: list[int]) -> None:
    """Kill the service's worker in the middle of its work, with a signal that it cannot see coming."""
    time.sleep(after)
    for member in family(pid):
        try:
            words = Path(f"/proc/{member}/cmdline").read_bytes()
        except OSError:
            continue
        # Jobs run in children of a small fork server; its own death is the worst that can happen to them.
        if b"outcrop.service.forks" in words or b"outcrop.service.worker" in words:
            os.kill(member, signal.SIGKILL)
            told.append(member)
            return


def main() -> int:
    """Measure, print; 1 when a promise is broken."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=20.0)
    parser.add_argument("--clients", type=int, default=16)
    parser.add_argument("--jobs", type=int, default=0)
    parser.add_argument("--uploads", type=int, default=0)
    said = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        command = [
            sys.executable,
            "-m",
            "outcrop",
            "serve",
            "--port",
            str(PORT),
            "--folder",
            folder,
            "--rate",
            "0",
            "--queue",
            "1000",
        ]
        server = subprocess.Popen(command, stderr=subprocess.DEVNULL, env={**os.environ, "MALLOC_ARENA_MAX": "2"})
        try:
            ready()
            rows = measured(said, server.pid, Path(folder))
        finally:
            server.send_signal(signal.SIGTERM)
            server.wait(60)
    sys.stdout.write("\n".join(f"{what:58} {value}" for what, value, _ in rows) + "\n")
    return 0 if all(kept for *_, kept in rows) else 1


def measured(said: argparse.Namespace, pid: int, folder: Path) -> list[tuple[str, str, bool]]:
    """(what, figure, whether the promise is kept) one after the other."""
    pictures = drawn(1500)
    load(pictures[-40:], 2, 1.0)
    used = processor(pid)
    times, codes, wall = load(pictures, said.clients, said.seconds)
    used = processor(pid) - used
    rate, slow = len(times) / wall, float(np.quantile(times, 0.95)) if times else float("inf")
    rows = [
        (f"pictures of 101 px a second, {said.clients} clients", f"{rate:.1f}", rate >= PROMISED),
        (
            "half, 95 %, slowest of the answers, ms",
            f"{1e3 * float(np.median(times)):.0f}, {1e3 * slow:.0f}, {1e3 * max(times):.0f}",
            slow < SLOWEST,
        ),
        ("processor time of the service for a picture, ms", f"{1e3 * used / max(len(times), 1):.1f}", True),
        ("answers by status", str(codes), set(codes) <= {200, 503}),
    ]
    _, crowd, _ = load(pictures, 120, min(said.seconds, 5.0))
    rows.append(("120 clients: answers by status", str(crowd), set(crowd) <= {200, 503}))
    if said.uploads:
        odd = uploads(said.uploads, pictures)
        left = [p.name for p in folder.rglob("*") if ".part" in p.name]
        rows.append(
            (
                f"{said.uploads} good, odd and damaged uploads by status",
                f"{odd}, left over: {len(left)}",
                not left and max(odd) < 500,
            )
        )
    if said.jobs:
        killed: list[int] = []
        threads = [threading.Thread(target=strike, args=(pid, after, killed)) for after in (10.0, 30.0)]
        for thread in threads:
            thread.start()
        seconds, done = queue(said.jobs)
        for thread in threads:
            thread.join()
        rows.append(
            (
                f"{said.jobs} jobs, the worker killed {len(killed)} times",
                f"{done} done in {seconds:.0f} s",
                done == said.jobs,
            )
        )
    largest, shared, peak = memory(pid)
    rows.append(
        (
            "largest process now, at its peak; all processes (PSS), MB",
            f"{largest:.0f}, {peak:.0f}; {shared:.0f}",
            peak < MEMORY,
        )
    )
    rows.append(
        ("one-minute load of the machine meanwhile", f"{os.getloadavg()[0]:.1f} on {os.cpu_count()} cores", True)
    )
    return rows


if __name__ == "__main__":
    sys.exit(main())
