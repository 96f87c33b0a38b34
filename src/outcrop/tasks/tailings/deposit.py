"""A tailings deposit as the audit and the comparison of dates know it: outlines on the ellipsoid, and an area."""

import datetime
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from outcrop.core.estimate import Estimate
from outcrop.instruments.outline_relations import Part, Reals, holds, turned
from outcrop.instruments.outline_relations import distances as distances_to

Box = tuple[float, float, float, float]
"""West, south, east, north in degrees."""

Place = Box | Part
"""What was observed, piece by piece: a box, or an outline."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Deposit:
    """One deposit seen at one date.

    Attributes:
        parts: its polygons, longitude and latitude in degrees (WGS84).
        area: measured on the ellipsoid, in m².
        centroid: (longitude, latitude) in degrees.
        date: when it was seen, None when unknown.
        touches_edge: it goes on outside what was observed, so its area is a lower bound.
        attributes: plain facts, e.g. {"clear_looks": 14, "product": "S2A_..."}.
    """

    id: str
    parts: tuple[Part, ...]
    area: Estimate
    centroid: tuple[float, float]
    date: datetime.date | None = None
    touches_edge: bool = False
    attributes: Mapping[str, Any] = field(default_factory=dict)


def distances(deposit: Deposit, longitude: Reals, latitude: Reals) -> Reals:
    """Distance from each point to the deposit's outline in m, (n,); 0 inside it.

    Args:
        longitude, latitude: (n,) degrees.
    """
    return distances_to(deposit.parts, deposit.centroid, longitude, latitude)


def observed(places: Sequence[Place], longitude: Reals, latitude: Reals) -> NDArray[np.bool_]:
    """Which points, (n,) degrees each, lie in one of the places or on its border."""
    found = np.zeros(len(longitude), bool)
    for place in places:
        found |= _in_box(place, longitude, latitude) if len(place) == 4 else holds(place, longitude, latitude)
    return found


def _in_box(box: Box, longitude: Reals, latitude: Reals) -> NDArray[np.bool_]:
    """A box may run over the date line, its west then lying above its east."""
    west, south, east, north = box
    half = (east - west if east >= west else east - west + 360.0) / 2.0
    return np.asarray(
        (abs(turned(longitude, west + half) - west - half) <= half) & (south <= latitude) & (latitude <= north)
    )


def as_part(place: Place) -> Part:
    """A place as an outline.

    >>> as_part((179.0, -1.0, -179.0, 1.0))[0][2].tolist()
    [181.0, 1.0]
    """
    if len(place) == 2:
        return place
    west, south, east, north = place
    right = east if east >= west else east + 360.0
    return np.array([[west, south], [right, south], [right, north], [west, north], [west, south]]), ()
