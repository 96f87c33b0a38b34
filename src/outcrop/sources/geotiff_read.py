"""Windows of GeoTIFF, COG and JPEG 2000 files → float32 in the file's own units, NaN where nothing was seen.

The driver follows from the first bytes and no other is tried: a VRT under the name of a TIFF, which could name any
file of the machine, is not opened. What lies beside a file (.aux.xml, .msk, .ovr, world files) is not followed either.
"""

import importlib
import os
import threading
import warnings
from collections import OrderedDict
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from math import isnan
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from outcrop.core.errors import BadInput, DamagedFile, MissingExtra, OutcropError, UnknownFormat
from outcrop.core.grid import Window
from outcrop.core.scene import Floats

TIFF_STARTS = (b"II*\0", b"MM\0*", b"II+\0", b"MM\0+")
"""Classic and BigTIFF, both byte orders."""

JPEG_2000_STARTS = (b"\x00\x00\x00\x0cjP  ", b"\xff\x4f\xff\x51")
"""A JP2 file, and a bare code stream."""

DRIVERS = {**dict.fromkeys(TIFF_STARTS, "GTiff"), **dict.fromkeys(JPEG_2000_STARTS, "JP2OpenJPEG")}
FORMATS = {"GTiff": "TIFF", "JP2OpenJPEG": "JPEG 2000"}

MOST_OPEN = 16
"""Datasets that a thread keeps open: the bands of a Sentinel-2 product, one file each."""

SETTINGS: dict[str, Any] = {
    "GDAL_DISABLE_READDIR_ON_OPEN": "EMPTY_DIR",
    "GDAL_PAM_ENABLED": "NO",
    "GDAL_CACHEMAX": 160 << 20,  # bytes of decoded blocks: two rows of tiles of three Sentinel-2 bands in JPEG 2000
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Band:
    """One band of a file.

    Attributes:
        number: position in the file, from 1.
        dtype: as stored, e.g. "uint16".
        scale, offset: value = stored * scale + offset.
        nodata: stored value that means nothing was seen; None without any.
    """

    number: int
    name: str
    dtype: str
    scale: float = 1.0
    offset: float = 0.0
    nodata: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Layer:
    """What is read from one file.

    Attributes:
        shape: (rows, cols).
        alpha: numbers of the bands that say how opaque a pixel is; 0 means nothing was seen.
        masked: the file has a mask of its own for all bands.
    """

    path: Path
    driver: str
    shape: tuple[int, int]
    bands: tuple[Band, ...]
    alpha: tuple[int, ...] = ()
    masked: bool = False


def rasterio_for(path: Path) -> Any:
    """The rasterio package, imported now.

    Raises:
        MissingExtra: it is not installed.
    """
    try:
        return importlib.import_module("rasterio")
    except ImportError:
        raise MissingExtra("rasterio", "geo", f"it reads {path.name}") from None


def driver_of(path: Path) -> str:
    """The GDAL driver that the first bytes ask for.

    Raises:
        BadInput: the file cannot be read.
        DamagedFile: empty.
        UnknownFormat: neither TIFF nor JPEG 2000.
    """
    try:
        with path.open("rb") as file:
            start = file.read(12)
    except OSError as error:
        raise BadInput(f"{path.name} cannot be read ({error.strerror}): check the file and its permissions") from None
    if not start:
        raise DamagedFile(f"{path.name} is empty: copy or export it again")
    driver = next((driver for magic, driver in DRIVERS.items() if start.startswith(magic)), None)
    if driver is None:
        raise UnknownFormat(f"{path.name} is neither TIFF nor JPEG 2000 inside: give a GeoTIFF, COG or JP2 file")
    return driver


@contextmanager
def blaming(path: Path, driver: str, doing: str = "be opened") -> Iterator[None]:
    """Whatever rasterio raises on a broken file becomes a DamagedFile."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # a missing georeference is said in the notes
            yield
    except OutcropError:
        raise
    except MemoryError:
        raise
    except Exception as error:  # noqa: BLE001  (rasterio's own kinds, ValueError and SystemError have no common base)
        reason = str(error.__cause__ or error).replace(str(path), path.name).splitlines() or [type(error).__name__]
        raise DamagedFile(
            f"{path.name} cannot {doing} as {FORMATS[driver]} ({reason[0].rstrip('.')}): copy or download it again"
        ) from None


_HERE = threading.local()


def opened(path: Path, driver: str) -> Any:
    """An open dataset of this thread in this process, for now: the last ones used are kept, older ones closed.

    GDAL's handles belong to one thread and do not survive a fork.

    Raises:
        BadInput: the file is gone.
        DamagedFile: the driver cannot open it.
    """
    if getattr(_HERE, "process", None) != os.getpid():
        _HERE.process, _HERE.held = os.getpid(), OrderedDict()
    held: OrderedDict[tuple[Any, ...], Any] = _HERE.held
    try:
        state = path.stat()
    except OSError as error:
        raise BadInput(f"{path.name} cannot be read any more ({error.strerror}): put it back") from None
    key = (path, state.st_ino, state.st_size, state.st_mtime_ns)
    if key not in held:
        rasterio = rasterio_for(path)
        with blaming(path, driver):
            # An absolute path is never taken for a URL, nor for one of GDAL's names for parts of a file.
            held[key] = rasterio.open(path.absolute(), driver=driver, sharing=False)
        while len(held) > MOST_OPEN:
            held.popitem(last=False)[1].close()
    held.move_to_end(key)
    return held[key]


@contextmanager
def settings(path: Path) -> Iterator[None]:
    """GDAL as it must be set while files are opened and read."""
    with rasterio_for(path).Env(**SETTINGS):
        yield


def read_layer(layer: Layer, window: Window) -> Floats:
    """(bands, rows, cols) of a window; NaN where nothing was seen and outside the file.

    Raises:
        BadInput: the file is gone.
        DamagedFile: a part of it that the window needs cannot be decoded.
    """
    rows, cols = layer.shape
    top, bottom = max(window.row, 0), min(window.row + window.height, rows)
    left, right = max(window.col, 0), min(window.col + window.width, cols)
    if (bottom - top, right - left) == (window.height, window.width):
        return _read(layer, (top, bottom), (left, right))
    values = np.full((len(layer.bands), window.height, window.width), np.nan, np.float32)
    if top < bottom and left < right:
        inside = slice(top - window.row, bottom - window.row), slice(left - window.col, right - window.col)
        values[:, *inside] = _read(layer, (top, bottom), (left, right))
    return values


def _read(layer: Layer, rows: tuple[int, int], cols: tuple[int, int]) -> Floats:
    """A window wholly inside the file."""
    where = f"be read in rows {rows[0]} to {rows[1] - 1}, columns {cols[0]} to {cols[1] - 1}"
    with settings(layer.path):
        dataset = opened(layer.path, layer.driver)
        with blaming(layer.path, layer.driver, where):
            stored = dataset.read([band.number for band in layer.bands], window=(rows, cols))
            hidden = [dataset.read(number, window=(rows, cols)) == 0 for number in layer.alpha]
            if layer.masked:
                hidden.append(dataset.read_masks(layer.bands[0].number, window=(rows, cols)) == 0)
    values = np.stack([in_units(plane, band) for plane, band in zip(stored, layer.bands, strict=True)])
    for unseen in hidden:
        values[:, unseen] = np.nan
    return values


def in_units(stored: NDArray[Any], band: Band) -> Floats:
    """Stored numbers → values in the file's own units, float32; NaN for nodata, NaN and infinities.

    >>> in_units(np.array([[0, 1000]], np.uint16), Band(number=1, name="B2", dtype="uint16", scale=0.5, nodata=0)).tolist()
    [[nan, 500.0]]
    """
    absent = _absent(stored, band.nodata)
    exact: Any = np.float32 if stored.dtype.itemsize <= 2 or stored.dtype == np.float32 else np.float64
    values: NDArray[Any] = stored.astype(exact)
    with np.errstate(over="ignore", invalid="ignore"):
        if (band.scale, band.offset) != (1.0, 0.0):
            values = values * exact(band.scale) + exact(band.offset)
        result: Floats = values.astype(np.float32, copy=False)
    result[~np.isfinite(result)] = np.nan
    if absent is not None:
        result[absent] = np.nan
    return result


def _absent(stored: NDArray[Any], nodata: float | None) -> NDArray[np.bool_] | None:
    """Where the nodata value stands, compared in the stored type: -3.4e38 as text is not the float32 nearest to it."""
    if nodata is None or isnan(nodata):
        return None
    if stored.dtype.kind in "iu":
        limits = np.iinfo(stored.dtype)
        if nodata != round(nodata) or not limits.min <= nodata <= limits.max:
            return None
        return np.asarray(stored == stored.dtype.type(int(nodata)))
    with np.errstate(over="ignore"):
        return np.asarray(stored == stored.dtype.type(nodata))
