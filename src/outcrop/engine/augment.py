"""Training chips: pictures of any size placed, mirrored, warped and toned into chips of one size.

One affine map per picture does cropping, padding, mirroring, turning, zooming and shifting in a single
resampling, so that masks stay sharp. Pixels beyond the picture's edge are reflected for the network
and weigh nothing in the loss.
"""

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F

from outcrop.core.labelled import IGNORE, Labelled
from outcrop.models.recipe import Augmentation


def _placement(shape: tuple[int, int], chip: int, how: Augmentation, rng: np.random.Generator) -> np.ndarray:
    """Affine map from chip pixels (centred on the chip) to picture pixels, (2, 3), as (x, y) rows."""
    rows, cols = shape
    linear = np.eye(2)
    spare = np.array([cols, rows]) - chip
    # Whole pixels, so that an unwarped chip is a copy of the picture and not a blur of it.
    start = np.where(spare > 0, np.floor(rng.random(2) * (spare + 1)), np.ceil(spare / 2))
    centre = start + chip / 2
    if rng.random() < how.warp_probability:
        linear = linear / (1 + rng.uniform(-how.scale, how.scale))
        centre = centre + rng.uniform(-how.shift, how.shift, 2) * np.minimum([cols, rows], chip)
    if how.flip_lr and rng.random() < 0.5:
        linear = linear @ np.diag([-1.0, 1.0])
    if how.flip_ud and rng.random() < 0.5:
        linear = linear @ np.diag([1.0, -1.0])
    if how.turn:
        quarter = int(rng.integers(4))
        linear = linear @ np.linalg.matrix_power(np.array([[0.0, -1.0], [1.0, 0.0]]), quarter)
    return np.concatenate([linear, centre[:, None]], axis=1)


def _sample(image: Tensor, mask: Tensor, place: np.ndarray, chip: int) -> tuple[Tensor, Tensor, Tensor]:
    """Resample one picture (bands, rows, cols) and mask (rows, cols): chip, mask, and True inside the picture."""
    rows, cols = mask.shape
    offset = torch.arange(chip, dtype=torch.float32) - (chip - 1) / 2
    y, x = torch.meshgrid(offset, offset, indexing="ij")
    px = place[0, 0] * x + place[0, 1] * y + place[0, 2]
    py = place[1, 0] * x + place[1, 1] * y + place[1, 2]
    grid = torch.stack([px * 2 / cols - 1, py * 2 / rows - 1], -1)[None].float()
    seen = F.grid_sample(image[None], grid, mode="bilinear", padding_mode="reflection", align_corners=False)[0]
    label = F.grid_sample(
        mask[None, None].float(), grid, mode="nearest", padding_mode="reflection", align_corners=False
    )
    inside = (px >= 0) & (px <= cols) & (py >= 0) & (py <= rows)
    return seen, label[0, 0], inside


def _tone(image: Tensor, how: Augmentation, rng: np.random.Generator) -> Tensor:
    """Change the grey values of one chip, (bands, rows, cols)."""
    if rng.random() < how.invert:
        image = 2 * image.mean((1, 2), keepdim=True) - image
    if rng.random() >= how.tone_probability:
        return image
    image = image * (1 + rng.uniform(-how.contrast, how.contrast)) + rng.uniform(-how.brightness, how.brightness)
    if how.gamma:
        image = image.clamp(min=0) ** float(np.exp(rng.uniform(-1, 1) * np.log1p(how.gamma)))
    if how.band_gain:
        gains = 1 + rng.uniform(-how.band_gain, how.band_gain, (image.shape[0], 1, 1))
        image = image * torch.from_numpy(gains.astype(np.float32))
    if how.noise:
        white = rng.standard_normal(tuple(image.shape), np.float32) * np.float32(rng.uniform(0, how.noise))
        image = image + torch.from_numpy(white)
    return image


STILL = Augmentation(flip_lr=False, warp_probability=0.0, tone_probability=0.0)
"""No change at all: pictures are centred in the chip and reflected at their edges."""


def batch(
    labelled: Labelled, index: np.ndarray, classes: int, chip: int, how: Augmentation, rng: np.random.Generator
) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """Chips of the pictures at ``index``.

    Returns:
        image (n, bands, chip, chip), target (n, classes, chip, chip) in {0, 1}, weight (n, 1, chip, chip)
        that is 0 outside the picture and where the mask says 255, context (n, 2).
    """
    images, targets, weights = [], [], []
    for i in index:
        image, mask = torch.from_numpy(labelled.images[i]), torch.from_numpy(labelled.masks[i])
        place = _placement((mask.shape[0], mask.shape[1]), chip, how, rng)
        seen, label, inside = _sample(image, mask, place, chip)
        images.append(_tone(seen, how, rng))
        targets.append(torch.stack([label == c + 1 for c in range(classes)]).float())
        weights.append((inside & (label != IGNORE)).float()[None])
    context = torch.from_numpy(labelled.context[index])
    image = torch.stack(images).contiguous(memory_format=torch.channels_last)
    return image, torch.stack(targets), torch.stack(weights), context
