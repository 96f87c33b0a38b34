"""A run knows no room by name: inputs go in, whatever a room says of them comes out, and bad ones are named."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from numpy.typing import NDArray
from PIL import Image

from outcrop import tasks
from outcrop.core.errors import BadInput, BadModel, NothingToSee, UnknownModel, UsageError
from outcrop.core.estimate import Assumption, Estimate
from outcrop.core.grid import Axis, Grid
from outcrop.core.scene import Floats, Scene, scene_from_array
from outcrop.core.task import Calibration, Measurement, Prepared, Seen, Task
from outcrop.core.volume import Volume
from outcrop.engine import ensembles as ensembles_module
from outcrop.engine import run as run_module
from outcrop.engine.ensembles import Ensembles, serving, shipped
from outcrop.engine.kept import rounded
from outcrop.engine.run import Request, Run, stems_of
from outcrop.outputs.picture import grey

Maker = Callable[..., Path]


def picture_of(values: NDArray[Any], path: Path) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(np.asarray(values, np.uint8)).save(path)
    return path


def made_up(folder: Path, **changes: Any) -> Task:
    """A room that measures mean brightness and writes one text per input; models lie in ``folder``."""

    def prepare(source: Any, looks: Any) -> Prepared:
        values = source.read(source.grid.whole)
        if values.max() > 0.99:
            raise BadInput(f"{source.id} is too bright: dim it")
        return Prepared(source=source, notes=("made up",), blank=bool(values.min() == values.max()))

    def measure(prediction: Any, given: Any, calibration: Calibration, rng: np.random.Generator) -> Any:
        mean = float(np.nanmean(prediction.of("lava"))) * given["gain"].best
        draws = np.full(100, mean)
        return [Measurement(name="heat", estimate=Estimate(draws=draws, unit="W"), method="mean")], calibration

    def write(seen: Seen, out: Path, stem: str) -> list[Path]:
        (out / f"{stem}.txt").write_text(f"{seen.measurements[0].estimate.value:.6f} {seen.found.threshold[0]}")
        return [out / f"{stem}.txt"]

    usual: dict[str, Any] = {
        "name": "volcano", "title": "Lava", "classes": ("lava",), "bands": ("grey",), "prepare": prepare, "measure": measure,
        "write": write, "formats": {"list": lambda out, stems: []}, "models": folder,
        "assumptions": {"gain": Assumption(low=2, best=2, high=2, unit="1", source="made up")},
    }  # fmt: skip
    return replace(tasks.load("salt"), **{**usual, **changes})


@pytest.fixture
def volcano(tmp_path: Path, model_file: Maker) -> Task:
    """The made-up room with a shipped set of two models for small pictures and one for large ones."""
    for name, sides in (("near-0", (1, 20)), ("near-1", (1, 20)), ("far-0", (21, 90))):
        calibration = Calibration(threshold=(0.25 if name == "far-0" else 0.75,))
        kind = "identity" if name == "far-0" else "mean"
        model_file(
            tmp_path / f"{name}.onnx", kind, task="volcano", classes=("lava",), sides=sides, calibration=calibration
        )
    return made_up(tmp_path)


def run_of(task: Task, inputs: tuple[Path, ...], out: Path, **settings: Any) -> dict[str, dict[str, Any]]:
    return Run(Request(task=task, inputs=inputs, out=out, **settings)).execute()


# Known truth ----------------------------------------------------------------------------------------------------------


def test_a_room_that_the_corridor_never_heard_of_is_measured_and_written(volcano: Task, tmp_path: Path) -> None:
    values = np.random.default_rng(0).integers(0, 250, (18, 13))
    path = picture_of(values, tmp_path / "in" / "a.png")
    entries = run_of(volcano, (path,), tmp_path / "out")
    (entry,) = entries.values()
    wide = np.pad(values / 255, 1, mode="edge")
    mean = np.mean([wide[i : i + 18, j : j + 13] for i in range(3) for j in range(3)], axis=0).mean()
    assert entry["measurements"][0]["value"] == pytest.approx(2 * mean, abs=1e-3)
    assert (entry["stem"], entry["files"], entry["notes"]) == ("a", ["a.txt"], ["made up"])
    assert entry["models"] == ["near-0.onnx", "near-1.onnx"]
    assert (tmp_path / "out" / "a.txt").read_text().endswith(" 0.75")


def test_each_picture_is_seen_by_the_set_made_for_its_size(volcano: Task, tmp_path: Path) -> None:
    sizes = {"small": 12, "large": 40, "larger-than-any": 95, "small-again": 20}
    rng = np.random.default_rng(0)
    paths = [picture_of(rng.integers(0, 250, (n, n)), tmp_path / "in" / f"{k}.png") for k, n in sizes.items()]
    entries = run_of(volcano, tuple(paths), tmp_path / "out")
    first = {entry["stem"]: entry["models"][0] for entry in entries.values()}
    assert first == {
        "small": "near-0.onnx",
        "large": "far-0.onnx",
        "larger-than-any": "far-0.onnx",
        "small-again": "near-0.onnx",
    }
    assert list(first) == list(sizes), "in the order given"


def test_an_assumption_and_a_threshold_reach_the_room(volcano: Task, tmp_path: Path) -> None:
    path = picture_of(np.arange(100).reshape(10, 10), tmp_path / "in" / "a.png")
    gain = Assumption(low=1, best=1, high=1, unit="1", source="mine")
    plain = run_of(volcano, (path,), tmp_path / "plain")
    other = run_of(volcano, (path,), tmp_path / "other", assume={"gain": gain}, threshold=0.4)
    heat = [entries[str(path)]["measurements"][0]["value"] for entries in (plain, other)]
    assert heat[0] == pytest.approx(2 * heat[1])
    assert (tmp_path / "other" / "a.txt").read_text().endswith(" 0.4")


# Properties -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("waiting", "pixels"), [(1, 4_000_000), (2, 4_000_000), (64, 300), (64, 50), (64, 4_000_000)])
def test_how_pictures_are_grouped_changes_nothing(
    volcano: Task, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, waiting: int, pixels: int
) -> None:
    """Also when one is too large to share a batch."""
    monkeypatch.setattr(run_module, "MOST_WAITING", waiting)
    monkeypatch.setattr(run_module, "SMALL", pixels)
    rng = np.random.default_rng(0)
    paths = tuple(picture_of(rng.integers(0, 250, (8 + i, 30 - 3 * i)), tmp_path / "in" / f"{i}.png") for i in range(7))
    told = {}
    for path in paths:
        told |= run_of(volcano, (path,), tmp_path / f"alone-{path.stem}")
    together = run_of(volcano, paths, tmp_path / "together")
    assert list(together) == [str(path) for path in paths]
    for name, entry in together.items():
        assert entry["measurements"] == told[name]["measurements"] and entry["models"] == told[name]["models"]


names = st.lists(st.sampled_from(["a", "A", "a-2", "a-2-2", "b", "b.mask", "b.probability", "a-3"]), max_size=12)


@given(names)
def test_no_two_inputs_share_a_stem_on_any_file_system(stems: list[str]) -> None:
    paths = [Path(f"{i}/{stem}.png") for i, stem in enumerate(stems)]
    found = stems_of(paths)
    assert list(found) == paths
    assert len({stem.casefold() for stem in found.values()}) == len(paths)


def test_the_first_of_a_name_keeps_it_and_the_next_are_numbered() -> None:
    paths = [Path("x/a.png"), Path("y/a.png"), Path("z/a-2.png"), Path("w/a.probability.png")]
    assert list(stems_of(paths).values()) == ["a", "a-2", "a-2-2", "a-3"]


def test_many_inputs_of_one_name_get_their_numbers_at_once() -> None:
    stems = stems_of([Path(f"{i}/frame.png") for i in range(20_000)])
    assert len(set(stems.values())) == 20_000 and stems[Path("19999/frame.png")] == "frame-20000"


@given(arrays(np.float32, (4, 5), elements=st.floats(0, 1, width=32) | st.just(float("nan"))))
def test_what_is_measured_is_what_the_file_holds(values: Floats) -> None:
    kept = rounded(values)
    seen = np.isfinite(values)
    assert np.array_equal(np.isnan(kept), ~seen)
    assert np.array_equal(np.float32(grey(kept)[seen]) / np.float32(255), kept[seen]), "as it is read back"
    assert np.array_equal(rounded(kept), kept, equal_nan=True)
    assert np.abs(kept - values)[seen].max(initial=0) <= 0.5 / 255 + 1e-6


# Refusals -------------------------------------------------------------------------------------------------------------


def test_a_room_s_own_refusal_names_the_input_and_the_others_are_done(volcano: Task, tmp_path: Path) -> None:
    paths = [picture_of(np.arange(100).reshape(10, 10) + i, tmp_path / "in" / f"{i}.png") for i in range(3)]
    bright = picture_of(np.full((10, 10), 255), tmp_path / "in" / "bright.png")
    told: list[tuple[str, float]] = []
    request = Request(task=volcano, inputs=(paths[0], bright, *paths[1:]), out=tmp_path / "out")
    entries = Run(request, lambda name, share: told.append((name, share))).execute()
    assert (
        entries[str(bright)]["error"] == "bright is too bright: dim it" and entries[str(bright)]["kind"] == "BadInput"
    )
    assert all(entries[str(path)]["measurements"] for path in paths)
    assert sorted(name for name, share in told if share == 1) == ["0.png", "1.png", "2.png", "bright.png"]


def test_a_refusal_while_measuring_or_writing_is_one_of_the_input_too(volcano: Task, tmp_path: Path) -> None:
    def write(seen: Seen, out: Path, stem: str) -> list[Path]:
        if stem == "1":
            raise NothingToSee("1 holds nothing: leave it out")
        return volcano.write(seen, out, stem)

    paths = tuple(picture_of(np.arange(100).reshape(10, 10) + i, tmp_path / "in" / f"{i}.png") for i in range(3))
    entries = run_of(replace(volcano, write=write), paths, tmp_path / "out")
    assert [("error" in entry) for entry in entries.values()] == [False, True, False]


@pytest.mark.parametrize(("formats", "refused"), [((), True), (("list",), False)])
def test_a_constant_picture_is_refused_unless_every_picture_must_have_a_row(
    volcano: Task, tmp_path: Path, formats: tuple[str, ...], refused: bool
) -> None:
    path = picture_of(np.full((10, 10), 90), tmp_path / "in" / "flat.png")
    (entry,) = run_of(volcano, (path,), tmp_path / "out", formats=formats).values()
    assert ("error" in entry) == refused
    if not refused:
        assert entry["measurements"][0]["value"] == 0 and "taken as empty" in " ".join(entry["notes"])


def test_a_call_that_makes_no_sense_is_refused_before_the_folder_is_made(volcano: Task, tmp_path: Path) -> None:
    path = picture_of(np.arange(100).reshape(10, 10), tmp_path / "in" / "a.png")
    one = Assumption(low=1, best=1, high=1, unit="1", source="mine")
    for error, settings in (
        (UsageError, {"formats": ("tsv",)}),
        (UsageError, {"assume": {"loss": one}}),
        (UnknownModel, {"models": ("nowhere.onnx",)}),
        (BadInput, {"inputs": ()}),
        (BadInput, {"inputs": (tmp_path / "nowhere",)}),
    ):
        with pytest.raises(error):
            Run(Request(**{"task": volcano, "inputs": (path,), "out": tmp_path / "out", **settings}))
    assert not (tmp_path / "out").exists()


# Ensembles ------------------------------------------------------------------------------------------------------------


def test_files_of_one_name_and_several_numbers_make_a_set(volcano: Task) -> None:
    assert {name: [p.name for p in paths] for name, paths in shipped(volcano).items()} == {
        "far": ["far-0.onnx"],
        "near": ["near-0.onnx", "near-1.onnx"],
    }


def test_shipped_sets_are_loaded_when_needed_and_named_ones_at_once(
    volcano: Task, monkeypatch: pytest.MonkeyPatch
) -> None:
    loaded: list[str] = []
    real = ensembles_module.load
    monkeypatch.setattr(ensembles_module, "load", lambda path, **k: (loaded.append(path.name), real(path, **k))[1])
    Ensembles(volcano, (), engine="onnxruntime", flips="none")
    assert loaded == []
    Ensembles(volcano, ("near",), engine="onnxruntime", flips="none")
    assert loaded == ["near-0.onnx", "near-1.onnx"]


def test_a_volume_is_seen_by_the_set_for_whole_sections_however_small_it_is(volcano: Task) -> None:
    found = Ensembles(volcano, (), engine="onnxruntime", flips="none")
    small = Volume(
        id="small", inlines=np.arange(3), crosslines=np.arange(3), vertical=Axis("depth", "m"), first_sample=0.0,
        sample_step=1.0, samples=9, live=np.ones((3, 3), bool), read=lambda *where: np.zeros((1, 3, 9), np.float32),
    )  # fmt: skip
    assert found.fitting(small).models[0].path.name == "far-0.onnx"
    assert found.calibration().threshold == (0.25,)


def test_models_are_named_also_when_nothing_was_left_to_see(volcano: Task) -> None:
    found = Ensembles(volcano, (), engine="onnxruntime", flips="none")
    assert [m.path.name for m in found.named({"near-0.onnx"})] == ["near-0.onnx", "near-1.onnx"]
    assert found.named(set()) == []


def test_where_nothing_is_shipped_a_model_must_be_given_but_not_to_measure(tmp_path: Path) -> None:
    task = made_up(tmp_path / "bare")
    with pytest.raises(UnknownModel, match="give one with --model"):
        Ensembles(task, (), engine="auto", flips="none")
    assert Ensembles(task, (), engine="auto", flips="none", needed=False).calibration() == Calibration()


def test_a_model_is_held_to_its_card(volcano: Task, numpy_model: Callable[..., Any]) -> None:
    settings = {"task": "volcano", "classes": ("lava",)}
    chips = np.random.default_rng(0).random((2, 1, 16, 16), np.float32)
    assert np.array_equal(serving(numpy_model(lambda c: c, **settings), volcano)(chips), chips)
    with pytest.raises(BadModel, match="one plane for each of 1 classes is wanted"):
        serving(numpy_model(lambda c: c.repeat(2, axis=1), **settings), volcano)(chips)

    def broken(fed: Floats) -> Floats:
        raise RuntimeError("a graph\nof another size")

    with pytest.raises(BadModel, match=r"cannot see chips of shape \(2, 1, 16, 16\) \(a graph of another size\)"):
        serving(numpy_model(broken, **settings), volcano)(chips)


def test_memory_that_runs_out_is_no_fault_of_the_model(volcano: Task, numpy_model: Callable[..., Any]) -> None:
    def hungry(fed: Floats) -> Floats:
        raise MemoryError

    with pytest.raises(MemoryError):
        serving(numpy_model(hungry, task="volcano"), volcano)(np.zeros((1, 1, 16, 16), np.float32))


@pytest.mark.parametrize(
    ("settings", "error"),
    [
        ({"task": "salt"}, UsageError),
        ({"classes": ("lava", "ash")}, BadModel),
        ({"bands": ("red", "green", "blue")}, BadModel),
        ({"calibration": Calibration(threshold=(0.5, 0.5))}, BadModel),
    ],
)
def test_a_model_of_another_make_does_not_serve(
    volcano: Task, numpy_model: Callable[..., Any], settings: dict[str, Any], error: type[Exception]
) -> None:
    with pytest.raises(error, match=r"numpy\.onnx"):
        serving(numpy_model(lambda c: c, **{"task": "volcano", **settings}), volcano)


def test_a_scene_that_is_exactly_as_long_as_a_set_allows_is_its_own(volcano: Task) -> None:
    found = Ensembles(volcano, (), engine="onnxruntime", flips="none")

    def scene(rows: int, cols: int) -> Scene:
        return scene_from_array("s", np.zeros((1, rows, cols), np.float32), Grid(shape=(rows, cols)), ("grey",))

    assert found.fitting(scene(20, 3)).models[0].path.name == "near-0.onnx"
    assert found.fitting(scene(3, 21)).models[0].path.name == "far-0.onnx"
