"""Probabilities of the shop's categories mean the same as those of the bundle's, whatever the tree."""

from pathlib import Path

import numpy as np
from hypothesis import given, settings, strategies as st

from model.decisions.category_mapping import CategoryMapping
from model.decisions.taxonomy import Category, Taxonomy


@st.composite
def trees(draw: st.DrawFn) -> tuple[CategoryMapping, np.ndarray]:
    """Draw a tree, a bundle's categories anywhere in it, also above each other, and scores of twenty images."""
    size, count = draw(st.integers(1, 12)), draw(st.integers(1, 8))
    parents = [draw(st.one_of(st.none(), st.integers(0, index - 1))) if index else None for index in range(size)]
    homes = [draw(st.integers(0, size - 1)) for _ in range(count)]
    categories = tuple(
        Category(
            f"c{index}",
            None if up is None else f"c{up}",
            tuple(f"b{n}" for n in range(count) if homes[n] == index),
            {},
            index,
        )
        for index, up in enumerate(parents)
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
    for index, sure, own, before in zip(above.index, above.confidence, leaf.index, leaf.confidence, strict=True):
        if index >= 0:
            assert mapping.names[index] in mapping.taxonomy.above(mapping.names[own])
            assert sure >= max(cut, before - 1e-6)
