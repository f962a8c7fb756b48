"""A night of twelve images in one process: listed, rung for, worked off at doorbells, decided on, and closed."""

from __future__ import annotations

from collections import Counter

from celery import Celery
from sqlalchemy import text, update

from db import runs
from db.invariants import violations
from db.queue.claims import QUEUES
from db.review.human_tags import set_human_tag
from db.schema import Run, WorkItem
from db.session import Sessions, reading
from scheduler import discovery, doorbells
from scheduler.scan_requests import ScanRequest
from tests.db.catalogues import LONG_AGO
from tests.worker.fakes import FakeClassifier, FakeStore, tagger
from worker.celery import create_app
from worker.settings import Settings
from worker.tagging import work

NIGHT = "nightly:2026-11-22"
BAD = "07.jpg"
DECIDED = "03.jpg"
KEYS = [f"{number:02}.jpg" for number in range(12)]
CHUNK, MICRO_BATCH = 5, 2


def night(sessions: Sessions, broker: str) -> None:
    """Take every step of a night, each of which goes on where one that was killed has left it."""
    app = create_app(Settings(broker_url=broker))
    _step(sessions, app)
    while not _is_finished(sessions):
        _step(sessions, app)
    app.close()


def complete(sessions: Sessions, broker: str) -> None:
    """Do the same after the leases of a process that was killed have ended."""
    with sessions.begin() as session:
        session.execute(update(WorkItem).where(WorkItem.state == "leased").values(eligible_at=LONG_AGO))
    night(sessions, broker)


def what_is_wrong(sessions: Sessions) -> list[str]:
    """Return what a finished night should not be: broken invariants, images without an end, or with two."""
    with reading(sessions) as session:
        wrong = [str(violation) for violation in violations(session)]
        ends = session.execute(
            text("SELECT o.key, w.state FROM work_item w JOIN source_object o ON o.id = w.object_id")
        ).all()
        sources = session.execute(
            text("SELECT o.key, t.source FROM image_tag t JOIN source_object o ON o.id = t.object_id")
        ).all()
        nights = session.execute(text("SELECT logical_key, state FROM run")).all()
        results = session.execute(text("SELECT count(*) FROM classification")).scalar_one()
        events = session.execute(text("SELECT count(*) FROM tag_event")).scalar_one()
    expected = {key: "skipped" if key == BAD else "done" for key in KEYS}
    if sorted(map(tuple, ends)) != sorted(expected.items()):
        wrong.append(f"ends: {Counter(state for _, state in ends)}")
    if dict(map(tuple, sources)) != {key: "human" if key == DECIDED else "model" for key in KEYS if key != BAD}:  # type: ignore[arg-type]
        wrong.append(f"tags: {sources}")
    if [tuple(row) for row in nights] != [(NIGHT, "finished")] or results != len(KEYS) - 1:
        wrong.append(f"nights: {nights}, results: {results}")
    if events != results + 1:  # a change of a tag for each result, and the person's
        wrong.append(f"changes of tags: {events}, results: {results}")
    return wrong


def _step(sessions: Sessions, app: Celery) -> None:
    with sessions.begin() as session:
        model = runs.register_model(session, "fake", "1")
        run, _ = runs.open_run(
            session, logical_key=NIGHT, kind="nightly", selection={"source": "x"}, model=model, requested_by="schedule"
        )
        run_id, state = run.id, run.state
    store = _Pages({key: b"bad:corrupt" if key == BAD else b"photo" for key in KEYS})
    if state in ("planned", "scanning"):
        discovery.scan(sessions, store, run_id, ScanRequest())
    doorbells.ring_all(app, sessions, chunk=CHUNK)
    _answer_doorbells(sessions, app, store)
    _decide(sessions)
    with sessions.begin() as session:
        runs.close_finished(session)


class _Pages(FakeStore):
    """A store with pages of five."""

    def list_pages(self, after: str = ""):  # type: ignore[no-untyped-def]
        for page in super().list_pages(after):
            for start in range(0, len(page), 5):
                yield page[start : start + 5]


def _answer_doorbells(sessions: Sessions, app: Celery, store: FakeStore) -> None:
    """Work at each doorbell, and acknowledge it then, as a worker does."""
    worker = tagger(sessions, store, FakeClassifier(), chunk=CHUNK, micro_batch=MICRO_BATCH)
    with app.connection_for_read() as connection:
        for name in QUEUES:
            queue = app.amqp.queues[name].bind(connection.default_channel)
            while (message := queue.get()) is not None:
                work(worker, *QUEUES)
                message.ack()
    worker.pool.shutdown()


def _decide(sessions: Sessions) -> None:
    """Let a person decide on an image that has a tag, once."""
    with reading(sessions) as session:
        tag = text(
            "SELECT t.object_id, t.source FROM image_tag t JOIN source_object o ON o.id = t.object_id AND key = :k"
        )
        row = session.execute(tag, {"k": DECIDED}).first()
    if row is not None and row.source == "model":
        with sessions.begin() as session:
            set_human_tag(session, row.object_id, "hat", person="amina", why="it is one")


def _is_finished(sessions: Sessions) -> bool:
    with reading(sessions) as session:
        return session.query(Run).one().state == "finished"
