"""Points on the globe → groups that hang together within a distance, in memory linear in their number.

Positions become metres on the WGS 84 ellipsoid (earth-centred), where a chord of some kilometres is as long as the
geodesic to a part in a million. Cells so small that all their points are neighbours stand for dense places, so that a flare
seen a thousand times does not make a million pairs.
"""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from outcrop.core.errors import UsageError

EQUATOR = 6_378_137.0
"""Semi-major axis of WGS 84, m."""

FLATTENING = 1 / 298.257223563


def earth_centred(latitude: NDArray[Any], longitude: NDArray[Any]) -> NDArray[np.float64]:
    """Degrees on WGS 84 → (n, 3) metres from the centre of the Earth, on the ellipsoid's surface."""
    lat, lon = np.radians(np.asarray(latitude, float)), np.radians(np.asarray(longitude, float))
    squared = FLATTENING * (2 - FLATTENING)
    normal = EQUATOR / np.sqrt(1 - squared * np.sin(lat) ** 2)
    flat = normal * np.cos(lat)
    return np.stack([flat * np.cos(lon), flat * np.sin(lon), normal * (1 - squared) * np.sin(lat)], axis=1)


def cluster(latitude: NDArray[Any], longitude: NDArray[Any], radius: float) -> NDArray[np.int64]:
    """Group of every point, (n,), counted from 0 by first appearance; chains of steps up to ``radius`` m join.

    Raises:
        UsageError: the radius is not positive.
    """
    if not radius > 0:
        raise UsageError(f"sites need a radius above 0 m, and {radius:g} came: give for example 750")
    return grouped(earth_centred(latitude, longitude), radius)


def grouped(points: NDArray[np.float64], radius: float) -> NDArray[np.int64]:
    """Group of every point, (n,), counted from 0 by first appearance; points are (n, d) in the unit of the radius."""
    from scipy.spatial import cKDTree

    count, dimensions = points.shape
    if not count:
        return np.zeros(0, np.int64)
    cells, cell_of = np.unique(np.floor(points / (radius / dimensions**0.5)), axis=0, return_inverse=True)
    cell_of = cell_of.ravel()
    order = np.argsort(cell_of, kind="stable")
    starts = np.searchsorted(cell_of[order], np.arange(len(cells) + 1))
    # Cells whose indices differ by more than 2 are farther apart than the radius in one, two or three dimensions.
    pairs = cKDTree(cells).query_pairs(2.0, p=np.inf, output_type="ndarray")
    one = points[order[starts[:-1]]]
    sure = np.linalg.norm(one[pairs[:, 0]] - one[pairs[:, 1]], axis=1) <= radius
    group = _joined(len(cells), pairs[sure])
    open_pairs = pairs[~sure]
    open_pairs = open_pairs[group[open_pairs[:, 0]] != group[open_pairs[:, 1]]]
    members = np.diff(starts)
    open_pairs = open_pairs[members[open_pairs].max(axis=1) > 1]  # of two single points the distance is known
    parent = np.arange(group.max() + 1)

    def root(number: int) -> int:
        while parent[number] != number:
            parent[number] = parent[parent[number]]
            number = int(parent[number])
        return number

    for left, right in open_pairs.tolist():
        a, b = root(group[left]), root(group[right])
        if a == b:
            continue
        few, many = sorted((order[starts[c] : starts[c + 1]] for c in (left, right)), key=len)
        nearest, _ = cKDTree(points[many]).query(points[few], distance_upper_bound=radius * (1 + 1e-12))
        if np.isfinite(nearest).any():
            parent[b] = a
    roots = np.array([root(number) for number in range(len(parent))])
    return _by_appearance(roots[group][cell_of])


def _joined(count: int, pairs: NDArray[np.int64]) -> NDArray[np.int64]:
    """Connected components of a graph."""
    from scipy.sparse import coo_array
    from scipy.sparse.csgraph import connected_components

    graph = coo_array((np.ones(len(pairs), bool), (pairs[:, 0], pairs[:, 1])), shape=(count, count))
    return np.asarray(connected_components(graph, directed=False)[1], np.int64)


def _by_appearance(labels: NDArray[np.int64]) -> NDArray[np.int64]:
    _, first, inverse = np.unique(labels, return_index=True, return_inverse=True)
    rank = np.empty(len(first), np.int64)
    rank[np.argsort(first)] = np.arange(len(first))
    return rank[inverse.ravel()]
