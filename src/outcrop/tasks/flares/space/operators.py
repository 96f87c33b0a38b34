"""Flaring that an operator will report for a month, from its last report and the satellite's change since then.

    ln(this month) = ln(last report) + features · coefficients

The features are the satellite's change, how the last report stands to the satellite's usual bias and to earlier reports,
each also by the operator's size. Coefficients minimise a Cauchy loss with a ridge, as the error is judged by its median.
Intervals come from errors on months that a fit had not seen, each divided by the spread expected for it (conformal
prediction, Vovk et al. 2005; locally weighted, Lei et al. 2018, JASA 113:1094).
"""

import json
from collections.abc import Iterator
from dataclasses import asdict, dataclass, fields
from typing import Any

import numpy as np

from outcrop.core.errors import BadInput, BadModel, NothingToSee, UsageError
from outcrop.core.estimate import DRAWS, Estimate
from outcrop.core.table import Table
from outcrop.tasks.flares.space.heat import Numbers
from outcrop.tasks.flares.space.history import FEATURES, PRODUCTION, TROUBLE, History, Known, known, read_history

CUBIC_METRES = 28.316846592
"""m³ in 1000 cubic feet; both at 60 °F, 15.56 °C."""

UNIT = "thousand m³/day"
LOSS_SCALE = 0.4
"""ln error beyond which a month counts less and less."""

RIDGE = 10.0
TROUBLE_RIDGE = 5.0
FIRST = 4
"""Months before the first estimate that is judged."""

LEAST_ROWS = 60
"""Operator-months needed for a fit."""

LEVELS = 81
STEPS = 100


@dataclass(frozen=True, slots=True, kw_only=True)
class OperatorModel:
    """What was learnt; plain data.

    Attributes:
        coefficients: of the features, by their order.
        spread: coefficients of ln |error| by ``TROUBLE``.
        quantiles: of error / spread on months not seen, at levels equally spaced from 0 to 1.
        lag: youngest report that may be used, in months.
        production: whether this month's production is used.
        first, last: months of the fit.
        rows, judged: operator-months of the fit, and those behind the quantiles.
    """

    coefficients: tuple[float, ...]
    spread: tuple[float, ...]
    quantiles: tuple[float, ...]
    lag: int
    production: bool
    first: str
    last: str
    rows: int
    judged: int

    def to_json(self) -> str:
        """The model as JSON text."""
        return json.dumps(asdict(self), sort_keys=True)

    @classmethod
    def from_json(cls, text: str, origin: str = "the model") -> "OperatorModel":
        """A model from JSON text; ``origin`` names the file in messages.

        Raises:
            BadModel: the text is not such a model.
        """
        try:
            plain = json.loads(text)
            values: dict[str, Any] = {
                f.name: tuple(map(float, v)) if isinstance(v := plain[f.name], list) else v for f in fields(cls)
            }
            model = cls(**values)
            wanted = len(FEATURES) + (len(PRODUCTION) if model.production else 0)
            fits = len(model.coefficients) == wanted and len(model.spread) == len(TROUBLE) and len(model.quantiles) > 1
        except (ValueError, KeyError, TypeError) as error:
            raise BadModel(f"{origin} is no operator model ({error!r}): calibrate one anew") from None
        if not fits:
            raise BadModel(f"{origin} is an operator model of another version: calibrate one anew")
        return model


@dataclass(frozen=True, slots=True, kw_only=True)
class OperatorMonth:
    """One estimate: central 90 % interval, thousand m³ a day at 15.56 °C.

    Attributes:
        centre, spread: of the natural logarithm, mcf a month.
        age: months since the report it starts from.
        reported: what was reported in the end, None where it is not known.
    """

    operator: str
    month: str
    value: float
    low: float
    high: float
    centre: float
    spread: float
    age: int
    reported: float | None = None


def fit(table: Table, *, lag: int = 1, production: bool = False, until: str | None = None) -> OperatorModel:
    """Learn from operators' reports and satellite volumes.

    Args:
        table: columns ``history.NEEDS``; any other column, blends of both and published intervals too, is not looked at.
        lag: months after which a report is there; 1 says that last month's report can be used.
        production: use this month's gas and oil too, where the table has them; they come in the same reports.
        until: first month that is not learnt from, e.g. "2020-01".

    Raises:
        BadInput, NothingToSee: the table has other columns, or too few months.
    """
    history = read_history(table)
    stop = len(history.months) if until is None else history.index(until)
    *_, model = models(history, stop, stop, lag=lag, production=production)
    return model


def models(
    history: History, first: int, stop: int, *, lag: int = 1, production: bool = False
) -> Iterator[OperatorModel]:
    """The model of each month from ``first`` to ``stop``, both included, learnt from the months before it alone.

    Raises:
        UsageError: the lag is below 1: a month's own report cannot foretell it.
        NothingToSee: too few months before the first.
    """
    if lag < 1:
        raise UsageError(f"reports {lag} months old are not known when a month is estimated: give a lag of 1 or more")
    rows: list[tuple[Numbers, Numbers]] = []
    judged: list[tuple[Numbers, Numbers]] = []
    waiting: dict[int, tuple[Known, Numbers | None]] = {}
    for t in range(stop + 1):
        # A report of a month is there ``lag`` months later, to learn from and to judge what was said of that month.
        if (due := t - lag) in waiting:
            then, said = waiting.pop(due)
            x, z, y = _answered(history, then, due)
            rows.append((x, y))
            if said is not None and due >= FIRST and len(y):
                judged.append((z, y - x @ said))
        count = sum(len(y) for _, y in rows)
        coefficients = _coefficients(rows) if count >= LEAST_ROWS else None
        if t >= first:
            if coefficients is None or not judged:
                raise NothingToSee(
                    f"{count} operator-months known before {history.months[0] + t} are too few to learn from, at least "
                    f"{LEAST_ROWS} over {FIRST + 1} months are needed: give more months"
                )
            yield _model(history, t, coefficients, judged, count, lag, production)
        if t < len(history.months):
            waiting[t] = known(history, t, lag=lag, production=production), coefficients


def _answered(history: History, month: Known, t: int) -> tuple[Numbers, Numbers, Numbers]:
    """Features, trouble and change of the reports of a month's operators that have reported it."""
    change = history.reported[month.operator, t] - month.last
    there = np.isfinite(change)
    return month.features[there], month.trouble[there], change[there]


def _coefficients(rows: list[tuple[Numbers, Numbers]]) -> Numbers:
    """Least Cauchy loss with a ridge, by reweighted least squares."""
    x, y = np.concatenate([x for x, _ in rows]), np.concatenate([y for _, y in rows])
    found = np.zeros(x.shape[1])
    for _ in range(STEPS):
        weight = 1 / (1 + ((y - x @ found) / LOSS_SCALE) ** 2)
        better = np.linalg.solve((x * weight[:, None]).T @ x + RIDGE * np.eye(x.shape[1]), x.T @ (weight * y))
        moved, found = float(np.abs(better - found).max()), better
        if moved < 1e-7:
            break
    return found


def _model(
    history: History, t: int, coefficients: Numbers, judged: list[tuple[Numbers, Numbers]], count: int, lag: int, production: bool
) -> OperatorModel:  # fmt: skip
    """Spread and quantiles of the errors on months not seen."""
    z, error = np.concatenate([z for z, _ in judged]), np.concatenate([e for _, e in judged])
    logs = np.log(np.maximum(np.abs(error), 0.01))
    ridge = np.diag([0.0, *[TROUBLE_RIDGE] * (z.shape[1] - 1)])
    spread = np.linalg.solve(z.T @ z + ridge, z.T @ logs)
    ratio = np.sort(error / np.exp(z @ spread))
    ranks = np.arange(1, len(ratio) + 1) / (len(ratio) + 1)
    quantiles = np.interp(np.linspace(0, 1, LEVELS), ranks, ratio)
    return OperatorModel(
        coefficients=tuple(map(float, coefficients)), spread=tuple(map(float, spread)),
        quantiles=tuple(map(float, quantiles)), lag=lag, production=production,
        first=str(history.months[0]), last=str(history.months[0] + t - 1), rows=count, judged=len(ratio),
    )  # fmt: skip


def predict(model: OperatorModel, table: Table, *, since: str | None = None) -> list[OperatorMonth]:
    """Estimates for every operator and month with a satellite volume and an earlier report.

    Args:
        since: first month wanted, e.g. "2021-01"; None for the months after the model's last one or without a report.

    Raises:
        BadInput, NothingToSee: as ``read_history``.
    """
    history = read_history(table)
    if model.production and set(history.production) != set(PRODUCTION):
        raise BadInput(f"{table.id} lacks {' or '.join(PRODUCTION)}, which this model needs: add them, or fit without")
    begin = 0 if since is None else max(history.index(since), 0)
    after = history.index(model.last) + 1
    found = []
    for t in range(begin, len(history.months)):
        for one in month_estimates(model, history, t):
            if since is not None or t >= after or one.reported is None:
                found.append(one)
    return found


def month_estimates(model: OperatorModel, history: History, t: int) -> list[OperatorMonth]:
    """Estimates of one month's operators."""
    now = known(history, t, lag=model.lag, production=model.production)
    centre = now.last + now.features @ np.array(model.coefficients)
    spread = np.exp(now.trouble @ np.array(model.spread))
    low, high = np.interp([0.05, 0.95], np.linspace(0, 1, len(model.quantiles)), model.quantiles)
    factor = per_day(history.months[t])
    reported = history.reported[now.operator, t]
    return [
        OperatorMonth(
            operator=history.operators[o], month=str(history.months[t]), value=factor * float(np.exp(c)),
            low=factor * float(np.exp(c + s * low)), high=factor * float(np.exp(c + s * high)), centre=float(c),
            spread=float(s), age=int(a), reported=factor * float(np.exp(r)) if np.isfinite(r) else None,
        )
        for o, c, s, a, r in zip(now.operator, centre, spread, now.age, reported, strict=True)
    ]  # fmt: skip


def per_day(month: np.datetime64) -> float:
    """mcf in a month → thousand m³ a day."""
    days = int(((month + 1).astype("datetime64[D]") - month.astype("datetime64[D]")).astype(int))
    return CUBIC_METRES / 1000 / days


def estimate(model: OperatorModel, one: OperatorMonth, rng: np.random.Generator) -> Estimate:
    """An estimate as a cloud of draws, thousand m³ a day."""
    error = np.interp(rng.random(DRAWS), np.linspace(0, 1, len(model.quantiles)), model.quantiles)
    return Estimate(draws=per_day(np.datetime64(one.month, "M")) * np.exp(one.centre + one.spread * error), unit=UNIT)
