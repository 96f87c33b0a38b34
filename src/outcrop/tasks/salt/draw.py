"""Made-up seismic with salt and exactly known truth: volumes, sections and pictures.

An earth is drawn as functions of place (``plan``), sampled in depth at a fine step, stretched to two-way
time with its own velocities trace by trace, and pictured (``render``, ``earth.imaging``).

>>> section, mask = draw_section(np.random.default_rng(1), (64, 96))
>>> section.shape, mask.shape, section.dtype.name
((64, 96), (64, 96), 'float32')
"""

import numpy as np
from numpy.typing import NDArray

from outcrop.core.grid import Axis
from outcrop.core.scene import Floats
from outcrop.core.task import Example
from outcrop.core.volume import Direction, Volume
from outcrop.tasks.salt.plan import Setting, draw_plan
from outcrop.tasks.salt.render import Earth, render

__all__ = ["Earth", "Setting", "draw_earth", "draw_pictures", "draw_section", "draw_volume"]


def draw_earth(rng: np.random.Generator, setting: Setting | None = None) -> Earth:
    """A random earth, its picture and its truth.

    Raises:
        UsageError: the setting cannot be drawn.
    """
    return render(draw_plan(rng, setting or Setting()))


def _survey(rng: np.random.Generator, earth: Earth) -> Volume:
    """The drawn samples as a survey with labels, on a turned grid."""
    lines, traces, samples = earth.setting.shape
    turn, (across, along) = rng.uniform(0, 2 * np.pi), earth.setting.spacing
    x0, y0 = np.round(rng.uniform((400_000, 5_800_000), (600_000, 6_200_000)))
    i, j = np.arange(lines)[:, None] * across, np.arange(traces)[None, :] * along
    seismic = earth.seismic

    def read(direction: Direction, start: int, stop: int) -> Floats:
        return np.array(seismic[start:stop] if direction == "inline" else seismic[:, start:stop].swapaxes(0, 1))

    return Volume(
        id="drawn",
        inlines=1000 + np.arange(lines) * rng.integers(1, 3),
        crosslines=2000 + np.arange(traces) * rng.integers(1, 3),
        vertical=Axis("two-way time", "ms") if earth.setting.domain == "time" else Axis("depth", "m"),
        first_sample=earth.first_sample,
        sample_step=earth.setting.step,
        samples=samples,
        live=np.ones((lines, traces), bool),
        read=read,
        x=x0 + j * np.cos(turn) - i * np.sin(turn),
        y=y0 + j * np.sin(turn) + i * np.cos(turn),
        spacing=earth.setting.spacing,
        notes=("synthetic",),
    )


def draw_volume(rng: np.random.Generator, setting: Setting | None = None) -> Example:
    """A made-up survey whose salt is known.

    Returns:
        An example whose truth holds, by the names and in the units of the measurements, "salt volume" (m³),
        "salt share" (% of all samples), where there is salt "salt crest" (its shallowest point, ms or m), and
        "salt velocity" (m/s).

    Raises:
        UsageError: the setting cannot be drawn.
    """
    earth = draw_earth(rng, setting)
    share = 100 * float(earth.mask.mean())
    truth = {"salt volume": earth.volume, "salt velocity": earth.salt_velocity, "salt share": share}
    if not np.isnan(earth.top).all():
        truth["salt crest"] = float(np.nanmin(earth.top))
    return Example(source=_survey(rng, earth), mask=earth.mask, truth=truth)


def _section_setting(
    rng: np.random.Generator, shape: tuple[int, int], salt_share: tuple[float, float], no_salt_probability: float
) -> Setting:
    """A single line of any scale, in time or depth."""
    in_time = rng.random() < 0.65
    return Setting(
        shape=(1, shape[1], shape[0]),
        spacing=(25.0, float(rng.choice([6.25, 12.5, 18.75, 25.0, 37.5]))),
        domain="time" if in_time else "depth",
        sample_step=float(rng.choice([2.0, 3.0, 4.0, 4.0] if in_time else [5.0, 7.5, 10.0, 12.5])),
        salt_share=salt_share,
        no_salt_probability=no_salt_probability,
    )


def draw_section(
    rng: np.random.Generator,
    shape: tuple[int, int] = (256, 256),
    *,
    salt_share: tuple[float, float] = (0.02, 0.6),
    no_salt_probability: float = 0.2,
) -> tuple[Floats, NDArray[np.uint8]]:
    """One made-up section and its salt, both (samples, traces): float32 with root mean square 1, and uint8 0 or 1.

    Raises:
        UsageError: the setting cannot be drawn.
    """
    setting = _section_setting(rng, shape, salt_share, no_salt_probability)
    earth = draw_earth(rng, setting)
    return np.ascontiguousarray(earth.seismic[0].T), np.ascontiguousarray(earth.mask[0].T)


PICTURE_MEAN, PICTURE_SPREAD = 0.47, 0.16
"""Grey levels of drawn pictures, as shares of full scale."""


def draw_pictures(rng: np.random.Generator, count: int, size: int = 101) -> list[tuple[Floats, NDArray[np.uint8]]]:
    """Small grey pictures cut from made-up sections, each stretched on its own as 8-bit pictures are.

    Returns:
        ``count`` pairs of picture, (size, size) float32 in [0, 1] in steps of 1/255, and mask, uint8.
    """
    pictures: list[tuple[Floats, NDArray[np.uint8]]] = []
    while len(pictures) < count:
        wide, high = (int(size * factor) for factor in rng.uniform(1.6, 2.6, 2))
        seismic, mask = draw_section(rng, (high, wide))
        for _ in range(min(3, count - len(pictures))):
            row, col = int(rng.integers(0, high - size + 1)), int(rng.integers(0, wide - size + 1))
            part = seismic[row : row + size, col : col + size]
            grey = (part - part.mean()) / (part.std() + np.float32(1e-6))
            grey = PICTURE_MEAN + rng.normal(0, 0.03) + grey * (PICTURE_SPREAD * rng.lognormal(0, 0.2))
            levels = np.round(np.clip(grey, 0, 1) * 255) / 255
            pictures.append((levels.astype(np.float32), mask[row : row + size, col : col + size].copy()))
    return pictures
