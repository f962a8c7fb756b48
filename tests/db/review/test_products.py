"""Products: all photographs of one are claimed together, and nothing that a person has decided."""

from __future__ import annotations

from db.review import screens
from db.review.decisions import Reviewer
from db.review.filters import Filters
from tests.db.catalogues import Catalogue
from tests.db.review.reviewing import ANY, a_reviewer, claim, flagged


def of_products(catalogue: Catalogue, reviewer: Reviewer, *, limit: int = 12, filters: Filters = ANY) -> list[str]:
    with catalogue.sessions.begin() as session:
        screen = screens.claim(session, reviewer.id, filters, limit=limit, mode="product")
    return sorted(item.key for item in screen.items) if screen else []


def products(catalogue: Catalogue) -> None:
    """Two products of which one photograph each is unsure, and an image without a product."""
    flagged(catalogue, "x/1", "y/1", "none")
    catalogue.items("x/2", "x/3", "y/2")
    catalogue.record(catalogue.claim())
    catalogue.sql("UPDATE source_object SET product_id = substr(key, 1, 1) WHERE key <> 'none'")


def test_all_photographs_of_the_least_certain_products_are_claimed(catalogue: Catalogue) -> None:
    products(catalogue)
    amina, juma = a_reviewer(catalogue), a_reviewer(catalogue, "juma")

    assert of_products(catalogue, amina, limit=1) == ["x/1", "x/2", "x/3"]
    assert of_products(catalogue, juma) == ["y/1", "y/2"]
    assert of_products(catalogue, juma) == []


def test_what_a_person_decided_or_another_reviewer_holds_is_not_claimed_with_its_product(catalogue: Catalogue) -> None:
    products(catalogue)
    ids = dict(catalogue.sql("SELECT key, id FROM source_object"))
    catalogue.decide(ids["x/2"], "Dress")
    amina, juma = a_reviewer(catalogue), a_reviewer(catalogue, "juma")
    assert claim(catalogue, juma, Filters(product="x")) is not None  # x/1, which is flagged

    assert of_products(catalogue, amina) == ["y/1", "y/2"]


def test_products_of_one_name_in_two_stores_are_two(catalogue: Catalogue) -> None:
    products(catalogue)
    catalogue.sql("UPDATE source_object SET bucket = 'other' WHERE key = 'x/3'")

    assert of_products(catalogue, a_reviewer(catalogue), limit=1) == ["x/1", "x/2"]
