"""The promise of streaming outlines: a 10980 x 10980 mask of 50 000 deposits, strip by strip, on one core.

Time is processor time, so that a busy machine does not break the promise.

``python -m benchmarks.outlines`` prints a table; ``--measure`` also takes areas and perimeters on the ellipsoid, ``--high``
a mask of the same width and four times the height, to show that memory stays.
"""

import argparse
import os
import resource
import sys
import time
from collections.abc import Iterator
from dataclasses import replace

import numpy as np
from affine import Affine
from numpy.typing import NDArray

from benchmarks.run import Promise, cost, table
from outcrop.core.grid import Axis, Grid
from outcrop.core.scene import Floats
from outcrop.instruments.geodesy import areas_and_perimeters
from outcrop.instruments.outlines import Outliner

SIDE = 10_980
CELLS = 224
"""Deposits along each axis: one in every cell of about 49 pixels, 50 176 in all."""

STRIP = 512
UTM = "EPSG:32723"


def strips(height: int) -> Iterator[tuple[NDArray[np.uint8], Floats]]:
    """A mask in strips: in every cell one ragged blob of its own size, and its probabilities."""
    rng = np.random.default_rng(0)
    cell = SIDE / CELLS
    radius = rng.uniform(5, 20, (height * CELLS // SIDE + 2, CELLS)).astype(np.float32)
    across = (np.arange(SIDE, dtype=np.float32) + np.float32(0.5)) / np.float32(cell)
    column = across.astype(np.int64)
    for start in range(0, height, STRIP):
        down = (np.arange(start, min(start + STRIP, height), dtype=np.float32) + np.float32(0.5)) / np.float32(cell)
        row = down.astype(np.int64)
        dy, dx = (down - row - 0.5) * np.float32(cell), (across - column - 0.5) * np.float32(cell)
        size = radius[row][:, column]
        ragged = rng.random((len(down), SIDE), np.float32) * np.float32(2.5)
        away = np.hypot(dy[:, None], dx[None, :]) + ragged
        yield (away < size).astype(np.uint8), np.clip(1 - away / size / 2, 0, 1, dtype=np.float32)


def trace(height: int, measure: bool) -> None:
    """One run: seconds without those of the drawing, processor time, peak memory."""
    # Whole deposits only: grains that the ragged edge sheds are specks.
    outliner = Outliner(SIDE, min_pixels=9)
    spent = {"tracing": 0.0, "areas": 0.0}
    deposits = corners = 0
    grid = Grid(
        shape=(height, SIDE), transform=Affine(10, 0, 600_000, 0, -10, 7_900_000), crs=UTM,
        axes=(Axis("easting", "m"), Axis("northing", "m")),
    )  # fmt: skip
    drawn = strips(height)
    while True:
        strip = next(drawn, None)
        began = time.process_time()
        found = outliner.finish() if strip is None else outliner.add(*strip)
        spent["tracing"] += time.process_time() - began
        began = time.process_time()
        if measure:
            parts = [outline.parts for outline in found]
            areas_and_perimeters(parts, grid)
        spent["areas"] += time.process_time() - began
        deposits += len(found)
        corners += sum(len(ring) - 1 for o in found for exterior, holes in o.parts for ring in (exterior, *holes))
        if strip is None:
            break
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * (1 if sys.platform == "darwin" else 1024) / 1e6
    measured = f", areas and perimeters {spent['areas']:.1f} s" if measure else ""
    sys.stdout.write(
        f"{height} x {SIDE}: {deposits} deposits, {corners} corners, tracing {spent['tracing']:.1f} s{measured}"
        f" of processor time, peak {peak:.0f} MB\n"
    )
    sys.stdout.flush()


def processor_seconds() -> float:
    """Processor time of all finished children, s."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def main() -> int:
    """Measure, print the table; 1 when the promise is broken."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--measure", action="store_true")
    parser.add_argument("--high", action="store_true")
    parser.add_argument("--run", type=int, help=argparse.SUPPRESS)
    asked = parser.parse_args()
    if asked.run:
        trace(asked.run, asked.measure)
        return 0
    promises = []
    for height in (SIDE, 4 * SIDE) if asked.high else (SIDE,):
        command = [sys.executable, "-m", "benchmarks.outlines", "--run", str(height)]
        before = processor_seconds()
        taken = cost([*command, *(["--measure"] if asked.measure else [])], quiet=False)
        taken = replace(taken, seconds=processor_seconds() - before)
        job = f"outlines of a drawn mask, {height} x {SIDE}, the drawing included"
        promises.append(Promise(job=job, cost=taken, seconds=60 * height / SIDE, megabytes=1000))
    sys.stdout.write(f"{os.cpu_count()} cores\n\n{table(promises)}\n")
    return 0 if all(p.kept for p in promises) else 1


if __name__ == "__main__":
    sys.exit(main())
