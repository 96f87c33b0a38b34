"""Between two dates every deposit keeps its identity, and a change counts only beyond the error."""

from dataclasses import replace
from datetime import date

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from outcrop.core.errors import UsageError
from outcrop.core.estimate import Estimate
from outcrop.instruments.outline_relations import metres_per_degree
from outcrop.outputs.table import write_table
from outcrop.tasks.tailings.change.matching import CHANGES, WORDS, Change, change, paired_difference
from outcrop.tasks.tailings.deposit import Deposit

LON, LAT = -44.0, -20.0
SCALE = 1 / np.array(metres_per_degree(LAT))


def box(id: str, left: float, bottom: float, right: float, top: float, spread: float = 0.03, **settings) -> Deposit:
    """A rectangle in metres from the scene's middle, whose area is known to a relative ``spread``."""
    ring = np.array([[left, bottom], [right, bottom], [right, top], [left, top], [left, bottom]], float)
    area = (right - left) * (top - bottom)
    draws = np.random.default_rng([int(area) % 997, *id.encode()]).normal(area, spread * area, 5000)
    return Deposit(
        id=id, parts=((ring * SCALE + (LON, LAT), ()),), area=Estimate(draws=draws, unit="m²"),
        centroid=tuple(np.array([left + right, bottom + top]) / 2 * SCALE + (LON, LAT)), **settings,
    )  # fmt: skip


def run(before: list[Deposit], after: list[Deposit], shared: float = 0.5, seed: int = 0, **settings) -> list[Change]:
    return change(before, after, rng=np.random.default_rng(seed), shared_edge=shared, **settings)


def only(found: list[Change]) -> Change:
    assert len(found) == 1
    return found[0]


def test_a_deposit_that_grows_beyond_the_error_has_grown() -> None:
    found = only(run([box("a", 0, 0, 400, 400)], [box("b", 0, 0, 500, 400)]))
    assert (found.id, found.kind, found.before_ids, found.after_ids) == ("a", "grown", ("a",), ("b",))
    assert found.difference.value == pytest.approx(40_000, rel=0.03) and found.significant
    assert found.overlap == pytest.approx(0.8, abs=0.001)
    assert only(run([box("b", 0, 0, 500, 400)], [box("a", 0, 0, 400, 400)])).kind == "shrunk"


def test_a_change_within_the_error_is_none() -> None:
    found = only(run([box("a", 0, 0, 400, 400)], [box("b", 0, 0, 410, 400)]))
    assert (found.kind, found.significant) == ("same", False)
    low, high = found.difference.interval()
    assert low < 0 < high and found.difference.value == pytest.approx(4000, rel=0.1)


def test_a_shared_error_cancels_between_the_dates() -> None:
    pair = [box("a", 0, 0, 400, 400)], [box("b", 0, 0, 416, 400)]
    widths = []
    for shared in (0.0, 0.9, 1.0):
        low, high = only(run(*pair, shared=shared)).difference.interval()
        widths.append(high - low)
    spread = 1.645 * 2 * 0.03 * 160_000
    assert widths[0] == pytest.approx(spread * np.sqrt(1 + 1.04**2), rel=0.05)
    assert widths[1] == pytest.approx(spread * np.sqrt(1 + 1.04**2 - 2 * 0.9 * 1.04), rel=0.08)
    assert widths[2] == pytest.approx(spread * 0.04, rel=0.5)
    assert [only(run(*pair, shared=s)).kind for s in (0.0, 1.0)] == ["same", "grown"]


def test_false_alarms_come_as_often_as_the_interval_says() -> None:
    """Two noisy looks at an unchanged deposit: one in ten intervals of the difference misses 0."""
    rng = np.random.default_rng(3)
    misses = 0
    for _ in range(200):
        looks = [
            replace(box("a", 0, 0, 400, 400), area=Estimate(draws=rng.normal(rng.normal(100, 5), 5, 2000), unit="m²"))
            for _ in range(2)
        ]
        misses += only(change(looks[:1], looks[1:], rng=rng, shared_edge=0.0)).significant
    assert 8 <= misses <= 34


def test_new_gone_merged_split_and_regrouped_are_told_apart() -> None:
    before = [
        box("gone", 0, 0, 300, 300),
        box("left", 2000, 0, 2300, 300), box("right", 2310, 0, 2500, 300),
        box("whole", 4000, 0, 4600, 300),
        box("p", 6000, 0, 6300, 300), box("q", 6310, 0, 6600, 300),
    ]  # fmt: skip
    after = [
        box("fresh", 0, 2000, 300, 2300),
        box("both", 2000, 0, 2500, 300),
        box("one", 4000, 0, 4290, 300), box("two", 4310, 0, 4600, 300),
        box("r", 6000, 0, 6600, 150), box("s", 6000, 160, 6600, 300),
    ]  # fmt: skip
    found = run(before, after)
    assert {(c.kind, c.before_ids, c.after_ids) for c in found} == {
        ("gone", ("gone",), ()),
        ("merged", ("left", "right"), ("both",)),
        ("split", ("whole",), ("one", "two")),
        ("regrouped", ("p", "q"), ("r", "s")),
        ("new", (), ("fresh",)),
    }
    by = {c.kind: c for c in found}
    assert (by["merged"].id, by["split"].id, by["new"].id) == ("left", "whole", "fresh")
    assert by["gone"].difference.value == pytest.approx(-90_000, rel=0.01) and by["gone"].overlap == 0
    assert by["merged"].difference.value == pytest.approx(3000, abs=3000)


def test_neighbours_that_only_touch_stay_apart() -> None:
    before = [box("a", 0, 0, 400, 400), box("b", 420, 0, 800, 400)]
    after = [box("a", 0, 0, 430, 400), box("b", 430, 0, 800, 400)]
    assert [(c.before_ids, c.after_ids) for c in run(before, after)] == [(("a",), ("a",)), (("b",), ("b",))]


def test_the_same_ground_on_another_grid_is_the_same_deposit() -> None:
    """An ellipse cut from pixels of 10 m, and from turned pixels of 15 m: the outlines differ, the deposit does not."""

    def pixels(id: str, size: float, angle: float) -> Deposit:
        turn = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
        steps = np.arange(-600, 600, size) + size / 2
        middles = np.array([(x, y) for x in steps for y in steps]) @ turn
        inside = (middles / (500, 300)) ** 2 @ (1, 1) < 1
        corner = np.array([[-1, -1], [1, -1], [1, 1], [-1, 1], [-1, -1]]) @ turn * size / 2
        parts = tuple(((m + corner) * SCALE + (LON, LAT), ()) for m in middles[inside])
        area = float(inside.sum()) * size**2
        draws = np.random.default_rng(int(size)).normal(area, 0.02 * area, 5000)
        return Deposit(id=id, parts=parts, area=Estimate(draws=draws, unit="m²"), centroid=(LON, LAT))

    found = only(run([pixels("a", 20.0, 0.0)], [pixels("b", 30.0, 0.5)]))
    assert found.kind == "same" and found.overlap > 0.9


def test_what_the_edge_cuts_is_not_compared() -> None:
    seen = [(LON - 1000 * SCALE[0], LAT - 1000 * SCALE[1], LON + 1000 * SCALE[0], LAT + 1000 * SCALE[1])]
    before = [box("cut", 900, 0, 1100, 300), box("out", 3000, 0, 3300, 300), box("in", -300, 0, 0, 300)]
    after = [box("cut", 900, 0, 1300, 300), box("frame", -900, 0, -600, 300, touches_edge=True)]
    found = {c.id: c for c in run(before, after, common=seen)}
    assert {id: c.kind for id, c in found.items()} == {
        "cut": "not comparable", "out": "not comparable", "in": "gone", "frame": "not comparable",
    }  # fmt: skip
    assert not any(c.significant for c in found.values() if c.kind == "not comparable")
    assert {c.id: c.kind for c in run(before, after)}["cut"] == "grown"


def test_clear_looks_and_dates_stand_beside_the_change(tmp_path) -> None:
    old = box("a", 0, 0, 400, 400, date=date(2021, 7, 1), attributes={"clear_looks": 3})
    new = box("b", 0, 0, 500, 400, date=date(2023, 7, 1))
    found = only(run([old], [new], clear_looks=(12, 9)))
    assert found.clear_looks == (3, 9) and found.dates == (date(2021, 7, 1), date(2023, 7, 1))
    text = write_table(tmp_path / "change.csv", CHANGES, [found.row()]).read_text()
    assert "a,grown,a,b,2021-07-01,2023-07-01" in text and ",true," in text and set(WORDS) >= {found.kind}


def test_nothing_before_and_nothing_after_give_nothing() -> None:
    assert run([], []) == []
    assert [c.kind for c in run([box("a", 0, 0, 9, 9)], [])] == ["gone"]
    assert [c.kind for c in run([], [box("a", 0, 0, 9, 9)])] == ["new"]


def test_repeated_ids_and_numbers_out_of_range_are_refused() -> None:
    with pytest.raises(UsageError, match="'a' stands twice among the deposits after"):
        run([], [box("a", 0, 0, 9, 9), box("a", 20, 0, 29, 9)])
    with pytest.raises(UsageError, match="shared_edge 1.2 must lie within 0 and 1"):
        run([], [], shared=1.2)


@given(st.lists(st.tuples(st.integers(0, 30), st.integers(0, 30), st.integers(2, 12)), max_size=12), st.integers(0, 99))
def test_every_deposit_is_in_exactly_one_change_and_time_can_be_turned(boxes, seed) -> None:
    every = [box(f"d{i}", 50 * x, 50 * y, 50 * (x + s), 50 * (y + s)) for i, (x, y, s) in enumerate(boxes)]
    before, after = every[: len(every) // 2], every[len(every) // 2 :]
    found = run(before, after, seed=seed)
    assert sorted(id for c in found for id in c.before_ids) == sorted(d.id for d in before)
    assert sorted(id for c in found for id in c.after_ids) == sorted(d.id for d in after)
    back = {(c.after_ids, c.before_ids): c for c in run(after, before, seed=seed)}
    turned = {"new": "gone", "gone": "new", "merged": "split", "split": "merged", "regrouped": "regrouped"}
    for c in found:
        other = back[c.before_ids, c.after_ids]
        assert other.overlap == pytest.approx(c.overlap)
        assert other.kind == turned.get(c.kind, other.kind)


@given(st.floats(0, 1))
def test_pairing_keeps_each_date_as_it_was(shared) -> None:
    rng = np.random.default_rng(1)
    one, two = (Estimate(draws=rng.gamma(4, 1000, 10_000), unit="m²") for _ in range(2))
    draws = paired_difference([one], [two], shared, rng)
    assert draws.mean() == pytest.approx(one.draws.mean() - two.draws.mean(), abs=1e-6)
    free = np.sqrt(one.draws.var() + two.draws.var())
    assert draws.std() <= free * 1.03
