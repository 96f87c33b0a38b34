"""A made-up Nightfire table whose flows are known, by its own formulas: nothing here is shared with the measurement."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any

import numpy as np
from numpy.typing import NDArray

from outcrop.core.errors import UsageError
from outcrop.core.table import Table

MISSING = 999999.0
METRES_A_DEGREE = 111_200.0


@dataclass(frozen=True, slots=True, kw_only=True)
class DrawnSite:
    """A flare that was drawn.

    Attributes:
        flow: mean over all nights, dark and cloudy ones too, thousand m³ a day.
        clear_flow: mean over the clear nights alone.
        lit_share: share of nights on which it burns.
        months: mean over the clear nights of each month, e.g. {"2020-01": 120.0}.
    """

    latitude: float
    longitude: float
    flow: float
    clear_flow: float
    lit_share: float
    months: Mapping[str, float]


@dataclass(frozen=True, slots=True, kw_only=True)
class DrawnNightfire:
    """Rows as they would be downloaded, and the truth behind them.

    Attributes:
        sites: flares, in the order drawn.
        duplicates, fires, unfitted: rows of each kind that were mixed in.
    """

    table: Table
    sites: tuple[DrawnSite, ...]
    duplicates: int
    fires: int
    unfitted: int


def draw_nightfire(
    rng: np.random.Generator,
    *,
    sites: int = 5,
    nights: int = 120,
    begin: date = date(2020, 1, 1),
    dark_rows: bool = True,
    scatter: float = 120.0,
) -> DrawnNightfire:
    """A table of Nightfire rows around drawn flares.

    Each flare has its own mean flow (30 to 600 thousand m³ a day), temperature and share of nights on which it burns; flow
    varies from night to night. A third of the nights is cloudy. Rows hold the noise of a fit, duplicates, wildfires, flames
    without a fit and fill values.

    Args:
        dark_rows: whether looks that saw nothing are in the table, as in tables of known sites.
        scatter: standard deviation of the position of a detection, m.

    Raises:
        UsageError: no site or no night was asked for.
    """
    if sites < 1 or nights < 1:
        raise UsageError(f"a drawn table needs at least one site and one night, not {sites} and {nights}")
    rows: list[dict[str, Any]] = []
    truth = []
    for number in range(sites):
        # Half a degree apart, so that no two are ever taken for one.
        latitude = 31.0 + 0.5 * (number // 10) + rng.uniform(-0.05, 0.05)
        longitude = -103.0 + 0.5 * (number % 10) + rng.uniform(-0.05, 0.05)
        flows, clear, made = _site(rng, latitude, longitude, nights, begin, dark_rows, scatter)
        rows += made
        truth.append(_truth(latitude, longitude, flows, clear, begin))
    fires = [
        _row(rng, 30.3 + rng.uniform(0, 0.2), -105 + rng.uniform(0, 5), begin, rng.uniform(700, 1200), 40.0)
        for _ in range(2 * sites)
    ]
    flames = [row for row in rows if row["QF_Detect"] > 0]
    unfitted = [_without_fit(row) for row in flames[:: max(len(flames) // sites, 1)]]
    repeated = [flames[i] for i in rng.integers(len(flames), size=max(len(flames) // 20, 1))]
    every = [*rows, *fires, *unfitted, *repeated]
    order = rng.permutation(len(every))
    names = list(every[0])
    columns = {name: _column([every[i][name] for i in order]) for name in names}
    return DrawnNightfire(
        table=Table(id="drawn.vnf.csv", columns=columns),
        sites=tuple(truth),
        duplicates=len(repeated),
        fires=len(fires),
        unfitted=len(unfitted),
    )


def _site(
    rng: np.random.Generator,
    latitude: float,
    longitude: float,
    nights: int,
    begin: date,
    dark_rows: bool,
    scatter: float,
) -> tuple[NDArray[np.float64], NDArray[np.bool_], list[dict[str, Any]]]:
    """Flow of every night, whether it was clear, and the rows of one flare."""
    typical, burning = np.exp(rng.uniform(np.log(30), np.log(600))), rng.uniform(0.6, 1.0)
    warm = rng.uniform(1700, 1950)
    lit = rng.random(nights) < burning
    lit[0] = True
    flows = np.where(lit, typical * np.exp(rng.normal(0, 0.4, nights)), 0.0)
    clear = rng.random(nights) < 2 / 3
    clear[0] = True
    rows = []
    for night in range(nights):
        place = (
            latitude + rng.normal(0, scatter) / METRES_A_DEGREE,
            longitude + rng.normal(0, scatter) / METRES_A_DEGREE / np.cos(np.radians(latitude)),
        )
        day = begin + timedelta(days=night)
        if lit[night] and (clear[night] or rng.random() < 0.3):
            kelvin = warm + rng.normal(0, 60)
            # Back from the flow: thousand m³ a day → MW of modified heat → m².
            modified = flows[night] * 365.0 / 1e6 / 0.029353 * (1.0 if clear[night] else 0.4)
            area = (modified * 1e6 / (5.6704e-8 * kelvin**4)) ** (1 / 0.7)
            rows.append(_row(rng, *place, day, kelvin, area * np.exp(rng.normal(0, 0.1)), cloudy=not clear[night]))
        elif dark_rows:
            rows.append(_row(rng, latitude, longitude, day, MISSING, MISSING, cloudy=not clear[night]))
    return flows, clear, rows


def _row(
    rng: np.random.Generator,
    latitude: float,
    longitude: float,
    day: date,
    kelvin: float,
    area: float,
    cloudy: bool = False,
) -> dict[str, Any]:
    """One row, with fill values where nothing was seen."""
    seen = kelvin != MISSING
    # 01:30 of local solar time, which at these longitudes is about 08:30 UTC of the next day.
    when = datetime(day.year, day.month, day.day) + timedelta(days=1, hours=8, minutes=30 + float(rng.uniform(-30, 30)))
    watts = 5.6704e-8 * kelvin**4 * area if seen else MISSING
    pixel = float(rng.uniform(0.6, 1.2))
    return {
        "id_Key": f"VNF_npp_d{when:%Y%m%d_t%H%M%S}_{rng.integers(10**12):012d}" if seen else "",
        "Lat_GMTCO": round(latitude, 6),
        "Lon_GMTCO": round(longitude, 6),
        "Date_Mscan": f"{when:%Y/%m/%d %H:%M:%S}",
        "Temp_BB": round(kelvin, 2) if seen else MISSING,
        "Temp_Bkg": round(float(rng.normal(285, 5)), 2),
        "ESF_BB": area / (pixel * 1e6) if seen else MISSING,
        "RHI": watts / (pixel * 1e6) if seen else MISSING,
        "RH": watts / 1e6 if seen else MISSING,
        "Area_BB": area if seen else MISSING,
        "Area_Pixel": pixel,
        "Cloud_Mask": 3.0 if cloudy else 0.0,
        "QF_Fit": 3.0 if seen else MISSING,
        "QF_Detect": 79.0 if seen else 0.0,
    }


def _without_fit(row: dict[str, Any]) -> dict[str, Any]:
    """The same flame an orbit later, too faint for a temperature."""
    when = datetime.strptime(row["Date_Mscan"], "%Y/%m/%d %H:%M:%S") + timedelta(minutes=50)
    gone = dict.fromkeys(("Temp_BB", "Area_BB", "ESF_BB", "RHI", "RH", "QF_Fit"), MISSING)
    date_and_key = {"Date_Mscan": f"{when:%Y/%m/%d %H:%M:%S}", "id_Key": f"{row['id_Key']}_faint"}
    return {**row, **gone, **date_and_key, "QF_Detect": 1.0}


def _column(cells: list[Any]) -> NDArray[Any]:
    return np.array(cells, dtype=object) if isinstance(cells[0], str) else np.array(cells, dtype=np.float64)


def _truth(
    latitude: float, longitude: float, flows: NDArray[np.float64], clear: NDArray[np.bool_], begin: date
) -> DrawnSite:
    names = [f"{begin + timedelta(days=night):%Y-%m}" for night in range(len(flows))]
    months = {
        name: float(np.mean([f for f, c, n in zip(flows, clear, names, strict=True) if n == name and c]))
        for name in dict.fromkeys(n for n, c in zip(names, clear, strict=True) if c)
    }
    return DrawnSite(
        latitude=latitude,
        longitude=longitude,
        flow=float(flows.mean()),
        clear_flow=float(flows[clear].mean()),
        lit_share=float((flows > 0).mean()),
        months=months,
    )
