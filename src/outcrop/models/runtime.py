"""A model at work: chips (n, bands, rows, cols) → probabilities (n, classes, rows, cols), without torch.

onnxruntime runs it; openvino does when it is installed and asked for, and only after its answer on a
small input was compared with onnxruntime's (an int8 graph with free sizes gives wrong masks there
without a word, so shapes are always fixed first).
"""

import os
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from hashlib import sha256
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from outcrop.core.errors import BadModel, MissingExtra, UnknownModel, UsageError
from outcrop.core.scene import Floats
from outcrop.models.card import Card

TOLERANCE = 0.05
"""Largest mean difference in probability at which openvino is believed."""


Run = Callable[[Floats, Floats | None], Floats]
"""(n, bands, rows, cols) float32 without NaN, and (n, 2) context or None → probabilities (n, classes, rows, cols)."""


@dataclass(frozen=True, kw_only=True, eq=False)
class Model:
    """One model file, loaded.

    Attributes:
        path: the file.
        card: what the file says of itself.
        run: (n, bands, rows, cols) float32 without NaN, sizes as the card wants → probabilities.
    """

    path: Path
    card: Card
    run: Run

    @cached_property
    def sha256(self) -> str:
        """Fingerprint of the file."""
        return sha256(self.path.read_bytes()).hexdigest()

    def fed_size(self, rows: int, cols: int) -> tuple[int, int]:
        """Rows and cols that a chip is padded to before it is fed."""
        if not self.card.multiple:
            return self.card.chip, self.card.chip
        step = self.card.multiple
        return max(-(-rows // step) * step, step), max(-(-cols // step) * step, step)

    def __call__(self, chips: Floats, context: Floats | None = None) -> Floats:
        """Probabilities of chips of one size, (n, classes, rows, cols); NaN in, NaN out.

        Chips smaller than the network wants are reflected outwards on all sides; missing pixels are
        fed as the mean of the observed ones.
        """
        missing = np.asarray(np.isnan(chips).any(axis=1))
        filled = _fill(chips, missing) if missing.any() else chips
        rows, cols = chips.shape[2:]
        height, width = self.fed_size(rows, cols)
        top, left = (height - rows) // 2, (width - cols) // 2
        pads = ((0, 0), (0, 0), (top, height - rows - top), (left, width - cols - left))
        fed = np.pad(filled, pads, mode="symmetric") if (height, width) != (rows, cols) else filled
        seen = self.run(np.ascontiguousarray(fed, np.float32), context)[:, :, top : top + rows, left : left + cols]
        if missing.any():
            seen = np.where(missing[:, None], np.float32("nan"), seen)
        return seen


def _fill(chips: Floats, missing: NDArray[np.bool_]) -> Floats:
    """Missing pixels replaced by the mean of their chip and band, 0 where nothing was seen."""
    observed = ~missing[:, None]
    total = np.where(observed, chips, 0).sum((2, 3), keepdims=True)
    mean = total / np.maximum(observed.sum((2, 3), keepdims=True), 1)
    return np.where(observed, chips, mean).astype(np.float32)


def threads() -> int:
    """Threads for one model: OUTCROP_THREADS, else all cores that this process may use."""
    chosen = os.environ.get("OUTCROP_THREADS", "")
    return (
        int(chosen)
        if chosen.isdigit() and int(chosen)
        else len(os.sched_getaffinity(0))
        if hasattr(os, "sched_getaffinity")
        else os.cpu_count() or 1
    )


def onnx_session(path: Path, *, quick: bool = False) -> Any:
    """An onnxruntime session on the CPU; a quick one is loaded to be asked, not to run."""
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1 if quick else threads()
    if quick:
        options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_DISABLE_ALL
    options.inter_op_num_threads = 1
    options.log_severity_level = 3
    # Each model's arena keeps what its largest input took; a service that holds many models does better without.
    options.enable_cpu_mem_arena = os.environ.get("OUTCROP_ARENA") != "0"
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    # One file is one model: parts that lie elsewhere are looked for below the file itself, where nothing can be.
    options.add_session_config_entry("session.model_external_initializers_file_folder_path", str(path / "nowhere"))
    try:
        session = onnxruntime.InferenceSession(path.read_bytes(), options, providers=["CPUExecutionProvider"])
    except Exception as error:  # noqa: BLE001  (onnxruntime raises many kinds, none of them public)
        reason = str(error).splitlines()[0][:200]
        raise BadModel(f"{path.name}: onnxruntime cannot load it ({reason}): export or copy the file again") from None
    session._model_bytes = None  # kept only to load it again for another provider, and as large as the file
    return session


def read_card(path: Path) -> Card:
    """What a model file says of itself, without keeping the model: loaded ones slow each other down.

    Raises:
        UnknownModel, BadModel: as for ``load``.
    """
    if not path.is_file():
        raise UnknownModel(f"no model file {path}: `outcrop models` lists the shipped ones")
    return card_of_session(onnx_session(path, quick=True), path)


def card_of_session(session: Any, path: Path) -> Card:
    """The card inside a loaded graph; raises BadModel where there is none."""
    metadata = session.get_modelmeta().custom_metadata_map
    if "outcrop" not in metadata:
        raise BadModel(
            f"{path.name} holds no Outcrop card: export it with `outcrop evaluate --export` or add the metadata key 'outcrop'"
        )
    return Card.from_json(metadata["outcrop"], path.name)


def load(path: Path, *, engine: str = "onnxruntime") -> Model:
    """Open a model file.

    Args:
        engine: "onnxruntime", "openvino" (must be installed), or "auto": onnxruntime first, and openvino, where it
            is installed and agrees, once enough was seen to repay its slow loading.

    Raises:
        UsageError: no such engine.
        UnknownModel: no such file.
        BadModel: not an ONNX file, or one without a card.
        MissingExtra: openvino is asked for and not installed.
    """
    if engine not in ("auto", "onnxruntime", "openvino"):
        raise UsageError(f"no engine {engine!r}: choose auto, onnxruntime or openvino")
    if not path.is_file():
        raise UnknownModel(f"no model file {path}: `outcrop models` lists the shipped ones")
    session = onnx_session(path)
    card = card_of_session(session, path)
    run = _run_onnx(session)
    if engine == "openvino":
        run = _openvino(path, card, run, required=True)
    elif engine == "auto":
        run = _patient(path, card, run)
    return Model(path=path, card=card, run=run)


REPAID = 100 * 128 * 128
"""Pixels after which openvino's loading (more than half a second a model) pays."""


def _patient(path: Path, card: Card, reference: Run) -> Run:
    """onnxruntime until ``REPAID`` pixels were seen, then openvino if it can be had; only one of them stays in memory."""
    seen, now = 0, [reference]
    del reference

    def run(chips: Floats, context: Floats | None) -> Floats:
        nonlocal seen
        before, seen = seen, seen + chips.size
        if before < REPAID <= seen:
            faster = _openvino(path, card, now[0], required=False)
            now[0] = faster or now[0]
        return now[0](chips, context)

    return run


def _run_onnx(session: Any) -> Run:
    names = [i.name for i in session.get_inputs()]

    def run(chips: Floats, context: Floats | None) -> Floats:
        feeds = {names[0]: chips}
        if len(names) > 1:
            feeds[names[1]] = np.zeros((len(chips), 2), np.float32) if context is None else context
        return np.asarray(session.run(None, feeds)[0], np.float32)

    return run


def _openvino(path: Path, card: Card, reference: Run, *, required: bool) -> Any:
    """The same graph in openvino, one compilation per size; None where it is absent or disagrees."""
    try:
        import openvino
    except ImportError:
        if required:
            raise MissingExtra("openvino", "fast") from None
        return None
    core = openvino.Core()
    compiled: dict[tuple[int, ...], Any] = {}

    def run(chips: Floats, context: Floats | None) -> Floats:
        size = tuple(chips.shape[1:])
        if size not in compiled:
            graph = core.read_model(path)
            shapes = {graph.inputs[0]: openvino.PartialShape([-1, *size])}
            if len(graph.inputs) > 1:
                shapes[graph.inputs[1]] = openvino.PartialShape([-1, 2])
            graph.reshape(shapes)
            compiled[size] = core.compile_model(graph, "CPU", {"INFERENCE_NUM_THREADS": threads()})
        inputs = [chips]
        if len(compiled[size].inputs) > 1:
            inputs.append(np.zeros((len(chips), 2), np.float32) if context is None else context)
        return np.asarray(compiled[size](inputs)[0], np.float32)

    trial = np.random.default_rng(0).random((2, len(card.bands), card.chip, card.chip), np.float32)
    difference = float(np.abs(run(trial, None) - reference(trial, None)).mean())
    if difference <= TOLERANCE:
        if card.window not in (0, card.chip):
            compiled.clear()  # the trial's own size will not come again
        return run
    if required:
        raise BadModel(
            f"{path.name}: openvino and onnxruntime differ by {difference:.2f} in mean probability: use onnxruntime"
        )
    return None
