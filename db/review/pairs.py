"""Pairs of categories that the model takes for one another, as people's corrections tell."""

from collections import Counter
from dataclasses import dataclass

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from db.schema import Decision, ImageTag

RECENT = 20_000
"""Decisions that are counted; the last ones, so that a count costs the same however many there are."""


@dataclass(frozen=True, slots=True)
class Pair:
    """Two categories, and how many of the last decisions corrected one of them into the other."""

    first: str
    second: str
    corrections: int


def confused(session: Session) -> list[Pair]:
    """List the pairs of categories that people corrected into one another, the most frequent first."""
    made = Decision
    last: int = session.execute(select(func.coalesce(func.max(made.id), 0))).scalar_one()
    suggested, category = func.coalesce(made.suggested, ""), func.coalesce(made.category, "")
    statement = (
        select(suggested, category, func.count())
        .where(made.id > last - RECENT, made.outcome == "category", made.undone_at.is_(None))
        .where(made.suggested != made.category, made.suggested != "")
        .group_by(suggested, category)
    )
    counts: Counter[tuple[str, str]] = Counter()
    for one, other, count in session.execute(statement):
        counts[min(one, other), max(one, other)] += count
    ordered = sorted(counts.items(), key=lambda found: (-found[1], found[0]))
    return [Pair(*pair, count) for pair, count in ordered]


def waits(session: Session, *categories: str) -> bool:
    """Tell whether an image of any of these categories waits for review."""
    flagged = select(ImageTag.object_id).where(ImageTag.needs_review)
    return any(session.execute(flagged.where(ImageTag.category == name).limit(1)).first() for name in categories)
