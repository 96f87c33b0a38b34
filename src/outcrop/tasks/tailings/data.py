"""Training data of the tailings room: satellite pictures with masks, split by place.

Layout: ``images/*.tif`` (bands B2, B3, B4 and any others, named in the file, with its scale), and masks of the
same names in ``masks/``, or in ``masks_union/`` (every deposit known in the picture) and ``masks_seed/`` (the one that
each picture was made for). ``folds.csv`` beside them or one folder up has the columns id, fold, and cluster or lon, lat; a
column region, where there is one, keeps whole regions together in grouped folds.
``corrections.csv``, optional, beside the pictures, names areas that are not to be learnt from (``corrections``).
"""

import csv
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from outcrop.core.errors import BadInput, UsageError
from outcrop.core.grid import Grid
from outcrop.core.labelled import IGNORE, Labelled
from outcrop.core.scene import Floats, Scene
from outcrop.sources.geotiff import RasterOptions, open_raster
from outcrop.tasks.tailings.corrections import cover, read_corrections
from outcrop.tasks.tailings.look import to_input
from outcrop.tasks.tailings.places import clusters

Mask = NDArray[np.uint8]

BANDS = ("B4", "B3", "B2")
LABELS = ("union", "seed")
"""Kinds of masks; a folder with plain ``masks`` has one kind only."""

COVERAGE_CLASSES = (0.0, 0.01, 0.04, 0.09, 0.17)
"""Edges of the classes of tailings share: none, then the quarters of the training set, about."""

BRIGHTEST = 2.0
"""Reflectance above which a picture's numbers are no reflectances."""

EDGE = 1
"""Pixels on either side of an outline that are not learnt from: outlines are good to one to three pixels."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """A row of ``folds.csv``: fold, region and cluster ("" where not given), longitude and latitude (NaN where not given)."""

    fold: int
    region: str
    cluster: str
    lon: float
    lat: float


def examples(
    folder: Path, *, labels: str = "union", company: bool = False, training: bool = False, edge: int = EDGE,
    corrections: Path | None = None, bands: Sequence[str] = BANDS,
) -> Labelled:  # fmt: skip
    """Labelled pictures of a folder as network input; grouped by regions, or by clusters linked at 25 km.

    Args:
        labels: "union" or "seed".
        company: the pictures accompany others: they need no ``folds.csv``.
        training: mask 255 within ``edge`` pixels of outlines and in the areas of the corrections: for training.
            False gives the masks as they are, for evaluation.
        corrections: a table to read in place of the folder's own.
        bands: what the network sees, in this order; every picture needs them.

    Raises:
        BadInput: no pictures, no masks, no folds, or pictures and masks that do not fit.
        DamagedFile, UnknownFormat: a file that cannot be read.
        UsageError: no such labels.
    """
    paths = _pictures(folder)
    masks_folder = _masks_folder(folder, labels)
    lost = [path.name for path in paths if not (masks_folder / path.name).exists()]
    if lost:
        raise BadInput(f"{masks_folder} lacks {len(lost)} masks, first {lost[0]}: every picture in images/ needs one")
    table = None if company else read_folds(folder, [path.stem for path in paths])
    own = folder / "corrections.csv"
    changes = read_corrections(corrections or own) if training and (corrections or own.exists()) else {}
    images, masks, middles = [], [], []
    for path in paths:
        scene = open_raster(path, RasterOptions(bands=tuple(bands)))
        image, mask = _image(path, scene), read_mask(masks_folder / path.name, scene.grid)
        mask[np.isnan(image).any(axis=0)] = IGNORE
        shares = mask.copy()
        if training:
            mask = cover(_without_edges(mask, edge), scene.grid, changes.get(path.stem, ()))
        images.append(np.nan_to_num(image))
        masks.append((mask, shares))
        middles.append(_middle(scene.grid))
    return Labelled(
        ids=tuple(path.stem for path in paths),
        images=tuple(images),
        masks=tuple(mask for mask, _ in masks),
        groups=_groups([path.stem for path in paths], table, middles),
        strata=np.array([coverage_class(shares) for _, shares in masks], np.int64),
        context=np.zeros((len(paths), 2), np.float32),
        fixed_folds=None if table is None else np.array([table[path.stem].fold for path in paths], np.int64),
    )


def _pictures(folder: Path) -> list[Path]:
    """The pictures of a folder, sorted."""
    paths = sorted((folder / "images").glob("*.tif"))
    if not paths:
        raise BadInput(f"{folder} holds no images/*.tif: point to a folder with images/, masks/ and folds.csv")
    return paths


def _masks_folder(folder: Path, labels: str) -> Path:
    """Where the masks of this kind lie."""
    if labels not in LABELS:
        raise UsageError(f"no labels {labels!r}: choose one of {', '.join(LABELS)}")
    found = next((f for f in (folder / f"masks_{labels}", folder / "masks") if f.is_dir()), None)
    if found is None:
        raise BadInput(f"{folder} holds no masks_{labels} and no masks: put one mask per picture there")
    return found


def read_folds(folder: Path, ids: list[str]) -> dict[str, Place]:
    """Fold and place of every picture, from ``folds.csv`` in the folder or one above.

    Raises:
        BadInput: no such table, no column fold, or a picture without a row.
    """
    path = next((p for p in (folder / "folds.csv", folder.parent / "folds.csv") if p.exists()), None)
    if path is None:
        raise BadInput(f"{folder} has no folds.csv: give a table with id, fold, and cluster or lon and lat")
    try:
        with path.open(newline="", encoding="utf-8") as file:
            table = {row["id"]: _row(row) for row in csv.DictReader(file)}
    except (KeyError, ValueError, TypeError, csv.Error, OSError):
        raise BadInput(
            f"{path} is no table of folds: give the columns id and fold, with a whole number in every row"
        ) from None
    lost = [id for id in ids if id not in table]
    if lost:
        raise BadInput(f"{path} has no row for {len(lost)} pictures, first {lost[0]}: every picture needs a fold")
    return table


def _row(row: Mapping[str, str]) -> Place:
    return Place(
        fold=int(row["fold"]), region=row.get("region") or "", cluster=row.get("cluster") or "", lon=float(row.get("lon") or "nan"),
        lat=float(row.get("lat") or "nan"),
    )  # fmt: skip


def _image(path: Path, scene: Scene) -> Floats:
    """Network input of a picture, (bands, rows, cols).

    Raises:
        BadInput: the numbers are no reflectances.
    """
    values = scene.read(scene.grid.whole)
    brightest = float(np.nanmax(values)) if np.isfinite(values).any() else 0.0
    if brightest > BRIGHTEST:
        raise BadInput(
            f"{path} holds numbers up to {brightest:.4g}, no reflectances: write the scale (0.0001, say) into the file"
        )
    return to_input(values)


def read_mask(path: Path, grid: Grid) -> Mask:
    """A mask on the grid of its picture, (rows, cols) uint8: 0, 1, and 255 where the file says nothing.

    Raises:
        BadInput: another size than the picture's, or other values.
    """
    scene = open_raster(path)
    if scene.grid.shape != grid.shape:
        raise BadInput(
            f"{path} has {scene.grid.shape} pixels and its picture {grid.shape}: give every picture a mask of its size"
        )
    values = np.nan_to_num(scene.read(scene.grid.whole)[0], nan=IGNORE)
    if not np.isin(values, (0, 1, IGNORE)).all():
        raise BadInput(f"{path} holds values beside 0, 1 and {IGNORE}: give 1 for tailings and 0 for all else")
    return np.asarray(values, np.uint8)


def coverage_class(mask: Mask) -> int:
    """Position of a mask's share of tailings among ``COVERAGE_CLASSES``."""
    return int(np.searchsorted(COVERAGE_CLASSES, (mask == 1).mean(), side="left"))


def _without_edges(mask: Mask, edge: int) -> Mask:
    """A mask with 255 up to ``edge`` pixels on either side of outlines, and where a deposit is cut by the picture's border."""
    doubtful = np.zeros(mask.shape, bool)
    rows, cols = mask.shape
    inside = np.pad(mask == 1, edge)
    for dy in range(-edge, edge + 1):
        for dx in range(-edge, edge + 1):
            doubtful |= inside[edge + dy : edge + dy + rows, edge + dx : edge + dx + cols] != (mask == 1)
    return np.where(doubtful, np.uint8(IGNORE), mask)


def _middle(grid: Grid) -> tuple[float, float]:
    """World place of a picture's centre."""
    x, y = grid.transform @ (grid.shape[1] / 2, grid.shape[0] / 2)
    return float(x), float(y)


def _groups(ids: list[str], table: Mapping[str, Place] | None, middles: list[tuple[float, float]]) -> tuple[str, ...]:
    """Region or cluster of every picture: as the table says, else by distance, else each picture for itself."""
    if table is None:
        return tuple(ids)
    places = [table[id] for id in ids]
    if all(place.region for place in places):
        return tuple(f"region-{place.region}" for place in places)
    if all(place.cluster for place in places):
        return tuple(f"cluster-{place.cluster}" for place in places)
    known = np.array([(place.lon, place.lat) for place in places])
    if np.isnan(known).any():
        known = np.array(middles)
    if (np.abs(known) > (360, 90)).any():
        return tuple(ids)
    return tuple(f"cluster-{k}" for k in clusters(known[:, 0], known[:, 1]))
