"""The words of a report."""

import dataclasses
from typing import Any

import pytest

from model.bundle import Bundle
from model.evaluation.report import wording


@pytest.mark.parametrize(
    ("before", "facts"),
    [
        (None, {"Training": "3 epochs, seed 0"}),
        ({"model": "shop@1"}, {"Training": "3 epochs, seed 0", "Started from": "shop@1"}),
        ({"averaged": [{"model": "shop@1"}]}, {"Training": "none of its own: the weights of shop@1"}),
        ({"averaged": [{"model": "shop@1"}, {"model": "shop@2"}]}, {"Training": "the mean of shop@1, shop@2"}),
    ],
)
def test_it_says_whose_weights_a_bundle_began_with_or_has(
    bars: Bundle, before: dict[str, Any] | None, facts: dict[str, str]
) -> None:
    made = bars.training | {"recipe": {"epochs": 3, "seed": 0}, "started_from": before}

    stated = dict(wording.training(dataclasses.replace(bars, training=made)))

    assert {name: stated[name] for name in ("Training", "Started from") if name in stated} == facts
