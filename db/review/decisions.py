"""Decisions of people: tag, event and decision are written in one transaction, once, on what the person has seen."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Row, delete, insert, select, update
from sqlalchemy.orm import Session

from db import CatalogueError, actors
from db.review.human_tags import decided_fields
from db.schema import Decision, ReviewClaim, ReviewScreen, TagEvent
from db.schema.columns import table_of
from db.session import now
from db.tags import TAG_FIELDS, TAGS, lock_objects, upsert_tags


class NoSuchDecision(CatalogueError):
    """No decision of that id may be undone by this person."""


@dataclass(frozen=True, slots=True)
class Reviewer:
    """Who decides: the row of the user, and the name that the history shows."""

    id: int
    name: str


@dataclass(frozen=True, slots=True)
class Given:
    """A decision as it is sent: `key` is the client's and makes it idempotent, `version` the tag's that was seen.

    `outcome` is one of OUTCOMES; `category` is given only with "category", `screen_id` if the image was on a screen.
    """

    key: str
    object_id: int
    version: int
    outcome: str
    category: str | None = None
    screen_id: int | None = None
    how: str = "api"
    blind: bool = False
    dwell_ms: int | None = None


@dataclass(frozen=True, slots=True)
class Conflict:
    """An image that somebody changed since it was seen: what it is now, and by whom. All None: it is not there."""

    object_id: int
    category: str | None
    by: str | None
    version: int | None


@dataclass(frozen=True, slots=True)
class Recorded:
    """What became of a batch: the keys that were recorded now or before, and what others were quicker with."""

    recorded: list[str]
    repeated: list[str]
    conflicts: list[Conflict]


@dataclass(frozen=True, slots=True)
class Restored:
    """An image whose decision was undone, with its tag as it is now."""

    key: str
    object_id: int
    version: int
    category: str
    needs_review: bool


def record(session: Session, reviewer: Reviewer, batch: Sequence[Given]) -> Recorded:
    """Record a batch in the caller's transaction; what was recorded before, or has changed since, is only told."""
    lock_objects(session, [given.object_id for given in batch])
    tags = _tags(session, [given.object_id for given in batch])
    seen = _keys_of(session, reviewer, [given.key for given in batch])
    writing = _Writing(session, reviewer, _own_screens(session, reviewer, batch))
    result = Recorded([], [], [])
    for given in batch:
        before = tags.get(given.object_id)
        if given.key in seen:
            result.repeated.append(given.key)
        elif before is None or before["version"] != given.version:
            result.conflicts.append(_conflict(session, given.object_id, before))
        else:
            tags[given.object_id] = writing.add(given, before)
            seen.add(given.key)
            result.recorded.append(given.key)
    writing.flush()
    return result


class _Writing:
    """The rows that a batch makes, written together at its end."""

    def __init__(self, session: Session, reviewer: Reviewer, screens: set[int]) -> None:
        self._session, self._reviewer, self._screens = session, reviewer, screens
        self._at = now(session)
        self._tags: dict[int, dict[str, Any]] = {}
        self._events: list[dict[str, Any]] = []
        self._decisions: list[dict[str, Any]] = []
        self._settled: set[int] = set()

    def add(self, given: Given, before: dict[str, Any]) -> dict[str, Any]:
        """Take one decision; returns the image's tag after it."""
        after, seq = before, None
        if given.outcome != "skip":
            seq = before["version"] + 1
            new = decided_fields(given.category or "", None if given.outcome == "category" else given.outcome)
            after = new | {"object_id": given.object_id, "version": seq, "tagged_at": self._at}
            self._tags[given.object_id] = after
            self._events.append(
                {"object_id": given.object_id, "seq": seq, "old": _fields(before), "new": new, "at": self._at}
                | {"actor": actors.of_person(self._reviewer.name), "why": f"reviewed ({given.how})"}
            )
        if given.outcome != "skip" or given.screen_id in self._screens:
            self._settled.add(given.object_id)
        self._decisions.append(self._row(given, before, seq))
        return after

    def flush(self) -> None:
        if not self._decisions:
            return
        if self._tags:
            self._session.execute(upsert_tags(self._session), list(self._tags.values()))
            self._session.execute(insert(table_of(TagEvent)), self._events)
        self._session.execute(insert(table_of(Decision)), self._decisions)
        self._session.execute(delete(ReviewClaim).where(ReviewClaim.object_id.in_(sorted(self._settled))))

    def _row(self, given: Given, before: dict[str, Any], seq: int | None) -> dict[str, Any]:
        on_screen = given.screen_id in self._screens
        drawn = "flag" if on_screen and before["needs_review"] else "search"
        return {
            "key": given.key,
            "user_id": self._reviewer.id,
            "object_id": given.object_id,
            "screen_id": given.screen_id if on_screen else None,
            "outcome": given.outcome,
            "category": given.category,
            "seq": seq,
            "how": given.how,
            "drawn": drawn,
            "probability": 1.0 if drawn == "flag" else None,
            "suggested": None if given.blind else before["category"],
            "dwell_ms": given.dwell_ms,
            "decided_at": self._at,
            "undone_at": None,
        }


def undo(session: Session, reviewer: Reviewer, key: str, *, of_anybody: bool = False) -> Restored | Conflict:
    """Undo a decision by its key: one's own, or with `of_anybody` another's. Raises NoSuchDecision.

    Undoing it again changes nothing; a Conflict says that somebody has changed the image since.
    """
    found = select(Decision).where(Decision.key == key).order_by(Decision.id.desc())
    candidates = session.execute(found).scalars().all()
    mine = [decision for decision in candidates if decision.user_id == reviewer.id]
    decision = next(iter(mine or (candidates if of_anybody else [])), None)
    if decision is None:
        raise NoSuchDecision(f"you have made no decision {key!r}; the history of the image names those that there are")
    return _undo(session, reviewer, decision)


def undo_screen(session: Session, reviewer: Reviewer, screen_id: int) -> list[Restored | Conflict]:
    """Undo what one has decided on a screen and not undone yet, the last first."""
    of_screen = Decision.screen_id == screen_id, Decision.user_id == reviewer.id, Decision.undone_at.is_(None)
    decisions = session.execute(select(Decision).where(*of_screen).order_by(Decision.id.desc())).scalars().all()
    lock_objects(session, [decision.object_id for decision in decisions])
    return [_undo(session, reviewer, decision) for decision in decisions]


def _undo(session: Session, reviewer: Reviewer, decision: Decision) -> Restored | Conflict:
    lock_objects(session, [decision.object_id])
    session.refresh(decision)
    tag = _tags(session, [decision.object_id]).get(decision.object_id)
    if tag is None:
        return _conflict(session, decision.object_id, None)
    if decision.undone_at is None and decision.seq is not None:
        if tag["version"] != decision.seq:
            return _conflict(session, decision.object_id, tag)
        tag = _restore(session, reviewer, decision, tag)
    undone = update(Decision).where(Decision.id == decision.id, Decision.undone_at.is_(None))
    session.execute(undone.values(undone_at=now(session)).execution_options(synchronize_session=False))
    return Restored(decision.key, decision.object_id, tag["version"], tag["category"], tag["needs_review"])


def _restore(session: Session, reviewer: Reviewer, decision: Decision, tag: dict[str, Any]) -> dict[str, Any]:
    """Give an image the tag that it had before a decision, by an event of its own."""
    made = TagEvent.object_id == decision.object_id, TagEvent.seq == decision.seq
    old = session.execute(select(TagEvent.old).where(*made)).scalar_one()
    assert old is not None  # only what has a tag is decided on
    at, version = now(session), tag["version"] + 1
    row = old | {"object_id": decision.object_id, "version": version, "tagged_at": at}
    session.execute(upsert_tags(session), [row])
    event = {"object_id": decision.object_id, "seq": version, "old": _fields(tag), "new": old, "at": at}
    event |= {"actor": actors.of_person(reviewer.name), "why": f"undid a decision ({decision.how})"}
    session.execute(insert(table_of(TagEvent)), [event])
    return dict(row)


def _fields(tag: dict[str, Any]) -> dict[str, Any]:
    return {name: tag[name] for name in TAG_FIELDS}


def _tags(session: Session, object_ids: Sequence[int]) -> dict[int, dict[str, Any]]:
    rows = session.execute(select(TAGS).where(TAGS.c.object_id.in_(sorted(object_ids))))
    return {row.object_id: dict(row._mapping) for row in rows}


def _keys_of(session: Session, reviewer: Reviewer, keys: Sequence[str]) -> set[str]:
    known = select(Decision.key).where(Decision.user_id == reviewer.id, Decision.key.in_(keys))
    return set(session.execute(known).scalars())


def _own_screens(session: Session, reviewer: Reviewer, batch: Sequence[Given]) -> set[int]:
    named = {given.screen_id for given in batch if given.screen_id is not None}
    own = select(ReviewScreen.id).where(ReviewScreen.user_id == reviewer.id, ReviewScreen.id.in_(named))
    return set(session.execute(own).scalars()) if named else set()


def _conflict(session: Session, object_id: int, tag: dict[str, Any] | None) -> Conflict:
    if tag is None:
        return Conflict(object_id, None, None, None)
    last = select(TagEvent.actor).where(TagEvent.object_id == object_id, TagEvent.seq == tag["version"])
    actor: Row[str] | None = session.execute(last).one_or_none()
    return Conflict(object_id, tag["category"], actors.name_of(actor[0]) if actor else None, tag["version"])
