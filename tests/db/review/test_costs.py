"""What a screen and a batch of decisions cost: few statements, as many for one image as for all of a screen."""

from __future__ import annotations

from typing import Any

from sqlalchemy import event, select, text

from db import tags
from db.review.filters import Filters
from db.review.truth import sittings
from db.session import engine_of, sql_now
from tests.db.catalogues import Catalogue
from tests.db.costs import counted, nodes
from tests.db.review.reviewing import a_reviewer, claim, decide, flagged, given

OF_CLAIM = 3
"""The screen, its images' claims, and what is shown of them."""
OF_BATCH = {"postgresql": 6, "sqlite": 9}
"""The lock, the screen, the tags, known decisions, the session, and one statement for all that is written, or four."""


HELD = 1500
FILL = (
    "INSERT INTO source_object (id, bucket, key, version_token, size, last_modified, first_seen)"
    " SELECT 1000 + n, 'photos', 'held/' || n, 'v1', 1, now(), now() FROM generate_series(1, :many) n",
    "INSERT INTO image_tag (object_id, category, confidence, needs_review, source, version, tagged_at)"
    " SELECT id, 'Shirt', 1, true, 'model', 1, now() FROM source_object WHERE key LIKE 'held/%'",
    "INSERT INTO review_claim (object_id, screen_id, expires_at) SELECT id, (SELECT max(id) FROM review_screen),"
    " now() - interval '1 hour' FROM source_object WHERE key LIKE 'held/%'",
    "ANALYZE",
    "UPDATE review_claim SET expires_at = now() + interval '1 hour'",
)


def test_a_screen_of_any_size_is_claimed_by_three_statements(catalogue: Catalogue) -> None:
    flagged(catalogue, *"abcdefgh")
    amina = a_reviewer(catalogue)

    for limit in (1, 7):
        with counted(catalogue) as sent:
            screen = claim(catalogue, amina, Filters(category="Shirt"), limit=limit)

        assert screen is not None
        assert len(screen.items) == limit
        assert len(sent) <= OF_CLAIM, sent


def test_a_batch_of_any_size_is_recorded_by_the_same_few_statements(catalogue: Catalogue) -> None:
    ids = flagged(catalogue, *"abcdefgh")
    amina = a_reviewer(catalogue)
    decide(catalogue, amina, given(ids[0], key="first"))  # begins a session of reviewing
    screen = claim(catalogue, amina)
    assert screen is not None
    batches = [[given(id, screen_id=screen.id, how="single") for id in some] for some in (ids[1:2], ids[2:])]

    for batch in batches:
        with counted(catalogue) as sent:
            recorded = decide(catalogue, amina, *batch)

        assert len(recorded.recorded) == len(batch)
        assert len(sent) <= OF_BATCH[engine_of(catalogue.sessions).dialect.name], sent


def test_figures_of_any_number_of_sessions_are_counted_together(catalogue: Catalogue) -> None:
    ids = flagged(catalogue, *"abc")
    people = [a_reviewer(catalogue, name) for name in ("amina", "juma", "zawadi")]
    for person, id in zip(people[:2], ids, strict=False):
        decide(catalogue, person, given(id, "Dress"))
    decide(catalogue, people[2], given(ids[2], None, outcome="skip"))

    with catalogue.sessions() as session, counted(catalogue) as sent:
        sessions = [sittings.last_of(session, person.id) for person in people]
        sent.clear()
        figures = sittings.figures_of(session, [one for one in sessions if one])

    assert [(one["decisions"], one["corrections"], one["undone"]) for one in figures] == [
        (1, 1, 0),
        (1, 1, 0),
        (0, 0, 0),
    ]
    assert len(sent) == 1


def test_a_statement_that_is_kept_tells_the_time_at_which_it_runs(catalogue: Catalogue) -> None:
    with catalogue.sessions() as session:
        clock = select(sql_now(session))
        first = session.execute(clock).scalar_one()

    with catalogue.sessions() as session:
        assert session.execute(clock).scalar_one() > first


def test_rows_that_are_written_together_keep_every_character(catalogue: Catalogue) -> None:
    categories = ['"', "\\", "%(x)s :y", "'; --", "👗 é", "null"]
    ids = flagged(catalogue, *"abcdef")

    decide(catalogue, a_reviewer(catalogue), *[given(*each) for each in zip(ids, categories, strict=True)])

    with catalogue.sessions() as session:
        found = tags.tags_of(session, ids)
    assert [found[id].category for id in ids] == categories
    events = catalogue.sql("SELECT old, new FROM tag_event WHERE seq = 2 ORDER BY object_id")
    assert len(events) == len(ids)
    assert (
        catalogue.value("SELECT count(*) FROM image_tag WHERE review_reason IS NULL AND model_version_id IS NULL") == 6
    )


def test_an_image_that_others_hold_is_passed_over_without_a_look_at_all_claims(postgres_catalogue: Catalogue) -> None:
    flagged(postgres_catalogue, *"abcdef")
    assert claim(postgres_catalogue, a_reviewer(postgres_catalogue, "juma"), limit=1)
    with postgres_catalogue.sessions.begin() as session:
        for statement in FILL:
            session.execute(text(statement), {"many": HELD} if ":many" in statement else {})

    sent: list[tuple[str, Any]] = []
    note = lambda *given: sent.append(given[2:4])  # noqa: E731 -- as SQLAlchemy calls it
    event.listen(engine_of(postgres_catalogue.sessions), "before_cursor_execute", note)
    assert claim(postgres_catalogue, a_reviewer(postgres_catalogue), limit=3)
    event.remove(engine_of(postgres_catalogue.sessions), "before_cursor_execute", note)

    (picking,) = [given for given in sent if "INTO review_claim" in given[0]]
    with postgres_catalogue.sessions() as session:
        explained = session.connection().exec_driver_sql(f"EXPLAIN (ANALYZE, FORMAT JSON) {picking[0]}", picking[1])
        compared = sum(_removed(node) for node in nodes(explained.scalar_one()[0]["Plan"]))
    assert compared < 10 * HELD


def _removed(node: dict[str, Any]) -> float:
    removed = node.get("Rows Removed by Join Filter", 0) + node.get("Rows Removed by Filter", 0)
    return float(removed * node["Actual Loops"])
