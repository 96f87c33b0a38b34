"""GeoTIFF, Cloud Optimized GeoTIFF and JPEG 2000 → scenes, read window by window; needs rasterio, the extra "geo".

Values are given in the file's own units, after its scale and offset; what they mean (reflectance or not) is for the
room to judge. NaN stands wherever a nodata value, NaN, a mask or full transparency says that nothing was seen.
Several files of one ground, one band each, make one scene; coarser ones are repeated to the finest grid.
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from os.path import commonprefix
from pathlib import Path

import numpy as np
from affine import Affine

from outcrop.core.errors import UsageError
from outcrop.core.grid import Grid, Window
from outcrop.core.scene import Floats, Scene
from outcrop.sources.geotiff_describe import FILE_BAND, RasterFile, choose_bands, describe
from outcrop.sources.geotiff_read import Band, Layer, read_layer

SAME_PLACE = 0.01
"""Part of a pixel by which the corners of one grid may differ."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RasterOptions:
    """How rasters are opened.

    Attributes:
        bands: bands wanted, in this order, by name (B4 finds B04) or by number from 1; all when empty.
    """

    bands: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class _Part:
    """The bands wanted of one file.

    Attributes:
        positions: of its bands in the scene.
        factor: pixels of the scene along a side of one of its own.
    """

    layer: Layer
    positions: tuple[int, ...]
    factor: int


def open_raster(path: Path, options: RasterOptions = RasterOptions()) -> Scene:
    """One file as a scene; no pixel is read yet.

    Raises:
        MissingExtra: rasterio is not installed.
        UnknownFormat: neither TIFF nor JPEG 2000 inside, or complex numbers.
        DamagedFile: empty, truncated or broken; reading a window of a broken part raises it too.
        UsageError: a band that is not there.
    """
    file = describe(path)
    return _scene(path.stem, [file], [band.name for band in file.bands], options)


def open_stack(paths: Sequence[Path], options: RasterOptions = RasterOptions()) -> Scene:
    """Files of one ground as one scene, bands in the order of the files.

    Bands are named by the files' own descriptions, else by the ends of the files' names (..._B04_10m.jp2, ...band4.tif),
    else by the whole names.

    Raises:
        UsageError: no files, two bands of one name, or files whose grids do not fit.
        OutcropError: as ``open_raster``.
    """
    if not paths:
        raise UsageError("no files were given to be stacked: name one file per band")
    files = [describe(path) for path in paths]
    names: list[str] = []
    for file in files:
        alone = len(file.bands) == 1 and not file.named
        for name in [file.path.stem] if alone else [band.name for band in file.bands]:
            if name in names:
                raise UsageError(
                    f"{file.path.name} holds a band {name}, which an earlier file holds too: give one of them"
                )
            names.append(name)
    shared = commonprefix([FILE_BAND.sub("", path.stem) for path in paths]).rstrip("_-. ")
    return _scene(shared or paths[0].stem, files, names, options)


def _scene(id: str, files: Sequence[RasterFile], names: Sequence[str], options: RasterOptions) -> Scene:
    """A scene over the bands wanted of these files; ``names`` are those of all their bands."""
    owners = [(file, band) for file in files for band in file.bands]
    what = files[0].path.name if len(files) == 1 else id
    if options.bands:
        wanted = choose_bands(options.bands, names, what)
    else:
        wanted = [i for i, (file, band) in enumerate(owners) if band.number not in file.alpha]
    grid = _finest([owners[i][0] for i in wanted])
    parts = []
    for file in files:
        positions = tuple(k for k, i in enumerate(wanted) if owners[i][0] is file)
        if positions:
            bands = tuple(owners[wanted[k]][1] for k in positions)
            # A band of transparency that is asked for outright is data.
            alpha = tuple(number for number in file.alpha if all(band.number != number for band in bands))
            layer = Layer(
                path=file.path, driver=file.driver, shape=file.grid.shape, bands=bands, alpha=alpha, masked=file.masked
            )
            parts.append(_Part(layer=layer, positions=positions, factor=_factor(file, grid, files)))
    return Scene(
        id=id,
        grid=grid,
        bands=tuple(names[i] for i in wanted),
        read=_reader(parts, len(wanted)),
        acquired=min((file.acquired for file in files if file.acquired), default=None),
        notes=(*(note for file in files for note in file.notes), *_notes(parts, [names[i] for i in wanted])),
        path=files[0].path,
    )


def _finest(files: Sequence[RasterFile]) -> Grid:
    """The grid with the most pixels."""
    return max((file.grid for file in files), key=lambda grid: grid.shape[0] * grid.shape[1])


def _factor(file: RasterFile, grid: Grid, files: Sequence[RasterFile]) -> int:
    """How often a file's pixels are repeated along each side to fill the grid.

    Raises:
        UsageError: the file lies elsewhere, or its pixels are no whole multiple.
    """
    other = next(f.path.name for f in files if f.grid is grid)
    rows, cols = file.grid.shape
    factor = grid.shape[0] // rows
    if (rows * factor, cols * factor) != grid.shape:
        raise UsageError(
            f"{file.path.name} has {cols} x {rows} pixels and {other} {grid.shape[1]} x {grid.shape[0]}, no whole "
            "multiple of it: bring the files to one grid"
        )
    if file.grid.crs != grid.crs:
        raise UsageError(
            f"{file.path.name} is in {_short(file.grid.crs)} and {other} in {_short(grid.crs)}: bring the files to one grid"
        )
    shift = ~grid.transform @ file.grid.transform @ Affine.scale(1 / factor)
    corners = [(0, 0), (0, grid.shape[0]), (grid.shape[1], 0)]
    away = max(np.hypot(*np.subtract(shift @ corner, corner)) for corner in corners)
    if away > SAME_PLACE:
        raise UsageError(f"{file.path.name} lies up to {away:.3g} pixels beside {other}: bring the files to one grid")
    return factor


def _short(crs: str | None) -> str:
    """A projection in a few words."""
    return "no projection" if crs is None else crs if len(crs) < 40 else f"{crs[:40]}..."


def _reader(parts: Sequence[_Part], count: int) -> Callable[[Window], Floats]:
    """The ``read`` of a scene over its parts; files are opened on the first use in each thread and process."""

    def read(window: Window) -> Floats:
        if len(parts) == 1 and parts[0].factor == 1:
            return read_layer(parts[0].layer, window)
        values = np.empty((count, window.height, window.width), np.float32)
        for part in parts:
            values[list(part.positions)] = _repeated(part, window)
        return values

    return read


def _repeated(part: _Part, window: Window) -> Floats:
    """A window of the scene out of a file of coarser pixels, each repeated."""
    factor = part.factor
    if factor == 1:
        return read_layer(part.layer, window)
    row, col = window.row // factor, window.col // factor
    bottom, right = -(-(window.row + window.height) // factor), -(-(window.col + window.width) // factor)
    coarse = read_layer(part.layer, Window(row=row, col=col, height=bottom - row, width=right - col))
    fine = coarse.repeat(factor, axis=1).repeat(factor, axis=2)
    top, left = window.row - row * factor, window.col - col * factor
    return np.asarray(fine[:, top : top + window.height, left : left + window.width])


def _notes(parts: Iterable[_Part], names: Sequence[str]) -> list[str]:
    """How stored numbers became values, and which bands are coarser, one sentence each."""
    groups: dict[str, list[str]] = {}
    for part in parts:
        for position, band in zip(part.positions, part.layer.bands, strict=True):
            for sentence in _sayings(band, part.factor):
                groups.setdefault(sentence, []).append(names[position])
    return [f"{', '.join(some)}: {sentence}" for sentence, some in groups.items()]


def _sayings(band: Band, factor: int) -> list[str]:
    """What there is to say about a band."""
    said = []
    if (band.scale, band.offset) != (1.0, 0.0):
        offset = f" {'+' if band.offset > 0 else '-'} {abs(band.offset):g}" if band.offset else ""
        said.append(f"the file's own scale was applied, stored {band.dtype} x {band.scale:g}{offset}")
    elif "int" in band.dtype:
        said.append(f"stored {band.dtype} numbers without a scale, given as they are")
    if factor > 1:
        said.append(f"pixels are {factor} times as long as those of the scene, and repeated")
    return said
