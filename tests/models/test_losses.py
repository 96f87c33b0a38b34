"""Losses have the values that a pencil gives, and forget what does not count."""

from collections.abc import Callable
from math import exp, log

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from outcrop.core.errors import UsageError

torch = pytest.importorskip("torch", reason="needs torch: install the extra 'learn'")

from outcrop.models.losses import LOSSES, bce, dice, focal, loss_from, lovasz, lovasz_symmetric

every_loss = pytest.mark.parametrize("name", sorted(LOSSES))


def picture(values: list[list[float]]) -> "torch.Tensor":
    """One picture of one class, (1, 1, rows, cols)."""
    return torch.tensor(values, dtype=torch.float32)[None, None]


TARGET = picture([[1, 1, 0], [0, 0, 1]])
ALL = torch.ones_like(TARGET)


def drawn(seed: int, shape: tuple[int, ...] = (2, 2, 5, 6)) -> tuple["torch.Tensor", "torch.Tensor", "torch.Tensor"]:
    """Random logits, target and weight, the weight with zeros."""
    rng = np.random.default_rng(seed)
    logits = torch.from_numpy(rng.normal(0, 3, shape).astype(np.float32))
    target = torch.from_numpy((rng.random(shape) < 0.4).astype(np.float32))
    weight = torch.from_numpy((rng.random((shape[0], 1, *shape[2:])) < 0.7).astype(np.float32))
    return logits, target, weight


def test_a_coin_toss_costs_one_bit() -> None:
    zeros = torch.zeros_like(TARGET)
    assert bce(zeros, TARGET, ALL).item() == pytest.approx(log(2))
    assert focal(zeros, TARGET, ALL).item() == pytest.approx(log(2) / 4), "(1 - 0.5) squared of it"


def test_cross_entropy_by_hand() -> None:
    """Probabilities 0.8 for a right pixel and 0.8 for a wrong one."""
    logits = picture([[log(4), log(4)]])
    target = picture([[1, 0]])
    ones = torch.ones_like(target)
    assert bce(logits, target, ones).item() == pytest.approx((-log(0.8) - log(0.2)) / 2)
    assert focal(logits, target, ones).item() == pytest.approx((-log(0.8) * 0.2**2 - log(0.2) * 0.8**2) / 2)


def test_dice_by_hand() -> None:
    """|P·T| = 0.8, |P| = 1.6, |T| = 1, one pixel of smoothing."""
    logits = picture([[log(4), log(4)]])
    target = picture([[1, 0]])
    assert dice(logits, target, torch.ones_like(target)).item() == pytest.approx(1 - (2 * 0.8 + 1) / (1.6 + 1 + 1))


def test_an_empty_picture_left_empty_costs_nothing() -> None:
    empty = torch.zeros_like(TARGET)
    sure = torch.full_like(TARGET, -30.0)
    for name, loss in LOSSES.items():
        assert loss(sure, empty, ALL).item() == pytest.approx(0, abs=1e-6), name


@given(st.integers(0, 2**12 - 1), st.integers(0, 2**12 - 1), st.floats(1, 8))
def test_the_lovasz_hinge_of_a_sure_answer_is_its_jaccard_loss(seen: int, truth: int, margin: float) -> None:
    """With every logit at ± margin the hinge is (2 + m)(1 - IoU) + exp(1 - m) IoU: linear between right and wrong pixels."""
    bits = 2 ** torch.arange(12).view(1, 1, 3, 4)
    answer, target = ((torch.tensor(word) & bits) > 0 for word in (seen, truth))
    union = (answer | target).sum().item()
    iou = (answer & target).sum().item() / union if union else 1.0
    logits = margin * (2 * answer.float() - 1)
    found = lovasz(logits, target.float(), torch.ones(1, 1, 3, 4)).item()
    assert found == pytest.approx((2 + margin) * (1 - iou) + exp(1 - margin) * iou, rel=1e-4, abs=1e-5)


def test_the_lovasz_hinge_nears_1_minus_iou_when_the_answer_is_very_sure() -> None:
    answer = picture([[1, 0, 1], [0, 0, 1]])
    margin = 1e4
    found = lovasz(margin * (2 * answer - 1), TARGET, ALL).item() / (2 + margin)
    assert found == pytest.approx(1 - 2 / 4, abs=1e-6)


def test_the_symmetric_hinge_is_the_same_for_salt_and_background() -> None:
    logits, target, weight = drawn(0)
    assert torch.allclose(lovasz_symmetric(logits, target, weight), lovasz_symmetric(-logits, 1 - target, weight))
    mean = (lovasz(logits, target, weight) + lovasz(-logits, 1 - target, weight)) / 2
    assert torch.equal(lovasz_symmetric(logits, target, weight), mean)


def test_a_sum_of_losses_is_the_sum() -> None:
    logits, target, weight = drawn(1)
    found = loss_from("lovasz-symmetric + 0.1*bce")(logits, target, weight)
    assert torch.allclose(found, lovasz_symmetric(logits, target, weight) + 0.1 * bce(logits, target, weight))


@pytest.mark.parametrize("text", ["", "iou", "bce +", "bce + x*dice", "2**bce", "bce*0.5"])
def test_a_formula_that_is_no_sum_is_refused(text: str) -> None:
    with pytest.raises(UsageError, match="write a sum of bce, dice, focal"):
        loss_from(text)


@every_loss
@given(seed=st.integers(0, 1000))
def test_one_number_per_picture_and_class(name: str, seed: int) -> None:
    logits, target, weight = drawn(seed)
    found = LOSSES[name](logits, target, weight)
    assert found.shape == (2, 2)
    assert torch.isfinite(found).all() and (found >= 0).all()
    alone = LOSSES[name](logits[1:, :1], target[1:, :1], weight[1:])
    assert found[1, 0].item() == pytest.approx(alone.item(), rel=1e-5)


@every_loss
@given(seed=st.integers(0, 1000))
def test_pixels_that_do_not_count_change_nothing(name: str, seed: int) -> None:
    logits, target, weight = drawn(seed)
    other_logits, other_target, _ = drawn(seed + 1)
    out = (weight == 0).expand_as(logits)
    changed = LOSSES[name](torch.where(out, other_logits, logits), torch.where(out, other_target, target), weight)
    assert torch.allclose(changed, LOSSES[name](logits, target, weight), rtol=1e-5)


@every_loss
@given(seed=st.integers(0, 1000), scale=st.sampled_from([0.0, 1.0, 50.0]))
def test_gradients_are_finite_and_pixels_that_do_not_count_have_none(name: str, seed: int, scale: float) -> None:
    logits, target, weight = drawn(seed)
    logits = (logits * scale).requires_grad_()
    LOSSES[name](logits, target, weight).sum().backward()
    assert logits.grad is not None and torch.isfinite(logits.grad).all()
    assert (logits.grad[(weight == 0).expand_as(logits)] == 0).all()


@every_loss
def test_a_picture_without_any_counted_pixel_teaches_nothing(name: str) -> None:
    logits, target, _ = drawn(3)
    logits.requires_grad_()
    loss: Callable[..., torch.Tensor] = LOSSES[name]
    found = loss(logits, target, torch.zeros(2, 1, 5, 6))
    assert found.tolist() == [[0, 0], [0, 0]]
    found.sum().backward()
    assert logits.grad is not None and (logits.grad == 0).all()


@every_loss
@given(seed=st.integers(0, 1000))
def test_a_step_down_the_gradient_lowers_the_loss(name: str, seed: int) -> None:
    logits, target, weight = drawn(seed)
    logits.requires_grad_()
    before = LOSSES[name](logits, target, weight).sum()
    before.backward()
    assert logits.grad is not None
    after = LOSSES[name](logits.detach() - 1e-3 * logits.grad, target, weight).sum()
    assert after.item() < before.item()


@every_loss
def test_the_right_answer_costs_less_than_any_other(name: str) -> None:
    right = LOSSES[name](8 * (2 * TARGET - 1), TARGET, ALL).item()
    for pixel in range(6):
        wrong = TARGET.clone()
        wrong.view(-1)[pixel] = 1 - wrong.view(-1)[pixel]
        assert LOSSES[name](8 * (2 * wrong - 1), TARGET, ALL).item() > right + 0.1
