"""The closed surface of one body: triangles, watertight, thinned so that any body fits in memory.

The probability in the body's box and one cell around it goes through marching cubes (Lorensen & Cline 1987, in
the variant of Lewiner et al. 2003). Voxels of the body lie above one half, all others below, however close to the
threshold they are, so the surface holds this body and nothing else. A box of more than ``most`` voxels is averaged
over blocks first.
"""

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from outcrop.core.errors import NothingToSee
from outcrop.core.scene import Floats

Reals = NDArray[np.float64]
MOST = 2_000_000
MARGIN = 1e-3
"""How far from one half every voxel is kept, so that no triangle shrinks to a point."""

POSITIONS = (("inline", "1"), ("crossline", "1"), ("sample", "1"))


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Mesh:
    """Triangles around one body.

    Attributes:
        vertices: (n, 3) float64.
        faces: (m, 3) rows of ``vertices``; seen from outside, the corners run so that the enclosed volume is positive.
        axes: (name, unit) of the three coordinates.
        stride: voxels per cell along (inline, crossline, sample); 1 where nothing was thinned.
    """

    vertices: Reals
    faces: NDArray[np.int32]
    axes: tuple[tuple[str, str], ...] = POSITIONS
    stride: tuple[int, int, int] = (1, 1, 1)

    @property
    def volume(self) -> float:
        """Enclosed volume in the product of the three units."""
        return enclosed_volume(self.vertices, self.faces)


def enclosed_volume(vertices: Reals, faces: NDArray[np.int32]) -> float:
    """Volume inside closed triangles by the divergence theorem: signed tetrahedra from one point to each of them."""
    a, b, c = (vertices[faces[:, corner]] - vertices.mean(axis=0) for corner in range(3))
    return float(np.einsum("ij,ij->i", a, np.cross(b, c)).sum() / 6)


def is_watertight(faces: NDArray[np.int32]) -> bool:
    """True when every edge belongs to exactly two triangles, once in either sense."""
    edges = np.concatenate([faces[:, [0, 1]], faces[:, [1, 2]], faces[:, [2, 0]]]).astype(np.int64)
    size = int(faces.max(initial=0)) + 1
    forth, back = edges[:, 0] * size + edges[:, 1], edges[:, 1] * size + edges[:, 0]
    once = len(np.unique(forth)) == len(forth)
    return once and bool(np.array_equal(np.sort(forth), np.sort(back)))


def strides(shape: tuple[int, int, int], most: int = MOST) -> tuple[int, int, int]:
    """Voxels per cell along each axis, so that a box of this shape takes at most ``most`` cells.

    The axis with the most cells is thinned first.

    >>> strides((100, 100, 100)), strides((512, 512, 100))
    ((1, 1, 1), (4, 4, 1))
    """
    stride = [1, 1, 1]
    while np.prod(cells := [-(-n // s) for n, s in zip(shape, stride, strict=True)]) > most:
        stride[int(np.argmax(cells))] += 1
    return stride[0], stride[1], stride[2]


def gather(
    slabs: Iterable[tuple[int, Floats, NDArray[np.int32]]],
    body: int,
    start: tuple[int, int, int],
    stop: tuple[int, int, int],
    *,
    threshold: float = 0.5,
    most: int = MOST,
) -> tuple[Floats, tuple[int, int, int]]:
    """What marching cubes needs of one body, from slabs of any size.

    Args:
        slabs: (first inline, probability, body of every voxel), as ``Bodies.walk`` gives them.
        body: its id.
        start, stop: its bounding box.

    Returns:
        (cells of the box and one more all around, voxels per cell along each axis); cells are in [0, 1], above one half
        where they belong to the body.
    """
    shape = (stop[0] - start[0], stop[1] - start[1], stop[2] - start[2])
    stride = strides(shape, most)
    count = [-(-n // s) + 2 for n, s in zip(shape, stride, strict=True)]
    low = [a - s for a, s in zip(start, stride, strict=True)]
    high = [a + n * s for a, n, s in zip(low, count, stride, strict=True)]
    cells = np.zeros(count, np.float32)
    for first, probability, labels in slabs:
        crop = tuple(slice(max(a - at, 0), max(b - at, 0)) for a, b, at in zip(low, high, (first, 0, 0), strict=True))
        value = _about_one_half(probability[crop], labels[crop] == body, threshold)
        beyond = [(max(-a, 0), b - max(-a, 0) - a - n) for a, b, n in zip(low, high, value.shape, strict=True)]
        value = np.pad(value, [(0, 0), *beyond[1:]])
        value = value.reshape(len(value), count[1], stride[1], count[2], stride[2]).sum(axis=(2, 4))
        rows = (np.arange(len(value)) + max(first, low[0], 0) - low[0]) // stride[0]
        np.add.at(cells, rows, value)
    return np.asarray(cells / np.float32(np.prod(stride))), stride


def lines_of(start: tuple[int, int, int], stop: tuple[int, int, int], most: int = MOST) -> tuple[int, int]:
    """Inlines that ``gather`` needs for a body with this bounding box, (start, stop)."""
    stride = strides((stop[0] - start[0], stop[1] - start[1], stop[2] - start[2]), most)[0]
    return start[0] - stride, stop[0] + 2 * stride


def _about_one_half(chance: Floats, own: NDArray[np.bool_], threshold: float) -> Floats:
    """Probability with the threshold moved to one half; above it in the body only."""
    above = 0.5 + 0.5 * (chance - threshold) / max(1 - threshold, 1e-6)
    below = 0.5 * np.nan_to_num(chance) / max(threshold, 1e-6)
    inner, outer = np.clip(above, 0.5 + MARGIN, 1.0), np.clip(below, 0.0, 0.5 - MARGIN)
    return np.asarray(np.where(own, inner, outer), np.float32)


def surface(cells: Floats, start: tuple[int, int, int] = (0, 0, 0), stride: tuple[int, int, int] = (1, 1, 1)) -> Mesh:
    """Closed triangles around everything above one half, in positions (inline, crossline, sample) of voxel centres.

    Args:
        cells: as ``gather`` gives them; the outermost ones below one half.
        start: position of the first voxel of the first inner cell.

    Raises:
        NothingToSee: no cell is above one half (a body thinner than a cell).
    """
    from skimage.measure import marching_cubes

    safe = np.where(np.abs(cells - 0.5) < MARGIN / 2, np.float32(0.5 - MARGIN / 2), cells)
    if not (safe > 0.5).any():
        raise NothingToSee("the body is thinner than one cell of the thinned volume: allow more voxels for its surface")
    corners, faces, _, _ = marching_cubes(safe, 0.5)  # type: ignore[no-untyped-call]
    step = np.asarray(stride, float)
    vertices = np.asarray(start) + (corners.astype(float) - 1) * step + (step - 1) / 2
    return _outward(Mesh(vertices=vertices, faces=faces.astype(np.int32), stride=stride))


def place(
    mesh: Mesh,
    *,
    inlines: NDArray[np.int64],
    crosslines: NDArray[np.int64],
    vertical: tuple[str, str],
    first_sample: float,
    sample_step: float,
    x: Reals | None = None,
    y: Reals | None = None,
) -> Mesh:
    """The mesh in the world: (x, y, vertical), or (inline, crossline, vertical) where x and y follow no straight grid.

    Args:
        mesh: in positions.
        inlines, crosslines: labels of the lines.
        vertical: name and unit of the vertical axis, which grows downwards.
        x, y: (inlines, crosslines) in metres, NaN where unknown.
    """
    line, trace = mesh.vertices[:, 0], mesh.vertices[:, 1]
    depth = first_sample + sample_step * mesh.vertices[:, 2]
    flat = None if x is None or y is None else _affine(x, y)
    if flat is None:
        across, along = _label(line, inlines), _label(trace, crosslines)
        axes = (("inline", "1"), ("crossline", "1"), vertical)
    else:
        across, along = (np.stack([np.ones(len(line)), line, trace], axis=1) @ flat).T
        axes = (("x", "m"), ("y", "m"), vertical)
    placed = Mesh(vertices=np.stack([across, along, depth], axis=1), faces=mesh.faces, axes=axes, stride=mesh.stride)
    return _outward(placed)


def _outward(mesh: Mesh) -> Mesh:
    """The same triangles, turned so that the enclosed volume is positive."""
    if mesh.volume >= 0:
        return mesh
    return Mesh(vertices=mesh.vertices, faces=mesh.faces[:, ::-1].copy(), axes=mesh.axes, stride=mesh.stride)


def _label(position: Reals, labels: NDArray[np.int64]) -> Reals:
    """Labels at fractional positions; half a line beyond the ends they go on in the same step."""
    if len(labels) == 1:
        return np.asarray(labels[0] + position)
    ends = np.concatenate([[2 * labels[0] - labels[1]], labels, [2 * labels[-1] - labels[-2]]]).astype(float)
    return np.asarray(np.interp(position, np.arange(-1, len(labels) + 1), ends))


def _affine(x: Reals, y: Reals) -> Reals | None:
    """(3, 2) coefficients of position → (x, y); None where the traces do not lie on a straight grid."""
    known = np.isfinite(x) & np.isfinite(y)
    line, trace = np.nonzero(known)
    if len(line) < 3 or np.ptp(line) == 0 or np.ptp(trace) == 0:
        return None
    design = np.stack([np.ones(len(line)), line, trace], axis=1)
    target = np.stack([x[known], y[known]], axis=1)
    centre = target.mean(axis=0)
    found, *_ = np.linalg.lstsq(design, target - centre, rcond=None)
    off = np.abs(design @ found - (target - centre)).max()
    if off > 0.5 * max(np.hypot(*found[1]), np.hypot(*found[2])) or abs(np.linalg.det(found[1:])) == 0:
        return None
    found[0] += centre
    return np.asarray(found)
