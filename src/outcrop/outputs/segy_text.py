"""The 40 lines of 80 characters that open a SEG-Y file: a note put into them, or a fresh set."""

import re
import textwrap
import unicodedata
from collections.abc import Sequence

LINES, WIDTH = 40, 80
PREFIX = re.compile(r"^C[ 0-9][0-9]")
LAST_LINES = ("SEG Y REV", "SEG-Y REV", "END TEXTUAL HEADER", "END EBCDIC")
"""What the standard wants in lines 39 and 40; such lines are not written over."""


def add_note(header: bytes, encoding: str, note: str) -> bytes:
    """A text header with a note in its blank lines, or in its last lines where too few are blank.

    The other lines keep their very bytes.

    Args:
        header: 3200 bytes.
        encoding: "cp037" for EBCDIC, "latin-1" for ASCII.
        note: one or more sentences, up to 30 lines of text; wrapped to the width of a line, characters outside ASCII spelled plainly.
    """
    rows = [header[start : start + WIDTH] for start in range(0, LINES * WIDTH, WIDTH)]
    texts = [row.decode(encoding, "replace").replace("\0", " ") for row in rows]
    wrapped = textwrap.wrap(plain(note), WIDTH - 4)
    for row, line in zip(_places(texts, len(wrapped)), wrapped, strict=True):
        start = texts[row][:4] if PREFIX.match(texts[row]) else f"C{row + 1:>2} "
        rows[row] = (start[:3] + " " + line).ljust(WIDTH).encode(encoding)
    return b"".join(rows)


def _places(texts: Sequence[str], count: int) -> list[int]:
    """Which lines to write a note of ``count`` lines into: blank ones, in one piece if possible, else the last ones."""
    blank = [row for row, text in enumerate(texts) if not PREFIX.sub("", text).strip()]
    for start in range(len(blank) - count + 1):
        if blank[start + count - 1] - blank[start] == count - 1:
            return blank[start : start + count]
    if len(blank) >= count:
        return blank[:count]
    free = [row for row, text in enumerate(texts) if not any(words in text.upper() for words in LAST_LINES)]
    return free[-count:]


def fresh_text(lines: Sequence[str], encoding: str = "cp037") -> bytes:
    """A new text header, 3200 bytes: the lines from C 1 on, cut to 76 characters, then the standard's last two."""
    body = [plain(line)[: WIDTH - 4] for line in lines[: LINES - 2]]
    body += [""] * (LINES - 2 - len(body)) + ["SEG Y REV1", "END TEXTUAL HEADER"]
    return "".join(f"C{row:>2} {line}".ljust(WIDTH) for row, line in enumerate(body, 1)).encode(encoding)


def plain(text: str) -> str:
    """Text in printable ASCII: accents dropped, dashes and quotes made plain, anything else as "?".

    >>> plain("m² – Açu")
    'm2 - Acu'
    """
    spelled = text.translate(
        {0x2013: "-", 0x2014: "-", 0x2018: "'", 0x2019: "'", 0x201C: '"', 0x201D: '"', 0x00B7: "-"}
    )
    folded = unicodedata.normalize("NFKD", spelled)
    kept = "".join(c for c in folded if not unicodedata.combining(c)).encode("ascii", "replace").decode("ascii")
    return re.sub(r"[^ -~]+", " ", kept)
