"""A model's own error on drawn examples: learnt as it is, and intervals that hold as often as they say."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from outcrop import tasks
from outcrop.core.estimate import Assumption, Estimate
from outcrop.core.grid import Axis, Grid
from outcrop.core.scene import ProbabilityMap, scene_from_array
from outcrop.core.task import Calibration, Example, Measurement, ModelError, Prepared, ProbabilityVolume, Task
from outcrop.core.volume import Volume
from outcrop.engine.predict import Ensemble, ensemble_of
from outcrop.engine.selfcheck import Check, checks, model_error, seen, width_table

BIAS, SPREAD = 0.3, 0.1
"""Of ln(measured / true) of the made-up room."""


def draw_scene(rng: np.random.Generator) -> Example:
    """A constant picture whose value is what a biased eye makes of the truth."""
    truth = rng.uniform(0.1, 0.5)
    values = np.full((1, 8, 8), truth * np.exp(rng.normal(BIAS, SPREAD)), np.float32)
    scene = scene_from_array("drawn", values, Grid(shape=(8, 8)), ("grey",))
    return Example(source=scene, mask=np.zeros((8, 8), np.uint8), truth={"level": truth, "unheard of": 1.0})


def draw_volume(rng: np.random.Generator) -> Example:
    cube = rng.random((3, 4, 8)).astype(np.float32)

    def read(direction: str, start: int, stop: int) -> Any:
        return cube[start:stop] if direction == "inline" else cube[:, start:stop].swapaxes(0, 1)

    volume = Volume(
        id="drawn", inlines=np.arange(3), crosslines=np.arange(4), vertical=Axis("depth", "m"), first_sample=0.0,
        sample_step=1.0, samples=8, live=np.ones((3, 4), bool), read=read,
    )  # fmt: skip
    return Example(source=volume, mask=np.zeros((3, 4, 8), np.uint8), truth={"level": float(cube.mean())})


def measure(prediction: Any, given: Any, calibration: Calibration, rng: np.random.Generator) -> Any:
    """Mean of the map, corrected by the model's own error where that is known."""
    whole = prediction.values() if isinstance(prediction, ProbabilityMap) else prediction.read("inline", 0, 3)
    error = calibration.errors.get("level")
    factor = error.draw(rng, 2000) if isinstance(error, ModelError) else np.ones(2000)
    level = Measurement(name="level", estimate=Estimate(draws=float(whole.mean()) * factor, unit="1"), method="mean")
    other = Measurement(name="not drawn", estimate=Estimate(draws=np.ones(3), unit="1"), method="one")
    return [level, other], None


@pytest.fixture
def room() -> Task:
    one = Assumption(low=1, best=1, high=1, unit="1", source="made up")
    return replace(
        tasks.load("salt"), prepare=lambda source, looks: Prepared(source=source), measure=measure, draw=draw_scene,
        assumptions={"gain": one},
    )  # fmt: skip


@pytest.fixture(scope="module")
def copier(numpy_model: Any) -> Ensemble:
    return ensemble_of([numpy_model(lambda chips: chips)])


def check(value: float, truth: float, *, name: str = "level") -> Check:
    return Check(seed=0, name=name, value=value, low=0.9 * value, high=1.1 * value, truth=truth)


# Known truth ----------------------------------------------------------------------------------------------------------


def test_the_error_that_was_put_in_is_found(room: Task, copier: Ensemble) -> None:
    found = checks(room, copier, range(144), Calibration())
    error = model_error(found, "level", "144 drawn scenes")
    assert error.bias == pytest.approx(BIAS, abs=3 * SPREAD / 12)
    assert error.spread == pytest.approx(SPREAD, rel=0.2)
    assert (error.examples, error.source) == (144, "144 drawn scenes")


def test_intervals_hold_nine_times_in_ten_once_the_error_is_known_and_not_before(room: Task, copier: Ensemble) -> None:
    error = model_error(checks(room, copier, range(100), Calibration()), "level", "drawn")
    judged = range(1000, 1100)
    held = [c.held for c in checks(room, copier, judged, Calibration(errors={"level": error}))]
    assert 0.81 < np.mean(held) < 0.98
    assert np.mean([c.held for c in checks(room, copier, judged, Calibration())]) < 0.1


def test_bias_and_spread_are_those_of_the_logarithm() -> None:
    error = model_error([check(2.0, 1.0), check(8.0, 1.0)], "level", "two")
    assert error.bias == pytest.approx(np.log(4)) and error.spread == pytest.approx(np.log(4) / np.sqrt(2))


# Properties -----------------------------------------------------------------------------------------------------------


def test_examples_without_truth_or_answer_teach_nothing_about_ratios() -> None:
    known = [check(2.0, 1.0), check(3.0, 1.0)]
    more = [*known, check(0.0, 1.0), check(1.0, 0.0), check(9.0, 1.0, name="another")]
    assert model_error(more, "level", "s") == model_error(known, "level", "s")


def test_only_what_was_drawn_is_compared_and_each_seed_is_told(room: Task, copier: Ensemble) -> None:
    told: list[Check] = []
    found = checks(room, copier, [7, 3], Calibration(), report=told.append)
    assert [(c.seed, c.name) for c in found] == [(7, "level"), (3, "level")] and told == found
    assert found[0].truth == draw_scene(np.random.default_rng(7)).truth["level"]


def test_the_same_seeds_give_the_same_checks(room: Task, copier: Ensemble) -> None:
    trust = Calibration(errors={"level": ModelError(bias=0.1, spread=0.2, examples=3, source="s")})
    assert checks(room, copier, range(4), trust) == checks(room, copier, range(4), trust)


def test_another_drawing_can_be_judged(room: Task, copier: Ensemble) -> None:
    (found,) = checks(room, copier, [1], Calibration(), draw=draw_volume)
    assert found.value == pytest.approx(found.truth, abs=1 / 250)


@pytest.mark.parametrize(("draw", "kind"), [(draw_scene, ProbabilityMap), (draw_volume, ProbabilityVolume)])
def test_scenes_and_volumes_are_seen_each_in_their_way(
    room: Task, copier: Ensemble, tmp_path: Path, draw: Any, kind: type
) -> None:
    assert isinstance(seen(draw(np.random.default_rng(0)), room, copier, tmp_path), kind)


@pytest.mark.parametrize(("truth", "held"), [(0.9, True), (1.1, True), (0.89, False), (1.11, False)])
def test_the_ends_of_an_interval_belong_to_it(truth: float, held: bool) -> None:
    assert check(1.0, truth).held == held


# Error by width -------------------------------------------------------------------------------------------------------


def uncertain(rng: np.random.Generator, count: int) -> list[Check]:
    """Checks whose logarithmic error is a tenth of the width of their interval, for widths of 0.5 to 3."""
    found = []
    for width in rng.uniform(0.5, 3.0, count):
        value, truth = 10.0, 10.0 * np.exp(rng.normal(0, width / 10))
        low, high = value * np.exp(-width / 2), value * np.exp(width / 2)
        found.append(Check(seed=0, name="level", value=value, low=low, high=high, truth=truth))
    return found


def test_wide_intervals_get_the_large_errors_that_they_had() -> None:
    table = width_table(uncertain(np.random.default_rng(0), 2000), "level", "drawn", per_row=200)
    spread = [(row[-7] - row[6]) / 2 for row in table.truth]  # about the central 70 %, a standard deviation each way
    assert table.measured[0] == pytest.approx(0.625, abs=0.05) and table.measured[-1] == pytest.approx(2.875, abs=0.05)
    assert np.allclose(spread, np.array(table.measured) / 10, rtol=0.3)
    assert (table.examples, table.source) == (2000, "drawn")


@given(st.integers(1, 90), st.integers(2, 30))
def test_rows_rise_with_the_width_and_hold_quantiles(count: int, per_row: int) -> None:
    found = uncertain(np.random.default_rng(count), count)
    table = width_table(found, "level", "drawn", per_row=per_row, levels=5)
    assert list(table.measured) == sorted(table.measured) and len(table.truth) == len(table.measured)
    errors = np.log([c.truth / c.value for c in found])
    for row in table.truth:
        assert len(row) == 5 and list(row) == sorted(row)
        assert errors.min() - 1e-5 <= row[0] and row[-1] <= errors.max() + 1e-5


def test_an_interval_that_reaches_zero_has_no_width() -> None:
    known = uncertain(np.random.default_rng(0), 30)
    more = [*known, Check(seed=0, name="level", value=1.0, low=0.0, high=2.0, truth=1.0), check(1.0, 0.0)]
    assert width_table(more, "level", "s") == width_table(known, "level", "s")


def test_few_examples_still_hold_nine_in_ten_of_the_next_ones() -> None:
    rng = np.random.default_rng(0)
    held = []
    for _ in range(200):
        table = width_table(uncertain(rng, 24), "level", "drawn", per_row=24)
        low, high = np.quantile(table.draw(table.measured[0], rng, 4000), [0.05, 0.95])
        fresh = [np.log(c.truth / c.value) for c in uncertain(rng, 40)]
        held.append(np.mean([low <= e <= high for e in fresh]))
    assert 0.88 <= np.mean(held) <= 0.93
