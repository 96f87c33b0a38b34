"""What the tests of the doors share: the command line in this process, drawn inputs of known truth, and a model that copies."""

import json
import struct
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

Floats = NDArray[np.float32]

INLINES, CROSSLINES, SAMPLES = (14, 12, 10, 8, 6, 4, 2), tuple(range(300, 309)), 24
"""Labels of the drawn survey: inlines fall by two, as some processing shops write them."""

HOLE = (3, 8)
"""Position of the place without a trace."""

FIRST, STEP = 200.0, 4.0
"""Vertical position of sample 0 and distance between samples, ms."""


@dataclass(frozen=True, kw_only=True)
class Done:
    """What a command left on the screen."""

    code: int
    out: str
    err: str

    @property
    def record(self) -> Any:
        """Standard output as strict JSON."""

        def refuse(word: str) -> None:
            raise ValueError(f"{word} is no JSON")

        return json.loads(self.out, parse_constant=refuse)


@pytest.fixture
def outcrop(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Callable[..., Done]:
    """Runs a command as the console script does, in this process; what is no OutcropError fails the test."""
    from outcrop.cli import main

    def run(*words: object) -> Done:
        monkeypatch.setattr(sys, "argv", ["outcrop", *map(str, words)])
        capsys.readouterr()
        code = 0
        try:
            main()
        except SystemExit as stop:
            code = int(stop.code or 0)
        seen = capsys.readouterr()
        return Done(code=code, out=seen.out, err=seen.err)

    return run


@pytest.fixture(scope="session")
def copier(model_file: Callable[..., Path], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A model file that gives its input back, in chips of 32 px that overlap by 8."""
    return model_file(tmp_path_factory.mktemp("copier") / "copier.onnx", "identity", chip=32, overlap=8)


def draw_disc(
    path: Path, shape: tuple[int, int] = (37, 53), *, at: tuple[float, float] = (0.5, 0.4)
) -> NDArray[np.bool_]:
    """Write a grey picture of a bright disc on a dark ramp; returns the disc."""
    row, col = np.mgrid[: shape[0], : shape[1]]
    disc = np.hypot(row - at[0] * shape[0], col - at[1] * shape[1]) < 0.3 * min(shape)
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(np.where(disc, 220, 40 + col % 60).astype(np.uint8)).save(path)
    return np.asarray(disc)


@pytest.fixture(scope="session")
def disc() -> Callable[..., NDArray[np.bool_]]:
    """See ``draw_disc``."""
    return draw_disc


@pytest.fixture
def discs(tmp_path: Path) -> Path:
    """A folder of seven pictures of different sizes, each with a disc, one of them far apart from the others' sizes."""
    for i in range(7):
        draw_disc(tmp_path / "pictures" / f"picture-{i}.png", (20 + 5 * i, 61 - 4 * i), at=(0.5, 0.3 + 0.05 * i))
    return tmp_path / "pictures"


def ball() -> NDArray[np.bool_]:
    """Where the drawn survey holds salt, (inlines, crosslines, samples); whole, and off the middle along every axis."""
    i, j, k = np.mgrid[: len(INLINES), : len(CROSSLINES), :SAMPLES]
    return np.asarray(((i - 2.6) / 2.2) ** 2 + ((j - 3.6) / 2.7) ** 2 + ((k - 10.4) / 6.2) ** 2 < 1)


def amplitudes(seed: int = 0) -> Floats:
    """Seismic amplitudes of the drawn survey: high in salt, low noise outside."""
    noise = np.random.default_rng(seed).normal(0, 0.02, (len(INLINES), len(CROSSLINES), SAMPLES))
    return np.where(ball(), 3.0, noise - 0.5).astype(np.float32)


def write_survey(path: Path, values: Floats) -> Path:
    """A SEG-Y file, byte by byte: format 5, two-way time, lines 25 m and 12.5 m apart, one place without a trace."""
    head = bytearray(400)
    for byte, value in ((17, STEP * 1000), (21, SAMPLES), (25, 5), (301, 0x0100), (303, 1)):
        struct.pack_into(">H", head, byte - 1, int(value))
    parts = ["C 1 DRAWN FOR A TEST, TWO-WAY TIME".ljust(3200).encode("cp037"), bytes(head)]
    for i, inline in enumerate(INLINES):
        for j, crossline in enumerate(CROSSLINES):
            if (i, j) == HOLE:
                continue
            front = bytearray(240)
            words = {189: inline, 193: crossline, 181: 5000000 + 1250 * j, 185: 70000000 + 2500 * i}
            for byte, word in words.items():
                struct.pack_into(">i", front, byte - 1, word)
            for byte, short in (
                (29, 1),
                (71, -100),
                (89, 1),
                (109, int(FIRST)),
                (115, SAMPLES),
                (117, int(STEP * 1000)),
            ):
                struct.pack_into(">h", front, byte - 1, short)
            parts += [bytes(front), values[i, j].astype(">f4").tobytes()]
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(b"".join(parts))
    return path


@dataclass(frozen=True, kw_only=True)
class Survey:
    """A drawn SEG-Y file and where its salt is."""

    path: Path
    salt: NDArray[np.bool_]


@pytest.fixture
def survey(tmp_path: Path) -> Survey:
    """A drawn survey of 7 x 9 traces, 62 of them there."""
    return Survey(path=write_survey(tmp_path / "in" / "survey.sgy", amplitudes()), salt=ball())


def read_traces(path: Path) -> tuple[bytes, list[bytes], Floats]:
    """Binary header, trace headers and samples (traces, samples) of a big-endian format 5 file."""
    content = path.read_bytes()
    stride = 240 + 4 * SAMPLES
    traces = [content[start : start + stride] for start in range(3600, len(content), stride)]
    values = np.array([np.frombuffer(trace[240:], ">f4") for trace in traces], np.float32)
    return content[3200:3600], [trace[:240] for trace in traces], values


@pytest.fixture(scope="session")
def traces() -> Callable[[Path], tuple[bytes, list[bytes], Floats]]:
    """See ``read_traces``."""
    return read_traces


@pytest.fixture(scope="session")
def make_survey() -> Callable[[Path, Floats], Path]:
    """See ``write_survey``."""
    return write_survey


@pytest.fixture(scope="session")
def numbers() -> Callable[..., list[tuple[str, float, str, float, float]]]:
    """(name, value, unit, low, high) of every measurement of one input of a record."""

    def told(record: Any, position: int = 0) -> list[tuple[str, float, str, float, float]]:
        keys = ("name", "value", "unit", "low", "high")
        return [tuple(m[key] for key in keys) for m in record["inputs"][position]["measurements"]]

    return told
