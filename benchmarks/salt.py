"""The salt room's promises: 1000 pictures, a 512 x 512 x 512 volume, and the first picture after a cold start.

``python -m benchmarks.salt [FOLDER]`` draws its inputs into FOLDER (a temporary one by default) and prints a table.
"""

import os
import sys
import tempfile
from pathlib import Path

from benchmarks.run import Promise, cost, table

OUTCROP = [sys.executable, "-m", "outcrop"]
SIDE = 512


def drawn(folder: Path) -> tuple[Path, Path]:
    """A folder of 1000 drawn pictures and a drawn volume; kept ones are used again."""
    pictures, volume = folder / "pictures", folder / "volume"
    if not (pictures / "truth-1.json").exists():
        settings = ["--set", "kind=pictures", "--set", "count=1000"]
        cost([*OUTCROP, "draw", "salt", "--out", str(pictures), "--seed", "1", "--overwrite", *settings])
    if not (volume / "truth-1.json").exists():
        settings = ["--set", f"shape={SIDE}x{SIDE}x{SIDE}"]
        cost([*OUTCROP, "draw", "salt", "--out", str(volume), "--seed", "1", "--overwrite", *settings])
    return pictures / "images", volume / "drawn-1.sgy"


def main() -> int:
    """Measure every promise, print the table; 1 when one is broken."""
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(sys.argv[1] if len(sys.argv) > 1 else temporary)
        pictures, volume = drawn(folder)
        out = Path(temporary)
        predict = [*OUTCROP, "predict", "salt"]
        first = next(iter(sorted(pictures.glob("*.png"))))
        promises = [
            Promise(
                job="1000 pictures of 101 px, files and report",
                cost=cost([*predict, str(pictures), "--out", str(out / "pictures"), "--format", "kaggle"]),
                seconds=20,
                megabytes=400,
            ),
            Promise(
                job=f"a SEG-Y volume of {SIDE} x {SIDE} x {SIDE} float32, both directions, all files",
                cost=cost([*predict, str(volume), "--out", str(out / "volume")]),
                seconds=150,
                megabytes=1000,
            ),
            Promise(
                job="import and the first picture",
                cost=cost([*predict, str(first), "--out", str(out / "first")]),
                seconds=1.5,
            ),
        ]
    sys.stdout.write(f"{os.cpu_count()} cores\n\n{table(promises)}\n")
    return 0 if all(p.kept for p in promises) else 1


if __name__ == "__main__":
    sys.exit(main())
