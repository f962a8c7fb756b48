"""Label issues: labels that the other images contradict, by a wrong click or because two categories overlap.

Confident learning (Northcutt, Jiang and Chuang 2021, arXiv:1911.00068) on a linear probe: logistic regression on the
features of a network that never saw these labels. The probe is not used for tagging.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from model.data import splitting

Floats = npt.NDArray[np.float32]
Integers = npt.NDArray[np.int64]

MIN_GROUPS = 3
"""With fewer, a category would be learned from one product or none while another is held out."""
STRENGTH = 40.0
"""scikit-learn's C times the number of images. The best C for 200, 600 and 3,068 photographs of clothing is 1, 0.1 and
0.01; with this rule the log loss is within 0.01 of theirs."""
STEPS = 1_000


@dataclass(frozen=True, slots=True)
class LabelIssue:
    """An image labelled `given` that looks like `suggested`; both index the categories.

    The probabilities are those of a probe fitted without this image and the others of its group.
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
class LabelIssues:
    """The issues among `images` checked images, the clearest first.

    `accuracy` is that of the probe, each image held out once; NaN where nothing could be checked. `counts` int64[K, K]
    is the confident joint: rows are labels, columns the category that an image confidently belongs to; images that
    belong to none are not counted. `unjudged` are the categories with too few groups: their images are not checked,
    and no image is said to belong to them.
    """

    categories: tuple[str, ...]
    images: int
    folds: int
    accuracy: float
    issues: tuple[LabelIssue, ...]
    counts: Integers
    unjudged: tuple[str, ...]


def find(
    features: Floats, labels: Integers, groups: Integers, categories: Sequence[str], *, folds: int = 5, seed: int = 0
) -> LabelIssues:
    """Find label issues from backbone features float32[N, D], labels int64[N] into `categories`, and groups int64[N].

    Images of one group (one product, or copies of one photograph) are held out together. At least two `folds` are
    used, and no more than the smallest category has groups. Raises ValueError for arrays of different lengths.
    """
    if not len(features) == len(labels) == len(groups):
        raise ValueError(f"{len(features)} features, {len(labels)} labels and {len(groups)} groups do not match")
    category_of_group, _ = splitting.by_group(labels, groups)
    judged = np.flatnonzero(np.bincount(category_of_group, minlength=len(categories)) >= MIN_GROUPS)
    unjudged = tuple(name for index, name in enumerate(categories) if index not in judged)
    if len(judged) < 2:
        nothing = np.zeros((len(categories), len(categories)), np.int64)
        return LabelIssues(tuple(categories), 0, 0, float("nan"), (), nothing, unjudged)
    count = max(2, min(folds, int(np.bincount(category_of_group)[judged].min())))
    indices = np.flatnonzero(np.isin(labels, judged))
    fold = splitting.folds(labels, groups, count, seed)[indices]
    given = np.searchsorted(judged, labels[indices])
    probabilities = out_of_fold_probabilities(features[indices], given, fold)
    confident = confident_categories(probabilities, given)
    return LabelIssues(
        categories=tuple(categories),
        images=len(indices),
        folds=count,
        accuracy=float(np.mean(probabilities.argmax(1) == given)),
        issues=_issues(probabilities, given, confident, indices, judged),
        counts=_confident_joint(given, confident, judged, len(categories)),
        unjudged=unjudged,
    )


def out_of_fold_probabilities(features: Floats, labels: Integers, fold: Integers) -> Floats:
    """Fit a probe without each fold: float32[N, D], labels int64[N] of 0 to K - 1, folds int64[N] -> float32[N, K].

    Every category must be in at least two folds. The features are replaced by their square roots, as one that is large
    on a few images would count for too much (Arandjelović and Zisserman 2012, "Three things everyone should know to
    improve object retrieval"): more of the labels made wrong on purpose then rank among the first.
    """
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    roots = np.sign(features) * np.sqrt(np.abs(features))
    probabilities = np.zeros((len(labels), int(labels.max()) + 1), np.float32)
    for number in np.unique(fold):
        held_out, others = fold == number, fold != number
        strength = STRENGTH / int(others.sum())
        probe = make_pipeline(StandardScaler(), LogisticRegression(C=strength, max_iter=STEPS))
        probe.fit(roots[others], labels[others])
        probabilities[held_out] = probe.predict_proba(roots[held_out])
    return probabilities


def confident_categories(probabilities: Floats, labels: Integers) -> Integers:
    """Find the category that each image confidently belongs to, -1 for none: float32[N, K], int64[N] -> int64[N].

    It is the most probable of those that reach their threshold: the mean probability of a category over the images
    labelled with it (equations 1 and 2 of the paper). So categories that are hard to tell apart need less.
    """
    count = probabilities.shape[1]
    thresholds = np.array([probabilities[labels == category, category].mean() for category in range(count)])
    reached = np.where(probabilities >= thresholds, probabilities, -1.0)
    return np.where(reached.max(1) >= 0, reached.argmax(1), -1).astype(np.int64)


def _issues(
    probabilities: Floats, given: Integers, confident: Integers, indices: Integers, judged: Integers
) -> tuple[LabelIssue, ...]:
    issues = [
        LabelIssue(
            index=int(indices[row]),
            given=int(judged[given[row]]),
            suggested=int(judged[confident[row]]),
            probability_given=float(probabilities[row, given[row]]),
            probability_suggested=float(probabilities[row, confident[row]]),
        )
        for row in np.flatnonzero((confident >= 0) & (confident != given))
    ]
    return tuple(sorted(issues, key=lambda issue: (issue.margin, issue.index)))


def _confident_joint(given: Integers, confident: Integers, judged: Integers, categories: int) -> Integers:
    counts = np.zeros((categories, categories), np.int64)
    sure = confident >= 0
    np.add.at(counts, (judged[given[sure]], judged[confident[sure]]), 1)
    return counts
