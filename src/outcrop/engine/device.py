"""Where a network learns: this machine's processor, or its graphics card."""

import torch

from outcrop.core.errors import UsageError

DEVICES = ("auto", "cpu", "cuda", "mps")


def device_of(name: str = "auto") -> torch.device:
    """ "auto" is CUDA where torch sees a card, else the CPU; "mps" (Apple) must be asked for.

    Raises:
        UsageError: no such device, or none of its kind on this machine.
    """
    if name not in DEVICES:
        raise UsageError(f"no device {name!r}: choose one of {', '.join(DEVICES)}")
    there = {"cpu": True, "cuda": torch.cuda.is_available(), "mps": torch.backends.mps.is_available()}
    if name == "auto":
        return torch.device("cuda" if there["cuda"] else "cpu")
    if not there[name]:
        raise UsageError(f"torch {torch.__version__} sees no {name} here: install a build for it, or give --device cpu")
    return torch.device(name)
