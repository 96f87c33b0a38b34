"""Made-up sediments: beds bent by folds, faults and salt, with velocity and density at every point.

A layer coordinate u (m) says which bed a point belongs to: u = z where beds lie flat, and whatever
happened to the beds is a change of u. Rock properties are tables over u on a trend of compaction with
depth. Arrays are (y, x, z), float32, as in ``fields``.
"""

from dataclasses import dataclass, replace
from typing import Protocol

import numpy as np

from outcrop.core.scene import Floats
from outcrop.tasks.salt.earth.fields import Field, Surface

WATER_VELOCITY, WATER_DENSITY = 1500.0, 1.03
"""m/s and g/cm³."""
SLOWEST_SEDIMENT, FASTEST_SEDIMENT = 1520.0, 4300.0
"""m/s: layered sediments stay between these; carbonate and basement may be faster."""
GARDNER = 0.31
"""Density in g/cm³ is 0.31 v^0.25 with v in m/s (Gardner, Gardner and Gregory 1974)."""
TABLE_LENGTH, TABLE_ZERO = 20_000, 5_000
"""Entries of a table of layers (one a metre) and the entry of u = 0."""
ELSEWHERE = 7_000.0
"""Shift of u (m) to beds of the table that nothing else uses: the fill of a channel."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Beds:
    """What the events below work on.

    Attributes:
        u: layer coordinate, m.
        echo: factor on what is reflected.
        speed: factor on velocity.
        solid: velocity (m/s) where rock is not layered sediment, 0 elsewhere.
        distance: to the salt, m; None in an earth without.
    """

    y: Floats
    x: Floats
    z: Floats
    u: Floats
    echo: Floats
    distance: Floats | None
    speed: Floats | None = None
    solid: Floats | None = None

    def shift(self, older: Floats) -> None:
        """Make what lies at each point older by so many metres of bed, in place."""
        np.add(self.u, older, out=self.u)

    def fade(self, factor: Floats) -> None:
        """Multiply the reflections, in place."""
        np.multiply(self.echo, factor, out=self.echo)


class Event(Protocol):
    """Something that happened to the beds."""

    def happen(self, beds: Beds) -> Beds:
        """The beds after it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Fold:
    """Relief that grows from nothing at depth ``start`` (m) to ``size`` (m) at ``end`` and beyond."""

    field: Field
    size: float
    start: float
    end: float

    def happen(self, beds: Beds) -> Beds:
        """As in Event."""
        ramp = np.clip((beds.z - self.start) / (self.end - self.start), 0, 1.5).astype(np.float32)
        beds.shift((self.field.at(beds.y, beds.x, beds.z) * np.float32(self.size)) * ramp)
        return beds


@dataclass(frozen=True, slots=True, kw_only=True)
class Unconformity:
    """Below a surface the beds dip by ``slope`` (m per m) and are older by ``jump`` (m)."""

    surface: Surface
    slope: tuple[float, float]
    jump: float

    def happen(self, beds: Beds) -> Beds:
        """As in Event."""
        plane = self.slope[0] * beds.y[:, None, None] + self.slope[1] * beds.x[None, :, None] + self.jump
        below = beds.z.astype(np.float32) > self.surface.at(beds.y, beds.x)
        beds.shift(np.where(below, plane.astype(np.float32), np.float32(0)))
        return beds


@dataclass(frozen=True, slots=True, kw_only=True)
class Faults:
    """Parallel faults: the blocks between them are shifted and may lean like dominoes.

    Attributes:
        strike: rad.
        dip: metres across per metre of depth, and its growth per metre of depth (listric).
        shift: shift (m) every ``GRAIN`` metres across strike, from -len/2 to len/2.
        bend: a field and by how much (m) the planes undulate.
        tip: depths (m) at which the throw begins and is complete.
    """

    strike: float
    dip: tuple[float, float]
    shift: Floats
    bend: tuple[Field, float]
    tip: tuple[float, float]

    GRAIN = 3.0

    def happen(self, beds: Beds) -> Beds:
        """As in Event."""
        y, x, z = beds.y, beds.x, beds.z
        across = np.cos(self.strike) * x[None, :, None] + np.sin(self.strike) * y[:, None, None]
        across = (across + self.bend[1] * self.bend[0].at(y, x, z)) / self.GRAIN + len(self.shift) / 2
        place = across.astype(np.float32) - ((self.dip[0] + self.dip[1] * z) * z / self.GRAIN).astype(np.float32)
        ramp = np.clip((z - self.tip[0]) / (self.tip[1] - self.tip[0]), 0, 1).astype(np.float32)
        beds.shift(self.shift.take(place.astype(np.int32), mode="clip") * ramp)
        return beds


@dataclass(frozen=True, slots=True, kw_only=True)
class Drag:
    """Beds turn up towards the salt: by ``size`` (m) at its wall, fading over ``reach`` (m)."""

    size: float
    reach: float

    def happen(self, beds: Beds) -> Beds:
        """As in Event."""
        if beds.distance is not None:
            near = np.exp(np.clip(beds.distance, 0, None) * np.float32(-1 / self.reach))
            beds.shift(near * np.float32(self.size))
        return beds


@dataclass(frozen=True, slots=True, kw_only=True)
class Slide:
    """A mass-transport deposit or other chaos: beds between two values of u are shuffled by about ``size`` (m).

    ``dim`` is the share of their reflections that is lost.
    """

    field: Field
    size: float
    between: tuple[float, float]
    dim: float

    def happen(self, beds: Beds) -> Beds:
        """As in Event."""
        middle, half = np.float32(sum(self.between) / 2), np.float32((self.between[1] - self.between[0]) / 2)
        inside = np.clip((half - np.abs(beds.u - middle)) * np.float32(0.05), 0, 1)
        beds.shift(inside * (self.field.at(beds.y, beds.x, beds.z) * np.float32(self.size)))
        beds.fade(1 - np.float32(self.dim) * inside)
        return beds


@dataclass(frozen=True, slots=True, kw_only=True)
class Channel:
    """A meandering channel cut into bed ``base`` (u, m), filled with other beds."""

    base: float
    depth: float
    width: float
    strike: float
    offset: float
    meander: tuple[float, float, float]

    def happen(self, beds: Beds) -> Beds:
        """As in Event."""
        c, s = np.cos(self.strike), np.sin(self.strike)
        across = c * beds.x[None, :, None] + s * beds.y[:, None, None] - self.offset
        along = c * beds.y[:, None, None] - s * beds.x[None, :, None]
        size, length, phase = self.meander
        cut = self.depth * (1 - ((across - size * np.sin(along / length + phase)) / self.width) ** 2)
        floor = (self.base + np.maximum(cut, -1)).astype(np.float32)
        fill = (beds.u > np.float32(self.base)) & (beds.u < floor)
        beds.shift(fill * np.float32(ELSEWHERE))
        return beds


@dataclass(frozen=True, slots=True, kw_only=True)
class Solid:
    """Fast rock between bed ``base`` (u, m) and a relief above it: a carbonate mound; without end: the basement."""

    base: float
    relief: Surface
    thickness: float
    velocity: float
    grain: tuple[Field, float]

    def happen(self, beds: Beds) -> Beds:
        """As in Event."""
        height = np.clip(-self.relief.at(beds.y, beds.x), -1, None)
        inside = (beds.u > np.float32(self.base) - height) & (beds.u < np.float32(self.base + self.thickness))
        inside &= height > 0
        own = np.float32(self.velocity) + np.float32(self.grain[1]) * self.grain[0].at(beds.y, beds.x, beds.z)
        return replace(beds, solid=np.where(inside, own, np.float32(0) if beds.solid is None else beds.solid))


@dataclass(frozen=True, slots=True, kw_only=True)
class Chimney:
    """Gas above a place: bright at its top, slow and dim below."""

    centre: tuple[float, float]
    radius: float
    top: float
    dimming: float
    jitter: Field

    def happen(self, beds: Beds) -> Beds:
        """As in Event."""
        far = (beds.y[:, None, None] - self.centre[0]) ** 2 + (beds.x[None, :, None] - self.centre[1]) ** 2
        column = np.exp(-far / self.radius**2).astype(np.float32)
        gas = column * np.clip((beds.z - self.top) / 60, 0, 1).astype(np.float32)
        beds.shift(gas * (self.jitter.at(beds.y, beds.x, beds.z) * np.float32(12)))
        cap = 2 * np.exp(-(((beds.z - self.top) / 40) ** 2)).astype(np.float32)
        beds.fade((1 - np.float32(self.dimming) * gas) * (1 + column * cap))
        slow = 1 - np.float32(0.08) * gas
        return replace(beds, speed=slow if beds.speed is None else beds.speed * slow)


@dataclass(frozen=True, slots=True, kw_only=True)
class Sediments:
    """Everything around the salt.

    Attributes:
        trend: velocity (m/s) at the top and its growth with depth, 1/s.
        layers: (2, TABLE_LENGTH), relative contrast of velocity and of density over u.
        events: what happened to the beds, in order.
        patches: a field and how strongly it varies amplitudes (natural log).
        seabed: water above it; None in a window that begins deeper.
    """

    trend: tuple[float, float]
    layers: Floats
    events: tuple[Event, ...]
    patches: tuple[Field, float]
    seabed: Surface | None

    def rock(self, y: Floats, x: Floats, z: Floats, distance: Floats | None) -> tuple[Floats, Floats, Floats]:
        """Velocity (m/s), density (g/cm³) and reflection factor of the sediments, each (y, x, z)."""
        echo = np.exp(self.patches[0].at(y, x, z) * np.float32(self.patches[1]))
        u = np.broadcast_to(z.astype(np.float32), echo.shape).copy()
        beds = Beds(y=y, x=x, z=z, u=u, echo=echo, distance=distance)
        for event in self.events:
            beds = event.happen(beds)
        bed = (beds.u + np.float32(TABLE_ZERO)).astype(np.int32)
        buried = z.astype(np.float32) if self.seabed is None else np.maximum(z - self.seabed.at(y, x), 0)
        velocity = (1 + self.layers[0].take(bed, mode="clip")) * (self.trend[0] + np.float32(self.trend[1]) * buried)
        np.clip(velocity, SLOWEST_SEDIMENT, FASTEST_SEDIMENT, out=velocity)
        if beds.speed is not None:
            velocity = np.maximum(velocity * beds.speed, np.float32(SLOWEST_SEDIMENT))
        if beds.solid is not None:
            velocity = np.where(beds.solid > 0, beds.solid, velocity)
        density = np.sqrt(np.sqrt(velocity)) * (np.float32(GARDNER) * (1 + self.layers[1].take(bed, mode="clip")))
        if self.seabed is not None:
            water = np.clip((self.seabed.at(y, x) - z) / np.float32(z[1] - z[0]) + np.float32(0.5), 0, 1)
            velocity += water * (np.float32(WATER_VELOCITY) - velocity)
            density += water * (np.float32(WATER_DENSITY) - density)
        return velocity, density, beds.echo
