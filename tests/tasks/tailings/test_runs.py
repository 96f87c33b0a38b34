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
from outcrop.core.errors import BadInput, OutcropError, OutputExists, UsageError
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


def run(scene: Path | list[Path], out: Path, model: Path, **settings: Any) -> Any:
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


def layer(folder: Path) -> dict[str, Any]:
    """Columns and shapes of the layer of a run."""
    pyogrio, shapely = pytest.importorskip("pyogrio"), pytest.importorskip("shapely")
    meta, _, shapes, values = pyogrio.raw.read(folder / "deposits.gpkg")
    return {**dict(zip(meta["fields"].tolist(), values, strict=True)), "shape": shapely.from_wkb(shapes)}


def test_a_register_that_cannot_be_read_is_refused_before_anything_is_seen(bright: Path, tmp_path: Path) -> None:
    scene = country(tmp_path / "a.tif", {(10, 10): 30})
    swapped = tmp_path / "dams.csv"
    swapped.write_text("id,lat,lon\na,-43.9,-120\nb,-44,-121\nc,-44,-122\n")
    for settings, words in (
        ({"registry": str(tmp_path / "none.csv")}, "no register at"),
        ({"registry": str(scene)}, "neither a CSV"),
        ({"registry": str(swapped), "preset": "sigbm"}, "has no column"),
        ({"preset": "sigbm"}, "name one with --registry"),
        ({"simplify": "wide"}, "no length in metres"),
        ({"simplify": "0"}, "no length in metres"),
    ):
        with pytest.raises(OutcropError, match=words):
            run(scene, tmp_path / "out", bright, settings=settings)
    assert not (tmp_path / "out").exists()


def test_simplified_outlines_have_fewer_points_and_the_area_of_the_mask(bright: Path, tmp_path: Path) -> None:
    row, col = np.mgrid[:100, :120]
    disc = np.hypot(row - 50, (col - 60) * 0.7) < 32
    values = np.where(disc, np.float32(0.25), np.float32(0.06))[None].repeat(3, 0)
    axes = (Axis("easting", "m"), Axis("northing", "m"))
    grid = Grid(shape=(100, 120), transform=Affine(10, 0, *PLACE[:1], 0, -10, PLACE[1]), axes=axes, crs="EPSG:32723")
    scene = write_scene(tmp_path / "a.tif", scene_from_array("a", values, grid, ("B4", "B3", "B2")))
    run(scene, tmp_path / "exact", bright, formats=["geojson"])
    run(scene, tmp_path / "smooth", bright, formats=["geojson"], settings={"simplify": "12"})
    exact, smooth = layer(tmp_path / "exact"), layer(tmp_path / "smooth")
    (stairs,), (line,) = exact["shape"], smooth["shape"]
    count = [len(shape.geoms[0].exterior.coords) for shape in (stairs, line)]
    assert count[1] < 0.4 * count[0]
    assert line.area == pytest.approx(stairs.area, rel=0.01) and stairs.hausdorff_distance(line) <= 12 + 10 / 2**0.5
    assert smooth["area_ha"] == exact["area_ha"], "the area is the mask's"
    assert smooth["perimeter_m"][0] < 0.9 * exact["perimeter_m"][0]
    assert len((tmp_path / "smooth" / "deposits.geojson").read_text()) < 0.6 * len(
        (tmp_path / "exact" / "deposits.geojson").read_text()
    ), "the other formats have the same outlines"


def shifted(path: Path, squares: dict[tuple[int, int], int], col: int) -> Path:
    """The scene of ``country``, so many columns further east on the ground; squares are named on the ground of the first."""
    values = np.full((3, 100, 120), 0.06, np.float32)
    for (row, at), side in squares.items():
        values[:, row : row + side, max(at - col, 0) : max(at - col + side, 0)] = 0.25
    axes = (Axis("easting", "m"), Axis("northing", "m"))
    transform = Affine(10, 0, PLACE[0] + 10 * col, 0, -10, PLACE[1])
    grid = Grid(shape=(100, 120), transform=transform, axes=axes, crs="EPSG:32723")
    return write_scene(path, scene_from_array(path.stem, values, grid, ("B4", "B3", "B2")))


def test_a_deposit_in_two_overlapping_scenes_is_counted_once(bright: Path, tmp_path: Path) -> None:
    ground = {(5, 5): 20, (40, 80): 20, (70, 150): 20}
    west, east = shifted(tmp_path / "west.tif", ground, 0), shifted(tmp_path / "east.tif", ground, 70)
    dams = register(tmp_path / "dams.csv", [("middle", 50, 90, 4.0)])
    result = run([west, east], tmp_path / "both", bright, settings={"registry": str(dams), "area_unit": "ha"})
    found = layer(tmp_path / "both")
    twice = [int(v) for v in found["duplicate_of"] if np.isfinite(v)]
    assert len(found["id"]) == 4 and len(twice) == 1 and twice[0] in found["id"].tolist()
    with (tmp_path / "both" / "totals.csv").open() as file:
        *single, whole = csv.DictReader(file)
    apart = [run(path, tmp_path / path.stem, bright) for path in (west, east)]
    alone = [next(m["value"] for m in r.measurements if m["name"] == "tailings area") for r in apart]
    assert [float(row["area_ha"]) for row in single] == pytest.approx(alone)
    assert float(whole["area_ha"]) == pytest.approx(3 / 4 * sum(alone), rel=1e-3)
    assert float(whole["area_ha_low"]) < float(whole["area_ha"]) < float(whole["area_ha_high"])
    assert whole["deposits"] == "3" and not (tmp_path / "west" / "totals.csv").exists()
    facts = [dict(section["facts"]) for section in result.record["sections"]]
    assert facts[0]["deposits"] == "3" and facts[1]["deposits measured"] == "3"
    assert [s["title"] for s in audit(tmp_path / "both", registry=str(dams)).record["sections"]] == [
        "All scenes together", "Audit against dams.csv",
    ]  # fmt: skip


def test_the_ground_of_a_deposit_cut_by_two_scenes_is_counted_once(bright: Path, tmp_path: Path) -> None:
    """100 columns long; the west sees its first 70, the east its last 50: 20 are common, no half of either."""
    ground = {(40, 50): 100}
    for name, col in (("west", 0), ("east", 100)):
        shifted(tmp_path / f"{name}.tif", {(r, c): s for (r, c), s in ground.items()}, col)
    run([tmp_path / "west.tif", tmp_path / "east.tif"], tmp_path / "out", bright)
    found = layer(tmp_path / "out")
    assert not [v for v in found["duplicate_of"] if np.isfinite(v)]
    with (tmp_path / "out" / "totals.csv").open() as file:
        *single, whole = csv.DictReader(file)
    seen = sum(float(row["area_ha"]) for row in single)
    assert float(whole["area_ha"]) == pytest.approx(seen * 100 / 120, rel=1e-3)
