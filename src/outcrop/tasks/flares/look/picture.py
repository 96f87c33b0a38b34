"""What kind of photo it is, and what that does to a measurement: night, overexposed, grey, tiny, sunset-like, pale.

Read from at most 320 pixels a side. Thresholds are design choices, set between the 68 photos of flares and the 260 of
no fire that Outcrop was built with; how often each flag rises on them is said in the tests.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from outcrop.core.errors import UsageError
from outcrop.core.scene import Floats
from outcrop.tasks.flares.look.light import FULL, encoded, linear, luminance

LOOKED_AT = 320
"""Pixels a side that are looked at."""
NIGHT_MEDIAN, NIGHT_UPPER = 0.16, 0.30
"""sRGB luminance: median and upper quartile below which it is night, or as dark."""
OVEREXPOSED = 0.12
"""Share of white-out pixels."""
GREY = 0.03
"""Difference between channels that 99 of 100 pixels stay below, 8 of 255."""
TINY = 160
"""Shorter side, px."""
SUNSET = 0.40
"""Share of the upper two thirds that is warm and smooth."""
WARM, SMOOTH = 1.35, 0.025
"""Red / blue as the file keeps them, and change from pixel to pixel, of a glowing sky."""
PALE, PALE_FROM, PALE_COLOUR = 0.30, 0.72, 0.10
"""Share of pixels that are brighter than the second number and less coloured than the third: clouds, steam, haze."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PictureLook:
    """Flags of one photo; several may be true at once.

    Attributes:
        night: dark; saturated flames look too large, and smoke cannot be judged.
        overexposed: much of it is burnt out to white.
        grey: without colour; flames are told from lamps and steam by colour.
        tiny: few pixels; flames and plumes are small.
        sunset: a warm, smooth sky; it can look like flame and lights smoke.
        pale: bright, colourless areas; steam and clouds can look like smoke.
    """

    night: bool
    overexposed: bool
    grey: bool
    tiny: bool
    sunset: bool
    pale: bool

    @property
    def notes(self) -> tuple[str, ...]:
        """One sentence for each flag that is up."""
        return tuple(sentence for name, sentence in SENTENCES.items() if getattr(self, name))


SENTENCES = {
    "night": "the picture is dark: saturated flames look larger than they are, and smoke cannot be judged",
    "overexposed": "much of the picture is overexposed: outlines and colours of bright things are unsure",
    "grey": "the picture has no colour: flames are harder to tell from lamps and steam, and their colour is unknown",
    "tiny": f"the picture has fewer than {TINY} pixels on its shorter side: small flames are missed, and sizes are coarse",
    "sunset": "the sky glows as at sunset: it can be taken for flame, and the opacity of smoke is not assessable",
    "pale": "bright, colourless areas fill much of the picture: clouds and steam can be taken for smoke",
}
"""What a reader of the results must know, by flag."""


def look_at(picture: Floats) -> PictureLook:
    """Flags of a photo.

    Args:
        picture: (3, rows, cols), red, green, blue as the file keeps them (sRGB), 0..1; NaN where nothing was seen.

    Raises:
        UsageError: it is not of that shape, or holds no pixel.
    """
    if picture.ndim != 3 or picture.shape[0] != 3 or not picture.size:
        raise UsageError(f"a picture of shape {picture.shape} came: (3, rows, cols) is wanted, red, green and blue")
    step = max(min(picture.shape[1:]) // LOOKED_AT, 1)
    small = np.nan_to_num(picture[:, ::step, ::step])
    bright = encoded(luminance(linear(small)))
    colour = small.max(axis=0) - small.min(axis=0)
    grey = float(np.quantile(colour, 0.99)) < GREY
    night = float(np.median(bright)) < NIGHT_MEDIAN and float(np.quantile(bright, 0.75)) < NIGHT_UPPER
    return PictureLook(
        night=night,
        overexposed=float((small >= FULL).all(axis=0).mean()) > OVEREXPOSED,
        grey=grey,
        tiny=min(picture.shape[1:]) < TINY,
        sunset=not grey and not night and _glow(small, bright) > SUNSET,
        pale=float(((bright > PALE_FROM) & (colour < PALE_COLOUR)).mean()) > PALE,
    )


def _glow(small: Floats, bright: Floats) -> float:
    """Share of the upper two thirds that is warm and smooth."""
    upper = max(2 * small.shape[1] // 3, 1)
    red, green, blue = small[:, :upper]
    warm = (red > WARM * blue) & (red >= green) & (red > 0.2)
    return float((warm & _smooth(bright[:upper])).mean())


def _smooth(bright: Floats) -> NDArray[np.bool_]:
    """Pixels that differ little from the ones to the right and below; (rows, cols)."""
    across = np.abs(np.diff(bright, axis=1, append=bright[:, -1:]))
    down = np.abs(np.diff(bright, axis=0, append=bright[-1:]))
    return np.asarray(np.maximum(across, down) < SMOOTH)
