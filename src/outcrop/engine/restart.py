"""A model file → a network that can learn on from it.

A model file holds no batch norms: export multiplies them into the convolutions before them, and int8 rounds the
products. They are put back so that the network says what the file says: with the mean m and the spread s of what a
convolution gives on pictures, a batch norm of gain s and offset b + m after it changes nothing but adds the file's
bias b. Each layer's weights then get the size that a fresh network has there, which batch norm cancels and on which the
length of an optimiser's first steps depends. The presence head is in no model file and starts anew.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from outcrop.core.errors import MissingExtra, UsageError
from outcrop.core.scene import Floats
from outcrop.models.network import Net
from outcrop.models.runtime import load

AGREEMENT = 0.02
"""Largest mean difference between the probabilities of the network and of its file; int8 files of this package come within 0.003."""


def restart(net: Net, file: Path, chips: Sequence[Floats]) -> None:
    """Give a fresh network the weights of a model file.

    Args:
        chips: network input, (bands, rows, cols) of one size each, to measure the batch norms on; 32 do.

    Raises:
        UsageError: the file holds another network than the recipe's.
        MissingExtra: onnx is not installed.
        BadModel: as `models.runtime.load`.
    """
    model = load(file)
    if model.card.context:
        raise UsageError(f"{file.name} takes a depth, and such networks cannot start from a model file: give their run")
    image = torch.from_numpy(np.stack(chips))
    net.eval()
    layers = _layers(net, image[:1])
    stored = _convolutions(file)
    shapes = {name: tuple(conv.weight.shape) for name, conv, _ in layers}
    if shapes != {name: tuple(weight.shape) for name, (weight, _) in stored.items()}:
        raise UsageError(
            f"{file.name} holds another network than this recipe trains ({len(stored)} convolutions; here {len(shapes)}): "
            "give the settings it was trained with, as `outcrop models --json` lists them"
        )
    given = [(conv, norm, *stored[name]) for name, conv, norm in layers]
    fresh = [float(conv.weight.detach().norm()) for conv, *_ in given]
    with torch.no_grad():
        for conv, norm, weight, bias in given:
            conv.weight.copy_(weight)
            if conv.bias is not None:
                conv.bias.copy_(bias if norm is None else torch.zeros_like(bias))
            if norm is not None:
                _put(norm, torch.zeros_like(bias), torch.ones_like(bias) - norm.eps, bias)
        found = _moments(net, [norm for _, norm, *_ in given if norm is not None], image)
        for (conv, norm, weight, bias), size in zip(given, fresh, strict=True):
            if norm is None:
                continue
            factor = size / max(float(weight.norm()), 1e-12)
            mean, variance = found[norm]
            conv.weight.mul_(factor)
            _put(norm, mean * factor, variance * factor**2, bias + mean, (variance + norm.eps / factor**2).sqrt())
        seen = torch.sigmoid(net(image)[0] / model.card.temperature).numpy()
    away = float(np.abs(seen - model(np.stack(chips))).mean())
    if not away <= AGREEMENT:
        raise UsageError(
            f"{file.name} put into this recipe's network says something else (probabilities {away:.2f} apart): "
            "give the settings it was trained with, as `outcrop models --json` lists them"
        )
    net.train()


def _put(norm: Any, mean: Tensor, variance: Tensor, bias: Tensor, gain: Tensor | float = 1.0) -> None:
    """Set what a batch norm takes away, divides by, adds and multiplies with."""
    norm.running_mean.copy_(mean)
    norm.running_var.copy_(variance)
    norm.bias.copy_(bias)
    norm.weight.copy_(torch.as_tensor(gain))


def _convolutions(file: Path) -> dict[str, tuple[Tensor, Tensor]]:
    """Module name → weight and bias of each convolution of a model file, int8 scaled back."""
    try:
        import onnx
    except ImportError:
        raise MissingExtra("onnx", "learn", "starting from a model file needs it") from None
    graph = onnx.load(str(file)).graph
    stored = {i.name: onnx.numpy_helper.to_array(i) for i in graph.initializer}
    scaled = {n.output[0]: n for n in graph.node if n.op_type == "DequantizeLinear" and n.input[0] in stored}

    def value(name: str) -> Tensor:
        if name not in scaled:
            return torch.from_numpy(np.array(stored[name], np.float32))
        whole, step, zero = (stored[part].astype(np.float32) for part in scaled[name].input)
        axis = next((a.i for a in scaled[name].attribute if a.name == "axis"), 0)
        along = [-1 if i == axis else 1 for i in range(whole.ndim)]
        return torch.from_numpy(np.asarray((whole - zero.reshape(along)) * step.reshape(along), np.float32))

    found = {}
    for node in graph.node:
        if node.op_type in ("Conv", "ConvTranspose"):
            bias = value(node.input[2]) if len(node.input) > 2 else torch.zeros(())
            found[_module(node.name)] = value(node.input[1]), bias
    return found


def _module(node: str) -> str:
    """ "/net/encoder/blocks.0/blocks.0.1/conv/Conv" → "encoder.blocks.0.1.conv", the module that a node was made from."""
    parts: list[str] = []
    for part in node.removeprefix("/net").strip("/").split("/")[:-1]:
        if parts and part.startswith(parts[-1] + "."):
            parts.pop()
        parts.append(part)
    return ".".join(parts)


CONVOLUTIONS = (nn.Conv2d, nn.ConvTranspose2d)


def _layers(net: Net, image: Tensor) -> list[tuple[str, Any, Any]]:
    """Convolutions in the order of the forward pass: name, module, and the batch norm right after it or None."""
    order: list[tuple[str, nn.Module]] = []
    hooks = [
        module.register_forward_pre_hook(lambda module, _, name=name: order.append((name, module)))
        for name, module in net.named_modules()
        if isinstance(module, (*CONVOLUTIONS, nn.BatchNorm2d))
    ]
    with torch.no_grad():
        net(image)
    for hook in hooks:
        hook.remove()
    after = [module for _, module in order[1:]] + [None]
    return [
        (name, one, follower if isinstance(follower, nn.BatchNorm2d) else None)
        for (name, one), follower in zip(order, after, strict=True)
        if isinstance(one, CONVOLUTIONS)
    ]


def _moments(net: Net, norms: Sequence[Any], image: Tensor) -> dict[Any, tuple[Tensor, Tensor]]:
    """Mean and variance by channel of what reaches each batch norm."""
    found: dict[Any, tuple[Tensor, Tensor]] = {}

    def keep(norm: nn.Module, inputs: tuple[Tensor, ...]) -> None:
        found[norm] = inputs[0].mean((0, 2, 3)), inputs[0].var((0, 2, 3), unbiased=False)

    hooks = [norm.register_forward_pre_hook(keep) for norm in norms]
    net(image)
    for hook in hooks:
        hook.remove()
    return found
