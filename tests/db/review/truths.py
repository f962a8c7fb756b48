"""Short names for what the tests of audits, probes and second opinions do."""

from __future__ import annotations

from typing import Any

from db.review import screens
from db.review.decisions import Reviewer
from db.review.screens import Filters, Screen
from tests.db.catalogues import Catalogue

ANY = Filters()


def audited(catalogue: Catalogue, *keys: str, category: str = "Bag", share: float = 0.25) -> list[int]:
    """Add images that passed and were drawn for an audit; returns their ids."""
    catalogue.items(*keys)
    items = sorted(catalogue.claim(len(keys)), key=lambda item: keys.index(item.key))
    drawn = {"needs_review": True, "review_reason": "audit", "audit_share": share}
    assert catalogue.record(items, category, confidence=9900, **drawn) == len(keys)
    return [item.object_id for item in items]


def claim_blind(
    catalogue: Catalogue, reviewer: Reviewer, filters: Filters = ANY, *, limit: int = 12, **options: Any
) -> Screen | None:
    """Claim a screen in single mode, on which some images may have no suggestion."""
    given = {"blind": 1} | options
    with catalogue.sessions.begin() as session:
        return screens.claim(session, reviewer.id, filters, limit=limit, mode="single", **given)
