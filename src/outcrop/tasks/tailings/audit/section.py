"""An audit as a run's own step: deposits and what was observed from its files, a register, and tables and a map out of it."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import date
from pathlib import Path
from typing import Any

import numpy as np

from outcrop.core.errors import BadInput, UsageError
from outcrop.core.scene import Scene
from outcrop.core.task import Section
from outcrop.instruments.outline_relations import Part
from outcrop.outputs.table import write_table
from outcrop.sources.open import open_source
from outcrop.tasks.tailings.audit.matching import Audit, audit
from outcrop.tasks.tailings.audit.presets import PRESETS, Columns
from outcrop.tasks.tailings.audit.registry import read_registry
from outcrop.tasks.tailings.audit.rows import DEPOSITS, POINTS, WORDS, deposit_rows, point_rows
from outcrop.tasks.tailings.deposit import Deposit
from outcrop.tasks.tailings.layers import NAME, read_layer

MOST_ROWS = 40
"""Rows of the table shown in the report; the files hold all."""

MOST_SHAPES = 3000
"""Deposits drawn on the map, the largest first."""


def audit_run(folder: Path, settings: Mapping[str, str]) -> list[Section]:
    """Compare the deposits of a run with the register of its settings; none was asked for without "registry".

    Writes ``audit.deposits.csv`` and ``audit.points.csv``.

    Raises:
        BadInput: the run left no deposits on the map.
        UsageError: a register that is not there, or an unknown preset.
    """
    if not _asked(settings):
        return []
    path = folder / f"{NAME}.gpkg"
    if not path.exists():
        raise BadInput(f"{folder} holds no {path.name}: give the folder of a run on scenes with a map projection")
    deposits = read_layer(path)
    registry = read_registry(settings["registry"], columns_of(settings), when=_middle(deposits))
    found = audit(deposits, registry, extent=frames(folder))
    tables = [("audit.deposits.csv", DEPOSITS, deposit_rows(found)), ("audit.points.csv", POINTS, point_rows(found))]
    files = tuple(write_table(folder / name, columns, rows).name for name, columns, rows in tables)
    return [section(found, registry.name, files)]


def check_register(settings: Mapping[str, str]) -> None:
    """Read the register of a run's settings before anything is seen, so that one that cannot be used is refused at once.

    Raises:
        UsageError: a register that is not there, an unknown preset, or words on a register and none named.
        OutcropError: the register cannot be used, see ``registry.read_registry``.
    """
    if _asked(settings):
        read_registry(settings["registry"], columns_of(settings))


def _asked(settings: Mapping[str, str]) -> bool:
    """Whether an audit is wished."""
    if "registry" not in settings and settings:
        raise UsageError(f"{next(iter(settings))!r} says how to read a register: name one with --registry")
    return "registry" in settings


def columns_of(settings: Mapping[str, str]) -> Columns:
    """How to read a register: a preset, with single columns named otherwise.

    Raises:
        UsageError: no such preset.
    """
    name = settings.get("preset")
    if name is not None and name not in PRESETS:
        raise UsageError(f"no register {name!r} is known: choose one of {', '.join(PRESETS)}")
    said = PRESETS[name] if name else Columns()
    own: dict[str, Any] = {key: value for key, value in settings.items() if key not in ("registry", "preset")}
    return replace(said, **own)


def frames(folder: Path) -> list[Part]:
    """What the scenes of a run covered, as outlines in degrees, from its mask rasters."""
    from outcrop.instruments.geodesy import to_lonlat

    found: list[Part] = []
    for path in sorted(folder.glob("*.mask.tif")):
        scene = open_source(path)
        if isinstance(scene, Scene) and scene.grid.crs is not None:
            rows, cols = scene.grid.shape
            # Middles of the sides too: in degrees a long side bends.
            round_it = [
                (0, 0),
                (cols / 2, 0),
                (cols, 0),
                (cols, rows / 2),
                (cols, rows),
                (cols / 2, rows),
                (0, rows),
                (0, rows / 2),
            ]
            corners = np.array([scene.grid.transform @ corner for corner in [*round_it, (0, 0)]], float)
            found.append((to_lonlat(corners, scene.grid.crs), ()))
    return found


def _middle(deposits: Sequence[Deposit]) -> date | None:
    """The date in the middle of those of the deposits, None when no scene has one."""
    dates = sorted(d.date for d in deposits if d.date is not None)
    return dates[len(dates) // 2] if dates else None


def section(found: Audit, registry: str, files: tuple[str, ...]) -> Section:
    """The audit as a part of the report: counts, ratios, candidates and a map."""
    said = found.summary()
    facts = [
        ("deposits measured", str(said["deposits"])),
        ("registered and measured", str(said["deposits_matched"])),
        ("without registration (candidates)", str(said["deposits_unregistered"])),
        ("registered points in what was observed", str(said["points"])),
        ("registered points without a visible deposit (candidates)", str(said["points_unmatched"])),
    ]
    if said["ratio_median"] is not None:
        middle = f"{said['ratio_median']:.2f} (quartiles {said['ratio_q25']:.2f} to {said['ratio_q75']:.2f})"
        facts.append((f"measured / declared area, median of {said['compared'] - said['unit_slips']}", middle))
    if said["unit_slips"]:
        facts.append(("pairs that smell of a wrong unit, listed and not averaged", str(said["unit_slips"])))
    rows = sorted(deposit_rows(found), key=lambda row: (row["finding"] == WORDS["matched"], -row["measured_m2"]))
    shown = tuple(tuple(_cells(row)) for row in rows[:MOST_ROWS])
    largest = sorted(found.findings, key=lambda f: -f.deposit.area.value)[:MOST_SHAPES]
    shapes: dict[str, list[list[tuple[float, float]]]] = {
        WORDS[kind]: [] for kind in ("matched", "between", "unregistered", "unmatched")
    }
    for finding in largest:
        shapes[WORDS[finding.kind]] += [
            [(float(x), float(y)) for x, y in exterior] for exterior, _ in finding.deposit.parts
        ]
    shapes[WORDS["unmatched"]] += [[(p.entry.lon, p.entry.lat)] for p in found.unmatched_points]
    return Section(
        title=f"Audit against {registry}",
        text=(
            ("Both lists are lists of candidates for a person to look at. A registered point may hold water or "
            "sediment, its position may be wrong, and the model misses deposits; a deposit without registration may need none, or "
            "only look like tailings."),
            *found.notes,
        ),
        facts=tuple(facts), columns=("deposit", "finding", "measured, ha", "90 %", "nearest", "distance, m", "declared, ha", "ratio", "flags"),
        rows=shown, shapes={kind: several for kind, several in shapes.items() if several}, files=files,
    )  # fmt: skip


def _cells(row: Mapping[str, Any]) -> list[str]:
    """One deposit as the report shows it; names of persons and firms stay in the files."""

    def number(key: str, size: float, digits: int) -> str:
        return f"{row[key] / size:.{digits}f}" if row.get(key) is not None else ""

    return [
        str(row["deposit"]), row["finding"], number("measured_m2", 1e4, 2),
        f"{number('measured_low_m2', 1e4, 2)} to {number('measured_high_m2', 1e4, 2)}", str(row.get("registered", "")),
        number("distance_m", 1, 0), number("declared_m2", 1e4, 2), number("ratio", 1, 2), row["flags"],
    ]  # fmt: skip
