"""Detectors at work on scenes: boxes, then the pixels of each box from a probability map.

A detector says how many things there are and where; a segmenter says which pixels. `detect` gives boxes, `outline`
joins both, `from_map` makes detections of what only the segmenter saw.
"""

from collections.abc import Sequence
from dataclasses import replace
from typing import Literal

import numpy as np

from outcrop.core.errors import BadInput, BadModel, UsageError
from outcrop.core.scene import Detections, Floats, Outlined, ProbabilityMap, Scene
from outcrop.engine.box_pixels import pixels_of_boxes
from outcrop.models.boxes import Detector
from outcrop.models.suppression import Found, fuse, suppress

Flips = Literal["none", "all", "alternate"]

GROWN = 0.05
"""Share of a box's side by which it is enlarged on each side before its pixels are looked for, at least 2 px."""

UNSURE = 0.25
"""Threshold of detectors that bring none of their own."""

COLOUR = ("red", "green", "blue")


def detect(
    scene: Scene,
    detectors: Sequence[Detector],
    *,
    threshold: float | Sequence[float] | None = None,
    flips: Flips = "none",
    windows: bool = False,
    limit: float = 0.5,
    agnostic: bool = False,
) -> Detections:
    """Boxes of one scene, best first.

    Several detectors, or a detector and the mirror image, are fused: their boxes are averaged, and a box that few of
    them saw loses score.

    Args:
        scene: bands red, green, blue, or one grey band; 0..1.
        threshold: lowest score kept, one for all classes or one each; the first card's own where None.
        flips: "none"; "all", each detector also sees the mirror image; "alternate", every second only sees it.
        windows: True to look also at overlapping parts of pictures much larger than the input.
        limit: intersection over union above which two boxes of a class show the same thing.
        agnostic: True where boxes of different classes drop each other too.

    Raises:
        UsageError: no detector, no such mirror images, or another number of thresholds than classes.
        BadModel: detectors of different classes.
        BadInput: other bands.
    """
    classes = _one_kind(detectors, flips)
    lowest = _thresholds(threshold, detectors[0])
    picture = _colours(scene)
    views = []
    for position, detector in enumerate(detectors):
        for mirror in {"none": (False,), "all": (False, True), "alternate": (position % 2 == 1,)}[flips]:
            views.append(
                detector.see(
                    picture,
                    # A fused score is lower than its best member's, so members are kept down to a share of it.
                    threshold=float(lowest.min()) / (2 if len(detectors) > 1 or flips == "all" else 1),
                    limit=limit,
                    agnostic=agnostic,
                    mirror=mirror,
                    windows=windows,
                )
            )
    found = fuse(views, limit=limit)
    if len(views) > 1:
        found = suppress(found, limit=limit, agnostic=agnostic)
    return as_detections(scene, classes, found.take(found.scores >= lowest[found.labels]))


def as_detections(scene: Scene, classes: Sequence[str], found: Found) -> Detections:
    """Boxes as the noun that rooms take."""
    return Detections(scene=scene, classes=tuple(classes), boxes=found.boxes, scores=found.scores, labels=found.labels)


def _one_kind(detectors: Sequence[Detector], flips: str) -> tuple[str, ...]:
    if flips not in ("none", "all", "alternate"):
        raise UsageError(f"no mirror images {flips!r}: choose one of none, all, alternate")
    if not detectors:
        raise UsageError("no detector was given: name at least one model file")
    if len({detector.classes for detector in detectors}) != 1:
        names = ", ".join(detector.path.name for detector in detectors)
        raise BadModel(f"the detectors given ({names}) were opened for different classes: open them for the same")
    return detectors[0].classes


def _thresholds(threshold: float | Sequence[float] | None, first: Detector) -> Floats:
    """(classes,) lowest scores."""
    if threshold is None:
        threshold = first.card.calibration.threshold if first.card else UNSURE
    given = np.atleast_1d(np.asarray(threshold, np.float32))
    fits = given.shape in ((1,), (len(first.classes),)) and bool(((given >= 0) & (given <= 1)).all())
    if not fits:
        raise UsageError(
            f"the threshold {threshold} does not fit the classes {', '.join(first.classes)}: give one number in 0 to 1, "
            "or one for each"
        )
    return np.broadcast_to(given, (len(first.classes),))


def _colours(scene: Scene) -> Floats:
    """(3 or 1, rows, cols) of the whole scene."""
    pixels = scene.read(scene.grid.whole)
    if set(COLOUR) <= set(scene.bands):
        return np.asarray(pixels[[scene.bands.index(name) for name in COLOUR]])
    if len(pixels) in (1, 3):
        return pixels
    raise BadInput(f"{scene.id} has the bands {', '.join(scene.bands)}: a detector wants red, green and blue, or grey")


def outline(
    detections: Detections, map: ProbabilityMap, thresholds: Sequence[float], *, grown: float = GROWN
) -> Detections:
    """The same detections, each with its pixels.

    A pixel belongs to a box if the map of the box's class reaches the threshold there. Where boxes of a class overlap,
    it goes to the one whose centre is nearest, measured in the box's own half sides and divided by its score; so no
    pixel is counted twice. Of the connected pieces in the enlarged box, those are kept that lie mostly in the box
    itself and of which no other box holds more, and its own largest piece. Where nothing reaches the threshold, the
    piece around the box's highest value is kept down to half of that value; where that value is below 0.05 the outline
    is empty.

    Args:
        map: of the same scene; its classes by the same names.
        thresholds: one for each class of the detections.
        grown: share of its sides by which a box is enlarged on each side.

    Raises:
        UsageError: another number of thresholds, a class that the map lacks, or a map of another size.
    """
    planes = _planes(detections, map, thresholds)
    outlines: dict[int, Outlined] = {}
    for label, (plane, threshold) in enumerate(zip(planes, thresholds, strict=True)):
        members = np.flatnonzero(detections.labels == label)
        if len(members):
            boxes, scores = detections.boxes[members], detections.scores[members]
            outlines |= dict(
                zip(members.tolist(), pixels_of_boxes(boxes, scores, plane, threshold, grown), strict=True)
            )
    ordered = tuple(outlines[position] for position in range(len(detections.boxes)))
    return replace(detections, outlines=ordered, map=map)


def outline_notes(detections: Detections) -> tuple[str, ...]:
    """A sentence where detections were left without pixels."""
    empty = sum(not part.inside.any() for part in detections.outlines)
    if not empty:
        return ()
    return (
        f"{empty} of {len(detections.outlines)} detections have no outline: the segmentation saw nothing in their boxes",
    )


def _planes(detections: Detections, map: ProbabilityMap, thresholds: Sequence[float]) -> Floats:
    """(classes, rows, cols) of the map in the order of the detections' classes."""
    classes, shape = detections.classes, detections.scene.grid.shape
    if len(thresholds) != len(classes):
        raise UsageError(f"{len(thresholds)} thresholds came for the classes {', '.join(classes)}: give one for each")
    lacking = [name for name in classes if name not in map.classes]
    if lacking or map.scene.grid.shape != shape:
        raise UsageError(
            f"the map of {map.scene.id} ({', '.join(map.classes)}, {map.scene.grid.shape}) is none of {detections.scene.id} "
            f"({', '.join(classes)}, {shape}): predict the same scene and classes"
        )
    values = map.values()
    order = [map.classes.index(name) for name in classes]
    return values if order == list(range(len(values))) else np.asarray(values[order])
