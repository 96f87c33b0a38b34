"""Flames and smoke of gas flares in photos, films and satellite tables: where, how large, how much gas, how sure."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from outcrop.core.film import Film
from outcrop.core.scene import Scene
from outcrop.core.table import Table
from outcrop.core.task import Calibration, Example, Measurement, Section, Task
from outcrop.tasks.flares.gas.assumptions import ASSUMPTIONS as GAS
from outcrop.tasks.flares.gas.regimes import PRESETS
from outcrop.tasks.flares.look.scale import ASSUMPTIONS as SCALE
from outcrop.tasks.flares.options import SETTINGS, read_options
from outcrop.tasks.flares.recipes import BOX_RECIPES, RECIPES
from outcrop.tasks.flares.space.swir import ASSUMPTIONS as SPACE

HERE = Path(__file__).parent

LICENCE = (
    "weights Apache-2.0, started from YOLOX-Nano (Megvii, Apache-2.0) and EfficientNet-Lite0 (Apache-2.0); the photos among the training data are "
    "for internal use: stock watermarks, or no licence stated"
)
LIMITS = (
    "Learnt from 68 photos of flares, most of them by day and close by; small and distant flames, night and thin smoke are missed more often; smoke is "
    "the weaker class. A photo without a detection is no proof that a flare is unlit."
)
CARDS = {
    "boxes": {
        "normalisation": "red, green, blue 0..1, grey 114/255 below and right of the picture",
        "data": "68 photos of gas flares (Roboflow Gas-flare-monitoring v2), 1481 general fires, 300 mast-camera smokes, 148 photos without fire, 360 drawn photos",
        "licence": LICENCE,
        "limits": LIMITS,
    },
    "outlines": {
        "normalisation": "red, green, blue 0..1; standardised inside the graph",
        "data": "68 photos of gas flares with outlines by hand (Roboflow Gas-flare-monitoring v2), 60 drawn photos",
        "licence": LICENCE,
        "limits": LIMITS,
    },
}
"""What the cards of the room's models say in words, by recipe."""


def _prepare(source: Any, looks: Mapping[str, Any]) -> Any:
    """See ``tasks.flares.prepare``."""
    from outcrop.tasks.flares.prepare import prepare

    return prepare(source, looks)


def _measure(
    prediction: Any, given: Any, calibration: Calibration, rng: np.random.Generator, *, settings: Mapping[str, str]
) -> tuple[list[Measurement], Any]:
    """A photo, a film's log, a satellite table or a satellite scene, each by its own page."""
    from outcrop.tasks.flares.seen import measure

    return measure(prediction, given, calibration, rng, read_options(settings))


def _plain(source: object) -> bool:
    """See ``tasks.flares.seen.is_plain``."""
    from outcrop.tasks.flares.seen import is_plain

    return is_plain(source)


def _frame(found: Any) -> Mapping[str, Any]:
    """See ``tasks.flares.films.measure_frame``."""
    from outcrop.tasks.flares.films import measure_frame

    return measure_frame(found)


def _write(*args: Any) -> list[Path]:
    """See ``tasks.flares.seen.write``."""
    from outcrop.tasks.flares.seen import write

    return write(*args)


def _finish(folder: Path, stems: Sequence[str], settings: Mapping[str, str]) -> list[Section]:
    """See ``tasks.flares.finish``."""
    from outcrop.tasks.flares.finish import finish

    return finish(folder, stems, read_options(settings))


def _form(preset: str, folder: Path, stems: Sequence[str]) -> list[Path]:
    """See ``tasks.flares.finish.write_forms``."""
    from outcrop.tasks.flares.finish import write_forms

    return write_forms(folder, stems, preset)


def _examples(folder: Path, **settings: Any) -> Any:
    """See ``tasks.flares.data.examples``."""
    from outcrop.tasks.flares.data import examples

    return examples(folder, **settings)


def _draw(rng: np.random.Generator) -> Example:
    """A made-up photo whose flames are known; see ``tasks.flares.drawn``."""
    from outcrop.tasks.flares.drawn.answers import example

    return example(rng)


def _draw_files(folder: Path, rng: np.random.Generator, **settings: Any) -> list[Path]:
    """See ``tasks.flares.drawn``."""
    from outcrop.tasks.flares.drawn.files import draw_files

    return draw_files(folder, rng, **settings)


def _arranged(settings: Mapping[str, str]) -> Task:
    """The room for another gas, another reference temperature, a calibrated site."""
    read_options(settings)  # refused now, not after everything was seen
    return replace(TASK, measure=partial(_measure, settings=settings))


TASK = Task(
    name="flares",
    title="Flames and smoke of gas flares in photos, films and satellite tables",
    classes=("flame", "smoke"),
    bands=("red", "green", "blue"),
    head="detect",
    takes=(Scene, Film, Table),
    plain=_plain,
    prepare=_prepare,
    measure=partial(_measure, settings={}),
    frame=_frame,
    write=_write,
    settings=SETTINGS,
    arranged=_arranged,
    finish=_finish,
    formats={name: partial(_form, name) for name in PRESETS},
    assumptions={**SCALE, **GAS, **SPACE},
    draw=_draw,
    draw_files=_draw_files,
    examples=_examples,
    recipes={**RECIPES, **BOX_RECIPES},
    models=HERE / "weights",
    cards=CARDS,
    metric="iou",
    areas=(0, 20, 50, 100, 200),
)
