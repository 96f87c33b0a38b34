"""Change between two dates: which deposit is which, and whether its area changed by more than the error.

Deposits are the same when their outlines overlap; outlines are on the ellipsoid, so the two dates may have different
grids and projections. Deposits joined by overlaps form a group, and the numbers before and after name what happened.
Two areas measured the same way share part of their error (an outline drawn too wide is too wide at both dates), and
that part cancels in the difference: the draws of the two dates are paired through a Gaussian copula with the correlation
``shared_edge`` before they are subtracted (Iman and Conover 1982, Communications in Statistics B 11, 311-334).
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from types import MappingProxyType
from typing import Any

import numpy as np
from numpy.typing import NDArray

from outcrop.core.errors import UsageError
from outcrop.core.estimate import DRAWS, Estimate
from outcrop.instruments.outline_relations import Shapes, inside, jaccard, overlapping
from outcrop.instruments.outline_relations import shapes as as_shapes
from outcrop.tasks.tailings.deposit import Deposit, Place, as_part

OVERLAP = 0.1
"""Two deposits are one when they share this part of the smaller of them; less is an edge that moved onto a neighbour."""

WORDS = MappingProxyType(
    {
        "same": "no change beyond the error",
        "grown": "grown",
        "shrunk": "shrunk",
        "new": "seen only after",
        "gone": "seen only before",
        "merged": "several before, one after",
        "split": "one before, several after",
        "regrouped": "several before, several after",
        "not comparable": "cut by the edge of what was observed at both dates",
    }
)
"""Kind of change → what it is called in reports."""

CHANGES = (
    "id", "change", "before_ids", "after_ids", "before_date", "after_date", "before_m2", "after_m2", "difference_m2",
    "low_m2", "high_m2", "significant", "overlap", "clear_looks_before", "clear_looks_after", "longitude", "latitude",
)  # fmt: skip
"""Columns of the table of changes."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """What happened to one deposit, or to a group of deposits that cannot be told apart.

    Attributes:
        id: of the largest deposit before, or after for a new one; it names the group through time.
        kind: a key of ``WORDS``.
        difference: area after minus area before, m².
        significant: the 90 % interval of the difference excludes 0 and the outlines can be compared. Of a new or gone
            deposit it says only that the area is not nothing; whether it was missed at one date it cannot say.
        overlap: area common to both dates over the area of either, 0..1.
        clear_looks: how many clear observations stand behind each date, the fewest among its deposits; None if unknown.
        centroid: (longitude, latitude) of the deposit that gave the id.
    """

    id: str
    kind: str
    before_ids: tuple[str, ...]
    after_ids: tuple[str, ...]
    before: float
    after: float
    difference: Estimate
    significant: bool
    overlap: float
    centroid: tuple[float, float]
    dates: tuple[date | None, date | None] = (None, None)
    clear_looks: tuple[int | None, int | None] = (None, None)

    def row(self) -> dict[str, Any]:
        """One row of the table, columns ``CHANGES``."""
        low, high = self.difference.interval()
        return {
            "id": self.id, "change": self.kind, "before_ids": "; ".join(self.before_ids),
            "after_ids": "; ".join(self.after_ids), "before_date": self.dates[0], "after_date": self.dates[1],
            "before_m2": self.before, "after_m2": self.after, "difference_m2": self.difference.value, "low_m2": low,
            "high_m2": high, "significant": self.significant, "overlap": self.overlap,
            "clear_looks_before": self.clear_looks[0], "clear_looks_after": self.clear_looks[1],
            "longitude": self.centroid[0], "latitude": self.centroid[1],
        }  # fmt: skip


def change(
    before: Sequence[Deposit],
    after: Sequence[Deposit],
    *,
    rng: np.random.Generator,
    shared_edge: float,
    common: Sequence[Place] | None = None,
    overlap: float = OVERLAP,
    clear_looks: tuple[int | None, int | None] = (None, None),
) -> list[Change]:
    """Every deposit of both dates in exactly one change, those seen before first.

    Args:
        shared_edge: correlation of the errors of the two dates, from 0 (nothing in common) to 1 (the same error).
        common: what was observed at both dates, boxes (west, south, east, north) or outlines in degrees; a deposit
            that reaches beyond is not comparable. None when everything was observed.
        overlap: part of the smaller of two deposits that both must share to be one.
        clear_looks: clear observations behind each date, for deposits whose attributes do not say ``clear_looks``.

    Raises:
        UsageError: an id stands twice at one date, or a number is out of its range.
    """
    if not 0 <= shared_edge <= 1 or not 0 < overlap <= 1:
        raise UsageError(
            f"shared_edge {shared_edge:g} must lie within 0 and 1, overlap {overlap:g} above 0 and up to 1"
        )
    for deposits, when in ((before, "before"), (after, "after")):
        twice = next((id for id, times in Counter(d.id for d in deposits).items() if times > 1), None)
        if twice is not None:
            raise UsageError(f"deposit {twice!r} stands twice among the deposits {when}: give each its own id")
    both = (*before, *after)
    if not both:
        return []
    about = both[0].centroid
    shapes = as_shapes([deposit.parts for deposit in both], about)
    cut = _cut(both, shapes, about, common)
    groups = _groups(shapes, len(before), overlap)
    return [
        _change(before, after, group, shapes, any(cut[i] for i in group), rng, shared_edge, clear_looks)
        for group in groups
    ]


def paired_difference(
    after: Sequence[Estimate], before: Sequence[Estimate], shared: float, rng: np.random.Generator
) -> NDArray[np.float64]:
    """Draws of sum(after) - sum(before) whose errors have the rank correlation of a Gaussian copula, (DRAWS,).

    Args:
        after, before: areas of one date, added draw by draw as they come; none counts as 0.
        shared: correlation of the copula, 0..1.
    """
    first = rng.standard_normal(DRAWS)
    second = shared * first + np.sqrt(1 - shared**2) * rng.standard_normal(DRAWS)
    return _ranked(after, first) - _ranked(before, second)


def _ranked(parts: Sequence[Estimate], normal: NDArray[np.float64]) -> NDArray[np.float64]:
    """The sum of the parts, its draws put into the order of ``normal``."""
    if not parts:
        return np.zeros(len(normal))
    total = np.sort(np.sum([part.draws for part in parts], axis=0))
    rank = np.empty(len(normal), int)
    rank[np.argsort(normal)] = np.arange(len(normal))
    return np.asarray(total[rank * len(total) // len(normal)])


def _cut(
    both: Sequence[Deposit], shapes: Shapes, about: tuple[float, float], common: Sequence[Place] | None
) -> list[bool]:
    """Which deposits are not wholly inside what was observed at both dates."""
    if common is None:
        return [deposit.touches_edge for deposit in both]
    within = inside(shapes, [as_part(place) for place in common], about)
    return [deposit.touches_edge or not whole for deposit, whole in zip(both, within.tolist(), strict=True)]


def _groups(shapes: Shapes, count: int, overlap: float) -> list[list[int]]:
    """Indices of deposits joined by overlaps between the first ``count`` and the others, in order of their first."""
    parent = list(range(len(shapes)))

    def root(i: int) -> int:
        while parent[i] != i:
            parent[i] = i = parent[parent[i]]
        return i

    for i, j in overlapping(shapes[:count], shapes[count:], overlap):
        one, other = root(i), root(j + count)
        parent[max(one, other)] = min(one, other)
    groups: dict[int, list[int]] = {}
    for i in range(len(shapes)):
        groups.setdefault(root(i), []).append(i)
    return list(groups.values())


def _change(
    before: Sequence[Deposit],
    after: Sequence[Deposit],
    group: Sequence[int],
    shapes: Shapes,
    cut: bool,
    rng: np.random.Generator,
    shared_edge: float,
    clear_looks: tuple[int | None, int | None],
) -> Change:
    """One group, measured."""
    old = [before[i] for i in group if i < len(before)]
    new = [after[i - len(before)] for i in group if i >= len(before)]
    draws = paired_difference([d.area for d in new], [d.area for d in old], shared_edge, rng)
    difference = Estimate(draws=draws, unit="m²")
    low, high = difference.interval()
    name = max(old or new, key=lambda deposit: deposit.area.value)
    return Change(
        id=name.id,
        kind="not comparable" if cut else _kind(len(old), len(new), low, high),
        before_ids=tuple(d.id for d in old),
        after_ids=tuple(d.id for d in new),
        before=sum(d.area.value for d in old),
        after=sum(d.area.value for d in new),
        difference=difference,
        significant=not cut and (low > 0 or high < 0),
        overlap=jaccard(shapes[[i for i in group if i < len(before)]], shapes[[i for i in group if i >= len(before)]]),
        centroid=name.centroid,
        dates=(_first_date(old), _first_date(new)),
        clear_looks=(_looks(old, clear_looks[0]), _looks(new, clear_looks[1])),
    )


def _kind(old: int, new: int, low: float, high: float) -> str:
    """What the numbers of deposits, and the interval of the difference, say."""
    if old == new == 1:
        return "grown" if low > 0 else "shrunk" if high < 0 else "same"
    kinds: Mapping[tuple[int, int], str] = {
        (0, 1): "new", (1, 0): "gone", (2, 1): "merged", (1, 2): "split", (2, 2): "regrouped",
    }  # fmt: skip
    return kinds[min(old, 2), min(new, 2)]


def _first_date(deposits: Sequence[Deposit]) -> date | None:
    return min((d.date for d in deposits if d.date is not None), default=None)


def _looks(deposits: Sequence[Deposit], usual: int | None) -> int | None:
    """Fewest clear observations among the deposits; the date's own number where they say nothing."""
    said = [int(d.attributes["clear_looks"]) for d in deposits if d.attributes.get("clear_looks") is not None]
    return min(said, default=usual)
