"""A listing that lacks many of the known images is not believed, and costs no more than another."""

from __future__ import annotations

import pytest
from hypothesis import given, strategies as st

from scheduler import discovery
from scheduler.discovery import Scanned
from scheduler.settling import is_mass_removal
from tests.db.catalogues import LONG_AGO, Catalogue
from tests.scheduler.memory_store import Interrupted, Shelf
from tests.scheduler.scans import present, scan, statements, tag_all

MANY = [f"{number:03}" for number in range(100)]


def test_a_fifth_of_the_images_may_go_and_no_more(catalogue: Catalogue, shelf: Shelf) -> None:
    shelf.put(*MANY)
    scan(catalogue, shelf)
    shelf.remove(*MANY[:20])
    fifth = scan(catalogue, shelf)
    let_removals_age(catalogue)
    shelf.remove(*MANY[20:37])

    more = scan(catalogue, shelf)

    assert (fifth.gone, fifth.refused) == (20, 0)
    assert (more.gone, more.refused, more.known) == (0, 17, 80)
    assert present(catalogue).keys() == set(MANY[20:])
    assert catalogue.states()["020"] == "pending"
    assert catalogue.violations() == []


def test_what_went_in_the_last_hours_counts_with_what_is_missing_now(catalogue: Catalogue, shelf: Shelf) -> None:
    shelf.put(*MANY)
    scan(catalogue, shelf)
    shelf.remove(*MANY[:15])
    first = scan(catalogue, shelf)
    shelf.remove(*MANY[15:30])

    second = scan(catalogue, shelf)
    let_removals_age(catalogue)
    next_night = scan(catalogue, shelf)

    assert (first.gone, first.refused) == (15, 0)
    assert (second.gone, second.refused) == (0, 15)
    assert (next_night.gone, next_night.refused) == (15, 0)
    assert catalogue.violations() == []


def test_two_scans_at_once_do_not_share_a_mass_removal(catalogue: Catalogue, shelf: Shelf) -> None:
    shelf.page_keys = 40
    shelf.put(*MANY)
    scan(catalogue, shelf)
    shelf.remove(*MANY[:15], *MANY[80:95])
    behind = Interrupted(shelf.tokens, page_keys=20, meanwhile=lambda: overtaking.append(scan(catalogue, shelf)))
    overtaking: list[Scanned] = []

    scanned = scan(catalogue, behind)

    assert [(other.gone, other.refused) for other in (*overtaking, scanned)] == [(0, 30), (0, 30)]
    assert len(present(catalogue)) == 100
    assert scan(catalogue, shelf, allow_mass_removal=True).gone == 30
    assert present(catalogue) == shelf.tokens
    assert catalogue.violations() == []


def test_fewer_than_ten_are_no_mass_removal_of_a_small_folder(catalogue: Catalogue, shelf: Shelf) -> None:
    shelf.put(*MANY[:14])
    scan(catalogue, shelf)
    shelf.remove(*MANY[:9])
    nine = scan(catalogue, shelf)
    shelf.remove(MANY[9])

    ten = scan(catalogue, shelf)

    assert (nine.gone, nine.refused) == (9, 0)
    assert (ten.gone, ten.refused) == (0, 1)


def test_a_mass_removal_goes_through_when_somebody_says_so(catalogue: Catalogue, shelf: Shelf) -> None:
    shelf.put(*MANY[:20])
    scan(catalogue, shelf)
    shelf.remove(*MANY[:15])
    refused = scan(catalogue, shelf)

    allowed = scan(catalogue, shelf, allow_mass_removal=True)

    assert (refused.gone, refused.refused) == (0, 15)
    assert (allowed.gone, allowed.refused) == (15, 0)
    assert present(catalogue) == shelf.tokens
    assert catalogue.violations() == []


@given(st.integers(10, 10_000_000))
def test_exactly_a_fifth_is_no_mass_removal_at_any_size(fifth: int) -> None:
    assert not is_mass_removal(fifth, 5 * fifth)
    assert is_mass_removal(fifth + 1, 5 * fifth)


def test_no_statement_grows_with_what_an_emptied_store_has_lost(catalogue: Catalogue, shelf: Shelf) -> None:
    """PostgreSQL takes 65,535 values a statement, SQLite 32,766."""
    know_many(catalogue, 12_000)

    with statements(catalogue) as sent:
        scanned = scan(catalogue, shelf)

    assert (scanned.seen, scanned.gone, scanned.refused) == (0, 0, 12_000)
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

    scanned = scan(catalogue, shelf, allow_mass_removal=True)

    assert (scanned.seen, scanned.new, scanned.changed, scanned.gone) == (17, 2, 2, 25)
    assert present(catalogue) == shelf.tokens
    assert tag_all(catalogue) == 17
    assert catalogue.violations() == []


def let_removals_age(catalogue: Catalogue) -> None:
    catalogue.sql("UPDATE source_object SET gone_at = :then WHERE gone_at IS NOT NULL", then=LONG_AGO)


def know_many(catalogue: Catalogue, count: int) -> None:
    catalogue.sql(
        "WITH RECURSIVE n(i) AS (SELECT 0 UNION ALL SELECT i + 1 FROM n WHERE i + 1 < :count)"
        " INSERT INTO source_object (bucket, key, version_token, size, last_modified, first_seen)"
        " SELECT 'photos', 'k' || i, 'v1', 1000, :at, :at FROM n",
        count=count,
        at=LONG_AGO,
    )
