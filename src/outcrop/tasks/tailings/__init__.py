"""Tailings in satellite scenes: where deposits lie, how large they are, how sure."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from outcrop.core.task import Example, Section, Task
from outcrop.tasks.tailings.prepare import prepare, reflectance_looks
from outcrop.tasks.tailings.presets import SETTINGS
from outcrop.tasks.tailings.recipes import RECIPES

HERE = Path(__file__).parent

CARDS = {
    "tailings": {
        "normalisation": "top-of-atmosphere reflectance of B4, B3, B2, divided by 0.3 and cut to 0 .. 1.5",
        "data": "89 Sentinel-2 L1C yearly medians of 2021 in Brazil, 448 px each, with every deposit known in them",
        "licence": "weights Apache-2.0; imagery Copernicus; the labels behind them have no licence file, see the model card",
        "limits": "Brazil, one year, 10 m, visible bands only: dark vegetated and tiny deposits are missed, bare soil and "
        "quarries taken for tailings. Candidates for a person to look at; nothing about stability or volume.",
    },
}
"""What the cards of the room's models say in words, by recipe."""


def _measure(*args: Any) -> Any:
    """See ``tasks.tailings.measure``."""
    from outcrop.tasks.tailings.measure import measure as run

    return run(*args)


def _write(*args: Any) -> list[Path]:
    """See ``tasks.tailings.write``."""
    from outcrop.tasks.tailings.write import write as run

    return run(*args)


def _finish(folder: Path, stems: Sequence[str], settings: Mapping[str, str]) -> list[Section]:
    """The layer of deposits, and the audit where a register was named."""
    from outcrop.tasks.tailings.auditing import audit_run
    from outcrop.tasks.tailings.layers import write_layer

    write_layer(folder, stems, ".gpkg")
    return audit_run(folder, settings)


def _errors(*args: Any) -> Any:
    """See ``tasks.tailings.errors``."""
    from outcrop.tasks.tailings.errors import size_table

    return size_table(*args)


def _compare(*args: Any) -> list[Section]:
    """See ``tasks.tailings.changing``."""
    from outcrop.tasks.tailings.changing import compare

    return compare(*args)


def _samples(*args: Any, **settings: Any) -> list[Path]:
    """See ``tasks.tailings.samples``."""
    from outcrop.tasks.tailings.samples import make_samples

    return make_samples(*args, **settings)


def _layer(suffix: str) -> Any:
    """The layer of deposits in one more format."""

    def write(folder: Path, stems: Sequence[str]) -> list[Path]:
        from outcrop.tasks.tailings.layers import write_layer

        return write_layer(folder, stems, suffix)

    return write


def _anm(folder: Path, stems: Sequence[str]) -> list[Path]:
    """See ``tasks.tailings.layers.write_anm``."""
    from outcrop.tasks.tailings.layers import write_anm

    return write_anm(folder, stems)


def _examples(folder: Path, **settings: Any) -> Any:
    """See ``tasks.tailings.data.examples``."""
    from outcrop.tasks.tailings.data import examples as read

    return read(folder, **settings)


def _draw(rng: np.random.Generator) -> Example:
    """A made-up scene whose deposits are known; see ``tasks.tailings.draw``."""
    from outcrop.tasks.tailings.draw import draw_scene

    return draw_scene(rng)


def _draw_files(folder: Path, rng: np.random.Generator, **settings: Any) -> list[Path]:
    """See ``tasks.tailings.drawn``."""
    from outcrop.tasks.tailings.drawn import draw_files as run

    return run(folder, rng, **settings)


TASK = Task(
    name="tailings",
    title="Tailings deposits in satellite scenes",
    classes=("tailings",),
    bands=("B4", "B3", "B2"),
    head="segment",
    prepare=prepare,
    measure=_measure,
    write=_write,
    formats={"geojson": _layer(".geojson"), "parquet": _layer(".parquet"), "fgb": _layer(".fgb"), "anm": _anm},
    settings=SETTINGS,
    finish=_finish,
    errors=_errors,
    compare=_compare,
    samples=_samples,
    on_map=True,
    levels=254,
    metric="iou",
    areas=(10, 20),
    assumptions={},
    draw=_draw,
    draw_files=_draw_files,
    examples=_examples,
    recipes=RECIPES,
    models=HERE / "weights",
    looks=reflectance_looks,
    cards=CARDS,
)
