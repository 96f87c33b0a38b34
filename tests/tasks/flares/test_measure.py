"""Photos with true outlines → what is measured: sizes, gas, smoke; and what a run leaves."""

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from outcrop.core.calibration import Calibration
from outcrop.core.errors import UsageError
from outcrop.core.estimate import Assumption
from outcrop.core.grid import Grid
from outcrop.core.scene import Detections, scene_from_array
from outcrop.core.task import Measurement
from outcrop.tasks import load
from outcrop.tasks.flares.drawn.photo import draw_photo
from outcrop.tasks.flares.drawn.thing import DrawnPhoto
from outcrop.tasks.flares.measure import measure_photo
from outcrop.tasks.flares.options import read_options

ROOM = load("flares")


def truly_seen(photo: DrawnPhoto) -> Detections:
    """A drawn photo as a faultless detector would see it."""
    scene = scene_from_array("drawn", photo.values, Grid(shape=photo.mask.shape), ROOM.bands)
    boxes = np.array(photo.boxes, np.float32).reshape(-1, 4)
    return Detections(
        scene=scene, classes=ROOM.classes, boxes=boxes, scores=np.full(len(boxes), 0.9, np.float32),
        labels=np.array(photo.labels, np.int64), outlines=tuple(thing.outline for thing in photo.things),
    )  # fmt: skip


def scaled(scale: float) -> dict[str, Assumption]:
    known = Assumption(low=scale, best=scale, high=scale, unit="m/px", source="drawn")
    return {**ROOM.assumptions, "scale": known}


def measured(photo: DrawnPhoto, *, scale: bool = True, **settings: str) -> list[Measurement]:
    given = scaled(photo.scale) if scale else dict(ROOM.assumptions)
    return measure_photo(truly_seen(photo), given, read_options(settings), Calibration(), np.random.default_rng(0))[0]


def only(found: list[Measurement], name: str) -> Measurement:
    return next(m for m in found if m.name == name)


@pytest.fixture(scope="module")
def flame() -> DrawnPhoto:
    return draw_photo(np.random.default_rng(2), shape=(256, 256), kind="flame", light="day")


def test_the_length_and_area_of_a_drawn_flame_are_measured(flame: DrawnPhoto) -> None:
    found = measured(flame)
    area = only(found, "flame area").estimate
    assert area.unit == "m²"
    assert area.value == pytest.approx(flame.truth["flame_area"], rel=0.05)
    # The length seen is the true one, foreshortened by the view angle and straight from end to end.
    seen = flame.truth["flame_length"] * np.cos(np.radians(flame.truth["view_angle"]))
    assert only(found, "flame length").estimate.value == pytest.approx(seen, rel=0.15)


def test_the_interval_of_the_gas_flow_holds_the_truth_of_most_drawn_flames() -> None:
    held = []
    for seed in range(12):
        photo = draw_photo(np.random.default_rng(100 + seed), shape=(192, 192), kind="flame", light="day")
        low, high = only(measured(photo), "flared gas").estimate.interval()
        held.append(low <= photo.truth["flared_gas"] <= high)
    assert 9 <= sum(held) <= 12


def test_without_a_scale_sizes_are_in_pixels_and_no_gas_is_said(flame: DrawnPhoto) -> None:
    found = measured(flame, scale=False)
    assert only(found, "flame length").estimate.unit == "px"
    assert not {"flared gas", "CO2"} & {m.name for m in found}


def test_of_several_flames_without_a_scale_the_shares_add_up() -> None:
    photo = draw_photo(np.random.default_rng(1), shape=(256, 256), kind="several", light="day")
    shares = [m.estimate.value for m in measured(photo, scale=False) if m.name == "share of flared gas"]
    assert len(shares) > 1
    assert sum(shares) == pytest.approx(1, abs=0.02)


def test_gas_and_carbon_agree_for_pure_methane(flame: DrawnPhoto) -> None:
    found = measured(flame, gas="methane", reference="20")
    gas, co2 = only(found, "flared gas").estimate, only(found, "CO2").estimate
    # 1.8295 kg of CO2 in a m³ of methane at 20 °C, times a combustion efficiency near 0.95.
    assert 1.6 < co2.value / gas.value < 1.8295


def test_a_colder_reference_temperature_gives_fewer_cubic_metres(flame: DrawnPhoto) -> None:
    warm, cold = (only(measured(flame, reference=t), "flared gas").estimate.value for t in ("20", "0"))
    assert warm / cold == pytest.approx(293.15 / 273.15, rel=1e-3)


def test_smoke_gets_an_opacity_or_a_reason() -> None:
    photo = draw_photo(np.random.default_rng(4), shape=(256, 256), kind="smoky", light="day")
    found = measured(photo)
    area = only(found, "smoke area")
    assert "note" in area.about or any(m.name == "smoke opacity" for m in found)


def test_a_photo_without_a_flame_says_so_and_gives_no_flow() -> None:
    photo = draw_photo(np.random.default_rng(3), shape=(128, 128), kind="clouds")
    found = measured(photo)
    assert only(found, "flames").estimate.value == 0
    assert "flared gas" not in {m.name for m in found}


def test_a_detection_without_pixels_is_counted_and_noted(flame: DrawnPhoto) -> None:
    seen = truly_seen(flame)
    empty = replace(seen.outlines[0], inside=np.zeros_like(seen.outlines[0].inside))
    bare = replace(seen, outlines=(empty, *seen.outlines[1:]))
    found, kept = measure_photo(bare, dict(ROOM.assumptions), read_options({}), Calibration(), np.random.default_rng(0))
    assert only(found, "flames").estimate.value == 1
    assert "no pixel" in kept.about[0]["note"]


def test_a_setting_that_is_not_known_is_refused_before_anything_is_seen() -> None:
    with pytest.raises(UsageError, match="knows"):
        ROOM.arranged({"gass": "methane"})  # type: ignore[misc]


def test_what_costs_how_much_of_the_interval_adds_up(flame: DrawnPhoto) -> None:
    _, kept = measure_photo(
        truly_seen(flame), scaled(flame.scale), read_options({}), Calibration(), np.random.default_rng(0)
    )
    shares = {row["input"]: row["share"] for row in kept.costs}
    assert sum(shares.values()) == pytest.approx(1, abs=1e-6)
    assert max(shares, key=lambda name: shares[name]) == "law_error"


def test_a_satellite_table_is_measured_and_its_form_written(tmp_path: Path) -> None:
    import outcrop

    outcrop.draw("flares", tmp_path / "drawn", seed=3, kind="nightfire", count="3")
    truth = json.loads((tmp_path / "drawn" / "truth-3.json").read_text())["truth"]["flared gas"]["drawn-3"]
    result = outcrop.measure("flares", tmp_path / "drawn" / "drawn-3.csv", tmp_path / "out", formats=["epa-w"])
    total = result.measurements[0]
    assert total["name"] == "flared gas"
    assert total["low"] <= truth <= total["high"]
    assert {"drawn-3.sites.csv", "drawn-3.months.csv", "drawn-3.geojson"} <= {
        p.name for p in (tmp_path / "out").iterdir()
    }
    assert len((tmp_path / "out" / "epa-w.csv").read_text().splitlines()) == 4
    # Every file tells volumes at the same reference temperature: sites add up to about their sum.
    places = json.loads((tmp_path / "out" / "drawn-3.geojson").read_text())["features"]
    assert {place["properties"]["reference_c"] for place in places} == {20.0}
    told = {m["about"]["site"]: m["value"] for m in result.measurements if "site" in m["about"]}
    for place in places:
        assert place["properties"]["volume"] == pytest.approx(told[place["properties"]["site"]], rel=0.03)
    assert not result.record["inputs"][0]["notes"], "a table needs no threshold, so nothing is said of one"
    page = (tmp_path / "out" / "report.html").read_text()
    assert "site 1" in page and "told at 20 °C" in page


def test_a_table_of_something_else_is_refused_with_what_is_wanted(tmp_path: Path) -> None:
    import outcrop

    (tmp_path / "prices.csv").write_text("day,price\n1,2\n")
    result = outcrop.measure("flares", tmp_path / "prices.csv", tmp_path / "out")
    assert "Nightfire" in result.refused[0]["error"]


def test_a_room_that_takes_no_tables_says_which_files_it_takes(tmp_path: Path) -> None:
    import outcrop

    (tmp_path / "prices.csv").write_text("day,price\n1,2\n")
    result = outcrop.predict("salt", tmp_path / "prices.csv", tmp_path / "out")
    assert "takes no tables" in result.refused[0]["error"]
