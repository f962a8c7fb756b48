"""What an image is tagged with, in the bundle's categories or the shop's, and why it is reviewed."""

from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

from model.decide import Decisions, decide
from model.decisions.category_mapping import CategoryMapping
from model.decisions.ood import SERVED
from model.decisions.taxonomy import Taxonomy
from model.decisions.thresholds import NOTHING_PASSES
from model.runtimes import Outputs
from tests.model.taxonomies import KNOWN, clothes, outputs, rule, written


@pytest.fixture
def place(tmp_path: Path) -> CategoryMapping:
    return CategoryMapping.from_taxonomy(clothes(tmp_path), KNOWN)


def tags(mapping: CategoryMapping, decisions: Decisions) -> list[tuple[str, float, str]]:
    """Category, confidence and reason of each image."""
    rows = zip(decisions.choice.index, decisions.confidence, decisions.reasons, strict=True)
    return [(mapping.names[index], round(float(sure), 3), str(reason)) for index, sure, reason in rows]


def test_without_a_taxonomy_an_image_gets_the_bundles_category_and_its_score() -> None:
    decisions = decide(rule(0.9, 0.9, 0.9, 0.9), outputs((0.95, 0.03, 0.01, 0.01), (0.5, 0.3, 0.1, 0.1)))

    assert tags(CategoryMapping.identity(KNOWN), decisions) == [
        ("T-shirt/top", 0.95, ""),
        ("T-shirt/top", 0.5, "low_confidence"),
    ]


def test_what_stands_for_one_category_is_added_up_and_may_win_and_pass(place: CategoryMapping) -> None:
    given = outputs((0.02, 0.03, 0.5, 0.45), (0.4, 0.1, 0.3, 0.2))

    decisions = decide(rule(0.9, 0.9, 0.9, 0.9, mapping=place), given)

    assert tags(place, decisions) == [("shoes", 0.95, ""), ("shoes", 0.5, "low_confidence")]
    assert decisions.predicted.tolist() == [2, 0]


@pytest.mark.parametrize(("cuts", "reason"), [((0.8, 0.99), ""), ((0.99, 0.8), "low_confidence")])
def test_the_sum_is_compared_with_the_threshold_of_what_gave_most_to_it(
    place: CategoryMapping, cuts: tuple[float, float], reason: str
) -> None:
    decisions = decide(rule(0.9, 0.9, *cuts, mapping=place), outputs((0.02, 0.03, 0.5, 0.45)))

    assert tags(place, decisions) == [("shoes", 0.95, reason)]


def test_an_unsure_leaf_is_tagged_as_what_is_sure_above_it_if_that_is_asked_for(place: CategoryMapping) -> None:
    given = outputs((0.5, 0.47, 0.02, 0.01))

    fine = decide(rule(0.9, 0.9, 0.9, 0.9, mapping=place), given)
    coarse = decide(rule(0.9, 0.9, 0.9, 0.9, mapping=place, coarse=True), given)

    assert tags(place, fine) == [("tee", 0.5, "low_confidence")]
    assert tags(place, coarse) == [("tops", 0.97, "coarse")]
    assert coarse.reviewed.all()


def test_a_sure_leaf_is_never_made_coarse(place: CategoryMapping) -> None:
    decisions = decide(rule(0.9, 0.9, 0.9, 0.9, mapping=place, coarse=True), outputs((0.95, 0.04, 0.005, 0.005)))

    assert tags(place, decisions) == [("tee", 0.95, "")]


@pytest.mark.parametrize(
    ("shirt", "tag"),
    [(0.96, ("tops", 0.97, "coarse")), (0.98, ("tee", 0.5, "low_confidence")), (1.01, ("tops", 0.97, "coarse"))],
)
def test_a_parent_has_to_reach_the_highest_threshold_below_it_that_can_be_reached(
    place: CategoryMapping, shirt: float, tag: tuple[str, float, str]
) -> None:
    given = outputs((0.5, 0.47, 0.02, 0.01))

    decisions = decide(rule(0.9, shirt, 0.999, 0.9, mapping=place, coarse=True), given)

    assert tags(place, decisions) == [tag]


def test_a_parent_of_which_nothing_below_ever_passes_does_not_pass(place: CategoryMapping) -> None:
    never = rule(NOTHING_PASSES, NOTHING_PASSES, 0.9, 0.9, mapping=place, coarse=True)

    decisions = decide(never, outputs((0.5, 0.49, 0.005, 0.005)))

    assert tags(place, decisions) == [("tee", 0.5, "low_confidence")]


def test_the_nearest_sure_category_above_is_taken_and_never_one_that_all_are_below(tmp_path: Path) -> None:
    text = (
        "category,parent,synonyms\nclothing,,\nupper,clothing,Sneaker\ntops,upper,\ntee,tops,T-shirt/top\nshirt,tops,\n"
    )
    place = CategoryMapping.from_taxonomy(Taxonomy.read(written(tmp_path, text + "sandal,clothing,\n")), KNOWN)
    given = outputs((0.5, 0.47, 0.02, 0.01), (0.5, 0.2, 0.27, 0.03), (0.5, 0.1, 0.1, 0.3))

    decisions = decide(rule(0.9, 0.9, 0.9, 0.9, mapping=place, coarse=True), given)

    assert tags(place, decisions) == [
        ("tops", 0.97, "coarse"),
        ("upper", 0.97, "coarse"),
        ("tee", 0.5, "low_confidence"),
    ]


def test_a_category_with_others_below_it_is_as_probable_as_all_of_them(tmp_path: Path) -> None:
    text = "category,parent,synonyms\nshoes,,Sneaker\nsandal,shoes,\ntee,,T-shirt/top\nshirt,,\n"
    place = CategoryMapping.from_taxonomy(Taxonomy.read(written(tmp_path, text)), KNOWN)

    decisions = decide(rule(0.9, 0.9, 0.9, 0.9, mapping=place), outputs((0.03, 0.02, 0.5, 0.45)))

    assert tags(place, decisions) == [("shoes", 0.95, "")]


def test_unlike_training_goes_before_coarse(place: CategoryMapping) -> None:
    detector = SimpleNamespace(scores=lambda logits, features: {SERVED: np.array([9.0, 1.0], np.float32)})
    given = outputs((0.5, 0.47, 0.02, 0.01), (0.5, 0.47, 0.02, 0.01))

    flagging = replace(rule(0.9, 0.9, 0.9, 0.9, mapping=place, coarse=True), ood=detector, ood_threshold=5.0)
    decisions = decide(flagging, given)

    assert tags(place, decisions) == [("tee", 0.5, "unlike_training"), ("tops", 0.97, "coarse")]


def test_no_images_are_no_trouble(place: CategoryMapping) -> None:
    nothing = Outputs.of(np.zeros((0, len(KNOWN)), np.float32), len(KNOWN))

    decisions = decide(rule(0.9, 0.9, 0.9, 0.9, mapping=place, coarse=True), nothing)

    assert len(decisions) == 0
