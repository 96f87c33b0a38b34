"""A run of detectors is judged by what it said of pictures it never saw."""

import json
from pathlib import Path

import numpy as np
import pytest

import outcrop
from outcrop.core.errors import OutputExists, UsageError
from outcrop.core.labelled import Boxed
from outcrop.engine.assess_boxes import assess_boxes
from outcrop.engine.heldout_boxes import write_held_out_boxes
from outcrop.engine.teach import gives_boxes, judge, teach
from outcrop.models.suppression import Found, nothing
from outcrop.tasks import load

ROOM = load("flares")


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("data")
    outcrop.draw("flares", folder / "flare", seed=1, kind="flame", count="4", shape="96x96", light="day")
    (folder / "negatives").mkdir()
    outcrop.draw("flares", folder / "decoys", seed=2, kind="clouds", count="6", shape="96x96")
    for path in sorted((folder / "decoys" / "images").iterdir()):
        path.rename(folder / "negatives" / path.name)
    return folder


def run_of(folder: Path, boxed: Boxed, said: dict[int, Found]) -> Path:
    """A run whose two folds said these things of the pictures at these positions, and nothing of the others."""
    shown = [i for i in range(len(boxed)) if not boxed.always[i]]
    for fold in (0, 1):
        where = folder / f"fold-{fold}"
        where.mkdir(parents=True)
        mine = shown[fold::2]
        views = [said.get(i, nothing()) for i in mine]
        write_held_out_boxes(
            where / "held-out-boxes.npz", [boxed.ids[i] for i in mine], [boxed.kinds[i] for i in mine], {"single": views, "flip": views}
        )  # fmt: skip
    (folder / "record.json").write_text(json.dumps({"recipe": {"side": 416}}))
    return folder


def faultless(boxed: Boxed) -> dict[int, Found]:
    return {
        i: Found(boxed.boxes[i], np.full(len(boxed.boxes[i]), 0.9, np.float32), boxed.labels[i]) for i in range(len(boxed))
    }  # fmt: skip


def test_a_faultless_run_scores_one_and_leaves_its_files(data: Path, tmp_path: Path) -> None:
    boxed = ROOM.examples(data, boxes=True)
    run = run_of(tmp_path / "run", boxed, faultless(boxed))
    found = assess_boxes(ROOM, data, tmp_path / "out", run=run)
    assert found.score.value == pytest.approx(1)
    assert found.fold_mean == pytest.approx(1)
    assert found.pictures == 4
    metrics = json.loads((tmp_path / "out" / "metrics.json").read_text())
    assert metrics["precision"]["map50"]["value"] == pytest.approx(1)
    assert {"metrics.json", "pictures.csv", "curves.csv", "evaluation.html"} == {
        p.name for p in (tmp_path / "out").iterdir()
    }


def test_a_run_that_says_nothing_scores_nothing(data: Path, tmp_path: Path) -> None:
    run = run_of(tmp_path / "run", ROOM.examples(data, boxes=True), {})
    found = assess_boxes(ROOM, data, tmp_path / "out", run=run)
    assert found.score.value == 0
    assert found.confusion[0, -1] == 4  # every flame was taken for background


def test_results_are_not_overwritten_unless_asked(data: Path, tmp_path: Path) -> None:
    boxed = ROOM.examples(data, boxes=True)
    run = run_of(tmp_path / "run", boxed, faultless(boxed))
    assess_boxes(ROOM, data, tmp_path / "out", run=run)
    with pytest.raises(OutputExists):
        assess_boxes(ROOM, data, tmp_path / "out", run=run)


def test_a_run_is_judged_by_its_kind(data: Path, tmp_path: Path) -> None:
    boxed = ROOM.examples(data, boxes=True)
    run = run_of(tmp_path / "run", boxed, faultless(boxed))
    assert gives_boxes(run) and not gives_boxes(tmp_path)
    assert judge(ROOM, data, tmp_path / "out", run=run).metric == "mAP50"
    with pytest.raises(UsageError, match="takes no metric"):
        judge(ROOM, data, tmp_path / "again", run=run, metric="iou")
    with pytest.raises(UsageError, match="one by one"):
        judge(ROOM, data, tmp_path / "again", run=[run, run])


def test_a_detector_takes_no_unlabelled_pictures(data: Path, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="takes no --pseudo"):
        teach(ROOM, data, tmp_path / "run", recipe="boxes", pseudo=data, teacher=data)
