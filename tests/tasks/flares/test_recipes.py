"""The room's recipes say what the room has."""

import json

import pytest

from outcrop.models.box_recipe import BoxRecipe
from outcrop.models.recipe import Recipe
from outcrop.tasks.flares.data import KINDS, SIDE
from outcrop.tasks.flares.recipes import BOX_RECIPES, RECIPES


@pytest.mark.parametrize("recipe", BOX_RECIPES.values(), ids=lambda r: r.name)
def test_detectors_are_fed_kinds_that_exist_and_never_the_spare_ones(recipe: BoxRecipe) -> None:
    drawn = [kind for kind, _ in recipe.draws]
    assert set(drawn) <= set(KINDS) - {"spare"} and recipe.side % 32 == 0
    assert {kind for kind, _ in recipe.looseness} <= set(drawn)
    assert BoxRecipe.from_dict(json.loads(json.dumps(recipe.as_dict()))) == recipe


def test_the_first_stage_sees_no_flare() -> None:
    start = BOX_RECIPES["boxes-start"]
    assert start.folds == "transfer" and all(KINDS[kind].always for kind, _ in start.draws)


@pytest.mark.parametrize("recipe", RECIPES.values(), ids=lambda r: r.name)
def test_segmenters_hold_out_whole_groups_and_cut_from_larger_pictures(recipe: Recipe) -> None:
    assert recipe.folds == "grouped" and recipe.chip <= SIDE and len(recipe.mean) == 3
