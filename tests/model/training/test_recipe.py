"""Recipes: rates, changes, and fine-tuning."""

from dataclasses import replace

import pytest

from model.training.recipe import FINE_TUNING, RECIPES, Recipe, changed, fine_tuning, rate


def test_the_rate_rises_to_its_peak_and_falls_to_nothing() -> None:
    rates = [rate(step, 100, Recipe(peak_rate=0.2, warmup=0.1)) for step in range(100)]

    assert rates[0] == pytest.approx(0.02)
    assert max(rates) == pytest.approx(0.2)
    assert rates.index(max(rates)) in (9, 10)
    assert rates[10:] == sorted(rates[10:], reverse=True)
    assert rates[-1] < 0.001


def test_few_steps_never_reach_the_peak() -> None:
    gentle = Recipe(peak_rate=0.2, warmup=0.1, warmup_steps=50)

    assert rate(0, 1, gentle) == pytest.approx(0.2 / 50)
    assert max(rate(step, 20, gentle) for step in range(20)) == pytest.approx(0.2 * 20 / 50)
    assert rate(49, 100, gentle) == pytest.approx(0.2)


def test_a_recipe_is_told_by_what_differs_from_the_defaults() -> None:
    assert changed(Recipe()) == {}
    assert changed(Recipe(epochs=3, teachers=("a",))) == {"epochs": 3, "teachers": ("a",)}
    assert Recipe(**changed(FINE_TUNING)) == FINE_TUNING


@pytest.mark.parametrize("name", ["efficientnet-lite0", "efficientnet-lite1", "efficientnet-lite2"])
def test_each_backbone_is_fine_tuned_by_its_own_recipe(name: str) -> None:
    recipe = fine_tuning(name, size=96, balance=0.5)

    assert recipe == replace(RECIPES[name], size=96, served=112, balance=0.5)
    assert recipe.network == name
