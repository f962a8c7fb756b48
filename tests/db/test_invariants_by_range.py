"""`verify` at any size: small ranges of ids name the rows that one large names, whoever writes between them."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from db import invariants, runs
from db.queue import leases
from tests.db.catalogues import LONG_AGO, Catalogue, ask


@pytest.fixture(autouse=True)
def two_rows_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(invariants, "ROWS_AT_ONCE", 2)
    monkeypatch.setattr(invariants, "RUNS_AT_ONCE", 1)


def life_goes_on(catalogue: Catalogue) -> Iterator[None]:
    """Scan, tag, decide and close runs, again and again."""
    for number in range(10_000):
        run = catalogue.another_run(f"life:{number}")
        catalogue.items(*(f"{number}-{name}" for name in "abc"), run_id=run)
        yield
        first, second, third = catalogue.claim(3, run_id=run)
        yield
        catalogue.record([first, second])
        yield
        catalogue.decide(first.object_id, "Coat")
        with catalogue.sessions.begin() as session:
            leases.skip(session, third, "corrupt", "")
        yield
        ask(catalogue, runs.close_finished)
        yield


def test_writers_between_two_steps_raise_no_alarm(catalogue: Catalogue) -> None:
    life = life_goes_on(catalogue)
    for _ in range(13):
        next(life)

    alarms = []
    for step in ask(catalogue, invariants.steps):  # type: ignore[attr-defined]
        next(life)
        alarms += ask(catalogue, step.violations)  # type: ignore[misc]

    assert alarms == []


def test_rows_of_every_range_are_named_once(catalogue: Catalogue) -> None:
    catalogue.items(*"abcdefg")
    broken = catalogue.claim(7)
    catalogue.record(broken)

    catalogue.sql("DELETE FROM classification")

    found = sorted(violation.row_id for violation in catalogue.violations() if violation.invariant == "I3")
    assert found == sorted(item.id for item in broken)


def test_i8_reports_a_run_of_whose_items_other_numbers_are_kept(catalogue: Catalogue) -> None:
    catalogue.items("a", "b")
    catalogue.sql("UPDATE run_count SET items = items + 1")

    assert [(violation.invariant, violation.row_id) for violation in catalogue.violations()] == [
        ("I8", catalogue.run_id)
    ]


@pytest.mark.parametrize(("counted", "is_broken"), [(0, True), (1, False)])
def test_i9_reports_an_item_that_is_claimed_again_and_again_for_nothing(
    catalogue: Catalogue, counted: int, is_broken: bool
) -> None:
    catalogue.items("a")
    for _ in range(51):
        (item,) = catalogue.claim()
        ask(catalogue, leases.release, [item])
    catalogue.sql("UPDATE work_item SET failures = :counted", counted=counted)

    broken = [(violation.invariant, violation.row_id) for violation in catalogue.violations()]

    assert broken == ([("I9", item.id)] if is_broken else [])


def test_i9_leaves_what_has_ended_alone(catalogue: Catalogue) -> None:
    catalogue.items("a")
    catalogue.sql("UPDATE work_item SET fence = 900")

    catalogue.record(catalogue.claim())

    assert catalogue.violations() == []


def test_i9_reports_an_item_in_a_queue_that_no_worker_can_serve(catalogue: Catalogue) -> None:
    catalogue.items("a", "b")
    (item,) = catalogue.claim(1)
    catalogue.sql(
        "UPDATE work_item SET queue = 'nihgtly', eligible_at = :then WHERE id = :id", id=item.id, then=LONG_AGO
    )

    assert [(violation.invariant, violation.row_id) for violation in catalogue.violations()] == [("I9", item.id)]
