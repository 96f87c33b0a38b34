"""From light to a photo: glare, highlights, vignette, blur, noise, eight bits and JPEG."""

import io
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from outcrop.core.scene import Floats
from outcrop.tasks.flares.drawn.noise import enlarged

KNEE = 0.75
"""Linear light from which highlights are compressed; below it the photo keeps light in proportion."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Camera:
    """One camera and its settings.

    Attributes:
        glare: share of bright light that is spread by lens and sensor.
        blur: standard deviation, px.
        noise: of a mid grey, 0..1.
        vignette: loss of light in the corners.
        quality: of the JPEG, 1 to 95; 0 writes none.
    """

    glare: float
    blur: float
    noise: float
    vignette: float
    quality: int


def draw_camera(rng: np.random.Generator, light: str) -> Camera:
    """A camera for a kind of light."""
    dark = light in ("night", "dusk")
    return Camera(
        glare=float(rng.uniform(0.08, 0.30) if dark else rng.uniform(0.0, 0.06)),
        blur=float(np.exp(rng.uniform(np.log(0.25), np.log(0.9)))),
        noise=float(np.exp(rng.uniform(np.log(0.002), np.log(0.03 if dark else 0.012)))),
        vignette=float(max(rng.normal(0.05, 0.1), 0.0)),
        quality=int(rng.integers(62, 96)),
    )


def expose(rng: np.random.Generator, camera: Camera, light: Floats) -> NDArray[np.uint8]:
    """Linear light, (rows, cols, 3) → a photo, (rows, cols, 3) uint8."""
    from scipy.ndimage import gaussian_filter

    rows, cols = light.shape[:2]
    light = light + glare(light, camera.glare)
    if camera.vignette:
        y, x = np.ogrid[-1 : 1 : rows * 1j, -1 : 1 : cols * 1j]
        light = light * (1 - camera.vignette * (y**2 + x**2).astype(np.float32))[..., None]
    if camera.blur > 0.3:
        light = gaussian_filter(np.minimum(light, 6.0), (camera.blur, camera.blur, 0), truncate=2.5)
    over = np.maximum(light - KNEE, 0)
    light = np.where(light > KNEE, KNEE + (1 - KNEE) * (1 - np.exp(-over / (1 - KNEE))), light)
    grain = rng.standard_normal((rows, cols, 1), np.float32) + 0.5 * rng.standard_normal(light.shape, np.float32)
    values = _bent(np.clip(light, 0, 1)) + camera.noise * grain
    picture = np.asarray(np.rint(np.clip(values, 0, 1) * 255), np.uint8)
    if not camera.quality:
        return picture
    buffer = io.BytesIO()
    Image.fromarray(picture).save(buffer, "JPEG", quality=camera.quality)
    return np.asarray(Image.open(buffer).convert("RGB"))


def glare(light: Floats, share: float) -> Floats:
    """Light of what is brighter than the picture can show, spread around it in three widths."""
    from scipy.ndimage import gaussian_filter

    rows, cols = light.shape[:2]
    if share <= 0 or float(light.max()) < 1.0:
        return np.zeros_like(light)
    small = np.asarray(
        [
            np.asarray(Image.fromarray(np.clip(plane - 0.6, 0, 12)).resize((max(cols // 4, 4), max(rows // 4, 4)), Image.Resampling.BOX))
            for plane in np.moveaxis(light, 2, 0)
        ]
    )  # fmt: skip
    side = max(small.shape[1:])
    out = np.zeros_like(small)
    for width, weight in ((0.012, 0.5), (0.04, 0.3), (0.14, 0.25)):
        out += weight * gaussian_filter(small, (0, width * side, width * side), truncate=3)
    return np.stack([np.maximum(enlarged(plane * np.float32(share), (rows, cols)), 0) for plane in out], axis=-1)


def _bent(light: Floats) -> Floats:
    """Linear light → the numbers that a file keeps (IEC 61966-2-1)."""
    return np.asarray(np.where(light < 0.0031308, 12.92 * light, 1.055 * light ** (1 / 2.4) - 0.055), np.float32)
