"""Reprocessing: the images of a plan become the items of a run in the queue `ops`, as far as nothing changed since."""

from collections import Counter
from dataclasses import dataclass
from functools import cache, lru_cache
from typing import Any

from sqlalchemy import (
    BigInteger,
    Dialect,
    Executable,
    Integer,
    Select,
    Text,
    and_,
    bindparam,
    case,
    exists,
    func,
    literal,
    or_,
    select,
    tuple_,
)
from sqlalchemy.orm import Session

from db import runs
from db.operations import notes, plans
from db.schema import ImageTag, ModelVersion, Plan, PlanItem, Run, SourceObject, WorkItem
from db.schema.columns import table_of
from db.schema.vocabulary import REPROCESS
from db.schema.work import SEVERAL
from db.session import dialect_of, sql_now, upsert

PRIORITY = 10
STEP = 1000
"""Images of a step; whoever decides about one of them meanwhile waits until the step is committed."""
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
    if page is None:
        run.state, run.updated_at = "running", sql_now(session)
        run.counts = run.counts | {"left_new": plans.count_new(session, plan)}
        return False
    counted, stores = _count(session, page)
    queued = _queue(session, run, page)
    _note_store(run, stores)
    counted |= {"left_waiting": counted.pop("unchanged") - queued, "queued": queued}
    run.counts = run.counts | {name: run.counts.get(name, 0) + count for name, count in counted.items()}
    run.state, run.cursor, run.updated_at = "scanning", page.cursor, sql_now(session)
    return True


def changes(session: Session, plan: Plan, cursor: str) -> tuple[Counter[str], str | None]:
    """Count what has changed of the next STEP images of a plan; returns where to go on, None at the end."""
    page = _page(session, plan, cursor)
    if page is None:
        return Counter({"left_new": plans.count_new(session, plan)}), None
    left, _ = _count(session, page)
    del left["unchanged"]
    return Counter(left), page.cursor


def unopened(session: Session, *, stale_s: float) -> list[int]:
    """List the runs whose plans hold more, but of which nobody has queued anything for `stale_s` seconds."""
    waiting = select(Run.id).where(Run.kind == REPROCESS, Run.state.in_(("planned", "scanning")))
    return list(session.execute(waiting.where(Run.updated_at < sql_now(session, -stale_s))).scalars())


@dataclass(frozen=True, slots=True)
class _Page:
    """The next STEP images of a plan: what `_OF_PAGE` is to match, and the place of the last of them."""

    ends: dict[str, int]
    cursor: str


_PLACE = PlanItem.position, PlanItem.object_id
_ENDS = {name: bindparam(name, type_=BigInteger()) for name in ("plan", "position", "image", "position_2", "image_2")}
_OF_PAGE = and_(
    PlanItem.plan_id == _ENDS["plan"],
    tuple_(*_PLACE) > tuple_(_ENDS["position"], _ENDS["image"]),
    tuple_(*_PLACE) <= tuple_(_ENDS["position_2"], _ENDS["image_2"]),
)
_BEGINNING = f"{-(2**63)}:0"


def _page(session: Session, plan: Plan, cursor: str) -> _Page | None:
    """Return the page behind a cursor; None at the plan's end. Its rows never change, so neither does the page."""
    position, image = map(int, (cursor or _BEGINNING).split(":"))
    ends = {"plan": plan.id, "position": position, "image": image}
    last = session.execute(_end_of_page(), ends | {"step": STEP}).first()
    if last is None:
        return None
    ends |= {"position_2": last.position, "image_2": last.object_id}
    return _Page(ends, f"{last.position}:{last.object_id}")


@cache
def _end_of_page() -> Select[int, int]:
    """Build the search for a page's end, in the order of the index, whatever plan comes next.

    Of this plan alone PostgreSQL, which takes a new plan for a short one, would sort all that is left, for each page.
    """
    in_order = PlanItem.plan_id, *_PLACE
    rest = tuple_(*in_order) > tuple_(_ENDS["plan"], _ENDS["position"], _ENDS["image"])
    step = select(*in_order).where(rest).order_by(*in_order).limit(bindparam("step", type_=Integer())).subquery()
    of_plan = select(step.c.position, step.c.object_id).where(step.c.plan_id == _ENDS["plan"])
    return of_plan.order_by(step.c.position.desc(), step.c.object_id.desc()).limit(1)


def _count(session: Session, page: _Page) -> tuple[dict[str, int], set[str]]:
    """Lock the images of a page, and count those that are as the plan knew them, and the others by what changed.

    Returns besides the first and the last of the stores in which they lie.
    """
    locking, counting = _counting()
    session.execute(locking, page.ends)
    counts, stores = {"unchanged": 0}, set[str]()
    for name, count, *ends in session.execute(counting, page.ends):
        counts[name] = count
        stores.update(end for end in ends if end is not None)
    return counts, stores


@cache
def _counting() -> tuple[Select[int], Select[str, int, str, str]]:
    image, tag = SourceObject, ImageTag
    of_page = select(PlanItem.object_id).where(_OF_PAGE)
    locked = select(image.id).where(image.id.in_(of_page)).order_by(image.id).with_for_update(key_share=True)
    what = case(
        (or_(image.id.is_(None), image.gone_at.is_not(None)), "left_gone"),
        (image.version_token != PlanItem.version_token, "left_changed"),
        (tag.source == "human", "left_decided"),
        else_="unchanged",
    )
    columns = what, func.count(), func.min(image.bucket), func.max(image.bucket)
    rows = select(*columns).select_from(PlanItem).outerjoin(image, image.id == PlanItem.object_id)
    grouped = rows.outerjoin(tag, tag.object_id == PlanItem.object_id).where(_OF_PAGE).group_by(what)
    return select(func.count()).select_from(locked.subquery()), grouped


def _note_store(run: Run, stores: set[str]) -> None:
    """Note in which store the run's items lie, by which claims leave out those of stores that are held."""
    if stores and (run.bucket is not None or not run.cursor):
        known = stores if run.bucket is None else stores | {run.bucket}
        run.bucket = next(iter(known)) if len(known) == 1 else SEVERAL


def _queue(session: Session, run: Run, page: _Page) -> int:
    """Add an item for each unchanged image that has none open for this model; returns how many."""
    of_run = {"model": run.model_version_id, "request": f"run:{run.id}", "run": run.id}
    result = session.execute(_queueing(dialect_of(session)), page.ends | of_run)
    return int(result.rowcount)  # type: ignore[attr-defined]


@lru_cache(16)
def _queueing(dialect: Dialect) -> Executable:
    items, image = table_of(WorkItem), SourceObject
    values: dict[str, Any] = {
        "object_id": image.id,
        "version_token": image.version_token,
        "model_version_id": bindparam("model", type_=BigInteger()),
        "request_id": bindparam("request", type_=Text()),
        "run_id": bindparam("run", type_=BigInteger()),
        "bucket": image.bucket,
        "queue": literal("ops"),
        "priority": literal(PRIORITY),
        "state": literal("pending"),
        "eligible_at": sql_now(dialect),
    }
    by_people = exists().where(ImageTag.object_id == PlanItem.object_id, ImageTag.source == "human")
    unchanged = image.gone_at.is_(None), image.version_token == PlanItem.version_token, ~by_people
    rows = select(*values.values()).join(PlanItem, PlanItem.object_id == image.id).where(_OF_PAGE, *unchanged)
    added = upsert(dialect, items).from_select(list(values), rows.order_by(*_PLACE)).on_conflict_do_nothing()
    return added.execution_options(preserve_rowcount=True)
