"""Areas with intervals: of every deposit, and of all together."""

import numpy as np
import pytest

from outcrop.core.errors import UsageError
from outcrop.core.grid import Grid
from outcrop.core.scene import Detections, scene_from_array
from outcrop.core.task import Calibration, ErrorTable, Measurement
from outcrop.tasks.tailings.measure import SIZE_TABLE, interval, measure

from .test_survey import seen, squares, utm


def by_name(found: list[Measurement]) -> dict[str, list[Measurement]]:
    """Measurements by their name."""
    names = {m.name for m in found}
    return {name: [m for m in found if m.name == name] for name in names}


def table(low: float, middle: float, high: float) -> Calibration:
    """A model whose deposits of any size are in truth this part of what it measures, at levels 0, 1/2 and 1."""
    error = ErrorTable(measured=(-3.0, 5.0), truth=((low, middle, high),) * 2, examples=100, source="test")
    return Calibration(errors={SIZE_TABLE: error})


def test_areas_are_those_of_the_ground_in_hectares() -> None:
    found, _ = measure(seen(squares(), utm(60, 50)), {}, table(1, 1, 1), np.random.default_rng(0))
    total = by_name(found)["tailings area"][0]
    assert total.estimate.value == pytest.approx(6.18 / 0.9996**2, rel=1e-4) and total.estimate.unit == "ha"
    assert total.about["deposits"] == 3
    assert by_name(found)["tailings share"][0].estimate.value == pytest.approx(618 / 30)


def test_a_model_that_sees_too_little_is_corrected_and_its_doubt_shown() -> None:
    found, survey = measure(seen(squares(), utm(60, 50)), {}, table(0.8, 1.25, 2.0), np.random.default_rng(0))
    first = by_name(found)["deposit area"][0].estimate
    assert first.value == pytest.approx(1.25 * 6.0 / 0.9996**2, rel=0.02)
    assert first.interval()[0] == pytest.approx(0.845 * 6.005, rel=0.02)
    low, high = interval(survey, table(0.8, 1.25, 2.0))
    assert low[0] / 1e4 == pytest.approx(first.interval()[0], rel=0.02)
    assert high[0] / 1e4 == pytest.approx(first.interval()[1], rel=0.02)


def test_many_deposits_together_are_surer_than_each_but_not_as_if_they_were_strangers() -> None:
    values = np.zeros((200, 200), np.float32)
    for row in range(0, 200, 20):
        for col in range(0, 200, 20):
            values[row + 4 : row + 14, col + 4 : col + 14] = 1.0
    found, _ = measure(seen(values, utm(200, 200)), {}, table(0.5, 1.0, 1.5), np.random.default_rng(0))
    names = by_name(found)

    def width(m: Measurement) -> float:
        low, high = m.estimate.interval()
        return (high - low) / m.estimate.value

    one, all_of_them = width(names["deposit area"][0]), width(names["tailings area"][0])
    assert one / 10 < one * 0.4 < all_of_them < one * 0.7


def test_without_a_table_the_outline_alone_makes_the_interval_and_a_note_says_so() -> None:
    found, survey = measure(seen(squares(), utm(60, 50)), {}, Calibration(), np.random.default_rng(0))
    first = by_name(found)["deposit area"][0].estimate
    low, high = first.interval()
    assert high - low == pytest.approx(1.8 * survey.reach[0] / 1e4, rel=0.02)
    assert "never measured" in found[0].about["note"]


def test_without_a_projection_only_the_share_is_told() -> None:
    found, _ = measure(seen(squares(), Grid(shape=(60, 50))), {}, Calibration(), np.random.default_rng(0))
    assert [m.name for m in found] == ["tailings share"]
    assert found[0].estimate.value == pytest.approx(618 / 30, rel=0.01) and "No area" in found[0].about["note"]


def test_a_scene_without_deposits_measures_zero() -> None:
    found, _ = measure(seen(np.zeros((20, 20), np.float32), utm(20, 20)), {}, Calibration(), np.random.default_rng(0))
    assert [(m.name, m.estimate.value) for m in found] == [("tailings area", 0.0), ("tailings share", 0.0)]


def test_boxes_are_refused() -> None:
    scene = scene_from_array("s", np.zeros((3, 4, 4), np.float32), utm(4, 4), ("red", "green", "blue"))
    boxes = Detections(
        scene=scene, classes=("tailings",), boxes=np.zeros((0, 4), np.float32), scores=np.zeros(0, np.float32), labels=np.zeros(0, np.int64)
    )  # fmt: skip
    with pytest.raises(UsageError, match="probability map"):
        measure(boxes, {}, Calibration(), np.random.default_rng(0))
