"""A site's own line: what it learns from made-up readings, what it keeps of physics, and how it is judged."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from outcrop.core.errors import BadInput, DamagedFile, WrongUnit
from outcrop.tasks.flares.gas.calibration import SLOPE, fit, from_json, read_calibration


def site(
    rng: np.random.Generator, count: int, *, slope: float = 0.9, scatter: float = 0.15
) -> tuple[np.ndarray, np.ndarray]:
    """Areas, m², and flows, thousand m³/day, of a site whose level lies a factor of 1.8 off the physics."""
    area = np.exp(rng.normal(np.log(40), 0.5, count))
    flow = 1.8 * 2.3 * 40**1.05 * (area / 40) ** slope * np.exp(rng.normal(0, scatter, count))
    return area, flow


def line(count: int, seed: int = 0, **kwargs):
    area, flow = site(np.random.default_rng(seed), count, **kwargs)
    return fit(area, flow, kind="area", unit="m²", reference=20.0)


def test_many_readings_teach_the_line_of_the_site() -> None:
    found = line(400)
    assert found.b == pytest.approx(0.9, abs=0.03)
    assert np.exp(found.a + found.b * np.log(40)) == pytest.approx(1.8 * 2.3 * 40**1.05, rel=0.03)
    assert np.sqrt(found.rate / found.shape) == pytest.approx(0.15, rel=0.1)


def test_few_readings_keep_the_slope_of_the_length_law() -> None:
    slopes = [line(n, slope=0.3, scatter=0.02).b for n in (3, 10, 40, 400)]
    assert slopes == sorted(slopes, reverse=True)
    assert slopes[0] > 0.5 * (SLOPE["area"] + 0.3)
    assert slopes[-1] == pytest.approx(0.3, abs=0.03)
    same = fit([30.0] * 4, [100.0, 110.0, 95.0, 101.0], kind="length", unit="px", reference=15.0)
    assert same.b == pytest.approx(2.094)


def test_calibration_halves_the_error_of_uncalibrated_physics() -> None:
    rng = np.random.default_rng(5)
    area, flow = site(rng, 20)
    before = 2.3 * area**1.05
    score = fit(area, flow, kind="area", unit="m²", reference=20.0, before=before).score
    assert score.mae < 0.5 * score.before_mae
    assert score.rmse < 0.5 * score.before_rmse
    assert score.mae < 0.5 * score.mean_mae
    assert score.readings == score.groups == 20


def test_leaving_out_is_what_it_says() -> None:
    """Against the plain way: fit anew without each reading and predict it by the median of its draws."""
    area, flow = site(np.random.default_rng(2), 6)
    found = fit(area, flow, kind="area", unit="m²", reference=20.0).score
    guess = []
    for i in range(6):
        rest = np.arange(6) != i
        part = fit(area[rest], flow[rest], kind="area", unit="m²", reference=20.0)
        guess.append(np.exp(part.a + part.b * np.log(area[i])))
    assert found.mae == pytest.approx(np.abs(np.array(guess) - flow).mean())
    mean = np.array([flow[np.arange(6) != i].mean() for i in range(6)])
    assert found.mean_rmse == pytest.approx(np.sqrt(((mean - flow) ** 2).mean()))


def test_readings_of_one_day_are_left_out_together() -> None:
    area, flow = site(np.random.default_rng(2), 12)
    days = [f"2024-05-{1 + i // 4:02d}" for i in range(12)]
    found = fit(area, flow, kind="area", unit="m²", reference=20.0, groups=days)
    assert found.score.groups == 3
    assert fit(area, flow, kind="area", unit="m²", reference=20.0, groups=["one"] * 12).score is None


def test_ninety_per_cent_intervals_hold_nine_readings_of_ten() -> None:
    rng = np.random.default_rng(7)
    inside = []
    for seed in range(60):
        area, flow = site(np.random.default_rng(seed), 8)
        found = fit(area[:7], flow[:7], kind="area", unit="m²", reference=20.0)
        low, high = np.quantile(found.predict(area[7], "m²", rng), [0.05, 0.95])
        inside.append(low <= flow[7] <= high)
    assert 0.8 <= np.mean(inside) <= 1.0


def test_draws_agree_with_the_line_and_widen_away_from_the_readings() -> None:
    found, rng = line(12), np.random.default_rng(0)
    middle = float(np.exp(found.centre))
    near, far = found.predict(middle, "m²", rng), found.predict(20 * middle, "m²", rng)
    assert np.median(near) == pytest.approx(np.exp(found.a + found.b * found.centre), rel=0.02)
    assert np.std(np.log(far)) > 1.3 * np.std(np.log(near))
    assert found.notes(middle) == []
    assert "extrapolated" in found.notes(20 * middle)[0]


def test_a_calibration_survives_its_file(tmp_path) -> None:
    area, flow = site(np.random.default_rng(2), 12)
    for groups in (None, ["one"] * 12):
        found = fit(area, flow, kind="area", unit="px²", reference=15.56, groups=groups)
        path = tmp_path / "site.json"
        path.write_text(found.to_json(), encoding="utf-8")
        assert read_calibration(path) == found


@pytest.mark.parametrize(
    "text", ["", "{}", "[]", "null", '{"site calibration": 1, "score": null}', '{"site calibration": 2}']
)
def test_a_file_that_is_no_calibration_is_refused(text) -> None:
    with pytest.raises(DamagedFile, match=r"site\.json"):
        from_json(text, "site.json")


def test_numbers_that_cannot_be_are_refused_in_a_file() -> None:
    for broken in (replace(line(5), shape=float("nan")), replace(line(5), covariance=((1.0, 5.0), (5.0, 1.0)))):
        with pytest.raises(DamagedFile):
            from_json(broken.to_json())


@pytest.mark.parametrize(
    ("sizes", "flows", "why"),
    [
        ([1, 2], [1, 2], "at least 3"),
        ([1, 2, 3], [1, 2], "pairs"),
        ([1, 2, 0], [1, 2, 3], "size of 0"),
        ([1, 2, 3], [1, -2, 3], "reading of -2"),
        ([1, 2, float("nan")], [1, 2, 3], "size of nan"),
    ],
)
def test_pairs_that_teach_nothing_are_refused(sizes, flows, why) -> None:
    with pytest.raises(BadInput, match=why):
        fit(sizes, flows, kind="area", unit="m²", reference=20.0)


def test_a_flame_in_another_unit_is_refused() -> None:
    rng = np.random.default_rng(0)
    with pytest.raises(WrongUnit, match="in m², .* in px²"):
        line(5).predict(100.0, "px²", rng)
    with pytest.raises(BadInput, match="0 or below"):
        line(5).predict(0.0, "m²", rng)


@settings(max_examples=25, deadline=None)
@given(st.floats(0.01, 100), st.floats(0.01, 100))
def test_units_of_size_and_flow_change_nothing_but_the_constant(size_factor, flow_factor) -> None:
    area, flow = site(np.random.default_rng(2), 8)
    plain = fit(area, flow, kind="area", unit="m²", reference=20.0)
    other = fit(area * size_factor, flow * flow_factor, kind="area", unit="px²", reference=20.0)
    assert other.b == pytest.approx(plain.b)
    assert other.score.mae == pytest.approx(plain.score.mae * flow_factor)
    assert other.a == pytest.approx(plain.a + np.log(flow_factor) - plain.b * np.log(size_factor), abs=1e-6)
