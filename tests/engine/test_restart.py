"""A network started from a model file says what the file says, and can learn on."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from outcrop.core.errors import UsageError
from outcrop.core.labelled import Labelled, fingerprint
from outcrop.models.recipe import Recipe

torch = pytest.importorskip("torch", reason="needs torch: install the extra 'learn'")
pytest.importorskip("onnx", reason="needs onnx: install the extra 'learn'")

from tests.conftest import tiny_card

from outcrop.engine.augment import CPU
from outcrop.engine.device import device_of
from outcrop.engine.export import export, quantise
from outcrop.engine.learn import _pseudo_labels, _start, run_fold
from outcrop.engine.restart import _module, restart
from outcrop.models.card import Card
from outcrop.models.network import build
from outcrop.models.runtime import load

Blobs = Callable[..., Labelled]


def trained(recipe: Recipe, labelled: Labelled, folder: Path, card: Card) -> Path:
    """A network that learnt for a while, so that its batch norms are not those of a fresh one, as a float32 file."""
    where = run_fold(recipe, labelled, folder, 0, 1)
    net = build(recipe, 1, 1)
    net.load_state_dict(torch.load(where / "checkpoint.pt", weights_only=True)["kept"])
    return export(net, card, folder / "tiny-0.onnx")


def chips(labelled: Labelled) -> list[Any]:
    return list(labelled.images)


@pytest.mark.parametrize("network", ["plain-unet", "residual-unet"])
@pytest.mark.parametrize("precision", ["float32", "int8"])
def test_the_network_says_what_its_file_says(
    tiny_recipe: Recipe, blobs: Blobs, tmp_path: Path, network: Any, precision: str
) -> None:
    recipe, labelled = replace(tiny_recipe, network=network, epochs=12, ema=0.9), blobs(40)
    file = trained(recipe, labelled, tmp_path, tiny_card(temperature=1.7))
    if precision == "int8":
        file = quantise(file, tmp_path / "int8-0.onnx", chips(labelled))
    net = build(recipe, 1, 1)
    restart(net, file, chips(labelled))
    fresh = np.stack(chips(blobs(12, seed=9)))
    with torch.no_grad():
        seen = torch.sigmoid(net.eval()(torch.from_numpy(fresh))[0] / 1.7).numpy()
    limit = {"float32": 1e-4, "int8": 0.03}[precision]
    assert np.abs(seen - load(file)(fresh)).mean() < limit
    assert np.ptp(seen) > 0.4  # it learnt something, so agreeing is no accident


def test_the_batch_norms_fit_the_pictures_so_training_sees_what_prediction_saw(
    tiny_recipe: Recipe, blobs: Blobs, tmp_path: Path
) -> None:
    """In training mode, where a batch's own moments count, the same pictures give the same answer."""
    recipe, labelled = replace(tiny_recipe, network="residual-unet", epochs=12, ema=0.9), blobs(40)
    file = trained(recipe, labelled, tmp_path, tiny_card())
    net = build(recipe, 1, 1)
    restart(net, file, chips(labelled))
    image = torch.from_numpy(np.stack(chips(labelled)))
    assert net.training
    with torch.no_grad():
        learning, seeing = net(image)[0], net.eval()(image)[0]
    assert float((learning - seeing).abs().mean()) < 0.02 * float(seeing.abs().mean())


def test_weights_keep_the_size_of_fresh_ones_under_a_batch_norm(
    tiny_recipe: Recipe, blobs: Blobs, tmp_path: Path
) -> None:
    recipe, labelled = replace(tiny_recipe, network="residual-unet"), blobs(24)
    file = trained(recipe, labelled, tmp_path, tiny_card())
    net = build(recipe, 1, 1)
    before = float(net.encoder.blocks[0].first.weight.detach().norm())
    restart(net, file, chips(labelled))
    assert float(net.encoder.blocks[0].first.weight.detach().norm()) == pytest.approx(before, rel=1e-5)


def test_a_fold_goes_on_from_a_file_better_than_from_nothing(tiny_recipe: Recipe, blobs: Blobs, tmp_path: Path) -> None:
    recipe, labelled = replace(tiny_recipe, epochs=12, ema=0.9), blobs(40)
    file = trained(recipe, labelled, tmp_path / "before", tiny_card())
    short = replace(recipe, epochs=1, learning_rate=1e-3)
    losses = []
    for name, start in (("on", file), ("anew", None)):
        log = run_fold(short, labelled, tmp_path / name, 0, 1, start=start) / "log.csv"
        header, row = (line.split(",") for line in log.read_text().splitlines())
        losses.append(float(dict(zip(header, row, strict=True))["valid_loss"]))
    assert losses[0] < 0.7 * losses[1]


def test_another_network_is_refused(tiny_recipe: Recipe, blobs: Blobs, tmp_path: Path) -> None:
    labelled = blobs(24)
    file = trained(tiny_recipe, labelled, tmp_path, tiny_card())
    with pytest.raises(UsageError, match="another network"):
        restart(build(replace(tiny_recipe, decoder=(12, 4)), 1, 1), file, chips(labelled))
    with pytest.raises(UsageError, match="says something else"):
        restart(build(replace(tiny_recipe, mean=(30.0,)), 1, 1), file, chips(labelled))


def test_a_file_that_takes_a_depth_is_refused(tiny_recipe: Recipe, blobs: Blobs, tmp_path: Path) -> None:
    recipe, labelled = replace(tiny_recipe, depth=True), blobs(24)
    file = trained(recipe, labelled, tmp_path, tiny_card(context=True))
    with pytest.raises(UsageError, match="takes a depth"):
        restart(build(recipe, 1, 1), file, chips(labelled))


def test_a_fold_never_starts_from_what_learnt_what_it_holds_out(
    tiny_recipe: Recipe, blobs: Blobs, tmp_path: Path
) -> None:
    labelled, thirds, fifths = blobs(24), tiny_recipe, replace(tiny_recipe, fold_count=5)
    told = {"fold": 0, "labelled_sha256": fingerprint(labelled), "recipe": thirds.as_dict()}
    file = trained(thirds, labelled, tmp_path, tiny_card(training=told))
    assert _start(file, 0, labelled, thirds) == _start(tmp_path / "tiny", 0, labelled, thirds) == file
    assert _start(tmp_path, 0, labelled, thirds) == tmp_path / "fold-0" / "checkpoint.pt"
    assert _start(file, -1, labelled, fifths) == file
    for start, fold, recipe in [
        (file, 1, thirds), (file, 0, fifths), (file, 0, replace(thirds, seed=1)), (tmp_path, 0, fifths)
    ]:  # fmt: skip
        with pytest.raises(UsageError, match="may have learnt"):
            _start(start, fold, labelled, recipe)
    other = blobs(24, seed=4)  # other pictures than it was trained on
    assert _start(file, 1, other, thirds) == file
    assert _start(tmp_path, 0, other, fifths).exists()
    untold = export(build(thirds, 1, 1), tiny_card(), tmp_path / "untold.onnx")
    with pytest.raises(UsageError, match="may have learnt"):
        _start(untold, 1, other, thirds)
    (tmp_path / "fold-0" / "record.json").unlink()
    with pytest.raises(UsageError, match="no readable record"):
        _start(tmp_path, 0, labelled, thirds)


def test_the_part_of_a_fold_starts_from_what_held_out_the_whole_and_never_the_other_way(
    tiny_recipe: Recipe, blobs: Blobs, tmp_path: Path
) -> None:
    labelled, halves = blobs(24), replace(tiny_recipe, fold_parts=2)
    told = {"fold": 1, "labelled_sha256": fingerprint(labelled)}
    whole = export(
        build(tiny_recipe, 1, 1),
        tiny_card(training={**told, "recipe": tiny_recipe.as_dict()}),
        tmp_path / "whole-1.onnx",
    )
    run_fold(tiny_recipe, labelled, tmp_path / "run", 1, 1)
    for fold in (1, 4):
        assert _start(whole, fold, labelled, halves) == _start(tmp_path / "whole", fold, labelled, halves) == whole
        assert _start(tmp_path / "run", fold, labelled, halves).parent.name == "fold-1"
    half = export(
        build(halves, 1, 1), tiny_card(training={**told, "recipe": halves.as_dict()}), tmp_path / "half-1.onnx"
    )
    assert _start(half, 1, labelled, halves) == half
    for start, fold, recipe in ((whole, 2, halves), (half, 4, halves), (half, 1, tiny_recipe)):
        with pytest.raises(UsageError, match="may have learnt"):
            _start(start, fold, labelled, recipe)


def test_a_prescribed_fold_is_no_part_of_another_whatever_the_count(
    tiny_recipe: Recipe, blobs: Blobs, tmp_path: Path
) -> None:
    labelled, recipe = replace(blobs(24), fixed_folds=np.arange(24) % 5), replace(tiny_recipe, folds="fixed")
    told = {"fold": 1, "labelled_sha256": fingerprint(labelled), "recipe": recipe.as_dict()}
    file = export(build(recipe, 1, 1), tiny_card(training=told), tmp_path / "prescribed-1.onnx")
    assert _start(file, 1, labelled, recipe) == file
    with pytest.raises(UsageError, match="may have learnt"):
        _start(file, 4, labelled, recipe)  # 4 is 1 + fold_count


def test_a_node_names_its_module() -> None:
    assert _module("/net/encoder/blocks.0/blocks.0.1/conv_dw/Conv") == "encoder.blocks.0.1.conv_dw"
    assert _module("/net/head/head.0/Conv") == "head.0"
    assert _module("/net/decoder/blocks.3/conv1/conv1.0/Conv") == "decoder.blocks.3.conv1.0"


def test_devices_are_named() -> None:
    assert device_of("cpu").type == "cpu"
    assert device_of().type == ("cuda" if torch.cuda.is_available() else "cpu")
    with pytest.raises(UsageError, match="no device 'tpu'"):
        device_of("tpu")
    if not torch.backends.mps.is_available():
        with pytest.raises(UsageError, match="sees no mps"):
            device_of("mps")


def unlabelled(pictures: Labelled, folder: Path) -> Path:
    """The pictures alone, as grey PNG files."""
    from PIL import Image

    folder.mkdir()
    for place, image in enumerate(pictures.images):
        grey = np.clip(image[0] * 255, 0, 255).astype(np.uint8)
        Image.fromarray(grey).save(folder / f"{place}.png")
    return folder


def test_a_model_file_can_label_pictures_for_the_next_round(tiny_recipe: Recipe, blobs: Blobs, tmp_path: Path) -> None:
    """The same pictures are kept, with the same labels, as where the run that the file was made of labels them."""
    labelled, more = blobs(40), unlabelled(blobs(12, seed=6), tmp_path / "more")
    recipe = replace(tiny_recipe, network="residual-unet", epochs=16, ema=0.9)
    file = trained(recipe, labelled, tmp_path, tiny_card())
    checkpoint = tmp_path / "fold-0" / "checkpoint.pt"
    ours, theirs = (_pseudo_labels(recipe, more, [teacher], 1, 0, 1, CPU) for teacher in (checkpoint, file))
    assert len(ours) and ours.ids == theirs.ids
    assert np.mean([np.mean(a == b) for a, b in zip(ours.masks, theirs.masks, strict=True)]) > 0.99


def test_of_several_teachers_the_mean_probability_labels(
    tiny_recipe: Recipe, blobs: Blobs, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Two that contradict each other everywhere are sure of nothing together; five overrule one."""
    more = unlabelled(blobs(6, seed=6), tmp_path / "more")
    all_salt, no_salt = np.full((1, 24, 24), 0.99, np.float32), np.full((1, 24, 24), 0.01, np.float32)

    def say(teacher: Path, pictures: Labelled, *_: Any) -> list[NDArray[np.float32]]:
        return [all_salt if teacher.name.startswith("salt") else no_salt for _ in pictures.images]

    monkeypatch.setattr("outcrop.engine.learn._seen_by", say)

    def taught(*names: str) -> list[int]:
        kept = _pseudo_labels(tiny_recipe, more, [tmp_path / name for name in names], 1, 0, 1, CPU)
        return [int(mask.min()) for mask in kept.masks]

    assert taught("salt", "none") == []
    assert taught(*(f"salt-{n}" for n in range(5)), "none") == taught("salt")
    assert taught("salt") and all(taught("salt"))
