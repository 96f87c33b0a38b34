"""Looks of a STAC catalogue → one cloud-free GeoTIFF of a place: the median of every pixel over a span of time."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from math import ceil, floor
from pathlib import Path

import numpy as np

from outcrop.core.errors import NothingToSee, OutputExists, UsageError
from outcrop.core.grid import Grid, Window
from outcrop.core.scene import Floats, Scene
from outcrop.instruments.geodesy import moved
from outcrop.outputs.scene_raster import write_scene
from outcrop.sources.geotiff_describe import describe
from outcrop.sources.stac import Look, find_looks, median_composite

BANDS = ("B4", "B3", "B2")
LEAST_CLEAR = 1
AT_ONCE = 64 << 20
"""Bytes of all looks together that are held at once."""

Box = tuple[float, float, float, float]
"""West, south, east, north, degrees."""


def composite(
    catalogue: Path, out: Path, *, bbox: Box, dates: tuple[datetime, datetime], cloud: float = 100.0,
    level: str | None = None, bands: Sequence[str] = BANDS, least: int = LEAST_CLEAR, overwrite: bool = False,
) -> list[Path]:  # fmt: skip
    """Median reflectance over the looks of a place, cut to a box: one GeoTIFF for every tile of the catalogue.

    Args:
        catalogue: catalog.json or collection.json on disk, its products beside it.
        out: folder.
        cloud: largest cloud cover of a product, percent.
        level: "L1C" or "L2A" where the catalogue holds both.
        bands: names, in the order of the files.
        least: clear looks below which a pixel stays unseen.

    Raises:
        UsageError: an impossible box or span of time, or bands that a product lacks.
        NothingToSee: no product fits, or none covers the box.
        OutputExists: a file of that name is there and ``overwrite`` is not set.
        OutcropError: as ``sources.stac``.
    """
    _refuse(bbox, dates, least)
    looks = [look for look in find_looks(catalogue, bbox, dates, cloud) if level is None or look.level == level]
    if not looks:
        raise NothingToSee(f"none of the products of {catalogue} that fit is of level {level}: choose the other one")
    tiles: dict[Grid, list[Look]] = {}
    for look in looks:
        tiles.setdefault(describe(look.file(bands[0])).grid, []).append(look)
    cut = [_cut(median_composite(some, tuple(bands), least=least), bbox, len(some)) for some in tiles.values()]
    scenes = [scene for scene in cut if scene is not None]
    if not scenes:
        raise NothingToSee(
            f"the products of {catalogue} touch the box, and none has a pixel in it: give another --bbox"
        )
    return _write(scenes, out, overwrite)


def bbox_of(text: str) -> Box:
    """ "-44.2,-20.3,-44.0,-20.1" → west, south, east, north.

    Raises:
        UsageError: not four numbers.
    """
    try:
        west, south, east, north = (float(part) for part in text.split(","))
    except ValueError:
        raise UsageError(f"--bbox {text} is no box: give west,south,east,north in degrees, e.g. -44.2,-20.3,-44.0,-20.1") from None  # fmt: skip
    return west, south, east, north


def dates_of(text: str) -> tuple[datetime, datetime]:
    """ "2021-01-01/2021-12-31" → its first and last moment, UTC; a single day is all of it.

    Raises:
        UsageError: no dates.
    """
    first, _, last = text.partition("/")
    try:
        start, end = datetime.fromisoformat(first), datetime.fromisoformat(last or first)
    except ValueError:
        raise UsageError(f"--dates {text} is no span of time: give e.g. 2021-01-01/2021-12-31") from None
    if len(last or first) <= len("2021-12-31"):
        end += timedelta(days=1) - timedelta(microseconds=1)
    return start.replace(tzinfo=start.tzinfo or UTC), end.replace(tzinfo=end.tzinfo or UTC)


def _refuse(bbox: Box, dates: tuple[datetime, datetime], least: int) -> None:
    west, south, east, north = bbox
    if not (-180 <= west < east <= 180 and -90 <= south < north <= 90):
        raise UsageError(
            f"the box {west:g},{south:g},{east:g},{north:g} is not west,south,east,north in degrees: order it so "
            "(one over the date line in two halves)"
        )
    if dates[0] > dates[1]:
        raise UsageError(
            f"the dates run from {dates[0]:%Y-%m-%d} back to {dates[1]:%Y-%m-%d}: give the earlier one first"
        )
    if least < 1:
        raise UsageError(f"{least} clear looks make no median: give 1 or more")


def _cut(scene: Scene, bbox: Box, looks: int) -> Scene | None:
    """The part of a scene that holds the box, read in pieces small enough for all looks; None where it holds none of it."""
    west, south, east, north = bbox
    along, up = np.linspace(west, east, 9), np.linspace(south, north, 9)
    # Sides bend in the scene's projection, so points along them are looked at too.
    border = [*((x, y) for x in along for y in (south, north)), *((x, y) for x in (west, east) for y in up)]
    x, y = moved(np.array(border), "EPSG:4326", str(scene.grid.crs)).T
    col, row = ~scene.grid.transform @ (x, y)
    rows, cols = scene.grid.shape
    top, bottom = max(floor(row.min() + 1e-6), 0), min(ceil(row.max() - 1e-6), rows)
    left, right = max(floor(col.min() + 1e-6), 0), min(ceil(col.max() - 1e-6), cols)
    if top >= bottom or left >= right:
        return None
    part = Window(row=top, col=left, height=bottom - top, width=right - left)

    def read(window: Window) -> Floats:
        step = max(AT_ONCE // (4 * len(scene.bands) * looks * window.height), 1)
        found = [
            scene.read(Window(row=top + window.row, col=left + at, height=window.height, width=min(step, stop - at)))
            for stop in (window.col + window.width,)
            for at in range(window.col, stop, step)
        ]
        return np.concatenate(found, axis=2)

    return replace(scene, grid=scene.grid.crop(part), read=read)


def _write(scenes: Sequence[Scene], out: Path, overwrite: bool) -> list[Path]:
    """``<id>.tif`` of every scene, a number behind the name of further tiles."""
    names = [scene.id if number == 1 else f"{scene.id}-{number}" for number, scene in enumerate(scenes, 1)]
    paths = [out / f"{name}.tif" for name in names]
    if not overwrite and (taken := [path for path in paths if path.exists()]):
        raise OutputExists(f"{taken[0]} is there already: give another --out, or --overwrite")
    try:
        out.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise OutputExists(f"{out} cannot be made a folder ({error.strerror}): give another --out") from None
    for path, scene in zip(paths, scenes, strict=True):
        write_scene(path, scene, tags={"SOURCE": "; ".join(scene.notes)})
    return paths
