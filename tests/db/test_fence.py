"""The fence, under chaos: many claimers, abandoned leases, zombies that finish late. And the same without a fence.

A check that cannot fail proves nothing: the last tests take the fence out of a copy of the claim, and must be caught.
"""

from __future__ import annotations

import random
import threading
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field

import pytest
from sqlalchemy import ColumnElement, Dialect, Select, select, update
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from db import tags
from db.queue import claims, leases
from db.queue.leases import ClaimedItem
from db.schema import WorkItem
from db.schema.lists import pair_in_list
from db.session import Sessions, engine_of, in_transaction, sql_now
from tests.db.catalogues import Catalogue, a_catalogue, tagged

WORKERS = 4
IMAGES = 160


@dataclass
class Chaos:
    """Workers that claim, and then do as they should, vanish, or come back when somebody else has the work."""

    catalogue: Catalogue
    seed: int = field(default_factory=lambda: random.SystemRandom().randrange(2**32))
    recorded: Counter[int] = field(default_factory=Counter)
    refused: list[IntegrityError] = field(default_factory=list)
    lost: int = 0
    zombies: list[list[ClaimedItem]] = field(default_factory=list)
    ghosts: list[list[ClaimedItem]] = field(default_factory=list)  # each worker's first claim, back when all is done
    lock: threading.Lock = field(default_factory=threading.Lock)

    def run(self) -> None:
        print(f"seed {self.seed}")
        self.catalogue.items(*(f"{number:05}" for number in range(IMAGES)))
        with ThreadPoolExecutor(WORKERS) as pool:
            list(pool.map(self.work, range(WORKERS)))
        for zombie in (*self.zombies, *self.ghosts):
            self.record(zombie)

    def work(self, number: int) -> None:
        chance = random.Random(self.seed + number)
        self.begin_as_a_ghost(number)
        for _ in range(10 * IMAGES):
            items = self.claim(f"worker:{number}", chance.randrange(1, 17))
            if not items:
                return
            fate = "works" if items[0].alone else chance.choices(("works", "vanishes", "is late"), (6, 2, 2))[0]
            if fate == "works":
                self.record(items)
                self.resurrect(chance)
            else:
                self.end_leases(items)
                self.zombies += [items] if fate == "is late" else []
        raise AssertionError("the work does not end")

    def begin_as_a_ghost(self, number: int) -> None:
        """So that there is a late result in every chaos, whatever the seed."""
        items = self.claim(f"ghost:{number}", 5)
        if items and items[0].alone:
            self.record(items)
        else:
            self.end_leases(items)
            self.ghosts.append(items)

    def claim(self, owner: str, limit: int) -> list[ClaimedItem]:
        model_id = self.catalogue.model_id

        def claim(session: Session) -> list[ClaimedItem]:
            return claims.claim(session, queue="nightly", model_version_id=model_id, owner=owner, limit=limit)

        return in_transaction(self.catalogue.sessions, claim)

    def end_leases(self, items: list[ClaimedItem]) -> None:
        """At once, so that nobody has to wait; only while they are ours."""

        def end(session: Session) -> None:
            leases.renew(session, items, lease_s=-1)

        in_transaction(self.catalogue.sessions, end)

    def resurrect(self, chance: random.Random) -> None:
        with self.lock:
            zombie = self.zombies.pop(0) if self.zombies and chance.random() < 0.5 else None
        if zombie:
            self.record(zombie)

    def record(self, items: list[ClaimedItem]) -> None:
        """Each item in a transaction of its own, so that we can count by item what was taken."""
        for item in items:
            try:
                taken = in_transaction(
                    self.catalogue.sessions, lambda session, item=item: self.record_one(session, item)
                )
            except IntegrityError as error:
                self.refused.append(error)
                continue
            with self.lock:
                self.recorded[item.id] += taken
                self.lost += 1 - taken

    def record_one(self, session: Session, item: ClaimedItem) -> int:
        return tags.record(session, [tagged(item, str(item.fence))], model_version_id=self.catalogue.model_id)

    @property
    def written_twice(self) -> list[int]:
        return [item_id for item_id, times in self.recorded.items() if times > 1]


def test_under_chaos_every_image_is_done_and_none_is_written_twice(catalogue: Catalogue) -> None:
    chaos = Chaos(catalogue)

    chaos.run()

    assert set(catalogue.states().values()) == {"done"}
    assert chaos.recorded.total() == len(chaos.recorded) == IMAGES
    assert chaos.refused == []
    assert catalogue.value("SELECT count(*) FROM classification") == IMAGES
    assert catalogue.value("SELECT count(*) FROM tag_event") == IMAGES
    assert catalogue.violations() == []
    assert chaos.lost > 0, "no zombie was late: the chaos was none"


@pytest.fixture
def unfenced(monkeypatch: pytest.MonkeyPatch) -> None:
    """Break the build: its claim does not raise the fence, which so tells nothing, and its writes check no state."""

    def held(dialect: Dialect) -> ColumnElement[bool]:
        return pair_in_list(dialect, WorkItem.id, WorkItem.fence, "claims")

    monkeypatch.setattr(claims, "_lease", lease_without_a_fence)
    monkeypatch.setattr(leases, "held", held)
    monkeypatch.setattr(leases, "_locking", leases._locking.__wrapped__)  # one that is kept checks it


def lease_without_a_fence(
    session: Session, waiting: Select[int], owner: str, limit: int, lease_s: float, *, alone: bool
) -> list[ClaimedItem]:
    """Lease like `claims._lease`, but leave the fence as it was."""
    pick = (
        waiting.order_by(WorkItem.priority, WorkItem.eligible_at, WorkItem.id)
        .limit(limit)
        .with_for_update(skip_locked=True)
        .cte("pick")
    )
    claimed = (
        update(WorkItem)
        .where(WorkItem.id.in_(select(pick.c.id)))
        .values(state="leased", eligible_at=sql_now(session, lease_s), lease_owner=owner, claimed_alone=alone)
        .returning(*claims._CLAIMED)
        .execution_options(synchronize_session=False)
    )
    return claims._in_order(session.execute(claimed), alone)


@pytest.mark.usefixtures("unfenced")
def test_without_the_fence_the_unique_key_catches_second_results(catalogue: Catalogue) -> None:
    chaos = Chaos(catalogue)

    chaos.run()

    assert chaos.refused, "the fence was gone and nothing noticed"
    assert all("classification" in str(error.orig) for error in chaos.refused)


@pytest.mark.usefixtures("unfenced")
def test_without_fence_and_unique_key_the_invariants_catch_second_results(sessions: Sessions) -> None:
    catalogue = a_catalogue(sessions)
    drop_unique_key(catalogue)
    chaos = Chaos(catalogue)

    chaos.run()

    assert chaos.written_twice, "the fence and the key were gone and nothing noticed"
    reported = {violation.row_id for violation in catalogue.violations() if violation.invariant == "I2"}
    assert reported == set(chaos.written_twice)


def drop_unique_key(catalogue: Catalogue) -> None:
    if engine_of(catalogue.sessions).dialect.name == "postgresql":
        catalogue.sql("ALTER TABLE classification DROP CONSTRAINT uq_classification_work_item_id")
        return
    made = catalogue.value("SELECT sql FROM sqlite_master WHERE name = 'classification'")
    catalogue.sql("DROP TABLE classification")
    catalogue.sql(made.replace("CONSTRAINT uq_classification_work_item_id UNIQUE (work_item_id)", "CHECK (1)"))
