"""Do the intervals hold? Drawn volumes, the shipped model, and how often the 90 % interval holds the true salt volume.

``python -m benchmarks.coverage`` judges seeds 1000..1039. ``--learn FILE...`` first learns the model's own error on
seeds 2000..2119 and writes it into the cards of the model files given.
"""

import argparse
import sys
from dataclasses import replace
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
LEARN, JUDGE = range(2000, 2120), range(1000, 1040)


def tell(check: Check) -> None:
    """One line per volume."""
    if check.name == NAME:
        word = "held" if check.held else "MISSED"
        low, value, high, truth = (v / 1e6 for v in (check.low, check.value, check.high, check.truth))
        sys.stdout.write(
            f"seed {check.seed}: {value:9.1f} ({low:9.1f} to {high:9.1f}), true {truth:9.1f} million m³  {word}\n"
        )
        sys.stdout.flush()


def learn(paths: list[Path]) -> None:
    """Measure the model's own error and put it into the files' cards."""
    from outcrop.engine.export import recard

    source = f"{len(LEARN)} drawn volumes, seeds {LEARN.start} to {LEARN.stop - 1}"
    for path in paths:
        model = load(path)
        kept = {key: error for key, error in model.card.calibration.errors.items() if key == "share table"}
        bare = replace(model.card.calibration, errors={})
        found = checks(TASK, Ensemble(models=(model,)), LEARN, bare, report=tell)
        error = model_error(found, NAME, source)
        crests = np.array([(c.value - c.truth) / SAMPLE_STEP for c in found if c.name == "salt crest"])
        # Robust, since the crest is the extreme of thousands of picks and errs more than one of them.
        typical = 1.4826 * float(np.median(np.abs(crests - np.median(crests))))
        pick = ModelError(bias=0.0, spread=typical, examples=len(crests), source=f"crests of {source}, in samples")
        sys.stdout.write(f"{path.name}: ln(measured / true) = {error.bias:+.3f} ± {error.spread:.3f}\n")
        sys.stdout.write(f"{path.name}: crest off by {typical:.1f} samples, typically\n")
        table = width_table(found, NAME, source)
        errors = {**kept, "volume": error, WIDTH_TABLE: table, "pick": pick}
        recard(path, replace(model.card, calibration=replace(bare, errors=errors)))


def main() -> int:
    """Print every volume and the share held; 1 outside 80 to 98 %."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--learn", nargs="*", type=Path, default=[])
    learn(parser.parse_args().learn)
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
