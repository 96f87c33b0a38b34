"""Training of detectors: a recipe and pictures with boxes → a network's weights, resumable and reproducible.

A run's folder holds, for every fold, ``fold-k/checkpoint.pt``, ``fold-k/log.csv``, ``fold-k/record.json`` and
``fold-k/held-out-boxes.npz``: what the fold's detector says of the pictures it never saw (``read_held_out_boxes``).
Every epoch draws its random numbers from (seed, fold, epoch) alone, as in ``engine.train``.
"""

import copy
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from math import cos, pi
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from outcrop.core.errors import UsageError
from outcrop.core.labelled import Boxed
from outcrop.core.scene import Floats
from outcrop.engine import augment_boxes
from outcrop.engine.augment_boxes import Shown, shrunk
from outcrop.engine.checkpoint import Checkpointed
from outcrop.models.box_layouts import LAYOUTS
from outcrop.models.box_recipe import BoxRecipe
from outcrop.models.detector import Detector, build, decoded, places
from outcrop.models.detector_loss import Truth, detector_loss
from outcrop.models.letterbox import letterbox, letterboxed
from outcrop.models.suppression import Found, suppress

FAINTEST = 0.01
"""Lowest score of a box that is kept of a held-out picture."""


@dataclass(frozen=True, slots=True, kw_only=True)
class BoxEpoch:
    """One line of the training log: the loss and its parts, means over batches; NaN where nothing was held out."""

    epoch: int
    learning_rate: float
    train_loss: float
    box: float
    objectness: float
    kind: float
    valid_loss: float
    seconds: float


def learning_rate(recipe: BoxRecipe, progress: float) -> float:
    """Linear warm-up, then a cosine down to the recipe's floor; progress is the share of all steps done, in [0, 1)."""
    if progress < recipe.warmup:
        return recipe.learning_rate * max(progress / recipe.warmup, 0.01)
    rest = (progress - recipe.warmup) / (1 - recipe.warmup)
    return recipe.learning_rate * (recipe.floor + (1 - recipe.floor) * 0.5 * (1 + cos(pi * rest)))


def drawn(
    recipe: BoxRecipe, kinds: Sequence[str], train: NDArray[np.int64], rng: np.random.Generator
) -> NDArray[np.int64]:
    """Positions that one epoch sees, in random order: of every kind as many as the recipe says.

    Raises:
        UsageError: the recipe asks for none of the kinds there are.
    """
    if not recipe.draws:
        return rng.permutation(train)
    parts = []
    for kind, count in recipe.draws:
        members = train[[kinds[i] == kind for i in train]]
        rounds = -(-count // len(members)) if len(members) else 0
        parts += [np.concatenate([rng.permutation(members) for _ in range(rounds)])[:count]] if rounds else []
    if not parts:
        raise UsageError(
            f"none of the pictures is of a kind that the recipe draws ({', '.join(k for k, _ in recipe.draws)})"
        )
    return rng.permutation(np.concatenate(parts))


def truth_of(canvases: Sequence[Shown]) -> Truth:
    """The boxes of a batch, padded to the same count."""
    most = max(1, *(len(canvas.labels) for canvas in canvases))
    boxes, firmness = np.zeros((len(canvases), most, 4), np.float32), np.zeros((len(canvases), most), np.float32)
    labels, real = np.zeros((len(canvases), most), np.int64), np.zeros((len(canvases), most), bool)
    for i, canvas in enumerate(canvases):
        count = len(canvas.labels)
        sides = canvas.boxes[:, 2:] - canvas.boxes[:, :2]
        boxes[i, :count] = np.concatenate([canvas.boxes[:, :2] + sides / 2, sides], 1)
        labels[i, :count], firmness[i, :count], real[i, :count] = canvas.labels, canvas.firmness, True
    return Truth(
        boxes=torch.from_numpy(boxes), labels=torch.from_numpy(labels), real=torch.from_numpy(real),
        firmness=torch.from_numpy(firmness),
    )  # fmt: skip


class BoxTrainer(Checkpointed[Detector, BoxEpoch]):
    """One detector learning from one fold.

    Args:
        shown: every picture of the set, shrunk, by position.
        train, hold: positions to learn from and to hold out.
        start: weights to start from, see ``models.detector``; "kept" of a checkpoint, or a safetensors file.
    """

    def __init__(
        self, recipe: BoxRecipe, shown: Sequence[Shown], kinds: Sequence[str], train: NDArray[np.int64],
        hold: NDArray[np.int64], classes: int, folder: Path, start: Path | None = None, fold: int = 0,
    ) -> None:  # fmt: skip
        torch.manual_seed(recipe.seed + 1000 * fold)
        self.recipe, self.shown, self.kinds, self.train_on, self.hold = recipe, shown, kinds, train, hold
        self.folder, self.fold = folder, fold
        published = start if start is not None and start.suffix == ".safetensors" else None
        self.net = build(classes, published, chance=recipe.chance)
        if start is not None and published is None:
            self.net.load_state_dict(torch.load(start, weights_only=True)["kept"])
        self.average = copy.deepcopy(self.net).eval() if recipe.ema else None
        self.optimizer = _optimizer(self.net, recipe)
        self.log, self.line = [], BoxEpoch

    def run(self, report: Callable[[BoxEpoch], None] = lambda epoch: None) -> Detector:
        """Train to the end of the recipe, with a checkpoint after every epoch."""
        for epoch in range(len(self.log), self.recipe.epochs):
            began = time.monotonic()
            parts, rate = self._learn(epoch)
            valid = self._validate()
            self.log.append(
                BoxEpoch(
                    epoch=epoch, learning_rate=rate, train_loss=parts["loss"], box=parts["box"], kind=parts["class"],
                    objectness=parts["objectness"], valid_loss=valid, seconds=time.monotonic() - began,
                )
            )  # fmt: skip
            self.save()
            report(self.log[-1])
        return self.kept

    def _learn(self, epoch: int) -> tuple[dict[str, float], float]:
        """One pass over the epoch's pictures: means of the loss and its parts, last learning rate."""
        recipe = self.recipe
        rng = np.random.default_rng([recipe.seed, self.fold, epoch])
        order = drawn(recipe, self.kinds, self.train_on, rng)
        size = min(recipe.batch, len(order))
        batches = [order[i : i + size] for i in range(0, len(order) - size + 1, size)]
        mosaics = recipe.augment.mosaic if epoch < recipe.epochs * (1 - recipe.augment.still) else 0.0
        self.net.train()
        seen, rate = [], 0.0
        for step, index in enumerate(batches):
            rate = learning_rate(recipe, (epoch + step / len(batches)) / recipe.epochs)
            for group in self.optimizer.param_groups:
                group["lr"] = rate
            pictures, canvases = augment_boxes.batch(self.shown, index, recipe.side, recipe.augment, mosaics, rng)
            with torch.autocast("cpu", torch.bfloat16, enabled=recipe.precision == "bf16"):
                raw = self.net(torch.from_numpy(pictures))
            loss, parts = detector_loss(raw.float(), (recipe.side, recipe.side), truth_of(canvases), recipe)
            self.optimizer.zero_grad(set_to_none=True)
            loss.backward()  # type: ignore[no-untyped-call]
            nn.utils.clip_grad_norm_(self.net.parameters(), 10.0)
            self.optimizer.step()
            self.follow(epoch * len(batches) + step, self.recipe.ema)
            seen.append({"loss": loss.item(), **parts})
        return {key: float(np.mean([parts[key] for parts in seen])) for key in seen[0]}, rate

    @torch.no_grad()
    def _validate(self) -> float:
        """Mean loss over the held-out pictures that show something, as they are; NaN when there are none."""
        side, losses = self.recipe.side, []
        for position in self.hold:
            shown = self.shown[position]
            if len(shown.labels):
                fed, fitted = fit(shown, side)
                raw = forward(self.kept, torch.from_numpy(fed)[None], self.recipe.precision)
                losses.append(detector_loss(raw, (side, side), truth_of([fitted]), self.recipe)[0].item())
        return float(np.mean(losses)) if losses else float("nan")


def _optimizer(net: nn.Module, recipe: BoxRecipe) -> torch.optim.Optimizer:
    """The optimiser of a recipe; biases and norms are not decayed."""
    groups = [
        {"params": [p for p in net.parameters() if p.ndim > 1], "weight_decay": recipe.weight_decay},
        {"params": [p for p in net.parameters() if p.ndim <= 1], "weight_decay": 0.0},
    ]
    if recipe.optimizer == "sgd":
        return torch.optim.SGD(groups, lr=recipe.learning_rate, momentum=0.9, nesterov=True)
    if recipe.optimizer != "adamw":
        raise UsageError(f"no optimizer {recipe.optimizer!r}: choose adamw or sgd")
    return torch.optim.AdamW(groups, lr=recipe.learning_rate)


def fit(shown: Shown, side: int) -> tuple[Floats, Shown]:
    """A picture as prediction feeds it, (3, side, side), and with its boxes there."""
    box = letterbox((shown.pixels.shape[0], shown.pixels.shape[1]), (side, side), centred=LAYOUTS["outcrop"].centred)
    fed = letterboxed(shown.pixels.transpose(2, 0, 1).astype(np.float32) / np.float32(255), box)
    return fed, shown._replace(boxes=box.to_input(shown.boxes))


@torch.no_grad()
def forward(net: Detector, pictures: Tensor, precision: str = "float32") -> Tensor:
    """Raw numbers of a batch in evaluation mode, (n, places, 5 + classes) float32."""
    net.eval()
    with torch.autocast("cpu", torch.bfloat16, enabled=precision == "bf16"):
        raw: Tensor = net(pictures)
    return raw.float()


def see(net: Detector, pixels: NDArray[np.uint8], side: int, *, flip: bool = False, limit: float = 0.5) -> Found:
    """Boxes of one picture (rows, cols, 3), in its own pixels, best first, down to ``FAINTEST``.

    Args:
        flip: look at the mirror image; boxes come back unmirrored.
        limit: overlap above which the weaker of two boxes of a class is dropped.
    """
    rows, cols = pixels.shape[:2]
    blank = np.zeros((0,), np.int64)
    given = Shown(pixels[:, ::-1] if flip else pixels, np.zeros((0, 4), np.float32), blank, np.zeros(0, np.float32))
    fed, _ = fit(given, side)
    values = decoded(forward(net, torch.from_numpy(fed)[None]), places(side, side))[0].numpy()
    boxes, scores = LAYOUTS["outcrop"].decode(values, (side, side), net.classes)
    place, label = np.nonzero(scores >= FAINTEST)
    back = letterbox((rows, cols), (side, side), centred=LAYOUTS["outcrop"].centred).to_picture(boxes[place])
    if flip:
        back[:, [0, 2]] = cols - back[:, [2, 0]]
    found = Found(back, scores[place, label].astype(np.float32), label.astype(np.int64))
    return suppress(found.take((back[:, 2] > back[:, 0]) & (back[:, 3] > back[:, 1])), limit=limit)


def shown_of(boxed: Boxed, recipe: BoxRecipe) -> list[Shown]:
    """Every picture of a set in memory, at most the recipe's side long, with the firmness of its kind."""
    firmness = dict(recipe.looseness)
    return [shrunk(boxed, i, recipe.side, firmness.get(kind, 1.0)) for i, kind in enumerate(boxed.kinds)]


def settings_of(recipe: BoxRecipe, **more: Any) -> dict[str, Any]:
    """What a run was: settings, versions."""
    import platform

    from outcrop import __version__

    return {
        "recipe": recipe.as_dict(), "outcrop": __version__, "torch": torch.__version__, "numpy": np.__version__,
        "python": platform.python_version(), "machine": platform.machine(), **more,
    }  # fmt: skip
