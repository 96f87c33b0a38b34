"""The promise for satellite tables: 100 000 Nightfire rows from a CSV file to sites and months in under 3 s, on one core.

Time is processor time, so that a busy machine does not break the promise; drawing and writing the file are left out.

``python -m benchmarks.nightfire`` prints a table.
"""

import argparse
import csv
import resource
import sys
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np

from benchmarks.run import Promise, cost, table

SITES, NIGHTS = 280, 365
"""Flares and nights that make 100 000 rows."""

SECONDS = 3.0


def write(path: Path) -> int:
    """A drawn table of Nightfire rows as a CSV file, and how many rows it has."""
    from outcrop.tasks.flares.space.drawn import draw_nightfire

    drawn = draw_nightfire(np.random.default_rng(0), sites=SITES, nights=NIGHTS).table
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(drawn.columns)
        writer.writerows(zip(*(column.tolist() for column in drawn.columns.values()), strict=True))
    return len(drawn)


def measure(path: Path) -> None:
    """From the file to sites."""
    from outcrop.sources.table import open_table
    from outcrop.tasks.flares.space.nightfire import read_nightfire
    from outcrop.tasks.flares.space.sites import measure_sites

    found = measure_sites(read_nightfire(open_table(path)), np.random.default_rng(0))
    months = sum(len(site.months) for site in found.sites)
    sys.stdout.write(f"{len(found.sites)} sites, {months} months, {found.total} in all\n")


def processor_seconds() -> float:
    """Processor time of all finished children, s."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def main() -> int:
    """Measure, print the table; 1 when the promise is broken."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--run", type=Path, help=argparse.SUPPRESS)
    asked = parser.parse_args()
    if asked.run:
        measure(asked.run)
        return 0
    with TemporaryDirectory() as folder:
        path = Path(folder) / "drawn.csv"
        rows = write(path)
        before = processor_seconds()
        taken = cost([sys.executable, "-m", "benchmarks.nightfire", "--run", str(path)], quiet=False)
        taken = replace(taken, seconds=processor_seconds() - before)
    promises = [Promise(job=f"{rows} Nightfire rows to sites and months", cost=taken, seconds=SECONDS, megabytes=1000)]
    sys.stdout.write(f"{table(promises)}\n")
    return 0 if all(p.kept for p in promises) else 1


if __name__ == "__main__":
    sys.exit(main())
