"""One reading of a film: its pictures in the order of time, and what had to be left out."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime

import numpy as np
from numpy.typing import NDArray

from outcrop.core.grid import Grid, Window
from outcrop.core.scene import Floats, Scene

Pixels = NDArray[np.uint8]
"""(rows, cols, 3), red, green, blue, 0..255."""

BANDS = ("red", "green", "blue")
MOST_PIXELS = 100_000_000
"""Larger frames are refused before they are decoded."""


class Tally:
    """What a reading gave and left out; it grows while the film is read.

    Attributes:
        read: pictures decoded and given.
        damaged: pictures that could not be decoded; their numbers are left out.
        notes: what a reader of the results must know, one sentence each.
    """

    def __init__(self) -> None:
        self.read = 0
        self.damaged = 0
        self.notes: list[str] = []

    def note(self, sentence: str) -> None:
        """Add a sentence once."""
        if sentence not in self.notes:
            self.notes.append(sentence)


@dataclass(frozen=True, slots=True, kw_only=True)
class Taken:
    """One picture as it arrives, not yet turned into numbers.

    Attributes:
        index: its number in this reading from 0; damaged ones have had theirs.
        seconds: time since the first picture.
        pixels: decodes it; raises DamagedFile.
        notes: what is doubtful about it.
        acquired: when it was taken, UTC, where the picture says so itself.
    """

    index: int
    seconds: float
    pixels: Callable[[], Pixels]
    notes: tuple[str, ...] = ()
    acquired: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Stream:
    """An open film or camera, read once.

    Attributes:
        shape: (rows, cols) as shown: turned upright, pixels made square.
        rate: frames a second that it claims.
        live: it goes on until it is closed.
        taken: the pictures; a camera that falls silent raises ConnectionError.
        close: frees files and sockets.
    """

    shape: tuple[int, int]
    rate: float | None
    live: bool
    taken: Iterator[Taken]
    close: Callable[[], None]
    tally: Tally
    began: datetime | None = None
    notes: tuple[str, ...] = ()


def scene_of(id: str, pixels: Pixels, acquired: datetime | None = None, notes: tuple[str, ...] = ()) -> Scene:
    """A frame as a scene, 0..1; its bytes become float32 only where they are read."""

    def read(window: Window) -> Floats:
        part = np.moveaxis(pixels[window.slices], 2, 0)
        return np.multiply(part, np.float32(1 / 255), dtype=np.float32)

    grid = Grid(shape=(pixels.shape[0], pixels.shape[1]))
    return Scene(id=id, grid=grid, bands=BANDS, read=read, acquired=acquired, notes=notes)
