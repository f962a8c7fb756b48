"""What a scan may be asked for: a limit, a prefix, another bucket, products by a pattern."""

from __future__ import annotations

from tests.db.catalogues import Catalogue
from tests.scheduler.memory_store import Shelf
from tests.scheduler.scans import present, scan, tag_all


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
    assert present(catalogue) == shelf.tokens
    assert catalogue.violations() == []


def test_a_limit_cuts_within_a_page_and_the_next_scan_finds_the_rest(catalogue: Catalogue, shelf: Shelf) -> None:
    shelf.page_keys = 10
    shelf.put(*"abcdef")

    new = [scan(catalogue, shelf, limit=limit).new for limit in (1, 3, 10)]

    assert new == [1, 3, 2]
    assert catalogue.states() == dict.fromkeys("abcdef", "pending")


def test_a_prefix_confines_what_is_known_missing_and_gone(catalogue: Catalogue, shelf: Shelf) -> None:
    everything = ["shoes/1", "shoes/2", "shoes%/3", "shirts/1", "zz", "sho", "shoes0"]
    shelf.put(*everything)
    scan(catalogue, shelf)
    shelf.prefix = "shoes/"
    shelf.remove("shoes/1", "shirts/1", "zz", "sho", "shoes%/3")

    scanned = scan(catalogue, shelf, allow_mass_removal=True)

    assert (scanned.seen, scanned.gone, scanned.known) == (1, 1, 2)
    assert present(catalogue).keys() == {*everything} - {"shoes/1"}
    assert catalogue.violations() == []


def test_the_same_key_in_another_bucket_is_another_image(catalogue: Catalogue, shelf: Shelf) -> None:
    shelf.put("a")
    scan(catalogue, shelf)

    scanned = scan(catalogue, Shelf({"a": "v1"}, bucket="other"))

    assert scanned.new == 1
    assert catalogue.value("SELECT count(*) FROM source_object WHERE gone_at IS NULL") == 2


def test_the_product_pattern_names_the_product(catalogue: Catalogue, shelf: Shelf) -> None:
    shelf.put("p17/front.jpg", "p17/back.jpg", "loose.jpg")

    scan(catalogue, shelf, product_pattern=r"(?P<product>p\d+)/")

    products = dict(catalogue.sql("SELECT key, product_id FROM source_object"))
    assert products == {"p17/front.jpg": "p17", "p17/back.jpg": "p17", "loose.jpg": None}
