"""Undoing of decisions: each image gets the tag that it had before, by an event of its own."""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Select, select, tuple_, update
from sqlalchemy.orm import Session

from db import CatalogueError, actors
from db.review.decisions import Conflict, Reviewer, conflict, fields_of
from db.review.truth import opinions, probes
from db.schema import Decision, ImageTag, Probe, TagEvent
from db.session import now
from db.tags import add_events, lock_objects, put_tags, tags_of

STEP = 200
"""Decisions undone in one transaction, where there are many."""


class NoSuchDecision(CatalogueError):
    """No decision of that id may be undone by this person."""


@dataclass(frozen=True, slots=True)
class Restored:
    """An image whose decision was undone, with its tag as it is now."""

    key: str
    object_id: int
    version: int
    category: str
    needs_review: bool


@dataclass(frozen=True, slots=True)
class Chosen:
    """Decisions of one person that are to be undone: of a session, or from one time to another; None is open."""

    user_id: int
    session_id: int | None = None
    since: datetime | None = None
    until: datetime | None = None

    def decisions(self) -> Select[Decision]:
        """Select those that stand, the newest first."""
        made = Decision
        statement = select(made).where(made.user_id == self.user_id, made.undone_at.is_(None))
        if self.session_id is not None:
            statement = statement.where(made.session_id == self.session_id)
        if self.since is not None:
            statement = statement.where(made.decided_at >= self.since)
        if self.until is not None:
            statement = statement.where(made.decided_at < self.until)
        return statement.order_by(made.id.desc())


def undo(session: Session, reviewer: Reviewer, key: str, *, of_anybody: bool = False) -> Restored | Conflict:
    """Undo a decision by its key: one's own, or with `of_anybody` another's. Raises NoSuchDecision.

    Undoing it again changes nothing; a Conflict says that somebody has changed the image since.
    """
    found = select(Decision).where(Decision.key == key).order_by(Decision.id.desc())
    candidates = session.execute(found).scalars().all()
    mine = [decision for decision in candidates if decision.user_id == reviewer.id]
    decision = next(iter(mine or (candidates if of_anybody else [])), None)
    if decision is not None:
        return undo_all(session, reviewer, [decision])[0]
    probe = probes.by_key(session, reviewer.id, key)
    if probe is None:
        raise NoSuchDecision(f"you have made no decision {key!r}; the history of the image names those that there are")
    return _of_probe(session, probe)


def version_of(session: Session, user_id: int, key: str) -> int | None:
    """Return the present version of the image that somebody decided with this key; None if nobody has."""
    made = select(ImageTag.version).join(Decision, Decision.object_id == ImageTag.object_id)
    own_first = Decision.user_id != user_id, Decision.id.desc()
    return session.execute(made.where(Decision.key == key).order_by(*own_first).limit(1)).scalar_one_or_none()


def undo_screen(session: Session, reviewer: Reviewer, screen_id: int) -> list[Restored | Conflict]:
    """Undo what one has decided on a screen and not undone yet. A probe keeps its first answer, and is shown again."""
    of_screen = Decision.screen_id == screen_id, Decision.user_id == reviewer.id, Decision.undone_at.is_(None)
    decisions = session.execute(select(Decision).where(*of_screen)).scalars().all()
    shown_again = [_of_probe(session, probe) for probe in probes.on_screen(session, reviewer.id, screen_id)]
    return [*undo_all(session, reviewer, decisions), *shown_again]


def undo_some(
    session: Session, reviewer: Reviewer, chosen: Chosen, before: int | None
) -> tuple[list[Restored | Conflict], int | None]:
    """Undo the newest of these decisions, below the id `before`; returns the id to go on below, None at the end."""
    statement = chosen.decisions().limit(STEP)
    decisions = session.execute(statement if before is None else statement.where(Decision.id < before)).scalars().all()
    return undo_all(session, reviewer, decisions), decisions[-1].id if decisions else None


def undo_all(session: Session, reviewer: Reviewer, decisions: Sequence[Decision]) -> list[Restored | Conflict]:
    """Undo decisions in the caller's transaction, the newest first; a Conflict where somebody has changed the image."""
    object_ids = [decision.object_id for decision in decisions]
    lock_objects(session, object_ids)
    these = select(Decision).where(Decision.id.in_([decision.id for decision in decisions]))
    again = these.order_by(Decision.id.desc()).execution_options(populate_existing=True)
    undoing = _Undoing(session, reviewer, object_ids)
    results = [undoing.add(decision) for decision in session.execute(again).scalars()]
    undoing.flush()
    return results


class _Undoing:
    """The rows that undoing makes, written together at its end. The caller holds the images' locks."""

    def __init__(self, session: Session, reviewer: Reviewer, object_ids: Sequence[int]) -> None:
        self._session, self._actor, self._at = session, actors.of_person(reviewer.name), now(session)
        self._now = {object_id: dict(tag._mapping) for object_id, tag in tags_of(session, object_ids).items()}
        self._old = self._before(object_ids)
        self._undone = self._undone_before(object_ids)
        self._changed: set[int] = set()
        self._events: list[dict[str, Any]] = []
        self._ids: list[int] = []

    def add(self, decision: Decision) -> Restored | Conflict:
        """Take one decision; what has no tag event, as a skip, changes no tag."""
        tag = self._now.get(decision.object_id)
        if tag is None:
            return conflict(self._session, decision.object_id, None)
        if decision.undone_at is None:
            if decision.seq is not None:
                if not self._stands(decision, tag):
                    return conflict(self._session, decision.object_id, tag)
                tag = self._restore(decision, tag)
            self._ids.append(decision.id)
        return Restored(decision.key, decision.object_id, tag["version"], tag["category"], tag["needs_review"])

    def flush(self) -> None:
        if self._changed:
            rows = [self._now[object_id] for object_id in sorted(self._changed)]
            put_tags(self._session, rows)
            add_events(self._session, self._events)
        if self._ids:
            undone = update(Decision).where(Decision.id.in_(self._ids), Decision.undone_at.is_(None))
            options = {"synchronize_session": False}
            self._session.execute(undone.values(undone_at=self._at).execution_options(**options))
            opinions.undone(self._session, self._ids)

    def _stands(self, decision: Decision, tag: dict[str, Any]) -> bool:
        """Tell whether all that followed a decision is undone; each undone one has left two events."""
        later = sum(seq > (decision.seq or 0) for seq in self._undone[decision.object_id])
        return bool(tag["version"] == (decision.seq or 0) + 2 * later)

    def _restore(self, decision: Decision, tag: dict[str, Any]) -> dict[str, Any]:
        old = self._old[decision.object_id, decision.seq or 0]
        version = tag["version"] + 1
        after = old | {"object_id": decision.object_id, "version": version, "tagged_at": self._at}
        event = {"object_id": decision.object_id, "seq": version, "old": fields_of(tag), "new": old, "at": self._at}
        self._events.append(event | {"actor": self._actor, "why": f"undid a decision ({decision.how})"})
        self._now[decision.object_id] = after
        self._undone[decision.object_id].append(decision.seq or 0)
        self._changed.add(decision.object_id)
        return dict(after)

    def _before(self, object_ids: Sequence[int]) -> dict[tuple[int, int], dict[str, Any]]:
        """Read what each decision's event says of the tag before it."""
        made = select(Decision.object_id, Decision.seq).where(Decision.object_id.in_(object_ids), Decision.seq > 0)
        events = select(TagEvent.object_id, TagEvent.seq, TagEvent.old)
        of_decisions = events.where(tuple_(TagEvent.object_id, TagEvent.seq).in_(made))
        return {(object_id, seq): old or {} for object_id, seq, old in self._session.execute(of_decisions)}

    def _undone_before(self, object_ids: Sequence[int]) -> defaultdict[int, list[int]]:
        """Read the events of decisions that are undone already, by image."""
        undone = Decision.object_id.in_(object_ids), Decision.seq > 0, Decision.undone_at.is_not(None)
        seqs: defaultdict[int, list[int]] = defaultdict(list)
        for object_id, seq in self._session.execute(select(Decision.object_id, Decision.seq).where(*undone)):
            seqs[object_id].append(seq or 0)
        return seqs


def _of_probe(session: Session, probe: Probe) -> Restored:
    tag = tags_of(session, [probe.object_id]).get(probe.object_id)
    version = tag.version if tag else 0
    return Restored(probe.key or "", probe.object_id, version, probe.shown, needs_review=True)
