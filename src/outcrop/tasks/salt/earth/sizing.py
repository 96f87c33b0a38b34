"""How a drawn body is brought to size: on a coarse sampling of the block, until it fills the share that is wanted."""

from dataclasses import dataclass, replace

import numpy as np

from outcrop.core.scene import Floats
from outcrop.tasks.salt.earth.bodies import Blob, Body, Shape, Suture
from outcrop.tasks.salt.earth.fields import Extent


def salt_share(distance: Floats) -> Floats:
    """Share of each cell that is salt, from the distance at its upper and lower edge (linear between)."""
    outside, inside = np.maximum(distance, 0), np.maximum(-distance, 0)
    total = inside[:, :, 1:] + inside[:, :, :-1]
    return np.asarray(total / (total + outside[:, :, 1:] + outside[:, :, :-1] + np.float32(1e-12)))


@dataclass(frozen=True, slots=True, kw_only=True)
class Sketch:
    """A coarse sampling of the block on which a body is brought to size.

    Attributes:
        slowness: of the sediments, s/m, (y, x, cell).
        window: its length, ms or m.
    """

    y: Floats
    x: Floats
    z: Floats
    slowness: Floats
    window: float
    in_time: bool

    def lasts(self, salt: Floats | float, salt_velocity: float) -> Floats:
        """Two-way time (ms) of each cell."""
        step = 2000 * (self.z[1] - self.z[0])
        return np.asarray(step * (self.slowness + salt * (1 / salt_velocity - self.slowness)), np.float32)

    def share(self, distance: Floats | None, salt_velocity: float) -> tuple[float, float]:
        """Share of the window that is salt, and the greatest depth (m) that the window reaches."""
        salt = np.zeros_like(self.slowness) if distance is None else salt_share(distance)
        if not self.in_time:
            return float(salt.mean()), self.window
        lasts = self.lasts(salt, salt_velocity)
        inside = np.clip((self.window - np.cumsum(lasts, axis=2)) / lasts + 1, 0, 1)
        step = float(self.z[1] - self.z[0])
        thickness = (inside * salt).sum(axis=2).mean() * step
        return float(thickness * 2000 / salt_velocity / self.window), float(inside.sum(axis=2).max()) * step


def grow(sketch: Sketch, body: Body, wanted: float, salt_velocity: float) -> Body:
    """The body, its boundary moved out or in until it fills the wanted share of the window."""
    bare = replace(body, roof=()).distance(sketch.y, sketch.x, sketch.z)
    roofs = [roof.at(sketch.y, sketch.x) - sketch.z for roof in body.roof]
    low, high = float(bare.min()), float(bare.max())
    for _ in range(16):
        level = (low + high) / 2
        moved = bare - np.float32(level)
        for roof in roofs:
            np.maximum(moved, roof, out=moved)
        if sketch.share(moved, salt_velocity)[0] < wanted:
            low = level
        else:
            high = level
    return replace(body, level=(low + high) / 2)


def draw_inclusions(rng: np.random.Generator, sketch: Sketch, body: Body, extent: Extent) -> tuple[Shape, ...]:
    """Rafts of sediment deep inside the salt, and sutures."""
    distance = body.distance(sketch.y, sketch.x, sketch.z)
    deepest = float(distance.min())
    holes: list[Shape] = []
    if rng.random() < 0.2:
        inside = np.argwhere(distance < 0.5 * deepest)
        for row, col, cell in rng.permutation(inside)[: rng.integers(1, 3)]:
            size = -deepest * rng.uniform(0.06, 0.25)
            wide = extent[1] * np.exp(rng.uniform(np.log(0.02), np.log(0.15), 2))
            radii = (float(wide[0]), float(wide[1]), float(size))
            centre = (float(sketch.y[row]), float(sketch.x[col]), float(sketch.z[cell]))
            holes.append(Blob(centre=centre, radii=radii))
    if rng.random() < 0.15:
        place = rng.uniform(0.15, 0.85, 2) * extent[:2]
        holes.append(
            Suture(
                place=(float(place[0]), float(place[1])),
                turn=rng.normal(0, 0.4),
                cotangent=rng.normal(0, 0.4),
                width=extent[1] * rng.uniform(0.01, 0.04),
                bottom=extent[2] * rng.uniform(0.4, 1.0),
            )
        )
    return tuple(holes)
