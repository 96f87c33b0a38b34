"""From rock to the picture that a seismic survey and its processing make of it: the convolutional model with its faults.

Reflectivity is put on a regular time axis, blurred as migration blurs it, convolved with a wavelet that
loses its high frequencies with time, and spoilt by multiples, noise and gain. Arrays are (y, x, sample).
"""

from dataclasses import dataclass
from types import MappingProxyType

import numpy as np
from numpy.typing import NDArray

from outcrop.core.scene import Floats
from outcrop.tasks.salt.earth.fields import Field, draw_field


def spray(places: Floats, amounts: Floats, samples: int) -> Floats:
    """Put amounts at fractional places of a trace on its two nearest samples: (y, x, n) twice → (y, x, samples)."""
    rows, cols = places.shape[:2]
    padded = samples + 2
    clipped = np.clip(places, -1, samples) + np.float32(1)
    whole = clipped.astype(np.int64)
    part = (clipped - whole).astype(np.float32)
    whole += (np.arange(rows * cols) * padded).reshape(rows, cols, 1)
    size = rows * cols * padded
    total = np.bincount(whole.ravel(), (amounts * (1 - part)).ravel(), size + 1)[:size]
    total[1:] += np.bincount(whole.ravel(), (amounts * part).ravel(), size + 1)[: size - 1]
    return total.reshape(rows, cols, padded)[:, :, 1:-1].astype(np.float32)


def occupancy(salt: Floats, inside: NDArray[np.bool_], places: Floats, whole: float, samples: int) -> Floats:
    """Share of each sample that is salt, (y, x, sample).

    Args:
        salt: share of each cell of the depth grid that is salt.
        inside: whether an edge of these cells lies in salt.
        places: the edges, in samples from the top of the window.
        whole: samples that a cell full of salt lasts, less than one.
    """
    rows, cols, cells = salt.shape
    found = np.flatnonzero(salt)
    length = salt.ravel()[found] * np.float32(whole)
    # Salt lies at the end of a mixed cell whose edge is in salt.
    upper, lower = places[:, :, :-1].ravel()[found], places[:, :, 1:].ravel()[found]
    start = np.clip(np.where(inside[:, :, :-1].ravel()[found], upper, lower - length), 0, samples)
    first = start.astype(np.int64)
    kept = np.minimum(first + 1 - start, length)
    place = found // cells * (samples + 1) + first
    size = rows * cols * (samples + 1)
    total = np.bincount(place, kept, size + 1)
    total[1:] += np.bincount(place, length - kept, size + 1)[:-1]
    return np.clip(total[:size].reshape(rows, cols, samples + 1)[:, :, :samples], 0, 1).astype(np.float32)


def _ricker(ratio: NDArray[np.float64]) -> NDArray[np.float64]:
    """Spectrum of the Ricker wavelet over frequency / peak frequency."""
    return np.asarray(ratio**2 * np.exp(-(ratio**2)))


def _ormsby(ratio: NDArray[np.float64]) -> NDArray[np.float64]:
    """A flat band with sloping ends, over frequency / central frequency."""
    return np.interp(ratio, (0.2, 0.5, 1.4, 2.2), (0.0, 1.0, 1.0, 0.0))


SPECTRA = MappingProxyType({"Ricker": _ricker, "Ormsby": _ormsby})
"""Amplitude spectra of the wavelets by name."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Swing:
    """Noise that keeps its phase from trace to trace: along a dipping plane, or along a migration smile.

    Attributes:
        rows: the noise along the coordinate, one entry a sample.
        slope: samples per metre across and along the lines; for a smile the curvature and its focus (m, m).
        smile: how many samples above the trace the focus lies; None for a plane.
        patches: where it is loud.
        size: its level relative to the mean reflection.
    """

    rows: Floats
    slope: tuple[float, float]
    focus: tuple[float, float]
    smile: float | None
    patches: Field
    size: float

    def at(self, y: Floats, x: Floats, samples: int) -> Floats:
        """Values, (y, x, sample)."""
        index = np.arange(samples, dtype=np.float32)
        dy, dx = y[:, None, None] - self.focus[0], x[None, :, None] - self.focus[1]
        if self.smile is None:
            place = index + (self.slope[0] * dy + self.slope[1] * dx).astype(np.float32)
        else:
            reach = (self.slope[0] ** 2 * (dy * dy + dx * dx)).astype(np.float32)
            place = np.sqrt((index + np.float32(self.smile)) ** 2 + reach)
        loud = np.clip(self.patches.at(y, x, index) + np.float32(0.3), 0, 2) * np.float32(self.size)
        return np.asarray(self.rows[place.astype(np.int32) % len(self.rows)] * loud)


@dataclass(frozen=True, slots=True, kw_only=True)
class Look:
    """How the earth is shot and processed.

    Attributes:
        interval: ms between samples of the time axis on which the wavelet works.
        frequency: peak frequency (Hz) at the first and at the last sample.
        blur: lateral smearing (traces) at the first and at the last sample.
        strongest: reflection coefficient at which strong reflections are held back by half.
        decay: loss of amplitude over the window, natural log.
        multiple: strength and extra time (samples) of the first multiple; the sea bed's own time where it is in view.
        white, raw: level of incoherent noise before the wavelet, relative to the mean reflection, and after it,
            relative to the root mean square of the seismic.
        calm: factor on that noise inside salt, and below it.
        gain_spread: spread of the gain from trace to trace.
        agc: exponent and window (samples) of the automatic gain.
        clip: amplitudes are clipped at so many times their root mean square.
    """

    interval: float
    wavelet: str
    frequency: tuple[float, float]
    phase: float
    blur: tuple[float, float]
    strongest: float
    decay: float
    multiple: tuple[float, int]
    white: float
    raw: float
    calm: tuple[float, float]
    swings: tuple[Swing, ...]
    gain: tuple[Field, float]
    agc: tuple[float, int]
    clip: float

    @property
    def reach(self) -> int:
        """Lines over which blurring reaches."""
        return int(2.5 * max(self.blur) + 0.5)

    def wavelet_spectrum(self, frequency: float, length: int) -> NDArray[np.complex64]:
        """Spectrum of unit energy at the frequencies of a real transform of this length."""
        ratio = np.asarray(np.fft.rfftfreq(length, self.interval / 1000) / frequency, np.float64)
        size = SPECTRA[self.wavelet](ratio)
        size /= np.sqrt(2 * np.mean(size**2)) + 1e-12
        return np.asarray(size * np.exp(1j * self.phase), np.complex64)

    def convolve(self, echoes: Floats) -> Floats:
        """Reflections → seismic: two wavelets and two blurs, fading from the early to the late ones."""
        from scipy.fft import irfft, next_fast_len, rfft
        from scipy.ndimage import gaussian_filter1d

        samples = echoes.shape[2]
        length = next_fast_len(samples + int(3000 / (self.frequency[1] * self.interval)), real=True)
        spectrum = rfft(echoes, length, axis=2)
        ends = []
        for frequency, blur in zip(self.frequency, self.blur, strict=True):
            part = irfft(spectrum * self.wavelet_spectrum(frequency, length), length, axis=2)[:, :, :samples]
            for axis in (0, 1):
                if part.shape[axis] > 1:
                    part = gaussian_filter1d(part, blur, axis=axis, mode="nearest", truncate=2.5)
            ends.append(part)
        late = np.linspace(0, 1, samples, dtype=np.float32)
        ends[1] -= ends[0]
        ends[1] *= late
        return np.asarray(ends[0] + ends[1], np.float32)

    def spoil(
        self, echoes: Floats, salt: Floats, seabed: Floats | None, y: Floats, x: Floats, white: Floats, level: float
    ) -> Floats:
        """Add multiples, hold strong echoes back, add noise; all (y, x, sample), ``seabed`` in samples (y, x, 1)."""
        samples = echoes.shape[2]
        strength, lag = self.multiple
        if strength:
            later = lag if seabed is None else np.maximum(seabed, 4).astype(np.int64)
            source = np.arange(samples) - later
            ghost = np.take_along_axis(echoes, np.broadcast_to(np.clip(source, 0, None), echoes.shape), 2)
            echoes = echoes - np.float32(strength) * ghost * (source >= 0)
        echoes = echoes / (1 + np.abs(echoes) * np.float32(1 / self.strongest))
        echoes *= np.exp(np.linspace(0, -self.decay, samples, dtype=np.float32))
        noise = white * np.float32(self.white)
        for swing in self.swings:
            noise += swing.at(y, x, samples)
        below = np.clip(np.cumsum(salt, axis=2, dtype=np.float32) * np.float32(0.1), 0, 1)
        noise *= 1 + below * np.float32(self.calm[1] - 1) + salt * np.float32(self.calm[0] - self.calm[1])
        if seabed is not None:
            noise *= np.arange(samples, dtype=np.float32) > seabed
        return np.asarray(echoes + noise * np.float32(level))

    def finish(self, seismic: Floats, y: Floats, x: Floats, power: float) -> Floats:
        """Trace gains and automatic gain; ``power`` is the mean square of the survey."""
        from scipy.ndimage import uniform_filter1d

        gain = np.exp(self.gain[0].at(y, x, np.zeros(1, np.float32)) * np.float32(self.gain[1]))
        strength, window = self.agc
        if not strength:
            return np.asarray(seismic * gain)
        local = uniform_filter1d(seismic * seismic, window, axis=2, mode="nearest")
        local += np.float32(0.03 * power + 1e-20)
        return np.asarray(seismic * gain / local ** np.float32(strength / 2), np.float32)


def mean_echo(echoes: Floats) -> float:
    """Mean size of the reflections, strong ones held back: the yardstick of noise."""
    return float(np.mean(np.abs(echoes))) * 1.25 + 1e-6


def _swing(rng: np.random.Generator, extent: tuple[float, float], samples: int, size: float) -> Swing:
    """One family of coherent noise."""
    block = (extent[0], extent[1], float(samples))
    # In a square picture, dips of up to 45 degrees.
    slope = rng.choice([-1.0, 1.0]) * rng.uniform(0.1, 0.9) * samples / extent[1]
    smile = rng.random() < 0.6
    rows = rng.standard_normal(4096, dtype=np.float32)
    return Swing(
        rows=rows,
        slope=(abs(slope) if smile else float(rng.normal(0, 0.5)) * slope, slope),
        focus=(float(rng.uniform(0, extent[0])), float(rng.uniform(0, extent[1]))),
        smile=rng.uniform(-0.2, 0.8) * samples if smile else None,
        patches=draw_field(rng, block, extent[1] * rng.uniform(0.06, 0.2), samples * rng.uniform(0.06, 0.2)),
        size=size,
    )


def draw_look(rng: np.random.Generator, extent: tuple[float, float], samples: int, interval: float) -> Look:
    """A random survey over a block of this size (m across, m along), with this many samples ``interval`` ms apart."""
    first = float(np.exp(rng.uniform(np.log(17), np.log(40))))
    level = float(np.exp(rng.uniform(np.log(0.03), np.log(0.9))))
    shares = rng.dirichlet((1.0, 0.7))
    swings = tuple(
        _swing(rng, extent, samples, level * float(shares[1]) * rng.uniform(0.6, 1.4))
        for _ in range(rng.choice([0, 1, 2], p=[0.4, 0.35, 0.25]))
    )
    # Salt has its own level of noise, from transparent to as loud as the beds, whatever the noise outside.
    inside = float(np.exp(rng.uniform(np.log(0.04), np.log(0.9)))) / level
    below = max(rng.uniform(0.7, 1.5), inside * rng.uniform(0.3, 1.0))
    blur = rng.uniform(0.4, 1.1)
    gains = draw_field(rng, (*extent, 1.0), extent[1] * rng.choice([0.01, 0.05]))
    return Look(
        interval=interval,
        wavelet=str(rng.choice(list(SPECTRA))),
        frequency=(first, first * rng.uniform(0.4, 0.95)),
        phase=float(rng.choice([0.0, np.pi], p=[0.7, 0.3]) + rng.choice([0.0, rng.normal(0, 0.6)])),
        blur=(blur, blur * rng.uniform(1.0, 2.2)),
        strongest=float(np.exp(rng.uniform(np.log(0.04), np.log(0.5)))),
        decay=rng.uniform(-0.2, 1.0),
        multiple=(float(rng.choice([0.0, rng.uniform(0.02, 0.13)])), int(samples * rng.uniform(0.1, 0.5))),
        white=level * float(shares[0]),
        raw=level * rng.uniform(0.0, 0.15),
        calm=(inside, below),
        swings=swings,
        gain=(gains, float(rng.choice([0.0, rng.uniform(0.02, 0.15)]))),
        agc=(float(rng.choice([0.0, rng.uniform(0.2, 0.8)])), int(rng.uniform(120, 500) / interval)),
        clip=rng.uniform(3.0, 8.0),
    )
