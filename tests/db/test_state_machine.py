"""Anything in any order: scans, claims, crashes, zombies, people, operators. The invariants hold after every step.

Every run takes the same walks, as CI does; RANDOMIZE=1 takes new ones and shortens one that fails; WALKS=500: more.
"""

from __future__ import annotations

import os
import shutil
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, Phase, seed, settings, strategies as st
from hypothesis.stateful import Bundle as Rules, invariant, multiple, rule, run_state_machine_as_test
from sqlalchemy import Engine

from db import runs, tags
from db.queue import claims, leases, throttle
from db.queue.leases import ClaimedItem
from db.session import connect
from tests.db.catalogues import BUCKET, LONG_AGO, emptied
from tests.db.walks import KEYS, Walk


class Tagging(Walk):
    """`claims` are in the hands of workers, some long dead."""

    claims = Rules("claims")

    # Workers

    @rule(target=claims, limit=st.integers(1, 4))
    def claim(self, limit: int) -> Any:
        with self.catalogue.sessions.begin() as session:
            if claims.next_model(session, "nightly") is None:
                return multiple()
        items = self.catalogue.claim(limit)
        assert len(items) <= limit
        for item in items:
            assert item.fence > self.fences.get(item.id, 0), "the fence must grow"
            self.fences[item.id] = item.fence
            assert self.sql("SELECT state FROM run WHERE id = :id", id=item.run_id)[0][0] not in ("paused", "cancelled")
        return items

    @rule(items=claims, part=st.integers(1, 4))
    def complete(self, items: list[ClaimedItem], part: int = 4) -> None:
        """In time or as a zombie: only what is still held under this very claim counts."""
        items = items[:part]
        ours = self.held(items)
        with self.catalogue.sessions.begin() as session:
            results = [self.result(item) for item in items]
            recorded = tags.record(session, results, model_version_id=self.catalogue.model_id)
        assert recorded == len(ours)
        assert not ours & self.results, "a second result"
        self.results |= ours

    def result(self, item: ClaimedItem) -> tags.Tagged:
        unsure = item.id % 3 == 0
        reason = "low_confidence" if unsure else None
        return tags.Tagged(item, item.version_token, 5000 + 100 * (item.id % 7), [5000, 5000], None, unsure, reason)

    @rule(items=claims, part=st.integers(1, 4), lasting=st.booleans(), outside=st.booleans())
    def fail(self, items: list[ClaimedItem], part: int, lasting: bool, outside: bool) -> None:
        """For a cause within the bytes, or outside of them, which a later scan tries again."""
        items = items[:part]
        ours = self.held(items)
        end, reason = (leases.skip, "corrupt") if lasting else (leases.retry, "internal")
        with self.catalogue.sessions.begin() as session:
            ended = {item.id for item in items if end(session, item, "access_denied" if outside else reason, "")}
        assert ended == ours

    @rule(items=claims)
    def renew_then_release(self, items: list[ClaimedItem]) -> None:
        ours = self.held(items)
        with self.catalogue.sessions.begin() as session:
            assert leases.renew(session, items) == ours
            assert leases.release(session, items) == len(ours)

    def crash(self, items: list[ClaimedItem]) -> None:
        if ours := self.held(items):
            self.catalogue.let_leases_end([item for item in items if item.id in ours])

    @rule()
    def a_process_dies(self) -> None:
        """All claims are of one process; its parent sees it die."""
        held = len(self.sql("SELECT id FROM work_item WHERE state = 'leased'"))
        with self.catalogue.sessions.begin() as session:
            assert leases.end_of(session, "worker:1") == held

    @rule(target=claims, items=claims)
    def take_over(self, items: list[ClaimedItem]) -> Any:
        """Give the work to somebody else after its lease has ended, while the first may still come back."""
        self.crash(items)
        return self.claim(4)

    @rule(outage=st.sampled_from([False, False, False, True]))
    def time_passes(self, outage: bool) -> None:
        """Back-offs and throttles end; sometimes another outage of the one store begins."""
        self.catalogue.let_backoffs_end()
        self.sql("UPDATE throttle SET until = :then", then=LONG_AGO)
        with self.catalogue.sessions.begin() as session:
            if outage:
                assert 0 < throttle.hold(session, BUCKET, "503").pause_s <= 300
                assert claims.next_model(session, "nightly") is None
            else:
                throttle.answered(session, [BUCKET])

    @rule()
    def the_store_is_given_up(self) -> None:
        with self.catalogue.sessions.begin() as session:
            throttle.hold(session, BUCKET, "503")
            throttle.give_up(session, BUCKET, "it stays away")

    # People

    @rule(key=KEYS, category=st.sampled_from(["Coat", "Dress"]))
    def decide(self, key: str, category: str) -> None:
        for (object_id,) in self.sql("SELECT id FROM source_object WHERE key = :key", key=key):
            self.catalogue.decide(object_id, category)
            self.decisions[object_id] = category

    @rule(verb=st.sampled_from(["pause", "resume", "resume", "close", "close", "cancel"]))
    def operate(self, verb: str) -> None:
        """On the newest run, but for resuming and closing, which are for all."""
        with self.catalogue.sessions.begin() as session:
            runs.close_finished(session)
        if verb == "resume":
            self.sql("UPDATE run SET state = 'running' WHERE state = 'paused'")
        newest = self.sql("SELECT id FROM run WHERE state = 'running' ORDER BY id DESC LIMIT 1")
        if newest and verb in ("pause", "cancel"):
            state = {"pause": "paused", "cancel": "cancelled"}[verb]
            self.sql("UPDATE run SET state = :state WHERE id = :id", state=state, id=newest[0][0])
        self.sql(
            "UPDATE work_item SET state = 'cancelled' WHERE state IN ('pending', 'leased')"
            " AND run_id IN (SELECT id FROM run WHERE state = 'cancelled')"
        )

    # What must hold

    @invariant()
    def nothing_is_violated(self) -> None:
        assert self.catalogue.violations() == []

    @invariant()
    def people_are_heard(self) -> None:
        for object_id, category in self.decisions.items():
            tag = self.sql("SELECT category, source FROM image_tag WHERE object_id = :id", id=object_id)
            assert tag == [(category, "human")]

    @invariant()
    def the_trail_is_only_added_to(self) -> None:
        events = {row[0]: tuple(row) for row in self.sql("SELECT id, object_id, seq, old, new, actor FROM tag_event")}
        assert self.events.items() <= events.items()
        self.events = events

    @invariant()
    def every_result_is_there(self) -> None:
        assert {row[0] for row in self.sql("SELECT work_item_id FROM classification")} == self.results

    def teardown(self) -> None:
        """Whatever happened, the work ends, and each image on the shelf shows what a worker said of this version."""
        try:
            if hasattr(self, "catalogue"):
                self.sql("UPDATE run SET state = 'running' WHERE state = 'paused'")
                self.scan(cut_after=None, limit=None)
                self.scan(cut_after=None, limit=None)
                self.work_off()
                self.nothing_is_violated()
                self.all_is_settled()
        finally:
            self.engine.dispose()
            shutil.rmtree(self.folder)

    def work_off(self) -> None:
        """Healthy workers, until nothing is open."""
        for _ in range(200):
            self.time_passes(outage=False)
            self.catalogue.let_leases_end()
            items = self.claim(4)
            if not isinstance(items, list) or not items:
                return
            self.complete(items)
        raise AssertionError("the work does not end")

    def all_is_settled(self) -> None:
        assert self.sql("SELECT id FROM work_item WHERE state IN ('pending', 'leased')") == []
        newest = self.sql(
            "SELECT o.key, o.version_token, w.version_token, w.state, t.category, t.source FROM source_object o"
            " JOIN work_item w ON w.id = (SELECT max(id) FROM work_item WHERE object_id = o.id)"
            " LEFT JOIN image_tag t ON t.object_id = o.id WHERE o.gone_at IS NULL"
        )
        for key, token, worked_on, state, category, source in newest:
            assert worked_on == token, key
            assert state in ("done", "skipped", "quarantined", "cancelled")
            assert state != "done" or source == "human" or category == token, key


@pytest.fixture(params=["sqlite", "postgresql"])
def walking(request: pytest.FixtureRequest) -> type[Tagging]:
    return on_database(Tagging, request, sqlite=16, postgresql=4)


def on_database(machine: type[Tagging], request: pytest.FixtureRequest, **walks: int) -> type[Tagging]:
    """Return so many walks on the database of the request. Those on PostgreSQL are others."""
    number = walks[request.param]
    if request.param == "sqlite":
        migrated: Path = request.getfixturevalue("migrated_sqlite")
        return type("OnSqlite", (machine,), {"open": staticmethod(partial(_copy, migrated)), "walks": number})
    engine: Engine = request.getfixturevalue("migrated_postgres")
    on_postgresql = type("OnPostgresql", (machine,), {"open": staticmethod(lambda _: emptied(engine)), "walks": number})
    return on_postgresql if "RANDOMIZE" in os.environ else seed(18)(on_postgresql)


def _copy(migrated: Path, folder: Path) -> Engine:
    shutil.copy(migrated, folder / "catalogue.db")
    return connect(f"sqlite:///{folder / 'catalogue.db'}")


def test_no_order_of_events_breaks_an_invariant_or_leaves_work_undone(walking: Any) -> None:
    take(walking)


def take(walking: Any) -> None:
    """Take the walks."""
    at_random = "RANDOMIZE" in os.environ
    run_state_machine_as_test(
        walking,
        settings=settings(
            max_examples=int(os.environ.get("WALKS", walking.walks)),
            stateful_step_count=40,
            derandomize=not at_random,
            phases=list(Phase) if at_random else [Phase.generate],  # making a failing walk shorter takes minutes
            database=None,
            deadline=None,
            suppress_health_check=list(HealthCheck),
        ),
    )
