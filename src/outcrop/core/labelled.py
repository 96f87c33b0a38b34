"""Labelled pictures in memory: what a room hands to training and evaluation."""

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from hashlib import sha256

import numpy as np
from numpy.typing import NDArray

from outcrop.core.scene import Floats

IGNORE = 255
"""Mask value of pixels that neither train nor count."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Labelled:
    """Pictures with their answers; every field is one entry per picture.

    Attributes:
        ids: stable names.
        images: (bands, rows, cols) float32 each, as the task's ``prepare`` gives them; sizes may differ.
        masks: (rows, cols) uint8 each: 0 background, 1.. class index, 255 not counted.
        groups: name of the place, mosaic or volume each picture was cut from.
        strata: a small integer each, kept in equal shares by random folds (coverage class, say).
        context: (n, 2) float32: a standardised number about the whole picture (depth) and 1 where it
            is known, 0 where it is not.
        fixed_folds: fold of each picture where the data set prescribes one, else None.
        always: True for pictures that train in every fold and are never held out (drawn, pseudo-labelled).
    """

    ids: tuple[str, ...]
    images: tuple[Floats, ...]
    masks: tuple[NDArray[np.uint8], ...]
    groups: tuple[str, ...]
    strata: NDArray[np.int64]
    context: Floats
    fixed_folds: NDArray[np.int64] | None = None
    always: NDArray[np.bool_] = field(default_factory=lambda: np.zeros(0, bool))

    def __len__(self) -> int:
        return len(self.ids)

    def take(self, index: NDArray[np.int64]) -> "Labelled":
        """The pictures at these positions, in this order."""
        return replace(
            self,
            ids=tuple(self.ids[i] for i in index),
            images=tuple(self.images[i] for i in index),
            masks=tuple(self.masks[i] for i in index),
            groups=tuple(self.groups[i] for i in index),
            strata=self.strata[index],
            context=self.context[index],
            fixed_folds=None if self.fixed_folds is None else self.fixed_folds[index],
            always=self.always[index] if len(self.always) else self.always,
        )

    def plus(self, other: "Labelled") -> "Labelled":
        """Both sets; the other's pictures train in every fold and are never held out."""
        mine = self.always if len(self.always) else np.zeros(len(self), bool)
        return Labelled(
            ids=self.ids + other.ids,
            images=self.images + other.images,
            masks=self.masks + other.masks,
            groups=self.groups + other.groups,
            strata=np.concatenate([self.strata, other.strata]),
            context=np.concatenate([self.context, other.context]),
            fixed_folds=None
            if self.fixed_folds is None
            else np.concatenate([self.fixed_folds, np.full(len(other), -1)]),
            always=np.concatenate([mine, np.ones(len(other), bool)]),
        )


def fingerprint(labelled: Labelled) -> str:
    """sha256 over ids, pictures and masks: the same data give the same word."""
    digest = sha256()
    for id, image, mask in zip(labelled.ids, labelled.images, labelled.masks, strict=True):
        for part in (id.encode(), np.ascontiguousarray(image).tobytes(), np.ascontiguousarray(mask).tobytes()):
            digest.update(part)
    return digest.hexdigest()


@dataclass(frozen=True, slots=True, kw_only=True)
class Boxed:
    """Pictures with boxes around what they show; every field is one entry per picture.

    Attributes:
        ids: stable names.
        read: position → (3, rows, cols) uint8, red, green, blue: pictures are decoded when they are wanted.
        boxes: (k, 4) float32 each: left, top, right, bottom, pixels; k may be 0.
        labels: (k,) int64 each: index into the task's classes.
        groups: pictures that show the same place or are copies of each other share a name.
        kinds: the set each picture came from, e.g. "flare", "fire", "smoke", "negative".
        always: True for pictures that train in every fold and are never held out.
    """

    ids: tuple[str, ...]
    read: Callable[[int], NDArray[np.uint8]]
    boxes: tuple[Floats, ...]
    labels: tuple[NDArray[np.int64], ...]
    groups: tuple[str, ...]
    kinds: tuple[str, ...]
    always: NDArray[np.bool_]

    def __len__(self) -> int:
        return len(self.ids)
