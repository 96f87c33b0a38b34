"""What each ingredient of the salt recipe is worth: one fold, a shortened schedule, one change at a time.

``python -m benchmarks.ingredients DATA RUNS [--fold 0] [--epochs 12] [--jobs 2] [--unlabelled FILE] [NAME ...]`` trains what RUNS does
not hold yet (it resumes), then prints a table with the Kaggle score of the held-out fold and the paired difference to the base.
The second round wants the base trained and the unlabelled pictures.
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
    "student: unet-bce": ["recipe=unet-bce"],
    "student: resnet-unet": ["recipe=resnet-unet"],
    "second round": ["epochs=14", "learning_rate=0.0008", "phases=" + FLAT.format("lovasz-symmetric + 0.1*bce")],
}
"""Name → changes to the room's first recipe, or another recipe."""

SECOND = "second round"
"""Goes on from the base's weights, on pictures that the base labelled where it was sure."""


def folder(runs: Path, name: str) -> Path:
    """Where a variant's run lies."""
    return runs / "".join(c if c.isalnum() else "-" for c in name)


def command(given: argparse.Namespace, name: str) -> list[str]:
    """The command that trains a variant."""
    changes = [f"epochs={given.epochs}", *(c for c in VARIANTS[name] if not c.startswith("recipe="))]
    recipe = next((c.removeprefix("recipe=") for c in VARIANTS[name] if c.startswith("recipe=")), "pictures")
    words = [sys.executable, "-m", "outcrop", "train", "salt", str(given.data), "--out", str(folder(given.runs, name))]
    words += ["--resume", "--fold", str(given.fold), "--threads", "1", "--recipe", recipe]
    if name == SECOND:
        base = str(folder(given.runs, "base"))
        words += ["--pseudo", str(given.unlabelled), "--teacher", base, "--start", base]
    return [*words, *(part for c in changes for part in ("--set", c))]


def train(given: argparse.Namespace) -> None:
    """Train the variants that are not finished, a few at a time."""
    waiting = [n for n in given.names if not (folder(given.runs, n) / f"fold-{given.fold}" / "held-out.npz").exists()]
    running: list[subprocess.Popen[bytes]] = []
    while waiting or running:
        running = [p for p in running if p.poll() is None]
        while waiting and len(running) < given.jobs:
            running.append(subprocess.Popen(command(given, waiting.pop(0))))
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
    parser.add_argument("names", nargs="*")
    parser.add_argument("--fold", type=int, default=0)
    parser.add_argument("--unlabelled", type=Path)
    parser.add_argument("--epochs", type=int, default=12)
    parser.add_argument("--jobs", type=int, default=2)
    given = parser.parse_args()
    given.names = given.names or [name for name in VARIANTS if name != SECOND or given.unlabelled]
    train(given)
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
