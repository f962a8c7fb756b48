"""Walks: a claim reads about as many rows as a screen has, whatever waits, was settled or is looked at besides."""

from __future__ import annotations

from typing import Any

import pytest
from sqlalchemy import event, text

from db.review import screens
from db.review.decisions import Reviewer
from db.review.filters import Filters, Place
from db.session import engine_of
from tests.db.catalogues import Catalogue
from tests.db.costs import nodes
from tests.db.review.reviewing import a_reviewer, claim, decide, flagged, given

MANY, LIMIT = 1500, 3
ADD = (
    "INSERT INTO source_object (id, bucket, key, version_token, size, last_modified, first_seen)"
    " SELECT 1000 + n, 'photos', 'more/' || lpad(n::text, 6, '0'), 'v1', 1, now(), now() FROM generate_series(1, :n) n"
)
TAG = (
    "INSERT INTO image_tag (object_id, category, confidence, needs_review, review_reason, source, version, tagged_at)"
    " SELECT id, 'Shirt', 1000 + id % 500, true, 'unlike_training', 'model', 1, now() - interval '30 days'"
    " FROM source_object WHERE key LIKE 'more/%'"
)
DAY_OF_WORK = (
    "INSERT INTO decision (key, user_id, object_id, outcome, category, how, drawn, decided_at)"
    " SELECT 'd' || id, :user, id, 'category', 'Shirt', 'single', 'flag', now()"
    " FROM source_object WHERE key LIKE 'more/%'"
)


def filled(catalogue: Catalogue) -> list[int]:
    """Let three images wait behind many less certain ones that are older and of another reason."""
    ids = flagged(catalogue, "a", "b", "c")
    with catalogue.sessions.begin() as session:
        session.execute(text(ADD), {"n": MANY})
        session.execute(text(TAG))
        session.execute(text("ANALYZE"))
    return ids


def rows_read(catalogue: Catalogue, reviewer: Reviewer, filters: Filters) -> tuple[list[int], float]:
    """Claim a screen; return its images, and how many rows the walks of its statement read."""
    sent: list[tuple[str, Any]] = []
    note = lambda *seen: sent.append(seen[2:4])  # noqa: E731 -- as SQLAlchemy calls it
    event.listen(engine_of(catalogue.sessions), "before_cursor_execute", note)
    with catalogue.sessions() as session:
        screen = screens.claim(session, reviewer.id, filters, limit=LIMIT, mode="single")
        session.rollback()
    event.remove(engine_of(catalogue.sessions), "before_cursor_execute", note)
    (claiming,) = [seen for seen in sent if "INTO review_claim" in seen[0]]
    with catalogue.sessions() as session:
        explained = session.connection().exec_driver_sql(f"EXPLAIN (ANALYZE, FORMAT JSON) {claiming[0]}", claiming[1])
        read = sum(_read(node) for node in nodes(explained.scalar_one()[0]["Plan"]))
        session.rollback()
    return [item.object_id for item in screen.items] if screen else [], read


def test_each_view_is_a_walk_of_an_index_of_its_own(postgres_catalogue: Catalogue) -> None:
    ids = filled(postgres_catalogue)
    amina = a_reviewer(postgres_catalogue)

    for filters in (
        Filters(reason="low_confidence"),
        Filters(age="day"),
        Filters(prefix="more/"),
        Filters(age="older"),
    ):
        found, read = rows_read(postgres_catalogue, amina, filters)

        assert len(found) == LIMIT
        assert (found == ids) == (filters in (Filters(reason="low_confidence"), Filters(age="day")))
        assert read < MANY / 10, filters


def test_a_day_of_work_is_not_read_for_each_image_though_no_statistics_tell_of_it(
    postgres_catalogue: Catalogue,
) -> None:
    filled(postgres_catalogue)
    amina = a_reviewer(postgres_catalogue)
    with postgres_catalogue.sessions.begin() as session:
        session.execute(text(DAY_OF_WORK), {"user": amina.id})

    found, read = rows_read(postgres_catalogue, amina, Filters())

    assert len(found) == LIMIT
    assert read < MANY / 10


@pytest.mark.parametrize("filters", [Filters(), Filters(prefix=""), Filters(unflagged=True)], ids=str)
def test_what_lies_before_a_front_comes_last(catalogue: Catalogue, filters: Filters) -> None:
    ids = flagged(catalogue, *"abcdef")
    front, juma = Place(5002, ids[2], "c"), a_reviewer(catalogue, "juma")
    reviewers = [a_reviewer(catalogue, name) for name in ("amina", "baraka")]

    with catalogue.sessions.begin() as session:
        looked_at = screens.peek(session, juma.id, filters, 4, front=front)
        first, second = (
            screens.claim(session, reviewer.id, filters, limit=3, mode="single", front=front) for reviewer in reviewers
        )

    assert [item.object_id for item in looked_at] == ids[2:]
    assert [[item.object_id for item in screen.items] for screen in (first, second) if screen] == [
        ids[2:5],
        [ids[0], ids[1], ids[5]],
    ]


def test_the_front_of_a_screen_is_its_first_image_in_the_order_of_the_walk(catalogue: Catalogue) -> None:
    ids = flagged(catalogue, "a", "b", start=6000)
    sure = flagged(catalogue, "z", start=9000)
    less = flagged(catalogue, "zz", start=4000)
    decide(catalogue, a_reviewer(catalogue, "juma"), given(less[0]))
    screen = claim(catalogue, a_reviewer(catalogue))
    assert screen is not None

    assert [item.object_id for item in screen.items] == [*ids, *sure]
    for walked in (Filters(), Filters(unflagged=True), Filters(prefix="")):
        assert walked.front(screen.items[::-1]) == Place(6000, ids[0], "a")
    for other in (Filters(age="day"), Filters(plan="P-1"), Filters(run=1, unflagged=True)):
        assert other.front(screen.items) is None
    assert Filters().front([]) is None


def _read(node: dict[str, Any]) -> float:
    removed = node.get("Rows Removed by Join Filter", 0) + node.get("Rows Removed by Filter", 0)
    return float((removed + node["Actual Rows"]) * node["Actual Loops"])
