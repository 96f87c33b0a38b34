"""What a section looks like to a network, in a few numbers, and how it differs from the training data.

A network answers any picture, also one whose gain, sampling or character it never saw. These looks are
compared with their range over the training pictures, so that a foreign section is flagged and not silently scored.
"""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from outcrop.core.scene import Floats

ADVICE = {
    "wavelength": (
        "dominant vertical wavelength",
        "px",
        "resample the section so that its wavelets look like the training ones",
    ),
    "vertical roughness": ("share of energy between neighbouring samples", "", "check the sampling and the noise"),
    "lateral roughness": (
        "share of energy between neighbouring traces",
        "",
        "check the trace spacing, the sorting and the noise",
    ),
    "peakedness": ("99th percentile over spread", "", "check the gain: strong AGC or clipping changes it"),
    "asymmetry": (
        "skewness of grey values",
        "",
        "check the polarity and whether the picture is a wiggle or colour plot",
    ),
    "muted": ("share of constant samples", "", "crop the muted part away"),
    "spread": ("spread of grey values", "", "check the gain and the colour bar of the picture"),
}
"""Look → what it is, unit, what to do when it is foreign."""


def looks(grey: Floats) -> dict[str, float]:
    """The looks of one picture or section, (rows, cols) in [0, 1], NaN where nothing was seen; empty when too small or unseen."""
    rows, cols = grey.shape
    if rows < 16 or cols < 16 or not np.isfinite(grey).any():
        return {}
    filled = np.where(np.isfinite(grey), grey, np.nanmean(grey)).astype(np.float64)
    spread = float(filled.std())
    if not spread:
        return {}
    centred = filled - filled.mean()
    traces = centred - centred.mean(0, keepdims=True)
    power = (np.abs(np.fft.rfft(traces * np.hanning(rows)[:, None], axis=0)) ** 2).mean(1)[1:]
    frequency = np.fft.rfftfreq(rows)[1:]
    centroid = float((power * frequency).sum() / max(power.sum(), 1e-30))
    down, across = np.diff(filled, axis=0), np.diff(filled, axis=1)
    energy = 2 * spread**2
    return {
        "wavelength": 1 / max(centroid, 1e-6),
        "vertical roughness": float((down**2).mean() / energy),
        "lateral roughness": float((across**2).mean() / energy),
        "peakedness": float(np.percentile(np.abs(centred), 99) / spread),
        "asymmetry": float((centred**3).mean() / spread**3),
        "muted": float((down == 0).mean()),
        "spread": spread,
    }


def ranges(pictures: Sequence[Floats], low: float = 0.25, high: float = 99.75) -> dict[str, list[float]]:
    """[low, high] percentiles of each look over training pictures, (rows, cols) each."""
    table = [found for picture in pictures if (found := looks(picture))]
    return {
        name: [round(float(np.percentile([t[name] for t in table], q)), 4) for q in (low, high)]
        for name in (table[0] if table else ())
    }


def differences(found: Mapping[str, float], training: Mapping[str, Any]) -> tuple[str, ...]:
    """One sentence for each look outside the training range, beginning with "foreign:"."""
    sentences = []
    for name, value in found.items():
        if name not in training:
            continue
        low, high = training[name]
        if not low <= value <= high:
            what, unit, advice = ADVICE[name]
            sentences.append(
                f"foreign: {what} is {value:.3g}{' ' + unit if unit else ''}, in the training data {low:.3g} to {high:.3g}: {advice}"
            )
    return tuple(sentences)
