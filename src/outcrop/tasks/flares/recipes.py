"""How the flares models are trained: a detector of boxes in two stages, and a segmenter of outlines."""

from outcrop.models.box_recipe import BoxAugmentation, BoxRecipe
from outcrop.models.recipe import Augmentation, Recipe

OUTLINES = Recipe(
    name="outlines",
    decoder=(128, 64, 32, 16),
    mean=(0.485, 0.456, 0.406),
    std=(0.229, 0.224, 0.225),
    phases=((1.0, "bce + dice"),),
    learning_rate=7e-4,
    weight_decay=5e-2,
    epochs=30,
    batch=8,
    ema=0.99,
    chip=256,
    window=320,
    sides=(100, 20_000),
    folds="grouped",
    augment=Augmentation(
        scale=0.4, shift=0.1, warp_probability=0.8, brightness=0.12, contrast=0.3, gamma=0.4, band_gain=0.15, noise=0.03,
        tone_probability=0.8,
    ),
)  # fmt: skip
"""Flame and smoke, pixel by pixel: few photos, so strong changes of light and colour; gravity tells up from down."""

START = BoxRecipe(
    name="boxes-start",
    side=320,
    draws=(("fire", 900), ("smoke", 100), ("negative", 120)),
    looseness=(("fire", 0.6),),
    learning_rate=1.5e-3,
    epochs=24,
    batch=16,
    ema=0.998,
    folds="transfer",
    fold_count=1,
)
"""First stage: general fires, smokes and photos without either; flares are held out, so the run's score is transfer."""

BOXES = BoxRecipe(
    name="boxes",
    side=416,
    draws=(("flare", 160), ("fire", 60), ("smoke", 12), ("negative", 24), ("drawn", 64)),
    looseness=(("fire", 0.6),),
    learning_rate=5e-4,
    epochs=25,
    batch=16,
    ema=0.99,
    augment=BoxAugmentation(mosaic=0.4, mosaic_scale=(0.5, 1.2), scale=(0.6, 1.5)),
)
"""Second stage: flares, and enough of the rest not to forget what else burns and what does not."""

RECIPES = {recipe.name: recipe for recipe in (OUTLINES,)}
BOX_RECIPES = {recipe.name: recipe for recipe in (BOXES, START)}
