"""The parent's side of the decoding process: one picture at a time, bounded in memory and time, started again when it dies."""

import json
import threading
from datetime import datetime
from pathlib import Path
from typing import Any

import numpy as np

from outcrop.core.grid import Grid
from outcrop.core.scene import Scene
from outcrop.service.forks import Child, Forks
from outcrop.service.problems import Problem
from outcrop.service.settings import MIB, Settings

PER_PIXEL = 48
"""Bytes of address space that decoding may take for each pixel of the largest small picture, float32 copies included."""


TRIES = 2
"""How often a picture is given to a process that dies of it, or had died before."""


class Decoder:
    """Decodes small pictures outside this process."""

    def __init__(self, settings: Settings, forks: Forks) -> None:
        self.settings, self.forks = settings, forks
        self.memory = 96 * MIB + PER_PIXEL * settings.small
        self._turn = threading.Lock()
        self._child: Child | None = None

    def decode(self, path: Path, shown: str, *, strict: bool = False) -> Scene:
        """A picture as a scene in memory, as ``sources.image`` opens it.

        Raises:
            Problem: 422 damaged, resource-limit; 503 when the process died twice; 504 too slow.
        """
        order = {
            "path": str(path), "shown": shown, "strict": strict, "max_pixels": self.settings.small,
            "all_frames": self.settings.max_pixels,
        }  # fmt: skip
        with self._turn:
            facts, pixels = self._tried(order)
        shape = tuple(facts["shape"])
        array = np.frombuffer(pixels, np.float32).reshape(shape)
        taken = datetime.fromisoformat(facts["acquired"]) if facts["acquired"] else None
        return Scene(
            id=path.stem, grid=Grid(shape=(shape[1], shape[2])), bands=tuple(facts["bands"]), acquired=taken,
            notes=tuple(facts["notes"]), read=lambda window: np.asarray(array[:, *window.slices]),
        )  # fmt: skip

    def _tried(self, order: dict[str, Any]) -> tuple[dict[str, Any], bytes]:
        """What the process says; one that has died, perhaps long ago, is started again once."""
        for _ in range(TRIES):
            try:
                return self._asked(order)
            except (EOFError, OSError, ValueError):
                self._stop()
        detail = f"{order['shown']} ended its decoder {TRIES} times: try again, or save it anew"
        raise Problem(503, "worker-lost", detail, headers={"Retry-After": "1"})

    def _asked(self, order: dict[str, Any]) -> tuple[dict[str, Any], bytes]:
        if self._child is None:
            self._child = self.forks.start({"do": "decode", "memory": self.memory})
        pipe = self._child.pipe
        pipe.send_bytes(json.dumps(order).encode())
        if not pipe.poll(self.settings.decode_seconds):
            self._stop()
            seconds = self.settings.decode_seconds
            raise Problem(
                504,
                "slow-decoding",
                f"{order['shown']} was not decoded within {seconds:g} s: save it anew",
                limit=seconds,
            )
        facts: dict[str, Any] = json.loads(pipe.recv_bytes(1 << 20))
        if said := facts.get("problem"):
            raise Problem(said["status"], said["type"].rsplit(":", 1)[-1], said["detail"])
        if not pipe.poll(self.settings.decode_seconds):
            raise EOFError
        return facts, pipe.recv_bytes(16 * self.settings.small + 1024)

    def _stop(self) -> None:
        """End the process, whatever it is doing; the next picture gets another."""
        if self._child is not None:
            self._child.end()
        self._child = None

    def close(self) -> None:
        """End the process when the service stops."""
        with self._turn:
            self._stop()
