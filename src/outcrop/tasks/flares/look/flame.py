"""A flame in numbers: size, shape, tilt, brightness and colour of its outlined pixels.

Length is measured along the principal axis of the pixels. The pixels' positions along it are read at 1, 2.2 and 5 % of
the area from each end, and the end is extrapolated from these three. Where a shape's width closes as a power of the
distance to its end, the area cut off is a power too, the three positions form a geometric row, and its limit (Aitken's
delta-squared rule) is the end itself: ellipses (power 1.5), cones (2 and 1) and bars (1) come out exact, while a thin
streak or a torn-off shred that holds less than one hundredth of the area is not counted.

A bent flame is measured straight, from end to end; its way along the bend is longer.
"""

from dataclasses import dataclass
from math import degrees, pi, sqrt

import numpy as np
from numpy.typing import NDArray

from outcrop.core.errors import NothingToSee, UsageError
from outcrop.core.grid import Window
from outcrop.core.scene import Floats
from outcrop.tasks.flares.look.light import FULL, encoded, linear, luminance

Mask = NDArray[np.bool_]

LEVELS = (0.01, sqrt(0.01 * 0.05), 0.05)
"""Shares of the area at which an end is read; a geometric row, as the rule of extrapolation needs."""
STEEPEST, FLATTEST = sqrt(5.0), 5 ** (0.5 / 2.5)
"""Ratio of the row: of a blunt end (power 1), and of the sharpest believed (power 2.5)."""

BOUNDARY = 1.0
"""Standard error of an outline, px, at least: neither a label nor a network knows an edge better."""
RELATIVE_BOUNDARY = 0.02
"""The same as a share of the flame's width: hot gas has no sharp edge. Design choice."""
BLOOM = 0.06
"""What the halo of a saturated flame in the dark adds to the error of its outline, share of its width. Design choice."""
STEPS = np.array([-2.0, -1.0, 0.0, 1.0, 2.0])
"""Shifts of the outline, in its standard errors, at which size is measured for the draws."""

DARK = 0.12
"""Linear luminance around a flame, its own glow included, below which it burns in the dark: 97 of 255."""
BURNT_OUT = 0.2
"""Share of saturated pixels from which a flame in the dark is said to bloom."""
GREY = 0.04
"""Largest difference between channels in a picture without colour, 10 of 255."""
ORANGE, YELLOW, WHITE = 0.13, 0.45, 0.45
"""Green / red in linear light from which a flame is orange and yellow, blue / red from which it is white: (255, 103, 0),
(255, 179, 0) and (255, 255, 179) lie on the borders. Design choice."""
ENOUGH = 4000
"""Points that tell a shape; fewer pixels give several points each, many more are thinned for the shifted outlines."""
FEWEST = 30
"""px² below which ends are not extrapolated."""
COLOURS = ("red", "orange", "yellow", "white", "blue", "unknown")
"""Classes of colour, not temperatures: soot, exposure and white balance move them."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class FlameFeatures:
    """What the pixels of one flame say.

    Attributes:
        area: px².
        length: px, along the principal axis, end to end.
        width: px, of the ellipse of this area and length.
        aspect: length / width, π L² / 4 A.
        tilt: degrees from the vertical of the picture, in (-90, 90]; positive leans to the right, upwards.
        centre: (row, col) of the pixels' centroid in the picture.
        lift_off: px between the given tip of the stack and the nearest pixel of the flame; None where no tip was given.
        brightness: mean linear luminance, 0..1.
        brightest: largest linear luminance, 0..1.
        saturated: share of pixels with two full channels or three (red and green fill first).
        colour: one of COLOURS; a class, not a temperature.
        touches_edge: it goes on outside the picture, so area and length are lower bounds.
        bloomed: saturated in the dark: the halo overstates the outline.
        boundary: standard error of the outline, px.
        shifts: (5,) px, outline moved outwards (+) or inwards (-).
        areas, lengths: (5,) px² and px at these shifts.
    """

    area: float
    length: float
    width: float
    aspect: float
    tilt: float
    centre: tuple[float, float]
    lift_off: float | None
    brightness: float
    brightest: float
    saturated: float
    colour: str
    touches_edge: bool
    bloomed: bool
    boundary: float
    shifts: NDArray[np.float64]
    areas: NDArray[np.float64]
    lengths: NDArray[np.float64]


def flame_features(
    picture: Floats, inside: Mask, *, window: Window | None = None, tip: tuple[float, float] | None = None
) -> FlameFeatures:
    """Features of one outlined flame.

    Args:
        picture: (3, rows, cols), red, green, blue as the file keeps them (sRGB), 0..1.
        inside: (rows, cols) of ``window``, True on the flame.
        window: where ``inside`` lies in the picture; None for the whole picture.
        tip: (row, col) of the stack's mouth, where it is known.

    Raises:
        UsageError: the shapes do not belong together.
        NothingToSee: no pixel is inside.
    """
    where = window or Window(row=0, col=0, height=picture.shape[-2], width=picture.shape[-1])
    fit(picture, inside, where)
    rows, cols = np.nonzero(inside)
    y, x = _places(rows + where.row, cols + where.col)
    area, centre = float(len(rows)), (float(y.mean()), float(x.mean()))
    axis = principal_axis(y, x)
    length = _extent(y * axis[0] + x * axis[1], area)
    width = 4 * area / (pi * length)
    colours = picture[:, where.row : where.row + where.height, where.col : where.col + where.width][:, inside]
    light = linear(colours)
    bright = luminance(light)
    full = float(((colours >= FULL).sum(axis=0) >= 2).mean())
    bloomed = full >= BURNT_OUT and _surroundings(picture, inside, where) < DARK
    boundary = max(BOUNDARY, (RELATIVE_BOUNDARY + BLOOM * bloomed) * width)
    shifts, areas, lengths = _shifted(inside, axis, area, length, boundary)
    return FlameFeatures(
        area=area, length=length, width=width, aspect=length / width, tilt=_tilt(axis), centre=centre,
        lift_off=None if tip is None else float(np.hypot(rows + where.row - tip[0], cols + where.col - tip[1]).min()),
        brightness=float(bright.mean()), brightest=float(bright.max()), saturated=full, colour=_colour(light, bright),
        touches_edge=touches_edge(rows + where.row, cols + where.col, picture.shape[1:]),
        bloomed=bloomed, boundary=boundary, shifts=shifts, areas=areas, lengths=lengths,
    )  # fmt: skip


def outline_draws(
    features: FlameFeatures, rng: np.random.Generator, count: int
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Likely lengths and areas, (count,) each, px and px²: one shift of the outline moves both.

    A bloomed flame is seen too large, never too small: its outline is only moved inwards.
    """
    shift = rng.normal(0.0, features.boundary, count)
    if features.bloomed:
        shift = -np.abs(shift)
    shift = np.clip(shift, features.shifts[0], features.shifts[-1])
    lengths = np.interp(shift, features.shifts, features.lengths)
    return np.asarray(lengths), np.asarray(np.interp(shift, features.shifts, features.areas))


def length_draws(features: FlameFeatures, rng: np.random.Generator, count: int) -> NDArray[np.float64]:
    """Likely lengths, (count,), px; for length and area of the same flame use ``outline_draws``."""
    return outline_draws(features, rng, count)[0]


def principal_axis(y: NDArray[np.float64], x: NDArray[np.float64]) -> tuple[float, float]:
    """Unit vector (down, right) along which points spread most; it never points down."""
    down, right = y - y.mean(), x - x.mean()
    angle = 0.5 * np.arctan2(2 * float((down * right).mean()), float((right**2).mean() - (down**2).mean()))
    axis = (float(np.sin(angle)), float(np.cos(angle)))
    return (-axis[0], -axis[1]) if axis[0] > 0 or (axis[0] == 0 and axis[1] < 0) else axis


def _tilt(axis: tuple[float, float]) -> float:
    return degrees(float(np.arctan2(axis[1], -axis[0])))


def _extent(along: NDArray[np.float64], area: float) -> float:
    """Length of a shape whose pixels project to ``along``; the docstring above tells how."""
    if area < FEWEST:
        return float(max(along.max() - along.min(), sqrt(area)))
    first, middle, last, *others = np.quantile(
        along, [*LEVELS, *(1 - level for level in reversed(LEVELS))], method="hazen"
    )
    start, end = _end(first, middle, last), -_end(-others[2], -others[1], -others[0])
    return float(min(end, along.max()) - max(start, along.min()))


def _end(first: float, middle: float, last: float) -> float:
    """Where a geometric row of positions began."""
    if middle - first <= 1e-9:
        return first
    ratio = min(max((last - middle) / (middle - first), FLATTEST), STEEPEST)
    return first - (middle - first) / (ratio - 1)


def _places(rows: NDArray[np.int64], cols: NDArray[np.int64]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Points in each pixel's square, spread evenly (Roberts's R2 sequence): one, or several where pixels are few.

    Centres alone would lie in rows, and the ends of an upright flame would be read in steps of a pixel.
    """
    repeats = max(ENOUGH // len(rows), 1)
    rows, cols = np.repeat(rows, repeats), np.repeat(cols, repeats)
    step = np.arange(len(rows))
    return rows + (step * 0.7548776662466927) % 1.0, cols + (step * 0.5698402909980532) % 1.0


def _shifted(
    inside: Mask, axis: tuple[float, float], area: float, length: float, boundary: float
) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]]:
    """Shifts of the outline, and area and length at each; large flames are looked at in every n-th pixel."""
    from scipy.ndimage import distance_transform_edt

    step = max(int(sqrt(area / ENOUGH)), 1)
    shifts = STEPS * boundary / step
    rows, cols = np.nonzero(inside)
    cut = inside[rows.min() : rows.max() + 1 : step, cols.min() : cols.max() + 1 : step]
    cut = np.pad(cut, int(np.ceil(shifts[-1])) + 1)
    # Positive inside; the outline itself lies half a pixel from the centres on either side.
    depth = distance_transform_edt(cut) - distance_transform_edt(~cut) + np.where(cut, -0.5, 0.5)
    y, x = np.nonzero(depth > -shifts[-1])
    sizes = [_size(y[kept], x[kept], axis) for kept in (depth[y, x] > -shift for shift in shifts)]
    areas, lengths = np.array(sizes).T
    middle = len(shifts) // 2
    if areas[middle] and lengths[middle]:
        areas, lengths = areas * (area / areas[middle]), lengths * (length / lengths[middle])
    return shifts * step, np.maximum.accumulate(areas), np.maximum.accumulate(lengths)


def _size(rows: NDArray[np.int64], cols: NDArray[np.int64], axis: tuple[float, float]) -> tuple[float, float]:
    """Area and length of pixels along a given axis; at least one pixel of each."""
    if not len(rows):
        return 1.0, 1.0
    y, x = _places(rows, cols)
    return float(len(rows)), max(_extent(y * axis[0] + x * axis[1], len(rows)), 1.0)


def _surroundings(picture: Floats, inside: Mask, where: Window) -> float:
    """Median linear luminance of a frame around the flame, half its height and width broad."""
    rows, cols = np.nonzero(inside)
    top, left = rows.min() + where.row, cols.min() + where.col
    high, wide = int(np.ptp(rows)) + 1, int(np.ptp(cols)) + 1
    pad = max(high, wide) // 2 + 4
    row, col = max(top - pad, 0), max(left - pad, 0)
    # Every second pixel says the same, four times as fast.
    around = picture[:, row : top + high + pad : 2, col : left + wide + pad : 2]
    free = np.ones(around.shape[1:], bool)
    free[(top - row) // 2 : (top - row + high) // 2 + 1, (left - col) // 2 : (left - col + wide) // 2 + 1] = False
    return float(np.median(luminance(linear(around[:, free])))) if free.any() else 1.0


def _colour(light: Floats, bright: Floats) -> str:
    """Class of the colour that the flame's light adds up to: sums of channels, brightest pixels weigh most."""
    if float(np.abs(encoded(light.max(axis=0)) - encoded(light.min(axis=0))).max()) < GREY:
        return "unknown"
    red, green, blue = (float((channel * bright).sum()) for channel in light)
    if blue > 1.1 * red:
        return "blue"
    yellowness, whiteness = green / max(red, 1e-9), blue / max(red, 1e-9)
    if whiteness > WHITE:
        return "white"
    return "red" if yellowness < ORANGE else "orange" if yellowness < YELLOW else "yellow"


def touches_edge(rows: NDArray[np.int64], cols: NDArray[np.int64], shape: tuple[int, ...]) -> bool:
    """Whether pixels lie on the border of a picture of this shape."""
    return bool(rows.min() == 0 or cols.min() == 0 or rows.max() == shape[0] - 1 or cols.max() == shape[1] - 1)


def fit(picture: Floats, inside: Mask, where: Window) -> None:
    """Refuse a picture, an outline and its window that do not belong together."""
    rows, cols = picture.shape[-2:]
    if picture.ndim != 3 or picture.shape[0] != 3:
        raise UsageError(f"a picture of shape {picture.shape} came: (3, rows, cols) is wanted, red, green and blue")
    if inside.shape != (where.height, where.width):
        raise UsageError(f"an outline of {inside.shape} came for a window of {(where.height, where.width)} pixels")
    if where.row < 0 or where.col < 0 or where.row + where.height > rows or where.col + where.width > cols:
        raise UsageError(f"the outline's window leaves the picture of {rows} x {cols} pixels: cut it first")
    if not inside.any():
        raise NothingToSee("an outline without a single pixel came: leave out detections whose outline is empty")
