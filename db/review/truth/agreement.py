"""Agreement: what two people said of the same image, neither of whom knew the other's answer."""

from collections.abc import Sequence
from functools import cache
from typing import Any

from sqlalchemy import Integer, Row, Select, bindparam, func, select
from sqlalchemy.orm import Session, aliased

from db.schema import Decision, ImageTag, SecondOpinion, SourceObject, User


def pairs(session: Session) -> list[tuple[str, str, int]]:
    """Count the images that were read twice by what the first said and what the second said."""
    return [(said, heard, count) for said, heard, count in session.execute(_pairs())]


@cache
def _pairs() -> Select[str, str, int]:
    """Select such counts. To build a statement of aliases takes longer than to run it, so each is built once."""
    first, second = aliased(Decision), aliased(Decision)
    one, other = (func.coalesce(made.category, made.outcome) for made in (first, second))
    return (
        select(one, other, func.count())
        .join_from(SecondOpinion, first, first.id == SecondOpinion.first_id)
        .join(second, second.id == SecondOpinion.second_id)
        .where(SecondOpinion.kind == "double", first.undone_at.is_(None), second.undone_at.is_(None))
        .group_by(one, other)
    )


def unsettled(session: Session, limit: int = 50) -> Sequence[Row[*tuple[Any, ...]]]:
    """List the images on which two differ and whose tag is still the first's, the newest first."""
    return session.execute(_unsettled(), {"at_most": limit}).all()


@cache
def _unsettled() -> Select[*tuple[Any, ...]]:
    first, second, one, other = aliased(Decision), aliased(Decision), aliased(User), aliased(User)
    return (
        select(
            *(SecondOpinion.object_id, SourceObject.key, one.name.label("first"), other.name.label("second")),
            func.coalesce(first.category, first.outcome).label("first_said"),
            func.coalesce(second.category, second.outcome).label("second_said"),
        )
        .join_from(SecondOpinion, first, first.id == SecondOpinion.first_id)
        .join(second, second.id == SecondOpinion.second_id)
        .join(ImageTag, (ImageTag.object_id == SecondOpinion.object_id) & (ImageTag.version == first.seq))
        .join(SourceObject, SourceObject.id == SecondOpinion.object_id)
        .join(one, one.id == first.user_id)
        .join(other, other.id == second.user_id)
        .where(SecondOpinion.agreed.is_(False), first.undone_at.is_(None), second.undone_at.is_(None))
        .where(SourceObject.gone_at.is_(None))
        .order_by(SecondOpinion.id.desc())
        .limit(bindparam("at_most", type_=Integer()))
    )
