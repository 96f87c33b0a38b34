"""What belongs to a whole run over flares: ``detections.json``, the site's own line, what costs how much, forms."""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from outcrop.core.errors import BadInput
from outcrop.core.task import Section
from outcrop.outputs import replacing
from outcrop.outputs.boxes import write_coco
from outcrop.outputs.table import write_table
from outcrop.tasks.flares.gas.calibration import SiteCalibration, fit
from outcrop.tasks.flares.gas.forms import write_form
from outcrop.tasks.flares.gas.meter import matched, read_meter
from outcrop.tasks.flares.options import FlareOptions
from outcrop.tasks.flares.seen import RECORDS
from outcrop.tasks.flares.write import read_parts

CLASSES = ("flame", "smoke")

OWN = ("record", "costs", "sizes", "flow")
"""What a part holds beside COCO's words."""


def finish(folder: Path, stems: Sequence[str], options: FlareOptions) -> list[Section]:
    """Write ``detections.json``, and ``calibration.json`` and ``calibration.csv`` where readings were given."""
    parts = read_parts(folder, stems)
    sections = []
    if parts:
        plain = [{key: value for key, value in part.items() if key not in OWN} for part in parts.values()]
        names = [part["file_name"] for part in plain]
        twice = {name for name in names if names.count(name) > 1}
        for stem, part in zip(parts, plain, strict=True):
            if part["file_name"] in twice:
                part["file_name"] = f"{stem}/{part['file_name']}"
        write_coco(folder / "detections.json", plain, CLASSES)
    if options.meter is not None:
        sections.append(_site(folder, parts, options))
    sections += [Section(**_tuples(kept["section"])) for kept in _space(folder, stems).values() if kept["section"]]
    if costs := next((part["costs"] for part in parts.values() if part["costs"]), None):
        sections.append(_costs(costs, next(stem for stem, part in parts.items() if part["costs"])))
    return sections


def _space(folder: Path, stems: Sequence[str]) -> dict[str, dict[str, Any]]:
    """Records and sections of tables and scenes, by stem."""
    paths = {stem: folder / f"{stem}{RECORDS}" for stem in stems}
    return {stem: json.loads(path.read_text(encoding="utf-8")) for stem, path in paths.items() if path.is_file()}


def _tuples(section: Mapping[str, Any]) -> dict[str, Any]:
    """A section from JSON, its lists as tuples."""
    return {
        **section, "text": tuple(section["text"]), "columns": tuple(section["columns"]), "rows": tuple(map(tuple, section["rows"])),
        "facts": tuple((what, value) for what, value in section["facts"]), "files": tuple(section["files"]),
    }  # fmt: skip


def _site(folder: Path, parts: Mapping[str, Mapping[str, Any]], options: FlareOptions) -> Section:
    """The site's own line, fitted to the photos that have a reading and judged by leaving one out."""
    if options.meter is None:
        raise TypeError("a file of readings is wanted")
    readings = read_meter(options.meter, reference=options.reference, unit=options.meter_unit)
    with_flame = {stem: part for stem, part in parts.items() if part["sizes"]}
    pairs, notes = matched(readings, list(with_flame))
    if not pairs:
        raise BadInput(
            f"no reading of {options.meter.name} belongs to a photo with a flame: name the photos in its column 'image'"
        )
    flows = [pairs[stem].flow for stem in pairs]
    before = [with_flame[stem]["flow"] for stem in pairs]
    known = [float(b) for b in before if b is not None]
    lines = {
        kind: fit(
            [with_flame[stem]["sizes"][kind] for stem in pairs], flows, kind=kind, unit=unit, reference=options.reference,  # type: ignore[arg-type]
            before=known if len(known) == len(flows) else None,
        )
        for kind, unit in (("area", "px²"), ("length", "px"))
    }  # fmt: skip
    best = min(lines.values(), key=lambda line: line.score.mae if line.score else np.inf)
    with replacing(folder / "calibration.json") as held:
        held.write_text(best.to_json(), encoding="utf-8")
    rows = [
        {"image": stem, "meter": pairs[stem].flow, "size": with_flame[stem]["sizes"][best.kind], "physics": with_flame[stem]["flow"]}
        for stem in pairs
    ]  # fmt: skip
    write_table(folder / "calibration.csv", ("image", "meter", "size", "physics"), rows)
    return Section(
        title="The site's own line",
        text=(
            (
                f"Gas flow = a · size^b, fitted to {best.readings} photos with a meter reading, by the flames' {best.kind} in pixels: it holds "
                "for this camera, this place of it and this zoom. Errors are of readings that were left out of the fit."
            ),
            *notes,
        ),
        facts=_line_facts(best),
        files=("calibration.json", "calibration.csv"),
    )


def _line_facts(line: SiteCalibration) -> tuple[tuple[str, str], ...]:
    facts = [("exponent b (prior: 1.05 of an area, 2.09 of a length)", f"{line.b:.2f}")]
    if line.score:
        unit = "thousand m³/day"
        facts += [
            ("mean absolute error", f"{line.score.mae:.3g} {unit}"), ("root mean square error", f"{line.score.rmse:.3g} {unit}"),
            ("mean absolute error of the mean reading", f"{line.score.mean_mae:.3g} {unit}"),
            ("root mean square error of the mean reading", f"{line.score.mean_rmse:.3g} {unit}"),
            ("readings within their 90 % interval", f"{100 * line.score.covered:.0f} %"),
        ]  # fmt: skip
        if line.score.before_mae is not None:
            facts.append(("mean absolute error without the meter", f"{line.score.before_mae:.3g} {unit}"))
    return tuple(facts)


def _costs(costs: Sequence[Mapping[str, Any]], stem: str) -> Section:
    """Which input costs how much of the interval, for the first photo with a scale."""
    return Section(
        title="What the interval rests on",
        text=(
            (
                f"Share of the variance of the logarithm of the gas flow that each input causes alone, in {stem}. The factor is the half-width "
                "of the 90 % interval that it would leave if nothing else were unsure."
            ),
        ),
        columns=("input", "share", "factor"),
        rows=tuple((str(c["words"]), f"{round(100 * c['share'])} %", f"{c['factor']:.2f}") for c in costs),
    )


def write_forms(folder: Path, stems: Sequence[str], preset: str) -> list[Path]:
    """``<preset>.csv`` and ``<preset>.xlsx``: one row for each photo or site of the run.

    Raises:
        BadInput: nothing in the run can be put into a form.
    """
    records = [
        {**part["record"], "stack_id": part["record"]["stack_id"] or stem}
        for stem, part in read_parts(folder, stems).items()
    ]
    records += [record for kept in _space(folder, stems).values() for record in kept["records"]]
    if not records:
        raise BadInput(
            f"{folder} holds no photo or site that the form {preset} could tell of: predict photos, or measure a table"
        )
    return [write_form(records, preset, folder / f"{preset}.{kind}") for kind in ("csv", "xlsx")]
