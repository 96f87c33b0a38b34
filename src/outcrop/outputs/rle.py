"""Masks as run lengths, the way Kaggle writes them in a submission."""

import numpy as np
from numpy.typing import NDArray

from outcrop.core.errors import DamagedFile


def rle_encode(mask: NDArray[np.uint8]) -> str:
    """Run lengths as Kaggle writes them: "start length start length …" of the pixels above 0.

    Starts count from 1, down the first column, then down the second; an empty mask is an empty string.

    >>> rle_encode(np.array([[0, 1], [1, 1]], np.uint8))
    '2 3'
    """
    flat = np.concatenate([[False], np.asarray(mask).ravel(order="F") > 0, [False]])
    edges = np.flatnonzero(flat[1:] != flat[:-1])
    starts, ends = edges[::2], edges[1::2]
    return " ".join(f"{start + 1} {end - start}" for start, end in zip(starts, ends, strict=True))


def rle_decode(text: str, shape: tuple[int, int], name: str = "the run lengths") -> NDArray[np.uint8]:
    """The mask behind `rle_encode`, (rows, cols), 0 and 1; ``name`` is what an error calls it.

    Raises:
        DamagedFile: an odd number of words, a word that is no whole number, or a run outside the picture.
    """
    words = text.split()
    try:
        numbers = np.array([int(word) for word in words], np.int64)
    except ValueError as error:
        raise DamagedFile(f"{name}: {error}; wanted whole numbers, start and length in turn") from None
    if len(numbers) % 2:
        raise DamagedFile(f"{name}: {len(numbers)} numbers; wanted pairs of start and length")
    flat = np.zeros(shape[0] * shape[1], np.uint8)
    for start, length in numbers.reshape(-1, 2):
        if start < 1 or length < 1 or start - 1 + length > flat.size:
            raise DamagedFile(
                f"{name}: the run {start} {length} lies outside a picture of {shape[0]} × {shape[1]} pixels; "
                "check the picture's size"
            )
        flat[start - 1 : start - 1 + length] = 1
    return flat.reshape(shape, order="F")
