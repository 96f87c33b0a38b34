"""What the tests of seismic sources share: SEG-Y files drawn byte by byte, by a path of their own."""

import struct
from fractions import Fraction
from pathlib import Path

import pytest

SHORT = {29, 71, 89, 109, 115, 117, 215}
"""Trace header words of two bytes."""


def ibm_word(value: float) -> int:
    """An IBM float from its definition, digit by digit."""
    sign, size, exponent = (0x80 if value < 0 else 0), Fraction(abs(value)), 64
    if not size:
        return 0
    while size >= 1:
        size, exponent = size / 16, exponent + 1
    while size < Fraction(1, 16):
        size, exponent = size * 16, exponent - 1
    return (sign | exponent) << 24 | int(size * 2**24)


def encode(value: float, code: int, order: str) -> bytes:
    """One sample, one at a time."""
    if code == 1:
        return struct.pack(order + "I", ibm_word(value))
    if code in (7, 15):
        return int(value).to_bytes(3, "big" if order == ">" else "little", signed=code == 7)
    kind = {2: "i", 3: "h", 5: "f", 6: "d", 8: "b", 9: "q", 10: "I", 11: "H", 12: "Q", 16: "B"}[code]
    return struct.pack(order + kind, value if code in (5, 6) else int(value))


def _draw(
    path: Path,
    traces,
    *,
    code=5,
    order=">",
    interval=4000,
    binary=None,
    text="C 1 DRAWN",
    encoding="cp037",
    texts=(),
    blocks=0,
    tail=b"",
) -> Path:
    """A SEG-Y file from (trace header words by byte, samples) pairs, byte by byte."""
    head = bytearray(400)
    words = {17: ("H", interval), 21: ("H", len(traces[0][1]) if traces else 10), 25: ("h", code), **(binary or {})}
    for byte, (kind, value) in words.items():
        struct.pack_into(order + kind, head, byte - 1, value)
    out = text.ljust(3200).encode(encoding) + bytes(head)
    for extra in texts:
        out += extra.ljust(3200).encode(encoding)
    for header, samples in traces:
        front = bytearray(240)
        for byte, value in header.items():
            struct.pack_into(order + ("h" if byte in SHORT else "i"), front, byte - 1, value)
        out += bytes(front) + b"\7" * (240 * blocks) + b"".join(encode(v, code, order) for v in samples)
    path.write_bytes(out + tail)
    return path


WORDS = {
    "kind": 29,
    "offset": 37,
    "scalar": 71,
    "sx": 73,
    "sy": 77,
    "units": 89,
    "delay": 109,
    "tscalar": 215,
    "x": 181,
    "y": 185,
}


def _make(inlines=(1, 2, 3), crosslines=(20, 21, 22, 23), samples=5, **named):
    """Traces of a small cube in inline order; sample k of trace n holds 10 n + k; words are numbers or f(il, xl)."""
    traces = []
    for n, (i, j) in enumerate((i, j) for i in inlines for j in crosslines):
        header = {WORDS[name]: value(i, j) if callable(value) else value for name, value in named.items()}
        traces.append(({189: i, 193: j, **header}, [10.0 * n + k for k in range(samples)]))
    return traces


def _cube(volume):
    return volume.read("inline", 0, len(volume.inlines))


@pytest.fixture(scope="session")
def draw():
    """Draws a SEG-Y file: (path, [(trace header words by byte, samples)], ...) → path."""
    return _draw


@pytest.fixture(scope="session")
def make():
    """Makes the traces of a small cube for ``draw``."""
    return _make


@pytest.fixture(scope="session")
def cube():
    """Reads all of a volume, (inlines, crosslines, samples)."""
    return _cube
