"""What a GeoTIFF, COG or JPEG 2000 file says of itself: grid, bands, date, and what is odd about it."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np

from outcrop.core.errors import DamagedFile, NoGeometry, TooLarge, UnknownFormat, UsageError
from outcrop.core.grid import PIXELS, Axis, Grid
from outcrop.sources.geotiff_read import Band, blaming, driver_of, opened, settings

COLOURS = ("red", "green", "blue", "pan", "coastal", "rededge", "nir", "swir", "mwir", "lwir")
"""Colour interpretations that serve as names of bands."""

UNITS = {"metre": "m", "meter": "m", "degree": "°"}
"""GDAL's words for units → ours; others are kept."""

ACQUIRED = ("ACQUISITIONDATETIME", "SENSING_TIME", "DATATAKE_1_DATATAKE_SENSING_START", "PRODUCT_START_TIME")
"""Metadata keys of the moment the sensor looked: GDAL's IMAGERY domain, then Sentinel-2."""

WRITTEN = "TIFFTAG_DATETIME"
"""Moment of the file, the last resort."""

PRODUCT = re.compile(r"(?:^|_)(?:S2[A-D]_\w*?|T\d{2}[A-Z]{3}_)(\d{8}T\d{6})(?!\d)")
"""Sensing time in the name of a Sentinel-2 product, S2A_MSIL1C_20200125T132241_..., or of its bands, T23KNP_20200125T132241_B04."""

FILE_BAND = re.compile(r"(?:^|[^A-Za-z0-9])(?:(B\d{1,2}A?|SCL|AOT|WVP)|band[ _-]?(\d{1,3}))(?:_\d+m)?$", re.IGNORECASE)
"""Band at the end of a file's name: T23KNP_20200125T132241_B04_10m, LC08_B4, scene-band2."""

MOST_BLOCK = 1 << 30
"""Bytes of one block, the least that can be decoded; beyond this a small window is no longer a small read."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RasterFile:
    """One file, described.

    Attributes:
        bands: every band, transparency included.
        named: False where ``bands`` only counts them.
        alpha: numbers of the bands of transparency.
        masked: the file has a mask of its own for all bands.
        notes: what is odd about it, one sentence each.
    """

    path: Path
    driver: str
    grid: Grid
    bands: tuple[Band, ...]
    named: bool
    alpha: tuple[int, ...]
    masked: bool
    acquired: datetime | None
    notes: tuple[str, ...]


def describe(path: Path) -> RasterFile:
    """Read a file's headers, and none of its pixels.

    Raises:
        UnknownFormat: neither TIFF nor JPEG 2000, or complex numbers.
        DamagedFile: the headers are cut or contradict themselves.
        TooLarge: it is stored in blocks too large to decode.
        NoGeometry: its transform lays all pixels on one line.
        MissingExtra: rasterio is not installed.
    """
    driver = driver_of(path)
    with settings(path):
        dataset = opened(path, driver)
        with blaming(path, driver):
            _refuse(path, dataset)
            grid, notes = _grid(path, dataset)
            names, named = _names(path, dataset)
            meanings = [colour.name for colour in dataset.colorinterp]
            alpha = [i + 1 for i, meaning in enumerate(meanings) if meaning == "alpha" and not dataset.descriptions[i]]
            flags = {flag.name for some in dataset.mask_flag_enums for flag in some}
            acquired, said = _acquired(path, {**dataset.tags(ns="IMAGERY"), **dataset.tags()})
            return RasterFile(
                path=path,
                driver=driver,
                grid=grid,
                bands=_bands(path, dataset, names),
                named=named,
                alpha=tuple(alpha) if len(alpha) < dataset.count else (),
                masked="per_dataset" in flags and "alpha" not in flags,
                acquired=acquired,
                notes=(*notes, *said, *_oddities(path, dataset, meanings)),
            )


def _refuse(path: Path, dataset: Any) -> None:
    """Only real numbers in blocks of a bearable size pass."""
    kinds = {np.dtype(kind).kind if "complex_int" not in kind else "c" for kind in dataset.dtypes}
    if not kinds <= set("iuf"):
        raise UnknownFormat(f"{path.name} holds complex numbers: save their magnitude")
    together = dataset.count if dataset.profile.get("interleave") == "pixel" else 1
    rows, cols = dataset.block_shapes[0]
    size = rows * cols * np.dtype(dataset.dtypes[0]).itemsize * together
    if size > MOST_BLOCK:
        raise TooLarge(
            f"{path.name} is stored in blocks of {cols} x {rows} pixels, {size >> 20} MiB each, and the most is "
            f"{MOST_BLOCK >> 20} MiB: rewrite it in tiles, with  gdal_translate -co TILED=YES"
        )


def _grid(path: Path, dataset: Any) -> tuple[Grid, list[str]]:
    """Where the pixels lie, and what is missing there."""
    transform, crs = dataset.transform, dataset.crs
    if transform.is_degenerate:
        raise NoGeometry(f"{path.name} lays all its pixels on one line or point: its transform must be written again")
    if crs is not None:
        code = crs.to_epsg()
        text = f"EPSG:{code}" if code else crs.to_wkt(version="WKT2_2019")
        return Grid(shape=dataset.shape, transform=transform, axes=_axes(crs), crs=text), []
    notes = []
    if not transform.is_identity:
        notes = [f"{path.name} has a transform but names no map projection, so its pixels have no known size"]
    elif dataset.gcps[0] or dataset.rpcs:
        notes = [f"{path.name} is placed by control points or a sensor model only, which are not used: warp it first"]
    return Grid(shape=dataset.shape, transform=transform, axes=PIXELS), notes


def _axes(crs: Any) -> tuple[Axis, Axis]:
    """The axes of a map projection or of longitude and latitude."""
    word = crs.units_factor[0]
    unit = UNITS.get(word, word)
    names = (
        ("longitude", "latitude") if crs.is_geographic else ("easting", "northing") if crs.is_projected else ("x", "y")
    )
    return Axis(names[0], unit), Axis(names[1], unit)


def band_of_name(stem: str) -> str | None:
    """The band that a file's name ends in.

    >>> band_of_name("T23KNP_20200125T132241_b8a_20m"), band_of_name("scene_band2"), band_of_name("scene")
    ('B8A', 'band 2', None)
    """
    found = FILE_BAND.search(stem)
    if not found:
        return None
    return found[1].upper() if found[1] else f"band {int(found[2])}"


def _names(path: Path, dataset: Any) -> tuple[tuple[str, ...], bool]:
    """Names in the file's own words, else its colours, else the file's name, else numbers."""
    meanings = [colour.name for colour in dataset.colorinterp]
    names = [
        text or (meaning if meaning in COLOURS else "")
        for text, meaning in zip(dataset.descriptions, meanings, strict=True)
    ]
    if len(names) == 1 and not names[0]:
        names = [band_of_name(path.stem) or ""]
    return tuple(name or f"band {i + 1}" for i, name in enumerate(names)), all(names)


def _bands(path: Path, dataset: Any, names: Sequence[str]) -> tuple[Band, ...]:
    """Every band with its scale, offset and nodata value."""
    columns = zip(names, dataset.dtypes, dataset.scales, dataset.offsets, dataset.nodatavals, strict=True)
    bands = tuple(
        Band(number=i + 1, name=name, dtype=dtype, scale=scale, offset=offset, nodata=nodata)
        for i, (name, dtype, scale, offset, nodata) in enumerate(columns)
    )
    for band in bands:
        if not np.isfinite([band.scale, band.offset]).all() or band.scale == 0:
            raise DamagedFile(
                f"{path.name} gives {band.name} a scale of {band.scale:g} and an offset of {band.offset:g}, "
                "which is no way to read it: write the right ones into the file"
            )
    return bands


def _oddities(path: Path, dataset: Any, meanings: Sequence[str]) -> list[str]:
    """What a reader of the results should know beside grid and bands."""
    notes = []
    if len(dataset.subdatasets) > 1:
        notes.append(f"{path.name} holds {len(dataset.subdatasets)} pictures, of which the first was read")
    if "palette" in meanings:
        notes.append(f"{path.name} has a colour table; values are its numbers, not its colours")
    return notes


def _acquired(path: Path, tags: Mapping[str, str]) -> tuple[datetime | None, list[str]]:
    """When the sensor looked, UTC, and a note where only the moment of the file is known."""
    known = {key.upper(): value for key, value in tags.items()}
    product = PRODUCT.search(path.stem)
    for text in [*(known.get(key) for key in ACQUIRED), product[1] if product else None]:
        moment = _moment(text)
        if moment:
            return moment, []
    written = _moment(known.get(WRITTEN))
    notes = [f"the date of {path.name} is that of its TIFF tag, which may be when the file was made"] if written else []
    return written, notes


def _moment(text: str | None) -> datetime | None:
    """ISO 8601 or TIFF's "2020:01:25 13:22:41"; UTC where no zone is given; None where it is neither."""
    if not text:
        return None
    try:
        moment = datetime.fromisoformat(re.sub(r"^(\d{4}):(\d\d):(\d\d)", r"\1-\2-\3", text.strip()))
        return moment.replace(tzinfo=moment.tzinfo or UTC).astimezone(UTC)
    except (ValueError, OverflowError):
        return None


def band_key(name: str) -> str:
    """Names that mean the same band have the same key: B4, b04, "B 04"."""
    plain = re.sub(r"[\s_-]", "", name).casefold()
    return re.sub(r"^(b|band)0+(?=\d)", r"\1", plain)


def choose_bands(asked: Sequence[str], names: Sequence[str], what: str) -> list[int]:
    """Positions, from 0, of the bands asked for by name or by number from 1.

    Raises:
        UsageError: a band is not there, or its name fits several.

    >>> choose_bands(["B4", "1"], ["B02", "B03", "B04"], "scene.tif")
    [2, 0]
    """
    keys = [band_key(name) for name in names]
    there = ", ".join(f"{i + 1} {name}" for i, name in enumerate(names))
    positions = []
    for text in asked:
        fitting = [i for i, key in enumerate(keys) if key == band_key(text)]
        if len(fitting) > 1:
            raise UsageError(f"{what} has several bands {text}: ask by number, of {there}")
        number = int(text) if text.strip().isdecimal() else 0
        if not fitting and not 1 <= number <= len(names):
            raise UsageError(f"{what} has no band {text}: it has {there}")
        positions.append(fitting[0] if fitting else number - 1)
    return positions
