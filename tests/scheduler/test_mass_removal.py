"""A listing that lacks many of the known images is not believed, and costs no more than another."""

from __future__ import annotations

import pytest
from hypothesis import given, strategies as st

from scheduler import discovery
from scheduler.discovery import is_mass_removal
from tests.db.catalogues import LONG_AGO, Catalogue
from tests.scheduler.memory_store import Shelf
from tests.scheduler.scans import present, scan, statements, tag_all


def test_a_fifth_of_the_images_may_go_and_no_more(catalogue: Catalogue, shelf: Shelf) -> None:
    shelf.put(*"abcdefghij")
    scan(catalogue, shelf)
    shelf.remove("a", "b")
    fifth = scan(catalogue, shelf)
    shelf.remove("c", "d")

    more = scan(catalogue, shelf)

    assert (fifth.gone, fifth.refused) == (2, 0)
    assert (more.gone, more.refused, more.known) == (0, 2, 8)
    assert present(catalogue).keys() == set("cdefghij")
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
    assert present(catalogue) == shelf.tokens
    assert catalogue.violations() == []


@given(st.integers(1, 10_000_000))
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


def know_many(catalogue: Catalogue, count: int) -> None:
    catalogue.sql(
        "WITH RECURSIVE n(i) AS (SELECT 0 UNION ALL SELECT i + 1 FROM n WHERE i + 1 < :count)"
        " INSERT INTO source_object (bucket, key, version_token, size, last_modified, first_seen)"
        " SELECT 'photos', 'k' || i, 'v1', 1000, :at, :at FROM n",
        count=count,
        at=LONG_AGO,
    )
