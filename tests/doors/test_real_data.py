"""Real and deliberately odd files at the door: each is predicted, or refused with a sentence that says why."""

import csv
import json
import os
from collections.abc import Callable
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

import outcrop

FOLDER = Path(os.environ.get("OUTCROP_DATA") or Path(__file__).parents[3] / "shared" / "data") / "seismic"
KINDS = {"segy": (".sgy", ".segy"), "formats": (".zgy", ".sgz", ".vds"), "sections": (".npy",)}
FILES = [p for kind, ends in KINDS.items() for p in sorted((FOLDER / kind).glob("*")) if p.suffix in ends]

PRE_STACK = "pre-stack"
REFUSED = {
    "edge_1xN.sgy": PRE_STACK,
    "edge_Mx1.sgy": PRE_STACK,
    "edge_small-ps.sgy": PRE_STACK,
    "edge_shot-gather.sgy": PRE_STACK,
    "edge_multi-text.sgy": "holds one value everywhere",
}
"""File → why it cannot be used."""

pytestmark = pytest.mark.skipif(
    not FILES, reason="needs the real seismic files: set OUTCROP_DATA to the folder that holds seismic/segy"
)
every_file = pytest.mark.parametrize("path", FILES, ids=lambda p: p.name)


@pytest.fixture(scope="module")
def model(model_file: Callable[..., Path], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Copies its input, in chips of 128 px."""
    return model_file(tmp_path_factory.mktemp("model") / "copier.onnx", "identity", chip=128, overlap=16)


@pytest.fixture(scope="module")
def result(model: Path, tmp_path_factory: pytest.TempPathFactory) -> Any:
    """All files in one run."""
    return outcrop.predict("salt", FILES, tmp_path_factory.mktemp("real") / "run", models=[model])


def entry_of(result: Any, path: Path) -> dict[str, Any]:
    return next(entry for entry in result.record["inputs"] if entry["input"] == str(path))


def reason(path: Path) -> str | None:
    """Why a file cannot be used here; None where it can."""
    needs = {".zgy": "pyzgy", ".sgz": "seismic_zfp", ".vds": "openvds"}.get(path.suffix)
    if needs and find_spec(needs) is None:
        return needs
    return REFUSED.get(path.name)


@every_file
def test_a_file_is_seen_or_refused_with_a_sentence(result: Any, path: Path) -> None:
    entry, why = entry_of(result, path), reason(path)
    if why:
        assert why in entry["error"] and "\n" not in entry["error"] and not entry["files"]
        return
    assert "error" not in entry
    kind = ".npy" if path.suffix == ".npy" else ".sgy"
    wanted = {f"{entry['stem']}.{what}" for what in (f"probability{kind}", f"mask{kind}", "top.csv", "bodies.csv")}
    assert wanted <= set(entry["files"])
    assert not [file for file in entry["files"] if not (result.out / file).stat().st_size]
    for m in entry["measurements"]:
        assert np.isfinite([m["low"], m["value"], m["high"]]).all() and m["low"] <= m["value"] <= m["high"], m


@pytest.mark.parametrize(
    "path", [p for p in FILES if p.suffix in KINDS["segy"] and p.name not in REFUSED], ids=lambda p: p.name
)
def test_a_seismic_file_comes_back_with_its_headers_and_trace_count(result: Any, path: Path) -> None:
    segyio = pytest.importorskip("segyio", reason="needs segyio to read what was written by another hand")
    written = result.out / f"{entry_of(result, path)['stem']}.probability.sgy"
    order = "little" if "lsb" in path.name else "big"
    try:
        segyio.open(path, strict=False, endian=order).close()
    except RuntimeError:
        pytest.skip("segyio cannot read this file itself, for its long trace headers")
    with (
        segyio.open(path, strict=False, endian=order) as there,
        segyio.open(written, strict=False, endian=order) as back,
    ):
        assert back.tracecount == there.tracecount and len(back.samples) == len(there.samples)
        for number in {0, there.tracecount // 2, there.tracecount - 1}:
            assert dict(back.header[number]) == dict(there.header[number])
        values = back.trace.raw[:]
    assert values.min() >= 0 and values.max() <= 1


def test_the_whole_run_counts_what_it_refused(result: Any) -> None:
    refused = {Path(r["input"]).name for r in result.refused}
    assert refused == {path.name for path in FILES if reason(path)}
    page = (result.out / "report.html").read_text(encoding="utf-8")
    assert f"{len(FILES) - len(refused)} of {len(FILES)} inputs measured" in page
    json.loads((result.out / "summary.json").read_text(), parse_constant=lambda word: pytest.fail(f"{word} is no JSON"))


@pytest.mark.parametrize("path", [p for p in FILES if p.name.startswith("cgg")], ids=lambda p: p.name)
def test_a_real_section_of_salt_has_a_mask_an_overlay_and_picks_of_its_size(result: Any, path: Path) -> None:
    entry, shape = entry_of(result, path), np.load(path, mmap_mode="r").shape
    mask = np.load(result.out / f"{entry['stem']}.mask.npy")
    assert mask.shape == shape and set(np.unique(mask)) <= {0, 1, 255}
    assert Image.open(result.out / f"{entry['stem']}.overlay.png").size == shape[::-1]
    with (result.out / f"{entry['stem']}.top.csv").open(newline="", encoding="utf-8") as file:
        picks = [float(row["value"]) for row in csv.DictReader(file)]
    assert picks and 0 <= min(picks) and max(picks) < shape[0]
