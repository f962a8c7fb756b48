"""Agreement of the runtimes before a bundle is published: by share of many images, and by ties among few."""

import numpy as np
import pytest

from model.runtimes import TIE, Outputs
from model.training.publishing.publish import AGREEMENT, FEW, _agree


def outputs(count: int, differing: int, gap: float) -> Outputs:
    """Return outputs of which `differing` are in another category, which the reference rates `gap` below its best."""
    reference = np.tile(np.array([gap, 0.0], np.float32), (count, 1))
    logits = reference.copy()
    logits[:differing] = [0.0, 1.0]
    return Outputs(logits, np.zeros((count, 0), np.float32), reference)


@pytest.mark.parametrize(
    ("count", "differing", "gap", "agree"),
    [
        (5_000, 10, 3.0, True),  # 0.998
        (5_000, 11, 3.0, False),
        (5_000, 11, TIE / 2, False),  # of thousands the share counts, ties or not
        (341, FEW, 3.0, True),
        (341, FEW + 1, 3.0, False),
        (341, FEW + 5, TIE / 2, True),
        (341, FEW + 5, TIE * 2, False),
    ],
)
def test_runtimes_agree_by_share_or_in_all_but_few_and_ties(
    count: int, differing: int, gap: float, agree: bool
) -> None:
    assert _agree(outputs(count, differing, gap)) is agree


def test_the_bound_between_many_and_few_is_where_the_share_allows_as_many() -> None:
    count = round(FEW / (1 - AGREEMENT))

    assert _agree(outputs(count - 1, 30, TIE / 2))
    assert not _agree(outputs(count, 30, TIE / 2))
