"""A photo as the models want it: red, green and blue, 0..1, at most 4096 pixels a side, with notes on what is odd."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import numpy as np
from affine import Affine

from outcrop.core.errors import BadInput, NothingToSee
from outcrop.core.film import Film
from outcrop.core.grid import Window
from outcrop.core.scene import Floats, Scene
from outcrop.core.task import Prepared
from outcrop.tasks.flares.look.picture import look_at

LONGEST = 4096
"""Pixels a side that are worked on; larger photos are reduced by a whole factor, and sizes are said in their own pixels."""

COLOURS = ("red", "green", "blue")


def prepare(source: Scene | Film, looks: Mapping[str, Any]) -> Prepared:
    """A photo in colour; a film passes, its frames come one by one.

    Raises:
        BadInput: another number of bands than one or three.
        NothingToSee: no pixel was seen.
    """
    if isinstance(source, Film):
        return Prepared(source=source, notes=source.notes)
    scene = coloured(source)
    factor = -(-max(scene.grid.shape) // LONGEST)
    picture = _reduced(scene, factor)
    if np.isnan(picture).all():
        raise NothingToSee(f"{source.id} holds no visible pixel: give a picture with something in it")
    rows, cols = picture.shape[1:]
    grid = replace(scene.grid, shape=(rows, cols), transform=scene.grid.transform @ Affine.scale(factor))
    held = replace(scene, grid=grid, read=lambda window: np.asarray(picture[:, *window.slices]))
    notes = [*source.notes, *look_at(picture).notes]
    if factor > 1:
        notes.append(
            f"the photo of {scene.grid.shape[1]} x {scene.grid.shape[0]} pixels was looked at reduced {factor} times"
        )
    low, high = float(np.nanmin(picture)), float(np.nanmax(picture))
    return Prepared(source=held, notes=tuple(notes), blank=low == high)


def coloured(scene: Scene) -> Scene:
    """The scene with the bands red, green and blue; a grey one gives three equal bands."""
    if scene.bands[:3] == COLOURS:
        return replace(scene, bands=COLOURS, read=lambda window: scene.read(window)[:3])
    if len(scene.bands) == 1:
        return replace(scene, bands=COLOURS, read=lambda window: np.repeat(scene.read(window), 3, axis=0))
    if len(scene.bands) == 3:
        return replace(scene, bands=COLOURS)
    raise BadInput(
        f"{scene.id} has {len(scene.bands)} bands ({', '.join(scene.bands)}): give a photo, or a satellite scene with "
        "short-wave infrared bands to `outcrop measure flares`"
    )


def _reduced(scene: Scene, factor: int) -> Floats:
    """The whole picture as means of squares of ``factor`` pixels a side, read in strips."""
    rows, cols = (side // factor for side in scene.grid.shape)
    if factor == 1:
        return np.clip(scene.read(scene.grid.whole), 0, 1)
    strips = []
    for row in range(rows):
        strip = scene.read(Window(row=row * factor, col=0, height=factor, width=cols * factor))
        strips.append(strip.reshape(3, factor, cols, factor).mean(axis=(1, 3)))
    return np.asarray(np.clip(np.stack(strips, axis=1), 0, 1), np.float32)
