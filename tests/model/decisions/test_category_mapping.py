"""Scores of a bundle's categories become a tag of the shop's, with a probability that means the same as before."""

from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from model import bundle as bundles
from model.classifier import Classifier
from model.decide import Decisions, decide
from model.decisions.category_mapping import CategoryMapping
from model.decisions.ood import SERVED
from model.decisions.taxonomy import Category, Taxonomy
from model.decisions.thresholds import NOTHING_PASSES
from model.runtimes import Outputs
from model.summary import lines_of_file, of_prediction
from tests.model.pictures import encode, photograph
from tests.model.taxonomies import KNOWN, SAMPLE, bundle, clothes, outputs, written


@pytest.fixture
def place(tmp_path: Path) -> CategoryMapping:
    return CategoryMapping.from_taxonomy(clothes(tmp_path), KNOWN)


def tags(mapping: CategoryMapping, decisions: Decisions) -> list[tuple[str, float, str]]:
    """Category, confidence and reason of each image."""
    found = zip(decisions.choice.index, decisions.confidence, decisions.reasons, strict=True)
    return [(mapping.names[at], round(float(sure), 3), str(reason)) for at, sure, reason in found]


@st.composite
def trees(draw: st.DrawFn) -> tuple[CategoryMapping, np.ndarray]:
    """A random tree, a bundle's categories anywhere in it, also above each other, and scores of twenty images."""
    size, count = draw(st.integers(1, 12)), draw(st.integers(1, 8))
    parents = [draw(st.one_of(st.none(), st.integers(0, at - 1))) if at else None for at in range(size)]
    homes = [draw(st.integers(0, size - 1)) for _ in range(count)]
    categories = tuple(
        Category(
            f"c{at}", None if up is None else f"c{up}", tuple(f"b{n}" for n in range(count) if homes[n] == at), {}, at
        )
        for at, up in enumerate(parents)
    )
    scores = np.random.default_rng(draw(st.integers(0, 99))).dirichlet(np.full(count, 0.5), 20).astype(np.float32)
    return CategoryMapping.from_taxonomy(Taxonomy(Path(), (), categories), tuple(f"b{n}" for n in range(count))), scores


@settings(deadline=None)  # machines are shared: time says nothing
@given(trees())
def test_shares_are_a_distribution_over_leaves_and_a_parent_is_as_probable_as_each_child(
    drawn: tuple[CategoryMapping, np.ndarray],
) -> None:
    mapping, scores = drawn

    shares, probable = mapping.shares(scores), mapping.probabilities(scores)

    np.testing.assert_allclose(shares.sum(1), 1, atol=1e-5)
    assert (shares >= 0).all()
    for child, parent in enumerate(mapping.parents):
        assert parent < 0 or (probable[:, parent] >= probable[:, child] - 1e-6).all()
    top = probable[:, mapping.parents < 0]
    np.testing.assert_allclose(top.sum(1), 1, atol=1e-5)


@settings(deadline=None)
@given(trees(), st.floats(0.5, 1))
def test_what_passes_without_a_taxonomy_passes_with_one(drawn: tuple[CategoryMapping, np.ndarray], cut: float) -> None:
    mapping, scores = drawn
    cuts = np.linspace(cut, 1, scores.shape[1])

    alone = CategoryMapping.identity([f"b{n}" for n in range(scores.shape[1])]).choose(scores, cuts)
    placed = mapping.choose(scores, cuts)

    passing = alone.confidence >= np.nextafter(alone.threshold, 2)
    assert (placed.confidence[passing] >= placed.threshold[passing] - 1e-6).all()


@settings(deadline=None)
@given(trees(), st.floats(0.5, 1))
def test_a_coarse_choice_lies_above_the_leaf_and_is_at_least_as_probable(
    drawn: tuple[CategoryMapping, np.ndarray], cut: float
) -> None:
    mapping, scores = drawn
    cuts = [cut] * scores.shape[1]

    leaf = mapping.choose(scores, cuts)
    above = mapping.coarser(scores, leaf, cuts)

    assert mapping.taxonomy is not None
    for at, sure, own, before in zip(above.index, above.confidence, leaf.index, leaf.confidence, strict=True):
        if at >= 0:
            assert mapping.names[at] in mapping.taxonomy.above(mapping.names[own])
            assert sure >= max(cut, before - 1e-6)


def test_without_a_taxonomy_an_image_gets_the_bundles_category_and_its_score() -> None:
    decisions = decide(bundle(0.9, 0.9, 0.9, 0.9), None, outputs((0.95, 0.03, 0.01, 0.01), (0.5, 0.3, 0.1, 0.1)))

    assert tags(CategoryMapping.identity(KNOWN), decisions) == [
        ("T-shirt/top", 0.95, ""),
        ("T-shirt/top", 0.5, "low_confidence"),
    ]


def test_what_stands_for_one_category_is_added_up_and_may_win_and_pass(place: CategoryMapping) -> None:
    said = outputs((0.02, 0.03, 0.5, 0.45), (0.4, 0.1, 0.3, 0.2))

    decisions = decide(bundle(0.9, 0.9, 0.9, 0.9), None, said, place)

    assert tags(place, decisions) == [("shoes", 0.95, ""), ("shoes", 0.5, "low_confidence")]
    assert decisions.predicted.tolist() == [2, 0]


@pytest.mark.parametrize(("cuts", "reason"), [((0.8, 0.99), ""), ((0.99, 0.8), "low_confidence")])
def test_the_sum_is_compared_with_the_threshold_of_what_gave_most_to_it(
    place: CategoryMapping, cuts: tuple[float, float], reason: str
) -> None:
    decisions = decide(bundle(0.9, 0.9, *cuts), None, outputs((0.02, 0.03, 0.5, 0.45)), place)

    assert tags(place, decisions) == [("shoes", 0.95, reason)]


def test_an_unsure_leaf_is_tagged_as_what_is_sure_above_it_if_that_is_asked_for(place: CategoryMapping) -> None:
    said = outputs((0.5, 0.47, 0.02, 0.01))

    fine = decide(bundle(0.9, 0.9, 0.9, 0.9), None, said, place)
    coarse = decide(bundle(0.9, 0.9, 0.9, 0.9), None, said, place, coarse=True)

    assert tags(place, fine) == [("tee", 0.5, "low_confidence")]
    assert tags(place, coarse) == [("tops", 0.97, "coarse")]
    assert coarse.reviewed.all()


def test_a_sure_leaf_is_never_made_coarse(place: CategoryMapping) -> None:
    decisions = decide(bundle(0.9, 0.9, 0.9, 0.9), None, outputs((0.95, 0.04, 0.005, 0.005)), place, coarse=True)

    assert tags(place, decisions) == [("tee", 0.95, "")]


@pytest.mark.parametrize(
    ("shirt", "tag"),
    [(0.96, ("tops", 0.97, "coarse")), (0.98, ("tee", 0.5, "low_confidence")), (1.01, ("tops", 0.97, "coarse"))],
)
def test_a_parent_has_to_reach_the_highest_threshold_below_it_that_can_be_reached(
    place: CategoryMapping, shirt: float, tag: tuple[str, float, str]
) -> None:
    said = outputs((0.5, 0.47, 0.02, 0.01))

    decisions = decide(bundle(0.9, shirt, 0.999, 0.9), None, said, place, coarse=True)

    assert tags(place, decisions) == [tag]


def test_a_parent_of_which_nothing_below_ever_passes_does_not_pass(place: CategoryMapping) -> None:
    never = bundle(NOTHING_PASSES, NOTHING_PASSES, 0.9, 0.9)

    decisions = decide(never, None, outputs((0.5, 0.49, 0.005, 0.005)), place, coarse=True)

    assert tags(place, decisions) == [("tee", 0.5, "low_confidence")]


def test_the_nearest_sure_category_above_is_taken_and_never_one_that_all_are_below(tmp_path: Path) -> None:
    text = (
        "category,parent,synonyms\nclothing,,\nupper,clothing,Sneaker\ntops,upper,\ntee,tops,T-shirt/top\nshirt,tops,\n"
    )
    place = CategoryMapping.from_taxonomy(Taxonomy.read(written(tmp_path, text + "sandal,clothing,\n")), KNOWN)
    said = outputs((0.5, 0.47, 0.02, 0.01), (0.5, 0.2, 0.27, 0.03), (0.5, 0.1, 0.1, 0.3))

    decisions = decide(bundle(0.9, 0.9, 0.9, 0.9), None, said, place, coarse=True)

    assert tags(place, decisions) == [
        ("tops", 0.97, "coarse"),
        ("upper", 0.97, "coarse"),
        ("tee", 0.5, "low_confidence"),
    ]


def test_a_category_with_others_below_it_is_as_probable_as_all_of_them(tmp_path: Path) -> None:
    text = "category,parent,synonyms\nshoes,,Sneaker\nsandal,shoes,\ntee,,T-shirt/top\nshirt,,\n"
    place = CategoryMapping.from_taxonomy(Taxonomy.read(written(tmp_path, text)), KNOWN)

    decisions = decide(bundle(0.9, 0.9, 0.9, 0.9), None, outputs((0.03, 0.02, 0.5, 0.45)), place)

    assert tags(place, decisions) == [("shoes", 0.95, "")]


def test_unlike_training_goes_before_coarse(place: CategoryMapping) -> None:
    strange = SimpleNamespace(scores=lambda logits, features: {SERVED: np.array([9.0, 1.0], np.float32)})
    said = outputs((0.5, 0.47, 0.02, 0.01), (0.5, 0.47, 0.02, 0.01))

    flagging = bundle(0.9, 0.9, 0.9, 0.9, ood={"threshold": 5.0})
    decisions = decide(flagging, strange, said, place, coarse=True)  # type: ignore[arg-type]

    assert tags(place, decisions) == [("tee", 0.5, "unlike_training"), ("tops", 0.97, "coarse")]


def test_no_images_are_no_trouble(place: CategoryMapping) -> None:
    nothing = Outputs.of(np.zeros((0, len(KNOWN)), np.float32), len(KNOWN))

    decisions = decide(bundle(0.9, 0.9, 0.9, 0.9), None, nothing, place, coarse=True)

    assert len(decisions) == 0


def test_the_shipped_bundle_tags_with_a_shops_categories_and_keeps_its_own_scores(shipped: Classifier) -> None:
    shop = Taxonomy.read(SAMPLE)
    own = Classifier.load(bundles.find("fashion-mnist"), taxonomy=shop, coarse=True)
    images = np.stack([shipped.prepare(path.read_bytes()) for path in sorted((SAMPLE.parent / "images").iterdir())])

    before, after = shipped.classify(images), own.classify(images)

    assert {each.category for each in after} <= {each.name for each in shop.categories}
    for one, other in zip(before, after, strict=True):
        np.testing.assert_array_equal(one.scores, other.scores)
        assert other.confidence >= one.confidence - 1e-6
        assert other.needs_review <= one.needs_review
        assert (other.review_reason == "unlike_training") == (one.review_reason == "unlike_training")
    assert "coarse" in {each.review_reason for each in after}


def test_a_summary_tells_the_leaf_what_is_above_it_and_why_it_was_not_taken(shipped: Classifier) -> None:
    own = Classifier.load(bundles.find("fashion-mnist"), taxonomy=Taxonomy.read(SAMPLE))
    image = own.prepare(encode(photograph(), "JPEG"))[None]
    plain, row = (of_prediction(each.classify(image)[0], each) for each in (shipped, own))

    told = lines_of_file(
        row
        | {"category": "tops", "confidence": 0.97, "review_reason": "coarse", "threshold": 0.9}
        | {"leaf": "shirt", "best": {"shirt": 0.5, "t-shirt": 0.47}, "above": {"tops": 0.97}}
    )

    assert set(row) == {*plain, "leaf", "above"}
    assert row["best"][row["leaf"]] == max(row["best"].values())
    assert told == (
        "tops 97.0%",
        "would be reviewed (coarse: shirt only 50.0%, under 90.0%)",
        "best: shirt 50.0%, t-shirt 47.0%",
        "above: tops 97.0%",
    )
