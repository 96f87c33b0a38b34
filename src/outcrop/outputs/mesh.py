"""Closed surfaces as PLY (binary) and OBJ (text), with the units of their axes in a comment."""

from collections.abc import Callable, Sequence
from pathlib import Path
from types import MappingProxyType

import numpy as np
from numpy.typing import NDArray

from outcrop.core.errors import UsageError
from outcrop.outputs import replacing

Axes = Sequence[tuple[str, str]]
ROWS = 100_000
"""Lines of text formatted at a time."""


def write_ply(
    path: Path, vertices: NDArray[np.float64], faces: NDArray[np.int32], axes: Axes, comments: Sequence[str] = ()
) -> Path:
    """One binary little-endian PLY; coordinates are doubles, since map coordinates overflow the digits of a float.

    Args:
        vertices: (n, 3).
        faces: (m, 3) rows of ``vertices``.
        axes: name and unit of the three coordinates; in the file they are called x, y, z, as readers expect.
        comments: more lines for the header.
    """
    corners = np.zeros(len(vertices), [("x", "<f8"), ("y", "<f8"), ("z", "<f8")])
    corners["x"], corners["y"], corners["z"] = np.asarray(vertices).T
    triangles = np.zeros(len(faces), [("count", "u1"), ("rows", "<i4", 3)])
    triangles["count"], triangles["rows"] = 3, faces
    header = [
        "ply",
        "format binary_little_endian 1.0",
        *(f"comment {line}" for line in _remarks(axes, comments)),
        f"element vertex {len(vertices)}",
        *(f"property double {name}" for name in "xyz"),
        f"element face {len(faces)}",
        "property list uchar int vertex_indices",
        "end_header",
    ]
    with replacing(path) as temporary, temporary.open("wb") as file:
        file.write(("\n".join(header) + "\n").encode("ascii"))
        file.write(corners.tobytes())
        file.write(triangles.tobytes())
    return path


def write_obj(
    path: Path, vertices: NDArray[np.float64], faces: NDArray[np.int32], axes: Axes, comments: Sequence[str] = ()
) -> Path:
    """One text OBJ; coordinates to a thousandth of their unit. Arguments as for ``write_ply``."""
    with replacing(path) as temporary, temporary.open("w", encoding="ascii", newline="\n") as file:
        file.writelines(f"# {line}\n" for line in _remarks(axes, comments))
        for first in range(0, len(vertices), ROWS):
            file.writelines(f"v {x:.3f} {y:.3f} {z:.3f}\n" for x, y, z in vertices[first : first + ROWS].tolist())
        for first in range(0, len(faces), ROWS):
            file.writelines(f"f {a} {b} {c}\n" for a, b, c in (faces[first : first + ROWS] + 1).tolist())
    return path


WRITERS: MappingProxyType[str, Callable[..., Path]] = MappingProxyType({".ply": write_ply, ".obj": write_obj})


def write_mesh(
    path: Path, vertices: NDArray[np.float64], faces: NDArray[np.int32], axes: Axes, comments: Sequence[str] = ()
) -> Path:
    """PLY or OBJ, as the ending of the name says.

    Raises:
        UsageError: another ending.
    """
    writer = WRITERS.get(path.suffix.lower())
    if writer is None:
        raise UsageError(f"{path.name} ends in {path.suffix!r}, where a surface is .ply or .obj: rename it")
    return writer(path, vertices, faces, axes, comments)


def _remarks(axes: Axes, comments: Sequence[str]) -> list[str]:
    """Header lines in plain ASCII, one line each."""
    units = ", ".join(f"{letter} = {name} ({unit})" for letter, (name, unit) in zip("xyz", axes, strict=True))
    lines = [f"units: {units}; the third axis grows downwards", *comments]
    return [" ".join(line.encode("ascii", "replace").decode("ascii").split()) for line in lines]
