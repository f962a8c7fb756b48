"""Audits: which images are drawn, on which screens they are, and what they tell."""

from __future__ import annotations

from db.queue.leases import ClaimedItem
from db.review.screens import Filters
from db.review.truth.audit import draw, is_drawn, outcomes
from tests.db.catalogues import Catalogue, tagged
from tests.db.review.reviewing import TAG, a_reviewer, claim, decide, flagged, given, undo
from tests.db.review.truths import audited, claim_blind


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


def test_what_is_audited_is_on_no_ordinary_screen_and_among_the_others_in_single_mode(catalogue: Catalogue) -> None:
    amina = a_reviewer(catalogue)
    audits, others = audited(catalogue, "c", "d"), flagged(catalogue, "a", "b")

    sweep = claim(catalogue, amina)
    mixed = claim_blind(catalogue, a_reviewer(catalogue, "juma"), limit=1)

    assert sweep is not None
    assert mixed is not None
    assert ([item.object_id for item in sweep.items], sweep.blind) == (others, frozenset())
    assert mixed.blind == {audits[0]}


def test_audits_fill_a_screen_where_nothing_else_waits_but_no_filter_tells_the_suggestion(catalogue: Catalogue) -> None:
    amina = a_reviewer(catalogue)
    audits = audited(catalogue, "a", "b", "c")

    assert claim_blind(catalogue, amina, Filters(category="Bag")) is None
    assert claim_blind(catalogue, amina, Filters(reason="low_confidence")) is None
    screen = claim_blind(catalogue, amina, Filters(reason="audit"))

    assert screen is not None
    assert screen.blind == set(audits)


def test_an_audit_is_recorded_blind_with_its_probability(catalogue: Catalogue) -> None:
    (image,) = audited(catalogue, "a", share=0.25)
    amina = a_reviewer(catalogue)
    screen = claim_blind(catalogue, amina)
    assert screen is not None

    decide(catalogue, amina, given(image, "Bag", screen_id=screen.id, how="single"))

    row = catalogue.sql("SELECT drawn, probability, suggested, category FROM decision")
    assert row == [("audit", 0.25, None, "Bag")]
    assert claim_blind(catalogue, amina) is None
    undo(catalogue, amina, f"decision-{image}")
    assert claim_blind(catalogue, amina) is not None
    assert catalogue.violations() == []


def test_a_rerun_of_the_model_leaves_what_was_audited_as_it_was_decided(catalogue: Catalogue) -> None:
    (image,) = audited(catalogue, "a")
    amina = a_reviewer(catalogue)
    decide(catalogue, amina, given(image, "Dress"))

    catalogue.enqueue([image], run_id=catalogue.another_run("again"))
    catalogue.record(catalogue.claim(), "Coat", needs_review=True, review_reason="audit", audit_share=0.25)

    assert catalogue.sql(TAG, id=image)[0][:3] == ("Dress", 10_000, False)
    assert claim_blind(catalogue, amina) is None


def test_outcomes_count_audits_by_model_and_weigh_them(catalogue: Catalogue) -> None:
    images = audited(catalogue, "a", "b", share=0.25)
    amina = a_reviewer(catalogue)
    screen = claim_blind(catalogue, amina)
    assert screen is not None
    decide(
        catalogue,
        amina,
        *[given(image, name, screen_id=screen.id) for image, name in zip(images, ["Bag", "Coat"], strict=True)],
    )

    with catalogue.sessions() as session:
        rows = session.execute(outcomes()).all()

    assert sorted(tuple(row) for row in rows) == [("net@1", "Bag", False, 1, 4, 16), ("net@1", "Bag", True, 1, 4, 16)]
