"""Old rows go that nothing needs; the last results, what people decided and what undoing needs stay."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import select

from db import runs
from db.operations import control, plan_changes, retention
from db.queue.retries import ONCE_A_NIGHT, SETTLED, work_on
from db.schema import Run, SourceObject
from tests.db.catalogues import LONG_AGO, Catalogue, an_image_tagged, ask
from tests.db.operations.planning import AMINA, make, open_plan, work_off
from worker.operations import undo


def remove(catalogue: Catalogue, before: datetime | None = None) -> dict[str, int]:
    """Take a whole pass over what is older than a month; returns what it removed, without zeros."""
    removed = dict.fromkeys(retention.STEPS, 0)
    for name, step in retention.STEPS.items():
        after: int | None = 0
        while after is not None:
            done: Any = ask(catalogue, step, before or datetime.now(UTC) - timedelta(days=30), after)
            removed[name], after = removed[name] + done.rows, done.after
    return {name: rows for name, rows in removed.items() if rows}


def age(catalogue: Catalogue) -> None:
    """Let all that has happened so far have happened long ago."""
    for table, columns in {
        "work_item": ("eligible_at",),
        "classification": ("created_at",),
        "tag_event": ("at",),
        "plan": ("created_at",),
        "run": ("created_at", "finished_at"),
    }.items():
        catalogue.sql(f"UPDATE {table} SET {', '.join(f'{column} = :then' for column in columns)}", then=LONG_AGO)


def reprocessed(catalogue: Catalogue, category: str, *, version: str = "1") -> Run:
    run = open_plan(catalogue, make(catalogue, version=version))
    work_off(Catalogue(catalogue.sessions, run.model_version_id, catalogue.run_id), run, category)
    ask(catalogue, runs.close_finished)
    return run


def tagged_again(catalogue: Catalogue, *keys: str) -> list[int]:
    """Tag images, and twice again, all long ago."""
    ids = [an_image_tagged(catalogue, key, "Bag") for key in keys]
    reprocessed(catalogue, "Coat")
    reprocessed(catalogue, "Dress")
    age(catalogue)
    return ids


def test_results_with_a_newer_one_go_and_the_last_stays(catalogue: Catalogue) -> None:
    tagged_again(catalogue, "a", "b")
    before = [dict(row._mapping) for row in catalogue.sql("SELECT id, counts FROM run ORDER BY id")]

    removed = remove(catalogue)

    assert removed == {"items": 4, "events": 4, "plan_images": 6}
    assert [row[0] for row in catalogue.sql("SELECT category FROM classification")] == ["Dress", "Dress"]
    assert catalogue.violations() == []
    for row in before:
        run: Any = ask(catalogue, control.find, str(row["id"]))
        assert ask(catalogue, runs.work_counts, run.id)["tagged"] == 2  # type: ignore[index]
        assert run.state == "finished"
    assert remove(catalogue) == {}


@pytest.mark.parametrize("in_use", [True, False])
def test_an_image_stays_settled_for_each_model_that_is_in_use(catalogue: Catalogue, *, in_use: bool) -> None:
    tagged_again(catalogue, "a")
    reprocessed(catalogue, "Shirt", version="2")
    if in_use:
        catalogue.another_run("scan:tonight")

    remove(catalogue)

    work = select(work_on_model(catalogue)).select_from(SourceObject)
    assert (ask(catalogue, lambda session: session.execute(work).scalar_one()) == SETTLED) is in_use
    assert catalogue.violations() == []


def work_on_model(catalogue: Catalogue) -> Any:
    with catalogue.sessions() as session:
        return work_on(session, catalogue.model_id, ONCE_A_NIGHT)


def test_nothing_young_goes_and_nothing_of_a_run_that_goes_on(catalogue: Catalogue) -> None:
    an_image_tagged(catalogue, "a", "Bag")
    reprocessed(catalogue, "Coat")
    young = remove(catalogue)
    age(catalogue)
    catalogue.sql("UPDATE run SET state = 'paused'")

    assert young == {}
    assert remove(catalogue).get("items") is None


def test_what_people_decided_stays_with_all_that_followed_and_what_the_model_had_said(catalogue: Catalogue) -> None:
    decided, left = [an_image_tagged(catalogue, key, "Bag") for key in ("decided", "left")]
    reprocessed(catalogue, "Coat")
    catalogue.decide(decided, "Shirt")
    catalogue.decide(decided, "Dress", person="ben")
    reprocessed(catalogue, "Pullover")
    age(catalogue)

    remove(catalogue)

    trail = "SELECT actor FROM tag_event WHERE object_id = :id ORDER BY seq"
    assert [row[0] for row in catalogue.sql(trail, id=decided)][-2:] == ["person:amina", "person:ben"]
    assert len(catalogue.sql(trail, id=left)) == 1
    assert catalogue.violations() == []


def test_a_young_run_is_undone_however_old_the_value_before_it_is(catalogue: Catalogue) -> None:
    tagged_again(catalogue, "a")
    run = reprocessed(catalogue, "Shirt")
    remove(catalogue)

    done = undo.undo(catalogue.sessions, reread(catalogue, run), actor=AMINA, why="")

    assert done.counts["restored"] == 1
    assert catalogue.value("SELECT category FROM image_tag") == "Dress"
    age(catalogue)
    remove(catalogue)
    again = undo.undo(catalogue.sessions, reread(catalogue, done), actor=AMINA, why="")
    assert (again.counts["restored"], catalogue.value("SELECT category FROM image_tag")) == (1, "Shirt")
    assert catalogue.violations() == []


def test_a_value_that_is_no_longer_known_is_not_restored_and_its_tag_is_left(catalogue: Catalogue) -> None:
    an_image_tagged(catalogue, "a", "Bag")
    run = reprocessed(catalogue, "Coat")
    age(catalogue)
    remove(catalogue)

    done = undo.undo(catalogue.sessions, reread(catalogue, run), actor=AMINA, why="")

    assert (done.counts["restored"], done.counts["left_changed"]) == (0, 1)
    assert catalogue.value("SELECT category FROM image_tag") == "Coat"


def test_a_beginning_of_a_trail_that_is_lost_otherwise_is_still_named(catalogue: Catalogue) -> None:
    tagged_again(catalogue, "old")
    remove(catalogue)
    catalogue.sql("UPDATE run SET state = 'running' WHERE id = :id", id=catalogue.run_id)
    young = an_image_tagged(catalogue, "young", "Bag")
    reprocessed(catalogue, "Trouser")

    catalogue.sql("DELETE FROM tag_event WHERE object_id = :id AND seq = 1", id=young)

    assert [violation.invariant for violation in catalogue.violations()] == ["I7"]


def test_a_plan_that_is_still_being_opened_stays(catalogue: Catalogue, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(retention, "STEP", 1)
    catalogue.images("a", "b")
    opening, other = make(catalogue), make(catalogue)
    run = open_plan(catalogue, opening)
    catalogue.sql("UPDATE run SET state = 'scanning' WHERE id = :id", id=run.id)
    age(catalogue)

    assert remove(catalogue) == {"plan_images": 3}
    assert [row[0] for row in catalogue.sql("SELECT code FROM plan")] == [opening.code] != [other.code]


def test_what_a_plan_would_have_changed_goes_with_it(catalogue: Catalogue, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(retention, "STEP", 1)
    changes = [plan_changes.Change(image, "Shirt", "Coat", 9000) for image in catalogue.images("a", "b")]
    ask(catalogue, plan_changes.note, make(catalogue).id, changes)
    age(catalogue)

    assert remove(catalogue) == {"plan_images": 5}
    assert catalogue.sql("SELECT 1 FROM plan_change") == []


def test_screens_that_left_no_trace_and_ways_in_that_are_closed_go(catalogue: Catalogue) -> None:
    user = "INSERT INTO \"user\" (id, name, role, created_at) VALUES (1, 'amina', 'reviewer', :then)"
    catalogue.sql(user, then=LONG_AGO)
    image = catalogue.images("a")[0]
    for screen in (1, 2):
        catalogue.sql(
            "INSERT INTO review_screen (id, user_id, mode, filters, created_at, expires_at)"
            " VALUES (:id, 1, 'single', '{}', :then, :then)",
            id=screen,
            then=LONG_AGO,
        )
    claim = "INSERT INTO review_claim (object_id, screen_id, expires_at) VALUES (:image, 2, :then)"
    catalogue.sql(claim, image=image, then=LONG_AGO)
    session = "INSERT INTO user_session (user_id, purpose, token_hash, created_at, expires_at, agent) VALUES"
    catalogue.sql(f"{session} (1, 'login', 'x', :then, :then, '')", then=LONG_AGO)

    assert remove(catalogue) == {"leftovers": 2}
    assert catalogue.value("SELECT id FROM review_screen") == 2


def reread(catalogue: Catalogue, run: Run) -> Run:
    found = ask(catalogue, control.find, str(run.id))
    assert isinstance(found, Run)
    return found
