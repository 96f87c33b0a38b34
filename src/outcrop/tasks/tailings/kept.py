"""Deposits of a run between its scenes and its end: kept scene by scene, so that a stopped run need not see them again.

When all scenes are done, ``settle`` looks at them together: outlines are simplified where that is wished, and
deposits that two scenes show are told apart from those that only one does.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from affine import Affine

from outcrop.core.grid import Grid
from outcrop.core.scene import Scene
from outcrop.instruments.outline_relations import Part, common_areas, shapes
from outcrop.instruments.outline_rings import Part as Traced

SAME = 0.5
"""Part of a deposit that a larger one of another scene must cover for both to be the same."""

WORLD = "EPSG:4326"

Record = dict[str, Any]
"""A deposit: the columns of the layer but for the id, "pixels", and "parts", rings in pixel corners, exterior first."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Traced:
    """What simplification wants of a deposit."""

    class_index: int
    pixels: int
    parts: tuple[Traced, ...]


def keep_features(
    folder: Path, stem: str, scene: Scene, records: Sequence[Record], total: tuple[float, float, float] | None
) -> None:
    """Keep a scene's deposits until the run is complete.

    Args:
        total: tailings area of the scene, ha, with the ends of its 90 % interval; None off the map.
    """
    path = _store(folder, stem)
    path.parent.mkdir(exist_ok=True)
    grid = scene.grid
    content = {
        "stem": stem, "crs": grid.crs, "shape": grid.shape, "transform": list(grid.transform)[:6], "total": total,
        "deposits": list(records),
    }  # fmt: skip
    path.write_text(json.dumps(content))


def kept_features(folder: Path, stems: Sequence[str]) -> list[dict[str, Any]]:
    """What was kept of each scene on the map: stem, crs, total, deposits; ids count up through the run.

    A deposit's "parts" are rings of world (x, y), exterior first: simplified ones where ``settle`` made some.
    """
    scenes = _on_map(folder, stems)
    for scene in scenes:
        place = Affine(*scene["transform"])
        for record in scene["deposits"]:
            rings = record.pop("shown", None) or record["parts"]
            record["parts"] = [[_placed(ring, place) for ring in part] for part in rings]
            record.setdefault("duplicate_of", None)
    return scenes


def settle(folder: Path, stems: Sequence[str], tolerance: float | None) -> list[dict[str, Any]]:
    """Look at all scenes of a run together, and keep what was found; gives the scenes, each deposit with "counted".

    "counted" is the part of the deposit, 0 to 1, that no larger deposit of another scene covers; 0 where that is half or
    less, and then "duplicate_of" names the larger one.

    Args:
        tolerance: how far outlines may move when they are simplified, m; None leaves them as they are.
    """
    scenes = _on_map(folder, stems)
    for scene in scenes:
        if tolerance is not None:
            _simplify(scene, tolerance)
    _count_once(scenes)
    for scene in scenes if tolerance is not None or len(scenes) > 1 else ():
        _store(folder, scene["stem"]).write_text(json.dumps(scene))
    return scenes


def in_projection(parts: Sequence[Any], crs: str, wanted: str) -> tuple[Part, ...]:
    """Rings of world (x, y), exterior first, as (exterior, holes) in another projection."""
    from outcrop.instruments.geodesy import moved

    def there(ring: Any) -> Any:
        points = np.asarray(ring, float)
        return points if crs == wanted else moved(points, crs, wanted)

    return tuple((there(exterior), tuple(there(hole) for hole in holes)) for exterior, *holes in parts)


def _store(folder: Path, stem: str) -> Path:
    return folder / ".outcrop" / f"{stem}.deposits.json"


def _on_map(folder: Path, stems: Sequence[str]) -> list[dict[str, Any]]:
    """Scenes as they were kept, deposits numbered."""
    scenes = [json.loads(_store(folder, stem).read_text()) for stem in stems if _store(folder, stem).exists()]
    found = [scene for scene in scenes if scene["crs"] is not None]
    for id, record in enumerate((record for scene in found for record in scene["deposits"]), 1):
        record["id"] = id
    return found


def _placed(ring: Sequence[Sequence[float]], place: Affine) -> list[list[float]]:
    """Pixel corners (col, row) → world (x, y)."""
    col, row = np.asarray(ring, float).T
    return np.column_stack(place @ (col, row)).tolist()  # type: ignore[no-any-return]


def _simplify(scene: dict[str, Any], tolerance: float) -> None:
    """Give the deposits of a scene outlines with fewer points ("shown"), and their perimeters."""
    from outcrop.instruments.geodesy import areas_and_perimeters, pixel_size_m
    from outcrop.instruments.simplify import simplify

    rows, cols = scene["shape"]
    grid = Grid(shape=(rows, cols), transform=Affine(*scene["transform"]), crs=scene["crs"])
    traced = [
        _Traced(
            class_index=1, pixels=record["pixels"],
            parts=tuple((np.array(e, np.int32), tuple(np.array(h, np.int32) for h in hs)) for e, *hs in record["parts"]),
        )
        for record in scene["deposits"]
    ]  # fmt: skip
    smooth = simplify(traced, tolerance / max(pixel_size_m(grid, rows / 2, cols / 2)))
    _, perimeter = areas_and_perimeters(smooth, grid)
    for record, parts, length in zip(scene["deposits"], smooth, perimeter.tolist(), strict=True):
        record["shown"] = [[exterior.tolist(), *(hole.tolist() for hole in holes)] for exterior, holes in parts]
        record["perimeter_m"] = length


def _count_once(scenes: Sequence[Mapping[str, Any]]) -> None:
    """Say of every deposit which part of it is counted, and of which larger one it is a duplicate."""
    owners = [(number, record) for number, scene in enumerate(scenes) for record in scene["deposits"]]
    for _, record in owners:
        record |= {"counted": 1.0, "duplicate_of": None}
    if len({number for number, _ in owners}) < 2:
        return
    outlines = [
        in_projection(_world(record["parts"], scenes[number]["transform"]), scenes[number]["crs"], WORLD)
        for number, record in owners
    ]
    known = shapes(outlines, tuple(outlines[0][0][0][0].tolist()))
    covered: dict[int, list[tuple[float, int]]] = {}
    size = [record["area_ha"] for _, record in owners]
    for i, j, share in common_areas(known, [number for number, _ in owners]):
        larger, smaller = (i, j) if (size[i], -i) > (size[j], -j) else (j, i)
        covered.setdefault(smaller, []).append((share[1] if smaller == j else share[0], larger))
    # From the largest down: what is a duplicate itself covers nothing.
    for k in sorted(covered, key=lambda k: (-size[k], k)):
        above = [(share, other) for share, other in covered[k] if owners[other][1]["duplicate_of"] is None]
        most = max(above, default=(0.0, -1))
        if most[0] >= SAME:
            owners[k][1].update(counted=0.0, duplicate_of=owners[most[1]][1]["id"])
        else:
            owners[k][1]["counted"] = max(1.0 - sum(share for share, _ in above), 0.0)


def _world(parts: Sequence[Any], transform: Sequence[float]) -> list[list[list[list[float]]]]:
    return [[_placed(ring, Affine(*transform)) for ring in part] for part in parts]
