"""The contract of a task room, and what a run of it gives."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from outcrop.core.calibration import Calibration, ErrorTable, ModelError
from outcrop.core.estimate import Assumption, Estimate
from outcrop.core.film import Film
from outcrop.core.scene import Detections, Floats, ProbabilityMap, Scene
from outcrop.core.table import Table
from outcrop.core.volume import Direction, Volume

__all__ = [
    "Calibration", "ErrorTable", "Example", "Measurement", "ModelError", "Prediction", "Prepared", "ProbabilityVolume",
    "Result", "Section", "Seen", "Source", "Task", "Watched",
]  # fmt: skip


@dataclass(frozen=True, slots=True, kw_only=True)
class ProbabilityVolume:
    """What a segmenter saw in a volume, kept on disk and read line by line.

    Attributes:
        classes: names of the planes.
        read: (direction, start, stop) → (classes, lines, other lines, samples), float32 in [0, 1],
            NaN on dead traces.
        spread: as ``read``, half the absolute difference between what the inline and the crossline
            passes saw, (lines, other lines, samples); None when only one direction was seen.
    """

    volume: Volume
    classes: tuple[str, ...]
    read: Callable[[Direction, int, int], Floats]
    spread: Callable[[Direction, int, int], Floats] | None = None


Source = Scene | Volume | Table | Film
"""What a file can hold."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Watched:
    """What was seen in a film, frame by frame.

    Attributes:
        log: file with one JSON line for each analysed frame; see ``outcrop.monitor.log``.
        facts: what the log says on the whole: seconds observed, frames lost, spells, tracks.
    """

    film: Film
    log: Path
    facts: Mapping[str, Any]


Prediction = ProbabilityMap | ProbabilityVolume | Detections | Scene | Table | Watched


@dataclass(frozen=True, slots=True, kw_only=True)
class Measurement:
    """One number about the world.

    Attributes:
        method: how it came about, in a few words.
        about: what it belongs to, e.g. {"body": 3}; also positions and other plain facts.
    """

    name: str
    estimate: Estimate
    method: str
    about: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Example:
    """Something drawn or labelled whose answer is known.

    Attributes:
        source: the scene or the volume.
        mask: uint8, (rows, cols) for a scene, (inlines, crosslines, samples) for a volume; 0
            background, 1.. class index, 255 not counted.
        truth: exact values by measurement name, in the unit of the measurement.
    """

    source: Scene | Volume
    mask: NDArray[np.uint8]
    truth: Mapping[str, float] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Prepared:
    """A source as the network wants it.

    Attributes:
        source: reads network input instead of sensor units; tables and films stay as they are.
        notes: how it was scaled, and what is foreign about it, one sentence each.
        blank: True when every pixel is the same: nothing can be seen in it.
    """

    source: Source
    notes: tuple[str, ...] = ()
    blank: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Seen:
    """One input, seen and measured: what ``Task.write`` gets.

    Attributes:
        source: as opened, in sensor units.
        prepared: as the network got it.
        measurements: of this input.
        found: what the room's ``measure`` found on the way and its ``write`` can use.
        models: sha256 of every model that saw, by file name.
        path: the input file.
    """

    source: Source
    prepared: Prepared
    prediction: Prediction
    measurements: Sequence[Measurement]
    calibration: Calibration
    found: Any = None
    models: Mapping[str, str] = field(default_factory=dict)
    path: Path | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Section:
    """A part of a report that speaks of a whole run: an audit, a comparison of dates.

    Attributes:
        text: what it is and how to read it, one paragraph each.
        facts: (what, value) pairs.
        columns, rows: a table, its cells in words; empty for none.
        shapes: what a map shows: kind of feature → outlines and points, each a list of (longitude, latitude) in degrees.
        files: names of files that hold all of it.
    """

    title: str
    text: tuple[str, ...] = ()
    facts: tuple[tuple[str, str], ...] = ()
    columns: tuple[str, ...] = ()
    rows: tuple[tuple[str, ...], ...] = ()
    shapes: Mapping[str, Sequence[Sequence[tuple[float, float]]]] = field(default_factory=dict)
    files: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Task:
    """Everything that makes one industrial task different from another.

    Attributes:
        name: the folder, the command line and the URL share this word.
        classes: what is looked for; mask value of a class is its position + 1.
        bands: what the network is fed, in this order.
        head: what the model gives back: a probability map or boxes.
        prepare: source in sensor units, card's look (what training data looked like) → Prepared.
        measure: (prediction, assumptions by name, calibration, rng) → numbers, and anything found on the way.
        frame: detections of a film's frame → numbers by name, see ``monitor.watch``; None where films are not looked at.
        write: (Seen, folder, stem) → the files written.
        takes: the kinds of source that the room knows.
        plain: whether a source is measured as it is, without a model.
        settings: what a user may ask of ``finish`` and ``arranged``, by name, in a few words.
        arranged: settings → the room as they want it, e.g. with another gas; None where they change nothing.
        finish: (folder, stems, settings) → parts of the report that speak of the whole run; writes their files.
        formats: extra files for a whole run, by the name given to ``--format``: (folder, stems) → the files written.
        assumptions: what the numbers rest on; a user may replace any of them.
        draw: rng → a made-up example whose answer is known, for tests, docs and the demo.
        draw_files: (folder, rng, settings) → the files of such an example and its truth.
        examples: folder of the room's training data → Labelled; ``company=True`` asks for those of its pictures that
            may stand beside other data, ``training=True`` leaves doubtful pixels out (mask 255).
        recipes: training recipes by name; the first one is the room's own.
        models: folder of the shipped model files.
        looks: network inputs (rows, cols) of training pictures → what they look like, for the card; see ``prepare``.
        compare: (run before, run after, folder, settings, rng) → parts of a report on what changed; None where dates
            cannot be compared.
        samples: (scenes, file of outlines, folder, rng and further settings by name) → training data cut from them.
        on_map: True where a scene without a map projection cannot be measured and is refused unless that is wished.
        levels: what stands for probability 1 in the 8-bit files of the room: 255, or 254 where 255 means "not seen".
        metric: what a model of the room is judged by: "kaggle", "iou" or "dice".
        areas: least areas, pixels, among which evaluation chooses.
        errors: (masks seen, true masks, what they are) → the model's own errors for its card, from pictures it never saw;
            None takes the table of shares.
        cards: sentences for the cards of each recipe's models: normalisation, data, licence, limits.
        check: refuses settings that ``finish`` could not follow, before anything is seen.
    """

    name: str
    title: str
    classes: tuple[str, ...]
    bands: tuple[str, ...]
    head: Literal["segment", "detect"]
    prepare: Callable[[Any, Mapping[str, Any]], Prepared]
    measure: Callable[[Any, Mapping[str, Assumption], Calibration, np.random.Generator], tuple[list[Measurement], Any]]
    write: Callable[[Seen, Path, str], list[Path]]
    formats: Mapping[str, Callable[[Path, Sequence[str]], list[Path]]]
    assumptions: Mapping[str, Assumption]
    draw: Callable[..., Example]
    draw_files: Callable[..., list[Path]]
    examples: Callable[..., Any]
    recipes: Mapping[str, Any]
    models: Path
    looks: Callable[[Sequence[Floats]], dict[str, Any]] = lambda pictures: {}
    takes: tuple[type, ...] = (Scene, Volume)
    frame: Callable[[Detections], Mapping[str, Any]] | None = None
    plain: Callable[[Source], bool] = lambda source: isinstance(source, Table)
    settings: Mapping[str, str] = field(default_factory=dict)
    arranged: "Callable[[Mapping[str, str]], Task] | None" = None
    finish: Callable[[Path, Sequence[str], Mapping[str, str]], list[Section]] = lambda folder, stems, settings: []
    compare: Callable[[Path, Path, Path, Mapping[str, str], np.random.Generator], list[Section]] | None = None
    samples: Callable[..., list[Path]] | None = None
    on_map: bool = False
    levels: int = 255
    metric: str = "kaggle"
    areas: tuple[int, ...] = (0, 20, 50, 100, 200, 400)
    errors: Callable[[Sequence[Any], Sequence[Any], str], Mapping[str, ErrorTable]] | None = None
    cards: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    check: Callable[[Mapping[str, str]], None] = lambda settings: None


@dataclass(frozen=True, slots=True, kw_only=True)
class Result:
    """What a run gave.

    Attributes:
        out: folder with the files.
        record: what ``summary.json`` holds: version, models and inputs by sha256, assumptions, seed, UTC
            time, warnings, and for every input its files and measurements.
    """

    task: str
    out: Path
    record: Mapping[str, Any]

    @property
    def measurements(self) -> list[dict[str, Any]]:
        """Every measurement of every input: input, name, value, unit, low, high, method, about."""
        return [{"input": e["input"], **m} for e in self.record["inputs"] for m in e["measurements"]]

    @property
    def refused(self) -> list[dict[str, str]]:
        """Inputs that could not be used, each with its sentence."""
        return list(self.record["refused"])
