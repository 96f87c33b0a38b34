"""How the salt models were trained, and the two student projects' networks to compare with."""

from outcrop.models.recipe import Augmentation, Recipe

GREY_MEAN, GREY_SPREAD = (0.473,), (0.160,)
"""Mean and spread of the 3000 labelled TGS pictures, full scale 1."""

PICTURES = Recipe(
    name="pictures",
    decoder=(256, 128, 64, 32),
    mean=GREY_MEAN,
    std=GREY_SPREAD,
    presence=0.1,
    phases=((0.3, "bce + 0.5*dice"), (0.7, "lovasz-symmetric + 0.1*bce")),
    learning_rate=1e-3,
    epochs=40,
    batch=16,
    chip=112,
    sides=(1, 168),
    augment=Augmentation(scale=0.3, shift=0.12, brightness=0.15, contrast=0.2),
)
"""The shipped recipe for pictures of about 101 px."""

SECTIONS = Recipe(
    name="sections",
    mean=GREY_MEAN,
    std=GREY_SPREAD,
    phases=((1.0, "bce + dice"),),
    learning_rate=1e-3,
    epochs=12,
    batch=8,
    chip=192,
    sides=(169, 1_000_000),
    window=512,
    fold_count=10,
    augment=Augmentation(
        scale=0.5, shift=0.1, warp_probability=0.6, brightness=0.1, contrast=0.3, noise=0.05, tone_probability=0.5
    ),
)
"""The shipped recipe for whole sections and volumes: drawn sections, with layered and cap pictures of the challenge."""

UNET_BCE = Recipe(
    name="unet-bce",
    network="plain-unet",
    pretrained="none",
    decoder=(256, 128, 64, 32, 16),
    mean=(0.0,),
    std=(1.0,),
    optimizer="adam",
    weight_decay=0.0,
    learning_rate=1e-3,
    ema=0.0,
    epochs=40,
    batch=32,
    chip=128,
    augment=Augmentation(warp_probability=0.0, tone_probability=0.0),
)
"""The first student project: a plain U-Net with 16 to 256 filters, cross-entropy, Adam, left-right flips, 128 px."""

RESNET_UNET = Recipe(
    name="resnet-unet",
    network="residual-unet",
    pretrained="none",
    decoder=(256, 128, 64, 32, 16),
    mean=GREY_MEAN,
    std=GREY_SPREAD,
    optimizer="adam",
    weight_decay=0.0,
    learning_rate=1e-3,
    ema=0.0,
    epochs=40,
    batch=32,
    chip=128,
    augment=Augmentation(warp_probability=0.0, tone_probability=0.0),
)
"""The second student project: a U-Net with residual blocks, from scratch, cross-entropy, Adam, left-right flips."""

RECIPES = {recipe.name: recipe for recipe in (PICTURES, SECTIONS, UNET_BCE, RESNET_UNET)}
