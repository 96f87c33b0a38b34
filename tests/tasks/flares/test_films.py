"""A drawn film with a faultless detector → what its log says of flames, smoke and gas."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from outcrop.core.calibration import Calibration
from outcrop.core.estimate import Assumption
from outcrop.core.scene import Detections, Scene
from outcrop.core.task import Prepared, Seen, Watched
from outcrop.monitor.watch import LOG, watch
from outcrop.tasks import load
from outcrop.tasks.flares.drawn.film import DrawnFilm, draw_sequence
from outcrop.tasks.flares.films import measure_film, measure_frame, write_film
from outcrop.tasks.flares.options import read_options

ROOM = load("flares")


def faultless(drawn: DrawnFilm) -> Callable[[Scene], Detections]:
    """Sees in each frame what was drawn into it; frames come in their order."""
    numbers = iter(range(1_000_000))

    def see(scene: Scene) -> Detections:
        photo = drawn.photo(next(numbers))
        boxes = np.array(photo.boxes, np.float32).reshape(-1, 4)
        return Detections(
            scene=scene, classes=ROOM.classes, boxes=boxes, scores=np.full(len(boxes), 0.9, np.float32),
            labels=np.array(photo.labels, np.int64), outlines=tuple(thing.outline for thing in photo.things),
        )  # fmt: skip

    return see


@pytest.fixture(scope="module")
def drawn() -> DrawnFilm:
    return draw_sequence(np.random.default_rng(0), 24, 2.0, shape=(96, 160), light="day", unlit=0.0, smoky=0.3)


@pytest.fixture(scope="module")
def watched(drawn: DrawnFilm, tmp_path_factory: pytest.TempPathFactory) -> Watched:
    folder = tmp_path_factory.mktemp("film")
    film = drawn.film()
    facts = watch(film, faultless(drawn), measure_frame, folder)
    return Watched(film=film, log=folder / LOG, facts=facts)


def test_a_flame_that_burns_throughout_is_lit_throughout(watched: Watched) -> None:
    found, _ = measure_film(watched, ROOM.assumptions, read_options({}), np.random.default_rng(0))
    shares = [m.estimate.value for m in found if m.name == "lit share"]
    assert max(shares) > 0.95


def test_with_a_scale_the_gas_of_the_film_holds_its_mean_flow(drawn: DrawnFilm, watched: Watched) -> None:
    known = Assumption(low=drawn.scale, best=drawn.scale, high=drawn.scale, unit="m/px", source="drawn")
    found, record = measure_film(
        watched, {**ROOM.assumptions, "scale": known}, read_options({}), np.random.default_rng(0)
    )
    gas = next(m for m in found if m.name == "flared gas")
    low, high = gas.estimate.interval()
    assert low < float(np.mean(drawn.flow)) < high
    assert record["source"] == "CCTV"


def test_without_a_scale_no_gas_is_said(watched: Watched) -> None:
    found, _ = measure_film(watched, ROOM.assumptions, read_options({}), np.random.default_rng(0))
    assert "flared gas" not in {m.name for m in found}


def test_the_files_of_a_film_are_written(watched: Watched, tmp_path: Path) -> None:
    found, record = measure_film(watched, ROOM.assumptions, read_options({}), np.random.default_rng(0))
    seen = Seen(
        source=watched.film, prepared=Prepared(source=watched.film), prediction=watched, measurements=found,
        calibration=Calibration(), found=record,
    )  # fmt: skip
    files = {path.name for path in write_film(seen, tmp_path, "clip")}
    assert {
        "clip.frames.csv",
        "clip.tracks.csv",
        "clip.timeline.overlay.png",
        "clip.watch.json",
        "frames.jsonl",
    } <= files
    assert len((tmp_path / "clip.frames.csv").read_text().splitlines()) > 24
