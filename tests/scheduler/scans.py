"""What the tests of scans do over and over, and what a catalogue holds afterwards."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any
from uuid import uuid4

from sqlalchemy import event

from db import runs
from db.schema import Run
from db.session import engine_of
from scheduler import discovery
from scheduler.discovery import Scanned, ScanRequest
from tests.db.catalogues import Catalogue
from tests.scheduler.memory_store import Shelf


def scan(catalogue: Catalogue, shelf: Shelf, *, run: int | None = None, **request: Any) -> Scanned:
    """A scan, by a run of its own unless one is given."""
    run = run or catalogue.another_run(f"scan:{uuid4()}", state="scanning")
    return discovery.scan(catalogue.sessions, shelf, run, ScanRequest(**request))


def scan_again(catalogue: Catalogue, shelf: Shelf, run: int, **request: Any) -> Scanned:
    """The same run scans once more, as one that has open items does."""
    with catalogue.sessions.begin() as session:
        runs.begin_scan(session, session.get_one(Run, run))
    return scan(catalogue, shelf, run=run, **request)


def tag_all(catalogue: Catalogue) -> int:
    """Work off the queue; the category of an image is the version that was read."""
    worked = 0
    while items := catalogue.claim(1):
        worked += catalogue.record(items, items[0].version_token)
    return worked


def there(catalogue: Catalogue) -> dict[str, str]:
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
