"""Two runs compared: what happened to each deposit between their dates, as a table, a map and counts."""

from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np

from outcrop.core.errors import BadInput, UsageError
from outcrop.core.task import Section
from outcrop.instruments.outline_relations import shared_places
from outcrop.outputs.table import write_table
from outcrop.tasks.tailings.audit.section import frames
from outcrop.tasks.tailings.change.matching import CHANGES, WORDS, Change, change
from outcrop.tasks.tailings.deposit import Deposit, Place
from outcrop.tasks.tailings.layers import NAME, read_layer

SHARED_EDGE = 0.5
"""Correlation of the errors of the same deposit at two dates: the same model and place, another light. A judgement."""

MOST_ROWS = 60
"""Rows of the table shown in the report; the file holds all."""


def compare(
    before: Path, after: Path, out: Path, settings: Mapping[str, str], rng: np.random.Generator
) -> list[Section]:
    """Compare the deposits of two runs; writes ``change.csv``.

    Args:
        before, after: folders of finished runs, or layers of deposits.
        settings: "shared_edge", the correlation of the errors of the two dates, 0..1.

    Raises:
        BadInput: no layer of deposits, or dates in the wrong order.
        UsageError: an unknown setting, or a number out of its range.
    """
    if strange := set(settings) - {"shared_edge"}:
        raise UsageError(f"no setting {min(strange)!r} in a comparison: it knows shared_edge")
    try:
        shared = float(settings.get("shared_edge", SHARED_EDGE))
    except ValueError:
        raise UsageError(f"shared_edge={settings['shared_edge']!r} is no number: give one from 0 to 1") from None
    first, second = _deposits(before), _deposits(after)
    _refuse_order(first, second)
    places = [frames(folder) for folder in (before, after) if folder.is_dir()]
    common: list[Place] | None = list(shared_places(*places)) if len(places) == 2 else None
    found = change(first, second, rng=rng, shared_edge=shared, common=common)
    path = write_table(out / "change.csv", CHANGES, [each.row() for each in found])
    return [section(found, second, first, (path.name,))]


def _deposits(path: Path) -> list[Deposit]:
    """The deposits of a run's folder or of a layer."""
    layer = path / f"{NAME}.gpkg" if path.is_dir() else path
    if not layer.exists():
        raise BadInput(f"{path} holds no layer of deposits: give the folder of a finished run, or its {NAME}.gpkg")
    return read_layer(layer)


def _refuse_order(first: Sequence[Deposit], second: Sequence[Deposit]) -> None:
    """BEFORE must not be later than AFTER."""
    dates = [[d.date for d in deposits if d.date] for deposits in (first, second)]
    if all(dates) and min(dates[0]) > max(dates[1]):
        raise BadInput(
            f"the first run is of {min(dates[0])} and the second of {max(dates[1])}: give the earlier one first"
        )


def section(
    found: Sequence[Change], after: Sequence[Deposit], before: Sequence[Deposit], files: tuple[str, ...]
) -> Section:
    """The comparison as a part of a report: counts, the largest changes and a map."""
    counts = Counter(each.kind for each in found)
    known = {d.id: d for d in before}, {d.id: d for d in after}
    shapes: dict[str, list[list[tuple[float, float]]]] = {}
    for each in found:
        for ids, deposits in ((each.before_ids, known[0]), (each.after_ids, known[1])):
            for id in ids:
                for exterior, _ in deposits[id].parts:
                    shapes.setdefault(WORDS[each.kind], []).append([(float(x), float(y)) for x, y in exterior])
    rows = sorted(found, key=lambda each: (not each.significant, -abs(each.difference.value)))[:MOST_ROWS]
    return Section(
        title="Change between two dates",
        text=(
            ("A change is significant when the 90 % interval of the difference excludes zero. A deposit that is new or gone may have "
            "been missed at one date; one that is cut by the edge of what was observed is not compared."),
        ),
        facts=tuple((WORDS[kind], str(counts[kind])) for kind in WORDS if counts[kind]),
        columns=("deposit", "change", "before, ha", "after, ha", "difference, ha", "90 %", "significant"),
        rows=tuple(_cells(each) for each in rows), shapes=shapes, files=files,
    )  # fmt: skip


def _cells(each: Change) -> tuple[str, ...]:
    """One change as the report shows it."""
    low, high = each.difference.interval()
    return (
        each.id, WORDS[each.kind], f"{each.before / 1e4:.2f}", f"{each.after / 1e4:.2f}",
        f"{each.difference.value / 1e4:+.2f}", f"{low / 1e4:+.2f} to {high / 1e4:+.2f}", "yes" if each.significant else "no",
    )  # fmt: skip
