"""What becomes of items whose worker is lost: they come again in small groups, and only a certain death is a strike."""

from __future__ import annotations

import pytest

from db.queue import claims, leases
from db.queue.leases import ClaimedItem
from tests.db.catalogues import Catalogue, ask, keys_of, row

KILLER = "0117"


def claimed_until_nothing_is_left(catalogue: Catalogue, chunk: int) -> list[list[ClaimedItem]]:
    """Work in claims of up to `chunk`; whoever has the killer loses its lease. Return the claims."""
    claimed = []
    while items := catalogue.claim(chunk):
        claimed.append(items)
        if KILLER in keys_of(items):
            catalogue.let_leases_end(items)
        else:
            catalogue.record(items)
        assert len(claimed) < 200, "the work does not end"
    return claimed


@pytest.mark.parametrize("chunk", [256, 1024, 2000])
def test_a_chunk_that_was_lost_is_worked_off_in_few_claims(catalogue: Catalogue, chunk: int) -> None:
    catalogue.items(*(f"{number:04}.jpg" for number in range(chunk)))
    catalogue.claim(chunk)
    catalogue.let_leases_end()

    claimed = claimed_until_nothing_is_left(catalogue, chunk)

    assert len(claimed) <= claims.SMALLER + 1
    assert set(catalogue.states().values()) == {"done"}


def test_items_whose_lease_ended_come_in_smaller_groups_each_time_and_at_last_alone(catalogue: Catalogue) -> None:
    catalogue.items(*(f"{number:04}" for number in range(600)))

    claimed = claimed_until_nothing_is_left(catalogue, 512)

    with_killer = [items for items in claimed if KILLER in keys_of(items)]
    assert [len(items) for items in with_killer] == [512, 32, 2] + [1] * (leases.MAX_LOSSES - 3)
    assert [items[0].alone for items in with_killer] == [False] * 3 + [True] * (leases.MAX_LOSSES - 3)
    states = catalogue.states()
    assert states.pop(KILLER) == "quarantined"
    assert set(states.values()) == {"done"}
    ended = catalogue.sql("SELECT reason, crashes, losses, lease_owner FROM work_item WHERE state = 'quarantined'")
    assert ended == [("crashed_worker", 0, leases.MAX_LOSSES, None)]
    assert catalogue.violations() == []


def test_a_lost_lease_is_no_strike(catalogue: Catalogue) -> None:
    catalogue.items("a")
    for _ in range(leases.MAX_CRASHES + 2):
        catalogue.claim()
        catalogue.let_leases_end()

    (again,) = catalogue.claim()

    assert again.alone
    assert row(catalogue, again.id)["crashes"] == 0
    assert catalogue.record([again]) == 1


def test_what_a_dead_process_held_can_be_claimed_at_once_and_has_no_strike(catalogue: Catalogue) -> None:
    catalogue.items("a", "b", "c")
    catalogue.claim(2, owner="host:1")
    catalogue.claim(1, owner="host:2")

    held = ask(catalogue, leases.end_of, "host:1")

    assert held == 2
    again = [*catalogue.claim(), *catalogue.claim()]
    assert [(item.key, item.fence) for item in again] == [("a", 2), ("b", 2)]
    assert [row(catalogue, item.id)["crashes"] for item in again] == [0, 0]
    assert catalogue.claim() == []


def test_three_processes_that_died_of_an_image_alone_quarantine_it_and_spare_its_neighbours(
    catalogue: Catalogue,
) -> None:
    catalogue.items("good", "killer")
    seen = []
    for _ in range(12):
        items = catalogue.claim(owner="host:1")
        seen += keys_of(items)
        if "killer" in keys_of(items):
            ask(catalogue, leases.end_of, "host:1")
            catalogue.let_backoffs_end()
        else:
            catalogue.record(items)

    assert catalogue.states() == {"good": "done", "killer": "quarantined"}
    assert seen.count("killer") == 2 + leases.MAX_CRASHES
    ended = catalogue.sql("SELECT reason, crashes, lease_owner FROM work_item WHERE state = 'quarantined'")
    assert ended == [("crashed_worker", leases.MAX_CRASHES, None)]
    assert catalogue.violations() == []


def test_a_process_that_held_nothing_any_more_ends_no_lease(catalogue: Catalogue) -> None:
    catalogue.items("a")
    catalogue.claim(owner="host:1")
    catalogue.let_leases_end()
    (taken_over,) = catalogue.claim(owner="host:2")

    assert ask(catalogue, leases.end_of, "host:1") == 0
    assert catalogue.record([taken_over]) == 1
