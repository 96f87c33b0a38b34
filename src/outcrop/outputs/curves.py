"""Learning curves of one fold: loss and IoU of training and validation over the epochs, from its log.csv."""

import csv
from pathlib import Path

from outcrop.outputs import replacing

EVERY = 5
"""Epochs between two drawings while a training runs."""


def draw(log: Path, out: Path, *, final: bool = True) -> Path | None:
    """Write the curves as PNG; every fifth epoch unless ``final``; nothing without matplotlib.

    Args:
        log: CSV with the columns epoch, train_loss, valid_loss, train_iou, valid_iou.
    """
    with log.open(newline="") as file:
        rows = [{name: float(text) for name, text in row.items()} for row in csv.DictReader(file)]
    if not rows or (not final and len(rows) % EVERY):
        return None
    try:
        from matplotlib.backends.backend_agg import FigureCanvasAgg
        from matplotlib.figure import Figure
    except ImportError:
        return None
    figure = Figure(figsize=(8, 3.2), layout="constrained")
    FigureCanvasAgg(figure)
    for place, (name, title) in enumerate((("loss", "loss"), ("iou", "mean IoU of pictures")), 1):
        axes = figure.add_subplot(1, 2, place)
        for kind, colour in (("train", "#b9770e"), ("valid", "#0f6b6b")):
            axes.plot([r["epoch"] + 1 for r in rows], [r[f"{kind}_{name}"] for r in rows], color=colour, label=kind)
        axes.set(xlabel="epoch", title=title)
        axes.grid(alpha=0.25)
        axes.spines[["top", "right"]].set_visible(False)
        axes.legend(frameon=False)
    with replacing(out) as part:
        figure.savefig(part, format="png", dpi=110)
    return out
