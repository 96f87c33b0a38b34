"""How right a model's numbers are on drawn examples whose truth is known: its own error, and whether intervals hold.

The error is learnt on some seeds and the intervals are judged on others. Works for every room that draws.
"""

import tempfile
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from outcrop.core.errors import BadInput
from outcrop.core.scene import Scene
from outcrop.core.task import Calibration, ErrorTable, Example, ModelError, Prediction, Task
from outcrop.core.volume import Volume
from outcrop.engine.predict import Ensemble, predict
from outcrop.engine.volume import predict_volume


@dataclass(frozen=True, slots=True, kw_only=True)
class Check:
    """One measured number beside its truth; low and high are the ends of the central 90 % interval."""

    seed: int
    name: str
    value: float
    low: float
    high: float
    truth: float

    @property
    def held(self) -> bool:
        """Whether the interval holds the truth."""
        return self.low <= self.truth <= self.high


def seen(example: Example, task: Task, ensemble: Ensemble, folder: Path) -> Prediction:
    """What the models see in a drawn example."""
    source = task.prepare(example.source, {}).source
    if isinstance(source, Volume):
        return predict_volume(source, ensemble, folder)
    if isinstance(source, Scene):
        return predict(source, ensemble)
    raise BadInput(f"{source.id} is neither a scene nor a volume: a drawn example of {task.name} is wanted")


def checks(
    task: Task, ensemble: Ensemble, seeds: Iterable[int], calibration: Calibration, *,
    draw: Callable[[np.random.Generator], Example] | None = None, report: Callable[[Check], None] = lambda check: None,
) -> list[Check]:  # fmt: skip
    """Draw, see, measure and compare, one example per seed; only measurements whose truth is known count."""
    found: list[Check] = []
    for seed in seeds:
        example = (draw or task.draw)(np.random.default_rng(seed))
        with tempfile.TemporaryDirectory() as folder:
            prediction = seen(example, task, ensemble, Path(folder))
            measurements, _ = task.measure(prediction, task.assumptions, calibration, np.random.default_rng(seed))
        for m in measurements:
            if m.name in example.truth:
                low, high = m.estimate.interval()
                found.append(
                    Check(
                        seed=seed, name=m.name, value=m.estimate.value, low=low, high=high, truth=example.truth[m.name]
                    )
                )
                report(found[-1])
    return found


def model_error(found: Iterable[Check], name: str, source: str) -> ModelError:
    """Bias and spread of ln(measured / true) of one measurement; examples without any truth or answer are left out."""
    ratios = [np.log(c.value / c.truth) for c in found if c.name == name and c.truth > 0 and c.value > 0]
    return ModelError(
        bias=float(np.mean(ratios)), spread=float(np.std(ratios, ddof=1)), examples=len(ratios), source=source
    )


def width_table(found: Iterable[Check], name: str, source: str, *, per_row: int = 40, levels: int = 41) -> ErrorTable:
    """ln(true / measured) by the width ln(high / low) of an interval that does not know the model's own error yet."""
    kept = [c for c in found if c.name == name and c.truth > 0 and c.value > 0 and c.low > 0]
    width = np.log([c.high / c.low for c in kept])
    error = np.log([c.truth / c.value for c in kept])
    return ErrorTable.learnt(width, error, source, per_row=per_row, levels=levels)
