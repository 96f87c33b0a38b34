"""What a photo leaves in the folder of results: probabilities, mask, overlay, and its part of ``detections.json``."""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from outcrop.core.scene import Detections, Scene
from outcrop.core.task import Seen
from outcrop.outputs import replacing
from outcrop.outputs.box_overlay import picture_of, write_box_overlay
from outcrop.outputs.boxes import detections_part
from outcrop.outputs.picture import NO_DATA, write_mask, write_probability
from outcrop.tasks.flares.measure import FLAME, FlareFound

PART = ".detections.json"
"""Ending of the file that holds one photo's detections and record; all together make ``detections.json``."""


def write_photo(seen: Seen, folder: Path, stem: str) -> list[Path]:
    """Files of one photo, all of the photo's own size."""
    found, kept = seen.prediction, seen.found
    if not isinstance(found, Detections) or not isinstance(kept, FlareFound) or not isinstance(seen.source, Scene):
        raise TypeError(f"{stem}: detections of a photo are wanted")
    scene = seen.prepared.source
    name = seen.path.name if seen.path else f"{stem}.png"
    part = {**detections_part(found, name, list(kept.about)), "record": dict(kept.record), "costs": list(kept.costs),
            "sizes": dict(kept.sizes), "flow": kept.flow}  # fmt: skip
    picture = picture_of(scene.read(scene.grid.whole)) if isinstance(scene, Scene) else np.zeros((1, 1, 3), np.uint8)
    files = [
        write_mask(folder, stem, class_mask(found)),
        write_box_overlay(folder, stem, picture, found),
        write_part(folder, stem, part),
    ]
    if found.map is not None:
        files += write_probability(folder, stem, found.map.classes, found.map.values())
    return files


def class_mask(found: Detections) -> NDArray[np.uint8]:
    """0 background, 1.. class index, 255 no data, (rows, cols); a flame lies before smoke."""
    mask = np.zeros(found.scene.grid.shape, np.uint8)
    order = sorted(range(len(found.outlines)), key=lambda place: found.classes[found.labels[place]] == FLAME)
    for place in order:
        outlined = found.outlines[place]
        mask[outlined.window.slices][outlined.inside] = int(found.labels[place]) + 1
    mask[np.isnan(found.scene.read(found.scene.grid.whole)).all(axis=0)] = NO_DATA
    return mask


def write_part(folder: Path, stem: str, part: Mapping[str, Any]) -> Path:
    """``<stem>.detections.json``: one photo's detections, measurements beside them, and its export record."""
    path = folder / f"{stem}{PART}"
    with replacing(path) as held:
        held.write_text(json.dumps(part, ensure_ascii=False) + "\n", encoding="utf-8")
    return path


def read_parts(folder: Path, stems: Sequence[str]) -> dict[str, dict[str, Any]]:
    """The parts of a run by stem; inputs that were no photos have none."""
    paths = {stem: folder / f"{stem}{PART}" for stem in stems}
    return {stem: json.loads(path.read_text(encoding="utf-8")) for stem, path in paths.items() if path.is_file()}
