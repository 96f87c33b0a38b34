"""A detector learns what it is shown, holds out what it says it holds out, and ends alike whether stopped or not."""

import json
import os
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from outcrop.core.errors import OutputExists, UsageError
from outcrop.core.labelled import Boxed

torch = pytest.importorskip("torch", reason="needs torch: install the extra 'learn'")

from outcrop.engine.heldout_boxes import read_held_out_boxes
from outcrop.engine.learn_boxes import assign, detector_of, held_out, recipe_of, run_fold, train_boxes, weights
from outcrop.engine.train_boxes import BoxTrainer, drawn, learning_rate, see, shown_of
from outcrop.models.box_recipe import BoxAugmentation, BoxRecipe
from outcrop.models.recipe import Recipe
from outcrop.models.suppression import overlap

DATA = Path(os.environ.get("OUTCROP_DATA", Path(__file__).parents[3] / "shared" / "data"))
WEIGHTS = DATA.parent / "weights" / "yolox_nano_coco.safetensors"
SMALL = BoxAugmentation(mosaic=0.3, scale=(0.9, 1.1), shift=0.05, blur=0, noise=0, grey=0, blocks=0, hue=0)
RECIPE = BoxRecipe(
    name="tiny", side=64, batch=4, epochs=2, learning_rate=2e-3, warmup=0.1, ema=0.9, fold_count=3, augment=SMALL
)


def rectangles(count: int, seed: int = 0, always: int = 0) -> Boxed:
    """Pictures of a bright orange (0) or dark (1) rectangle on grey; the last ones always train; every fifth is empty."""
    rng = np.random.default_rng(seed)
    pictures, boxes, labels = [], [], []
    for i in range(count):
        picture = np.full((3, 48, 64), 140, np.uint8) + rng.integers(0, 20, (3, 48, 64), dtype=np.uint8)
        label, (width, height) = int(rng.integers(2)), rng.integers(16, 30, 2)
        left, top = int(rng.integers(64 - width)), int(rng.integers(48 - height))
        if i % 5 < 4:
            colour = np.array([[250, 160, 20], [20, 20, 30]], np.uint8)[label]
            picture[:, top : top + height, left : left + width] = colour[:, None, None]
        empty = i % 5 == 4
        boxes.append(np.array([[left, top, left + width, top + height]] * (not empty), np.float32).reshape(-1, 4))
        labels.append(np.array([label] * (not empty), np.int64))
        pictures.append(picture)
    return Boxed(
        ids=tuple(f"p{i}" for i in range(count)), read=lambda i: pictures[i], boxes=tuple(boxes), labels=tuple(labels),
        groups=tuple(f"g{i // 2}" for i in range(count)),
        kinds=tuple("other" if i >= count - always else "own" for i in range(count)),
        always=np.arange(count) >= count - always,
    )  # fmt: skip


def room(boxed: Boxed, **recipes: Any) -> Any:
    """As much of a task as training needs."""
    return SimpleNamespace(name="room", classes=("a", "b"), recipes=recipes, examples=lambda folder, boxes: boxed)


def state(folder: Path) -> dict[str, Any]:
    found: dict[str, Any] = torch.load(folder / "checkpoint.pt", weights_only=True)
    return found


class Stopped(Exception):
    """The user pulled the plug."""


@pytest.mark.parametrize("change", [{}, {"optimizer": "sgd", "ema": 0.0, "precision": "float32", "box_loss": "iou"}])
def test_a_stopped_and_resumed_run_ends_with_the_same_weights(change: dict[str, Any], tmp_path: Path) -> None:
    recipe, boxed = replace(RECIPE, **change), rectangles(9)
    run_fold(recipe, boxed, tmp_path / "one", 0, 2)

    def stop(epoch: object) -> None:
        raise Stopped

    with pytest.raises(Stopped):
        run_fold(recipe, boxed, tmp_path / "two", 0, 2, report=stop)
    run_fold(recipe, boxed, tmp_path / "two", 0, 2)
    one, two = (state(tmp_path / name / "fold-0") for name in ("one", "two"))
    for part in ("net", "kept"):
        assert all(torch.equal(one[part][key], two[part][key]) for key in one[part])
    strip = [{k: v for k, v in e.items() if k != "seconds"} for e in one["log"]]
    assert strip == [{k: v for k, v in e.items() if k != "seconds"} for e in two["log"]] and len(strip) == 2


@pytest.mark.skipif(not WEIGHTS.exists(), reason=f"needs the published weights in {WEIGHTS.parent}: set OUTCROP_DATA")
def test_a_few_steps_from_the_published_weights_bring_the_boxes() -> None:
    boxed = rectangles(4)
    recipe = replace(RECIPE, draws=(("own", 16),), epochs=8, augment=replace(SMALL, mosaic=0.0))
    trainer = BoxTrainer(
        recipe, shown_of(boxed, recipe), boxed.kinds, np.arange(4), np.arange(2), 2, Path("unused"), WEIGHTS
    )
    trainer.save = lambda: None  # type: ignore[method-assign]
    net = trainer.run()
    first, last = trainer.log[0], trainer.log[-1]
    assert last.train_loss < 0.6 * first.train_loss and last.valid_loss < 0.7 * first.valid_loss
    best = [see(net, np.ascontiguousarray(boxed.read(i).transpose(1, 2, 0)), 64) for i in range(4)]
    overlaps = [overlap(f.boxes[:1], b)[0].max(initial=0) for f, b in zip(best, boxed.boxes, strict=True)]
    assert sorted(overlaps)[1] > 0.6


def test_a_run_holds_out_whole_groups_and_keeps_what_it_says_of_them(tmp_path: Path) -> None:
    boxed = rectangles(12, always=3)
    out = train_boxes(room(boxed, tiny=RECIPE), tmp_path, tmp_path / "run", folds=[0, 2], settings={"epochs": "1"})
    found, folds = read_held_out_boxes(out)
    place = assign(boxed, RECIPE)
    assert {boxed.ids[i] for i in range(12) if place[i] in (0, 2)} == set(found) == set(folds)
    assert all(place[boxed.ids.index(id)] == fold for id, fold in folds.items())
    assert (place[-3:] == -1).all() and len({place[i] for i in range(9) if boxed.groups[i] == "g1"}) == 1
    net, recipe = detector_of(out, 2, 2)
    assert recipe.epochs == 1
    index = np.flatnonzero(place == 2)
    for key in ("single", "flip"):
        said = held_out(net, recipe, boxed, index)[key]
        kept = read_held_out_boxes(out, key)[0]
        assert all((kept[boxed.ids[i]].boxes == f.boxes).all() for i, f in zip(index, said, strict=True))
    record = json.loads((out / "fold-0" / "record.json").read_text())
    assert record["held_out"] == [boxed.ids[i] for i in np.flatnonzero(place == 0)]
    assert record["train"] == 12 - len(record["held_out"])


def test_transfer_holds_out_everything_that_does_not_always_train(tmp_path: Path) -> None:
    boxed = rectangles(10, always=6)
    start = replace(RECIPE, folds="transfer", draws=(("other", 4),), epochs=1)
    out = train_boxes(room(boxed, start=start), tmp_path, tmp_path / "start")
    assert set(read_held_out_boxes(out)[0]) == set(boxed.ids[:4])
    later = train_boxes(
        room(boxed, tiny=replace(RECIPE, fold_count=2, epochs=1)), tmp_path, tmp_path / "run", folds=[1], start=out
    )
    record = json.loads((later / "fold-1" / "record.json").read_text())
    assert record["start"]["name"] == "checkpoint.pt"


def test_a_fold_starts_from_its_own_fold_of_another_run(tmp_path: Path) -> None:
    boxed = rectangles(9)
    first = train_boxes(room(boxed, tiny=replace(RECIPE, epochs=1)), tmp_path, tmp_path / "run", folds=[1])
    assert weights(first, 1) == first / "fold-1" / "checkpoint.pt"
    with pytest.raises(UsageError):
        weights(first, 0)
    with pytest.raises(UsageError):
        weights(tmp_path / "none.safetensors", 0)


def test_another_recipe_or_other_pictures_do_not_go_on_with_a_run(tmp_path: Path) -> None:
    recipe, boxed = replace(RECIPE, epochs=1), rectangles(9)
    run_fold(recipe, boxed, tmp_path, 0, 2)
    with pytest.raises(UsageError, match="learning_rate"):
        run_fold(replace(recipe, learning_rate=1.0), boxed, tmp_path, 0, 2)
    with pytest.raises(UsageError, match="other pictures"):
        run_fold(recipe, rectangles(9, seed=1), tmp_path, 0, 2)
    with pytest.raises(UsageError, match="fold 7"):
        run_fold(recipe, boxed, tmp_path, 7, 2)
    with pytest.raises(OutputExists):
        train_boxes(room(boxed, tiny=recipe), tmp_path, tmp_path)


def test_each_kind_is_drawn_as_often_as_the_recipe_says() -> None:
    recipe = replace(RECIPE, draws=(("a", 5), ("b", 2), ("c", 9)))
    kinds = ["a", "a", "b", "b", "b", "d"]
    order = drawn(recipe, kinds, np.arange(6), np.random.default_rng(0))
    assert sorted(kinds[i] for i in order) == ["a"] * 5 + ["b"] * 2
    assert {list(order).count(0), list(order).count(1)} == {2, 3}
    with pytest.raises(UsageError):
        drawn(recipe, ["d"], np.arange(1), np.random.default_rng(0))


def test_the_learning_rate_warms_up_and_falls() -> None:
    rates = [learning_rate(RECIPE, p) for p in np.linspace(0, 0.999, 50)]
    assert rates[0] == pytest.approx(0.01 * RECIPE.learning_rate) and max(rates) <= RECIPE.learning_rate
    assert rates[-1] == pytest.approx(RECIPE.floor * RECIPE.learning_rate, rel=0.01)


def test_only_recipes_for_detectors_are_taken() -> None:
    task = room(rectangles(1), outlines=Recipe(name="outlines"), boxes=RECIPE)
    assert recipe_of(task, None) is RECIPE
    with pytest.raises(UsageError):
        recipe_of(task, "outlines")
