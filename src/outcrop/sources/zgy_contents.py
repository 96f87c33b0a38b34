"""What the libraries for ZGY, SGZ and VDS say about a file, brought to one form."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from outcrop.core.errors import NoGeometry
from outcrop.core.scene import Floats
from outcrop.sources.segy_headers import text_encoding
from outcrop.sources.segy_map import Metres, coordinates

NO_POSITIONS = "The file holds no map positions, so distances are unknown (--spacing)."

Box = tuple[int, int, int, int]
"""First inline, end of inlines, first crossline, end of crosslines (positions)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Contents:
    """What a library says about a file.

    Attributes:
        inlines, crosslines: labels.
        samples: number of samples.
        interval: sample step times 1000 (µs, or mm of depth).
        first: place of the first sample, ms or m.
        text: words that may tell time from depth.
        x, y: (n_inlines, n_crosslines) in metres, or None.
        live: (n_inlines, n_crosslines).
        load: box → (inlines, crosslines, samples) float32.
        notes: what was odd.
    """

    inlines: NDArray[np.int64]
    crosslines: NDArray[np.int64]
    samples: int
    interval: float
    first: float
    text: str
    x: Metres | None
    y: Metres | None
    live: NDArray[np.bool_]
    load: Callable[[Box], Floats]
    notes: tuple[str, ...] = ()


def _inspect_zgy(path: Path, library: Any) -> Contents:
    """A ZGY file; integers come out as physical values through the file's coding range."""
    with library.ZgyReader(str(path)) as file:
        size, start, step = file.size, file.annotstart, file.annotinc
        domain, unit, corners = file.zunitdim.name, file.zunitfactor, np.array(file.corners, np.float64)
        first, interval, flat, metre = file.zstart, file.zinc, file.hunitdim.name, file.hunitfactor
    # Factors lead to seconds or metres; without a dimension the numbers are taken for ms (or m), as Petrel writes them.
    scale = {"time": 1000 * unit, "length": unit}.get(domain, 1.0)
    notes = (
        [] if domain in ("time", "length") else ["The file does not say whether its vertical axis is time or depth."]
    )
    x = y = None
    if np.ptp(corners, axis=0).any() and flat != "arcangle":
        x, y = _from_corners(corners * (metre if flat == "length" else 1.0), size)
    else:
        notes.append(NO_POSITIONS)

    def load(box: Box) -> Floats:
        values = np.zeros((box[1] - box[0], box[3] - box[2], size[2]), np.float32)
        with library.ZgyReader(str(path)) as file:
            file.read((box[0], box[2], 0), values)
        return values

    return Contents(
        inlines=_labels(start[0], step[0], size[0]),
        crosslines=_labels(start[1], step[1], size[1]),
        samples=int(size[2]),
        interval=float(interval) * scale * 1000,
        first=float(first) * scale + 0.0,  # no negative zero
        text={"time": "VERTICAL AXIS: TIME", "length": "VERTICAL AXIS: DEPTH"}.get(domain, ""),
        x=x,
        y=y,
        live=np.ones(size[:2], bool),
        load=load,
        notes=tuple(notes),
    )


def _labels(start: float, step: float, count: int) -> NDArray[np.int64]:
    """Line numbers from a first one and a step, which some writers leave at 0."""
    labels: NDArray[np.int64] = np.rint(start + (step or 1.0) * np.arange(count)).astype(np.int64)
    return labels


def _from_corners(corners: NDArray[np.float64], size: Sequence[int]) -> tuple[Metres, Metres]:
    """Positions of all traces from those of three corners: (0, 0), (last inline, 0), (0, last crossline)."""
    along = (corners[1] - corners[0]) / max(size[0] - 1, 1)
    across = (corners[2] - corners[0]) / max(size[1] - 1, 1)
    i, j = np.meshgrid(np.arange(size[0]), np.arange(size[1]), indexing="ij")
    places = corners[0] + i[..., None] * along + j[..., None] * across
    return places[..., 0], places[..., 1]


SGZ_WORDS = {
    "x": 181,
    "y": 185,
    "scalar": 71,
    "units": 89,
    "source_x": 73,
    "source_y": 77,
    "inline": 189,
    "crossline": 193,
}
"""Trace header words that an SGZ file keeps, by their byte."""


SGZ_BLOCK, SGZ_MOST = 4096, 128
"""Bytes of a block of an SGZ file, and the samples that a byte can stand for at the strongest compression."""


def _inspect_sgz(path: Path, library: Any) -> Contents:
    """An SGZ file, made from SEG-Y; its headers are read as those of the SEG-Y file would be."""
    # The library believes the sizes in the header and asks for that much memory, also in a broken file.
    with path.open("rb") as start:
        blocks, samples, crosslines, inlines = np.frombuffer(start.read(16).ljust(16, b"\0"), "<u4").astype(int)
    size = path.stat().st_size
    if not 0 < blocks * SGZ_BLOCK <= size or samples * crosslines * inlines > size * SGZ_MOST:
        raise ValueError("the sizes in its header do not fit its length")
    with library.SgzReader(str(path)) as file:
        if not file.is_3d:
            kind = "a 2-D line" if file.is_2d else "pre-stack data"
            raise NoGeometry(f"{path.name} holds {kind}, which is read from SEG-Y only: convert it back to SEG-Y")
        shape = file.n_ilines, file.n_xlines
        live = np.ones(shape, bool)
        if not file.structured:
            file.get_unstructured_mask()
            live = np.array(file.mask, bool).reshape(shape)
        words = {}
        for name, byte in SGZ_WORDS.items():
            constant = file.segy_traceheader_template[byte]
            stored = byte in file.stored_header_keys
            words[name] = np.array(file.get_tracefield_values(byte) if stored else np.full(shape, int(constant)))
        inlines, crosslines = np.array(file.ilines, np.int64), np.array(file.xlines, np.int64)
        heights = np.array(file.zslices, np.float64)
        text, feet = bytes(file.file_text_header), int(file.get_file_binary_header()[3255]) == 2
    x, y, notes = coordinates({name: values[live] for name, values in words.items()}, feet)

    def load(box: Box) -> Floats:
        with library.SgzReader(str(path)) as file:
            return np.asarray(file.read_subvolume(*box, 0, len(heights)), np.float32)

    return Contents(
        inlines=inlines,
        crosslines=crosslines,
        samples=len(heights),
        interval=float(heights[1] - heights[0]) * 1000 if len(heights) > 1 else 0.0,
        first=float(heights[0]),
        text=text.decode(text_encoding(text), "replace").replace("\0", " "),
        x=_spread(x, live),
        y=_spread(y, live),
        live=live,
        load=load,
        notes=tuple(notes),
    )


def _spread(values: Metres | None, live: NDArray[np.bool_]) -> Metres | None:
    """Values of the live traces on the whole grid, NaN elsewhere."""
    if values is None:
        return None
    grid = np.full(live.shape, np.nan)
    grid[live] = values
    return grid


VDS_METRES = {"m": 1.0, "ft": 0.3048}
VDS_TIME = {"ms": 1.0, "s": 1000.0}


def _inspect_vds(path: Path, library: Any) -> Contents:
    """A VDS file whose axes are sample, crossline, inline; the channel "Trace" tells which traces are live."""
    handle = library.open(str(path), "")
    layout = library.getLayout(handle)
    axes = [layout.getAxisDescriptor(axis) for axis in range(layout.dimensionality)]
    names = [axis.name.lower() for axis in axes]
    if len(axes) != 3 or names[1:] != ["crossline", "inline"]:
        raise NoGeometry(f"{path.name} has the axes {', '.join(names)}: wanted sample, crossline and inline")
    sample, *lines = axes
    size = [axis.numSamples for axis in axes]
    metres, time = VDS_METRES.get(sample.unit), VDS_TIME.get(sample.unit)
    channels = {layout.getChannelName(channel): channel for channel in range(layout.channelCount)}

    def request(box: Box, samples: int, channel: int) -> Floats:
        low, high = (0, box[2], box[0], 0, 0, 0), (samples, box[3], box[1], 1, 1, 1)
        found = library.getAccessManager(handle).requestVolumeSubset(low, high, channel=channel)
        return np.asarray(found.data, np.float32).reshape(box[1] - box[0], box[3] - box[2], samples)

    whole = (0, size[2], 0, size[1])
    live = request(whole, 1, channels["Trace"])[..., 0] != 0 if "Trace" in channels else np.ones(size[:0:-1], bool)
    step = (sample.coordinateMax - sample.coordinateMin) / max(size[0] - 1, 1)
    x, y = _vds_places(layout, *(_axis_labels(axis) for axis in reversed(lines)))
    return Contents(
        inlines=_axis_labels(lines[1]),
        crosslines=_axis_labels(lines[0]),
        samples=size[0],
        interval=step * 1000 * (metres or time or 1.0),
        first=sample.coordinateMin * (metres or time or 1.0),
        text="VERTICAL AXIS: DEPTH" if metres else "VERTICAL AXIS: TIME" if time else "",
        x=x,
        y=y,
        live=live,
        load=lambda box: request(box, size[0], 0),
        notes=() if x is not None else (NO_POSITIONS,),
    )


def _axis_labels(axis: Any) -> NDArray[np.int64]:
    """Line numbers of a VDS axis."""
    return np.rint(np.linspace(axis.coordinateMin, axis.coordinateMax, axis.numSamples)).astype(np.int64)


def _vds_places(
    layout: Any, inlines: NDArray[np.int64], crosslines: NDArray[np.int64]
) -> tuple[Metres | None, Metres | None]:
    """Positions by the survey coordinate system: origin + inline · vector + crossline · vector, vectors a number."""
    words = [("SurveyCoordinateSystem", name) for name in ("Origin", "InlineSpacing", "CrosslineSpacing")]
    if not all(layout.isMetadataDoubleVector2Available(*word) for word in words):
        return None, None
    origin, along, across = (np.array(layout.getMetadataDoubleVector2(*word), np.float64) for word in words)
    if not along.any() and not across.any():
        return None, None
    places = origin + inlines[:, None, None] * along + crosslines[None, :, None] * across
    return places[..., 0], places[..., 1]


INSPECTORS: dict[str, tuple[str, Callable[[Path, Any], Contents]]] = {
    ".zgy": ("openzgy.api", _inspect_zgy),
    ".sgz": ("seismic_zfp.read", _inspect_sgz),
    ".vds": ("openvds", _inspect_vds),
}
"""Suffix → the library to import, and what looks into such a file."""
