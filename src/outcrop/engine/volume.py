"""A seismic volume seen twice: along its inlines and along its crosslines, averaged.

Each pass is kept on disk as it is made, one byte a sample, so that memory holds a few lines at a time, a
stopped run goes on where it was, and the difference between the passes is known afterwards.
"""

import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from affine import Affine

from outcrop.core.grid import Grid
from outcrop.core.scene import Floats, Scene, scene_from_array
from outcrop.core.task import ProbabilityVolume
from outcrop.core.volume import Direction, Volume
from outcrop.engine.predict import Ensemble, predict_small
from outcrop.outputs import replacing

STEPS = 250
"""Probability is kept in steps of 1 / 250; byte 255 is "no trace here"."""

BLOCK_SAMPLES = 4_000_000
"""Samples read at once: 16 MB of float32."""

Progress = Callable[[int, int], None]
"""(lines done, lines in all), called after every block."""


def encode(values: Floats) -> np.ndarray:
    """Probability → bytes; NaN → 255."""
    whole = np.nan_to_num(values * STEPS, nan=255.0)
    return np.asarray(np.rint(whole), np.uint8)


def decode(stored: np.ndarray) -> Floats:
    """Bytes → probability; 255 → NaN."""
    table = np.append(np.arange(255, dtype=np.float32) / STEPS, np.float32("nan"))
    table[STEPS + 1 : 255] = 1.0
    return np.asarray(table[stored])


@dataclass(frozen=True, kw_only=True)
class Pass:
    """One direction's probabilities on disk, (lines, classes, other lines, samples) bytes.

    Attributes:
        shape: of the file.
    """

    path: Path
    direction: Direction
    shape: tuple[int, int, int, int]

    def write(self, start: int, values: Floats) -> None:
        """Keep some lines, (lines, classes, other lines, samples)."""
        line = int(np.prod(self.shape[1:]))
        with self.path.open("r+b" if self.path.exists() else "w+b") as file:
            file.seek(start * line)
            file.write(encode(values).tobytes())

    def read(self, direction: Direction, start: int, stop: int) -> np.ndarray:
        """Lines along any direction, (classes, lines, other lines, samples) bytes."""
        # Mapped for one read only: pages of a long-lived map would count as this process's memory.
        stored = np.memmap(self.path, np.uint8, "r", shape=self.shape)
        if direction == self.direction:
            return np.array(stored[start:stop].transpose(1, 0, 2, 3))
        return np.array(stored[:, :, start:stop].transpose(1, 2, 0, 3))


def _sections(volume: Volume, direction: Direction, start: int, stop: int) -> list[Scene]:
    """Lines start..stop as scenes (1, samples, traces) held in memory."""
    block = volume.read(direction, start, stop)
    grid = Grid(shape=(block.shape[2], block.shape[1]), transform=Affine.identity())
    return [
        scene_from_array(
            f"{volume.id}/{direction}-{start + i}", np.ascontiguousarray(line.T)[None], grid, ("amplitude",)
        )
        for i, line in enumerate(block)
    ]


def predict_volume(
    volume: Volume, ensemble: Ensemble, folder: Path, progress: Progress = lambda done, total: None
) -> ProbabilityVolume:
    """See a volume along every direction that has more than one trace, keeping each pass in ``folder``.

    The volume must already hold network input (the task's ``prepare``). Lines that an earlier, stopped call
    finished in the same folder are not seen again.
    """
    inlines, crosslines, samples = volume.shape
    directions: tuple[Direction, ...] = (volume.along,) if volume.is_line else ("inline", "crossline")
    total = sum(inlines if d == "inline" else crosslines for d in directions)
    folder.mkdir(parents=True, exist_ok=True)
    done, passes = 0, []
    for direction in directions:
        lines, others = (inlines, crosslines) if direction == "inline" else (crosslines, inlines)
        kept = Pass(
            path=folder / f"{direction}.bytes",
            direction=direction,
            shape=(lines, len(ensemble.classes), others, samples),
        )
        mark = folder / f"{direction}.json"
        first = json.loads(mark.read_text())["lines"] if mark.exists() and kept.path.exists() else 0
        done += first
        step = max(BLOCK_SAMPLES // (others * samples), 1)
        for start in range(first, lines, step):
            stop = min(start + step, lines)
            scenes = _sections(volume, direction, start, stop)
            for i, (_, values) in enumerate(predict_small(scenes, ensemble)):
                kept.write(start + i, values.transpose(0, 2, 1)[None])
            with replacing(mark) as part:
                part.write_text(json.dumps({"lines": stop}))
            done += stop - start
            progress(done, total)
        passes.append(kept)
    return read_passes(volume, ensemble.classes, passes)


def read_passes(volume: Volume, classes: tuple[str, ...], passes: list[Pass]) -> ProbabilityVolume:
    """The mean of the passes, and half their difference, read line by line."""

    def read(direction: Direction, start: int, stop: int) -> Floats:
        parts = [decode(p.read(direction, start, stop)) for p in passes]
        return parts[0] if len(parts) == 1 else np.asarray((parts[0] + parts[1]) / 2)

    def spread(direction: Direction, start: int, stop: int) -> Floats:
        first, second = (decode(p.read(direction, start, stop)[0]) for p in passes)
        return np.asarray(np.abs(first - second) / 2)

    return ProbabilityVolume(volume=volume, classes=classes, read=read, spread=spread if len(passes) == 2 else None)
