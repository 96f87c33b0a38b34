"""SEG-Y volumes and lines in: every sample format, byte order and sorting that turns up, read line by line.

    volume = open_segy(Path("survey.sgy"))
    volume.read("crossline", 0, 16)      # (16, inlines, samples) float32

``Volume.layout`` of a SEG-Y file, which a writer needs to give back the same geometry:

=============  ====================================================================================
first_trace    file position of the first trace
trace_header   bytes of header in front of each trace's samples, 240 or more
trace_bytes    bytes of a trace, header and samples
count          number of traces in the file
format         sample format code
endian         ">" or "<"
encoding       of the text header, "cp037" (EBCDIC) or "latin-1"
traces         (n_inlines, n_crosslines) int64 number of the trace in the file, -1 where none stands
repeats        (n, 2) int64 trace that repeats a place already taken, and the trace taken for it
read_headers   ascending trace numbers (n,) → their headers (n, trace_header) uint8
=============  ====================================================================================
"""

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from outcrop.core.errors import UsageError
from outcrop.core.volume import Volume
from outcrop.sources.segy_headers import FileHeader, SegyOptions, read_file_header
from outcrop.sources.segy_map import Metres, coordinates, line_spacing
from outcrop.sources.segy_places import Places, Words, place_traces
from outcrop.sources.segy_samples import line_reader
from outcrop.sources.segy_traces import TRACE_WORDS, read_rows, read_trace_words
from outcrop.sources.segy_vertical import first_sample, vertical_axis

__all__ = ["SegyOptions", "open_segy"]

DEAD = 2
"""Trace identification code (bytes 29-30) of a dead trace."""


def open_segy(path: Path, options: SegyOptions = SegyOptions()) -> Volume:  # noqa: B008  (frozen)
    """Open a SEG-Y file: its headers are read now, its samples when asked for.

    Raises:
        BadInput: there is no such file.
        UnknownFormat: the file is not SEG-Y.
        DamagedFile: the file is cut off or contradicts itself.
        NoGeometry: its traces cannot be put in their places.
        UsageError: an option makes no sense.
    """
    header = read_file_header(path, options.endian)
    words = read_trace_words(path, header, _chosen_words(options))
    standard = options.inline_byte is None and options.crossline_byte is None
    places = place_traces(path.name, words, options.offset, guess=standard)
    live, dead_notes = _live(places, words)
    interval, interval_notes = _interval(header, words)
    delay, delay_notes = first_sample(words["delay"], words["time_scalar"])
    axis, first, step, axis_notes = vertical_axis(path.name, header.text, interval, delay, header.feet, options)
    x, y, spacing, map_notes = _on_the_map(words, places, header.feet, options)
    return Volume(
        id=path.stem,
        inlines=places.inlines,
        crosslines=places.crosslines,
        vertical=axis,
        first_sample=first,
        sample_step=step,
        samples=header.samples,
        live=live,
        read=line_reader(path, header, np.where(live, places.traces, -1)),
        x=x,
        y=y,
        spacing=spacing,
        path=path,
        layout=_layout(path, header, places),
        crs=options.crs,
        notes=(*header.notes, *places.notes, *dead_notes, *interval_notes, *axis_notes, *delay_notes, *map_notes),
    )


def _chosen_words(options: SegyOptions) -> dict[str, tuple[int, str]]:
    """The trace header words to read, at the bytes that the user names."""
    chosen = dict(TRACE_WORDS)
    given = {
        "inline": options.inline_byte,
        "crossline": options.crossline_byte,
        "x": options.x_byte,
        "y": options.y_byte,
    }
    chosen.update({name: (byte, "i4") for name, byte in given.items() if byte is not None})
    return chosen


def _interval(header: FileHeader, words: Words) -> tuple[float, list[str]]:
    """The sample interval field: the file's, or that of the traces when the file gives none; and a note if they differ."""
    in_traces = float(np.median(words["interval"]))
    if header.interval and in_traces and abs(in_traces - header.interval) > 1:
        odd = f"The file gives a sample interval of {header.interval:g}, its traces {in_traces:g}; the file's is taken."
        return header.interval, [odd]
    return header.interval or in_traces, []


def _live(places: Places, words: Words) -> tuple[NDArray[np.bool_], list[str]]:
    """Where a trace stands that is not marked dead; a file that marks every trace dead is not believed."""
    there = places.traces >= 0
    live = there & (words["kind"][places.traces] != DEAD)
    missing, dead = int(np.count_nonzero(~there)), int(np.count_nonzero(there & ~live))
    notes = [f"{missing} of {there.size} places of the grid hold no trace."] if missing else []
    if dead and not live.any():
        return there, [*notes, "Every trace is marked dead, which is not believed: all are read."]
    return live, [*notes, f"{dead} of {there.size} traces are marked dead and not read."] if dead else notes


def _on_the_map(
    words: Words, places: Places, feet: bool, options: SegyOptions
) -> tuple[Metres | None, Metres | None, tuple[float | None, float | None], list[str]]:
    """x and y on the grid, the distances between lines, and notes; the user's distances go first."""
    if options.spacing is not None and not (len(options.spacing) == 2 and min(options.spacing) > 0):
        raise UsageError(f"a spacing of {options.spacing} is no pair of distances: give two metres above 0")
    x, y, notes = coordinates(words, feet)
    if x is None or y is None:
        return None, None, options.spacing or (None, None), [] if options.spacing else notes
    there = places.traces >= 0
    x, y = np.where(there, x[places.traces], np.nan), np.where(there, y[places.traces], np.nan)
    spacing, more = line_spacing(x, y)
    if options.spacing is not None:
        return x, y, options.spacing, notes
    return x, y, spacing, notes + more


def _layout(path: Path, header: FileHeader, places: Places) -> dict[str, Any]:
    """What the module's docstring lists."""

    def read_headers(traces: NDArray[np.int64]) -> NDArray[np.uint8]:
        with path.open("rb", buffering=0) as file:
            return read_rows(file, header, traces, header.trace_header)

    return {
        "first_trace": header.first_trace,
        "trace_header": header.trace_header,
        "trace_bytes": header.trace_bytes,
        "count": header.count,
        "format": header.format,
        "endian": header.endian,
        "encoding": header.encoding,
        "traces": places.traces,
        "repeats": places.repeats,
        "read_headers": read_headers,
    }
