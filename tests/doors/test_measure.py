"""``outcrop measure``: earlier probabilities and masks give the numbers that the run which left them gave."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from outcrop.core.task import Calibration, ErrorTable, ModelError

Command = Callable[..., Any]
Maker = Callable[..., Path]

TRUST = Calibration(
    threshold=(0.42,),
    min_area=12,
    rule="picture",
    errors={
        "share table": ErrorTable(
            measured=(0.0, 0.2, 0.8),
            truth=((0.0, 0.0, 0.1), (0.1, 0.2, 0.4), (0.6, 0.8, 0.9)),
            examples=40,
            source="drawn",
        ),
        "volume": ModelError(bias=0.05, spread=0.2, examples=9, source="drawn"),
    },
)
"""What a card may say: nothing of it is a default."""


@pytest.fixture(scope="module")
def blurring(model_file: Maker, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A model whose probabilities are no whole 255ths and differ between directions; see ``TRUST``."""
    path = tmp_path_factory.mktemp("blurring") / "blurring.onnx"
    return model_file(path, "mean", chip=32, overlap=8, calibration=TRUST)


def noise(path: Path, shape: tuple[int, int] = (40, 33)) -> Path:
    values = np.random.default_rng(3).integers(0, 256, shape).astype(np.uint8)
    Image.fromarray(values).save(path)
    return path


@pytest.mark.parametrize("kind", ["probability", "mask"])
def test_a_picture_is_measured_again_as_it_was(
    outcrop: Command, blurring: Path, tmp_path: Path, numbers: Command, kind: str
) -> None:
    noise(tmp_path / "a.png")
    seen = outcrop("predict", "salt", tmp_path / "a.png", "--out", tmp_path / "run", "-m", blurring, "--json").record
    file = tmp_path / "run" / f"a.{kind}.png"
    done = outcrop("measure", "salt", file, "--out", tmp_path / "again", "--json")
    assert done.code == 0, done.err
    assert numbers(done.record) == numbers(seen)
    assert "blurring.onnx" in " ".join(done.record["inputs"][0]["notes"]), "whose threshold it is, is said"
    mask, again = (np.asarray(Image.open(tmp_path / run / "a.mask.png")) for run in ("run", "again"))
    assert np.array_equal(mask, again)


@pytest.mark.parametrize("threshold", [0.13, 0.4999, 0.5, 0.501, 0.7777])
def test_the_threshold_of_the_earlier_run_is_kept_whatever_it_was(
    outcrop: Command, blurring: Path, tmp_path: Path, numbers: Command, threshold: float
) -> None:
    """Also where it lies between two steps of an 8-bit picture."""
    noise(tmp_path / "a.png")
    words = ("--out", tmp_path / "run", "-m", blurring, "--threshold", threshold, "--json")
    seen = outcrop("predict", "salt", tmp_path / "a.png", *words).record
    file = tmp_path / "run" / "a.probability.png"
    again = outcrop("measure", "salt", file, "--out", tmp_path / "again", "--json").record
    assert numbers(again) == numbers(seen)


def test_a_threshold_that_is_given_goes_first(
    outcrop: Command, blurring: Path, tmp_path: Path, numbers: Command
) -> None:
    noise(tmp_path / "a.png")
    outcrop("predict", "salt", tmp_path / "a.png", "--out", tmp_path / "run", "-m", blurring)
    words = ("measure", "salt", tmp_path / "run" / "a.probability.png", "--json")
    kept = outcrop(*words, "--out", tmp_path / "kept").record
    given = outcrop(*words, "--out", tmp_path / "given", "--threshold", 0.6).record
    assert given["threshold"] == 0.6
    assert numbers(given)[0][1] < numbers(kept)[0][1]


def test_what_was_not_seen_is_not_counted_again_either(
    outcrop: Command, copier: Path, tmp_path: Path, numbers: Command
) -> None:
    """A probability picture has no value for "no data"; the mask beside it has."""
    values = np.random.default_rng(0).integers(0, 256, (30, 30, 2)).astype(np.uint8)
    values[..., 1] = 255
    values[:9, :, 1] = 0
    Image.fromarray(values, "LA").save(tmp_path / "a.png")
    seen = outcrop("predict", "salt", tmp_path / "a.png", "--out", tmp_path / "run", "-m", copier, "--json").record
    for kind in ("probability", "mask"):
        file = tmp_path / "run" / f"a.{kind}.png"
        again = outcrop("measure", "salt", file, "--out", tmp_path / kind, "--json").record
        assert numbers(again) == numbers(seen), kind
        assert (np.asarray(Image.open(tmp_path / kind / "a.mask.png"))[:9] == 255).all()


@pytest.mark.parametrize("kind", ["probability", "mask"])
def test_a_section_is_measured_again_as_it_was(
    outcrop: Command, blurring: Path, tmp_path: Path, numbers: Command, kind: str
) -> None:
    values = np.random.default_rng(0).normal(0, 0.02, (40, 30)).astype(np.float32)
    values[10:22, 5:19] = 3
    values[:3] = np.nan
    np.save(tmp_path / "line.npy", values)
    words = ("--vertical", "time", "--sample-interval", "4", "--spacing", "25")
    first = ("predict", "salt", tmp_path / "line.npy", "--out", tmp_path / "run", "-m", blurring, "--json", *words)
    seen = outcrop(*first).record
    file = tmp_path / "run" / f"line.{kind}.npy"
    again = outcrop("measure", "salt", file, "--out", tmp_path / "again", "--json", *words).record
    total, share = numbers(again)[:2]
    assert (total, share) == tuple(numbers(seen)[:2])
    assert total[0] == "salt area" and total[2] == "m²"


@pytest.mark.parametrize("kind", ["probability", "mask"])
def test_a_volume_is_measured_again_but_for_what_the_directions_disagreed_about(
    outcrop: Command, blurring: Path, survey: Any, tmp_path: Path, kind: str
) -> None:
    seen = outcrop("predict", "salt", survey.path, "--out", tmp_path / "run", "-m", blurring, "--json").record
    file = tmp_path / "run" / f"survey.{kind}.sgy"
    again = outcrop("measure", "salt", file, "--out", tmp_path / "again", "--json").record
    first, second = (record["inputs"][0]["measurements"] for record in (seen, again))
    assert [m["name"] for m in first] == [m["name"] for m in second]
    for before, after in zip(first, second, strict=True):
        assert after["about"].get("voxels") == before["about"].get("voxels")
        assert after["value"] == pytest.approx(before["value"], rel=0.02)
        assert before["high"] - before["low"] >= 0.99 * (after["high"] - after["low"])
    assert "disagree" in " ".join(again["inputs"][0]["notes"])
    for run in ("run", "again"):
        assert (tmp_path / run / "survey.mask.sgy").stat().st_size == survey.path.stat().st_size
    masks = [(tmp_path / run / "survey.mask.sgy").read_bytes()[3200:] for run in ("run", "again")]
    assert masks[0] == masks[1]


def test_the_folder_of_a_run_is_measured_by_its_probabilities_alone(
    outcrop: Command, copier: Path, discs: Path, survey: Any, tmp_path: Path, numbers: Command
) -> None:
    """Not by overlays, and nothing twice."""
    seen = outcrop("predict", "salt", discs, survey.path, "--out", tmp_path / "run", "-m", copier, "--json").record
    (tmp_path / "run" / "picture-3.probability.png").unlink()
    again = outcrop("measure", "salt", tmp_path / "run", "--out", tmp_path / "again", "--json").record
    names = [Path(entry["input"]).name for entry in again["inputs"]]
    assert len(names) == 8 and "picture-3.mask.png" in names and "survey.probability.sgy" in names
    assert {e["stem"] for e in again["inputs"]} == {e["stem"] for e in seen["inputs"]}
    told = {e["stem"]: numbers(again, i) for i, e in enumerate(again["inputs"])}
    for i, entry in enumerate(seen["inputs"][:7]):
        assert told[entry["stem"]] == numbers(seen, i), entry["stem"]


def test_masks_of_another_hand_are_measured_all(outcrop: Command, disc: Command, tmp_path: Path) -> None:
    """0 and full scale, 8 or 16 bit, as labelled data sets have them."""
    (tmp_path / "masks").mkdir()
    truth = disc(tmp_path / "drawn.png", (50, 60))
    Image.fromarray(np.where(truth, 255, 0).astype(np.uint8)).save(tmp_path / "masks" / "eight.png")
    Image.fromarray(np.where(truth, 65535, 0).astype(np.uint16)).save(tmp_path / "masks" / "sixteen.png")
    record = outcrop("measure", "salt", tmp_path / "masks", "--out", tmp_path / "run", "--json").record
    assert len(record["inputs"]) == 2 and record["models"] == []
    for entry in record["inputs"]:
        assert entry["measurements"][0]["about"]["pixels"] == truth.sum(), entry["input"]
        assert "no record of an earlier run" in " ".join(entry["notes"])


def test_nothing_is_assumed_of_a_mask_of_another_hand_however_small(outcrop: Command, tmp_path: Path) -> None:
    """No model's least area, no model's error."""
    values = np.zeros((30, 30), np.uint8)
    values[4:6, 4:7] = 255
    Image.fromarray(values).save(tmp_path / "mine.png")
    record = outcrop("measure", "salt", tmp_path / "mine.png", "--out", tmp_path / "run", "--json").record
    share = record["inputs"][0]["measurements"][0]
    assert share["about"]["pixels"] == 6 and "never measured" in share["about"]["note"]


@pytest.mark.parametrize(
    "content", ["", "[]", "{}", '{"inputs": 3}', '{"inputs": [{"files": ["a.mask.png"], "models": []}]}']
)
def test_a_record_of_another_kind_beside_the_file_is_left_alone(
    outcrop: Command, disc: Command, tmp_path: Path, content: str
) -> None:
    truth = disc(tmp_path / "drawn.png")
    Image.fromarray(truth.astype(np.uint8)).save(tmp_path / "a.mask.png")
    (tmp_path / "summary.json").write_text(content)
    done = outcrop("measure", "salt", tmp_path / "a.mask.png", "--out", tmp_path / "run", "--json")
    assert done.code == 0 and done.record["inputs"][0]["measurements"][0]["about"]["pixels"] == truth.sum()


def test_an_assumption_reaches_the_volume(outcrop: Command, copier: Path, survey: Any, tmp_path: Path) -> None:
    outcrop("predict", "salt", survey.path, "--out", tmp_path / "run", "-m", copier)
    volumes = []
    for velocity in ("3000", "6000"):
        words = ("--out", tmp_path / velocity, "-a", f"salt velocity={velocity}", "--json")
        record = outcrop("measure", "salt", tmp_path / "run" / "survey.probability.sgy", *words).record
        assert record["assumptions"]["salt velocity"]["best"] == float(velocity)
        volumes.append(record["inputs"][0]["measurements"][0]["value"])
    assert volumes[1] == pytest.approx(2 * volumes[0])


# What is no probability and no mask ------------------------------------------------------------------------------------


def test_amplitudes_are_no_probabilities(outcrop: Command, survey: Any, tmp_path: Path) -> None:
    done = outcrop("measure", "salt", survey.path, "--out", tmp_path / "run")
    assert done.code == 3
    assert "survey.sgy holds values from" in done.err and "outcrop predict" in done.err


def test_one_line_of_other_values_is_found_wherever_it_lies(outcrop: Command, tmp_path: Path) -> None:
    values = np.zeros((9, 5, 6), np.float32)
    values[8, 4, 5] = 700
    np.save(tmp_path / "a.npy", values)
    done = outcrop("measure", "salt", tmp_path / "a.npy", "--out", tmp_path / "run")
    assert done.code == 3 and "a.npy holds values from 0 to 700" in done.err


def test_an_overlay_is_no_probability(outcrop: Command, copier: Path, disc: Command, tmp_path: Path) -> None:
    disc(tmp_path / "a.png")
    outcrop("predict", "salt", tmp_path / "a.png", "--out", tmp_path / "run", "-m", copier)
    done = outcrop("measure", "salt", tmp_path / "run" / "a.overlay.png", "--out", tmp_path / "again")
    assert done.code == 3 and "a.overlay.png is a colour picture" in done.err


def test_a_run_is_not_measured_over_itself(outcrop: Command, copier: Path, disc: Command, tmp_path: Path) -> None:
    disc(tmp_path / "a.png")
    outcrop("predict", "salt", tmp_path / "a.png", "--out", tmp_path / "run", "-m", copier)
    before = {p.name: p.read_bytes() for p in (tmp_path / "run").iterdir()}
    done = outcrop("measure", "salt", tmp_path / "run", "--out", tmp_path / "run", "--overwrite")
    assert done.code == 2 and "give another --out" in done.err
    assert {p.name: p.read_bytes() for p in (tmp_path / "run").iterdir()} == before


def test_the_record_of_a_run_holds_what_it_trusted(
    outcrop: Command, blurring: Path, disc: Command, tmp_path: Path
) -> None:
    disc(tmp_path / "a.png")
    outcrop("predict", "salt", tmp_path / "a.png", "--out", tmp_path / "run", "-m", blurring)
    (model,) = json.loads((tmp_path / "run" / "summary.json").read_text())["models"]
    assert model["calibration"]["threshold"] == [0.42] and model["calibration"]["min_area"] == 12
