"""Training data of the salt room: the TGS challenge folder, or any folder of pictures and masks.

Layout: ``images/*.png`` and ``masks/*.png`` of the same name; beside them or one folder up an optional
``depths.csv`` (id, z). Masks are read as "anything above 0": half of the TGS masks are 16-bit.
"""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from outcrop.core.errors import BadInput, DamagedFile
from outcrop.core.labelled import Labelled
from outcrop.core.scene import Floats
from outcrop.sources.image import read_depths
from outcrop.tasks.salt.looks import looks
from outcrop.tasks.salt.prepare import amplitude_scale, standard_depth, to_grey

COVERAGE_CLASSES = (0.0, 0.01, 0.05, 0.10, 0.25, 0.50, 0.75, 0.90, 0.99)
"""Edges of the coverage classes: 0, up to 1 %, 5 %, 10 %, 25 %, 50 %, 75 %, 90 %, 99 %, more."""


def grey(path: Path) -> Floats:
    """A picture as grey values in [0, 1], (rows, cols)."""
    with Image.open(path) as image:
        if image.mode.startswith("I"):
            return np.asarray(image, np.float32) / np.float32(65535)
        return np.asarray(image.convert("L"), np.float32) / np.float32(255)


def read_mask(path: Path) -> NDArray[np.uint8]:
    """A mask of any bit depth, (rows, cols): 1 where the file is above 0."""
    with Image.open(path) as image:
        values = np.asarray(image)
    return ((values if values.ndim == 2 else values[..., :3].max(2)) > 0).astype(np.uint8)


def depth_context(ids: tuple[str, ...], depths: dict[str, float]) -> Floats:
    """(n, 2): standardised depth and 1 where it is known, else (0, 0)."""
    rows = [(standard_depth(depths[i]), 1.0) if i in depths else (0.0, 0.0) for i in ids]
    return np.array(rows, np.float32).reshape(-1, 2)


def coverage_class(mask: NDArray[np.uint8]) -> int:
    """Position of a mask's salt share among ``COVERAGE_CLASSES``."""
    return int(np.searchsorted(COVERAGE_CLASSES, (mask == 1).mean(), side="left"))


def examples(folder: Path, *, company: bool = False, training: bool = False) -> Labelled:
    """Labelled pictures and sections of a folder, grouped by mosaic.

    Args:
        company: the pictures accompany drawn sections whose masks hold whole bodies. Challenge masks hold
            caps only: an empty one may lie deep inside salt. Empty pictures that are not plainly layered
            are left out then, and so are those with less than 5 or more than 95 % of salt.
        training: makes no difference here; rooms may leave doubtful pixels out of training.

    Raises:
        BadInput: no pictures, a picture that cannot be read, or one without a mask of its size.
    """
    from outcrop.tasks.salt.mosaics import mosaics

    paths = sorted(p for p in (folder / "images").glob("*") if p.suffix in (".png", ".npy"))
    if not paths:
        raise BadInput(f"{folder} holds no images/*.png or *.npy: point to a folder with images/ and masks/")
    lost = [p.name for p in paths if not (folder / "masks" / p.name).exists()]
    if lost:
        raise BadInput(f"{folder}/masks lacks {len(lost)} masks, first {lost[0]}: every picture in images/ needs one")
    images = [_read(_image, p) for p in paths]
    masks = [_read(_mask, folder / "masks" / p.name) for p in paths]
    odd = [p.name for p, i, m in zip(paths, images, masks, strict=True) if i.shape != m.shape]
    if odd:
        raise BadInput(f"{folder}/masks/{odd[0]} and its picture differ in size: give every picture a mask of its size")
    if company:
        kept = [i for i, pair in enumerate(zip(images, masks, strict=True)) if _tells_bodies(*pair)][::COMPANY_STEP]
        paths, images, masks = [paths[i] for i in kept], [images[i] for i in kept], [masks[i] for i in kept]
    ids = tuple(p.stem for p in paths)
    table = next((p for p in (folder / "depths.csv", folder.parent / "depths.csv") if p.exists()), None)
    return Labelled(
        ids=ids,
        images=tuple(i[None] for i in images),
        masks=tuple(masks),
        groups=tuple(f"mosaic-{g}" for g in mosaics(images)),
        strata=np.array([coverage_class(m) for m in masks], np.int64),
        context=depth_context(ids, read_depths(table) if table else {}),
    )


def _read(how: Callable[[Path], NDArray[Any]], path: Path) -> NDArray[Any]:
    """A picture or mask, or a refusal that names the file."""
    try:
        return how(path)
    except (OSError, ValueError, SyntaxError, EOFError) as error:
        raise DamagedFile(f"{path} cannot be read ({error}): copy or export it again") from None


def _image(path: Path) -> Floats:
    """A picture, or a section of amplitudes scaled as at prediction, (rows, cols) in [0, 1]."""
    if path.suffix == ".png":
        return grey(path)
    section = np.load(path, allow_pickle=False).astype(np.float32)
    return to_grey(section, *amplitude_scale(section))


def _mask(path: Path) -> NDArray[np.uint8]:
    """A mask, (rows, cols), 0 or 1."""
    return read_mask(path) if path.suffix == ".png" else (np.load(path, allow_pickle=False) > 0).astype(np.uint8)


COMPANY_STEP = 2
"""Every second picture is enough company: they cost as much as a whole section and fill a quarter of a chip."""

LAYERED = 0.12
"""Lateral roughness (``looks``) below which an empty picture is plainly layered; the median of the empty ones."""


def _tells_bodies(image: Floats, mask: NDArray[np.uint8]) -> bool:
    """Whether a challenge picture's mask can stand beside masks of whole bodies."""
    share = float(mask.mean())
    if share:
        return 0.05 <= share <= 0.95
    found = looks(image)
    return bool(found) and found["lateral roughness"] < LAYERED
