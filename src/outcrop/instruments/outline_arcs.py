"""Outlines as arcs: what two deposits share is one arc, so that it stays shared when it is smoothed.

An arc runs from node to node. A node is a vertex where more than one line passes, so that it must stay where it is:
three deposits meet there, or two pixels in a corner. A ring without nodes is one closed arc. Beside its staircase each
arc has a *smoothed* form, which joins the middles of the pixel sides: every corner between two nodes is cut off, the
outward ones as much as the inward ones, so that an oblique edge becomes straight without moving, and a whole exterior
loses half a pixel of area.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from outcrop.instruments.outline_rings import Ints, Ring

Points = NDArray[np.float64]


@dataclass(frozen=True, slots=True, kw_only=True)
class Lines:
    """Many lines one after the other: points (n, 2), and the line of each point, (n,) rising."""

    points: Points
    line: Ints


@dataclass(frozen=True, slots=True, kw_only=True)
class Arcs:
    """The arcs under many rings.

    Attributes:
        staircase, smoothed: the two forms of arcs 0 .. count - 1; both have the same ends where these are nodes.
        arc, turned, ring: (m,) which arc each stretch of a ring takes, whether backwards, and in which ring; in the
            order of the walk.
    """

    staircase: Lines
    smoothed: Lines
    count: int
    arc: Ints
    turned: NDArray[np.bool_]
    ring: Ints


@dataclass(frozen=True, slots=True, kw_only=True)
class _Walk:
    """The vertices of all rings in order: place (n, 2), ring (n,), and position of the next and the one before."""

    place: Ints
    ring: Ints
    after: Ints
    before: Ints

    @classmethod
    def of(cls, place: Ints, ring: Ints) -> "_Walk":
        """Neighbours within each ring, round its end."""
        index = np.arange(len(place))
        first = np.flatnonzero(np.diff(ring, prepend=-1))
        last = np.append(first[1:], len(place)) - 1
        after, before = index + 1, index - 1
        after[last], before[first] = first, last
        return cls(place=place, ring=ring, after=after, before=before)

    @property
    def inward(self) -> Ints:
        """Unit step by which the walk comes to each vertex, (n, 2)."""
        return np.asarray(np.sign(self.place - self.place[self.before]))

    @property
    def onward(self) -> Ints:
        """Unit step by which the walk leaves each vertex, (n, 2)."""
        return np.asarray(np.sign(self.place[self.after] - self.place))

    def key(self, half_step: Ints | int = 0) -> Ints:
        """A number for the place half a step away from each vertex, (n,); the vertex itself without a step."""
        col, row = (2 * self.place + half_step).T
        return np.asarray(row * (2 * int(self.place[:, 0].max()) + 3) + col)


def arcs(rings: Sequence[Ring], *, shared: bool) -> Arcs:
    """Cut rings into arcs.

    Args:
        rings: closed staircases in pixel corners (col, row), at least one.
        shared: whether rings of different deposits may touch.
    """
    place = np.concatenate([ring[:-1] for ring in rings]).astype(np.int64)
    walk = _Walk.of(place, np.repeat(np.arange(len(rings)), [len(ring) - 1 for ring in rings]))
    if shared:
        walk = _with_meetings(walk)
    walk, node = _from_a_node(walk, _nodes(walk))
    starts = np.flatnonzero(node | (np.diff(walk.ring, prepend=-1) != 0))
    ends = walk.after[np.append(starts[1:], len(node)) - 1]
    # Each pixel side belongs to one arc, so the sides at its two ends tell which arc it is and which way it goes.
    first, last = walk.key(walk.onward)[starts], walk.key(-walk.inward)[ends]
    _, chosen, arc = np.unique(np.minimum(first, last), return_index=True, return_inverse=True)
    begins = walk.key()[starts]
    turned = np.where(first == last, begins != begins[chosen][arc], first != first[chosen][arc])
    staircase, smoothed = _forms(walk, node, starts, ends)
    return Arcs(
        staircase=_chosen(staircase, chosen, len(starts)),
        smoothed=_chosen(smoothed, chosen, len(starts)),
        count=len(chosen),
        arc=arc,
        turned=turned,
        ring=walk.ring[starts],
    )


def _with_meetings(walk: _Walk) -> _Walk:
    """The walk with a vertex wherever a straight side passes the corner of another ring."""
    side = walk.place[walk.after] - walk.place
    length = np.abs(side).sum(axis=1)
    step = np.arange(int(length.sum())) - np.repeat(np.cumsum(length) - length, length)
    place = np.repeat(walk.place, length, axis=0) + step[:, None] * np.repeat(np.sign(side), length, axis=0)
    fine = _Walk.of(place, np.repeat(walk.ring, length))
    key = fine.key()
    keep = (step == 0) | np.isin(key, key[step == 0])
    return _Walk.of(place[keep], fine.ring[keep])


def _nodes(walk: _Walk) -> NDArray[np.bool_]:
    """Vertices that must stay: all but lone corners, and corners where one deposit fills what the other leaves."""
    inward, onward = walk.inward, walk.onward
    turn = inward[:, 0] * onward[:, 1] - inward[:, 1] * onward[:, 0]
    _, vertex = np.unique(walk.key(), return_inverse=True)
    passes = np.bincount(vertex)
    convex, reflex = np.bincount(vertex, turn < 0), np.bincount(vertex, turn > 0)
    lone = (passes == 1) & (convex + reflex == 1)
    filled = (passes == 2) & (convex == 1) & (reflex == 1)
    return np.asarray(~(lone | filled)[vertex])


def _from_a_node(walk: _Walk, node: NDArray[np.bool_]) -> tuple[_Walk, NDArray[np.bool_]]:
    """The same rings, each begun at a node where it has one."""
    index = np.arange(len(node))
    first = np.flatnonzero(np.diff(walk.ring, prepend=-1))
    length = np.diff(first, append=len(node))
    begin = np.minimum.reduceat(np.where(node, index, len(node)), first)
    shift = np.where(begin < len(node), begin - first, 0)
    order = np.repeat(first, length) + (index - np.repeat(first, length) + np.repeat(shift, length)) % np.repeat(
        length, length
    )
    return _Walk.of(walk.place[order], walk.ring), node[order]


def _forms(walk: _Walk, node: NDArray[np.bool_], starts: Ints, ends: Ints) -> tuple[Lines, Lines]:
    """Staircase and smoothed form of every stretch, its end included."""
    until = np.append(starts[1:], len(node))
    at = np.insert(np.arange(len(node)), until, ends)
    line = np.insert(np.repeat(np.arange(len(starts)), until - starts), until, np.arange(len(starts)))
    place, fixed = walk.place[at].astype(float), node[at]
    staircase = Lines(points=place, line=line)
    begins = np.diff(line, prepend=-1) != 0
    before = np.where(fixed[:, None], place, place - walk.inward[at] / 2)
    after = place + walk.onward[at] / 2
    used = np.stack([fixed | ~begins, ~fixed], axis=1).ravel()
    points = np.stack([before, after], axis=1).reshape(-1, 2)[used]
    line = np.repeat(line, 2)[used]
    fresh = np.append(True, (np.diff(points, axis=0) != 0).any(axis=1) | (np.diff(line) != 0))
    return staircase, Lines(points=points[fresh], line=line[fresh])


def _chosen(lines: Lines, chosen: Ints, count: int) -> Lines:
    """Some of the lines, under new numbers, in the order of ``chosen``."""
    starts = np.searchsorted(lines.line, np.arange(count + 1))
    length = (starts[1:] - starts[:-1])[chosen]
    within = np.arange(int(length.sum())) - np.repeat(np.cumsum(length) - length, length)
    return Lines(
        points=lines.points[np.repeat(starts[chosen], length) + within],
        line=np.repeat(np.arange(len(chosen)), length),
    )
