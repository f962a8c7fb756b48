"""Second opinions: asked of a colleague, or drawn by chance, and closed by whoever gives one."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any

from sqlalchemy import Select, bindparam, delete, select, update
from sqlalchemy.orm import Session

from db.review.truth.audit import is_drawn
from db.schema import Decision, SecondOpinion
from db.schema.columns import table_of
from db.session import upsert
from db.tags import TAGS

TABLE = table_of(SecondOpinion)
_FIELDS = tuple(TAGS.c.keys())


@dataclass(frozen=True, slots=True)
class Asked:
    """An image that waits for a second opinion, and what the first said of it."""

    id: int
    kind: str
    probability: float | None
    user_id: int
    answer: tuple[str, str | None]

    def is_for(self, user_id: int) -> bool:
        """Tell whether this reviewer's opinion is a second one."""
        return self.user_id != user_id


def with_tags(session: Session, object_ids: Collection[int]) -> tuple[dict[int, dict[str, Any]], dict[int, Asked]]:
    """Return by image its tag as it is now, and what is asked about it and not answered."""
    tags: dict[int, dict[str, Any]] = {}
    asked: dict[int, Asked] = {}
    for row in session.execute(_tags_and_open(), {"ids": sorted(object_ids)}):
        tag = dict(zip(_FIELDS, row, strict=False))
        tags[tag["object_id"]] = tag
        id, kind, probability, user_id, outcome, category = row[len(_FIELDS) :]
        if id is not None:
            asked[tag["object_id"]] = Asked(id, kind, probability, user_id, (outcome, category))
    return tags, asked


@cache
def _tags_and_open() -> Select[*tuple[Any, ...]]:
    first, asked = Decision, SecondOpinion
    columns = asked.object_id, asked.id, asked.kind, asked.probability, first.user_id, first.outcome, first.category
    joined = select(*columns).join(first, first.id == asked.first_id)
    opened = joined.where(asked.second_id.is_(None), first.undone_at.is_(None)).subquery()
    both = select(TAGS, *opened.c[1:]).outerjoin(opened, opened.c.object_id == TAGS.c.object_id)
    return both.where(TAGS.c.object_id.in_(bindparam("ids", expanding=True)))


def ask_colleagues(session: Session, firsts: Mapping[int, int]) -> None:
    """Send images to colleagues, by the decision that left each to them."""
    _ask(session, "colleague", firsts, None)


def draw_doubles(session: Session, firsts: Mapping[int, int], share: float) -> None:
    """Let a share of what was just decided be read again by somebody else: always the same images."""
    drawn = {object_id: first for object_id, first in firsts.items() if is_drawn("double", str(object_id), share)}
    _ask(session, "double", drawn, share)


def close(session: Session, asked: Asked, second_id: int, answer: tuple[str, str | None]) -> None:
    """Note the decision that answers; of a double also whether the two agree."""
    agreed = answer == asked.answer if asked.kind == "double" else None
    closing = update(TABLE).where(TABLE.c.id == asked.id, TABLE.c.second_id.is_(None))
    session.execute(closing.values(second_id=second_id, agreed=agreed))


def undone(session: Session, decision_ids: Collection[int]) -> None:
    """Forget what was asked by decisions that are undone, and ask again what they had answered."""
    these = sorted(decision_ids)
    session.execute(delete(TABLE).where(TABLE.c.first_id.in_(these), TABLE.c.second_id.is_(None)))
    others = select(TABLE.c.object_id).where(TABLE.c.second_id.is_(None))
    answered = update(TABLE).where(TABLE.c.second_id.in_(these), TABLE.c.object_id.not_in(others))
    session.execute(answered.values(second_id=None, agreed=None))


def _ask(session: Session, kind: str, firsts: Mapping[int, int], probability: float | None) -> None:
    rows = [
        {"object_id": object_id, "kind": kind, "probability": probability, "first_id": first}
        for object_id, first in sorted(firsts.items())
    ]
    if rows:
        session.execute(upsert(session, TABLE).on_conflict_do_nothing(), rows)
