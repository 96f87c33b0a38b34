"""What is done with finished runs and with scenes: a register compared, two dates compared, training pictures cut."""

from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np

from outcrop.core.errors import BadInput, OutputExists, UsageError
from outcrop.core.scene import Scene
from outcrop.core.task import Result
from outcrop.face.runs import Paths, keep_record, load_task, paths_of, refuse_seed
from outcrop.sources.open import Options, find, open_source


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
    keep_record(record, out)
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
    refuse_seed(seed)
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
    keep_record(record, folder)
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
    refuse_seed(seed)
    if room.samples is None:
        raise UsageError(f"the room {room.name} cuts no samples: tailings does")
    opened = [open_source(path, options or Options()) for path in find(paths_of(scenes))]
    if lost := [source.id for source in opened if not isinstance(source, Scene)]:
        raise BadInput(f"{lost[0]} is no scene: give satellite scenes")
    return room.samples(opened, Path(polygons), Path(out), rng=np.random.default_rng(seed), **settings)
