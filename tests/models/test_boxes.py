"""Any export of the YOLO family gives the same boxes, under the right names, in the pixels of the picture."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from outcrop.core.errors import BadInput, BadModel, UnknownModel, UsageError
from outcrop.core.scene import Floats
from outcrop.models.box_layouts import LAYOUTS, anchor_grid, cells, recognise
from outcrop.models.boxes import Detector, load_detector
from outcrop.models.card import Card
from outcrop.models.class_names import LEFT_OUT, SYNONYMS, named, place_of
from outcrop.models.letterbox import GREY, colour, letterbox, letterboxed
from outcrop.models.suppression import Found, areas, fuse, overlap, suppress, together, whole_before_parts

CLASSES = ("flame", "smoke")
SIZE = (96, 96)
SIDES = st.integers(1, 700)


def found(*rows: tuple[float, ...]) -> Found:
    """(left, top, right, bottom, score, label) each."""
    table = np.array(rows, float).reshape(-1, 6)
    return Found(table[:, :4].astype(np.float32), table[:, 4].astype(np.float32), table[:, 5].astype(np.int64))


THINGS = found((10, 20, 42, 60, 0.9, 0), (50, 8, 90, 30, 0.6, 1))


def encoded(things: Found, layout: str, size: tuple[int, int] = SIZE, classes: int = 2) -> Floats:
    """What a network of this layout puts out when it sees these things, written down without the decoder."""
    middle, sides = (things.boxes[:, :2] + things.boxes[:, 2:]) / 2, things.boxes[:, 2:] - things.boxes[:, :2]
    wanted = np.zeros((len(things.scores), classes), np.float32)
    wanted[np.arange(len(wanted)), things.labels] = things.scores
    if layout == "end-to-end":
        rows = [things.boxes, things.scores[:, None], things.labels[:, None]]
        return np.concatenate([np.concatenate(rows, axis=1), np.zeros((5, 6))]).astype(np.float32)
    place, side = anchor_grid(size)
    repeat = 3 if layout == "yolov5" else 1
    centred = np.concatenate([(place + 0.5) * side, np.full((len(place), 2), 4.0)], axis=1)
    centred, scores = np.tile(centred, (repeat, 1)), np.zeros((repeat * len(place), classes))
    at = [7, 40][: len(middle)]
    centred[at], scores[at] = np.concatenate([middle, sides], axis=1), wanted
    if layout == "yolov8":
        return np.concatenate([centred, scores], axis=1).T.astype(np.float32)
    if layout == "yolox":
        centred = np.concatenate([centred[:, :2] / side - place, np.log(centred[:, 2:] / side)], axis=1)
    objectness = np.full((len(centred), 1), 0.5)
    return np.concatenate([centred, objectness, scores / 0.5], axis=1).astype(np.float32)


Maker = Callable[..., Path]


@pytest.fixture
def detector_file(tmp_path: Path) -> Maker:
    """Writes an ONNX file that answers every picture with the same numbers, and more outputs where given."""
    onnx = pytest.importorskip("onnx")
    from onnx import TensorProto, helper, numpy_helper

    def write(
        values: Floats,
        *more: Floats,
        name: str = "d.onnx",
        size: tuple[Any, Any] = SIZE,
        batch: Any = 1,
        **metadata: str,
    ) -> Path:
        info = helper.make_tensor_value_info
        answers = {f"values {k}": one[None].astype(np.float32) for k, one in enumerate([values, *more])}
        graph = helper.make_graph(
            [helper.make_node("Identity", [key], [f"output {key}"]) for key in answers],
            "g",
            [info("images", TensorProto.FLOAT, [batch, 3, *size])],
            [info(f"output {key}", TensorProto.FLOAT, one.shape) for key, one in answers.items()],
            [numpy_helper.from_array(one, key) for key, one in answers.items()],
        )
        model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 13)], ir_version=8)
        for key, value in metadata.items():
            entry = model.metadata_props.add()
            entry.key, entry.value = key, value
        onnx.save(model, str(tmp_path / name))
        return tmp_path / name

    return write


def picture(rows: int = 96, cols: int = 96) -> Floats:
    return np.random.default_rng(0).random((3, rows, cols), np.float32)


# The letterbox


@given(SIDES, SIDES, st.sampled_from([(416, 416), (640, 640), (320, 640)]), st.booleans())
def test_a_box_comes_back_from_the_letterbox_where_it_was(
    rows: int, cols: int, size: tuple[int, int], centred: bool
) -> None:
    fit = letterbox((rows, cols), size, centred=centred)
    rng = np.random.default_rng(rows * 1000 + cols)
    ends = np.sort(rng.random((5, 2, 2)), axis=1) * (cols, rows)
    boxes = ends.reshape(5, 4).astype(np.float32)
    inside = fit.to_input(boxes)
    assert (inside >= -1e-3).all() and (inside[:, 2] <= size[1] + 1e-3).all() and (inside[:, 3] <= size[0] + 1e-3).all()
    assert np.allclose(fit.to_picture(inside), boxes, atol=1e-3 * max(rows, cols) / 100 + 1e-3)


@given(SIDES, SIDES)
def test_a_box_beyond_the_picture_is_cut_at_its_edge(rows: int, cols: int) -> None:
    fit = letterbox((rows, cols), (416, 416), centred=True)
    assert fit.to_picture(np.array([[-900, -900, 9000, 9000]], np.float32)).tolist() == [[0, 0, cols, rows]]


def test_a_drawn_square_lies_where_the_letterbox_says() -> None:
    drawn = np.zeros((3, 200, 400), np.float32)
    drawn[:, 40:80, 100:180] = 1
    for centred in (False, True):
        fit = letterbox((200, 400), (96, 96), centred=centred)
        left, top, right, bottom = fit.to_input(np.array([[100, 40, 180, 80]], np.float32))[0]
        rows, cols = np.nonzero(letterboxed(drawn, fit)[0] > 0.5)
        assert (cols.min(), rows.min(), cols.max() + 1, rows.max() + 1) == pytest.approx(
            (left, top, right, bottom), abs=1
        )


def test_missing_pixels_and_the_rest_of_the_rectangle_are_grey() -> None:
    seen = letterboxed(np.full((3, 10, 20), np.nan, np.float32), letterbox((10, 20), (64, 64), centred=True))
    assert np.allclose(seen, GREY, atol=1 / 255)


def test_a_grey_picture_counts_as_three_equal_bands_and_two_bands_are_refused() -> None:
    assert (colour(np.ones((4, 5), np.float32)) == 1).all()
    with pytest.raises(BadInput, match="red, green and blue"):
        colour(np.ones((2, 4, 5), np.float32))


# Suppression and fusion


def brute_force(things: Found, limit: float, agnostic: bool) -> list[int]:
    """One box after the other, every pair compared by hand."""

    def iou(a: Floats, b: Floats) -> float:
        wide = min(a[2], b[2]) - max(a[0], b[0])
        high = min(a[3], b[3]) - max(a[1], b[1])
        both = max(wide, 0) * max(high, 0)
        union = (a[2] - a[0]) * (a[3] - a[1]) + (b[2] - b[0]) * (b[3] - b[1]) - both
        return float(both / union) if union > 0 else 0.0

    kept: list[int] = []
    for i in sorted(range(len(things.scores)), key=lambda i: -things.scores[i]):
        rivals = [j for j in kept if agnostic or things.labels[i] == things.labels[j]]
        if all(iou(things.boxes[i].astype(float), things.boxes[j].astype(float)) <= limit for j in rivals):
            kept.append(i)
    return kept


@given(st.integers(0, 10_000), st.integers(0, 60), st.sampled_from([0.2, 0.5, 0.7]), st.booleans())
def test_suppression_keeps_what_comparing_every_pair_keeps(seed: int, count: int, limit: float, agnostic: bool) -> None:
    rng = np.random.default_rng(seed)
    low = rng.integers(0, 30, (count, 2))
    boxes = np.concatenate([low, low + rng.integers(1, 30, (count, 2))], axis=1).astype(np.float32)
    things = Found(boxes, rng.permutation(count).astype(np.float32), rng.integers(0, 3, count))
    kept = suppress(things, limit=limit, agnostic=agnostic)
    assert kept.boxes.tolist() == boxes[brute_force(things, limit, agnostic)].tolist()


def test_overlap_counts_area_and_not_pixels() -> None:
    one, other = np.array([[0, 0, 10, 10]], np.float32), np.array([[5, 0, 15, 10], [20, 20, 30, 30]], np.float32)
    assert overlap(one, other)[0] == pytest.approx([1 / 3, 0])
    assert areas(np.array([[3, 3, 1, 9]], np.float32))[0] == 0


def test_views_that_agree_keep_their_score_and_a_lone_one_loses_half() -> None:
    first = found((0, 0, 10, 10, 0.8, 0), (50, 50, 60, 60, 0.6, 1))
    second = found((2, 0, 12, 10, 0.4, 0))
    fused = fuse([first, second], limit=0.5)
    assert fused.boxes[0] == pytest.approx([2 / 3, 0, 10 + 2 / 3, 10], abs=1e-5)  # weighted 2 : 1 by score
    assert fused.scores == pytest.approx([0.6, 0.3])
    assert fused.labels.tolist() == [0, 1]


def test_boxes_of_different_classes_are_never_fused() -> None:
    fused = fuse([found((0, 0, 10, 10, 0.8, 0)), found((0, 0, 10, 10, 0.8, 1))])
    assert sorted(fused.labels.tolist()) == [0, 1]


def test_a_piece_of_a_whole_box_is_dropped_and_a_small_thing_of_its_own_stays() -> None:
    whole = found((0, 0, 100, 100, 0.8, 0))
    parts = found((0, 0, 30, 30, 0.9, 0), (0, 0, 30, 30, 0.9, 1), (200, 0, 220, 20, 0.5, 0))
    assert whole_before_parts(whole, parts).boxes.tolist() == [[0, 0, 30, 30], [0, 0, 100, 100], [200, 0, 220, 20]]
    assert len(together([]).boxes) == 0


# Layouts


@pytest.mark.parametrize("layout", [name for name in LAYOUTS if name != "outcrop"])
def test_every_layout_is_recognised_and_decodes_to_the_same_boxes(layout: str, detector_file: Maker) -> None:
    path = detector_file(encoded(THINGS, layout), names="{0: 'fire', 1: 'smoke'}")
    detector = load_detector(path, classes=CLASSES)
    seen = detector.see(picture(), threshold=0.1)
    assert detector.layout == layout
    assert np.allclose(seen.boxes, THINGS.boxes, atol=1e-3)
    assert np.allclose(seen.scores, THINGS.scores, atol=1e-5)
    assert seen.labels.tolist() == [0, 1]


def test_outcrop_s_own_export_is_known_by_its_card(detector_file: Maker) -> None:
    card = Card(name="d", task="flares", classes=CLASSES, bands=("red", "green", "blue"), chip=96, head="detect")
    path = detector_file(encoded(THINGS, "outcrop"), outcrop=card.to_json())
    detector = load_detector(path, classes=CLASSES)
    assert detector.layout == "outcrop" and detector.card == card
    assert np.allclose(detector.see(picture(), threshold=0.1).boxes, THINGS.boxes, atol=1e-3)
    path = detector_file(encoded(THINGS, "outcrop"), name="s.onnx", outcrop=replace(card, head="segment").to_json())
    with pytest.raises(BadModel, match="every pixel"):
        load_detector(path, classes=CLASSES)


def test_yolox_wants_blue_first_and_bright_and_the_others_red_first_and_small(detector_file: Maker) -> None:
    """What the graph is fed, layout by layout."""
    red = np.zeros((3, 48, 96), np.float32)
    red[0] = 1
    for layout, position, full, corner in (("yolox", 2, 255, 255), ("yolov8", 0, 1, 114 / 255), ("outcrop", 0, 1, 1)):
        fed: list[Floats] = []

        def run(values: Floats, layout: str = layout, fed: list[Floats] = fed) -> Floats:
            fed.append(values)
            return encoded(THINGS, layout)

        detector = Detector(
            path=Path("d.onnx"),
            card=None,
            classes=CLASSES,
            names=CLASSES,
            places=(0, 1),
            layout=layout,
            size=SIZE,
            run=run,
        )
        detector.see(red)
        assert fed[0][position, 40, 40] == pytest.approx(full)
        assert fed[0][2 - position, 40, 40] == pytest.approx(0)
        assert fed[0][position, 0, 0] == pytest.approx(corner)
        assert fed[0][1, -1, -1] == pytest.approx(114 / 255 * full, abs=1e-3)


@pytest.mark.parametrize("shape", [(20, 5), (189, 5), (3, 189), (7, 7)])
def test_numbers_of_another_shape_are_refused(shape: tuple[int, int]) -> None:
    with pytest.raises(BadModel, match="no layout"):
        recognise(np.zeros(shape, np.float32), SIZE, "d.onnx")


def test_masks_beside_the_classes_are_passed_over(detector_file: Maker) -> None:
    values = np.concatenate([encoded(THINGS, "yolov8"), np.ones((32, cells(SIZE)), np.float32)])
    path = detector_file(values, np.zeros((32, 24, 24), np.float32), names="{0: 'fire', 1: 'smoke'}")
    detector = load_detector(path, classes=CLASSES)
    assert np.allclose(detector.see(picture(), threshold=0.1).scores, THINGS.scores, atol=1e-5)


def test_a_graph_for_four_pictures_at_once_is_refused(detector_file: Maker) -> None:
    with pytest.raises(BadModel, match="4 pictures at once"):
        load_detector(detector_file(encoded(THINGS, "yolov8"), batch=4), classes=CLASSES, names=CLASSES)


# Names


def test_classes_numbered_the_other_way_come_out_right(detector_file: Maker) -> None:
    path = detector_file(encoded(THINGS, "yolov8"), names="{0: 'Smoke', 1: 'fire'}")
    assert load_detector(path, classes=CLASSES).see(picture(), threshold=0.1).labels.tolist() == [1, 0]


def test_names_given_may_not_turn_the_file_s_own_around(detector_file: Maker) -> None:
    path = detector_file(encoded(THINGS, "yolov8"), names="{0: 'smoke', 1: 'fire'}")
    with pytest.raises(UsageError, match="calls a class 'smoke'"):
        load_detector(path, classes=CLASSES, names=("flame", "smoke"))


def test_words_that_nobody_knows_are_refused_until_they_are_explained(detector_file: Maker) -> None:
    path = detector_file(encoded(THINGS, "yolov8"), names="{0: 'steam', 1: 'b'}")
    with pytest.raises(BadModel, match="'steam'"):
        load_detector(path, classes=CLASSES)
    explained = load_detector(path, classes=CLASSES, names=(LEFT_OUT, "smoke"))
    assert explained.see(picture(), threshold=0.1).labels.tolist() == [1]


@pytest.mark.parametrize("names", [("flame",), ("flame", "smoke", "flame"), ("flame", "fire"), (LEFT_OUT, LEFT_OUT)])
def test_a_wrong_number_of_names_or_a_class_twice_is_refused(names: Sequence[str], detector_file: Maker) -> None:
    with pytest.raises((UsageError, BadModel)):
        load_detector(detector_file(encoded(THINGS, "yolov8")), classes=CLASSES, names=names)


def test_a_file_without_names_asks_for_them(detector_file: Maker) -> None:
    with pytest.raises(UsageError, match="sees 2 classes and 0 names"):
        load_detector(detector_file(encoded(THINGS, "yolox")), classes=CLASSES)


def test_names_in_metadata_are_read_as_values_and_never_run() -> None:
    assert named("__import__('os').getcwd()") == ()
    assert named("{1: 'b', 0: 'a'}") == ("a", "b")
    assert named("{1: 'b', 3: 'a'}") == ()
    assert all(place_of(word, CLASSES) == CLASSES.index(meant) for word, meant in SYNONYMS.items())


# Pictures of any size


@pytest.mark.parametrize("shape", [(3, 1, 1), (1, 30, 40), (3, 1, 900), (3, 700, 300)])
def test_pictures_of_any_size_are_seen_and_boxes_stay_inside(shape: tuple[int, ...], detector_file: Maker) -> None:
    detector = load_detector(detector_file(encoded(THINGS, "yolov5")), classes=CLASSES, names=CLASSES)
    image = np.full(shape, 0.5, np.float32)
    image[..., 0] = np.nan
    seen = detector.see(image, threshold=0.1, windows=True)
    assert (seen.boxes >= 0).all() and (seen.boxes <= (shape[2], shape[1]) * 2).all()


def test_a_mirror_image_comes_back_unmirrored(detector_file: Maker) -> None:
    detector = load_detector(detector_file(encoded(THINGS, "yolov8")), classes=CLASSES, names=CLASSES)
    mirrored = detector.see(picture(), threshold=0.1, mirror=True).boxes
    assert np.allclose(mirrored[:, [2, 0]], 96 - THINGS.boxes[:, [0, 2]], atol=1e-3)


def bright_square(values: Floats) -> Floats:
    """A detector that finds the bounding box of bright pixels wider than 10 px, as an end-to-end export would say it."""
    rows, cols = np.nonzero(values[0] > 0.9)
    if not len(rows) or cols.max() - cols.min() < 10:
        return np.zeros((0, 6), np.float32)
    return np.array([[cols.min(), rows.min(), cols.max() + 1, rows.max() + 1, 0.8, 0]], np.float32)


def test_a_small_thing_in_a_large_picture_is_found_in_windows_only() -> None:
    detector = Detector(
        path=Path("d.onnx"), card=None, classes=CLASSES, names=CLASSES, places=(0, 1), layout="end-to-end", size=SIZE,
        run=bright_square,
    )  # fmt: skip
    image = np.zeros((3, 400, 500), np.float32)
    image[:, 300:324, 410:440] = 1
    assert not len(detector.see(image).boxes)
    seen = detector.see(image, windows=True)
    assert len(seen.boxes) == 1 and seen.boxes[0] == pytest.approx([410, 300, 440, 324], abs=2.5)


# Files


def test_a_free_size_is_taken_from_the_metadata_or_from_the_user(detector_file: Maker) -> None:
    path = detector_file(encoded(THINGS, "end-to-end"), size=("h", "w"), imgsz="[64, 96]")
    assert load_detector(path, classes=CLASSES, names=CLASSES).size == (64, 96)
    assert load_detector(path, classes=CLASSES, names=CLASSES, size=128).size == (128, 128)


def test_a_size_that_the_file_does_not_take_is_refused(detector_file: Maker) -> None:
    with pytest.raises(UsageError, match="96 x 96"):
        load_detector(detector_file(encoded(THINGS, "yolov8")), classes=CLASSES, names=CLASSES, size=640)


def test_files_that_are_no_detectors_are_refused_with_a_sentence(tmp_path: Path, model_file: Any) -> None:
    with pytest.raises(UnknownModel):
        load_detector(tmp_path / "none.onnx", classes=CLASSES)
    (tmp_path / "text.onnx").write_text("no model")
    with pytest.raises(BadModel, match="cannot load"):
        load_detector(tmp_path / "text.onnx", classes=CLASSES)
    with pytest.raises(BadModel, match="boxes"):
        load_detector(model_file(tmp_path / "m.onnx", "identity"), classes=CLASSES)
    with pytest.raises(UsageError, match="no layout 'v9'"):
        load_detector(tmp_path / "text.onnx", classes=CLASSES, layout="v9")


def test_the_public_yolox_nano_finds_a_cat_and_its_mirror_image() -> None:
    path = Path(__file__).parents[3] / "shared" / "weights" / "yolox_nano_416.onnx"
    if not path.is_file():
        pytest.skip("needs yolox_nano_416.onnx in ../shared/weights")
    data = pytest.importorskip("skimage.data")
    names = [f"class {k}" for k in range(80)]
    detector = load_detector(path, classes=names, names=names)
    image = np.moveaxis(data.cat(), 2, 0).astype(np.float32) / 255
    for mirror in (False, True):
        seen = detector.see(image, threshold=0.3, mirror=mirror)
        assert seen.labels.tolist() == [15]  # "cat" in COCO's order of 80
        assert areas(seen.boxes)[0] > 0.5 * image[0].size
    assert detector.layout == "yolox"
