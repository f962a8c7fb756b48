"""Reviewers, flagged images, and short names for what these tests do with them."""

from __future__ import annotations

from db.review import decisions, screens, undoing, users
from db.review.decisions import Recorded, Reviewer
from db.review.filters import Filters
from db.review.items import Given
from db.review.screens import Screen
from tests.db.catalogues import Catalogue

ANY = Filters()
TAG = "SELECT category, confidence, needs_review, review_reason, source, version FROM image_tag WHERE object_id = :id"


def a_reviewer(catalogue: Catalogue, name: str = "amina") -> Reviewer:
    with catalogue.sessions.begin() as session:
        return Reviewer(users.add(session, name, "reviewer").id, name)


def flagged(catalogue: Catalogue, *keys: str, category: str = "Shirt", start: int = 5000) -> list[int]:
    """Add images that wait for review, each a little surer than the one before; returns their ids."""
    catalogue.items(*keys)
    items = sorted(catalogue.claim(len(keys)), key=lambda item: keys.index(item.key))
    for place, item in enumerate(items):
        sure = {"confidence": start + place, "needs_review": True, "review_reason": "low_confidence"}
        assert catalogue.record([item], category, **sure) == 1
    return [item.object_id for item in items]


def claim(
    catalogue: Catalogue, reviewer: Reviewer, filters: Filters = ANY, *, limit: int = 12, hold_s: float = 600
) -> Screen | None:
    with catalogue.sessions.begin() as session:
        return screens.claim(session, reviewer.id, filters, limit=limit, mode="single", hold_s=hold_s)


def claimed(catalogue: Catalogue, reviewer: Reviewer, filters: Filters = ANY, *, limit: int = 12) -> list[int]:
    """Return the ids of the images on a new screen."""
    screen = claim(catalogue, reviewer, filters, limit=limit)
    return [item.object_id for item in screen.items] if screen else []


def decide(catalogue: Catalogue, reviewer: Reviewer, *batch: Given, double_share: float = 0.0) -> Recorded:
    with catalogue.sessions.begin() as session:
        return decisions.record(session, reviewer, batch, double_share=double_share)


def given(
    object_id: int, category: str | None = "T-shirt", *, key: str = "", version: int = 1, **fields: object
) -> Given:
    options = {"outcome": "category"} | fields
    return Given(key or f"decision-{object_id}", object_id, version, category=category, **options)  # type: ignore[arg-type]


def undo(
    catalogue: Catalogue, reviewer: Reviewer, key: str, *, of_anybody: bool = False
) -> undoing.Restored | decisions.Conflict:
    with catalogue.sessions.begin() as session:
        return undoing.undo(session, reviewer, key, of_anybody=of_anybody)
