"""What comes from outside: kinds of file by their first bytes, harmless names, sizes read before anything is decoded."""

import os
import re
import struct
import unicodedata
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from outcrop.core.film import Film
from outcrop.core.scene import Scene
from outcrop.core.table import Table
from outcrop.core.volume import Volume
from outcrop.service.problems import Problem

START = 4096
"""Bytes by which a file is judged."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Kind:
    """A kind of file.

    Attributes:
        suffix: what it is called inside, whatever its name was.
        holds: what a room must take to take it.
        small: True where it may be answered at once: a picture whose size stands in its first bytes.
    """

    name: str
    suffix: str
    holds: type
    small: bool = False


def _picture(name: str, suffix: str) -> Kind:
    return Kind(name=name, suffix=suffix, holds=Scene, small=True)


PNG, JPEG, WEBP, BMP = (
    _picture("PNG", ".png"),
    _picture("JPEG", ".jpg"),
    _picture("WebP", ".webp"),
    _picture("BMP", ".bmp"),
)
TIFF, JP2 = Kind(name="TIFF", suffix=".tif", holds=Scene), Kind(name="JPEG 2000", suffix=".jp2", holds=Scene)
NPY, SEGY = Kind(name="NumPy array", suffix=".npy", holds=Volume), Kind(name="SEG-Y", suffix=".sgy", holds=Volume)
ZGY, MP4 = Kind(name="ZGY", suffix=".zgy", holds=Volume), Kind(name="MP4 or MOV", suffix=".mp4", holds=Film)
MKV, AVI = Kind(name="Matroska or WebM", suffix=".mkv", holds=Film), Kind(name="AVI", suffix=".avi", holds=Film)
GIF, CSV = Kind(name="GIF", suffix=".gif", holds=Film), Kind(name="CSV", suffix=".csv", holds=Table)
KINDS = (PNG, JPEG, WEBP, BMP, TIFF, JP2, NPY, SEGY, ZGY, MP4, MKV, AVI, GIF, CSV)

MAGIC: Mapping[bytes, Kind] = {
    b"\x89PNG\r\n\x1a\n": PNG, b"\xff\xd8\xff": JPEG, b"BM": BMP, b"II*\0": TIFF, b"MM\0*": TIFF, b"II+\0": TIFF, b"MM\0+": TIFF,
    b"\0\0\0\x0cjP  \r\n\x87\n": JP2, b"\xff\x4f\xff\x51": JP2, b"\x93NUMPY": NPY, b"VBS\0": ZGY, b"\x1aE\xdf\xa3": MKV,
    b"GIF87a": GIF, b"GIF89a": GIF,
}  # fmt: skip

ARCHIVES: Mapping[bytes, str] = {
    b"PK\x03\x04": "zip", b"PK\x05\x06": "zip", b"PK\x07\x08": "zip", b"7z\xbc\xaf": "7z", b"Rar!\x1a\x07": "rar", b"MSCF": "cab",
    b"\x1f\x8b": "gzip", b"BZh": "bzip2", b"\xfd7zXZ": "xz", b"\x28\xb5\x2f\xfd": "zstd", b"\x04\x22\x4d\x18": "lz4", b"\x1f\x9d": "compress",
}  # fmt: skip
"""First bytes of archives and packed files. None is taken, so none is ever unpacked."""

OPERATOR = "models are put in place by the operator"
PICKLE = "a Python pickle, which can run code: only data are taken here"
FOREIGN: Mapping[bytes, str] = {
    **{magic: f"an archive or packed ({kind}): send the files themselves, several in one request" for magic, kind in ARCHIVES.items()},
    **{bytes((0x80, protocol)): PICKLE for protocol in range(2, 6)},
    b"\x89HDF\r\n\x1a\n": f"an HDF5 file, as models are: {OPERATOR}", b"%PDF": "a PDF: send the picture itself",
    b"\x7fELF": "a program: send a picture or data",
}  # fmt: skip
"""First bytes of what is not taken, and what it is."""


ONNX = re.compile(rb"\x08[\x03-\x13][\x12\x1a\x22\x2a\x32\x3a\x42]")
"""A version, and the next field of a model."""


def foreign(start: bytes) -> str | None:
    """What a file of a known kind that is not taken is."""
    if start[257:262] == b"ustar":
        return "an archive (tar): send the files themselves, several in one request"
    if start.startswith(b"PK\x03\x04") and b"/data.pkl" in start[:256]:
        return f"a PyTorch checkpoint, which holds {PICKLE}"
    if ONNX.match(start):
        return f"a model (ONNX): {OPERATOR}"
    if start[8:9] == b"{" and int.from_bytes(start[:8], "little") < 1 << 32:
        return f"model weights (safetensors): {OPERATOR}"
    return next((said for magic, said in FOREIGN.items() if start.startswith(magic)), None)


def accepted(takes: Iterable[type]) -> list[str]:
    """Names of the kinds that a room takes."""
    held = tuple(takes)
    return [kind.name for kind in KINDS if kind.holds in held]


def kind_of(start: bytes, name: str) -> Kind | None:
    """The kind of file by its first bytes; the name only tells SEG-Y without a text header, and tables."""
    for magic, kind in MAGIC.items():
        if start.startswith(magic):
            return kind
    if start[:4] == b"RIFF":
        return {b"WEBP": WEBP, b"AVI ": AVI}.get(start[8:12])
    if start[4:8] == b"ftyp":
        return MP4
    suffix = Path(name).suffix.lower()
    lines = (start[:3].decode("ascii", "replace"), start[:3].decode("cp037", "replace"))
    if any(line in ("C 1", "C01") for line in lines) or (suffix in (".sgy", ".segy") and _not_text(start)):
        return SEGY
    if suffix in (".csv", ".tsv") and is_table(start):
        return CSV
    return None


def _not_text(start: bytes) -> bool:
    """Not a page, a document or an archive under the name of something else."""
    return len(start) >= 400 and not start.lstrip()[:1] in (b"<", b"{") and foreign(start) is None


def is_table(start: bytes) -> bool:
    """Text in lines with separators, and no markup."""
    try:
        text = start.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        if error.start < len(start) - 4:  # more than a letter cut in two at the end
            return False
        text = start[: error.start].decode("utf-8-sig")
    head = text.lstrip()[:1]
    return "\0" not in text and head not in ("<", "{", "[", "") and any(mark in text for mark in ",;\t")


def refuse_unless(kind: Kind | None, start: bytes, takes: Iterable[type], shown: str, room: str) -> Kind:
    """The kind, if the room takes it.

    Raises:
        Problem: 415, with the list of what is taken; 422 for an empty file.
    """
    if not start:
        raise Problem(422, "damaged-file", f"{shown} is empty: copy or export it again")
    held = tuple(takes)
    if kind is not None and kind.holds in held:
        return kind
    what = foreign(start) or (f"{kind.name}, which this room does not take" if kind else _guess(start))
    taken = accepted(held)
    hint = "" if ": " in what else f": give {room} one of {', '.join(taken)}"
    raise Problem(415, "unknown-format", f"{shown} is {what}{hint}", accepted=taken)


def _guess(start: bytes) -> str:
    """What a file of no known kind seems to be."""
    head = start.lstrip(b"\xef\xbb\xbf \t\r\n")[:200].lower()
    if b"<svg" in head:
        return "an SVG drawing"
    if head.startswith((b"<vrt", b"<gdal", b"<?xml", b"{")):
        return "a text that points to other data (XML or JSON)"
    return "a web page" if head.startswith((b"<!doctype", b"<html")) else "no kind of file that is known here"


def shown_name(name: str | None) -> str:
    """A name fit to be shown: no path, no control characters, no marks that turn the reading direction, at most 120 letters.

    >>> shown_name("../../etc/pass\\x00wd\\u202egnp.exe"), shown_name(None)
    ('passwdgnp.exe', 'upload')
    """
    plain = unicodedata.normalize("NFC", name or "").encode("utf-8", "replace").decode("utf-8")
    plain = "".join(c for c in plain if unicodedata.category(c)[0] != "C")
    plain = re.split(r"[/\\]", plain)[-1].strip(" .")
    return plain if 0 < len(plain) <= 120 else (plain[:80] + "…" + plain[-30:] if plain else "upload")


RESERVED = re.compile(r"(con|prn|aux|nul|com\d|lpt\d)(\..*)?", re.IGNORECASE)


def safe_stem(shown: str) -> str:
    """The stem under which a file lies in its own folder: letters, digits, dashes, dots inside; suffixes follow the content.

    >>> safe_stem("São Luís (2).PNG"), safe_stem("aux.png"), safe_stem("…"), safe_stem("line 1..mask.png")
    ('Sao-Luis-2', 'x-aux', 'upload', 'line-1.mask')
    """
    stem = shown.rsplit(".", 1)[0] if "." in shown else shown
    plain = unicodedata.normalize("NFKD", stem).encode("ascii", "ignore").decode("ascii")
    plain = re.sub(r"[^A-Za-z0-9_.]+", "-", plain)
    plain = re.sub(r"[-.]*\.[-.]*", ".", plain).strip("-_.")[-60:].strip("-_.")
    return f"x-{plain}" if RESERVED.fullmatch(plain) else plain or "upload"


def picture_size(file: BinaryIO, kind: Kind) -> tuple[int, int] | None:
    """(rows, cols) of a small kind of picture from its header alone; None where the header does not say it."""
    file.seek(0)
    head = file.read(64)
    try:
        return {PNG: _png, JPEG: _jpeg, WEBP: _webp, BMP: _bmp}[kind](head, file)
    except (struct.error, IndexError, KeyError):
        return None
    finally:
        file.seek(0)


def _png(head: bytes, file: BinaryIO) -> tuple[int, int] | None:
    cols, rows = struct.unpack(">II", head[16:24])
    return (rows, cols) if head[12:16] == b"IHDR" else None


def _bmp(head: bytes, file: BinaryIO) -> tuple[int, int]:
    if struct.unpack("<I", head[14:18])[0] == 12:
        cols, rows = struct.unpack("<HH", head[18:22])
    else:
        cols, rows = struct.unpack("<ii", head[18:26])
    return abs(rows), abs(cols)


def _webp(head: bytes, file: BinaryIO) -> tuple[int, int] | None:
    if head[12:16] == b"VP8X":
        return int.from_bytes(head[27:30], "little") + 1, int.from_bytes(head[24:27], "little") + 1
    if head[12:16] == b"VP8L":
        bits = int.from_bytes(head[21:25], "little")
        return ((bits >> 14) & 0x3FFF) + 1, (bits & 0x3FFF) + 1
    if head[12:16] == b"VP8 ":
        cols, rows = struct.unpack("<HH", head[26:30])
        return rows & 0x3FFF, cols & 0x3FFF
    return None


def _jpeg(head: bytes, file: BinaryIO) -> tuple[int, int] | None:
    """The first start-of-frame segment; at most 500 segments are passed over."""
    file.seek(2)
    for _ in range(500):
        mark = file.read(2)
        while mark[:1] == b"\xff" and mark[1:] == b"\xff":
            mark = b"\xff" + file.read(1)
        if len(mark) < 2 or mark[0] != 0xFF:
            return None
        if 0xC0 <= mark[1] <= 0xCF and mark[1] not in (0xC4, 0xC8, 0xCC):
            rows, cols = struct.unpack(">xxxHH", file.read(7))
            return rows, cols
        file.seek(struct.unpack(">H", file.read(2))[0] - 2, os.SEEK_CUR)
    return None


def refuse_pixels(rows: int, cols: int, limit: int, shown: str) -> None:
    """Refuse more pixels than the limit.

    Raises:
        Problem: 422, with both numbers.
    """
    if (got := rows * cols) > limit:
        said = f"{shown}: {cols} x {rows} = {got / 1e6:.0f} MP, and the limit is {limit / 1e6:.0f} MP"
        raise Problem(422, "too-large", f"{said}: cut it into parts or use `outcrop predict`", limit=limit, got=got)
