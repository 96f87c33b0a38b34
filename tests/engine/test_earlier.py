"""Files of an earlier run → predictions: which are taken, what their values mean, and what the run trusted."""

import json
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from outcrop import tasks
from outcrop.core.errors import BadInput
from outcrop.core.grid import Axis, Grid
from outcrop.core.scene import ProbabilityMap, Scene, scene_from_array
from outcrop.core.task import Calibration, ErrorTable, ModelError, ProbabilityVolume
from outcrop.core.volume import Volume
from outcrop.engine.earlier import as_prediction, beside, earlier_calibration, earlier_files, plain_stem

SALT = tasks.load("salt")


def scene_of(values: Any) -> Scene:
    whole = np.asarray(values, np.float32)
    whole = whole[None] if whole.ndim == 2 else whole
    bands = tuple(f"band {i}" for i in range(len(whole)))
    return scene_from_array("a", whole, Grid(shape=whole.shape[1:]), bands)


def volume_of(cube: Any) -> Volume:
    values = np.asarray(cube, np.float32)
    lines, traces, samples = values.shape

    def read(direction: str, start: int, stop: int) -> Any:
        return values[start:stop] if direction == "inline" else values[:, start:stop].swapaxes(0, 1)

    return Volume(
        id="cube", inlines=np.arange(lines), crosslines=np.arange(traces), vertical=Axis("depth", "m"), first_sample=0.0,
        sample_step=1.0, samples=samples, live=np.ones((lines, traces), bool), read=read,
    )  # fmt: skip


def seen(values: Any, name: str, classes: tuple[str, ...] = ("salt",)) -> Any:
    found = as_prediction(scene_of(values), Path(name), classes)
    assert isinstance(found, ProbabilityMap) and found.classes == classes
    return found.values()


# Names ----------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "stem"),
    [
        ("a.probability.png", "a"),
        ("a.mask.sgy", "a"),
        ("a.b.mask.npy", "a.b"),
        ("a.png", "a"),
        ("mask.png", "mask"),
        ("a.mask.probability.png", "a.mask"),
    ],
)
def test_the_name_of_the_input_is_found_in_that_of_a_result(name: str, stem: str) -> None:
    assert plain_stem(Path("run") / name) == stem


def test_the_neighbour_of_a_result_has_its_folder_and_suffix() -> None:
    assert beside(Path("run/a.b.mask.sgy"), ".probability") == Path("run/a.b.probability.sgy")


def test_of_a_run_s_folder_probabilities_are_taken_and_masks_where_there_is_none() -> None:
    names = (
        "a.mask.png",
        "a.overlay.png",
        "a.probability.png",
        "b.mask.png",
        "b.overlay.png",
        "c.mask.sgy",
        "c.probability.sgy",
    )
    found = [Path("run") / name for name in names]
    taken = [path.name for path in earlier_files(found, [Path("run")])]
    assert taken == ["a.probability.png", "b.mask.png", "c.probability.sgy"]


def test_what_is_named_outright_is_taken_whatever_it_is() -> None:
    found = [Path("run") / name for name in ("a.mask.png", "a.overlay.png", "a.probability.png")]
    assert earlier_files(found, found) == found


def test_a_folder_that_no_run_left_is_taken_whole() -> None:
    found = [Path("masks") / name for name in ("a.png", "b.png", "c.overlay.png")]
    assert earlier_files(found, [Path("masks")]) == found


def test_each_folder_is_judged_by_itself() -> None:
    found = [Path("run/a.overlay.png"), Path("run/a.mask.png"), Path("masks/a.png")]
    assert earlier_files(found, [Path("run"), Path("masks")]) == found[1:]


# Values ---------------------------------------------------------------------------------------------------------------


def test_a_mask_gives_each_class_its_plane_and_255_is_not_seen() -> None:
    values = seen(np.array([[0, 1, 2], [255, 2, 3]]) / 255, "a.mask.png", ("cap", "flank"))
    nothing = [np.nan, 0.0, 0.0]
    assert np.array_equal(values[0], [[0, 1, 0], nothing], equal_nan=True)
    assert np.array_equal(values[1], [[0, 0, 1], [np.nan, 1, 0]], equal_nan=True)


def test_a_transparent_part_of_a_mask_is_not_seen() -> None:
    values = seen([[np.nan, 1 / 255]], "a.mask.png")
    assert np.isnan(values[0, 0, 0]) and values[0, 0, 1] == 1


def test_a_probability_is_taken_as_it_is() -> None:
    values = np.random.default_rng(0).random((5, 6), np.float32)
    assert np.array_equal(seen(values, "a.png")[0], values)


def test_the_mask_beside_a_probability_says_what_was_not_seen(tmp_path: Path) -> None:
    mask = np.zeros((5, 6), np.uint8)
    mask[1:3, 2] = 255
    Image.fromarray(mask).save(tmp_path / "a.mask.png")
    found = as_prediction(scene_of(np.full((5, 6), 0.4)), tmp_path / "a.probability.png", ("salt",))
    assert isinstance(found, ProbabilityMap)
    assert np.array_equal(np.isnan(found.values()[0]), mask == 255)


def test_a_mask_of_another_size_beside_a_probability_is_not_its_own(tmp_path: Path) -> None:
    Image.fromarray(np.full((4, 4), 255, np.uint8)).save(tmp_path / "a.mask.png")
    found = as_prediction(scene_of(np.full((5, 6), 0.4)), tmp_path / "a.probability.png", ("salt",))
    assert isinstance(found, ProbabilityMap) and np.isfinite(found.values()).all()


def test_grey_in_three_bands_is_grey_and_colour_is_refused() -> None:
    values = np.random.default_rng(0).random((4, 4), np.float32)
    values[0, 0] = np.nan
    assert np.array_equal(seen(np.stack([values] * 3), "a.png")[0], values, equal_nan=True)
    with pytest.raises(BadInput, match=r"a\.png is a colour picture"):
        seen(np.stack([values, values, values / 2]), "a.png")


@pytest.mark.parametrize("value", [-0.2, 1.2, 255.0, -np.inf])
def test_values_beyond_0_and_1_are_no_probabilities(value: float) -> None:
    with pytest.raises(BadInput, match="are no probabilities"):
        seen([[0.5, value]], "a.png")
    found = as_prediction(volume_of(np.full((3, 2, 2), value)), Path("a.sgy"), ("salt",))
    assert isinstance(found, ProbabilityVolume)
    with pytest.raises(BadInput, match="are no probabilities"):
        found.read("crossline", 1, 2)


def test_a_volume_is_read_along_both_directions_and_says_nothing_of_their_difference() -> None:
    cube = np.random.default_rng(0).random((4, 3, 5), np.float32)
    found = as_prediction(volume_of(cube), Path("a.sgy"), ("salt",))
    assert isinstance(found, ProbabilityVolume) and found.spread is None
    assert np.array_equal(found.read("inline", 1, 3)[0], cube[1:3])
    assert np.array_equal(found.read("crossline", 1, 3)[0], cube[:, 1:3].swapaxes(0, 1))


def test_255_in_a_mask_volume_is_not_seen_and_elsewhere_no_probability() -> None:
    cube = np.array([[[0, 1, 255]]])
    masked = as_prediction(volume_of(cube), Path("a.mask.npy"), ("salt",))
    assert isinstance(masked, ProbabilityVolume)
    assert np.array_equal(masked.read("inline", 0, 1)[0, 0, 0], [0, 1, np.nan], equal_nan=True)
    other = as_prediction(volume_of(cube), Path("a.npy"), ("salt",))
    assert isinstance(other, ProbabilityVolume)
    with pytest.raises(BadInput):
        other.read("inline", 0, 1)


# What the run trusted ---------------------------------------------------------------------------------------------------

share = st.floats(0.01, 0.99)
errors = st.dictionaries(
    st.sampled_from(["volume", "share", "pick"]),
    st.builds(ModelError, bias=share, spread=share, examples=st.integers(1, 99), source=st.text(max_size=5))
    | st.builds(
        ErrorTable, measured=st.tuples(share, share), truth=st.tuples(st.tuples(share), st.tuples(share)),
        examples=st.integers(1, 99), source=st.text(max_size=5),
    ),
)  # fmt: skip
calibrations = st.builds(
    Calibration, threshold=st.tuples(share), min_area=st.integers(0, 99), rule=st.sampled_from(["picture", "component"]),
    errors=errors,
)  # fmt: skip


def record_of(calibration: Calibration, **changes: Any) -> dict[str, Any]:
    model = {"file": "m-0.onnx", "sha256": "0", "calibration": asdict(calibration)}
    inputs = [{"files": ["b.mask.png"], "models": []}, {"files": ["a.mask.png"], "models": ["m-0.onnx", "m-1.onnx"]}]
    return {"task": "salt", "threshold": None, "models": [model], "inputs": inputs, **changes}


@given(calibrations)
def test_what_a_run_trusted_comes_back_from_its_record(
    tmp_path_factory: pytest.TempPathFactory, calibration: Calibration
) -> None:
    folder = tmp_path_factory.getbasetemp()
    (folder / "summary.json").write_text(json.dumps(record_of(calibration)))
    found = earlier_calibration(folder / "a.mask.png", SALT)
    assert found is not None and found[0] == calibration
    assert "m-0.onnx" in found[1][0]


def test_the_threshold_of_the_call_goes_before_that_of_the_card(tmp_path: Path) -> None:
    (tmp_path / "summary.json").write_text(json.dumps(record_of(Calibration(min_area=7), threshold=0.3)))
    found = earlier_calibration(tmp_path / "a.mask.png", SALT)
    assert found is not None and found[0] == Calibration(threshold=(0.3,), min_area=7)


@pytest.mark.parametrize(
    "changes",
    [{"task": "flares"}, {"models": []}, {"inputs": []}, {"threshold": "half"}, {"models": [{"file": "m-0.onnx"}]}, {"inputs": None}],
    ids=str,
)  # fmt: skip
def test_a_record_that_does_not_say_so_is_not_believed(tmp_path: Path, changes: dict[str, Any]) -> None:
    (tmp_path / "summary.json").write_text(json.dumps(record_of(Calibration(), **changes)))
    assert earlier_calibration(tmp_path / "a.mask.png", SALT) is None


def test_a_file_that_no_model_saw_has_nothing_to_trust(tmp_path: Path) -> None:
    (tmp_path / "summary.json").write_text(json.dumps(record_of(Calibration())))
    assert earlier_calibration(tmp_path / "b.mask.png", SALT) is None
    assert earlier_calibration(tmp_path / "elsewhere.png", SALT) is None
    assert earlier_calibration(tmp_path / "deeper" / "a.mask.png", SALT) is None


def test_a_threshold_for_each_class_is_wanted(tmp_path: Path) -> None:
    (tmp_path / "summary.json").write_text(json.dumps(record_of(Calibration(threshold=(0.4, 0.6)))))
    assert earlier_calibration(tmp_path / "a.mask.png", SALT) is None
    assert earlier_calibration(tmp_path / "a.mask.png", replace(SALT, classes=("cap", "flank"))) is not None
