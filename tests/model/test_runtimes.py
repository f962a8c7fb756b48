"""Outputs of the two runtimes beside each other."""

import numpy as np
import pytest

from model.runtimes import TIE, Outputs


@pytest.mark.parametrize(("differing", "gap", "disagreements"), [(4, TIE * 2, 4), (4, TIE / 2, 0), (0, 3.0, 0)])
def test_a_disagreement_counts_only_where_the_reference_is_no_tie(
    differing: int, gap: float, disagreements: int
) -> None:
    reference = np.tile(np.array([gap, 0.0], np.float32), (10, 1))
    logits = reference.copy()
    logits[:differing] = [0.0, 1.0]

    assert Outputs(logits, np.zeros((10, 0), np.float32), reference).disagreements == disagreements
