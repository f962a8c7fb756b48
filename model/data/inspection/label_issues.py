"""Labels that the other images contradict: where somebody may have clicked wrongly, or two categories overlap.

Confident learning (Northcutt, Jiang and Chuang 2021, arXiv:1911.00068) on a linear probe: logistic regression on the
features of a network that never saw these labels. What is fitted here tags nothing.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from model.data import splitting

Floats = npt.NDArray[np.float32]
Integers = npt.NDArray[np.int64]

LEAST_GROUPS = 3
"""With fewer, a category would be learned from a single product, or from none, while another is held out."""
STRENGTH = 40.0
"""scikit-learn's C times the number of images: 200, 600 and 3,068 photographs of clothing want a C of 1, 0.1 and 0.01,
and with this rule the log loss is within 0.01 of what these give."""
STEPS = 1_000


@dataclass(frozen=True, slots=True)
class Suspect:
    """The image at `index` is labelled `given` and looks like `suggested`, indices of categories.

    The probabilities are those that a probe gives both, fitted without this image and the others of its group.
    """

    index: int
    given: int
    suggested: int
    probability_given: float
    probability_suggested: float

    @property
    def margin(self) -> float:
        """From -1, where the label is contradicted most clearly, to 1."""
        return self.probability_given - self.probability_suggested


@dataclass(frozen=True, slots=True)
class LabelProblems:
    """`accuracy` is the probe's on the `images` that were judged, each held out once; NaN where none could be.

    `suspects` begin with the clearest. `counts` int64[K, K] is the confident joint: rows are the labels, columns the
    category that an image confidently belongs to; images that belong to none are not counted. `unjudged` are the
    categories of too few groups: nothing is said of their images, and no other image is said to be theirs.
    """

    categories: tuple[str, ...]
    images: int
    folds: int
    accuracy: float
    suspects: tuple[Suspect, ...]
    counts: Integers
    unjudged: tuple[str, ...]


def find(
    features: Floats, labels: Integers, groups: Integers, categories: Sequence[str], *, folds: int = 5, seed: int = 0
) -> LabelProblems:
    """Backbone features float32[N, D], int64[N] that index `categories`, int64[N]: which labels to look at.

    Images of one group (one product, or copies of one photograph) are held out together. There are two `folds` at
    least, and no more than the smallest category has groups. Raises ValueError for arrays of unlike lengths.
    """
    if not len(features) == len(labels) == len(groups):
        raise ValueError(f"{len(features)} features, {len(labels)} labels and {len(groups)} groups do not match")
    kinds, _ = splitting.by_group(labels, groups)
    judged = np.flatnonzero(np.bincount(kinds, minlength=len(categories)) >= LEAST_GROUPS)
    unjudged = tuple(name for at, name in enumerate(categories) if at not in judged)
    if len(judged) < 2:
        none = np.zeros((len(categories), len(categories)), np.int64)
        return LabelProblems(tuple(categories), 0, 0, float("nan"), (), none, unjudged)
    count = max(2, min(folds, int(np.bincount(kinds)[judged].min())))
    kept = np.flatnonzero(np.isin(labels, judged))
    fold = splitting.folds(labels, groups, count, seed)[kept]
    given = np.searchsorted(judged, labels[kept])
    said = out_of_fold(features[kept], given, fold)
    belongs = confident(said, given)
    return LabelProblems(
        categories=tuple(categories),
        images=len(kept),
        folds=count,
        accuracy=float(np.mean(said.argmax(1) == given)),
        suspects=_suspects(said, given, belongs, kept, judged),
        counts=_joint(given, belongs, judged, len(categories)),
        unjudged=unjudged,
    )


def out_of_fold(features: Floats, labels: Integers, fold: Integers) -> Floats:
    """float32[N, D], int64[N] of 0 to K - 1 and the fold of each image -> float32[N, K] of a probe fitted without it.

    Every category must lie in two folds at least. Of the features their roots are taken, as one that is large on a few
    images would count for too much (Arandjelović and Zisserman 2012, "Three things everyone should know to improve
    object retrieval"): of labels made wrong, more are among the first then.
    """
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    roots = np.sign(features) * np.sqrt(np.abs(features))
    said = np.zeros((len(labels), int(labels.max()) + 1), np.float32)
    for number in np.unique(fold):
        held, others = fold == number, fold != number
        strength = STRENGTH / int(others.sum())
        probe = make_pipeline(StandardScaler(), LogisticRegression(C=strength, max_iter=STEPS))
        probe.fit(roots[others], labels[others])
        said[held] = probe.predict_proba(roots[held])
    return said


def confident(said: Floats, labels: Integers) -> Integers:
    """float32[N, K] and int64[N] -> the category that each image confidently belongs to, -1 for none.

    It is the most probable of those whose threshold is reached; a category's threshold is the mean of what the images
    with that label get for it (the paper's equations 1 and 2). So categories that are hard to tell ask for less.
    """
    thresholds = np.array([said[labels == kind, kind].mean() for kind in range(said.shape[1])])
    reached = np.where(said >= thresholds, said, -1.0)
    return np.where(reached.max(1) >= 0, reached.argmax(1), -1).astype(np.int64)


def _suspects(
    said: Floats, given: Integers, belongs: Integers, kept: Integers, judged: Integers
) -> tuple[Suspect, ...]:
    found = [
        Suspect(
            index=int(kept[at]),
            given=int(judged[given[at]]),
            suggested=int(judged[belongs[at]]),
            probability_given=float(said[at, given[at]]),
            probability_suggested=float(said[at, belongs[at]]),
        )
        for at in np.flatnonzero((belongs >= 0) & (belongs != given))
    ]
    return tuple(sorted(found, key=lambda suspect: (suspect.margin, suspect.index)))


def _joint(given: Integers, belongs: Integers, judged: Integers, categories: int) -> Integers:
    counts = np.zeros((categories, categories), np.int64)
    sure = belongs >= 0
    np.add.at(counts, (judged[given[sure]], judged[belongs[sure]]), 1)
    return counts
