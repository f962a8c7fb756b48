"""What a scan tries again: images that failed for a cause outside their bytes, which may have gone since."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import ColumnElement, and_, case, exists, func, literal, or_, select
from sqlalchemy.orm import Session

from db.queue.leases import LEASE_S
from db.schema import SourceObject, WorkItem
from db.session import sql_now

_OUTSIDE = ("access_denied", "archived", "store_unavailable")
# Items that ended because their object version was not there to be read do not count as work on it.
UNREAD = ("superseded", "not_found", "changed_during_read")
A_DAY_S = 20 * 3600.0
"""One night is less than a day after the one before, if that took long."""
SETTLED, TRIED_ENOUGH, NEVER_GIVEN, FAILED = range(4)


@dataclass(frozen=True, slots=True)
class Retries:
    """The caps of today, which a failed image may be within by now, and how often a day one is tried at all."""

    max_bytes: int = 0
    max_pixels: int = 0
    a_day: int = 1


ONCE_A_NIGHT = Retries()


def work_on(session: Session, model_version_id: int, retries: Retries) -> ColumnElement[int]:
    """Tell of a row of source_object how a model's work on its version stands."""
    item = WorkItem
    of_version = and_(
        item.object_id == SourceObject.id,
        item.model_version_id == model_version_id,
        item.version_token == SourceObject.version_token,
    )
    unread = (item.state == "skipped") & item.reason.in_(UNREAD)
    mended = item.state.in_(("skipped", "quarantined")) & or_(
        item.reason.in_(_OUTSIDE),
        (item.reason == "too_large") & (func.coalesce(item.cap, 0) < retries.max_bytes),
        (item.reason == "too_many_pixels") & (func.coalesce(item.cap, 0) < retries.max_pixels),
    )
    # An item that has ended keeps the end of its lease, which is about when it ended.
    lately = select(func.count()).where(of_version, mended, item.eligible_at > sql_now(session, -A_DAY_S))
    tried_enough = lately.correlate(SourceObject).scalar_subquery() >= retries.a_day
    return case(  # in this order: of a healthy image the first is all that is looked up
        (exists().where(of_version, ~unread, ~mended), literal(SETTLED)),
        (tried_enough, literal(TRIED_ENOUGH)),
        (exists().where(of_version, mended), literal(FAILED)),
        else_=literal(NEVER_GIVEN),
    )


def touched_since(session: Session, model_version_id: int, touched: Mapping[int, datetime]) -> set[int]:
    """Return which of these objects were touched after their last try, or at most a lease before its end."""
    of_model = WorkItem.object_id.in_(sorted(touched)), WorkItem.model_version_id == model_version_id
    ended = select(WorkItem.object_id, func.max(WorkItem.eligible_at)).where(*of_model).group_by(WorkItem.object_id)
    lease = timedelta(seconds=LEASE_S)
    return {row_id for row_id, at in session.execute(ended) if touched[row_id] > at - lease} if touched else set()
