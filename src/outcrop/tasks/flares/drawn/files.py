"""Made-up photos as files, with labels and truth beside them: one photo, a set to train on, a film, or a site.

Every picture says "synthetic" in its metadata.
"""

import csv
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from inspect import signature
from io import StringIO
from pathlib import Path
from types import MappingProxyType
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image
from PIL.PngImagePlugin import PngInfo

from outcrop.core.errors import OutputExists, UsageError
from outcrop.outputs import replacing
from outcrop.outputs.boxes import marks_part, write_coco, yolo_text
from outcrop.outputs.picture import write_png
from outcrop.tasks.flares.drawn.answers import REFERENCE, write_nightfire, write_truth
from outcrop.tasks.flares.drawn.decoys import DECOYS
from outcrop.tasks.flares.drawn.film import draw_sequence
from outcrop.tasks.flares.drawn.photo import BURNING, draw_photo
from outcrop.tasks.flares.drawn.site import draw_site
from outcrop.tasks.flares.drawn.sky import LIGHTS
from outcrop.tasks.flares.drawn.thing import CLASSES, DrawnPhoto

NOTE = "Synthetic photo of a flare, drawn by Outcrop"
"""Metadata of every picture."""

SMALLEST, LARGEST = 64, 4096
"""Pixels a side of drawn pictures."""
FORMATS = ("png", "jpg")
UNIT = "thousand m3/day"


def draw_files(
    folder: Path, rng: np.random.Generator, *, seed: int = 0, overwrite: bool = False, **settings: Any
) -> list[Path]:
    """Write drawn photos.

    Args:
        settings: kind: "" (any), "flame", "smoky", "several", one of the decoys ("sunset", "steam", ...), "film" (frames
            of one flare), "site" (photos of one flare on many days, with meter readings) or "nightfire" (a satellite
            table);
            shape: rows x columns, e.g. "640x640", 64 to 4096 each;
            count: number of photos, frames, days or sites;
            light: "day", "overcast", "dusk" or "night", "" draws one;
            format: "png" or "jpg";
            rate: frames a second of a film;
            whole: "no" lets the picture's edge cut some flames.

    Returns:
        The files. One photo lies in ``folder`` itself, more of them in ``images/`` with ``masks/`` (0 background, 1
        flame, 2 smoke), ``labels/`` (YOLO boxes), ``polygons/`` (YOLO outlines); a film's frames in ``frames/``.
        ``annotations-<seed>.json`` holds boxes and pixels as COCO json, ``truth-<seed>.json`` the exact answers,
        ``readings-<seed>.csv`` the meter readings of a site.

    Raises:
        UsageError: a setting that is not known.
        OutputExists: a file of that name is there.
    """
    known = list(signature(_checked).parameters)
    strange = [name for name in settings if name not in known]
    if strange:
        raise UsageError(f"no setting {strange[0]!r} of drawn photos: choose one of {', '.join(known)}")
    checked = _checked(**settings)
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise OutputExists(f"{folder} cannot be made a folder ({error.strerror}): give another --out") from None
    ours = {f"{name}-{seed}" for name in ("drawn", "truth", "annotations", "readings")}
    ours |= {f"{part}/drawn-{seed}" for part in ("images", "frames")}
    taken = [path for path in folder.rglob("*") if _stem(path.relative_to(folder)) in ours]
    if taken and not overwrite:
        first = min(str(path.relative_to(folder)) for path in taken)
        raise OutputExists(f"{folder} already holds {first}: give another --out or --seed, or --overwrite")
    writer = WRITERS.get(checked["kind"], _photos)
    return writer(folder, rng, seed, checked)


def _stem(path: Path) -> str:
    """ "images/drawn-3-0001.png" → "images/drawn-3"."""
    name = "-".join(path.name.split(".")[0].split("-")[:2])
    return name if str(path.parent) == "." else f"{path.parent}/{name}"


def _checked(
    *, kind: str = "", shape: str = "640x640", count: str = "1", light: str = "", format: str = "png", rate: str = "5",
    whole: str = "yes",
) -> dict[str, Any]:  # fmt: skip
    """Settings as given on the command line → values."""
    kinds = (*BURNING, *DECOYS, *WRITERS)
    if kind and kind not in kinds:
        raise UsageError(f"no kind {kind!r} of drawn photos: choose one of {', '.join(kinds)}")
    if light and light not in LIGHTS:
        raise UsageError(f"no light {light!r} of drawn photos: choose one of {', '.join(LIGHTS)}")
    if format not in FORMATS or whole not in ("yes", "no"):
        raise UsageError(f"format={format} and whole={whole} were given: wanted are format=png or jpg, whole=yes or no")
    if not str(count).isdecimal() or not int(count):
        raise UsageError(f"count={count} was given: wanted is a whole number above 0")
    try:
        pace = float(rate)
    except ValueError:
        pace = 0.0
    if not 0 < pace <= 240:
        raise UsageError(f"rate={rate} was given: wanted are frames a second, above 0 and at most 240")
    return {
        "kind": kind, "shape": _shape(shape), "count": int(count), "light": light, "format": format, "rate": pace,
        "whole": whole == "yes",
    }  # fmt: skip


def _shape(text: str) -> tuple[int, int]:
    """ "480x640" → (480, 640)."""
    parts = str(text).lower().split("x")
    shape = tuple(int(part) for part in parts if part.isdecimal())
    if len(shape) != 2 or len(parts) != 2 or not all(SMALLEST <= side <= LARGEST for side in shape):
        raise UsageError(f"the shape {text!r} is not rows x columns of {SMALLEST} to {LARGEST}: give e.g. 640x640")
    return shape[0], shape[1]


def _photos(folder: Path, rng: np.random.Generator, seed: int, settings: Mapping[str, Any]) -> list[Path]:
    """One photo, or a set."""
    drawn = (
        draw_photo(
            rng, shape=settings["shape"], kind=settings["kind"] or None, light=settings["light"] or None,
            whole=settings["whole"],
        )
        for _ in range(settings["count"])
    )  # fmt: skip
    if settings["count"] > 1:
        return _set(folder, "images", drawn, seed, settings)
    photo, name = next(drawn), f"drawn-{seed}"
    picture = _picture(folder / f"{name}.{settings['format']}", photo)
    mask = write_png(folder / f"{name}.truth-mask.png", Image.fromarray(photo.mask))
    marks = write_coco(
        folder / f"annotations-{seed}.json", [_part(picture.name, photo)], CLASSES, {"description": NOTE}
    )
    return [picture, mask, marks, write_truth(folder, seed, settings, {name: _about(photo)})]


def _set(
    folder: Path, where: str, drawn: Iterable[DrawnPhoto], seed: int, settings: Mapping[str, Any],
    more: Mapping[str, Any] | None = None,
) -> list[Path]:  # fmt: skip
    """Photos with masks and labels of one name, and the truth of all."""
    paths: list[Path] = []
    parts: list[dict[str, Any]] = []
    truth: dict[str, Any] = {}
    for number, photo in enumerate(drawn):
        name = f"drawn-{seed}-{number:04}"
        picture = _picture(folder / where / f"{name}.{settings['format']}", photo)
        mask = write_png(folder / "masks" / f"{name}.png", Image.fromarray(photo.mask))
        paths += [picture, mask]
        for kind, outlines in (("labels", False), ("polygons", True)):
            label = folder / kind / f"{name}.txt"
            with replacing(label) as part:
                part.write_text(yolo_text(_marks(picture.name, photo), outlines=outlines), encoding="utf-8")
            paths.append(label)
        parts.append(_part(picture.name, photo))
        truth[name] = _about(photo)
    marks = write_coco(folder / f"annotations-{seed}.json", parts, CLASSES, {"description": NOTE})
    return [*paths, marks, write_truth(folder, seed, settings, truth, more)]


def _film(folder: Path, rng: np.random.Generator, seed: int, settings: Mapping[str, Any]) -> list[Path]:
    """Frames of one flare."""
    film = draw_sequence(
        rng, settings["count"], settings["rate"], shape=settings["shape"], light=settings["light"] or None
    )
    more = {
        "rate": film.rate, "scale": film.scale, "seconds": film.seconds.tolist(), "flared_gas": film.flow.tolist(),
        "lit": film.lit.tolist(), "smoking": film.smoking.tolist(), "lit_minutes": film.lit_minutes,
        "smoke_minutes": film.smoke_minutes,
    }  # fmt: skip
    return _set(folder, "frames", film.photos(), seed, settings, {"film": more})


def _site(folder: Path, rng: np.random.Generator, seed: int, settings: Mapping[str, Any]) -> list[Path]:
    """Photos of one flare on many days, and its meter's readings."""
    site = draw_site(rng, settings["count"], shape=settings["shape"])
    table = StringIO()
    writer = csv.writer(table, lineterminator="\n")
    writer.writerow(["image", "time", "flow", "unit", "reference"])
    for number, (time, flow) in enumerate(zip(site.times, site.metered, strict=True)):
        stamp = time.strftime("%Y-%m-%dT%H:%M:%SZ")
        writer.writerow([f"drawn-{seed}-{number:04}", stamp, f"{flow:.6g}", UNIT, REFERENCE])
    readings = folder / f"readings-{seed}.csv"
    with replacing(readings) as part:
        part.write_text(table.getvalue(), encoding="utf-8")
    more = {
        "scale": site.scale, "length_factor": site.length_factor, "heating_value": site.heating_value,
        "flared_gas": site.flow.tolist(), "metered": site.metered.tolist(),
    }  # fmt: skip
    return [readings, *_set(folder, "images", site.photos(), seed, settings, {"site": more})]


def _picture(path: Path, photo: DrawnPhoto) -> Path:
    """The photo as PNG or JPEG."""
    image = Image.fromarray(photo.picture)
    note = PngInfo()
    note.add_text("Description", NOTE)
    with replacing(path) as part:
        if path.suffix == ".png":
            image.save(part, format="PNG", compress_level=1, pnginfo=note)
        else:
            image.save(part, format="JPEG", quality=92, comment=NOTE)
    return path


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class _Marks:
    """A drawn photo's things as ``outputs.boxes`` takes them."""

    name: str
    shape: tuple[int, int]
    boxes: NDArray[np.float64]
    labels: NDArray[np.int64]
    polygons: tuple[tuple[NDArray[np.float64], ...], ...]
    masks: Mapping[int, NDArray[np.bool_]] = field(default_factory=lambda: MappingProxyType({}))


def _marks(name: str, photo: DrawnPhoto) -> _Marks:
    shape = (photo.picture.shape[0], photo.picture.shape[1])
    masks = {}
    for place, thing in enumerate(photo.things):
        masks[place] = np.zeros(shape, bool)
        masks[place][thing.outline.window.slices] = thing.outline.inside
    return _Marks(
        name=name, shape=shape, boxes=photo.boxes.astype(np.float64), labels=photo.labels,
        polygons=tuple(() for _ in photo.things), masks=masks,
    )  # fmt: skip


def _part(name: str, photo: DrawnPhoto) -> dict[str, Any]:
    """The photo's part of a COCO file; each annotation carries its truth."""
    part = marks_part(_marks(name, photo), CLASSES)
    entries = [
        entry | {"truth": dict(thing.truth), "cut": thing.cut}
        for entry, thing in zip(part["annotations"], photo.things, strict=True)
    ]
    return part | {"annotations": entries}


def _about(photo: DrawnPhoto) -> dict[str, Any]:
    scale = photo.scale if photo.scale == photo.scale else None
    things = [{"class": CLASSES[t.label], "cut": t.cut, **t.truth} for t in photo.things]
    return {"kind": photo.kind, "light": photo.light, "scale": scale, "truth": dict(photo.truth), "things": things}


WRITERS: dict[str, Callable[[Path, np.random.Generator, int, Mapping[str, Any]], list[Path]]] = {
    "film": _film,
    "site": _site,
    "nightfire": write_nightfire,
}
"""Kinds that are more than photos, and how each is written."""
