"""Samples spread over a plan, whatever its order, and pages of it have each of its images once."""

from __future__ import annotations

from datetime import timedelta
from functools import partial
from itertools import pairwise

import pytest

from db.operations import samples
from db.operations.samples import Sampled
from db.schema import Plan
from db.session import in_transaction
from tests.db.catalogues import LONG_AGO, Catalogue
from tests.db.operations.planning import make


def some(catalogue: Catalogue, plan: Plan, size: int) -> list[str]:
    return [image.key for image in in_transaction(catalogue.sessions, partial(samples.some, plan=plan, size=size))]


@pytest.mark.parametrize("newest_first", [False, True])
def test_a_sample_is_spread_over_the_plan(catalogue: Catalogue, newest_first: bool) -> None:
    catalogue.images(*(f"{number:02}" for number in range(40)))
    for number in range(40):
        at = LONG_AGO + timedelta(days=number)
        catalogue.sql("UPDATE source_object SET last_modified = :at WHERE key = :key", at=at, key=f"{number:02}")
    plan = make(catalogue, newest_first=newest_first)

    sample = sorted(map(int, some(catalogue, plan, 4)))

    assert len(sample) == 4
    assert all(after - before in range(8, 13) for before, after in pairwise(sample))


def test_a_small_plan_is_sampled_whole_but_for_what_is_gone_or_overwritten(catalogue: Catalogue) -> None:
    catalogue.images("a", "b", "c", "d")
    plan = make(catalogue)
    catalogue.sql("UPDATE source_object SET gone_at = :then WHERE key = 'b'", then=LONG_AGO)
    catalogue.sql("UPDATE source_object SET version_token = 'v2' WHERE key = 'c'")

    assert some(catalogue, plan, 500) == ["a", "d"]


def test_pages_hold_every_image_once(catalogue: Catalogue) -> None:
    catalogue.images(*"abcde")
    plan = make(catalogue, newest_first=True)
    seen: list[str] = []
    last: Sampled | None = None

    while page := in_transaction(catalogue.sessions, partial(samples.page, plan=plan, after=last, size=2)):
        seen += [image.key for image in page]
        last = page[-1]

    assert seen == list("abcde")
