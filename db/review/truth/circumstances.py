"""Why an image was shown to somebody, and with what probability, which nobody can tell later."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any

from sqlalchemy import Row, Select, bindparam, select
from sqlalchemy.orm import Session

from db.review.truth import audit, opinions
from db.review.truth.audit import AUDIT
from db.review.truth.opinions import Asked
from db.review.truth.probes import TABLE as PROBES, Place
from db.schema import ReviewScreen


@dataclass(frozen=True, slots=True)
class Drawn:
    """Why an image was shown, with what probability it was drawn for that, and whether without a suggestion."""

    why: str
    probability: float | None
    blind: bool


@dataclass(frozen=True, slots=True)
class Circumstances:
    """What is known of the images of a batch before it is recorded."""

    user_id: int
    screens: set[int]
    asked: dict[int, Asked]
    audits: dict[int, float]
    probes: dict[Place, Row[*tuple[Any, ...]]]

    def drawn(self, screen_id: int | None, tag: Mapping[str, Any]) -> Drawn:
        """Tell why an image with this tag was shown; what was on no screen of this reviewer, he has found himself."""
        if screen_id not in self.screens:
            return Drawn("search", None, blind=False)
        asked = self.asked.get(tag["object_id"])
        if asked is not None and asked.is_for(self.user_id):
            return Drawn("colleague", asked.probability, blind=True)
        if tag["needs_review"] and tag["review_reason"] == AUDIT:
            return Drawn(AUDIT, self.audits.get(tag["object_id"]), blind=True)
        return Drawn("flag", 1.0, blind=False) if tag["needs_review"] else Drawn("search", None, blind=False)

    def is_second_reading(self, screen_id: int | None, object_id: int) -> bool:
        """Tell whether a decision is only compared with another one: the image was settled, and is read again."""
        asked = self.asked.get(object_id)
        is_his = asked is not None and asked.kind == "double" and asked.is_for(self.user_id)
        return is_his and screen_id in self.screens


def read(
    session: Session, user_id: int, tags: Mapping[int, Mapping[str, Any]], screen_ids: Collection[int]
) -> Circumstances:
    """Read the circumstances of the images with these tags, as far as they were on one of these screens."""
    rows = session.execute(_own(), {"reader": user_id, "ids": sorted(screen_ids)}).all() if screen_ids else ()
    probes = {(row.on_screen, row.object_id): row for row in rows if row.id is not None}
    audited = [object_id for object_id, tag in tags.items() if tag["needs_review"] and tag["review_reason"] == AUDIT]
    shares = audit.shares(session, audited) if audited else {}
    asked = opinions.open_of(session, tags) if tags else {}
    return Circumstances(user_id, {row.on_screen for row in rows}, asked, shares, probes)


@cache
def _own() -> Select[*tuple[Any, ...]]:
    """Select a reviewer's own among screens, each with its probes."""
    probe, screen = PROBES.c, ReviewScreen
    columns = probe.id, probe.object_id, probe.shown, probe.truth, probe.key
    both = select(screen.id.label("on_screen"), *columns).outerjoin(PROBES, probe.screen_id == screen.id)
    return both.where(screen.user_id == bindparam("reader"), screen.id.in_(bindparam("ids", expanding=True)))
