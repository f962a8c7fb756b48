"""Audits: which images are drawn, on which screens they are, and what they tell."""

from __future__ import annotations

from db.queue.leases import ClaimedItem
from db.review.truth.audit import draw, is_drawn
from tests.db.catalogues import tagged


def an_item(key: str) -> ClaimedItem:
    return ClaimedItem(1, 1, 1, "photos", key, "v1", 1, 0, alone=False)


def test_a_share_of_what_passed_is_drawn_and_the_same_of_any_run() -> None:
    results = [tagged(an_item(f"{number}.jpg"), confidence=9000) for number in range(4000)]

    drawn, again = draw(results, 0.05), draw(list(reversed(results)), 0.05)

    audited = {result.item.key for result in drawn if result.needs_review}
    assert 140 <= len(audited) <= 260
    assert audited == {result.item.key for result in again if result.needs_review}
    assert {(result.review_reason, result.audit_share) for result in drawn if result.needs_review} == {("audit", 0.05)}
    assert audited > {result.item.key for result in draw(results, 0.01) if result.needs_review}


def test_what_waits_for_review_anyhow_is_not_audited_and_nothing_is_at_a_share_of_0() -> None:
    unsure = tagged(an_item("a"), needs_review=True, review_reason="low_confidence")

    assert draw([unsure], 1.0) == [unsure]
    assert draw([tagged(an_item("a"))], 0.0)[0].needs_review is False
    assert is_drawn("audit", "\udcff.jpg", 1.0)  # keys may hold what is not UTF-8
