"""How the tailings models are trained, and a student project's network to compare with."""

from outcrop.models.recipe import Augmentation, Recipe

MEAN, SPREAD = (0.287, 0.298, 0.321), (0.179, 0.096, 0.073)
"""Mean and spread of B4, B3, B2 as network input over 89 yearly medians of Brazilian mining districts (2021)."""

TAILINGS = Recipe(
    name="tailings",
    decoder=(128, 64, 32, 16),
    mean=MEAN,
    std=SPREAD,
    phases=((1.0, "bce + dice"),),
    learning_rate=5e-4,
    weight_decay=5e-2,
    epochs=30,
    batch=8,
    ema=0.99,
    chip=256,
    window=512,
    folds="fixed",
    augment=Augmentation(
        flip_ud=True, turn=True, scale=0.4, warp_probability=0.8, brightness=0.06, contrast=0.25, gamma=0.25,
        band_gain=0.12, noise=0.015, tone_probability=0.8,
    ),
)  # fmt: skip
"""The shipped recipe: few pictures, so crops from anywhere in them and strong changes of light, haze and colour.

Labels lie in the middle of the pictures of the training set; crops of 256 px take that hint away."""

SEED_UNET = Recipe(
    name="seed-unet",
    network="plain-unet",
    pretrained="none",
    decoder=(256, 128, 64),
    mean=(0.0, 0.0, 0.0),
    std=(1.0, 1.0, 1.0),
    optimizer="adam",
    learning_rate=1e-4,
    weight_decay=0.0,
    ema=0.0,
    epochs=8,
    batch=10,
    chip=448,
    folds="fixed",
    augment=Augmentation(flip_lr=False, warp_probability=0.0, tone_probability=0.0),
)
"""The student project's U-Net in colour: filters 64-128-256, ten 3x3 convolutions, cross-entropy, no augmentation.

It differs in its optimiser (Adam for RMSprop) and lacks the penalty of 0.01 on squared weights."""

RECIPES = {recipe.name: recipe for recipe in (TAILINGS, SEED_UNET)}
