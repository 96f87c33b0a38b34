"""Numbers that know how sure they are.

An estimate is a cloud of equally likely values. Formulas run on the whole cloud, so
uncertainty passes through any of them (Monte Carlo propagation, JCGM 101:2008).
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

DRAWS = 10_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Assumption:
    """A number from outside the image: low ≤ best ≤ high, and where it comes from."""

    low: float
    best: float
    high: float
    unit: str
    source: str

    def draw(self, rng: np.random.Generator) -> "Estimate":
        """A cloud of values, triangular between low and high; one value when both are the same."""
        if self.low == self.high:
            return Estimate(draws=np.full(DRAWS, float(self.best)), unit=self.unit)
        return Estimate(draws=rng.triangular(self.low, self.best, self.high, DRAWS), unit=self.unit)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Estimate:
    """A measured number: ``str(e)`` reads "12.1 ha (90 %: 11.7 – 12.5)"."""

    draws: NDArray[np.float64]
    unit: str

    @property
    def value(self) -> float:
        """The median."""
        return float(np.median(self.draws))

    def interval(self, level: float = 0.9) -> tuple[float, float]:
        """The central interval that holds ``level`` of the draws."""
        low, high = np.quantile(self.draws, [0.5 - level / 2, 0.5 + level / 2])
        return float(low), float(high)

    def __str__(self) -> str:
        low, high = self.interval()
        return f"{self.value:.3g} {self.unit} (90 %: {low:.3g} – {high:.3g})"


def combine(formula: Callable[..., NDArray[np.float64]], *parts: Estimate, unit: str) -> Estimate:
    """Apply a formula draw by draw."""
    return Estimate(draws=formula(*(part.draws for part in parts)), unit=unit)
