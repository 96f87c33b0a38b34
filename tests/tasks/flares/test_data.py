"""Photos come in with boxes or outlines; copies stay together, and nothing that trains shows what is held out."""

import os
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from outcrop.core.errors import BadInput, UsageError
from outcrop.core.labelled import IGNORE, Boxed, Labelled
from outcrop.sources.boxes import read_yolo
from outcrop.tasks.flares.data import alike, boxed, difference_hash, distances, examples, mask_of, outlined, pixels

DATA = Path(os.environ.get("OUTCROP_DATA", Path(__file__).parents[4] / "shared" / "data")) / "flares"
real = pytest.mark.skipif(not DATA.is_dir(), reason=f"needs the flare photos in {DATA}: set OUTCROP_DATA")


def photo(seed: int, rows: int = 40, cols: int = 60) -> NDArray[np.uint8]:
    """A smooth picture like no other, (rows, cols, 3)."""
    coarse = np.random.default_rng(seed).integers(0, 255, (17, 17, 3), np.uint8)
    return np.asarray(Image.fromarray(coarse).resize((cols, rows), Image.Resampling.BICUBIC))


def save(folder: Path, name: str, picture: NDArray[np.uint8], **labels: str) -> None:
    """A picture in images/ with one text file per kind of label."""
    for kind, text in labels.items():
        (folder / kind).mkdir(parents=True, exist_ok=True)
        (folder / kind / f"{name}.txt").write_text(text)
    where = folder / "images" if labels else folder
    where.mkdir(parents=True, exist_ok=True)
    Image.fromarray(picture).save(where / f"{name}.png")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Flares a and b (one picture, another light), c; fires d, e = d, f = c; ten photos without fire."""
    box, outline = "0 0.5 0.5 0.5 0.5\n", "1 0.1 0.1 0.6 0.1 0.6 0.6 0.1 0.6\n0 0.5 0.5 0.9 0.5 0.9 0.9 0.5 0.9\n"
    for name, picture in (("a", photo(1)), ("b", photo(1) // 2 + 60), ("c", photo(2))):
        save(tmp_path / "flare", name, picture, labels=box, polygons=outline)
    for name, picture in (("d", photo(3)), ("e", photo(3)), ("f", photo(2))):
        save(tmp_path / "fire", name, picture, labels=box + "1 0.25 0.5 0.5 1.0\n")
    for i in range(10):
        save(tmp_path / "negatives", f"n{i}", photo(10 + i))
    return tmp_path


def test_boxes_come_in_pixels_and_pictures_when_wanted(folder: Path) -> None:
    found = boxed(folder, kinds=["flare", "fire"])
    assert found.ids[0] == "flare/a" and found.read(0).shape == (3, 40, 60) and found.read(0).dtype == np.uint8
    assert found.boxes[0].tolist() == [[15, 10, 45, 30]] and found.labels[0].tolist() == [0]
    last = found.ids.index("fire/d")
    assert found.boxes[last].tolist() == [[15, 10, 45, 30], [0, 0, 30, 40]] and found.labels[last].tolist() == [0, 1]


def test_copies_share_a_group_and_exact_ones_of_general_fires_go(folder: Path) -> None:
    found = boxed(folder)
    group = dict(zip(found.ids, found.groups, strict=True))
    assert group["flare/a"] == group["flare/b"] == "flare/a" and group["flare/c"] == "flare/c"
    assert "fire/e" not in found.ids


def test_nothing_that_always_trains_shows_what_is_held_out(folder: Path) -> None:
    found = boxed(folder)
    assert "fire/f" not in found.ids  # the same picture as flare/c
    assert {k for k, a in zip(found.kinds, found.always, strict=True) if not a} == {"flare", "spare"}
    assert boxed(folder, kinds=["fire"]).ids == ("fire/d", "fire/f")


def test_photos_without_fire_are_parted_by_name_alone(folder: Path) -> None:
    found = boxed(folder, kinds=["negative", "spare"])
    assert len(found) == 10 and {"negative", "spare"} == set(found.kinds)
    assert all(len(b) == 0 and b.shape == (0, 4) for b in found.boxes)
    for path in list((folder / "negatives").glob("*"))[:5]:
        path.unlink()
    before = dict(zip(found.ids, found.kinds, strict=True))
    fewer = boxed(folder, kinds=["negative", "spare"])
    assert all(before[id] == kind for id, kind in zip(fewer.ids, fewer.kinds, strict=True))


def test_outlines_become_masks_in_which_flame_wins(folder: Path) -> None:
    found = outlined(folder, side=60)
    assert found.ids == ("a", "b", "c") and found.groups[0] == found.groups[1] != found.groups[2]
    mask = found.masks[0]
    assert found.images[0].shape == (3, 40, 60) and mask.shape == (40, 60)
    assert mask[10, 10] == 2 and mask[22, 33] == 1 and mask[38, 58] == 0
    assert (mask == 1).sum() == 24 * 16 and (mask == 2).sum() == 30 * 20 - 6 * 4
    assert found.strata.tolist() == [3, 3, 3] and IGNORE not in mask


def test_training_leaves_the_outlines_themselves_out(folder: Path) -> None:
    plain, careful = outlined(folder).masks[0], outlined(folder, training=True).masks[0]
    assert (careful == IGNORE).any() and (plain[careful != IGNORE] == careful[careful != IGNORE]).all()
    assert careful[10, 10] == 2 and careful[10, 6] == careful[10, 5] == IGNORE and careful[10, 3] == 0


def test_a_pixel_is_of_a_class_when_half_of_it_is(tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_text("0 0 0 0.55 0 0.55 1 0 1\n")
    mark = read_yolo(tmp_path / "a.txt", shape=(40, 40), classes=("flame", "smoke"))
    assert mark is not None and (mask_of(mark, (10, 10), training=False)[5] == [1] * 6 + [0] * 4).all()
    (tmp_path / "a.txt").write_text("0 0 0 0.52 0 0.52 1 0 1\n")
    mark = read_yolo(tmp_path / "a.txt", shape=(40, 40), classes=("flame", "smoke"))
    assert mark is not None and (mask_of(mark, (10, 10), training=False)[5] == [1] * 5 + [0] * 5).all()


def test_pictures_alone_are_company_that_shows_nothing(folder: Path) -> None:
    found = outlined(folder / "negatives", company=True)
    assert len(found) == 10 and not any(mask.any() for mask in found.masks) and not found.strata.any()
    with pytest.raises(BadInput):
        outlined(folder / "negatives")


def test_the_room_gives_either_kind(folder: Path) -> None:
    assert isinstance(examples(folder, boxes=True), Boxed) and isinstance(examples(folder, training=True), Labelled)


def test_what_lacks_is_named(folder: Path, tmp_path: Path) -> None:
    (folder / "fire" / "labels" / "d.txt").unlink()
    with pytest.raises(BadInput, match="d.png"):
        boxed(folder)
    with pytest.raises(UsageError, match="steam"):
        boxed(folder, kinds=["steam"])
    (tmp_path / "empty").mkdir()
    with pytest.raises(BadInput, match="flare"):
        boxed(tmp_path / "empty")


def test_hashes_tell_pictures_apart_but_not_their_light(folder: Path) -> None:
    bits = np.array([difference_hash(folder / "flare" / "images" / f"{name}.png") for name in "abc"])
    apart = distances(bits, bits)
    assert apart[0, 1] < 20 and apart[0, 2] > 80 and alike(bits, 40).tolist() == [0, 0, 1]


@real
def test_the_real_photos_have_the_groups_that_were_found_by_eye() -> None:
    found = boxed(DATA, kinds=["flare", "smoke"])
    flares = [g for g, k in zip(found.groups, found.kinds, strict=True) if k == "flare"]
    same = {g: sum(other == g for other in flares) for g in flares}
    assert len(flares) == 68 and [g for g, count in same.items() if count > 1] == [
        "flare/flare_0009", "flare/flare_0072", "flare/flare_0077",
    ]  # fmt: skip
    assert len({g for g, k in zip(found.groups, found.kinds, strict=True) if k == "smoke"}) == 44
    counts = np.bincount(np.concatenate([y for y, k in zip(found.labels, found.kinds, strict=True) if k == "flare"]))
    assert counts.tolist() == [103, 58] and pixels(DATA / "flare" / "images" / "flare_0009.jpg").shape == (3, 640, 640)
