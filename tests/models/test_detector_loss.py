"""Places are assigned as SimOTA says, one picture or many, and the loss falls when the answers get better."""

from dataclasses import replace

import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="needs torch: install the extra 'learn'")

from outcrop.models.box_recipe import BoxRecipe
from outcrop.models.detector import boxes_of, places
from outcrop.models.detector_loss import (
    BEST,
    FAR,
    OVERLAP_COST,
    REACH,
    Truth,
    assign,
    class_cost,
    detector_loss,
    overlap,
    raw_of,
)

SIZE = (96, 96)
WHERE = places(*SIZE)
RECIPE = BoxRecipe(name="a")


def truth(*pictures: list[tuple[float, float, float, float, int]], firmness: float = 1.0) -> Truth:
    """Boxes (centre x, centre y, width, height, label) of some pictures."""
    most = max(1, *map(len, pictures))
    rows = torch.tensor([p + [(0, 0, 0, 0, 0)] * (most - len(p)) for p in pictures])
    real = torch.tensor([[i < len(p) for i in range(most)] for p in pictures])
    return Truth(
        boxes=rows[..., :4].float(), labels=rows[..., 4].long(), real=real, firmness=torch.full(real.shape, firmness)
    )


def guesses(count: int, seed: int = 0) -> "torch.Tensor":
    torch.manual_seed(seed)
    return torch.randn(count, len(WHERE), 7)


def by_hand(raw: np.ndarray, boxes: np.ndarray, known: Truth) -> dict[int, int]:
    """Place → box by loops, for one picture."""
    cost: dict[tuple[int, int], float] = {}
    wishes: dict[int, list[int]] = {}
    sigmoid = 1 / (1 + np.exp(-raw[:, 4:].astype(np.float64)))
    for b in range(int(known.real[0].sum())):
        x, y, w, h = known.boxes[0, b].tolist()
        ious = {}
        for p, (left, top, stride) in enumerate(WHERE.tolist()):
            dx, dy = abs(left + stride / 2 - x), abs(top + stride / 2 - y)
            inside, near = dx < w / 2 and dy < h / 2, dx < REACH * stride and dy < REACH * stride
            if not inside and not near:
                continue
            bx, by, bw, bh = boxes[p]
            common = max(0, min(x + w / 2, bx + bw / 2) - max(x - w / 2, bx - bw / 2))
            common *= max(0, min(y + h / 2, by + bh / 2) - max(y - h / 2, by - bh / 2))
            ious[p] = common / (w * h + bw * bh - common)
            chance = np.clip(np.sqrt(sigmoid[p, 0] * sigmoid[p, 1:]), 1e-6, 1 - 1e-6)
            wanted = np.eye(2)[int(known.labels[0, b])]
            kind = -(wanted * np.log(chance) + (1 - wanted) * np.log(1 - chance)).sum()
            cost[b, p] = kind - OVERLAP_COST * np.log(ious[p] + 1e-8) + FAR * (not (inside and near))
        count = max(1, int(sum(sorted(ious.values())[-BEST:])))
        wishes[b] = sorted(ious, key=lambda p: cost[b, p])[:count]
    found: dict[int, int] = {}
    for b, wanted_places in wishes.items():
        for p in wanted_places:
            if p not in found or cost[b, p] < cost[found[p], p]:
                found[p] = b
    return found


@pytest.mark.parametrize("seed", range(3))
def test_places_are_assigned_as_by_hand(seed: int) -> None:
    known = truth([(40, 40, 60, 50, 0), (48, 44, 40, 44, 1), (80, 12, 9, 7, 0), (42, 40, 58, 48, 0)])
    raw = guesses(1, seed)
    raw[..., :4] = raw_of(torch.tensor([[40.0, 40, 50, 50]]).expand(len(WHERE), 4), WHERE) + 0.3 * raw[..., :4]
    boxes = boxes_of(raw, WHERE)
    chosen, box, iou = assign(raw, boxes, WHERE, known)
    found = {int(p): int(box[0, p]) for p in chosen[0].nonzero()[:, 0]}
    assert found == by_hand(raw[0].numpy(), boxes[0].numpy(), known) and len(found) > 8
    assert (iou[~chosen] == 0).all() and (iou[chosen] > 0).any()


def test_pictures_in_one_batch_do_not_touch_each_other() -> None:
    raw, known = guesses(3), truth([(40, 40, 60, 50, 0)], [], [(20, 30, 20, 20, 1), (70, 70, 30, 40, 0)])
    together = assign(raw, boxes_of(raw, WHERE), WHERE, known)
    assert not together[0][1].any()
    for i in range(3):
        one = replace(known, boxes=known.boxes[i : i + 1], labels=known.labels[i : i + 1], real=known.real[i : i + 1])
        alone = assign(raw[i : i + 1], boxes_of(raw[i : i + 1], WHERE), WHERE, one)
        assert all(torch.equal(a[0], t[i]) for a, t in zip(alone, together, strict=True))


def test_class_cost_is_the_cross_entropy() -> None:
    raw, labels = guesses(2), torch.tensor([[0, 1], [1, 1]])
    chance = (raw[..., 4:5].sigmoid() * raw[..., 5:].sigmoid()).sqrt()
    target = torch.nn.functional.one_hot(labels, 2)[:, :, None].float().expand(-1, -1, len(WHERE), -1)
    wanted = torch.nn.functional.binary_cross_entropy(chance[:, None].expand_as(target), target, reduction="none")
    assert torch.allclose(class_cost(raw, labels), wanted.sum(-1), atol=1e-4)


def test_overlaps_of_known_boxes() -> None:
    one, two = torch.tensor([1.0, 1, 2, 2]), torch.tensor([[2.0, 1, 2, 2], [5, 1, 2, 2], [1, 1, 2, 2]])
    assert torch.allclose(overlap(one, two), torch.tensor([1 / 3, 0, 1]))
    assert torch.allclose(overlap(one, two, generalised=True), torch.tensor([1 / 3, -1 / 3, 1]))


@pytest.mark.parametrize("change", [{}, {"box_loss": "iou"}, {"l1_weight": 0.2}])
def test_following_the_gradient_brings_the_box(change: dict[str, object]) -> None:
    recipe = replace(RECIPE, **change)
    known = truth([(40, 40, 60, 50, 0)], [])
    raw = guesses(2).requires_grad_()
    step = torch.optim.Adam([raw], lr=0.2)
    for _ in range(60):
        loss, _ = detector_loss(raw, SIZE, known, recipe)
        step.zero_grad()
        loss.backward()
        step.step()
    best = int((raw[0, :, 4].sigmoid() * raw[0, :, 5].sigmoid()).argmax())
    assert overlap(boxes_of(raw, WHERE)[0, best], known.boxes[0, 0]) > 0.9
    assert raw[0, best, 4] > 2 and raw[0, best, 5] > 0 > raw[0, best, 6] and raw[1, :, 4].max() < -2


def test_perfect_answers_cost_almost_nothing() -> None:
    known = truth([(40, 40, 60, 50, 0), (70, 20, 20, 20, 1)])
    raw = torch.full((1, len(WHERE), 7), -9.0)
    chosen, box, _ = assign(raw, boxes_of(raw, WHERE), WHERE, known)
    for _ in range(4):
        index = chosen[0].nonzero()[:, 0]
        raw[0, index, :4] = raw_of(known.boxes[0, box[0, index]], WHERE[index])
        raw[0, :, 4:] = -9.0
        raw[0, index, 4] = 9.0
        raw[0, index, 5 + known.labels[0, box[0, index]]] = 9.0
        chosen, box, _ = assign(raw, boxes_of(raw, WHERE), WHERE, known)
    assert detector_loss(raw, SIZE, known, RECIPE)[0] < 0.1


def test_loose_boxes_count_less_and_only_by_their_edges() -> None:
    raw = guesses(1)
    firm, loose = (detector_loss(raw, SIZE, truth([(40, 40, 60, 50, 0)], firmness=f), RECIPE) for f in (1.0, 0.25))
    assert loose[1]["box"] == pytest.approx(0.25 * firm[1]["box"])
    assert loose[1]["class"] == firm[1]["class"] and loose[1]["objectness"] == firm[1]["objectness"]


def test_pictures_without_boxes_teach_silence() -> None:
    raw = guesses(2).requires_grad_()
    loss, parts = detector_loss(raw, SIZE, truth([], []), RECIPE)
    loss.backward()
    assert parts["places"] == 0 and torch.isfinite(loss)
    assert (raw.grad[..., 4] > 0).all() and (raw.grad[..., :4] == 0).all()
