"""Change sweeps: what a plan would change, or a run or a category holds, is looked at, needs it review or not."""

from __future__ import annotations

from db.operations import plan_changes, plans
from db.operations.plan_changes import Change
from db.operations.selection import Selection
from db.review.filters import Filters
from db.schema import ModelVersion
from tests.db.catalogues import Catalogue, reprocess
from tests.db.review.reviewing import a_reviewer, claimed, decide, flagged, given


def certain(catalogue: Catalogue, *keys: str, category: str = "Shirt") -> list[int]:
    catalogue.items(*keys)
    items = sorted(catalogue.claim(), key=lambda item: item.key)
    catalogue.record(items, category)
    return [item.object_id for item in items]


def a_plan(catalogue: Catalogue, *changes: Change) -> str:
    with catalogue.sessions.begin() as session:
        model = session.get_one(ModelVersion, catalogue.model_id)
        plan = plans.begin(session, Selection(everything=True), model, requested_by="amina", newest_first=False)
        plan_changes.note(session, plan.id, changes)
        return plan.code


def test_what_a_plan_would_change_is_claimed_by_what_it_becomes(catalogue: Catalogue) -> None:
    one, two, three = certain(catalogue, "a", "b", "c")
    changes = [
        Change(one, "Shirt", "Dress", 9000),
        Change(two, "Shirt", "Coat", 8000),
        Change(three, "Shirt", "Dress", 7000),
    ]
    code = a_plan(catalogue, *changes)
    amina = a_reviewer(catalogue)

    assert set(claimed(catalogue, amina, Filters(plan=code, category="Coat"))) == {two}
    assert set(claimed(catalogue, amina, Filters(plan=code))) == {one, three}
    assert claimed(catalogue, amina, Filters(plan="P-none")) == []
    with catalogue.sessions() as session:
        assert plan_changes.of(session, code, [one, 999]) == {one: changes[0]}


def test_what_was_decided_or_tagged_anew_since_a_comparison_is_not_shown(catalogue: Catalogue) -> None:
    one, two, three = certain(catalogue, "a", "b", "c")
    code = a_plan(catalogue, *(Change(object_id, "Shirt", "Dress", 9000) for object_id in (one, two, three)))
    catalogue.decide(one, "Shirt")
    reprocess(catalogue, two, "Coat")

    assert claimed(catalogue, a_reviewer(catalogue), Filters(plan=code)) == [three]


def test_a_comparison_made_again_replaces_what_it_said_before(catalogue: Catalogue) -> None:
    (one,) = certain(catalogue, "a")
    code = a_plan(catalogue, Change(one, "Shirt", "Dress", 9000))
    with catalogue.sessions.begin() as session:
        plan_changes.note(session, plans_id(catalogue), [Change(one, "Shirt", "Coat", 5000)])

    with catalogue.sessions() as session:
        assert plan_changes.of(session, code, [one])[one].becomes == "Coat"


def test_a_night_is_signed_off_by_category_with_what_needs_no_review(catalogue: Catalogue) -> None:
    sure = certain(catalogue, "a", "b")
    unsure = flagged(catalogue, "c")
    certain(catalogue, "d", category="Bag")
    amina = a_reviewer(catalogue)
    night = Filters(run=catalogue.run_id, category="Shirt", unflagged=True)

    ids = claimed(catalogue, amina, night)
    decide(catalogue, amina, *(given(object_id, "Shirt") for object_id in ids))

    assert set(ids) == {*sure, *unsure}
    assert catalogue.value("SELECT count(*) FROM image_tag WHERE source = 'human'") == 3
    assert claimed(catalogue, a_reviewer(catalogue, "juma"), night) == []


def test_a_category_is_looked_through_without_what_people_decided(catalogue: Catalogue) -> None:
    one, two = certain(catalogue, "a", "b")
    catalogue.decide(one, "Shirt")

    assert claimed(catalogue, a_reviewer(catalogue), Filters(category="Shirt", unflagged=True)) == [two]


def plans_id(catalogue: Catalogue) -> int:
    return int(catalogue.value("SELECT id FROM plan"))
