"""Figures of the running service for Prometheus: requests, batches, jobs, memory."""

import os
from collections.abc import MutableMapping
from pathlib import Path
from typing import Any

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest

SECONDS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60)


class Metrics:
    """One set of figures for one application; routes are told apart by their pattern, never by what a client typed."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        names = ("method", "route", "status")
        self.requests = Counter("outcrop_requests_total", "Requests answered.", names, registry=self.registry)
        self.seconds = Histogram(
            "outcrop_request_seconds",
            "Time to the end of the answer.",
            ("route",),
            buckets=SECONDS,
            registry=self.registry,
        )
        self.open = Gauge("outcrop_requests_open", "Requests in work.", registry=self.registry)
        self.batch = Histogram(
            "outcrop_batch_pictures",
            "Pictures that shared a batch.",
            buckets=(1, 2, 4, 8, 16, 32),
            registry=self.registry,
        )
        self.jobs = Gauge("outcrop_jobs", "Jobs by state.", ("state",), registry=self.registry)
        self.lane = Gauge(
            "outcrop_pictures_waiting", "Pictures waiting to be answered at once.", registry=self.registry
        )
        self.memory = Gauge("outcrop_memory_bytes", "Resident memory of this process.", registry=self.registry)
        self.free = Gauge("outcrop_disk_free_bytes", "Bytes free where results are kept.", registry=self.registry)

    def request(self, scope: MutableMapping[str, Any], status: int, seconds: float) -> None:
        """One request was answered; 499 when the client went away before."""
        route = getattr(scope.get("route"), "path", None) or "other"
        method = scope["method"] if scope["method"] in ("GET", "HEAD", "POST", "PATCH", "DELETE") else "other"
        self.requests.labels(method, route, str(status)).inc()
        self.seconds.labels(route).observe(seconds)

    def page(self, counts: dict[str, int], free: int) -> bytes:
        """The figures as Prometheus reads them."""
        for state in ("queued", "running", "done", "failed", "cancelled"):
            self.jobs.labels(state).set(counts.get(state, 0))
        self.memory.set(resident())
        self.free.set(free)
        return bytes(generate_latest(self.registry))


def resident(pid: int | str = "self") -> int:
    """Bytes of memory that a process holds now; 0 where the system does not tell."""
    try:
        pages = int(Path(f"/proc/{pid}/statm").read_text(encoding="ascii").split()[1])
    except (OSError, ValueError, IndexError):
        return 0
    return pages * os.sysconf("SC_PAGE_SIZE")
