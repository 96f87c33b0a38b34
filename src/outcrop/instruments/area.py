"""Areas and shares of a probability map, with the uncertainty of the outline.

A mask says where the outline is to half a pixel at best, and the error of a whole outline tends to have one
sense: it was drawn too wide, or too narrow. So one shift, uniform within half a pixel, is drawn for the whole
outline, and the area changes by shift × length of the outline. The interval is therefore relatively wide for
small and ragged shapes. A model's own error (``ModelError``) multiplies the result.
"""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from outcrop.core.errors import NothingToSee
from outcrop.core.estimate import DRAWS, Estimate
from outcrop.core.grid import Grid
from outcrop.core.scene import Floats
from outcrop.core.task import ModelError

ISOTROPIC_RATIO = 3**-0.5
"""Length of the vector (1, 1, 1) over the sum of its parts: a ball shows the same number of faces along every axis."""

ISOTROPIC_SHARE = 2 / 3
"""Area of a ball over the area of its voxel faces: the mean of |nx| + |ny| + |nz| over all directions n is 3/2."""


def smooth_size(faces: Sequence[float]) -> float:
    """Size of the smooth surface (voxels) or outline (pixels) behind a staircase of faces.

    The staircase counts every slope along each axis, so a ball has 3/2 of its true surface, a disc 4/π of its
    circumference, a level sheet just its own. The share kept goes linearly with |faces| / sum(faces), from 2/3 for
    a ball to 1 for a sheet; a disc and an upright cylinder come out within 3 %.

    Args:
        faces: number of faces between inside and outside along each axis.

    >>> smooth_size((0, 0, 200))
    200.0
    >>> round(smooth_size((100, 100, 100)))
    200
    """
    total = float(sum(faces))
    if not total:
        return 0.0
    ratio = float(np.linalg.norm(np.asarray(faces, float))) / total
    share = ISOTROPIC_SHARE + (1 - ISOTROPIC_SHARE) * (ratio - ISOTROPIC_RATIO) / (1 - ISOTROPIC_RATIO)
    return share * total


def outline_faces(mask: NDArray[np.bool_], seen: NDArray[np.bool_]) -> tuple[int, int]:
    """Number of pixel sides between inside and outside, (between rows, between columns).

    Only sides between two seen pixels count: at the frame of the picture and beside missing pixels the outline is
    not a matter of judgement.

    Args:
        mask, seen: (rows, cols).
    """
    between_rows = (mask[1:] ^ mask[:-1]) & seen[1:] & seen[:-1]
    between_cols = (mask[:, 1:] ^ mask[:, :-1]) & seen[:, 1:] & seen[:, :-1]
    return int(between_rows.sum()), int(between_cols.sum())


def shifts(rng: np.random.Generator, outline: float = 0.5) -> NDArray[np.float64]:
    """How far the whole outline lies from where it was drawn, in pixels, (DRAWS,): uniform within ``outline``."""
    return rng.uniform(-outline, outline, DRAWS)


def counts(pixels: float | NDArray[np.float64], edge: float, shift: NDArray[np.float64]) -> NDArray[np.float64]:
    """Number of pixels (or voxels) inside once the outline of size ``edge`` is moved by ``shift``; never below 0."""
    return np.maximum(pixels + shift * edge, 0.0)


def with_model_error(
    draws: NDArray[np.float64], error: ModelError | None, rng: np.random.Generator
) -> NDArray[np.float64]:
    """The draws multiplied by the model's own error, or as they are when it was never measured."""
    return draws if error is None else draws * error.draw(rng, len(draws))


def area(
    probability: Floats,
    grid: Grid,
    rng: np.random.Generator,
    *,
    threshold: float = 0.5,
    outline: float = 0.5,
    error: ModelError | None = None,
) -> Estimate:
    """Area at and above a threshold, in m².

    Args:
        probability: (rows, cols), in [0, 1], NaN where nothing was seen.
        grid: where the pixels lie; both axes in metres.
        outline: how far the outline may be off, in pixels; one sense all along.
        error: the model's own error, by which the area is multiplied.

    Raises:
        WrongUnit: the grid is in degrees, milliseconds or pixels.
    """
    grid.pixel_size("m")
    pixel = abs(grid.transform.determinant)
    mask, seen = probability >= threshold, np.isfinite(probability)
    edge = smooth_size(outline_faces(mask, seen))
    inside = counts(float(mask.sum()), edge, shifts(rng, outline))
    return Estimate(draws=with_model_error(inside * pixel, error, rng), unit="m²")


def share(
    probability: Floats,
    rng: np.random.Generator,
    *,
    threshold: float = 0.5,
    outline: float = 0.5,
    error: ModelError | None = None,
) -> Estimate:
    """Part of the seen pixels at and above a threshold, in %; needs no scale.

    Args:
        probability: (rows, cols), in [0, 1], NaN where nothing was seen.
        outline, error: as in ``area``.

    Raises:
        NothingToSee: no pixel was seen.
    """
    mask, seen = probability >= threshold, np.isfinite(probability)
    edge = smooth_size(outline_faces(mask, seen))
    inside = counts(float(mask.sum()), edge, shifts(rng, outline))
    return share_of(with_model_error(inside, error, rng), int(seen.sum()))


def share_of(inside: NDArray[np.float64], seen: int) -> Estimate:
    """Draws of a number of pixels → their part of the seen ones, in %, at most 100.

    Raises:
        NothingToSee: ``seen`` is 0.
    """
    if not seen:
        raise NothingToSee("no pixel was seen, where a share needs at least one: leave this picture out")
    return Estimate(draws=np.clip(inside / seen * 100.0, 0.0, 100.0), unit="%")
