"""Images that are shown without a suggestion: audits, and what a second reviewer is asked about."""

from collections.abc import Sequence

from sqlalchemy import BindParameter, ColumnElement, Select, and_, exists, literal, or_, select, union_all
from sqlalchemy.orm import aliased

from db.review.truth.audit import AUDIT, is_audit
from db.schema import Decision, ImageTag, SecondOpinion, SourceObject

Conditions = Sequence[ColumnElement[bool]]


def is_for_others() -> ColumnElement[bool]:
    """Match tags that are on no ordinary screen, as they are shown blind."""
    return or_(ImageTag.review_reason.is_not_distinct_from(AUDIT), _is_asked_about())


def pick(free: Conditions, limit: BindParameter[int], reader: BindParameter[int], *, doubles: bool) -> Select[int]:
    """Select and lock what may be shown blind, what people ask before what is audited."""
    locked = [
        some.with_for_update(of=ImageTag, key_share=True, skip_locked=True).cte(name)
        for some, name in ((_opinions(free, limit, reader, doubles=doubles), "asked"), (_audits(free, limit), "audits"))
    ]
    both = union_all(*(select(some.c.object_id, literal(place).label("place")) for place, some in enumerate(locked)))
    in_turn = both.subquery()
    return select(in_turn.c.object_id).order_by(in_turn.c.place, in_turn.c.object_id).limit(limit)


def wait(free: Conditions, reader: BindParameter[int], *, doubles: bool) -> Select[bool]:
    """Select whether there is anything that may be shown blind."""
    asked, audited = _opinions(free, None, reader, doubles=doubles), _audits(free, None)
    return select(or_(asked.exists(), audited.exists()))


def _opinions(
    free: Conditions, limit: BindParameter[int] | None, reader: BindParameter[int], *, doubles: bool
) -> Select[int]:
    """Pick images that somebody else has sent to a colleague, or with `doubles` has decided and is read again."""
    tag, asked, first = ImageTag, SecondOpinion, aliased(Decision)
    sent = and_(asked.kind == "colleague", tag.source == "model")
    read_again = and_(asked.kind == "double", tag.version == first.seq)
    return (
        _images()
        .join(asked, asked.object_id == tag.object_id)
        .join(first, first.id == asked.first_id)
        .where(asked.second_id.is_(None), first.undone_at.is_(None), first.user_id != reader)
        .where(or_(sent, read_again) if doubles else sent, *free)
        .order_by(asked.object_id)
        .limit(limit)
    )


def _audits(free: Conditions, limit: BindParameter[int] | None) -> Select[int]:
    """Pick images that passed and were drawn for an audit."""
    return _images().where(is_audit(), ~_is_asked_about(), *free).order_by(ImageTag.object_id).limit(limit)


def _images() -> Select[int]:
    return select(ImageTag.object_id).join(SourceObject, SourceObject.id == ImageTag.object_id)


def _is_asked_about() -> ColumnElement[bool]:
    asked = aliased(SecondOpinion)
    return exists().where(asked.object_id == ImageTag.object_id, asked.second_id.is_(None))
