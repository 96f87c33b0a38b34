"""Pictures without georeference (PNG, JPEG, TIFF, WebP, BMP) → scenes.

Full scale is 1 inside: 8-bit values are divided by 255, 16-bit by 65535, floating-point ones are kept.
Orientation tags are applied, palettes resolved, fully transparent pixels become NaN.
"""

import csv
import warnings
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from math import isfinite
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image, ImageOps, UnidentifiedImageError

from outcrop.core.errors import BadInput, DamagedFile, TooLarge, UnknownFormat
from outcrop.core.grid import Grid
from outcrop.core.scene import Floats, Scene, scene_from_array

FORMATS = ("PNG", "JPEG", "TIFF", "WEBP", "BMP")
"""Decoders allowed; the others of Pillow's are never tried."""

BANDS = {1: ("grey",), 3: ("red", "green", "blue")}


@dataclass(frozen=True, slots=True, kw_only=True)
class PictureOptions:
    """How pictures are opened.

    Attributes:
        max_pixels: larger pictures are refused before they are decoded.
        depths: depth of pictures by the stem of their file, as ``read_depths`` gives it.
    """

    max_pixels: int = 100_000_000
    depths: Mapping[str, float] = field(default_factory=dict)


def read_depths(path: Path) -> dict[str, float]:
    """Depth z by picture id, in the table's own unit, from a CSV file with the columns id and z.

    Raises:
        BadInput: no table of that kind, a depth that is no finite number, or one id with two depths.
    """
    depths: dict[str, float] = {}
    line = 1
    try:
        with path.open(newline="", encoding="utf-8-sig") as file:
            table = csv.DictReader(file)
            if not {"id", "z"} <= set(table.fieldnames or ()):
                raise ValueError
            for row in table:
                line = table.line_num
                depth = float(row["z"])
                if not isfinite(depth) or depths.setdefault(row["id"], depth) != depth:
                    raise ValueError
    except OSError as error:
        raise BadInput(f"{path} cannot be read ({error.strerror}): check the path of the table of depths") from None
    except (ValueError, TypeError, csv.Error):
        raise BadInput(
            f"{path} is no table of depths (line {line}): give the columns id and z, with one number for every id"
        ) from None
    return depths


def _opened(path: Path) -> Any:
    """A lazily opened Pillow image of an allowed format."""
    try:
        # Size is judged below from the header, with our own limit and our own sentence.
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", Image.DecompressionBombWarning)
            return Image.open(path, formats=FORMATS)
    except UnidentifiedImageError:
        raise UnknownFormat(
            f"{path.name} is no picture that Outcrop reads: give {', '.join(FORMATS)}, .npy or SEG-Y"
        ) from None
    except Image.DecompressionBombError:
        most = 2 * (Image.MAX_IMAGE_PIXELS or 0)
        raise TooLarge(
            f"{path.name} claims more than {most} pixels, the most that one picture may have: cut it into parts"
        ) from None
    except (OSError, ValueError, SyntaxError) as error:
        raise DamagedFile(f"{path.name} cannot be opened as a picture ({error}): copy or export it again") from None


def _levels(image: Any) -> Floats:
    """Decoded pixels, (bands, rows, cols) float32, full scale 1, NaN where transparent."""
    if image.mode in ("I;16", "I;16B", "I;16L", "I"):
        values = np.asarray(image).astype(np.float32)
        return np.asarray((values / np.float32(65535))[None])
    if image.mode == "F":
        return np.asarray(image, np.float32)[None]
    clear = "transparency" in image.info or image.mode in ("LA", "PA", "RGBA", "La", "RGBa")
    grey = image.mode in ("1", "L", "LA", "La")
    target = {(True, True): "LA", (True, False): "L", (False, True): "RGBA", (False, False): "RGB"}[grey, clear]
    values = np.asarray(image.convert(target), np.float32) / np.float32(255)
    stacked = values[None] if values.ndim == 2 else np.moveaxis(values, 2, 0)
    if not clear:
        return np.ascontiguousarray(stacked)
    colour, alpha = stacked[:-1], stacked[-1]
    return np.where(alpha[None] > 0, colour, np.float32("nan"))


def _taken(image: Any) -> datetime | None:
    """When the camera says the picture was taken; EXIF gives no time zone, so it is None unless readable."""
    text = image.getexif().get(306)
    try:
        return datetime.strptime(str(text), "%Y:%m:%d %H:%M:%S") if text else None
    except ValueError:
        return None


def open_picture(path: Path, options: PictureOptions = PictureOptions()) -> Scene:
    """One picture as a scene in pixels, decoded now.

    Raises:
        UnknownFormat: not a picture of an allowed format.
        TooLarge: more pixels than the limit, judged from the header.
        DamagedFile: truncated or broken inside.
    """
    with _opened(path) as image:
        cols, rows = image.size
        if rows * cols > options.max_pixels:
            raise TooLarge(
                f"{path.name} has {cols} x {rows} pixels, more than the limit of {options.max_pixels}: "
                "cut it into parts or raise --max-pixels"
            )
        # Without a name Pillow does not map the file, which turns plain TIFFs with an orientation tag into noise.
        image.filename = ""
        try:
            taken = _taken(image)
            values = _levels(ImageOps.exif_transpose(image))
        except (OSError, ValueError, SyntaxError, EOFError) as error:
            raise DamagedFile(f"{path.name} is damaged ({error}): copy or export it again") from None
    bands = BANDS.get(len(values), tuple(f"band {i + 1}" for i in range(len(values))))
    scene = scene_from_array(path.stem, values, Grid(shape=(values.shape[1], values.shape[2])), bands)
    depth = options.depths.get(path.stem)
    context = {} if depth is None else {"depth": depth}
    return replace(scene, acquired=taken, context=context)
