"""A model file is loaded and asked, for chips of any size, or refused with a sentence."""

from collections.abc import Callable
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from outcrop.core.errors import BadModel, MissingExtra, OutcropError, UnknownModel
from outcrop.core.scene import Floats
from outcrop.models import runtime
from outcrop.models.card import Card
from outcrop.models.runtime import Model, load

Numpy = Callable[..., Model]
Maker = Callable[..., Path]


def mean9(image: Floats) -> Floats:
    """Mean of 3 x 3 pixels, edges repeated, of (..., rows, cols)."""
    rows, cols = image.shape[-2:]
    wide = np.pad(image, [(0, 0)] * (image.ndim - 2) + [(1, 1), (1, 1)], mode="edge").astype(np.float64)
    parts = [wide[..., r : r + rows, c : c + cols] for r in range(3) for c in range(3)]
    return np.asarray(sum(parts) / 9, np.float32)


def noise(*shape: int, seed: int = 0) -> Floats:
    return np.random.default_rng(seed).random(shape, np.float32)


def test_a_model_file_computes_what_it_was_built_to(local_model: Path) -> None:
    chips = noise(3, 1, 16, 16)
    assert np.allclose(load(local_model)(chips), mean9(chips), atol=1e-6)


def test_a_loaded_model_knows_its_card_and_its_fingerprint(
    model_file: Maker, tmp_path: Path, card: Callable[..., Card]
) -> None:
    model = load(model_file(tmp_path / "a.onnx", "mean", temperature=1.5))
    assert model.card == card(temperature=1.5)
    assert len(model.sha256) == 64
    assert model.sha256 != load(model_file(tmp_path / "b.onnx", "identity")).sha256


def test_a_network_of_torch_runs_without_it(tiny_model: Path) -> None:
    seen = load(tiny_model)(noise(2, 1, 9, 5))
    assert seen.shape == (2, 1, 9, 5)
    assert (seen > 0).all() and (seen < 1).all()


@given(st.integers(1, 40), st.integers(1, 40), st.sampled_from([1, 2, 16, 32]))
def test_any_size_is_padded_by_reflection_and_cut_back(numpy_model: Numpy, rows: int, cols: int, multiple: int) -> None:
    """Reflection repeats the edge pixel first, so the mean at the edge is that of repeated edges."""
    chips = noise(2, 1, rows, cols)
    assert np.allclose(numpy_model(mean9, multiple=multiple)(chips), mean9(chips), atol=1e-6)


@pytest.mark.parametrize(("rows", "cols"), [(1, 1), (1, 33), (17, 1), (101, 101), (16, 15)])
def test_a_model_file_takes_any_size(local_model: Path, rows: int, cols: int) -> None:
    chips = noise(2, 1, rows, cols)
    assert np.allclose(load(local_model)(chips), mean9(chips), atol=1e-6)


@given(st.integers(1, 70), st.integers(1, 70), st.sampled_from([1, 2, 8, 32]))
def test_the_network_is_fed_multiples_and_as_few_as_will_do(
    numpy_model: Numpy, rows: int, cols: int, multiple: int
) -> None:
    fed: list[tuple[int, ...]] = []

    def watch(chips: Floats) -> Floats:
        fed.append(chips.shape)
        assert chips.dtype == np.float32 and chips.flags["C_CONTIGUOUS"] and np.isfinite(chips).all()
        return chips

    chips = noise(1, 1, rows, cols)
    assert np.array_equal(numpy_model(watch, multiple=multiple)(chips), chips)
    assert all(
        side % multiple == 0 and 0 <= side - wanted < multiple
        for side, wanted in zip(fed[0][2:], (rows, cols), strict=True)
    )


def test_a_chip_lies_in_the_middle_of_what_is_fed(numpy_model: Numpy) -> None:
    """As in training (``engine.augment``), where a small picture is centred too."""
    fed: list[Floats] = []
    chips = noise(1, 1, 9, 12)
    numpy_model(lambda c: fed.append(c) or c, multiple=16)(chips)  # type: ignore[func-returns-value]
    assert np.array_equal(fed[0], np.pad(chips, [(0, 0), (0, 0), (3, 4), (2, 2)], mode="symmetric"))


def test_a_network_of_one_size_is_fed_that_size(numpy_model: Numpy) -> None:
    model = numpy_model(lambda chips: chips * (chips.shape[2:] == (16, 16)), multiple=0)
    chips = noise(1, 1, 5, 16)
    assert np.array_equal(model(chips), chips)


@given(st.integers(0, 10_000))
def test_what_was_not_seen_is_not_answered(numpy_model: Numpy, seed: int) -> None:
    rng = np.random.default_rng(seed)
    chips = rng.random((2, 2, 7, 9), np.float32)
    chips[rng.random(chips.shape) < 0.2] = np.nan
    seen = numpy_model(lambda fed: fed.mean(1, keepdims=True), bands=("red", "green"))(chips)
    assert np.array_equal(np.isnan(seen[:, 0]), np.isnan(chips).any(1))
    whole = ~np.isnan(chips).any(1)
    assert np.allclose(seen[:, 0][whole], chips.mean(1)[whole])


def test_missing_pixels_are_fed_as_the_mean_of_the_others(numpy_model: Numpy) -> None:
    fed: list[Floats] = []
    chips = np.array([[[[1, 2], [3, np.nan]]], [[[5, 5], [5, 5]]]], np.float32)
    numpy_model(lambda c: fed.append(c) or c)(chips)  # type: ignore[func-returns-value]
    assert fed[0][0, 0, 1, 1] == 2
    assert np.array_equal(fed[0][1], chips[1])


def test_a_chip_of_nothing_gives_nothing(identity_model: Path) -> None:
    assert np.isnan(load(identity_model)(np.full((1, 1, 5, 5), np.nan, np.float32))).all()


def test_a_mirrored_view_is_fed_like_a_copy(local_model: Path) -> None:
    model, chips = load(local_model), noise(1, 1, 16, 16)
    assert np.array_equal(model(chips[..., ::-1]), model(chips[..., ::-1].copy()))


def test_a_graph_with_context_gets_it_or_zeros(tmp_path: Path, card: Callable[..., Card]) -> None:
    onnx = pytest.importorskip("onnx", reason="needs onnx to make a model file: install the extra 'learn'")
    from onnx import TensorProto, helper

    def info(name: str, shape: list[str | int]) -> object:
        return helper.make_tensor_value_info(name, TensorProto.FLOAT, shape)

    axes = helper.make_tensor("axes", TensorProto.INT64, [2], [2, 3])
    keep = helper.make_tensor("keep", TensorProto.INT64, [1], [1])
    nodes = [
        helper.make_node("ReduceSum", ["context", "keep"], ["number"], keepdims=1),
        helper.make_node("Unsqueeze", ["number", "axes"], ["high"]),
        helper.make_node("Add", ["image", "high"], ["probability"]),
    ]
    ends = [info("image", ["n", 1, "r", "c"]), info("context", ["n", 2])], [info("probability", ["n", 1, "r", "c"])]
    model = helper.make_model(
        helper.make_graph(nodes, "sum", *ends, [axes, keep]), opset_imports=[helper.make_opsetid("", 17)]
    )
    model.ir_version = 8
    helper.set_model_props(model, {"outcrop": card(context=True).to_json()})
    onnx.save(model, str(tmp_path / "context.onnx"))
    loaded, chips = load(tmp_path / "context.onnx"), noise(2, 1, 4, 4)
    assert np.allclose(loaded(chips), chips)
    shifted = loaded(chips, np.array([[1, 1], [5, 1]], np.float32))
    assert np.allclose(shifted - chips, np.array([2, 6]).reshape(2, 1, 1, 1), atol=1e-5)


def test_a_file_that_is_not_there_is_an_unknown_model(tmp_path: Path) -> None:
    for path in (tmp_path / "none.onnx", tmp_path):
        with pytest.raises(UnknownModel, match=f"no model file {path}"):
            load(path)


@pytest.mark.parametrize("content", [b"", b"hello, I am a model", b"\x00" * 5000, bytes(range(256)) * 20])
def test_a_file_that_is_no_model_is_refused(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "bad.onnx"
    path.write_bytes(content)
    with pytest.raises(BadModel, match=r"^bad\.onnx"):
        load(path)


def test_a_model_cut_short_is_refused(local_model: Path, tmp_path: Path) -> None:
    whole = local_model.read_bytes()
    path = tmp_path / "cut.onnx"
    for length in range(0, len(whole), max(len(whole) // 12, 1)):
        path.write_bytes(whole[:length])
        with pytest.raises(OutcropError, match=r"cut\.onnx"):
            load(path)


def test_a_model_without_a_card_is_refused(model_file: Maker, tmp_path: Path) -> None:
    with pytest.raises(BadModel, match="holds no Outcrop card: export it"):
        load(model_file(tmp_path / "bare.onnx", metadata={"author": "someone"}))


def test_a_model_with_a_spoilt_card_is_refused(model_file: Maker, tmp_path: Path) -> None:
    with pytest.raises(BadModel, match="spoilt.onnx: the card inside"):
        load(model_file(tmp_path / "spoilt.onnx", metadata={"outcrop": "{}"}))


def test_an_unknown_engine_is_refused(local_model: Path) -> None:
    with pytest.raises(OutcropError, match="abacus"):
        load(local_model, engine="abacus")


def test_the_automatic_engine_agrees_with_onnxruntime_also_after_it_changed(
    local_model: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With or without openvino, which may compute in bf16."""
    monkeypatch.setattr(runtime, "REPAID", 2 * 16 * 16)
    model, plain, chips = load(local_model, engine="auto"), load(local_model), noise(1, 1, 16, 16)
    for _ in range(5):
        assert np.allclose(model(chips), plain(chips), atol=0.02)


def test_the_automatic_engine_changes_once_enough_was_seen(local_model: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A few pictures do not repay the loading of another engine."""
    asked: list[bool] = []

    def other(path: Path, card: Card, reference: object, *, required: bool) -> Callable[..., Floats]:
        asked.append(required)
        return lambda chips, context: chips + 1

    monkeypatch.setattr(runtime, "_openvino", other)
    monkeypatch.setattr(runtime, "REPAID", 3 * 16 * 16)
    model, chips = load(local_model, engine="auto"), noise(1, 1, 16, 16)
    seen = [bool((model(chips) > 1).all()) for _ in range(5)]
    assert seen == [False, False, True, True, True] and asked == [False]


def test_openvino_agrees_with_onnxruntime_at_several_sizes(tiny_model: Path) -> None:
    pytest.importorskip("openvino", reason="needs openvino: install the extra 'fast'")
    fast, plain = load(tiny_model, engine="openvino"), load(tiny_model)
    for rows, cols in ((16, 16), (32, 16), (9, 5)):
        chips = noise(2, 1, rows, cols)
        assert np.allclose(fast(chips), plain(chips), atol=0.02)


def test_openvino_is_a_missing_extra_where_it_is_not_installed(local_model: Path) -> None:
    if find_spec("openvino") is not None:
        pytest.skip("openvino is installed")
    with pytest.raises(MissingExtra, match=r"outcrop\[fast\]"):
        load(local_model, engine="openvino")


@pytest.mark.parametrize(("text", "wanted"), [("3", 3), ("1", 1)])
def test_the_number_of_threads_can_be_chosen(monkeypatch: pytest.MonkeyPatch, text: str, wanted: int) -> None:
    monkeypatch.setenv("OUTCROP_THREADS", text)
    assert runtime.threads() == wanted


@pytest.mark.parametrize("text", ["", "0", "many", "-2"])
def test_a_number_of_threads_that_is_none_means_all_cores(monkeypatch: pytest.MonkeyPatch, text: str) -> None:
    monkeypatch.setenv("OUTCROP_THREADS", text)
    assert runtime.threads() >= 1
