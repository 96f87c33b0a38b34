"""The audit as tables: one row for each deposit, one for each registered point inside the observed area."""

from types import MappingProxyType
from typing import Any

from outcrop.tasks.tailings.audit.matching import Audit, Finding, Point

WORDS = MappingProxyType(
    {
        "matched": "registered and measured",
        "unregistered": "deposit without registration (candidate)",
        "unmatched": "registered point without a visible deposit (candidate)",
        "between": "neither near nor far",
    }
)
"""What each list is called in reports."""

DEPOSITS = (
    "deposit", "finding", "longitude", "latitude", "measured_m2", "measured_low_m2", "measured_high_m2", "registered",
    "name", "status", "distance_m", "candidates", "candidate_ids", "declared_m2", "ratio", "ratio_low", "ratio_high",
    "flags",
)  # fmt: skip
"""Columns of the table of deposits."""

POINTS = ("registered", "name", "status", "finding", "longitude", "latitude", "distance_m", "deposit", "declared_m2", "flags")  # fmt: skip
"""Columns of the table of registered points inside what was observed."""


def deposit_rows(audit: Audit) -> list[dict[str, Any]]:
    """One row for each deposit, columns ``DEPOSITS``, of the registered point that gives the ratio, else the nearest."""
    return [_deposit_row(finding) for finding in audit.findings]


def point_rows(audit: Audit) -> list[dict[str, Any]]:
    """One row for each registered point inside the observed area, columns ``POINTS``."""
    return [_point_row(point) for point in audit.points]


def _deposit_row(finding: Finding) -> dict[str, Any]:
    deposit, shown = finding.deposit, finding.declared or finding.nearest
    low, high = deposit.area.interval()
    ratio = finding.ratio
    row = {
        "deposit": deposit.id, "finding": WORDS[finding.kind], "longitude": deposit.centroid[0],
        "latitude": deposit.centroid[1], "measured_m2": deposit.area.value, "measured_low_m2": low, "measured_high_m2": high,
        "candidates": len(finding.candidates), "flags": "; ".join(finding.flags),
        "candidate_ids": "; ".join(f"{c.entry.id} at {c.distance:.0f} m" for c in finding.candidates),
    }  # fmt: skip
    if shown is not None:
        entry = shown.entry
        row |= {"registered": entry.id, "name": entry.name, "status": entry.status, "distance_m": shown.distance}
    if finding.declared is not None and ratio is not None:
        row |= {"declared_m2": finding.declared.entry.declared_area, "ratio": ratio.value}
        row |= dict(zip(("ratio_low", "ratio_high"), ratio.interval(), strict=True))
    return row


def _point_row(point: Point) -> dict[str, Any]:
    entry = point.entry
    return {
        "registered": entry.id, "name": entry.name, "status": entry.status, "finding": WORDS[point.kind],
        "longitude": entry.lon, "latitude": entry.lat, "distance_m": point.distance,
        "deposit": None if point.deposit is None else point.deposit.id, "declared_m2": entry.declared_area,
        "flags": "; ".join(point.flags),
    }  # fmt: skip
