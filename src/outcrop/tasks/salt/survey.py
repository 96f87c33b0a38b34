"""One pass over a predicted volume, and what later passes need: bodies, picks and surfaces without counting again."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from outcrop.core.errors import UsageError
from outcrop.core.scene import Floats, ProbabilityMap
from outcrop.core.task import Calibration, Measurement, ModelError, ProbabilityVolume
from outcrop.core.volume import Volume
from outcrop.instruments.bodies import Bodies, Body, BodyFinder
from outcrop.instruments.horizons import Picks, picks
from outcrop.instruments.mesh import MOST, Mesh, gather, lines_of, place, surface

SLAB = 4_000_000
"""Voxels read at a time: about 16 MB of probabilities, some 150 MB with all that is counted on them."""

SPECK = 100
"""Voxels below which a body of a volume is not believed: a few samples on a few traces."""

PICK_ERROR = "pick"
"""Key of the model error whose ``spread`` is the standard deviation of picks, in samples."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class SaltSurvey:
    """The salt of one volume.

    Attributes:
        plane: which class of the prediction is salt.
        bodies: totals and the table of bodies.
        pick_error: standard deviation of the model's picks, in samples; 0 where it was never measured.
        notes: what a reader of the numbers must know, one sentence each.
    """

    prediction: ProbabilityVolume
    plane: int
    bodies: Bodies
    pick_error: float = 0.0
    notes: tuple[str, ...] = ()

    @property
    def volume(self) -> Volume:
        """Where the traces lie."""
        return self.prediction.volume

    def read(self, start: int, stop: int) -> Floats:
        """Probability of salt on these inlines, (inlines, crosslines, samples)."""
        return np.asarray(self.prediction.read("inline", start, stop)[self.plane])

    def slabs(self) -> Iterator[tuple[int, Floats, NDArray[np.int32]]]:
        """The second pass: (first inline, probability, body of every voxel; 0 outside and in bodies left out)."""
        return self.bodies.walk(self.read)

    def picks(self, probability: Floats, labels: NDArray[np.int32], *, min_samples: int = 1) -> Picks:
        """Tops and bases of the kept bodies in one slab of ``slabs``."""
        return picks(
            probability,
            self.bodies.threshold,
            inside=labels > 0,
            min_samples=min_samples,
            pick_error=self.pick_error,
        )

    def columns(self, found: Picks, first: int, side: Literal["top", "base"]) -> dict[str, Any]:
        """The table of tops or bases of one slab: labels, map positions, and the vertical axis in its unit.

        Args:
            found: picks of the slab that begins at inline position ``first``.
        """
        volume, line, trace = self.volume, found.line + first, found.trace

        def depth(name: str) -> NDArray[np.float64]:
            return np.asarray(volume.first_sample + volume.sample_step * getattr(found, name))

        return {
            "inline": volume.inlines[line],
            "crossline": volume.crosslines[trace],
            "x": None if volume.x is None else volume.x[line, trace],
            "y": None if volume.y is None else volume.y[line, trace],
            "value": depth(side),
            "unit": volume.vertical.unit,
            "p10": depth(f"{side}_p10"),
            "p90": depth(f"{side}_p90"),
        }

    def mesh(self, body: int, most: int = MOST) -> Mesh:
        """The closed surface of one body in the world; boxes above ``most`` voxels are thinned.

        Raises:
            UsageError: there is no such body.
            NothingToSee: the body is thinner than a cell after thinning.
        """
        if not 1 <= body <= len(self.bodies.table):
            raise UsageError(f"there is no body {body}: choose 1 to {len(self.bodies.table)}")
        box, volume = self.bodies.table[body - 1], self.volume
        slabs = self.bodies.walk(self.read, lines_of(box.start, box.stop, most))
        cells, stride = gather(slabs, body, box.start, box.stop, threshold=self.bodies.threshold, most=most)
        return place(
            surface(cells, box.start, stride),
            inlines=volume.inlines,
            crosslines=volume.crosslines,
            vertical=(volume.vertical.name, volume.vertical.unit),
            first_sample=volume.first_sample,
            sample_step=volume.sample_step,
            x=volume.x,
            y=volume.y,
        )


def body_facts(body: Body, volume: Volume) -> dict[str, Any]:
    """What the table of bodies says about one body beside its volume; labels, metres and the vertical unit."""
    line, trace, sample = body.crest
    lines, traces = body.stop[0] - body.start[0], body.stop[1] - body.start[1]
    across, along = volume.spacing
    metric = bool(volume.trace_spacing) if volume.is_line else bool(across and along)
    return {
        "body": body.id,
        "voxels": body.voxels,
        "crest": float(volume.first_sample + volume.sample_step * sample),
        "crest_unit": volume.vertical.unit,
        "crest_inline": int(volume.inlines[line]),
        "crest_crossline": int(volume.crosslines[trace]),
        "crest_x": _known(volume.x, line, trace),
        "crest_y": _known(volume.y, line, trace),
        "base": float(volume.first_sample + volume.sample_step * body.deepest[2]),
        "inline_first": int(volume.inlines[body.start[0]]),
        "inline_last": int(volume.inlines[body.stop[0] - 1]),
        "crossline_first": int(volume.crosslines[body.start[1]]),
        "crossline_last": int(volume.crosslines[body.stop[1] - 1]),
        "extent_across_inlines": lines * (across or 1.0) if metric else lines,
        "extent_across_crosslines": traces * (along or 1.0) if metric else traces,
        "extent_unit": "m" if metric else "line",
        "mean_probability": body.mean_probability,
        "touches_edge": body.touches_edge,
    }


def _known(places: NDArray[np.float64] | None, line: int, trace: int) -> float | None:
    """A map coordinate, None where the survey does not know it."""
    return None if places is None or not np.isfinite(places[line, trace]) else float(places[line, trace])


def body_rows(measurements: list[Measurement]) -> list[dict[str, Any]]:
    """One row per body for the table of bodies, from what ``measure`` gave; the volume is empty without m³."""
    rows = []
    for each in measurements:
        if "body" in each.about and each.name.startswith("salt body"):
            low, high = each.estimate.interval(0.9)
            metric = each.estimate.unit == "m³"
            volume = {"volume_m3": each.estimate.value, "low": low, "high": high} if metric else {}
            rows.append({key: value for key, value in each.about.items() if key != "note"} | volume)
    return rows


def survey(prediction: ProbabilityVolume, calibration: Calibration, *, least: int = 1, slab: int = SLAB) -> SaltSurvey:
    """Find the salt bodies of a volume in one pass over its inlines.

    Args:
        least: bodies of fewer voxels are left out; the calibration's least area speaks of pictures only.
        slab: voxels read at a time.
    """
    plane = salt_plane(prediction.classes)
    inlines, crosslines, samples = prediction.volume.shape
    finder = BodyFinder(threshold=_threshold(calibration, plane), min_voxels=least)
    lines = max(slab // max(crosslines * samples, 1), 1)
    for start in range(0, inlines, lines):
        stop = min(start + lines, inlines)
        spread = None if prediction.spread is None else prediction.spread("inline", start, stop)
        finder.add(prediction.read("inline", start, stop)[plane], spread)
    bodies, error = finder.finish(), calibration.errors.get(PICK_ERROR)
    cut = sum(body.touches_edge for body in bodies.table)
    notes = (
        [f"{cut} of {len(bodies.table)} bodies reach the edge of what was seen and may go on beyond."] if cut else []
    )
    return SaltSurvey(
        prediction=prediction,
        plane=plane,
        bodies=bodies,
        pick_error=error.spread if isinstance(error, ModelError) else 0.0,
        notes=tuple(notes),
    )


def smallest_body(prediction: ProbabilityVolume, calibration: Calibration) -> int:
    """Voxels below which a body is a speck: the calibration's least area along a line, ``SPECK`` in a volume."""
    return max(calibration.min_area, 1) if prediction.volume.is_line else SPECK


def survey_picture(prediction: ProbabilityMap, calibration: Calibration) -> Bodies:
    """The salt bodies of one picture, strip by strip; rows take the place of inlines, and there is one sample.

    The calibration's least area holds for every body or for the picture as a whole, as its rule says.
    """
    plane = salt_plane(prediction.classes)
    each = calibration.min_area if calibration.rule == "component" else 1
    finder = BodyFinder(threshold=_threshold(calibration, plane), min_voxels=each)
    for _, values in prediction.strips():
        finder.add(values[plane][:, :, None])
    bodies = finder.finish()
    if bodies.voxels >= calibration.min_area or calibration.rule == "component":
        return bodies
    return replace(
        bodies, table=(), min_voxels=calibration.min_area, routes=tuple(np.zeros_like(route) for route in bodies.routes)
    )


def salt_plane(classes: tuple[str, ...]) -> int:
    """Position of the class "salt"; the first one when the model calls it otherwise."""
    return classes.index("salt") if "salt" in classes else 0


def _threshold(calibration: Calibration, plane: int) -> float:
    return calibration.threshold[min(plane, len(calibration.threshold) - 1)]
