"""Scenes out: reflectance as a tiled GeoTIFF of whole numbers with the scale said in the file; needs rasterio, "geo".

Stored numbers are reflectance / scale rounded, at least 1 where something was seen; 0 is the nodata value.
"""

import importlib
import warnings
from collections.abc import Mapping
from datetime import UTC
from pathlib import Path
from typing import Any

import numpy as np

from outcrop.core.errors import MissingExtra, UsageError
from outcrop.core.grid import Window
from outcrop.core.scene import Floats, Scene
from outcrop.outputs import replacing

SCALE = 1e-4
"""Reflectance of one stored step, the one Sentinel-2 products have."""

TILE = 256
ROWS = 512
"""Rows read and written at a time."""


def write_scene(path: Path, scene: Scene, *, scale: float = SCALE, tags: Mapping[str, str] | None = None) -> Path:
    """A scene as uint16 GeoTIFF, bands named, grid and acquisition time kept; memory is bounded by 512 rows.

    Args:
        scale: reflectance of one step; values up to 65535 × scale can be written, brighter ones are cut.
        tags: written as the file's metadata.

    Raises:
        UsageError: the grid's projection is not known to PROJ.
        MissingExtra: rasterio is not installed.
    """
    try:
        rasterio = importlib.import_module("rasterio")
        errors = importlib.import_module("rasterio.errors")
    except ImportError:
        raise MissingExtra("rasterio", "geo", f"it writes {path.name}") from None
    rows, cols = scene.grid.shape
    profile: dict[str, Any] = {
        "driver": "GTiff", "dtype": "uint16", "nodata": 0, "count": len(scene.bands), "height": rows, "width": cols,
        "tiled": True, "blockxsize": TILE, "blockysize": TILE, "compress": "deflate", "predictor": 2,
        "interleave": "band", "photometric": "MINISBLACK", "BIGTIFF": "IF_SAFER",
    }  # fmt: skip
    if not scene.grid.transform.is_identity:
        profile["transform"] = scene.grid.transform
    if scene.grid.crs is not None:
        try:
            profile["crs"] = rasterio.crs.CRS.from_user_input(scene.grid.crs)
        except errors.CRSError as error:
            raise UsageError(
                f"the projection {scene.grid.crs[:60]!r} is not understood ({error}): give an EPSG code"
            ) from None
    with replacing(path) as part, rasterio.Env(GDAL_PAM_ENABLED="NO"), warnings.catch_warnings():
        warnings.simplefilter("ignore", errors.NotGeoreferencedWarning)
        with rasterio.open(part, "w", **profile) as file:
            _describe(file, scene, scale, tags or {})
            for row in range(0, rows, ROWS):
                height = min(ROWS, rows - row)
                window = Window(row=row, col=0, height=height, width=cols)
                place = rasterio.windows.Window(0, row, cols, height)
                file.write(stored(scene.read(window), scale), window=place)
    return path


def stored(values: Floats, scale: float = SCALE) -> np.ndarray[Any, np.dtype[np.uint16]]:
    """Reflectance → stored numbers, NaN → 0.

    >>> stored(np.array([0.1, 0, -0.01, np.nan, 9], np.float32)).tolist()
    [1000, 1, 1, 0, 65535]
    """
    steps = np.clip(np.rint(values / np.float32(scale)), 1, 65535)
    return np.where(np.isnan(steps), 0, steps).astype(np.uint16)


def _describe(file: Any, scene: Scene, scale: float, tags: Mapping[str, str]) -> None:
    """Scale, names, tags and time."""
    file.scales, file.offsets = (scale,) * len(scene.bands), (0.0,) * len(scene.bands)
    for number, name in enumerate(scene.bands, 1):
        file.set_band_description(number, name)
    file.update_tags(**tags)
    if scene.acquired is not None:
        moment = scene.acquired.astimezone(UTC).strftime("%Y-%m-%d %H:%M:%S")
        file.update_tags(ns="IMAGERY", ACQUISITIONDATETIME=moment)
