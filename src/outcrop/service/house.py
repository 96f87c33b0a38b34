"""Everything that requests share: settings, tables, folders, models, the decoding process, and the workers."""

import ctypes
import logging
import sys
import threading
import time
from typing import Any

from fastapi import Request

from outcrop import tasks
from outcrop.core.errors import UnknownTask
from outcrop.core.task import Task
from outcrop.engine.ensembles import shipped
from outcrop.models.runtime import read_card
from outcrop.service.child import be_frugal
from outcrop.service.decoder import Decoder
from outcrop.service.forks import Forks
from outcrop.service.jobs import Jobs
from outcrop.service.keys import Caller, Keys
from outcrop.service.lane import Lane
from outcrop.service.metrics import Metrics
from outcrop.service.settings import TIGHT, Settings, memory
from outcrop.service.store import Store
from outcrop.service.tables import connect
from outcrop.service.worker import Worker

LOG = logging.getLogger("outcrop.service")
TIDY = 0.5
"""Seconds after which memory that is free inside the process is given back to the system."""


class House:
    """One service; ``open`` it before the first request, ``close`` it after the last."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self.rooms = [name for name in tasks.names() if not settings.rooms or name in settings.rooms]
        self._loaded: dict[str, Task] = {}
        self.metrics = Metrics()
        settings.folder.mkdir(parents=True, exist_ok=True)
        self.engine = connect(settings.url)
        self.keys = Keys(self.engine)
        self.jobs = Jobs(self.engine, lease=settings.lease, tries=settings.tries, limit=settings.queue)
        self.store = Store(settings, self.engine)
        self.forks = Forks()
        self.decoder = Decoder(settings, self.forks)
        self.lane = Lane(settings, self.metrics)
        self.workers = [Worker(settings, self.jobs, self.store, self.forks) for _ in range(settings.workers)]
        self.threads: list[threading.Thread] = []
        self.cards: dict[str, list[dict[str, Any]]] = {}
        self.fault = "the models are being loaded"
        self.taking = 0
        self.writing: dict[str, threading.Lock] = {}
        self._turn = threading.Lock()
        self._closed = threading.Event()

    def room(self, name: str) -> Task:
        """One task.

        Raises:
            UnknownTask: it is not offered.
        """
        if name not in self.rooms:
            raise UnknownTask(f"no task {name[:40]!r}: choose one of {', '.join(self.rooms) or '(none)'}")
        if name not in self._loaded:
            self._loaded[name] = tasks.load(name)
        return self._loaded[name]

    def check_models(self) -> None:
        """Read every card, so that a damaged model stops the start and not a request.

        Raises:
            BadModel: a model file is damaged; the sentence names it.
        """
        from dataclasses import asdict

        from outcrop.service.asked import model_hashes, refuse_altered

        for name in self.rooms:
            room = tasks.load(name)
            refuse_altered(room)
            hashes = model_hashes(room)
            self.cards[name] = [
                {"file": path.name, "set": set_name, "bytes": path.stat().st_size, "sha256": hashes[path.name], **asdict(read_card(path))}
                for set_name, paths in shipped(room).items()
                for path in paths
            ]  # fmt: skip

    def open(self) -> None:
        """Start the workers, and load the models beside."""
        if memory() < TIGHT:
            be_frugal()
        for worker in self.workers:
            thread = threading.Thread(target=worker.run, name="outcrop-worker", daemon=True)
            thread.start()
            self.threads.append(thread)
        threading.Thread(target=self._warm, name="outcrop-models", daemon=True).start()
        threading.Thread(target=self._tidy, name="outcrop-memory", daemon=True).start()

    def _warm(self) -> None:
        """Load every model once; the service is ready after that."""
        began = time.perf_counter()
        try:
            if self.settings.preload:
                self.lane.load(self.rooms)
            self.fault = ""
            LOG.info("models loaded in %.1f s", time.perf_counter() - began)
        except Exception as error:
            self.fault = f"the models cannot be loaded ({type(error).__name__})"
            LOG.error(self.fault, exc_info=error)

    def _tidy(self) -> None:
        """Give memory back while the service is open: the C library keeps what batches of pictures took, 100 MB and more."""
        trim = getattr(ctypes.CDLL(None), "malloc_trim", None) if sys.platform == "linux" else None
        while trim is not None and not self._closed.wait(TIDY):
            trim(0)

    def wake(self) -> None:
        """Tell the workers of this process that there is something to do."""
        for worker in self.workers:
            worker.woken.set()

    def close(self) -> None:
        """Stop the workers; jobs in work go back to the queue."""
        self._closed.set()
        for worker in self.workers:
            worker.stopped.set()
            worker.woken.set()
        for thread in self.threads:
            thread.join(15)
        self.lane.close()
        self.decoder.close()
        self.forks.close()
        self.engine.dispose()

    def lock(self, id: str) -> threading.Lock:
        """One at a time makes the files of a result; the last few thousand locks are remembered."""
        with self._turn:
            if len(self.writing) > 4000:
                self.writing = {name: lock for name, lock in self.writing.items() if lock.locked()}
            return self.writing.setdefault(id, threading.Lock())


def house(request: Request) -> House:
    """The service that a request belongs to."""
    found: House = request.app.state.house
    return found


def caller(request: Request) -> Caller:
    """Who asks; the gate has found out."""
    found: Caller = request.scope["state"]["caller"]
    return found
