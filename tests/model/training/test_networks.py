"""The networks and their recipes."""

from dataclasses import replace

import pytest

from model.training import networks, recipe
from model.training.backbones import efficientnet_lite
from model.training.recipe import rate
from tests.bundles import KERAS_AND_NUMPY

pytestmark = pytest.mark.filterwarnings(KERAS_AND_NUMPY)


@pytest.mark.parametrize("name", sorted(set(networks.NETWORKS) - {"wideresnet"}))
def test_each_network_to_tag_with_gives_logits_within_a_million_parameters(name: str) -> None:
    model = networks.build(name, size=28, channels=1, categories=10)

    assert model.output_shape == (None, 10)
    assert model.count_params() < 1_000_000
    assert networks.multiply_adds(model) < 100_000_000


def test_every_network_has_a_recipe() -> None:
    assert set(recipe.RECIPES) == set(networks.NETWORKS) | set(efficientnet_lite.VARIANTS)
    assert {of_network.network for of_network in recipe.RECIPES.values()} == set(recipe.RECIPES)
    assert {recipe.recipe_of(name).network for name in networks.NETWORKS} == set(networks.NETWORKS)


def test_an_unknown_network_is_refused_with_the_names_there_are() -> None:
    with pytest.raises(networks.NetworkUnknown, match="baseline, fullres, slim, strided, wideresnet"):
        networks.build("vast", size=28, channels=1, categories=10)


def test_baseline_is_the_student_projects_network_and_recipe() -> None:
    model = networks.build("baseline", size=28, channels=1, categories=10)

    assert model.count_params() == 816_906
    assert recipe.recipe_of("baseline", epochs=2) == replace(recipe.RECIPES["baseline"], epochs=2)
    assert {rate(step, 100, recipe.RECIPES["baseline"]) for step in range(100)} == {1e-4}


def test_multiply_adds_are_counted_for_convolutions_and_dense_layers() -> None:
    model = networks.build("baseline", size=28, channels=1, categories=10)

    convolutions = 26 * 26 * 9 * 32 + 11 * 11 * 9 * 32 * 64 + 3 * 3 * 9 * 64 * 128
    assert networks.multiply_adds(model) == convolutions + 1152 * 512 + 512 * 256 + 256 * 10
