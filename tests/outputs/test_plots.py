"""Pictures of an evaluation: outlines where the masks end, heat on a fixed scale, and charts."""

import subprocess
import sys
from io import BytesIO
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from outcrop.core.errors import MissingExtra
from outcrop.outputs import plots

GREY = np.tile(np.linspace(0, 1, 20, dtype=np.float32), (20, 1))


def pixels(png: bytes) -> NDArray[np.int64]:
    return np.asarray(Image.open(BytesIO(png)).convert("RGB")).astype(np.int64)


def near(picture: NDArray[np.int64], colour: tuple[int, int, int]) -> NDArray[np.bool_]:
    return np.asarray(np.abs(picture - np.array(colour)).max(axis=-1) < 12)


def half(value: int = 1) -> NDArray[np.uint8]:
    mask = np.zeros((20, 20), np.uint8)
    mask[:, 10:] = value
    return mask


def test_outlines_run_where_the_masks_end() -> None:
    empty = np.zeros((20, 20), np.uint8)
    truth = near(pixels(plots.outlined(GREY, half(), empty)), plots.TRUTH)
    predicted = near(pixels(plots.outlined(GREY, empty, half())), plots.PREDICTED)
    middle = truth.shape[1] // 2
    for line in (truth, predicted):
        columns = np.flatnonzero(line.any(axis=0))
        assert columns.min() >= middle - 4 and columns.max() <= middle + 4
    assert truth[:, middle].mean() > 0.9
    assert 0.3 < predicted[:, middle].mean() < 0.7


def test_two_outlines_that_agree_both_show() -> None:
    both = pixels(plots.outlined(GREY, half(), half()))
    assert near(both, plots.TRUTH).any() and near(both, plots.PREDICTED).any()


def test_the_rim_of_what_does_not_count_is_no_outline() -> None:
    picture = pixels(plots.outlined(GREY, half(255), np.zeros((20, 20), np.uint8)))
    assert not near(picture, plots.TRUTH).any()


def test_heat_has_one_scale_for_all_pictures() -> None:
    faint, sure = (
        pixels(plots.heat(np.full((8, 8), value, np.float32), np.zeros((8, 8), np.uint8))) for value in (0.1, 1.0)
    )
    assert faint.max() < 60
    assert sure.min() > 150


def test_unseen_pixels_are_neither_low_nor_high() -> None:
    unseen = np.full((8, 8), np.nan, np.float32)
    picture = pixels(plots.heat(unseen, np.full((8, 8), 255, np.uint8)))
    assert (picture == plots.UNSEEN[0]).all()
    assert (
        pixels(plots.outlined(unseen, np.zeros((8, 8), np.uint8), np.zeros((8, 8), np.uint8))) == plots.UNSEEN[0]
    ).all()


def test_a_constant_picture_is_grey_not_black_and_white() -> None:
    empty = np.zeros((9, 9), np.uint8)
    assert (pixels(plots.outlined(np.full((9, 9), 7, np.float32), empty, empty)) == 128).all()


@pytest.mark.parametrize("shape", [(1, 1), (101, 101), (30, 700), (900, 900), (2000, 40)])
def test_small_pictures_grow_and_large_ones_shrink(shape: tuple[int, int]) -> None:
    empty = np.zeros(shape, np.uint8)
    found = Image.open(BytesIO(plots.outlined(np.zeros(shape, np.float32), empty, empty))).size
    assert plots.SIDE / 2 < max(found) <= plots.SIDE


def test_three_bands_show_in_colour() -> None:
    picture = np.zeros((3, 10, 10), np.float32)
    picture[0, :, 5:] = 1
    empty = np.zeros((10, 10), np.uint8)
    found = pixels(plots.outlined(picture, empty, empty))
    assert found[0, -1, 0] > found[0, -1, 1] + 50


def test_a_chart_without_matplotlib_names_the_extra(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(plots, "available", lambda: False)
    with pytest.raises(MissingExtra, match=r"outcrop\[report\]"):
        plots.reliability_chart({"classes": []}, tmp_path / "a.png")


def test_importing_the_charts_does_not_load_matplotlib() -> None:
    code = "import sys, outcrop.outputs.plots, outcrop.outputs.page; print({'matplotlib', 'jinja2', 'PIL'} & set(sys.modules))"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout == "set()\n"
