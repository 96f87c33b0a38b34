"""Boxes and pixels together on held-out photos: how good outlines are, and how far measured flame lengths are off.

``python -m benchmarks.flare_outlines DATA --boxes RUN --outlines RUN`` judges each photo by the folds that never saw it;
``--learn FILE`` writes the error of flame lengths into the card of a model file, from where it enters every interval.
"""

import argparse
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np

from outcrop.core.calibration import ModelError
from outcrop.core.grid import Grid
from outcrop.core.labelled import Boxed
from outcrop.core.scene import Detections, Floats, map_from_array, scene_from_array
from outcrop.engine.detect import outline
from outcrop.engine.detection_matching import Truth
from outcrop.engine.heldout import read_held_out
from outcrop.engine.heldout_boxes import read_held_out_boxes
from outcrop.engine.outline_scores import score_outlines
from outcrop.engine.spot import resized
from outcrop.models.suppression import overlap
from outcrop.sources.boxes import Marked, read_yolo_set
from outcrop.tasks import load
from outcrop.tasks.flares.look.flame import flame_features

ROOM = load("flares")


def seen(
    id: str, picture: Floats, boxes: object, logits: Floats, scores: tuple[float, ...], cuts: tuple[float, ...]
) -> Detections:
    """A photo as the room would see it, from what its held-out folds said."""
    rows, cols = picture.shape[1:]
    scene = scene_from_array(id, picture, Grid(shape=(rows, cols)), ROOM.bands)
    kept = boxes.take(boxes.scores >= np.asarray(scores)[boxes.labels])  # type: ignore[attr-defined]
    found = Detections(scene=scene, classes=ROOM.classes, boxes=kept.boxes, scores=kept.scores, labels=kept.labels)
    values = resized(np.asarray(1 / (1 + np.exp(-logits)), np.float32), rows, cols)
    return outline(found, map_from_array(scene, ROOM.classes, values), cuts)


def length_errors(found: Detections, mark: Marked) -> list[float]:
    """ln(measured / true length) of every true flame whose box was found."""
    picture = found.scene.read(found.scene.grid.whole)
    errors = []
    for place in np.flatnonzero(mark.labels == 0):
        true = mark.pixels(int(place))
        mine = np.flatnonzero(found.labels == 0)
        if true is None or not len(mine):
            continue
        shared = overlap(mark.boxes[[place]].astype(np.float32), found.boxes[mine])[0]
        best = int(mine[int(np.argmax(shared))])
        if shared.max() < 0.5 or not found.outlines[best].inside.any():
            continue
        lengths = [
            flame_features(picture, one.inside, window=one.window).length for one in (found.outlines[best], true)
        ]
        errors.append(float(np.log(lengths[0] / lengths[1])))
    return errors


def main() -> int:
    """Judge, and learn where asked."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("data", type=Path)
    parser.add_argument("--boxes", type=Path, required=True)
    parser.add_argument("--outlines", type=Path, required=True)
    parser.add_argument("--scores", type=float, nargs=2, default=(0.4, 0.4), help="least scores of flame and smoke")
    parser.add_argument("--cuts", type=float, nargs=2, default=(0.5, 0.5), help="probabilities that make a pixel count")
    parser.add_argument("--learn", type=Path, nargs="*", default=())
    given = parser.parse_args()
    boxes, _ = read_held_out_boxes(given.boxes)
    logits, _ = read_held_out(given.outlines)
    marked, _ = read_yolo_set(given.data / "flare" / "images", given.data / "flare" / "polygons", ROOM.classes)
    boxed: Boxed = ROOM.examples(given.data, boxes=True)
    place = {id: number for number, id in enumerate(boxed.ids)}
    said, truth, groups, errors = [], [], [], []
    for mark in marked:
        stem = Path(mark.name).stem
        id = f"flare/{stem}"
        if stem not in logits or id not in boxes:
            continue
        picture = (boxed.read(place[id]) / 255).astype(np.float32)
        found = seen(id, picture, boxes[id], logits[stem], tuple(given.scores), tuple(given.cuts))
        said.append(found)
        truth.append(Truth(boxes=mark.boxes.astype(np.float32), labels=mark.labels, outlines=mark.outlines()))
        groups.append(boxed.groups[place[id]])
        errors += length_errors(found, mark)
    scores = score_outlines(said, truth, ROOM.classes, tuple(given.scores), rng=np.random.default_rng(0), groups=groups)
    for name in ROOM.classes:
        pooled, matched, objects = (part[name] for part in (scores.pooled, scores.matched, scores.objects))
        sys.stdout.write(
            f"{name}: IoU pooled {pooled.value:.3f} ({pooled.low:.3f} to {pooled.high:.3f}), of objects found {matched.value:.3f} "
            f"({scores.found[name]} found), of all objects {objects.value:.3f}\n"
        )
    middle, spread = float(np.median(errors)), float(1.4826 * np.median(np.abs(np.array(errors) - np.median(errors))))
    sys.stdout.write(
        f"ln(measured / true flame length): {middle:+.3f} ± {spread:.3f} over {len(errors)} flames of {len(said)} photos\n"
    )
    error = ModelError(
        bias=middle,
        spread=max(spread, float(np.std(errors))),
        examples=len(errors),
        source="flames of held-out photos, outlined by hand",
    )
    for path in given.learn:
        from outcrop.engine.export import recard
        from outcrop.models.runtime import read_card

        card = read_card(path)
        recard(
            path,
            replace(
                card, calibration=replace(card.calibration, errors={**card.calibration.errors, "flame length": error})
            ),
        )
        sys.stdout.write(f"{path.name}: its card knows the error of flame lengths now\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
