"""The service's promises: small pictures a second at 16 clients, the slowest twentieth of the answers, memory, overload, a queue.

``python -m benchmarks.service [--seconds 20] [--clients 16] [--jobs 0] [--uploads 0]`` starts `outcrop serve` on the
loopback with a folder of its own, asks, and prints a table. Pictures differ, so that no answer comes from the store.
``--limit 512`` does something else: it puts the service into a memory control group of so many MiB, and lets it do jobs of
all rooms while the clients ask.
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
from contextlib import nullcontext
from pathlib import Path

import numpy as np

from benchmarks.cell import Cell
from benchmarks.served import OUTCROP, PORT, ask, drawn, family, fetch, form, load, memory, processor, served

PROMISED, SLOWEST, MEMORY = 60.0, 0.25, 512
"""Pictures a second, seconds, MB."""


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
    parser.add_argument("--limit", type=int, default=0, help="MiB of all processes together; wants root on Linux")
    said = parser.parse_args()
    group = Cell(said.limit << 20) if said.limit else nullcontext()
    with tempfile.TemporaryDirectory() as folder, group as cell, served(folder, cell) as pid:
        rows = limited(said, cell) if cell else measured(said, pid, Path(folder))
    rows.append(
        ("one-minute load of the machine meanwhile", f"{os.getloadavg()[0]:.1f} on {os.cpu_count()} cores", True)
    )
    sys.stdout.write("\n".join(f"{what:58} {value}" for what, value, _ in rows) + "\n")
    return 0 if all(kept for *_, kept in rows) else 1


def scene(side: int = 2000) -> bytes:
    """A drawn satellite scene of three bands as GeoTIFF."""
    with tempfile.TemporaryDirectory() as folder:
        line = ["draw", "tailings", "--seed", "1", "--out", folder, "--set", f"shape={side}x{side}"]
        subprocess.run([*OUTCROP, *line], check=True, stdout=subprocess.DEVNULL)
        return (Path(folder) / "drawn-1.tif").read_bytes()


def limited(said: argparse.Namespace, cell: Cell) -> list[tuple[str, str, bool]]:
    """Jobs of two rooms, one after the other, while clients send pictures of two; what it took, and who died of it."""
    pictures, photos = drawn(1500), [fetch(f"/tasks/flares/example?seed={seed}") for seed in range(8)]
    jobs = {"tailings": form(scene(), "scene.tif"), "salt": form(fetch("/tasks/salt/example?kind=section"), "line.npy")}
    ended, told = threading.Event(), [{}, {}]  # type: list[dict[int, int]]

    def clients(which: int, many: list[bytes], count: int, room: str) -> None:
        while not ended.is_set():
            for code, more in load(many, count, 3.0, room)[1].items():
                told[which][code] = told[which].get(code, 0) + more

    work = [(0, pictures, said.clients, "salt"), (1, photos, 1, "flares")]
    threads = [threading.Thread(target=clients, args=one) for one in work]
    for thread in threads:
        thread.start()
    rows = []
    try:
        for room, (body, headers) in jobs.items():
            began = time.perf_counter()
            status, answer = ask(http.client.HTTPConnection("127.0.0.1", PORT, timeout=120), body, headers, room)
            if status != 202:
                raise SystemExit(f"the service answers {status}: {answer.decode()}")
            job = json.loads(answer)
            while job["state"] in ("queued", "running") and time.perf_counter() - began < 600:
                time.sleep(0.5)
                job = json.loads(fetch(f"/jobs/{job['id']}"))
            done = job["state"] == "done"
            rows.append(
                (f"job: {room}, {len(body) / 1e6:.1f} MB", f"{job['state']}, {time.perf_counter() - began:.0f} s", done)
            )
    finally:
        ended.set()
        for thread in threads:
            thread.join()
    anonymous, peak, limit = cell.anonymous >> 20, cell.peak() >> 20, said.limit
    return [
        *rows,
        (f"pictures of {said.clients} clients meanwhile, by status", str(told[0]), set(told[0]) <= {200, 503}),
        ("photos of one more, by status", str(told[1]), set(told[1]) <= {200, 503}),
        ("all processes at their peak, MiB; with cached files", f"{anonymous}; {peak} of {limit}", anonymous < limit),
        ("processes killed for want of memory", str(cell.killed()), cell.killed() == 0),
    ]


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
    return rows


if __name__ == "__main__":
    sys.exit(main())
