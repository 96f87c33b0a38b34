"""The layer of deposits of a whole run, in the formats of geographic information systems and of regulators."""

from collections.abc import Iterator, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any

import numpy as np

from outcrop.core.errors import BadInput
from outcrop.core.estimate import DRAWS, Estimate
from outcrop.tasks.tailings.deposit import Deposit, Part
from outcrop.tasks.tailings.measure import HECTARE
from outcrop.tasks.tailings.write import kept_features

NAME, WORLD = "deposits", "EPSG:4326"


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
                parts = _in(record["parts"], scene["crs"], crs)
                yield Feature(parts=parts, properties={**known, "acquired": acquired})

    return [write_deposits(folder / f"{NAME}{suffix}", features(), crs, projjson=projjson(crs))]


def write_anm(folder: Path, stems: Sequence[str]) -> list[Path]:
    """The files that Brazil's mining agency takes (ANM Res. 142/2023)."""
    from outcrop.tasks.tailings.presets import anm_features

    return anm_features(deposits_of(folder, stems), folder)


def deposits_of(folder: Path, stems: Sequence[str]) -> list[Deposit]:
    """The deposits of a run as the audit takes them, outlines in degrees.

    Raises:
        BadInput: the run left none on the map.
    """
    found = [_deposit(record, scene["crs"]) for scene in kept_features(folder, stems) for record in scene["deposits"]]
    if not found:
        raise BadInput(f"{folder} holds no deposits on the map: nothing can be written or audited")
    return found


def _deposit(record: dict[str, Any], crs: str) -> Deposit:
    """One deposit from what was kept of it; its area draws follow the three numbers kept, low, best and high."""
    parts = _in(record["parts"], crs, WORLD)
    corners = np.concatenate([exterior for exterior, _ in parts])
    low, best, high = (record[f"area_ha{part}"] * HECTARE for part in ("_low", "", "_high"))
    levels = np.linspace(0, 1, DRAWS)
    draws = np.interp(levels, [0.0, 0.05, 0.5, 0.95, 1.0], [low, low, best, high, high])
    return Deposit(
        id=str(record["id"]), parts=parts, area=Estimate(draws=np.sort(draws), unit="m²"),
        centroid=(float(corners[:, 0].mean()), float(corners[:, 1].mean())),
        date=datetime.fromisoformat(record["acquired"]).date() if record["acquired"] else None,
        touches_edge=record["touches_edge"],
        attributes={"scene": record["scene"], "mean_probability": record["mean_probability"]},
    )  # fmt: skip


def _in(parts: Sequence[Any], crs: str, wanted: str) -> tuple[Part, ...]:
    """Rings of another projection."""
    from outcrop.instruments.geodesy import to_lonlat

    def moved(ring: Any) -> Any:
        points = np.asarray(ring, float)
        return points if crs == wanted else to_lonlat(points, crs)

    return tuple((moved(exterior), tuple(moved(hole) for hole in holes)) for exterior, *holes in parts)
