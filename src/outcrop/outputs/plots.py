"""Pictures of an evaluation: charts by matplotlib, outlined pictures and heat maps by Pillow.

Charts read the figures that ``Evaluation.as_dict()`` gives, so they can be drawn again from a
``metrics.json``. matplotlib is optional (``outcrop[report]``); nothing else here needs it.
"""

from collections.abc import Callable, Mapping
from importlib.util import find_spec
from io import BytesIO
from pathlib import Path
from types import MappingProxyType
from typing import Any

import numpy as np
from numpy.typing import NDArray

from outcrop.core.errors import MissingExtra
from outcrop.core.labelled import IGNORE
from outcrop.core.scene import Floats
from outcrop.outputs import replacing

TRUTH = (70, 190, 255)
PREDICTED = (255, 170, 0)
"""Sky blue and orange, which colour-blind people can tell apart, a shade brighter than Okabe and Ito (2008)."""

HEAT = np.array([(20, 18, 28), (66, 40, 94), (163, 59, 79), (232, 131, 58), (251, 230, 161)], np.float64)
"""Probability 0, ¼, ½, ¾, 1: ever lighter, so that it reads without colour too."""

UNSEEN = (112, 112, 112)
SIDE = 420
"""Pixels along the longer side of a picture in the gallery."""

INK, RUST, TEAL, PALE = "#2b2622", "#b4532a", "#2f7f86", "#b9b0a4"


def available() -> bool:
    """Whether charts can be drawn here."""
    return find_spec("matplotlib") is not None


# Pillow ------------------------------------------------------------------------------------------------------


def outlined(picture: Floats, truth: NDArray[np.uint8], predicted: NDArray[np.uint8]) -> bytes:
    """A PNG of a picture, (rows, cols) or (3, rows, cols), with the outlines of two masks.

    Truth is a solid line, the prediction a dashed one, so that both show where they run together. Grey is
    stretched over the picture's own central 96 %; what does not count in the truth is dimmed.
    """
    factor = _factor(picture.shape[-2:])
    bands = [_stretched(band) for band in (picture if picture.ndim == 3 else picture[None])]
    seen = np.isfinite(picture if picture.ndim == 2 else picture[0])
    colours = np.stack(bands * (3 if len(bands) == 1 else 1), axis=-1)
    colours[~seen] = UNSEEN
    colours[truth == IGNORE] //= 2
    canvas = _resized(colours, factor)
    solid, other = (_thick(_edges(_resized(mask, factor))) for mask in (truth, predicted))
    rows, cols = np.indices(canvas.shape[:2])
    # A chequerboard breaks a line of any direction into dashes.
    dashed = other & ((rows // 8 + cols // 8) % 2 == 0)
    # A dark rim around both lines keeps them visible on white.
    canvas[_thick(solid | dashed)] //= 3
    canvas[solid] = TRUTH
    canvas[dashed] = PREDICTED
    return _png(canvas)


def heat(probability: Floats, predicted: NDArray[np.uint8]) -> bytes:
    """A PNG of a probability map (rows, cols) on the fixed scale 0 to 1, with the outline of the mask cut from it."""
    factor = _factor(probability.shape)
    place = np.clip(np.nan_to_num(probability), 0, 1) * (len(HEAT) - 1)
    colours = np.stack([np.interp(place, np.arange(len(HEAT)), channel) for channel in HEAT.T], axis=-1)
    colours[np.isnan(probability)] = UNSEEN
    canvas = _resized(colours.astype(np.uint8), factor)
    canvas[_edges(_resized(predicted, factor))] = (255, 255, 255)
    return _png(canvas)


def _factor(shape: tuple[int, ...]) -> float:
    """Whole enlargement of a small picture, reduction of a large one, to about `SIDE` pixels."""
    longest = max(shape)
    return SIDE // longest if longest <= SIDE else SIDE / longest


def _stretched(band: Floats) -> NDArray[np.uint8]:
    known = band[np.isfinite(band)]
    low, high = np.quantile(known, [0.02, 0.98]) if known.size else (0.0, 0.0)
    if high <= low:
        return np.full(band.shape, 128, np.uint8)
    return np.asarray(np.clip((np.nan_to_num(band) - low) / (high - low), 0, 1) * 255, np.uint8)


def _resized(values: NDArray[np.uint8], factor: float) -> NDArray[np.uint8]:
    """Nearest neighbour: every pixel shown is one that the model saw."""
    rows, cols = (max(round(side * factor), 1) for side in values.shape[:2])
    take = [
        np.minimum((np.arange(side) / factor).astype(int), old - 1) for side, old in zip((rows, cols), values.shape)
    ]
    return np.asarray(values[take[0]][:, take[1]])


def _edges(mask: NDArray[np.uint8]) -> NDArray[np.bool_]:
    """Lines two pixels wide wherever the class changes; the rim of what does not count is no outline."""
    shown = np.where(mask == IGNORE, 0, mask)
    line = np.zeros(mask.shape, bool)
    for axis in (0, 1):
        changes = np.diff(shown, axis=axis) != 0
        first, second = [slice(None)] * 2, [slice(None)] * 2
        first[axis], second[axis] = slice(None, -1), slice(1, None)
        line[tuple(first)] |= changes
        line[tuple(second)] |= changes
    return line


def _thick(line: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """The line with one more pixel on either side."""
    wide = line.copy()
    wide[1:] |= line[:-1]
    wide[:-1] |= line[1:]
    wide[:, 1:] |= line[:, :-1]
    wide[:, :-1] |= line[:, 1:]
    return wide


def _png(pixels: NDArray[np.uint8]) -> bytes:
    from PIL import Image

    # 128 colours are as good to the eye here, and a third of the bytes.
    small = Image.fromarray(pixels).quantize(128, dither=Image.Dither.NONE)
    buffer = BytesIO()
    small.save(buffer, format="PNG", optimize=True)
    return buffer.getvalue()


# matplotlib --------------------------------------------------------------------------------------------------


def _chart(title: str, x: str, y: str, size: tuple[float, float] = (6.4, 4.8)) -> tuple[Any, Any]:
    """An empty chart in the house style: (figure, axes)."""
    if not available():
        raise MissingExtra("matplotlib", "report", "it draws the charts")
    from matplotlib.figure import Figure

    figure = Figure(figsize=size, dpi=150, layout="constrained")
    axes = figure.add_subplot()
    axes.set_title(title, loc="left", color=INK, fontsize=11, fontweight="bold")
    axes.set_xlabel(x, color=INK)
    axes.set_ylabel(y, color=INK)
    axes.spines[["top", "right"]].set_visible(False)
    axes.grid(color=PALE, alpha=0.4, linewidth=0.6)
    axes.set_axisbelow(True)
    return figure, axes


def _saved(figure: Any, path: Path) -> Path:
    with replacing(path) as part:
        figure.savefig(part, format="png")
    return path


def _numbers(values: list[float | None]) -> NDArray[np.float64]:
    return np.array([np.nan if value is None else value for value in values], np.float64)


def reliability_chart(found: Mapping[str, Any], path: Path) -> Path:
    """What was said against what came true, before and after the temperature."""
    figure, axes = _chart("Reliability", "probability said", "share that was so", (5.2, 5.0))
    axes.plot([0, 1], [0, 1], "--", color=PALE, label="perfect")
    for position, name in enumerate(found["classes"]):
        for key, colour in (("before", RUST), ("after", TEAL)):
            part = found["trust"][key][position]
            label = f"{name}, {key} (ECE {part['ece']:.4f})"
            style = ("o-", "s-", "^-", "d-")[position % 4]
            axes.plot(
                _numbers(part["said"]), _numbers(part["observed"]), style, color=colour, markersize=4, label=label
            )
    axes.set(xlim=(0, 1), ylim=(0, 1), aspect="equal")
    axes.legend(frameon=False, fontsize=8)
    return _saved(figure, path)


def coverage_chart(found: Mapping[str, Any], path: Path) -> Path:
    """Score by how much of a picture a class covers."""
    rows = [row for row in found["coverage"] if row["score"]]
    figure, axes = _chart("Score by coverage", "share of the picture that is truly covered (pictures)", "score")
    several = len(found["classes"]) > 1
    labels = [f"{row['of'] if several else ''} {row['label']} ({row['pictures']})".strip() for row in rows]
    values = _numbers([row["score"]["value"] for row in rows])
    low, high = (_numbers([row["score"][end] for row in rows]) for end in ("low", "high"))
    errors = np.maximum(np.stack([values - low, high - values]), 0)
    axes.bar(labels, values, color=TEAL, yerr=errors, ecolor=INK, capsize=3, error_kw={"linewidth": 0.9})
    axes.set_ylim(0, 1.02)
    for text in axes.get_xticklabels():
        text.set(rotation=40, ha="right", rotation_mode="anchor")
    return _saved(figure, path)


def threshold_chart(found: Mapping[str, Any], path: Path) -> Path:
    """Score by threshold, without a minimum area and with the chosen one."""
    figure, axes = _chart("Score by threshold", "threshold", "score")
    curve = np.array(found["tuned"]["curve"])
    for position, name in enumerate(found["classes"]):
        style = ("o", "s", "^", "d")[position % 4]
        area = found["tuned"]["decision"]["min_area"]
        thresholds = found["searched"]["thresholds"]
        axes.plot(thresholds, curve[:, 0, position], f"{style}--", color=RUST, label=f"{name}, no minimum area")
        if area:
            axes.plot(thresholds, curve[:, 1, position], f"{style}-", color=TEAL, label=f"{name}, at least {area} px")
        axes.axvline(found["tuned"]["decision"]["threshold"][position], color=PALE, linewidth=1)
    axes.legend(frameon=False, fontsize=8)
    return _saved(figure, path)


def precision_recall_chart(found: Mapping[str, Any], path: Path) -> Path:
    """Precision against recall over all thresholds, pixel by pixel."""
    figure, axes = _chart("Precision and recall", "recall", "precision", (5.2, 5.0))
    for name, curve, colour in zip(found["classes"], found["curves"], (TEAL, RUST, INK, PALE) * 8):
        average = curve["average"]
        label = name if average is None else f"{name} (average precision {average:.3f})"
        axes.plot(_numbers(curve["recall"]), _numbers(curve["precision"]), color=colour, label=label)
    axes.set(xlim=(0, 1.01), ylim=(0, 1.01), aspect="equal")
    axes.legend(frameon=False, fontsize=8, loc="lower left")
    return _saved(figure, path)


CHARTS: Mapping[str, Callable[[Mapping[str, Any], Path], Path]] = MappingProxyType(
    {
        "reliability.png": reliability_chart,
        "score_by_coverage.png": coverage_chart,
        "score_by_threshold.png": threshold_chart,
        "precision_recall.png": precision_recall_chart,
    }
)
"""File name → the function that draws it."""
