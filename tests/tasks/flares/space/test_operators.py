"""Operators' months: the past alone is used, the published figures are reproduced, and the combined estimate beats them."""

import json
from dataclasses import replace

import numpy as np
import pytest

from outcrop.core.errors import BadInput, BadModel, NothingToSee, UsageError
from outcrop.core.table import Table
from outcrop.sources.table import open_table
from outcrop.tasks.flares.space.history import read_history
from outcrop.tasks.flares.space.operator_scores import calibrated, evaluate
from outcrop.tasks.flares.space.operators import OperatorModel, estimate, fit, per_day, predict


def drawn(rng: np.random.Generator, operators: int = 12, months: int = 20) -> Table:
    """Flaring that wanders, seen by a satellite with noise and an own bias for each operator; ticker is shared."""
    names = [f"{2019 + m // 12}-{m % 12 + 1:02d}" for m in range(months)]
    level = rng.normal(11, 1.5, (operators, 1)) + np.cumsum(rng.normal(0, 0.3, (operators, months)), axis=1)
    seen = level + rng.normal(0, 0.3, (operators, 1)) + rng.normal(0, 0.25, (operators, months))
    cells = {
        "state": ["ND"] * operators * months, "company_name": [f"Company {i}" for i in range(operators) for _ in names],
        "ticker": ["Private"] * operators * months, "month": names * operators, "reported_mcf": np.exp(level).ravel(),
        "sat_mcf": np.exp(seen).ravel(), "gas_mcf": np.exp(level + 3).ravel(), "oil_bbl": np.exp(level).ravel(),
        "blended_mcf": np.exp((level + seen) / 2).ravel(), "sat_low_mcf": np.exp(level).ravel(),
    }  # fmt: skip
    return Table(
        id="drawn", columns={n: np.array(c, object if isinstance(c[0], str) else float) for n, c in cells.items()}
    )


@pytest.fixture(scope="module")
def table() -> Table:
    return drawn(np.random.default_rng(0))


def changed(table: Table, **columns: np.ndarray) -> Table:
    return replace(table, columns={**table.columns, **columns})


def later(table: Table, month: str) -> np.ndarray:
    return table.columns["month"] >= month


def test_drawn_flaring_is_foretold_better_than_by_the_last_report_and_intervals_cover() -> None:
    scores = {s.name: s for s in evaluate(drawn(np.random.default_rng(1), 30, 27), np.random.default_rng(0))}
    combined = scores["combined"]
    assert combined.median_error < 0.85 * scores["last month's report"].median_error
    assert combined.median_error < scores["satellite alone, one coefficient per operator"].median_error
    assert 0.85 <= combined.coverage <= 0.95 and combined.low < combined.median_error < combined.high


def test_nothing_of_the_estimated_month_but_the_satellite_is_used(table) -> None:
    model = fit(table, until="2020-03")
    spoilt = {
        n: np.where(later(table, "2020-03"), 7.0, table.columns[n]) for n in ("reported_mcf", "gas_mcf", "oil_bbl")
    }
    then = [one for one in predict(model, table, since="2020-03") if one.month == "2020-03"]
    blind = [one for one in predict(fit(changed(table, **spoilt), until="2020-03"), changed(table, **spoilt), since="2020-03") if one.month == "2020-03"]  # fmt: skip
    assert [one.centre for one in then] == pytest.approx([one.centre for one in blind])
    assert len(then) == 12 and all(one.age == 1 for one in then)


def test_columns_that_hold_the_answer_are_never_looked_at(table) -> None:
    leaks = {n: np.full(len(table), 1.0) for n in ("blended_mcf", "sat_low_mcf")}
    assert fit(table) == fit(changed(table, **leaks))
    bare = replace(table, columns={n: c for n, c in table.columns.items() if n not in (*leaks, "gas_mcf", "oil_bbl", "ticker")})  # fmt: skip
    assert fit(table) == fit(bare)


def test_the_level_of_an_operators_satellite_series_says_nothing(table) -> None:
    factor = np.where(table.columns["company_name"] == "Company 3", 5.0, 1.0)
    scaled = changed(table, sat_mcf=table.columns["sat_mcf"] * factor)
    assert fit(scaled).coefficients == pytest.approx(fit(table).coefficients)
    before, after = (predict(fit(t), t, since="2020-08") for t in (table, scaled))
    assert [one.value for one in after] == pytest.approx([one.value for one in before])


@pytest.mark.parametrize("lag", [1, 3])
def test_reports_younger_than_the_lag_are_not_used(table, lag) -> None:
    hidden = changed(
        table, reported_mcf=np.where(later(table, f"2020-{9 - lag:02d}"), 3.0, table.columns["reported_mcf"])
    )
    before, after = (predict(fit(t, lag=lag, until="2020-08"), t, since="2020-08") for t in (table, hidden))
    assert [one.centre for one in after] == pytest.approx([one.centre for one in before])
    assert all(one.age == lag for one in before)


def test_a_month_without_a_report_is_bridged(table) -> None:
    gone = (table.columns["month"] == "2020-07") & (table.columns["company_name"] == "Company 0")
    holed = changed(table, reported_mcf=np.where(gone, np.nan, table.columns["reported_mcf"]))
    found = predict(fit(holed), holed)
    assert [(one.operator, one.month, one.age, one.reported) for one in found] == [("ND Company 0", "2020-07", 1, None)]
    ages = {one.operator: one.age for one in predict(fit(holed), holed, since="2020-08")}
    assert ages["ND Company 0"] == 2 and ages["ND Company 1"] == 1


def test_a_model_is_plain_json_and_draws_agree_with_its_interval(table) -> None:
    model = fit(table)
    assert OperatorModel.from_json(json.dumps(json.loads(model.to_json()))) == model
    one = predict(model, table, since="2020-08")[0]
    cloud = estimate(model, one, np.random.default_rng(0))
    assert cloud.interval() == pytest.approx((one.low, one.high), rel=0.05) and cloud.value == pytest.approx(
        one.value, rel=0.1
    )
    assert one.value == pytest.approx(per_day(np.datetime64("2020-08")) * np.exp(one.centre))
    assert per_day(np.datetime64("2020-08")) == pytest.approx(0.028316846592 / 31)


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"coefficients": 1}', "null"])
def test_what_is_no_model_is_refused(text) -> None:
    with pytest.raises(BadModel, match="calibrate"):
        OperatorModel.from_json(text)


def test_a_model_of_another_version_is_refused(table) -> None:
    plain = json.loads(fit(table).to_json())
    with pytest.raises(BadModel, match="another version"):
        OperatorModel.from_json(json.dumps({**plain, "coefficients": [1.0]}))


def test_operators_are_told_apart_by_state_and_company_and_doubles_are_left_out(table) -> None:
    twice = replace(table, columns={n: np.concatenate([c, c[:5]]) for n, c in table.columns.items()})
    history = read_history(twice)
    assert len(history.operators) == 12 and history.doubled == 5


@pytest.mark.parametrize(
    ("change", "error", "says"),
    [
        ({"month": np.array(["January"] * 240, object)}, BadInput, "2020-01"),
        ({"month": np.arange(240.0)}, BadInput, "2020-01"),
        ({"sat_mcf": np.array(["much"] * 240, object)}, BadInput, "sat_mcf"),
        ({"reported_mcf": np.full(240, np.nan)}, NothingToSee, "no month with both"),
    ],
)
def test_odd_tables_are_refused_in_a_sentence(table, change, error, says) -> None:
    with pytest.raises(error, match=says):
        fit(changed(table, **change))


def test_too_little_to_learn_from_and_a_lag_of_nothing_are_refused(table) -> None:
    with pytest.raises(NothingToSee, match="too few"):
        fit(table, until="2019-03")
    with pytest.raises(UsageError, match="lag"):
        fit(table, lag=0)
    with pytest.raises(NothingToSee, match="earlier split"):
        evaluate(table, np.random.default_rng(0), split="2030-01")
    with pytest.raises(BadInput, match="reported_mcf"):
        fit(replace(table, columns={n: c for n, c in table.columns.items() if n != "reported_mcf"}))


def test_real_reports_are_foretold_better_than_by_either_source_alone(data) -> None:
    path = data / "flares" / "tables" / "flaringmonitor_operator_month_sat_vs_reported.csv"
    if not path.is_file():
        pytest.skip(f"needs the table of operators at {path}")
    scores = {s.name: s for s in evaluate(open_table(path), np.random.default_rng(0))}
    satellite, last = scores["satellite alone, one coefficient per operator"], scores["last month's report"]
    assert (satellite.rows, last.rows) == (1051, 1039)
    assert satellite.median_error == pytest.approx(0.457, abs=0.001)
    assert last.median_error == pytest.approx(0.342, abs=0.001)
    assert scores["last report and satellite, geometric mean"].median_error == pytest.approx(0.326, abs=0.005)
    combined = scores["combined"]
    assert combined.rows == 1039 and combined.median_error <= 0.28 and 0.85 <= combined.coverage <= 0.95
    assert combined.rmse < min(satellite.rmse, last.rmse) and combined.r2_log > last.r2_log
    assert scores["combined, older report where last month's is missing"].rows == 1051


def test_the_coefficient_of_an_operator_is_that_of_least_squares(table) -> None:
    history = read_history(table)
    found = np.exp(calibrated(history, 12) - history.satellite)[:, 0]
    s, r = np.exp(history.satellite[:, :12]), np.exp(history.reported[:, :12])
    np.testing.assert_allclose(found, (s * r).sum(1) / (s**2).sum(1))
