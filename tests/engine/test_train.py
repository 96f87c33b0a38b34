"""Training learns, holds out what it says it holds out, and ends alike whether it was stopped or not."""

import csv
import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from outcrop.core.errors import UsageError
from outcrop.core.labelled import Labelled, fingerprint
from outcrop.models.recipe import Augmentation, Recipe

torch = pytest.importorskip("torch", reason="needs torch: install the extra 'learn'")

from outcrop.engine import augment
from outcrop.engine.folds import assign
from outcrop.engine.heldout import read_held_out
from outcrop.engine.learn import held_out, run_fold
from outcrop.engine.train import Trainer, forward, learning_rate, mean_iou, record, side_at
from outcrop.models.network import build

Blobs = Callable[..., Labelled]
BUSY = Augmentation(
    flip_ud=True, turn=True, scale=0.2, shift=0.1, brightness=0.1, contrast=0.1, gamma=0.2, noise=0.05, invert=0.1
)


class Stopped(Exception):
    """The user pulled the plug."""


def weights(folder: Path) -> dict[str, Any]:
    """All weights of a checkpoint, the learning and the kept ones."""
    state = torch.load(folder / "checkpoint.pt", weights_only=True)
    return {f"{part}.{key}": value for part in ("net", "kept") for key, value in state[part].items()}


def equal(first: Path, second: Path) -> bool:
    """Bit for bit the same."""
    one, two = weights(first), weights(second)
    return one.keys() == two.keys() and all(torch.equal(one[key], two[key]) for key in one)


@pytest.mark.parametrize(
    "change",
    [
        {},
        {"optimizer": "sgd", "ema": 0.0},
        {
            "network": "residual-unet",
            "depth": True,
            "presence": 0.1,
            "augment": BUSY,
            "phases": ((0.5, "bce"), (0.5, "lovasz")),
        },
        {"sizes": ((0.5, 8), (0.5, 16))},
    ],
    ids=["plain", "without averaging", "with everything", "small pictures first"],
)
def test_a_run_stopped_and_resumed_ends_like_one_that_was_not(
    tiny_recipe: Recipe, blobs: Blobs, tmp_path: Path, change: dict[str, Any]
) -> None:
    recipe, labelled = replace(tiny_recipe, **change), blobs(24)
    whole = run_fold(recipe, labelled, tmp_path / "whole", 0, 1)

    def stop(epoch: Any) -> None:
        raise Stopped

    with pytest.raises(Stopped):
        run_fold(recipe, labelled, tmp_path / "parts", 0, 1, report=stop)
    epochs: list[int] = []
    torch.manual_seed(99), np.random.seed(99)
    parts = run_fold(recipe, labelled, tmp_path / "parts", 0, 1, report=lambda epoch: epochs.append(epoch.epoch))
    assert epochs == [1]
    assert equal(whole, parts)
    assert all(
        np.array_equal(a, b)
        for a, b in zip(*(read_held_out(tmp_path / n)[0].values() for n in ("whole", "parts")), strict=True)
    )


def test_the_same_seed_gives_the_same_weights_and_another_seed_others(
    tiny_recipe: Recipe, blobs: Blobs, tmp_path: Path
) -> None:
    recipe, labelled = replace(tiny_recipe, epochs=1), blobs(12)
    first, second, other = (
        run_fold(replace(recipe, seed=seed), labelled, tmp_path / name, -1, 1)
        for name, seed in (("a", 0), ("b", 0), ("c", 1))
    )
    assert equal(first, second) and not equal(first, other)


def test_a_second_member_of_a_fold_begins_and_shuffles_otherwise_and_holds_out_the_same(
    tiny_recipe: Recipe, blobs: Blobs, tmp_path: Path
) -> None:
    labelled, one = blobs(12), replace(tiny_recipe, epochs=1)
    first, second, again = (
        run_fold(replace(one, member=member), labelled, tmp_path / name, 0, 1)
        for name, member in (("a", 0), ("b", 1), ("c", 1))
    )
    start = tmp_path / "start.pt"
    torch.save({"kept": Trainer(one, labelled, np.arange(12), np.arange(0), 1, tmp_path).net.state_dict()}, start)
    alike = [
        run_fold(replace(one, member=member), labelled, tmp_path / f"alike {member}", 0, 1, start=start)
        for member in (0, 1)
    ]
    assert equal(second, again) and not equal(first, second) and not equal(*alike)
    assert set(read_held_out(tmp_path / "a")[0]) == set(read_held_out(tmp_path / "b")[0])


def spoilt(labelled: Labelled, index: np.ndarray) -> Labelled:
    """The same set with these pictures blackened and their masks turned over."""
    chosen = set(index.tolist())
    return replace(
        labelled,
        images=tuple(0 * image if i in chosen else image for i, image in enumerate(labelled.images)),
        masks=tuple(1 - mask if i in chosen else mask for i, mask in enumerate(labelled.masks)),
    )


@pytest.mark.parametrize("scheme", ["random", "grouped", "fixed"])
def test_a_held_out_picture_is_never_trained_on(tiny_recipe: Recipe, blobs: Blobs, tmp_path: Path, scheme: str) -> None:
    """Whatever stands in the held-out pictures, the weights come out the same; another picture changes them."""
    recipe = replace(tiny_recipe, folds=scheme, epochs=1)  # type: ignore[arg-type]
    labelled = replace(blobs(24), fixed_folds=np.arange(24) % 3)
    place = assign(labelled, scheme, recipe.fold_count, recipe.seed)
    hold, train = np.flatnonzero(place == 1), np.flatnonzero(place != 1)
    plain = run_fold(recipe, labelled, tmp_path / "plain", 1, 1)
    assert equal(plain, run_fold(recipe, spoilt(labelled, hold), tmp_path / "held", 1, 1))
    assert not equal(plain, run_fold(recipe, spoilt(labelled, train[:1]), tmp_path / "trained", 1, 1))
    assert set(read_held_out(tmp_path / "plain")[0]) == {labelled.ids[i] for i in hold}


def test_pictures_that_always_train_do_train_and_are_not_validated(
    tiny_recipe: Recipe, blobs: Blobs, tmp_path: Path
) -> None:
    recipe = replace(tiny_recipe, epochs=1)
    both = blobs(12).plus(blobs(8, seed=5))
    plain = run_fold(recipe, both, tmp_path / "plain", 0, 1)
    assert not equal(plain, run_fold(recipe, spoilt(both, np.arange(12, 20)), tmp_path / "other", 0, 1))
    assert set(read_held_out(tmp_path / "plain")[0]) <= set(both.ids[:12])


def test_every_picture_is_held_out_once(tiny_recipe: Recipe, blobs: Blobs, tmp_path: Path) -> None:
    recipe, labelled = replace(tiny_recipe, epochs=1), blobs(15)
    for fold in range(3):
        run_fold(recipe, labelled, tmp_path, fold, 1)
    logits, folds = read_held_out(tmp_path)
    assert sorted(logits) == sorted(labelled.ids)
    assert [folds[id] for id in labelled.ids] == assign(labelled, "random", 3, recipe.seed).tolist()


def test_blobs_are_learnt(tiny_recipe: Recipe, blobs: Blobs, tmp_path: Path) -> None:
    recipe = replace(tiny_recipe, epochs=12, ema=0.9, phases=((0.5, "bce + dice"), (0.5, "lovasz-symmetric + 0.1*bce")))
    run_fold(recipe, blobs(60), tmp_path, 0, 1)
    log = list(csv.DictReader((tmp_path / "fold-0" / "log.csv").open()))
    assert len(log) == 12
    assert float(log[-1]["valid_iou"]) > 0.85
    assert float(log[-1]["train_loss"]) < float(log[0]["train_loss"])
    labelled = blobs(60)
    for id, logits in read_held_out(tmp_path)[0].items():
        mask = labelled.masks[labelled.ids.index(id)]
        assert ((logits[0] > 0) == mask).mean() > 0.8


def test_a_run_leaves_its_record(tiny_recipe: Recipe, blobs: Blobs, tmp_path: Path) -> None:
    labelled = blobs(9)
    where = run_fold(replace(tiny_recipe, epochs=1), labelled, tmp_path, 2, 1)
    content = json.loads((where / "record.json").read_text())
    assert where.name == "fold-2" and content["fold"] == 2
    assert content["recipe"] == replace(tiny_recipe, epochs=1).as_dict()
    assert content["data_sha256"] == fingerprint(labelled)
    assert content["train"] + len(content["held_out"]) == content["pictures"] == 9
    assert {"outcrop", "torch", "numpy", "python"} <= content.keys()


def test_training_on_everything_holds_nothing_out(tiny_recipe: Recipe, blobs: Blobs, tmp_path: Path) -> None:
    where = run_fold(replace(tiny_recipe, epochs=1), blobs(9), tmp_path, -1, 1)
    assert where.name == "all" and not (where / "held-out.npz").exists()
    assert next(csv.DictReader((where / "log.csv").open()))["valid_iou"] == "nan"


def test_a_run_can_start_from_the_weights_of_another(tiny_recipe: Recipe, blobs: Blobs, tmp_path: Path) -> None:
    recipe, labelled = replace(tiny_recipe, epochs=1), blobs(9)
    first = run_fold(recipe, labelled, tmp_path / "first", -1, 1)
    still = replace(recipe, learning_rate=0.0, ema=0.0)
    second = run_fold(still, labelled, tmp_path / "second", -1, 1, start=first / "checkpoint.pt")
    one, two = weights(first), weights(second)
    assert all(torch.equal(one[key], two[key]) for key in one if key.startswith("kept"))


@pytest.mark.parametrize("ema", [0.0, 0.9])
def test_what_is_kept_can_lie_between_start_and_end(
    tiny_recipe: Recipe, blobs: Blobs, tmp_path: Path, ema: float
) -> None:
    labelled = blobs(12)
    start = run_fold(tiny_recipe, labelled, tmp_path / "start", 0, 1) / "checkpoint.pt"
    plain = replace(tiny_recipe, ema=ema)
    end = run_fold(plain, labelled, tmp_path / "end", 0, 1, start=start) / "checkpoint.pt"
    between = run_fold(replace(plain, blend=0.25), labelled, tmp_path / "mid", 0, 1, start=start) / "checkpoint.pt"
    one, two, three = (torch.load(path, weights_only=True)["kept"] for path in (start, end, between))
    for name, values in three.items():
        if values.dtype.is_floating_point:
            assert torch.allclose(values, 0.25 * one[name] + 0.75 * two[name], atol=1e-6)
    assert any(not torch.equal(one[name], two[name]) for name in one)


def test_norms_of_what_is_kept_are_measured_on_the_pictures_that_folds_hold_out(
    tiny_recipe: Recipe, blobs: Blobs, tmp_path: Path
) -> None:
    labelled = replace(blobs(12), always=np.arange(12) >= 9)
    odd = replace(labelled, images=tuple(image if i < 9 else image + 100 for i, image in enumerate(labelled.images)))
    plain = replace(tiny_recipe, network="residual-unet", learning_rate=0.0, ema=0.0)
    start = run_fold(plain, labelled, tmp_path / "start", 0, 1) / "checkpoint.pt"
    kept = {}
    for name, pictures, norms_from in (("as is", labelled, 0), ("anew", labelled, 64), ("beside odd ones", odd, 64)):
        recipe = replace(plain, norms_from=norms_from)
        path = run_fold(recipe, pictures, tmp_path / name, 0, 1, start=start) / "checkpoint.pt"
        kept[name] = torch.load(path, weights_only=True)["kept"]
    assert all(torch.equal(kept["anew"][key], kept["beside odd ones"][key]) for key in kept["anew"])
    moved = {key for key in kept["as is"] if not torch.equal(kept["as is"][key], kept["anew"][key])}
    assert moved and all(key.endswith(("running_mean", "running_var", "num_batches_tracked")) for key in moved)


def test_a_blend_wants_a_start_and_a_share(tiny_recipe: Recipe, blobs: Blobs, tmp_path: Path) -> None:
    start = run_fold(tiny_recipe, blobs(12), tmp_path / "start", 0, 1) / "checkpoint.pt"
    for blend, given in ((0.5, None), (1.0, start), (-0.1, start)):
        with pytest.raises(UsageError, match="give both or neither"):
            run_fold(replace(tiny_recipe, blend=blend), blobs(12), tmp_path / "no", 0, 1, start=given)


def test_pictures_of_many_sizes_are_held_out_at_their_own_size(
    tiny_recipe: Recipe, blobs: Blobs, tmp_path: Path
) -> None:
    drawn = blobs(6)
    cut = replace(
        drawn,
        images=tuple(image[:, : 16 - i, : 11 + i] for i, image in enumerate(drawn.images)),
        masks=tuple(mask[: 16 - i, : 11 + i] for i, mask in enumerate(drawn.masks)),
    )
    run_fold(replace(tiny_recipe, epochs=1, fold_count=2, batch=2), cut, tmp_path, 0, 1)
    found = read_held_out(tmp_path, "single")[0]
    assert found and all(seen.shape == (1, *cut.masks[cut.ids.index(id)].shape) for id, seen in found.items())


@pytest.mark.parametrize("sizes", [((16, 16), (9, 12), (1, 1), (15, 7)), ((30, 16), (9, 12), (1, 41), (15, 7))])
def test_held_out_logits_lie_on_their_own_pixels(tiny_recipe: Recipe, sizes: tuple[tuple[int, int], ...]) -> None:
    """A network that gives back its input answers every picture with itself, also mirrored."""

    class Mirrorless(torch.nn.Module):
        size = 4

        def forward(self, image: Any, context: Any = None) -> Any:
            return image, None

    rng = np.random.default_rng(0)
    images = tuple(rng.random((1, *size), np.float32) for size in sizes)
    labelled = Labelled(
        ids=("a", "b", "c", "d"), images=images, masks=tuple(np.zeros(i.shape[1:], np.uint8) for i in images), groups=("g",) * 4,
        strata=np.zeros(4, np.int64), context=np.zeros((4, 2), np.float32),
    )  # fmt: skip
    for flip in (False, True):
        found = held_out(Mirrorless(), tiny_recipe, labelled, np.arange(4), 1, flip=flip)
        assert all(np.allclose(a, b, atol=1e-5) for a, b in zip(found, images, strict=True))


def test_small_pictures_come_first_and_the_last_size_stays() -> None:
    recipe = Recipe(name="a", chip=112, sizes=((0.5, 64), (0.25, 96), (0.25, 112)))
    assert [side_at(recipe, progress) for progress in (0.0, 0.49, 0.5, 0.74, 0.75, 0.99)] == [64, 64, 96, 96, 112, 112]
    assert side_at(replace(recipe, sizes=((0.5, 64),)), 0.9) == 64
    assert side_at(replace(recipe, sizes=()), 0.0) == 112


def test_small_pictures_teach_large_ones(tiny_recipe: Recipe, blobs: Blobs, tmp_path: Path) -> None:
    """Trained on discs shrunk to half and then for a short while on whole ones, a network finds whole ones."""
    recipe = replace(tiny_recipe, epochs=12, ema=0.9, sizes=((0.75, 8), (0.25, 16)))
    run_fold(recipe, blobs(60), tmp_path, 0, 1)
    log = list(csv.DictReader((tmp_path / "fold-0" / "log.csv").open()))
    assert float(log[-1]["valid_iou"]) > 0.8


def test_the_learning_rate_warms_up_then_falls_along_a_cosine_and_restarts() -> None:
    recipe = Recipe(name="a", learning_rate=1.0, warmup=0.1, cycles=1)
    assert learning_rate(recipe, 0.0) == pytest.approx(0.01)
    assert learning_rate(recipe, 0.05) == pytest.approx(0.5)
    assert learning_rate(recipe, 0.5) == pytest.approx(0.99 * 0.5 + 0.01)
    assert learning_rate(recipe, 0.999999) == pytest.approx(0.01, abs=1e-4)
    twice = replace(recipe, cycles=2, warmup=0.0)
    assert learning_rate(twice, 0.5) == pytest.approx(1.0)
    assert learning_rate(twice, 0.25) == pytest.approx(learning_rate(twice, 0.75))


def test_mean_iou_by_hand() -> None:
    target = torch.tensor([[[[1.0, 1, 0, 0]]], [[[0, 0, 0, 0]]], [[[0, 0, 0, 0]]], [[[1, 0, 0, 1]]]])
    logits = torch.tensor([[[[1.0, -1, 1, -1]]], [[[-1, -1, -1, -1]]], [[[1, -1, -1, -1]]], [[[1, -1, -1, -1]]]])
    weight = torch.ones_like(target)
    weight[3, 0, 0, 3] = 0
    assert mean_iou(logits, target, weight) == pytest.approx((1 / 3 + 1 + 0 + 1) / 4)


def test_the_fingerprint_sees_every_pixel_and_every_name(blobs: Blobs) -> None:
    drawn = blobs(4)
    assert fingerprint(drawn) == fingerprint(blobs(4))
    assert fingerprint(drawn) != fingerprint(replace(drawn, ids=("x", *drawn.ids[1:])))
    assert fingerprint(drawn) != fingerprint(spoilt(drawn, np.array([2])))
    assert record(Recipe(name="a"), drawn, note="x")["note"] == "x"


def test_averaged_weights_lag_behind_the_learning_ones(tiny_recipe: Recipe, blobs: Blobs, tmp_path: Path) -> None:
    labelled = blobs(16)
    trainer = Trainer(replace(tiny_recipe, ema=0.999), labelled, np.arange(16), np.zeros(0, np.int64), 1, tmp_path)
    start = {key: value.clone() for key, value in trainer.net.state_dict().items()}
    trainer.run()
    moved = {key: (value - start[key]).norm() for key, value in trainer.net.named_parameters()}
    lag = {key: (value - trainer.net.state_dict()[key]).norm() for key, value in trainer.kept.named_parameters()}
    assert trainer.kept is not trainer.net
    assert all(0 < lag[key] <= moved[key] for key in lag if moved[key] > 1e-4)


def test_validation_changes_nothing(tiny_recipe: Recipe, blobs: Blobs) -> None:
    net, image = build(replace(tiny_recipe, network="residual-unet"), 1, 1), torch.rand(4, 1, 16, 16)
    before = {key: value.clone() for key, value in net.state_dict().items()}
    forward(net, image, None)
    assert all(torch.equal(before[key], value) for key, value in net.state_dict().items())


def test_an_unknown_optimizer_is_refused(tiny_recipe: Recipe, blobs: Blobs, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="no optimizer 'lion': choose adamw, adam or sgd"):
        run_fold(replace(tiny_recipe, optimizer="lion"), blobs(9), tmp_path, 0, 1)  # type: ignore[arg-type]


def test_a_fold_that_does_not_exist_is_refused(tiny_recipe: Recipe, blobs: Blobs, tmp_path: Path) -> None:
    """It would train on everything and hold nothing out, under the name of a fold."""
    with pytest.raises(UsageError, match="no picture lies in fold 7: choose 0 to 2"):
        run_fold(replace(tiny_recipe, epochs=1), blobs(9), tmp_path, 7, 1)


@pytest.mark.parametrize("change", [{"epochs": 4}, {"learning_rate": 0.5}, {"decoder": (16, 8)}])
def test_a_run_is_not_resumed_with_another_recipe(
    tiny_recipe: Recipe, blobs: Blobs, tmp_path: Path, change: dict[str, Any]
) -> None:
    """Its record would no longer say how its weights came about."""
    recipe = replace(tiny_recipe, epochs=1)
    run_fold(recipe, blobs(9), tmp_path, 0, 1)
    with pytest.raises(UsageError, match="by another recipe"):
        run_fold(replace(recipe, **change), blobs(9), tmp_path, 0, 1)


def test_a_run_is_not_resumed_with_other_pictures(tiny_recipe: Recipe, blobs: Blobs, tmp_path: Path) -> None:
    """Pictures that were trained on could land in the held-out fold."""
    recipe = replace(tiny_recipe, epochs=1)
    run_fold(recipe, blobs(9), tmp_path, 0, 1)
    with pytest.raises(UsageError, match="on other pictures"):
        run_fold(recipe, blobs(10), tmp_path, 0, 1)


def test_chips_are_not_changed_for_validation() -> None:
    assert (
        augment.STILL.flip_lr is False and augment.STILL.warp_probability == 0 and augment.STILL.tone_probability == 0
    )
