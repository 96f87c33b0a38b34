"""Whole runs of the tailings room: an audit against a register, a comparison of dates, and samples, as a user asks for them."""

import csv
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from affine import Affine

import outcrop
from outcrop.core.errors import BadInput, OutputExists, UsageError
from outcrop.core.grid import Axis, Grid
from outcrop.core.scene import Floats, scene_from_array
from outcrop.engine import ensembles
from outcrop.face import audit, change, samples
from outcrop.models.runtime import Model
from outcrop.outputs.scene_raster import write_scene

pytest.importorskip("rasterio", reason="needs rasterio: install the extra 'geo'")
pytest.importorskip("pyogrio", reason="needs pyogrio: install the extra 'geo'")

PLACE = (500_000, 7_800_000)


@pytest.fixture
def bright(monkeypatch: pytest.MonkeyPatch, numpy_model: Callable[..., Model], tmp_path: Path) -> Path:
    """A model that takes bright red for tailings, given as a file of that name."""

    def see(chips: Floats) -> Floats:
        return np.asarray(chips[:, :1] > 0.6, np.float32)

    model = numpy_model(see, task="tailings", classes=("tailings",), bands=("B4", "B3", "B2"), chip=32, multiple=2)
    path = tmp_path / "bright.onnx"
    path.write_bytes(b"stands for the model")
    model = replace(model, path=path)
    monkeypatch.setattr(ensembles, "load", lambda given, **how: model)
    monkeypatch.setattr(ensembles, "read_card", lambda given: model.card)
    return path


def country(path: Path, squares: dict[tuple[int, int], int], crs: str | None = "EPSG:32723") -> Path:
    """A dark scene of 100 x 120 pixels of 10 m with bright squares: (row, col) → side."""
    values = np.full((3, 100, 120), 0.06, np.float32) + np.random.default_rng(0).normal(0, 0.002, (3, 100, 120)).astype(
        np.float32
    )
    for (row, col), side in squares.items():
        values[:, row : row + side, col : col + side] = 0.25
    axes = (Axis("easting", "m"), Axis("northing", "m"))
    grid = Grid(shape=(100, 120), transform=Affine(10, 0, PLACE[0], 0, -10, PLACE[1]), axes=axes, crs=crs)
    scene = scene_from_array(path.stem, values, grid if crs else Grid(shape=(100, 120)), ("B4", "B3", "B2"))
    return write_scene(path, scene)


def degrees(row: float, col: float) -> tuple[float, float]:
    """Longitude and latitude of a pixel corner of the country."""
    from outcrop.instruments.geodesy import to_lonlat

    ((lon, lat),) = to_lonlat(np.array([[PLACE[0] + 10 * col, PLACE[1] - 10 * row]]), "EPSG:32723")
    return float(lon), float(lat)


def register(path: Path, entries: list[tuple[str, float, float, float]]) -> Path:
    """A register of dams: id, row, col, declared hectares."""
    with path.open("w", newline="") as file:
        table = csv.writer(file)
        table.writerow(["id", "lon", "lat", "declared_area"])
        for id, row, col, declared in entries:
            table.writerow([id, *degrees(row, col), declared])
    return path


def run(scene: Path, out: Path, model: Path, **settings: Any) -> Any:
    return outcrop.predict("tailings", scene, out, models=[model], **settings)


def test_a_run_with_a_register_matches_deposits_and_lists_candidates(bright: Path, tmp_path: Path) -> None:
    scene = country(tmp_path / "a.tif", {(10, 10): 30, (60, 90): 10})
    dams = register(tmp_path / "dams.csv", [("near", 25, 12, 10.0), ("nothing", 95, 20, 3.0)])
    out = tmp_path / "out"
    result = run(scene, out, bright, settings={"registry": str(dams), "area_unit": "ha"})
    facts = dict(result.record["sections"][0]["facts"])
    assert facts["deposits measured"] == "2" and facts["registered and measured"] == "1"
    assert facts["registered points without a visible deposit (candidates)"] == "1"
    assert any(name.startswith("measured / declared") and value.startswith("0.90") for name, value in facts.items())
    with (out / "audit.deposits.csv").open() as file:
        rows = list(csv.DictReader(file))
    assert [row["registered"] for row in rows if row["finding"] == "registered and measured"] == ["near"]
    assert "Audit against dams.csv" in (out / "report.html").read_text()


def test_an_audit_later_gives_what_an_audit_at_once_gives(bright: Path, tmp_path: Path) -> None:
    scene = country(tmp_path / "a.tif", {(10, 10): 30})
    dams = register(tmp_path / "dams.csv", [("near", 25, 12, 10.0)])
    at_once = run(scene, tmp_path / "one", bright, settings={"registry": str(dams), "area_unit": "ha"})
    run(scene, tmp_path / "two", bright)
    later = audit(tmp_path / "two", registry=str(dams), area_unit="ha")
    assert later.record["sections"] == at_once.record["sections"]
    assert (tmp_path / "one" / "audit.points.csv").read_text() == (tmp_path / "two" / "audit.points.csv").read_text()


@pytest.mark.parametrize(
    ("settings", "words"),
    [({"preset": "sigbm"}, "name one with --registry"), ({"registry": "x.csv", "preset": "moon"}, "no register 'moon'"), ({"colour": "red"}, "takes no setting 'colour'")],
)  # fmt: skip
def test_an_audit_that_cannot_be_done_is_refused(
    bright: Path, tmp_path: Path, settings: dict[str, str], words: str
) -> None:
    run(country(tmp_path / "a.tif", {(10, 10): 30}), tmp_path / "out", bright)
    with pytest.raises(UsageError, match=words):
        audit(tmp_path / "out", **settings)


def test_dates_are_compared_deposit_by_deposit(bright: Path, tmp_path: Path) -> None:
    run(country(tmp_path / "a.tif", {(10, 10): 30, (60, 20): 12}), tmp_path / "before", bright)
    run(country(tmp_path / "b.tif", {(10, 10): 36, (60, 90): 10}), tmp_path / "after", bright)
    result = change(tmp_path / "before", tmp_path / "after", tmp_path / "change")
    assert dict(result.record["sections"][0]["facts"]) == {
        "grown": "1",
        "seen only after": "1",
        "seen only before": "1",
    }
    with (tmp_path / "change" / "change.csv").open() as file:
        (grown,) = [row for row in csv.DictReader(file) if row["change"] == "grown"]
    assert float(grown["difference_m2"]) == pytest.approx((36**2 - 30**2) * 100, rel=0.05)
    assert float(grown["low_m2"]) < float(grown["difference_m2"]) < float(grown["high_m2"])
    assert "Change between two dates" in (tmp_path / "change" / "report.html").read_text()


def test_a_comparison_that_cannot_be_done_is_refused(bright: Path, tmp_path: Path) -> None:
    run(country(tmp_path / "a.tif", {(10, 10): 30}), tmp_path / "a", bright)
    with pytest.raises(BadInput, match="no layer of deposits"):
        change(tmp_path / "a", tmp_path / "nowhere", tmp_path / "out")
    with pytest.raises(UsageError, match="no setting 'edge'"):
        change(tmp_path / "a", tmp_path / "a", tmp_path / "out", edge="1", overwrite=True)
    with pytest.raises(OutputExists):
        change(tmp_path / "a", tmp_path / "a", tmp_path / "a")
    with pytest.raises(UsageError, match="does not compare dates"):
        change(tmp_path / "a", tmp_path / "a", tmp_path / "out2", task="salt")


def test_a_scene_without_projection_is_refused_unless_masks_alone_are_wanted(bright: Path, tmp_path: Path) -> None:
    scene = country(tmp_path / "a.tif", {(10, 10): 30}, crs=None)
    refused = run(scene, tmp_path / "one", bright).refused
    assert len(refused) == 1 and "--no-area" in refused[0]["error"]
    found = run(scene, tmp_path / "two", bright, no_area=True)
    assert [m["name"] for m in found.measurements] == ["tailings share"]
    assert (tmp_path / "two" / "a.mask.tif").exists() and not (tmp_path / "two" / "deposits.gpkg").exists()


def test_a_mask_is_measured_again_to_the_same_area(bright: Path, tmp_path: Path) -> None:
    first = run(country(tmp_path / "a.tif", {(10, 10): 30, (60, 90): 10}), tmp_path / "one", bright)
    again = outcrop.measure("tailings", tmp_path / "one" / "a.mask.tif", tmp_path / "two")
    value = {m["name"]: m["value"] for m in first.measurements}["tailings area"]
    assert {m["name"]: m["value"] for m in again.measurements}["tailings area"] == pytest.approx(value, rel=0.01)


def test_samples_are_cut_from_a_scene_and_the_deposits_of_a_run(bright: Path, tmp_path: Path) -> None:
    scene = country(tmp_path / "a.tif", {(10, 10): 20, (60, 60): 20})
    run(scene, tmp_path / "out", bright)
    files = samples(
        "tailings", tmp_path / "out" / "deposits.gpkg", scene, tmp_path / "samples", size=48, background=0.0
    )
    assert files[-1].name == "folds.csv" and len(files) == 2 * 4 + 1
    found = outcrop.load_task("tailings").examples(tmp_path / "samples")
    assert all((mask == 1).any() for mask in found.masks)
    with pytest.raises(UsageError, match="cuts no samples"):
        samples("salt", tmp_path / "out" / "deposits.gpkg", scene, tmp_path / "more")
