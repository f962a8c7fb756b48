"""Keys of any length are images like others, and stay in their order."""

from __future__ import annotations

import random
import string

import pytest
from sqlalchemy.exc import IntegrityError

from db import objects
from tests.db.catalogues import Catalogue
from tests.scheduler.memory_store import Shelf
from tests.scheduler.scans import present, scan, shown, tag_all


def noise(length: int, seed: int, alphabet: str = string.ascii_letters) -> str:
    """Make text that no database compresses."""
    return "".join(random.Random(seed).choices(alphabet, k=length))


def long_keys() -> list[str]:
    head = noise(399, 1)
    letters = [chr(code) for code in range(0x20000, 0x2A000)]
    return [
        noise(2_690, 2),
        noise(4_090, 3) + "\\" + noise(5_000, 4),
        noise(3_000, 5, "".join(letters)),  # four bytes each
        *(
            head + middle + noise(3_000, 6) + end
            for middle in ("", "/", "0")
            for end in ("", "\\", "\\\\", "\U0010ffff")
        ),
        *(head[:length] for length in (397, 398, 399)),
        *(head + end for end in ("/", "/a", "0", "\\")),
        "short.jpg",
    ]


@pytest.mark.parametrize("page_keys", [1, 2, 1000])
def test_keys_of_any_length_are_found_tagged_changed_and_gone(catalogue: Catalogue, page_keys: int) -> None:
    shelf = Shelf(page_keys=page_keys)
    keys = long_keys()
    shelf.put(*keys)

    first, second = scan(catalogue, shelf), scan(catalogue, shelf)
    tagged = tag_all(catalogue)
    shelf.put(keys[1], keys[4], token="v2")
    shelf.remove(keys[5], keys[-1])
    third = scan(catalogue, shelf, allow_mass_removal=True)
    tag_all(catalogue)

    assert (first.seen, first.new, tagged) == (len(keys),) * 3
    assert (second.seen, second.new, second.changed, second.gone) == (len(keys), 0, 0, 0)
    assert (third.new, third.changed, third.gone) == (0, 2, 2)
    assert present(catalogue) == shelf.tokens
    assert shown(catalogue) == shelf.tokens
    assert catalogue.violations() == []


def test_known_keys_of_any_length_come_in_order_and_under_their_prefix(catalogue: Catalogue) -> None:
    keys = sorted(long_keys())
    catalogue.images(*keys)
    prefix = noise(399, 1) + "/"

    with catalogue.sessions() as session:
        known = objects.known_between(session, "photos", "", None, "", catalogue.model_id, at_most=1000)
        within = objects.known_between(session, "photos", keys[3], keys[-3], "", catalogue.model_id, at_most=1000)
        below = objects.known_between(session, "photos", "", None, prefix, catalogue.model_id, at_most=1000)

    assert [row.key for row in known] == keys
    assert [row.key for row in within] == keys[4:-2]
    assert [row.key for row in below] == [key for key in keys if key.startswith(prefix)]


def test_a_long_key_is_in_the_catalogue_only_once(catalogue: Catalogue) -> None:
    key = noise(3_000, 7)
    catalogue.images(key)

    with pytest.raises(IntegrityError):
        catalogue.sql(
            "INSERT INTO source_object (bucket, key, version_token, size, last_modified, first_seen)"
            " SELECT bucket, key, version_token, size, last_modified, first_seen FROM source_object"
        )
    assert catalogue.images(key) == catalogue.images(key)


def test_a_product_may_have_a_long_name(catalogue: Catalogue, shelf: Shelf) -> None:
    product = noise(5_000, 8)
    shelf.put(f"{product}/1.jpg", f"{product}/2.jpg")

    scan(catalogue, shelf, product_pattern="(?P<product>.*)/")

    assert catalogue.value("SELECT count(*) FROM source_object WHERE product_id = :product", product=product) == 2
