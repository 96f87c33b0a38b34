"""Files of one band each, sorted into scenes by their names: the folder of a Sentinel-2 product, or any such files.

``T23KNP_20210704T131251_B04_10m.jp2`` is the band B04 of the scene T23KNP_20210704T131251; a file that is all band
(``B04.tif``) belongs to the scene of its folder. Of a folder with Sentinel-2's names only the bands of 10 m are taken
unless others are asked for.
"""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from outcrop.core.errors import BadInput, UsageError
from outcrop.core.scene import Scene
from outcrop.sources.geotiff import RasterOptions, open_stack
from outcrop.sources.geotiff_describe import FILE_BAND, band_key, band_of_name

SUFFIXES = (".tif", ".tiff", ".jp2", ".j2k")

TEN_METRES = ("B02", "B03", "B04", "B08")
"""Sentinel-2's bands of 10 m."""

IMAGES = "IMG_DATA"
"""Folder of a Sentinel-2 granule that holds its bands, in L2A products sorted by resolution."""

RESOLUTION = re.compile(r"_(\d+)m$", re.IGNORECASE)
BY_RESOLUTION = re.compile(r"R\d+m", re.IGNORECASE)


@dataclass(frozen=True, slots=True, kw_only=True)
class Stack:
    """The files of one scene.

    Attributes:
        name: of the scene.
        left_out: bands that lay beside them and were not taken.
    """

    name: str
    files: tuple[Path, ...]
    left_out: tuple[str, ...] = ()


def stacked(paths: Sequence[Path], bands: Sequence[str] = ()) -> list[Stack]:
    """Scenes of the files named and of the folders named, in the order of their first files.

    Args:
        paths: files of one band each; folders of such files; folders of Sentinel-2 products (.SAFE) or granules.
        bands: the bands wanted, by name; of folders only these are taken. Numbers take all.

    Raises:
        BadInput: a path does not exist, or a folder holds no file named after a band.
        UsageError: a file named outright is not named after a band.
    """
    named: dict[tuple[str, Path], list[Path]] = {}
    lost: dict[tuple[str, Path], list[str]] = {}
    for path in paths:
        if path.is_dir():
            kept, others = _chosen(_inside(path), bands)
            for file in others:
                lost.setdefault(_scene(file), []).append(str(band_of_name(file.stem)))
        elif not path.exists():
            raise BadInput(f"there is no file or folder {path}: check the path")
        elif band_of_name(path.stem) is None:
            raise UsageError(
                f"{path.name} is not named after its band, such as scene_B04.jp2 or scene_band3.tif, so it cannot be "
                "stacked: rename it, or leave out --stack"
            )
        else:
            kept = [path]
        for file in kept:
            named.setdefault(_scene(file), []).append(file)
    return [
        Stack(name=name or place.name, files=tuple(dict.fromkeys(files)), left_out=tuple(lost.get((name, place), ())))
        for (name, place), files in named.items()
    ]


def open_stacked(stack: Stack, options: RasterOptions) -> Scene:
    """A stack as one scene; no pixel is read yet.

    Raises:
        OutcropError: as ``geotiff.open_stack``; grids that do not fit are refused there.
    """
    scene = open_stack(stack.files, options)
    notes = [f"one scene of {len(stack.files)} files: {', '.join(file.name for file in stack.files)}"]
    if stack.left_out:
        notes.append(f"{', '.join(stack.left_out)} lie beside them and were left out: name them with --bands")
    return replace(scene, id=stack.name, notes=(*notes, *scene.notes))


def _scene(file: Path) -> tuple[str, Path]:
    """Name of the scene that a file belongs to, "" when its name is all band, and the folder that holds the scene."""
    folder = file.parent.parent if BY_RESOLUTION.fullmatch(file.parent.name) else file.parent
    return FILE_BAND.sub("", file.stem).rstrip("_-. "), folder


def _inside(folder: Path) -> list[Path]:
    """Files named after bands: of a Sentinel-2 product or granule all of them, else those of the folder itself."""
    try:
        granules = [*folder.glob(f"GRANULE/*/{IMAGES}"), *folder.glob(IMAGES)]
        if folder.name == IMAGES:
            granules = [folder]
        files = [file for place in granules for file in place.rglob("*")] if granules else list(folder.iterdir())
    except OSError as error:
        raise BadInput(f"the folder {folder} cannot be read ({error.strerror}): check its permissions") from None
    found = sorted(f for f in files if f.suffix.lower() in SUFFIXES and band_of_name(f.stem) and f.is_file())
    if not found:
        raise BadInput(
            f"{folder} holds no raster named after its band, such as scene_B04.jp2 or scene_band3.tif: "
            "give a folder of such files, or leave out --stack"
        )
    return found


def _chosen(files: Iterable[Path], bands: Sequence[str]) -> tuple[list[Path], list[Path]]:
    """Of every scene and band the file of the finest resolution, where the band is wanted; and the others' files."""
    finest: dict[tuple[tuple[str, Path], str], Path] = {}
    for file in files:
        key = _scene(file), band_key(str(band_of_name(file.stem)))
        if key not in finest or _metres(file) < _metres(finest[key]):
            finest[key] = file
    there = {band for _, band in finest}
    by_number = any(text.strip().isdecimal() for text in bands)
    wanted = {band_key(name) for name in bands or TEN_METRES}
    if by_number or not wanted & there:
        wanted = there
    kept = [file for (_, band), file in finest.items() if band in wanted]
    return kept, [file for (_, band), file in finest.items() if band not in wanted]


def _metres(file: Path) -> int:
    """Resolution that the name gives; 0 without one."""
    found = RESOLUTION.search(file.stem)
    return int(found[1]) if found else 0
