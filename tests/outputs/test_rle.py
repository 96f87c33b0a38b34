"""Run lengths: small truths by hand, the round trip of any mask, and what is refused."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import array_shapes, arrays
from numpy.typing import NDArray

from outcrop.core.errors import DamagedFile
from outcrop.outputs.rle import rle_decode, rle_encode


def test_runs_go_down_the_columns_and_count_from_one() -> None:
    mask = np.array([[1, 0, 0], [1, 0, 1]], np.uint8)
    assert rle_encode(mask) == "1 2 6 1"


def test_a_run_goes_on_from_the_foot_of_a_column_to_the_head_of_the_next() -> None:
    assert rle_encode(np.array([[0, 1], [1, 0]], np.uint8)) == "2 2"


def test_an_empty_mask_is_an_empty_string_and_back() -> None:
    assert rle_encode(np.zeros((3, 4), np.uint8)) == ""
    assert not rle_decode("", (3, 4)).any()


def test_the_sample_answer_of_kaggle_is_one_pixel_not_none() -> None:
    assert rle_decode("1 1", (101, 101)).sum() == 1


def test_sixteen_bit_masks_are_read_as_above_zero() -> None:
    assert rle_encode(np.array([[65535, 0]], np.uint16)) == "1 1"


@given(arrays(np.uint8, array_shapes(min_dims=2, max_dims=2, max_side=12), elements=st.integers(0, 1)))
def test_any_mask_comes_back(mask: NDArray[np.uint8]) -> None:
    assert np.array_equal(rle_decode(rle_encode(mask), (mask.shape[0], mask.shape[1])), mask)


@pytest.mark.parametrize(
    ("text", "words"),
    [("1", "pairs"), ("1 x", "whole numbers"), ("0 1", "outside"), ("4 2", "outside"), ("1 0", "outside")],
)
def test_broken_run_lengths_are_refused_by_name(text: str, words: str) -> None:
    with pytest.raises(DamagedFile, match=f"row 7.*{words}"):
        rle_decode(text, (2, 2), name="row 7")
