"""A scene of any size is seen window by window as if it had been seen at once."""

from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from outcrop.core.errors import BadModel
from outcrop.core.grid import Grid, Window
from outcrop.core.scene import Floats, Scene, scene_from_array
from outcrop.engine import predict as corridor
from outcrop.engine.predict import CONTEXT_ABSENT, Ensemble, context_notes, ensemble_of, predict, predict_small, stream
from outcrop.models.runtime import Model, load

Numpy = Callable[..., Model]


def mean9(image: Floats) -> Floats:
    """Mean of 3 x 3 pixels, edges repeated, of (..., rows, cols)."""
    rows, cols = image.shape[-2:]
    wide = np.pad(image, [(0, 0)] * (image.ndim - 2) + [(1, 1), (1, 1)], mode="edge").astype(np.float64)
    parts = [wide[..., r : r + rows, c : c + cols] for r in range(3) for c in range(3)]
    return np.asarray(sum(parts) / 9, np.float32)


def lean(image: Floats) -> Floats:
    """The pixel to the left, the edge repeated: not the same in a mirror."""
    return np.concatenate([image[..., :1], image[..., :-1]], axis=-1)


def noise(*shape: int, seed: int = 0) -> Floats:
    return np.random.default_rng(seed).random(shape, np.float32)


def drawn(image: Floats, id: str = "drawn", context: dict[str, float] | None = None) -> Scene:
    bands = tuple(f"band {i}" for i in range(len(image)))
    return scene_from_array(id, image, Grid(shape=(image.shape[1], image.shape[2])), bands, context)


sides = st.one_of(st.integers(1, 100), st.sampled_from([1, 2, 15, 16, 17]))


@given(sides, sides, st.integers(2, 8), st.sampled_from([1, 2, 16, 32]), st.integers(0, 99))
def test_seams_are_invisible(numpy_model: Numpy, rows: int, cols: int, overlap: int, multiple: int, seed: int) -> None:
    """What windows show of a 3 x 3 mean is the 3 x 3 mean of the whole."""
    image = noise(1, rows, cols, seed=seed)
    model = numpy_model(mean9, overlap=overlap, multiple=multiple)
    assert np.abs(predict(drawn(image), ensemble_of([model])).values() - mean9(image)).max() < 1e-5


@pytest.mark.parametrize(("rows", "cols"), [(1, 1), (1, 70), (70, 1), (16, 16), (17, 15), (101, 101)])
def test_seams_are_invisible_through_a_model_file_too(local_model: Path, rows: int, cols: int) -> None:
    image = noise(1, rows, cols)
    assert np.abs(predict(drawn(image), ensemble_of([load(local_model)])).values() - mean9(image)).max() < 1e-5


@given(st.integers(1, 60), st.integers(1, 60), st.integers(16, 48))
def test_the_answer_does_not_depend_on_where_the_windows_fall(
    numpy_model: Numpy, rows: int, cols: int, window: int
) -> None:
    image, model = noise(1, rows, cols), numpy_model(mean9)
    usual = predict(drawn(image), ensemble_of([model])).values()
    other = predict(drawn(image), Ensemble(models=(model,), window=window)).values()
    assert np.abs(usual - other).max() < 1e-5


def test_the_card_may_ask_for_larger_windows_than_chips(numpy_model: Numpy) -> None:
    fed: list[tuple[int, ...]] = []
    model = numpy_model(lambda c: fed.append(c.shape[2:]) or c, window=24)  # type: ignore[func-returns-value]
    predict(drawn(noise(1, 50, 50)), ensemble_of([model])).values()
    assert set(fed) == {(24, 24)}


def watched(image: Floats, log: list[Window], id: str = "watched") -> Scene:
    scene = drawn(image, id)

    def read(window: Window) -> Floats:
        log.append(window)
        return scene.read(window)

    return replace(scene, read=read)


def test_nothing_is_read_before_the_strips_are_asked_for(numpy_model: Numpy) -> None:
    log: list[Window] = []
    seen = predict(watched(noise(1, 40, 40), log), ensemble_of([numpy_model(mean9)]))
    assert not log
    first = seen.values()
    count = len(log)
    assert count and np.array_equal(seen.values(), first) and len(log) == 2 * count


def test_a_tall_scene_is_handed_on_before_it_is_read_to_the_end(
    numpy_model: Numpy, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Memory is bounded by a strip, whatever the height."""
    monkeypatch.setattr(corridor, "BATCH_PIXELS", 4 * 16 * 16)
    log: list[Window] = []
    strips = predict(watched(noise(1, 2000, 20), log), ensemble_of([numpy_model(mean9)])).strips()
    row, values = next(strips)
    assert row == 0 and values.shape[1] <= 16
    assert max(w.row for w in log) < 80
    assert all(w.height <= 16 and w.width <= 16 for w in log)
    assert sum(v.shape[1] for _, v in strips) + values.shape[1] == 2000


def test_a_batch_holds_no_more_pixels_than_it_may(numpy_model: Numpy, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(corridor, "BATCH_PIXELS", 4 * 16 * 16)
    sizes: list[int] = []
    model = numpy_model(lambda c: sizes.append(len(c)) or c)  # type: ignore[func-returns-value]
    predict(drawn(noise(1, 100, 100)), ensemble_of([model])).values()
    assert max(sizes) == 4 and min(sizes[:-1]) == 4


shapes = st.lists(st.tuples(st.integers(1, 40), st.integers(1, 40)), min_size=1, max_size=12)


@given(shapes, st.integers(1, 5))
def test_scenes_of_many_sizes_come_back_in_order_and_as_if_alone(
    numpy_model: Numpy, sizes: list[tuple[int, int]], batch: int
) -> None:
    images = [noise(1, *size, seed=i) for i, size in enumerate(sizes)]
    ensemble = ensemble_of([numpy_model(mean9)])
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(corridor, "BATCH_PIXELS", batch * 16 * 16)
        found = list(predict_small((drawn(i, str(n)) for n, i in enumerate(images)), ensemble))
    assert [scene.id for scene, _ in found] == [str(n) for n in range(len(images))]
    for image, (_, values) in zip(images, found, strict=True):
        assert np.abs(values - mean9(image)).max() < 1e-5


def test_the_same_scene_twice_comes_back_twice(numpy_model: Numpy) -> None:
    scene = drawn(noise(1, 30, 30))
    assert len(list(predict_small([scene, scene], ensemble_of([numpy_model(mean9)])))) == 2


def test_scenes_are_opened_no_earlier_than_needed(numpy_model: Numpy, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(corridor, "BATCH_PIXELS", 2 * 16 * 16)
    opened: list[int] = []

    def endless() -> Iterator[Scene]:
        while True:
            opened.append(1)
            yield drawn(noise(1, 16, 16))

    next(predict_small(endless(), ensemble_of([numpy_model(mean9)])))
    assert len(opened) <= 4


def test_no_scenes_give_nothing(numpy_model: Numpy) -> None:
    assert list(stream([], ensemble_of([numpy_model(mean9)]))) == []


def test_the_last_rows_of_a_scene_are_marked(numpy_model: Numpy) -> None:
    marks = [last for *_, last in stream([drawn(noise(1, 60, 10))] * 2, ensemble_of([numpy_model(mean9)]))]
    assert marks.count(True) == 2 and marks[-1] and marks[len(marks) // 2 - 1]


@pytest.mark.parametrize("flips", ["none", "all", "alternate"])
def test_mirrors_change_nothing_for_a_model_that_knows_no_side(numpy_model: Numpy, flips: str) -> None:
    image = noise(1, 40, 33)
    pair = (numpy_model(mean9), numpy_model(mean9))
    found = predict(drawn(image), Ensemble(models=pair, flips=flips)).values()  # type: ignore[arg-type]
    assert np.abs(found - mean9(image)).max() < 1e-5


def unlean(image: Floats) -> Floats:
    """What ``lean`` does, in the mirror."""
    return lean(image[..., ::-1])[..., ::-1]


@pytest.mark.parametrize(
    ("flips", "count", "wanted"),
    [
        ("none", 1, lambda i: lean(i)),
        ("none", 2, lambda i: lean(i)),
        ("all", 1, lambda i: (lean(i) + unlean(i)) / 2),
        ("all", 2, lambda i: (lean(i) + unlean(i)) / 2),
        ("alternate", 1, lambda i: lean(i)),
        ("alternate", 2, lambda i: (lean(i) + unlean(i)) / 2),
        ("alternate", 3, lambda i: (2 * lean(i) + unlean(i)) / 3),
    ],
)
def test_mirrors_are_seen_as_asked(
    numpy_model: Numpy, flips: str, count: int, wanted: Callable[[Floats], Floats]
) -> None:
    image = noise(1, 16, 16)
    ensemble = Ensemble(models=tuple(numpy_model(lean) for _ in range(count)), flips=flips)  # type: ignore[arg-type]
    assert np.allclose(predict(drawn(image), ensemble).values(), wanted(image), atol=1e-6)


def test_models_together_give_the_mean_of_their_probabilities(numpy_model: Numpy) -> None:
    models = [numpy_model(lambda c, v=v: np.full_like(c, v)) for v in (0.2, 0.5, 0.8)]
    assert np.allclose(predict(drawn(noise(1, 9, 9)), ensemble_of(models)).values(), 0.5)


def test_every_class_keeps_its_plane(numpy_model: Numpy) -> None:
    model = numpy_model(lambda c: np.concatenate([c, 1 - c], axis=1), classes=("salt", "other"))
    image = noise(1, 40, 40)
    seen = predict(drawn(image), ensemble_of([model]))
    assert seen.classes == ("salt", "other")
    assert np.allclose(seen.of("salt"), image[0], atol=1e-6) and np.allclose(seen.of("other"), 1 - image[0], atol=1e-6)


def test_what_the_sensor_did_not_see_stays_unseen(numpy_model: Numpy) -> None:
    image = noise(2, 40, 40)
    image[1, 10:20, 5:30] = np.nan
    image[:, 35:] = np.nan
    model = numpy_model(lambda c: c.mean(1, keepdims=True), bands=("red", "green"))
    found = predict(drawn(image), ensemble_of([model])).values()
    missing = np.isnan(image).any(0)
    assert np.array_equal(np.isnan(found[0]), missing)
    assert np.allclose(found[0][~missing], image.mean(0)[~missing], atol=1e-6)


def test_every_chip_gets_the_context_of_its_own_scene(numpy_model: Numpy) -> None:
    def run(chips: Floats, context: Floats | None) -> Floats:
        given = np.zeros((len(chips), 2), np.float32) if context is None else context
        return np.broadcast_to(given[:, 0] + 10 * given[:, 1], (1, *chips.shape[2:], len(chips))).transpose(3, 0, 1, 2)

    model = replace(numpy_model(mean9), run=run)
    scenes = [
        drawn(noise(1, 20, 20), context={"depth": 0.5}),
        drawn(noise(1, 20, 20)),
        drawn(noise(1, 20, 20), context={"depth": -1.0}),
    ]
    found = [values for _, values in predict_small(scenes, ensemble_of([model]))]
    assert [float(v[0, 0, 0]) for v in found] == pytest.approx([10.5, 0, 9])
    assert all(np.allclose(v, v[0, 0, 0]) for v in found)


@pytest.mark.parametrize("change", [{"task": "tailings"}, {"classes": ("tar",)}, {"bands": ("blue",)}, {"chip": 32}])
def test_models_that_do_not_belong_together_are_refused(numpy_model: Numpy, change: dict[str, object]) -> None:
    with pytest.raises(BadModel, match=r"numpy\.onnx, numpy\.onnx.*name models of one kind"):
        ensemble_of([numpy_model(mean9), numpy_model(mean9, **change)])


def test_no_model_at_all_is_refused() -> None:
    with pytest.raises(BadModel, match="none"):
        ensemble_of([])


@pytest.mark.parametrize(
    ("takes", "context", "wanted"),
    [
        ((False, False), {}, ()),
        ((False, False), {"depth": 1.0}, ("its depth changed nothing: these models take none",)),
        ((False, True), {"depth": 1.0}, ()),
        ((False, True), {}, (CONTEXT_ABSENT,)),
    ],
)
def test_a_number_that_is_ignored_or_missed_is_told(
    numpy_model: Numpy, takes: tuple[bool, ...], context: dict[str, float], wanted: tuple[str, ...]
) -> None:
    ensemble = ensemble_of([numpy_model(mean9, context=one) for one in takes])
    assert context_notes(drawn(noise(1, 5, 5), context=context), ensemble) == wanted
