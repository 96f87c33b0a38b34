"""Shapes that salt takes: functions of place in metres that are negative inside and near a distance outside.

Every function is defined at any point, so a body can be sampled on the traces for the picture and,
on another and finer set of points, for its exact volume. Arrays are (y, x, z) as in ``fields``.
"""

from dataclasses import dataclass
from functools import reduce
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from outcrop.core.scene import Floats
from outcrop.tasks.salt.earth.fields import Extent, Field, Surface


class Shape(Protocol):
    """Anything with an inside."""

    def distance(self, y: Floats, x: Floats, z: Floats) -> Floats:
        """Roughly the distance (m) to the boundary, negative inside, (y, x, z)."""


def _square(metric: Extent, dy: Floats, dx: Floats) -> Floats:
    """Squared elliptical radius (m²) from the offsets to an axis; ``metric`` is (yy, xx, yx)."""
    return np.asarray(metric[0] * dy * dy + metric[1] * dx * dx + metric[2] * dy * dx, np.float32)


@dataclass(frozen=True, slots=True, kw_only=True)
class Plug:
    """A diapir or stem: a radius that changes with depth about a leaning axis.

    Attributes:
        centre: the crest, m.
        lean: metres across per metre of depth.
        metric: ellipse of its map section, (yy, xx, yx) of the squared offsets.
        depths, radii: the radius (m) at these depths; negative above the crest.
        blunt: rounds the crest over this radius, m.
        steepness: greatest change of radius per metre of depth; the distance is divided by it.
    """

    centre: Extent
    lean: tuple[float, float]
    metric: Extent
    depths: NDArray[np.float64]
    radii: NDArray[np.float64]
    blunt: float
    steepness: float

    def distance(self, y: Floats, x: Floats, z: Floats) -> Floats:
        """As in Shape."""
        down = z - self.centre[2]
        dy = y[:, None, None] - (self.centre[0] + self.lean[0] * down).astype(np.float32)
        dx = x[None, :, None] - (self.centre[1] + self.lean[1] * down).astype(np.float32)
        out = _square(self.metric, dy, dx)
        out += np.float32(self.blunt**2)
        np.sqrt(out, out=out)
        out -= (np.interp(z, self.depths, self.radii) + self.blunt).astype(np.float32)
        out /= np.float32(self.steepness)
        return out


@dataclass(frozen=True, slots=True, kw_only=True)
class Sheet:
    """Salt between two surfaces, none where they cross; a finite ``reach`` (m) closes it to a tongue about a centre."""

    top: Surface
    base: Surface
    centre: tuple[float, float] = (0.0, 0.0)
    metric: Extent = (1.0, 1.0, 0.0)
    reach: float = np.inf
    power: float = 3.0

    def distance(self, y: Floats, x: Floats, z: Floats) -> Floats:
        """As in Shape."""
        dy, dx = y[:, None, None] - self.centre[0], x[None, :, None] - self.centre[1]
        close = np.clip(np.sqrt(_square(self.metric, dy, dx)) / self.reach, 0, 2) ** self.power
        top, base = self.top.at(y, x), self.base.at(y, x)
        out = np.abs(z.astype(np.float32) - (top + base) / 2)
        out -= ((base - top) / 2 * (1 - close)).astype(np.float32)
        return np.asarray(out, np.float32)


@dataclass(frozen=True, slots=True, kw_only=True)
class Blob:
    """An ellipsoid."""

    centre: Extent
    radii: Extent

    def distance(self, y: Floats, x: Floats, z: Floats) -> Floats:
        """As in Shape."""
        parts = [((p - c) / r) ** 2 for p, c, r in zip((y, x, z), self.centre, self.radii, strict=True)]
        flat = parts[0][:, None, None] + parts[1][None, :, None]
        return np.asarray((np.sqrt(flat + parts[2]) - 1) * min(self.radii), np.float32)


@dataclass(frozen=True, slots=True, kw_only=True)
class Suture:
    """A steep curtain of sediment between two salt sheets that have met, down to a depth."""

    place: tuple[float, float]
    turn: float
    cotangent: float
    width: float
    bottom: float

    def distance(self, y: Floats, x: Floats, z: Floats) -> Floats:
        """As in Shape."""
        across = (y[:, None] - self.place[0]) * np.sin(self.turn) + (x - self.place[1]) * np.cos(self.turn)
        taper = self.width / 2 * np.clip((self.bottom - z) / max(self.bottom, 1.0), -1, 1)
        return np.asarray(np.abs(across[:, :, None] - self.cotangent * z) - taper, np.float32)


@dataclass(frozen=True, slots=True, kw_only=True)
class Body:
    """All the salt of one earth: parts joined smoothly, roughened, grown to size, cut by a roof, less inclusions.

    Attributes:
        blend: length (m) over which parts flow together.
        rough: random fields and how far (m) each moves the boundary.
        level: how far (m) the boundary is pushed out.
        roof: salt stays below all of these surfaces.
    """

    parts: tuple[Shape, ...]
    blend: float
    rough: tuple[tuple[Field, float], ...]
    level: float = 0.0
    roof: tuple[Surface, ...] = ()
    inclusions: tuple[Shape, ...] = ()

    def distance(self, y: Floats, x: Floats, z: Floats) -> Floats:
        """As in Shape."""
        out = reduce(self._join, (part.distance(y, x, z) for part in self.parts))
        ripple = sum((np.float32(size) * field.at(y, x, z) for field, size in self.rough), np.float32(0))
        out += ripple - np.float32(self.level)
        for roof in self.roof:
            np.maximum(out, roof.at(y, x) - z, out=out)
        for hole in self.inclusions:
            np.maximum(out, ripple - hole.distance(y, x, z), out=out)
        return out

    def _join(self, a: Floats, b: Floats) -> Floats:
        """Smooth minimum of two distances (polynomial of I. Quilez)."""
        near = np.clip(self.blend - np.abs(a - b), 0, None)
        return np.asarray(np.minimum(a, b) - near * near * np.float32(0.25 / self.blend))
