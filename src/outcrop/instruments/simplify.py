"""Smooth outlines instead of pixel staircases: no area moves by more than 1 %, and shared borders stay shared.

All deposits are simplified together, arc by arc (see ``outline_arcs``): corners are cut at the middles of the pixel
sides, then points are dropped after Douglas and Peucker (1973), so that no line moves further than the tolerance. A
deposit whose area changes too much, that would cross itself or meet another gets its arcs in a finer form, step by
step, at last as the staircase itself: then its area is exact.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from outcrop.core.errors import MissingExtra, UsageError
from outcrop.instruments.outline_arcs import Arcs, Lines, Points, arcs
from outcrop.instruments.outline_rings import Ints, Part

Parts = tuple[tuple[Points, tuple[Points, ...]], ...]
"""Pieces of one deposit: exterior and holes, closed rings (n, 2) of (col, row)."""

STEPS = (1.0, 0.7, 0.5, 0.25, 0.0)
"""Shares of the tolerance that are tried one after the other; 0 only cuts corners. After them comes the staircase."""

MOST_CHANGE = 0.01
"""Share of its area by which a deposit may change."""


class Traced(Protocol):
    """What is asked of a deposit, e.g. of an ``Outline``: its class, parts in pixel corners, and number of pixels."""

    @property
    def class_index(self) -> int:
        """Mask value of its class."""

    @property
    def parts(self) -> tuple[Part, ...]:
        """As in ``Outline``."""

    @property
    def pixels(self) -> int:
        """Number of pixels."""


def simplify(deposits: Sequence[Traced], tolerance: float = 0.75, *, most_change: float = MOST_CHANGE) -> list[Parts]:
    """Outlines of all deposits of a raster with fewer points, in pixel corners, in the same order.

    The result is valid (OGC simple features), deposits do not overlap, neighbours share their border point by point,
    exteriors and holes run as in ``outlines.Outline``.

    Args:
        deposits: of one raster.
        tolerance: how far a line may move, in pixels; 0 gives the staircases back.
        most_change: share of its area by which a deposit may change.

    Raises:
        UsageError: a negative tolerance.
        MissingExtra: shapely is not installed.
    """
    if not tolerance >= 0:
        raise UsageError(f"a tolerance of {tolerance} pixels is impossible: give 0 or more")
    if not deposits or tolerance == 0:
        return [tuple((e.astype(float), tuple(h.astype(float) for h in hs)) for e, hs in d.parts) for d in deposits]
    frame = _Frame.of(deposits)
    shape = _Shape.of(frame.arcs, tolerance)
    pixels = np.array([deposit.pixels for deposit in deposits], float)
    while True:
        wrong = frame.changed(shape, pixels, most_change)
        if not wrong.any():
            wrong = frame.crossing(shape)[frame.owner]
        blamed = np.unique(frame.arcs.arc[wrong])
        # Deposits that overlap as they came stay as they came.
        if (shape.step[blamed] == len(STEPS)).all():
            return frame.parts(shape)
        shape = shape.finer(blamed, frame.arcs, tolerance)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Shape:
    """A form of every arc: its step in ``STEPS`` and after, (count,), and its line, (count,) of shapely."""

    step: Ints
    lines: NDArray[Any]

    @classmethod
    def of(cls, arcs: Arcs, tolerance: float) -> "_Shape":
        """All arcs as coarse as allowed."""
        shapely = _shapely()
        lines = shapely.simplify(_as_lines(arcs.smoothed), tolerance * STEPS[0], preserve_topology=False)
        return cls(step=np.zeros(arcs.count, np.int64), lines=lines)

    def finer(self, chosen: Ints, arcs: Arcs, tolerance: float) -> "_Shape":
        """These arcs one step finer, where there is one."""
        shapely = _shapely()
        chosen = chosen[self.step[chosen] < len(STEPS)]
        step, lines = self.step.copy(), self.lines.copy()
        step[chosen] += 1
        for number, share in enumerate(STEPS):
            some = chosen[step[chosen] == number]
            lines[some] = shapely.simplify(
                _as_lines(_some(arcs.smoothed, some)), tolerance * share, preserve_topology=False
            )
        some = chosen[step[chosen] == len(STEPS)]
        lines[some] = _as_lines(_some(arcs.staircase, some))
        return _Shape(step=step, lines=lines)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Frame:
    """How arcs make deposits.

    Attributes:
        deposit, piece, hole: (rings,) deposit and piece (numbered through) of each ring, and whether it is a hole.
        exact: (stretches,) area that the staircase sweeps along each stretch of a ring.
    """

    arcs: Arcs
    deposit: Ints
    piece: Ints
    hole: NDArray[np.bool_]
    exact: Points

    @classmethod
    def of(cls, deposits: Sequence[Traced]) -> "_Frame":
        """The arcs of all deposits."""
        pieces = [(number, part) for number, deposit in enumerate(deposits) for part in deposit.parts]
        found = [
            (deposit, piece, position > 0, ring)
            for piece, (deposit, (exterior, holes)) in enumerate(pieces)
            for position, ring in enumerate((exterior, *holes))
        ]
        # Deposits of one class never touch: they would be one.
        shared = len({deposit.class_index for deposit in deposits}) > 1
        cut = arcs([ring for *_, ring in found], shared=shared)
        swept = _swept(cut.staircase, cut.count)[cut.arc]
        return cls(
            arcs=cut,
            exact=np.where(cut.turned, -swept, swept),
            deposit=np.array([deposit for deposit, *_ in found]),
            piece=np.array([piece for _, piece, *_ in found]),
            hole=np.array([hole for _, _, hole, _ in found]),
        )

    @property
    def owner(self) -> Ints:
        """Deposit of each stretch of a ring."""
        return self.deposit[self.arcs.ring]

    def changed(self, shape: _Shape, pixels: Points, most_change: float) -> NDArray[np.bool_]:
        """Stretches to blame for an area that changed too much, and those of deposits with a collapsed ring."""
        shapely = _shapely()
        points, line = shapely.get_coordinates(shape.lines, return_index=True)
        swept = _swept(Lines(points=points, line=line), self.arcs.count)[self.arcs.arc]
        swept = np.where(self.arcs.turned, -swept, swept)
        moved = np.abs(swept - self.exact)
        # An arc that is a staircase already moved nothing, up to rounding.
        moved[shape.step[self.arcs.arc] >= len(STEPS)] = 0
        ring_area = np.bincount(self.arcs.ring, swept, len(self.hole))
        area = np.bincount(self.deposit, ring_area, len(pixels))
        wrong = np.abs(area - pixels) > most_change * pixels + 1e-9
        most = np.zeros(len(pixels))
        np.maximum.at(most, self.owner, moved)
        # The worst arcs first: a large deposit need not be rough all round because of one stretch.
        blamed = wrong[self.owner] & (moved >= most[self.owner] / 2)
        sides = np.bincount(self.arcs.ring, shapely.get_num_coordinates(shape.lines)[self.arcs.arc] - 1)
        collapsed = (sides < 3) | (np.where(self.hole, -ring_area, ring_area) <= 0)
        return np.asarray(blamed | collapsed[self.arcs.ring])

    def crossing(self, shape: _Shape) -> NDArray[np.bool_]:
        """Deposits that cross themselves or overlap another, (deposits,)."""
        shapely = _shapely()
        points, ring = self._rings(shape)
        pieces = shapely.polygons(shapely.linearrings(points, indices=ring), indices=self.piece)
        owner = self.deposit[np.flatnonzero(np.diff(self.piece, prepend=-1))]
        shapes = shapely.multipolygons(pieces, indices=owner)
        wrong = ~shapely.is_valid(shapes)
        if wrong.any():
            return np.asarray(wrong)
        one, other = shapely.STRtree(shapes).query(shapes, predicate="intersects")
        one, other = one[one < other], other[one < other]
        overlap = shapely.relate_pattern(shapes[one], shapes[other], "T********")
        wrong[one[overlap]] = wrong[other[overlap]] = True
        return np.asarray(wrong)

    def parts(self, shape: _Shape) -> list[Parts]:
        """The rings of every deposit."""
        points, ring = self._rings(shape)
        starts = np.flatnonzero(np.diff(ring, prepend=-1))
        points = np.insert(points, np.append(starts[1:], len(points)), points[starts], axis=0)
        points.flags.writeable = False
        rings = np.split(points, starts[1:] + np.arange(1, len(starts)))
        found: list[list[tuple[Points, list[Points]]]] = [[] for _ in range(int(self.deposit[-1]) + 1)]
        for deposit, hole, one in zip(self.deposit.tolist(), self.hole.tolist(), rings, strict=True):
            if hole:
                found[deposit][-1][1].append(one)
            else:
                found[deposit].append((one, []))
        return [tuple((exterior, tuple(holes)) for exterior, holes in pieces) for pieces in found]

    def _rings(self, shape: _Shape) -> tuple[Points, Ints]:
        """Points of every ring without the closing one, and the ring of each."""
        shapely = _shapely()
        points = shapely.get_coordinates(shape.lines)
        count = shapely.get_num_coordinates(shape.lines)
        starts = (np.cumsum(count) - count)[self.arcs.arc]
        length = count[self.arcs.arc] - 1  # the last point is the first of the next arc
        within = np.arange(int(length.sum())) - np.repeat(np.cumsum(length) - length, length)
        turned = np.repeat(self.arcs.turned, length)
        at = np.where(turned, np.repeat(length, length) - within, within) + np.repeat(starts, length)
        return points[at], np.repeat(self.arcs.ring, length)


def _swept(lines: Lines, count: int) -> Points:
    """Area between each line and the origin, (count,): summed round a ring, positive for exteriors (rows go down)."""
    (x, y), same = lines.points.T, lines.line[1:] == lines.line[:-1]
    steps = np.where(same, x[1:] * y[:-1] - x[:-1] * y[1:], 0) / 2
    return np.bincount(lines.line[1:], steps, count).astype(float)


def _some(lines: Lines, chosen: Ints) -> Lines:
    """The lines with these rising numbers, numbered anew."""
    mine = np.isin(lines.line, chosen)
    return Lines(points=lines.points[mine], line=np.searchsorted(chosen, lines.line[mine]))


def _as_lines(lines: Lines) -> NDArray[Any]:
    return np.asarray(_shapely().linestrings(lines.points, indices=lines.line))


def _shapely() -> Any:
    try:
        import shapely
    except ImportError:
        raise MissingExtra("shapely", "geo", "it simplifies outlines") from None
    return shapely
