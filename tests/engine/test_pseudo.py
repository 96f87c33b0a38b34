"""Unlabelled pictures are labelled where models are sure, in balanced numbers, and train only."""

import io
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from outcrop.core.errors import BadInput, DamagedFile
from outcrop.core.labelled import Labelled
from outcrop.engine.pseudo import confidence, label, read_pictures


def shade(value: int) -> Image.Image:
    return Image.fromarray(np.full((4, 6), value, np.uint8))


def png(value: int) -> bytes:
    store = io.BytesIO()
    shade(value).save(store, "PNG")
    return store.getvalue()


def coverage(mask: Any) -> int:
    return round(4 * float((mask > 0).mean()))


def labelled(probabilities: list[Any], *, seed: int = 0, images: list[Any] | None = None, **settings: Any) -> Labelled:
    """Pictures 0, 1, 2 ... of noise with these probabilities, (classes, rows, cols) each."""
    rng = np.random.default_rng(9)
    pictures = images or [rng.random((1, *p.shape[1:]), np.float32) for p in probabilities]
    ids = [str(i) for i in range(len(probabilities))]
    return label(ids, pictures, probabilities, coverage, rng=np.random.default_rng(seed), **settings)


def flat(*values: float, sure: float = 1.0) -> Any:
    """A map of 10 x 10 whose first rows are salt; a share of it is as sure as can be, the rest at 0.5."""
    found = np.full((len(values), 10, 10), 0.5, np.float32)
    cols = round(10 * sure)
    for plane, share in zip(found, values, strict=True):
        plane[:, :cols] = 0.01
        plane[: round(10 * share), :cols] = 0.99
    return found


# Reading --------------------------------------------------------------------------------------------------------------


def test_pictures_of_a_folder_are_read_in_order_as_grey(tmp_path: Path) -> None:
    for name, value in (("b.png", 51), ("a.PNG", 255), ("c.webp", 0)):
        shade(value).save(tmp_path / name, name.split(".")[1].upper(), **({"lossless": True} if "webp" in name else {}))
    (tmp_path / "notes.txt").write_text("no picture")
    ids, images = read_pictures(tmp_path)
    assert ids == ("a", "b", "c")
    assert [image.shape for image in images] == [(1, 4, 6)] * 3 and images[0].dtype == np.float32
    assert [float(image[0, 0, 0]) for image in images] == pytest.approx([1.0, 0.2, 0.0])


def test_an_archive_is_read_without_unpacking_it(tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "all.zip", "w") as archive:
        for name, value in (("test/images/b.png", 51), ("test/images/a.png", 102), ("test/notes.txt", 0)):
            archive.writestr(name, png(value))
    ids, images = read_pictures(tmp_path / "all.zip")
    assert ids == ("a", "b")
    assert [float(image.mean()) for image in images] == pytest.approx([0.4, 0.2])
    assert [path.name for path in tmp_path.iterdir()] == ["all.zip"]


def test_two_pictures_of_one_name_are_both_kept(tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "all.zip", "w") as archive:
        archive.writestr("north/a.png", png(10))
        archive.writestr("south/a.png", png(20))
    (tmp_path / "a.png").write_bytes(png(30))
    (tmp_path / "a.jpg").write_bytes(png(40))
    assert read_pictures(tmp_path / "all.zip")[0] == ("a", "south/a.png")
    assert read_pictures(tmp_path)[0] == ("a", "a.png")


def test_where_no_picture_lies_that_is_told(tmp_path: Path) -> None:
    (tmp_path / "notes.txt").write_text("no picture")
    with zipfile.ZipFile(tmp_path / "bare.zip", "w") as archive:
        archive.writestr("notes.txt", "no picture")
    for path in (tmp_path, tmp_path / "bare.zip", tmp_path / "nowhere"):
        with pytest.raises(BadInput, match=f"{path.name} holds no pictures: give a folder"):
            read_pictures(path)


def test_a_damaged_picture_or_archive_is_named(tmp_path: Path) -> None:
    (tmp_path / "cut.zip").write_bytes(b"PK\3\4 and no more")
    with pytest.raises(DamagedFile, match=r"cut\.zip cannot be read as a \.zip"):
        read_pictures(tmp_path / "cut.zip")
    with pytest.raises(DamagedFile, match=r"gone\.zip cannot be read"):
        read_pictures(tmp_path / "gone.zip")
    (tmp_path / "letter.png").write_text("a letter")
    with pytest.raises(DamagedFile, match=r"letter\.png in .* is no readable picture"):
        read_pictures(tmp_path)


# Labelling ------------------------------------------------------------------------------------------------------------


def test_confidence_is_the_share_of_sure_pixels_and_the_limits_are_not_sure() -> None:
    values = np.array([[[0.0, 0.19, 0.2, 0.5], [0.8, 0.81, 1.0, 0.79]]], np.float32)
    assert confidence(values) == pytest.approx(4 / 8)


def test_labels_are_what_the_models_saw() -> None:
    found = labelled([flat(0.3)])
    assert np.array_equal(found.masks[0], flat(0.3)[0] >= 0.5) and found.masks[0].dtype == np.uint8


def test_of_several_classes_the_most_probable_wins_its_index() -> None:
    values = np.zeros((2, 2, 2), np.float32)
    values[0] = [[0.9, 0.1], [0.85, 0.0]]
    values[1] = [[0.1, 0.95], [0.9, 0.1]]
    assert np.array_equal(labelled([values]).masks[0], [[1, 2], [2, 0]])


def test_only_sure_pictures_are_kept_and_constant_ones_are_not() -> None:
    rng = np.random.default_rng(0)
    images = [
        rng.random((1, 10, 10), np.float32),
        rng.random((1, 10, 10), np.float32),
        np.full((1, 10, 10), 0.3, np.float32),
    ]
    found = labelled([flat(0.5, sure=0.9), flat(0.5, sure=0.8), flat(0.5)], images=images)
    assert found.ids == ("pseudo/0",), "0.9 is just sure enough"
    assert np.array_equal(found.images[0], images[0])
    assert labelled([flat(0.5, sure=0.8)], least=0.8).ids == ("pseudo/0",)


def test_pseudo_labelled_pictures_train_in_every_fold_and_are_never_held_out(blobs: Any) -> None:
    found = labelled([flat(0.5), flat(0.2)])
    assert found.always.all() and not found.context.any()
    both = blobs(3).plus(found)
    assert both.always.tolist() == [False] * 3 + [True] * 2 and len(set(both.ids)) == 5


def test_nothing_sure_gives_nothing() -> None:
    found = labelled([flat(0.5, sure=0.1)])
    assert len(found) == 0 and len(found.always) == 0


def test_empty_pictures_do_not_drown_the_others() -> None:
    two = labelled([flat(0.0)] * 90 + [flat(0.5)] * 10)
    assert np.bincount(two.strata).tolist() == [90, 0, 10], "twice the mean of two classes is everything"
    three = labelled([flat(0.0)] * 90 + [flat(0.5)] * 6 + [flat(1.0)] * 6)
    counts = np.bincount(three.strata, minlength=5)
    assert counts[0] == 68 and counts[2] == counts[4] == 6, "at most twice 102 / 3"


@given(st.lists(st.sampled_from([0.0, 0.3, 0.5, 1.0]), max_size=30), st.integers(0, 12), st.integers(0, 3))
def test_a_limit_holds_and_the_choice_is_the_seed_s(shares: list[float], limit: int, seed: int) -> None:
    probabilities = [flat(share) for share in shares]
    found = labelled(probabilities, limit=limit, seed=seed)
    assert len(found) <= limit and len(set(found.ids)) == len(found)
    assert found.ids == labelled(probabilities, limit=limit, seed=seed).ids
    order = [int(name.removeprefix("pseudo/")) for name in found.ids]
    assert order == sorted(order)
    assert [coverage(mask) for mask in found.masks] == found.strata.tolist()
    assert found.groups == found.ids
