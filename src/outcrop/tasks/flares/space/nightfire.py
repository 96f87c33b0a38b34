"""VIIRS Nightfire rows → what was seen on which night: flames, dark clear nights, clouds; the rest counted by its reason.

Rows are detections of one infrared source on one overpass (Elvidge et al. 2013, Remote Sens. 5:4423). Tables of known
sites also hold rows without a source, which tell clear dark nights from cloudy ones. Whatever is missing is written as
999999, -999 and the like. Radiant heat is always computed from temperature and area; a given RH only checks the units.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from outcrop.core.errors import BadInput, NothingToSee
from outcrop.core.table import Table
from outcrop.tasks.flares.space.heat import Numbers, radiant_heat

COLUMNS: Mapping[str, tuple[str, ...]] = {
    "latitude": ("lat_gmtco", "latitude", "lat"),
    "longitude": ("lon_gmtco", "longitude", "lon"),
    "time": ("date_mscan", "date", "time", "datetime"),
    "temperature": ("temp_bb", "temperature"),
    "area": ("area_bb",),
    "heat": ("rh",),
    "scaling": ("esf_bb",),
    "pixel": ("area_pixel",),
    "background": ("temp_bkg",),
    "cloud": ("cloud_mask",),
    "detect": ("qf_detect",),
    "fit": ("qf_fit",),
    "key": ("id_key",),
}
"""What is taken → names of its column, lower case, the first one present counts."""

FILLS = (999999.0, -999.0, -999.9, -9999.0, -99999.0, -999999.0)
"""Numbers that stand for nothing."""

CLEAR_CODES = (0.0, 1.0)
"""Cloud_Mask: 0 confidently and 1 probably clear, 2 probably and 3 confidently cloudy (VIIRS cloud mask confidence)."""

AT_THE_LIMIT = 8 | 16
"""QF_Fit bits: the temperature ran into the highest or lowest one allowed."""

LEAST_FLAME = 1400.0
"""Temperature above which a source is taken for burning gas, K; fires and furnaces are cooler."""

FLAME, DARK, UNFITTED = 0, 1, 2
"""Kinds of a row: a flame with temperature and area, a look that saw nothing, a flame without a fit."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Nightfire:
    """Rows that are used, (n,) each, and what became of the others.

    Attributes:
        latitude, longitude: degrees.
        time: UTC, seconds.
        temperature, area: K and m²; NaN unless ``kind`` is FLAME.
        clear: whether the sky was clear; True where the table does not say.
        kind: FLAME, DARK or UNFITTED.
        dropped: rows left out, by reason.
        clouds_known: whether the table says how clear the sky was.
        notes: one sentence each.
    """

    latitude: Numbers
    longitude: Numbers
    time: NDArray[np.datetime64]
    temperature: Numbers
    area: Numbers
    clear: NDArray[np.bool_]
    kind: NDArray[np.int8]
    dropped: Mapping[str, int]
    clouds_known: bool
    notes: tuple[str, ...] = ()

    def __len__(self) -> int:
        return len(self.latitude)


def is_nightfire(table: Table) -> bool:
    """Whether a table has the columns of Nightfire rows: a place, a time and a temperature with area or heat."""
    found = _found(table)
    return {"latitude", "longitude", "time", "temperature"} <= set(found) and bool(
        {"area", "heat", "scaling"} & set(found)
    )


def read_nightfire(table: Table, *, least: float = LEAST_FLAME) -> Nightfire:
    """The rows of a table, cleaned.

    Args:
        least: temperature above which a source is a flame, K.

    Raises:
        BadInput: columns are missing, or hold words where numbers belong.
        NothingToSee: no row is left.
    """
    if not is_nightfire(table):
        raise BadInput(
            f"{table.id} has no Nightfire columns (Lat_GMTCO, Lon_GMTCO, Date_Mscan, Temp_BB and Area_BB): it has "
            f"{', '.join(list(table.columns)[:8])}; give VNF rows as downloaded"
        )
    values, filled = _values(table)
    time = _times(table)
    notes: list[str] = []
    temperature, area = _units(values, notes)
    keep, dropped = np.ones(len(table), bool), {}

    def drop(reason: str, bad: NDArray[np.bool_]) -> None:
        nonlocal keep
        if count := int((keep & bad).sum()):
            dropped[reason] = count
        keep &= ~bad

    latitude, longitude = values["latitude"], values["longitude"]
    drop("no position", ~(np.isfinite(latitude) & np.isfinite(longitude)))
    drop("a position off the globe", ~((np.abs(latitude) <= 90) & (np.abs(longitude) <= 360)))
    drop("position at 0, 0", (latitude == 0) & (longitude == 0))
    drop("no time", np.isnat(time))
    drop("duplicated row", _repeated(table, time, latitude, longitude, temperature, area))
    kind = _kinds(values, temperature, area)
    drop(f"cooler than {least:g} K", (kind == FLAME) & (temperature <= least))
    drop("neither a source nor a flag that one was looked for", kind < 0)
    if not keep.any():
        raise NothingToSee(
            f"{table.id} holds no usable Nightfire row ({_listed(dropped)}): check its columns and units"
        )
    if filled:
        notes.append(f"{filled} cells hold a number that stands for nothing (999999, -999) and count as empty")
    if dropped:
        notes.append(f"rows left out: {_listed(dropped)}")
    clouds = "cloud" in values and bool(np.isfinite(values["cloud"][keep]).any())
    clear = np.isin(values["cloud"], CLEAR_CODES) | np.isnan(values["cloud"]) if clouds else np.ones(len(table), bool)
    if not clouds:
        notes.append("the table does not say how clear the sky was: every night is taken for clear")
    return Nightfire(
        latitude=latitude[keep],
        longitude=(longitude[keep] + 180) % 360 - 180,
        time=time[keep],
        temperature=np.where(kind == FLAME, temperature, np.nan)[keep],
        area=np.where(kind == FLAME, area, np.nan)[keep],
        clear=clear[keep],
        kind=kind[keep],
        dropped=dropped,
        clouds_known=clouds,
        notes=tuple(notes),
    )


def _listed(counts: Mapping[str, int]) -> str:
    return ", ".join(f"{count} {reason}" for reason, count in counts.items()) or "none"


def _found(table: Table) -> dict[str, str]:
    """What the table has → the name of its column."""
    names = {name.casefold().strip(): name for name in table.columns}
    hits = {what: next((names[n] for n in options if n in names), None) for what, options in COLUMNS.items()}
    return {what: name for what, name in hits.items() if name is not None}


def _values(table: Table) -> tuple[dict[str, Numbers], int]:
    """Columns of numbers by what they are, fill values as NaN, and how many cells were fill values."""
    values, filled = {}, 0
    for what, name in _found(table).items():
        if what in ("time", "key"):
            continue
        column = table.columns[name]
        if column.dtype.kind != "f":
            word = next((str(cell) for cell in column if not _is_number(cell)), "")
            raise BadInput(
                f"{table.id} holds the word {word[:40]!r} in the column {name}, which is one of numbers: mend it"
            )
        fill = np.isin(column, FILLS)
        filled += int(fill.sum())
        values[what] = np.where(fill, np.nan, column)
    return values, filled


def _is_number(cell: Any) -> bool:
    try:
        float(cell or "nan")
    except ValueError:
        return False
    return True


def _times(table: Table) -> NDArray[np.datetime64]:
    """Times of the rows, UTC; NaT where none can be read."""
    column = table.columns[_found(table)["time"]]
    if column.dtype.kind == "f":
        raise BadInput(f"{table.id} writes its times as bare numbers: give them as 2020-01-31 23:59:59")
    text = np.char.strip(np.asarray([str(cell)[:19].replace("/", "-") for cell in column], "U19"))
    try:
        return text.astype("datetime64[s]")
    except ValueError:
        return np.array([_time(cell) for cell in text], "datetime64[s]")


def _time(cell: str) -> np.datetime64:
    try:
        return np.datetime64(str(cell), "s")
    except ValueError:
        return np.datetime64("NaT", "s")


def _kinds(values: Mapping[str, Numbers], temperature: Numbers, area: Numbers) -> NDArray[np.int8]:
    """FLAME, DARK, UNFITTED, or -1 for a row that says nothing."""
    none = np.full(len(temperature), np.nan)
    limit = np.nan_to_num(values.get("fit", none)).astype(np.int64) & AT_THE_LIMIT != 0
    fitted = np.isfinite(temperature) & np.isfinite(area) & (temperature > 0) & (area > 0)
    detect = values.get("detect", none)
    # A look that found nothing carries no flag of a detection, and says how the sky was.
    dark = ~fitted & ((detect == 0) | (np.isnan(detect) & np.isfinite(values.get("cloud", none))))
    return np.select([fitted & ~limit, dark, fitted | (detect > 0)], [FLAME, DARK, UNFITTED], -1).astype(np.int8)


def _repeated(table: Table, time: NDArray[np.datetime64], *numbers: Numbers) -> NDArray[np.bool_]:
    """Rows that say what an earlier row said: the same key, or the same time, place, temperature and area."""
    seen = np.zeros(len(time), bool)
    rows = np.column_stack([time.astype("int64").astype(float), *(np.nan_to_num(n, nan=-1.0) for n in numbers)])
    _, first = np.unique(np.ascontiguousarray(rows).view(f"V{rows.shape[1] * 8}").ravel(), return_index=True)
    seen[first] = True
    name = _found(table).get("key")
    if name is not None and table.columns[name].dtype.kind == "O":
        keys = table.columns[name]
        once = np.zeros(len(time), bool)
        once[list({key: i for i, key in reversed(list(enumerate(keys)))}.values())] = True
        seen &= once | (keys == "")
    return ~seen


def _units(values: Mapping[str, Numbers], notes: list[str]) -> tuple[Numbers, Numbers]:
    """Temperature in K and area in m²; other units that the columns betray are converted and noted."""
    temperature = values["temperature"]
    none = np.full(len(temperature), np.nan)
    heat, area = values.get("heat", none), values.get("area", none)
    if "scaling" in values and "pixel" in values:
        derived = np.isnan(area) & np.isfinite(values["scaling"] * values["pixel"])
        area = np.where(derived, values["scaling"] * values["pixel"] * 1e6, area)
    if _in_celsius(temperature, heat, area, values.get("background", none)):
        temperature = temperature + 273.15
        notes.append("temperatures are in °C, by the other columns, and were brought to K")
    with np.errstate(all="ignore"):
        power = np.log10(heat / radiant_heat(temperature, area))
    tiny = area < 0.01  # no flame has 100 cm²: an area in km²
    wrong = {
        "areas in km² (brought to m²)": (np.abs(power - 6) < 0.3) & tiny,
        "RH in W (brought to MW)": (np.abs(power - 6) < 0.3) & ~tiny,
        "RH in kW (brought to MW)": (np.abs(power - 3) < 0.3),
    }
    for what, rows in wrong.items():
        if count := int(rows.sum()):
            notes.append(f"{count} rows with {what}")
    area = np.where(wrong["areas in km² (brought to m²)"], area * 1e6, area)
    heat = heat / np.where(wrong["RH in W (brought to MW)"], 1e6, np.where(wrong["RH in kW (brought to MW)"], 1e3, 1.0))
    with np.errstate(all="ignore"):
        off = np.abs(heat / radiant_heat(temperature, area) - 1) > 0.1
        area = np.where(np.isnan(area) & (temperature > 0), heat / radiant_heat(temperature, 1.0), area)
    if count := int(off.sum()):
        notes.append(
            f"{count} rows whose RH differs by more than 10 % from their temperature and area, which were taken"
        )
    return temperature, area


def _in_celsius(temperature: Numbers, heat: Numbers, area: Numbers, background: Numbers) -> bool:
    """Whether temperatures are in °C: the ground is not at 20 K, and RH = σ T⁴ S tells."""
    ground = background[np.isfinite(background)]
    if len(ground):
        return bool(np.median(ground) < 100)
    with np.errstate(all="ignore"):
        ratios = [heat / radiant_heat(temperature + shift, area) for shift in (0.0, 273.15)]
    away = [np.abs(np.log10(r[np.isfinite(r) & (r > 0)])) for r in ratios]
    away = [np.abs(a - np.round(a / 3) * 3) for a in away]
    return bool(len(away[0]) and np.median(away[1]) < 0.01 < np.median(away[0]))
