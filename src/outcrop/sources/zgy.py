"""ZGY, SGZ and VDS volumes in: bricked and compressed seismic formats, each through its own optional library.

=====  ==================================================  ===========================================
.zgy   Petrel's bricks; 8 and 16 bit with a coding range    pyzgy (Apache-2.0), extra "formats"
.sgz   SEG-Y compressed with ZFP, headers kept              seismic-zfp (LGPL-3), extra "formats"
.vds   OpenVDS, a single file                               openvds (CC BY-ND 4.0), to be installed apart
=====  ==================================================  ===========================================

These files are laid out in bricks of 64 (or 4) lines, so a slab of neighbouring lines is decoded at a time and
the last one is kept: reading line after line costs one pass over the file.
"""

import importlib
import threading
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from types import ModuleType

import numpy as np
from numpy.typing import NDArray

from outcrop.core.errors import BadInput, DamagedFile, MissingExtra, UnknownFormat, UsageError
from outcrop.core.scene import Floats
from outcrop.core.volume import Direction, Volume
from outcrop.sources.segy_headers import SegyOptions
from outcrop.sources.segy_map import line_spacing
from outcrop.sources.segy_vertical import vertical_axis
from outcrop.sources.zgy_contents import INSPECTORS, Box

SLAB_LINES, SLAB_BYTES = 64, 96 << 20
"""Lines decoded at a time: 64, the side of a brick, or as many as fit into 96 MiB."""


def open_compressed(path: Path, options: SegyOptions = SegyOptions()) -> Volume:  # noqa: B008  (frozen)
    """Open a .zgy, .sgz or .vds file; of the options ``vertical``, ``sample_interval``, ``spacing`` and ``crs`` count.

    Raises:
        BadInput: there is no such file.
        MissingExtra: the library for the format is not installed.
        UnknownFormat: another suffix, or a VDS file without openvds.
        DamagedFile: the library cannot read the file.
        NoGeometry: the file holds a 2-D line or pre-stack data.
    """
    if not path.is_file():
        raise BadInput(f"{path.name} is not there or is not a file: check the path")
    kind = path.suffix.lower()
    if kind not in INSPECTORS:
        raise UnknownFormat(
            f"{path.name} has no suffix of a bricked seismic format: wanted one of {', '.join(INSPECTORS)}"
        )
    module, inspect = INSPECTORS[kind]
    library = _library(module, path)
    with _blaming(path):
        contents = inspect(path, library)
    axis, first, step, notes = vertical_axis(
        path.name, contents.text, contents.interval, contents.first, False, options
    )
    spacing: tuple[float | None, float | None] = (None, None)
    more: list[str] = []
    if contents.x is not None and contents.y is not None:
        spacing, more = line_spacing(contents.x, contents.y)
    shape = *contents.live.shape, contents.samples
    return Volume(
        id=path.stem,
        inlines=contents.inlines,
        crosslines=contents.crosslines,
        vertical=axis,
        first_sample=first,
        sample_step=step,
        samples=contents.samples,
        live=contents.live,
        read=_slab_reader(path, shape, contents.live, contents.load),
        x=contents.x,
        y=contents.y,
        spacing=options.spacing or spacing,
        path=path,
        crs=options.crs,
        notes=(*contents.notes, *notes, *([] if options.spacing else more)),
    )


def _library(module: str, path: Path) -> ModuleType:
    """The library behind a format, imported now."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # openzgy warns that cloud storage is not at hand
            return importlib.import_module(module)
    except ImportError:
        if module == "openvds":
            raise UnknownFormat(
                f"{path.name} is a VDS file, which only the openvds package reads; its licence keeps it out of Outcrop: "
                "run  pip install openvds  or convert the file to SEG-Y or ZGY"
            ) from None
        package = {"openzgy.api": "pyzgy", "seismic_zfp.read": "seismic-zfp"}[module]
        raise MissingExtra(package, "formats", f"it reads {path.suffix} files") from None


@contextmanager
def _blaming(path: Path) -> Iterator[None]:
    """Whatever a library raises on a broken file, struct.error and its own kinds included, becomes a DamagedFile."""
    try:
        yield
    except (BadInput, UsageError):
        raise
    except Exception as error:  # noqa: BLE001  (no common base among the libraries)
        kind = path.suffix[1:].upper()
        raise DamagedFile(f"{path.name} cannot be read as {kind} ({error}): copy it again from its source") from None


def _slab_reader(
    path: Path, shape: tuple[int, int, int], live: NDArray[np.bool_], load: Callable[[Box], Floats]
) -> Callable[[Direction, int, int], Floats]:
    """The ``read`` of a volume over a loader of boxes, which keeps the slab it loaded last."""
    lock = threading.Lock()
    kept: dict[tuple[Direction, int], Floats] = {}

    def slab(direction: Direction, number: int, height: int) -> Floats:
        """Slab ``number`` of ``height`` lines along the direction, (lines, other lines, samples)."""
        if (direction, number) not in kept:
            kept.clear()
            low, high = number * height, (number + 1) * height
            if direction == "inline":
                box = low, min(high, shape[0]), 0, shape[1]
            else:
                box = 0, shape[0], low, min(high, shape[1])
            with _blaming(path):
                values, seen = load(box), live[box[0] : box[1], box[2] : box[3]]
            if direction == "crossline":
                values, seen = values.swapaxes(0, 1), seen.T
            kept[direction, number] = values if seen.all() else np.where(seen[..., None], values, np.float32(np.nan))
        return kept[direction, number]

    def read(direction: Direction, start: int, stop: int) -> Floats:
        if direction not in ("inline", "crossline"):
            raise UsageError(f"direction {direction!r} is unknown: choose inline or crossline")
        count, others = shape[:2] if direction == "inline" else shape[1::-1]
        if not 0 <= start <= stop <= count:
            raise UsageError(f"{direction} positions {start} to {stop} do not lie in 0 to {count}")
        height = max(1, min(SLAB_LINES, SLAB_BYTES // (others * shape[2] * 4)))
        values = np.empty((stop - start, others, shape[2]), np.float32)
        with lock:
            for number in range(start // height, -(-stop // height)):
                low, high = max(start, number * height), min(stop, (number + 1) * height)
                values[low - start : high - start] = slab(direction, number, height)[
                    low - number * height : high - number * height
                ]
        return values

    return read
