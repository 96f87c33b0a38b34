"""Sites and months: drawn flows are found again, dark nights count, and points hang together as they should."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from outcrop.core.errors import NothingToSee, UsageError
from outcrop.core.estimate import Assumption
from outcrop.core.table import Table
from outcrop.tasks.flares.space.clusters import cluster, earth_centred, grouped
from outcrop.tasks.flares.space.drawn import draw_nightfire
from outcrop.tasks.flares.space.heat import EXPONENT, SITE_ERROR, SLOPE
from outcrop.tasks.flares.space.nightfire import DARK, read_nightfire
from outcrop.tasks.flares.space.nights import evening
from outcrop.tasks.flares.space.sites import measure_sites

EXACT = {
    SLOPE: Assumption(low=0.029353, best=0.029353, high=0.029353, unit="BCM/year per MW", source="drawn"),
    SITE_ERROR: Assumption(low=0, best=0, high=0, unit="ln", source="drawn"),
    EXPONENT: Assumption(low=0.7, best=0.7, high=0.7, unit="1", source="drawn"),
}


def found_and_true(seed: int, **settings):
    drawn = draw_nightfire(np.random.default_rng(seed), **settings)
    found = measure_sites(read_nightfire(drawn.table), np.random.default_rng(0), assumptions=EXACT)
    pairs = [(min(drawn.sites, key=lambda t: abs(t.latitude - s.latitude) + abs(t.longitude - s.longitude)), s) for s in found.sites]  # fmt: skip
    return drawn, found, pairs


def night(
    day: int, kelvin: float = 1800.0, area: float = 5.0, *, cloud: float = 0.0, hour: str = "08:30", lon: float = -103.0
):
    return {"Lat_GMTCO": 31.0, "Lon_GMTCO": lon, "Date_Mscan": f"2020/01/{day:02d} {hour}:00", "Temp_BB": kelvin, "Area_BB": area, "Cloud_Mask": cloud, "QF_Detect": 0.0 if kelvin > 9e5 else 79.0}  # fmt: skip


def measured(*rows):
    columns = {n: np.array([r[n] for r in rows], object if isinstance(rows[0][n], str) else float) for n in rows[0]}
    return measure_sites(read_nightfire(Table(id="t", columns=columns)), np.random.default_rng(0), assumptions=EXACT)


def test_a_steady_flare_has_the_flow_of_its_heat() -> None:
    found = measured(*(night(day) for day in range(1, 11)))
    assert found.sites[0].volume.value == pytest.approx(147.7, rel=1e-3) and found.total.value == pytest.approx(
        147.7, rel=1e-3
    )
    assert found.sites[0].temperature == 1800 and found.sites[0].detections == 10


def test_dark_clear_nights_count_as_zero_and_cloudy_ones_do_not() -> None:
    lit, dark, cloudy = (
        [night(d) for d in (1, 2)],
        [night(3, 999999.0, 999999.0)] * 1,
        [night(4, 999999.0, 999999.0, cloud=3.0)],
    )
    site = measured(*lit, *dark, *cloudy).sites[0]
    assert (site.lit, site.clear, site.cloudy) == (2, 3, 1) and site.share == pytest.approx(2 / 3)
    assert site.volume.value == pytest.approx(147.7 * 2 / 3, rel=0.35) and not site.upper_bound
    assert (site.first, site.last) == ("2019-12-31", "2020-01-01")


def test_a_flame_seen_through_cloud_makes_no_volume() -> None:
    site = measured(*(night(d) for d in range(1, 9)), night(9, 1800.0, 0.5, cloud=2.0)).sites[0]
    assert site.volume.value == pytest.approx(147.7, rel=1e-3) and site.detections == 9 and site.cloudy == 1


def test_heats_of_one_overpass_add_up_and_overpasses_of_one_night_are_averaged() -> None:
    twice = measured(*(night(d, lon=-103.0 + x) for d in range(1, 9) for x in (0.0, 0.002)))
    assert twice.sites[0].volume.value == pytest.approx(2 * 147.7, rel=1e-3)
    orbits = measured(*(night(d, hour=h) for d in range(1, 9) for h in ("07:40", "08:30")))
    assert orbits.sites[0].volume.value == pytest.approx(147.7, rel=1e-3) and orbits.sites[0].clear == 8


def test_without_dark_rows_volumes_are_called_upper_bounds() -> None:
    _, found, pairs = found_and_true(1, dark_rows=False)
    assert all(site.upper_bound and np.isnan(site.share) for site in found.sites)
    assert any("upper bound" in note for note in found.notes)
    assert all(site.volume.value > true.clear_flow * 0.93 for true, site in pairs)


def test_drawn_flows_are_found_again() -> None:
    inside = total = 0
    for seed in range(6):
        _, found, pairs = found_and_true(seed, sites=4, nights=90)
        assert len(found.sites) == 4
        for true, site in pairs:
            assert site.volume.value == pytest.approx(true.clear_flow, rel=0.08)
            assert site.share == pytest.approx(true.lit_share, abs=0.12)
            low, high = site.volume.interval()
            inside, total = inside + (low <= true.flow <= high), total + 1
            for month in site.months:
                assert month.value == pytest.approx(true.months[month.month], rel=0.25)
    assert inside / total >= 0.75


def test_the_interval_is_wider_with_the_real_assumptions() -> None:
    rows = read_nightfire(draw_nightfire(np.random.default_rng(0), sites=2, nights=60).table)
    exact = measure_sites(rows, np.random.default_rng(0), assumptions=EXACT).total.interval()
    usual = measure_sites(rows, np.random.default_rng(0)).total.interval()
    assert usual[1] / usual[0] > 1.5 > exact[1] / exact[0]


def test_the_errors_of_many_sites_do_not_raise_their_total() -> None:
    drawn = draw_nightfire(np.random.default_rng(0), sites=30, nights=20)
    found = measure_sites(read_nightfire(drawn.table), np.random.default_rng(0))
    true = sum(site.clear_flow for site in drawn.sites)
    assert found.total.value == pytest.approx(true, rel=0.05)
    assert sum(site.volume.value for site in found.sites) == pytest.approx(true, rel=0.05)


def test_few_nights_leave_a_wide_interval() -> None:
    one = measured(night(1)).sites[0]
    assert one.volume.interval()[1] / one.volume.interval()[0] > 4
    assert any("say little" in note for note in measured(night(1)).notes)


def test_points_for_a_map_are_geojson_with_plain_numbers() -> None:
    import json

    _, found, _ = found_and_true(2, sites=2, nights=20)
    features = json.loads(json.dumps(found.points(), allow_nan=False))
    assert features[0]["geometry"]["coordinates"][0] < -100 and features[0]["properties"]["volume"] > 0


def test_sites_need_a_flame_on_a_clear_night_and_a_radius() -> None:
    rows = read_nightfire(draw_nightfire(np.random.default_rng(0), sites=1, nights=5).table)
    with pytest.raises(NothingToSee, match="clear night"):
        measure_sites(replace(rows, clear=np.zeros(len(rows), bool)), np.random.default_rng(0))
    with pytest.raises(NothingToSee, match="clear night"):
        measure_sites(replace(rows, kind=np.full(len(rows), DARK, np.int8)), np.random.default_rng(0))
    with pytest.raises(UsageError, match="radius"):
        measure_sites(rows, np.random.default_rng(0), radius=0)


def test_an_evening_belongs_to_both_sides_of_midnight() -> None:
    times = np.array(["2020-01-02T21:00", "2020-01-03T02:00"], "datetime64[s]")
    assert evening(times, np.array([45.0, 45.0])).astype(str).tolist() == ["2020-01-02"] * 2
    assert str(evening(np.array(["2020-01-03T08:30"], "datetime64[s]"), np.array([-103.0]))[0]) == "2020-01-02"


def test_positions_become_metres() -> None:
    points = earth_centred(np.array([0, 0, 60.0, 60.0]), np.array([0, 0.001, 10.0, 10.001]))
    assert np.linalg.norm(points[1] - points[0]) == pytest.approx(111.3195, rel=1e-5)
    assert np.linalg.norm(points[3] - points[2]) == pytest.approx(55.8002, rel=1e-4)


def test_a_chain_hangs_together_and_the_date_line_does_not_cut() -> None:
    step = 500 / 111_319.5
    lon = np.array([180 - step, 180.0, -180 + step, -180 + 5 * step])
    assert cluster(np.zeros(4), lon, 501).tolist() == [0, 0, 0, 1]
    assert cluster(np.zeros(4), lon, 499).tolist() == [0, 1, 2, 3]


@given(st.integers(1, 60), st.integers(1, 3), st.floats(0.02, 0.6), st.integers(0, 10_000))
def test_groups_are_those_of_single_linkage(count, dimensions, radius, seed) -> None:
    points = np.random.default_rng(seed).random((count, dimensions))
    near = np.linalg.norm(points[:, None] - points[None], axis=2) <= radius
    group = np.arange(count)
    for _ in range(count):
        group = np.array([group[row].min() for row in near])
    found = grouped(points, radius)
    assert len(set(zip(group, found, strict=True))) == len(set(group)) == len(set(found))


def test_a_dense_place_needs_little_memory() -> None:
    import tracemalloc

    rng = np.random.default_rng(0)
    lat, lon = 31 + rng.normal(0, 0.001, 20_000), -103 + rng.normal(0, 0.001, 20_000)
    tracemalloc.start()
    assert cluster(lat, lon, 750).max() == 0
    assert tracemalloc.get_traced_memory()[1] < 30e6
    tracemalloc.stop()
