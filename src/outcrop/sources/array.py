"""NumPy files → a section, (samples, traces), or a volume, (inlines, crosslines, samples).

An array has no units of its own: the vertical axis counts samples and the spacing is unknown unless given.
"""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np

from outcrop.core.errors import BadInput, DamagedFile, UnknownFormat
from outcrop.core.grid import Axis
from outcrop.core.scene import Floats
from outcrop.core.volume import Direction, Volume

VERTICAL = {"time": Axis("two-way time", "ms"), "depth": Axis("depth", "m")}
SAMPLES = Axis("sample", "sample")


@dataclass(frozen=True, slots=True, kw_only=True)
class ArrayOptions:
    """What the file does not say.

    Attributes:
        vertical: "time" (sample_interval in ms) or "depth" (in m); "auto" counts samples.
        spacing: metres between inlines and between crosslines (traces).
    """

    vertical: Literal["auto", "time", "depth"] = "auto"
    sample_interval: float | None = None
    spacing: tuple[float, float] | None = None


def _reader(stored: np.ndarray) -> Callable[[Direction, int, int], Floats]:
    """Lines of a (possibly mapped) array as float32; infinities become NaN."""

    def read(direction: Direction, start: int, stop: int) -> Floats:
        block = stored[start:stop] if direction == "inline" else stored[:, start:stop].swapaxes(0, 1)
        with np.errstate(over="ignore"):
            values = np.array(block, np.float32)
        values[~np.isfinite(values)] = np.nan
        return values

    return read


def open_array(path: Path, options: ArrayOptions = ArrayOptions()) -> Volume:
    """A .npy file as a line or a volume, mapped from disk and never executed (pickles are refused).

    Raises:
        DamagedFile: truncated, or not what its header says.
        UnknownFormat: a pickle, or not numbers.
        BadInput: neither 2-D nor 3-D.
    """
    try:
        stored = np.load(path, mmap_mode="r", allow_pickle=False)
    except Exception as error:  # noqa: BLE001  (numpy raises many kinds for a header that lies)
        if "pickle" in str(error) or "Python objects" in str(error):
            raise UnknownFormat(
                f"{path.name} holds Python objects, or no array at all: save it with numpy.save"
            ) from None
        raise DamagedFile(f"{path.name} is no readable .npy array ({error}): save it again with numpy.save") from None
    if not isinstance(stored, np.ndarray) or stored.dtype.kind not in "fiu":
        raise UnknownFormat(f"{path.name} does not hold one array of real numbers: save amplitudes as float32")
    if stored.ndim not in (2, 3) or 0 in stored.shape:
        raise BadInput(
            f"{path.name} has shape {stored.shape}: wanted (samples, traces) or (inlines, crosslines, samples)"
        )
    cube = stored.T[None] if stored.ndim == 2 else stored
    known = options.vertical != "auto" and options.sample_interval is not None
    inlines, crosslines, samples = cube.shape
    return Volume(
        id=path.stem,
        inlines=np.arange(1, inlines + 1),
        crosslines=np.arange(1, crosslines + 1),
        vertical=VERTICAL[options.vertical] if known else SAMPLES,
        first_sample=0.0,
        sample_step=float(options.sample_interval or 1.0) if known else 1.0,
        samples=samples,
        live=np.ones((inlines, crosslines), bool),
        read=_reader(cube),
        spacing=options.spacing or (None, None),
        path=path,
        notes=()
        if known
        else ("a .npy file has no units: give --vertical and --sample-interval for thickness in metres",),
    )
