"""Pictures in the order of time: a video file, a folder of frames, a camera."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from outcrop.core.scene import Scene


@dataclass(frozen=True, slots=True, kw_only=True)
class Frame:
    """One picture of a film.

    Attributes:
        index: its number in the film, counted from 0; numbers of frames that were lost are left out.
        seconds: time since the film began.
        scene: bands red, green, blue, 0..1.
    """

    index: int
    seconds: float
    scene: Scene


@dataclass(frozen=True, slots=True, kw_only=True)
class Film:
    """A film, read frame by frame; never held whole.

    Attributes:
        id: stable name, e.g. "flare.mp4" or the host and path of a camera's address (never its password).
        shape: (rows, cols) of a frame.
        rate: frames a second that it claims; None where it does not say.
        frames: call it to get the frames from the first on; a camera goes on until it is closed.
        began: when the first frame was taken, UTC; None where nobody says.
        live: True for a camera, which cannot be read twice.
        path: the file or folder it came from; None for a camera.
    """

    id: str
    shape: tuple[int, int]
    rate: float | None
    frames: Callable[[], Iterator[Frame]]
    began: datetime | None = None
    live: bool = False
    notes: tuple[str, ...] = ()
    path: Path | None = None
