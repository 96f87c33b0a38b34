"""Pictures out: 8-bit probability, class mask and overlay as PNG, each written whole or not at all."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from outcrop.core.scene import Floats
from outcrop.outputs import replacing

NO_DATA = 255
"""Mask value where the sensor saw nothing."""

COLOURS = ((230, 159, 0), (86, 180, 233), (0, 158, 115), (240, 228, 66), (0, 114, 178), (213, 94, 0), (204, 121, 167))
"""Class colours that colour-blind people can tell apart (Okabe and Ito 2008), without black."""


def write_png(path: Path, image: Image.Image) -> Path:
    """Write a PNG under a temporary name, then give it its own."""
    with replacing(path) as part:
        image.save(part, format="PNG", compress_level=1)
    return path


def grey(values: Floats) -> NDArray[np.uint8]:
    """[0, 1] → 0..255, NaN → 0."""
    return np.asarray(np.rint(np.clip(np.nan_to_num(values), 0, 1) * 255), np.uint8)


def write_probability(folder: Path, stem: str, classes: Sequence[str], values: Floats) -> list[Path]:
    """``<stem>.probability.png``, or ``<stem>.<class>.probability.png`` each when there are several."""
    names = [f"{stem}.probability.png"] if len(classes) == 1 else [f"{stem}.{c}.probability.png" for c in classes]
    return [write_png(folder / n, Image.fromarray(grey(v))) for n, v in zip(names, values, strict=True)]


def write_mask(folder: Path, stem: str, mask: NDArray[np.uint8]) -> Path:
    """``<stem>.mask.png``, 8 bit: 0 background, 1.. class index, 255 no data."""
    return write_png(folder / f"{stem}.mask.png", Image.fromarray(mask))


def overlay(picture: NDArray[np.uint8], mask: NDArray[np.uint8], opacity: float = 0.35) -> NDArray[np.uint8]:
    """The picture, (rows, cols) or (rows, cols, 3), with classes tinted and outlined in their colours, (rows, cols, 3)."""
    base = np.repeat(picture[..., None], 3, axis=2) if picture.ndim == 2 else picture
    shown = base.astype(np.float32)
    for index in np.unique(mask[(mask > 0) & (mask != NO_DATA)]):
        inside = mask == index
        colour = np.array(COLOURS[(int(index) - 1) % len(COLOURS)], np.float32)
        shown[inside] = (1 - opacity) * shown[inside] + opacity * colour
        shown[inside & ~_eroded(inside)] = colour
    return np.asarray(shown, np.uint8)


def _eroded(inside: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Pixels whose four neighbours are inside too; the picture's own edge counts as inside."""
    padded = np.pad(inside, 1, constant_values=True)
    core = padded[1:-1, 1:-1] & padded[:-2, 1:-1] & padded[2:, 1:-1]
    return np.asarray(core & padded[1:-1, :-2] & padded[1:-1, 2:])


def write_overlay(folder: Path, stem: str, picture: NDArray[np.uint8], mask: NDArray[np.uint8]) -> Path:
    """``<stem>.overlay.png``."""
    return write_png(folder / f"{stem}.overlay.png", Image.fromarray(overlay(picture, mask)))
