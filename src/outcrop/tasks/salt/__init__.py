"""Salt in seismic pictures, sections and volumes: where it is, how much, how sure."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from outcrop.core.estimate import Assumption
from outcrop.core.task import Calibration, Example, Measurement, ProbabilityVolume, Task
from outcrop.tasks.salt.looks import ranges
from outcrop.tasks.salt.prepare import prepare
from outcrop.tasks.salt.recipes import RECIPES
from outcrop.tasks.salt.thickness import ASSUMPTIONS

HERE = Path(__file__).parent

GREY = "grey 0..1; standardised inside the graph by mean 0.473 and spread 0.160"
LICENCE = (
    "weights Apache-2.0; the challenge pictures among the training data are under the challenge's rules "
    "(research, no redistribution)"
)
CARDS = {
    "pictures": {
        "normalisation": GREY,
        "data": "3000 labelled pictures of the TGS Salt Identification Challenge (101 px, Gulf of Mexico)",
        "licence": LICENCE,
        "limits": "Labels mark the cap of salt, not its deep interior; one basin; heed the warnings about foreign data.",
    },
    "sections": {
        "normalisation": f"{GREY}; amplitudes are scaled to these by median and spread",
        "data": "2400 drawn sections with whole salt bodies, and layered and cap pictures of the TGS challenge",
        "licence": LICENCE,
        "limits": "Bodies were learnt from drawn seismic; thin or weakly reflecting salt may be missed, transparent or "
        "chaotic rock taken for salt; heed the warnings about foreign data.",
    },
}
"""What the cards of the room's models say in words, by recipe."""


def _measure(
    prediction: Any, given: Mapping[str, Assumption], calibration: Calibration, rng: np.random.Generator
) -> tuple[list[Measurement], Any]:
    """What ``tasks.salt.measure`` says, and the survey of a volume, so that it is counted once."""
    from outcrop.tasks.salt.measure import measure
    from outcrop.tasks.salt.survey import smallest_body, survey

    found = None
    if isinstance(prediction, ProbabilityVolume):
        found = survey(prediction, calibration, least=smallest_body(prediction, calibration))
    return measure(prediction, given, calibration, rng, found=found), found


def _write(*args: Any) -> list[Path]:
    """See ``tasks.salt.write``."""
    from outcrop.tasks.salt.write import write as run

    return run(*args)


def _submission(*args: Any) -> list[Path]:
    """See ``tasks.salt.write.write_submission``."""
    from outcrop.tasks.salt.write import write_submission

    return write_submission(*args)


def _examples(folder: Path, **settings: Any) -> Any:
    """See ``tasks.salt.data.examples``."""
    from outcrop.tasks.salt.data import examples as read

    return read(folder, **settings)


def _draw(rng: np.random.Generator) -> Example:
    """A made-up volume whose salt is known; see ``tasks.salt.draw``."""
    from outcrop.tasks.salt.draw import draw_volume

    return draw_volume(rng)


def _draw_files(folder: Path, rng: np.random.Generator, **settings: Any) -> list[Path]:
    """See ``tasks.salt.drawn``."""
    from outcrop.tasks.salt.drawn import draw_files as run

    return run(folder, rng, **settings)


TASK = Task(
    name="salt",
    title="Salt bodies in seismic pictures, sections and volumes",
    classes=("salt",),
    bands=("grey",),
    head="segment",
    prepare=prepare,
    measure=_measure,
    write=_write,
    formats={"kaggle": _submission},
    assumptions=ASSUMPTIONS,
    draw=_draw,
    draw_files=_draw_files,
    examples=_examples,
    recipes=RECIPES,
    models=HERE / "weights",
    looks=ranges,
    cards=CARDS,
)
