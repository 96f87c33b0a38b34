"""A model's card: everything a user must know to use and to trust one model file."""

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

from outcrop.core.errors import BadModel
from outcrop.core.task import Calibration, ErrorTable, ModelError


@dataclass(frozen=True, slots=True, kw_only=True)
class Card:
    """What travels inside the model file.

    Attributes:
        name, task, classes, bands: what it is for; bands in the order the network wants them.
        head: "segment", a probability for every pixel; "detect", boxes.
        chip: side of the square the network was trained on, pixels.
        multiple: rows and cols fed to the network must be multiples of this; 0 means exactly ``chip``.
        window: side of the windows at prediction, at least ``chip``; 0 means ``chip``.
        overlap: pixels that neighbouring windows share at prediction.
        normalisation: how ``prepare`` makes the network's input, in words; mean and std are inside the graph.
        precision: "float32" or "int8".
        calibration: threshold, minimum area, the model's own errors.
        temperature: what the logits are divided by, inside the graph.
        sides: shortest and longest side, in pixels, of the scenes it was made for; volumes count by their sections.
        context: True when the graph has a second input (n, 2) for a number about the whole picture.
        training: recipe, data, fingerprint, versions.
        scores: name → figures, with the data they were measured on.
        data, licence, limits: sentences.
    """

    name: str
    task: str
    classes: tuple[str, ...]
    bands: tuple[str, ...]
    chip: int
    head: str = "segment"
    multiple: int = 32
    window: int = 0
    overlap: int = 32
    normalisation: str = ""
    precision: str = "float32"
    calibration: Calibration = field(default_factory=Calibration)
    temperature: float = 1.0
    sides: tuple[int, int] = (1, 1_000_000)
    context: bool = False
    training: Mapping[str, Any] = field(default_factory=dict)
    scores: Mapping[str, Any] = field(default_factory=dict)
    data: str = ""
    licence: str = ""
    limits: str = ""

    def to_json(self) -> str:
        """The card as JSON text."""
        return json.dumps(asdict(self), sort_keys=True)

    @classmethod
    def from_json(cls, text: str, origin: str) -> "Card":
        """A card from JSON text; ``origin`` names the file in messages.

        Raises:
            BadModel: the text is no card.
        """
        try:
            data = json.loads(text)
            calibration = data.pop("calibration")
            errors = {name: _error(error) for name, error in calibration.pop("errors").items()}
            calibration["threshold"] = tuple(calibration["threshold"])
            for key in ("classes", "bands", "sides"):
                data[key] = tuple(data[key])
            return cls(**data, calibration=Calibration(**calibration, errors=errors))
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            raise BadModel(
                f"{origin}: the card inside is not one of Outcrop's ({error}): export the model again"
            ) from None

    def deepness(self) -> dict[str, str]:
        """Metadata keys that the QGIS plug-in Deepness reads, each a JSON text."""
        values: dict[str, Any] = {
            "model_type": "Segmentor",
            "class_names": {0: "background", **{i + 1: name for i, name in enumerate(self.classes)}},
            "resolution": 1000.0,
            "tile_size": self.chip,
            "tiles_overlap": round(100 * self.overlap / self.chip),
            "seg_thresh": self.calibration.threshold[0],
            "seg_small_segment": 0,
            "standardization_mean": [0.0] * len(self.bands),
            "standardization_std": [1.0] * len(self.bands),
        }
        return {key: json.dumps(value) for key, value in values.items()}


def _error(data: dict[str, Any]) -> ModelError | ErrorTable:
    """A model's own error from plain data."""
    if "measured" not in data:
        return ModelError(**data)
    rows = tuple(tuple(row) for row in data["truth"])
    return ErrorTable(**{**data, "measured": tuple(data["measured"]), "truth": rows})
