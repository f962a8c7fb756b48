"""The drill of docs/operations.md: a backup from the middle of a night is restored, and the night ends there."""

from __future__ import annotations

import sqlite3
import subprocess
import threading
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path

import pytest
from sqlalchemy import text
from typer.testing import CliRunner

from cli.app import app
from db import runs
from db.queue import claims
from db.review.human_tags import set_human_tag
from db.session import Sessions, connect, reading, sessions_of
from scheduler import discovery
from scheduler.scan_requests import ScanRequest
from stack.processes import wait_until
from stack.servers import Postgres
from tests.worker.fakes import FakeClassifier, FakeStore, tagger
from worker.storage.store import StoredObject, StoreUnavailable
from worker.tagging import work

NIGHT = "nightly:2026-11-22"
LEASE_S = 1.0
BAD = "010.jpg"


class Pages(FakeStore):
    """A store with pages of ten, which stops answering after the page that ends at `until`."""

    until: str | None = None

    def list_pages(self, after: str = "") -> Iterator[list[StoredObject]]:
        listed = [stored for page in super().list_pages(after) for stored in page]
        for start in range(0, len(listed), 10):
            if self.until is not None and listed[start].key > self.until:
                raise StoreUnavailable("nobody answers")
            yield listed[start : start + 10]


@pytest.fixture
def backed_up(request: pytest.FixtureRequest, database_url: str, tmp_path: Path) -> Callable[[], str]:
    """Return what backs up the catalogue and restores it elsewhere, as the runbook has it; it returns the URL."""

    def by_file() -> str:
        source, target = tmp_path / "catalogue.db", tmp_path / "restored.db"
        with closing(sqlite3.connect(source)) as live, closing(sqlite3.connect(target)) as copy:
            live.backup(copy)
        return f"sqlite:///{target}"

    def by_dump() -> str:
        server: Postgres = request.getfixturevalue("postgres_server")
        dump, restored = tmp_path / "tagger.dump", server.new_database()
        source, target = (url.replace("+psycopg", "") for url in (database_url, restored))
        subprocess.run([server.program("pg_dump"), "--format=custom", "--file", dump, source], check=True)
        subprocess.run([server.program("pg_restore"), "--exit-on-error", "--dbname", target, dump], check=True)
        return restored

    return by_file if database_url.startswith("sqlite") else by_dump


@pytest.fixture
def store() -> Pages:
    return Pages({f"{number:03}.jpg": b"photo" for number in range(60)} | {BAD: b"bad:corrupt"})


def half_a_night(sessions: Sessions, store: Pages) -> int:
    """List half of the store, tag a part of that, let a person decide, and leave a chunk claimed; the run's id."""
    with sessions.begin() as session:
        model = runs.register_model(session, "fake", "1")
        run, _ = runs.open_run(
            session, logical_key=NIGHT, kind="nightly", selection={"source": "x"}, model=model, requested_by="schedule"
        )
        run_id, model_id = run.id, model.id
    store.until = "029.jpg"
    with pytest.raises(StoreUnavailable):
        discovery.scan(sessions, store, run_id, ScanRequest())
    store.until = None
    classifier = FakeClassifier()
    work(tagger(sessions, store, classifier, chunk=12, stopping=lambda: bool(classifier.batches)), "nightly")
    with sessions.begin() as session:
        set_human_tag(session, 1, "hat", person="amina", why="it is one")
        dead = {"queue": "nightly", "model_version_id": model_id, "owner": "gone:1", "lease_s": LEASE_S}
        assert len(claims.claim(session, limit=5, **dead)) == 5  # type: ignore[arg-type]
    return run_id


def end_of_night(sessions: Sessions, store: Pages, run_id: int) -> None:
    """Go on with the scan and the work until nothing is open, as scheduler and workers do."""
    discovery.scan(sessions, store, run_id, ScanRequest())
    worker = tagger(sessions, store, FakeClassifier(), chunk=16)

    def is_closed() -> bool:
        work(worker, "nightly")
        with sessions.begin() as session:
            return runs.close_finished(session) == [run_id]

    wait_until(is_closed, "the end of the night", 60, 0.2)


@pytest.mark.usefixtures("connections_closed")
def test_a_backup_from_the_middle_of_a_night_is_restored_and_the_night_ends_there(
    sessions: Sessions, store: Pages, backed_up: Callable[[], str], monkeypatch: pytest.MonkeyPatch
) -> None:
    run_id = half_a_night(sessions, store)
    at_work, may_go_on = threading.Event(), threading.Event()

    def slowly() -> None:
        at_work.set()
        may_go_on.wait(60)

    worker = tagger(sessions, store, FakeClassifier(before=slowly), chunk=8, lease_s=LEASE_S)
    working = threading.Thread(target=work, args=(worker, "nightly"))
    working.start()
    assert at_work.wait(60)

    url = backed_up()

    may_go_on.set()
    working.join()
    engine = connect(url)
    restored = sessions_of(engine)
    with reading(restored) as session:
        left = dict(session.execute(text("SELECT state, count(*) FROM work_item GROUP BY state")).all())
    assert {"done", "leased", "pending"} <= set(left), left
    end_of_night(restored, store, run_id)

    monkeypatch.setenv("TAGGER_DATABASE_URL", url)
    assert CliRunner().invoke(app, ["verify"]).exit_code == 0
    with reading(restored) as session:
        ends = text("SELECT o.key, w.state FROM work_item w JOIN source_object o ON o.id = w.object_id")
        states = [tuple(row) for row in session.execute(ends)]
        by_human = session.execute(text("SELECT category, source FROM image_tag WHERE object_id = 1")).one()
        night = session.execute(text("SELECT id, logical_key, state FROM run")).one()
    assert sorted(key for key, _ in states) == sorted(store.contents)  # once each
    assert Counter(state for _, state in states) == {"done": 59, "skipped": 1}
    assert dict(states)[BAD] == "skipped"
    assert tuple(by_human) == ("hat", "human")
    assert tuple(night) == (run_id, NIGHT, "finished")
    engine.dispose()
