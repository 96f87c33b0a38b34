"""An exported model says what the network said, carries its card, and keeps its answers in int8."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from outcrop.core.errors import OutcropError
from outcrop.core.grid import Grid
from outcrop.core.labelled import Labelled
from outcrop.core.scene import Floats, scene_from_array
from outcrop.core.task import Calibration
from outcrop.engine.predict import ensemble_of, predict
from outcrop.models.card import Card
from outcrop.models.recipe import Recipe
from outcrop.models.runtime import load

torch = pytest.importorskip("torch", reason="needs torch: install the extra 'learn'")
onnx = pytest.importorskip("onnx", reason="needs onnx: install the extra 'learn'")

from outcrop.engine.export import export, metadata, quantise, recard, stamp
from outcrop.engine.learn import network_of, run_fold
from outcrop.models.network import Net, build

Cards = Callable[..., Card]


def said(net: Net, chips: Floats, context: Floats | None = None, temperature: float = 1.0) -> Floats:
    """Probabilities by torch."""
    with torch.no_grad():
        logits, _ = net.eval()(torch.from_numpy(chips), None if context is None else torch.from_numpy(context))
    return np.asarray((logits / temperature).sigmoid().numpy())


def noise(*shape: int) -> Floats:
    return np.random.default_rng(0).random(shape, np.float32)


@pytest.fixture(scope="module")
def trained(tiny_recipe: Recipe, blobs: Callable[..., Labelled], tmp_path_factory: pytest.TempPathFactory) -> Net:
    """A network that has learnt to see blobs."""
    folder = tmp_path_factory.mktemp("trained")
    run_fold(replace(tiny_recipe, epochs=8, ema=0.9, phases=((1.0, "bce + dice"),)), blobs(60), folder, -1, 1)
    return network_of(folder, -1, 1)[0]


@pytest.fixture(scope="module")
def exported(trained: Net, card: Cards, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """That network as a float32 file."""
    return export(trained, card(training={"recipe": "tiny"}), tmp_path_factory.mktemp("exported") / "blobs.onnx")


@pytest.mark.parametrize("shape", [(1, 1, 16, 16), (5, 1, 16, 16), (2, 1, 32, 24), (1, 1, 2, 2)])
def test_a_file_says_what_the_network_said_at_any_size(trained: Net, exported: Path, shape: tuple[int, ...]) -> None:
    assert np.abs(load(exported)(noise(*shape)) - said(trained, noise(*shape))).max() < 1e-4


VARIANTS = {
    "residual": Recipe(name="a", network="residual-unet", pretrained="none", decoder=(8, 4)),
    "half size": Recipe(name="a", pretrained="none", decoder=(16, 16, 8, 8)),
    "lite": Recipe(name="a", pretrained="none", decoder=(16, 16, 8, 8, 8), presence=0.1),
}


@pytest.mark.parametrize("name", VARIANTS)
def test_every_kind_of_network_can_be_exported(name: str, card: Cards, tmp_path: Path) -> None:
    torch.manual_seed(0)
    net = build(VARIANTS[name], 3, 2)
    path = export(net, card(bands=("r", "g", "b"), classes=("a", "b"), chip=32, multiple=32), tmp_path / "net.onnx")
    for shape in ((2, 3, 32, 32), (1, 3, 64, 32)):
        assert np.abs(load(path)(noise(*shape)) - said(net, noise(*shape))).max() < 1e-4


def test_depth_is_a_second_input_that_may_be_left_out(card: Cards, tmp_path: Path) -> None:
    torch.manual_seed(0)
    net = build(replace(VARIANTS["residual"], depth=True), 1, 1)
    torch.nn.init.normal_(net.film.weight)
    model = load(export(net, card(context=True), tmp_path / "deep.onnx"))
    context = np.array([[1.5, 1], [-1, 1]], np.float32)
    chips = noise(2, 1, 16, 16)
    assert np.abs(model(chips, context) - said(net, chips, context)).max() < 1e-4
    assert np.abs(model(chips) - said(net, chips)).max() < 1e-4
    assert np.abs(model(chips) - model(chips, context)).max() > 1e-4


def test_temperature_is_inside_the_file(trained: Net, card: Cards, tmp_path: Path) -> None:
    path = export(trained, card(temperature=2.5), tmp_path / "mild.onnx")
    assert np.abs(load(path)(noise(1, 1, 16, 16)) - said(trained, noise(1, 1, 16, 16), temperature=2.5)).max() < 1e-4


def test_a_file_of_one_size_refuses_no_smaller_chip(trained: Net, card: Cards, tmp_path: Path) -> None:
    model = load(export(trained, card(multiple=0), tmp_path / "fixed.onnx"))
    assert model(noise(3, 1, 16, 16)).shape == (3, 1, 16, 16)
    assert model(noise(1, 1, 7, 16)).shape == (1, 1, 7, 16)


def test_exporting_leaves_one_file_with_the_card_in_it(exported: Path) -> None:
    assert [p.name for p in exported.parent.iterdir()] == ["blobs.onnx"]
    model = load(exported)
    assert (model.card.precision, model.card.training) == ("float32", {"recipe": "tiny"})
    found = metadata(exported)
    assert found["model_type"] == "Segmentor" and found["class_names"] == {"0": "background", "1": "salt"}


def test_a_new_card_changes_the_card_alone(exported: Path, tmp_path: Path) -> None:
    path = tmp_path / "copy.onnx"
    path.write_bytes(exported.read_bytes())
    before = load(path)
    recard(path, replace(before.card, calibration=Calibration(threshold=(0.3,)), limits="blobs only"))
    after = load(path)
    assert after.card.calibration.threshold == (0.3,) and after.card.limits == "blobs only"
    assert metadata(path)["seg_thresh"] == 0.3
    assert np.array_equal(before(noise(1, 1, 16, 16)), after(noise(1, 1, 16, 16)))


@pytest.fixture(scope="module")
def small(exported: Path, blobs: Callable[..., Labelled], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The same network in int8, its ranges learnt from other blobs."""
    return quantise(exported, tmp_path_factory.mktemp("int8") / "blobs-int8.onnx", blobs(20, seed=3).images)


def test_int8_sees_what_float32_saw(exported: Path, small: Path, blobs: Callable[..., Labelled]) -> None:
    """On blobs that neither training nor calibration saw."""
    unseen = blobs(30, seed=9)
    chips, truth = np.stack(unseen.images), np.stack(unseen.masks)[:, None] == 1
    whole, rough = load(exported)(chips), load(small)(chips)
    assert ((whole > 0.5) == truth).mean() > 0.9, "the network has learnt something"
    assert ((whole > 0.5) == (rough > 0.5)).mean() > 0.95
    assert np.abs(whole - rough).mean() < 0.05


def test_int8_says_so_and_still_takes_any_size(small: Path, blobs: Callable[..., Labelled]) -> None:
    model = load(small)
    assert model.card.precision == "int8"
    image = blobs(1, side=70, seed=4).images[0]
    scene = scene_from_array("large", image, Grid(shape=(70, 70)), ("grey",))
    assert predict(scene, ensemble_of([model])).values().shape == (1, 70, 70)


def test_int8_weights_are_int8(small: Path) -> None:
    kinds = {node.op_type for node in onnx.load(str(small)).graph.node}
    assert {"QuantizeLinear", "DequantizeLinear"} <= kinds


def test_int8_keeps_the_first_convolutions_and_the_last_activation_in_float(small: Path) -> None:
    """So the probabilities are no multiples of 1/255, and the picture meets float weights."""
    graph = onnx.load(str(small)).graph
    steps = 255 * load(small)(noise(4, 1, 16, 16))
    assert np.abs(steps - steps.round()).max() > 0.4
    assert next(node for node in graph.node if graph.output[0].name in node.output).op_type == "Sigmoid"
    floats = {weight.name for weight in graph.initializer if weight.data_type == onnx.TensorProto.FLOAT}
    convolutions = [node for node in graph.node if node.op_type == "Conv"]
    assert [node.input[1] in floats for node in convolutions] == [True] * 3 + [False] * (len(convolutions) - 3)


def test_int8_of_a_network_with_depth_keeps_both_inputs(card: Cards, tmp_path: Path) -> None:
    torch.manual_seed(0)
    net = build(replace(VARIANTS["residual"], depth=True), 1, 1)
    path = export(net, card(context=True), tmp_path / "deep.onnx")
    rough = load(quantise(path, tmp_path / "deep-int8.onnx", [noise(1, 16, 16)] * 4))
    chips, context = noise(2, 1, 16, 16), np.array([[1.5, 1], [-1, 1]], np.float32)
    assert np.abs(rough(chips, context) - load(path)(chips, context)).mean() < 0.05


def test_a_file_is_whole_or_not_there(card: Cards, tmp_path: Path) -> None:
    with pytest.raises((OutcropError, TypeError)):
        stamp(tmp_path / "bad.onnx", card(), "no graph")
    assert list(tmp_path.iterdir()) == []


def test_a_file_gives_the_same_bytes_twice(trained: Net, card: Cards, tmp_path: Path) -> None:
    """Its fingerprint names the weights and not the moment."""
    first, second = (export(trained, card(), tmp_path / f"{name}.onnx") for name in "ab")
    assert load(first).sha256 == load(second).sha256


def test_exporting_does_not_change_the_network(trained: Net, card: Cards, tmp_path: Path) -> None:
    before: dict[str, Any] = {key: value.clone() for key, value in trained.state_dict().items()}
    export(trained, card(), tmp_path / "a.onnx")
    assert all(torch.equal(before[key], value) for key, value in trained.state_dict().items())
