"""Boxes get the pixels that are theirs, no pixel twice, and what only the map saw becomes a detection of its own."""

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from outcrop.core.errors import BadInput, BadModel, UsageError
from outcrop.core.grid import Grid
from outcrop.core.scene import Detections, Floats, ProbabilityMap, Scene, map_from_array, scene_from_array
from outcrop.engine.detect import detect, outline, outline_notes
from outcrop.engine.detect_map import from_map, joined
from outcrop.models.boxes import Detector

CLASSES = ("flame", "smoke")
SHAPE = (60, 80)


def a_scene(shape: tuple[int, int] = SHAPE, bands: tuple[str, ...] = ("red", "green", "blue")) -> Scene:
    return scene_from_array("photo", np.zeros((len(bands), *shape), np.float32), Grid(shape=shape), bands)


def a_map(*rectangles: tuple[int, int, int, int, float, int], scene: Scene | None = None) -> ProbabilityMap:
    """Rectangles (left, top, right, bottom, probability, class) on 0."""
    scene = scene or a_scene()
    values = np.zeros((2, *scene.grid.shape), np.float32)
    for left, top, right, bottom, probability, label in rectangles:
        values[label, top:bottom, left:right] = probability
    return map_from_array(scene, CLASSES, values)


def boxes(*rows: tuple[float, ...]) -> Detections:
    """(left, top, right, bottom, score, label) each."""
    table = np.array(rows, np.float32).reshape(-1, 6)
    return Detections(
        scene=a_scene(), classes=CLASSES, boxes=table[:, :4], scores=table[:, 4], labels=table[:, 5].astype(np.int64)
    )


def painted(detections: Detections) -> np.ndarray:
    """(n, rows, cols) pixels of each detection in the whole picture."""
    planes = np.zeros((len(detections.outlines), *detections.scene.grid.shape), bool)
    for plane, part in zip(planes, detections.outlines, strict=True):
        plane[part.window.slices] = part.inside
    return planes


def fixed(*rows: tuple[float, ...], name: str = "d.onnx") -> Detector:
    """A detector that always says the same, for inputs of the picture's own size; label is the last number."""
    values = np.array(rows, np.float32).reshape(-1, 6)
    return Detector(
        path=Path(name), card=None, classes=CLASSES, names=CLASSES, places=(0, 1), layout="end-to-end", size=SHAPE,
        run=lambda _: values,
    )  # fmt: skip


# Boxes


def test_one_detector_s_boxes_over_the_threshold_come_best_first() -> None:
    seen = detect(
        a_scene(), [fixed((1, 1, 9, 9, 0.4, 0), (20, 20, 40, 40, 0.9, 1), (50, 5, 60, 9, 0.1, 0))], threshold=0.3
    )
    assert seen.scores == pytest.approx([0.9, 0.4]) and seen.labels.tolist() == [1, 0]
    assert seen.boxes.tolist() == [[20, 20, 40, 40], [1, 1, 9, 9]]


def test_each_class_has_its_own_threshold() -> None:
    detector = fixed((1, 1, 9, 9, 0.4, 0), (20, 20, 40, 40, 0.4, 1))
    assert detect(a_scene(), [detector], threshold=(0.5, 0.3)).labels.tolist() == [1]


def test_two_detectors_that_agree_become_one_box_and_a_lone_one_loses_half() -> None:
    first = fixed((10, 10, 30, 30, 0.8, 0), (50, 40, 60, 50, 0.8, 0))
    second = fixed((12, 10, 32, 30, 0.8, 0))
    seen = detect(a_scene(), [first, second], threshold=0.3)
    assert seen.boxes.tolist() == [[11, 10, 31, 30], [50, 40, 60, 50]]
    assert seen.scores == pytest.approx([0.8, 0.4])


def test_mirror_images_see_a_symmetric_box_twice() -> None:
    seen = detect(a_scene(), [fixed((30, 10, 50, 30, 0.8, 0))], threshold=0.5, flips="all")
    assert seen.boxes.tolist() == [[30, 10, 50, 30]] and seen.scores == pytest.approx([0.8])


def test_bands_are_taken_by_name_and_strange_ones_refused() -> None:
    fed: list[Floats] = []
    array = np.stack([np.full(SHAPE, value, np.float32) for value in (0.25, 0.5, 0.75)])
    scene = scene_from_array("photo", array, Grid(shape=SHAPE), ("blue", "green", "red"))
    detector = fixed()
    watched = Detector(
        **{f: getattr(detector, f) for f in ("path", "card", "classes", "names", "places", "layout", "size")},
        run=lambda values: (fed.append(values), np.zeros((0, 6), np.float32))[1],
    )
    detect(scene, [watched])
    assert fed[0][:, 0, 0].tolist() == [0.75, 0.5, 0.25]
    with pytest.raises(BadInput, match="B02, B03"):
        detect(a_scene(bands=("B02", "B03")), [detector])


def test_wrong_calls_are_refused() -> None:
    with pytest.raises(UsageError, match="no detector"):
        detect(a_scene(), [])
    with pytest.raises(UsageError, match="mirror"):
        detect(a_scene(), [fixed()], flips="both")  # type: ignore[arg-type]
    for threshold in (2.0, (0.1, 0.2, 0.3)):
        with pytest.raises(UsageError, match="threshold"):
            detect(a_scene(), [fixed()], threshold=threshold)
    other = Detector(
        path=Path("e.onnx"), card=None, classes=("smoke", "flame"), names=CLASSES, places=(1, 0), layout="end-to-end",
        size=SHAPE, run=lambda _: np.zeros((0, 6), np.float32),
    )  # fmt: skip
    with pytest.raises(BadModel, match="different classes"):
        detect(a_scene(), [fixed(), other])


# Outlines


def test_an_outline_is_the_thing_in_the_box_and_the_map_of_its_class() -> None:
    map = a_map((10, 10, 20, 30, 0.9, 0), (12, 12, 40, 40, 0.9, 1))
    seen = outline(boxes((9, 9, 21, 31, 0.9, 0)), map, (0.5, 0.5))
    assert seen.outlines[0].inside.all() and seen.outlines[0].window.slices == (slice(10, 30), slice(10, 20))
    assert seen.map is map


def test_a_slightly_small_box_keeps_the_thing_s_edge_and_cuts_what_lies_far_outside() -> None:
    seen = painted(outline(boxes((12, 12, 38, 28, 0.9, 0)), a_map((10, 10, 70, 30, 0.9, 0)), (0.5, 0.5)))[0]
    rows, cols = np.nonzero(seen)
    assert (rows.min(), rows.max()) == (10, 29) and cols.min() == 10 and 38 <= cols.max() <= 40


def test_a_neighbour_that_reaches_into_the_margin_is_left_out() -> None:
    map = a_map((10, 10, 30, 30, 0.9, 0), (32, 10, 50, 30, 0.9, 0))
    seen = painted(outline(boxes((10, 10, 30.5, 30, 0.9, 0)), map, (0.5, 0.5)))[0]
    assert seen.sum() == 20 * 20


def test_overlapping_boxes_share_no_pixel_and_lose_none() -> None:
    map = a_map((10, 10, 60, 30, 0.9, 0))
    planes = painted(outline(boxes((10, 10, 40, 30, 0.9, 0), (30, 10, 60, 30, 0.9, 0)), map, (0.5, 0.5)))
    assert not (planes[0] & planes[1]).any()
    assert (planes[0] | planes[1]).sum() == 50 * 20
    assert planes[0].sum() == planes[1].sum()


def test_flame_and_smoke_may_share_pixels() -> None:
    map = a_map((10, 10, 30, 30, 0.9, 0), (10, 10, 30, 30, 0.9, 1))
    planes = painted(outline(boxes((10, 10, 30, 30, 0.9, 0), (10, 10, 30, 30, 0.9, 1)), map, (0.5, 0.5)))
    assert planes[0].sum() == planes[1].sum() == 400


def test_a_better_box_takes_more_of_what_lies_between() -> None:
    map = a_map((10, 10, 60, 30, 0.9, 0))
    planes = painted(outline(boxes((10, 10, 40, 30, 0.9, 0), (30, 10, 60, 30, 0.3, 0)), map, (0.5, 0.5)))
    assert planes[0].sum() > planes[1].sum() > 0


def test_where_nothing_reaches_the_threshold_the_peak_s_own_piece_is_kept() -> None:
    map = a_map((10, 10, 20, 20, 0.2, 0), (22, 22, 24, 24, 0.3, 0))
    seen = outline(boxes((8, 8, 26, 26, 0.9, 0)), map, (0.5, 0.5))
    assert painted(seen)[0].sum() == 4 and not outline_notes(seen)


def test_a_box_in_which_the_map_saw_nothing_has_an_empty_outline_and_a_sentence() -> None:
    seen = outline(boxes((8, 8, 26, 26, 0.9, 0), (30, 30, 40, 40, 0.8, 0)), a_map((31, 31, 39, 39, 0.9, 0)), (0.5, 0.5))
    assert [part.inside.sum() for part in seen.outlines] == [0, 64]
    assert outline_notes(seen)[0].startswith("1 of 2 detections have no outline")


@given(st.integers(0, 10_000), st.integers(0, 8))
def test_no_pixel_of_a_class_is_counted_twice_and_none_lies_outside_its_box(seed: int, count: int) -> None:
    rng = np.random.default_rng(seed)
    low = rng.uniform(-2, 60, (count, 2))
    rows = np.column_stack([low, low + rng.uniform(0.1, 40, (count, 2)), rng.random(count), rng.integers(0, 2, count)])
    said = boxes(*map(tuple, rows))
    values = rng.random((2, *SHAPE), np.float32) ** 3
    seen = outline(said, map_from_array(said.scene, CLASSES, values), (0.4, 0.6))
    planes = painted(seen)
    for label in (0, 1):
        assert (planes[said.labels == label].sum(axis=0) <= 1).all()
    for plane, (left, top, right, bottom) in zip(planes, said.boxes, strict=True):
        ys, xs = np.nonzero(plane)
        if len(ys):
            assert (
                xs.min() + 1 > left - max(2, 0.05 * (right - left)) - 1
                and ys.min() + 1 > top - max(2, 0.05 * (bottom - top)) - 1
            )


def test_a_map_of_another_scene_or_without_the_class_is_refused() -> None:
    said = boxes((1, 1, 9, 9, 0.5, 0))
    with pytest.raises(UsageError, match="none of photo"):
        outline(said, a_map(scene=a_scene((5, 5))), (0.5, 0.5))
    with pytest.raises(UsageError, match="thresholds"):
        outline(said, a_map(), (0.5,))
    # Classes are found by name, whatever their order in the map.
    turned = map_from_array(said.scene, ("smoke", "flame"), a_map((1, 1, 9, 9, 0.9, 1)).values())
    assert outline(said, turned, (0.5, 0.5)).outlines[0].inside.sum() == 64


# Detections from the map


def test_pieces_of_the_map_become_boxes_with_their_mean_as_score() -> None:
    map = a_map((10, 10, 20, 20, 0.8, 0), (30, 30, 50, 40, 0.6, 1), (70, 50, 71, 51, 0.9, 0))
    seen = from_map(map, (0.5, 0.5), min_area=5)
    assert seen.boxes.tolist() == [[10, 10, 20, 20], [30, 30, 50, 40]]
    assert seen.scores == pytest.approx([0.8, 0.6]) and seen.labels.tolist() == [0, 1]
    assert all(part.inside.all() for part in seen.outlines)


def test_what_a_box_of_the_same_class_explains_is_not_said_again() -> None:
    map = a_map((10, 10, 20, 20, 0.8, 0), (30, 30, 50, 40, 0.6, 0))
    said = boxes((8, 8, 22, 22, 0.7, 0), (30, 30, 50, 40, 0.9, 1))
    extra = from_map(map, (0.5, 0.5), beside=said, worth=0.5)
    assert extra.boxes.tolist() == [[30, 30, 50, 40]] and extra.scores == pytest.approx([0.3])
    both = joined(outline(said, map, (0.5, 0.5)), extra)
    assert both.scores == pytest.approx([0.9, 0.7, 0.3]) and len(both.outlines) == 3
    assert joined(said, extra).outlines == ()


def test_missing_pixels_and_empty_maps_give_nothing() -> None:
    empty = map_from_array(a_scene(), CLASSES, np.full((2, *SHAPE), np.nan, np.float32))
    assert from_map(empty, (0.5, 0.5)).boxes.shape == (0, 4)
    assert outline(boxes(), empty, (0.5, 0.5)).outlines == ()
    with pytest.raises(UsageError):
        from_map(empty, (0.5,))


def test_the_peak_is_found_beside_missing_pixels() -> None:
    values = a_map((10, 10, 14, 14, 0.3, 0)).values()
    values[0, 20:, :] = np.nan
    said = boxes((8, 8, 30, 30, 0.9, 0))
    assert painted(outline(said, map_from_array(said.scene, CLASSES, values), (0.5, 0.5)))[0].sum() == 16
