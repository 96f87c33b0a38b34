"""Losses: how far logits are from masks, pixel by pixel or region by region.

All take logits and target, both (n, classes, rows, cols), target in {0, 1}, and weight (n, 1, rows, cols)
that is 0 on pixels that do not count. All give one number per picture and class, (n, classes), to be averaged.

* bce                binary cross-entropy
* dice               1 - soft Dice overlap (Milletari et al. 2016)
* focal              cross-entropy that forgets easy pixels, gamma 2 (Lin et al. 2017)
* lovasz             Lovász hinge, the convex extension of the Jaccard loss (Berman et al. 2018), with
                     elu(error) + 1 in place of relu(error) as found best on TGS (Babakhin et al. 2019)
* lovasz-symmetric   mean of the Lovász hinge on the salt and on the background
"""

from collections.abc import Callable

import torch
from torch import Tensor
from torch.nn import functional as F

from outcrop.core.errors import UsageError

Loss = Callable[[Tensor, Tensor, Tensor], Tensor]
SPACE = (2, 3)


def bce(logits: Tensor, target: Tensor, weight: Tensor) -> Tensor:
    """Binary cross-entropy, averaged over counted pixels, (n, classes)."""
    each = F.binary_cross_entropy_with_logits(logits, target, reduction="none")
    return (each * weight).sum(SPACE) / weight.sum(SPACE).clamp(min=1)


def dice(logits: Tensor, target: Tensor, weight: Tensor) -> Tensor:
    """1 - 2 |P·T| / (|P| + |T|), smoothed by one pixel so that an empty picture can be right, (n, classes)."""
    probability = logits.sigmoid() * weight
    target = target * weight
    common = (probability * target).sum(SPACE)
    return 1 - (2 * common + 1) / (probability.sum(SPACE) + target.sum(SPACE) + 1)


def focal(logits: Tensor, target: Tensor, weight: Tensor, gamma: float = 2.0) -> Tensor:
    """Cross-entropy times (1 - p of the right answer)^gamma, averaged over counted pixels, (n, classes)."""
    each = F.binary_cross_entropy_with_logits(logits, target, reduction="none")
    each = each * (1 - torch.exp(-each)) ** gamma
    return (each * weight).sum(SPACE) / weight.sum(SPACE).clamp(min=1)


def _errors(logits: Tensor, target: Tensor, weight: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Hinge errors, largest first, and which of them are of the class and of the rest, (n * classes, pixels) each.

    Pixels that do not count get an error so low that they come last in the order and weigh nothing.
    """
    rows = logits.shape[0] * logits.shape[1]
    errors = (1 - logits * (2 * target - 1)).masked_fill(weight == 0, -1e4).reshape(rows, -1)
    errors, order = errors.sort(dim=1, descending=True)
    inside, outside = (part.reshape(rows, -1).gather(1, order) for part in (target * weight, (1 - target) * weight))
    return errors, inside, outside


def _extension(errors: Tensor, truth: Tensor) -> Tensor:
    """The Lovász extension of the Jaccard loss at sorted errors, (rows,)."""
    total = truth.sum(1, keepdim=True)
    common = total - truth.cumsum(1)
    union = total + (1 - truth).cumsum(1)
    jaccard = 1 - common / union
    gradient = torch.cat([jaccard[:, :1], jaccard[:, 1:] - jaccard[:, :-1]], dim=1)
    return ((F.elu(errors) + 1) * gradient).sum(1)


def lovasz(logits: Tensor, target: Tensor, weight: Tensor) -> Tensor:
    """Lovász hinge per picture and class, (n, classes)."""
    errors, inside, _ = _errors(logits, target, weight)
    return _extension(errors, inside).reshape(logits.shape[:2])


def lovasz_symmetric(logits: Tensor, target: Tensor, weight: Tensor) -> Tensor:
    """Mean of the Lovász hinge of (f, y) and of (-f, 1 - y), (n, classes); both have the same errors, sorted once."""
    errors, inside, outside = _errors(logits, target, weight)
    return ((_extension(errors, inside) + _extension(errors, outside)) / 2).reshape(logits.shape[:2])


LOSSES: dict[str, Loss] = {
    "bce": bce,
    "dice": dice,
    "focal": focal,
    "lovasz": lovasz,
    "lovasz-symmetric": lovasz_symmetric,
}


def loss_from(text: str) -> Loss:
    """A sum of losses from its formula, e.g. ``"lovasz-symmetric + 0.1*bce"``.

    Raises:
        UsageError: a name or a factor that is not known.
    """
    terms = []
    for part in text.split("+"):
        factor, _, name = part.strip().rpartition("*")
        try:
            terms.append((float(factor or 1), LOSSES[name.strip()]))
        except (KeyError, ValueError):
            raise UsageError(
                f"no loss {part.strip()!r}: write a sum of {', '.join(LOSSES)}, e.g. 'bce + 0.5*dice'"
            ) from None

    def total(logits: Tensor, target: Tensor, weight: Tensor) -> Tensor:
        values = [factor * loss(logits, target, weight) for factor, loss in terms]
        return torch.stack(values).sum(0)

    return total
