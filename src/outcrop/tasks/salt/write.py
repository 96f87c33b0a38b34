"""What a run leaves for one input: pictures beside pictures, seismic volumes beside seismic volumes."""

from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
from PIL import Image

from outcrop.core.errors import BadInput, NothingToSee
from outcrop.core.scene import Floats, ProbabilityMap
from outcrop.core.task import ProbabilityVolume, Seen
from outcrop.core.volume import Direction, Volume
from outcrop.instruments.masks import to_mask
from outcrop.outputs import replacing
from outcrop.outputs.mesh import write_ply
from outcrop.outputs.picture import NO_DATA, overlay, write_mask, write_overlay, write_png, write_probability
from outcrop.outputs.picture import grey as levels
from outcrop.outputs.rle import rle_encode
from outcrop.outputs.table import PickTable, write_bodies, write_table
from outcrop.tasks.salt.survey import SaltSurvey, body_rows

LARGE_BODY = 1000
"""Voxels from which a body gets a mesh of its own."""

MOST_MESHES = 20
"""Meshes of one volume, the largest bodies first."""


def write(seen: Seen, folder: Path, stem: str) -> list[Path]:
    """The files of one input, as ``docs/salt.md`` lists them."""
    if isinstance(seen.prediction, ProbabilityMap):
        return _picture(seen, seen.prediction, folder, stem)
    if isinstance(seen.prediction, ProbabilityVolume) and isinstance(seen.found, SaltSurvey):
        return _volume(seen, seen.found, folder, stem)
    raise BadInput(f"{stem}: salt is written from a probability map or volume, and boxes came: use a salt model")


def _picture(seen: Seen, prediction: ProbabilityMap, folder: Path, stem: str) -> list[Path]:
    values, scene = prediction.values(), prediction.scene
    trust = seen.calibration
    mask = to_mask(values, trust.threshold, trust.min_area, trust.rule)
    picture = levels(scene.read(scene.grid.whole)[0])
    return [
        *write_probability(folder, stem, prediction.classes, values),
        write_mask(folder, stem, mask),
        write_overlay(folder, stem, picture, mask),
    ]


def _volume(seen: Seen, found: SaltSurvey, folder: Path, stem: str) -> list[Path]:
    volume = seen.source
    if not isinstance(volume, Volume):
        raise BadInput(f"{stem}: a volume's prediction came with a picture: predict the volume itself")
    if volume.path is not None and volume.path.suffix.lower() == ".npy":
        files = _arrays(volume, found, folder, stem)
    else:
        files = _seismic(volume, found, folder, stem)
    files += _picks(found, folder, stem)
    files.append(write_bodies(folder / f"{stem}.bodies.csv", body_rows(list(seen.measurements))))
    return files + _meshes(found, folder, stem) + _overlays(seen, found, folder, stem)


def _note(found: SaltSurvey, what: str) -> str:
    from outcrop import __version__

    return f"{what} by outcrop {__version__}, threshold {found.bodies.threshold:.3f}"


def _probabilities(found: SaltSurvey) -> Iterator[tuple[int, Floats]]:
    for first, probability, _ in found.slabs():
        yield first, probability


def _masks(found: SaltSurvey) -> Iterator[tuple[int, Floats]]:
    """0 and 1, NaN where nothing was seen."""
    for first, probability, labels in found.slabs():
        yield first, np.where(np.isnan(probability), np.float32("nan"), labels > 0)


def _seismic(volume: Volume, found: SaltSurvey, folder: Path, stem: str) -> list[Path]:
    """Probability and mask as SEG-Y with the geometry of the input."""
    from outcrop.outputs.seismic import write_like

    probability, mask = folder / f"{stem}.probability.sgy", folder / f"{stem}.mask.sgy"
    write_like(volume, probability, _probabilities(found), note=_note(found, "Salt probability 0..1"), overwrite=True)
    write_like(volume, mask, _masks(found), note=_note(found, "Salt mask 0 or 1"), overwrite=True)
    return [probability, mask]


def _arrays(volume: Volume, found: SaltSurvey, folder: Path, stem: str) -> list[Path]:
    """Probability (float32) and mask (uint8, 255 where nothing was seen) as .npy of the shape that came in."""
    line = volume.path is not None and np.load(volume.path, mmap_mode="r").ndim == 2
    paths = []
    for kind, dtype, slabs in (("probability", np.float32, _probabilities(found)), ("mask", np.uint8, _masks(found))):
        path = folder / f"{stem}.{kind}.npy"
        with replacing(path) as part:
            stored = np.lib.format.open_memmap(part, "w+", dtype, volume.shape[:0:-1] if line else volume.shape)
            for first, values in slabs:
                if dtype is np.uint8:
                    values = np.where(np.isnan(values), np.float32(NO_DATA), values)
                if line:
                    stored[...] = values[0].T
                else:
                    stored[first : first + len(values)] = values
            stored.flush()
            del stored
        paths.append(path)
    return paths


def _picks(found: SaltSurvey, folder: Path, stem: str) -> list[Path]:
    """Top and base of salt, every one of a trace where salt overhangs."""
    top, base = folder / f"{stem}.top.csv", folder / f"{stem}.base.csv"
    with PickTable(top) as tops, PickTable(base) as bases:
        for first, probability, labels in found.slabs():
            picked = found.picks(probability, labels)
            tops.append(**found.columns(picked, first, "top"))
            bases.append(**found.columns(picked, first, "base"))
    return [top, base]


def _meshes(found: SaltSurvey, folder: Path, stem: str) -> list[Path]:
    """A closed surface of each large body, PLY; a single line has no surface."""
    files: list[Path] = []
    if min(found.volume.shape) < 2:
        return files
    for body in found.bodies.table[:MOST_MESHES]:
        if body.voxels < LARGE_BODY:
            break
        try:
            mesh = found.mesh(body.id)
        except NothingToSee:
            continue
        comments = [f"salt body {body.id} of {found.volume.id}"]
        files.append(write_ply(folder / f"{stem}.body-{body.id}.ply", mesh.vertices, mesh.faces, mesh.axes, comments))
    return files


def _overlays(seen: Seen, found: SaltSurvey, folder: Path, stem: str) -> list[Path]:
    """The line itself, or the middle inline and crossline of a volume, with the salt on it."""
    volume, prepared = found.volume, seen.prepared.source
    if not isinstance(prepared, Volume):
        return []
    wanted: list[tuple[Direction, int]] = [("inline", volume.shape[0] // 2), ("crossline", volume.shape[1] // 2)]
    if volume.is_line:
        wanted = [(volume.along, 0)]
    files = []
    for direction, position in wanted:
        name = f"{stem}.overlay.png" if len(wanted) == 1 else f"{stem}.{direction}.overlay.png"
        files.append(_overlay(prepared, found, direction, position, folder / name))
    return files


def _overlay(prepared: Volume, found: SaltSurvey, direction: Direction, position: int, path: Path) -> Path:
    section = prepared.read(direction, position, position + 1)[0].T
    probability = found.prediction.read(direction, position, position + 1)[found.plane, 0].T
    least = found.bodies.min_voxels if found.volume.is_line else 0
    mask = to_mask(probability[None], (found.bodies.threshold,), least)
    return write_png(path, Image.fromarray(overlay(levels(section), mask)))


def write_submission(folder: Path, stems: Sequence[str]) -> list[Path]:
    """``submission.csv`` of the TGS challenge from the masks in the folder: id, rle_mask."""
    rows = []
    for stem in stems:
        path = folder / f"{stem}.mask.png"
        if not path.exists():
            raise BadInput(f"{stem} is no picture: a Kaggle submission is made of pictures only")
        with Image.open(path) as image:
            rows.append({"id": stem, "rle_mask": rle_encode((np.asarray(image) == 1).astype(np.uint8))})
    return [write_table(folder / "submission.csv", ("id", "rle_mask"), rows)]
