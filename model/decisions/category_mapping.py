"""Category mapping: from the scores of a bundle's categories to the tag, which is one of these or the shop's own."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from model.decisions.taxonomy import Taxonomy, TaxonomyWrong
from model.decisions.thresholds import NOTHING_PASSES

Floats = npt.NDArray[np.float32]
Indices = npt.NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Choice:
    """What each of N images is tagged with: `index` int64[N] into CategoryMapping.names, its confidence float32[N], and
    the threshold float64[N] that the confidence has to reach.
    """

    index: Indices
    confidence: Floats
    threshold: npt.NDArray[np.float64]

    def where(self, condition: npt.NDArray[np.bool_], other: "Choice") -> "Choice":
        """Take the choices of `other` where bool[N] `condition` is true."""
        return Choice(
            np.where(condition, other.index, self.index),
            np.where(condition, other.confidence, self.confidence),
            np.where(condition, other.threshold, self.threshold),
        )


@dataclass(frozen=True)
class CategoryMapping:
    """The places of a bundle's K categories among the T `names` that images may be tagged with.

    L of the names are leaves, `leaves` int64[L]: one of the bundle's categories, at least, stands for each. `own`
    float32[K, L] is 1 where a category stands for a leaf, `under` float32[K, T] where it stands for a name or for one
    below it, and else 0. `parents` int64[T] leads upwards, -1 from the top.
    """

    names: tuple[str, ...]
    leaves: Indices
    own: Floats
    under: Floats
    parents: Indices
    taxonomy: Taxonomy | None = None

    @classmethod
    def identity(cls, categories: Sequence[str]) -> "CategoryMapping":
        """Map each category to itself: it is a leaf, and nothing is above it."""
        count = len(categories)
        identity = np.eye(count, dtype=np.float32)
        return cls(tuple(categories), np.arange(count), identity, identity, np.full(count, -1))

    @classmethod
    def from_taxonomy(cls, taxonomy: Taxonomy, categories: Sequence[str]) -> "CategoryMapping":
        """Map a bundle's categories to the shop's.

        Raises TaxonomyWrong, naming every category of the bundle that no row stands for.
        """
        names = tuple(category.name for category in taxonomy.categories)
        indices = {name: index for index, name in enumerate(names)}
        places = [indices[name] for name in _resolve_all(taxonomy, categories)]
        leaves = sorted(set(places))
        under = np.zeros((len(places), len(names)), np.float32)
        for number, place in enumerate(places):
            under[number, [place, *(indices[above] for above in taxonomy.above(names[place]))]] = 1
        own = np.equal.outer(places, leaves).astype(np.float32)
        parents = [indices[category.parent] if category.parent else -1 for category in taxonomy.categories]
        return cls(names, np.array(leaves), own, under, np.array(parents), taxonomy)

    def shares(self, scores: Floats) -> Floats:
        """Turn scores float32[N, K] into shares of the leaves, float32[N, L], by adding up what stands for each."""
        return scores @ self.own

    def probabilities(self, scores: Floats) -> Floats:
        """Turn scores float32[N, K] into probabilities of the names, float32[N, T], each with all below it."""
        return scores @ self.under

    def choose(self, scores: Floats, thresholds: Sequence[float]) -> Choice:
        """Choose the leaf of the largest share, by scores float32[N, K] and the thresholds of the K categories.

        Its confidence is compared with the threshold of the category that gives most to it. So what passes a threshold
        of one half or more without a taxonomy passes with one, and is right at least as often, as the sum is.
        """
        best = self.shares(scores).argmax(1)
        index = self.leaves[best]
        strongest = np.where(self.own.T[best] > 0, scores, -1).argmax(1)
        confidence = self.probabilities(scores)[np.arange(len(index)), index]
        return Choice(index, confidence, np.asarray(thresholds)[strongest])

    def coarser(self, scores: Floats, choice: Choice, thresholds: Sequence[float]) -> Choice:
        """Choose the nearest name above each choice that is sure; `index` is -1 where none is.

        To be sure, it has to reach the highest threshold of all that stands below it, as the mistakes of any may be in
        it. A threshold that nothing reaches is left out: it would bar the name for the siblings, too. A name that all
        of the bundle's categories stand below is never sure: it says nothing of the image.
        """
        probable, limits = self.probabilities(scores), self._limits(thresholds)
        images, above = np.arange(len(choice.index)), self.parents[choice.index]
        chosen = np.full(len(above), -1)
        while (above >= 0).any():
            sure = (chosen < 0) & (above >= 0) & (probable[images, above] >= limits[above])
            chosen = np.where(sure, above, chosen)
            above = np.where(above >= 0, self.parents[above], -1)
        return Choice(chosen, probable[images, chosen], limits[chosen])

    def _limits(self, thresholds: Sequence[float]) -> npt.NDArray[np.float64]:
        """Return the probability, float64[T], from which on each name is sure."""
        cuts, below = np.asarray(thresholds, np.float64), self.under.T > 0
        highest = np.where(below & (cuts <= 1), cuts, -1).max(1)
        return np.where((highest < 0) | below.all(1), NOTHING_PASSES, highest)


def _resolve_all(taxonomy: Taxonomy, categories: Sequence[str]) -> list[str]:
    resolved = [taxonomy.resolve(name) for name in categories]
    missing = [name for name, category in zip(categories, resolved, strict=True) if category is None]
    if missing:
        raise TaxonomyWrong(
            f"{taxonomy.path}: nothing stands for {', '.join(_with_guess(taxonomy, name) for name in missing)}, which"
            " the bundle gives: add each to the synonyms of the category that it is"
        )
    return [category for category in resolved if category is not None]


def _with_guess(taxonomy: Taxonomy, name: str) -> str:
    close = taxonomy.like(name)
    return f"{name!r} (a synonym of {' or '.join(close)}?)" if close else repr(name)
