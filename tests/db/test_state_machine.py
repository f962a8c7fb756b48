"""Anything in any order: scans, claims, crashes, zombies, people, operators. The invariants hold after every step.

Every run takes the same walks, as CI does; RANDOMIZE=1 takes new ones and shortens one that fails; WALKS=500: more.
"""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import Bundle as Rules
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    multiple,
    rule,
    run_state_machine_as_test,
)
from sqlalchemy import Engine

from db import queue, runs, tags, throttle
from db.queue import ClaimedItem
from db.schema import ModelVersion
from db.session import connect, sessions_of
from scheduler import discovery
from scheduler.discovery import ScanRequest
from tests.db.catalogues import BUCKET, LONG_AGO, Catalogue, a_catalogue
from tests.scheduler.memory_store import Shelf
from worker.storage.store import StoreUnavailable

KEYS = st.sampled_from(["A", "a", "é", "👗"])


class Tagging(RuleBasedStateMachine):
    """`claims` are in the hands of workers, some long dead; what the walk itself knows is kept beside the tables."""

    migrated: Path
    claims = Rules("claims")

    def __init__(self) -> None:
        super().__init__()
        self.folder = Path(tempfile.mkdtemp(prefix="tagger-walk-"))
        shutil.copy(self.migrated, self.folder / "catalogue.db")
        self.engine: Engine = connect(f"sqlite:///{self.folder / 'catalogue.db'}")
        self.shelf = Shelf()
        self.scans = 0
        self.fences: dict[int, int] = {}
        self.decisions: dict[int, str] = {}
        self.events: dict[int, tuple[Any, ...]] = {}
        self.results: set[int] = set()

    @initialize()
    def begin(self) -> None:
        self.catalogue: Catalogue = a_catalogue(sessions_of(self.engine))
        self.sql(
            "UPDATE run SET state = 'finished', counts = :none", none='{"tagged": 0, "skipped": 0, "quarantined": 0}'
        )
        self.shelf.put("A", "a", "é", "👗")
        self.scan(cut_after=None, limit=None)

    # The store and its scans

    @rule(key=KEYS, token=st.sampled_from(["v1", "v2", None]))
    def change(self, key: str, token: str | None) -> None:
        """An image is new, overwritten, restored or removed, and no scan has seen it yet."""
        if token is None:
            self.shelf.tokens.pop(key, None)
        else:
            self.shelf.put(key, token=token)

    @rule(key=KEYS, token=st.sampled_from(["v1", "v2", None]))
    def change_and_scan(self, key: str, token: str | None) -> None:
        self.change(key, token)
        self.scan(cut_after=None, limit=None)

    @rule(cut_after=st.none() | st.integers(0, 2), limit=st.none() | st.integers(1, 2))
    def scan(self, cut_after: int | None, limit: int | None) -> None:
        """As `tagger run` does: go on with the unfinished run, or open one."""
        self.shelf.fails_after = cut_after
        run_id = self.run_to_scan(limit)
        with suppress(StoreUnavailable):
            request = ScanRequest(limit=limit, allow_mass_removal=True)
            discovery.scan(self.catalogue.sessions, self.shelf, run_id, request)
            if limit is None and self.shelf.listed_from[-1] == "":
                self.the_catalogue_is_the_shelf()

    def the_catalogue_is_the_shelf(self) -> None:
        """After a listing from its beginning to its end."""
        there = dict(self.sql("SELECT key, version_token FROM source_object WHERE gone_at IS NULL"))
        assert there == self.shelf.tokens
        assert (
            self.sql(
                "SELECT w.id FROM work_item w JOIN source_object o ON o.id = w.object_id"
                " WHERE w.state IN ('pending', 'leased') AND "
                " (o.gone_at IS NOT NULL OR w.version_token != o.version_token)"
            )
            == []
        )

    def run_to_scan(self, limit: int | None) -> int:
        selection = {"source": BUCKET, "limit": limit}
        model_id = self.catalogue.model_id
        with self.catalogue.sessions.begin() as session:
            run = runs.unfinished(session, kind="scan", selection=selection, model_version_id=model_id)
            if run is None:
                self.scans += 1
                run, _ = runs.open_run(
                    session,
                    logical_key=f"scan:walk:{self.scans}",
                    kind="scan",
                    selection=selection,
                    model=session.get_one(ModelVersion, model_id),
                    requested_by="person:amina",
                )
            runs.begin_scan(session, run)
            return run.id

    # Workers

    @rule(target=claims, limit=st.integers(1, 4))
    def claim(self, limit: int) -> Any:
        with self.catalogue.sessions.begin() as session:
            if queue.next_model(session, "nightly") is None:
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

    @rule(items=claims, part=st.integers(1, 4), lasting=st.booleans())
    def fail(self, items: list[ClaimedItem], part: int, lasting: bool) -> None:
        items = items[:part]
        ours = self.held(items)
        end = queue.skip if lasting else queue.retry
        with self.catalogue.sessions.begin() as session:
            ended = {item.id for item in items if end(session, item, "corrupt" if lasting else "internal", "")}
        assert ended == ours

    @rule(items=claims)
    def renew_then_release(self, items: list[ClaimedItem]) -> None:
        ours = self.held(items)
        with self.catalogue.sessions.begin() as session:
            assert queue.renew(session, items) == ours
            assert queue.release(session, items) == len(ours)

    def crash(self, items: list[ClaimedItem]) -> None:
        if ours := self.held(items):
            self.catalogue.let_leases_end([item for item in items if item.id in ours])

    @rule(target=claims, items=claims)
    def take_over(self, items: list[ClaimedItem]) -> Any:
        """The lease ends and somebody else has the work, while the first may still come back."""
        self.crash(items)
        return self.claim(4)

    @rule(outage=st.sampled_from([False, False, False, True]))
    def time_passes(self, outage: bool) -> None:
        """Back-offs and throttles end; sometimes another outage begins, and holds everybody."""
        self.catalogue.let_backoffs_end()
        self.sql("UPDATE throttle SET until = :then", then=LONG_AGO)
        with self.catalogue.sessions.begin() as session:
            if outage:
                assert 0 < throttle.throttle_all(session, "503") <= 300
                assert queue.next_model(session, "nightly") is None
            else:
                throttle.outage_over(session)

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

    def sql(self, statement: str, **parameters: Any) -> Any:
        return self.catalogue.sql(statement, **parameters)

    def held(self, items: list[ClaimedItem]) -> set[int]:
        """Which of these are leased, and were last claimed by this very claim: by the walk's own book of fences."""
        leased = {row[0] for row in self.sql("SELECT id FROM work_item WHERE state = 'leased'")}
        return {item.id for item in items if item.id in leased and self.fences[item.id] == item.fence}


@pytest.fixture
def walking(migrated_sqlite: Path) -> Iterator[type[Tagging]]:
    Tagging.migrated = migrated_sqlite
    yield Tagging
    del Tagging.migrated


def test_no_order_of_events_breaks_an_invariant_or_leaves_work_undone(walking: type[Tagging]) -> None:
    at_random = "RANDOMIZE" in os.environ

    run_state_machine_as_test(
        walking,
        settings=settings(
            max_examples=int(os.environ.get("WALKS", "16")),
            stateful_step_count=40,
            derandomize=not at_random,
            phases=list(Phase) if at_random else [Phase.generate],  # making a failing walk shorter takes minutes
            database=None,
            deadline=None,
            suppress_health_check=list(HealthCheck),
        ),
    )
