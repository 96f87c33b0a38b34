"""What came in decides how it is measured and what it leaves: a photo, a film's log, a satellite table or scene."""

import json
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np

from outcrop.core.calibration import Calibration
from outcrop.core.errors import BadInput
from outcrop.core.estimate import Assumption
from outcrop.core.scene import Detections, Scene
from outcrop.core.table import Table
from outcrop.core.task import Measurement, Seen, Watched
from outcrop.outputs import replacing
from outcrop.outputs.table import write_table
from outcrop.tasks.flares.options import FlareOptions
from outcrop.tasks.flares.space.swir import SENSORS

RECORDS = ".records.json"
"""Ending of the file that holds the export records of a table, and its part of the report."""


def is_plain(source: object) -> bool:
    """Whether a source is measured as it is, without a model: a table, or a scene with short-wave infrared bands."""
    if isinstance(source, Scene):
        return any(set(sensor.bands) <= set(source.bands) for sensor in SENSORS.values())
    return isinstance(source, Table)


def measure(
    prediction: Any, given: Mapping[str, Assumption], calibration: Calibration, rng: np.random.Generator, options: FlareOptions
) -> tuple[list[Measurement], Any]:  # fmt: skip
    """Measurements, and what was found on the way.

    Raises:
        BadInput: a mask or map of an earlier run, which has lost what the photo shows.
    """
    if isinstance(prediction, Detections):
        from outcrop.tasks.flares.measure import measure_photo

        return measure_photo(prediction, given, options, calibration, rng)
    if isinstance(prediction, Watched):
        from outcrop.tasks.flares.films import measure_film

        return measure_film(prediction, given, options, rng)
    if isinstance(prediction, Table):
        from outcrop.tasks.flares.tables import measure_table

        return measure_table(prediction, given, options, rng)
    if isinstance(prediction, Scene):
        from outcrop.tasks.flares.hotspots import measure_hotspots

        return measure_hotspots(prediction, given, options, rng)
    raise BadInput(
        "flares are measured in photos, not in their masks: run `outcrop predict flares` on the photos again"
    )


def write(seen: Seen, folder: Path, stem: str) -> list[Path]:
    """The files of one input."""
    if isinstance(seen.prediction, Detections):
        from outcrop.tasks.flares.write import write_photo

        return write_photo(seen, folder, stem)
    if isinstance(seen.prediction, Watched):
        from outcrop.tasks.flares.films import write_film

        return write_film(seen, folder, stem)
    return _write_space(seen, folder, stem)


def _write_space(seen: Seen, folder: Path, stem: str) -> list[Path]:
    """Tables as CSV, places as GeoJSON, and the records that forms are made of."""
    found = seen.found
    files = [write_table(folder / f"{stem}.{name}", columns, rows) for name, (columns, rows) in found.tables.items()]
    if found.points:
        files.append(_json(folder / f"{stem}.geojson", {"type": "FeatureCollection", "features": list(found.points)}))
    files.append(_json(folder / f"{stem}{RECORDS}", {"records": list(found.records), "section": asdict(found.section)}))
    return files


def _json(path: Path, content: Mapping[str, Any]) -> Path:
    with replacing(path) as part:
        part.write_text(json.dumps(content, ensure_ascii=False) + "\n", encoding="utf-8")
    return path
