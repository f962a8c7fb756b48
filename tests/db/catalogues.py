"""A catalogue with one model and one run, and short names for what these tests do with it.

Everything goes through the functions of `db`; only time passes by an UPDATE of `eligible_at`.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from sqlalchemy import Engine, Row, select, text

from db import objects, runs, tags
from db.invariants import Violation, violations
from db.objects import NewObject
from db.queue import claims
from db.queue.leases import ClaimedItem
from db.review import human_tags
from db.schema import Base, ModelVersion, Run
from db.schema.columns import UtcTime
from db.session import Sessions
from db.tags import Tagged

BUCKET = "photos"
LONG_AGO = datetime(2020, 1, 1, tzinfo=UTC)


@dataclass(frozen=True)
class Catalogue:
    """One model, one running run; every method is a transaction of its own."""

    sessions: Sessions
    model_id: int
    run_id: int

    def images(self, *keys: str, token: str = "v1", product: str | None = None) -> list[int]:
        """Add new objects; returns their ids."""
        rows = [NewObject(key, token, 1000, LONG_AGO, product) for key in keys]
        with self.sessions.begin() as session:
            ids = objects.add(session, BUCKET, rows)
        return [ids[key] for key in keys]

    def items(self, *keys: str, queue_name: str = "nightly", priority: int = 100, run_id: int | None = None) -> None:
        """Add new objects with an item each."""
        ids = self.images(*keys)
        self.enqueue(ids, queue_name=queue_name, priority=priority, run_id=run_id)

    def enqueue(
        self,
        object_ids: Iterable[int],
        *,
        token: str = "v1",
        queue_name: str = "nightly",
        priority: int = 100,
        run_id: int | None = None,
    ) -> int:
        with self.sessions.begin() as session:
            run = session.get_one(Run, run_id or self.run_id)
            tokens = dict.fromkeys(object_ids, token)
            return objects.enqueue(session, run, tokens, queue=queue_name, priority=priority)

    def overwrite(self, object_id: int, key: str, token: str) -> None:
        """Store another version of an object, as a scan does, and queue it."""
        with self.sessions.begin() as session:
            objects.replace_versions(session, {object_id: NewObject(key, token, 1001, LONG_AGO, None)})
            run = session.get_one(Run, self.run_id)
            objects.enqueue(session, run, {object_id: token}, queue="nightly", priority=100)

    def another_run(self, key: str, *, state: str = "running", model: str | None = None) -> int:
        """Open a run of this model, or of another one."""
        with self.sessions.begin() as session:
            bundle = runs.register_model(session, model, "1") if model else session.get_one(ModelVersion, self.model_id)
            return open_run(session, bundle, key, state).id

    def claim(self, limit: int = 100, *, queue_name: str = "nightly", **options: Any) -> list[ClaimedItem]:
        options = {"model_version_id": self.model_id, "owner": "worker:1"} | options
        with self.sessions.begin() as session:
            return claims.claim(session, queue=queue_name, limit=limit, **options)

    def record(self, items: Collection[ClaimedItem], category: str = "Bag", **fields: Any) -> int:
        with self.sessions.begin() as session:
            results = [tagged(item, category, **fields) for item in items]
            return tags.record(session, results, model_version_id=self.model_id)

    def decide(self, object_id: int, category: str, person: str = "amina") -> None:
        with self.sessions.begin() as session:
            human_tags.set_human_tag(session, object_id, category, person=person, why="looked at it")

    def let_leases_end(self, items: Collection[ClaimedItem] | None = None) -> None:
        """End the leases of these claims, or of all."""
        held = "" if items is None else f" AND id IN ({', '.join(str(item.id) for item in items)})"
        self.sql(f"UPDATE work_item SET eligible_at = :then WHERE state = 'leased'{held}", then=LONG_AGO)

    def let_backoffs_end(self) -> None:
        self.sql("UPDATE work_item SET eligible_at = :then WHERE state = 'pending'", then=LONG_AGO)

    def sql(self, statement: str, **parameters: Any) -> Sequence[Row[Any]]:
        """Return the rows of a statement, if it has any. Aware datetimes are bound as the catalogue stores them."""
        bound = text(statement)
        for name, value in parameters.items():
            if isinstance(value, datetime):
                bound = bound.bindparams(_time(name))
        with self.sessions.begin() as session:
            result = session.execute(bound, parameters)
            return result.all() if result.returns_rows else []

    def value(self, statement: str, **parameters: Any) -> Any:
        return self.sql(statement, **parameters)[0][0]

    def states(self) -> dict[str, str]:
        """Return the state of the newest item of each key."""
        states = self.sql(
            "SELECT o.key, w.state FROM work_item w JOIN source_object o ON o.id = w.object_id ORDER BY w.id"
        )
        return dict(states)

    def violations(self) -> list[Violation]:
        with self.sessions.begin() as session:
            return list(violations(session))


def a_catalogue(sessions: Sessions) -> Catalogue:
    with sessions.begin() as session:
        model = runs.register_model(session, "net", "1")
        run = open_run(session, model, "scan:1", "running")
        return Catalogue(sessions, model.id, run.id)


def emptied(engine: Engine) -> Engine:
    """Empty every table of a PostgreSQL catalogue."""
    tables = ", ".join(f'"{name}"' for name in Base.metadata.tables)
    with engine.begin() as connection:
        connection.execute(text(f"TRUNCATE {tables} RESTART IDENTITY CASCADE"))
    return engine


def an_image_tagged(catalogue: Catalogue, key: str = "a.jpg", category: str = "Bag", confidence: int = 9000) -> int:
    """Add an image whose item is done; returns the object's id."""
    catalogue.items(key)
    (item,) = catalogue.claim()
    assert catalogue.record([item], category, confidence=confidence) == 1
    return item.object_id


def reprocess(
    catalogue: Catalogue, object_id: int, category: str, *, confidence: int = 9000, request: str = "r"
) -> int:
    """Tag the same version again, as another request; returns the item's id."""
    catalogue.sql(
        "INSERT INTO work_item (object_id, version_token, model_version_id, request_id, run_id, queue, priority,"
        " state, eligible_at) SELECT id, version_token, :model, :request, :run, 'nightly', 1, 'pending', :then"
        " FROM source_object WHERE id = :id",
        model=catalogue.model_id,
        request=request,
        run=catalogue.run_id,
        then=LONG_AGO,
        id=object_id,
    )
    (item,) = catalogue.claim(1)
    assert item.object_id == object_id
    assert catalogue.record([item], category, confidence=confidence) == 1
    return item.id


def open_run(session: Any, model: ModelVersion, key: str, state: str) -> Run:
    run, _ = runs.open_run(
        session,
        logical_key=key,
        kind="scan",
        selection={"source": BUCKET},
        model=model,
        requested_by="person:amina",
        state=state,
    )
    return run


def tagged(item: ClaimedItem, category: str = "Bag", confidence: int = 9000, **fields: Any) -> Tagged:
    given = {"scores": [confidence, 10_000 - confidence], "ood_score": None, "needs_review": False}
    return Tagged(item=item, category=category, confidence=confidence, **(given | {"review_reason": None} | fields))


def in_the_future(seconds: float) -> datetime:
    return datetime.now(UTC) + timedelta(seconds=seconds)


def keys_of(items: Iterable[ClaimedItem]) -> list[str]:
    return [item.key for item in items]


def count(sessions: Sessions, table: type) -> int:
    with sessions() as session:
        return len(session.execute(select(table)).all())


def _time(name: str) -> Any:
    from sqlalchemy import bindparam

    return bindparam(name, type_=UtcTime())


def row(catalogue: Catalogue, item_id: int) -> dict[str, object]:
    return dict(catalogue.sql("SELECT * FROM work_item WHERE id = :id", id=item_id)[0]._mapping)


def ask(catalogue: Catalogue, question: object, *arguments: object) -> object:
    """Return `question(session, *arguments)`, called in a transaction."""
    with catalogue.sessions.begin() as session:
        return question(session, *arguments)  # type: ignore[operator]


def waiting_for_locks(catalogue: Catalogue) -> int:
    """Count the connections of this PostgreSQL database that wait for somebody's lock."""
    waiting = "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'"
    return int(catalogue.value(waiting))
