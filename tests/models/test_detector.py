"""The detector is YOLOX-Nano: it takes the published weights and says what the published file says."""

import os
from pathlib import Path

import numpy as np
import pytest

from outcrop.core.errors import BadModel, UsageError

torch = pytest.importorskip("torch", reason="needs torch: install the extra 'learn'")

from outcrop.models.box_layouts import LAYOUTS, cells
from outcrop.models.detector import ConvNorm, Detector, boxes_of, build, decoded, places
from outcrop.models.detector_loss import raw_of

DATA = Path(os.environ.get("OUTCROP_DATA", Path(__file__).parents[3] / "shared" / "data"))
WEIGHTS = DATA.parent / "weights" / "yolox_nano_coco.safetensors"
PUBLISHED = WEIGHTS.with_name("yolox_nano_416.onnx")
real = pytest.mark.skipif(not WEIGHTS.exists(), reason=f"no published weights in {WEIGHTS.parent}: set OUTCROP_DATA")


def match_norms(net: Detector, published: Path) -> None:
    """Give the norms the statistics that their own scales and shifts were made for.

    The published file has its norms folded into the convolutions; in the safetensors file they were put back, but with
    statistics that are up to 0.5 % off.
    """
    onnx = pytest.importorskip("onnx", reason="needs onnx: install the extra 'learn'")
    graph = onnx.load(str(published)).graph
    values = {entry.name: onnx.numpy_helper.to_array(entry) for entry in graph.initializer}
    shifts = {values[node.input[1]].tobytes(): values[node.input[2]] for node in graph.node if node.op_type == "Conv"}
    for layer in net.modules():
        if isinstance(layer, ConvNorm):
            shift = shifts[layer.conv.weight.detach().contiguous().numpy().tobytes()]
            layer.bn.running_var.copy_(layer.bn.weight.detach() ** 2 - layer.bn.eps)
            layer.bn.running_mean.copy_(layer.bn.bias.detach() - torch.from_numpy(shift.copy()))


@real
def test_it_says_what_the_published_network_says() -> None:
    session = pytest.importorskip("onnxruntime").InferenceSession(PUBLISHED)
    picture = np.random.default_rng(0).random((1, 3, 416, 416), np.float32)
    wanted = session.run(None, {"images": np.ascontiguousarray(picture[:, ::-1] * 255)})[0]
    net = build(80, WEIGHTS).eval()

    def said() -> np.ndarray:
        with torch.no_grad():
            raw = net(torch.from_numpy(picture))
        return np.asarray(torch.cat([raw[..., :4], raw[..., 4:].sigmoid()], -1).numpy())

    assert np.abs(said() - wanted).max() < 0.1
    match_norms(net, PUBLISHED)
    assert np.abs(said() - wanted).max() < 1e-3


@real
def test_a_new_class_layer_expects_nothing_and_the_rest_is_kept() -> None:
    old, new = build(80, WEIGHTS).state_dict(), build(2, WEIGHTS, chance=0.01).state_dict()
    assert old.keys() == new.keys() and len(new) == 642
    assert all(torch.equal(new[key], old[key]) for key in new if "cls_preds" not in key)
    assert new["head.cls_preds.0.weight"].shape == (2, 64, 1, 1)
    assert torch.allclose(new["head.cls_preds.1.bias"].sigmoid(), torch.tensor(0.01))


def test_decoding_is_what_prediction_does_without_torch() -> None:
    torch.manual_seed(0)
    net = build(2).eval()
    with torch.no_grad():
        values = decoded(net(torch.rand(1, 3, 64, 96)), places(64, 96))[0].numpy()
    assert values.shape == (cells((64, 96)), 7)
    boxes, scores = LAYOUTS["outcrop"].decode(values, (64, 96), 2)
    assert np.allclose((boxes[:, :2] + boxes[:, 2:]) / 2, values[:, :2], atol=1e-3)
    assert np.allclose(scores, values[:, 4:5] * values[:, 5:])


def test_raw_numbers_and_boxes_are_each_others_inverse() -> None:
    where = places(64, 64)
    boxes = torch.rand(len(where), 4) * 40 + 1
    assert torch.allclose(boxes_of(raw_of(boxes, where), where), boxes, atol=1e-3)


def test_places_count_level_by_level_and_row_by_row() -> None:
    where = places(32, 64)
    assert where[:9].tolist() == [[x, 0.0, 8.0] for x in range(0, 64, 8)] + [[0.0, 8.0, 8.0]]
    assert where[-2:].tolist() == [[0.0, 0.0, 32.0], [32.0, 0.0, 32.0]]


def test_training_in_bf16_gives_finite_gradients_everywhere() -> None:
    torch.manual_seed(0)
    net = build(2)
    with torch.autocast("cpu", torch.bfloat16):
        raw = net(torch.rand(2, 3, 64, 64))
    raw.float().square().mean().backward()
    assert all(p.grad is not None and torch.isfinite(p.grad).all() for p in net.parameters())


def test_a_file_of_another_network_is_refused(tmp_path: Path) -> None:
    from safetensors.torch import save_file

    save_file({"a": torch.zeros(1)}, tmp_path / "other.safetensors")
    (tmp_path / "text.safetensors").write_text("no tensors")
    with pytest.raises(BadModel):
        build(2, tmp_path / "other.safetensors")
    with pytest.raises(BadModel):
        build(2, tmp_path / "text.safetensors")
    with pytest.raises(UsageError):
        build(2, tmp_path / "none.safetensors")
