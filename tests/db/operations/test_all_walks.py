"""All that can happen, in any order: what operators do, hints, doorbells that are lost or doubled, and forgetting.

Workers look for work by themselves, too; the last test shows that they must.
"""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from hypothesis import strategies as st
from hypothesis.stateful import multiple, precondition, rule

from db.operations import forgetting
from db.queue.claims import QUEUES
from db.session import reading
from scheduler import doorbells
from scheduler.hints.events import Hint
from scheduler.hints.intake import Intake
from tests.db.catalogues import BUCKET
from tests.db.operations.operated_walks import Operating
from tests.db.test_state_machine import Tagging, on_database, take
from tests.db.walks import KEYS
from tests.scheduler.broker import forget_doorbells
from tests.scheduler.hints.finding import FindingShelf
from worker import celery as broker
from worker.celery import create_app
from worker.operations.forgetting import forget_all
from worker.settings import Settings

FOUND = KEYS | st.just("never there")


class Hearing(Operating):
    """`forgotten` are the keys that are not taken in again."""

    def __init__(self) -> None:
        super().__init__()
        self.shelf = FindingShelf()
        self.app = create_app(Settings())
        forget_doorbells(self.app)
        self.forgotten: set[str] = set()

    @rule(keys=st.lists(FOUND, min_size=1, max_size=3))
    def hint(self, keys: list[str]) -> None:
        """Tell of images that may be new: some once, some again, some that are not there."""
        intake = Intake(Settings(), self.catalogue.sessions, self.app, self.shelf)
        taken = intake.take([Hint(BUCKET, key) for key in keys])
        assert taken.found == len(set(keys) & set(self.shelf.tokens))
        self.sql("UPDATE work_item SET queue = 'nightly' WHERE queue = 'ops'")

    @rule()
    def ring(self) -> None:
        doorbells.ring_all(self.app, self.catalogue.sessions, chunk=2)

    @precondition(lambda self: self.heard() is not None)
    @rule(target=Operating.claims, fate=st.sampled_from(["heard", "lost", "doubled"]))
    def deliver(self, fate: str) -> Any:
        """A message arrives, as it should, or never, or twice."""
        name = self.take_message()
        if fate == "doubled":
            broker.ring(self.app, name)
        return multiple() if fate == "lost" else self.claim(2)

    def heard(self) -> str | None:
        return next((name for name in QUEUES if broker.depth(self.app, name)), None)

    def take_message(self) -> str:
        name = self.heard()
        assert name is not None
        with self.app.connection_for_write() as connection:
            assert connection.default_channel.basic_get(name, no_ack=True) is not None
        return name

    @rule(key=KEYS, for_good=st.sampled_from([False, False, False, True]))
    def forget(self, key: str, for_good: bool) -> None:
        """Whatever its state: also while a worker is at it, who comes back later."""
        with reading(self.catalogue.sessions) as session:
            meant = forgetting.of_key(session, key)
        objects = {row[0] for row in self.sql("SELECT id FROM source_object WHERE key = :key", key=key)}
        of_them = "SELECT w.id FROM work_item w JOIN source_object o ON o.id = w.object_id WHERE o.key = :key"
        self.results -= {row[0] for row in self.sql(of_them, key=key)}
        assert forget_all(self.catalogue.sessions, meant, for_good=for_good, on_step=lambda _: None) == len(objects)
        self.decisions = {known: said for known, said in self.decisions.items() if known not in objects}
        self.events = {number: event for number, event in self.events.items() if event[1] not in objects}
        self.forgotten |= {key} if for_good and objects else set()

    def the_catalogue_is_the_shelf(self) -> None:
        kept = self.shelf.tokens
        self.shelf.tokens = {key: token for key, token in kept.items() if key not in self.forgotten}
        try:
            super().the_catalogue_is_the_shelf()
        finally:
            self.shelf.tokens = kept

    def teardown(self) -> None:
        try:
            super().teardown()
        finally:
            forget_doorbells(self.app)
            self.app.close()


class Believing(Hearing):
    """Workers that do only what a message asks for."""

    def work_off(self) -> None:
        while self.heard() is not None:
            self.take_message()
            self.complete(self.claim(2) or [])


@pytest.fixture(autouse=True)
def bundle(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let the settings name the model of the catalogue."""
    bundle = SimpleNamespace(name="net", version="1", folder=Path("net"))
    monkeypatch.setattr("scheduler.hints.intake.resolve", lambda *_: bundle)


@pytest.fixture(params=["sqlite", "postgresql"])
def walking(request: pytest.FixtureRequest) -> type[Tagging]:
    return on_database(Hearing, request, sqlite=4, postgresql=1)


@pytest.fixture(params=["sqlite"])
def believing(request: pytest.FixtureRequest) -> type[Tagging]:
    return on_database(Believing, request, sqlite=2)


def test_no_order_of_anything_breaks_an_invariant_or_changes_what_a_person_decided(walking: Any) -> None:
    take(walking)


def test_where_messages_are_the_truth_work_is_left_undone(believing: Any) -> None:
    with pytest.raises(AssertionError):
        take(believing)
