"""Any file → what it holds, judged by its first bytes."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from outcrop.core.errors import BadInput, DamagedFile, MissingExtra, UnknownFormat
from outcrop.core.film import Film
from outcrop.core.scene import Scene
from outcrop.core.table import Table
from outcrop.core.volume import Volume
from outcrop.sources.array import ArrayOptions
from outcrop.sources.geotiff import RasterOptions, open_raster
from outcrop.sources.geotiff_read import JPEG_2000_STARTS, TIFF_STARTS
from outcrop.sources.geotiff_tags import tiff_kind
from outcrop.sources.image import PictureOptions
from outcrop.sources.segy import SegyOptions
from outcrop.sources.stack import Stack, open_stacked, stacked

PICTURES = (".png", ".jpg", ".jpeg", ".tif", ".tiff", ".webp", ".bmp")
RASTERS = (".tif", ".tiff", ".jp2", ".j2k")
SEISMIC = (".sgy", ".segy", ".zgy", ".sgz", ".vds", ".npy")
FILMS = (".mp4", ".mkv", ".avi", ".mov", ".webm", ".m4v", ".gif")
TABLES = (".csv", ".tsv", ".csv.gz", ".tsv.gz")
SUFFIXES = tuple(dict.fromkeys(PICTURES + RASTERS + SEISMIC))
"""Suffixes of scenes and volumes; a file named outright is judged by its content."""

SUFFIXES_OF: Mapping[type, tuple[str, ...]] = {Scene: PICTURES + RASTERS, Volume: SEISMIC, Film: FILMS}
"""Suffixes that a folder is searched for, by the kind of source."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    """How each kind of file is opened.

    Attributes:
        stacks: first file of a scene → all files of it, for scenes of several files; see ``stack``.
    """

    picture: PictureOptions = field(default_factory=PictureOptions)
    raster: RasterOptions = field(default_factory=RasterOptions)
    segy: SegyOptions = field(default_factory=SegyOptions)
    array: ArrayOptions = field(default_factory=ArrayOptions)
    stacks: Mapping[Path, Stack] = field(default_factory=dict)

    def files(self, path: Path) -> tuple[Path, ...]:
        """All files of the input that this path stands for."""
        return self.stacks[path].files if path in self.stacks else (path,)


def stack(paths: Sequence[Path], options: Options) -> tuple[list[Path], Options]:
    """Files of one band each, and folders of such files, as one input for each scene: its first file, and options that know the others.

    Raises:
        BadInput, UsageError: as ``stack.stacked``.
    """
    found = stacked(paths, options.raster.bands)
    return [one.files[0] for one in found], replace(options, stacks={one.files[0]: one for one in found})


def find(paths: Sequence[Path], takes: Sequence[type] = (Scene, Volume)) -> list[Path]:
    """Files named, and files of known suffixes inside the folders named (sorted, not deeper), each once.

    Args:
        takes: the kinds of source that folders are searched for; tables are only taken where they are named.

    Raises:
        BadInput: a path does not exist, a folder cannot be read, or nothing is found.
    """
    found: list[Path] = []
    suffixes = tuple(dict.fromkeys(suffix for kind in takes for suffix in SUFFIXES_OF.get(kind, ())))
    for path in paths:
        if path.is_dir():
            try:
                inside = sorted(path.iterdir())
            except OSError as error:
                raise BadInput(f"the folder {path} cannot be read ({error.strerror}): check its permissions") from None
            found += [p for p in inside if p.suffix.lower() in suffixes and p.is_file()]
        elif path.exists():
            found.append(path)
        else:
            raise BadInput(f"there is no file or folder {path}: check the path")
    if not found:
        where = ", ".join(map(str, paths)) or "nothing"
        raise BadInput(f"{where} was given, and holds no file that Outcrop reads: give {', '.join(suffixes)}")
    return list(dict.fromkeys(found))


def _start(path: Path) -> bytes:
    """The first 4 kB of a file."""
    try:
        with path.open("rb") as file:
            return file.read(4096)
    except OSError as error:
        raise BadInput(f"{path.name} cannot be read ({error.strerror}): check the file and its permissions") from None


def _is_segy(path: Path, start: bytes) -> bool:
    """The name says so, or the file begins with the first line of a text header, "C 1" in ASCII or EBCDIC."""
    lines = (start[:3].decode("ascii", "replace"), start[:3].decode("cp037", "replace"))
    return path.suffix.lower() in (".sgy", ".segy") or any(line in ("C 1", "C01") for line in lines)


def _open_image(path: Path, start: bytes, options: Options) -> Scene:
    """A raster of the earth where the content says so, else a plain picture."""
    if start.startswith(JPEG_2000_STARTS):
        return open_raster(path, options.raster)
    if start.startswith(TIFF_STARTS):
        kind = tiff_kind(path)
        try:
            if not kind.plain:
                return open_raster(path, options.raster)
        except MissingExtra:
            if kind.georeferenced:
                raise
    from outcrop.sources.image import open_picture

    return open_picture(path, options.picture)


def open_source(path: str | Path, options: Options = Options()) -> Scene | Volume | Table | Film:
    """Open one file.

    Raises:
        UnknownFormat: nothing here reads it.
        DamagedFile: empty, truncated or broken.
        MissingExtra: the library for this kind of file is not installed.
    """
    path = Path(path)
    if path in options.stacks:
        return open_stacked(options.stacks[path], options.raster)
    start = _start(path)
    suffix = path.suffix.lower()
    if not start:
        raise DamagedFile(f"{path.name} is empty: copy or export it again")
    if start[:6] == b"\x93NUMPY":
        from outcrop.sources.array import open_array

        return open_array(path, options.array)
    if suffix in (".zgy", ".sgz", ".vds"):
        from outcrop.sources import zgy

        return zgy.open_compressed(path, options.segy)
    if suffix == ".npy":
        raise DamagedFile(f"{path.name} does not begin like a .npy file: save it again with numpy.save")
    if _is_segy(path, start):
        from outcrop.sources.segy import open_segy

        return open_segy(path, options.segy)
    if path.name.lower().endswith(TABLES):
        from outcrop.sources.table import open_table

        return open_table(path)
    if suffix in FILMS:
        from outcrop.sources.film import open_film

        return open_film(path)
    if suffix in (".txt", ".json", ".html", ".pdf", ".zip"):
        raise UnknownFormat(f"{path.name} is no picture and no seismic file: give one of {', '.join(SUFFIXES)}")
    return _open_image(path, start, options)


def open_scenes(path: str | Path, options: Options = Options()) -> Iterator[Scene]:
    """Every scene of one file: a picture gives itself, a volume one section per inline, a film one per frame."""
    source = open_source(path, options)
    if isinstance(source, Volume):
        yield from source.sections("inline")
    elif isinstance(source, Film):
        yield from (frame.scene for frame in source.frames())
    elif isinstance(source, Scene):
        yield source
    else:
        raise UnknownFormat(
            f"{source.id} is a table and holds no scene: give a picture, a raster, a film or seismic data"
        )
