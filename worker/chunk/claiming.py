"""Claiming of chunks: where the last one ended, as long as it costs too much to look at everything again."""

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial

from sqlalchemy.orm import Session

from db.queue import claims
from db.queue.leases import ClaimedItem
from db.session import Sessions, in_transaction, reading
from model.classifier import Classifier
from worker.operations.gate import Gate

SHARE = 20
"""How many times longer than it took to look for work a process goes on in the run that it found."""
LONGEST_S = 10.0


@dataclass(frozen=True)
class Claimed:
    """A chunk of items of one model that this process holds the leases of."""

    model_version_id: int
    items: list[ClaimedItem]


@dataclass(frozen=True)
class _Place:
    last: ClaimedItem
    model_version_id: int
    until: float


@dataclass
class Claiming:
    """The chunks of one process. Looking for work costs it a twentieth of its time at most, however slow that is."""

    sessions: Sessions
    classifier_of: Callable[[int], Classifier]
    owner: str
    limit: int
    lease_s: float
    gate: Gate | None = None
    _places: dict[tuple[str, int | None], _Place] = field(default_factory=dict)

    def next_chunk(self, queue: str, run_id: int | None) -> Claimed | None:
        """Lease the next items of a queue, or of one run in it; None if nothing is claimable now."""
        place = self._places.pop((queue, run_id), None)
        if place and time.monotonic() < place.until:
            chunk = self._lease(partial(claims.claim_after, last=place.last), queue, place.model_version_id, run_id)
            if chunk:
                self._note(queue, run_id, chunk, place.until)
                return chunk
        return self._look(queue, run_id)

    def _look(self, queue: str, run_id: int | None) -> Claimed | None:
        began = time.monotonic()
        with reading(self.sessions) as session:
            model_version_id = claims.next_model(session, queue, run_id)
        took = time.monotonic() - began
        if model_version_id is None:
            return None
        self.classifier_of(model_version_id)  # before the claim: a bundle that cannot be loaded holds no item up
        began = time.monotonic()
        chunk = self._lease(partial(claims.claim, run_id=run_id), queue, model_version_id, run_id)
        took += time.monotonic() - began
        if chunk:
            self._note(queue, run_id, chunk, time.monotonic() + min(SHARE * took, LONGEST_S))
        return chunk

    def _note(self, queue: str, run_id: int | None, chunk: Claimed, until: float) -> None:
        if len(chunk.items) == self.limit:  # else it was the end, or items whose lease was lost, of which more may wait
            self._places[queue, run_id] = _Place(chunk.items[-1], chunk.model_version_id, until)

    def _lease(
        self, claim: Callable[..., list[ClaimedItem]], queue: str, model_version_id: int, run_id: int | None
    ) -> Claimed | None:
        details = {"queue": queue, "model_version_id": model_version_id, "owner": self.owner}

        def leased(session: Session) -> list[ClaimedItem]:
            limits = self.gate.limits(session, run_id) if self.gate else {}
            return claim(session, limit=self.limit, lease_s=self.lease_s, at_most=limits, **details)

        items = in_transaction(self.sessions, leased)
        return Claimed(model_version_id, items) if items else None
