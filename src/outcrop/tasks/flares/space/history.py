"""Operators' reports and satellite volumes month by month, and what of them is known when a month must be estimated.

In month t a user has the satellite of month t and reports up to month t - lag. Everything here respects that. The
satellite enters by its changes alone: how high an operator's satellite series lies as a whole says nothing, because a
published coefficient per operator may have been fitted to the very reports.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from outcrop.core.errors import BadInput, NothingToSee
from outcrop.core.table import Table
from outcrop.tasks.flares.space.heat import Numbers

NEEDS = ("state", "company_name", "month", "sat_mcf", "reported_mcf")
PRODUCTION = ("gas_mcf", "oil_bbl")

FEATURES = (
    "drift", "satellite change", "satellite against its usual bias", "report against earlier reports",
    "satellite change x size", "bias x size", "earlier reports x size",
)  # fmt: skip
TROUBLE = ("one", "size", "size of the satellite change", "past unrest", "age of the report")
"""What the spread of an estimate depends on."""

MEMORY_BIAS, MEMORY_REPORT = 0.8, 0.7
"""Weight of a month over the weight of the next one, in means over the past."""

LARGEST = 2.0
"""Changes beyond a factor e² count as this."""

USUAL_SIZE = 11.0
"""ln of 60 000 mcf a month, where the size of a reported volume counts as zero."""

USUAL_UNREST, UNREST_WEIGHT = 0.45, 3.0
"""Change of ln(report / satellite) between months of a typical operator, and for how many months it stands."""


@dataclass(frozen=True, slots=True, kw_only=True)
class History:
    """Logarithms of monthly volumes, (operators, months) each, NaN where unknown; volumes are in mcf, 1000 cubic feet.

    Attributes:
        operators: state and company, e.g. "ND Abraxas Petroleum Corp".
        months: every month from the first to the last.
        production: other columns, by name.
        doubled: rows left out because the operator and month were there already.
    """

    operators: tuple[str, ...]
    months: NDArray[np.datetime64]
    reported: Numbers
    satellite: Numbers
    production: dict[str, Numbers]
    doubled: int = 0

    def index(self, month: str) -> int:
        """Position of a month such as "2020-01", also beyond the ends."""
        return int((np.datetime64(month, "M") - self.months[0]).astype(int))


@dataclass(frozen=True, slots=True, kw_only=True)
class Known:
    """What is known of a month's operators before their reports, (n,) or (n, features).

    Attributes:
        operator: index into the history.
        last: ln of the latest report.
        age: months since it.
        features: see ``FEATURES``, then changes of production where asked for.
        trouble: see ``TROUBLE``.
    """

    operator: NDArray[np.int64]
    last: Numbers
    age: NDArray[np.int64]
    features: Numbers
    trouble: Numbers


def read_history(table: Table) -> History:
    """Monthly volumes by operator, that is by state and company; tickers are shared and not used.

    Raises:
        BadInput: a column is missing or of the wrong kind, or a month cannot be read.
        NothingToSee: no month has a report and a satellite volume.
    """
    names = {name.casefold(): name for name in table.columns}
    missing = [name for name in NEEDS if name not in names]
    if missing:
        raise BadInput(f"{table.id} has no column {', '.join(missing)}, which operators and months need: add it")
    for name in ("sat_mcf", "reported_mcf"):
        if table.columns[names[name]].dtype.kind != "f":
            raise BadInput(f"{table.id} holds words in the column {names[name]}, where volumes belong: mend it")
    state, company = (table.columns[names[name]] for name in ("state", "company_name"))
    labels = np.array([f"{s} {c}" for s, c in zip(state, company, strict=True)])
    months = _months(table, names["month"])
    operators, row = np.unique(labels, return_inverse=True)
    span = np.arange(months.min(), months.max() + 1)
    col = (months - span[0]).astype(int)
    _, first = np.unique(row * len(span) + col, return_index=True)

    def placed(name: str) -> Numbers:
        values = table.columns[names[name]]
        laid = np.full((len(operators), len(span)), np.nan)
        with np.errstate(all="ignore"):
            laid[row[first], col[first]] = np.where(values[first] > 0, np.log(values[first]), np.nan)
        return laid

    reported, satellite = placed("reported_mcf"), placed("sat_mcf")
    if not np.isfinite(reported + satellite).any():
        raise NothingToSee(f"{table.id} has no month with both a report and a satellite volume: give more months")
    production = {n: placed(n) for n in PRODUCTION if n in names and table.columns[names[n]].dtype.kind == "f"}
    return History(
        operators=tuple(map(str, operators)), months=span, reported=reported, satellite=satellite,
        production=production, doubled=len(row) - len(first),
    )  # fmt: skip


def _months(table: Table, name: str) -> NDArray[np.datetime64]:
    column = table.columns[name]
    try:
        if column.dtype.kind == "f":
            raise ValueError("numbers")
        return np.array([str(cell)[:7] for cell in column]).astype("datetime64[M]")
    except ValueError:
        raise BadInput(f"{table.id} has months in {name} that are not written as 2020-01: rewrite them") from None


def known(history: History, month: int, *, lag: int = 1, production: bool = False) -> Known:
    """What is known of a month from reports at least ``lag`` months old and from the month's own satellite.

    Args:
        month: position in ``history.months``.
        production: also take this month's gas and oil, which operators report together with their flaring.
    """
    both = np.isfinite(history.reported) & np.isfinite(history.satellite)
    past = both[:, : max(month - lag + 1, 0)]
    use = np.flatnonzero(past.any(axis=1) & np.isfinite(history.satellite[:, month]))
    latest = past.shape[1] - 1 - np.argmax(past[use, ::-1], axis=1) if len(use) else np.zeros(0, np.int64)
    report, satellite = history.reported[use, latest], history.satellite[use, latest]
    change = np.clip(history.satellite[use, month] - satellite, -LARGEST, LARGEST)
    ratio = history.reported - history.satellite
    bias = _pull(ratio, past, use, latest, MEMORY_BIAS)
    earlier = _pull(history.reported, past, use, latest, MEMORY_REPORT)
    size = (report - USUAL_SIZE) / 2
    columns = [np.ones(len(use)), change, bias, earlier, change * size, bias * size, earlier * size]
    if production:
        columns += [_change(laid, use, latest, month) for laid in history.production.values()]
    unrest = np.array([_unrest(ratio[o, : k + 1]) for o, k in zip(use, latest, strict=True)])
    age = month - latest
    trouble = [np.ones(len(use)), size, np.abs(change), unrest, np.log(age)]
    return Known(
        operator=use, last=report, age=age, features=np.column_stack(columns), trouble=np.column_stack(trouble)
    )


def _pull(
    values: Numbers, past: NDArray[np.bool_], use: NDArray[np.int64], latest: NDArray[np.int64], memory: float
) -> Numbers:
    """How far the fading mean of the months before the latest lies above it; the less is known, the nearer to zero."""
    before = past[use] & (np.arange(past.shape[1]) < latest[:, None])
    weight = np.where(before, memory ** np.maximum(latest[:, None] - np.arange(past.shape[1]), 0), 0.0)
    total = weight.sum(axis=1)
    mean = (weight * np.where(before, values[use, : past.shape[1]], 0.0)).sum(axis=1) / np.maximum(total, 1e-9)
    pull = np.where(total > 0, (mean - values[use, latest]) * total / (total + 1), 0.0)
    return np.clip(pull, -LARGEST, LARGEST)


def _change(laid: Numbers, use: NDArray[np.int64], latest: NDArray[np.int64], month: int) -> Numbers:
    return np.asarray(np.nan_to_num(np.clip(laid[use, month] - laid[use, latest], -LARGEST, LARGEST)))


def _unrest(ratio: Numbers) -> float:
    """ln of the usual change of ln(report / satellite) between neighbouring known months."""
    steps = np.minimum(np.abs(np.diff(ratio[np.isfinite(ratio)])), LARGEST)
    return float(np.log((steps.sum() + UNREST_WEIGHT * USUAL_UNREST) / (len(steps) + UNREST_WEIGHT)))
