"""The raw traces of a SEG-Y file: words of their headers, and their bytes, block by block."""

from collections.abc import Mapping
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from outcrop.core.errors import DamagedFile, UsageError
from outcrop.sources.segy_headers import FileHeader

TRACE_WORDS = {
    "sequence": (1, "i4"),
    "trace_in_file": (5, "i4"),
    "field_record": (9, "i4"),
    "ensemble": (21, "i4"),
    "kind": (29, "i2"),
    "offset": (37, "i4"),
    "scalar": (71, "i2"),
    "source_x": (73, "i4"),
    "source_y": (77, "i4"),
    "units": (89, "i2"),
    "delay": (109, "i2"),
    "interval": (117, "u2"),
    "x": (181, "i4"),
    "y": (185, "i4"),
    "inline": (189, "i4"),
    "crossline": (193, "i4"),
    "time_scalar": (215, "i2"),
}
"""Trace header words that the reader looks at: name → (first byte, type)."""

BLOCK = 4 << 20
"""Bytes of the file held in memory at a time."""


def read_trace_words(path: Path, header: FileHeader, words: Mapping[str, tuple[int, str]]) -> dict[str, NDArray[Any]]:
    """Trace header words of every trace, {name: (count,)}, in native byte order, at most 4 MiB of the file at a time.

    Raises:
        UsageError: a word does not lie within the trace header.
        DamagedFile: the file ends early.
    """
    ends = {name: first + np.dtype(kind).itemsize - 1 for name, (first, kind) in words.items()}
    for name, (first, _) in words.items():
        if first < 1 or ends[name] > header.trace_header:
            raise UsageError(
                f"byte {first} for the {name.replace('_', ' ')} does not leave room in a trace header of "
                f"{header.trace_header} bytes: choose 1 to {header.trace_header - 3}"
            )
    # Reading whole traces in one go beats one small read per trace until traces are longer than two pages.
    width = header.trace_bytes if header.trace_bytes <= 8192 else max(ends.values())
    record = np.dtype(
        {
            "names": list(words),
            "formats": [header.endian + kind for _, kind in words.values()],
            "offsets": [first - 1 for first, _ in words.values()],
            "itemsize": width,
        }
    )
    found = {name: np.empty(header.count, kind) for name, (_, kind) in words.items()}
    rows = max(BLOCK // width, 1)
    with path.open("rb", buffering=0) as file:
        for start in range(0, header.count, rows):
            stop = min(start + rows, header.count)
            block = read_rows(file, header, np.arange(start, stop), width).view(record)[:, 0]
            for name in words:
                found[name][start:stop] = block[name]
    return found


def read_rows(file: Any, header: FileHeader, traces: NDArray[np.int64], width: int) -> NDArray[np.uint8]:
    """The first ``width`` bytes of these traces, (traces, width); numbers ascend, neighbours come in one read.

    Plain reads, not a memory map: pages of a map count as this process's memory for as long as it lives.

    Raises:
        DamagedFile: the file ends early, as when another program cuts it while it is read.
    """
    rows = np.empty((len(traces), width), np.uint8)
    whole = width == header.trace_bytes
    breaks = np.flatnonzero(np.diff(traces) != 1) + 1 if whole else np.arange(1, len(traces))
    bounds = [0, *breaks.tolist(), len(traces)]
    for first, last in pairwise(bounds):
        file.seek(header.first_trace + int(traces[first]) * header.trace_bytes)
        if file.readinto(rows[first:last].data.cast("B")) != (last - first) * width:
            raise DamagedFile(f"{header.name} ended while it was read: is another program writing it?")
    return rows
