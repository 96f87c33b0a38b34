"""A recipe for a detector of boxes: everything that decides how it is trained, as plain data (no torch here)."""

import json
from dataclasses import asdict, dataclass
from typing import Any, Literal

from outcrop.models.recipe import altered


@dataclass(frozen=True, slots=True, kw_only=True)
class BoxAugmentation:
    """How training pictures with boxes are varied; 0 switches a change off.

    Attributes:
        mosaic: probability that four pictures share a canvas (Bochkovskiy et al. 2020); none in the last ``still`` of
            the training.
        mosaic_scale: smallest and largest long side of a picture in a mosaic, in canvas sides.
        still: share of the epochs, at the end, that see single pictures only, as prediction does.
        flip: probability of a mirror image.
        scale: smallest and largest long side of a single picture, in canvas sides.
        shift: single pictures move by up to this share of the canvas.
        stretch: height over width changes by a factor up to 1 + this, either way.
        hue, saturation, value: hue turned by up to this share of the circle; the others multiplied by 1 ± up to this.
        blur, noise, grey, blocks: probabilities of a blur, of white noise, of losing colour, of coarse JPEG compression.
        visible: a box of which less than this share stays in the picture is dropped.
        smallest: boxes with a shorter side than this, in canvas pixels, are dropped.
    """

    mosaic: float = 0.5
    mosaic_scale: tuple[float, float] = (0.4, 1.0)
    still: float = 0.2
    flip: float = 0.5
    scale: tuple[float, float] = (0.6, 1.4)
    shift: float = 0.15
    stretch: float = 0.1
    hue: float = 0.02
    saturation: float = 0.5
    value: float = 0.35
    blur: float = 0.05
    noise: float = 0.1
    grey: float = 0.05
    blocks: float = 0.1
    visible: float = 0.3
    smallest: float = 3.0


@dataclass(frozen=True, slots=True, kw_only=True)
class BoxRecipe:
    """How to train one detector.

    Attributes:
        side: side of the square canvas, pixels, a multiple of 32; pictures are kept at this long side.
        draws: (kind, count) pairs: pictures of a kind per epoch, each as often as the next; a kind not named is
            not trained on. Empty: every picture once.
        looseness: (kind, weight) pairs: how much the boxes' edges count in the loss; kinds not named count 1.
        box_loss: "iou" (1 - IoU²) or "giou" (Rezatofighi et al. 2019); box_weight: its weight.
        l1_weight: weight of the absolute error of the raw box numbers; 0 leaves it out.
        optimizer: "adamw" or "sgd" (Nesterov momentum 0.9).
        warmup: share of all steps; floor: last learning rate as a share of the first.
        ema: decay of the averaged weights that are validated and kept; 0 keeps the raw ones.
        folds: "grouped" (copies and places stay together) or "transfer": one fold that holds every picture that is
            not marked ``always``.
        chance: prior probability of each class at a place, for the new layer.
    """

    name: str
    side: int = 416
    draws: tuple[tuple[str, int], ...] = ()
    looseness: tuple[tuple[str, float], ...] = ()
    box_loss: Literal["iou", "giou"] = "giou"
    box_weight: float = 5.0
    l1_weight: float = 0.0
    optimizer: Literal["adamw", "sgd"] = "adamw"
    learning_rate: float = 1e-3
    weight_decay: float = 5e-4
    warmup: float = 0.05
    floor: float = 0.05
    epochs: int = 20
    batch: int = 16
    ema: float = 0.998
    precision: Literal["bf16", "float32"] = "bf16"
    chance: float = 0.01
    augment: BoxAugmentation = BoxAugmentation()
    folds: Literal["grouped", "transfer"] = "grouped"
    fold_count: int = 5
    seed: int = 0

    def as_dict(self) -> dict[str, Any]:
        """Plain JSON data."""
        data: dict[str, Any] = json.loads(json.dumps(asdict(self)))
        return data

    @classmethod
    def from_dict(cls, data: dict[str, Any]) -> "BoxRecipe":
        """The recipe that ``as_dict`` gave."""
        values = {key: _tuples(value) for key, value in data.items() if key != "augment"}
        inner = {key: _tuples(value) for key, value in data["augment"].items()}
        return cls(**values, augment=BoxAugmentation(**inner))

    def changed(self, settings: dict[str, str]) -> "BoxRecipe":
        """A recipe with some settings replaced, given as text: ``{"epochs": "10", "augment.mosaic": "0.3"}``.

        Raises:
            UsageError: no such setting, or a value of the wrong kind.
        """
        return altered(self, settings)


def _tuples(value: Any) -> Any:
    """JSON lists back to tuples, at any depth."""
    return tuple(_tuples(v) for v in value) if isinstance(value, list) else value
