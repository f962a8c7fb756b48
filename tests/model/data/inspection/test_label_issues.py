"""Labels that the others contradict are found and ranked; where nothing can be said, that is said."""

import math

import numpy as np
import pytest

from model.data.inspection.label_issues import Integers, LabelIssues, confident_categories, find

KINDS = ("bag", "coat", "dress", "shoe")
COUNT = 400


def blobs(count: int = COUNT) -> tuple[np.ndarray, Integers]:
    """float32[N, 12] from 0 up, as a backbone gives them, a cloud for each kind, and the labels."""
    random = np.random.default_rng(0)
    labels = np.arange(count, dtype=np.int64) % len(KINDS)
    clouds = 4 * np.eye(len(KINDS), 12)[labels] + random.standard_normal((count, 12))
    return clouds.clip(0).astype(np.float32), labels


def find_issues(labels: Integers, groups: Integers | None = None) -> LabelIssues:
    return find(blobs(len(labels))[0], labels, np.arange(len(labels)) if groups is None else groups, KINDS)


@pytest.fixture(scope="module")
def wrong() -> Integers:
    """Twelve images, 3 %, that get another label than theirs."""
    return np.sort(np.random.default_rng(1).permutation(COUNT)[:12])


@pytest.fixture(scope="module")
def result(wrong: Integers) -> LabelIssues:
    labels = blobs()[1]
    labels[wrong] = (labels[wrong] + 1) % len(KINDS)
    return find_issues(labels)


def test_wrong_labels_are_found_the_clearest_first(result: LabelIssues, wrong: Integers) -> None:
    named = [issue.index for issue in result.issues]
    margins = [issue.margin for issue in result.issues]

    assert set(named) <= set(wrong.tolist())
    assert len(named) >= len(wrong) - 2
    assert margins == sorted(margins)


def test_an_issue_says_what_it_is_labelled_and_what_it_looks_like(result: LabelIssues, wrong: Integers) -> None:
    truth = blobs()[1]

    mine = [issue for issue in result.issues if issue.index in wrong]

    assert [issue.suggested for issue in mine] == [truth[issue.index] for issue in mine]
    assert all(issue.given == (issue.suggested + 1) % len(KINDS) for issue in mine)
    assert all(issue.probability_given < issue.probability_suggested for issue in mine)


def test_the_counts_add_up_to_the_issues(result: LabelIssues) -> None:
    counts = result.counts

    assert counts.sum() - counts.trace() == len(result.issues)
    assert counts.sum() <= result.images == COUNT
    assert 0.9 < result.accuracy < 0.98  # 3 % of the labels are wrong
    assert result.unjudged == ()


def test_the_same_seed_says_the_same(result: LabelIssues, wrong: Integers) -> None:
    labels = blobs()[1]
    labels[wrong] = (labels[wrong] + 1) % len(KINDS)

    again = find_issues(labels)

    assert again.issues == result.issues


def test_a_group_is_held_out_as_a_whole() -> None:
    """Copies of one photograph with the same wrong label do not vouch for each other."""
    features, labels = blobs()
    features[:8], labels[:8] = features[0], 2
    alone = np.arange(COUNT, dtype=np.int64)
    together = np.where(alone < 8, 0, alone)

    vouching = find(features, labels, alone, KINDS)
    held_out = find(features, labels, together, KINDS)

    assert not set(range(8)) & {issue.index for issue in vouching.issues}
    assert set(range(8)) <= {issue.index for issue in held_out.issues}


def test_folds_fall_to_the_groups_of_the_smallest_category() -> None:
    labels = blobs()[1]
    few = np.flatnonzero(labels == 3)
    labels[few[3:]] = 0

    assert find_issues(labels).folds == 3
    assert find_issues(labels).unjudged == ()


def test_a_category_of_too_few_groups_is_left_out_and_named() -> None:
    labels = blobs()[1]
    groups = np.where(labels == 3, 2000 + np.arange(COUNT) % 8 // 4, np.arange(COUNT))

    result = find_issues(labels, groups)

    assert result.unjudged == ("shoe",)
    assert result.images == COUNT * 3 // 4
    assert not {3} & {kind for issue in result.issues for kind in (issue.given, issue.suggested)}
    assert result.counts[3].sum() == result.counts[:, 3].sum() == 0
    assert result.folds == 5


@pytest.mark.parametrize("labels", [np.zeros(9, np.int64), np.arange(4), np.zeros(0, np.int64)])
def test_of_fewer_than_two_categories_nothing_is_said(labels: Integers) -> None:
    result = find_issues(labels)

    assert (result.images, result.folds, result.issues) == (0, 0, ())
    assert math.isnan(result.accuracy)
    assert set(result.unjudged) >= set(KINDS[1:])


def test_arrays_of_unlike_lengths_are_refused() -> None:
    with pytest.raises(ValueError, match="do not match"):
        find(*blobs(), np.arange(3), KINDS)


def test_a_threshold_is_what_its_own_images_get_on_average() -> None:
    """Worked by hand: the thresholds are 0.65, (0.8 + 0.2) / 2 and 0.9."""
    rows = [[0.9, 0.1, 0], [0.4, 0.6, 0], [0.1, 0.8, 0.1], [0.7, 0.2, 0.1], [0.05, 0.05, 0.9]]
    probabilities = np.array(rows, np.float32)

    assert confident_categories(probabilities, np.array([0, 0, 1, 1, 2])).tolist() == [0, 1, 1, 0, 2]
    assert confident_categories(probabilities[[0, 2, 4, 1]], np.array([0, 1, 2, 0])).tolist() == [0, 1, 2, -1]
