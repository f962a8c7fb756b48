"""Undoing: each tag whose last change came from a run, or from a model, gets its former value, by an event of its own.

What people decided since is left. A tag that was the image's first is withdrawn. A former value comes back with the
time it had, so that undoing an undo gives the same export, and with its origin, the number of the event that it first
came from: undo run 8, then run 7, and the tags are as they were before both. An undo is a run, and can be undone.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import Any
from uuid import uuid4

from sqlalchemy import Row, delete, func, insert, or_, select
from sqlalchemy.orm import Session, aliased

from db import actors, runs
from db.operations import notes
from db.operations.control import STEP, RunRefused
from db.operations.selection import WINDOW
from db.schema import ImageTag, ModelVersion, Run, TagEvent
from db.schema.columns import table_of
from db.schema.vocabulary import UNDO
from db.session import now, sql_now, upsert
from db.tags import TAG_FIELDS, TAGS, lock_objects

COUNTS = ("restored", "withdrawn", "left_human", "left_changed")
"""Tags that got their former value; of these, those that had none; and what was left: decided or changed since."""
Event = Row[*tuple[Any, ...]]
_ENDED = ("finished", "cancelled", "failed")
_AT_ONCE = 250  # events in one statement, so that it is short where a database has much to do


@dataclass(frozen=True, slots=True)
class Target:
    """The events to undo: those of a run (`actor`) or of a model. Only an undo is met in its own events alone."""

    actor: str | None = None
    model_id: int | None = None
    is_undo: bool = False

    def has(self, event: Event) -> bool:
        return bool(event.actor == self.actor if self.actor else event.new["model_version_id"] == self.model_id)

    def former(self, trail: Sequence[Event]) -> tuple[bool, Event | None]:
        """Tell whether the last change is to be undone, and return the event whose value the tag had before.

        It is not if that value is no longer known, as the beginning of the trail was removed.
        """
        last, by_seq = trail[-1], {event.seq: event for event in trail}
        origin = last if self.is_undo else by_seq[last.new.get("origin", last.seq)]
        if not self.has(origin):
            return False, None
        before = (event for event in reversed(trail) if event.seq < origin.seq and not self.has(event))
        former = next(before, None)
        return former is not None or trail[0].seq == 1, former


def check(run: Run) -> None:
    """Raise RunRefused if a run may still tag."""
    if run.state not in _ENDED:
        raise RunRefused(f"run {run.id} is {run.state}: wait for its end, or `tagger runs cancel {run.id}` first")


def touched(session: Session, undone: Run | ModelVersion, at_most: int) -> int:
    """Count what would be undone, up to `at_most`."""
    if isinstance(undone, Run):
        changed = select(TagEvent.id).where(TagEvent.actor == actors.of_run(undone.id))
    else:
        changed = select(ImageTag.object_id).where(ImageTag.model_version_id == undone.id)
    return session.execute(select(func.count()).select_from(changed.limit(at_most).subquery())).scalar_one()


def open_run(session: Session, undone: Run | ModelVersion, *, actor: str, why: str) -> Run:
    """Return the run that undoes another one, or all of a model: one that was interrupted, or a new one."""
    of_run = isinstance(undone, Run)
    selection = {"run": undone.id} if of_run else {"model": undone.id}
    model_id = undone.model_version_id if isinstance(undone, Run) else undone.id
    interrupted = runs.unfinished(session, kind=UNDO, selection=selection, model_version_id=model_id)
    if interrupted is not None:
        return interrupted
    run, _ = runs.open_run(
        session,
        logical_key=f"{UNDO}:{'run' if of_run else 'model'}:{undone.id}:{uuid4().hex[:8]}",
        kind=UNDO,
        selection=selection,
        model=session.get_one(ModelVersion, model_id),
        requested_by=actor,
    )
    run.counts = run.counts | dict.fromkeys(COUNTS, 0)
    notes.add(session, run.id, why, actor=actor, action="opened")
    return run


def undo_some(session: Session, run_id: int) -> bool:
    """Restore the next tags, STEP at most; False at the end, or when the run is held. Idempotent."""
    run = runs.locked(session, run_id)
    if run.kind != UNDO or run.state not in ("planned", "scanning"):
        return False
    target, find = _target(session, run), _changed_by_run if "run" in run.selection else _tagged_by_model
    object_ids, cursor = find(session, target, int(run.cursor or 0))
    counts = _restore(session, run, object_ids, target)
    run.counts = run.counts | {name: run.counts[name] + counts[name] for name in COUNTS}
    if cursor is None:
        run.counts = run.counts | runs.work_counts(session, run_id)
        run.state, run.finished_at = "finished", sql_now(session)
        return False
    run.state, run.cursor, run.updated_at = "scanning", str(cursor), sql_now(session)
    return True


def _target(session: Session, run: Run) -> Target:
    if "model" in run.selection:
        return Target(model_id=run.selection["model"])
    undone = session.get_one(Run, run.selection["run"])
    return Target(actor=actors.of_run(undone.id), is_undo=undone.kind == UNDO)


def _changed_by_run(session: Session, target: Target, after: int) -> tuple[list[int], int | None]:
    changed = select(TagEvent.id, TagEvent.object_id).where(TagEvent.actor == target.actor, TagEvent.id > after)
    events = session.execute(changed.order_by(TagEvent.id).limit(STEP)).all()
    return [event.object_id for event in events], events[-1].id if events else None


def _tagged_by_model(session: Session, target: Target, after: int) -> tuple[list[int], int | None]:
    """Look through the tags of some ids: those by the model, and those that people may have given in its place."""
    meant = or_(ImageTag.model_version_id == target.model_id, ImageTag.source == "human")
    window = ImageTag.object_id > after, ImageTag.object_id <= after + WINDOW, meant
    tags = select(ImageTag.object_id).where(*window).order_by(ImageTag.object_id).limit(STEP)
    object_ids = list(session.execute(tags).scalars())
    if len(object_ids) == STEP:
        return object_ids, object_ids[-1]
    last = session.execute(select(func.max(ImageTag.object_id))).scalar_one() or 0
    return object_ids, after + WINDOW if after < last else None


def _restore(session: Session, run: Run, object_ids: Sequence[int], target: Target) -> dict[str, int]:
    """Give these images' tags, as far as their last change is to be undone, the value from before it."""
    ids = sorted(set(object_ids))
    lock_objects(session, ids)
    columns = TagEvent.object_id, TagEvent.seq, TagEvent.actor, TagEvent.new
    of_images = select(*columns).where(TagEvent.object_id.in_(ids)).order_by(TagEvent.object_id, TagEvent.seq)
    counts = dict.fromkeys(COUNTS, 0)
    events: list[dict[str, Any]] = []
    me, at = actors.of_run(run.id), now(session)
    for object_id, group in groupby(session.execute(of_images), key=lambda event: event.object_id):
        trail = list(group)
        is_ours, before = target.former(trail)
        if not is_ours:
            _count_left(trail, target, me, counts)
            continue
        last, former = trail[-1], _value(before)
        counts["restored"] += 1
        counts["withdrawn"] += former is None
        change = {"old": _value(last), "new": former or dict.fromkeys(TAG_FIELDS), "actor": me, "at": at}
        events.append(change | {"object_id": object_id, "seq": last.seq + 1, "why": "undone"})
    _write(session, me, events)
    return counts


def _count_left(trail: Sequence[Event], target: Target, me: str, counts: dict[str, int]) -> None:
    if any(map(target.has, trail)) and not any(event.actor == me for event in trail):
        counts["left_human" if trail[-1].new["source"] == "human" else "left_changed"] += 1


def _value(event: Event | None) -> dict[str, Any] | None:
    """Return what an event made of the tag, and the number of the event it came from; None if there was none then."""
    if event is None or event.new["category"] is None:
        return None
    value: dict[str, Any] = {"origin": event.seq} | event.new
    return value


def _write(session: Session, me: str, events: list[dict[str, Any]]) -> None:
    """Append the events, and make the tags what these say: in the database, as thousands of rows would travel twice."""
    if not events:
        return
    for start in range(0, len(events), _AT_ONCE):
        session.execute(insert(table_of(TagEvent)), events[start : start + _AT_ONCE])
    object_ids = [event["object_id"] for event in events]
    undone, origin = aliased(TagEvent), aliased(TagEvent)
    values: dict[str, Any] = {
        "object_id": undone.object_id,
        "category": undone.new["category"].as_string(),
        "confidence": undone.new["confidence"].as_integer(),
        "needs_review": undone.new["needs_review"].as_boolean(),
        "review_reason": undone.new["review_reason"].as_string(),
        "source": undone.new["source"].as_string(),
        "model_version_id": undone.new["model_version_id"].as_integer(),
        "version": undone.seq,
        "tagged_at": origin.at,
    }
    came_from = (origin.object_id == undone.object_id) & (origin.seq == undone.new["origin"].as_integer())
    rows = select(*values.values()).join(origin, came_from).where(undone.object_id.in_(object_ids), undone.actor == me)
    statement = upsert(session, TAGS).from_select(list(values), rows)
    restored = {name: statement.excluded[name] for name in values if name != "object_id"}
    session.execute(statement.on_conflict_do_update(index_elements=[TAGS.c.object_id], set_=restored))
    withdrawn = [event["object_id"] for event in events if event["new"]["category"] is None]
    session.execute(delete(ImageTag).where(ImageTag.object_id.in_(withdrawn)))
