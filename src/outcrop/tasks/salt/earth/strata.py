"""How the sediments of a made-up earth are drawn at random: layers, folds, faults and what else lies in them."""

import numpy as np

from outcrop.core.scene import Floats
from outcrop.tasks.salt.earth.fields import Extent, Surface, draw_field
from outcrop.tasks.salt.earth.sediments import (
    TABLE_LENGTH,
    Channel,
    Chimney,
    Drag,
    Event,
    Faults,
    Fold,
    Sediments,
    Slide,
    Solid,
    Unconformity,
)


def _layers(rng: np.random.Generator, thickness: float, contrast: float, blur: int) -> Floats:
    """Relative contrasts of velocity and density over u, (2, TABLE_LENGTH): beds in packages, some loud, some mute."""
    count = int(TABLE_LENGTH / thickness * 1.6) + 50
    edges = np.cumsum(rng.lognormal(np.log(thickness), 0.7, count))
    values = rng.standard_normal((2, count))
    values[:, 1:] -= rng.uniform(0, 0.6) * values[:, :-1]
    markers = rng.random(count) < rng.uniform(0.0, 0.04)
    values[:, markers] *= rng.uniform(2, 4)
    packages = np.cumsum(rng.lognormal(np.log(thickness * 14), 0.8, 400))
    loudness = rng.lognormal(0, rng.uniform(0.3, 1.0), len(packages) + 1)
    place = np.arange(TABLE_LENGTH)
    bed = np.minimum(np.searchsorted(edges, place), count - 1)
    loud = np.clip(loudness[np.searchsorted(packages, place)], 0.05, 3)
    table = values[:, bed] * loud
    table[0] *= contrast
    table[1] *= contrast * 0.35
    # The mean over a cell of the depth grid, so that dipping beds show no stairs.
    kernel = np.full(blur, 1 / blur)
    return np.array([np.convolve(np.clip(row, -0.35, 0.35), kernel, "same") for row in table], np.float32)


def _faults(rng: np.random.Generator, extent: Extent) -> Faults:
    """One fault, a few, or a whole array of dominoes."""
    across = (extent[0] + extent[1]) * 1.6 + 3 * extent[2]
    typical = extent[1] * rng.choice([0.05, 0.15, 0.4])
    throw = rng.uniform(0.01, 0.05) * extent[2]
    count = min(int(across / typical), 60)
    walls = np.sort(rng.uniform(0, across, count))
    grain = np.arange(int(across / Faults.GRAIN)) * Faults.GRAIN
    block = np.searchsorted(walls, grain)
    sense = rng.choice([-1.0, 1.0])
    shift = rng.normal(0, throw, count + 1)
    if rng.random() < 0.5:
        starts = np.concatenate([[0.0], walls])
        spin = sense * throw / typical
        lean = spin * (grain - starts[block])
    else:
        lean = np.zeros_like(grain)
        shift = np.cumsum(sense * np.abs(shift)) * 0.5 if count < 12 else shift
    first = rng.uniform(-0.3, 0.6) * extent[2]
    return Faults(
        strike=rng.normal(0, 0.5) + (np.pi if rng.random() < 0.5 else 0.0),
        dip=(rng.uniform(0.15, 0.7), rng.uniform(0, 0.3) / extent[2]),
        shift=(shift[block] + lean).astype(np.float32),
        bend=(draw_field(rng, extent, extent[1] * 0.2), rng.uniform(0, 0.04) * extent[1]),
        tip=(first, first + rng.uniform(0.05, 0.8) * extent[2]),
    )


def _folds(rng: np.random.Generator, extent: Extent) -> list[Event]:
    """Broad folds that grow with depth, fine roughness of every bed, a dip."""
    depth, width = extent[2], extent[1]
    folds: list[Event] = []
    for share in rng.uniform(0.12, 0.6, rng.integers(1, 4)):
        size = depth * rng.uniform(0.005, 0.1) * min(share / 0.25, 1.0)
        start = depth * rng.uniform(-0.5, 0.3)
        field = draw_field(rng, extent, width * share)
        folds.append(Fold(field=field, size=size, start=start, end=start + depth * rng.uniform(0.3, 1.2)))
    rough = draw_field(rng, extent, width * rng.uniform(0.02, 0.06), depth * rng.uniform(0.05, 0.15))
    folds.append(Fold(field=rough, size=depth * rng.uniform(0.0, 0.005), start=-1.0, end=0.0))
    dip = rng.normal(0, 0.12 * depth / width, 2)
    folds.append(Unconformity(surface=Surface(level=-1e6), slope=(float(dip[0]), float(dip[1])), jump=0.0))
    return folds


def _unconformity(rng: np.random.Generator, extent: Extent) -> Unconformity:
    """An angular unconformity somewhere in the block."""
    depth, width = extent[2], extent[1]
    relief = ((draw_field(rng, extent, width * rng.uniform(0.1, 0.4)), depth * rng.uniform(0, 0.04)),)
    dip = rng.normal(0, 0.25 * depth / width, 2)
    surface = Surface(level=depth * rng.uniform(0.15, 0.85), relief=relief)
    return Unconformity(surface=surface, slope=(float(dip[0]), float(dip[1])), jump=rng.uniform(100, 900))


def _slide(rng: np.random.Generator, extent: Extent) -> Slide:
    """A chaotic interval."""
    top = extent[2] * rng.uniform(0.0, 0.8)
    field = draw_field(rng, extent, extent[1] * rng.uniform(0.01, 0.04), extent[2] * rng.uniform(0.02, 0.06))
    size = extent[2] * rng.uniform(0.006, 0.03)
    between = (top, top + extent[2] * rng.uniform(0.06, 0.35))
    return Slide(field=field, size=size, between=between, dim=float(rng.choice([0.0, rng.uniform(0.2, 0.9)])))


def _channel(rng: np.random.Generator, extent: Extent) -> Channel:
    """A channel of any width."""
    return Channel(
        base=extent[2] * rng.uniform(0.05, 0.9),
        depth=extent[2] * rng.uniform(0.02, 0.08),
        width=extent[1] * rng.uniform(0.03, 0.15),
        strike=rng.normal(0, 0.5),
        offset=extent[1] * rng.uniform(0.1, 0.9),
        meander=(extent[1] * rng.uniform(0, 0.1), extent[1] * rng.uniform(0.05, 0.3), rng.uniform(0, 6.3)),
    )


def _mound(rng: np.random.Generator, extent: Extent) -> Solid:
    """A carbonate build-up: flat floor, hard top, little inside."""
    field = draw_field(rng, extent, extent[1] * rng.uniform(0.06, 0.25))
    rubble = draw_field(rng, extent, extent[1] * rng.uniform(0.01, 0.03))
    height = extent[2] * np.exp(rng.uniform(np.log(0.01), np.log(0.09)))
    grain = draw_field(rng, extent, extent[1] * 0.03, extent[2] * 0.03)
    return Solid(
        base=extent[2] * rng.uniform(0.2, 0.95),
        relief=Surface(
            level=height * rng.uniform(0.0, 1.2), relief=((field, -height), (rubble, height * rng.uniform(0, 0.2)))
        ),
        thickness=extent[2] * rng.uniform(0.01, 0.06),
        velocity=rng.uniform(3300, 4800),
        grain=(grain, rng.uniform(30, 250)),
    )


def _basement(rng: np.random.Generator, extent: Extent) -> Solid:
    """Crystalline rock below the beds, without layers but not silent."""
    field = draw_field(rng, extent, extent[1] * rng.uniform(0.1, 0.4))
    grain = draw_field(rng, extent, extent[1] * rng.uniform(0.03, 0.1), extent[2] * rng.uniform(0.015, 0.04))
    return Solid(
        base=extent[2] * rng.uniform(0.75, 1.1),
        relief=Surface(level=-extent[2] * 0.2, relief=((field, extent[2] * rng.uniform(0.02, 0.1)),)),
        thickness=1e6,
        velocity=rng.uniform(4800, 5800),
        grain=(grain, rng.uniform(100, 350)),
    )


def _chimney(rng: np.random.Generator, extent: Extent) -> Chimney:
    """A gas chimney."""
    centre = rng.uniform(0, 1, 2) * extent[:2]
    return Chimney(
        centre=(float(centre[0]), float(centre[1])),
        radius=extent[1] * rng.uniform(0.02, 0.1),
        top=extent[2] * rng.uniform(0.0, 0.5),
        dimming=rng.uniform(0.4, 0.95),
        jitter=draw_field(rng, extent, extent[1] * 0.02, extent[2] * 0.03),
    )


def draw_seabed(rng: np.random.Generator, extent: Extent) -> Surface:
    """A sea bed in the upper part of the block."""
    relief = ((draw_field(rng, extent, extent[1] * rng.uniform(0.1, 0.4)), extent[2] * rng.uniform(0.0, 0.02)),)
    slope = rng.normal(0, 0.03 * extent[2] / extent[1], 2)
    level = extent[2] * rng.uniform(0.04, 0.18) - float(slope @ (extent[0] / 2, extent[1] / 2))
    return Surface(level=level, slope=(float(slope[0]), float(slope[1])), relief=relief)


OPTIONS = ((0.25, _unconformity), (0.3, _slide), (0.25, _channel), (0.25, _channel))
"""(chance, draw) of what may lie in any earth, after folding and before faulting."""
FAST = ((0.15, 0.35, _mound), (0.04, 0.12, _basement))
"""(chance with salt, chance without, draw) of rock that may be taken for salt."""


def draw_sediments(
    rng: np.random.Generator,
    extent: Extent,
    trend: tuple[float, float],
    seabed: Surface | None,
    salt: bool,
    cell: float,
) -> Sediments:
    """Random sediments; ``cell`` (m) is the step in depth at which they will be sampled."""
    events = _folds(rng, extent)
    if salt:
        reach = extent[2] * rng.uniform(0.06, 0.35)
        events.append(Drag(size=reach * rng.uniform(0.0, 0.75), reach=reach))
    events += [draw(rng, extent) for chance, draw in OPTIONS if rng.random() < chance]
    events += [_faults(rng, extent) for _ in range(rng.choice([0, 1, 2], p=[0.35, 0.45, 0.2]))]
    events += [draw(rng, extent) for low, high, draw in FAST if rng.random() < (low if salt else high)]
    if rng.random() < 0.15:
        events.append(_chimney(rng, extent))
    # Thinner beds cannot be told apart in the picture.
    thickness = cell * float(np.exp(rng.uniform(np.log(1.6), np.log(9))))
    layers = _layers(rng, thickness, rng.uniform(0.03, 0.1), max(int(cell), 1))
    patches = draw_field(rng, extent, extent[1] * rng.uniform(0.05, 0.3), extent[2] * rng.uniform(0.05, 0.3))
    return Sediments(
        trend=trend,
        layers=layers,
        events=tuple(events),
        patches=(patches, rng.uniform(0.1, 0.6)),
        seabed=seabed,
    )
