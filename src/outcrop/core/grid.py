"""Where an image's pixels lie: a map, a seismic section and a photo differ only here."""

from dataclasses import dataclass
from math import ceil

from affine import Affine

from outcrop.core.errors import UsageError, WrongUnit


@dataclass(frozen=True, slots=True)
class Axis:
    """A world direction and its unit: ``Axis("easting", "m")``, ``Axis("two-way time", "ms")``."""

    name: str
    unit: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Window:
    """A rectangle of pixels inside a grid."""

    row: int
    col: int
    height: int
    width: int

    @property
    def slices(self) -> tuple[slice, slice]:
        """``array[..., *window.slices]`` cuts this window out of an array."""
        return slice(self.row, self.row + self.height), slice(self.col, self.col + self.width)


PIXELS = (Axis("column", "px"), Axis("row", "px"))

WAY_OUT = {
    "°": "reproject the scene to a metric projection, or ask for areas on the ellipsoid",
    "ms": "give a velocity, so that two-way time becomes depth",
    "px": "give a source that knows the size of its pixels",
    "trace": "give the distance between traces with --spacing",
    "ft": "convert the grid to metres first",
}
"""What to do about an axis that is not in metres."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Grid:
    """The pixels of one image and their place in the world.

    Attributes:
        shape: (rows, cols).
        transform: pixel (col, row) → world (x, y), the convention of rasterio.
        axes: what x and y are.
        crs: map projection as an EPSG code or WKT; None off the map.
    """

    shape: tuple[int, int]
    transform: Affine = Affine(1.0, 0.0, 0.0, 0.0, 1.0, 0.0)  # noqa: RUF009  (immutable)
    axes: tuple[Axis, Axis] = PIXELS
    crs: str | None = None

    def pixel_size(self, unit: str = "m") -> tuple[float, float]:
        """Length of a pixel's side along its columns and along its rows, also on rotated grids.

        Raises:
            WrongUnit: an axis is measured in something else.

        >>> Grid(shape=(5, 5), transform=Affine.scale(12.5, 4), axes=(Axis("line", "m"), Axis("depth", "m"))).pixel_size()
        (12.5, 4.0)
        """
        for axis in self.axes:
            if axis.unit != unit:
                hint = WAY_OUT.get(axis.unit, "convert the grid first")
                raise WrongUnit(f"{axis.name} is in {axis.unit}, not {unit}: {hint}")
        t = self.transform
        return float((t.a**2 + t.d**2) ** 0.5), float((t.b**2 + t.e**2) ** 0.5)

    def crop(self, window: Window) -> "Grid":
        """The grid of a window, with the same axes and projection."""
        transform = self.transform @ Affine.translation(window.col, window.row)
        return Grid(shape=(window.height, window.width), transform=transform, axes=self.axes, crs=self.crs)

    @property
    def whole(self) -> Window:
        """The window that holds every pixel."""
        return Window(row=0, col=0, height=self.shape[0], width=self.shape[1])

    def windows(self, size: int, overlap: int) -> list[Window]:
        """Windows of ``size`` pixels a side that cover the grid, row by row; the last ones are moved back inside.

        The steps are equal and never longer than ``size - overlap``. A grid smaller than ``size``
        gives one window of its own shape.

        Raises:
            UsageError: the overlap does not leave a step of at least one pixel.

        >>> [w.col for w in Grid(shape=(64, 100)).windows(64, 16)]
        [0, 36]
        """
        if not 0 <= overlap < size:
            raise UsageError(f"an overlap of {overlap} px does not fit chips of {size} px: choose 0 to {size - 1}")

        def starts(length: int) -> list[int]:
            steps = max(ceil((length - size) / (size - overlap)), 0)
            last = max(length - size, 0)
            return [round(i * last / steps) if steps else 0 for i in range(steps + 1)]

        rows, cols = self.shape
        height, width = min(size, rows), min(size, cols)
        return [Window(row=row, col=col, height=height, width=width) for row in starts(rows) for col in starts(cols)]
