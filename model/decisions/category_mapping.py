"""From the scores of a bundle's categories to the category an image is tagged with: the bundle's own, or the shop's."""

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
    """Where a bundle's K categories stand among the T `names` that images may be tagged with.

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
        """Without a taxonomy: each category is a leaf, and nothing is above it."""
        count = len(categories)
        each = np.eye(count, dtype=np.float32)
        return cls(tuple(categories), np.arange(count), each, each, np.full(count, -1))

    @classmethod
    def from_taxonomy(cls, taxonomy: Taxonomy, categories: Sequence[str]) -> "CategoryMapping":
        """Raises TaxonomyWrong, naming every category of the bundle that no row stands for."""
        names = tuple(each.name for each in taxonomy.categories)
        at = {name: number for number, name in enumerate(names)}
        places = [at[name] for name in _places(taxonomy, categories)]
        leaves = sorted(set(places))
        under = np.zeros((len(places), len(names)), np.float32)
        for number, place in enumerate(places):
            under[number, [place, *(at[above] for above in taxonomy.above(names[place]))]] = 1
        own = np.equal.outer(places, leaves).astype(np.float32)
        parents = [at[each.parent] if each.parent else -1 for each in taxonomy.categories]
        return cls(names, np.array(leaves), own, under, np.array(parents), taxonomy)

    def shares(self, scores: Floats) -> Floats:
        """Scores float32[N, K] -> float32[N, L], a distribution over the leaves: what stands for one is added up."""
        added: Floats = scores @ self.own
        return added

    def probabilities(self, scores: Floats) -> Floats:
        """Scores float32[N, K] -> float32[N, T]: a name's is the sum over all that stands for it or below it."""
        added: Floats = scores @ self.under
        return added

    def choose(self, scores: Floats, thresholds: Sequence[float]) -> Choice:
        """The leaf of the largest share, from scores float32[N, K] and the K thresholds of the bundle's categories.

        Its confidence is compared with the threshold of the category that gives most to it. So what passes a threshold
        of one half or more without a taxonomy passes with one, and is right at least as often, as the sum is.
        """
        best = self.shares(scores).argmax(1)
        at = self.leaves[best]
        strongest = np.where(self.own.T[best] > 0, scores, -1).argmax(1)
        return Choice(at, self.probabilities(scores)[np.arange(len(at)), at], np.asarray(thresholds)[strongest])

    def coarser(self, scores: Floats, choice: Choice, thresholds: Sequence[float]) -> Choice:
        """The nearest name above each choice that is sure, as `choose` takes them; `at` is -1 where none is.

        To be sure, it has to reach the highest threshold of all that stands below it, as the mistakes of any may be in
        it. A threshold that nothing reaches is left out: it would bar the name for the siblings, too. A name that all
        of the bundle's categories stand below is never sure: it says nothing of the image.
        """
        probable, limits = self.probabilities(scores), self._limits(thresholds)
        images, at = np.arange(len(choice.index)), self.parents[choice.index]
        found = np.full(len(at), -1)
        while (at >= 0).any():
            sure = (found < 0) & (at >= 0) & (probable[images, at] >= limits[at])
            found = np.where(sure, at, found)
            at = np.where(at >= 0, self.parents[at], -1)
        return Choice(found, probable[images, found], limits[found])

    def _limits(self, thresholds: Sequence[float]) -> npt.NDArray[np.float64]:
        """float64[T]: from which probability on a name is sure."""
        cuts, below = np.asarray(thresholds, np.float64), self.under.T > 0
        highest = np.where(below & (cuts <= 1), cuts, -1).max(1)
        return np.where((highest < 0) | below.all(1), NOTHING_PASSES, highest)


def _places(taxonomy: Taxonomy, categories: Sequence[str]) -> list[str]:
    """The shop's category of each of the bundle's, in their order."""
    found = [taxonomy.resolve(name) for name in categories]
    lost = [name for name, place in zip(categories, found, strict=True) if place is None]
    if lost:
        raise TaxonomyWrong(
            f"{taxonomy.path}: nothing stands for {', '.join(_with_guess(taxonomy, name) for name in lost)}, which the"
            " bundle gives: add each to the synonyms of the category that it is"
        )
    return [place for place in found if place is not None]


def _with_guess(taxonomy: Taxonomy, name: str) -> str:
    close = taxonomy.like(name)
    return f"{name!r} (a synonym of {' or '.join(close)}?)" if close else repr(name)
