"""Yearly catalogues of flare sites → places with volumes, as the Earth Observation Group and the World Bank print them.

Their volumes are satellite estimates of Nightfire's kind: agreement with them is no proof of accuracy.
"""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from outcrop.core.errors import BadInput, NothingToSee
from outcrop.core.table import Table
from outcrop.tasks.flares.space.heat import Numbers, daily_volume

COLUMNS: Mapping[str, tuple[str, ...]] = {
    "latitude": ("latitude", "lat"),
    "longitude": ("longitude", "lon"),
    "volume": ("flr_volume", "bcm", "bcm2019", "bcm_2019"),
    "temperature": ("avg_temp", "avgtemp", "temperature"),
    "share": ("dtc_freq", "detectionfreq"),
    "clear": ("clr_obs", "clearobs"),
    "year": ("year",),
    "flow": ("mmscfd",),
}
NAMES = ("field_name", "catalog_id", "id", "id_number")
LARGEST = 5.0
"""Volume beyond that of any known site, BCM a year: a slipped decimal point."""

MMSCFD = 96.7525
"""Million standard cubic feet a day in a BCM a year, as the World Bank counts."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Catalogue:
    """Sites of a catalogue, (n,) each, NaN where it says nothing.

    Attributes:
        names: of the sites, or their numbers.
        bcm: billion m³ a year.
        volume: the same as thousand m³ a day.
        temperature: K.
        share: share of clear looks with a flame, 0..1.
        clear: clear looks.
        year: that the row speaks of.
    """

    names: tuple[str, ...]
    latitude: Numbers
    longitude: Numbers
    bcm: Numbers
    volume: Numbers
    temperature: Numbers
    share: Numbers
    clear: Numbers
    year: Numbers
    notes: tuple[str, ...] = ()

    def __len__(self) -> int:
        return len(self.bcm)


def is_catalogue(table: Table) -> bool:
    """Whether a table has sites with a place and a yearly volume."""
    return {"latitude", "longitude", "volume"} <= set(_found(table))


def read_catalogue(table: Table) -> Catalogue:
    """The sites of a catalogue; rows without place or volume, or with an impossible one, are left out and counted.

    Raises:
        BadInput: columns are missing, or hold words.
        NothingToSee: no row is left.
    """
    found = _found(table)
    if not is_catalogue(table):
        raise BadInput(
            f"{table.id} has no latitude, longitude and yearly volume in BCM: give a catalogue of flare sites"
        )
    words = [name for name in found.values() if table.columns[name].dtype.kind != "f"]
    if words:
        raise BadInput(f"{table.id} holds words in the column {words[0]}, where numbers belong: mend it")
    none = np.full(len(table), np.nan)
    values = {what: table.columns[found[what]] if what in found else none for what in COLUMNS}
    place = (np.abs(values["latitude"]) <= 90) & (np.abs(values["longitude"]) <= 180)
    volume = np.isfinite(values["volume"])
    possible = (values["volume"] >= 0) & (values["volume"] <= LARGEST)
    with np.errstate(all="ignore"):
        disagree = np.abs(values["flow"] / values["volume"] / MMSCFD - 1) > 0.02
    reasons = {
        "without a place": ~place,
        "without a volume": place & ~volume,
        f"with a volume below 0 or above {LARGEST:g} BCM a year, perhaps in another unit": place & volume & ~possible,
    }
    notes = [f"{int(rows.sum())} rows {what} were left out" for what, rows in reasons.items() if rows.any()]
    keep = place & volume & possible
    if not keep.any():
        raise NothingToSee(f"{table.id} holds no usable site ({'; '.join(notes)}): check its columns")
    notes += _said(values["volume"][keep], disagree[keep])
    name = next((n for wanted in NAMES for n in table.columns if n.casefold() == wanted), None)
    labels = table.columns[name] if name else np.arange(1, len(table) + 1)
    return Catalogue(
        names=tuple(_label(cell) for cell in labels[keep]),
        latitude=values["latitude"][keep],
        longitude=values["longitude"][keep],
        bcm=values["volume"][keep],
        volume=daily_volume(values["volume"][keep]),
        temperature=values["temperature"][keep],
        share=values["share"][keep] / 100,
        clear=values["clear"][keep],
        year=values["year"][keep],
        notes=tuple(notes),
    )


def _found(table: Table) -> dict[str, str]:
    names = {name.casefold(): name for name in table.columns}
    hits = {what: next((names[n] for n in options if n in names), None) for what, options in COLUMNS.items()}
    return {what: name for what, name in hits.items() if name is not None}


def _said(volume: Numbers, disagree: NDArray[np.bool_]) -> list[str]:
    notes = ["the volumes are satellite estimates: agreement with them is no proof of accuracy"]
    if zero := int((volume == 0).sum()):
        notes.append(f"{zero} rows say a volume of 0")
    if wrong := int(disagree.sum()):
        notes.append(f"{wrong} rows whose mmscfd is not {MMSCFD} times their BCM: mixed units or a slip")
    return notes


def _label(cell: object) -> str:
    return f"{cell:g}" if isinstance(cell, float) else str(cell)
