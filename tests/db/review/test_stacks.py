"""Stacks: near-identical pictures of one category are claimed together, found in a window of the queue."""

from __future__ import annotations

from db.review import screens
from db.review.decisions import Reviewer
from db.review.screens import Screen
from tests.db.catalogues import Catalogue
from tests.db.review.reviewing import ANY, a_reviewer, flagged

COPY, ALMOST, OTHER = b"\x0f" * 16, b"\x0f" * 15 + b"\x00", b"\xff" * 16


def seen(
    catalogue: Catalogue, key: str, fingerprint: bytes | None, *, category: str = "Shirt", sure: int = 5000
) -> int:
    """Add an image that waits, of which the network saw a picture with this fingerprint; returns its id."""
    catalogue.items(key)
    unsure = {"needs_review": True, "review_reason": "low_confidence", "confidence": sure, "fingerprint": fingerprint}
    (item,) = catalogue.claim()
    catalogue.record([item], category, scores=[sure, 9000 - sure, 1000], **unsure)
    return item.object_id


def stacks(catalogue: Catalogue, reviewer: Reviewer, limit: int = 12) -> list[set[int]]:
    """Claim a screen in product mode; returns its near-identical pictures by stack."""
    screen = claimed(catalogue, reviewer, limit)
    alike = screen.alike if screen else {}
    return [{image for image, like in alike.items() if like == one} for one in dict.fromkeys(alike.values())]


def claimed(catalogue: Catalogue, reviewer: Reviewer, limit: int) -> Screen | None:
    with catalogue.sessions.begin() as session:
        return screens.claim(session, reviewer.id, ANY, limit=limit, mode="product")


def test_near_identical_pictures_of_one_category_are_a_stack(catalogue: Catalogue) -> None:
    copies = {seen(catalogue, "a", COPY), seen(catalogue, "b", ALMOST)}
    seen(catalogue, "another picture", OTHER)
    seen(catalogue, "another category", COPY, category="Dress")
    seen(catalogue, "other scores", COPY, sure=2000)
    seen(catalogue, "no fingerprint", None)

    assert stacks(catalogue, a_reviewer(catalogue)) == [copies]
    assert stacks(catalogue, a_reviewer(catalogue, "juma")) == []


def test_what_another_reviewer_holds_is_not_in_a_stack(catalogue: Catalogue) -> None:
    first, *rest = (seen(catalogue, key, COPY) for key in "abc")
    with catalogue.sessions.begin() as session:
        screens.claim(session, a_reviewer(catalogue, "juma").id, ANY, limit=1, mode="single")

    assert stacks(catalogue, a_reviewer(catalogue)) == [{*rest}]
    assert catalogue.value("SELECT count(*) FROM review_claim") == 3
    assert first not in rest


def test_products_and_near_identical_pictures_share_a_screen(catalogue: Catalogue) -> None:
    for stack in range(4):
        for key in "ab":
            seen(catalogue, f"{stack}{key}", bytes([1 << stack] * 16))
    of_product = flagged(catalogue, "x/1", "x/2")
    catalogue.sql("UPDATE source_object SET product_id = 'x' WHERE key LIKE 'x/%'")

    screen = claimed(catalogue, a_reviewer(catalogue), 4)

    assert screen is not None
    assert len(set(screen.alike.values())) == 2
    assert {item.object_id for item in screen.items} == {*screen.alike, *of_product}


def test_copies_of_one_product_are_left_to_it(catalogue: Catalogue) -> None:
    copies = [seen(catalogue, "x/1", COPY), seen(catalogue, "x/2", COPY)]
    catalogue.sql("UPDATE source_object SET product_id = 'x'")

    screen = claimed(catalogue, a_reviewer(catalogue), 12)

    assert screen is not None
    assert (screen.alike, [item.object_id for item in screen.items]) == ({}, copies)
