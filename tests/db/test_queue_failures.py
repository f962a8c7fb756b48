"""The queue: what becomes of an item whose image fails."""

from __future__ import annotations

from datetime import UTC, datetime
from importlib.metadata import version

import pytest

from db.queue import leases
from tests.db.catalogues import Catalogue, ask, row


def test_a_failed_image_waits_longer_each_time_and_is_quarantined_at_last(catalogue: Catalogue) -> None:
    catalogue.items("a")
    waits = []
    for _ in range(leases.MAX_FAILURES - 1):
        (item,) = catalogue.claim()
        assert ask(catalogue, leases.retry, item, "internal", "boom")
        assert catalogue.claim() == []
        state = row(catalogue, item.id)
        assert (state["state"], state["reason"], state["detail"]) == ("pending", "internal", "boom")
        waits.append(_seconds_until(catalogue, item.id))
        catalogue.let_backoffs_end()
    (item,) = catalogue.claim()

    ask(catalogue, leases.retry, item, "internal", "boom")

    assert waits == sorted(waits)
    ended = row(catalogue, item.id)
    assert (ended["state"], ended["failures"], ended["lease_owner"]) == ("quarantined", leases.MAX_FAILURES, None)
    assert catalogue.violations() == []


def test_the_back_off_doubles_up_to_an_hour(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(leases.random, "uniform", lambda low, high: (low + high) / 2)

    assert [leases.backoff_s(failures) for failures in (1, 2, 3, 10, 1000)] == [10, 20, 40, 3600, 3600]


def test_skip_is_final_and_says_why(catalogue: Catalogue) -> None:
    catalogue.items("a")
    (item,) = catalogue.claim()

    skipped = ask(catalogue, leases.skip, item, "corrupt", "cut short")

    ended = row(catalogue, item.id)
    assert skipped == "skipped"
    assert (ended["state"], ended["reason"], ended["detail"]) == ("skipped", "corrupt", "cut short")
    assert catalogue.claim() == []


@pytest.mark.parametrize("end", [leases.skip, leases.retry])
def test_who_lost_the_lease_cannot_end_the_item(catalogue: Catalogue, end: object) -> None:
    catalogue.items("a")
    (zombie,) = catalogue.claim()
    catalogue.let_leases_end()
    (owner,) = catalogue.claim(owner="worker:2")

    ended = ask(catalogue, end, zombie, "corrupt", "late")

    assert ended is None
    leased = row(catalogue, owner.id)
    assert (leased["state"], leased["reason"], leased["failures"]) == ("leased", None, 0)


def _seconds_until(catalogue: Catalogue, item_id: int) -> float:
    from sqlalchemy import select

    from db.schema import WorkItem

    with catalogue.sessions.begin() as session:
        eligible_at = session.execute(select(WorkItem.eligible_at).where(WorkItem.id == item_id)).scalar_one()
    return (eligible_at - datetime.now(UTC)).total_seconds()


@pytest.mark.parametrize("end", [leases.skip, leases.retry, leases.strike])
def test_a_failure_names_the_version_of_the_program(catalogue: Catalogue, end: object) -> None:
    catalogue.items("a")
    (item,) = catalogue.claim()

    ask(catalogue, end, item, "internal", "")

    assert row(catalogue, item.id)["failed_under"] == version("catalogue-tagger")
