"""A picture with what was seen in it: contours, boxes and names, legible by day and by night.

Colours are those that colour-blind people can tell apart; every line has a white halo and a thin dark rim, so that it
stands out from sky and from fire alike.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from outcrop.core.scene import Detections, Floats, Outlined
from outcrop.outputs.picture import COLOURS, write_png

Pixels = NDArray[np.uint8]

HALO = (255, 255, 255)
RIM = (20, 20, 24)
INK = (17, 17, 20)
TINT = 0.14
"""How much of its colour the inside of a contour takes."""

SMALLEST_TEXT = 9
"""Letters of fewer pixels are left out."""


def overlay(picture: Pixels, detections: Detections, labels: Sequence[str] | None = None) -> Pixels:
    """The picture with contours, boxes, and names with scores, (rows, cols, 3).

    Args:
        picture: (rows, cols) grey or (rows, cols, 3) red, green, blue, of the size of the detections' scene.
        labels: what to write at each box; its class and score where None.
    """
    from PIL import Image, ImageDraw

    base = np.repeat(picture[..., None], 3, axis=2) if picture.ndim == 2 else picture
    shown = np.array(base, np.uint8)
    side = float(np.sqrt(shown.shape[0] * shown.shape[1]))
    width = max(side * 0.0036, 1.0)
    for outlined, label in zip(detections.outlines, detections.labels, strict=False):
        _contour(shown, outlined, COLOURS[int(label) % len(COLOURS)], width)
    image = Image.fromarray(shown)
    draw = ImageDraw.Draw(image, "RGBA")
    # The best box is drawn last and lies on top.
    order = np.argsort(detections.scores, kind="stable")
    for place in order:
        _box(draw, detections.boxes[place], COLOURS[int(detections.labels[place]) % len(COLOURS)], width)
    taken: list[tuple[float, float, float, float]] = []
    size = side * 0.026
    if size >= SMALLEST_TEXT:
        for place in order[::-1]:
            label = int(detections.labels[place])
            name = f"{detections.classes[label]} {detections.scores[place]:.2f}"
            text = labels[place] if labels is not None else name
            _tag(draw, image.size, detections.boxes[place], text, COLOURS[label % len(COLOURS)], size, taken)
    return np.asarray(image, np.uint8)


def picture_of(values: Floats) -> Pixels:
    """(3 or 1, rows, cols) in 0..1 → (rows, cols, 3) uint8; NaN black."""
    levels = np.asarray(np.rint(np.clip(np.nan_to_num(values), 0, 1) * 255), np.uint8)
    return np.ascontiguousarray(np.broadcast_to(np.moveaxis(levels, 0, 2), (*levels.shape[1:], 3)))


def write_box_overlay(folder: Path, stem: str, picture: Pixels, detections: Detections) -> Path:
    """``<stem>.overlay.png``."""
    from PIL import Image

    return write_png(folder / f"{stem}.overlay.png", Image.fromarray(overlay(picture, detections)))


def _contour(shown: Pixels, outlined: Outlined, colour: tuple[int, int, int], width: float) -> None:
    """Draw the edge of some pixels into the picture, smooth, and tint what lies inside a little."""
    from scipy import ndimage

    if not outlined.inside.any():
        return
    margin = int(np.ceil(2 * width)) + 3
    rows, cols = shown.shape[:2]
    row, col = outlined.window.row, outlined.window.col
    first = max(row - margin, 0), max(col - margin, 0)
    last = min(row + outlined.inside.shape[0] + margin, rows), min(col + outlined.inside.shape[1] + margin, cols)
    inside = np.zeros((last[0] - first[0], last[1] - first[1]), bool)
    inside[
        row - first[0] : row - first[0] + outlined.inside.shape[0],
        col - first[1] : col - first[1] + outlined.inside.shape[1],
    ] = outlined.inside
    part = shown[first[0] : last[0], first[1] : last[1]]
    tinted = part[inside].astype(np.float32)
    part[inside] = np.rint(tinted + TINT * (np.array(colour, np.float32) - tinted))
    # Distance to the outermost pixels; smoothed, because steps of pixels are not what was seen.
    edge = inside & ~ndimage.binary_erosion(inside, border_value=1)
    distance = ndimage.distance_transform_edt(~edge).astype(np.float32) if edge.any() else np.full(inside.shape, np.inf)
    near = distance < 2 * width + 3
    distance = ndimage.gaussian_filter(distance, min(0.3 * width, 1.5))[near] - np.float32(0.3)
    line = part[near].astype(np.float32)
    layers = (
        (_line(distance, 0.5 * width + 1.1 + 0.4 * width) * 0.65, RIM),
        (_line(distance, 0.5 * width + 0.5 + 0.25 * width) * 0.95, HALO),
        (_line(distance, 0.55 * width), colour),
    )
    for strength, tone in layers:
        line += strength[..., None] * (np.array(tone, np.float32) - line)
    part[near] = np.rint(line)


def _line(distance: Floats, half: float) -> Floats:
    """How much of each pixel lies within half a line's width of the edge."""
    return np.asarray(np.clip(half + 0.5 - np.abs(distance), 0, 1), np.float32)


def _box(draw: Any, box: Floats, colour: tuple[int, int, int], width: float) -> None:
    """A thin rectangle with firm corners."""
    left, top, right, bottom = (float(edge) for edge in box)
    thin, firm = max(round(width * 0.55), 1), max(round(width * 1.25), 1)
    arm = min(0.22 * min(right - left, bottom - top), 12 * width)
    lines = [((left, top), (right, top)), ((right, top), (right, bottom))]
    lines += [((right, bottom), (left, bottom)), ((left, bottom), (left, top))]
    corners = [
        ((x, y + sy * arm), (x, y), (x + sx * arm, y))
        for x, sx in ((left, 1), (right, -1))
        for y, sy in ((top, 1), (bottom, -1))
    ]
    for extra, tone in ((4, (*RIM, 70)), (2, (*HALO, 200)), (0, (*colour, 255))):
        for line in lines:
            draw.line(line, fill=tone, width=thin + (extra // 2 if extra else 0))
        for corner in corners:
            draw.line(corner, fill=tone, width=firm + extra, joint="curve")


def _tag(
    draw: Any,
    size: tuple[int, int],
    box: Floats,
    text: str,
    colour: tuple[int, int, int],
    letters: float,
    taken: list[tuple[float, float, float, float]],
) -> None:
    """A name on a plate above its box, or wherever near it there is room."""
    from PIL import ImageFont

    font = ImageFont.load_default(size=letters)
    gap = letters * 0.32
    reach = draw.textbbox((0, 0), text, font=font)
    wide, high = reach[2] - reach[0] + 2 * gap, letters * 1.15 + gap
    cols, rows = size
    if wide > cols or high > rows:
        return
    left = min(max(float(box[0]), 0), cols - wide)
    right = min(max(float(box[2]) - wide, 0), cols - wide)
    above, below = float(box[1]) - high - 0.25 * letters, float(box[3]) + 0.25 * letters
    within, floor = float(box[1]) + 0.25 * letters, float(box[3]) - high - 0.25 * letters
    spots = [(x, y) for y in (above, below, within, floor) for x in (left, right)]
    spots += [(x, max(float(box[1]), 0)) for x in (float(box[2]) + gap, float(box[0]) - wide - gap)]
    inside = [(x, y) for x, y in spots if 0 <= y <= rows - high and 0 <= x <= cols - wide] or [(left, 0.0)]
    # The first spot of those that hide least of other names.
    x, y = min(inside, key=lambda spot: sum(_shared((*spot, spot[0] + wide, spot[1] + high), other) for other in taken))
    taken.append((x, y, x + wide, y + high))
    radius = gap * 0.9
    draw.rounded_rectangle((x - 2, y - 2, x + wide + 2, y + high + 2), radius + 2, fill=(*RIM, 90))
    draw.rounded_rectangle((x - 1, y - 1, x + wide + 1, y + high + 1), radius + 1, fill=(*HALO, 235))
    draw.rounded_rectangle((x, y, x + wide, y + high), radius, fill=(*colour, 255))
    draw.text((x + wide / 2, y + high / 2), text, fill=(*INK, 255), font=font, anchor="mm")


def _shared(first: tuple[float, float, float, float], second: tuple[float, float, float, float]) -> float:
    """Area that two rectangles share."""
    across = min(first[2], second[2]) - max(first[0], second[0])
    down = min(first[3], second[3]) - max(first[1], second[1])
    return max(across, 0.0) * max(down, 0.0)
