"""What each ingredient of the salt recipe is worth: one fold, a shortened schedule, one change at a time.

``python -m benchmarks.ingredients DATA RUNS [--epochs 12] [--jobs 2] [NAME ...]`` trains what RUNS does not hold yet (it
resumes), then prints a table with the Kaggle score of the held-out fold and the paired difference to the base.
"""

import argparse
import subprocess
import sys
from pathlib import Path

import numpy as np

from outcrop.core.labelled import Labelled
from outcrop.core.scene import Floats
from outcrop.engine.heldout import read_held_out
from outcrop.engine.metrics import Counts, count, paired_bootstrap, score
from outcrop.tasks import load as load_task

TASK = load_task("salt")
FOLD = 0
FLAT = '[[1.0, "{}"]]'

VARIANTS: dict[str, list[str]] = {
    "base": [],
    "loss: cross-entropy": ["phases=" + FLAT.format("bce")],
    "loss: cross-entropy + Dice": ["phases=" + FLAT.format("bce + dice")],
    "loss: focal": ["phases=" + FLAT.format("focal")],
    "loss: Lovász, one-sided": ['phases=[[0.3, "bce + 0.5*dice"], [0.7, "lovasz + 0.1*bce"]]'],
    "no pretraining": ["pretrained=none"],
    "depth as input": ["depth=true"],
    "no presence head": ["presence=0"],
    "decoder at full size": ["decoder=[256,128,64,32,16]"],
    "with scSE": ["attention=scse"],
    "no zoom and shift": ["augment.warp_probability=0"],
    "no weight averaging": ["ema=0"],
}
"""Name → changes to the room's first recipe."""


def folder(runs: Path, name: str) -> Path:
    """Where a variant's run lies."""
    return runs / "".join(c if c.isalnum() else "-" for c in name)


def train(data: Path, runs: Path, names: list[str], epochs: int, jobs: int) -> None:
    """Train the variants that are not finished, a few at a time."""
    waiting = [n for n in names if not (folder(runs, n) / f"fold-{FOLD}" / "held-out.npz").exists()]
    running: list[subprocess.Popen[bytes]] = []
    while waiting or running:
        running = [p for p in running if p.poll() is None]
        while waiting and len(running) < jobs:
            name = waiting.pop(0)
            changes = [f"epochs={epochs}", *VARIANTS[name]]
            where = folder(runs, name)
            command = [sys.executable, "-m", "outcrop", "train", "salt", str(data), "--out", str(where), "--resume"]
            command += ["--fold", str(FOLD), "--threads", "1", *(part for c in changes for part in ("--set", c))]
            running.append(subprocess.Popen(command))
        for process in running[:1]:
            process.wait()


def counted(run: Path, labelled: Labelled, key: str) -> Counts:
    """Pixel counts of a run's held-out fold at probability one half."""
    logits, _ = read_held_out(run, key)
    index = [i for i, id in enumerate(labelled.ids) if id in logits]
    planes: list[Floats] = [logits[labelled.ids[i]][0] for i in index]
    return count([(p > 0).astype(np.uint8) for p in planes], [labelled.masks[i] for i in index], 1)


def main() -> None:
    """Train what is missing, then print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("data", type=Path)
    parser.add_argument("runs", type=Path)
    parser.add_argument("names", nargs="*", default=list(VARIANTS))
    parser.add_argument("--epochs", type=int, default=12)
    parser.add_argument("--jobs", type=int, default=2)
    given = parser.parse_args()
    train(given.data, given.runs, given.names, given.epochs, given.jobs)
    labelled = TASK.examples(given.data)
    base = counted(folder(given.runs, "base"), labelled, "flip")
    sys.stdout.write("| ingredient | Kaggle score | difference to base (90 %) |\n|---|---|---|\n")
    rows = [(name, counted(folder(given.runs, name), labelled, "flip")) for name in given.names]
    rows.append(("base without mirror image", counted(folder(given.runs, "base"), labelled, "single")))
    for name, found in rows:
        gap = paired_bootstrap("kaggle", base, found, rng=np.random.default_rng(0))
        low, high = gap.interval()
        sys.stdout.write(f"| {name} | {score('kaggle', found):.4f} | {gap.value:+.4f} ({low:+.4f} to {high:+.4f}) |\n")


if __name__ == "__main__":
    main()
