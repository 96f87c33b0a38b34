"""Maps out: probabilities and class masks as Cloud Optimized GeoTIFFs, streamed; needs rasterio, the extra "geo".

Both have the grid of the scene they were made from, transform and projection unchanged, tiles of 512 px, overviews and
255 where nothing was seen:

=============  ======================================================================================
probability    one band a class, 8 bit: 0 to 254 = probability x 254, which the file's own scale undoes
mask           8 bit: 0 background, 1.. class index, with a colour table
=============  ======================================================================================

Rows go to a plain tiled file beside the target first, and GDAL's COG driver makes the final one of that, so memory is
bounded by a row of tiles and the cache, whatever the size of the scene; the disk must hold both for a moment.
"""

import importlib
import os
import warnings
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
from numpy.typing import NDArray

from outcrop.core.errors import MissingExtra, UsageError
from outcrop.core.grid import Grid
from outcrop.core.scene import Floats
from outcrop.outputs import replacing
from outcrop.outputs.picture import COLOURS, NO_DATA

Strips = Iterable[tuple[int, NDArray[Any]]]
"""(first row, values) from top to bottom, together every row once; values are (classes, rows, cols) for probabilities and
(rows, cols) or (1, rows, cols) for masks."""

LEVELS = 254
"""Stored value of probability 1."""

TILE = 512
CACHE = 64 << 20
"""Bytes that GDAL may keep while writing."""

BACKGROUND = (255, 255, 255)
DRAWER = {"GDAL_CACHEMAX": CACHE, "GDAL_PAM_ENABLED": "NO", "GDAL_DISABLE_READDIR_ON_OPEN": "EMPTY_DIR"}


def write_probability(
    path: Path, grid: Grid, strips: Strips, *, classes: Sequence[str], tags: Mapping[str, str] | None = None
) -> Path:
    """One band a class, named after it; a reader that applies the file's scale gets probabilities, exact to 1/508.

    Args:
        strips: see ``Strips``; float32 in [0, 1], NaN where nothing was seen.
        tags: provenance, written as the file's metadata.

    Raises:
        UsageError: the strips do not fit the grid, or the grid's projection is not known to PROJ.
        MissingExtra: rasterio is not installed.
        OSError: the disk is full; nothing is left behind.
    """

    def describe(file: Any) -> None:
        file.scales, file.offsets = (1 / LEVELS,) * len(classes), (0.0,) * len(classes)
        for band, name in enumerate(classes, 1):
            file.set_band_description(band, name)

    return _write(path, grid, strips, len(classes), levels, describe, "average", tags or {})


def write_mask(
    path: Path, grid: Grid, strips: Strips, *, classes: Sequence[str], tags: Mapping[str, str] | None = None
) -> Path:
    """One band of class indices with a colour table; the tags CLASS_0, CLASS_1... of the band name the classes.

    Args:
        strips: see ``Strips``; whole numbers: 0 background, 1.. class index, 255 where nothing was seen.
        tags: provenance, written as the file's metadata.

    Raises:
        UsageError: the strips do not fit the grid or hold another number, or the grid's projection is not known to PROJ.
        MissingExtra: rasterio is not installed.
    """
    known = np.isin(np.arange(256), [*range(len(classes) + 1), NO_DATA])

    def index(values: NDArray[Any]) -> NDArray[np.uint8]:
        with np.errstate(invalid="ignore"):  # NaN is refused below
            numbers = values.astype(np.uint8)
        if not known[numbers].all() or (values.dtype != np.uint8 and not np.array_equal(numbers, values)):
            raise UsageError(
                f"a mask for {path.name} holds numbers beside 0 to {len(classes)} and {NO_DATA}: give class indices"
            )
        return numbers

    def describe(file: Any) -> None:
        colours = {0: BACKGROUND} | {k + 1: COLOURS[k % len(COLOURS)] for k in range(len(classes))}
        file.write_colormap(1, colours)
        file.set_band_description(1, "class")
        file.update_tags(1, **{f"CLASS_{k}": name for k, name in enumerate(("background", *classes))})

    return _write(path, grid, strips, 1, index, describe, "mode", tags or {})


def levels(values: Floats) -> NDArray[np.uint8]:
    """Probabilities → 0..254, NaN → 255; what lies beyond [0, 1] is taken for 0 or 1.

    >>> levels(np.array([0, 0.5, 1, np.nan], np.float32)).tolist()
    [0, 127, 254, 255]
    """
    scaled = np.multiply(values, np.float32(LEVELS), dtype=np.float32)
    np.rint(scaled, out=scaled)
    np.clip(scaled, 0, LEVELS, out=scaled)
    scaled[np.isnan(scaled)] = NO_DATA
    return scaled.astype(np.uint8)


def _write(
    path: Path, grid: Grid, strips: Strips, bands: int, store: Callable[[NDArray[Any]], NDArray[np.uint8]],
    describe: Callable[[Any], None], resampling: str, tags: Mapping[str, str],
) -> Path:  # fmt: skip
    """Stream rows into a plain file, then make the final one of it; nothing is left behind when that fails."""
    rasterio = _rasterio(path)
    profile = _profile(rasterio, grid, bands)
    with replacing(path) as part, TemporaryDirectory(prefix=f".{path.name}.", dir=path.parent) as folder:
        plain, whole = Path(folder) / "plain.tif", Path(folder) / "whole.tif"
        with _blaming(path), _quiet(rasterio):
            with rasterio.open(plain, "w", **profile) as file:
                describe(file)
                file.update_tags(**tags)
                for row, values in _in_order(path, grid, bands, strips):
                    file.write(store(values), window=((row, row + values.shape[1]), (0, grid.shape[1])))
            importlib.import_module("rasterio.shutil").copy(
                plain, whole, driver="COG", COMPRESS="DEFLATE", BLOCKSIZE=TILE, BIGTIFF="IF_SAFER",
                OVERVIEWS="IGNORE_EXISTING", OVERVIEW_RESAMPLING=resampling.upper(),
            )  # fmt: skip
        os.replace(whole, part)
    return path


def _rasterio(path: Path) -> Any:
    """The rasterio package, imported now."""
    try:
        return importlib.import_module("rasterio")
    except ImportError:
        raise MissingExtra("rasterio", "geo", f"it writes {path.name}") from None


@contextmanager
def _quiet(rasterio: Any) -> Iterator[None]:
    """GDAL with a small cache and without sidecar files; a scene without georeference is no surprise here."""
    with rasterio.Env(**DRAWER), warnings.catch_warnings():
        warnings.simplefilter("ignore", importlib.import_module("rasterio.errors").NotGeoreferencedWarning)
        yield


@contextmanager
def _blaming(path: Path) -> Iterator[None]:
    """What GDAL says when the disk is full becomes an OSError; errors of whoever makes the strips pass."""
    try:
        yield
    except Exception as error:
        if isinstance(error, SystemError) or type(error).__module__.startswith("rasterio"):
            raise OSError(f"{path.name} could not be written ({error}): check the space left on the disk") from error
        raise


def _profile(rasterio: Any, grid: Grid, bands: int) -> dict[str, Any]:
    """How the plain file is laid out: uncompressed tiles, which may be filled in parts.

    Raises:
        UsageError: the projection cannot be understood.
    """
    profile: dict[str, Any] = {
        "driver": "GTiff", "dtype": "uint8", "nodata": NO_DATA, "count": bands, "height": grid.shape[0],
        "width": grid.shape[1], "tiled": True, "blockxsize": TILE, "blockysize": TILE, "interleave": "band",
        "photometric": "MINISBLACK", "alpha": "NO", "BIGTIFF": "IF_SAFER",
    }  # fmt: skip
    if not grid.transform.is_identity:
        profile["transform"] = grid.transform
    if grid.crs is not None:
        try:
            profile["crs"] = rasterio.crs.CRS.from_user_input(grid.crs)
        except importlib.import_module("rasterio.errors").CRSError as error:
            raise UsageError(
                f"the map projection {grid.crs[:60]!r} is not understood ({error}): give an EPSG code"
            ) from None
    return profile


def _in_order(path: Path, grid: Grid, bands: int, strips: Strips) -> Iterator[tuple[int, NDArray[Any]]]:
    """The strips as (bands, rows, cols), checked.

    Raises:
        UsageError: they do not come in order, do not fit, or stop early.
    """
    rows, cols = grid.shape
    done = 0
    for row, values in strips:
        block = values[None] if values.ndim == 2 else values
        stop = row + block.shape[1]
        if row != done or stop > rows or (block.shape[0], block.shape[2]) != (bands, cols):
            raise UsageError(
                f"values of shape {values.shape} from row {row} do not fit {path.name}: after {done} rows, "
                f"({bands}, rows, {cols}) up to row {rows} is wanted"
            )
        yield row, block
        done = stop
    if done != rows:
        raise UsageError(f"the values for {path.name} stop after {done} of {rows} rows: give them all")
