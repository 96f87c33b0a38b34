"""Made-up seismic as files: a SEG-Y or .npy volume, a section, or pictures, with mask and truth beside them.

Every file says "synthetic" where its format has room for a word.
"""

import json
from collections.abc import Callable, Mapping
from functools import wraps
from inspect import signature
from math import prod
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from outcrop.core.errors import OutputExists, UsageError
from outcrop.core.scene import Floats
from outcrop.core.volume import Volume
from outcrop.outputs import replacing
from outcrop.outputs.picture import write_png
from outcrop.tasks.salt.draw import draw_pictures, draw_section, draw_volume
from outcrop.tasks.salt.plan import Setting

NOTE = "Synthetic seismic with salt, drawn by Outcrop"


MOST_SAMPLES = 1_000_000_000
"""Samples of the largest thing that is drawn: 4 GB, and as much again at work."""


def _shape(text: str, count: int) -> tuple[int, ...]:
    """ "96x96x192" → (96, 96, 192)."""
    try:
        shape = tuple(int(part) for part in str(text).lower().split("x"))
    except ValueError:
        shape = ()
    if len(shape) != count or min(shape, default=0) < 8:
        raise UsageError(
            f"the shape {text!r} is not {count} numbers of at least 8: give e.g. {'x'.join(['96'] * count)}"
        )
    if prod(shape) > MOST_SAMPLES:
        raise UsageError(f"the shape {text!r} has more than {MOST_SAMPLES} samples: draw a smaller one")
    return shape


def _known_only(function: Callable[..., list[Path]]) -> Callable[..., list[Path]]:
    """Refuse settings that the function does not have."""
    known = [name for name in signature(function).parameters if name not in ("folder", "rng", "seed", "overwrite")]

    @wraps(function)
    def run(folder: Path, rng: np.random.Generator, **settings: Any) -> list[Path]:
        strange = [name for name in settings if name not in (*known, "seed", "overwrite")]
        if strange:
            raise UsageError(f"no setting {strange[0]!r} of drawn seismic: choose one of {', '.join(known)}")
        return function(folder, rng, **settings)

    return run


@_known_only
def draw_files(
    folder: Path, rng: np.random.Generator, *, seed: int = 0, overwrite: bool = False, kind: str = "segy", shape: str = "",
    domain: str = "time", count: str = "20", salt: str = "yes",
) -> list[Path]:  # fmt: skip
    """Write a drawn example.

    Args:
        kind: "segy" or "npy" (a volume), "section" (.npy), "pictures" (PNG of 101 px with masks) or "sections"
            (.npy with masks, to train on).
        shape: inlines x crosslines x samples of a volume, samples x traces of a section, e.g. "96x96x192".
        domain: vertical axis of a volume, "time" or "depth".
        count: number of pictures or sections.
        salt: "no" draws a volume without any.

    Returns:
        The files; ``truth.json`` holds the exact answers.

    Raises:
        UsageError: a setting that is not known.
        OutputExists: a file of that name is there.
    """
    writers: dict[str, Callable[..., list[Path]]] = {
        "segy": _volume,
        "npy": _volume,
        "section": _section,
        "pictures": _pictures,
        "sections": _sections,
    }
    if kind not in writers:
        raise UsageError(f"no kind {kind!r} of drawn seismic: choose one of {', '.join(writers)}")
    if domain not in ("time", "depth") or salt not in ("yes", "no") or not str(count).isdecimal() or not int(count):
        raise UsageError("wanted domain=time or depth, salt=yes or no, and a whole number above 0 for count")
    settings = {"kind": kind, "shape": shape, "domain": domain, "count": int(count), "salt": salt}
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise OutputExists(f"{folder} cannot be made a folder ({error.strerror}): give another --out") from None
    taken = [p.name for p in folder.glob("*") if p.name.split(".")[0] in (f"drawn-{seed}", f"truth-{seed}")]
    if taken and not overwrite:
        raise OutputExists(f"{folder} already holds {min(taken)}: give another --out or --seed, or --overwrite")
    return writers[kind](folder, f"drawn-{seed}", rng, seed, settings)


def _truth(folder: Path, seed: int, settings: Mapping[str, Any], truth: Mapping[str, Any]) -> Path:
    """``truth-<seed>.json``: what was drawn and what is exactly true of it."""
    path = folder / f"truth-{seed}.json"
    with replacing(path) as part:
        part.write_text(json.dumps({"synthetic": True, "seed": seed, "settings": settings, "truth": truth}, indent=1))
    return path


def _volume(folder: Path, stem: str, rng: np.random.Generator, seed: int, settings: Mapping[str, Any]) -> list[Path]:
    from outcrop.outputs.seismic import write_segy

    inlines, crosslines, samples = _shape(settings["shape"] or "96x96x192", 3)
    example = draw_volume(
        rng,
        Setting(
            shape=(inlines, crosslines, samples), domain=settings["domain"],
            no_salt_probability=0.0 if settings["salt"] == "yes" else 1.0,
        ),
    )  # fmt: skip
    volume = example.source
    if not isinstance(volume, Volume):
        raise UsageError("a drawn volume came as a scene: draw a section instead")
    seismic, mask = folder / f"{stem}.sgy", folder / f"{stem}.truth-mask.sgy"
    if settings["kind"] == "npy":
        seismic, mask = seismic.with_suffix(".npy"), mask.with_suffix(".npy")
        for path, values in ((seismic, _all(volume)), (mask, example.mask)):
            with replacing(path) as part, part.open("wb") as file:
                np.save(file, values)
    else:
        true_mask = example.mask.astype(np.float32)
        # What is there already was refused above, unless it may be written over.
        write_segy(volume, seismic, iter([(0, _all(volume))]), note=NOTE, overwrite=True)
        write_segy(volume, mask, iter([(0, true_mask)]), note=f"{NOTE}: true mask", overwrite=True)
    return [seismic, mask, _truth(folder, seed, settings, example.truth)]


def _all(volume: Volume) -> Floats:
    return volume.read("inline", 0, volume.shape[0])


def _section(folder: Path, stem: str, rng: np.random.Generator, seed: int, settings: Mapping[str, Any]) -> list[Path]:
    samples, traces = _shape(settings["shape"] or "256x256", 2)
    section, mask = draw_section(rng, (samples, traces), no_salt_probability=0.0 if settings["salt"] == "yes" else 1.0)
    paths = [folder / f"{stem}.npy", folder / f"{stem}.truth-mask.npy"]
    for path, values in zip(paths, (section, mask), strict=True):
        with replacing(path) as part, part.open("wb") as file:
            np.save(file, np.asarray(values))
    return [*paths, _truth(folder, seed, settings, {"salt share": 100 * float(mask.mean())})]


def _pictures(folder: Path, stem: str, rng: np.random.Generator, seed: int, settings: Mapping[str, Any]) -> list[Path]:
    """``images/`` and ``masks/`` of one name, the layout that training reads."""
    paths: list[Path] = []
    truth: dict[str, float] = {}
    for sub in ("images", "masks"):
        (folder / sub).mkdir(exist_ok=True)
    for i, (picture, mask) in enumerate(draw_pictures(rng, settings["count"])):
        name = f"{stem}-{i:04}"
        image = Image.fromarray(np.rint(picture * 255).astype(np.uint8))
        paths.append(write_png(folder / "images" / f"{name}.png", image))
        paths.append(write_png(folder / "masks" / f"{name}.png", Image.fromarray(mask * np.uint8(255))))
        truth[name] = 100 * float(mask.mean())
    return [*paths, _truth(folder, seed, settings, {"salt share": truth})]


def _sections(folder: Path, stem: str, rng: np.random.Generator, seed: int, settings: Mapping[str, Any]) -> list[Path]:
    """``images/`` and ``masks/`` of .npy sections; one in five without salt."""
    samples, traces = _shape(settings["shape"] or "256x256", 2)
    paths: list[Path] = []
    truth: dict[str, float] = {}
    for sub in ("images", "masks"):
        (folder / sub).mkdir(exist_ok=True)
    for i in range(settings["count"]):
        section, mask = draw_section(rng, (samples, traces))
        name = f"{stem}-{i:04}"
        for sub, values in (("images", section.astype(np.float16)), ("masks", mask)):
            path = folder / sub / f"{name}.npy"
            with replacing(path) as part, part.open("wb") as file:
                np.save(file, values)
            paths.append(path)
        truth[name] = 100 * float(mask.mean())
    return [*paths, _truth(folder, seed, settings, {"salt share": truth})]
