"""The throttle: a store that does not answer is held, and nothing else; one that stays away is given up."""

from __future__ import annotations

from db import objects
from db.objects import NewObject
from db.queue import claims, throttle
from db.queue.throttle import Hold
from db.schema import Run
from db.status import status
from tests.db.catalogues import BUCKET, LONG_AGO, Catalogue, ask, keys_of


def let_holds_end(catalogue: Catalogue) -> None:
    """As if a pause had just ended."""
    with catalogue.sessions.begin() as session:
        for row in throttle.held(session):
            row.until = claims.sql_now(session)  # type: ignore[assignment]


def hold(catalogue: Catalogue, bucket: str = BUCKET) -> Hold:
    held = ask(catalogue, throttle.hold, bucket, "503")
    assert isinstance(held, Hold)
    return held


def other_store(catalogue: Catalogue, *keys: str, run: int, bucket: str = "shoes") -> None:
    """Queue images of another bucket for a run."""
    with catalogue.sessions.begin() as session:
        ids = objects.add(session, bucket, [NewObject(key, "v1", 1, LONG_AGO, None) for key in keys])
        tokens = dict.fromkeys(ids.values(), "v1")
        objects.enqueue(session, session.get_one(Run, run), tokens, queue="nightly", priority=100)


def run_of(catalogue: Catalogue, bucket: str) -> int:
    run = catalogue.another_run(f"scan:{bucket}")
    catalogue.sql("UPDATE run SET bucket = :bucket WHERE id = :id", bucket=bucket, id=run)
    return run


def test_a_held_store_holds_nothing_of_another(catalogue: Catalogue) -> None:
    catalogue.items("dead", run_id=run_of(catalogue, BUCKET), priority=1)
    other_store(catalogue, "alive", run=run_of(catalogue, "shoes"))

    hold(catalogue)

    assert ask(catalogue, claims.next_model, "nightly") == catalogue.model_id
    assert ask(catalogue, claims.claimable, "nightly") == 1
    assert keys_of(catalogue.claim()) == ["alive"]
    assert ask(catalogue, claims.next_model, "nightly") is None


def test_a_run_over_two_stores_goes_on_with_the_one_that_answers(catalogue: Catalogue) -> None:
    catalogue.items("dead 1", "dead 2", priority=1)
    other_store(catalogue, "alive", run=catalogue.run_id)

    hold(catalogue)

    assert ask(catalogue, claims.claimable, "nightly") == 1
    assert keys_of(catalogue.claim()) == ["alive"]
    assert catalogue.claim() == []


def test_a_lease_that_ran_out_is_not_taken_over_while_its_store_is_held(catalogue: Catalogue) -> None:
    catalogue.items("a")
    catalogue.let_leases_end(catalogue.claim())

    hold(catalogue)
    while_held = catalogue.claim()
    let_holds_end(catalogue)

    assert while_held == []
    assert keys_of(catalogue.claim()) == ["a"]


def test_a_store_is_held_until_the_pause_is_over(catalogue: Catalogue) -> None:
    catalogue.items("a")

    held = hold(catalogue)

    assert held == Hold(5.0, 1)
    assert ask(catalogue, claims.next_model, "nightly") is None
    assert ask(catalogue, claims.claimable, "nightly") == 0
    let_holds_end(catalogue)
    assert ask(catalogue, claims.next_model, "nightly") == catalogue.model_id
    assert ask(catalogue, claims.claimable, "nightly") == 1


def test_outages_in_a_row_wait_longer_up_to_five_minutes_however_many(catalogue: Catalogue) -> None:
    pauses = []
    for _ in range(8):
        pauses.append(hold(catalogue).pause_s)
        let_holds_end(catalogue)
    catalogue.sql("UPDATE throttle SET strikes = 2000")

    assert pauses == [5, 10, 20, 40, 80, 160, 300, 300]
    assert hold(catalogue) == Hold(300, 2001)


def test_an_outage_long_after_the_last_begins_with_a_short_wait(catalogue: Catalogue) -> None:
    for _ in range(4):
        hold(catalogue)
        let_holds_end(catalogue)
    catalogue.sql("UPDATE throttle SET until = :at", at=LONG_AGO)

    assert hold(catalogue) == Hold(5.0, 1)


def test_many_workers_that_meet_one_outage_count_it_once(catalogue: Catalogue) -> None:
    for _ in range(10):
        hold(catalogue)

    assert catalogue.value("SELECT strikes FROM throttle") == 1


def test_after_an_outage_the_next_wait_is_short_again(catalogue: Catalogue) -> None:
    for bucket in (BUCKET, "shoes"):
        for _ in range(3):
            hold(catalogue, bucket)
            let_holds_end(catalogue)

    ask(catalogue, throttle.answered, [BUCKET])

    assert hold(catalogue) == Hold(5.0, 1, answered_lately=True)
    assert hold(catalogue, "shoes") == Hold(40.0, 4)


def test_a_store_that_answers_is_held_no_longer(catalogue: Catalogue) -> None:
    hold(catalogue)

    ask(catalogue, throttle.answered, [BUCKET, "shoes"])

    assert ask(catalogue, throttle.held) == []
    assert ask(catalogue, throttle.due) == []


def test_after_a_pause_one_process_takes_the_store_and_all_others_wait(catalogue: Catalogue) -> None:
    catalogue.items("a")
    hold(catalogue)
    early = ask(catalogue, throttle.due), ask(catalogue, throttle.take, BUCKET)
    let_holds_end(catalogue)

    due = ask(catalogue, throttle.due)
    taken = [ask(catalogue, throttle.take, BUCKET) for _ in range(2)]

    assert early == ([], False)
    assert (due, taken) == ([BUCKET], [True, False])
    assert catalogue.claim() == []
    with catalogue.sessions.begin() as session:
        assert throttle.hold(session, BUCKET, "503", taken=True) == Hold(10.0, 2)


def test_a_run_has_no_other_store_than_its_own_asked(catalogue: Catalogue) -> None:
    run = run_of(catalogue, "shoes")
    for bucket in (BUCKET, "shoes"):
        hold(catalogue, bucket)
    let_holds_end(catalogue)

    assert ask(catalogue, throttle.due, run) == ["shoes"]
    assert ask(catalogue, throttle.due, catalogue.run_id) == []


def test_giving_up_ends_what_waits_for_that_store_in_steps_and_nothing_else(catalogue: Catalogue) -> None:
    dead, alive = run_of(catalogue, BUCKET), run_of(catalogue, "shoes")
    catalogue.items("1", "2", "3", run_id=dead)
    catalogue.items("4")
    other_store(catalogue, "5", run=alive)
    other_store(catalogue, "6", run=catalogue.run_id)
    (leased,) = catalogue.claim(1)
    hold(catalogue)

    steps = [ask(catalogue, lambda session: throttle.give_up(session, BUCKET, "gone", at_most=2)) for _ in range(3)]

    assert steps == [2, 1, 0]
    ended = {key for key, state in catalogue.states().items() if state == "quarantined"}
    assert ended == {"1", "2", "3", "4"} - {leased.key}
    assert keys_of(catalogue.claim()) == ["5", "6"]
    assert catalogue.violations() == []


def test_the_status_names_each_store_that_is_held(catalogue: Catalogue) -> None:
    hold(catalogue)
    hold(catalogue, "shoes")
    hold(catalogue, "shirts")
    catalogue.sql("UPDATE throttle SET until = :at WHERE name = 'shirts'", at=LONG_AGO)

    shown = ask(catalogue, status)

    assert isinstance(shown, dict)
    assert [store["bucket"] for store in shown["held_stores"]] == [BUCKET, "shoes"]
    assert shown["held_until"] == shown["held_stores"][1]["until"]
