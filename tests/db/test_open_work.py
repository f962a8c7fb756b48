"""Open work of other runs is adopted, superseded or reported, on both databases."""

from __future__ import annotations

from db.queue import open_work
from db.schema import Run
from tests.db.catalogues import BUCKET, Catalogue


def change(catalogue: Catalogue, how: str, run_id: int, *, prefix: str = "", at_most: int = 100) -> int:
    with catalogue.sessions.begin() as session:
        change = open_work.adopt if how == "adopt" else open_work.supersede
        return change(session, session.get_one(Run, run_id), BUCKET, prefix, at_most=at_most)


def waiting(catalogue: Catalogue, but_run: int) -> list[tuple[int, int]]:
    with catalogue.sessions.begin() as session:
        return [(run.run_id, run.images) for run in open_work.waiting(session, but_run=but_run)]


def items_of(catalogue: Catalogue, run_id: int) -> list[str]:
    rows = catalogue.sql(
        "SELECT o.key FROM work_item w JOIN source_object o ON o.id = w.object_id WHERE w.run_id = :run ORDER BY o.key",
        run=run_id,
    )
    return [key for (key,) in rows]


def test_a_run_adopts_what_lies_open_under_its_prefix_and_no_more_than_it_may(catalogue: Catalogue) -> None:
    catalogue.items("a/1", "a/2", "a/3", "b/1")
    mine = catalogue.another_run("scan:2")

    assert change(catalogue, "adopt", mine, prefix="a/", at_most=2) == 2
    assert items_of(catalogue, mine) == ["a/1", "a/2"]
    assert change(catalogue, "adopt", mine, prefix="a/") == 1
    assert items_of(catalogue, catalogue.run_id) == ["b/1"]


def test_what_is_done_paused_or_of_another_bundle_stays_where_it_is(catalogue: Catalogue) -> None:
    catalogue.items("done")
    catalogue.record(catalogue.claim())
    catalogue.items("paused", run_id=catalogue.another_run("scan:2", state="paused"))
    catalogue.items("other", run_id=catalogue.another_run("scan:3", model="another"))

    assert change(catalogue, "adopt", catalogue.another_run("scan:4")) == 0
    assert catalogue.violations() == []


def test_an_adopted_claim_is_recorded_by_whoever_holds_it(catalogue: Catalogue) -> None:
    catalogue.items("a")
    claimed = catalogue.claim()
    mine = catalogue.another_run("scan:2")

    assert change(catalogue, "adopt", mine) == 1
    assert catalogue.record(claimed) == 1
    assert catalogue.violations() == []


def test_only_images_that_have_work_for_the_present_version_wait_no_longer_for_another(catalogue: Catalogue) -> None:
    both, old_only = catalogue.images("both", "old only")
    catalogue.enqueue([both, old_only])
    catalogue.sql(
        "INSERT INTO model_version (name, version, registered_at) SELECT name, '2', registered_at FROM model_version"
    )
    newer = catalogue.another_run("scan:2", model="net")
    catalogue.sql("UPDATE run SET model_version_id = (SELECT max(id) FROM model_version) WHERE id = :id", id=newer)
    catalogue.enqueue([both], run_id=newer)

    assert change(catalogue, "supersede", newer) == 1
    states = catalogue.sql("SELECT o.key, w.state FROM work_item w JOIN source_object o ON o.id = w.object_id")
    assert sorted(states) == [("both", "pending"), ("both", "skipped"), ("old only", "pending")]


def test_runs_that_nobody_works_on_are_reported_with_their_open_images(catalogue: Catalogue) -> None:
    catalogue.items("a", "b")
    mine = catalogue.another_run("scan:2")

    before = waiting(catalogue, but_run=mine)
    claimed = catalogue.claim(1)
    while_leased = waiting(catalogue, but_run=mine)
    catalogue.let_leases_end(claimed)

    assert (before, while_leased, waiting(catalogue, but_run=mine)) == ([(1, 2)], [], [(1, 2)])
    assert waiting(catalogue, but_run=catalogue.run_id) == []
