"""Do the intervals hold? Drawn volumes, the shipped model, and how often the 90 % interval holds the true salt volume.

``python -m benchmarks.coverage`` judges seeds 4000..4039, which nothing was designed on. ``--learn FILE`` first learns the
model's own error on seeds 2000..2399 and writes it into the card of that model file; ``--kept FILE`` keeps what was
measured on them, so that a stopped learning goes on.
"""

import argparse
import json
import sys
from dataclasses import asdict, replace
from pathlib import Path

import numpy as np

from outcrop.core.task import Calibration, ModelError
from outcrop.engine.predict import Ensemble, ensemble_of
from outcrop.engine.run import shipped
from outcrop.engine.selfcheck import Check, checks, model_error, width_table
from outcrop.models.runtime import load
from outcrop.tasks import load as load_task
from outcrop.tasks.salt.measure import WIDTH_TABLE

TASK = load_task("salt")
NAME = "salt volume"
SAMPLE_STEP = 4.0
"""Of drawn volumes, ms."""
LEARN, JUDGE = range(2000, 2400), range(4000, 4040)
PER_ROW = 64
"""Volumes behind each row of the error table."""


LOST, SHORT, LONG = (lambda ratio: ratio < 0.1), (lambda ratio: ratio < 0.5), (lambda ratio: ratio > 1.5)


def tell(check: Check) -> None:
    """One line per volume."""
    if check.name == NAME:
        word = "held" if check.held else "MISSED"
        low, value, high, truth = (v / 1e6 for v in (check.low, check.value, check.high, check.truth))
        sys.stdout.write(
            f"seed {check.seed}: {value:9.1f} ({low:9.1f} to {high:9.1f}), true {truth:9.1f} million m³  {word}\n"
        )
        sys.stdout.flush()


def measured(ensemble: Ensemble, bare: Calibration, kept: Path | None) -> list[Check]:
    """What the model measures on the seeds it learns its error on; those in ``kept`` are not seen again."""
    lines = kept.read_text().splitlines() if kept and kept.exists() else []
    found = [Check(**json.loads(line)) for line in lines]
    done = {check.seed for check in found}

    def add(check: Check) -> None:
        tell(check)
        if kept:
            with kept.open("a") as file:
                file.write(json.dumps(asdict(check)) + "\n")

    return found + checks(TASK, ensemble, [seed for seed in LEARN if seed not in done], bare, report=add)


def learn(path: Path, kept: Path | None) -> None:
    """Measure the model's own error and put it into the file's card."""
    from outcrop.engine.export import recard

    source = f"{len(LEARN)} drawn volumes, seeds {LEARN.start} to {LEARN.stop - 1}"
    model = load(path)
    old = {key: error for key, error in model.card.calibration.errors.items() if key == "share table"}
    bare = replace(model.card.calibration, errors={})
    found = measured(Ensemble(models=(model,)), bare, kept)
    error = model_error(found, NAME, source)
    crests = np.array([(c.value - c.truth) / SAMPLE_STEP for c in found if c.name == "salt crest"])
    # Robust, since the crest is the extreme of thousands of picks and errs more than one of them.
    typical = 1.4826 * float(np.median(np.abs(crests - np.median(crests))))
    pick = ModelError(bias=0.0, spread=typical, examples=len(crests), source=f"crests of {source}, in samples")
    volumes = [c for c in found if c.name == NAME]
    low, short, long = (sum(test(c.value / c.truth) for c in volumes) for test in (LOST, SHORT, LONG))
    sys.stdout.write(f"{path.name}: ln(measured / true) = {error.bias:+.3f} ± {error.spread:.3f}\n")
    sys.stdout.write(f"of {len(volumes)}: {low} below a tenth, {short} below half, {long} above one and a half times\n")
    sys.stdout.write(f"{path.name}: crest off by {typical:.1f} samples, typically\n")
    table = width_table(found, NAME, source, per_row=PER_ROW)
    errors = {**old, "volume": error, WIDTH_TABLE: table, "pick": pick}
    recard(path, replace(model.card, calibration=replace(bare, errors=errors)))


def main() -> int:
    """Print every volume and the share held; 1 outside 80 to 98 %."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--learn", type=Path)
    parser.add_argument("--kept", type=Path)
    given = parser.parse_args()
    if given.learn:
        learn(given.learn, given.kept)
    ensemble = ensemble_of([load(path) for path in shipped(TASK)["sections"]])
    calibration: Calibration = ensemble.models[0].card.calibration
    found = [c for c in checks(TASK, ensemble, JUDGE, calibration, report=tell) if c.name == NAME]
    held = sum(c.held for c in found)
    width = sorted((c.high - c.low) / max(c.value, 1) for c in found)[len(found) // 2]
    sys.stdout.write(
        f"held {held} of {len(found)} ({100 * held / len(found):.0f} %), median relative width {width:.2f}\n"
    )
    return 0 if 0.80 <= held / len(found) <= 0.98 else 1


if __name__ == "__main__":
    sys.exit(main())
