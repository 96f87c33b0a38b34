"""What is exactly true of what was drawn, as ``truth-<seed>.json``; and a drawn satellite table with its answer."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from outcrop.core.grid import Grid
from outcrop.core.scene import scene_from_array
from outcrop.core.task import Example
from outcrop.outputs import replacing
from outcrop.outputs.table import write_table
from outcrop.tasks.flares.drawn.photo import draw_photo
from outcrop.tasks.flares.space.drawn import draw_nightfire

REFERENCE = 20
"""Of the flow in meter readings and truth, °C."""

AT_15 = (273.15 + REFERENCE) / (273.15 + 15)
"""Volume at the reference temperature of one at 15 °C, at which drawn Nightfire flares are counted."""

MEASURED = {
    "flared_gas": "flared gas", "heat_release": "heat release", "flame_length": "flame length", "flame_area": "flame area",
    "opacity": "smoke opacity", "smoke_area": "smoke area",
}  # fmt: skip
"""What is drawn and can be measured → name of the measurement."""

KNOWN = ("scale",)
"""Assumptions that whoever takes a photo has a value for: the truth says them apart, by file."""


def write_truth(
    folder: Path, seed: int, settings: Mapping[str, Any], photos: Mapping[str, Any],
    more: Mapping[str, Any] | None = None,
) -> Path:  # fmt: skip
    """``truth-<seed>.json``: what was drawn, what is exactly true of it, and what its photographer would know; flow is at 20 °C and 101.325 kPa."""
    path = folder / f"truth-{seed}.json"
    units = {
        "flared_gas": f"thousand m3/day at {REFERENCE} °C", "heat_release": "MW", "heating_value": "MJ/m3 at 20 °C",
        "flame_length": "m", "flame_area": "m2", "tilt": "°", "lift_off": "m", "view_angle": "°", "opacity": "share",
        "densest": "share", "smoke_area": "m2", "scale": "m/px",
    }  # fmt: skip
    true: dict[str, dict[str, float]] = {}
    for stem, photo in photos.items():
        for name in sorted(MEASURED.keys() & photo["truth"].keys()):
            true.setdefault(MEASURED[name], {})[stem] = photo["truth"][name]
    known = {
        stem: {name: photo[name] for name in KNOWN if photo.get(name) is not None} for stem, photo in photos.items()
    }
    content = {
        "synthetic": True, "seed": seed, "settings": dict(settings), "units": units, "truth": true, "known": known, **(more or {}),
        "photos": photos,
    }  # fmt: skip
    with replacing(path) as part:
        part.write_text(json.dumps(content, indent=1, ensure_ascii=False, allow_nan=False), encoding="utf-8")
    return path


def write_nightfire(folder: Path, rng: np.random.Generator, seed: int, settings: Mapping[str, Any]) -> list[Path]:
    """VIIRS Nightfire rows around drawn flares, one site for every ``count``, and what they truly burnt."""
    found = draw_nightfire(rng, sites=max(settings["count"], 2))
    columns = found.table.columns
    rows = [{name: values[i] for name, values in columns.items()} for i in range(len(found.table))]
    path = write_table(folder / f"drawn-{seed}.csv", tuple(columns), rows)
    total = AT_15 * sum(site.clear_flow for site in found.sites)
    sites = [
        {"latitude": s.latitude, "longitude": s.longitude, "flared_gas": AT_15 * s.clear_flow} for s in found.sites
    ]
    return [
        path,
        write_truth(folder, seed, settings, {f"drawn-{seed}": {"truth": {"flared_gas": total}, "sites": sites}}),
    ]


def example(rng: np.random.Generator) -> Example:
    """A drawn photo with its mask and what is true of it, by the names of the measurements."""
    photo = draw_photo(rng, kind="smoky")
    grid = Grid(shape=photo.mask.shape)
    scene = scene_from_array("drawn", photo.values, grid, ("red", "green", "blue"))
    truth = {MEASURED[name]: value for name, value in photo.truth.items() if name in MEASURED}
    return Example(source=scene, mask=photo.mask, truth=truth)
