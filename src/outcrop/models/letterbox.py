"""A picture of any size → the fixed rectangle that a detector wants, and its boxes back again.

The picture is scaled until it fits, its sides keep their proportion, and the rest is filled with grey.
"""

from dataclasses import dataclass

import numpy as np

from outcrop.core.errors import BadInput
from outcrop.core.scene import Floats

GREY = 114 / 255
"""What the YOLO family fills the rest with."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Letterbox:
    """Where a picture lies in the rectangle that is fed.

    Attributes:
        shape: (rows, cols) of the picture.
        size: (rows, cols) of the rectangle.
        inner: (rows, cols) of the scaled picture, whole pixels, at least 1.
        top, left: first row and column of the scaled picture.
    """

    shape: tuple[int, int]
    size: tuple[int, int]
    inner: tuple[int, int]
    top: int
    left: int

    @property
    def scale(self) -> tuple[float, float]:
        """Pixels of the rectangle per pixel of the picture, along rows and along columns.

        They differ by the rounding of the scaled picture to whole pixels.
        """
        return self.inner[0] / self.shape[0], self.inner[1] / self.shape[1]

    def to_input(self, boxes: Floats) -> Floats:
        """Boxes (n, 4) of the picture → the same in the rectangle."""
        down, across = self.scale
        return np.asarray(boxes * (across, down, across, down) + (self.left, self.top) * 2, np.float32)

    def to_picture(self, boxes: Floats) -> Floats:
        """Boxes (n, 4) of the rectangle → the same in the picture, cut at its edges."""
        down, across = self.scale
        back = (boxes.astype(np.float64) - (self.left, self.top) * 2) / (across, down, across, down)
        rows, cols = self.shape
        return np.asarray(np.clip(back, 0, (cols, rows, cols, rows)), np.float32)


def letterbox(shape: tuple[int, int], size: tuple[int, int], *, centred: bool) -> Letterbox:
    """Fit pictures of (rows, cols) into a rectangle; the grey lies below and right, or on all sides when centred.

    >>> letterbox((300, 600), (416, 416), centred=False).inner
    (208, 416)
    """
    scale = min(size[0] / shape[0], size[1] / shape[1])
    rows, cols = (min(max(round(side * scale), 1), most) for side, most in zip(shape, size, strict=True))
    top, left = ((size[0] - rows) // 2, (size[1] - cols) // 2) if centred else (0, 0)
    return Letterbox(shape=shape, size=size, inner=(rows, cols), top=top, left=left)


def colour(picture: Floats, name: str = "the picture") -> Floats:
    """(3, rows, cols) of a picture that may be grey: (rows, cols), (1, rows, cols) or (3, rows, cols).

    Raises:
        BadInput: another number of bands, or no pixel.
    """
    stacked = picture[None] if picture.ndim == 2 else picture
    if stacked.ndim != 3 or len(stacked) not in (1, 3) or not stacked.size:
        raise BadInput(
            f"{name} has the shape {picture.shape}: a detector wants red, green and blue, (3, rows, cols), or one grey band"
        )
    return np.broadcast_to(stacked, (3, *stacked.shape[1:]))


def letterboxed(picture: Floats, fit: Letterbox) -> Floats:
    """The picture (3, rows, cols), 0..1, in its rectangle, (3, *fit.size) float32 0..1; missing pixels become grey."""
    from PIL import Image

    fed = np.full((3, *fit.size), GREY, np.float32)
    rows, cols = fit.inner
    place = (slice(fit.top, fit.top + rows), slice(fit.left, fit.left + cols))
    for band, source in zip(fed, picture, strict=True):
        missing = np.isnan(source)
        known = np.where(missing, np.float32(GREY), source) if missing.any() else source
        if fit.inner == fit.shape:
            band[place] = np.clip(known, 0, 1)
            continue
        # Eight bits are what cameras give, and what makes the scaling fast.
        levels = Image.fromarray((np.clip(known, 0, 1) * 255 + 0.5).astype(np.uint8))
        scaled = levels.resize((cols, rows), Image.Resampling.BILINEAR, reducing_gap=3.0)
        band[place] = np.asarray(scaled, np.float32) / np.float32(255)
    return fed
