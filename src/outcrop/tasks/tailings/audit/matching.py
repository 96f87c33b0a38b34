"""The audit: deposits that were measured against dams that were registered.

Both lists that come out of it are lists of candidates. A registered point may hold water or sediment, its position may
be wrong, and the model misses deposits; a deposit far from every point may be a waste-rock dump, which needs no dam
entry, or something that only looks like tailings. The audit states distances, ratios and counts, never a verdict.
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from outcrop.core.errors import NoGeometry, UsageError
from outcrop.core.estimate import Estimate
from outcrop.tasks.tailings.audit.registry import Entry, Registry
from outcrop.tasks.tailings.deposit import Deposit, Place, distances, observed

REACH = 250.0
"""Metres within which a registered point belongs to a deposit: a point marks a dam's crest, its outline the whole."""
ABSENT = 500.0
"""Metres from every deposit beyond which a registered point counts as without a visible deposit."""
FAR = 2000.0
"""Metres from every registered point beyond which a deposit counts as without registration."""
SLIP = 20.0
"""A measured area this many times the declared one, or the declared one this many times it, smells of a wrong unit, a fragment or another object."""
MOVED = 250.0
"""Metres by which a registered position may move between states before it is flagged."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Candidate:
    """A registered point near a deposit."""

    entry: Entry
    distance: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """What the register says about one deposit.

    Attributes:
        kind: "matched", "unregistered" or "between".
        nearest: the nearest registered point, also beyond reach; None when the register is empty.
        candidates: all points within reach, nearest first.
        declared: the nearest of them with a declared area; None when there is none.
        ratio: measured / declared area, a pure number; None without a declared area.
        flags: why the pair deserves a second look, in words.
    """

    deposit: Deposit
    kind: str
    nearest: Candidate | None = None
    candidates: tuple[Candidate, ...] = ()
    declared: Candidate | None = None
    ratio: Estimate | None = None
    flags: tuple[str, ...] = ()

    @property
    def slipped(self) -> bool:
        """The declared area, or its ratio to the measured one, smells of a wrong unit: listed, never averaged."""
        if self.ratio is None or self.declared is None:
            return False
        return self.declared.entry.doubtful or not 1 / SLIP <= self.ratio.value <= SLIP


@dataclass(frozen=True, slots=True, kw_only=True)
class Point:
    """What was seen at one registered point inside the observed area: "matched", "unmatched" or "between"."""

    entry: Entry
    kind: str
    distance: float
    deposit: Deposit | None
    flags: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Audit:
    """Every deposit and every registered point, each in exactly one list.

    Attributes:
        findings: one for each deposit, in their order.
        points: one for each registered point inside the observed area.
        outside: how many registered points lie outside it: nothing is said about them.
        notes: those of the register.
    """

    findings: tuple[Finding, ...]
    points: tuple[Point, ...]
    outside: int
    notes: tuple[str, ...] = ()

    @property
    def matched(self) -> tuple[Finding, ...]:
        """Deposits with a registered point within reach."""
        return tuple(f for f in self.findings if f.kind == "matched")

    @property
    def unregistered(self) -> tuple[Finding, ...]:
        """Deposits far from every registered point: candidates."""
        return tuple(f for f in self.findings if f.kind == "unregistered")

    @property
    def unmatched_points(self) -> tuple[Point, ...]:
        """Registered points inside the observed area far from every deposit: candidates."""
        return tuple(p for p in self.points if p.kind == "unmatched")

    def summary(self) -> dict[str, Any]:
        """Counts, and how measured and declared areas compare, pairs flagged as unit slips left out but counted."""
        kinds = Counter(f.kind for f in self.findings)
        places = Counter(p.kind for p in self.points)
        compared = [f for f in self.matched if f.ratio is not None]
        fair = [f for f in compared if not f.slipped]
        return {
            "deposits": len(self.findings),
            **{f"deposits_{kind}": kinds[kind] for kind in ("matched", "between", "unregistered")},
            "points": len(self.points),
            **{f"points_{kind}": places[kind] for kind in ("matched", "between", "unmatched")},
            "points_outside": self.outside,
            "compared": len(compared),
            "unit_slips": len(compared) - len(fair),
            "lower_bounds": sum(f.deposit.touches_edge for f in fair),
            **statistics(fair),
        }


def statistics(findings: Sequence[Finding]) -> dict[str, float | None]:
    """Median, quartiles and tenths of measured / declared, and the correlation of the two logarithms.

    None where there are no pairs, or, for the correlation, fewer than three.
    """
    pairs = [(f.deposit.area.value, f.declared.entry.declared_area) for f in findings if f.declared]
    names = ("ratio_p10", "ratio_q25", "ratio_median", "ratio_q75", "ratio_p90")
    if not pairs:
        return dict.fromkeys((*names, "log_correlation"))
    logs = np.log(np.array(pairs, float))
    levels = np.exp(np.quantile(logs[:, 0] - logs[:, 1], [0.1, 0.25, 0.5, 0.75, 0.9])).tolist()
    varied = len(logs) > 2 and (logs.std(axis=0) > 1e-9).all()
    correlation = float(np.corrcoef(logs.T)[0, 1]) if varied else None
    return dict(zip(names, levels, strict=True)) | {"log_correlation": correlation}


def audit(
    deposits: Sequence[Deposit],
    registry: Registry,
    *,
    extent: Sequence[Place],
    reach: float = REACH,
    absent: float = ABSENT,
    far: float = FAR,
) -> Audit:
    """Compare deposits with a register.

    Args:
        extent: what was observed, as boxes (west, south, east, north) or outlines in degrees; registered points
            elsewhere are only counted.
        reach: a registered point this near (m) to a deposit's outline belongs to it; several may.
        absent: a registered point farther (m) than this from every deposit has none that can be seen.
        far: a deposit farther (m) than this from every registered point has no registration.

    Raises:
        UsageError: the distances are not in the order reach ≤ absent, far.
        NoGeometry: no registered point lies near the deposits, but they would with longitude and latitude exchanged.
    """
    if not 0 < reach <= min(absent, far):
        raise UsageError(
            f"the reach of {reach:g} m must be above 0 and below {absent:g} and {far:g} m: choose other distances"
        )
    lon = np.array([entry.lon for entry in registry.entries])
    lat = np.array([entry.lat for entry in registry.entries])
    seen = observed(extent, lon, lat)
    if not seen.any():
        _refuse_exchanged(registry, extent, lon, lat)
    table = np.array([distances(deposit, lon, lat) for deposit in deposits]).reshape(len(deposits), len(lon))
    shared = Counter(i for row in table for i in _within(row, reach))
    findings = tuple(
        _finding(deposit, row, registry.entries, shared, (reach, far))
        for deposit, row in zip(deposits, table, strict=True)
    )
    points = tuple(
        _point(registry.entries[i], deposits, table[:, i], (reach, absent)) for i in np.flatnonzero(seen).tolist()
    )
    return Audit(findings=findings, points=points, outside=int((~seen).sum()), notes=registry.notes)


def _within(row: NDArray[np.float64], reach: float) -> list[int]:
    """Places of the points within reach, nearest first; ties in the register's order."""
    order = np.argsort(row, kind="stable")
    return [int(i) for i in order if row[i] <= reach]


def _finding(
    deposit: Deposit,
    row: NDArray[np.float64],
    entries: Sequence[Entry],
    shared: Mapping[int, int],
    limits: tuple[float, float],
) -> Finding:
    """What the register says about a deposit whose distances to all its points are ``row``."""
    if not len(row):
        return Finding(deposit=deposit, kind="unregistered")
    order = _within(row, limits[0])
    candidates = tuple(Candidate(entry=entries[i], distance=float(row[i])) for i in order)
    i = int(row.argmin())
    nearest = Candidate(entry=entries[i], distance=float(row[i]))
    declared = next((c for c in candidates if c.entry.declared_area), None)
    ratio = None
    if declared is not None and declared.entry.declared_area:
        ratio = Estimate(draws=deposit.area.draws / declared.entry.declared_area, unit="1")
    kind = "matched" if candidates else "unregistered" if nearest.distance > limits[1] else "between"
    found = Finding(deposit=deposit, kind=kind, nearest=nearest, candidates=candidates, declared=declared, ratio=ratio)
    flags = {
        f"unit slip or another object: outside 1/{SLIP:g} to {SLIP:g}, or a doubtful declared area": found.slipped,
        "several registered points in reach": len(candidates) > 1,
        "point in reach of several deposits": any(shared[i] > 1 for i in order),
        "goes on outside the observed area: a lower bound": deposit.touches_edge,
        "registered position moved": any(c.entry.moved > MOVED for c in candidates),
    }
    return replace(found, flags=tuple(words for words, so in flags.items() if so))


def _point(
    entry: Entry, deposits: Sequence[Deposit], column: NDArray[np.float64], limits: tuple[float, float]
) -> Point:
    """What was seen at a registered point whose distances to all deposits are ``column``."""
    nearest = int(column.argmin()) if len(column) else None
    distance = float("inf") if nearest is None else float(column[nearest])
    kind = "matched" if distance <= limits[0] else "unmatched" if distance > limits[1] else "between"
    words = {"registered position moved": entry.moved > MOVED, "doubtful declared area": entry.doubtful}
    flags = tuple(word for word, so in words.items() if so)
    return Point(
        entry=entry, kind=kind, distance=distance, deposit=None if nearest is None else deposits[nearest], flags=flags
    )


def _refuse_exchanged(
    registry: Registry, extent: Sequence[Place], lon: NDArray[np.float64], lat: NDArray[np.float64]
) -> None:
    """Raise when points miss the observed area as they are, but hit it with longitude and latitude exchanged."""
    hits = int(observed(extent, lat, lon).sum())
    if hits:
        raise NoGeometry(
            f"none of the {len(lon)} points of {registry.name} lies in the observed area, but {hits} would if longitude and "
            "latitude were exchanged: map lon and lat to the right columns"
        )
