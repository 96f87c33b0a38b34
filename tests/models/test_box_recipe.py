"""A detector's recipe is plain data: it survives JSON and takes settings as text."""

import json
from dataclasses import replace

import pytest

from outcrop.core.errors import UsageError
from outcrop.models.box_recipe import BoxAugmentation, BoxRecipe

RECIPE = BoxRecipe(
    name="a", draws=(("flare", 8), ("fire", 3)), looseness=(("fire", 0.5),), augment=BoxAugmentation(scale=(0.5, 2.0))
)


def test_a_recipe_survives_json() -> None:
    assert BoxRecipe.from_dict(json.loads(json.dumps(RECIPE.as_dict()))) == RECIPE


def test_settings_come_as_text() -> None:
    changed = RECIPE.changed(
        {
            "epochs": "3",
            "draws": '[["smoke", 5]]',
            "augment.scale": "[0.9, 1.1]",
            "augment.mosaic": "0",
            "precision": "float32",
        }
    )
    assert changed == replace(
        RECIPE,
        epochs=3,
        draws=(("smoke", 5),),
        precision="float32",
        augment=replace(RECIPE.augment, scale=(0.9, 1.1), mosaic=0.0),
    )


@pytest.mark.parametrize(
    "setting", [{"nonsense": "1"}, {"epochs": "many"}, {"augment.nonsense": "1"}, {"epochs": "1.5"}]
)
def test_an_unknown_setting_or_a_wrong_value_is_refused(setting: dict[str, str]) -> None:
    with pytest.raises(UsageError):
        RECIPE.changed(setting)
