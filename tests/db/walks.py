"""The ground that a walk of tests/db/test_state_machine.py goes on: a catalogue, a store, and scans of it."""

from __future__ import annotations

import tempfile
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, rule
from sqlalchemy import Engine, update

from db import runs
from db.queue.leases import ClaimedItem
from db.queue.retries import Retries
from db.schema import ModelVersion, Run
from db.session import sessions_of
from scheduler import discovery
from scheduler.scan_requests import ScanRequest
from tests.db.catalogues import BUCKET, Catalogue, a_catalogue
from tests.scheduler.memory_store import Shelf
from worker.storage.store import StoreUnavailable

KEYS = st.sampled_from(["A", "a", "é", "👗"])


class Walk(RuleBasedStateMachine):
    """What the walk itself knows is kept beside the tables."""

    open: Callable[[Path], Engine]
    """Open an empty catalogue, which may lie in this folder."""

    def __init__(self) -> None:
        super().__init__()
        self.folder = Path(tempfile.mkdtemp(prefix="tagger-walk-"))
        self.engine = type(self).open(self.folder)
        self.shelf = Shelf()
        self.scans = 0
        self.fences: dict[int, int] = {}
        self.decisions: dict[int, str] = {}
        self.events: dict[int, tuple[Any, ...]] = {}
        self.results: set[int] = set()

    @initialize()
    def begin(self) -> None:
        self.catalogue: Catalogue = a_catalogue(sessions_of(self.engine))
        with self.catalogue.sessions.begin() as session:
            session.execute(update(Run).values(state="finished", counts={"tagged": 0, "skipped": 0, "quarantined": 0}))
        self.shelf.put("A", "a", "é", "👗")
        self.scan(cut_after=None, limit=None)

    @rule(key=KEYS, token=st.sampled_from(["v1", "v2", None]))
    def change(self, key: str, token: str | None) -> None:
        """Add, overwrite, restore or remove an image, which no scan has seen yet."""
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
        self.shelf.fails_after, self.shelf.listed_from = cut_after, []
        run_id = self.run_to_scan(limit)
        with suppress(StoreUnavailable):
            request = ScanRequest(limit=limit, allow_mass_removal=True, retries=Retries(a_day=3))
            discovery.scan(self.catalogue.sessions, self.shelf, run_id, request)
            if limit is None and self.shelf.listed_from[0] == "":
                self.the_catalogue_is_the_shelf()

    def the_catalogue_is_the_shelf(self) -> None:
        """After a listing from its beginning to its end."""
        known = dict(self.sql("SELECT key, version_token FROM source_object WHERE gone_at IS NULL"))
        assert known == self.shelf.tokens
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

    @rule()
    def fail_the_scan(self) -> None:
        """Fail a scan that was cut, as its source turns out to be wrong; the next scan opens another run."""
        for (run_id,) in self.sql("SELECT id FROM run WHERE state = 'scanning' ORDER BY id DESC LIMIT 1"):
            with self.catalogue.sessions.begin() as session:
                runs.fail(session, run_id, "no such bucket")

    def sql(self, statement: str, **parameters: Any) -> Any:
        return self.catalogue.sql(statement, **parameters)

    def held(self, items: list[ClaimedItem]) -> set[int]:
        """Which of these are leased, and were last claimed by this very claim: by the walk's own book of fences."""
        leased = {row[0] for row in self.sql("SELECT id FROM work_item WHERE state = 'leased'")}
        return {item.id for item in items if item.id in leased and self.fences[item.id] == item.fence}
