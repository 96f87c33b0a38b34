"""What a row of numbers through time says: its flicker, and its middle with an interval that knows of autocorrelation.

Flames puff: air that a buoyant flame draws in makes vortices at a steady rate, about 1.5 / sqrt(D) Hz for a flame of
D metres (Cetegen and Ahmed 1993, doi:10.1016/0010-2180(93)90039-P). Frames a second apart cannot show it.
Neighbouring frames show nearly the same flame, so a thousand frames are far fewer than a thousand readings.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from outcrop.core.estimate import Estimate

Numbers = NDArray[np.float64]

LEAST_FRAMES = 32
LEAST_RATE = 4.0
"""Frames a second below which no flicker is looked for."""

LEAST_CYCLES = 4
"""A rhythm must be seen this often to be one."""

CHANCE = 0.01
"""Probability of a peak as high in noise, above which a rhythm is not claimed."""

PIECE, MOST_PIECES = 512, 16
"""Frames whose rhythm is looked at together, and how many such pieces of a long record."""

LONGEST = 20_000
"""Values that are resampled; a longer row is thinned evenly, which its autocorrelation forgives."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Flicker:
    """The rhythm of a row of areas.

    Attributes:
        frequency: of the strongest rhythm, Hz; None where none stands out of the noise.
        amplitude: of that rhythm, half of top to bottom, relative to the mean area.
        unrest: standard deviation of the area relative to its mean, all frequencies.
        highest: frequency beyond which these frames show nothing, Hz (half of their rate).
    """

    frequency: float | None
    amplitude: float | None
    unrest: float
    highest: float


def flicker(seconds: Sequence[float] | Numbers, area: Sequence[float] | Numbers) -> Flicker | None:
    """The rhythm of a flame's area; None where the frames are too few, too slow or too irregular to tell.

    Lomb and Scargle's periodogram (Scargle 1982, doi:10.1086/160554), so that lost frames do no harm, averaged over
    pieces of the record.

    Args:
        seconds: (n,) rising.
        area: (n,) in any unit; NaN where the flame was not measured.
    """
    times, values = np.asarray(seconds, float), np.asarray(area, float)
    known = np.isfinite(times) & np.isfinite(values)
    times, values = times[known], values[known]
    if len(times) < LEAST_FRAMES or values.mean() <= 0:
        return None
    rate = 1 / float(np.median(np.diff(times)))
    pieces = [(t, _relative(t, v)) for t, v in _pieces(times, values, rate)]
    if rate < LEAST_RATE or not pieces:
        return None
    unrest, highest = float(np.sqrt(np.mean([rest.var() for _, rest in pieces]))), rate / 2
    quiet = Flicker(frequency=None, amplitude=None, unrest=unrest, highest=highest)
    length = min(float(t[-1] - t[0]) for t, _ in pieces)
    frequencies = np.arange(LEAST_CYCLES / length, 0.95 * highest, 1 / (4 * length))
    if unrest <= 1e-9 or len(frequencies) < 4:
        return quiet
    power = _power(pieces, frequencies)
    at = int(np.argmax(power))
    return quiet if _by_chance(float(power[at]), len(pieces), highest * length) > CHANCE else replace(
        quiet, frequency=float(frequencies[at]), amplitude=_amplitude(pieces, float(frequencies[at]))
    )  # fmt: skip


Piece = tuple[Numbers, Numbers]


def _pieces(times: Numbers, values: Numbers, rate: float) -> list[Piece]:
    """Stretches of at most ``PIECE`` frames without long gaps, spread over the record."""
    count = max(len(times) // PIECE, 1)
    chosen = np.unique(np.linspace(0, count - 1, min(count, MOST_PIECES)).round().astype(int))
    size = len(times) // count
    cuts = [(times[k * size : (k + 1) * size], values[k * size : (k + 1) * size]) for k in chosen]
    return [(t, v) for t, v in cuts if len(t) >= LEAST_FRAMES and len(t) > 0.5 * rate * (t[-1] - t[0])]


def _relative(times: Numbers, values: Numbers) -> Numbers:
    """What is left of a piece without its trend, relative to its mean."""
    centred = times - times.mean()
    return np.asarray((values - np.polyval(np.polyfit(centred, values, 1), centred)) / max(values.mean(), 1e-12))


def _power(pieces: Sequence[Piece], frequencies: Numbers) -> Numbers:
    """Mean periodogram of the pieces, each in units of its own variance."""
    from scipy.signal import lombscargle

    moving = [(t, rest) for t, rest in pieces if rest.var() > 1e-18]
    return np.asarray(
        np.mean([lombscargle(t - t[0], rest, 2 * np.pi * frequencies) / rest.var() for t, rest in moving], axis=0)
    )


def _by_chance(power: float, pieces: int, independent: float) -> float:
    """Probability that noise alone reaches this power at one of so many independent frequencies."""
    from scipy.stats import gamma

    return float(-np.expm1(max(independent, 1) * np.log1p(-min(gamma.sf(power * pieces, pieces), 1 - 1e-12))))


def _amplitude(pieces: Sequence[Piece], frequency: float) -> float:
    """Amplitude of one frequency, root mean square over the pieces."""
    found = []
    for times, rest in pieces:
        phase = 2 * np.pi * frequency * times
        waves = np.column_stack([np.cos(phase), np.sin(phase)])
        found.append(np.sum(np.linalg.lstsq(waves, rest, rcond=None)[0] ** 2))
    return float(np.sqrt(np.mean(found)))


@dataclass(frozen=True, slots=True, kw_only=True)
class Steady:
    """The middle of a row of numbers.

    Attributes:
        median: with the scatter of sampling alone; what all frames have wrong in common is not in it.
        mean: the same for the mean, which totals are made of.
        spread: median absolute deviation from the median, times 1.4826 (a standard deviation, were it normal).
        block: frames that were resampled together.
        readings: independent readings that the frames are worth.
    """

    median: Estimate
    mean: Estimate
    spread: float
    block: int
    readings: float


def memory(values: Numbers) -> float:
    """Integrated autocorrelation time in frames, at least 1: n frames are worth n / memory independent readings.

    Sum of 1 + 2 r_k up to the first window of five times its own length (Sokal 1997, "Monte Carlo methods in
    statistical mechanics", section 3).
    """
    count = len(values)
    rest = values - values.mean()
    variance = float(np.mean(rest**2))
    if count < 4 or variance <= 0:
        return 1.0
    spectrum = np.fft.rfft(rest, 2 * count)
    correlation = np.fft.irfft(spectrum * np.conj(spectrum))[:count] / (variance * count)
    sums = 2 * np.cumsum(correlation) - 1
    windows = np.flatnonzero(np.arange(count) >= 5 * np.maximum(sums, 1))
    return float(np.clip(sums[windows[0]] if len(windows) else sums.max(), 1, count))


def steady(
    values: Sequence[float] | Numbers, unit: str, *, rng: np.random.Generator, draws: int = 1000
) -> Steady | None:
    """Median and mean with the scatter that this record leaves, by a circular block bootstrap; None without values.

    Blocks (Politis and Romano 1992) of twice the memory keep neighbours together, so that the interval does not
    shrink because a camera takes more frames of the same flame.

    Args:
        values: (n,) evenly spaced, NaN where unknown.
        draws: rows resampled.
    """
    known = np.asarray(values, float)
    known = known[np.isfinite(known)]
    if not len(known):
        return None
    row = known[:: -(-len(known) // LONGEST)]
    count = len(row)
    tau = memory(row)
    block = int(min(max(np.ceil(2 * tau), np.ceil(count ** (1 / 3))), count))
    blocks = -(-count // block)
    medians, means = np.empty(draws), np.empty(draws)
    offsets = np.arange(block)
    for at in range(draws):
        picks = (rng.integers(0, count, blocks)[:, None] + offsets).ravel()[:count] % count
        sample = row[picks]
        medians[at], means[at] = np.median(sample), sample.mean()
    return Steady(
        median=Estimate(draws=medians, unit=unit),
        mean=Estimate(draws=means, unit=unit),
        spread=1.4826 * float(np.median(np.abs(row - np.median(row)))),
        block=block,
        readings=count / tau,
    )
