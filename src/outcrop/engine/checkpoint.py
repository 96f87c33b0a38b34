"""A training on disk: ``checkpoint.pt`` to go on from, ``log.csv`` to read; one line for each epoch, whatever is learnt."""

import csv
import os
from dataclasses import asdict, fields
from pathlib import Path
from typing import Any, Generic, TypeVar

import torch
from torch import nn

Network = TypeVar("Network", bound=nn.Module)
Line = TypeVar("Line", bound=Any)


class Checkpointed(Generic[Network, Line]):
    """What every trainer keeps and takes up again.

    Attributes:
        net, average: the network that learns, and its running mean; None where the recipe does not average.
        log: one entry for each finished epoch, dataclasses of the kind ``line``.
    """

    net: Network
    average: Network | None
    optimizer: torch.optim.Optimizer
    folder: Path
    log: list[Line]
    line: type[Line]

    @property
    def kept(self) -> Network:
        """The network that is validated and exported: the averaged one when the recipe averages."""
        return self.net if self.average is None else self.average

    @torch.no_grad()
    def follow(self, step: int, most: float) -> None:
        """Move the averaged weights towards the present ones: decay ``most``, less at the start."""
        if self.average is None:
            return
        decay = min(most, (step + 1) / (step + 10))
        kept, now = (list(net.state_dict().values()) for net in (self.average, self.net))
        floats = [i for i, values in enumerate(kept) if values.dtype.is_floating_point]
        torch._foreach_lerp_([kept[i] for i in floats], [now[i] for i in floats], 1 - decay)
        for i in set(range(len(kept))) - set(floats):
            kept[i].copy_(now[i])

    def save(self) -> None:
        """Write the checkpoint in one step, so that a crash leaves the old or the new one whole."""
        self.folder.mkdir(parents=True, exist_ok=True)
        state = {
            "net": self.net.state_dict(),
            "kept": self.kept.state_dict(),
            "optimizer": self.optimizer.state_dict(),
            "log": [asdict(epoch) for epoch in self.log],
        }
        part = self.folder / "checkpoint.part"
        torch.save(state, part)
        os.replace(part, self.folder / "checkpoint.pt")
        with (self.folder / "log.csv").open("w", newline="") as file:
            table = csv.DictWriter(file, fieldnames=[field.name for field in fields(self.line)])
            table.writeheader()
            table.writerows(asdict(epoch) for epoch in self.log)

    def resume(self) -> bool:
        """Go on from the checkpoint in the folder, if there is one."""
        path = self.folder / "checkpoint.pt"
        if not path.exists():
            return False
        state = torch.load(path, map_location="cpu", weights_only=True)
        self.net.load_state_dict(state["net"])
        if self.average is not None:
            self.average.load_state_dict(state["kept"])
        self.optimizer.load_state_dict(state["optimizer"])
        self.log = [self.line(**epoch) for epoch in state["log"]]
        return True
