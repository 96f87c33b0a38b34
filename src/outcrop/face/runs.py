"""Runs: files seen with a room's models, or measured as they are, and what a whole run leaves."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from datetime import UTC, datetime
from math import isfinite, isnan
from pathlib import Path
from typing import Any, Literal

from outcrop import tasks
from outcrop.core.errors import OutcropError, UsageError
from outcrop.core.estimate import Assumption
from outcrop.core.task import Result, Task
from outcrop.engine.request import Request
from outcrop.engine.run import Progress, Run
from outcrop.sources.open import Options

Paths = str | Path | Sequence[str | Path]


def load_task(name: str) -> Task:
    """The task of a room.

    Raises:
        UnknownTask: there is no such room.
    """
    return tasks.load(name)


def paths_of(inputs: Paths) -> tuple[Path, ...]:
    """One path or several, as paths."""
    given = [inputs] if isinstance(inputs, str | Path) else inputs
    return tuple(Path(path) for path in given)


def assumptions(task: Task, given: Mapping[str, Assumption | str | float]) -> dict[str, Assumption]:
    """Assumptions from text: "4500" is exact, "4400:4500:4600" is low, best, high, in the unit of the task's own.

    Raises:
        UsageError: no such assumption, not finite numbers, or not low ≤ best ≤ high.
    """
    found: dict[str, Assumption] = {}
    for name, value in given.items():
        if name not in task.assumptions:
            raise UsageError(f"no assumption {name!r}: choose one of {', '.join(task.assumptions) or '(none)'}")
        if isinstance(value, Assumption):
            found[name] = value
            continue
        try:
            parts = [float(part) for part in str(value).split(":")]
            low, best, high = parts if len(parts) == 3 else (parts[0],) * 3
        except ValueError:
            raise UsageError(f"the assumption {name}={value!r} is not a number: give 4500 or 4400:4500:4600") from None
        if len(parts) not in (1, 3) or not low <= best <= high or not all(map(isfinite, parts)):
            raise UsageError(f"the assumption {name}={value!r} is not low:best:high: give e.g. 4400:4500:4600")
        found[name] = Assumption(
            low=low, best=best, high=high, unit=task.assumptions[name].unit, source="given by the user"
        )
    return found


def predict(
    task: str, inputs: Paths, out: str | Path, *, models: Sequence[str | Path] = (), assume: Mapping[str, Any] | None = None,
    threshold: float | None = None, flips: Literal["none", "all", "alternate"] = "alternate", engine: str = "auto",
    formats: Sequence[str] = (), options: Options | None = None, overwrite: bool = False, resume: bool = False, seed: int = 0,
    from_predictions: bool = False, no_area: bool = False, settings: Mapping[str, str] | None = None,
    progress: Progress = lambda name, share: None,
) -> Result:  # fmt: skip
    """See files with a room's models and measure what was seen.

    Args:
        task: name of the room.
        inputs: files and folders.
        out: folder for the results; must be new or empty unless ``overwrite`` or ``resume``.
        models: model files or names of shipped sets, in place of the shipped set that fits.
        assume: replaced assumptions by name, see ``assumptions``.
        threshold: probability in (0, 1) that makes a pixel count, in place of the card's.
        flips: test-time mirror images; "alternate" costs nothing, "all" doubles the work.
        engine: "auto" (openvino when installed and in agreement), "onnxruntime" or "openvino".
        from_predictions: the inputs are earlier probabilities or masks, no model is run.
        no_area: see scenes without a map projection too, in rooms that measure on the map.
        settings: what the room is asked to do with the whole run, e.g. {"registry": "dams.csv"}.

    Raises:
        OutcropError: the call as a whole cannot be done; single bad inputs are in ``Result.refused``.
    """
    room = load_task(task)
    if threshold is not None and not 0 < threshold < 1:
        raise UsageError(f"a threshold of {threshold} is no probability: give one between 0 and 1")
    refuse_seed(seed)
    if settings and room.arranged is not None:
        room = room.arranged(settings)
    request = Request(
        task=room, inputs=paths_of(inputs), out=Path(out), models=tuple(str(m) for m in models),
        assume=assumptions(room, assume or {}), threshold=threshold, flips=flips, engine=engine, formats=tuple(formats),
        options=options or Options(), overwrite=overwrite, resume=resume, seed=seed, from_predictions=from_predictions, no_area=no_area,
        settings=settings or {},
    )  # fmt: skip
    run = Run(request, progress)
    entries = run.execute()
    record = summary(run, entries)
    return write(room, run, record)


def refuse_seed(seed: int) -> None:
    """Refuse a seed below 0, which numpy does not take."""
    if seed < 0:
        raise UsageError(f"a seed of {seed} is below 0: give 0 or a whole number above it")


def measure(task: str, inputs: Paths, out: str | Path, **settings: Any) -> Result:
    """Measure earlier predictions or masks, without a model; the arguments are those of ``predict``."""
    return predict(task, inputs, out, from_predictions=True, **settings)


def summary(run: Run, entries: Mapping[str, Mapping[str, Any]]) -> dict[str, Any]:
    """The record of a whole run, as ``summary.json`` holds it."""
    from outcrop import __version__

    request = run.request
    models = run.ensembles.named({file for e in entries.values() for file in e.get("models", [])})
    # The first model of a set speaks for all of it; `measure` finds here what an earlier run trusted.
    first = {e["models"][0] for e in entries.values() if e.get("models")}
    trust = {
        m.path.name: {"calibration": asdict(m.card.calibration)} for m in models if m.card and m.path.name in first
    }
    return {
        "task": request.task.name,
        "outcrop": __version__,
        "created": datetime.now(UTC).isoformat(timespec="seconds"),
        "models": [
            {
                "file": m.path.name,
                "sha256": m.sha256,
                "precision": m.card.precision if m.card else "as given",
                **trust.get(m.path.name, {}),
            }
            for m in models
        ],
        "assumptions": {
            name: {
                **{key: finite(getattr(a, key)) for key in ("low", "best", "high")},
                "unit": a.unit,
                "source": a.source,
            }
            for name, a in run.given.items()
        },
        "seed": request.seed,
        "flips": request.flips,
        "threshold": request.threshold,
        "inputs": list(entries.values()),
        "refused": [{"input": e["input"], "error": e["error"]} for e in entries.values() if "error" in e],
        "warnings": sorted({f"{Path(e['input']).name}: {n}" for e in entries.values() for n in e.get("notes", [])}),
    }


def write(room: Task, run: Run, record: dict[str, Any]) -> Result:
    """Write what belongs to a whole run: extra formats, measurements.csv, report.html, and last summary.json.

    Raises:
        OutcropError: an extra format could not be made of these inputs; everything else is written before.
    """
    from outcrop.outputs.report import write_report
    from outcrop.outputs.table import write_measurements

    out = run.request.out
    good = [e for e in record["inputs"] if "error" not in e]
    result = Result(task=room.name, out=out, record=record)
    refusal = None
    stems = [e["stem"] for e in good]
    try:
        record["sections"] = [asdict(section) for section in room.finish(out, stems, run.request.settings)]
        for name in run.request.formats:
            room.formats[name](out, stems)
    except OutcropError as error:
        refusal = error
    write_measurements(out / "measurements.csv", result.measurements)
    write_report(out / "report.html", room.title, record, out)
    keep_record(record, out)
    run.journal.close()
    if refusal:
        raise refusal
    return result


def finite(value: float) -> float | None:
    """The number, or None for NaN: JSON knows no NaN, and an assumption that is not known has no value."""
    return None if isnan(value) else value


def keep_record(record: Mapping[str, Any], out: Path) -> None:
    """Write ``summary.json``, whole or not at all."""
    part = out / "summary.json.part"
    part.write_text(json.dumps(record, indent=1), encoding="utf-8")
    part.replace(out / "summary.json")
