"""Undoing: each tag whose last change came from a run, or from a model, gets its former value, by an event of its own.

What people decided since is left. A tag that was the image's first is withdrawn. A former value comes back with the
time it had, so that undoing an undo gives the same export, and with its origin, the number of the event that it first
came from: undo run 8, then run 7, and the tags are as they were before both. An undo is a run, and can be undone.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any
from uuid import uuid4

from sqlalchemy import (
    JSON,
    ColumnElement,
    Row,
    case,
    delete,
    exists,
    func,
    insert,
    literal,
    or_,
    select,
    tuple_,
    update,
)
from sqlalchemy.orm import Session, aliased

from db import actors, runs
from db.operations import notes
from db.operations.control import STEP, RunRefused
from db.operations.selection import WINDOW
from db.operations.trails import Event, by, is_last, is_withdrawn, value_of
from db.schema import ImageTag, ModelVersion, Run, TagEvent
from db.schema.columns import table_of
from db.schema.lists import in_list
from db.schema.vocabulary import UNDO
from db.session import dialect_of, sql_now
from db.tags import TAG_FIELDS, TAGS, lock_objects

COUNTS = ("restored", "withdrawn", "left_human", "left_changed")
"""Tags that got their former value; of these, those that had none; and what was left: decided or changed since."""
_EVENTS = table_of(TagEvent)
_ENDED = ("finished", "cancelled", "failed")


@dataclass(frozen=True, slots=True)
class Target:
    """The events to undo: those of a run (`actor`) or of a model. Only an undo is met in its own events alone."""

    actor: str | None = None
    model_id: int | None = None
    is_undo: bool = False

    def has(self, event: Event) -> ColumnElement[bool]:
        if self.actor is not None:
            return by(event) == self.actor
        said: ColumnElement[bool] = event.new["model_version_id"].as_integer().is_not_distinct_from(self.model_id)
        return said

    def is_met_in(self, last: Event, origin: Event) -> ColumnElement[bool]:
        """Tell whether an image's last change is to be undone, as the event says from which its value came."""
        is_origin = origin.seq == (
            last.seq if self.is_undo else func.coalesce(last.new["origin"].as_integer(), last.seq)
        )
        return (origin.object_id == last.object_id) & is_origin & self.has(origin)


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
    """Look through the run's next events, in the order of the index; see `db.operations.reprocess`."""
    place = TagEvent.actor, TagEvent.id
    rest = tuple_(*place) > tuple_(literal(target.actor), literal(after))
    step = select(*place, TagEvent.object_id).where(rest).order_by(*place).limit(STEP).subquery()
    of_run = select(step.c.id, step.c.object_id).where(step.c.actor == target.actor).order_by(step.c.id)
    events = session.execute(of_run).all()
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
    ids, me = sorted(set(object_ids)), actors.of_run(run.id)
    lock_objects(session, ids)
    appended, counts = _append(session, target, ids, me), dict.fromkeys(COUNTS, 0)
    if appended:
        counts["restored"], counts["withdrawn"] = len(appended), sum(event.withdraws for event in appended)
        _follow(session, me, appended)
    if len(appended) < len(ids):
        counts |= _left(session, target, ids, me)
    return counts


def _append(session: Session, target: Target, object_ids: Sequence[int], me: str) -> Sequence[Row[int, bool, bool]]:
    """Append an event for each tag to restore; returns their ids, and whether each gives a tag anew or withdraws it.

    A tag is left if its former value is no longer known, as the beginning of the trail was removed.
    """
    last, origin, former, trail = (aliased(TagEvent) for _ in range(4))
    of_image = trail.object_id == last.object_id
    newest_before = select(func.max(trail.seq)).where(of_image, trail.seq < origin.seq, ~target.has(trail))
    is_former = former.seq == newest_before.correlate(last, origin).scalar_subquery()
    begins = exists().where(of_image, trail.seq == 1)
    values: dict[str, Any] = {
        "object_id": last.object_id,
        "seq": last.seq + 1,
        "old": value_of(session, last),
        "new": func.coalesce(value_of(session, former), literal(dict.fromkeys(TAG_FIELDS), JSON())),
        "actor": literal(me),
        "why": literal("undone"),
        "at": sql_now(session),
    }
    rows = select(*values.values()).join(origin, target.is_met_in(last, origin))
    rows = rows.outerjoin(former, (former.object_id == last.object_id) & is_former)
    meant = in_list(dialect_of(session), last.object_id, "ids"), is_last(last), or_(former.id.is_not(None), begins)
    adding = insert(_EVENTS).from_select(list(values), rows.where(*meant).order_by(last.object_id))
    told = _EVENTS.c.id, is_withdrawn(_EVENTS.c.old).label("gives"), is_withdrawn(_EVENTS.c.new).label("withdraws")
    return session.execute(adding.returning(*told), {"ids": object_ids}).all()


def _follow(session: Session, me: str, appended: Sequence[Row[int, bool, bool]]) -> None:
    """Make the tags what the appended events say."""
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
    is_ours = (undone.actor == me) & (undone.id >= min(event.id for event in appended))
    came_from = (origin.object_id == undone.object_id) & (origin.seq == undone.new["origin"].as_integer())
    changed = {name: value for name, value in values.items() if name != "object_id"}
    session.execute(update(TAGS).values(changed).where(TAGS.c.object_id == undone.object_id, is_ours, came_from))
    if any(event.gives for event in appended):
        rows = select(*values.values()).join(origin, came_from).where(is_ours, is_withdrawn(undone.old))
        session.execute(insert(TAGS).from_select(list(values), rows.order_by(undone.object_id)))
    if any(event.withdraws for event in appended):
        withdrawn = select(undone.object_id).where(is_ours, is_withdrawn(undone.new))
        session.execute(delete(TAGS).where(TAGS.c.object_id.in_(withdrawn)))


def _left(session: Session, target: Target, object_ids: Sequence[int], me: str) -> dict[str, int]:
    """Count the tags that were the target's and were left, by what they are now. The caller has restored the others."""
    last, trail = aliased(TagEvent), aliased(TagEvent)
    of_image = trail.object_id == last.object_id
    was_ours, restored = exists().where(of_image, target.has(trail)), exists().where(of_image, by(trail) == me)
    what = case((last.new["source"].as_string() == "human", "left_human"), else_="left_changed")
    left = in_list(dialect_of(session), last.object_id, "ids"), is_last(last), was_ours, ~restored
    counted = select(what, func.count()).where(*left).group_by(what)
    return dict(session.execute(counted, {"ids": object_ids}).all())
