"""Where the traces of a SEG-Y file lie on the map, and how far its lines lie apart."""

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from outcrop.sources.segy_vertical import FOOT, scale_factor

Words = Mapping[str, NDArray[Any]]
Metres = NDArray[np.float64]

ANGLES = {2: "seconds of arc", 3: "decimal degrees", 4: "degrees, minutes and seconds"}
"""Coordinate units (bytes 89-90) that are no lengths; 0 and 1 are."""

WIDEST_MISFIT = 0.1
"""How far traces may lie off an even grid, in line distances, for the distances to be believed."""

CLOSEST = 0.5
"""Distance (m) between lines below which the coordinates are hardly in metres."""

MOST_LINES = 400
"""Lines in each direction that take part in the fit of the grid."""


def coordinates(words: Words, feet: bool) -> tuple[Metres | None, Metres | None, list[str]]:
    """Map positions (m) of every trace, NaN where unknown, or None when the file has none; and notes.

    Args:
        words: trace header words by name, (traces,) each.
        feet: the measurement system is feet.
    """
    east, north, notes = words["x"], words["y"], []
    if not east.any() and not north.any():
        east, north = words["source_x"], words["source_y"]
        moving = np.count_nonzero(np.diff(east) | np.diff(north))
        if len(east) < 2 or 2 * moving < len(east) - 1:
            return None, None, ["The coordinate words hold no positions, so distances are unknown (--spacing)."]
        notes.append("Bytes 181 and 185 hold no coordinates; those of the source, bytes 73 and 77, are taken.")
    if len(east) > 1 and not np.ptp(east) and not np.ptp(north):
        return None, None, ["All traces give the same coordinates, so distances are unknown (--spacing)."]
    lines = words["inline"], words["crossline"]
    if any(np.array_equal(east, a) and np.array_equal(north, b) for a, b in (lines, lines[::-1])) and len(east) > 1:
        return None, None, ["The coordinate words repeat the line numbers, so distances are unknown (--spacing)."]
    unit = ANGLES.get(int(np.median(words["units"])))
    if unit:
        return None, None, [f"Coordinates are in {unit}, not in metres, so distances are unknown (--spacing)."]
    factor = scale_factor(words["scalar"])
    odd = set(np.unique(np.abs(words["scalar"])).tolist()) - {0, 1, 10, 100, 1000, 10000}
    if odd:
        notes.append(
            f"The coordinate scalar {', '.join(map(str, sorted(odd)))} is no power of ten; it is applied as is."
        )
    if feet:
        factor = factor * FOOT
        notes.append("Coordinates are in feet by the binary header; they are converted to metres.")
    x, y = east * factor, north * factor
    empty = (east == 0) & (north == 0)
    if np.count_nonzero(empty) > 1 or np.median(np.hypot(x, y)) > 1e5:
        x[empty] = y[empty] = np.nan
    return x, y, notes


def line_spacing(x: Metres, y: Metres) -> tuple[tuple[float | None, float | None], list[str]]:
    """Distance (m) between inlines and between crosslines, None where there is one line or no even grid; and notes.

    A plane fit x = a + b·i + c·j, y = d + e·i + f·j over positions (i, j); the misfit is checked.

    Args:
        x, y: (n_inlines, n_crosslines), NaN where unknown.
    """
    if min(x.shape) == 1:
        step, notes = _step_along(x.ravel(), y.ravel())
        return ((None, step) if x.shape[0] == 1 else (step, None)), notes + _too_close(step)
    rows, columns = (np.unique(np.linspace(0, n - 1, min(n, MOST_LINES)).astype(int)) for n in x.shape)
    x, y = x[np.ix_(rows, columns)], y[np.ix_(rows, columns)]
    seen = np.isfinite(x) & np.isfinite(y)
    i, j = np.broadcast_to(rows[:, None], x.shape)[seen], np.broadcast_to(columns, x.shape)[seen]
    uneven = "Coordinates do not lie on an even grid, so distances between lines are unknown (--spacing)."
    if len(np.unique(i)) < 2 or len(np.unique(j)) < 2:
        return (None, None), [uneven]
    design = np.stack([np.ones(len(i)), i - i.mean(), j - j.mean()], axis=1)
    places = np.stack([x[seen] - x[seen].mean(), y[seen] - y[seen].mean()], axis=1)
    fit, _, rank, _ = np.linalg.lstsq(design, places, rcond=None)
    inline, crossline = (float(np.hypot(*vector)) for vector in fit[1:])
    misfit = float(np.quantile(np.hypot(*(places - design @ fit).T), 0.99))
    area = abs(float(fit[1, 0] * fit[2, 1] - fit[1, 1] * fit[2, 0]))
    if rank < 3 or area <= 0.1 * inline * crossline or misfit > WIDEST_MISFIT * min(inline, crossline):
        return (None, None), [uneven]
    notes = _too_close(min(inline, crossline))
    if area < 0.99 * inline * crossline:
        angle = np.degrees(np.arcsin(area / (inline * crossline)))
        notes.append(f"Inlines and crosslines meet at {angle:.0f}°, not at a right angle: areas come out too large.")
    return (round(inline, 6), round(crossline, 6)), notes


def _step_along(x: Metres, y: Metres) -> tuple[float | None, list[str]]:
    """Distance (m) between neighbouring traces of a single line, which may bend; and notes.

    Along a straight line a fit averages the rounding of the coordinates; along a bent one the median step must do.
    """
    known = np.flatnonzero(np.isfinite(x) & np.isfinite(y))
    if len(known) < 2:
        return None, []
    design = np.stack([np.ones(len(known)), known - known.mean()], axis=1)
    places = np.stack([x[known] - x[known].mean(), y[known] - y[known].mean()], axis=1)
    fit = np.linalg.lstsq(design, places, rcond=None)[0]
    step = float(np.hypot(*fit[1]))
    if np.quantile(np.hypot(*(places - design @ fit).T), 0.99) <= WIDEST_MISFIT * step:
        return round(step, 6), []
    steps = np.hypot(np.diff(x[known]), np.diff(y[known])) / np.diff(known)
    step = float(np.median(steps))
    low, high = np.quantile(steps, [0.1, 0.9])
    if step <= 0 or high - low > 2 * WIDEST_MISFIT * step:
        return None, [f"Traces lie {low:.4g} to {high:.4g} m apart, so no one distance holds (--spacing)."]
    return round(step, 6), []


def _too_close(step: float | None) -> list[str]:
    """A note on distances that no survey has: coordinates in degrees, or with the wrong scalar."""
    if step is None or step >= CLOSEST:
        return []
    return [f"Lines lie {step:.2g} m apart by the coordinates, which are hardly in metres (--spacing)."]
