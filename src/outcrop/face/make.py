"""Made-up scenes, training, judging, labels in another format, cameras."""

from pathlib import Path
from typing import Any

import numpy as np

from outcrop.face.runs import load_task, refuse_seed


def draw(task: str, out: str | Path, *, seed: int = 0, overwrite: bool = False, **settings: Any) -> list[Path]:
    """Draw a made-up example with known truth and write it with its mask and ``truth.json``.

    Raises:
        UsageError: a setting that is not known.
        OutputExists: a file of that name is there and ``overwrite`` is not set.
    """
    room = load_task(task)
    refuse_seed(seed)
    return room.draw_files(Path(out), np.random.default_rng(seed), seed=seed, overwrite=overwrite, **settings)


def train(task: str, data: str | Path, out: str | Path, **settings: Any) -> Path:
    """Train a recipe of a room; see ``outcrop.engine.learn.train`` and, for detectors, ``engine.learn_boxes``."""
    from outcrop.engine.teach import teach

    return teach(load_task(task), Path(data), Path(out), **settings)


def evaluate(task: str, data: str | Path, out: str | Path, **settings: Any) -> Any:
    """Judge a model on data it never saw; see ``outcrop.engine.assess.assess`` and ``engine.assess_boxes``."""
    from outcrop.engine.teach import judge

    return judge(load_task(task), Path(data), Path(out), **settings)


def convert(source: str | Path, out: str | Path, to: str, **settings: Any) -> Any:
    """Labels of pictures from YOLO to COCO or back; see ``outcrop.engine.convert.convert``."""
    from outcrop.engine.convert import convert as run

    return run(Path(source), Path(out), to, **settings)


def watch(task: str, source: str | Path, out: str | Path, *, rate: float | None = None, **how: Any) -> Any:
    """Follow a camera or a film frame by frame; see ``outcrop.engine.filmed.watched``.

    Args:
        source: address of a camera, a film, or a folder of frames.
        rate: frames a second of a folder whose pictures tell no time.
        how: models, engine, and what ``watched`` takes: every, minutes, video, patience, rules, camera, stop.
    """
    from outcrop.engine.filmed import watched
    from outcrop.engine.spot import Spotters
    from outcrop.sources.film import open_film

    room = load_task(task)
    models, engine = how.pop("models", ()), how.pop("engine", "auto")
    spotter = Spotters(room, [str(model) for model in models], engine=engine, flips="alternate").spotter()
    film = open_film(Path(source), rate=rate) if rate else str(source)
    return watched(film, spotter, room, Path(out), **how)
