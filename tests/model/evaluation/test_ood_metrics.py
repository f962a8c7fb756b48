"""Metrics of how well out-of-distribution images are told from others."""

import numpy as np
import pytest

from model.evaluation.ood_metrics import auroc


def test_auroc_is_the_share_of_pairs_in_order_and_half_of_the_ties() -> None:
    random = np.random.default_rng(0)
    inside, outside = random.integers(0, 8, 300), random.integers(2, 10, 200)

    above, equal = inside[:, None] < outside, inside[:, None] == outside

    assert auroc(inside, outside) == pytest.approx((above + equal / 2).mean())


def test_auroc_of_separate_scores_is_one() -> None:
    assert auroc([1, 2], [3, 4]) == 1
    assert auroc([3, 4], [1, 2]) == 0
