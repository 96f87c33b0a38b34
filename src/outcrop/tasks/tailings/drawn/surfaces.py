"""How drawn sites look from above: beaches, ponds, dam walls, benches, roofs.

Every surface takes a site, the distance inside its outline (m) and the axes (m), and gives reflectances of B4, B3, B2,
(3, rows, cols), with the share of each pixel that they cover, (rows, cols).
"""

from collections.abc import Callable

import numpy as np

from outcrop.core.scene import Floats
from outcrop.tasks.tailings.drawn.land import (
    BROWN_WATER,
    CLEAR_WATER,
    DRY,
    FOREST,
    GRASS,
    PALE_SOIL,
    RED_SOIL,
    ROAD,
    colour,
)
from outcrop.tasks.tailings.drawn.noise import Axis1, fractal, loose, mix, plots, ramp, uniform
from outcrop.tasks.tailings.drawn.sites import Site

Painted = tuple[Floats, Floats]
Surface = Callable[[Site, Floats, Axis1, Axis1], Painted]

HALO = 300.0
"""How far (m) outside its outline a site may still show: worn ground round a mine."""

EDGE = 10.0
"""Width (m) over which a sharp outline goes from outside to inside: one pixel of the sensor."""

GREEN_POND, TEAL_POND, SILT_POND = colour(0.085, 0.132, 0.122), colour(0.036, 0.074, 0.095), colour(0.165, 0.140, 0.115)

BEACHES = {
    "grey pond": (colour(0.100, 0.102, 0.112), colour(0.215, 0.205, 0.190)),
    "pale pond": (colour(0.245, 0.200, 0.158), colour(0.370, 0.335, 0.290)),
    "red mud": (colour(0.200, 0.118, 0.104), colour(0.330, 0.182, 0.128)),
    "basin": (colour(0.150, 0.140, 0.132), colour(0.270, 0.190, 0.145)),
    "tan pond": (colour(0.160, 0.128, 0.110), colour(0.245, 0.188, 0.148)),
    "grown over": (colour(0.068, 0.080, 0.088), colour(0.110, 0.104, 0.103)),
    "waste stack": (colour(0.095, 0.097, 0.104), colour(0.260, 0.180, 0.145)),
}
"""Darkest and brightest dry surface of each kind of deposit; the site's first tint lies between."""


def _sharp(depth: Floats) -> Floats:
    """Covered share of pixels at a sharp outline."""
    return np.asarray(np.clip(depth / EDGE + 0.5, 0, 1), np.float32)


def _pond(site: Site) -> Floats:
    """The colour of a deposit's water: dark teal, green or silty, by the second tint."""
    tint = site.tint[1]
    return mix(TEAL_POND, GREEN_POND, 2 * tint) if tint < 0.5 else mix(GREEN_POND, SILT_POND, 2 * tint - 1)


def _beach(site: Site, y: Axis1, x: Axis1, ahead: Floats, aside: Floats) -> Floats:
    """Dry tailings: patches, and streaks that fan out from the dam."""
    low, high = BEACHES[site.kind]
    start = min(site.dam, 0.8 * site.reach)
    along, across = start - ahead, aside
    streaks = loose(site.seed, np.arctan2(across, np.abs(along) + 40) * 14, np.log(np.hypot(along, across) + 60) * 2.5)
    patches = fractal(site.seed % 2**40, y, x, (350.0, 120.0, 50.0), 0.6)
    return mix(low, high, np.clip(site.tint[0] + 0.16 * streaks + 0.1 * patches, -0.2, 1.2))


def _ponded(site: Site, depth: Floats, y: Axis1, x: Axis1) -> Painted:
    """A valley filled behind a dam: wall, dry beach, wet beach, pond. Most ponds lie far from the wall."""
    ahead, aside = site.along(y, x)
    canvas = _beach(site, y, x, ahead, aside)
    length = float(site.dam + site.reach)
    ripples = 0.09 * fractal(site.seed % 2**40 + 5, y, x, (250.0, 80.0), 0.5)
    far = (site.dam - site.crest - ahead) / length + ripples
    nearness = far if site.tint[0] < 0.7 else 1 - far - site.crest / length
    shore = 1.0 - 1.15 * site.level
    canvas = canvas * (1 - 0.35 * ramp(nearness, shore - 0.25, shore))
    canvas = mix(canvas, _pond(site), ramp(nearness, shore, shore + 0.03))
    wall = np.float32(site.dam) - ahead
    benches = 1 + 0.10 * np.sign(np.sin(wall * (2 * np.pi / 34)))
    face = mix(mix(GRASS, DRY, 0.7), PALE_SOIL, 0.6 * site.tint[1]) * benches
    canvas = mix(canvas, face, 1 - ramp(wall, site.crest - 6, site.crest + 6))
    return mix(canvas, ROAD, 0.6 * ramp(wall, site.crest - 8, site.crest) * (1 - ramp(wall, site.crest, site.crest + 8))), _sharp(depth)  # fmt: skip


def _walled(site: Site, depth: Floats, y: Axis1, x: Axis1) -> Painted:
    """Basins with walls all round and between, each dry or wet to its own degree."""
    ahead, aside = site.along(y, x)
    side = np.float32(site.reach * (0.55 if site.tint[1] > 0.4 else 3.0))
    own, border = plots(site.seed % 2**40, aside / side + 0.31, ahead / side + 0.17)
    canvas = _beach(site, y, x, ahead, aside) * (0.85 + 0.3 * uniform(own))
    wet = ramp(
        fractal(site.seed % 2**40 + 5, y, x, (300.0, 90.0)) + 4 * (uniform(own, 1) - 1.2 + 0.7 * site.level), 0.0, 0.5
    )
    canvas = mix(canvas, mix(_pond(site), canvas, 0.25), wet)
    wall = 1 - ramp(np.minimum(depth, border * side), 8, 16)
    return mix(canvas, mix(ROAD, mix(*BEACHES[site.kind], site.tint[0]), 0.4), 0.8 * wall), _sharp(depth)


def _benched(site: Site, depth: Floats, y: Axis1, x: Axis1, rising: float) -> Floats:
    """Brightness of terraces that follow the outline: lit on the side of the sun when rising, else on the other."""
    ahead, aside = site.along(y, x)
    step = 26 + 20 * site.tint[1]
    uneven = depth + 9 * fractal(site.seed % 2**40 + 3, y, x, (260.0, 90.0))
    towards_sun = (ahead + aside) / (np.hypot(ahead, aside) + 1) / np.float32(2**0.5)
    inner = 1 - ramp(depth, 0.45 * site.reach, 0.6 * site.reach)
    wave = np.sin(uneven * np.float32(2 * np.pi / step))
    return np.asarray(1 + inner * (0.16 * wave + 0.14 * rising * towards_sun * (wave > 0)), np.float32)


def _stack(site: Site, depth: Floats, y: Axis1, x: Axis1) -> Painted:
    """A heap of waste with benches and a flat top."""
    ahead, aside = site.along(y, x)
    return _beach(site, y, x, ahead, aside) * _benched(site, depth, y, x, 1.0), _sharp(depth)


def _pit(site: Site, depth: Floats, y: Axis1, x: Axis1) -> Painted:
    """An open pit: benches that go down, rock of several colours, often a pool at the bottom."""
    low, high = colour(0.115, 0.110, 0.112), mix(PALE_SOIL, RED_SOIL, site.tint[0])
    rock = mix(
        low, high, np.clip(site.tint[1] + 0.3 * fractal(site.seed % 2**40, y, x, (300.0, 110.0, 40.0), 0.7), 0, 1.3)
    )
    canvas = rock * _benched(site, depth, y, x, -1.0) * (1 - 0.3 * ramp(depth, 0, 0.7 * site.reach))
    pool = ramp(depth, 0.62 * site.reach, 0.65 * site.reach) if site.level > 0.5 else np.zeros_like(depth)
    return mix(canvas, mix(TEAL_POND, GREEN_POND, site.tint[1]), pool), _sharp(depth)


def _lake(site: Site, depth: Floats, y: Axis1, x: Axis1) -> Painted:
    """Plain water with a thin pale shore: a reservoir or a natural lake."""
    water = mix(CLEAR_WATER, mix(GREEN_POND, BROWN_WATER, site.tint[1]), max(0.0, 1.6 * site.tint[0] - 0.6))
    shore = 1 - ramp(depth, 0, 14)
    return mix(np.broadcast_to(water, (3, *depth.shape)), DRY, 0.6 * shore), _sharp(depth)


def _clearing(site: Site, depth: Floats, y: Axis1, x: Axis1) -> Painted:
    """Bare earth with ragged edges: earthworks, eroded or fallow land."""
    patches = fractal(site.seed % 2**40, y, x, (220.0, 70.0, 30.0), 0.75)
    earth = mix(PALE_SOIL, RED_SOIL, site.tint[0]) * (0.75 + 0.45 * site.tint[1] + 0.08 * patches)
    return earth, 0.9 * ramp(depth + 40 * patches, 0, 30)


def _village(site: Site, depth: Floats, y: Axis1, x: Axis1) -> Painted:
    """Roofs of many colours, yards and streets; some halls with very bright roofs."""
    ahead, aside = site.along(y, x)
    own, border = plots(site.seed % 2**40, aside / 18, ahead / 16)
    block, street = plots(site.seed % 2**40 + 9, aside / 110, ahead / 110)
    bright = np.where(uniform(block, 1) > 0.93, 0.34, 0.13 * uniform(own) ** 2).astype(np.float32)
    roofs = mix(colour(0.13, 0.105, 0.105), colour(0.42, 0.40, 0.38), bright / 0.4)
    yards = mix(FOREST, GRASS, uniform(own, 1))
    canvas = mix(mix(yards, roofs, ramp(border * 16, 1, 4)), ROAD, 0.7 * (1 - ramp(street * 110, 4, 12)))
    ragged = depth + 60 * fractal(site.seed % 2**40 + 4, y, x, (180.0, 60.0))
    return canvas, 0.85 * ramp(ragged, 0, 25) * (uniform(own, 2) > 0.25)


def _burnt(site: Site, depth: Floats, y: Axis1, x: Axis1) -> Painted:
    """A burnt or shaded patch: dark and colourless."""
    patches = fractal(site.seed % 2**40, y, x, (300.0, 90.0))
    dark = colour(0.048, 0.055, 0.074)
    return np.broadcast_to(dark, (3, *depth.shape)) * (1 + 0.05 * patches), 0.8 * ramp(depth + 30 * patches, 0, 30)


def _cloud(site: Site, depth: Floats, y: Axis1, x: Axis1) -> Painted:
    """What is left of clouds in a yearly median: soft and white."""
    wisps = fractal(site.seed % 2**40, y, x, (300.0, 120.0, 50.0), 0.7)
    cover = ramp(depth / site.reach + 0.25 * wisps, 0.0, 0.8)
    return np.broadcast_to(colour(0.40, 0.40, 0.41), (3, *depth.shape)), (0.4 + 0.5 * site.level) * cover


SURFACES: dict[str, Surface] = {
    "grey pond": _ponded, "pale pond": _ponded, "tan pond": _ponded, "grown over": _ponded, "red mud": _walled,
    "basin": _walled, "waste stack": _stack, "pit": _pit, "lake": _lake, "clearing": _clearing, "village": _village,
    "burnt": _burnt, "cloud": _cloud,
}  # fmt: skip
"""What each kind of site looks like."""

WORN = ("grey pond", "pale pond", "tan pond", "red mud", "waste stack", "pit")
"""Kinds with worn, patchy ground round them."""


def worn_ground(site: Site, depth: Floats, y: Axis1, x: Axis1, earth: Floats) -> Painted:
    """Bare earth round a mine site, thinner with distance; nothing of it lies inside the outline's truth."""
    patches = fractal(site.seed % 2**40 + 13, y, x, (420.0, 130.0, 50.0), 0.65)
    reach = np.float32(60 + (HALO - 60) * site.tint[1])
    near = ramp(depth, -float(reach), -float(reach) / 4)
    return earth * (0.85 + 0.1 * patches), 0.8 * near * ramp(patches, 0.1, 0.7)
