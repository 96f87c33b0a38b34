"""What a user asked for, as one value, and the words for what can be asked about."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from outcrop.core.estimate import Assumption
from outcrop.core.film import Film
from outcrop.core.scene import Scene
from outcrop.core.table import Table
from outcrop.core.task import Task
from outcrop.core.volume import Volume
from outcrop.sources.open import Options

KINDS: Mapping[type, str] = {Scene: "pictures", Volume: "seismic volumes", Table: "tables", Film: "films"}
"""The kinds of source in words."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """What the user asked for.

    Attributes:
        models: files, or names of shipped sets; empty takes the shipped set that fits each input.
        assume: assumptions replaced, by name.
        threshold: probability that makes a pixel count, in place of the card's.
        formats: extra files for the whole run, e.g. ("kaggle",).
        seed: of the Monte Carlo draws.
        from_predictions: the inputs are probabilities or masks themselves.
        settings: what the room is asked to do with the whole run, by name; see ``Task.settings``.
        no_area: see scenes that have no map projection too, where the room measures on the map.
    """

    task: Task
    inputs: tuple[Path, ...]
    out: Path
    models: tuple[str, ...] = ()
    assume: Mapping[str, Assumption] = field(default_factory=dict)
    threshold: float | None = None
    flips: str = "alternate"
    engine: str = "auto"
    formats: tuple[str, ...] = ()
    options: Options = field(default_factory=Options)
    overwrite: bool = False
    resume: bool = False
    seed: int = 0
    from_predictions: bool = False
    settings: Mapping[str, str] = field(default_factory=dict)
    no_area: bool = False
