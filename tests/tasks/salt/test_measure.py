"""From predicted salt to quantities, against balls whose volume is 4/3 π r³ and layers whose thickness is known."""

import json
from dataclasses import replace

import numpy as np
import pytest
from affine import Affine

from outcrop.core.errors import NothingToSee, UsageError, WrongUnit
from outcrop.core.estimate import Assumption
from outcrop.core.grid import Axis, Grid
from outcrop.core.scene import Detections, ProbabilityMap, scene_from_array
from outcrop.core.task import Calibration, Measurement, ModelError, ProbabilityVolume
from outcrop.core.volume import Volume
from outcrop.outputs.table import BODIES, PickTable, write_bodies
from outcrop.tasks.salt.measure import measure
from outcrop.tasks.salt.survey import body_rows, survey
from outcrop.tasks.salt.thickness import ASSUMPTIONS

DEPTH, TIME = Axis("depth", "m"), Axis("two-way time", "ms")
EXACT = {"salt velocity": Assumption(low=4500, best=4500, high=4500, unit="m/s", source="drawn")}
BARE = Calibration()


def predicted(
    probability: np.ndarray,
    *,
    vertical: Axis = DEPTH,
    step: float = 10.0,
    first: float = 500.0,
    spacing: tuple[float | None, float | None] = (25.0, 12.5),
    spread: np.ndarray | None = None,
) -> ProbabilityVolume:
    """A probability volume in memory, with labels that are no positions and a turned survey grid."""
    lines, traces, samples = probability.shape
    i, j = np.mgrid[:lines, :traces].astype(float)
    volume = Volume(
        id="drawn",
        inlines=np.arange(lines) + 1000,
        crosslines=2 * np.arange(traces) + 300,
        vertical=vertical,
        first_sample=first,
        sample_step=step,
        samples=samples,
        live=np.isfinite(probability).any(axis=2),
        read=lambda direction, start, stop: probability[start:stop],
        x=600_000 + 20 * i + 7.5 * j,
        y=6_000_000 - 15 * i + 10 * j,
        spacing=spacing,
    )
    return ProbabilityVolume(
        volume=volume,
        classes=("salt",),
        read=lambda direction, start, stop: probability[None, start:stop],
        spread=None if spread is None else (lambda direction, start, stop: spread[start:stop]),
    )


def ball(radius: float, centre: np.ndarray, cell: tuple[float, float, float], size: int = 30) -> np.ndarray:
    """Voxels whose centres lie in a ball given in metres."""
    i, j, k = (np.arange(size) * side for side in cell)
    square = (i[:, None, None] - centre[0]) ** 2 + (j[None, :, None] - centre[1]) ** 2 + (k - centre[2]) ** 2
    return (square <= radius**2).astype(np.float32)


def one(measurements: list[Measurement], name: str) -> Measurement:
    [found] = [each for each in measurements if each.name == name]
    return found


def picture(values: np.ndarray, grid: Grid | None = None) -> ProbabilityMap:
    grid = grid or Grid(shape=(values.shape[0], values.shape[1]))
    scene = scene_from_array("picture", values[None], grid, ("amplitude",))
    half = len(values) // 2
    parts = [(0, values[None, :half]), (half, values[None, half:])]
    return ProbabilityMap(scene=scene, classes=("salt",), strips=lambda: iter(parts))


@pytest.mark.parametrize("domain", ["depth", "time"])
def test_the_interval_holds_the_true_volume_of_balls_and_is_not_idle(domain):
    rng = np.random.default_rng(7)
    cell = (25.0, 12.5, 9.0)
    axis, step = (DEPTH, 9.0) if domain == "depth" else (TIME, 4.0)  # 4 ms at 4500 m/s are 9 m
    held, widths = [], []
    for _ in range(200):
        radius = rng.uniform(90, 170)
        centre = np.array(cell) * rng.uniform(14.5, 15.5, 3)
        found = predicted(ball(radius, centre, cell, 40), vertical=axis, step=step)
        estimate = one(measure(found, EXACT, BARE, rng), "salt volume").estimate
        low, high = estimate.interval(0.9)
        truth = 4 / 3 * np.pi * radius**3
        held.append(low <= truth <= high)
        widths.append((high - low) / truth)
        assert estimate.unit == "m³"
    assert np.mean(held) >= 0.85
    assert np.median(widths) < 0.45


def test_the_interval_holds_the_truth_when_the_model_errs_as_its_card_says():
    rng = np.random.default_rng(11)
    cell, error = (10.0, 10.0, 10.0), ModelError(bias=0.1, spread=0.25, examples=50, source="drawn")
    calibration = Calibration(errors={"volume": error})
    held = []
    for _ in range(150):
        radius = rng.uniform(80, 110)
        seen = radius * np.exp(rng.normal(error.bias, error.spread) / 3)
        found = predicted(ball(seen, np.full(3, 200.0), cell, 41), spacing=(10, 10))
        low, high = one(measure(found, {}, calibration, rng), "salt volume").estimate.interval(0.9)
        held.append(low <= 4 / 3 * np.pi * radius**3 <= high)
    assert 0.85 <= np.mean(held) <= 0.99


def test_the_velocity_widens_a_volume_in_time_and_not_one_in_depth():
    probability = np.zeros((6, 6, 40), np.float32)
    probability[:, :, 10:30] = 1
    wide = {"salt velocity": Assumption(low=3000, best=4500, high=6000, unit="m/s", source="drawn")}

    def width(axis: Axis, given: dict[str, Assumption]) -> float:
        found = one(
            measure(predicted(probability, vertical=axis), given, BARE, np.random.default_rng(0)), "salt volume"
        )
        low, high = found.estimate.interval()
        return (high - low) / found.estimate.value

    assert width(TIME, wide) > 3 * width(TIME, EXACT)
    assert width(DEPTH, wide) == pytest.approx(width(DEPTH, EXACT))


def test_a_layer_in_time_is_velocity_times_half_the_time_thick():
    probability = np.zeros((4, 5, 50), np.float32)
    probability[:, :, 10:35] = 1  # 25 samples of 4 ms, 100 ms two-way: 225 m at 4500 m/s
    found = measure(predicted(probability, vertical=TIME, step=4.0), {}, BARE, np.random.default_rng(0))
    volume = one(found, "salt volume")
    assert volume.estimate.value == pytest.approx(20 * 25 * 12.5 * 225, rel=0.01)
    assert "velocity" in volume.method
    feet = {"salt velocity": Assumption(low=14763, best=14764, high=14765, unit="ft/s", source="drawn")}
    again = one(
        measure(predicted(probability, vertical=TIME, step=4.0), feet, BARE, np.random.default_rng(0)), "salt volume"
    )
    assert again.estimate.value == pytest.approx(volume.estimate.value, rel=0.01)


def test_bodies_add_up_to_the_total_draw_by_draw():
    probability = np.zeros((20, 20, 20), np.float32)
    probability[2:8, 2:8, 2:8] = 0.9
    probability[12:16, 12:16, 12:16] = 0.8
    found = measure(predicted(probability), {}, BARE, np.random.default_rng(0))
    bodies = [each for each in found if each.name == "salt body volume"]
    assert [each.about["body"] for each in bodies] == [1, 2]
    np.testing.assert_allclose(
        sum(each.estimate.draws for each in bodies), one(found, "salt volume").estimate.draws, rtol=1e-9
    )


def test_a_body_is_placed_by_labels_coordinates_and_depth():
    probability = np.zeros((20, 20, 20), np.float32)
    probability[3:9, 4:12, 5:15] = 1
    probability[6, 7, 4] = 0.75
    found = measure(predicted(probability), {}, BARE, np.random.default_rng(0))
    facts = one(found, "salt body volume").about
    assert (facts["crest_inline"], facts["crest_crossline"]) == (1006, 314)
    assert facts["crest_x"] == 600_000 + 20 * 6 + 7.5 * 7
    assert facts["crest_y"] == 6_000_000 - 15 * 6 + 10 * 7
    assert facts["crest"] == pytest.approx(500 + 10 * (3 + 0.5 / 0.75))
    assert facts["base"] == pytest.approx(500 + 10 * 14.5)
    assert (facts["inline_first"], facts["inline_last"]) == (1003, 1008)
    assert (facts["crossline_first"], facts["crossline_last"]) == (308, 322)
    assert (facts["extent_across_inlines"], facts["extent_across_crosslines"]) == (6 * 25, 8 * 12.5)
    assert not facts["touches_edge"]
    assert json.loads(json.dumps(facts)) == facts
    crest = one(found, "salt crest")
    assert crest.estimate.unit == "m"
    assert crest.estimate.value == pytest.approx(facts["crest"], abs=0.5)


def test_no_salt_is_zero_with_an_upper_bound_that_grows_with_doubt():
    nothing = np.zeros((10, 10, 10), np.float32)
    doubtful = nothing.copy()
    doubtful[2:7, 2:7, 2:7] = 0.45
    bounds = []
    for probability in (nothing, doubtful):
        found = measure(predicted(probability), {}, BARE, np.random.default_rng(0))
        estimate = one(found, "salt volume").estimate
        assert estimate.value == 0
        assert estimate.interval()[0] == 0
        assert one(found, "salt share").estimate.value == 0
        assert [each.name for each in found] == ["salt volume", "salt share"]
        bounds.append(estimate.interval()[1])
    assert 0 < bounds[0] < 25 * 12.5 * 10
    assert bounds[1] == pytest.approx(125 * bounds[0], rel=1e-6)


def test_bodies_below_the_least_size_are_left_out_and_yet_bound_the_zero():
    probability = np.zeros((10, 10, 10), np.float32)
    probability[4, 4, 4:7] = 1
    seen = survey(predicted(probability), BARE, least=20)
    found = measure(seen.prediction, {}, BARE, np.random.default_rng(0), found=seen)
    estimate = one(found, "salt volume").estimate
    assert estimate.value == 0
    assert estimate.interval()[1] > 15 * 25 * 12.5 * 10


def test_the_least_area_of_a_card_speaks_of_pictures_and_not_of_volumes():
    probability = np.zeros((12, 12, 12), np.float32)
    probability[4:6, 4:6, 4:6] = 1
    for rule in ("picture", "component"):
        card = Calibration(min_area=20, rule=rule)
        assert (
            one(measure(predicted(probability), {}, card, np.random.default_rng(0)), "salt volume").estimate.value > 0
        )


@pytest.mark.parametrize(("rule", "pixels"), [("picture", 209), ("component", 200)])
def test_a_picture_leaves_out_what_its_rule_says(rule, pixels):
    values = np.zeros((40, 40), np.float32)
    values[10:20, 10:30] = 0.9
    values[30:33, 5:8] = 0.9
    card = Calibration(min_area=20, rule=rule)
    assert one(measure(picture(values), {}, card, np.random.default_rng(0)), "salt share").about["pixels"] == pixels
    tight = Calibration(min_area=210, rule=rule)
    empty = one(measure(picture(values), {}, tight, np.random.default_rng(0)), "salt share").estimate
    assert empty.value == 0
    assert empty.interval()[1] > 100 * 150 / 1600


def test_two_directions_that_disagree_widen_the_interval():
    probability = np.zeros((20, 20, 20), np.float32)
    probability[5:15, 5:15, 5:15] = 0.6
    spread = np.zeros_like(probability)

    def width(spread: np.ndarray | None) -> float:
        found = one(measure(predicted(probability, spread=spread), {}, BARE, np.random.default_rng(0)), "salt volume")
        low, high = found.estimate.interval()
        return high - low

    agreeing = width(spread)
    assert agreeing == pytest.approx(width(None))
    spread[5:15, 5:10, 5:15] = 0.3
    assert width(spread) > 1.2 * agreeing


def test_without_a_spacing_there_is_a_thickness_and_a_share_and_a_sentence():
    probability = np.zeros((5, 6, 20), np.float32)
    probability[:, :, 5:15] = 1
    found = measure(predicted(probability, spacing=(None, None)), {}, BARE, np.random.default_rng(0))
    thickness = one(found, "salt thickness volume")
    assert thickness.estimate.unit == "m·trace"
    assert thickness.estimate.value == pytest.approx(30 * 100, rel=0.01)
    assert "--spacing" in thickness.about["note"]
    assert one(found, "salt share").estimate.value == pytest.approx(50, rel=0.01)
    [row] = body_rows(found)
    assert "volume_m3" not in row
    assert (row["extent_across_inlines"], row["extent_unit"]) == (5, "line")


def test_a_single_line_has_an_area_and_no_volume():
    probability = np.zeros((1, 30, 30), np.float32)
    probability[0, 5:15, 10:20] = 1
    found = measure(predicted(probability, spacing=(None, 12.5)), {}, BARE, np.random.default_rng(0))
    area = one(found, "salt area")
    assert area.estimate.unit == "m²"
    assert area.estimate.value == pytest.approx(10 * 12.5 * 10 * 10, rel=0.01)
    assert not one(found, "salt body area").about["touches_edge"]
    assert not [each for each in found if "volume" in each.name]


def test_dead_traces_are_not_part_of_the_whole():
    probability = np.zeros((4, 4, 10), np.float32)
    probability[:2] = 1
    probability[3] = np.nan
    found = measure(predicted(probability), {}, BARE, np.random.default_rng(0))
    assert one(found, "salt share").estimate.value == pytest.approx(100 * 2 / 3, rel=0.02)


def test_a_picture_without_scale_has_a_share_and_no_area():
    values = np.zeros((40, 40), np.float32)
    values[10:20, 10:30] = 0.9
    values[30:33, 5:8] = 0.9
    found = measure(picture(values), {}, BARE, np.random.default_rng(0))
    share = one(found, "salt share")
    assert share.estimate.unit == "%"
    assert share.estimate.value == pytest.approx(100 * 209 / 1600, rel=0.01)
    assert one(found, "largest salt body").estimate.value == pytest.approx(100 * 200 / 1600, rel=0.01)
    assert [each.name for each in found] == ["salt share", "largest salt body"]


def test_a_section_in_metres_and_milliseconds_has_an_area_through_the_velocity():
    values = np.zeros((40, 40), np.float32)
    values[10:20, 10:30] = 0.9
    axes = (Axis("along line", "m"), TIME)
    grid = Grid(shape=(40, 40), transform=Affine.translation(0, 1000) @ Affine.scale(12.5, 4), axes=axes)
    area = one(measure(picture(values, grid), {}, BARE, np.random.default_rng(0)), "salt area")
    assert area.estimate.value == pytest.approx(200 * 12.5 * 9, rel=0.02)


def test_an_empty_picture_is_zero_and_a_full_one_is_full():
    empty = measure(picture(np.zeros((20, 20), np.float32)), {}, BARE, np.random.default_rng(0))
    assert empty[0].estimate.value == 0
    assert 0 < empty[0].estimate.interval()[1] < 1
    full = measure(picture(np.ones((20, 20), np.float32)), {}, BARE, np.random.default_rng(0))
    assert full[0].estimate.interval() == (100.0, 100.0)


def test_what_cannot_be_measured_is_refused_in_words():
    rng = np.random.default_rng(0)
    with pytest.raises(NothingToSee, match="drawn"):
        measure(predicted(np.full((3, 3, 3), np.nan, np.float32)), {}, BARE, rng)
    with pytest.raises(NothingToSee, match="picture"):
        measure(picture(np.full((4, 4), np.nan, np.float32)), {}, BARE, rng)
    wrong = {"salt velocity": Assumption(low=4, best=4.5, high=5, unit="knots", source="a sailor")}
    with pytest.raises(WrongUnit, match="knots"):
        measure(predicted(np.ones((3, 3, 3), np.float32), vertical=TIME), wrong, BARE, rng)
    scene = scene_from_array("photo", np.zeros((1, 4, 4), np.float32), Grid(shape=(4, 4)), ("grey",))
    boxes = Detections(
        scene=scene,
        classes=("flame",),
        boxes=np.zeros((0, 4), np.float32),
        scores=np.zeros(0, np.float32),
        labels=np.zeros(0, np.int64),
    )
    with pytest.raises(UsageError, match="boxes"):
        measure(boxes, {}, BARE, rng)


def test_the_numbers_do_not_depend_on_the_slabs_of_the_first_pass():
    rng = np.random.default_rng(5)
    smooth = np.cumsum(rng.normal(size=(14, 9, 11)), axis=2).astype(np.float32)
    found = predicted(1 / (1 + np.exp(-smooth)))
    one_by_one, at_once = survey(found, BARE, slab=1), survey(found, BARE, slab=10**9)
    assert [replace(a, mean_probability=0) for a in one_by_one.bodies.table] == [
        replace(b, mean_probability=0) for b in at_once.bodies.table
    ]
    same = [
        [each.estimate.value for each in measure(found, {}, BARE, np.random.default_rng(1), found=seen)]
        for seen in (one_by_one, at_once)
    ]
    assert same[0] == same[1]


def test_the_same_seed_gives_the_same_draws():
    found = predicted(ball(60, np.full(3, 150.0), (10, 10, 10)))
    first, again = (measure(found, {}, BARE, np.random.default_rng(3)) for _ in range(2))
    for a, b in zip(first, again, strict=True):
        np.testing.assert_array_equal(a.estimate.draws, b.estimate.draws)


def test_the_assumed_velocity_is_the_stated_one():
    velocity = ASSUMPTIONS["salt velocity"]
    assert (velocity.low, velocity.best, velocity.high, velocity.unit) == (4400, 4500, 4600, "m/s")
    assert "4.5 km/s" in velocity.source


def test_a_survey_leaves_tables_and_surfaces_without_counting_again(tmp_path):
    """End to end: the measurements, the table of bodies, the picks and the surface of a ball agree."""
    radius, cell = 110.0, (10.0, 10.0, 10.0)
    probability = ball(radius, np.full(3, 150.0), cell, 31)
    calibration = Calibration(errors={"pick": ModelError(bias=0, spread=0.5, examples=9, source="drawn")})
    seen = survey(predicted(probability, spacing=(10.0, 10.0)), calibration, slab=3000)
    found = measure(seen.prediction, {}, calibration, np.random.default_rng(0), found=seen)
    rows = body_rows(found)
    assert set(rows[0]) <= set(BODIES)
    write_bodies(tmp_path / "a.bodies.csv", rows)
    assert rows[0]["volume_m3"] == pytest.approx(4 / 3 * np.pi * radius**3, rel=0.03)

    thickness = 0.0
    with PickTable(tmp_path / "a.top.csv") as tops, PickTable(tmp_path / "a.base.csv") as bases:
        for first, slab, labels in seen.slabs():
            picked = seen.picks(slab, labels)
            tops.append(**seen.columns(picked, first, "top"))
            bases.append(**seen.columns(picked, first, "base"))
            thickness += float((picked.base - picked.top).sum())
    assert tops.rows == bases.rows == int(probability.any(axis=2).sum())
    assert thickness == pytest.approx(probability.sum())
    inline, crossline, x, *_ = (tmp_path / "a.top.csv").read_text().splitlines()[1].split(",")
    i, j = int(inline) - 1000, (int(crossline) - 300) // 2
    assert float(x) == 600_000 + 20 * i + 7.5 * j

    mesh = seen.mesh(1)
    assert mesh.axes == (("x", "m"), ("y", "m"), ("depth", "m"))
    trace = abs(20 * 10 - 7.5 * -15)  # map area of one trace on the turned grid
    assert mesh.volume == pytest.approx(probability.sum() * trace * 10, rel=0.02)
    with pytest.raises(UsageError, match="no body 2"):
        seen.mesh(2)
