"""The tailings room's promise: a whole drawn scene from file to map, mask and layer, beside the obvious alternative.

``python -m benchmarks.tailings [FOLDER] [--model FILE] [--side 10980]`` draws its scene into FOLDER (a temporary one by default)
and prints a table. The alternative holds the whole scene in memory and runs the same model file window by window, without
overlap, areas or layers.
"""

import argparse
import os
import sys
import tempfile
from pathlib import Path

from benchmarks.run import Promise, cost, table

OUTCROP = [sys.executable, "-m", "outcrop"]

ALTERNATIVE = """
import sys, numpy as np, rasterio, onnxruntime
scene, model, out = sys.argv[1:]
with rasterio.open(scene) as file:
    values, profile = file.read().astype(np.float32) * np.float32(file.scales[0]), file.profile
values = np.clip(values / 0.3, 0, 1.5)
session = onnxruntime.InferenceSession(model)
name, side = session.get_inputs()[0].name, 512
rows, cols = values.shape[1:]
padded = np.pad(values, ((0, 0), (0, -rows % side), (0, -cols % side)), mode="reflect")
seen = np.zeros(padded.shape[1:], np.float32)
for row in range(0, padded.shape[1], side):
    for col in range(0, padded.shape[2], side):
        chip = padded[None, :, row : row + side, col : col + side]
        seen[row : row + side, col : col + side] = session.run(None, {name: chip})[0][0, 0]
profile.update(count=1, dtype="float32", nodata=None, compress="deflate")
with rasterio.open(out, "w", **profile) as file:
    file.write(seen[None, :rows, :cols])
"""
"""What one would write by hand: rasterio and onnxruntime, the whole array in memory."""


def main() -> int:
    """Measure, print the table; 1 when the promise is broken."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path, nargs="?")
    parser.add_argument("--model", type=Path)
    parser.add_argument("--side", type=int, default=10980)
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as temporary:
        folder, out = given.folder or Path(temporary), Path(temporary)
        scene = folder / "drawn-1.tif"
        if not scene.exists():
            settings = ["--seed", "1", "--overwrite", "--set", f"shape={given.side}x{given.side}"]
            cost([*OUTCROP, "draw", "tailings", "--out", str(folder), *settings])
        model = given.model or next(iter(sorted(Path("src/outcrop/tasks/tailings/weights").glob("*.onnx"))))
        predict = [*OUTCROP, "predict", "tailings", str(scene), "--out", str(out / "run"), "--model", str(model)]
        promises = [
            Promise(
                job=f"a scene of {given.side} x {given.side} x 3 uint16, map, mask, layer and report",
                cost=cost(predict),
                seconds=120,
                megabytes=1200,
            ),
            Promise(
                job="the same model by hand, whole array in memory, map alone",
                cost=cost([sys.executable, "-c", ALTERNATIVE, str(scene), str(model), str(out / "by-hand.tif")]),
            ),
        ]
    sys.stdout.write(f"{os.cpu_count()} cores\n\n{table(promises)}\n")
    return 0 if all(p.kept for p in promises) else 1


if __name__ == "__main__":
    sys.exit(main())
