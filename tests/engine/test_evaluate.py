"""Evaluation from held-out probabilities to a folder: known scores, honest ones, and the files."""

import csv
import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from outcrop.core.errors import BadInput, OutputExists, UsageError
from outcrop.core.labelled import Labelled
from outcrop.core.scene import Floats
from outcrop.engine.evaluate import Evaluation, evaluate, write_evaluation
from outcrop.engine.metrics import paired_bootstrap, score


def pictures(number: int = 30, classes: int = 1, bands: int = 1) -> Labelled:
    """Pictures of two sizes; each class has a disc in most of them, two pictures make a group."""
    rng = np.random.default_rng(7)
    images, masks = [], []
    for place in range(number):
        rows, cols = (24, 30) if place % 2 else (28, 28)
        row, col = np.mgrid[:rows, :cols]
        mask = np.zeros((rows, cols), np.uint8)
        for value in range(1, classes + 1):
            centre = rng.uniform(6, 18, 2)
            if rng.random() < 0.7:
                mask[np.hypot(row - centre[0], col - centre[1]) < rng.uniform(2, 7)] = value
        mask[0, 0] = 255
        masks.append(mask)
        images.append((mask == 1)[None].repeat(bands, 0) + rng.normal(0, 0.3, (bands, rows, cols)).astype(np.float32))
    return Labelled(
        ids=tuple(f"picture-{place}" for place in range(number)),
        images=tuple(np.asarray(image, np.float32) for image in images),
        masks=tuple(masks),
        groups=tuple(f"place-{place // 2}" for place in range(number)),
        strata=np.zeros(number, np.int64),
        context=np.zeros((number, 2), np.float32),
    )


def guesses(
    labelled: Labelled, classes: int = 1, noise: float = 0.35, sharp: float = 1.0, seed: int = 0
) -> list[Floats]:
    """Probabilities around the truth, the more wrong the more noise; ``sharp`` above 1 is overconfidence."""
    rng = np.random.default_rng(seed)
    found = []
    for mask in labelled.masks:
        true = np.stack([mask == value for value in range(1, classes + 1)])
        logits = sharp * (np.where(true, 1.0, -1.0) + noise * 4 * rng.normal(size=true.shape))
        found.append((1 / (1 + np.exp(-logits))).astype(np.float32))
    return found


FOLDS = np.arange(30) // 2 % 5


@pytest.fixture(scope="module")
def labelled() -> Labelled:
    return pictures()


@pytest.fixture(scope="module")
def found(labelled: Labelled) -> Evaluation:
    near = np.arange(30) < 10
    rng = np.random.default_rng(1)
    return evaluate(guesses(labelled, sharp=2), labelled, FOLDS, classes=("salt",), rng=rng, neighbours=near)


# Known truth


def test_a_perfect_model_scores_one_and_has_no_worst_case(labelled: Labelled) -> None:
    truth = [(mask == 1)[None].astype(np.float32) for mask in labelled.masks]
    found = evaluate(truth, labelled, FOLDS, classes=("salt",), rng=np.random.default_rng(0))
    assert found.score.value == found.score.low == found.score.high == 1
    assert found.worst == ()
    assert not found.tuned.kept


def test_a_silent_model_scores_as_the_baseline_of_nothing(labelled: Labelled) -> None:
    silent = [np.zeros((1, *mask.shape), np.uint8) for mask in labelled.masks]
    found = evaluate(silent, labelled, FOLDS, classes=("salt",), rng=np.random.default_rng(0))
    assert found.score.value == found.baselines["nothing anywhere"]
    assert found.figures["recall"].value == 0
    assert found.as_dict()["figures"]["precision"]["value"] is None


def test_the_headline_is_the_nested_score_with_its_interval_and_folds(found: Evaluation) -> None:
    assert found.score.value == pytest.approx(found.tuned.nested)
    assert found.score.low < found.score.value < found.score.high
    assert found.tuned.nested <= found.tuned.fitted + 1e-12
    assert len(found.folds) == 5
    assert found.fold_mean == pytest.approx(np.mean([fold.score for fold in found.folds]))
    assert found.fold_spread == pytest.approx(np.std([fold.score for fold in found.folds], ddof=1))


def test_every_part_of_the_pictures_adds_up(found: Evaluation) -> None:
    assert found.pictures == sum(fold.pictures for fold in found.folds) == 30
    assert found.groups == 15
    for rows in (found.coverage, found.kinds, found.neighbours):
        assert sum(row.pictures for row in rows) == 30
        mean = sum(row.pictures * row.score.value for row in rows if row.score) / 30
        assert mean == pytest.approx(found.score.value)


def test_the_worst_cases_are_the_lowest_scores_in_order(found: Evaluation) -> None:
    scores = [case.score for case in found.worst]
    assert scores == sorted(scores)
    assert max(scores) <= min(case.score for case in found.cases if case not in found.worst)
    assert all(found.cases[case.position].id == case.id for case in found.worst)


def test_overconfidence_is_mended_and_the_threshold_moves_with_it(found: Evaluation) -> None:
    temperature = found.trust.temperature
    assert found.trust.kept and temperature.scale > 1.5
    assert found.trust.after[0].log_loss < found.trust.before[0].log_loss
    wanted = temperature.apply(np.array(found.tuned.decision.threshold))
    assert found.calibrated_threshold == pytest.approx(tuple(wanted))
    assert found.calibration().threshold == found.calibrated_threshold


def test_a_shift_of_all_logits_is_mended_by_a_bias(labelled: Labelled) -> None:
    said = guesses(labelled, sharp=2)
    plain, shifted = (
        evaluate(said, labelled, FOLDS, classes=("salt",), rng=np.random.default_rng(1), with_bias=with_bias)
        for with_bias in (False, True)
    )
    assert shifted.trust.temperature.bias < -0.5
    assert shifted.trust.after[0].ece < 0.5 * plain.trust.before[0].ece


# Properties


def test_the_same_seed_gives_the_same_evaluation(labelled: Labelled, found: Evaluation) -> None:
    rng = np.random.default_rng(1)
    again = evaluate(
        guesses(labelled, sharp=2), labelled, FOLDS, classes=("salt",), rng=rng, neighbours=np.arange(30) < 10
    )
    assert again.as_dict() == found.as_dict()


def test_bytes_give_nearly_the_scores_of_floats(labelled: Labelled, found: Evaluation) -> None:
    coarse = [np.rint(planes * 255).astype(np.uint8) for planes in guesses(labelled, sharp=2)]
    again = evaluate(coarse, labelled, FOLDS, classes=("salt",), rng=np.random.default_rng(1))
    assert again.score.value == pytest.approx(found.score.value, abs=0.03)
    assert again.figures["iou"].value == pytest.approx(found.figures["iou"].value, abs=0.02)


def test_pictures_that_are_never_held_out_are_left_aside(labelled: Labelled) -> None:
    said = guesses(labelled)
    folds = FOLDS.copy()
    folds[:6] = -1
    marked = replace(labelled, always=np.arange(30) >= 28)
    found = evaluate(said, marked, folds, classes=("salt",), rng=np.random.default_rng(0))
    assert [case.position for case in found.cases] == list(range(6, 28))


def test_without_folds_threshold_and_temperature_are_still_judged_on_other_places(labelled: Labelled) -> None:
    found = evaluate(guesses(labelled), labelled, None, classes=("salt",), rng=np.random.default_rng(0))
    assert not found.folds_given
    assert len(found.folds) == 5
    place = {case.id: case.fold for case in found.cases}
    assert all(place[f"picture-{2 * pair}"] == place[f"picture-{2 * pair + 1}"] for pair in range(15))


def test_a_single_place_is_judged_picture_by_picture(labelled: Labelled) -> None:
    single = replace(labelled, groups=("here",) * 30)
    found = evaluate(guesses(labelled), single, None, classes=("salt",), rng=np.random.default_rng(0))
    assert found.groups == 1
    assert found.score.low < found.score.high


def test_two_models_are_compared_on_their_counts(labelled: Labelled) -> None:
    good, bad = (
        evaluate(
            guesses(labelled, noise=noise),
            labelled,
            FOLDS,
            classes=("salt",),
            metric="iou",
            rng=np.random.default_rng(0),
        )
        for noise in (0.2, 0.6)
    )
    gain = paired_bootstrap("iou", bad.counts, good.counts, rng=np.random.default_rng(0), groups=labelled.groups)
    assert gain.interval()[0] > 0
    assert good.score.value == pytest.approx(score("iou", good.counts))


@pytest.mark.parametrize("metric", ["kaggle", "iou", "dice"])
def test_several_classes_go_the_same_way(metric: str) -> None:
    labelled = pictures(classes=3)
    found = evaluate(
        guesses(labelled, 3, noise=0.15), labelled, FOLDS, classes=("pond", "dam", "beach"), metric=metric,
        rng=np.random.default_rng(0),
    )  # fmt: skip
    assert list(found.by_class) == ["pond", "dam", "beach"]
    assert len(found.tuned.decision.threshold) == len(found.curves) == len(found.trust.before) == 3
    assert found.score.value == pytest.approx(np.mean([figures[metric] for figures in found.by_class.values()]))
    assert {row.of for row in found.coverage} == {"pond", "dam", "beach"}


# Refusals


def test_what_cannot_be_judged_is_refused_in_one_sentence(labelled: Labelled) -> None:
    said, rng = guesses(labelled), np.random.default_rng(0)

    def judge(probabilities: list[Floats], folds: NDArray[np.int64] | None = FOLDS, **changes: object) -> None:
        evaluate(probabilities, labelled, folds, **{"classes": ("salt",), "rng": rng, **changes})  # type: ignore[arg-type]

    with pytest.raises(UsageError, match="29 probabilities came for 30 pictures"):
        judge(said[:-1])
    with pytest.raises(UsageError, match="3 folds came for 30 pictures"):
        judge(said, np.arange(3))
    with pytest.raises(UsageError, match="cannot judge by 'accuracy'"):
        judge(said, metric="accuracy")
    with pytest.raises(UsageError, match="0 pictures were held out"):
        judge(said, np.full(30, -1))
    with pytest.raises(BadInput, match=r"picture-0: the probability is \(1, 28, 28\), wanted \(2, 28, 28\)"):
        judge(said, classes=("a", "b"))
    with pytest.raises(BadInput, match="picture-0: .* sigmoid"):
        judge([planes * 9 - 4 for planes in said])


# The folder


def test_the_folder_holds_figures_charts_and_a_page(labelled: Labelled, found: Evaluation, tmp_path: Path) -> None:
    written = write_evaluation(found, labelled, guesses(labelled, sharp=2), tmp_path / "run", title="A <test>")
    assert {path.name for path in written} == {path.name for path in (tmp_path / "run").iterdir()}
    assert {"metrics.json", "pictures.csv", "evaluation.html"} <= {path.name for path in written}
    figures = json.loads((tmp_path / "run/metrics.json").read_text())
    assert figures == found.as_dict()
    assert figures["score"]["value"] == pytest.approx(found.score.value, abs=1e-6)
    with (tmp_path / "run/pictures.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert np.mean([float(row["score"]) for row in rows]) == pytest.approx(found.score.value)
    page = (tmp_path / "run/evaluation.html").read_text()
    assert "A &lt;test&gt;" in page and found.worst[0].id in page and f"{found.score.value:.3f}" in page


def test_an_earlier_evaluation_is_not_overwritten_unasked(
    labelled: Labelled, found: Evaluation, tmp_path: Path
) -> None:
    said = guesses(labelled, sharp=2)
    (tmp_path / "model.onnx").write_bytes(b"kept")
    write_evaluation(found, labelled, said, tmp_path)
    with pytest.raises(OutputExists, match="metrics.json"):
        write_evaluation(found, labelled, said, tmp_path)
    write_evaluation(found, labelled, said, tmp_path, overwrite=True)
    assert (tmp_path / "model.onnx").read_bytes() == b"kept"


def test_several_bands_and_classes_make_a_page_too(tmp_path: Path) -> None:
    labelled = pictures(classes=2, bands=4)
    said = guesses(labelled, 2)
    found = evaluate(said, labelled, None, classes=("pond", "dam"), metric="iou", rng=np.random.default_rng(0))
    write_evaluation(found, labelled, said, tmp_path, picture=lambda image: image[:3])
    page = (tmp_path / "evaluation.html").read_text()
    assert "Class by class" in page and "One model predicted them all" in page


def test_without_matplotlib_everything_but_the_charts_is_written(
    labelled: Labelled, found: Evaluation, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("outcrop.outputs.plots.available", lambda: False)
    written = write_evaluation(found, labelled, guesses(labelled, sharp=2), tmp_path)
    assert sorted(path.name for path in written) == ["evaluation.html", "metrics.json", "pictures.csv"]
