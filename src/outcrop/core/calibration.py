"""What out-of-fold measurement taught about a model: where to cut, and how its own answers differ from the truth."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelError:
    """How a model's own answer differs from the truth, measured on examples it never saw.

    Attributes:
        bias: mean of ln(measured / true).
        spread: standard deviation of ln(measured / true).
        examples: how many held-out examples stand behind the two figures.
        source: what they were.
    """

    bias: float
    spread: float
    examples: int
    source: str

    def draw(self, rng: np.random.Generator, count: int) -> NDArray[np.float64]:
        """Factors by which a measured number must be multiplied, (count,): log-normal, 1 / the model's error."""
        return np.asarray(np.exp(-rng.normal(self.bias, self.spread, count)))


@dataclass(frozen=True, slots=True, kw_only=True)
class ErrorTable:
    """What the truth was when a model measured a value, as quantiles on examples it never saw; also knows zeros.

    Attributes:
        measured: (k,) ascending, the measured values that the rows speak of.
        truth: (k, q) quantiles of the true value at levels equally spaced from 0 to 1.
        examples: how many held-out examples stand behind the table.
        source: what they were.
    """

    measured: tuple[float, ...]
    truth: tuple[tuple[float, ...], ...]
    examples: int
    source: str

    @classmethod
    def learnt(
        cls, measured: NDArray[np.float64], truth: NDArray[np.float64], source: str, *, per_row: int, levels: int = 41
    ) -> "ErrorTable":
        """Rows of ``per_row`` examples each, by rising measured value; neighbours share half of their examples.

        The i-th smallest of n truths stands at the level i / (n + 1), which holds what it says of the next, unseen
        example (conformal prediction, Vovk et al. 2005).

        Args:
            measured, truth: (n,) at least one example.
        """
        order = np.argsort(measured, kind="stable")
        measured, truth = measured[order], truth[order]
        per_row = min(per_row, len(measured))
        starts = [*range(0, len(measured) - per_row, max(per_row // 2, 1)), len(measured) - per_row]
        ranks, steps = np.arange(1, per_row + 1) / (per_row + 1), np.linspace(0, 1, levels)
        rows = [slice(start, start + per_row) for start in starts]
        return cls(
            measured=tuple(round(float(measured[row].mean()), 5) for row in rows),
            truth=tuple(
                tuple(round(float(q), 5) for q in np.interp(steps, ranks, np.sort(truth[row]))) for row in rows
            ),
            examples=len(measured),
            source=source,
        )

    def draw(self, value: float, rng: np.random.Generator, count: int) -> NDArray[np.float64]:
        """Likely true values, (count,), for one measured value; rows are interpolated."""
        rows = np.asarray(self.truth)
        row = np.array([np.interp(value, self.measured, column) for column in rows.T])
        return np.asarray(np.interp(rng.random(count), np.linspace(0, 1, rows.shape[1]), row))


@dataclass(frozen=True, slots=True, kw_only=True)
class Calibration:
    """What out-of-fold measurement taught about a model; the card carries it.

    Attributes:
        threshold: probability at and above which a pixel belongs to a class, one per class.
        min_area: smallest area, in pixels, that is believed.
        rule: what ``min_area`` speaks of: "picture", a map whose whole area is smaller becomes empty, or
            "component", each smaller component is dropped. Volumes have bodies and ignore both.
        errors: the model's own error by measurement name.
    """

    threshold: tuple[float, ...] = (0.5,)
    min_area: int = 0
    rule: Literal["picture", "component"] = "picture"
    errors: Mapping[str, ModelError | ErrorTable] = field(default_factory=dict)
