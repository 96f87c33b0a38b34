"""Training data come in with their masks, groups, strata and depths, or are refused with a sentence."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from outcrop.core.errors import BadInput
from outcrop.sources.image import PictureOptions, open_picture, read_depths
from outcrop.tasks.salt.data import (
    coverage_class,
    depth_context,
    examples,
    grey,
    read_mask,
)
from outcrop.tasks.salt.prepare import DEPTH_MEAN, DEPTH_SPREAD, prepare

RNG = np.random.default_rng(0)


def save(path: Path, values: Any) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(values).save(path)
    return path


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Three drawn pictures: no salt, half salt in 16 bits, all salt."""
    half = np.zeros((20, 20), np.uint16)
    half[10:] = 65535
    masks = {"a": np.zeros((20, 20), np.uint8), "b": half, "c": np.full((20, 20), 255, np.uint8)}
    for name, mask in masks.items():
        save(
            tmp_path / "train" / "images" / f"{name}.png",
            np.random.default_rng(ord(name)).integers(0, 255, (20, 20)).astype(np.uint8),
        )
        save(tmp_path / "train" / "masks" / f"{name}.png", mask)
    (tmp_path / "depths.csv").write_text("id,z\na,506\nc,715\nzzz,1\n")
    return tmp_path / "train"


def test_a_folder_gives_its_pictures_with_their_answers(folder: Path) -> None:
    found = examples(folder)
    assert found.ids == ("a", "b", "c")
    assert all(image.shape == (1, 20, 20) and image.dtype == np.float32 for image in found.images)
    assert [float(mask.mean()) for mask in found.masks] == [0, 0.5, 1]
    assert len(set(found.groups)) == 3
    assert found.strata.tolist() == [0, 5, 9]


def test_depths_beside_the_folder_are_found_and_standardised(folder: Path) -> None:
    found = examples(folder)
    assert found.context == pytest.approx(np.array([[0, 1], [0, 0], [1, 1]]))


def test_depths_inside_the_folder_come_first(folder: Path) -> None:
    (folder / "depths.csv").write_text("id,z\nb,506\n")
    assert examples(folder).context[:, 1].tolist() == [0, 1, 0]


def test_without_depths_none_is_known(folder: Path) -> None:
    (folder.parent / "depths.csv").unlink()
    assert not examples(folder).context.any()


@pytest.mark.parametrize("kind", [np.uint8, np.uint16, bool])
def test_a_mask_of_any_bit_depth_is_read_alike(tmp_path: Path, kind: Any) -> None:
    salt = RNG.random((9, 7)) < 0.5
    top = {np.uint8: 255, np.uint16: 65535, bool: True}[kind]
    assert np.array_equal(read_mask(save(tmp_path / "m.png", (salt * top).astype(kind))), salt)


def test_a_mask_drawn_in_colour_is_read_too(tmp_path: Path) -> None:
    salt = RNG.random((9, 7)) < 0.5
    colour = np.stack([salt * 255, salt * 0, salt * 0], axis=2).astype(np.uint8)
    assert np.array_equal(read_mask(save(tmp_path / "m.png", colour)), salt)


def test_a_picture_is_read_as_prediction_reads_it(tmp_path: Path) -> None:
    """Eight bits, sixteen bits, colour: training and prediction must not differ."""
    values = RNG.integers(0, 255, (9, 7)).astype(np.uint8)
    colour = RNG.integers(0, 255, (9, 7, 3)).astype(np.uint8)
    for name, stored in (("8.png", values), ("16.png", values.astype(np.uint16) * 256), ("colour.png", colour)):
        path = save(tmp_path / name, stored)
        source = prepare(open_picture(path), {}).source
        assert np.abs(grey(path) - source.read(source.grid.whole)[0]).max() < 0.004, name  # type: ignore[union-attr, call-arg, arg-type]


@pytest.mark.parametrize(
    ("share", "wanted"),
    [(0, 0), (0.01, 1), (0.02, 2), (0.05, 2), (0.1, 3), (0.3, 5), (0.5, 5), (0.6, 6), (0.99, 8), (1, 9)],
)
def test_coverage_classes_have_the_edges_they_name(share: float, wanted: int) -> None:
    mask = np.zeros(10_000, np.uint8)
    mask[: round(share * 10_000)] = 1
    assert coverage_class(mask.reshape(100, 100)) == wanted


def test_depth_is_standardised_where_it_is_known() -> None:
    found = depth_context(("a", "b"), {"a": DEPTH_MEAN + 2 * DEPTH_SPREAD})
    assert found == pytest.approx(np.array([[2, 1], [0, 0]]))
    assert depth_context((), {}).shape == (0, 2)


def test_prediction_is_fed_the_depth_that_training_was_fed(folder: Path) -> None:
    options = PictureOptions(depths=read_depths(folder.parent / "depths.csv"))
    for id, (depth, known) in zip("abc", examples(folder).context.tolist(), strict=True):
        source = prepare(open_picture(folder / "images" / f"{id}.png", options), {}).source
        assert source.context == (pytest.approx({"depth": depth}) if known else {}), id  # type: ignore[union-attr]


def test_a_folder_without_pictures_is_refused(tmp_path: Path) -> None:
    with pytest.raises(BadInput, match="point to a folder with images/ and masks/"):
        examples(tmp_path)


def test_a_picture_without_a_mask_is_named(folder: Path) -> None:
    (folder / "masks" / "b.png").unlink()
    with pytest.raises(BadInput, match=r"lacks 1 masks, first b\.png"):
        examples(folder)


def test_a_mask_of_another_size_is_named(folder: Path) -> None:
    save(folder / "masks" / "b.png", np.zeros((5, 5), np.uint8))
    with pytest.raises(BadInput, match=r"b\.png"):
        examples(folder)


@pytest.mark.parametrize("where", ["images", "masks"])
def test_a_damaged_picture_is_named(folder: Path, where: str) -> None:
    (folder / where / "b.png").write_bytes(b"no picture")
    with pytest.raises(BadInput, match=r"b\.png"):
        examples(folder)


@pytest.mark.parametrize("text", ["name,depth\na,1\n", "id,z\na,deep\n", "id,z\na\n"])
def test_a_table_of_depths_that_is_none_is_named(folder: Path, text: str) -> None:
    (folder / "depths.csv").write_text(text)
    with pytest.raises(BadInput, match=r"depths\.csv"):
        examples(folder)


def test_a_section_of_amplitudes_is_scaled_as_at_prediction(tmp_path: Path) -> None:
    for part, values in (("images", 3000 * RNG.normal(size=(40, 50))), ("masks", RNG.random((40, 50)) < 0.3)):
        (tmp_path / part).mkdir()
        np.save(tmp_path / part / "line.npy", values.astype(np.float32))
    found = examples(tmp_path)
    assert found.ids == ("line",) and set(np.unique(found.masks[0])) == {0, 1}
    assert found.images[0].mean() == pytest.approx(0.473, abs=0.02)
    assert found.images[0].min() >= 0 and found.images[0].max() <= 1


def test_the_challenge_has_the_counts_it_is_known_for(data: Path) -> None:
    masks = sorted((data / "tgs" / "train" / "masks").glob("*.png"))
    shares = [float(read_mask(path).mean()) for path in masks[:300]]
    assert len(masks) == 3000
    assert 0.3 < np.mean([share == 0 for share in shares]) < 0.5
    assert len(read_depths(data / "tgs" / "depths.csv")) > 4000
