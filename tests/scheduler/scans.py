"""Steps that the tests of scans share, and what a catalogue holds afterwards."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
from sqlalchemy import event

from db import runs
from db.schema import Run
from db.session import engine_of
from scheduler import discovery, scanning
from scheduler.discovery import Scanned
from scheduler.scan_requests import ScanRequest
from tests.db.catalogues import Catalogue
from tests.scheduler.memory_store import Shelf
from worker.storage.store import Store


def scan(catalogue: Catalogue, shelf: Shelf, *, run: int | None = None, **request: Any) -> Scanned:
    """Scan, by a run of its own unless one is given."""
    run = run or catalogue.another_run(f"scan:{uuid4()}", state="scanning")
    return discovery.scan(catalogue.sessions, shelf, run, ScanRequest(**request))


def scan_again(catalogue: Catalogue, shelf: Shelf, run: int, **request: Any) -> Scanned:
    """Scan once more for the same run, as for one that has open items."""
    with catalogue.sessions.begin() as session:
        runs.begin_scan(session, session.get_one(Run, run))
    return scan(catalogue, shelf, run=run, **request)


def tag_all(catalogue: Catalogue) -> int:
    """Work off the queue; the category of an image is the version that was read."""
    worked = 0
    while items := catalogue.claim(1):
        worked += catalogue.record(items, items[0].version_token)
    return worked


def present(catalogue: Catalogue) -> dict[str, str]:
    return dict(catalogue.sql("SELECT key, version_token FROM source_object WHERE gone_at IS NULL"))


def shown(catalogue: Catalogue) -> dict[str, str]:
    return dict(catalogue.sql("SELECT key, category FROM catalogue_tags"))


def items(catalogue: Catalogue) -> int:
    return int(catalogue.value("SELECT count(*) FROM work_item"))


@contextmanager
def statements(catalogue: Catalogue) -> Iterator[list[tuple[str, Any]]]:
    """Every statement sent inside the block, with its parameters."""
    sent: list[tuple[str, Any]] = []
    engine = engine_of(catalogue.sessions)

    def note(_: Any, __: Any, statement: str, parameters: Any, *___: Any) -> None:
        sent.append((statement, parameters))

    event.listen(engine, "before_cursor_execute", note)
    yield sent
    event.remove(engine, "before_cursor_execute", note)


def a_planned_run(catalogue: Catalogue, source: Path | str, *, state: str = "planned") -> int:
    with catalogue.sessions.begin() as session:
        model = runs.register_model(session, "net", "1")
        run, _ = runs.open_run(
            session,
            logical_key=f"nightly:{source}:{uuid4()}",
            kind="nightly",
            selection={"source": str(source)},
            model=model,
            requested_by="schedule",
            state=state,
        )
        return run.id


def state(catalogue: Catalogue, run: int) -> str:
    return str(catalogue.value("SELECT state FROM run WHERE id = :id", id=run))


def events(logged: list[Any]) -> list[tuple[str, int | None]]:
    return [(entry["event"], entry.get("run")) for entry in logged]


def sources(monkeypatch: pytest.MonkeyPatch, special: Callable[[], Store]) -> None:
    """Let runs of the source "gate" scan this store."""
    real = scanning.source_store
    monkeypatch.setattr(scanning, "source_store", lambda s, source: special() if source == "gate" else real(s, source))


def waits_for_a_lock(catalogue: Catalogue) -> bool:
    waiting = "SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND datname = current_database()"
    return bool(catalogue.value(waiting))
