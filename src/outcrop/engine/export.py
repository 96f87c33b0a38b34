"""A trained network → one ONNX file with its card inside, in float32 or int8."""

import json
import tempfile
import warnings
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from outcrop.core.errors import MissingExtra
from outcrop.core.scene import Floats
from outcrop.models.card import Card
from outcrop.models.network import Net


class _Probability(nn.Module):
    """Logits / temperature → probability, so that the file alone is calibrated."""

    def __init__(self, net: Net, temperature: float) -> None:
        super().__init__()
        self.net, self.temperature = net, temperature

    def forward(self, image: Tensor, context: Tensor | None = None) -> Tensor:
        logits, _ = self.net(image, context)
        probability: Tensor = (logits / self.temperature).sigmoid()
        return probability


def export(net: Net, card: Card, path: Path) -> Path:
    """Write a float32 model file; rows and cols stay free when the card gives a multiple."""
    import onnx

    module = _Probability(net.eval(), card.temperature).eval()
    image = torch.rand(1, len(card.bands), card.chip, card.chip)
    free = {0: "n"} if not card.multiple else {0: "n", 2: "rows", 3: "cols"}
    arguments: tuple[Tensor, ...] = (image, torch.zeros(1, 2)) if card.context else (image,)
    names = ["image", "context"][: len(arguments)]
    axes = {"image": free, "probability": free, **({"context": {0: "n"}} if card.context else {})}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        torch.onnx.export(
            module, arguments, str(path), input_names=names, output_names=["probability"], dynamic_axes=axes,
            opset_version=17, dynamo=False,
        )  # fmt: skip
    return stamp(path, replace(card, precision="float32"), onnx.load(str(path)))


def stamp(path: Path, card: Card, graph: object) -> Path:
    """Write the graph with the card and the Deepness keys as its metadata."""
    import onnx

    if not isinstance(graph, onnx.ModelProto):
        raise TypeError(f"wanted an onnx.ModelProto, got {type(graph).__name__}")
    del graph.metadata_props[:]
    for key, value in {"outcrop": card.to_json(), **(card.deepness() if card.head == "segment" else {})}.items():
        entry = graph.metadata_props.add()
        entry.key, entry.value = key, value
    part = path.with_suffix(".part")
    onnx.save(graph, str(part))
    part.replace(path)
    return path


def quantise(path: Path, out: Path, chips: Sequence[Floats]) -> Path:
    """A float32 model file → static int8 (QDQ, per channel; see ``kept_float``), with ranges learnt from ``chips`` (bands, rows, cols) each.

    Raises:
        MissingExtra: onnx is not installed.
    """
    try:
        import onnx
        from onnxruntime.quantization import CalibrationDataReader, QuantFormat, QuantType, quantize_static
        from onnxruntime.quantization.shape_inference import quant_pre_process
    except ImportError:
        raise MissingExtra("onnx", "learn", "int8 export needs it") from None

    class Reader(CalibrationDataReader):  # type: ignore[misc]
        def __init__(self) -> None:
            self.rest = iter(chips)

        def get_next(self) -> dict[str, Floats] | None:
            chip = next(self.rest, None)
            if chip is None:
                return None
            feeds = {"image": np.ascontiguousarray(chip[None], np.float32)}
            return {**feeds, "context": np.zeros((1, 2), np.float32)} if card.context else feeds

    graph = onnx.load(str(path))
    card = Card.from_json(next(p.value for p in graph.metadata_props if p.key == "outcrop"), path.name)
    with tempfile.TemporaryDirectory() as folder, warnings.catch_warnings():
        warnings.simplefilter("ignore")
        ready, whole = str(Path(folder) / "ready.onnx"), str(Path(folder) / "int8.onnx")
        quant_pre_process(str(path), ready, skip_symbolic_shape=True)
        nodes = list(onnx.load(ready, load_external_data=False).graph.node)
        quantize_static(
            ready, whole, Reader(), quant_format=QuantFormat.QDQ, per_channel=True,
            activation_type=QuantType.QUInt8, weight_type=QuantType.QInt8, nodes_to_exclude=kept_float(nodes),
        )  # fmt: skip
        return stamp(out, replace(card, precision="int8"), onnx.load(whole))


FIRST = 3
"""Convolutions at the start of a network that stay in float: they see the picture itself, and what they round off is lost to all others."""


def kept_float(nodes: Sequence[Any]) -> list[str]:
    """Names of the graph's nodes, in order, that int8 would cost more score than it saves time: first convolutions, last activation."""
    convolutions = [node.name for node in nodes if node.op_type == "Conv"]
    made_by = {name: node for node in nodes for name in node.output}
    used = {name for node in nodes for name in node.input}
    last = [node for node in nodes if node.op_type == "Sigmoid" and not used & set(node.output)]
    scaled = [made_by[node.input[0]] for node in last if node.input[0] in made_by]
    return convolutions[:FIRST] + [n.name for n in last] + [n.name for n in scaled if n.op_type == "Div"]


def recard(path: Path, card: Card) -> Path:
    """Put another card into a model file, e.g. after its threshold was tuned."""
    import onnx

    return stamp(path, card, onnx.load(str(path)))


def metadata(path: Path) -> dict[str, object]:
    """All metadata of a model file, JSON values decoded."""
    import onnx

    return {p.key: json.loads(p.value) for p in onnx.load(str(path), load_external_data=False).metadata_props}
