"""How well operators' reports are foretold in months that no fit had seen, beside what one gets without a model.

Each test month is estimated with what was known before its reports: coefficients, biases and intervals are those of
the months before it. Baselines are calibrated on the months before the split.
"""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from outcrop.core.errors import NothingToSee
from outcrop.core.table import Table
from outcrop.tasks.flares.space.heat import Numbers
from outcrop.tasks.flares.space.history import PRODUCTION, History, read_history
from outcrop.tasks.flares.space.operators import models, month_estimates, per_day

LEAST_MONTHS = 6
"""Months with both volumes that an operator needs before the split, to be judged."""

BOOTSTRAPS = 1000


@dataclass(frozen=True, slots=True, kw_only=True)
class Score:
    """One estimator on the test months; volumes in thousand m³ a day at 15.56 °C.

    Attributes:
        rows: operator-months judged.
        median_error: median of |estimate / report - 1|; low and high are its 95 % bootstrap over operators.
        mae, rmse: mean absolute and root mean square error.
        r2, r2_log: share of the variance explained, of volumes and of their logarithms.
        within_two: share within a factor of two.
        total: sum of the estimates over the sum of the reports.
        coverage: share of reports inside the 90 % interval; None for estimators without one.
    """

    name: str
    rows: int
    median_error: float
    low: float
    high: float
    mae: float
    rmse: float
    r2: float
    r2_log: float
    within_two: float
    total: float
    coverage: float | None = None


def evaluate(
    table: Table, rng: np.random.Generator, *, split: str = "2020-01", lags: tuple[int, ...] = (1, 2, 3)
) -> list[Score]:
    """Figures of the baselines and of the combined estimate, strictly forward in time.

    Args:
        split: first test month.
        lags: ages of the youngest usable report, in months, to judge the combined estimate by.

    Raises:
        BadInput, NothingToSee: as ``fit``.
    """
    history = read_history(table)
    start = history.index(split)
    both = np.isfinite(history.reported) & np.isfinite(history.satellite)
    judged = both.copy()
    judged[:, :start] = False
    judged[both[:, :start].sum(axis=1) < LEAST_MONTHS] = False
    if not judged.any():
        raise NothingToSee(
            f"{table.id} has no month from {split} on with a report to judge by: choose an earlier split"
        )
    fresh = judged.copy()
    fresh[:, 1:] &= np.isfinite(history.reported[:, :-1])
    return list(_scores(history, start, judged, fresh, rng, lags))


def _scores(
    history: History, start: int, judged: NDArray[np.bool_], fresh: NDArray[np.bool_], rng: np.random.Generator, lags: tuple[int, ...]
) -> list[Score]:  # fmt: skip
    satellite, last = calibrated(history, start), _moved(history.reported, 1)
    alone: Mapping[str, tuple[Numbers, NDArray[np.bool_]]] = {
        "satellite as published (its level fitted to the reports)": (history.satellite, judged),
        "satellite alone, one coefficient per operator": (satellite, judged),
        "last month's report": (last, fresh),
        "report of 3 months ago": (_moved(history.reported, 3), judged),
        "last report and satellite, geometric mean": ((last + satellite) / 2, fresh),
    }
    found = [score(name, history, value, rows, rng) for name, (value, rows) in alone.items()]
    for lag in lags:
        value, low, high = combined(history, start, lag=lag)
        rows = fresh if lag == 1 else judged
        found.append(
            score(
                f"combined, reports {lag} months old" if lag > 1 else "combined", history, value, rows, rng, low, high
            )
        )
        if lag == 1:
            found.append(
                score("combined, older report where last month's is missing", history, value, judged, rng, low, high)
            )
    if set(history.production) == set(PRODUCTION):
        value, low, high = combined(history, start, production=True)
        found.append(score("combined, with this month's production", history, value, fresh, rng, low, high))
    return found


def _moved(values: Numbers, months: int) -> Numbers:
    """What was known so many months earlier."""
    moved = np.full_like(values, np.nan)
    moved[:, months:] = values[:, :-months]
    return moved


def calibrated(history: History, start: int) -> Numbers:
    """ln of the satellite volume times one least-squares coefficient per operator from the months before ``start``."""
    satellite, reported = np.exp(history.satellite[:, :start]), np.exp(history.reported[:, :start])
    both = np.isfinite(satellite) & np.isfinite(reported)
    cross = np.where(both, satellite * reported, 0).sum(axis=1)
    square = np.where(both, satellite**2, 0).sum(axis=1)
    with np.errstate(all="ignore"):
        return np.asarray(history.satellite + np.log(cross / square)[:, None])


def combined(
    history: History, start: int, *, lag: int = 1, production: bool = False
) -> tuple[Numbers, Numbers, Numbers]:
    """ln of the combined estimate and of its 90 % interval, each month by the model of the months before it."""
    found = tuple(np.full(history.reported.shape, np.nan) for _ in range(3))
    number = {name: i for i, name in enumerate(history.operators)}
    stop = len(history.months) - 1
    for t, model in enumerate(models(history, start, stop, lag=lag, production=production), start):
        factor = per_day(history.months[t])
        for one in month_estimates(model, history, t):
            for laid, value in zip(found, (one.value, one.low, one.high), strict=True):
                laid[number[one.operator], t] = np.log(value / factor)
    return found  # type: ignore[return-value]


def score(
    name: str,
    history: History,
    value: Numbers,
    rows: NDArray[np.bool_],
    rng: np.random.Generator,
    low: Numbers | None = None,
    high: Numbers | None = None,
) -> Score:
    """Figures of one estimator.

    Args:
        value, low, high: natural logarithms of mcf a month, (operators, months).
        rows: which operator-months are judged; those without an estimate are left out.

    Raises:
        NothingToSee: no estimate can be judged.
    """
    rows = rows & np.isfinite(value) & np.isfinite(history.reported)
    if not rows.any():
        raise NothingToSee(f"no operator-month can be judged for {name}: give more months")
    who, when = np.nonzero(rows)
    days = np.array([per_day(month) for month in history.months])[when]
    guess, truth = np.exp(value[rows]) * days, np.exp(history.reported[rows]) * days
    error = np.abs(guess / truth - 1)
    logs, log_truth = np.log(guess), np.log(truth)
    ends = np.quantile(_bootstrap(error, who, rng), [0.025, 0.975])
    inside = None
    if low is not None and high is not None:
        inside = float(((history.reported[rows] >= low[rows]) & (history.reported[rows] <= high[rows])).mean())
    return Score(
        name=name, rows=len(guess), median_error=float(np.median(error)), low=float(ends[0]), high=float(ends[1]),
        mae=float(np.abs(guess - truth).mean()), rmse=float(np.sqrt(((guess - truth) ** 2).mean())),
        r2=_explained(guess, truth), r2_log=_explained(logs, log_truth),
        within_two=float((np.abs(logs - log_truth) <= np.log(2)).mean()), total=float(guess.sum() / truth.sum()),
        coverage=inside,
    )  # fmt: skip


def _explained(guess: Numbers, truth: Numbers) -> float:
    """1 - squared error / variance; NaN where the truth does not vary."""
    variance = float(((truth - truth.mean()) ** 2).sum())
    return 1 - float(((guess - truth) ** 2).sum()) / variance if variance else float("nan")


def _bootstrap(error: Numbers, who: NDArray[np.int64], rng: np.random.Generator) -> Numbers:
    """Medians over resampled operators: months of one operator err together."""
    _, group = np.unique(who, return_inverse=True)
    counts = rng.multinomial(group.max() + 1, np.full(group.max() + 1, 1 / (group.max() + 1)), BOOTSTRAPS)
    order = np.argsort(error)
    running = np.cumsum(counts[:, group[order]], axis=1)
    return np.asarray(error[order][np.argmax(running * 2 >= running[:, -1:], axis=1)])
