"""Made-up scenes as files: a GeoTIFF with true mask and truth beside it, or a folder of training pictures.

Every file says "synthetic" in its metadata.
"""

import csv
import json
from collections.abc import Callable, Mapping
from inspect import signature
from io import StringIO
from pathlib import Path
from typing import Any

import numpy as np

from outcrop.core.errors import OutputExists, UsageError
from outcrop.core.grid import Grid, Window
from outcrop.core.scene import scene_from_array
from outcrop.outputs import replacing
from outcrop.outputs.raster import write_mask
from outcrop.outputs.scene_raster import write_scene
from outcrop.tasks.tailings.drawn.scene import BANDS, CHIP, LARGEST, Setting, draw_chip, draw_country, scene_of

NOTE = {"SYNTHETIC": "yes", "SOURCE": "Synthetic satellite scene with tailings deposits, drawn by Outcrop"}
"""Metadata of every file."""

CLASSES = ("tailings",)
STRIP = 512
"""Rows of a mask made at a time."""

FOLDS = 5
"""Folds of drawn training pictures: no two of them show the same place."""


def draw_files(
    folder: Path, rng: np.random.Generator, *, seed: int = 0, overwrite: bool = False, **settings: Any
) -> list[Path]:
    """Write a drawn example.

    Args:
        settings: kind: "scene" (a GeoTIFF) or "chips" (a folder to train on);
            shape: rows x columns of a scene, e.g. "1024x1024", at most 10980 each;
            grid: "utm" or "degrees";
            deposits: how many a scene has (chips decide themselves);
            count: number of chips; swath: "yes" leaves a corner of a scene unseen.

    Returns:
        The files; ``truth-<seed>.json`` holds the exact answers.

    Raises:
        UsageError: a setting that is not known.
        OutputExists: a file of that name is there.
        MissingExtra: rasterio is not installed.
    """
    known = [name for name in signature(_checked).parameters]
    strange = [name for name in settings if name not in known]
    if strange:
        raise UsageError(f"no setting {strange[0]!r} of drawn scenes: choose one of {', '.join(known)}")
    checked = _checked(**settings)
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise OutputExists(f"{folder} cannot be made a folder ({error.strerror}): give another --out") from None
    ours = (f"drawn-{seed}", f"truth-{seed}") if checked["kind"] == "scene" else (f"truth-{seed}", "folds", "images")
    taken = [p.name for p in folder.glob("*") if p.name.split(".")[0] in ours]
    if taken and not overwrite:
        raise OutputExists(f"{folder} already holds {min(taken)}: give another --out or --seed, or --overwrite")
    return WRITERS[checked["kind"]](folder, rng, seed, checked)


def _checked(
    *, kind: str = "scene", shape: str = "", grid: str = "utm", deposits: str = "", count: str = "20", swath: str = "no"
) -> dict[str, Any]:
    """Settings as given on the command line → values."""
    if kind not in WRITERS:
        raise UsageError(f"no kind {kind!r} of drawn scenes: choose one of {', '.join(WRITERS)}")
    if grid not in ("utm", "degrees") or swath not in ("yes", "no"):
        raise UsageError(
            f"grid={grid} and swath={swath} were given: wanted are grid=utm or degrees and swath=yes or no"
        )
    if not str(count).isdecimal() or not int(count) or (deposits and not str(deposits).isdecimal()):
        raise UsageError(f"count={count} and deposits={deposits} were given: wanted are whole numbers, count above 0")
    default = f"{CHIP}x{CHIP}" if kind == "chips" else "1024x1024"
    return {
        "kind": kind, "shape": _shape(shape or default, kind), "grid": grid, "count": int(count),
        "deposits": int(deposits) if deposits else None, "swath": swath == "yes",
    }  # fmt: skip


def _shape(text: str, kind: str) -> tuple[int, int]:
    """ "512x640" → (512, 640)."""
    parts = str(text).lower().split("x")
    shape = tuple(int(part) for part in parts if part.isdecimal())
    if len(shape) != 2 or len(parts) != 2 or not all(32 <= side <= LARGEST for side in shape):
        raise UsageError(f"the shape {text!r} is not rows x columns of 32 to {LARGEST}: give e.g. 1024x1024")
    if kind == "chips" and shape[0] != shape[1]:
        raise UsageError(f"chips are square and {text!r} is not: give e.g. {CHIP}x{CHIP}")
    return shape[0], shape[1]


def _truth(folder: Path, seed: int, settings: Mapping[str, Any], truth: Mapping[str, Any]) -> Path:
    """``truth-<seed>.json``: what was drawn and what is exactly true of it."""
    path = folder / f"truth-{seed}.json"
    with replacing(path) as part:
        part.write_text(json.dumps({"synthetic": True, "seed": seed, "settings": settings, "truth": truth}, indent=1))
    return path


def _scene(folder: Path, rng: np.random.Generator, seed: int, settings: Mapping[str, Any]) -> list[Path]:
    """``drawn-<seed>.tif`` and its true mask, painted and written strip by strip."""
    country = draw_country(
        rng,
        Setting(
            shape=settings["shape"], grid=settings["grid"], deposits=settings["deposits"], swath_edge=settings["swath"]
        ),
    )
    rows, cols = country.grid.shape
    windows = (Window(row=r, col=0, height=min(STRIP, rows - r), width=cols) for r in range(0, rows, STRIP))
    image = write_scene(folder / f"drawn-{seed}.tif", scene_of(country, rng), tags=NOTE)
    mask = write_mask(
        folder / f"drawn-{seed}.truth-mask.tif", country.grid, ((w.row, country.mask(w)) for w in windows),
        classes=CLASSES, tags=NOTE,
    )  # fmt: skip
    return [image, mask, _truth(folder, seed, settings, country.truth())]


def _chips(folder: Path, rng: np.random.Generator, seed: int, settings: Mapping[str, Any]) -> list[Path]:
    """``images/`` and ``masks/`` of one name with ``folds.csv``, the layout that training reads."""
    paths: list[Path] = []
    areas: dict[str, float] = {}
    table = StringIO()
    writer = csv.writer(table, lineterminator="\n")
    writer.writerow(["id", "fold", "cluster"])
    for i in range(settings["count"]):
        name = f"drawn-{seed}-{i:04}"
        image, mask, country = draw_chip(rng, settings["shape"][0])
        grid: Grid = country.grid
        scene = scene_from_array(name, image, grid, BANDS)
        paths.append(write_scene(folder / "images" / f"{name}.tif", scene, tags=NOTE))
        paths.append(write_mask(folder / "masks" / f"{name}.tif", grid, iter([(0, mask)]), classes=CLASSES, tags=NOTE))
        areas[name] = country.truth()["tailings area"]
        writer.writerow([name, i % FOLDS, name])
    with replacing(folder / "folds.csv") as part:
        part.write_text(table.getvalue())
    return [*paths, folder / "folds.csv", _truth(folder, seed, settings, {"tailings area": areas})]


WRITERS: dict[str, Callable[[Path, np.random.Generator, int, Mapping[str, Any]], list[Path]]] = {
    "scene": _scene,
    "chips": _chips,
}
"""How each kind is written."""
