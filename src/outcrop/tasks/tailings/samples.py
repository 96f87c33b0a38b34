"""Training pictures cut from scenes and a file of deposit outlines: ``images/``, ``masks/`` and ``folds.csv``.

Every picture's mask holds all outlines that reach into it, not only the one it was cut for; deposits lie anywhere
in the picture; pictures without any are added; and folds keep places together.
"""

import csv
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from io import StringIO
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from outcrop.core.errors import BadInput, NoGeometry, NothingToSee, OutputExists, UsageError
from outcrop.core.grid import Grid, Window
from outcrop.core.scene import Floats, Scene, scene_from_array
from outcrop.instruments.geodesy import moved, to_lonlat
from outcrop.outputs import replacing
from outcrop.outputs.raster import write_mask
from outcrop.outputs.scene_raster import write_scene
from outcrop.sources.vector import Polygon, burn, read_polygons
from outcrop.tasks.tailings.look import to_reflectance
from outcrop.tasks.tailings.places import balanced_folds, clusters
from outcrop.tasks.tailings.prepare import BANDS, called, prepare

SCALE = 5e-5
"""Reflectance of one stored step."""

SEEN = 0.8
"""Least share of a picture that the sensor must have seen."""

TRIES = 40
"""Windows tried for one picture before it is given up."""

INSIDE = (0.1, 0.9)
"""Where in a picture, as shares of its side, the place lies that it was cut for."""


Outlines = tuple[str, list[Polygon]]
"""A projection and polygons in it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Cut:
    """One picture: a window of a scene, its mask, and its middle in degrees."""

    id: str
    scene: str
    image: Floats
    mask: NDArray[np.uint8]
    grid: Grid
    lon: float
    lat: float


def make_samples(
    scenes: Sequence[Scene], polygons_file: Path, out: Path, *, rng: np.random.Generator, size: int = 448,
    per_deposit: int = 2, background: float = 0.25, folds: int = 5, bands: Sequence[str] = BANDS,
    look_alikes: Path | None = None,
) -> list[Path]:  # fmt: skip
    """Cut training pictures and write them.

    Args:
        scenes: in any units that ``prepare`` understands, with a map projection.
        polygons_file: outlines of deposits, any vector file; all that lie in a scene should be in it.
        size: side of the pictures, pixels. per_deposit: pictures for every deposit and scene.
        background: pictures without any deposit, as a share of the others.
        bands: of the pictures, by the names that ``prepare`` knows.
        look_alikes: outlines of what is easily taken for deposits and is none, any vector file: pictures are cut for
            each of them too, with nothing but the deposits in their masks.
        folds: how many folds ``folds.csv`` has at most; clusters linked at 25 km stay whole, and there are never more
            folds than clusters.

    Returns:
        The files: images, masks, ``folds.csv``.

    Raises:
        OutputExists: the folder holds files already.
        BadInput: a scene is too small or has no projection, or the outlines cannot be used.
        NothingToSee: no outline lies in any scene.
    """
    if size < 32 or per_deposit < 1 or background < 0 or folds < 1:
        raise UsageError(
            "pictures of 32 px and more, one or more a deposit, background of 0 or more, folds of 1 or more"
        )
    if out.exists() and (not out.is_dir() or any(out.iterdir())):
        raise OutputExists(f"{out} already holds files: give another --out")
    bands = tuple(called(name) for name in bands)
    known = read_polygons(polygons_file)
    others = read_polygons(look_alikes) if look_alikes else None
    cuts = []
    paths: list[Path] = []
    for number, scene in enumerate(scenes):
        for cut in _cuts(scene, f"{number:02}", known, others, size, (per_deposit, background), bands, rng):
            picture = scene_from_array(cut.id, cut.image, cut.grid, bands)
            paths.append(
                write_scene(out / "images" / f"{cut.id}.tif", picture, scale=SCALE, tags={"SOURCE": cut.scene})
            )
            strips = iter([(0, cut.mask)])
            paths.append(write_mask(out / "masks" / f"{cut.id}.tif", cut.grid, strips, classes=("tailings",)))
            cuts.append((cut.id, cut.lon, cut.lat, cut.scene, float((cut.mask == 1).mean())))
    if not cuts:
        raise NothingToSee(f"no outline of {polygons_file} lies in any of the scenes: check places and projections")
    return [*paths, _write_folds(out / "folds.csv", cuts, folds)]


def reproject(polygons: Sequence[Polygon], crs: str, target: str) -> list[Polygon]:
    """Polygons in another projection; corners are moved, edges between them stay straight.

    Raises:
        BadInput: a projection that is not known, or a corner that has no place in the other one.
    """
    if crs == target:
        return list(polygons)
    return [
        replace(polygon, parts=tuple(tuple(moved(ring, crs, target) for ring in part) for part in polygon.parts))
        for polygon in polygons
    ]


def _write_folds(path: Path, cuts: Sequence[tuple[str, float, float, str, float]], folds: int) -> Path:
    """``folds.csv``: folds of equal weight, one per picture and one per mean share of tailings."""
    cluster = clusters([cut[1] for cut in cuts], [cut[2] for cut in cuts])
    share = np.array([cut[4] for cut in cuts])
    fold = balanced_folds(cluster, 1 + share / max(float(share.mean()), 1e-9), min(folds, int(cluster.max()) + 1))
    text = StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(["id", "fold", "cluster", "lon", "lat", "share", "scene"])
    for (id, lon, lat, scene, part), k, c in zip(cuts, fold.tolist(), cluster.tolist(), strict=True):
        writer.writerow([id, k, c, f"{lon:.5f}", f"{lat:.5f}", f"{part:.5f}", scene])
    with replacing(path) as part_path:
        part_path.write_text(text.getvalue(), encoding="utf-8")
    return path


def _cuts(
    scene: Scene, prefix: str, known: Outlines, others: Outlines | None, size: int, wanted: tuple[int, float],
    bands: tuple[str, ...], rng: np.random.Generator,
) -> Iterator[Cut]:  # fmt: skip
    """The pictures of one scene: those of its deposits and look-alikes, then those without."""
    if scene.grid.crs is None:
        raise NoGeometry(f"{scene.id} has no map projection: give a georeferenced scene")
    if min(scene.grid.shape) < size:
        raise BadInput(f"{scene.id} has {scene.grid.shape} pixels, pictures {size}: ask for smaller ones with --size")
    prepared = prepare(scene, {"bands": bands})
    if not isinstance(prepared.source, Scene) or prepared.blank:
        raise NothingToSee(f"{scene.id} shows nothing: every pixel is the same or was not observed")
    local = reproject(known[1], known[0], scene.grid.crs)
    boxes = np.array([_box(p, scene.grid) for p in local])
    alike = [_box(p, scene.grid) for p in reproject(others[1], others[0], scene.grid.crs)] if others else []
    count = 0
    for some, deposits in ((boxes, True), (np.array(alike).reshape(-1, 4), False)):
        for k in np.flatnonzero(_held(some, scene.grid.whole)):
            for _ in range(wanted[0]):
                window = _around(scene.grid, some[k], size, rng)
                cut = _cut(prepared.source, f"{prefix}-{count:04}", local, boxes, window)
                if cut is not None and ((cut.mask == 1).any() or not deposits):
                    count += 1
                    yield cut
    for _ in range(round(wanted[1] * count)):
        for _ in range(TRIES):
            window = _anywhere(scene.grid, size, rng)
            if _held(boxes, window).any():
                continue
            cut = _cut(prepared.source, f"{prefix}-{count:04}", local, boxes, window)
            if cut is not None:
                count += 1
                yield cut
                break


def _box(polygon: Polygon, grid: Grid) -> tuple[float, float, float, float]:
    """Left, top, right, bottom of a polygon in pixels of the grid."""
    x0, y0, x1, y1 = polygon.bounds
    corners = np.array([~grid.transform @ place for place in ((x0, y0), (x1, y0), (x0, y1), (x1, y1))])
    return (*map(float, corners.min(0)), *map(float, corners.max(0)))  # type: ignore[return-value]


def _held(boxes: NDArray[np.float64], window: Window) -> NDArray[np.bool_]:
    """Polygons whose boxes reach into a window."""
    across = (boxes[:, 2] > window.col) & (boxes[:, 0] < window.col + window.width)
    return across & (boxes[:, 3] > window.row) & (boxes[:, 1] < window.row + window.height)


def _around(grid: Grid, box: NDArray[np.float64], size: int, rng: np.random.Generator) -> Window:
    """A window that holds some place of a box, anywhere but at its very edge."""
    place = rng.uniform(box[:2], np.maximum(box[2:], box[:2] + 1e-9))
    col, row = np.rint(place - size * rng.uniform(*INSIDE, 2)).astype(int)
    rows, cols = grid.shape
    return Window(row=int(np.clip(row, 0, rows - size)), col=int(np.clip(col, 0, cols - size)), height=size, width=size)


def _anywhere(grid: Grid, size: int, rng: np.random.Generator) -> Window:
    rows, cols = grid.shape
    row, col = int(rng.integers(rows - size + 1)), int(rng.integers(cols - size + 1))
    return Window(row=row, col=col, height=size, width=size)


def _cut(scene: Scene, id: str, polygons: Sequence[Polygon], boxes: NDArray[np.float64], window: Window) -> Cut | None:
    """A picture with every outline in it; None when too little of it was seen."""
    image = to_reflectance(scene.read(window))
    unseen = np.isnan(image).any(axis=0)
    if unseen.mean() > 1 - SEEN:
        return None
    grid = scene.grid.crop(window)
    mask = burn([polygons[k] for k in np.flatnonzero(_held(boxes, window)).tolist()], grid)
    mask[unseen] = 255
    x, y = grid.transform @ (window.width / 2, window.height / 2)
    ((lon, lat),) = to_lonlat(np.array([[x, y]]), grid.crs or "").tolist()
    return Cut(id=id, scene=scene.id, image=image, mask=mask, grid=grid, lon=lon, lat=lat)
