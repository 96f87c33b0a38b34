"""From predicted salt to quantities: share, area, volume, bodies and their crests, each with its interval.

A number of voxels becomes m³ by voxel area × thickness. Along depth the thickness is the sample step; along two-way
time it is velocity × time / 2, with the velocity of salt as an assumption. Four things make the interval: the
outline (within half a voxel, in one sense for the whole survey), what only one of the two directions saw (in one
sense too), the velocity, and the model's own error as measured on examples it never saw. All bodies share the
draws, so they add up to the total draw by draw.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

import numpy as np
from numpy.typing import NDArray

from outcrop.core.errors import NothingToSee, UsageError, WrongUnit
from outcrop.core.estimate import DRAWS, Assumption, Estimate
from outcrop.core.grid import Axis
from outcrop.core.scene import Detections, ProbabilityMap
from outcrop.core.task import Calibration, ErrorTable, Measurement, ModelError, ProbabilityVolume
from outcrop.core.volume import Volume
from outcrop.instruments.area import counts, share_of, shifts, smooth_size
from outcrop.instruments.bodies import Bodies, Body
from outcrop.tasks.salt.survey import SaltSurvey, body_facts, survey, survey_picture
from outcrop.tasks.salt.thickness import ASSUMPTIONS, TIMES, metres

Reals = NDArray[np.float64]

ERRORS = MappingProxyType(
    {
        "salt volume": ("volume",),
        "salt thickness volume": ("thickness volume", "volume"),
        "salt area": ("area", "share", "volume"),
        "salt share": ("share", "area", "volume"),
    }
)
"""Measurement → the model errors that speak about it, the nearest first."""

COUNTED = "sample"
"""Unit of a vertical axis that nobody named: samples are counted."""

WITHOUT_SPACING = ("salt thickness volume", "m·trace")
UNMEASURED = "The model's own error was never measured and is not in the interval."
CREST = ("body", "crest_inline", "crest_crossline", "crest_x", "crest_y")

SHARE_TABLE = "share table"
"""Key of the table of the true share by the measured one, learnt on held-out pictures or sections."""

WIDTH_TABLE = "volume by width"
"""Key of the table of ln(true / measured) by the ``log_width`` of the interval without it, learnt on drawn volumes.

An interval that is wide already, because the directions disagree or the outline is long, errs more; so the model's
own error is looked up by that width (normalised conformal prediction, Papadopoulos et al. 2008).
"""

MOST_BODIES = 200
"""Bodies that get a measurement of their own; smaller ones are in the total only."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Luck:
    """Draws that everything measured in one survey shares, (DRAWS,) each.

    Attributes:
        shift: how far the outline lies outside where it was drawn, in voxels.
        dispute: -1 to 1: below 0 the part of disputed voxels that is taken away, above 0 that is added.
        factor: the model's own error; 1 where it was never measured.
        cell: size of one voxel, in the unit of the measurement.
    """

    shift: Reals
    dispute: Reals
    factor: Reals
    cell: Reals

    def size(self, voxels: float, faces: tuple[int, int, int], inner: int, outer: int) -> Reals:
        """Draws of the size of something with so many voxels and faces, and so many disputed voxels in and out."""
        disputed = self.dispute * np.where(self.dispute > 0, outer, inner)
        return counts(voxels + disputed, smooth_size(faces), self.shift) * self.factor * self.cell


def measure(
    prediction: ProbabilityMap | ProbabilityVolume | Detections,
    given: Mapping[str, Assumption],
    calibration: Calibration,
    rng: np.random.Generator,
    *,
    found: SaltSurvey | None = None,
) -> list[Measurement]:
    """Everything that can be said about the salt in one picture, section or volume.

    Args:
        given: "salt velocity", used along two-way time; ``ASSUMPTIONS`` where it is missing.
        found: what ``survey`` gave for this volume, when it is there already.

    Raises:
        NothingToSee: every pixel is missing.
        WrongUnit: the velocity or the vertical axis is in a unit that is not known.
        UsageError: boxes came, where salt needs a probability map.
    """
    if isinstance(prediction, ProbabilityMap):
        return _measure_picture(prediction, {**ASSUMPTIONS, **given}, calibration, rng)
    if isinstance(prediction, ProbabilityVolume):
        seen = found or survey(prediction, calibration)
        return _measure_volume(seen, {**ASSUMPTIONS, **given}, calibration, rng)
    raise UsageError("salt is measured from a probability map or volume, and boxes came: use a salt model")


def log_width(draws: Reals) -> float:
    """ln(95 % quantile / 5 % quantile) of a positive quantity: how wide its interval is before the model's own error."""
    low, high = np.quantile(draws, [0.05, 0.95])
    return float(np.log(max(high, 1e-9) / max(low, 1e-9)))


def _measure_volume(
    found: SaltSurvey, given: Mapping[str, Assumption], calibration: Calibration, rng: np.random.Generator
) -> list[Measurement]:
    volume, bodies = found.volume, found.bodies
    _refuse_unseen(bodies.observed, volume.id)
    cell, name, unit = _voxel(volume, given, rng)
    learnt = _learnt(found, calibration)
    error = None if learnt else _model_error(calibration, name)
    luck = _luck(cell, error, rng)
    about: dict[str, Any] = {"bodies": len(bodies.table), "voxels": bodies.voxels}
    if notes := (*found.notes, *_notes(volume, measured=bool(learnt or error))):
        about["note"] = " ".join(notes)
    total, residual = _total(bodies, luck, rng), np.ones(DRAWS)
    if learnt and volume.is_line:
        total = bodies.observed * cell * learnt.draw(bodies.voxels / bodies.observed, rng, DRAWS)
        residual = total / max(float(np.median(total)), 1e-30)
    elif learnt:
        residual = np.exp(learnt.draw(log_width(total), rng, DRAWS)) * cell / np.median(cell)
        total = np.median(total) * residual
    share = share_of(total / cell, bodies.observed)
    method = _method(volume.vertical, unit)
    result = [
        Measurement(name=name, estimate=Estimate(draws=total, unit=unit), method=method, about=about),
        Measurement(name="salt share", estimate=share, method="voxels of salt / voxels seen", about=about),
    ]
    if not bodies.table:
        return result
    pick_error = rng.normal(0.0, found.pick_error, DRAWS)
    highest = min(bodies.table, key=lambda body: body.crest[2])
    result.append(_crest(highest, volume, luck, pick_error))
    body_name = name.replace("salt ", "salt body ")
    for body in bodies.table[:MOST_BODIES]:
        draws = luck.size(body.voxels, body.faces, body.disputed, body.disputed)
        if learnt:
            draws = np.median(draws) * residual
        facts = body_facts(body, volume)
        result.append(
            Measurement(name=body_name, estimate=Estimate(draws=draws, unit=unit), method=method, about=facts)
        )
    return result


def _measure_picture(
    prediction: ProbabilityMap, given: Mapping[str, Assumption], calibration: Calibration, rng: np.random.Generator
) -> list[Measurement]:
    bodies = survey_picture(prediction, calibration)
    _refuse_unseen(bodies.observed, prediction.scene.id)
    table = calibration.errors.get(SHARE_TABLE)
    error = None if isinstance(table, ErrorTable) else _model_error(calibration, "salt share")
    luck = _luck(np.ones(DRAWS), error, rng)
    if isinstance(table, ErrorTable):
        pixels = bodies.observed * table.draw(bodies.voxels / bodies.observed, rng, DRAWS)
    else:
        pixels = _total(bodies, luck, rng)
    about: dict[str, Any] = {"bodies": len(bodies.table), "pixels": bodies.voxels}
    notes = [] if error or table else [UNMEASURED]
    grid = prediction.scene.grid
    try:
        cell = abs(grid.transform.determinant) * metres(grid.axes[0], given, rng) * metres(grid.axes[1], given, rng)
    except WrongUnit as reason:
        if grid.axes[0].unit != "px":  # of a plain picture nobody expects an area
            notes.append(f"No area: {reason}.")
        area = []
    else:
        area = [
            Measurement(
                name="salt area",
                estimate=Estimate(draws=pixels * cell, unit="m²"),
                method=_method(grid.axes[1], "m²"),
                about=about,
            )
        ]
    if notes:
        about["note"] = " ".join(notes)
    share = Measurement(
        name="salt share",
        estimate=share_of(pixels, bodies.observed),
        method="pixels of salt / pixels seen",
        about=about,
    )
    return [share, *area, *_largest(bodies, luck)]


def _largest(bodies: Bodies, luck: Luck) -> list[Measurement]:
    if not bodies.table:
        return []
    body = bodies.table[0]
    draws = luck.size(body.voxels, body.faces, body.disputed, body.disputed)
    facts = {
        "body": body.id,
        "pixels": body.voxels,
        "mean_probability": body.mean_probability,
        "touches_edge": body.touches_edge,
    }
    estimate = share_of(draws, bodies.observed)
    return [Measurement(name="largest salt body", estimate=estimate, method="pixels / pixels seen", about=facts)]


def _total(bodies: Bodies, luck: Luck, rng: np.random.Generator) -> Reals:
    """All bodies together; with none, zero and what may have been missed.

    Missed may be everything that was doubtful (half the threshold or more, one direction alone, bodies left out), and
    at least the smallest area that would have been reported. Zero stays the median.
    """
    if not bodies.table:
        missed = max(bodies.doubtful + bodies.above, bodies.min_voxels, 1)
        return missed * np.clip(rng.uniform(-1.2, 1.0, DRAWS), 0.0, None) * luck.factor * luck.cell
    faces = np.sum([body.faces for body in bodies.table], axis=0)
    inner = sum(body.disputed for body in bodies.table)
    return luck.size(bodies.voxels, (faces[0], faces[1], faces[2]), inner, bodies.disputed_outside)


def _learnt(found: SaltSurvey, calibration: Calibration) -> ErrorTable | None:
    """The table that speaks of this survey: by share for a line, by width for a volume with bodies."""
    line = found.volume.is_line
    table = calibration.errors.get(SHARE_TABLE if line else WIDTH_TABLE)
    return table if isinstance(table, ErrorTable) and (line or found.bodies.table) else None


def _luck(cell: Reals, error: ModelError | None, rng: np.random.Generator) -> Luck:
    factor = np.ones(DRAWS) if error is None else error.draw(rng, DRAWS)
    return Luck(shift=shifts(rng), dispute=rng.uniform(-1.0, 1.0, DRAWS), factor=factor, cell=cell)


def _model_error(calibration: Calibration, name: str) -> ModelError | None:
    keys = (name, *ERRORS[name])
    found = (calibration.errors.get(key) for key in keys)
    return next((error for error in found if isinstance(error, ModelError)), None)


def _voxel(volume: Volume, given: Mapping[str, Assumption], rng: np.random.Generator) -> tuple[Reals, str, str]:
    """(size of one voxel, name of the total, its unit): m³, m² along a line, or m × traces without a spacing."""
    if volume.vertical.unit == COUNTED:
        return np.ones(DRAWS), WITHOUT_SPACING[0], f"{COUNTED}·trace"
    thickness = volume.sample_step * metres(volume.vertical, given, rng)
    if volume.is_line:
        along = volume.trace_spacing
        return (thickness * along, "salt area", "m²") if along else (thickness, *WITHOUT_SPACING)
    try:
        return thickness * volume.cell_area(), "salt volume", "m³"
    except WrongUnit:
        return thickness, *WITHOUT_SPACING


def _notes(volume: Volume, *, measured: bool) -> list[str]:
    notes = [] if measured else [UNMEASURED]
    known = volume.trace_spacing if volume.is_line else all(volume.spacing)
    if volume.vertical.unit == COUNTED:
        return [
            *notes,
            "The vertical axis is not named, so samples are counted: give --vertical and --sample-interval.",
        ]
    if not known:
        notes.append(
            "The distance between traces is unknown, so this is thickness summed over traces: multiply by the map area "
            "of one trace, or give it with --spacing."
        )
    return notes


def _method(vertical: Axis, unit: str) -> str:
    if vertical.unit == COUNTED:
        return "connected salt above the threshold, samples counted"
    thickness = "salt velocity × two-way time / 2" if vertical.unit in TIMES else "depth"
    across = {"m³": "map area of a trace", "m²": "distance along the line"}.get(unit, "traces")
    return f"connected salt above the threshold, {across} × thickness from {thickness}"


def _refuse_unseen(observed: int, name: str) -> None:
    if not observed:
        raise NothingToSee(f"{name} holds no pixel that was seen, and one at least is needed: leave it out")


def _crest(body: Body, volume: Volume, luck: Luck, pick_error: Reals) -> Measurement:
    """The shallowest point of the survey: a body drawn too small has its crest too deep, by the same shift."""
    samples = body.crest[2] - luck.shift + pick_error
    draws = volume.first_sample + volume.sample_step * samples
    facts = {key: value for key, value in body_facts(body, volume).items() if key in CREST}
    estimate = Estimate(draws=draws, unit=volume.vertical.unit)
    return Measurement(name="salt crest", estimate=estimate, method="shallowest crossing of the threshold", about=facts)
