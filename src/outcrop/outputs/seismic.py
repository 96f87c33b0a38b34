"""Volumes out as SEG-Y: the user's own file with other samples, or a fresh one.

``write_like`` gives back the file that a volume was read from, byte for byte, but for the samples, a note in
the text header, and, where samples were integers, the format code. Interpretation programs then load it
over the original without a question. ``write_segy`` draws up a file for a volume that has none.

Both take the lines as a stream and hold a few megabytes; both write under a temporary name and rename at the
end, so that a file with the final name is always a whole one.
"""

import secrets
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from itertools import pairwise
from pathlib import Path
from textwrap import shorten
from typing import BinaryIO

import numpy as np
from numpy.typing import NDArray

from outcrop.core.errors import OutputExists, UsageError
from outcrop.core.scene import Floats
from outcrop.core.volume import Volume
from outcrop.outputs.segy_text import add_note, fresh_text

Lines = Iterable[tuple[int, Floats]]
"""(position of the first inline, values (inlines, crosslines, samples)), in order, together every inline once."""

TEXT_BYTES, BINARY_BYTES, TRACE_HEADER_BYTES = 3200, 400, 240
FORMAT_BYTE = 3224
"""Position in the file, from 0, of the sample format code."""

BLOCK = 4 << 20
"""Bytes written at a time."""

MOST_NOTE = 1500
"""Characters that a note may take, about half of a text header."""

WIDTHS = {1: 4, 5: 4, 6: 8}
"""Sample formats that are written, and their bytes a sample: IBM, IEEE single, IEEE double."""


def ibm_from_ieee(values: Floats) -> NDArray[np.uint32]:
    """float32 → IBM System/360 floats as native 32-bit words of the same shape, rounded to the nearest.

    1.f · 2^(e - 127) becomes 0.m · 16^(p - 64) with p = ceil((e - 126) / 4) + 64: up to 3 of 24 bits are lost, a
    relative error of 2^-22 at most. NaN and subnormal numbers become 0; infinities the largest float32.

    >>> [hex(word) for word in ibm_from_ieee(np.array([-118.625, 1, 0], np.float32)).tolist()]
    ['0xc276a000', '0x41100000', '0x0']
    """
    bits = np.nan_to_num(values.astype(np.float32), nan=0.0).view(np.uint32)
    exponent = (bits >> 23) & 0xFF
    power = (exponent + 133) >> 2
    shift = 4 * power - exponent - 130
    mantissa = ((bits & 0x7FFFFF) | 0x800000) + ((1 << shift) >> 1) >> shift
    words: NDArray[np.uint32] = (bits & 0x80000000) | (power << 24) | mantissa
    words[exponent == 0] = 0
    return words


def write_like(volume: Volume, out: Path, lines: Lines, *, note: str, overwrite: bool = False) -> None:
    """Write values in the geometry, headers, byte order, trace order and trace count of the volume's own file.

    NaN is written as 0, so dead traces hold zeros; traces that the volume leaves out (other offsets) do too.
    Samples of format 1, 5 and 6 keep it; integers become IEEE floats (format 5), which the note then says.
    A volume without a SEG-Y file behind it goes to ``write_segy``.

    Args:
        lines: see ``Lines``.
        note: sentences for the text header: what the values are, who made them.

    Raises:
        OutputExists: there is such a file and ``overwrite`` is not set.
        UsageError: the lines do not fit the volume, or the file would replace the one it is made from.
    """
    if "read_headers" not in volume.layout or volume.path is None:
        write_segy(volume, out, lines, note=note, overwrite=overwrite)
        return
    if out.exists() and out.samefile(volume.path):
        raise UsageError(f"{out.name} is the file that is read: choose another name for the result")
    layout = volume.layout
    code = layout["format"] if layout["format"] in WIDTHS else 5
    with volume.path.open("rb") as source, _finished(out, overwrite) as file:
        head = bytearray(source.read(layout["first_trace"]))
        head[FORMAT_BYTE : FORMAT_BYTE + 2] = code.to_bytes(2, "big" if layout["endian"] == ">" else "little")
        changed = "" if code == layout["format"] else f" Samples are IEEE floats, not format {layout['format']}."
        said = f"{shorten(note, MOST_NOTE, placeholder=' ...')}{changed} Vertical axis: {_axis_words(volume)}."
        head[:TEXT_BYTES] = add_note(bytes(head[:TEXT_BYTES]), layout["encoding"], said)
        file.write(head)
        stride = layout["trace_header"] + volume.samples * WIDTHS[code]
        put = _putter(file, len(head), stride, layout["read_headers"], lambda v: encode(v, code, layout["endian"]))
        written = _write_lines(volume, layout["traces"], layout["count"], lines, put)
        _fill(volume, np.flatnonzero(~written), stride, put)
        _repeat(file, len(head), stride, layout["trace_header"], layout["repeats"])
        source.seek(layout["first_trace"] + layout["count"] * layout["trace_bytes"])
        file.seek(len(head) + layout["count"] * stride)
        file.write(source.read())  # trailer stanzas of revision 2


def encode(values: Floats, code: int, endian: str) -> NDArray[np.uint8]:
    """(traces, samples) → sample bytes (traces, bytes); NaN becomes 0."""
    clean = np.where(np.isnan(values), np.float32(0), values)
    numbers = ibm_from_ieee(clean).astype(endian + "u4") if code == 1 else clean.astype(f"{endian}f{WIDTHS[code]}")
    return np.ascontiguousarray(numbers).view(np.uint8).reshape(len(values), -1)


Put = Callable[[NDArray[np.int64], Floats], None]
"""Writes traces: (their numbers in the file, ascending; their values (traces, samples))."""


def _putter(
    file: BinaryIO,
    start: int,
    stride: int,
    headers: Callable[[NDArray[np.int64]], NDArray[np.uint8]],
    samples: Callable[[Floats], NDArray[np.uint8]],
) -> Put:
    """How a trace gets into the file: header in front, samples behind, neighbours in one write."""
    most = max(BLOCK // stride, 1)

    def put(numbers: NDArray[np.int64], values: Floats) -> None:
        for first in range(0, len(numbers), most):
            some = numbers[first : first + most]
            rows = np.concatenate([headers(some), samples(values[first : first + most])], axis=1)
            bounds = [0, *(np.flatnonzero(np.diff(some) != 1) + 1).tolist(), len(some)]
            for low, high in pairwise(bounds):
                file.seek(start + int(some[low]) * stride)
                file.write(rows[low:high].data)

    return put


def _write_lines(volume: Volume, traces: NDArray[np.int64], count: int, lines: Lines, put: Put) -> NDArray[np.bool_]:
    """Write every line and tell which traces of the file, (count,), were written.

    Raises:
        UsageError: the lines do not come in order, do not fit, or stop early.
    """
    inlines, crosslines, samples = volume.shape
    written, position = np.zeros(count, bool), 0
    for first, values in lines:
        stop = first + len(values)
        if first != position or stop > inlines or values.shape[1:] != (crosslines, samples):
            raise UsageError(
                f"values of shape {values.shape} from inline position {first} do not fit {volume.id}: after "
                f"{position} lines, lines of ({crosslines}, {samples}) up to {inlines} are wanted"
            )
        numbers = traces[first:stop].ravel()
        order = np.argsort(numbers, kind="stable")
        order = order[numbers[order] >= 0]
        put(numbers[order], values.reshape(-1, samples)[order])
        written[numbers[order]] = True
        position = stop
    if position != inlines:
        raise UsageError(f"the values stop after {position} of the {inlines} inlines of {volume.id}: give them all")
    return written


def _fill(volume: Volume, numbers: NDArray[np.int64], stride: int, put: Put) -> None:
    """Zeros for the traces that no line covers."""
    most = max(BLOCK // stride, 1)
    for first in range(0, len(numbers), most):
        some = numbers[first : first + most]
        put(some, np.zeros((len(some), volume.samples), np.float32))


def _repeat(file: BinaryIO, start: int, stride: int, header: int, repeats: NDArray[np.int64]) -> None:
    """Give traces that repeat a place the samples of the trace that was read for it."""
    for again, taken in repeats.tolist():
        file.seek(start + taken * stride + header)
        samples = file.read(stride - header)
        file.seek(start + again * stride + header)
        file.write(samples)


def write_segy(
    volume: Volume, out: Path, lines: Lines, *, note: str, sample_format: int = 5, overwrite: bool = False
) -> None:
    """Write a fresh big-endian SEG-Y file, inline by inline, live traces only.

    Revision 1; revision 2 where its wider fields are needed (steps of fractional µs or mm, over 32767 samples).
    Line numbers stand in bytes 189 and 193, coordinates in 181 and 185 to the centimetre, depth steps as mm. A volume with
    distances but no coordinates gets a local grid that starts at (0, 0), which the text header says.

    Args:
        lines: see ``Lines``.
        note: sentences for the text header.
        sample_format: 1 (IBM), 5 (IEEE single) or 6 (IEEE double).

    Raises:
        OutputExists: there is such a file and ``overwrite`` is not set.
        UsageError: the lines do not fit the volume, or its numbers do not fit the format.
    """
    from outcrop.outputs.segy_fresh import binary_header, text_lines, trace_headers

    if sample_format not in WIDTHS:
        raise UsageError(f"samples are not written in format {sample_format}: choose 1, 5 or 6")
    traces = np.full(volume.live.shape, -1, np.int64)
    traces[volume.live] = np.arange(np.count_nonzero(volume.live))
    binary = binary_header(volume, sample_format)
    text = fresh_text(text_lines(volume, _axis_words(volume)))
    text = add_note(text, "cp037", shorten(note, MOST_NOTE, placeholder=" ..."))
    stride = TRACE_HEADER_BYTES + volume.samples * WIDTHS[sample_format]
    with _finished(out, overwrite) as file:
        file.write(text + binary)
        headers = trace_headers(volume, np.flatnonzero(volume.live))
        put = _putter(file, TEXT_BYTES + BINARY_BYTES, stride, headers, lambda v: encode(v, sample_format, ">"))
        _write_lines(volume, traces, int(np.count_nonzero(volume.live)), lines, put)


def _axis_words(volume: Volume) -> str:
    """The vertical axis in words that ``sources.segy`` understands: "depth, first sample 0 m, step 20 m"."""
    word = {"ms": "two-way time", "m": "depth"}.get(volume.vertical.unit, "samples")
    unit = volume.vertical.unit
    return f"{word}, first sample {volume.first_sample:g} {unit}, step {volume.sample_step:g} {unit}"


@contextmanager
def _finished(out: Path, overwrite: bool) -> Iterator[BinaryIO]:
    """A file under a temporary name that takes its own name when, and only when, the block ends well."""
    if out.exists() and not overwrite:
        raise OutputExists(f"{out.name} is there already: choose another name, or allow to write over it (--overwrite)")
    out.parent.mkdir(parents=True, exist_ok=True)
    part = out.with_name(f".{out.name}.{secrets.token_hex(4)}.part")
    try:
        with part.open("x+b") as file:
            yield file
        part.replace(out)
    finally:
        part.unlink(missing_ok=True)
