"""PostgreSQL may be away for longer than anybody tries again: nothing is tagged twice, and the night ends."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from sqlalchemy import make_url, text
from structlog.testing import capture_logs

from db import runs, session as sessions_module
from db.invariants import violations
from db.queue.claims import QUEUES
from db.session import Sessions, connect, reading, sessions_of
from stack.processes import wait_until
from stack.servers import Postgres
from tests.db import templates
from tests.faults.proxy import Proxy
from tests.worker.fakes import FakeClassifier, FakeStore, scanned_run, tagger
from worker.broker import idle
from worker.broker.idle import Child

IMAGES = 60
AWAY_S = 4.0


@pytest.fixture
def proxy(postgres_server: Postgres) -> Iterator[Proxy]:
    with Proxy(postgres_server.port) as proxy:
        yield proxy


@pytest.fixture
def behind(postgres_server: Postgres, proxy: Proxy) -> Iterator[Sessions]:
    """Make a catalogue that is reached by the proxy."""
    url = make_url(templates.make_database(postgres_server)).set(port=proxy.port)
    engine = connect(url.render_as_string(hide_password=False))
    yield sessions_of(engine)
    engine.dispose()


@pytest.fixture
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let a transaction be tried twice only, and idle children look often: what a minute is in earnest."""
    with_retries = sessions_module._with_retries

    def twice(opened: Callable[[], Any], work: Callable[..., Any], attempts: int, sqlstates: Any) -> Any:
        return with_retries(opened, work, min(attempts, 2), sqlstates)

    monkeypatch.setattr(sessions_module, "_with_retries", twice)
    monkeypatch.setattr(idle, "LOOK_S", (0.2, 0.4))


@pytest.mark.usefixtures("impatient")
def test_a_night_ends_and_nothing_is_tagged_twice_when_postgresql_was_away(behind: Sessions, proxy: Proxy) -> None:
    store = FakeStore({f"{number:02}.jpg": b"photo" for number in range(IMAGES)})
    run_id = scanned_run(behind, store, "night")
    in_the_middle, goes_on = threading.Event(), threading.Event()
    classifier = FakeClassifier()

    def pause_once() -> None:
        if len(classifier.batches) == 3:
            in_the_middle.set()
            goes_on.wait(60)

    classifier.before = pause_once
    worker = tagger(behind, store, classifier, chunk=20, micro_batch=4, lease_s=2.0)
    child = Child(lambda: worker, QUEUES, lambda: None)
    with capture_logs() as logs:
        child.start()
        assert in_the_middle.wait(60)

        proxy.away = True
        goes_on.set()
        time.sleep(AWAY_S)
        proxy.away = False

        wait_until(lambda: done(behind) == IMAGES, "the rest of the night", 90, 0.2)
        child.stop()

    with behind.begin() as session:
        assert run_id in runs.close_finished(session)
    with reading(behind) as session:
        assert list(violations(session)) == []
        twice = text("SELECT work_item_id FROM classification GROUP BY work_item_id HAVING count(*) > 1")
        assert session.execute(twice).all() == []
    assert "look_failed" in {line["event"] for line in logs}  # it was away for longer than it is tried again
    assert sum(classifier.batches) > IMAGES  # what was classified and could not be recorded was classified again


def done(sessions: Sessions) -> int:
    with reading(sessions) as session:
        return int(session.execute(text("SELECT count(*) FROM classification")).scalar_one())
