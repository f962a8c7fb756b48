"""A scan finds what is new, changed, gone and back, whatever the keys are."""

from __future__ import annotations

import random

import pytest

from db import objects
from scheduler.differences import compare
from tests.db.catalogues import Catalogue
from tests.scheduler.memory_store import Shelf, stored
from tests.scheduler.scans import items, present, scan, scan_again, shown, tag_all

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


def test_new_images_are_recorded_and_queued_once(catalogue: Catalogue, shelf: Shelf) -> None:
    shelf.put("a", "b", "c")

    first = scan(catalogue, shelf)
    second = scan(catalogue, shelf)

    assert (first.seen, first.new, first.changed, first.gone) == (3, 3, 0, 0)
    assert (second.seen, second.new, second.changed, second.gone) == (3, 0, 0, 0)
    assert present(catalogue) == shelf.tokens
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

    scanned = scan(catalogue, shelf)

    assert (scanned.new, scanned.changed) == (0, 2)
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

    scanned = scan(catalogue, shelf)

    assert (scanned.seen, scanned.gone, scanned.refused) == (5, 1, 0)
    assert present(catalogue) == shelf.tokens
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

    scanned = scan(catalogue, shelf)

    assert hidden
    assert (scanned.new, scanned.gone) == (1, 0)
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

    scanned = scan(catalogue, shelf, run=other)

    assert (scanned.seen, scanned.new, scanned.changed) == (2, 0, 0)
    assert catalogue.value("SELECT count(*) FROM work_item WHERE run_id = :run AND state = 'pending'", run=other) == 2
    assert catalogue.violations() == []


# Keys


def test_awkward_keys_are_the_same_images_on_every_scan(catalogue: Catalogue) -> None:
    shelf = Shelf(dict.fromkeys(AWKWARD, "v1"), page_keys=3)

    first = scan(catalogue, shelf)
    second = scan(catalogue, shelf)

    assert (first.seen, first.new) == (len(AWKWARD), len(AWKWARD))
    assert (second.seen, second.new, second.changed, second.gone) == (len(AWKWARD), 0, 0, 0)
    assert present(catalogue) == shelf.tokens
    assert tag_all(catalogue) == len(AWKWARD)


def test_keys_are_ordered_as_stores_order_them_by_utf8_bytes(catalogue: Catalogue) -> None:
    catalogue.images(*AWKWARD)

    ordered = [key for (key,) in catalogue.sql("SELECT key FROM source_object ORDER BY key")]
    with catalogue.sessions() as session:
        between = objects.known_between(session, "photos", "Z.jpg", "é.jpg", "", catalogue.model_id, at_most=100)

    by_bytes = sorted(AWKWARD, key=str.encode)
    assert ordered == by_bytes
    assert [row.key for row in between] == by_bytes[by_bytes.index("Z.jpg") + 1 : by_bytes.index("é.jpg") + 1]


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

        assert present(catalogue) == shelf.tokens
        assert catalogue.violations() == []
    tag_all(catalogue)
    assert shown(catalogue) == shelf.tokens


def test_a_page_is_compared_with_what_is_known_in_its_range(catalogue: Catalogue) -> None:
    catalogue.items("same", "changed", "missing")
    with catalogue.sessions() as session:
        known = objects.known_between(session, "photos", "", None, "", catalogue.model_id, at_most=100)

    difference = compare(known, [stored("changed", "v2"), stored("new", "v1"), stored("same", "v1")])

    ids = {row.key: row.id for row in known}
    assert [row.key for row in difference.new] == ["new"]
    assert [object_id for object_id, _ in difference.changed] == [ids["changed"]]
    assert difference.missing == [ids["missing"]]
    assert (difference.back, difference.refound, difference.unqueued) == ([], [], [])
