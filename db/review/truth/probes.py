"""Probes: settled images that are shown with a wrong category, to learn whether people look. None changes a tag."""

import random
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Row, func, insert, select, update
from sqlalchemy.orm import Session

from db.review.truth.sittings import Care
from db.schema import Decision, ImageTag, Probe, ReviewClaim, SourceObject
from db.schema.columns import table_of
from db.session import now, sql_now

TABLE = table_of(Probe)
Place = tuple[int, int]
"""A screen, and an image on it."""
_LOOKED_AT = 500
"""Decisions from a random one on, among which settled images are looked for."""


@dataclass(frozen=True, slots=True)
class Answer:
    """What somebody decided about an image on a screen, which may be a probe."""

    key: str
    screen_id: int
    object_id: int
    outcome: str
    category: str | None
    dwell_ms: int | None


@dataclass(frozen=True, slots=True)
class Checked:
    """An answered probe: as what it was shown, what it is, and whether that was noticed; None for a skip."""

    object_id: int
    shown: str
    truth: str
    found: bool | None


@dataclass(frozen=True, slots=True)
class Answered:
    """The keys of a batch that were answers to probes, now or before, and what each probe's first one came to."""

    new: dict[str, Checked | None]
    repeated: set[str]

    @property
    def checked(self) -> list[Checked]:
        return [checked for checked in self.new.values() if checked is not None]

    def note(self, key: str, checked: Checked | None, *, is_new: bool) -> None:
        if is_new:
            self.new.setdefault(key, checked)
        else:
            self.repeated.add(key)


def settled(
    session: Session, user_id: int, *, but: str | None, among: Collection[str] | None, limit: int
) -> list[tuple[int, str]]:
    """Draw images that people have settled, with their categories, none of them `but`, each one of `among` if given.

    What others decided comes first.
    """
    made, tag, image = Decision, ImageTag, SourceObject
    last = session.execute(select(func.max(made.id))).scalar_one() or 0
    start = random.randint(1, last) if last else 1  # noqa: S311 -- chance, not a secret
    claimed = select(ReviewClaim.object_id).where(ReviewClaim.expires_at > sql_now(session))
    statement = (
        select(made.object_id, tag.category, made.user_id)
        .join(tag, (tag.object_id == made.object_id) & (tag.version == made.seq))
        .join(image, image.id == made.object_id)
        .where(made.outcome == "category", made.undone_at.is_(None), image.gone_at.is_(None), tag.source == "human")
        .where(made.object_id.not_in(claimed), tag.category != ("" if but is None else but))
        .order_by(made.id)
        .limit(limit)
    )
    if among is not None:
        statement = statement.where(tag.category.in_(among))
    found = [*session.execute(statement.where(made.id.between(start, start + _LOOKED_AT)))]
    if len(found) < limit:
        found += [*session.execute(statement.where(made.id < start, made.id >= start - _LOOKED_AT))]
    found.sort(key=lambda row: row.user_id == user_id)
    return list({row.object_id: row.category for row in found}.items())[:limit]


def show(session: Session, screen_id: int, user_id: int, shown: Sequence[tuple[int, str, str]]) -> None:
    """Note the probes on a screen: image, the wrong category that is shown, and the true one."""
    fields = {"screen_id": screen_id, "user_id": user_id, "shown_at": now(session)}
    rows = [fields | {"object_id": id, "shown": wrong, "truth": truth} for id, wrong, truth in shown]
    if rows:
        session.execute(insert(TABLE), rows)


def answer(
    session: Session, care: Care, probes: Mapping[Place, Row[*tuple[Any, ...]]], answers: Sequence[Answer]
) -> Answered:
    """Record the answers to probes among these, each probe's first one; the rest of a batch is no probe."""
    result, keys = Answered({}, set()), dict[Place, str | None]()
    for given in answers:
        place = given.screen_id, given.object_id
        probe = probes.get(place)
        if probe is None:
            continue
        before = keys.setdefault(place, probe.key)
        if before is not None:
            result.note(given.key, None, is_new=before != given.key)
            continue
        found = None if given.outcome == "skip" else (given.outcome, given.category) != ("category", probe.shown)
        values: dict[str, Any] = {"key": given.key, "outcome": given.outcome, "category": given.category}
        values |= {"found": found, "dwell_ms": given.dwell_ms, "session_id": care.id, "answered_at": care.at}
        session.execute(update(TABLE).where(TABLE.c.id == probe.id, TABLE.c.key.is_(None)).values(values))
        keys[place] = given.key
        result.note(given.key, Checked(given.object_id, probe.shown, probe.truth, found), is_new=True)
    return result


def by_key(session: Session, user_id: int, key: str) -> Probe | None:
    """Return the probe that somebody answered with this key."""
    return session.execute(select(Probe).where(Probe.user_id == user_id, Probe.key == key)).scalar_one_or_none()


def on_screen(session: Session, user_id: int, screen_id: int) -> Sequence[Probe]:
    """List the probes that somebody has answered on a screen."""
    mine = Probe.user_id == user_id, Probe.screen_id == screen_id, Probe.key.is_not(None)
    return session.execute(select(Probe).where(*mine)).scalars().all()
