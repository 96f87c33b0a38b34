"""How far a detector's answers are from the boxes: which place answers for which box, and what its errors cost.

Places are assigned by SimOTA (Ge et al. 2021, arXiv:2107.08430, a shortcut of OTA): every box takes the k places that
would cost least, where k is the sum of its ten best overlaps; a place wanted by two boxes goes to the cheaper one.
All pictures of a batch are assigned at once: boxes are padded to the same count and ``real`` says which ones exist.
"""

from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional as F

from outcrop.models.box_recipe import BoxRecipe
from outcrop.models.detector import boxes_of, places

REACH = 2.5
"""A place may answer for a box whose centre lies within this many strides, even from outside the box."""

BEST = 10
"""Overlaps that are summed to the number of places per box, and the most places a box can take."""

OVERLAP_COST = 3.0
"""Weight of -ln(overlap) beside the class cost, when places are assigned."""

FAR = 1e5
"""Cost of a place that is not both inside the box and near its centre: such places come last."""

NEVER = 1e9
"""Cost of a place that may not answer for a box."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Truth:
    """The boxes of a batch of pictures.

    Attributes:
        boxes: (n, most, 4) centre x, centre y, width, height, pixels.
        labels: (n, most) int64, class index.
        real: (n, most) bool, False for padding.
        firmness: (n, most) how much the edges of a box count.
    """

    boxes: Tensor
    labels: Tensor
    real: Tensor
    firmness: Tensor


def overlap(one: Tensor, two: Tensor, *, generalised: bool = False) -> Tensor:
    """IoU of boxes (..., 4) given as centre, width and height; shapes broadcast, the result lacks the last axis.

    Args:
        generalised: GIoU (Rezatofighi et al. 2019, eq. 4), in -1..1: less the empty share of the smallest box around both.
    """
    low_one, high_one = one[..., :2] - one[..., 2:] / 2, one[..., :2] + one[..., 2:] / 2
    low_two, high_two = two[..., :2] - two[..., 2:] / 2, two[..., :2] + two[..., 2:] / 2
    common = (torch.minimum(high_one, high_two) - torch.maximum(low_one, low_two)).clamp(min=0).prod(-1)
    union = (one[..., 2:].prod(-1) + two[..., 2:].prod(-1) - common).clamp(min=1e-9)
    iou = common / union
    if not generalised:
        return iou
    around = (torch.maximum(high_one, high_two) - torch.minimum(low_one, low_two)).prod(-1).clamp(min=1e-9)
    return iou - (around - union) / around


@torch.no_grad()
def assign(raw: Tensor, boxes: Tensor, where: Tensor, truth: Truth) -> tuple[Tensor, Tensor, Tensor]:
    """Which place answers for which box.

    Args:
        raw: (n, places, 5 + classes) as the network gives them; boxes: (n, places, 4) decoded; where: (places, 3).

    Returns:
        chosen (n, places) bool; box (n, places) position of the box answered for, 0 where none;
        iou (n, places) overlap with it, 0 where none.
    """
    stride = where[:, 2]
    centre = where[:, :2] + stride[:, None] / 2
    away = (centre[None, None] - truth.boxes[:, :, None, :2]).abs()
    inside = (away < truth.boxes[:, :, None, 2:] / 2).all(-1)
    near = (away < REACH * stride[:, None]).all(-1)
    iou = overlap(truth.boxes[:, :, None], boxes[:, None])
    allowed = (inside | near) & truth.real[:, :, None]
    cost = class_cost(raw, truth.labels) - OVERLAP_COST * (iou + 1e-8).log() + FAR * ~(inside & near)
    cost = cost.masked_fill(~allowed, NEVER)
    best = min(BEST, cost.shape[2])
    count = (iou * allowed).topk(best, dim=2).values.sum(2).int().clamp(min=1)
    cheapest, position = cost.topk(best, dim=2, largest=False)
    taken = (torch.arange(best) < count[..., None]) & (cheapest < NEVER)
    wanted = torch.zeros_like(allowed).scatter_(2, position, taken)
    # A place that several boxes want goes to the one it costs least.
    box = cost.masked_fill(~wanted, 2 * NEVER).argmin(1)
    chosen = wanted.any(1)
    found = iou.gather(1, box[:, None])[:, 0]
    return chosen, box * chosen, found * chosen


def class_cost(raw: Tensor, labels: Tensor) -> Tensor:
    """Cross-entropy of every place against every box's class, (n, boxes, places), with √(class · objectness) as probability."""
    probability = (raw[..., 5:].sigmoid() * raw[..., 4:5].sigmoid()).sqrt().clamp(1e-6, 1 - 1e-6)
    no, yes = -(1 - probability).log(), -probability.log()
    # Of the right class the "yes", of every other class the "no".
    change = (yes - no).transpose(1, 2).gather(1, labels[:, :, None].expand(-1, -1, raw.shape[1]))
    return no.sum(2)[:, None] + change


def detector_loss(
    raw: Tensor, size: tuple[int, int], truth: Truth, recipe: BoxRecipe
) -> tuple[Tensor, dict[str, float]]:
    """The loss of a batch, and its parts for the log.

    Boxes, and classes with the overlap as soft target, are learnt at the assigned places, objectness everywhere; each
    sum is divided by the number of assigned places.

    Args:
        raw: (n, places, 5 + classes) float32; size: rows and cols of the pictures.
    """
    where = places(*size)
    boxes = boxes_of(raw, where)
    chosen, box, iou = assign(raw.detach(), boxes.detach(), where, truth)
    picture, place = chosen.nonzero(as_tuple=True)
    assigned = max(len(picture), 1)
    objectness = F.binary_cross_entropy_with_logits(raw[..., 4], chosen.float(), reduction="sum") / assigned
    wanted = truth.boxes[picture, box[picture, place]]
    labels = truth.labels[picture, box[picture, place]]
    target = F.one_hot(labels, raw.shape[2] - 5) * iou[picture, place, None]
    kind = F.binary_cross_entropy_with_logits(raw[picture, place, 5:], target, reduction="sum") / assigned
    seen = overlap(boxes[picture, place], wanted, generalised=recipe.box_loss == "giou")
    apart = 1 - seen if recipe.box_loss == "giou" else 1 - seen**2
    firmness = truth.firmness[picture, box[picture, place]]
    edges = (apart * firmness).sum() / assigned
    loss = recipe.box_weight * edges + objectness + kind
    if recipe.l1_weight:
        difference = (raw[picture, place, :4] - raw_of(wanted, where[place])).abs().sum(1)
        loss = loss + recipe.l1_weight * (difference * firmness).sum() / assigned
    parts = {"box": edges.item(), "objectness": objectness.item(), "class": kind.item(), "places": float(len(picture))}
    return loss, parts


def raw_of(boxes: Tensor, where: Tensor) -> Tensor:
    """The raw numbers that decode to these boxes, (k, 4), at these places, (k, 3)."""
    stride = where[:, 2:]
    return torch.cat([(boxes[:, :2] - where[:, :2]) / stride, (boxes[:, 2:] / stride).clamp(min=1e-6).log()], 1)
