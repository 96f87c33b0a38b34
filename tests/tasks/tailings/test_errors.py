"""The model's own error by the size of a deposit."""

import numpy as np
import pytest

from outcrop.core.task import Calibration
from outcrop.tasks.tailings.errors import PIXEL, deposit_ratios, size_table
from outcrop.tasks.tailings.measure import REAL_TABLE, SIZE_TABLE, factors, false_share


def mask(*boxes: tuple[int, int, int, int]) -> np.ndarray:  # type: ignore[type-arg]
    """A mask of 60 x 60 with boxes of (row, col, height, width)."""
    found = np.zeros((60, 60), np.uint8)
    for row, col, height, width in boxes:
        found[row : row + height, col : col + width] = 1
    return found


def test_a_deposit_seen_half_as_large_stands_for_twice_its_area() -> None:
    size, ratio = deposit_ratios(mask((10, 10, 10, 10)), mask((10, 10, 10, 20)))
    assert size.tolist() == [100] and ratio.tolist() == [2.0]


def test_a_deposit_that_is_none_stands_for_nothing() -> None:
    size, ratio = deposit_ratios(mask((0, 0, 4, 4), (30, 30, 5, 5)), mask((30, 30, 5, 5)))
    assert size.tolist() == [16, 25] and ratio.tolist() == [0.0, 1.0]


def test_a_deposit_seen_in_pieces_is_shared_out_and_counted_once() -> None:
    seen, truth = mask((10, 10, 10, 4), (10, 16, 10, 12)), mask((10, 10, 10, 20))
    size, ratio = deposit_ratios(seen, truth)
    assert (size * ratio).sum() == pytest.approx(200)
    assert ratio[0] * size[0] == pytest.approx(200 * 40 / (40 + 120))


def test_two_deposits_seen_as_one_stand_for_both() -> None:
    size, ratio = deposit_ratios(mask((10, 10, 10, 30)), mask((10, 10, 10, 10), (10, 30, 10, 10)))
    assert size[0] * ratio[0] == pytest.approx(200)


def test_pixels_that_do_not_count_are_not_measured() -> None:
    truth = mask((10, 10, 10, 10))
    truth[30:] = 255
    size, _ = deposit_ratios(mask((10, 10, 10, 10), (40, 40, 9, 9)), truth)
    assert size.tolist() == [100]


def test_the_table_holds_nine_in_ten_of_deposits_it_never_saw() -> None:
    rng = np.random.default_rng(0)

    def pictures(count: int) -> tuple[list[np.ndarray], list[np.ndarray]]:  # type: ignore[type-arg]
        sides = rng.integers(4, 30, count)
        grown = np.clip(sides + rng.integers(-2, 4, count), 1, 40)
        return [mask((5, 5, s, s)) for s in sides], [mask((5, 5, g, g)) for g in grown]

    table = size_table(*pictures(400), "drawn")[SIZE_TABLE]
    held = []
    for seen, truth in zip(*pictures(400), strict=True):
        size, ratio = deposit_ratios(seen, truth)
        low, high = factors(table, float(size[0]) * PIXEL, np.array([0.05, 0.95]))
        held.append(low <= ratio[0] <= high)
    assert 0.86 <= np.mean(held) <= 0.97
    assert Calibration(errors={SIZE_TABLE: table}).errors[SIZE_TABLE].examples == 400


def test_false_deposits_count_in_the_total_and_not_in_a_deposit_by_itself() -> None:
    seen = [mask((5, 5, 10, 10), (30, 30, 10, 10))] * 30
    tables = size_table(seen, [mask((5, 5, 10, 10))] * 30, "drawn")
    assert false_share(tables[SIZE_TABLE], 100 * PIXEL) == pytest.approx(0.5, abs=0.05)
    assert factors(tables[REAL_TABLE], 100 * PIXEL, np.array([0.1, 0.9])).tolist() == [1.0, 1.0]


def test_nothing_measured_teaches_nothing() -> None:
    assert size_table([mask()], [mask((1, 1, 5, 5))], "drawn") == {}
