"""Whatever is run again, with whatever model: nothing that people decided changes or comes back."""

from __future__ import annotations

from typing import Any

from db import tags
from db.schema import Run
from tests.db.catalogues import Catalogue, tagged
from tests.db.operations.planning import make
from tests.db.review.reviewing import TAG, Reviewer, a_reviewer, claim, decide, flagged, given
from tests.db.review.truths import audited, claim_blind


def decided_in_every_way(catalogue: Catalogue, amina: Reviewer, juma: Reviewer) -> list[int]:
    """Decide about images in all ways there are; returns their ids."""
    ids = flagged(catalogue, *"abcdef")
    screen = claim(catalogue, amina)
    assert screen is not None
    on = {"screen_id": screen.id, "how": "sweep"}
    swept, not_ours, unreadable, searched, imported, asked = ids
    decide(catalogue, amina, given(swept, "Dress", **on), double_share=1.0)
    decide(catalogue, amina, given(not_ours, None, outcome="not_ours", **on))
    decide(catalogue, amina, given(unreadable, None, outcome="unreadable", **on))
    decide(catalogue, amina, given(searched, "Shirt"), given(asked, None, outcome="colleague", **on))
    catalogue.decide(imported, "Coat")
    audits = audited(catalogue, "g")
    his = claim_blind(catalogue, juma, limit=12, doubles=True)
    assert his is not None
    assert his.blind == {swept, asked, *audits}
    answers = [
        given(image, "Coat", key=f"b{image}", version=1 + (image == swept), screen_id=his.id) for image in his.blind
    ]
    decide(catalogue, juma, *answers)
    return [*ids, *audits]


def run_again(catalogue: Catalogue, model: str, ids: list[int], **fields: Any) -> None:
    """Tag images with another model in a run of its own."""
    run_id = catalogue.another_run(f"with {model}", model=model)
    catalogue.enqueue(ids, run_id=run_id)
    with catalogue.sessions() as session:
        model_id = session.get_one(Run, run_id).model_version_id
    items = catalogue.claim(model_version_id=model_id)
    assert sorted(item.object_id for item in items) == sorted(ids)
    with catalogue.sessions.begin() as session:
        results = [tagged(item, "Bag", needs_review=True, **fields) for item in items]
        assert tags.record(session, results, model_version_id=model_id) == len(ids)


def test_nothing_decided_in_any_way_changes_or_comes_back_after_any_run(catalogue: Catalogue) -> None:
    amina, juma = a_reviewer(catalogue), a_reviewer(catalogue, "juma")
    ids = decided_in_every_way(catalogue, amina, juma)
    before = [catalogue.sql(TAG, id=image) for image in ids]
    trail = catalogue.value("SELECT count(*) FROM tag_event")

    run_again(catalogue, "other", ids, review_reason="low_confidence", confidence=3000)
    run_again(catalogue, "third", ids, review_reason="audit", audit_share=1.0)
    plan = make(catalogue)

    assert plan.figures["human_left_alone"] == len(ids)
    assert [catalogue.sql(TAG, id=image) for image in ids] == before
    assert catalogue.value("SELECT count(*) FROM tag_event") == trail
    for reviewer in (amina, juma, a_reviewer(catalogue, "neema")):
        assert claim(catalogue, reviewer) is None
        assert claim_blind(catalogue, reviewer, doubles=True) is None
    assert catalogue.violations() == []
