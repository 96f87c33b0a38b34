"""What all tests share: one thread, real data where there are any, drawn pictures, and tiny models of known behaviour."""

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

for threads in ("OMP_NUM_THREADS", "OUTCROP_THREADS"):
    os.environ[threads] = "1"  # before torch or onnxruntime are imported

import numpy as np
import pytest
from hypothesis import HealthCheck, settings

from outcrop.core.labelled import Labelled
from outcrop.core.scene import Floats
from outcrop.models.card import Card
from outcrop.models.runtime import Model

# A busy machine is no defect, so examples have no deadline; the same examples every time, so that a red test stays red.
settings.register_profile(
    "outcrop", deadline=None, derandomize=True, max_examples=40, suppress_health_check=[HealthCheck.too_slow]
)
settings.load_profile("outcrop")


@pytest.fixture(scope="session")
def data() -> Path:
    """Folder of the real data; the test is skipped where there is none."""
    folder = Path(os.environ.get("OUTCROP_DATA") or Path(__file__).parents[2] / "shared" / "data")
    if not folder.is_dir():
        pytest.skip("needs the real data: set OUTCROP_DATA to their folder, or lay them at ../shared/data")
    return folder


def tiny_card(**settings: Any) -> Card:
    """A card for chips of 16 px with one class and one band, unless said otherwise."""
    usual: dict[str, Any] = {
        "name": "tiny", "task": "salt", "classes": ("salt",), "bands": ("grey",), "chip": 16, "multiple": 2, "overlap": 8,
    }  # fmt: skip
    return Card(**{**usual, **settings})


@pytest.fixture(scope="session")
def card() -> Callable[..., Card]:
    """Makes a card for a tiny model; any attribute may be given."""
    return tiny_card


@pytest.fixture(scope="session")
def numpy_model() -> Callable[..., Model]:
    """Makes a model in memory from a function (n, bands, rows, cols) → (n, classes, rows, cols), context ignored."""

    def make(function: Callable[[Floats], Floats], **settings: Any) -> Model:
        return Model(path=Path("numpy.onnx"), card=tiny_card(**settings), run=lambda chips, context: function(chips))

    return make


def _nodes(kind: str, bands: int) -> tuple[list[Any], list[Any]]:
    """onnx nodes and constants from "image" to "probability"."""
    from onnx import TensorProto, helper

    if kind == "identity":
        return [helper.make_node("Identity", ["image"], ["probability"])], []
    if kind == "depth":
        axes = [helper.make_tensor(f"axes {n}", TensorProto.INT64, [len(at)], at) for n, at in enumerate(([1], [2, 3]))]
        return [
            helper.make_node("ReduceSum", ["context", "axes 0"], ["sum"], keepdims=1),
            helper.make_node("Unsqueeze", ["sum", "axes 1"], ["high"]),
            helper.make_node("Mul", ["high", "tenth"], ["shift"]),
            helper.make_node("Add", ["image", "shift"], ["probability"]),
        ], [*axes, helper.make_tensor("tenth", TensorProto.FLOAT, [], [0.1])]
    pads = helper.make_tensor("pads", TensorProto.INT64, [8], [0, 0, 1, 1, 0, 0, 1, 1])
    kernel = helper.make_tensor("kernel", TensorProto.FLOAT, [bands, 1, 3, 3], [1 / 9] * (9 * bands))
    return [
        helper.make_node("Pad", ["image", "pads"], ["wide"], mode="edge"),
        helper.make_node("Conv", ["wide", "kernel"], ["probability"], group=bands),
    ], [pads, kernel]


@pytest.fixture(scope="session")
def model_file() -> Callable[..., Path]:
    """Writes an ONNX file that computes a known function, without torch.

    "identity", "mean" (of 3 x 3 pixels, edges repeated), or "depth" (image + a tenth of the sum of the context; wants
    ``context=True``).
    """
    pytest.importorskip("onnx", reason="needs onnx to make a model file: install the extra 'learn'")

    def make(path: Path, kind: str = "mean", *, metadata: dict[str, str] | None = None, **settings: Any) -> Path:
        import onnx
        from onnx import TensorProto, helper

        card = tiny_card(**settings)
        nodes, constants = _nodes(kind, len(card.bands))
        shape = ["n", len(card.bands), "rows", "cols"]
        ends = [helper.make_tensor_value_info(name, TensorProto.FLOAT, shape) for name in ("image", "probability")]
        more = [helper.make_tensor_value_info("context", TensorProto.FLOAT, ["n", 2])] if card.context else []
        graph = helper.make_graph(nodes, kind, [ends[0], *more], ends[1:], constants)
        model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
        stored = {"outcrop": card.to_json(), **card.deepness()} if metadata is None else metadata
        helper.set_model_props(model, stored)
        onnx.save(model, str(path))
        return path

    return make


@pytest.fixture(scope="session")
def local_model(model_file: Callable[..., Path], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A model file that gives the mean of 3 x 3 pixels, edges repeated; chips of 16 px."""
    return model_file(tmp_path_factory.mktemp("local") / "mean.onnx", "mean")


@pytest.fixture(scope="session")
def identity_model(model_file: Callable[..., Path], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A model file that gives its input back; chips of 16 px."""
    return model_file(tmp_path_factory.mktemp("identity") / "identity.onnx", "identity")


@pytest.fixture(scope="session")
def tiny_recipe() -> Any:
    """A recipe for the smallest network worth training: a plain U-Net of two levels on chips of 16 px."""
    from outcrop.models.recipe import Augmentation, Recipe

    return Recipe(
        name="tiny", network="plain-unet", pretrained="none", decoder=(8, 4), mean=(0.5,), std=(0.25,), precision="float32",
        chip=16, batch=8, epochs=2, learning_rate=1e-2, fold_count=3, augment=Augmentation(scale=0.1, shift=0.1),
    )  # fmt: skip


@pytest.fixture(scope="session")
def tiny_model(tiny_recipe: Any, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An untrained plain U-Net as a float32 model file."""
    torch = pytest.importorskip("torch", reason="needs torch to build a network: install the extra 'learn'")
    pytest.importorskip("onnx", reason="needs onnx to make a model file: install the extra 'learn'")
    from outcrop.engine.export import export
    from outcrop.models.network import build

    torch.manual_seed(0)
    net = build(tiny_recipe, 1, 1)
    return export(net, tiny_card(), tmp_path_factory.mktemp("tiny") / "tiny.onnx")


def draw_blobs(count: int, side: int = 16, seed: int = 0) -> Labelled:
    """Pictures of one bright disc on noise, (1, side, side), with the disc as mask; three pictures make a group."""
    rng = np.random.default_rng(seed)
    row, col = np.mgrid[:side, :side]
    images, masks = [], []
    for _ in range(count):
        centre, radius = rng.uniform(0.2, 0.8, 2) * side, rng.uniform(0.15, 0.4) * side
        disc = (row - centre[0]) ** 2 + (col - centre[1]) ** 2 < radius**2
        grey = np.where(disc, 0.8, 0.3) + rng.normal(0, 0.05, (side, side))
        images.append(grey.astype(np.float32)[None])
        masks.append(disc.astype(np.uint8))
    return Labelled(
        ids=tuple(f"blob-{i}" for i in range(count)),
        images=tuple(images),
        masks=tuple(masks),
        groups=tuple(f"group-{i // 3}" for i in range(count)),
        strata=np.array([int(m.mean() > 0.2) for m in masks], np.int64),
        context=np.column_stack([rng.normal(size=count), np.ones(count)]).astype(np.float32),
    )


@pytest.fixture(scope="session")
def blobs() -> Callable[..., Labelled]:
    """Draws labelled pictures of bright discs on noise: (count, side, seed) → Labelled."""
    return draw_blobs


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """The service's tests come late, for it hardens GDAL through the environment of its process, and for good; the
    page's come last, for the browser leaves an event loop running."""
    here = Path(__file__).parent
    late = {"service": 1, "page": 2}
    items.sort(
        key=lambda item: late.get(item.path.relative_to(here).parts[0], 0) if item.path.is_relative_to(here) else 0
    )
