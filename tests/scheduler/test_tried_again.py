"""What a person has mended is tried again by the next scan, and what nobody has mended is not tried for ever."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import update

from db.queue import leases
from db.queue.leases import MAX_FAILURES
from db.queue.retries import Retries
from db.schema import WorkItem
from db.session import sql_now
from scheduler.scan_requests import scan_request
from tests.db.catalogues import LONG_AGO, Catalogue, keys_of
from tests.scheduler import memory_store
from tests.scheduler.memory_store import Shelf
from tests.scheduler.scans import items, scan, statements, tag_all
from worker.settings import Settings
from worker.storage.store import StoredObject

BYTES, PIXELS = 1_000, 2_000
BY_HAND = Retries(BYTES, PIXELS, a_day=3)
AT_NIGHT = Retries(BYTES, PIXELS, a_day=1)


def fail(catalogue: Catalogue, reason: str, *, cap: int | None = None) -> int:
    """End all that waits for this reason; returns how many items that were, and how often each had failed."""
    claimed = catalogue.claim()
    with catalogue.sessions.begin() as session:
        for item in claimed:
            assert leases.skip(session, item, reason, "as told", cap)
    return len(claimed)


def a_day_passes(catalogue: Catalogue) -> None:
    with catalogue.sessions.begin() as session:
        session.execute(update(WorkItem).values(eligible_at=sql_now(session, -86_400)))


@pytest.mark.parametrize("reason", ["access_denied", "archived", "store_unavailable"])
def test_a_cause_outside_the_bytes_is_tried_again_at_once_for_a_person(
    catalogue: Catalogue, shelf: Shelf, reason: str
) -> None:
    shelf.put("a.jpg", "b.jpg")
    scan(catalogue, shelf)
    assert fail(catalogue, reason) == 2

    scanned = scan(catalogue, shelf, retries=BY_HAND)

    assert (scanned.new, scanned.changed) == (0, 0)
    assert tag_all(catalogue) == 2
    scan(catalogue, shelf, retries=BY_HAND)
    assert items(catalogue) == 4
    assert catalogue.violations() == []


def test_what_is_tried_again_is_tried_once(catalogue: Catalogue, shelf: Shelf) -> None:
    shelf.put("a.jpg")
    scan(catalogue, shelf)
    fail(catalogue, "access_denied")
    scan(catalogue, shelf, retries=BY_HAND)
    (item,) = catalogue.claim()

    with catalogue.sessions.begin() as session:
        leases.retry(session, item, "access_denied", "403")

    assert item.failures == MAX_FAILURES - 1
    assert catalogue.states() == {"a.jpg": "quarantined"}


def test_nobody_has_an_image_tried_more_than_three_times_a_day_or_the_schedule_more_than_once(
    catalogue: Catalogue, shelf: Shelf
) -> None:
    shelf.put("a.jpg")
    tries = []
    for retries in [AT_NIGHT, AT_NIGHT, BY_HAND, BY_HAND, BY_HAND, BY_HAND]:
        scan(catalogue, shelf, retries=retries)
        tries.append(fail(catalogue, "access_denied"))

    a_day_passes(catalogue)
    for retries in [AT_NIGHT, AT_NIGHT]:
        scan(catalogue, shelf, retries=retries)
        tries.append(fail(catalogue, "access_denied"))

    assert tries == [1, 0, 1, 1, 0, 0, 1, 0]
    assert catalogue.violations() == []


@pytest.mark.parametrize(
    ("reason", "cap", "again"),
    [
        ("too_large", BYTES - 1, 1),
        ("too_large", BYTES, 0),
        ("too_large", BYTES + 1, 0),
        ("too_many_pixels", PIXELS - 1, 1),
        ("too_many_pixels", PIXELS, 0),
        ("too_many_pixels", None, 1),
        ("corrupt", None, 0),
        ("unsupported_format", None, 0),
        ("empty", None, 0),
        ("crashed_worker", None, 0),
    ],
)
def test_a_cap_that_was_raised_is_tried_again_and_a_fault_of_the_bytes_is_not(
    catalogue: Catalogue, shelf: Shelf, reason: str, cap: int | None, again: int
) -> None:
    shelf.put("a.jpg")
    scan(catalogue, shelf)
    fail(catalogue, reason, cap=cap)
    a_day_passes(catalogue)

    scan(catalogue, shelf, retries=BY_HAND)

    assert len(catalogue.claim()) == again


def test_what_was_touched_since_its_last_try_is_tried_however_often_it_was(
    catalogue: Catalogue, shelf: Shelf, monkeypatch: pytest.MonkeyPatch
) -> None:
    shelf.put("closed.jpg", "opened.jpg")
    scan(catalogue, shelf)
    fail(catalogue, "access_denied")
    opened_at = datetime.now(UTC) + timedelta(minutes=10)
    stored = memory_store.stored

    def listed(key: str, token: str) -> StoredObject:
        return replace(stored(key, token), status_changed=opened_at if key == "opened.jpg" else LONG_AGO)

    monkeypatch.setattr(memory_store, "stored", listed)

    scan(catalogue, shelf, retries=AT_NIGHT)

    assert keys_of(catalogue.claim()) == ["opened.jpg"]


def test_another_version_counts_anew(catalogue: Catalogue, shelf: Shelf) -> None:
    shelf.put("a.jpg")
    for _ in range(3):
        scan(catalogue, shelf, retries=BY_HAND)
        fail(catalogue, "access_denied")
    shelf.put("a.jpg", token="v2")

    scan(catalogue, shelf, retries=BY_HAND)

    (item,) = catalogue.claim()
    assert (item.version_token, item.failures) == ("v2", 0)


def test_a_limit_counts_what_is_tried_again(catalogue: Catalogue, shelf: Shelf) -> None:
    shelf.put(*"abcd")
    scan(catalogue, shelf)
    fail(catalogue, "archived")

    scan(catalogue, shelf, retries=BY_HAND, limit=3)

    assert len(catalogue.claim()) == 3


def test_healthy_images_cost_a_scan_no_write(catalogue: Catalogue, shelf: Shelf) -> None:
    shelf.put(*(f"{number:02}" for number in range(20)))
    scan(catalogue, shelf)
    tag_all(catalogue)

    with statements(catalogue) as sent:
        scan(catalogue, shelf, retries=BY_HAND)

    written = [text for text, _ in sent if text.startswith(("INSERT", "UPDATE"))]
    assert not [text for text in written if "work_item" in text or "source_object" in text]


def test_a_person_s_run_and_the_schedule_s_ask_with_the_settings_caps(catalogue: Catalogue) -> None:
    from db.schema import Run

    settings = Settings(max_image_bytes=5, max_image_pixels=7)
    with catalogue.sessions.begin() as session:
        run = session.get_one(Run, catalogue.run_id)
        by_hand = scan_request(run, settings).retries
        run.kind = "nightly"
        at_night = scan_request(run, settings).retries

    assert (by_hand, at_night) == (Retries(5, 7, a_day=3), Retries(5, 7, a_day=1))
