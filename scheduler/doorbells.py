"""Doorbells: just enough messages in the broker that every free worker hears of work."""

import math
import time
from weakref import WeakKeyDictionary

import structlog
from celery import Celery
from sqlalchemy.orm import Session

from db import heartbeats
from db.queue import claims
from db.session import Sessions, in_transaction
from worker import celery as broker

log = structlog.get_logger()

LEFT_ALONE_S = 60.0
_left_alone_until: WeakKeyDictionary[Celery, float] = WeakKeyDictionary()


def needed(claimable: int, chunk: int, slots: int, depth: int) -> int:
    """Return how many doorbells to add: one a chunk, at most two a slot, less what already waits."""
    return max(0, min(math.ceil(claimable / chunk), 2 * slots) - depth)


def ring_all(app: Celery, sessions: Sessions, *, chunk: int) -> int:
    """Ring each queue as much as it needs; returns how many doorbells were sent.

    A broker that is down, or hangs, is left alone for a minute: idle workers look into SQL by themselves.
    """
    if time.monotonic() < _left_alone_until.get(app, 0.0):
        return 0
    waiting, slots = in_transaction(sessions, lambda session: _look(session, chunk))
    rung = 0
    for name, claimable in waiting.items():
        if not claimable:
            continue
        try:
            for _ in range(needed(claimable, chunk, slots, broker.depth(app, name))):
                broker.ring(app, name)
                rung += 1
        except broker.BrokerUnavailable as error:
            log.warning("ring_failed", queue=name, error=str(error))
            _left_alone_until[app] = time.monotonic() + LEFT_ALONE_S
            break
    return rung


def _look(session: Session, chunk: int) -> tuple[dict[str, int], int]:
    """Count claimable items by queue, as far as they matter, and slots of workers."""
    slots = max(1, heartbeats.slots(session))
    return {name: claims.claimable(session, name, at_most=2 * slots * chunk) for name in claims.QUEUES}, slots
