"""A trained detector → one ONNX file with its card inside.

Input ``pictures`` (n, 3, side, side), red, green, blue in 0..1, grey 114/255 below and right of the picture; output
``boxes`` (n, places, 5 + classes): centre x, centre y, width, height in pixels of the input, objectness, probability of
each class (layout "outcrop" of ``models.box_layouts``). The score of a class is objectness times its probability.
"""

import warnings
from dataclasses import replace
from pathlib import Path

import torch
from torch import Tensor, nn

from outcrop.engine.export import stamp
from outcrop.models.card import Card
from outcrop.models.detector import Detector, decoded, places


class _Decoded(nn.Module):
    """A detector that answers in pixels and probabilities."""

    where: Tensor

    def __init__(self, net: Detector, side: int) -> None:
        super().__init__()
        self.net = net
        self.register_buffer("where", places(side, side))

    def forward(self, pictures: Tensor) -> Tensor:
        return decoded(self.net(pictures), self.where)


def export_boxes(net: Detector, card: Card, path: Path) -> Path:
    """Write a float32 model file for square pictures of the card's ``chip``; how many at once stays free."""
    import onnx

    module = _Decoded(net.eval(), card.chip).eval()
    pictures = torch.rand(1, 3, card.chip, card.chip)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        torch.onnx.export(
            module, (pictures,), str(path), input_names=["pictures"], output_names=["boxes"],
            dynamic_axes={"pictures": {0: "n"}, "boxes": {0: "n"}}, opset_version=17, dynamo=False,
        )  # fmt: skip
    return stamp(path, replace(card, head="detect", precision="float32", multiple=0), onnx.load(str(path)))
