"""A smoke plume in numbers: area, opacity against the sky behind it, and when that cannot be said.

Opacity is what the plume takes away of the light behind it, O = 1 - transmission. Of one photo with one sky behind the
plume only a lower bound follows, O >= 1 - I_plume / I_sky in linear light: light that the plume itself scatters to the
camera raises I_plume. The sky behind the plume is not seen; it is read in a ring around the plume and carried inwards
as a plane fitted to it, stray things in the ring set aside. Ringelmann numbers are opacity in fifths.

Steam and other white plumes, night, glow and skies too uneven give no number: "not assessable" is an answer, 0 is not.
The reading is no Method 9 opacity: sun angle and observer's place are not known to a photo.
"""

from dataclasses import dataclass
from math import log

import numpy as np
from numpy.typing import NDArray

from outcrop.core.grid import Window
from outcrop.core.scene import Floats
from outcrop.tasks.flares.look.flame import fit, touches_edge
from outcrop.tasks.flares.look.light import encoded, linear, luminance

Mask = NDArray[np.bool_]

MIN_RING, MIN_SHARE = 150, 0.15
"""Pixels of sky around the plume, and share of the ring, that at least must remain after stray things are set aside."""
NIGHT = 0.03
"""Linear luminance of the sky below which transmission cannot be read: 49 of 255. Design choice."""
UNEVEN = 0.25
"""Scatter of the sky about its plane, relative, from which it is no background. Design choice."""
CONTRAST = 2.0
"""Darkening of the plume, in standard errors of the sky behind it, that at least is needed."""
LEAST = 0.03
"""Smallest darkening that is told from none."""
GLOWING = 0.5
"""Share of plume pixels lit by flame from which the plume is not assessable."""
SUNSET = 2.5
"""Red / blue of a sky, linear, from which it is taken for a sunset's."""
DENSEST = 0.9
"""Quantile of opacity over the plume's pixels that stands for its densest part."""
BLACK, WHITE = 0.3, 0.7
"""sRGB luminance of the densest part below and above which smoke is called black or white."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SmokeFeatures:
    """What the pixels of one plume say.

    Attributes:
        area: px².
        opacity: lower bound of the median opacity of the plume's pixels, 0..1; None where not assessable.
        densest: the same of its densest tenth.
        error: standard error of both through the unseen sky, 0..1; None where not assessable.
        ringelmann: lower bound of the densest part's number, 0..5.
        optical_depth: -ln(1 - opacity), lower bound.
        reason: why no opacity is given, one sentence; "" where it is.
        colour: "black", "grey" or "white", of the densest part.
        touches_edge: it goes on outside the picture, so the area is a lower bound.
        sky: median linear luminance of the sky around; None where none was found.
    """

    area: float
    opacity: float | None
    densest: float | None
    error: float | None
    ringelmann: float | None
    optical_depth: float | None
    reason: str
    colour: str
    touches_edge: bool
    sky: float | None


def smoke_features(
    picture: Floats, inside: Mask, *, window: Window | None = None, others: Mask | None = None
) -> SmokeFeatures:
    """Features of one outlined plume.

    Args:
        picture: (3, rows, cols), red, green, blue as the file keeps them (sRGB), 0..1.
        inside: (rows, cols) of ``window``, True on the plume.
        window: where ``inside`` lies in the picture; None for the whole picture.
        others: (rows, cols) of the picture, True where the sky is hidden by flames and other plumes.

    Raises:
        UsageError: the shapes do not belong together.
        NothingToSee: no pixel is inside.
    """
    where = window or Window(row=0, col=0, height=picture.shape[-2], width=picture.shape[-1])
    fit(picture, inside, where)
    rows, cols = np.nonzero(inside)
    y, x = rows + where.row, cols + where.col
    hidden = None if others is None else others[y, x]
    if hidden is not None and hidden.any() and not hidden.all():
        y, x = y[~hidden], x[~hidden]
    light = linear(picture[:, y, x])
    bright = luminance(light)
    sky = _sky(picture, (y, x), others)
    reason, opacity, densest, error = sky if isinstance(sky, str) else "", None, None, None
    if not isinstance(sky, str):
        share = np.asarray(bright / np.maximum(sky.at(y, x), 1e-4), np.float32)
        reason = _unfit(light, share, sky)
        if not reason:
            opacity, densest = (float(np.clip(1 - q, 0, 1)) for q in np.quantile(share, [0.5, 1 - DENSEST]))
            error = float(sky.scatter * np.median(share))
    dark = float(encoded(np.asarray(np.quantile(bright, 1 - DENSEST))))
    return SmokeFeatures(
        area=float(len(rows)), opacity=opacity, densest=densest, error=error,
        ringelmann=None if densest is None else 5 * densest,
        optical_depth=None if opacity is None else -log(max(1 - opacity, 1e-3)),
        reason=reason, colour="black" if dark < BLACK else "white" if dark > WHITE else "grey",
        touches_edge=touches_edge(y, x, picture.shape[1:]), sky=None if isinstance(sky, str) else sky.level,
    )  # fmt: skip


def opacity_draws(features: SmokeFeatures, rng: np.random.Generator, count: int) -> NDArray[np.float64] | None:
    """Likely lower bounds of the median opacity, (count,), 0..1; None where it is not assessable."""
    if features.opacity is None or features.error is None:
        return None
    return np.asarray(np.clip(features.opacity + rng.normal(0.0, features.error, count), 0.0, 1.0))


@dataclass(frozen=True, slots=True, kw_only=True)
class _Sky:
    """The sky around a plume as a plane in linear light.

    Attributes:
        plane: level at the centre, slope along rows and along columns.
        scatter: of the pixels about the plane, relative to its level.
        red_blue: red / blue in linear light.
    """

    plane: tuple[float, float, float]
    centre: tuple[float, float]
    level: float
    scatter: float
    red_blue: float

    def at(self, y: NDArray[np.int64], x: NDArray[np.int64]) -> Floats:
        """Luminance at pixels; never below a quarter of the level, however steep the plane."""
        plane = self.plane[0] + self.plane[1] * (y - self.centre[0]) + self.plane[2] * (x - self.centre[1])
        return np.asarray(np.clip(plane, 0.25 * self.level, 1.0), np.float32)


def _sky(picture: Floats, plume: tuple[NDArray[np.int64], NDArray[np.int64]], others: Mask | None) -> "_Sky | str":
    """The plane of the sky in a ring around the plume; a sentence where there is none."""
    y, x = _ring(picture.shape[1:], plume, others)
    if len(y) < MIN_RING:
        return "not assessable: no sky is seen around the plume"
    light = linear(picture[:, y, x])
    bright = luminance(light)
    # Ground, steel and trees are darker than the sky behind smoke and rough; the sky is the ring's brighter, even part.
    kept = bright >= 0.6 * np.quantile(bright, 0.75)
    centre = (float(y.mean()), float(x.mean()))
    base = np.stack([np.ones(len(y)), y - centre[0], x - centre[1]], axis=1)
    for _ in range(4):
        plane = np.linalg.lstsq(base[kept], bright[kept], rcond=None)[0]
        residual = bright - base @ plane
        spread = 1.4826 * float(np.median(np.abs(residual[kept]))) + 1e-3
        narrowed = np.abs(residual) < 3 * spread
        if narrowed.sum() < MIN_RING:
            break
        kept = narrowed
    level = float(np.median(bright[kept]))
    if kept.sum() < max(MIN_RING, MIN_SHARE * len(y)):
        return "not assessable: too little sky is seen around the plume"
    if level < NIGHT:
        return "not assessable: the sky is dark, and what a plume takes away of it cannot be seen"
    scatter = float(np.std(bright[kept] - base[kept] @ plane)) / level
    if scatter > UNEVEN:
        return "not assessable: what is around the plume is too uneven to be its background"
    red_blue = float(np.median(light[0, kept]) / max(float(np.median(light[2, kept])), 1e-4))
    return _Sky(
        plane=(float(plane[0]), float(plane[1]), float(plane[2])), centre=centre, level=level,
        scatter=scatter, red_blue=red_blue,
    )  # fmt: skip


def _ring(
    shape: tuple[int, ...], plume: tuple[NDArray[np.int64], NDArray[np.int64]], others: Mask | None
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Pixels near the plume but not at its blurred edge, (rows, cols); at most about 10 000, evenly thinned."""
    from scipy.ndimage import distance_transform_edt

    far = 12 + 0.35 * len(plume[0]) ** 0.5
    step = max(int(far / 24), 1)
    inside = np.zeros(shape, bool)
    inside[plume] = True
    near = 3 + 0.03 * len(plume[0]) ** 0.5
    top, left = max(int(plume[0].min() - far), 0), max(int(plume[1].min() - far), 0)
    cut = inside[top : int(plume[0].max() + far) + 1 : step, left : int(plume[1].max() + far) + 1 : step]
    distance = distance_transform_edt(~cut) * step
    rows, cols = np.nonzero((distance > near) & (distance < far))
    y, x = rows * step + top, cols * step + left
    if others is not None:
        free = ~others[y, x]
        y, x = y[free], x[free]
    thin = max(len(y) // 10_000, 1)
    return y[::thin], x[::thin]


def _unfit(light: Floats, share: Floats, sky: _Sky) -> str:
    """Why the plume before this sky gives no opacity; "" when it does."""
    if sky.red_blue > SUNSET:
        return "not assessable: the sky glows red, as at sunset or around a flame at night"
    red_blue = light[0] / np.maximum(light[2], 1e-3)
    glowing = (red_blue > 2.5 * max(sky.red_blue, 0.6)) & (light[0] > 0.08)
    if float(glowing.mean()) > GLOWING:
        return "not assessable: the plume is lit by the flame"
    taken = 1 - float(np.median(share))
    if taken < 0 and abs(taken) > sky.scatter:
        return "not assessable: the plume is brighter than the sky, as steam and white smoke are"
    if taken < max(LEAST, CONTRAST * sky.scatter):
        return "not assessable: the plume hardly differs from the sky behind it"
    return ""
