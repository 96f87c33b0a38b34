"""Whoever does the jobs: claims one, runs it in a limited process, keeps it by heartbeats, and finishes it once."""

import json
import logging
import os
import shutil
import socket
import threading
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from outcrop.service.forks import Child, Forks
from outcrop.service.jobs import Jobs, new_id
from outcrop.service.problems import Problem, problem_of
from outcrop.service.settings import Settings
from outcrop.service.store import Store
from outcrop.service.tables import connect

LOG = logging.getLogger("outcrop.service")
IDLE = 0.25
"""Seconds between two looks at an empty queue."""

SWEEP = 60.0
"""Seconds between two rounds of deleting what has expired."""


class Worker:
    """One job at a time."""

    def __init__(self, settings: Settings, jobs: Jobs, store: Store, forks: Forks) -> None:
        self.settings, self.jobs, self.store, self.forks = settings, jobs, store, forks
        self.name = f"{socket.gethostname()}-{os.getpid()}-{new_id()[:6]}"
        self.stopped = threading.Event()
        self.woken = threading.Event()
        self._swept = 0.0

    def run(self) -> None:
        """Work until ``stopped``."""
        self._ready()
        while not self.stopped.is_set():
            try:
                busy = self.step()
                if not busy:
                    self._sweep()
            except Exception as error:
                LOG.error("the worker goes on after an error", exc_info=error)
                busy = False
                self.stopped.wait(2.0)
            if not busy:
                self.woken.wait(IDLE)
                self.woken.clear()

    def _ready(self) -> None:
        """Have libraries loaded before the first job is claimed: its lease would run meanwhile."""
        try:
            self.forks.start({"do": "decode", "memory": 0}).end()
        except OSError as error:
            LOG.error("no process for jobs can be had", exc_info=error)

    def _sweep(self) -> None:
        if time.monotonic() - self._swept > SWEEP:
            self._swept = time.monotonic()
            self.store.sweep()
            self.jobs.forget(self.jobs.now() - 86_400 * self.settings.keep_days)

    def step(self) -> bool:
        """Do the next job, if any; whether there was one."""
        job = self.jobs.claim(self.name)
        if job is None:
            return False
        try:
            self._do(job)
        except Exception as error:  # noqa: BLE001  (whatever happened, the job must not stay in the air)
            self.jobs.finish(job, "failed", problem=problem_of(error).document())
        return True

    def _do(self, job: Mapping[str, Any]) -> None:
        part = self.store.part(job["id"], job["tries"])
        work = {
            **job["payload"]["work"], "task": job["task"], "verb": job["verb"], "out": str(part.resolve()),
            "max_pixels": self.settings.max_pixels, "max_raster": self.settings.max_raster, "memory": self.settings.job_memory,
        }  # fmt: skip
        process = self.forks.start({"do": "job", **work})
        try:
            said = self._watch(job, process)
        finally:
            process.end()
        self._conclude(job, said)

    def _watch(self, job: Mapping[str, Any], process: Child) -> dict[str, Any]:
        """Pass progress on until the job ends one way or another; what its process said last."""
        began = beaten = time.monotonic()
        share, stage, told = 0.0, "", -1.0
        while True:
            try:
                if process.pipe.poll(0.2):
                    said: dict[str, Any] = json.loads(process.pipe.recv_bytes(1 << 24))
                    if "share" not in said:
                        return said
                    share, stage = float(said["share"]), str(said["stage"])
            except (EOFError, OSError, ValueError):
                return {"lost": True}
            now = time.monotonic()
            if now - began > self.settings.job_seconds:
                seconds = self.settings.job_seconds
                detail = f"the job was not done within {seconds:g} s and was stopped: cut the file into parts"
                return {"problem": Problem(504, "too-long", detail, limit=seconds).document()}
            if self.stopped.is_set():
                return {"verdict": "stopped"}
            if now - beaten > min(self.settings.lease / 3, 1.0) or (share != told and now - beaten > 0.4):
                beaten, told = now, share
                verdict = self.jobs.heartbeat(job, share, stage)
                if verdict != "go on":
                    return {"verdict": verdict}

    def _conclude(self, job: Mapping[str, Any], said: Mapping[str, Any]) -> None:
        """Write down how a job ended."""
        verdict = said.get("verdict")
        part = self.store.folder(job["id"]) / f"out.{job['tries']}.part"
        if verdict == "lost":
            return  # another worker has it, and its files
        if said.get("record"):
            self._done(job, part)
            return
        self._remove(part)
        if verdict == "stopped":
            self.jobs.release(job)
        elif verdict == "cancel":
            self.jobs.finish(job, "cancelled")
            self.store.drop(job["id"])
        elif "lost" in said:
            self._lost(job)
        else:
            self.jobs.finish(job, "failed", problem=said["problem"])

    def _lost(self, job: Mapping[str, Any]) -> None:
        """The process died: tried again while tries are left."""
        if job["tries"] < self.settings.tries:
            self.jobs.again(job)
            return
        detail = f"the process of this job ended {job['tries']} times without an answer: send a smaller part"
        self.jobs.finish(job, "failed", problem=Problem(503, "worker-lost", detail).document())

    def _done(self, job: Mapping[str, Any], part: Path) -> None:
        """Keep the result; its row and the end of the job are one transaction."""
        if self.jobs.heartbeat(job, 1.0, "") == "lost":
            self._remove(part)  # another worker was given the job while this one was silent
            return
        payload = job["payload"]
        record, size = self.store.settle(job["id"], part)
        row = self.store.row(
            id=job["id"], owner=job["owner"], task=job["task"], verb=job["verb"], name=job["name"], key=job["key"],
            payload={name: payload[name] for name in ("work", "names")}, record=record, written=True, size=size,
            parent=payload.get("parent"), brief=bool(payload.get("brief")),
        )  # fmt: skip
        self.jobs.finish(job, "done", also=lambda connection: self.store.add(row, connection))

    def _remove(self, part: Path) -> None:
        shutil.rmtree(part, ignore_errors=True)


def main() -> None:
    """A worker of its own: takes the settings from the environment, works until it is told to end."""
    import signal

    settings = Settings.from_environment()
    engine = connect(settings.url)
    jobs = Jobs(engine, lease=settings.lease, tries=settings.tries, limit=settings.queue)
    worker = Worker(settings, jobs, Store(settings, engine), Forks())
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: worker.stopped.set())
    worker.run()


if __name__ == "__main__":
    main()
