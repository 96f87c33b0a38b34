"""A plume of known transmission: smoke that takes light away, or steam that sends it back.

A pixel behind which the sky shines S is seen as  S tau + A (1 - tau),  with A the light that the plume itself scatters.
"""

from dataclasses import dataclass
from math import cos, sin

import numpy as np

from outcrop.core.scene import Floats
from outcrop.tasks.flares.drawn.noise import Field, enlarged, smoothstep


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Plume:
    """How a plume is built; lengths in widths of its source.

    Attributes:
        start: half width at its source / width of the flame.
        depth: optical depth through its middle near the source.
        spread: growth of its half width with distance.
        thin: power by which its optical depth falls as it widens.
        reach: distance at which it has faded out.
        bend: curvature of its centre line.
        billow: strength of its heaped edge.
        albedo: light it scatters, share of the sky's ambient light, (3,).
        fields: two of displacement, one of billows.
    """

    start: float
    depth: float
    spread: float
    thin: float
    reach: float
    bend: float
    billow: float
    albedo: tuple[float, float, float]
    fields: tuple[Field, ...]


def draw_plume(rng: np.random.Generator, *, depth: float | None = None, steam: bool = False) -> Plume:
    """A plume; ``depth`` is its optical depth near the source."""
    if depth is None:
        depth = float(np.exp(rng.uniform(np.log(0.4), np.log(14.0))))
    level = float(rng.uniform(1.0, 1.5)) if steam else float(rng.uniform(0.03, 0.2))
    tint = np.exp(rng.normal(0, 0.03 if steam else 0.08, 3)) * (np.ones(3) if steam else np.array([1.06, 1.0, 0.95]))
    return Plume(
        start=float(rng.uniform(0.4, 0.85)),
        depth=depth,
        spread=float(np.exp(rng.uniform(np.log(0.12), np.log(0.55)))),
        thin=float(rng.uniform(0.2, 0.8)),
        reach=float(np.exp(rng.uniform(np.log(6), np.log(40)))) * (0.6 if steam else 1.0),
        bend=float(rng.normal(0, 0.012)),
        billow=float(rng.uniform(0.6, 1.3)),
        albedo=(float(level * tint[0]), float(level * tint[1]), float(level * tint[2])),
        fields=(
            Field(rng, (7.0, 2.4), octaves=6, gain=0.6),
            Field(rng, (7.0, 2.4), octaves=6, gain=0.6),
            Field(rng, (12.0, 4.5), octaves=6, gain=0.6),
        ),
    )


def spread_plume(
    plume: Plume, picture: tuple[int, int], source: tuple[float, float], angle: float, wide: float, *, time: float = 0.0
) -> tuple[Floats, Floats]:
    """Transmission tau and shading of a plume over the whole picture, (rows, cols) each.

    Args:
        source: (row, col) where it begins.
        angle: radians from upright to its direction, positive to the right.
        wide: px of its half width at the source.
    """
    from scipy.ndimage import map_coordinates

    small = (max(picture[0] // 2, 8), max(picture[1] // 2, 8))
    r, c = np.mgrid[: small[0], : small[1]].astype(np.float32)
    dx = ((c + 0.5) * (picture[1] / small[1]) - source[1]) / wide
    dy = (source[0] - (r + 0.5) * (picture[0] / small[0])) / wide
    far = np.asarray(dx * sin(angle) + dy * cos(angle), np.float32)
    off = np.asarray(dx * cos(angle) - dy * sin(angle), np.float32) - plume.bend * np.maximum(far, 0) ** 2
    half = 1.0 + plume.spread * np.maximum(far, 0)
    # Eddies are as large as the plume is wide: noise is laid on the logarithm of its width.
    size = 256
    p = 0.15 + 0.85 * np.log(half) / np.log(1.0 + plume.spread * 80.0) + 0.05 * np.minimum(far, 0)
    q = off / half
    at = np.stack([p * (size - 1), (q * 0.20 + 0.5) * (size - 1)])
    one, two, heap = (
        map_coordinates(field.at((size, size), time=time, scroll=time * 0.25), at, order=1, mode="reflect")
        for field in plume.fields
    )
    edge = 1.0 - np.abs(q + 0.16 * two) + plume.billow * 0.5 * (0.6 - np.abs(heap + 0.5 * one))
    start = smoothstep(-0.5, 0.6, far + 0.25 * one)
    end = 1.0 - smoothstep(0.35, 1.0, np.asarray(far / plume.reach + 0.18 * two, np.float32))
    sharp = 0.25 + 0.05 * np.maximum(far, 0)
    body = smoothstep(0.0, 1.0, np.asarray(edge / np.minimum(sharp, 1.2), np.float32))
    od = plume.depth * body * start * end * half**-plume.thin * np.exp(0.3 * two)
    shade = np.clip(1.1 * (heap - np.roll(heap, 3, axis=0)) + 0.35 * one, -1.1, 1.1)
    return enlarged(np.exp(-od), picture).clip(0.001, 1.0), enlarged(shade, picture)
