"""The layer of deposits of a whole run, in the formats of geographic information systems and of regulators."""

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from math import isnan
from pathlib import Path
from typing import Any

import numpy as np

from outcrop.core.errors import BadInput, NothingToSee
from outcrop.core.estimate import Estimate
from outcrop.instruments.outline_relations import Part
from outcrop.tasks.tailings.deposit import Deposit
from outcrop.tasks.tailings.kept import WORLD, in_projection, kept_features
from outcrop.tasks.tailings.measure import HECTARE

NAME = "deposits"

LEVELS = 401
"""Draws of an area read back from a layer: its quantiles at equal steps, few enough for very many deposits."""


def write_layer(folder: Path, stems: Sequence[str], suffix: str) -> list[Path]:
    """``deposits<suffix>`` of all scenes of a run: in their projection where they share one, else in degrees (WGS84).

    A run without any scene on the map leaves no layer.
    """
    from outcrop.instruments.geodesy import projjson
    from outcrop.outputs.vector import DEPOSITS, Feature, write_deposits

    scenes = kept_features(folder, stems)
    if not scenes:
        return []
    shared = {scene["crs"] for scene in scenes}
    crs = next(iter(shared)) if len(shared) == 1 else WORLD

    def features() -> Iterator[Feature]:
        for scene in scenes:
            for record in scene["deposits"]:
                known = {name: record[name] for name in DEPOSITS}
                acquired = datetime.fromisoformat(record["acquired"]) if record["acquired"] else None
                parts = in_projection(record["parts"], scene["crs"], crs)
                yield Feature(parts=parts, properties={**known, "acquired": acquired})

    return [write_deposits(folder / f"{NAME}{suffix}", features(), crs, projjson=projjson(crs))]


def write_anm(folder: Path, stems: Sequence[str]) -> list[Path]:
    """The files that Brazil's mining agency takes (ANM Res. 142/2023), from the layer of the run."""
    from outcrop.tasks.tailings.anm import anm_features

    path = folder / f"{NAME}.gpkg"
    if not path.exists():
        raise BadInput(f"{folder} holds no deposits on the map: give scenes with a map projection")
    return anm_features(read_layer(path), folder)


def read_layer(path: Path) -> list[Deposit]:
    """The deposits of a layer that Outcrop wrote, as audit and comparison take them: outlines in degrees, each once.

    Duplicates, which overlapping scenes show a second time, are left out.

    Raises:
        BadInput: the layer has not the columns of one of Outcrop's.
        DamagedFile: it cannot be read.
    """
    from outcrop.sources.vector import read_polygons

    try:
        crs, found = read_polygons(path)
    except NothingToSee:
        return []
    lost = [
        name for name in ("id", "area_ha", "area_ha_low", "area_ha_high") if found and name not in found[0].properties
    ]
    if lost:
        raise BadInput(f"{path.name} has no column {lost[0]!r}: give a layer of deposits that Outcrop wrote")
    return [
        _deposit(polygon.properties, in_projection(polygon.parts, crs, WORLD))
        for polygon in found
        if not _is_number(polygon.properties.get("duplicate_of"))
    ]


def _is_number(value: Any) -> bool:
    """Whether a cell of whole numbers holds one: an empty one is read as None or NaN."""
    return isinstance(value, int | float) and not isnan(value)


def _deposit(known: Mapping[str, Any], parts: tuple[Part, ...]) -> Deposit:
    """One deposit; its draws follow the three numbers of its area, low, best and high."""
    corners = np.concatenate([exterior for exterior, _ in parts])
    low, best, high = (known[f"area_ha{part}"] * HECTARE for part in ("_low", "", "_high"))
    draws = np.interp(np.linspace(0, 1, LEVELS), [0.0, 0.05, 0.5, 0.95, 1.0], [low, low, best, high, high])
    acquired = known.get("acquired")
    return Deposit(
        id=str(known["id"]), parts=parts, area=Estimate(draws=np.sort(draws), unit="m²"),
        centroid=(float(corners[:, 0].mean()), float(corners[:, 1].mean())),
        date=datetime.fromisoformat(str(acquired)[:10]).date() if acquired else None,
        touches_edge=bool(known.get("touches_edge", False)), attributes={"scene": known.get("scene")},
    )  # fmt: skip
