"""Sentinel-2 from a STAC catalogue on disk: find looks at a place, and make one cloud-free scene of many.

``find_looks`` lists what a catalogue holds of a place and time; ``median_composite`` gives the median of every pixel
over the looks, window by window, clouds left out. Needs pystac (extra "stac") and rasterio (extra "geo").
"""

import importlib
import warnings
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np

from outcrop.core.errors import BadInput, DamagedFile, MissingExtra, NothingToSee, UsageError
from outcrop.core.grid import Window
from outcrop.core.scene import Floats, Scene
from outcrop.sources.geotiff import open_stack
from outcrop.sources.geotiff_describe import describe

DIGITAL = 10_000.0
"""Digital numbers of reflectance 1 in Sentinel-2 products."""

OFFSET, OFFSET_BASELINE, OFFSET_SINCE = 1000.0, 4.0, datetime(2022, 1, 25, tzinfo=UTC)
"""Added to digital numbers from processing baseline 04.00 on, in use since this day (ESA, Sentinel-2 products)."""

CLOUDY_CLASSES = (0, 1, 3, 8, 9, 10)
"""Scene classification (SCL) that is not used: no data, saturated, shadow, cloud of medium and high probability, cirrus."""

CLOUDY_BITS = 1 << 10 | 1 << 11
"""Bits of QA60 that mark dense cloud and cirrus."""

CLOUD_ASSETS = ("scl", "qa60")
"""Assets that tell clouds, best first."""

REMOTE = ("http:", "https:", "s3:", "gs:")
"""How addresses begin that are no files of this machine."""

NAMES = {
    "blue": ("blue", "b02", "b2"),
    "green": ("green", "b03", "b3"),
    "red": ("red", "b04", "b4"),
    "nir": ("nir", "b08", "b8"),
}
"""Words for one band, lower case."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Look:
    """One product of the catalogue.

    Attributes:
        cloud: percent of the product, None where not said.
        level: "L1C" (top of atmosphere), "L2A" (surface) or "" where not said.
        offset: what must be taken off digital numbers before they are divided by 10000: 0 or 1000.
        assets: files by key, lower case.
    """

    id: str
    acquired: datetime
    cloud: float | None
    level: str
    offset: float
    assets: Mapping[str, Path]

    def file(self, band: str) -> Path:
        """The file of a band, by any of its names.

        Raises:
            UsageError: the product has no such band.
        """
        wanted = band.lower()
        words = next((words for words in NAMES.values() if wanted in words), (wanted,))
        found = next((self.assets[word] for word in words if word in self.assets), None)
        if found is None:
            raise UsageError(f"{self.id} has no band {band}: choose among {', '.join(sorted(self.assets))}")
        if str(found).startswith(REMOTE):
            raise UsageError(
                f"{self.id} keeps its band {band} at {found.as_posix()}: fetch the products to the disk first"
            )
        return found


def find_looks(
    catalogue: Path, bbox: tuple[float, float, float, float], dates: tuple[datetime, datetime], cloud: float = 100.0
) -> list[Look]:
    """Products of a catalogue that touch a box in a span of time, oldest first.

    Args:
        catalogue: catalog.json or collection.json on disk.
        bbox: west, south, east, north in degrees.
        dates: first and last moment; without a time zone they are UTC.
        cloud: largest cloud cover in percent; products that do not say theirs are kept.

    Raises:
        DamagedFile: no catalogue, or one that cannot be read.
        NothingToSee: no product fits.
        MissingExtra: pystac is not installed.
    """
    try:
        pystac = importlib.import_module("pystac")
    except ImportError:
        raise MissingExtra("pystac", "stac", f"it reads {catalogue.name}") from None
    first, last = (_utc(date) for date in dates)
    try:
        items = list(pystac.read_file(str(catalogue)).get_items(recursive=True))
    except (OSError, ValueError, KeyError, AttributeError, pystac.STACError, pystac.STACTypeError) as error:
        raise DamagedFile(f"{catalogue} cannot be read as a STAC catalogue ({error}): give its catalog.json") from None
    found = []
    for item in items:
        if item.datetime is None or not first <= _utc(item.datetime) <= last or not _touches(item.bbox, bbox):
            continue
        look = _look(item)
        if look.cloud is None or look.cloud <= cloud:
            found.append(look)
    if not found:
        raise NothingToSee(
            f"none of the {len(items)} products of {catalogue} fits the box, the dates and the clouds: widen them"
        )
    return sorted(found, key=lambda look: (look.acquired, look.id))


def _utc(date: datetime) -> datetime:
    return date.replace(tzinfo=UTC) if date.tzinfo is None else date.astimezone(UTC)


def _touches(one: Sequence[float] | None, other: tuple[float, float, float, float]) -> bool:
    """Whether two boxes share a place; a product without a box is asked for nothing."""
    if one is None or len(one) not in (4, 6):
        return False
    west, south, east, north = (one[0], one[1], one[len(one) // 2], one[len(one) // 2 + 1])
    return west <= other[2] and east >= other[0] and south <= other[3] and north >= other[1]


def _look(item: Any) -> Look:
    """What a STAC item says of a product."""
    said = item.properties
    acquired = _utc(item.datetime)
    cloud = said.get("eo:cloud_cover")
    kind = f"{said.get('processing:level', '')} {said.get('s2:product_type', '')} {item.collection_id or ''} {item.id}".upper()
    level = "L2A" if "L2A" in kind or "L2" in kind.split() else "L1C" if "L1C" in kind or "L1" in kind.split() else ""
    return Look(
        id=item.id, acquired=acquired, cloud=None if cloud is None else float(cloud), level=level,
        offset=_offset(item.id, said, acquired),
        assets={key.lower(): Path(asset.get_absolute_href() or asset.href) for key, asset in item.assets.items()},
    )  # fmt: skip


def _offset(id: str, said: Mapping[str, Any], acquired: datetime) -> float:
    """What is still in the digital numbers. Catalogues that took it off say so, and keep the product's baseline."""
    if said.get("earthsearch:boa_offset_applied") is True or said.get("sentinel:boa_offset_applied") is True:
        return 0.0
    baseline = said.get(
        "s2:processing_baseline", said.get("processing:version", said.get("sentinel2:processing_baseline"))
    )
    if baseline is None:
        return OFFSET if acquired >= OFFSET_SINCE else 0.0
    try:
        return OFFSET if float(baseline) >= OFFSET_BASELINE else 0.0
    except (TypeError, ValueError):
        raise BadInput(
            f"{id} gives its processing baseline as {baseline!r}: a number such as 04.00 is wanted"
        ) from None


def median_composite(
    looks: Sequence[Look], bands: Sequence[str] = ("red", "green", "blue"), *, least: int = 1
) -> Scene:
    """The median reflectance of every pixel over looks of one place; nothing is read until a window is asked for.

    A look counts in a pixel where its bands hold data and its SCL or QA60 sees no cloud. Memory is bounded by a
    window times the number of looks.

    Args:
        looks: of one grid (one Sentinel-2 tile) and one processing level.
        bands: names in the order of the scene.
        least: clear looks below which a pixel stays unseen.

    Raises:
        UsageError: no looks, levels mixed, a band that is missing, or grids that differ.
    """
    if not looks:
        raise UsageError("no looks were given for a median: find some with find_looks")
    levels = sorted({look.level for look in looks if look.level})
    if len(levels) > 1:
        raise UsageError(f"looks of {' and '.join(levels)} do not mix: they are above and below the air; choose one")
    readers = [_Clear.of(look, tuple(bands)) for look in looks]
    grid = readers[0].stack.grid
    for reader in readers[1:]:
        if reader.stack.grid != grid:
            raise UsageError(f"{reader.look.id} has another grid than {looks[0].id}: give looks of one tile")

    def read(window: Window) -> Floats:
        seen = np.stack([reader.read(window) for reader in readers])
        clear = np.isfinite(seen).all(axis=1).sum(axis=0)
        with warnings.catch_warnings():
            # Pixels that no look saw are NaN, which is what is meant.
            warnings.simplefilter("ignore", RuntimeWarning)
            middle = np.nanmedian(seen, axis=0)
        return np.asarray(np.where(clear >= max(least, 1), middle, np.nan), np.float32)

    days = sorted(look.acquired for look in looks)
    return Scene(
        id=f"median-{days[0]:%Y%m%d}-{days[-1]:%Y%m%d}", grid=grid, bands=tuple(bands), read=read,
        acquired=days[len(days) // 2], path=looks[0].file(bands[0]), notes=_notes(looks, readers, levels),
    )  # fmt: skip


def _notes(looks: Sequence[Look], readers: Sequence["_Clear"], levels: Sequence[str]) -> tuple[str, ...]:
    """What went into a median."""
    days = sorted(look.acquired for look in looks)
    shifted = sum(reader.offset > 0 for reader in readers)
    blind = sum(reader.clouds == "" for reader in readers)
    notes = [
        f"median of {len(looks)} looks from {days[0]:%Y-%m-%d} to {days[-1]:%Y-%m-%d}, {levels[0] if levels else 'level not said'}"
    ]
    notes += [f"the offset of {OFFSET:g} was taken off the digital numbers of {shifted} looks"] if shifted else []
    notes += [f"{blind} looks came without SCL or QA60: their clouds are in the median"] if blind else []
    return tuple(notes)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Clear:
    """The clear part of one look.

    Attributes:
        stack: the bands, then the file that tells clouds if there is one.
        clouds: "scl", "qa60" or "".
        factor, offset: reflectance is (stored - offset) × factor.
        digital: the files hold digital numbers, in which 0 means no data.
    """

    look: Look
    stack: Scene
    count: int
    clouds: str
    factor: float
    offset: float
    digital: bool

    @classmethod
    def of(cls, look: Look, bands: tuple[str, ...]) -> "_Clear":
        """Open a look's files; a scale that a file carries itself is applied by its reader, and nothing more is."""
        files = [look.file(band) for band in bands]
        clouds = next((asset for asset in CLOUD_ASSETS if asset in look.assets), "")
        stack = open_stack([*files, look.assets[clouds]] if clouds else files)
        if len(stack.bands) != len(files) + bool(clouds):
            raise UsageError(f"{look.id} has files of several bands: give one file per band")
        own = {(band.scale, band.offset) != (1.0, 0.0) for file in files for band in describe(file).bands}
        if len(own) > 1:
            raise UsageError(f"{look.id} has files with and without a scale of their own: give files of one kind")
        digital = own == {False}
        return cls(
            look=look, stack=stack, count=len(files), clouds=clouds, factor=1 / DIGITAL if digital else 1.0,
            offset=look.offset if digital else 0.0, digital=digital,
        )  # fmt: skip

    def read(self, window: Window) -> Floats:
        """Reflectance, (bands, rows, cols), NaN where nothing or cloud was seen."""
        values = self.stack.read(window)
        stored = values[: self.count]
        unseen = ~np.isfinite(stored).all(axis=0)
        if self.digital:
            unseen |= (stored == 0).any(axis=0)
        if self.clouds:
            told = np.nan_to_num(values[self.count]).astype(np.int64)
            unseen |= np.isin(told, CLOUDY_CLASSES) if self.clouds == "scl" else (told & CLOUDY_BITS) > 0
        reflectance = (stored - np.float32(self.offset)) * np.float32(self.factor)
        return np.asarray(np.where(unseen, np.float32(np.nan), reflectance), np.float32)
