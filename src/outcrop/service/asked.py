"""What a request asks for, in the words of the command line, checked before anything is queued."""

import re
from collections.abc import Mapping, Sequence
from hashlib import sha256
from json import dumps
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from outcrop import __version__
from outcrop.core.errors import BadModel, UnknownModel, UsageError
from outcrop.core.task import Task
from outcrop.engine.ensembles import shipped
from outcrop.engine.journal import file_sha256
from outcrop.face import assumptions
from outcrop.sources.array import ArrayOptions
from outcrop.sources.geotiff import RasterOptions
from outcrop.sources.image import PictureOptions
from outcrop.sources.open import Options
from outcrop.sources.segy import SegyOptions

PLACES = ("inline", "crossline", "x", "y")
Finite = Annotated[float, Field(allow_inf_nan=False)]
Word = Annotated[str, Field(max_length=200)]
Words = Annotated[list[Word], Field(max_length=40)]


class Asked(BaseModel):
    """Options of ``predict`` and ``measure``; each means what it means on the command line."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    model: Words = Field(default=[], description="Shipped sets of models, in place of the fitting one.")
    assume: Words = Field(default=[], description="NAME=VALUE or NAME=LOW:BEST:HIGH.")
    threshold: Annotated[float, Field(gt=0, lt=1)] | None = Field(
        default=None, description="Probability that makes a pixel count."
    )
    flips: Literal["none", "alternate", "all"] = Field(default="alternate", description="Mirror images.")
    format: Words = Field(default=[], description="Extra files for the whole run.")
    setting: Words = Field(
        default=[], description="NAME=VALUE of the room's settings; files are named as they were uploaded."
    )
    bands: Word | None = Field(default=None, description="Bands of rasters, by name or number, red first: B4,B3,B2.")
    no_area: bool = Field(default=False, description="See rasters without a map projection too, for masks alone.")
    vertical: Literal["auto", "time", "depth"] = Field(default="auto", description="Vertical axis of seismic data.")
    sample_interval: Annotated[Finite, Field(gt=0)] | None = Field(
        default=None, description="In ms (time) or m (depth)."
    )
    spacing: Word | None = Field(default=None, description="Metres between inlines,crosslines: 25 or 25,12.5.")
    byte: Words = Field(default=[], description="SEG-Y trace header byte: inline=9, crossline=21, x=73, y=77.")
    endian: Literal["auto", "big", "little"] = Field(default="auto", description="Byte order of SEG-Y.")
    offset: Finite | None = Field(default=None, description="The offset to take from pre-stack SEG-Y.")
    seed: Annotated[int, Field(ge=0, lt=2**63)] = Field(default=0, description="Of the Monte Carlo draws.")

    @property
    def plain(self) -> bool:
        """Whether a picture asked for like this may be answered at once."""
        return not (self.model or self.format or self.setting) and self.flips == "alternate"


FIELDS = {"file", "companion", "wait", "strict", *Asked.model_fields}
"""Names that a form may hold."""


def pairs(given: Sequence[str], what: str) -> dict[str, str]:
    """NAME=VALUE texts → dict.

    Raises:
        UsageError: one has no "=".
    """
    if wrong := [text for text in given if "=" not in text]:
        raise UsageError(f"{what} {wrong[0]!r} has no '=': give NAME=VALUE")
    return dict(text.split("=", 1) for text in given)


def settings_of(asked: Asked, room: Task) -> dict[str, str]:
    """Settings of the room; values that could lead out of the request's own folder are refused.

    Raises:
        UsageError: a setting that is not known, or a path.
    """
    found = pairs(asked.setting, "setting")
    for name, value in found.items():
        if name not in room.settings:
            raise UsageError(
                f"the room {room.name} takes no setting {name!r}: it knows {', '.join(room.settings) or 'none'}"
            )
        if re.search(r"[/\\~\0]|\.\.|^\w:", value):
            raise UsageError(f"the setting {name} holds a path: send the file as companion and give its name alone")
    return found


def check(asked: Asked, room: Task) -> None:
    """Refuse now what a job would refuse later.

    Raises:
        UsageError: an assumption, a format, a setting, a byte or a spacing that does not exist.
        UnknownModel: no such shipped set; files of the machine are never opened by name.
    """
    assumptions(room, pairs(asked.assume, "assume"))
    settings_of(asked, room)
    opening(asked, max_pixels=1)
    if strange := [name for name in asked.format if name not in room.formats]:
        raise UsageError(f"no format {strange[0]!r}: choose one of {', '.join(room.formats) or '(none)'}")
    sets = shipped(room)
    if lost := [name for name in asked.model if name not in sets]:
        raise UnknownModel(f"there is no set of models {lost[0]!r}: choose one of {', '.join(sets) or '(none)'}")


def opening(asked: Asked, *, max_pixels: int) -> Options:
    """What the files do not say themselves, as the sources want it.

    Raises:
        UsageError: a byte or a spacing that is none.
    """
    where = pairs(asked.byte, "byte")
    if strange := [name for name in where if name not in PLACES]:
        raise UsageError(f"byte {strange[0]} is unknown: choose one of {', '.join(PLACES)}")
    try:
        places: dict[str, Any] = {f"{name}_byte": int(text) for name, text in where.items()}
        parts = [float(part) for part in asked.spacing.split(",")] if asked.spacing else []
    except ValueError:
        raise UsageError("byte wants whole numbers (inline=189), spacing metres (25 or 25,12.5)") from None
    if len(parts) > 2 or not all(0 < part < 1e9 for part in parts):
        raise UsageError(f"spacing {asked.spacing} is not one or two distances in metres: give 25 or 25,12.5")
    apart = (parts[0], parts[-1]) if parts else None
    bands = tuple(name.strip() for name in asked.bands.split(",")) if asked.bands else ()
    segy = SegyOptions(
        vertical=asked.vertical, sample_interval=asked.sample_interval, spacing=apart, endian=asked.endian,
        offset=asked.offset, **places,
    )  # fmt: skip
    return Options(
        picture=PictureOptions(max_pixels=max_pixels), raster=RasterOptions(bands=bands), segy=segy,
        array=ArrayOptions(vertical=asked.vertical, sample_interval=asked.sample_interval, spacing=apart),
    )  # fmt: skip


SUMS = "SHA256SUMS"
"""Name of the list beside shipped models, as ``sha256sum`` writes it."""

_HASHES: dict[tuple[str, int, int], str] = {}


def model_hashes(room: Task) -> dict[str, str]:
    """sha256 of every shipped model file by its name, read once for each state of the file."""
    found = {}
    for paths in shipped(room).values():
        for path in paths:
            state = path.stat()
            key = (str(path), state.st_mtime_ns, state.st_size)
            if key not in _HASHES:
                _HASHES[key] = file_sha256(path)
            found[path.name] = _HASHES[key]
    return found


def refuse_altered(room: Task) -> None:
    """Compare the shipped models with the list beside them; models that it does not name are the operator's own.

    Raises:
        BadModel: a file is missing or another; the sentence names it and the hash that is expected.
    """
    try:
        lines = (room.models / SUMS).read_text(encoding="utf-8").splitlines()
    except FileNotFoundError:
        return
    found = model_hashes(room)
    for wanted, name in (line.split(None, 1) for line in lines if line.strip()):
        if (got := found.get(name)) != wanted:
            what = f"has the sha256 {got}" if got else "is missing"
            raise BadModel(f"{name} of {room.name} {what}, and {wanted} is expected: install Outcrop again")


def fingerprint(room: Task, verb: str, files: Mapping[str, str], asked: Asked) -> str:
    """What makes two requests the same: version, task, verb, files by name and content, models, options."""
    told = [__version__, room.name, verb, sorted(files.items()), sorted(model_hashes(room).items()), asked.model_dump()]
    return sha256(dumps(told, sort_keys=True).encode()).hexdigest()
