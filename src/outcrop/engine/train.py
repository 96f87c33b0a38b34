"""Training: a recipe and labelled pictures → a network's weights, resumable and reproducible.

Every epoch draws its random numbers from (seed, fold, epoch, member) alone, and everything else is in the
checkpoint, so a run that was stopped and resumed ends with the same weights as one that was not.
"""

import copy
import json
import platform
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from math import cos, pi
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
import torch
from torch import Tensor, nn

from outcrop.core.errors import UsageError
from outcrop.core.labelled import Labelled, fingerprint
from outcrop.engine import augment
from outcrop.engine.checkpoint import Checkpointed
from outcrop.models.losses import bce, loss_from
from outcrop.models.network import Net, build
from outcrop.models.recipe import Recipe

Report = Callable[["Epoch"], None]

MEASURED_ON = 64
"""Training pictures that batch norms are measured on when a network starts from a model file."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Epoch:
    """One line of the training log; ``iou`` is the mean over pictures, empty against empty counting 1."""

    epoch: int
    learning_rate: float
    train_loss: float
    train_iou: float
    valid_loss: float
    valid_iou: float
    seconds: float


def _optimizer(net: nn.Module, recipe: Recipe) -> torch.optim.Optimizer:
    """The optimiser of a recipe; SGD has Nesterov momentum 0.9; biases and norms are not decayed."""
    matrices = [p for p in net.parameters() if p.ndim > 1]
    vectors = [p for p in net.parameters() if p.ndim <= 1]
    groups = [{"params": matrices, "weight_decay": recipe.weight_decay}, {"params": vectors, "weight_decay": 0.0}]
    if recipe.optimizer == "sgd":
        return torch.optim.SGD(groups, lr=recipe.learning_rate, momentum=0.9, nesterov=True)
    kind = {"adamw": torch.optim.AdamW, "adam": torch.optim.Adam}.get(recipe.optimizer)
    if kind is None:
        raise UsageError(f"no optimizer {recipe.optimizer!r}: choose adamw, adam or sgd")
    found: torch.optim.Optimizer = kind(groups, lr=recipe.learning_rate, fused=True)
    return found


def learning_rate(recipe: Recipe, progress: float) -> float:
    """Cosine with restarts and a linear warm-up; progress is the share of all steps done, in [0, 1)."""
    if progress < recipe.warmup / recipe.cycles:
        return recipe.learning_rate * max(progress * recipe.cycles / recipe.warmup, 0.01)
    within = progress * recipe.cycles % 1
    return recipe.learning_rate * (0.5 * (1 + cos(pi * within)) * 0.99 + 0.01)


Part = TypeVar("Part")


def part_at(parts: Sequence[tuple[float, Part]], progress: float) -> Part:
    """What a share of the training falls in, of (share, part) pairs; the last one where the shares end early."""
    end = 0.0
    for share, part in parts:
        end += share
        if progress < end:
            return part
    return parts[-1][1]


def side_at(recipe: Recipe, progress: float) -> int:
    """Side of the chips at a share of the training, pixels."""
    return part_at(recipe.sizes or ((1.0, recipe.chip),), progress)


def mean_iou(logits: Tensor, target: Tensor, weight: Tensor) -> float:
    """Mean IoU over pictures at probability 0.5; an empty picture left empty counts 1."""
    seen, truth = (logits > 0) & (weight > 0), (target > 0) & (weight > 0)
    common, union = (seen & truth).sum((1, 2, 3)), (seen | truth).sum((1, 2, 3))
    return float(torch.where(union == 0, 1.0, common / union.clamp(min=1)).mean())


class Trainer(Checkpointed[Net, Epoch]):
    """One network learning from one fold.

    Args:
        hold: positions of the pictures held out for validation (may be empty).
        folder: where checkpoint.pt, log.csv and record.json go.
        start: weights to start from: a checkpoint, or a model file (see ``engine.restart``).
        device: where the network learns.
    """

    def __init__(
        self, recipe: Recipe, labelled: Labelled, train: np.ndarray, hold: np.ndarray, classes: int, folder: Path,
        start: Path | None = None, fold: int = 0, device: torch.device = augment.CPU,
    ) -> None:  # fmt: skip
        torch.manual_seed(recipe.seed + 1000 * fold + 1_000_000 * recipe.member)
        self.recipe, self.labelled, self.train_on, self.hold = recipe, labelled, train, hold
        self.classes, self.folder, self.fold = classes, folder, fold
        self.net, self.device = build(recipe, labelled.images[0].shape[0], classes), device
        if start is not None and start.suffix == ".onnx":
            from outcrop.engine.restart import restart

            some = np.random.default_rng(recipe.seed).permutation(train)[:MEASURED_ON]
            image, *_ = augment.batch(labelled, some, classes, recipe.chip, augment.STILL, np.random.default_rng(0))
            restart(self.net, start, list(image.numpy()))
        elif start is not None:
            self.net.load_state_dict(torch.load(start, map_location="cpu", weights_only=True)["kept"])
        if not 0 <= recipe.blend < 1 or (recipe.blend and start is None):
            raise UsageError(
                f"blend {recipe.blend} is a share, at least 0 and below 1, of the weights that --start gives: give both or neither"
            )
        self.net.to(device)
        self.begun = copy.deepcopy(self.net.state_dict()) if recipe.blend else {}
        self.average = copy.deepcopy(self.net).eval() if recipe.ema else None
        self.optimizer = _optimizer(self.net, recipe)
        self.log, self.line = [], Epoch

    def run(self, report: Report = lambda epoch: None) -> Net:
        """Train to the end of the recipe, with a checkpoint after every epoch."""
        for epoch in range(len(self.log), self.recipe.epochs):
            began = time.monotonic()
            loss, iou, rate = self._learn(epoch)
            if epoch + 1 == self.recipe.epochs:
                self._finish()
            valid_loss, valid_iou = self._validate()
            self.log.append(
                Epoch(
                    epoch=epoch,
                    learning_rate=rate,
                    train_loss=loss,
                    train_iou=iou,
                    valid_loss=valid_loss,
                    valid_iou=valid_iou,
                    seconds=time.monotonic() - began,
                )
            )
            self.save()
            report(self.log[-1])
        return self.kept

    def _learn(self, epoch: int) -> tuple[float, float, float]:
        """One pass over the training pictures: mean loss, mean IoU, last learning rate."""
        recipe = self.recipe
        rng = np.random.default_rng([recipe.seed, self.fold, epoch, *([recipe.member] if recipe.member else [])])
        torch.manual_seed(int(rng.integers(2**31)))
        order = rng.permutation(self.train_on)
        size = min(recipe.batch, len(order))
        batches = [order[i : i + size] for i in range(0, len(order) - size + 1, size)]
        side = side_at(recipe, epoch / recipe.epochs)
        self.net.train()
        losses, ious, rate = [], [], 0.0
        for step, index in enumerate(batches):
            progress = (epoch + step / len(batches)) / recipe.epochs
            rate = learning_rate(recipe, progress)
            for group in self.optimizer.param_groups:
                group["lr"] = rate
            image, target, weight, context = augment.batch(
                self.labelled, index, self.classes, recipe.chip, recipe.augment, rng, self.device, side
            )
            if recipe.depth:
                known = torch.from_numpy((rng.random((len(index), 1)) < 0.5).astype(np.float32))
                context = context * known.to(self.device)
            with torch.autocast(self.device.type, torch.bfloat16, enabled=recipe.precision == "bf16"):
                logits, seen = self.net(image, context if recipe.depth else None)
            logits = logits.float()
            loss = loss_from(part_at(recipe.phases, progress))(logits, target, weight).mean()
            if seen is not None:
                there = (target * weight).amax((2, 3))[:, :, None, None]
                one = torch.ones_like(there[:, :1])
                loss = loss + recipe.presence * bce(seen.float()[:, :, None, None], there, one).mean()
            self.optimizer.zero_grad(set_to_none=True)
            loss.backward()  # type: ignore[no-untyped-call]
            nn.utils.clip_grad_norm_(self.net.parameters(), 5.0)
            self.optimizer.step()
            self.follow(epoch * len(batches) + step, recipe.ema)
            losses.append(loss.item())
            ious.append(mean_iou(logits.detach(), target, weight))
        return float(np.mean(losses)), float(np.mean(ious)), rate

    @torch.no_grad()
    def _blend(self) -> None:
        """Move what is kept towards the weights that training started from: between two good ones lie better ones."""
        for name, values in self.kept.state_dict().items():
            if values.dtype.is_floating_point:
                values.lerp_(self.begun[name], self.recipe.blend)

    def _finish(self) -> None:
        """What is kept, once the last step is done."""
        if self.begun:
            self._blend()
        if self.recipe.norms_from > 0:
            always = self.labelled.always
            own = self.train_on[~always[self.train_on]] if len(always) else self.train_on
            measure_norms(self.kept, self.recipe, self.labelled, own, self.classes, self.device)

    @torch.no_grad()
    def _validate(self) -> tuple[float, float]:
        """Mean loss and IoU on the held-out pictures, shrunk as those of the epoch; NaN when there are none."""
        if not len(self.hold):
            return float("nan"), float("nan")
        rng = np.random.default_rng(self.recipe.seed)
        losses, ious = [], []
        side = side_at(self.recipe, len(self.log) / self.recipe.epochs)
        loss = loss_from(self.recipe.phases[-1][1])
        for index in np.array_split(self.hold, max(len(self.hold) // 50, 1)):
            image, target, weight, context = augment.batch(
                self.labelled, index, self.classes, self.recipe.chip, augment.STILL, rng, side=side
            )
            logits = forward(self.kept, image, context if self.recipe.depth else None, self.recipe.precision)
            losses += loss(logits, target, weight).mean(1).tolist()
            ious += [mean_iou(*(t[i : i + 1] for t in (logits, target, weight))) for i in range(len(index))]
        return float(np.mean(losses)), float(np.mean(ious))


def measure_norms(
    net: Net, recipe: Recipe, labelled: Labelled, index: np.ndarray, classes: int, device: torch.device = augment.CPU
) -> None:
    """Set the batch-norm statistics from ``recipe.norms_from`` of the pictures at ``index``, altered as in training."""
    rng = np.random.default_rng(recipe.seed)
    some = rng.permutation(index)[: recipe.norms_from]
    parts = np.array_split(some, max(len(some) // 64, 1))
    images = (augment.batch(labelled, part, classes, recipe.chip, recipe.augment, rng, device)[0] for part in parts)
    torch.optim.swa_utils.update_bn(images, net)


@torch.no_grad()
def forward(net: Net, image: Tensor, context: Tensor | None, precision: str = "float32") -> Tensor:
    """Logits of a batch of chips in evaluation mode, (n, classes, rows, cols) float32, back on the CPU."""
    net.eval()
    device = next((p.device for p in net.parameters()), augment.CPU)
    with torch.autocast(device.type, torch.bfloat16, enabled=precision == "bf16"):
        logits, _ = net(image.to(device), None if context is None else context.to(device))
    found: Tensor = logits.float().cpu()
    return found


def record(recipe: Recipe, labelled: Labelled, **more: Any) -> dict[str, Any]:
    """What a run was: settings, seed, versions, data fingerprint."""
    from outcrop import __version__

    return {
        "recipe": recipe.as_dict(),
        "pictures": len(labelled),
        "data_sha256": fingerprint(labelled),
        "outcrop": __version__,
        "torch": torch.__version__,
        "numpy": np.__version__,
        "python": platform.python_version(),
        "machine": platform.machine(),
        **more,
    }


def write_record(folder: Path, content: dict[str, Any]) -> None:
    """Save the record beside the weights as record.json."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "record.json").write_text(json.dumps(content, indent=1))
