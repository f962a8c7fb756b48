"""Of two listings of one bucket at once, the older one overrules nothing that the newer one has written."""

from __future__ import annotations

from tests.db.catalogues import Catalogue
from tests.scheduler.memory_store import Interrupted, Shelf
from tests.scheduler.scans import present, scan, shown, tag_all


def test_an_older_listing_overrules_nothing_that_a_newer_one_wrote(catalogue: Catalogue, shelf: Shelf) -> None:
    shelf.put(*"abcdefgh")
    scan(catalogue, shelf)
    older = Interrupted(dict(shelf.tokens), page_keys=2)
    shelf.remove("h")
    shelf.put("e", token="v2")
    shelf.put("dd")
    older.meanwhile = lambda: scan(catalogue, shelf)

    scanned = scan(catalogue, older)

    assert (scanned.changed, scanned.gone) == (0, 0)
    assert present(catalogue) == shelf.tokens
    tag_all(catalogue)
    assert shown(catalogue) == shelf.tokens
    assert catalogue.violations() == []


def test_a_newer_listing_sees_what_has_changed_since_the_older_one(catalogue: Catalogue, shelf: Shelf) -> None:
    shelf.put(*"abcdef")
    scan(catalogue, Interrupted(dict(shelf.tokens), meanwhile=lambda: scan(catalogue, shelf)))
    shelf.remove("f")
    shelf.put("b", token="v2")

    scanned = scan(catalogue, shelf)

    assert (scanned.changed, scanned.gone) == (1, 1)
    assert present(catalogue) == shelf.tokens
