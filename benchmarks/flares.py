"""The flares room's promises: speed of a photo and of a film, intervals that hold, and what a meter at the site is worth.

``python -m benchmarks.flares`` prints all three. Photos, films and sites are drawn; the models are the shipped ones. A flame
that the models miss counts as an interval that does not hold.
"""

import argparse
import sys
import time
from collections.abc import Callable

import numpy as np

from outcrop.core.estimate import Assumption
from outcrop.core.grid import Grid
from outcrop.core.scene import Scene, scene_from_array
from outcrop.core.task import Measurement
from outcrop.engine.spot import Spotter, Spotters
from outcrop.tasks import load
from outcrop.tasks.flares.drawn.film import draw_sequence
from outcrop.tasks.flares.drawn.photo import BURNING, draw_photo
from outcrop.tasks.flares.drawn.site import draw_site
from outcrop.tasks.flares.drawn.thing import DrawnPhoto
from outcrop.tasks.flares.films import measure_frame
from outcrop.tasks.flares.gas.calibration import fit
from outcrop.tasks.flares.measure import FlareFound, measure_photo
from outcrop.tasks.flares.options import read_options

ROOM = load("flares")
JUDGE = range(6000, 6060)
"""Seeds of the photos that judge the intervals; nothing was designed on them."""

SITES = range(7000, 7006)
FACTORS = (0.6, 1.6)
"""How far a site's flames are off the law, in turn: what a meter can learn and a photo cannot."""

PHOTO_MS, FRAMES_PER_SECOND = 80.0, 12.0


def spotter() -> Spotter:
    """The shipped models."""
    return Spotters(ROOM, (), engine="auto", flips="alternate").spotter()


def scene_of(photo: DrawnPhoto) -> Scene:
    """A drawn photo as a scene that is ready to be seen."""
    return scene_from_array("drawn", photo.values, Grid(shape=photo.mask.shape), ROOM.bands)


def seen(eyes: Spotter, photo: DrawnPhoto) -> tuple[list[Measurement], FlareFound]:
    """A photo at its true scale, measured as `outcrop predict` does."""
    known = Assumption(low=photo.scale, best=photo.scale, high=photo.scale, unit="m/px", source="drawn")
    found = eyes.spot(scene_of(photo))
    given = {**ROOM.assumptions, "scale": known}
    return measure_photo(found, given, read_options({}), eyes.card.calibration, np.random.default_rng(0))


def coverage(eyes: Spotter) -> tuple[int, int, int]:
    """Photos whose 90 % interval of gas flow holds the truth, those in which no flame was seen, and all."""
    held = missed = 0
    for seed in JUDGE:
        photo = draw_photo(np.random.default_rng(seed), kind=BURNING[seed % len(BURNING)])
        gas = next((m.estimate for m in seen(eyes, photo)[0] if m.name == "flared gas"), None)
        truth = photo.truth["flared_gas"]
        low, high = gas.interval() if gas else (np.nan, np.nan)
        held, missed = held + bool(low <= truth <= high), missed + (gas is None)
        value = f"{gas.value:8.0f} ({low:7.0f} to {high:7.0f})" if gas else "no flame seen            "
        sys.stdout.write(f"seed {seed}: {value}, true {truth:8.0f}  {'held' if low <= truth <= high else 'MISSED'}\n")
    return held, missed, len(JUDGE)


def calibration(eyes: Spotter) -> list[tuple[float, float]]:
    """Mean absolute error without and with meter readings at each drawn site, thousand m³/day, readings left out in turn."""
    pairs = []
    for number, seed in enumerate(SITES):
        site = draw_site(np.random.default_rng(seed), readings=20, length_factor=FACTORS[number % len(FACTORS)])
        sizes, flows, before = [], [], []
        for i, metered in enumerate(site.metered):
            _, kept = seen(eyes, site.photo(i))
            if kept.sizes and kept.flow is not None:
                sizes.append(kept.sizes["area"])
                flows.append(float(metered))
                before.append(kept.flow)
        line = fit(sizes, flows, kind="area", unit="px²", reference=20.0, before=before)
        if line.score and line.score.before_mae is not None:
            pairs.append((line.score.before_mae, line.score.mae))
            sys.stdout.write(
                f"site {seed}: {line.readings} readings, mean absolute error {pairs[-1][0]:.1f} → {pairs[-1][1]:.1f}\n"
            )
    return pairs


def clock(work: Callable[[], object], times: int) -> float:
    """Median seconds of a piece of work, after one go to warm up."""
    work()
    spent = []
    for _ in range(times):
        start = time.perf_counter()
        work()
        spent.append(time.perf_counter() - start)
    return float(np.median(spent))


def main() -> int:
    """Measure, print, and 1 when a promise is broken."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--speed", action="store_true", help="speed alone")
    given = parser.parse_args()
    eyes = spotter()
    photo = draw_photo(np.random.default_rng(0), kind="smoky")
    photo_ms = 1000 * clock(lambda: seen(eyes, photo), 15)
    film = draw_sequence(np.random.default_rng(1), 12, 5.0, shape=(720, 1280))
    frames = [scene_of(frame) for frame in film.photos()]
    rate = len(frames) / clock(lambda: [measure_frame(eyes.spot(frame)) for frame in frames], 2)
    sys.stdout.write(
        f"| a photo of 640 x 640: boxes, outlines, measurements | {photo_ms:.0f} ms | {PHOTO_MS:.0f} ms |\n"
    )
    sys.stdout.write(f"| a film of 1280 x 720, frames analysed a second | {rate:.1f} | {FRAMES_PER_SECOND:.0f} |\n")
    kept = photo_ms < PHOTO_MS and rate >= FRAMES_PER_SECOND
    if not given.speed:
        held, missed, count = coverage(eyes)
        sys.stdout.write(
            f"90 % intervals of gas flow hold the truth in {held} of {count} drawn photos ({missed} without a flame seen)\n"
        )
        pairs = calibration(eyes)
        better = sum(after <= before / 2 for before, after in pairs)
        sys.stdout.write(f"a meter halves the error at {better} of {len(pairs)} drawn sites\n")
        kept = kept and 0.8 <= held / count <= 0.98
    return 0 if kept else 1


if __name__ == "__main__":
    sys.exit(main())
