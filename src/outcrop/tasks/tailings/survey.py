"""One pass over a predicted scene: its deposits, outlined, and measured on the ellipsoid."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from outcrop.core.errors import NothingToSee
from outcrop.core.grid import Grid
from outcrop.core.labelled import IGNORE
from outcrop.core.scene import Floats, ProbabilityMap
from outcrop.core.task import Calibration
from outcrop.instruments.area import smooth_size
from outcrop.instruments.outlines import Outline, Outliner

Reals = NDArray[np.float64]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class TailingsSurvey:
    """The deposits of one scene, the largest first.

    Attributes:
        deposits: outlines in pixel corners.
        area: (n,) m² on the ellipsoid, NaN on a grid without projection.
        perimeter: (n,) m along the sides of the pixels, NaN on a grid without projection.
        reach: (n,) m² that an area grows by when its whole outline moves outwards by one pixel.
        seen: pixels that the sensor saw.
        threshold, least: what a pixel's probability had to reach, and a deposit's pixels.
        specks: components below ``least``, and how many pixels they have together.
    """

    grid: Grid
    deposits: tuple[Outline, ...]
    area: Reals
    perimeter: Reals
    reach: Reals
    seen: int
    threshold: float
    least: int
    specks: tuple[int, int]


def masks(prediction: ProbabilityMap, threshold: float) -> Iterator[tuple[int, NDArray[np.uint8], Floats]]:
    """(first row, mask, probability) of each strip: 0 background, 1 tailings, 255 not seen; (rows, cols) each."""
    for first, values in prediction.strips():
        plane = values[0]
        mask = (plane >= np.float32(threshold)).astype(np.uint8)
        mask[np.isnan(plane)] = IGNORE
        yield first, mask, plane


def survey(prediction: ProbabilityMap, calibration: Calibration) -> TailingsSurvey:
    """Outline and measure the deposits of a scene.

    Raises:
        NothingToSee: the sensor saw nothing anywhere.
    """
    grid, threshold, least = prediction.scene.grid, calibration.threshold[0], max(calibration.min_area, 1)
    outliner = Outliner(grid.shape[1])
    kept: list[Outline] = []
    seen = 0
    for _, mask, plane in masks(prediction, threshold):
        seen += int((mask != IGNORE).sum())
        kept += outliner.add(mask, plane)
    kept += outliner.finish()
    if not seen:
        raise NothingToSee(f"{prediction.scene.id} holds no pixel that was seen: leave it out")
    small = [outline for outline in kept if outline.pixels < least]
    kept = sorted((o for o in kept if o.pixels >= least), key=lambda o: (-o.pixels, o.number))
    area, perimeter, pixel = _metric(kept, grid)
    reach = np.array([smooth_size(o.boundary_faces) for o in kept]) * pixel
    return TailingsSurvey(
        grid=grid, deposits=tuple(kept), area=area, perimeter=perimeter, reach=reach, seen=seen, threshold=threshold,
        least=least, specks=(len(small), sum(o.pixels for o in small)),
    )  # fmt: skip


def _metric(deposits: list[Outline], grid: Grid) -> tuple[Reals, Reals, Reals]:
    """(area m², perimeter m, m² of a pixel) of each deposit; NaN on a grid without projection."""
    if grid.crs is None:
        unknown = np.full(len(deposits), np.nan)
        return unknown, unknown, unknown
    from outcrop.instruments.geodesy import areas_and_perimeters

    area, perimeter = areas_and_perimeters([o.parts for o in deposits], grid)
    return area, perimeter, area / np.array([o.pixels for o in deposits], float)


def without_specks(
    strips: Iterable[tuple[int, NDArray[np.uint8]]], rows: int, least: int
) -> Iterator[tuple[int, NDArray[np.uint8]]]:
    """Masks whose 8-connected components of fewer than ``least`` pixels are background, strip by strip.

    A component of n pixels reaches over n rows at most, so a margin of ``least`` rows decides every case exactly.

    Args:
        rows: of the whole raster.
    """
    from scipy.ndimage import label

    held: NDArray[np.uint8] | None = None  # rows from ``above`` on; those from ``done`` on were not given out yet
    above, done = 0, 0
    for first, mask in strips:
        held = mask if held is None else np.concatenate([held, mask])
        bottom = first + len(mask)
        end = bottom if bottom == rows else bottom - least
        if end <= done:
            continue
        names, _ = label(held == 1, np.ones((3, 3)))
        small = np.bincount(names.ravel()) < least
        small[0] = False
        yield done, np.where(small[names], np.uint8(0), held)[done - above : end - above]
        done = end
        held, above = held[max(done - least, 0) - above :], max(done - least, 0)
