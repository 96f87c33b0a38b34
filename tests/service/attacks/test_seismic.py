"""SEG-Y files with odd heads. Numbers of threats are those of docs/service.md."""

import struct
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

Refused = Callable[..., Any]


def segy(
    *, order: str = ">", text: bytes = b"C 1 drawn by a test", code: int = 5, interval: int = 4000, samples: int = 60, revision: int = 1,
    lines: Callable[[int], tuple[int, int]] = lambda i: (1, i + 1), traces: int = 40, told: int | None = None, tail: bytes = b"",
) -> bytes:  # fmt: skip
    """A line of noise as IEEE floats; ``told`` is the number of samples that the head claims."""
    binary = bytearray(400)
    claimed = samples if told is None else told
    for byte, value in ((3217, interval & 0xFFFF), (3221, claimed), (3225, code)):
        struct.pack_into(f"{order}H", binary, byte - 3201, value)
    binary[300] = revision
    noise = np.random.default_rng(0).normal(size=(traces, samples))
    parts = [text.ljust(3200)[:3200], bytes(binary)]
    for i in range(traces):
        head = bytearray(240)
        inline, crossline = lines(i)
        for byte, kind, value in (
            (115, "H", claimed),
            (117, "H", interval & 0xFFFF),
            (189, "i", inline),
            (193, "i", crossline),
        ):
            struct.pack_into(f"{order}{kind}", head, byte - 1, value)
        parts += [bytes(head), noise[i].astype(f"{order}f4").tobytes()]
    return b"".join(parts) + tail


EBCDIC = "C 1 drawn by a test".ljust(3200).encode("cp037")


@pytest.mark.parametrize("content", [
    segy(), segy(order="<"), segy(text=EBCDIC), segy(text=EBCDIC[:-2] + b"\xff\x00", revision=0), segy(revision=2), segy(text=bytes(3200)),
    segy(lines=lambda i: (1, 40 - i)), segy(lines=lambda i: (1, 7)), segy(lines=lambda i: (-(2**31), 2**31 - 1 - i)),
    segy(lines=lambda i: (i // 8 * 10**8, i % 8 * 10**8)),
], ids=["plain", "little-endian", "EBCDIC", "bad EBCDIC", "revision 2", "no text", "reversed", "one number for all", "extreme", "far apart"])  # fmt: skip
def test_odd_heads_that_can_be_understood_are_taken(service: Any, content: bytes) -> None:
    """Threat 20: the count of traces is that of the file, whatever the numbers of lines would make of it."""
    answer = service.predict(content, "a.sgy", wait="60")
    assert answer.status_code == 200, answer.text
    mask = service.client.get(f"/results/{answer.json()['id']}/a.mask.sgy").content
    assert len(mask) in (3600 + 40 * (240 + width * 60) for width in (1, 2, 4))


@pytest.mark.parametrize(("content", "words"), [
    (segy(code=0), ("format code 0", "3225-3226")), (segy(code=17), ("format code 17", "3225-3226")), (segy(tail=b"12345"), ("5 bytes more",)),
    (segy()[:-100], ("cut off",)), (segy(traces=0), ("not a single trace",)), (segy(told=0), ("0 samples",)),
    (segy(told=61), ("61 samples", "39 of them")), (segy(told=60_000), ("60000 samples", "0 of them")),
    (segy(interval=-4000), ("-4000 as sample interval", "3217-3218")), (segy(interval=0), ("sample interval",)), (segy()[:3000], ("3600",)),
], ids=range(11))  # fmt: skip
def test_a_head_that_cannot_be_true_is_named(
    service: Any, refused: Refused, content: bytes, words: tuple[str, ...]
) -> None:
    """Threat 20: with the byte or the count that is wrong; nothing is allocated by what a head claims."""
    refused(service.predict(content, "a.sgy", wait="60"), 422, "a.sgy", *words)


def test_many_traces_with_the_same_numbers_are_named(service: Any, refused: Refused) -> None:
    """Threat 20."""
    content = segy(traces=300, samples=20, lines=lambda i: (i % 5, i * 7 % 9))
    refused(service.predict(content, "a.sgy", wait="60"), 422, "a.sgy")
