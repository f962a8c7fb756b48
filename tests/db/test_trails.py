"""`verify` follows the trail of each tag, event by event: none is there twice, and each begins where the last ended."""

from __future__ import annotations

from json import dumps

import pytest

from tests.db.catalogues import Catalogue, an_image_tagged

TWICE = (
    "INSERT INTO tag_event (object_id, seq, old, new, actor, why, at)"
    " SELECT object_id, seq + 1, old, new, actor, why, at FROM tag_event e"
    " WHERE seq = (SELECT version FROM image_tag t WHERE t.object_id = e.object_id)"
)


@pytest.fixture
def tagged(catalogue: Catalogue) -> Catalogue:
    """One image that a model tagged, and one that a person decided then."""
    an_image_tagged(catalogue, "by a model")
    catalogue.decide(an_image_tagged(catalogue, "by a person"), "Coat")
    assert catalogue.violations() == []
    return catalogue


def broken(catalogue: Catalogue) -> set[tuple[str, str, int]]:
    return {(violation.invariant, violation.table, violation.row_id) for violation in catalogue.violations()}


@pytest.mark.parametrize("counted", [False, True])
def test_an_event_that_was_written_twice_is_reported_though_its_tag_is_right(tagged: Catalogue, counted: bool) -> None:
    tagged.sql(TWICE)
    if counted:
        tagged.sql("UPDATE image_tag SET version = version + 1")

    doubled = tagged.sql("SELECT max(id) FROM tag_event GROUP BY object_id")
    assert broken(tagged) == {("I7", "tag_event", event_id) for (event_id,) in doubled}


@pytest.mark.parametrize("field", ["confidence", "needs_review", "review_reason", "model_version_id"])
def test_an_event_that_does_not_begin_where_the_last_one_ended_is_reported(tagged: Catalogue, field: str) -> None:
    first, last = (row[0] for row in tagged.sql("SELECT id FROM tag_event WHERE object_id = 2 ORDER BY seq"))
    (new,) = tagged.sql("SELECT new FROM tag_event WHERE id = :id", id=first)[0]
    changed = (new if isinstance(new, str) else dumps(new)).replace(f'"{field}": ', f'"{field}": "7", "was": ')

    tagged.sql("UPDATE tag_event SET new = :new WHERE id = :id", new=changed, id=first)

    assert broken(tagged) == {("I7", "tag_event", last)}
