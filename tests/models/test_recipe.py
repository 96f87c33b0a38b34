"""A recipe is plain data that can be written down and changed by words."""

import json
from dataclasses import FrozenInstanceError
from typing import Any

import pytest

from outcrop.core.errors import UsageError
from outcrop.models.recipe import Augmentation, Recipe
from outcrop.tasks.salt.recipes import RECIPES

RECIPE = Recipe(name="plain")


@pytest.mark.parametrize("recipe", RECIPES.values(), ids=lambda r: r.name)
def test_a_recipe_can_be_written_as_json(recipe: Recipe) -> None:
    data = recipe.as_dict()
    assert json.loads(json.dumps(data)) == data
    assert data["phases"] == [list(phase) for phase in recipe.phases]


@pytest.mark.parametrize("recipe", RECIPES.values(), ids=lambda r: r.name)
def test_the_phases_of_a_recipe_fill_its_epochs(recipe: Recipe) -> None:
    assert sum(share for share, _ in recipe.phases) == pytest.approx(1)


@pytest.mark.parametrize(
    ("key", "text", "value"),
    [
        ("epochs", "10", 10),
        ("epochs", "1e2", 100),
        ("learning_rate", "1", 1.0),
        ("learning_rate", "3e-4", 3e-4),
        ("depth", "true", True),
        ("depth", "False", False),
        ("network", "plain-unet", "plain-unet"),
        ("decoder", "[8, 4]", (8, 4)),
        ("phases", '[[0.5, "bce"], [0.5, "dice"]]', ((0.5, "bce"), (0.5, "dice"))),
    ],
)
def test_a_setting_is_read_from_text(key: str, text: str, value: Any) -> None:
    found = getattr(RECIPE.changed({key: text}), key)
    assert found == value and type(found) is type(value)


def test_an_augmentation_is_reached_with_a_dot() -> None:
    changed = RECIPE.changed({"augment.scale": "0.3", "augment.flip_ud": "true", "epochs": "2"})
    assert changed.augment == Augmentation(scale=0.3, flip_ud=True)
    assert changed.epochs == 2


def test_changing_makes_a_new_recipe() -> None:
    assert RECIPE.changed({"epochs": "3"}) != RECIPE
    assert RECIPE.changed({}) == RECIPE
    with pytest.raises(FrozenInstanceError):
        RECIPE.epochs = 3  # type: ignore[misc]


@pytest.mark.parametrize("key", ["epoch", "augment.colour", "augment.", ""])
def test_an_unknown_setting_is_refused_with_the_known_ones(key: str) -> None:
    with pytest.raises(UsageError, match="choose one of .*(epochs|flip_lr)"):
        RECIPE.changed({key: "1"})


@pytest.mark.parametrize(
    ("key", "text"),
    [
        ("epochs", "many"),
        ("epochs", "[1]"),
        ("epochs", "2.5"),
        ("epochs", ""),
        ("learning_rate", "fast"),
        ("depth", "1"),
        ("depth", "maybe"),
        ("mean", "0.5"),
        ("augment", "{}"),
        ("augment.scale", "big"),
    ],
)
def test_a_value_of_the_wrong_kind_is_refused(key: str, text: str) -> None:
    with pytest.raises(UsageError, match="is not of the kind of"):
        RECIPE.changed({key: text})


@pytest.mark.parametrize(("key", "text"), [("fold_count", "0"), ("fold_parts", "0"), ("seed", "-1"), ("member", "-1")])
def test_a_count_or_seed_that_is_too_small_is_refused(key: str, text: str) -> None:
    with pytest.raises(UsageError, match=f"{key} {text} is too small: give at least"):
        Recipe(name="any").changed({key: text})
