"""The queue: who gets which item when, and what becomes of an item whose worker is lost."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime

import pytest

from db.queue import claims, leases
from tests.db.catalogues import LONG_AGO, Catalogue, ask, in_the_future, keys_of, row

# Claims


def test_items_are_claimed_by_priority_then_time_then_id(catalogue: Catalogue) -> None:
    catalogue.items("third", "fourth", "second")
    catalogue.items("first", priority=10)
    catalogue.items("not yet", priority=1)
    for key, then in (
        ("second", LONG_AGO),
        ("third", datetime(2021, 1, 1, tzinfo=UTC)),
        ("fourth", datetime(2021, 1, 1, tzinfo=UTC)),
        ("first", datetime(2022, 1, 1, tzinfo=UTC)),
        ("not yet", in_the_future(600)),
    ):
        catalogue.sql(
            "UPDATE work_item SET eligible_at = :at WHERE object_id = (SELECT id FROM source_object WHERE key = :key)",
            at=then,
            key=key,
        )

    claimed = [keys_of(catalogue.claim(1)) for _ in range(5)]

    assert claimed == [["first"], ["second"], ["third"], ["fourth"], []]


def test_a_claim_raises_the_fence_and_hands_over_what_the_work_needs(catalogue: Catalogue) -> None:
    catalogue.items("a.jpg")

    (item,) = catalogue.claim(owner="worker:7")

    assert (item.fence, item.bucket, item.key, item.version_token, item.alone) == (1, "photos", "a.jpg", "v1", False)
    leased = row(catalogue, item.id)
    assert (leased["state"], leased["fence"], leased["lease_owner"]) == ("leased", 1, "worker:7")
    assert catalogue.violations() == []


def test_a_leased_item_is_not_claimed_again_before_its_lease_is_over(catalogue: Catalogue) -> None:
    catalogue.items("a")
    catalogue.claim()

    assert catalogue.claim() == []


def test_a_claim_takes_its_own_queue_only(catalogue: Catalogue) -> None:
    catalogue.items("night")
    catalogue.items("now", queue_name="ops")

    assert keys_of(catalogue.claim(queue_name="ops")) == ["now"]
    assert keys_of(catalogue.claim(queue_name="nightly")) == ["night"]


def test_a_claim_may_be_confined_to_one_run(catalogue: Catalogue) -> None:
    other = catalogue.another_run("scan:2")
    catalogue.items("a")
    catalogue.items("b", run_id=other)

    assert ask(catalogue, claims.next_model, "nightly", other) == catalogue.model_id
    assert keys_of(catalogue.claim(run_id=other)) == ["b"]
    assert ask(catalogue, claims.next_model, "nightly", other) is None


def test_a_claim_never_mixes_models(catalogue: Catalogue) -> None:
    other = catalogue.another_run("scan:2", model="other")
    other_model = catalogue.value("SELECT model_version_id FROM run WHERE id = :id", id=other)
    catalogue.items("a", "b")
    catalogue.items("urgent", run_id=other, priority=10)

    first_model = ask(catalogue, claims.next_model, "nightly")
    first = catalogue.claim(model_version_id=first_model)
    second_model = ask(catalogue, claims.next_model, "nightly")
    second = catalogue.claim(model_version_id=second_model)

    assert (first_model, keys_of(first)) == (other_model, ["urgent"])
    assert (second_model, keys_of(second)) == (catalogue.model_id, ["a", "b"])


@pytest.mark.parametrize("state", ["paused", "cancelled"])
def test_items_of_a_paused_or_cancelled_run_are_not_claimed(catalogue: Catalogue, state: str) -> None:
    catalogue.items("waiting", "leased")
    catalogue.claim(1)
    catalogue.let_leases_end()
    catalogue.sql("UPDATE run SET state = :state", state=state)

    assert ask(catalogue, claims.next_model, "nightly") is None
    assert ask(catalogue, claims.claimable, "nightly") == 0
    assert catalogue.claim() == []


def test_a_resumed_run_is_claimed_again(catalogue: Catalogue) -> None:
    catalogue.items("a")
    catalogue.sql("UPDATE run SET state = 'paused'")
    catalogue.claim()

    catalogue.sql("UPDATE run SET state = 'running'")

    assert keys_of(catalogue.claim()) == ["a"]


def test_concurrent_claims_are_disjoint_and_keep_to_their_limit(catalogue: Catalogue) -> None:
    catalogue.items(*(f"{number:03}" for number in range(120)))
    together = threading.Barrier(4)

    def claim_three_times(_: int) -> list[list[int]]:
        together.wait()
        return [[item.id for item in catalogue.claim(10)] for _ in range(3)]

    with ThreadPoolExecutor(4) as pool:
        claims = [claim for claims in pool.map(claim_three_times, range(4)) for claim in claims]

    claimed = [item_id for claim in claims for item_id in claim]
    assert all(len(claim) <= 10 for claim in claims)
    assert len(claimed) == len(set(claimed)) == 120


def test_a_claim_steps_over_items_that_another_transaction_holds(postgres_catalogue: Catalogue) -> None:
    postgres_catalogue.items("a", "b", "c", "d")

    with postgres_catalogue.sessions.begin() as slow:
        model = postgres_catalogue.model_id
        first = claims.claim(slow, queue="nightly", model_version_id=model, owner="slow", limit=2)
        second = postgres_catalogue.claim(3)

    assert keys_of(first) == ["a", "b"]
    assert keys_of(second) == ["c", "d"]


# Leases


def test_renew_puts_the_end_off_and_names_only_what_is_still_ours(catalogue: Catalogue) -> None:
    catalogue.items("kept", "lost", "cancelled")
    items = catalogue.claim()
    catalogue.let_leases_end([items[1]])
    catalogue.claim()
    catalogue.sql("UPDATE work_item SET state = 'cancelled' WHERE id = :id", id=items[2].id)

    ours = ask(catalogue, leases.renew, items, 600.0)

    assert ours == {items[0].id}
    (until,) = catalogue.sql("SELECT count(*) FROM work_item WHERE eligible_at > :at", at=in_the_future(500))
    assert until == (1,)


def test_release_gives_items_back_at_once_and_counts_nothing(catalogue: Catalogue) -> None:
    catalogue.items("a", "b", "lost")
    items = catalogue.claim()
    catalogue.let_leases_end([items[2]])
    catalogue.claim()

    released = ask(catalogue, leases.release, items)

    assert released == 2
    counted = catalogue.sql("SELECT DISTINCT failures, crashes, state, lease_owner FROM work_item WHERE fence = 1")
    assert counted == [(0, 0, "pending", None)]
    assert keys_of(catalogue.claim()) == ["a", "b"]


def test_a_release_of_an_image_claimed_alone_is_no_crash(catalogue: Catalogue) -> None:
    catalogue.items("a")
    catalogue.claim()
    catalogue.let_leases_end()
    (alone,) = catalogue.claim()
    ask(catalogue, leases.release, [alone])

    (again,) = catalogue.claim()
    catalogue.let_leases_end()
    (last,) = catalogue.claim()

    assert (again.alone, last.alone) == (False, True)
    assert row(catalogue, last.id)["crashes"] == 0
