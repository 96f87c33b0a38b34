"""Tailings in satellite scenes: where deposits lie, how large they are, how sure."""

from collections.abc import Mapping, Sequence
from math import inf
from pathlib import Path
from typing import Any

import numpy as np

from outcrop.core.errors import UsageError
from outcrop.core.task import Example, Section, Task
from outcrop.tasks.tailings.audit.presets import REGISTER
from outcrop.tasks.tailings.prepare import prepare, reflectance_looks
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


def _check(settings: Mapping[str, str]) -> None:
    """Refuse a tolerance that is none, and a register that cannot be read, before anything is seen."""
    from outcrop.tasks.tailings.audit.section import check_register

    tolerance(settings)
    check_register(_of_register(settings))


def _finish(folder: Path, stems: Sequence[str], settings: Mapping[str, str]) -> list[Section]:
    """The layer of deposits, what all scenes hold together, and the audit where a register was named."""
    from outcrop.tasks.tailings.audit.section import audit_run
    from outcrop.tasks.tailings.kept import settle
    from outcrop.tasks.tailings.layers import write_layer
    from outcrop.tasks.tailings.totals import totals_section, write_totals

    if scenes := settle(folder, stems, tolerance(settings)):
        write_totals(folder, scenes)
        write_layer(folder, stems, ".gpkg")
    return [*totals_section(folder), *audit_run(folder, _of_register(settings))]


def _of_register(settings: Mapping[str, str]) -> dict[str, str]:
    """The settings that speak of a register."""
    return {name: text for name, text in settings.items() if name in REGISTER}


def tolerance(settings: Mapping[str, str]) -> float | None:
    """How far outlines may move when they are simplified, m; None leaves them as they are.

    Raises:
        UsageError: no length above 0.
    """
    if "simplify" not in settings:
        return None
    text = settings["simplify"]
    try:
        length = float(text)
    except ValueError:
        length = -1.0
    if not 0 < length < inf:
        raise UsageError(f"--simplify {text} is no length in metres: give how far outlines may move, e.g. 10")
    return length


def _errors(*args: Any) -> Any:
    """See ``tasks.tailings.errors``."""
    from outcrop.tasks.tailings.errors import size_table

    return size_table(*args)


def _compare(*args: Any) -> list[Section]:
    """See ``tasks.tailings.change.section``."""
    from outcrop.tasks.tailings.change.section import compare

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
    """A made-up scene whose deposits are known; see ``tasks.tailings.drawn.scene``."""
    from outcrop.tasks.tailings.drawn.scene import draw_scene

    return draw_scene(rng)


def _draw_files(folder: Path, rng: np.random.Generator, **settings: Any) -> list[Path]:
    """See ``tasks.tailings.drawn.files``."""
    from outcrop.tasks.tailings.drawn.files import draw_files as run

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
    settings={**REGISTER, "simplify": "outlines with fewer points, moved by this many metres at most"},
    check=_check,
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
