"""What registers get wrong in positions and declared areas, and what is said about it.

A slip in most of the rows is refused, since then the columns were mapped wrongly; in single rows it is named.
"""

from collections.abc import Callable, Iterable, Mapping
from types import MappingProxyType
from typing import Any

import numpy as np
from numpy.typing import NDArray

from outcrop.core.errors import BadInput, NoGeometry
from outcrop.tasks.tailings.audit.cells import decimal_marks, number, text_of

Extent = tuple[float, float, float, float] | None
"""(west, south, east, north) in degrees, where all entries of a register lie; None when unknown."""

SLIPS: Mapping[str, tuple[str, Callable[[Any, Any], tuple[Any, Any]]]] = MappingProxyType(
    {
        "exchanged": ("longitude and latitude are exchanged", lambda lon, lat: (lat, lon)),
        "signs": ("the minus signs are lost", lambda lon, lat: (-abs(lon), -abs(lat))),
        "both": ("longitude and latitude are exchanged and the minus signs lost", lambda a, b: (-abs(b), -abs(a))),
    }
)
"""How positions slip: what to say, and how to undo it."""


def fits(lon: Any, lat: Any, extent: Extent) -> NDArray[np.bool_]:
    """Which positions may be: on the globe, and inside the register's own extent where that is known."""
    west, south, east, north = extent or (-180.0, -90.0, 360.0, 90.0)
    with np.errstate(invalid="ignore"):
        return np.asarray((west <= lon) & (lon <= east) & (south <= lat) & (lat <= north))


def refuse_slips(name: str, places: NDArray[np.float64], extent: Extent) -> None:
    """Let a register pass whose positions, (n, 2) longitude and latitude, are right in the bulk.

    Raises:
        NoGeometry: most positions are in metres, exchanged, or without their signs.
    """
    seen = places[np.isfinite(places).all(axis=1) & places.any(axis=1)]
    if not len(seen):
        return
    lon, lat = seen.T
    right = int(fits(lon, lat, extent).sum())
    if 2 * int((abs(seen) > 360).any(axis=1).sum()) > len(seen):
        raise NoGeometry(
            f"{name} gives positions such as {lon[0]:.0f}, {lat[0]:.0f}, which are metres: convert them to degrees"
        )
    # Without an extent any exchange of small angles would fit, so only what cannot be right counts.
    for key in ("exchanged", "signs", "both") if extent else ("exchanged",):
        words, undo = SLIPS[key]
        mended = int((fits(*undo(lon, lat), extent) & ~fits(lon, lat, extent)).sum())
        if 2 * mended > len(seen) and mended > right:
            raise NoGeometry(
                f"{name} puts {len(seen) - right} of {len(seen)} points where they cannot be, and {mended} would fit if "
                f"{words}: map lon and lat to the right columns, or correct the signs"
            )


def fault(lon: float, lat: float, extent: Extent) -> str:
    """Why a position cannot be used; "" when it can."""
    if not np.isfinite(lon + lat):
        return "no position that can be read"
    if lon == 0 and lat == 0:
        return "position at 0, 0"
    if abs(lon) > 360 or abs(lat) > 90:
        return f"impossible position: {lon:g}, {lat:g}"
    if extent and not fits(lon, lat, extent):
        slip = next((words for words, undo in SLIPS.values() if fits(*undo(lon, lat), extent)), "")
        return f"position outside the register's country: {lon:g}, {lat:g}{', as if ' + slip if slip else ''}"
    return ""


def declared_areas(
    name: str, column: str, cells: Mapping[int, Any], decimal: str | None, factor: float
) -> tuple[dict[int, float], dict[int, str]]:
    """Row → declared area × ``factor``, and row → why there is none.

    Raises:
        BadInput: the decimal separator cannot be told, or no cell is a number with it.
    """
    mark = decimal or _decimal(name, column, cells.values())
    areas: dict[int, float] = {}
    without: dict[int, str] = {}
    for row, cell in cells.items():
        value, text = number(cell, mark), text_of(cell)
        if value is not None and value > 0:
            areas[row] = value * factor
        else:
            without[row] = "zero" if value == 0 else f"a cell that is no area: {text[:40]}" if text else "an empty cell"
    strange = next((text_of(cells[row]) for row, why in without.items() if why.startswith("a cell")), None)
    if strange is not None and not areas:
        raise BadInput(
            f"{name} writes declared areas such as {strange!r}, which is no number with {mark!r} as decimal separator: "
            "name the other separator, or another column"
        )
    return areas, without


def _decimal(name: str, column: str, cells: Iterable[Any]) -> str:
    """The decimal separator that the whole column shows."""
    texts = [text_of(cell) for cell in cells if isinstance(cell, str)]
    marks = decimal_marks(texts)
    doubtful = next((text for text in texts if "," in text or "." in text), None)
    if len(marks) == 1 or doubtful is None:
        return next(iter(marks), ".")
    how = "mixes both decimal separators" if marks else f"can be read in two ways ({doubtful!r})"
    raise BadInput(f"{name} {how} in column {column!r}: say whether its decimal separator is . or ,")
