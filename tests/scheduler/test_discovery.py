"""A scan finds what is new, changed, gone and back, once, however often it is cut short; known keys cost no write."""

from __future__ import annotations

import json
import random
import sys
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import event

from db import objects, runs
from db.schema import Run
from scheduler import discovery
from scheduler.discovery import Scanned, ScanRequest, is_mass_removal, product_of
from tests.conftest import ROOT
from tests.db.catalogues import LONG_AGO, Catalogue
from tests.processes import spawn, wait_until
from tests.scheduler.shelf import Shelf, stored
from worker.storage import StoredObject, StoreUnavailable

AWKWARD = [
    "Z.jpg",
    "a.jpg",
    "é.jpg",
    "e\u0301.jpg",  # the same letter in two code points
    "ﬀ.jpg",  # U+FB00: before the emoji in UTF-8 bytes, after it in UTF-16
    "👗.jpg",
    'it\'s "quoted".jpg',
    "new\nline.jpg",
    "back\\slash%_*.jpg",
    "a b/c.jpg",
    "a/b.jpg",
    "a-b.jpg",
    " ",
    "%",
]


@pytest.fixture
def shelf() -> Shelf:
    return Shelf()


def scan(catalogue: Catalogue, shelf: Shelf, *, run: int | None = None, **request: Any) -> Scanned:
    """A scan, by a run of its own unless one is given."""
    run = run or catalogue.another_run(f"scan:{uuid4()}", state="scanning")
    return discovery.scan(catalogue.sessions, shelf, run, ScanRequest(**request))


def scan_again(catalogue: Catalogue, shelf: Shelf, run: int, **request: Any) -> Scanned:
    """The same run scans once more, as one that has open items does."""
    with catalogue.sessions.begin() as session:
        runs.begin_scan(session, session.get_one(Run, run))
    return scan(catalogue, shelf, run=run, **request)


def tag_all(catalogue: Catalogue) -> int:
    """Work off the queue; the category of an image is the version that was read."""
    worked = 0
    while items := catalogue.claim(1):
        worked += catalogue.record(items, items[0].version_token)
    return worked


def there(catalogue: Catalogue) -> dict[str, str]:
    return dict(catalogue.sql("SELECT key, version_token FROM source_object WHERE gone_at IS NULL"))


def shown(catalogue: Catalogue) -> dict[str, str]:
    return dict(catalogue.sql("SELECT key, category FROM catalogue_tags"))


def items(catalogue: Catalogue) -> int:
    return int(catalogue.value("SELECT count(*) FROM work_item"))


# New, changed, gone, back


def test_new_images_are_recorded_and_queued_once(catalogue: Catalogue, shelf: Shelf) -> None:
    shelf.put("a", "b", "c")

    first = scan(catalogue, shelf)
    second = scan(catalogue, shelf)

    assert (first.seen, first.new, first.changed, first.gone) == (3, 3, 0, 0)
    assert (second.seen, second.new, second.changed, second.gone) == (3, 0, 0, 0)
    assert there(catalogue) == shelf.tokens
    assert catalogue.states() == dict.fromkeys("abc", "pending")
    assert items(catalogue) == 3
    assert catalogue.violations() == []


def test_what_is_queued_takes_the_requests_queue_and_priority(catalogue: Catalogue, shelf: Shelf) -> None:
    shelf.put("a")

    scan(catalogue, shelf, queue="ops", priority=7)

    assert catalogue.sql("SELECT queue, priority FROM work_item") == [("ops", 7)]


def test_an_overwritten_image_is_queued_again_and_its_old_work_ends(catalogue: Catalogue, shelf: Shelf) -> None:
    shelf.put("a", "b")
    scan(catalogue, shelf)
    held = catalogue.claim(1)
    shelf.put("a", "b", token="v2")

    found = scan(catalogue, shelf)

    assert (found.new, found.changed) == (0, 2)
    assert catalogue.record(held) == 0
    assert tag_all(catalogue) == 2
    assert shown(catalogue) == {"a": "v2", "b": "v2"}
    ended = catalogue.sql("SELECT state, reason FROM work_item WHERE version_token = 'v1'")
    assert ended == [("skipped", "superseded")] * 2
    assert catalogue.violations() == []


def test_a_removed_image_is_gone_and_its_open_work_ends(catalogue: Catalogue, shelf: Shelf) -> None:
    shelf.put(*"abcdef")
    scan(catalogue, shelf)
    shelf.remove("c")

    found = scan(catalogue, shelf)

    assert (found.seen, found.gone, found.refused) == (5, 1, 0)
    assert there(catalogue) == shelf.tokens
    assert catalogue.states()["c"] == "skipped"
    assert catalogue.violations() == []


def test_an_image_that_comes_back_has_its_tag_again_without_new_work(catalogue: Catalogue, shelf: Shelf) -> None:
    shelf.put(*"abcdef")
    scan(catalogue, shelf)
    tag_all(catalogue)
    shelf.remove("c")
    scan(catalogue, shelf)
    hidden = "c" not in shown(catalogue)
    shelf.put("c")

    found = scan(catalogue, shelf)

    assert hidden
    assert (found.new, found.gone) == (1, 0)
    assert shown(catalogue)["c"] == "v1"
    assert tag_all(catalogue) == 0
    assert catalogue.violations() == []


def test_an_image_that_comes_back_changed_is_queued(catalogue: Catalogue, shelf: Shelf) -> None:
    shelf.put(*"abcdef")
    scan(catalogue, shelf)
    tag_all(catalogue)
    shelf.remove("c")
    scan(catalogue, shelf)
    shelf.put("c", token="v2")

    scan(catalogue, shelf)

    assert tag_all(catalogue) == 1
    assert shown(catalogue)["c"] == "v2"
    assert catalogue.violations() == []


@pytest.mark.parametrize("same_run", [False, True], ids=["runs of their own", "one unfinished run"])
def test_an_image_that_goes_back_and_forth_between_versions_ends_with_the_last(
    catalogue: Catalogue, shelf: Shelf, same_run: bool
) -> None:
    run = catalogue.another_run("scan:flapping", state="scanning") if same_run else None
    for token in ("v1", "v2", "v1", "v2", "v1", "v2", "v1"):
        shelf.put("a", token=token)
        scan_again(catalogue, shelf, run) if run else scan(catalogue, shelf)

        assert tag_all(catalogue) == 1
        assert shown(catalogue) == {"a": token}
    assert catalogue.violations() == []


def test_an_image_that_flickers_before_it_is_tagged_is_tagged_in_the_end(catalogue: Catalogue, shelf: Shelf) -> None:
    run = catalogue.another_run("scan:flickering", state="scanning")
    shelf.put("a")
    for _ in range(3):
        scan_again(catalogue, shelf, run)
        shelf.remove("a")
        scan_again(catalogue, shelf, run, allow_mass_removal=True)
        shelf.put("a")

    scan_again(catalogue, shelf, run)

    assert tag_all(catalogue) == 1
    assert catalogue.violations() == []


def test_another_model_queues_what_the_first_one_knows(catalogue: Catalogue, shelf: Shelf) -> None:
    shelf.put("a", "b")
    scan(catalogue, shelf)
    tag_all(catalogue)
    other = catalogue.another_run("scan:other", state="scanning", model="other")

    found = scan(catalogue, shelf, run=other)

    assert (found.seen, found.new, found.changed) == (2, 0, 0)
    assert catalogue.value("SELECT count(*) FROM work_item WHERE run_id = :run AND state = 'pending'", run=other) == 2
    assert catalogue.violations() == []


# The guard


def test_a_fifth_of_the_images_may_go_and_no_more(catalogue: Catalogue, shelf: Shelf) -> None:
    shelf.put(*"abcdefghij")
    scan(catalogue, shelf)
    shelf.remove("a", "b")
    fifth = scan(catalogue, shelf)
    shelf.remove("c", "d")

    more = scan(catalogue, shelf)

    assert (fifth.gone, fifth.refused) == (2, 0)
    assert (more.gone, more.refused, more.known) == (0, 2, 8)
    assert there(catalogue).keys() == set("cdefghij")
    assert catalogue.states()["c"] == "pending"
    assert catalogue.violations() == []


def test_a_mass_removal_goes_through_when_somebody_says_so(catalogue: Catalogue, shelf: Shelf) -> None:
    shelf.put(*"abcdef")
    scan(catalogue, shelf)
    shelf.remove(*"abcde")
    refused = scan(catalogue, shelf)

    allowed = scan(catalogue, shelf, allow_mass_removal=True)

    assert (refused.gone, refused.refused) == (0, 5)
    assert (allowed.gone, allowed.refused) == (5, 0)
    assert there(catalogue) == shelf.tokens
    assert catalogue.violations() == []


@given(st.integers(1, 10_000_000))
def test_exactly_a_fifth_is_no_mass_removal_at_any_size(fifth: int) -> None:
    assert not is_mass_removal(fifth, 5 * fifth)
    assert is_mass_removal(fifth + 1, 5 * fifth)


def test_no_statement_grows_with_what_an_emptied_store_has_lost(catalogue: Catalogue, shelf: Shelf) -> None:
    """PostgreSQL takes 65,535 values a statement, SQLite 32,766."""
    know_many(catalogue, 12_000)

    with statements(catalogue) as sent:
        found = scan(catalogue, shelf)

    assert (found.seen, found.gone, found.refused) == (0, 0, 12_000)
    assert max(len(parameters) for _, parameters in sent) <= discovery.KNOWN_AT_ONCE + 10
    assert catalogue.value("SELECT count(*) FROM source_object WHERE missing_in_run IS NOT NULL") == 0


def test_a_page_that_spans_more_known_keys_than_fit_in_memory_is_recorded_in_pieces(
    catalogue: Catalogue, shelf: Shelf, monkeypatch: pytest.MonkeyPatch
) -> None:
    shelf.page_keys = 10
    shelf.put(*(f"{number:02}" for number in range(40)))
    scan(catalogue, shelf)
    monkeypatch.setattr(discovery, "KNOWN_AT_ONCE", 3)
    shelf.remove(*(f"{number:02}" for number in range(5, 30)))
    shelf.put("00", "33", token="v2")
    shelf.put("331", "50")

    found = scan(catalogue, shelf, allow_mass_removal=True)

    assert (found.seen, found.new, found.changed, found.gone) == (17, 2, 2, 25)
    assert there(catalogue) == shelf.tokens
    assert tag_all(catalogue) == 17
    assert catalogue.violations() == []


def know_many(catalogue: Catalogue, count: int) -> None:
    catalogue.sql(
        "WITH RECURSIVE n(i) AS (SELECT 0 UNION ALL SELECT i + 1 FROM n WHERE i + 1 < :count)"
        " INSERT INTO source_object (bucket, key, version_token, size, last_modified, first_seen)"
        " SELECT 'photos', 'k' || i, 'v1', 1000, :at, :at FROM n",
        count=count,
        at=LONG_AGO,
    )


# Requests


def test_a_limited_scan_queues_that_many_and_drops_nothing(catalogue: Catalogue, shelf: Shelf) -> None:
    shelf.put(*"abcdef")
    scan(catalogue, shelf)
    tag_all(catalogue)
    shelf.remove("a")
    shelf.put("b", "e", token="v2")
    shelf.put("g", "h")

    limited = scan(catalogue, shelf, limit=2)
    rest = scan(catalogue, shelf)

    assert (limited.changed, limited.new, limited.gone) == (2, 0, 0)
    assert (rest.changed, rest.new, rest.gone) == (0, 2, 1)
    assert there(catalogue) == shelf.tokens
    assert catalogue.violations() == []


def test_a_limit_cuts_within_a_page_and_the_next_scan_finds_the_rest(catalogue: Catalogue, shelf: Shelf) -> None:
    shelf.page_keys = 10
    shelf.put(*"abcdef")

    found = [scan(catalogue, shelf, limit=limit).new for limit in (1, 3, 10)]

    assert found == [1, 3, 2]
    assert catalogue.states() == dict.fromkeys("abcdef", "pending")


def test_a_prefix_confines_what_is_known_missing_and_gone(catalogue: Catalogue, shelf: Shelf) -> None:
    everything = ["shoes/1", "shoes/2", "shoes%/3", "shirts/1", "zz", "sho", "shoes0"]
    shelf.put(*everything)
    scan(catalogue, shelf)
    shelf.prefix = "shoes/"
    shelf.remove("shoes/1", "shirts/1", "zz", "sho", "shoes%/3")

    found = scan(catalogue, shelf, allow_mass_removal=True)

    assert (found.seen, found.gone, found.known) == (1, 1, 2)
    assert there(catalogue).keys() == {*everything} - {"shoes/1"}
    assert catalogue.violations() == []


def test_the_same_key_in_another_bucket_is_another_image(catalogue: Catalogue, shelf: Shelf) -> None:
    shelf.put("a")
    scan(catalogue, shelf)

    found = scan(catalogue, Shelf({"a": "v1"}, bucket="other"))

    assert found.new == 1
    assert catalogue.value("SELECT count(*) FROM source_object WHERE gone_at IS NULL") == 2


def test_the_product_pattern_names_the_product(catalogue: Catalogue, shelf: Shelf) -> None:
    shelf.put("p17/front.jpg", "p17/back.jpg", "loose.jpg")

    scan(catalogue, shelf, product_pattern=r"(?P<product>p\d+)/")

    products = dict(catalogue.sql("SELECT key, product_id FROM source_object"))
    assert products == {"p17/front.jpg": "p17", "p17/back.jpg": "p17", "loose.jpg": None}


def test_no_pattern_names_no_product() -> None:
    assert product_of("p17/front.jpg", None) is None


# Cut short, and two at once


def test_a_scan_that_is_cut_short_goes_on_where_it_was(catalogue: Catalogue, shelf: Shelf) -> None:
    run = catalogue.another_run("scan:cut", state="scanning")
    shelf.put(*"abcdefg")
    shelf.fails_after = 2
    with pytest.raises(StoreUnavailable):
        scan(catalogue, shelf, run=run)
    cut = catalogue.states()
    shelf.fails_after = None

    found = scan(catalogue, shelf, run=run)

    assert cut == dict.fromkeys("abcd", "pending")
    assert shelf.listed_from == ["", "d"]
    assert (found.seen, found.new) == (7, 7)
    assert items(catalogue) == 7
    assert catalogue.violations() == []


def test_a_scan_that_is_cut_short_marks_nothing_as_gone(catalogue: Catalogue, shelf: Shelf) -> None:
    shelf.put(*"abcdefghij")
    scan(catalogue, shelf)
    shelf.remove("a")
    shelf.fails_after = 2
    run = catalogue.another_run("scan:cut", state="scanning")
    with pytest.raises(StoreUnavailable):
        scan(catalogue, shelf, run=run)

    assert "a" in there(catalogue)
    shelf.fails_after = None
    assert scan(catalogue, shelf, run=run).gone == 1
    assert "a" not in there(catalogue)
    assert catalogue.violations() == []


def test_what_a_cut_scan_missed_and_a_later_one_finds_is_not_gone(catalogue: Catalogue, shelf: Shelf) -> None:
    shelf.put(*"abcdefghij")
    scan(catalogue, shelf)
    shelf.remove("a")
    shelf.fails_after = 1
    with pytest.raises(StoreUnavailable):
        scan(catalogue, shelf)
    shelf.put("a")
    shelf.fails_after = None

    found = scan(catalogue, shelf)

    assert (found.gone, found.new, found.refused) == (0, 0, 0)
    assert catalogue.value("SELECT count(*) FROM source_object WHERE missing_in_run IS NOT NULL") == 0


@dataclass
class Interrupted(Shelf):
    """Calls `meanwhile` before its second page."""

    meanwhile: Callable[[], object] = lambda: None

    def list_pages(self, after: str = "") -> Iterator[list[StoredObject]]:
        for number, page in enumerate(super().list_pages(after)):
            if number == 1:
                self.meanwhile()
            yield page


def test_of_two_scanners_of_one_run_the_slower_stops_and_nothing_is_twice(catalogue: Catalogue) -> None:
    run = catalogue.another_run("scan:two", state="scanning")
    tokens = dict.fromkeys("abcdef", "v1")
    faster = Shelf(tokens)
    slower = Interrupted(tokens, meanwhile=lambda: scan(catalogue, faster, run=run))

    with pytest.raises(runs.ScanTakenOver, match="another process has taken it over"):
        scan(catalogue, slower, run=run)

    counts = json.loads(json.dumps(catalogue.value("SELECT counts FROM run WHERE id = :id", id=run)))
    counts = json.loads(counts) if isinstance(counts, str) else counts
    assert (counts["seen"], counts["new"]) == (6, 6)
    assert items(catalogue) == 6
    assert catalogue.violations() == []


def test_two_runs_that_scan_at_once_queue_each_image_once(catalogue: Catalogue) -> None:
    tokens = {f"{number:03}": "v1" for number in range(60)}
    together = threading.Barrier(2)

    def scan_with_the_other(run: int) -> Scanned:
        together.wait()
        return scan(catalogue, Shelf(tokens, page_keys=20), run=run)

    both = [catalogue.another_run(f"scan:{name}", state="scanning") for name in "ab"]
    with ThreadPoolExecutor(2) as pool:
        found = list(pool.map(scan_with_the_other, both))

    assert [each.seen for each in found] == [60, 60]
    assert (items(catalogue), len(there(catalogue))) == (60, 60)
    assert catalogue.violations() == []


def test_a_paused_or_cancelled_run_is_not_scanned_on(catalogue: Catalogue) -> None:
    run = catalogue.another_run("scan:stopped", state="scanning")
    stop = Interrupted(
        dict.fromkeys("abcdef", "v1"),
        meanwhile=lambda: catalogue.sql("UPDATE run SET state = 'cancelled' WHERE id = :id", id=run),
    )

    with pytest.raises(runs.ScanTakenOver, match="is cancelled"):
        scan(catalogue, stop, run=run)

    assert there(catalogue).keys() == {"a", "b"}


def test_a_scan_that_drops_an_image_waits_for_the_worker_that_records_it(postgres_catalogue: Catalogue) -> None:
    """The scan locks objects before items, as recording does; the other way round is a deadlock."""
    catalogue, shelf = postgres_catalogue, Shelf()
    shelf.put("a")
    scan(catalogue, shelf)
    (item,) = catalogue.claim()
    catalogue.sql("UPDATE source_object SET missing_in_run = :run", run=catalogue.run_id)

    def settle() -> None:
        with catalogue.sessions.begin() as session:
            objects.settle_missing(session, catalogue.run_id, remove=True)

    with catalogue.sessions.begin() as worker:
        worker.execute(_text("SELECT id FROM source_object WHERE id = :id FOR NO KEY UPDATE"), {"id": item.object_id})
        scanner = threading.Thread(target=settle)
        scanner.start()
        wait_until(lambda: _waits_for_a_lock(catalogue), "the scan to wait")
        worker.execute(_text("SELECT id FROM work_item WHERE id = :id FOR UPDATE NOWAIT"), {"id": item.id})
    scanner.join(10)

    assert catalogue.states() == {"a": "skipped"}


def _text(statement: str) -> Any:
    from sqlalchemy import text

    return text(statement)


def _waits_for_a_lock(catalogue: Catalogue) -> bool:
    waiting = "SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND datname = current_database()"
    return bool(catalogue.value(waiting))


# Cost


@contextmanager
def statements(catalogue: Catalogue) -> Iterator[list[tuple[str, Any]]]:
    """Every statement sent inside the block, with its parameters."""
    sent: list[tuple[str, Any]] = []
    engine = catalogue.sessions.kw["bind"]

    def note(_: Any, __: Any, statement: str, parameters: Any, *___: Any) -> None:
        sent.append((statement, parameters))

    event.listen(engine, "before_cursor_execute", note)
    yield sent
    event.remove(engine, "before_cursor_execute", note)


def test_unchanged_keys_write_nothing(catalogue: Catalogue, shelf: Shelf) -> None:
    shelf.put(*"abcdefgh")
    scan(catalogue, shelf)
    run = catalogue.another_run("scan:again", state="scanning")

    with statements(catalogue) as sent:
        scan(catalogue, shelf, run=run)

    writing = {tuple(statement.split()[:2]) for statement, _ in sent if not statement.startswith(("SELECT", "BEGIN"))}
    assert writing == {("UPDATE", "run")}


def test_one_changed_key_writes_its_own_rows_only(catalogue: Catalogue, shelf: Shelf) -> None:
    shelf.put(*"abcdefgh")
    scan(catalogue, shelf)
    tag_all(catalogue)
    before = dict(catalogue.sql("SELECT key, version_token FROM source_object"))
    shelf.put("c", token="v2")

    scan(catalogue, shelf)

    after = dict(catalogue.sql("SELECT key, version_token FROM source_object"))
    assert {key for key in after if after[key] != before[key]} == {"c"}
    assert [state for state in catalogue.states().values() if state == "pending"] == ["pending"]


def test_200_000_known_keys_cost_little_cpu_and_memory(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "tests.scheduler.known_keys", tmp_path / "catalogue.db", "200000"]

    child = spawn(command, tmp_path / "scan.log", cwd=ROOT)

    assert child.wait(120) == 0, child.tail()
    measured = json.loads(child.tail().splitlines()[-1])
    print(measured)
    assert (measured["seen"], measured["new"], measured["changed"], measured["gone"]) == (200_000, 0, 0, 0)
    assert measured["cpu_s"] < 15, measured
    assert measured["peak_mb"] < 200, measured


# Keys


def test_awkward_keys_are_the_same_images_on_every_scan(catalogue: Catalogue) -> None:
    shelf = Shelf(dict.fromkeys(AWKWARD, "v1"), page_keys=3)

    first = scan(catalogue, shelf)
    second = scan(catalogue, shelf)

    assert (first.seen, first.new) == (len(AWKWARD), len(AWKWARD))
    assert (second.seen, second.new, second.changed, second.gone) == (len(AWKWARD), 0, 0, 0)
    assert there(catalogue) == shelf.tokens
    assert tag_all(catalogue) == len(AWKWARD)


def test_keys_are_ordered_as_stores_order_them_by_utf8_bytes(catalogue: Catalogue) -> None:
    catalogue.images(*AWKWARD)

    ordered = [key for (key,) in catalogue.sql("SELECT key FROM source_object ORDER BY key")]
    with catalogue.sessions() as session:
        between = objects.known_between(session, "photos", "Z.jpg", "é.jpg", "", catalogue.model_id, at_most=100)

    by_bytes = sorted(AWKWARD, key=str.encode)
    assert ordered == by_bytes
    assert [each.key for each in between] == by_bytes[by_bytes.index("Z.jpg") + 1 : by_bytes.index("é.jpg") + 1]


def test_random_changes_leave_the_catalogue_equal_to_the_store(catalogue: Catalogue) -> None:
    seed = random.SystemRandom().randrange(2**32)
    print(f"seed {seed}")
    chance = random.Random(seed)
    keys = [f"{prefix}{number}" for prefix in ("A", "a", "é", "👗") for number in range(6)]
    shelf = Shelf(page_keys=4)
    for _ in range(8):
        for key in chance.sample(keys, 6):
            if key in shelf.tokens and chance.random() < 0.4:
                shelf.remove(key)
            else:
                shelf.put(key, token=f"v{chance.randrange(3)}")
        scan(catalogue, shelf, allow_mass_removal=True)
        for item in catalogue.claim(chance.randrange(1, 10)):
            catalogue.record([item], item.version_token)

        assert there(catalogue) == shelf.tokens
        assert catalogue.violations() == []
    tag_all(catalogue)
    assert shown(catalogue) == shelf.tokens


def test_a_page_is_compared_with_what_is_known_in_its_range(catalogue: Catalogue) -> None:
    catalogue.items("same", "changed", "missing")
    with catalogue.sessions() as session:
        known = objects.known_between(session, "photos", "", None, "", catalogue.model_id, at_most=100)

    found = discovery.compare(known, [stored("changed", "v2"), stored("new", "v1"), stored("same", "v1")])

    ids = {each.key: each.id for each in known}
    assert [each.key for each in found.new] == ["new"]
    assert [object_id for object_id, _ in found.changed] == [ids["changed"]]
    assert found.missing == [ids["missing"]]
    assert (found.back, found.refound, found.unqueued) == ([], [], [])
