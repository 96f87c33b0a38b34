"""Training chips: pictures of any size placed, mirrored, warped and toned into chips of one size.

One affine map per picture does cropping, padding, mirroring, turning, zooming and shifting in a single
resampling, so that masks stay sharp. Pixels beyond the picture's edge are reflected for the network
and weigh nothing in the loss.
"""

from collections.abc import Callable

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F

from outcrop.core.labelled import IGNORE, Labelled
from outcrop.models.recipe import Augmentation

CPU = torch.device("cpu")


def _placement(
    shape: tuple[int, int], chip: int, how: Augmentation, rng: np.random.Generator, shrink: float
) -> np.ndarray:
    """Affine map from chip pixels (centred on the chip) to picture pixels, (2, 3), as (x, y) rows.

    A chip shows ``chip`` pixels of the picture in each direction, shrunk by a factor.
    """
    rows, cols = shape
    linear = np.eye(2) * shrink
    spare = np.array([cols, rows]) - chip
    # Whole pixels, so that an unwarped chip is a copy of the picture and not a blur of it.
    start = np.where(spare > 0, np.floor(rng.random(2) * (spare + 1)), np.ceil(spare / 2))
    centre = start + chip / 2
    if rng.random() < how.warp_probability:
        linear = linear / (1 + rng.uniform(-how.scale, how.scale))
        centre = centre + rng.uniform(-how.shift, how.shift, 2) * np.minimum([cols, rows], chip)
        if how.stretch:
            wider = np.exp(rng.uniform(-1, 1) * np.log1p(how.stretch))
            linear = linear @ np.diag([1 / wider, wider])
        if how.dip:
            linear = linear @ np.array([[1.0, 0.0], [rng.uniform(-how.dip, how.dip), 1.0]])
    if how.flip_lr and rng.random() < 0.5:
        linear = linear @ np.diag([-1.0, 1.0])
    if how.flip_ud and rng.random() < 0.5:
        linear = linear @ np.diag([1.0, -1.0])
    if how.turn:
        quarter = int(rng.integers(4))
        linear = linear @ np.linalg.matrix_power(np.array([[0.0, -1.0], [1.0, 0.0]]), quarter)
    return np.concatenate([linear, centre[:, None]], axis=1)


def _sample(images: Tensor, masks: Tensor, places: np.ndarray, chip: int) -> tuple[Tensor, Tensor, Tensor]:
    """Resample pictures of one size.

    Args:
        images, masks: (n, bands, rows, cols) and (n, rows, cols).
        places: (n, 2, 3).

    Returns:
        Chips, masks, and True inside the pictures.
    """
    rows, cols = masks.shape[1:]
    offset = torch.arange(chip, dtype=torch.float32, device=images.device) - (chip - 1) / 2
    y, x = torch.meshgrid(offset, offset, indexing="ij")
    place = torch.from_numpy(places).to(images.device, torch.float32)[..., None, None]
    px = place[:, 0, 0] * x + place[:, 0, 1] * y + place[:, 0, 2]
    py = place[:, 1, 0] * x + place[:, 1, 1] * y + place[:, 1, 2]
    grid = torch.stack([px * 2 / cols - 1, py * 2 / rows - 1], -1)
    seen = F.grid_sample(images, grid, mode="bilinear", padding_mode="reflection", align_corners=False)
    label = F.grid_sample(masks[:, None].float(), grid, mode="nearest", padding_mode="reflection", align_corners=False)
    inside = (px >= 0) & (px <= cols) & (py >= 0) & (py <= rows)
    return seen, label[:, 0], inside


Tone = Callable[[Tensor], Tensor]


def _tone(bands: int, chip: int, how: Augmentation, rng: np.random.Generator) -> Tone:
    """A change of the grey values of one chip, (bands, chip, chip)."""
    invert = rng.random() < how.invert
    if rng.random() >= how.tone_probability:
        return (lambda image: 2 * image.mean((1, 2), keepdim=True) - image) if invert else (lambda image: image)
    contrast, brightness = 1 + rng.uniform(-how.contrast, how.contrast), rng.uniform(-how.brightness, how.brightness)
    power = float(np.exp(rng.uniform(-1, 1) * np.log1p(how.gamma))) if how.gamma else 1.0
    gains = 1 + rng.uniform(-how.band_gain, how.band_gain, (bands, 1, 1)) if how.band_gain else None
    noise = None
    if how.noise:
        white = rng.standard_normal((bands, chip, chip), np.float32)
        noise = white * np.float32(rng.uniform(0, how.noise))

    def change(image: Tensor) -> Tensor:
        image = 2 * image.mean((1, 2), keepdim=True) - image if invert else image
        image = image * contrast + brightness
        image = image.clamp(min=0) ** power if how.gamma else image
        image = image if gains is None else image * torch.from_numpy(gains.astype(np.float32)).to(image.device)
        return image if noise is None else image + torch.from_numpy(noise).to(image.device)

    return change


STILL = Augmentation(flip_lr=False, warp_probability=0.0, tone_probability=0.0)
"""No change at all: pictures are centred in the chip and reflected at their edges."""


def batch(
    labelled: Labelled, index: np.ndarray, classes: int, chip: int, how: Augmentation, rng: np.random.Generator,
    device: torch.device = CPU, side: int = 0,
) -> tuple[Tensor, Tensor, Tensor, Tensor]:  # fmt: skip
    """Chips of the pictures at ``index``, made on the device.

    Args:
        side: what a chip is shrunk to, pixels; 0 keeps ``chip``.

    Returns:
        image (n, bands, side, side), target (n, classes, side, side) in {0, 1}, weight (n, 1, side, side)
        that is 0 outside the picture and where the mask says 255, context (n, 2).
    """
    side = side or chip
    shapes = [labelled.images[i].shape for i in index]
    places, tones = np.empty((len(index), 2, 3)), []
    for row, (bands, *size) in enumerate(shapes):
        places[row] = _placement((size[0], size[1]), chip, how, rng, chip / side)
        tones.append(_tone(bands, side, how, rng))
    image = torch.empty(len(index), shapes[0][0], side, side, device=device)
    image = image.contiguous(memory_format=torch.channels_last)
    target = torch.empty(len(index), classes, side, side, device=device)
    weight = torch.empty(len(index), 1, side, side, device=device)
    for shape in dict.fromkeys(shapes):
        rows = [row for row, one in enumerate(shapes) if one == shape]
        pictures, masks = (
            torch.from_numpy(np.stack([kind[index[row]] for row in rows])).to(device)
            for kind in (labelled.images, labelled.masks)
        )
        seen, label, inside = _sample(pictures, masks, places[rows], side)
        for row, chipped in zip(rows, seen, strict=True):
            image[row] = tones[row](chipped)
        target[rows] = torch.stack([label == c + 1 for c in range(classes)], 1).float()
        weight[rows] = (inside & (label != IGNORE)).float()[:, None]
    return image, target, weight, torch.from_numpy(labelled.context[index]).to(device)
