"""Images that are shown without a suggestion: audits, and what a second reviewer is asked about."""

from collections.abc import Sequence

from sqlalchemy import ColumnElement, Select, and_, exists, or_, select
from sqlalchemy.orm import aliased

from db.review.truth.audit import AUDIT, is_audit
from db.schema import Decision, ImageTag, SecondOpinion, SourceObject

Conditions = Sequence[ColumnElement[bool]]


def is_for_others() -> ColumnElement[bool]:
    """Match tags that are on no ordinary screen, as they are shown blind."""
    return or_(ImageTag.review_reason.is_not_distinct_from(AUDIT), _is_asked_about())


def picks(user_id: int, free: Conditions | None, limit: int, *, doubles: bool) -> list[Select[int]]:
    """Return the picks of what may be shown blind, what people ask before what is audited; none if `free` is None."""
    return [] if free is None else [_opinions(user_id, free, limit, doubles=doubles), _audits(free, limit)]


def _opinions(user_id: int, free: Conditions, limit: int, *, doubles: bool) -> Select[int]:
    """Pick images that somebody else has sent to a colleague, or with `doubles` has decided and is read again."""
    tag, asked, first = ImageTag, SecondOpinion, aliased(Decision)
    sent = and_(asked.kind == "colleague", tag.source == "model")
    read_again = and_(asked.kind == "double", tag.version == first.seq)
    return (
        _images()
        .join(asked, asked.object_id == tag.object_id)
        .join(first, first.id == asked.first_id)
        .where(asked.second_id.is_(None), first.undone_at.is_(None), first.user_id != user_id)
        .where(or_(sent, read_again) if doubles else sent, *free)
        .order_by(asked.object_id)
        .limit(limit)
    )


def _audits(free: Conditions, limit: int) -> Select[int]:
    """Pick images that passed and were drawn for an audit."""
    return _images().where(is_audit(), ~_is_asked_about(), *free).order_by(ImageTag.object_id).limit(limit)


def _images() -> Select[int]:
    return select(ImageTag.object_id).join(SourceObject, SourceObject.id == ImageTag.object_id)


def _is_asked_about() -> ColumnElement[bool]:
    asked = aliased(SecondOpinion)
    return exists().where(asked.object_id == ImageTag.object_id, asked.second_id.is_(None))
