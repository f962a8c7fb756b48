"""Figures of the review's queue and of models, on both databases."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from db.reporting import models, overview, review_queue
from db.session import reading
from tests.db.catalogues import LONG_AGO, Catalogue


def test_the_pace_is_of_the_last_day_and_leaves_out_what_was_skipped_or_undone(catalogue: Catalogue) -> None:
    catalogue.sql("INSERT INTO \"user\" (id, name, role, created_at) VALUES (1, 'amina', 'reviewer', :at)", at=LONG_AGO)
    (image,) = catalogue.images("a.jpg")
    current = datetime.now(UTC)
    for key, hours, outcome, undone in (
        ("a", 1, "category", None),
        ("b", 2, "not_ours", None),
        ("c", 30, "category", None),
        ("d", 1, "skip", None),
        ("e", 1, "category", current),
    ):
        catalogue.sql(
            "INSERT INTO decision (key, user_id, object_id, outcome, how, drawn, decided_at, undone_at)"
            " VALUES (:key, 1, :image, :outcome, 'single', 'flag', :at, :undone)",
            **{"key": key, "image": image, "outcome": outcome, "at": current - timedelta(hours=hours)},
            undone=undone,
        )

    with reading(catalogue.sessions) as session:
        pace = review_queue.pace(session)

    assert (pace.last_day, round(pace.per_hour * 24)) == (2, 2)


def test_the_oldest_that_waits_and_the_work_of_models_are_known(catalogue: Catalogue) -> None:
    catalogue.items("a.jpg", "b.jpg")
    catalogue.record(catalogue.claim(1), needs_review=True, review_reason="low_confidence")
    catalogue.record(catalogue.claim(1))
    catalogue.sql("UPDATE image_tag SET tagged_at = :at WHERE needs_review", at=LONG_AGO)

    with reading(catalogue.sessions) as session:
        oldest, (used,) = review_queue.oldest(session), models.uses(session)
        scans, nights = (overview.list_runs(session, 5, kind) for kind in ("scan", "nightly"))

    assert oldest == LONG_AGO
    assert (used.classified, used.flagged, used.promoted) == (2, 1, False)
    assert ([run["kind"] for run in scans], nights) == (["scan"], [])
