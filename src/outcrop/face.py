"""The Python door: the same verbs and words as the command line."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from datetime import UTC, datetime
from math import isfinite
from pathlib import Path
from typing import Any, Literal

import numpy as np

from outcrop import tasks
from outcrop.core.errors import BadInput, OutcropError, OutputExists, UsageError
from outcrop.core.estimate import Assumption
from outcrop.core.scene import Scene
from outcrop.core.task import Result, Task
from outcrop.engine.run import Progress, Request, Run
from outcrop.sources.open import Options, find, open_source

Paths = str | Path | Sequence[str | Path]


def load_task(name: str) -> Task:
    """The task of a room.

    Raises:
        UnknownTask: there is no such room.
    """
    return tasks.load(name)


def _paths(inputs: Paths) -> tuple[Path, ...]:
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
    _refuse_seed(seed)
    request = Request(
        task=room, inputs=_paths(inputs), out=Path(out), models=tuple(str(m) for m in models),
        assume=assumptions(room, assume or {}), threshold=threshold, flips=flips, engine=engine, formats=tuple(formats),
        options=options or Options(), overwrite=overwrite, resume=resume, seed=seed, from_predictions=from_predictions, no_area=no_area,
        settings=settings or {},
    )  # fmt: skip
    run = Run(request, progress)
    entries = run.execute()
    record = summary(run, entries)
    return write(room, run, record)


def _refuse_seed(seed: int) -> None:
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
    trust = {m.path.name: {"calibration": asdict(m.card.calibration)} for m in models if m.path.name in first}
    return {
        "task": request.task.name,
        "outcrop": __version__,
        "created": datetime.now(UTC).isoformat(timespec="seconds"),
        "models": [
            {"file": m.path.name, "sha256": m.sha256, "precision": m.card.precision, **trust.get(m.path.name, {})}
            for m in models
        ],
        "assumptions": {
            name: {"low": a.low, "best": a.best, "high": a.high, "unit": a.unit, "source": a.source}
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
    _keep(record, out)
    run.journal.close()
    if refusal:
        raise refusal
    return result


def _keep(record: Mapping[str, Any], out: Path) -> None:
    """Write ``summary.json``, whole or not at all."""
    part = out / "summary.json.part"
    part.write_text(json.dumps(record, indent=1), encoding="utf-8")
    part.replace(out / "summary.json")


def audit(run: str | Path, **settings: str) -> Result:
    """Do anew what a room does with a whole run, by other settings: with ``registry``, compare deposits with a register.

    The run's summary and report get the outcome in place of an earlier one.

    Raises:
        BadInput: no finished run is there.
        UsageError: a setting that the room does not take.
    """
    from outcrop.outputs.report import read_record, write_report

    out = Path(run)
    record = read_record(out / "summary.json")
    room = load_task(record["task"])
    if foreign := [name for name in settings if name not in room.settings]:
        known = ", ".join(room.settings) or "none"
        raise UsageError(f"the room {room.name} takes no setting {foreign[0]!r}: it knows {known}")
    stems = [entry["stem"] for entry in record["inputs"] if "error" not in entry]
    record["sections"] = [asdict(section) for section in room.finish(out, stems, settings)]
    write_report(out / "report.html", room.title, record, out)
    _keep(record, out)
    return Result(task=room.name, out=out, record=record)


def change(
    before: str | Path,
    after: str | Path,
    out: str | Path,
    *,
    task: str = "tailings",
    seed: int = 0,
    overwrite: bool = False,
    **settings: str,
) -> Result:
    """What changed between two runs: a table and a report in one folder.

    Args:
        before, after: folders of finished runs, or their layers.
        settings: of the room's comparison, e.g. ``shared_edge="0.5"``.

    Raises:
        UsageError: the room cannot compare dates, or takes no such setting.
        OutputExists: ``out`` holds files and ``overwrite`` is not set.
    """
    from outcrop import __version__
    from outcrop.outputs.report import write_report

    room, folder = load_task(task), Path(out)
    _refuse_seed(seed)
    if room.compare is None:
        raise UsageError(f"the room {room.name} does not compare dates: tailings does")
    if folder.exists() and (not folder.is_dir() or (any(folder.iterdir()) and not overwrite)):
        raise OutputExists(f"{folder} holds other files; give another --out, or --overwrite to write into it")
    folder.mkdir(parents=True, exist_ok=True)
    sections = room.compare(Path(before), Path(after), folder, settings, np.random.default_rng(seed))
    record = {
        "task": room.name, "outcrop": __version__, "created": datetime.now(UTC).isoformat(timespec="seconds"),
        "before": str(before), "after": str(after), "settings": settings, "seed": seed, "models": [], "assumptions": {},
        "inputs": [], "refused": [], "warnings": [], "sections": [asdict(section) for section in sections],
    }  # fmt: skip
    write_report(folder / "report.html", f"{room.title}: change", record, folder)
    _keep(record, folder)
    return Result(task=room.name, out=folder, record=record)


def samples(
    task: str,
    polygons: str | Path,
    scenes: Paths,
    out: str | Path,
    *,
    options: Options | None = None,
    seed: int = 0,
    **settings: Any,
) -> list[Path]:
    """Cut training pictures and masks from scenes and a file of outlines; see the room's ``samples``.

    Raises:
        UsageError: the room makes no samples.
        BadInput: an input is no scene.
    """
    room = load_task(task)
    _refuse_seed(seed)
    if room.samples is None:
        raise UsageError(f"the room {room.name} cuts no samples: tailings does")
    opened = [open_source(path, options or Options()) for path in find(_paths(scenes))]
    if lost := [source.id for source in opened if not isinstance(source, Scene)]:
        raise BadInput(f"{lost[0]} is no scene: give satellite scenes")
    return room.samples(opened, Path(polygons), Path(out), rng=np.random.default_rng(seed), **settings)


def draw(task: str, out: str | Path, *, seed: int = 0, overwrite: bool = False, **settings: Any) -> list[Path]:
    """Draw a made-up example with known truth and write it with its mask and ``truth.json``.

    Raises:
        UsageError: a setting that is not known.
        OutputExists: a file of that name is there and ``overwrite`` is not set.
    """
    room = load_task(task)
    _refuse_seed(seed)
    return room.draw_files(Path(out), np.random.default_rng(seed), seed=seed, overwrite=overwrite, **settings)


def train(task: str, data: str | Path, out: str | Path, **settings: Any) -> Path:
    """Train a recipe of a room; see ``outcrop.engine.learn.train``. Needs the extra ``learn``."""
    from outcrop.engine.learn import train as run

    return run(load_task(task), Path(data), Path(out), **settings)


def evaluate(task: str, data: str | Path, out: str | Path, **settings: Any) -> Any:
    """Judge a model on data it never saw; see ``outcrop.engine.assess.assess``."""
    from outcrop.engine.assess import assess

    return assess(load_task(task), Path(data), Path(out), **settings)
