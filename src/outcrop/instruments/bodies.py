"""Connected bodies of a probability volume, found slab by slab in bounded memory.

Slabs of neighbouring inlines are labelled one at a time; what crosses a seam is joined through the pairs of labels
that meet there. Only bodies that reach the last plane stay open; a closed one is kept or, when smaller than
``min_voxels``, dropped at once. Each slab leaves a small table behind (its own labels → what became of them), so
that a second pass over the same slabs gives every voxel its final body. A picture has its rows as lines, and one sample.
Voxels join through faces (connectivity 6) unless asked otherwise: two bodies that meet in an edge or a corner
only are joined by the accident of the grid, not by salt.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from outcrop.core.errors import UsageError
from outcrop.core.scene import Floats
from outcrop.instruments.bodystats import Counts, count_faces, count_slab, empty_counts, merge, stack

Ints = NDArray[np.int64]
CONNECTIVITY = {6: 1, 18: 2, 26: 3}
"""Number of neighbours → how many axes may change in one step."""
DROPPED = -1


@dataclass(frozen=True, slots=True, kw_only=True)
class Body:
    """One connected body. Positions count from 0 along (inline, crossline, sample).

    Attributes:
        id: 1 is the largest.
        mean_probability: mean over the voxels of the body.
        faces: voxel faces towards seen voxels outside the body, along each axis.
        disputed: voxels of the body that one of the two directions alone would have left out.
        start, stop: bounding box; stop is one past the last voxel.
        crest, deepest: (inline, crossline, sample) of the shallowest and the deepest point, the sample
            interpolated to where the probability crosses the threshold.
        touches_edge: the body reaches the edge of what was seen, so it may go on beyond.
    """

    id: int
    voxels: int
    mean_probability: float
    faces: tuple[int, int, int]
    disputed: int
    start: tuple[int, int, int]
    stop: tuple[int, int, int]
    crest: tuple[int, int, float]
    deepest: tuple[int, int, float]
    touches_edge: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Bodies:
    """Every body of a volume, and the way back from slabs to bodies.

    Attributes:
        table: the bodies by falling size.
        shape: (inlines, crosslines, samples) that were seen in all.
        min_voxels: size below which bodies were left out.
        observed: number of voxels that are not NaN.
        above: number of voxels at and above the threshold, those of left-out bodies too.
        disputed_outside: voxels below the threshold that one of the two directions alone called a body.
        doubtful: voxels outside at half the threshold or more, or disputed.
        starts: first inline of each slab.
        routes: for each slab, its own label → id of the body, 0 for background and dropped bodies.
    """

    table: tuple[Body, ...]
    shape: tuple[int, int, int]
    threshold: float
    connectivity: int
    min_voxels: int
    observed: int
    above: int
    disputed_outside: int
    doubtful: int
    starts: tuple[int, ...]
    routes: tuple[NDArray[np.int32], ...] = field(repr=False)

    @property
    def voxels(self) -> int:
        """Voxels of all bodies together."""
        return sum(body.voxels for body in self.table)

    def labels(self, slab: int, probability: Floats) -> NDArray[np.int32]:
        """Body of every voxel of the slab with this number, 0 outside; ``probability`` as in the first pass."""
        local, _ = label_slab(probability >= self.threshold, self.connectivity)
        return np.asarray(self.routes[slab][local])

    def walk(
        self, read: Callable[[int, int], Floats], span: tuple[int, int] | None = None
    ) -> Iterator[tuple[int, Floats, NDArray[np.int32]]]:
        """The second pass: (first inline, probability, body of every voxel) of each slab that meets ``span``.

        Args:
            read: (start, stop) inlines → (inlines, crosslines, samples), as in the first pass.
            span: inlines of interest, all when None.
        """
        first, last = span or (0, self.shape[0])
        for number, start in enumerate(self.starts):
            stop = self.starts[number + 1] if number + 1 < len(self.starts) else self.shape[0]
            if start < last and stop > first:
                probability = read(start, stop)
                yield start, probability, self.labels(number, probability)


def label_slab(inside: NDArray[np.bool_], connectivity: int) -> tuple[NDArray[np.int32], int]:
    """Connected components of one slab, 1 .. count."""
    from scipy import ndimage

    structure = ndimage.generate_binary_structure(3, CONNECTIVITY[connectivity])
    labels, count = ndimage.label(inside, structure)
    return labels, int(count)


class BodyFinder:
    """Finds bodies in slabs that are given in order: ``add`` each of them, then ``finish``.

    Args:
        threshold: probability at and above which a voxel is inside.
        min_voxels: smaller bodies are left out.
        connectivity: 6 (faces), 18 (faces and edges) or 26 (corners too).
    """

    def __init__(self, *, threshold: float = 0.5, min_voxels: int = 1, connectivity: int = 6) -> None:
        if connectivity not in CONNECTIVITY:
            raise UsageError(f"a connectivity of {connectivity} is unknown: choose 6, 18 or 26")
        self.threshold, self.min_voxels, self.connectivity = threshold, min_voxels, connectivity
        self.lines, self.plane = 0, (0, 0)
        self.observed = self.above = self.disputed_outside = self.doubtful = 0
        self._starts: list[int] = []
        self._groups: list[NDArray[np.int32]] = []  # per slab: own label → group, 0 → nothing
        self._fates: list[Ints] = []  # per slab: group → group of the next slab, DROPPED, or -2 - kept body
        self._open = empty_counts()  # bodies that reach the last plane
        self._open_groups: Ints = np.zeros(0, np.int64)  # their groups in the last slab
        self._last: tuple[NDArray[np.int32], NDArray[np.bool_]] | None = (
            None  # open body of each voxel of the last plane; seen
        )
        self._kept: list[Counts] = []
        self._kept_count = 0

    def add(self, probability: Floats, spread: Floats | None = None) -> None:
        """The next slab.

        Args:
            probability: (inlines, crosslines, samples), in [0, 1], NaN where nothing was seen.
            spread: half the difference between two directions, same shape; None with one direction.

        Raises:
            UsageError: the planes differ in shape from those before.
        """
        plane = (probability.shape[1], probability.shape[2])
        if self._starts and plane != self.plane:
            raise UsageError(
                f"a slab with planes of {plane} follows planes of {self.plane}: slabs must be of one volume"
            )
        self.plane = plane
        inside, seen = probability >= self.threshold, np.isfinite(probability)
        self._count_outside(probability, spread, inside, seen)
        local, found = label_slab(inside, self.connectivity)
        fresh = count_slab(probability, spread, inside, local, found, self.lines, self.threshold)
        carried = len(self._open_groups)
        nodes = np.where(inside, local + (carried - 1), -1).astype(np.int32)
        counts = stack([self._open, fresh])
        self._count_faces(counts, nodes, seen)
        groups, count = self._join(nodes[0], carried + found)
        self._settle(merge(counts, groups, count), groups, nodes[-1], seen[-1], carried)
        self._groups.append(np.concatenate([[-1], groups[carried:]]).astype(np.int32))
        self._starts.append(self.lines)
        self.lines += len(probability)

    def finish(self) -> Bodies:
        """The bodies, once every slab was added."""
        everything = np.arange(len(self._open_groups))
        if self._starts:
            self._close(self._open, everything, self._fates[-1], self._open_groups)
        kept = stack([empty_counts(), *self._kept])
        order = np.lexsort((kept.lows[:, 3], -kept.sums[:, 0]))
        ids = np.empty(len(order), np.int64)
        ids[order] = np.arange(1, len(order) + 1)
        shape = (self.lines, *self.plane)
        return Bodies(
            table=tuple(_body(kept, int(row), number, shape) for number, row in enumerate(order, 1)),
            shape=shape,
            threshold=self.threshold,
            connectivity=self.connectivity,
            min_voxels=self.min_voxels,
            observed=self.observed,
            above=self.above,
            disputed_outside=self.disputed_outside,
            doubtful=self.doubtful,
            starts=tuple(self._starts),
            routes=self._routes(ids),
        )

    def _count_outside(
        self, probability: Floats, spread: Floats | None, inside: NDArray[np.bool_], seen: NDArray[np.bool_]
    ) -> None:
        self.observed += int(seen.sum())
        self.above += int(inside.sum())
        doubtful = probability >= self.threshold / 2
        if spread is not None:
            disputed = (probability + spread >= self.threshold) & ~inside
            self.disputed_outside += int(disputed.sum())
            doubtful |= disputed
        self.doubtful += int((doubtful & ~inside).sum())

    def _count_faces(self, counts: Counts, nodes: NDArray[np.int32], seen: NDArray[np.bool_]) -> None:
        """Faces inside the slab, and those on the seam with the plane before."""
        for axis in range(3):
            count_faces(counts, nodes, seen, axis)
        if self._last is not None:
            before, seen_before = self._last
            count_faces(counts, np.stack([before, nodes[0]]), np.stack([seen_before, seen[0]]), 0)

    def _join(self, first: NDArray[np.int32], count: int) -> tuple[Ints, int]:
        """Groups of nodes that meet on the seam: (group of each node, number of groups)."""
        if self._last is None:
            return np.arange(count), count
        from scipy.sparse import coo_matrix
        from scipy.sparse.csgraph import connected_components

        meetings = _meetings(self._last[0], first, CONNECTIVITY[self.connectivity] - 1)
        above, below = np.divmod(np.unique(np.concatenate([a * count + b for a, b in meetings])), max(count, 1))
        links = coo_matrix((np.ones(len(above), bool), (above, below)), shape=(count, count))
        found, groups = connected_components(links, directed=False)
        return np.asarray(groups, np.int64), int(found)

    def _settle(
        self, merged: Counts, groups: Ints, last: NDArray[np.int32], seen: NDArray[np.bool_], carried: int
    ) -> None:
        """Close what ends in this slab, keep open what reaches its last plane."""
        if self._fates:
            self._fates[-1][self._open_groups] = groups[:carried]
        of_plane = np.where(last >= 0, groups[last] if len(groups) else -1, -1)
        still_open = np.unique(of_plane[of_plane >= 0])
        fate = np.full(len(merged.sums), DROPPED, np.int64)
        closed = np.setdiff1d(np.arange(len(fate)), still_open, assume_unique=True)
        self._close(merged, closed, fate, closed)
        self._fates.append(fate)
        position = np.full(len(fate) + 1, -1, np.int32)
        position[still_open] = np.arange(len(still_open))
        self._last = (position[of_plane], seen.copy())
        self._open, self._open_groups = merged.take(still_open), still_open

    def _close(self, counts: Counts, rows: Ints, fate: Ints, groups: Ints) -> None:
        large = counts.sums[rows, 0] >= self.min_voxels
        kept = counts.take(rows[large])
        fate[groups[large]] = -2 - (self._kept_count + np.arange(len(kept.sums)))
        self._kept.append(kept)
        self._kept_count += len(kept.sums)

    def _routes(self, ids: Ints) -> tuple[NDArray[np.int32], ...]:
        """From the last slab to the first: own label → id."""
        routes: list[NDArray[np.int32]] = []
        following = np.zeros(0, np.int64)
        for group_of, fate in zip(reversed(self._groups), reversed(self._fates), strict=True):
            final = np.zeros(len(fate) + 1, np.int64)  # the last entry serves group -1, the background
            kept, onward = np.flatnonzero(fate <= -2), np.flatnonzero(fate >= 0)
            final[kept] = ids[-2 - fate[kept]]
            final[onward] = following[fate[onward]]
            routes.append(final[group_of].astype(np.int32))
            following = final
        return tuple(reversed(routes))


def _meetings(before: NDArray[np.int32], after: NDArray[np.int32], steps: int) -> Iterator[tuple[Ints, Ints]]:
    """Nodes (before, after) that touch across a seam; ``steps`` axes may change beside the seam's own."""
    rows, cols = before.shape
    for down in (-1, 0, 1):
        for right in (-1, 0, 1):
            if abs(down) + abs(right) > steps:
                continue
            here = before[max(down, 0) : rows + min(down, 0), max(right, 0) : cols + min(right, 0)]
            there = after[max(-down, 0) : rows + min(-down, 0), max(-right, 0) : cols + min(-right, 0)]
            both = (here >= 0) & (there >= 0)
            yield here[both].astype(np.int64), there[both].astype(np.int64)


def _body(counts: Counts, row: int, number: int, shape: tuple[int, int, int]) -> Body:
    voxels, probability, across, along, down, disputed, unseen = counts.sums[row]
    start = tuple(int(low) for low in counts.lows[row, :3])
    stop = tuple(int(high) for high in counts.highs[row])
    at_edge = any(n > 1 and (a == 0 or b == n) for a, b, n in zip(start, stop, shape, strict=True))
    crest, deepest = divmod(int(counts.crest_at[row]), shape[1]), divmod(int(counts.deepest_at[row]), shape[1])
    return Body(
        id=number,
        voxels=int(voxels),
        mean_probability=float(probability / voxels),
        faces=(int(across), int(along), int(down)),
        disputed=int(disputed),
        start=(start[0], start[1], start[2]),
        stop=(stop[0], stop[1], stop[2]),
        crest=(*crest, float(counts.crest[row])),
        deepest=(*deepest, float(counts.deepest[row])),
        touches_edge=at_edge or bool(unseen),
    )
