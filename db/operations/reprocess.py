"""Reprocessing: the images of a plan become the items of a run in the queue `ops`, as far as nothing changed since."""

from collections import Counter
from collections.abc import Sequence
from typing import Any

from sqlalchemy import Row, literal, select, tuple_
from sqlalchemy.orm import Session

from db import runs
from db.operations import notes, plans
from db.operations.plans import STEP
from db.schema import ImageTag, ModelVersion, Plan, PlanItem, Run, SourceObject, WorkItem
from db.schema.columns import table_of
from db.schema.vocabulary import REPROCESS
from db.session import sql_now, upsert

PRIORITY = 10
LEFT_OUT = ("left_gone", "left_changed", "left_decided", "left_waiting", "left_new")
"""Counts of a run: what of its plan is gone, overwritten, decided by people or waits anyway; and what came since."""


def open_run(session: Session, plan: Plan, *, actor: str, why: str) -> tuple[Run, bool]:
    """Return the run of a plan, and whether this call made it: a plan is opened once."""
    run, is_new = runs.open_run(
        session,
        logical_key=f"{REPROCESS}:{plan.code}",
        kind=REPROCESS,
        selection={"plan": plan.code} | plan.selection,
        model=session.get_one(ModelVersion, plan.model_version_id),
        requested_by=actor,
    )
    if is_new:
        run.counts = run.counts | dict.fromkeys(("queued", *LEFT_OUT), 0)
        notes.add(session, run.id, why, actor=actor, action="opened")
    return run, is_new


def queue_some(session: Session, run_id: int) -> bool:
    """Queue the next STEP images of the run's plan; False at the end, or when the run is held. Idempotent."""
    run = runs.locked(session, run_id)
    if run.kind != REPROCESS or run.state not in ("planned", "scanning"):
        return False
    plan = plans.find(session, run.selection["plan"])
    page = _page(session, plan, run.cursor)
    if not page:
        run.state, run.updated_at = "running", sql_now(session)
        run.counts = run.counts | {"left_new": plans.count_new(session, plan)}
        return False
    kept, left = _sort_out(session, page)
    queued = _queue(session, run, kept, plan)
    left |= {"left_waiting": len(kept) - queued, "queued": queued}
    run.counts = run.counts | {name: run.counts.get(name, 0) + count for name, count in left.items()}
    run.state, run.cursor, run.updated_at = "scanning", _cursor(page[-1]), sql_now(session)
    return True


def changes(session: Session, plan: Plan, cursor: str) -> tuple[Counter[str], str | None]:
    """Count what has changed of the next STEP images of a plan; returns where to go on, None at the end."""
    page = _page(session, plan, cursor)
    if not page:
        return Counter({"left_new": plans.count_new(session, plan)}), None
    _, left = _sort_out(session, page)
    return left, _cursor(page[-1])


def unopened(session: Session, *, stale_s: float) -> list[int]:
    """List the runs whose plans hold more, but of which nobody has queued anything for `stale_s` seconds."""
    waiting = select(Run.id).where(Run.kind == REPROCESS, Run.state.in_(("planned", "scanning")))
    return list(session.execute(waiting.where(Run.updated_at < sql_now(session, -stale_s))).scalars())


def _page(session: Session, plan: Plan, cursor: str) -> Sequence[Row[*tuple[Any, ...]]]:
    place = PlanItem.position, PlanItem.object_id
    items = select(*place, PlanItem.version_token).where(PlanItem.plan_id == plan.id)
    if cursor:
        position, object_id = map(int, cursor.split(":"))
        items = items.where(tuple_(*place) > tuple_(literal(position), literal(object_id)))
    return session.execute(items.order_by(*place).limit(STEP)).all()


def _cursor(item: Row[*tuple[Any, ...]]) -> str:
    return f"{item.position}:{item.object_id}"


def _sort_out(session: Session, page: Sequence[Row[*tuple[Any, ...]]]) -> tuple[list[int], Counter[str]]:
    """Lock the images of a page; returns those that are as the plan knew them, and counts the others."""
    tokens = {item.object_id: item.version_token for item in page}
    image = SourceObject
    locked = (
        select(image.id, image.version_token, image.gone_at)
        .where(image.id.in_(sorted(tokens)))
        .order_by(image.id)
        .with_for_update(key_share=True)
    )
    present = {row.id: row for row in session.execute(locked)}
    decided = select(ImageTag.object_id).where(ImageTag.object_id.in_(sorted(tokens)), ImageTag.source == "human")
    by_people = set(session.execute(decided).scalars())
    kept: list[int] = []
    left: Counter[str] = Counter()
    for object_id, token in tokens.items():
        row = present.get(object_id)
        if row is None or row.gone_at is not None:
            left["left_gone"] += 1
        elif row.version_token != token:
            left["left_changed"] += 1
        elif object_id in by_people:
            left["left_decided"] += 1
        else:
            kept.append(object_id)
    return kept, left


def _queue(session: Session, run: Run, object_ids: list[int], plan: Plan) -> int:
    """Add an item for each of these images that has none open for this model; returns how many."""
    items, image = table_of(WorkItem), SourceObject
    values: dict[str, Any] = {
        "object_id": image.id,
        "version_token": image.version_token,
        "model_version_id": literal(run.model_version_id),
        "request_id": literal(f"run:{run.id}"),
        "run_id": literal(run.id),
        "queue": literal("ops"),
        "priority": literal(PRIORITY),
        "state": literal("pending"),
        "eligible_at": sql_now(session),
    }
    order = image.last_modified.desc() if plan.newest_first else image.id
    rows = select(*values.values()).where(image.id.in_(sorted(object_ids))).order_by(order, image.id)
    added = upsert(session, items).from_select(list(values), rows).on_conflict_do_nothing()
    return len(session.execute(added.returning(items.c.id)).all())
