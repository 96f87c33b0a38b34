"""Made-up satellite scenes with tailings deposits and exactly known truth.

A scene is a function of place, painted in squares of fixed position: whatever windows are read, in whatever order,
its pixels are the same, and memory is bounded by a few squares. The truth is the outlines' own area.

>>> image, mask = draw_chips(np.random.default_rng(1), 1, size=64)[0]
>>> image.shape, image.dtype.name, mask.shape
((3, 64, 64), 'float32', (64, 64))
"""

from collections.abc import Callable, Container
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from typing import Literal

import numpy as np
from affine import Affine
from numpy.typing import NDArray

from outcrop.core.errors import UsageError
from outcrop.core.grid import Axis, Grid, Window
from outcrop.core.scene import Floats, Scene
from outcrop.core.task import Example
from outcrop.tasks.tailings.drawn.ellipsoid import clip, outline_area
from outcrop.tasks.tailings.drawn.land import Land, draw_land, paint, soil
from outcrop.tasks.tailings.drawn.layout import circles, lay_out
from outcrop.tasks.tailings.drawn.noise import Axis1, grain, mix
from outcrop.tasks.tailings.drawn.sites import DEPOSITS, Site
from outcrop.tasks.tailings.drawn.surfaces import HALO, SURFACES, WORN, worn_ground

BANDS = ("B4", "B3", "B2")
SQUARE = 256
"""Side, in pixels, of the squares that are painted whole and kept for a while."""

MARGIN = 4
"""Pixels painted beyond a square, for the blur and for slopes."""

BLUR = (0.02, 0.20, 0.56, 0.20, 0.02)
"""The sensor's point spread over pixels: about what Sentinel-2's 10 m bands have (standard deviation 0.75 pixel)."""

NOISE = 0.0009
"""Standard deviation of the sensor's noise, reflectance."""

LARGEST = 10980
"""Most pixels along a side: a Sentinel-2 tile at 10 m."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Setting:
    """What to draw.

    Attributes:
        shape: (rows, cols), 32 to 10980 each.
        grid: "utm" (10 m pixels in WGS 84 UTM) or "degrees" (EPSG:4326, pixels a little under 10 m).
        deposits: how many; None draws a number that follows the area.
        look_alikes: pits, lakes, clearings, villages and clouds per 100 km²; 0 draws none.
        area: least, median and largest area of a deposit, m²; log-normal between.
        cut: whether deposits may be cut by the scene's edge.
        swath_edge: whether a corner of the scene was not seen (NaN, mask 255).
    """

    shape: tuple[int, int] = (1024, 1024)
    grid: Literal["utm", "degrees"] = "utm"
    deposits: int | None = None
    look_alikes: float = 25.0
    area: tuple[float, float, float] = (5e3, 4e5, 5e6)
    cut: bool = False
    swath_edge: bool = False


def _check(setting: Setting) -> None:
    """Refuse what cannot be drawn."""
    if not all(32 <= side <= LARGEST for side in setting.shape):
        raise UsageError(f"a scene of {setting.shape} pixels is not drawn: give 32 to {LARGEST} rows and columns")
    if setting.grid not in ("utm", "degrees"):
        raise UsageError(f"no grid {setting.grid!r} of drawn scenes: choose utm or degrees")
    if not 0 < setting.area[0] <= setting.area[1] <= setting.area[2] or setting.look_alikes < 0:
        raise UsageError("areas of deposits are least, median, largest in m² above 0, and look_alikes is not negative")
    if setting.deposits is not None and setting.deposits < 0:
        raise UsageError(f"{setting.deposits} deposits cannot be drawn: give 0 or more")


def _place(rng: np.random.Generator, setting: Setting) -> tuple[Grid, tuple[float, float]]:
    """Somewhere in Brazil: the grid, and the size (m) of a pixel along its columns and rows."""
    if setting.grid == "utm":
        west, north = np.round(rng.uniform((300_000, 7_600_000), (580_000, 9_800_000)), -1)
        grid = Grid(
            shape=setting.shape, transform=Affine(10.0, 0.0, float(west), 0.0, -10.0, float(north)),
            axes=(Axis("easting", "m"), Axis("northing", "m")), crs=f"EPSG:{32700 + int(rng.integers(21, 25))}",
        )  # fmt: skip
        return grid, (10.0, 10.0)
    step, west, north = 9e-5, float(rng.uniform(-60, -41)), float(rng.uniform(-22, -2))
    grid = Grid(
        shape=setting.shape, transform=Affine(step, 0.0, west, 0.0, -step, north),
        axes=(Axis("longitude", "°"), Axis("latitude", "°")), crs="EPSG:4326",
    )  # fmt: skip
    # Only the picture's own metres: shapes are drawn in them, areas are not taken from them.
    return grid, (step * 111_320 * float(np.cos(np.radians(north))), step * 110_700)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Country:
    """A drawn scene before it is looked at: land, sites from below to above, and what of it the sensor saw.

    Attributes:
        pixel: metres along a column step and a row step.
        edges: (n, 3): pixels (column, row) with a·column + b·row + c ≥ 0 for all rows were seen.
        circles: (sites, 3): x, y and reach of the sites, m.
    """

    land: Land
    sites: tuple[Site, ...]
    grid: Grid
    pixel: tuple[float, float]
    edges: NDArray[np.float64]
    circles: NDArray[np.float64]

    def _axes(self, window: Window) -> tuple[Axis1, Axis1]:
        """Pixel centres (m) along y and x."""
        y = (np.arange(window.row, window.row + window.height) + 0.5) * self.pixel[1]
        return y, (np.arange(window.col, window.col + window.width) + 0.5) * self.pixel[0]

    def seen(self, window: Window) -> NDArray[np.bool_]:
        """True where the sensor looked, by pixel centres."""
        row = np.arange(window.row, window.row + window.height)[:, None] + 0.5
        col = np.arange(window.col, window.col + window.width)[None, :] + 0.5
        return np.asarray(np.logical_and.reduce([a * col + b * row + c >= 0 for a, b, c in self.edges]))

    def _boxes(self, window: Window, more: float, kinds: Container[str]) -> list[tuple[Site, tuple[slice, slice]]]:
        """Sites that reach into a window, ``more`` metres wider than their outlines, and their rectangles in it."""
        low = (self.circles[:, :2] - self.circles[:, 2:] - more) / np.array(self.pixel) - (window.col, window.row)
        high = (self.circles[:, :2] + self.circles[:, 2:] + more) / np.array(self.pixel) - (window.col, window.row)
        near = ((high > 0) & (low < (window.width, window.height))).all(axis=1)
        found = []
        for k in np.flatnonzero(near):
            (left, top), (right, bottom) = np.maximum(low[k], 0).astype(int), np.ceil(high[k]).astype(int) + 1
            if self.sites[k].kind in kinds:
                found.append((self.sites[k], (slice(top, bottom), slice(left, right))))
        return found

    def paint(self, window: Window) -> Floats:
        """Reflectances of a window, (3, rows, cols), NaN where nothing was seen."""
        wide = Window(
            row=window.row - MARGIN, col=window.col - MARGIN,
            height=window.height + 2 * MARGIN, width=window.width + 2 * MARGIN,
        )  # fmt: skip
        y, x = self._axes(wide)
        canvas = paint(self.land, y, x)
        earth = soil(self.land)
        for site, box in self._boxes(wide, HALO, WORN):
            part, places = canvas[:, *box], (y[box[0]], x[box[1]])
            part[:] = mix(part, *worn_ground(site, site.depth(*places), *places, earth))
        for site, box in self._boxes(wide, 100.0, SURFACES):
            part, places = canvas[:, *box], (y[box[0]], x[box[1]])
            part[:] = mix(part, *SURFACES[site.kind](site, site.depth(*places), *places))
        blurred = sum(w * np.roll(canvas, k - 2, 1) for k, w in enumerate(BLUR))
        blurred = sum(w * np.roll(blurred, k - 2, 2) for k, w in enumerate(BLUR))
        inside = np.asarray(blurred, np.float32)[:, MARGIN:-MARGIN, MARGIN:-MARGIN]
        y, x = self._axes(window)
        noise = np.stack([grain(self.land.seed + 101 + b, y, x, min(self.pixel)) for b in range(3)])
        values = np.maximum(inside + np.float32(NOISE) * noise, np.float32(0.005))
        return np.asarray(np.where(self.seen(window), values, np.float32(np.nan)), np.float32)

    def mask(self, window: Window) -> NDArray[np.uint8]:
        """1 where a pixel's centre lies in a deposit, 255 where nothing was seen, (rows, cols)."""
        values = np.zeros((window.height, window.width), np.uint8)
        y, x = self._axes(window)
        for site, box in self._boxes(window, 0.0, DEPOSITS):
            values[box] |= site.depth(y[box[0]], x[box[1]]) > 0
        values[~self.seen(window)] = 255
        return values

    def truth(self) -> dict[str, float]:
        """ "tailings area" (ha on the ellipsoid, of what was seen) and the number of "deposits" that it belongs to."""
        outlines = (clip(s.corners / np.array(self.pixel), self.edges) for s in self.sites if s.kind in DEPOSITS)
        areas = [outline_area(outline, self.grid) for outline in outlines]
        return {"tailings area": sum(areas) / 1e4, "deposits": float(sum(area > 0 for area in areas))}

    def reader(self) -> Callable[[Window], Floats]:
        """A reader of windows that keeps the last painted squares: two rows of them."""
        rows, cols = self.grid.shape

        @lru_cache(maxsize=2 * (-(-cols // SQUARE)) + 4)
        def square(i: int, j: int) -> Floats:
            return self.paint(Window(
                row=i * SQUARE, col=j * SQUARE, height=min(SQUARE, rows - i * SQUARE), width=min(SQUARE, cols - j * SQUARE)
            ))  # fmt: skip

        def read(window: Window) -> Floats:
            out = np.empty((3, window.height, window.width), np.float32)
            for i in range(window.row // SQUARE, -(-(window.row + window.height) // SQUARE)):
                for j in range(window.col // SQUARE, -(-(window.col + window.width) // SQUARE)):
                    part = square(i, j)
                    top, left = i * SQUARE - window.row, j * SQUARE - window.col
                    up, before = max(-top, 0), max(-left, 0)
                    part = part[:, up : window.height - top, before : window.width - left]
                    out[:, top + up : top + up + part.shape[1], left + before : left + before + part.shape[2]] = part
            return out

        return read


def _edges(rng: np.random.Generator, setting: Setting) -> NDArray[np.float64]:
    """What was seen: the scene's rectangle, less a corner beyond a slanting swath edge if asked for."""
    rows, cols = setting.shape
    edges = [(1.0, 0.0, 0.0), (-1.0, 0.0, float(cols)), (0.0, 1.0, 0.0), (0.0, -1.0, float(rows))]
    if setting.swath_edge:
        # Sentinel-2's swaths lean about 15 degrees from north.
        lean = float(rng.uniform(0.15, 0.35))
        edges.append((1.0, lean, -float(rng.uniform(0.1, 0.4)) * (cols + lean * rows)))
    return np.array(edges)


def draw_country(rng: np.random.Generator, setting: Setting | None = None) -> Country:
    """A scene's land and sites, not yet painted.

    Raises:
        UsageError: the setting cannot be drawn.
    """
    setting = setting or Setting()
    _check(setting)
    grid, pixel = _place(rng, setting)
    land = draw_land(rng)
    extent = setting.shape[0] * pixel[1], setting.shape[1] * pixel[0]
    sites = lay_out(
        rng, extent, deposits=setting.deposits, look_alikes=setting.look_alikes, area=setting.area, cut=setting.cut
    )
    return Country(land=land, sites=sites, grid=grid, pixel=pixel, edges=_edges(rng, setting), circles=circles(sites))


def scene_of(country: Country, rng: np.random.Generator) -> Scene:
    """The satellite's look at a country, on some day of 2021."""
    day = datetime(2021, 1, 1, 13, 10, tzinfo=UTC) + timedelta(days=int(rng.integers(365)))
    return Scene(id="drawn", grid=country.grid, bands=BANDS, read=country.reader(), acquired=day, notes=("synthetic",))


def draw_scene(rng: np.random.Generator, setting: Setting | None = None) -> Example:
    """A made-up scene whose tailings are known.

    Returns:
        An example whose scene reads top-of-atmosphere reflectance of B4, B3, B2. Its truth holds "tailings area",
        the outlines' own area on the ellipsoid (m²), not a count of pixels, and the number of "deposits". The mask is
        1 where a pixel's centre lies in a deposit and 255 where nothing was seen.

    Raises:
        UsageError: the setting cannot be drawn.
    """
    country = draw_country(rng, setting)
    return Example(source=scene_of(country, rng), mask=country.mask(country.grid.whole), truth=country.truth())


CHIP = 448
"""Side of drawn training pictures, pixels."""

EMPTY_SHARE = 0.2
"""Share of the drawn training pictures without any deposit."""


def draw_chip(rng: np.random.Generator, size: int = CHIP) -> tuple[Floats, NDArray[np.uint8], Country]:
    """One picture to train on, its mask, and what it was painted from; see ``draw_chips``."""
    deposits = 0 if rng.random() < EMPTY_SHARE else 1 + int(rng.poisson(1.3 * (size / CHIP) ** 2))
    grid: Literal["utm", "degrees"] = "utm" if rng.random() < 0.5 else "degrees"
    # A small picture holds fewer deposits than a large one; drawn by area they always find room.
    setting = Setting(
        shape=(size, size), grid=grid, deposits=deposits, look_alikes=30.0, area=(5e3, 6e5, 5e6), cut=True
    )
    country = draw_country(rng, setting)
    return country.paint(country.grid.whole), country.mask(country.grid.whole), country


def draw_chips(rng: np.random.Generator, count: int, size: int = CHIP) -> list[tuple[Floats, NDArray[np.uint8]]]:
    """Small pictures of made-up land to train on; deposits lie anywhere and may be cut, one picture in five has none.

    Returns:
        ``count`` pairs of reflectances of B4, B3, B2, (3, size, size) float32, and mask, (size, size) uint8, 0 or 1.

    Raises:
        UsageError: the size cannot be drawn.
    """
    return [draw_chip(rng, size)[:2] for _ in range(count)]
