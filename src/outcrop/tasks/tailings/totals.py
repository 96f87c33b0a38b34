"""All scenes of a run together: what they hold, with what overlapping scenes show twice counted once."""

import csv
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from outcrop.core.task import Section
from outcrop.outputs.table import write_table
from outcrop.tasks.tailings.measure import CORRELATION

FILE = "totals.csv"
COLUMNS = ("scene", "deposits", "duplicates", "area_ha", "area_ha_low", "area_ha_high", "counted_ha")
"""Columns of the table: of each scene as it was measured by itself, and which part of its area is counted in the total."""

ALL = "all scenes, each deposit once"


def write_totals(folder: Path, scenes: Sequence[Mapping[str, Any]]) -> None:
    """``totals.csv``: a row for every scene on the map, and one for all of them; none of a run of one scene.

    Errors of two scenes are taken to correlate like those of two deposits of one scene, since one model saw both; the
    ends of the intervals are propagated with that (JCGM 100:2008, 5.2.2), each side by itself.

    Args:
        scenes: as ``kept.settle`` gives them.
    """
    path = folder / FILE
    path.unlink(missing_ok=True)
    if len(scenes) < 2 or any(scene["total"] is None for scene in scenes):
        return
    rows: list[dict[str, Any]] = [_row(scene) for scene in scenes]
    whole: dict[str, Any] = {"scene": ALL, "deposits": sum(row["deposits"] - row["duplicates"] for row in rows)}
    whole |= {
        "duplicates": sum(row["duplicates"] for row in rows),
        "counted_ha": sum(row["counted_ha"] for row in rows),
    }
    counted = np.array([row["counted_ha"] / max(row["area_ha"], 1e-12) for row in rows])
    value, low, high = (counted * [row[name] for row in rows] for name in ("area_ha", "area_ha_low", "area_ha_high"))
    whole["area_ha"] = float(value.sum())
    whole["area_ha_low"] = max(whole["area_ha"] - _together(value - low), 0.0)
    whole["area_ha_high"] = whole["area_ha"] + _together(high - value)
    write_table(path, COLUMNS, [*rows, whole])


def _together(errors: NDArray[np.float64]) -> float:
    """One error of a sum whose parts have these errors, correlated with each other by ``CORRELATION``."""
    return float(np.sqrt(CORRELATION * errors.sum() ** 2 + (1 - CORRELATION) * (errors**2).sum()))


def _row(scene: Mapping[str, Any]) -> dict[str, Any]:
    """One scene by itself."""
    deposits = scene["deposits"]
    outlined = sum(record["area_ha"] for record in deposits)
    counted = sum(record["area_ha"] * record["counted"] for record in deposits)
    value, low, high = scene["total"]
    return {
        "scene": scene["stem"], "deposits": len(deposits),
        "duplicates": sum(record["duplicate_of"] is not None for record in deposits), "area_ha": value,
        "area_ha_low": low, "area_ha_high": high, "counted_ha": value * counted / outlined if outlined else 0.0,
    }  # fmt: skip


def totals_section(folder: Path) -> list[Section]:
    """What ``totals.csv`` of a run says, for its report; nothing where there is none."""
    path = folder / FILE
    if not path.exists():
        return []
    with path.open(newline="", encoding="utf-8") as file:
        *rows, whole = csv.DictReader(file)
    area, low, high = (float(whole[name]) for name in ("area_ha", "area_ha_low", "area_ha_high"))
    return [
        Section(
            title="All scenes together",
            text=(
                ("Where scenes overlap, a deposit is counted once: the largest outline of it stands, and the others are marked as its "
                f"duplicates in the layer. Errors of two scenes are taken to correlate by {CORRELATION}."),
            ),
            facts=(
                ("deposits", whole["deposits"]),
                ("outlines of deposits that another scene shows too, not counted", whole["duplicates"]),
                ("tailings area of all scenes, ha (90 %)", f"{area:.2f} ({low:.2f} to {high:.2f})"),
            ),
            columns=("scene", "deposits", "duplicates", "area, ha", "counted, ha"),
            rows=tuple(
                (row["scene"], row["deposits"], row["duplicates"], f"{float(row['area_ha']):.2f}", f"{float(row['counted_ha']):.2f}")
                for row in rows
            ),
            files=(FILE,),
        )
    ]  # fmt: skip
