"""Areas of training pictures that are not learnt from: a table of discs and polygons, and a rule that makes one.

``corrections.csv`` has the columns id (of the picture), shape ("disc" or "polygon"), places and rule. Places are
numbers with blanks between: longitude, latitude and radius in metres of a disc, the corners' longitudes and latitudes
of a polygon. The rule says in words why the area is doubtful.
"""

import csv
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from io import StringIO
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from outcrop.core.errors import BadInput
from outcrop.core.grid import Grid
from outcrop.core.labelled import IGNORE
from outcrop.outputs import replacing
from outcrop.tasks.tailings.places import distance

Mask = NDArray[np.uint8]
COLUMNS = ("id", "shape", "places", "rule")

RADIUS = 300.0
"""Metres round a registered dam without a label that are not learnt from."""

FAR = 500.0
"""Metres to the nearest label beyond which a registered dam counts as without."""

PICTURES_FROM = date(2021, 7, 1)
"""Middle of the year that the training pictures show: the state of the register nearest to it is taken."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Correction:
    """One doubtful area.

    Attributes:
        id: of the picture.
        shape: "disc" or "polygon".
        places: longitude, latitude, radius (m) of a disc; longitude, latitude of every corner of a polygon.
        rule: why, in words.
    """

    id: str
    shape: str
    places: tuple[float, ...]
    rule: str


def read_corrections(path: Path) -> dict[str, tuple[Correction, ...]]:
    """Corrections by picture id.

    Raises:
        BadInput: no such table, or a row that names no area.
    """
    found: dict[str, tuple[Correction, ...]] = {}
    try:
        with path.open(newline="", encoding="utf-8") as file:
            rows = list(csv.DictReader(file))
        for row in rows:
            places = tuple(float(word) for word in row["places"].split())
            one = Correction(id=row["id"], shape=row["shape"], places=places, rule=row["rule"])
            fits = {"disc": len(places) == 3, "polygon": len(places) >= 6 and len(places) % 2 == 0}
            if not fits.get(one.shape, False):
                raise ValueError
            found[one.id] = (*found.get(one.id, ()), one)
    except (OSError, KeyError, ValueError, AttributeError, csv.Error):
        raise BadInput(
            f"{path} is no table of corrections: give id, shape (disc or polygon), places and rule in every row"
        ) from None
    return found


def write_corrections(path: Path, corrections: Iterable[Correction]) -> Path:
    """The table that ``read_corrections`` reads."""
    text = StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(COLUMNS)
    for one in corrections:
        writer.writerow([one.id, one.shape, " ".join(f"{place:.10g}" for place in one.places), one.rule])
    with replacing(path) as part:
        part.write_text(text.getvalue(), encoding="utf-8")
    return path


def cover(mask: Mask, grid: Grid, corrections: Sequence[Correction]) -> Mask:
    """A mask, (rows, cols), with 255 in the corrected areas; what is labelled tailings stays.

    Pictures whose grid is in degrees only: the tables speak in longitude and latitude.
    """
    covered = mask.copy()
    for one in corrections:
        covered[_area(one, grid) & (mask != 1)] = IGNORE
    return covered


def _centres(grid: Grid) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Longitude and latitude of the pixel centres, (rows, cols) each."""
    row, col = np.mgrid[: grid.shape[0], : grid.shape[1]] + 0.5
    t = grid.transform
    return t.a * col + t.b * row + t.c, t.d * col + t.e * row + t.f


def _area(one: Correction, grid: Grid) -> NDArray[np.bool_]:
    """Pixels whose centres lie in the area."""
    lon, lat = _centres(grid)
    if one.shape == "disc":
        return distance(one.places[0], one.places[1], lon, lat) <= one.places[2]
    corners = np.array(one.places).reshape(-1, 2)
    inside = np.zeros(grid.shape, bool)
    for (x0, y0), (x1, y1) in zip(corners, np.roll(corners, -1, axis=0), strict=True):
        # Every edge that a ray to the east meets turns outside into inside and back.
        between = (y0 > lat) != (y1 > lat)
        if between.any():
            inside ^= between & (lon < x0 + (lat - y0) * (x1 - x0) / (y1 - y0 if y1 != y0 else 1.0))
    return inside


def registry_corrections(
    masks: Mapping[str, tuple[Mask, Grid]], registry: Path, *, far: float = FAR, radius: float = RADIUS
) -> list[Correction]:
    """Discs round registered dams that no label explains: candidates for deposits that were missed.

    Args:
        masks: by picture id, as they are (no 255 at edges), on grids in degrees.
        registry: table of the Brazilian register SIGBM; its state nearest to July 2021 is taken.

    Raises:
        OutcropError: the register cannot be used, see ``audit.registry.read_registry``.
    """
    from outcrop.tasks.tailings.audit.registry import read_registry

    entries = read_registry(registry, "sigbm", when=PICTURES_FROM).entries
    lons, lats = np.array([e.lon for e in entries]), np.array([e.lat for e in entries])
    nearest, held = np.full(len(entries), np.inf), {}
    for id, (mask, grid) in masks.items():
        column, row = ~grid.transform @ (lons, lats)
        held[id] = (column >= 0) & (column < grid.shape[1]) & (row >= 0) & (row < grid.shape[0])
        lon, lat = (values[mask == 1] for values in _centres(grid))
        for k in np.flatnonzero(np.hypot(column - grid.shape[1] / 2, row - grid.shape[0] / 2) < 2 * max(grid.shape)):
            if len(lon):
                nearest[k] = min(nearest[k], float(distance(lons[k], lats[k], lon, lat).min()))
    rule = f"registered dam more than {far:g} m from any label"
    return [
        Correction(id=id, shape="disc", places=(float(lons[k]), float(lats[k]), radius), rule=rule)
        for id, inside in held.items()
        for k in np.flatnonzero(inside & (nearest > far))
    ]
