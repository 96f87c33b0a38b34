"""Detections linked through the frames of one camera.

What is watched stands still (a flare's tip does not move), so a track has a place and no velocity: a detection is
given to the track whose box it overlaps or whose foot or centre it lies near, all at once and at the least total cost
(Kuhn 1955, doi:10.1002/nav.3800020109). A track is born after some hits within some frames, which a passing glare
does not reach, and dies when nothing was seen in its place for long.
"""

from collections import deque
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from outcrop.core.scene import Detections, Floats

OVERLAP = 0.1
"""Least intersection over union that links by itself."""

REACH = 0.75
"""Greatest distance of feet or centres that links, in diagonals of the larger box: a flame changes its size in a
moment, its foot stays on the tip."""

FOLLOW = 0.3
"""Share of the newest box in the place of a track."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Linking:
    """When tracks are born and die.

    Attributes:
        hits, within: a track is born with its ``hits``-th detection within ``within`` frames.
        gap: seconds without a detection after which a track dies; longer than a flare may be out.
        gaps: the same by class, where a class differs.
    """

    hits: int = 3
    within: int = 5
    gap: float = 86_400.0
    gaps: Mapping[str, float] | None = None

    def gap_of(self, label: str) -> float:
        """Seconds that a track of this class outlives its last detection."""
        return (self.gaps or {}).get(label, self.gap)


@dataclass(frozen=True, slots=True, kw_only=True)
class Track:
    """One thing through time.

    Attributes:
        id: 1, 2, ... in the order of birth.
        label: its class; it never changes.
        box: left, top, right, bottom: its place, smoothed.
        born, seen: seconds of the detection that bore it and of the latest one.
        hits: detections so far, those before its birth included.
    """

    id: int
    label: str
    box: tuple[float, float, float, float]
    born: float
    seen: float
    hits: int


class _Trail:
    """A track, or what may become one."""

    def __init__(self, label: str, box: Floats, seconds: float) -> None:
        self.id = 0
        self.label = label
        self.box = np.asarray(box, float)
        self.born = self.seen = seconds
        self.hits = 0
        self.recent: deque[bool] = deque()

    def shown(self) -> Track:
        left, top, right, bottom = self.box.tolist()
        box = (left, top, right, bottom)
        return Track(id=self.id, label=self.label, box=box, born=self.born, seen=self.seen, hits=self.hits)


class Tracker:
    """Links the detections of one frame after the other.

    >>> from outcrop.core.grid import Grid
    >>> from outcrop.core.scene import scene_from_array
    >>> scene = scene_from_array("one", np.zeros((3, 8, 8), np.float32), Grid(shape=(8, 8)), ("red", "green", "blue"))
    >>> box, label = np.array([[1, 1, 4, 6]], np.float32), np.array([0])
    >>> seen = Detections(scene=scene, classes=("flame",), boxes=box, scores=np.ones(1, np.float32), labels=label)
    >>> tracker = Tracker(Linking(hits=2, within=2))
    >>> tracker.step(0.0, seen), tracker.step(0.5, seen)
    ([], [(1, 0)])
    """

    def __init__(self, linking: Linking = Linking(), tracks: Iterable[Track] = ()) -> None:
        """Begin anew, or with the tracks of an earlier watch."""
        self._linking = linking
        self._trails: list[_Trail] = []
        self.ids = 0
        for track in tracks:
            trail = _Trail(track.label, np.asarray(track.box, np.float32), track.born)
            trail.id, trail.seen, trail.hits = track.id, track.seen, track.hits
            self._trails.append(trail)
            self.ids = max(self.ids, track.id)

    @property
    def tracks(self) -> tuple[Track, ...]:
        """Tracks that were born and live, by id."""
        return tuple(sorted((trail.shown() for trail in self._trails if trail.id), key=lambda track: track.id))

    def step(self, seconds: float, seen: Detections) -> list[tuple[int, int]]:
        """Take one frame: (track id, index of the detection) for each detection of a track that is born.

        Args:
            seconds: time of the frame; it may not fall.
        """
        self._trails = [t for t in self._trails if seconds - t.seen <= self._linking.gap_of(t.label)]
        labels = [seen.classes[int(k)] for k in seen.labels]
        links = self._links(seen.boxes, labels)
        for trail in self._trails:
            trail.recent.append(False)
        for index, label in enumerate(labels):
            trail = links.get(index) or self._begin(label, seen.boxes[index], seconds)
            trail.recent[-1] = True
            trail.hits, trail.seen = trail.hits + 1, seconds
            trail.box += FOLLOW * (seen.boxes[index] - trail.box)
            links[index] = trail
        self._bear()
        return sorted((trail.id, index) for index, trail in links.items() if trail.id)

    def _begin(self, label: str, box: Floats, seconds: float) -> _Trail:
        trail = _Trail(label, box, seconds)
        trail.recent.append(False)
        self._trails.append(trail)
        return trail

    def _bear(self) -> None:
        """Give ids to what was seen often enough, and forget what was not."""
        kept = []
        for trail in self._trails:
            while len(trail.recent) > self._linking.within:
                trail.recent.popleft()
            if not trail.id and sum(trail.recent) >= self._linking.hits:
                self.ids += 1
                trail.id = self.ids
            if trail.id or any(trail.recent):
                kept.append(trail)
        self._trails = kept

    def _links(self, boxes: Floats, labels: list[str]) -> dict[int, _Trail]:
        """Index of a detection → its track; born tracks choose before those that may come."""
        found: dict[int, _Trail] = {}
        for trails in ([t for t in self._trails if t.id], [t for t in self._trails if not t.id]):
            free = [index for index in range(len(boxes)) if index not in found]
            if not trails or not free:
                continue
            from scipy.optimize import linear_sum_assignment

            same = np.array([[t.label == labels[i] for i in free] for t in trails])
            cost = link_cost(np.array([t.box for t in trails]), np.asarray(boxes, float)[free])
            cost = np.where(same & np.isfinite(cost), cost, FORBIDDEN)
            for row, col in zip(*linear_sum_assignment(cost), strict=True):
                if cost[row, col] < FORBIDDEN:
                    found[free[col]] = trails[row]
        return found


FORBIDDEN = 1e6
"""Cost of a pair that may not be linked."""


def link_cost(tracks: NDArray[np.float64], boxes: NDArray[np.float64]) -> NDArray[np.float64]:
    """Cost of each pair, (tracks, boxes): 1 - IoU + distance; infinite out of reach.

    Distance is that of the feet (middle of the lower edge) or of the centres, whichever is less, in diagonals of the
    larger box.
    """
    a, b = tracks[:, None], boxes[None]
    size = np.clip(np.minimum(a[..., 2:], b[..., 2:]) - np.maximum(a[..., :2], b[..., :2]), 0, None)
    shared = size[..., 0] * size[..., 1]
    area_a, area_b = (np.prod(np.clip(x[..., 2:] - x[..., :2], 0, None), axis=-1) for x in (a, b))
    iou = shared / np.maximum(area_a + area_b - shared, 1e-9)
    diagonal = np.maximum(*(np.hypot(x[..., 2] - x[..., 0], x[..., 3] - x[..., 1]) for x in (a, b)))
    middle = (a[..., 0] + a[..., 2] - b[..., 0] - b[..., 2]) / 2
    foot = np.hypot(middle, a[..., 3] - b[..., 3])
    centre = np.hypot(middle, (a[..., 1] + a[..., 3] - b[..., 1] - b[..., 3]) / 2)
    distance = np.minimum(foot, centre) / np.maximum(diagonal, 1e-9)
    return np.asarray(np.where((iou >= OVERLAP) | (distance <= REACH), 1 - iou + distance, np.inf))
