"""Structural styles of salt: diapirs, canopies, massifs, pillows and pieces, each drawn at random."""

from types import MappingProxyType

import numpy as np

from outcrop.tasks.salt.earth.bodies import Blob, Body, Plug, Shape, Sheet
from outcrop.tasks.salt.earth.fields import Extent, Surface, draw_field


def _metric(rng: np.random.Generator, longest: float) -> Extent:
    """An ellipse of unit area, its long axis anywhere and up to ``longest`` times the short one."""
    ratio, turn = rng.uniform(1, longest), rng.uniform(0, np.pi)
    c, s = np.cos(turn), np.sin(turn)
    return (
        float(c * c / ratio + s * s * ratio),
        float(s * s / ratio + c * c * ratio),
        float(2 * c * s * (1 / ratio - ratio)),
    )


def _place(rng: np.random.Generator, extent: Extent, margin: float = 0.1) -> tuple[float, float]:
    """A map place inside the block."""
    return float(extent[0] * rng.uniform(margin, 1 - margin)), float(extent[1] * rng.uniform(margin, 1 - margin))


def _plug(rng: np.random.Generator, extent: Extent, top: float, width: float, kind: str) -> Plug:
    """A plug whose crest lies at ``top`` and whose widest radius is ``width`` (m)."""
    from scipy.interpolate import PchipInterpolator

    knots = {
        "dome": (0.5, 0.8, 1.0, rng.uniform(1.0, 1.8), rng.uniform(1.2, 2.5)),
        "column": (0.75, 0.95, rng.uniform(0.7, 1.0), rng.uniform(0.7, 1.1), rng.uniform(0.8, 1.6)),
        "mushroom": (0.85, 1.0, rng.uniform(0.35, 0.7), rng.uniform(0.15, 0.5), rng.uniform(0.4, 1.8)),
        "stem": (0.9, 1.0, 0.9, 0.9, 1.0),
    }[kind]
    height = max(extent[2] * rng.uniform(0.9, 1.3) - top, 0.25 * extent[2])
    crest = rng.uniform(0.1, 0.25)
    s = np.linspace(0, 1.6, 161)
    shape = width * PchipInterpolator((0, crest, crest + 0.15, 0.55, 0.8, 1.6), (0.0, *knots))(s)
    # Above the crest the radius goes on falling at the same rate: a kink here would show as a seam in the beds.
    above = np.linspace(-3, -0.01, 20)
    rise = (shape[1] - shape[0]) / (s[1] * height)
    lean = rng.normal(0, 0.25 if kind != "stem" else 0.6, 2)
    return Plug(
        centre=(*_place(rng, extent), top),
        lean=(float(lean[0]), float(lean[1])),
        metric=_metric(rng, rng.choice([1.3, 2.0, 5.0])),
        depths=top + height * np.concatenate([above, s]),
        radii=np.concatenate([rise * above * height, shape]),
        blunt=width * rng.uniform(0.1, 0.6),
        steepness=float(np.hypot(1, np.abs(np.diff(shape)).max() / (s[1] * height))),
    )


def _diapirs(rng: np.random.Generator, extent: Extent) -> tuple[Shape, ...]:
    """One to three plugs of any kind, often on a common source layer."""
    parts: list[Shape] = []
    for _ in range(rng.integers(1, 4)):
        kind = str(rng.choice(["dome", "column", "mushroom"]))
        parts.append(_plug(rng, extent, extent[2] * rng.uniform(0.1, 0.6), extent[1] * rng.uniform(0.06, 0.25), kind))
    if rng.random() < 0.5:
        level, swell = extent[2] * rng.uniform(0.75, 1.0), draw_field(rng, extent, extent[1] * rng.uniform(0.15, 0.4))
        top = Surface(level=level, relief=((swell, extent[2] * 0.06),))
        parts.append(Sheet(top=top, base=Surface(level=level + extent[2] * rng.uniform(0.02, 0.2))))
    return tuple(parts)


def _canopy(rng: np.random.Generator, extent: Extent) -> tuple[Shape, ...]:
    """One to three allochthonous sheets, ramping and overlapping, most with a leaning feeder."""
    parts: list[Shape] = []
    for _ in range(rng.integers(1, 4)):
        width, thick = extent[1], extent[2] * rng.uniform(0.12, 0.45)
        rugged = draw_field(rng, extent, width * rng.uniform(0.04, 0.12))
        swell = draw_field(rng, extent, width * rng.uniform(0.15, 0.4))
        floor = draw_field(rng, extent, width * rng.uniform(0.1, 0.4))
        slope = rng.normal(0, 0.12 * extent[2] / width, 2)
        centre = _place(rng, extent, 0.0)
        level = extent[2] * rng.uniform(0.12, 0.55) - float(slope @ centre)
        tilt, bend = (float(slope[0]), float(slope[1])), (swell, extent[2] * rng.uniform(0.02, 0.1))
        parts.append(
            Sheet(
                top=Surface(level=level, slope=tilt, relief=(bend, (rugged, extent[2] * rng.uniform(0, 0.03)))),
                base=Surface(level=level + thick, slope=tilt, relief=(bend, (floor, thick * rng.uniform(0, 0.3)))),
                centre=centre,
                metric=_metric(rng, 2.5),
                reach=width * rng.uniform(0.2, 0.6),
                power=rng.uniform(2, 6),
            )
        )
        if rng.random() < 0.6:
            parts.append(
                _plug(rng, extent, extent[2] * rng.uniform(0.3, 0.6), width * rng.uniform(0.015, 0.06), "stem")
            )
    return tuple(parts)


def _massif(rng: np.random.Generator, extent: Extent) -> tuple[Shape, ...]:
    """Thick salt whose top falls from sharp crests into round minibasins; its base may lie below the window."""
    width, deep = extent[1], extent[2]
    basins = draw_field(rng, extent, width * rng.uniform(0.07, 0.25))
    swell = draw_field(rng, extent, width * rng.uniform(0.2, 0.5))
    top = Surface(
        level=deep * rng.uniform(0.2, 0.6),
        slope=(0.0, float(rng.normal(0, 0.15 * deep / width))),
        relief=((basins, deep * rng.uniform(0.1, 0.35)), (swell, deep * rng.uniform(0.0, 0.1))),
        cusp=rng.random() < 0.7,
    )
    floor = draw_field(rng, extent, width * rng.uniform(0.15, 0.5))
    base = Surface(level=deep * rng.uniform(0.6, 1.5), relief=((floor, deep * rng.uniform(0.03, 0.2)),))
    return (Sheet(top=top, base=base),)


def _pillow(rng: np.random.Generator, extent: Extent) -> tuple[Shape, ...]:
    """A swelling source layer without a diapir."""
    swell = draw_field(rng, extent, extent[1] * rng.uniform(0.2, 0.5))
    size, level = extent[2] * rng.uniform(0.04, 0.15), extent[2] * rng.uniform(0.5, 0.85)
    base = Surface(level=level + size * rng.uniform(0.6, 2.5))
    return (Sheet(top=Surface(level=level, relief=((swell, size),)), base=base),)


def _pieces(rng: np.random.Generator, extent: Extent) -> tuple[Shape, ...]:
    """One to four separate lumps and rafts."""
    lumps: list[Shape] = []
    for _ in range(rng.integers(1, 5)):
        lateral = extent[1] * rng.uniform(0.05, 0.3, 2)
        radii = (float(lateral[0]), float(lateral[1]), float(extent[2] * rng.uniform(0.06, 0.25)))
        lumps.append(Blob(centre=(*_place(rng, extent), float(extent[2] * rng.uniform(0.2, 0.85))), radii=radii))
    return tuple(lumps)


STYLES = MappingProxyType(
    {"diapirs": _diapirs, "canopy": _canopy, "massif": _massif, "pillow": _pillow, "pieces": _pieces}
)
"""Structural styles by name: (rng, extent) → the parts of a body before roughening."""


def draw_body(
    rng: np.random.Generator, extent: Extent, styles: tuple[str, ...], roof: tuple[Surface, ...], finest: float
) -> Body:
    """A body of one of these styles, rough down to ``finest`` (m); its ``level`` and inclusions are still to be set."""
    style = str(rng.choice(styles))
    depth = extent[2]
    lumps = draw_field(rng, extent, extent[1] * rng.uniform(0.06, 0.2), depth * rng.uniform(0.1, 0.3))
    tooth = max(extent[1] * rng.uniform(0.01, 0.04), finest)
    teeth = draw_field(rng, extent, tooth, depth * rng.uniform(0.03, 0.08))
    jagged = rng.choice([rng.uniform(0.0, 0.006), rng.uniform(0.006, 0.022)])
    rough = ((lumps, depth * rng.uniform(0.0, 0.07)), (teeth, depth * float(jagged)))
    return Body(parts=STYLES[style](rng, extent), blend=depth * rng.uniform(0.01, 0.08), rough=rough, roof=roof)
