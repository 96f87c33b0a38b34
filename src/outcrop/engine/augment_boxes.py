"""Training pictures with boxes: shrunk once, then placed, mirrored, toned and put together, four to a canvas at times.

Everything here is uint8 and small, because it must cost little beside the network's own work on a CPU.
"""

import io
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageFilter

from outcrop.core.labelled import Boxed
from outcrop.core.scene import Floats
from outcrop.models.box_recipe import BoxAugmentation

GREY = 114
"""Level of the canvas where no picture lies, as ``models.letterbox`` fills it."""

Pixels = NDArray[np.uint8]


class Shown(NamedTuple):
    """A picture, or a canvas of pictures, with its boxes.

    Attributes:
        pixels: (rows, cols, 3) uint8, red, green, blue.
        boxes: (k, 4) float32, left, top, right, bottom.
        labels: (k,) int64.
        firmness: (k,) float32, how much a box's edges count.
    """

    pixels: Pixels
    boxes: Floats
    labels: NDArray[np.int64]
    firmness: Floats


def shrunk(boxed: Boxed, position: int, side: int, firmness: float = 1.0) -> Shown:
    """A picture of the set with its long side brought down to ``side``; smaller ones stay as they are."""
    pixels = np.ascontiguousarray(boxed.read(position).transpose(1, 2, 0))
    rows, cols = pixels.shape[:2]
    factor = min(side / max(rows, cols), 1.0)
    boxes = boxed.boxes[position]
    if factor < 1:
        new = max(round(cols * factor), 1), max(round(rows * factor), 1)
        pixels = np.asarray(Image.fromarray(pixels).resize(new, Image.Resampling.BILINEAR, reducing_gap=3.0))
        boxes = boxes * (np.array([new[0] / cols, new[1] / rows] * 2, np.float32))
    labels = boxed.labels[position]
    return Shown(pixels, boxes.astype(np.float32), labels, np.full(len(labels), firmness, np.float32))


def batch(
    shown: Sequence[Shown], index: NDArray[np.int64], side: int, how: BoxAugmentation, mosaics: float, rng: np.random.Generator
) -> tuple[Floats, list[Shown]]:  # fmt: skip
    """Varied canvases of the pictures at ``index``.

    Args:
        shown: all pictures, by position; ``index`` may hold a position more than once.
        mosaics: probability that a picture shares its canvas with three others of the batch's pictures.

    Returns:
        (n, 3, side, side) float32 in 0..1, and the canvases themselves, whose boxes are the truth.
    """
    canvases = []
    for position in index:
        if rng.random() < mosaics:
            others = rng.choice(index, 3)
            canvas = mosaic([shown[i] for i in (position, *others)], side, how, rng)
        else:
            canvas = single(shown[position], side, how, rng)
        canvases.append(toned(mirrored(canvas, how.flip, rng), how, rng))
    stacked = np.stack([canvas.pixels.transpose(2, 0, 1) for canvas in canvases])
    return stacked.astype(np.float32) / np.float32(255), canvases


def single(shown: Shown, side: int, how: BoxAugmentation, rng: np.random.Generator) -> Shown:
    """One picture anywhere on the canvas, cut at its edges."""
    width, height = _size(shown, side, how.scale, how.stretch, rng)
    spare, play = np.array([side - width, side - height]), how.shift * side * rng.uniform(-1, 1, 2)
    left, top = (spare * rng.random(2) + play).round().astype(int)
    canvas = np.full((side, side, 3), GREY, np.uint8)
    return together(canvas, [_put(canvas, shown, (width, height), (int(left), int(top)), (0, 0, side, side), how)])


def mosaic(four: Sequence[Shown], side: int, how: BoxAugmentation, rng: np.random.Generator) -> Shown:
    """Four pictures around a point, each in its quarter of the canvas."""
    x, y = (rng.uniform(0.3, 0.7, 2) * side).round().astype(int)
    canvas = np.full((side, side, 3), GREY, np.uint8)
    parts = []
    for quarter, shown in enumerate(four):
        width, height = _size(shown, side, how.mosaic_scale, how.stretch, rng)
        right, below = quarter % 2, quarter // 2
        area = (x if right else 0, y if below else 0, side if right else x, side if below else y)
        # What does not fit is cut anywhere, so that things in the middle of pictures are not always seen whole.
        spare_x, spare_y = area[2] - area[0] - width, area[3] - area[1] - height
        left = area[0] + round(spare_x * rng.random()) if spare_x < 0 else (area[0] if right else area[2] - width)
        top = area[1] + round(spare_y * rng.random()) if spare_y < 0 else (area[1] if below else area[3] - height)
        parts.append(_put(canvas, shown, (width, height), (int(left), int(top)), area, how))
    return together(canvas, parts)


def _size(
    shown: Shown, side: int, scale: tuple[float, float], stretch: float, rng: np.random.Generator
) -> tuple[int, int]:
    """Width and height that a picture gets on the canvas."""
    rows, cols = shown.pixels.shape[:2]
    longest = side * float(np.exp(rng.uniform(np.log(scale[0]), np.log(scale[1]))))
    shape = float(np.exp(rng.uniform(-1, 1) * np.log1p(stretch) / 2))
    factor = longest / max(rows, cols)
    return max(round(cols * factor / shape), 8), max(round(rows * factor * shape), 8)


def _put(
    canvas: Pixels, shown: Shown, size: tuple[int, int], corner: tuple[int, int], area: tuple[int, int, int, int],
    how: BoxAugmentation,
) -> Shown:  # fmt: skip
    """Draw a picture of ``size`` with its left top at ``corner``, only within ``area``; its boxes there."""
    left, top = max(corner[0], area[0]), max(corner[1], area[1])
    right, bottom = min(corner[0] + size[0], area[2]), min(corner[1] + size[1], area[3])
    rows, cols = shown.pixels.shape[:2]
    across, down = cols / size[0], rows / size[1]
    if right > left and bottom > top:
        source = ((left - corner[0]) * across, (top - corner[1]) * down, (right - corner[0]) * across, (bottom - corner[1]) * down)  # fmt: skip
        part = Image.fromarray(shown.pixels).resize(
            (right - left, bottom - top), Image.Resampling.BILINEAR, box=source, reducing_gap=2.0
        )
        canvas[top:bottom, left:right] = np.asarray(part)
    moved = shown.boxes / np.array([across, down] * 2) + np.array([*corner, *corner])
    return clipped(shown._replace(boxes=moved.astype(np.float32)), (left, top, right, bottom), how)


def clipped(shown: Shown, area: tuple[int, int, int, int], how: BoxAugmentation) -> Shown:
    """Boxes cut at the edges of an area; those of which too little is left are dropped."""
    low, high = np.array(area[:2] * 2, np.float32), np.array(area[2:] * 2, np.float32)
    cut = np.clip(shown.boxes, low, np.maximum(high, low))
    sides, whole = cut[:, 2:] - cut[:, :2], shown.boxes[:, 2:] - shown.boxes[:, :2]
    seen = sides.prod(1) >= how.visible * np.maximum(whole.prod(1), 1e-6)
    kept = seen & (sides.min(1) >= how.smallest)
    return shown._replace(boxes=cut[kept], labels=shown.labels[kept], firmness=shown.firmness[kept])


def together(canvas: Pixels, parts: Sequence[Shown]) -> Shown:
    """A canvas with the boxes of everything drawn on it."""
    return Shown(canvas, *(np.concatenate(columns) for columns in zip(*(part[1:] for part in parts), strict=True)))


def mirrored(shown: Shown, chance: float, rng: np.random.Generator) -> Shown:
    """The mirror image, at times."""
    if rng.random() >= chance:
        return shown
    boxes = shown.boxes.copy()
    boxes[:, [0, 2]] = shown.pixels.shape[1] - shown.boxes[:, [2, 0]]
    return shown._replace(pixels=shown.pixels[:, ::-1], boxes=boxes)


def toned(shown: Shown, how: BoxAugmentation, rng: np.random.Generator) -> Shown:
    """Other colours, and at times blur, noise, no colour or coarse compression."""
    picture = Image.fromarray(np.ascontiguousarray(shown.pixels))
    turn = round(255 * how.hue * rng.uniform(-1, 1))
    gains = 1 + rng.uniform(-1, 1, 2) * (how.saturation, how.value)
    if turn or (gains != 1).any():
        level = np.arange(256)
        tables = [(level + turn) % 256, *(np.clip(level * gain, 0, 255).round() for gain in gains)]
        picture = picture.convert("HSV").point(np.concatenate(tables).astype(int).tolist()).convert("RGB")
    chance = rng.random(4) < (how.grey, how.blur, how.blocks, how.noise)
    strength = rng.random(4)
    if chance[0]:
        picture = picture.convert("L").convert("RGB")
    if chance[1]:
        picture = picture.filter(ImageFilter.GaussianBlur(0.5 + float(strength[1])))
    if chance[2]:
        stream = io.BytesIO()
        picture.save(stream, "JPEG", quality=int(20 + 50 * strength[2]))
        picture = Image.open(stream)
    pixels = np.asarray(picture)
    if chance[3]:
        grain = rng.standard_normal(pixels.shape, np.float32) * np.float32(2 + 10 * strength[3])
        pixels = np.clip(pixels + grain, 0, 255).astype(np.uint8)
    return shown._replace(pixels=pixels)
