"""The audit joins deposits and registered points by distance, keeps every candidate, and averages no slip."""

from datetime import date
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from outcrop.core.errors import NoGeometry, UsageError
from outcrop.core.estimate import Estimate
from outcrop.instruments.outline_relations import metres_per_degree
from outcrop.outputs.table import write_table
from outcrop.tasks.tailings.audit.matching import Audit, audit
from outcrop.tasks.tailings.audit.registry import Entry, Registry, read_registry
from outcrop.tasks.tailings.audit.rows import DEPOSITS, POINTS, WORDS, deposit_rows, point_rows
from outcrop.tasks.tailings.deposit import Deposit, distances, observed

LON, LAT = -44.0, -20.0
EAST, NORTH = (1 / v for v in metres_per_degree(LAT))
"""Degrees of one metre at the scene's middle."""
SCENE = [(LON - 0.1, LAT - 0.1, LON + 0.1, LAT + 0.1)]


def square(id: str, x: float, y: float, side: float = 400.0, spread: float = 0.05, **settings) -> Deposit:
    """A square ``side`` m wide whose middle lies x m east and y m north of the scene's middle."""
    middle = np.array([LON + x * EAST, LAT + y * NORTH])
    corners = np.array([[-1, -1], [1, -1], [1, 1], [-1, 1], [-1, -1]]) * side / 2 * (EAST, NORTH)
    draws = np.random.default_rng(0).normal(side**2, spread * side**2, 4000)
    return Deposit(
        id=id,
        parts=((middle + corners, ()),),
        area=Estimate(draws=draws, unit="m²"),
        centroid=tuple(middle),
        **settings,
    )


def point(id: str, x: float, y: float, area: float | None = None, **settings) -> Entry:
    return Entry(id=id, lon=LON + x * EAST, lat=LAT + y * NORTH, row=2, declared_area=area, **settings)


def register(*entries: Entry) -> Registry:
    return Registry(name="register.csv", entries=entries, notes=("read as is.",))


def run(deposits: list[Deposit], *entries: Entry, **settings) -> Audit:
    return audit(deposits, register(*entries), extent=SCENE, **settings)


def test_each_deposit_and_each_point_lands_in_one_list() -> None:
    found = run(
        [square("A", 0, 0), square("B", 3000, 0), square("C", 0, 5000)],
        point("on A", 50, 50, 80_000),
        point("near B", 3000 + 200 + 900, 0),
        point("far", -5000, -5000),
        point("elsewhere", 50_000, 0),
    )
    assert [f.kind for f in found.findings] == ["matched", "between", "unregistered"]
    assert [(p.entry.id, p.kind) for p in found.points] == [
        ("on A", "matched"),
        ("near B", "unmatched"),
        ("far", "unmatched"),
    ]
    assert found.outside == 1 and found.notes == ("read as is.",)
    assert found.findings[1].nearest.distance == pytest.approx(900, rel=0.001)
    total = found.summary()
    assert total["deposits"] == 3 == sum(total[f"deposits_{k}"] for k in ("matched", "between", "unregistered"))
    assert total["points"] == 3 == sum(total[f"points_{k}"] for k in ("matched", "between", "unmatched"))


def test_the_ratio_carries_the_interval_of_the_measured_area() -> None:
    finding = run([square("A", 0, 0, 400, spread=0.1)], point("dam", 0, 0, 80_000)).findings[0]
    low, high = finding.ratio.interval()
    assert finding.ratio.value == pytest.approx(2.0, rel=0.02)
    assert (high - low) / 2 == pytest.approx(2.0 * 0.1 * 1.645, rel=0.08)
    assert finding.ratio.unit == "1"


def test_all_candidates_are_kept_and_the_nearest_declared_one_gives_the_ratio() -> None:
    finding = run(
        [square("A", 0, 0, 400)],
        point("far", 420, 0, 10_000),
        point("nearest", 210, 0),
        point("declared", 0, 300, 160_000, moved=5000.0),
        point("too far", 0, 600, 160_000),
    ).findings[0]
    assert [c.entry.id for c in finding.candidates] == ["nearest", "declared", "far"]
    assert [c.distance for c in finding.candidates] == pytest.approx([10, 100, 220], rel=0.001)
    assert finding.declared.entry.id == "declared" and finding.ratio.value == pytest.approx(1.0, rel=0.01)
    assert set(finding.flags) == {"several registered points in reach", "registered position moved"}


@pytest.mark.parametrize("slip", [1e-4, 1e4, 795e6 / 160e3])
def test_a_unit_slip_is_flagged_and_never_averaged(slip) -> None:
    deposits = [square(str(i), 2000 * i, 0) for i in range(4)]
    entries = [point(str(i), 2000 * i, 0, 160_000 * factor) for i, factor in enumerate((1.0, 0.8, 1.25, slip))]
    found = run(deposits, *entries)
    assert [any("unit slip" in flag for flag in f.flags) for f in found.findings] == [False, False, False, True]
    total = found.summary()
    assert total["compared"] == 4 and total["unit_slips"] == 1
    assert total["ratio_median"] == pytest.approx(1.0, rel=0.01)
    assert total["ratio_p90"] < 1.3 and total["ratio_p10"] > 0.75


def test_statistics_of_ratios_are_those_of_the_pairs() -> None:
    sides, factors = np.array([100, 200, 400, 800, 1600]), np.array([0.5, 0.8, 1.0, 1.25, 2.0])
    deposits = [square(str(i), 3000 * i - 6000, 0, side, spread=0) for i, side in enumerate(sides)]
    entries = [
        point(str(i), 3000 * i - 6000, 0, side**2 / f) for i, (side, f) in enumerate(zip(sides, factors, strict=True))
    ]
    total = run(deposits, *entries).summary()
    assert total["ratio_median"] == pytest.approx(1.0)
    assert (total["ratio_q25"], total["ratio_q75"]) == pytest.approx((0.8, 1.25))
    expected = np.corrcoef(np.log(sides**2.0), np.log(sides**2 / factors))[0, 1]
    assert total["log_correlation"] == pytest.approx(expected)


def test_a_point_of_two_deposits_and_a_cut_deposit_are_flagged() -> None:
    found = run([square("A", 0, 0, touches_edge=True), square("B", 500, 0)], point("dam", 250, 0, 160_000))
    assert all("point in reach of several deposits" in f.flags for f in found.findings)
    assert ["goes on outside the observed area: a lower bound" in f.flags for f in found.findings] == [True, False]
    assert found.summary()["lower_bounds"] == 1


def test_an_empty_register_and_an_empty_scene_are_said_plainly() -> None:
    assert [f.kind for f in run([square("A", 0, 0)]).findings] == ["unregistered"]
    found = run([], point("dam", 0, 0, 5000))
    assert [(p.kind, p.deposit) for p in found.points] == [("unmatched", None)]
    assert found.summary()["ratio_median"] is None
    assert point_rows(found)[0]["finding"] == "registered point without a visible deposit (candidate)"


def test_distances_in_the_wrong_order_are_refused() -> None:
    with pytest.raises(UsageError, match="reach of 600 m"):
        run([square("A", 0, 0)], point("dam", 0, 0), reach=600)


def test_a_register_that_fits_only_when_exchanged_is_refused() -> None:
    swapped = [Entry(id=str(i), lon=LAT, lat=LON + i / 100, row=2) for i in range(3)]
    with pytest.raises(NoGeometry, match="none of the 3 points of register.csv .* 3 would if longitude and latitude"):
        run([square("A", 0, 0)], *swapped)


def test_distances_are_those_of_the_ellipsoid() -> None:
    geod = pytest.importorskip("pyproj").Geod(ellps="WGS84")
    for latitude in (0.0, -20.0, 45.0, -60.0):
        tiny = np.array([[10, 0], [10 + 1e-9, 0], [10, 1e-9]]) + [0, latitude]
        deposit = Deposit(
            id="A", parts=((tiny, ()),), area=Estimate(draws=np.ones(2), unit="m²"), centroid=(10.0, latitude)
        )
        for length, error in ((2000, 0.0005), (20_000, 0.004)):
            lon, lat, _ = geod.fwd([10.0] * 8, [latitude] * 8, np.arange(0, 360, 45), [length] * 8)
            assert distances(deposit, np.array(lon), np.array(lat)) == pytest.approx(length, rel=error)


def test_a_hole_is_outside_and_the_date_line_tears_nothing_apart() -> None:
    ring = np.array([[179.99, -1], [180.01, -1], [180.01, -0.98], [179.99, -0.98], [179.99, -1]])
    hole = np.array([[179.995, -0.995], [180.005, -0.995], [180.005, -0.985], [179.995, -0.985]])
    deposit = Deposit(
        id="A", parts=((ring, (hole,)),), area=Estimate(draws=np.ones(2), unit="m²"), centroid=(180.0, -0.99)
    )
    found = distances(deposit, np.array([-179.999, -179.992, 179.992]), np.array([-0.99, -0.99, -0.99]))
    assert found[0] == pytest.approx(0.004 * 111_319, rel=0.01)
    assert found[1:].tolist() == [0, 0]
    assert observed([(179.0, -2.0, -179.0, 0.0)], np.array([-179.5, 179.5, 0.0]), np.full(3, -1.0)).tolist() == [
        True,
        True,
        False,
    ]
    assert observed([(-180.0, -90.0, 180.0, 90.0)], np.array([-179.5, 0.0, 179.5]), np.zeros(3)).all()
    assert observed([(ring, (hole,))], np.array([-179.999, -179.992]), np.full(2, -0.99)).tolist() == [False, True]


@given(st.floats(-8000, 8000), st.floats(-8000, 8000))
def test_a_point_is_as_far_as_the_square_says(x, y) -> None:
    entry = point("dam", x, y)
    expected = np.hypot(max(abs(x) - 200, 0), max(abs(y) - 200, 0))
    assert distances(square("A", 0, 0), np.array([entry.lon]), np.array([entry.lat]))[0] == pytest.approx(
        expected, abs=0.01
    )


def test_tables_have_the_agreed_columns_and_no_verdict(tmp_path: Path) -> None:
    found = run([square("A", 0, 0), square("B", 4000, 0)], point("dam", 0, 0, 80_000), point("lost", -4000, 0))
    text = write_table(tmp_path / "a.csv", DEPOSITS, deposit_rows(found)).read_text()
    text += write_table(tmp_path / "b.csv", POINTS, point_rows(found)).read_text()
    assert "deposit without registration (candidate)" in text and "dam at 0 m" in text
    assert all(word in text for word in (WORDS["matched"], WORDS["unmatched"]))
    assert not any(word in text.lower() for word in ("illegal", "unsafe", "violation"))


def labelled(data: Path, kind: str) -> tuple[list[Deposit], list[tuple[float, float, float, float]]]:
    """One deposit for each labelled picture, with the pictures' boxes."""
    rasterio, features = pytest.importorskip("rasterio"), pytest.importorskip("rasterio.features")
    geod = pytest.importorskip("pyproj").Geod(ellps="WGS84")
    folder = data / "tailings" / "train" / f"masks_{kind}"
    if not folder.is_dir():
        pytest.skip(f"needs the labelled tailings pictures in {folder}")
    found, boxes = [], []
    for path in sorted(folder.glob("*.tif")):
        with rasterio.open(path) as source:
            mask = source.read(1)
            boxes.append(tuple(source.bounds))
            cut = features.shapes(mask, mask=mask > 0, connectivity=8, transform=source.transform)
            polygons = [shape["coordinates"] for shape, _ in cut]
        parts = tuple((np.array(p[0]), tuple(np.array(hole) for hole in p[1:])) for p in polygons)
        sizes = [
            abs(geod.polygon_area_perimeter(*ring.T)[0]) * sign
            for e, h in parts
            for ring, sign in ((e, 1), *((r, -1) for r in h))
        ]
        corners = np.concatenate([exterior for exterior, _ in parts])
        middle = (corners.min(axis=0) + corners.max(axis=0)) / 2
        area = Estimate(draws=np.full(10, sum(sizes)), unit="m²")
        found.append(Deposit(id=path.stem, parts=parts, area=area, centroid=(float(middle[0]), float(middle[1]))))
    return found, boxes


def test_the_labelled_deposits_lie_where_the_brazilian_registers_say(data) -> None:
    deposits, boxes = labelled(data, "seed")
    dams = read_registry(data / "registry" / "sigbm_monthly_2022-05_2025-10.csv.gz", "sigbm", when=date(2021, 7, 1))
    found = audit(deposits, dams, extent=boxes)
    near = np.array([finding.nearest.distance for finding in found.findings])
    assert len(deposits) == 89 and len(found.points) == 130
    assert abs((near <= 250).sum() - 61) <= 1  # one lies at 250.8 m
    assert ((near <= 1000).sum(), (near > 2000).sum()) == (67, 17)
    assert len(found.unmatched_points) == 38
    declared = read_registry(data / "registry" / "mg_reservoir_area_2023-10.csv", "mg-area")
    total = audit(deposits, declared, extent=boxes).summary()
    assert total["compared"] == 35 and total["unit_slips"] == 1
    assert total["ratio_median"] == pytest.approx(1.07, abs=0.02)
    assert (total["ratio_q25"], total["ratio_q75"]) == pytest.approx((0.77, 1.23), abs=0.03)
