"""Which training pictures are neighbours: clusters linked by distance, and folds that keep them whole."""

import numpy as np
from numpy.typing import ArrayLike, NDArray

LINK = 25_000.0
"""Pictures nearer than this (m) belong to one cluster: beyond it, land and mines differ."""

EARTH_RADIUS = 6_371_009.0
"""Mean radius (m); distances between pictures need no ellipsoid."""


def distance(lon: float, lat: float, lons: NDArray[np.float64], lats: NDArray[np.float64]) -> NDArray[np.float64]:
    """Great-circle distance (m) from one place to others, all in degrees (haversine formula)."""
    d_lon, d_lat = np.radians(lons - lon) / 2, np.radians(lats - lat) / 2
    chord = np.sin(d_lat) ** 2 + np.cos(np.radians(lat)) * np.cos(np.radians(lats)) * np.sin(d_lon) ** 2
    return np.asarray(2 * EARTH_RADIUS * np.arcsin(np.sqrt(np.clip(chord, 0, 1))))


def clusters(lons: ArrayLike, lats: ArrayLike, link: float = LINK) -> NDArray[np.int64]:
    """Cluster of every place, (n,), numbered from 0 by first member: chains of places nearer than ``link`` metres.

    >>> clusters([0.0, 0.1, 0.2, 5.0], [0.0, 0.0, 0.0, 0.0], link=12_000).tolist()
    [0, 0, 0, 1]
    """
    lon, lat = np.asarray(lons, np.float64), np.asarray(lats, np.float64)
    number = np.full(len(lon), -1, np.int64)
    found = 0
    for start in range(len(lon)):
        if number[start] >= 0:
            continue
        open_ends = [start]
        number[start] = found
        while open_ends:
            here = open_ends.pop()
            near = np.flatnonzero((number < 0) & (distance(lon[here], lat[here], lon, lat) < link))
            number[near] = found
            open_ends.extend(near.tolist())
        found += 1
    return number


def balanced_folds(cluster: NDArray[np.int64], weight: NDArray[np.float64], count: int) -> NDArray[np.int64]:
    """Fold of every picture, (n,): whole clusters, heaviest first, each to the fold that is lightest so far.

    Args:
        weight: of every picture, e.g. 1, or the share of its pixels that is tailings.
    """
    loads, fold = np.zeros(count), np.zeros(len(cluster), np.int64)
    total = np.bincount(cluster, weights=weight)
    for k in np.argsort(-total, kind="stable"):
        target = int(loads.argmin())
        fold[cluster == k] = target
        loads[target] += total[k]
    return fold
