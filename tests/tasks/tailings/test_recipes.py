"""The room's recipes can be built, take three bands, and vary pictures in the way the data need."""

import pytest

from outcrop.models.recipe import Recipe
from outcrop.tasks.tailings.drawn.scene import BANDS as TASK_BANDS
from outcrop.tasks.tailings.recipes import RECIPES, SEED_UNET, TAILINGS

every = pytest.mark.parametrize("recipe", RECIPES.values(), ids=list(RECIPES))


def test_the_rooms_own_recipe_comes_first() -> None:
    assert next(iter(RECIPES)) == "tailings"


@every
def test_a_recipe_comes_back_from_plain_data(recipe: Recipe) -> None:
    assert Recipe.from_dict(recipe.as_dict()) == recipe


@every
def test_places_are_held_out_as_the_data_set_prescribes(recipe: Recipe) -> None:
    assert recipe.folds == "fixed"


def test_training_crops_are_much_smaller_than_the_pictures_whose_middle_holds_the_label() -> None:
    assert TAILINGS.chip * 3 <= 448 * 2
    assert TAILINGS.augment.flip_lr
    assert TAILINGS.augment.flip_ud
    assert TAILINGS.augment.turn


def test_the_student_projects_network_sees_whole_pictures_unchanged() -> None:
    assert SEED_UNET.chip == 448
    assert not SEED_UNET.augment.flip_lr


@every
def test_every_band_is_standardised_by_its_own_numbers(recipe: Recipe) -> None:
    assert len(recipe.mean) == len(recipe.std) == len(TASK_BANDS)
    assert min(recipe.std) > 0
