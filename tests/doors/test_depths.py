"""``outcrop predict --depths``: models that take a depth get it, the others do not mind."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

Command = Callable[..., Any]


@pytest.fixture(scope="module")
def deep(model_file: Callable[..., Path], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A model file that adds a tenth of (standardised depth + 1) where depth is known, and nothing where it is not."""
    return model_file(tmp_path_factory.mktemp("deep") / "deep.onnx", "depth", context=True, chip=32, overlap=8)


@pytest.fixture
def pictures(tmp_path: Path) -> Path:
    """Three dark pictures, all of them equal, and a table that tells the depths of two."""
    values = np.random.default_rng(0).integers(0, 120, (40, 33)).astype(np.uint8)
    (tmp_path / "in").mkdir()
    for name in ("shallow", "deep", "unknown"):
        Image.fromarray(values).save(tmp_path / "in" / f"{name}.png")
    (tmp_path / "in" / "depths.csv").write_text("id,z\nshallow,506\ndeep,924\nnot-here,1\n")
    return tmp_path / "in"


def seen(folder: Path) -> dict[str, NDArray[np.float64]]:
    """Probabilities of a run in 0 .. 255, by stem."""
    paths = folder.glob("*.probability.png")
    return {path.name.split(".")[0]: np.asarray(Image.open(path), np.float64) for path in paths}


def test_a_known_depth_changes_the_answer_and_an_absent_one_does_not(
    outcrop: Command, deep: Path, pictures: Path, tmp_path: Path
) -> None:
    """506 is the mean and 209 the spread of the challenge's depths, so the answers rise by 0.1 and 0.3."""
    words = ("predict", "salt", pictures, "-m", deep, "--out")
    assert outcrop(*words, tmp_path / "plain").code == 0
    done = outcrop(*words, tmp_path / "deep", "--depths", pictures / "depths.csv", "--json")
    assert (done.code, done.err) == (0, "")
    plain, known = seen(tmp_path / "plain"), seen(tmp_path / "deep")
    rise = {name: known[name] - plain[name] for name in plain}
    assert np.abs(rise["shallow"] - 25.5).max() <= 1 and np.abs(rise["deep"] - 76.5).max() <= 1
    assert not rise["unknown"].any()
    noted = {entry["stem"]: [n for n in entry["notes"] if "none is known" in n] for entry in done.record["inputs"]}
    assert [name for name, notes in noted.items() if notes] == ["unknown"]


def test_a_picture_too_large_to_share_a_batch_gets_its_depth_too(
    outcrop: Command, deep: Path, pictures: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("outcrop.engine.run.SMALL", 100)
    words = ("predict", "salt", pictures, "-m", deep, "--depths", pictures / "depths.csv", "--out")
    assert outcrop(*words, tmp_path / "run").code == 0
    found = seen(tmp_path / "run")
    assert np.abs(found["deep"] - found["unknown"] - 76.5).max() <= 1


def test_models_that_take_no_depth_answer_as_without_and_say_so(
    outcrop: Command, copier: Path, pictures: Path, tmp_path: Path
) -> None:
    words = ("predict", "salt", pictures, "-m", copier, "--json", "--out")
    plain, told = outcrop(*words, tmp_path / "a"), outcrop(*words, tmp_path / "b", "--depths", pictures / "depths.csv")
    assert (plain.code, told.code) == (0, 0)
    before, after = seen(tmp_path / "a"), seen(tmp_path / "b")
    assert all(np.array_equal(before[name], after[name]) for name in before)
    assert plain.record["warnings"] == []
    assert told.record["warnings"] == [
        f"{name}.png: its depth changed nothing: these models take none" for name in ("deep", "shallow")
    ]


@pytest.mark.parametrize(
    ("text", "said"),
    [("id,z\na,deep\n", "is no table of depths (line 2)"), (None, "cannot be read"), ("a letter", "(line 1)")],
)
def test_a_bad_table_stops_the_run_before_it_begins(
    outcrop: Command, deep: Path, pictures: Path, tmp_path: Path, text: str | None, said: str
) -> None:
    if text is not None:
        (tmp_path / "bad.csv").write_text(text)
    done = outcrop("predict", "salt", pictures, "-m", deep, "--out", tmp_path / "run", "--depths", tmp_path / "bad.csv")
    assert done.code == 3 and not (tmp_path / "run").exists()
    assert len(done.err.splitlines()) == 1 and "bad.csv" in done.err and said in done.err


def test_a_stopped_run_does_not_go_on_with_other_depths(
    outcrop: Command, deep: Path, pictures: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def stop(*words: Any) -> None:
        raise KeyboardInterrupt

    words = ("predict", "salt", pictures, "-m", deep, "--out", tmp_path / "run", "--depths", pictures / "depths.csv")
    with monkeypatch.context() as patch:
        patch.setattr("outcrop.engine.run.Run._finish", stop)
        assert outcrop(*words).code == 130
    (pictures / "depths.csv").write_text("id,z\nshallow,100\n")
    done = outcrop(*words, "--resume")
    assert done.code == 2 and "begun with other settings (options)" in done.err
