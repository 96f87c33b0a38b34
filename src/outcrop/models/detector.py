"""YOLOX-Nano (Ge et al. 2021, arXiv:2107.08430): pictures in, boxes with scores out.

A CSP-Darknet of quarter width with depthwise convolutions, a path aggregation pyramid (Liu et al. 2018) and a head
that parts classes from boxes. Module names are those of the published weights, so that these load strictly.

Outside, pictures are red, green, blue in 0..1; the network itself sees blue, green, red in 0..255. Places ("anchors")
come level by level, strides 8, 16 and 32, and row by row within a level.
"""

import math
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from outcrop.core.errors import BadModel, MissingExtra, UsageError
from outcrop.models.box_layouts import STRIDES, anchor_grid

WIDTHS = (16, 32, 64, 128, 256)
"""Channels of the stem and of the four stages."""

HEAD = 64
"""Channels of the head."""

COCO_CLASSES = 80


class ConvNorm(nn.Module):
    """Convolution without bias, batch norm, SiLU."""

    def __init__(self, inputs: int, outputs: int, kernel: int, stride: int = 1, groups: int = 1) -> None:
        super().__init__()
        self.conv = nn.Conv2d(inputs, outputs, kernel, stride, kernel // 2, groups=groups, bias=False)
        self.bn = nn.BatchNorm2d(outputs, eps=1e-3, momentum=0.03)
        self.float32 = groups > 1

    def forward(self, x: Tensor) -> Tensor:
        """(n, in, rows, cols) → (n, out, rows / stride, cols / stride)."""
        if self.float32 and self.training:
            # CPUs are up to 20 times slower at the backward pass of depthwise convolutions in bf16 than in float32.
            with torch.autocast("cpu", enabled=False):
                y = self.conv(x.float()).to(x.dtype)
        else:
            y = self.conv(x)
        return F.silu(self.bn(y))


class Depthwise(nn.Module):
    """A convolution within each channel, then one across channels (Howard et al. 2017)."""

    def __init__(self, inputs: int, outputs: int, kernel: int, stride: int = 1) -> None:
        super().__init__()
        self.dconv = ConvNorm(inputs, inputs, kernel, stride, groups=inputs)
        self.pconv = ConvNorm(inputs, outputs, 1)

    def forward(self, x: Tensor) -> Tensor:
        """(n, in, rows, cols) → (n, out, rows / stride, cols / stride)."""
        found: Tensor = self.pconv(self.dconv(x))
        return found


class Bottleneck(nn.Module):
    """1x1, then depthwise 3x3; ``add`` adds the input."""

    def __init__(self, width: int, *, add: bool) -> None:
        super().__init__()
        self.conv1 = ConvNorm(width, width, 1)
        self.conv2 = Depthwise(width, width, 3)
        self.add = add

    def forward(self, x: Tensor) -> Tensor:
        """(n, in, rows, cols) → (n, out, rows, cols)."""
        y: Tensor = self.conv2(self.conv1(x))
        return x + y if self.add else y


class CrossStage(nn.Module):
    """Half of the channels pass ``count`` bottlenecks, half pass by (CSP, Wang et al. 2020)."""

    def __init__(self, inputs: int, outputs: int, count: int = 1, *, add: bool) -> None:
        super().__init__()
        half = outputs // 2
        self.conv1 = ConvNorm(inputs, half, 1)
        self.conv2 = ConvNorm(inputs, half, 1)
        self.conv3 = ConvNorm(2 * half, outputs, 1)
        self.m = nn.Sequential(*[Bottleneck(half, add=add) for _ in range(count)])

    def forward(self, x: Tensor) -> Tensor:
        """(n, in, rows, cols) → (n, out, rows, cols)."""
        found: Tensor = self.conv3(torch.cat([self.m(self.conv1(x)), self.conv2(x)], 1))
        return found


class Focus(nn.Module):
    """Four pixels become four times the channels, column by column, then a convolution."""

    def __init__(self, outputs: int) -> None:
        super().__init__()
        self.conv = ConvNorm(12, outputs, 3)

    def forward(self, x: Tensor) -> Tensor:
        """(n, 3, rows, cols) → (n, out, rows / 2, cols / 2): four pixels become four channels."""
        parts = [x[..., row::2, col::2] for col in (0, 1) for row in (0, 1)]
        found: Tensor = self.conv(torch.cat(parts, 1))
        return found


class Pooling(nn.Module):
    """What is seen within 1, 5, 9 and 13 places, side by side (SPP, He et al. 2014)."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.conv1 = ConvNorm(width, width // 2, 1)
        self.conv2 = ConvNorm(2 * width, width, 1)

    def forward(self, x: Tensor) -> Tensor:
        """(n, c, rows, cols) → (n, out, rows, cols): maxima over windows of several sizes beside one another."""
        x = self.conv1(x)
        seen = [x]
        for _ in range(3):
            # A maximum within 5 of a maximum within 5 is one within 9.
            seen.append(F.max_pool2d(seen[-1], 5, 1, 2))
        found: Tensor = self.conv2(torch.cat(seen, 1))
        return found


class Darknet(nn.Module):
    """Picture → features at strides 8, 16 and 32."""

    def __init__(self) -> None:
        super().__init__()
        stem, two, three, four, five = WIDTHS
        self.stem = Focus(stem)
        self.dark2 = nn.Sequential(Depthwise(stem, two, 3, 2), CrossStage(two, two, add=True))
        self.dark3 = nn.Sequential(Depthwise(two, three, 3, 2), CrossStage(three, three, 3, add=True))
        self.dark4 = nn.Sequential(Depthwise(three, four, 3, 2), CrossStage(four, four, 3, add=True))
        self.dark5 = nn.Sequential(Depthwise(four, five, 3, 2), Pooling(five), CrossStage(five, five, add=False))

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """(n, 3, rows, cols) → features at an eighth, a sixteenth and a thirty-second of the size."""
        three = self.dark3(self.dark2(self.stem(x)))
        four = self.dark4(three)
        return three, four, self.dark5(four)


class Pyramid(nn.Module):
    """Coarse features go up to the fine ones and back down again."""

    def __init__(self) -> None:
        super().__init__()
        three, four, five = WIDTHS[2:]
        self.backbone = Darknet()
        self.lateral_conv0 = ConvNorm(five, four, 1)
        self.C3_p4 = CrossStage(2 * four, four, add=False)
        self.reduce_conv1 = ConvNorm(four, three, 1)
        self.C3_p3 = CrossStage(2 * three, three, add=False)
        self.bu_conv2 = Depthwise(three, three, 3, 2)
        self.C3_n3 = CrossStage(2 * three, four, add=False)
        self.bu_conv1 = Depthwise(four, four, 3, 2)
        self.C3_n4 = CrossStage(2 * four, five, add=False)

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """(n, 3, rows, cols) → the three levels of features, each knowing the others."""
        three, four, five = self.backbone(x)
        low = self.lateral_conv0(five)
        middle = self.reduce_conv1(self.C3_p4(torch.cat([_doubled(low), four], 1)))
        fine = self.C3_p3(torch.cat([_doubled(middle), three], 1))
        medium = self.C3_n3(torch.cat([self.bu_conv2(fine), middle], 1))
        coarse = self.C3_n4(torch.cat([self.bu_conv1(medium), low], 1))
        return fine, medium, coarse


def _doubled(x: Tensor) -> Tensor:
    """Every place four times."""
    return F.interpolate(x, scale_factor=2.0, mode="nearest")


class Head(nn.Module):
    """Features → box, objectness and class numbers of every place, classes and boxes by separate branches."""

    def __init__(self, classes: int) -> None:
        super().__init__()
        self.stems = nn.ModuleList([ConvNorm(width, HEAD, 1) for width in WIDTHS[2:]])
        self.cls_convs, self.reg_convs = (
            nn.ModuleList([nn.Sequential(Depthwise(HEAD, HEAD, 3), Depthwise(HEAD, HEAD, 3)) for _ in STRIDES])
            for _ in range(2)
        )
        self.cls_preds, self.reg_preds, self.obj_preds = (
            nn.ModuleList([nn.Conv2d(HEAD, outputs, 1) for _ in STRIDES]) for outputs in (classes, 4, 1)
        )

    def forward(self, features: tuple[Tensor, ...]) -> list[Tensor]:
        """Three levels of features → three of raw numbers, (n, 5 + classes, rows, cols)."""
        levels = []
        for level, x in enumerate(features):
            stem = self.stems[level](x)
            kind, place = self.cls_convs[level](stem), self.reg_convs[level](stem)
            levels.append(
                torch.cat([self.reg_preds[level](place), self.obj_preds[level](place), self.cls_preds[level](kind)], 1)
            )
        return levels


class Detector(nn.Module):
    """YOLOX-Nano.

    Attributes:
        classes: how many.
        size: sides of a picture must be multiples of this.
    """

    size = STRIDES[-1]

    def __init__(self, classes: int) -> None:
        super().__init__()
        self.classes = classes
        self.backbone = Pyramid()
        self.head = Head(classes)

    def forward(self, pictures: Tensor) -> Tensor:
        """(n, 3, rows, cols) RGB in 0..1 → raw numbers (n, places, 5 + classes): box 4, objectness and class logits."""
        bgr = (pictures.flip(1) * 255).contiguous(memory_format=torch.channels_last)
        return torch.cat([level.flatten(2) for level in self.head(self.backbone(bgr))], 2).transpose(1, 2)


def places(rows: int, cols: int) -> Tensor:
    """Left, top and stride of every place of a picture, pixels, (places, 3)."""
    cell, stride = anchor_grid((rows, cols))
    return torch.from_numpy(np.concatenate([cell * stride, stride], 1))


def boxes_of(raw: Tensor, where: Tensor) -> Tensor:
    """Raw box numbers (..., places, 4 or more) → centre x, centre y, width, height in pixels, (..., places, 4)."""
    stride = where[:, 2:]
    # The published network stops nowhere; e^8 strides is 250 times any picture.
    return torch.cat([raw[..., :2] * stride + where[:, :2], raw[..., 2:4].clamp(max=8).exp() * stride], -1)


def decoded(raw: Tensor, where: Tensor) -> Tensor:
    """Raw numbers → (n, places, 5 + classes): centre x, centre y, width, height (pixels), objectness and class probabilities."""
    return torch.cat([boxes_of(raw, where), raw[..., 4:].sigmoid()], -1)


def build(classes: int, pretrained: Path | None = None, *, chance: float = 0.01) -> Detector:
    """A detector of so many classes, in training mode, channels last.

    Args:
        pretrained: safetensors file with the published COCO weights; its class layer is kept for 80 classes and
            replaced for any other number. None starts from scratch.
        chance: prior probability of each class at a place for a new class layer (Lin et al. 2017).

    Raises:
        BadModel: a file of another network.
        MissingExtra: safetensors is not installed.
        UsageError: no such file.
    """
    net = Detector(classes)
    for layer in (*net.head.cls_preds, *net.head.obj_preds):
        if isinstance(layer, nn.Conv2d) and layer.bias is not None:
            nn.init.normal_(layer.weight, std=0.01)
            nn.init.constant_(layer.bias, -math.log((1 - chance) / chance))
    if pretrained is not None:
        stored = _stored(pretrained)
        if classes != COCO_CLASSES:
            stored.update({key: value for key, value in net.state_dict().items() if "cls_preds" in key})
        try:
            net.load_state_dict(stored, strict=True)
        except RuntimeError as error:
            first = str(error).splitlines()[1].strip() if "\n" in str(error) else str(error)
            raise BadModel(f"{pretrained} holds another network than YOLOX-Nano ({first}): give its weights") from None
    return net.to(memory_format=torch.channels_last)  # type: ignore[call-overload, no-any-return]


def _stored(path: Path) -> dict[str, Tensor]:
    """Tensors of a safetensors file by name."""
    try:
        from safetensors import SafetensorError
        from safetensors.torch import load_file
    except ImportError:
        raise MissingExtra("safetensors", "learn", "pretrained detector weights") from None
    if not path.exists():
        raise UsageError(f"no weights file {path}: give one, or train with pretrained=none")
    try:
        return dict(load_file(path))
    except SafetensorError as error:
        raise BadModel(f"{path} is no safetensors file ({error}): fetch it again") from None
