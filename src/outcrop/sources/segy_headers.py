"""The head of a SEG-Y file, in either byte order, revisions 0 to 2, and what a user may say instead of it.

A SEG-Y file is a 3200-byte text header (40 lines of 80 characters), a 400-byte binary header, any
number of further 3200-byte text headers, then the traces: 240 bytes of header (revision 2 may add
more blocks of 240) and the samples. Byte positions in this module count from 1, as the standard does.

Sources: SEG-Y rev 0 (Barry, Cavers and Kneale 1975), rev 1 (SEG 2002), rev 2.0 and 2.1 (SEG 2017, 2023).
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import product
from pathlib import Path
from typing import Any, BinaryIO, Literal

import numpy as np

from outcrop.core.errors import BadInput, DamagedFile, UnknownFormat, UsageError

TEXT_BYTES, BINARY_BYTES, TRACE_HEADER_BYTES = 3200, 400, 240
ENDIANS = {"auto": (">", "<"), "big": (">",), "little": ("<",)}

SAMPLE_BYTES = {1: 4, 2: 4, 3: 2, 5: 4, 6: 8, 7: 3, 8: 1, 9: 8, 10: 4, 11: 2, 12: 8, 15: 3, 16: 1}
"""Bytes of a sample by format code (bytes 3225-3226). Code 4, fixed point with gain, is obsolete and not read."""

MOST_TEXT = 100 * TEXT_BYTES
"""Bytes of text headers that are looked at for words such as "depth"."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SegyOptions:
    """What a user may say about a SEG-Y file when its headers are silent or wrong.

    Attributes:
        inline_byte, crossline_byte, x_byte, y_byte: first byte (from 1) of a 4-byte trace header word.
        vertical: what the samples are spaced in.
        sample_interval: distance between samples in the unit of the vertical axis (ms or m).
        endian: byte order of numbers.
        offset: which offset (bytes 37-40) of pre-stack data to take.
        spacing: metres between neighbouring inlines and between neighbouring crosslines.
        crs: map projection of the coordinates.
    """

    inline_byte: int | None = None
    crossline_byte: int | None = None
    x_byte: int | None = None
    y_byte: int | None = None
    vertical: Literal["auto", "time", "depth"] = "auto"
    sample_interval: float | None = None
    endian: Literal["auto", "big", "little"] = "auto"
    offset: float | None = None
    spacing: tuple[float, float] | None = None
    crs: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class FileHeader:
    """What stands before the traces, and how the traces are laid out.

    Attributes:
        name: file name, for messages.
        text: all text headers, decoded, NUL as blank.
        encoding: "cp037" (EBCDIC) or "latin-1" (ASCII).
        endian: ">" or "<".
        format: sample format code.
        samples: samples in a trace.
        interval: sample interval as the binary header gives it, nominally µs; 0 where it gives none.
        feet: True when the measurement system is feet.
        first_trace: file position of the first trace.
        trace_header: bytes of header in front of each trace's samples.
        trace_bytes: bytes of a trace, header and samples.
        count: number of traces.
        notes: what was odd.
    """

    name: str
    text: str
    encoding: str
    endian: str
    format: int
    samples: int
    interval: float
    feet: bool
    first_trace: int
    trace_header: int
    trace_bytes: int
    count: int
    notes: tuple[str, ...]


def read_file_header(path: Path, endian: Literal["auto", "big", "little"] = "auto") -> FileHeader:
    """Read what stands before the traces and work out how they are laid out.

    Raises:
        BadInput: there is no such file.
        UnknownFormat: the file is not SEG-Y, or its samples are of an obsolete kind.
        DamagedFile: its sample format is not one of the standard's, or it does not hold a whole number of traces.
    """
    if not path.is_file():
        raise BadInput(f"{path.name} is not there or is not a file: check the path")
    try:
        size = path.stat().st_size
        with path.open("rb") as file:
            return _read_file_header(file, size, endian, path.name)
    except OSError as error:
        raise BadInput(f"{path.name} cannot be read ({error.strerror}): check its permissions") from None


def _read_file_header(file: BinaryIO, size: int, endian: str, name: str) -> FileHeader:
    """The headers of an open file."""
    if size < TEXT_BYTES + BINARY_BYTES:
        raise DamagedFile(
            f"{name} holds {size} bytes, but the headers of a SEG-Y file alone take 3600: "
            "it is cut off or no SEG-Y file; copy it again from its source"
        )
    head = file.read(TEXT_BYTES + BINARY_BYTES)
    encoding = text_encoding(head[:TEXT_BYTES])
    order, code = _byte_order(head, endian, name)
    words = _binary_words(head[TEXT_BYTES:], order)
    layout, notes = _trace_layout(file, size, words, SAMPLE_BYTES[code], order, encoding, name)
    file.seek(0)
    front = file.read(min(layout["first_trace"], MOST_TEXT))
    text = front[:TEXT_BYTES] + front[TEXT_BYTES + BINARY_BYTES :]
    return FileHeader(
        name=name,
        text=text.decode(encoding, "replace").replace("\0", " "),
        encoding=encoding,
        endian=order,
        format=code,
        interval=words["extended_interval"] or float(words["interval"]),
        feet=words["measurement"] == 2,
        notes=tuple(notes),
        **layout,
    )


def text_encoding(text: bytes) -> str:
    """ "cp037" for EBCDIC, "latin-1" for ASCII: by the first "C", else by which kind of blank prevails."""
    first = {0xC3: "cp037", 0x43: "latin-1"}.get(text[0])
    return first or ("latin-1" if text.count(0x20) > text.count(0x40) else "cp037")


def _byte_order(head: bytes, endian: str, name: str) -> tuple[str, int]:
    """Byte order and sample format code: the order in which the code is one of the standard's."""
    if endian not in ENDIANS:
        raise UsageError(f"byte order {endian!r} is unknown: choose auto, big or little")
    codes = {order: int(np.frombuffer(head, order + "i2", 1, TEXT_BYTES + 24)[0]) for order in ENDIANS[endian]}
    known = [(order, code) for order, code in codes.items() if code in SAMPLE_BYTES]
    if known:
        return known[0]
    if 4 in codes.values():
        raise UnknownFormat(
            f"{name} holds samples in format 4 (fixed point with gain), which nobody writes any more: "
            "convert it to IEEE floats (format 5) first"
        )
    blank = sum(byte in (9, 10, 13) or 32 <= byte < 127 for byte in head[TEXT_BYTES:])
    what = "plain text" if blank == BINARY_BYTES else f"the sample format code {' or '.join(map(str, codes.values()))}"
    wanted = ", ".join(map(str, SAMPLE_BYTES))
    # A text header is proof enough that this is SEG-Y, so what is wrong is wrong inside it.
    proof = endian == "auto" and blank < BINARY_BYTES and head[:3].decode(text_encoding(head)) in ("C 1", "C01")
    raise (DamagedFile if proof else UnknownFormat)(
        f"{name} has {what} in its binary header (bytes 3225-3226) where SEG-Y has one of {wanted}: check that it is a SEG-Y file"
        + ("" if endian == "auto" else f" and that its byte order is {endian}")
    )


def _binary_words(binary: bytes, order: str) -> dict[str, Any]:
    """The words of the binary header that matter; those of revision 2 are 0 in older files.

    The revision is the larger of bytes 3501 and 3502, since some writers put "1" as a 16-bit number.
    """

    def word(byte: int, kind: str) -> Any:
        return np.frombuffer(binary, order + kind, 1, byte - TEXT_BYTES - 1)[0].item()

    second = max(binary[300:302]) == 2
    interval = word(3273, "f8") if second else 0.0
    blocks = {word(3507, "i4"), word(3507, "i2")} if second else set()
    return {
        "interval": word(3217, "u2"),
        "samples": word(3221, "u2"),
        "measurement": word(3255, "i2"),
        "texts": word(3505, "i2"),
        "extended_samples": word(3269, "i4") if second else 0,
        "extended_interval": interval if np.isfinite(interval) and 0 < interval < 1e9 else 0.0,
        # Revision 2.0 counts the extra trace header blocks in 4 bytes, revision 2.1 in the first 2 of them.
        "blocks": sorted((n for n in blocks if 0 < n <= 1000), reverse=True),
        "first_trace": word(3521, "u8") if second else 0,
        "trailers": word(3529, "i4") if second else 0,
    }


def _trace_layout(
    file: BinaryIO, size: int, words: Mapping[str, Any], width: int, order: str, encoding: str, name: str
) -> tuple[dict[str, int], list[str]]:
    """Where traces start and how long they are: the first reading of the headers that fits the file's size."""
    after = TEXT_BYTES + BINARY_BYTES
    texts = words["texts"] if words["texts"] >= 0 else _count_texts(file, size, encoding)
    declared = words["first_trace"] if after <= words["first_trace"] < size else after + TEXT_BYTES * texts
    starts = [start for start in dict.fromkeys((declared, after)) if start < size]
    if not starts or declared == size:
        raise DamagedFile(f"{name} holds headers but not a single trace: copy it again from its source")
    tail = TEXT_BYTES * words["trailers"] if 0 < words["trailers"] < 1000 else 0
    file.seek(starts[0] + 114)
    in_trace = int.from_bytes(file.read(2), "big" if order == ">" else "little")
    lengths = [n for n in dict.fromkeys((words["extended_samples"], words["samples"], in_trace)) if n > 0]
    for start, samples, blocks, end in product(starts, lengths, [*words["blocks"], 0], dict.fromkeys((tail, 0))):
        header = TRACE_HEADER_BYTES * (1 + blocks)
        count, rest = divmod(size - start - end, header + samples * width)
        if count > 0 and rest == 0:
            layout = {
                "samples": samples,
                "first_trace": start,
                "trace_header": header,
                "trace_bytes": header + samples * width,
                "count": count,
            }
            return layout, list(_layout_notes(layout, words, declared))
    if not lengths:
        raise DamagedFile(f"{name} gives 0 samples a trace, in the file header and in the traces: write it again")
    stride = TRACE_HEADER_BYTES + lengths[0] * width
    count, rest = divmod(size - starts[0], stride)
    raise DamagedFile(
        f"{name} is cut off or its headers are wrong: traces of {lengths[0]} samples take {stride} bytes, and it "
        f"holds {count} of them and {rest} bytes more; copy it again from its source"
    )


def _layout_notes(layout: Mapping[str, int], words: Mapping[str, Any], declared: int) -> Iterator[str]:
    """What was odd about the layout that fits."""
    if layout["first_trace"] != declared:
        yield "The extended text headers that the binary header announces are not there; traces start at byte 3601."
    if layout["samples"] not in (words["extended_samples"], words["samples"]):
        yield (
            f"The binary header gives {words['samples']} samples a trace, the traces {layout['samples']}: "
            "only the latter fits the file's size."
        )
    if layout["trace_header"] > TRACE_HEADER_BYTES:
        yield f"Each trace carries {layout['trace_header']} bytes of header; what lies beyond byte 240 is not looked at."


def _count_texts(file: BinaryIO, size: int, encoding: str) -> int:
    """Number of extended text headers when the file says "as many as there are": up to the EndText stanza."""
    file.seek(TEXT_BYTES + BINARY_BYTES)
    for number in range(1, min(size // TEXT_BYTES, 10_000)):
        if "((seg:endtext))" in file.read(TEXT_BYTES).decode(encoding, "replace").replace(" ", "").lower():
            return number
    return 0
